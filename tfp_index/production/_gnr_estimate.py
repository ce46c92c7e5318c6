"""Numbers of Gandhi, Navarro and Rivers: both stages over blocks of firms, on plain arrays.

Columns are kept, terms made of them are not: a block of firms makes its own, as many times as the
rows are walked over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError
from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.gram import tiled_left
from tfp_index.kernels.integration_constant import (
    Frame,
    Innovation,
    Law,
    PairParts,
    Pairs,
    innovation,
    join_pair_factors,
    pair_factors,
    polish,
    search,
)
from tfp_index.kernels.linalg import least_squares_of_factor, triangular_factor
from tfp_index.kernels.monomials import Exponent, Plan, Whitening, evaluate, plan
from tfp_index.kernels.roots import Choice, Stationary, choose_root
from tfp_index.kernels.share_regression import (
    ShareAverages,
    ShareRegression,
    ShareSums,
    add_share_sums,
    column_sums,
    derivative,
    integral_sums,
    place,
    share_averages,
    share_plan,
    share_rank,
    share_sums,
    share_values,
    solve_share,
)
from tfp_index.kernels.two_stage_design import firm_blocks

__all__ = [
    "Arrays",
    "Averages",
    "Part",
    "Points",
    "RowOutputs",
    "ShareStage",
    "Terms",
    "average",
    "find_points",
    "mean_elasticities",
    "pairs_of",
    "repeat",
    "row_elasticities",
    "row_outputs",
    "stage",
    "walk",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
T = TypeVar("T")

BLOCK = 8_192
"""Rows in a block, about: some hundred columns of it stay in cache."""

ROOT = 1e-8
"""A point is a root when the multiple correlation of terms and innovation is below this."""

NEAR = 1e-3
"""Correlation below which a point of the search may be a root that the Gram matrix blurred."""

AGAIN = 32
"""Starts of a search in a bootstrap repetition where the estimate leads to no root."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """Complete rows, sorted by firm and time, and how they are to be used.

    Attributes
    ----------
    y, share : (n,) float arrays
        Log output and log revenue share.
    variables : tuple of (n,) float arrays
        Log inputs, the flexible one last.
    shape : Whitening
        Location and spread of each.
    offsets : (g + 1,) int array
        Where each firm starts.
    lagged : (n,) bool array
        Whether the row before is the same firm one period earlier.
    degree, constant_degree, law_degree : int
    correction : {"everywhere", "elasticity", "none"}
    """

    y: Floats
    share: Floats
    variables: tuple[Floats, ...]
    shape: Whitening
    offsets: Ints
    lagged: NDArray[np.bool_]
    degree: int
    constant_degree: int
    law_degree: int
    correction: str

    @property
    def fixed(self) -> tuple[Floats, ...]:
        """Log fixed inputs."""
        return self.variables[:-1]

    @property
    def firms(self) -> int:
        """How many there are."""
        return int(self.offsets.shape[0] - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows of some firms; with weights, of those that have one above zero.

    Attributes
    ----------
    rows : slice or int array
        Where they stand.
    starts : (firms,) int array
        Where each firm starts among them.
    y, share, variables, lagged
        As in `Arrays`.
    weights : (m,) float array or None
    """

    rows: slice | Ints
    starts: Ints
    y: Floats
    share: Floats
    variables: tuple[Floats, ...]
    lagged: NDArray[np.bool_]
    weights: Floats | None

    @property
    def fixed(self) -> tuple[Floats, ...]:
        """Log fixed inputs."""
        return self.variables[:-1]


