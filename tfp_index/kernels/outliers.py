"""Values that do not belong: tails of a cell, robust scores, joint distances, wrong units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.dispersion import quantiles, sort_cells

__all__ = [
    "Bacon",
    "UnitErrors",
    "bacon",
    "bacon_by_cell",
    "jumps_back",
    "mad_score",
    "tail_bounds",
    "unit_errors",
    "winsorize",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NORMAL_MAD = 0.6745
"""Median absolute deviation of a standard normal variable, as commonly rounded."""


def tail_bounds(
    values: Floats,
    cell: Ints,
    cells: int,
    lower: float,
    upper: float,
    *,
    parent: Ints | None = None,
    min_count: int = 1,
) -> tuple[Floats, Floats]:
    """Return for each row the percentiles of its cell that bound the tails.

    Parameters
    ----------
    values : (n,) float array, NaN = missing
    cell : (n,) int array
        E.g. industry and year; rows with a negative cell get NaN.
    cells : int
    lower, upper : float
        Probabilities, e.g. 0.01 and 0.99; linear percentiles. 0 and 1 leave a tail open.
    parent : (cells,) int array, optional
        Larger cell, e.g. the industry's parent and year, whose percentiles stand in where the
        cell has fewer than `min_count` values. Without one, such cells get NaN.
    min_count : int

    Returns
    -------
    low, high : (n,) float arrays

    Examples
    --------
    >>> x = np.arange(101.0)
    >>> low, high = tail_bounds(x, np.zeros(101, np.int64), 1, 0.01, 0.99)
    >>> low[0], high[0]
    (np.float64(1.0), np.float64(99.0))
    """
    inside = (cell >= 0) & ~np.isnan(values)
    probabilities = np.array([lower, upper])
    own = np.where(inside, cell, -1)
    bounds = quantiles(sort_cells(values, own, cells), probabilities)
    few = np.bincount(own[inside], minlength=cells) < min_count
    bounds[few] = np.nan
    if parent is not None and few.any():
        parents = int(parent.max()) + 1
        wider = np.where(inside, parent[np.maximum(cell, 0)], -1)
        stand_in = quantiles(sort_cells(values, wider, parents), probabilities)
        stand_in[np.bincount(wider[inside], minlength=parents) < min_count] = np.nan
        bounds[few] = stand_in[parent[few]]
    if lower == 0.0:
        bounds[:, 0] = -np.inf
    if upper == 1.0:
        bounds[:, 1] = np.inf
    bounds[np.isnan(bounds).any(axis=1)] = np.nan
    at = np.where(cell[:, None] >= 0, bounds[np.maximum(cell, 0)], np.nan)
    return at[:, 0], at[:, 1]


def winsorize(values: Floats, low: Floats, high: Floats) -> Floats:
    """Pull values to their bounds; where a bound is NaN the value stays.

    Examples
    --------
    >>> winsorize(np.array([0.0, 5.0, 9.0]), np.array([1.0, 1.0, np.nan]), np.full(3, 4.0))
    array([1., 4., 4.])
    """
    pulled = np.fmin(np.fmax(values, low), high)
    return np.where(np.isnan(values), np.nan, pulled)


def mad_score(values: Floats, cell: Ints, cells: int) -> Floats:
    """Return ``0.6745 (x - median) / MAD`` inside each cell.

    NaN where the cell's median absolute deviation is zero: more than half of its values are equal
    and there is no scale to judge the others by.

    Parameters
    ----------
    values : (n,) float array, NaN = missing
    cell : (n,) int array
    cells : int

    Examples
    --------
    >>> mad_score(np.array([1.0, 2.0, 3.0, 4.0, 100.0]), np.zeros(5, np.int64), 1).round(2)
    array([-1.35, -0.67,  0.  ,  0.67, 65.43])
    """
    half = np.array([0.5])
    own = np.where((cell >= 0) & ~np.isnan(values), cell, -1)
    at = np.maximum(own, 0)
    deviation = values - quantiles(sort_cells(values, own, cells), half)[at, 0]
    mad = quantiles(sort_cells(np.abs(deviation), own, cells), half)[at, 0]
    score: Floats = np.full(values.shape, np.nan)
    usable = (own >= 0) & (mad > 0.0)
    np.divide(NORMAL_MAD * deviation, mad, out=score, where=usable)
    return score


@dataclass(frozen=True, slots=True)
class Bacon:
    """Outcome of `bacon`.

    Attributes
    ----------
    distance : (n,) float array
        Mahalanobis distances from the clean subset.
    outlier : (n,) bool array
    limit : float
        Distance beyond which a row is an outlier.
    steps : int
    """

    distance: Floats
    outlier: Bools
    limit: float
    steps: int


def _chi(p: int, tail: float) -> float:
    """Quantile of the chi distribution with p degrees of freedom that leaves `tail` above it."""
    from scipy.special import gammainccinv

    return float(np.sqrt(2.0 * gammainccinv(p / 2.0, tail)))


def _distances(X: Floats, subset: Bools) -> Floats | None:
    """Mahalanobis distances by the subset's mean and covariance; None when that is singular."""
    inner = X[subset]
    center = inner.mean(axis=0)
    triangle = np.linalg.qr(inner - center, mode="r") / np.sqrt(inner.shape[0] - 1.0)
    diagonal = np.abs(np.diag(triangle))
    if diagonal.shape[0] < X.shape[1] or diagonal.min() <= 1e-10 * diagonal.max():
        return None
    scaled = np.linalg.solve(triangle.T, (X - center).T)
    return np.asarray(np.sqrt((scaled**2).sum(axis=0)))


