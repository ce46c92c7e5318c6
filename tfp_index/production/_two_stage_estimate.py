"""One sample from its columns to coefficients, errors, tables and row values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError, SpecificationError, nearest
from tfp_index.kernels.resampling import Draws
from tfp_index.kernels.roots import Choice
from tfp_index.panel.panel import Panel
from tfp_index.production._two_stage_data import Part
from tfp_index.production._two_stage_errors import clustered
from tfp_index.production._two_stage_fit import (
    Problem,
    Rows,
    Solution,
    coefficients,
    follow,
    solve,
)
from tfp_index.production._two_stage_notices import Notice, of_draws, of_solution
from tfp_index.production._two_stage_report import Names, group_fit, names_of, shown_order
from tfp_index.production._two_stage_result import GroupFit
from tfp_index.production._two_stage_sample import Method, lay_out
from tfp_index.production.bootstrap import Bootstrap

if TYPE_CHECKING:
    from tfp_index.production._two_stage import TwoStage

__all__ = [
    "Judged",
    "Outcome",
    "conclude",
    "estimate_part",
    "judge",
    "rows_of_fit",
    "told_when_singular",
]

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One group's fit and its rows.

    Attributes
    ----------
    fit : GroupFit
    productivity, with_error : (m,) float arrays
    fitted : (2, m) float array
        ``φ̂`` and the residual of stage 1.
    elasticities : (inputs, m) float array
    notices : tuple of Notice
    lagged : int
        Rows with a lag.
    """

    fit: GroupFit
    productivity: Floats
    with_error: Floats
    fitted: Floats
    elasticities: Floats
    notices: tuple[Notice, ...]
    lagged: int


def estimate_part(
    spec: TwoStage,
    method: Method,
    panel: Panel,
    part: Part,
    rng: Any = None,
    on_progress: Progress | None = None,
) -> Outcome:
    """Estimate one sample.

    Raises
    ------
    EstimationError
        If inputs are collinear, there are too few rows, or there is no solution.
    """
    problem, rows = lay_out(spec, method, panel.names, part)
    fitted = np.empty((2, rows.data.y.size))
    numeric, _ = part.split((*spec.controls, *spec.proxy_controls))
    names = names_of(method, numeric, spec.controls)
    with told_when_singular():
        solution = solve(problem, rows, fitted=fitted, clustered=spec.se == "clustered")
        judged = judge(spec, method, panel.names, names, problem, solution)
        solution, V, draws, third = _errors(spec, problem, rows, judged.solution, rng, on_progress)
    fit, found = conclude(
        spec, method, names, problem, replace(judged, solution=solution), V, draws, third
    )
    omega, elasticities = rows_of_fit(problem, solution, rows.data.inputs, fitted[0], method, fit)
    return Outcome(
        fit=fit,
        productivity=omega,
        with_error=omega + fitted[1],
        fitted=fitted,
        elasticities=elasticities,
        notices=found,
        lagged=problem.lags,
    )


