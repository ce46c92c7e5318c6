"""Arguments, dispatch and exit codes of ``tfp-index``."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from tfp_index._version import __version__
from tfp_index.cli._roles import UsageError, add_data_arguments
from tfp_index.cli._terminal import complain
from tfp_index.errors import TFPError

__all__ = ["EXIT_CODES", "main"]

EXIT_CODES = {
    0: "fine",
    1: "findings: check or plan found an error in the data; reproduce, a deviation too large",
    2: "usage: the command line is not understood",
    3: "failed: data, file or estimate; one line on standard error says why",
}

_PRESETS = ("vietnam", "pwt", "solow_1957", "fernald")

_EXAMPLES = """\
examples:
  tfp-index demo
  tfp-index check provinces.xlsx --entity province --time year --output grdp \\
      --capital stock --labor persons
  tfp-index growth provinces.csv --roles roles.toml --capital-share 0.40 --preset vietnam
  tfp-index report provinces.csv --roles roles.toml --capital-share 0.40 \\
      --unit "Quảng Ninh" --lang both --out report
  tfp-index reproduce pwt
  tfp-index plan --template progress.csv
  tfp-index plan progress.csv --as-of 2025 --lang vi --out plan

roles.toml:
  entity = "province"
  time = "year"
  output = "grdp"          # constant prices
  capital = "stock"
  labor = "persons"
  capital_share = 0.40     # a number, or the name of a column
  [report]
  title = "TFP 2015-2023"
  periods = [[2015, 2020], [2020, 2023]]
  [criteria]               # the report also tells of scores,
  file = "provinces.csv"
  unit = "province"
  time = "year"
  [enterprises]            # of decomposition and levers,
  file = "enterprises.parquet"
  entity = "id"
  time = "year"
  value_added = "va"
  labor = "persons"
  capital = "assets"
  groups = { district = "district", industry = "industry" }
  by = ["district"]
  [plan]                   # and of a plan
  file = "progress.csv"

