"""Linear generalized method of moments for several equations that share coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.linalg import (
    COLLINEAR,
    Rank,
    cluster_sums,
    column_rank,
    linear_gmm,
    sandwich,
    triangular_factor,
)

__all__ = ["Equation", "SystemGMM", "system_gmm"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Equation:
    """``E[z (y − x'θ_at)] = 0``.

    Attributes
    ----------
    y : (n,) float array
    X : (n, p) float array
    at : (p,) int array
        Which coefficients of the system belong to the columns of `X`.
    Z : (n, q) float array
    clusters : (n,) int array
        Cluster of each row, on one numbering for all equations.
    weights : (n,) float array or None
    """

    y: Floats
    X: Floats
    at: Ints
    Z: Floats
    clusters: Ints
    weights: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SystemGMM:
    """Estimates of a system.

    Attributes
    ----------
    coefficients : (p,) float array
    covariance : (p, p) float array
    one_step : (p,) float array
        Estimates with weight ``(Z'Z)⁻¹`` in each equation.
    one_step_covariance : (p, p) float array
        Robust to correlation within clusters.
    residuals : tuple of (n,) float arrays
        One per equation.
    j_statistic : float
        Hansen's J of the two-step weight; NaN when there are no more moments than coefficients,
        or fewer clusters than moments.
    j_dof : int
        Moments less coefficients.
    moments, clusters : int
    rank : Rank
        Of the coefficients: a dropped one is not identified.
    instrument_ranks : tuple of Rank
    """

    coefficients: Floats
    covariance: Floats
    one_step: Floats
    one_step_covariance: Floats
    residuals: tuple[Floats, ...]
    j_statistic: float
    j_dof: int
    moments: int
    clusters: int
    rank: Rank
    instrument_ranks: tuple[Rank, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Whitened:
    """Moments in orthonormal instruments ``Q = Z R⁻¹``: ``A = Q'X`` and ``c = Q'y``."""

    A: Floats
    c: Floats
    R: Floats
    rank: Rank


def system_gmm(
    equations: Sequence[Equation],
    coefficients: int,
    clusters: int,
    *,
    steps: int = 2,
    windmeijer: bool = True,
    tolerance: float = COLLINEAR,
) -> SystemGMM:
    """Estimate by one or two steps.

    The first step is two-stage least squares of the stacked equations. The second weights the
    moments by the inverse of ``S = Σ_c s_c s_c'``, where ``s_c`` stacks the scores of cluster c in
    all equations.

    Parameters
    ----------
    equations : sequence of Equation
    coefficients, clusters : int
        How many there are in the system.
    steps : {1, 2}
    windmeijer : bool
        Correct the two-step covariance for the estimation of its weight (Windmeijer 2005); without
        the correction it is ``(D'S⁻¹D)⁻¹`` with S at the two-step estimate.

    Raises
    ------
    numpy.linalg.LinAlgError
        In two steps, when there are fewer clusters than moments.

    Examples
    --------
    >>> z = np.array([1.0, 2.0, 3.0, 5.0])
    >>> x = z + np.array([0.1, -0.2, 0.1, 0.0])
    >>> found = system_gmm(
    ...     [Equation(2 * x, x[:, None], np.array([0]), z[:, None], np.arange(4))], 1, 4, steps=1)
    >>> found.coefficients.round(12), found.j_dof
    (array([2.]), 0)
    """
    parts = [_whiten(e, tolerance) for e in equations]
    A = np.zeros((sum(part.A.shape[0] for part in parts), coefficients))
    row = 0
    for equation, part in zip(equations, parts, strict=True):
        A[row : row + part.A.shape[0], equation.at] = part.A
        row += part.A.shape[0]
    c = np.concatenate([part.c for part in parts])
    lengths = np.sqrt(np.einsum("ij,ij->j", A, A))
    rank = column_rank(A / np.where(lengths > 0, lengths, 1.0), tolerance)
    kept = rank.kept
    first = np.zeros(coefficients)
    H = np.zeros((coefficients, coefficients))
    Q, U = np.linalg.qr(A[:, kept] / lengths[kept])
    first[kept] = np.linalg.solve(U, Q.T @ c) / lengths[kept]
    root = np.linalg.solve(U, np.eye(kept.size)) / lengths[kept][:, None]
    H[np.ix_(kept, kept)] = root @ root.T
    residuals = _residuals(equations, first)
    scores = _scores(equations, parts, residuals, clusters)
    S = scores.T @ scores
    V1 = sandwich(H @ A.T, S)
    ranks = tuple(part.rank for part in parts)
    excess = int(c.size - kept.size)
    if steps == 1:
        j = _hansen(A[:, kept], c, S) if excess and clusters >= c.size else float("nan")
        return SystemGMM(first, V1, first, V1, residuals, j, excess, c.size, clusters, rank, ranks)
    second = linear_gmm(A[:, kept], c, S)
    b = np.zeros(coefficients)
    b[kept] = second.coefficients
    residuals = _residuals(equations, b)
    if windmeijer and excess:
        D = _weight_derivative(equations, parts, scores, kept, second.influence, S, second.moments)
        V2 = second.bread
        V2 = V2 + D @ V2 + V2 @ D.T + sandwich(D, V1[np.ix_(kept, kept)])
    else:
        final = _scores(equations, parts, residuals, clusters)
        V2 = linear_gmm(A[:, kept], c, final.T @ final).bread
    V = np.zeros((coefficients, coefficients))
    V[np.ix_(kept, kept)] = V2
    j = second.criterion if excess else float("nan")
    return SystemGMM(b, V, first, V1, residuals, j, excess, c.size, clusters, rank, ranks)


def _whiten(equation: Equation, tolerance: float) -> _Whitened:
    q, p = equation.Z.shape[1], equation.X.shape[1]
    T = triangular_factor(equation.Z, equation.X, equation.y, weights=equation.weights)
    rank = column_rank(T[:q, :q], tolerance)
    U, R = np.linalg.qr(T[:q, rank.kept])
    return _Whitened(U.T @ T[:q, q : q + p], U.T @ T[:q, q + p], R, rank)


def _residuals(equations: Sequence[Equation], b: Floats) -> tuple[Floats, ...]:
    return tuple(e.y - e.X @ b[e.at] for e in equations)


def _scores(
    equations: Sequence[Equation],
    parts: Sequence[_Whitened],
    residuals: Sequence[Floats],
    clusters: int,
) -> Floats:
    """(clusters, moments) sums of ``Q e``."""
    return np.concatenate(
        [
            np.linalg.solve(
                part.R.T,
                cluster_sums(e.Z, u, e.clusters, clusters, e.weights)[:, part.rank.kept].T,
            ).T
            for e, part, u in zip(equations, parts, residuals, strict=True)
        ],
        axis=1,
    )


def _hansen(A: Floats, c: Floats, S: Floats) -> float:
    try:
        return linear_gmm(A, c, S).criterion
    except np.linalg.LinAlgError:
        return float("nan")


def _weight_derivative(
    equations: Sequence[Equation],
    parts: Sequence[_Whitened],
    scores: Floats,
    kept: Ints,
    influence: Floats,
    S: Floats,
    moments: Floats,
) -> Floats:
    """Windmeijer's ``D``: how the two-step estimate moves with the estimate in its weight.

    Column j is ``−(A'S⁻¹A)⁻¹ A'S⁻¹ (∂S/∂θ_j) S⁻¹ u``, ``∂S/∂θ_j = Σ_c (∂s_c s_c' + s_c ∂s_c')``.
    """
    clusters = scores.shape[0]
    weighted = np.linalg.solve(S, moments)
    along = scores @ weighted
    D = np.zeros((kept.size, kept.size))
    for column, j in enumerate(kept.tolist()):
        moved = _scores(
            equations,
            parts,
            [-e.X[:, np.flatnonzero(e.at == j)].sum(axis=1) for e in equations],
            clusters,
        )
        change = moved.T @ along + scores.T @ (moved @ weighted)
        D[:, column] = -influence @ change
    return D
