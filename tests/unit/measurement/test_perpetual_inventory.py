from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.kernels import capital as kernel

YEARS = np.arange(2000, 2012)


def panel_of(investment, years=None, entity="A", **more):
    investment = np.asarray(investment, float)
    years = np.arange(2000, 2000 + investment.shape[0]) if years is None else years
    columns = {k: v for k, v in more.items() if not isinstance(v, str)}
    frame = {"firm": [entity] * investment.shape[0], "year": years, "i": investment, **columns}
    return tfp.Panel.from_frame(
        frame, entity="firm", time="year", investment="i", columns={k: k for k in columns}
    )


def steady(g=0.05, first=100.0, n=12):
    return first * (1 + g) ** np.arange(n)


SMOOTH = [
    {"initial": "steady_state"},
    {"initial": "steady_state", "growth": 0.05},
    {"initial": "harberger", "window": 4},
    {"initial": "nehru_dhareshwar"},
    {"initial": "berlemann_wesselhoeft"},
    {"initial": "kamps", "backcast_from": 0, "backcast_growth": 0.05},
]


@pytest.mark.parametrize("options", SMOOTH, ids=lambda o: "-".join(map(str, o.values())))
@pytest.mark.parametrize("timing", ["end", "mid", "begin"])
def test_on_steady_growth_every_method_stays_in_steady_state(options, timing):
    """K_{t−1}/I_t = 1/(g+δ), times what is left of new investment at the end of its year."""
    spec = tfp.PerpetualInventory(depreciation=0.06, timing=timing, **options)
    out = spec.fit(panel_of(steady()))
    ratio = out.capital_begin / steady()
    left = {"end": 1.0, "mid": 0.97, "begin": 0.94}[timing]
    np.testing.assert_allclose(ratio, left / 0.11, rtol=1e-10)
    np.testing.assert_allclose(out.start.stock, left * 100 / 0.11, rtol=1e-10)
    np.testing.assert_allclose(
        out.consumption, out.capital_begin + steady() - out.capital, rtol=1e-12
    )


@pytest.mark.parametrize("options", SMOOTH, ids=lambda o: "-".join(map(str, o.values())))
def test_with_an_age_profile_steady_growth_stays_too(options):
    if options["initial"] == "kamps":
        options = {**options, "backcast_from": 1900}
    spec = tfp.PerpetualInventory(
        profile="hyperbolic", life=8.0, beta=0.5, retirement="normal", **options
    )
    out = spec.fit(panel_of(steady()))
    for stock in (out.capital, out.net_capital):
        np.testing.assert_allclose(stock / steady(), stock[0] / 100, rtol=1e-10)
    assert (out.net_capital < out.capital).all()


def test_productive_stock_equals_a_sum_written_out():
    investment = np.array([4.0, 7.0, 1.0, 3.0, 6.0])
    spec = tfp.PerpetualInventory(
        profile="hyperbolic", life=3.0, beta=0.5, initial="given", initial_stock=0.0,
        initial_at="before", growth=0.0,
    )  # fmt: skip
    out = spec.fit(panel_of(investment))
    E = [(3 - a) / (3 - 0.5 * a) for a in range(3)]
    expected = [sum(E[a] * investment[t - a] for a in range(3) if t >= a) for t in range(5)]
    np.testing.assert_allclose(out.capital, expected, rtol=1e-14)
    # net: the services left of an asset, discounted at 4 %, over those of a new one
    worth = [sum(E[s] / 1.04 ** (s - a + 1) for s in range(a, 3)) for a in range(3)]
    price = np.array(worth) / worth[0]
    expected = [sum(price[a] * investment[t - a] for a in range(3) if t >= a) for t in range(5)]
    np.testing.assert_allclose(out.net_capital, expected, rtol=1e-14)


