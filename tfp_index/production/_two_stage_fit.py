"""From columns to estimates: the steps that OP, LP and ACF share, on plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError
from tfp_index.kernels.control_function import (
    FirstStage,
    SecondStage,
    first_stage,
    second_stage,
)
from tfp_index.kernels.law_of_motion import (
    instrument_root,
    moments,
    persistence,
    sum_of_squares,
    term_map,
)
from tfp_index.kernels.roots import (
    Choice,
    Objective,
    Stationary,
    choose_root,
    descend,
    newton,
    starting_points,
    stationary_points,
)
from tfp_index.kernels.score_moments import Products, score_products
from tfp_index.kernels.stacked_moments import Earlier
from tfp_index.kernels.two_stage_design import Data, Design
from tfp_index.production._survival import Survival, estimate_survival

__all__ = [
    "Problem",
    "Rows",
    "Solution",
    "follow",
    "reported",
    "search",
    "solve",
]

Floats = NDArray[np.float64]

ROOT = 1e-8
"""A point is a root when the multiple correlation of instruments and innovations is below this."""


@dataclass(frozen=True, slots=True)
class Problem:
    """How a sample is to be estimated: all that is known without its rows.

    Attributes
    ----------
    design : Design
    definition : {"moments", "nls", "levpet"}
    centered : bool
        Weighting of the moments away from a root.
    search : (2,) tuple
        Lower and upper end of the region of starts, for every elasticity.
    starts : int
    bounds : (2,) tuple or None
        Elasticities outside are not admissible.
    origin : (v,) float array
        Point of the inputs at which elasticities are reported.
    lags : int
        Rows with a lag.
    """

    design: Design
    definition: str
    centered: bool
    search: tuple[float, float]
    starts: int
    bounds: tuple[float, float] | None
    origin: Floats
    lags: int

    @property
    def products(self) -> Products | None:
        """What to sum for clustered errors; None where they take a walk over the rows."""
        return score_products(self.design)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a sample.

    Attributes
    ----------
    data : Data
        With the probability of survival, if there is one, as the last shifter.
    survival : Survival or None
    survived : tuple or None
        Its estimate without weights.
    """

    data: Data
    survival: Survival | None = None
    survived: tuple[Floats, Earlier] | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """What a sample says.

    Attributes
    ----------
    first, second
    found : Stationary
    is_root, admissible : (m,) bool arrays
    correlation : (m,) float array
        Multiple correlation of instruments and innovations; NaN for least squares.
    persistence : (m,) float array
    choice : Choice
    on_bound : bool
    earlier : Earlier or None
    """

    first: FirstStage
    second: SecondStage
    found: Stationary
    is_root: NDArray[np.bool_]
    admissible: NDArray[np.bool_]
    correlation: Floats
    persistence: Floats
    choice: Choice
    on_bound: bool
    earlier: Earlier | None

    @property
    def delta(self) -> Floats:
        """The chosen point."""
        return np.asarray(self.found.points[self.choice.index], np.float64)


def reported(problem: Problem) -> Floats:
    """Return ``R`` with ``β = R b``: coefficients of the terms as they are reported.

    Terms are those of the inputs less `origin`, squares halved, so that the first coefficients are
    the elasticities at the origin.
    """
    design = problem.design
    R, _ = term_map(design, problem.origin)
    halves = np.array([2.0 if max(t) == 2 else 1.0 for t in design.terms])
    return np.asarray(halves[:, None] * R)


def coefficients(problem: Problem, delta: Floats) -> Floats:
    """Return (S, J) reported coefficients of the terms at (S, J) points."""
    b = problem.design.reference + problem.design.unit * delta
    return np.asarray(b @ reported(problem).T)


def objective_at(problem: Problem, second: SecondStage) -> Objective:
    return objective_of(second, problem.design, problem.definition, problem.centered)


def objective_of(second: SecondStage, design: Design, definition: str, centered: bool) -> Objective:
    """Return what is searched: the whitened moments' length, or the mean square.

    Raises
    ------
    EstimationError
        If the instruments are collinear.
    """
    if definition != "moments":
        return lambda delta: sum_of_squares(second, design, delta, definition)
    try:
        L = instrument_root(second, design, centered=centered)
    except np.linalg.LinAlgError:
        raise EstimationError(
            "the instruments are collinear: lagged free inputs and current state inputs (and "
            "their products) do not vary independently over the rows with a lag",
            code="collinear_instruments",
            remedy="look for an input that is a fixed multiple of another, or does not vary",
        ) from None
    inverse = np.linalg.inv(L)

    def objective(delta: Floats) -> tuple[Floats, Floats, Floats]:
        g, jacobian, _ = moments(second, design, delta)
        r, Jr = g @ inverse.T, inverse @ jacobian
        return (
            np.einsum("si,si->s", r, r),
            2.0 * np.einsum("sij,si->sj", Jr, r),
            2.0 * Jr.swapaxes(1, 2) @ Jr,
        )

    return objective


