from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import dispersion as dis

PROBABILITIES = np.array([0.0, 0.01, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0])
ROUNDING = 1e-12

cells_of_values = st.integers(0, 2**32 - 1).map(lambda seed: draw(seed))


def draw(seed):
    """Values with ties, weights some of which are zero, cells some of which are empty."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    values = np.round(rng.normal(size=n), int(rng.integers(0, 3)))
    weights = rng.integers(0, 4, n).astype(float)
    return values, rng.integers(-1, 5, n), weights


def stata(values, weights, p):
    """The definition, in words of a loop."""
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    target = p * weights.sum()
    running = 0.0
    for i, w in enumerate(weights):
        running += w
        if running == pytest.approx(target, abs=1e-9) and target > 0:
            later = [v for v, u in zip(values[i + 1 :], weights[i + 1 :], strict=True) if u > 0]
            return (values[i] + later[0]) / 2 if later else values[i]
        if running > target:
            return values[i]
    return values[-1]


@given(cells_of_values)
def test_linear_quantiles_are_those_of_numpy(data):
    values, cell, _ = data
    found = dis.quantiles(dis.sort_cells(values, cell, 5), PROBABILITIES)
    for g in range(5):
        mine = values[cell == g]
        if not mine.size:
            assert np.isnan(found[g]).all()
            continue
        assert found[g] == pytest.approx(np.quantile(mine, PROBABILITIES), abs=ROUNDING)


@given(cells_of_values)
def test_averaged_quantiles_follow_their_definition_with_and_without_weights(data):
    values, cell, weights = data
    plain = dis.quantiles(dis.sort_cells(values, cell, 5), PROBABILITIES, "averaged")
    weighted = dis.quantiles(dis.sort_cells(values, cell, 5, weights), PROBABILITIES)
    for g in range(5):
        mine = cell == g
        if not mine.any():
            continue
        inner = slice(1, -1)  # at 0 and 1 the definition has no firm meaning
        expected = [stata(values[mine], np.ones(mine.sum()), p) for p in PROBABILITIES]
        assert plain[g][inner] == pytest.approx(expected[inner], abs=ROUNDING)
        assert plain[g][[0, -1]].tolist() == [values[mine].min(), values[mine].max()]
        if weights[mine].sum() == 0:
            assert np.isnan(weighted[g]).all()
            continue
        expected = [stata(values[mine], weights[mine], p) for p in PROBABILITIES]
        assert weighted[g][inner] == pytest.approx(expected[inner], abs=ROUNDING)


@given(cells_of_values)
def test_equal_weights_change_nothing(data):
    values, cell, _ = data
    plain = dis.quantiles(dis.sort_cells(values, cell, 5), PROBABILITIES, "averaged")
    weights = np.full(values.shape[0], 7.0)
    weighted = dis.quantiles(dis.sort_cells(values, cell, 5, weights), PROBABILITIES)
    assert weighted == pytest.approx(plain, abs=ROUNDING, nan_ok=True)


@given(cells_of_values)
def test_integer_weights_stand_for_copies(data):
    values, cell, weights = data
    copies = weights.astype(int)
    many = [np.repeat(a, copies) for a in (values, cell)]
    ours = dis.shape(dis.sort_cells(values, cell, 5, weights))
    theirs = dis.shape(dis.sort_cells(*many, 5))
    assert ours.mean == pytest.approx(theirs.mean, abs=ROUNDING, nan_ok=True)
    population = theirs.sd * np.sqrt(np.maximum(theirs.n - 1, 0) / np.maximum(theirs.n, 1))
    ours_sd = np.where(theirs.n > 1, ours.sd, np.nan)
    assert ours_sd == pytest.approx(population, abs=1e-9, nan_ok=True)


@given(cells_of_values)
def test_tails_are_the_means_beyond_the_bounds(data):
    values, cell, weights = data
    cells = dis.sort_cells(values, cell, 5, weights)
    q = dis.quantiles(dis.sort_cells(values, cell, 5), np.array([0.8, 0.2]))
    found = dis.tails(cells, q[:, 0], q[:, 1])
    for g in range(5):
        mine = cell == g
        if not mine.any():
            continue
        x, w = values[mine], weights[mine]
        top, bottom = x >= q[g, 0], x <= q[g, 1]
        assert found.n_top[g] == top.sum()
        assert found.n_bottom[g] == bottom.sum()
        for name, side in (("top", top), ("rest", ~top), ("bottom", bottom)):
            expected = np.average(x[side], weights=w[side]) if w[side].sum() else np.nan
            assert getattr(found, name)[g] == pytest.approx(expected, abs=ROUNDING, nan_ok=True)
        if w.sum():
            assert found.top_share[g] == pytest.approx(w[top].sum() / w.sum(), abs=ROUNDING)


@given(cells_of_values)
def test_nothing_depends_on_the_order_of_the_rows(data):
    values, cell, weights = data
    order = np.random.default_rng(0).permutation(values.shape[0])
    one = dis.sort_cells(values, cell, 5, weights)
    other = dis.sort_cells(values[order], cell[order], 5, weights[order])
    assert np.array_equal(one.values, other.values)
    ours, theirs = (dis.quantiles(c, PROBABILITIES) for c in (one, other))
    assert ours == pytest.approx(theirs, abs=ROUNDING, nan_ok=True)


@given(cells_of_values, st.sampled_from([2, 5, 10]))
def test_bins_are_even_ordered_and_equal_values_share_one(data, bins):
    values, cell, _ = data
    cells = dis.sort_cells(values, cell, 5, keep_rows=True)
    found = dis.quantile_bins(cells, values.shape[0], bins)
    assert (found[cell < 0] == -1).all()
    for g in range(5):
        x, b = values[cell == g], found[cell == g]
        assert ((b >= 0) & (b < bins)).all()
        order = np.argsort(x, kind="stable")
        assert (np.diff(b[order]) >= 0).all()
        assert all(len(set(b[x == v].tolist())) == 1 for v in set(x.tolist()))


def test_bins_without_ties_are_as_even_as_can_be():
    values, cell = np.random.default_rng(0).normal(size=103), np.zeros(103, np.int64)
    found = dis.quantile_bins(dis.sort_cells(values, cell, 1, keep_rows=True), 103, 5)
    assert np.bincount(found).tolist() == [21, 20, 21, 20, 21]


def test_demeaning_leaves_weighted_means_of_zero():
    rng = np.random.default_rng(1)
    values, cell, weights = rng.normal(size=50), rng.integers(-1, 4, 50), rng.random(50)
    d = dis.demean(values, cell, 4, weights)
    assert np.isnan(d[cell < 0]).all()
    for g in range(4):
        assert np.average(d[cell == g], weights=weights[cell == g]) == pytest.approx(0, abs=1e-14)


def test_more_cells_than_a_short_integer_counts():
    n = 40_000
    cell = np.random.default_rng(2).permutation(n)
    values = cell.astype(float)
    cells = dis.sort_cells(values, cell, n)
    assert np.array_equal(cells.values, np.arange(n))
    assert np.array_equal(dis.quantiles(cells, np.array([0.5]))[:, 0], np.arange(n))


def test_windows_that_leave_the_cell_are_missing():
    cells = dis.sort_cells(np.arange(30.0), np.repeat([0, 1], [26, 4]), 2)
    found = dis.centered_means(cells, np.array([0.05, 0.1, 0.5]), 5)
    assert np.isnan(found[0, 0])  # the center is the second value from the end
    assert found[0, 1:].tolist() == [2.0, 12.0]
    assert np.isnan(found[1]).all()


def test_transitions_add_up_to_the_firms():
    rng = np.random.default_rng(3)
    start, end, group = rng.integers(0, 6, 200), rng.integers(0, 6, 200), rng.integers(0, 2, 200)
    found = dis.transitions(start, end, group, 2, 5)
    assert found.sum() == 200
    assert found[1, 2, 5] == ((group == 1) & (start == 2) & (end == 5)).sum()
