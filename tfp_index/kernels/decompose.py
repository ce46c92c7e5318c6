"""What moved aggregate productivity: the six dynamic decompositions.

Aggregate productivity is ``Φ_t = Σ_i s_it φ_it`` over the firms present in period t, with shares
``s_it = w_it / Σ_j w_jt``. Every term of every decomposition is linear in a handful of sums over
firms, such as ``Σ w_i1 φ_i2`` over survivors. One pass over the rows takes these sums (the
`Moments`), and each method is then a short expression of them.

The **last axis** of all sums runs over the parts of one population: firms, or groups of firms.
Leading axes run over populations, such as pairs of periods and industries. References such as
``Φ_1`` are taken over the whole last axis, so the contribution of a group is the plain sum of the
contributions of its firms, and with firms as parts the same expressions give each firm's own.

Notation: S survivors (in both periods), E entrants (only in period 2), X exiters (only in
period 1); ``v_it = s_it / Σ_{j∈S} s_jt``; a bar is the mean of the two periods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import BLOCK_ROWS, blocks, map_blocks
from tfp_index.kernels.matching import Matches
from tfp_index.kernels.sums import Additive

__all__ = [
    "METHODS",
    "Crossers",
    "Moments",
    "Survivors",
    "Terms",
    "add_counts",
    "baily_hulten_campbell",
    "baldwin_gu",
    "diewert_fox",
    "firm_moments",
    "foster_haltiwanger_krizan",
    "griliches_regev",
    "melitz_polanec",
    "pair_moments",
    "ratio",
    "total_moments",
    "whole",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = 3
"""Kinds of entrants and exiters; see `tfp_index.kernels.matching`."""


@dataclass(frozen=True, slots=True)
class Survivors(Additive):
    """Sums over the firms present in both periods; every field has shape (..., G).

    `n` counts firms, `m` sums design weights (one each without a design), `w` activity weights,
    `f` stands for φ less the pivot; a digit names the period.
    """

    n: Floats
    m1: Floats
    m2: Floats
    w1: Floats
    w2: Floats
    m1f1: Floats
    m2f2: Floats
    w1f1: Floats
    w2f2: Floats
    w1f2: Floats
    w2f1: Floats


@dataclass(frozen=True, slots=True)
class Crossers(Additive):
    """Sums over the firms present in one period only; every field has shape (3, ..., G).

    The first axis separates the kinds of `tfp_index.kernels.matching`.
    """

    n: Floats
    w: Floats
    wf: Floats


@dataclass(frozen=True, slots=True)
class Moments(Additive):
    """All that the six dynamic decompositions need to know about the firms.

    `pivot` is a constant taken from every φ beforehand: it keeps digits, and only
    `baily_hulten_campbell` depends on the level of φ.
    """

    _shared: ClassVar[tuple[str, ...]] = ("pivot",)

    survivors: Survivors
    entrants: Crossers
    exiters: Crossers
    pivot: float


@dataclass(frozen=True, slots=True)
class Terms:
    """Contributions to ``Φ_2 - Φ_1``; every field has shape (..., G).

    `total` is the sum of the terms. `start` and `end` are each part's share of the sums ``Φ_1``
    and ``Φ_2``, so over all parts ``total = end - start``, but not part by part, since a part that
    merely gains weight is credited only with its distance from the reference. `cross` is NaN where
    the method has none. `entry_kinds` and `exit_kinds`, (3, ..., G), break entry and exit down by
    the kinds of `tfp_index.kernels.matching`.
    """

    start: Floats
    end: Floats
    share_start: Floats
    share_end: Floats
    total: Floats
    within: Floats
    between: Floats
    cross: Floats
    entry: Floats
    exit: Floats
    entry_kinds: Floats
    exit_kinds: Floats


def add_counts(keys: Ints, columns: list[Floats], out: Floats) -> None:
    """Add to each row of `out` the sums of a column by key."""
    for row, values in zip(out, columns, strict=True):
        row += np.bincount(keys, values, out.shape[1])


CHUNK_ROWS = 2**19
"""Rows that share one set of sums; chunks do not depend on the number of threads."""


def _inside(chunk: slice, cells: int) -> Iterator[slice]:
    """Cut a chunk into blocks, no shorter than the sums that each adds to."""
    for b in blocks(chunk.stop - chunk.start, max(BLOCK_ROWS, 4 * cells)):
        yield slice(chunk.start + b.start, chunk.start + b.stop)


def _summed(work: Callable[[slice], Floats], n: int, shape: tuple[int, int]) -> Floats:
    """Add up the sums of all chunks, in order."""
    total = np.zeros(shape)
    for part in map_blocks(work, n, size=max(CHUNK_ROWS, 16 * shape[1])):
        total += part
    return total


def _survivor_columns(
    phi: Floats,
    weight: Floats,
    design: Floats | None,
    start: Ints,
    end: Ints,
    pivot: float,
) -> list[Floats]:
    f1, f2 = phi[start] - pivot, phi[end] - pivot
    w1, w2 = weight[start], weight[end]
    tail = [w1 * f1, w2 * f2, w1 * f2, w2 * f1]
    if design is None:
        return [w1, w2, f1, f2, *tail]
    m1, m2 = design[start], design[end]
    return [m1, m2, w1, w2, m1 * f1, m2 * f2, *tail]


def pair_moments(
    matches: Matches,
    phi: Floats,
    weight: Floats,
    cell: Ints,
    shape: tuple[int, int, int],
    *,
    design: Floats | None = None,
    pivot: float = 0.0,
    home: str = "end",
) -> Moments:
    """Take the sums over survivors, entrants and exiters, in one pass over the rows.

    Parameters
    ----------
    matches : Matches
        Which rows face each other in which pair of periods.
    phi, weight : (n,) float arrays
        Productivity and activity weight; finite wherever a row is matched.
    cell : (n,) int array
        ``population * G + part`` of each row.
    shape : (P, H, G)
        Pairs of periods, populations, parts.
    design : (n,) float array, optional
        Sampling weights. `weight` must already contain them; here they enter the means of
        `melitz_polanec` that do not weight by activity.
    pivot : float
        Constant to take from every φ, best close to its mean.
    home : {"end", "start"}
        Whether a survivor belongs to its cell in the second or in the first period.

    Returns
    -------
    Moments
        Fields of shape (P, H, G), and (3, P, H, G) for entrants and exiters.
    """
    per_pair = shape[1] * shape[2]
    cells = shape[0] * per_pair
    width = 8 if design is None else 10

    def survivors_of(chunk: slice) -> Floats:
        out = np.zeros((1 + width, cells))
        for b in _inside(chunk, cells):
            start, end = matches.start[b], matches.end[b]
            keys = matches.pair[b] * per_pair + cell[end if home == "end" else start]
            out[0] += np.bincount(keys, minlength=cells)
            columns = _survivor_columns(phi, weight, design, start, end, pivot)
            add_counts(keys, columns, out[1:])
        return out

    counts, *sums = _summed(survivors_of, matches.start.shape[0], (1 + width, cells))
    n = counts.reshape(shape)
    stacked = [column.reshape(shape) for column in sums]
    survivors = Survivors(n, n, n, *stacked) if design is None else Survivors(n, *stacked)

    def crossers(rows: Ints, pair: Ints, kind: NDArray[np.int8]) -> Crossers:
        def of(chunk: slice) -> Floats:
            out = np.zeros((3, KINDS * cells))
            for b in _inside(chunk, cells):
                r = rows[b]
                keys = kind[b].astype(np.int64) * cells + pair[b] * per_pair + cell[r]
                w = weight[r]
                add_counts(keys, [np.ones_like(w), w, w * (phi[r] - pivot)], out)
            return out

        total = _summed(of, rows.shape[0], (3, KINDS * cells))
        return Crossers(*total.reshape(3, KINDS, *shape))

    return Moments(
        survivors,
        crossers(matches.entrant, matches.entrant_pair, matches.entrant_kind),
        crossers(matches.exiter, matches.exiter_pair, matches.exiter_kind),
        pivot,
    )


def firm_moments(
    matches: Matches,
    phi: Floats,
    weight: Floats,
    *,
    design: Floats | None = None,
    pivot: float = 0.0,
) -> tuple[Moments, Ints]:
    """Return the moments of one pair of periods with each firm as a part of its own.

    The last axis holds survivors, then entrants, then exiters.

    Parameters
    ----------
    matches : Matches
        Of a single pair of periods.
    phi, weight, design, pivot
        As in `pair_moments`.

    Returns
    -------
    Moments
        Fields of shape (F,), and (3, F) for entrants and exiters.
    (F,) int array
        The row that stands for each firm: its row in period 2, for exiters in period 1.
    """
    ns, ne, nx = matches.start.shape[0], matches.entrant.shape[0], matches.exiter.shape[0]
    columns = _survivor_columns(phi, weight, design, matches.start, matches.end, pivot)
    ones = np.ones(ns)
    columns = [ones, ones, ones, *columns] if design is None else [ones, *columns]
    padded = np.zeros((len(columns), ns + ne + nx))
    padded[:, :ns] = columns

    def crossers(rows: Ints, kind: NDArray[np.int8], first: int) -> Crossers:
        sums = np.zeros((3, KINDS, ns + ne + nx))
        places = np.arange(first, first + rows.shape[0])
        w = weight[rows]
        sums[0, kind, places] = 1.0
        sums[1, kind, places] = w
        sums[2, kind, places] = w * (phi[rows] - pivot)
        return Crossers(*sums)

    moments = Moments(
        Survivors(*padded),
        crossers(matches.entrant, matches.entrant_kind, ns),
        crossers(matches.exiter, matches.exiter_kind, ns + ne),
        pivot,
    )
    return moments, np.concatenate((matches.end, matches.entrant, matches.exiter))


def ratio(a: Floats, b: Floats) -> Floats:
    """Return ``a / b``, NaN where `b` is zero."""
    out: Floats = np.full(np.broadcast_shapes(a.shape, b.shape), np.nan)
    return np.divide(a, b, out=out, where=b != 0.0)


def whole(part: Floats) -> Floats:
    """Sum the last axis and keep it."""
    total: Floats = part.sum(axis=-1, keepdims=True)
    return total


@dataclass(frozen=True, slots=True)
class _Shares:
    """Moments divided by total weight, so that ``w`` is a share s; names as in the moments."""

    s1: Floats
    s2: Floats
    s1f1: Floats
    s2f2: Floats
    s1f2: Floats
    s2f1: Floats
    s_e: Floats
    sf_e: Floats
    s_x: Floats
    sf_x: Floats
    Phi1: Floats
    Phi2: Floats


def _shares(moments: Moments) -> _Shares:
    S, E, X = moments.survivors, moments.entrants, moments.exiters
    W1 = whole(S.w1) + whole(X.w.sum(axis=0))
    W2 = whole(S.w2) + whole(E.w.sum(axis=0))
    s1f1, s2f2 = ratio(S.w1f1, W1), ratio(S.w2f2, W2)
    sf_e, sf_x = ratio(E.wf, W2), ratio(X.wf, W1)
    return _Shares(
        s1=ratio(S.w1, W1),
        s2=ratio(S.w2, W2),
        s1f1=s1f1,
        s2f2=s2f2,
        s1f2=ratio(S.w1f2, W1),
        s2f1=ratio(S.w2f1, W2),
        s_e=ratio(E.w, W2),
        sf_e=sf_e,
        s_x=ratio(X.w, W1),
        sf_x=sf_x,
        Phi1=whole(s1f1 + sf_x.sum(axis=0)),
        Phi2=whole(s2f2 + sf_e.sum(axis=0)),
    )


def _terms(
    moments: Moments,
    a: _Shares,
    within: Floats,
    between: Floats,
    entry_kinds: Floats,
    exit_kinds: Floats,
    cross: Floats | None = None,
) -> Terms:
    c = moments.pivot
    share_start, share_end = a.s1 + a.s_x.sum(axis=0), a.s2 + a.s_e.sum(axis=0)
    entry, exit_ = entry_kinds.sum(axis=0), exit_kinds.sum(axis=0)
    total = within + between + entry + exit_ + (0.0 if cross is None else cross)
    return Terms(
        start=a.s1f1 + a.sf_x.sum(axis=0) + c * share_start,
        end=a.s2f2 + a.sf_e.sum(axis=0) + c * share_end,
        share_start=share_start,
        share_end=share_end,
        total=total,
        within=within,
        between=between,
        cross=np.full_like(within, np.nan) if cross is None else cross,
        entry=entry,
        exit=exit_,
        entry_kinds=entry_kinds,
        exit_kinds=exit_kinds,
    )


def baily_hulten_campbell(moments: Moments) -> Terms:
    r"""Baily, Hulten and Campbell (1992): no reference, so all but `within` depend on units.

    .. math::
        \sum_S s_{i1} Δφ_i + \sum_S Δs_i φ_{i2} + \sum_E s_{i2} φ_{i2} - \sum_X s_{i1} φ_{i1}
    """
    a, c = _shares(moments), moments.pivot
    between = a.s2f2 - a.s1f2 + c * (a.s2 - a.s1)
    entry, exit_ = a.sf_e + c * a.s_e, -(a.sf_x + c * a.s_x)
    return _terms(moments, a, a.s1f2 - a.s1f1, between, entry, exit_)


def _griliches_regev(moments: Moments, a: _Shares, reference: Floats) -> Terms:
    within = 0.5 * (a.s1f2 - a.s1f1 + a.s2f2 - a.s2f1)
    between = 0.5 * (a.s2f1 + a.s2f2 - a.s1f1 - a.s1f2) - reference * (a.s2 - a.s1)
    entry, exit_ = a.sf_e - reference * a.s_e, reference * a.s_x - a.sf_x
    return _terms(moments, a, within, between, entry, exit_)


def griliches_regev(moments: Moments) -> Terms:
    r"""Griliches and Regev (1995): means of the two periods as weights and as reference.

    .. math::
        \sum_S \bar s_i Δφ_i + \sum_S Δs_i (\barφ_i - \barΦ) + \sum_E s_{i2} (φ_{i2} - \barΦ)
        - \sum_X s_{i1} (φ_{i1} - \barΦ)
    """
    a = _shares(moments)
    return _griliches_regev(moments, a, 0.5 * (a.Phi1 + a.Phi2))


def baldwin_gu(moments: Moments) -> Terms:
    r"""Baldwin and Gu: as `griliches_regev` with exiters' productivity :math:`Φ_{X1}` as reference.

    Exit is zero by construction. Everything but `within` is NaN where nobody exits.
    """
    a = _shares(moments)
    s_x = whole(a.s_x.sum(axis=0))
    reference = ratio(whole(a.sf_x.sum(axis=0)), s_x)
    return _griliches_regev(moments, a, reference)


def foster_haltiwanger_krizan(moments: Moments) -> Terms:
    r"""Foster, Haltiwanger and Krizan (2001): weights and reference of the first period.

    .. math::
        \sum_S s_{i1} Δφ_i + \sum_S Δs_i (φ_{i1} - Φ_1) + \sum_S Δs_i Δφ_i
        + \sum_E s_{i2} (φ_{i2} - Φ_1) - \sum_X s_{i1} (φ_{i1} - Φ_1)
    """
    a = _shares(moments)
    return _terms(
        moments,
        a,
        within=a.s1f2 - a.s1f1,
        between=a.s2f1 - a.s1f1 - a.Phi1 * (a.s2 - a.s1),
        entry_kinds=a.sf_e - a.Phi1 * a.s_e,
        exit_kinds=a.Phi1 * a.s_x - a.sf_x,
        cross=a.s2f2 - a.s2f1 - a.s1f2 + a.s1f1,
    )


def _survivor_entry_exit(moments: Moments, a: _Shares) -> tuple[Floats, Floats, Floats, Floats]:
    """Entry and exit against survivors, and survivors' aggregates ``Φ_S1`` and ``Φ_S2``."""
    PhiS1 = ratio(whole(a.s1f1), whole(a.s1))
    PhiS2 = ratio(whole(a.s2f2), whole(a.s2))
    return a.sf_e - PhiS2 * a.s_e, PhiS1 * a.s_x - a.sf_x, PhiS1, PhiS2


