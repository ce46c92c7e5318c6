"""Linear generalized method of moments for several equations that share coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.linalg import (
    COLLINEAR,
    LinearGMM,
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
    influence : (p, q) float array
        ``b − β = influence @ Σ_c s_c``, q moments in orthonormal instruments.
    scores : (clusters, q) float array
        ``s_c`` at the estimate.
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
    influence: Floats
    scores: Floats


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
    initial: Floats | None = None,
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

    initial : (q, q) float array, optional
        Covariance of the moments ``Z'u`` (up to scale) whose inverse weights the first step;
        default: ``Z'Z`` of each equation.

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
    A, c = _stack(equations, parts, coefficients)
    lengths = np.sqrt(np.einsum("ij,ij->j", A, A))
    rank = column_rank(A / np.where(lengths > 0, lengths, 1.0), tolerance)
    kept, p = rank.kept, coefficients
    grid = np.ix_(kept, kept)
    start = np.eye(c.size) if initial is None else _turn(initial, parts)
    one = linear_gmm(A[:, kept], c, start)
    first = _spread(one.coefficients, kept, p)
    residuals = _residuals(equations, first)
    scores = _scores(equations, parts, residuals, clusters)
    S = scores.T @ scores
    V1 = sandwich(one.influence, S)
    excess = int(c.size - kept.size)
    if steps == 1:
        found, V2, b = one, V1, first
        j = _hansen(A[:, kept], c, S) if excess and clusters >= c.size else float("nan")
    else:
        found = linear_gmm(A[:, kept], c, S)
        b = _spread(found.coefficients, kept, p)
        residuals = _residuals(equations, b)
        j = found.criterion if excess else float("nan")
        final = _scores(equations, parts, residuals, clusters)
        if windmeijer and excess:
            D = _weight_derivative(equations, parts, scores, kept, found, S)
            V2 = found.bread + D @ found.bread + found.bread @ D.T + sandwich(D, V1)
        else:
            V2 = linear_gmm(A[:, kept], c, final.T @ final).bread
        scores = final
    one_step_covariance, covariance = np.zeros((p, p)), np.zeros((p, p))
    one_step_covariance[grid], covariance[grid] = V1, V2
    influence = np.zeros((p, c.size))
    influence[kept] = found.influence
    return SystemGMM(
        coefficients=b,
        covariance=covariance,
        one_step=first,
        one_step_covariance=one_step_covariance,
        residuals=residuals,
        j_statistic=j,
        j_dof=excess,
        moments=c.size,
        clusters=clusters,
        rank=rank,
        instrument_ranks=tuple(part.rank for part in parts),
        influence=influence,
        scores=scores,
    )


def _stack(
    equations: Sequence[Equation], parts: Sequence[_Whitened], coefficients: int
) -> tuple[Floats, Floats]:
    """Moments of all equations, one below the other: ``A`` and ``c``."""
    A = np.zeros((sum(part.A.shape[0] for part in parts), coefficients))
    row = 0
    for equation, part in zip(equations, parts, strict=True):
        A[row : row + part.A.shape[0], equation.at] = part.A
        row += part.A.shape[0]
    return A, np.concatenate([part.c for part in parts])


def _spread(values: Floats, kept: Ints, size: int) -> Floats:
    out = np.zeros(size)
    out[kept] = values
    return out


def _turn(covariance: Floats, parts: Sequence[_Whitened]) -> Floats:
    """Covariance of moments of Z into that of the orthonormal instruments."""
    kept, roots, at = [], [], 0
    for part in parts:
        width = part.rank.kept.size + part.rank.dropped.size
        kept.append(at + part.rank.kept)
        roots.append(part.R)
        at += width
    size = sum(root.shape[0] for root in roots)
    R, row = np.zeros((size, size)), 0
    for root in roots:
        R[row : row + root.shape[0], row : row + root.shape[0]] = root
        row += root.shape[0]
    rows = np.concatenate(kept)
    half = np.linalg.solve(R.T, covariance[np.ix_(rows, rows)])
    return np.asarray(np.linalg.solve(R.T, half.T))


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
    second: LinearGMM,
    S: Floats,
) -> Floats:
    """Windmeijer's ``D``: how the two-step estimate moves with the estimate in its weight.

    Column j is ``−(A'S⁻¹A)⁻¹ A'S⁻¹ (∂S/∂θ_j) S⁻¹ u``, ``∂S/∂θ_j = Σ_c (∂s_c s_c' + s_c ∂s_c')``.
    """
    clusters = scores.shape[0]
    weighted = np.linalg.solve(S, second.moments)
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
        D[:, column] = -second.influence @ change
    return D
