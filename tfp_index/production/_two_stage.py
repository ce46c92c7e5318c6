"""Options and fitting that Olley–Pakes, Levinsohn–Petrin and Ackerberg–Caves–Frazer share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError, warn
from tfp_index.kernels.resampling import seed_sequence
from tfp_index.panel.keys import Keys
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.production._rows import chosen_inputs
from tfp_index.production._two_stage_data import Columns, read_columns
from tfp_index.production._two_stage_estimate import Outcome, estimate_part
from tfp_index.production._two_stage_notices import Notice, gathered, lost_rows
from tfp_index.production._two_stage_result import GroupFit, TwoStageByGroup, TwoStageResult
from tfp_index.production._two_stage_sample import Method
from tfp_index.production.bootstrap import Bootstrap
from tfp_index.results.result import Record, RowValues, record_of
from tfp_index.results.specification import Specification, choose

__all__ = [
    "FEW",
    "TwoStage",
    "most_frequent",
    "notes_on",
    "result_by_group",
    "result_of",
    "told_of_groups",
]

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]
Failure = tuple[Any, int, int, str, str]  # label, rows, firms, code, reason


@dataclass(frozen=True, repr=False)
class TwoStage(Specification):
    """Common options; see the methods that derive from it."""

    free: tuple[str, ...] = ("labor",)
    state: tuple[str, ...] = ("capital",)
    proxy: tuple[str, ...] = ("materials",)
    output: str = "output"
    basis_degree: int = 3
    law_degree: int = 3
    controls: tuple[str, ...] = ()
    proxy_controls: tuple[str, ...] = ()
    law_shifters: tuple[str, ...] = ()
    law_controls: tuple[str, ...] = ()
    survival: bool | str = False
    se: str | Bootstrap | None = "clustered"
    by: str | None = None
    root: Any = field(default=None, hash=False)
    search: tuple[float, float] | None = None
    starts: int = 128
    bounds: tuple[float, float] | None = None
    invalid: str = "error"

    _region: ClassVar[tuple[float, float]] = (-0.2, 1.5)
    _lists: ClassVar[tuple[str, ...]] = (
        "free",
        "state",
        "proxy",
        "controls",
        "proxy_controls",
        "law_shifters",
        "law_controls",
    )

    def __post_init__(self) -> None:
        for option in self._lists:
            value = getattr(self, option)
            names = (value,) if isinstance(value, str) else tuple(value)
            if len(set(names)) < len(names) or not all(isinstance(n, str) for n in names):
                self._refuse(option, f"{option}={value!r}", "distinct role names")
            object.__setattr__(self, option, names)
        self._check_roles()
        for option, low, high in (("basis_degree", 1, 6), ("law_degree", 1, 4)):
            self._check_integer(option, low, high)
        self._check_integer("starts", 1, 100_000)
        choose(self, "invalid", ("error", "missing"))
        if not isinstance(self.se, Bootstrap):
            choose(self, "se", ("clustered", None))
        if not isinstance(self.survival, (bool, str)):
            self._refuse("survival", f"survival={self.survival!r}", "True, False or a role")
        for option in ("search", "bounds"):
            self._check_interval(option)
        self._check_root()

    def _check_roles(self) -> None:
        for option in ("state", "proxy"):
            if not getattr(self, option):
                self._refuse(option, f"there is no {option}", "one or more roles")
        both = set(self.free) & set(self.state)
        if both:
            self._refuse(
                "free",
                f"{sorted(both)[0]!r} is both free and state",
                "free inputs respond to this period's productivity, state inputs do not",
            )
        inputs = {*self.free, *self.state}
        if self.output in inputs | {*self.proxy}:
            self._refuse("output", f"{self.output!r} is output and input or proxy at once")
        for option in ("controls", "proxy_controls", "law_controls", "law_shifters"):
            shared = (inputs | {self.output}) & set(getattr(self, option))
            if shared and option != "law_shifters":
                self._refuse(option, f"{sorted(shared)[0]!r} is an input or output already")
        shared = set(self.controls) & set(self.proxy_controls)
        if shared:
            self._refuse(
                "controls",
                f"{sorted(shared)[0]!r} cannot shift both output and the proxy",
                "it is part of productivity (proxy_controls) or not (controls)",
            )

    def _check_integer(self, option: str, low: int, high: int) -> None:
        value = getattr(self, option)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._refuse(option, f"{option}={value!r}", f"an integer from {low} to {high}")

    def _check_interval(self, option: str) -> None:
        value = getattr(self, option)
        if value is None:
            return
        try:
            low, high = (float(v) for v in value)
        except (TypeError, ValueError):
            low, high = 0.0, 0.0
        if not (np.isfinite([low, high]).all() and low < high):
            self._refuse(option, f"{option}={value!r}", "a lower and a higher number")
        object.__setattr__(self, option, (low, high))

    def _check_root(self) -> None:
        if self.root is None:
            return
        if isinstance(self.root, Mapping):
            try:
                wanted = {str(k): float(v) for k, v in self.root.items()}
            except (TypeError, ValueError):
                wanted = {}
            if not wanted:
                self._refuse("root", f"root={self.root!r}", "coefficients by name")
            object.__setattr__(self, "root", wanted)
        elif isinstance(self.root, bool) or not isinstance(self.root, int) or self.root < 0:
            self._refuse(
                "root", f"root={self.root!r}", "a row of result.roots, or coefficients by name"
            )

    def _method(self) -> Method:
        """Return what the method makes of the roles."""
        raise TypeError("TwoStage is not a method; use one that derives from it")

    def _option_notices(self) -> list[Notice]:
        """Return what the options alone give reason to say."""
        return []

    def fit(self, panel: Panel, *, rng: Any = None, on_progress: Progress | None = None) -> Any:
        """Estimate the production function.

        Parameters
        ----------
        panel : Panel
        rng : None, int, SeedSequence or Generator
            For the bootstrap.
        on_progress : callable, optional
            Called with (done, of how many): bootstrap repetitions, or groups with ``by=``.

        Returns
        -------
        TwoStageResult
            `TwoStageByGroup` with ``by=``.

        Raises
        ------
        DataError
            If a role is absent, keys are missing or repeated, or a log does not exist.
        EstimationError
            If inputs are collinear, too few rows are left, or there is no solution.
        """
        seed = seed_sequence(rng)  # what the record keeps, also when nobody gave one
        method = self._method()
        inputs = chosen_inputs(panel, (*method.linear, *method.inputs))
        columns = self._columns(panel)
        lost = columns.used.lost
        found = [
            *self._option_notices(),
            *lost_rows(panel.names, lost, panel.n_rows, self.proxy),
        ]
        if self.by is not None:
            return self._fit_groups(panel, columns, method, inputs, found, seed, on_progress)
        outcome = estimate_part(self, method, panel, columns.part(0), seed, on_progress)
        found += outcome.notices
        for notice in found:
            warn(notice.text, notice.category, stacklevel=2)
        sample = _sample(panel, columns, outcome.lagged)
        return result_of(
            self,
            outcome.fit,
            found,
            record=record_of(self, panel, sample, self._kept(seed)),
            keys=panel.keys,
            inputs=inputs,
            rows=_row_values(panel, columns, [outcome], inputs),
        )

    def _columns(self, panel: Panel, *, whole: bool = True) -> Columns:
        """Return the columns and complete rows of a panel, or of a part of one."""
        others = (*self.controls, *self.proxy_controls, *self.law_shifters, *self.law_controls)
        return read_columns(
            panel,
            logs=tuple(dict.fromkeys((self.output, *self.free, *self.state, *self.proxy))),
            others=tuple(dict.fromkeys(others)),
            by=self.by,
            survival=self.survival,
            invalid=self.invalid,
            whole=whole,
        )

    def _kept(self, seed: np.random.SeedSequence) -> Any:
        return seed.entropy if isinstance(self.se, Bootstrap) else None

    def _each_group(
        self,
        panel: Panel,
        columns: Columns,
        method: Method,
        seed: np.random.SeedSequence,
        on_progress: Progress | None,
    ) -> tuple[list[Outcome | None], list[Failure], list[tuple[Any, Notice]]]:
        """Return an outcome or None per group, the failures, and what was said of which group."""
        outcomes: list[Outcome | None] = []
        failed: list[Failure] = []
        said: list[tuple[Any, Notice]] = []
        for place, label in enumerate(columns.labels):
            part = columns.part(place)
            child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, place))
            try:
                outcome = estimate_part(self, method, panel, part, child, None)
            except EstimationError as error:
                rows = part.rows.stop - part.rows.start
                failed.append((label, rows, part.offsets.size - 1, error.code, error.message))
                outcomes.append(None)
            else:
                outcomes.append(outcome)
                said += [(label, notice) for notice in outcome.notices]
            if on_progress is not None:
                on_progress(place + 1, len(columns.labels))
        return outcomes, failed, said

    def _fit_groups(
        self,
        panel: Panel,
        columns: Columns,
        method: Method,
        inputs: tuple[str, ...],
        found: list[Notice],
        seed: np.random.SeedSequence,
        on_progress: Progress | None,
    ) -> TwoStageByGroup:
        outcomes, failed, said = self._each_group(panel, columns, method, seed, on_progress)
        fits = [None if o is None else o.fit for o in outcomes]
        said = [*((None, notice) for notice in found), *said]
        texts = told_of_groups(self, columns.labels, fits, failed, said)
        for notice in texts:
            warn(notice.text, notice.category, stacklevel=3)
        done = [o for o in outcomes if o is not None]
        sample = _sample(panel, columns, sum(o.lagged for o in done), outcomes)
        members = np.full(panel.n_rows, -1, np.int64)
        alive = [group for group, o in enumerate(outcomes) if o is not None]
        for place, group in enumerate(alive):
            members[columns.positions(group)] = place
        return result_by_group(
            self,
            columns.labels,
            fits,
            failed,
            texts,
            record=record_of(self, panel, sample, self._kept(seed)),
            keys=panel.keys,
            inputs=inputs,
            members=members,
            rows=_row_values(panel, columns, outcomes, inputs),
        )


def result_of(
    spec: TwoStage,
    fit: GroupFit,
    found: Sequence[Notice],
    *,
    record: Record,
    keys: Keys,
    inputs: tuple[str, ...],
    rows: tuple[RowValues, RowValues, RowValues],
) -> TwoStageResult:
    """Return the result of one sample; `rows` are productivity, fitted parts and elasticities."""
    return TwoStageResult(
        spec=spec,
        record=record,
        keys=keys,
        productivity=rows[0],
        fitted=rows[1],
        elasticities_by_row=rows[2],
        inputs=inputs,
        **_shared(replace(fit, warnings=tuple(n.text for n in found))),
    )


def told_of_groups(
    spec: TwoStage,
    labels: Sequence[Any],
    fits: Sequence[GroupFit | None],
    failed: Sequence[Failure],
    said: Sequence[tuple[Any, Notice]],
) -> list[Notice]:
    """Return what is to be said of all groups together.

    Raises
    ------
    EstimationError
        If no group has an estimate.
    """
    if all(fit is None for fit in fits):
        raise EstimationError(
            f"no group has an estimate; {failed[0][0]!r}: {failed[0][4]}",
            code=failed[0][3],
            column=spec.by,
            remedy="larger groups, or a lower basis_degree or law_degree",
        )
    return gathered(said, len(labels), failed)


def result_by_group(
    spec: TwoStage,
    labels: Sequence[Any],
    fits: Sequence[GroupFit | None],
    failed: Sequence[Failure],
    texts: Sequence[Notice],
    *,
    record: Record,
    keys: Keys,
    inputs: tuple[str, ...],
    members: Any,
    rows: tuple[RowValues, RowValues, RowValues],
) -> TwoStageByGroup:
    """Return the result of all groups; `rows` as in `result_of`."""
    names = ("group", "rows", "firms", "code", "reason")
    table = {name: [row[i] for row in failed] for i, name in enumerate(names)}
    return TwoStageByGroup(
        spec=spec,
        record=record,
        keys=keys,
        by=str(spec.by),
        inputs=inputs,
        labels=tuple(label for label, fit in zip(labels, fits, strict=True) if fit is not None),
        fits=tuple(fit for fit in fits if fit is not None),
        members=members,
        productivity=rows[0],
        fitted=rows[1],
        elasticities_by_row=rows[2],
        failed=Table(table, title="Groups without an estimate", backend=keys.backend),
        warnings=tuple(n.text for n in texts),
    )


def _shared(fit: GroupFit) -> dict[str, Any]:
    return {
        name: getattr(fit, name)
        for name in (
            "params", "cov_params", "elasticity_mean", "elasticity_cov", "details", "warnings",
            "roots", "first_stage", "law", "choice", "surface", "draws",
        )
    }  # fmt: skip


def _sample(
    panel: Panel,
    columns: Columns,
    lagged: int,
    outcomes: list[Outcome | None] | None = None,
) -> Any:
    used = columns.used
    if outcomes is not None and any(o is None for o in outcomes):
        keep = np.ones(used.rows.size, bool)
        for group, outcome in enumerate(outcomes):
            if outcome is None:
                keep[np.searchsorted(used.rows, columns.positions(group))] = False
        used = used.narrow(keep, "group without an estimate")
    size = columns.entity.shape[0]
    common = {}
    for role, values in columns.values.items():
        most = most_frequent(values[:: max(1, size // FEW)])
        common[role] = 0 if most is None else int(np.count_nonzero(values == most))
    return used.sample(panel, notes_on(panel.names, size, int(used.rows.size), lagged, common))


FEW = 20_000
"""Rows among which the most frequent value is looked for."""


def most_frequent(values: Floats) -> float | None:
    """Return the value that occurs most often, None where all differ."""
    distinct, counts = np.unique(values, return_counts=True)
    most = int(counts.argmax())
    return float(distinct[most]) if counts[most] > 1 else None


def notes_on(
    names: Mapping[str, str], size: int, used: int, lagged: int, common: Mapping[str, int]
) -> dict[str, int]:
    """Return what is to be noted on rows that took part.

    Parameters
    ----------
    names : mapping of role to str
        The caller's names of the roles.
    size, used, lagged : int
        Complete rows, those with an estimate, and those of them with a lag.
    common : mapping of role to int
        Complete rows that share the most frequent value.
    """
    notes = {"rows without a lag, in the first stage only": used - lagged}
    for role, rows in common.items():
        if rows > 0.05 * size:
            notes[f"{names.get(role, role)}: rows that share one value"] = rows
    return notes


def _row_values(
    panel: Panel,
    columns: Columns,
    outcomes: list[Any],
    inputs: tuple[str, ...],
) -> tuple[RowValues, RowValues, RowValues]:
    """Join the groups' row values and put them on the panel's rows."""

    def joined(get: Callable[[Outcome], Floats]) -> Floats:
        parts = []
        for group, outcome in enumerate(outcomes):
            size = int(columns.edges[group + 1] - columns.edges[group])
            parts.append(np.full(size, np.nan) if outcome is None else get(outcome))
        return columns.spread(parts[0] if len(parts) == 1 else np.concatenate(parts))

    productivity = {
        "productivity": joined(lambda o: o.productivity),
        "productivity_with_error": joined(lambda o: o.with_error),
    }
    fitted = {"phi": joined(lambda o: o.fitted[0]), "residual": joined(lambda o: o.fitted[1])}
    elasticities = {
        name: joined(lambda o, j=j: o.elasticities[j])  # type: ignore[misc]
        for j, name in enumerate(inputs)
    }
    return (
        RowValues(panel.keys, productivity, "Log total factor productivity"),
        RowValues(panel.keys, fitted, "First stage"),
        RowValues(panel.keys, elasticities, "Output elasticities"),
    )
