"""All stationary points, the choice among roots."""

from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels import roots as rt


def squares(residuals, jacobian):
    """Objective of a system of equations."""

    def objective(x):
        r, J = residuals(x), jacobian(x)
        return (
            np.einsum("si,si->s", r, r),
            2 * np.einsum("sij,si->sj", J, r),
            2 * J.swapaxes(1, 2) @ J,
        )

    return objective


def circle(x):
    """x² + y² = 4 and xy = 1: four roots."""
    return np.stack([x[:, 0] ** 2 + x[:, 1] ** 2 - 4, x[:, 0] * x[:, 1] - 1], axis=1)


def circle_jacobian(x):
    top = np.stack([2 * x[:, 0], 2 * x[:, 1]], axis=1)
    return np.stack([top, x[:, ::-1]], axis=1)


def test_all_four_roots_are_found_and_counted():
    starts = rt.starting_points(np.full(2, -3.0), np.full(2, 3.0), 100)
    found = rt.stationary_points(squares(circle, circle_jacobian), starts)
    roots = found.points[found.values < 1e-20]
    assert roots.shape == (4, 2)
    assert np.abs(circle(roots)).max() < 1e-12
    assert found.hits.sum() + found.lost == 100
    assert found.minimum[:4].all()


def cubic(x):
    """x³ − 3x + 3: one root, and a minimum of the square at x = 1 that is none."""
    return x**3 - 3 * x + 3


def test_a_stationary_point_that_is_no_root_is_listed_as_such():
    objective = squares(cubic, lambda x: (3 * x**2 - 3)[:, :, None])
    found = rt.stationary_points(objective, np.linspace(-4, 4, 40)[:, None])
    assert found.points[0, 0] == pytest.approx(-2.103803402735537, rel=1e-12)
    assert found.values[0] < 1e-25
    others = found.points[found.minimum][1:, 0]
    assert others == pytest.approx([1.0])
    assert found.values[found.minimum][1] == pytest.approx(1.0)


def test_starts_that_run_away_are_counted_as_lost():
    objective = squares(lambda x: np.exp(-x), lambda x: -np.exp(-x)[:, :, None])
    found = rt.stationary_points(objective, np.array([[0.0], [1.0]]), radius=5.0)
    assert found.points.size == 0
    assert found.lost == 2


def test_starting_points_are_the_same_on_every_call_and_fill_the_box():
    a, b = (rt.starting_points(np.array([-1.0, 2.0]), np.array([1.0, 3.0]), 64) for _ in range(2))
    assert np.array_equal(a, b)
    counts = np.histogram2d(a[:, 0], a[:, 1], bins=4, range=[[-1, 1], [2, 3]])[0]
    assert counts.min() >= 2


def test_newton_refuses_points_far_from_a_stationary_point():
    objective = squares(lambda x: np.exp(-x), lambda x: -np.exp(-x)[:, :, None])
    point, _, _ = rt.newton(objective, np.array([[0.0]]), steps=3)
    assert np.isnan(point).all()


@pytest.mark.parametrize(
    ("root", "admissible", "rho", "value", "index", "words"),
    [
        ([1, 1, 0], [1, 1, 1], [0.1, 0.7, 0.9], [0, 0, 1], 1, "most persistent admissible root"),
        ([1, 1], [0, 1], [0.9, 0.2], [0, 0], 1, "only admissible root"),
        ([1, 1], [0, 0], [0.9, 0.2], [0, 0], 0, "none is admissible"),
        ([0, 0], [0, 1], [0.9, 0.2], [0.1, 0.2], 1, "no root"),
        ([0, 0], [0, 0], [0.9, 0.2], [0.2, 0.1], 1, "no root"),
    ],
)
def test_choice(root, admissible, rho, value, index, words):
    choice = rt.choose_root(
        np.array(root, bool), np.array(admissible, bool), np.array(rho), np.array(value)
    )
    assert choice.index == index
    assert words in choice.reason


def test_rivals_are_named():
    yes = np.ones(3, bool)
    choice = rt.choose_root(yes, yes, np.array([0.70, 0.68, 0.2]), np.zeros(3))
    assert choice.rivals == (1,)


def test_clusters_are_numbered_in_order_and_missing_points_left_out():
    points = np.array([[1.0, 1.0], [np.nan, 0.0], [5.0, 5.0], [1.0, 1.0 + 1e-7]])
    assert rt.cluster(points).tolist() == [0, -1, 1, 0]
