"""Identities of composite indices that hold for any data."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfp_index.composite.index import CompositeIndex
from tfp_index.kernels.normalize import linear_scores, rank_units, significant
from tfp_index.kernels.scoring import copeland, outranking, penalized_mean, power_mean
from tfp_index.kernels.weights import (
    benefit_of_doubt,
    critic_weights,
    entropy_weights,
    pairwise_weights,
)

UNITS, CODES = 7, "abcde"
ROWS = (
    *({"code": c, "parent": "p", "direction": d} for c, d in zip("abc", (1, -1, 1), strict=True)),
    *({"code": c, "parent": "q"} for c in "de"),
    {"code": "p", "parent": "i", "weight": 2.0},
    {"code": "q", "parent": "i"},
    {"code": "i"},
)
# distinct values on a grid, so that no column is constant and no tie hangs on a last digit
columns = st.lists(st.integers(1, 400), min_size=UNITS, max_size=UNITS, unique=True)
tables = st.tuples(*(columns for _ in CODES)).map(
    lambda cols: {c: np.array(v, float) / 4 for c, v in zip(CODES, cols, strict=True)}
)
positive = arrays(float, (6, 4), elements=st.floats(0.01, 100.0))
weights = arrays(float, 4, elements=st.floats(0.01, 1.0))


def fit(table: dict[str, np.ndarray], **options: Any) -> Any:
    frame = {"uCode": [f"u{i}" for i in range(len(table["a"]))], **table}
    return CompositeIndex(structure=ROWS, **options).fit(frame)


@given(tables, st.floats(0.1, 50), st.floats(-100, 100))
@pytest.mark.parametrize("normalize", ["minmax", "zscore", "percentile", "rank"])
def test_scores_do_not_depend_on_units_of_measurement(
    normalize: str, table: dict[str, np.ndarray], factor: float, shift: float
) -> None:
    moved = {**table, "b": factor * table["b"] + shift}
    first, second = fit(table, normalize=normalize), fit(moved, normalize=normalize)
    np.testing.assert_allclose(second.computed.index, first.computed.index, rtol=1e-7, atol=1e-9)


@given(tables, st.integers(0, UNITS - 1), st.sampled_from(CODES), st.floats(0.5, 30))
@pytest.mark.parametrize("aggregate", ["arithmetic", "geometric", "harmonic"])
def test_better_on_one_criterion_is_never_worse(
    aggregate: str, table: dict[str, np.ndarray], unit: int, code: str, gain: float
) -> None:
    rows = tuple({**row, "goalposts": (-50.0, 200.0)} for row in ROWS)
    spec = CompositeIndex(
        structure=rows, normalize="goalposts", scale=(1, 100), aggregate=aggregate
    )
    frame = {"uCode": [f"u{i}" for i in range(UNITS)], **table}
    better = table[code].copy()
    better[unit] += -gain if code == "b" else gain
    before, after = spec.fit(frame), spec.fit({**frame, code: better})
    assert after.computed.index[unit] > before.computed.index[unit]
    others = np.arange(UNITS) != unit
    np.testing.assert_array_equal(after.computed.index[others], before.computed.index[others])
    assert after.ranks[unit] <= before.ranks[unit]


@given(tables, st.permutations(range(UNITS)))
def test_the_order_of_rows_does_not_matter(table: dict[str, np.ndarray], order: list[int]) -> None:
    spec = CompositeIndex(structure=ROWS)
    names = np.array([f"u{i}" for i in range(UNITS)], object)
    first = spec.fit({"uCode": names, **table}).to_frame()["i"].to_numpy()
    mixed = spec.fit({"uCode": names[order], **{c: v[order] for c, v in table.items()}})
    np.testing.assert_array_equal(mixed.to_frame()["i"].to_numpy(), first[order])


@given(tables)
def test_fixed_goalposts_shield_from_newcomers(table: dict[str, np.ndarray]) -> None:
    first = fit(table)
    grown = {c: np.append(v, 500.0) for c, v in table.items()}
    frame = {"uCode": [f"u{i}" for i in range(UNITS + 1)], **grown}
    again = first.fixed().fit(frame)
    np.testing.assert_allclose(
        again.computed.index[:UNITS], first.computed.index, rtol=1e-12, atol=1e-12
    )


@given(tables)
@pytest.mark.parametrize("scheme", ["given", "equal", "pca", "factor", "entropy", "critic"])
def test_weights_sum_to_one_on_every_level(scheme: str, table: dict[str, np.ndarray]) -> None:
    result = fit(table, weights=scheme)
    for own in result.computed.weights.values():
        assert own.sum() == pytest.approx(1.0)
        assert own.min() >= 0
    share = result.weights().to_frame().groupby("level")["share"].sum()
    np.testing.assert_allclose(share, 1.0)


@given(positive, weights)
def test_means_are_ordered_and_bounded(x: np.ndarray, w: np.ndarray) -> None:
    means = [power_mean(x, w, p) for p in (-1.0, 0.0, 0.5, 1.0, 2.0)]
    for low, high in pairwise(means):
        assert (low <= high * (1 + 1e-12)).all()
    assert (means[0] >= x.min(axis=1) * (1 - 1e-12)).all()
    assert (means[-1] <= x.max(axis=1) * (1 + 1e-12)).all()
    assert (penalized_mean(x, w) <= means[3] * (1 + 1e-12)).all()


@given(positive, weights)
def test_copeland_balances(x: np.ndarray, w: np.ndarray) -> None:
    matrix = outranking(x, w)
    off = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose((matrix + matrix.T)[off], 1.0)
    assert copeland(matrix).sum() == 0


@given(arrays(float, (5, 3), elements=st.integers(1, 20).map(float)))
def test_benefit_of_the_doubt_bounds_the_mean(x: np.ndarray) -> None:
    answer = benefit_of_doubt(x)
    assert answer.scores.max() == pytest.approx(1.0)
    assert (answer.scores <= 1 + 1e-9).all()
    # nobody's common weights favor a unit more than its own
    common = x.mean(axis=1) / x.mean(axis=1).max()
    assert (answer.scores >= common - 1e-9).all()


@given(arrays(float, (6, 3), elements=st.floats(0.5, 9.0)))
def test_data_weights_are_weights(x: np.ndarray) -> None:
    for own in (entropy_weights(x), critic_weights(x)):
        assert own.sum() == pytest.approx(1.0)
        assert own.min() >= 0


@given(arrays(float, 4, elements=st.floats(0.1, 9.0)))
def test_consistent_judgments_return_their_weights(w: np.ndarray) -> None:
    answer = pairwise_weights(w[:, None] / w)
    np.testing.assert_allclose(answer.weights, w / w.sum(), rtol=1e-8)
    assert abs(answer.consistency_index) < 1e-8


@given(arrays(float, 20, elements=st.floats(-1e6, 1e6)), st.integers(3, 12))
def test_rounding_is_idempotent_and_close(x: np.ndarray, digits: int) -> None:
    once = significant(x, digits)
    np.testing.assert_array_equal(significant(once, digits), once)
    assert (np.abs(once - x) <= 0.5000001 * 10.0 ** (1 - digits) * np.abs(x) + 1e-300).all()


@given(arrays(float, 15, elements=st.integers(0, 5).map(float)))
def test_ranks_count_who_is_better(x: np.ndarray) -> None:
    ranks = rank_units(x)
    np.testing.assert_array_equal(ranks, 1 + (x[None, :] > x[:, None]).sum(axis=1))


@given(positive)
def test_linear_scores_hit_their_anchors(x: np.ndarray) -> None:
    z = linear_scores(x, np.full(4, 0.0), np.full(4, 50.0), lower=1.0, upper=3.0)
    np.testing.assert_allclose(z, 1 + x / 25, rtol=1e-12)
