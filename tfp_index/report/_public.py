"""What of aggregates, decompositions and dispersion may be published, so that it can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._cells import TOTAL
from tfp_index.aggregation.disclosure import Disclosed, DisclosureRules
from tfp_index.language import Language
from tfp_index.panel.table import Table
from tfp_index.report._cells import cells_grid, label, said_of
from tfp_index.report.sections import Block, Column, Facts, Grid, Remarks, Text

__all__ = [
    "LONG",
    "SPREAD",
    "last_index",
    "median_gap",
    "public_blocks",
    "rules_facts",
    "term_values",
    "whole_is_published",
]

SPREAD = ("n", "mean", "sd", "p10", "p50", "p90", "d9010", "d7525")
"""Statistics of dispersion that are printed; the data files hold all."""

LONG = 40
"""Rows up to which a table is printed as it is; longer ones are turned round."""

Bools = NDArray[np.bool_]


def public_blocks(
    key: str,
    disclosed: Disclosed,
    own: Sequence[str],
    scaled: bool,
    lang: Language,
    *,
    rules: bool = True,
) -> list[Block]:
    """Return the public table with how much was withheld, and unless said elsewhere the rules."""
    status = disclosed.status.tolist()
    counted = lang.text(
        "aggregation.public.lead",
        published=lang.integer(status.count("published")),
        suppressed=lang.integer(status.count("suppressed")),
    )
    notes = tuple(lang.phrase(note) for note in disclosed.cells.notes)
    return [
        *_grids(key, disclosed, own, scaled, lang),
        Text(counted),
        *([Remarks(notes)] if notes else []),
        *([rules_facts(disclosed.rules, lang)] if rules else []),
    ]


def rules_facts(rules: DisclosureRules, lang: Language) -> Facts:
    """Say the rules that decided."""
    said = []
    if rules.min_count is not None:
        said.append(("count", {"count": lang.integer(rules.min_count)}))
    if rules.dominance is not None:
        n, k = rules.dominance
        said.append(("dominance", {"count": lang.integer(n), "share": lang.percent(k / 100, 0)}))
    if rules.p_percent is not None:
        said.append(("p_percent", {"share": lang.percent(rules.p_percent / 100, 0)}))
    if rules.pq is not None:
        p, q = (lang.percent(v / 100, 0) for v in rules.pq)
        said.append(("pq", {"p": p, "q": q}))
    if rules.secondary:
        said.append(("secondary", {}))
    return Facts(
        tuple(
            (lang.text(f"aggregation.rule.{k}"), lang.text(f"aggregation.rules.{k}", **values))
            for k, values in said
        )
    )


def whole_is_published(disclosed: Disclosed) -> bool:
    """Whether every cell about all groups together is published, in every period."""
    whole = _whole(disclosed)
    return bool(whole.any()) and bool((disclosed.status[whole] == "published").all())


def term_values(disclosed: Disclosed) -> tuple[str, dict[str, float]] | None:
    """Return the last period of a decomposition and its terms as a whole, if all are published."""
    if "term" not in disclosed.cells.keys:
        return None
    table = disclosed.public
    time = table[disclosed.cells.time_name].tolist()
    if not time:
        return None
    rows = np.flatnonzero(_whole(disclosed) & np.array([t == time[-1] for t in time], bool))
    if not rows.size or (disclosed.status[rows] != "published").any():
        return None
    terms = table["term"][rows].tolist()
    return str(time[-1]), dict(zip(terms, table["contribution"][rows].tolist(), strict=True))


def _whole(disclosed: Disclosed) -> Bools:
    """(C,) cells about all groups together."""
    whole = np.ones(len(disclosed.cells), bool)
    for name, labels in disclosed.cells.keys.items():
        if name != "term":
            whole &= labels == TOTAL
    return whole


def _grids(
    key: str, disclosed: Disclosed, own: Sequence[str], scaled: bool, lang: Language
) -> list[Grid]:
    """Return terms side by side, a long index over time, the rest as it is; the data hold all."""
    table, cells = disclosed.public, disclosed.cells
    data: dict[str, Any] = {"data": table, "decided": _decided(disclosed)}
    if "term" in cells.keys:
        return _terms(key, disclosed, scaled, lang, data)
    if len(table) > LONG and "index" in cells.values and cells.time is not None:
        return [_over_time(key, disclosed, lang, data)]
    caption = lang.text("aggregation.public.caption")
    if scaled and any(n in table.columns for n in ("contribution", "part_of_log_gain")):
        unit = lang.text("aggregation.unit.log")
        caption = lang.text("aggregation.public.caption_unit", unit=unit)
    shown = [
        n
        for n in table.columns
        if n not in cells.values or n in SPREAD or "d9010" not in cells.values
    ]
    names = own or [n for n in cells.keys_columns() if n != "term"]
    short, notes = table, tuple[str, ...]()
    time = cells.time_name if cells.time is not None else "time"
    if len(table) > LONG and time in table.columns:
        short = table.where(**{time: table[time][-1]})
        notes = (lang.text("aggregation.public.all_in_data"),)
    made = cells_grid(key, caption, short, lang, own=names, scaled=scaled, columns=shown)
    return [Grid(key, caption, made.columns, notes, limit=LONG, **data)]


def _decided(disclosed: Disclosed) -> Table:
    table = disclosed.public
    said = {name: table[name] for name in ("status", "rule") if name in table.columns}
    return Table({**disclosed.cells.keys_columns(), **said})


def _written(disclosed: Disclosed, name: str, row: int, write: Any, lang: Language) -> str:
    """Return a value, or what became of its cell."""
    status = str(disclosed.status[row])
    if status != "published":
        return lang.text(f"aggregation.status.{status}")
    said: str = write(float(disclosed.public[name][row]))
    return said


def _terms(
    key: str, disclosed: Disclosed, scaled: bool, lang: Language, data: dict[str, Any]
) -> list[Grid]:
    """Return the terms side by side: of the whole in every period, of groups in the last."""
    cells = disclosed.cells
    groups = [name for name in cells.keys if name != "term"]
    time = [None] * len(cells) if cells.time is None else cells.time.tolist()
    whole, last = _whole(disclosed), np.array([t == time[-1] for t in time], bool)
    unit = lang.text("aggregation.unit.log" if scaled else "aggregation.unit.level")
    grids = []
    if whole.any():
        caption = lang.text("aggregation.public.whole", unit=unit)
        grids.append(_side_by_side(key, disclosed, whole, [cells.time_name], caption, scaled, lang))
    if groups and (~whole & last).any():
        caption = lang.text("aggregation.public.groups", period=time[-1], unit=unit)
        rows = ~whole & last
        name = f"{key}_by_group" if grids else key
        grids.append(_side_by_side(name, disclosed, rows, groups, caption, scaled, lang))
    notes = (lang.text("aggregation.public.all_in_data"),)
    first = Grid(grids[0].key, grids[0].caption, grids[0].columns, notes, **data)
    return [first, *grids[1:]]


def _side_by_side(
    key: str,
    disclosed: Disclosed,
    chosen: Bools,
    names: Sequence[str],
    caption: str,
    scaled: bool,
    lang: Language,
) -> Grid:
    """Return chosen cells with a row for each combination of `names` and a column for each term."""
    labels = disclosed.cells.keys_columns()
    place: dict[tuple[tuple[Any, ...], Any], int] = {}
    for row in np.flatnonzero(chosen).tolist():
        place[tuple(labels[n][row] for n in names), labels["term"][row]] = row
    heads = list(dict.fromkeys(head for head, _ in place))
    terms = list(dict.fromkeys(term for _, term in place))

    def write(value: float) -> str:
        return lang.number(100.0 * value if scaled else value, 2 if scaled else 4, sign=True)

    def cell(head: tuple[Any, ...], term: Any) -> str:
        row = place.get((head, term))
        if row is None:
            return lang.number(None)
        return _written(disclosed, "contribution", row, write, lang)

    columns = _labels(names, heads, lang)
    columns += [
        Column(said_of("term", term, lang, bare=True), tuple(cell(head, term) for head in heads))
        for term in terms
    ]
    return Grid(key, caption, tuple(columns))


def _labels(names: Sequence[str], heads: Sequence[tuple[Any, ...]], lang: Language) -> list[Column]:
    """Return the columns that name the rows."""
    return [
        Column(lang.column(n, head=True), tuple(label(head[i], lang) for head in heads), False)
        for i, n in enumerate(names)
    ]


def _over_time(key: str, disclosed: Disclosed, lang: Language, data: dict[str, Any]) -> Grid:
    """Return the index with a row for each group and a column for each period."""
    cells = disclosed.cells
    assert cells.time is not None
    names = list(cells.keys)
    place = {}
    for row, when in enumerate(cells.time.tolist()):
        place[tuple(cells.keys[n][row] for n in names), when] = row
    heads = list(dict.fromkeys(head for head, _ in place))
    periods = sorted(dict.fromkeys(when for _, when in place), key=str)

    def cell(head: tuple[Any, ...], when: Any) -> str:
        row = place.get((head, when))
        if row is None:
            return lang.number(None)
        return _written(disclosed, "index", row, lambda v: lang.number(v, 1), lang)

    columns = _labels(names, heads, lang)
    columns += [Column(str(t), tuple(cell(head, t) for head in heads)) for t in periods]
    strong = frozenset(i for i, head in enumerate(heads) if all(v == TOTAL for v in head))
    caption = lang.text("aggregation.public.index", base=_base(disclosed))
    notes = (lang.text("aggregation.public.all_in_data"),)
    return Grid(key, caption, tuple(columns), notes, strong=strong, limit=LONG, **data)


def last_index(disclosed: Disclosed) -> tuple[Any, float, Any] | None:
    """Return the last period, the index of the whole there and its base, if it is published."""
    if "index" not in disclosed.cells.values or disclosed.cells.time is None:
        return None
    rows = np.flatnonzero(_whole(disclosed))
    if not rows.size or disclosed.status[rows[-1]] != "published":
        return None
    value = float(disclosed.public["index"][rows[-1]])
    if math.isnan(value):
        return None
    return disclosed.cells.time[rows[-1]], value, _base(disclosed)


def _base(disclosed: Disclosed) -> Any:
    """Return the period in which every published index is 100; the first if there is none."""
    assert disclosed.cells.time is not None
    periods = disclosed.cells.time.tolist()
    index = np.asarray(disclosed.public["index"], np.float64)
    known = (disclosed.status == "published") & np.isfinite(index)
    for when in sorted(dict.fromkeys(periods), key=str):
        here = known & np.array([t == when for t in periods], bool)
        if here.any() and np.allclose(index[here], 100.0, rtol=1e-12):
            return when
    return min(periods, key=str)


def median_gap(disclosed: Disclosed) -> tuple[int, float]:
    """Return how many published cells have a 90–10 gap, and its median."""
    if "d9010" not in disclosed.cells.values:
        return 0, math.nan
    gaps = disclosed.public["d9010"][disclosed.status == "published"]
    gaps = gaps[np.isfinite(gaps)]
    return int(gaps.size), float(np.median(gaps)) if gaps.size else math.nan
