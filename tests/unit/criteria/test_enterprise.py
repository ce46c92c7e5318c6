from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tfp_index as tfp
from tests.unit.criteria.sheets import workbook
from tfp_index.criteria.enterprise import _industry, _sector, enterprise_indicators
from tfp_index.errors import DataError, DataWarning, SpecificationError

# of the invented enterprise in sheets.py, by hand, in million VND where money
BY_HAND = {
    "va_per_worker": 495 / 100,
    "sales_per_worker": 1000 / 100,
    "labor_cost_competitiveness": 495 / 220,
    "labor_cost_per_worker": 220 / 100,
    "unit_labor_cost": 220 / 1000,
    "labor_share": 100 * 220 / 495,
    "wage_adjusted_productivity": 100 * 495 / 220 * 100 / 105,
    "sales_per_capital": 1000 / 400,
    "capital_intensity": 400 / 100,
    "capital_productivity": 495 / 400,
    "inventory_turnover": 600 / 150,
    "asset_turnover": 1000 / 1000,
    "va_to_sales": 495 / 1000,
    "profit_margin": 200 / 1000,
    "profit_to_va": 200 / 495,
    "va_content": 100 * 495 / 1000,
    "process_efficiency": 495 / (220 + 50 + 15 + 6),
    "tfp_level": 495e6 / (400e6**0.3 * 100**0.7),
    "total_productivity": 1000 / (220 + 50 + 15 + 514),
}


@pytest.mark.parametrize("code", ["TT200", "TT133", "TT99", "QD15"])
def test_nineteen_indicators_by_hand_under_every_regime(tmp_path: Path, code: str) -> None:
    read = tfp.statements.read(workbook(tmp_path / "bctc.xlsx", code), regime=code)
    result = tfp.enterprise_indicators(read)
    assert list(result.values) == list(BY_HAND) or set(result.values) == set(BY_HAND)
    for name, value in BY_HAND.items():
        assert result.values[name][0] == pytest.approx(value, rel=1e-12), name
    frame = result.to_frame()
    assert frame["enterprise"].tolist() == ["5700100256"]
    assert frame["size_class"].tolist() == ["nhỏ"]
    assert frame["ownership"].tolist() == ["ngoài nhà nước"]


def test_value_added_two_ways_and_what_explains_the_gap(tmp_path: Path) -> None:
    read = tfp.statements.read(workbook(tmp_path / "bctc.xlsx", "TT200"), regime="TT200")
    row = enterprise_indicators(read).reconciliation().rows()[0]
    assert row["value_added_addition"] == 220e6 + 50e6 + 15e6 + 6e6 + 204e6
    assert row["value_added_subtraction"] == 1000e6 - 514e6
    assert row["gap"] == 9e6
    assert row["gap_share"] == pytest.approx(9 / 486)
    # financial income 10, financial cost other than interest 5, other profit 4
    assert row["nonoperating"] == 10e6 - 5e6 + 4e6
    assert row["unexplained"] == 0.0
    other = enterprise_indicators(read, value_added="subtraction")
    assert other.values["va_per_worker"][0] == pytest.approx(4.86)
    assert other.value_added == "subtraction"


def test_problems_of_the_statements_are_told(tmp_path: Path) -> None:
    path = workbook(tmp_path / "b.xlsx", "TT200", changes={("B02", "20"): "410.000"})
    read = tfp.statements.read(path, "TT200")
    with pytest.warns(DataWarning, match="2 identities of the statements do not hold"):
        result = enterprise_indicators(read)
    assert len(result.problems) == 2
    assert result.values["va_per_worker"][0] == pytest.approx(4.95)


