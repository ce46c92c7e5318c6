"""Memory of the one-step and share estimators: outputs, and blocks that do not grow with the rows.

The benchmark ``bench_one_step`` measures the same at a million rows in a process of its own.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tfp_index as tfp
from benchmarks._harness import MB, peak_allocated
from benchmarks.bench_one_step import SPECS, frame_of, panel_of, quiet, size_of

ROWS = 400_000
"""So many that a matrix of terms outweighs the blocks in work by some megabytes."""

TERMS = {
    "Wooldridge, two steps": 6,
    "Wooldridge, one equation": 6,
    "GNR of degree 3, all roots, clustered": 9,
}
"""Columns of the smallest matrix of terms that a fit could keep: two variables of degree 2, and
the second stage's two variables of degree 3 without the constant."""


def _outputs(fit):
    tables = [fit.productivity, fit.elasticities_by_row, getattr(fit, "fitted", None)]
    columns = [c for t in tables if t is not None for c in t.values.values()]
    owned = {id(c): c.nbytes for c in columns if c.strides != (0,)}
    return sum(owned.values()) / MB


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_no_column_of_terms_is_kept(name):
    panel = panel_of(ROWS)
    quiet(SPECS[name], panel_of(2_000))  # imports
    fit, peak = peak_allocated(lambda: quiet(SPECS[name], panel))
    assert peak - _outputs(fit) < TERMS[name] * ROWS * 8 / MB
    assert peak <= 4 * size_of(panel)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_levels_and_gaps_stay_within_four_panels(name):
    """Logs are new columns here, complete rows are copies, and outputs are spread over all rows."""
    frame, roles = frame_of(ROWS)
    for column in ("output", "labor", "capital", "materials", "share"):
        frame[column] = np.exp(frame[column])
    frame.loc[frame.index % 20 == 0, "labor"] = np.nan
    panel = tfp.Panel.from_frame(frame, **{**roles, "logs": False})
    quiet(SPECS[name], panel_of(2_000))
    _, peak = peak_allocated(lambda: quiet(SPECS[name], panel))
    assert peak <= 4 * size_of(panel)


def test_constant_elasticities_take_one_cell_each():
    panel = panel_of(2_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tfp.TFPWarning)
        fit = tfp.Wooldridge().fit(panel)
    column = fit.elasticities_by_row["labor"]
    assert column.shape == (panel.n_rows,)
    assert column.strides == (0,)
    assert column[0] == column[-1] == fit.params["labor"]
    frame = fit.elasticities_by_row.to_frame()
    assert (frame["capital"] == fit.params["capital"]).all()
    frame["capital"] = frame["capital"] + 1.0  # the caller's frame is his own
    assert fit.elasticities_by_row["capital"][0] == fit.params["capital"]
