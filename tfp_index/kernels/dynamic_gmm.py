"""Generalized method of moments for a dynamic panel whose rows are made block by block.

Every function here adds something up over blocks of whole firms and solves from the sums, so the
same is done for rows in parts. The algebra of the steps is that of `system_gmm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.dynamic_panel import Block, DynamicPanelRows, add_all, initial_weight
from tfp_index.kernels.linalg import linear_gmm
from tfp_index.kernels.sums import Additive
from tfp_index.kernels.system_gmm import (
    Factors,
    FirstStep,
    SystemSolution,
    equation_factors,
    first_step,
    join_factors,
    later_steps,
    score_squares,
    scores,
)

__all__ = [
    "DynamicSolution",
    "SerialSums",
    "serial_correlation",
    "serial_sums",
    "solve_dynamic_panel",
    "start_dynamic_panel",
    "underidentification",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class DynamicSolution:
    """Estimates of a dynamic panel.

    Attributes
    ----------
    solution : SystemSolution
    first : FirstStep
    changes : int
        Rows of the equation in changes.
    """

    solution: SystemSolution
    first: FirstStep
    changes: int


@dataclass(frozen=True, slots=True, eq=False)
class SerialSums(Additive):
    """Sums behind the tests of serial correlation, for each order.

    Attributes
    ----------
    products, squares : (orders,) float arrays
        ``Σ_c w_c'u_c`` and ``Σ_c (w_c'u_c)²``, w the residuals so many periods back.
    lagged : (orders, p) float array
        ``Σ w x'``.
    cross : (orders, q) float array
        ``Σ_c s_c w_c'u_c``.
    """

    products: Floats
    squares: Floats
    lagged: Floats
    cross: Floats


def start_dynamic_panel(
    rows: DynamicPanelRows, weights: Floats | None = None, threads: int | None = None
) -> tuple[FirstStep, int]:
    """Estimate by one step, in one pass over the rows; return the number of changes as well.

    Parameters
    ----------
    rows : DynamicPanelRows
    weights : (firms,) float array, optional
        How often each firm counts.
    threads : int, optional

    Raises
    ------
    numpy.linalg.LinAlgError
        If a moment is a combination of others: H is singular, so that instruments of full rank
        can have such moments.
    """
    factors, weight, changes = rows.fold(_first_sums, weights, threads, join=_join_first)
    first = first_step(factors, rows.plan.regressors, initial=weight)
    return first, changes


def _first_sums(made: Block) -> tuple[Factors, Floats, int]:
    return equation_factors([made.equation]), initial_weight(made), made.changes


def _join_first(
    answers: Sequence[tuple[Factors, Floats, int]],
) -> tuple[Factors, Floats, int]:
    factors = join_factors([answer[0] for answer in answers])
    weight, changes = add_all([answer[1:] for answer in answers])
    return factors, weight, changes


def solve_dynamic_panel(
    rows: DynamicPanelRows,
    clusters: int,
    *,
    steps: int = 2,
    windmeijer: bool = True,
    weights: Floats | None = None,
    threads: int | None = None,
    start: tuple[FirstStep, int] | None = None,
) -> DynamicSolution:
    """Estimate by one or two steps, in two to three passes over the rows.

    Parameters
    ----------
    rows : DynamicPanelRows
    clusters : int
        Firms that take part.
    steps, windmeijer
        As in `system_gmm`.
    weights, threads
        As in `start_dynamic_panel`.
    start : optional
        What `start_dynamic_panel` gave for these weights.

    Raises
    ------
    numpy.linalg.LinAlgError
        In two steps, when there are fewer firms than moments.
    """
    first, changes = start or start_dynamic_panel(rows, weights, threads)
    parts = rows.parts(weights, threads)
    solution = later_steps(parts, first, clusters, steps, windmeijer, covariance=True)
    return DynamicSolution(solution, first, changes)


def serial_sums(made: Block, first: FirstStep, b: Floats, orders: int = 2) -> SerialSums:
    """Return the sums of a block.

    Parameters
    ----------
    made : Block
    first : FirstStep
    b : (p,) float array
        Where residuals are taken.
    orders : int
    """
    e, m = made.equation, made.changes
    s = scores([e], first, b)
    u, X = e.y[:m] - e.X[:m] @ b, e.X[:m]
    products, squares = np.zeros(orders), np.zeros(orders)
    lagged, cross = np.zeros((orders, X.shape[1])), np.zeros((orders, s.shape[1]))
    earlier = np.arange(m)
    for i in range(orders):
        earlier = np.where(earlier >= 0, made.before[earlier], -1)
        w = np.where(earlier >= 0, u[earlier], 0.0)
        of_firms = np.bincount(e.clusters[:m], weights=w * u, minlength=s.shape[0])
        products[i], squares[i] = of_firms.sum(), of_firms @ of_firms
        lagged[i], cross[i] = w @ X, of_firms @ s
    return SerialSums(products, squares, lagged, cross)


def serial_correlation(sums: SerialSums, found: SystemSolution) -> Floats:
    """Arellano and Bond's tests of serial correlation in the changes' residuals.

    ``m = Σ_c w_c'u_c / √v`` with w the residuals so many periods back, and v the variance with the
    estimation of the coefficients taken into account: ``u`` at the estimate differs from the error
    by ``−X (b − β)``, so that ``m`` moves by ``−w'X (b − β)``, and ``b − β`` is the influence
    times the scores. Standard normal without correlation of that order in the errors' changes.

    Parameters
    ----------
    sums : SerialSums
        Over all rows, at the estimate.
    found : SystemSolution

    Returns
    -------
    (orders,) float array
        NaN when no firm has changes so far apart.
    """
    z = np.full(sums.products.size, np.nan)
    for i, wX in enumerate(sums.lagged):
        variance = sums.squares[i] - 2.0 * float(wX @ found.influence @ sums.cross[i])
        variance += float(wX @ found.covariance @ wX)
        if variance > 0:
            z[i] = sums.products[i] / np.sqrt(variance)
    return z


def underidentification(
    rows: DynamicPanelRows, first: FirstStep, columns: int, threads: int | None = None
) -> tuple[Floats, int]:
    """Test for each of the first regressors whether the instruments fail to identify it.

    Coefficients are not identified when a combination of the regressors is orthogonal to all
    instruments. If regressor j is part of such a combination, it equals a combination of the
    others plus something orthogonal to the instruments: the two-step J of regressor j on the
    others, with the same instruments, is then χ². A small J says that it may be so.

    Parameters
    ----------
    rows : DynamicPanelRows
    first : FirstStep
    columns : int
    threads : int, optional

    Returns
    -------
    statistics : (columns,) float array
        NaN where the weight does not exist.
    dof : int
        Moments less the other regressors.
    """
    kept, A = first.rank.kept, first.A
    others = [kept[kept != j] for j in range(columns)]
    slopes = np.zeros((columns, A.shape[1]))
    for j, rest in enumerate(others):
        slopes[j, rest] = linear_gmm(A[:, rest], A[:, j], np.eye(A.shape[0])).coefficients

    def squares(made: Block) -> Floats:
        e = made.equation
        return np.stack(
            [score_squares([replace(e, y=e.X[:, j])], first, slopes[j]) for j in range(columns)]
        )

    total = rows.fold(squares, threads=threads)
    statistics = np.full(columns, np.nan)
    for j, rest in enumerate(others):
        try:
            statistics[j] = linear_gmm(A[:, rest], A[:, j], total[j]).criterion
        except np.linalg.LinAlgError:
            continue
    return statistics, int(A.shape[0] - kept.size + 1)
