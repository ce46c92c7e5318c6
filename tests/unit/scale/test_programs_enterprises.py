"""Indicators of enterprises over partitions equal those in memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.scale.sequential import PARTITIONS, close, run
from tfp_index.errors import DataError, SpecificationError
from tfp_index.scale.programs.enterprises import EnterpriseIndicators, enterprises

# sums of some thousand numbers, taken in another order
OTHER_ORDER = 1e-12

ITEMS = ("net_revenue", "labor_cost", "depreciation", "interest", "profit_before_tax",
         "total_output", "materials_and_services", "employees", "insured_workers",
         "fixed_assets", "total_assets")  # fmt: skip
ROLES = {
    "entity": "mã", "time": "year", "columns": {name: name for name in ITEMS},
    "groups": {"sector": "ngành", "industry": "vsic"},
}  # fmt: skip


SECTORS = ["Công nghiệp và xây dựng", "Thương mại và dịch vụ"]


@pytest.fixture(scope="module")
def frame():
    """Invented enterprises, some without an item or a sector."""
    rng = np.random.default_rng(5)
    n, years = 90, 3
    table = pd.DataFrame({
        "mã": np.repeat([f"DN-{i:03d} Đông" for i in range(n)], years),
        "year": np.tile([2021, 2022, 2023], n),
        "ngành": np.repeat(rng.choice(SECTORS, n), years),
        "vsic": np.repeat(rng.choice(["C", "G"], n), years),
    })  # fmt: skip
    for name in ITEMS:
        table[name] = np.exp(rng.normal(21.0, 1.5, len(table)))
    for name in ("employees", "insured_workers"):
        table[name] = rng.integers(1, 400, len(table)).astype(float)
    table.loc[rng.random(len(table)) < 0.05, "depreciation"] = np.nan
    table.loc[table["mã"] == table["mã"].iloc[30], "ngành"] = None
    table.loc[table["mã"] == table["mã"].iloc[30], "vsic"] = None
    return table.sample(frac=1.0, random_state=1).reset_index(drop=True)


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_indicators_equal_those_in_memory(frame, partitions):
    renamed = frame.rename(columns={"ngành": "sector", "vsic": "industry"})
    memory = tfp.enterprise_indicators(renamed, unit="mã", time="year")
    spec = EnterpriseIndicators()
    written: dict = {}
    totals = run(enterprises, spec, frame, ROLES, partitions, written)
    keys = ["mã", "year"]
    rows = pd.concat(written["indicators"]).sort_values(keys).reset_index(drop=True)
    wanted = memory.to_frame().sort_values(keys).reset_index(drop=True)
    assert len(memory.values) >= 8
    for code in memory.values:
        close(rows[code].to_numpy(), wanted[code].to_numpy(), 0.0, code)
    assert rows["size_class"].tolist() == wanted["size_class"].tolist()
    assert totals.sample.to_dict() == memory.sample.to_dict()
    table = totals.tidy()
    code = "va_per_worker"
    means = wanted[wanted["size_class"] == "vừa"].groupby("year")[code].mean()
    ours = table.where(indicator=code, size_class="vừa")
    close(ours["mean"], means.to_numpy(), OTHER_ORDER)
    assert int(totals.sums.rows.sum()) == len(frame)
    assert totals.glance()["with_value_added"][0] == memory.sample.used


def test_faults(frame):
    roles = {**ROLES, "columns": {"net_revenue": "net_revenue"}}
    with pytest.raises(DataError, match="labor_cost"):
        run(enterprises, EnterpriseIndicators(), frame, roles, 3)
    with pytest.raises(DataError) as caught:
        run(enterprises, EnterpriseIndicators(), pd.concat([frame, frame.iloc[[4]]]), ROLES, 3)
    assert caught.value.code == "duplicate_key"
    assert caught.value.entity == frame["mã"].iloc[4]
    with pytest.raises(SpecificationError, match="value_added"):
        EnterpriseIndicators(value_added="guess")
