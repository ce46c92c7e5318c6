"""Least squares of every group of a panel in one pass: Gram matrices of segments, solved as stacks.

The rows are sorted by group, entity and period once. Blocks of whole groups then go through the
same steps as a single fit, for all their groups together: columns less the means of their group,
effects taken out, cross products, coefficients, residuals, errors.

Cross products square the condition number. A group whose regressors are too much alike for that,
and every group that may have no estimate at all, is left to the fit of a single panel (`sound` is
False there), which works on the rows and gives the reasons.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, IdentificationWarning
from tfp_index.kernels.blocks import BLOCK_ROWS, default_threads
from tfp_index.kernels.linalg import cluster_correction
from tfp_index.kernels.segment_effects import (
    period_sums,
)
from tfp_index.kernels.segments import (
    least_share,
    moved_back,
    segment_blocks,
    segment_combine,
    segment_cross,
    segment_sums,
    solve_segments,
)
from tfp_index.panel.panel import Keys, Panel
from tfp_index.production._by_group import Together
from tfp_index.production._functional_form import free_directions
from tfp_index.production._result import Named
from tfp_index.production._segment_columns import (
    ALIKE,
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
from tfp_index.production.least_squares_result import (
    EFFECTS,
    ELASTICITIES,
    NO_LAG,
    PRODUCTIVITY,
    LeastSquaresResult,
    no_spread,
    not_definite,
)
from tfp_index.results.result import Record, RowValues, Sample, record_of

__all__ = ["fit_together"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

LEFT = 1e-8
"""Share of a column's squares that a transformation has to leave, as rounding is relative to them
all; a hundredth of it is the least that the fit has to leave of the outcome's."""

