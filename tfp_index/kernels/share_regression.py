"""The revenue share of a flexible input as a polynomial, and its integral (first step of GNR).

With flexible input m and fixed inputs x, the first-order condition for m gives the log share

    s = ln D(x, m) − ε,    D = ℰ · ∂f/∂m,    ℰ = E[e^ε].

D is a polynomial of total degree in the standardized log inputs; dividing by ℰ gives the output
elasticity of m, and integrating it over m gives the production function up to a function of x.
(Gandhi, Navarro and Rivers 2020, their first stage.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.linalg import Rank, column_rank
from tfp_index.kernels.monomials import Exponent, Plan, Whitening, evaluate, plan, total_degree

__all__ = [
    "ShareRegression",
    "ShareValues",
    "column_means",
    "combine",
    "derivative",
    "place",
    "share_gradients",
    "share_mean_gradients",
    "share_regression",
    "share_values",
]

Floats = NDArray[np.float64]

ITERATIONS = 200
HALVINGS = 60


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
class _Pass:
    lowest: float
    ssr: float
    gradient: Floats
    newton: Floats
    gauss: Floats


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
    exponents = total_degree(len(variables), degree)
    made = plan(exponents)
    order = np.array([made.index[e] for e in exponents])
    w = np.ones(s.shape[0]) if weights is None else weights

    def look(gamma: Floats, derivatives: bool) -> _Pass:
        return _pass(s, variables, shape, made, order, gamma, w, derivatives)

    gamma = np.zeros(len(exponents))
    gamma[0] = np.exp(float(w @ s) / float(w.sum()))
    rank = _rank(variables, shape, made, order)
    if start is not None:
        gamma = start.copy()
        if look(gamma, False).lowest <= 0:
            gamma = np.zeros(len(exponents))
            gamma[0] = np.exp(float(w @ s) / float(w.sum()))
    kept = rank.kept
    here = look(gamma, True)
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
            there = look(trial, True)
            # near the solution the sum of squares no longer shows progress: accept the step
            if there.lowest > 0 and (there.ssr <= here.ssr or decrement < 1e-12 * here.ssr):
                gamma, here = trial, there
                break
            size *= 0.5
        else:
            break
    residual = combine(variables, shape, made, [place(made, exponents, gamma)])[0]
    error = np.log(residual) - s
    mean_exp = float(w @ np.exp(error)) / float(w.sum())
    return ShareRegression(
        gamma, exponents, shape, here.ssr, mean_exp, here.newton, iterations, converged, rank
    )


def _step(here: _Pass, kept: NDArray[np.int64]) -> tuple[Floats, float]:
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


def _pass(
    s: Floats,
    variables: Sequence[Floats],
    shape: Whitening,
    made: Plan,
    order: NDArray[np.int64],
    gamma: Floats,
    w: Floats,
    derivatives: bool,
) -> _Pass:
    p = gamma.shape[0]

    def work(rows: slice) -> _Pass:
        X = evaluate(shape.apply(variables, rows), made)[order]
        D = gamma @ X
        lowest = float(D.min())
        nothing = np.zeros((p, p))
        if lowest <= 0 or not derivatives:
            return _Pass(lowest, np.inf, nothing[0], nothing, nothing)
        r = s[rows] - np.log(D)
        wr = w[rows] * r
        X /= D
        heavy = X * w[rows]
        gauss = heavy @ X.T
        heavy *= r
        return _Pass(lowest, float(wr @ r), X @ wr, gauss + heavy @ X.T, gauss)

    parts = map_blocks(work, s.shape[0])
    return _Pass(
        min(part.lowest for part in parts),
        float(sum(part.ssr for part in parts)),
        np.sum([part.gradient for part in parts], axis=0),
        np.sum([part.newton for part in parts], axis=0),
        np.sum([part.gauss for part in parts], axis=0),
    )


def _rank(
    variables: Sequence[Floats], shape: Whitening, made: Plan, order: NDArray[np.int64]
) -> Rank:
    stride = max(1, variables[0].shape[0] // 16_384)
    X = evaluate(shape.apply(variables, slice(None, None, stride)), made)[order]
    return column_rank(np.asarray(np.linalg.qr(X.T, mode="r")), 1e-9)


def place(made: Plan, exponents: Sequence[Exponent], values: Floats) -> Floats:
    """Put coefficients of monomials on the columns of a plan; repeated monomials add up."""
    out = np.zeros(len(made))
    for exponent, value in zip(exponents, values, strict=True):
        out[made.index[exponent]] += value
    return out


def combine(
    variables: Sequence[Floats], shape: Whitening, made: Plan, combinations: Sequence[Floats]
) -> Floats:
    """Evaluate several combinations of a plan's columns: (combinations, n)."""
    weights = np.stack(combinations)
    out = np.empty((weights.shape[0], variables[0].shape[0]))

    def work(rows: slice) -> None:
        out[:, rows] = weights @ evaluate(shape.apply(variables, rows), made)

    map_blocks(work, out.shape[1])
    return out


