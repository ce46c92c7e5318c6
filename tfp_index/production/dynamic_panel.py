"""Dynamic panel estimation of a production function: Arellano–Bond and Blundell–Bond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import (
    ConvergenceWarning,
    IdentificationWarning,
    TFPWarning,
    warn,
)
from tfp_index.kernels.dynamic_gmm import serial_correlation, serial_sums, underidentification
from tfp_index.kernels.resampling import Draws, seed_sequence
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.production._by_group import fit_by_group
from tfp_index.production._dynamic_panel_estimate import (
    Estimated,
    Problem,
    estimate,
    problem_of,
    repeat,
)
from tfp_index.production._result import Named, ProductionResult, two_sided
from tfp_index.production._rows import Used, chosen_inputs, complete_rows, read_logs
from tfp_index.production.bootstrap import Bootstrap
from tfp_index.results.result import RowValues, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["DynamicPanel", "DynamicPanelResult"]

Floats = NDArray[np.float64]

UNIDENTIFIED = 0.05
"""p-value of the tests of underidentification above which a coefficient is warned of."""

FAILED_DRAWS = 0.05
"""Share of bootstrap repetitions without an estimate that is worth a warning."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DynamicPanelResult(ProductionResult):
    """A production function with autoregressive productivity.

    ``params`` are the elasticities and ``persistence`` ρ with the common factors imposed.

    Attributes
    ----------
    unrestricted : Table
        Coefficients before the common factors are imposed, with analytic errors.
    identification : Table
        For each of them a test that the instruments do *not* identify it: the J statistic of its
        regressor on the other regressors, with the same instruments. A small p-value is good.
    j_statistic, j_pvalue : float
        Hansen's test of the instruments; NaN without excess moments.
    j_dof : int
    serial_correlation : Table
        Arellano and Bond's tests of order one (to be expected) and two (against the instruments).
    common_factor_statistic, common_factor_pvalue : float
        Distance between the coefficients with and without the restrictions.
    draws : Draws or None
        Bootstrap repetitions of `params`.
    """

    unrestricted: Table
    identification: Table
    j_statistic: float
    j_pvalue: float
    j_dof: int
    serial_correlation: Table
    common_factor_statistic: float
    common_factor_pvalue: float
    draws: Draws | None


