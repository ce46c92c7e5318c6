from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tfp_index.composite.analysis import (
    consistency,
    correlation,
    correlations,
    importance,
    pairs,
    remove_one,
)
from tfp_index.composite.index import CompositeIndex
from tfp_index.errors import SpecificationError

ROWS = (
    *({"code": c, "parent": "p"} for c in "abc"),
    *({"code": c, "parent": "q"} for c in "de"),
    {"code": "p", "parent": "i"},
    {"code": "q", "parent": "i"},
    {"code": "i"},
)


@pytest.fixture(scope="module")
def fitted() -> Any:
    rng = np.random.default_rng(1)
    frame: dict[str, Any] = {"uCode": [f"u{i}" for i in range(30)]}
    for code in "abcde":
        frame[code] = rng.normal(size=30)
    frame["b"] = frame["a"] + 0.1 * rng.normal(size=30)
    frame["e"] = -frame["d"] + 0.5 * rng.normal(size=30)
    return CompositeIndex(structure=ROWS).fit(frame)


def test_correlation_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 40).astype(float), rng.integers(0, 9, 40).astype(float)
    a[3] = b[7] = np.nan
    both = ~np.isnan(a) & ~np.isnan(b)
    for method, function in (
        ("pearson", stats.pearsonr),
        ("spearman", stats.spearmanr),
        ("kendall", stats.kendalltau),
    ):
        expected = function(a[both], b[both]).statistic
        assert correlation(a, b, method) == pytest.approx(expected, rel=1e-12)
    assert np.isnan(correlation(a, np.ones(40)))
    with pytest.raises(SpecificationError, match="no correlation"):
        correlation(a, b, "persson")


def test_kendall_toy_of_the_handbook(reference: Callable[[str], Any]) -> None:
    toy = reference("aggregation")["composite_tai"]["published"]["kendall_example"]
    height, weight = np.array(toy["height"], float), np.array(toy["weight"], float)
    # the Handbook calls it W; with two raters its value is Kendall's tau
    assert round(correlation(height, weight, "kendall"), 2) == toy["W"]


def test_flags(fitted: Any) -> None:
    table = pairs(fitted)
    flagged = {
        (a, b) for a, b, r in zip(table["first"], table["second"], table["redundant"], strict=True)
        if r
    }  # fmt: skip
    assert flagged == {("a", "b")}
    assert len(table) == 3 + 1
    against = correlations(fitted)
    assert against["code"].tolist() == ["a", "b", "c", "d", "e", "p", "q"]
    own = dict(zip(consistency(fitted)["code"], consistency(fitted)["alpha"], strict=True))
    assert own["q"] < 0
    with pytest.raises(SpecificationError, match="no stage"):
        pairs(fitted, stage="final")


def test_importance_sums_to_one(fitted: Any) -> None:
    table = importance(fitted)
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["moves"].sum() == pytest.approx(1.0)


def test_removing_one_by_hand(fitted: Any) -> None:
    table = remove_one(fitted)
    assert table["removed"].tolist() == list("abcde")
    left = tuple(row for row in ROWS if row["code"] != "c")
    frame = {"uCode": fitted.keys.entity_labels, **fitted.inputs.columns}
    moved = np.abs(CompositeIndex(structure=left).fit(frame).ranks - fitted.ranks)
    assert table["mean_change"][2] == pytest.approx(moved.mean())
    assert table["largest_change"][2] == moved.max()
    assert table["unit"][2] == fitted.keys.entity_labels[moved.argmax()]
    branches = remove_one(fitted, level=2)
    assert branches["removed"].tolist() == ["p", "q"]


def test_removal_keeps_judgments_and_options_in_step(fitted: Any) -> None:
    spec = fitted.spec.replace(
        weights={"p": "ahp", "q": "budget"},
        judgments={"p": [[1, 2, 4], [0.5, 1, 2], [0.25, 0.5, 1]], "q": [[60, 40]]},
        aggregate={"p": "copeland"},
    )
    result = spec.fit({"uCode": fitted.keys.entity_labels, **fitted.inputs.columns})
    assert len(remove_one(result)) == 5
    assert len(remove_one(result, level=2)) == 2
