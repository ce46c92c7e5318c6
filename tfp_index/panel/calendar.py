"""Calendar numbers: years, quarters, months, days or plain integers as one int64 axis."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels.ordering import distinct_values
from tfp_index.panel.frames import is_missing, period_ordinals

__all__ = ["Calendar", "read_calendar"]

Ints = NDArray[np.int64]

_TEXT = re.compile(r"^\s*(\d{4})(?:[-/ ]?(?:[Qq](\d)|(\d{1,2})(?:[-/](\d{1,2}))?))?\s*$")
FARTHEST = 2**40
"""Greatest distance of a period from zero: beyond it a number counts seconds, not periods."""
_UNITS = ("year", "quarter", "month", "day")


@dataclass(frozen=True, eq=False)
class Calendar:
    """The distinct periods of a panel and the caller's own way to write them.

    Attributes
    ----------
    frequency : {"integer", "year", "quarter", "month", "day"}
    numbers : (p,) int64 array, ascending
        Calendar numbers; consecutive periods differ by one.
    labels : (p,) array
        What the caller wrote for them.
    """

    frequency: str
    numbers: Ints
    labels: NDArray[Any]

    def label(self, numbers: Ints) -> NDArray[Any]:
        """Return the caller's labels of calendar numbers that occur in the panel."""
        if self.labels is self.numbers:
            return numbers.copy()
        return self.labels[np.searchsorted(self.numbers, numbers)]

    def number(self, label: Any) -> int:
        """Return the calendar number of a label; integers are taken as they are.

        Raises
        ------
        DataError
            If the label is no period of this calendar.
        """
        for number, known in zip(self.numbers.tolist(), self.labels.tolist(), strict=True):
            if known == label or str(known) == str(label):
                return int(number)
        if self.frequency in ("integer", "year") and isinstance(label, (int, np.integer)):
            return int(label)
        raise DataError(
            f"{label!r} is not a period of this panel",
            code="unknown_period",
            time=label,
            expected=f"a value between {self.labels[0]!s} and {self.labels[-1]!s}"
            if self.labels.size
            else "a period (the panel is empty)",
        )

    def write(self, number: int) -> Any:
        """Return the caller's label of one calendar number, or the plain number if unseen."""
        place = int(np.searchsorted(self.numbers, number))
        if place < self.numbers.size and self.numbers[place] == number:
            label = self.labels[place]
            return label.item() if hasattr(label, "item") else label
        return int(number)

    def write_all(self, numbers: Ints) -> NDArray[Any]:
        """Return the caller's label, or the plain number, of each calendar number."""
        distinct, place = np.unique(numbers, return_inverse=True)
        written = [self.write(int(number)) for number in distinct]
        if all(isinstance(label, int) for label in written):
            return np.array(written, np.int64)[place]
        labels = np.empty(len(written), object)
        labels[:] = written
        return labels[place]


def read_calendar(
    values: NDArray[Any], column: str, frequency: str | None = None
) -> tuple[Ints, NDArray[np.bool_], Calendar]:
    """Turn a time column into calendar numbers.

    Integers are taken as they are. Dates and texts such as ``2020``, ``2020Q1``, ``2020-03`` or
    ``2020-03-31`` are counted in the coarsest unit that keeps them apart in the way they are
    written, unless `frequency` says otherwise.

    Parameters
    ----------
    values : (n,) int64, datetime64 or object array
    column : str
        The caller's name of the column, for messages.
    frequency : {"year", "quarter", "month", "day"}, optional

    Returns
    -------
    numbers : (n,) int64 array
    missing : (n,) bool array
    calendar : Calendar

    Raises
    ------
    DataError
        If an entry is no period.

    Examples
    --------
    >>> numbers, missing, calendar = read_calendar(np.array(["2020Q4", "2021Q1"], object), "t")
    >>> numbers.tolist(), calendar.frequency
    ([8083, 8084], 'quarter')
    """
    n = values.shape[0]
    if values.dtype.kind == "i":
        _require_near(values, column)
        return values, np.zeros(n, bool), _calendar("integer", values, values)
    if values.dtype.kind == "M":
        missing = np.isnat(values)
        numbers, unit = _from_dates(values[~missing], frequency)
        return _spread(numbers, missing, unit, values)
    periods = period_ordinals(values)
    if periods is not None:
        missing = np.array([v is None for v in periods[0].tolist()], bool)
        unit = {"Y": "year", "A": "year", "Q": "quarter", "M": "month"}.get(periods[1], "day")
        return _spread(periods[0][~missing].astype(np.int64), missing, unit, values)
    missing = np.array([is_missing(v) for v in values.tolist()], bool)
    present = values[~missing]
    if all(isinstance(v, (int, np.integer)) for v in present.tolist()):
        _require_near(present, column)
        return _spread(present.astype(np.int64), missing, "integer", values)
    numbers, unit = _from_texts(present, column, frequency)
    return _spread(numbers, missing, unit, values)


