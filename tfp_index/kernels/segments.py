"""Least squares of many groups at once: sums over segments of sorted rows, solved as stacks.

Rows lie sorted by group, so that each group is a segment. Columns are rows of ``(p, n)`` arrays:
each is contiguous, and a sum over segments is one pass (`numpy.add.reduceat`). What follows from
the sums are stacks of small matrices, ``(G, p, p)``, which numpy solves together.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Moments",
    "SegmentSolution",
    "least_share",
    "moments_of",
    "moved_back",
    "segment_blocks",
    "segment_combine",
    "segment_cross",
    "segment_means",
    "segment_sums",
    "solve_segments",
    "spread",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SegmentSolution:
    """Least squares of every segment.

    Attributes
    ----------
    coefficients : (G, k) float array
    bread : (G, k, k) float array
        ``(X'X)⁻¹``; under a restriction ``N (N'X'X N)⁻¹ N'``.
    """

    coefficients: Floats
    bread: Floats


@dataclass(frozen=True, slots=True)
class Moments:
    """Counts, means and cross products about the means. Moments of disjoint rows add up.

    The sum is exact algebra, taken about the common mean (Chan, Golub and LeVeque 1983), so that
    no digits are lost to large means however the rows are cut.

    Attributes
    ----------
    count : (G,) float array
    mean : (G, p) float array
    cross : (G, p, p) float array
        ``Σ (z − z̄)(z − z̄)'``.

    Examples
    --------
    >>> z = np.array([[1.0, 2.0, 6.0]])
    >>> total = moments_of(z[:, :1], np.array([0, 1])) + moments_of(z[:, 1:], np.array([0, 2]))
    >>> total.mean.item(), total.cross.item()
    (3.0, 14.0)
    """

    count: Floats
    mean: Floats
    cross: Floats

    def __add__(self, other: Moments) -> Moments:
        count = self.count + other.count
        share = other.count / np.maximum(count, 1.0)
        gap = other.mean - self.mean
        weight = (self.count * share)[:, None, None]
        between = weight * (gap[:, :, None] * gap[:, None, :])
        return Moments(count, self.mean + share[:, None] * gap, self.cross + other.cross + between)


def segment_blocks(offsets: Ints, size: int) -> list[tuple[int, int]]:
    """Cut the segments into consecutive runs of about `size` rows, never within a segment.

    Examples
    --------
    >>> segment_blocks(np.array([0, 2, 4, 9, 10]), 4)
    [(0, 2), (2, 3), (3, 4)]
    """
    cuts, groups = [0], offsets.shape[0] - 1
    while cuts[-1] < groups:
        reach = int(np.searchsorted(offsets, offsets[cuts[-1]] + size, side="right")) - 1
        cuts.append(min(max(reach, cuts[-1] + 1), groups))
    return list(pairwise(cuts))


def segment_sums(X: Floats, offsets: Ints) -> Floats:
    """Sum each column over each segment; an empty segment gives 0.

    Parameters
    ----------
    X : (p, n) float array
    offsets : (G + 1,) int array

    Returns
    -------
    (p, G) float array

    Examples
    --------
    >>> segment_sums(np.array([[1.0, 2.0, 4.0]]), np.array([0, 2, 2, 3]))
    array([[3., 0., 4.]])
    """
    starts, filled = offsets[:-1], np.diff(offsets) > 0
    if filled.all():
        return np.asarray(np.add.reduceat(X, starts, axis=1)) if starts.size else X[:, :0]
    sums = np.zeros((X.shape[0], starts.shape[0]))
    if filled.any():
        sums[:, filled] = np.add.reduceat(X, starts[filled], axis=1)
    return sums


def segment_means(X: Floats, offsets: Ints) -> Floats:
    """Return the (p, G) mean of each column over each segment, 0 for an empty one.

    Examples
    --------
    >>> segment_means(np.array([[1.0, 3.0, 4.0]]), np.array([0, 2, 3]))
    array([[2., 4.]])
    """
    return segment_sums(X, offsets) / np.maximum(np.diff(offsets), 1)


def spread(values: Floats, offsets: Ints) -> Floats:
    """Give every row the value of its segment.

    Parameters
    ----------
    values : (..., G) float array

    Returns
    -------
    (..., n) float array

    Examples
    --------
    >>> spread(np.array([5.0, 7.0]), np.array([0, 2, 3]))
    array([5., 5., 7.])
    """
    return np.repeat(values, np.diff(offsets), axis=-1)


def segment_cross(X: Floats, offsets: Ints) -> Floats:
    """Return the Gram matrix of each segment.

    Parameters
    ----------
    X : (p, n) float array
    offsets : (G + 1,) int array

    Returns
    -------
    (G, p, p) float array

    Examples
    --------
    >>> segment_cross(np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 1.0]]), np.array([0, 2, 3]))
    array([[[5., 2.],
            [2., 1.]],
    <BLANKLINE>
           [[9., 3.],
            [3., 1.]]])
    """
    p, n = X.shape
    cross = np.empty((offsets.shape[0] - 1, p, p))
    products = np.empty((p, n))
    for j in range(p):
        part = products[j:]
        np.multiply(X[j:], X[j], out=part)
        sums = segment_sums(part, offsets).T
        cross[:, j, j:] = sums
        cross[:, j:, j] = sums
    return cross


def segment_combine(B: Floats, X: Floats, offsets: Ints) -> Floats:
    """Return ``Σ_j b_gj x_j`` of every row, with the weights of its segment.

    Parameters
    ----------
    B : (G, p) float array
    X : (p, n) float array

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> segment_combine(np.array([[2.0], [3.0]]), np.array([[1.0, 1.0, 1.0]]), np.array([0, 2, 3]))
    array([2., 2., 3.])
    """
    total = np.zeros(X.shape[1])
    for b, x in zip(B.T, X, strict=True):
        total += spread(b, offsets) * x
    return total


def moments_of(X: Floats, offsets: Ints) -> Moments:
    """Return the moments of every segment.

    Parameters
    ----------
    X : (p, n) float array
    offsets : (G + 1,) int array
    """
    means = segment_means(X, offsets)
    cross = segment_cross(X - spread(means, offsets), offsets)
    return Moments(np.diff(offsets).astype(np.float64), means.T.copy(), cross)


def least_share(cross: Floats) -> Floats:
    """Return the least eigenvalue of each matrix scaled to a unit diagonal.

    Near 0 the columns are nearly combinations of each other. 0 if a column is 0 itself.

    Parameters
    ----------
    cross : (G, k, k) float array, positive semidefinite

    Examples
    --------
    >>> least_share(np.array([[[4.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]])).round(12)
    array([0.5, 0. ])
    """
    lengths = np.sqrt(np.maximum(np.einsum("gii->gi", cross), 0.0))
    some = (lengths > 0).all(axis=1) & np.isfinite(cross).all(axis=(1, 2))
    if not cross.shape[1]:
        return np.ones(cross.shape[0])
    scaled = cross[some] / lengths[some, :, None] / lengths[some, None, :]
    share = np.zeros(cross.shape[0])
    share[some] = np.maximum(np.linalg.eigvalsh(scaled)[:, 0], 0.0)
    return share


def solve_segments(
    cross: Floats, start: Floats | None = None, directions: Floats | None = None
) -> SegmentSolution:
    r"""Solve ``min Σ (y − x'b)²`` in every segment from its Gram matrix of ``[X y]``.

    Under linear restrictions, ``b = b₀ + N θ``.

    Parameters
    ----------
    cross : (G, k + 1, k + 1) float array
        With `y` last. Check `least_share` first: nothing is dropped here.
    start : (k,) float array, optional
        ``b₀``.
    directions : (k, q) float array, optional
        ``N``.

    Examples
    --------
    >>> found = solve_segments(np.array([[[4.0, 8.0], [8.0, 20.0]]]))
    >>> found.coefficients, found.bread
    (array([[2.]]), array([[[0.25]]]))
    """
    k = cross.shape[1] - 1
    b0 = np.zeros(k) if start is None else start
    N = np.eye(k) if directions is None else directions
    inner = N.T @ cross[:, :k, :k] @ N
    right = (cross[:, :k, k] - cross[:, :k, :k] @ b0) @ N
    lengths = np.sqrt(np.einsum("gii->gi", inner))
    grid = lengths[:, :, None] * lengths[:, None, :]
    inverse = np.linalg.inv(inner / grid) / grid
    inverse = 0.5 * (inverse + inverse.transpose(0, 2, 1))
    theta = np.einsum("gij,gj->gi", inverse, right)
    return SegmentSolution(b0 + theta @ N.T, N @ inverse @ N.T)


def moved_back(b: Floats, V: Floats, shift: Floats) -> tuple[Floats, Floats]:
    """Undo a shift of the regressors: coefficients and covariance on the columns as they were.

    With ``x̃ = x − m`` beside a constant, ``b₀ + b'x̃ = (b₀ − b'm) + b'x``.

    Parameters
    ----------
    b : (G, 1 + k) float array
        The constant's first.
    V : (G, 1 + k, 1 + k) float array
    shift : (G, k) float array
        ``m``.

    Examples
    --------
    >>> moved_back(np.array([[5.0, 2.0]]), np.eye(2)[None], np.array([[3.0]]))
    (array([[-1.,  2.]]), array([[[10., -3.],
            [-3.,  1.]]]))
    """
    T = np.broadcast_to(np.eye(b.shape[1]), V.shape).copy()
    T[:, 0, 1:] = -shift
    return np.einsum("gij,gj->gi", T, b), T @ V @ T.transpose(0, 2, 1)
