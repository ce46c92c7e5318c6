"""Which rows of a sorted panel face each other in a pair of periods: survivors, entrants, exiters.

Entrants and exiters are of three kinds, so that a gap in the data is not taken for a firm's birth
or death:

====================== ====================================== ==================================
kind                   entrant                                exiter
====================== ====================================== ==================================
``KIND_TRUE``          never seen before                      never seen again
``KIND_RETURNING``     seen before the first period           seen again after the second period
``KIND_UNMEASURED``    there in period 1, but not measured    there in period 2, but not measured
====================== ====================================== ==================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.groups import group_offsets

__all__ = [
    "KIND_RETURNING",
    "KIND_TRUE",
    "KIND_UNMEASURED",
    "Matches",
    "drop_unmeasured",
    "match_pairs",
    "part_switchers",
    "select_pair",
]

Ints = NDArray[np.int64]

KIND_TRUE = 0
KIND_RETURNING = 1
KIND_UNMEASURED = 2


@dataclass(frozen=True, slots=True)
class Matches:
    """Rows by role; `pair` arrays say to which pair of periods each belongs.

    `start` and `end` hold a survivor's rows in the first and second period.
    """

    start: Ints
    end: Ints
    pair: Ints
    entrant: Ints
    entrant_pair: Ints
    entrant_kind: NDArray[np.int8]
    exiter: Ints
    exiter_pair: Ints
    exiter_kind: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class _Found:
    start: Ints
    end: Ints
    pair: Ints
    entrant: Ints
    entrant_pair: Ints
    exiter: Ints
    exiter_pair: Ints


def _consecutive(codes: Ints, time: Ints, pairs: Ints, ids: Ints) -> _Found:
    """Match pairs one calendar step apart: a row faces the row before it or nobody."""
    low = int(min(time.min(), pairs[:, 0].min()))
    span = int(max(time.max(), pairs[:, 1].max())) - low + 1
    as_start, as_end = np.full(span, -1), np.full(span, -1)
    as_start[pairs[:, 0] - low] = ids
    as_end[pairs[:, 1] - low] = ids
    n = codes.shape[0]

    def linked(rows: slice) -> NDArray[np.bool_]:
        """Whether each row, and the one after the block, continues the row before it."""
        stop = min(rows.stop + 1, n)
        out = np.zeros(rows.stop - rows.start + 1, bool)
        first = max(rows.start, 1)
        here, before = slice(first, stop), slice(first - 1, stop - 1)
        same = codes[here] == codes[before]
        same &= time[here] - time[before] == 1
        out[first - rows.start : stop - rows.start] = same
        return out

    def match(rows: slice) -> tuple[Ints, ...]:
        chain = linked(rows)
        period = time[rows] - low
        ends, starts = as_end[period], as_start[period]
        asked = ends >= 0
        end = np.flatnonzero(chain[:-1] & asked)
        entrant = np.flatnonzero(~chain[:-1] & asked)
        exiter = np.flatnonzero(~chain[1:] & (starts >= 0))
        a = rows.start
        return (end + a, ends[end], entrant + a, ends[entrant], exiter + a, starts[exiter])

    parts = map_blocks(match, n)
    end, pair, entrant, entrant_pair, exiter, exiter_pair = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return _Found(end - 1, end, pair, entrant, entrant_pair, exiter, exiter_pair)


def _one_pair(codes: Ints, time: Ints, pair: Ints, number: int, entities: int) -> _Found:
    first, second = np.flatnonzero(time == pair[0]), np.flatnonzero(time == pair[1])
    place = np.full(entities, -1)
    place[codes[first]] = first
    start = place[codes[second]]
    stays = start >= 0
    place[codes[second]] = -1
    exiter = place[codes[first]]
    exiter = exiter[exiter >= 0]
    end, entrant, start = second[stays], second[~stays], start[stays]

    def label(rows: Ints) -> Ints:
        return np.full(rows.shape[0], number)

    return _Found(start, end, label(end), entrant, label(entrant), exiter, label(exiter))


def match_pairs(
    codes: Ints,
    time: Ints,
    pairs: Ints,
    *,
    measured: NDArray[np.bool_] | None = None,
) -> Matches:
    """Find survivors, entrants and exiters of every pair of periods.

    Parameters
    ----------
    codes, time : (n,) int arrays, sorted by code and then by time, without duplicates
    pairs : (P, 2) int array
        First and second period of each pair, in calendar numbers; no pair twice.
    measured : (n,) bool array, optional
        Rows that take part. The others count as absent, but a firm that would enter or exit only
        because its row is not measured is marked ``KIND_UNMEASURED``.

    Returns
    -------
    Matches
        Row positions in the arrays given.

    Examples
    --------
    >>> codes, time = np.array([0, 0, 1, 2]), np.array([2001, 2002, 2001, 2002])
    >>> found = match_pairs(codes, time, np.array([[2001, 2002]]))
    >>> found.start, found.end, found.entrant, found.exiter
    (array([0]), array([1]), array([3]), array([2]))
    """
    rows = None if measured is None or measured.all() else np.flatnonzero(measured)
    c, t = (codes, time) if rows is None else (codes[rows], time[rows])
    found = _find(c, t, pairs)
    if rows is not None:
        found = _Found(
            rows[found.start],
            rows[found.end],
            found.pair,
            rows[found.entrant],
            found.entrant_pair,
            rows[found.exiter],
            found.exiter_pair,
        )
    entrant_kind = _returning(codes, time, found.entrant, pairs[found.entrant_pair, 0], -1)
    exiter_kind = _returning(codes, time, found.exiter, pairs[found.exiter_pair, 1], 1)
    if rows is not None:
        every = _find(codes, time, pairs)
        for kind, mine, real in (
            (entrant_kind, _keys(found.entrant, found.entrant_pair, codes),
             _keys(every.entrant, every.entrant_pair, codes)),
            (exiter_kind, _keys(found.exiter, found.exiter_pair, codes),
             _keys(every.exiter, every.exiter_pair, codes)),
        ):  # fmt: skip
            kind[~np.isin(mine, real)] = KIND_UNMEASURED
    return Matches(
        found.start,
        found.end,
        found.pair,
        found.entrant,
        found.entrant_pair,
        entrant_kind,
        found.exiter,
        found.exiter_pair,
        exiter_kind,
    )


def _returning(
    codes: Ints, time: Ints, rows: Ints, period: Ints, direction: int
) -> NDArray[np.int8]:
    """Mark rows whose firm is also seen before (direction -1) or after (1) a period."""
    kind = np.full(rows.shape[0], KIND_TRUE, np.int8)
    beside = rows + direction
    beside = np.where((beside >= 0) & (beside < codes.shape[0]), beside, rows)
    further = direction * (time[beside] - period)  # above zero: seen on that side already
    same = codes[beside] == codes[rows]
    kind[same & (further > 0)] = KIND_RETURNING
    open_ = np.flatnonzero(same & (further <= 0) & (beside != rows))
    if open_.size:  # the neighboring row lies between: the firm's first or last row tells
        offsets = group_offsets(codes)
        run = np.searchsorted(offsets, rows[open_], side="right")
        farthest = time[offsets[run - 1]] if direction < 0 else time[offsets[run] - 1]
        kind[open_[direction * (farthest - period[open_]) > 0]] = KIND_RETURNING
    return kind


def _keys(rows: Ints, pair: Ints, codes: Ints) -> Ints:
    keys: Ints = pair * codes.shape[0] + rows
    return keys


def _find(codes: Ints, time: Ints, pairs: Ints) -> _Found:
    empty = np.zeros(0, np.int64)
    parts = [_Found(*[empty] * 7)]
    if codes.shape[0]:
        step = pairs[:, 1] - pairs[:, 0] == 1
        if step.any():
            parts.append(_consecutive(codes, time, pairs[step], np.flatnonzero(step)))
        entities = int(codes[-1]) + 1
        parts += [
            _one_pair(codes, time, pairs[number], number, entities)
            for number in np.flatnonzero(~step).tolist()
        ]
    if len(parts) == 2:
        return parts[1]
    return _Found(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in _Found.__slots__)
    )


def part_switchers(matches: Matches, population: Ints) -> tuple[Matches, Ints]:
    """Turn survivors that change population into an exit from the one and an entry to the other.

    Parameters
    ----------
    matches : Matches
    population : (n,) int array
        Population of each row, e.g. its industry.

    Returns
    -------
    Matches
        Switchers are entrants and exiters of kind ``KIND_RETURNING``.
    (P,) int array
        Switchers by pair, up to the last pair that has a survivor.
    """
    moved = np.empty(matches.start.shape[0], bool)

    def compare(b: slice) -> None:
        np.not_equal(population[matches.start[b]], population[matches.end[b]], out=moved[b])

    map_blocks(compare, moved.shape[0])
    switchers = np.bincount(matches.pair[moved])
    if not switchers.size:
        return matches, switchers
    stay = ~moved
    kind = np.full(int(moved.sum()), KIND_RETURNING, np.int8)
    return (
        Matches(
            matches.start[stay],
            matches.end[stay],
            matches.pair[stay],
            np.concatenate((matches.entrant, matches.end[moved])),
            np.concatenate((matches.entrant_pair, matches.pair[moved])),
            np.concatenate((matches.entrant_kind, kind)),
            np.concatenate((matches.exiter, matches.start[moved])),
            np.concatenate((matches.exiter_pair, matches.pair[moved])),
            np.concatenate((matches.exiter_kind, kind)),
        ),
        switchers,
    )


def select_pair(matches: Matches, number: int) -> Matches:
    """Return the matches of one pair of periods, numbered 0."""
    s, e, x = (
        matches.pair == number,
        matches.entrant_pair == number,
        matches.exiter_pair == number,
    )

    def zeros(mask: NDArray[np.bool_]) -> Ints:
        return np.zeros(int(mask.sum()), np.int64)

    return Matches(
        matches.start[s],
        matches.end[s],
        zeros(s),
        matches.entrant[e],
        zeros(e),
        matches.entrant_kind[e],
        matches.exiter[x],
        zeros(x),
        matches.exiter_kind[x],
    )


def drop_unmeasured(matches: Matches) -> Matches:
    """Leave out firms that enter or exit only because a row of theirs is not measured."""
    e = matches.entrant_kind != KIND_UNMEASURED
    x = matches.exiter_kind != KIND_UNMEASURED
    return Matches(
        matches.start,
        matches.end,
        matches.pair,
        matches.entrant[e],
        matches.entrant_pair[e],
        matches.entrant_kind[e],
        matches.exiter[x],
        matches.exiter_pair[x],
        matches.exiter_kind[x],
    )
