"""What an aggregate sums over enterprises, and the tables that follow from the sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._cells import TOTAL, kept_dimensions
from tfp_index.aggregation._rows import Grouping, MeasuredRows, read_weight
from tfp_index.kernels.decompose import Survivors, pair_moments
from tfp_index.kernels.decompose_levels import LevelMoments, level_moments
from tfp_index.kernels.disclosure import Contributions, contributions
from tfp_index.kernels.matching import match_pairs
from tfp_index.kernels.sums import Additive
from tfp_index.panel.panel import Panel

if TYPE_CHECKING:
    from tfp_index.aggregation.aggregate import Aggregation

__all__ = ["AggregateTable", "AggregationSums", "aggregation_sums", "tables_of_sums"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Sums(Additive):
    """Sums of one combination of dimensions, over groups and periods.

    `survivors` and `value_added` are there for Domar weights only.
    """

    level: LevelMoments
    survivors: Survivors | None
    value_added: Floats | None
    behind: Contributions


@dataclass(frozen=True, eq=False)
class AggregationSums(Additive):
    """Sums over enterprises; those of disjoint sets of enterprises add up.

    Attributes
    ----------
    tables : tuple of sums, one for each combination of dimensions
    whole : (T,) float array
        Weight of every period.
    used : int
    lost : mapping of reason to rows
    """

    tables: tuple[_Sums, ...]
    whole: Floats
    used: int
    lost: Mapping[str, int]


def aggregation_sums(
    spec: Aggregation,
    panel: Panel,
    rows: MeasuredRows,
    dims: Sequence[Grouping],
    time: Grouping,
    *,
    pivot: float,
) -> AggregationSums:
    """Take the sums over the enterprises of a panel; `pivot` is mean productivity."""
    return AggregationSums(
        tables=tuple(
            _table_sums(spec, panel, rows, chosen, time, pivot) for chosen in _combinations(dims)
        ),
        whole=np.asarray(
            np.bincount(time.codes[rows.measured], rows.weight[rows.measured], time.size),
            np.float64,
        ),
        used=int(rows.measured.sum()),
        lost={reason: int(mask.sum()) for reason, mask in rows.lost.items()},
    )


def _combinations(dims: Sequence[Grouping]) -> list[list[Grouping | None]]:
    """All dimensions first, the grand total last; None for one that is summed over."""
    return [
        [d if keep else None for d, keep in zip(dims, kept, strict=True)]
        for kept in kept_dimensions(len(dims), margins=True)
    ]


def _shape(dims: Sequence[Grouping | None]) -> list[int]:
    return [1 if d is None else d.size for d in dims]


def _table_sums(
    spec: Aggregation,
    panel: Panel,
    rows: MeasuredRows,
    dims: Sequence[Grouping | None],
    time: Grouping,
    pivot: float,
) -> _Sums:
    cell = np.zeros(panel.n_rows, np.int64)
    for d in dims:
        cell = cell if d is None else cell * d.size + d.codes
    groups, T = int(np.prod(_shape(dims))), time.size
    own = np.where(rows.measured, cell * T + time.codes, -1)
    survivors = added = None
    if spec.method == "domar" and T > 1:
        survivors, added = _domar_sums(panel, rows, cell, groups, time, pivot)
    return _Sums(
        level_moments(
            rows.phi, rows.weight, own, (groups, T), design=rows.design, pivot=pivot
        ),
        survivors,
        added,
        contributions(rows.weight, own, groups * T, k=max(spec.keep_largest, 2)),
    )  # fmt: skip


def _domar_sums(
    panel: Panel, rows: MeasuredRows, cell: Ints, groups: int, time: Grouping, pivot: float
) -> tuple[Survivors, Floats]:
    """Sums over continuing enterprises, and (groups, T) value added."""
    VA = read_weight(panel, "value_added")
    if rows.design is not None:
        VA = VA * rows.design
    numbers = panel.keys.calendar.numbers
    T = time.size
    pairs = np.column_stack((numbers[:-1], numbers[1:]))
    counted = np.isfinite(VA)
    total = np.bincount(cell[counted] * T + time.codes[counted], VA[counted], groups * T)
    matches = match_pairs(panel.entity_codes, panel.time, pairs, measured=rows.measured)
    moments = pair_moments(matches, rows.phi, rows.weight, cell, (T - 1, groups, 1), pivot=pivot)
    return moments.survivors, total.astype(np.float64).reshape(groups, T)


def _domar_growth(sums: _Sums) -> Floats:
    """(groups, T) Domar-weighted growth since the period before; NaN in the first."""
    growth = np.full(sums.level.n.shape, np.nan)
    if sums.survivors is None or sums.value_added is None:
        return growth
    S, total = sums.survivors, sums.value_added
    first, second = ((a - b)[..., 0].T for a, b in ((S.w1f2, S.w1f1), (S.w2f2, S.w2f1)))
    usable = (total[:, :-1] > 0) & (total[:, 1:] > 0) & (S.n[..., 0].T > 0)
    halves = [
        np.divide(half, VA, out=np.full(half.shape, np.nan), where=usable)
        for half, VA in ((first, total[:, :-1]), (second, total[:, 1:]))
    ]
    growth[:, 1:] = 0.5 * (halves[0] + halves[1])
    return growth


@dataclass(frozen=True, eq=False)
class AggregateTable:
    """One combination of dimensions: rows are groups that occur, by period."""

    labels: list[NDArray[Any]]
    periods: NDArray[Any]
    values: dict[str, Floats]
    reason: NDArray[Any]
    behind: Contributions


def tables_of_sums(
    spec: Aggregation, sums: AggregationSums, dims: Sequence[Grouping], time: Grouping, base: int
) -> list[AggregateTable]:
    """Return the tables of all combinations of dimensions.

    Parameters
    ----------
    spec : Aggregation
    sums : AggregationSums
    dims, time : Grouping
        As the sums were taken; only their labels are read.
    base : int
        Place of the base period.
    """
    pairs = zip(sums.tables, _combinations(dims), strict=True)
    return [_table(spec, one, sums.whole, chosen, time, base) for one, chosen in pairs]


def _table(
    spec: Aggregation,
    sums: _Sums,
    whole: Floats,
    dims: Sequence[Grouping | None],
    time: Grouping,
    base: int,
) -> AggregateTable:
    moments, T = sums.level, time.size
    filled = moments.w > 0
    level = np.divide(moments.wf, moments.w, out=np.full(filled.shape, np.nan), where=filled)
    values: dict[str, Floats] = {"productivity": level + moments.pivot}
    if spec.method == "domar":
        growth = _domar_growth(sums)
        values = {"growth": growth, "index": 100.0 * np.exp(_chain(growth, base))}
    elif spec.scale == "log":
        values["index"] = 100.0 * np.exp(values["productivity"] - values["productivity"][:, [base]])
    else:
        values["index"] = 100.0 * values["productivity"] / values["productivity"][:, [base]]
    values["weight"] = moments.w
    values["share"] = np.divide(moments.w, whole, out=np.zeros_like(moments.w), where=whole > 0)
    values["n"] = moments.n
    ever = np.flatnonzero(moments.n.any(axis=1))  # combinations that no enterprise has go
    place = np.unravel_index(np.repeat(ever, T), _shape(dims)) if dims else ()
    flat = (ever[:, None] * T + np.arange(T)).ravel()
    behind = sums.behind
    return AggregateTable(
        labels=[
            np.full(flat.shape[0], TOTAL, object) if d is None else d.labels[0][p]
            for d, p in zip(dims, place, strict=True)
        ],
        periods=np.tile(time.labels[0], ever.shape[0]),
        values={name: v.reshape(-1)[flat] for name, v in values.items()},
        reason=_reasons(spec, values, moments.n, str(time.labels[0][base]))[flat],
        behind=Contributions(behind.n[flat], behind.total[flat], behind.largest[flat]),
    )


def _reasons(spec: Aggregation, values: Mapping[str, Floats], n: Floats, base: str) -> NDArray[Any]:
    reason = np.full(n.shape, "", object)
    reason[np.isnan(values["index"])] = f"not linked to the base {base}"
    if spec.method == "domar":
        reason[np.isnan(values["growth"])] = "no continuing enterprise or no value added"
        reason[:, 0] = np.where(np.isnan(values["index"][:, 0]), reason[:, 0], "")
    reason[n == 0] = "no enterprise"
    return reason.reshape(-1)


def _chain(growth: Floats, base: int) -> Floats:
    """Cumulate growth to both sides of the base; a gap cuts off what lies beyond it."""
    chained = np.full(growth.shape, np.nan)
    chained[:, base] = 0.0
    for t in range(base + 1, growth.shape[1]):
        chained[:, t] = chained[:, t - 1] + growth[:, t]
    for t in range(base - 1, -1, -1):
        chained[:, t] = chained[:, t + 1] - growth[:, t + 1]
    return chained
