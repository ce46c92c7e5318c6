"""What a dynamic panel is estimated from, and the estimate for any weights of the firms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError
from tfp_index.kernels.common_factor import CommonFactor, common_factor
from tfp_index.kernels.dynamic_gmm import DynamicSolution, solve_dynamic_panel, start_dynamic_panel
from tfp_index.kernels.dynamic_panel import DynamicPanelRows, layout
from tfp_index.kernels.groups import STATUS_OK
from tfp_index.kernels.system_gmm import FirstStep
from tfp_index.panel.panel import Panel
from tfp_index.production._rows import Used

__all__ = ["Estimated", "Problem", "estimate", "problem_of", "repeat"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Rows of a dynamic panel and the firms that take part.

    Attributes
    ----------
    rows : DynamicPanelRows
    taking_part : (firms,) int array
        Codes of firms with a row in the equations.
    output : str
    inputs : tuple of str
    """

    rows: DynamicPanelRows
    taking_part: Ints
    output: str
    inputs: tuple[str, ...]

    @property
    def firms(self) -> int:
        """Firms that take part."""
        return int(self.taking_part.size)


class Estimated(NamedTuple):
    """Coefficients without and with common factors."""

    dynamic: DynamicSolution
    imposed: CommonFactor


def problem_of(
    spec: Any, panel: Panel, used: Used, logs: Mapping[str, Floats], inputs: tuple[str, ...]
) -> tuple[Used, Problem]:
    """Return the level rows, and the problem.

    Raises
    ------
    EstimationError
        If no firm has three consecutive periods.
    """
    complete = np.zeros(panel.n_rows, bool)
    complete[used.rows] = True
    level = _after(complete, complete, panel)
    change = _after(level, level, panel)
    if not change.any():
        raise EstimationError(
            "no firm has three consecutive periods with all columns",
            code="no_consecutive_rows",
            remedy="check step= of the panel, and panel.check()",
        )
    names = (spec.output, *inputs)
    plan = layout(
        [logs[name] for name in names],
        panel.entity_codes,
        panel.time,
        panel.step,
        panel.offsets,
        complete,
        level,
        first=[spec.lags[0] - (name in spec.predetermined) for name in names],
        last=spec.lags[1],
        system=spec.form == "system",
        collapse=spec.collapse,
        dummies=spec.time_effects,
    )
    rows = level if plan.system else change
    firms = np.flatnonzero(np.logical_or.reduceat(rows, panel.offsets[:-1]))
    narrowed = used.narrow(level[used.rows], "no row of the period before")
    return narrowed, Problem(DynamicPanelRows(plan), firms, spec.output, inputs)


def _after(these: NDArray[np.bool_], those: NDArray[np.bool_], panel: Panel) -> NDArray[np.bool_]:
    """Which of these rows have one of those as the row of the period before."""
    found = np.zeros(these.size, bool)
    found[1:] = these[1:] & those[:-1] & (panel.lag_status[1:] == STATUS_OK)
    return found


def estimate(
    spec: Any,
    panel: Panel,
    problem: Problem,
    weights: Floats | None = None,
    threads: int | None = None,
) -> Estimated:
    """Estimate with and without common factors.

    Parameters
    ----------
    spec : DynamicPanel
    panel : Panel
    problem : Problem
    weights : (firms that take part,) float array, optional
    threads : int, optional

    Raises
    ------
    EstimationError
        If there are fewer firms than instruments, or a coefficient is not identified.
    """
    everywhere = None
    if weights is not None:
        everywhere = np.zeros(panel.offsets.size - 1)
        everywhere[problem.taking_part] = weights
    try:
        start = start_dynamic_panel(problem.rows, everywhere, threads)
    except np.linalg.LinAlgError:
        raise EstimationError(
            "some instruments say the same as others in every firm",
            code="dependent_moments",
            expected="inputs that vary over time within firms",
            remedy="leave out inputs that do not vary, or form='difference', which names them",
        ) from None
    _refuse_unidentified(panel, problem, start[0])
    try:
        dynamic = solve_dynamic_panel(
            problem.rows,
            problem.firms,
            steps=spec.steps,
            windmeijer=spec.windmeijer,
            weights=everywhere,
            threads=threads,
            start=start,
        )
    except np.linalg.LinAlgError:
        raise EstimationError(
            f"{start[0].c.size} instruments are too many for {problem.firms} firms",
            code="too_few_clusters",
            expected="more firms than instruments",
            remedy="collapse=True, fewer lags, time_effects=False, or steps=1",
        ) from None
    k, found = len(problem.inputs), dynamic.solution
    order = [*range(1, k + 1), *range(k + 1, 2 * k + 1), 0]
    try:
        imposed = common_factor(found.coefficients[order], found.covariance[np.ix_(order, order)])
    except np.linalg.LinAlgError:
        raise EstimationError(
            "the covariance of the coefficients is singular",
            code="singular",
            remedy="fewer instruments (lags=, collapse=True) or steps=1",
        ) from None
    return Estimated(dynamic, imposed)


def _refuse_unidentified(panel: Panel, problem: Problem, first: FirstStep) -> None:
    names = (problem.output, *problem.inputs, *problem.inputs)
    lost = [int(j) for j in first.rank.dropped if j < len(names)]
    if not lost and first.c.size >= first.rank.kept.size:
        return
    name = names[lost[0]] if lost else problem.output
    raise EstimationError(
        f"the coefficient of {name} is not identified by these instruments",
        code="not_identified",
        column=panel.names.get(name, name),
        remedy="more lags, or look for an input that does not vary over time",
    )


def repeat(
    spec: Any, panel: Panel, problem: Problem, weights: Floats, threads: int | None
) -> Floats:
    """Estimate elasticities and persistence once more, with weights of the firms.

    Raises
    ------
    EstimationError
        As `estimate`, and if the persistence lies at the edge of the range searched.
    """
    imposed = estimate(spec, panel, problem, weights, threads).imposed
    if not imposed.converged:
        raise EstimationError(
            "the persistence of productivity lies at the edge of the range searched",
            code="no_minimum",
        )
    return imposed.coefficients
