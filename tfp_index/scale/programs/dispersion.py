"""Dispersion of productivity over partitions, with exact percentiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._rows import MeasuredRows, names_of
from tfp_index.aggregation.disclosure import DisclosureRules
from tfp_index.aggregation.dispersion import refuse_unmeasured
from tfp_index.aggregation.dispersion_result import DispersionResult, Spread
from tfp_index.kernels.disclosure import Contributions, contributions_of_runs
from tfp_index.kernels.dispersion import (
    FirstSums,
    SortedCells,
    centered_ranks,
    first_sums,
    less_mean,
    mean_sums,
    second_sums,
    shape_of_sums,
    sort_cells,
    tail_sums,
    tails_of_sums,
)
from tfp_index.kernels.sums import Additive
from tfp_index.results.elsewhere import Elsewhere
from tfp_index.results.result import Sample
from tfp_index.scale.programs._measured import checked, require_column
from tfp_index.scale.programs._order_statistics import (
    quantiles_over_partitions,
    values_at_ranks,
)
from tfp_index.scale.programs._shared import (
    Frame,
    frame_of,
    grouped,
    refuse_option,
    require_keyed,
    whole,
)
from tfp_index.scale.task import Context, Program, Sum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfp_index.aggregation._rows import Grouping
    from tfp_index.aggregation.dispersion import Dispersion
    from tfp_index.panel.panel import Panel

__all__ = ["dispersion"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Thresholds = tuple[Floats, Floats]

WINDOW = DisclosureRules.percentile_window


@dataclass(frozen=True, eq=False)
class _How:
    """What every round needs; `means` are those of the cells of ``within`` under ``by=``."""

    spec: Dispersion
    frame: Frame
    productivity: str
    means: tuple[Floats, Floats] | None = None

    def pools(self, panel: Panel) -> Grouping:
        """Return the rows of the table."""
        names = self.spec.within if self.spec.by is None else self.spec.by
        return grouped(panel, self.frame, names_of(names))

    def rows(self, panel: Panel) -> MeasuredRows:
        """Return productivity and weights of the rows of a partition."""
        return self.spec._read(checked(panel, self.frame), self.productivity)


@dataclass(frozen=True, eq=False)
class _Begin(Additive):
    """Rows that took part, those lost, and the sums of the cells' means."""

    used: int
    lost: Mapping[str, int]
    means: tuple[Floats, Floats]


def dispersion(
    spec: Dispersion, context: Context, *, productivity: str = "productivity", window: int = WINDOW
) -> Program:
    """Measure dispersion; see `Dispersion.fit`.

    For disclosure control the result keeps the means of `window` observations around each
    percentile (`DisclosureRules.percentile_window`).

    Percentiles are exact, the same values of the data as in memory. Rounds: labels of groupings,
    counts and means of cells, means of pools, moments about them, two or three for each weighting's
    percentiles, and one for the tails.
    """
    if spec.joint:
        refuse_option(spec, "joint", "deciles of every row need all rows at once", "joint=()")
    require_keyed(context)
    require_column(productivity)
    frame = yield from frame_of(context, [names_of(spec.within), names_of(spec.by)])
    how = _How(spec, frame, productivity)
    begin = yield Sum(_begin, (how,))
    refuse_unmeasured(begin.used, productivity, spec.weight)
    if spec.by is not None:
        how = replace(how, means=begin.means)
    first, behind = yield Sum(_first, (how,))
    second = yield Sum(_second, (how, tuple(sums.mean for sums in first)))
    spreads: dict[str, Spread] = {}
    names = ["unweighted", *([spec.weight] if spec.weight is not None else [])]
    for place, name in enumerate(names):
        base = spreads.get("unweighted")
        spreads[name] = yield from _spread(how, place, first[place], second[place], base)
    centered = yield from _centered(how, first[0].n, window)
    empty = whole(context)
    rows: Any = Elsewhere("productivity and its cell", None)
    return DispersionResult(
        spec=spec,
        record=context.record(spec, Sample(context.rows, begin.used, begin.lost)),
        keys=empty.keys,
        productivity=productivity,
        groups=how.pools(empty).columns(),
        spreads=spreads,
        values=rows,
        pool=rows,
        productivity_by_row=rows,
        cell=rows,
        joint_columns={},
        behind=behind,
        centered={window: centered},
    )