@contextmanager
def told_when_singular() -> Iterator[None]:
    """Turn a singular system of equations into an error that says what to do."""
    try:
        yield
    except np.linalg.LinAlgError as error:
        raise EstimationError(
            f"the equations are singular ({error})",
            code="singular",
            remedy="a lower basis_degree or law_degree, or fewer controls",
        ) from None


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A solution with the caller's choice of root, and what is to be said about it.

    Attributes
    ----------
    solution : Solution
    shown : (m,) int array
        Order in which roots are listed.
    found : tuple of Notice
    """

    solution: Solution
    shown: NDArray[np.int64]
    found: tuple[Notice, ...]


def judge(
    spec: TwoStage,
    method: Method,
    roles: Mapping[str, str],
    names: Names,
    problem: Problem,
    solution: Solution,
) -> Judged:
    """Take the root that the caller wants, and say what is doubtful; without the rows.

    Raises
    ------
    EstimationError
        If stage 1 cannot tell an input or control from the rest, or ``root=`` names none.
    """
    shown = shown_order(solution)
    solution = _override(spec, problem, solution, shown, names)
    _refuse_dropped(roles, names, problem, solution)
    dropped = [method.basis[j] for j in problem.design.basis.dropped]
    found = of_solution(problem, solution, method.inputs, method.linear, dropped)
    return Judged(solution, shown, tuple(found))


def conclude(
    spec: TwoStage,
    method: Method,
    names: Names,
    problem: Problem,
    judged: Judged,
    V: Floats,
    draws: Draws | None,
    third: str = "",
) -> tuple[GroupFit, tuple[Notice, ...]]:
    """Put coefficients, errors and tables together; without the rows.

    Parameters
    ----------
    spec, method, names, problem, judged
    V : (k + J, k + J) float array
        Covariance of `parameters`.
    draws : Draws or None
    third : str
        What the rows were walked over a third time for.
    """
    found = judged.found
    if draws is not None:
        draws = Draws(draws.values[:, names.order], draws.failures)
        found = (*found, *of_draws(draws, names.params))
    fit = group_fit(
        spec, method, problem, judged.solution, names, judged.shown, V, draws, found, third
    )
    return fit, found


def _refuse_dropped(
    roles: Mapping[str, str], names: Names, problem: Problem, solution: Solution
) -> None:
    """Raise if stage 1 cannot tell a free input or a control from the rest."""
    p = len(problem.design.basis_plan)
    for column in solution.first.rank.dropped.tolist():
        if p <= column < p + len(names.linear):
            culprit = names.linear[column - p]
            raise EstimationError(
                f"{culprit} is a function of the other variables of the first stage",
                code="collinear",
                column=roles.get(culprit, culprit),
                expected="free inputs and controls that vary given state and proxy",
                remedy="leave it out; a free input that is a function of state and proxy calls "
                "for AckerbergCavesFrazer",
            )


def _override(
    spec: TwoStage,
    problem: Problem,
    solution: Solution,
    shown: NDArray[np.int64],
    names: Names,
) -> Solution:
    if spec.root is None:
        return solution
    if isinstance(spec.root, Mapping):
        for name in spec.root:
            if name not in names.terms:
                raise SpecificationError(
                    f"root= names {name!r}, which is no coefficient of the second stage",
                    code="bad_option",
                    column="root",
                    remedy=nearest(name, names.terms),
                )
        columns = [names.terms.index(name) for name in spec.root]
        gaps = coefficients(problem, solution.found.points)[:, columns] - np.array(
            list(spec.root.values())
        )
        index = int(np.abs(gaps).max(axis=1).argmin())
        reason = f"nearest to root={dict(spec.root)}"
    else:
        if spec.root >= shown.size:
            raise EstimationError(
                f"root={spec.root}, but the search found {shown.size} point(s)",
                code="no_such_root",
                remedy="fit with root=None and look at result.roots",
            )
        index, reason = int(shown[spec.root]), f"root={spec.root}"
    return replace(solution, choice=Choice(index, reason, ()), on_bound=False)


def _errors(
    spec: TwoStage,
    problem: Problem,
    rows: Rows,
    solution: Solution,
    rng: Any,
    on_progress: Progress | None,
) -> tuple[Solution, Floats, Draws | None, str]:
    """Return the solution, the covariance of all parameters, and what a third pass was for."""
    k, J = len(problem.design.linear_in_phi), len(problem.design.terms)
    unknown = np.full((k + J, k + J), np.nan)
    solved = bool(solution.is_root[solution.choice.index])
    if isinstance(spec.se, Bootstrap) and solved:
        start = solution.delta
        draws = spec.se.draw(
            lambda weights: follow(problem, rows, start, weights),
            firms=solution.first.firms,
            width=k + J,
            rng=rng,
            on_progress=on_progress,
        )
        return solution, draws.covariance(), draws, ""
    if spec.se is None or isinstance(spec.se, Bootstrap):
        return solution, unknown, None, ""
    solution, V, third = clustered(problem, rows, solution)
    if not solved:
        V[k:], V[:, k:] = np.nan, np.nan
    return solution, V, None, third


def rows_of_fit(
    problem: Problem,
    solution: Solution,
    x: Sequence[Floats],
    phi: Floats,
    method: Method,
    fit: GroupFit,
) -> tuple[Floats, Floats]:
    """Return ``ω = φ̂ − β'x`` and the (inputs, m) elasticities."""
    b = coefficients(problem, solution.delta[None])[0]
    v = len(x)
    omega = phi.copy()
    free = np.asarray(fit.params)[: len(method.linear)]
    if method.form == "cobb_douglas":
        for value, column in zip(b, x, strict=True):
            omega -= value * column
        every = np.concatenate([free, b])
        return omega, np.broadcast_to(every[:, None], (every.size, phi.size))
    z = np.stack([column - m for column, m in zip(x, problem.origin, strict=True)])
    gamma = np.zeros((v, v))
    pairs = [(i, j) for i in range(v) for j in range(i, v)]
    for value, (i, j) in zip(b[v:], pairs, strict=True):
        gamma[i, j] = gamma[j, i] = value
    slopes = gamma @ z
    omega -= b[:v] @ z + 0.5 * np.einsum("jn,jn->n", z, slopes)
    return omega, b[:v, None] + slopes
