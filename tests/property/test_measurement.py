"""Identities of measured inputs: linearity, units, bases, order of rows, exhaustion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfp_index as tfp

SEEDS = st.integers(0, 2**32 - 1)
TIMINGS = st.sampled_from(["end", "mid", "begin"])
ROUNDING = 1e-11


def panel_of(investment, **columns):
    n = investment.shape[0]
    frame = {"firm": ["A"] * n, "year": np.arange(n), "i": investment, **columns}
    return tfp.Panel.from_frame(
        frame, entity="firm", time="year", investment="i", columns={k: k for k in columns}
    )


def profile_of(kind):
    if kind == "geometric":
        return {"depreciation": 0.09}
    return {"profile": kind, "life": 7.0, "retirement": "normal", "growth": 0.02}


PROFILES = st.sampled_from(["geometric", "hyperbolic", "straight_line"])


@given(SEEDS, TIMINGS, PROFILES, st.floats(0.1, 5), st.floats(0.1, 5))
def test_stocks_are_linear_in_investment_and_the_stock_they_start_from(seed, timing, kind, a, b):
    rng = np.random.default_rng(seed)
    one, two = rng.uniform(0, 9, (2, 10))

    def stock(investment, start):
        spec = tfp.PerpetualInventory(
            initial="given", initial_stock=start, initial_at="before", timing=timing,
            **profile_of(kind),
        )  # fmt: skip
        return spec.fit(panel_of(investment)).capital

    together = stock(a * one + b * two, a * 30.0 + b * 50.0)
    np.testing.assert_allclose(together, a * stock(one, 30.0) + b * stock(two, 50.0), rtol=ROUNDING)


@given(SEEDS, TIMINGS, PROFILES)
def test_older_assets_count_less_so_net_is_never_above_productive(seed, timing, kind):
    investment = np.random.default_rng(seed).uniform(0, 9, 12)
    spec = tfp.PerpetualInventory(
        initial="given", initial_stock=20.0, initial_at="before", timing=timing, **profile_of(kind)
    )
    out = spec.fit(panel_of(investment))
    assert (out.net_capital <= out.capital * (1 + ROUNDING)).all()
    # what is consumed is what the net stock does not keep
    np.testing.assert_allclose(
        np.diff(out.net_capital), investment[1:] - out.consumption[1:], rtol=1e-8, atol=1e-10
    )


@given(SEEDS, st.integers(0, 7), st.sampled_from(["fixed_ratio", "steady_state", "harberger"]))
def test_a_change_of_base_is_one_factor(seed, base, initial):
    rng = np.random.default_rng(seed)
    nominal, price = rng.uniform(5, 9, 8), rng.uniform(0.5, 3, 8)
    options = {"ratio": 6.0} if initial == "fixed_ratio" else {"growth": 0.04}
    spec = {"depreciation": 0.08, "initial": initial, "deflator": "p", **options}
    panel = panel_of(nominal, p=price)
    here = tfp.PerpetualInventory(**spec).fit(panel).capital
    there = tfp.PerpetualInventory(**spec, base=base).fit(panel).capital
    np.testing.assert_allclose(there / here, price[base], rtol=ROUNDING)


@given(SEEDS, st.floats(1e-3, 1e3))
def test_services_do_not_know_units(seed, unit):
    """Another currency for everything, another physical unit for one asset."""
    rng = np.random.default_rng(seed)
    assets, years = ["a", "b", "c"], 6
    stock = rng.uniform(5, 9, (3, years))
    price = np.exp(rng.normal(0, 0.02, (3, years)))
    income = rng.uniform(8, 12, years)

    def growth(stock, price, income):
        frame = {
            "i": ["x"] * 3 * years,
            "t": np.tile(np.arange(years), 3),
            "asset": np.repeat(assets, years),
            "k": stock.ravel(),
            "p": price.ravel(),
            "y": np.tile(income, 3),
        }
        panel = tfp.Panel.from_frame(
            frame, entity="i", time="t", item="asset", capital="k",
            columns={"price": "p", "capital_income": "y"},
        )  # fmt: skip
        out = tfp.CapitalServices(depreciation=0.15, negative="floor").fit(panel)
        known = np.isfinite(out.capital_cost)
        np.testing.assert_allclose(out.capital_cost[known], out.capital_income[known], rtol=1e-10)
        return out.growth, out.rate

    plain = growth(stock, price, income)
    scale = np.array([[unit], [1.0], [1.0]])
    for other in (
        growth(stock, price * unit, income * unit),
        growth(stock * scale, price / scale, income),
    ):
        for ours, theirs in zip(plain, other, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-10)


@given(SEEDS)
def test_rows_in_any_order(seed):
    rng = np.random.default_rng(seed)
    frame = {
        "firm": np.repeat(["A", "B", "C"], 6),
        "year": np.tile(np.arange(6), 3),
        "i": rng.uniform(1, 9, 18),
    }
    order = rng.permutation(18)
    spec = tfp.PerpetualInventory(depreciation=0.1, growth=0.03)

    def fit(rows):
        panel = tfp.Panel.from_frame(rows, entity="firm", time="year", investment="i")
        return spec.fit(panel).to_frame()["capital"].to_numpy()

    mixed = fit({name: np.asarray(values)[order] for name, values in frame.items()})
    np.testing.assert_array_equal(fit(frame)[order], mixed)


@given(SEEDS, st.sampled_from(["first", "last", "sums", "geometric"]))
def test_splicing_a_series_with_itself_in_another_unit_gives_the_series(seed, link):
    rng = np.random.default_rng(seed)
    whole = rng.uniform(1, 9, 9)
    older, newer = whole * 7.3, whole.copy()
    older[6:], newer[:4] = np.nan, np.nan
    frame = {"u": ["A"] * 9, "t": np.arange(9), "o": older, "n": newer}
    panel = tfp.Panel.from_frame(frame, entity="u", time="t", columns={"older": "o", "newer": "n"})
    out = tfp.Splicing(link=link).fit(panel)
    np.testing.assert_allclose(out.values, whole, rtol=ROUNDING)


@given(SEEDS)
def test_rebasing_twice_is_rebasing_once(seed):
    rng = np.random.default_rng(seed)
    frame = {"u": ["A"] * 5, "t": np.arange(5), "x": rng.uniform(1, 9, 5)}

    def rebase(values, base):
        panel = tfp.Panel.from_frame({**frame, "x": values}, entity="u", time="t", output="x")
        return tfp.Rebasing(role="output", base=base, value=100.0).fit(panel).values

    once = rebase(frame["x"], 3)
    np.testing.assert_allclose(rebase(rebase(frame["x"], 1), 3), once, rtol=ROUNDING)
    assert once[3] == pytest.approx(100.0)


@given(SEEDS, TIMINGS, st.floats(-0.02, 0.1), st.floats(0.03, 0.3))
def test_investment_that_grows_steadily_keeps_stock_and_investment_in_proportion(
    seed, timing, growth, depreciation
):
    """K grows at g from the first year on, by every initial stock that assumes a smooth path."""
    level = np.random.default_rng(seed).uniform(0.1, 1e6)
    investment = level * (1 + growth) ** np.arange(9)
    for initial in ("steady_state", "harberger", "nehru_dhareshwar", "berlemann_wesselhoeft"):
        spec = tfp.PerpetualInventory(depreciation=depreciation, initial=initial, timing=timing)
        stock = spec.fit(panel_of(investment)).capital
        np.testing.assert_allclose(stock[1:] / stock[:-1], 1 + growth, rtol=1e-9)
        left = {"end": 1.0, "mid": 1 - depreciation / 2, "begin": 1 - depreciation}[timing]
        factor = left * (1 + growth) / (growth + depreciation)
        np.testing.assert_allclose(stock, investment * factor, rtol=1e-9)


@given(SEEDS, st.sampled_from(["smoothed", "actual", "none"]), TIMINGS)
def test_ex_post_user_costs_exhaust_capital_income(seed, gains, stock_timing):
    rng = np.random.default_rng(seed)
    entities, years, assets = 2, 5, 3
    shape = entities, assets, years
    entity, asset, year = (i.ravel() for i in np.indices(shape))
    income = rng.uniform(50, 100, (entities, 1, years))
    frame = {
        "e": entity, "a": asset, "y": year,
        "K": rng.uniform(10, 20, shape).ravel(),
        "p": (1 + 0.02 * rng.random(shape)).ravel(),
        "income": np.broadcast_to(income, shape).ravel(),
    }  # fmt: skip
    panel = tfp.Panel.from_frame(
        frame, entity="e", time="y", item="a", capital="K",
        columns={"price": "p", "capital_income": "income"},
    )  # fmt: skip
    timing = "average" if stock_timing == "mid" else stock_timing
    spec = tfp.CapitalServices(depreciation=0.1, capital_gains=gains, stock_timing=timing)
    out = spec.fit(panel)
    known = np.isfinite(out.capital_cost)
    assert known.sum() == entities * (years - 1)
    np.testing.assert_allclose(out.capital_cost[known], out.capital_income[known], rtol=ROUNDING)
