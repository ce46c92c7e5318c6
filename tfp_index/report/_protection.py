"""Public tables on the same enterprises are protected together; each cell has its status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfp_index.aggregation.disclosure import Disclosed, DisclosureRules
from tfp_index.language import Language
from tfp_index.panel.table import Table
from tfp_index.report._cells import said_of
from tfp_index.report._public import rules_facts
from tfp_index.report.adapters import Part
from tfp_index.report.aggregation import Protected, cells_of, has_cells
from tfp_index.report.sections import Column, Grid, Section, Text

__all__ = ["STATUSES", "protected_together", "status_section"]

STATUSES = ("published", "suppressed", "empty")


def protected_together(items: Sequence[Any], rules: DisclosureRules) -> dict[int, Disclosed]:
    """Return the public tables of results on the same enterprises, by the id of the result.

    Results are on the same enterprises when they were fitted to the same panel, which their
    records' fingerprints tell, or when `Protected` says so. What stands alone is left out.
    """
    groups: list[dict[int, Any]] = []
    by_panel: dict[str, dict[int, Any]] = {}
    order: dict[int, int] = {}
    for several in _results(items):
        for result in several:
            order.setdefault(id(result), len(order))
        linked = {id(result): result for result in several}
        for result in several:
            linked |= by_panel.get(result.record.fingerprint, {})
        for result in linked.values():
            by_panel[result.record.fingerprint] = linked
    for group in by_panel.values():
        if len(group) > 1 and not any(group is known for known in groups):
            groups.append(group)
    found: dict[int, Disclosed] = {}
    for group in groups:
        keys = sorted(group, key=order.__getitem__)  # which cells protect others depends on it
        tables = rules.apply([cells_of(group[key], rules) for key in keys])
        found |= dict(zip(keys, tables, strict=True))
    return found


def _results(items: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield results that disclosure control knows: one by one, or several that belong together."""
    for item in items:
        if isinstance(item, Part):
            yield from _results(item.items)
        elif isinstance(item, Protected):
            if item.rules is None and all(map(has_cells, item.results)):
                yield list(item.results)
        elif has_cells(item):
            yield [item]


def status_section(
    sections: Sequence[Section], files: Mapping[str, Grid], rules: DisclosureRules, lang: Language
) -> Section:
    """Return the section that says of every table and every cell on what ground it is published.

    Parameters
    ----------
    sections : sequence of Section
        Of a public report.
    files : mapping of name to Grid
        Its tables by the names of their files.
    rules : DisclosureRules
    lang : Language
    """
    names = {id(grid): name for name, grid in files.items()}
    found = [pair for section in sections for pair in _with_basis(section, "author")]
    numbered = [(number, grid, basis) for number, (grid, basis) in enumerate(found, 1)]
    decided = [(n, g, g.decided) for n, g, _ in numbered if g.decided is not None]
    blocks: list[Any] = [
        Text(lang.text("report.status.lead", **_totals(decided, lang)), "lead"),
        Text(lang.text("report.status.text")),
        *([rules_facts(rules, lang)] if decided else []),
        _tables(numbered, names, lang),
    ]
    if decided:
        blocks.append(_cells(decided, names, lang))
    return Section("disclosure", lang.text("report.status.title"), tuple(blocks), basis="method")


def _with_basis(section: Section, above: str) -> Iterator[tuple[Grid, str]]:
    basis = section.basis or above
    for block in section.blocks:
        if isinstance(block, Grid):
            yield block, "rules" if block.decided is not None else basis
    for child in section.sections:
        yield from _with_basis(child, basis)


def _count(decided: Table | None, status: str) -> int:
    return 0 if decided is None else decided["status"].tolist().count(status)


def _totals(decided: Sequence[tuple[int, Grid, Table]], lang: Language) -> dict[str, str]:
    return {
        status: lang.integer(sum(_count(table, status) for _, _, table in decided))
        for status in STATUSES
    }


def _tables(
    numbered: Sequence[tuple[int, Grid, str]], names: Mapping[int, str], lang: Language
) -> Grid:
    """Return a row for each table: on what ground it is published, and how many cells."""
    counts = {
        status: [_count(grid.decided, status) for _, grid, _ in numbered] for status in STATUSES
    }
    data = Table(
        {
            "table": [names[id(grid)] for _, grid, _ in numbered],
            "basis": [basis for _, _, basis in numbered],
            **{status: np.array(found, np.int64) for status, found in counts.items()},
        }
    )
    controlled = [grid.decided is not None for _, grid, _ in numbered]

    def counted(status: str) -> tuple[str, ...]:
        pairs = zip(counts[status], controlled, strict=True)
        return tuple(lang.integer(n) if known else "" for n, known in pairs)

    columns = (
        Column(
            lang.text("report.status.table"),
            tuple(lang.text("report.table", number=number) for number, _, _ in numbered),
            False,
        ),
        Column(
            lang.text("report.status.caption"),
            tuple(grid.caption for _, grid, _ in numbered),
            False,
        ),
        Column(
            lang.text("report.status.basis"),
            tuple(lang.text(f"report.basis.{basis}") for _, _, basis in numbered),
            False,
        ),
        *(Column(lang.text(f"report.status.{status}"), counted(status)) for status in STATUSES),
    )
    return Grid("disclosure_tables", lang.text("report.status.tables"), columns, data=data)


def _cells(
    decided: Sequence[tuple[int, Grid, Table]], names: Mapping[int, str], lang: Language
) -> Grid:
    """Return a row for each cell that disclosure control looked at."""
    data: dict[str, list[str]] = {name: [] for name in ("table", "cell", "status", "rule")}
    shown: dict[str, list[str]] = {name: [] for name in data}
    for number, grid, table in decided:
        for row in table.rows():
            status, rule = row.pop("status"), row.pop("rule", "")
            data["table"].append(names[id(grid)])
            data["cell"].append("; ".join(f"{name}={value}" for name, value in row.items()))
            data["status"].append(status)
            data["rule"].append(rule)
            shown["table"].append(lang.text("report.table", number=number))
            shown["cell"].append("; ".join(said_of(name, v, lang) for name, v in row.items()))
            shown["status"].append(lang.text(f"aggregation.status.{status}"))
            shown["rule"].append(said_of("rule", rule, lang, bare=True))
    columns = tuple(
        Column(lang.text(f"report.status.{name}"), tuple(cells), False)
        for name, cells in shown.items()
    )
    return Grid(
        "disclosure_cells", lang.text("report.status.cells"), columns, data=Table(data), limit=60
    )
