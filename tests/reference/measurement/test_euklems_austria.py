"""Capital services and labor's share of Austria, EU KLEMS & INTANProd, 2024 release."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp

ASSETS = ["IT", "CT", "Soft_DB", "TraEq", "OMach", "OCon", "Rstruc", "Cult", "RD", "OIPP"]

# Percentage points of growth. Printed depreciation rates have three decimals and are those of
# the total economy; that alone moves growth by some hundredths of a point.
TOTAL_PP = 0.02


@pytest.fixture(scope="module")
def austria(shared_file):
    return pd.read_csv(shared_file("data/growth/euklems_intanprod_austria_1995_2021.csv"))


@pytest.fixture(scope="module")
def assets(austria, reference):
    rates = reference("growth_accounting")["euklems_intanprod_austria_TOT"]["depreciation_TOT"]
    rates = {name.lower(): rate for name, rate in rates.items()}
    long = pd.concat(
        [
            austria[["industry", "year", "CAP"]].assign(
                asset=a,
                stock=austria[f"Kq_{a}"],
                price=austria[f"Ip_{a}"] / 100,
                delta=rates[a.lower()],
            )
            for a in ASSETS
        ]
    )
    return long


def services(long, **options):
    panel = tfp.Panel.from_frame(
        long, entity="industry", time="year", item="asset", capital="stock",
        columns={"price": "price", "depreciation": "delta", "capital_income": "CAP"},
    )  # fmt: skip
    return tfp.CapitalServices(**options).fit(panel)


def gaps(result, austria, name):
    """Percentage points between our growth of services and the published index."""
    frame = result.to_frame()
    frame = frame[frame.industry == name].set_index("year")
    published = austria[austria.industry == name].set_index("year")["CAP_QI"]
    return 100 * (frame["growth"] - np.log(published).diff())


def test_services_of_the_total_economy(austria, assets):
    gap = gaps(services(assets[assets.industry == "TOT"]), austria, "TOT").dropna()
    assert gap.index.tolist() == list(range(1997, 2022))
    assert gap.abs().max() < TOTAL_PP
    assert gap.abs().max() == pytest.approx(0.0108, abs=5e-4)  # what it is


def test_user_costs_exhaust_capital_income(assets):
    out = services(assets[assets.industry != "A"])
    known = np.isfinite(out.capital_cost)
    assert known.sum() == 7 * 26
    np.testing.assert_allclose(out.capital_cost[known], out.capital_income[known], rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "low", "high"),
    [
        # the note: lagged stocks in the weights up to 0.12 points, lagged services up to 1.2
        ({"weight_stock": "begin"}, 0.05, 0.2),
        ({"stock_timing": "begin", "weight_stock": "end"}, 0.5, 1.5),
        ({"capital_gains": "actual"}, 0.005, 0.05),
        ({"share_timing": "current"}, 0.005, 0.3),
    ],
    ids=lambda o: "-".join(o) if isinstance(o, dict) else None,
)
def test_conventions_matter_by_this_much(assets, options, low, high):
    total = assets[assets.industry == "TOT"]
    apart = 100 * np.abs(services(total).growth - services(total, **options).growth)
    assert low < np.nanmax(apart) < high


def test_agriculture_needs_a_policy_for_negative_user_costs(assets):
    """Its capital income sits at the floor of 5 % in some years: buildings that gain in price."""
    farms = assets[assets.industry == "A"]
    with pytest.raises(tfp.DataError, match="user cost is not above zero") as caught:
        services(farms)
    assert caught.value.code == "negative_user_cost"
    out = services(farms, negative="floor")
    assert out.sample.notes["user costs not above zero, lifted to the floor"] == 26
    known = np.isfinite(out.capital_cost)
    np.testing.assert_allclose(out.capital_cost[known], out.capital_income[known], rtol=1e-12)
    in_use = np.isfinite(out.user_cost) & (farms.sort_values(["asset", "year"])["stock"] > 0)
    assert (out.user_cost[in_use.to_numpy()] > 0).all()


def share(frame, **options):
    panel = tfp.Panel.from_frame(
        frame, entity="industry", time="year", value_added="VA_CP",
        columns={"compensation": "NA_COMP", "employed": "NA_H_EMP", "employees": "NA_H_EMPE"},
    )  # fmt: skip
    return tfp.LaborShare(adjustment="eu_klems", **options).fit(panel)


# Published LAB and CAP are single precision: 2^-24 = 6e-8
SINGLE = 6e-8


def test_labor_income_of_the_total_economy(austria):
    total = austria[austria.industry == "TOT"].sort_values("year")
    out = share(total)
    np.testing.assert_allclose(out.labor_income, total["LAB"], rtol=SINGLE)
    np.testing.assert_allclose(out.capital_share * total["VA_CP"], total["CAP"], rtol=2 * SINGLE)


def test_labor_of_agriculture_would_exceed_value_added(austria):
    """Published figures are cut to 95 % there; we say so instead and leave the choice open."""
    farms = austria[austria.industry == "A"].sort_values("year").reset_index(drop=True)
    with pytest.raises(tfp.DataError, match="not between 0 and 1"):
        share(farms)
    out = share(farms, invalid="missing")
    cut = np.isclose(farms["LAB"] / farms["VA_CP"], 0.95, rtol=1e-6)
    assert cut.sum() > 0
    assert cut[np.isnan(out.labor_share)].all()
    assert out.sample.lost["share not between 0 and 1"] == int(np.isnan(out.labor_share).sum())
