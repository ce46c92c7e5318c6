from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp
from tfp_index.errors import DataError, SpecificationError


def _frame(seed=0, firms=200, years=5):
    rng = np.random.default_rng(seed)
    n = firms * years
    firm = np.repeat(np.arange(firms), years)
    industry = firm % 2
    base = np.where(industry[:, None] == 0, [0.3, 0.2, 0.5], [0.2, 0.1, 0.7])
    shares = base * np.exp(0.1 * rng.normal(size=(n, 3)))
    shares /= shares.sum(axis=1, keepdims=True)
    x = rng.normal(size=(n, 3))
    omega = rng.normal(size=n)
    frame = {
        "firm": firm,
        "year": np.tile(np.arange(years), firms),
        "industry": np.array(["B", "C"], object)[industry],
        "y": (base * x).sum(axis=1) + omega,
    }
    for j, name in enumerate("lkm"):
        frame[name], frame[f"s{name}"] = x[:, j], shares[:, j]
    return frame, omega, base


def _panel(frame, **changes):
    roles = {
        "entity": "firm",
        "time": "year",
        "output": "y",
        "labor": "l",
        "capital": "k",
        "materials": "m",
        "labor_share": "sl",
        "capital_share": "sk",
        "columns": {"materials_share": "sm"},
        "groups": {"industry": "industry"},
        "logs": True,
    }
    return tfp.Panel.from_frame(frame, **{**roles, **changes})


@pytest.mark.parametrize("average", ["mean", "median"])
def test_averages_by_industry_recover_productivity(average):
    frame, omega, base = _frame()
    fit = tfp.CostShareResidual(
        inputs=("labor", "capital", "materials"), by="industry", average=average
    ).fit(_panel(frame))
    assert np.abs(fit.productivity["productivity"] - omega).max() < 0.05
    assert np.abs(fit.elasticities_by_row["capital"] - base[:, 1]).max() < 0.01
    assert fit.returns_to_scale.value == pytest.approx(1.0, abs=1e-12)
    assert fit.details["cells"] == 2


def test_own_shares_and_the_remainder():
    frame, _, _ = _frame()
    inputs = ("labor", "capital", "materials")
    all_given = tfp.CostShareResidual(inputs=inputs, average="own").fit(_panel(frame))
    by_hand = frame["y"] - sum(frame[f"s{j}"] * frame[j] for j in "lkm")
    np.testing.assert_allclose(all_given.productivity["productivity"], by_hand, atol=1e-12)
    rest = tfp.CostShareResidual(inputs=inputs, average="own").fit(
        _panel(frame, capital_share=None)
    )
    np.testing.assert_allclose(rest.productivity["productivity"], by_hand, atol=1e-12)


def test_each_period_may_have_its_own_average():
    frame, _, _ = _frame()
    fit = tfp.CostShareResidual(by="industry", over="period").fit(_panel(frame))
    assert fit.details["cells"] == 10
    inside = (frame["industry"] == "C") & (frame["year"] == 3)
    assert np.ptp(fit.elasticities_by_row["labor"][inside]) == 0
    assert fit.elasticities_by_row["labor"][inside][0] == pytest.approx(frame["sl"][inside].mean())


def test_errors_of_means_are_clustered_by_firm():
    rng = np.random.default_rng(0)
    firm = np.repeat(np.arange(50), 4)
    share = np.clip(0.5 + 0.1 * rng.normal(size=50)[firm] + 0.02 * rng.normal(size=200), 0, 1)
    frame = {"firm": firm, "year": np.tile(np.arange(4), 50), "s": share}
    frame |= {name: rng.normal(size=200) for name in "ylk"}
    panel = tfp.Panel.from_frame(
        frame,
        entity="firm",
        time="year",
        output="y",
        labor="l",
        capital="k",
        labor_share="s",
        logs=True,
    )
    fit = tfp.CostShareResidual().fit(panel)
    means = share.reshape(50, 4).mean(axis=1)
    assert fit.bse["labor"] == pytest.approx(means.std() / np.sqrt(50), rel=1e-10)
    assert fit.returns_to_scale.std_error == 0
    assert np.isnan(tfp.CostShareResidual(average="median").fit(panel).bse["labor"])


def test_rows_without_industry_or_share_are_counted():
    frame, _, _ = _frame()
    frame["industry"][3] = None
    frame["sl"][7] = np.nan
    fit = tfp.CostShareResidual(by="industry").fit(_panel(frame))
    assert dict(fit.sample.lost) == {"sl missing": 1, "industry missing": 1}


def test_bad_shares_are_refused():
    frame, _, _ = _frame()
    spec = tfp.CostShareResidual(inputs=("labor", "capital", "materials"))
    with pytest.raises(DataError, match="no share of capital and of materials"):
        spec.fit(_panel(frame, capital_share=None, columns={}))
    frame["sl"] = frame["sl"] * 5
    with pytest.raises(DataError, match="share") as caught:
        spec.fit(_panel(frame))
    assert caught.value.code == "bad_share"
    assert caught.value.column == "sl"


def test_shares_must_sum_to_one():
    frame, _, _ = _frame()
    frame["sm"] = frame["sm"] * 0.9
    with pytest.raises(DataError, match="sum of shares") as caught:
        tfp.CostShareResidual().fit(_panel(frame))
    assert caught.value.time == 0
    assert tfp.CostShareResidual(tolerance=0.2).fit(_panel(frame)).sample.used == 1000


@pytest.mark.parametrize(
    "options", [{"over": "year"}, {"average": "mode"}, {"inputs": ()}, {"tolerance": 2.0}]
)
def test_bad_options_are_refused(options):
    with pytest.raises(SpecificationError):
        tfp.CostShareResidual(**options)
