"""The command ``plan``: where the targets of a plan stand, and what each needs next."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tfp_index.cli._growth import say_written
from tfp_index.cli._joint import ALSO
from tfp_index.cli._roles import UsageError
from tfp_index.cli._terminal import say
from tfp_index.criteria.programme import Plan, PlanStatus, ProgressError
from tfp_index.errors import FileError
from tfp_index.language import CODES, Language
from tfp_index.language import language as language_of
from tfp_index.panel.files import read_file
from tfp_index.report import writer
from tfp_index.report.files import Staging
from tfp_index.report.plan import needs_grid, targets_grid

__all__ = ["plan"]


def plan(arguments: argparse.Namespace) -> int:
    """Track the plan; 1 when the progress data have faults, all of which are listed."""
    lang = language_of("en" if arguments.lang == "both" else arguments.lang)
    chosen = Plan.load(arguments.plan)
    if arguments.template is not None:
        _write_template(chosen, arguments.template, lang)
    if arguments.file is None:
        if arguments.template is None:
            raise UsageError("name a file of progress data, or --template FILE to get one to fill")
        return 0
    try:
        status = chosen.track(
            read_file(arguments.file),
            as_of=arguments.as_of,
            columns=_columns(arguments.column),
            running_totals=arguments.running_total,
        )
    except ProgressError as error:
        count = lang.integer(len(error.faults))
        say(lang.text("plan.findings", file=arguments.file, count=count))
        for place, what in error.faults:
            say(f"  {place}: {what}")
        return 1
    if arguments.json:
        say(json.dumps(status.to_dict(), ensure_ascii=False, allow_nan=False, indent=1))
    else:
        _say(status, lang)
    if arguments.out is not None:
        _write(status, arguments, lang)
    return 0


def _columns(pairs: list[str]) -> dict[str, str]:
    found = {}
    for text in pairs:
        role, sign, column = text.partition("=")
        if not (role and sign and column):
            raise UsageError(f"--column {text}: write --column ROLE=COLUMN, e.g. year=năm")
        found[role] = column
    return found


def _say(status: PlanStatus, lang: Language) -> None:
    say(status.title(lang.code))
    say()
    say(targets_grid(status, lang).to_text())
    say()
    say(needs_grid(status, lang).to_text())
    for remark in status.remarks(lang.code):
        say(remark)


def _write(status: PlanStatus, arguments: argparse.Namespace, lang: Language) -> None:
    codes = CODES if arguments.lang == "both" else (arguments.lang,)
    written = [
        writer.write(
            arguments.out / f"plan_{code}.html",
            [status],
            language=code,
            public=arguments.public,
            title=status.plan.name(code),
            data="data",
            also=ALSO,
        )
        for code in codes
    ]
    if not arguments.json:
        say()
        say_written(written, lang)


def _write_template(chosen: Plan, path: Path, lang: Language) -> None:
    if path.suffix.lower() != ".csv":
        raise FileError(
            f"{path.name}: the template is written as .csv",
            code="unknown_file_type",
            expected="a name that ends in .csv",
        )
    with Staging(path.parent) as staging:
        chosen.template(lang.code).to_csv(staging.path(path.name))
    say(f"{lang.text('cli.written')} {path}")
