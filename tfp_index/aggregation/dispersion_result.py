"""What a measurement of dispersion gives back: spread by cell, transitions, joint means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._cells import Cells
from tfp_index.aggregation._periods import read_periods
from tfp_index.aggregation.disclosure import Disclosed, DisclosureRules
from tfp_index.errors import SpecificationError
from tfp_index.kernels import dispersion as kernel
from tfp_index.kernels.disclosure import Contributions
from tfp_index.kernels.matching import match_pairs
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, RowValues

if TYPE_CHECKING:
    from tfp_index.aggregation.dispersion import Dispersion

__all__ = ["DispersionResult", "Spread"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GAPS = {
    "d9010": (90.0, 10.0),
    "d7525": (75.0, 25.0),
    "d9050": (90.0, 50.0),
    "d5010": (50.0, 10.0),
    "d9990": (99.0, 90.0),
    "d1001": (10.0, 1.0),
}
ABSENT = "absent"


@dataclass(frozen=True, eq=False)
class Spread:
    """Dispersion of every pool under one weighting.

    Attributes
    ----------
    shape : Shape
    quantiles : (G, P) float array
    tails : Tails
    top_decile_share : (G,) share of weight in enterprises at or above the unweighted 90th
        percentile; NaN unweighted
    op_gap : (G,) weighted less unweighted mean; NaN unweighted
    """

    shape: kernel.Shape
    quantiles: Floats
    tails: kernel.Tails
    top_decile_share: Floats
    op_gap: Floats


@dataclass(frozen=True, eq=False, repr=False)
class DispersionResult(Result):
    """Dispersion by cell; made by `Dispersion.fit`.

    Attributes
    ----------
    productivity : str
    groups : mapping of grouping to (G,) labels
    spreads : mapping of weighting to Spread
    values : (n,) float array
        Productivity, or its deviation from the cell's mean where cells are pooled.
    pool : (n,) int array
        Row of the table that each row of the data belongs to, -1 for none.
    productivity_by_row : (n,) float array
        Productivity itself.
    cell : (n,) int array
        Cell of each row, -1 for rows that do not take part.
    centered : mapping of int to (G, P) float array, or None
        Means of so many observations around each percentile, where the rows are not held.
    """

    spec: Dispersion
    productivity: str
    groups: Mapping[str, NDArray[Any]]
    spreads: Mapping[str, Spread]
    values: Floats
    pool: Ints
    productivity_by_row: Floats
    cell: Ints
    joint_columns: Mapping[str, tuple[Floats, Floats, Floats]]
    behind: Contributions
    centered: Mapping[int, Floats] | None = None

    def tidy(self) -> Table:
        """Return one row per cell and weighting.

        ``p10`` is the tenth percentile; ``d9010`` the gap between the 90th and the tenth;
        ``frontier_gap`` the mean of the frontier less that of the rest, ``frontier_to_median``
        less the median, ``laggard_gap`` the median less the mean of the laggards.
        """
        blocks = []
        for weighting, spread in self.spreads.items():
            G = spread.shape.n.shape[0]
            block: dict[str, Any] = dict(self.groups)
            block["weighting"] = np.full(G, weighting, object)
            block |= self._statistics(spread, spread.quantiles)
            block["reason"] = np.where(
                spread.shape.n == 0, "no enterprise",
                np.where(spread.shape.n == 1, "one enterprise: no spread", ""),
            ).astype(object)  # fmt: skip
            blocks.append(block)
        columns = {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}
        return Table(columns, f"Dispersion of {self.productivity}", self._notes(),
                     self.keys.backend)  # fmt: skip

    def _statistics(self, spread: Spread, q: Floats) -> dict[str, Floats]:
        p = list(self.spec.all_percentiles)
        columns: dict[str, Any] = {
            "n": spread.shape.n,
            "mean": spread.shape.mean,
            "sd": spread.shape.sd,
            "skewness": spread.shape.skewness,
        }
        columns |= {f"p{v:g}": q[:, p.index(v)] for v in self.spec.percentiles}
        columns |= {
            name: q[:, p.index(high)] - q[:, p.index(low)] for name, (high, low) in GAPS.items()
        }
        median = q[:, p.index(50.0)]
        return columns | {
            "frontier_gap": spread.tails.top - spread.tails.rest,
            "frontier_to_median": spread.tails.top - median,
            "laggard_gap": median - spread.tails.bottom,
            "top_decile_share": spread.top_decile_share,
            "op_gap": spread.op_gap,
        }

    def _notes(self) -> tuple[str, ...]:
        definition = {
            "linear": "linear interpolation of order statistics (type 7)",
            "averaged": "cumulative shares, averaged at ties (type 2)",
        }[self.spec.definition]
        notes = [f"percentiles: {definition}"]
        if len(self.spreads) > 1:
            notes.append("weighted percentiles: cumulative weights, averaged at ties")
        if self.spec.by is not None:
            notes.append("deviations from the means of the cells, pooled")
        return tuple(notes)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return `tidy` as a frame."""
        return self.tidy().to_frame(backend)

    def glance(self) -> Table:
        """Return one row: the median of the cells' spread."""
        spread = self.spreads["unweighted"]
        filled = spread.shape.n > 1
        p = list(self.spec.all_percentiles)
        gap = spread.quantiles[:, p.index(90.0)] - spread.quantiles[:, p.index(10.0)]

        def middle(values: Floats) -> float:
            return float(np.median(values[filled])) if filled.any() else float("nan")

        columns = {
            "productivity": [self.productivity],
            "cells": [int((spread.shape.n > 0).sum())],
            "median_sd": [middle(spread.shape.sd)],
            "median_d9010": [middle(gap)],
            "rows": [self.sample.used],
        }
        return Table(columns, backend=self.keys.backend)

    @cached_property
    def bins(self) -> Ints:
        """(n,) quantile bin of every row inside its cell, from 0 for the lowest; -1 for none."""
        cells = kernel.sort_cells(
            self.productivity_by_row, self.cell, int(self.cell.max(initial=-1)) + 1, keep_rows=True
        )
        return kernel.quantile_bins(cells, self.cell.shape[0], self.spec.bins)

    @property
    def row_bins(self) -> RowValues:
        """Quantile bin of every row inside its cell, 1 for the lowest; missing where none."""
        bins = np.where(self.bins >= 0, self.bins + 1.0, np.nan)
        return RowValues(self.keys, {"bin": bins}, "Quantile bin inside its cell")

    def transitions(self, start: Any = None, end: Any = None) -> Table:
        """Return how enterprises move between quantile bins.

        Parameters
        ----------
        start, end : period, optional
            One pair of periods; default: all adjacent pairs of periods pooled.

        Returns
        -------
        Table
            One row for each pair of bins, 1 for the lowest; ``"absent"`` stands for enterprises
            that enter or leave. ``share`` is the share of those that start in the bin.
        """
        pairs = read_periods(self.keys, None if start is None or end is None else [(start, end)])
        k = self.spec.bins
        matches = match_pairs(
            self.keys.entity_codes, self.keys.time, pairs.numbers, measured=self.bins >= 0
        )
        first = np.concatenate((
            self.bins[matches.start],
            np.full(matches.entrant.shape[0], k),
            self.bins[matches.exiter],
        ))  # fmt: skip
        second = np.concatenate((
            self.bins[matches.end],
            self.bins[matches.entrant],
            np.full(matches.exiter.shape[0], k),
        ))  # fmt: skip
        counts = kernel.transitions(first, second, np.zeros_like(first), 1, k)[0]
        of = counts.sum(axis=1, keepdims=True)
        share = np.divide(counts, of, out=np.full(counts.shape, np.nan), where=of > 0)
        names = np.array([*range(1, k + 1), ABSENT], object)
        i, j = (axis.ravel() for axis in np.indices(counts.shape))
        keep = ~((i == k) & (j == k))
        columns = {
            "from": names[i][keep],
            "to": names[j][keep],
            "n": counts.ravel()[keep],
            "share": share.ravel()[keep],
        }
        title = "Moves between quantile bins"
        return Table(columns, title, (f"{len(pairs)} pair(s) of periods",), self.keys.backend)

    def joint(self) -> Table:
        """Return means of other columns by decile of productivity.

        Raises
        ------
        SpecificationError
            If none were asked for (``joint=``).
        """
        if not self.joint_columns:
            raise SpecificationError(
                "no column was asked for", code="no_joint", column="joint",
                expected="Dispersion(joint=(column, …))",
            )  # fmt: skip
        blocks = []
        for name, (n, plain, weighted) in self.joint_columns.items():
            g, decile = (axis.ravel() for axis in np.indices(n.shape))
            block: dict[str, Any] = {key: labels[g] for key, labels in self.groups.items()}
            block |= {"decile": decile + 1, "column": np.full(n.size, name, object)}
            block |= {"n": n.ravel(), "mean": plain.ravel(), "weighted_mean": weighted.ravel()}
            blocks.append(block)
        columns = {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}
        return Table(columns, f"Means by decile of {self.productivity}", backend=self.keys.backend)

    def cells(self, rules: DisclosureRules) -> Cells:
        """Return the unweighted statistics as cells for disclosure control.

        Percentiles become means of the observations around them, and statistics of a tail with
        too few enterprises are blank.
        """
        spread = self.spreads["unweighted"]
        q = self._centered(rules.percentile_window)
        q[spread.shape.n < rules.percentile_count] = np.nan
        values = self._statistics(spread, q)
        least = rules.min_count or 1
        for name, count in (
            ("frontier_gap", spread.tails.n_top),
            ("frontier_to_median", spread.tails.n_top),
            ("laggard_gap", spread.tails.n_bottom),
        ):
            values[name] = np.where(count >= least, values[name], np.nan)
        for name in ("n", "top_decile_share", "op_gap"):
            del values[name]
        notes = (
            *self._notes()[1:],
            f"percentiles: means of the {rules.percentile_window} observations around them, from "
            f"{rules.percentile_count} observations",
        )
        time = self.keys.names["time"]
        period = next((name for name in self.groups if name in (time, "time")), None)
        return Cells(
            keys={name: labels for name, labels in self.groups.items() if name != period},
            time=None if period is None else self.groups[period],
            contributions=(self.behind,),
            values=values,
            linked=False,
            time_name=period or time,
            title=f"Dispersion of {self.productivity}",
            notes=notes,
            backend=self.keys.backend,
        )

    def _centered(self, window: int) -> Floats:
        """(G, P) means of the observations around each percentile."""
        if self.centered is not None:
            if window not in self.centered:
                raise SpecificationError(
                    f"means of {window} observations around percentiles were not taken",
                    code="window_not_kept",
                    column="percentile_window",
                    expected="one of " + ", ".join(map(str, self.centered)),
                    remedy=f"run with window={window}",
                )
            return self.centered[window].copy()
        pools = self.spreads["unweighted"].shape.n.shape[0]
        ordered = kernel.sort_cells(self.values, self.pool, pools)
        p = np.array(self.spec.all_percentiles) / 100.0
        return kernel.centered_means(ordered, p, window)

    def to_public(self, rules: DisclosureRules | None = None) -> Disclosed:
        """Return the unweighted statistics after disclosure control."""
        rules = DisclosureRules() if rules is None else rules
        return rules.apply(self.cells(rules))

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the table as plain data."""
        return {**super().to_dict(), "tidy": self.tidy().to_dict()}
