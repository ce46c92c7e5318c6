"""How things become sections: one adapter per kind of thing, found by its class."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfp_index.aggregation.disclosure import Disclosed, DisclosureRules
from tfp_index.errors import SpecificationError
from tfp_index.language import Language, Localized
from tfp_index.report.sections import Section

__all__ = ["ADAPTERS", "Context", "Part", "check_kind", "sections_of"]

ADAPTERS = {
    "aggregation.aggregate.AggregationResult": "aggregation:of_aggregation",
    "aggregation.decomposition_result.DecompositionResult": "aggregation:of_decomposition",
    "aggregation.disclosure.Disclosed": "aggregation:of_disclosed",
    "aggregation.dispersion_result.DispersionResult": "aggregation:of_dispersion",
    "aggregation.misallocation_result.HsiehKlenowResult": "aggregation:of_misallocation",
    "composite.uncertainty.Sensitivity": "criteria:of_sensitivity",
    "composite.uncertainty.Uncertainty": "criteria:of_uncertainty",
    "criteria._plan_status.PlanStatus": "plan:of_status",
    "criteria.enterprise.EnterpriseResult": "enterprise:of_enterprises",
    "criteria.levers_result.LeversResult": "levers:of_levers",
    "criteria.result.CriteriaResult": "criteria:of_result",
    "growth.accounting_result.GrowthAccountingResult": "growth:of_result",
    "growth.klems_result.KlemsResult": "klems:of_result",
    "panel.checks.Findings": "findings:of_findings",
    "panel.table.Table": "tables:of_table",
    "results.result.Result": "record:of_result",
}
"""Class of this package → ``module:function`` of ``tfp_index.report``. The function takes the thing
and a `Context` and returns a list of sections. A class without a line of its own is handled as its
nearest base class. A result type gets its place in reports by one line here."""

_PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Context:
    """What an adapter must know of the report.

    Attributes
    ----------
    language : Language
    public : bool
        Whether the report leaves the house: nothing about a single enterprise may stand in it.
    rules : DisclosureRules
        What decides on cells about enterprises in a public report.
    entity_kind : {"area", "enterprise"}, optional
        What the units are of results that do not say it themselves.
    together : mapping of id of a result to Disclosed
        Public tables of results on the same enterprises, which were protected together.
    """

    language: Language
    public: bool = False
    rules: DisclosureRules = field(default_factory=DisclosureRules)
    entity_kind: str | None = None
    together: Mapping[int, Disclosed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_kind(self.entity_kind)


def check_kind(kind: str | None) -> None:
    """Refuse a kind of units that is not known.

    Raises
    ------
    SpecificationError
    """
    if kind not in (None, "area", "enterprise"):
        raise SpecificationError(
            f"entity_kind={kind!r}", code="bad_option", expected="'area' or 'enterprise'"
        )


@dataclass(frozen=True)
class Part:
    """Several things under one title.

    Attributes
    ----------
    key : str
    title : text, or text by language
    items : sequence
        Results, findings, tables, sections: whatever `write` takes.
    """

    key: str
    title: Localized
    items: Sequence[Any]

    def to_sections(self, context: Context) -> list[Section]:
        """Return one section with the items' sections below it."""
        inner = [s for item in self.items for s in sections_of(item, context)]
        return [Section(self.key, context.language.pick(self.title), sections=tuple(inner))]


def sections_of(item: Any, context: Context) -> list[Section]:
    """Turn anything a report can hold into sections.

    Parameters
    ----------
    item : object
        A `Section`; an object with ``to_sections(context)``; a function of the context that
        returns sections; or an instance of a class in `ADAPTERS`.
    context : Context

    Raises
    ------
    SpecificationError
        If nothing is known about the item's class.
    """
    if isinstance(item, Section):
        return [item]
    if hasattr(item, "to_sections"):
        made: list[Section] = item.to_sections(context)
        return made
    for cls in type(item).__mro__:
        place = ADAPTERS.get(f"{cls.__module__}.{cls.__qualname__}".removeprefix(f"{_PACKAGE}."))
        if place is not None:
            module, _, name = place.partition(":")
            adapter: Callable[[Any, Context], list[Section]]
            adapter = getattr(importlib.import_module(f"{_PACKAGE}.report.{module}"), name)
            return adapter(item, context)
    if callable(item):
        return list(item(context))
    known = ", ".join(sorted(name.rpartition(".")[2] for name in ADAPTERS))
    raise SpecificationError(
        f"a report cannot hold {type(item).__name__}",
        code="no_adapter",
        expected=f"one of {known}; a Section; or an object with to_sections(context)",
    )