def diewert_fox(moments: Moments) -> Terms:
    r"""Diewert and Fox (2010): entry and exit against survivors, survivors split by Bennet.

    .. math::
        \sum_S \bar v_i Δφ_i + \sum_S Δv_i (\barφ_i - \barΦ_S) + s_{E2} (Φ_{E2} - Φ_{S2})
        + s_{X1} (Φ_{S1} - Φ_{X1})

    The reference :math:`\barΦ_S` changes no total, since :math:`\sum_S Δv_i = 0`; it makes the
    contributions of groups independent of the level of φ.
    """
    a = _shares(moments)
    entry, exit_, PhiS1, PhiS2 = _survivor_entry_exit(moments, a)
    WS1, WS2 = whole(a.s1), whole(a.s2)
    v1, v2 = ratio(a.s1, WS1), ratio(a.s2, WS2)
    v1f1, v1f2 = ratio(a.s1f1, WS1), ratio(a.s1f2, WS1)
    v2f1, v2f2 = ratio(a.s2f1, WS2), ratio(a.s2f2, WS2)
    within = 0.5 * (v1f2 - v1f1 + v2f2 - v2f1)
    between = 0.5 * (v2f1 + v2f2 - v1f1 - v1f2) - 0.5 * (PhiS1 + PhiS2) * (v2 - v1)
    return _terms(moments, a, within, between, entry, exit_)


