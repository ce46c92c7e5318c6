"""What a recipe is: where its data come from, what it needs, and the function that compares."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index._version import __version__
from tfp_index.datasets import load
from tfp_index.errors import DataError, SpecificationError, nearest
from tfp_index.panel.files import read_file, read_workbook_frames
from tfp_index.panel.frames import read_columns
from tfp_index.panel.panel import Panel
from tfp_index.reproductions._result import Comparison, Reproduction

__all__ = ["Columns", "Found", "Recipe", "log_change", "need", "numbers"]

Columns = dict[str, NDArray[Any]]
Sheets = dict[str, Columns]


@dataclass(frozen=True)
class Found:
    """What a recipe hands over."""

    edition: str
    comparisons: list[Comparison]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A published source and how its series are made again.

    Attributes
    ----------
    name, title : str
    source : str
        Publisher and edition of the data.
    where : str
        How to get the file.
    layout : str
        What the table looks like: what a row is, and the columns needed.
    formula : str
        What is computed, in words.
    series : mapping of str to str
        What is compared, and with what.
    function : callable
        Takes the columns of the table (or of each sheet) and options, returns `Found`.
    bundled : str, optional
        Dataset of this library that is used when no table is given.
    sheets : mapping of sheet to header row, optional
        Sheets that are read from an Excel file, and the row (from 0) of their headers.
    first_sheet : str, optional
        For sources of several sheets: the one that a single table stands for.
    untested : str
        Which original file the recipe has not met, said openly.
    """

    name: str
    title: str
    source: str
    where: str
    layout: str
    formula: str
    series: Mapping[str, str]
    function: Callable[..., Found]
    bundled: str | None = None
    sheets: Mapping[str, int] = field(default_factory=dict)
    first_sheet: str | None = None
    untested: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """Options of the function."""
        return tuple(inspect.signature(self.function).parameters)[1:]

    @property
    def data(self) -> str:
        """Whether the data are bundled, and how to get them."""
        return f"bundled ({self.bundled}); or {self.where}" if self.bundled else self.where

    def run(self, frame: Any = None, **options: Any) -> Reproduction:
        """Compute everything and compare; see `tfp_index.reproductions.run`."""
        for option in options:
            if option not in self.options:
                raise SpecificationError(
                    f"the reproduction {self.name!r} has no option {option!r}",
                    code="unknown_option",
                    column=option,
                    remedy=nearest(option, self.options),
                )
        data = self._read(frame)
        found = self.function(data, **options)
        return Reproduction(
            name=self.name,
            title=self.title,
            edition=found.edition,
            source=self.source,
            comparisons=tuple(found.comparisons),
            version=__version__,
            fingerprint=_fingerprint(data),
            options=options,
            notes=found.notes + ((self.untested,) if self.untested and not self.bundled else ()),
        )

    def _read(self, frame: Any) -> Any:
        """Return the columns of the table, or of each sheet of a workbook."""
        if frame is None:
            if self.bundled is None:
                raise DataError(
                    f"the reproduction {self.name!r} needs its data, which are not bundled",
                    code="data_needed",
                    expected=f"{self.layout}, from: {self.source}",
                    remedy=self.where,
                )
            frame = load(self.bundled)
        if isinstance(frame, (str, Path)):
            frame = self._file(Path(frame))
        if self.first_sheet is None:
            return read_columns(frame)
        if not isinstance(frame, Mapping) or all(_is_column(v) for v in frame.values()):
            frame = {self.first_sheet: frame}
        return {str(name): read_columns(sheet) for name, sheet in frame.items()}

    def _file(self, path: Path) -> Any:
        """Return the table in a file, or the sheets of a workbook."""
        if path.suffix.lower() not in (".xlsx", ".xlsm") or not self.sheets:
            return read_file(path)
        sheets = read_workbook_frames(path, self.sheets)
        return next(iter(sheets.values())) if self.first_sheet is None else sheets

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain data."""
        texts = ("name", "title", "source", "where", "layout", "formula", "untested")
        return {
            **{name: getattr(self, name) for name in texts},
            "series": dict(self.series),
            "bundled": self.bundled,
            "options": list(self.options),
        }

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {self.title}",
            f"source    {self.source}",
            f"data      {self.data}",
            f"layout    {self.layout}",
            f"formula   {self.formula}",
            "series",
            *(f"  {name}: {text}" for name, text in self.series.items()),
            *([f"note: {self.untested}"] if self.untested else []),
        ]
        return "\n".join(lines)

    __repr__ = __str__


def need(columns: Mapping[str, Any], names: Iterable[str], layout: str) -> None:
    """Refuse a table that lacks a column of the published layout.

    Raises
    ------
    DataError
        Names the first missing column, the nearest ones and the layout.
    """
    absent = [name for name in names if name not in columns]
    if absent:
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        raise DataError(
            f"the table has no column {absent[0]!r}{more}",
            code="missing_column",
            column=absent[0],
            expected=layout,
            remedy=nearest(absent[0], columns),
        )


def numbers(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return a column of a workbook as numbers; text, such as that of a footnote, is missing.

    Examples
    --------
    >>> numbers(np.array([1.5, "Note", None], object)).tolist()
    [1.5, nan, nan]
    """
    cells = [float(v) if isinstance(v, (int, float)) else np.nan for v in values.tolist()]
    return np.array(cells, np.float64)


def log_change(panel: Panel, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ln z_t − ln z_{t−1} of values in panel order; NaN where one of them is missing."""
    before = panel.lag()
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(values)
        change: NDArray[np.float64] = np.where(before >= 0, logs - logs[before], np.nan)
    return change


def _is_column(value: Any) -> bool:
    """Say whether a value of a mapping is a column, and not a sheet."""
    return not isinstance(value, Mapping) and np.ndim(value) == 1


def _fingerprint(data: Mapping[str, Any]) -> str:
    """Return SHA-256 over all columns that were read, in the order of their names."""
    whole = hashlib.sha256()
    for name in sorted(data):
        values = data[name]
        whole.update(name.encode())
        if isinstance(values, Mapping):
            whole.update(_fingerprint(values).encode())
        elif values.dtype.kind == "f":
            whole.update(values.tobytes())
        else:
            whole.update(str(values.tolist()).encode())
    return whole.hexdigest()
