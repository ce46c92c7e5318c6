from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import capital


def loop_recurrence(carry, flow, offsets):
    x = np.empty_like(flow)
    for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        previous = 0.0
        for t in range(a, b):
            previous = carry[t] * previous + flow[t]
            x[t] = previous
    return x


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_linear_recurrence_equals_a_loop(lengths, seed):
    rng = np.random.default_rng(seed)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    carry, flow = rng.normal(size=(2, offsets[-1]))
    assert np.array_equal(
        capital.linear_recurrence(carry, flow, offsets), loop_recurrence(carry, flow, offsets)
    )


@pytest.mark.parametrize("ragged", [False, True])
def test_linear_recurrence_over_many_blocks(ragged):
    rng = np.random.default_rng(3)
    lengths = rng.integers(1, 16, 20_000) if ragged else np.full(20_000, 15)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    carry, flow = rng.normal(size=(2, offsets[-1]))
    assert np.array_equal(
        capital.linear_recurrence(carry, flow, offsets), loop_recurrence(carry, flow, offsets)
    )


# closed forms of the sum of the vintages, by the time of the year at which investment arrives
AGED = {
    "end": lambda d, a: (1 - d) ** a,
    "mid": lambda d, a: (1 - d / 2) * (1 - d) ** a,
    "begin": lambda d, a: (1 - d) ** (a + 1),
}


@pytest.mark.parametrize("timing", list(AGED))
def test_geometric_stock_is_the_sum_of_its_vintages(timing):
    rng = np.random.default_rng(0)
    T, delta, K0 = 12, 0.08, 37.0
    investment = rng.uniform(1, 5, T)
    stock = capital.geometric_stock(
        investment, delta, np.array([K0]), np.array([0, T]), timing=timing
    )
    for t in range(T):
        ages = t - np.arange(t + 1.0)
        expected = K0 * (1 - delta) ** (t + 1) + AGED[timing](delta, ages) @ investment[: t + 1]
        np.testing.assert_allclose(stock[t], expected, rtol=1e-13)


def test_geometric_stock_with_rates_that_vary_and_a_stock_at_the_end_of_the_first_year():
    investment = np.array([10.0, 20.0, 30.0])
    delta = np.array([0.1, 0.2, 0.5])
    stock = capital.geometric_stock(
        investment, delta, np.array([100.0]), np.array([0, 3]), initial_at_end=True
    )
    np.testing.assert_allclose(stock, [100.0, 100.0, 80.0], rtol=1e-15)


def test_hyperbolic_efficiency_equals_the_closed_form():
    age = np.arange(11.0)
    # values of growth_accounting.json, closed_form_checks.hyperbolic_age_efficiency
    half = [1, 18 / 19, 8 / 9, 14 / 17, 0.75, 2 / 3, 4 / 7, 6 / 13, 1 / 3, 2 / 11, 0]
    three_quarters = [1, 36 / 37, 16 / 17, 28 / 31, 6 / 7, 0.8, 8 / 11, 12 / 19, 0.5, 4 / 13, 0]
    np.testing.assert_allclose(capital.hyperbolic_efficiency(age, 10.0, 0.5), half, rtol=1e-15)
    np.testing.assert_allclose(
        capital.hyperbolic_efficiency(age, 10.0, 0.75), three_quarters, rtol=1e-15
    )
    np.testing.assert_array_equal(
        capital.hyperbolic_efficiency(age, 10.0, 1.0), [1.0] * 10 + [0.0]
    )  # one-hoss shay, without a division by zero at the end
    np.testing.assert_allclose(
        capital.hyperbolic_efficiency(age, 10.0, 0.0), 1 - age / 10, atol=1e-15
    )


@pytest.mark.parametrize("distribution", ["normal", "lognormal", "weibull"])
@pytest.mark.parametrize("spread", [0.1, 0.3])
def test_retirement_lives_have_the_mean_and_spread_that_were_asked(distribution, spread):
    lives, weights = capital.retirement_lives(distribution, 12.0, spread, points=4000)
    mean = lives @ weights
    np.testing.assert_allclose(weights.sum(), 1.0, rtol=1e-14)
    np.testing.assert_allclose(mean, 12.0, rtol=1e-6)
    # the normal loses 0.09 % of its mass to truncation when the spread is 0.3
    np.testing.assert_allclose(
        np.sqrt((lives - mean) ** 2 @ weights) / mean, spread, rtol=8e-3 if spread > 0.2 else 1e-5
    )


def test_cohort_efficiency_of_uniform_lives_equals_the_integral():
    # lives uniform on (5, 15), straight line: E(a) = 1 − a·ln(15/5)/10 for a ≤ 5,
    # and ∫_a^15 (1 − a/L) dL / 10 = (15 − a − a ln(15/a)) / 10 beyond
    edges = np.linspace(5.0, 15.0, 5001)
    lives, weights = 0.5 * (edges[1:] + edges[:-1]), np.full(5000, 1 / 5000)
    efficiency = capital.cohort_efficiency(lives, weights, 0.0)
    age = np.arange(15.0)
    early = 1 - age * np.log(3.0) / 10
    late = (15 - age - age * np.log(15 / np.maximum(age, 1.0))) / 10
    np.testing.assert_allclose(efficiency, np.where(age <= 5, early, late), atol=2e-8)


