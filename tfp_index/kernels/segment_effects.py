"""Effects of entities and periods within every group at once.

The rows of a group are a segment, sorted by entity and period, so that an entity of a group is a
segment of its own. An entity that changes its group is another one in each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.groups import calendar_lags
from tfp_index.kernels.ordering import dense_codes
from tfp_index.kernels.segments import (
    least_share,
    segment_combine,
    segment_cross,
    segment_means,
    segment_sums,
    solve_segments,
    spread,
)

__all__ = [
    "Components",
    "Layout",
    "changes",
    "components",
    "layout_of",
    "less_both",
    "less_entities",
    "less_periods",
    "period_sums",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where groups, entities and periods are among the rows.

    Attributes
    ----------
    groups : (G + 1,) int array
        Rows of each group.
    entities : (F + 1,) int array
        Rows of each entity within a group.
    of_groups : (G + 1,) int array
        Entities of each group.
    cell : (n,) int array
        Period within a group of each row, numbered by group and then by time.
    cells : (G + 1,) int array
        Periods of each group.
    time : (n,) int array
    """

    groups: Ints
    entities: Ints
    of_groups: Ints
    cell: Ints
    cells: Ints
    time: Ints

    @property
    def rows(self) -> Ints:
        """(G,) rows of each group."""
        return np.diff(self.groups)


@dataclass(frozen=True, slots=True)
class Components:
    """Variance components of random effects, group by group.

    Attributes
    ----------
    theta : (F,) float array
        Share of its mean that is taken out of each entity's rows.
    error, entity : (G,) float arrays
        ``σ_e²`` and ``σ_u²``; NaN where `known` is False.
    known : (G,) bool array
        Whether both auxiliary regressions are well conditioned and leave degrees of freedom.
    """

    theta: Floats
    error: Floats
    entity: Floats
    known: Mask


def layout_of(groups: Ints, entity: Ints, time: Ints) -> Layout:
    """Find entities and periods of groups.

    Parameters
    ----------
    groups : (G + 1,) int array
        Where each group starts.
    entity, time : (n,) int arrays, sorted within groups

    Examples
    --------
    >>> found = layout_of(np.array([0, 3, 4]), np.array([0, 0, 1, 1]), np.array([1, 2, 2, 3]))
    >>> found.entities, found.of_groups, found.cell
    (array([0, 2, 3, 4]), array([0, 2, 3]), array([0, 1, 1, 2]))
    """
    n = entity.shape[0]
    new = np.ones(n, bool)
    new[1:] = entity[1:] != entity[:-1]
    new[groups[:-1][groups[:-1] < n]] = True
    starts = np.flatnonzero(new)
    low = int(time.min()) if n else 0
    span = int(time.max()) - low + 1 if n else 1
    which = np.repeat(np.arange(groups.shape[0] - 1), np.diff(groups))
    cell, distinct = dense_codes(which * span + (time - low))
    return Layout(
        groups=groups,
        entities=np.append(starts, n),
        of_groups=np.searchsorted(starts, groups),
        cell=cell,
        cells=np.searchsorted(distinct, np.arange(groups.shape[0]) * span),
        time=time,
    )


def less_entities(X: Floats, layout: Layout) -> Floats:
    """Take the mean of each entity of each group out of the (p, n) columns.

    Examples
    --------
    >>> rows = layout_of(np.array([0, 3]), np.array([0, 0, 1]), np.array([1, 2, 1]))
    >>> less_entities(np.array([[1.0, 3.0, 7.0]]), rows)
    array([[-1.,  1.,  0.]])
    """
    return X - spread(segment_means(X, layout.entities), layout.entities)


def period_sums(X: Floats, layout: Layout) -> Floats:
    """Sum the (p, n) columns over each period of each group: (p, cells)."""
    size = int(layout.cells[-1])
    return np.stack([np.bincount(layout.cell, weights=x, minlength=size) for x in X])


def less_periods(X: Floats, layout: Layout) -> Floats:
    """Take the mean of each period of each group out of the (p, n) columns.

    Examples
    --------
    >>> rows = layout_of(np.array([0, 3]), np.array([0, 0, 1]), np.array([1, 2, 1]))
    >>> less_periods(np.array([[1.0, 3.0, 7.0]]), rows)
    array([[-3.,  0.,  3.]])
    """
    counts = np.bincount(layout.cell, minlength=int(layout.cells[-1]))
    return X - (period_sums(X, layout) / counts)[:, layout.cell]


