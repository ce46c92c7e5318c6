from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tfp_index.kernels.sobol import sensitivity_design, sensitivity_indices

PRINTED = 1e-11  # the answers are printed with twelve significant digits


def ishigami(points: np.ndarray) -> np.ndarray:
    x = np.pi * (2 * points - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_layout_of_the_design() -> None:
    points = sensitivity_design(16, 4, np.random.default_rng(0))
    a, b = points[:16], points[16:32]
    for j in range(4):
        block = points[16 * (j + 2) : 16 * (j + 3)]
        np.testing.assert_array_equal(block[:, j], b[:, j])
        np.testing.assert_array_equal(np.delete(block, j, 1), np.delete(a, j, 1))
    assert points.min() >= 0
    assert points.max() < 1


@pytest.mark.parametrize("center", [False, True])
def test_known_function(center: bool) -> None:
    # Ishigami function with a = 7, b = 0.1: indices in closed form
    a, b = 7.0, 0.1
    variance = a**2 / 8 + b * np.pi**4 / 5 + b**2 * np.pi**8 / 18 + 0.5
    first = np.array([0.5 * (1 + b * np.pi**4 / 5) ** 2, a**2 / 8, 0.0]) / variance
    third = 8 * b**2 * np.pi**8 / 225 / variance
    total = first + np.array([third, 0.0, third])
    rng = np.random.default_rng(1)
    answer = sensitivity_indices(
        ishigami(sensitivity_design(8192, 3, rng)), 3, center=center, resamples=200, rng=rng
    )
    np.testing.assert_allclose(answer.first, first, atol=0.02)
    np.testing.assert_allclose(answer.total, total, atol=0.02)
    assert answer.variance == pytest.approx(variance, rel=0.02)
    for interval, truth in ((answer.first_interval, first), (answer.total_interval, total)):
        assert (interval[0] - 0.02 < truth).all()
        assert (truth < interval[1] + 0.02).all()


def test_an_answer_that_never_varies_has_no_indices() -> None:
    answer = sensitivity_indices(np.ones(4 * 8), 2, resamples=10, rng=np.random.default_rng(0))
    assert np.isnan(answer.first).all()
    assert np.isnan(answer.total_interval).all()
    assert answer.variance == 0.0


def test_estimators_are_those_of_coinr(reference: Callable[[str], Any]) -> None:
    case = reference("aggregation")["composite_coinr"]["sensitivity_estimator_check"]
    answer = sensitivity_indices(np.array(case["y"]), case["d"])
    np.testing.assert_allclose(answer.first, case["Si"], rtol=0, atol=PRINTED)
    np.testing.assert_allclose(answer.total, case["STi"], rtol=0, atol=PRINTED)
