"""The file format of a plan: targets and reporting duties, read and checked, all faults at once."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfp_index.composite.structure import StructureError
from tfp_index.criteria._toml import (
    Faults,
    Texts,
    code_of,
    document_of,
    is_number,
    number,
    one_of,
    refuse_unknown,
    string,
    tables,
    texts,
)
from tfp_index.errors import nearest
from tfp_index.panel.mapping import ReadOnly

__all__ = ["Duty", "Parsed", "Target", "parse"]

OPERATORS = ("≥", ">", "≤", "<", "range", "milestone", "direction", "qualitative")
_SPELLINGS = {">=": "≥", "<=": "≤"}
COUNTINGS = ("cumulative", "yearly", "growth", "level")
STATUSES = ("stated", "interpreted", "proposed")
KINDS = ("yearly", "mid_term", "final")

PLAN_KEYS = (
    "code", "version", "number", "issued", "start", "end", "base_year", "name", "issuer", "note",
    "source",
)  # fmt: skip
TARGET_KEYS = (
    "id", "name", "operator", "value", "low", "high", "direction", "counting", "unit", "data_unit",
    "start", "end", "base", "base_source", "base_required", "path", "source", "status",
    "period_status", "interpretation", "note",
)  # fmt: skip
DUTY_KEYS = ("kind", "name", "from", "to", "years", "by", "also", "source", "status")
BILINGUAL = (
    "name", "issuer", "note", "unit", "data_unit", "interpretation", "by", "also", "source",
    "base_source",
)  # fmt: skip
"""Keys that exist once for each language, as ``name_vi`` and ``name_en``."""

FIRST_YEAR, LAST_YEAR = 1900, 2200

LARGEST = 1e15
"""No figure of a plan is larger; beyond it whole numbers are no longer exact."""

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}")


@dataclass(frozen=True)
class Target:
    """One target of a plan.

    Attributes
    ----------
    id : str
    name, unit, data_unit, interpretation, note : mapping of language to text
        ``unit`` is that of the target; ``data_unit`` that of the yearly figures, which differs
        where the target is a growth rate.
    operator : str
        One of `OPERATORS`.
    bound : float or None
        The number to reach: the value, or the lower end of a corridor.
    high : float or None
        Upper end of a corridor.
    upward : bool
        Whether more is better.
    counting : str
        One of `COUNTINGS`; empty for milestones and qualitative targets.
    start, end : int
        First and last year.
    base : float or None
        Figure of the year before the start, where the plan gives it.
    base_source : mapping of language to text
    base_required : bool
        Whether the target cannot be judged without a base.
    path : tuple of (year, figure), or None
        What is expected at the end of these years, ascending; None for a straight line, empty
        where nothing is expected before the end.
    source : mapping of language to text
        Where the number stands.
    status, period_status : str
        Whether number and period are stated in the plan: one of `STATUSES`.
    """

    id: str
    name: Texts
    operator: str
    bound: float | None
    high: float | None
    upward: bool
    counting: str
    unit: Texts
    data_unit: Texts
    start: int
    end: int
    base: float | None
    base_source: Texts
    base_required: bool
    path: tuple[tuple[int, float], ...] | None
    source: Texts
    status: str
    period_status: str
    interpretation: Texts
    note: Texts

    @property
    def base_year(self) -> int:
        """The year before the first."""
        return self.start - 1

    @property
    def years(self) -> range:
        """The years of the target's period."""
        return range(self.start, self.end + 1)

    def holds(self, value: float, slack: float = 0.0) -> bool:
        """Say whether a value satisfies the operator; a corridor is satisfied above it too."""
        assert self.bound is not None
        if self.operator == ">":
            return value > self.bound + slack
        if self.operator == "<":
            return value < self.bound - slack
        if self.operator == "≤":
            return value <= self.bound + slack
        return value >= self.bound - slack


