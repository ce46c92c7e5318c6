"""Progress by target and year: read from a table, checked against the plan, all faults at once."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tfp_index.criteria._plan_file import FIRST_YEAR, LARGEST, LAST_YEAR, Target
from tfp_index.errors import DataError, nearest
from tfp_index.panel.frames import FrameReader

__all__ = ["COLUMNS", "Course", "ProgressError", "read"]

COLUMNS = ("target", "year", "value", "base", "unit", "note")
"""Columns of progress data; the first three are needed."""

_AGREE = 1e-9
"""Relative difference at which two bases of a target are the same: they are typed twice."""


class ProgressError(DataError):
    """Progress data have faults; ``faults`` lists them all.

    Attributes
    ----------
    faults : tuple of (place, what is wrong) pairs
    """

    def __init__(
        self, message: str, *, faults: Iterable[Sequence[str]] = (), **fields: Any
    ) -> None:
        self.faults = tuple((str(place), str(text)) for place, text in faults)
        super().__init__(message, **fields)

    def to_dict(self) -> dict[str, Any]:
        """Return the error and its faults as plain data."""
        return {**super().to_dict(), "faults": [list(fault) for fault in self.faults]}

    @classmethod
    def of(cls, faults: Sequence[tuple[str, str]]) -> ProgressError:
        """Return one error that lists every fault with its place."""
        lines = "".join(f"\n  {place}: {text}" for place, text in faults)
        noun = "fault" if len(faults) == 1 else "faults"
        return cls(
            f"the progress data have {len(faults)} {noun}:{lines}",
            code="bad_progress",
            faults=faults,
        )


@dataclass
class Course:
    """What is known of one target.

    Attributes
    ----------
    values : dict of year to float
        Figures of the years up to the one asked for, within the target's period.
    base : float or None
        Figure of the year before the start.
    notes : list of (year, text)
    later, outside : int
        Figures that were left aside: of years after the one asked for, and outside the period.
    """

    values: dict[int, float] = field(default_factory=dict)
    base: float | None = None
    notes: list[tuple[int, str]] = field(default_factory=list)
    later: int = 0
    outside: int = 0


@dataclass(frozen=True)
class _Row:
    place: str
    target: Target
    year: int
    value: float
    base: float
    note: str


def read(
    reader: FrameReader,
    targets: Sequence[Target],
    *,
    as_of: int | None,
    columns: Mapping[str, str],
    running_totals: Sequence[str],
) -> tuple[dict[str, Course], int | None, str]:
    """Return the course of every target by its id, the year it stands at, and the fingerprint.

    Raises
    ------
    DataError
        If a column is missing or holds no numbers.
    ProgressError
        Listing every fault with its row.
    """
    faults: list[tuple[str, str]] = []
    rows = _rows(reader, {target.id: target for target in targets}, columns, faults)
    _check_duplicates(rows, faults)
    if as_of is None:
        as_of = max((row.year for row in rows if not math.isnan(row.value)), default=None)
    courses = {target.id: Course(base=target.base) for target in targets}
    for row in rows:
        _place(row, courses[row.target.id], as_of, faults)
    for target in targets:
        if target.id in running_totals:
            _check_totals(target, rows, faults)
    if faults:
        raise ProgressError.of(faults)
    return courses, as_of, _fingerprint(rows)


def _fingerprint(rows: Sequence[_Row]) -> str:
    """Return the SHA-256 over targets, years, figures and notes: the same for any row order."""
    said = sorted(
        (row.target.id, row.year, repr(row.value), repr(row.base), row.note) for row in rows
    )
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _rows(
    reader: FrameReader,
    targets: Mapping[str, Target],
    columns: Mapping[str, str],
    faults: list[Any],
) -> list[_Row]:
    names = {role: columns.get(role, role) for role in COLUMNS}
    needed = COLUMNS[:3]
    for role in (*needed, *columns):
        reader.keys(names[role])  # says which column is missing
    years = reader.numbers(names["year"])
    values = reader.numbers(names["value"])
    there = {role: names[role] in reader.names for role in COLUMNS}
    bases = reader.numbers(names["base"]) if there["base"] else [math.nan] * len(reader)
    texts = {
        role: reader.keys(names[role]).tolist() if there[role] else [None] * len(reader)
        for role in ("target", "unit", "note")
    }
    rows = []
    for i, key in enumerate(texts["target"]):
        place = f"row {i + 1}"
        if not _text(key) and math.isnan(years[i]) and math.isnan(values[i]):
            continue  # an empty row of a spreadsheet
        target = targets.get(_text(key))
        if target is None:
            hint = nearest(_text(key)[:60], targets)
            faults.append((place, f"there is no target {_text(key)[:60]!r}; {hint}"))
            continue
        place = f"row {i + 1}, target {target.id!r}"
        year = _year(float(years[i]), place, faults)
        value, base = float(values[i]), float(bases[i])
        _check_unit(texts["unit"][i], target, place, faults)
        if year is None or not _sound(value, base, target, place, faults):
            continue
        rows.append(_Row(place, target, year, value, base, _text(texts["note"][i])))
    return rows


def _text(value: Any) -> str:
    """Return what a cell says; missing ones say nothing."""
    if value is None or value != value:
        return ""
    return unicodedata.normalize("NFC", str(value)).strip()


def _year(value: float, place: str, faults: list[Any]) -> int | None:
    if math.isfinite(value) and value == int(value) and FIRST_YEAR <= value <= LAST_YEAR:
        return int(value)
    said = "is missing" if math.isnan(value) else f"{value:g} is no calendar year"
    faults.append((place, f"year {said}"))
    return None


def _check_unit(given: Any, target: Target, place: str, faults: list[Any]) -> None:
    unit = _text(given)
    known = [_text(text) for text in target.data_unit.values()]
    if unit and known and unit.casefold() not in [text.casefold() for text in known]:
        wanted = " or ".join(repr(text) for text in dict.fromkeys(known))
        faults.append((place, f"the unit {unit[:40]!r} is not that of the target: {wanted}"))


def _sound(value: float, base: float, target: Target, place: str, faults: list[Any]) -> bool:
    """Check the figures of a row against what the target counts."""
    before = len(faults)
    counted = target.counting in ("cumulative", "growth")
    for name, figure in (("value", value), ("base", base)):
        if math.isinf(figure):
            faults.append((place, f"{name} is infinite"))
        elif abs(figure) > LARGEST:
            faults.append((place, f"{name} {figure:g} is too large to be meant"))
        elif counted and figure < 0:
            faults.append((place, f"{name} {figure:g} is a count below zero"))
    if target.operator == "milestone" and not (math.isnan(value) or 0.0 <= value <= 1.0):
        faults.append((place, f"value {value:g}: a milestone is 1 when reached, else below 1"))
    if target.counting == "growth" and base == 0:
        faults.append((place, "base 0: growth over it has no meaning"))
    if not math.isnan(base) and target.counting not in ("growth", "level"):
        faults.append((place, "this target has no base"))
    return len(faults) == before


def _check_duplicates(rows: Sequence[_Row], faults: list[Any]) -> None:
    seen: dict[tuple[str, int], str] = {}
    for row in rows:
        key = (row.target.id, row.year)
        if key in seen:
            faults.append((row.place, f"the year {row.year} stands already in {seen[key]}"))
        seen.setdefault(key, row.place.partition(",")[0])


def _place(row: _Row, course: Course, as_of: int | None, faults: list[Any]) -> None:
    """Put a row where it belongs: base, course, or aside."""
    if not math.isnan(row.base):
        _set_base(row, row.base, course, faults)
    if as_of is not None and row.year > as_of:
        course.later += 1
        return
    if row.note:
        course.notes.append((row.year, row.note))
    if math.isnan(row.value):
        return
    if row.year in row.target.years:
        course.values[row.year] = row.value
    elif row.year == row.target.base_year and row.target.counting in ("growth", "level"):
        if row.target.counting == "growth" and row.value == 0:
            faults.append((row.place, "base 0: growth over it has no meaning"))
            return
        _set_base(row, row.value, course, faults)
    else:
        course.outside += 1


def _set_base(row: _Row, base: float, course: Course, faults: list[Any]) -> None:
    known = course.base
    if known is not None and not math.isclose(known, base, rel_tol=_AGREE):
        faults.append((row.place, f"base {base:g} contradicts the base {known:g}"))
        return
    course.base = base


def _check_totals(target: Target, rows: Sequence[_Row], faults: list[Any]) -> None:
    if target.counting != "cumulative":
        faults.append((f"target {target.id!r}", "only cumulative targets have running totals"))
        return
    known = sorted(
        (row.year, row.value, row.place)
        for row in rows
        if row.target.id == target.id and not math.isnan(row.value) and row.year in target.years
    )
    for (_, earlier, _), (year, total, place) in pairwise(known):
        if total < earlier:
            faults.append(
                (place, f"the running total falls from {earlier:g} to {total:g} in {year}")
            )
