"""Look back at the data: what goes together, what is redundant, what drives the ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.composite.compute import compute, period_ranks
from tfp_index.composite.result import STAGES, CompositeResult
from tfp_index.composite.weights import effective_weights
from tfp_index.errors import SpecificationError, nearest
from tfp_index.kernels.normalize import rank_units
from tfp_index.kernels.scoring import cronbach
from tfp_index.panel.table import Table

__all__ = ["consistency", "correlations", "importance", "pairs", "remove_one"]

Floats = NDArray[np.float64]

METHODS = ("pearson", "spearman", "kendall")


def correlation(a: Floats, b: Floats, method: str = "pearson") -> float:
    """Return the correlation of two columns over the rows where both are observed.

    Parameters
    ----------
    a, b : (n,) float arrays, NaN = missing
    method : {"pearson", "spearman", "kendall"}

    Returns
    -------
    float; NaN with fewer than three common rows or without variation

    Examples
    --------
    >>> round(correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 7.0])), 3)
    0.993
    """
    if method not in METHODS:
        raise SpecificationError(
            f"there is no correlation {method!r}",
            code="bad_option",
            remedy=nearest(method, METHODS),
        )
    both = ~np.isnan(a) & ~np.isnan(b)
    a, b = a[both], b[both]
    if a.size < 3 or a.min() == a.max() or b.min() == b.max():
        return float("nan")
    if method == "kendall":
        from scipy.stats import kendalltau

        return float(kendalltau(a, b).statistic)
    if method == "spearman":
        a, b = _mid_ranks(a), _mid_ranks(b)
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def _mid_ranks(x: Floats) -> Floats:
    """Return ranks in which equal values share the mean of their places."""
    low = rank_units(x, ascending=True)
    return (low + (x.size + 1.0 - rank_units(x))) / 2.0


def correlations(result: CompositeResult, *, method: str = "pearson") -> Table:
    """Return the correlation of each node with its parent and with the index.

    A node that runs against its parent (negative) pulls the index both ways; one that hardly
    moves with it adds little but noise.

    Parameters
    ----------
    result : CompositeResult
    method : {"pearson", "spearman", "kendall"}
    """
    tree, scores = result.tree, result.computed.scores
    nodes = tree.nodes[:-1]
    parents = [
        correlation(scores[:, i], scores[:, tree.position[str(node.parent)]], method)
        for i, node in enumerate(nodes)
    ]
    index = [correlation(scores[:, i], scores[:, -1], method) for i in range(len(nodes))]
    return Table(
        {
            "code": [node.code for node in nodes],
            "parent": [node.parent for node in nodes],
            "level": [node.level for node in nodes],
            "with_parent": parents,
            "with_index": index,
            "against_parent": [bool(r < 0) for r in parents],
        },
        title=f"Correlation with parent and index ({method})",
        backend=result.keys.backend,
    )


def pairs(
    result: CompositeResult,
    *,
    method: str = "pearson",
    stage: str = "normalized",
    redundant: float = 0.92,
) -> Table:
    """Return the correlation of every two indicators below one parent.

    Parameters
    ----------
    result : CompositeResult
    method : {"pearson", "spearman", "kendall"}
    stage : str
        One of `STAGES`.
    redundant : float
        Pairs above this say nearly the same thing and are flagged.
    """
    if stage not in STAGES:
        raise SpecificationError(
            f"there is no stage {stage!r}", code="bad_option", remedy=nearest(stage, STAGES)
        )
    tree, matrix = result.tree, getattr(result.computed.leaves, stage)
    rows: list[tuple[Any, ...]] = []
    for parent in tree.aggregates:
        leaves = [child for child in parent.children if child < matrix.shape[1]]
        for place, a in enumerate(leaves):
            for b in leaves[place + 1 :]:
                r = correlation(matrix[:, a], matrix[:, b], method)
                rows.append((parent.code, tree.nodes[a].code, tree.nodes[b].code, r))
    return Table(
        {
            "parent": [row[0] for row in rows],
            "first": [row[1] for row in rows],
            "second": [row[2] for row in rows],
            "correlation": np.array([row[3] for row in rows], float),
            "redundant": [bool(row[3] > redundant) for row in rows],
        },
        title=f"Correlation of siblings ({method}, {stage})",
        backend=result.keys.backend,
    )


def consistency(result: CompositeResult, *, stage: str = "normalized") -> Table:
    """Return Cronbach's alpha of the children of each node.

    For nodes above indicators the stage may be any of `STAGES`; nodes above aggregates always
    use scores.
    """
    if stage not in STAGES:
        raise SpecificationError(
            f"there is no stage {stage!r}", code="bad_option", remedy=nearest(stage, STAGES)
        )
    tree = result.tree
    matrix = result.computed.scores.copy()
    leaves = getattr(result.computed.leaves, stage)
    matrix[:, : leaves.shape[1]] = leaves
    nodes = tree.aggregates
    return Table(
        {
            "code": [node.code for node in nodes],
            "children": [len(node.children) for node in nodes],
            "alpha": np.array([cronbach(matrix[:, list(node.children)]) for node in nodes], float),
        },
        title=f"Cronbach's alpha ({stage})",
        backend=result.keys.backend,
    )


def importance(result: CompositeResult) -> Table:
    """Return the share each indicator was meant to have in the index beside what it moves.

    ``share`` is the product of the weights above the indicator; ``moves`` is the squared
    correlation with the index over the sum of all such squares, a rough but transparent measure.
    """
    tree, scores = result.tree, result.computed.scores
    k = len(tree.indicators)
    share = effective_weights(tree, result.computed.weights)[:k]
    squares = np.array([correlation(scores[:, j], scores[:, -1]) ** 2 for j in range(k)])
    total = np.nansum(squares)
    return Table(
        {
            "code": [node.code for node in tree.indicators],
            "share": share,
            "moves": squares / (total if total > 0 else np.nan),
        },
        title="Meant and actual importance",
        backend=result.keys.backend,
    )


def remove_one(result: CompositeResult, *, level: int = 1) -> Table:
    """Return how far the ranks move when one node is left out and all else is done again.

    Parameters
    ----------
    result : CompositeResult
    level : int
        1 removes indicators in turn, higher levels whole branches.

    Returns
    -------
    Table
        ``mean_change`` and ``largest_change`` of rank over the units that are ranked in both;
        ``unit`` is the one that moves most.
    """
    tree = result.tree
    base = result.ranks
    rows = []
    for node in tree.nodes[:-1]:
        if node.level != level:
            continue
        left = tree.without(node.code)
        if not any(row["code"] == tree.index.code for row in left):
            continue  # nothing would be left
        spec = result.spec.replace(structure=tuple(left), **_options_without(result, left))
        ranks = period_ranks(compute(spec, result.inputs).index, result.inputs.frame.period)
        moved = np.abs(ranks - base)
        known = np.flatnonzero(~np.isnan(moved))
        far = known[np.argmax(moved[known])] if known.size else 0
        rows.append((node.code, moved[known], result.keys.where(int(far))[0]))
    return Table(
        {
            "removed": [row[0] for row in rows],
            "mean_change": np.array([row[1].mean() if row[1].size else np.nan for row in rows]),
            "largest_change": np.array([row[1].max() if row[1].size else np.nan for row in rows]),
            "unit": [row[2] for row in rows],
        },
        title=f"Ranks without each node of level {level}",
        backend=result.keys.backend,
    )


def _options_without(result: CompositeResult, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the options by node that still have their node, judgments only where they fit."""
    spec = result.spec
    parents = {row["parent"] for row in rows}
    options: dict[str, Any] = {}
    for option in ("weights", "aggregate"):
        value = getattr(spec, option)
        if not isinstance(value, str):
            options[option] = {code: how for code, how in value.items() if code in parents}
    judged = {}
    remaining = {row["code"] for row in rows}
    for code, table in spec.judgments.items():
        children = spec.tree.child_codes(code)
        keep = [j for j, child in enumerate(children) if child in remaining]
        if code not in parents or not keep:
            continue
        square = spec.scheme_of(code) == "ahp"
        lines = [table[i] for i in keep] if square else list(table)
        judged[code] = tuple(tuple(line[j] for j in keep) for line in lines)
    options["judgments"] = judged
    return options
