"""Several fits side by side: one column each, errors below the estimates."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfp_index.errors import SpecificationError
from tfp_index.panel.render import format_value, latex_text
from tfp_index.panel.table import Table
from tfp_index.results.result import Result

__all__ = ["Comparison", "compare"]

FIGURES = {
    "rows": "rows",
    "entities": "entities",
    "firms": "entities",
    "returns_to_scale": "returns to scale",
    "r_squared": "R²",
    "persistence": "persistence",
    "j_pvalue": "Hansen J, p-value",
    "ar2_pvalue": "AR(2), p-value",
    "roots": "roots",
}
"""Figures of `glance` that are shown, in this order, under these names."""

BELOW = {"std_error": "({})", "statistic": "[{}]", "p_value": "({})"}
"""What can stand below an estimate."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Fits side by side.

    Attributes
    ----------
    models : tuple of str
    terms : tuple of str
    cells : mapping of (term, model) to dict
        ``estimate``, ``std_error``, ``statistic``, ``p_value``.
    figures : mapping of (name, model) to value
    below : str
        What stands below an estimate.
    digits : int
    stars : bool
    title : str
    """

    models: tuple[str, ...]
    terms: tuple[str, ...]
    cells: Mapping[tuple[str, str], Mapping[str, float]]
    figures: Mapping[tuple[str, str], Any]
    below: str
    digits: int
    stars: bool
    title: str

    def table(self) -> Table:
        """Return one row per term and model, as numbers."""
        keys = [(t, m) for t in self.terms for m in self.models if (t, m) in self.cells]
        columns: dict[str, list[Any]] = {
            "term": [t for t, _ in keys],
            "model": [m for _, m in keys],
        }
        for name in ("estimate", "std_error", "statistic", "p_value"):
            columns[name] = [self.cells[key].get(name, np.nan) for key in keys]
        return Table(columns, title=self.title)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return `table` as a frame."""
        return self.table().to_frame(backend)

    def to_text(self) -> str:
        """Return the comparison as aligned plain text."""
        body, foot = self._body(), self._foot()
        rows = [["", *self.models], *body, *foot]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0])]
                + [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
            ).rstrip()
            for row in rows
        ]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        parts = [lines[0], rule, *lines[1 : 1 + len(body)], rule, *lines[1 + len(body) :]]
        return "\n".join([*([self.title] if self.title else []), *parts, self._note()])

    def to_markdown(self) -> str:
        """Return the comparison in Markdown."""

        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"

        lines = [f"**{self.title}**", ""] if self.title else []
        lines += [line(["", *self.models]), "|:---|" + "---:|" * len(self.models)]
        lines += [line(row) for row in (*self._body(), *self._foot())]
        return "\n".join([*lines, "", f"*{self._note()}*"])

    def to_latex(self) -> str:
        """Return the comparison as a LaTeX table with rules of the booktabs package."""

        def line(cells: Sequence[str]) -> str:
            return " & ".join(latex_text(c) for c in cells) + r" \\"

        lines = [r"\begin{table}", r"\centering"]
        lines += [rf"\caption{{{latex_text(self.title)}}}"] if self.title else []
        lines += [rf"\begin{{tabular}}{{l{'r' * len(self.models)}}}", r"\toprule"]
        lines += [line(["", *self.models]), r"\midrule"]
        lines += [line(row) for row in self._body()]
        lines += [r"\midrule", *(line(row) for row in self._foot()), r"\bottomrule"]
        lines += [r"\end{tabular}", rf"\par\footnotesize {latex_text(self._note())}"]
        return "\n".join([*lines, r"\end{table}"])

    def to_html(self) -> str:
        """Return the comparison as an HTML fragment."""

        def line(cells: Sequence[str], rule: bool) -> str:
            style = ' style="border-top:1px solid"' if rule else ""
            first = f'<th scope="row" style="text-align:left">{html.escape(cells[0])}</th>'
            rest = "".join(f'<td style="text-align:right">{html.escape(c)}</td>' for c in cells[1:])
            return f"<tr{style}>{first}{rest}</tr>"

        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        head = "".join(
            f'<th scope="col" style="text-align:right">{html.escape(m)}</th>' for m in self.models
        )
        body = "".join(line(row, False) for row in self._body())
        foot = "".join(line(row, i == 0) for i, row in enumerate(self._foot()))
        return (
            f'<div class="tfp-table"><table>{caption}<thead><tr><th></th>{head}</tr></thead>'
            f"<tbody>{body}{foot}</tbody></table>"
            f"<p><small>{html.escape(self._note())}</small></p></div>"
        )

    def _body(self) -> list[list[str]]:
        rows = []
        for term in self.terms:
            above, below = [term], [""]
            for model in self.models:
                cell = self.cells.get((term, model), {})
                estimate = self._number(cell.get("estimate", np.nan))
                above.append(estimate + self._stars(cell.get("p_value", np.nan)))
                value = self._number(cell.get(self.below, np.nan))
                below.append(BELOW[self.below].format(value) if value else "")
            rows += [above, below]
        return rows

    def _number(self, value: float) -> str:
        """One number of decimals for all, so that a column can be read downwards."""
        return "" if np.isnan(value) else f"{value:.{self.digits}f}"

    def _stars(self, p: float) -> str:
        if not self.stars or np.isnan(p):
            return ""
        return "*" * sum(p < limit for limit in (0.1, 0.05, 0.01))

    def _foot(self) -> list[list[str]]:
        names = dict.fromkeys(name for name, _ in self.figures)
        return [
            [name, *(format_value(self.figures.get((name, m)), self.digits) for m in self.models)]
            for name in names
        ]

    def _note(self) -> str:
        what = {"std_error": "standard errors", "statistic": "statistics", "p_value": "p-values"}
        sign = "brackets" if self.below == "statistic" else "parentheses"
        note = f"{what[self.below].capitalize()} in {sign}."
        return note + (" * p < 0.1, ** p < 0.05, *** p < 0.01." if self.stars else "")

    __str__ = to_text
    __repr__ = to_text
    _repr_html_ = to_html