def column_means(variables: Sequence[Floats], shape: Whitening, made: Plan) -> Floats:
    """Mean of every column of a plan over the rows."""
    n = variables[0].shape[0]
    parts = map_blocks(lambda rows: evaluate(shape.apply(variables, rows), made).sum(axis=1), n)
    return np.asarray(np.sum(parts, axis=0) / n)


def _raised(exponents: Sequence[Exponent]) -> list[Exponent]:
    """Exponents of the antiderivatives to the last variable."""
    return [(*e[:-1], e[-1] + 1) for e in exponents]


def share_values(fit: ShareRegression, variables: Sequence[Floats]) -> ShareValues:
    """Evaluate ``ln D``, the integral over m and its slopes in every row.

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
    raised = _raised(fit.exponents)
    made = plan([*fit.exponents, *raised])
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
    found = combine(variables, fit.shape, made, combos)
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


def share_gradients(
    fit: ShareRegression, variables: Sequence[Floats], rows: slice = slice(None)
) -> tuple[Floats, Floats]:
    """Return the derivatives of ``ln D`` and of the integral to the coefficients, in some rows.

    Returns
    -------
    (p, n) and (p, n) float arrays
        Rows of dropped monomials are zero.
    """
    raised = _raised(fit.exponents)
    made = plan([*fit.exponents, *raised])
    scale = 1.0 / np.diagonal(fit.shape.matrix)
    X = evaluate(fit.shape.apply(variables, rows), made)
    D = X[[made.index[e] for e in fit.exponents]]
    integral = X[[made.index[e] for e in raised]]
    integral *= (scale[-1] / np.array([e[-1] for e in raised], np.float64))[:, None]
    value = fit.coefficients @ D
    D /= value
    D[fit.rank.dropped] = 0.0
    integral[fit.rank.dropped] = 0.0
    return D, integral


def share_mean_gradients(
    fit: ShareRegression, variables: Sequence[Floats]
) -> tuple[Floats, Floats]:
    """Return the derivatives of the means of D and of the integral's slopes to the coefficients.

    Returns
    -------
    (p,) and (v, p) float arrays
    """
    raised = _raised(fit.exponents)
    made = plan([*fit.exponents, *raised])
    means = column_means(variables, fit.shape, made)
    scale = 1.0 / np.diagonal(fit.shape.matrix)
    powers = np.array([e[-1] for e in raised], np.float64)
    slopes = np.empty((len(variables) - 1, len(raised)))
    for j in range(slopes.shape[0]):
        lowered, factor = derivative(raised, j)
        slopes[j] = means[[made.index[e] for e in lowered]] * factor / scale[j]
    level = means[[made.index[e] for e in fit.exponents]]
    level[fit.rank.dropped] = 0.0
    slopes[:, fit.rank.dropped] = 0.0
    return level, slopes * (scale[-1] / powers)
