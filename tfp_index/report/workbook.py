"""The workbook of a report: a cover, a sheet for each table, notes, and the record."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfp_index._optional import require
from tfp_index.errors import FileError
from tfp_index.language import Language
from tfp_index.language.numbers import Numeral
from tfp_index.panel.workbook import put, sheet_title
from tfp_index.report._page import brief
from tfp_index.report.sections import Column, Facts, Grid, Headline, Remarks, Section, Text

if TYPE_CHECKING:
    from tfp_index.report.writer import Edition

__all__ = ["number_format", "write_workbook"]

ACCENT, PALE, SOFT, LINE = "00624A", "E8F3EF", "52616D", "D5DCE2"
"""Colors of the page."""

FONT = "Calibri"
"""The typeface of a new workbook, so that headings stand in the same as the cells."""

WIDEST = 60
"""Characters of the widest column; longer texts are wrapped."""

LINE_HEIGHT, CHARACTER = 15.0, 1.1
"""Points of a line; widths of a column that a character takes, with room for bold ones."""

_WHOLE = re.compile(r"-?\d{1,15}")
_YEAR = re.compile(r"(19|20)\d\d")


def write_workbook(edition: Edition, path: str | Path) -> Path:
    """Write the report as an Excel workbook.

    Numbers are numbers in full, shown with as many decimals as on the page and with the separators
    of the reader's spreadsheet program. Text stays text, whatever it begins with; there is no
    formula.

    Raises
    ------
    FileError
        If the file cannot be written.
    MissingDependencyError
        If openpyxl is not installed.
    """
    openpyxl = require("openpyxl", extra="excel", purpose="writing a report as a workbook")
    book = openpyxl.Workbook()
    book.remove(book.active)
    book.properties.title = edition.title
    book.properties.creator = "tfp_index"
    book.properties.language = {"vi": "vi-VN", "en": "en-US"}[edition.language.code]
    _Writer(book, edition.language, _styles()).write(edition)
    try:
        book.save(path)
    except OSError as error:
        raise FileError(f"{path} could not be written: {error}", code="unwritable_file") from error
    return Path(path)


def number_format(said: Numeral) -> str:
    """Return the Excel format that writes a number as the page does.

    Examples
    --------
    >>> from tfp_index.language import language
    >>> vi = language("vi")
    >>> number_format(vi.number(1234.5, 1)), number_format(vi.percent(0.12)), vi.integer(12).value
    ('#,##0.0', '0.0%', 12.0)
    """
    decimals = "." + "0" * said.digits if said.digits else ""
    if said.kind == "money":
        return f'#,##0{decimals} "₫"'
    plain = f"0{decimals}%" if said.kind == "percent" else f"#,##0{decimals}"
    return f"+{plain};-{plain};{plain}" if said.sign else plain


@dataclass(frozen=True, slots=True)
class _Styles:
    title: Any
    strong: Any
    soft: Any
    white: Any
    link: Any
    accent: Any
    pale: Any
    wrap: Any
    right: Any
    under: Any


def _styles() -> _Styles:
    styles = require("openpyxl.styles", extra="excel", purpose="writing a report as a workbook")
    side = styles.Side(style="thin", color=LINE)
    return _Styles(
        title=styles.Font(FONT, bold=True, size=16, color=ACCENT),
        strong=styles.Font(FONT, bold=True, size=11),
        soft=styles.Font(FONT, size=11, color=SOFT),
        white=styles.Font(FONT, bold=True, size=11, color="FFFFFF"),
        link=styles.Font(FONT, size=11, color=ACCENT, underline="single"),
        accent=styles.PatternFill("solid", fgColor=ACCENT),
        pale=styles.PatternFill("solid", fgColor=PALE),
        wrap=styles.Alignment(wrap_text=True, vertical="top"),
        right=styles.Alignment(horizontal="right", vertical="top", wrap_text=True, indent=1),
        under=styles.Border(bottom=side),
    )


@dataclass(frozen=True, slots=True)
class _Writer:
    book: Any
    lang: Language
    styles: _Styles

    def write(self, edition: Edition) -> None:
        """Fill the workbook."""
        cover = self._sheet(self.lang.text("report.workbook.cover"))
        holds = [
            self._table(number, place, section, grid, cover.title)
            for number, (place, section, grid) in enumerate(_tables(edition.sections), 1)
        ]
        holds.append(self._notes(edition.sections))
        if facts := _facts(edition.sections):
            holds.append(self._record(facts))
        self._cover(cover, edition, holds)

    def _sheet(self, title: str) -> Any:
        names = self.book.sheetnames
        sheet = self.book.create_sheet(sheet_title(title, len(names) + 1, names))
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
        sheet.page_setup.fitToHeight = 0
        sheet.sheet_properties.pageSetUpPr.fitToPage = True
        return sheet

    def _link(self, cell: Any, title: str) -> None:
        links = require("openpyxl.worksheet.hyperlink", extra="excel", purpose="links in workbooks")
        quoted = title.replace("'", "''")
        cell.hyperlink = links.Hyperlink(ref=cell.coordinate, location=f"'{quoted}'!A1")
        cell.font = self.styles.link

    def _cover(self, sheet: Any, edition: Edition, holds: Sequence[tuple[str, str, str]]) -> None:
        put(sheet, 1, 1, edition.title).font = self.styles.title
        row = 2
        for said in (edition.subtitle, edition.made):
            if said:
                put(sheet, row, 1, said).font = self.styles.soft
                row += 1
        if edition.public:
            put(sheet, row, 1, self.lang.text("report.public")).font = self.styles.strong
            row += 1
        row += 1
        if found := brief(edition.sections):
            row = self._heads(sheet, row, [self.lang.text("report.brief"), "", ""])
            for _, title, lead in found:
                put(sheet, row, 1, title).font = self.styles.strong
                put(sheet, row, 2, lead)
                sheet.merge_cells(start_row=row, end_row=row, start_column=2, end_column=3)
                self._wrapped(sheet, row, (title, 44), (lead, 96))
                row += 1
            row += 1
        heads = [self.lang.text(f"report.workbook.{key}") for key in ("sheet", "holds", "section")]
        row = self._heads(sheet, row, heads)
        for name, caption, section in holds:
            self._link(put(sheet, row, 1, name), name)
            put(sheet, row, 2, caption)
            put(sheet, row, 3, section)
            self._wrapped(sheet, row, (caption, 62), (section, 34))
            row += 1
        for letter, width in (("A", 44), ("B", 62), ("C", 34)):
            sheet.column_dimensions[letter].width = width
        sheet.sheet_view.showGridLines = False

    def _heads(self, sheet: Any, row: int, heads: Sequence[str]) -> int:
        for place, head in enumerate(heads, 1):
            cell = put(sheet, row, place, head)
            cell.font, cell.fill, cell.alignment = (
                self.styles.white,
                self.styles.accent,
                self.styles.wrap,
            )
        return row + 1

    def _wrapped(self, sheet: Any, row: int, *texts: tuple[str, int]) -> None:
        """Wrap the texts of a row and make it as high as the longest needs."""
        for cell in sheet[row]:
            cell.alignment = self.styles.wrap
        self._fit(sheet, row, *texts)

    def _fit(self, sheet: Any, row: int, *texts: tuple[str, float]) -> None:
        """Make a row as high as the longest of its texts needs in a column of its width."""
        lines = max(_lines_of(text, width) for text, width in texts)
        if lines > 1:  # not every spreadsheet program measures wrapped and merged cells itself
            sheet.row_dimensions[row].height = LINE_HEIGHT * lines

    def _table(
        self, number: int, place: str, section: Section, grid: Grid, cover: str
    ) -> tuple[str, str, str]:
        """Write a table and return name of the sheet, caption and section."""
        named = self.lang.text("report.workbook.table", number=number, caption=grid.caption)
        sheet = self._sheet(named)
        heading = f"{self.lang.text('report.table', number=number)}. {grid.caption}"
        put(sheet, 1, 1, heading).font = self.styles.strong
        put(sheet, 2, 1, f"{place} {section.title}").font = self.styles.soft
        self._link(put(sheet, 3, 1, self.lang.text("report.workbook.back")), cover)
        first = 5
        if grid.groups:
            self._groups(sheet, first, grid)
            first += 1
        self._heads(sheet, first, [column.header for column in grid.columns])
        for place_, column in enumerate(grid.columns, 1):
            self._column(sheet, first, place_, column, grid.strong)
        widths = [
            sheet.column_dimensions[sheet.cell(first, place_).column_letter].width
            for place_ in range(1, len(grid.columns) + 1)
        ]
        heads = [column.header for column in grid.columns]
        for row, texts in enumerate([heads, *zip(*(c.cells for c in grid.columns), strict=True)]):
            self._fit(sheet, first + row, *zip(texts, widths, strict=True))
        last = first + len(grid)
        sheet.freeze_panes = sheet.cell(first + 1, 2)
        sheet.print_title_rows = f"{first}:{first}"
        if len(grid):
            letter = sheet.cell(first, len(grid.columns)).column_letter
            sheet.auto_filter.ref = f"A{first}:{letter}{last}"
        for offset, note in enumerate(grid.notes, 2):
            put(sheet, last + offset, 1, note).font = self.styles.soft
        return sheet.title, grid.caption, f"{place} {section.title}"

    def _groups(self, sheet: Any, row: int, grid: Grid) -> None:
        at = 1
        for name, width in grid.groups:
            cell = put(sheet, row, at, name or None)
            cell.font = self.styles.strong
            if name and width > 1:
                sheet.merge_cells(
                    start_row=row, end_row=row, start_column=at, end_column=at + width - 1
                )
            at += width

    def _column(
        self, sheet: Any, head: int, place: int, column: Column, strong: frozenset[int]
    ) -> None:
        longest = min(len(column.header), 24)
        if column.numeric:
            sheet.cell(head, place).alignment = self.styles.right
        for row, said in enumerate(column.cells):
            cell = put(sheet, head + 1 + row, place, _value(said, column.numeric))
            if isinstance(said, Numeral):
                cell.number_format = number_format(said)
            elif isinstance(cell.value, int):
                cell.number_format = "0"
            cell.alignment = self.styles.right if column.numeric else self.styles.wrap
            cell.border = self.styles.under
            if row in strong:
                cell.font, cell.fill = self.styles.strong, self.styles.pale
            longest = max(longest, len(said))
        letter = sheet.cell(head, place).column_letter
        sheet.column_dimensions[letter].width = min(max(longest, 8) + 3, WIDEST)

    def _notes(self, sections: Sequence[Section]) -> tuple[str, str, str]:
        """Write everything that the report says beside its tables."""
        title = self.lang.text("report.workbook.notes")
        sheet = self._sheet(title)
        row = 1
        for place, section in _numbered(sections):
            said = [line for block in section.blocks for line in _lines(block, self.lang)]
            if not said:
                continue
            put(sheet, row, 1, f"{place} {section.title}").font = self.styles.strong
            for line in said:
                row += 1
                put(sheet, row, 1, line).alignment = self.styles.wrap
                self._fit(sheet, row, (line, 120))
            row += 2
        sheet.column_dimensions["A"].width = 120
        sheet.sheet_view.showGridLines = False
        return sheet.title, title, ""

    def _record(self, found: Sequence[tuple[str, Section, Facts]]) -> tuple[str, str, str]:
        title = self.lang.text("report.workbook.record")
        sheet = self._sheet(title)
        row = 1
        for place, section, facts in found:
            put(sheet, row, 1, f"{place} {section.title}").font = self.styles.strong
            for term, said in (*facts.items, *_code(facts)):
                row += 1
                put(sheet, row, 1, term).font = self.styles.soft
                put(sheet, row, 2, said)
                self._wrapped(sheet, row, (said, 100))
            row += 2
        for letter, width in (("A", 34), ("B", 100)):
            sheet.column_dimensions[letter].width = width
        sheet.sheet_view.showGridLines = False
        return sheet.title, title, ""


def _lines_of(text: str, width: float) -> int:
    """Return how many lines a text takes in a column, broken between words."""
    room = max(int((width - 2) / CHARACTER), 1)
    return max(1, len(textwrap.wrap(text, room)))


def _value(said: str, numeric: bool) -> Any:
    """Return what a cell holds: a number where one was written, else text."""
    if isinstance(said, Numeral):
        whole = said.digits == 0 and said.kind == "number" and said.value.is_integer()
        return int(said.value) if whole else said.value
    if (_WHOLE if numeric else _YEAR).fullmatch(said):
        return int(said)
    return said


def _numbered(sections: Sequence[Section], above: str = "") -> Iterator[tuple[str, Section]]:
    """Yield every section with its number, in reading order."""
    for place, section in enumerate(sections, 1):
        number = f"{above}{place}"
        yield number, section
        yield from _numbered(section.sections, f"{number}.")


def _tables(sections: Sequence[Section]) -> list[tuple[str, Section, Grid]]:
    return [
        (place, section, block)
        for place, section in _numbered(sections)
        for block in section.blocks
        if isinstance(block, Grid) and block.columns
    ]


def _facts(sections: Sequence[Section]) -> list[tuple[str, Section, Facts]]:
    return [
        (place, section, block)
        for place, section in _numbered(sections)
        for block in section.blocks
        if isinstance(block, Facts)
    ]


def _code(facts: Facts) -> list[tuple[str, str]]:
    return [(facts.code_title, " ".join(facts.code.split()))] if facts.code else []


def _lines(block: Any, lang: Language) -> list[str]:
    if isinstance(block, Text):
        labels = {"note": "report.note_label", "warning": "report.warning_label"}
        label = labels.get(block.kind)
        return [f"{lang.text(label)}. {block.text}" if label else block.text]
    if isinstance(block, Remarks):
        return [f"• {said}" for said in block.items]
    if isinstance(block, Headline):
        return [f"{m.label}: {m.value} {m.unit}".rstrip() for m in block.measures]
    return []