exit codes: 0 fine, 1 findings, 2 usage, 3 failed
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the name of the program; default: those of the process.

    Returns
    -------
    int
        0 fine, 1 findings, 2 usage, 3 failed.

    Examples
    --------
    >>> main(["--version"])  # doctest: +ELLIPSIS
    tfp-index ...
    0
    """
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has said why
        return int(stop.code or 0)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            code: int = arguments.run(arguments)
        for text in dict.fromkeys(str(warning.message) for warning in caught):
            complain(f"tfp-index: warning: {text}")
        return code
    except UsageError as error:
        complain(f"tfp-index: {error}")
        return 2
    except TFPError as error:
        complain(f"tfp-index: {error}")
        return 3
    except BrokenPipeError:  # the reader has seen enough, as in: tfp-index … | head
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        return 0
    except KeyboardInterrupt:
        complain("tfp-index: interrupted; nothing half written is left")
        return 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tfp-index",
        description="Total factor productivity of provinces, industries and enterprises.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tfp-index {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _demo(commands)
    _check(commands)
    _growth(commands)
    _report(commands)
    _reproduce(commands)
    _criteria(commands)
    _plan(commands)
    _run(commands)
    _schema(commands)
    return parser


def _command(commands: argparse._SubParsersAction, name: str, text: str) -> argparse.ArgumentParser:  # type: ignore[type-arg]
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=text,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return made


def _demo(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _command(
        commands, "demo", "write a report on bundled real data and a simulated province"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("tfp_demo"), metavar="FOLDER", help="default: tfp_demo"
    )
    parser.add_argument(
        "--lang", choices=("vi", "en", "both"), default="both", help="default: both"
    )

    def run(arguments: argparse.Namespace) -> int:
        from tfp_index.cli._demo import demo

        return demo(arguments)

    parser.set_defaults(run=run)


def _check(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _command(commands, "check", "list everything in a table that could spoil an estimate")
    add_data_arguments(parser)
    _language(parser)
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help="write the findings here")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def run(arguments: argparse.Namespace) -> int:
        from tfp_index.cli._growth import check

        return check(arguments)

    parser.set_defaults(run=run)


def _growth(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _command(commands, "growth", "split output growth into inputs and TFP, the residual")
    add_data_arguments(parser)
    _options(parser)
    _language(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write every row here (.csv or .parquet)"
    )
    parser.add_argument("--json", action="store_true", help="print periods and record as JSON")

    def run(arguments: argparse.Namespace) -> int:
        from tfp_index.cli._growth import growth

        return growth(arguments)

    parser.set_defaults(run=run)


def _report(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _command(commands, "report", "write a report: HTML, Excel, JSON, CSV and figures")
    add_data_arguments(parser)
    _options(parser)
    parser.add_argument("--lang", choices=("vi", "en", "both"), default="en", help="default: en")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("tfp_report"),
        metavar="FOLDER",
        help="default: tfp_report",
    )
    group = parser.add_argument_group("report")
    group.add_argument("--title", metavar="TEXT")
    group.add_argument("--source", metavar="TEXT", help="where the data come from")
    group.add_argument(
        "--statement",
        action="append",
        metavar="TEXT",
        help="what a reader must know before the numbers; may be repeated",
    )
    group.add_argument(
        "--sensitivity",
        dest="shares",
        type=_shares,
        metavar="0.3,0.4,0.5",
        help="capital shares to try",
    )
    group.add_argument(
        "--public", action="store_true", help="leave out what shows single enterprises"
    )
    group.add_argument(
        "--unit-kind", choices=("area", "enterprise"), help="what the units are; for --public"
    )

    def run(arguments: argparse.Namespace) -> int:
        from tfp_index.cli._growth import report

        return report(arguments)

    parser.set_defaults(run=run)


def _reproduce(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _command(commands, "reproduce", "make published TFP series again and compare")
    parser.add_argument("name", nargs="?", metavar="NAME", help="a source; --list shows all")
    parser.add_argument("--list", action="store_true", help="list the sources")
    parser.add_argument(
        "--data", type=Path, metavar="FILE", help="the data as published, where not bundled"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="write summary, record and every value here"
    )

    def run(arguments: argparse.Namespace) -> int:
        from tfp_index.cli._reproduce import reproduce

        return reproduce(arguments)

    parser.set_defaults(run=run)


def _criteria(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _command(commands, "criteria", "score and rank provinces or enterprises by a set")
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="DATA",
        help=".csv, .tsv, .parquet or .xlsx; with --regime, one workbook of statements each",
    )
    parser.add_argument(
        "--set",
        default="province",
        metavar="SET",
        help="province, enterprise, or the path of a criteria file; default: province",
    )
    parser.add_argument("--unit", metavar="COLUMN", help="column that names the units")
    parser.add_argument("--time", metavar="COLUMN", help="column of the year")
    parser.add_argument(
        "--regime",
        choices=("TT200", "TT133", "TT99", "QD15"),
        help="the files are financial statements of this accounting regime",
    )
    parser.add_argument(
        "--peers", metavar="A,B", help="columns whose values a unit shares with its peers"
    )
    parser.add_argument("--period", metavar="YEAR", help="of ranking and profile; default: last")
    parser.add_argument("--profile", metavar="UNIT", help="add the profile of this unit")
    parser.add_argument(
        "--reps", type=int, default=1000, metavar="N", help="replicates; default 1000, 0 for none"
    )
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="default: 7")
    _language(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="write HTML, Excel, CSV, JSON and figures here"
    )
    parser.add_argument(
        "--public", action="store_true", help="leave out what shows single enterprises"
    )
    parser.add_argument(
        "--unit-kind", choices=("area", "enterprise"), help="what the units are; for --public"
    )

    def run(arguments: argparse.Namespace) -> int:
        from tfp_index.cli._criteria import criteria

        return criteria(arguments)

    parser.set_defaults(run=run)


def _plan(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _command(commands, "plan", "say where the targets of a plan stand")
    parser.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="DATA",
        help="columns target, year, value; optional base, unit, note",
    )
    parser.add_argument(
        "--plan",
        default="quang_ninh_203",
        metavar="PLAN",
        help="a bundled plan or the path of a plan file; default: quang_ninh_203",
    )
    parser.add_argument(
        "--as-of", type=int, metavar="YEAR", help="default: the last year with a figure"
    )
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="ROLE=COLUMN",
        help="where the file calls a column otherwise, e.g. year=năm; may be repeated",
    )
    parser.add_argument(
        "--running-total",
        action="append",
        default=[],
        metavar="TARGET",
        help="a target whose values are totals since the start; may be repeated",
    )
    parser.add_argument("--template", type=Path, metavar="FILE.csv", help="write a table to fill")
    parser.add_argument("--lang", choices=("vi", "en", "both"), default="en", help="default: en")
    parser.add_argument("--json", action="store_true", help="print the status as JSON")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="write HTML, Excel, CSV, JSON and figures here"
    )
    parser.add_argument(
        "--public", action="store_true", help="leave out what was reported in words"
    )

    def run(arguments: argparse.Namespace) -> int:
        from tfp_index.cli._plan import plan

        return plan(arguments)

    parser.set_defaults(run=run)


def _run(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _command(
        commands, "run", "clean, estimate, tabulate and protect, as a configuration file says"
    )
    parser.add_argument("file", type=Path, metavar="OFFICE.TOML")
    parser.add_argument(
        "--engine",
        choices=("threads", "processes", "duckdb", "dask", "spark"),
        help="default: that of the file, or threads",
    )
    parser.add_argument("--memory", metavar="SIZE", help="budget of duckdb, such as 2GiB")
    parser.add_argument("--partitions", type=int, metavar="N")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: that of the file")
    parser.add_argument(
        "--resume", action="store_true", help="go on where a run was stopped or killed"
    )

    def run(arguments: argparse.Namespace) -> int:
        from tfp_index.cli._run import run as run_file

        return run_file(arguments)

    parser.set_defaults(run=run)


def _schema(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _command(commands, "schema", "print the JSON schema of a specification or result")
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a method, 'result' or 'error'; default: any method"
    )
    parser.add_argument("--list", action="store_true", help="list the names")

    def run(arguments: argparse.Namespace) -> int:
        from tfp_index.cli._schema import schema

        return schema(arguments)

    parser.set_defaults(run=run)


def _language(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lang", choices=("vi", "en"), default="en", help="default: en")


def _options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("growth accounting")
    group.add_argument(
        "--preset",
        dest="option_preset",
        choices=_PRESETS,
        help="a named convention; vietnam needs --capital-share NUMBER",
    )
    group.add_argument(
        "--growth", dest="option_growth", choices=("log", "discrete"), help="default: log"
    )
    group.add_argument(
        "--share-timing",
        dest="option_share_timing",
        choices=("average", "current", "lagged"),
        help="period at which share columns are read; default: average",
    )
    group.add_argument(
        "--invalid",
        dest="option_invalid",
        choices=("error", "missing"),
        help="what to do with values that are not above zero; default: error",
    )
    group.add_argument(
        "--accept",
        action="append",
        metavar="CODE",
        help="an error finding that was looked at and is accepted, e.g. unit_switch",
    )
    group.add_argument(
        "--period",
        action="append",
        metavar="START:END",
        help="growth after START up to END; may be repeated",
    )
    group.add_argument("--unit", metavar="NAME", help="the unit that it is about")


def _shares(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of numbers like 0.3,0.4,0.5"
        ) from None
