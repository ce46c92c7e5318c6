from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels.normalize import (
    column_moments,
    column_range,
    linear_scores,
    ordinal_scores,
    proportion_of_best,
    rank_units,
    significant,
)

NAN = np.nan


def test_linear_scores_by_hand() -> None:
    x = np.array([[0.0, 10.0], [5.0, 4.0], [12.0, NAN]])
    z = linear_scores(x, np.array([0.0, 10.0]), np.array([10.0, 4.0]), upper=100.0)
    np.testing.assert_allclose(z, [[0, 0], [50, 100], [120, NAN]])
    clipped = linear_scores(x, np.array([0.0, 10.0]), np.array([10.0, 4.0]), upper=100.0, clip=True)
    np.testing.assert_allclose(clipped, [[0, 0], [50, 100], [100, NAN]])


def test_coinciding_anchors_give_no_score() -> None:
    z = linear_scores(np.array([[1.0], [2.0]]), np.array([3.0]), np.array([3.0]))
    assert np.isnan(z).all()


def test_range_and_moments_ignore_missing() -> None:
    x = np.array([[1.0, NAN, NAN], [NAN, NAN, 2.0], [5.0, NAN, NAN]])
    low, high = column_range(x)
    np.testing.assert_array_equal(low, [1.0, NAN, 2.0])
    np.testing.assert_array_equal(high, [5.0, NAN, 2.0])
    mean, deviation = column_moments(x)
    np.testing.assert_allclose(mean, [3.0, NAN, 2.0])
    np.testing.assert_allclose(deviation, [np.sqrt(8.0), NAN, NAN])


def test_proportion_of_best() -> None:
    x = np.array([[2.0, 2.0], [4.0, 4.0], [NAN, 8.0]])
    z = proportion_of_best(x, np.array([1, -1]))
    np.testing.assert_allclose(z, [[0.5, 1.0], [1.0, 0.5], [NAN, 0.25]])


@pytest.mark.parametrize("value", [0.0, 1e-300, -3.4567e-7, 1.0, -2.5, 123456.789, 8e299])
@pytest.mark.parametrize("digits", [3, 10])
def test_significant_digits(value: float, digits: int) -> None:
    rounded = float(significant(np.array([value]), digits)[0])
    assert rounded == pytest.approx(float(f"{value:.{digits - 1}e}"), rel=1e-14, abs=0.0)


def test_noise_does_not_break_ties() -> None:
    scores = np.array([1 / 3, (1 / 3) * (1 + 2e-16), 0.5, 0.5 - 1e-13, NAN])
    np.testing.assert_array_equal(rank_units(scores), [3, 3, 1, 1, NAN])
    assert rank_units(scores, digits=None)[3] == 2


def test_ranks_match_sorting_by_columns() -> None:
    x = np.random.default_rng(3).integers(0, 6, size=(40, 5)).astype(float)
    ranks = rank_units(x)
    for j in range(5):
        for i in range(40):
            assert ranks[i, j] == 1 + (x[:, j] > x[i, j]).sum()
    np.testing.assert_array_equal(rank_units(x[:, 0]), ranks[:, 0])


def test_ordinal_scores_by_hand() -> None:
    column = np.array([[3.0], [3.0], [1.0], [NAN], [8.0]])
    up, down = np.array([1]), np.array([-1])
    np.testing.assert_array_equal(ordinal_scores(column, up, "rank").ravel(), [2, 2, 1, NAN, 4])
    np.testing.assert_array_equal(ordinal_scores(column, up, "borda").ravel(), [1, 1, 0, NAN, 3])
    np.testing.assert_allclose(
        ordinal_scores(column, up, "percentile").ravel(), [1 / 3, 1 / 3, 0, NAN, 1]
    )
    np.testing.assert_array_equal(ordinal_scores(column, down, "rank").ravel(), [2, 2, 4, NAN, 1])


def test_a_percentile_of_one_value_is_unknown() -> None:
    z = ordinal_scores(np.array([[3.0], [NAN]]), np.array([1]), "percentile")
    assert np.isnan(z).all()
