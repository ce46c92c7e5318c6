"""Growth accounts over partitions equal those in memory, row by row and in sum."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.scale.sequential import PARTITIONS, close, run, same
from tfp_index.errors import DataError
from tfp_index.scale.programs.accounting import accounting

# sums of some thousand numbers of order one, taken in another order
OTHER_ORDER = 1e-12

ROLES = {
    "entity": "enterprise", "time": "year", "output": "output", "capital": "capital",
    "labor": "labor", "labor_share": "share",
    "groups": {"industry": "industry", "district": "district"},
}  # fmt: skip
SPECS = {
    "average": tfp.GrowthAccounting(),
    "vietnam": tfp.GrowthAccounting.vietnam(capital_share={2015: 0.4, 2018: 0.45}),
    "geometric": tfp.GrowthAccounting(
        growth="discrete", input_index="geometric", residual="ratio", capital_share=0.4,
        invalid="missing",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def frame():
    """A small province with gaps, missing values, jumps and an enterprise seen once."""
    table = tfp.datasets.simulate.province(enterprises=120, periods=6, rng=1).frame("pandas")
    rng = np.random.default_rng(2)
    table["share"] = rng.uniform(0.5, 0.7, len(table))
    table.loc[rng.random(len(table)) < 0.03, "capital"] = np.nan
    table = table[rng.random(len(table)) > 0.04]
    table.loc[table.index[::97], "labor"] *= 9.0
    table.loc[table.index[50], "output"] /= 5.0
    table["industry"] = table["industry"].astype(object)
    table.loc[table.index[::31], "industry"] = None
    return table.sample(frac=1.0, random_state=3).reset_index(drop=True)


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("name", SPECS)
def test_accounts_add_up_over_partitions(frame, name, partitions):
    spec, table = SPECS[name], frame
    if name == "geometric":
        table = frame.copy()
        table.loc[[3, 90, 200], "labor"] = [0.0, -1.0, np.inf]
    memory = spec.fit(tfp.Panel.from_frame(table, **ROLES))
    written: dict = {}
    totals = run(accounting, spec, table, ROLES, partitions, written, periods=[(2015, 2018)])
    same(totals.glance(), memory.glance(), 0.0 if partitions == 1 else OTHER_ORDER)
    assert totals.sample.to_dict() == memory.sample.to_dict()
    assert totals.sample.balanced
    assert any("jump" in note for note in totals.sample.notes)
    keys = ["enterprise", "year"]
    rows = pd.concat(written["growth"]).sort_values(keys).reset_index(drop=True)
    ours = memory.to_frame(reasons=True).sort_values(keys).reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, ours, check_exact=True, check_dtype=False)
    spans = pd.concat(written["periods"]).sort_values("entity").reset_index(drop=True)
    wanted = memory.periods([(2015, 2018)]).to_frame()
    wanted = wanted.sort_values("entity").reset_index(drop=True)
    pd.testing.assert_frame_equal(spans, wanted, check_exact=True, check_dtype=False)
    by_row = ours.merge(table[[*keys, "industry"]], on=keys)
    done = by_row[by_row["reason"] == ""]
    means = done.groupby(["industry", "year"])["tfp_growth"].mean()
    close(totals.by_period("industry")["tfp_growth"], means.to_numpy(), OTHER_ORDER)
    means = done.groupby("year")["output_growth"].mean()
    close(totals.by_period()["output_growth"], means.to_numpy(), OTHER_ORDER)
    assert set(totals.tidy()["component"]) == {"capital", "labor", "tfp"}
    assert totals.to_dict()["by_district"]["columns"]["rows"]


def test_rows_are_in_the_dataset(frame):
    totals = run(accounting, SPECS["average"], frame, ROLES, 2)
    with pytest.raises(DataError, match="'growth'") as caught:
        totals.to_frame()
    assert caught.value.code == "rows_elsewhere"
    with pytest.raises(DataError, match="'periods'"):
        totals.periods()
    with pytest.raises(DataError, match="no grouping"):
        totals.by_period("x")


@pytest.mark.parametrize("fault", ["zero", "share", "duplicate", "unit"])
def test_faults_are_named_as_in_memory(frame, fault):
    table = frame.sort_values(["enterprise", "year"]).reset_index(drop=True)
    if fault == "zero":
        table.loc[11, "output"] = 0.0
    elif fault == "share":
        table.loc[11, "share"] = 1.2
    elif fault == "duplicate":
        table = pd.concat([table, table.iloc[[4]]])
    else:
        whole = table.groupby("enterprise")["year"].transform("count") == 6
        row = table.index[whole][2]
        table.loc[row - 1 : row + 1, "output"] = [50.0, 50_000.0, 51.0]
    seen = []
    for fit in (
        lambda: SPECS["average"].fit(tfp.Panel.from_frame(table, **ROLES)),
        lambda: run(accounting, SPECS["average"], table, ROLES, 7),
    ):
        with pytest.raises(DataError) as caught:
            fit()
        error = caught.value
        seen.append((error.code, error.column, error.entity, error.time))
    assert seen[0] == seen[1]
