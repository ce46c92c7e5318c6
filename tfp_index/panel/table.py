"""A small immutable table of named columns: what every result and check hands out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, nearest
from tfp_index.panel import render
from tfp_index.panel.files import write_file
from tfp_index.panel.frames import build_frame
from tfp_index.panel.mapping import ReadOnly

__all__ = ["Table", "plain"]


def plain(value: Any) -> Any:
    """Turn a scalar or a nest of containers into data that JSON can hold; NaN becomes None.

    So do infinities, which JSON knows as little.

    Examples
    --------
    >>> plain({"x": np.float64("nan"), "n": np.int64(3), "v": (1.5, "a")})
    {'x': None, 'n': 3, 'v': [1.5, 'a']}
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value.tolist()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns of equal length, with a title and notes.

    Parameters
    ----------
    columns : mapping of name to (n,) array
    title : str
    notes : sequence of str
        What a reader must know beside the numbers.
    backend : str
        Frame library that `to_frame` returns by default.

    Examples
    --------
    >>> table = Table({"unit": ["A", "B"], "tfp_growth": [0.01, 0.02]}, title="Growth")
    >>> table["tfp_growth"].sum().round(2)
    np.float64(0.03)
    >>> table.to_frame().shape
    (2, 2)
    """

    columns: Mapping[str, Any]
    title: str = ""
    notes: Sequence[str] = field(default_factory=tuple)
    backend: str = "pandas"

    def __post_init__(self) -> None:
        columns = {str(k): _array(v) for k, v in self.columns.items()}
        lengths = {v.shape[0] for v in columns.values()}
        if len(lengths) > 1:
            raise DataError(
                f"columns differ in length: { {k: v.shape[0] for k, v in columns.items()} }",
                code="ragged_columns",
            )
        object.__setattr__(self, "columns", ReadOnly(columns))
        object.__setattr__(self, "notes", tuple(self.notes))

    def __len__(self) -> int:
        return int(next(iter(self.columns.values())).shape[0]) if self.columns else 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        try:
            column: NDArray[Any] = self.columns[name]
            return column
        except KeyError:
            raise DataError(
                f"there is no column {name!r}",
                code="unknown_column",
                column=name,
                remedy=nearest(name, self.columns),
            ) from None

    def where(self, **equals: Any) -> Table:
        """Return the rows in which every named column equals the given value."""
        keep = np.ones(len(self), bool)
        for name, value in equals.items():
            keep &= np.array([v == value for v in self[name].tolist()], bool)
        return self.take(np.flatnonzero(keep))

    def take(self, rows: NDArray[np.intp]) -> Table:
        """Return the given rows, in the given order."""
        return Table(
            {k: v[rows] for k, v in self.columns.items()}, self.title, self.notes, self.backend
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows as dictionaries of plain values."""
        lists = {k: plain(v) for k, v in self.columns.items()}
        return [{k: lists[k][i] for k in lists} for i in range(len(self))]

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a frame of the caller's library, or of the one named."""
        return build_frame(self.columns, backend or self.backend)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Hand the columns out as an Arrow stream."""
        return self.to_frame("pyarrow").__arrow_c_stream__(requested_schema)

    def to_dict(self) -> dict[str, Any]:
        """Return title, notes and columns as plain data."""
        return {
            "title": self.title,
            "notes": list(self.notes),
            "columns": {k: plain(v) for k, v in self.columns.items()},
        }

    def to_csv(self, path: str | Path) -> Path:
        """Write the table as UTF-8 CSV and return the path."""
        return write_file(self.columns, path)

    def to_markdown(self) -> str:
        """Return the table in Markdown."""
        return render.to_markdown(self.columns, self.title, tuple(self.notes))

    def to_latex(self) -> str:
        """Return the table as LaTeX."""
        return render.to_latex(self.columns, self.title, tuple(self.notes))

    def __str__(self) -> str:
        return render.to_text(self.columns, self.title, tuple(self.notes))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return render.to_html(self.columns, self.title, tuple(self.notes))


def _array(values: Any) -> NDArray[Any]:
    if isinstance(values, np.ndarray) and values.dtype.kind not in "US":
        return values
    items = list(values)
    if items and all(isinstance(v, (bool, np.bool_)) for v in items):
        return np.array(items, bool)
    if items and all(isinstance(v, (int, np.integer)) for v in items):
        return np.array(items, np.int64)
    if all(isinstance(v, (int, float, np.number)) or v is None for v in items) and any(
        v is not None for v in items
    ):
        return np.array([np.nan if v is None else v for v in items], np.float64)
    out = np.empty(len(items), object)
    out[:] = items
    return out
