"""Errors of Gandhi, Navarro and Rivers: every firm's influence through both stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.gram import tiled_cross, tiled_left
from tfp_index.kernels.integration_constant import (
    Law,
    MotionSums,
    Pairs,
    add_motion_sums,
    law_columns,
    moment_derivative,
    motion_sums,
)
from tfp_index.kernels.share_regression import share_gradients
from tfp_index.production._gnr_estimate import (
    Arrays,
    Part,
    Points,
    ShareStage,
    Terms,
    average,
    mean_elasticities,
    pairs_of,
    row_elasticities,
    walk,
)

__all__ = ["ErrorSums", "add_error_sums", "covariance", "error_sums", "firm_sums", "influence_map"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ErrorSums:
    """Sums over firms.

    Attributes
    ----------
    squares : (W, W) float array
        ``Σ_c r_c r_c'`` with ``r_c`` the sums of a firm (`firm_sums`).
    rising : (p,) float array
        ``Σ e^ε ∂ln D/∂γ``.
    motion : MotionSums
        In the directions of γ, of ℰ and of α.
    """

    squares: Floats
    rising: Floats
    motion: MotionSums


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What a part's rows give to both kinds of sums."""

    error: Floats
    gradient: Floats
    integral: Floats
    pairs: Pairs


def covariance(
    arrays: Arrays, first: ShareStage, terms: Terms, alpha: Floats, points: Points
) -> Floats:
    """Return the covariance of the mean elasticities clustered by firm, the flexible input last.

    The estimates solve ``Σ r g = 0`` (share regression, ``g = ∂ln D/∂γ``), ``Σ (e^ε − ℰ) = 0`` and
    ``Σ (M_A τ) ξ = 0``. Differentiating by the weight of firm c gives its influence on γ, then on
    ℰ, then on α, then on the means: a linear map B of sums over the firm's rows. The sum of outer
    products of the influences is ``B' (Σ_c r_c r_c') B``, after one pass over the rows.

    Returns
    -------
    (v + 1, v + 1) float array
    """
    parts = walk(arrays, lambda part: error_sums(part, first, terms, alpha, points))
    sums = add_error_sums(parts)
    B = influence_map(arrays, first, terms, alpha, points, sums)
    V = B.T @ sums.squares @ B
    return np.asarray(0.5 * (V + V.T))


def _law(points: Points) -> Law:
    return points.laws[points.choice.index]


def _rows(part: Part, first: ShareStage, terms: Terms) -> _Rows:
    gradient, integral = share_gradients(first.fit, part.variables)
    pairs = pairs_of(part, first.rest[part.rows], terms.columns(part.fixed))
    return _Rows(first.error[part.rows], gradient, integral, pairs)


def firm_sums(part: Part, first: ShareStage, terms: Terms, alpha: Floats, points: Points) -> Floats:
    """Sum over the rows of each firm.

    Returns
    -------
    (firms, W) float array
        ``−ε g``, ``e^ε``, rows, ``τ̃ξ``, ``Aξ``, elasticities.
    """
    return _firm_sums(part, _rows(part, first, terms), first, terms, alpha, points)


def _firm_sums(
    part: Part, rows: _Rows, first: ShareStage, terms: Terms, alpha: Floats, points: Points
) -> Floats:
    law, pairs, m = _law(points), rows.pairs, part.y.shape[0]
    p, J, d = rows.gradient.shape[0], alpha.size, law.coefficients.size
    out = np.zeros((p + 2 + J + d + len(part.variables), m))
    out[:p] = rows.gradient * -rows.error
    out[p], out[p + 1] = np.exp(rows.error), 1.0
    columns = law_columns(pairs, alpha, law.center, law.spread, d - 1)
    xi = columns[-1] - tiled_left(law.coefficients, columns[:-1])
    now = np.flatnonzero(part.lagged)
    out[p + 2 : p + 2 + J, now] = (pairs.terms - points.frame.mean[:, None]) * xi
    out[p + 2 + J : p + 2 + J + d, now] = columns[:-1] * xi
    out[p + 2 + J + d :] = row_elasticities(part, first, terms, alpha)
    return np.ascontiguousarray(np.add.reduceat(out, part.starts, axis=1).T)


