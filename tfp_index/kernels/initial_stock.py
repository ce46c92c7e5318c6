"""The capital stock before the first observed investment.

Every method but a given stock answers two questions: how much was invested in the first period
along a smooth path (`level`), and how fast that path grows (`growth`). The stock before the first
period is then ``K_0 = level / (g + δ)`` for geometric decay, or the vintages of that path weighed
by any age profile (`kernels.capital.steady_vintages`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.groups import group_sums

__all__ = [
    "DENOMINATOR",
    "NOT_POSITIVE",
    "OK",
    "TOO_SHORT",
    "InitialPath",
    "backcast_stock",
    "first_values",
    "log_trend",
    "mean_growth",
    "steady_state_stock",
    "window_level",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OK, DENOMINATOR, NOT_POSITIVE, TOO_SHORT = 0, 1, 2, 3
"""What became of a series: fine, ``g + δ ≤ 0``, investment not positive, too few periods."""


@dataclass(frozen=True, slots=True)
class InitialPath:
    """Investment of the first period along a smooth path, and the growth of that path.

    Attributes
    ----------
    level, growth : (g,) float array
        NaN where they do not exist.
    status : (g,) int8 array
        ``OK``, ``NOT_POSITIVE`` or ``TOO_SHORT``.
    """

    level: Floats
    growth: Floats
    status: NDArray[np.int8]


def first_values(values: Floats, offsets: Ints) -> Floats:
    """Return the first value of each series, NaN for a series without periods.

    Examples
    --------
    >>> first_values(np.array([5.0, 6.0, 7.0]), np.array([0, 2, 3]))
    array([5., 7.])
    """
    filled = np.diff(offsets) > 0
    out = np.full(filled.shape[0], np.nan)
    out[filled] = values[offsets[:-1][filled]]
    return out


def mean_growth(
    values: Floats, offsets: Ints, window: int | None = None
) -> tuple[Floats, NDArray[np.int8]]:
    """Return the mean growth rate over the first periods of each series.

    ``g = (x_w / x_1)^{1/(w−1)} − 1``, the rate that leads from the first value to the w-th.

    Parameters
    ----------
    values : (n,) float array
    offsets : (g + 1,) int array
    window : int, optional
        Periods w, from 2; default: the whole series. A shorter series uses what it has.

    Returns
    -------
    growth : (g,) float array
    status : (g,) int8 array
        ``TOO_SHORT`` with fewer than two periods, ``NOT_POSITIVE`` if either end is not positive.

    Examples
    --------
    >>> growth, status = mean_growth(np.array([100.0, 90.0, 121.0]), np.array([0, 3]))
    >>> growth.round(12)
    array([0.1])
    """
    lengths = np.diff(offsets)
    last = lengths if window is None else np.minimum(lengths, window)
    status = np.where(last < 2, TOO_SHORT, OK).astype(np.int8)
    usable = np.flatnonzero(status == OK)
    start, end = values[offsets[usable]], values[offsets[usable] + last[usable] - 1]
    positive = (start > 0.0) & (end > 0.0)
    status[usable[~positive]] = NOT_POSITIVE
    growth = np.full(lengths.shape[0], np.nan)
    usable, start, end = usable[positive], start[positive], end[positive]
    growth[usable] = np.expm1(np.log(end / start) / (last[usable] - 1.0))
    return growth, status


def window_level(investment: Floats, growth: Floats, offsets: Ints, window: int) -> Floats:
    """Return the first period's investment on a path through the sum of the first periods.

    ``level = Σ_{j=0}^{w−1} I_{1+j} / Σ_{j=0}^{w−1} (1+g)^j``: an average over `window` periods
    that is brought back from the middle of the window to its beginning, so that it equals
    ``I_1`` when investment does grow at g. The plain mean stands for the middle of the window;
    used for its beginning it would overstate by about ``(1+g)^{(w−1)/2}``.

    Parameters
    ----------
    investment : (n,) float array
    growth : (g,) float array
    offsets : (g + 1,) int array
    window : int
        Periods averaged; a shorter series uses what it has.

    Returns
    -------
    (g,) float array

    Examples
    --------
    >>> window_level(np.array([100.0, 110.0, 121.0]), np.array([0.1]), np.array([0, 3]), 3)
    array([100.])
    """
    lengths = np.minimum(np.diff(offsets), window)
    position = np.arange(investment.shape[0]) - np.repeat(offsets[:-1], np.diff(offsets))
    inside = position < window
    base = np.repeat(1.0 + growth, np.diff(offsets))
    path = np.where(inside, base ** np.where(inside, position, 0), 0.0)
    total = group_sums(np.where(inside, investment, 0.0), offsets)
    weight = group_sums(path, offsets)
    out = np.full(lengths.shape[0], np.nan)
    some = lengths > 0
    out[some] = total[some] / weight[some]
    return out


def log_trend(values: Floats, offsets: Ints) -> InitialPath:
    """Fit ``ln x_t = a + b·t`` by least squares in each series.

    The level is the fitted value of the first period, the growth rate is ``exp(b) − 1``.

    Parameters
    ----------
    values : (n,) float array
    offsets : (g + 1,) int array

    Returns
    -------
    InitialPath
        ``NOT_POSITIVE`` if any value of the series is not positive, ``TOO_SHORT`` with fewer
        than two periods.

    Examples
    --------
    >>> path = log_trend(100 * 1.05 ** np.arange(6.0), np.array([0, 6]))
    >>> path.level.round(9), path.growth.round(12)
    (array([100.]), array([0.05]))
    """
    lengths = np.diff(offsets)
    sizes = np.maximum(lengths, 1)
    positive = values > 0.0
    status = np.where(lengths < 2, TOO_SHORT, OK).astype(np.int8)
    bad = group_sums((~positive).astype(np.float64), offsets) > 0
    status[(status == OK) & bad] = NOT_POSITIVE
    middle = offsets[:-1] + 0.5 * (lengths - 1)
    t = np.arange(values.shape[0], dtype=np.float64) - np.repeat(middle, lengths)
    y = np.log(np.where(positive, values, 1.0))
    mean = group_sums(y, offsets) / sizes
    y = y - np.repeat(mean, lengths)
    spread = sizes * (sizes**2 - 1.0) / 12.0  # Σ (t − t̄)² over consecutive periods
    slope = group_sums(t * y, offsets) / np.where(spread > 0.0, spread, 1.0)
    fine = status == OK
    level = np.where(fine, np.exp(mean - slope * (lengths - 1) / 2.0), np.nan)
    return InitialPath(level, np.where(fine, np.expm1(slope), np.nan), status)


def steady_state_stock(
    level: Floats, growth: Floats, depreciation: Floats
) -> tuple[Floats, NDArray[np.int8]]:
    """Return the stock before the first period on a path of steady growth.

    ``K_0 = level / (g + δ)``, the sum of all earlier investment on that path that is left.

    Parameters
    ----------
    level, growth, depreciation : (g,) float arrays

    Returns
    -------
    stock : (g,) float array
        NaN where it does not exist.
    status : (g,) int8 array
        ``DENOMINATOR`` where ``g + δ ≤ 0`` (investment fell at least as fast as capital decays,
        so the sum of its past has no limit), ``NOT_POSITIVE`` where the level is not positive.

    Examples
    --------
    >>> stock, status = steady_state_stock(np.full(2, 11.0), np.array([0.05, -0.06]),
    ...                                    np.full(2, 0.06))
    >>> stock.round(9), status
    (array([100.,  nan]), array([0, 1], dtype=int8))
    """
    denominator = growth + depreciation
    status = np.zeros(level.shape[0], np.int8)
    status[~(level > 0.0)] = NOT_POSITIVE
    status[~(denominator > 0.0)] = DENOMINATOR
    fine = status == OK
    return np.where(fine, level, np.nan) / np.where(fine, denominator, 1.0), status


def backcast_stock(level: Floats, growth: float, depreciation: Floats, years: Floats) -> Floats:
    """Return what is left, before the first period, of investment over some earlier years.

    Investment s years before the first period was ``level·(1+g)^{−s}``, for ``s = 1 … N``:
    ``K_0 = level/(1+g) · (1 − q^N)/(1 − q)`` with ``q = (1−δ)/(1+g)``. With ``N → ∞`` it is
    ``level/(g+δ)``.

    Parameters
    ----------
    level, depreciation, years : (g,) float arrays
    growth : float

    Returns
    -------
    (g,) float array

    Examples
    --------
    >>> backcast_stock(np.array([104.0]), 0.04, np.array([0.1]), np.array([2.0])).round(4)
    array([186.5385])
    """
    q = (1.0 - depreciation) / (1.0 + growth)
    apart = np.where(q == 1.0, 0.5, q)
    total = np.where(q == 1.0, years, (1.0 - apart**years) / (1.0 - apart))
    return level / (1.0 + growth) * total