def _require_near(periods: NDArray[Any], column: str) -> None:
    """Refuse numbers that count no periods; differences between them must not overflow."""
    if not periods.size:
        return
    for extreme in (periods.min(), periods.max()):
        if abs(int(extreme)) > FARTHEST:
            raise DataError(
                f"{int(extreme)} is no period",
                code="not_a_period",
                column=column,
                time=int(extreme),
                expected="years, or numbers of periods",
                remedy="turn time stamps into dates",
            )


def _calendar(unit: str, numbers: Ints, labels: NDArray[Any]) -> Calendar:
    if numbers is labels:
        distinct = distinct_values(numbers)
        return Calendar(unit, distinct, distinct)
    distinct, first = np.unique(numbers, return_index=True)
    return Calendar(unit, distinct, labels[first])


def _spread(
    numbers: Ints, missing: NDArray[np.bool_], unit: str, values: NDArray[Any]
) -> tuple[Ints, NDArray[np.bool_], Calendar]:
    full = np.zeros(missing.shape[0], np.int64)
    full[~missing] = numbers
    return full, missing, _calendar(unit, numbers, values[~missing])


def _in_unit(days: NDArray[np.datetime64], unit: str) -> Ints:
    months = days.astype("datetime64[M]").astype(np.int64) + 1970 * 12
    if unit == "year":
        return months // 12
    if unit == "quarter":
        return months // 3
    if unit == "month":
        return months
    return days.astype("datetime64[D]").astype(np.int64)


def _from_dates(days: NDArray[np.datetime64], frequency: str | None) -> tuple[Ints, str]:
    if frequency is not None:
        return _in_unit(days, frequency), frequency
    distinct = np.unique(days.astype("datetime64[D]"))
    months = distinct.astype("datetime64[M]").astype(np.int64) + 1970 * 12
    for unit in ("year", "quarter", "month"):
        width = {"year": 12, "quarter": 3, "month": 1}[unit]
        # the unit fits if every date stands in the same month of it, once
        same_place = np.unique(months % width).size <= 1
        if same_place and np.unique(months // width).size == distinct.size:
            return _in_unit(days, unit), unit
    return _in_unit(days, "day"), "day"


def _from_texts(texts: NDArray[Any], column: str, frequency: str | None) -> tuple[Ints, str]:
    distinct = sorted({str(v) for v in texts.tolist()})
    days: dict[str, np.datetime64] = {}
    finest = 0
    for text in distinct:
        match = _TEXT.match(text)
        day, depth = _parse(match) if match else (None, 0)
        if day is None:
            raise DataError(
                f"{text[:40]!r} in column {column!r} is not a period",
                code="not_a_period",
                column=column,
                expected="an integer, a date, or a text like 2020, 2020Q1, 2020-03, 2020-03-31",
            )
        days[text] = day
        finest = max(finest, depth)
    stamps = np.array([days[str(v)] for v in texts.tolist()], "datetime64[D]")
    if frequency is None and finest == 3:
        return _from_dates(stamps, None)
    unit = frequency or _UNITS[finest]
    return _in_unit(stamps, unit), unit


def _parse(match: re.Match[str]) -> tuple[np.datetime64 | None, int]:
    year, quarter, month, day = match.groups()
    if quarter:
        if quarter not in "1234":
            return None, 0
        return np.datetime64(f"{year}-{3 * int(quarter) - 2:02d}-01"), 1
    depth = 3 if day else 2 if month else 0
    try:
        return np.datetime64(f"{year}-{int(month or 1):02d}-{int(day or 1):02d}"), depth
    except ValueError:
        return None, 0
