from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels.treat import kurtosis, shifted_log, skewness, treat_column, winsorize

NAN = np.nan
HEAVY = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, NAN, 7.0, 100.0])


def test_moments_of_the_spreadsheet_kind() -> None:
    # values computed with the R package COINr (type 2 moments)
    x = np.array([1.0, 2.0, NAN, 3.0, 50.0])
    assert skewness(x) == pytest.approx(1.993067, abs=5e-7)
    assert kurtosis(x) == pytest.approx(3.976902, abs=5e-7)
    np.testing.assert_allclose(
        shifted_log(x), [-0.7133499, 0.3987761, NAN, 0.9122827, 3.9017706], atol=5e-7
    )


def test_moments_need_values_that_vary() -> None:
    assert np.isnan(skewness(np.array([1.0, 2.0, NAN])))
    assert np.isnan(kurtosis(np.array([1.0, 2.0, 3.0])))
    assert np.isnan(skewness(np.full(5, 0.1)))


def test_winsorizing_both_sides() -> None:
    high, steps = winsorize(HEAVY, most=5)
    np.testing.assert_array_equal(high, [1, 2, 3, 4, 5, 6, NAN, 7, 7])
    assert steps == 1
    low, _ = winsorize(-HEAVY, most=5)
    np.testing.assert_array_equal(low, -high)


def test_winsorizing_stops_before_a_constant() -> None:
    x = np.zeros(40)
    x[3] = 1.0
    values, steps = winsorize(x, most=5)
    np.testing.assert_array_equal(values, x)
    assert steps == 0
    assert not treat_column(x).passed


def test_the_step_limit_leads_to_the_log() -> None:
    x = np.exp(np.linspace(0.0, 12.0, 40) ** 1.2)
    treated = treat_column(x, most=1)
    assert treated.logged
    assert treated.steps == 0
    assert (np.diff(treated.values) > 0).all()
    kept = treat_column(x, method="winsorize", most=1)
    assert not kept.logged
    assert not kept.passed
    assert kept.points.tolist() == [0] * 39 + [1]


def test_the_log_keeps_the_order_of_a_left_tail() -> None:
    x = -np.exp(np.linspace(0.0, 8.0, 30))
    assert skewness(x) < 0
    treated = treat_column(x, method="log")
    assert (np.diff(treated.values) < 0).all()
    assert abs(treated.after[0]) < abs(treated.before[0])


def test_a_light_criterion_is_left_alone() -> None:
    x = np.linspace(0.0, 1.0, 20)
    treated = treat_column(x)
    assert treated.passed
    assert treated.values is x
    assert not treated.points.any()
