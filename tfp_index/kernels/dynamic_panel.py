"""Dynamic panels: changes and levels in one system, instrumented by lagged levels and changes.

For ``y_it = x_it'π + η_i + e_it``, where x may hold lags of y, the equation in changes is free of
``η_i`` and takes values two and more periods back as instruments (Arellano and Bond 1991); the
equation in levels takes lagged changes (Arellano and Bover 1995; Blundell and Bond 1998).

Neither regressors nor instruments of all rows ever stand in memory. `Layout` says what they are
made of, `block` makes them for some firms, and `DynamicPanelRows` hands block after block to
whoever adds something up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.groups import calendar_lags
from tfp_index.kernels.sums import plus
from tfp_index.kernels.system_gmm import Equation

__all__ = [
    "Block",
    "DynamicPanelRows",
    "Instrument",
    "Layout",
    "add_all",
    "block",
    "initial_weight",
    "layout",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
T = TypeVar("T")

ROWS = 4_096
"""Rows in a block: regressors and instruments of both equations fit in a few megabytes."""

TOGETHER = 16
"""Blocks whose answers are kept at a time."""

HELD = 4
"""With so few blocks they are made once and kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Instrument:
    """One lag of one column as an instrument.

    Attributes
    ----------
    column, lag : int
    at : int
        First of its columns among those of its equation.
    slots : (periods,) int array or None
        Column of each period, counted from `at`, -1 where the lag is missing for all; None for
        one column over all periods.
    width : int
    """

    column: int
    lag: int
    at: int
    slots: Ints | None
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """What regressors and instruments are made of.

    Attributes
    ----------
    columns : tuple of (N,) float arrays
        Output, then inputs, over all rows, sorted by firm and time.
    code, time : (N,) int arrays
    step : int
        Between periods.
    offsets : (firms + 1,) int array
        Where the rows of each firm start.
    complete : (N,) bool array
        Rows with a value in every column.
    level : (N,) bool array
        Complete rows whose period before is complete: those of the equation in levels.
    periods : (t,) int array
        Of the level rows.
    for_changes, for_levels : tuple of Instrument
    system : bool
        Whether levels are estimated along.
    dummies : bool
        Of all periods but the first.
    """

    columns: tuple[Floats, ...]
    code: Ints
    time: Ints
    step: int
    offsets: Ints
    complete: Mask
    level: Mask
    periods: Ints
    for_changes: tuple[Instrument, ...]
    for_levels: tuple[Instrument, ...]
    system: bool
    dummies: bool

    @property
    def endogenous(self) -> int:
        """Lagged output, inputs, lagged inputs."""
        return 2 * len(self.columns) - 1

    @property
    def exogenous(self) -> int:
        """Constant and dummies."""
        return int(self.system) + (self.periods.size - 1 if self.dummies else 0)

    @property
    def regressors(self) -> int:
        """Coefficients, those of constant and dummies last."""
        return self.endogenous + self.exogenous


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Regressors and instruments of some firms.

    Attributes
    ----------
    equation : Equation
        Changes above levels.
    changes : int
        How many rows are changes.
    now, then : (changes,) int arrays
        For each change, the level rows between which it lies.
    before : (changes,) int array
        For each change, the change of the period before, -1 where there is none.
    levels : int
        Level rows.
    """

    equation: Equation
    changes: int
    now: Ints
    then: Ints
    before: Ints
    levels: int


def layout(
    columns: Sequence[Floats],
    code: Ints,
    time: Ints,
    step: int,
    offsets: Ints,
    complete: Mask,
    level: Mask,
    *,
    first: Sequence[int],
    last: int,
    system: bool,
    collapse: bool,
    dummies: bool,
) -> Layout:
    """Lay out a dynamic panel.

    Parameters
    ----------
    columns, code, time, step, offsets, complete, level, system, dummies
        As in `Layout`.
    first : sequence of int
        First lag of each column that is an instrument of changes.
    last : int
        Last lag of all.
    collapse : bool
        One instrument per lag; otherwise one per lag and period.
    """
    periods, filled = np.unique(time[level]), np.unique(time[complete])
    changes: list[Instrument] = []
    levels: list[Instrument] = []
    for column, lag in enumerate(first):
        for j in range(lag, last + 1):
            _append(changes, column, j, None if collapse else _slots(periods, filled, [j], step))
        if system:
            back = [lag - 1, lag]
            _append(
                levels, column, lag - 1, None if collapse else _slots(periods, filled, back, step)
            )
    return Layout(
        tuple(columns), code, time, step, offsets, complete, level, periods,
        tuple(changes), tuple(levels), system, dummies,
    )  # fmt: skip


def _append(found: list[Instrument], column: int, lag: int, slots: Ints | None) -> None:
    at = found[-1].at + found[-1].width if found else 0
    width = 1 if slots is None else int(slots.max(initial=-1)) + 1
    found.append(Instrument(column, lag, at, slots, width))


def _slots(periods: Ints, filled: Ints, lags: Sequence[int], step: int) -> Ints:
    """Number the periods for which all of some lags occur."""
    there = np.logical_and.reduce([np.isin(periods - j * step, filled) for j in lags])
    return np.where(there, np.cumsum(there) - 1, -1)


def block(plan: Layout, firms: slice, weights: Floats | None = None) -> Block:
    """Make the equation of some firms.

    Parameters
    ----------
    plan : Layout
    firms : slice
    weights : (firms of the layout,) float array, optional

    Examples
    --------
    Output is doubled from period to period and lags two periods back are instruments.

    >>> time = np.arange(4)
    >>> plan = layout([2.0**time, time + 0.0], np.zeros(4, int), time, 1, np.array([0, 4]),
    ...               np.ones(4, bool), time > 0, first=(2, 2), last=2, system=False,
    ...               collapse=True, dummies=False)
    >>> made = block(plan, slice(0, 1)).equation
    >>> made.y, made.Z
    (array([2., 4.]), array([[1., 0.],
           [2., 1.]]))
    """
    rows = slice(int(plan.offsets[firms.start]), int(plan.offsets[firms.stop]))
    code, complete = plan.code[rows] - plan.code[rows.start], plan.complete[rows]
    columns = [column[rows] for column in plan.columns]
    deepest = max(i.lag for i in plan.for_changes)
    lags = {0: np.arange(code.size)}
    for j in range(1, deepest + 1):
        back = calendar_lags(code, plan.time[rows], j * plan.step)
        lags[j] = np.where((back >= 0) & complete[back], back, -1)
    here = np.flatnonzero(plan.level[rows])
    where = np.full(code.size, -1, np.int64)
    where[here] = np.arange(here.size)
    previous = where[lags[1][here]]
    now = np.flatnonzero(previous >= 0)
    then, m = previous[now], now.size
    period = np.searchsorted(plan.periods, plan.time[rows][here])
    X = _regressors(plan, columns, here, lags[1][here], period)
    q1, q2 = (_width(found) for found in (plan.for_changes, plan.for_levels))
    p, d, n = plan.endogenous, plan.exogenous, here.size if plan.system else 0
    Z = np.zeros((m + n, q1 + q2 + d))
    _fill(Z[:m, :q1], plan.for_changes, columns, lags, here[now], period[now])
    changed = X[now] - X[then]
    Z[:m, q1 + q2 :] = changed[:, p:]
    y, firm = columns[0][here], code[here]
    outcome, clusters = y[now] - y[then], firm[now]
    if plan.system:
        back = lags[1]
        growth = [np.where(back >= 0, column - column[back], 0.0) for column in columns]
        _fill(Z[m:, q1 : q1 + q2], plan.for_levels, growth, lags, here, period)
        Z[m:, q1 + q2 :] = X[:, p:]
        changed = np.concatenate([changed, X])
        outcome, clusters = np.concatenate([outcome, y]), np.concatenate([clusters, firm])
    row_weights = None if weights is None else weights[firms][clusters]
    equation = Equation(outcome, changed, np.arange(p + d), Z, clusters, row_weights)
    order = np.full(here.size, -1, np.int64)
    order[now] = np.arange(m)
    return Block(equation, m, now, then, order[then], here.size)


def _width(found: Sequence[Instrument]) -> int:
    return found[-1].at + found[-1].width if found else 0


def _regressors(
    plan: Layout, columns: Sequence[Floats], here: Ints, before: Ints, period: Ints
) -> Floats:
    """``y_{t−1}, x_t, x_{t−1}``, constant and dummies of level rows."""
    k = len(columns) - 1
    X = np.zeros((here.size, plan.regressors))
    X[:, 0] = columns[0][before]
    for j, column in enumerate(columns[1:]):
        X[:, 1 + j], X[:, 1 + k + j] = column[here], column[before]
    if plan.system:
        X[:, plan.endogenous] = 1.0
    if plan.dummies:
        at = plan.endogenous + int(plan.system) - 1 + period
        later = np.flatnonzero(period > 0)
        X[later, at[later]] = 1.0
    return X


def _fill(
    Z: Floats,
    instruments: Sequence[Instrument],
    columns: Sequence[Floats],
    lags: dict[int, Ints],
    rows: Ints,
    period: Ints,
) -> None:
    """Lags of the columns, zero where a lag is missing."""
    for i in instruments:
        back = lags[i.lag][rows]
        values = np.where(back >= 0, columns[i.column][back], 0.0)
        if i.slots is None:
            Z[:, i.at] = values
            continue
        slot = i.slots[period]
        filled = np.flatnonzero((slot >= 0) & (back >= 0))
        Z[filled, i.at + slot[filled]] = values[filled]


def add_all(answers: Sequence[Any]) -> Any:
    """Add up answers in their order.

    Examples
    --------
    >>> add_all([(1, 2.0), (10, 0.5)])
    (11, 2.5)
    """
    return reduce(plus, answers)


class DynamicPanelRows:
    """The rows of a dynamic panel, firm by firm, made block by block whenever they are needed.

    Parameters
    ----------
    plan : Layout
    rows : int
        Rows of the panel in a block, more if one firm has more.
    """

    def __init__(self, plan: Layout, rows: int = ROWS) -> None:
        self.plan = plan
        cuts = np.searchsorted(plan.offsets, np.arange(0, plan.offsets[-1], rows))
        self.edges = np.unique(np.append(cuts, plan.offsets.size - 1))

    @property
    def count(self) -> int:
        """Blocks."""
        return int(self.edges.size) - 1

    @cached_property
    def _held(self) -> list[Block]:
        return [block(self.plan, self._firms(i)) for i in range(self.count)]

    def _firms(self, i: int) -> slice:
        return slice(int(self.edges[i]), int(self.edges[i + 1]))

    def _block(self, i: int, weights: Floats | None) -> Block:
        firms = self._firms(i)
        if self.count > HELD:
            return block(self.plan, firms, weights)
        made = self._held[i]
        if weights is None:
            return made
        e = made.equation
        weighted = Equation(e.y, e.X, e.at, e.Z, e.clusters, weights[firms][e.clusters])
        return Block(weighted, made.changes, made.now, made.then, made.before, made.levels)

    def fold(
        self,
        work: Callable[[Block], T],
        weights: Floats | None = None,
        threads: int | None = None,
        *,
        join: Callable[[Sequence[T]], T] = add_all,
    ) -> T:
        """Return ``work(block)`` of every block, joined, without keeping all of them.

        Parameters
        ----------
        work : callable
        weights : (firms,) float array, optional
        threads : int, optional
            As in `map_blocks`. The answer does not depend on it.
        join : callable
            Takes answers in the order of the blocks; default: their sum.
        """
        found: list[T] = []
        for first in range(0, self.count, TOGETHER):
            answers = map_blocks(
                lambda one, first=first: work(self._block(first + one.start, weights)),  # type: ignore[misc]
                min(TOGETHER, self.count - first),
                size=1,
                threads=threads,
            )
            found = [join([*found, *answers])]
        return found[0]

    def parts(
        self, weights: Floats | None = None, threads: int | None = None
    ) -> Callable[[Callable[[Sequence[Equation]], T]], list[T]]:
        """Return the blocks as one part of a system of one equation; see `system_gmm`.

        Answers are added up on the way.
        """
        return lambda work: [self.fold(lambda made: work([made.equation]), weights, threads)]


def initial_weight(made: Block) -> Floats:
    """Return ``Σ Z'HZ``, the weight of the first step, over the rows of a block.

    The covariance of the moments if the errors of the levels are independent with one variance,
    so that those of the changes overlap: ``Σ g g'`` over level rows, g the instruments that the
    error of the row meets.

    Returns
    -------
    (q, q) float array
    """
    e, m = made.equation, made.changes
    g = np.zeros((made.levels, e.Z.shape[1]))
    if e.Z.shape[0] > m:
        g += e.Z[m:]
    g[made.now] += e.Z[:m]  # each level row ends at most one change, and starts at most one
    g[made.then] -= e.Z[:m]
    if e.weights is None:
        return g.T @ g
    weight = np.zeros(made.levels)
    weight[made.now], weight[made.then] = e.weights[:m], e.weights[:m]
    if e.Z.shape[0] > m:
        weight = e.weights[m:]
    return (g * weight[:, None]).T @ g
