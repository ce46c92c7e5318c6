"""Least squares from sums that add up over parts of a panel, where each part holds whole firms.

Two rounds over the parts, three for the translog, and nothing of a row is kept between them::

    center = sum(input_center(spec, part) for part in parts)        # translog only
    moments = sum(linear_moments(spec, part, center) for part in parts)
    fit = coefficients_from(spec, moments)
    scores = sum(linear_scores(spec, part, fit) for part in parts)
    fit = errors_from(spec, fit, scores)
    rows = [linear_rows(spec, part, fit) for part in parts]

For pooled least squares, entity effects and first differences, with classical, heteroskedastic
and clustered errors. Effects of periods and variance components tie the firms together and need
sums of another kind; two-way clusters would need the scores of every period.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError, SpecificationError
from tfp_index.kernels.gram import solve_gram
from tfp_index.kernels.linalg import cluster_correction, sandwich
from tfp_index.kernels.segments import (
    Moments,
    least_share,
    moments_of,
    moved_back,
    segment_cross,
    segment_sums,
    solve_segments,
)
from tfp_index.panel.panel import Panel
from tfp_index.production._functional_form import free_directions
from tfp_index.production._result import Named
from tfp_index.production._segment_columns import (
    CONSTANTS,
    MOVES,
    Block,
    Job,
    Moved,
    block_of,
    coefficient_names,
    read_job,
    write_rows,
)
from tfp_index.production.least_squares_result import NO_LAG

__all__ = [
    "LinearFit",
    "LinearMoments",
    "LinearScores",
    "coefficients_from",
    "errors_from",
    "input_center",
    "linear_moments",
    "linear_rows",
    "linear_scores",
]

Floats = NDArray[np.float64]

TOO_ALIKE = 1e-9
"""Least eigenvalue of the correlations from which cross products still carry six digits."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearMoments:
    """What the coefficients need from a part; parts add up.

    Attributes
    ----------
    regression : Moments
        Of what is regressed, outcome last: levels, deviations from firm means, or changes.
    levels : Moments
        Of the same columns as they are.
    firms, clusters : int
        Firms with rows, and those with rows in the regression.
    periods : frozenset of int
        Calendar numbers of the periods with rows.
    lost : mapping of reason to number of rows
    inputs : tuple of str
    center : (inputs,) float array or None
        Means that were taken out of the log inputs of the translog.
    """

    regression: Moments
    levels: Moments
    firms: int
    clusters: int
    periods: frozenset[int]
    lost: Mapping[str, int]
    inputs: tuple[str, ...]
    center: Floats | None = None

    def __add__(self, other: LinearMoments) -> LinearMoments:
        reasons = dict.fromkeys((*self.lost, *other.lost))
        return LinearMoments(
            self.regression + other.regression,
            self.levels + other.levels,
            self.firms + other.firms,
            self.clusters + other.clusters,
            self.periods | other.periods,
            {x: self.lost.get(x, 0) + other.lost.get(x, 0) for x in reasons},
            self.inputs,
            self.center,
        )


@dataclass(frozen=True, slots=True, eq=False)
class LinearScores:
    """What the errors need from a part, given the coefficients; parts add up.

    Attributes
    ----------
    ssr : float
    rows, firms : (k, k) float arrays
        Cross products of the scores of rows, and of their sums over firms.
    """

    ssr: float
    rows: Floats
    firms: Floats

    def __add__(self, other: LinearScores) -> LinearScores:
        return LinearScores(self.ssr + other.ssr, self.rows + other.rows, self.firms + other.firms)


