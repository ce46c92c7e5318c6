"""Two-stage estimators of a production function, from two Gram matrices.

Stage 1 regresses output on a polynomial in inputs and proxy and gives ``φ̂``. Stage 2 writes
productivity as ``ω = φ̂ − β'x``, lets it follow ``ω_t = g(ω_{t−1}, s_t) + γ'c_t + ξ_t`` with a
polynomial ``g``, and looks for the ``β`` at which the innovations ``ξ`` are orthogonal to the
instruments, or at which their sum of squares is least.

``ω_{t−1}^p`` is a polynomial in ``(φ̂_{t−1}, x_{t−1})`` whose coefficients depend on ``β`` alone.
One Gram matrix of these monomials, ``ω_t``, ``x_t`` and the instruments therefore holds the
moments, their derivatives and the sum of squares at every ``β``: the search never meets the rows
again.

Both matrices are sums over rows: ``stage_one_gram`` and ``stage_two_gram`` of parts of a sample add
up to those of the whole as long as no firm is split, and ``solve_stage_one`` and
``solve_stage_two`` need nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.gram import solve_gram, tiled_cross, tiled_left
from tfp_index.kernels.linalg import Rank
from tfp_index.kernels.monomials import evaluate
from tfp_index.kernels.score_moments import Products, ScoreMoments, block_moments
from tfp_index.kernels.two_stage_design import (
    Data,
    Design,
    Factor,
    firm_blocks,
    phi_columns,
    stage_one_columns,
    stage_two_variables,
)

__all__ = [
    "FirstStage",
    "SecondStage",
    "StageOneGram",
    "StageTwoGram",
    "first_stage",
    "fitted_parts",
    "second_stage",
    "solve_stage_one",
    "solve_stage_two",
    "stage_one_gram",
    "stage_two_gram",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FirstStage:
    """Regression of output on (basis, linear regressors, categories).

    Attributes
    ----------
    coefficients : (p,) float array
        In the order above; 0 for dropped columns. Basis and linear regressors are standardized.
    bread : (p, p) float array
        Inverse of the weighted cross products on kept columns, 0 elsewhere.
    rank : Rank
    rows, firms : int
    ssr, sst : float
        Sums of squares of residuals, and of output around its mean.
    center : float
        Mean of ``φ̂``.
    shift : float
        What the centering of regressors outside ``φ`` left in the constant.
    dependence : (k,) float array
        R² of each linear regressor on everything else in the regression.
    spread : (k,) float array
        Standard deviation of what is left of each linear regressor, in its own unit.
    """

    coefficients: Floats
    bread: Floats
    rank: Rank
    rows: int
    firms: int
    ssr: float
    sst: float
    center: float
    shift: float
    dependence: Floats
    spread: Floats


@dataclass(frozen=True, slots=True)
class SecondStage:
    """The Gram matrix of stage 2, with constant and controls partialled out.

    Attributes
    ----------
    gram : (N, N) float array
        Cross products over rows with a lag, divided by ``n``.
    raw : (N, N) float array
        The same before anything was partialled out.
    partial : (m, N) float array
        Coefficients of every column on the ``m`` partialled columns.
    partial_rank : Rank
    n : float
        Rows with a lag (their total weight).
    scores : ScoreMoments or None
        What clustered errors need, if it was summed.
    """

    gram: Floats
    raw: Floats
    partial: Floats
    partial_rank: Rank
    n: float
    scores: ScoreMoments | None = None


@dataclass(frozen=True, slots=True)
class StageOneGram:
    """Cross products of the regressors of stage 1 and output, summed over rows.

    Attributes
    ----------
    gram : (p + 1, p + 1) float array
        Basis, linear regressors, output less `Design.center`, categories.
    rows, firms : int
    """

    gram: Floats
    rows: int
    firms: int

    def __add__(self, other: StageOneGram) -> StageOneGram:
        return StageOneGram(
            self.gram + other.gram, self.rows + other.rows, self.firms + other.firms
        )


@dataclass(frozen=True, slots=True)
class StageTwoGram:
    """Cross products of the columns of stage 2, summed over rows with a lag.

    Attributes
    ----------
    gram : (N + m, N + m) float array
        The columns of the design, then the categories among the controls.
    scores : ScoreMoments or None
        For clustered errors, if they were asked for.
    """

    gram: Floats
    scores: ScoreMoments | None = None

    def __add__(self, other: StageTwoGram) -> StageTwoGram:
        both = self.scores is not None and other.scores is not None
        return StageTwoGram(
            self.gram + other.gram,
            self.scores + other.scores if both else None,  # type: ignore[operator]
        )


def _one_hot(factors: Sequence[Factor], rows: slice, scale: Floats | None) -> list[Any]:
    """Return each category as a sparse (levels − 1, rows) array; the base level is left out."""
    from scipy.sparse import csr_array

    found: list[Any] = []
    for factor in factors:
        codes = factor.codes[rows]
        inside = np.flatnonzero(codes > 0)
        values = np.ones(inside.size) if scale is None else scale[inside]
        found.append(
            csr_array((values, (codes[inside] - 1, inside)), shape=(factor.levels - 1, codes.size))
        )
    return found


def _gram_block(
    X: Floats, factors: Sequence[Factor], rows: slice, w: Floats | None, mask: Floats | None
) -> Floats:
    """Weighted cross products of dense columns and categories over one block."""
    weighted = X if w is None else X * w
    dense = tiled_cross(weighted, X)
    if not factors:
        return dense
    # categories are masked (rows without a lag count nothing) and weighted on one side
    hot: list[Any] = _one_hot(factors, rows, mask)
    scale = w if mask is None else (mask if w is None else w * mask)
    heavy: list[Any] = _one_hot(factors, rows, scale)
    size = X.shape[0] + sum(f.levels - 1 for f in factors)
    gram = np.zeros((size, size))
    k = X.shape[0]
    gram[:k, :k] = dense
    edges = np.cumsum([k, *(f.levels - 1 for f in factors)])
    for i, one in enumerate(heavy):
        a = slice(edges[i], edges[i + 1])
        gram[a, :k] = one @ X.T
        gram[:k, a] = gram[a, :k].T
        for j in range(i, len(hot)):
            b = slice(edges[j], edges[j + 1])
            gram[a, b] = (one @ hot[j].T).toarray()
            gram[b, a] = gram[a, b].T
    return gram


def _levels(factor: Factor, rows: slice) -> Floats:
    """Return a category as dense (levels − 1, rows) columns; the base level is left out."""
    levels = np.arange(1, factor.levels)
    return np.asarray(factor.codes[rows] == levels[:, None], np.float64)


def _row_weights(data: Data, weights: Floats | None, firms: tuple[int, int]) -> Floats | None:
    if weights is None:
        return None
    first, last = firms
    return np.repeat(weights[first:last], np.diff(data.offsets[first : last + 1]))


def _total(parts: Sequence[Floats]) -> Floats:
    """Add in the order of the rows, whatever thread made the parts."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def first_stage(
    data: Data,
    design: Design,
    weights: Floats | None = None,
    threads: int | None = None,
) -> FirstStage:
    """Regress output on the polynomial: one pass over the rows.

    Parameters
    ----------
    data : Data
    design : Design
    weights : (g,) float array, optional
        One per firm.
    threads : int, optional
    """
    return solve_stage_one(stage_one_gram(data, design, weights, threads), design)


