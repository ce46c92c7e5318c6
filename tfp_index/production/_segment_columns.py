"""Rows and columns of a regression for many groups at once: read, taken out of effects, written.

The rows are sorted by group, entity and period. A block has the rows of some whole groups, with
the mean of each group taken out of its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.segment_effects import (
    Components,
    Layout,
    changes,
    components,
    layout_of,
    less_both,
    less_entities,
    less_periods,
)
from tfp_index.kernels.segments import segment_combine, segment_means, segment_sums, spread
from tfp_index.panel.panel import Panel
from tfp_index.production._functional_form import elasticities, terms
from tfp_index.production._rows import chosen_inputs, read_logs, read_plain

__all__ = [
    "ALIKE",
    "CONSTANTS",
    "MOVES",
    "Block",
    "Job",
    "Moved",
    "block_of",
    "coefficient_names",
    "read_job",
    "write_rows",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

ALIKE = 1e-5
"""Least eigenvalue of the correlations of the regressors, below which a group is fitted on its
rows: rounding in the inverse of the cross products is ε over it."""

CONSTANTS: dict[str | None, tuple[str, ...]] = {
    None: ("constant",),
    "random": ("constant",),
    "first_difference": ("mean_growth",),
    "entity": (),
    "time": (),
    "two_way": (),
}
"""The constant of the regression, where effects leave one."""

PERIODS = 200
"""Most periods in a group for which two-way effects are solved together."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What all blocks share: the columns, and where the results go."""

    spec: Any
    panel: Panel
    inputs: tuple[str, ...]
    columns: tuple[Floats, ...]  # inputs, controls, output; in panel order
    rows: Ints  # complete rows, by group
    groups: Ints  # (G + 1,) where they start
    lost: dict[str, Ints]  # rows of each group that lack a column
    out: dict[str, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rows of some groups: columns less their group's means, outcome last."""

    rows: Ints
    entity: Ints
    layout: Layout
    Z: Floats  # (k + 1, m)
    shift: Floats  # (G, k + 1)
    squares: Floats  # (G, k + 1) of the columns as they were
    x: Floats  # (inputs, m) log inputs, less their mean in the translog


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """What is regressed on what: (p + 1, n) columns with the outcome last.

    ``shift`` was taken out of the columns beside a constant, which is the first column then.
    """

    W: Floats
    layout: Layout
    absorbed: Ints
    shift: Floats | None = None
    has: Mask | None = None
    known: Mask | None = None
    gamma: Floats | None = None
    parts: Components | None = None


def read_job(spec: Any, panel: Panel, parts: Sequence[Ints]) -> Job:
    """Read the columns of a regression, and find the rows that have them all.

    Parameters
    ----------
    spec : CobbDouglas or Translog
    panel : Panel
    parts : sequence of int arrays
        Rows of each group, ascending.

    Raises
    ------
    DataError
        If a column cannot be read.
    """
    inputs = chosen_inputs(panel, spec.inputs)
    columns = read_logs(panel, (spec.output, *inputs))
    columns |= read_plain(panel, spec.controls)
    order, which = np.concatenate(parts), np.repeat(np.arange(len(parts)), [p.size for p in parts])
    keep, lost = _complete(panel, columns, order, which, len(parts))
    rows = order if not lost else order[keep]
    counts = np.bincount(which[keep] if lost else which, minlength=len(parts))
    return Job(
        spec=spec,
        panel=panel,
        inputs=inputs,
        columns=tuple(columns[x] for x in (*inputs, *spec.controls, spec.output)),
        rows=rows,
        groups=np.concatenate([[0], np.cumsum(counts)]),
        lost=lost,
        out={name: np.full(panel.n_rows, np.nan) for name in _row_names(spec, inputs)},
    )


def coefficient_names(spec: Any, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the columns of the regression, as in a single fit."""
    names, _ = terms([np.zeros(0)] * len(inputs), inputs, spec._degree)
    return (*CONSTANTS[spec.effects], *names, *spec.controls)


def _complete(
    panel: Panel, columns: dict[str, Floats], order: Ints, which: Ints, groups: int
) -> tuple[Mask, dict[str, Ints]]:
    """Rows with a value in every column, and how many rows of each group every column costs."""
    keep = np.ones(order.size, bool)
    lost: dict[str, Ints] = {}
    for role, values in columns.items():
        missing = np.isnan(values)
        if missing.any():
            missing = missing[order] & keep
            lost[f"{panel.names.get(role, role)} missing"] = np.bincount(
                which[missing], minlength=groups
            )
            keep &= ~missing
    return keep, lost


def _row_names(spec: Any, inputs: tuple[str, ...]) -> list[str]:
    effects = {"entity": ["entity_effect"], "time": ["time_effect"]}
    effects["two_way"] = effects["entity"] + effects["time"]
    kinds = effects.get(spec.effects, [])
    return ["productivity", *kinds, "residual", *(f"elasticity {x}" for x in inputs)]


def block_of(job: Job, first: int, last: int, center: Floats | None = None) -> Block:
    """Read the rows of some groups and take the means of each group out.

    Parameters
    ----------
    first, last : int
        Groups, the last not among them.
    center : (inputs,) float array, optional
        Means that the translog takes out of its inputs, in place of those of the group.
    """
    groups = job.groups[first : last + 1] - job.groups[first]
    rows = job.rows[job.groups[first] : job.groups[last]]
    inputs, degree = len(job.inputs), job.spec._degree
    raw = np.stack([column[rows] for column in job.columns])
    if degree == 2:
        own_means = spread(segment_means(raw[:inputs], groups), groups)
        raw[:inputs] -= own_means if center is None else center[:, None]
        own = terms(list(raw[:inputs]), job.inputs, 2)[1]
        raw = np.stack([*own, *raw[inputs:]])
    x = raw[:inputs]
    shift = segment_means(raw, groups)
    Z = raw - spread(shift, groups)
    squares = segment_sums(Z * Z, groups) + np.diff(groups) * shift**2
    entity = job.panel.entity_codes[rows]
    layout = layout_of(groups, entity, job.panel.time[rows])
    return Block(rows, entity, layout, Z, shift.T, squares.T, x)


def _pooled(spec: Any, panel: Panel, block: Block) -> Moved:
    W = np.concatenate([np.ones((1, block.rows.size)), block.Z])
    return Moved(W, block.layout, np.zeros(block.layout.rows.size, np.int64), block.shift)


def _entities(spec: Any, panel: Panel, block: Block) -> Moved:
    firms = np.diff(block.layout.of_groups)
    return Moved(less_entities(block.Z, block.layout), block.layout, firms)


def _periods(spec: Any, panel: Panel, block: Block) -> Moved:
    return Moved(less_periods(block.Z, block.layout), block.layout, np.diff(block.layout.cells))


def _both(spec: Any, panel: Panel, block: Block) -> Moved:
    """Two-way effects; a group of more periods than entities, or very many, stays out."""
    firms, periods = np.diff(block.layout.of_groups), np.diff(block.layout.cells)
    known = (firms >= periods) & (periods <= PERIODS)
    if not known.any() or periods.max() > PERIODS:
        none = np.zeros(known.size, bool)
        return Moved(block.Z, block.layout, firms, known=none)
    W, gamma, rank = less_both(block.Z, block.layout)
    return Moved(W, block.layout, firms + rank, known=known, gamma=gamma)


def _first_difference(spec: Any, panel: Panel, block: Block) -> Moved:
    D, has, layout = changes(block.Z, block.layout, block.entity, panel.step)
    shift = segment_means(D, layout.groups)
    W = np.concatenate([np.ones((1, D.shape[1])), D - spread(shift, layout.groups)])
    return Moved(W, layout, np.zeros(layout.rows.size, np.int64), shift.T, has)


def _random(spec: Any, panel: Panel, block: Block) -> Moved:
    layout = block.layout
    parts = components(block.Z, layout, ALIKE)
    W = np.concatenate([np.ones((1, block.rows.size)), block.Z])
    W -= spread(parts.theta * segment_means(W, layout.entities), layout.entities)
    zero = np.zeros(layout.rows.size, np.int64)
    return Moved(W, layout, zero, block.shift, known=parts.known, parts=parts)


MOVES = {
    None: _pooled,
    "entity": _entities,
    "time": _periods,
    "two_way": _both,
    "first_difference": _first_difference,
    "random": _random,
}
"""How each kind of effects is taken out."""


def write_rows(job: Job, block: Block, moved: Moved, b: Floats, sound: Mask, e: Floats) -> None:
    """Put productivity, effects, residuals and elasticities on the panel's rows.

    Parameters
    ----------
    b : (G, columns) float array
        Coefficients on the columns as they were.
    sound : (G,) bool array
        Groups whose rows are written.
    e : (n,) float array
        Residuals of the regression.
    """
    layout = block.layout
    here = slice(None) if sound.all() else np.repeat(sound, layout.rows)
    rows = block.rows[here]
    slopes = b[:, int(moved.shift is not None) :]
    inner = block.Z[-1] - segment_combine(slopes, block.Z[:-1], layout.groups)
    level = block.shift[:, -1] - np.einsum("gj,gj->g", slopes, block.shift[:, :-1])
    productivity = inner + spread(level, layout.groups)
    residual = e
    if moved.has is not None:
        residual = np.full(block.rows.size, np.nan)
        residual[moved.has] = e
    elif moved.parts is not None:
        residual = productivity - spread(b[:, 0], layout.groups)
    values = {"productivity": productivity, "residual": residual}
    values |= _effects(job.spec, block, moved, slopes, productivity)
    spec, inputs = job.spec, len(job.inputs)
    if spec._degree == 1:
        by_row = spread(slopes[:, :inputs].T, layout.groups)
    else:
        edges = layout.groups.tolist()
        by_row = np.empty_like(block.x)
        for own, (start, stop) in zip(slopes, pairwise(edges), strict=True):
            own = own[: inputs * (inputs + 3) // 2]
            by_row[:, start:stop] = elasticities(block.x[:, start:stop].T, own, 2).T
    values |= {f"elasticity {x}": by_row[j] for j, x in enumerate(job.inputs)}
    for name, found in values.items():
        job.out[name][rows] = found[here]


def _effects(
    spec: Any, block: Block, moved: Moved, slopes: Floats, productivity: Floats
) -> dict[str, Floats]:
    """Effects on rows: means of productivity, or those of both kinds together."""
    layout = block.layout
    if spec.effects == "entity":
        means = segment_means(productivity[None], layout.entities)[0]
        return {"entity_effect": spread(means, layout.entities)}
    if spec.effects == "time":
        return {"time_effect": productivity - less_periods(productivity[None], layout)[0]}
    if moved.gamma is None:
        return {}
    own = np.diff(layout.cells)
    weights = np.concatenate([-slopes, np.ones((slopes.shape[0], 1))], axis=1)
    gamma = np.einsum("pc,cp->c", moved.gamma, np.repeat(weights, own, axis=0))[layout.cell]
    alpha = segment_means((productivity - gamma)[None], layout.entities)[0]
    shift = spread(segment_means(gamma[None], layout.groups)[0], layout.groups)
    return {
        "entity_effect": spread(alpha, layout.entities) + shift,
        "time_effect": gamma - shift,
    }
