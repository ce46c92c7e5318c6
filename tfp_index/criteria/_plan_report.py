"""Reports that a plan asks for in a year, and what each should hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfp_index.criteria._plan_file import Duty
from tfp_index.language import language
from tfp_index.panel.table import Table

if TYPE_CHECKING:
    from tfp_index.criteria.programme import Plan

__all__ = ["PlanReport"]


@dataclass(frozen=True, eq=False)
class PlanReport:
    """Reports that fall due in a year.

    Attributes
    ----------
    plan : Plan
    year : int
    duties : tuple of Duty
        Empty where the plan asks for none.
    """

    plan: Plan
    year: int
    duties: tuple[Duty, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of report: ``"yearly"``, ``"mid_term"``, ``"final"``."""
        return tuple(duty.kind for duty in self.duties)

    @property
    def open(self) -> tuple[str, ...]:
        """Targets whose period holds the year."""
        return tuple(t.id for t in self.plan.targets if self.year in t.years)

    @property
    def ending(self) -> tuple[str, ...]:
        """Targets whose period ends in the year: they get the final word."""
        return tuple(t.id for t in self.plan.targets if t.end == self.year)

    @property
    def going(self) -> tuple[str, ...]:
        """Targets that run on."""
        return tuple(t.id for t in self.plan.targets if t.start <= self.year < t.end)

    def contents(self, kind: str, lang: str = "vi") -> tuple[str, ...]:
        """Return what a report of this kind should hold."""
        say_in = language(lang)
        none = say_in.text("none")
        texts = {
            name: ", ".join(found) or none
            for name, found in (
                ("open", self.open),
                ("ending", self.ending),
                ("going", self.going),
                ("all", tuple(t.id for t in self.plan.targets)),
            )
        }
        first = self.plan.parsed.head["start"]
        return tuple(
            say_in.text(
                f"plan.contents.{kind}_{place}",
                year=self.year,
                following=self.year + 1,
                first=first,
                **texts,
            )
            for place in (1, 2, 3)
        )

    def table(self, lang: str = "vi") -> Table:
        """Return each report with who writes it, what it should hold, and its source."""
        say_in = language(lang)
        return Table(
            {
                "kind": [duty.kind for duty in self.duties],
                "name": [say_in.pick(duty.name) for duty in self.duties],
                "by": [say_in.pick(duty.by) for duty in self.duties],
                "contents": [" ".join(self.contents(duty.kind, lang)) for duty in self.duties],
                "also": [say_in.pick(duty.also) for duty in self.duties],
                "source": [say_in.pick(duty.source) for duty in self.duties],
            },
            title=say_in.text("plan.reports_title", year=self.year),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the reports as plain data."""
        return {
            "plan": self.plan.code,
            "year": self.year,
            "kinds": list(self.kinds),
            "open": list(self.open),
            "ending": list(self.ending),
            "going_on": list(self.going),
        }

    def __str__(self) -> str:
        return str(self.table("en"))

    __repr__ = __str__
