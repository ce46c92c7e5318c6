"""Outliers of a criterion: the moments that detect them, winsorizing and a shifted log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Treated",
    "is_heavy",
    "kurtosis",
    "shifted_log",
    "skewness",
    "treat_column",
    "winsorize",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Treated:
    """One criterion after treatment.

    Attributes
    ----------
    values : (n,) float array
    points : (n,) int8 array
        1 where a high value was lowered, -1 where a low value was raised, 0 elsewhere.
    steps : int
        Winsorizing steps that were taken.
    logged : bool
        Whether the shifted logarithm replaced winsorizing.
    before, after : tuple of float
        Skewness and excess kurtosis.
    passed : bool
        Whether the treated values pass the test for outliers.
    """

    values: Floats
    points: NDArray[np.int8]
    steps: int
    logged: bool
    before: tuple[float, float]
    after: tuple[float, float]
    passed: bool


def skewness(x: Floats) -> float:
    r"""Return the adjusted Fisher–Pearson skewness (type 2, the one of spreadsheets).

    .. math:: G_1 = \frac{\sqrt{n (n-1)}}{n-2} \frac{m_3}{m_2^{3/2}}

    Parameters
    ----------
    x : (n,) float array, NaN = missing

    Returns
    -------
    float; NaN with fewer than three values or without variation

    Examples
    --------
    >>> round(skewness(np.array([1.0, 2.0, 3.0, 50.0])), 6)
    1.993067
    """
    values, spread = _centred(x)
    n = values.shape[0]
    if n < 3 or spread == 0.0:
        return float("nan")
    return float(np.sqrt(n * (n - 1.0)) / (n - 2.0) * np.mean((values / spread) ** 3))


def kurtosis(x: Floats) -> float:
    r"""Return the adjusted excess kurtosis (type 2, the one of spreadsheets).

    .. math::

        G_2 = \frac{n-1}{(n-2)(n-3)} \left[(n+1)\left(\frac{m_4}{m_2^2} - 3\right) + 6\right]

    Parameters
    ----------
    x : (n,) float array, NaN = missing

    Returns
    -------
    float; NaN with fewer than four values or without variation

    Examples
    --------
    >>> round(kurtosis(np.array([1.0, 2.0, 3.0, 50.0])), 6)
    3.976902
    """
    values, spread = _centred(x)
    n = values.shape[0]
    if n < 4 or spread == 0.0:
        return float("nan")
    excess = float(np.mean((values / spread) ** 4)) - 3.0
    return float((n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * excess + 6.0))


def _centred(x: Floats) -> tuple[Floats, float]:
    values = x[~np.isnan(x)]
    if not values.size or values.min() == values.max():
        return values, 0.0
    values = values - values.mean()
    return values, float(np.sqrt(np.mean(values**2)))


def is_heavy(skew: float, kurt: float, skew_limit: float, kurt_limit: float) -> bool:
    """Say whether skewness and kurtosis both reach their limits.

    Examples
    --------
    >>> is_heavy(-2.5, 4.0, 2.0, 3.5), is_heavy(2.5, 3.0, 2.0, 3.5)
    (True, False)
    """
    return abs(skew) >= skew_limit and kurt >= kurt_limit


def winsorize(
    x: Floats, *, most: int, skew_limit: float = 2.0, kurt_limit: float = 3.5
) -> tuple[Floats, int]:
    """Pull the farthest value to its neighbor until the distribution is no longer heavy.

    A step sets every value tied at the extreme on the side of the skew to the next value
    inward. It stops when skewness or kurtosis falls below its limit, after `most` steps, or
    before a step that would leave a single value.

    Parameters
    ----------
    x : (n,) float array, NaN = missing
    most : int
        Largest number of steps.
    skew_limit, kurt_limit : float

    Returns
    -------
    values : (n,) float array
    steps : int

    Examples
    --------
    >>> values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 100.0])
    >>> winsorize(values, most=5)
    (array([1., 2., 3., 4., 5., 6., 7., 7.]), 1)
    """
    values = x.copy()
    steps = 0
    while steps < most:
        skew = skewness(values)
        if not is_heavy(skew, kurtosis(values), skew_limit, kurt_limit):
            break
        extreme = np.nanmax(values) if skew >= 0 else np.nanmin(values)
        tied = values == extreme
        inner = values[~tied & ~np.isnan(values)]
        if inner.min() == inner.max():  # one more step would leave a constant
            break
        values[tied] = inner.max() if skew >= 0 else inner.min()
        steps += 1
    return values, steps


def shifted_log(x: Floats) -> Floats:
    r"""Take the logarithm after a shift that makes every value positive.

    .. math:: \ln\left(x - x_{min} + 0.01\,(x_{max} - x_{min})\right)

    Negatively skewed values are reflected first, so that the long tail is the one that is
    compressed and the order of the values stays.

    Parameters
    ----------
    x : (n,) float array, NaN = missing, not constant

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> shifted_log(np.array([1.0, 2.0, 3.0, 50.0])).round(6)
    array([-0.71335 ,  0.398776,  0.912283,  3.901771])
    """
    low, high = np.nanmin(x), np.nanmax(x)
    shift = 0.01 * (high - low)
    if skewness(x) < 0:
        reflected: Floats = -np.log(high - x + shift)
        return reflected
    shifted: Floats = np.log(x - low + shift)
    return shifted


def treat_column(
    x: Floats,
    *,
    method: str = "auto",
    most: int = 5,
    skew_limit: float = 2.0,
    kurt_limit: float = 3.5,
) -> Treated:
    """Treat one criterion if it is heavy.

    Parameters
    ----------
    x : (n,) float array, NaN = missing
    method : {"auto", "winsorize", "log"}
        ``"auto"`` winsorizes, and takes the shifted log of the original values where `most`
        steps were not enough; the other two do only that, and only to heavy criteria.
    most : int
        Largest number of winsorizing steps.
    skew_limit, kurt_limit : float
        A criterion is heavy when the absolute skewness and the kurtosis both reach these.

    Examples
    --------
    >>> treated = treat_column(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 100.0]))
    >>> treated.steps, treated.logged, treated.passed
    (1, False, True)
    """
    before = (skewness(x), kurtosis(x))
    points = np.zeros(x.shape[0], np.int8)
    if not is_heavy(*before, skew_limit, kurt_limit):
        return Treated(x, points, 0, False, before, before, True)
    values, steps, logged, after, passed = x, 0, False, before, False
    if method != "log":
        values, steps = winsorize(x, most=most, skew_limit=skew_limit, kurt_limit=kurt_limit)
        after = (skewness(values), kurtosis(values))
        passed = not is_heavy(*after, skew_limit, kurt_limit)
    if method == "log" or (method == "auto" and not passed):
        values, steps, logged = shifted_log(x), 0, True
        after = (skewness(values), kurtosis(values))
        passed = not is_heavy(*after, skew_limit, kurt_limit)
    if not logged:
        points[values < x] = 1
        points[values > x] = -1
    return Treated(values, points, steps, logged, before, after, passed)
