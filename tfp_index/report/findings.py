"""The section on what the check of the data found."""

from __future__ import annotations

from tfp_index.language import Language
from tfp_index.panel.checks import CODES, Findings
from tfp_index.report.adapters import Context
from tfp_index.report.sections import Block, Column, Grid, Section, Text

__all__ = ["kind_name", "listed_grid", "of_findings"]


def of_findings(findings: Findings, context: Context, *, listed: bool = True) -> list[Section]:
    """Return the section on data findings.

    Parameters
    ----------
    findings : Findings
    context : Context
        A public report counts the findings and does not list them: they name units.
    listed : bool
        Whether single findings are listed below the counts.
    """
    lang = context.language
    title = lang.text("findings.title")
    document = {"has_errors": findings.has_errors, "count": findings.count()}
    if not len(findings):
        clean = Text(lang.text("findings.clean"))
        return [Section("findings", title, (clean,), document=document, basis="method")]
    errors = sum(n for (code, _), n in findings.totals.items() if CODES[code][0] == "error")
    lead = lang.text(
        "findings.lead",
        errors=lang.integer(errors),
        warnings=lang.integer(findings.count() - errors),
    )
    said = Text(lead, "warning") if errors else Text(lead)
    blocks: list[Block] = [said, _counts_grid(findings, lang)]
    if listed and not context.public:
        blocks.append(listed_grid(findings, lang, limit=20))
    return [Section("findings", title, tuple(blocks), document=document, basis="method")]


def kind_name(code: str, language: Language) -> str:
    """Return the name of a finding code."""
    key = f"finding.{code}"
    return language.text(key) if language.has(key) else code


def _counts_grid(findings: Findings, lang: Language) -> Grid:
    table = findings.counts()

    def text(name: str) -> tuple[str, ...]:
        return tuple("" if v is None else lang.phrase(str(v)) for v in table[name].tolist())

    columns = (
        Column(lang.text("findings.kind"), tuple(kind_name(c, lang) for c in table["code"]), False),
        Column(lang.text("findings.severity"), text("severity"), False),
        Column(lang.text("findings.column"), _plain(table["column"].tolist()), False),
        Column(lang.text("findings.count"), tuple(map(lang.integer, table["count"].tolist()))),
        Column(lang.text("findings.remedy"), text("remedy"), False),
    )
    return Grid("findings_counts", lang.text("findings.counts"), columns, data=table)


def listed_grid(findings: Findings, lang: Language, limit: int) -> Grid:
    """Return single findings as a table."""
    table = findings.table()
    columns = (
        Column(lang.text("findings.entity"), _plain(table["entity"].tolist()), False),
        Column(lang.text("findings.time"), _plain(table["time"].tolist()), False),
        Column(lang.text("findings.kind"), tuple(kind_name(c, lang) for c in table["code"]), False),
        Column(lang.text("findings.column"), _plain(table["column"].tolist()), False),
        Column(lang.text("findings.message"), tuple(map(lang.phrase, table["message"])), False),
    )
    shown = min(limit, len(table))
    notes = (
        (
            lang.text(
                "findings.first",
                listed=lang.integer(shown),
                all=lang.integer(findings.count()),
            ),
        )
        if findings.count() > shown
        else ()
    )
    return Grid("findings_list", lang.text("findings.list"), columns, notes, table, limit=limit)


def _plain(values: list[object]) -> tuple[str, ...]:
    return tuple("" if value is None else str(value) for value in values)
