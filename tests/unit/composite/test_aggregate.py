from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfp_index.composite.aggregate import MOST_COMPARED, Rule, combine, refuse_unfit
from tfp_index.composite.index import CompositeIndex
from tfp_index.composite.structure import Node
from tfp_index.errors import DataError

NAN = np.nan
PERIOD = np.zeros(3, np.int64)
X = np.array([[10.0, 40.0], [30.0, 30.0], [50.0, 10.0]])
W = np.array([0.5, 0.5])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule("arithmetic"), [25, 30, 30]),
        (Rule("geometric"), [20, 30, np.sqrt(500)]),
        (Rule("harmonic"), [16, 30, 100 / 6]),
        (Rule("generalized", 2.0), [np.sqrt(850), 30, np.sqrt(1300)]),
        (Rule("mpi"), [25 - 450 / 25, 30, 30 - 800 / 30]),
        (Rule("mpi_plus"), [25 + 450 / 25, 30, 30 + 800 / 30]),
        (Rule("copeland"), [50, 50, 50]),
    ],
)
def test_methods_by_hand(rule: Rule, expected: list[float]) -> None:
    np.testing.assert_allclose(combine(X, W, rule, PERIOD), expected)
    batch = combine(X, np.stack((W, W)), rule, PERIOD)
    np.testing.assert_allclose(batch, [expected, expected])
    deep = combine(np.stack((X, X)), np.stack((W, W)), rule, PERIOD)
    np.testing.assert_allclose(deep, [expected, expected])


def test_threshold() -> None:
    x = np.array([[1.0, NAN, 3.0], [NAN, NAN, 3.0]])
    score = combine(x, np.ones(3), Rule("arithmetic", threshold=2 / 3), PERIOD[:2])
    np.testing.assert_array_equal(score, [2.0, NAN])


def test_copeland_compares_within_periods() -> None:
    x = np.array([[1.0], [2.0], [9.0], [8.0], [NAN]])
    score = combine(x, np.ones(1), Rule("copeland"), np.array([0, 0, 1, 1, 1]))
    np.testing.assert_array_equal(score, [0, 100, 100, 0, NAN])
    alone = combine(x[:1], np.ones(1), Rule("copeland"), np.zeros(1, np.int64))
    assert alone.tolist() == [50.0]


def test_unfit_scores() -> None:
    node = Node("p")
    with pytest.raises(DataError, match="1 score") as caught:
        refuse_unfit(np.array([[0.0, 1.0]]), node, Rule("geometric"), PERIOD[:1])
    assert caught.value.column == "p"
    refuse_unfit(np.array([[0.0, 1.0]]), node, Rule("arithmetic"), PERIOD[:1])
    many = MOST_COMPARED + 1
    with pytest.raises(DataError, match="every pair"):
        refuse_unfit(np.ones((many, 1)), node, Rule("copeland"), np.zeros(many, np.int64))


FRAME: dict[str, Any] = {
    "uCode": list("ABCDEF"),
    "x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    "y": [2.0, 1.0, 4.0, 3.0, 6.0, 5.0],
    "z": [6.0, 1.0, 2.0, 5.0, 3.0, 4.0],
}
ROWS = (*({"code": c, "parent": "i"} for c in "xyz"), {"code": "i"})


def fit(**options: Any) -> Any:
    return CompositeIndex(structure=ROWS, **options).fit(FRAME)


def weights(**options: Any) -> np.ndarray:
    return fit(**options).computed.weights["i"]


def test_weights_by_scheme() -> None:
    z = np.column_stack([FRAME[c] for c in "xyz"])
    correlation = np.corrcoef(z, rowvar=False)
    _, vectors = np.linalg.eigh(correlation)
    first = vectors[:, -1] ** 2
    np.testing.assert_allclose(weights(weights="pca"), first, atol=1e-12)
    for scheme in ("equal", "pca", "factor", "entropy", "critic"):
        assert weights(weights=scheme).sum() == pytest.approx(1.0)
    contrast = z.std(axis=0, ddof=1) / (z.max(axis=0) - z.min(axis=0)) * (1 - correlation).sum(0)
    np.testing.assert_allclose(weights(weights="critic"), contrast / contrast.sum())
    budget = weights(weights="budget", judgments={"i": [[50, 30, 20], [1, 0, 1]]})
    np.testing.assert_allclose(budget, [0.5, 0.15, 0.35])
    pairwise = weights(
        weights={"i": "ahp"}, judgments={"i": [[1, 2, 4], [0.5, 1, 2], [0.25, 0.5, 1]]}
    )
    np.testing.assert_allclose(pairwise, [4 / 7, 2 / 7, 1 / 7])


def test_consistency_of_judgments_is_reported() -> None:
    circle = [[1, 3, 1 / 3], [1 / 3, 1, 3], [3, 1 / 3, 1]]
    result = fit(weights={"i": "ahp"}, judgments={"i": circle})
    assert result.computed.judged["i"].consistency_ratio > 0.1


def test_benefit_of_the_doubt() -> None:
    result = fit(weights="benefit_of_doubt", bounds=(0.2, 0.6))
    own = result.computed.weights["i"]
    shares = own / own.sum(axis=1, keepdims=True)
    assert shares.min() > 0.2 - 1e-9
    assert result.computed.index.max() == pytest.approx(100.0)
    assert result.weights()["share"][:3].sum() == pytest.approx(1.0)
    gap = {**FRAME, "x": [NAN, 2.0, 3.0, 4.0, 5.0, 6.0]}
    spec = CompositeIndex(structure=ROWS, weights="benefit_of_doubt")
    with pytest.raises(DataError, match="every score of every unit"):
        spec.fit(gap)
    negative = CompositeIndex(structure=ROWS, weights="benefit_of_doubt", normalize="zscore")
    with pytest.raises(DataError, match="not negative"):
        negative.fit(FRAME)
    tight = CompositeIndex(
        structure=ROWS,
        weights="benefit_of_doubt",
        bounds=(0.3, 0.4),
        bounds_on="contributions",
    )
    strict = tight.fit(FRAME)
    # a unit with one score of zero cannot draw three tenths of its score from it
    assert strict.computed.index[[0, 1]].tolist() == [0.0, 0.0]
    assert strict.weights()["share"][:3].sum() == pytest.approx(1.0)


def test_too_few_units_for_weights_from_the_data() -> None:
    frame = {k: v[:4] for k, v in FRAME.items()} | {"x": [NAN, NAN, 1.0, 2.0]}
    with pytest.raises(DataError, match="at least three units"):
        CompositeIndex(structure=ROWS, weights="pca").fit(frame)
