"""Wooldridge (2009): proxy estimation in one step, as a system or as one equation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError, IdentificationWarning, warn
from tfp_index.kernels.groups import group_offsets
from tfp_index.kernels.linalg import cluster_correction
from tfp_index.kernels.monomials import plan, total_degree, whitening
from tfp_index.kernels.resampling import seed_sequence
from tfp_index.kernels.system_gmm import SystemSolution
from tfp_index.kernels.two_stage_design import Factor
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.production._by_group import fit_by_group
from tfp_index.production._result import Named, ProductionResult
from tfp_index.production._rows import (
    Used,
    chosen_inputs,
    complete_rows,
    read_logs,
    read_plain,
)
from tfp_index.production._wooldridge_estimate import (
    Arrays,
    Layout,
    dependence,
    estimate,
    lagged_inputs,
    mark_pairs,
    productivity,
)
from tfp_index.production.bootstrap import Bootstrap
from tfp_index.results.result import RowValues, Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["Wooldridge", "WooldridgeResult"]

Floats = NDArray[np.float64]

WEAK = 10.0
"""First-stage F below which instruments are called weak: the usual rule of thumb."""


DEPENDENT = 0.95
"""R² of a free input on state and proxy from which functional dependence is warned of."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class WooldridgeResult(ProductionResult):
    """A production function estimated in one step.

    Attributes
    ----------
    first_stage : Table
        For each free input, what its lag says about it beside the other instruments: F, F with
        clusters, partial R².
    j_statistic, j_pvalue : float
        Hansen's test of the moments in excess of coefficients; NaN when there are none.
    j_dof : int
    """

    first_stage: Table
    j_statistic: float
    j_pvalue: float
    j_dof: int


