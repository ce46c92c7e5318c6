"""Spreadsheets as rows of cells: read with limits, nothing evaluated; written with nothing live."""

from __future__ import annotations

import csv
import io
import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from tfp_index._optional import require
from tfp_index.errors import DataError, FileError
from tfp_index.panel.table import Table, plain

__all__ = ["LIMITS", "Limits", "Sheet", "put", "read_sheets", "sheet_title", "write_workbook"]

Cell = str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is read at most.

    Attributes
    ----------
    bytes : int
        Of the file.
    unpacked : int
        Bytes of its unpacked parts; a small file that unpacks to gigabytes is refused.
    sheets, rows, columns : int
    """

    bytes: int = 30_000_000
    unpacked: int = 300_000_000
    sheets: int = 60
    rows: int = 200_000
    columns: int = 200


LIMITS = Limits()


@dataclass(frozen=True)
class Sheet:
    """One sheet.

    Attributes
    ----------
    title : str
    rows : tuple of tuple of cells
        Text, numbers, truth values or None; dates as ISO text.
    """

    title: str
    rows: tuple[tuple[Cell, ...], ...]


def read_sheets(path: str | Path, limits: Limits = LIMITS) -> list[Sheet]:
    """Read every sheet of an Excel workbook, or a CSV or TSV file as a single sheet.

    Formulas are never evaluated: a cell with a formula gives the value that the spreadsheet
    program stored with it.

    Raises
    ------
    FileError
        If the file is absent, of another type, damaged or larger than the limits.
    DataError
        If a formula has no stored value.
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(f"there is no file {path}", code="file_not_found")
    size = path.stat().st_size
    if size > limits.bytes:
        raise FileError(
            f"{path.name} has {size:,} bytes, more than the {limits.bytes:,} that are read",
            code="file_too_large",
        )
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".txt"):
        return [Sheet(path.stem, _read_text(path, limits))]
    if suffix not in (".xlsx", ".xlsm"):
        raise FileError(
            f"{path.name}: files of type {suffix or 'none'} are not read",
            code="unknown_file_type",
            expected=".xlsx, .csv or .tsv",
            remedy="save it as .xlsx",
        )
    content = path.read_bytes()  # no handle stays open, whatever goes wrong below
    _refuse_bomb(path, content, limits)
    return _read_workbook(path, content, limits)


def _read_text(path: Path, limits: Limits) -> tuple[tuple[Cell, ...], ...]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(
            f"{path.name} is not UTF-8 text: {error}",
            code="unreadable_file",
            remedy="save it as UTF-8",
        ) from None
    head = text[:10_000]
    delimiter = max(("\t", ";", ","), key=head.count) if path.suffix.lower() != ".tsv" else "\t"
    rows: list[tuple[Cell, ...]] = []
    try:
        for row in csv.reader(text.splitlines(), delimiter=delimiter):
            if len(row) > limits.columns or len(rows) >= limits.rows:
                raise _too_many(path, limits)
            rows.append(tuple(cell if cell.strip() else None for cell in row))
    except csv.Error as error:
        raise FileError(f"{path.name} is damaged: {error}", code="unreadable_file") from None
    return tuple(rows)


def _refuse_bomb(path: Path, content: bytes, limits: Limits) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise FileError(
            f"{path.name} is damaged: {error}",
            code="unreadable_file",
            remedy="open it in a spreadsheet program and save it as .xlsx",
        ) from None
    if unpacked > limits.unpacked:
        raise FileError(
            f"{path.name} unpacks to {unpacked:,} bytes, more than the {limits.unpacked:,} that "
            "are read",
            code="file_too_large",
        )


def _read_workbook(path: Path, content: bytes, limits: Limits) -> list[Sheet]:
    openpyxl = require("openpyxl", extra="excel", purpose="reading Excel files")
    options = {"read_only": True, "keep_links": False}
    try:
        stored = openpyxl.load_workbook(io.BytesIO(content), data_only=True, **options)
        written = openpyxl.load_workbook(io.BytesIO(content), data_only=False, **options)
        try:
            if len(stored.worksheets) > limits.sheets:
                raise _too_many(path, limits)
            return [
                Sheet(sheet.title, tuple(_rows(path, sheet, written[sheet.title], limits)))
                for sheet in stored.worksheets
            ]
        finally:
            stored.close()
            written.close()
    except (FileError, DataError):
        raise
    except Exception as error:  # the parser raises types of its own (zip, XML, keys)
        raise FileError(
            f"{path.name} is damaged: {type(error).__name__}: {error}", code="unreadable_file"
        ) from error


