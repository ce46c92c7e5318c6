"""Series without gaps from a panel with gaps, and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels.groups import STATUS_GAP
from tfp_index.measurement._guards import series_name
from tfp_index.panel.keys import Keys
from tfp_index.panel.panel import Panel

__all__ = ["DenseSeries", "base_rows", "dense_series", "series_columns"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DenseSeries:
    """Every period of each series from its first to its last figure.

    Attributes
    ----------
    panel : Panel
    offsets : (g + 1,) int array
        Dense rows of each of the panel's series; a series without a figure has none.
    rows : (m,) int array or None
        Panel row of each dense row, −1 where the panel has none; None when they are the same.
    values : (m,) float array
        The figures, NaN in gaps.
    """

    panel: Panel
    offsets: Ints
    rows: Ints | None
    values: Floats

    @cached_property
    def gaps(self) -> Ints:
        """(k,) dense rows without a figure."""
        return np.flatnonzero(np.isnan(self.values))

    @cached_property
    def first_rows(self) -> Ints:
        """(g,) panel row of the first figure of each series, −1 without one."""
        filled = np.diff(self.offsets) > 0
        first = np.full(filled.shape[0], -1, np.int64)
        dense = self.offsets[:-1][filled]
        first[filled] = dense if self.rows is None else self.rows[dense]
        return first

    def gather(self, values: Floats) -> Floats:
        """Bring a panel column to the dense rows; NaN where the panel has no row."""
        if self.rows is None:
            return values
        return np.where(self.rows >= 0, values[self.rows], np.nan)

    def scatter(self, values: Floats) -> Floats:
        """Bring dense values to the panel's rows; NaN outside the series."""
        if self.rows is None:
            return values
        out = np.full(self.panel.n_rows, np.nan)
        known = self.rows >= 0
        out[self.rows[known]] = values[known]
        return out

    def per_series(self, values: Floats) -> Floats:
        """Repeat one value per series over its dense rows."""
        return np.repeat(values, np.diff(self.offsets))

    def interpolated(self, values: Floats) -> Floats:
        """Fill NaN linearly between neighbors; the ends of each series must have figures."""
        missing = np.isnan(values)
        if not missing.any():
            return values
        known = np.flatnonzero(~missing)
        out = values.copy()
        out[missing] = np.interp(np.flatnonzero(missing), known, values[known])
        return out


def dense_series(panel: Panel, values: Floats) -> DenseSeries:
    """Lay the series of a column out without holes, from first to last figure.

    Raises
    ------
    DataError
        If two rows of a series are not a whole number of steps apart.
    """
    finite = np.isfinite(values)
    if finite.all() and not (panel.lag_status == STATUS_GAP).any():
        return DenseSeries(panel, panel.offsets, None, values)
    groups = panel.offsets.shape[0] - 1
    known = np.flatnonzero(finite)
    of = panel.series_codes[known]
    first, last = np.full(groups, -1, np.int64), np.full(groups, -1, np.int64)
    last[of] = known  # the last assignment stays
    first[of[::-1]] = known[::-1]
    some = first >= 0
    span = np.zeros(groups, np.int64)
    span[some] = panel.time[last[some]] - panel.time[first[some]]
    lengths = np.where(some, span // panel.step + 1, 0)
    offsets = np.concatenate(([0], np.cumsum(lengths)))

    series = panel.series_codes
    row = np.arange(panel.n_rows)
    inside = some[series] & (row >= first[series]) & (row <= last[series])
    row, series = row[inside], series[inside]
    elapsed = panel.time[row] - panel.time[first[series]]
    off = np.flatnonzero(elapsed % panel.step)
    if off.size:
        entity, time = panel.where(int(row[off[0]]))
        raise DataError(
            f"{off.size} row(s) are not a whole step of {panel.step} from the first of their "
            "series, first here",
            code="off_calendar",
            entity=entity,
            time=time,
            remedy="give the right step= to Panel.from_frame",
        )
    place = offsets[series] + elapsed // panel.step
    rows = np.full(int(offsets[-1]), -1, np.int64)
    rows[place] = row
    dense = np.full(rows.shape[0], np.nan)
    dense[place] = np.where(finite[row], values[row], np.nan)
    return DenseSeries(panel, offsets, rows, dense)


def series_columns(keys: Keys) -> dict[str, NDArray[Any]]:
    """Return the key columns of the series: entity and, if there is one, item."""
    first = keys.offsets[:-1]
    columns = {keys.names["entity"]: keys.entity_labels[keys.entity_codes[first]]}
    if keys.item is not None:
        columns[keys.names["item"]] = keys.item.labels[keys.item.codes[first]]
    return columns


def base_rows(panel: Panel, period: Any, values: Floats) -> Ints:
    """Return the row of each series at a period, by the caller's label of it.

    Raises
    ------
    DataError
        If the panel has no such period, or a series has no figure there.
    """
    number = panel.keys.calendar.number(period)
    rows = np.full(panel.offsets.shape[0] - 1, -1, np.int64)
    at = np.flatnonzero(panel.time == number)
    rows[panel.series_codes[at]] = at
    lost = np.flatnonzero((rows < 0) | np.isnan(values[rows]))
    if lost.size:
        entity, _ = series_name(panel, int(panel.offsets[lost[0]]))
        raise DataError(
            f"{lost.size} series have no figure in the base period {period!r}, first this one",
            code="no_base_period",
            entity=entity,
            time=period,
            remedy="choose a base period that every series has, or leave these series out",
        )
    return rows