def bacon(X: Floats, tail: float = 0.05, max_steps: int = 100) -> Bacon:
    r"""Find joint outliers by growing a clean subset (BACON; Billor, Hadi and Velleman 2000).

    The subset starts from the 4p rows nearest to the coordinate-wise median and becomes, until it
    settles, the rows whose distance by the subset's mean and covariance is below

    .. math::
        c_{npr} χ_{p, α/n}, \quad
        c_{npr} = 1 + \frac{p+1}{n-p} + \frac{2}{n-1-3p} + \max\Big(0, \frac{h-r}{h+r}\Big)

    with :math:`h = ⌊(n+p+1)/2⌋` and r rows in the subset.

    Parameters
    ----------
    X : (n, p) float array, finite, with ``n > 3p + 1``
    tail : float
        α.
    max_steps : int

    Returns
    -------
    Bacon
        With NaN distances and no outliers where the rows lie in a plane of lower dimension.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> X[:5] += 12.0
    >>> np.flatnonzero(bacon(X).outlier).tolist()
    [0, 1, 2, 3, 4]
    """
    n, p = X.shape
    nearest = np.argsort(((X - np.median(X, axis=0)) ** 2).sum(axis=1), kind="stable")
    m = min(4 * p, n)
    subset = np.zeros(n, bool)
    subset[nearest[:m]] = True
    d = _distances(X, subset)
    while d is None and m < n:  # collinear start: take in more rows
        m += 1
        subset[nearest[m - 1]] = True
        d = _distances(X, subset)
    if d is None:
        return Bacon(np.full(n, np.nan), np.zeros(n, bool), np.nan, 0)
    chi = _chi(p, tail / n)
    h = (n + p + 1) // 2
    limit, steps = np.nan, 0
    for step in range(1, max_steps + 1):
        steps = step
        r = int(subset.sum())
        correction = 1.0 + (p + 1.0) / (n - p) + 2.0 / (n - 1.0 - 3.0 * p)
        limit = (correction + max(0.0, (h - r) / (h + r))) * chi
        grown = d < limit
        if np.array_equal(grown, subset):
            break
        following = _distances(X, grown)
        if following is None:
            break
        subset, d = grown, following
    return Bacon(d, d >= limit, limit, steps)