def _stages(
    problem: Problem,
    rows: Rows,
    weights: Floats | None,
    fitted: Floats | None = None,
    threads: int | None = None,
    products: Products | None = None,
) -> tuple[FirstStage, SecondStage, Earlier | None]:
    data, earlier = rows.data, None
    if rows.survival is not None:
        probability, earlier = (
            rows.survived
            if weights is None and rows.survived is not None
            else estimate_survival(rows.survival, data.offsets, weights)
        )
        data = replace(data, shifters=(*data.shifters[:-1], probability))
        earlier = replace(earlier, shifter=len(data.shifters) - 1)
    first = first_stage(data, problem.design, weights, threads)
    second = second_stage(
        data, problem.design, first, weights, products=products, threads=threads, fitted=fitted
    )
    return first, second, earlier


def solve(
    problem: Problem,
    rows: Rows,
    weights: Floats | None = None,
    *,
    fitted: Floats | None = None,
    clustered: bool = False,
    threads: int | None = None,
) -> Solution:
    """Estimate both stages, find all solutions and choose one.

    Parameters
    ----------
    problem : Problem
    rows : Rows
    weights : (g,) float array, optional
        One per firm.
    fitted : (2, n) float array, optional
        Filled with ``φ̂`` and the residual of stage 1.
    clustered : bool
        Sum what clustered errors need on the way, where that is possible.
    threads : int, optional

    Raises
    ------
    EstimationError
        If instruments are collinear or no start ends at a stationary point.
    """
    products = problem.products if clustered and rows.survival is None else None
    return search(problem, *_stages(problem, rows, weights, fitted, threads, products))


def search(
    problem: Problem, first: FirstStage, second: SecondStage, earlier: Earlier | None = None
) -> Solution:
    """Find all solutions and choose one; from the Gram matrices, without the rows.

    Raises
    ------
    EstimationError
        If instruments are collinear or no start ends at a stationary point.
    """
    objective = objective_at(problem, second)
    found = stationary_points(objective, _starts(problem))
    if not found.values.size and problem.bounds is None:
        raise EstimationError(
            f"none of {problem.starts} starts ended at a stationary point: the objective falls "
            "towards infinite coefficients",
            code="no_solution",
            remedy="a lower basis_degree or law_degree, fewer inputs, or a longer panel",
        )
    solution = _judge(problem, first, second, found, earlier)
    inside = solution.is_root & solution.admissible
    if problem.bounds is not None and not inside.any():
        return _at_bound(problem, solution, objective)
    return solution


def _starts(problem: Problem) -> Floats:
    """Spread elasticities over the search region; second-order terms move them by about a half."""
    design = problem.design
    J, v = len(design.terms), problem.origin.size
    low, high = np.full(J, -0.5), np.full(J, 0.5)
    low[:v], high[:v] = problem.search
    points = starting_points(low, high, problem.starts)
    # elasticities are per unit of log input; second-order terms per standard deviation
    scale = np.diagonal(design.inputs.matrix)
    b = points.copy()
    b[:, :v] = points[:, :v] / scale
    for column, term in enumerate(design.terms[v:], start=v):
        chosen = [j for j, power in enumerate(term) if power]
        b[:, column] = points[:, column] / scale[chosen].mean()
    starts = (b - design.reference) / design.unit
    return np.concatenate([np.zeros((1, J)), starts])  # least squares is a start as well


def _judge(
    problem: Problem,
    first: FirstStage,
    second: SecondStage,
    found: Stationary,
    earlier: Earlier | None,
) -> Solution:
    points = found.points
    count = points.shape[0]
    v = problem.origin.size
    elasticities = coefficients(problem, points)[:, :v]
    low, high = problem.bounds or (0.0, np.inf)
    slack = 1e-9
    inside = (elasticities >= low - slack) & (elasticities <= high + slack)
    admissible = np.asarray(inside.all(axis=1))
    rho = persistence(second, problem.design, points)
    if problem.definition == "moments":
        correlation = _correlation(problem, second, points)
        is_root = np.asarray(correlation < ROOT)
        choice = choose_root(is_root, admissible, rho, found.values) if count else _NOTHING
    else:
        correlation = np.full(count, np.nan)
        is_root = found.minimum.copy()
        pool = is_root & admissible if problem.bounds is not None else is_root
        choice = _lowest(pool, found.values, second.n) if count else _NOTHING
    return Solution(
        first, second, found, is_root, admissible, correlation, rho, choice, False, earlier
    )


def _correlation(problem: Problem, second: SecondStage, points: Floats) -> Floats:
    """Multiple correlation of instruments and innovations at (S, J) points."""
    L = instrument_root(second, problem.design)
    g, _, variance = moments(second, problem.design, points)
    r = np.linalg.solve(L, g.T).T
    return np.asarray(np.sqrt(np.einsum("si,si->s", r, r) / np.maximum(variance, 1e-300)))


