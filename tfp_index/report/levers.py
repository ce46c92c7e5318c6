"""The section on what would raise the province's TFP, by how much, and what that leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tfp_index.aggregation._cells import TOTAL
from tfp_index.aggregation.disclosure import Disclosed
from tfp_index.criteria.levers_result import LeversResult
from tfp_index.language import Language
from tfp_index.panel.table import Table
from tfp_index.plot.lever_effects import levers as draw
from tfp_index.report._cells import label
from tfp_index.report.adapters import Context
from tfp_index.report.aggregation import protected
from tfp_index.report.record import record_section
from tfp_index.report.sections import (
    Block,
    Column,
    Facts,
    Figure,
    Grid,
    Headline,
    Measure,
    Remarks,
    Section,
    Text,
)
from tfp_index.report.tables import column_of

__all__ = ["of_levers"]

BEST = 3
"""Levers among the headline numbers."""

_COUNTS = ("rows", "enterprises", "rows_with_practice")


def of_levers(result: LeversResult, context: Context) -> list[Section]:
    """Return the section on a result of `Levers`; the public one by the disclosure rules."""
    if context.public:
        return [_public(result, context)]
    lang = context.language
    ranking = result.ranking(lang.code)
    last = ranking.where(**{result.keys.names["time"]: result.periods[-1]})
    best = last.take(np.flatnonzero(np.isfinite(last["rank"]))[:BEST])
    below = [_explained(result, result.names, lang)]
    below += [_groups(result, by, lang) for by in _groupings(result)]
    below += _further(result, lang)
    blocks = [
        *_headline(best, result, lang),
        *_figure(result, lang),
        _ranking(ranking, result, lang),
        Remarks(tuple(ranking.notes)),
        Text(lang.text("aggregation.internal"), "note"),
    ]
    return [
        Section(
            "levers",
            result.title(lang.code),
            tuple(blocks),
            (*below, record_section(result.record, lang, _method(lang))),
            document=result.glance().to_dict()["columns"],
        )
    ]


def _method(lang: Language) -> list[tuple[str, str]]:
    return [(lang.text("record.method"), lang.text("levers.report.method"))]


def _groupings(result: LeversResult) -> list[str]:
    return [name for name in result.slices[-1].groups if name]


def _headline(best: Table, result: LeversResult, lang: Language) -> list[Block]:
    """Say which lever gives most."""
    rows = best.rows()
    if not rows:
        return [Text(lang.text("levers.report.none"), "warning")]
    first = rows[0]
    said = lang.text(
        "levers.report.lead",
        period=first[result.keys.names["time"]],
        name=_lower(first["name"]),
        points=lang.number(first["points"], 2, sign=True),
        low=lang.number(first["low"], 2),
        high=lang.number(first["high"], 2),
        level=lang.percent(result.spec.level, 0),
    )
    unit = lang.text("levers.report.unit")
    measures = [
        Measure(row["name"], lang.number(row["points"], 2, sign=True), unit, place == 0)
        for place, row in enumerate(rows)
    ]
    return [Headline(tuple(measures)), Text(said, "lead"), Text(lang.text("levers.report.text"))]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _figure(result: LeversResult, lang: Language, public: Disclosed | None = None) -> list[Block]:
    """Return the figure of all levers side by side; of a public edition, what it publishes."""
    shown = set(result.names) if public is None else _published(public)
    count = sum(bool(m.effects) and m.lever in shown for m in result.found)
    if not count:
        return []
    return [
        Figure(
            "levers",
            lang.text("levers.report.figure"),
            lang.text("levers.report.alt"),
            lambda ax: draw(result, public=public, language=lang.code, title="", note="", ax=ax),
            height=1.8 + 0.5 * count,
        )
    ]


def _built_up(result: LeversResult, by: str, lang: Language) -> list[Block]:
    """Return the figure of the largest lever as its groups build it up."""
    first = result.names[0]
    if not any(m.effects and m.lever == first for m in result.found):
        return []
    name = _names(result, lang)[first]
    caption = lang.text("levers.report.built_up", by=lang.column(by), name=name)
    return [
        Figure(
            "built_up",
            caption,
            lang.text("levers.report.built_up_alt"),
            lambda ax: draw(result, first, by=by, language=lang.code, title="", note="", ax=ax),
            height=4.6,
        )
    ]


def _head(name: str, lang: Language) -> str:
    return lang.text(f"levers.report.{name}")


def _points(table: Table, lang: Language) -> list[Column]:
    """Return the columns of points and their interval."""
    return [
        Column(
            _head(name, lang),
            tuple(lang.number(v, 2, sign=name == "points") for v in table[name].tolist()),
        )
        for name in ("points", "low", "high")
    ]


def _ranking(table: Table, result: LeversResult, lang: Language) -> Grid:
    """Return every lever as a whole, the one that gives most first."""
    time = result.keys.names["time"]
    ranks = tuple(lang.integer(v) for v in table["rank"].tolist())
    words = [
        (_head("kind", lang), [lang.text(f"levers.report.{k}") for k in table["kind"]]),
        (_head("additive", lang), [_additive(a, lang) for a in table["additive"]]),
    ]
    if any(table["reason"].tolist()):
        words.append((_head("reason", lang), [lang.phrase(r) for r in table["reason"]]))
    several = len(result.periods) > 1
    columns = (
        Column(_head("lever", lang), tuple(map(str, table["name"])), False),
        *((_period_column(time, table, lang),) if several else ()),
        Column(_head("rank", lang), ranks),
        *_points(table, lang),
        Column(_head("enterprises", lang), tuple(map(lang.integer, table["enterprises"].tolist()))),
        Column(_head("share", lang), tuple(map(lang.percent, table["share"].tolist()))),
        *(Column(head, tuple(cells), False) for head, cells in words),
    )
    return Grid("levers", _head("caption", lang), columns, data=_numbers(table))


def _period_column(time: str, table: Table, lang: Language) -> Column:
    return Column(lang.column(time, head=True), tuple(map(str, table[time].tolist())), False)


def _numbers(table: Table) -> Table:
    """Return a table without the texts of a language."""
    return Table({n: v for n, v in table.columns.items() if n not in ("name", "assumption")})


def _additive(value: str, lang: Language) -> str:
    return lang.text(f"levers.report.additive_{value.replace(' ', '_')}")


def _explained(result: LeversResult, levers: Sequence[str], lang: Language) -> Section:
    """Say of each lever in two sentences what it gives and what that does not say."""
    names = _names(result, lang)
    held = _assumptions(result, lang)
    items = tuple(
        (names[x], f"{result.explain(x, lang.code)} {_head('assumption', lang)}: {held[x]}")
        for x in levers
    )
    return Section("meaning", lang.text("levers.report.meaning"), (Facts(items),), basis="method")


def _assumptions(result: LeversResult, lang: Language) -> dict[str, str]:
    table = result.ranking(lang.code)
    return dict(zip(table["lever"].tolist(), map(str, table["assumption"]), strict=True))


def _names(result: LeversResult, lang: Language) -> dict[str, str]:
    table = result.tidy(lang.code)
    return dict(zip(table["lever"].tolist(), map(str, table["name"]), strict=True))


def _short(result: LeversResult, lever: str, lang: Language) -> str:
    """Return a lever's name for the head of a column."""
    return result.name(lever, lang.code, short=True)