@dataclass(frozen=True, repr=False)
class Wooldridge(Specification):
    r"""One-step proxy estimator of Wooldridge (2009).

    With :math:`\omega = q(k, m)` for states k and proxies m, and the first-order Markov property
    of :math:`\omega`,

    .. math::

        y_{it} &= \beta_l l_{it} + q_1(k_{it}, m_{it}) + \varepsilon_{it}, \\
        y_{it} &= \beta_l l_{it} + \beta_k k_{it} + q_2(k_{i,t-1}, m_{i,t-1}) + u_{it},

    where both :math:`q` are polynomials with coefficients of their own and u also holds the
    innovation of productivity. Instruments are :math:`(l_t, q_1)` in the first and
    :math:`(l_{t-1}, k_t, q_2)` in the second equation. In the first the term
    :math:`\beta_k k` cannot be told from the linear part of :math:`q_1` and is absorbed by it.

    Parameters
    ----------
    free : tuple of str
        Inputs chosen at *t*, whose lag is the instrument.
    state : tuple of str
        Inputs fixed before *t*.
    proxy : str or tuple of str
        Materials, energy or investment.
    output : str
        Role of output (value added when the proxy is an intermediate input).
    form : {"system", "one_equation"}
        Both equations by generalized method of moments, or the second alone by instrumental
        variables, which does not assume that free inputs are no function of (k, m).
    degree : int
        Total degree of the polynomials.
    steps : {1, 2}
        Of the system: stacked two-stage least squares, or then weighted by the inverse of the
        covariance of the moments summed by firm (by row with ``se="robust"``).
    windmeijer : bool
        Correct two-step errors for the estimated weight (Windmeijer 2005).
    controls : tuple of str
        Further roles, taken as they are, or groups and ``"time"``, taken as dummies. They shift
        output, are exogenous, and are no part of productivity.
    first_equation : {"absorbed", "shared"}
        ``"shared"`` leaves the linear states out of :math:`q_1` and puts :math:`\beta_k k` in the
        first equation too, which identifies :math:`\beta_k` from functional form alone. It exists
        to reproduce ``prodestWRDG_GMM``; see the theory page.
    se : {"clustered", "robust"} or Bootstrap
        Errors clustered by firm, by row, or by drawing firms.
    by : str, optional
        A grouping of the panel: every group is fitted as a panel of its own, in one call, and the
        answer is one result per group.

    References
    ----------
    Wooldridge (2009), "On estimating firm-level production functions using proxy variables to
    control for unobservables", Economics Letters 104.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.acf2015(2, measurement_error=0.0, rng=1)
    >>> fit = tfp.Wooldridge().fit(sim.panel())  # free labor, state capital, proxy materials
    >>> {name: round(value, 1) for name, value in fit.params.items()}
    {'labor': 0.6, 'capital': 0.4}
    """

    free: tuple[str, ...] = ("labor",)
    state: tuple[str, ...] = ("capital",)
    proxy: str | tuple[str, ...] = "materials"
    output: str = "output"
    form: str = "system"
    degree: int = 2
    steps: int = 2
    windmeijer: bool = True
    controls: tuple[str, ...] = ()
    first_equation: str = "absorbed"
    se: Any = "clustered"
    by: str | None = None

    def __post_init__(self) -> None:
        choose(self, "form", ("system", "one_equation"))
        choose(self, "steps", (1, 2))
        choose(self, "first_equation", ("absorbed", "shared"))
        if not isinstance(self.se, Bootstrap):
            choose(self, "se", ("clustered", "robust"))
        for option in ("free", "state", "controls"):
            value = getattr(self, option)
            names = (value,) if isinstance(value, str) else tuple(value)
            object.__setattr__(self, option, names)
        if not isinstance(self.proxy, str):
            object.__setattr__(self, "proxy", tuple(self.proxy))
        if not self.free or not self.state or not self.proxies:
            self._refuse("free", "free, state and proxy need one role each at least")
        named = [self.output, *self.free, *self.state, *self.proxies, *self.controls]
        for name in named:
            if named.count(name) > 1:
                self._refuse("free", f"{name!r} is given two parts")
        if isinstance(self.degree, bool) or not 1 <= self.degree <= 6:
            self._refuse("degree", f"degree={self.degree!r}", "an integer from 1 to 6")

    @property
    def proxies(self) -> tuple[str, ...]:
        """The proxies as a tuple."""
        return (self.proxy,) if isinstance(self.proxy, str) else self.proxy

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
        WooldridgeResult
            One per group with ``by=``: `FitsByGroup`.

        Raises
        ------
        DataError
            If a role is absent, keys are missing or repeated, or a log does not exist.
        EstimationError
            If no firm has two consecutive periods, an input is not identified, or there are
            fewer firms than moments.
        """
        if self.by is not None:
            return fit_by_group(self, panel, rng=rng, on_progress=on_progress)
        roles = (self.output, *self.free, *self.state, *self.proxies)
        chosen_inputs(panel, (*self.free, *self.state))
        logs = read_logs(panel, roles)
        controls = _controls(panel, self.controls)
        used = complete_rows(panel, {**logs, **{c: _gaps(v) for c, v in controls.items()}})
        arrays = self._arrays(panel, used, logs, controls)
        found = self._estimate(arrays, None)
        self._refuse_unidentified(panel, arrays, found)
        k = arrays.inputs
        V, seed, notes = self._correction(arrays, found) * found.covariance[-k:, -k:], None, {}
        if isinstance(self.se, Bootstrap):
            source = seed_sequence(rng)
            draws = self.se.draw(
                lambda weights: self._estimate(arrays, weights).coefficients[-k:],
                firms=int(arrays.firms.sum()),
                width=k,
                rng=source,
                on_progress=on_progress,
            )
            V, seed = draws.covariance(), source.entropy
            notes["bootstrap repetitions without an estimate"] = len(draws.failures)
        first = _first_stage(self.free, arrays)
        texts = _weak(first) if self.form == "one_equation" else _dependent(self.free, arrays)
        for text in texts:
            warn(text, IdentificationWarning, stacklevel=2)
        sample = used.narrow(arrays.paired, "no row of the period before").sample(panel, notes)
        return self._result(panel, used, sample, seed, arrays, found, V, first, texts)

    def _arrays(
        self,
        panel: Panel,
        used: Used,
        logs: dict[str, Floats],
        controls: dict[str, Floats | Factor],
    ) -> Arrays:
        offsets = group_offsets(used.take(panel.entity_codes))
        time = used.take(panel.time)
        paired, firms = mark_pairs(time, panel.step, offsets)
        if not firms.any():
            raise EstimationError(
                "no firm has two consecutive periods with all columns",
                code="no_consecutive_rows",
                expected="rows of the period before, for lags",
                remedy="check step= of the panel, and panel.check()",
            )
        here = {name: used.take(values) for name, values in logs.items()}
        variables = tuple(here[name] for name in (*self.state, *self.proxies))
        shape = whitening(variables, correlated=True)
        shared = self.first_equation == "shared"
        if shared:  # leaving out a term depends on the origin
            shape = replace(shape, location=np.zeros(len(variables)))
        return Arrays(
            y=here[self.output],
            free=tuple(here[name] for name in self.free),
            state=variables[: len(self.state)],
            proxies=variables[len(self.state) :],
            controls=tuple(
                replace(c, codes=used.take(c.codes)) if isinstance(c, Factor) else used.take(c)
                for c in controls.values()
            ),
            time=time,
            step=panel.step,
            offsets=offsets,
            paired=paired,
            firms=firms,
            shape=shape,
            terms=plan(total_degree(len(variables), self.degree)),
            raw=shared,
        )

    def _estimate(self, arrays: Arrays, weights: Floats | None) -> SystemSolution:
        layout = Layout(
            system=self.form == "system",
            shared=self.first_equation == "shared",
            by_row=self.se == "robust",
            # an exactly identified equation has no weight to choose
            steps=1 if self.form == "one_equation" else self.steps,
            windmeijer=self.windmeijer,
        )
        try:
            return estimate(arrays, layout, weights, covariance=weights is None)
        except np.linalg.LinAlgError:
            raise EstimationError(
                f"{arrays.firms.sum()} firms do not give a weight for the moments of two steps",
                code="too_few_clusters",
                expected="more firms than moments",
                remedy="steps=1, a lower degree, fewer controls, or se='robust'",
            ) from None

    def _correction(self, arrays: Arrays, found: SystemSolution) -> float:
        """Small-sample factor of the one-equation form; generalized moments have none."""
        if self.form == "system":
            return 1.0
        n, k = arrays.pairs, found.rank.kept.size
        firms = int(arrays.firms.sum())
        return n / (n - k) if self.se == "robust" else cluster_correction(n, k, firms)

    def _refuse_unidentified(self, panel: Panel, arrays: Arrays, found: SystemSolution) -> None:
        names = (*self.free, *self.state)
        before = found.coefficients.size - len(names)
        lost = [int(j) - before for j in found.rank.dropped if j >= before]
        if not lost and arrays.pairs <= found.moments:
            raise EstimationError(
                f"{arrays.pairs} rows for {found.moments} moments",
                code="too_few_rows",
                expected="more rows than moments",
                remedy="a lower degree or fewer controls",
            )
        if not lost:
            return
        name = names[lost[0]]
        raise EstimationError(
            f"the coefficient of {name} is not identified: the instruments do not move it beside "
            "the other inputs and the polynomial",
            code="not_identified",
            column=panel.names.get(name, name),
            remedy="look for a constant or repeated column, or lower the degree",
        )

    def _result(
        self,
        panel: Panel,
        used: Used,
        sample: Sample,
        seed: Any,
        arrays: Arrays,
        found: SystemSolution,
        V: Floats,
        first: Table,
        texts: tuple[str, ...],
    ) -> WooldridgeResult:
        from scipy.special import chdtrc

        names = (*self.free, *self.state)
        k = arrays.inputs
        b = found.coefficients[-k:]
        net, with_error = productivity(arrays, found.coefficients[-k - arrays.width :])
        j = found.j_statistic
        p = float(chdtrc(found.j_dof, j)) if np.isfinite(j) else float("nan")
        rows = {
            "productivity": used.spread(net),
            "productivity_with_error": used.spread(with_error),
        }
        return WooldridgeResult(
            spec=self,
            record=record_of(self, panel, sample, seed),
            keys=panel.keys,
            params=Named(names, b),
            cov_params=V,
            productivity=RowValues(panel.keys, rows, "Log total factor productivity"),
            elasticities_by_row=RowValues(
                panel.keys,
                {n: used.constant(v) for n, v in zip(names, b, strict=True)},
                "Output elasticities",
            ),
            inputs=names,
            elasticity_mean=Named(names, b),
            elasticity_cov=V,
            details={
                "entities": int(arrays.firms.sum()),
                "moments": found.moments,
                "j_statistic": j if np.isfinite(j) else None,
                "j_dof": found.j_dof,
                "j_pvalue": p if np.isfinite(j) else None,
                "first_stage_f": float(first["f_clustered"].min()),
            },
            warnings=texts,
            first_stage=first,
            j_statistic=j,
            j_pvalue=p,
            j_dof=found.j_dof,
        )


def _controls(panel: Panel, names: Sequence[str]) -> dict[str, Floats | Factor]:
    """Return each control: a role as it is, a category with its codes, -1 where missing."""
    found: dict[str, Floats | Factor] = {}
    for name in names:
        if name in panel:
            found[name] = read_plain(panel, (name,))[name]
            continue
        if name == "time":
            since = panel.time - panel.time.min()
            codes = (np.cumsum(np.bincount(since) > 0) - 1)[since]
        else:
            codes = panel.group(name).codes
        found[name] = Factor(codes, max(int(codes.max()) + 1, 2))
    return found


def _gaps(control: Floats | Factor) -> Floats:
    """NaN where a control is missing."""
    if isinstance(control, Factor):
        return np.where(control.codes < 0, np.nan, 0.0)
    return control


def _first_stage(names: Sequence[str], arrays: Arrays) -> Table:
    """What the lags of the free inputs say about each of them beside the other instruments."""
    found = lagged_inputs(arrays)
    columns = {
        "input": list(names),
        "f": found.f,
        "f_clustered": found.f_clustered,
        "partial_r_squared": found.partial_r_squared,
    }
    return Table(columns, title="Lagged free inputs as instruments")


def _dependent(names: Sequence[str], arrays: Arrays) -> tuple[str, ...]:
    """Say which free inputs are all but functions of state and proxy (Ackerberg et al. 2015)."""
    found = dependence(arrays)
    return tuple(
        f"{name} is almost a function of state and proxy (R² = {share:.4f}, "
        f"standard deviation of the rest {spread:.3g}): the first "
        "equation hardly identifies its coefficient; compare with form='one_equation' or "
        "an estimator that does not rest on it"
        for name, share, spread in zip(names, found.r_squared, found.spread, strict=True)
        if share > DEPENDENT
    )


def _weak(first: Table) -> tuple[str, ...]:
    return tuple(
        f"the lag of {name} is a weak instrument: F = {value:.1f} with errors clustered by firm "
        f"(rule of thumb: {WEAK:g})"
        for name, value in zip(first["input"], first["f_clustered"], strict=True)
        if value < WEAK
    )
