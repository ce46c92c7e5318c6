"""One production function per group: fitting every group as a panel of its own, and the result."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, DataWarning, EstimationError, listening, nearest, warn
from tfp_index.kernels.resampling import seed_sequence
from tfp_index.panel.keys import Keys
from tfp_index.panel.panel import Panel
from tfp_index.panel.subset import subset, subset_of_keys
from tfp_index.panel.table import Table
from tfp_index.production._group_rows import rows_of_groups
from tfp_index.production._result import Estimate, ProductionResult, critical_value
from tfp_index.production._rows import require_series
from tfp_index.production.bootstrap import Bootstrap
from tfp_index.results.result import Record, Result, RowValues, Sample, record_of

__all__ = [
    "FitsByGroup",
    "ProductionByGroup",
    "fit_by_group",
    "gathered",
    "refuse_none",
    "sample_of_groups",
]

Ints = NDArray[np.int64]
Failure = tuple[Any, int, int, str, str]  # label, rows, firms, code, reason
Said = tuple[Any, type[Warning], str]
One = TypeVar("One", bound=ProductionResult)

OF_THE_GROUP = ("not_a_share",)
"""Faults of the data that concern a group as a whole, not a row of it."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ProductionByGroup(Result, Mapping[Any, One]):
    """One production function per group, estimated in one call.

    ``result[label]`` is the result of one group, as if it had been estimated alone, on the rows of
    the whole panel.

    Attributes
    ----------
    by : str
        The grouping.
    inputs : tuple of str
    labels : tuple
        Groups with an estimate.
    fits : sequence
        Their estimates.
    members : (n,) int array
        Place of each row's group in `labels`, or −1.
    failed : Table
        Groups without an estimate: label, rows, firms, code and reason.
    warnings : tuple of str
        What was warned of, with the number of groups.
    """

    by: str
    inputs: tuple[str, ...]
    labels: tuple[Any, ...]
    fits: Sequence[Any]
    members: Ints
    failed: Table
    warnings: tuple[str, ...] = field(default=())

    @abstractmethod
    def _one(self, place: int) -> One:
        """Return the result of the group at a place of `labels`."""

    @property
    def _figures(self) -> Sequence[Any]:
        """The estimates for tables that show nothing of single rows."""
        return self.fits

    def __getitem__(self, label: Any) -> One:
        if label in self.labels:
            return self._one(self.labels.index(label))
        reasons = dict(
            zip(self.failed["group"].tolist(), self.failed["reason"].tolist(), strict=True)
        )
        if label in reasons:
            raise EstimationError(
                f"group {label!r} has no estimate: {reasons[label]}",
                code="group_failed",
                column=self.by,
            )
        raise EstimationError(
            f"there is no group {label!r}",
            code="unknown_group",
            column=self.by,
            remedy=nearest(str(label), map(str, self.labels)),
        )

    def __contains__(self, label: object) -> bool:
        return label in self.labels

    def __iter__(self) -> Iterator[Any]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def tidy(self) -> Table:
        """Return one row per group and coefficient."""
        columns: dict[str, list[Any]] = {
            name: [] for name in ("group", "term", "estimate", "std_error", "lower", "upper")
        }
        for label, fit in zip(self.labels, self._figures, strict=True):
            reach = critical_value(0.95, fit.dof)
            b = np.asarray(fit.params)
            with np.errstate(invalid="ignore"):
                errors = np.sqrt(np.diagonal(fit.cov_params))
            columns["group"] += [label] * b.size
            columns["term"] += list(fit.params.names)
            for name, values in (
                ("estimate", b),
                ("std_error", errors),
                ("lower", b - reach * errors),
                ("upper", b + reach * errors),
            ):
                columns[name] += values.tolist()
        return Table(columns, title=type(self.spec).__name__, backend=self.keys.backend)

    def glance(self) -> Table:
        """Return one row per group that sums its fit up."""
        fits = self._figures
        names = list(dict.fromkeys(name for fit in fits for name in fit.details))
        scales = [
            Estimate(float(np.asarray(f.elasticity_mean).sum()), _root(f.elasticity_cov.sum()))
            for f in fits
        ]
        columns: dict[str, Sequence[Any]] = {
            "group": list(self.labels),
            "returns_to_scale": [s.value for s in scales],
            "returns_to_scale_error": [s.std_error for s in scales],
            **{name: [fit.details.get(name) for fit in fits] for name in names},
            "warnings": [len(fit.warnings) for fit in fits],
        }
        return Table(columns, title=type(self.spec).__name__, backend=self.keys.backend)

    def stacked(self, name: str) -> Table:
        """Return a table that every group's result has, e.g. ``"roots"``, for all groups.

        Parameters
        ----------
        name : str
            Attribute of the results.
        """
        parts = [getattr(fit, name) for fit in self.fits]
        names = list(dict.fromkeys(column for part in parts for column in part.columns))
        columns: dict[str, list[Any]] = {"group": [], **{column: [] for column in names}}
        for label, part in zip(self.labels, parts, strict=True):
            columns["group"] += [label] * len(part)
            for column in names:
                has = column in part.columns
                columns[column] += part[column].tolist() if has else [None] * len(part)
        return Table(columns, title=name.replace("_", " ").capitalize(), backend=self.keys.backend)

    def summary(self) -> str:
        """Return specification, groups, failures and warnings as text."""
        lines = [self.spec.describe(), "", str(self.glance())]
        if len(self.failed):
            lines += ["", str(self.failed)]
        lost = "; ".join(f"{count} {reason}" for reason, count in self.sample.lost.items())
        lines.append(
            f"{self.sample.used} of {self.sample.rows} rows used" + (f"; {lost}" if lost else "")
        )
        return "\n".join([*lines, *(f"warning: {text}" for text in self.warnings)])

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the small tables as plain data; row values travel as frames."""
        return {
            **super().to_dict(),
            "tidy": self.tidy().to_dict(),
            "failed": self.failed.to_dict(),
            "warnings": list(self.warnings),
        }

    # a Mapping compares by content; a result is itself
    __eq__ = object.__eq__
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """What fitting all groups in one pass gives.

    Attributes
    ----------
    sound : (G,) bool array
        Groups with an estimate; the others are left to a fit of their own.
    inputs : tuple of str
    samples : sequence of Sample
        Of each group.
    said : sequence of tuples
        Warnings of each group: category and text.
    result : callable
        ``result(place, keys, rows)`` makes the result of a group on its own rows.
    whole : mapping of str to RowValues
        Row values of all groups, on the rows of the panel; NaN in groups that are not sound.
    """

    sound: NDArray[np.bool_]
    inputs: tuple[str, ...]
    samples: Sequence[Sample]
    said: Sequence[Sequence[tuple[type[Warning], str]]]
    result: Callable[[int, Keys, Ints], ProductionResult]
    whole: Mapping[str, RowValues]


@dataclass(frozen=True, slots=True, eq=False)
class _OnDemand(Sequence[ProductionResult]):
    """Results of groups; those that were estimated together are made when they are asked for."""

    made: tuple[ProductionResult | int, ...]  # or the place among all groups
    together: Together
    keys: Keys
    rows: tuple[Ints, ...]

    def __len__(self) -> int:
        return len(self.made)

    @overload
    def __getitem__(self, at: int) -> ProductionResult: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[ProductionResult]: ...
    def __getitem__(self, at: int | slice) -> ProductionResult | Sequence[ProductionResult]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        found = self.made[at]
        if not isinstance(found, int):
            return found
        rows = self.rows[found]
        return self.together.result(found, subset_of_keys(self.keys, rows), rows)

    def without_rows(self) -> tuple[ProductionResult, ...]:
        """Return the results with empty row values, which takes little."""
        none = np.zeros(0, np.int64)
        return tuple(
            self.together.result(found, self.keys, none) if isinstance(found, int) else found
            for found in self.made
        )


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FitsByGroup(ProductionByGroup[ProductionResult]):
    """Results of groups, each as if it had been fitted as a panel of its own.

    `fits` hold row values for the rows of their group only.

    Attributes
    ----------
    whole : mapping of str to RowValues
        Row values of all groups, where these were estimated in one pass.
    """

    whole: Mapping[str, RowValues] = field(default_factory=dict)

    @cached_property
    def _figures(self) -> Sequence[ProductionResult]:
        return self.fits.without_rows() if isinstance(self.fits, _OnDemand) else self.fits

    def _one(self, place: int) -> ProductionResult:
        fit = self.fits[place]
        spread = {
            part.name: self._spread([place], part.name)
            for part in fields(fit)
            if isinstance(getattr(fit, part.name), RowValues)
        }
        own: Sample = fit.sample
        rows = self.sample.rows
        sample = Sample(rows, own.used, {**own.lost, "in other groups": rows - own.rows}, own.notes)
        record: Record = replace(self.record, sample=sample)
        alone: ProductionResult = replace(
            fit, spec=self.spec, record=record, keys=self.keys, **spread
        )
        return alone

    def _spread(self, places: Sequence[int], name: str) -> RowValues:
        """Put a kind of row values of some groups on the panel's rows, NaN elsewhere."""
        parts: list[RowValues] = [getattr(self.fits[place], name) for place in places]
        if not parts[0].held:
            return parts[0]
        columns = dict.fromkeys(column for part in parts for column in part.values)
        values = {column: np.full(self.members.size, np.nan) for column in columns}
        order, edges = self._rows
        for place, part in zip(places, parts, strict=True):
            rows = order[edges[place] : edges[place + 1]]
            for column, inside in part.values.items():
                values[column][rows] = inside
        return RowValues(self.keys, values, parts[0].title)

    @cached_property
    def _rows(self) -> tuple[Ints, Ints]:
        """Rows by group, and where each group starts among them."""
        order = np.argsort(self.members, kind="stable")
        return order, np.searchsorted(self.members[order], np.arange(len(self.fits) + 1))

    def row_values(self, name: str) -> RowValues:
        """Return row values of all groups on the panel's rows; NaN in groups without an estimate.

        Parameters
        ----------
        name : str
            Attribute of the results, e.g. ``"effects"``.
        """
        return self.whole[name] if name in self.whole else self._spread(range(len(self)), name)

    @cached_property
    def productivity(self) -> RowValues:
        """Log total factor productivity over all rows."""
        return self.row_values("productivity")

    @cached_property
    def elasticities_by_row(self) -> RowValues:
        """Output elasticities over all rows."""
        return self.row_values("elasticities_by_row")

    def glance(self) -> Table:
        """Return one row per group that sums its fit up."""
        table = super().glance()
        group, *others = table.columns
        columns = {
            group: table[group],
            "rows": [fit.sample.used for fit in self._figures],
            **{name: table[name] for name in others},
        }
        return Table(columns, title=table.title, backend=table.backend)


