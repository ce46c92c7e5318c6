"""Least squares over partitions give the estimates that they give in memory."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.scale.sequential import PARTITIONS, close, run, same
from tfp_index.errors import DataError, EstimationError, SpecificationError
from tfp_index.scale.programs.least_squares import least_squares

# normal equations about means against an orthogonal factor of the rows
ESTIMATES = 1e-9
# quadratic forms in scores of these estimates
ERRORS = 1e-8

ROLES = {
    "entity": "enterprise", "time": "year", "output": "output", "capital": "capital",
    "labor": "labor", "columns": {"age": "age"},
}  # fmt: skip
SPECS = {
    "pooled": tfp.CobbDouglas(cov="clustered", controls=("age",)),
    "entity": tfp.CobbDouglas(effects="entity", cov="clustered"),
    "differences": tfp.CobbDouglas(effects="first_difference", cov="clustered"),
    "robust": tfp.CobbDouglas(returns="constant"),
    "translog": tfp.Translog(cov="clustered"),
    "translog entity": tfp.Translog(effects="entity", cov="classical"),
}


@pytest.fixture(scope="module")
def frame():
    """A small province with missing inputs, and firms that are seen once."""
    table = tfp.datasets.simulate.province(enterprises=200, periods=6, rng=1).frame("pandas")
    rng = np.random.default_rng(2)
    table["age"] = rng.normal(10, 3, len(table))
    table.loc[rng.random(len(table)) < 0.03, "labor"] = np.nan
    table.loc[table["enterprise"].isin(table["enterprise"].unique()[:9]), "capital"] = np.nan
    return table.sample(frac=1.0, random_state=3).reset_index(drop=True)


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("name", SPECS)
def test_estimates_equal_those_in_memory(frame, name, partitions):
    spec = SPECS[name]
    memory = spec.fit(tfp.Panel.from_frame(frame, **ROLES))
    written: dict = {}
    parts = run(least_squares, spec, frame, ROLES, partitions, written)
    assert parts.params.names == memory.params.names
    close(np.asarray(parts.params), np.asarray(memory.params), ESTIMATES)
    close(parts.cov_params, memory.cov_params, ERRORS)
    assert parts.dof == memory.dof
    for figure, value in memory.details.items():
        assert parts.details[figure] == pytest.approx(value, rel=ESTIMATES), figure
    close(np.asarray(parts.elasticity_mean), np.asarray(memory.elasticity_mean), ESTIMATES)
    assert parts.returns_to_scale.std_error == pytest.approx(
        memory.returns_to_scale.std_error, rel=ERRORS, abs=1e-12
    )
    assert parts.sample.to_dict() == memory.sample.to_dict()
    assert parts.summary()
    keys = ["enterprise", "year"]
    rows = pd.concat(written["productivity"]).sort_values(keys).reset_index(drop=True)
    for held in (memory.productivity, memory.effects):
        wanted = held.to_frame().sort_values(keys).reset_index(drop=True)
        for column in held.values:
            close(rows[column].to_numpy(), wanted[column].to_numpy(), ESTIMATES, column)
    wanted = memory.elasticities_by_row.to_frame().sort_values(keys).reset_index(drop=True)
    close(rows["capital_elasticity"].to_numpy(), wanted["capital"].to_numpy(), ESTIMATES)
    with pytest.raises(DataError, match="'productivity'"):
        parts.productivity.to_frame()


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize(
    "spec",
    [
        tfp.CobbDouglas(by="industry", cov="clustered", effects="entity"),
        tfp.Translog(by="industry", cov="clustered"),
    ],
)
def test_groups_equal_those_in_memory(frame, spec, partitions):
    roles = {**ROLES, "groups": {"industry": "industry"}}
    table = frame.copy()
    table["industry"] = table["industry"].astype(object)
    table.loc[table.index[::41], "industry"] = None
    table.loc[table["industry"] == "D", "labor"] = 3.0
    quiet = warnings.catch_warnings()
    with quiet:
        warnings.simplefilter("ignore")
        memory = spec.fit(tfp.Panel.from_frame(table, **roles))
        written: dict = {}
        parts = run(least_squares, spec, table, roles, partitions, written)
    assert list(parts) == list(memory)
    assert "D" not in parts
    for column in ("group", "rows", "firms", "code"):
        assert parts.failed[column].tolist() == memory.failed[column].tolist()
    assert parts.sample.to_dict() == memory.sample.to_dict()
    same(parts.tidy(), memory.tidy(), ERRORS)
    same(parts.glance(), memory.glance(), ERRORS)
    assert parts["G"].params.names == memory["G"].params.names
    assert parts["G"].sample.to_dict() == memory["G"].sample.to_dict()
    keys = ["enterprise", "year"]
    rows = pd.concat(written["productivity"]).sort_values(keys).reset_index(drop=True)
    wanted = memory.productivity.to_frame().sort_values(keys).reset_index(drop=True)
    close(rows["productivity"].to_numpy(), wanted["productivity"].to_numpy(), ESTIMATES)
    with pytest.raises(DataError, match="'productivity'"):
        parts.productivity.to_frame()


@pytest.mark.parametrize(
    "spec",
    [
        tfp.CobbDouglas(effects="time"),
        tfp.CobbDouglas(effects="random"),
        tfp.CobbDouglas(cov="two_way_clustered"),
    ],
)
def test_what_ties_partitions_together_is_refused(frame, spec):
    with pytest.raises(SpecificationError) as caught:
        run(least_squares, spec, frame, ROLES, 2)
    assert caught.value.code == "not_partitioned"


def test_faults_are_named_as_in_memory(frame):
    zero = frame.copy()
    zero.loc[40, "capital"] = 0.0
    flat = frame.assign(capital=2.0 * frame["labor"])
    empty = frame.assign(capital=np.nan)
    for table, kind in ((zero, DataError), (flat, EstimationError), (empty, EstimationError)):
        seen = []
        for fit in (
            lambda table=table: SPECS["pooled"].fit(tfp.Panel.from_frame(table, **ROLES)),
            lambda table=table: run(least_squares, SPECS["pooled"], table, ROLES, 7),
        ):
            with pytest.raises(kind) as caught, warnings.catch_warnings():
                fit()
            seen.append((caught.value.code, caught.value.column, caught.value.entity))
        assert seen[0] == seen[1]
