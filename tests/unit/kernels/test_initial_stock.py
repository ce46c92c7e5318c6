from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import capital, initial_stock
from tfp_index.kernels.initial_stock import DENOMINATOR, NOT_POSITIVE, OK, TOO_SHORT

RATES = st.floats(-0.04, 0.25)
DECAY = st.floats(0.05, 0.5)


@given(g=RATES, delta=DECAY, first=st.floats(1e-3, 1e6), T=st.integers(3, 20))
def test_every_method_finds_the_steady_state_on_a_steady_path(g, delta, first, T):
    """On investment growing at g all methods give I_1/(g+δ), and K_t/I_{t+1} stays there."""
    investment = first * (1 + g) ** np.arange(T)
    offsets, decay = np.array([0, T]), np.array([delta])
    growth, status = initial_stock.mean_growth(investment, offsets)
    trend = initial_stock.log_trend(investment, offsets)
    levels = {
        "first": initial_stock.first_values(investment, offsets),
        "window": initial_stock.window_level(investment, growth, offsets, 3),
        "trend": trend.level,
    }
    assert status[0] == trend.status[0] == OK
    np.testing.assert_allclose([growth[0], trend.growth[0]], g, atol=1e-12)
    for level in levels.values():
        stock, state = initial_stock.steady_state_stock(level, np.array([g]), decay)
        assert state[0] == OK
        np.testing.assert_allclose(stock, first / (g + delta), rtol=1e-10)
        K = capital.geometric_stock(investment, delta, stock, offsets)
        np.testing.assert_allclose(K[:-1] / investment[1:], 1 / (g + delta), rtol=1e-9)


def test_log_trend_equals_polyfit_on_ragged_series():
    rng = np.random.default_rng(5)
    lengths = np.array([2, 11, 5])
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    values = rng.uniform(1, 9, offsets[-1])
    path = initial_stock.log_trend(values, offsets)
    for s in range(3):
        y = np.log(values[offsets[s] : offsets[s + 1]])
        slope, constant = np.polyfit(np.arange(y.shape[0]), y, 1)
        np.testing.assert_allclose(path.level[s], np.exp(constant), rtol=1e-12)
        np.testing.assert_allclose(path.growth[s], np.exp(slope) - 1, rtol=1e-11)


def test_what_does_not_exist_is_missing_and_says_why():
    values = np.array([1.0, -2.0, 3.0, 0.0, 1.0, 7.0])
    offsets = np.array([0, 3, 3, 5, 6])
    path = initial_stock.log_trend(values, offsets)
    assert path.status.tolist() == [NOT_POSITIVE, TOO_SHORT, NOT_POSITIVE, TOO_SHORT]
    assert np.isnan(path.level).all()
    growth, status = initial_stock.mean_growth(values, offsets)
    assert status.tolist() == [OK, TOO_SHORT, NOT_POSITIVE, TOO_SHORT]
    np.testing.assert_allclose(growth[0], np.sqrt(3.0) - 1)
    assert np.isnan(growth[1:]).all()
    level = np.array([5.0, -1.0, np.nan, 5.0, 5.0])
    rates = np.array([0.0, 0.1, 0.1, -0.05, np.nan])
    stock, status = initial_stock.steady_state_stock(level, rates, np.full(5, 0.05))
    assert status.tolist() == [OK, NOT_POSITIVE, NOT_POSITIVE, DENOMINATOR, DENOMINATOR]
    np.testing.assert_allclose(stock[0], 100.0)
    assert np.isnan(stock[1:]).all()


@pytest.mark.parametrize("delta", [0.05, 0.0, -0.04])
def test_backcast_equals_a_loop(delta):
    growth, years = 0.04, 100
    stock = 0.0
    for s in range(years, 0, -1):
        stock = (1 - delta) * stock + 7.0 * (1 + growth) ** -s
    ours = initial_stock.backcast_stock(
        np.array([7.0]), growth, np.array([delta]), np.array([float(years)])
    )
    np.testing.assert_allclose(ours, stock, rtol=1e-12)


def test_a_long_backcast_is_the_steady_state():
    ours = initial_stock.backcast_stock(np.array([7.0]), 0.04, np.array([0.06]), np.array([2000.0]))
    np.testing.assert_allclose(ours, 70.0, rtol=1e-12)


def test_window_uses_what_a_short_series_has():
    investment = np.array([10.0, 11.0, 50.0])
    level = initial_stock.window_level(investment, np.array([0.1, 0.1]), np.array([0, 2, 3]), 5)
    np.testing.assert_allclose(level, [10.0, 50.0])
