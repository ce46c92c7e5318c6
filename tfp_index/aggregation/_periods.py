"""Which pairs of periods to compare, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, SpecificationError
from tfp_index.panel.keys import Keys
from tfp_index.panel.panel import Panel

__all__ = ["Pairs", "read_pairs", "read_periods"]

ADJACENT = "adjacent"
LONG = "long"
CHAINED = "chained"


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of periods.

    Attributes
    ----------
    numbers : (P, 2) int array
        Calendar numbers.
    start, end : (P,) object arrays
        The caller's labels.
    kind : (P,) object array
        ``"adjacent"`` where no period of the panel lies between, else ``"long"``.
    breaks : (P,) object array
        The change of frame that lies between, or "".
    """

    numbers: NDArray[np.int64]
    start: NDArray[Any]
    end: NDArray[Any]
    kind: NDArray[Any]
    breaks: NDArray[Any]

    def __len__(self) -> int:
        return int(self.numbers.shape[0])


def read_pairs(panel: Panel, periods: Any, frame_breaks: Sequence[Any] = ()) -> Pairs:
    """Read the pairs asked for; see `read_periods`."""
    return read_periods(panel.keys, periods, frame_breaks)


def read_periods(keys: Keys, periods: Any, frame_breaks: Sequence[Any] = ()) -> Pairs:
    """Read the pairs asked for.

    Parameters
    ----------
    keys : Keys
    periods : None, ``"adjacent"`` or sequence of (start, end)
        None stands for all adjacent pairs of the periods that are there.
    frame_breaks : sequence of periods
        First periods of a new survey frame.

    Raises
    ------
    DataError
        If a period is not in the panel, or there are fewer than two.
    SpecificationError
        If a pair is no pair, runs backwards or is given twice.
    """
    calendar = keys.calendar
    there = calendar.numbers.tolist()
    if periods is None or periods == ADJACENT:
        if len(there) < 2:
            raise DataError(
                f"the panel has {len(there)} period(s); a change needs two",
                code="too_few_periods",
                column=keys.names["time"],
            )
        wanted = list(pairwise(there))
    else:
        wanted = [_numbers(keys, pair) for pair in _as_list(periods)]
        if len(set(wanted)) < len(wanted):
            raise SpecificationError("a pair of periods is given twice", code="pair_twice")
    broken = [(calendar.number(b), b) for b in frame_breaks]
    breaks = [next((str(b) for n, b in broken if t1 < n <= t2), "") for t1, t2 in wanted]
    between = [any(t1 < t < t2 for t in there) for t1, t2 in wanted]
    return Pairs(
        numbers=np.array(wanted, np.int64),
        start=_objects([calendar.write(t1) for t1, _ in wanted]),
        end=_objects([calendar.write(t2) for _, t2 in wanted]),
        kind=_objects([LONG if b else ADJACENT for b in between]),
        breaks=_objects(breaks),
    )


def _as_list(periods: Any) -> list[Any]:
    if isinstance(periods, str) or not isinstance(periods, Sequence):
        raise SpecificationError(
            f"periods={periods!r} is not a list of pairs",
            code="bad_periods",
            column="periods",
            expected="[(start, end), …], or None for all adjacent periods",
        )
    if not periods:
        raise SpecificationError("periods is empty", code="bad_periods", column="periods")
    return list(periods)


def _numbers(keys: Keys, pair: Any) -> tuple[int, int]:
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise SpecificationError(
            f"{pair!r} is not a pair of periods",
            code="bad_periods",
            column="periods",
            expected="(start, end)",
        )
    calendar = keys.calendar
    start, end = (calendar.number(label) for label in pair)
    for number, label in ((start, pair[0]), (end, pair[1])):
        if number not in calendar.numbers:
            raise DataError(
                f"no row of the panel is of period {label!r}",
                code="unknown_period",
                time=label,
                expected=f"one of {', '.join(map(str, calendar.labels.tolist()[:20]))}",
            )
    if start >= end:
        raise SpecificationError(
            f"the pair {tuple(pair)!r} runs backwards",
            code="bad_periods",
            column="periods",
            expected="the earlier period first",
        )
    return start, end


def _objects(values: list[Any]) -> NDArray[Any]:
    out = np.empty(len(values), object)
    out[:] = values
    return out