@dataclass(frozen=True, slots=True, eq=False)
class ShareStage:
    """Stage 1: the share regression and what follows from it in every row.

    Attributes
    ----------
    fit : ShareRegression
    error : (n,) float array
        ``ε = ln D − s``.
    rest : (n,) float array
        ``𝒴 = y − ε − ∫``.
    of_elasticity, of_integral : float
        What D is divided by.
    """

    fit: ShareRegression
    error: Floats
    rest: Floats
    of_elasticity: float
    of_integral: float


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The polynomial in the fixed inputs: its terms, on standardized inputs."""

    exponents: tuple[Exponent, ...]
    shape: Whitening
    made: Plan

    def columns(self, fixed: tuple[Floats, ...]) -> Floats:
        """(J, n) terms of some rows."""
        at = [self.made.index[e] for e in self.exponents]
        return evaluate(self.shape.apply(fixed, slice(None)), self.made)[at]


@dataclass(frozen=True, slots=True, eq=False)
class Averages:
    """What mean elasticities are made of.

    Attributes
    ----------
    share : ShareAverages
    terms : (v, J) float array
        Derivative of the mean elasticities of the fixed inputs to α.
    """

    share: ShareAverages
    terms: Floats


@dataclass(frozen=True, slots=True, eq=False)
class RowOutputs:
    """Outputs of every row; (n,) arrays, none a view of another.

    Attributes
    ----------
    elasticities : list of (n,) float arrays
        The flexible input last.
    productivity, with_error : (n,) float arrays
    """

    elasticities: list[Floats]
    productivity: Floats
    with_error: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Solutions and other stationary points of stage 2; (m, ·) arrays.

    Attributes
    ----------
    alpha : (m, J) float array
    values : (m,) float array
        Objective: squared multiple correlation times the variance of ξ.
    hits : (m,) int array
    minimum, is_root, admissible : (m,) bool arrays
    correlation, persistence : (m,) float arrays
    elasticities : (m, v) float array
        Mean elasticities of the fixed inputs.
    choice : Choice
    laws : tuple of Law
        Law of motion at each point.
    frame : Frame
        Of the pairs of rows.
    """

    alpha: Floats
    values: Floats
    hits: Ints
    minimum: NDArray[np.bool_]
    is_root: NDArray[np.bool_]
    admissible: NDArray[np.bool_]
    correlation: Floats
    persistence: Floats
    elasticities: Floats
    choice: Choice
    laws: tuple[Law, ...]
    frame: Frame


def walk(arrays: Arrays, work: Callable[[Part], T], weights: Floats | None = None) -> list[T]:
    """Call `work` with every block of firms and return its answers in row order.

    Parameters
    ----------
    arrays : Arrays
    work : callable
    weights : (g,) float array, optional
        One per firm.
    """
    parts = firm_blocks(arrays.offsets, BLOCK)
    return map_blocks(lambda at: work(_part(arrays, parts[at.start], weights)), len(parts), size=1)


def _part(arrays: Arrays, firms: tuple[int, int], weights: Floats | None) -> Part:
    first, last = firms
    edges = arrays.offsets[first : last + 1]
    rows: slice | Ints = slice(int(edges[0]), int(edges[-1]))
    sizes, w = np.diff(edges), None
    if weights is not None:
        own = weights[first:last]
        w = np.repeat(own, sizes)
        if not own.all():
            rows = np.flatnonzero(w > 0) + int(edges[0])
            w, sizes = w[w > 0], sizes[own > 0]
    return Part(
        rows=rows,
        starts=np.cumsum(sizes) - sizes,
        y=arrays.y[rows],
        share=arrays.share[rows],
        variables=tuple(v[rows] for v in arrays.variables),
        lagged=arrays.lagged[rows],
        weights=w,
    )


def stage(arrays: Arrays, weights: Floats | None = None, start: Floats | None = None) -> ShareStage:
    """Estimate the share regression and take its integral off output.

    Rows of firms without weight have zeros in place of error and rest.
    """
    made = share_plan(len(arrays.variables), arrays.degree)

    def look(gamma: Floats) -> ShareSums:
        def work(part: Part) -> ShareSums:
            return share_sums(part.share, part.variables, arrays.shape, made, gamma, part.weights)

        return add_share_sums(walk(arrays, work, weights))

    mean = float(arrays.share.mean())
    if weights is not None:
        mean = float(np.average(arrays.share, weights=np.repeat(weights, np.diff(arrays.offsets))))
    rank = share_rank(arrays.variables, arrays.shape, made)
    fit = solve_share(look, made, arrays.shape, rank, mean, start)
    of_elasticity = 1.0 if arrays.correction == "none" else fit.mean_exp
    of_integral = fit.mean_exp if arrays.correction == "everywhere" else 1.0
    error, rest = np.zeros(arrays.y.shape[0]), np.zeros(arrays.y.shape[0])

    def fill(part: Part) -> None:
        values = share_values(fit, part.variables)
        own = values.log_d - part.share
        error[part.rows] = own
        rest[part.rows] = part.y - own - values.integral / of_integral

    walk(arrays, fill, weights)
    return ShareStage(fit, error, rest, of_elasticity, of_integral)


def make_terms(exponents: tuple[Exponent, ...], shape: Whitening) -> Terms:
    """Set up the polynomial in the fixed inputs."""
    return Terms(exponents, shape, plan(exponents))


