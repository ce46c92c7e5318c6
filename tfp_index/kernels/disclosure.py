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
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.linked_cells import (
    Block,
    Line,
    derivable_in,
    derivable_unions,
    feasible_ranges,
    identified,
    open_blocks,
)

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

CHEAPEST = 16
"""Candidates to hide a cell behind whose further cost is worked out."""


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
class _Linked:
    """The tables: what does not change while the pattern does. Lists hold one entry per period.

    `through` holds the lines of every cell, and `lines` those that hold in each period: a total
    whose parts do not occur in a period is not their sum there, but stands in another table.
    """

    primary: Bools
    there: list[Bools]
    eligible: list[Bools]
    cells: list[Contributions]
    size: Floats
    worth: Floats
    lines: list[list[Line]]
    through: list[list[Line]]
    limits: Limits
    derivable: dict[bytes, list[Ints]] = field(default_factory=dict)
    judged: dict[tuple[int, bytes], bool] = field(default_factory=dict)

    def harmless(self, t: int, union: Ints) -> bool:
        """Whether a sum of cells may be known; worked out once."""
        key = (t, union.tobytes())
        if key not in self.judged:
            broken = sensitive(combine(self.cells[t], union), self.limits)[0]
            self.judged[key] = union.shape[0] > 1 and not broken
        return self.judged[key]

    def unions(self, t: int, pattern: Bools) -> list[Ints]:
        """Return the derivable sums in a period; worked out once for each set of blanks."""
        unknown = pattern & self.there[t]
        rows = np.array([id(line) for line in self.lines[t]], np.int64)
        key = unknown.tobytes() + rows.tobytes()
        if key not in self.derivable:
            self.derivable[key] = derivable_unions(unknown, self.lines[t])
        return self.derivable[key]


@dataclass(slots=True)
class _Growth:
    """A pattern while it grows, and whether cells are chosen by their worth or by their size."""

    linked: _Linked
    pattern: Bools
    by_worth: bool


