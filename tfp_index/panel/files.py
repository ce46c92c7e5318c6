"""Tables in files: CSV of either language, Parquet and Excel, in and out."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index._optional import require
from tfp_index.errors import DataError, FileError, TFPError, nearest
from tfp_index.panel.frames import build_frame

__all__ = [
    "as_written",
    "column_names",
    "common_dialect",
    "csv_dialect",
    "read_file",
    "read_files",
    "read_workbook_frames",
    "refuse_absent_columns",
    "write_file",
]

Array = NDArray[Any]


def as_written() -> dict[str, Any]:
    """Return the options with which pandas reads each number as the nearest double."""
    import pandas as pd

    version = tuple(int(part) for part in pd.__version__.split(".")[:2])
    exact = {} if version >= (3, 1) else {"float_precision": "round_trip"}  # the default since 3.1
    return {"encoding": "utf-8-sig", **exact}


def read_file(path: str | Path) -> Any:
    """Read a CSV, Parquet or Excel file into a pandas frame.

    A CSV whose header is separated by semicolons, as a Vietnamese Excel writes it, has decimal
    commas, and points between thousands; see `csv_dialect`.

    Raises
    ------
    FileError
        If the file is absent, of unknown type or damaged.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise FileError(f"there is no file {path}", code="file_not_found")
    suffix = path.suffix.lower()
    try:
        if suffix in (".csv", ".tsv", ".txt") or path.name.lower().endswith(".csv.gz"):
            return pd.read_csv(path, **as_written(), **csv_dialect(path, suffix == ".tsv"))
        if suffix in (".parquet", ".pq"):
            require("pyarrow", extra="io", purpose="reading Parquet")
            return pd.read_parquet(path)
        if suffix in (".xlsx", ".xlsm"):
            require("openpyxl", extra="excel", purpose="reading Excel files")
            return pd.read_excel(path)
    except TFPError:
        raise
    except (ValueError, OSError, UnicodeError, KeyError) as error:
        raise FileError(
            f"{path} could not be read: {error}",
            code="unreadable_file",
            remedy="save it as UTF-8 CSV, Parquet or .xlsx",
        ) from error
    except Exception as error:  # parsers raise types of their own (zip, Arrow, XML)
        raise FileError(f"{path} is damaged: {error}", code="unreadable_file") from error
    raise FileError(
        f"{path.name}: files of type {suffix or 'none'} are not read",
        code="unknown_file_type",
        expected=".csv, .tsv, .parquet or .xlsx",
    )


_HEAD_ROWS = 10_000  # rows that decide how a text file is read
_GROUPED = re.compile(r"^-?\d{1,3}(\.\d{3})+(,\d+)?$")
_POINTED = re.compile(r"^-?\d+\.\d+$")


def column_names(path: Path) -> list[str]:
    """Return the columns of a Parquet or CSV file, without reading its rows.

    Raises
    ------
    FileError
        If the file is damaged.
    """
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            parquet = require("pyarrow.parquet", extra="io", purpose="reading Parquet")
            return list(parquet.read_schema(path).names)
        import pandas as pd

        separator = csv_dialect(path, path.suffix.lower() == ".tsv")["sep"]
        head = pd.read_csv(path, encoding="utf-8-sig", sep=separator, nrows=0)
        return [str(name) for name in head.columns]
    except (ValueError, OSError, UnicodeError) as error:
        if isinstance(error, TFPError):
            raise
        raise FileError(f"{path} is damaged: {error}", code="unreadable_file") from error


def refuse_absent_columns(paths: Sequence[Path], columns: Sequence[str]) -> None:
    """Raise if one of several files lacks a column.

    Raises
    ------
    DataError
        Naming the file, the column and those that come close.
    """
    for path in paths:
        names = column_names(path)
        for column in columns:
            if column not in names:
                raise DataError(
                    f"{path.name} has no column {column!r}",
                    code="unknown_column",
                    column=column,
                    remedy=nearest(column, names),
                )


def common_dialect(paths: Sequence[Path]) -> dict[str, Any]:
    """Return the dialect of text files that together are one table.

    A column that holds codes with leading zeros in one of them is text in all.

    Raises
    ------
    FileError
        If the files are separated in different ways, or numbers are.
    """
    found = [csv_dialect(path, path.suffix.lower() == ".tsv") for path in paths]
    texts = {name: str for dialect in found for name in dialect["dtype"]}
    rest = [{k: v for k, v in dialect.items() if k != "dtype"} for dialect in found]
    for path, dialect in zip(paths, rest, strict=True):
        if dialect != rest[0]:
            raise FileError(
                f"{paths[0].name} and {path.name} are written in different ways: {rest[0]} and "
                f"{dialect}",
                code="mixed_file_types",
                remedy="save them with the same separator and decimal mark",
            )
    return {**rest[0], "dtype": texts}


