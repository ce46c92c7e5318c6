"""Markups of firms from a production function and the revenue share of an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import (
    DataError,
    EstimationError,
    IdentificationWarning,
    SpecificationError,
    warn,
)
from tfp_index.panel.figures import LARGEST_EXPONENT, figures
from tfp_index.panel.panel import Panel
from tfp_index.panel.roles import SHARE_SUFFIX
from tfp_index.panel.table import Table
from tfp_index.production._result import ProductionResult
from tfp_index.production._rows import Used, chosen_inputs, complete_rows, dense, read_logs
from tfp_index.production.gandhi_navarro_rivers import GNRResult
from tfp_index.results.result import Result, RowValues, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["MarkupResult", "Markups"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class MarkupResult(Result):
    """Markups of every row.

    Attributes
    ----------
    markups : RowValues
        ``markup``, ``elasticity`` and the revenue ``share`` it was set against.
    cells : Table
        For every group and period asked for: rows, mean, median, spread, and with weights the
        weighted and the weighted harmonic mean.
    mean_error : float
        Standard error of the mean markup that comes from the elasticity, where that is one number
        for all rows; NaN otherwise.
    warnings : tuple of str
    """

    markups: RowValues
    cells: Table
    mean_error: float
    warnings: tuple[str, ...]

    def tidy(self) -> Table:
        """Return `cells`."""
        return self.cells

    def glance(self) -> Table:
        """Return one row that sums the markups up."""
        values = self.markups["markup"]
        seen = values[np.isfinite(values)]
        p10, p50, p90 = np.quantile(seen, [0.1, 0.5, 0.9]).tolist()
        columns = {
            "rows": [seen.size],
            "mean": [float(seen.mean())],
            "mean_error": [self.mean_error],
            "p10": [p10],
            "median": [p50],
            "p90": [p90],
            "share_below_one": [float(np.mean(seen < 1))],
        }
        return Table(columns, title="Markups", backend=self.keys.backend)


@dataclass(frozen=True, repr=False)
class Markups(Specification):
    r"""Price over marginal cost, after De Loecker and Warzynski (2012).

    A firm that minimizes cost, and takes the price of a freely variable input as given, equates

    .. math:: \mu_{it} = \theta_{it} / \alpha_{it},

    with :math:`\theta` the output elasticity of the input and :math:`\alpha` its expenditure over
    revenue. Revenue holds the error :math:`\varepsilon` of output, which the firm did not know:
    the share is therefore set against expected revenue,
    :math:`\alpha_{it} = s_{it} e^{\varepsilon_{it}}`, where the production function tells the
    error apart.

    Parameters
    ----------
    input : str
        A freely variable input.
    revenue_share : str, optional
        Role of its share in revenue, both at current prices: a level between 0 and 1 when the name
        ends in ``_share``, else by ``logs=`` of the panel. Default: ``<input>_share``.
    correct : bool
        Take the error of output out of revenue.
    by : str, optional
        Group whose markups are summed up on their own.
    over : {"all", "period"}
        Whether all periods are summed up together.
    weight : str, optional
        Role of weights (revenue, say). The harmonic mean with revenue as weight is the arithmetic
        mean with expenditure as weight.

    Notes
    -----
    Elasticities estimated on revenue instead of quantities are not those that the formula asks
    for; levels of such markups are not identified (Bond, Hashemi, Kaplan and Zoch 2021).

    References
    ----------
    De Loecker and Warzynski (2012), "Markups and firm-level export status", American Economic
    Review 102.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.gnr(firms=300, periods=6, rng=1)
    >>> panel = sim.panel()
    >>> ols = tfp.CobbDouglas().fit(panel)
    >>> res = tfp.Markups(revenue_share="share").fit(panel, ols)
    >>> bool(res.glance()["mean"][0] > 0)
    True
    """

    input: str = "materials"
    revenue_share: str | None = None
    correct: bool = True
    by: str | None = None
    over: str = "all"
    weight: str | None = None

    def __post_init__(self) -> None:
        choose(self, "over", ("all", "period"))
        if self.revenue_share is None:
            object.__setattr__(self, "revenue_share", f"{self.input}{SHARE_SUFFIX}")

    def fit(self, panel: Panel, production: ProductionResult | Specification) -> MarkupResult:
        """Compute the markup of every row.

        Parameters
        ----------
        panel : Panel
        production : ProductionResult or Specification
            A gross-output production function with the input in it, estimated on the same panel,
            or the specification of one.

        Raises
        ------
        SpecificationError
            If the production function has no elasticity of the input or belongs to other data.
        DataError
            If a share is not above zero.
        """
        chosen_inputs(panel, (self.input,))
        result = self._production(panel, production)
        elasticity = result.elasticities_by_row[self.input]
        share = self._log_share(panel)
        checked = {"elasticity": elasticity, self._role: share}
        if self.correct:
            checked["error of output"] = _error(result, elasticity)
        weights = None
        if self.weight is not None:
            weights = panel[self.weight]
            checked[self.weight] = weights
        groups = panel.group(self.by) if self.by is not None else None
        if groups is not None:
            checked[str(self.by)] = np.where(groups.codes >= 0, 0.0, np.nan)
        used = complete_rows(panel, checked)
        rows = used.rows
        alpha = share[rows]
        if self.correct:
            alpha = alpha + checked["error of output"][rows]
        theta, alpha = elasticity[rows], np.exp(alpha)
        markup = theta / alpha
        said = self._notices(result, markup)
        for text in said:
            warn(text, IdentificationWarning, stacklevel=2)
        error = float("nan")
        if np.ptp(theta) == 0:
            at = result.inputs.index(self.input)
            variance = float(result.elasticity_cov[at, at])
            error = float(np.sqrt(variance) * np.mean(1.0 / alpha)) if variance >= 0 else error
        columns = {"markup": markup, "elasticity": theta, "share": alpha}
        return MarkupResult(
            spec=self,
            record=record_of(self, panel, used.sample(panel)),
            keys=panel.keys,
            markups=RowValues(
                panel.keys, {k: used.spread(v) for k, v in columns.items()}, "Markups"
            ),
            cells=self._cells(panel, used, markup, weights),
            mean_error=error,
            warnings=tuple(said),
        )

    @property
    def _role(self) -> str:
        assert self.revenue_share is not None
        return self.revenue_share

    def _production(
        self, panel: Panel, production: ProductionResult | Specification
    ) -> ProductionResult:
        result: Any = production
        if isinstance(production, Specification):
            result = production.fit(panel)  # type: ignore[attr-defined]
        if not isinstance(result, ProductionResult):
            raise SpecificationError(
                f"{type(result).__name__} is no estimated production function",
                code="bad_option",
                column="production",
                expected="a result, or a specification, of tfp_index.production",
            )
        if result.record.fingerprint != panel.fingerprint:
            raise SpecificationError(
                "the production function was estimated on another panel",
                code="other_panel",
                column="production",
                remedy="estimate it on this panel",
            )
        if self.input not in result.inputs:
            raise SpecificationError(
                f"the production function has no elasticity of {self.input}",
                code="no_elasticity",
                column=self.input,
                expected=f"a gross-output function; this one has {', '.join(result.inputs)}",
            )
        return result

    def _log_share(self, panel: Panel) -> Floats:
        if not self._role.endswith(SHARE_SUFFIX):
            if panel.logs:  # its level will be taken
                return figures(panel, self._role, logs=True, largest=LARGEST_EXPONENT)
            return read_logs(panel, (self._role,))[self._role]
        values = figures(panel, self._role)
        bad = np.flatnonzero((values <= 0) | np.isinf(values))
        if bad.size:
            entity, time = panel.where(int(bad[0]))
            raise DataError(
                f"the share is {values[bad[0]]:g} in {bad.size} row(s), first here",
                code="non_positive",
                column=panel.names[self._role],
                entity=entity,
                time=time,
                expected="a share above zero",
            )
        return np.asarray(np.log(values))

    def _notices(self, result: ProductionResult, markup: Floats) -> list[str]:
        said = []
        if isinstance(result, GNRResult) and result.inputs[-1] == self.input:
            said.append(
                f"the elasticity of {self.input} was read off its revenue share: these markups are "
                f"the same for all firms by construction (median {np.median(markup):.4g}). Use an "
                "estimator that does not rest on the share, or another input"
            )
        negative = int((markup <= 0).sum())
        if negative:
            said.append(
                f"{negative} of {markup.size} rows have a negative elasticity of {self.input} and "
                "with it a negative markup"
            )
        return said

    def _cells(self, panel: Panel, used: Used, markup: Floats, weights: Floats | None) -> Table:
        code, width = np.zeros(used.rows.size, np.int64), 1
        if self.by is not None:
            code, width = panel.group(self.by).codes[used.rows], len(panel.group(self.by))
        if self.over == "period":
            code = code + width * (panel.time[used.rows] - panel.time.min())
        cell, cells = dense(code)
        first = np.unique(cell, return_index=True)[1]
        columns: dict[str, list[Any]] = {}
        if self.by is not None:
            labels = panel.group(self.by).labels
            columns[self.by] = [labels[panel.group(self.by).codes[r]] for r in used.rows[first]]
        if self.over == "period":
            columns["period"] = [panel.where(int(r))[1] for r in used.rows[first]]
        order = np.argsort(cell, kind="stable")
        edges = np.searchsorted(cell[order], np.arange(cells + 1))
        parts = [order[edges[i] : edges[i + 1]] for i in range(cells)]
        columns["rows"] = [part.size for part in parts]
        columns["mean"] = [float(markup[part].mean()) for part in parts]
        columns["median"] = [float(np.median(markup[part])) for part in parts]
        columns["sd"] = [
            float(markup[part].std(ddof=1)) if part.size > 1 else np.nan for part in parts
        ]
        if weights is not None:
            w = weights[used.rows]
            total = np.array([w[part].sum() for part in parts])
            if not (total > 0).all() or (w < 0).any():
                raise EstimationError(
                    f"the weights {self.weight} are negative or sum to nothing in a cell",
                    code="bad_weights",
                    column=panel.names.get(str(self.weight), self.weight),
                    expected="weights from zero, some above zero in every cell",
                )
            columns["weighted_mean"] = [
                float(w[p] @ markup[p]) / t for p, t in zip(parts, total, strict=True)
            ]
            columns["weighted_harmonic_mean"] = [
                t / float(w[p] @ (1.0 / markup[p])) for p, t in zip(parts, total, strict=True)
            ]
        return Table(columns, title="Markups", backend=panel.keys.backend)


def _error(result: ProductionResult, elasticity: Floats) -> Floats:
    """``ε`` in every row; zero where the production function does not tell it apart."""
    both = result.productivity.values
    if "productivity_with_error" not in both:
        return np.where(np.isfinite(elasticity), 0.0, np.nan)
    return np.asarray(both["productivity_with_error"] - both["productivity"])