def fit_by_group(
    spec: Any,
    panel: Panel,
    *,
    rng: Any = None,
    on_progress: Callable[[int, int], None] | None = None,
    together: Callable[[Any, Panel, Sequence[Ints]], Together | None] | None = None,
) -> FitsByGroup:
    """Fit a specification to every group of ``spec.by``, as if the group were all there is.

    A firm that changes its group is another firm in each: lags do not reach across the change.

    Parameters
    ----------
    spec : Specification
        With an option ``by``.
    panel : Panel
    rng : None, int, SeedSequence or Generator
        For the bootstrap; every group draws from a seed of its own.
    on_progress : callable, optional
        Called with (groups done, of how many).
    together : callable, optional
        Fits all groups in one pass, as far as that goes; the others are fitted on their own.

    Raises
    ------
    DataError
        If the panel has no such grouping, or its rows cannot be used.
    EstimationError
        If no group has an estimate.
    """
    require_series(panel)
    group = panel.group(spec.by)
    alone = replace(spec, by=None)
    seed = seed_sequence(rng) if isinstance(getattr(spec, "se", None), Bootstrap) else None
    parts = rows_of_groups(group)
    done = together(alone, panel, tuple(parts.values())) if together and parts else None
    found = _Outcomes()
    members = np.full(panel.n_rows, -1, np.int64)
    for place, (label, rows) in enumerate(parts.items()):
        if done is not None and done.sound[place]:
            found.add(label, place, done.samples[place], done.said[place])
        else:
            found.fit(alone, subset(panel, rows), label, _seeded(seed, place))
        if label in found.fits:
            members[rows] = len(found.fits) - 1
        if on_progress is not None:
            on_progress(place + 1, len(parts))
    refuse_none(spec, found.fits, found.failed)
    texts = gathered(found.said, found.failed, len(parts))
    for category, text in texts:
        warn(text, category, stacklevel=3)
    names = ("group", "rows", "firms", "code", "reason")
    table = {name: [row[i] for row in found.failed] for i, name in enumerate(names)}
    keyless = panel.keys.frame_rows - panel.n_rows
    missing = int(np.count_nonzero(group.codes < 0))
    sample = sample_of_groups(
        panel.keys.frame_rows, keyless, (group.column, missing), found.samples, found.failed
    )
    fits, whole = _results(found.fits, done, panel.keys, parts)
    return FitsByGroup(
        spec=spec,
        record=record_of(spec, panel, sample, seed.entropy if seed else None),
        keys=panel.keys,
        by=spec.by,
        inputs=done.inputs if done is not None else fits[0].inputs,
        labels=tuple(found.fits),
        fits=fits,
        members=members,
        failed=Table(table, title="Groups without an estimate", backend=panel.keys.backend),
        warnings=tuple(text for _, text in texts),
        whole=whole,
    )


