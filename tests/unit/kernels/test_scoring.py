from __future__ import annotations

import itertools

import numpy as np
import pytest

from tfp_index.kernels.scoring import (
    copeland,
    cronbach,
    kemeny,
    outranking,
    penalized_mean,
    power_mean,
    power_mean_by_weights,
    share_present,
)

NAN = np.nan


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (1.0, 3.0),
        (0.0, 16 ** (1 / 3)),
        (-1.0, 2.0),
        (2.0, np.sqrt(11.0)),
        (0.5, (5 / 3) ** 2),
    ],
)
def test_means_by_hand(power: float, expected: float) -> None:
    x, weights = np.array([[1.0, 4.0, 9.0, NAN]]), np.array([1.0, 2.0, 0.0, 5.0])
    assert power_mean(x, weights, power)[0] == pytest.approx(expected, rel=1e-14)


def test_replicates_and_weights_by_unit() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 2, (5, 7, 4))
    w = rng.uniform(0, 1, (5, 4))
    by_unit = np.broadcast_to(w[:, None, :], x.shape)
    for power in (1.0, 0.0, -1.0):
        batch = power_mean(x, w, power)
        np.testing.assert_allclose(batch, power_mean(x, by_unit, power), rtol=1e-14)
        np.testing.assert_allclose(batch[2], power_mean(x[2], w[2], power), rtol=1e-14)


@pytest.mark.parametrize("power", [1.0, 0.0, -1.0, 0.5])
@pytest.mark.parametrize("gaps", [False, True])
def test_many_weights_at_once(power: float, gaps: bool) -> None:
    rng = np.random.default_rng(1)
    x, weights = rng.uniform(1, 2, (7, 4)), rng.uniform(0, 1, (5, 4))
    if gaps:
        x[2, 1] = x[3, :] = NAN
    expected = np.array([power_mean(x, w, power) for w in weights])
    np.testing.assert_allclose(power_mean_by_weights(x, weights, power), expected, rtol=1e-13)


def test_nothing_observed_gives_nothing() -> None:
    x = np.array([[NAN, NAN], [1.0, NAN]])
    for power in (1.0, 0.0, -1.0):
        np.testing.assert_allclose(power_mean(x, np.ones(2), power), [NAN, 1.0])
    np.testing.assert_allclose(penalized_mean(x, np.ones(2)), [NAN, 1.0])
    np.testing.assert_allclose(share_present(x), [0.0, 0.5])
    # a criterion without weight does not count as observed
    assert np.isnan(power_mean(x, np.array([0.0, 1.0]))[1])


def test_penalty_follows_the_definition() -> None:
    x = np.array([[80.0, 100.0, 120.0]])
    mean, deviation = 100.0, 20.0
    expected = mean - deviation * (deviation / mean)
    assert penalized_mean(x, np.ones(3))[0] == pytest.approx(expected)
    assert penalized_mean(x, np.ones(3), sign=1.0)[0] == pytest.approx(2 * mean - expected)


def test_outranking_with_gaps() -> None:
    x = np.array([[1.0, NAN], [2.0, 5.0], [NAN, 4.0]])
    matrix = outranking(x, np.array([3.0, 1.0]))
    # units 0 and 2 share no criterion: neither beats the other
    np.testing.assert_array_equal(matrix, [[0, 0, 0.5], [1, 0, 1], [0.5, 0, 0]])
    np.testing.assert_array_equal(copeland(matrix), [-1, 2, -1])


def test_kemeny_agrees_with_trying_every_order() -> None:
    rng = np.random.default_rng(5)
    for m in (1, 2, 4, 6):
        matrix = rng.integers(0, 4, (m, m)) / 4.0
        np.fill_diagonal(matrix, 0.0)

        def support(order: tuple[int, ...], matrix: np.ndarray = matrix) -> float:
            return sum(matrix[a, b] for a, b in itertools.combinations(order, 2))

        scores = {order: support(order) for order in itertools.permutations(range(m))}
        best, orders = kemeny(matrix)
        assert best == pytest.approx(max(scores.values()))
        assert orders == sorted(o for o, s in scores.items() if s > best - 1e-9)


def test_cronbach_of_copies_is_one() -> None:
    x = np.arange(6.0)[:, None]
    assert cronbach(np.hstack((x, x, x))) == pytest.approx(1.0)
    assert np.isnan(cronbach(x))