def test_cohort_efficiency_of_one_life_is_the_profile_itself():
    lives, weights = capital.retirement_lives("simultaneous", 10.0)
    np.testing.assert_allclose(
        capital.cohort_efficiency(lives, weights, 0.5, "mid"),
        capital.hyperbolic_efficiency(np.arange(0.5, 10.0), 10.0, 0.5),
        rtol=1e-15,
    )
    assert capital.cohort_efficiency(np.array([0.4]), np.ones(1), 0.5, "mid").tolist() == [0.0]


def test_age_price_of_the_geometric_profile_is_the_profile():
    profile = 0.7 ** np.arange(200.0)
    np.testing.assert_allclose(capital.age_price(profile, 0.04)[:60], profile[:60], rtol=1e-12)


def test_age_price_of_one_hoss_shay_is_an_annuity():
    L, r = 10, 0.05
    left = L - np.arange(L)
    expected = (1 - (1 + r) ** -left.astype(float)) / (1 - (1 + r) ** -float(L))
    np.testing.assert_allclose(capital.age_price(np.ones(L), r), expected, rtol=1e-13)


@given(g=st.floats(-0.05, 0.2), delta=st.floats(0.06, 0.9), level=st.floats(0.1, 1e6))
def test_steady_vintages_of_the_geometric_profile_are_the_steady_state(g, delta, level):
    profile = (1 - delta) ** np.arange(4000.0)
    with np.errstate(under="ignore"):
        W = capital.steady_vintages(profile, np.array([g]), 3)
    np.testing.assert_allclose(level * W[0, 0], level / (g + delta), rtol=1e-10)
    np.testing.assert_allclose(W[0] / W[0, 0], (1 - delta) ** np.arange(4.0), rtol=1e-10)


@pytest.mark.parametrize("at_end", [False, True])
def test_vintage_stock_of_the_geometric_profile_equals_the_recurrence(at_end):
    rng = np.random.default_rng(1)
    lengths = np.array([7, 1, 12, 4])
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    investment = rng.uniform(-1, 5, offsets[-1])
    K0, delta = rng.uniform(5, 20, 4), 0.11
    profile = (1 - delta) ** np.arange(40.0)
    remaining = np.tile(profile[:13], (4, 1))
    ours = capital.vintage_stock(investment, profile, K0, remaining, offsets, initial_at_end=at_end)
    other = capital.geometric_stock(investment, delta, K0, offsets, initial_at_end=at_end)
    np.testing.assert_allclose(ours, other, rtol=1e-13)


def test_a_gap_in_one_series_does_not_reach_the_next():
    investment = np.array([1.0, np.nan, 1.0, 1.0, 1.0])
    stock = capital.vintage_stock(
        investment, np.ones(4), np.zeros(2), np.ones((2, 4)), np.array([0, 2, 5])
    )
    np.testing.assert_array_equal(stock, [1, np.nan, 1, 2, 3])
    stock = capital.geometric_stock(investment, 0.0, np.zeros(2), np.array([0, 2, 5]))
    np.testing.assert_array_equal(stock, [1, np.nan, 1, 2, 3])


def test_vintage_stock_stays_in_steady_state_whatever_the_profile():
    lives, weights = capital.retirement_lives("normal", 9.0, 0.3)
    profile = capital.cohort_efficiency(lives, weights, 0.5)
    g, T = np.array([0.03, -0.02]), 15
    investment = np.concatenate(
        [5.0 * (1 + g[0]) ** np.arange(T), 2.0 * (1 + g[1]) ** np.arange(T)]
    )
    W = capital.steady_vintages(profile, g, T)
    stock = capital.vintage_stock(
        investment, profile, np.array([5.0, 2.0]) * W[:, 0], W / W[:, :1], np.array([0, T, 2 * T])
    )
    ratio = (stock / investment).reshape(2, T)
    np.testing.assert_allclose(ratio, ratio[:, :1] * np.ones(T), rtol=1e-13)


def test_vintage_stock_forgets_its_start_after_the_longest_life():
    profile = np.array([1.0, 0.6, 0.2])
    W = capital.steady_vintages(profile, np.zeros(1), 8)
    assert (W[0, 3:] == 0).all()
    one, two = (
        capital.vintage_stock(np.ones(8), profile, np.array([k]), W / W[:, :1], np.array([0, 8]))
        for k in (1.0, 100.0)
    )
    assert one[0] != two[0]
    assert np.array_equal(one[2:], two[2:])


def test_a_backcast_of_few_years_holds_only_those_vintages():
    W = capital.steady_vintages(np.ones(10), np.zeros(2), 1, years=np.array([3.0, 20.0]))
    assert W.tolist() == [[3.0, 3.0], [10.0, 9.0]]


def test_nothing_in_nothing_out():
    nothing, offsets = np.zeros(0), np.zeros(1, np.int64)
    assert capital.linear_recurrence(nothing, nothing, offsets).size == 0
    assert capital.geometric_stock(nothing, 0.1, nothing, offsets).size == 0
    assert capital.vintage_stock(nothing, np.ones(2), nothing, np.ones((0, 1)), offsets).size == 0
