"""The commands on a table of one's own: ``check``, ``growth``, ``report``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from tfp_index.cli._joint import ALSO, further
from tfp_index.cli._roles import Job, UsageError, read_job, resolve
from tfp_index.cli._terminal import say
from tfp_index.errors import FileError
from tfp_index.growth.accounting import GrowthAccounting
from tfp_index.growth.accounting_result import GrowthAccountingResult
from tfp_index.language import CODES, Language
from tfp_index.language import language as language_of
from tfp_index.panel.checks import CODES as FINDING_CODES
from tfp_index.panel.checks import Findings
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.plot import growth as plot
from tfp_index.report import writer
from tfp_index.report._growth_grids import periods as period_grid
from tfp_index.report.adapters import Part
from tfp_index.report.files import Staging
from tfp_index.report.findings import kind_name, listed_grid
from tfp_index.report.growth import Growth
from tfp_index.report.sections import Column, Grid
from tfp_index.results.specification import spec_from_dict

__all__ = ["PRESETS", "check", "growth", "report", "say_written"]

PRESETS = ("vietnam", "pwt", "solow_1957", "fernald")
"""Conventions of `GrowthAccounting` that have a name."""

_ROWS = 60
"""Rows of a table on the terminal."""


def check(arguments: argparse.Namespace) -> int:
    """Look for everything that could spoil an estimate; 1 when an error is found."""
    lang = language_of(arguments.lang)
    panel = read_job(arguments).read()
    findings = panel.check()
    if arguments.out is not None:
        _write_table(findings.table(), arguments.out)
    if arguments.json:
        say(_json(findings.to_dict()))
    else:
        _say_findings(findings, panel, arguments.file, lang)
    return 1 if findings.has_errors else 0


def growth(arguments: argparse.Namespace) -> int:
    """Account for growth and print the table of periods."""
    lang = language_of(arguments.lang)
    job = _with_options(read_job(arguments), arguments)
    panel = job.read()
    result = _specification(job).fit(panel)
    units = None if "unit" not in job.report else [resolve(panel, job.report["unit"])]
    table = result.periods(_periods(job), entities=units, incomplete="available")
    if arguments.out is not None:
        _write_table(_rows(result), arguments.out)
    if arguments.json:
        say(_json({"record": result.record.to_dict(), "periods": table.to_dict()}))
        return 0
    _say_periods(result, table, lang)
    sample = result.sample
    used = lang.text("cli.sample", used=lang.integer(sample.used), rows=lang.integer(sample.rows))
    lost = [f"{lang.phrase(why)}: {lang.integer(n)}" for why, n in sample.lost.items()]
    say("\n" + "; ".join([used, *lost]))
    return 0


def report(arguments: argparse.Namespace) -> int:
    """Write the report with its data files."""
    job = _with_options(read_job(arguments), arguments)
    panel = job.read()
    findings = panel.check()
    result = _specification(job).fit(panel)
    texts = job.report
    statements = texts.get("statements", ())
    story = Growth(
        result,
        findings=findings,
        entity=resolve(panel, texts["unit"]) if "unit" in texts else None,
        periods=_periods(job),
        labels={resolve(panel, k): v for k, v in texts.get("labels", {}).items()},
        statements=[statements] if isinstance(statements, str) else statements,
        source=texts.get("source"),
        entity_kind=texts.get("unit_kind"),
        capital_shares=arguments.shares or plot.CAPITAL_SHARES,
    )
    out = Path(arguments.out)
    beside = []
    if job.further:
        beside = further(job.further, arguments.roles.parent, public=arguments.public)
    title = language_of("en").text("cli.growth_part"), language_of("vi").text("cli.growth_part")
    told = [Part("growth", {"en": title[0], "vi": title[1]}, [story]), *beside]
    written = [
        writer.write(
            out / f"report_{code}.html",
            told if beside else [story],
            language=code,
            public=arguments.public,
            entity_kind=texts.get("unit_kind"),
            title=texts.get("title"),
            data="data",
            also=ALSO,
        )
        for code in (CODES if arguments.lang == "both" else (arguments.lang,))
    ]
    say_written(written, language_of("en" if arguments.lang == "both" else arguments.lang))
    return 0


def say_written(written: list[writer.Written], lang: Language) -> None:
    """Name the files that were written."""
    say(lang.text("cli.written"))
    for one in written:
        say(f"  {one.html}")
        if one.workbook is not None:
            say(f"  {one.workbook}")
    last = written[-1]
    if last.json is None:
        return
    beside = {"folder": last.json.parent, "count": len(last.tables)}
    drawn = sum(path.suffix == ".png" for one in written for path in one.figures)
    if drawn:
        say("  " + lang.text("cli.data_figures", figures=drawn, **beside))
    else:
        say("  " + lang.text("cli.data_folder", **beside))


def _with_options(job: Job, arguments: argparse.Namespace) -> Job:
    """Add the options of growth accounting and of the report that were given as flags."""
    for name in ("preset", "growth", "share_timing", "invalid"):
        if (value := getattr(arguments, f"option_{name}")) is not None:
            job.growth[name] = value
    if arguments.accept:
        job.growth["accept"] = arguments.accept
    if arguments.period:
        job.report["periods"] = [_period(text) for text in arguments.period]
    for name in ("unit", "unit_kind", "title", "source"):
        if (value := getattr(arguments, name, None)) is not None:
            job.report[name] = value
    if getattr(arguments, "statement", None):
        job.report["statements"] = arguments.statement
    return job


def _specification(job: Job) -> GrowthAccounting:
    options = dict(job.growth)
    preset = options.pop("preset", None)
    if "output" not in options and "output" not in job.panel and "value_added" in job.panel:
        options["output"] = "value_added"
    # through the document, so that an unknown option is refused with the nearest names
    checked = {"method": "GrowthAccounting", "options": options}
    if preset is None:
        spec = spec_from_dict(checked)
        assert isinstance(spec, GrowthAccounting)
        return spec
    if preset not in PRESETS:
        raise UsageError(f"the preset {preset!r} is not known: {', '.join(PRESETS)}")
    made: GrowthAccounting = getattr(GrowthAccounting, preset)(**options)
    return made


def _period(text: str) -> tuple[str, str]:
    start, sign, end = text.partition(":")
    if not (start and sign and end):
        raise UsageError(f"--period {text}: write --period START:END, e.g. 2015:2020")
    return start, end


def _periods(job: Job) -> list[tuple[Any, Any]] | None:
    given = job.report.get("periods")
    return None if given is None else [(start, end) for start, end in given]


def _rows(result: GrowthAccountingResult) -> Table:
    """Return every row as `GrowthAccountingResult.to_frame` does, sorted by unit and period."""
    columns: dict[str, Any] = dict(result.keys.columns())
    columns["output_growth"] = result.output_growth
    for name in result.inputs:
        columns[f"{name}_contribution"] = result.contribution(name)
    if result.terms.tfp_contribution is not result.tfp_growth:
        columns["tfp_contribution"] = result.contribution("tfp")
    columns["tfp_growth"] = result.tfp_growth
    with np.errstate(over="ignore"):
        columns["tfp_index"] = np.exp(result.log_tfp)
    return Table(columns, "Growth accounting")


def _write_table(table: Table, path: Path) -> None:
    if path.suffix.lower() not in (".csv", ".parquet", ".pq"):
        raise FileError(
            f"{path.name}: tables are written as .csv or .parquet",
            code="unknown_file_type",
            expected=".csv or .parquet",
        )
    with Staging(path.parent) as staging:
        table.to_csv(staging.path(path.name))  # Parquet where the name says so


def _say_findings(findings: Findings, panel: Panel, file: Path, lang: Language) -> None:
    errors = sum(n for (c, _), n in findings.totals.items() if FINDING_CODES[c][0] == "error")
    key = "cli.findings_some" if len(findings) else "cli.findings_none"
    say(
        lang.text(
            key,
            file=file,
            rows=lang.integer(panel.keys.frame_rows),
            entities=lang.integer(panel.n_entities),
            errors=lang.integer(errors),
            warnings=lang.integer(findings.count() - errors),
        )
    )
    if not len(findings):
        return
    for (code, column), count in findings.totals.items():
        severity, remedy = (lang.phrase(text) for text in FINDING_CODES[code])
        where = f" [{column}]" if column else ""
        name = kind_name(code, lang)
        say(f"  {severity}: {name}{where} × {lang.integer(count)} — {remedy}")
    say("\n" + listed_grid(findings, lang, limit=_ROWS).to_text())


def _say_periods(result: GrowthAccountingResult, table: Table, lang: Language) -> None:
    unit = lang.text("unit.percent", per=plot.per(result, lang))
    shown = table.take(np.arange(min(len(table), _ROWS)))
    names = Column(lang.text("growth.column.entity"), tuple(map(str, shown["entity"])), False)
    inner = period_grid(
        result,
        shown,
        "",
        lambda name: lang.text(f"component.{name}") if lang.has(f"component.{name}") else name,
        unit,
        lang,
    )
    flags = Column(
        lang.text("growth.column.remark"), tuple(lang.phrase(f) for f in shown["flag"]), False
    )
    plain = tuple(Column(c.header, c.cells, c.numeric) for c in inner.columns)
    columns = (names, *plain, *((flags,) if any(flags.cells) else ()))
    say(Grid("periods", lang.text("cli.growth", unit=unit), columns).to_text())
    if len(table) > len(shown):
        say(lang.text("cli.more", count=lang.integer(len(table) - len(shown))))


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
