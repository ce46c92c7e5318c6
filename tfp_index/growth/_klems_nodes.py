"""Adding industries up: the nodes of a tree, their weights, reallocation within and between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.growth._klems_data import IndustryYears
from tfp_index.kernels.klems import (
    Aggregate,
    aggregate_accounts,
    cell_sums,
    growth,
    timed,
    within_and_between,
)
from tfp_index.panel.panel import Panel

__all__ = ["Accounts", "NodeOptions", "aggregate_nodes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Accounts:
    """Growth accounts of m industry-years in gross output (if known) and in value added.

    Attributes
    ----------
    contributions : (k, m) float array
        To the growth of output.
    tfp_growth : (m,) float array
        Residual of output.
    value_added_share : (m,) float array
        v̄_V; 1 where output is value added.
    value_added_growth : (m,) float array
    value_added_contributions : (p, m) float array
        Of the primary inputs, to the growth of value added.
    value_added_tfp : (m,) float array
    """

    contributions: Floats
    tfp_growth: Floats
    value_added_share: Floats
    value_added_growth: Floats
    value_added_contributions: Floats
    value_added_tfp: Floats


@dataclass(frozen=True, eq=False)
class _Level:
    """One level of the tree.

    Attributes
    ----------
    name : str
    node : (n,) int array
        Node of each panel row.
    labels : (g,) array
    """

    name: str
    node: Ints
    labels: NDArray[Any]


@dataclass(frozen=True, eq=False)
class _Cells:
    """Sums over the industries of every node and period.

    Attributes
    ----------
    level : _Level
    cell : (m,) int array
    cells : int
    used : (m,) bool array
        Industry-years that take part.
    complete : (cells,) bool array
    industries, present : (cells,) int array
        Industries that take part, and that the period has.
    coverage : (cells,) float array
        Value added of those that take part in that of all, in the later period.
    value_added : (2, cells) float array
    weights, value_added_weights : (m,) float array
    aggregate : Aggregate
    input_contributions : (p, cells) float array
    """

    level: _Level
    cell: Ints
    cells: int
    used: Flags
    complete: Flags
    industries: Ints
    present: Ints
    coverage: Floats
    value_added: Floats
    weights: Floats
    aggregate: Aggregate
    input_contributions: Floats


@dataclass(frozen=True)
class NodeOptions:
    """How industries are added up; see `KlemsAccounts`."""

    aggregate: str
    inputs: str | None
    timing: str
    ratio: bool
    matched: bool
    groups: Mapping[str, tuple[str, ...]]


def aggregate_nodes(
    panel: Panel,
    data: IndustryYears,
    accounts: Accounts,
    tree: Sequence[str],
    options: NodeOptions,
) -> tuple[dict[str, NDArray[Any]], Floats]:
    """Add industries up on every level.

    Parameters
    ----------
    panel : Panel
    data : IndustryYears
    accounts : Accounts
    tree : names of groupings, finest first; the total comes last by itself
    options : NodeOptions

    Returns
    -------
    columns : mapping of name to array
        By level, node and period.
    weights : (m,) float array
        Of each industry in the total; NaN where the total is missing.
    """
    levels = [_level(panel, data, name) for name in tree]
    levels.append(_Level("total", np.zeros(panel.n_rows, np.int64), np.array(["total"], object)))
    _refuse_unnested(panel, data, levels)
    period, previous = _periods(panel)
    found: list[_Cells] = []
    tables: list[dict[str, NDArray[Any]]] = []
    for level in levels:
        cells = _cells(panel, data, accounts, level, period, previous, options)
        child = found[-1] if found else None
        split = _split(cells, child, data, previous.shape[0], options)
        tables.append(_table(panel, data, cells, split, previous.shape[0], options))
        found.append(cells)
    top = found[-1]
    weights = np.where(top.used & top.complete[top.cell], top.weights, np.nan)
    columns = {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}
    if len(levels) == 1:
        columns = {k: v for k, v in columns.items() if not k.endswith(("_within", "_between"))}
    return columns, weights


def _level(panel: Panel, data: IndustryYears, name: str) -> _Level:
    if name == "entity" and name not in panel.groups:
        return _Level(panel.keys.names["entity"], panel.entity_codes, panel.entity_labels)
    category = panel.group(name)
    node = category.codes
    lost = np.flatnonzero(data.leaves & (node < 0))
    moved = np.flatnonzero(
        data.leaves[1:]
        & (panel.series_codes[1:] == panel.series_codes[:-1])
        & (node[1:] != node[:-1])
    )
    if lost.size or moved.size:
        row = int(lost[0]) if lost.size else int(moved[0]) + 1
        entity, time = panel.where(row)
        raise DataError(
            f"an industry has no {name!r}" if lost.size else f"an industry changes its {name!r}",
            code="missing_group" if lost.size else "moving_group",
            column=category.column,
            entity=entity,
            time=time,
            expected="one node for each industry, in all periods",
        )
    return _Level(name, node, category.labels)


def _refuse_unnested(panel: Panel, data: IndustryYears, levels: list[_Level]) -> None:
    """Refuse a tree in which a node has two parents."""
    for child, parent in pairwise(levels):
        rows = np.flatnonzero(data.leaves)
        up = np.full(child.labels.shape[0], -1, np.int64)
        up[child.node[rows]] = parent.node[rows]
        bad = rows[up[child.node[rows]] != parent.node[rows]]
        if bad.size:
            entity, time = panel.where(int(bad[0]))
            raise DataError(
                f"{child.labels[child.node[bad[0]]]!r} ({child.name}) belongs to more than one "
                f"{parent.name}",
                code="not_nested",
                entity=entity,
                time=time,
                expected="levels from fine to coarse, each inside the next",
                remedy="put the levels in that order, or fit once for each",
            )


def _periods(panel: Panel) -> tuple[Ints, Ints]:
    """Return each row's period number, and the number of the period before each, or −1."""
    numbers = panel.keys.calendar.numbers
    period = np.searchsorted(numbers, panel.time)
    before = np.searchsorted(numbers, numbers - panel.step)
    there = numbers[np.minimum(before, numbers.shape[0] - 1)] == numbers - panel.step
    return period, np.where(there, before, -1)


