"""The same digits, row order and frame type from four frame libraries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")
duckdb = pytest.importorskip("duckdb")


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(3)
    n = 300
    data = pd.DataFrame(
        {
            "xã": rng.permutation(np.repeat([f"Xã số {i}" for i in range(30)], 10)),
            "y": np.exp(rng.normal(size=n)),
            "k": np.exp(rng.normal(size=n)),
            "l": np.exp(rng.normal(size=n)),
            "s": rng.uniform(0.3, 0.7, n),
        }
    )
    data["năm"] = 2000 + data.groupby("xã").cumcount()
    data.loc[5, "k"] = np.nan
    return data


MAKERS = {
    "pandas": lambda df: df,
    "polars": lambda df: pl.from_pandas(df),
    "polars_lazy": lambda df: pl.from_pandas(df).lazy(),
    "pyarrow": lambda df: pa.Table.from_pandas(df, preserve_index=False),
    "duckdb": lambda df: duckdb.from_df(df),
    "mapping": lambda df: {c: df[c].to_numpy() for c in df.columns},
}


def fit(data):
    panel = tfp.Panel.from_frame(
        data, entity="xã", time="năm", output="y", capital="k", labor="l", labor_share="s"
    )
    return panel, tfp.GrowthAccounting().fit(panel)


@pytest.mark.parametrize("library", MAKERS)
def test_digits_order_and_type(frame, library):
    reference_panel, reference = fit(frame)
    panel, result = fit(MAKERS[library](frame))
    assert panel.fingerprint == reference_panel.fingerprint
    out = result.to_frame()
    backend = {"polars_lazy": "polars", "mapping": "pandas"}.get(library, library)
    root = {"pandas": "pandas", "polars": "polars", "pyarrow": "pyarrow", "duckdb": "duckdb"}
    assert type(out).__module__.split(".")[0].lstrip("_") == root[backend]
    as_pandas = out if backend == "pandas" else out.to_pandas() if backend != "duckdb" else out.df()
    pd.testing.assert_frame_equal(
        as_pandas, reference.to_frame(), check_exact=True, check_dtype=False
    )


def test_an_arrow_stream_is_enough(frame):
    class Stream:
        def __init__(self, table):
            self._table = table

        def __arrow_c_stream__(self, requested_schema=None):
            return self._table.__arrow_c_stream__(requested_schema)

    panel, _ = fit(Stream(pa.Table.from_pandas(frame, preserve_index=False)))
    assert panel.fingerprint == fit(frame)[0].fingerprint


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow", "duckdb"])
def test_tables_in_any_library(frame, backend):
    table = fit(frame)[1].periods([(2000, 2005)])
    assert len(table.to_frame(backend)) == 30
