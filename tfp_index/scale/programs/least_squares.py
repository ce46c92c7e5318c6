"""Cobb–Douglas and translog by least squares over partitions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tfp_index.errors import EstimationError, IdentificationWarning, warn
from tfp_index.panel.subset import subset
from tfp_index.panel.table import Table
from tfp_index.production._by_group import (
    FitsByGroup,
    gathered,
    refuse_none,
    sample_of_groups,
)
from tfp_index.production._group_rows import rows_of_groups
from tfp_index.production._least_squares_sums import (
    LinearFit,
    LinearMoments,
    coefficients_from,
    errors_from,
    input_center,
    linear_moments,
    linear_rows,
    linear_scores,
)
from tfp_index.production._result import Named
from tfp_index.production._rows import chosen_inputs, read_logs, read_plain, require_series
from tfp_index.production.least_squares_result import (
    EFFECTS,
    ELASTICITIES,
    PRODUCTIVITY,
    LeastSquaresResult,
)
from tfp_index.results.elsewhere import Elsewhere
from tfp_index.results.result import Sample
from tfp_index.scale.programs._shared import (
    Frame,
    aligned,
    refuse_option,
    require_keyed,
    rows_elsewhere,
    whole,
)
from tfp_index.scale.task import Context, Program, Sum, Write

if TYPE_CHECKING:
    from tfp_index.kernels.segments import Moments
    from tfp_index.panel.panel import Panel

__all__ = ["least_squares"]

FOLDER = "productivity"


def least_squares(spec: Any, context: Context) -> Program:
    """Estimate pooled, with entity effects, or in first differences; see `CobbDouglas.fit`.

    Rounds: means of inputs (translog), moments, scores; a last one writes the dataset
    ``productivity``. With ``by=`` every round gives the sums of each group.
    """
    _refuse(spec)
    require_keyed(context)
    empty = whole(context)
    inputs = chosen_inputs(empty, spec.inputs)
    read_logs(empty, (spec.output, *inputs))  # says which role is missing
    read_plain(empty, spec.controls)
    how = _How(replace(spec, by=None), Frame(context), spec.by)
    if spec.by is not None:
        context.labels(spec.by)
    centers = None
    if spec._degree == 2:
        centers = yield Sum(_centers, (how,))
    sums, ungrouped = yield Sum(_moments, (how, centers))
    labels = [None] if spec.by is None else context.labels(spec.by).tolist()
    groups = [_Group(label, *sums[label]) for label in labels if label in sums]
    for group in groups:
        _attempt(how, group, coefficients_from, group.moments)
    scores = yield Sum(_scores, (how, _fits(groups)))
    for group in groups:
        if group.fit is not None:
            _attempt(how, group, errors_from, group.fit, scores[group.label])
    yield Write(FOLDER, _rows, (how, _fits(groups), inputs))
    if spec.by is None:
        for text in groups[0].fit.warnings if groups[0].fit is not None else ():
            warn(text, IdentificationWarning, stacklevel=2)
        return _result(spec, context, groups[0], context.rows)
    return _by_group(spec, context, groups, ungrouped)


@dataclass(frozen=True, eq=False)
class _How:
    """The specification without groups, the labels of all partitions, and the grouping."""

    spec: Any
    frame: Frame
    by: str | None

    def parts(self, panel: Panel) -> Iterator[tuple[Any, Panel, Any]]:
        """Walk over the groups of a partition: label, panel, rows."""
        part = aligned(panel, self.frame)
        if self.by is None:
            require_series(part)
            yield None, part, slice(None)
            return
        require_series(part)
        for label, rows in rows_of_groups(part.group(self.by)).items():
            yield label, subset(part, rows), rows


@dataclass(slots=True, eq=False)
class _Group:
    """One group on its way to an estimate."""

    label: Any
    moments: LinearMoments
    rows: int
    firms: int
    fit: LinearFit | None = None
    failure: EstimationError | None = None


def _attempt(how: _How, group: _Group, work: Callable[..., LinearFit], *sums: Any) -> None:
    """Let a group fail without the others; a failure of the whole is the caller's."""
    try:
        group.fit = work(how.spec, *sums)
    except EstimationError as error:
        if how.by is None:
            raise
        group.fit, group.failure = None, error


def _fits(groups: list[_Group]) -> dict[Any, LinearFit]:
    return {group.label: group.fit for group in groups if group.fit is not None}


