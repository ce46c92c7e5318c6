"""Combine several scores into one: means, penalized means, and methods that only compare.

Shapes: `x` is (..., n, k), units by criteria, with NaN for a missing score; `weights` is
(..., k) or, where each unit has its own, (..., n, k). Leading axes are replicates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.normalize import significant

__all__ = [
    "condorcet_wins",
    "copeland",
    "cronbach",
    "kemeny",
    "outranking",
    "pairwise_covariance",
    "penalized_mean",
    "power_mean",
    "power_mean_by_weights",
    "preferences",
    "share_present",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def share_present(x: Floats) -> Floats:
    """Return the share of criteria that are observed, for each unit.

    Parameters
    ----------
    x : (..., n, k) float array

    Returns
    -------
    (..., n) float array

    Examples
    --------
    >>> share_present(np.array([[1.0, np.nan], [1.0, 2.0]]))
    array([0.5, 1. ])
    """
    share: Floats = 1.0 - np.isnan(x).mean(axis=-1)
    return share


def _weighted(x: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Return values and weights with the missing ones at zero, and the total weight."""
    by_unit = weights if weights.ndim == x.ndim else weights[..., None, :]
    present = ~np.isnan(x)
    w = np.where(present, by_unit, 0.0)
    total = w.sum(axis=-1)
    return np.where(present, x, 0.0), w, np.where(total > 0, total, np.nan)


def power_mean(x: Floats, weights: Floats, power: float = 1.0) -> Floats:
    r"""Return the weighted mean of order `power` over the observed criteria.

    .. math:: M_p = \left(\sum_j w_j x_j^p\right)^{1/p}, \qquad M_0 = \prod_j x_j^{w_j},
        \qquad \sum_j w_j = 1 \text{ over the observed } j

    Order 1 is the arithmetic mean, 0 the geometric and -1 the harmonic one. The lower the order,
    the less a high score makes up for a low one.

    Parameters
    ----------
    x : (..., n, k) float array, NaN = missing; positive unless `power` is 1
    weights : (..., k) or (..., n, k) float array, not negative; need not sum to one
    power : float

    Returns
    -------
    (..., n) float array; NaN where no criterion with weight is observed

    Examples
    --------
    >>> x = np.array([[1.0, np.nan, 3.0], [21.0, 1.0, 1.0]])
    >>> power_mean(x, np.array([1.0, 1.0, 2.0])).round(3)
    array([2.333, 6.   ])
    >>> power_mean(np.array([[21.0, 1.0, 1.0, 1.0]]), np.ones(4), power=0.0).round(2)
    array([2.14])
    """
    values, w, total = _weighted(x, weights)
    if power == 1.0:
        mean: Floats = np.einsum("...k,...k->...", values, w) / total
        return mean
    live = w > 0
    values = np.where(live, values, 1.0)
    if power == 0.0:
        mean = np.exp(np.einsum("...k,...k->...", np.log(values), w) / total)
        return mean
    mean = (np.einsum("...k,...k->...", values**power, w) / total) ** (1.0 / power)
    return mean


def power_mean_by_weights(x: Floats, weights: Floats, power: float = 1.0) -> Floats:
    """Return the means of :func:`power_mean` under many sets of weights at once.

    One matrix product in place of a loop over the sets.

    Parameters
    ----------
    x : (n, k) float array, NaN = missing; positive unless `power` is 1
    weights : (r, k) float array, not negative
    power : float

    Returns
    -------
    (r, n) float array

    Examples
    --------
    >>> power_mean_by_weights(np.array([[1.0, 3.0], [2.0, np.nan]]), np.array([[1, 1], [3, 1.0]]))
    array([[2. , 2. ],
           [1.5, 2. ]])
    """
    missing = np.isnan(x)
    values = np.where(missing, 1.0, x)
    terms = values if power == 1.0 else np.log(values) if power == 0.0 else values**power
    if missing.any():
        terms = np.where(missing, 0.0, terms)
        total = weights @ (~missing).T.astype(float)
        total = np.where(total > 0, total, np.nan)
    else:
        total = weights.sum(axis=1, keepdims=True)
    mean: Floats = (weights @ terms.T) / total
    if power == 1.0:
        return mean
    mean = np.exp(mean) if power == 0.0 else mean ** (1.0 / power)
    return mean