def pairs_of(part: Part, rest: Floats, columns: Floats) -> Pairs:
    """Set rows of a part beside their row of the period before.

    Parameters
    ----------
    part : Part
    rest : (m,) float array
        ``𝒴`` of its rows.
    columns : (J, m) float array
        Terms of its rows.
    """
    now = np.flatnonzero(part.lagged)
    w = None if part.weights is None else part.weights[now]
    return Pairs(rest[now], rest[now - 1], columns[:, now], columns[:, now - 1], w)


def _pair_parts(
    arrays: Arrays, rest: Floats, terms: Terms, weights: Floats | None = None
) -> PairParts:
    def parts(work: Callable[[Pairs], T]) -> list[T]:
        return walk(
            arrays,
            lambda part: work(pairs_of(part, rest[part.rows], terms.columns(part.fixed))),
            weights,
        )

    return parts


def average(
    arrays: Arrays, fit: ShareRegression, terms: Terms, weights: Floats | None = None
) -> Averages:
    """Average the columns that mean elasticities are made of, in one pass."""

    def work(part: Part) -> tuple[Floats, Floats]:
        return (
            integral_sums(fit, part.variables, part.weights),
            column_sums(part.fixed, terms.shape, terms.made, part.weights),
        )

    sums, columns = (
        np.sum(found, axis=0) for found in zip(*walk(arrays, work, weights), strict=True)
    )
    means = columns / columns[0]
    slopes = []
    for j in range(len(arrays.fixed)):
        lowered, factor = derivative(terms.exponents, j)
        at = [terms.made.index[e] for e in lowered]
        slopes.append(means[at] * factor * terms.shape.matrix[j, j])
    return Averages(share_averages(fit, sums), np.stack(slopes))


def mean_elasticities(first: ShareStage, averages: Averages, alpha: Floats) -> Floats:
    """(v + 1,) mean output elasticities, the flexible input last."""
    gamma, share = first.fit.coefficients, averages.share
    fixed = share.slopes @ gamma / first.of_integral + averages.terms @ alpha
    return np.append(fixed, share.level @ gamma / first.of_elasticity)


def row_elasticities(part: Part, first: ShareStage, terms: Terms, alpha: Floats) -> Floats:
    """(v + 1, m) output elasticities of some rows, the flexible input last."""
    values = share_values(first.fit, part.variables)
    combos = []
    for j in range(len(part.fixed)):
        lowered, factor = derivative(terms.exponents, j)
        combos.append(place(terms.made, lowered, alpha * factor * terms.shape.matrix[j, j]))
    X = evaluate(terms.shape.apply(part.fixed, slice(None)), terms.made)
    fixed = values.slopes / first.of_integral + tiled_left(np.stack(combos), X)
    return np.concatenate([fixed, np.exp(values.log_d)[None] / first.of_elasticity])


def row_outputs(arrays: Arrays, first: ShareStage, terms: Terms, alpha: Floats) -> RowOutputs:
    """Elasticities and productivity of every row."""
    n = arrays.y.shape[0]
    found = RowOutputs([np.empty(n) for _ in arrays.variables], np.empty(n), np.empty(n))

    def fill(part: Part) -> None:
        rows = part.rows
        for column, values in zip(
            found.elasticities, row_elasticities(part, first, terms, alpha), strict=True
        ):
            column[rows] = values
        omega = first.rest[rows] - tiled_left(alpha, terms.columns(part.fixed))
        found.productivity[rows] = omega
        found.with_error[rows] = omega + first.error[rows]

    walk(arrays, fill)
    return found


def find_points(arrays: Arrays, first: ShareStage, starts: int) -> tuple[Points, Terms]:
    """Find all roots, polish each on all rows, and choose.

    Raises
    ------
    EstimationError
        If the terms of the fixed inputs are collinear, or no search ends anywhere.
    """
    try:
        found, alphas, design = search(
            first.rest,
            arrays.fixed,
            arrays.offsets,
            arrays.lagged,
            degree=arrays.constant_degree,
            law_degree=arrays.law_degree,
            starts=starts,
        )
    except np.linalg.LinAlgError:
        raise EstimationError(
            "the terms of the fixed inputs are collinear over the rows with a row before",
            code="collinear_instruments",
            remedy="a lower constant_degree, or look for fixed inputs that hardly vary",
        ) from None
    if not found.points.size:
        raise EstimationError(
            f"none of {starts} starts ended at a solution",
            code="no_solution",
            remedy="more starts=, or other degrees",
        )
    terms = make_terms(design.terms, design.inputs)
    return _points(arrays, first, terms, found, alphas), terms