@dataclass(frozen=True)
class Duty:
    """A report that the plan asks for.

    Attributes
    ----------
    kind : {"yearly", "mid_term", "final"}
    name, by, also : mapping of language to text
        What it is called, who writes it, and what else falls due with it.
    years : tuple of int
    source : mapping of language to text
    status : str
    """

    kind: str
    name: Texts
    by: Texts
    also: Texts
    years: tuple[int, ...]
    source: Texts
    status: str


@dataclass(frozen=True)
class Parsed:
    """A checked file: the head of the plan, its targets, its reports."""

    head: Mapping[str, Any]
    targets: tuple[Target, ...]
    duties: tuple[Duty, ...]


def parse(text: str, name: str) -> Parsed:
    """Read a plan.

    Parameters
    ----------
    text : str
        TOML.
    name : str
        Of the file, for messages.

    Raises
    ------
    FileError
        If the text is not TOML.
    StructureError
        Listing every fault with its place.
    """
    document = document_of(text, name)
    faults: Faults = []
    known = ("plan", "target", "report")
    faults += [
        ("file", f"unknown table {str(key)[:60]!r}; {nearest(key, known)}")
        for key in document
        if key not in known
    ]
    head = _head(document.get("plan"), faults)
    found = tables(document, "target", faults, key="id")
    if not found and "target" not in dict(faults):
        faults.append(("target", "there is no [[target]]"))
    targets = [_target(table, place, head, faults) for place, table in found]
    duties = [
        _duty(table, place, head, faults)
        for place, table in tables(document, "report", faults, key="kind")
    ]
    seen: set[str] = set()
    for target in targets:
        if target.id and target.id in seen:
            faults.append((f"target {target.id!r}", "the id is used twice"))
        seen.add(target.id)
    if faults:
        raise StructureError.of(f"the plan {name}", faults)
    return Parsed(ReadOnly(head), tuple(targets), tuple(duties))


def _head(table: Any, faults: Faults) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        faults.append(("plan", "there is no [plan] with code, version, names and years"))
        return {"start": FIRST_YEAR, "end": LAST_YEAR}
    refuse_unknown(table, PLAN_KEYS, "plan", faults, BILINGUAL)
    start, end = _period(table, "plan", faults, FIRST_YEAR, LAST_YEAR)
    issued = table.get("issued")
    if issued is not None and not isinstance(issued, dt.date):
        faults.append(("plan", f"issued {str(issued)[:40]!r} is no date like 2020-11-18"))
    base_year = _year(table, "base_year", "plan", faults, default=start - 1)
    if base_year != start - 1:
        faults.append(("plan", f"base_year {base_year} is not the year before start {start}"))
    return {
        "code": code_of(table, "plan", faults),
        "version": string(table, "version", "plan", faults),
        "number": string(table, "number", "plan", faults, required=False) or "",
        "issued": issued,
        "start": start,
        "end": end,
        "name": texts(table, "name", "plan", faults, required=True),
        "issuer": texts(table, "issuer", "plan", faults),
        "note": texts(table, "note", "plan", faults),
        "source": texts(table, "source", "plan", faults, required=True),
    }


def _target(
    table: Mapping[str, Any], place: str, head: Mapping[str, Any], faults: Faults
) -> Target:
    refuse_unknown(table, TARGET_KEYS, place, faults, BILINGUAL)
    key = table.get("id")
    if not (isinstance(key, str) and _ID.fullmatch(key)):
        faults.append((place, f"id {str(key)[:40]!r} must be letters, digits, '_', '.' or '-'"))
        key = ""
    spelled = {
        **table,
        "operator": _SPELLINGS.get(str(table.get("operator")), table.get("operator")),
    }
    operator = one_of(
        {k: v for k, v in spelled.items() if v is not None}, "operator", OPERATORS, place, faults
    )
    start, end = _period(table, place, faults, head["start"], head["end"])
    counting = _counting(table, operator, place, faults)
    bound, high = _bounds(table, operator, place, faults)
    measured = operator not in (None, "milestone", "qualitative")
    unit = texts(table, "unit", place, faults, required=measured)
    base, base_source = _base(table, counting, place, faults)
    return Target(
        id=key,
        name=texts(table, "name", place, faults, required=True),
        operator=operator or "qualitative",
        bound=bound,
        high=high,
        upward=_upward(table, operator, place, faults),
        counting=counting,
        unit=unit,
        data_unit=texts(table, "data_unit", place, faults, required=counting == "growth") or unit,
        start=start,
        end=end,
        base=base,
        base_source=base_source,
        base_required=_base_required(table, operator, counting, place, faults),
        path=_path(table, counting, bound, (start, end), place, faults),
        source=texts(table, "source", place, faults, required=True),
        status=one_of(table, "status", STATUSES, place, faults) or "",
        period_status=one_of(table, "period_status", STATUSES, place, faults) or "",
        interpretation=texts(table, "interpretation", place, faults),
        note=texts(table, "note", place, faults),
    )