def penalized_mean(x: Floats, weights: Floats, *, sign: float = -1.0, ddof: int = 1) -> Floats:
    r"""Return the mean of each unit less a penalty for the imbalance of its criteria.

    .. math:: M_i \pm S_i \, cv_i, \qquad cv_i = S_i / M_i

    The Mazziotta–Pareto index on criteria with mean 100 and standard deviation 10, the adjusted
    one on criteria rescaled between fixed goalposts to 70 and 130.

    Parameters
    ----------
    x : (..., n, k) float array, NaN = missing; positive
    weights : (..., k) or (..., n, k) float array
    sign : float
        -1 subtracts the penalty (more is better), 1 adds it.
    ddof : int
        1 divides the row variance by the number of criteria less one, as the R package Compind
        does; 0 by their number.

    Returns
    -------
    (..., n) float array; a unit with one observed criterion has no penalty

    Examples
    --------
    >>> penalized_mean(np.array([[100.0, 100.0], [90.0, 110.0]]), np.ones(2), ddof=0)
    array([100.,  99.])
    """
    values, w, total = _weighted(x, weights)
    mean = np.einsum("...k,...k->...", values, w) / total
    gaps = np.where(w > 0, values - mean[..., None], 0.0)
    variance = np.einsum("...k,...k->...", gaps**2, w) / total
    if ddof:
        count = (w > 0).sum(axis=-1).astype(float)
        variance = variance * count / np.maximum(count - ddof, 1.0)
    penalized: Floats = mean + sign * variance / mean
    return penalized


def outranking(x: Floats, weights: Floats) -> Floats:
    """Return the weight of the criteria on which one unit beats another.

    Parameters
    ----------
    x : (n, k) float array, NaN = missing; more is better
    weights : (k,) float array

    Returns
    -------
    (n, n) float array
        Entry (a, b): share of the weight of the criteria observed for both on which a is better,
        a tie counting half to each; the diagonal is 0. Where nothing is comparable, one half.

    Examples
    --------
    >>> outranking(np.array([[1.0, 3.0], [2.0, 1.0], [3.0, 2.0]]), np.ones(2))
    array([[0. , 0.5, 0.5],
           [0.5, 0. , 0. ],
           [0.5, 1. , 0. ]])
    """
    n = x.shape[0]
    wins = np.zeros((n, n))
    total = np.zeros((n, n))
    for column, weight in zip(x.T, weights, strict=True):
        present = ~np.isnan(column)
        both = present[:, None] & present[None, :]
        values = np.where(present, column, 0.0)
        score = np.where(values[:, None] > values, 1.0, 0.0)
        score += np.where(values[:, None] == values, 0.5, 0.0)
        wins += weight * np.where(both, score, 0.0)
        total += weight * both
    matrix = np.where(total > 0, wins / np.where(total > 0, total, 1.0), 0.5)
    np.fill_diagonal(matrix, 0.0)
    return matrix


def condorcet_wins(matrix: Floats) -> Ints:
    """Return 1 where the row beats the column, -1 where it loses, 0 where they tie.

    Parameters
    ----------
    matrix : (n, n) float array
        Entry (a, b): support for a before b.

    Examples
    --------
    >>> condorcet_wins(np.array([[0.0, 0.7], [0.3, 0.0]]))
    array([[ 0,  1],
           [-1,  0]])
    """
    rounded = significant(matrix)
    return np.sign(rounded - rounded.T).astype(np.int64)


def copeland(matrix: Floats) -> Floats:
    """Return for each unit how many others it beats less how many beat it.

    Parameters
    ----------
    matrix : (n, n) float array
        Entry (a, b): support for a before b, e.g. from :func:`outranking`.

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> copeland(outranking(np.array([[1.0, 3.0], [2.0, 1.0], [3.0, 2.0]]), np.ones(2)))
    array([ 0., -1.,  1.])
    """
    return np.asarray(condorcet_wins(matrix).sum(axis=1), dtype=np.float64)