def stage_one_gram(
    data: Data,
    design: Design,
    weights: Floats | None = None,
    threads: int | None = None,
) -> StageOneGram:
    """Sum the cross products of stage 1 over some rows, whole firms.

    Parameters
    ----------
    data : Data
    design : Design
    weights : (g,) float array, optional
        One per firm.
    threads : int, optional
    """
    parts = firm_blocks(data.offsets)

    def work(block: slice) -> Floats:
        firms = parts[block.start]
        rows = slice(int(data.offsets[firms[0]]), int(data.offsets[firms[1]]))
        X = stage_one_columns(data, design, rows, output=True)
        return _gram_block(X, data.factors, rows, _row_weights(data, weights, firms), None)

    gram = _total(map_blocks(work, len(parts), size=1, threads=threads))
    return StageOneGram(gram, data.y.shape[0], data.offsets.shape[0] - 1)


def solve_stage_one(sums: StageOneGram, design: Design) -> FirstStage:
    """Solve the regression of stage 1.

    Parameters
    ----------
    sums : StageOneGram
        Over all rows of the sample.
    design : Design
    """
    gram, center = sums.gram, design.center
    p0 = len(design.basis_plan) + len(design.linear_in_phi)
    keep = np.r_[0:p0, p0 + 1 : gram.shape[0]]
    G, r, yy, total = gram[np.ix_(keep, keep)], gram[keep, p0], gram[p0, p0], gram[0, 0]
    theta, bread, rank = solve_gram(G, r)
    theta[0] += center  # the constant is the first column of the basis
    p = len(design.basis_plan)
    ssr = float(max(yy - r @ (theta - center * (np.arange(theta.size) == 0)), 0.0))
    in_phi = phi_columns(design)
    linear = slice(p, p0)
    shift = 0.0
    if design.linear is not None:
        outside = ~np.asarray(design.linear_in_phi, bool)
        per_unit = theta[linear] * np.diagonal(design.linear.matrix)
        shift = float((per_unit * design.linear.location)[outside].sum())
    own = np.diagonal(bread)[linear]
    squares = np.diagonal(G)[linear] - G[0, linear] ** 2 / total
    left = np.divide(1.0, own, out=np.zeros_like(own), where=own > 0)
    share = np.divide(left, squares, out=np.zeros_like(own), where=squares > 0)
    scale = np.ones(0) if design.linear is None else 1.0 / np.diagonal(design.linear.matrix)
    return FirstStage(
        coefficients=theta,
        bread=bread,
        rank=rank,
        rows=sums.rows,
        firms=sums.firms,
        ssr=ssr,
        sst=float(yy - gram[0, p0] ** 2 / total),
        center=float(G[0, in_phi] @ theta[in_phi] / total) - shift,
        shift=shift,
        dependence=1.0 - share,
        spread=np.sqrt(left / total) * scale,
    )


