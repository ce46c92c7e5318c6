"""Writing a report: a page, a workbook, a document; its numbers and figures beside it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfp_index._version import __version__
from tfp_index.aggregation.disclosure import DisclosureRules
from tfp_index.errors import SpecificationError
from tfp_index.language import Language, Localized
from tfp_index.language import language as language_of
from tfp_index.report import figures
from tfp_index.report._page import page
from tfp_index.report._protection import protected_together, status_section
from tfp_index.report.adapters import Context, sections_of
from tfp_index.report.files import Staging
from tfp_index.report.sections import Figure, Grid, Section
from tfp_index.report.workbook import write_workbook

__all__ = ["ALSO", "SCHEMA_VERSION", "Edition", "Written", "collect", "render", "write"]

SCHEMA_VERSION = 1
"""Version of the layout of the JSON document."""

KINDS = (".html", ".htm", ".xlsx", ".json")
"""Files that a report may be."""

ALSO = ("xlsx", "figures")
"""What may be written beside a page."""


SEVERAL = 3
"""Records from which they stand together at the end."""


@dataclass(frozen=True)
class Edition:
    """A report in one language, ready to be written as whatever file.

    Attributes
    ----------
    sections : tuple of Section
    language : Language
    public : bool
    title, subtitle, made : str
    """

    sections: tuple[Section, ...]
    language: Language
    public: bool
    title: str
    subtitle: str
    made: str


@dataclass(frozen=True, slots=True)
class Written:
    """What was written; None and empty for what was not asked for.

    Attributes
    ----------
    html, json, workbook : Path or None
    tables : tuple of Path
        CSV files.
    figures : tuple of Path
        Each figure as SVG and as PNG.
    """

    html: Path | None = None
    json: Path | None = None
    tables: tuple[Path, ...] = ()
    workbook: Path | None = None
    figures: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file."""
        single = [path for path in (self.html, self.workbook, self.json) if path is not None]
        return (*single, *self.tables, *self.figures)


