"""Cross products of long columns, and what is solved from them.

Products are taken in tiles that stay below the size at which BLAS starts threads of its own.

The rows are spread over threads here already. A BLAS that brings its own threads to every product
fights with them, and with everything else on the machine: products of a few rows with a long block
then take several times as long.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.linalg import Rank, column_rank

__all__ = ["solve_gram", "tiled_cross", "tiled_left", "tiled_right"]

Floats = NDArray[np.float64]

GRAM_COLLINEAR = 1e-6
"""A column is dropped when less than this share of its length is new. Cross products square
lengths, so nothing below √ε can be told from rounding."""

LIMIT = 250_000
"""Multiplications in one product. OpenBLAS takes threads above 262,144."""


def tiled_cross(X: Floats, Y: Floats) -> Floats:
    """Return ``X Y'``, summed over the long dimension tile by tile.

    Parameters
    ----------
    X : (p, n) float array
    Y : (q, n) float array

    Examples
    --------
    >>> tiled_cross(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]))
    array([[11.,  2.]])
    """
    p, n = X.shape
    tile = max(LIMIT // max(p * Y.shape[0], 1), 32)
    if n <= tile:
        return np.asarray(X @ Y.T)
    total = np.zeros((p, Y.shape[0]))
    for start in range(0, n, tile):
        total += X[:, start : start + tile] @ Y[:, start : start + tile].T
    return total


def tiled_left(A: Floats, X: Floats) -> Floats:
    """Return ``A X`` for a small ``A`` and long rows, tile by tile.

    Parameters
    ----------
    A : (q, p) or (p,) float array
    X : (p, n) float array

    Examples
    --------
    >>> tiled_left(np.array([1.0, 2.0]), np.array([[1.0, 2.0], [10.0, 20.0]]))
    array([21., 42.])
    """
    n = X.shape[1]
    tile = max(LIMIT // max(A.size, 1), 32)
    if n <= tile:
        return np.asarray(A @ X)
    out = np.empty((*A.shape[:-1], n))
    for start in range(0, n, tile):
        out[..., start : start + tile] = A @ X[:, start : start + tile]
    return out


def tiled_right(A: Floats, B: Floats) -> Floats:
    """Return ``A B`` for a long ``A`` and a small ``B``, tile by tile.

    Parameters
    ----------
    A : (n, p) float array
    B : (p, q) float array

    Examples
    --------
    >>> tiled_right(np.array([[1.0, 2.0]]), np.array([[1.0], [3.0]]))
    array([[7.]])
    """
    n = A.shape[0]
    tile = max(LIMIT // max(B.size, 1), 8)
    if n <= tile:
        return np.asarray(A @ B)
    out = np.empty((n, B.shape[1]))
    for start in range(0, n, tile):
        out[start : start + tile] = A[start : start + tile] @ B
    return out


def solve_gram(gram: Floats, right: Floats) -> tuple[Floats, Floats, Rank]:
    """Solve ``G b = r`` on the columns that say something new.

    Parameters
    ----------
    gram : (p, p) float array
    right : (p,) or (p, m) float array

    Returns
    -------
    solution, (p, p) inverse, Rank
        Zero for dropped columns.

    Examples
    --------
    >>> b, inverse, rank = solve_gram(np.array([[4.0, 8.0], [8.0, 16.0]]), np.array([8.0, 16.0]))
    >>> b, rank.dropped
    (array([2., 0.]), array([1]))
    """
    length = np.sqrt(np.diagonal(gram))
    scale = np.where(length > 0, length, 1.0)
    scaled = gram / scale / scale[:, None]
    values, vectors = np.linalg.eigh(scaled)
    factor = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    rank = column_rank(factor, GRAM_COLLINEAR)
    kept = rank.kept
    inverse = np.zeros_like(gram)
    solution = np.zeros(right.shape)
    if kept.size:
        grid = np.ix_(kept, kept)
        L = np.linalg.cholesky(scaled[grid])
        half = np.linalg.solve(L, np.diag(1.0 / scale[kept]))
        inverse[grid] = half.T @ half
        solution[kept] = half.T @ (half @ right[kept])
    return solution, inverse, rank
