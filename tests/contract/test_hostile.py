"""Hostile inputs: only our own errors appear, and no row is lost uncounted."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.contract import hostile

SPECS = [
    tfp.GrowthAccounting(capital_share=0.4),
    tfp.GrowthAccounting.vietnam(0.4),
    tfp.GrowthAccounting(
        growth="discrete",
        capital_share=0.4,
        input_index="geometric",
        residual="ratio",
        invalid="missing",
        accept=("unit_switch",),
    ),
]
VALUES = [
    *(0, -1, np.nan, np.inf, -np.inf, 1e308, 5e-324, 1e-300),
    *("x", "1.5", None, True, 2**70),
]
IDS = [
    *("", " ", "<script>", "=cmd", "Hạ\u0301", "a" * 10_000),
    *(3, 3.5, np.nan, None, np.inf, ("t", 1), b"b"),
]
TIMES = [
    *(2002.5, "2002", "x", None, np.nan, -5, 2**62, np.inf),
    *(pd.Timestamp("2002-01-01"), "2002Q1", True),
]
TYPES = [
    *("float32", "int8", "uint64", "Float64", "int64", "complex128", "string", "category"),
    *("datetime64[ns]", "timedelta64[ns]", "bool"),
]


def base() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    columns = {"id": ["A"] * 5 + ["B"] * 5, "year": [*range(2000, 2005)] * 2}
    return pd.DataFrame({**columns, **{c: rng.uniform(1, 2, 10) for c in "ykl"}})


def planted(column: str, value: object) -> list[pd.DataFrame]:
    one = base().astype({column: object})
    one.at[3, column] = value
    return [one, base().assign(**{column: pd.Series([value] * 10)})]


def everything(frame: pd.DataFrame) -> None:
    panel = tfp.Panel.from_frame(
        frame, entity="id", time="year", output="y", capital="k", labor="l"
    )
    findings = panel.check()
    findings.to_frame()
    assert str(findings)
    assert "<script>" not in findings._repr_html_()
    for spec in SPECS:
        try:
            res = spec.fit(panel)
        except tfp.TFPError as error:
            assert error.code  # noqa: PT017  most of these are expected to fail
            continue
        assert res.sample.balanced
        assert res.sample.rows == len(frame)
        res.to_frame(reasons=True)
        res.periods(incomplete="available")
        res.sensitivity([0.3])
        res.index().to_frame()
        res.tidy()
        assert str(res)
        assert "<script>" not in res._repr_html_()
        json.dumps(res.to_dict(), allow_nan=False)


def try_all(frame: pd.DataFrame) -> None:
    try:
        everything(frame)
    except tfp.TFPError as error:
        assert str(error)  # noqa: PT017


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("column", ["y", "k", "l"])
def test_values(column, value):
    for frame in planted(column, value):
        try_all(frame)


@pytest.mark.parametrize("value", IDS, ids=lambda v: repr(v)[:12])
def test_ids(value):
    for frame in planted("id", value):
        try_all(frame)


@pytest.mark.parametrize("value", TIMES, ids=repr)
def test_times(value):
    for frame in planted("year", value):
        try_all(frame)


@pytest.mark.parametrize("kind", TYPES)
def test_types(kind):
    frame = base()
    try:
        frame["k"] = frame["k"].astype(kind)
    except (TypeError, ValueError):
        frame["k"] = pd.Series(range(10)).astype("int64").astype(kind)
    try_all(frame)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.iloc[:0],
        lambda f: f.iloc[:1],
        lambda f: f[f.year == 2000],
        lambda f: pd.concat([f, f]),
        lambda f: f.set_index("id", drop=False),
        lambda f: f.rename(columns={"l": "y"}),
        lambda f: f.drop(columns="k"),
        lambda f: f.assign(k=np.nan),
    ],
)
def test_shapes(change):
    try_all(change(base()))


def spoiled(first: int, count: int) -> None:
    """Try generated cases: a number names its case, so that a failure can be looked at."""
    wrong = {
        str(found): said
        for found in hostile.cases(first, count)
        if (said := hostile.outcome(found)) not in ("fitted", "refused")
    }
    assert wrong == {}


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_generated_tables(first):
    spoiled(first, 100)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100_000, 112_000, 1_000))
def test_twelve_thousand_generated_tables(first):
    spoiled(first, 1_000)