@dataclass(slots=True)
class _Outcomes:
    """What became of the groups so far."""

    fits: dict[Any, ProductionResult | int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)

    def add(
        self,
        label: Any,
        fit: ProductionResult | int,
        sample: Sample,
        heard: Sequence[tuple[type[Warning], str]],
    ) -> None:
        """Keep an estimate, or its place among those that were made together."""
        self.fits[label] = fit
        self.samples.append(sample)
        self.said += [(label, category, text) for category, text in heard]

    def fit(self, spec: Any, part: Panel, label: Any, options: Mapping[str, Any]) -> None:
        """Fit a group as a panel of its own."""
        try:
            fit, heard = _listened(spec, part, options)
        except (EstimationError, DataError) as error:
            if isinstance(error, DataError) and error.code not in OF_THE_GROUP:
                raise
            self.failed.append((label, part.n_rows, part.n_entities, error.code, error.message))
        else:
            self.add(label, fit, fit.sample, heard)


def _seeded(seed: np.random.SeedSequence | None, place: int) -> dict[str, Any]:
    """Return the options of a group's fit: a seed of its own, if there is a bootstrap."""
    if seed is None:
        return {}
    key = (*seed.spawn_key, place)
    return {"rng": np.random.SeedSequence(seed.entropy, spawn_key=key)}


