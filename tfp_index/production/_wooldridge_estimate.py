"""Numbers of Wooldridge (2009): the two equations over blocks of firms, and what follows.

Columns are kept, terms made of them are not: a block of firms makes its own, as many times as the
rows are walked over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.groups import calendar_lags
from tfp_index.kernels.linalg import (
    Rank,
    cluster_sums,
    column_rank,
    solve_triangular_factor,
    triangular_factor,
)
from tfp_index.kernels.monomials import Plan, Whitening, evaluate
from tfp_index.kernels.system_gmm import Equation, SystemSolution, solve_system
from tfp_index.kernels.two_stage_design import Factor, firm_blocks

__all__ = [
    "Arrays",
    "Dependence",
    "Layout",
    "LaggedInputs",
    "dependence",
    "estimate",
    "lagged_inputs",
    "mark_pairs",
    "productivity",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
T = TypeVar("T")

BLOCK = 16_384
"""Rows in a block, about: some forty columns of it stay in cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """Complete rows, sorted by firm and time.

    Attributes
    ----------
    y : (n,) float array
    free, state, proxies : tuples of (n,) float arrays
    controls : tuple of (n,) float array or Factor
    time : (n,) int array
    step : int
        Periods between consecutive observations.
    offsets : (g + 1,) int array
        Where each firm starts.
    paired : (n,) bool array
        Rows with a row of the period before.
    firms : (g,) bool array
        Firms that have such rows.
    shape : Whitening
        Location and spread of states and proxies.
    terms : Plan
        Of the polynomial in them.
    """

    y: Floats
    free: tuple[Floats, ...]
    state: tuple[Floats, ...]
    proxies: tuple[Floats, ...]
    controls: tuple[Floats | Factor, ...]
    time: Ints
    step: int
    offsets: Ints
    paired: Mask
    firms: Mask
    shape: Whitening
    terms: Plan

    @property
    def inputs(self) -> int:
        """Free inputs and states."""
        return len(self.free) + len(self.state)

    @property
    def width(self) -> int:
        """Columns of the controls."""
        return sum(c.levels - 1 if isinstance(c, Factor) else 1 for c in self.controls)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which equations there are, and where their coefficients stand.

    Coefficients are those of q₁, of q₂, of the controls, of the free inputs and of the states.

    Attributes
    ----------
    system : bool
        Both equations, or the second alone.
    shared : bool
        Whether the states stand in the first equation too, and not in q₁.
    raw : bool
        Whether powers are of the variables as they are, only scaled.
    by_row : bool
        Every row is its own cluster.
    steps : {1, 2}
    windmeijer : bool
    """

    system: bool
    shared: bool
    by_row: bool
    steps: int
    windmeijer: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Rows of some firms with their terms, and the pairs among them."""

    rows: slice
    y: Floats
    free: Floats
    state: Floats
    basis: Floats
    controls: Floats
    now: Ints
    then: Ints
    firm: Ints


@dataclass(frozen=True, slots=True, eq=False)
class LaggedInputs:
    """What the lags of the free inputs say about each of them beside the other instruments.

    Attributes
    ----------
    f, f_clustered, partial_r_squared : (free inputs,) float arrays
    """

    f: Floats
    f_clustered: Floats
    partial_r_squared: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Dependence:
    """Free inputs on the polynomial in states and proxies.

    Attributes
    ----------
    r_squared, spread : (free inputs,) float arrays
        Explained share, and standard deviation of the rest.
    """

    r_squared: Floats
    spread: Floats


def mark_pairs(time: Ints, step: int, offsets: Ints) -> tuple[Mask, Mask]:
    """Return which rows have a row of the period before, and which firms have such rows."""
    paired, firms = np.zeros(time.shape[0], bool), np.zeros(offsets.shape[0] - 1, bool)
    for first, last in firm_blocks(offsets):
        rows = slice(int(offsets[first]), int(offsets[last]))
        code = np.repeat(np.arange(last - first), np.diff(offsets[first : last + 1]))
        found = calendar_lags(code, time[rows], step) >= 0
        paired[rows] = found
        firms[first:last][code[found]] = True
    return paired, firms


def _block(arrays: Arrays, firms: tuple[int, int], pairs: bool = True) -> _Block:
    first, last = firms
    rows = slice(int(arrays.offsets[first]), int(arrays.offsets[last]))
    z = arrays.shape.apply((*arrays.state, *arrays.proxies), rows)
    orthogonal = bool(arrays.shape.location.any())
    basis = np.ascontiguousarray(evaluate(z, arrays.terms, orthogonal=orthogonal).T)
    controls = [np.zeros((rows.stop - rows.start, 0))]
    for control in arrays.controls:
        if isinstance(control, Factor):
            levels = np.arange(1, control.levels)
            controls.append((control.codes[rows, None] == levels).astype(np.float64))
        else:
            controls.append(control[rows, None])
    firm = then = now = np.zeros(0, np.int64)
    if pairs:
        firm = np.repeat(np.arange(last - first), np.diff(arrays.offsets[first : last + 1]))
        then = calendar_lags(firm, arrays.time[rows], arrays.step)
        now = np.flatnonzero(then >= 0)
        then, firm = then[now], firm[now]
    return _Block(
        rows=rows,
        y=arrays.y[rows],
        free=np.stack([v[rows] for v in arrays.free], axis=1),
        state=np.stack([v[rows] for v in arrays.state], axis=1),
        basis=basis,
        controls=np.concatenate(controls, axis=1),
        now=now,
        then=then,
        firm=firm,
    )


def _walk(arrays: Arrays, work: Callable[[tuple[int, int]], T]) -> list[T]:
    """Call `work` for every block of firms."""
    parts = firm_blocks(arrays.offsets, BLOCK)
    return map_blocks(lambda at: work(parts[at.start]), len(parts), size=1)