def test_straight_line_writes_the_same_amount_off_each_year():
    spec = tfp.PerpetualInventory(
        profile="straight_line", life=4.0, initial="given", initial_stock=0.0, initial_at="before",
        growth=0.0,
    )  # fmt: skip
    out = spec.fit(panel_of([100.0, 0.0, 0.0, 0.0, 0.0]))
    np.testing.assert_allclose(out.net_capital, [100, 75, 50, 25, 0], atol=1e-12)
    np.testing.assert_allclose(out.consumption, [0, 25, 25, 25, 25], atol=1e-12)
    mid = tfp.PerpetualInventory(
        profile="straight_line", life=4.0, initial="given", initial_stock=0.0, initial_at="before",
        growth=0.0, timing="mid",
    ).fit(panel_of([100.0, 0.0, 0.0, 0.0, 0.0]))  # fmt: skip
    np.testing.assert_allclose(mid.net_capital, [87.5, 62.5, 37.5, 12.5, 0], atol=1e-12)


def test_a_given_stock_with_an_age_profile_dies_like_the_path_that_made_it():
    spec = tfp.PerpetualInventory(
        profile="hyperbolic", life=5.0, beta=0.5, initial="given", initial_stock=60.0,
        initial_at="before", growth=0.02,
    )  # fmt: skip
    out = spec.fit(panel_of(np.zeros(7)))
    W = kernel.steady_vintages(
        kernel.hyperbolic_efficiency(np.arange(5.0), 5.0, 0.5), np.array([0.02]), 7
    )[0]
    np.testing.assert_allclose(out.capital, 60 * W[1:] / W[0], atol=1e-12)
    assert out.capital[-3:].tolist() == [0, 0, 0]


def test_assets_each_have_their_rate_and_stay_apart():
    frame = pd.DataFrame(
        {
            "firm": ["A"] * 6,
            "asset": ["machines", "buildings"] * 3,
            "year": [2000, 2000, 2001, 2001, 2002, 2002],
            "i": [10.0, 40.0, 11.0, 41.0, 12.0, 42.0],
        }
    )
    panel = tfp.Panel.from_frame(frame, entity="firm", time="year", item="asset", investment="i")
    out = tfp.PerpetualInventory(
        depreciation={"machines": 0.2, "buildings": 0.02}, initial="fixed_ratio",
        ratio={"machines": 3.0, "buildings": 20.0},
    ).fit(panel)  # fmt: skip
    back = out.to_frame()
    assert back["asset"].tolist() == frame["asset"].tolist()
    machines = back.loc[back.asset == "machines", "capital"]
    buildings = back.loc[back.asset == "buildings", "capital"]
    np.testing.assert_allclose(machines, [30, 35, 40], rtol=1e-14)
    np.testing.assert_allclose(buildings, [800, 825, 850.5], rtol=1e-14)
    assert out.tidy()["asset"].tolist() == ["buildings", "machines"]


def test_lives_by_asset():
    frame = pd.DataFrame(
        {"firm": "A", "asset": ["m", "b"] * 4, "year": np.repeat([1, 2, 3, 4], 2), "i": 1.0}
    )
    panel = tfp.Panel.from_frame(frame, entity="firm", time="year", item="asset", investment="i")
    out = tfp.PerpetualInventory(
        profile="hyperbolic", beta=1.0, life={"m": 2, "b": 3}, growth=0.0
    ).fit(panel).to_frame()  # fmt: skip
    # one-hoss shay without growth: the stock is the service life
    np.testing.assert_allclose(out.loc[out.asset == "m", "capital"], 2.0)
    np.testing.assert_allclose(out.loc[out.asset == "b", "capital"], 3.0)


def test_rates_by_row():
    rate = np.array([0.1, 0.2, 0.5])
    out = tfp.PerpetualInventory(
        depreciation="rate", initial="given", initial_stock=100.0, initial_at="before"
    ).fit(panel_of([10.0, 10.0, 10.0], rate=rate))
    np.testing.assert_allclose(out.capital, [100, 90, 55], rtol=1e-14)


def test_growth_from_the_role_of_output():
    output = 50 * 1.08 ** np.arange(6)
    panel = panel_of([10.0, 3.0, 8.0, 7.0, 9.0, 2.0], gdp=output)
    out = tfp.PerpetualInventory(depreciation=0.05, growth="gdp").fit(panel)
    np.testing.assert_allclose(out.start.stock, 10 / 0.13, rtol=1e-12)
    ratio = tfp.PerpetualInventory(
        depreciation=0.05, initial="fixed_ratio", ratio=2.5, ratio_to="gdp"
    ).fit(panel)
    np.testing.assert_allclose(ratio.capital[:2], [125, 125 * 0.95 + 3], rtol=1e-14)


