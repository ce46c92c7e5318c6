"""Sections on enterprises' own indicators: what one enterprise can be shown without any peers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.criteria.enterprise import EnterpriseResult
from tfp_index.language import Language
from tfp_index.panel.sme_size import SIZES
from tfp_index.panel.table import Table
from tfp_index.report.adapters import Context
from tfp_index.report.criteria import set_label, set_section, table_grid
from tfp_index.report.sections import Block, Column, Facts, Grid, Headline, Measure, Section, Text

__all__ = ["of_enterprises"]

LISTED = 20
"""Enterprises with a profile of their own; the data of the first table hold all of them."""

HEADLINES = ("va_per_worker", "capital_productivity", "tfp_level")
"""Indicators among the headline numbers, where the set has them."""

SIZE_KEYS = ("micro", "small", "medium", "large")
"""Texts of the classes of `SIZES`."""

VALUE_ADDED = (
    "value_added_addition", "value_added_subtraction", "gap", "gap_share", "nonoperating",
    "unexplained",
)  # fmt: skip

Rows = NDArray[np.intp]


def of_enterprises(result: EnterpriseResult, context: Context) -> list[Section]:
    """Return the section on the indicators of enterprises; a public one shows no enterprise."""
    lang, criteria = context.language, result.criteria
    blocks = set_label(criteria, lang)
    if context.public:
        blocks.append(Text(lang.text("criteria.report.withheld"), "note"))
        below = [set_section(criteria, lang)]
    else:
        blocks.append(Text(lang.text("criteria.note.confidential"), "warning"))
        below = [*_profiles(result, lang), *_problems(result, lang), set_section(criteria, lang)]
    name = criteria.name(lang.code)
    return [Section("enterprises", name, tuple(blocks), tuple(below), basis="areas")]


def _profiles(result: EnterpriseResult, lang: Language) -> list[Section]:
    """Return a section for each enterprise: who it is, its numbers by year, its value added."""
    keys = result.keys
    of = np.asarray(keys.columns()[keys.names["entity"]])
    made = []
    for number, name in enumerate(dict.fromkeys(of.tolist()), 1):
        if number > LISTED:
            break
        rows = np.flatnonzero(of == name)
        blocks: list[Block] = [
            Headline(_measures(result, rows[-1], lang)),
            *_facts(result, rows[-1], lang),
            _indicators(result, rows, number, lang),
            Text(lang.text("criteria.report.alone"), "note"),
            _value_added(result, rows, number, lang),
        ]
        made.append(Section(f"enterprise_{number}", str(name), tuple(blocks)))
    return made


def _measures(result: EnterpriseResult, row: Any, lang: Language) -> tuple[Measure, ...]:
    """Return value added and the productivity of the last year."""
    label = lang.text("criteria.sheet.value_added")
    measures = [Measure(label, lang.money(result.items["value_added"][row]), strong=True)]
    for indicator in result.criteria.indicators:
        if indicator.code in HEADLINES and indicator.code in result.values:
            value = lang.number(result.values[indicator.code][row], 2)
            measures.append(Measure(lang.pick(indicator.name), value, lang.pick(indicator.unit)))
    return tuple(measures)


def _facts(result: EnterpriseResult, row: Any, lang: Language) -> list[Block]:
    """Say what is known of an enterprise besides numbers: industry, size class, ownership."""
    items = [
        (_head(name, lang), _said(name, values[row], lang))
        for name, values in result.texts.items()
        if values[row] not in (None, "")
    ]
    return [Facts(tuple(items))] if items else []


def _said(name: str, value: Any, lang: Language) -> str:
    """Return a label as it came in; size classes in the reader's language."""
    if name == "size_class" and value in SIZES:
        return lang.text(f"criteria.size_class.{SIZE_KEYS[SIZES.index(value)]}")
    return str(value)


def _indicators(result: EnterpriseResult, rows: Rows, number: int, lang: Language) -> Grid:
    """Return the indicators of an enterprise: a row for each, a column for each year."""
    chosen = [i for i in result.criteria.indicators if i.code in result.values]
    years = np.asarray(result.keys.columns()[result.keys.names["time"]])[rows].tolist()
    columns = (
        Column(_head("name", lang), tuple(lang.pick(i.name) for i in chosen), False),
        Column(_head("unit", lang), tuple(lang.pick(i.unit) for i in chosen), False),
        *(
            Column(str(year), tuple(lang.number(result.values[i.code][row], 2) for i in chosen))
            for year, row in zip(years, rows.tolist(), strict=True)
        ),
    )
    data = Table(result.columns()) if number == 1 else None
    caption = lang.text("criteria.sheet.indicators")
    return Grid(f"indicators_{number}", caption, columns, data=data)


def _value_added(result: EnterpriseResult, rows: Rows, number: int, lang: Language) -> Grid:
    """Return value added both ways by year, and what explains the gap between them."""
    time = result.keys.names["time"]
    years = np.asarray(result.keys.columns()[time])[rows].tolist()

    def write(name: str, value: float) -> str:
        return lang.percent(value, 1) if name == "gap_share" else lang.number(value, 0)

    columns = (
        Column(lang.column(time, head=True), tuple(map(str, years)), False),
        *(
            Column(
                _head(name, lang), tuple(write(name, v) for v in result.items[name][rows].tolist())
            )
            for name in VALUE_ADDED
        ),
    )
    data = result.reconciliation() if number == 1 else None
    caption = lang.text("criteria.sheet.value_added")
    return Grid(f"value_added_{number}", caption, columns, data=data)


def _problems(result: EnterpriseResult, lang: Language) -> list[Section]:
    """Return the identities that the statements do not keep, where there are any."""
    if not len(result.problems):
        return []
    title = lang.text("criteria.sheet.problems")
    return [Section("problems", title, (table_grid("problems", result.problems, lang),))]


def _head(name: str, lang: Language) -> str:
    key = f"criteria.head.{name}"
    return lang.text(key) if lang.has(key) else lang.column(name, head=True)
