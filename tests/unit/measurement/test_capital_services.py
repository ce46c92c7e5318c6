from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.kernels import services as kernel

RATES = {"it": 0.3, "machines": 0.12, "building": 0.03}


def data(seed=0, industries=("A", "B"), years=8):
    rng = np.random.default_rng(seed)
    rows = []
    for industry in industries:
        income = 40 * 1.05 ** np.arange(years) * rng.uniform(0.9, 1.1, years)
        for asset, (level, trend) in {
            "it": (20, -0.06), "machines": (90, 0.01), "building": (150, 0.02)
        }.items():  # fmt: skip
            stock = level * np.cumprod(rng.uniform(1.0, 1.1, years))
            price = np.exp(trend * np.arange(years) + rng.normal(0, 0.003, years))
            rows += [
                (industry, 2000 + t, asset, stock[t], price[t], income[t]) for t in range(years)
            ]
    return pd.DataFrame(rows, columns=["industry", "year", "asset", "K", "p", "income"])


def panel_of(frame, **columns):
    return tfp.Panel.from_frame(
        frame, entity="industry", time="year", item="asset", capital="K",
        columns={"price": "p", "capital_income": "income", **columns},
    )  # fmt: skip


def fit(frame, columns=None, **options):
    spec = tfp.CapitalServices(**{"depreciation": RATES, **options})
    return spec.fit(panel_of(frame, **(columns or {})))


def by_hand(frame, industry, timing="end", weight="end"):
    """Ex-post rental prices and Törnqvist growth, written out for one industry."""
    wide = frame[frame.industry == industry].pivot(index="year", columns="asset")
    K, p = wide["K"].to_numpy(), wide["p"].to_numpy()
    delta = np.array([RATES[a] for a in wide["K"].columns])
    income = wide["income"].to_numpy()[:, 0]
    begin = np.vstack([np.full(K.shape[1], np.nan), K[:-1]])
    stocks = {"end": K, "begin": begin, "average": (K + begin) / 2}
    inflation = p[1:] / p[:-1] - 1
    growth = np.full(K.shape[0], np.nan)
    shares = {}
    for t in range(1, K.shape[0]):
        window = inflation[max(t - 2, 0) : t + 1]  # of t−1, t, t+1
        gain = window.mean(axis=0) * p[t - 1]
        k = stocks[weight][t]
        rate = (income[t] - ((delta * p[t] - gain) * k).sum()) / (p[t - 1] * k).sum()
        cost = (p[t - 1] * rate + delta * p[t] - gain) * k
        shares[t] = cost / cost.sum()
        if t - 1 in shares:
            dlog = np.log(stocks[timing][t] / stocks[timing][t - 1])
            growth[t] = (shares[t] + shares[t - 1]) / 2 @ dlog
    return growth


@pytest.mark.parametrize(
    ("timing", "weight"),
    [("end", "end"), ("average", "average"), ("begin", "begin"), ("end", "begin")],
)
def test_growth_equals_the_formulas_written_out(timing, weight):
    frame = data()
    out = fit(frame, stock_timing=timing, weight_stock=weight)
    ours = out.to_frame().set_index("industry")["growth"]
    for industry in "AB":
        np.testing.assert_allclose(
            ours[industry], by_hand(frame, industry, timing, weight), rtol=1e-11
        )


def test_ex_post_costs_exhaust_income_and_ex_ante_costs_leave_a_profit():
    frame = data()
    post = fit(frame)
    known = np.isfinite(post.rate)
    np.testing.assert_allclose(post.capital_cost[known], post.capital_income[known], rtol=1e-12)
    np.testing.assert_allclose(post.profit[known], 0.0, atol=1e-12)
    ante = fit(frame, return_rate="ex_ante", rate=0.04, expected_inflation=0.02)
    np.testing.assert_allclose(ante.rate, 0.06)
    assert np.nanmax(np.abs(ante.profit)) > 1
    np.testing.assert_allclose(
        ante.capital_cost + ante.profit, np.where(known, ante.capital_income, np.nan)
    )
    # the internal rate given as a rate is the same thing
    frame = frame.merge(post.to_frame()[["industry", "year", "rate_of_return"]])
    again = fit(frame, {"i": "rate_of_return"}, return_rate="ex_ante", rate="i")
    np.testing.assert_allclose(again.growth, post.growth, rtol=1e-12)


