"""One sample laid out: what a method makes of the roles, the rows, what is refused early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tfp_index.errors import EstimationError
from tfp_index.kernels.monomials import evaluate, plan, total_degree, whitening, whitening_of
from tfp_index.kernels.two_stage_design import Data, Survey, make_design, survey
from tfp_index.production._survival import Survival, estimate_survival
from tfp_index.production._two_stage_data import Part
from tfp_index.production._two_stage_fit import Problem, Rows

if TYPE_CHECKING:
    from tfp_index.production._two_stage import TwoStage

__all__ = ["Method", "check_sample", "lay_out", "make_problem", "make_rows", "read_data"]


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


def lay_out(
    spec: TwoStage, method: Method, names: Mapping[str, str], part: Part
) -> tuple[Problem, Rows]:
    """Lay out one sample whose rows are all here.

    Parameters
    ----------
    spec, method
    names : mapping of role to str
        The caller's names of the roles.
    part : Part

    Raises
    ------
    EstimationError
        If inputs are collinear or there are too few rows.
    """
    data = read_data(spec, method, part)
    known = survey(data)
    check_sample(spec, method, names, known)
    rows = make_rows(spec, part, data)
    if rows.survival is not None:
        known = survey(rows.data)
    return make_problem(spec, method, known), rows


def read_data(spec: TwoStage, method: Method, part: Part) -> Data:
    """Return the columns of a sample, or of a part of it that holds whole firms."""
    numeric, factors = part.split((*spec.controls, *spec.proxy_controls))
    law_numeric, law_factors = part.split(spec.law_controls)
    linear = (*method.linear, *numeric)
    return Data(
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


def check_sample(spec: TwoStage, method: Method, names: Mapping[str, str], known: Survey) -> None:
    """Refuse what cannot be estimated.

    Parameters
    ----------
    spec, method
    names : mapping of role to str
        The caller's names of the roles.
    known : Survey
        Of the whole sample, without the probability of survival.

    Raises
    ------
    EstimationError
        If inputs are collinear, output does not vary, or there are too few rows.
    """
    _check_size(spec, known)
    _check_inputs(names, method, known)
    if known.y.min() == known.y.max():
        raise EstimationError(
            f"{spec.output} does not vary",
            code="constant_output",
            column=names.get(spec.output, spec.output),
            expected="an output that differs between rows",
        )


def make_rows(spec: TwoStage, part: Part, data: Data) -> Rows:
    """Add the probability of survival, if it is asked for."""
    survival = _survival(spec, part, data)
    if survival is None:
        return Rows(data)
    first = estimate_survival(survival, data.offsets)
    return Rows(replace(data, shifters=(*data.shifters, first[0])), survival, first)


def make_problem(spec: TwoStage, method: Method, known: Survey) -> Problem:
    """Lay out the columns of both stages.

    Parameters
    ----------
    spec, method
    known : Survey
        Of the whole sample.
    """
    translog = method.form == "translog"
    return Problem(
        design=make_design(
            known,
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
        origin=known.totals / known.rows if translog else np.zeros(known.totals.size),
        lags=known.lags,
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


def _check_size(spec: TwoStage, known: Survey) -> None:
    firms, rows, lags = known.firms, known.rows, known.lags
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
    terms = len(total_degree(len(known.basis), spec.basis_degree)) + len(known.linear)
    terms += sum(count - 1 for count in known.levels)
    law = len(total_degree(1 + len(known.shifters), spec.law_degree)) + len(known.law_controls)
    law += sum(count - 1 for count in known.law_levels) + len(known.inputs)
    if rows <= terms or lags <= law:
        raise EstimationError(
            f"{rows} rows, {lags} of them with a lag, for {terms} terms of the first stage and "
            f"{law} of the second",
            code="too_few_rows",
            expected="more rows than terms in both stages",
            remedy="a lower basis_degree or law_degree, fewer controls, or a larger group",
        )


def _check_inputs(names: Mapping[str, str], method: Method, known: Survey) -> None:
    """Refuse inputs that do not vary independently of each other."""
    roles = (*method.linear, *method.inputs)
    columns = np.concatenate([known.linear[: len(method.linear)], known.inputs])
    found = whitening_of(columns, partial=known.y.size < known.rows)
    if found.dropped:
        culprit = roles[found.dropped[0]]
        others = ", ".join(roles[j] for j in found.kept)
        raise EstimationError(
            f"{culprit} does not vary, or is a combination of {others}",
            code="collinear",
            column=names.get(culprit, culprit),
            expected="inputs that vary independently of each other",
            remedy="leave one of them out",
        )
