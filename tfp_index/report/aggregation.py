"""Sections on decomposition, dispersion, misallocation and aggregates; public ones by the rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfp_index.aggregation._assemble import TERMS
from tfp_index.aggregation._cells import TOTAL, Cells
from tfp_index.aggregation.aggregate import AggregationResult
from tfp_index.aggregation.decomposition_result import DecompositionResult
from tfp_index.aggregation.disclosure import Disclosed, DisclosureRules
from tfp_index.aggregation.dispersion_result import DispersionResult
from tfp_index.aggregation.misallocation_result import HsiehKlenowResult
from tfp_index.criteria.levers_result import LeversResult
from tfp_index.errors import SpecificationError
from tfp_index.language import Language
from tfp_index.panel.table import Table
from tfp_index.plot import aggregation as plot
from tfp_index.report._cells import cells_grid
from tfp_index.report._public import (
    LONG,
    SPREAD,
    last_index,
    median_gap,
    public_blocks,
    term_values,
    whole_is_published,
)
from tfp_index.report.adapters import Context
from tfp_index.report.record import Item, record_section
from tfp_index.report.sections import Block, Figure, Remarks, Section, Text
from tfp_index.results.result import Result

__all__ = [
    "Protected",
    "cells_of",
    "has_cells",
    "of_aggregation",
    "of_decomposition",
    "of_disclosed",
    "of_dispersion",
    "of_misallocation",
    "protected",
]

_BANDS = ("p10", "p25", "p50", "p75", "p90")


def of_decomposition(result: DecompositionResult, context: Context) -> list[Section]:
    """Return the section on what moved aggregate productivity."""
    if context.public:
        return _public(result, context)
    lang, table, groups = context.language, result.tidy(), [*result.populations, *result.parts]
    scaled = result.spec.scale == "log"
    caption = lang.text("aggregation.decomposition.caption", unit=_unit(scaled, lang))
    whole = _whole(table, groups)
    shown = ("method", "start", "end", "total", *_terms(whole), "reason")
    blocks: list[Block] = [
        *_decomposition_lead(whole, result, lang),
        Text(lang.text("aggregation.decomposition.meaning")),
        _figure("terms", "decomposition", lang, lambda ax: plot.decomposition(
            result, language=lang.code, title="", note="", ax=ax)),
        cells_grid("decomposition", caption, whole, lang, scaled=scaled, columns=shown),
    ]  # fmt: skip
    if groups and len(table) > len(whole):
        first = table.where(method=table["method"][0])
        if len(first) > LONG:  # the data file has every pair
            last = first.rows()[-1]
            first = first.where(start=last["start"], end=last["end"])
        caption = lang.text(
            "aggregation.decomposition.groups", method=plot.NAMES[first["method"][0]]
        )
        shown = (*groups, "start", "end", "total", *_terms(first), "reason")
        blocks.append(
            cells_grid(
                "decomposition_groups",
                caption,
                first,
                lang,
                own=groups,
                scaled=scaled,
                columns=shown,
                data=table,
            )
        )
    return [_section("decomposition", blocks, table, result, lang)]


def of_dispersion(result: DispersionResult, context: Context) -> list[Section]:
    """Return the section on the spread of productivity."""
    if context.public:
        return _public(result, context)
    lang, table, row = context.language, result.tidy(), result.glance().rows()[0]
    blocks: list[Block] = [
        Text(_gap_lead(result, row["cells"], row["median_d9010"], lang), "lead"),
        Text(lang.text("aggregation.dispersion.meaning")),
    ]
    where = _drawn(result)
    if where is not None:
        blocks.append(_figure("spread", "dispersion", lang, lambda ax: plot.dispersion(
            result, where, language=lang.code, title=_of(where, lang), ax=ax)))  # fmt: skip
    own = list(result.groups)
    several = ["weighting"] if len(result.spreads) > 1 else []
    shown = [*own, *several, *(n for n in SPREAD if n in table.columns), "reason"]
    caption = lang.text("aggregation.dispersion.caption")
    grid = cells_grid("dispersion", caption, table, lang, own=own, columns=shown)
    blocks.append(replace(grid, limit=LONG))
    return [_section("dispersion", blocks, table, result, lang)]


def of_misallocation(result: HsiehKlenowResult, context: Context) -> list[Section]:
    """Return the section on gains from equal revenue productivity."""
    if context.public:
        return _public(result, context)
    lang, table = context.language, result.path()
    time = result.keys.names["time"]
    last = int(np.flatnonzero(~result.refused)[-1])
    gains = lang.join(
        [
            lang.text(
                "aggregation.misallocation.gain",
                gain=lang.percent(s.terms.gain[last]),
                trim=lang.percent(s.trim),
            )
            for s in result.solutions
        ]
    )
    lead = lang.text("aggregation.misallocation.lead", year=result.years[last], gains=gains)
    caption = lang.text(
        "aggregation.misallocation.caption", elasticity=lang.number(result.spec.elasticity, 1)
    )
    shown = (time, "trim", "gain_percent", "firms", "industries", "sd_tfpr", "sd_tfpq", "reason")
    blocks: list[Block] = [
        Text(lead, "lead"),
        Text(lang.text("aggregation.misallocation.meaning")),
        _figure("path", "misallocation", lang, lambda ax: plot.trimming(
            result, language=lang.code, title="", note="", ax=ax)),
        cells_grid("misallocation", caption, table, lang, own=(time,), columns=shown),
    ]  # fmt: skip
    return [_section("misallocation", blocks, table, result, lang)]


def of_aggregation(result: AggregationResult, context: Context) -> list[Section]:
    """Return the section on aggregates of groups and of the whole."""
    if context.public:
        return _public(result, context)
    lang, table = context.language, result.tidy()
    own = [*result.groups, result.keys.names["time"]]
    row = result.glance().rows()[0]
    base = row["first"] if result.spec.base is None else result.spec.base
    caption = lang.text("aggregation.aggregate.caption")
    grid = cells_grid("aggregation", caption, table, lang, own=own)
    blocks: list[Block] = [
        Text(_index_lead(row["last"], row["index_last"], base, lang), "lead"),
        Text(lang.text(f"aggregation.aggregate.meaning_{result.spec.method}")),
        replace(grid, limit=LONG),
    ]
    return [_section("aggregation", blocks, table, result, lang)]


def of_disclosed(disclosed: Disclosed, context: Context) -> list[Section]:
    """Return the public table of a disclosure-controlled result, in public and internal reports."""
    lang = context.language
    title = lang.text("aggregation.public.title")
    return [
        Section(
            "disclosed",
            title,
            tuple(public_blocks("disclosed", disclosed, (), False, lang)),
            basis="rules",
        )
    ]


@dataclass(frozen=True)
class Protected:
    """Results on the same enterprises, protected together: what one table gives away of another
    is counted.

    Attributes
    ----------
    results : sequence
        Of `Aggregation`, `Decomposition`, `Dispersion`, `HsiehKlenow`.
    rules : DisclosureRules, optional
    """

    results: Sequence[Any]
    rules: DisclosureRules | None = None

    def to_sections(self, context: Context) -> list[Section]:
        """Return the public sections of the results, whether or not the report is public."""
        known = [context.together.get(id(result)) for result in self.results]
        found = [disclosed for disclosed in known if disclosed is not None]
        if self.rules is not None or len(found) < len(known):
            rules = context.rules if self.rules is None else self.rules
            found = rules.apply([cells_of(result, rules) for result in self.results])
        return [
            _public_section(result, disclosed, context, together=True)
            for result, disclosed in zip(self.results, found, strict=True)
        ]


_KINDS: dict[type, tuple[str, str]] = {
    AggregationResult: ("aggregation", "aggregate"),
    DecompositionResult: ("decomposition", "decomposition"),
    DispersionResult: ("dispersion", "dispersion"),
    HsiehKlenowResult: ("misallocation", "misallocation"),
}
"""Result → key of its section, stem of its texts."""

WITH_CELLS = (*_KINDS, LeversResult)
"""Results that say who stands behind their numbers."""


def cells_of(result: Any, rules: DisclosureRules) -> Cells:
    """Return what disclosure control needs.

    Raises
    ------
    SpecificationError
        If the result does not say what stands behind its numbers.
    """
    name = type(getattr(result, "spec", result)).__name__
    if not has_cells(result):
        known = ", ".join(sorted(kind.__name__ for kind in WITH_CELLS))
        raise SpecificationError(
            f"{name} has no public form", code="no_public_form", expected=f"one of {known}"
        )
    try:
        made: Cells = result.cells(rules) if type(result) is DispersionResult else result.cells()
    except SpecificationError as error:
        raise SpecificationError(
            f"this {name} has no public form: {error.message}",
            code="no_public_form",
            expected=error.expected,
            remedy="fit it so that it keeps what disclosure control needs, or leave it out",
        ) from error
    return made


def _public(result: Any, context: Context) -> list[Section]:
    disclosed, together = protected(result, context)
    return [_public_section(result, disclosed, context, together=together)]


def protected(result: Any, context: Context) -> tuple[Disclosed, bool]:
    """Return the public table of a result, and whether others were protected with it."""
    disclosed = context.together.get(id(result))
    if disclosed is not None:
        return disclosed, True
    return context.rules.apply(cells_of(result, context.rules)), False


def has_cells(item: Any) -> bool:
    """Whether disclosure control knows how to make a public table of a thing."""
    return type(item) in WITH_CELLS


def _public_section(
    result: Any, disclosed: Disclosed, context: Context, *, together: bool
) -> Section:
    """Return what may be published: the public table, no counts, no sample."""
    lang = context.language
    key, stem = _KINDS[type(result)]
    scaled = stem != "dispersion" and getattr(result.spec, "scale", "log") == "log"
    own = _own(disclosed.cells, result)
    blocks = public_blocks(key, disclosed, own, scaled, lang, rules=not context.public)
    said = lang.text("aggregation.public.together" if together else "aggregation.public.alone")
    return Section(
        key,
        lang.text(f"aggregation.{stem}.title"),
        (
            *_public_lead(result, disclosed, lang),
            *_public_figure(result, disclosed, lang),
            *blocks,
            Text(said, "note"),
        ),
        (record_section(result.record, lang, _method(result, lang), sample=False),),
        basis="rules",
    )


def _public_lead(result: Any, disclosed: Disclosed, lang: Language) -> list[Block]:
    """Say what the published cells say as a whole, where they do."""
    if isinstance(result, DecompositionResult):
        found = term_values(disclosed)
        if found is None or math.isnan(found[1].get(TOTAL, math.nan)):
            return [Text(lang.text("aggregation.public.nothing"), "lead")]
        start, _, end = found[0].partition("–")
        method = disclosed.cells.title.rpartition(": ")[2]
        row = {**found[1], "total": found[1][TOTAL], "start": start, "end": end, "method": method}
        meaning = Text(lang.text("aggregation.decomposition.meaning"))
        return [Text(_terms_lead(row, result, lang), "lead"), meaning]
    if isinstance(result, AggregationResult):
        last = last_index(disclosed)
        if last is not None:
            how = lang.text(f"aggregation.aggregate.meaning_{result.spec.method}")
            return [Text(_index_lead(*last, lang), "lead"), Text(how)]
    if isinstance(result, DispersionResult):
        cells, gap = median_gap(disclosed)
        if cells:
            meaning = Text(lang.text("aggregation.dispersion.meaning"))
            return [Text(_gap_lead(result, cells, gap, lang), "lead"), meaning]
    return [Text(lang.text("aggregation.public.nothing"), "lead")]


def _public_figure(result: Any, disclosed: Disclosed, lang: Language) -> list[Block]:
    """Draw a decomposition as a whole, where every cell of it is published."""
    if not isinstance(result, DecompositionResult) or not whole_is_published(disclosed):
        return []
    method = disclosed.cells.title.rpartition(": ")[2]
    return [_figure("terms", "decomposition", lang, lambda ax: plot.decomposition(
        result, method, language=lang.code, title="", note="", ax=ax))]  # fmt: skip


def _own(cells: Cells, result: Result) -> list[str]:
    return [n for n in cells.keys_columns() if n != "term" and not (
        n == "period" and isinstance(result, DecompositionResult))]  # fmt: skip


def _section(
    stem: str, blocks: Sequence[Block], table: Table, result: Result, lang: Language
) -> Section:
    notes = tuple(lang.phrase(note) for note in table.notes)
    said = [Remarks(notes)] if notes else []
    title = "aggregate" if stem == "aggregation" else stem
    return Section(
        stem,
        lang.text(f"aggregation.{title}.title"),
        (*blocks, *said, Text(lang.text("aggregation.internal"), "note")),
        (record_section(result.record, lang, _method(result, lang)),),
    )


def _method(result: Any, lang: Language) -> list[Item]:
    if isinstance(result, DecompositionResult):
        said = ", ".join(plot.NAMES[name] for name in result.spec.methods)
    else:
        said = lang.text(f"aggregation.{_KINDS[type(result)][1]}.method")
    return [(lang.text("record.method"), said)]


def _figure(key: str, stem: str, lang: Language, draw: Callable[[Any], Any]) -> Figure:
    caption = lang.text(f"aggregation.{stem}.figure")
    return Figure(key, caption, lang.text(f"aggregation.{stem}.alt"), draw, height=4.3)


def _unit(log: bool, lang: Language) -> str:
    return lang.text("aggregation.unit.log" if log else "aggregation.unit.level")


def _whole(table: Table, groups: Sequence[str]) -> Table:
    """Keep the rows of all groups together; a single group is its own whole."""
    for name in groups:
        if TOTAL in table[name].tolist():
            table = table.where(**{name: TOTAL})
    return table


def _terms(table: Table) -> list[str]:
    return [term for term in TERMS if not np.isnan(table[term]).all()]


def _decomposition_lead(whole: Table, result: DecompositionResult, lang: Language) -> list[Text]:
    first = whole.where(method=whole["method"][0])
    row = first.rows()[-1]
    if row["total"] is None or math.isnan(row["total"]):
        said_so = lang.text(
            "aggregation.decomposition.none",
            reason=lang.phrase(row["reason"]) or "–",
            start=row["start"],
            end=row["end"],
            method=plot.NAMES[row["method"]],
        )
        return [Text(said_so, "warning")]
    return [Text(_terms_lead(row, result, lang), "lead")]


def _terms_lead(row: Mapping[str, Any], result: DecompositionResult, lang: Language) -> str:
    """Say the change from start to end and its terms."""
    log = result.spec.scale == "log"

    def write(value: float) -> str:
        return lang.number(100.0 * value if log else value, 2 if log else 4, sign=True)

    parts = [
        f"{_lower(lang.text(f'plot.term.{term}'))} {write(row[term])}"
        for term in TERMS
        if row.get(term) is not None and not math.isnan(row[term])
    ]
    return lang.text(
        "aggregation.decomposition.lead",
        name=_measure(result.productivity, lang),
        total=write(row["total"]),
        unit=_unit(log, lang),
        parts=lang.join(parts),
        start=row["start"],
        end=row["end"],
        method=plot.NAMES[row["method"]],
    )


def _measure(name: str, lang: Language) -> str:
    """Return the name of what was decomposed; fitted productivity is TFP."""
    base, _, industry = name.partition(" relative to ")
    base = "TFP" if base in ("productivity", "productivity.productivity") else base
    if not industry:
        return base
    return lang.text("aggregation.relative", name=base, industry=lang.column(industry))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _gap_lead(result: DispersionResult, cells: int, gap: float, lang: Language) -> str:
    log = result.spec.scale == "log"
    said = {
        "cells": lang.integer(cells),
        "gap": lang.number(100.0 * gap if log else gap, 1 if log else 3),
        "unit": _unit(log, lang),
    }
    if math.isnan(gap):
        return lang.text("aggregation.dispersion.none")
    if not log:
        return lang.text("aggregation.dispersion.lead", **said)
    ratio = lang.number(math.exp(gap), 2)
    return lang.text("aggregation.dispersion.lead_log", ratio=ratio, **said)


def _index_lead(last: Any, index: float, base: Any, lang: Language) -> str:
    if index is None or math.isnan(index):
        return lang.text("aggregation.aggregate.none", last=last)
    return lang.text(
        "aggregation.aggregate.lead", last=last, index=lang.number(index, 1), base=base
    )


def _drawn(result: DispersionResult) -> dict[str, Any] | None:
    """Which cells to draw: those over time of the largest group; None if they cannot be drawn."""
    table = result.tidy().where(weighting="unweighted")
    if not len(table) or not all(name in table.columns for name in _BANDS):
        return None
    names = list(result.groups)
    if len(names) <= 1:
        return {}
    time = result.keys.names["time"]
    free = next((name for name in names if name in (time, "time")), names[0])
    row = table.rows()[int(np.argmax(table["n"]))]
    return {name: row[name] for name in names if name != free}


def _of(where: dict[str, Any], lang: Language) -> str:
    return " · ".join(f"{lang.column(n, head=True)}: {value}" for n, value in where.items())
