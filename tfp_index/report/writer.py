"""Writing a report: one self-contained HTML file, and its numbers as CSV and JSON beside it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfp_index._optional import require
from tfp_index._version import __version__
from tfp_index.errors import SpecificationError
from tfp_index.language import Language, Localized
from tfp_index.language import language as language_of
from tfp_index.report import figures
from tfp_index.report.adapters import Context, sections_of
from tfp_index.report.files import Staging
from tfp_index.report.sections import Facts, Figure, Grid, Headline, Remarks, Section, Text

__all__ = ["SCHEMA_VERSION", "Written", "collect", "render", "write"]

SCHEMA_VERSION = 1
"""Version of the layout of the JSON document."""

_KINDS = {
    Text: "text",
    Remarks: "remarks",
    Headline: "headline",
    Grid: "grid",
    Figure: "figure",
    Facts: "facts",
}


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes
    ----------
    html, json : Path
    tables : tuple of Path
        CSV files.
    """

    html: Path
    json: Path
    tables: tuple[Path, ...]


def write(
    path: str | Path,
    sections: Sequence[Any],
    *,
    language: str = "en",
    public: bool = False,
    title: Localized | None = None,
    subtitle: Localized | None = None,
    date: dt.date | None = None,
    data: str | Path | None = None,
) -> Written:
    """Write a report.

    The HTML file holds everything it shows (figures, style) and asks for nothing from a network.
    The numbers of its tables go, in full, to a folder beside it: a CSV file per table and
    ``report.json`` with all of them and the records. They do not depend on the language, so the
    editions in two languages may share the folder. Files appear together, under their names, only
    when all of them are complete.

    Parameters
    ----------
    path : str or Path
        Of the HTML file; folders above it are made.
    sections : sequence
        Results, ``panel.check()``, tables, `Growth`, `Part`, `Section`: see `adapters.sections_of`.
    language : {"en", "vi"}
    public : bool
        Leave out what shows single enterprises.
    title, subtitle : text, or text by language, optional
    date : date, optional
        Printed as the day of making; default: today.
    data : str or Path, optional
        Name of the folder for CSV and JSON, beside the HTML file; default: the name of the HTML
        file with ``_data``.

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
        If jinja2 or matplotlib is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import tfp_index as tfp
    >>> table = tfp.Table({"province": ["Quảng Ninh"], "tfp_growth": [0.021]}, title="TFP")
    >>> folder = Path(tempfile.mkdtemp())
    >>> written = tfp.report.write(folder / "report.html", [table], language="vi")
    >>> [path.name for path in written.tables]
    ['table.csv']
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise SpecificationError(
            f"{path.name} is not the name of an HTML file",
            code="bad_path",
            expected="a name that ends in .html",
        )
    folder = Path(data) if data is not None else Path(f"{path.stem}_data")
    if folder.is_absolute() or ".." in folder.parts:
        raise SpecificationError(
            f"data={str(data)!r} leaves the folder of the report",
            code="bad_path",
            expected="the name of a folder beside the HTML file",
        )
    made = collect(sections, language=language, public=public)
    page = _page(made, language_of(language), public, title, subtitle, date, folder.as_posix())
    with Staging(path.parent) as staging:
        staging.path(path.name).write_text(page, encoding="utf-8", newline="\n")
        names = []
        for name, grid in _files(made).items():
            if grid.data is not None:
                grid.data.to_csv(staging.path(f"{folder.as_posix()}/{name}.csv"))
                names.append(path.parent / folder / f"{name}.csv")
        document = f"{folder.as_posix()}/report.json"
        staging.path(document).write_text(_document(made, public), encoding="utf-8", newline="\n")
    return Written(path, path.parent / document, tuple(names))


def render(
    sections: Sequence[Any],
    *,
    language: str = "en",
    public: bool = False,
    title: Localized | None = None,
    subtitle: Localized | None = None,
    date: dt.date | None = None,
) -> str:
    """Return the HTML page of a report without writing anything, for services; see `write`."""
    made = collect(sections, language=language, public=public)
    return _page(made, language_of(language), public, title, subtitle, date, None)


def collect(
    sections: Sequence[Any], *, language: str = "en", public: bool = False
) -> list[Section]:
    """Turn everything given into sections with distinct keys.

    Things of one kind that are given twice get numbers behind their keys.

    Raises
    ------
    SpecificationError
        If nothing is given, or something cannot be shown.
    """
    if isinstance(sections, (str, bytes)) or not isinstance(sections, Sequence) or not sections:
        raise SpecificationError(
            "a report needs sections", code="no_sections", expected="a list of results or sections"
        )
    context = Context(language_of(language), public)
    found = [made for item in sections for made in sections_of(item, context)]
    return _distinct(found)


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


def _document(sections: Sequence[Section], public: bool) -> str:
    document = {
        "schema_version": SCHEMA_VERSION,
        "library": f"tfp_index {__version__}",
        "public": public,
        "sections": [section.to_dict() for section in sections],
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
    # inert even where somebody pastes the document into a page
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text + "\n"


def _page(
    sections: Sequence[Section],
    lang: Language,
    public: bool,
    title: Localized | None,
    subtitle: Localized | None,
    date: dt.date | None,
    folder: str | None,
) -> str:
    jinja2 = require("jinja2", extra="report", purpose="writing a report")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tfp_index.report", "templates"),
        autoescape=True,  # every name that comes from data is escaped
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    counter = {"grid": 0, "figure": 0}
    nodes = [
        _node(section, f"{place}", "", 2, counter) for place, section in enumerate(sections, 1)
    ]
    page: str = environment.get_template("report.html").render(
        lang=lang,
        t=lang.text,
        title=lang.text("report.title") if title is None else lang.pick(title),
        subtitle="" if subtitle is None else lang.pick(subtitle),
        made=lang.text("report.made", date=lang.date(date or dt.date.today()), version=__version__),
        public=public,
        folder=folder,
        nodes=nodes,
    )
    return page


def _node(
    section: Section, number: str, prefix: str, level: int, counter: dict[str, int]
) -> dict[str, Any]:
    """Return a section as the template wants it: numbered, with anchors and drawn figures."""
    anchor = f"{prefix}{section.key}"
    blocks = []
    for block in section.blocks:
        kind = _KINDS[type(block)]
        view: dict[str, Any] = {"kind": kind, "is": block}
        if kind in counter:
            counter[kind] += 1
            view["number"] = counter[kind]
            view["anchor"] = f"{kind}-{counter[kind]}"
        if isinstance(block, Figure):
            view["picture"] = figures.draw(block)
        blocks.append(view)
    return {
        "number": number,
        "anchor": anchor,
        "title": section.title,
        "level": min(level, 6),
        "blocks": blocks,
        "children": [
            _node(child, f"{number}.{place}", f"{anchor}_", level + 1, counter)
            for place, child in enumerate(section.sections, 1)
        ],
    }
