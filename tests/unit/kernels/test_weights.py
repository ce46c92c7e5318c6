from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels.weights import (
    benefit_of_doubt,
    budget_weights,
    critic_weights,
    entropy_weights,
    loading_weights,
    pairwise_weights,
)


def test_a_consistent_matrix_returns_its_weights() -> None:
    w = np.array([0.5, 0.3, 0.2])
    answer = pairwise_weights(w[:, None] / w)
    np.testing.assert_allclose(answer.weights, w, rtol=1e-12)
    assert answer.consistency_ratio == pytest.approx(0.0, abs=1e-12)


def test_contradictory_judgments_show() -> None:
    circle = np.array([[1.0, 3.0, 1 / 3], [1 / 3, 1.0, 3.0], [3.0, 1 / 3, 1.0]])
    assert pairwise_weights(circle).consistency_ratio > 0.10


def test_small_and_large_matrices() -> None:
    assert pairwise_weights(np.ones((1, 1))).weights.tolist() == [1.0]
    assert pairwise_weights(np.array([[1.0, 4.0], [0.25, 1.0]])).consistency_ratio == 0.0
    assert np.isnan(pairwise_weights(np.ones((11, 11))).consistency_ratio)


def test_budget() -> None:
    points = np.array([[30.0, 70.0, 0.0], [5.0, 0.0, 5.0]])
    np.testing.assert_allclose(budget_weights(points), [0.40, 0.35, 0.25])


def test_entropy_by_hand() -> None:
    x = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 4.0]])
    # equal columns have full entropy, the last none
    np.testing.assert_allclose(entropy_weights(x), [0.0, 0.0, 1.0])
    np.testing.assert_allclose(entropy_weights(np.ones((3, 4))), np.full(4, 0.25))
    y = np.array([[1.0, 1.0], [3.0, 1.0]])
    p = np.array([0.25, 0.75])
    diversity = 1 + (p * np.log(p)).sum() / np.log(2)
    assert diversity > 0
    np.testing.assert_allclose(entropy_weights(y), [1.0, 0.0])


def test_critic_by_hand() -> None:
    x = np.array([[0.0, 1.0, 0.0], [0.5, 0.0, 1.0], [1.0, 0.5, 0.2]])
    r = np.corrcoef(x, rowvar=False)
    contrast = x.std(axis=0, ddof=1) * (1 - r).sum(axis=0)
    np.testing.assert_allclose(critic_weights(x), contrast / contrast.sum(), rtol=1e-12)
    np.testing.assert_allclose(critic_weights(np.ones((3, 2))), [0.5, 0.5])
    repeated = np.column_stack((x[:, 0], x[:, 0]))
    np.testing.assert_allclose(critic_weights(repeated), [0.5, 0.5])


def test_loadings() -> None:
    weights = loading_weights(np.array([[0.6, 0.0], [-0.8, 0.1]]))
    np.testing.assert_allclose(weights, [0.36, 0.64])


def test_benefit_gives_each_unit_its_best_weights() -> None:
    rng = np.random.default_rng(2)
    x = rng.uniform(0.1, 1.0, (12, 3))
    free = benefit_of_doubt(x)
    assert free.scores.max() == pytest.approx(1.0)
    np.testing.assert_allclose((free.weights * x).sum(axis=1), free.scores, rtol=1e-9)
    # no unit scores above one with anybody's weights
    assert (x @ free.weights.T).max() <= 1 + 1e-9
    # with one criterion, the score is the proportion of the best
    single = benefit_of_doubt(x[:, :1])
    np.testing.assert_allclose(single.scores, x[:, 0] / x[:, 0].max(), rtol=1e-9)


def test_benefit_with_bounds_on_contributions() -> None:
    rng = np.random.default_rng(4)
    x = rng.uniform(0.1, 1.0, (10, 3))
    low, high = np.full(3, 0.2), np.full(3, 0.5)
    bounded = benefit_of_doubt(x, low=low, high=high, on="contributions")
    shares = bounded.weights * x / bounded.scores[:, None]
    assert shares.min() > 0.2 - 1e-9
    assert shares.max() < 0.5 + 1e-9
    assert (bounded.scores <= benefit_of_doubt(x).scores + 1e-9).all()


def test_benefit_of_a_unit_of_zeros_is_zero() -> None:
    x = np.array([[0.0, 0.0], [1.0, 2.0]])
    bounds = {"low": np.full(2, 0.3), "high": np.full(2, 0.7)}
    assert benefit_of_doubt(x, **bounds).scores.tolist() == pytest.approx([0.0, 1.0])
    assert benefit_of_doubt(x, on="contributions", **bounds).scores[0] == pytest.approx(0.0)
