"""Published growth accounts, reproduced.

PWT 11.0 (bundled, CC BY 4.0), Solow (1957) Table 1 (bundled), PWT 10.01 for Viet Nam and the
published figures of Viet Nam's provinces (bundled with their status).
"""

from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp

# the published series are float32: two roundings of numbers near one
PWT_LOG_GROWTH = 2e-7
PWT_INDEX = 1.1e-6
# half a unit of the last printed digit of q, A (three decimals) and k (two decimals)
HALF_Q = HALF_A = 0.0005
HALF_K = 0.005
# the note's table prints two decimals of percentage points and one of percent
TABLE_POINTS = 0.006
TABLE_PERCENT = 0.06


@pytest.fixture(scope="module")
def pwt():
    return tfp.datasets.load("pwt110")


@pytest.mark.parametrize(("output", "published"), [("rgdpna", "rtfpna"), ("rdana", "rwtfpna")])
def test_pwt_tfp_of_all_countries(pwt, output, published):
    panel = tfp.Panel.from_frame(
        pwt,
        entity="country",
        time="year",
        output=output,
        capital="rkna",
        labor="labor_input",
        labor_share="labsh",
    )
    res = tfp.GrowthAccounting.pwt().fit(panel)
    index = res.index(base=2021).to_frame()["tfp_index"].to_numpy()
    series = pwt[published].to_numpy()
    there = np.isfinite(series)
    assert pwt.loc[there, "country"].nunique() == 120
    assert np.isfinite(index[there]).all()
    np.testing.assert_allclose(index[there], series[there], rtol=0, atol=PWT_INDEX)
    growth = res.to_frame()["tfp_growth"].to_numpy()
    both = there[1:] & there[:-1] & (pwt.country.to_numpy()[1:] == pwt.country.to_numpy()[:-1])
    change = np.diff(np.log(np.where(there, series, 1.0)))
    np.testing.assert_allclose(growth[1:][both], change[both], rtol=0, atol=PWT_LOG_GROWTH)


@pytest.mark.parametrize(
    ("variant", "at_least"),
    [({"capital": "rnna"}, 0.005), ({"labor": "emp"}, 0.02)],
)
def test_wrong_variants_miss_pwt(pwt, variant, at_least):
    # measured in the note: stock for services 0.016, no hours 0.088
    korea = pwt[pwt.country == "KOR"]
    roles = {"output": "rgdpna", "capital": "rkna", "labor": "labor_input"}
    panel = tfp.Panel.from_frame(
        korea, entity="country", time="year", labor_share="labsh", **{**roles, **variant}
    )
    res = tfp.GrowthAccounting.pwt().fit(panel)
    index = res.index(base=2021)["tfp_index"]
    there = np.isfinite(index) & korea.rtfpna.notna().to_numpy()
    error = np.diff(np.log(index[there])) - np.diff(np.log(korea.rtfpna.to_numpy()[there]))
    assert np.abs(error).max() > at_least


def solow():
    frame = tfp.datasets.load("solow1957")
    panel = tfp.Panel.from_frame(
        frame, entity="country", time="year", output="q", capital="k", capital_share="capital_share"
    )
    return frame, tfp.GrowthAccounting.solow_1957().fit(panel)


def test_solow_1957_and_his_one_slip():
    frame, res = solow()
    growth = res.tfp_growth[1:]
    printed = frame["A"].to_numpy()
    # a chain restarted at each printed A shows every interval by itself
    error = np.abs(printed[:-1] * (1.0 + growth) - printed[1:])
    rounding = HALF_A * (1 + printed[:-1])  # of A at both ends
    rounding += printed[:-1] * 2 * HALF_Q / frame["q"].to_numpy()[:-1]
    rounding += printed[:-1] * (frame["capital_share"] * 2 * HALF_K / frame["k"]).to_numpy()[:-1]
    bad = np.flatnonzero(error > rounding)
    assert error[bad].min() > 5 * rounding[bad].max()  # not a matter of digits
    assert frame["year"].to_numpy()[bad].tolist() == [1942]
    assert growth[bad[0]] == pytest.approx(0.0414, abs=5e-5)
    assert printed[bad[0] + 1] / printed[bad[0]] - 1 == pytest.approx(0.016, abs=5e-4)
    # only that interval corrected: A(1949) = 1.854, 90.1 % of the growth of q
    chain = np.r_[1.0, printed[1:] / printed[:-1]]
    chain[bad[0] + 1] = 1.0 + growth[bad[0]]
    corrected = float(np.prod(chain))
    assert corrected == pytest.approx(1.854, abs=5e-4)
    q = frame["q"].to_numpy()
    assert (q[-1] - q[-1] / corrected) / (q[-1] - q[0]) == pytest.approx(0.901, abs=5e-4)


