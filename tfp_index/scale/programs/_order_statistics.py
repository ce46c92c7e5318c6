"""Exact order statistics of cells whose values stand in several partitions.

Every round sends, for each bracket that a wanted value is known to lie in, a few evenly spaced
values of each partition with the mass (rows, or weight) up to them. The true cumulative mass at a
value then lies between two step functions, which narrows the bracket; a partition with few values
inside sends them all. After two or three rounds every bracket is seen completely and the value is
read off: it is a value of the data, the same for any number of partitions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.dispersion import CUMULATIVE, SortedCells, quantile_ranks
from tfp_index.panel.panel import Panel
from tfp_index.scale.task import Program, Sum

__all__ = ["quantiles_over_partitions", "values_at_ranks"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Read = Callable[..., SortedCells]

POINTS = 2_000_000
"""Values that all partitions together may send in one round."""
MOST, LEAST = 1024, 16
"""Values that one partition sends from one bracket."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """What was seen inside brackets; that of two partitions stands behind each other.

    Attributes
    ----------
    below : (B,) float array
        Mass at or below the lower end of each bracket.
    bracket : (m,) int array
    before, value : (m,) float arrays
        Ends of a step: `mass` lies above the one and at or below the other.
    mass : (m,) float array
    single : (m,) bool array
        Whether all of it lies at `value`.
    """

    below: Floats
    bracket: Ints
    before: Floats
    value: Floats
    mass: Floats
    single: NDArray[np.bool_]

    def __add__(self, other: _Seen) -> _Seen:
        joined = [
            np.concatenate((getattr(self, name), getattr(other, name)))
            for name in ("bracket", "before", "value", "mass", "single")
        ]
        return _Seen(self.below + other.below, *joined)


@dataclass(frozen=True, eq=False)
class _Brackets:
    """Where wanted values lie: above `low`, at or below `high`, in a cell."""

    cell: Ints
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class _Found:
    """The first value whose cumulative mass reaches a target, and the first beyond it."""

    value: Floats
    reached: Floats
    beyond: Floats


def quantiles_over_partitions(
    read: Read,
    arguments: tuple[Any, ...],
    mass: Floats,
    probabilities: Floats,
    definition: str,
    partitions: int,
) -> Program:
    """Return the exact quantiles of every cell; see `kernels.dispersion.quantiles`.

    Parameters
    ----------
    read : callable
        ``read(panel, *arguments)`` gives the sorted cells of a partition; with weights for
        weighted quantiles.
    arguments : tuple
    mass : (G,) float array
        Rows of every cell over all partitions, or their weight.
    probabilities : (P,) float array
    definition : {"linear", "averaged", "weighted"}
    partitions : int

    Returns
    -------
    (G, P) float array
        NaN where a cell is empty.
    """
    cells, P = mass.shape[0], probabilities.shape[0]
    out = np.full((cells, P), np.nan)
    filled = np.flatnonzero(mass > 0)
    if not filled.size:
        return out
    total = mass[filled, None]
    if definition == "weighted":
        wanted = probabilities * total
        slack = np.asarray(CUMULATIVE * total + np.zeros(P), np.float64)
    else:
        low, high, share = quantile_ranks(total.astype(np.int64), probabilities, definition)
        wanted, slack = np.asarray(low + 1.0, np.float64), np.full(low.shape, 0.25)
    found = yield from _select(
        read, arguments, np.repeat(filled, P), wanted.ravel(), slack.ravel(), partitions
    )
    first, beyond, reached = (
        v.reshape(wanted.shape) for v in (found.value, found.beyond, found.reached)
    )
    if definition == "linear":
        out[filled] = first + share * (np.where(high > low, beyond, first) - first)
        return out
    if definition == "weighted":
        both = (np.abs(reached - wanted) <= slack) & (wanted > slack)
    else:
        both = high > low
    out[filled] = 0.5 * (first + np.where(both, beyond, first))
    return out


def values_at_ranks(
    read: Read, arguments: tuple[Any, ...], cell: Ints, rank: Ints, partitions: int
) -> Program:
    """Return order statistics of cells.

    Parameters
    ----------
    read, arguments
        As in `quantiles_over_partitions`, without weights.
    cell, rank : (m,) int arrays
        Which one of which cell, from 0.
    partitions : int

    Returns
    -------
    (m,) float array
    """
    slack = np.full(rank.shape, 0.25)
    wanted = np.asarray(rank + 1.0, np.float64)
    found = yield from _select(read, arguments, cell, wanted, slack, partitions)
    return found.value


def _select(
    read: Read,
    arguments: tuple[Any, ...],
    cell: Ints,
    wanted: Floats,
    slack: Floats,
    partitions: int,
) -> Program:
    """Find the values at which the cumulative mass of cells reaches what is wanted."""
    m = cell.shape[0]
    low, high = np.full(m, -np.inf), np.full(m, np.inf)
    value, reached, beyond = np.full((3, m), np.nan)
    open_ = np.arange(m)
    while open_.size:
        ends = np.column_stack((cell[open_].astype(np.float64), low[open_], high[open_]))
        distinct, place = np.unique(ends, axis=0, return_inverse=True)
        place = place.reshape(-1)
        brackets = _Brackets(distinct[:, 0].astype(np.int64), distinct[:, 1], distinct[:, 2])
        points = POINTS // (distinct.shape[0] * partitions)
        points = min(max(points, LEAST), MOST)
        seen = yield Sum(_look, (read, arguments, brackets, points))
        order = np.lexsort((seen.value, seen.bracket))
        edges = np.searchsorted(seen.bracket[order], np.arange(distinct.shape[0] + 1))
        every = [
            _Steps.of(seen, order[edges[b] : edges[b + 1]], float(seen.below[b]))
            for b in range(distinct.shape[0])
        ]
        left = []
        for target, b in zip(open_.tolist(), place.tolist(), strict=True):
            steps = every[b]
            c, s = float(wanted[target]), float(slack[target])
            low[target], high[target] = steps.narrowed(c, s, low[target], high[target])
            if steps.settled(low[target], high[target]):
                value[target], reached[target], beyond[target] = steps.read(c, s)
            else:
                left.append(target)
        open_ = np.array(left, np.int64)
    return _Found(value, reached, beyond)


@dataclass(frozen=True, eq=False)
class _Steps:
    """The steps of all partitions inside one bracket, by value."""

    before: Floats
    value: Floats
    single: NDArray[np.bool_]
    at: Floats
    least: Floats
    most: Floats

    @classmethod
    def of(cls, seen: _Seen, rows: Ints, below: float) -> _Steps:
        """Bound the cumulative mass at every value that was sent."""
        before, value, mass = seen.before[rows], seen.value[rows], seen.mass[rows]
        last = np.flatnonzero(np.append(value[1:] != value[:-1], True))
        least = below + np.cumsum(mass)[last]
        starts = np.argsort(before, kind="stable")
        begun = np.concatenate(([0.0], np.cumsum(mass[starts])))
        most = below + begun[np.searchsorted(before[starts], value[last], side="left")]
        return cls(before, value, seen.single[rows], value[last], least, most)

    def narrowed(self, wanted: float, slack: float, low: float, high: float) -> tuple[float, float]:
        """Return the ends between which the first value and the one beyond it must lie."""
        under = int(np.searchsorted(self.most >= wanted - slack, True))
        over = int(np.searchsorted(self.least > wanted + slack, True))
        if under > 0:
            low = max(low, float(self.at[under - 1]))
        if over < self.at.shape[0]:
            high = min(high, float(self.at[over]))
        return low, high

    def settled(self, low: float, high: float) -> bool:
        """Say whether all that lies between the ends was seen value by value."""
        inside = (self.value > low) & (self.before < high)
        return bool(self.single[inside].all())

    def read(self, wanted: float, slack: float) -> tuple[float, float, float]:
        """Return the first value that reaches what is wanted, the mass there, the one beyond."""
        end = self.at.shape[0] - 1
        first = min(int(np.searchsorted(self.least, wanted - slack)), end)
        beyond = min(int(np.searchsorted(self.least, wanted + slack, side="right")), end)
        return float(self.at[first]), float(self.least[first]), float(self.at[beyond])


def _look(
    panel: Panel, read: Read, arguments: tuple[Any, ...], brackets: _Brackets, points: int
) -> _Seen:
    """Send evenly spaced values of a partition inside every bracket, all if they are few."""
    cells = read(panel, *arguments)
    below = np.zeros(brackets.cell.shape[0])
    parts: list[tuple[Any, ...]] = []
    bounds = cells.offsets.tolist()
    for b, cell in enumerate(brackets.cell.tolist()):
        start, stop = bounds[cell], bounds[cell + 1]
        values = cells.values[start:stop]
        a, z = np.searchsorted(values, (brackets.low[b], brackets.high[b]), side="right").tolist()
        weights = None if cells.weights is None else cells.weights[start:stop]
        below[b] = a if weights is None else weights[:a].sum()
        if z > a:
            parts.append((b, *_steps(values[a:z], None if weights is None else weights[a:z],
                                     brackets.low[b], points)))  # fmt: skip
    if not parts:
        none = np.zeros(0)
        return _Seen(below, np.zeros(0, np.int64), none, none, none, np.zeros(0, bool))
    sizes = [part[1].shape[0] for part in parts]
    number = np.repeat([part[0] for part in parts], sizes)
    joined = [np.concatenate([part[i] for part in parts]) for i in range(1, 5)]
    return _Seen(below, number, *joined)


def _steps(
    values: Floats, weights: Floats | None, low: float, points: int
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Cut sorted values into at most `points` steps: before, value, mass, single."""
    n = values.shape[0]
    chosen = np.arange(n) if n <= points else np.arange(1, points + 1) * n // points - 1
    at = np.unique(values[chosen])
    last = np.searchsorted(values, at, side="right")
    edges = np.concatenate(([0], last))
    if weights is None:
        mass = np.diff(edges).astype(np.float64)
    else:
        mass = np.add.reduceat(weights, edges[:-1])
    single = values[edges[:-1]] == at
    return np.concatenate(([low], at[:-1])), at, mass, single
