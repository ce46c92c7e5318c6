"""One sample from its columns to coefficients, errors, tables and row values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError, SpecificationError, nearest
from tfp_index.kernels.law_of_motion import law_at
from tfp_index.kernels.monomials import evaluate, plan, total_degree, whitening
from tfp_index.kernels.resampling import Draws
from tfp_index.kernels.roots import Choice
from tfp_index.kernels.two_stage_design import Data, make_design
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.production._result import Named
from tfp_index.production._survival import Survival, estimate_survival
from tfp_index.production._two_stage_data import Part
from tfp_index.production._two_stage_fit import (
    Problem,
    Solution,
    coefficients,
    covariance,
    follow,
    parameters,
    reported,
    solve,
)
from tfp_index.production._two_stage_notices import Notice, of_draws, of_solution
from tfp_index.production._two_stage_result import FirstStageReport, GroupFit, Surface
from tfp_index.production.bootstrap import Bootstrap

if TYPE_CHECKING:
    from tfp_index.production._two_stage import TwoStage

__all__ = ["Method", "Outcome", "estimate_part"]

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Method:
    """What a method makes of the roles.

    Attributes
    ----------
    basis : tuple of str
        Variables of the polynomial of stage 1.
    linear : tuple of str
        Inputs whose coefficients stage 1 gives.
    inputs : tuple of str
        Inputs whose terms stay in ``ω = φ̂ − β'x``.
    current : tuple of bool
        Which of these are instrumented by themselves at t; the others by themselves at t − 1.
    form : {"cobb_douglas", "translog"}
    definition : {"moments", "nls", "levpet"}
    centered : bool
        Weighting of the moments away from a root.
    """

    basis: tuple[str, ...]
    linear: tuple[str, ...]
    inputs: tuple[str, ...]
    current: tuple[bool, ...]
    form: str = "cobb_douglas"
    definition: str = "moments"
    centered: bool = True


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
    problem = make_problem(spec, method, panel, part)
    fitted = np.empty((2, problem.data.y.size))
    try:
        solution = solve(problem, fitted=fitted)
        names = _names(spec, method, part)
        shown = _shown_order(solution)
        solution = _override(spec, problem, solution, shown, names)
        _refuse_dropped(panel, names, problem, solution)
        dropped = [method.basis[j] for j in problem.design.basis.dropped]
        found = of_solution(problem, solution, method.inputs, method.linear, dropped)
        solution, V, draws = _errors(spec, problem, solution, rng, on_progress)
    except np.linalg.LinAlgError as error:
        raise EstimationError(
            f"the equations are singular ({error})",
            code="singular",
            remedy="a lower basis_degree or law_degree, or fewer controls",
        ) from None
    if draws is not None:
        draws = Draws(draws.values[:, names.order], draws.failures)
        found += of_draws(draws, names.params)
    fit = _group_fit(spec, method, problem, solution, names, shown, V, draws, found)
    omega, elasticities = _rows(problem, solution, fitted[0], method, fit)
    return Outcome(
        fit=fit,
        productivity=omega,
        with_error=omega + fitted[1],
        fitted=fitted,
        elasticities=elasticities,
        notices=tuple(found),
        lagged=int(problem.data.lagged.sum()),
    )


def make_problem(spec: TwoStage, method: Method, panel: Panel, part: Part) -> Problem:
    """Lay out one sample.

    Raises
    ------
    EstimationError
        If inputs are collinear or there are too few rows.
    """
    numeric, factors = part.split((*spec.controls, *spec.proxy_controls))
    law_numeric, law_factors = part.split(spec.law_controls)
    linear = (*method.linear, *numeric)
    data = Data(
        y=part.value(spec.output),
        basis=tuple(part.value(r) for r in method.basis),
        inputs=tuple(part.value(r) for r in method.inputs),
        offsets=part.offsets,
        lagged=part.lagged,
        linear=tuple(part.value(r) for r in linear),
        linear_in_phi=tuple(r in spec.proxy_controls for r in linear),
        factors=tuple(part.factor(n) for n in factors),
        factors_in_phi=tuple(n in spec.proxy_controls for n in factors),
        shifters=tuple(part.before(r) for r in spec.law_shifters),
        law_controls=tuple(part.value(r) for r in law_numeric),
        law_factors=tuple(part.factor(n) for n in law_factors),
    )
    _check_size(spec, data)
    _check_inputs(panel, method, data)
    survival = _survival(spec, part, data)
    first = None
    if survival is not None:
        first = estimate_survival(survival, data.offsets)
        data = replace(data, shifters=(*data.shifters, first[0]))
    translog = method.form == "translog"
    return Problem(
        data=data,
        design=make_design(
            data,
            form=method.form,
            basis_degree=spec.basis_degree,
            law_degree=spec.law_degree,
            current=method.current,
            noise=method.definition != "moments",
        ),
        definition=method.definition,
        centered=method.centered,
        search=spec.search or spec._region,
        starts=spec.starts,
        bounds=spec.bounds,
        origin=np.array([x.mean() if translog else 0.0 for x in data.inputs]),
        survival=survival,
        survived=first,
    )


def _survival(spec: TwoStage, part: Part, data: Data) -> Survival | None:
    columns = part.columns
    if columns.at_risk is None or columns.survived is None:
        return None
    variables = [part.value(r) for r in (*spec.state, *spec.proxy)]
    white = whitening(variables)
    made = plan(total_degree(len(white.kept), spec.basis_degree))
    basis = evaluate(white.apply(variables, slice(None)), made, orthogonal=True)
    at_risk, survived = columns.at_risk[part.rows], columns.survived[part.rows]
    if not (at_risk & ~survived).any():
        raise EstimationError(
            "no firm leaves before the last period",
            code="no_exit",
            remedy="survival=False",
        )
    return Survival(basis, at_risk, survived, data.lagged)


def _check_size(spec: TwoStage, data: Data) -> None:
    firms, rows, lags = data.offsets.size - 1, data.y.size, int(data.lagged.sum())
    if not lags:
        raise EstimationError(
            f"none of the {rows} rows has the same firm one period earlier",
            code="no_consecutive_rows",
            expected="firms seen in consecutive periods",
            remedy="check the time column and step= of the panel",
        )
    if firms < 2:
        raise EstimationError(
            "there is only one firm",
            code="too_few_firms",
            expected="many firms: moments and standard errors are over firms",
        )
    terms = len(total_degree(len(data.basis), spec.basis_degree)) + len(data.linear)
    terms += sum(f.levels - 1 for f in data.factors)
    law = len(total_degree(1 + len(data.shifters), spec.law_degree)) + len(data.law_controls)
    law += sum(f.levels - 1 for f in data.law_factors) + len(data.inputs)
    if rows <= terms or lags <= law:
        raise EstimationError(
            f"{rows} rows, {lags} of them with a lag, for {terms} terms of the first stage and "
            f"{law} of the second",
            code="too_few_rows",
            expected="more rows than terms in both stages",
            remedy="a lower basis_degree or law_degree, fewer controls, or a larger group",
        )


def _check_inputs(panel: Panel, method: Method, data: Data) -> None:
    """Refuse inputs that do not vary independently of each other."""
    roles = (*method.linear, *method.inputs)
    found = whitening((*data.linear[: len(method.linear)], *data.inputs))
    if found.dropped:
        culprit = roles[found.dropped[0]]
        others = ", ".join(roles[j] for j in found.kept)
        raise EstimationError(
            f"{culprit} does not vary, or is a combination of {others}",
            code="collinear",
            column=panel.names.get(culprit, culprit),
            expected="inputs that vary independently of each other",
            remedy="leave one of them out",
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Names:
    """Names of the coefficients, and where those that are reported stand in `parameters`."""

    linear: tuple[str, ...]
    terms: tuple[str, ...]
    order: NDArray[np.int64]

    @property
    def params(self) -> tuple[str, ...]:
        every = (*self.linear, *self.terms)
        return tuple(every[i] for i in self.order)


def _names(spec: TwoStage, method: Method, part: Part) -> _Names:
    """Free inputs, terms, controls, in this order; what shifts the proxy is not reported."""
    numeric, _ = part.split((*spec.controls, *spec.proxy_controls))
    linear, v = (*method.linear, *numeric), len(method.inputs)
    pairs = [(i, j) for i in range(v) for j in range(i, v)]
    second = [f"{method.inputs[i]}:{method.inputs[j]}" for i, j in pairs]
    terms = (*method.inputs, *(second if method.form == "translog" else ()))
    k, f = len(linear), len(method.linear)
    controls = [j for j in range(f, k) if linear[j] in spec.controls]
    return _Names(linear, terms, np.array([*range(f), *range(k, k + len(terms)), *controls]))


def _refuse_dropped(panel: Panel, names: _Names, problem: Problem, solution: Solution) -> None:
    """Raise if stage 1 cannot tell a free input or a control from the rest."""
    p = len(problem.design.basis_plan)
    for column in solution.first.rank.dropped.tolist():
        if p <= column < p + len(names.linear):
            culprit = names.linear[column - p]
            raise EstimationError(
                f"{culprit} is a function of the other variables of the first stage",
                code="collinear",
                column=panel.names.get(culprit, culprit),
                expected="free inputs and controls that vary given state and proxy",
                remedy="leave it out; a free input that is a function of state and proxy calls "
                "for AckerbergCavesFrazer",
            )


def _shown_order(solution: Solution) -> NDArray[np.int64]:
    """Order of `result.roots`: the choice, other roots as the rule ranks them, then by value."""
    rho = np.where(np.isfinite(solution.persistence), solution.persistence, -np.inf)
    values = solution.found.values
    if np.isnan(solution.correlation).all():  # least squares
        rank = np.lexsort((values, ~solution.is_root))
    else:
        score = np.where(solution.is_root, -rho, values)
        rank = np.lexsort((score, ~solution.admissible & solution.is_root, ~solution.is_root))
    first = solution.choice.index
    return np.concatenate([[first], rank[rank != first]]).astype(np.int64)


def _override(
    spec: TwoStage,
    problem: Problem,
    solution: Solution,
    shown: NDArray[np.int64],
    names: _Names,
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
    solution: Solution,
    rng: Any,
    on_progress: Progress | None,
) -> tuple[Solution, Floats, Draws | None]:
    """Return the solution, polished on the rows, and the covariance of all parameters."""
    k, J = len(problem.data.linear), len(problem.design.terms)
    unknown = np.full((k + J, k + J), np.nan)
    solved = bool(solution.is_root[solution.choice.index])
    if isinstance(spec.se, Bootstrap) and solved:
        start = solution.delta
        draws = spec.se.draw(
            lambda weights: follow(problem, start, weights),
            firms=problem.data.offsets.size - 1,
            width=k + J,
            rng=rng,
            on_progress=on_progress,
        )
        return solution, draws.covariance(), draws
    if spec.se is None or isinstance(spec.se, Bootstrap):
        return solution, unknown, None
    V, step = covariance(problem, solution)
    # the rows themselves confirm what the Gram matrix says, or correct its last digits
    if solved and np.abs(step).max() > 1e-9:
        points = solution.found.points.copy()
        points[solution.choice.index] += step
        solution = replace(solution, found=replace(solution.found, points=points))
        V, _ = covariance(problem, solution)
    if not solved:
        V[k:], V[:, k:] = np.nan, np.nan
    return solution, V, None


def _group_fit(
    spec: TwoStage,
    method: Method,
    problem: Problem,
    solution: Solution,
    names: _Names,
    shown: NDArray[np.int64],
    V: Floats,
    draws: Draws | None,
    found: list[Notice],
) -> GroupFit:
    order, f, v = names.order, len(method.linear), len(method.inputs)
    V = V[np.ix_(order, order)]
    b = parameters(problem, solution.first, solution.delta)[order]
    elastic = slice(0, f + v)  # free inputs, then first-order terms
    return GroupFit(
        params=Named(names.params, b),
        cov_params=V,
        elasticity_mean=Named((*method.linear, *method.inputs), b[elastic]),
        elasticity_cov=V[elastic, elastic],
        details=_details(spec, problem, solution, draws),
        warnings=tuple(n.text for n in found),
        roots=_roots(problem, solution, names, shown, float(b[:f].sum())),
        first_stage=_first_stage_report(method, problem, solution, names),
        law=_law(spec, problem, solution),
        choice=solution.choice.reason,
        surface=Surface(
            solution.second,
            problem.design,
            problem.definition,
            problem.centered,
            reported(problem),
        ),
        draws=draws,
    )


def _details(
    spec: TwoStage, problem: Problem, solution: Solution, draws: Draws | None
) -> dict[str, Any]:
    index = solution.choice.index
    value = float(solution.found.values[index]) * problem.design.unit**2
    moment_based = problem.definition == "moments"
    errors = "none" if spec.se is None else "clustered by firm"
    if draws is not None:
        errors = f"bootstrap, {len(draws.complete)} of {draws.values.shape[0]} repetitions"
    return {
        "firms": solution.first.firms,
        "first_stage_rows": solution.first.rows,
        "second_stage_rows": int(problem.data.lagged.sum()),
        "first_stage_r_squared": 1.0 - solution.first.ssr / solution.first.sst,
        "persistence": float(solution.persistence[index]),
        "objective": value,
        "correlation": float(solution.correlation[index]) if moment_based else None,
        "roots" if moment_based else "minima": int(solution.is_root.sum()),
        "std_errors": errors,
    }


def _roots(
    problem: Problem,
    solution: Solution,
    names: _Names,
    shown: NDArray[np.int64],
    free: float,
) -> Table:
    found = solution.found
    points = coefficients(problem, found.points[shown])
    moment_based = problem.definition == "moments"
    kinds = np.where(found.minimum, "minimum", "stationary").astype(object)
    if moment_based:
        kinds[solution.is_root] = "root"
    if solution.choice.reason.startswith("best point inside"):
        kinds[solution.choice.index] = "bound" if solution.on_bound else "minimum"
    v = problem.origin.size
    columns: dict[str, Any] = {
        "kind": kinds[shown],
        "chosen": shown == solution.choice.index,
        "admissible": solution.admissible[shown],
        **{name: points[:, j] for j, name in enumerate(names.terms)},
        "returns_to_scale": free + points[:, :v].sum(axis=1),
        "persistence": solution.persistence[shown],
        "objective": found.values[shown] * problem.design.unit**2,
        "hits": found.hits[shown],
    }
    if moment_based:
        columns["correlation"] = solution.correlation[shown]
    note = f"{problem.starts + 1} starts, {found.lost} ended at no stationary point"
    return Table(columns, title="Roots and other stationary points", notes=(note,))


def _first_stage_report(
    method: Method, problem: Problem, solution: Solution, names: _Names
) -> FirstStageReport:
    first, k = solution.first, len(names.linear)
    p = len(problem.design.basis_plan)
    left_out = [method.basis[j] for j in problem.design.basis.dropped]
    terms = first.coefficients.size
    return FirstStageReport(
        rows=first.rows,
        firms=first.firms,
        r_squared=1.0 - first.ssr / first.sst,
        terms=terms - first.rank.dropped.size,
        condition=first.rank.condition,
        dropped=(*left_out, *(f"polynomial term {c}" for c in first.rank.dropped if c < p)),
        coefficients=Named(names.linear, parameters(problem, first, solution.delta)[:k]),
        dependence=Named(names.linear, first.dependence),
        residual_sd=Named(names.linear, first.spread),
    )


def _law(spec: TwoStage, problem: Problem, solution: Solution) -> Table:
    """Coefficients of the law in ``ω`` less its mean; shifters are standardized."""
    design = problem.design
    law = law_at(solution.second, design, solution.delta[None], problem.definition == "nls")
    shifters = [f"{role}_lag" for role in spec.law_shifters]
    shifters += ["survival"] if problem.survival is not None else []
    terms, values = [], []
    for (p, r), c in zip(design.expansion.names[1:], law.c[0].tolist(), strict=True):
        factors = [("productivity_lag", p), *zip(shifters, r, strict=True)]
        terms.append(" * ".join(n if e == 1 else f"{n}^{e}" for n, e in factors if e))
        values.append(c * design.unit ** (1 - p))
    return Table({"term": terms, "estimate": values}, title="Law of motion")


def _rows(
    problem: Problem, solution: Solution, phi: Floats, method: Method, fit: GroupFit
) -> tuple[Floats, Floats]:
    """Return ``ω = φ̂ − β'x`` and the (inputs, m) elasticities."""
    b = coefficients(problem, solution.delta[None])[0]
    x, v = problem.data.inputs, len(problem.data.inputs)
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
