"""Public capital and output of US states (Munnell 1990, as in Baltagi's textbook).

Expected values: R plm 2.6-2 and Python linearmodels 7.1, which agree to six decimals for pooled,
within and Swamy-Arora (note on growth accounting, 3.2).
"""

from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp

SIX_DECIMALS = 5e-7
"""The two programs agree to this; ours should not be the third opinion."""
NINE_DIGITS = 1e-8
"""Relative: the reference is given to nine or ten significant digits."""
PRINTED = 6e-4
"""The textbook table has three decimals."""

INPUTS = ("public", "private", "employees")
EXPECTED = {
    None: (
        [1.643302263, 0.1550070052, 0.3091901674, 0.5939348976, -0.0067329756],
        [0.0575872523, 0.0171537685, 0.0102719869, 0.0137474621, 0.0014163761],
    ),
    "entity": (
        [-0.0261496536, 0.2920069251, 0.7681594726, -0.0052977413],
        [0.02900157547, 0.02511967285, 0.03009173942, 0.00098872567],
    ),
    "two_way": (
        [-0.0301760566, 0.1688280354, 0.7693061962, -0.0042210926],
        [0.0269365437, 0.027656339, 0.0281417941, 0.0011388374],
    ),
    "random": (
        [2.1354110021, 0.0044385885, 0.3105484342, 0.7296705326, -0.006172473],
        [0.1334614885, 0.02341731698, 0.01980474778, 0.02492021915, 0.00090728202],
    ),
}
TEXTBOOK = {
    None: [0.155, 0.309, 0.594, -0.007],
    "entity": [-0.026, 0.292, 0.768, -0.005],
    "random": [0.004, 0.311, 0.730, -0.006],
}


@pytest.fixture(scope="module")
def states():
    return tfp.Panel.from_frame(
        tfp.datasets.load("munnell"),
        entity="STATE",
        time="YR",
        output="GSP",
        inputs={"public": "P_CAP", "private": "PC", "employees": "EMP"},
        columns={"unemployment": "UNEMP"},
    )


def _fit(states, effects, cov="classical"):
    return tfp.CobbDouglas(effects=effects, cov=cov, controls=("unemployment",)).fit(states)


@pytest.mark.parametrize("effects", EXPECTED)
def test_coefficients_and_errors_are_those_of_plm(states, effects):
    b, se = EXPECTED[effects]
    fit = _fit(states, effects)
    np.testing.assert_allclose(np.asarray(fit.params), b, rtol=NINE_DIGITS, atol=1e-10)
    np.testing.assert_allclose(np.asarray(fit.bse), se, rtol=SIX_DECIMALS)


@pytest.mark.parametrize("effects", TEXTBOOK)
def test_coefficients_are_those_of_the_textbook(states, effects):
    found = np.asarray(_fit(states, effects).params)[-4:]
    assert np.abs(found - TEXTBOOK[effects]).max() < PRINTED


def test_figures_of_the_fits(states):
    assert _fit(states, None).details["r_squared"] == pytest.approx(0.9925934, abs=1e-7)
    random = _fit(states, "random").details
    assert random["variance_error"] == pytest.approx(0.001454435, rel=1e-6)
    assert random["variance_entity"] == pytest.approx(0.006837719, rel=1e-6)


# What follows needs no shared number: the peer runs beside us.


@pytest.fixture(scope="module")
def peer_data(states):
    import pandas as pd

    frame = pd.DataFrame(
        {
            "gsp": states.log("output"),
            **{x: states.log(x) for x in INPUTS},
            "unemployment": states["unemployment"],
            "state": states.entity_codes,
            "year": states.time,
        }
    )
    return frame.set_index(["state", "year"])


def _peer(peer_data, **options):
    from linearmodels.panel import PanelOLS

    X = peer_data[[*INPUTS, "unemployment"]]
    return PanelOLS(peer_data["gsp"], X, **options)


def test_clustered_errors_within_equal_linearmodels(states, peer_data):
    ours = np.asarray(_fit(states, "entity", "clustered").bse)
    peer = _peer(peer_data, entity_effects=True).fit(
        cov_type="clustered", cluster_entity=True, group_debias=True
    )
    np.testing.assert_allclose(ours, peer.std_errors.to_numpy(), rtol=1e-8)


def test_robust_errors_two_way_equal_linearmodels(states, peer_data):
    ours = np.asarray(_fit(states, "two_way", "robust").bse)
    peer = _peer(peer_data, entity_effects=True, time_effects=True).fit(cov_type="robust")
    np.testing.assert_allclose(ours, peer.std_errors.to_numpy(), rtol=1e-8)


