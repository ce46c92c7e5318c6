"""The section on growth accounts by industry and what they add up to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.growth.klems_result import KlemsResult
from tfp_index.language import Language
from tfp_index.panel.table import Table
from tfp_index.report.adapters import Context
from tfp_index.report.record import record_section
from tfp_index.report.sections import Block, Column, Grid, Section, Text

__all__ = ["of_result"]

Floats = NDArray[np.float64]


def of_result(result: KlemsResult, context: Context) -> list[Section]:
    """Return the section on a result of `KlemsAccounts`.

    The units are industries as accounts publish them; in a public edition they are shown as such,
    and counted as not under disclosure control.
    """
    lang = context.language
    row = result.glance().rows()[0]
    known = row["first"] is not None
    blocks: list[Block] = [_lead(row, lang) if known else Text(lang.text("klems.none"), "warning")]
    if known:
        blocks += [_total(result, lang), _industries(result, lang)]
    blocks.append(Text(lang.text("klems.note"), "note"))
    method = [(lang.text("record.method"), lang.text("klems.method"))]
    record = record_section(result.record, lang, method)
    title = lang.text("klems.title")
    return [Section("klems", title, tuple(blocks), (record,), basis="industries")]


def _lead(row: dict[str, Any], lang: Language) -> Text:
    growth, tfp = row["mean_value_added_growth"], row["mean_tfp_growth"]
    said = lang.text(
        "klems.lead",
        first=row["first"],
        last=row["last"],
        growth=lang.points(growth),
        tfp=lang.points(tfp),
    )
    return Text(said, "lead")


def _total(result: KlemsResult, lang: Language) -> Grid:
    """Return growth of the total by period: value added, what inputs gave, and the residual."""
    start = "" if getattr(result.spec, "aggregate", None) == "direct" else "weighted_"
    table = result.aggregates("total")
    inputs = [n for n in result.primary if f"{start}{n}_contribution" in table.columns]
    names = ["value_added_growth", *(f"{start}{n}_contribution" for n in inputs), "tfp_growth"]
    rows = np.flatnonzero(np.isfinite(table["tfp_growth"]))
    shown = Table({n: table[n][rows] for n in (result.time_name, *names)})
    ends = [lang.text(f"klems.column.{n}") for n in ("value_added_growth", "tfp_growth")]
    heads = [ends[0], *(lang.column(n, head=True) for n in inputs), ends[1]]
    columns = (
        Column(
            lang.column(result.time_name, head=True),
            tuple(str(t) for t in shown[result.time_name].tolist()),
            False,
        ),
        *(
            Column(head, tuple(lang.points(v) for v in shown[name].tolist()))
            for head, name in zip(heads, names, strict=True)
        ),
    )
    return Grid("klems_total", lang.text("klems.total"), columns, data=shown)


def _industries(result: KlemsResult, lang: Language) -> Grid:
    """Return the means of every industry over the periods that have an account."""
    table = result.industries.table()
    labels = [n for n in result.keys.columns() if n != result.time_name]
    of = list(zip(*(table[n].tolist() for n in labels), strict=True))
    known = np.isfinite(table["tfp_growth"])
    names = [
        n
        for n in ("output_growth", "value_added_growth", "tfp_growth", "weight", "tfp_contribution")
        if n in table.columns
    ]
    found = list(dict.fromkeys(of))
    place = {label: i for i, label in enumerate(found)}
    group = np.array([place[label] for label in of], np.int64)
    periods = np.bincount(group[known], minlength=len(found))
    means = {
        name: _means(table[name], group, len(found), known & np.isfinite(table[name]))
        for name in names
    }
    order = np.argsort(-np.nan_to_num(means["tfp_contribution"], nan=-np.inf), kind="stable")
    keys = {n: [found[i][j] for i in order] for j, n in enumerate(labels)}
    data = Table({**keys, **{n: v[order] for n, v in means.items()}, "periods": periods[order]})
    columns = (
        *(Column(lang.column(n, head=True), tuple(map(str, keys[n])), False) for n in labels),
        *(
            Column(
                lang.text(f"klems.column.{n}"),
                tuple(map(lang.percent if n == "weight" else lang.points, data[n].tolist())),
            )
            for n in names
        ),
        Column(lang.text("klems.column.periods"), tuple(map(lang.integer, periods[order]))),
    )
    caption = lang.text("klems.industries")
    return Grid("klems_industries", caption, columns, (lang.text("klems.mean_note"),), data)


def _means(
    values: Floats, group: NDArray[np.int64], groups: int, known: NDArray[np.bool_]
) -> Floats:
    """(G,) mean of the known values of each group; NaN where there is none."""
    count = np.bincount(group[known], minlength=groups).astype(np.float64)
    total = np.bincount(group[known], values[known], groups)
    out: Floats = np.full(groups, np.nan)
    np.divide(total, count, out=out, where=count > 0)
    return out