def error_sums(
    part: Part, first: ShareStage, terms: Terms, alpha: Floats, points: Points
) -> ErrorSums:
    """Sum over the firms of a part: sums over parts of the rows add up."""
    rows = _rows(part, first, terms)
    r = _firm_sums(part, rows, first, terms, alpha, points)
    rising = tiled_cross(rows.gradient, np.exp(rows.error)[None])[:, 0]
    # 𝒴 moves by −∂ε − ∂∫, and by ∫/ℰ² where the integral is divided by ℰ
    integral = part.y - rows.error - first.rest[part.rows]
    by_gamma = -rows.gradient - rows.integral / first.of_integral
    moved = np.concatenate([by_gamma, integral[None] / first.of_integral])
    now, pairs = np.flatnonzero(part.lagged), rows.pairs
    motion = motion_sums(
        pairs,
        points.frame,
        _law(points),
        np.concatenate([moved[:, now], -pairs.terms]),
        np.concatenate([moved[:, now - 1], -pairs.terms_before]),
    )
    return ErrorSums(tiled_cross(r.T, r.T), rising, motion)


def add_error_sums(parts: Sequence[ErrorSums]) -> ErrorSums:
    """Add in the order of the parts."""
    return ErrorSums(
        squares=np.sum([part.squares for part in parts], axis=0),
        rising=np.sum([part.rising for part in parts], axis=0),
        motion=add_motion_sums([part.motion for part in parts]),
    )


def influence_map(
    arrays: Arrays,
    first: ShareStage,
    terms: Terms,
    alpha: Floats,
    points: Points,
    sums: ErrorSums,
) -> Floats:
    """Return ``B``: a firm's influence on the mean elasticities is ``B'r_c``.

    Returns
    -------
    (W, v + 1) float array
    """
    fit, law, frame, n = first.fit, _law(points), points.frame, arrays.y.shape[0]
    p, J, d, width = fit.coefficients.size, alpha.size, law.coefficients.size, len(sums.squares)
    v = len(arrays.fixed)
    count, tau, powers, each = p + 1, p + 2, p + 2 + J, p + 2 + J + d
    gamma = np.zeros((width, p))
    grid = np.ix_(fit.rank.kept, fit.rank.kept)
    gamma[grid] = np.linalg.inv(fit.hessian[grid])
    # ℰ: directly, and through γ
    mean_exp = gamma @ sums.rising / n
    mean_exp[p], mean_exp[count] = mean_exp[p] + 1.0 / n, mean_exp[count] - fit.mean_exp / n
    turned = moment_derivative(sums.motion, frame, law)
    to_first, to_alpha = turned[:, : p + 1], turned[:, p + 1 :]
    m = gamma @ to_first[:, :-1].T
    if arrays.correction == "everywhere":
        m += np.outer(mean_exp, to_first[:, -1])
    root = np.linalg.inv(frame.root)
    m[tau:powers] += root
    projected = np.linalg.solve(law.triangle.T, sums.motion.cross.T)
    m[powers:each] -= np.linalg.solve(law.triangle, projected) @ root
    of_alpha = -np.linalg.solve(to_alpha, m.T).T
    averages = average(arrays, fit, terms)
    means = mean_elasticities(first, averages, alpha)
    B = np.zeros((width, v + 1))
    B[each:] = np.eye(v + 1) / n
    B[count] = -means / n
    slopes = averages.share.slopes / first.of_integral
    B[:, :v] += gamma @ slopes.T + of_alpha @ averages.terms.T
    B[:, v] += gamma @ averages.share.level / first.of_elasticity
    if arrays.correction == "everywhere":
        B[:, :v] -= np.outer(mean_exp, slopes @ fit.coefficients) / fit.mean_exp
    if arrays.correction != "none":
        B[:, v] -= mean_exp * means[-1] / fit.mean_exp
    return B