def test_a_stock_in_the_data_has_precedence():
    frame = pd.DataFrame(
        {
            "firm": ["A", "A", "B", "B"],
            "year": [1, 2, 1, 2],
            "i": [1.0, 1.0, 2.0, 2.0],
            "k": [np.nan, np.nan, 50.0, np.nan],
        }
    )
    panel = tfp.Panel.from_frame(
        frame, entity="firm", time="year", investment="i", columns={"benchmark": "k"}
    )
    out = tfp.PerpetualInventory(
        depreciation=0.1, initial="fixed_ratio", ratio=10.0, initial_stock="benchmark"
    ).fit(panel)
    np.testing.assert_allclose(out.capital, [10, 10, 50, 47])
    assert out.tidy()["method"].tolist() == ["fixed_ratio", "given"]
    assert out.sample.notes == {"series that start from a given stock": 1}


# --- prices -------------------------------------------------------------------------------------


def deflated(price, **options):
    nominal = np.array([10.0, 12.0, 15.0, 14.0])
    panel = panel_of(nominal, price=np.asarray(price))
    return tfp.PerpetualInventory(
        depreciation=0.1, deflator="price", **{"initial": "fixed_ratio", "ratio": 8.0, **options}
    ).fit(panel)


@pytest.mark.parametrize(
    "options",
    [{}, {"initial": "given", "initial_stock": 80.0, "initial_prices": "current", "ratio": None}],
)
def test_a_change_of_base_only_rescales_the_stock(options):
    """Also the initial one: the ratio of both stocks is the price of the new base, throughout."""
    price = np.array([2.0, 2.5, 4.0, 5.0])
    here = deflated(price, **options)
    there = deflated(price, base=2002, **options)
    np.testing.assert_allclose(there.capital / here.capital, 4.0, rtol=1e-14)
    assert there.investment[2] == 15.0


def test_a_base_that_a_series_lacks_is_an_error():
    with pytest.raises(tfp.DataError, match="no figure in the base period 2030") as caught:
        deflated([1.0, 1.0, 1.0, 1.0], base=2030)
    assert caught.value.code == "no_base_period"
    with pytest.raises(tfp.DataError, match="price of investment is 0"):
        deflated([1.0, 0.0, 1.0, 1.0])


def test_levels_of_two_price_bases_are_not_chained():
    frame = {
        "firm": ["A"] * 3,
        "year": [2009, 2010, 2011],
        "i": [1.0, 2.0, 3.0],
        "b": [1994, 2010, 2010],
    }
    panel = tfp.Panel.from_frame(
        frame, entity="firm", time="year", investment="i", groups={"price_base": "b"}
    )
    with pytest.raises(tfp.DataError, match="changes from 1994 to 2010") as caught:
        tfp.PerpetualInventory(depreciation=0.1).fit(panel)
    assert caught.value.code == "mixed_price_base"
    assert caught.value.time == 2010


# --- bad input ----------------------------------------------------------------------------------


def fit(investment, years=None, **options):
    return tfp.PerpetualInventory(**{"depreciation": 0.05, **options}).fit(
        panel_of(investment, years)
    )


def test_growth_plus_depreciation_not_above_zero():
    falling = 100 * 0.9 ** np.arange(6)
    with pytest.raises(tfp.DataError, match="growth plus depreciation is not above zero") as caught:
        fit(falling)
    assert caught.value.code == "no_initial_stock"
    assert caught.value.entity == "A"
    out = fit(falling, invalid="missing")
    assert np.isnan(out.capital).all()
    assert out.sample.balanced
    assert out.sample.lost == {"initial stock: growth plus depreciation is not above zero": 6}
    # a finite life always gives a sum
    assert (fit(falling, depreciation=None, profile="hyperbolic", life=9.0).capital > 0).all()


@pytest.mark.parametrize("initial", ["steady_state", "nehru_dhareshwar", "kamps", "fixed_ratio"])
def test_negative_investment_in_the_first_years(initial):
    options = {"initial": initial, **({"ratio": 10.0} if initial == "fixed_ratio" else {})}
    investment = [-5.0, 20.0, 22.0, 25.0, 24.0]
    with pytest.raises(tfp.DataError, match="not above zero"):
        fit(investment, **options)
    assert np.isnan(fit(investment, invalid="missing", **options).capital).all()
    # an average over more years survives it
    out = fit(investment, initial="harberger", window=5, growth=0.03)
    assert (out.capital > 0).all()


