"""Tables without an adapter of their own: every column as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import SpecificationError
from tfp_index.language import Language
from tfp_index.panel.table import Table
from tfp_index.report.adapters import Context
from tfp_index.report.sections import Column, Grid, Section

__all__ = ["column_of", "grid_of", "of_table"]


def of_table(table: Table, context: Context) -> list[Section]:
    """Return a section that shows a table under its own title.

    Raises
    ------
    SpecificationError
        If the report is public: nobody knows what the rows of a bare table give away.
    """
    if context.public:
        raise SpecificationError(
            "a public report does not take a bare table: its rows may show single enterprises",
            code="disclosure_unknown",
            remedy="put a table that may be published into a report.Section",
        )
    title = table.title or context.language.text("table.title")
    return [Section("table", title, (grid_of(table, context.language, "table"),))]


def grid_of(table: Table, language: Language, key: str, caption: str = "") -> Grid:
    """Return a table as a grid: its own column names, numbers with up to four decimals.

    Examples
    --------
    >>> from tfp_index.language import language
    >>> table = Table({"unit": ["A"], "x": [0.5]}, title="T")
    >>> grid_of(table, language("vi"), "t").rows
    [('A', '0,5')]
    """
    columns = tuple(column_of(n, values, language) for n, values in table.columns.items())
    return Grid(key, caption or table.title, columns, tuple(table.notes), table)


def column_of(name: str, values: NDArray[Any], language: Language) -> Column:
    """Return one column, numbers with as many decimals as they need, four at most."""
    if values.dtype.kind == "b":
        return Column(name, tuple(language.text("yes" if v else "no") for v in values), False)
    if values.dtype.kind in "iu":
        return Column(name, tuple(str(v) for v in values.tolist()))
    if values.dtype.kind == "f":
        digits = _digits(values)
        return Column(name, tuple(language.number(v, digits) for v in values.tolist()))
    texts = tuple("" if v is None else language.phrase(str(v)) for v in values.tolist())
    return Column(name, texts, numeric=False)


def _digits(values: NDArray[np.float64]) -> int:
    """Return as many decimals as the numbers need: four at most, fewer where they are large."""
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max(initial=0.0))
    most = 4 if largest < 100 else 2 if largest < 10_000 else 0
    for digits in range(most):
        if np.array_equal(np.round(finite, digits), finite):
            return digits
    return most
