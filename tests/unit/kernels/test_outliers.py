from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from tfp_index.kernels import outliers

seeds = st.integers(0, 2**32 - 1)


@given(seeds)
def test_bounds_are_the_percentiles_of_the_cell_or_of_its_parent(seed):
    rng = np.random.default_rng(seed)
    n = 80
    values, cell = rng.normal(size=n), rng.choice(4, n, p=[0.4, 0.3, 0.25, 0.05])
    values[rng.random(n) < 0.1] = np.nan
    cell[rng.random(n) < 0.1] = -1
    parent = np.array([0, 0, 1, 1])
    low, high = outliers.tail_bounds(values, cell, 4, 0.05, 0.9, parent=parent, min_count=10)
    for i in range(n):
        if cell[i] < 0:
            assert np.isnan(low[i])
            continue
        pool = values[(cell == cell[i]) & ~np.isnan(values)]
        if pool.size < 10:
            pool = values[(cell >= 0) & (parent[np.maximum(cell, 0)] == parent[cell[i]])]
            pool = pool[~np.isnan(pool)]
        if pool.size < 10:
            assert np.isnan(low[i])
            assert np.isnan(high[i])
            continue
        assert low[i] == pytest.approx(np.quantile(pool, 0.05))
        assert high[i] == pytest.approx(np.quantile(pool, 0.9))


def test_a_tail_is_left_open_by_a_probability_of_zero_or_one():
    x = np.arange(10.0)
    low, high = outliers.tail_bounds(x, np.zeros(10, np.int64), 1, 0.0, 0.9)
    assert np.isneginf(low).all()
    assert high[0] == pytest.approx(8.1)


def test_winsorizing_keeps_missing_values_and_values_without_bounds():
    x = np.array([np.nan, 1.0, 5.0, 9.0])
    low, high = np.array([2.0, 2.0, np.nan, 2.0]), np.array([6.0, 6.0, np.nan, 6.0])
    assert outliers.winsorize(x, low, high) == pytest.approx([np.nan, 2.0, 5.0, 6.0], nan_ok=True)


@given(seeds)
def test_mad_scores_follow_their_definition(seed):
    rng = np.random.default_rng(seed)
    values, cell = rng.normal(size=40), rng.integers(-1, 3, 40)
    score = outliers.mad_score(values, cell, 3)
    for g in range(3):
        x = values[cell == g]
        if x.size > 2:
            median = np.median(x)
            expected = 0.6745 * (x - median) / np.median(np.abs(x - median))
            assert score[cell == g] == pytest.approx(expected)
    assert np.isnan(score[cell < 0]).all()


def test_no_scale_no_score():
    score = outliers.mad_score(np.array([1.0, 1.0, 1.0, 9.0]), np.zeros(4, np.int64), 1)
    assert np.isnan(score).all()


def textbook_bacon(X, alpha):
    """The published steps with explicit inverses and scipy's chi-squared."""
    n, p = X.shape
    start = np.argsort(np.linalg.norm(X - np.median(X, axis=0), axis=1), kind="stable")
    subset = np.isin(np.arange(n), start[: 4 * p])
    h = (n + p + 1) // 2
    for _ in range(100):
        center, inverse = X[subset].mean(axis=0), np.linalg.inv(np.cov(X[subset].T))
        d = np.sqrt(np.einsum("ij,jk,ik->i", X - center, inverse, X - center))
        r = subset.sum()
        c = 1 + (p + 1) / (n - p) + 2 / (n - 1 - 3 * p) + max(0, (h - r) / (h + r))
        grown = d < c * np.sqrt(chi2.ppf(1 - alpha / n, p))
        if (grown == subset).all():
            return d, ~grown
        subset = grown
    raise AssertionError("did not settle")


@given(seeds, st.integers(2, 4))
def test_bacon_equals_its_textbook_steps(seed, p):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(120, p)) @ rng.normal(size=(p, p))
    X[:6] += 15 * X.std(axis=0)
    ours = outliers.bacon(X)
    distance, outlier = textbook_bacon(X, 0.05)
    assert np.array_equal(ours.outlier, outlier)
    assert ours.distance == pytest.approx(distance, rel=1e-6)


def test_bacon_finds_outliers_that_no_single_column_shows():
    rng = np.random.default_rng(4)
    x = rng.normal(size=300)
    X = np.column_stack((x, x + 0.05 * rng.normal(size=300)))
    X[0] = (1.5, -1.5)  # both ordinary, together impossible
    assert np.flatnonzero(outliers.bacon(X).outlier).tolist() == [0]


def test_bacon_says_nothing_about_rows_in_a_plane():
    x = np.random.default_rng(5).normal(size=60)
    found = outliers.bacon(np.column_stack((x, 2 * x)))
    assert np.isnan(found.distance).all()
    assert not found.outlier.any()


def test_bacon_by_cell_leaves_small_cells_and_incomplete_rows_untested():
    rng = np.random.default_rng(6)
    X, cell = rng.normal(size=(100, 2)), np.repeat([0, 1], [93, 7])
    X[3] = 40.0
    X[10, 1] = np.nan
    outlier, tested = outliers.bacon_by_cell(X, cell, 2)
    assert np.flatnonzero(outlier).tolist() == [3]
    assert not tested[10]
    assert not tested[cell == 1].any()
    assert tested.sum() == 92


@pytest.mark.parametrize(
    ("series", "power", "unreversed"),
    [
        ([5, 5.2, 5300, 5.4], [0, 0, 1, 0], [0, 0, 0, 0]),
        ([5e6, 5.2, 5.3e6, 5.4e6], [0, -2, 0, 0], [0, 0, 0, 0]),
        ([5, 5200, 5300, 5400, 5.4], [0, 1, 1, 1, 0], [0] * 5),
        ([5, 5.2, 5300, 5400], [0, 0, 0, 0], [0, 0, 1, 0]),
        ([5, 5.2, 4500, 5.4], [0, 0, 1, 0], [0, 0, 0, 0]),  # within e^0.2 of a thousand
        ([5, 5.2, 300, 5.4], [0, 0, 0, 0], [0, 0, 0, 0]),  # growth, not a unit
        ([5, np.nan, 5300, np.nan, 5.4], [0, 0, 1, 0, 0], [0] * 5),
    ],
)
def test_units_that_change_and_change_back(series, power, unreversed):
    found = outliers.unit_errors(np.log(np.array(series)), np.zeros(len(series), np.int64))
    assert found.power.tolist() == power
    assert found.unreversed.tolist() == unreversed


def test_jumps_do_not_cross_from_one_firm_to_the_next():
    x = np.log(np.array([5.0, 5000.0, 5.0, 5000.0]))
    found = outliers.unit_errors(x, np.array([0, 1, 2, 3]))
    assert not found.power.any()
    assert not found.unreversed.any()
    assert not outliers.jumps_back(x, np.array([0, 1, 2, 3]), 5.0).any()


def test_a_jump_counts_only_when_it_comes_back():
    x = np.array([0.0, 6.0, 0.5, 0.0, 6.0, 6.1, 0.0, -6.0, 0.0])
    found = outliers.jumps_back(x, np.zeros(9, np.int64), 5.0)
    assert np.flatnonzero(found).tolist() == [1, 7]