def fitted_parts(
    data: Data, design: Design, first: FirstStage, rows: slice, X: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return ``φ̂`` and the stage 1 residual of some rows."""
    X = stage_one_columns(data, design, rows) if X is None else X
    p, p0 = len(design.basis_plan), X.shape[0]
    theta = first.coefficients
    inside = np.concatenate([np.ones(p), np.asarray(data.linear_in_phi, np.float64)])
    phi = tiled_left(theta[:p0] * inside, X) - first.shift
    rest = tiled_left(theta[p:p0] * (1.0 - inside[p:]), X[p:]) + first.shift
    at = p0
    for factor, yes in zip(data.factors, data.factors_in_phi, strict=True):
        effect = np.concatenate([[0.0], theta[at : at + factor.levels - 1]])[factor.codes[rows]]
        at += factor.levels - 1
        if yes:
            phi += effect
        else:
            rest += effect
    return phi, data.y[rows] - phi - rest


def second_stage(
    data: Data,
    design: Design,
    first: FirstStage,
    weights: Floats | None = None,
    *,
    products: Products | None = None,
    threads: int | None = None,
    fitted: Floats | None = None,
) -> SecondStage:
    """Accumulate the Gram matrix of stage 2: one pass over the rows.

    Parameters
    ----------
    data, design, first
    weights : (g,) float array, optional
        One per firm.
    products : Products, optional
        Sum what clustered errors need as well; without weights.
    threads : int, optional
    fitted : (2, n) float array, optional
        Filled with ``φ̂`` and the residual of stage 1.
    """
    sums = stage_two_gram(
        data, design, first, weights, products=products, threads=threads, fitted=fitted
    )
    return solve_stage_two(sums, design)


def stage_two_gram(
    data: Data,
    design: Design,
    first: FirstStage,
    weights: Floats | None = None,
    *,
    products: Products | None = None,
    threads: int | None = None,
    fitted: Floats | None = None,
) -> StageTwoGram:
    """Sum the cross products of stage 2 over some rows, whole firms.

    Parameters
    ----------
    data, design, first
    weights : (g,) float array, optional
        One per firm.
    products : Products, optional
        Sum what clustered errors need as well; without weights.
    threads : int, optional
    fitted : (2, n) float array, optional
        Filled with ``φ̂`` and the residual of stage 1.
    """
    parts = firm_blocks(data.offsets)

    def work(block: slice) -> StageTwoGram:
        a, b = parts[block.start]
        edges = data.offsets[a : b + 1]
        rows = slice(int(edges[0]), int(edges[-1]))
        B = stage_one_columns(data, design, rows)
        phi, eta = fitted_parts(data, design, first, rows, B)
        if fitted is not None:
            fitted[0, rows], fitted[1, rows] = phi, eta
        z, mask = stage_two_variables(data, design, rows, phi, eta, first.center)
        if products is not None:
            full = B
            if data.factors:
                full = np.concatenate([B, *(_levels(f, rows) for f in data.factors)])
            scores = block_moments(products, z, mask, full, eta, edges - edges[0])
            return StageTwoGram(scores.total[products.pair], scores)
        X = evaluate(z, design.columns)
        X[0] = mask
        w = _row_weights(data, weights, (a, b))
        now = slice(rows.start + 1, rows.stop)
        hot = mask if data.law_factors else None
        return StageTwoGram(
            _gram_block(X, data.law_factors, now, None if w is None else w[1:], hot)
        )

    return reduce(add, map_blocks(work, len(parts), size=1, threads=threads))


def solve_stage_two(sums: StageTwoGram, design: Design) -> SecondStage:
    """Partial constant and controls out of the cross products of stage 2.

    Parameters
    ----------
    sums : StageTwoGram
        Over all rows of the sample.
    design : Design
    """
    n = float(sums.gram[0, 0])
    gram = sums.gram / n
    N = len(design.columns)
    out = np.r_[design.controls, N : gram.shape[0]]
    partial, _, rank = solve_gram(gram[np.ix_(out, out)], gram[out, :N])
    raw = gram[:N, :N]
    swept = raw - gram[out, :N].T @ partial
    swept[design.controls] = 0.0
    swept[:, design.controls] = 0.0
    return SecondStage(0.5 * (swept + swept.T), raw, partial, rank, n, sums.scores)
