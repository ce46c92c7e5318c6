from __future__ import annotations

import numpy as np
import pytest

from tfp_index.composite.normalize import Frame, impute, normalize, treat
from tfp_index.composite.structure import Node
from tfp_index.errors import DataError

NAN = np.nan
X = np.array([[0.0, 5.0], [5.0, 1.0], [10.0, 3.0]])
NODES = (Node("up", parent="i"), Node("down", parent="i", direction=-1))
FRAME = Frame(np.arange(3), np.zeros(3, int), np.zeros(3, int))
SCALES = dict.fromkeys(
    ("minmax", "target", "goalposts", "reference", "proportion_of_best", "percentile"), (0.0, 100.0)
) | {"zscore": (0.0, 1.0), "rank": (0.0, 1.0), "borda": (0.0, 1.0)}


def run(
    methods: tuple[str, str], nodes: tuple[Node, Node] = NODES, **options: object
) -> np.ndarray:
    settings = {"scales": SCALES, "clip": True, "by_period": False} | options
    return normalize(X, nodes, methods, FRAME, **settings)[0]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("minmax", [[0, 0], [50, 100], [100, 50]]),
        ("zscore", [[-1, -1], [0, 1], [1, 0]]),
        ("percentile", [[0, 0], [50, 100], [100, 50]]),
        ("rank", [[1, 1], [2, 3], [3, 2]]),
        ("borda", [[0, 0], [1, 2], [2, 1]]),
    ],
)
def test_methods_by_hand(method: str, expected: list[list[float]]) -> None:
    np.testing.assert_allclose(run((method, method)), expected, atol=1e-12)


def test_target_goalposts_reference() -> None:
    nodes = (
        Node("up", parent="i", target=5.0, goalposts=(0.0, 20.0)),
        Node("down", parent="i", direction=-1, target=3.0, goalposts=(2.0, 4.0)),
    )
    np.testing.assert_allclose(run(("target", "target"), nodes), [[0, 0], [100, 100], [100, 100]])
    np.testing.assert_allclose(
        run(("target", "target"), nodes, clip=False), [[0, 0], [100, 200], [200, 100]]
    )
    np.testing.assert_allclose(
        run(("goalposts", "goalposts"), nodes), [[0, 0], [25, 100], [50, 50]]
    )
    np.testing.assert_allclose(
        run(("reference", "reference"), nodes, reference=1), [[0, 0], [100, 100], [200, 50]]
    )


def test_a_target_that_all_have_reached() -> None:
    nodes = (Node("up", parent="i", target=-3.0), Node("down", parent="i", direction=-1))
    assert run(("target", "minmax"), nodes)[:, 0].tolist() == [100.0, 100.0, 100.0]


def test_proportion_of_the_best() -> None:
    x = X + 1.0
    scores, _ = normalize(
        x, NODES, ("proportion_of_best",) * 2, FRAME, scales=SCALES, clip=True, by_period=False
    )
    np.testing.assert_allclose(scores, [[100 / 11, 100 / 3], [600 / 11, 100], [100, 50]])


def test_the_reference_unit_cannot_be_the_worst() -> None:
    with pytest.raises(DataError, match="coincide"):
        run(("reference", "minmax"), reference=0)


def test_mixed_methods_keep_to_their_columns() -> None:
    mixed = run(("zscore", "percentile"))
    np.testing.assert_allclose(mixed[:, 0], run(("zscore", "zscore"))[:, 0])
    np.testing.assert_allclose(mixed[:, 1], run(("percentile", "percentile"))[:, 1])


def test_treatment_by_indicator() -> None:
    x = np.column_stack([np.r_[np.arange(19.0), 1000.0]] * 4)
    out, reports = treat(
        x, ("none", "auto", "winsorize", "log"), most=5, skew_limit=2.0, kurt_limit=3.5
    )
    np.testing.assert_array_equal(out[:, 0], x[:, 0])
    assert out[-1, 1] == out[-1, 2] == 18.0
    assert reports[0] is None
    assert reports[3] is not None
    assert reports[3].logged


def test_imputation_by_group_and_period() -> None:
    frame = Frame(
        np.arange(6), np.array([0, 0, 0, 1, 1, 1]), np.zeros(6, int), np.array([0, 0, 1, 0, 0, -1])
    )
    x = np.array([[1.0], [NAN], [NAN], [5.0], [NAN], [NAN]])
    np.testing.assert_array_equal(impute(x, "group_mean", frame).ravel(), [1, 1, NAN, 5, 5, NAN])
    np.testing.assert_array_equal(impute(x, "mean", frame).ravel(), [1, 1, 1, 5, 5, 5])
    assert impute(x, "none", frame) is x