def _result(spec: Any, context: Context, group: _Group, rows: int) -> LeastSquaresResult:
    fit, keys = group.fit, whole(context).keys
    assert fit is not None
    start = int(fit.params.names[0] in ("constant", "mean_growth"))
    first = slice(start, start + len(fit.inputs))
    sample = Sample(rows, fit.rows, {"key missing": 0, **group.moments.lost})
    return LeastSquaresResult(
        spec=spec,
        record=context.record(spec, sample),
        keys=keys,
        params=fit.params,
        cov_params=fit.cov_params,
        productivity=rows_elsewhere(keys, PRODUCTIVITY, FOLDER),
        elasticities_by_row=rows_elsewhere(keys, ELASTICITIES, FOLDER),
        inputs=fit.inputs,
        elasticity_mean=Named(fit.inputs, np.asarray(fit.params)[first]),
        elasticity_cov=fit.cov_params[first, first],
        dof=fit.dof,
        details=fit.details,
        warnings=fit.warnings,
        effects=rows_elsewhere(keys, EFFECTS, FOLDER),
    )


def _by_group(spec: Any, context: Context, groups: list[_Group], ungrouped: int) -> FitsByGroup:
    alone = replace(spec, by=None)
    made = {g.label: _result(alone, context, g, g.rows) for g in groups if g.fit is not None}
    failed = [
        (g.label, g.rows, g.firms, g.failure.code, g.failure.message)
        for g in groups
        if g.failure is not None
    ]
    refuse_none(spec, made, failed)
    said = [(g, IdentificationWarning, text) for g, fit in made.items() for text in fit.warnings]
    texts = gathered(said, failed, len(groups))
    for category, text in texts:
        warn(text, category, stacklevel=3)
    names = ("group", "rows", "firms", "code", "reason")
    table = {name: [row[i] for row in failed] for i, name in enumerate(names)}
    keys, column = whole(context).keys, context.roles.groups[spec.by]
    samples = [fit.sample for fit in made.values()]
    sample = sample_of_groups(context.rows, 0, (column, ungrouped), samples, failed)
    members: Any = Elsewhere("the group", FOLDER)
    return FitsByGroup(
        spec=spec,
        record=context.record(spec, sample),
        keys=keys,
        by=spec.by,
        inputs=next(iter(made.values())).inputs,
        labels=tuple(made),
        fits=tuple(made.values()),
        members=members,
        failed=Table(table, title="Groups without an estimate", backend=keys.backend),
        warnings=tuple(text for _, text in texts),
    )


def _refuse(spec: Any) -> None:
    if spec.effects not in (None, "entity", "first_difference"):
        refuse_option(
            spec, "effects", f"{spec.effects!r} ties the entities of all partitions together",
            "effects=None, 'entity' or 'first_difference'",
        )  # fmt: skip
    if spec.cov == "two_way_clustered":
        refuse_option(
            spec, "cov", "errors clustered by period need every period's scores", "'clustered'"
        )


def _centers(panel: Panel, how: _How) -> dict[Any, Moments]:
    return {label: input_center(how.spec, part) for label, part, _ in how.parts(panel)}


def _moments(panel: Panel, how: _How, centers: Mapping[Any, Moments] | None) -> Any:
    """Moments, rows and firms of each group, and rows without a group."""
    found = {}
    for label, part, _ in how.parts(panel):
        center = None if centers is None else centers[label]
        found[label] = (linear_moments(how.spec, part, center), part.n_rows, part.n_entities)
    inside = sum(rows for _, rows, _ in found.values())
    return found, panel.n_rows - inside


def _scores(panel: Panel, how: _How, fits: Mapping[Any, LinearFit]) -> dict[Any, Any]:
    return {
        label: linear_scores(how.spec, part, fits[label])
        for label, part, _ in how.parts(panel)
        if label in fits
    }


def _rows(
    panel: Panel, how: _How, fits: Mapping[Any, LinearFit], inputs: tuple[str, ...]
) -> tuple[dict[str, Any], None]:
    """Productivity, effects, residual and elasticities of every row."""
    effects = ["entity_effect"] if how.spec.effects == "entity" else []
    names = ["productivity", *effects, "residual", *(f"elasticity {x}" for x in inputs)]
    values = {name: np.full(panel.n_rows, np.nan) for name in names}
    for label, part, rows in how.parts(panel):
        if label in fits:
            for name, column in linear_rows(how.spec, part, fits[label]).items():
                values[name][rows] = column
    shown = {
        f"{name.split()[1]}_elasticity" if " " in name else name: column
        for name, column in values.items()
    }
    return {**aligned(panel, how.frame).keys.columns(), **shown}, None
