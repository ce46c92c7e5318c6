"""What Hsieh and Klenow's model gives back: the trimming path, industries, firms, checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._cells import TOTAL, Cells
from tfp_index.aggregation._rows import one_of
from tfp_index.aggregation.disclosure import Disclosed, DisclosureRules
from tfp_index.errors import DataError
from tfp_index.kernels.disclosure import Contributions, contributions
from tfp_index.kernels.dispersion import demean, quantiles, shape, sort_cells
from tfp_index.kernels.misallocation import (
    FirmWedges,
    HsiehKlenowTerms,
    gain_over,
    hsieh_klenow,
    lognormal_efficiency,
    spread,
)
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, RowValues

if TYPE_CHECKING:
    from tfp_index.aggregation.misallocation import HsiehKlenow

__all__ = [
    "GAPS",
    "Figures",
    "HsiehKlenowResult",
    "Solution",
    "gaps",
    "industry_weights",
    "solve",
    "value_added_behind",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CAUTIONS = (
    "measurement error and overhead inputs look like misallocation; so do markups, adjustment "
    "costs and elasticities that differ between firms",
    "read the gain along its trimming path and between years or places, not as a level",
)


@dataclass(frozen=True, eq=False)
class Solution:
    """The model at one trim.

    Attributes
    ----------
    trim : float
    cell : (n,) int array
        Industry and year of each firm that stays, -1 for the others.
    terms : HsiehKlenowTerms
    firms, industries : (T,) int arrays
    """

    trim: float
    cell: Ints
    terms: HsiehKlenowTerms
    firms: Ints
    industries: Ints


def solve(
    trim: float,
    cell: Ints,
    py: Floats,
    wl: Floats,
    k: Floats,
    share: Floats,
    year: Ints,
    years: int,
    elasticity: float,
    design: Floats | None,
) -> Solution:
    """Solve the model for the firms of the cells."""
    terms = hsieh_klenow(py, wl, k, share, cell, year, years, elasticity, design=design)
    n = np.bincount(cell[cell >= 0], minlength=share.shape[0])
    firms = np.bincount(year, n, years).astype(np.int64)
    return Solution(trim, cell, terms, firms, np.bincount(year[n > 0], minlength=years))


class Figures(Protocol):
    """What the tables say of the firms of a solution."""

    def spread(self, name: str) -> Mapping[str, Floats]:
        """Standard deviation and gaps of ``"tfpr"`` or ``"tfpq"`` by year, (T,) each.

        Of deviations from industry means, every industry with its share of value added.
        """

    def variance(self, name: str) -> Floats:
        """(C,) variance of the log of a wedge or product in every cell."""

    def behind(self) -> tuple[Contributions, Contributions]:
        """Value added behind every year and behind every cell."""


@dataclass(frozen=True, eq=False)
class RowFigures:
    """Figures taken from the rows."""

    solution: Solution
    wedges: FirmWedges
    value_added: Floats
    design: Floats | None
    years: int

    def spread(self, name: str) -> Mapping[str, Floats]:
        """See `Figures`."""
        s, T = self.solution, self.years
        logs = np.log(self.wedges.tfpr) if name == "tfpr" else s.terms.tfpq_deviation
        inside = s.cell >= 0
        cells = s.terms.theta.shape[0]
        deviation = demean(np.where(inside, logs, 0.0), s.cell, cells, self.design)
        pooled = sort_cells(
            np.where(inside, deviation, 0.0),
            np.where(inside, np.maximum(s.cell, 0) % T, -1),
            T,
            industry_weights(s.terms, s.cell, self.design),
        )
        q = quantiles(pooled, GAPS, "averaged")
        return gaps(shape(pooled).sd, q)

    def variance(self, name: str) -> Floats:
        """See `Figures`."""
        cell = self.solution.cell
        logs = np.where(cell >= 0, np.log(getattr(self.wedges, name)), 0.0)
        return spread(logs, cell, self.solution.terms.theta.shape[0], self.design)

    def behind(self) -> tuple[Contributions, Contributions]:
        """See `Figures`."""
        cell = self.solution.cell
        return value_added_behind(
            self.value_added, cell, self.solution.terms.theta.shape[0], self.years
        )


GAPS = np.array([0.1, 0.25, 0.75, 0.9])
"""Percentiles that the spreads of a path are made of."""


def gaps(sd: Floats, q: Floats) -> dict[str, Floats]:
    """Return the spreads of a path from standard deviations and the percentiles `GAPS`."""
    return {"sd": sd, "d7525": q[:, 2] - q[:, 1], "d9010": q[:, 3] - q[:, 0]}


def industry_weights(terms: HsiehKlenowTerms, cell: Ints, design: Floats | None) -> Floats:
    """Spread each cell's share of value added evenly over its firms, 0 outside the cells."""
    at = np.maximum(cell, 0)
    m = 1.0 if design is None else design
    share = m * terms.theta[at] / np.maximum(terms.firms[at], 1.0)
    return np.where(cell >= 0, share, 0.0)


