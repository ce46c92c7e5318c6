"""Small tables as text, HTML, Markdown and LaTeX; every name is escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["format_value", "latex_text", "to_html", "to_latex", "to_markdown", "to_text"]

Columns = Mapping[str, NDArray[Any]]

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def format_value(value: Any, digits: int = 4) -> str:
    """Write one cell: numbers with `digits` decimals, missing ones as an empty cell.

    Examples
    --------
    >>> format_value(0.123456), format_value(np.nan), format_value(2020), format_value(None)
    ('0.1235', '', '2020', '')
    """
    if value is None:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if math.isnan(number):
            return ""
        if number and (abs(number) < 10**-digits or abs(number) >= 1e9):
            return f"{number:.{digits}g}"
        return f"{number:.{digits}f}"
    return str(value)


def _cells(columns: Columns, limit: int | None) -> tuple[list[list[str]], int]:
    n = len(next(iter(columns.values()))) if columns else 0
    shown = n if limit is None else min(n, limit)
    rows = [[format_value(values[row]) for values in columns.values()] for row in range(shown)]
    return rows, n - shown


def _numeric(columns: Columns) -> list[bool]:
    return [values.dtype.kind in "iuf" for values in columns.values()]


def to_text(columns: Columns, title: str = "", notes: Sequence[str] = (), limit: int = 60) -> str:
    """Return the table as aligned plain text.

    Examples
    --------
    >>> print(to_text({"unit": np.array(["A"], object), "x": np.array([0.5])}))
    unit       x
    A     0.5000
    """
    rows, more = _cells(columns, limit)
    head = list(columns)
    widths = [max([len(h), *(len(r[i]) for r in rows)]) for i, h in enumerate(head)]
    right = _numeric(columns)

    def line(cells: Sequence[str]) -> str:
        parts = [
            c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True)
        ]
        return "  ".join(parts).rstrip()

    lines = [title] if title else []
    lines += [line(head), *(line(r) for r in rows)]
    lines += [f"… and {more} more rows"] if more else []
    lines += [f"Note: {note}" for note in notes]
    return "\n".join(lines)


def to_html(columns: Columns, title: str = "", notes: Sequence[str] = (), limit: int = 60) -> str:
    """Return the table as an HTML fragment."""
    rows, more = _cells(columns, limit)
    right = _numeric(columns)
    align = [' style="text-align:right"' if r else ' style="text-align:left"' for r in right]
    caption = f"<caption>{html.escape(title)}</caption>" if title else ""
    head = "".join(
        f'<th scope="col"{a}>{html.escape(h)}</th>' for h, a in zip(columns, align, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{a}>{html.escape(c)}</td>" for c, a in zip(row, align, strict=True))
        + "</tr>"
        for row in rows
    )
    foot = "".join(
        f"<p><small>{html.escape(text)}</small></p>"
        for text in ([f"… and {more} more rows"] if more else []) + list(notes)
    )
    return (
        f'<div class="tfp-table"><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>{foot}</div>"
    )


def to_markdown(columns: Columns, title: str = "", notes: Sequence[str] = ()) -> str:
    """Return the table in Markdown."""
    rows, _ = _cells(columns, None)

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"

    rule = "|" + "|".join("---:" if r else ":---" for r in _numeric(columns)) + "|"
    lines = [f"**{title}**", ""] if title else []
    lines += [line(list(columns)), rule, *(line(r) for r in rows)]
    lines += ["", *(f"*{note}*" for note in notes)] if notes else []
    return "\n".join(lines)


def latex_text(text: str) -> str:
    r"""Escape what LaTeX would take as a command.

    Examples
    --------
    >>> print(latex_text("5 % of K_ict"))
    5 \% of K\_ict
    """
    return "".join(_LATEX.get(c, c) for c in text)


def to_latex(columns: Columns, title: str = "", notes: Sequence[str] = ()) -> str:
    """Return the table as a LaTeX ``tabular`` with rules of the booktabs package."""
    rows, _ = _cells(columns, None)
    clean = latex_text

    def line(cells: Sequence[str]) -> str:
        return " & ".join(clean(c) for c in cells) + r" \\"

    layout = "".join("r" if r else "l" for r in _numeric(columns))
    lines = [r"\begin{table}", r"\centering"]
    lines += [rf"\caption{{{clean(title)}}}"] if title else []
    lines += [rf"\begin{{tabular}}{{{layout}}}", r"\toprule", line(list(columns)), r"\midrule"]
    lines += [*(line(r) for r in rows), r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\footnotesize {clean(note)}" for note in notes]
    return "\n".join([*lines, r"\end{table}"])