LARGE = 8 * BLOCK_ROWS
"""Rows from which a group is left to a fit of its own: one more call costs nothing there, and
that fit holds fewer columns in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    """Estimates of the groups of a block; those that are not sound have zeros."""

    sound: Mask
    b: Floats  # (G, columns of the design that are estimated)
    V: Floats
    dof: Ints
    used: Ints
    figures: dict[str, NDArray[Any]]
    texts: list[tuple[str, ...]]


def fit_together(spec: Any, panel: Panel, parts: Sequence[Ints]) -> Together | None:
    """Fit Cobb–Douglas or translog to all groups.

    Parameters
    ----------
    spec : CobbDouglas or Translog
    panel : Panel
    parts : sequence of int arrays
        Rows of each group, ascending.

    Returns
    -------
    Together or None
        None when a column cannot be read: fitting group by group says in which.
    """
    parts = [rows if rows.size < LARGE else rows[:0] for rows in parts]
    try:
        job = read_job(spec, panel, parts)
    except DataError:
        return None
    cuts = segment_blocks(job.groups, BLOCK_ROWS)
    with ThreadPoolExecutor(default_threads()) as pool:
        solved = list(pool.map(lambda cut: _fitblock_of(job, *cut), cuts))
    return _together(job, solved, parts)


def _fitblock_of(job: Job, first: int, last: int) -> _Solved:
    block = block_of(job, first, last)
    moved = MOVES[job.spec.effects](job.spec, job.panel, block)
    solved, e = _solve(job.spec, len(job.inputs), block, moved)
    write_rows(job, block, moved, solved.b, solved.sound, e)
    return solved


def _solve(spec: Any, inputs: int, block: Block, moved: Moved) -> tuple[_Solved, Floats]:
    """Coefficients and errors of all groups, and the residuals of the regression."""
    W, layout, constant = moved.W, moved.layout, int(moved.shift is not None)
    k, n = W.shape[0] - 1, layout.rows
    start, N = free_directions(inputs, spec._degree, spec.returns, k, constant)
    cross = segment_cross(W, layout.groups)
    sound = n - N.shape[1] - moved.absorbed >= 1
    sound &= n > 0 if moved.known is None else moved.known
    left = np.einsum("gii->gi", cross)[:, constant:]
    sound &= (left > LEFT * block.squares).all(axis=1)
    inner = cross[:, :k, :k]
    sound &= (least_share(inner) > ALIKE) & (least_share(N.T @ inner @ N) > ALIKE)
    firms, periods = np.diff(layout.of_groups), np.diff(layout.cells)
    if spec.cov in ("clustered", "two_way_clustered"):
        sound &= firms > 1
    if spec.cov == "two_way_clustered":
        sound &= periods > 1
    b, bread = np.zeros((n.size, k)), np.zeros((n.size, k, k))
    found = solve_segments(cross[sound], start, N)
    b[sound], bread[sound] = found.coefficients, found.bread
    e = W[k] - segment_combine(b, W[:k], layout.groups)
    ssr = segment_sums((e * e)[None], layout.groups)[0]
    sound &= ssr > 0.01 * LEFT * block.squares[:, -1]
    V, dof, texts = _errors(spec, moved, N, bread, e, ssr, sound)
    figures = _figures(spec, block, moved, cross[:, k, k], ssr, n - N.shape[1] - moved.absorbed)
    if moved.shift is not None:
        b[:, 0] += moved.shift[:, -1]
        b, V = moved_back(b, V, moved.shift[:, :-1])
    if moved.parts is not None:
        for g in np.flatnonzero(sound & (np.nan_to_num(moved.parts.entity) <= 0)).tolist():
            texts[g] += (no_spread(float(moved.parts.entity[g])),)
    return _Solved(sound, b, V, dof, n, figures, texts), e


def _errors(
    spec: Any, moved: Moved, N: Floats, bread: Floats, e: Floats, ssr: Floats, sound: Mask
) -> tuple[Floats, Ints, list[tuple[str, ...]]]:
    """Covariances, degrees of freedom of t, warnings."""
    layout, k = moved.layout, N.shape[1]
    texts: list[tuple[str, ...]] = [()] * sound.size
    n, firms, periods = layout.rows, np.diff(layout.of_groups), np.diff(layout.cells)
    left = np.where(sound, n - k - moved.absorbed, 1)
    if spec.cov == "classical":
        return bread * (ssr / left)[:, None, None], left, texts
    scores = moved.W[:-1] * e
    if spec.cov == "robust":
        meat = segment_cross(scores, layout.groups) * (n / left)[:, None, None]
        return _sandwich(bread, meat), left, texts
    nested = spec.cov == "clustered" and spec.effects in ("entity", "two_way")
    K = k + moved.absorbed - (firms if nested else 0)
    n, K, firms, periods = (  # where there is no estimate, anything that divides
        np.where(sound, v, d) for v, d in ((n, 4), (K, 1), (firms, 2), (periods, 2))
    )
    sums = segment_sums(scores, layout.entities)
    meat = _corrected(segment_cross(sums, layout.of_groups), n, K, firms)
    if spec.cov == "clustered":
        return _sandwich(bread, meat), firms - 1, texts
    sums = period_sums(scores, layout)
    meat += _corrected(segment_cross(sums, layout.cells), n, K, periods)
    # cells of both groupings are the rows themselves
    meat -= _corrected(segment_cross(scores, layout.groups), n, K, n)
    V = _sandwich(bread, meat)
    for g in np.flatnonzero(sound & _indefinite(N.T @ V @ N)).tolist():
        texts[g] = (not_definite(int(firms[g]), int(periods[g])),)
    return V, np.minimum(firms, periods) - 1, texts


def _corrected(meat: Floats, n: Ints, K: Ints, clusters: Ints) -> Floats:
    """Clustered meat of each group with its small-sample factor."""
    return np.asarray(cluster_correction(n, K, clusters)[:, None, None] * meat)


def _indefinite(V: Floats) -> Mask:
    """Say which covariances have a negative variance in some direction."""
    if not V.shape[1]:
        return np.zeros(V.shape[0], bool)
    scale = np.sqrt(np.abs(np.einsum("gii->gi", V)))
    scale[scale == 0] = 1.0
    least = np.linalg.eigvalsh(V / scale[:, :, None] / scale[:, None, :])[:, 0]
    return np.asarray(least < -1e-8)


def _sandwich(bread: Floats, meat: Floats) -> Floats:
    V = bread @ meat @ bread
    return np.asarray(0.5 * (V + V.transpose(0, 2, 1)))


def _figures(
    spec: Any, block: Block, moved: Moved, square: Floats, ssr: Floats, dof: Ints
) -> dict[str, NDArray[Any]]:
    """What `glance` shows of each group, in the order of a single fit."""
    layout = block.layout
    figures: dict[str, NDArray[Any]] = {
        "entities": np.diff(layout.of_groups),
        "periods": np.diff(layout.cells),
    }
    fixed = spec.effects in ("entity", "time", "two_way")
    total = segment_sums(block.Z[-1:] ** 2, layout.groups)[0] if fixed else square
    if moved.parts is None:
        figures["r_squared"] = 1.0 - ssr / np.where(total > 0, total, 1.0)
    figures["residual_sd"] = np.sqrt(ssr / np.maximum(dof, 1))
    figures["residual_dof"] = dof
    if fixed:
        figures["r_squared_within"] = 1.0 - ssr / np.where(square > 0, square, 1.0)
        figures["effects"] = moved.absorbed
    if moved.parts is not None:
        parts, firms = moved.parts, layout.of_groups.tolist()
        figures["variance_error"], figures["variance_entity"] = parts.error, parts.entity
        figures["theta_median"] = np.array(
            [np.median(parts.theta[a:b]) if b > a else 0.0 for a, b in pairwise(firms)]
        )
    return figures


@dataclass(frozen=True, slots=True, eq=False)
class _Stacks:
    """All estimates as stacks; `result` makes the result of one group of them."""

    spec: Any
    record: Record
    inputs: tuple[str, ...]
    names: tuple[str, ...]
    b: Floats
    V: Floats
    dof: Ints
    figures: dict[str, NDArray[Any]]
    samples: tuple[Sample, ...]
    texts: tuple[tuple[str, ...], ...]
    out: dict[str, Floats]

    def result(self, place: int, keys: Keys, rows: Ints) -> LeastSquaresResult:
        """Return the result of a group on its own rows."""
        b, V = self.b[place], self.V[place]
        start = len(CONSTANTS[self.spec.effects])
        own = slice(start, start + len(self.inputs))
        values = {name: value[rows] for name, value in self.out.items()}
        return LeastSquaresResult(
            spec=self.spec,
            record=replace(self.record, sample=self.samples[place]),
            keys=keys,
            params=Named(self.names, b),
            cov_params=V,
            inputs=self.inputs,
            elasticity_mean=Named(self.inputs, b[own]),
            elasticity_cov=V[own, own],
            dof=self.dof[place].item(),
            details={name: value[place].item() for name, value in self.figures.items()},
            warnings=self.texts[place],
            **_row_values(keys, values, self.inputs),
        )


def _row_values(
    keys: Keys, values: dict[str, Floats], inputs: tuple[str, ...]
) -> dict[str, RowValues]:
    """Sort the columns of the rows into what a result has."""
    by_row = {x: values[f"elasticity {x}"] for x in inputs}
    effects = ("entity_effect", "time_effect", "residual")
    productivity = {"productivity": values["productivity"]}
    return {
        "productivity": RowValues(keys, productivity, PRODUCTIVITY),
        "elasticities_by_row": RowValues(keys, by_row, ELASTICITIES),
        "effects": RowValues(keys, {x: values[x] for x in effects if x in values}, EFFECTS),
    }


def _together(job: Job, solved: Sequence[_Solved], parts: Sequence[Ints]) -> Together:
    """Put the blocks together."""
    spec, panel = job.spec, job.panel
    used = np.concatenate([part.used for part in solved])
    missed = np.diff(job.groups) - used
    counts = {**job.lost, NO_LAG: missed}
    samples = tuple(
        Sample(rows.size, int(used[g]), {reason: count[g] for reason, count in counts.items()})
        for g, rows in enumerate(parts)
    )
    texts = tuple(text for part in solved for text in part.texts)
    stacks = _Stacks(
        spec=spec,
        record=record_of(spec, panel, samples[0]),
        inputs=job.inputs,
        names=coefficient_names(spec, job.inputs),
        b=np.concatenate([part.b for part in solved]),
        V=np.concatenate([part.V for part in solved]),
        dof=np.concatenate([part.dof for part in solved]),
        figures={
            name: np.concatenate([part.figures[name] for part in solved])
            for name in solved[0].figures
        },
        samples=samples,
        texts=texts,
        out=job.out,
    )
    return Together(
        sound=np.concatenate([part.sound for part in solved]),
        inputs=job.inputs,
        samples=samples,
        said=tuple(tuple((IdentificationWarning, text) for text in own) for own in texts),
        result=stacks.result,
        whole=_row_values(panel.keys, job.out, job.inputs),
    )
