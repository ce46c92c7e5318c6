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
    cluster_sums,
    least_squares_of_factor,
    sandwich,
    triangular_factor,
)
from tfp_index.kernels.monomials import Plan, Whitening, evaluate
from tfp_index.kernels.system_gmm import Equation, SystemSolution, solve_system
from tfp_index.kernels.two_stage_design import Factor, firm_blocks

__all__ = [
    "Arrays",
    "Dependence",
    "LaggedInputs",
    "Layout",
    "dependence",
    "equations",
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
    raw : bool
        Powers of the variables, only scaled, in place of orthogonal polynomials.
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
    raw: bool

    @property
    def inputs(self) -> int:
        """Free inputs and states."""
        return len(self.free) + len(self.state)

    @property
    def width(self) -> int:
        """Columns of the controls."""
        return sum(c.levels - 1 if isinstance(c, Factor) else 1 for c in self.controls)

    @property
    def pairs(self) -> int:
        """Rows with a row of the period before."""
        return int(self.paired.sum())

    @property
    def linear(self) -> Ints:
        """Terms that are the states themselves."""
        unit = np.eye(len(self.state) + len(self.proxies), dtype=np.int64)[: len(self.state)]
        return np.array([self.terms.index[tuple(e)] for e in unit.tolist()], np.int64)


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


def _block(arrays: Arrays, firms: tuple[int, int]) -> _Block:
    first, last = firms
    rows = slice(int(arrays.offsets[first]), int(arrays.offsets[last]))
    z = arrays.shape.apply((*arrays.state, *arrays.proxies), rows)
    basis = np.ascontiguousarray(evaluate(z, arrays.terms, orthogonal=not arrays.raw).T)
    controls = [np.zeros((rows.stop - rows.start, 0))]
    for control in arrays.controls:
        if isinstance(control, Factor):
            levels = np.arange(1, control.levels)
            controls.append((control.codes[rows, None] == levels).astype(np.float64))
        else:
            controls.append(control[rows, None])
    firm = np.repeat(np.arange(last - first), np.diff(arrays.offsets[first : last + 1]))
    then = calendar_lags(firm, arrays.time[rows], arrays.step)
    now = np.flatnonzero(then >= 0)
    return _Block(
        rows=rows,
        y=arrays.y[rows],
        free=np.stack([v[rows] for v in arrays.free], axis=1),
        state=np.stack([v[rows] for v in arrays.state], axis=1),
        basis=basis,
        controls=np.concatenate(controls, axis=1),
        now=now,
        then=then[now],
        firm=firm[now],
    )


def _walk(arrays: Arrays, work: Callable[[tuple[int, int]], T]) -> list[T]:
    """Call `work` for every block of firms."""
    parts = firm_blocks(arrays.offsets, BLOCK)
    return map_blocks(lambda at: work(parts[at.start]), len(parts), size=1)


def estimate(
    arrays: Arrays, layout: Layout, weights: Floats | None = None, *, covariance: bool = True
) -> SystemSolution:
    """Estimate the equations.

    Parameters
    ----------
    arrays : Arrays
    layout : Layout
    weights : (firms with pairs,) float array, optional
    covariance : bool
        Whether it is wanted.

    Raises
    ------
    numpy.linalg.LinAlgError
        In two steps, when there are fewer clusters than moments.
    """
    spread = None
    if weights is not None:
        spread = np.zeros(arrays.firms.shape[0])
        spread[arrays.firms] = weights

    def parts(work: Callable[[Sequence[Equation]], T]) -> list[T]:
        return _walk(arrays, lambda firms: work(equations(arrays, layout, firms, spread)))

    own = _own_terms(arrays, layout)
    clusters = arrays.pairs if layout.by_row else int(arrays.firms.sum())
    return solve_system(
        parts,
        sum(own) + arrays.width + arrays.inputs,
        clusters,
        steps=layout.steps,
        windmeijer=layout.windmeijer,
        covariance=covariance,
    )


def _own_terms(arrays: Arrays, layout: Layout) -> tuple[int, int]:
    """How many terms q₁ and q₂ have."""
    every = len(arrays.terms)
    if not layout.system:
        return 0, every
    return every - len(arrays.state) if layout.shared else every, every


def equations(
    arrays: Arrays, layout: Layout, firms: tuple[int, int], weights: Floats | None = None
) -> list[Equation]:
    """Both equations over some firms, or the second; what is particular to one stands first.

    Of collinear columns the later is dropped: so an input that is not identified is seen. Firms of
    other arrays with the same `shape` and `terms` are further parts of the same rows.

    Parameters
    ----------
    arrays : Arrays
    layout : Layout
    firms : (int, int)
        The first, and the one after the last.
    weights : (g,) float array, optional
    """
    block = _block(arrays, firms)
    own, d, k = _own_terms(arrays, layout), arrays.width, arrays.inputs
    # controls and inputs have the same coefficients in both equations
    controls = sum(own) + np.arange(d)
    inputs = sum(own) + d + np.arange(k)
    now, then = block.now, block.then
    clusters = np.arange(now.size) if layout.by_row else block.firm
    w = None if weights is None else weights[firms[0] : firms[1]][block.firm]
    y, basis, before = block.y[now], block.basis[now], block.basis[then]
    free, exogenous = block.free[now], block.controls[now]
    both = np.concatenate([free, block.state[now]], axis=1)
    found = [
        Equation(
            y,
            np.concatenate([before, exogenous, both], axis=1),
            np.concatenate([own[0] + np.arange(own[1]), controls, inputs]),
            np.concatenate([before, exogenous, block.free[then], block.state[now]], axis=1),
            clusters,
            w,
        )
    ]
    if layout.system:
        first = np.delete(basis, arrays.linear, axis=1) if layout.shared else basis
        mine = both if layout.shared else free
        found.append(
            Equation(
                y,
                np.concatenate([first, exogenous, mine], axis=1),
                np.concatenate([np.arange(own[0]), controls, inputs[: mine.shape[1]]]),
                np.concatenate([basis, exogenous, free], axis=1),
                clusters,
                w,
            )
        )
    return found


def lagged_inputs(arrays: Arrays) -> LaggedInputs:
    """Regress free inputs on their lags and the other instruments of the second equation."""
    included = len(arrays.terms) + arrays.width + len(arrays.state)
    f, width = len(arrays.free), included + len(arrays.free)

    def columns(firms: tuple[int, int]) -> tuple[Floats, Floats, Ints]:
        block = _block(arrays, firms)
        now, then = block.now, block.then
        parts = (block.basis[then], block.controls[now], block.state[now], block.free[then])
        return np.concatenate(parts, axis=1), block.free[now], block.firm

    def factor(firms: tuple[int, int]) -> Floats:
        Z, free, _ = columns(firms)
        return triangular_factor(Z, free)

    T = triangular_factor(np.concatenate(_walk(arrays, factor)))
    b, bread, ssr, rank = least_squares_of_factor(T, width)
    short = least_squares_of_factor(np.delete(T, np.s_[included:width], axis=1), included)[2]

    def meats(firms: tuple[int, int]) -> Floats:
        Z, free, firm = columns(firms)
        e = free - Z @ b
        sums = (cluster_sums(Z, e[:, j], firm, firms[1] - firms[0]) for j in range(f))
        return np.stack([s.T @ s for s in sums])

    meat = np.sum(_walk(arrays, meats), axis=0)
    last = rank.kept[rank.kept >= included]
    dof, gain = arrays.pairs - rank.kept.size, short - ssr
    found = LaggedInputs(*(np.full(f, np.nan) for _ in range(3)))
    for j in range(f):
        if short[j]:
            found.partial_r_squared[j] = gain[j] / short[j]
        if last.size and arrays.firms.sum() > last.size and ssr[j] > 0:
            V = sandwich(bread, meat[j])[np.ix_(last, last)]
            at = b[last, j]
            found.f[j] = gain[j] / last.size / (ssr[j] / dof)
            found.f_clustered[j] = at @ np.linalg.solve(V, at) / last.size
    return found


def dependence(arrays: Arrays) -> Dependence:
    """Regress free inputs on the polynomial in states and proxies."""

    def factor(firms: tuple[int, int]) -> Floats:
        block = _block(arrays, firms)
        return triangular_factor(block.basis[block.now], block.free[block.now])

    p = len(arrays.terms)
    T = triangular_factor(np.concatenate(_walk(arrays, factor)))
    ssr = least_squares_of_factor(T, p)[2]
    total = np.square(T[1:, p:]).sum(axis=0)  # the constant is the first term
    share = np.divide(ssr, total, out=np.ones_like(ssr), where=total > 0)
    return Dependence(1.0 - share, np.sqrt(ssr / arrays.pairs))


def productivity(arrays: Arrays, coefficients: Floats) -> tuple[Floats, Floats]:
    """Return productivity without and with the error of output, in every complete row.

    Parameters
    ----------
    arrays : Arrays
    coefficients : (controls + inputs,) float array
        The last ones of the system.
    """
    d, f, n = arrays.width, len(arrays.free), arrays.y.shape[0]
    delta, free, state = np.split(coefficients, [d, d + f])
    net, with_error = np.empty(n), np.empty(n)

    def proxied(block: _Block) -> Floats:
        return block.y - block.controls @ delta - block.free @ free

    def factor(firms: tuple[int, int]) -> Floats:
        block = _block(arrays, firms)
        return triangular_factor(block.basis, proxied(block))

    p = len(arrays.terms)
    T = triangular_factor(np.concatenate(_walk(arrays, factor)))
    q = least_squares_of_factor(T, p)[0][:, 0]

    def fill(firms: tuple[int, int]) -> None:
        block = _block(arrays, firms)
        owed = block.state @ state
        net[block.rows] = block.basis @ q - owed
        with_error[block.rows] = proxied(block) - owed

    _walk(arrays, fill)
    return net, with_error
