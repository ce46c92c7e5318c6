"""Hostile figures: only our own errors appear, and no row is lost uncounted."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tfp_index as tfp
from tests.contract.examples import EXAMPLES

VALUES = [0.0, -1.0, np.nan, np.inf, 5e-324, 1e99, 1e-99]
PERMISSIVE = {
    "PerpetualInventory": [
        {"invalid": "missing", "gaps": gaps} for gaps in ("missing", "zero", "interpolate")
    ],
    "CapitalServices": [
        {"negative": negative, "missing": "missing", "matched": "only"}
        for negative in ("error", "floor", "smooth")
    ],
    "LaborServices": [{"missing": "missing", "matched": "only"}],
    "HumanCapital": [],
    "LaborShare": [{"invalid": "missing"}, {"invalid": "keep"}],
    "Deflation": [{"missing": "missing"}],
    "Rebasing": [],
    "Splicing": [{"missing": "missing"}],
    "BreakRepair": [{"before": "index"}],
}
CASES = [
    pytest.param(example, options, id=f"{name}-{k}-{'-'.join(map(str, options.values()))}")
    for name, variants in PERMISSIVE.items()
    for k, example in enumerate(EXAMPLES[name])
    for options in ({}, *variants)
]


def used_columns(example):
    roles = {k: v for k, v in example.roles.items() if k not in ("entity", "time", "item")}
    return {*roles.pop("columns", {}).values(), *roles.values()}


@pytest.mark.parametrize(("example", "options"), CASES)
def test_any_figure_gives_a_result_or_one_of_our_errors(example, options):
    spec = type(example.spec)(**{**vars(example.spec), **options})
    for column in sorted(used_columns(example)):
        for value in VALUES:
            for rows in ([3], slice(None)):
                frame = example.frame.copy()
                frame.loc[rows, column] = value
                panel = tfp.Panel.from_frame(frame, **example.roles)
                try:
                    out = spec.fit(panel)
                except tfp.DataError as error:
                    assert error.code  # noqa: PT017  most of these are expected to fail
                    continue
                assert out.sample.balanced
                assert out.sample.rows == len(frame)
                out.to_frame()
                out.tidy()
                json.dumps(out.to_dict(), allow_nan=False)