def _groups(result: LeversResult, by: str, lang: Language) -> Section:
    """Return the points of every group: a row for each group, a column for each lever."""
    time = result.keys.names["time"]
    whole = result.tidy(lang.code).where(**{time: result.periods[-1]})
    table = whole.where(by=by)
    levers = [lever for lever in result.names if lever in set(table["lever"].tolist())]
    groups = list(dict.fromkeys(table["group"].tolist()))
    points: dict[tuple[str, Any], float] = {}
    for part in (table, whole.where(by="")):
        keys = zip(part["lever"].tolist(), part["group"].tolist(), strict=True)
        points |= dict(zip(keys, part["points"].tolist(), strict=True))
    order = sorted(groups, key=lambda g: -max(points.get((x, g), 0.0) for x in levers))
    rows = [*order, TOTAL]
    columns = (
        Column(lang.column(by, head=True), tuple(label(g, lang) for g in rows), False),
        *(
            Column(
                _short(result, lever, lang),
                tuple(lang.number(points.get((lever, g)), 2, sign=True) for g in rows),
            )
            for lever in levers
        ),
    )
    grid = Grid(
        "levers_groups",
        lang.text("levers.report.groups", by=lang.column(by), period=result.periods[-1]),
        columns,
        (lang.text("levers.report.groups_note"),),
        _numbers(table),
        frozenset({len(rows) - 1}),
    )
    title = lang.text("levers.report.by", by=lang.column(by))
    key = f"groups_{_groupings(result).index(by) + 1}"
    return Section(key, title, (*_built_up(result, by, lang), grid))


def _further(result: LeversResult, lang: Language) -> list[Section]:
    """Return associations with practices, and misallocation along its trimming path."""
    made = []
    for key, table in (("associations", result.associations()), ("trimming", result.trimming())):
        if len(table):
            columns = tuple(
                _further_column(name, values, lang)
                for name, values in table.columns.items()
                if name != "reason" or any(values.tolist())
            )
            grid = Grid(f"levers_{key}", _head(key, lang), columns, data=Table(table.columns))
            said = Text(lang.text(f"levers.report.{key}_text"), "note")
            made.append(Section(key, _head(key, lang), (grid, said)))
    return made


def _further_column(name: str, values: Any, lang: Language) -> Column:
    key = f"levers.column.{name}"
    head = lang.text(key) if lang.has(key) else lang.column(name, head=True)
    if name == "trim":
        return Column(head, tuple(map(lang.percent, values.tolist())))
    if name == "points":
        return Column(head, tuple(lang.number(v, 2, sign=True) for v in values.tolist()))
    if name in _COUNTS:
        return Column(head, tuple(map(lang.integer, values.tolist())))
    return replace(column_of(head, values, lang), numeric=values.dtype.kind == "f")


