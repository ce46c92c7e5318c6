"""Gandhi, Navarro and Rivers on Colombian food plants (the data that gnrprod ships).

Expected roots: an independent numpy program that searched from many starts; share regressions also
R gnrprod 1.1.2 (note on firm estimators, 3.4; reference document ``firm_estimators``).
"""

from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp

SSR = 1e-8
"""Relative: the same minimum found by other steps."""
ROOTS = 1e-5
"""Absolute, as both programs state it; the roots agree to 1e-7 in fact."""
STATIONARY = 2e-4
"""Absolute: the reference minimized another norm of the moments, which moves points that are no
roots."""

DEGREES = (1, 2, 3)
LAGS = {"year": "consecutive years only", "order": "prev_row(as peer)"}


@pytest.fixture(scope="module")
def plants(shared_file):
    import pandas as pd

    frame = pd.read_csv(shared_file("data/production/gnrprod_colombian.csv"))
    # the peer takes the row before for the year before; counting rows makes that so
    frame["order"] = frame.groupby("id")["year"].rank().astype(int)
    return frame


def _panel(frame, time="year"):
    return tfp.Panel.from_frame(
        frame,
        entity="id",
        time=time,
        output="RGO",
        labor="L",
        capital="K",
        materials="RI",
        columns={"share": "share"},
        logs=True,
    )


def _spec(degree=3, **options):
    return tfp.GandhiNavarroRivers(revenue_share="share", share_degree=degree, **options)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("time", LAGS)
def test_roots_of_both_lag_conventions(plants, reference, degree, time):
    expected = reference("firm_estimators")["global_search_gnr_colombian"]
    expected = expected[f"degree{degree}_{LAGS[time]}"]
    fit = _spec(degree).fit(_panel(plants, time))
    assert fit.share_ssr == pytest.approx(expected["first_stage_SSR"], rel=SSR)
    assert fit.details["pairs"] == expected["n"]
    root = expected["minima"][0]
    assert abs(fit.params["labor"] - root["mean_elas_L"]) < ROOTS
    assert abs(fit.params["capital"] - root["mean_elas_K"]) < ROOTS
    assert abs(fit.params["materials"] - expected["mean_flex_elas"]) < ROOTS
    assert fit.roots["kind"][0] == "root"
    assert fit.roots["correlation"][0] < 1e-10
    for other in expected["minima"][1:]:
        gaps = np.abs(fit.roots["labor"] - other["mean_elas_L"]) + np.abs(
            fit.roots["capital"] - other["mean_elas_K"]
        )
        assert gaps.min() < STATIONARY


def test_the_peers_point_is_no_solution(plants, reference):
    peer = reference("firm_estimators")["gnrprod_R"]["default"]
    fit = _spec().fit(_panel(plants, "order"))
    assert fit.share_ssr == pytest.approx(peer["first_stage_SSR"], rel=SSR)
    assert fit.params["materials"] == pytest.approx(peer["mean_elasticities"]["RI"], rel=1e-7)
    # it stops at labor 0.2332 and calls that convergence
    assert peer["mean_elasticities"]["L"] - fit.params["labor"] > 0.007
    assert int((fit.roots["kind"] == "root").sum()) == 1


def test_errors_are_near_the_bootstrap_of_the_reference(plants, reference):
    expected = reference("firm_estimators")["gnr_colombian_bootstrap_100"]
    fit = _spec().fit(_panel(plants, "order"))
    ours = np.array([fit.bse[name] for name in ("labor", "capital", "materials")])
    # 70 of its 100 draws reached a root: some 8 % of noise, and selection
    np.testing.assert_allclose(ours, expected["se"], rtol=0.25)
    assert (ours[:2] > expected["peer_se"][:2]).all()  # drawn firms were no copies of one year


def test_shuffled_rows_give_each_plant_its_own_productivity(plants):
    """The peer hands values out in the order of its own sorting."""
    order = np.random.default_rng(0).permutation(len(plants))
    shuffled = plants.iloc[order].reset_index(drop=True)
    here = _spec(2).fit(_panel(plants)).productivity.to_frame()["productivity"].to_numpy()
    there = _spec(2).fit(_panel(shuffled)).productivity.to_frame()["productivity"].to_numpy()
    np.testing.assert_allclose(there, here[order], atol=1e-7)


def test_units_do_not_matter(plants):
    """The peer minimizes raw moments, which units move away from a root."""
    other = plants.assign(K=plants["K"] + np.log(1e6), L=plants["L"] - np.log(52.0))
    a, b = _spec(2).fit(_panel(plants)), _spec(2).fit(_panel(other))
    np.testing.assert_allclose(np.asarray(b.params), np.asarray(a.params), atol=1e-9)
    np.testing.assert_allclose(
        b.productivity["productivity"], a.productivity["productivity"], atol=1e-6
    )
