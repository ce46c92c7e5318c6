"""The command ``criteria``: indicators, scores and ranks of a criteria set, as files."""

from __future__ import annotations

import argparse
from typing import Any

from tfp_index.cli._growth import say_written
from tfp_index.cli._joint import ALSO, replicates
from tfp_index.cli._roles import UsageError
from tfp_index.cli._terminal import say
from tfp_index.criteria import statements
from tfp_index.criteria.criteria_set import CriteriaSet
from tfp_index.criteria.enterprise import EnterpriseResult, enterprise_indicators
from tfp_index.criteria.output import enterprise_tables, score_tables, write_json, write_tables
from tfp_index.criteria.result import CriteriaResult
from tfp_index.language import Language
from tfp_index.language import language as language_of
from tfp_index.panel.files import read_file
from tfp_index.panel.table import Table
from tfp_index.report import writer
from tfp_index.report.criteria import Criteria
from tfp_index.report.files import Staging

__all__ = ["criteria"]


def criteria(arguments: argparse.Namespace) -> int:
    """Score the data, print the ranking, and write the files where a folder is named."""
    lang = language_of(arguments.lang)
    chosen = CriteriaSet.load(arguments.set)
    enterprises = _enterprises(arguments, chosen)
    result = _score(arguments, chosen, enterprises)
    if result is None and enterprises is not None:
        say(lang.text("criteria.cli.one"))
        _say_values(enterprises, lang)
    elif result is not None:
        _say_ranking(result, arguments, lang)
    if arguments.out is not None:
        _write(arguments, enterprises, result, lang)
    return 0


def _enterprises(arguments: argparse.Namespace, chosen: CriteriaSet) -> EnterpriseResult | None:
    """Return indicators of enterprises where the set is about them, else None."""
    if arguments.regime is not None:
        data: Any = statements.read(arguments.files, arguments.regime)
        return enterprise_indicators(data, criteria=chosen)
    if len(arguments.files) > 1:
        raise UsageError("several files are read as statements only: add --regime")
    if arguments.unit is None:
        raise UsageError("say which column names the units: --unit COLUMN")
    if "value_added" not in chosen.columns():
        return None
    if arguments.time is None:
        raise UsageError("say which column is the year: --time COLUMN")
    frame = read_file(arguments.files[0])
    return enterprise_indicators(frame, unit=arguments.unit, time=arguments.time, criteria=chosen)


def _score(
    arguments: argparse.Namespace, chosen: CriteriaSet, enterprises: EnterpriseResult | None
) -> CriteriaResult | None:
    peers = [name for name in (arguments.peers or "").split(",") if name]
    if enterprises is None:
        return chosen.score(
            read_file(arguments.files[0]), unit=arguments.unit, time=arguments.time, peers=peers
        )
    if len(enterprises.keys.entity_labels) < 2:
        return None
    return enterprises.score(peers or ("industry", "size_class"))


def _say_ranking(result: CriteriaResult, arguments: argparse.Namespace, lang: Language) -> None:
    criteria_set = result.criteria
    say(
        lang.text(
            "criteria.cli.title",
            name=criteria_set.name(lang.code),
            label=criteria_set.label(lang.code),
        )
    )
    scored = [i.code for i in criteria_set.indicators if i.direction != 0]
    missing = [code for code in scored if code not in result.scores.tree.position]
    if missing:
        names = lang.join([criteria_set.name_of(code, lang.code) for code in missing])
        there = lang.integer(len(scored) - len(missing))
        count = lang.integer(len(scored))
        say(lang.text("criteria.cli.coverage", there=there, all=count, missing=names))
    else:
        say(lang.text("criteria.cli.complete", all=lang.integer(len(scored))))
    say()
    table = result.ranking(_period(result, arguments))
    heads = [lang.text(f"criteria.head.{name}") for name in ("rank", "unit", "score")]
    heads += [criteria_set.name_of(name, lang.code) for name in list(table.columns)[3:]]
    rows = [
        [lang.integer(row[0]), str(row[1]), *(lang.number(value, 1) for value in row[2:])]
        for row in zip(*table.columns.values(), strict=True)
    ]
    _say_grid(heads, rows)


