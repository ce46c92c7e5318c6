"""Tracking a plan: targets from a checked file, progress by year in, status out.

A target stands in one of six ways at the end of the year that is asked for (``as_of``); figures of
later years play no part.

``not_started``
    The year lies before the target's period.
``qualitative``
    The plan sets no number: what was done is told in words and cannot be measured.
``met``, ``on_course``, ``behind``, ``missing_data``
    As the target counts:

    *cumulative* (total since the start, against ≥, > or a corridor).
        *Met* as soon as the total satisfies the operator, even before the end: counts do not fall.
        *On course* before the end while the total is not below the path. The path is a straight
        line from zero at the end of the year before the start to the target at the end of the last
        year, unless the file gives one: ``path = { 2023 = 8 }`` sets figures for years and straight
        lines between them, ``path = "end"`` expects nothing before the end. A total with years
        missing is a lower bound: it may be met or on course, else it is *missing data*.
        *Behind* otherwise, which at the end is for good.
    *yearly*, *growth* (each year's figure, or its growth over the year before in percent).
        Every year of the period must satisfy the operator. *Behind* when one year does not: a
        missed year cannot be made up. Else *missing data* when the figure of a year so far is
        missing (for growth also that of the year before, or the base). Else *on course* before the
        end and *met* at the end.
    *level* (the latest figure).
        *Met* while the latest figure satisfies the operator; before the end it may be lost again.
        *On course* while it keeps to the path of its own year, which starts at the base;
        *missing data* without a figure, without base and path, or, once the period is over,
        without the figure of the last year. *Behind* otherwise.
    *direction*.
        Against the base: *on course* when the latest figure lies beyond it, *met* when that of the
        last year does, *behind* when it does not (the same is not raised); *missing data* without
        base or figure, or, once the period is over, without that of the last year.
    *milestone* (1 when reached, below 1 before).
        *Met* once a figure is 1. Before the end any figure below is *on course*: there is no path.
        At the end *behind* when the figure of the last year is below 1. Without a figure (at the
        end: that of the last year) *missing data*.

A corridor (``operator = "range"``) is satisfied from its lower end on; above its upper end it
counts as met too, and ``corridor`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfp_index.criteria import _plan_progress
from tfp_index.criteria._plan_file import Parsed, Target, parse
from tfp_index.criteria._plan_judge import STATUSES, judge
from tfp_index.criteria._plan_progress import ProgressError
from tfp_index.criteria._plan_report import PlanReport
from tfp_index.criteria._plan_status import PlanStatus
from tfp_index.criteria._plan_words import asked
from tfp_index.criteria._toml import file_text, save_text
from tfp_index.errors import DataError, SpecificationError, nearest
from tfp_index.language import language
from tfp_index.panel.frames import FrameReader
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.table import Table

__all__ = ["BUNDLED", "STATUSES", "Plan", "PlanReport", "PlanStatus", "ProgressError"]

BUNDLED = ("quang_ninh_203",)
"""Plans that come with the library."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Targets and reporting duties of a plan, as a file states them.

    Use `load` for a bundled plan or a file of your own.

    Examples
    --------
    >>> plan = Plan.load("quang_ninh_203")
    >>> plan["T2"].operator, plan["T2"].bound, plan["T2"].unit["en"]
    ('>', 1000.0, 'participations')
    >>> status = plan.track({"target": ["T1", "T1"], "year": [2021, 2022], "value": [5, 4]},
    ...                     as_of=2022)
    >>> status["T1"].status, status["T1"].value, status["T1"].expected, status["T1"].gap
    ('on_course', 9.0, 8.0, 1.0)
    >>> status.explain("T1", "en")
    '9 by the end of 2022, where 8 should have been reached.'
    """

    parsed: Parsed
    text: str

    @classmethod
    def load(cls, source: str | Path) -> Plan:
        """Read a plan.

        Parameters
        ----------
        source : str or path
            ``"quang_ninh_203"`` (Plan 203/KH-UBND of Quảng Ninh), or the path of a TOML file.

        Raises
        ------
        FileError
            If the file is absent, larger than a mebibyte, or not TOML.
        StructureError
            Listing every fault of the file with its place.
        """
        return cls.from_text(*file_text(source, "plans", BUNDLED, "plan"))

    @classmethod
    def from_text(cls, text: str, name: str = "of the text") -> Plan:
        """Read a plan from the text of a TOML file; errors as `load`."""
        return cls(parse(text, name), text)

    def save(self, path: str | Path) -> Path:
        """Write the file as it was read, to be edited and loaded again."""
        return save_text(self.text, path)

    @property
    def code(self) -> str:
        """Short name of the plan."""
        return str(self.parsed.head["code"])

    @property
    def version(self) -> str:
        """Version of the plan file."""
        return str(self.parsed.head["version"])

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every target, in the order of the file."""
        return self.parsed.targets

    def __getitem__(self, key: str) -> Target:
        for target in self.targets:
            if target.id == key:
                return target
        raise SpecificationError(
            f"there is no target {key!r}",
            code="unknown_target",
            remedy=nearest(key, [target.id for target in self.targets]),
        )

    def name(self, lang: str = "vi") -> str:
        """Return the title of the plan."""
        return language(lang).pick(self.parsed.head["name"])

    def note(self, lang: str = "vi") -> str:
        """Return what a reader must know about the file."""
        return language(lang).pick(self.parsed.head["note"])

    def table(self, lang: str = "vi") -> Table:
        """Return every target with what it asks for, how it counts, its source and status."""
        say_in = language(lang)
        rows = self.targets
        return Table(
            {
                "target": [t.id for t in rows],
                "name": [say_in.pick(t.name) for t in rows],
                "operator": [t.operator for t in rows],
                "asked": [asked(t, say_in) for t in rows],
                "value": [t.bound if t.counting else None for t in rows],
                "high": [t.high for t in rows],
                "unit": [say_in.pick(t.unit) for t in rows],
                "data_unit": [say_in.pick(t.data_unit) for t in rows],
                "counting": [t.counting for t in rows],
                "start": [t.start for t in rows],
                "end": [t.end for t in rows],
                "base": [t.base for t in rows],
                "base_required": [t.base_required for t in rows],
                "status": [t.status for t in rows],
                "period_status": [t.period_status for t in rows],
                "source": [say_in.pick(t.source) for t in rows],
                "interpretation": [say_in.pick(t.interpretation) for t in rows],
                "note": [say_in.pick(t.note) for t in rows],
            },
            title=self.name(lang),
            notes=(self.note(lang),) if self.note(lang) else (),
        )

    def template(self, lang: str = "vi") -> Table:
        """Return a table of progress data to fill in: a row for each target, year and base.

        Empty values are missing figures, so `track` takes it back however much is filled in.
        """
        say_in = language(lang)
        rows = [
            (target, year)
            for target in self.targets
            for year in (
                *((target.base_year,) if target.base_required and target.base is None else ()),
                *target.years,
            )
        ]
        return Table(
            {
                "target": [target.id for target, _ in rows],
                "year": [year for _, year in rows],
                "value": np.full(len(rows), np.nan),
                "unit": [say_in.pick(target.data_unit) for target, _ in rows],
                "note": [""] * len(rows),
                "name": [say_in.pick(target.name) for target, _ in rows],
            },
            title=self.name(lang),
        )

    def track(
        self,
        progress: Any,
        *,
        as_of: int | None = None,
        columns: Mapping[str, str] | None = None,
        running_totals: Sequence[str] = (),
    ) -> PlanStatus:
        """Say how every target stands.

        Parameters
        ----------
        progress : frame
            Columns ``target`` (id), ``year``, ``value``; optional ``base`` (figure of the year
            before the start; a row of that year does as well), ``unit`` (checked against the
            plan), ``note``. One row for each target and year. The value is that of the year
            alone: new experts, participations, enterprises; a level; for milestones 1 when
            reached. Empty values are missing figures, not zeros.
        as_of : int, optional
            The year at whose end the plan stands; default: the last year with a figure.
        columns : mapping, optional
            The caller's own names: ``{"target": "chỉ tiêu", "year": "năm"}``.
        running_totals : sequence of str
            Cumulative targets whose values are totals since the start already.

        Returns
        -------
        PlanStatus

        Raises
        ------
        DataError
            If a column is missing or holds no numbers.
        ProgressError
            Listing every fault of the data with its row: unknown targets, repeated years, wrong
            units, counts below zero, bases that contradict each other.
        SpecificationError
            If an option is not understood.
        """
        columns = dict(columns or {})
        for role in columns:
            if role not in _plan_progress.COLUMNS:
                raise SpecificationError(
                    f"there is no column {role!r} in progress data",
                    code="unknown_column",
                    remedy=nearest(role, _plan_progress.COLUMNS),
                )
        totals = (running_totals,) if isinstance(running_totals, str) else tuple(running_totals)
        for key in totals:
            self[key]
        if as_of is not None:
            as_of = _whole_year(as_of, "as_of")
        reader = FrameReader(progress)
        courses, year, fingerprint = _plan_progress.read(
            reader, self.targets, as_of=as_of, columns=columns, running_totals=totals
        )
        if year is None:
            raise DataError(
                "the progress data have no figure",
                code="no_figures",
                remedy="say the year: as_of=2025",
            )
        verdicts = {
            target.id: judge(target, courses[target.id], year, target.id in totals)
            for target in self.targets
        }
        return PlanStatus(
            plan=self,
            as_of=year,
            verdicts=ReadOnly(verdicts),
            courses=ReadOnly(courses),
            backend=reader.backend,
            fingerprint=fingerprint,
            running_totals=totals,
        )

    def report_year(self, year: int) -> PlanReport:
        """Return the reports that fall due in a year, and what each should hold.

        Plan 203 asks for a report every year, a mid-term review in 2025 (the year in which the
        plan for 2026–2030 is drawn up) and a final review in 2030. What each should hold is a
        proposal of this library, made of what `track` says:

        yearly
            the year's figures and the status of every target in its period; what is behind and
            what is needed in the following year; figures that are missing.
        mid-term
            the final word on targets whose period ends that year; where the others stand and what
            they need to the end; what the next period should take over.
        final
            the final word on every target; the figures of every year; figures never supplied.

        Examples
        --------
        >>> report = Plan.load("quang_ninh_203").report_year(2025)
        >>> report.kinds, report.ending
        (('yearly', 'mid_term'), ('T1', 'T2', 'T3', 'T4', 'T5', 'T6', 'T7'))
        """
        year = _whole_year(year, "year")
        due = tuple(duty for duty in self.parsed.duties if year in duty.years)
        return PlanReport(self, year, due)

    def __str__(self) -> str:
        return str(self.table("en"))

    def __repr__(self) -> str:
        return f"Plan({self.code!r}, {len(self.targets)} targets, version {self.version})"


def _whole_year(value: Any, name: str) -> int:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    raise SpecificationError(
        f"{name}={value!r} is not a year", code="bad_option", expected="a whole number like 2025"
    )