def _year(
    table: Mapping[str, Any], key: str, place: str, faults: Faults, default: int | None = None
) -> int:
    value = table.get(key, default)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LAST_YEAR:
        return value
    what = "is missing" if value is None else f"{str(value)[:40]!r} is not a year"
    faults.append((place, f"{key} {what}"))
    return FIRST_YEAR


def _period(
    table: Mapping[str, Any], place: str, faults: Faults, first: int, last: int
) -> tuple[int, int]:
    """Return start and end, which must lie in the period of the plan."""
    before = len(faults)
    start, end = (_year(table, key, place, faults) for key in ("start", "end"))
    if len(faults) > before:
        return first, last
    if start > end:
        faults.append((place, f"start {start} comes after end {end}"))
    elif start < first or end > last:
        faults.append((place, f"{start}–{end} leaves the period {first}–{last}"))
    else:
        return start, end
    return first, last


def _counting(table: Mapping[str, Any], operator: str | None, place: str, faults: Faults) -> str:
    if operator in ("milestone", "qualitative"):
        if "counting" in table:
            faults.append((place, f"a {operator} target has no counting"))
        return ""
    counting: str = one_of(table, "counting", COUNTINGS, place, faults) or ""
    if operator == "direction" and counting not in ("", "level"):
        faults.append((place, "a direction is judged by counting = 'level'"))
    if operator in ("≤", "<") and counting == "cumulative":
        faults.append((place, "a ceiling needs counting 'yearly', 'growth' or 'level'"))
    return counting


def _bounds(
    table: Mapping[str, Any], operator: str | None, place: str, faults: Faults
) -> tuple[float | None, float | None]:
    """Return the number to reach and the upper end of a corridor."""
    wanted = {"range": ("low", "high")}.get(
        operator or "", ("value",) if operator in ("≥", ">", "≤", "<") else ()
    )
    for key in ("value", "low", "high"):
        if key in wanted and key not in table:
            faults.append((place, f"{key} is missing: the operator {operator!r} needs it"))
        elif key not in wanted and key in table and operator is not None:
            faults.append((place, f"the operator {operator!r} has no {key}"))
    return _numbers(table, operator, bool(wanted), place, faults)


def _numbers(
    table: Mapping[str, Any], operator: str | None, wanted: bool, place: str, faults: Faults
) -> tuple[float | None, float | None]:
    if operator == "milestone":
        return 1.0, None
    if operator == "range":
        low, high = (_figure(table, key, place, faults) for key in ("low", "high"))
        if low is not None and high is not None and low >= high:
            faults.append((place, f"low {low:g} is not below high {high:g}"))
        return low, high
    return (_figure(table, "value", place, faults) if wanted else None), None


def _figure(table: Mapping[str, Any], key: str, place: str, faults: Faults) -> float | None:
    value = number(table, key, place, faults)
    if value is not None and abs(value) > LARGEST:
        faults.append((place, f"{key} {value:g} is too large to be meant"))
    return value


def _upward(table: Mapping[str, Any], operator: str | None, place: str, faults: Faults) -> bool:
    if operator == "direction":
        chosen: str | None = one_of(table, "direction", ("up", "down"), place, faults)
        return chosen != "down"
    if "direction" in table:
        faults.append((place, "only the operator 'direction' has a direction"))
    return operator not in ("≤", "<")