@dataclass(frozen=True, repr=False)
class DynamicPanel(Specification):
    r"""Production function with a firm effect and autoregressive productivity.

    .. math:: y_{it} = \beta' x_{it} + \gamma_t + \eta_i + v_{it}, \qquad
              v_{it} = \rho v_{i,t-1} + e_{it},

    is, with the autoregression taken out,

    .. math:: y_{it} = \pi_1' x_{it} + \pi_2' x_{i,t-1} + \pi_3 y_{i,t-1}
              + \gamma^*_t + \eta^*_i + e_{it}

    with common factors :math:`\pi_2 = -\pi_3 \pi_1`. The latter is estimated by generalized method
    of moments: in changes with values two and more periods back as instruments, and (``"system"``)
    in levels with lagged changes, which needs changes of inputs and output to be unrelated to the
    firm effect. The restrictions are then imposed by minimum distance (Blundell and Bond 2000).

    Parameters
    ----------
    output : str
        Role of output.
    inputs : tuple of str, optional
        Default: all inputs of the panel; chosen at *t*, knowing :math:`e_{it}`.
    predetermined : tuple of str
        Those of the inputs that were fixed before *t*: one lag more is an instrument.
    form : {"system", "difference"}
    lags : (int, int)
        First and last lag of the instruments in changes. Start at 3 when output or inputs are
        measured with error.
    collapse : bool
        One instrument per lag; otherwise one per lag and period, which are soon too many.
    time_effects : bool
        Dummies of the periods.
    steps : {1, 2}
        2 weights the moments by the residuals of a first step.
    windmeijer : bool
        Correct two-step errors for the estimated weight.
    se : {"clustered"} or Bootstrap
        Errors clustered by firm, or by drawing firms: every repetition estimates both steps, the
        weight of the common factors, and these again.
    by : str, optional
        A grouping of the panel: every group is fitted as a panel of its own, in one call, and the
        answer is one result per group.

    Notes
    -----
    The first step weights by the covariance of independent errors
    with one variance. ``productivity`` is :math:`y - \beta' x`; the error of output is a part of
    it.

    References
    ----------
    Arellano and Bond (1991); Blundell and Bond (1998, 2000); Windmeijer (2005).

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.firm_effects(shock_persistence=0.5, rng=1)
    >>> fit = tfp.DynamicPanel(predetermined="capital").fit(sim.panel())
    >>> {name: round(value, 1) for name, value in fit.params.items()}, fit.j_dof
    ({'capital': 0.3, 'labor': 0.6, 'persistence': 0.5}, 8)
    """

    output: str = "output"
    inputs: tuple[str, ...] | None = None
    predetermined: tuple[str, ...] = ()
    form: str = "system"
    lags: tuple[int, int] = (2, 4)
    collapse: bool = True
    time_effects: bool = True
    steps: int = 2
    windmeijer: bool = True
    se: Any = "clustered"
    by: str | None = None

    def __post_init__(self) -> None:
        choose(self, "form", ("system", "difference"))
        choose(self, "steps", (1, 2))
        if not isinstance(self.se, Bootstrap):
            choose(self, "se", ("clustered",))
        for option in ("inputs", "predetermined"):
            value = getattr(self, option)
            if value is None:
                continue
            names = (value,) if isinstance(value, str) else tuple(value)
            object.__setattr__(self, option, names)
            if len(set(names)) < len(names) or self.output in names:
                self._refuse(option, f"{option} must be distinct roles, without output")
        if self.inputs is not None:
            if not self.inputs:
                self._refuse("inputs", "there are no inputs", "one or more roles")
            stray = set(self.predetermined) - set(self.inputs)
            if stray:
                self._refuse("predetermined", f"{sorted(stray)} are not among the inputs")
        try:
            first, last = (int(v) for v in self.lags)
        except (TypeError, ValueError):
            self._refuse("lags", f"lags={self.lags!r}", "first and last lag, e.g. (2, 4)")
        if not 2 <= first <= last:
            self._refuse("lags", f"lags={self.lags!r}", "2 ≤ first ≤ last")
        object.__setattr__(self, "lags", (first, last))

    def fit(
        self,
        panel: Panel,
        *,
        rng: Any = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Any:
        """Estimate the production function.

        Parameters
        ----------
        panel : Panel
        rng : None, int, SeedSequence or Generator
            For ``se=Bootstrap(…)``.
        on_progress : callable, optional
            Called with (done, of how many): bootstrap repetitions, or groups with ``by=``.

        Returns
        -------
        DynamicPanelResult
            One per group with ``by=``: `FitsByGroup`.

        Raises
        ------
        DataError
            If a role is absent, keys are missing or repeated, or a log does not exist.
        EstimationError
            If firms have too few consecutive periods, a coefficient is not identified, or there
            are fewer firms than instruments.
        """
        if self.by is not None:
            return fit_by_group(self, panel, rng=rng, on_progress=on_progress)
        inputs = chosen_inputs(panel, self.inputs)
        stray = set(self.predetermined) - set(inputs)
        if stray:
            self._refuse("predetermined", f"{sorted(stray)} are not among the inputs")
        logs = read_logs(panel, (self.output, *inputs))
        used = complete_rows(panel, logs)
        level, problem = problem_of(self, panel, used, logs, inputs)
        found = estimate(self, panel, problem)
        V, draws, seed = found.imposed.covariance, None, None
        if isinstance(self.se, Bootstrap):
            source = seed_sequence(rng)
            threads = None if self.se.workers == 1 else 1  # workers are threads already
            draws = self.se.draw(
                lambda weights: repeat(self, panel, problem, weights, threads),
                firms=problem.firms,
                width=V.shape[0],
                rng=source,
                on_progress=on_progress,
            )
            V, seed = draws.covariance(), source.entropy
        identification = _identification(problem, found)
        said = self._notices(found, identification, draws)
        for category, text in said:
            warn(text, category, stacklevel=2)
        texts = tuple(text for _, text in said)
        return self._result(
            panel, used, level, logs, problem, found, identification, V, draws, seed, texts
        )

    def _notices(
        self, found: Estimated, identification: Table, draws: Draws | None
    ) -> list[tuple[type[TFPWarning], str]]:
        said: list[tuple[type[TFPWarning], str]] = []
        solution = found.dynamic.solution
        if solution.moments > solution.clusters:
            said.append(
                (
                    IdentificationWarning,
                    f"{solution.moments} instruments for {solution.clusters} firms: the estimate "
                    "leans towards least squares and tests lose their meaning; collapse=True or "
                    "fewer lags reduce them",
                )
            )
        doubtful = [
            f"{term} (p = {p:.2g})"
            for term, p in zip(identification["term"], identification["p_value"], strict=True)
            if p > UNIDENTIFIED
        ]
        if doubtful:
            said.append(
                (
                    IdentificationWarning,
                    "the instruments may not identify the dynamic equation; not rejected for "
                    f"{', '.join(doubtful)}. Estimates then rest on the common factors, and their "
                    "errors are not to be trusted; try other lags or form, and compare with other "
                    "estimators",
                )
            )
        if not found.imposed.converged:
            said.append(
                (
                    ConvergenceWarning,
                    "with common factors the persistence of productivity lies at the edge of the "
                    f"range searched ({found.imposed.coefficients[-1]:g}); see "
                    "result.unrestricted",
                )
            )
        if draws is not None and len(draws.failures) > FAILED_DRAWS * draws.values.shape[0]:
            said.append(
                (
                    IdentificationWarning,
                    f"{len(draws.failures)} of {draws.values.shape[0]} bootstrap repetitions give "
                    f"no estimate ({draws.failures[0][1]}) and are left out of the standard errors",
                )
            )
        return said

    def _result(
        self,
        panel: Panel,
        used: Used,
        level: Used,
        logs: dict[str, Floats],
        problem: Problem,
        found: Estimated,
        identification: Table,
        V: Floats,
        draws: Draws | None,
        seed: Any,
        texts: tuple[str, ...],
    ) -> DynamicPanelResult:
        inputs, k = problem.inputs, len(problem.inputs)
        solution, imposed = found.dynamic.solution, found.imposed
        beta = imposed.coefficients[:k]
        omega = logs[self.output][used.rows]
        for b, x in zip(beta, inputs, strict=True):
            omega -= b * logs[x][used.rows]
        j_p = _chi2(solution.j_statistic, solution.j_dof)
        c_p = _chi2(imposed.statistic, k)
        ar = _serial_table(problem, found)
        notes = {}
        if draws is not None:
            notes["bootstrap repetitions without an estimate"] = len(draws.failures)
        return DynamicPanelResult(
            spec=self,
            record=record_of(self, panel, level.sample(panel, notes), seed),
            keys=panel.keys,
            params=Named((*inputs, "persistence"), imposed.coefficients),
            cov_params=V,
            productivity=RowValues(
                panel.keys, {"productivity": used.spread(omega)}, "Log total factor productivity"
            ),
            elasticities_by_row=RowValues(
                panel.keys,
                {x: _constant(used, b) for x, b in zip(inputs, beta, strict=True)},
                "Output elasticities",
            ),
            inputs=inputs,
            elasticity_mean=Named(inputs, beta),
            elasticity_cov=V[:k, :k],
            details=_figures(found, ar, identification, j_p, c_p),
            warnings=texts,
            unrestricted=_unrestricted(problem, found),
            identification=identification,
            j_statistic=solution.j_statistic,
            j_pvalue=j_p,
            j_dof=solution.j_dof,
            serial_correlation=ar,
            common_factor_statistic=imposed.statistic,
            common_factor_pvalue=c_p,
            draws=draws,
        )


def _constant(used: Used, value: float) -> Floats:
    out = np.full(used.total, np.nan)
    out[used.rows] = value
    return out


def _chi2(statistic: float, dof: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(dof, statistic)) if np.isfinite(statistic) and dof else float("nan")


def _serial_table(problem: Problem, found: Estimated) -> Table:
    first, solution = found.dynamic.first, found.dynamic.solution
    total = problem.rows.fold(lambda made: serial_sums(made, first, solution.coefficients))
    z = serial_correlation(total, solution)
    return Table(
        {"order": [1, 2], "z": z, "p_value": two_sided(z, None)},
        title="Serial correlation of the changes' residuals",
    )


def _terms(problem: Problem) -> list[str]:
    inputs = problem.inputs
    return [f"{problem.output} (t−1)", *inputs, *(f"{x} (t−1)" for x in inputs)]


def _identification(problem: Problem, found: Estimated) -> Table:
    terms = _terms(problem)
    statistics, dof = underidentification(problem.rows, found.dynamic.first, len(terms))
    return Table(
        {
            "term": terms,
            "statistic": statistics,
            "dof": [dof] * len(terms),
            "p_value": np.array([_chi2(value, dof) for value in statistics.tolist()]),
        },
        title="Tests that a coefficient is not identified",
    )


def _unrestricted(problem: Problem, found: Estimated) -> Table:
    names, solution = _terms(problem), found.dynamic.solution
    width = len(names)
    errors = np.sqrt(np.diagonal(solution.covariance)[:width])
    b = solution.coefficients[:width]
    return Table(
        {"term": names, "estimate": b, "std_error": errors, "p_value": two_sided(b / errors, None)},
        title="Without common factors",
    )


def _figures(
    found: Estimated, ar: Table, identification: Table, j_p: float, c_p: float
) -> dict[str, Any]:
    solution = found.dynamic.solution
    return {
        "entities": solution.clusters,
        "changes": found.dynamic.changes,
        "instruments": solution.moments,
        "j_statistic": solution.j_statistic if solution.j_dof else None,
        "j_dof": solution.j_dof,
        "j_pvalue": j_p if solution.j_dof else None,
        "ar1_pvalue": float(ar["p_value"][0]),
        "ar2_pvalue": float(ar["p_value"][1]),
        "common_factor_pvalue": c_p,
        "underidentification_pvalue": float(identification["p_value"].max()),
    }