def test_solow_1957_full_precision_chain():
    # reference computed from the same rows, no rounding between years
    _, res = solow()
    assert res.index()["tfp_index"][-1] == pytest.approx(1.86230387935, abs=1e-10)


def test_viet_nam_scenarios_of_the_capital_share():
    # PWT 10.01, employment as labor, stock as capital: TFP % a year and % of growth
    shares = [0.30, 0.37, 0.40, 0.50]
    published = {
        (2010, 2015): [(2.64, 44.7), (2.23, 37.7), (2.05, 34.7), (1.46, 24.8)],
        (2015, 2018): [(3.62, 54.0), (3.08, 45.9), (2.84, 42.5), (2.07, 30.9)],
    }
    expected = {span: dict(zip(shares, cells, strict=True)) for span, cells in published.items()}
    growth = {(2010, 2015): (5.91, 7.40, 1.50), (2015, 2018): (6.70, 8.48, 0.77)}
    panel = tfp.Panel.from_frame(
        tfp.datasets.load("vietnam_pwt1001"),
        entity="country",
        time="year",
        output="rgdpna",
        capital="rnna",
        labor="emp",
    )
    res = tfp.GrowthAccounting.vietnam(capital_share=0.4).fit(panel)
    table = res.sensitivity(shares, list(expected))
    assert len(table) == 8
    for row in table.rows():
        points, percent = expected[row["start"], row["end"]][row["capital_share"]]
        assert 100 * row["tfp_growth"] == pytest.approx(points, abs=TABLE_POINTS)
        assert 100 * row["tfp_share_of_growth"] == pytest.approx(percent, abs=TABLE_PERCENT)
    for row in res.periods(list(growth)).rows():
        got = [100 * row[f"{name}_growth"] for name in ("output", "capital", "labor")]
        assert got == pytest.approx(growth[row["start"], row["end"]], abs=TABLE_POINTS)
        parts = row["capital_contribution"] + row["labor_contribution"] + row["tfp_growth"]
        assert parts == pytest.approx(row["output_growth"], abs=1e-12)


def test_provinces_of_viet_nam():
    frame = tfp.datasets.load("vietnam_provinces")
    verdicts = tfp.check_published(frame).to_frame()
    frame["verdict"], frame["reason"] = verdicts["verdict"], verdicts["reason"]
    kon_tum = frame[(frame.province == "Kon Tum") & (frame.sector != "total")]
    # TFP growth / growth: 39.10, 29.61, 20.16 against 39.09, 29.61, 20.12 in print
    assert kon_tum["verdict"].tolist() == ["consistent"] * 3
    ha_giang = frame[frame.province == "Hà Giang"].iloc[0]
    assert ha_giang["verdict"] == "inconsistent"
    assert "a contribution printed as a growth rate?" in ha_giang["reason"]
    assert (frame.loc[frame.province != "Hà Giang", "verdict"] != "inconsistent").all()


def test_published_shares_of_viet_nam_sum_to_one_hundred():
    frame = tfp.datasets.load("vietnam_official")
    verdict = tfp.check_published(frame).to_frame()["verdict"]
    complete = frame[["capital_share_of_growth", "labor_share_of_growth"]].notna().all(axis=1)
    assert complete.sum() == 4
    assert (verdict[complete] == "consistent").all()
    assert frame["status"].str.contains("confirmed").all()


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"capital_share_of_growth": 50.0, "labor_share_of_growth": 30.0,
          "tfp_share_of_growth": 30.0}, "sum to 110"),
        ({"tfp_growth": 3.0, "tfp_share_of_growth": 50.0, "output_growth": 5.0}, "60.00 %"),
    ],
)  # fmt: skip
def test_inconsistent_figures_are_told(figures, words):
    table = tfp.check_published({name: [value] for name, value in figures.items()})
    assert table["verdict"][0] == "inconsistent"
    assert words in table["reason"][0]


def test_too_few_figures_are_not_judged():
    assert tfp.check_published({"tfp_growth": [1.0]})["verdict"][0] == "not checkable"
