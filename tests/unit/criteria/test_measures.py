from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfp_index import GrowthAccounting, Panel
from tfp_index.criteria.measures import MEASURES, Rows

NAN = np.nan
FRAME = {
    "id": ["A"] * 5 + ["B"] * 4,
    "t": [2018, 2019, 2020, 2021, 2022, 2018, 2019, 2021, 2022],
    "y": [100.0, 107.0, 112.0, 120.0, 119.0, 50.0, 52.0, 60.0, 0.0],
    "k": [300.0, 320.0, 345.0, 360.0, 380.0, 100.0, 104.0, 111.0, 115.0],
    "l": [50.0, 51.0, 51.0, 53.0, 52.0, 20.0, 20.0, 21.0, 22.0],
}


@pytest.fixture(scope="module")
def panel() -> Panel:
    columns = {c: c for c in "ykl"}
    return Panel.from_frame(FRAME, entity="id", time="t", columns=columns)


def compute(panel: Panel, name: str, inputs: dict[str, str], **parameters: Any) -> np.ndarray:
    measure = MEASURES[name]
    columns = {k: panel[c] for k, c in inputs.items()}
    rows = Rows(panel.lag_status, panel.lag)
    return measure.compute(columns, {**measure.parameters, **parameters}, rows)


TFP = {"output": "y", "capital": "k", "labor": "l"}


def test_growth_goes_by_the_calendar(panel: Panel) -> None:
    growth = compute(panel, "growth", {"value": "k"})
    expected = [NAN, 20 / 3, 100 * 25 / 320, 100 * 15 / 345, 100 * 20 / 360]
    np.testing.assert_allclose(growth[:5], expected)
    np.testing.assert_allclose(growth[5:], [NAN, 4.0, NAN, 100 * 4 / 111])


def test_ratios(panel: Panel) -> None:
    np.testing.assert_allclose(
        compute(panel, "ratio", {"numerator": "y", "denominator": "l"}, scale=1000.0)[:2],
        [2000.0, 1000 * 107 / 51],
    )
    inverse = compute(panel, "ratio", {"numerator": "l", "denominator": "y"})
    assert np.isnan(inverse[-1])  # nothing over zero
    growth = compute(panel, "growth_of_ratio", {"numerator": "y", "denominator": "l"})
    np.testing.assert_allclose(growth[1], 100 * ((107 / 51) / 2 - 1))


def test_tfp_growth_is_growth_accounting(panel: Panel) -> None:
    ours = compute(panel, "tfp_growth", TFP, capital_share=0.37)
    frame = {k: np.array(v)[:8] for k, v in FRAME.items()}
    official = GrowthAccounting.vietnam(0.37).fit(
        Panel.from_frame(frame, entity="id", time="t", output="y", capital="k", labor="l")
    )
    np.testing.assert_allclose(ours[:8], 100 * official.tfp_growth, rtol=1e-13)
    assert np.isnan(ours[8])  # output of zero has no growth


def test_share_in_growth_is_the_ratio_of_means(panel: Panel) -> None:
    yearly = compute(panel, "tfp_growth", TFP)
    growth = compute(panel, "growth", {"value": "y"})
    one = compute(panel, "tfp_share_of_growth", TFP, years=1.0)
    np.testing.assert_allclose(one[1:5], 100 * yearly[1:5] / growth[1:5])
    three = compute(panel, "tfp_share_of_growth", TFP, years=3.0)
    assert np.isnan(three[:3]).all()
    np.testing.assert_allclose(three[3], 100 * yearly[1:4].sum() / growth[1:4].sum())
    assert np.isnan(three[5:]).all()  # a gap in the years
    # never clamped: falling output with a large fall of TFP
    assert one[4] > 100


def test_share_has_no_meaning_without_growth() -> None:
    frame = {"id": ["A"] * 2, "t": [1, 2], "y": [100.0, 100.05], "k": [1.0, 1.1], "l": [1.0, 1.0]}
    still = Panel.from_frame(frame, entity="id", time="t", columns={c: c for c in "ykl"})
    assert np.isnan(compute(still, "tfp_share_of_growth", TFP)).all()


def test_a_share_by_row(panel: Panel) -> None:
    columns = {k: panel[c] for k, c in TFP.items()} | {"capital_share": np.full(9, 0.37)}
    measure = MEASURES["tfp_growth"]
    by_row = measure.compute(columns, measure.parameters, Rows(panel.lag_status, panel.lag))
    np.testing.assert_allclose(by_row, compute(panel, "tfp_growth", TFP, capital_share=0.37))


def test_level_and_costs() -> None:
    rows = Rows(np.zeros(2, np.int8), lambda k: np.full(2, -1))

    def run(name: str, **inputs: float) -> float:
        measure = MEASURES[name]
        columns = {k: np.array([v, v]) for k, v in inputs.items()}
        return float(measure.compute(columns, measure.parameters, rows)[0])

    level = run("tfp_level", value_added=8.0, capital=4.0, capital_opening=12.0, labor=2.0)
    assert level == pytest.approx(8 / (8**0.3 * 2**0.7))
    assert np.isnan(run("tfp_level", value_added=8.0, capital=0.0, labor=2.0))
    costs = {"labor_cost": 4.0, "depreciation": 1.0, "interest": 1.0}
    assert run("process_efficiency", value_added=12.0, **costs) == 2.0
    assert run("process_efficiency", value_added=12.0, production_taxes=2.0, **costs) == 1.5
    total = run("total_productivity", output=20.0, materials_and_services=4.0, **costs)
    assert total == 2.0
    adjusted = run(
        "wage_adjusted_productivity",
        value_added=12.0,
        labor_cost=4.0,
        employees=8.0,
        persons_employed=10.0,
    )
    assert adjusted == pytest.approx(240.0)
    mean = run("ratio_to_mean", numerator=12.0, opening=2.0, closing=4.0)
    assert mean == 4.0
    assert run("ratio_to_mean", numerator=12.0, opening=NAN, closing=4.0) == 3.0
    assert run("mean_to_ratio", denominator=2.0, opening=2.0, closing=4.0) == 1.5