def _base(
    table: Mapping[str, Any], counting: str, place: str, faults: Faults
) -> tuple[float | None, Texts]:
    base = _figure(table, "base", place, faults)
    if base is None:
        if texts(table, "base_source", place, faults):
            faults.append((place, "base_source stands without base"))
        return None, ReadOnly({})
    if counting not in ("growth", "level"):
        faults.append((place, "only counting 'growth' and 'level' have a base"))
    if counting == "growth" and base <= 0:
        faults.append((place, f"base {base:g} is not above zero: growth over it has no meaning"))
    return base, texts(table, "base_source", place, faults, required=True)


def _base_required(
    table: Mapping[str, Any], operator: str | None, counting: str, place: str, faults: Faults
) -> bool:
    """Growth and directions cannot do without a base; for levels the file may ask for one."""
    needs = counting == "growth" or operator == "direction"
    value = table.get("base_required", needs)
    if not isinstance(value, bool):
        faults.append((place, f"base_required {str(value)[:40]!r} is neither true nor false"))
    elif needs and not value:
        faults.append((place, "base_required cannot be false: there is nothing to compare with"))
    elif value and counting not in ("growth", "level"):
        faults.append((place, "only counting 'growth' and 'level' have a base"))
    return bool(value)


def _path(
    table: Mapping[str, Any],
    counting: str,
    bound: float | None,
    period: tuple[int, int],
    place: str,
    faults: Faults,
) -> tuple[tuple[int, float], ...] | None:
    """Return interim figures by year; ``"linear"`` is None, ``"end"`` expects nothing before."""
    value = table.get("path", "linear")
    if value == "linear":
        return None
    if counting not in ("cumulative", "level") or bound is None:
        faults.append((place, "only counting 'cumulative' and 'level' with a number have a path"))
        return None
    if value == "end":
        return ()
    if not isinstance(value, Mapping) or not value:
        faults.append((place, "path is neither 'linear', 'end' nor a table of figures by year"))
        return None
    points: dict[int, float] = {}
    for key, figure in value.items():
        year = int(key) if key.isascii() and key.isdigit() and len(key) <= 4 else None
        if year is None or not period[0] <= year <= period[1]:
            faults.append((place, f"path: {key[:40]!r} is no year of {period[0]}–{period[1]}"))
        elif not is_number(figure):
            faults.append((place, f"path: the figure of {year} is not a number"))
        else:
            points[year] = float(figure)
    if points.get(period[1], bound) != bound:
        faults.append((place, f"path: it ends at {points[period[1]]:g}, the target at {bound:g}"))
    figures = [points[year] for year in sorted(points)]
    if counting == "cumulative" and figures != sorted(figures):
        faults.append((place, "path: a running total cannot fall"))
    return tuple(sorted({**points, period[1]: bound}.items()))


def _duty(table: Mapping[str, Any], place: str, head: Mapping[str, Any], faults: Faults) -> Duty:
    refuse_unknown(table, DUTY_KEYS, place, faults, BILINGUAL)
    first, last = head["start"], head["end"]
    if "years" in table:
        years = table["years"]
        good = isinstance(years, list) and years and all(type(year) is int for year in years)
        if not good:
            faults.append((place, "years is no list of years like [2025]"))
            years = []
        if "from" in table or "to" in table:
            faults.append((place, "give years, or from and to, not both"))
    else:
        years = list(
            range(
                _year(table, "from", place, faults, default=first),
                _year(table, "to", place, faults, default=last) + 1,
            )
        )
        if not years:
            faults.append((place, "from comes after to"))
    outside = [year for year in years if not first <= year <= last]
    if outside:
        faults.append((place, f"{outside[0]} leaves the period {first}–{last}"))
    return Duty(
        kind=one_of(table, "kind", KINDS, place, faults) or "",
        name=texts(table, "name", place, faults, required=True),
        by=texts(table, "by", place, faults),
        also=texts(table, "also", place, faults),
        years=tuple(years),
        source=texts(table, "source", place, faults, required=True),
        status=one_of(table, "status", STATUSES, place, faults) or "",
    )