def _results(
    made: Mapping[Any, ProductionResult | int],
    done: Together | None,
    keys: Keys,
    parts: Mapping[Any, Ints],
) -> tuple[Sequence[ProductionResult], Mapping[str, RowValues]]:
    """Return the groups' results, and their row values on the panel where these are there."""
    if done is None:
        return tuple(fit for fit in made.values() if not isinstance(fit, int)), {}
    for label, fit in made.items():
        if isinstance(fit, int):
            continue
        for name, part in done.whole.items():
            for column, values in part.values.items():
                values[parts[label]] = getattr(fit, name)[column]
    fits = _OnDemand(tuple(made.values()), done, keys, tuple(parts.values()))
    return fits, done.whole


def _listened(
    spec: Any, panel: Panel, options: Mapping[str, Any]
) -> tuple[ProductionResult, list[tuple[type[Warning], str]]]:
    """Return a fit and what it warned of, without passing the warnings on."""
    with listening() as heard:
        fit = spec.fit(panel, **options)
    return fit, heard


def refuse_none(spec: Any, fits: Mapping[Any, Any], failed: Sequence[Failure]) -> None:
    """Raise if no group has an estimate."""
    if fits:
        return
    if not failed:
        raise EstimationError(
            f"no row has a group in {spec.by}", code="no_rows", column=spec.by,
            remedy="panel.check() lists what is missing",
        )  # fmt: skip
    label, _, _, code, reason = failed[0]
    raise EstimationError(
        f"no group has an estimate; {label!r}: {reason}",
        code=code,
        column=spec.by,
        remedy="larger groups, or fewer terms",
    )


def sample_of_groups(
    rows: int,
    keyless: int,
    ungrouped: tuple[str, int],
    samples: Sequence[Sample],
    failed: Sequence[Failure],
) -> Sample:
    """Add up the groups' counts; rows of groups without an estimate are lost for that reason.

    `ungrouped` is the column of the grouping, and how many rows have no group.
    """
    lost = {
        "key missing": keyless,
        f"{ungrouped[0]} missing": ungrouped[1],
        "group without an estimate": sum(row[1] for row in failed),
    }
    notes: dict[str, int] = {}
    for own in samples:
        for total, counts in ((lost, own.lost), (notes, own.notes)):
            for reason, count in counts.items():
                total[reason] = total.get(reason, 0) + count
    used = sum(own.used for own in samples)
    return Sample(rows, used, lost, notes)


_FIGURES = re.compile(r"[-−+]?\d[\d.,]*(?:e[-+]?\d+)?|nan|inf")


def gathered(
    said: Sequence[Said],
    failed: Sequence[Failure],
    groups: int,
) -> list[tuple[type[Warning], str]]:
    """Say once what was said of several groups with other figures."""
    alike: dict[tuple[type[Warning], str], list[tuple[Any, str]]] = {}
    for label, category, text in said:
        alike.setdefault((category, _FIGURES.sub("#", text)), []).append((label, text))
    found: list[tuple[type[Warning], str]] = []
    for (category, _), at in alike.items():
        label, text = at[0]
        many = len(dict.fromkeys(where for where, _ in at))
        found.append((category, f"in {many} of {groups} groups, first {label!r}: {text}"))
    if failed:
        label, rows, firms, _, reason = failed[0]
        text = (
            f"{len(failed)} of {groups} groups have no estimate (result.failed), first "
            f"{label!r} with {rows} rows of {firms} firms: {reason}"
        )
        found.append((DataWarning, text))
    return found


def _root(variance: float) -> float:
    return float(np.sqrt(variance)) if variance >= 0 else float("nan")
