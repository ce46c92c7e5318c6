"""How a target stands: one function per way of counting. The rules are told in `programme`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tfp_index.criteria._plan_file import Target
from tfp_index.criteria._plan_progress import Course

__all__ = ["STATUSES", "Said", "Verdict", "expected_by", "judge"]

STATUSES = ("met", "on_course", "behind", "missing_data", "qualitative", "not_started")

SLACK = 1e-9
"""Relative allowance where a computed rate or path meets its bound exactly but for rounding."""

NAN = math.nan

Said = tuple[str, Mapping[str, Any]]
"""A sentence: its key in the catalogue below ``plan.`` and the numbers that it names."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a target stands at the end of a year.

    Attributes
    ----------
    status : str
        One of `STATUSES`.
    value : float
        What is compared with the target: the running total, the rate or the figure of the latest
        year; NaN where there is none.
    value_year : int or None
        The year that the value belongs to.
    expected : float
        What the plan expects by then; NaN where it expects no number.
    remaining : float
        From the value to the target, positive while it is not reached.
    corridor : {"below", "inside", "above", ""}
    over : bool
        Whether the period has ended.
    series : mapping of year to float
        The figure of each year in the unit of the target: running totals, rates, levels.
    base : float or None
    missing, failed : tuple of int
        Years without a figure, and years that do not hold what is asked of each year.
    why, needed : tuple of Said
    """

    status: str
    value: float = NAN
    value_year: int | None = None
    expected: float = NAN
    remaining: float = NAN
    corridor: str = ""
    over: bool = False
    series: Mapping[int, float] = field(default_factory=dict)
    base: float | None = None
    missing: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    why: tuple[Said, ...] = ()
    needed: tuple[Said, ...] = ()

    @property
    def gap(self) -> float:
        """The value less what is expected by then."""
        return self.value - self.expected


def judge(target: Target, course: Course, as_of: int, running_total: bool = False) -> Verdict:
    """Return how a target stands at the end of the year `as_of`."""
    if as_of < target.start:
        return Verdict("not_started", base=course.base, why=(("why.not_started", {}),))
    if target.operator == "qualitative":
        return Verdict(
            "qualitative",
            over=as_of >= target.end,
            why=(("why.qualitative", {}),),
            needed=(("needed.words", {}),),
        )
    if target.operator == "milestone":
        return _milestone(target, course, as_of)
    if target.operator == "direction":
        return _direction(target, course, as_of)
    if target.counting == "cumulative":
        return _cumulative(target, course, as_of, running_total)
    if target.counting == "level":
        return _level(target, course, as_of)
    return _each_year(target, course, as_of)


def expected_by(target: Target, year: int, base: float | None) -> float:
    """Return what is expected by the end of a year; NaN where the plan has no path.

    Counts start from zero, levels from their base; between the points of the path the line is
    straight, after the end it is level.
    """
    assert target.bound is not None
    points: list[tuple[int, float]] = []
    if target.counting == "cumulative":
        points.append((target.base_year, 0.0))
    elif base is not None:
        points.append((target.base_year, base))
    if target.path == ():
        return target.bound if year >= target.end else NAN
    points += target.path or ((target.end, target.bound),)
    year = min(year, target.end)
    if year < points[0][0] or (len(points) == 1 and year < target.end):
        return NAN
    for (left, low), (right, high) in pairwise(points):
        if left <= year <= right:
            return low + (high - low) * (year - left) / (right - left)
    return points[-1][1]


def _slack(value: float) -> float:
    return SLACK * max(1.0, abs(value))


def _ahead(target: Target, value: float, expected: float) -> bool:
    """Say whether a value keeps to the path; where nothing is expected, it does."""
    if math.isnan(expected):
        return True
    gap = value - expected if target.upward else expected - value
    return gap >= -_slack(expected)


def _corridor(target: Target, value: float) -> str:
    if target.high is None or target.bound is None or math.isnan(value):
        return ""
    if value < target.bound - _slack(target.bound):
        return "below"
    return "above" if value > target.high + _slack(target.high) else "inside"


def _remaining(target: Target, value: float) -> float:
    assert target.bound is not None
    return target.bound - value if target.upward else value - target.bound


def _cumulative(target: Target, course: Course, as_of: int, running_total: bool) -> Verdict:
    over = as_of >= target.end
    until = min(as_of, target.end)
    wanted = range(target.start, until + 1)
    years = sorted(course.values)
    missing: tuple[int, ...]
    if running_total:
        series = {year: course.values[year] for year in years}
        missing = () if until in course.values else (until,)
    else:
        series = {year: math.fsum(course.values[y] for y in years if y <= year) for year in years}
        missing = tuple(year for year in wanted if year not in course.values)
    total = series[years[-1]] if years else NAN
    expected = expected_by(target, until, None)
    reached = bool(years) and target.holds(total)
    if reached:
        status = "met"
    elif years and not over and _ahead(target, total, expected):
        status = "on_course"  # a total with years missing is a lower bound: it is enough
    else:
        status = "missing_data" if missing else "behind"
    remaining = _remaining(target, total if years else 0.0)
    return Verdict(
        status,
        value=total,
        value_year=years[-1] if years else None,
        expected=expected,
        remaining=remaining,
        corridor=_corridor(target, total),
        over=over,
        series=series,
        missing=missing,
        why=_why_total(target, total, until, expected, missing, reached),
        needed=_needed_total(target, remaining, as_of, over, missing, status),
    )


def _why_total(
    target: Target,
    total: float,
    until: int,
    expected: float,
    missing: tuple[int, ...],
    reached: bool,
) -> tuple[Said, ...]:
    said: list[Said] = []
    if not math.isnan(total):
        key = "reached" if reached else "no_path" if math.isnan(expected) else "expected"
        said.append((f"why.total_{key}", {"value": total, "year": until, "expected": expected}))
    if missing:
        said.append(("why.missing", {"years": missing}))
    return tuple(said)


def _needed_total(
    target: Target,
    remaining: float,
    as_of: int,
    over: bool,
    missing: tuple[int, ...],
    status: str,
) -> tuple[Said, ...]:
    said: list[Said] = []
    if missing:
        said.append(("needed.figures", {"years": missing}))
    if status == "met":
        return ()
    more = "more_than" if target.operator == ">" else "more"
    if over:
        if status == "behind":
            said.append(("needed.short", {"remaining": remaining}))
    else:
        rate = remaining / (target.end - as_of)
        said.append((f"needed.{more}", {"remaining": remaining, "rate": rate}))
    return tuple(said)


def _rates(target: Target, course: Course, until: int) -> dict[int, float]:
    """Return the figure of each year that is judged: itself, or its growth in percent."""
    if target.counting == "yearly":
        return dict(sorted(course.values.items()))
    counts = dict(course.values)
    if course.base is not None:
        counts[target.base_year] = course.base
    return {
        year: 100.0 * (counts[year] - counts[year - 1]) / counts[year - 1]
        for year in range(target.start, until + 1)
        if year in counts and counts.get(year - 1, 0.0) > 0.0
    }


def _each_year(target: Target, course: Course, as_of: int) -> Verdict:
    over = as_of >= target.end
    until = min(as_of, target.end)
    rates = _rates(target, course, until)
    assert target.bound is not None
    slack = _slack(target.bound) if target.counting == "growth" else 0.0
    # computed rates: "above 10" wants more than rounding above it, "at least 10" forgives rounding
    failed = tuple(year for year, rate in rates.items() if not target.holds(rate, slack))
    missing = tuple(y for y in range(target.start, until + 1) if y not in rates)
    if failed:
        status = "behind"
    elif missing:
        status = "missing_data"
    else:
        status = "met" if over else "on_course"
    latest = max(rates, default=None)
    value = NAN if latest is None else rates[latest]
    return Verdict(
        status,
        value=value,
        value_year=latest,
        expected=target.bound,
        remaining=_remaining(target, value),
        corridor=_corridor(target, value),
        over=over,
        series=rates,
        base=course.base,
        missing=missing,
        failed=failed,
        why=_why_each(target, course, rates, failed, missing),
        needed=_needed_each(target, course, as_of, over, missing, failed),
    )


def _why_each(
    target: Target,
    course: Course,
    rates: Mapping[int, float],
    failed: tuple[int, ...],
    missing: tuple[int, ...],
) -> tuple[Said, ...]:
    said: list[Said] = []
    if rates:
        latest = max(rates)
        where = _corridor(target, rates[latest])
        key = where or ("fails" if latest in failed else "holds")
        said.append((f"why.each_{key}", {"value": rates[latest], "year": latest}))
        if failed:
            said.append(("why.failed", {"years": failed}))
        elif not missing and len(rates) > 1:
            said.append(("why.all_hold", {"year": latest}))
        if target.counting == "growth" and course.base and latest > target.start:
            ratio = course.values[latest] / course.base
            mean = 100.0 * (ratio ** (1.0 / (latest - target.base_year)) - 1.0)
            said.append(("why.mean_growth", {"value": mean, "year": latest}))
    if target.counting == "growth" and course.base is None:
        said.append(("why.no_base", {}))
    if missing:
        key = "no_rate" if target.counting == "growth" else "missing"
        said.append((f"why.{key}", {"years": missing}))
    return tuple(said)


def _needed_each(
    target: Target,
    course: Course,
    as_of: int,
    over: bool,
    missing: tuple[int, ...],
    failed: tuple[int, ...],
) -> tuple[Said, ...]:
    said: list[Said] = []
    if target.counting == "growth" and course.base is None:
        said.append(("needed.base", {}))
    absent = tuple(year for year in missing if year not in course.values)
    if absent:
        said.append(("needed.figures", {"years": absent}))
    if over:
        return (*said, ("needed.years_missed", {"years": failed})) if failed else tuple(said)
    known = course.values.get(as_of)
    sign = {">": "above", "≤": "at_most", "<": "under"}.get(target.operator, "at_least")
    if target.counting == "yearly":
        said.append((f"needed.each_{sign}", {"year": as_of + 1, "value": target.bound}))
    elif known and target.bound is not None:
        count = known * (1.0 + target.bound / 100.0)
        if known == int(known):  # whole enterprises
            slack = _slack(count)
            count = math.ceil(count - slack) if target.upward else math.floor(count + slack)
        said.append((f"needed.count_{sign}", {"year": as_of + 1, "value": float(count)}))
    return tuple(said)


def _latest(course: Course) -> tuple[int | None, float]:
    latest = max(course.values, default=None)
    return latest, NAN if latest is None else course.values[latest]


def _level(target: Target, course: Course, as_of: int) -> Verdict:
    over = as_of >= target.end
    latest, value = _latest(course)
    expected = NAN if latest is None else expected_by(target, latest, course.base)
    lacks_base = course.base is None and (target.base_required or target.path is None)
    reached = latest is not None and target.holds(value)
    final = latest == target.end
    missing = () if latest == min(as_of, target.end) else (min(as_of, target.end),)
    if latest is None or (over and not final):
        status = "missing_data"
    elif reached:
        status = "met"
    elif over:
        status = "behind"
    elif lacks_base:
        status = "missing_data"
    else:
        status = "on_course" if _ahead(target, value, expected) else "behind"
    why: list[Said] = []
    if latest is not None:
        key = "reached" if reached else "no_path" if math.isnan(expected) else "expected"
        why.append((f"why.level_{key}", {"value": value, "year": latest, "expected": expected}))
    needed: list[Said] = []
    if missing and status != "met":
        why.append(("why.missing", {"years": missing}))
        needed.append(("needed.figures", {"years": missing}))
    if lacks_base and status == "missing_data" and not over:
        why.append(("why.no_base", {}))
        needed.append(("needed.base", {}))
    if latest is not None and status in ("on_course", "behind"):
        key = (
            "needed.short"
            if over
            else "needed.change_up"
            if target.upward
            else "needed.change_down"
        )
        needed.append((key, {"remaining": _remaining(target, value)}))
    return Verdict(
        status,
        value=value,
        value_year=latest,
        expected=expected,
        remaining=_remaining(target, value),
        corridor=_corridor(target, value),
        over=over,
        series=dict(sorted(course.values.items())),
        base=course.base,
        missing=missing,
        why=tuple(why),
        needed=tuple(needed),
    )


def _direction(target: Target, course: Course, as_of: int) -> Verdict:
    over = as_of >= target.end
    latest, value = _latest(course)
    missing = () if latest == min(as_of, target.end) else (min(as_of, target.end),)
    base = NAN if course.base is None else course.base
    moved = value - base if target.upward else base - value
    if math.isnan(moved) or (over and latest != target.end):
        status = "missing_data"
    elif moved > 0.0:
        status = "met" if over else "on_course"
    else:
        status = "behind"
    why: list[Said] = []
    needed: list[Said] = []
    if not math.isnan(moved):
        key = "higher" if value > base else "lower" if value < base else "same"
        why.append((f"why.direction_{key}", {"value": value, "year": latest, "base": base}))
    elif latest is not None:
        why.append(("why.direction_alone", {"value": value, "year": latest}))
    if course.base is None:
        why.append(("why.no_base", {}))
        needed.append(("needed.base", {}))
    if missing:
        why.append(("why.missing", {"years": missing}))
        needed.append(("needed.figures", {"years": missing}))
    if course.base is not None and not over:
        key = "needed.above_base" if target.upward else "needed.below_base"
        needed.append((key, {"base": base}))
    elif status == "behind":
        key = "needed.not_above_base" if target.upward else "needed.not_below_base"
        needed.append((key, {"base": base}))
    return Verdict(
        status,
        value=value,
        value_year=latest,
        expected=base,
        over=over,
        series=dict(sorted(course.values.items())),
        base=course.base,
        missing=missing,
        why=tuple(why),
        needed=tuple(needed),
    )


def _milestone(target: Target, course: Course, as_of: int) -> Verdict:
    over = as_of >= target.end
    latest, value = _latest(course)
    done = min((year for year, share in course.values.items() if share >= 1.0), default=None)
    missing: tuple[int, ...] = ()
    why: tuple[Said, ...]
    needed: tuple[Said, ...] = ()
    if done is not None:
        status, latest, value = "met", done, 1.0
        why = (("why.milestone_met", {"year": done}),)
    elif latest is None or (over and latest != target.end):
        missing = (min(as_of, target.end),)
        status, why = "missing_data", (("why.missing", {"years": missing}),)
        needed = (("needed.figures", {"years": missing}),)
    elif over:
        status, why = "behind", (("why.milestone_overdue", {}),)
        needed = (("needed.milestone_overdue", {}),)
    else:
        status, why = "on_course", (("why.milestone_open", {"year": latest}),)
        needed = (("needed.milestone", {}),)
    return Verdict(
        status,
        value=value,
        value_year=latest,
        expected=1.0 if over else NAN,
        remaining=1.0 - value,
        over=over,
        series=dict(sorted(course.values.items())),
        missing=missing,
        why=why,
        needed=needed,
    )