def suppress(
    primary: Bools,
    cells: Sequence[Contributions],
    lines: Sequence[Line],
    limits: Limits,
    worth: Floats | None = None,
) -> Bools:
    """Return the cells to suppress in every period, so that none can be worked out.

    Cells are added one at a time until the pattern is safe, those first that cost least: what is
    lost with the cell, and at least with one more in each line that it breaks open. Then every
    secondary cell is published again, the most valuable first, if the pattern is safe without it.
    The same is done with the smallest cells first, and the cheaper of both patterns kept; it is
    safe but not the cheapest possible one.

    Parameters
    ----------
    primary : (T, C) bool array
        Cells that may not be published in each period.
    cells : sequence of T Contributions
    lines : sequence of Line
        Sums that hold in every period in which their parts occur.
    limits : Limits
        Rules for what can be worked out by subtraction.
    worth : (C,) float array, optional
        What is lost with a cell; by default, in how many periods it occurs.

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
    linked = _linked(primary, cells, lines, limits, worth)
    if not linked.primary.any():
        return linked.primary
    found = []
    for by_worth in (True, False):
        growth = _Growth(linked, linked.primary.copy(), by_worth)
        _grow(growth)
        found.append(_published_again(linked, growth.pattern))
    return min(found, key=lambda pattern: float(linked.worth[pattern].sum()))


def _linked(
    primary: Bools,
    cells: Sequence[Contributions],
    lines: Sequence[Line],
    limits: Limits,
    worth: Floats | None,
) -> _Linked:
    there = [period.n > 0 for period in cells]
    through: list[list[Line]] = [[] for _ in range(primary.shape[1])]
    for line in lines:
        for cell in (*line.parts.tolist(), line.total):
            through[cell].append(line)
    return _Linked(
        primary=np.asarray(primary.any(axis=0), np.bool_),
        there=there,
        eligible=[period.total > 0 for period in cells],
        cells=list(cells),
        size=np.sum([period.total for period in cells], axis=0),
        worth=np.sum(there, axis=0).astype(np.float64) if worth is None else worth,
        lines=[[x for x in lines if here[x.parts].any() or not here[x.total]] for here in there],
        through=through,
        limits=limits,
    )


def _grow(growth: _Growth) -> None:
    """Add cells until no line and no combination of lines gives anything away."""
    while True:
        grown = False
        for t, lines in enumerate(growth.linked.lines):
            for line in lines:
                while _is_open(growth.linked, growth.pattern, t, line) and _add_from(
                    growth, t, [line]
                ):
                    grown = True
        if not grown and not _close_combinations(growth):
            return


def _is_open(linked: _Linked, pattern: Bools, t: int, line: Line) -> bool:
    """Whether subtraction along the line gives away a part, or a sum that may not be published."""
    there = linked.there[t]
    parts = line.parts[pattern[line.parts] & there[line.parts]]
    if pattern[line.total] and there[line.total]:
        return parts.shape[0] == 0 and bool(there[line.parts].any())
    return bool(parts.size) and not linked.harmless(t, parts)


def _add_from(growth: _Growth, t: int, lines: Sequence[Line]) -> bool:
    """Suppress the best cell of the lines that can hide another one; False if there is none."""
    linked, pattern = growth.linked, growth.pattern
    parts = np.unique(np.concatenate([line.parts for line in lines]))
    totals = np.unique([line.total for line in lines])
    choices = [np.union1d(parts, totals)] if growth.by_worth else [parts, totals]
    for candidates in choices:
        open_ = candidates[linked.eligible[t][candidates] & ~pattern[candidates]]
        if not open_.size:
            continue
        if growth.by_worth:
            open_ = open_[np.lexsort((linked.size[open_], linked.worth[open_]))][:CHEAPEST]
            best = min(open_.tolist(), key=lambda cell: _cost(growth, t, lines, cell))
        else:
            best = int(open_[np.argmin(linked.size[open_])])
        pattern[best] = True
        return True
    return False


def _cost(growth: _Growth, t: int, lines: Sequence[Line], cell: int) -> tuple[bool, float, float]:
    """Whether the cell leaves the line open, what is lost at least with it, and its size."""
    linked, pattern = growth.linked, growth.pattern
    lost = float(linked.worth[cell])
    pattern[cell] = True
    for line in linked.through[cell]:
        if _is_open(linked, pattern, t, line):
            others = np.append(line.parts, line.total)
            others = others[linked.eligible[t][others] & ~pattern[others]]
            lost += float(linked.worth[others].min(initial=np.inf))
    still = len(lines) == 1 and _is_open(linked, pattern, t, lines[0])
    pattern[cell] = False
    return still, lost, float(linked.size[cell])


def _close_combinations(growth: _Growth) -> bool:
    """Add one cell if several lines together give away a cell or a sum that is not to be had."""
    linked = growth.linked
    for t, lines in enumerate(linked.lines):
        for union in linked.unions(t, growth.pattern):
            if linked.harmless(t, union):
                continue
            touching = _touching(lines, union)
            if _add_from(growth, t, touching) or _add_from(growth, t, _reached(lines, union)):
                return True
    return False


def _touching(lines: Sequence[Line], cells: Ints) -> list[Line]:
    """Return the lines that hold one of the cells."""
    return [line for line in lines if line.total in cells or np.isin(line.parts, cells).any()]


def _reached(lines: Sequence[Line], cells: Ints) -> list[Line]:
    """Return the lines that are linked to the cells, however far: no other can hide them."""
    found = _touching(lines, cells)
    while True:
        reached = np.unique(np.concatenate([np.append(x.parts, x.total) for x in found]))
        wider = _touching(lines, reached)
        if len(wider) == len(found):
            return found
        found = wider


def _published_again(linked: _Linked, pattern: Bools) -> Bools:
    """Return the pattern without the secondary cells that it is as safe without."""
    pattern = pattern.copy()
    pictures: dict[bytes, tuple[list[int], list[Block]]] = {}
    for t, lines in enumerate(linked.lines):
        unknown = pattern & linked.there[t]
        key = unknown.tobytes() + np.array([id(line) for line in lines], np.int64).tobytes()
        if key not in pictures:
            pictures[key] = ([], open_blocks(unknown, lines))
        pictures[key][0].append(t)
    spare = np.flatnonzero(pattern & ~linked.primary & ~_helpless(linked, pattern))
    order = np.lexsort((-linked.size[spare], -linked.worth[spare]))
    for cell in spare[order].tolist():
        pattern[cell] = False
        changed = _pictures_without(linked, pattern, list(pictures.values()), cell)
        if changed is None:
            pattern[cell] = True
            continue
        for blocks, number, block in changed:
            blocks[number] = block
    return pattern


def _helpless(linked: _Linked, pattern: Bools) -> Bools:
    """Cells linked to one that cannot be protected whatever goes: they stay suppressed."""
    out = np.zeros(pattern.shape[0], bool)
    for t, lines in enumerate(linked.lines):
        bad = [union for union in linked.unions(t, pattern) if not linked.harmless(t, union)]
        bad += [line.parts for line in lines if _is_open(linked, pattern, t, line)]
        for cells in bad:
            for line in _reached(lines, cells):
                out[line.parts] = out[line.total] = True
    return out


def _pictures_without(
    linked: _Linked,
    pattern: Bools,
    pictures: Sequence[tuple[list[int], list[Block]]],
    cell: int,
) -> list[tuple[list[Block], int, Block]] | None:
    """Return the blocks that change when a cell is published, or None if something follows."""
    for t, there in enumerate(linked.there):
        if there[cell] and any(_is_open(linked, pattern, t, x) for x in linked.through[cell]):
            return None
    changed = []
    for periods, blocks in pictures:
        for number, old in enumerate(blocks):
            if cell in old.columns:
                new = old.without(cell)
                unions = derivable_in(new, old.through(cell))
                if not all(linked.harmless(t, union) for t in periods for union in unions):
                    return None
                changed.append((blocks, number, new))
    return changed


def round_to(values: Floats, base: float) -> Floats:
    """Round to the nearest multiple of `base`, halves away from zero.

    Examples
    --------
    >>> round_to(np.array([12.0, 12.5, 13.0]), 5)
    array([10., 15., 15.])
    """
    return np.sign(values) * np.floor(np.abs(values) / base + 0.5) * base