def bacon_by_cell(X: Floats, cell: Ints, cells: int, tail: float = 0.05) -> tuple[Bools, Bools]:
    """Run `bacon` in every cell, over the rows that are complete.

    Parameters
    ----------
    X : (n, p) float array, NaN = missing
    cell : (n,) int array
    cells : int
    tail : float

    Returns
    -------
    outlier : (n,) bool array
    tested : (n,) bool array
        False for incomplete rows and in cells with no more than ``3p + 1`` complete rows.
    """
    outlier, tested = np.zeros((2, X.shape[0]), bool)
    own = np.where((cell >= 0) & np.isfinite(X).all(axis=1), cell, -1)
    order = np.argsort(own, kind="stable")
    starts = np.searchsorted(own[order], np.arange(cells + 1))
    for first, last in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        rows = order[first:last]
        if rows.shape[0] > 3 * X.shape[1] + 1:
            found = bacon(X[rows], tail)
            outlier[rows], tested[rows] = found.outlier, np.isfinite(found.limit)
    return outlier, tested


@dataclass(frozen=True, slots=True)
class UnitErrors:
    """Rows recorded in another unit than their neighbors.

    Attributes
    ----------
    power : (n,) int8 array
        k where the row is 10^(3k) times too large, between two opposite jumps; 0 elsewhere.
    unreversed : (n,) int8 array
        k at a jump by 10^(3k) that no opposite jump follows, so that it cannot be told which side
        is right; 0 elsewhere.
    """

    power: NDArray[np.int8]
    unreversed: NDArray[np.int8]


def unit_errors(
    log_values: Floats, codes: Ints, *, tolerance: float = 0.2, powers: tuple[int, ...] = (1, 2)
) -> UnitErrors:
    """Find values recorded in thousands or millions of the unit, by jumps that are undone later.

    A jump of ``ln x`` between two consecutive observations of an entity within `tolerance` of
    ``±k ln 1000`` opens a spell; the opposite jump closes it, and the rows between are in error.

    Parameters
    ----------
    log_values : (n,) float array, NaN = missing (and skipped)
        Sorted by entity, then time.
    codes : (n,) int array
    tolerance : float
    powers : tuple of int
        k to look for: 1 for thousands, 2 for millions.

    Examples
    --------
    >>> x = np.log(np.array([50.0, 52.0, 55_000.0, 58.0, 60.0]))
    >>> unit_errors(x, np.zeros(5, np.int64)).power
    array([0, 0, 1, 0, 0], dtype=int8)
    """
    power, unreversed = np.zeros((2, log_values.shape[0]), np.int8)
    rows = np.flatnonzero(~np.isnan(log_values))
    x, c = log_values[rows], codes[rows]
    step = np.diff(x)
    kind = np.zeros(step.shape[0], np.int8)
    for k in powers:
        size = 3 * k * np.log(10.0)
        kind[np.abs(step - size) < tolerance] = k
        kind[np.abs(step + size) < tolerance] = -k
    kind[c[1:] != c[:-1]] = 0
    jumps = np.flatnonzero(kind)
    place = 0
    while place < jumps.shape[0]:
        jump = int(jumps[place])
        following = int(jumps[place + 1]) if place + 1 < jumps.shape[0] else -1
        if following >= 0 and c[following] == c[jump] and kind[following] == -kind[jump]:
            power[rows[jump + 1 : following + 1]] = kind[jump]
            place += 2
        else:
            unreversed[rows[jump + 1]] = kind[jump]
            place += 1
    return UnitErrors(power, unreversed)


def jumps_back(log_values: Floats, codes: Ints, limit: float) -> Bools:
    """Mark values that are more than `limit` away from both neighbors, on the same side.

    Parameters
    ----------
    log_values : (n,) float array, NaN = missing (and skipped)
        Sorted by entity, then time.
    codes : (n,) int array
    limit : float
        In logs; 5 is a factor of 148.

    Examples
    --------
    >>> jumps_back(np.array([1.0, 7.0, 1.2, 1.1]), np.zeros(4, np.int64), 5.0).tolist()
    [False, True, False, False]
    """
    marked = np.zeros(log_values.shape[0], bool)
    rows = np.flatnonzero(~np.isnan(log_values))
    if rows.shape[0] < 3:
        return marked
    x, c = log_values[rows], codes[rows]
    into, out = x[1:-1] - x[:-2], x[1:-1] - x[2:]
    same = (c[1:-1] == c[:-2]) & (c[1:-1] == c[2:])
    far = (np.minimum(np.abs(into), np.abs(out)) > limit) & (into * out > 0.0)
    marked[rows[1:-1][same & far]] = True
    return marked
