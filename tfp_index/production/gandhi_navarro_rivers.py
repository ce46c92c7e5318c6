"""Gandhi, Navarro and Rivers (2020): gross output with a flexible input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import (
    ConvergenceWarning,
    DataError,
    EstimationError,
    IdentificationWarning,
    TFPWarning,
    warn,
)
from tfp_index.kernels.groups import STATUS_OK, group_offsets
from tfp_index.kernels.monomials import whitening
from tfp_index.kernels.resampling import Draws, seed_sequence
from tfp_index.kernels.roots import Choice
from tfp_index.panel.panel import Panel
from tfp_index.panel.roles import SHARE_SUFFIX
from tfp_index.panel.table import Table
from tfp_index.production._by_group import fit_by_group
from tfp_index.production._gnr_errors import covariance
from tfp_index.production._gnr_estimate import (
    Arrays,
    Points,
    ShareStage,
    Terms,
    average,
    find_points,
    mean_elasticities,
    repeat,
    row_outputs,
    stage,
)
from tfp_index.production._result import Named, ProductionResult
from tfp_index.production._rows import Used, chosen_inputs, complete_rows, read_logs
from tfp_index.production._two_stage_notices import several_roots
from tfp_index.production.bootstrap import Bootstrap
from tfp_index.results.result import RowValues, Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["GNRResult", "GandhiNavarroRivers"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Said = list[tuple[type[TFPWarning], str]]

FAILED_DRAWS = 0.05
"""Share of bootstrap repetitions without a root that is worth a warning."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GNRResult(ProductionResult):
    """A gross-output production function with a flexible input.

    ``params`` are the mean output elasticities over the rows used; those of each row are in
    ``elasticities_by_row``. ``productivity`` is ω, ``productivity_with_error`` is ω + ε; both are
    measured from the mean of the log inputs, so that they do not depend on units.

    Attributes
    ----------
    roots : Table
        Every solution of the second stage and every other stationary point found, the chosen one
        first.
    share : Table
        Coefficients of D, the expected share, on monomials of the standardized log inputs.
    share_ssr : float
        Sum of squares of the share regression.
    mean_exp_error : float
        ``ℰ``, the mean of the exponential of the error.
    constant : Table
        Coefficients of the polynomial in the standardized fixed inputs.
    law : Table
        Coefficients of the law of motion on powers of lagged productivity.
    choice : str
        The rule that chose among the roots.
    fitted : RowValues
        ``error`` ε and the ``rest`` of output that the second stage explains.
    draws : Draws or None
        Bootstrap repetitions of `params`.
    """

    roots: Table
    share: Table
    share_ssr: float
    mean_exp_error: float
    constant: Table
    law: Table
    choice: str
    fitted: RowValues
    draws: Draws | None = None

    def summary(self) -> str:
        """Return specification, elasticities, figures, roots and warnings as text."""
        lines = [super().summary(), f"choice: {self.choice}"]
        return "\n".join(lines + ([str(self.roots)] if len(self.roots) > 1 else []))

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the small tables as plain data; row values travel as frames."""
        tables = {name: getattr(self, name).to_dict() for name in ("roots", "share", "constant")}
        return {**super().to_dict(), **tables, "law": self.law.to_dict(), "choice": self.choice}


@dataclass(frozen=True, repr=False)
class GandhiNavarroRivers(Specification):
    r"""Nonparametric gross-output production function of Gandhi, Navarro and Rivers (2020).

    Output is :math:`y = f(x, m) + \omega + \varepsilon` with fixed inputs x, set before *t*, and a
    flexible input m, bought at *t* at a price that is the same for all firms. The first-order
    condition for m gives its log revenue share

    .. math:: s = \ln D(x, m) - \varepsilon, \qquad
              \frac{\partial f}{\partial m} = \frac{D}{\mathcal{E}}, \quad
              \mathcal{E} = E[e^\varepsilon],

    with D a polynomial fitted by nonlinear least squares (stage 1). Its integral over m gives f up
    to a polynomial :math:`\mathcal{C}(x)`, which follows from
    :math:`\omega_t = g(\omega_{t-1}) + \xi_t` and :math:`E[\xi_t \tau(x_t)] = 0` for the terms
    :math:`\tau` of :math:`\mathcal{C}` (stage 2). There are as many moments as coefficients, hence
    exact roots and in general several; all are searched and listed.

    Parameters
    ----------
    flexible : str
        Input chosen freely every period, e.g. ``"materials"``.
    fixed : tuple of str
        One or more inputs.
    revenue_share : str, optional
        Role of the flexible input's share in revenue, at current prices. A role whose name ends in
        ``_share`` is a level between 0 and 1; any other follows ``logs=`` of the panel. Default:
        ``<flexible>_share``.
    output : str
        Role of gross output.
    share_degree : int
        Of D.
    constant_degree : int, optional
        Of :math:`\mathcal{C}`; default: `share_degree`.
    law_degree : int
        Of g.
    correction : {"everywhere", "elasticity", "none"}
        Whether D is divided by :math:`\mathcal{E}` in the elasticity and in the integral, in the
        elasticity alone, or not at all (firms then do not count on the mean of the error).
    root : int or mapping, optional
        Row of ``result.roots`` to take, or mean elasticities to look near; default: admissible
        roots (no negative mean elasticity) first, of these the one with the most persistent
        productivity.
    starts : int
        Of the search.
    se : {"clustered", None} or Bootstrap
        Errors by firm through both stages, none, or by drawing firms.
    by : str, optional
        A grouping of the panel: every group is fitted as a panel of its own, in one call, and the
        answer is one result per group.

    References
    ----------
    Gandhi, Navarro and Rivers (2020), "On the identification of gross output production
    functions", Journal of Political Economy 128.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.gnr(firms=1000, periods=8, labor_elasticity=0.15,
    ...                                 materials_elasticity=0.5, rng=1)
    >>> spec = tfp.GandhiNavarroRivers(flexible="materials", fixed=("labor", "capital"),
    ...                                revenue_share="share", share_degree=1)
    >>> fit = spec.fit(sim.panel())
    >>> round(fit.params["materials"], 2), round(fit.returns_to_scale.value, 1)
    (0.5, 0.9)
    """

    flexible: str = "materials"
    fixed: tuple[str, ...] = ("labor", "capital")
    revenue_share: str | None = None
    output: str = "output"
    share_degree: int = 3
    constant_degree: int | None = None
    law_degree: int = 3
    correction: str = "everywhere"
    root: Any = None
    starts: int = 64
    se: Any = "clustered"
    by: str | None = None

    def __post_init__(self) -> None:
        choose(self, "correction", ("everywhere", "elasticity", "none"))
        if not isinstance(self.se, Bootstrap):
            choose(self, "se", ("clustered", None))
        fixed: Any = self.fixed
        object.__setattr__(self, "fixed", (fixed,) if isinstance(fixed, str) else tuple(fixed))
        if not self.fixed:
            self._refuse("fixed", "there is no fixed input", "one or more roles")
        if self.revenue_share is None:
            object.__setattr__(self, "revenue_share", f"{self.flexible}{SHARE_SUFFIX}")
        if self.constant_degree is None:
            object.__setattr__(self, "constant_degree", self.share_degree)
        named = [self.output, self.flexible, *self.fixed, self.revenue_share]
        for name in named:
            if named.count(name) > 1:
                self._refuse("fixed", f"{name!r} is given two parts")
        self._check_numbers()

    def _check_numbers(self) -> None:
        limits = {"share_degree": 5, "constant_degree": 5, "law_degree": 5, "starts": 100_000}
        for option, most in limits.items():
            value = getattr(self, option)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                self._refuse(option, f"{option}={value!r}", f"an integer from 1 to {most}")
        if isinstance(self.root, Mapping):
            object.__setattr__(self, "root", {str(k): float(v) for k, v in self.root.items()})
        elif self.root is not None and (
            isinstance(self.root, bool) or not isinstance(self.root, int) or self.root < 0
        ):
            self._refuse("root", f"root={self.root!r}", "a row of result.roots, or elasticities")

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
        GNRResult
            One per group with ``by=``: `FitsByGroup`.

        Raises
        ------
        DataError
            If a role is absent, keys are missing or repeated, a log does not exist, or the shares
            are no shares.
        EstimationError
            If inputs are collinear, no firm has two consecutive periods, or there are fewer rows
            than coefficients.
        """
        if self.by is not None:
            return fit_by_group(self, panel, rng=rng, on_progress=on_progress)
        arrays, used = self._arrays(panel)
        first = stage(arrays)
        said: Said = []
        if not first.fit.converged:
            said.append(
                (
                    ConvergenceWarning,
                    f"the share regression stopped after {first.fit.iterations} steps before it "
                    "settled; try a lower share_degree",
                )
            )
        points, terms = find_points(arrays, first, self.starts)
        points, shown = self._choose(points)
        alpha = points.alpha[points.choice.index]
        solved = bool(points.is_root[points.choice.index])
        k = len(self.fixed) + 1
        V, draws, seed = np.full((k, k), np.nan), None, None
        if isinstance(self.se, Bootstrap) and solved:
            source = seed_sequence(rng)
            draws = self.se.draw(
                lambda weights: repeat(arrays, first, terms, alpha, weights),
                firms=arrays.firms,
                width=k,
                rng=source,
                on_progress=on_progress,
            )
            V, seed = draws.covariance(), source.entropy
        elif self.se == "clustered" and solved:
            V = covariance(arrays, first, terms, alpha, points)
        said += self._notices(arrays, points, draws)
        for category, text in said:
            warn(text, category, stacklevel=2)
        notes = {}
        if draws is not None:
            notes["bootstrap repetitions without a root"] = len(draws.failures)
        sample = used.sample(panel, notes)
        texts = tuple(text for _, text in said)
        return self._result(
            panel, used, sample, seed, arrays, first, points, terms, shown, V, draws, texts
        )

    def _arrays(self, panel: Panel) -> tuple[Arrays, Used]:
        inputs = (*self.fixed, self.flexible)
        chosen_inputs(panel, inputs)
        assert self.revenue_share is not None
        assert self.constant_degree is not None
        logs = read_logs(panel, (self.output, *inputs))
        logs[self.revenue_share] = self._log_share(panel)
        used = complete_rows(panel, logs)
        here = {name: used.take(values) for name, values in logs.items()}
        variables = tuple(here[name] for name in inputs)
        share = here[self.revenue_share]
        if share.mean() > 0:
            raise DataError(
                f"the share of {self.flexible} in revenue is above one on average "
                f"(mean log share {share.mean():.3g})",
                code="not_a_share",
                column=panel.names[self.revenue_share],
                expected="expenditure on the input over revenue, both at current prices",
                remedy=f"with logs=True the share is a log too; name the role {self.flexible}"
                f"{SHARE_SUFFIX} when it is a level",
            )
        lagged = used.take(panel.lag_status) == STATUS_OK
        lagged[1:] &= used.rows[1:] - used.rows[:-1] == 1
        self._refuse_few(used.rows.size, int(lagged.sum()))
        self._refuse_collinear(panel, variables)
        arrays = Arrays(
            y=here[self.output],
            share=share,
            variables=variables,
            shape=whitening(variables, correlated=True),
            offsets=group_offsets(used.take(panel.entity_codes)),
            lagged=lagged,
            degree=self.share_degree,
            constant_degree=self.constant_degree,
            law_degree=self.law_degree,
            correction=self.correction,
        )
        return arrays, used

    def _refuse_collinear(self, panel: Panel, variables: tuple[Floats, ...]) -> None:
        inputs = (*self.fixed, self.flexible)
        dropped = whitening(variables).dropped
        if dropped:
            name = inputs[dropped[0]]
            others = ", ".join(n for n in inputs[: dropped[0]])
            raise EstimationError(
                f"{name} is a combination of {others}" if others else f"{name} does not vary",
                code="collinear",
                column=panel.names[name],
                expected="inputs that vary independently of each other",
                remedy="leave it out",
            )

    def _log_share(self, panel: Panel) -> Floats:
        name = self.revenue_share
        assert name is not None
        if not name.endswith(SHARE_SUFFIX):
            return read_logs(panel, (name,))[name]
        values = panel[name]
        bad = np.flatnonzero((values <= 0) | (values >= np.inf))
        if bad.size:
            entity, time = panel.where(int(bad[0]))
            raise DataError(
                f"{name} is {values[bad[0]]:g} in {bad.size} row(s), first here; its log is needed",
                code="non_positive",
                column=panel.names[name],
                entity=entity,
                time=time,
                expected="a share above zero",
            )
        return np.asarray(np.log(values))

    def _refuse_few(self, rows: int, pairs: int) -> None:
        from math import comb

        v = len(self.fixed) + 1
        needed = comb(v + self.share_degree, v)
        if not pairs:
            raise EstimationError(
                "no firm has two consecutive periods with all columns",
                code="no_consecutive_rows",
                expected="rows of the period before, for the law of motion",
                remedy="check step= of the panel, and panel.check()",
            )
        assert self.constant_degree is not None
        second = comb(v - 1 + self.constant_degree, v - 1) + self.law_degree
        if rows <= needed or pairs <= second:
            raise EstimationError(
                f"{rows} rows and {pairs} rows with a row before do not identify {needed} "
                f"and {second} coefficients of the two stages",
                code="too_few_rows",
                remedy="lower degrees",
            )

    def _choose(self, points: Points) -> tuple[Points, Ints]:
        """Order of the roots table, and the choice after ``root=``."""
        rho = np.where(np.isfinite(points.persistence), points.persistence, -np.inf)
        rank = np.lexsort((np.where(points.is_root, -rho, points.values), ~points.is_root))
        first = points.choice.index
        shown = np.concatenate([[first], rank[rank != first]]).astype(np.int64)
        if self.root is None:
            return points, shown
        if isinstance(self.root, Mapping):
            unknown = set(self.root) - set(self.fixed)
            if unknown:
                self._refuse("root", f"root= names {sorted(unknown)}", ", ".join(self.fixed))
            columns = [self.fixed.index(name) for name in self.root]
            gaps = np.abs(points.elasticities[:, columns] - np.array(list(self.root.values())))
            index, reason = int(gaps.max(axis=1).argmin()), f"nearest to root={self.root}"
        elif self.root < shown.size:
            index, reason = int(shown[self.root]), f"root={self.root}"
        else:
            raise EstimationError(
                f"root={self.root}, but the search found {shown.size} point(s)",
                code="no_such_root",
                remedy="fit with root=None and look at result.roots",
            )
        return replace(points, choice=Choice(index, reason, ())), shown

    def _notices(self, arrays: Arrays, points: Points, draws: Draws | None) -> Said:
        said: Said = []
        index = points.choice.index
        admissible = bool(points.admissible[index])
        show = ", ".join(
            f"{n} {value:.4g}"
            for n, value in zip(self.fixed, points.elasticities[index].tolist(), strict=True)
        )
        if not points.is_root[index]:
            said.append(
                (
                    ConvergenceWarning,
                    f"this point is no solution ({show}): terms and innovations are correlated by "
                    f"{points.correlation[index]:.3g} where as many moments as coefficients should "
                    "all be zero. No standard errors are given. Try lower degrees",
                )
            )
        elif not admissible:
            said.append(
                (
                    IdentificationWarning,
                    f"the chosen root has a negative mean elasticity ({show}); see result.roots",
                )
            )
        if points.choice.rivals:
            listed = "; ".join(
                ", ".join(
                    f"{n} {value:.4g}"
                    for n, value in zip(self.fixed, points.elasticities[i].tolist(), strict=True)
                )
                + f" (persistence {points.persistence[i]:.3f})"
                for i in (index, *points.choice.rivals)
            )
            said.append(
                (
                    IdentificationWarning,
                    f"{several_roots(len(points.choice.rivals) + 1, admissible)}: {listed}. "
                    "The data do not choose between them; root= does",
                )
            )
        if draws is not None and len(draws.failures) > FAILED_DRAWS * draws.values.shape[0]:
            said.append(
                (
                    IdentificationWarning,
                    f"{len(draws.failures)} of {draws.values.shape[0]} bootstrap repetitions reach "
                    "no root and are left out of the standard errors",
                )
            )
        return said

    def _result(
        self,
        panel: Panel,
        used: Used,
        sample: Sample,
        seed: Any,
        arrays: Arrays,
        first: ShareStage,
        points: Points,
        terms: Terms,
        shown: Ints,
        V: Floats,
        draws: Draws | None,
        texts: tuple[str, ...],
    ) -> GNRResult:
        names = (*self.fixed, self.flexible)
        index = points.choice.index
        alpha = points.alpha[index]
        means = Named(names, mean_elasticities(first, average(arrays, first.fit, terms), alpha))
        outputs = row_outputs(arrays, first, terms, alpha)

        def rows(values: Mapping[str, Floats], title: str) -> RowValues:
            return RowValues(panel.keys, {k: used.spread(v) for k, v in values.items()}, title)

        return GNRResult(
            spec=self,
            record=record_of(self, panel, sample, seed),
            keys=panel.keys,
            params=means,
            cov_params=V,
            productivity=rows(
                {
                    "productivity": outputs.productivity,
                    "productivity_with_error": outputs.with_error,
                },
                "Log total factor productivity",
            ),
            elasticities_by_row=rows(
                dict(zip(names, outputs.elasticities, strict=True)), "Output elasticities"
            ),
            inputs=names,
            elasticity_mean=means,
            elasticity_cov=V,
            details=_figures(arrays, first, points),
            warnings=texts,
            roots=_roots_table(points, shown, names, float(means[self.flexible])),
            share=_coefficients(first.fit.exponents, names, first.fit.coefficients, "D"),
            share_ssr=first.fit.ssr,
            mean_exp_error=first.fit.mean_exp,
            constant=_coefficients(terms.exponents, self.fixed, alpha, "Constant of integration"),
            law=_law(points.laws[index].coefficients),
            choice=points.choice.reason,
            fitted=rows({"error": first.error, "rest": first.rest}, "Parts of output"),
            draws=draws,
        )