def test_contributions_add_up_and_the_index_chains():
    out = fit(data())
    parts = out.assets().to_frame().groupby(["industry", "year"])["contribution"].sum(min_count=3)
    np.testing.assert_allclose(parts.to_numpy(), out.growth, rtol=1e-12)
    index = out.index(base=2004, value=100.0).to_frame()
    np.testing.assert_allclose(index.loc[index.year == 2004, "capital_services"], 100.0)
    steps = index.groupby("industry")["capital_services"].transform(lambda s: np.log(s).diff())
    known = np.isfinite(steps)
    np.testing.assert_allclose(steps[known], out.growth[known.to_numpy()], rtol=1e-10)
    np.testing.assert_allclose(out.composition, out.growth - out.stock_growth)


def test_equal_growth_of_all_assets_is_the_growth_of_services_whatever_the_weights():
    frame = data()
    first = frame.groupby(["industry", "asset"])["K"].transform("first")
    frame["K"] = first * 1.03 ** (frame["year"] - 2000)
    out = fit(frame)
    np.testing.assert_allclose(out.growth[np.isfinite(out.growth)], np.log(1.03), rtol=1e-10)
    np.testing.assert_allclose(out.composition[np.isfinite(out.growth)], 0.0, atol=1e-12)


def test_taxes_enter_the_rental_price():
    frame = data().assign(T=1.1, x=0.01)
    plain = fit(frame)
    taxed = fit(frame, {"T": "T", "x": "x"}, tax_factor="T", property_tax="x")
    known = np.isfinite(plain.rate)
    assert (taxed.rate[known] < plain.rate[known]).all()
    np.testing.assert_allclose(taxed.capital_cost[known], taxed.capital_income[known], rtol=1e-12)


def test_the_first_two_years_say_why_they_have_no_growth():
    out = fit(data())
    reasons = out.to_frame(reasons=True).set_index(["industry", "year"])["reason"]
    assert reasons["A", 2000] == "no figures one period earlier"
    assert reasons["A", 2001].startswith("no value in the period before")
    assert (reasons["A"].loc[2002:] == "").all()
    assert out.sample.balanced
    assert out.sample.used == 36  # asset rows: two industries, six years, three assets
    # with shares of the later year alone, the second year has growth
    assert np.isfinite(fit(data(), share_timing="current").growth).sum() == 14


def test_gaps_are_not_bridged():
    frame = data(industries=("A",))
    out = fit(frame[frame.year != 2004])
    missing = out.to_frame().set_index("year")["growth"].isna()
    assert missing[missing].index.tolist() == [2000, 2001, 2005, 2006]


def test_order_of_rows_and_library_do_not_matter():
    frame = data()
    shuffled = frame.sample(frac=1.0, random_state=1)
    np.testing.assert_array_equal(fit(frame).growth, fit(shuffled).growth)
    polars = pytest.importorskip("polars")
    out = fit(polars.from_pandas(shuffled))
    np.testing.assert_array_equal(fit(frame).growth, out.growth)
    assert isinstance(out.to_frame(), polars.DataFrame)


# --- policies and bad input ---------------------------------------------------------------------


def booming(jump=1.6):
    frame = data(industries=("A",))
    buildings = (frame.asset == "building") & (frame.year >= 2004)
    frame.loc[buildings, "p"] *= jump  # a boom that the rate of return does not cover
    return frame


def test_negative_user_cost_is_a_policy():
    frame = booming()
    with pytest.raises(tfp.DataError, match="user cost is not above zero") as caught:
        fit(frame)
    assert caught.value.code == "negative_user_cost"
    assert caught.value.entity == "A, building"
    for options in ({"negative": "floor"}, {"negative": "smooth", "smooth_periods": 7}):
        out = fit(frame, **options)
        known = np.isfinite(out.rate)
        assert (out.user_cost[np.isfinite(out.user_cost)] > 0).all()
        np.testing.assert_allclose(out.capital_cost[known], out.capital_income[known], rtol=1e-12)
        assert sum(out.sample.notes.values()) > 0
    assert (fit(frame, capital_gains="none").user_cost[out.user_cost > 0] > 0).all()


def test_smoothing_that_does_not_help_stops():
    with pytest.raises(tfp.DataError, match="user cost is not above zero"):
        fit(booming(40.0), negative="smooth")


def test_capital_income_that_is_not_above_zero_is_a_policy():
    frame = data(industries=("A",)).assign(va=80.0)
    frame.loc[frame.year == 2003, "income"] = -5.0
    with pytest.raises(tfp.DataError, match="capital income is -5") as caught:
        fit(frame)
    assert (caught.value.code, caught.value.time) == ("negative_income", 2003)
    out = fit(frame, {"value_added": "va"}, negative_income="share", negative="floor")
    assert out.capital_income[3] == pytest.approx(4.0)
    assert out.sample.notes["capital income not above zero, replaced by 5% of value added"] == 1


