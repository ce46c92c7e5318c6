"""Identities of the enterprise indicators that hold for any statements."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfp_index.criteria.enterprise import enterprise_indicators

N = 6
money = arrays(float, N, elements=st.integers(1, 10**12).map(float))
counts = arrays(float, N, elements=st.integers(1, 10**5).map(float))


@st.composite
def books(draw: st.DrawFn) -> dict[str, np.ndarray]:
    """Income statements whose lines add up, with all operating costs split by nature."""
    revenue, goods, selling, labor, depreciation, interest = (draw(money) for _ in range(6))
    income, other, taxes = draw(money), draw(money), draw(money)
    operating = revenue - goods - selling
    return {
        "enterprise": np.array([f"E{i}" for i in range(N)], object),
        "year": np.full(N, 2024),
        "net_revenue": revenue,
        "cost_of_goods_sold": goods,
        "financial_income": income,
        "financial_cost": interest + 7.0,
        "interest": interest,
        "operating_profit": operating + income - interest - 7.0,
        "other_profit": other,
        "profit_before_tax": operating + income - interest - 7.0 + other,
        "labor_cost": labor,
        "depreciation": depreciation,
        "production_taxes": taxes,
        "materials_and_services": goods + selling - labor - depreciation - taxes,
        "employees": draw(counts),
        "persons_employed": draw(counts),
        "fixed_assets": draw(money),
        "fixed_assets_opening": draw(money),
        "inventory": draw(money),
        "total_assets": draw(money),
    }


@given(books())
def test_value_added_agrees_both_ways_but_for_what_is_not_operating(
    book: dict[str, np.ndarray],
) -> None:
    items = enterprise_indicators(book).items
    scale = np.abs(items["value_added_addition"]) + np.abs(items["value_added_subtraction"])
    scale = scale + sum(np.abs(v) for k, v in book.items() if k not in ("enterprise", "year"))
    assert (np.abs(items["unexplained"]) <= 1e-12 * scale).all()


@given(books())
def test_indicators_decompose_each_other(book: dict[str, np.ndarray]) -> None:
    x = enterprise_indicators(book).values
    close = {"rtol": 1e-9, "atol": 0.0}
    per_worker = x["va_per_worker"]
    np.testing.assert_allclose(
        per_worker, x["capital_productivity"] * x["capital_intensity"], **close
    )
    np.testing.assert_allclose(per_worker, x["va_to_sales"] * x["sales_per_worker"], **close)
    np.testing.assert_allclose(
        x["labor_cost_competitiveness"], per_worker / x["labor_cost_per_worker"], **close
    )
    some = x["labor_cost_competitiveness"] != 0
    np.testing.assert_allclose(
        x["unit_labor_cost"][some],
        (x["va_content"] / 100 / x["labor_cost_competitiveness"])[some],
        **close,
    )
    np.testing.assert_allclose(
        x["labor_share"][some], 100 / x["labor_cost_competitiveness"][some], **close
    )
    np.testing.assert_allclose(x["profit_margin"], (x["profit_to_va"] * x["va_to_sales"]), **close)
    np.testing.assert_allclose(
        x["sales_per_worker"], x["sales_per_capital"] * x["capital_intensity"], **close
    )


@given(books(), st.sampled_from([1e-6, 1e-3, 1e3]))
def test_ratios_do_not_depend_on_the_currency_unit(
    book: dict[str, np.ndarray], unit: float
) -> None:
    counted = ("enterprise", "year", "employees", "persons_employed")
    scaled = {k: v if k in counted else v * unit for k, v in book.items()}
    x, y = enterprise_indicators(book).values, enterprise_indicators(scaled).values
    for name in ("va_to_sales", "asset_turnover", "capital_productivity", "labor_share",
                 "inventory_turnover", "process_efficiency"):  # fmt: skip
        np.testing.assert_allclose(y[name], x[name], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(y["va_per_worker"], x["va_per_worker"] * unit, rtol=1e-6, atol=1e-12)
