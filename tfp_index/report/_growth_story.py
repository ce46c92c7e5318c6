"""What the sections on growth accounting share: names, periods, and the tables computed once."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.growth.accounting_result import GrowthAccountingResult
from tfp_index.language import Language
from tfp_index.panel.table import Table
from tfp_index.plot import growth as plot
from tfp_index.report.adapters import Context
from tfp_index.report.sections import Block, Remarks, Text

if TYPE_CHECKING:
    from tfp_index.report.growth import Growth

__all__ = ["Period", "Story", "default_periods"]

Period = tuple[Any, Any]


def default_periods(result: GrowthAccountingResult, rows: NDArray[np.intp]) -> list[Period]:
    """Return the whole span of the rows with growth, and spells of five or ten years within it.

    Spells end at round years. Calendars that do not count years get the whole span only.
    """
    keys, step = result.keys, result.step
    seen = rows[np.isfinite(result.output_growth[rows])]
    if not seen.size:
        return []
    first, last = int(keys.time[seen].min()) - step, int(keys.time[seen].max())
    write = keys.calendar.write
    whole = (write(first), write(last))
    if keys.calendar.frequency not in ("integer", "year") or step > 1 or last - first < 7:
        return [whole]
    width = 5 if last - first <= 30 else 10
    inner = [y for y in range(first + 2, last - 1) if _year(write(y)) % width == 0]
    return [whole, *((write(a), write(b)) for a, b in pairwise([first, *inner, last]))]


def _year(label: Any) -> int:
    digits = str(label)[:4]
    return int(digits) if digits.isdigit() else 1


class Story:
    """One telling of growth accounting in one language."""

    def __init__(self, growth: Growth, context: Context) -> None:
        self.growth = growth
        self.context = context
        self.lang: Language = context.language
        self.result = growth.result
        keys = growth.result.keys
        self.chosen = None if growth.entities is None else list(growth.entities)
        for entity in self.chosen or ():
            keys.entity_code(entity)
        self.entities: list[Any] = self.chosen or keys.entity_labels.tolist()
        self.focus = growth.entity
        if self.focus is None and len(self.entities) == 1:
            self.focus = self.entities[0]
        if self.focus is not None:
            keys.entity_code(self.focus)

    def name(self, entity: Any) -> str:
        """Return the name of a unit as it is printed."""
        label = (self.growth.labels or {}).get(entity)
        return str(entity) if label is None else self.lang.pick(label)

    def component(self, name: str) -> str:
        """Return the name of an input within a sentence."""
        key = f"component.{name}"
        return self.lang.text(key) if self.lang.has(key) else name

    @property
    def unit(self) -> str:
        """Percent, and per what."""
        return self.lang.text("unit.percent", per=plot.per(self.result, self.lang))

    @property
    def yearly(self) -> bool:
        """Whether periods are years (whole numbers are taken for years)."""
        return self.result.keys.calendar.frequency in ("integer", "year")

    def at(self, label: Any) -> str:
        """Return a period as a sentence names it."""
        return self.lang.text("at.year" if self.yearly else "at.period", label=label)

    def components(self) -> list[str]:
        """Return the names of all inputs."""
        return [self.component(name) for name in self.result.inputs]

    def statements(self) -> list[Block]:
        """Return what a reader must know before the numbers."""
        said = tuple(self.lang.pick(text) for text in self.growth.statements)
        if len(said) > 1:
            return [Remarks(said)]
        return [Text(text, "note") for text in said]

    def rows(self, entity: Any) -> NDArray[np.intp]:
        """Return the panel rows of a unit."""
        keys = self.result.keys
        code = keys.entity_code(entity)
        return np.arange(keys.offsets[code], keys.offsets[code + 1])

    @cached_property
    def spans(self) -> list[Period]:
        """The periods of the report."""
        calendar = self.result.keys.calendar
        if self.growth.periods is not None:  # as the data write them: 2020, not "2020"
            return [
                (calendar.write(calendar.number(start)), calendar.write(calendar.number(end)))
                for start, end in self.growth.periods
            ]
        if self.focus is None:
            return default_periods(self.result, np.arange(self.result.keys.n_rows))
        return default_periods(self.result, self.rows(self.focus))

    @cached_property
    def whole(self) -> Period | None:
        """The longest of the periods; None where there is no growth at all."""
        number = self.result.keys.calendar.number
        return max(self.spans, key=lambda s: number(s[1]) - number(s[0]), default=None)

    @cached_property
    def table(self) -> Table:
        """Periods of the unit that the report is about."""
        return self.result.periods(
            self.spans or None, entities=[self.focus], incomplete="available"
        )

    @cached_property
    def row(self) -> dict[str, Any]:
        """The whole period of the unit that the report is about."""
        return next(r for r in self.table.rows() if (r["start"], r["end"]) == self.whole)

    @cached_property
    def compared(self) -> Table:
        """The whole period of every unit compared, ordered by TFP growth, highest first."""
        spans = None if self.whole is None else [self.whole]
        table = self.result.periods(spans, entities=self.chosen)
        order = np.argsort(-np.nan_to_num(table["tfp_growth"], nan=-np.inf), kind="stable")
        return table.take(order)
