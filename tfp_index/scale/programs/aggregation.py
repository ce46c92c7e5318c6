"""Productivity by group and period over partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfp_index.aggregation._aggregate_sums import aggregation_sums
from tfp_index.aggregation._rows import names_of
from tfp_index.aggregation.aggregate import aggregation_result
from tfp_index.results.result import Sample
from tfp_index.scale.programs._measured import (
    Measuring,
    mean_productivity,
    measured,
    measuring,
    total_productivity,
)
from tfp_index.scale.programs._shared import grouped, require_keyed, whole
from tfp_index.scale.task import Context, Program, Sum

if TYPE_CHECKING:
    from tfp_index.aggregation.aggregate import Aggregation
    from tfp_index.panel.panel import Panel

__all__ = ["aggregation"]


def aggregation(
    spec: Aggregation, context: Context, *, productivity: str = "productivity"
) -> Program:
    """Aggregate by group and period; see `Aggregation.fit`.

    Rounds: labels of groupings (if any), means of the base period (with ``relative=``), mean
    productivity, then all sums at once.
    """
    require_keyed(context)
    names = names_of(spec.by)
    how = yield from measuring(spec, context, productivity, [(name,) for name in names])
    n, phi = yield Sum(_mean, (how,))
    sums = yield Sum(_sums, (spec, how, mean_productivity(n, phi)))
    empty = whole(context)
    return aggregation_result(
        spec,
        sums,
        [grouped(empty, how.frame, [name]) for name in names],
        grouped(empty, how.frame, ["time"]),
        productivity=how.name,
        record=context.record(spec, Sample(context.rows, sums.used, sums.lost)),
        keys=empty.keys,
    )


def _mean(panel: Panel, how: Measuring) -> Any:
    return total_productivity(measured(panel, how)[1])


def _sums(panel: Panel, spec: Aggregation, how: Measuring, pivot: float) -> Any:
    part, rows = measured(panel, how)
    dims = [grouped(panel, how.frame, [name]) for name in names_of(spec.by)]
    time = grouped(panel, how.frame, ["time"])
    return aggregation_sums(spec, part, rows, dims, time, pivot=pivot)