def _cells(
    panel: Panel,
    data: IndustryYears,
    accounts: Accounts,
    level: _Level,
    period: Ints,
    previous: Ints,
    options: NodeOptions,
) -> _Cells:
    """Add the industries of every node and period of a level up."""
    span = previous.shape[0]
    count = level.labels.shape[0] * span
    # totals stand outside the tree: their node may be missing
    place = np.where(level.node >= 0, level.node, 0) * span + period
    cell = place[data.now]
    used = np.ones(cell.shape[0], bool)
    if options.matched:
        used = np.isfinite(accounts.value_added_growth)
    present = np.bincount(place[data.leaves], minlength=count)
    industries = np.bincount(cell[used], minlength=count)
    complete = industries > 0
    if not options.matched:
        complete &= (industries == present) & (industries == _present_before(present, previous))

    def sums(values: Floats) -> Floats:
        return cell_sums(np.where(used, values, 0.0), cell, count)

    value_added = np.stack([sums(data.value_added[0]), sums(data.value_added[1])])
    whole = cell_sums(data.known_value_added[data.leaves], place[data.leaves], count)
    coverage = value_added[1] / whole
    weights, w = _weights(data, accounts, value_added[:, cell], options)
    contributions, residual = accounts.value_added_contributions, accounts.value_added_tfp
    if options.aggregate == "domar":
        contributions, residual = accounts.contributions[~data.intermediate], accounts.tfp_growth
    inputs = _aggregate_contributions(panel, data, level, place, sums, value_added, options)
    aggregate = aggregate_accounts(
        cell[used],
        count,
        value_added_growth=accounts.value_added_growth[used],
        tfp_growth=residual[used],
        contributions=contributions[:, used],
        weights=weights[used],
        value_added_weights=w[used],
        aggregate_contributions=inputs,
    )
    return _Cells(
        level=level,
        cell=cell,
        cells=count,
        used=used,
        complete=complete,
        industries=industries,
        present=present,
        coverage=coverage,
        value_added=value_added,
        weights=weights,
        aggregate=aggregate,
        input_contributions=inputs,
    )


def _present_before(present: Ints, previous: Ints) -> Ints:
    """Return the number of industries of each node in the period before."""
    by_node = present.reshape(-1, previous.shape[0])
    return np.where(previous >= 0, by_node[:, np.maximum(previous, 0)], 0).reshape(-1)


def _weights(
    data: IndustryYears, accounts: Accounts, node: Floats, options: NodeOptions
) -> tuple[Floats, Floats]:
    """Return the weights of the residuals that are asked for, and those of value added.

    `node` is the (2, m) value added of each industry's node in both years.
    """
    divisor = np.where(node > 0, node, np.nan)
    share = data.value_added / divisor
    w = timed(share[0], share[1], options.timing)
    if options.aggregate != "domar":
        return w, w
    if options.ratio:
        return w / accounts.value_added_share, w
    domar = data.output_value / divisor
    return timed(domar[0], domar[1], options.timing), w


