"""Wooldridge (2009): proxy estimation in one step, as a system or as one equation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError, IdentificationWarning, warn
from tfp_index.kernels.linalg import cluster_correction, clustered_meat, least_squares, sandwich
from tfp_index.kernels.monomials import evaluate, plan, total_degree, whitening
from tfp_index.kernels.resampling import seed_sequence
from tfp_index.kernels.system_gmm import Equation, SystemGMM, system_gmm
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.production._by_group import fit_by_group
from tfp_index.production._result import Named, ProductionResult
from tfp_index.production._rows import (
    Used,
    chosen_inputs,
    complete_rows,
    dense,
    read_logs,
    read_plain,
)
from tfp_index.production.bootstrap import Bootstrap
from tfp_index.results.result import RowValues, Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["Wooldridge", "WooldridgeResult"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

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


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """Columns over the rows that have a row of the period before, and some over all rows."""

    y: Floats
    free: Floats
    free_before: Floats
    state: Floats
    basis: Floats  # constant and polynomial in state and proxy at t
    basis_before: Floats  # the same at t − 1
    controls: Floats
    linear: Ints  # columns of `basis` that are the states themselves
    firm: Ints
    firms: int
    paired: Mask  # of all complete rows, those that are here
    all_y: Floats
    all_inputs: Floats
    all_basis: Floats
    all_controls: Floats

    @property
    def inputs(self) -> int:
        return int(self.all_inputs.shape[1])


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
        used = complete_rows(panel, {**logs, **{c: v[:, 0] for c, v in controls.items()}})
        data = self._columns(panel, used, logs, controls)
        found = self._estimate(data, None)
        self._refuse_unidentified(panel, data, found)
        k = data.inputs
        V, seed, notes = self._correction(data, found) * found.covariance[-k:, -k:], None, {}
        if isinstance(self.se, Bootstrap):
            source = seed_sequence(rng)
            draws = self.se.draw(
                lambda weights: self._estimate(data, weights).coefficients[-k:],
                firms=data.firms,
                width=k,
                rng=source,
                on_progress=on_progress,
            )
            V, seed = draws.covariance(), source.entropy
            notes["bootstrap repetitions without an estimate"] = len(draws.failures)
        first = _first_stage(self.free, data)
        texts = _weak(first) if self.form == "one_equation" else _dependent(self.free, data)
        for text in texts:
            warn(text, IdentificationWarning, stacklevel=2)
        sample = used.narrow(data.paired, "no row of the period before").sample(panel, notes)
        return self._result(panel, used, sample, seed, data, found, V, first, texts)

    def _columns(
        self,
        panel: Panel,
        used: Used,
        logs: dict[str, Floats],
        controls: dict[str, Floats],
    ) -> _Columns:
        where = np.full(panel.n_rows, -1, np.int64)
        where[used.rows] = np.arange(used.rows.size)
        before = panel.lag()[used.rows]
        before = np.where(before >= 0, where[before], -1)
        paired = before >= 0
        if not paired.any():
            raise EstimationError(
                "no firm has two consecutive periods with all columns",
                code="no_consecutive_rows",
                expected="rows of the period before, for lags",
                remedy="check step= of the panel, and panel.check()",
            )
        here = {name: values[used.rows] for name, values in logs.items()}
        variables = [here[name] for name in (*self.state, *self.proxies)]
        shared = self.first_equation == "shared"
        basis, linear = _polynomial(variables, len(self.state), self.degree, raw=shared)
        exogenous = [v[used.rows] for v in controls.values()]
        now, then = np.flatnonzero(paired), before[paired]
        firm, firms = dense(panel.entity_codes[used.rows[now]])

        def side(names: tuple[str, ...], rows: Ints) -> Floats:
            return np.stack([here[name][rows] for name in names], axis=1)

        return _Columns(
            y=here[self.output][now],
            free=side(self.free, now),
            free_before=side(self.free, then),
            state=side(self.state, now),
            basis=basis[now],
            basis_before=basis[then],
            controls=np.concatenate([v[now] for v in exogenous], axis=1)
            if exogenous
            else np.zeros((now.size, 0)),
            linear=linear,
            firm=firm,
            firms=firms,
            paired=paired,
            all_y=here[self.output],
            all_inputs=side((*self.free, *self.state), np.arange(used.rows.size)),
            all_basis=basis,
            all_controls=np.concatenate([np.zeros((used.rows.size, 0)), *exogenous], axis=1),
        )

    def _estimate(self, data: _Columns, weights: Floats | None) -> SystemGMM:
        """Both equations, or the second; what is particular to an equation stands first.

        Of collinear columns the later is dropped: so an input that is not identified is seen.
        """
        by_row = self.se == "robust"
        n = data.y.shape[0]
        clusters = np.arange(n) if by_row else data.firm
        w = None if weights is None else weights[data.firm]
        k, d = data.inputs, data.controls.shape[1]
        shared = self.first_equation == "shared"
        first = np.delete(data.basis, data.linear, axis=1) if shared else data.basis
        own = (first.shape[1] if self.form == "system" else 0, data.basis_before.shape[1])
        # controls and inputs have the same coefficients in both equations
        controls = sum(own) + np.arange(d)
        inputs = sum(own) + d + np.arange(k)
        both = np.concatenate([data.free, data.state], axis=1)
        instruments = (data.basis_before, data.controls, data.free_before, data.state)
        equations = [
            Equation(
                data.y,
                np.concatenate([data.basis_before, data.controls, both], axis=1),
                np.concatenate([own[0] + np.arange(own[1]), controls, inputs]),
                np.concatenate(instruments, axis=1),
                clusters,
                w,
            )
        ]
        if self.form == "system":
            mine = both if shared else data.free
            equations.append(
                Equation(
                    data.y,
                    np.concatenate([first, data.controls, mine], axis=1),
                    np.concatenate([np.arange(own[0]), controls, inputs[: mine.shape[1]]]),
                    np.concatenate([data.basis, data.controls, data.free], axis=1),
                    clusters,
                    w,
                )
            )
        # an exactly identified equation has no weight to choose
        steps = 1 if self.form == "one_equation" else self.steps
        try:
            return system_gmm(
                equations,
                sum(own) + d + k,
                n if by_row else data.firms,
                steps=steps,
                windmeijer=self.windmeijer and weights is None,
            )
        except np.linalg.LinAlgError:
            raise EstimationError(
                f"{data.firms} firms do not give a weight for the moments of two steps",
                code="too_few_clusters",
                expected="more firms than moments",
                remedy="steps=1, a lower degree, fewer controls, or se='robust'",
            ) from None

    def _correction(self, data: _Columns, found: SystemGMM) -> float:
        """Small-sample factor of the one-equation form; generalized moments have none."""
        if self.form == "system":
            return 1.0
        n, k = data.y.shape[0], found.rank.kept.size
        return n / (n - k) if self.se == "robust" else cluster_correction(n, k, data.firms)

    def _refuse_unidentified(self, panel: Panel, data: _Columns, found: SystemGMM) -> None:
        names = (*self.free, *self.state)
        before = found.coefficients.size - len(names)
        lost = [int(j) - before for j in found.rank.dropped if j >= before]
        if not lost and data.y.shape[0] <= found.moments:
            raise EstimationError(
                f"{data.y.shape[0]} rows for {found.moments} moments",
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
        data: _Columns,
        found: SystemGMM,
        V: Floats,
        first: Table,
        texts: tuple[str, ...],
    ) -> WooldridgeResult:
        from scipy.special import chdtrc

        names = (*self.free, *self.state)
        b = found.coefficients[-data.inputs :]
        f, d = len(self.free), data.controls.shape[1]
        delta = found.coefficients[-data.inputs - d : -data.inputs]
        clean = data.all_y - data.all_controls @ delta
        with_error = clean - data.all_inputs @ b
        proxied = clean - data.all_inputs[:, :f] @ b[:f]
        q = proxied - least_squares(data.all_basis, proxied).residuals
        net = q - data.all_inputs[:, f:] @ b[f:]
        j = found.j_statistic
        p = float(chdtrc(found.j_dof, j)) if np.isfinite(j) else float("nan")
        rows = {"productivity": net, "productivity_with_error": with_error}
        return WooldridgeResult(
            spec=self,
            record=record_of(self, panel, sample, seed),
            keys=panel.keys,
            params=Named(names, b),
            cov_params=V,
            productivity=RowValues(
                panel.keys,
                {name: used.spread(values) for name, values in rows.items()},
                "Log total factor productivity",
            ),
            elasticities_by_row=RowValues(
                panel.keys,
                {n: used.spread(np.full(used.rows.size, v)) for n, v in zip(names, b, strict=True)},
                "Output elasticities",
            ),
            inputs=names,
            elasticity_mean=Named(names, b),
            elasticity_cov=V,
            details={
                "entities": data.firms,
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


def _controls(panel: Panel, names: Sequence[str]) -> dict[str, Floats]:
    """(n, ·) columns of each control: a role as it is, a category as dummies without its first."""
    found = {}
    for name in names:
        if name in panel:
            found[name] = read_plain(panel, (name,))[name][:, None]
            continue
        codes = dense(panel.time)[0] if name == "time" else panel.group(name).codes
        dummies = (codes[:, None] == np.arange(1, max(int(codes.max()) + 1, 2))).astype(np.float64)
        dummies[codes < 0] = np.nan
        found[name] = dummies
    return found


def _polynomial(
    variables: Sequence[Floats], states: int, degree: int, *, raw: bool
) -> tuple[Floats, Ints]:
    """(n, p) polynomial of a total degree, the constant first, and where the states stand in it.

    Centered and scaled unless `raw`; then only scaled, as leaving out a term depends on the origin.
    """
    made = plan(total_degree(len(variables), degree))
    shape = whitening(variables, correlated=True)
    x = np.stack(variables)
    if not raw:
        x -= shape.location[:, None]
    x *= np.diagonal(shape.matrix)[:, None]
    unit = np.eye(len(variables), dtype=np.int64)[:states].tolist()
    linear = np.array([made.index[tuple(e)] for e in unit], np.int64)
    return np.ascontiguousarray(evaluate(x, made, orthogonal=not raw).T), linear


def _first_stage(names: Sequence[str], data: _Columns) -> Table:
    """What the lags of the free inputs say about each of them beside the other instruments."""
    included = np.concatenate([data.basis_before, data.controls, data.state], axis=1)
    excluded = data.free_before
    Z = np.concatenate([included, excluded], axis=1)
    rows: dict[str, list[Any]] = {
        name: [] for name in ("input", "f", "f_clustered", "partial_r_squared")
    }
    for j, name in enumerate(names):
        full = least_squares(Z, data.free[:, j])
        short = least_squares(included, data.free[:, j])
        last = [i for i in full.rank.kept if i >= included.shape[1]]
        dof = data.y.shape[0] - full.rank.kept.size
        gain = short.ssr - full.ssr
        b = full.coefficients[last]
        meat = clustered_meat(Z, full.residuals, data.firm, data.firms)
        V = sandwich(full.bread, meat)[np.ix_(last, last)]
        rows["input"].append(name)
        many = bool(last) and data.firms > len(last) and full.ssr > 0
        rows["f"].append(gain / len(last) / (full.ssr / dof) if many else np.nan)
        rows["f_clustered"].append(float(b @ np.linalg.solve(V, b)) / len(last) if many else np.nan)
        rows["partial_r_squared"].append(gain / short.ssr if short.ssr else np.nan)
    return Table(rows, title="Lagged free inputs as instruments")


def _dependent(names: Sequence[str], data: _Columns) -> tuple[str, ...]:
    """Say which free inputs are all but functions of state and proxy (Ackerberg et al. 2015)."""
    texts = []
    for j, name in enumerate(names):
        values = data.free[:, j]
        ssr = least_squares(data.basis, values).ssr
        total = float(((values - values.mean()) ** 2).sum())
        if ssr < (1 - DEPENDENT) * total:
            texts.append(
                f"{name} is almost a function of state and proxy (R² = {1 - ssr / total:.4f}, "
                f"standard deviation of the rest {np.sqrt(ssr / values.size):.3g}): the first "
                "equation hardly identifies its coefficient; compare with form='one_equation' or "
                "an estimator that does not rest on it"
            )
    return tuple(texts)


def _weak(first: Table) -> tuple[str, ...]:
    return tuple(
        f"the lag of {name} is a weak instrument: F = {value:.1f} with errors clustered by firm "
        f"(rule of thumb: {WEAK:g})"
        for name, value in zip(first["input"], first["f_clustered"], strict=True)
        if value < WEAK
    )
