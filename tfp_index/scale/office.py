"""The run of a statistics office: raw data in; cells, log and manifest out, and no enterprise.

Cleaning, estimation and tables are one program over the same partitions. What an earlier step
makes of the rows is made again in every round, in memory, and never written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tfp_index.aggregation.disclosure import Disclosed, DisclosureRules
from tfp_index.errors import DataError, SpecificationError
from tfp_index.panel.cleaning import clean
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.panel import Panel
from tfp_index.panel.profiles import CleaningProfile, profile_of
from tfp_index.panel.subset import subset
from tfp_index.panel.table import Table
from tfp_index.report.aggregation import cells_of
from tfp_index.results.result import Result, Sample
from tfp_index.results.specification import Specification
from tfp_index.scale._office_public import (
    public_estimates,
    public_sample,
    refuse_names,
    without_small_counts,
)
from tfp_index.scale._registry import program_of
from tfp_index.scale.task import Context, Program, Sum, Task, Write

__all__ = ["Office", "OfficeResult"]

PRODUCTIVITY = "productivity"
_TABLES = ("Aggregation", "Decomposition", "Dispersion", "HsiehKlenow")
_DISTRIBUTION = ("wage_share", "ratio_tails", "mad", "bacon")
"""Thresholds of rules that compare a row with all others of its industry and year."""


@dataclass(frozen=True, repr=False)
class Office(Specification):
    """Clean, estimate, tabulate and protect in one run that gives no enterprise away.

    Parameters
    ----------
    tables : tuple of specifications
        Each becomes a table of cells: `Aggregation`, `Decomposition` and others that say who
        stands behind their numbers.
    estimate : specification, optional
        Estimator whose productivity the tables use; without one, the role ``productivity``.
    cleaning : str or mapping, optional
        Name of a cleaning profile, or ``{"profile": name, "industry": grouping, …}`` with changed
        thresholds. Rules that compare enterprises with each other need all rows in one partition.
    disclosure : DisclosureRules
        Applied to all tables together.

    Raises
    ------
    SpecificationError
        If a table has no public form or an option makes no sense.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.province(rng=1)
    >>> office = Office(tables=(tfp.Aggregation(weight="value_added", by="industry"),),
    ...                 estimate=tfp.LevinsohnPetrin(output="value_added", by="industry"))
    >>> sorted(office.to_dict()["options"])
    ['cleaning', 'disclosure', 'estimate', 'tables']
    """

    tables: tuple[Specification, ...] = ()
    estimate: Specification | None = None
    cleaning: Any = field(default=None, hash=False)
    disclosure: DisclosureRules = field(default_factory=DisclosureRules)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", tuple(self.tables))
        if not isinstance(self.disclosure, DisclosureRules):
            self._refuse("disclosure", f"disclosure={self.disclosure!r}", "DisclosureRules")
        known = ", ".join(_TABLES)
        if not self.tables:
            self._refuse("tables", "there is no table to make", f"one or more of {known}")
        for table in self.tables:
            if type(table).__name__ not in _TABLES:
                self._refuse("tables", f"{table!r} has no public form", f"one of {known}")
            if getattr(table, "keep_largest", 2) < self.disclosure.limits.largest:
                self._refuse(
                    "tables",
                    f"{table!r} keeps {getattr(table, 'keep_largest', 2)} of the largest, the "
                    f"rules need {self.disclosure.limits.largest}",
                    f"keep_largest={self.disclosure.limits.largest}",
                )
        self.cleaner()  # refuses a profile that does not exist

    def cleaner(self) -> tuple[CleaningProfile, Mapping[str, str]] | None:
        """Return the cleaning profile and its groupings; None without cleaning."""
        if self.cleaning is None:
            return None
        options = (
            dict(self.cleaning)
            if isinstance(self.cleaning, Mapping)
            else {"profile": self.cleaning}
        )
        profile = profile_of(options.pop("profile", "none"))
        groups = {name: options.pop(name) for name in ("industry", "parent") if name in options}
        return (profile.but(**options) if options else profile), ReadOnly(groups)

    @staticmethod
    def scale_program(spec: Office, context: Context) -> Program:
        """Return the program of the run; see `tfp_index.scale.run`."""
        return _program(spec, context)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class OfficeResult(Result):
    """What may leave the office; its sample, too, tells no count below `min_count` by its reason.

    Attributes
    ----------
    cells : tuple of Disclosed
        One for each table, protected together. Its `restricted` form stays inside.
    cleaned : Table or None
        Rows that each cleaning rule took, by number only; small numbers as one.
    estimated : mapping or None
        Specification and sample of the estimator, its summary for groups of enough enterprises,
        and how many groups were withheld.
    """

    cells: tuple[Disclosed, ...]
    cleaned: Table | None = None
    estimated: Mapping[str, Any] | None = None

    @property
    def public_tables(self) -> dict[str, Table]:
        """The public tables by the names of their files."""
        found: dict[str, Table] = {}
        for number, (spec, cells) in enumerate(zip(self.spec.tables, self.cells, strict=True), 1):  # type: ignore[attr-defined]
            found[f"{number:02d}_{type(spec).__name__.lower()}"] = cells.public
        return found

    def tidy(self) -> Table:
        """Return how many cells of each table have each status, by rule if the rules show it."""
        shown = self.spec.disclosure.show_rule  # type: ignore[attr-defined]
        counts: Counter[tuple[str, ...]] = Counter()
        for name, cells in zip(self.public_tables, self.cells, strict=True):
            for status, rule in zip(cells.status.tolist(), cells.rule.tolist(), strict=True):
                counts[(name, status, rule) if shown else (name, status)] += 1
        names = ("table", "status", "rule") if shown else ("table", "status")
        order = sorted(counts)
        columns: dict[str, list[Any]] = {
            column: [key[place] for key in order] for place, column in enumerate(names)
        }
        columns["cells"] = [counts[key] for key in order]
        return Table(columns, title="Cells by status")

    def glance(self) -> Table:
        """Return rows, tables and cells in one row."""
        status = [s for cells in self.cells for s in cells.status.tolist()]
        columns = {
            "rows": [self.sample.rows],
            "used": [self.sample.used],
            "tables": [len(self.cells)],
            "published": [status.count("published")],
            "suppressed": [status.count("suppressed")],
        }
        return Table(columns, title="Office run")

    def to_dict(self) -> dict[str, Any]:
        """Return what may leave: record, public tables, counts; nothing restricted."""
        return {
            **super().to_dict(),
            "tables": {name: table.to_dict() for name, table in self.public_tables.items()},
            "cells": self.tidy().to_dict(),
            "cleaned": None if self.cleaned is None else self.cleaned.to_dict(),
            "estimated": None if self.estimated is None else dict(self.estimated),
        }


@dataclass(frozen=True, eq=False)
class _Step:
    """Something done to the rows of a partition before a later round sees them."""

    function: Any
    arguments: tuple[Any, ...]


def _program(spec: Office, context: Context) -> Program:
    steps: tuple[_Step, ...] = ()
    cleaned: Table | None = None
    lost: dict[str, int] = {}
    everything = context
    estimators = () if spec.estimate is None else (spec.estimate,)
    refuse_names((*estimators, *spec.tables), spec.disclosure, context)
    cleaner = spec.cleaner()
    if cleaner is not None:
        context, cleaned, lost = yield from _cleaned(cleaner, spec.disclosure, context)
        steps += (_Step(_clean, cleaner),)
    estimated = None
    if spec.estimate is not None:
        program = program_of(spec.estimate)(spec.estimate, context)
        name = type(spec.estimate).__name__
        fit, step = yield from _after(program, name, steps, wanted=PRODUCTIVITY)
        if step is None:
            raise SpecificationError(
                f"{name} gives no productivity by row",
                code="bad_option",
                column="estimate",
            )
        steps += (_Step(_with_productivity, (step.function, step.arguments)),)
        context = _with_role(context)
        estimated = public_estimates(fit, spec.disclosure)
    results = []
    for table in spec.tables:
        name = type(table).__name__
        window = {"window": spec.disclosure.percentile_window}
        options = window if name == "Dispersion" else {}
        found, _ = yield from _after(program_of(table)(table, context, **options), name, steps)
        results.append(found)
    used = max(result.record.sample.used for result in results)
    rest = everything.rows - used - sum(lost.values())
    sample = Sample(everything.rows, used, {**lost, "not in any table": rest})
    return OfficeResult(
        spec=spec,
        record=everything.record(spec, public_sample(sample, spec.disclosure)),
        keys=results[0].keys,
        cells=tuple(spec.disclosure.apply([cells_of(r, spec.disclosure) for r in results])),
        cleaned=cleaned,
        estimated=estimated,
    )


def _after(
    program: Program, name: str, steps: tuple[_Step, ...], wanted: str | None = None
) -> Program:
    """Run a program on rows as earlier steps leave them; nothing that it writes is written.

    Parameters
    ----------
    program : Program
    name : str
        Its method, for the log.
    steps : tuple of _Step
    wanted : str, optional

    Returns
    -------
    result, Write or None
        The task whose rows hold the column `wanted`.
    """
    kept: Write | None = None
    try:
        task: Task = next(program)
        while True:
            if isinstance(task, Write) and task.name == wanted:
                kept = task
            task = program.send((yield Sum(_prepared, (steps, task), step=f"{name}, {task.step}")))
    except StopIteration as end:
        return end.value, kept
    finally:
        program.close()


def _prepared(panel: Panel, steps: tuple[_Step, ...], task: Task) -> Any:
    for step in steps:
        panel = step.function(panel, *step.arguments)
    answer = task.function(panel, *task.arguments)
    return answer[1] if isinstance(task, Write) else answer


def _cleaned(cleaner: Any, disclosure: DisclosureRules, context: Context) -> Program:
    """Count what cleaning takes; return the context of what is left."""
    profile, groups = cleaner
    rules = [name for name in _DISTRIBUTION if getattr(profile, name) is not None]
    if rules and context.partitions > 1:
        raise SpecificationError(
            f"the cleaning profile {profile.name!r} compares enterprises with each other "
            f"({', '.join(rules)}), which needs all rows in one partition",
            code="not_partitioned",
            column="cleaning",
            expected="partitions=1, or a profile without these rules",
            remedy=", ".join(f"{name} = false" for name in rules),
        )
    rows, entities, lost = yield Sum(_count_clean, (profile, groups), step="cleaning")
    if not rows:
        raise DataError(
            f"cleaning with the profile {profile.name!r} leaves no row",
            code="no_rows",
            remedy="look at clean(panel, profile).waterfall() and change the thresholds",
        )
    lost = without_small_counts(lost, disclosure, "rules")
    columns = {"rule": list(lost), "rows": list(lost.values())}
    table = Table(columns, title=f"Rows lost in cleaning, profile {profile.name}")
    left = replace(context, rows=rows + context.keyless_rows, entities=entities)
    return left, table, {f"cleaning: {rule}": count for rule, count in lost.items()}


def _count_clean(panel: Panel, profile: CleaningProfile, groups: Mapping[str, str]) -> Any:
    found = clean(panel, profile, **groups)
    first = found.first_rule
    keep = first < 0
    lost = {
        rule: int((first == place).sum())
        for place, rule in enumerate(found.rules)
        if found.excludes(rule)
    }
    return int(keep.sum()), int(np.unique(panel.entity_codes[keep]).size), lost


def _clean(panel: Panel, profile: CleaningProfile, groups: Mapping[str, str]) -> Panel:
    keep = clean(panel, profile, **groups).keep
    return panel if keep.all() else subset(panel, np.flatnonzero(keep))


def _with_productivity(panel: Panel, function: Any, arguments: tuple[Any, ...]) -> Panel:
    """Return the panel with the column of an estimate that a `Write` would have written."""
    columns, _ = function(panel, *arguments)
    values = (columns.columns if isinstance(columns, Table) else columns)[PRODUCTIVITY]
    return replace(
        panel,
        columns=ReadOnly({**panel.columns, PRODUCTIVITY: np.asarray(values, np.float64)}),
        names=ReadOnly({**panel.names, PRODUCTIVITY: PRODUCTIVITY}),
    )


def _with_role(context: Context) -> Context:
    roles = context.roles
    if PRODUCTIVITY in roles.numeric:
        raise SpecificationError(
            "the roles name a column of productivity, and estimate= makes one",
            code="bad_option",
            column=PRODUCTIVITY,
            remedy="leave one of them out",
        )
    numeric = {**roles.numeric, PRODUCTIVITY: PRODUCTIVITY}
    return replace(context, roles=replace(roles, numeric=numeric))