def test_one_period_has_no_growth_of_its_own():
    with pytest.raises(tfp.DataError, match="fewer than two periods"):
        fit([10.0])
    np.testing.assert_allclose(fit([10.0], growth=0.05).capital, [105.0])


def test_gaps_are_an_error_unless_someone_says_what_they_mean():
    years = np.array([2000, 2001, 2004, 2005])
    investment = [10.0, 10.0, 40.0, 50.0]
    given = {"initial": "given", "initial_stock": 100.0, "initial_at": "before"}
    with pytest.raises(tfp.DataError, match=r"missing in 2 period\(s\)") as caught:
        fit(investment, years, **given)
    assert (caught.value.code, caught.value.time) == ("gap", 2001)
    d = 0.95
    zero = fit(investment, years, gaps="zero", **given)
    start = [100 * d + 10, (100 * d + 10) * d + 10]
    np.testing.assert_allclose(
        zero.capital, [*start, start[1] * d**3 + 40, (start[1] * d**3 + 40) * d + 50]
    )
    assert zero.sample.notes == {
        "periods without investment, taken as zero": 2,
        "series that start from a given stock": 1,
    }
    filled = fit(investment, years, gaps="interpolate", **given)
    whole = fit([10.0, 10.0, 20.0, 30.0, 40.0, 50.0], **given)
    np.testing.assert_allclose(filled.capital, whole.capital[[0, 1, 4, 5]], rtol=1e-14)
    missing = fit(investment, years, gaps="missing", **given)
    assert np.isnan(missing.capital).tolist() == [False, False, True, True]
    assert missing.sample.lost == {"after a period without investment": 2}


def test_a_missing_number_is_a_gap_inside_and_the_end_outside():
    investment = [np.nan, 10.0, np.nan, 12.0, np.nan]
    given = {"initial": "given", "initial_stock": 100.0, "initial_at": "before"}
    with pytest.raises(tfp.DataError, match="inside its series, first here") as caught:
        fit(investment, **given)
    assert caught.value.time == 2002
    out = fit(investment, gaps="interpolate", **given)
    assert np.isnan(out.capital).tolist() == [True, False, False, False, True]
    assert out.sample.lost == {"before the first or after the last investment of its series": 2}
    assert out.sample.balanced
    nothing = fit([np.nan, np.nan], invalid="missing", growth=0.1)
    assert nothing.sample.lost == {"no investment in the series": 2}


def test_more_sold_than_there_was():
    with pytest.raises(tfp.DataError, match="more was sold than there was") as caught:
        fit([10.0, -500.0, 10.0], growth=0.05)
    assert caught.value.time == 2001
    out = fit([10.0, -500.0, 10.0], growth=0.05, invalid="missing")
    assert out.sample.lost == {"the stock is negative": 3}


def test_rates_and_stocks_outside_their_range():
    for bad in (1.2, -0.1, "x"):
        rate = np.array([0.1, 0.1, bad if bad != "x" else np.nan])
        with pytest.raises(tfp.DataError, match="depreciation rate is") as caught:
            tfp.PerpetualInventory(depreciation="rate").fit(panel_of([1.0, 1.1, 1.2], rate=rate))
        assert caught.value.time == 2002
    with pytest.raises(tfp.DataError, match="not above zero"):
        tfp.PerpetualInventory(depreciation=0.1, initial="given", initial_stock="k").fit(
            panel_of([1.0, 1.0], k=np.array([-1.0, 5.0]))
        )
    with pytest.raises(tfp.DataError, match="none given"):
        tfp.PerpetualInventory(depreciation=0.1, initial="given", initial_stock="k").fit(
            panel_of([1.0, 1.0], k=np.array([np.nan, 5.0]))
        )


def test_months_have_no_1860():
    frame = {"firm": ["A", "A"], "t": ["2000Q1", "2000Q2"], "i": [1.0, 1.0]}
    panel = tfp.Panel.from_frame(frame, entity="firm", time="t", investment="i")
    with pytest.raises(tfp.DataError, match="counts quarters"):
        tfp.PerpetualInventory(depreciation=0.05, initial="kamps").fit(panel)


