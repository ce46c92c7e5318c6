"""What the flexible input's share does not say: the production function's part in the fixed inputs.

With the share's integral and the error of output taken off, ``𝒴 = 𝒞(x) + ω``, where
``𝒞(x) = α'τ(x)`` is a polynomial without constant. Productivity ``ω = 𝒴 − α'τ`` follows
``ω_t = g(ω_{t−1}) + ξ_t`` with a polynomial g, and the innovation is orthogonal to the terms at t,
which were fixed before:

    E[τ_t ξ_t] = 0,

as many equations as coefficients (Gandhi, Navarro and Rivers 2020, their second stage).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.control_function import SecondStage
from tfp_index.kernels.gram import solve_gram
from tfp_index.kernels.law_of_motion import instrument_root, moments
from tfp_index.kernels.roots import Stationary, starting_points, stationary_points
from tfp_index.kernels.two_stage_design import (
    Data,
    Design,
    firm_blocks,
    make_design,
    stage_two_columns,
)

__all__ = [
    "Innovation",
    "Pairs",
    "direction_products",
    "innovation",
    "join_products",
    "moment_derivative",
    "polish",
    "search",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Rows with a row of the period before: n pairs, J terms.

    Attributes
    ----------
    y, y_before : (n,) float arrays
        ``𝒴`` at t and t − 1.
    terms, terms_before : (n, J) float arrays
        ``τ`` at t and t − 1.
    instruments : (n, J) float array
        ``Q``: the terms at t, centered, with ``Q'WQ = I``.
    weights : (n,) float array or None
    """

    y: Floats
    y_before: Floats
    terms: Floats
    terms_before: Floats
    instruments: Floats
    weights: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Innovation:
    """The law of motion concentrated out at one point.

    Attributes
    ----------
    xi : (n,) float array
    coefficients : (d + 1,) float array
        Of g on powers of ``ω_{t−1}``, centered and divided by its spread.
    law : (n, d + 1) float array
        Orthonormal basis of the powers of ``ω_{t−1}``, weighted by ``√w``.
    slope : (n,) float array
        ``g'(ω_{t−1})``.
    powers : (n, d) float array
        Derivatives of the powers, without the constant, to ``ω_{t−1}``.
    triangle : (d + 1, d + 1) float array
        ``R`` of the powers, weighted by ``√w``.
    moments : (J,) float array
        ``Q'Wξ``.
    correlation : float
        Length of the moments over that of ``ξ``: the multiple correlation of instruments and
        innovation, 0 at a root.
    persistence : float
        Slope of a regression of ``ω_t`` on ``ω_{t−1}``.
    """

    xi: Floats
    coefficients: Floats
    law: Floats
    slope: Floats
    powers: Floats
    triangle: Floats
    moments: Floats
    correlation: float
    persistence: float


def innovation(pairs: Pairs, alpha: Floats, degree: int) -> Innovation:
    """Fit the law of motion at one point.

    Parameters
    ----------
    pairs : Pairs
    alpha : (J,) float array
    degree : int
        Of the polynomial g.
    """
    omega = pairs.y - pairs.terms @ alpha
    before = pairs.y_before - pairs.terms_before @ alpha
    w = pairs.weights
    total = before.shape[0] if w is None else float(w.sum())
    center = float((before if w is None else before * w).sum() / total)
    u = before - center
    spread = float(np.sqrt((u * u if w is None else w * u * u).sum() / total)) or 1.0
    u /= spread
    A = np.empty((degree + 1, u.shape[0]))
    A[0] = 1.0
    for power in range(degree):
        np.multiply(A[power], u, out=A[power + 1])
    A = A.T
    root = None if w is None else np.sqrt(w)
    weighted = A if root is None else A * root[:, None]
    law, triangle = np.linalg.qr(weighted)
    target = omega if root is None else omega * root
    c = np.linalg.solve(triangle, law.T @ target)
    xi = omega - A @ c
    powers = A[:, :-1] * (np.arange(1, degree + 1) / spread)
    heavy = xi if w is None else w * xi
    m = pairs.instruments.T @ heavy
    length = float(np.sqrt(xi @ heavy))
    slope_linear = _slope(before, omega, w)
    correlation = float(np.linalg.norm(m)) / length if length else 0.0
    return Innovation(xi, c, law, powers @ c[1:], powers, triangle, m, correlation, slope_linear)


def _slope(x: Floats, y: Floats, w: Floats | None) -> float:
    w = np.ones(x.shape[0]) if w is None else w
    x = x - float(w @ x) / float(w.sum())
    square = float(w @ (x * x))
    return float((w * x) @ y) / square if square else float("nan")


def moment_derivative(pairs: Pairs, at: Innovation, now: Floats, before: Floats) -> Floats:
    """Derivative of ``Q'Wξ`` when ``ω`` moves by `now` at t and by `before` at t − 1.

    With ``M`` the annihilator of the law A and ``v = now − g'(ω_{t−1}) · before``,
    ``dξ = M v − A(A'A)⁻¹ dA'ξ`` where ``dA = A' ∘ before``.

    Parameters
    ----------
    pairs : Pairs
    at : Innovation
    now, before : (n, k) float arrays

    Returns
    -------
    (J, k) float array
    """
    return join_products(pairs, at, direction_products(pairs, at, now, before))


