"""How a plan stands: a verdict for each target, as tables and as plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tfp_index._version import __version__
from tfp_index.criteria._plan_file import Target
from tfp_index.criteria._plan_judge import STATUSES, Verdict
from tfp_index.criteria._plan_progress import Course
from tfp_index.criteria._plan_report import PlanReport
from tfp_index.criteria._plan_words import asked, figure, gap, say
from tfp_index.errors import SpecificationError, nearest
from tfp_index.language import language
from tfp_index.panel.table import Table, plain

if TYPE_CHECKING:
    from tfp_index.criteria.programme import Plan

__all__ = ["PlanStatus"]


@dataclass(frozen=True, eq=False)
class PlanStatus:
    """How the targets of a plan stand at the end of a year.

    Attributes
    ----------
    plan : Plan
    as_of : int
    verdicts : mapping of target to Verdict
        Status, value, expected, gap, remaining, corridor, series, base, missing and failed years.
    courses : mapping of target to Course
        The figures and notes that were read.
    backend : str
        Frame library of the progress data.
    fingerprint : str
        SHA-256 of the progress data, the same for any order of their rows.
    running_totals : tuple of str
        Targets whose figures were given as totals since the start.
    """

    plan: Plan
    as_of: int
    verdicts: Mapping[str, Verdict]
    courses: Mapping[str, Course]
    backend: str = "pandas"
    fingerprint: str = ""
    running_totals: tuple[str, ...] = ()

    @property
    def record(self) -> dict[str, Any]:
        """Everything needed to make the same status again from the same data, as plain data."""
        return {
            "plan": self.plan.code,
            "plan_version": self.plan.version,
            "plan_file": hashlib.sha256(self.plan.text.encode()).hexdigest(),
            "library": f"tfp_index {__version__}",
            "as_of": self.as_of,
            "running_totals": list(self.running_totals),
            "fingerprint": self.fingerprint,
        }

    def __getitem__(self, key: str) -> Verdict:
        return self.verdicts[self.plan[key].id]

    def having(self, status: str) -> tuple[str, ...]:
        """Return the targets that have a status, one of `STATUSES`."""
        if status not in STATUSES:
            raise SpecificationError(
                f"there is no status {status!r}",
                code="unknown_status",
                remedy=nearest(status, STATUSES),
            )
        return tuple(key for key, verdict in self.verdicts.items() if verdict.status == status)

    @cached_property
    def report(self) -> PlanReport:
        """The reports that fall due in this year."""
        return self.plan.report_year(self.as_of)

    @property
    def left_aside(self) -> tuple[int, int]:
        """Figures of later years, and figures outside the period of their target."""
        found = self.courses.values()
        return sum(c.later for c in found), sum(c.outside for c in found)

    def explain(self, key: str, lang: str = "vi") -> str:
        """Say why a target stands as it does."""
        return say(self[key].why, self.plan[key], language(lang))

    def needed(self, key: str, lang: str = "vi") -> str:
        """Say what a target needs next."""
        said = self[key].needed
        if not said and self[key].status == "met":
            said = (("needed.nothing", {}),)
        return say(said, self.plan[key], language(lang))

    def table(self, lang: str = "vi") -> Table:
        """Return one row for each target.

        Columns: ``target``, ``name``, ``operator``, ``asked``, ``unit``, ``start``, ``end``,
        ``status`` (one of `STATUSES`), ``status_name``, ``value`` and the ``value_year`` it
        belongs to, ``target_value``, ``expected`` by then, ``gap`` (value less expected),
        ``remaining`` (from the value to the target), ``corridor`` (below, inside, above),
        ``period_over``, ``explanation``, ``needed``.
        """
        say_in = language(lang)
        targets, found = self.plan.targets, list(self.verdicts.values())
        years = [np.nan if v.value_year is None else v.value_year for v in found]
        return Table(
            {
                "target": [t.id for t in targets],
                "name": [say_in.pick(t.name) for t in targets],
                "operator": [t.operator for t in targets],
                "asked": [asked(t, say_in) for t in targets],
                "unit": [say_in.pick(t.unit) for t in targets],
                "start": [t.start for t in targets],
                "end": [t.end for t in targets],
                "status": [v.status for v in found],
                "status_name": [say_in.text(f"plan.status.{v.status}") for v in found],
                "value": _floats(v.value for v in found),
                "value_year": _floats(years),
                "target_value": _floats(np.nan if t.bound is None else t.bound for t in targets),
                "expected": _floats(v.expected for v in found),
                "gap": _floats(v.gap for v in found),
                "remaining": _floats(v.remaining for v in found),
                "corridor": [v.corridor for v in found],
                "period_over": [v.over for v in found],
                "explanation": [self.explain(t.id, lang) for t in targets],
                "needed": [self.needed(t.id, lang) for t in targets],
            },
            title=self.title(lang),
            notes=self.remarks(lang),
            backend=self.backend,
        )

    def title(self, lang: str = "vi") -> str:
        """Return plan and year as a heading."""
        number_ = self.plan.parsed.head["number"] or self.plan.code
        return language(lang).text("plan.title", number=number_, year=self.as_of)

    def remarks(self, lang: str = "vi") -> tuple[str, ...]:
        """Say which figures were left aside."""
        say_in = language(lang)
        counts = zip(("later", "outside"), self.left_aside, strict=True)
        return tuple(
            say_in.text(f"plan.remark.{key}", count=say_in.integer(count), year=self.as_of)
            for key, count in counts
            if count
        )

    def series(self) -> Table:
        """Return the figure of each target and year, as the target counts: one row for each."""
        rows = [
            (key, year, value)
            for key, verdict in self.verdicts.items()
            for year, value in verdict.series.items()
        ]
        return Table(
            {
                "target": [key for key, _, _ in rows],
                "year": np.array([year for _, year, _ in rows], dtype=np.int64),
                "value": _floats(value for _, _, value in rows),
            },
            backend=self.backend,
        )

    def to_frame(self, backend: str | None = None, *, lang: str = "vi") -> Any:
        """Return `table` as a frame of the caller's library, or of the one named."""
        return self.table(lang).to_frame(backend)

    def to_dict(self, *, notes: bool = True) -> dict[str, Any]:
        """Return plan, year, and every target as plain data, without texts of a language.

        Parameters
        ----------
        notes : bool
            Whether to include what was reported in words, which may name enterprises.
        """
        later, outside = self.left_aside
        return {
            **self.record,
            "counts": {status: len(self.having(status)) for status in STATUSES},
            "left_aside": {"later": later, "outside": outside},
            "targets": [self._target_dict(target, notes) for target in self.plan.targets],
            "report": self.report.to_dict(),
        }

    def _target_dict(self, target: Target, notes: bool) -> dict[str, Any]:
        verdict, course = self.verdicts[target.id], self.courses[target.id]
        found: dict[str, Any] = plain(
            {
                "target": target.id,
                "operator": target.operator,
                "counting": target.counting,
                "target_value": target.bound,
                "high": target.high,
                "start": target.start,
                "end": target.end,
                "status": verdict.status,
                "value": verdict.value,
                "value_year": verdict.value_year,
                "expected": verdict.expected,
                "gap": verdict.gap,
                "remaining": verdict.remaining,
                "corridor": verdict.corridor,
                "period_over": verdict.over,
                "base": verdict.base,
                "series": verdict.series,
                "missing_years": verdict.missing,
                "failed_years": verdict.failed,
                **({"notes": course.notes} if notes else {}),
            }
        )
        return found

    def overview(self, lang: str = "vi") -> Table:
        """Return the table to read, every cell written in the language."""
        say_in = language(lang)
        columns: dict[str, list[str]] = {}
        for target in self.plan.targets:
            verdict = self.verdicts[target.id]
            cells = {
                "target": target.id,
                "name": say_in.pick(target.name),
                "asked": asked(target, say_in),
                "period": f"{target.start}–{target.end}",
                "status": say_in.text(f"plan.status.{verdict.status}"),
                "value": figure(verdict.value, target, say_in),
                "expected": figure(verdict.expected, target, say_in),
                "gap": gap(verdict.gap, target, say_in),
                "why": self.explain(target.id, lang),
                "needed": self.needed(target.id, lang),
            }
            for key, cell in cells.items():
                columns.setdefault(say_in.text(f"plan.column.{key}"), []).append(cell)
        return Table(columns, title=self.title(lang), notes=self.remarks(lang))

    def __str__(self) -> str:
        return str(self.overview("en"))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.overview("vi")._repr_html_()


def _floats(values: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array(list(values), dtype=np.float64)
