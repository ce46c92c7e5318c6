"""Cells: the rows of one entity and period, over all its assets or types of worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels import services as kernel
from tfp_index.kernels.groups import calendar_lags, group_offsets
from tfp_index.kernels.growth import chain_index
from tfp_index.kernels.ordering import dense_codes
from tfp_index.panel.figures import figures
from tfp_index.panel.keys import Keys
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.results.result import Sample

__all__ = [
    "REASONS",
    "Cells",
    "cell_value",
    "cells_of",
    "chain_origin",
    "chained",
    "entity_means",
    "growth_above_zero",
    "services_sample",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NO_COST_YET = 5
REASONS = {
    kernel.NO_PREVIOUS: "no figures one period earlier",
    kernel.UNMATCHED: "a kind comes or goes (matched='only' compares those present in both)",
    kernel.MISSING: "a quantity or value is missing in the period or the one before",
    kernel.NOT_POSITIVE: "a quantity is negative or a total is not above zero",
    _NO_COST_YET: "no value in the period before, which needs the price two periods earlier",
}
"""Why an entity has no growth of services in a period."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The entity–period cells of a panel with items.

    Attributes
    ----------
    cell : (n,) int array
        Cell of each panel row.
    keys : Keys
        Keys of the cells, sorted by entity and period.
    previous : (c,) int array
        Cell of the same entity one period earlier, −1 where there is none.
    lag : (n,) int array
        Panel row of the same series one period earlier, −1 where there is none.
    """

    cell: Ints
    keys: Keys
    previous: Ints
    lag: Ints

    @property
    def count(self) -> int:
        """Number of cells."""
        return self.keys.n_rows


def cells_of(panel: Panel) -> Cells:
    """Number the entity–period cells of a panel."""
    low = int(panel.time.min())
    span = int(panel.time.max()) - low + 1
    cell, distinct = dense_codes(panel.entity_codes * span + (panel.time - low))
    entity, time = distinct // span, low + distinct % span
    keys = Keys(
        entity_codes=entity,
        entity_labels=panel.entity_labels,
        time=time,
        calendar=panel.keys.calendar,
        offsets=group_offsets(entity),
        order=None,
        frame_rows=distinct.shape[0],
        names=ReadOnly({k: v for k, v in panel.keys.names.items() if k != "item"}),
        backend=panel.keys.backend,
    )
    previous = calendar_lags(entity, time, panel.step)
    return Cells(cell, keys, previous, panel.lag())


def cell_value(panel: Panel, cells: Cells, role: str) -> Floats:
    """Read a figure of the entity and period, which stands in one or all of its rows.

    Raises
    ------
    DataError
        If the rows of one cell differ.
    """
    values = figures(panel, role)
    known = np.isfinite(values)
    rows = np.flatnonzero(known)
    out = np.full(cells.count, np.nan)
    out[cells.cell[rows]] = values[rows]
    off = rows[np.abs(values[rows] - out[cells.cell[rows]]) > 1e-9 * np.abs(values[rows])]
    if off.size:
        entity, time = panel.where(int(off[0]))
        raise DataError(
            f"{role} differs between the rows of one entity and period",
            code="differs_within_cell",
            column=panel.names[role],
            entity=entity,
            time=time,
            expected="one figure for the entity and period, repeated or left empty",
        )
    return out


def growth_above_zero(values: Floats, previous: Ints) -> Floats:
    """Return log growth from the row `previous`; NaN where a figure is not above zero in both."""
    before = np.where(previous >= 0, values[previous], np.nan)
    both = (values > 0.0) & (before > 0.0)
    growth: Floats = np.log(np.where(both, values, np.nan) / np.where(both, before, 1.0))
    return growth


def chain_origin(keys: Keys, growth: Floats, base: Any = None) -> tuple[Floats, Ints]:
    """Chain log growth, and say from which row each row's chain is counted.

    Parameters
    ----------
    keys : Keys
    growth : (n,) float array
        NaN where no growth links a row to the one before.
    base : period, optional
        Default: the start of each series' first unbroken run of growth.

    Returns
    -------
    chain : (n,) float array
        Log of an index; differences count within one unbroken run.
    origin : (n,) int array
        Row of the base, −1 for rows that no growth links to it.
    """
    status = np.where(np.isfinite(growth), 0, 1).astype(np.int8)
    chain, runs = chain_index(growth, status, log=True)
    lengths = np.diff(runs)
    run = np.repeat(np.arange(lengths.shape[0]), lengths)
    if base is None:
        starts = runs[:-1][lengths > 1]
        series = np.searchsorted(keys.offsets, starts, side="right")
        _, first = np.unique(series, return_index=True)
        rows = starts[first]
    else:
        rows = np.flatnonzero(keys.time == keys.calendar.number(base))
        rows = rows[lengths[run[rows]] > 1]  # a run of one row links nothing
    origin = np.full(lengths.shape[0], -1, np.int64)
    origin[run[rows]] = rows
    return chain, origin[run]


def chained(keys: Keys, growth: Floats, base: Any = None, value: float = 1.0) -> Floats:
    """Chain log growth into an index that is `value` in the base; NaN where nothing links."""
    chain, origin = chain_origin(keys, growth, base)
    index: Floats = np.where(origin >= 0, value * np.exp(chain - chain[origin]), np.nan)
    return index


def entity_means(keys: Keys, columns: Mapping[str, Floats], title: str) -> Table:
    """Return the means of some columns over the periods in which each exists, by entity."""
    groups = keys.entity_labels.shape[0]
    table: dict[str, NDArray[Any]] = {keys.names["entity"]: keys.entity_labels}
    for name, values in columns.items():
        known = np.isfinite(values)
        count = np.bincount(keys.entity_codes[known], minlength=groups)
        total = np.bincount(keys.entity_codes[known], values[known], groups)
        table[name] = np.where(count > 0, total, np.nan) / np.maximum(count, 1)
    return Table(table, title=title, backend=keys.backend)


def services_sample(
    panel: Panel, cells: Cells, out: kernel.ServiceGrowth, notes: Mapping[str, int]
) -> tuple[Sample, NDArray[np.int8]]:
    """Count the rows of cells with growth, and the others by the reason of their cell."""
    status = out.status.copy()
    has_lag = np.bincount(cells.cell[cells.lag >= 0], minlength=cells.count) > 0
    before = (cells.previous >= 0) & ~has_lag[cells.previous]
    status[(status == kernel.MISSING) & before] = _NO_COST_YET
    counts = np.bincount(status[cells.cell], minlength=_NO_COST_YET + 1)
    sample = Sample(
        rows=panel.keys.frame_rows,
        used=int(counts[kernel.OK]),
        lost={reason: int(counts[code]) for code, reason in REASONS.items()},
        notes=notes,
    )
    return sample, status
