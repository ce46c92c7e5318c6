"""Results of criteria sets as tables of one workbook, in either language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfp_index.errors import FileError
from tfp_index.language import Language
from tfp_index.language import language as language_of
from tfp_index.panel.table import Table
from tfp_index.panel.workbook import write_workbook

if TYPE_CHECKING:
    from tfp_index.composite.uncertainty import Sensitivity, Uncertainty
    from tfp_index.criteria.criteria_set import CriteriaSet
    from tfp_index.criteria.enterprise import EnterpriseResult
    from tfp_index.criteria.result import CriteriaResult

__all__ = ["enterprise_tables", "score_tables", "write_json", "write_tables"]

FORMATS = {
    "rank": "0",
    "rank_low": "0",
    "rank_high": "0",
    "standing": "0%",
    "share": "0%",
    "share_same": "0%",
    "gap_share": "0.0%",
    "value_added_addition": '#,##0 "₫"',
    "value_added_subtraction": '#,##0 "₫"',
    "gap": '#,##0 "₫"',
    "nonoperating": '#,##0 "₫"',
    "unexplained": '#,##0 "₫"',
    "stated": '#,##0 "₫"',
    "computed": '#,##0 "₫"',
    "difference": '#,##0 "₫"',
}
"""Excel number formats by column; a spreadsheet program shows them in its own language."""


def score_tables(
    result: CriteriaResult,
    *,
    period: Any = None,
    unit: Any = None,
    uncertainty: Uncertainty | None = None,
    sensitivity: Sensitivity | None = None,
    language: str = "en",
) -> dict[str, Table]:
    """Return the tables of a scored set by subject: ranking, scores, profile, coverage, …

    Parameters
    ----------
    result : CriteriaResult
    period : optional
        Of the ranking and the profile; the last one by default.
    unit : optional
        Unit whose profile is added.
    uncertainty, sensitivity : optional
    language : {"en", "vi"}
    """
    lang = language_of(language)
    period = result.periods[-1] if period is None else period
    notes = _notes(result.criteria, lang)
    ranking = result.ranking(period)
    tables = {"ranking": Table(ranking.columns, _title(result, period, lang), notes)}
    if uncertainty is not None:
        share = lang.percent(uncertainty.confidence, 0)
        count = lang.integer(uncertainty.ranks.shape[1])
        text = lang.text("criteria.note.interval", share=share, count=count)
        tables["uncertainty"] = Table(uncertainty.table().columns, "", (text,))
    if sensitivity is not None:
        columns = dict(sensitivity.table().columns)
        columns["factor"] = np.array([_factor(f, lang) for f in sensitivity.factors], object)
        tables["sensitivity"] = Table(columns)
    if unit is not None:
        tables["profile"] = _worded(result.profile(unit, period, language=language), lang)
    keys = result.scores.key_columns()
    scored = {
        node.code: result.scores.computed.scores[:, i]
        for i, node in enumerate(result.scores.tree.nodes)
    }
    ordered = {code: scored[code] for code in reversed(list(scored))}
    tables["scores"] = Table({**keys, "rank": result.scores.ranks, **ordered})
    tables["indicators"] = Table(result.indicators().columns)
    tables["coverage"] = _coverage(result, lang)
    tables["set"] = _set(result.criteria, lang)
    return tables


def enterprise_tables(result: EnterpriseResult, *, language: str = "en") -> dict[str, Table]:
    """Return the tables of enterprise indicators by subject."""
    lang = language_of(language)
    named = result.table(language)
    texts = {**result.keys.columns(), **result.texts}
    columns = {**texts, **{k: v for k, v in named.columns.items() if k not in texts}}
    tables = {
        "indicators": Table(columns, named.title, _notes(result.criteria, lang)),
        "value_added": Table(result.reconciliation().columns),
    }
    if len(result.problems):
        tables["problems"] = Table(result.problems.columns)
    tables["set"] = _set(result.criteria, lang)
    return tables


def write_tables(
    tables: Mapping[str, Table], path: str | Path, criteria: CriteriaSet, language: str = "en"
) -> Path:
    """Write tables to an Excel workbook with sheets and heads in the language.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    lang = language_of(language)
    sheets = {lang.text(f"criteria.sheet.{subject}"): table for subject, table in tables.items()}
    columns = {name for table in tables.values() for name in table.columns}
    heads = {name: _head(name, criteria, lang) for name in columns}
    return write_workbook(sheets, path, heads=heads, formats=FORMATS)


def write_json(document: Mapping[str, Any], path: str | Path) -> Path:
    """Write plain data as UTF-8 JSON.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    path = Path(path)
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path} could not be written: {error}", code="unwritable_file") from error
    return path


def _head(name: str, criteria: CriteriaSet, lang: Language) -> str:
    codes = {"index", *(g.code for g in criteria.parsed.groups)}
    codes |= {i.code for i in criteria.indicators}
    if name in codes:
        return criteria.name_of(name, lang.code)
    key = f"criteria.head.{name}"
    return lang.text(key) if lang.has(key) else name


def _notes(criteria: CriteriaSet, lang: Language) -> tuple[str, ...]:
    notes = [f"{criteria.name(lang.code)} ({criteria.label(lang.code)})"]
    if criteria.status == "proposal":
        notes.append(lang.text("criteria.note.proposal"))
    if "tfp_growth" in {i.code for i in criteria.indicators}:
        notes.append(lang.text("criteria.note.residual"))
    if criteria.code == "enterprise":
        notes.append(lang.text("criteria.note.confidential"))
    return tuple(notes)


def _title(result: CriteriaResult, period: Any, lang: Language) -> str:
    title = lang.text("criteria.sheet.ranking")
    return title if result.scores.single_period else f"{title}, {period}"


def _factor(name: str, lang: Language) -> str:
    key = f"criteria.factor.{name}"
    return lang.text(key) if lang.has(key) else name


def _worded(profile: Table, lang: Language) -> Table:
    columns = dict(profile.columns)
    columns["kind"] = _words([f"criteria.kind.{kind}" for kind in columns["kind"]], lang)
    columns["verdict"] = np.array(
        [lang.text(f"criteria.verdict.{v}") if v else "" for v in columns["verdict"]], object
    )
    return Table(columns, profile.title, profile.notes)


def _set(criteria: CriteriaSet, lang: Language) -> Table:
    table = criteria.table(lang.code)
    columns = dict(table.columns)
    columns["direction"] = _words([f"criteria.direction.{d}" for d in columns["direction"]], lang)
    columns["status"] = _words(
        [f"criteria.status.{s.replace(' ', '_')}" for s in columns["status"]], lang
    )
    return Table(columns, table.title, table.notes)


def _coverage(result: CriteriaResult, lang: Language) -> Table:
    columns = dict(result.coverage(lang.code).columns)
    origins = np.empty(len(columns["origin"]), object)
    for i, origin in enumerate(columns["origin"].tolist()):
        names = origin.removeprefix("no column ")
        if names != origin:
            origins[i] = lang.text("criteria.origin.absent", columns=names)
        else:
            origins[i] = lang.text(f"criteria.origin.{origin}")
    columns["origin"] = origins
    return Table(columns)


def _words(keys: list[str], lang: Language) -> np.ndarray[Any, Any]:
    words = np.empty(len(keys), object)
    words[:] = [lang.text(key) for key in keys]
    return words
