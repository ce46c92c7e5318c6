"""Cobb–Douglas and translog by least squares over partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfp_index.errors import IdentificationWarning, warn
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
from tfp_index.production._rows import chosen_inputs, read_logs, read_plain
from tfp_index.production.least_squares_result import (
    EFFECTS,
    ELASTICITIES,
    PRODUCTIVITY,
    LeastSquaresResult,
)
from tfp_index.results.result import Sample
from tfp_index.scale.programs._shared import refuse_option, require_keyed, rows_elsewhere, whole
from tfp_index.scale.task import Context, Program, Sum, Write

if TYPE_CHECKING:
    from tfp_index.kernels.segments import Moments
    from tfp_index.panel.panel import Panel

__all__ = ["least_squares"]

FOLDER = "productivity"


def least_squares(spec: Any, context: Context) -> Program:
    """Estimate pooled, with entity effects, or in first differences; see `CobbDouglas.fit`.

    Rounds: means of inputs (translog), moments, scores; a last one writes the dataset
    ``productivity``.
    """
    _refuse(spec)
    require_keyed(context)
    empty = whole(context)
    inputs = chosen_inputs(empty, spec.inputs)
    read_logs(empty, (spec.output, *inputs))  # says which role is missing
    read_plain(empty, spec.controls)
    center = None
    if spec._degree == 2:
        center = yield Sum(_center, (spec,))
    moments: LinearMoments = yield Sum(_moments, (spec, center))
    fit = coefficients_from(spec, moments)
    scores = yield Sum(_scores, (spec, fit))
    fit = errors_from(spec, fit, scores)
    for text in fit.warnings:
        warn(text, IdentificationWarning, stacklevel=2)
    yield Write(FOLDER, _rows, (spec, fit))
    start = int(fit.params.names[0] in ("constant", "mean_growth"))
    first = slice(start, start + len(inputs))
    keys = empty.keys
    sample = Sample(context.rows, fit.rows, {"key missing": 0, **moments.lost})
    return LeastSquaresResult(
        spec=spec,
        record=context.record(spec, sample),
        keys=keys,
        params=fit.params,
        cov_params=fit.cov_params,
        productivity=rows_elsewhere(keys, PRODUCTIVITY, FOLDER),
        elasticities_by_row=rows_elsewhere(keys, ELASTICITIES, FOLDER),
        inputs=inputs,
        elasticity_mean=Named(inputs, np.asarray(fit.params)[first]),
        elasticity_cov=fit.cov_params[first, first],
        dof=fit.dof,
        details=fit.details,
        warnings=fit.warnings,
        effects=rows_elsewhere(keys, EFFECTS, FOLDER),
    )


def _refuse(spec: Any) -> None:
    if spec.by is not None:
        refuse_option(
            spec, "by", "groups of least squares are fitted in memory", "run each group by itself"
        )
    if spec.effects not in (None, "entity", "first_difference"):
        refuse_option(
            spec, "effects", f"{spec.effects!r} ties the entities of all partitions together",
            "effects=None, 'entity' or 'first_difference'",
        )  # fmt: skip
    if spec.cov == "two_way_clustered":
        refuse_option(
            spec, "cov", "errors clustered by period need every period's scores", "'clustered'"
        )


def _center(panel: Panel, spec: Any) -> Moments:
    return input_center(spec, panel)


def _moments(panel: Panel, spec: Any, center: Moments | None) -> LinearMoments:
    return linear_moments(spec, panel, center)


def _scores(panel: Panel, spec: Any, fit: LinearFit) -> Any:
    return linear_scores(spec, panel, fit)


def _rows(panel: Panel, spec: Any, fit: LinearFit) -> tuple[dict[str, Any], None]:
    values = {
        f"{name.removeprefix('elasticity ')}_elasticity" if " " in name else name: column
        for name, column in linear_rows(spec, panel, fit).items()
    }
    return {**panel.keys.columns(), **values}, None
