"""Cells of a table: their statistics, who stands behind them, and how they add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._rows import (
    Grouping,
    grouping,
    names_of,
    read_column,
    read_level,
    read_weight,
)
from tfp_index.errors import DataError
from tfp_index.kernels import disclosure as kernel
from tfp_index.kernels.disclosure import Contributions, Limits, Line
from tfp_index.panel.checks import require_keys
from tfp_index.panel.frames import FrameReader
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.panel import Panel

__all__ = ["OTHER", "TOTAL", "Cells", "Grid", "grid_of", "kept_dimensions", "lines_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOTAL = "(total)"
"""Label of a margin."""

OTHER = "(other)"
"""Label of groups that were merged."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Statistics by cell together with counts and the largest contributions behind them.

    Made by `from_panel`, `from_frame` or the ``cells()`` of a result. What stands behind a cell is
    restricted; `DisclosureRules.apply` turns cells into a table that may be published.

    Attributes
    ----------
    keys : mapping of dimension to (C,) array of labels
        ``"(total)"`` marks a margin.
    time : (C,) array of periods, or None
    contributions : tuple of Contributions
        Every one of them must pass the rules (e.g. weights in both of two periods); the first is
        the one whose sums can be worked out by subtraction.
    values : mapping of name to (C,) float array
    sums : tuple of str
        Values that are sums; they are rounded as totals.
    linked : bool
        Whether cells and their margins add up, so that blanks can be had by subtraction.
    shares : tuple of str
        Values that add up to one over the cells of a period, which everybody knows.
    """

    keys: Mapping[str, NDArray[Any]]
    time: NDArray[Any] | None
    contributions: tuple[Contributions, ...]
    values: Mapping[str, Floats]
    sums: tuple[str, ...] = ()
    linked: bool = True
    time_name: str = "time"
    title: str = ""
    notes: tuple[str, ...] = ()
    backend: str = "pandas"
    merged: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    shares: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", ReadOnly(self.keys))
        object.__setattr__(self, "values", ReadOnly(self.values))

    def __len__(self) -> int:
        return int(self.contributions[0].n.shape[0])

    def keys_columns(self) -> dict[str, NDArray[Any]]:
        """Return dimensions and time as columns."""
        columns = dict(self.keys)
        if self.time is not None:
            columns[self.time_name] = self.time
        return columns

    @classmethod
    def from_panel(
        cls,
        panel: Panel,
        by: Any,
        weight: str = "output",
        *,
        sums: Sequence[str] = (),
        means: Sequence[str] = (),
        weighted_means: Sequence[str] = (),
        margins: bool = True,
        over_time: bool = True,
        unit: str | None = None,
        merge: Limits | None = None,
        keep_largest: int = 3,
    ) -> Cells:
        """Build cells, with margins, from enterprises.

        Parameters
        ----------
        panel : Panel
        by : str or sequence of str
            Groupings that span the table.
        weight : str
            Column whose contributions decide; never negative, e.g. output or employment.
        sums, means, weighted_means : sequence of str
            Columns to add up (in levels), to average as they are, and to average with `weight`;
            missing entries are left out of the average.
        margins : bool
            Whether to add totals over each grouping.
        over_time : bool
            One table for each period; otherwise periods are pooled.
        unit : str, optional
            Grouping that says which enterprises belong together, e.g. the enterprise group:
            they then count as one contributor.
        merge : Limits, optional
            Merge groups that break these rules on their own margin into ``"(other)"`` first.
        keep_largest : int
            How many of the largest contributions to keep.

        Raises
        ------
        DataError
            If a column or grouping is absent, or a weight is negative.
        """
        require_keys(panel)
        w = read_weight(panel, weight)
        inside = np.isfinite(w)
        units = None if unit is None else grouping(panel, [unit]).codes
        time = grouping(panel, ["time"] if over_time else [])
        dims = [grouping(panel, [name]) for name in names_of(by)]
        merged: dict[str, tuple[Any, ...]] = {}
        if merge is not None:
            each = [_merged(dim, w, inside, time, merge, units) for dim in dims]
            merged = {dim.names[0]: gone for dim, gone in each if gone}
            dims = [dim for dim, _ in each]
        builder = _Builder(panel, w, inside, units, time, weight, keep_largest)
        parts = [
            builder.table([d if keep else None for d, keep in zip(dims, kept, strict=True)],
                          sums, means, weighted_means)
            for kept in kept_dimensions(len(dims), margins)
        ]  # fmt: skip
        return cls(
            keys={
                dim.names[0]: np.concatenate([part.labels[i] for part in parts])
                for i, dim in enumerate(dims)
            },
            time=np.concatenate([part.time for part in parts]) if over_time else None,
            contributions=(_joined([part.behind for part in parts]),),
            values={
                name: np.concatenate([part.values[name] for part in parts])
                for name in parts[0].values
            },
            sums=tuple(sums),
            linked=margins,
            time_name=panel.keys.names["time"],
            backend=panel.keys.backend,
            merged=merged,
            notes=tuple(
                f"{name}: {', '.join(map(str, gone))} merged into {OTHER}"
                for name, gone in merged.items()
            ),
        )

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        by: Any,
        *,
        count: str = "n",
        total: str = "total",
        largest: Sequence[str] = ("x1", "x2"),
        values: Sequence[str] = (),
        sums: Sequence[str] = (),
        time: str | None = None,
        total_label: Any = TOTAL,
    ) -> Cells:
        """Take cells that were tabulated elsewhere.

        Parameters
        ----------
        frame : any supported table, one row per cell
        by : str or sequence of str
            Columns of the dimensions.
        count, total : str
            Columns with the number of contributors and the sum of contributions.
        largest : sequence of str
            Columns of the largest contributions, descending.
        values, sums : sequence of str
            Statistics to publish; those that are sums.
        time : str, optional
        total_label : object
            How the frame marks a margin.

        Raises
        ------
        DataError
            If a column is absent or a contribution is missing or negative.
        """
        reader = FrameReader(frame)
        keys = {}
        for name in names_of(by):
            labels = reader.keys(name).astype(object)
            labels[np.array([label == total_label for label in labels.tolist()], bool)] = TOTAL
            keys[name] = labels
        top = np.column_stack([reader.numbers(name) for name in largest])
        n, sum_ = reader.numbers(count), reader.numbers(total)
        for name, column in ((count, n), (total, sum_), *zip(largest, top.T, strict=True)):
            bad = np.flatnonzero(~(column >= 0))
            if bad.size:
                raise DataError(
                    f"{name} is missing or negative in row {int(bad[0]) + 1}",
                    code="bad_contribution",
                    column=name,
                    expected="counts and contributions from zero in every row",
                )
        return cls(
            keys=keys,
            time=None if time is None else reader.keys(time),
            contributions=(Contributions(n, sum_, np.sort(top, axis=1)[:, ::-1]),),
            values={name: reader.numbers(name) for name in (*values, *sums)},
            sums=tuple(sums),
            time_name=time or "time",
            backend=reader.backend,
        )


def kept_dimensions(dims: int, margins: bool) -> list[tuple[bool, ...]]:
    """Which dimensions stand in each table: all of them first, the grand total last."""
    if not margins:
        return [(True,) * dims]
    places = range(dims)
    sets = [set(c) for size in range(dims, -1, -1) for c in combinations(places, size)]
    return [tuple(i in kept for i in places) for kept in sets]


def _merged(
    dim: Grouping,
    weight: Floats,
    inside: NDArray[np.bool_],
    time: Grouping,
    limits: Limits,
    unit: Ints | None,
) -> tuple[Grouping, tuple[Any, ...]]:
    codes = np.where(inside, dim.codes, -1)
    gone = kernel.merge_small_groups(
        weight, codes, dim.size, time.codes, time.size, limits, unit=unit
    )
    if not gone.any():
        return dim, ()
    stay = np.flatnonzero(~gone)
    number = np.full(dim.size, stay.shape[0])
    number[stay] = np.arange(stay.shape[0])
    labels = np.append(dim.labels[0][stay], np.array([OTHER], object))
    names = tuple(dim.labels[0][gone].tolist())
    return Grouping(dim.names, number[dim.codes], (labels,), stay.shape[0] + 1), names


def _joined(parts: Sequence[Contributions]) -> Contributions:
    return Contributions(
        np.concatenate([part.n for part in parts]),
        np.concatenate([part.total for part in parts]),
        np.concatenate([part.largest for part in parts]),
    )


@dataclass(frozen=True, eq=False)
class _Part:
    labels: list[NDArray[Any]]
    time: NDArray[Any]
    behind: Contributions
    values: dict[str, Floats]


@dataclass(frozen=True, eq=False)
class _Builder:
    """Tabulates one combination of dimensions; the others are summed over."""

    panel: Panel
    weight: Floats
    inside: NDArray[np.bool_]
    units: Ints | None
    time: Grouping
    weight_name: str
    keep: int

    def table(
        self,
        dims: Sequence[Grouping | None],
        sums: Sequence[str],
        means: Sequence[str],
        weighted_means: Sequence[str],
    ) -> _Part:
        shape = [1 if d is None else d.size for d in dims]
        cell = np.zeros(self.panel.n_rows, np.int64)
        for d in dims:
            cell = cell if d is None else cell * d.size + d.codes
        cells = int(np.prod(shape))
        cell = np.where(self.inside, cell * self.time.size + self.time.codes, -1)
        cells *= self.time.size
        behind = kernel.contributions(self.weight, cell, cells, k=self.keep, unit=self.units)
        place = np.unravel_index(np.arange(cells), (*shape, self.time.size))
        labels = [
            np.full(cells, TOTAL, object) if d is None else d.labels[0][p]
            for d, p in zip(dims, place[:-1], strict=True)
        ]
        periods = self.time.labels[0][place[-1]] if self.time.labels else np.zeros(cells, object)
        values = {name: self._sum(name, cell, cells) for name in sums}
        values |= {f"mean_{name}": self._mean(name, cell, cells, None) for name in means}
        values |= {
            f"mean_{name}_by_{self.weight_name}": self._mean(name, cell, cells, self.weight)
            for name in weighted_means
        }
        return _Part(labels, periods, behind, values)

    def _sum(self, name: str, cell: Ints, cells: int) -> Floats:
        values = read_level(self.panel, name)
        mine = (cell >= 0) & np.isfinite(values)
        return np.bincount(cell[mine], values[mine], cells).astype(np.float64, copy=False)

    def _mean(self, name: str, cell: Ints, cells: int, weight: Floats | None) -> Floats:
        values = read_column(self.panel, name)
        mine = (cell >= 0) & np.isfinite(values)
        w = np.ones(int(mine.sum())) if weight is None else weight[mine]
        mass = np.bincount(cell[mine], w, cells)
        total = np.bincount(cell[mine], w * values[mine], cells)
        out: Floats = np.full(cells, np.nan)
        np.divide(total, mass, out=out, where=mass > 0)
        return out


@dataclass(frozen=True, eq=False)
class Grid:
    """All distinct cells of some tables, over all periods.

    Attributes
    ----------
    cells, periods : int
    place, period : one int array per table
        Where each of its rows stands.
    index : mapping of key to place
        A key is the set of (dimension, label) pairs without margins.
    """

    cells: int
    periods: int
    place: list[Ints]
    period: list[Ints]
    index: dict[frozenset[tuple[str, Any]], int]

    def contributions(self, tables: Sequence[Cells]) -> list[Contributions]:
        """Return what stands behind every cell in each period."""
        k = min(table.contributions[0].largest.shape[1] for table in tables)
        n, total = np.zeros((2, self.periods, self.cells))
        largest = np.zeros((self.periods, self.cells, k))
        source = np.tile(np.arange(self.cells), (self.periods, 1))
        used = self.cells
        for table, place, period in zip(tables, self.place, self.period, strict=True):
            first = table.contributions[0]
            for behind in reversed(table.contributions):  # the first that has anybody
                some = behind.n > 0
                at = (period[some], place[some])
                n[at], total[at] = behind.n[some], behind.total[some]
                largest[at] = behind.largest[some, :k]
            if first.source is not None:
                source[period, place] = used + first.source
                used += int(first.source.max()) + 1
        return [
            Contributions(*of_period) for of_period in zip(n, total, largest, source, strict=True)
        ]

    def worth(self, tables: Sequence[Cells]) -> Floats:
        """Return how many statistics stand in every cell in each period; one where none does."""
        count = np.zeros((self.periods, self.cells))
        for table, place, period in zip(tables, self.place, self.period, strict=True):
            filled = [np.isfinite(values) for values in table.values.values()]
            count[period, place] += np.maximum(np.sum(filled, axis=0), 1) if filled else 1
        return count


def grid_of(tables: Sequence[Cells]) -> Grid:
    """Number the distinct cells of several tables; shared cells and margins get one number.

    Raises
    ------
    DataError
        If a table has a cell twice.
    """
    index: dict[frozenset[tuple[str, Any]], int] = {}
    periods: dict[Any, int] = {}
    places, times = [], []
    for table in tables:
        columns = [labels.tolist() for labels in table.keys.values()]
        names = list(table.keys)
        rows = zip(*columns, strict=True) if columns else [()] * len(table)
        place = np.empty(len(table), np.int64)
        for row, labels in enumerate(rows):
            key = frozenset((n, v) for n, v in zip(names, labels, strict=True) if v != TOTAL)
            place[row] = index.setdefault(key, len(index))
        when = [None] * len(table) if table.time is None else table.time.tolist()
        period = np.array([periods.setdefault(t, len(periods)) for t in when], np.int64)
        pairs = place * (len(periods) + 1) + period
        if np.unique(pairs).shape[0] < len(table):
            raise DataError("a cell occurs twice in the table", code="duplicate_cell")
        places.append(place)
        times.append(period)
    return Grid(len(index), max(len(periods), 1), places, times, index)


def lines_of(tables: Sequence[Cells], grid: Grid) -> list[Line]:
    """Return every sum of cells to a margin that the tables hold."""
    lines: dict[tuple[int, ...], Line] = {}
    for table, place in zip(tables, grid.place, strict=True):
        if not table.linked:
            continue
        columns = {name: labels.tolist() for name, labels in table.keys.items()}
        for name in columns:
            others = [other for other in columns if other != name]
            groups: dict[tuple[Any, ...], tuple[set[int], list[int]]] = {}
            for row, label in enumerate(columns[name]):
                key = tuple(columns[other][row] for other in others)
                parts, total = groups.setdefault(key, (set(), []))
                if label == TOTAL:
                    total.append(int(place[row]))
                else:
                    parts.add(int(place[row]))
            for parts, total in groups.values():
                if parts and total:
                    ordered = sorted(parts)
                    lines[(total[0], *ordered)] = Line(np.array(ordered), total[0])
    return list(lines.values())