def test_an_asset_without_a_rate():
    frame = {"firm": ["A", "A"], "asset": ["m", "b"], "t": [1, 1], "i": [1.0, 1.0]}
    panel = tfp.Panel.from_frame(frame, entity="firm", time="t", item="asset", investment="i")
    with pytest.raises(tfp.DataError, match="no number for 'b'"):
        tfp.PerpetualInventory(depreciation={"m": 0.1}).fit(panel)
    with pytest.raises(tfp.DataError, match="no item"):
        tfp.PerpetualInventory(depreciation={"m": 0.1}).fit(panel_of([1.0, 1.0]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"depreciation": 1.5},
        {"depreciation": {}},
        {"depreciation": 0.1, "initial": "guess"},
        {"depreciation": 0.1, "initial": "fixed_ratio"},
        {"depreciation": 0.1, "initial": "fixed_ratio", "ratio": 0.0},
        {"depreciation": 0.1, "ratio": 3.0},
        {"depreciation": 0.1, "initial": "given"},
        {"depreciation": 0.1, "initial": "given", "initial_stock": -1.0},
        {"depreciation": 0.1, "initial": "kamps", "growth": 0.05},
        {"depreciation": 0.1, "window": 1},
        {"depreciation": 0.1, "growth": -1.5},
        {"depreciation": 0.1, "initial_prices": "current"},
        {"depreciation": 0.1, "base": 2010},
        {"depreciation": 0.1, "profile": "hyperbolic"},
        {"profile": "hyperbolic"},
        {"profile": "hyperbolic", "life": 10.0, "beta": 1.5},
        {"profile": "hyperbolic", "life": 10.0, "spread": 0.9},
        {"profile": "hyperbolic", "life": 10.0, "discount_rate": -1.0},
    ],
)
def test_options_that_contradict_are_refused(options):
    with pytest.raises(tfp.SpecificationError):
        tfp.PerpetualInventory(**options)


def test_specification_travels():
    spec = tfp.PerpetualInventory(
        depreciation={"machines": 0.13}, initial="fixed_ratio", ratio=10.0, base=2010, deflator="p"
    )
    assert tfp.spec_from_dict(spec.to_dict()) == spec


def test_result_speaks():
    out = fit([10.0, 11.0, 12.0])
    assert "PerpetualInventory(depreciation=0.05)" in out.summary()
    assert out.glance()["last"].tolist() == [2002]
    assert out.to_dict()["record"]["specification"]["options"]["depreciation"] == 0.05
    np.testing.assert_allclose(out.capital_average, (out.capital_begin + out.capital) / 2)


def test_rows_come_back_in_their_order():
    frame = pd.DataFrame(
        {"firm": ["B", "A", "B", "A"], "year": [2, 2, 1, 1], "i": [4.0, 2.0, 3.0, 1.0]}
    )
    panel = tfp.Panel.from_frame(frame, entity="firm", time="year", investment="i")
    out = tfp.PerpetualInventory(depreciation=0.1, growth=0.1).fit(panel).to_frame()
    assert out[["firm", "year"]].to_numpy().tolist() == frame[["firm", "year"]].to_numpy().tolist()
    np.testing.assert_allclose(out["capital"], [18.85, 6.95, 16.5, 5.5])


def test_many_ragged_series_equal_one_at_a_time():
    rng = np.random.default_rng(11)
    parts, alone = [], []
    spec = tfp.PerpetualInventory(
        depreciation=0.07, initial="berlemann_wesselhoeft", invalid="missing"
    )
    for firm in range(30):
        n = int(rng.integers(2, 16))
        i = rng.uniform(1, 3, n) * 1.1 ** np.arange(n)
        parts.append(pd.DataFrame({"firm": firm, "year": 2000 + np.arange(n), "i": i}))
        alone.append(spec.fit(panel_of(i)).capital)
    panel = tfp.Panel.from_frame(pd.concat(parts), entity="firm", time="year", investment="i")
    together = spec.fit(panel).capital
    assert 0 < np.isnan(together).sum() < together.size / 2  # series that fall too fast
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-12)
