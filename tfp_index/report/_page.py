"""The page of a report: numbered sections with anchors and drawn figures, in the template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfp_index._optional import require
from tfp_index.report import figures
from tfp_index.report.sections import Facts, Figure, Grid, Headline, Remarks, Section, Text

if TYPE_CHECKING:
    from tfp_index.report.writer import Edition

__all__ = ["LEAST_BRIEF", "brief", "page"]

LEAST_BRIEF = 3
"""Sections with a lead from which a report begins with all leads together."""

_KINDS = {
    Text: "text",
    Remarks: "remarks",
    Headline: "headline",
    Grid: "grid",
    Figure: "figure",
    Facts: "facts",
}


def page(edition: Edition, folder: str | None) -> str:
    """Return the HTML page; `folder` holds the numbers beside it.

    Raises
    ------
    MissingDependencyError
        If jinja2 or matplotlib is not installed.
    """
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
        _node(section, f"{place}", "", 2, counter)
        for place, section in enumerate(edition.sections, 1)
    ]
    said: str = environment.get_template("report.html").render(
        lang=edition.language,
        t=edition.language.text,
        title=edition.title,
        subtitle=edition.subtitle,
        made=edition.made,
        public=edition.public,
        folder=folder,
        brief=brief(edition.sections),
        nodes=nodes,
    )
    return said


def brief(sections: Sequence[Section]) -> list[tuple[str, str, str]]:
    """Return anchor, title and lead of the sections, where enough of them have a lead."""
    found = []
    for section in sections:
        for part in section.walk():
            lead = next((b for b in part.blocks if isinstance(b, Text) and b.kind == "lead"), None)
            if lead is not None:
                found.append((section.key, section.title, lead.text))
                break
    return found if len(found) >= LEAST_BRIEF else []


def _node(
    section: Section, number: str, prefix: str, level: int, counter: dict[str, int]
) -> dict[str, Any]:
    """Return a section as the template wants it."""
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
