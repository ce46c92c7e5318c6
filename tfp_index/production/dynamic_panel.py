"""Dynamic panel estimation of a production function: Arellano–Bond and Blundell–Bond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import (
    ConvergenceWarning,
    EstimationError,
    IdentificationWarning,
    TFPWarning,
    warn,
)
from tfp_index.kernels.dynamic_panel import (
    CommonFactor,
    Stacked,
    common_factor,
    lagged_instruments,
    serial_correlation,
    stack,
)
from tfp_index.kernels.system_gmm import SystemGMM, system_gmm
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.production._by_group import fit_by_group
from tfp_index.production._result import Named, ProductionResult, two_sided
from tfp_index.production._rows import Used, chosen_inputs, complete_rows, dense, read_logs
from tfp_index.results.result import RowValues, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["DynamicPanel", "DynamicPanelResult"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DynamicPanelResult(ProductionResult):
    """A production function with autoregressive productivity.

    ``params`` are the elasticities and ``persistence`` ρ with the common factors imposed.

    Attributes
    ----------
    unrestricted : Table
        Coefficients before the common factors are imposed.
    j_statistic, j_pvalue : float
        Hansen's test of the instruments; NaN without excess moments.
    j_dof : int
    serial_correlation : Table
        Arellano and Bond's tests of order one (to be expected) and two (against the instruments).
    common_factor_statistic, common_factor_pvalue : float
        Distance between the coefficients with and without the restrictions.
    """

    unrestricted: Table
    j_statistic: float
    j_pvalue: float
    j_dof: int
    serial_correlation: Table
    common_factor_statistic: float
    common_factor_pvalue: float


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
    by : str, optional
        A grouping of the panel: every group is fitted as a panel of its own, in one call, and the
        answer is one result per group.

    Notes
    -----
    Errors are clustered by firm. The first step weights by the covariance of independent errors
    with one variance. ``productivity`` is :math:`y - \beta' x`; the error of output is a part of
    it.

    References
    ----------
    Arellano and Bond (1991); Blundell and Bond (1998, 2000); Windmeijer (2005).

    Examples
    --------
    >>> import tfp_index as tfp
    >>> states = tfp.Panel.from_frame(tfp.datasets.load("munnell"), entity="STATE", time="YR",
    ...                               output="GSP", capital="PC", labor="EMP")
    >>> fit = tfp.DynamicPanel(lags=(2, 3)).fit(states)
    >>> list(fit.params), fit.j_dof
    (['capital', 'labor', 'persistence'], 4)
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
    by: str | None = None

    def __post_init__(self) -> None:
        choose(self, "form", ("system", "difference"))
        choose(self, "steps", (1, 2))
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

    def fit(self, panel: Panel) -> Any:
        """Estimate the production function.

        Parameters
        ----------
        panel : Panel

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
            return fit_by_group(self, panel)
        inputs = chosen_inputs(panel, self.inputs)
        stray = set(self.predetermined) - set(inputs)
        if stray:
            self._refuse("predetermined", f"{sorted(stray)} are not among the inputs")
        logs = read_logs(panel, (self.output, *inputs))
        used = complete_rows(panel, logs)
        level, system = self._system(panel, used, logs, inputs)
        found = self._estimate(system)
        k = len(inputs)
        self._refuse_unidentified(panel, found, inputs)
        order = [*range(1, k + 1), *range(k + 1, 2 * k + 1), 0]
        pi, V = found.coefficients[order], found.covariance[np.ix_(order, order)]
        try:
            imposed = common_factor(pi, V)
        except np.linalg.LinAlgError:
            raise EstimationError(
                "the covariance of the coefficients is singular",
                code="singular",
                remedy="fewer instruments (lags=, collapse=True) or steps=1",
            ) from None
        said = self._notices(found, imposed)
        for category, text in said:
            warn(text, category, stacklevel=2)
        texts = tuple(text for _, text in said)
        return self._result(panel, used, level, logs, inputs, system, found, imposed, texts)

    def _system(
        self, panel: Panel, used: Used, logs: dict[str, Floats], inputs: tuple[str, ...]
    ) -> tuple[Used, Stacked]:
        complete = np.zeros(panel.n_rows, bool)
        complete[used.rows] = True
        lags = {j: self._lag(panel, complete, j) for j in range(1, self.lags[1] + 1)}
        level = used.narrow(lags[1][used.rows] >= 0, "no row of the period before")
        rows = level.rows
        before = lags[1][rows]
        where = np.full(panel.n_rows, -1, np.int64)
        where[rows] = np.arange(rows.size)
        previous = where[before]
        if not (previous >= 0).any():
            raise EstimationError(
                "no firm has three consecutive periods with all columns",
                code="no_consecutive_rows",
                remedy="check step= of the panel, and panel.check()",
            )
        period, periods = dense(panel.time[rows])
        columns = [logs[self.output][before]]
        columns += [logs[x][rows] for x in inputs]
        columns += [logs[x][before] for x in inputs]
        system = self.form == "system"
        exogenous = [np.ones(rows.size)] if system else []
        if self.time_effects:
            exogenous += [(period == t).astype(np.float64) for t in range(1, periods)]
        changes, levels = [], []
        for name in (self.output, *inputs):
            first = self.lags[0] - (name in self.predetermined)
            chosen = [lags[j][rows] for j in range(first, self.lags[1] + 1)]
            changes.append(lagged_instruments(logs[name], chosen, period, collapse=self.collapse))
            if system:
                last = rows if first == 1 else lags[first - 1][rows]
                growth = np.full(panel.n_rows, np.nan)
                both = np.flatnonzero(lags[1] >= 0)
                growth[both] = logs[name][both] - logs[name][lags[1][both]]
                levels.append(lagged_instruments(growth, [last], period, collapse=self.collapse))
        firm, _ = dense(panel.entity_codes[rows])
        stacked = stack(
            logs[self.output][rows],
            np.stack(columns, axis=1),
            np.stack(exogenous, axis=1) if exogenous else np.zeros((rows.size, 0)),
            previous,
            firm,
            np.concatenate(changes, axis=1),
            np.concatenate(levels, axis=1) if system else None,
        )
        return level, stacked

    def _lag(self, panel: Panel, complete: NDArray[np.bool_], periods: int) -> Ints:
        rows = panel.lag(periods)
        return np.where((rows >= 0) & complete[rows], rows, -1)

    def _estimate(self, system: Stacked) -> SystemGMM:
        clusters = int(system.equation.clusters.max()) + 1
        try:
            return system_gmm(
                [system.equation],
                system.equation.X.shape[1],
                clusters,
                steps=self.steps,
                windmeijer=self.windmeijer,
                initial=system.initial,
            )
        except np.linalg.LinAlgError:
            raise EstimationError(
                f"{system.equation.Z.shape[1]} instruments are too many for {clusters} firms",
                code="too_few_clusters",
                expected="more firms than instruments",
                remedy="collapse=True, fewer lags, time_effects=False, or steps=1",
            ) from None

    def _refuse_unidentified(self, panel: Panel, found: SystemGMM, inputs: tuple[str, ...]) -> None:
        names = (self.output, *inputs, *inputs)
        lost = [int(j) for j in found.rank.dropped if j < len(names)]
        if not lost and found.moments >= found.rank.kept.size:
            return
        name = names[lost[0]] if lost else self.output
        raise EstimationError(
            f"the coefficient of {name} is not identified by these instruments",
            code="not_identified",
            column=panel.names.get(name, name),
            remedy="more lags, or look for an input that does not vary over time",
        )

    def _notices(
        self, found: SystemGMM, imposed: CommonFactor
    ) -> list[tuple[type[TFPWarning], str]]:
        said: list[tuple[type[TFPWarning], str]] = []
        if found.moments > found.clusters:
            said.append(
                (
                    IdentificationWarning,
                    f"{found.moments} instruments for {found.clusters} firms: the estimate leans "
                    "towards least squares and tests lose their meaning; collapse=True or fewer "
                    "lags reduce them",
                )
            )
        if not imposed.converged:
            said.append(
                (
                    ConvergenceWarning,
                    "with common factors the persistence of productivity lies at the edge of the "
                    f"range searched ({imposed.coefficients[-1]:g}); see result.unrestricted",
                )
            )
        return said

    def _result(
        self,
        panel: Panel,
        used: Used,
        level: Used,
        logs: dict[str, Floats],
        inputs: tuple[str, ...],
        system: Stacked,
        found: SystemGMM,
        imposed: CommonFactor,
        texts: tuple[str, ...],
    ) -> DynamicPanelResult:
        k = len(inputs)
        beta = imposed.coefficients[:k]
        omega = logs[self.output][used.rows] - np.sum(
            [b * logs[x][used.rows] for b, x in zip(beta, inputs, strict=True)], axis=0
        )
        j_p = _chi2(found.j_statistic, found.j_dof)
        c_p = _chi2(imposed.statistic, k)
        ar = _serial_table(system, found)
        return DynamicPanelResult(
            spec=self,
            record=record_of(self, panel, level.sample(panel)),
            keys=panel.keys,
            params=Named((*inputs, "persistence"), imposed.coefficients),
            cov_params=imposed.covariance,
            productivity=RowValues(
                panel.keys, {"productivity": used.spread(omega)}, "Log total factor productivity"
            ),
            elasticities_by_row=RowValues(
                panel.keys,
                {
                    x: used.spread(np.full(used.rows.size, b))
                    for x, b in zip(inputs, beta, strict=True)
                },
                "Output elasticities",
            ),
            inputs=inputs,
            elasticity_mean=Named(inputs, beta),
            elasticity_cov=imposed.covariance[:k, :k],
            details=_figures(system, found, ar, j_p, c_p),
            warnings=texts,
            unrestricted=_unrestricted(self.output, inputs, found),
            j_statistic=found.j_statistic,
            j_pvalue=j_p,
            j_dof=found.j_dof,
            serial_correlation=ar,
            common_factor_statistic=imposed.statistic,
            common_factor_pvalue=c_p,
        )


