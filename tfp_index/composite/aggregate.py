"""Combine the children of a node, and a whole tree from the leaves up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.composite.structure import Node, Structure
from tfp_index.errors import DataError
from tfp_index.kernels.scoring import (
    copeland,
    outranking,
    penalized_mean,
    power_mean,
    power_mean_by_weights,
    share_present,
)

__all__ = ["AGGREGATIONS", "Rule", "combine", "replicate_tree"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AGGREGATIONS = ("arithmetic", "geometric", "harmonic", "generalized", "mpi", "mpi_plus", "copeland")
"""Ways to combine the children of a node.

``mpi`` subtracts the Mazziotta–Pareto penalty for imbalance, ``mpi_plus`` adds it; ``copeland``
only compares, and reports wins less losses on the scale of the other scores.
"""

POSITIVE = ("geometric", "harmonic", "generalized", "mpi", "mpi_plus")
"""Methods that need scores above zero."""

MOST_COMPARED = 5_000
"""Units that ``copeland`` compares pair by pair at most (memory grows with their square)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How one node is combined.

    Attributes
    ----------
    method : str
        One of `AGGREGATIONS`, or ``"benefit_of_doubt"``.
    power : float
        Order of the ``"generalized"`` mean.
    threshold : float
        Smallest share of children that must be observed.
    scale : (lower, upper)
        Where the scores of ``copeland`` and ``benefit_of_doubt`` are put.
    """

    method: str
    power: float = 1.0
    threshold: float = 0.0
    scale: tuple[float, float] = (0.0, 100.0)

    @property
    def order(self) -> float | None:
        """Order of the power mean, None for the other methods."""
        orders = {"arithmetic": 1.0, "geometric": 0.0, "harmonic": -1.0, "generalized": self.power}
        return orders.get(self.method)


def combine(x: Floats, weights: Floats, rule: Rule, period: Ints) -> Floats:
    """Return the score of a node from those of its children.

    Parameters
    ----------
    x : (..., n, k) float array, NaN = missing
    weights : (..., k) float array; (n, k) for benefit of the doubt
    rule : Rule
    period : (n,) int array
        Units are compared within their period only.

    Returns
    -------
    (..., n) float array; NaN where too few children are observed
    """
    order = rule.order
    if order is not None:
        fast = x.ndim == 2 and weights.ndim == 2
        score = (power_mean_by_weights if fast else power_mean)(x, weights, order)
    elif rule.method == "benefit_of_doubt":
        score = rule.scale[1] * np.einsum("...k,...k->...", x, weights)
    elif rule.method == "copeland":
        score = _compared(x, weights, period, rule.scale)
    else:
        values = x if x.ndim > weights.ndim else x[None]
        score = penalized_mean(values, weights, sign=1.0 if rule.method == "mpi_plus" else -1.0)
    if rule.threshold > 0:
        # a hair below, so that 2 of 3 children pass a threshold of two thirds
        score = np.where(share_present(x) >= rule.threshold - 1e-12, score, np.nan)
    return score


def _compared(x: Floats, weights: Floats, period: Ints, scale: tuple[float, float]) -> Floats:
    if weights.ndim > 1:
        stacked = x if x.ndim == 3 else np.broadcast_to(x, (weights.shape[0], *x.shape))
        return np.array(
            [_compared(part, w, period, scale) for part, w in zip(stacked, weights, strict=True)]
        )
    lower, upper = scale
    score = np.full(x.shape[0], np.nan)
    for number in np.unique(period).tolist():
        rows = np.flatnonzero((period == number) & (share_present(x) > 0))
        rivals = rows.size - 1
        balance = copeland(outranking(x[rows], weights)) / max(rivals, 1)
        score[rows] = lower + (upper - lower) * (1.0 + balance) / 2.0
    return score


def refuse_unfit(x: Floats, node: Node, rule: Rule, period: Ints) -> None:
    """Raise if a rule has no meaning for the children's scores.

    Raises
    ------
    DataError
        If a mean that needs positive scores meets others, or too many units are to be compared.
    """
    if rule.method in POSITIVE and (rule.method != "generalized" or rule.power != 1.0):
        count = int((x <= 0).sum())
        if count:
            raise DataError(
                f"{count} score(s) below {node.code!r} are zero or negative, which a "
                f"{rule.method} mean cannot take",
                code="non_positive",
                column=node.code,
                remedy="choose a scale that starts above zero, e.g. scale=(1, 100)",
            )
    if rule.method == "copeland" and np.bincount(period).max(initial=0) > MOST_COMPARED:
        raise DataError(
            f"copeland compares every pair of units, at most {MOST_COMPARED} of them",
            code="too_many_units",
            column=node.code,
            remedy="combine by a mean",
        )


def replicate_tree(
    leaves: Floats,
    structure: Structure,
    weights: Mapping[str, Floats],
    rules: Mapping[str, Rule],
    period: Ints,
    r: int,
) -> Floats:
    """Return the index under many sets of weights.

    A node whose children are all indicators costs one matrix product for all sets.

    Parameters
    ----------
    leaves : (n, k) float array
        Normalized indicators, in the order of the structure.
    weights : mapping of aggregate to (r, children) array; (n, children) for benefit of the doubt
    rules : mapping of aggregate to Rule
    period : (n,) int array
    r : int
        Number of sets of weights.

    Returns
    -------
    (r, n) float array
    """
    k = leaves.shape[1]
    scores: dict[int, Floats] = {}
    for node in structure.aggregates:
        rule, below = rules[node.code], node.children
        if all(child < k for child in below):
            x = leaves[:, below]
        else:
            columns = [
                scores[child]
                if child >= k
                else np.broadcast_to(leaves[:, child], (r, leaves.shape[0]))
                for child in below
            ]
            x = np.stack(columns, axis=-1)
        score = combine(x, weights[node.code], rule, period)
        if score.ndim == 1:  # benefit of the doubt: its weights are not drawn
            score = np.broadcast_to(score, (r, score.shape[0]))
        scores[structure.position[node.code]] = score
    return scores[len(structure.nodes) - 1]
