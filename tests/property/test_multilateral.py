"""What transitive indices must do whatever the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfp_index.kernels import multilateral as m
from tfp_index.kernels.index_formulas import FORMULAS

# sums over at most a few dozen terms of size one to ten
ROUNDING = 1e-12
REVERSIBLE = [f.name for f in FORMULAS.values() if f.reversible and not f.third]


@st.composite
def situations(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = (draw(st.integers(2, 7)), draw(st.integers(1, 4)))
    values = arrays(float, shape, elements=st.floats(0.1, 10.0))
    return draw(values), draw(values)


def ccd(prices: np.ndarray, quantities: np.ndarray) -> np.ndarray:
    value = prices * quantities
    share = value / value.sum(axis=1, keepdims=True)
    return m.deviations_from_mean_firm(list(np.log(quantities).T), list(share.T)).within


@given(situations())
def test_ccd_is_geks_over_tornqvist(data):
    p, q = data
    found = ccd(p, q)
    expected = m.geks(m.pairwise_logs("tornqvist", p, q, kind="quantity")).index
    assert found - found.mean() == pytest.approx(expected, abs=ROUNDING)


@given(situations(), st.integers(0, 1000))
def test_ccd_does_not_depend_on_units_or_order(data, seed):
    p, q = data
    rng = np.random.default_rng(seed)
    unit, order = np.exp(rng.uniform(-5, 5, p.shape[1])), rng.permutation(p.shape[0])
    found = ccd(p, q)
    assert ccd(p / unit, q * unit) == pytest.approx(found, abs=ROUNDING)
    assert ccd(p[order], q[order]) == pytest.approx(found[order], abs=ROUNDING)


@given(situations())
def test_geks_of_two_is_the_bilateral_index_and_of_more_is_transitive(data):
    p, q = data
    for name in REVERSIBLE:
        logs = m.pairwise_logs(name, p[:2], q[:2])
        index = m.geks(logs).index
        assert index[1] - index[0] == pytest.approx(logs[0, 1], abs=ROUNDING), name
        # the definition: the mean of the ways from i to j through every k
        logs = m.pairwise_logs(name, p, q)
        through = (logs[:, :, None] + logs[None, :, :]).mean(axis=1)
        index = m.geks(logs).index
        assert index[None, :] - index[:, None] == pytest.approx(through, abs=ROUNDING), name


@given(situations())
def test_pairwise_logs_are_antisymmetric_because_the_formulas_are_reversible(data):
    p, q = data
    for name in REVERSIBLE:
        forth = m.pairwise_logs(name, p, q)
        back = m.pairwise_logs(name, p[::-1], q[::-1])[::-1, ::-1]
        assert forth == pytest.approx(back, abs=ROUNDING), name


@given(situations(), st.integers(1, 4))
def test_a_further_year_leaves_good_nadiri_sickles_as_it_was(data, years):
    p, q = data
    n = p.shape[0]
    value = p * q
    logs, shares = np.log(q), value / value.sum(axis=1, keepdims=True)
    period = np.sort(np.arange(n) % years)

    def gns(rows: np.ndarray) -> np.ndarray:
        count = int(period[rows].max()) + 1
        d = m.deviations_from_mean_firm(
            list(logs[rows].T), list(shares[rows].T), period[rows], count
        )
        return d.within + m.chain_of_means(d.mean_logs, d.mean_shares)[period[rows]]

    everything = gns(np.arange(n))
    earlier = np.flatnonzero(period < max(period.max(), 1))
    assert gns(earlier) == pytest.approx(everything[earlier], abs=ROUNDING)


@given(situations())
def test_one_year_of_good_nadiri_sickles_is_ccd(data):
    p, q = data
    value = p * q
    d = m.deviations_from_mean_firm(
        list(np.log(q).T),
        list((value / value.sum(axis=1, keepdims=True)).T),
        np.zeros(p.shape[0], np.int64),
        1,
    )
    assert d.within + m.chain_of_means(d.mean_logs, d.mean_shares)[0] == pytest.approx(
        ccd(p, q), abs=ROUNDING
    )


@given(situations())
def test_price_levels_are_proportional_and_start_at_one(data):
    p, q = data
    for method in (m.geary_khamis, m.time_product_dummy):
        index = method(p, q)
        assert index[0] == pytest.approx(0.0, abs=ROUNDING)
        same = method(np.vstack([p[0], 2 * p[0]]), q[:2])
        assert same[1] == pytest.approx(np.log(2), abs=1e-10)
