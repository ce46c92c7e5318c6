"""Growth accounting over partitions: rows to files, sums to the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfp_index.growth.accounting import row_counts, unusable_values
from tfp_index.growth.accounting_result import GrowthAccountingResult
from tfp_index.growth.accounting_totals import GrowthAccountingTotals, growth_sums
from tfp_index.panel.table import Table
from tfp_index.results.result import Sample
from tfp_index.scale.programs._shared import Frame, aligned, require_keyed, whole
from tfp_index.scale.task import Context, Program, Write

if TYPE_CHECKING:
    from tfp_index.growth.accounting import GrowthAccounting
    from tfp_index.panel.panel import Panel

__all__ = ["accounting"]


def accounting(
    spec: GrowthAccounting,
    context: Context,
    *,
    periods: Sequence[tuple[Any, Any]] | None = None,
) -> Program:
    """Account for the growth of every entity; see `GrowthAccounting.fit`.

    One round writes the dataset ``growth``, one row for each row of the data as
    `GrowthAccountingResult.to_frame` with reasons gives them. With ``periods=``, a second writes
    ``periods``, the table of `GrowthAccountingResult.periods` by entity.
    """
    require_keyed(context)
    sums, used, lost, notes, unusable = yield Write("growth", _rows, (spec, context))
    if any(text in notes for text in unusable):  # then all of them are counted, as in memory
        notes = {**notes, **unusable}
    if periods is not None:
        yield Write("periods", _periods, (spec, context, tuple(map(tuple, periods))))
    empty = whole(context)
    return GrowthAccountingTotals(
        spec=spec,
        record=context.record(spec, Sample(context.rows, used, lost, notes)),
        keys=empty.keys,
        inputs=tuple(spec.inputs if spec.inputs is not None else empty.inputs),
        sums=sums,
        labels=dict(context.groups),
        entities=context.entities,
    )


def _account(
    panel: Panel, spec: GrowthAccounting, context: Context
) -> tuple[Panel, GrowthAccountingResult]:
    part = aligned(panel, Frame(context))
    names, terms, notes = spec.account(part)
    used, lost = row_counts(part, terms)
    sample = Sample(part.keys.frame_rows, used, lost, notes)
    record = context.record(spec, sample)
    return part, GrowthAccountingResult(spec, record, part.keys, names, terms, part.step)


def _rows(panel: Panel, spec: GrowthAccounting, context: Context) -> Any:
    part, result = _account(panel, spec, context)
    groups = {name: (c.codes, len(c)) for name, c in part.groups.items()}
    sums = growth_sums(result, context.periods(part), context.calendar.numbers.shape[0], groups)
    columns = {**part.keys.columns(), **result.row_columns(reasons=True)}
    sample = result.sample
    unusable = {}
    if spec.invalid == "missing":
        unusable = unusable_values(part, (spec.output, *result.inputs))
    return columns, (sums, sample.used, dict(sample.lost), dict(sample.notes), unusable)


def _periods(
    panel: Panel, spec: GrowthAccounting, context: Context, periods: tuple[Any, ...]
) -> tuple[Table, None]:
    return _account(panel, spec, context)[1].periods(periods), None
