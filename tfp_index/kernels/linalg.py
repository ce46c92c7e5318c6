"""Linear algebra of estimation: least squares, instruments, sandwiches.

Everything rests on one triangular factor. With ``[Z X y] = Q T``, the corners of ``T`` hold the
cross products that least squares and two-stage least squares need, at the accuracy of an
orthogonal factorization (``X'X`` would square the condition number), and ``T`` is built over
blocks of rows, so that no second copy of the data exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import blocks

__all__ = [
    "COLLINEAR",
    "Instrumented",
    "LeastSquares",
    "LinearGMM",
    "Rank",
    "cluster_correction",
    "cluster_sums",
    "clustered_meat",
    "column_rank",
    "instrumental_variables",
    "least_squares",
    "least_squares_of_factor",
    "linear_gmm",
    "robust_meat",
    "sandwich",
    "triangular_factor",
    "two_way_meat",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COLLINEAR = 1e-10
"""A column counts as collinear when less than this share of its length is new."""

FACTOR_ENTRIES = 8_192
"""Entries of the matrix taken at a time by the blocked factorization. OpenBLAS takes threads of its
own above 9,216, which cost ten times what the small factorization does."""


@dataclass(frozen=True, slots=True)
class Rank:
    """Which columns carry something new.

    Attributes
    ----------
    kept : (r,) int array
        Columns that are not combinations of the columns before them.
    dropped : (p - r,) int array
    explained_by : tuple of tuples of int
        For each dropped column the kept columns that reproduce it.
    condition : float
        Condition number of the kept columns, each scaled to unit length.
    """

    kept: Ints
    dropped: Ints
    explained_by: tuple[tuple[int, ...], ...]
    condition: float


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """Solution of ``min Σ w (y − X b)²``.

    Attributes
    ----------
    coefficients : (p,) float array
        Exactly 0 for dropped columns, so that ``X @ coefficients`` is the fit.
    bread : (p, p) float array
        ``(X'WX)⁻¹`` of the kept columns, 0 elsewhere.
    residuals : (n,) float array
        ``y − X b``, not weighted.
    ssr : float
        ``Σ w e²``.
    rank : Rank
    """

    coefficients: Floats
    bread: Floats
    residuals: Floats
    ssr: float
    rank: Rank


@dataclass(frozen=True, slots=True)
class Instrumented:
    """Two-stage least squares.

    Attributes
    ----------
    coefficients, bread, residuals, ssr
        As in `LeastSquares`, with ``bread = (X'P_Z X)⁻¹``.
    projected : (q, p) float array
        ``A`` with ``P_Z X = Z A``: the first stages.
    rank : Rank
        Of the projected regressors: a dropped one is not identified by the instruments.
    instrument_rank : Rank
    """

    coefficients: Floats
    bread: Floats
    residuals: Floats
    ssr: float
    projected: Floats
    rank: Rank
    instrument_rank: Rank


@dataclass(frozen=True, slots=True)
class LinearGMM:
    """Solution of ``min u(b)' S⁻¹ u(b)`` with ``u(b) = Z'y − Z'X b``.

    Attributes
    ----------
    coefficients : (p,) float array
    bread : (p, p) float array
        ``H = (D'S⁻¹D)⁻¹`` with ``D = Z'X``; the covariance when ``S`` estimates ``Var u``.
    influence : (p, q) float array
        ``H D'S⁻¹``, so that ``b − β = influence @ u(β)``.
    moments : (q,) float array
        ``u`` at the solution.
    criterion : float
        ``u'S⁻¹u``: Hansen's J when ``S`` estimates ``Var u``.
    """

    coefficients: Floats
    bread: Floats
    influence: Floats
    moments: Floats
    criterion: float


def triangular_factor(
    *columns: Floats, weights: Floats | None = None, size: int | None = None
) -> Floats:
    """Return ``T`` of ``√w [A B …] = Q T`` without forming ``Q``.

    The factor of the rows seen so far is stacked on the next block and factored again.

    Parameters
    ----------
    *columns : (n, p_j) or (n,) float arrays
        Side by side they are the matrix; ``p = Σ p_j``.
    weights : (n,) float array, optional
        Non-negative.
    size : int, optional
        Rows in a block; default: few enough to stay in cache and in one thread, and several times
        the columns.

    Returns
    -------
    (p, p) float array
        Upper triangular with a non-negative diagonal; rows of zeros when there are fewer data
        rows than columns.

    Examples
    --------
    >>> T = triangular_factor(np.array([[3.0], [4.0]]), np.array([6.0, 8.0]))
    >>> T.round(12) + 0.0
    array([[ 5., 10.],
           [ 0.,  0.]])
    """
    parts = [c if c.ndim > 1 else c[:, None] for c in columns]
    p = sum(part.shape[1] for part in parts)
    factor = np.zeros((0, p))
    size = max(FACTOR_ENTRIES // max(p, 1), 4 * p, 1) if size is None else size
    for rows in blocks(parts[0].shape[0], size):
        block = np.concatenate([part[rows] for part in parts], axis=1)
        if weights is not None:
            block *= np.sqrt(weights[rows])[:, None]
        factor = np.asarray(np.linalg.qr(np.concatenate([factor, block]), mode="r"))
    if factor.shape[0] < p:
        factor = np.concatenate([factor, np.zeros((p - factor.shape[0], p))])
    signs = np.where(np.diagonal(factor) < 0, -1.0, 1.0)
    return factor * signs[:, None]


def column_rank(factor: Floats, tolerance: float = COLLINEAR) -> Rank:
    """Find the columns that are combinations of columns before them, first come first kept.

    Parameters
    ----------
    factor : (m, p) float array
        A matrix, or its triangular factor, which has the same dependencies.
    tolerance : float
        A column is dropped when the part of it that is orthogonal to the kept ones is shorter
        than `tolerance` times its own length.

    Examples
    --------
    >>> rank = column_rank(np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 1.0]]))
    >>> rank.kept, rank.dropped, rank.explained_by
    (array([0, 2]), array([1]), ((0,),))
    """
    lengths = np.sqrt(np.einsum("ij,ij->j", factor, factor))
    scaled = factor / np.where(lengths > 0, lengths, 1.0)
    basis = np.zeros((factor.shape[0], 0))
    kept: list[int] = []
    dropped: list[int] = []
    for j in range(factor.shape[1]):
        new = scaled[:, j]
        for _ in range(2):  # twice is enough to orthogonalize to working accuracy
            new = new - basis @ (basis.T @ new)
        length = float(np.linalg.norm(new))
        if length > tolerance and len(kept) < factor.shape[0]:
            basis = np.column_stack([basis, new / length])
            kept.append(j)
        else:
            dropped.append(j)
    small = scaled[:, kept]
    weights = (
        np.linalg.lstsq(small, scaled[:, dropped], rcond=None)[0] if dropped and kept else None
    )
    explained = tuple(
        tuple(kept[i] for i in np.flatnonzero(np.abs(weights[:, k]) > np.sqrt(tolerance)).tolist())
        if weights is not None
        else ()
        for k in range(len(dropped))
    )
    condition = float(np.linalg.cond(small)) if kept else 1.0
    return Rank(np.array(kept, np.int64), np.array(dropped, np.int64), explained, condition)


def _solve(R: Floats, c: Floats, rank: Rank) -> tuple[Floats, Floats]:
    """Coefficients and ``(R'R)⁻¹`` of ``min |c − R b|`` on the kept columns, 0 elsewhere."""
    p, kept = R.shape[1], rank.kept
    coefficients, bread = np.zeros(p), np.zeros((p, p))
    if kept.size:
        scale = np.sqrt(np.einsum("ij,ij->j", R[:, kept], R[:, kept]))
        Q, U = np.linalg.qr(R[:, kept] / scale)
        coefficients[kept] = np.linalg.solve(U, Q.T @ c) / scale
        inverse = np.linalg.solve(U, np.eye(kept.size)) / scale[:, None]
        bread[np.ix_(kept, kept)] = inverse @ inverse.T
    return coefficients, bread


def _residuals(X: Floats, y: Floats, b: Floats, weights: Floats | None) -> tuple[Floats, float]:
    e = y - X @ b
    return e, float(e @ e if weights is None else e @ (weights * e))


def least_squares(
    X: Floats, y: Floats, weights: Floats | None = None, tolerance: float = COLLINEAR
) -> LeastSquares:
    """Regress `y` on the columns of `X`, naming the columns that say nothing new.

    Parameters
    ----------
    X : (n, p) float array
        Give the constant first if there is one: of collinear columns the later is dropped.
    y : (n,) float array
    weights : (n,) float array, optional
    tolerance : float
        See `column_rank`.

    Examples
    --------
    >>> X = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 2.0], [1.0, 2.0, 4.0]])
    >>> fit = least_squares(X, np.array([1.0, 3.0, 5.0]))
    >>> fit.coefficients.round(12).tolist(), fit.rank.dropped.tolist(), fit.rank.explained_by
    ([1.0, 2.0, 0.0], [2], ((1,),))
    """
    p = X.shape[1]
    T = triangular_factor(X, y, weights=weights)
    rank = column_rank(T[:p, :p], tolerance)
    b, bread = _solve(T[:p, :p], T[:p, p], rank)
    e, ssr = _residuals(X, y, b, weights)
    return LeastSquares(b, bread, e, ssr, rank)


def least_squares_of_factor(
    factor: Floats, regressors: int, tolerance: float = COLLINEAR
) -> tuple[Floats, Floats, Floats, Rank]:
    """Regress the later columns of a matrix on the first ones, given its triangular factor.

    Parameters
    ----------
    factor : (p + m, p + m) float array
    regressors : int
        ``p``.
    tolerance : float
        See `column_rank`.

    Returns
    -------
    (p, m) float array
        Coefficients.
    (p, p) float array
        ``(X'WX)⁻¹`` of the kept columns, 0 elsewhere.
    (m,) float array
        Sums of squared residuals.
    Rank

    Examples
    --------
    >>> X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> b, _, ssr, _ = least_squares_of_factor(triangular_factor(X, np.array([1.0, 3.0, 5.0])), 2)
    >>> b.round(12).tolist(), ssr.round(12).tolist()
    ([[1.0], [2.0]], [0.0])
    """
    p = regressors
    rank = column_rank(factor[:p, :p], tolerance)
    later = [_solve(factor[:p, :p], column, rank) for column in factor[:p, p:].T]
    b = np.stack([coefficients for coefficients, _ in later], axis=1)
    left = factor[:, p:] - factor[:, :p] @ b
    return b, later[0][1], np.einsum("ij,ij->j", left, left), rank


def instrumental_variables(
    X: Floats,
    Z: Floats,
    y: Floats,
    weights: Floats | None = None,
    tolerance: float = COLLINEAR,
) -> Instrumented:
    """Two-stage least squares of `y` on `X` with instruments `Z`.

    ``b = (X'P_Z X)⁻¹ X'P_Z y``, read off the triangular factor of ``[Z X y]``.

    Parameters
    ----------
    X : (n, p) float array
    Z : (n, q) float array
        All instruments, those regressors that instrument themselves included; ``q ≥ p``.
    y : (n,) float array
    weights : (n,) float array, optional

    Examples
    --------
    >>> z = np.array([1.0, 2.0, 3.0, 4.0])
    >>> X = np.column_stack([np.ones(4), z + np.array([0.1, -0.1, -0.1, 0.1])])
    >>> fit = instrumental_variables(X, np.column_stack([np.ones(4), z]), 1 + 2 * X[:, 1])
    >>> fit.coefficients.round(12)
    array([1., 2.])
    """
    q, p = Z.shape[1], X.shape[1]
    T = triangular_factor(Z, X, y, weights=weights)
    instruments = column_rank(T[:q, :q], tolerance)
    # an orthonormal basis of the kept instruments, in the coordinates of the factor
    U = np.linalg.qr(T[:q, instruments.kept])[0]
    projected, outcome = U.T @ T[:q, q : q + p], U.T @ T[:q, q + p]
    lengths = np.sqrt(np.einsum("ij,ij->j", T[:, q : q + p], T[:, q : q + p]))
    rank = column_rank(projected / np.where(lengths > 0, lengths, 1.0), tolerance)
    b, bread = _solve(projected, outcome, rank)
    first = np.zeros((q, p))
    first[instruments.kept] = np.linalg.lstsq(
        T[:q, instruments.kept], T[:q, q : q + p], rcond=None
    )[0]
    e, ssr = _residuals(X, y, b, weights)
    return Instrumented(b, bread, e, ssr, first, rank, instruments)


def linear_gmm(D: Floats, d: Floats, S: Floats) -> LinearGMM:
    """Solve linear moments with weight ``S⁻¹``.

    Parameters
    ----------
    D : (q, p) float array
        ``Σ z x'``; several equations stack their blocks.
    d : (q,) float array
        ``Σ z y``.
    S : (q, q) float array, positive definite
        Weight in sums, not means: ``Σ_c s_c s_c'`` over clusters gives the efficient step.

    Raises
    ------
    numpy.linalg.LinAlgError
        If `S` is singular, for example with fewer clusters than moments.

    Examples
    --------
    >>> fit = linear_gmm(np.array([[2.0], [1.0]]), np.array([4.0, 3.0]), np.eye(2))
    >>> fit.coefficients, round(fit.criterion, 12)
    (array([2.2]), 0.8)
    """
    scale = np.sqrt(np.diagonal(S))
    if not (scale > 0).all():
        raise np.linalg.LinAlgError("a moment has no variance")
    L = np.linalg.cholesky(S / np.outer(scale, scale))
    if np.diagonal(L).min() < 1e-7:  # rounding can make a singular matrix look definite
        raise np.linalg.LinAlgError("the moments are linearly dependent")
    A: Floats = np.asarray(np.linalg.solve(L, D / scale[:, None]), np.float64)
    c: Floats = np.asarray(np.linalg.solve(L, d / scale), np.float64)
    b, H = _solve(A, c, Rank(np.arange(D.shape[1]), np.zeros(0, np.int64), (), 1.0))
    whitened = c - A @ b
    influence = H @ np.linalg.solve(L.T, A).T / scale
    return LinearGMM(b, H, influence, d - D @ b, float(whitened @ whitened))


def cluster_sums(
    X: Floats,
    residuals: Floats,
    codes: Ints,
    groups: int,
    weights: Floats | None = None,
) -> Floats:
    """Sum the scores ``w x e`` of each cluster.

    Parameters
    ----------
    X : (n, p) float array
    residuals : (n,) float array
    codes : (n,) int array in ``range(groups)``, in any order
    groups : int
    weights : (n,) float array, optional

    Returns
    -------
    (groups, p) float array

    Examples
    --------
    >>> cluster_sums(np.ones((3, 1)), np.array([1.0, 2.0, 4.0]), np.array([1, 0, 1]), 2)
    array([[2.],
           [5.]])
    """
    from scipy.sparse import csc_matrix

    sums = np.zeros((groups, X.shape[1]))
    for rows in blocks(X.shape[0]):
        e = residuals[rows] if weights is None else residuals[rows] * weights[rows]
        first = int(codes[rows].min())
        local, span = codes[rows] - first, int(codes[rows].max()) - first + 1
        present: slice | Ints = slice(first, first + span)
        if span > 2 * e.size:  # clusters far apart: number those that occur
            found, local = np.unique(codes[rows], return_inverse=True)
            present, span = found, found.size
        # one entry per row of the data: by columns, nothing has to be sorted
        members = csc_matrix((e, local, np.arange(e.size + 1)), (span, e.size))
        sums[present] += members @ X[rows]
    return sums


def robust_meat(X: Floats, residuals: Floats, weights: Floats | None = None) -> Floats:
    """``Σ w² e² x x'`` over rows.

    Examples
    --------
    >>> robust_meat(np.ones((2, 1)), np.array([1.0, 2.0]))
    array([[5.]])
    """
    meat = np.zeros((X.shape[1], X.shape[1]))
    for rows in blocks(X.shape[0]):
        e = residuals[rows] if weights is None else residuals[rows] * weights[rows]
        scores = X[rows] * e[:, None]
        meat += scores.T @ scores
    return meat


def clustered_meat(
    X: Floats, residuals: Floats, codes: Ints, groups: int, weights: Floats | None = None
) -> Floats:
    """``Σ_c s_c s_c'`` with ``s_c`` the sum of the scores of cluster c.

    Examples
    --------
    >>> clustered_meat(np.ones((3, 1)), np.array([1.0, 2.0, 4.0]), np.array([1, 0, 1]), 2)
    array([[29.]])
    """
    sums = cluster_sums(X, residuals, codes, groups, weights)
    return sums.T @ sums


def two_way_meat(
    X: Floats,
    residuals: Floats,
    first: Ints,
    second: Ints,
    corrections: tuple[float, float, float] = (1.0, 1.0, 1.0),
    weights: Floats | None = None,
) -> Floats:
    """Meat for errors that may be correlated within two groupings at once.

    ``M_first + M_second − M_both`` (Cameron, Gelbach and Miller), where *both* are the cells that
    share first and second group. The difference need not be positive definite in small samples.

    Parameters
    ----------
    X, residuals, weights
        As in `cluster_sums`.
    first, second : (n,) int arrays, non-negative
    corrections : tuple of three floats
        Small-sample factors of the three terms.

    Examples
    --------
    >>> two_way_meat(np.ones((2, 1)), np.array([1.0, 2.0]), np.array([0, 0]), np.array([0, 1]))
    array([[9.]])
    """
    width = int(second.max()) + 1
    cells, both = np.unique(first * width + second, return_inverse=True)
    a, b, c = corrections
    return (
        a * clustered_meat(X, residuals, first, int(first.max()) + 1, weights)
        + b * clustered_meat(X, residuals, second, width, weights)
        - c * clustered_meat(X, residuals, both, cells.size, weights)
    )


@overload
def cluster_correction(n: int, k: int, groups: int) -> float: ...
@overload
def cluster_correction(n: Ints, k: Ints, groups: Ints) -> Floats: ...
def cluster_correction(n: int | Ints, k: int | Ints, groups: int | Ints) -> float | Floats:
    """Small-sample factor ``G/(G−1) · (n−1)/(n−k)`` of a clustered covariance.

    Parameters
    ----------
    n : int or array of int
        Rows.
    k : int or array of int
        Estimated coefficients, absorbed effects included where they count.
    groups : int or array of int
        Clusters, at least 2.

    Examples
    --------
    >>> cluster_correction(101, 1, 11)
    1.1
    """
    return groups / (groups - 1) * (n - 1) / (n - k)


def sandwich(bread: Floats, meat: Floats) -> Floats:
    """``B M B'``, exactly symmetric.

    Examples
    --------
    >>> sandwich(np.array([[2.0]]), np.array([[3.0]]))
    array([[12.]])
    """
    covariance = bread @ meat @ bread.T
    return 0.5 * (covariance + covariance.T)