def value_added_behind(
    value_added: Floats, cell: Ints, cells: int, years: int
) -> tuple[Contributions, Contributions]:
    """Return the value added behind every year and every cell."""
    va = np.where(cell >= 0, value_added, 0.0)
    at_year = np.where(cell >= 0, cell % years, -1)
    return contributions(va, at_year, years, k=3), contributions(va, cell, cells, k=3)


@dataclass(frozen=True, eq=False, repr=False)
class HsiehKlenowResult(Result):
    """Gains from reallocation; made by `HsiehKlenow.fit`.

    Attributes
    ----------
    industries : mapping of grouping to (G,) labels
    years : (T,) object array
    capital_share : (G,) float array
    refused : (T,) bool array
        Years with too few firms.
    per_year : (T,) int array
        Firms that could be used.
    solutions : tuple of Solution, one for each trim
    wedges : FirmWedges
        Of every firm that could be used, by row; NaN elsewhere.
    value_added : (n,) float array
    design : (n,) float array or None
    figures : tuple of Figures, one for each solution, or None
        What the tables say of the firms; None when it is to be taken from the rows.
    """

    spec: HsiehKlenow
    industries: Mapping[str, NDArray[Any]]
    years: NDArray[Any]
    capital_share: Floats
    refused: NDArray[np.bool_]
    per_year: Ints
    solutions: tuple[Solution, ...]
    wedges: FirmWedges
    value_added: Floats
    design: Floats | None = None
    figures: tuple[Figures, ...] | None = None

    def _figures(self, s: Solution) -> Figures:
        """Return the figures of a solution: those given, else from the rows."""
        if self.figures is not None:
            return self.figures[[one.trim for one in self.solutions].index(s.trim)]
        return RowFigures(s, self.wedges, self.value_added, self.design, self.years.shape[0])

    def _solution(self, trim: float | None) -> Solution:
        trims = [s.trim for s in self.solutions]
        if trim is None:
            return self.solutions[0]
        one_of("trim", float(trim), trims)
        return self.solutions[trims.index(float(trim))]

    def gain(self, trim: float | None = None) -> Floats:
        """(T,) gain of each year as a fraction, at one trim; default: the smallest."""
        return self._solution(trim).terms.gain

    def path(self) -> Table:
        """Return the gain of every year at every trim, with the spread of TFPR and TFPQ.

        Spreads are of deviations from industry means, industries weighted by value added.
        """
        blocks = [self._block(s) for s in self.solutions]
        columns = {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}
        title = f"Gain from equal revenue productivity, elasticity {self.spec.elasticity:g}"
        order = np.lexsort((columns["trim"], np.tile(np.arange(self.years.shape[0]), len(blocks))))
        return Table({k: v[order] for k, v in columns.items()}, title, CAUTIONS, self.keys.backend)

    tidy = path

    def to_frame(self, backend: str | None = None) -> Any:
        """Return `path` as a frame."""
        return self.path().to_frame(backend)

    def _block(self, s: Solution) -> dict[str, NDArray[Any]]:
        T = self.years.shape[0]
        reason = np.full(T, "", object)
        for t in np.flatnonzero(self.refused).tolist():
            reason[t] = f"{self.per_year[t]} firms, fewer than {self.spec.min_firms}"
        block: dict[str, Any] = {
            self.keys.names["time"]: self.years,
            "trim": np.full(T, s.trim),
            "gain_percent": 100.0 * s.terms.gain,
            "efficiency": s.terms.efficiency,
            "firms": s.firms,
            "industries": s.industries,
        }
        figures = self._figures(s)
        for name in ("tfpr", "tfpq"):
            block |= {f"{k}_{name}": v for k, v in figures.spread(name).items()}
        return block | {"reason": reason}

    def glance(self) -> Table:
        """Return one row: the last year's gain at every trim."""
        usable = np.flatnonzero(~self.refused)
        last = int(usable[-1])
        columns: dict[str, Any] = {
            "year": [self.years[last]],
            "elasticity": [self.spec.elasticity],
            "firms": [int(self.solutions[0].firms[last])],
        }
        for s in self.solutions:
            columns[f"gain_percent_trim_{s.trim:g}"] = [100.0 * s.terms.gain[last]]
        return Table(columns, notes=CAUTIONS, backend=self.keys.backend)

    def relative(self, benchmark: Any) -> Table:
        """Return gains of moving to the efficiency of a benchmark: ``(1 + g)/(1 + g_b) - 1``.

        Parameters
        ----------
        benchmark : period of the data, or a gain as a fraction (float)

        Raises
        ------
        DataError
            If the year is not there or was refused.
        """
        labels = self.years.tolist()
        table = self.path()
        if isinstance(benchmark, float):
            base = {s.trim: benchmark for s in self.solutions}
            said = f"a gain of {100 * benchmark:g} %"
        else:
            if benchmark not in labels or self.refused[labels.index(benchmark)]:
                raise DataError(
                    f"there is no gain for {benchmark!r} to compare with",
                    code="unknown_period",
                    time=benchmark,
                    expected="a period with enough firms, or a gain such as 0.43",
                )
            t = labels.index(benchmark)
            base = {s.trim: float(s.terms.gain[t]) for s in self.solutions}
            said = f"{benchmark}"
        gain = table["gain_percent"] / 100.0
        relative = np.array(
            [
                100.0 * gain_over(np.array([g]), base[trim])[0]
                for g, trim in zip(gain.tolist(), table["trim"].tolist(), strict=True)
            ]
        )
        time = self.keys.names["time"]
        columns = {time: table[time], "trim": table["trim"], "gain_percent": relative}
        return Table(columns, f"Gain relative to {said}", CAUTIONS, self.keys.backend)

    def firms(self, trim: float | None = None) -> RowValues:
        """Return wedges, productivities and deviations of every firm, by row.

        Rows that took no part, or were trimmed, are missing.
        """
        s = self._solution(trim)
        inside = s.cell >= 0
        w = self.wedges
        values = {
            "capital_wedge": w.capital - 1.0,
            "output_wedge": 1.0 - w.output,
            "mrpk": w.mrpk,
            "mrpl": w.mrpl,
            "tfpr": w.tfpr,
            "tfpq": w.tfpq,
            "log_tfpr_deviation": s.terms.tfpr_deviation,
            "log_tfpq_deviation": s.terms.tfpq_deviation,
        }
        kept = {name: np.where(inside, column, np.nan) for name, column in values.items()}
        return RowValues(self.keys, kept, "Firms: RESTRICTED")

    def by_industry(self, trim: float | None = None) -> Table:
        """Return every industry in every year: weight, efficiency, part in the gain.

        ``lognormal_tfpr`` and ``lognormal_wedge`` are the two terms of the log-normal
        approximation of ``log_efficiency``; the second is zero only if capital wedges are equal.
        """
        s = self._solution(trim)
        T = self.years.shape[0]
        figures = self._figures(s)
        tfpr, wedge = figures.variance("tfpr"), figures.variance("capital")
        share = np.repeat(self.capital_share, T)
        first, second = lognormal_efficiency(tfpr, wedge, share, self.spec.elasticity)
        rows = np.flatnonzero(s.terms.theta > 0)
        columns: dict[str, Any] = {name: v[rows // T] for name, v in self.industries.items()}
        columns |= {
            self.keys.names["time"]: self.years[rows % T],
            "firms": s.terms.firms[rows],
            "capital_share": share[rows],
            "value_added_share": s.terms.theta[rows],
            "log_tfp": s.terms.log_tfp[rows],
            "log_efficiency": s.terms.log_efficiency[rows],
            "part_of_log_gain": -(s.terms.theta * s.terms.log_efficiency)[rows],
            "lognormal_tfpr": first[rows],
            "lognormal_wedge": second[rows],
        }
        return Table(columns, f"Industries, trim {s.trim:g}", CAUTIONS, self.keys.backend)

    def lognormal(self, trim: float | None = None) -> Table:
        """Compare the exact log efficiency of each year with the log-normal formula's two terms."""
        table = self.by_industry(trim)
        time = self.keys.names["time"]
        periods = list(dict.fromkeys(table[time].tolist()))
        at = np.array([periods.index(t) for t in table[time].tolist()])
        theta = table["value_added_share"]

        def total(name: str) -> Floats:
            return np.bincount(at, theta * table[name], len(periods)).astype(np.float64)

        first, second = total("lognormal_tfpr"), total("lognormal_wedge")
        columns = {
            time: np.array(periods, object),
            "exact": total("log_efficiency"),
            "lognormal": first + second,
            "term_tfpr": first,
            "term_capital_wedge": second,
        }
        return Table(columns, "Log efficiency, exact and log-normal", backend=self.keys.backend)

    def marginal_products(self, trim: float | None = None) -> Table:
        """Return the dispersion of marginal revenue products inside industries, by year.

        Standard deviations of logs inside each industry and year, averaged over industries with
        shares of value added that do not change over time.
        """
        s = self._solution(trim)
        T, figures = self.years.shape[0], self._figures(s)
        theta = s.terms.theta.reshape(-1, T)
        years = np.maximum((theta > 0).any(axis=0).sum(), 1)
        mean_share = theta.sum(axis=1, keepdims=True) / years
        columns: dict[str, Any] = {self.keys.names["time"]: self.years}
        for name in ("mrpk", "mrpl", "tfpr"):
            sd = np.sqrt(figures.variance(name)).reshape(-1, T)
            weight = np.where(np.isnan(sd), 0.0, mean_share)
            mass = weight.sum(axis=0)
            total = (weight * np.nan_to_num(sd)).sum(axis=0)
            columns[f"sd_{name}"] = np.divide(total, mass, out=np.full(T, np.nan), where=mass > 0)
        return Table(columns, "Dispersion of marginal revenue products", backend=self.keys.backend)

    def cells(self, trim: float | None = None) -> Cells:
        """Return industries and years as cells for disclosure control."""
        s = self._solution(trim)
        T = self.years.shape[0]
        by_year, by_cell = self._figures(s).behind()
        parts = [by_year]
        part, theta = [np.log1p(s.terms.gain)], [(s.firms > 0).astype(np.float64)]
        labels = {name: np.full(T, TOTAL, object) for name in self.industries}
        if self.industries:
            parts.append(by_cell)
            part.append(-(s.terms.theta * s.terms.log_efficiency))
            theta.append(s.terms.theta)
            for name, groups in self.industries.items():
                labels[name] = np.append(labels[name], np.repeat(groups, T))
        rows = sum(p.n.shape[0] for p in parts)
        behind = Contributions(
            np.concatenate([p.n for p in parts]),
            np.concatenate([p.total for p in parts]),
            np.concatenate([p.largest for p in parts]),
        )
        return Cells(
            keys=labels,
            time=np.tile(self.years, rows // T),
            contributions=(behind,),
            values={
                "part_of_log_gain": np.concatenate(part),
                "value_added_share": np.concatenate(theta),
            },
            shares=("value_added_share",),
            time_name=self.keys.names["time"],
            title=f"Gains from reallocation, trim {s.trim:g}",
            notes=CAUTIONS,
            backend=self.keys.backend,
        )

    def to_public(
        self, rules: DisclosureRules | None = None, trim: float | None = None
    ) -> Disclosed:
        """Return gains by industry and year after disclosure control."""
        return (DisclosureRules() if rules is None else rules).apply(self.cells(trim))

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the path as plain data."""
        return {**super().to_dict(), "path": self.path().to_dict()}
