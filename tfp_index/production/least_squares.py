"""Production functions by least squares: Cobb–Douglas and translog, with and without effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError, IdentificationWarning, warn
from tfp_index.kernels.linalg import (
    LeastSquares,
    Rank,
    cluster_correction,
    clustered_meat,
    column_rank,
    least_squares,
    robust_meat,
    sandwich,
    triangular_factor,
    two_way_meat,
)
from tfp_index.kernels.within import Effects, one_way, random_effects, two_way
from tfp_index.panel.panel import Panel
from tfp_index.production._by_group import fit_by_group
from tfp_index.production._functional_form import elasticities, free_directions, terms
from tfp_index.production._least_squares_segments import fit_together
from tfp_index.production._result import Named
from tfp_index.production._rows import (
    Used,
    chosen_inputs,
    complete_rows,
    dense,
    read_logs,
    read_plain,
)
from tfp_index.production.least_squares_result import (
    EFFECTS,
    ELASTICITIES,
    NO_LAG,
    PRODUCTIVITY,
    LeastSquaresResult,
    no_spread,
    not_definite,
)
from tfp_index.results.result import RowValues, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["CobbDouglas", "LeastSquaresResult", "Translog"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

VANISHED = 1e-10
"""A column is gone when a transformation leaves less than this share of its length."""


@dataclass(frozen=True, slots=True, eq=False)
class _Design:
    """Rows and columns before any transformation: the constant, k terms, the controls."""

    used: Used
    y: Floats
    X: Floats
    names: tuple[str, ...]
    terms: slice
    x: Floats  # (m, inputs) log inputs, less their mean in the translog
    firm: tuple[Ints, int]
    period: tuple[Ints, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Regression:
    """What is regressed on what after a transformation.

    ``absorbed`` effects were taken out; ``counted`` of them count when errors are clustered.
    ``totals`` is what R² measures against.
    """

    y: Floats
    X: Floats
    columns: Ints
    absorbed: int = 0
    counted: int = 0
    rows: Mask | None = None
    totals: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """Estimates on the columns of the design."""

    b: Floats
    V: Floats
    columns: Ints
    dof: float
    figures: dict[str, Any]
    residual: Floats
    effects: Effects | None = None
    rows: Mask | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class _Linear(Specification):
    """Options and fitting that Cobb–Douglas and translog share."""

    output: str = "output"
    inputs: tuple[str, ...] | None = None
    effects: str | None = None
    returns: str = "free"
    cov: str = "robust"
    controls: tuple[str, ...] = ()
    by: str | None = None

    _degree: ClassVar[int] = 1

    def __post_init__(self) -> None:
        choose(self, "effects", tuple(_TRANSFORMS))
        choose(self, "returns", ("free", "constant"))
        choose(self, "cov", ("classical", "robust", "clustered", "two_way_clustered"))
        for option in ("inputs", "controls"):
            value = getattr(self, option)
            if value is None:
                continue
            names = (value,) if isinstance(value, str) else tuple(value)
            object.__setattr__(self, option, names)
        if self.inputs is not None and not self.inputs:
            self._refuse("inputs", "there are no inputs", "one or more roles")
        named = [self.output, *(self.inputs or ()), *self.controls]
        if len(set(named)) < len(named):
            self._refuse("controls", "output, inputs and controls must be different roles")

    def fit(self, panel: Panel) -> Any:
        """Estimate the production function.

        Parameters
        ----------
        panel : Panel

        Returns
        -------
        LeastSquaresResult
            One per group with ``by=``: `FitsByGroup`.

        Raises
        ------
        DataError
            If a role is absent, keys are missing or repeated, or a log does not exist.
        EstimationError
            If an input or control is collinear with others, or too few rows are left.
        """
        if self.by is not None:
            return fit_by_group(self, panel, together=fit_together)
        inputs = chosen_inputs(panel, self.inputs)
        columns = read_logs(panel, (self.output, *inputs))
        columns |= read_plain(panel, self.controls)
        used = complete_rows(panel, columns)
        design = self._design(panel, used, columns, inputs)
        fit = _TRANSFORMS[self.effects](self, panel, design)
        for text in fit.warnings:
            warn(text, IdentificationWarning, stacklevel=2)
        return self._result(panel, design, fit, inputs)

    def _design(
        self, panel: Panel, used: Used, columns: dict[str, Floats], inputs: tuple[str, ...]
    ) -> _Design:
        rows = used.rows
        x = np.stack([columns[name][rows] for name in inputs], axis=1)
        if self._degree == 2:
            x -= x.mean(axis=0)
        names, columns_of = terms(list(x.T), inputs, self._degree)
        controls = [columns[name][rows] for name in self.controls]
        constant = "mean_growth" if self.effects == "first_difference" else "constant"
        return _Design(
            used=used,
            y=columns[self.output][rows],
            X=np.column_stack([np.ones(rows.size), *columns_of, *controls]),
            names=(constant, *names, *self.controls),
            terms=slice(1, 1 + len(names)),
            x=x,
            firm=dense(panel.entity_codes[rows]),
            period=dense(panel.time[rows]),
        )

    def _result(
        self, panel: Panel, design: _Design, fit: _Fit, inputs: tuple[str, ...]
    ) -> LeastSquaresResult:
        part, used = design.terms, design.used
        by_row = elasticities(design.x, fit.b[part], self._degree)
        first = slice(1, 1 + len(inputs))  # the mean elasticities: x has mean zero, or no effect
        effects = {}
        if fit.effects is not None and fit.effects.first.size:
            effects["entity_effect"] = fit.effects.first[design.firm[0], 0]
        if fit.effects is not None and fit.effects.second.size:
            effects["time_effect"] = fit.effects.second[design.period[0], 0]
        effects["residual"] = fit.residual
        out = slice(1, design.X.shape[1])  # inputs and controls, not the constant
        productivity = design.y - design.X[:, out] @ fit.b[out]
        kept = used if fit.rows is None else used.narrow(fit.rows, NO_LAG)

        def rows(values: dict[str, Floats], title: str) -> RowValues:
            return RowValues(panel.keys, {k: used.spread(v) for k, v in values.items()}, title)

        return LeastSquaresResult(
            spec=self,
            record=record_of(self, panel, kept.sample(panel)),
            keys=panel.keys,
            params=Named(tuple(design.names[i] for i in fit.columns), fit.b[fit.columns]),
            cov_params=fit.V[np.ix_(fit.columns, fit.columns)],
            productivity=rows({"productivity": productivity}, PRODUCTIVITY),
            elasticities_by_row=rows(dict(zip(inputs, by_row.T, strict=True)), ELASTICITIES),
            inputs=inputs,
            elasticity_mean=Named(inputs, fit.b[first]),
            elasticity_cov=fit.V[first, first],
            dof=fit.dof,
            details={"entities": design.firm[1], "periods": design.period[1], **fit.figures},
            warnings=fit.warnings,
            effects=rows(effects, EFFECTS),
        )


@dataclass(frozen=True, repr=False)
class CobbDouglas(_Linear):
    r"""Cobb–Douglas production function by least squares.

    .. math:: y_{it} = \beta_0 + \sum_j \beta_j x_{jit} + \delta' c_{it} + u_{it}

    in logs. Productivity is :math:`y - \sum_j \beta_j x_j - \delta' c`: the constant, effects and
    the error are all part of it, controls are not. Inputs that respond to productivity bias every
    variant here; the proxy estimators exist for that reason.

    Parameters
    ----------
    output : str
        Role of output.
    inputs : tuple of str, optional
        Roles of the inputs; default: all inputs of the panel.
    effects : {None, "entity", "time", "two_way", "first_difference", "random"}
        Fixed effects are taken out exactly, for any pattern of missing rows. First differences are
        taken over consecutive periods and keep a constant, the mean growth of productivity.
        Random effects use Swamy and Arora's components of variance.
    returns : {"free", "constant"}
        Whether the elasticities are made to sum to one.
    cov : {"classical", "robust", "clustered", "two_way_clustered"}
        ``"robust"``: against heteroskedasticity, times ``n/(n − k)``. ``"clustered"``: by entity,
        times ``G/(G−1)·(n−1)/(n−k)``, where k leaves out entity effects, which lie within the
        clusters. ``"two_way_clustered"``: by entity and by period.
    controls : tuple of str
        Further roles, taken as they are (no log).
    by : str, optional
        A grouping of the panel: every group is fitted as a panel of its own, in one call, and the
        answer is one result per group.

    References
    ----------
    Cameron, Gelbach and Miller (2011) for two-way clusters; Swamy and Arora (1972) for random
    effects.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.acf2015(firms=200, rng=1)
    >>> ols = tfp.CobbDouglas(inputs=("labor", "capital"), cov="clustered").fit(sim.panel())
    >>> {name: round(value, 2) for name, value in ols.params.items()}
    {'constant': 0.4, 'labor': 0.95, 'capital': 0.07}
    """

    _degree: ClassVar[int] = 1


@dataclass(frozen=True, repr=False)
class Translog(_Linear):
    r"""Translog production function by least squares.

    .. math::

        y = \beta_0 + \sum_j \beta_j \tilde x_j
            + \tfrac12 \sum_i \sum_j \gamma_{ij} \tilde x_i \tilde x_j + \delta' c + u,
        \qquad \gamma_{ij} = \gamma_{ji},

    with :math:`\tilde x` the log inputs less their mean over the rows used, so that
    :math:`\beta_j` is the elasticity at the mean and the estimate does not depend on units. The
    elasticity of input j in a row is :math:`\beta_j + \sum_i \gamma_{ij} \tilde x_i`. Coefficients
    are named ``labor``, ``labor:labor`` (:math:`\gamma_{ll}`), ``labor:capital``.

    With ``returns="constant"``, :math:`\sum_j \beta_j = 1` and :math:`\sum_j \gamma_{ij} = 0` for
    every i.

    Parameters
    ----------
    output, inputs, effects, returns, cov, controls, by
        See `CobbDouglas`.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.acf2015(firms=200, rng=1)
    >>> fit = tfp.Translog(inputs=("labor", "capital")).fit(sim.panel())
    >>> list(fit.params)
    ['constant', 'labor', 'capital', 'labor:labor', 'labor:capital', 'capital:capital']
    """

    _degree: ClassVar[int] = 2


def _estimate(spec: _Linear, panel: Panel, design: _Design, reg: _Regression) -> _Fit:
    """Least squares of a transformed regression, with the covariance that is asked for."""
    first = design.terms.start - int(reg.columns[0])
    b0, N = free_directions(design.x.shape[1], spec._degree, spec.returns, reg.columns.size, first)
    X = reg.X @ N
    fit = least_squares(X, reg.y - reg.X @ b0)
    rank = fit.rank if spec.returns == "free" else column_rank(triangular_factor(reg.X))
    _refuse_collinear(spec, panel, design, reg, rank)
    n, k = X.shape
    dof = n - k - reg.absorbed
    if dof < 1:
        raise EstimationError(
            f"{n} rows do not identify {k + reg.absorbed} coefficients and effects",
            code="too_few_rows",
            expected="more rows than coefficients and effects",
        )
    V, t_dof, texts = _covariance(spec, design, reg, fit, X, dof)
    p = design.X.shape[1]
    b, full = np.zeros(p), np.zeros((p, p))
    b[reg.columns] = b0 + N @ fit.coefficients
    full[np.ix_(reg.columns, reg.columns)] = N @ V @ N.T
    totals = reg.y - reg.y.mean() if reg.totals is None else reg.totals
    square = float(totals @ totals)
    figures = {
        "r_squared": 1.0 - fit.ssr / square if square else None,
        "residual_sd": float(np.sqrt(fit.ssr / dof)),
        "residual_dof": dof,
    }
    residual = fit.residuals
    if reg.rows is not None:
        residual = np.full(design.y.shape[0], np.nan)
        residual[reg.rows] = fit.residuals
    return _Fit(b, full, reg.columns, t_dof, figures, residual, None, reg.rows, texts)


def _refuse_collinear(
    spec: _Linear, panel: Panel, design: _Design, reg: _Regression, rank: Rank
) -> None:
    """Raise if a column says nothing new, naming it and those that say it already."""
    names = [design.names[i] for i in reg.columns]
    left = np.sqrt(np.einsum("ij,ij->j", reg.X, reg.X))
    full = design.X[:, reg.columns]
    gone = np.flatnonzero(left <= VANISHED * np.sqrt(np.einsum("ij,ij->j", full, full)))
    if gone.size:
        culprit = names[int(gone[0])]
        why = f"does not vary once effects={spec.effects!r} are taken out"
        if not spec.effects:
            why = "is zero in every row"
    elif rank.dropped.size and spec.returns == "free":
        culprit = names[int(rank.dropped[0])]
        why = f"is a combination of {', '.join(names[i] for i in rank.explained_by[0])}"
    elif rank.dropped.size:
        culprit = names[int(rank.dropped[0])]
        why = "is a combination of the others"
    else:
        return
    raise EstimationError(
        f"{culprit} {why}",
        code="collinear",
        column=panel.names.get(culprit, culprit),
        expected="inputs and controls that vary independently of each other",
        remedy="leave one of them out" + (", or choose other effects" if spec.effects else ""),
    )


def _covariance(
    spec: _Linear, design: _Design, reg: _Regression, fit: LeastSquares, X: Floats, dof: int
) -> tuple[Floats, float, tuple[str, ...]]:
    """Covariance, degrees of freedom of t, warnings."""
    n, k = X.shape
    if spec.cov == "classical":
        return fit.bread * (fit.ssr / dof), dof, ()
    if spec.cov == "robust":
        return sandwich(fit.bread, robust_meat(X, fit.residuals)) * (n / dof), dof, ()
    take = slice(None) if reg.rows is None else reg.rows
    firm, firms = dense(design.firm[0][take])
    _refuse_one_cluster(firms, "entity")
    k += reg.counted
    if spec.cov == "clustered":
        meat = clustered_meat(X, fit.residuals, firm, firms)
        return sandwich(fit.bread, meat) * cluster_correction(n, k, firms), firms - 1, ()
    period, periods = dense(design.period[0][take])
    _refuse_one_cluster(periods, "time")
    # cells of both groupings are the rows themselves: G = n
    corrections = (
        cluster_correction(n, k, firms),
        cluster_correction(n, k, periods),
        cluster_correction(n, k, n),
    )
    V = sandwich(fit.bread, two_way_meat(X, fit.residuals, firm, period, corrections))
    scale = np.sqrt(np.abs(np.diagonal(V)))
    scale[scale == 0] = 1.0
    texts: tuple[str, ...] = ()
    if V.size and np.linalg.eigvalsh(V / np.outer(scale, scale))[0] < -1e-8:
        texts = (not_definite(firms, periods),)
    return V, min(firms, periods) - 1, texts


def _refuse_one_cluster(clusters: int, what: str) -> None:
    if clusters < 2:
        raise EstimationError(
            f"errors clustered by {what} need at least two clusters, and there is one",
            code="too_few_clusters",
            remedy="cov='robust'",
        )


def _pooled(spec: _Linear, panel: Panel, design: _Design) -> _Fit:
    every = np.arange(design.X.shape[1])
    return _estimate(spec, panel, design, _Regression(design.y, design.X, every))


def _fixed(spec: _Linear, panel: Panel, design: _Design) -> _Fit:
    """Entity, time or two-way effects, taken out exactly."""
    both = np.column_stack([design.y, design.X[:, 1:]])
    if spec.effects == "two_way":
        found = two_way(both, *design.firm, *design.period)
    else:
        found = one_way(both, *(design.firm if spec.effects == "entity" else design.period))
    nested = design.firm[1] if spec.cov == "clustered" and spec.effects != "time" else 0
    reg = _Regression(
        y=found.within[:, 0],
        X=found.within[:, 1:],
        columns=np.arange(1, design.X.shape[1]),
        absorbed=found.absorbed,
        counted=found.absorbed - nested,
        totals=design.y - design.y.mean(),
    )
    fit = _estimate(spec, panel, design, reg)
    weights = np.concatenate([[1.0], -fit.b[reg.columns]])[:, None]
    first, second = found.first @ weights, found.second @ weights
    if spec.effects == "time":
        first, second = second, first
    square = float(reg.y @ reg.y)
    ssr = float(fit.residual @ fit.residual)
    figures = {
        **fit.figures,
        "r_squared_within": 1.0 - ssr / square if square else None,
        "effects": found.absorbed,
    }
    effects = Effects(first, second, found.within @ weights, found.absorbed)
    return _Fit(
        fit.b, fit.V, fit.columns, fit.dof, figures, fit.residual, effects, None, fit.warnings
    )


def _first_difference(spec: _Linear, panel: Panel, design: _Design) -> _Fit:
    """Changes on changes, over consecutive periods; the constant is mean growth."""
    where = np.full(panel.n_rows, -1, np.int64)
    where[design.used.rows] = np.arange(design.used.rows.size)
    before = panel.lag()[design.used.rows]
    before = np.where(before >= 0, where[before], -1)
    rows = before >= 0
    if not rows.any():
        raise EstimationError(
            "no entity has two consecutive periods",
            code="no_consecutive_rows",
            remedy="check step= of the panel, or use effects='entity'",
        )
    X = design.X[rows] - design.X[before[rows]]
    X[:, 0] = 1.0
    y = design.y[rows] - design.y[before[rows]]
    every = np.arange(design.X.shape[1])
    return _estimate(spec, panel, design, _Regression(y, X, every, rows=rows))


def _random(spec: _Linear, panel: Panel, design: _Design) -> _Fit:
    """Feasible generalized least squares with Swamy and Arora's components."""
    firm, firms = design.firm
    both = np.column_stack([design.y, design.X])
    found = one_way(both, firm, firms)
    within = least_squares(found.within[:, 2:], found.within[:, 0])
    between = least_squares(found.first[:, 1:], found.first[:, 0])
    dof_within = design.y.shape[0] - firms - within.rank.kept.size
    dof_between = firms - between.rank.kept.size
    if dof_within < 1 or dof_between < 1:
        raise EstimationError(
            f"random effects need more entities than coefficients and repeated rows; there are "
            f"{firms} entities and {design.y.shape[0]} rows for {design.X.shape[1]} coefficients",
            code="too_few_entities",
            remedy="effects=None",
        )
    counts = np.bincount(firm, minlength=firms)
    parts = random_effects(within.ssr, dof_within, between.ssr, dof_between, counts)
    moved = both - parts.theta[firm][:, None] * found.first[firm]
    every = np.arange(design.X.shape[1])
    fit = _estimate(spec, panel, design, _Regression(moved[:, 0], moved[:, 1:], every))
    figures = {
        "residual_sd": fit.figures["residual_sd"],
        "residual_dof": fit.figures["residual_dof"],
        "variance_error": parts.variance_error,
        "variance_entity": parts.variance_entity,
        "theta_median": float(np.median(parts.theta)),
    }
    texts = fit.warnings
    if parts.variance_entity <= 0:
        texts += (no_spread(parts.variance_entity),)
    residual = design.y - design.X @ fit.b
    return _Fit(fit.b, fit.V, fit.columns, fit.dof, figures, residual, None, None, texts)


_TRANSFORMS = {
    None: _pooled,
    "entity": _fixed,
    "time": _fixed,
    "two_way": _fixed,
    "first_difference": _first_difference,
    "random": _random,
}
"""How each kind of effects is estimated."""