def write(
    path: str | Path,
    sections: Sequence[Any],
    *,
    language: str = "en",
    public: bool = False,
    rules: DisclosureRules | None = None,
    entity_kind: str | None = None,
    title: Localized | None = None,
    subtitle: Localized | None = None,
    date: dt.date | None = None,
    data: str | Path | None = None,
    also: Sequence[str] = (),
) -> Written:
    """Write a report.

    ``report.html`` is one page that holds everything it shows (figures, style) and asks for
    nothing from a network. The numbers of its tables go, in full, to a folder beside it: a CSV
    file per table and ``report.json`` with all of them and the records. They do not depend on the
    language, so the editions in two languages may share the folder. ``report.xlsx`` is the same
    report as a workbook, ``report.json`` its numbers and records alone. Files appear together,
    under their names, only when all of them are complete.

    Parameters
    ----------
    path : str or Path
        Of the file, whose kind its name says: ``.html``, ``.xlsx`` or ``.json``. Folders above it
        are made.
    sections : sequence
        Results, ``panel.check()``, tables, `Growth`, `Part`, `Section`: see `adapters.sections_of`.
    language : {"en", "vi"}
    public : bool
        Leave out what shows single enterprises, put tables about enterprises under the disclosure
        rules, and say of each cell what was decided. Results of the same panel are protected
        together.
    rules : DisclosureRules, optional
        Of a public edition; default: ``DisclosureRules()``.
    entity_kind : {"area", "enterprise"}, optional
        What the units of growth accounts and scores are, where they do not say it themselves. A
        public edition shows areas and no enterprise; without an answer it is refused.
    title, subtitle : text, or text by language, optional
    date : date, optional
        Printed as the day of making; default: today.
    data : str or Path, optional
        Name of the folder for CSV and JSON, beside the HTML file; default: the name of the HTML
        file with ``_data``.
    also : sequence of {"xlsx", "figures"}
        Beside a page: the workbook under the same name, and every figure as SVG and PNG in the
        folder ``figures`` among the data.

    Returns
    -------
    Written

    Raises
    ------
    SpecificationError
        If something cannot be shown in a report, or two parts have the same key.
    FileError
        If the folder cannot be written to.
    MissingDependencyError
        If jinja2, matplotlib or openpyxl is needed and not installed.

    Examples
    --------
    >>> import tempfile
    >>> import tfp_index as tfp
    >>> table = tfp.Table({"province": ["Quảng Ninh"], "tfp_growth": [0.021]}, title="TFP")
    >>> folder = Path(tempfile.mkdtemp())
    >>> written = tfp.report.write(folder / "report.html", [table], language="vi", also=["xlsx"])
    >>> [path.name for path in written.files]
    ['report.html', 'report.xlsx', 'report.json', 'table.csv']
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise SpecificationError(
            f"{path.name} is not the name of an HTML file, a workbook or a JSON document",
            code="bad_path",
            expected="a name that ends in .html, .xlsx or .json",
        )
    folder = _data_folder(path, data)
    unknown = [name for name in also if name not in ALSO] if not isinstance(also, str) else [also]
    if unknown or (also and not kind.startswith(".htm")):
        raise SpecificationError(
            f"also={also!r} beside {path.name}",
            code="bad_option",
            expected=f"some of {', '.join(ALSO)}, beside an HTML file",
        )
    edition = _edition(
        sections, language, public, rules, entity_kind, title=title, subtitle=subtitle, date=date
    )
    with Staging(path.parent) as staging:
        if kind == ".xlsx":
            write_workbook(edition, staging.path(path.name))
            return Written(workbook=path)
        if kind == ".json":
            _save(_document(edition), staging.path(path.name))
            return Written(json=path)
        return _write_page(edition, path, folder, staging, also)


def render(
    sections: Sequence[Any],
    *,
    language: str = "en",
    public: bool = False,
    rules: DisclosureRules | None = None,
    entity_kind: str | None = None,
    title: Localized | None = None,
    subtitle: Localized | None = None,
    date: dt.date | None = None,
) -> str:
    """Return the HTML page of a report without writing anything, for services; see `write`."""
    edition = _edition(
        sections, language, public, rules, entity_kind, title=title, subtitle=subtitle, date=date
    )
    return page(edition, None)


def collect(
    sections: Sequence[Any],
    *,
    language: str = "en",
    public: bool = False,
    rules: DisclosureRules | None = None,
    entity_kind: str | None = None,
) -> list[Section]:
    """Turn everything given into sections with distinct keys.

    Things of one kind that are given twice get numbers behind their keys. A public edition ends
    with the disclosure status of its tables and cells.

    Raises
    ------
    SpecificationError
        If nothing is given, or something cannot be shown.
    """
    if isinstance(sections, (str, bytes)) or not isinstance(sections, Sequence) or not sections:
        raise SpecificationError(
            "a report needs sections", code="no_sections", expected="a list of results or sections"
        )
    lang = language_of(language)
    rules = DisclosureRules() if rules is None else rules
    together = protected_together(sections, rules) if public else {}
    context = Context(lang, public, rules, entity_kind, together)
    found = _distinct([made for item in sections for made in sections_of(item, context)])
    found = _records_last(found, lang)
    if public and (tables := _files(found)):
        found = _distinct([*found, status_section(found, tables, rules, lang)])
    return found


def _edition(
    sections: Sequence[Any],
    language: str,
    public: bool,
    rules: DisclosureRules | None,
    entity_kind: str | None,
    *,
    title: Localized | None,
    subtitle: Localized | None,
    date: dt.date | None,
) -> Edition:
    lang = language_of(language)
    found = collect(
        sections, language=language, public=public, rules=rules, entity_kind=entity_kind
    )
    return Edition(
        sections=tuple(found),
        language=lang,
        public=public,
        title=lang.text("report.title") if title is None else lang.pick(title),
        subtitle="" if subtitle is None else lang.pick(subtitle),
        made=lang.text("report.made", date=lang.date(date or dt.date.today()), version=__version__),
    )


def _data_folder(path: Path, data: str | Path | None) -> Path:
    folder = Path(data) if data is not None else Path(f"{path.stem}_data")
    if folder.is_absolute() or ".." in folder.parts:
        raise SpecificationError(
            f"data={str(data)!r} leaves the folder of the report",
            code="bad_path",
            expected="the name of a folder beside the HTML file",
        )
    return folder


def _write_page(
    edition: Edition, path: Path, folder: Path, staging: Staging, also: Sequence[str]
) -> Written:
    """Write the page with everything beside it."""
    place = folder.as_posix()
    _save(page(edition, place), staging.path(path.name))
    tables = []
    for name, grid in _files(edition.sections).items():
        if grid.data is not None:
            grid.data.to_csv(staging.path(f"{place}/{name}.csv"))
            tables.append(path.parent / folder / f"{name}.csv")
    _save(_document(edition), staging.path(f"{place}/report.json"))
    book = path.with_suffix(".xlsx") if "xlsx" in also else None
    if book is not None:
        write_workbook(edition, staging.path(book.name))
    drawn = []
    if "figures" in also:
        for name, figure in _drawings(edition).items():
            for kind in ("svg", "png"):
                file = f"{place}/figures/{name}.{kind}"
                staging.path(file).write_bytes(figures.picture(figure, kind))
                drawn.append(path.parent / file)
    json_ = path.parent / folder / "report.json"
    return Written(path, json_, tuple(tables), book, tuple(drawn))


def _save(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _drawings(edition: Edition) -> Mapping[str, Figure]:
    """Return the figures by the names of their files, which end in the language of their texts."""
    found: dict[str, Figure] = {}

    def visit(section: Section, above: str) -> None:
        for block in section.blocks:
            if isinstance(block, Figure):
                name = f"{above}{section.key}_{block.key}_{edition.language.code}"
                found[name] = block
        for child in section.sections:
            visit(child, f"{above}{section.key}_")

    for section in edition.sections:
        visit(section, "")
    return found


def _records_last(sections: Sequence[Section], lang: Language) -> list[Section]:
    """Put the records of several sections into one at the end, where readers look for them."""
    records = [(s, part) for s in sections for part in s.sections if part.key == "record"]
    if len(records) < SEVERAL:
        return list(sections)
    moved = tuple(replace(part, key=s.key, title=s.title) for s, part in records)
    kept = [
        replace(s, sections=tuple(part for part in s.sections if part.key != "record"))
        for s in sections
    ]
    title = lang.text("report.records")
    return [*kept, Section("records", title, sections=moved, basis="method")]


def _distinct(sections: Sequence[Section]) -> list[Section]:
    seen: dict[str, int] = {}
    out = []
    for section in sections:
        seen[section.key] = count = seen.get(section.key, 0) + 1
        key = section.key if count == 1 else f"{section.key}_{count}"
        out.append(replace(section, key=key, sections=tuple(_distinct(section.sections))))
    return out


def _files(sections: Sequence[Section]) -> dict[str, Grid]:
    """Return the tables by the names of their files: the parts they stand in, and their key."""
    found: dict[str, Grid] = {}

    def visit(section: Section, above: str) -> None:
        for block in section.blocks:
            if isinstance(block, Grid):
                short, long = f"{above}{block.key}", f"{above}{section.key}_{block.key}"
                name = long if short in found else short
                if name in found:
                    raise SpecificationError(
                        f"two tables of the section {section.key!r} have the key {block.key!r}",
                        code="duplicate_key",
                        expected="a key of its own for each table",
                    )
                found[name] = block
        for child in section.sections:
            visit(child, f"{above}{section.key}_")

    for section in sections:
        visit(section, "")
    return found


def _document(edition: Edition) -> str:
    document = {
        "schema_version": SCHEMA_VERSION,
        "library": f"tfp_index {__version__}",
        "public": edition.public,
        "sections": [section.to_dict() for section in edition.sections],
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
    # inert even where somebody pastes the document into a page
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text + "\n"
