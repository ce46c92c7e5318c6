"""Numbers of Gandhi, Navarro and Rivers: both stages on plain arrays, and their joint errors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError
from tfp_index.kernels.integration_constant import (
    Pairs,
    direction_products,
    innovation,
    join_products,
    moment_derivative,
    polish,
    search,
)
from tfp_index.kernels.linalg import cluster_sums, least_squares, triangular_factor
from tfp_index.kernels.monomials import Exponent, Whitening, evaluate, plan
from tfp_index.kernels.roots import Choice, Stationary, choose_root
from tfp_index.kernels.share_regression import (
    ShareRegression,
    column_means,
    combine,
    derivative,
    place,
    share_gradients,
    share_mean_gradients,
    share_regression,
    share_values,
)
from tfp_index.kernels.two_stage_design import firm_blocks

__all__ = [
    "Arrays",
    "Points",
    "ShareStage",
    "Terms",
    "find_points",
    "fixed_elasticities",
    "influence",
    "repeat",
    "stage",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROOT = 1e-8
"""A point is a root when the multiple correlation of terms and innovation is below this."""


NEAR = 1e-3
"""Correlation below which a point of the search may be a root that the Gram matrix blurred."""

AGAIN = 32
"""Starts of a search in a bootstrap repetition where the estimate leads to no root."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """Complete rows, sorted by firm and time, and how they are to be used.

    Attributes
    ----------
    y, share : (n,) float arrays
        Log output and log revenue share.
    variables : tuple of (n,) float arrays
        Log inputs, the flexible one last.
    shape : Whitening
        Location and spread of each.
    offsets : (g + 1,) int array
    lagged : (n,) bool array
        Whether the row before is the same firm one period earlier.
    firm : (n,) int array
    degree, constant_degree, law_degree : int
    correction : {"everywhere", "elasticity", "none"}
    """

    y: Floats
    share: Floats
    variables: tuple[Floats, ...]
    shape: Whitening
    offsets: Ints
    lagged: NDArray[np.bool_]
    firm: Ints
    degree: int
    constant_degree: int
    law_degree: int
    correction: str

    @property
    def fixed(self) -> tuple[Floats, ...]:
        return self.variables[:-1]

    @property
    def firms(self) -> int:
        return int(self.offsets.shape[0] - 1)

    def drawn(self, firms: NDArray[np.bool_]) -> Arrays:
        """Return the rows of some firms; location and spread stay."""
        if firms.all():
            return self
        sizes = np.diff(self.offsets)
        rows = np.repeat(firms, sizes)
        return replace(
            self,
            y=self.y[rows],
            share=self.share[rows],
            variables=tuple(v[rows] for v in self.variables),
            offsets=np.concatenate([[0], np.cumsum(sizes[firms])]),
            lagged=self.lagged[rows],
            firm=np.repeat(np.arange(int(firms.sum())), sizes[firms]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ShareStage:
    """Stage 1: the share regression and what follows from it in every row.

    Attributes
    ----------
    fit : ShareRegression
    error : (n,) float array
        ``ε = ln D − s``.
    flexible : (n,) float array
        Output elasticity of the flexible input.
    slopes : (v, n) float array
        Derivative of the integral to the fixed inputs.
    rest : (n,) float array
        ``𝒴 = y − ε − ∫``.
    of_elasticity, of_integral : float
        What D is divided by.
    """

    fit: ShareRegression
    error: Floats
    flexible: Floats
    slopes: Floats
    rest: Floats
    of_elasticity: float
    of_integral: float


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The polynomial in the fixed inputs, (n, J) on standardized inputs."""

    exponents: tuple[Exponent, ...]
    shape: Whitening
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Solutions and other stationary points of stage 2; (m, ·) arrays.

    Attributes
    ----------
    alpha : (m, J) float array
    values : (m,) float array
        Objective: squared multiple correlation times the variance of ξ.
    hits : (m,) int array
    minimum, is_root, admissible : (m,) bool arrays
    correlation, persistence : (m,) float arrays
    elasticities : (m, v) float array
        Mean elasticities of the fixed inputs.
    choice : Choice
    pairs : Pairs
    """

    alpha: Floats
    values: Floats
    hits: Ints
    minimum: NDArray[np.bool_]
    is_root: NDArray[np.bool_]
    admissible: NDArray[np.bool_]
    correlation: Floats
    persistence: Floats
    elasticities: Floats
    choice: Choice
    pairs: Pairs


def stage(arrays: Arrays, weights: Floats | None = None, start: Floats | None = None) -> ShareStage:
    """Estimate the share regression and take its integral off output."""
    fit = share_regression(
        arrays.share, arrays.variables, arrays.shape, arrays.degree, weights, start
    )
    values = share_values(fit, arrays.variables)
    error = values.log_d - arrays.share
    of_elasticity = 1.0 if arrays.correction == "none" else fit.mean_exp
    of_integral = fit.mean_exp if arrays.correction == "everywhere" else 1.0
    return ShareStage(
        fit=fit,
        error=error,
        flexible=np.exp(values.log_d) / of_elasticity,
        slopes=values.slopes / of_integral,
        rest=arrays.y - error - values.integral / of_integral,
        of_elasticity=of_elasticity,
        of_integral=of_integral,
    )


def make_terms(arrays: Arrays, exponents: tuple[Exponent, ...], shape: Whitening) -> Terms:
    """Evaluate the polynomial in the fixed inputs."""
    made = plan(exponents)
    columns = evaluate(shape.apply(arrays.fixed, slice(None)), made)
    return Terms(
        exponents, shape, np.ascontiguousarray(columns[[made.index[e] for e in exponents]].T)
    )


def make_pairs(arrays: Arrays, rest: Floats, terms: Terms, weights: Floats | None = None) -> Pairs:
    """Set rows beside their row of the period before."""
    now = np.flatnonzero(arrays.lagged)
    tau, w = terms.values[now], None if weights is None else weights[now]
    if w is None:
        centered = tau - tau.mean(axis=0)
        Q = np.linalg.solve(triangular_factor(centered).T, centered.T).T
    else:
        root = np.sqrt(w)[:, None]
        centered = (tau - (w @ tau) / w.sum()) * root
        R = np.asarray(np.linalg.qr(centered, mode="r"))
        Q = np.linalg.solve(R.T, (tau - (w @ tau) / w.sum()).T).T
    return Pairs(rest[now], rest[now - 1], tau, terms.values[now - 1], Q, w)


def fixed_elasticities(arrays: Arrays, first: ShareStage, terms: Terms, alpha: Floats) -> Floats:
    """(v, n) output elasticities of the fixed inputs."""
    made = plan(terms.exponents)
    combos = []
    for j in range(len(arrays.fixed)):
        lowered, factor = derivative(terms.exponents, j)
        combos.append(place(made, lowered, alpha * factor * terms.shape.matrix[j, j]))
    return np.asarray(first.slopes + combine(arrays.fixed, terms.shape, made, combos))


def find_points(arrays: Arrays, first: ShareStage, starts: int) -> tuple[Points, Terms]:
    """Find all roots, polish each on all rows, and choose.

    Raises
    ------
    EstimationError
        If the terms of the fixed inputs are collinear, or no search ends anywhere.
    """
    try:
        found, alphas, design = search(
            first.rest,
            arrays.fixed,
            arrays.offsets,
            arrays.lagged,
            degree=arrays.constant_degree,
            law_degree=arrays.law_degree,
            starts=starts,
        )
    except np.linalg.LinAlgError:
        raise EstimationError(
            "the terms of the fixed inputs are collinear over the rows with a row before",
            code="collinear_instruments",
            remedy="a lower constant_degree, or look for fixed inputs that hardly vary",
        ) from None
    if not found.points.size:
        raise EstimationError(
            f"none of {starts} starts ended at a solution",
            code="no_solution",
            remedy="more starts=, or other degrees",
        )
    terms = make_terms(arrays, design.terms, design.inputs)
    pairs = make_pairs(arrays, first.rest, terms)
    return _points(arrays, first, terms, pairs, found, alphas), terms


def _points(
    arrays: Arrays,
    first: ShareStage,
    terms: Terms,
    pairs: Pairs,
    found: Stationary,
    alphas: Floats,
) -> Points:
    alphas, at = alphas.copy(), []
    for i, near in enumerate(alphas):
        there = innovation(pairs, near, arrays.law_degree)
        # a point that is clearly no root stays where the search found it stationary
        if ROOT / 100 < there.correlation < NEAR:
            alpha, close = polish(pairs, near, arrays.law_degree)
            if close.correlation < ROOT:
                alphas[i], there = alpha, close
        at.append(there)
    correlation = np.array([there.correlation for there in at])
    persistence = np.array([there.persistence for there in at])
    is_root = correlation < ROOT
    values = np.array([there.moments @ there.moments for there in at]) / pairs.y.shape[0]
    keep = _distinct(alphas, is_root, first.rest)
    alphas, correlation, persistence = alphas[keep], correlation[keep], persistence[keep]
    means = np.array([fixed_elasticities(arrays, first, terms, a).mean(axis=1) for a in alphas])
    is_root, values = is_root[keep], values[keep]
    admissible = np.asarray((means >= 0).all(axis=1))
    return Points(
        alpha=alphas,
        values=values,
        hits=found.hits[keep],
        minimum=found.minimum[keep],
        is_root=is_root,
        admissible=admissible,
        correlation=correlation,
        persistence=persistence,
        elasticities=means,
        choice=choose_root(is_root, admissible, persistence, values),
        pairs=pairs,
    )


def _distinct(alphas: Floats, is_root: NDArray[np.bool_], rest: Floats) -> Ints:
    """Points that polishing did not bring together."""
    kept: list[int] = []
    scale = float(np.std(rest)) or 1.0
    for i in range(alphas.shape[0]):
        same = [j for j in kept if np.abs(alphas[j] - alphas[i]).max() < 1e-7 * scale]
        if not (is_root[i] and same):
            kept.append(i)
    return np.array(kept, np.int64)


def repeat(
    arrays: Arrays, first: ShareStage, terms: Terms, alpha: Floats, weights: Floats
) -> Floats:
    """Estimate with firm weights, near the estimate: mean elasticities, the flexible input last.

    Raises
    ------
    EstimationError
        If no root is reached.
    """
    drawn = arrays.drawn(weights > 0)
    w = np.repeat(weights[weights > 0], np.diff(drawn.offsets))
    again = stage(drawn, w, first.fit.coefficients)
    if not again.fit.converged:
        raise EstimationError("the share regression did not settle", code="not_converged")
    near = make_terms(drawn, terms.exponents, terms.shape)
    pairs = make_pairs(drawn, again.rest, near, w)
    found, there = polish(pairs, alpha, drawn.law_degree)
    if there.correlation > ROOT:
        found = _look_around(drawn, again, near, pairs, alpha, w)
    each = fixed_elasticities(drawn, again, near, found)
    return np.asarray(np.append(each @ w, again.flexible @ w) / w.sum())


def _look_around(
    arrays: Arrays, first: ShareStage, terms: Terms, pairs: Pairs, alpha: Floats, w: Floats
) -> Floats:
    """The root closest to `alpha`, from a new search."""
    try:
        _, alphas, design = search(
            first.rest,
            arrays.fixed,
            arrays.offsets,
            arrays.lagged,
            degree=arrays.constant_degree,
            law_degree=arrays.law_degree,
            starts=AGAIN,
            weights=w,
        )
    except np.linalg.LinAlgError:
        alphas = np.zeros((0, alpha.size))
    roots = []
    for near in alphas:
        # the search standardizes for itself: bring its coefficients to the terms in use
        fitted = make_terms(arrays, design.terms, design.inputs).values @ near
        same = least_squares(np.column_stack([np.ones(fitted.size), terms.values]), fitted)
        found, there = polish(pairs, same.coefficients[1:], arrays.law_degree)
        if there.correlation < ROOT:
            roots.append(found)
    if not roots:
        raise EstimationError("there is no root in this repetition", code="no_root")
    gaps = [float(np.linalg.norm(terms.values @ (root - alpha))) for root in roots]
    return roots[int(np.argmin(gaps))]


def influence(
    arrays: Arrays, first: ShareStage, terms: Terms, alpha: Floats, points: Points
) -> Floats:
    """Influence of every firm on the mean elasticities, through both stages.

    The estimates solve ``Σ r g = 0`` (share regression, ``g = ∂ln D/∂γ``), ``Σ (e^ε − ℰ) = 0`` and
    ``Σ (M_A τ) ξ = 0``. Differentiating by the weight of firm c gives its influence on γ, then on
    ℰ, then on α, then on the means. The sum of outer products is the covariance clustered by firm.

    Returns
    -------
    (firms, v + 1) float array
        The flexible input last.
    """
    n, pairs, fit = arrays.y.shape[0], points.pairs, first.fit
    there = innovation(pairs, alpha, arrays.law_degree)
    p, kept = fit.coefficients.size, fit.rank.kept
    scores, rising = np.zeros((arrays.firms, p)), np.zeros(p)
    products: Floats | float = 0.0
    raised = np.exp(first.error)
    now = np.flatnonzero(arrays.lagged)
    for start, stop in firm_blocks(arrays.offsets):
        rows = slice(int(arrays.offsets[start]), int(arrays.offsets[stop]))
        g, integral = share_gradients(fit, arrays.variables, rows)
        firm = arrays.firm[rows] - start
        scores[start:stop] = cluster_sums(g.T, -first.error[rows], firm, stop - start)
        rising += g @ raised[rows]
        # 𝒴 moves by −∂ε − ∂∫, and by ∫/ℰ² where the integral is divided by ℰ
        g += integral / first.of_integral
        inside = slice(*np.searchsorted(now, (rows.start, rows.stop)).tolist())
        at = now[inside] - rows.start
        moved = np.concatenate([-g, _by_mean(arrays, first, rows)[None]]).T
        products = products + direction_products(pairs, there, moved[at], moved[at - 1], inside)
    gamma = np.zeros((arrays.firms, p))
    gamma[:, kept] = np.linalg.solve(fit.hessian[np.ix_(kept, kept)], scores[:, kept].T).T
    # ℰ: directly, and through γ
    own = cluster_sums((raised - fit.mean_exp)[:, None], np.ones(n), arrays.firm, arrays.firms)
    mean_exp = own[:, 0] / n + gamma @ rising / n
    to_first = join_products(pairs, there, np.asarray(products))
    to_alpha = moment_derivative(pairs, there, -pairs.terms, -pairs.terms_before)
    clean = pairs.instruments - there.law @ (there.law.T @ pairs.instruments)
    m = cluster_sums(clean, there.xi, arrays.firm[now], arrays.firms)
    m += gamma @ to_first[:, :-1].T + np.outer(mean_exp, to_first[:, -1])
    of_alpha = np.asarray(-np.linalg.solve(to_alpha, m.T).T, np.float64)
    return _influence_of_means(arrays, first, terms, alpha, gamma, mean_exp, of_alpha)


def _by_mean(arrays: Arrays, first: ShareStage, rows: slice) -> Floats:
    """How ``𝒴`` moves with ``ℰ``: by the integral over ``ℰ``, where it is divided by it."""
    if arrays.correction != "everywhere":
        return np.zeros(rows.stop - rows.start)
    taken_off = arrays.y[rows] - first.error[rows] - first.rest[rows]
    return taken_off / first.of_integral


def _influence_of_means(
    arrays: Arrays,
    first: ShareStage,
    terms: Terms,
    alpha: Floats,
    gamma: Floats,
    mean_exp: Floats,
    of_alpha: Floats,
) -> Floats:
    """Rows that a firm has, then what moves with γ, ℰ and α: (firms, v + 1)."""
    n, fit = arrays.y.shape[0], first.fit
    level, slopes = share_mean_gradients(fit, arrays.variables)
    each = np.vstack([fixed_elasticities(arrays, first, terms, alpha), first.flexible])
    means = each.mean(axis=1)
    found = cluster_sums((each - means[:, None]).T, np.ones(n), arrays.firm, arrays.firms) / n
    made = plan(terms.exponents)
    averages = column_means(arrays.fixed, terms.shape, made)
    for j in range(len(arrays.fixed)):
        lowered, factor = derivative(terms.exponents, j)
        at = averages[[made.index[e] for e in lowered]] * factor * terms.shape.matrix[j, j]
        found[:, j] += gamma @ slopes[j] / first.of_integral + of_alpha @ at
        if arrays.correction == "everywhere":
            found[:, j] -= mean_exp * float(first.slopes[j].mean()) / fit.mean_exp
    found[:, -1] += gamma @ level / first.of_elasticity
    if arrays.correction != "none":
        found[:, -1] -= mean_exp * means[-1] / fit.mean_exp
    return np.asarray(found)