def less_both(X: Floats, layout: Layout) -> tuple[Floats, Floats, Ints]:
    """Take effects of entities and of periods out of the columns, exactly.

    As `within.two_way` does in one group with no more periods than entities: with entities swept
    out by their means, the effects γ of the periods solve ``(D'MD) γ = D'M x`` in each group.

    Parameters
    ----------
    X : (p, n) float array

    Returns
    -------
    within : (p, n) float array
    gamma : (p, cells) float array
        Effects of periods, of minimum norm.
    rank : (G,) int array
        Of the effects of periods beside those of entities.

    Examples
    --------
    >>> rows = layout_of(np.array([0, 4]), np.array([0, 0, 1, 1]), np.array([1, 2, 1, 2]))
    >>> within, gamma, rank = less_both(np.array([[1.0, 2.0, 5.0, 8.0]]), rows)
    >>> within, gamma, rank
    (array([[ 0.5, -0.5, -0.5,  0.5]]), array([[-1.,  1.]]), array([1]))
    """
    lengths = np.diff(layout.entities)
    count = np.diff(layout.cells)
    wide, groups = int(count.max(initial=0)), count.shape[0]
    which = np.repeat(np.arange(groups), count)  # of each cell
    place = np.arange(which.shape[0]) - layout.cells[:-1][which]
    seen = np.zeros((wide, lengths.shape[0]))
    firm = np.repeat(np.arange(lengths.shape[0]), lengths)
    seen[place[layout.cell], firm] = 1.0 / np.sqrt(lengths[firm])
    left = -segment_cross(seen, layout.of_groups)
    own = np.bincount(layout.cell, minlength=which.shape[0]).astype(np.float64)
    left[which, place, place] += own
    right = np.zeros((groups, wide, X.shape[0]))
    right[which, place] = period_sums(less_entities(X, layout), layout).T
    solved, rank = _least_norm(left, right)
    gamma = solved[which, place].T
    return less_entities(X - gamma[:, layout.cell], layout), gamma, rank


def _least_norm(left: Floats, right: Floats) -> tuple[Floats, Ints]:
    """Solutions of semidefinite systems, of least norm when scaled, and their ranks."""
    scale = np.sqrt(np.maximum(np.einsum("gii->gi", left), 0.0))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(left / scale[:, :, None] / scale[:, None, :])
    keep = values > 1e-10
    inverse = np.where(keep, 1.0 / np.where(keep, values, 1.0), 0.0)
    inner = vectors.transpose(0, 2, 1) @ (right / scale[:, :, None])
    return vectors @ (inverse[:, :, None] * inner) / scale[:, :, None], keep.sum(axis=1)


def changes(X: Floats, layout: Layout, entity: Ints, step: int) -> tuple[Floats, Mask, Layout]:
    """Return changes over `step` periods, the rows that have one, and where these are.

    Parameters
    ----------
    X : (p, n) float array
    entity : (n,) int array
        As given to `layout_of`.

    Examples
    --------
    >>> codes = np.array([0, 0, 0])
    >>> rows = layout_of(np.array([0, 3]), codes, np.array([1, 2, 4]))
    >>> D, has, _ = changes(np.array([[1.0, 3.0, 7.0]]), rows, codes, 1)
    >>> D, has
    (array([[2.]]), array([False,  True, False]))
    """
    runs = np.repeat(np.arange(layout.entities.shape[0] - 1), np.diff(layout.entities))
    before = calendar_lags(runs, layout.time, step)
    has = before >= 0
    groups = np.concatenate([[0], np.cumsum(has)])[layout.groups]
    moved = layout_of(groups, entity[has], layout.time[has])
    return X[:, has] - X[:, before[has]], has, moved


def components(X: Floats, layout: Layout, limit: float) -> Components:
    """Estimate Swamy and Arora's variance components in every group; see `within`.

    Parameters
    ----------
    X : (k + 1, n) float array
        Regressors without the constant, and the outcome last.
    limit : float
        Auxiliary regressions whose `least_share` is below are not trusted.
    """
    k = X.shape[0] - 1
    means = segment_means(X, layout.entities)
    deviations = X - spread(means, layout.entities)
    firms = np.diff(layout.of_groups)
    within = segment_cross(deviations, layout.groups)
    centred = means - spread(segment_means(means, layout.of_groups), layout.of_groups)
    between = segment_cross(centred, layout.of_groups)
    dof_within, dof_between = layout.rows - firms - k, firms - k - 1
    known = (dof_within > 0) & (dof_between > 0)
    left = np.einsum("gii->gi", within) > 1e-16 * segment_sums(X * X, layout.groups).T
    known &= left.all(axis=1)
    for cross in (within, between):
        known &= least_share(cross[:, :k, :k]) > limit
    theta = np.zeros(means.shape[1])
    error, entity = (np.full(firms.shape[0], np.nan) for _ in range(2))
    fits = [
        (rows, at, solve_segments(cross[known]).coefficients)
        for rows, at, cross in (
            (deviations, layout.groups, within),
            (centred, layout.of_groups, between),
        )
    ]
    ssr = []
    for rows, at, b in fits:
        full = np.zeros((firms.shape[0], k))
        full[known] = b
        e = rows[k] - segment_combine(full, rows[:k], at)
        ssr.append(segment_sums((e * e)[None], at)[0][known])
    lengths = np.diff(layout.entities)
    harmonic = firms / np.maximum(segment_sums((1.0 / lengths)[None], layout.of_groups)[0], 1e-300)
    error[known] = ssr[0] / dof_within[known]
    entity[known] = ssr[1] / dof_between[known] - error[known] / harmonic[known]
    some = known & (np.nan_to_num(entity) > 0) & (np.nan_to_num(error) > 0)
    here = spread(some, layout.of_groups)
    e_f, u_f = (spread(np.where(some, v, 1.0), layout.of_groups) for v in (error, entity))
    theta[here] = (1.0 - np.sqrt(e_f / (lengths * u_f + e_f)))[here]
    theta[
        spread(known & (np.nan_to_num(error) <= 0) & (np.nan_to_num(entity) > 0), layout.of_groups)
    ] = 1.0
    return Components(theta, error, entity, known)
