"""Decompositions of aggregate productivity over partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfp_index.aggregation._decomposition_sums import (
    REALLOCATION,
    decomposition_sums,
    notes_of,
    period_counts,
    refuse_no_survivors,
    require_data,
    result_of_sums,
    unweighted,
)
from tfp_index.aggregation._periods import read_periods
from tfp_index.aggregation._reallocation import final_demand, require_demand
from tfp_index.aggregation._rows import names_of
from tfp_index.results.result import Sample
from tfp_index.scale.programs._measured import (
    Measuring,
    mean_productivity,
    measured,
    measuring,
    total_productivity,
)
from tfp_index.scale.programs._shared import Frame, grouped, refuse_option, require_keyed, whole
from tfp_index.scale.task import Context, Program, Sum

if TYPE_CHECKING:
    from tfp_index.aggregation._periods import Pairs
    from tfp_index.aggregation.decomposition import Decomposition
    from tfp_index.panel.panel import Panel

__all__ = ["decomposition"]


def decomposition(
    spec: Decomposition,
    context: Context,
    *,
    productivity: str = "productivity",
    periods: Any = None,
) -> Program:
    """Decompose the change between pairs of periods; see `Decomposition.fit`.

    Rounds: labels of groupings (if any), means of the base period (with ``relative=``), counts
    and mean productivity, then all sums over firms at once.
    """
    if spec.keep_firms:
        refuse_option(spec, "keep_firms", "it keeps every firm", "keep_firms=False")
    require_keyed(context)
    pairs = read_periods(whole(context).keys, periods, spec.frame_breaks)
    wanted = [names_of(spec.within), names_of(spec.by)]
    how = yield from measuring(spec, context, productivity, wanted)
    with_demand = REALLOCATION in spec.methods
    counts, n, phi, demand = yield Sum(_counts, (spec, how, pairs, with_demand))
    if any(lost.any() for lost in counts.lost.values()):
        require_data(counts, pairs, context.calendar)
    if with_demand:
        require_demand(demand, pairs, list(spec.elasticities), spec.value)
    pivot = mean_productivity(n, phi)
    sums = yield Sum(_sums, (spec, how, pairs, pivot, demand if with_demand else None))
    refuse_no_survivors(sums.survivors, pairs, context.roles.entity)
    if unweighted(sums.moments):
        require_data(counts, pairs, context.calendar)
    empty, frame = whole(context), how.frame
    return result_of_sums(
        spec,
        sums,
        pairs,
        grouped(empty, frame, names_of(spec.within)),
        grouped(empty, frame, names_of(spec.by)),
        productivity=how.name,
        record=context.record(spec, Sample(context.rows, sums.used, sums.lost, notes_of(sums))),
        keys=empty.keys,
    )


def _counts(
    panel: Panel, spec: Decomposition, how: Measuring, pairs: Pairs, with_demand: bool
) -> Any:
    """Counts by period, measured rows and the sum of their productivity, final demand."""
    part, rows = measured(panel, how)
    demand = None
    if with_demand:
        demand = final_demand(part, pairs, value=spec.value, costs=spec.costs)
    return period_counts(part, rows), *total_productivity(rows), demand


def _sums(
    panel: Panel, spec: Decomposition, how: Measuring, pairs: Pairs, pivot: float, demand: Any
) -> Any:
    part, rows = measured(panel, how)
    frame: Frame = how.frame
    inside, parts = (grouped(panel, frame, names_of(names)) for names in (spec.within, spec.by))
    sums, _ = decomposition_sums(
        spec, part, rows, pairs, inside, parts, pivot=pivot, demand=demand
    )  # fmt: skip
    return sums