def preferences(orders: Ints, votes: Floats) -> Floats:
    """Count the votes that prefer one candidate to another.

    The row sums are the Borda scores; :func:`copeland` and :func:`kemeny` of the matrix give the
    Condorcet rankings.

    Parameters
    ----------
    orders : (v, m) int array
        Each row lists the candidates from best to worst.
    votes : (v,) float array

    Returns
    -------
    (m, m) float array
        Entry (a, b): votes for a before b.

    Examples
    --------
    >>> preferences(np.array([[0, 1, 2], [1, 2, 0]]), np.array([3.0, 2.0]))
    array([[0., 3., 3.],
           [2., 0., 5.],
           [2., 0., 0.]])
    """
    place = np.argsort(orders, axis=1)
    before = place[:, :, None] < place[:, None, :]
    counts: Floats = np.einsum("v,vab->ab", votes, before.astype(float))
    return counts


def kemeny(matrix: Floats) -> tuple[float, list[tuple[int, ...]]]:
    """Return the best support that an order can have, and all orders that have it.

    Dynamic programming over sets of candidates: the support of the best order of a set does not
    depend on what follows it. Time and memory double with each candidate.

    Parameters
    ----------
    matrix : (m, m) float array, m at most about 15
        Entry (a, b): support for a before b.

    Returns
    -------
    float
        Sum of the support over all pairs that the order respects.
    list of tuple of int

    Examples
    --------
    >>> kemeny(np.array([[0.0, 3.0, 3.0], [2.0, 0.0, 5.0], [2.0, 0.0, 0.0]]))
    (11.0, [(0, 1, 2)])
    """
    m = matrix.shape[0]
    support = np.zeros((m, 1 << m))  # support[b, S]: of placing b right after the set S
    for member in range(m):
        size = 1 << member
        support[:, size : 2 * size] = support[:, :size] + matrix[member][:, None]
    best = np.full(1 << m, -np.inf)
    best[0] = 0.0
    for chosen in range(1, 1 << m):
        best[chosen] = max(
            best[chosen ^ (1 << last)] + support[last, chosen ^ (1 << last)]
            for last in range(m)
            if chosen >> last & 1
        )
    tolerance = 1e-9 * max(1.0, abs(float(best[-1])))
    complete: list[tuple[int, ...]] = []
    open_orders: list[tuple[int, tuple[int, ...]]] = [((1 << m) - 1, ())]
    while open_orders:
        chosen, tail = open_orders.pop()
        if not chosen:
            complete.append(tail)
            continue
        for last in range(m):
            rest = chosen ^ (1 << last)
            if chosen >> last & 1 and best[rest] + support[last, rest] >= best[chosen] - tolerance:
                open_orders.append((rest, (last, *tail)))
    return float(best[-1]), sorted(complete)


def cronbach(x: Floats, *, standardized: bool = False) -> float:
    r"""Return Cronbach's alpha, the consistency of criteria meant to measure one thing.

    .. math:: \alpha = \frac{k}{k-1}\left(1 - \frac{\operatorname{tr} C}{\sum_{ij} C_{ij}}\right)

    Parameters
    ----------
    x : (n, k) float array, NaN = missing (covariances of pairs that are observed together)
    standardized : bool
        Use the correlation matrix for :math:`C` in place of the covariance matrix.

    Returns
    -------
    float; NaN with a single criterion

    Examples
    --------
    >>> x = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.5]])
    >>> round(cronbach(x, standardized=True), 3)
    0.999
    """
    k = x.shape[1]
    if k < 2:
        return float("nan")
    matrix = pairwise_covariance(x)
    if standardized:
        scale = np.sqrt(np.diagonal(matrix))
        matrix = matrix / np.outer(scale, scale)
    return float(k / (k - 1.0) * (1.0 - np.trace(matrix) / matrix.sum()))


def pairwise_covariance(x: Floats) -> Floats:
    """Return the covariance of each pair of columns over the rows where both are observed.

    Parameters
    ----------
    x : (n, k) float array, NaN = missing

    Returns
    -------
    (k, k) float array; NaN for a pair with fewer than two common rows

    Examples
    --------
    >>> pairwise_covariance(np.array([[1.0, 2.0], [3.0, 6.0], [np.nan, 7.0]]))
    array([[2., 4.],
           [4., 7.]])
    """
    k = x.shape[1]
    present = ~np.isnan(x)
    matrix = np.full((k, k), np.nan)
    for a in range(k):
        for b in range(a, k):
            both = present[:, a] & present[:, b]
            if both.sum() > 1:
                first, second = x[both, a], x[both, b]
                product = (first - first.mean()) @ (second - second.mean())
                matrix[a, b] = matrix[b, a] = product / (both.sum() - 1.0)
    return matrix
