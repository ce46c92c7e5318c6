"""Put criteria of different units on one scale: linear maps between two anchors, and ranks.

Every linear normalization is the same map between two anchors, `worst` and `best`; they differ
in what they take as anchors. Low-is-better criteria have a `worst` above their `best`, so no
kernel needs a sign.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "column_moments",
    "column_range",
    "linear_scores",
    "ordinal_scores",
    "proportion_of_best",
    "rank_units",
    "significant",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def linear_scores(
    x: Floats,
    worst: Floats,
    best: Floats,
    *,
    lower: float = 0.0,
    upper: float = 1.0,
    clip: bool = False,
) -> Floats:
    r"""Map `worst` to `lower` and `best` to `upper`, linearly.

    .. math:: z_{ij} = l + (u - l) \frac{x_{ij} - worst_j}{best_j - worst_j}

    Min–max takes the observed extremes as anchors; goalposts take fixed ones; distance to a
    target or to a reference unit takes that as `best`; a z-score takes the mean and the mean
    plus one standard deviation.

    Parameters
    ----------
    x : (n, k) float array, NaN = missing
    worst, best : (k,) float arrays
    lower, upper : float
        Ends of the scale.
    clip : bool
        Hold scores beyond the anchors at the ends of the scale.

    Returns
    -------
    (n, k) float array; NaN where `x` is missing or the anchors coincide

    Examples
    --------
    >>> linear_scores(np.array([[0.0], [5.0], [12.0]]), np.array([0.0]), np.array([10.0]),
    ...               upper=100.0, clip=True).ravel()
    array([  0.,  50., 100.])
    """
    span = np.where(best == worst, np.nan, best - worst)
    z = lower + (upper - lower) * ((x - worst) / span)
    return np.clip(z, min(lower, upper), max(lower, upper)) if clip else z


def column_range(x: Floats) -> tuple[Floats, Floats]:
    """Return the smallest and the largest value of each column, NaN for an empty column.

    Parameters
    ----------
    x : (n, k) float array, NaN = missing

    Returns
    -------
    (k,) float array, (k,) float array

    Examples
    --------
    >>> low, high = column_range(np.array([[1.0, np.nan], [3.0, np.nan]]))
    >>> low, high
    (array([ 1., nan]), array([ 3., nan]))
    """
    missing = np.isnan(x)
    empty = missing.all(axis=0)
    low = np.where(missing, np.inf, x).min(axis=0, initial=np.inf)
    high = np.where(missing, -np.inf, x).max(axis=0, initial=-np.inf)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def column_moments(x: Floats, ddof: int = 1) -> tuple[Floats, Floats]:
    """Return the mean and the standard deviation of each column over its observed values.

    Parameters
    ----------
    x : (n, k) float array, NaN = missing
    ddof : int
        Subtracted from the number of observed values in the divisor of the variance.

    Returns
    -------
    (k,) float array, (k,) float array; NaN where too few values are observed

    Examples
    --------
    >>> mean, deviation = column_moments(np.array([[1.0], [np.nan], [3.0]]))
    >>> float(mean[0]), round(float(deviation[0]), 6)
    (2.0, 1.414214)
    """
    present = ~np.isnan(x)
    count = present.sum(axis=0).astype(float)
    mean = np.where(present, x, 0.0).sum(axis=0) / np.where(count > 0, count, np.nan)
    squares = np.where(present, x - mean, 0.0) ** 2
    free = count - ddof
    return mean, np.sqrt(squares.sum(axis=0) / np.where(free > 0, free, np.nan))


def proportion_of_best(x: Floats, direction: Ints) -> Floats:
    """Divide each value by the largest of its column, or the smallest of its column by it.

    Parameters
    ----------
    x : (n, k) float array, NaN = missing; positive
    direction : (k,) int array
        1 where more is better (``x / max``), -1 where less is better (``min / x``).

    Returns
    -------
    (n, k) float array in (0, 1]

    Examples
    --------
    >>> proportion_of_best(np.array([[2.0, 2.0], [4.0, 4.0]]), np.array([1, -1]))
    array([[0.5, 1. ],
           [1. , 0.5]])
    """
    low, high = column_range(x)
    return np.where(direction > 0, x / high, low / x)


def significant(x: Floats, digits: int = 10) -> Floats:
    """Round to a number of significant digits, so that floating noise cannot break a tie.

    Parameters
    ----------
    x : float array of any shape, NaN = missing
    digits : int

    Examples
    --------
    >>> significant(np.array([0.1 + 0.2, 123456.789, 0.0, np.nan]), 4)
    array([3.000e-01, 1.235e+05, 0.000e+00,       nan])
    """
    rounded = np.array(x, dtype=float, copy=True)
    live = np.isfinite(rounded) & (rounded != 0.0)
    values = rounded[live]
    exponent = digits - 1 - np.floor(np.log10(np.abs(values)))
    # two factors, so that neither a tiny nor a huge value overflows
    half = np.trunc(exponent / 2)
    scaled = values * 10.0**half * 10.0 ** (exponent - half)
    rounded[live] = np.rint(scaled) / 10.0**half / 10.0 ** (exponent - half)
    return rounded


def rank_units(scores: Floats, *, digits: int | None = 10, ascending: bool = False) -> Floats:
    """Rank each column; equal scores share the better (smaller) rank.

    Parameters
    ----------
    scores : (n,) or (n, k) float array, NaN = missing
    digits : int or None
        Significant digits that count; None compares the numbers as they are.
    ascending : bool
        Rank 1 for the smallest score in place of the largest.

    Returns
    -------
    float array of the same shape; NaN where the score is missing

    Examples
    --------
    >>> rank_units(np.array([7.0, 9.0, np.nan, 7.0 + 1e-14, 1.0]))
    array([ 2.,  1., nan,  2.,  4.])
    """
    columns = scores[:, None] if scores.ndim == 1 else scores
    keys = columns if digits is None else significant(columns, digits)
    keys = keys if ascending else -keys
    n = keys.shape[0]
    order = np.argsort(keys, axis=0, kind="stable")  # NaN goes last
    sorted_keys = np.take_along_axis(keys, order, axis=0)
    position = np.broadcast_to(np.arange(1.0, n + 1.0)[:, None], keys.shape)
    fresh = np.ones(keys.shape, bool)
    fresh[1:] = sorted_keys[1:] != sorted_keys[:-1]
    shared = np.maximum.accumulate(np.where(fresh, position, 0.0), axis=0)
    ranks = np.empty(keys.shape)
    np.put_along_axis(ranks, order, shared, axis=0)
    ranks[np.isnan(columns)] = np.nan
    return ranks[:, 0] if scores.ndim == 1 else ranks


def ordinal_scores(x: Floats, direction: Ints, kind: str, digits: int | None = 10) -> Floats:
    """Replace values by their order.

    With :math:`r` the ascending rank in the better direction (ties share the smaller rank) among
    the :math:`m` observed values of a column: ``"rank"`` gives :math:`r`, ``"borda"`` gives
    :math:`r - 1`, ``"percentile"`` gives :math:`(r - 1) / (m - 1)`.

    Parameters
    ----------
    x : (n, k) float array, NaN = missing
    direction : (k,) int array of 1 and -1
    kind : {"rank", "borda", "percentile"}
    digits : int or None
        Significant digits that count.

    Returns
    -------
    (n, k) float array; a percentile is NaN in a column with a single observed value

    Examples
    --------
    >>> column = np.array([[3.0], [3.0], [1.0], [np.nan], [8.0]])
    >>> ordinal_scores(column, np.array([1]), "percentile").ravel().round(3)
    array([0.333, 0.333, 0.   ,   nan, 1.   ])
    """
    ranks = rank_units(x * direction, digits=digits, ascending=True)
    if kind == "rank":
        return ranks
    if kind == "borda":
        return ranks - 1.0
    others = (~np.isnan(x)).sum(axis=0) - 1.0
    return (ranks - 1.0) / np.where(others > 0, others, np.nan)