def _aggregate_contributions(
    panel: Panel,
    data: IndustryYears,
    level: _Level,
    place: Ints,
    sums: Any,
    value_added: Floats,
    options: NodeOptions,
) -> Floats:
    """Return (p, cells) v̄_j Δln X_j of the aggregate production function; NaN where unknown."""
    primary = np.flatnonzero(~data.intermediate)
    count = value_added.shape[1]
    out = np.full((primary.shape[0], count), np.nan)
    if options.inputs is None:
        return out
    divisor = np.where(value_added > 0, value_added, np.nan)
    for row, j in enumerate(primary.tolist()):
        value = [sums(np.nan_to_num(data.input_value[t, j])) for t in (0, 1)]
        if options.inputs == "sum":
            level_sums = [sums(np.nan_to_num(data.input_level[t, j])) for t in (0, 1)]
            g = growth(level_sums[0], level_sums[1])
        else:
            g = np.full(count, np.nan)
            inside = _total_inside(panel, data, level)
            g[place[data.total_rows[inside]]] = data.total_growth[j, inside]
        g[(value[0] == 0) & (value[1] == 0)] = 0.0
        out[row] = timed(value[0] / divisor[0], value[1] / divisor[1], options.timing) * g
    return out


def _total_inside(panel: Panel, data: IndustryYears, level: _Level) -> Flags:
    """Say which rows of totals are the total of a node of this level."""
    if panel.item is None:
        whole = level.name == "total"
        return np.full(data.total_rows.shape[0], whole)
    if level.node is panel.entity_codes:
        return np.ones(data.total_rows.shape[0], bool)
    return np.zeros(data.total_rows.shape[0], bool)


def _split(
    cells: _Cells, child: _Cells | None, data: IndustryYears, span: int, options: NodeOptions
) -> tuple[Floats, Floats]:
    """Return (p, cells) reallocation within and between the children of each node."""
    whole = cells.aggregate.reallocation
    if child is None:
        return np.full_like(whole, np.nan), np.full_like(whole, np.nan)
    up = np.zeros(child.level.labels.shape[0], np.int64)
    up[child.level.node[data.leaves]] = cells.level.node[data.leaves]
    here = np.arange(child.cells)
    parent = up[here // span] * span + here % span
    some = child.industries > 0
    share = [child.value_added[t] / cells.value_added[t][parent] for t in (0, 1)]
    weight = timed(share[0], share[1], options.timing)
    within, between = np.empty_like(whole), np.empty_like(whole)
    for j in range(whole.shape[0]):
        within[j], between[j] = within_and_between(
            parent[some],
            cells.cells,
            weight[some],
            child.aggregate.reallocation[j, some],
            whole[j],
        )
    return within, between


def _table(
    panel: Panel,
    data: IndustryYears,
    cells: _Cells,
    split: tuple[Floats, Floats],
    span: int,
    options: NodeOptions,
) -> dict[str, NDArray[Any]]:
    rows = np.flatnonzero(cells.present > 0)
    a = cells.aggregate

    def cut(values: Floats) -> Floats:
        return np.where(cells.complete[rows], values[rows], np.nan)

    asked = a.direct_tfp if options.aggregate == "direct" else a.weighted_tfp
    columns: dict[str, NDArray[Any]] = {
        "level": np.full(rows.shape[0], cells.level.name, object),
        "node": cells.level.labels[rows // span],
        panel.keys.names["time"]: panel.keys.calendar.labels[rows % span],
        "industries": cells.industries[rows],
        "value_added_growth": cut(a.value_added_growth),
        "tfp_growth": cut(asked),
        "weighted_tfp_growth": cut(a.weighted_tfp),
    }
    if options.matched:
        columns["coverage"] = cut(cells.coverage)
    by_input = dict(zip(data.primary, a.weighted_contributions, strict=True))
    columns |= {f"weighted_{name}_contribution": cut(c) for name, c in by_input.items()}
    for name, members in options.groups.items():
        if all(member in by_input for member in members):
            whole = np.sum([by_input[member] for member in members], axis=0)
            columns[f"weighted_{name}_contribution"] = cut(whole)
    columns["approximation"] = cut(a.approximation)
    if options.inputs is not None:
        columns["direct_tfp_growth"] = cut(a.direct_tfp)
        for j, name in enumerate(data.primary):
            columns[f"{name}_contribution"] = cut(cells.input_contributions[j])
        for j, name in enumerate(data.primary):
            columns[f"reallocation_{name}"] = cut(a.reallocation[j])
            columns[f"reallocation_{name}_within"] = cut(split[0][j])
            columns[f"reallocation_{name}_between"] = cut(split[1][j])
    columns["status"] = _why(cells, rows, columns["tfp_growth"])
    return columns


def _why(cells: _Cells, rows: Ints, found: Floats) -> NDArray[Any]:
    why = np.full(rows.shape[0], "", object)
    why[np.isnan(found)] = "value added of an industry, or an input of the node, is not known"
    why[~cells.complete[rows]] = "an industry has no account in this period"
    why[cells.industries[rows] == 0] = "no industry has an account in this period"
    return why
