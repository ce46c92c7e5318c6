"""The parts of a two-stage result that do not grow with the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.law_of_motion import law_at
from tfp_index.kernels.resampling import Draws
from tfp_index.panel.table import Table
from tfp_index.production._result import Named
from tfp_index.production._two_stage_fit import (
    Problem,
    Solution,
    coefficients,
    parameters,
    reported,
)
from tfp_index.production._two_stage_notices import Notice
from tfp_index.production._two_stage_result import FirstStageReport, GroupFit, Surface
from tfp_index.production._two_stage_sample import Method

if TYPE_CHECKING:
    from tfp_index.production._two_stage import TwoStage

__all__ = ["Names", "group_fit", "names_of", "shown_order"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Names of the coefficients, and where those that are reported stand in `parameters`."""

    linear: tuple[str, ...]
    terms: tuple[str, ...]
    order: NDArray[np.int64]

    @property
    def params(self) -> tuple[str, ...]:
        every = (*self.linear, *self.terms)
        return tuple(every[i] for i in self.order)


def names_of(method: Method, numeric: Sequence[str], controls: Sequence[str]) -> Names:
    """Return the names: free inputs, terms, controls, in this order.

    Parameters
    ----------
    method : Method
    numeric : sequence of str
        Controls of either kind that are numbers.
    controls : sequence of str
        Those that shift output; what shifts the proxy is not reported.
    """
    linear, v = (*method.linear, *numeric), len(method.inputs)
    pairs = [(i, j) for i in range(v) for j in range(i, v)]
    second = [f"{method.inputs[i]}:{method.inputs[j]}" for i, j in pairs]
    terms = (*method.inputs, *(second if method.form == "translog" else ()))
    k, f = len(linear), len(method.linear)
    shown = [j for j in range(f, k) if linear[j] in controls]
    return Names(linear, terms, np.array([*range(f), *range(k, k + len(terms)), *shown]))


def shown_order(solution: Solution) -> NDArray[np.int64]:
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


def group_fit(
    spec: TwoStage,
    method: Method,
    problem: Problem,
    solution: Solution,
    names: Names,
    shown: NDArray[np.int64],
    V: Floats,
    draws: Draws | None,
    found: Sequence[Notice],
    third: str = "",
) -> GroupFit:
    """Put the parts of a result together that do not grow with the rows.

    ``third`` says what the rows were walked over a third time for.
    """
    order, f, v = names.order, len(method.linear), len(method.inputs)
    V = V[np.ix_(order, order)]
    b = parameters(problem, solution.first, solution.delta)[order]
    elastic = slice(0, f + v)  # free inputs, then first-order terms
    return GroupFit(
        params=Named(names.params, b),
        cov_params=V,
        elasticity_mean=Named((*method.linear, *method.inputs), b[elastic]),
        elasticity_cov=V[elastic, elastic],
        details=_details(spec, problem, solution, draws, third),
        warnings=tuple(n.text for n in found),
        roots=_roots(problem, solution, names, shown, float(b[:f].sum())),
        first_stage=_first_stage_report(method, problem, solution, names),
        law=_law(spec, problem, solution),
        choice=solution.choice.reason,
        surface=Surface(
            replace(solution.second, scores=None),  # for errors only, and larger than the rest
            problem.design,
            problem.definition,
            problem.centered,
            reported(problem),
        ),
        draws=draws,
    )


def _details(
    spec: TwoStage, problem: Problem, solution: Solution, draws: Draws | None, third: str
) -> dict[str, Any]:
    index = solution.choice.index
    value = float(solution.found.values[index]) * problem.design.unit**2
    moment_based = problem.definition == "moments"
    errors = "none" if spec.se is None else "clustered by firm"
    if third:
        errors += f" (third pass over the rows: {third})"
    if draws is not None:
        errors = f"bootstrap, {len(draws.complete)} of {draws.values.shape[0]} repetitions"
    return {
        "firms": solution.first.firms,
        "first_stage_rows": solution.first.rows,
        "second_stage_rows": problem.lags,
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
    names: Names,
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
    method: Method, problem: Problem, solution: Solution, names: Names
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
    shifters += ["survival"] if spec.survival is not False else []
    terms, values = [], []
    for (p, r), c in zip(design.expansion.names[1:], law.c[0].tolist(), strict=True):
        factors = [("productivity_lag", p), *zip(shifters, r, strict=True)]
        terms.append(" * ".join(n if e == 1 else f"{n}^{e}" for n, e in factors if e))
        values.append(c * design.unit ** (1 - p))
    return Table({"term": terms, "estimate": values}, title="Law of motion")
