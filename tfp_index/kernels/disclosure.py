"""Disclosure control: which cells give a firm away, and what else must go to protect them.

A cell has contributions ``x1 >= x2 >= … >= 0`` with total T from n contributors. Primary rules look
at one cell. Secondary suppression looks at what can be worked out from the published rest: cells
that add up to a published total are linked by *lines*, and

- the sum of the suppressed parts of a line is public knowledge (total less published parts), so
  it must pass the primary rules as if it were published itself, and is never a single part;
- no suppressed cell may follow exactly from any combination of lines.

The same cells are suppressed in every period, since a neighboring period estimates a blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "RULE_COUNT",
    "RULE_DOMINANCE",
    "RULE_PQ",
    "RULE_P_PERCENT",
    "Contributions",
    "Limits",
    "Line",
    "combine",
    "contributions",
    "contributions_of_runs",
    "derivable_unions",
    "feasible_ranges",
    "identified",
    "merge_small_groups",
    "round_to",
    "sensitive",
    "suppress",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RULE_COUNT = 1
"""Fewer contributors than the minimum."""
RULE_DOMINANCE = 2
"""The n largest hold more than k percent of the total."""
RULE_P_PERCENT = 4
"""The second largest can estimate the largest to within p percent."""
RULE_PQ = 8
"""The same, when everybody already knows everybody to within q percent."""

DETERMINED = 1e-9
"""Squared length of the open directions of a cell below which it counts as determined."""

MOST_FOR_TRIPLES = 600
"""Unknown cells up to which derivable sums of three are looked for; beyond, of two."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Parameters of the primary rules; None switches a rule off.

    Attributes
    ----------
    min_count : fewest contributors
    dominance : (n, k): sensitive when the n largest exceed k percent
    p_percent : p: sensitive when ``T - x1 - x2 < p/100 x1``
    pq : (p, q): sensitive when ``T - x1 - x2 < p/q x1``
    """

    min_count: int | None = 5
    dominance: tuple[int, float] | None = (2, 85.0)
    p_percent: float | None = 10.0
    pq: tuple[float, float] | None = None

    @property
    def largest(self) -> int:
        """How many of the largest contributions the rules look at."""
        return max(2, self.dominance[0] if self.dominance else 0)


@dataclass(frozen=True, slots=True)
class Contributions:
    """Counts and the largest contributions of cells.

    Attributes
    ----------
    n : (C,) float array
    total : (C,) float array
    largest : (C, k) float array, descending, padded with zeros
    source : (C,) int array, optional
        Cells with the same number are backed by the same contributors, such as two statistics of
        the same firms. By default no two cells are.
    """

    n: Floats
    total: Floats
    largest: Floats
    source: Ints | None = None

    def __add__(self, other: Contributions) -> Contributions:
        """Return the contributions to the same cells of both sets of contributors."""
        both = np.concatenate((self.largest, other.largest), axis=1)
        largest = -np.sort(-both, axis=1)[:, : self.largest.shape[1]]
        return Contributions(self.n + other.n, self.total + other.total, largest, self.source)


def contributions(
    weight: Floats, cell: Ints, cells: int, *, k: int = 2, unit: Ints | None = None
) -> Contributions:
    """Count contributors and find the largest contributions of every cell.

    Parameters
    ----------
    weight : (n,) float array, not negative
    cell : (n,) int array
        Rows with a negative cell do not take part.
    cells : int
    k : int
        How many of the largest to keep.
    unit : (n,) int array, optional
        Who stands behind each row, e.g. the enterprise group; rows of one unit in one cell are one
        contributor. By default each row is one.

    Examples
    --------
    >>> found = contributions(np.array([3.0, 5.0, 1.0]), np.array([0, 0, 1]), 2)
    >>> found.n, found.total, found.largest.tolist()
    (array([2., 1.]), array([8., 1.]), [[5.0, 3.0], [1.0, 0.0]])
    """
    inside = cell >= 0
    c, w = cell[inside], weight[inside]
    if unit is not None and c.size:
        u = unit[inside]
        span = int(u.max()) + 1
        keys, place = np.unique(c * span + u, return_inverse=True)
        c, w = keys // span, np.bincount(place, w).astype(np.float64, copy=False)
    n = np.bincount(c, minlength=cells).astype(np.float64)
    total = np.bincount(c, w, cells).astype(np.float64, copy=False)
    largest = np.zeros((cells, k))
    for place in range(k):
        top = np.full(cells, -1.0)
        np.maximum.at(top, c, w)
        largest[:, place] = np.maximum(top, 0.0)
        if place + 1 == k:
            break
        at_top = np.flatnonzero(w == top[c])
        one = np.full(cells, -1)
        one[c[at_top]] = at_top  # one contributor per cell, whichever is written last
        stay = np.ones(c.shape[0], bool)
        stay[one[one >= 0]] = False
        c, w = c[stay], w[stay]
    return Contributions(n, total, largest)


def contributions_of_runs(weights: Floats | None, offsets: Ints, k: int = 2) -> Contributions:
    """Return the contributions of cells whose rows stand together; see `contributions`.

    Parameters
    ----------
    weights : (n,) float array, not negative, or None
        None stands for one each.
    offsets : (C + 1,) int array
        Where each cell starts.
    k : int

    Examples
    --------
    >>> found = contributions_of_runs(np.array([3.0, 5.0, 1.0]), np.array([0, 2, 3]))
    >>> found.total, found.largest.tolist()
    (array([8., 1.]), [[5.0, 3.0], [1.0, 0.0]])
    """
    size = np.diff(offsets)
    n = size.astype(np.float64)
    if weights is None:
        return Contributions(n, n, (size[:, None] > np.arange(k)).astype(np.float64))
    total, largest = np.zeros(n.shape), np.zeros((n.shape[0], k))
    for cell, (a, b) in enumerate(pairwise(offsets.tolist())):
        if b > a:
            total[cell] = weights[a:b].sum()
            top = np.partition(weights[a:b], max(b - a - k, 0))[max(b - a - k, 0) :]
            largest[cell, : top.shape[0]] = np.sort(top)[::-1]
    return Contributions(n, total, largest)


def combine(cells: Contributions, members: Ints) -> Contributions:
    """Return the contributions of the union of cells.

    Cells share no contributor unless they have the same source; then they count once.

    Parameters
    ----------
    cells : Contributions
    members : (m,) int array
        Positions of the cells.
    """
    if cells.source is not None:
        members = members[np.unique(cells.source[members], return_index=True)[1]]
    k = cells.largest.shape[1]
    largest = np.sort(cells.largest[members].ravel())[::-1][:k]
    return Contributions(
        np.array([cells.n[members].sum()]),
        np.array([cells.total[members].sum()]),
        np.pad(largest, (0, k - largest.shape[0]))[None, :],
    )


def sensitive(cells: Contributions, limits: Limits) -> NDArray[np.uint8]:
    """Return the primary rules that each cell breaks, as bits; an empty cell breaks none.

    Parameters
    ----------
    cells : Contributions
        With at least ``limits.largest`` of the largest contributions.
    limits : Limits

    Returns
    -------
    (C,) uint8 array of ``RULE_…`` bits, 0 where the cell is safe

    Examples
    --------
    >>> cells = contributions(np.array([90.0, 5, 3, 1, 1, 2, 3]), np.array([0] * 5 + [1] * 2), 2)
    >>> sensitive(cells, Limits())
    array([6, 7], dtype=uint8)
    """
    bits = np.zeros(cells.n.shape[0], np.uint8)
    x1 = cells.largest[:, 0]
    rest = cells.total - x1 - cells.largest[:, 1]
    if limits.min_count is not None:
        bits |= RULE_COUNT * (cells.n < limits.min_count).astype(np.uint8)
    if limits.dominance is not None:
        n, k = limits.dominance
        top = cells.largest[:, :n].sum(axis=1)
        bits |= RULE_DOMINANCE * (top > k / 100.0 * cells.total).astype(np.uint8)
    if limits.p_percent is not None:
        bits |= RULE_P_PERCENT * (rest < limits.p_percent / 100.0 * x1).astype(np.uint8)
    if limits.pq is not None:
        p, q = limits.pq
        bits |= RULE_PQ * (rest < p / q * x1).astype(np.uint8)
    bits[cells.n == 0] = 0
    return bits


def merge_small_groups(
    weight: Floats,
    group: Ints,
    groups: int,
    period: Ints,
    periods: int,
    limits: Limits,
    *,
    unit: Ints | None = None,
) -> Bools:
    """Say which groups to merge into one, so that fewer cells need suppression.

    Groups that break a primary rule in some period are merged; if there is only one, or together
    they still break a rule, the smallest of the others joins them.

    Parameters
    ----------
    weight : (n,) float array, not negative
    group : (n,) int array
        Rows with a negative group do not take part.
    groups : int
    period : (n,) int array
    periods : int
    limits : Limits
    unit : (n,) int array, optional
        As in `contributions`.

    Returns
    -------
    (groups,) bool array
    """

    def breaks(cell: Ints, cells: int) -> Bools:
        found = contributions(weight, cell, cells, k=limits.largest, unit=unit)
        return sensitive(found, limits) > 0

    inside = group >= 0
    cell = np.where(inside, group * periods + period, -1)
    merged = np.asarray(breaks(cell, groups * periods).reshape(groups, periods).any(axis=1))
    if not merged.any():
        return merged
    size = np.bincount(group[inside], weight[inside], groups)
    for candidate in np.argsort(size, kind="stable").tolist():
        together = np.where(inside & merged[np.maximum(group, 0)], period, -1)
        if merged.sum() > 1 and not breaks(together, periods).any():
            break
        merged[candidate] = True
    return merged


@dataclass(frozen=True, slots=True)
class Line:
    """Cells that add up: ``Σ parts = total``."""

    parts: Ints
    total: int


@dataclass(slots=True)
class _State:
    """The pattern while it grows. `there` and `cells` hold one entry per period."""

    pattern: Bools
    there: list[Bools]
    eligible: list[Bools]
    cells: list[Contributions]
    size: Floats
    lines: Sequence[Line]
    limits: Limits


def suppress(
    primary: Bools, cells: Sequence[Contributions], lines: Sequence[Line], limits: Limits
) -> Bools:
    """Return the cells to suppress in every period, so that none can be worked out.

    Cells are added one at a time, the smallest of those that help first; the pattern is safe but
    not the smallest possible one.

    Parameters
    ----------
    primary : (T, C) bool array
        Cells that may not be published in each period.
    cells : sequence of T Contributions
    lines : sequence of Line
        Sums that hold in every period.
    limits : Limits
        Rules for what can be worked out by subtraction.

    Returns
    -------
    (C,) bool array

    Examples
    --------
    >>> firms = Contributions(np.array([1.0, 9, 8, 7, 25]), np.array([2.0, 40, 50, 60, 152]),
    ...                       np.array([[2.0, 0], [6, 5], [8, 7], [9, 9], [9, 9]]))
    >>> line = Line(np.array([0, 1, 2, 3]), 4)
    >>> suppress(np.array([[True, False, False, False, False]]), [firms], [line], Limits())
    array([ True,  True, False, False, False])
    """
    state = _State(
        pattern=np.asarray(primary.any(axis=0), np.bool_),
        there=[period.n > 0 for period in cells],
        eligible=[period.total > 0 for period in cells],
        cells=list(cells),
        size=np.sum([period.total for period in cells], axis=0),
        lines=lines,
        limits=limits,
    )
    while True:
        grown = False
        for t in range(len(cells)):
            for line in lines:
                while _line_is_open(state, t, line) and _add_from(state, t, [line]):
                    grown = True
        if not grown and not _close_combinations(state):
            return state.pattern


def _line_is_open(state: _State, t: int, line: Line) -> bool:
    """Whether subtraction along the line gives away a part, or a sum that may not be published."""
    unknown = state.pattern & state.there[t]
    parts = line.parts[unknown[line.parts]]
    if unknown[line.total]:
        return parts.shape[0] == 0 and bool(state.there[t][line.parts].any())
    if parts.shape[0] < 2:
        return bool(parts.size)
    return bool(sensitive(combine(state.cells[t], parts), state.limits)[0])


def _add_from(state: _State, t: int, lines: Sequence[Line]) -> bool:
    """Suppress the smallest cell of the lines that can hide another one; False if there is none."""
    for candidates in (
        np.unique(np.concatenate([line.parts for line in lines])),
        np.array([line.total for line in lines]),
    ):
        open_ = candidates[state.eligible[t][candidates] & ~state.pattern[candidates]]
        if open_.size:
            state.pattern[open_[np.argmin(state.size[open_])]] = True
            return True
    return False


def _close_combinations(state: _State) -> bool:
    """Add one cell if several lines together give away a cell or a sum that is not to be had."""
    for t, there in enumerate(state.there):
        unknown = state.pattern & there
        for union in derivable_unions(unknown, state.lines):
            together = combine(state.cells[t], union)
            if union.shape[0] > 1 and not sensitive(together, state.limits)[0]:
                continue
            touching = _touching(state.lines, union)
            if _add_from(state, t, touching) or _add_from(state, t, _linked(state.lines, union)):
                return True
    return False


def _touching(lines: Sequence[Line], cells: Ints) -> list[Line]:
    """Return the lines that hold one of the cells."""
    return [line for line in lines if line.total in cells or np.isin(line.parts, cells).any()]


def _linked(lines: Sequence[Line], cells: Ints) -> list[Line]:
    """Return the lines that are linked to the cells, however far: no other can hide them."""
    found = _touching(lines, cells)
    while True:
        reached = np.unique(np.concatenate([np.append(x.parts, x.total) for x in found]))
        wider = _touching(lines, reached)
        if len(wider) == len(found):
            return found
        found = wider


def _equations(unknown: Bools, lines: Sequence[Line]) -> tuple[Ints, Floats]:
    """Unknown cells, and the lines' coefficients on them."""
    columns = np.flatnonzero(unknown)
    place = np.full(unknown.shape[0], -1)
    place[columns] = np.arange(columns.shape[0])
    A = np.zeros((len(lines), columns.shape[0]))
    for row, line in enumerate(lines):
        parts = place[line.parts]
        A[row, parts[parts >= 0]] = 1.0
        if place[line.total] >= 0:
            A[row, place[line.total]] -= 1.0
    return columns, A[(A != 0.0).any(axis=1)]