def melitz_polanec(moments: Moments) -> Terms:
    r"""Melitz and Polanec (2015), dynamic Olley–Pakes: survivors by mean and covariance.

    .. math::
        Δ\barφ_S + Δ\mathrm{cov}_S + s_{E2} (Φ_{E2} - Φ_{S2}) + s_{X1} (Φ_{S1} - Φ_{X1}),
        \quad \mathrm{cov}_S = \sum_S (v_i - 1/n_S)(φ_i - \barφ_S)

    `within` is the change of the unweighted mean (weighted by the sampling design, if any) and
    `between` that of the covariance. Both change when one firm is split into two identical halves.
    """
    a, S = _shares(moments), moments.survivors
    entry, exit_, _, _ = _survivor_entry_exit(moments, a)
    M1, M2 = whole(S.m1), whole(S.m2)
    u1, u2, u1f1, u2f2 = ratio(S.m1, M1), ratio(S.m2, M2), ratio(S.m1f1, M1), ratio(S.m2f2, M2)
    mean1, mean2 = whole(u1f1), whole(u2f2)
    WS1, WS2 = whole(a.s1), whole(a.s2)
    # about the mean of both periods, so that a change of the design alone credits no group
    within = u2f2 - u1f1 - 0.5 * (mean1 + mean2) * (u2 - u1)
    cov1 = ratio(a.s1f1, WS1) - u1f1 - mean1 * (ratio(a.s1, WS1) - u1)
    cov2 = ratio(a.s2f2, WS2) - u2f2 - mean2 * (ratio(a.s2, WS2) - u2)
    return _terms(moments, a, within, cov2 - cov1, entry, exit_)


METHODS: dict[str, Callable[[Moments], Terms]] = {
    "baily_hulten_campbell": baily_hulten_campbell,
    "griliches_regev": griliches_regev,
    "foster_haltiwanger_krizan": foster_haltiwanger_krizan,
    "baldwin_gu": baldwin_gu,
    "diewert_fox": diewert_fox,
    "melitz_polanec": melitz_polanec,
}
"""The six dynamic decompositions by name."""


def total_moments(moments: Moments) -> Moments:
    """Sum the parts, keeping the last axis: the moments of each population as one part."""

    def every(record: Survivors | Crossers) -> list[Floats]:
        return [whole(getattr(record, field.name)) for field in fields(record)]

    return Moments(
        Survivors(*every(moments.survivors)),
        Crossers(*every(moments.entrants)),
        Crossers(*every(moments.exiters)),
        moments.pivot,
    )