def _public(result: LeversResult, context: Context) -> Section:
    """Return what may be published: levers and groups that pass the rules, and their texts."""
    lang = context.language
    disclosed, together = protected(result, context)
    shown = _published(disclosed)
    table = result.ranking(lang.code)
    last = table.where(**{result.keys.names["time"]: result.periods[-1]})
    keep = [i for i, lever in enumerate(last["lever"].tolist()) if lever in shown]
    best = last.take(np.array(keep[:BEST], np.int64))
    below = [_explained(result, [n for n in result.names if n in shown], lang)] if shown else []
    said = lang.text("aggregation.public.together" if together else "aggregation.public.alone")
    return Section(
        "levers",
        result.title(lang.code),
        (
            *_headline(best, result, lang),
            *_figure(result, lang, disclosed),
            *_public_grids(result, disclosed, lang),
            Remarks(tuple(table.notes)),
            Text(said, "note"),
        ),
        (*below, record_section(result.record, lang, _method(lang), sample=False)),
        basis="rules",
    )


def _published(disclosed: Disclosed) -> set[str]:
    """Return the levers whose effect as a whole is published in the last period."""
    table = disclosed.public
    whole = np.ones(len(table), bool)
    for name in disclosed.cells.keys:
        if name != "lever":
            whole &= table[name] == TOTAL
    time = table[disclosed.cells.time_name].tolist()
    last = np.array([t == time[-1] for t in time], bool)
    chosen = whole & last & (table["status"] == "published")
    return set(table["lever"][chosen].tolist())


def _public_grids(result: LeversResult, disclosed: Disclosed, lang: Language) -> list[Grid]:
    """Return what may be published: every lever as a whole, then a table for each grouping.

    The data of the first hold every cell with its interval.
    """
    table, keys = disclosed.public, disclosed.cells.keys_columns()
    groupings = [name for name in disclosed.cells.keys if name != "lever"]
    inside = {name: table[name] != TOTAL for name in groupings}
    whole = ~np.any([*inside.values(), np.zeros(len(table), bool)], axis=0)
    decided = {**keys, **{n: table[n] for n in ("status", "rule") if n in table.columns}}
    first = replace(
        _public_whole(result, disclosed, np.flatnonzero(whole), lang),
        notes=(lang.text("aggregation.public.all_in_data"),),
        data=table,
        decided=Table(decided),
    )
    time = table[disclosed.cells.time_name].tolist()
    last = np.array([t == time[-1] for t in time], bool)
    return [
        first,
        *(
            _public_groups(result, disclosed, by, np.flatnonzero(inside[by] & last), lang)
            for by in groupings
        ),
    ]


def _public_whole(result: LeversResult, disclosed: Disclosed, rows: Any, lang: Language) -> Grid:
    """Return the effects as a whole: the largest first, withheld ones last."""
    points = disclosed.public["points"][rows]
    rows = rows[np.argsort(-np.where(np.isfinite(points), points, -np.inf), kind="stable")]
    names, table = _names(result, lang), disclosed.public.take(rows)
    several = len(result.periods) > 1
    points_column, *interval = _points(table, lang)
    columns = (
        Column(_head("lever", lang), tuple(names[v] for v in table["lever"].tolist()), False),
        *((_period_column(disclosed.cells.time_name, table, lang),) if several else ()),
        replace(points_column, cells=tuple(_effect(disclosed, int(row), lang) for row in rows)),
        *interval,
    )
    return Grid("levers", _head("public", lang), columns)


def _public_groups(
    result: LeversResult, disclosed: Disclosed, by: str, rows: Any, lang: Language
) -> Grid:
    """Return the last period's effects: a row for each group, a column for each lever."""
    table = disclosed.public
    place = {(table["lever"][row], table[by][row]): int(row) for row in rows}
    groups = list(dict.fromkeys(group for _, group in place))
    levers = [lever for lever in result.names if any(lever == known for known, _ in place)]

    def cell(lever: str, group: Any) -> str:
        row = place.get((lever, group))
        return lang.number(None) if row is None else _effect(disclosed, row, lang)

    columns = (
        Column(lang.column(by, head=True), tuple(label(g, lang) for g in groups), False),
        *(
            Column(_short(result, lever, lang), tuple(cell(lever, g) for g in groups))
            for lever in levers
        ),
    )
    caption = lang.text("levers.report.groups", by=lang.column(by), period=result.periods[-1])
    return Grid(f"levers_{by}", caption, columns)


def _effect(disclosed: Disclosed, row: int, lang: Language) -> str:
    """Return the points of a cell, or what became of it."""
    status = str(disclosed.status[row])
    if status != "published":
        return lang.text(f"aggregation.status.{status}")
    return lang.number(disclosed.public["points"][row], 2, sign=True)
