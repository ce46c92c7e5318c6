"""Capital of China's provinces, 1952–2022, by the method of Zhang (2008).

Investment, prices and stocks: R package CHNCapitalStock 0.1.1. Stocks at the end of the year, in
1952 prices: ``K_1952 = I_1952 / 0.10``, ``K_t = (1 − 0.096) K_{t−1} + I_t / P_t``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp

EXACT = 1e-12  # the same additions and multiplications; rounding of 71 steps is near 5e-15

CHONGQING = 401.376470588235  # its stock at the end of 1996, where its series begins


@pytest.fixture(scope="module")
def provinces(shared_file):
    investment = pd.read_csv(shared_file("data/growth/china_province_investment_asset.csv"))
    stock = pd.read_csv(shared_file("data/growth/china_province_capital_zhang2008_1952prices.csv"))
    frame = investment.merge(stock[["prv", "yr", "K"]], on=["prv", "yr"], validate="1:1")
    frame["start"] = np.where((frame.prv == "chongqing") & (frame.yr == 1996), CHONGQING, np.nan)
    return frame


def fit(frame, **options):
    panel = tfp.Panel.from_frame(
        frame, entity="prv", time="yr", investment="invest",
        columns={"price": "InvestPrice", "start": "start"},
    )  # fmt: skip
    spec = tfp.PerpetualInventory(
        depreciation=0.096, initial="fixed_ratio", ratio=10.0, deflator="price", **options
    )
    out = spec.fit(panel).to_frame()
    return out["capital"].to_numpy() / frame["K"].to_numpy() - 1.0


def test_thirty_provinces_are_exact_and_chongqing_is_not(provinces):
    gap = np.abs(fit(provinces))
    chongqing = (provinces.prv == "chongqing").to_numpy()
    assert provinces.prv.nunique() == 31
    assert gap[~chongqing].max() < EXACT
    # Its series begins in 1996, when it was cut out of Sichuan, with a stock of 6.92 and not 10
    # times its investment: the share of the stock that its area had inherited
    first = provinces[chongqing].iloc[0]
    assert first.yr == 1996
    np.testing.assert_allclose(first.K * first.InvestPrice / first.invest, 6.918564845689351)
    np.testing.assert_allclose(gap[chongqing].max(), 0.44538646714145536, rtol=1e-10)


def test_chongqing_is_exact_from_its_own_first_stock(provinces):
    assert np.abs(fit(provinces, initial_stock="start")).max() < EXACT


def test_documented_stocks(provinces, reference):
    """Sample values of the reference file, and the example that continues Beijing to 2024."""
    known = reference("growth_accounting")["china_provincial_pim"]
    extra = pd.DataFrame(
        {
            "prv": "beijing",
            "yr": [2023, 2024],
            "invest": [10801.2, 11100.0],
            "InvestPrice": [1.86 * 1.03, 1.86 * 1.03 * 1.021],
            "K": [known["documented_example"]["K_2023"], known["documented_example"]["K_2024"]],
            "start": np.nan,
        }
    )
    longer = pd.concat([provinces, extra], ignore_index=True)
    beyond = (fit(longer)[-2:] + 1.0) * extra["K"].to_numpy() - extra["K"].to_numpy()
    assert (np.abs(beyond) <= [5e-6, 5e-3]).all()  # printed with five and two decimals
    table = provinces.set_index(["prv", "yr"]).K
    for province, values in known["sample_K_1952_prices"].items():
        for year, value in values.items():
            np.testing.assert_allclose(table[province, int(year)], value, rtol=1e-12)


def test_a_rebased_stock_starts_rebased(provinces, reference):
    """In prices of 2000 every year's stock is P_2000 times that in prices of 1952.

    CHNCapitalStock leaves the initial stock in prices of 1952 when it changes the base. The
    ratios of its stock to the right one are those of the reference file.
    """
    guangdong = provinces[provinces.prv == "guangdong"].reset_index(drop=True)
    right = (
        guangdong["K"].to_numpy()
        * (guangdong.loc[guangdong.yr == 2000, "InvestPrice"].to_numpy()[0])
    )
    panel = tfp.Panel.from_frame(
        guangdong, entity="prv", time="yr", investment="invest",
        columns={"price": "InvestPrice", "start": "start"},
    )  # fmt: skip
    spec = tfp.PerpetualInventory(
        depreciation=0.096, initial="fixed_ratio", ratio=10.0, deflator="price", base=2000
    )
    ours = spec.fit(panel).capital
    np.testing.assert_allclose(ours, right, rtol=EXACT)

    unconverted = tfp.PerpetualInventory(
        depreciation=0.096, initial="given", initial_stock=float(guangdong["K"].iloc[0]),
        deflator="price", base=2000,
    )  # fmt: skip
    ratio = pd.Series(unconverted.fit(panel).capital / right, index=guangdong.yr)
    for year, value in reference("growth_accounting")["china_provincial_pim"]["rebasing_bug"][
        "ratio"
    ].items():
        np.testing.assert_allclose(ratio[int(year)], value, atol=5e-8)  # seven printed digits
