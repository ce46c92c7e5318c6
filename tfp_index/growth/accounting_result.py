"""What growth accounting gives back: rows, index, periods, sensitivity, trend."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import SpecificationError
from tfp_index.growth import _periods, _trend
from tfp_index.kernels.groups import STATUS_FIRST, STATUS_GAP, STATUS_OK
from tfp_index.kernels.growth import (
    STATUS_MISSING,
    GrowthTerms,
    chain_index,
    input_index_terms,
)
from tfp_index.kernels.periods import ratio
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, RowValues

if TYPE_CHECKING:
    from tfp_index.growth.accounting import GrowthAccounting

__all__ = ["REASONS", "GrowthAccountingResult", "overview"]

REASONS = {
    STATUS_OK: "",
    STATUS_FIRST: "first row of its entity",
    STATUS_GAP: "gap before the row",
    STATUS_MISSING: "value or share missing",
}
"""Why a row has no growth."""

Period = tuple[Any, Any]


@dataclass(frozen=True, eq=False, repr=False)
class GrowthAccountingResult(Result):
    """Growth, contributions and the residual, by row; made by `GrowthAccounting.fit`.

    Attributes
    ----------
    inputs : tuple of str
    terms : GrowthTerms
        Arrays in panel order: ``output_growth``, ``input_growth``, ``contributions``,
        ``tfp_growth`` (fractions, not percent) and ``status``.
    step : int
        Periods between consecutive observations.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> pwt = tfp.datasets.load("pwt110")
    >>> panel = tfp.Panel.from_frame(pwt, entity="country", time="year", output="rgdpna",
    ...     capital="rkna", labor="labor_input", labor_share="labsh")
    >>> res = tfp.GrowthAccounting.pwt().fit(panel)
    >>> table = res.periods([(1990, 2000), (2000, 2010)], entities=["KOR"])
    >>> table.to_frame()[["start", "tfp_growth"]].round(4).values.tolist()
    [[1990.0, 0.0141], [2000.0, 0.0155]]
    """

    spec: GrowthAccounting
    inputs: tuple[str, ...]
    terms: GrowthTerms
    step: int = 1

    @property
    def is_log(self) -> bool:
        """Whether growth is in differences of logs; else in rates."""
        return self.spec.growth == "log"

    @property
    def output_growth(self) -> NDArray[np.float64]:
        """(n,) growth of output, in panel order."""
        return self.terms.output_growth

    @property
    def tfp_growth(self) -> NDArray[np.float64]:
        """(n,) the residual, in panel order."""
        return self.terms.tfp_growth

    def contribution(self, name: str) -> NDArray[np.float64]:
        """(n,) contribution of an input, or of ``"tfp"``, to output growth."""
        if name == "tfp":
            return self.terms.tfp_contribution
        row: NDArray[np.float64] = self.terms.contributions[self.inputs.index(name)]
        return row

    @cached_property
    def log_tfp(self) -> NDArray[np.float64]:
        """(n,) log of TFP relative to the start of the entity's first unbroken run of growth.

        Missing where no growth links a row to that start; see `index`.
        """
        chained, runs = chain_index(self.tfp_growth, self.terms.status, log=self.is_log)
        lengths = np.diff(runs)
        linked = np.repeat(self._first_runs(runs, lengths), lengths)
        return np.where(linked, chained, np.nan)

    def _first_runs(self, runs: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which runs are the first of their entity with any growth in them."""
        entity = self.keys.entity_codes[runs[:-1]]
        has_growth = np.flatnonzero(lengths > 1)
        chosen = np.zeros(lengths.shape[0], bool)
        _, first = np.unique(entity[has_growth], return_index=True)
        chosen[has_growth[first]] = True
        return chosen

    def index(self, base: Any = None, value: float = 1.0) -> RowValues:
        """Return the chained TFP index.

        Parameters
        ----------
        base : period, optional
            Period at which the index is `value`; default: the start of each entity's first
            unbroken run of growth. An entity without that period, or whose rows are cut off from
            it by a gap, has a missing index there.
        value : float
            1 by default; 100 is usual in reports.

        Returns
        -------
        RowValues
            With the columns ``tfp_index`` and ``reason`` (empty where the index exists).
        """
        chained, runs = chain_index(self.tfp_growth, self.terms.status, log=self.is_log)
        lengths = np.diff(runs)
        if base is None:
            linked = self._first_runs(runs, lengths)
            origin = np.zeros(lengths.shape[0])
        else:
            number = self.keys.calendar.number(base)
            run_of_row = np.repeat(np.arange(lengths.shape[0]), lengths)
            rows = np.flatnonzero(self.keys.time == number)
            rows = rows[lengths[run_of_row[rows]] > 1]  # a run of one row links nothing
            linked = np.zeros(lengths.shape[0], bool)
            linked[run_of_row[rows]] = True
            origin = np.zeros(lengths.shape[0])
            origin[run_of_row[rows]] = chained[rows]
        with np.errstate(over="ignore"):
            level = value * np.exp(chained - np.repeat(origin, lengths))
        connected = np.repeat(linked, lengths)
        reason = np.array(["not linked to the base", ""], object)[connected.view(np.int8)]
        return RowValues(
            self.keys,
            {"tfp_index": np.where(connected, level, np.nan), "reason": reason},
            title="TFP index" + (f", {base} = {value:g}" if base is not None else ""),
        )

    def to_frame(self, backend: str | None = None, *, reasons: bool = False) -> Any:
        """Return every row in the caller's order and frame library.

        Columns: the keys, ``output_growth``, ``<input>_contribution`` for each input,
        ``tfp_growth`` and ``tfp_index`` (start of each entity's first run = 1). Growth and
        contributions are log points or rates, not percent.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow", "duckdb"}, optional
        reasons : bool
            Add a column that says why a row has no growth.
        """
        return self.keys.to_frame(self.row_columns(reasons=reasons), backend)

    def row_columns(self, *, reasons: bool = False) -> dict[str, NDArray[Any]]:
        """Return the columns of `to_frame` without the keys, in panel order."""
        values: dict[str, NDArray[Any]] = {"output_growth": self.output_growth}
        for name in self.inputs:
            values[f"{name}_contribution"] = self.contribution(name)
        if self.terms.tfp_contribution is not self.tfp_growth:
            values["tfp_contribution"] = self.terms.tfp_contribution
        values["tfp_growth"] = self.tfp_growth
        with np.errstate(over="ignore"):
            values["tfp_index"] = np.exp(self.log_tfp)
        if reasons:
            texts = np.array([REASONS[code] for code in sorted(REASONS)], object)
            values["reason"] = texts[self.terms.status]
        return values

    def periods(
        self,
        periods: Sequence[Period] | None = None,
        *,
        entities: Sequence[Any] | None = None,
        incomplete: str = "missing",
        tolerance: float = 0.005,
        disagreement: float = 0.05,
    ) -> Table:
        """Average growth and contributions over periods, with the share of TFP in growth.

        The share of growth is the ratio of sums (equivalently of means) of contribution and
        growth. Two other rules in use stand beside it: the mean of annual ratios, and the ratio
        of level increments (Viet Nam's statistics office). None is clamped.

        Parameters
        ----------
        periods : sequence of (start, end), optional
            Growth from `start` to `end`: the annual rates after `start` up to and including
            `end`. Default: each entity's own span as one period.
        entities : sequence, optional
            Default: all.
        incomplete : {"missing", "available"}
            What an entity gets that lacks some annual rates of a period: missing values, or the
            mean of those it has. Flagged either way.
        tolerance : float
            Mean growth below which a share of growth is not computed.
        disagreement : float
            Difference between the three shares of growth that is flagged.

        Returns
        -------
        Table
            entity, start, end, years, output_growth, ``<input>_contribution``, tfp_growth,
            ``<input>_share_of_growth``, tfp_share_of_growth, tfp_share_mean_of_ratios,
            tfp_share_increment, flag.
        """
        if incomplete not in ("missing", "available"):
            raise SpecificationError(
                f"incomplete={incomplete!r}", code="bad_option", expected="'missing', 'available'"
            )
        return _periods.period_table(
            self,
            periods,
            entities,
            _periods.Rules(incomplete == "available", tolerance, disagreement),
        )

    def of_entities(self, entities: Sequence[Any]) -> GrowthAccountingResult:
        """Return the result of these entities only, in the order given.

        Raises
        ------
        DataError
            If there is no such entity.
        """
        codes = [self.keys.entity_code(entity) for entity in entities]
        keys, rows = self.keys.of_entities(codes)
        terms = self.terms
        picked = dataclasses.replace(
            terms,
            output_growth=terms.output_growth[rows],
            input_growth=terms.input_growth[:, rows],
            contributions=terms.contributions[:, rows],
            tfp_growth=terms.tfp_growth[rows],
            tfp_contribution=terms.tfp_contribution[rows],
            status=terms.status[rows],
        )
        return dataclasses.replace(self, keys=keys, terms=picked)

    def sensitivity(
        self,
        capital_share: Sequence[float],
        periods: Sequence[Period] | None = None,
        **options: Any,
    ) -> Table:
        """Show how TFP depends on the capital share.

        Every row is accounted for again with each share; labor gets the remainder.

        Parameters
        ----------
        capital_share : sequence of float
        periods, **options
            As in `periods`.

        Returns
        -------
        Table
            capital_share, entity, start, end, years, output_growth, tfp_growth,
            tfp_share_of_growth, flag.
        """
        if self.inputs != ("capital", "labor") and set(self.inputs) != {"capital", "labor"}:
            raise SpecificationError(
                "sensitivity to the capital share is defined for capital and labor only",
                code="bad_inputs",
                expected="two inputs, capital and labor",
                remedy="fit specifications with other shares and compare them",
            )
        tables = []
        for share in capital_share:
            table = self._with_capital_share(float(share)).periods(periods, **options)
            kept = (
                "entity",
                "start",
                "end",
                "years",
                "output_growth",
                "tfp_growth",
                "tfp_share_of_growth",
                "flag",
            )
            columns = {"capital_share": np.full(len(table), float(share))}
            tables.append({**columns, **{name: table[name] for name in kept}})
        joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
        return Table(
            joined,
            "TFP growth (residual) by capital share",
            ("labor gets the remainder of the capital share",),
            self.keys.backend,
        )

    def _with_capital_share(self, share: float) -> GrowthAccountingResult:
        spec = dataclasses.replace(
            self.spec,
            capital_share=share,
            labor_share=None,
            shares=None,
            share_timing="fixed",
            per_labor_unit=False,
        )
        shares = [share if name == "capital" else 1.0 - share for name in self.inputs]
        terms = self.terms
        if spec.input_index == "arithmetic":
            with np.errstate(invalid="ignore"):
                contributions = np.array(shares)[:, None] * terms.input_growth
                tfp = terms.output_growth - contributions.sum(axis=0)
            tfp_contribution = tfp
        else:
            with np.errstate(invalid="ignore"):
                contributions, tfp, tfp_contribution = input_index_terms(
                    terms.output_growth,
                    terms.input_growth,
                    shares,
                    ratio=spec.residual == "ratio",
                )
        # shares that were missing no longer matter: growth is there or not by its own values
        status = terms.status.copy()
        status[(status == STATUS_MISSING) & np.isfinite(tfp)] = STATUS_OK
        changed = dataclasses.replace(
            terms,
            contributions=contributions,
            tfp_growth=tfp,
            tfp_contribution=tfp_contribution,
            status=status,
        )
        return dataclasses.replace(self, spec=spec, terms=changed)

    def trend(
        self, method: str = "hp", *, entities: Sequence[Any] | None = None, **options: Any
    ) -> Table:
        """Separate the trend of TFP growth from its cycle; see `_trend.trend_table`.

        Parameters
        ----------
        method : {"hp", "hamilton", "unobserved_components"}
            Hodrick–Prescott filter (option `smoothing`), Hamilton's regression filter (options
            `horizon`, `lags`), or a local-level model by maximum likelihood; all through
            statsmodels.
        entities : sequence, optional

        Returns
        -------
        Table
            entity, time, tfp_growth, trend, cycle.
        """
        return _trend.trend_table(self, method, entities, options)

    def tidy(self) -> Table:
        """Return one row per entity, period and component of output growth."""
        names = [*self.inputs, "tfp"]
        keys = self.keys.columns()
        n = self.keys.n_rows
        columns: dict[str, Any] = {
            name: np.tile(values, len(names)) for name, values in keys.items()
        }
        columns["component"] = np.repeat(np.array(names, object), n)
        columns["contribution"] = np.concatenate([self.contribution(name) for name in names])
        return Table(columns, "Contributions to output growth", backend=self.keys.backend)

    def glance(self) -> Table:
        """Return one row that sums the fit up."""
        used = self.terms.status == STATUS_OK
        sums = (self.output_growth[used].sum(), self.terms.tfp_contribution[used].sum())
        entities = int(self.keys.entity_labels.shape[0])
        return overview(self.spec, entities, int(used.sum()), sums, self.keys.backend)

    def _repr_html_(self) -> str:
        few = self.keys.entity_labels[:12].tolist()
        return (
            super()._repr_html_() + self.periods(entities=few, incomplete="available")._repr_html_()
        )


def overview(
    spec: GrowthAccounting,
    entities: int,
    used: int,
    sums: tuple[float, float],
    backend: str,
) -> Table:
    """Return one row that sums growth accounts up.

    Parameters
    ----------
    spec : GrowthAccounting
    entities, used : int
        Entities, and rows with growth.
    sums : two floats
        Of output growth and of the contribution of TFP over these rows.
    backend : str
    """
    growth, tfp = (float(total / used) if used else np.nan for total in sums)
    share = float(ratio(np.array([tfp]), np.array([growth]))[0])
    return Table(
        {
            "growth": [spec.growth],
            "share_timing": [spec.share_timing],
            "entities": [entities],
            "rows_used": [used],
            "mean_output_growth": [growth],
            "mean_tfp_contribution": [tfp],
            "tfp_share_of_growth": [share],
        },
        "Growth accounting; TFP growth is the residual",
        ("unweighted over rows; fractions, not percent",),
        backend,
    )