def _chi2(statistic: float, dof: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(dof, statistic)) if np.isfinite(statistic) and dof else float("nan")


def _serial_table(system: Stacked, found: SystemGMM) -> Table:
    z = np.array([serial_correlation(system, found, order) for order in (1, 2)])
    return Table(
        {"order": [1, 2], "z": z, "p_value": two_sided(z, None)},
        title="Serial correlation of the changes' residuals",
    )


def _unrestricted(output: str, inputs: tuple[str, ...], found: SystemGMM) -> Table:
    names = [f"{output} (t−1)", *inputs, *(f"{x} (t−1)" for x in inputs)]
    width = len(names)
    errors = np.sqrt(np.diagonal(found.covariance)[:width])
    b = found.coefficients[:width]
    return Table(
        {"term": names, "estimate": b, "std_error": errors, "p_value": two_sided(b / errors, None)},
        title="Without common factors",
    )


def _figures(
    system: Stacked, found: SystemGMM, ar: Table, j_p: float, c_p: float
) -> dict[str, Any]:
    return {
        "entities": found.clusters,
        "changes": system.changes,
        "instruments": found.moments,
        "j_statistic": found.j_statistic if found.j_dof else None,
        "j_dof": found.j_dof,
        "j_pvalue": j_p if found.j_dof else None,
        "ar1_pvalue": float(ar["p_value"][0]),
        "ar2_pvalue": float(ar["p_value"][1]),
        "common_factor_pvalue": c_p,
    }