def items(n: int = 40, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    revenue = rng.lognormal(np.log(50e9), 1.0, n)
    frame = pd.DataFrame(
        {
            "mst": [f"57{i:08d}" for i in range(n)],
            "nam": 2024,
            "net_revenue": revenue,
            "cost_of_goods_sold": 0.6 * revenue,
            "operating_profit": 0.1 * revenue,
            "profit_before_tax": 0.11 * revenue,
            "interest": 0.01 * revenue,
            "labor_cost": 0.2 * revenue * rng.uniform(0.8, 1.2, n),
            "depreciation": 0.05 * revenue,
            "employees": rng.integers(5, 400, n).astype(float),
            "fixed_assets": 0.5 * revenue * rng.uniform(0.5, 2, n),
            "inventory": 0.1 * revenue,
            "total_assets": revenue,
            "industry": rng.choice(["C10", "C13", "G46"], n),
        }
    )
    return frame.sample(frac=1.0, random_state=4).reset_index(drop=True)


def test_tables_of_items() -> None:
    frame = items()
    result = enterprise_indicators(frame, unit="mst", time="nam")
    out = result.to_frame()
    assert out["mst"].tolist() == frame["mst"].tolist()
    value_added = frame[["labor_cost", "depreciation", "interest", "profit_before_tax"]].sum(axis=1)
    np.testing.assert_allclose(out["value_added_addition"], value_added)
    np.testing.assert_allclose(out["va_per_worker"], value_added / frame["employees"] / 1e6)
    assert "total_productivity" not in out  # materials and services are not among the columns
    assert "wage_adjusted_productivity" not in out
    assert result.sample.notes == {
        "total output taken as net revenue": 40,
        "production taxes not given, taken as none": 40,
    }
    assert out["value_added_subtraction"].isna().all()
    same = enterprise_indicators(pl.from_pandas(frame), unit="mst", time="nam").to_frame()
    assert isinstance(same, pl.DataFrame)
    np.testing.assert_array_equal(same["tfp_level"].to_numpy(), out["tfp_level"].to_numpy())


def test_missing_items_lose_their_row_with_a_reason() -> None:
    frame = items()
    frame.loc[3, "labor_cost"] = np.nan
    result = enterprise_indicators(frame, unit="mst", time="nam")
    assert result.sample.used == 39
    assert result.sample.lost == {"an item of value added is missing": 1}
    assert np.isnan(result.to_frame()["va_per_worker"][3])
    assert not np.isnan(result.to_frame()["sales_per_worker"][3])
    with pytest.raises(DataError, match="'labor_cost', 'depreciation'") as caught:
        enterprise_indicators(
            frame.drop(columns=["labor_cost", "depreciation"]), unit="mst", time="nam"
        )
    assert "Bổ sung" in str(caught.value)
    with pytest.raises(SpecificationError, match="value_added='both'"):
        enterprise_indicators(frame, unit="mst", time="nam", value_added="both")
    with pytest.raises(DataError, match="no column 'value_added'"):
        enterprise_indicators(frame, unit="mst", time="nam", value_added="given")
    given = enterprise_indicators(
        frame.assign(value_added=1e9), unit="mst", time="nam", value_added="given"
    )
    np.testing.assert_allclose(given.to_frame()["va_per_worker"], 1e3 / frame["employees"])


def test_productivity_of_an_estimated_function_takes_the_place_of_the_index() -> None:
    rng = np.random.default_rng(1)
    frame = items()
    many = pd.concat([frame.assign(nam=2020 + t) for t in range(5)], ignore_index=True)
    many["va"] = many["labor_cost"] * 2 * rng.lognormal(0, 0.2, len(many))
    panel = tfp.Panel.from_frame(
        many, entity="mst", time="nam", value_added="va", capital="fixed_assets", labor="employees"
    )
    fitted = tfp.CobbDouglas(output="value_added").fit(panel)
    result = enterprise_indicators(many, unit="mst", time="nam", productivity=fitted)
    expected = fitted.productivity.to_frame().set_index(["mst", "nam"])["productivity"]
    out = result.to_frame().set_index(["mst", "nam"])["tfp_level"]
    np.testing.assert_allclose(np.log(out.loc[expected.index]), expected)
    with pytest.raises(SpecificationError, match="holds no productivity"):
        enterprise_indicators(frame, unit="mst", time="nam", productivity=3.0)
    strangers = frame.assign(mst=[f"X{i}" for i in range(len(frame))])
    with pytest.raises(DataError, match="no enterprise and year"):
        enterprise_indicators(strangers, unit="mst", time="nam", productivity=fitted)


@pytest.mark.parametrize(
    ("workers", "revenue", "capital", "industry", "size"),
    [
        (10, 3, 50, "C10", "siêu nhỏ"),
        (11, 3, 50, "C10", "nhỏ"),
        (100, 60, 20, "C10", "nhỏ"),
        (150, 250, 120, "C10", "lớn"),
        (10, 10, 50, "G46", "siêu nhỏ"),
        (100, 300, 900, "46", "vừa"),
        (101, 300, 50, "46", "lớn"),
        (10, 3, 50, None, None),
    ],
)
def test_size_classes_at_their_boundaries(
    workers: float, revenue: float, capital: float, industry: str | None, size: str | None
) -> None:
    frame = items(1).assign(
        insured_workers=float(workers),
        net_revenue=revenue * 1e9,
        total_sources=capital * 1e9,
        industry=industry,
    )
    assert enterprise_indicators(frame, unit="mst", time="nam").texts["size_class"][0] == size


def test_sectors() -> None:
    assert [_industry(c) for c in ("A", "F", "G", "V", "41", "45", "C10", "4101", "x1")] == [
        1, 1, 2, 2, 1, 2, 1, 1, 0
    ]  # fmt: skip
    assert [_sector(t) for t in ("Thương mại", "dịch vụ", "Sản xuất", "Xây dựng", "khác")] == [
        2, 2, 1, 1, 0
    ]  # fmt: skip


def test_profile_of_an_enterprise_against_its_peers() -> None:
    frame = items(60).assign(insured_workers=50.0)
    result = enterprise_indicators(frame, unit="mst", time="nam")
    with pytest.warns(DataWarning, match="left out: wage_adjusted_productivity"):
        scored = result.score()
    who = frame.query("industry == 'C10'")["mst"].iloc[0]
    peers = scored.peers(who)
    assert peers.shared[0] == "industry"
    profile = {row["code"]: row for row in scored.profile(who).rows()}
    group = scored.keys.entity_labels[scored.keys.entity_codes[peers.rows]].tolist()
    values = result.to_frame().set_index("mst")["va_per_worker"]
    assert profile["va_per_worker"]["median"] == pytest.approx(values[group].median())
    assert profile["capital_intensity"]["verdict"] == ""  # context
    assert profile["capital_intensity"]["kind"] == "indicator"
    assert len(scored.strengths(who)) > 0


def test_an_edited_set_is_used(tmp_path: Path) -> None:
    path = tfp.CriteriaSet.load("enterprise").save(tmp_path / "own.toml")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("capital_share = 0.3", "capital_share = 0.5"), encoding="utf-8")
    frame = items()
    half = enterprise_indicators(
        frame, unit="mst", time="nam", criteria=tfp.CriteriaSet.load(path)
    ).to_frame()
    value_added = frame[["labor_cost", "depreciation", "interest", "profit_before_tax"]].sum(axis=1)
    expected = value_added / np.sqrt(frame["fixed_assets"] * frame["employees"])
    np.testing.assert_allclose(half["tfp_level"], expected)


def test_as_plain_data_and_under_its_names() -> None:
    result = enterprise_indicators(items(), unit="mst", time="nam")
    document: dict[str, Any] = result.to_dict()
    assert document["value_added"] == "addition"
    assert document["set"]["code"] == "enterprise"
    assert "Năng suất lao động (GTGT) (triệu đồng/người)" in result.table("vi").columns
    assert "Value added per worker (million VND per person)" in result.table("en").columns
    assert "proposal, not official" in str(result)


def test_keys_are_checked() -> None:
    frame = items()
    with pytest.raises(DataError) as caught:
        enterprise_indicators(pd.concat([frame, frame]), unit="mst", time="nam")
    assert caught.value.code == "duplicate_key"
    with pytest.raises(DataError, match="no column 'enterprise'"):
        enterprise_indicators(frame)
