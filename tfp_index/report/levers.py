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
from tfp_index.report.tables import grid_of

__all__ = ["of_levers"]

BEST = 3
"""Levers among the headline numbers."""


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
    caption = lang.text("levers.report.built_up", by=by, name=_lower(_names(result, lang)[first]))
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
        *((Column(time, tuple(map(str, table[time])), False),) if several else ()),
        Column(_head("rank", lang), ranks),
        *_points(table, lang),
        Column(_head("enterprises", lang), tuple(map(lang.integer, table["enterprises"].tolist()))),
        Column(_head("share", lang), tuple(map(lang.percent, table["share"].tolist()))),
        *(Column(head, tuple(cells), False) for head, cells in words),
    )
    return Grid("levers", _head("caption", lang), columns, data=_numbers(table))


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


def _groups(result: LeversResult, by: str, lang: Language) -> Section:
    """Return the points of every group: a row for each group, a column for each lever."""
    time = result.keys.names["time"]
    whole = result.tidy(lang.code).where(**{time: result.periods[-1]})
    table = whole.where(by=by)
    names = _names(result, lang)
    levers = [lever for lever in result.names if lever in set(table["lever"].tolist())]
    groups = list(dict.fromkeys(table["group"].tolist()))
    points: dict[tuple[str, Any], float] = {}
    for part in (table, whole.where(by="")):
        keys = zip(part["lever"].tolist(), part["group"].tolist(), strict=True)
        points |= dict(zip(keys, part["points"].tolist(), strict=True))
    order = sorted(groups, key=lambda g: -max(points.get((x, g), 0.0) for x in levers))
    rows = [*order, TOTAL]
    columns = (
        Column(by, tuple(label(g, lang) for g in rows), False),
        *(
            Column(
                names[lever],
                tuple(lang.number(points.get((lever, g)), 2, sign=True) for g in rows),
            )
            for lever in levers
        ),
    )
    grid = Grid(
        "levers_groups",
        lang.text("levers.report.groups", by=by, period=result.periods[-1]),
        columns,
        (lang.text("levers.report.groups_note"),),
        _numbers(table),
        frozenset({len(rows) - 1}),
    )
    title = lang.text("levers.report.by", by=by)
    key = f"groups_{_groupings(result).index(by) + 1}"
    return Section(key, title, (*_built_up(result, by, lang), grid))


def _further(result: LeversResult, lang: Language) -> list[Section]:
    """Return associations with practices, and misallocation along its trimming path."""
    made = []
    for key, table in (("associations", result.associations()), ("trimming", result.trimming())):
        if len(table):
            grid = grid_of(Table(table.columns), lang, f"levers_{key}", _head(key, lang))
            heads = tuple(replace(c, header=_column_head(c.header, lang)) for c in grid.columns)
            said = Text(lang.text(f"levers.report.{key}_text"), "note")
            blocks = (replace(grid, columns=heads), said)
            made.append(Section(key, _head(key, lang), blocks))
    return made


def _column_head(name: str, lang: Language) -> str:
    key = f"levers.column.{name}"
    return lang.text(key) if lang.has(key) else name


def _public(result: LeversResult, context: Context) -> Section:
    """Return what may be published: levers and groups that pass the rules, and their texts."""
    lang = context.language
    disclosed, together = protected(result, context)
    names = _names(result, lang)
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
            _public_grid(disclosed, names, lang),
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


def _public_grid(disclosed: Disclosed, names: dict[str, str], lang: Language) -> Grid:
    table = disclosed.public
    keys = disclosed.cells.keys_columns()
    columns = [Column(_head("lever", lang), tuple(names[v] for v in table["lever"]), False)]
    columns += [
        Column(name, tuple(label(v, lang) for v in table[name].tolist()), False)
        for name in keys
        if name != "lever"
    ]
    columns += _points(table, lang)
    for name in ("status", "rule"):
        if name in table.columns:
            cells = tuple(_word(name, v, lang) for v in table[name].tolist())
            columns.append(Column(lang.text(f"aggregation.head.{name}"), cells, False))
    decided = {**keys, **{n: table[n] for n in ("status", "rule") if n in table.columns}}
    caption = _head("public", lang)
    return Grid("levers", caption, tuple(columns), data=table, decided=Table(decided))


def _word(kind: str, value: str, lang: Language) -> str:
    return lang.text(f"aggregation.{kind}.{value.replace(' ', '_')}") if value else ""