def _begin(panel: Panel, how: _How) -> _Begin:
    rows = how.rows(panel)
    inside = grouped(panel, how.frame, names_of(how.spec.within))
    cell = np.where(rows.measured, inside.codes, -1)
    lost = {reason: int(mask.sum()) for reason, mask in rows.lost.items()}
    means = mean_sums(rows.phi, cell, inside.size, rows.design)
    return _Begin(int(rows.measured.sum()), lost, means)


def _weightings(panel: Panel, how: _How) -> list[SortedCells]:
    """Return the sorted pools of a partition: unweighted, and with the activity weight if any."""
    rows = how.rows(panel)
    pools = how.pools(panel)
    values = rows.phi
    if how.means is not None:
        inside = grouped(panel, how.frame, names_of(how.spec.within))
        values = less_mean(values, np.where(rows.measured, inside.codes, -1), how.means)
    pool = np.where(rows.measured, pools.codes, -1)
    weights = rows.weight if how.spec.weight is not None else rows.design
    cells = sort_cells(values, pool, pools.size, weights)
    plain = cells.reweighted(rows.design)
    return [plain] if how.spec.weight is None else [plain, cells]


def _first(panel: Panel, how: _How) -> tuple[tuple[FirstSums, ...], Contributions]:
    every = _weightings(panel, how)
    weights = every[-1].weights if how.spec.weight is not None else None
    behind = contributions_of_runs(weights, every[-1].offsets, k=3)
    return tuple(first_sums(cells) for cells in every), behind


def _second(panel: Panel, how: _How, centers: tuple[Floats, ...]) -> tuple[Any, ...]:
    return tuple(
        second_sums(cells, center)
        for cells, center in zip(_weightings(panel, how), centers, strict=True)
    )


def _cells(panel: Panel, how: _How, place: int) -> SortedCells:
    return _weightings(panel, how)[place]


def _values(panel: Panel, how: _How) -> SortedCells:
    return replace(_cells(panel, how, 0), weights=None, rows=None)


def _centered(how: _How, n: Ints, window: int) -> Program:
    """(pools, percentiles) means of the observations around each percentile."""
    p = np.array(how.spec.all_percentiles) / 100.0
    center, fits = centered_ranks(n, p, window)
    out = np.full(center.shape, np.nan)
    cell = np.broadcast_to(np.arange(n.shape[0])[:, None], center.shape)[fits]
    around = center[fits][:, None] + np.arange(window) - window // 2
    values = yield from values_at_ranks(
        _values,
        (how,),
        np.repeat(cell, window),
        around.ravel(),
        how.frame.context.partitions,
    )
    out[fits] = values.reshape(-1, window).mean(axis=1)
    return out


def _spread(
    how: _How, place: int, first: FirstSums, second: Any, unweighted: Spread | None
) -> Program:
    """Return the dispersion of every pool under one weighting."""
    spec, p = how.spec, how.spec.all_percentiles
    weighted = unweighted is not None or spec.sampling_weight is not None
    q = yield from quantiles_over_partitions(
        _cells,
        (how, place),
        first.weight if weighted else first.n.astype(np.float64),
        np.array(p) / 100.0,
        "weighted" if weighted else spec.definition,
        how.frame.context.partitions,
    )
    upper, lower = (
        q[:, p.index(100.0 * (1.0 - spec.frontier))],
        q[:, p.index(100.0 * spec.laggards)],
    )
    thresholds = [(upper, lower)]
    if unweighted is not None:
        thresholds.append((unweighted.quantiles[:, p.index(90.0)], lower))
    sums = yield Sum(_tails, (how, place, tuple(thresholds)))
    found = [tails_of_sums(one) for one in sums]
    shape = shape_of_sums(first, second, weighted=weighted)
    nothing = np.full(first.n.shape[0], np.nan)
    if unweighted is None:
        return Spread(shape, q, found[0], nothing, nothing)
    return Spread(shape, q, found[0], found[1].top_share, shape.mean - unweighted.shape.mean)


def _tails(
    panel: Panel, how: _How, place: int, thresholds: tuple[Thresholds, ...]
) -> tuple[Any, ...]:
    cells = _cells(panel, how, place)
    return tuple(tail_sums(cells, upper, lower) for upper, lower in thresholds)
