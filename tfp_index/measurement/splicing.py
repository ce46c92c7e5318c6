"""Levels in the prices of different years: join vintages, mend levels that break."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels import prices as kernel
from tfp_index.measurement._guards import refuse_logs, refuse_not_positive, row_sample, series_name
from tfp_index.measurement._series import series_columns
from tfp_index.panel.checks import require_keys
from tfp_index.panel.figures import figures
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["BreakRepair", "BreakRepairResult", "Splicing", "SplicingResult"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class Splicing(Specification):
    """Join two vintages of a series, in different prices or classifications, on what they share.

    The newer level is kept; the older series is multiplied by one factor, so that its growth
    rates survive. Without a shared period nothing can be said about the factor, and the series is
    not joined.

    Parameters
    ----------
    older, newer : str
        Roles of the two vintages, each empty where it has no figure.
    link : {"first", "last", "sums", "geometric"}
        Factor: newer over older in the first or last shared period, the ratio of the sums over
        all shared periods, or the geometric mean of their ratios.
    missing : {"error", "missing"}
        What to do with series whose vintages share no period: stop, or leave the older part
        empty and count it.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> nan = float("nan")
    >>> frame = {"province": ["A"] * 4, "year": [2008, 2009, 2010, 2011],
    ...          "at_1994": [80.0, 90.0, 99.0, nan], "at_2010": [nan, nan, 220.0, 242.0]}
    >>> panel = tfp.Panel.from_frame(frame, entity="province", time="year",
    ...                              columns={"older": "at_1994", "newer": "at_2010"})
    >>> tfp.Splicing().fit(panel).values.round(4)
    array([177.7778, 200.    , 220.    , 242.    ])
    """

    older: str = "older"
    newer: str = "newer"
    link: str = "first"
    missing: str = "error"

    def __post_init__(self) -> None:
        choose(self, "link", ("first", "last", "sums", "geometric"))
        choose(self, "missing", ("error", "missing"))
        if self.older == self.newer:
            self._refuse("newer", "older and newer are the same role", "two vintages")

    def fit(self, panel: Panel) -> SplicingResult:
        """Splice every series.

        Parameters
        ----------
        panel : Panel

        Returns
        -------
        SplicingResult

        Raises
        ------
        DataError
            If keys are missing or repeated, a role is absent, a figure is not above zero, or the
            vintages of a series share no period.
        """
        require_keys(panel)
        refuse_logs(panel, "splicing")
        older, newer = figures(panel, self.older), figures(panel, self.newer)
        for role, values in ((self.older, older), (self.newer, newer)):
            refuse_not_positive(panel, role, values)
        out = kernel.splice(older, newer, panel.offsets, self.link)  # type: ignore[arg-type]
        apart = np.flatnonzero(out.carried & np.isnan(out.series))
        if apart.size and self.missing == "error":
            entity, time = series_name(panel, int(apart[0]))
            raise DataError(
                f"{self.older} and {self.newer} share no period, so their levels cannot be "
                f"chained ({apart.size} row(s), first here)",
                code="no_overlap",
                column=panel.names[self.older],
                entity=entity,
                time=time,
                expected="at least one period with both",
                remedy="find a period published on both bases, or missing='missing' to leave the "
                "older part out",
            )
        reason = "no period shared by both vintages, or no figure in either"
        notes = {"rows from the older vintage": int((out.carried & np.isfinite(out.series)).sum())}
        return SplicingResult(
            spec=self,
            record=record_of(self, panel, row_sample(panel, out.series, reason, notes)),
            keys=panel.keys,
            values=out.series,
            carried=out.carried,
            factor=out.factor,
            overlap=out.overlap,
        )


@dataclass(frozen=True, eq=False, repr=False)
class SplicingResult(Result):
    """One series from two vintages; made by `Splicing.fit`.

    Attributes
    ----------
    values : (n,) float array
    carried : (n,) bool array
        Rows that come from the older vintage.
    factor : (g,) float array
        What the older vintage was multiplied by.
    overlap : (g,) int array
        Periods that both vintages have.
    """

    spec: Splicing
    values: Floats
    carried: NDArray[np.bool_]
    factor: Floats
    overlap: Ints

    def to_frame(self, backend: str | None = None) -> Any:
        """Return keys, ``spliced`` and ``vintage`` (the role each figure comes from)."""
        vintage = np.where(self.carried, self.spec.older, self.spec.newer).astype(object)
        vintage[np.isnan(self.values)] = ""
        return self.keys.to_frame({"spliced": self.values, "vintage": vintage}, backend)

    def tidy(self) -> Table:
        """Return factor and shared periods of each series."""
        return Table(
            series_columns(self.keys) | {"factor": self.factor, "shared_periods": self.overlap},
            title="Splices",
            backend=self.keys.backend,
        )

    def glance(self) -> Table:
        """Return one row: link, series, range of the factor."""
        known = self.factor[np.isfinite(self.factor)]
        ends = [known.min(), known.max()] if known.size else [np.nan, np.nan]
        return Table(
            {
                "link": [self.spec.link],
                "series": np.array([self.factor.shape[0]]),
                "spliced": np.array([known.size]),
                "smallest_factor": np.array(ends[:1]),
                "largest_factor": np.array(ends[1:]),
            },
            title="Splicing",
            backend=self.keys.backend,
        )


@dataclass(frozen=True, repr=False)
class BreakRepair(Specification):
    """Find levels that do not grow as their official index says, and mend them.

    Institutes change the valuation or scope of levels and leave the older years as they were; the
    index of growth that they publish beside them (previous period = 100) does not break. Where
    both disagree, the older levels are brought onto the newer valuation by the index.

    Parameters
    ----------
    level, index : str
        Roles of the level at constant prices and of its index.
    tolerance : float
        Percentage points of growth that rounding may explain.
    before : {"level", "index"}
        Growth of the years before a break: that of the published levels, which carry more digits,
        or that of the index.

    Examples
    --------
    Value added of manufacturing in Viet Nam at 2010 prices: taxes on products left the industries
    in 2010.

    >>> import tfp_index as tfp
    >>> frame = {"industry": ["manufacturing"] * 4, "year": [2008, 2009, 2010, 2011],
    ...          "va": [347808.0, 357415.0, 279360.0, 318690.0],
    ...          "growth": [109.78, 102.76, 108.38, 114.08]}
    >>> panel = tfp.Panel.from_frame(frame, entity="industry", time="year", value_added="va",
    ...                              columns={"value_added_index": "growth"})
    >>> out = tfp.BreakRepair().fit(panel)
    >>> out.tidy().rows()[0]["year"], out.level.round(0).tolist()
    (2010, [250831.0, 257760.0, 279360.0, 318690.0])
    """

    level: str = "value_added"
    index: str = "value_added_index"
    tolerance: float = 0.1
    before: str = "level"

    def __post_init__(self) -> None:
        choose(self, "before", ("level", "index"))
        if not self.tolerance >= 0:
            self._refuse("tolerance", f"tolerance={self.tolerance!r}", "not negative")

    def fit(self, panel: Panel) -> BreakRepairResult:
        """Compare levels with their index, and mend them.

        Parameters
        ----------
        panel : Panel

        Returns
        -------
        BreakRepairResult

        Raises
        ------
        DataError
            If keys are missing or repeated, a role is absent, a level is not above zero, or the
            index is none with the previous period = 100.
        """
        require_keys(panel)
        refuse_logs(panel, "the comparison with an index")
        level, index = figures(panel, self.level), figures(panel, self.index)
        for role, values in ((self.level, level), (self.index, index)):
            refuse_not_positive(panel, role, values)
        self._refuse_no_index(panel, index)
        breaks = kernel.level_breaks(level, index, panel.lag_status, self.tolerance)
        with np.errstate(over="ignore", invalid="ignore"):
            mended = kernel.mend_levels(
                level,
                index,
                breaks.rows,
                panel.offsets,
                self.before,  # type: ignore[arg-type]
            )
        self._refuse_runaway(panel, np.flatnonzero(np.isinf(mended)))
        notes = {
            "breaks mended": breaks.rows.shape[0],
            "rows compared with the index": breaks.compared,
        }
        return BreakRepairResult(
            spec=self,
            record=record_of(self, panel, row_sample(panel, mended, "a figure is missing", notes)),
            keys=panel.keys,
            level=mended,
            breaks=breaks,
        )

    def _refuse_no_index(self, panel: Panel, index: Floats) -> None:
        bad = np.flatnonzero((index < 5.0) | (index > 5000.0))
        if bad.size:
            entity, time = series_name(panel, int(bad[0]))
            raise DataError(
                f"{self.index} is {index[bad[0]]:g} in {bad.size} row(s), first here",
                code="not_an_index",
                column=panel.names[self.index],
                entity=entity,
                time=time,
                expected="an index of growth with the previous period = 100, e.g. 108.4",
                remedy="multiply a ratio by 100, add 100 to a rate in percent",
            )

    def _refuse_runaway(self, panel: Panel, rows: NDArray[np.intp]) -> None:
        if rows.size:
            entity, time = series_name(panel, int(rows[0]))
            raise DataError(
                f"mended {self.level} has no finite value: its breaks multiply out of all scale",
                code="out_of_scale",
                column=panel.names[self.level],
                entity=entity,
                time=time,
                remedy="check the levels that break: panel.check() lists them",
            )


@dataclass(frozen=True, eq=False, repr=False)
class BreakRepairResult(Result):
    """Levels without breaks; made by `BreakRepair.fit`.

    Attributes
    ----------
    level : (n,) float array
    breaks : LevelBreaks
        Rows, growth of level and index, and gap.
    """

    spec: BreakRepair
    level: Floats
    breaks: kernel.LevelBreaks

    def to_frame(self, backend: str | None = None) -> Any:
        """Return keys and the mended level, under the name of its role."""
        return self.keys.to_frame({self.spec.level: self.level}, backend)

    def tidy(self) -> Table:
        """Return one row per break: keys, growth of level and index in percent, and their gap."""
        rows = self.breaks.rows
        columns = {name: values[rows] for name, values in self.keys.columns().items()}
        columns |= {
            "level_growth": self.breaks.level_growth,
            "index_growth": self.breaks.index_growth,
            "gap": self.breaks.gap,
        }
        return Table(columns, title="Breaks", backend=self.keys.backend)

    def glance(self) -> Table:
        """Return one row: rows compared, breaks, largest gap."""
        gaps = np.abs(self.breaks.gap)
        return Table(
            {
                "rows_compared": np.array([self.breaks.compared]),
                "breaks": np.array([gaps.size]),
                "largest_gap": np.array([gaps.max() if gaps.size else 0.0]),
            },
            title="Level against index",
            backend=self.keys.backend,
        )