def direction_products(
    pairs: Pairs, at: Innovation, now: Floats, before: Floats, rows: slice = slice(None)
) -> Floats:
    """Products over some pairs that `join_products` needs: they add up over blocks of rows.

    Returns
    -------
    (J + 2(d + 1), k) float array
        ``Q'Wv``, ``A'Wv`` in the orthonormal basis, ``dA'Wξ``.
    """
    w = None if pairs.weights is None else pairs.weights[rows]
    v = now - at.slope[rows, None] * before
    Q, law, xi = pairs.instruments[rows], at.law[rows], at.xi[rows]
    turned = np.zeros((law.shape[1], now.shape[1]))
    turned[1:] = at.powers[rows].T @ ((xi if w is None else w * xi)[:, None] * before)
    if w is None:
        return np.concatenate([Q.T @ v, law.T @ v, turned])
    # the law's basis carries √w already
    root = np.sqrt(w)[:, None]
    return np.concatenate([Q.T @ (w[:, None] * v), law.T @ (root * v), turned])


def join_products(pairs: Pairs, at: Innovation, products: Floats) -> Floats:
    """Make the derivative from `direction_products` over all pairs."""
    J, d = pairs.instruments.shape[1], at.law.shape[1]
    direct, along, turned = products[:J], products[J : J + d], products[J + d :]
    Q = pairs.instruments
    if pairs.weights is not None:
        Q = Q * np.sqrt(pairs.weights)[:, None]
    QA = Q.T @ at.law
    return np.asarray(direct - QA @ (along + np.linalg.solve(at.triangle.T, turned)))


def polish(
    pairs: Pairs, alpha: Floats, degree: int, *, steps: int = 40, tolerance: float = 1e-13
) -> tuple[Floats, Innovation]:
    """Follow one point to the root beside it by damped Newton steps on all rows.

    Returns
    -------
    (J,) float array, Innovation
        The best point that was met; a root when its correlation is at rounding level.
    """
    here = innovation(pairs, alpha, degree)
    damping = 0.0
    for _ in range(steps):
        if here.correlation < tolerance:
            break
        J = moment_derivative(pairs, here, -pairs.terms, -pairs.terms_before)
        scale = np.sqrt(np.einsum("ij,ij->j", J, J))
        scaled = J / scale
        squares = scaled.T @ scaled + damping * np.eye(alpha.shape[0])
        try:
            step = -np.linalg.solve(squares, scaled.T @ here.moments) / scale
        except np.linalg.LinAlgError:
            damping = max(10 * damping, 1e-10)
            continue
        there = innovation(pairs, alpha + step, degree)
        if np.linalg.norm(there.moments) < np.linalg.norm(here.moments):
            alpha, here, damping = alpha + step, there, damping / 10
        elif damping > 1e6 or here.correlation < 1e-11:
            break
        else:
            damping = max(10 * damping, 1e-6)
    return alpha, here


def search(
    y: Floats,
    fixed: Sequence[Floats],
    offsets: Ints,
    lagged: NDArray[np.bool_],
    *,
    degree: int,
    law_degree: int,
    starts: int,
    reach: float = 1.0,
    weights: Floats | None = None,
) -> tuple[Stationary, Floats, Design]:
    """Look for all roots from many starts, without touching the rows more than once.

    The Gram matrix of the monomials that the law of motion expands into holds the moments at every
    point (see `control_function`). Monomials of high degree cost digits: what is found here is a
    place to `polish`, on all rows, not an estimate.

    Parameters
    ----------
    y : (n,) float array
        ``𝒴``.
    fixed : sequence of (n,) float arrays
        Log fixed inputs.
    offsets, lagged
        As in `two_stage_design.Data`.
    degree, law_degree : int
    starts : int
    reach : float
        Half the side of the box of starts: how many standard deviations of ω one standard
        deviation of a term may explain.
    weights : (n,) float array, optional

    Returns
    -------
    Stationary
        In the unit of the design.
    (m, J) float array
        Coefficients of the standardized terms at these points.
    Design
    """
    data = Data(y=y, basis=tuple(fixed), inputs=tuple(fixed), offsets=offsets, lagged=lagged)
    design = make_design(
        data, form=degree, basis_degree=1, law_degree=law_degree, current=[True] * len(fixed)
    )
    second = _gram(data, design, weights)
    inverse = np.linalg.inv(instrument_root(second, design))

    def objective(delta: Floats) -> tuple[Floats, Floats, Floats]:
        m, jacobian, _ = moments(second, design, delta)
        r, J = m @ inverse.T, inverse @ jacobian
        return (
            np.einsum("sq,sq->s", r, r),
            2.0 * np.einsum("sqj,sq->sj", J, r),
            2.0 * J.swapaxes(1, 2) @ J,
        )

    J = len(design.terms)
    box = reach / np.sqrt(np.diagonal(second.gram)[design.x])
    begin = np.concatenate([np.zeros((1, J)), starting_points(-box, box, max(starts - 1, 1))])
    found = stationary_points(objective, begin)
    return found, design.reference + design.unit * found.points, design


def _gram(data: Data, design: Design, weights: Floats | None) -> SecondStage:
    parts = []
    for first, last in firm_blocks(data.offsets):
        rows = slice(int(data.offsets[first]), int(data.offsets[last]))
        none = np.zeros(rows.stop - rows.start)
        X = stage_two_columns(data, design, rows, data.y[rows], none, design.center)
        w = 1.0 if weights is None else weights[rows][1:]
        parts.append((X * w) @ X.T)
    gram = np.sum(parts, axis=0)
    n = float(gram[0, 0])
    gram /= n
    partial, _, rank = solve_gram(gram[np.ix_([0], [0])], gram[[0]])
    swept = gram - gram[[0]].T @ partial
    swept[0] = 0.0
    swept[:, 0] = 0.0
    return SecondStage(0.5 * (swept + swept.T), gram, partial, rank, n)