def _say_values(result: EnterpriseResult, lang: Language) -> None:
    rows = []
    for indicator in result.criteria.indicators:
        if indicator.code in result.values:
            value = lang.number(result.values[indicator.code][-1], 2)
            rows.append([lang.pick(indicator.name), value, lang.pick(indicator.unit)])
    added = lang.money(result.items["value_added"][-1])
    rows.insert(0, [lang.text("criteria.sheet.value_added"), added, ""])
    heads = [lang.text(f"criteria.head.{name}") for name in ("name", "value")]
    _say_grid([*heads, ""], rows)


def _say_grid(heads: list[str], rows: list[list[str]]) -> None:
    """Print rows in columns: words to the left, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    right = [
        all(cell[:1].isdigit() or cell[:1] in "−–" for cell in column if cell)
        for column in zip(*rows, strict=True)
    ]
    for row in [heads, *rows]:
        cells = [
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(row, widths, right, strict=True)
        ]
        say("  ".join(cells).rstrip())


def _period(result: CriteriaResult, arguments: argparse.Namespace) -> Any:
    """Return the period that was asked for, as the data write it; the last one by default."""
    if arguments.period is None:
        return result.periods[-1]
    found = [label for label in result.periods if str(label) == arguments.period]
    return found[0] if found else arguments.period


def _unit(result: CriteriaResult, text: str) -> Any:
    found = [label for label in result.keys.entity_labels.tolist() if str(label) == text]
    return found[0] if found else text


def _write(
    arguments: argparse.Namespace,
    enterprises: EnterpriseResult | None,
    result: CriteriaResult | None,
    lang: Language,
) -> None:
    options = {} if result is None else replicates(result, arguments.reps, arguments.seed)
    if not arguments.public:
        _write_tables(arguments, enterprises, result, options, lang)
    story: Any = enterprises
    if result is not None:
        story = Criteria(
            result,
            unit=None if arguments.profile is None else _unit(result, arguments.profile),
            period=_period(result, arguments),
            entity_kind=arguments.unit_kind,
            **options,
        )
    written = writer.write(
        arguments.out / f"criteria_{lang.code}.html",
        [story],
        language=lang.code,
        public=arguments.public,
        title=_chosen(enterprises, result).name(lang.code),
        data="data",
        also=ALSO,
    )
    say()
    say_written([written], lang)


def _chosen(enterprises: EnterpriseResult | None, result: CriteriaResult | None) -> CriteriaSet:
    return (result or enterprises).criteria  # type: ignore[union-attr]  # one of them is there


def _write_tables(
    arguments: argparse.Namespace,
    enterprises: EnterpriseResult | None,
    result: CriteriaResult | None,
    options: dict[str, Any],
    lang: Language,
) -> None:
    """Write every table with all units and periods, for those who compute further."""
    tables: dict[str, Table] = {}
    document: dict[str, Any] = {}
    if enterprises is not None:
        tables |= enterprise_tables(enterprises, language=lang.code)
        document["enterprises"] = enterprises.to_dict()
    if result is not None:
        scores = score_tables(
            result,
            period=_period(result, arguments),
            unit=None if arguments.profile is None else _unit(result, arguments.profile),
            language=lang.code,
            **options,
        )
        if enterprises is not None:
            del scores["indicators"]  # those of the enterprises say more
        tables = {**scores, **tables}
        document["scores"] = result.to_dict()
        document |= {name: option.table().to_dict() for name, option in options.items()}
    chosen = _chosen(enterprises, result)
    with Staging(arguments.out) as staging:
        for subject, table in tables.items():
            table.to_csv(staging.path(f"{subject}.csv"))
        write_json(document, staging.path("result.json"))
        write_tables(tables, staging.path("workbook.xlsx"), chosen, lang.code)
    files = ", ".join([*(f"{subject}.csv" for subject in tables), "result.json", "workbook.xlsx"])
    say("\n" + lang.text("criteria.cli.written", folder=arguments.out, files=files))
