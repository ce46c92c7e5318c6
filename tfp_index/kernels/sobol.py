"""Which choice moves the answer: sensitivity indices of first and total order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Indices", "sensitivity_design", "sensitivity_indices"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Indices:
    """Sensitivity indices of d factors, with bootstrap intervals.

    Attributes
    ----------
    first, total : (d,) float arrays
        NaN where the answer does not vary.
    first_interval, total_interval : (2, d) float arrays
        Percentiles over resampled rows of the design; NaN without a bootstrap.
    variance : float
        Of the answer.
    """

    first: Floats
    total: Floats
    first_interval: Floats
    total_interval: Floats
    variance: float


def sensitivity_design(n: int, d: int, rng: np.random.Generator) -> Floats:
    """Return the points at which the answer must be known.

    Scrambled Sobol points in 2d dimensions make the matrices A and B; the j-th of the d further
    blocks is A with its column j from B.

    Parameters
    ----------
    n : int
        Rows of each block; a power of two keeps the balance of the points.
    d : int
        Number of factors.
    rng : numpy.random.Generator

    Returns
    -------
    (n * (d + 2), d) float array in [0, 1): the blocks A, B, A with B's first column, …

    Examples
    --------
    >>> points = sensitivity_design(8, 3, np.random.default_rng(1))
    >>> points.shape, bool(np.all(points[16:24, 0] == points[8:16, 0]))
    ((40, 3), True)
    """
    from scipy.stats import qmc

    power = max(int(np.ceil(np.log2(max(n, 1)))), 0)
    points = qmc.Sobol(2 * d, rng=rng).random_base2(power)[:n]
    first, second = points[:, :d], points[:, d:]
    stacked = [first, second]
    for j in range(d):
        mixed = first.copy()
        mixed[:, j] = second[:, j]
        stacked.append(mixed)
    return np.asarray(np.minimum(np.concatenate(stacked), np.nextafter(1.0, 0.0)))


def sensitivity_indices(
    y: Floats,
    d: int,
    *,
    center: bool = False,
    resamples: int = 0,
    confidence: float = 0.9,
    rng: np.random.Generator | None = None,
) -> Indices:
    r"""Estimate the indices from the answers at the points of :func:`sensitivity_design`.

    .. math:: S_j = \frac{\overline{y_B (y_{AB_j} - y_A)}}{V}, \qquad
        S_{Tj} = \frac{\sum (y_A - y_{AB_j})^2}{2 n V}

    with :math:`V` the variance of the answers at A and B together.

    Parameters
    ----------
    y : (n * (d + 2),) float array
    d : int
    center : bool
        Take the mean of A and B off all answers first. It changes nothing on average and makes
        the first-order indices much less noisy when the mean is large beside the variation.
    resamples : int
        Bootstrap resamples of the n rows of the design; 0 for none.
    confidence : float
    rng : numpy.random.Generator, optional
        Needed with `resamples`.

    References
    ----------
    The estimators are those of the R package COINr: Saltelli et al. (2010), Computer Physics
    Communications 181, 259–270, for the first order, and Jansen's for the total order.

    Examples
    --------
    >>> points = sensitivity_design(1024, 2, np.random.default_rng(1))
    >>> answer = sensitivity_indices(points[:, 0] + 0.0 * points[:, 1], 2)
    >>> answer.first.round(2), answer.total.round(2)
    (array([1., 0.]), array([1., 0.]))
    """
    blocks = y.reshape(d + 2, -1)
    if center:
        blocks = blocks - blocks[:2].mean()
    first, total, variance = _indices(blocks[:, :, None], d)
    intervals = (np.full((2, d), np.nan), np.full((2, d), np.nan))
    if resamples and rng is not None and variance[0] > 0:
        n = blocks.shape[1]
        drawn = [
            _indices(blocks[:, rng.integers(n, size=(n, min(50, resamples - done)))], d)
            for done in range(0, resamples, 50)
        ]
        tails = [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0]
        intervals = (
            np.nanquantile(np.concatenate([draw[0] for draw in drawn], axis=1), tails, axis=1),
            np.nanquantile(np.concatenate([draw[1] for draw in drawn], axis=1), tails, axis=1),
        )
    return Indices(first[:, 0], total[:, 0], *intervals, float(variance[0]))


def _indices(blocks: Floats, d: int) -> tuple[Floats, Floats, Floats]:
    """Return first and total order and the variance; `blocks` is (d + 2, n, resamples)."""
    a, b, mixed = blocks[0], blocks[1], blocks[2 : d + 2]
    variance = np.concatenate((a, b)).var(axis=0, ddof=1)
    divisor = np.where(variance > 0, variance, np.nan)
    first = (b * (mixed - a)).mean(axis=1) / divisor
    total = ((a - mixed) ** 2).mean(axis=1) / (2.0 * divisor)
    return first, total, variance