def _figures(arrays: Arrays, first: ShareStage, points: Points) -> dict[str, Any]:
    index = points.choice.index
    return {
        "entities": arrays.firms,
        "pairs": int(arrays.lagged.sum()),
        "share_ssr": first.fit.ssr,
        "mean_exp_error": first.fit.mean_exp,
        "persistence": float(points.persistence[index]),
        "correlation": float(points.correlation[index]),
        "roots": int(points.is_root.sum()),
    }


def _law(coefficients: Floats) -> Table:
    return Table(
        {"power": list(range(coefficients.size)), "coefficient": coefficients},
        title="Law of motion",
        notes=("on powers of lagged productivity, centered and divided by its spread",),
    )


def _coefficients(
    exponents: tuple[tuple[int, ...], ...], names: tuple[str, ...], values: Floats, title: str
) -> Table:
    terms = [
        ":".join(name for name, power in zip(names, e, strict=True) for _ in range(power))
        or "constant"
        for e in exponents
    ]
    return Table(
        {"term": terms, "coefficient": values},
        title=title,
        notes=("on monomials of the log inputs, each less its mean and divided by its spread",),
    )


def _roots_table(points: Points, shown: Ints, names: tuple[str, ...], flexible: float) -> Table:
    kinds = np.where(points.minimum, "minimum", "stationary").astype(object)
    kinds[points.is_root] = "root"
    chosen = np.arange(kinds.size) == points.choice.index
    elasticities = {name: points.elasticities[shown, j] for j, name in enumerate(names[:-1])}
    return Table(
        {
            "kind": kinds[shown],
            "chosen": chosen[shown],
            "admissible": points.admissible[shown],
            **elasticities,
            "returns_to_scale": points.elasticities[shown].sum(axis=1) + flexible,
            "persistence": points.persistence[shown],
            "objective": points.values[shown],
            "correlation": points.correlation[shown],
            "hits": points.hits[shown],
        },
        title="Roots",
    )
