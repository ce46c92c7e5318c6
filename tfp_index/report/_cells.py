"""Tables of cells as the reader sees them: heads, labels and numbers in one language."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from tfp_index.aggregation._cells import OTHER, TOTAL
from tfp_index.aggregation._rows import MISSING
from tfp_index.language import Language
from tfp_index.panel.table import Table
from tfp_index.plot.aggregation import NAMES
from tfp_index.report.sections import Column, Grid
from tfp_index.report.tables import column_of

__all__ = ["TERM_COLUMNS", "cells_grid", "label", "said_of"]

TERM_COLUMNS = (
    "total", "within", "between", "cross", "structure", "entry", "exit", "contribution",
    "part_of_log_gain",
)  # fmt: skip
"""Columns in log points, written a hundredfold."""

_LABELS = {
    TOTAL: "aggregation.label.total",
    OTHER: "aggregation.label.other",
    MISSING: "aggregation.label.missing",
}
_WORDS = ("term", "status", "rule", "weighting")
_ONE_DIGIT = ("gain_percent", "index")
_PERCENT = ("share", "share_start", "share_end", "value_added_share", "top_decile_share", "trim")
_COUNTS = ("n", "firms", "industries", "n_survivors", "n_entrants", "n_exiters")


def label(value: Any, lang: Language) -> str:
    """Return the name of a group; margins and merged groups in words."""
    return lang.text(_LABELS[value]) if value in _LABELS else str(value)


def said_of(name: str, value: Any, lang: Language, *, bare: bool = False) -> str:
    """Return the value of a column in words, behind the column's name unless it is `bare`."""
    said = _word(name, value, lang) if name in _WORDS else label(value, lang)
    if not value and name == "rule":
        said = ""
    return said if bare else f"{_head(name, lang)}: {said}"


def cells_grid(
    key: str,
    caption: str,
    table: Table,
    lang: Language,
    *,
    own: Collection[str] = (),
    scaled: bool = False,
    columns: Sequence[str] | None = None,
    data: Table | None = None,
) -> Grid:
    """Return a table of cells as a grid.

    Parameters
    ----------
    key, caption : str
    table : Table
    lang : Language
    own : collection of str
        Groupings and time: their labels are written as they are.
    scaled : bool
        Whether terms are logs, to be written a hundredfold.
    columns : sequence of str, optional
        Columns to print; default: all.
    data : Table, optional
        What the data file holds; default: the table.
    """
    shown = table.columns if columns is None else {n: table[n] for n in columns}
    made = [_column(n, v, lang, own, scaled) for n, v in shown.items() if _has_text(n, v)]
    return Grid(key, caption, tuple(made), data=table if data is None else data)


def _has_text(name: str, values: Any) -> bool:
    return name != "reason" or any(values.tolist())


def _column(name: str, values: Any, lang: Language, own: Collection[str], scaled: bool) -> Column:
    if name in own:
        words = tuple(label(v, lang) for v in values.tolist())
        return Column(lang.column(name, head=True), words, False)
    head = _head(name, lang)
    if name == "method":
        return Column(head, tuple(NAMES.get(v, str(v)) for v in values.tolist()), False)
    if name in _WORDS:
        return Column(head, tuple(_word(name, v, lang) for v in values.tolist()), False)
    if name in _writers(lang, scaled):
        return Column(head, tuple(map(_writers(lang, scaled)[name], values.tolist())))
    made = column_of(head, values, lang)
    return made if values.dtype.kind == "f" else Column(head, made.cells, numeric=False)


def _writers(lang: Language, scaled: bool) -> Mapping[str, Callable[[Any], str]]:
    writers: dict[str, Callable[[Any], str]] = {}
    writers |= dict.fromkeys(_COUNTS, lang.integer)
    writers |= dict.fromkeys(_PERCENT, lang.percent)
    writers |= dict.fromkeys(_ONE_DIGIT, lambda v: lang.number(v, 1))
    if scaled:
        writers |= dict.fromkeys(TERM_COLUMNS, lambda v: lang.number(100.0 * v, 2))
    return writers


def _head(name: str, lang: Language) -> str:
    key = f"aggregation.head.{name}"
    if lang.has(key):
        return lang.text(key)
    if name.startswith("p") and name[1:].replace(".", "", 1).isdigit():
        return lang.text("aggregation.head.percentile", p=lang.number(float(name[1:]), 0))
    return lang.column(name, head=True)


def _word(kind: str, value: Any, lang: Language) -> str:
    if kind == "term" and value == TOTAL:
        return lang.text("aggregation.head.total")
    if value in _LABELS:
        return label(value, lang)
    key = f"plot.term.{value}" if kind == "term" else f"aggregation.{kind}.{value}"
    key = key.replace(" ", "_")
    return lang.text(key) if lang.has(key) else str(value)
