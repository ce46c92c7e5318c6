from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp


def accounts(**columns):
    frame = {
        "country": ["A", "A", "B"],
        "year": [2000, 2001, 2000],
        "gdp": [100.0, 110.0, 50.0],
        "coe": [40.0, 44.0, 15.0],
        "mixed": [20.0, 22.0, 10.0],
        "tax": [10.0, 11.0, 5.0],
        "all": [15.0, 15.0, 40.0],
        "emp": [10.0, 11.0, 20.0],
        "own": [12.0, 13.0, 9.0],
        **columns,
    }
    return tfp.Panel.from_frame(
        frame, entity="country", time="year", value_added="gdp",
        columns={
            "compensation": "coe", "mixed_income": "mixed", "taxes": "tax", "employed": "all",
            "employees": "emp", "own_income": "own",
        },
    )  # fmt: skip


# Shares of the first row, worked out by hand
BY_HAND = {
    "none": 40 / 90,
    "gollin_1": 60 / 90,
    "gollin_2": 40 / 70,
    "gollin_3": 60 / 90,
    "eu_klems": 60 / 90,
    "vietnam_full_income": 60 / 90,
}


@pytest.mark.parametrize("adjustment", list(BY_HAND))
def test_each_adjustment_equals_its_formula_and_records_itself(adjustment):
    out = tfp.LaborShare(adjustment=adjustment, net_taxes="taxes").fit(accounts())
    np.testing.assert_allclose(out.labor_share[0], BY_HAND[adjustment], rtol=1e-14)
    np.testing.assert_allclose(out.labor_share + out.capital_share, 1.0)
    np.testing.assert_allclose(out.labor_income[0], 90 * BY_HAND[adjustment], rtol=1e-14)
    assert out.record.specification["options"]["adjustment"] == adjustment
    assert out.glance()["adjustment"].tolist() == [adjustment]


def test_taxes_stay_in_unless_named():
    share = tfp.LaborShare(adjustment="none").fit(accounts()).labor_share
    np.testing.assert_allclose(share[0], 0.4)


def test_full_income_of_labor_by_two_ways():
    pay = tfp.LaborShare(adjustment="vietnam_full_income", relative_pay=0.5).fit(accounts())
    np.testing.assert_allclose(pay.labor_share[0], (40 + 0.5 * 5 * 40 / 10) / 100)
    given = tfp.LaborShare(adjustment="vietnam_full_income", own_account_income="own_income")
    np.testing.assert_allclose(given.fit(accounts()).labor_share, [0.52, 57 / 110, 0.48])


@pytest.mark.parametrize(
    ("coe", "share"), [(0.0, 0.0), (66.0, 1.0), (70.0, 70 / 66), (-3.0, -3 / 66)]
)
def test_shares_at_and_beyond_the_bounds(coe, share):
    """Employees are two thirds of those employed, so 66 pays all of value added."""
    panel = accounts(coe=[40.0, 44.0, coe], gdp=[100.0, 110.0, 99.0], all=[15.0, 15.0, 30.0])
    spec = tfp.LaborShare(adjustment="gollin_3")
    with pytest.raises(tfp.DataError, match="not between 0 and 1") as caught:
        spec.fit(panel)
    assert (caught.value.entity, caught.value.code) == ("B", "share_out_of_range")
    left_out = tfp.LaborShare(adjustment="gollin_3", invalid="missing").fit(panel)
    assert np.isnan(left_out.labor_share[2])
    assert left_out.sample.lost == {"share not between 0 and 1": 1}
    kept = tfp.LaborShare(adjustment="gollin_3", invalid="keep").fit(panel)
    np.testing.assert_allclose(kept.labor_share[2], share, rtol=1e-12)
    assert kept.sample.notes == {"share not between 0 and 1, kept": 1}
    assert kept.sample.balanced


def test_bases_that_are_not_above_zero():
    panel = accounts(mixed=[20.0, 22.0, 60.0])
    with pytest.raises(tfp.DataError, match="not between 0 and 1"):
        tfp.LaborShare(adjustment="gollin_2").fit(panel)
    out = tfp.LaborShare(adjustment="gollin_2", invalid="missing").fit(panel)
    assert out.sample.lost == {"share not between 0 and 1": 1}


def test_missing_figures_are_counted():
    out = tfp.LaborShare(adjustment="gollin_1").fit(accounts(mixed=[20.0, np.nan, 10.0]))
    assert np.isnan(out.labor_share).tolist() == [False, True, False]
    assert out.sample.lost == {"a figure is missing": 1}
    assert out.tidy()["labor_share"].tolist() == [0.6, 0.5]


