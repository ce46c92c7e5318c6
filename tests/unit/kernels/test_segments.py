"""Sums and solutions of segments against each segment on its own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import segments as sg
from tfp_index.kernels.linalg import least_squares
from tfp_index.kernels.segment_effects import (
    changes,
    components,
    layout_of,
    less_both,
    less_entities,
    less_periods,
)
from tfp_index.kernels.within import one_way, random_effects, two_way

ROUNDING = 1e-10

lengths = st.lists(st.integers(0, 9), min_size=1, max_size=6)


def columns(sizes, seed, p=3):
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return np.random.default_rng(seed).normal(size=(p, int(offsets[-1]))), offsets


def pieces(offsets):
    return [slice(a, b) for a, b in pairwise(offsets.tolist())]


@given(sizes=lengths, seed=st.integers(0, 99))
def test_sums_means_and_products_are_those_of_each_segment(sizes, seed):
    X, offsets = columns(sizes, seed)
    B = np.random.default_rng(seed + 1).normal(size=(len(sizes), 3))
    sums, means = sg.segment_sums(X, offsets), sg.segment_means(X, offsets)
    cross, moments = sg.segment_cross(X, offsets), sg.moments_of(X, offsets)
    combined = sg.segment_combine(B, X, offsets)
    for g, rows in enumerate(pieces(offsets)):
        part = X[:, rows]
        assert np.allclose(sums[:, g], part.sum(axis=1), atol=ROUNDING)
        mean = part.mean(axis=1) if part.size else np.zeros(3)
        assert np.allclose(means[:, g], mean, atol=ROUNDING)
        assert np.allclose(cross[g], part @ part.T, atol=ROUNDING)
        assert np.allclose(combined[rows], B[g] @ part, atol=ROUNDING)
        centred = part - mean[:, None]
        assert moments.count[g] == part.shape[1]
        assert np.allclose(moments.cross[g], centred @ centred.T, atol=ROUNDING)
    assert np.array_equal(sg.spread(B.T, offsets), np.repeat(B.T, sizes, axis=1))


@given(sizes=st.lists(st.integers(0, 6), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_moments_add_up_however_the_rows_are_cut(sizes, seed):
    X, offsets = columns(sizes, seed)
    X += 1e5  # a large mean costs no digits
    n = X.shape[1]
    whole = sg.moments_of(X, np.array([0, n]))
    parts = [
        sg.moments_of(X[:, rows], np.array([0, X[:, rows].shape[1]])) for rows in pieces(offsets)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert total.count[0] == n
    if n:
        assert np.allclose(total.mean, whole.mean, rtol=1e-14)
        assert np.allclose(total.cross, whole.cross, atol=1e-8)


@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=9), size=st.integers(1, 40))
def test_blocks_cover_every_segment_once_and_cut_none(sizes, size):
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    blocks = sg.segment_blocks(offsets, size)
    covered = [g for a, b in blocks for g in range(a, b)]
    assert covered == list(range(len(sizes)))
    for a, b in blocks:
        assert b == a + 1 or offsets[b] - offsets[a] <= size


@given(seed=st.integers(0, 99), restricted=st.booleans())
def test_solutions_are_those_of_least_squares(seed, restricted):
    X, offsets = columns([12, 40, 7], seed, 4)
    N = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]) if restricted else np.eye(3)
    start = np.array([0.5, 0.5, 0.0]) if restricted else np.zeros(3)
    found = sg.solve_segments(sg.segment_cross(X, offsets), start, N)
    for g, rows in enumerate(pieces(offsets)):
        x, y = X[:3, rows].T, X[3, rows]
        alone = least_squares(x @ N, y - x @ start)
        assert np.allclose(found.coefficients[g], start + N @ alone.coefficients, rtol=1e-9)
        assert np.allclose(found.bread[g], N @ alone.bread @ N.T, rtol=1e-9, atol=1e-12)


def test_least_share_tells_what_is_collinear():
    x = np.random.default_rng(0).normal(size=(2, 50))
    X = np.concatenate([np.stack([x[0], 3 * x[0]]), np.zeros((2, 50))], axis=1)
    X[:, 50:] = x
    cross = sg.segment_cross(X, np.array([0, 50, 100]))
    share = sg.least_share(np.concatenate([cross, np.zeros((1, 2, 2))]))
    assert share[0] < 1e-15
    assert share[1] == pytest.approx(1 - abs(np.corrcoef(x)[0, 1]), abs=0.2)
    assert share[2] == 0.0


def groups(seed):
    """Two groups of firms over years, with gaps: rows sorted by group, firm and year."""
    rng = np.random.default_rng(seed)
    rows = [
        (g, f, t)
        for g, firms in ((0, 7), (1, 5))
        for f in range(firms)
        for t in range(4)
        if rng.random() < 0.8
    ]
    group, firm, time = np.array(rows).T
    offsets = np.searchsorted(group, [0, 1, 2])
    X = rng.normal(size=(3, group.size)) + firm
    return offsets, firm.copy(), time.copy(), X


@given(seed=st.integers(0, 200))
def test_effects_are_those_of_each_group(seed):
    offsets, firm, time, X = groups(seed)
    layout = layout_of(offsets, firm, time)
    entities, periods = less_entities(X, layout), less_periods(X, layout)
    both, _, rank = less_both(X, layout)
    for g, rows in enumerate(pieces(offsets)):
        f, t = (np.unique(codes[rows], return_inverse=True)[1] for codes in (firm, time))
        F, T = f.max() + 1, t.max() + 1
        assert layout.of_groups[g + 1] - layout.of_groups[g] == F
        assert layout.cells[g + 1] - layout.cells[g] == T
        x = X[:, rows].T
        assert np.allclose(entities[:, rows].T, one_way(x, f, F).within, atol=ROUNDING)
        assert np.allclose(periods[:, rows].T, one_way(x, t, T).within, atol=ROUNDING)
        alone = two_way(x, f, F, t, T)
        assert np.allclose(both[:, rows].T, alone.within, atol=ROUNDING)
        assert F + rank[g] == alone.absorbed


@given(seed=st.integers(0, 200), step=st.integers(1, 2))
def test_changes_go_by_the_calendar_within_group_and_firm(seed, step):
    offsets, firm, time, X = groups(seed)
    D, has, moved = changes(X, layout_of(offsets, firm, time), firm, step)
    place = {}
    for g, rows in enumerate(pieces(offsets)):
        place |= {(g, firm[i], time[i]): i for i in range(rows.start, rows.stop)}
    known = {i: place.get((g, f, t - step)) for (g, f, t), i in place.items()}
    assert has.tolist() == [known[i] is not None for i in range(time.size)]
    for d, i in zip(D.T, np.flatnonzero(has), strict=True):
        assert np.array_equal(d, X[:, i] - X[:, known[i]])
    assert moved.groups[-1] == has.sum()


@given(seed=st.integers(0, 200))
def test_variance_components_are_those_of_each_group(seed):
    offsets, firm, time, X = groups(seed)
    layout = layout_of(offsets, firm, time)
    found = components(X, layout, 1e-6)
    for g, rows in enumerate(pieces(offsets)):
        if not found.known[g]:
            continue
        f = np.unique(firm[rows], return_inverse=True)[1]
        x = X[:, rows].T
        part = one_way(x, f, int(f.max()) + 1)
        one = np.column_stack([np.ones(part.first.shape[0]), part.first[:, :-1]])
        within = least_squares(part.within[:, :-1], part.within[:, -1])
        between = least_squares(one, part.first[:, -1])
        firms = part.first.shape[0]
        alone = random_effects(
            within.ssr, f.size - firms - 2, between.ssr, firms - 3, np.bincount(f)
        )
        assert found.error[g] == pytest.approx(alone.variance_error, rel=1e-9)
        assert found.entity[g] == pytest.approx(alone.variance_entity, rel=1e-7, abs=1e-10)
        theta = found.theta[layout.of_groups[g] : layout.of_groups[g + 1]]
        assert np.allclose(theta, alone.theta, atol=1e-6)
