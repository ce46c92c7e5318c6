"""The revenue share of a flexible input as a polynomial, and its integral (first step of GNR).

With flexible input m and fixed inputs x, the first-order condition for m gives the log share

    s = ln D(x, m) − ε,    D = ℰ · ∂f/∂m,    ℰ = E[e^ε].

D is a polynomial of total degree in the standardized log inputs; dividing by ℰ gives the output
elasticity of m, and integrating it over m gives the production function up to a function of x.
(Gandhi, Navarro and Rivers 2020, their first stage.)

Everything is solved from sums over rows: `share_sums` and `integral_sums` over parts of the rows
add up (`add_share_sums`; plain arrays by ``+``), and `solve_share` asks for the sums at every γ
that it tries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.gram import tiled_cross, tiled_left
from tfp_index.kernels.linalg import Rank, column_rank, triangular_factor
from tfp_index.kernels.monomials import Exponent, Plan, Whitening, evaluate, plan, total_degree

__all__ = [
    "ShareAverages",
    "ShareRegression",
    "ShareSums",
    "ShareValues",
    "add_share_sums",
    "column_sums",
    "derivative",
    "integral_sums",
    "place",
    "share_averages",
    "share_gradients",
    "share_plan",
    "share_rank",
    "share_regression",
    "share_sums",
    "share_values",
    "solve_share",
]

Floats = NDArray[np.float64]

ITERATIONS = 200
HALVINGS = 60

SAMPLE = 16_384
"""Rows from which the rank of the monomials is told."""

SHARE_ROWS = 8_192
"""Rows in a block: some hundred columns of it stay in cache."""


@dataclass(frozen=True, slots=True, eq=False)
class ShareRegression:
    """Least-squares fit of ``ln D`` to the log share.

    Attributes
    ----------
    coefficients : (p,) float array
        Of D on the monomials of the standardized inputs.
    exponents : tuple of exponents
        Of these monomials; the flexible input is the last variable.
    shape : Whitening
        Location and spread of the inputs.
    ssr : float
        ``Σ w (s − ln D)²``.
    mean_exp : float
        ``ℰ``, the mean of ``e^ε`` with ``ε = ln D − s``.
    hessian : (p, p) float array
        Half the second derivative of the sum of squares.
    iterations : int
    converged : bool
        Whether the last Newton step was below rounding level.
    rank : Rank
        Of the monomials.
    """

    coefficients: Floats
    exponents: tuple[Exponent, ...]
    shape: Whitening
    ssr: float
    mean_exp: float
    hessian: Floats
    iterations: int
    converged: bool
    rank: Rank


@dataclass(frozen=True, slots=True, eq=False)
class ShareValues:
    """What the share regression says of each row; (n,) arrays, or (v, n) for the fixed inputs.

    Attributes
    ----------
    log_d : (n,) float array
        ``ln D``; NaN where D is not positive.
    integral : (n,) float array
        ``∫ D dm`` from the mean of m.
    slopes : (v, n) float array
        Its derivative to each fixed log input.
    """

    log_d: Floats
    integral: Floats
    slopes: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ShareAverages:
    """What the means of elasticities are made of.

    Attributes
    ----------
    level : (p,) float array
        Derivative of the mean of D to the coefficients.
    slopes : (v, p) float array
        Of the means of the integral's slopes.
    """

    level: Floats
    slopes: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ShareSums:
    """Sums over rows at one γ; rows of weight zero play no part.

    Attributes
    ----------
    lowest : float
        Least ``γ'X``; where it is not positive the other sums are worth nothing.
    ssr : float
        ``Σ w r²`` with ``r = s − ln γ'X``.
    gradient : (p,) float array
        ``Σ w r x/D``.
    newton, gauss : (p, p) float arrays
        ``Σ w (1 + r) x x'/D²`` and ``Σ w x x'/D²``.
    exponential, weight : float
        ``Σ w e^{−r}`` and ``Σ w``.
    """

    lowest: float
    ssr: float
    gradient: Floats
    newton: Floats
    gauss: Floats
    exponential: float
    weight: float


def share_plan(variables: int, degree: int) -> Plan:
    """Return the monomials of D; coefficients are in their order."""
    return plan(total_degree(variables, degree))


def share_sums(
    s: Floats,
    variables: Sequence[Floats],
    shape: Whitening,
    made: Plan,
    gamma: Floats,
    weights: Floats | None = None,
) -> ShareSums:
    """Sum over some rows.

    Parameters
    ----------
    s : (n,) float array
        Log revenue share of the flexible input.
    variables : sequence of (n,) float arrays
        Log inputs, the flexible one last.
    shape : Whitening
    made : Plan
        `share_plan`.
    gamma : (p,) float array
    weights : (n,) float array, optional
    """
    if weights is not None and not weights.all():
        drawn = weights > 0
        s, weights = s[drawn], weights[drawn]
        variables = [v[drawn] for v in variables]
    X = evaluate(shape.apply(variables, slice(None)), made)
    D = tiled_left(gamma, X)
    lowest = float(D.min(initial=np.inf))
    nothing = np.zeros((gamma.size, gamma.size))
    total = float(s.size if weights is None else weights.sum())
    if lowest <= 0:
        return ShareSums(lowest, np.inf, nothing[0], nothing, nothing, np.inf, total)
    r = s - np.log(D)
    wr = r if weights is None else weights * r
    X /= D
    gauss = tiled_cross(X if weights is None else X * weights, X)
    newton = gauss + tiled_cross(X * wr, X)
    raised = np.exp(-r)
    if weights is not None:
        raised *= weights
    ssr, gradient = float(np.einsum("i,i->", wr, r)), tiled_cross(X, wr[None])[:, 0]
    return ShareSums(lowest, ssr, gradient, newton, gauss, float(raised.sum()), total)


def add_share_sums(parts: Sequence[ShareSums]) -> ShareSums:
    """Add in the order of the parts."""
    return ShareSums(
        lowest=min(part.lowest for part in parts),
        ssr=float(sum(part.ssr for part in parts)),
        gradient=np.sum([part.gradient for part in parts], axis=0),
        newton=np.sum([part.newton for part in parts], axis=0),
        gauss=np.sum([part.gauss for part in parts], axis=0),
        exponential=float(sum(part.exponential for part in parts)),
        weight=float(sum(part.weight for part in parts)),
    )


def share_regression(
    s: Floats,
    variables: Sequence[Floats],
    shape: Whitening,
    degree: int,
    weights: Floats | None = None,
    start: Floats | None = None,
) -> ShareRegression:
    """Fit ``s = ln(γ'X) − ε`` by Newton steps, halved until ``γ'X`` is positive in every row.

    The second derivative of the sum of squares is ``2 Σ w (1 + r) x x'/D²`` with
    ``r = s − ln D``; where it is not positive definite the Gauss–Newton matrix takes its place.

    Parameters
    ----------
    s : (n,) float array
        Log revenue share of the flexible input.
    variables : sequence of (n,) float arrays
        Log inputs, the flexible one last.
    shape : Whitening
        Centers and scales each of them on its own.
    degree : int
    weights : (n,) float array, optional
    start : (p,) float array, optional
        Coefficients to start from; default: the constant.

    Examples
    --------
    >>> from tfp_index.kernels.monomials import whitening
    >>> rng = np.random.default_rng(0)
    >>> k, m = rng.normal(size=(2, 500))
    >>> shape = whitening([k, m], correlated=True)
    >>> fit = share_regression(np.log(0.5 + 0.05 * k - 0.02 * m), [k, m], shape, degree=1)
    >>> fit.converged, bool(fit.ssr < 1e-20)
    (True, True)
    """
    made = share_plan(len(variables), degree)

    def look(gamma: Floats) -> ShareSums:
        def work(rows: slice) -> ShareSums:
            inside = [v[rows] for v in variables]
            w = None if weights is None else weights[rows]
            return share_sums(s[rows], inside, shape, made, gamma, w)

        return add_share_sums(map_blocks(work, s.shape[0], size=SHARE_ROWS))

    mean = s.mean() if weights is None else float(weights @ s) / float(weights.sum())
    rank = share_rank(variables, shape, made)
    return solve_share(look, made, shape, rank, float(mean), start)


def solve_share(
    look: Callable[[Floats], ShareSums],
    made: Plan,
    shape: Whitening,
    rank: Rank,
    mean: float,
    start: Floats | None = None,
) -> ShareRegression:
    """Minimize, given sums over all rows at every point that is asked for.

    Parameters
    ----------
    look : callable
        γ to `ShareSums`.
    made : Plan
    shape : Whitening
    rank : Rank
        Of the monomials.
    mean : float
        Of the log share: where the constant starts.
    start : (p,) float array, optional
    """
    gamma = np.zeros(len(made)) if start is None else start.copy()
    if start is None:
        gamma[0] = np.exp(mean)
    here = look(gamma)
    if here.lowest <= 0:
        gamma = np.zeros(len(made))
        gamma[0] = np.exp(mean)
        here = look(gamma)
    kept = rank.kept
    converged = False
    iterations = 0
    while not converged and iterations < ITERATIONS:
        iterations += 1
        step, decrement = _step(here, kept)
        converged = decrement <= 1e-20 * max(here.ssr, 1e-300) or decrement < 1e-28
        size = 1.0
        for _ in range(HALVINGS):
            trial = gamma.copy()
            trial[kept] += size * step
            there = look(trial)
            # near the solution the sum of squares no longer shows progress: accept the step
            if there.lowest > 0 and (there.ssr <= here.ssr or decrement < 1e-12 * here.ssr):
                gamma, here = trial, there
                break
            size *= 0.5
        else:
            break
    return ShareRegression(
        coefficients=gamma,
        exponents=made.exponents,
        shape=shape,
        ssr=here.ssr,
        mean_exp=here.exponential / here.weight,
        hessian=here.newton,
        iterations=iterations,
        converged=converged,
        rank=rank,
    )


def _step(here: ShareSums, kept: NDArray[np.int64]) -> tuple[Floats, float]:
    """Newton step on the kept columns and the fall in the sum of squares that it promises."""
    grid = np.ix_(kept, kept)
    for matrix in (here.newton[grid], here.gauss[grid]):
        scale = 1.0 / np.sqrt(np.abs(np.diagonal(matrix)))
        try:
            L = np.linalg.cholesky(matrix * np.outer(scale, scale))
        except np.linalg.LinAlgError:
            continue
        half = np.linalg.solve(L, here.gradient[kept] * scale)
        return np.linalg.solve(L.T, half) * scale, float(half @ half)
    half = here.gradient[kept] * scale
    return half * scale, float(half @ half)


def share_rank(variables: Sequence[Floats], shape: Whitening, made: Plan) -> Rank:
    """Find the monomials that say something new, from evenly spaced rows."""
    stride = max(1, variables[0].shape[0] // SAMPLE)
    X = evaluate(shape.apply(variables, slice(None, None, stride)), made)
    return column_rank(triangular_factor(X.T), 1e-9)


def place(made: Plan, exponents: Sequence[Exponent], values: Floats) -> Floats:
    """Put coefficients of monomials on the columns of a plan; repeated monomials add up."""
    out = np.zeros(len(made))
    for exponent, value in zip(exponents, values, strict=True):
        out[made.index[exponent]] += value
    return out


def column_sums(
    variables: Sequence[Floats], shape: Whitening, made: Plan, weights: Floats | None = None
) -> Floats:
    """Sum every column of a plan over some rows; the first sum is that of the weights."""
    X = evaluate(shape.apply(variables, slice(None)), made)
    return np.asarray(X.sum(axis=1) if weights is None else tiled_left(weights, X.T))


@lru_cache(maxsize=32)
def _integral(exponents: tuple[Exponent, ...]) -> tuple[list[Exponent], Plan]:
    """Exponents of the antiderivatives to the last variable, and the plan with both."""
    raised = [(*e[:-1], e[-1] + 1) for e in exponents]
    return raised, plan([*exponents, *raised])


def share_values(fit: ShareRegression, variables: Sequence[Floats]) -> ShareValues:
    """Evaluate ``ln D``, the integral over m and its slopes in some rows.

    With ``z = (x − location)/scale``, the monomial ``z_x^r z_m^q`` integrates over m, from its
    mean, to ``scale_m z_x^r z_m^{q+1}/(q + 1)``.

    Examples
    --------
    >>> from tfp_index.kernels.monomials import whitening
    >>> k, m = np.array([[0.0, 1.0, 2.0, 4.0], [1.0, 0.0, 2.0, 1.0]])
    >>> shape = whitening([k, m], correlated=True)
    >>> fit = share_regression(np.full(4, np.log(0.5)), [k, m], shape, degree=1)
    >>> share_values(fit, [k, m]).integral
    array([ 0. , -0.5,  0.5,  0. ])
    """
    raised, made = _integral(fit.exponents)
    scale = 1.0 / np.diagonal(fit.shape.matrix)
    powers = np.array([e[-1] for e in raised], np.float64)
    antiderivative = fit.coefficients * scale[-1] / powers
    combos = [
        place(made, fit.exponents, fit.coefficients),
        place(made, raised, antiderivative),
    ]
    for j in range(len(variables) - 1):
        lowered, factor = derivative(raised, j)
        combos.append(place(made, lowered, antiderivative * factor / scale[j]))
    X = evaluate(fit.shape.apply(variables, slice(None)), made)
    found = tiled_left(np.stack(combos), X)
    positive = found[0] > 0
    log_d = np.where(positive, np.log(np.where(positive, found[0], 1.0)), np.nan)
    return ShareValues(log_d, found[1], found[2:])


def derivative(exponents: Sequence[Exponent], variable: int) -> tuple[list[Exponent], Floats]:
    """Differentiate monomials by one variable: their new exponents and factors.

    Examples
    --------
    >>> derivative([(2, 1), (0, 1)], 0)
    ([(1, 1), (0, 1)], array([2., 0.]))
    """
    j = variable
    lowered = [(*e[:j], max(e[j] - 1, 0), *e[j + 1 :]) for e in exponents]
    return lowered, np.array([e[j] for e in exponents], np.float64)


def share_gradients(fit: ShareRegression, variables: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the derivatives of ``ln D`` and of the integral to the coefficients, in some rows.

    Returns
    -------
    (p, n) and (p, n) float arrays
        Rows of dropped monomials are zero.
    """
    raised, made = _integral(fit.exponents)
    scale = 1.0 / np.diagonal(fit.shape.matrix)
    X = evaluate(fit.shape.apply(variables, slice(None)), made)
    D = X[[made.index[e] for e in fit.exponents]]
    integral = X[[made.index[e] for e in raised]]
    integral *= (scale[-1] / np.array([e[-1] for e in raised], np.float64))[:, None]
    D /= tiled_left(fit.coefficients, D)
    D[fit.rank.dropped] = 0.0
    integral[fit.rank.dropped] = 0.0
    return D, integral


def integral_sums(
    fit: ShareRegression, variables: Sequence[Floats], weights: Floats | None = None
) -> Floats:
    """Sum over some rows what `share_averages` needs; sums over parts of the rows add up."""
    return column_sums(variables, fit.shape, _integral(fit.exponents)[1], weights)


def share_averages(fit: ShareRegression, sums: Floats) -> ShareAverages:
    """Return the derivatives of the means of D and of the integral's slopes to the coefficients.

    Parameters
    ----------
    fit : ShareRegression
    sums : (N,) float array
        `integral_sums` over all rows.
    """
    raised, made = _integral(fit.exponents)
    means = sums / sums[0]
    scale = 1.0 / np.diagonal(fit.shape.matrix)
    powers = np.array([e[-1] for e in raised], np.float64)
    slopes = np.empty((scale.size - 1, len(raised)))
    for j in range(slopes.shape[0]):
        lowered, factor = derivative(raised, j)
        slopes[j] = means[[made.index[e] for e in lowered]] * factor / scale[j]
    level = means[[made.index[e] for e in fit.exponents]]
    level[fit.rank.dropped] = 0.0
    slopes[:, fit.rank.dropped] = 0.0
    return ShareAverages(level, slopes * (scale[-1] / powers))
