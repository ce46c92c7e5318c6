"""Hsieh and Klenow's model against stated figures: two industries of four firms, and its limit."""

from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels import misallocation as mis

# two industries of four firms; gains recomputed by two routes in two languages
PY = np.array([100.0, 200, 50, 400, 80, 120, 60, 300])
WL = np.array([40.0, 60, 30, 90, 20, 70, 15, 110])
K = np.array([300.0, 500, 80, 1500, 100, 500, 90, 400])
SHARE = np.array([1 / 3, 1 / 2])
CELL = np.repeat([0, 1], 4)
YEAR = np.zeros(2, np.int64)
GAIN = {3.0: 11.5259181232706, 5.0: 14.559727970739722}
# percent; the figures carry fifteen digits
PERCENT = 1e-10
# the file keeps twelve significant digits
TWELVE_DIGITS = 1e-11


def solve(py=PY, wl=WL, k=K, elasticity=3.0):
    return mis.hsieh_klenow(py, wl, k, SHARE, CELL, YEAR, 1, elasticity)


@pytest.mark.parametrize("elasticity", [3.0, 5.0])
def test_gain(elasticity):
    gain = 100 * solve(elasticity=elasticity).gain[0]
    assert gain == pytest.approx(GAIN[elasticity], abs=PERCENT)


def test_gain_does_not_depend_on_units():
    assert 100 * solve(py=3 * PY, k=7 * K).gain[0] == pytest.approx(GAIN[3.0], abs=PERCENT)
    assert 100 * solve(wl=1000 * WL).gain[0] == pytest.approx(GAIN[3.0], abs=PERCENT)


def test_firms_and_industries(reference):
    want = reference("aggregation")["hsieh_klenow"]["small_example"]
    terms, wedges = solve(), mis.firm_wedges(PY, WL, K, SHARE[CELL], 3.0, 0.1)
    ours = {
        "one_plus_tauK": wedges.capital,
        "one_minus_tauY": wedges.output,
        "A": wedges.tfpq,
        "tfpr": wedges.tfpr,
        "mrpl": wedges.mrpl,
        "mrpk": wedges.mrpk,
        "tfpr_bar": np.exp(terms.log_tfpr_bar)[CELL],
        "A_bar": np.exp(terms.log_a_bar)[CELL],
        "ln_tfpr_dev": terms.tfpr_deviation,
        "ln_tfpq_dev": terms.tfpq_deviation,
    }
    for name, values in ours.items():
        assert values == pytest.approx(want["firm"][name], rel=TWELVE_DIGITS), name
    sector = want["sector"]
    assert terms.theta == pytest.approx(sector["theta"], rel=TWELVE_DIGITS)
    assert np.exp(terms.log_efficiency) == pytest.approx(sector["eff_ratio"], rel=TWELVE_DIGITS)
    assert terms.firms.tolist() == sector["n"]
    assert terms.efficiency[0] == pytest.approx(want["result"]["y_over_yeff"], rel=TWELVE_DIGITS)
    variance = mis.spread(np.log(wedges.tfpr), CELL, 2)
    assert variance == pytest.approx(sector["var_ln_tfpr"], rel=TWELVE_DIGITS)


def test_industry_tfp_is_had_from_aggregates_alone():
    # the note prints seven digits
    assert np.exp(solve().log_tfp) == pytest.approx([42.21348, 27.37471], abs=5.1e-6)


@pytest.mark.parametrize(
    ("sd_output", "sd_capital", "exact", "formula", "first_alone"),
    [(0.3, 0.0, -0.13522, -0.13519, -0.13519), (0.2, 0.6, -0.15975, -0.15979, -0.11984)],
)
def test_log_normal_limit_needs_both_terms(sd_output, sd_capital, exact, formula, first_alone):
    """Figures: simulation with two million firms. Ours is smaller, so its noise is larger."""
    rng = np.random.default_rng(12345)
    n, sigma, a = 400_000, 3.0, 1 / 3
    log_a = 0.5 * rng.standard_normal(n)
    log_tau_y, log_tau_k = sd_output * rng.standard_normal(n), sd_capital * rng.standard_normal(n)
    log_tfpr = a * log_tau_k - log_tau_y
    py = np.exp((sigma - 1) * (log_a - log_tfpr))
    wl = py * np.exp(log_tau_y)
    k = wl / np.exp(log_tau_k)
    cell, share = np.zeros(n, np.int64), np.array([a])
    terms = mis.hsieh_klenow(py, wl, k, share, cell, np.zeros(1, np.int64), 1, sigma)
    wedge = mis.firm_wedges(py, wl, k, np.full(n, a), sigma, 0.1)
    first, second = mis.lognormal_efficiency(
        mis.spread(np.log(wedge.tfpr), cell, 1),
        mis.spread(np.log(wedge.capital), cell, 1),
        share,
        sigma,
    )
    noise = 0.002  # three standard errors of a variance-like sum over 400,000 firms
    assert terms.log_efficiency[0] == pytest.approx(exact, abs=noise)
    assert (first + second)[0] == pytest.approx(formula, abs=noise)
    assert first[0] == pytest.approx(first_alone, abs=noise)
    assert (first + second)[0] == pytest.approx(terms.log_efficiency[0], abs=noise)
    if sd_capital:
        assert abs(first[0] - terms.log_efficiency[0]) > 0.03