def read_files(paths: Sequence[Path], columns: Sequence[str]) -> Any:
    """Read some columns of Parquet or CSV files that together are one table.

    Raises
    ------
    FileError
        If a file is damaged, or a column has types in two files that do not go together.
    DataError
        If a file lacks a column.
    """
    refuse_absent_columns(paths, columns)
    if paths[0].suffix.lower() not in (".parquet", ".pq"):
        import pandas as pd

        dialect = common_dialect(paths)
        try:
            parts = [pd.read_csv(p, **as_written(), **dialect)[list(columns)] for p in paths]
        except (ValueError, OSError, UnicodeError) as error:
            raise FileError(
                f"the files could not be read as one table: {error}", code="unreadable_file"
            ) from error
        return pd.concat(parts, ignore_index=True)
    pa = require("pyarrow", extra="io", purpose="reading Parquet")
    parquet = require("pyarrow.parquet", extra="io", purpose="reading Parquet")
    try:
        tables = [parquet.read_table(path, columns=list(columns)) for path in paths]
        return pa.concat_tables(tables, promote_options="permissive")
    except (ValueError, TypeError, OSError) as error:  # Arrow's own errors are among these
        raise FileError(
            f"the files could not be read as one table: {error}",
            code="unreadable_file",
            remedy="give each column one type in all files",
        ) from error


def csv_dialect(path: Path, tabs: bool) -> dict[str, Any]:
    """Return separator and marks of a text file, from its first rows.

    Raises
    ------
    FileError
        If a semicolon file writes numbers with points that may mean either thing.
    """
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        head = [line for _, line in zip(range(_HEAD_ROWS), file, strict=False)]
    if tabs or not head or head[0].count(";") <= head[0].count(","):
        separator = "\t" if tabs else ","
        return {"sep": separator, "dtype": _code_columns(head, separator)}
    cells = [cell.strip().strip('"') for line in head[1:] for cell in line.split(";")]
    pointed = [cell for cell in cells if _POINTED.match(cell)]
    dialect = {"sep": ";", "dtype": _code_columns(head, ";")}
    if not pointed or any("," in cell and _GROUPED.match(cell) for cell in cells):
        return {**dialect, "decimal": ",", "thousands": "."}
    if any(not _GROUPED.match(cell) for cell in pointed):
        return dialect  # 3.14: the point can only be a decimal one
    raise FileError(
        f"{path.name} separates columns by semicolons and writes {pointed[0]!r}, which may be "
        "a whole number or a fraction",
        code="ambiguous_numbers",
        expected="decimal commas (1234,5) or numbers without marks between thousands",
        remedy="save it as .xlsx, or without marks between thousands",
    )


def _code_columns(head: list[str], separator: str) -> dict[str, type[str]]:
    """Return the columns whose numbers begin with a zero: codes, which stay text."""
    rows = list(csv.reader(head, delimiter=separator))
    if not rows:
        return {}
    found = {
        place
        for row in rows[1:]
        for place, cell in enumerate(row)
        if len(cell) > 1 and cell[0] == "0" and cell.isdigit()
    }
    return {name: str for place, name in enumerate(rows[0]) if place in found}


def read_workbook_frames(path: str | Path, headers: Mapping[str, int]) -> dict[str, Any]:
    """Read sheets of an Excel workbook into pandas frames, those of them that it has.

    Parameters
    ----------
    path : path
    headers : mapping of sheet to row
        The wanted sheets, and the row of each, from 0, that holds the names of its columns.

    Raises
    ------
    FileError
        If the file is absent or damaged, or has none of the sheets.
    """
    require("openpyxl", extra="excel", purpose="reading Excel files")
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise FileError(f"there is no file {path}", code="file_not_found")
    try:
        with pd.ExcelFile(path) as book:
            names = [str(name) for name in book.sheet_names]
            found = {
                name: pd.read_excel(book, sheet_name=name, header=row)
                for name, row in headers.items()
                if name in names
            }
    except Exception as error:  # parsers raise types of their own (zip, XML)
        raise FileError(f"{path} is damaged: {error}", code="unreadable_file") from error
    if not found:
        raise FileError(
            f"{path.name} has none of the sheets {', '.join(map(repr, headers))}",
            code="unknown_sheet",
            remedy=nearest(next(iter(headers)), names),
        )
    return found


def write_file(columns: Mapping[str, Array], path: str | Path) -> Path:
    """Write named arrays to a CSV or Parquet file and return its path.

    CSV is UTF-8 with a byte-order mark, without which a spreadsheet garbles Vietnamese letters.

    Text that a spreadsheet would take for a formula is written behind an apostrophe.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    path = Path(path)
    safe = {name: _inert(values) for name, values in columns.items()}
    frame = build_frame(safe, "pandas")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            require("pyarrow", extra="io", purpose="writing Parquet")
            build = build_frame(columns, "pyarrow")
            require("pyarrow.parquet", extra="io", purpose="writing Parquet").write_table(
                build, path
            )
        else:
            frame.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")
    except OSError as error:
        raise FileError(f"{path} could not be written: {error}", code="unwritable_file") from error
    return path


def _inert(values: Array) -> Array:
    if values.dtype.kind not in "OU":
        return values
    out = np.empty(values.shape[0], object)
    out[:] = [
        "'" + v if isinstance(v, str) and v[:1] in "=+-@\t\r" and v else v for v in values.tolist()
    ]
    return out