@dataclass(frozen=True, slots=True, eq=False)
class LinearFit:
    """Coefficients and, after the second round, their errors.

    Attributes
    ----------
    params : Named
    cov_params : (k, k) float array
        NaN before `errors_from`.
    dof : int
        Degrees of freedom of t.
    inputs : tuple of str
    details : mapping of str to plain values
        As in the result of a fit in memory.
    moments : LinearMoments
    warnings : tuple of str
    """

    params: Named
    cov_params: Floats
    dof: int
    inputs: tuple[str, ...]
    moments: LinearMoments
    solution: tuple[Floats, Floats]
    details: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the regression."""
        return int(self.moments.regression.count[0])


def input_center(spec: Any, panel: Panel) -> Moments:
    """Return the moments of the log inputs of a part; the translog is written about their mean."""
    job = _job(spec, panel)
    columns = np.stack([column[job.rows] for column in job.columns[: len(job.inputs)]])
    return moments_of(columns, job.groups)


def linear_moments(spec: Any, panel: Panel, center: Moments | None = None) -> LinearMoments:
    """Return what the coefficients need from a part that holds whole firms.

    Parameters
    ----------
    spec : CobbDouglas or Translog
    panel : Panel
        Some firms with all their rows. It may have no complete row.
    center : Moments, optional
        Sum of `input_center` over all parts; the translog needs it.

    Raises
    ------
    SpecificationError
        If the specification cannot be fitted from sums.
    DataError
        If a column cannot be read.
    """
    means = None if center is None else center.mean[0]
    job, block, moved = _part(spec, panel, means)
    W = moved.W[len(CONSTANTS[spec.effects]) :]
    shift = np.zeros((1, W.shape[0])) if moved.shift is None else moved.shift
    layout = moved.layout
    count = layout.rows.astype(np.float64)
    levels = Moments(
        block.layout.rows.astype(np.float64), block.shift, segment_cross(block.Z, job.groups)
    )
    lost = {reason: int(counts[0]) for reason, counts in job.lost.items()}
    lost[NO_LAG] = int(block.rows.size - count[0])
    return LinearMoments(
        regression=Moments(count, shift, segment_cross(W, layout.groups)),
        levels=levels,
        firms=int(block.layout.of_groups[-1]),
        clusters=int(layout.of_groups[-1]),
        periods=frozenset(np.unique(block.layout.time).tolist()),
        lost={reason: number for reason, number in lost.items() if number},
        inputs=job.inputs,
        center=means,
    )


def coefficients_from(spec: Any, moments: LinearMoments) -> LinearFit:
    """Solve for the coefficients.

    Parameters
    ----------
    spec : CobbDouglas or Translog
    moments : LinearMoments
        The sum over all parts.

    Raises
    ------
    EstimationError
        If no row is complete, a column is a combination of others, or there are too few rows.
    """
    inputs = moments.inputs
    names = coefficient_names(spec, inputs)
    constant, n = len(CONSTANTS[spec.effects]), int(moments.regression.count[0])
    if not n:
        _refuse_empty(moments)
    cross = moments.regression.cross
    k = cross.shape[1] - 1
    _refuse_collinear(spec, moments, names[constant:])
    start, N = free_directions(len(inputs), spec._degree, spec.returns, k, 0)
    absorbed = moments.firms if spec.effects == "entity" else 0
    dof = n - constant - N.shape[1] - absorbed
    if dof < 1:
        raise EstimationError(
            f"{n} rows do not identify {constant + N.shape[1] + absorbed} coefficients and effects",
            code="too_few_rows",
            expected="more rows than coefficients and effects",
        )
    if spec.cov == "clustered" and moments.clusters < 2:
        raise EstimationError(
            "errors clustered by entity need at least two clusters, and there is one",
            code="too_few_clusters",
            remedy="cov='robust'",
        )
    found = solve_segments(cross, start, N)
    b, bread = np.zeros(constant + k), np.zeros((constant + k, constant + k))
    b[constant:], bread[constant:, constant:] = found.coefficients[0], found.bread[0]
    mean = moments.regression.mean[0]
    if constant:
        b[0], bread[0, 0] = mean[-1], 1.0 / n
    own = moved_back(b[None], bread[None], mean[None, :-1])[0][0] if constant else b
    share = float(least_share(cross[:, :k, :k])[0]) if k else 1.0
    texts: tuple[str, ...] = ()
    if share < TOO_ALIKE:
        texts = (
            f"the regressors are nearly combinations of each other (least eigenvalue of their "
            f"correlations {share:.2g}): sums lose digits that a fit in memory keeps",
        )
    empty = np.full((b.size, b.size), np.nan)
    return LinearFit(Named(names, own), empty, dof, inputs, moments, (b, bread), {}, texts)


def _refuse_empty(moments: LinearMoments) -> NoReturn:
    if moments.firms:
        raise EstimationError(
            "no entity has two consecutive periods",
            code="no_consecutive_rows",
            remedy="check step= of the panel, or use effects='entity'",
        )
    raise EstimationError(
        "no row has a value in every column that is needed",
        code="no_rows",
        remedy="panel.check() lists what is missing",
    )


def _refuse_collinear(spec: Any, moments: LinearMoments, names: tuple[str, ...]) -> None:
    cross, levels = moments.regression.cross[0], moments.levels
    k = len(names)
    left = np.diagonal(cross)[:k]
    squares = np.diagonal(levels.cross[0])[:k] + levels.count[0] * levels.mean[0, :k] ** 2
    gone = np.flatnonzero(left <= 1e-16 * squares)
    if gone.size:
        culprit = names[int(gone[0])]
        why = f"does not vary once effects={spec.effects!r} are taken out"
        if not spec.effects:
            why = "is constant"
    else:
        rank = solve_gram(cross[:k, :k], cross[:k, k])[2]
        if not rank.dropped.size:
            return
        culprit = names[int(rank.dropped[0])]
        others = ", ".join(names[i] for i in rank.explained_by[0])
        why = f"is a combination of {others}"
    raise EstimationError(
        f"{culprit} {why}",
        code="collinear",
        column=culprit,
        expected="inputs and controls that vary independently of each other",
        remedy="leave one of them out" + (", or choose other effects" if spec.effects else ""),
    )


def linear_scores(spec: Any, panel: Panel, fit: LinearFit) -> LinearScores:
    """Return what the errors need from a part, given the coefficients."""
    _, _, moved = _part(spec, panel, fit.moments.center)
    X, e = _residuals(spec, moved, fit)
    scores, layout = X * e, moved.layout
    sums = segment_sums(scores, layout.entities)
    return LinearScores(
        float(e @ e),
        segment_cross(scores, layout.groups)[0],
        segment_cross(sums, layout.of_groups)[0],
    )


def errors_from(spec: Any, fit: LinearFit, scores: LinearScores) -> LinearFit:
    """Return the fit with covariance, degrees of freedom and figures.

    Parameters
    ----------
    scores : LinearScores
        The sum over all parts.
    """
    moments, n, dof = fit.moments, fit.rows, fit.dof
    b, bread = fit.solution
    constant = len(CONSTANTS[spec.effects])
    t_dof = dof
    if spec.cov == "classical":
        V = bread * (scores.ssr / dof)
    elif spec.cov == "robust":
        V = sandwich(bread, scores.rows) * (n / dof)
    else:
        absorbed = moments.firms if spec.effects == "entity" else 0
        k = n - dof - absorbed  # entity effects lie within the clusters
        V = sandwich(bread, scores.firms) * cluster_correction(n, k, moments.clusters)
        t_dof = moments.clusters - 1
    if constant:
        V = moved_back(b[None], V[None], moments.regression.mean[:, :-1])[1][0]
    square = float(moments.regression.cross[0, -1, -1])
    total = float(moments.levels.cross[0, -1, -1]) if spec.effects == "entity" else square
    details: dict[str, Any] = {
        "entities": moments.firms,
        "periods": len(moments.periods),
        "r_squared": 1.0 - scores.ssr / total if total else None,
        "residual_sd": float(np.sqrt(scores.ssr / dof)),
        "residual_dof": dof,
    }
    if spec.effects == "entity":
        details["r_squared_within"] = 1.0 - scores.ssr / square if square else None
        details["effects"] = moments.firms
    return replace(fit, cov_params=V, dof=t_dof, details=details)


def linear_rows(spec: Any, panel: Panel, fit: LinearFit) -> dict[str, Floats]:
    """Return productivity, effects, residual and elasticities of the rows of a part.

    Returns
    -------
    mapping of str to (n,) float array
        In panel order; NaN in rows that take no part.
    """
    job, block, moved = _part(spec, panel, fit.moments.center)
    _, e = _residuals(spec, moved, fit)
    write_rows(job, block, moved, np.asarray(fit.params)[None], np.ones(1, bool), e)
    return job.out


def _job(spec: Any, panel: Panel) -> Job:
    if spec.effects not in (None, "entity", "first_difference"):
        raise SpecificationError(
            f"effects={spec.effects!r} cannot be fitted from sums over parts of the firms",
            code="not_additive",
            column="effects",
            expected="None, 'entity' or 'first_difference'",
            remedy="fit in memory, or choose other effects",
        )
    if spec.cov == "two_way_clustered" or spec.by is not None:
        raise SpecificationError(
            "two-way clustered errors and by= cannot be had from sums over parts of the firms",
            code="not_additive",
            column="by" if spec.by is not None else "cov",
            expected="one-way clusters, all groups at once",
            remedy="fit in memory, or cov='clustered'",
        )
    return read_job(spec, panel, (np.arange(panel.n_rows),))


def _part(spec: Any, panel: Panel, center: Floats | None) -> tuple[Job, Block, Moved]:
    job = _job(spec, panel)
    if spec._degree == 2 and center is None:
        raise SpecificationError(
            "the translog needs the means of its inputs over all parts",
            code="missing_center",
            remedy="linear_moments(spec, part, center) with the sum of input_center",
        )
    block = block_of(job, 0, 1, center)
    return job, block, MOVES[spec.effects](spec, panel, block)


def _residuals(spec: Any, moved: Moved, fit: LinearFit) -> tuple[Floats, Floats]:
    """Regressors about their means over all parts, and residuals."""
    constant, (b, _) = len(CONSTANTS[spec.effects]), fit.solution
    W = moved.W.copy()
    if moved.shift is not None:
        W[constant:] += (moved.shift - fit.moments.regression.mean).T
    return W[:-1], W[-1] - b[constant:] @ W[constant:-1]