def _rows(path: Path, stored: Any, written: Any, limits: Limits) -> Iterator[tuple[Cell, ...]]:
    both = zip_longest(
        stored.iter_rows(values_only=True), written.iter_rows(values_only=True), fillvalue=()
    )
    for number, (values, formulas) in enumerate(islice(both, limits.rows + 1), start=1):
        if number > limits.rows or len(values) > limits.columns:
            raise _too_many(path, limits)
        for column, (value, formula) in enumerate(zip(values, formulas, strict=False), start=1):
            if value is None and isinstance(formula, str) and formula.startswith("="):
                raise DataError(
                    f"sheet {stored.title!r}, row {number}, column {column}: a formula without a "
                    "stored value",
                    code="formula_without_value",
                    remedy="open the file in a spreadsheet program and save it",
                )
        yield tuple(_cell(value) for value in values)


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, (bool, int, float)):
        return None if isinstance(value, float) and math.isnan(value) else value
    if isinstance(value, str):
        return value if value.strip() else None
    if hasattr(value, "isoformat"):
        return str(value.isoformat())[:10]
    return str(value)


def _too_many(path: Path, limits: Limits) -> FileError:
    return FileError(
        f"{path.name} is larger than {limits.sheets} sheets of {limits.rows:,} rows and "
        f"{limits.columns} columns",
        code="file_too_large",
    )


def write_workbook(
    sheets: Mapping[str, Table],
    path: str | Path,
    *,
    heads: Mapping[str, str] | None = None,
    formats: Mapping[str, str] | None = None,
) -> Path:
    """Write tables to an Excel workbook, one sheet each.

    Text stays text, whatever it begins with; numbers stay numbers, so that a spreadsheet program
    shows them with the separators of its own language.

    Parameters
    ----------
    sheets : mapping of sheet title to Table
    path : path
    heads : mapping of column name to shown head, optional
    formats : mapping of column name to Excel number format, optional

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    openpyxl = require("openpyxl", extra="excel", purpose="writing Excel files")
    path = Path(path)
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, (title, table) in enumerate(sheets.items(), start=1):
        sheet = book.create_sheet(sheet_title(title, number, book.sheetnames))
        _write_sheet(sheet, table, heads or {}, formats or {})
    try:
        book.save(path)
    except OSError as error:
        raise FileError(f"{path} could not be written: {error}", code="unwritable_file") from error
    return path


def sheet_title(title: str, number: int, taken: Sequence[str]) -> str:
    """Return a title that Excel allows: at most 31 characters, no brackets or slashes, unique."""
    clean = "".join(" " if c in "[]:*?/\\'" else c for c in title).strip()[:31] or f"{number}"
    known = [name.lower() for name in taken]
    return clean if clean.lower() not in known else f"{clean[:27]} {number}"


def _write_sheet(
    sheet: Any, table: Table, heads: Mapping[str, str], formats: Mapping[str, str]
) -> None:
    styles = require("openpyxl.styles", extra="excel", purpose="writing Excel files")
    utils = require("openpyxl.utils", extra="excel", purpose="writing Excel files")
    first = 1
    for line in ([table.title] if table.title else []) + list(table.notes):
        put(sheet, first, 1, line)
        sheet.cell(first, 1).font = styles.Font(bold=first == 1 and bool(table.title))
        first += 1
    first += first > 1  # an empty row under the title
    for j, (name, values) in enumerate(table.columns.items(), start=1):
        head = heads.get(name, name)
        put(sheet, first, j, head)
        cell = sheet.cell(first, j)
        cell.font = styles.Font(bold=True)
        cell.alignment = styles.Alignment(wrap_text=True, vertical="top")
        kind = formats.get(name) or ("#,##0.00" if values.dtype.kind == "f" else None)
        longest = len(head)
        for i, value in enumerate(plain(values), start=first + 1):
            put(sheet, i, j, value)
            if kind and isinstance(value, float):
                sheet.cell(i, j).number_format = kind
            longest = max(longest, len(value) if isinstance(value, str) else 0)
        sheet.column_dimensions[utils.get_column_letter(j)].width = min(max(longest, 9) + 2, 60)
    sheet.freeze_panes = sheet.cell(first + 1, 1)


def put(sheet: Any, row: int, column: int, value: Cell) -> Any:
    """Write a value into a cell of an openpyxl sheet and return the cell; text is never live."""
    if isinstance(value, str):
        value = "".join(c for c in value if c >= " " or c in "\n\t")[:32_000]
    if isinstance(value, float) and not math.isfinite(value):
        value = None
    cell = sheet.cell(row, column)
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"  # else a text that begins with "=" would become a formula
        cell.quotePrefix = value[:1] in tuple("=+-@\t")
    return cell
