"""OP, LP and ACF over partitions give the estimates that they give in memory."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.scale.sequential import PARTITIONS, close, run
from tfp_index.errors import DataError, EstimationError, SpecificationError, TFPWarning
from tfp_index.scale.programs.two_stage import two_stage

# estimates from the same sums taken in another order; a root is found to 1e-9 of its unit
ESTIMATES = 1e-9
# errors are quadratic forms in scores, and sums of products of high powers cancel
ERRORS = 1e-7

ROLES = {
    "entity": "enterprise", "time": "year", "output": "output", "capital": "capital",
    "labor": "labor", "materials": "materials", "investment": "investment",
    "groups": {"industry": "industry", "district": "district"},
    "columns": {"age": "age"},
}  # fmt: skip

SPECS = {
    "lp": tfp.LevinsohnPetrin(),
    "acf": tfp.AckerbergCavesFrazer(),
    "translog": tfp.AckerbergCavesFrazer(form="translog", se=None),
    "op": tfp.OlleyPakes(invalid="missing", controls=("time", "age"), law_controls=("district",)),
    "by": tfp.AckerbergCavesFrazer(by="industry", controls=("time",)),
}


@pytest.fixture(scope="module")
def frame():
    """A small province with missing inputs, and industries of very different size."""
    sim = tfp.datasets.simulate.province(enterprises=500, periods=6, rng=1)
    table = sim.frame("pandas")
    rng = np.random.default_rng(2)
    table["age"] = table["year"] - table["entry_year"] + rng.normal(0, 0.1, len(table))
    table.loc[rng.random(len(table)) < 0.02, "labor"] = np.nan
    return table.sample(frac=1.0, random_state=3).reset_index(drop=True)


def quiet(work):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TFPWarning)
        return work(), [str(w.message) for w in caught]


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("name", SPECS)
def test_estimates_equal_those_in_memory(frame, name, partitions):
    spec = SPECS[name]
    memory, said = quiet(lambda: spec.fit(tfp.Panel.from_frame(frame, **ROLES)))
    written: dict = {}
    parts, said_too = quiet(lambda: run(two_stage, spec, frame, ROLES, partitions, written))
    assert len(said) == len(said_too)
    assert parts.sample.to_dict() == memory.sample.to_dict()
    exact = partitions == 1
    for ours, theirs in zip(_fits(parts), _fits(memory), strict=True):
        assert ours.params.names == theirs.params.names
        close(np.asarray(ours.params), np.asarray(theirs.params), 0.0 if exact else ESTIMATES)
        close(ours.cov_params, theirs.cov_params, 0.0 if exact else ERRORS, "covariance")
        assert ours.choice == theirs.choice
        assert len(ours.roots) == len(theirs.roots)
    if spec.by is not None:
        assert parts.failed.rows() == memory.failed.rows()
        assert list(parts) == list(memory)
        assert parts["C"].params.names == memory["C"].params.names
    keys = ["enterprise", "year"]
    rows = pd.concat(written["productivity"]).sort_values(keys).reset_index(drop=True)
    for held in (memory.productivity, memory.fitted):
        wanted = held.to_frame().sort_values(keys).reset_index(drop=True)
        for column in held.values:
            close(rows[column].to_numpy(), wanted[column].to_numpy(), 0.0 if exact else ESTIMATES)
    wanted = memory.elasticities_by_row.to_frame().sort_values(keys).reset_index(drop=True)
    close(rows["capital_elasticity"].to_numpy(), wanted["capital"].to_numpy(), ESTIMATES)


def _fits(result):
    return result.fits if hasattr(result, "fits") else [result]


def test_a_result_without_rows_still_reports(frame):
    parts, _ = quiet(lambda: run(two_stage, SPECS["acf"], frame, ROLES, 3))
    assert "spread over rows" in parts.elasticities.notes[0]
    assert parts.summary()
    assert parts.to_dict()["roots"]
    assert parts.glance()
    with pytest.raises(DataError, match="'productivity'") as caught:
        parts.productivity.to_frame()
    assert caught.value.code == "rows_elsewhere"
    by, _ = quiet(lambda: run(two_stage, SPECS["by"], frame, ROLES, 3))
    assert by.summary()
    assert by["B"].summary()
    with pytest.raises(DataError, match="'productivity'"):
        by["B"].productivity["productivity"]


@pytest.mark.parametrize(
    ("spec", "option"),
    [
        (tfp.AckerbergCavesFrazer(se=tfp.Bootstrap(reps=10)), "bootstrap"),
        (tfp.OlleyPakes(survival=True), "survival"),
    ],
)
def test_what_needs_all_rows_is_refused(frame, spec, option):
    with pytest.raises(SpecificationError, match=option) as caught:
        run(two_stage, spec, frame, ROLES, 2)
    assert caught.value.code == "not_partitioned"


def test_faults_are_named_as_in_memory(frame):
    zero = frame.copy()
    zero.loc[40, "materials"] = 0.0
    flat = frame.copy()
    flat["capital"] = 2.0 * flat["labor"]
    empty = frame.assign(materials=np.nan)
    twice = pd.concat([frame, frame.iloc[[5]]])
    for table, kind in (
        (zero, DataError), (flat, EstimationError), (empty, EstimationError), (twice, DataError),
    ):  # fmt: skip
        seen = []
        for fit in (
            lambda table=table: SPECS["acf"].fit(tfp.Panel.from_frame(table, **ROLES)),
            lambda table=table: run(two_stage, SPECS["acf"], table, ROLES, 7),
        ):
            with pytest.raises(kind) as caught:
                fit()
            seen.append((caught.value.code, caught.value.column, caught.value.entity))
        assert seen[0] == seen[1]


def test_partitions_without_a_complete_row(frame):
    """All but one industry without materials: many partitions have nothing to add."""
    table = frame.copy()
    table.loc[table["industry"] != "G", "materials"] = np.nan
    spec = tfp.LevinsohnPetrin(by="industry", basis_degree=2)
    memory, _ = quiet(lambda: spec.fit(tfp.Panel.from_frame(table, **ROLES)))
    parts, _ = quiet(lambda: run(two_stage, spec, table, ROLES, 64))
    assert list(parts) == list(memory) == ["G"]
    close(np.asarray(parts["G"].params), np.asarray(memory["G"].params), ESTIMATES)
    assert parts.sample.to_dict() == memory.sample.to_dict()