def compare(
    results: Mapping[str, Result],
    *,
    terms: Sequence[str] | None = None,
    below: str = "std_error",
    digits: int = 3,
    stars: bool = False,
    title: str = "",
) -> Comparison:
    """Set several fits side by side.

    Parameters
    ----------
    results : mapping of name to result
        Of any method whose ``tidy()`` has the columns ``term`` and ``estimate``. A result by group
        gives one column per group.
    terms : sequence of str, optional
        Which coefficients to show, in this order; default: all, as they first occur.
    below : {"std_error", "statistic", "p_value"}
        What stands below an estimate.
    digits : int
    stars : bool
        Mark p-values below 0.1, 0.05 and 0.01.
    title : str

    Raises
    ------
    SpecificationError
        If there is nothing to compare, a result has no coefficients, or a term is unknown.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> panel = tfp.datasets.simulate.acf2015(firms=100, rng=1).panel()
    >>> inputs = ("labor", "capital")
    >>> print(tfp.compare({"OLS": tfp.CobbDouglas(inputs=inputs).fit(panel),
    ...                    "Within": tfp.CobbDouglas(inputs=inputs, effects="entity").fit(panel)},
    ...                   terms=inputs))
                          OLS   Within
    ----------------------------------
    labor               0.933    0.888
                      (0.011)  (0.014)
    capital             0.063    0.098
                      (0.015)  (0.101)
    ----------------------------------
    rows                 1000     1000
    entities              100      100
    returns to scale    0.997    0.986
    R²                  0.942    0.952
    Standard errors in parentheses.
    """
    if below not in BELOW:
        raise SpecificationError(
            f"below={below!r} is not known",
            code="bad_option",
            column="below",
            expected=", ".join(map(repr, BELOW)),
        )
    if not results:
        raise SpecificationError("there is nothing to compare", code="bad_option", column="results")
    models: list[str] = []
    cells: dict[tuple[str, str], dict[str, float]] = {}
    figures: dict[tuple[str, str], Any] = {}
    for name, result in results.items():
        for label, rows, glance in _parts(str(name), result):
            models.append(label)
            for row in rows:
                cells[str(row["term"]), label] = {
                    k: float("nan") if row.get(k) is None else float(row[k])
                    for k in ("estimate", "std_error", "statistic", "p_value")
                    if k in row
                }
            for key, shown in FIGURES.items():
                if glance.get(key) is not None:
                    figures[shown, label] = glance[key]
    known = list(dict.fromkeys(term for term, _ in cells))
    chosen = known if terms is None else [str(term) for term in terms]
    for term in chosen:
        if term not in known:
            raise SpecificationError(
                f"no model has a coefficient {term!r}",
                code="unknown_coefficient",
                column=term,
                expected=", ".join(known),
            )
    ordered = {
        (shown, model): figures[shown, model]
        for shown in dict.fromkeys(FIGURES.values())
        for model in models
        if (shown, model) in figures
    }
    return Comparison(tuple(models), tuple(chosen), cells, ordered, below, digits, stars, title)


def _parts(name: str, result: Result) -> list[tuple[str, list[dict[str, Any]], dict[str, Any]]]:
    """Label, coefficients and figures of a result, or of each of its groups."""
    tidy = result.tidy()
    if "term" not in tidy.columns or "estimate" not in tidy.columns:
        raise SpecificationError(
            f"{name}: {type(result).__name__} has no coefficients to compare",
            code="not_comparable",
            column=name,
            expected="a result whose tidy() has 'term' and 'estimate'",
        )
    rows, glances = tidy.rows(), result.glance().rows()
    if "group" not in tidy.columns:
        return [(name, rows, glances[0])]
    groups = dict.fromkeys(row["group"] for row in rows)
    return [
        (
            f"{name}: {group}",
            [row for row in rows if row["group"] == group],
            next((g for g in glances if g.get("group") == group), {}),
        )
        for group in groups
    ]