def test_a_missing_price_of_an_asset_in_use():
    frame = data(industries=("A",))
    hole = (frame.asset == "it") & (frame.year == 2004)
    frame.loc[hole, "p"] = np.nan
    with pytest.raises(
        tfp.DataError, match="price or depreciation rate of an asset is missing"
    ) as caught:
        fit(frame)
    assert (caught.value.entity, caught.value.time) == ("A, it", 2004)
    out = fit(frame, missing="missing").to_frame().set_index("year")["growth"]
    # its rental price is unknown in 2004 and, for want of the earlier price, in 2005
    assert out[out.isna()].index.tolist() == [2000, 2001, 2004, 2005, 2006]
    frame.loc[frame.asset == "it", "K"] = 0.0  # not in use: no price needed
    assert np.isfinite(fit(frame).growth).sum() == 6


def test_an_asset_that_enters_has_no_growth_unless_the_matched_are_asked_for():
    frame = data(industries=("A",))
    frame.loc[(frame.asset == "it") & (frame.year < 2004), "K"] = 0.0
    out = fit(frame)
    reasons = out.to_frame(reasons=True).set_index("year")["reason"]
    assert reasons[2004].startswith("a kind comes or goes")
    both = fit(frame, matched="only")
    assert np.isfinite(both.growth[4])
    # where its rows are absent, so is the price of 2003, and with it the user cost of 2004
    absent = fit(frame[~((frame.asset == "it") & (frame.year < 2004))])
    assert np.isnan(absent.growth[4:6]).all()
    np.testing.assert_allclose(absent.growth[[2, 3, 7]], out.growth[[2, 3, 7]])
    assert absent.sample.notes == {"assets in use without a price one period earlier": 1}


@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        ("K", -1.0, "stock is negative"),
        ("p", 0.0, "price is not above zero"),
        ("K", np.nan, "missing"),
    ],
)
def test_impossible_numbers(column, value, match):
    frame = data(industries=("A",))
    frame.loc[5, column] = value
    with pytest.raises(tfp.DataError, match=match):
        fit(frame)


def test_income_that_differs_between_assets():
    frame = data(industries=("A",))
    frame.loc[frame.asset == "it", "income"] = np.nan  # given in some rows only: fine
    fit(frame)
    frame.loc[(frame.asset == "machines") & (frame.year == 2002), "income"] += 1
    with pytest.raises(tfp.DataError, match="differs between the rows") as caught:
        fit(frame)
    assert caught.value.time == 2002


def test_a_panel_without_assets():
    frame = data(industries=("A",)).query("asset == 'it'")
    panel = tfp.Panel.from_frame(frame, entity="industry", time="year", capital="K")
    with pytest.raises(tfp.DataError, match="no assets"):
        tfp.CapitalServices(depreciation=0.1).fit(panel)


@pytest.mark.parametrize(
    "options",
    [
        {"return_rate": "guess"},
        {"return_rate": "ex_ante"},
        {"rate": 0.05},
        {"depreciation": 1.3},
        {"depreciation": {"it": -0.1}},
        {"negative": "ignore"},
        {"floor": 0.0},
        {"income_floor": 2.0},
        {"smooth_periods": 0},
        {"stock_timing": "never"},
    ],
)
def test_options_that_contradict_are_refused(options):
    with pytest.raises(tfp.SpecificationError):
        tfp.CapitalServices(**options)


def test_specification_travels_and_result_speaks():
    spec = tfp.CapitalServices(depreciation=RATES, return_rate="ex_ante", rate=0.05)
    assert tfp.spec_from_dict(spec.to_dict()) == spec
    out = spec.fit(panel_of(data()))
    assert "ex_ante" in out.summary()
    assert out.tidy()["industry"].tolist() == ["A", "B"]
    assert out.to_dict()["result"] == "CapitalServicesResult"


def test_from_investment_to_services():
    """Stocks of the perpetual inventory, prices and income, in one chain of three calls."""
    rng = np.random.default_rng(3)
    rows = [
        ("A", 2000 + t, a, rng.uniform(8, 12) * 1.03**t, 1.02**t)
        for a in ("machines", "building") for t in range(10)
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["industry", "year", "asset", "i", "p"])
    panel = tfp.Panel.from_frame(
        frame, entity="industry", time="year", item="asset", investment="i", columns={"price": "p"}
    )
    stocks = tfp.PerpetualInventory(depreciation=RATES | {"it": 0.3}, growth=0.03).fit(panel)
    assets = stocks.to_frame().assign(p=frame["p"], income=60.0)
    out = fit(assets.rename(columns={"capital": "K"}))
    assert np.isfinite(out.growth).sum() == 8
    assert (np.abs(out.growth[np.isfinite(out.growth)] - 0.03) < 0.05).all()
    assert kernel.OK == 0
