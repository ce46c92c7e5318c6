"""Linear generalized method of moments for several equations that share coefficients.

Everything is solved from sums over rows, and sums over the parts that the rows are cut into are
sums over the rows. A part holds whole clusters and gives three things, each for one pass:

1. `equation_factors`, joined by `join_factors`: all that the first step needs (`first_step`);
2. `score_squares`, which add up: the weight of the second step;
3. `weight_changes`, which add up: what the estimated weight does to the covariance.

`solve_system` walks the parts so and solves; `system_gmm` is the same for rows that stand in
memory as one part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

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

__all__ = [
    "Equation",
    "Factors",
    "FirstStep",
    "Parts",
    "SystemGMM",
    "SystemSolution",
    "equation_factors",
    "first_step",
    "join_factors",
    "later_steps",
    "score_squares",
    "scores",
    "solve_system",
    "system_gmm",
    "weight_changes",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
T = TypeVar("T")


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
        Cluster of each row, on one numbering for all equations of a part.
    weights : (n,) float array or None
        How often each row counts, the same for all rows of a cluster: a cluster of weight two
        counts as two clusters.
    """

    y: Floats
    X: Floats
    at: Ints
    Z: Floats
    clusters: Ints
    weights: Floats | None = None


class Parts(Protocol):
    """Call a function with the equations of every part and return its answers in row order."""

    def __call__(self, work: Callable[[Sequence[Equation]], T], /) -> list[T]:
        """Return ``[work(part) for every part]``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """Triangular factor of ``[Z X y]`` of every equation, over some rows.

    Attributes
    ----------
    triangles : tuple of (q + p + 1, q + p + 1) float arrays
    at : tuple of int arrays
        As in `Equation`.
    """

    triangles: tuple[Floats, ...]
    at: tuple[Ints, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Whitened:
    """Moments in orthonormal instruments ``Q = Z R⁻¹``: ``A = Q'X`` and ``c = Q'y``."""

    A: Floats
    c: Floats
    R: Floats
    rank: Rank


@dataclass(frozen=True, slots=True, eq=False)
class FirstStep:
    """Two-stage least squares of the stacked equations.

    Attributes
    ----------
    coefficients : (p,) float array
    rank : Rank
        Of the coefficients.
    solution : LinearGMM
        Of the coefficients kept.
    A : (q, p) float array
        ``Q'X`` of all equations, one below the other, in orthonormal instruments ``Q``.
    c : (q,) float array
        ``Q'y``.
    """

    coefficients: Floats
    rank: Rank
    solution: LinearGMM
    A: Floats
    c: Floats
    whitened: tuple[_Whitened, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SystemSolution:
    """Estimates of a system.

    Attributes
    ----------
    coefficients : (p,) float array
    covariance : (p, p) float array
    one_step : (p,) float array
        Estimates with weight ``(Z'Z)⁻¹`` in each equation.
    one_step_covariance : (p, p) float array
        Robust to correlation within clusters.
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
    """

    coefficients: Floats
    covariance: Floats
    one_step: Floats
    one_step_covariance: Floats
    j_statistic: float
    j_dof: int
    moments: int
    clusters: int
    rank: Rank
    instrument_ranks: tuple[Rank, ...]
    influence: Floats


@dataclass(frozen=True, slots=True, eq=False)
class SystemGMM(SystemSolution):
    """Estimates of a system whose rows stand in memory.

    Attributes
    ----------
    residuals : tuple of (n,) float arrays
        One per equation.
    scores : (clusters, q) float array
        ``s_c`` at the estimate.
    """

    residuals: tuple[Floats, ...]
    scores: Floats


def equation_factors(part: Sequence[Equation]) -> Factors:
    """Return what the first step needs of some rows.

    Parameters
    ----------
    part : sequence of Equation
    """
    triangles = (triangular_factor(e.Z, e.X, e.y, weights=e.weights) for e in part)
    return Factors(tuple(triangles), tuple(e.at for e in part))


def join_factors(parts: Sequence[Factors]) -> Factors:
    """Make the factors of all rows from those of the parts.

    Examples
    --------
    >>> z = np.array([1.0, 2.0, 3.0, 5.0])
    >>> def rows(of):
    ...     return [Equation(2 * z[of], z[of, None], np.array([0]), z[of, None], np.arange(2))]
    >>> joined = join_factors([equation_factors(rows(of)) for of in (slice(0, 2), slice(2, 4))])
    >>> first_step(joined, 1).coefficients.round(12)
    array([2.])
    """
    if len(parts) == 1:
        return parts[0]
    stacked = (np.concatenate(found) for found in zip(*(p.triangles for p in parts), strict=True))
    return Factors(tuple(triangular_factor(rows) for rows in stacked), parts[0].at)


def first_step(
    factors: Factors,
    coefficients: int,
    *,
    initial: Floats | None = None,
    tolerance: float = COLLINEAR,
) -> FirstStep:
    """Solve the first step from factors.

    Parameters
    ----------
    factors : Factors
        Over all rows.
    coefficients : int
    initial : (q, q) float array, optional
        As in `system_gmm`.
    tolerance : float
    """
    whitened = tuple(
        _whiten(triangle, at.shape[0], tolerance)
        for triangle, at in zip(factors.triangles, factors.at, strict=True)
    )
    A = np.zeros((sum(w.A.shape[0] for w in whitened), coefficients))
    row = 0
    for w, at in zip(whitened, factors.at, strict=True):
        A[row : row + w.A.shape[0], at] = w.A
        row += w.A.shape[0]
    c = np.concatenate([w.c for w in whitened])
    lengths = np.sqrt(np.einsum("ij,ij->j", A, A))
    rank = column_rank(A / np.where(lengths > 0, lengths, 1.0), tolerance)
    start = np.eye(c.size) if initial is None else _turn(initial, whitened)
    one = linear_gmm(A[:, rank.kept], c, start)
    b = _spread(one.coefficients, rank.kept, coefficients)
    return FirstStep(b, rank, one, A, c, whitened)


def score_squares(part: Sequence[Equation], first: FirstStep, b: Floats) -> Floats:
    """Return ``Σ_c s_c s_c'`` over the clusters of a part.

    Parameters
    ----------
    part : sequence of Equation
        Whole clusters.
    first : FirstStep
    b : (p,) float array
        Where the scores are taken.

    Returns
    -------
    (q, q) float array
    """
    s = scores(part, first, b)
    return s.T @ s


def scores(part: Sequence[Equation], first: FirstStep, b: Floats) -> Floats:
    """Return ``s_c``, in orthonormal instruments, of the clusters of a part.

    Parameters
    ----------
    part : sequence of Equation
    first : FirstStep
    b : (p,) float array
        Where they are taken.

    Returns
    -------
    (clusters, q) float array
        Times the root of its weight where a cluster has one.
    """
    return _scores(part, first.whitened, _residuals(part, b))


def weight_changes(part: Sequence[Equation], first: FirstStep, weighted: Floats) -> Floats:
    """Return ``Σ_c (∂s_c s_c' + s_c ∂s_c') w`` over the clusters of a part.

    How the weight of the second step moves with each coefficient of the first.

    Parameters
    ----------
    part : sequence of Equation
        Whole clusters.
    first : FirstStep
    weighted : (q,) float array
        ``w = S⁻¹ u``.

    Returns
    -------
    (q, kept coefficients) float array
    """
    s = scores(part, first, first.coefficients)
    along = s @ weighted
    changes = np.zeros((s.shape[1], first.coefficients.size))
    row = 0
    for e, w in zip(part, first.whitened, strict=True):
        here = slice(row, row + w.rank.kept.size)
        turned = np.zeros(e.Z.shape[1])
        turned[w.rank.kept] = np.linalg.solve(w.R, weighted[here])
        root = _root(e.weights)
        times = along[e.clusters] if root is None else along[e.clusters] * root
        own = e.Z.T @ (e.X * times[:, None])  # −∂s_c = Q'X of the cluster
        moved = cluster_sums(e.X, e.Z @ turned, e.clusters, s.shape[0], root)
        shared = s.T @ moved
        for column, j in enumerate(e.at.tolist()):
            changes[here, j] -= np.linalg.solve(w.R.T, own[w.rank.kept, column])
            changes[:, j] -= shared[:, column]
        row = here.stop
    return changes[:, first.rank.kept]


def solve_system(
    parts: Parts,
    coefficients: int,
    clusters: int,
    *,
    steps: int = 2,
    windmeijer: bool = True,
    initial: Floats | None = None,
    tolerance: float = COLLINEAR,
    covariance: bool = True,
) -> SystemSolution:
    """Estimate from parts of the rows, each walked over once per step.

    Parameters
    ----------
    parts : Parts
    coefficients, clusters, steps, windmeijer, initial, tolerance
        As in `system_gmm`.
    covariance : bool
        Whether the covariance of the estimates is wanted; without it they take one pass less, and
        one step takes a single one.

    Raises
    ------
    numpy.linalg.LinAlgError
        In two steps, when there are fewer clusters than moments.
    """
    first = first_step(
        join_factors(parts(equation_factors)), coefficients, initial=initial, tolerance=tolerance
    )
    return later_steps(parts, first, clusters, steps, windmeijer, covariance)


def later_steps(
    parts: Parts, first: FirstStep, clusters: int, steps: int, windmeijer: bool, covariance: bool
) -> SystemSolution:
    """Go on from the first step; parameters and errors as in `solve_system`."""
    one, kept, c = first.solution, first.rank.kept, first.c
    A = first.A[:, kept]
    if steps == 1 and not covariance:
        nothing = np.full((kept.size, kept.size), np.nan)
        return _solution(first, one, nothing, nothing, float("nan"), clusters)
    S = _add(parts(lambda part: score_squares(part, first, first.coefficients)))
    V1 = sandwich(one.influence, S)
    excess = c.size - kept.size
    if steps == 1:
        j = _hansen(A, c, S) if excess and clusters >= c.size else float("nan")
        return _solution(first, one, V1, V1, j, clusters)
    two = linear_gmm(A, c, S)
    j = two.criterion if excess else float("nan")
    if not covariance:
        V2 = two.bread
    elif windmeijer and excess:
        w: Floats = np.asarray(np.linalg.solve(S, two.moments), np.float64)
        D = -two.influence @ _add(parts(lambda part: weight_changes(part, first, w)))
        V2 = two.bread + D @ two.bread + two.bread @ D.T + sandwich(D, V1)
    else:
        b = _spread(two.coefficients, kept, first.coefficients.size)
        final = _add(parts(lambda part: score_squares(part, first, b)))
        V2 = linear_gmm(A, c, final).bread
    return _solution(first, two, V2, V1, j, clusters)


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
    first = first_step(
        equation_factors(equations), coefficients, initial=initial, tolerance=tolerance
    )
    found = later_steps(
        lambda work: [work(equations)], first, clusters, steps, windmeijer, covariance=True
    )
    residuals = _residuals(equations, found.coefficients)
    fields = {name: getattr(found, name) for name in SystemSolution.__slots__}
    return SystemGMM(
        **fields,
        residuals=residuals,
        scores=_scores(equations, first.whitened, residuals, clusters),
    )


def _solution(
    first: FirstStep, found: LinearGMM, V: Floats, V1: Floats, j: float, clusters: int
) -> SystemSolution:
    """Put what was found for the coefficients kept among all of them."""
    kept, p, q = first.rank.kept, first.coefficients.size, first.c.size
    grid = np.ix_(kept, kept)
    covariance, one_step = np.zeros((p, p)), np.zeros((p, p))
    covariance[grid], one_step[grid] = V, V1
    influence = np.zeros((p, q))
    influence[kept] = found.influence
    return SystemSolution(
        coefficients=_spread(found.coefficients, kept, p),
        covariance=covariance,
        one_step=first.coefficients,
        one_step_covariance=one_step,
        j_statistic=j,
        j_dof=int(q - kept.size),
        moments=q,
        clusters=clusters,
        rank=first.rank,
        instrument_ranks=tuple(w.rank for w in first.whitened),
        influence=influence,
    )


def _add(parts: Sequence[Floats]) -> Floats:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


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


def _whiten(triangle: Floats, p: int, tolerance: float) -> _Whitened:
    q = triangle.shape[0] - p - 1
    rank = column_rank(triangle[:q, :q], tolerance)
    U, R = np.linalg.qr(triangle[:q, rank.kept])
    return _Whitened(U.T @ triangle[:q, q : q + p], U.T @ triangle[:q, q + p], R, rank)


def _residuals(equations: Sequence[Equation], b: Floats) -> tuple[Floats, ...]:
    return tuple(e.y - e.X @ b[e.at] for e in equations)


def _scores(
    part: Sequence[Equation],
    whitened: Sequence[_Whitened],
    residuals: Sequence[Floats],
    clusters: int | None = None,
) -> Floats:
    """(clusters, moments) sums of ``Q e``, times the root of the clusters' weights.

    The root, because weights enter once what is squared: ``Σ_c w_c s_c s_c'``.
    """
    if clusters is None:
        clusters = 1 + max(int(e.clusters.max(initial=-1)) for e in part)
    return np.concatenate(
        [
            np.linalg.solve(
                w.R.T,
                cluster_sums(e.Z, u, e.clusters, clusters, _root(e.weights))[:, w.rank.kept].T,
            ).T
            for e, w, u in zip(part, whitened, residuals, strict=True)
        ],
        axis=1,
    )


def _root(weights: Floats | None) -> Floats | None:
    return None if weights is None else np.sqrt(weights)


def _hansen(A: Floats, c: Floats, S: Floats) -> float:
    try:
        return linear_gmm(A, c, S).criterion
    except np.linalg.LinAlgError:
        return float("nan")
