"""How far enterprises are apart: spread, percentiles, tails, moves between quintiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._rows import (
    MeasuredRows,
    grouping,
    measured_rows,
    names_of,
    read_column,
    read_measure,
    read_weight,
    refuse_items,
)
from tfp_index.aggregation.dispersion_result import DispersionResult, Spread
from tfp_index.errors import DataError
from tfp_index.kernels import dispersion as kernel
from tfp_index.kernels.disclosure import contributions_of_runs
from tfp_index.panel.checks import require_keys
from tfp_index.panel.panel import Panel
from tfp_index.results.result import Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["Dispersion", "refuse_unmeasured"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ALWAYS = (1.0, 10.0, 25.0, 50.0, 75.0, 90.0, 99.0)
"""Percentiles that the gaps are made of."""


@dataclass(frozen=True, repr=False)
class Dispersion(Specification):
    r"""Measure the dispersion of productivity inside cells such as an industry in a year.

    Standard deviation, percentiles, the gaps between them, frontier and laggards, each unweighted
    and, with `weight`, activity-weighted.

    Percentiles are exact. Unweighted ones follow `definition`: ``"linear"`` interpolates between
    the order statistics around (n - 1) p (type 7 of Hyndman and Fan; numpy, pandas, R);
    ``"averaged"`` is the smallest value whose cumulative share reaches p, averaged with the next
    where it does so exactly (type 2; Stata). Weighted percentiles are always ``"averaged"``.

    Parameters
    ----------
    weight : str, optional
        Column of the activity weight: the denominator of the measure, e.g. employment for labor
        productivity, a cost-share index of inputs for TFP.
    within : str or tuple of str, optional
        Cells in which dispersion is measured, e.g. ``("industry", "year")``; the name of the time
        column stands for periods.
    by : str or tuple of str, optional
        Pools for the table, e.g. ``"year"``: deviations from the means of the cells are then
        pooled over cells. Default: one row for each cell, in levels.
    scale : {"log", "level"}
    given : {"log", "level"}
        How the productivity column stands. Fitted results are in logs.
    percentiles : tuple of float
        Between 0 and 100; those that the gaps need are always there.
    definition : {"linear", "averaged"}
    frontier : float
        Share of enterprises (or of weight) that make up the frontier, at the top.
    laggards : float
        The same at the bottom.
    bins : int
        Quantile bins inside each cell for `DispersionResult.transitions`; 5 for quintiles.
    joint : tuple of str
        Columns to average by decile of productivity.
    sampling_weight : str, optional
        Column of sampling weights. They multiply the activity weight, and stand in for equal
        weights in the unweighted statistics.

    Raises
    ------
    SpecificationError
        If options are unknown.

    Examples
    --------
    >>> import numpy as np, tfp_index as tfp
    >>> frame = {"firm": np.arange(11), "year": np.full(11, 2024), "tfp": np.arange(11) / 10}
    >>> panel = tfp.Panel.from_frame(frame, entity="firm", time="year", columns={"tfp": "tfp"})
    >>> res = tfp.Dispersion(within="year").fit(panel, productivity="tfp")
    >>> res.to_frame()[["n", "p50", "d9010"]].round(3).values.tolist()
    [[11.0, 0.5, 0.8]]
    """

    weight: str | None = None
    within: Any = None
    by: Any = None
    scale: str = "log"
    given: str = "log"
    percentiles: tuple[float, ...] = (1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0)
    definition: str = "linear"
    frontier: float = 0.05
    laggards: float = 0.10
    bins: int = 5
    joint: tuple[str, ...] = ()
    sampling_weight: str | None = None

    def __post_init__(self) -> None:
        choose(self, "scale", ("log", "level"))
        choose(self, "given", ("log", "level"))
        choose(self, "definition", ("linear", "averaged"))
        for option in ("within", "by"):
            if isinstance(value := getattr(self, option), list):
                object.__setattr__(self, option, tuple(value))
        try:
            wanted = tuple(sorted({float(p) for p in self.percentiles}))
        except (TypeError, ValueError):
            self._refuse("percentiles", f"percentiles={self.percentiles!r}", "numbers")
        if any(not 0 <= p <= 100 for p in wanted):
            self._refuse("percentiles", f"percentiles={self.percentiles!r}", "between 0 and 100")
        object.__setattr__(self, "percentiles", wanted)
        object.__setattr__(self, "joint", names_of(self.joint))
        for option in ("frontier", "laggards"):
            if not 0 < getattr(self, option) < 1:
                self._refuse(option, f"{option}={getattr(self, option)!r}", "between 0 and 1")
        if not isinstance(self.bins, int) or self.bins < 2:
            self._refuse("bins", f"bins={self.bins!r}", "an integer from 2")

    @property
    def all_percentiles(self) -> tuple[float, ...]:
        """Percentiles asked for, and those that the gaps and tails are made of."""
        tails = (100.0 * (1.0 - self.frontier), 100.0 * self.laggards)
        return tuple(sorted({*self.percentiles, *_ALWAYS, *tails}))

    def fit(self, panel: Panel, productivity: Any = "productivity") -> DispersionResult:
        """Measure dispersion.

        Parameters
        ----------
        panel : Panel
        productivity : str or fitted result

        Returns
        -------
        DispersionResult

        Raises
        ------
        DataError
            If a column or grouping is absent, a weight is negative, or no row is measured.
        """
        require_keys(panel)
        refuse_items(panel)
        rows = self._read(panel, productivity)
        refuse_unmeasured(int(rows.measured.sum()), rows.name, self.weight)
        inside = grouping(panel, names_of(self.within))
        cell = np.where(rows.measured, inside.codes, -1)
        pools = inside if self.by is None else grouping(panel, names_of(self.by))
        values, pool = rows.phi, cell
        if self.by is not None:
            values = kernel.demean(rows.phi, cell, inside.size, rows.design)
            pool = np.where(rows.measured, pools.codes, -1)
        # one sort serves both weightings
        weights = rows.weight if self.weight is not None else rows.design
        cells = kernel.sort_cells(values, pool, pools.size, weights)
        plain = cells.reweighted(rows.design)
        base = self._spread(plain, None)
        spreads = {"unweighted": base}
        if self.weight is not None:
            spreads[self.weight] = self._spread(cells, base)
        lost = {reason: int(mask.sum()) for reason, mask in rows.lost.items()}
        sample = Sample(panel.keys.frame_rows, int(rows.measured.sum()), lost)
        return DispersionResult(
            spec=self,
            record=record_of(self, panel, sample),
            keys=panel.keys,
            productivity=rows.name,
            groups=pools.columns(),
            spreads=spreads,
            values=np.where(rows.measured, values, np.nan),
            pool=pool,
            productivity_by_row=rows.phi,
            cell=cell,
            joint_columns=self._joint(panel, values, pool, pools.size, rows),
            behind=contributions_of_runs(
                cells.weights if self.weight is not None else None, cells.offsets, k=3
            ),
        )

    def _read(self, panel: Panel, productivity: Any) -> MeasuredRows:
        if self.weight is None:
            return _unweighted(panel, productivity, self)
        return measured_rows(
            panel, productivity, weight=self.weight, scale=self.scale, given=self.given,
            sampling_weight=self.sampling_weight,
        )  # fmt: skip

    def _spread(self, cells: kernel.SortedCells, unweighted: Spread | None) -> Spread:
        pools = cells.offsets.shape[0] - 1
        p = self.all_percentiles
        q = kernel.quantiles(cells, np.array(p) / 100.0, self.definition)
        shape = kernel.shape(cells)
        upper, lower = (q[:, p.index(v)] for v in (100.0 * (1 - self.frontier),
                                                   100.0 * self.laggards))  # fmt: skip
        top_decile = np.full(pools, np.nan)
        gap = np.full(pools, np.nan)
        if unweighted is not None:
            ninety = unweighted.quantiles[:, p.index(90.0)]
            top_decile = kernel.tails(cells, ninety, lower).top_share
            gap = shape.mean - unweighted.shape.mean
        return Spread(shape, q, kernel.tails(cells, upper, lower), top_decile, gap)

    def _joint(
        self, panel: Panel, values: Floats, pool: Ints, pools: int, rows: MeasuredRows
    ) -> dict[str, tuple[Floats, Floats, Floats]]:
        """Count, mean and weighted mean of columns by pool and decile, each (pools, 10)."""
        if not self.joint:
            return {}
        cells = kernel.sort_cells(values, pool, pools, keep_rows=True)
        decile = kernel.quantile_bins(cells, panel.n_rows, 10)
        found = {}
        for name in self.joint:
            column = read_column(panel, name)
            mine = (decile >= 0) & np.isfinite(column)
            at = pool[mine] * 10 + decile[mine]
            w = rows.weight[mine]
            n, mass = np.bincount(at, minlength=10 * pools), np.bincount(at, w, 10 * pools)
            plain = np.bincount(at, column[mine], 10 * pools)
            weighted = np.bincount(at, w * column[mine], 10 * pools)
            means = [
                np.divide(a, b, out=np.full(10 * pools, np.nan), where=b > 0)
                for a, b in ((plain, n), (weighted, mass))
            ]
            found[name] = (
                n.astype(np.float64).reshape(pools, 10),
                means[0].reshape(pools, 10),
                means[1].reshape(pools, 10),
            )
        return found


def refuse_unmeasured(used: int, productivity: str, weight: str | None) -> None:
    """Raise if no row can be used.

    Raises
    ------
    DataError
    """
    if not used:
        raise DataError(
            f"no row has {productivity}" + (" and a weight" if weight else ""),
            code="no_usable_rows",
            expected="productivity in at least one row",
        )


def _unweighted(panel: Panel, productivity: Any, spec: Dispersion) -> MeasuredRows:
    """Rows when no activity weight is asked for: sampling weights, or one each."""
    measure = read_measure(panel, productivity, scale=spec.scale, given=spec.given)
    design = None if spec.sampling_weight is None else read_weight(panel, spec.sampling_weight)
    w = np.ones(panel.n_rows) if design is None else design
    missing = np.isnan(measure.values)
    lost = {f"{measure.name} missing": missing, "weight missing": np.isnan(w) & ~missing}
    return MeasuredRows(measure.name, measure.values, w, design, ~(missing | np.isnan(w)), lost)
