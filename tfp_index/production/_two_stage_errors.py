"""Errors clustered by firm: from the sums that stage 2 left, or from a walk over the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.law_of_motion import moments, score_pairs
from tfp_index.kernels.roots import newton
from tfp_index.kernels.stacked_moments import (
    Pairs,
    Scores,
    joint_covariance,
    scores_from_sums,
    stage_scores,
)
from tfp_index.production._two_stage_fit import (
    Problem,
    Rows,
    Solution,
    linear_map,
    objective_at,
    reported,
)

__all__ = ["clustered", "clustered_from_sums", "corrected", "covariance", "row_scores"]

Floats = NDArray[np.float64]

LOST = 1e-8
"""Relative error of a standard error that cancellation may leave."""

STEP = 1e-9
"""Rounding of the stage 2 equations that matters, in the unit of the design."""


def clustered(
    problem: Problem, rows: Rows, solution: Solution, threads: int | None = None
) -> tuple[Solution, Floats, str]:
    """Return the solution, the covariance of `parameters`, and why the rows were walked once more.

    Where the sums of stage 2 give the errors to at least eight digits they are taken from there.
    Otherwise the rows are walked over; they also confirm what the Gram matrix says, or correct its
    last digits.
    """
    V, reason = clustered_from_sums(problem, solution)
    if not reason:
        return solution, V, ""
    V, step = covariance(problem, solution, row_scores(problem, rows, solution, threads))
    better = corrected(solution, step)
    if better is not None:
        solution = better
        V, _ = covariance(problem, solution, row_scores(problem, rows, solution, threads))
    return solution, V, reason


def corrected(solution: Solution, step: Floats) -> Solution | None:
    """Return the solution moved by a last step, None where there is nothing to correct."""
    index = solution.choice.index
    if not solution.is_root[index] or np.abs(step).max() <= STEP:
        return None
    points = solution.found.points.copy()
    points[index] += step
    return replace(solution, found=replace(solution.found, points=points))


def clustered_from_sums(problem: Problem, solution: Solution) -> tuple[Floats, str]:
    """Return the covariance of `parameters` without the rows, and why not to take it.

    Returns
    -------
    (k + J, k + J) float array
        NaN if the sums were not taken.
    str
        Empty when the covariance is as good as one from a walk over the rows.
    """
    design, second, products = problem.design, solution.second, problem.products
    if second.scores is None or products is None:
        size = len(design.linear_in_phi) + solution.delta.size
        return np.full((size, size), np.nan), _why_no_sums(problem, solution)
    pairs = score_pairs(second, design, solution.delta, problem.definition)
    scores, lost = scores_from_sums(products, design, second, pairs)
    V, _ = covariance(problem, solution, scores)
    if lost > LOST:
        return V, f"cancellation could cost {lost:.0e} of a standard error"
    if not solution.is_root[solution.choice.index]:
        return V, ""
    moved = float(_rounding(problem, solution, pairs).max())
    if moved > STEP:
        return V, f"rounding could move a coefficient by {moved * design.unit:.0e}"
    return V, ""


def _why_no_sums(problem: Problem, solution: Solution) -> str:
    if solution.earlier is not None:
        return "the probability of survival is estimated"
    if problem.design.law_levels:
        return "there are categories among the controls of the law"
    return "sums by firm would take longer: many products of columns, or many categories"


def _rounding(problem: Problem, solution: Solution, pairs: Pairs) -> Floats:
    """Bound what rounding in the Gram matrix may do to ``δ``."""
    second = solution.second
    size = np.maximum(np.abs(second.gram), np.abs(second.raw))
    bound = np.zeros(solution.delta.size)
    for left, right in pairs:
        bound += np.einsum("qi,qi->q", *np.broadcast_arrays(np.abs(left) @ size, np.abs(right)))
    bound *= second.n * np.finfo(float).eps
    return np.asarray(np.abs(_bread(problem, solution)) @ bound)


def _bread(problem: Problem, solution: Solution) -> Floats:
    """Minus the derivative of ``δ`` by the sum of the stage 2 equations."""
    second, delta = solution.second, solution.delta
    if problem.definition == "moments":
        derivative = moments(second, problem.design, delta[None])[1][0]
    else:
        derivative = 0.5 * newton(objective_at(problem, second), delta[None], steps=1)[1][0]
    if not solution.is_root[solution.choice.index]:  # has no errors, and perhaps no inverse
        return np.asarray(np.linalg.pinv(derivative * second.n))
    return np.asarray(np.linalg.inv(derivative * second.n))


def row_scores(
    problem: Problem, rows: Rows, solution: Solution, threads: int | None = None
) -> Scores:
    """Sum the scores of every firm at the solution: one pass over the rows."""
    pairs = score_pairs(solution.second, problem.design, solution.delta, problem.definition)
    return stage_scores(
        rows.data,
        problem.design,
        solution.first,
        solution.second,
        pairs,
        earlier=solution.earlier,
        threads=threads,
    )


def covariance(problem: Problem, solution: Solution, scores: Scores) -> tuple[Floats, Floats]:
    """Return the covariance of `parameters`, clustered by firm, and a last step of ``δ``.

    The step is the Newton step of the stage 2 equations summed over the rows themselves: it is as
    large as what the Gram matrix lost.
    """
    bread = _bread(problem, solution)
    V = joint_covariance(solution.first, scores, bread, solution.earlier)
    k, J = len(problem.design.linear_in_phi), bread.shape[0]
    M = np.zeros((k + J, V.shape[0]))
    M[:k, : V.shape[0] - J] = linear_map(problem)
    M[k:, V.shape[0] - J :] = reported(problem) * problem.design.unit
    return np.asarray(M @ V @ M.T), -bread @ scores.sums