def test_more_employees_than_employed():
    with pytest.raises(tfp.DataError, match="outnumber") as caught:
        tfp.LaborShare().fit(accounts(emp=[10.0, 16.0, 20.0]))
    assert caught.value.time == 2001


@pytest.mark.parametrize(
    "options",
    [
        {"adjustment": "gollin_4"},
        {"relative_pay": 0.5},
        {"adjustment": "vietnam_full_income", "relative_pay": -1.0},
        {"adjustment": "vietnam_full_income", "relative_pay": 0.5, "own_account_income": "x"},
        {"invalid": "clip"},
    ],
)
def test_options_that_contradict_are_refused(options):
    with pytest.raises(tfp.SpecificationError):
        tfp.LaborShare(**options)


def workers(seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (i, t, k, rng.uniform(5, 30), rng.uniform(1, 4))
        for i in "AB" for t in range(2000, 2005) for k in ("low", "middle", "high")
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["industry", "year", "type", "h", "w"])
    return frame.assign(coe=frame.h * frame.w)


def services(frame, **options):
    panel = tfp.Panel.from_frame(
        frame, entity="industry", time="year", item="type", labor="h",
        columns={"compensation": "coe", "wage": "w"},
    )  # fmt: skip
    return tfp.LaborServices(**options).fit(panel)


def test_labor_services_are_hours_times_composition():
    frame = workers()
    out = services(frame)
    for industry in "AB":
        wide = frame[frame.industry == industry].pivot(index="year", columns="type")
        share = wide["coe"].div(wide["coe"].sum(axis=1), axis=0)
        growth = ((share + share.shift()) / 2 * np.log(wide["h"]).diff()).sum(axis=1, min_count=3)
        hours = np.log(wide["h"].sum(axis=1)).diff()
        ours = out.to_frame().set_index("industry").loc[industry]
        np.testing.assert_allclose(ours["growth"], growth, rtol=1e-12)
        np.testing.assert_allclose(ours["composition"], growth - hours, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(ours["hours"], wide["h"].sum(axis=1))
    np.testing.assert_allclose(services(frame, wage="wage").growth, out.growth, rtol=1e-12)
    index = out.index(value=100.0)
    np.testing.assert_allclose(
        index["labor_services"] / index["composition"],
        100 * out.hours / out.hours[[0, 5]].repeat(5) / 100,
    )


def test_equal_pay_makes_composition_nothing():
    frame = workers()
    frame["coe"] = 3.0 * frame["h"]
    out = services(frame)
    # with one wage the Törnqvist index and the sum of hours differ only in how they average
    assert np.nanmax(np.abs(out.composition)) < 0.05
    frame["h"] = frame.groupby("type")["h"].transform("first") * 1.02 ** (frame.year - 2000)
    np.testing.assert_allclose(
        services(frame).composition, np.tile([np.nan, 0, 0, 0, 0], 2), atol=1e-13
    )


def test_missing_pay_and_negative_hours():
    frame = workers()
    frame.loc[4, "coe"] = np.nan
    with pytest.raises(tfp.DataError, match="hours or their pay are missing"):
        services(frame)
    assert np.isnan(services(frame, missing="missing").growth).sum() == 4
    frame.loc[4, "h"] = -1.0
    with pytest.raises(tfp.DataError, match="labor is negative"):
        services(frame)


def test_labor_services_speak():
    out = services(workers())
    assert "Labor services" in out.summary()
    assert out.types().to_frame()["share"].sum() == pytest.approx(10.0)
    assert out.tidy()["industry"].tolist() == ["A", "B"]
    assert out.to_frame(reasons=True)["reason"].iloc[0] == "no figures one period earlier"


def test_human_capital():
    frame = {"c": ["A", "A"], "t": [1, 2], "s": [12.0, np.nan], "L": [100.0, 101.0]}
    panel = tfp.Panel.from_frame(frame, entity="c", time="t", labor="L", columns={"schooling": "s"})
    out = tfp.HumanCapital(labor="labor").fit(panel)
    expected = np.exp(0.134 * 4 + 0.101 * 4 + 0.068 * 4)
    np.testing.assert_allclose(out.human_capital, [expected, np.nan])
    np.testing.assert_allclose(out.to_frame()["labor_services"], [100 * expected, np.nan])
    assert out.sample.lost == {"years of schooling missing": 1}
    assert "largest" in out.summary()
    with pytest.raises(tfp.DataError, match="years of schooling are 1200"):
        tfp.HumanCapital().fit(
            tfp.Panel.from_frame(
                {**frame, "s": [12.0, 1200.0]}, entity="c", time="t", columns={"schooling": "s"}
            )
        )