def _points(
    arrays: Arrays, first: ShareStage, terms: Terms, found: Stationary, alphas: Floats
) -> Points:
    parts = _pair_parts(arrays, first.rest, terms)
    frame = join_pair_factors(parts(pair_factors))
    at = [_reach(parts, frame, near, arrays.law_degree) for near in alphas]
    is_root = np.array([there.correlation < ROOT for there in at])
    keep = _distinct(np.array([there.law.alpha for there in at]), is_root, first.rest)
    at, is_root = [at[i] for i in keep], is_root[keep]
    persistence = np.array([there.law.persistence for there in at])
    pairs = int(arrays.lagged.sum())
    values = np.array([there.moments @ there.moments for there in at]) / pairs
    averages = average(arrays, first.fit, terms)
    means = np.array([mean_elasticities(first, averages, there.law.alpha)[:-1] for there in at])
    admissible = np.asarray((means >= 0).all(axis=1))
    return Points(
        alpha=np.array([there.law.alpha for there in at]),
        values=values,
        hits=found.hits[keep],
        minimum=found.minimum[keep],
        is_root=is_root,
        admissible=admissible,
        correlation=np.array([there.correlation for there in at]),
        persistence=persistence,
        elasticities=means,
        choice=choose_root(is_root, admissible, persistence, values),
        laws=tuple(there.law for there in at),
        frame=frame,
    )


def _reach(parts: PairParts, frame: Frame, near: Floats, degree: int) -> Innovation:
    """Finish on all rows what may be a root; a point that is clearly none stays where it is."""
    there = innovation(parts, frame, near, degree)
    if ROOT / 100 < there.correlation < NEAR:
        close = polish(parts, frame, there)
        if close.correlation < ROOT:
            return close
    return there


def _distinct(alphas: Floats, is_root: NDArray[np.bool_], rest: Floats) -> Ints:
    """Points that polishing did not bring together."""
    kept: list[int] = []
    scale = float(np.std(rest)) or 1.0
    for i in range(alphas.shape[0]):
        same = [j for j in kept if np.abs(alphas[j] - alphas[i]).max() < 1e-7 * scale]
        if not (is_root[i] and same):
            kept.append(i)
    return np.array(kept, np.int64)


def repeat(
    arrays: Arrays, first: ShareStage, terms: Terms, alpha: Floats, weights: Floats
) -> Floats:
    """Estimate with firm weights, near the estimate: mean elasticities, the flexible input last.

    Raises
    ------
    EstimationError
        If no root is reached.
    """
    again = stage(arrays, weights, first.fit.coefficients)
    if not again.fit.converged:
        raise EstimationError("the share regression did not settle", code="not_converged")
    parts = _pair_parts(arrays, again.rest, terms, weights)
    frame = join_pair_factors(parts(pair_factors))
    there = polish(parts, frame, innovation(parts, frame, alpha, arrays.law_degree))
    if there.correlation > ROOT:
        there = _look_around(arrays, again, terms, parts, frame, alpha, weights)
    averages = average(arrays, again.fit, terms, weights)
    return mean_elasticities(again, averages, there.law.alpha)


def _look_around(
    arrays: Arrays,
    first: ShareStage,
    terms: Terms,
    parts: PairParts,
    frame: Frame,
    alpha: Floats,
    weights: Floats,
) -> Innovation:
    """The root closest to `alpha`, from a new search."""
    try:
        _, alphas, design = search(
            first.rest,
            arrays.fixed,
            arrays.offsets,
            arrays.lagged,
            degree=arrays.constant_degree,
            law_degree=arrays.law_degree,
            starts=AGAIN,
            weights=np.repeat(weights, np.diff(arrays.offsets)),
        )
    except np.linalg.LinAlgError:
        alphas = np.zeros((0, alpha.size))
    roots = []
    if alphas.size:
        # the search standardizes for itself: bring its coefficients to the terms in use
        theirs = make_terms(design.terms, design.inputs)
        rows = slice(None, None, max(1, arrays.y.shape[0] // 16_384))
        fixed = tuple(v[rows] for v in arrays.fixed)
        columns = np.concatenate([np.ones((1, fixed[0].size)), terms.columns(fixed)])
        fitted = alphas @ theirs.columns(fixed)
        same = least_squares_of_factor(triangular_factor(columns.T, fitted.T), len(columns))[0]
        for near in same[1:].T:
            found = polish(parts, frame, innovation(parts, frame, near, arrays.law_degree))
            if found.correlation < ROOT:
                roots.append(found)
    if not roots:
        raise EstimationError("there is no root in this repetition", code="no_root")
    # distance in the values of the polynomial at t
    gaps = [float(np.linalg.norm(frame.root @ (root.law.alpha - alpha))) for root in roots]
    return roots[int(np.argmin(gaps))]