def test_two_way_clusters_equal_statsmodels(states, peer_data):
    import statsmodels.api as sm

    fit = _fit(states, None, "two_way_clustered")
    X = np.column_stack([np.ones(816), peer_data[[*INPUTS, "unemployment"]].to_numpy()])
    groups = np.column_stack([states.entity_codes, np.unique(states.time, return_inverse=True)[1]])
    peer = sm.OLS(peer_data["gsp"].to_numpy(), X).fit(
        cov_type="cluster", cov_kwds={"groups": groups}, use_t=True
    )
    np.testing.assert_allclose(np.asarray(fit.bse), peer.bse, rtol=1e-8)
    assert fit.dof == 16  # 17 years


def test_first_differences_equal_linearmodels(states, peer_data):
    from linearmodels.panel import FirstDifferenceOLS

    frame = peer_data.reset_index()
    frame["trend"] = frame["year"] - 1970.0
    frame = frame.set_index(["state", "year"])
    X = frame[["trend", *INPUTS, "unemployment"]]
    peer = FirstDifferenceOLS(frame["gsp"], X).fit(cov_type="unadjusted")
    fit = _fit(states, "first_difference")
    np.testing.assert_allclose(np.asarray(fit.params), peer.params.to_numpy(), rtol=1e-9)
    np.testing.assert_allclose(np.asarray(fit.bse), peer.std_errors.to_numpy(), rtol=1e-8)
    assert next(iter(fit.params)) == "mean_growth"
    assert fit.sample.used == 816 - 48


def test_random_effects_with_clusters_equal_linearmodels(states, peer_data):
    from linearmodels.panel import RandomEffects

    X = peer_data[[*INPUTS, "unemployment"]].assign(const=1.0)
    X = X[["const", *INPUTS, "unemployment"]]
    peer = RandomEffects(peer_data["gsp"], X).fit(
        cov_type="clustered", cluster_entity=True, group_debias=True
    )
    fit = _fit(states, "random", "clustered")
    np.testing.assert_allclose(np.asarray(fit.bse), peer.std_errors.to_numpy(), rtol=1e-8)


def test_constant_returns_equal_the_regression_per_worker(states, peer_data):
    import statsmodels.api as sm

    fit = tfp.CobbDouglas(
        inputs=INPUTS, returns="constant", cov="classical", controls=("unemployment",)
    ).fit(states)
    per_worker = peer_data.sub(peer_data["employees"], axis=0)
    X = np.column_stack(
        [
            np.ones(816),
            per_worker["public"],
            per_worker["private"],
            peer_data["unemployment"],
        ]
    )
    peer = sm.OLS(per_worker["gsp"].to_numpy(), X).fit()
    ours = [fit.params[n] for n in ("constant", "public", "private", "unemployment")]
    np.testing.assert_allclose(ours, peer.params, rtol=1e-9)
    errors = [fit.bse[n] for n in ("constant", "public", "private", "unemployment")]
    np.testing.assert_allclose(errors, peer.bse, rtol=1e-8)
    assert fit.returns_to_scale.value == pytest.approx(1.0, abs=1e-12)
    assert fit.returns_to_scale.std_error < 1e-8


def test_wald_equals_statsmodels(states, peer_data):
    import statsmodels.api as sm

    X = np.column_stack([np.ones(816), peer_data[[*INPUTS, "unemployment"]].to_numpy()])
    peer = sm.OLS(peer_data["gsp"].to_numpy(), X).fit()
    fit = _fit(states, None)
    ours = fit.wald("public + private + employees = 1")
    theirs = peer.f_test("x1 + x2 + x3 = 1")
    assert ours.statistic == pytest.approx(float(theirs.fvalue), rel=1e-9)
    assert ours.p_value == pytest.approx(float(theirs.pvalue), rel=1e-7)
    both = fit.wald(["public = 0", "private = 0.3"])
    theirs = peer.f_test("x1 = 0, x2 = 0.3")
    assert both.statistic == pytest.approx(float(theirs.fvalue), rel=1e-9)
    assert fit.wald({"public": 1.0}).statistic == pytest.approx(fit.tvalues["public"] ** 2)
    np.testing.assert_allclose(np.asarray(fit.pvalues), peer.pvalues, rtol=1e-6)
    np.testing.assert_allclose(fit.conf_int()["lower"], peer.conf_int()[:, 0], rtol=1e-8)
