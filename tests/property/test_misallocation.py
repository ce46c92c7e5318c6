"""What must hold of Hsieh and Klenow's gain whatever the firms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import misallocation as mis

ROUNDING = 1e-11
seeds = st.integers(0, 2**32 - 1)


def firms(seed, sectors=3, years=2):
    rng = np.random.default_rng(seed)
    n = 60
    py, wl, k = np.exp(rng.normal(size=(3, n)))
    cell = rng.integers(0, sectors * years, n)
    share = rng.uniform(0.2, 0.7, sectors * years)
    return py, wl, k, share, cell, np.repeat(np.arange(years), sectors), years


@given(seeds, st.floats(1.5, 8))
def test_gain_by_the_wedge_route(seed, sigma):
    """The printed formulas firm by firm, with harmonic means of marginal products."""
    py, wl, k, share, cell, year, years = firms(seed)
    terms = mis.hsieh_klenow(py, wl, k, share, cell, year, years, sigma)
    rental = 0.1
    log_ratio = np.zeros(years)
    theta_total = np.bincount(year[cell], py, years)
    for s in range(share.shape[0]):
        mine = cell == s
        if not mine.any():
            continue
        a, PY = share[s], py[mine].sum()
        w = mis.firm_wedges(py[mine], wl[mine], k[mine], np.full(mine.sum(), a), sigma, rental)
        mrpl = 1 / (w.output * py[mine] / PY).sum()
        mrpk = 1 / (w.output / (w.capital * rental) * py[mine] / PY).sum()
        tfpr_bar = sigma / (sigma - 1) * (mrpk / a) ** a * (mrpl / (1 - a)) ** (1 - a)
        a_bar = (w.tfpq ** (sigma - 1)).sum() ** (1 / (sigma - 1))
        inner = ((w.tfpq / a_bar * tfpr_bar / w.tfpr) ** (sigma - 1)).sum()
        theta = PY / theta_total[year[s]]
        log_ratio[year[s]] += theta / (sigma - 1) * np.log(inner)
        assert np.exp(terms.log_tfpr_bar[s]) == pytest.approx(tfpr_bar, rel=ROUNDING)
        assert terms.theta[s] == pytest.approx(theta, rel=ROUNDING)
    assert np.log1p(terms.gain) == pytest.approx(-log_ratio, abs=ROUNDING)


@given(seeds, st.floats(1.5, 8))
def test_gain_is_never_negative(seed, sigma):
    terms = mis.hsieh_klenow(*firms(seed), sigma)
    assert (terms.gain >= 0).all()
    assert (terms.log_efficiency[np.isfinite(terms.log_efficiency)] <= ROUNDING).all()


@given(seeds)
def test_gain_is_above_zero_when_tfpr_differs_inside_an_industry(seed):
    py, wl, k, share, cell, year, years = firms(seed)
    terms = mis.hsieh_klenow(py, wl, k, share, cell, year, years, 3.0)
    for t in range(years):
        deviation = terms.tfpr_deviation[year[cell] == t]
        if np.abs(deviation).max(initial=0.0) > 1e-3:
            assert terms.gain[t] > 0


@given(seeds)
def test_gain_is_zero_when_tfpr_is_equal_inside_industries(seed):
    """Equal TFPR with equal capital intensity is the efficient allocation."""
    py, _, _, share, cell, year, years = firms(seed)
    wl, k = py * (0.3 + 0.1 * cell), py * (2.0 + cell)
    terms = mis.hsieh_klenow(py, wl, k, share, cell, year, years, 3.0)
    assert terms.gain == pytest.approx(np.zeros(years), abs=ROUNDING)
    assert terms.tfpr_deviation == pytest.approx(np.zeros(py.shape[0]), abs=ROUNDING)


@given(seeds, st.tuples(*[st.floats(1e-6, 1e6)] * 3))
def test_gain_does_not_depend_on_units(seed, factors):
    py, wl, k, *rest = firms(seed)
    before = mis.hsieh_klenow(py, wl, k, *rest, 3.0)
    after = mis.hsieh_klenow(py * factors[0], wl * factors[1], k * factors[2], *rest, 3.0)
    assert np.log1p(after.gain) == pytest.approx(np.log1p(before.gain), abs=ROUNDING)
    assert after.tfpr_deviation == pytest.approx(before.tfpr_deviation, abs=ROUNDING)


@given(seeds)
def test_sampling_weights_stand_for_copies(seed):
    py, wl, k, share, cell, year, years = firms(seed)
    copies = np.random.default_rng(seed).integers(1, 4, py.shape[0])
    many = [np.repeat(a, copies) for a in (py, wl, k)]
    ours = mis.hsieh_klenow(py, wl, k, share, cell, year, years, 3.0, design=copies.astype(float))
    theirs = mis.hsieh_klenow(*many, share, np.repeat(cell, copies), year, years, 3.0)
    assert ours.gain == pytest.approx(theirs.gain, rel=1e-9)
    again = np.repeat(ours.tfpq_deviation, copies)
    assert again == pytest.approx(theirs.tfpq_deviation, abs=ROUNDING)


@given(seeds)
def test_rows_outside_the_cells_are_as_if_absent(seed):
    py, wl, k, share, cell, year, years = firms(seed)
    out = np.random.default_rng(seed).random(py.shape[0]) < 0.3
    marked = mis.hsieh_klenow(py, wl, k, share, np.where(out, -1, cell), year, years, 3.0)
    absent = mis.hsieh_klenow(py[~out], wl[~out], k[~out], share, cell[~out], year, years, 3.0)
    assert marked.gain == pytest.approx(absent.gain, rel=ROUNDING)
    assert np.isnan(marked.tfpr_deviation[out]).all()


@given(seeds, st.sampled_from([0.0, 0.01, 0.05, 0.1]))
def test_trimming_cuts_both_tails_of_both_distributions_by_year(seed, share):
    rng = np.random.default_rng(seed)
    n = 120
    tfpr, tfpq, year = rng.normal(size=n), rng.normal(size=n), rng.integers(0, 2, n)
    tfpr[:3] = np.nan
    stays = mis.trim_tails(tfpr, tfpq, year, 2, share)
    for i in range(n):
        mine = (year == year[i]) & np.isfinite(tfpr)
        expected = np.isfinite(tfpr[i]) and all(
            np.quantile(x[mine], share) <= x[i] <= np.quantile(x[mine], 1 - share)
            for x in (tfpr, tfpq)
        )
        assert stays[i] == expected


def test_overflow_does_not_happen_with_elasticities_that_overflow_powers():
    py = np.array([1e-150, 1.0, 1e150])
    terms = mis.hsieh_klenow(
        py, py / 2, py, np.array([0.4]), np.zeros(3, np.int64), np.zeros(1, np.int64), 1, 9.0
    )
    assert terms.gain[0] == pytest.approx(0.0, abs=1e-9)
