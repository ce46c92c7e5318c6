"""What a report is made of: sections that hold texts, headline numbers, tables and figures.

Everything here is plain, frozen data in one language. How it looks is the business of the
templates; where it comes from, of the adapters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tfp_index.errors import SpecificationError
from tfp_index.panel.table import Table, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "BASES",
    "Block",
    "Column",
    "Facts",
    "Figure",
    "Grid",
    "Headline",
    "Measure",
    "Remarks",
    "Section",
    "Text",
    "grids",
]


NAME, SENTENCE = 28, 80
"""Characters above which a cell is a long name, and above which it reads like a sentence."""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph.

    Attributes
    ----------
    text : str
    kind : {"paragraph", "lead", "note", "warning"}
        A lead is the sentence to remember; a note and a warning stand in a box.
    """

    text: str
    kind: Literal["paragraph", "lead", "note", "warning"] = "paragraph"


@dataclass(frozen=True, slots=True)
class Remarks:
    """Several notes in one box."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number to be seen from afar: its name, the number as written, what it is in."""

    label: str
    value: str
    unit: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Headline:
    """A row of headline numbers."""

    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, its cells already written.

    Attributes
    ----------
    header : str
    cells : tuple of str
    numeric : bool
        Numbers are set flush right with figures of equal width.
    group : str
        Header above neighboring columns of the same group.
    """

    header: str
    cells: tuple[str, ...]
    numeric: bool = True
    group: str = ""

    @property
    def room(self) -> Literal["", "names", "wide"]:
        """How much room it wants: sentences much, long names some."""
        longest = 0 if self.numeric else max(map(len, self.cells), default=0)
        return "wide" if longest > SENTENCE else "names" if longest > NAME else ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table.

    Attributes
    ----------
    key : str
        Name of its data file: letters, digits and underscores.
    caption : str
    columns : tuple of Column
        The first one names the rows.
    notes : tuple of str
        Printed below the table.
    data : Table or None
        The numbers behind it, in full and unrounded: written as CSV and into the JSON document.
    strong : frozenset of int
        Rows set in bold.
    limit : int
        Rows printed at most; the data file has all of them.
    decided : Table or None
        What disclosure control decided on each cell of a public table: its labels, ``status``
        and, where it is said, ``rule``.
    """

    key: str
    caption: str
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()
    data: Table | None = None
    strong: frozenset[int] = frozenset()
    limit: int = 200
    decided: Table | None = None

    def __post_init__(self) -> None:
        check_key(self.key)

    def __len__(self) -> int:
        return len(self.columns[0].cells) if self.columns else 0

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The printed rows."""
        return [tuple(c.cells[i] for c in self.columns) for i in range(min(len(self), self.limit))]

    @property
    def hidden(self) -> int:
        """Rows that are not printed."""
        return max(0, len(self) - self.limit)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Column groups with the number of columns below each; empty when there are none."""
        runs: list[tuple[str, int]] = []
        for column in self.columns:
            if runs and column.group and runs[-1][0] == column.group:
                runs[-1] = (column.group, runs[-1][1] + 1)
            else:
                runs.append((column.group, 1))
        return runs if any(name for name, _ in runs) else []

    def to_text(self) -> str:
        """Return the table as aligned plain text.

        Examples
        --------
        >>> years = Column("Năm", ("2020", "2021"), numeric=False)
        >>> tfp = Column("TFP", ("1,2", "−0,3"))
        >>> print(Grid("years", "Tăng trưởng", (years, tfp)).to_text())
        Tăng trưởng
        Năm    TFP
        2020   1,2
        2021  −0,3
        """
        heads = [f"{c.group}: {c.header}" if c.group else c.header for c in self.columns]
        lines = [heads, *map(list, self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        out = [self.caption] if self.caption else []
        for line in lines:
            cells = [
                cell.rjust(width) if column.numeric else cell.ljust(width)
                for cell, width, column in zip(line, widths, self.columns, strict=True)
            ]
            out.append("  ".join(cells).rstrip())
        return "\n".join([*out, *self.notes])


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, drawn when the report is written.

    Attributes
    ----------
    key : str
    caption, alt : str
        What stands below it, and what it shows, in words, for those who do not see it.
    draw : callable
        Draws on matplotlib axes.
    height : float
        Inches at a width of 7.6; the narrow variant for telephones has the same height.
    """

    key: str
    caption: str
    alt: str
    draw: Callable[[Axes], Any]
    height: float = 4.0

    def __post_init__(self) -> None:
        check_key(self.key)


@dataclass(frozen=True, slots=True)
class Facts:
    """Terms with what is said of each; `code` holds text that is set as it stands."""

    items: tuple[tuple[str, str], ...]
    code_title: str = ""
    code: str = ""


BASES = ("rules", "areas", "industries", "programme", "definitions", "method", "author")
"""Why a table may be published: disclosure control decided on each cell; its units are areas or
industries; it counts what a programme did; it defines or describes; its author put it there."""


Block = Text | Remarks | Headline | Grid | Figure | Facts
"""Anything a section may hold."""


@dataclass(frozen=True)
class Section:
    """A titled part of a report.

    Attributes
    ----------
    key : str
        Unique within the report: the anchor of its heading, and the start of its files' names.
    title : str
    blocks : tuple of Block
    sections : tuple of Section
        Parts one level below.
    document : dict or None
        What the JSON document holds about this section beside the data of its tables.
    basis : str
        Why its tables may stand in a public edition, one of `BASES`; those of the parts below are
        the same unless they say otherwise.
    """

    key: str
    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()
    document: Any = None
    basis: str = ""

    def __post_init__(self) -> None:
        check_key(self.key)
        if self.basis not in ("", *BASES):
            raise SpecificationError(
                f"basis={self.basis!r}", code="bad_option", expected=f"one of {', '.join(BASES)}"
            )

    def walk(self) -> Iterator[Section]:
        """Yield this section and all below it, in reading order."""
        yield self
        for section in self.sections:
            yield from section.walk()

    def to_dict(self) -> dict[str, Any]:
        """Return keys and numbers, without the texts of a language."""
        tables = {grid.key: grid.data for grid in grids([self], deep=False)}
        return {
            "key": self.key,
            "document": plain(self.document),
            "tables": {
                key: {name: plain(values) for name, values in table.columns.items()}
                for key, table in tables.items()
                if table is not None
            },
            "sections": [section.to_dict() for section in self.sections],
        }


def grids(sections: Sequence[Section], *, deep: bool = True) -> list[Grid]:
    """Return every table of the sections, in reading order."""
    found = []
    for section in sections:
        for part in section.walk() if deep else (section,):
            found += [block for block in part.blocks if isinstance(block, Grid)]
    return found


def check_key(key: str) -> None:
    """Refuse a key that would not do as an anchor and a file name.

    Raises
    ------
    SpecificationError
    """
    if not key or not key.isascii() or not key.replace("_", "").isalnum() or key[0] == "_":
        raise SpecificationError(
            f"{key!r} is not a key of a report's part",
            code="bad_key",
            expected="ASCII letters, digits and underscores",
        )