def _free_directions(A: Floats) -> Floats:
    """(u, d) orthonormal basis of what the equations leave open."""
    if not A.size:
        return np.eye(A.shape[1])
    _, singular, basis = np.linalg.svd(A, full_matrices=True)
    return basis[int((singular > 1e-10 * singular[0]).sum()) :].T


def identified(unknown: Bools, lines: Sequence[Line]) -> Bools:
    """Say which unknown cells follow exactly from the lines when all other cells are known.

    A cell is determined when no direction that the equations leave open moves it.

    Examples
    --------
    >>> lines = [Line(np.array([0, 1]), 4), Line(np.array([2, 3]), 5)]
    >>> identified(np.array([True, True, True, False, False, False]), lines)
    array([False, False,  True, False, False, False])
    """
    out = np.zeros(unknown.shape[0], bool)
    columns, A = _equations(unknown, lines)
    out[columns] = (_free_directions(A) ** 2).sum(axis=1) < DETERMINED
    return out


def derivable_unions(unknown: Bools, lines: Sequence[Line]) -> list[Ints]:
    """Find the sums of one, two or three unknown cells that follow exactly from the lines.

    A sum is determined when the open directions of its cells cancel. Candidates are found by
    projecting these directions on one random direction, and then verified.

    Parameters
    ----------
    unknown : (C,) bool array
    lines : sequence of Line

    Returns
    -------
    list of int arrays
        Single cells first; pairs and triples that contain no smaller derivable sum.

    Examples
    --------
    >>> lines = [Line(np.array([0, 1]), 4), Line(np.array([2, 3]), 5)]
    >>> derivable_unions(np.array([True, True, True, False, False, False]), lines)
    [array([2]), array([0, 1])]
    """
    columns, A = _equations(unknown, lines)
    Z = _free_directions(A)
    single = (Z**2).sum(axis=1) < DETERMINED
    unions = [columns[[i]] for i in np.flatnonzero(single)]
    columns, Z = columns[~single], Z[~single]
    if not columns.size:
        return unions
    shadow = Z @ np.random.default_rng(0).standard_normal(Z.shape[1])
    order = np.argsort(shadow)
    found = shadow[order]

    def partners(sums: Floats) -> tuple[Ints, Ints]:
        """Pairs (number of the sum, cell) whose shadows cancel."""
        low = np.searchsorted(found, -sums - 1e-9)
        count = np.searchsorted(found, -sums + 1e-9) - low
        number = np.repeat(np.arange(sums.shape[0]), count)
        inner = np.arange(number.shape[0]) - np.repeat(np.cumsum(count) - count, count)
        return number, order[np.repeat(low, count) + inner]

    def verified(members: Ints) -> list[Ints]:
        open_ = (Z[members].sum(axis=1) ** 2).sum(axis=1) < DETERMINED
        return [columns[np.sort(row)] for row in members[open_]]

    first, other = partners(shadow)
    hit = other > first
    unions += verified(np.column_stack((first[hit], other[hit])))
    if columns.shape[0] <= MOST_FOR_TRIPLES:
        i, j = np.triu_indices(columns.shape[0], 1)
        number, k = partners(shadow[i] + shadow[j])
        hit = k > j[number]
        unions += verified(np.column_stack((i[number][hit], j[number][hit], k[hit])))
    return unions


