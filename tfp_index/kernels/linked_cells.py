"""Cells that add up: what follows about the unknown ones when all others are known.

Known cells drop out of the sums; what is left is ``A x = b`` in the unknown cells x. The null space
of A holds the *open directions*: a combination of cells follows exactly when no open direction
moves it. A falls into blocks that share no cell, and a smallest derivable sum lies within one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Block",
    "Line",
    "derivable_in",
    "derivable_unions",
    "feasible_ranges",
    "identified",
    "open_blocks",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DETERMINED = 1e-9
"""Squared length of the open directions of a cell below which it counts as determined."""

MOST_FOR_TRIPLES = 600
"""Unknown cells of a block up to which derivable sums of three are looked for; beyond, of two."""

MOST_LINES = 3
"""Lines that are combined to longer sums."""

MOST_COMBINATIONS = 20_000
"""Combinations of each number of lines that are looked at."""


@dataclass(frozen=True, slots=True)
class Line:
    """Cells that add up: ``Σ parts = total``."""

    parts: Ints
    total: int


@dataclass(frozen=True, slots=True)
class Block:
    """Unknown cells that lines hold together.

    Attributes
    ----------
    columns : (u,) int array
        The cells.
    Z : (u, d) float array
        Orthonormal basis of what the lines leave open.
    A : (m, u) float array
        The lines' coefficients on the cells.
    """

    columns: Ints
    Z: Floats
    A: Floats

    def through(self, cell: int) -> Bools:
        """Return which lines hold the cell."""
        return np.asarray(self.A[:, np.searchsorted(self.columns, cell)] != 0.0)

    def without(self, cell: int) -> Block:
        """Return the block when the cell is published too: no open direction may move it.

        A Householder reflection turns the basis so that only its first direction moves the cell.
        """
        place = int(np.searchsorted(self.columns, cell))
        columns, Z = np.delete(self.columns, place), np.delete(self.Z, place, axis=0)
        A = np.delete(self.A, place, axis=1)
        v = self.Z[place].copy()
        length = float(np.linalg.norm(v))
        if length**2 < DETERMINED:
            return Block(columns, Z, A)
        v[0] += np.copysign(length, v[0])
        v /= np.linalg.norm(v)
        return Block(columns, (Z - 2.0 * np.outer(Z @ v, v))[:, 1:], A)


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


def open_blocks(unknown: Bools, lines: Sequence[Line]) -> list[Block]:
    """Return the unknown cells in blocks, with what the lines leave open.

    Examples
    --------
    >>> lines = [Line(np.array([0, 1]), 4), Line(np.array([2, 3]), 5)]
    >>> blocks = open_blocks(np.array([True, True, True, False, False, False]), lines)
    >>> [(block.columns.tolist(), block.Z.shape[1]) for block in blocks]
    [([0, 1], 1), ([2], 0)]
    """
    from scipy.sparse import bmat, csr_array
    from scipy.sparse.csgraph import connected_components

    columns, A = _equations(unknown, lines)
    if not columns.size:
        return []
    B = csr_array(A)
    label = connected_components(bmat([[None, B], [B.T, None]]), directed=False)[1]
    label = label if A.shape[0] else np.arange(columns.shape[0])
    of_row, of_column = label[: A.shape[0]], label[A.shape[0] :]
    blocks = []
    for number in np.unique(of_column):
        mine = of_column == number
        rows = A[of_row == number][:, mine]
        blocks.append(Block(columns[mine], _free_directions(rows), rows))
    return blocks


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
    for block in open_blocks(unknown, lines):
        out[block.columns] = (block.Z**2).sum(axis=1) < DETERMINED
    return out


def derivable_unions(unknown: Bools, lines: Sequence[Line]) -> list[Ints]:
    """Find sums of unknown cells that follow exactly from the lines.

    A sum of one, two or three cells is determined when the open directions of its cells cancel.
    Candidates are found by projecting these directions on one random direction, and then verified.
    Longer sums are sought among the sums and differences of up to `MOST_LINES` lines.

    Parameters
    ----------
    unknown : (C,) bool array
    lines : sequence of Line

    Returns
    -------
    list of int arrays
        Short ones first; pairs and triples contain no smaller derivable sum.

    Examples
    --------
    >>> lines = [Line(np.array([0, 1]), 4), Line(np.array([2, 3]), 5)]
    >>> derivable_unions(np.array([True, True, True, False, False, False]), lines)
    [array([2]), array([0, 1])]
    """
    unions = [union for block in open_blocks(unknown, lines) for union in derivable_in(block)]
    return sorted(unions, key=lambda union: union.shape[0])


def _combined_lines(A: Floats, through: Bools | None) -> Floats:
    """0/1 vectors that are sums or differences of lines: sums of cells that follow from them.

    Lines are added one at a time, each so that a cell cancels; a combination in which none does is
    no more than its parts. At most `MOST_LINES` lines, and `MOST_COMBINATIONS` of each number; with
    `through`, an (m,) array, only those with one of these lines.
    """
    # rows are told apart by a random projection that is exact in floating point
    mark = np.random.default_rng(0).integers(-(2**38), 2**38, A.shape[1]).astype(np.float64)

    def distinct(rows: Any) -> Any:
        return rows[np.unique(rows.astype(np.float64) @ mark, return_index=True)[1]]

    def signed(rows: Floats) -> Any:
        some = rows[(rows != 0.0).any(axis=1)].astype(np.float32)
        return distinct(np.concatenate((some, -some)))

    lines = signed(A)
    last = lines if through is None else signed(A[through])
    found = [last]
    for _ in range(MOST_LINES - 1):
        # a cell cancels where one has +1 and the other -1: |a||b| exceeds ab
        first, other = np.nonzero(np.abs(last) @ np.abs(lines).T > last @ lines.T)
        last = last[first[:MOST_COMBINATIONS]] + lines[other[:MOST_COMBINATIONS]]
        last = last[(np.abs(last) <= 1).all(axis=1) & last.any(axis=1)]
        if not last.size:
            break
        last = distinct(last)
        found.append(last)
    every = np.concatenate(found)
    return np.asarray(distinct(every[(every >= 0).all(axis=1)]), np.float64)


def derivable_in(block: Block, through: Bools | None = None) -> list[Ints]:
    """Find the derivable sums of cells of a block; see `derivable_unions`.

    Parameters
    ----------
    block : Block
    through : (m,) bool array, optional
        Look for longer sums only with one of these lines, as when nothing else has changed.
    """
    columns, Z = block.columns, block.Z
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
    longer = _combined_lines(block.A, through)
    return unions + [block.columns[row > 0] for row in longer[longer.sum(axis=1) > 3]]


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