_NOTHING = Choice(-1, "nothing found", ())


def _lowest(minimum: NDArray[np.bool_], values: Floats, n: float) -> Choice:
    """Least squares is defined by its lowest value, whatever the signs.

    Other minima are rivals when the data hardly prefer the lowest: ``n (Q/Q₀ − 1)``, a likelihood
    ratio for normal errors, below 10.
    """
    pool = minimum if minimum.any() else np.ones_like(minimum)
    best = int(np.argmin(np.where(pool, values, np.inf)))
    others = minimum & (np.arange(values.size) != best)
    rivals = np.flatnonzero(others & (n * (values - values[best]) < 10.0 * values[best]))
    reason = "lowest minimum" if others.any() else "only minimum"
    return Choice(best, reason, tuple(rivals.tolist()))


def _at_bound(
    problem: Problem,
    solution: Solution,
    objective: Objective,
) -> Solution:
    """Search inside the bounds when no solution lies there, and list the best point found."""
    from scipy.optimize import LinearConstraint, minimize

    R = reported(problem)[: problem.origin.size] * problem.design.unit
    shift = reported(problem)[: problem.origin.size] @ problem.design.reference
    low, high = problem.bounds or (-np.inf, np.inf)
    constraint = LinearConstraint(R, low - shift, high - shift)
    starts = _starts(problem)
    inside = starts[((starts @ R.T + shift > low) & (starts @ R.T + shift < high)).all(axis=1)]
    values = objective(inside)[0]
    best: tuple[float, Floats] | None = None
    for i in np.argsort(values)[:8]:
        end = minimize(
            lambda d: float(objective(d[None])[0][0]),
            inside[i],
            jac=lambda d: objective(d[None])[1][0],
            method="SLSQP",
            constraints=[constraint],
            options={"maxiter": 200, "ftol": 1e-14},
        )
        if best is None or end.fun < best[0]:
            best = (float(end.fun), np.asarray(end.x))
    if best is None:
        raise EstimationError(
            "no start lies inside bounds=", code="empty_bounds", remedy="widen bounds= or search="
        )
    value, point = best
    elasticity = R @ point + shift
    edge = bool((np.minimum(elasticity - low, high - elasticity) < 1e-6).any())
    found = solution.found
    joined = replace(
        found,
        points=np.concatenate([point[None], found.points]),
        values=np.r_[value, found.values],
        hits=np.r_[0, found.hits],
        minimum=np.r_[False, found.minimum],
    )
    judged = _judge(problem, solution.first, solution.second, joined, solution.earlier)
    choice = Choice(0, "best point inside the bounds", ())
    return replace(judged, choice=choice, on_bound=edge)


def parameters(problem: Problem, first: FirstStage, delta: Floats) -> Floats:
    """Return the linear regressors' coefficients of stage 1 and those of the terms, reported."""
    return np.concatenate(
        [
            linear_map(problem) @ first.coefficients,
            coefficients(problem, delta[None])[0],
        ]
    )


def linear_map(problem: Problem) -> Floats:
    """From stage 1 coefficients to those of the linear regressors in their own unit."""
    design, k = problem.design, len(problem.design.linear_in_phi)
    p = len(design.basis_plan)
    levels = sum(count - 1 for count in design.levels)
    M = np.zeros((k, p + k + levels))
    if design.linear is not None:
        M[:, p : p + k] = np.diag(np.diagonal(design.linear.matrix))
    return M


def follow(problem: Problem, rows: Rows, start: Floats, weights: Floats) -> Floats:
    """Estimate with firm weights, keeping to the root that `start` leads to.

    Newton steps from the estimate of the whole sample; where they do not settle at a solution, the
    search starts afresh and its own rule chooses.

    Returns
    -------
    (k + J,) float array

    Raises
    ------
    EstimationError
        If there is no root, or no minimum.
    """
    first, second, _ = _stages(problem, rows, weights, threads=1)
    objective = objective_at(problem, second)
    end, _, _ = descend(objective, start[None])
    if problem.definition == "moments":
        good = np.isfinite(end).all() and _correlation(problem, second, end)[0] < ROOT
        for _ in range(2 if good else 0):  # to the last digit
            g, jacobian, _ = moments(second, problem.design, end)
            end = end - np.linalg.solve(jacobian[0], g[0])
    else:
        end, second_derivatives, _ = newton(objective, end)
        good = np.isfinite(end).all() and np.linalg.eigvalsh(second_derivatives[0])[0] > 0
    if good:
        return parameters(problem, first, end[0])
    again = solve(replace(problem, bounds=None), rows, weights, threads=1)
    if not again.is_root[again.choice.index]:
        raise EstimationError("no root in this repetition", code="no_root")
    return parameters(problem, again.first, again.delta)