def feasible_ranges(values: Floats, unknown: Bools, lines: Sequence[Line]) -> tuple[Floats, Floats]:
    """Return how closely each unknown cell can be bounded by somebody who knows all others.

    The bounds use the lines and that no cell is negative; they are found by linear programming.

    Parameters
    ----------
    values : (C,) float array, not negative
    unknown : (C,) bool array
    lines : sequence of Line

    Returns
    -------
    low, high : (C,) float arrays
        Equal to the value where the cell is known.

    Examples
    --------
    >>> low, high = feasible_ranges(np.array([2.0, 3.0, 5.0]), np.array([True, True, False]),
    ...                             [Line(np.array([0, 1]), 2)])
    >>> low.tolist(), high.tolist()
    ([0.0, 0.0, 5.0], [5.0, 5.0, 5.0])
    """
    from scipy.optimize import linprog

    low, high = values.copy(), values.copy()
    columns, A = _equations(unknown, lines)
    scale = max(float(values.max(initial=0.0)), 1e-300)
    b = A @ values[columns] / scale
    for place, cell in enumerate(columns.tolist()):
        goal = np.zeros(columns.shape[0])
        goal[place] = 1.0
        bounds = [
            linprog(sign * goal, A_eq=A if A.size else None, b_eq=b if A.size else None)
            for sign in (1.0, -1.0)
        ]
        low[cell] = max(0.0, bounds[0].fun * scale) if bounds[0].success else 0.0
        high[cell] = -bounds[1].fun * scale if bounds[1].success else np.inf
    return low, high


def round_to(values: Floats, base: float) -> Floats:
    """Round to the nearest multiple of `base`, halves away from zero.

    Examples
    --------
    >>> round_to(np.array([12.0, 12.5, 13.0]), 5)
    array([10., 15., 15.])
    """
    return np.sign(values) * np.floor(np.abs(values) / base + 0.5) * base
