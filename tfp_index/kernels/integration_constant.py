"""What the flexible input's share does not say: the production function's part in the fixed inputs.

With the share's integral and the error of output taken off, ``𝒴 = 𝒞(x) + ω``, where
``𝒞(x) = α'τ(x)`` is a polynomial without constant. Productivity ``ω = 𝒴 − α'τ`` follows
``ω_t = g(ω_{t−1}) + ξ_t`` with a polynomial g, and the innovation is orthogonal to the terms at t,
which were fixed before:

    E[τ_t ξ_t] = 0,

as many equations as coefficients (Gandhi, Navarro and Rivers 2020, their second stage).

Everything is solved from sums over rows, and what parts of the rows give is put together:
`pair_factors` by `join_pair_factors` once, and at every α `law_factor` by `solve_law`, then
`motion_sums`, which add up (`add_motion_sums`), by `solve_innovation`. The search for places to
start from takes `search_sums`, which add up, by `stationary_alphas`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.control_function import SecondStage
from tfp_index.kernels.gram import solve_gram, tiled_cross, tiled_left
from tfp_index.kernels.law_of_motion import instrument_root, moments
from tfp_index.kernels.linalg import triangular_factor
from tfp_index.kernels.roots import Stationary, starting_points, stationary_points
from tfp_index.kernels.two_stage_design import (
    Data,
    Design,
    firm_blocks,
    make_design,
    stage_two_columns,
)

__all__ = [
    "Frame",
    "Innovation",
    "Law",
    "MotionSums",
    "PairParts",
    "Pairs",
    "add_motion_sums",
    "innovation",
    "join_pair_factors",
    "law_columns",
    "law_factor",
    "moment_derivative",
    "motion_sums",
    "pair_factors",
    "polish",
    "search",
    "search_sums",
    "solve_innovation",
    "solve_law",
    "stationary_alphas",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
T = TypeVar("T")

SEARCH_ROWS = 4_096
"""Rows of a block in the search, whose monomials are some hundreds."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Rows with a row of the period before, or some of them: n pairs, J terms.

    Attributes
    ----------
    y, y_before : (n,) float arrays
        ``𝒴`` at t and t − 1.
    terms, terms_before : (J, n) float arrays
        ``τ`` at t and t − 1.
    weights : (n,) float array or None
    """

    y: Floats
    y_before: Floats
    terms: Floats
    terms_before: Floats
    weights: Floats | None = None


class PairParts(Protocol):
    """Call a function with the pairs of every part and return its answers in row order."""

    def __call__(self, work: Callable[[Pairs], T], /) -> list[T]:
        """Return ``[work(pairs) for every part]``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What does not depend on α.

    Attributes
    ----------
    mean : (J,) float array
        Of the terms at t.
    root : (J, J) float array
        ``R`` of the centered terms at t, weighted by ``√w``: the instruments are ``Q = τ̃ R⁻¹``.
    before : (J + 2, J + 2) float array
        Triangular factor of (1, τ, 𝒴) at t − 1.
    """

    mean: Floats
    root: Floats
    before: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """The law of motion fitted at one point.

    Attributes
    ----------
    alpha : (J,) float array
    center, spread : float
        Mean and standard deviation of ``ω_{t−1}``.
    coefficients : (d + 1,) float array
        Of g on powers of ``u = (ω_{t−1} − center)/spread``.
    triangle : (d + 1, d + 1) float array
        ``R`` of the powers ``A``, weighted by ``√w``.
    persistence : float
        Slope of a regression of ``ω_t`` on ``ω_{t−1}``.
    """

    alpha: Floats
    center: float
    spread: float
    coefficients: Floats
    triangle: Floats
    persistence: float


@dataclass(frozen=True, slots=True, eq=False)
class MotionSums:
    """Sums over pairs at one point; k directions.

    With ``v = now − g'(ω_{t−1}) · before`` where ω moves by `now` at t and `before` at t − 1.

    Attributes
    ----------
    moments : (J,) float array
        ``τ̃'Wξ``.
    squares : float
        ``ξ'Wξ``.
    cross : (J, d + 1) float array
        ``τ̃'WA``.
    direct : (J, k) float array
        ``τ̃'Wv``.
    along : (d + 1, k) float array
        ``A'Wv + dA'Wξ``, where ``dA = A' ∘ before``.
    """

    moments: Floats
    squares: float
    cross: Floats
    direct: Floats
    along: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Innovation:
    """Innovations at one point.

    Attributes
    ----------
    law : Law
    moments : (J,) float array
        ``Q'Wξ``.
    correlation : float
        Length of the moments over that of ``ξ``: the multiple correlation of instruments and
        innovation, 0 at a root.
    derivative : (J, J) float array
        Of the moments to α.
    """

    law: Law
    moments: Floats
    correlation: float
    derivative: Floats


def pair_factors(pairs: Pairs) -> tuple[Floats, Floats]:
    """Return the triangular factors of (1, τ) at t and of (1, τ, 𝒴) at t − 1."""
    one = np.ones(pairs.y.shape[0])
    return (
        triangular_factor(one, pairs.terms.T, weights=pairs.weights),
        triangular_factor(one, pairs.terms_before.T, pairs.y_before, weights=pairs.weights),
    )


def join_pair_factors(parts: Sequence[tuple[Floats, Floats]]) -> Frame:
    """Make the frame of all pairs from the factors of the parts."""
    now, before = (triangular_factor(np.concatenate(found)) for found in zip(*parts, strict=True))
    return Frame(now[0, 1:] / now[0, 0], now[1:, 1:], before)


def law_columns(pairs: Pairs, alpha: Floats, center: float, spread: float, degree: int) -> Floats:
    """Return (d + 2, n) columns: powers of standardized ``ω_{t−1}``, and ``ω_t``."""
    A = np.empty((degree + 2, pairs.y.shape[0]))
    A[0] = 1.0
    A[1] = pairs.y_before - tiled_left(alpha, pairs.terms_before)
    A[1] -= center
    A[1] /= spread
    for power in range(2, degree + 1):
        np.multiply(A[power - 1], A[1], out=A[power])
    A[-1] = pairs.y - tiled_left(alpha, pairs.terms)
    return A


def law_factor(pairs: Pairs, frame: Frame, alpha: Floats, degree: int) -> Floats:
    """Return the triangular factor of (powers of ω_{t−1}, ω_t) over some pairs.

    Parameters
    ----------
    pairs : Pairs
    frame : Frame
        Of all pairs.
    alpha : (J,) float array
    degree : int
        Of the polynomial g.

    Returns
    -------
    (d + 2, d + 2) float array
    """
    columns = law_columns(pairs, alpha, *_level(frame, alpha), degree)
    return triangular_factor(columns.T, weights=pairs.weights)


def _level(frame: Frame, alpha: Floats) -> tuple[float, float]:
    """Mean and standard deviation of ``ω_{t−1}``."""
    T = frame.before
    omega = T[:, 1:] @ np.append(-alpha, 1.0)
    length = float(T[0, 0])
    return float(omega[0]) / length, float(np.linalg.norm(omega[1:])) / length or 1.0


def solve_law(parts: Sequence[Floats], frame: Frame, alpha: Floats) -> Law:
    """Fit the law of motion from the factors of the parts."""
    factor = triangular_factor(np.concatenate(parts))
    R, target = factor[:-1, :-1], factor[:-1, -1]
    center, spread = _level(frame, alpha)
    slope = float(target[1] / R[1, 1]) / spread if R[1, 1] else float("nan")
    c = np.asarray(np.linalg.solve(R, target), np.float64)
    return Law(alpha, center, spread, c, R, slope)


def motion_sums(pairs: Pairs, frame: Frame, law: Law, now: Floats, before: Floats) -> MotionSums:
    """Sum over some pairs.

    Parameters
    ----------
    pairs : Pairs
    frame : Frame
    law : Law
    now, before : (k, n) float arrays
        How ``ω_t`` and ``ω_{t−1}`` move in each of k directions.
    """
    degree, w = law.coefficients.size - 1, pairs.weights
    columns = law_columns(pairs, law.alpha, law.center, law.spread, degree)
    A, xi = columns[:-1], columns[-1] - tiled_left(law.coefficients, columns[:-1])
    powers = A[:-1] * (np.arange(1, degree + 1) / law.spread)[:, None]
    v = now - tiled_left(law.coefficients[1:], powers) * before
    heavy = xi if w is None else w * xi
    tau = pairs.terms - frame.mean[:, None]
    along = np.zeros((degree + 1, now.shape[0]))
    along[1:] = tiled_cross(powers, before * heavy)
    if w is not None:
        v *= w
    along += tiled_cross(A, v)
    weighted = tau if w is None else tau * w
    return MotionSums(
        moments=tiled_cross(tau, heavy[None])[:, 0],
        squares=float(np.einsum("i,i->", xi, heavy)),
        cross=tiled_cross(weighted, A),
        direct=tiled_cross(tau, v),
        along=along,
    )


def add_motion_sums(parts: Sequence[MotionSums]) -> MotionSums:
    """Add in the order of the parts."""
    return MotionSums(
        moments=np.sum([part.moments for part in parts], axis=0),
        squares=float(sum(part.squares for part in parts)),
        cross=np.sum([part.cross for part in parts], axis=0),
        direct=np.sum([part.direct for part in parts], axis=0),
        along=np.sum([part.along for part in parts], axis=0),
    )


def moment_derivative(sums: MotionSums, frame: Frame, law: Law) -> Floats:
    """Derivative of ``Q'Wξ`` in the directions of the sums.

    With ``M`` the annihilator of the law A, ``dξ = M v − A(A'A)⁻¹ dA'ξ``.

    Returns
    -------
    (J, k) float array
    """
    half = np.linalg.solve(law.triangle.T, sums.along)
    raw = sums.direct - sums.cross @ np.linalg.solve(law.triangle, half)
    return np.asarray(np.linalg.solve(frame.root.T, raw))


def solve_innovation(sums: MotionSums, frame: Frame, law: Law) -> Innovation:
    """Read the moments and their derivative off sums whose directions are ``(−τ_t, −τ_{t−1})``."""
    m = np.asarray(np.linalg.solve(frame.root.T, sums.moments))
    length = float(np.sqrt(sums.squares))
    correlation = float(np.linalg.norm(m)) / length if length else 0.0
    return Innovation(law, m, correlation, moment_derivative(sums, frame, law))


def innovation(parts: PairParts, frame: Frame, alpha: Floats, degree: int) -> Innovation:
    """Fit the law of motion at one point and take the moments: two passes over the pairs.

    Parameters
    ----------
    parts : PairParts
    frame : Frame
    alpha : (J,) float array
    degree : int
        Of the polynomial g.
    """
    law = solve_law(parts(lambda p: law_factor(p, frame, alpha, degree)), frame, alpha)
    sums = parts(lambda p: motion_sums(p, frame, law, -p.terms, -p.terms_before))
    return solve_innovation(add_motion_sums(sums), frame, law)


def polish(
    parts: PairParts,
    frame: Frame,
    here: Innovation,
    *,
    steps: int = 40,
    tolerance: float = 1e-13,
) -> Innovation:
    """Follow one point to the root beside it by damped Newton steps on all rows.

    Parameters
    ----------
    parts : PairParts
    frame : Frame
    here : Innovation
        At the point to start from.

    Returns
    -------
    Innovation
        At the best point that was met; a root when its correlation is at rounding level.
    """
    damping, degree = 0.0, here.law.coefficients.size - 1
    for _ in range(steps):
        if here.correlation < tolerance:
            break
        J = here.derivative
        scale = np.sqrt(np.einsum("ij,ij->j", J, J))
        scaled = J / scale
        squares = scaled.T @ scaled + damping * np.eye(J.shape[1])
        try:
            step = -np.linalg.solve(squares, scaled.T @ here.moments) / scale
        except np.linalg.LinAlgError:
            damping = max(10 * damping, 1e-10)
            continue
        there = innovation(parts, frame, here.law.alpha + step, degree)
        if np.linalg.norm(there.moments) < np.linalg.norm(here.moments):
            here, damping = there, damping / 10
        elif damping > 1e6 or here.correlation < 1e-11:
            break
        else:
            damping = max(10 * damping, 1e-6)
    return here


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
    found, alphas = stationary_alphas(search_sums(data, design, weights), design, starts, reach)
    return found, alphas, design


def search_sums(data: Data, design: Design, weights: Floats | None = None) -> Floats:
    """Return cross products of the columns of the search; sums over parts of the rows add up.

    Parameters
    ----------
    data : Data
        Rows of whole firms.
    design : Design
        The same for all parts.
    weights : (n,) float array, optional

    Returns
    -------
    (N, N) float array
    """
    gram = np.zeros((len(design.columns), len(design.columns)))
    for first, last in firm_blocks(data.offsets, SEARCH_ROWS):
        rows = slice(int(data.offsets[first]), int(data.offsets[last]))
        none = np.zeros(rows.stop - rows.start)
        X = stage_two_columns(data, design, rows, data.y[rows], none, design.center)
        gram += tiled_cross(X if weights is None else X * weights[rows][1:], X)
    return gram


def stationary_alphas(
    gram: Floats, design: Design, starts: int, reach: float = 1.0
) -> tuple[Stationary, Floats]:
    """Look for all roots, given `search_sums` over all rows; parameters as in `search`."""
    second = _centered(gram)
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
    return found, design.reference + design.unit * found.points


def _centered(gram: Floats) -> SecondStage:
    """Partial the constant out."""
    n = float(gram[0, 0])
    gram = gram / n
    partial, _, rank = solve_gram(gram[np.ix_([0], [0])], gram[[0]])
    swept = gram - gram[[0]].T @ partial
    swept[0] = 0.0
    swept[:, 0] = 0.0
    return SecondStage(0.5 * (swept + swept.T), gram, partial, rank, n)
