"""Sections on growth accounting: headline, contributions, periods, sensitivity, comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tfp_index.errors import SpecificationError
from tfp_index.growth.accounting_result import GrowthAccountingResult
from tfp_index.language import Localized
from tfp_index.panel.checks import Findings
from tfp_index.plot.growth import CAPITAL_SHARES
from tfp_index.report import _growth_sections as tell
from tfp_index.report._growth_story import Period, Story
from tfp_index.report.adapters import Context, check_kind, sections_of
from tfp_index.report.findings import of_findings
from tfp_index.report.sections import Section

__all__ = ["Growth", "of_result"]

_ABOUT_ONE = (
    tell.headline,
    tell.contributions,
    tell.index,
    tell.periods,
    tell.share,
    tell.sensitivity,
    tell.comparison,
)
_ABOUT_MANY = (tell.overview, tell.comparison, tell.sensitivity_of_many)


@dataclass(frozen=True, eq=False)
class Growth:
    """Growth accounting as a report tells it.

    Parameters
    ----------
    result : GrowthAccountingResult
    findings : Findings, optional
        Of ``panel.check()``; without it the report has no section on findings.
    entity : label, optional
        The unit the report is about; the others are what it is compared with. Without it, and
        with several units, the report is about all of them alike.
    entities : sequence, optional
        Units to compare; default: all.
    periods : sequence of (start, end), optional
        Default: the whole span, and spells of five or ten years within it.
    capital_shares : sequence of float, optional
        Shares for the section on sensitivity; empty for none.
    labels : mapping of entity to text, optional
        Names to print; a text, or ``{"en": …, "vi": …}``.
    statements : sequence of text
        What a reader must know before the numbers, such as a scenario; text by language or not.
    source : text, optional
        Where the data come from.
    entity_kind : {"area", "enterprise"}, optional
        What the units are. A public report shows areas (countries, provinces, industries) and
        leaves out all that is shown by enterprise; without an answer it is refused.
    further : sequence
        Whatever else a report can hold, shown before findings and record.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> from tfp_index.language import language
    >>> frame = {"unit": ["A"] * 3, "year": [2019, 2020, 2021], "y": [1.0, 1.08, 1.05],
    ...          "k": [3.0, 3.2, 3.3], "l": [1.0, 1.01, 0.99]}
    >>> panel = tfp.Panel.from_frame(frame, entity="unit", time="year", output="y", capital="k",
    ...                              labor="l")
    >>> story = Growth(tfp.GrowthAccounting(capital_share=0.4).fit(panel))
    >>> [s.key for s in story.to_sections(Context(language("vi")))]
    ['headline', 'contributions', 'index', 'periods', 'share', 'sensitivity', 'record']
    """

    result: GrowthAccountingResult
    findings: Findings | None = None
    entity: Any = None
    entities: Sequence[Any] | None = None
    periods: Sequence[Period] | None = None
    capital_shares: Sequence[float] = CAPITAL_SHARES
    labels: Mapping[Any, Localized] | None = None
    statements: Sequence[Localized] = ()
    source: Localized | None = None
    entity_kind: str | None = None
    further: Sequence[Any] = ()

    def __post_init__(self) -> None:
        check_kind(self.entity_kind)

    def to_sections(self, context: Context) -> list[Section]:
        """Return the sections in the language of the context.

        Raises
        ------
        SpecificationError
            If the report is public and nobody said what the units are.
        DataError
            If `entity` or one of `entities` is unknown.
        """
        kind = self.entity_kind or context.entity_kind
        if context.public and kind is None:
            raise SpecificationError(
                "a public report on growth accounting must know what the units are",
                code="disclosure_unknown",
                expected="write(…, entity_kind='area') or 'enterprise', or report.Growth(result, "
                "entity_kind=…)",
                remedy="say it (command line: --unit-kind); single enterprises are then left out",
            )
        story = Story(self, context)
        if context.public and kind == "enterprise":
            made = [tell.withheld(story)]
        else:
            makers = _ABOUT_MANY if story.focus is None else _ABOUT_ONE
            made = [section for make in makers if (section := make(story)) is not None]
        made += [section for item in self.further for section in sections_of(item, context)]
        if self.findings is not None:
            made += of_findings(self.findings, context)
        made = [replace(section, basis=section.basis or "areas") for section in made]
        withheld = context.public and kind == "enterprise"
        return [*made, tell.record(story, sample=not withheld)]


def of_result(result: GrowthAccountingResult, context: Context) -> list[Section]:
    """Return the sections of a result on its own."""
    return Growth(result).to_sections(context)
