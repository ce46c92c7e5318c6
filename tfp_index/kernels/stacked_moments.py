"""Covariance of two-stage estimates: the moments of all stages stacked, summed by firm.

Stage 1 solves ``Σ B η = 0``, stage 2 ``ψ(δ, φ̂) = 0``. Stage 2 meets stage 1 through ``φ̂``: with
``F`` the derivative of ``ψ`` by the coefficients of stage 1 and ``J`` by its own,

    ``δ̂ − δ ≈ −J⁺ Σ_firms (s₂ + F (B'B)⁻¹ s₁)``,

so the error of stage 1 is part of the error of stage 2. All derivatives are exact derivatives of
the sample equations: the covariance is that of the infinitesimal jackknife over firms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.control_function import FirstStage, SecondStage, fitted_parts
from tfp_index.kernels.gram import tiled_cross, tiled_left
from tfp_index.kernels.score_moments import Products, differentiate
from tfp_index.kernels.two_stage_design import (
    Data,
    Design,
    Factor,
    firm_blocks,
    phi_columns,
    stage_one_columns,
    stage_two_columns,
)

__all__ = ["Earlier", "Scores", "joint_covariance", "scores_from_sums", "stage_scores"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pairs = Sequence[tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class Earlier:
    """A stage before the first that made one of the shifters: ``s_t = F(h_t'κ)``.

    Attributes
    ----------
    shifter : int
        Which of the shifters.
    slope : (m, n) float array
        ``∂s_t/∂κ``, at the rows where the shifter is used.
    scores : (m, g) float array
        Sums over each firm of the scores of ``κ``.
    bread : (m, m) float array
        Inverse of the information, so that ``κ̂ − κ ≈ bread @ Σ scores``.
    """

    shifter: int
    slope: Floats
    scores: Floats
    bread: Floats


@dataclass(frozen=True, slots=True)
class Scores:
    """What the sandwich is made of; sums over firms, so those of parts of a sample add up.

    Attributes
    ----------
    meat : (m + p + q, m + p + q) float array
        ``Σ s s'`` of the stacked scores: earlier stage, stage 1, stage 2.
    across : (q, m + p) float array
        ``F``: derivative of the stage 2 equations by the coefficients of the earlier stages.
    sums : (q,) float array
        The stage 2 equations summed over the rows themselves.
    """

    meat: Floats
    across: Floats
    sums: Floats

    def __add__(self, other: Scores) -> Scores:
        return Scores(self.meat + other.meat, self.across + other.across, self.sums + other.sums)


@dataclass(frozen=True, slots=True)
class _Side:
    """One factor of the products that make the scores, as combinations of columns.

    Attributes
    ----------
    value : (r, N) float array
        Net of controls.
    levels : (r, m) float array
        What the categories among the controls take off.
    by_lag, by_shifter : (r, N) float arrays
        Derivatives by ``ω₀`` at t − 1 and by the shifter, which are combinations as well.
    by_phi, by_rest : (r, 1) float arrays
        Derivatives by ``φ̂`` at t and by what else stage 1 takes from output at t.
    """

    value: Floats
    levels: Floats
    by_lag: Floats
    by_shifter: Floats
    by_phi: Floats
    by_rest: Floats


def stage_scores(
    data: Data,
    design: Design,
    first: FirstStage,
    second: SecondStage,
    pairs: Pairs,
    *,
    earlier: Earlier | None = None,
    threads: int | None = None,
) -> Scores:
    """Walk over the rows once and sum the scores of every firm.

    Parameters
    ----------
    data, design, first, second
    pairs : sequence of pairs of (q, N) or (1, N) float arrays
        From `law_of_motion.score_pairs`.
    earlier : Earlier, optional
    threads : int, optional
    """
    shifter = earlier.shifter if earlier is not None else -1
    sides = [tuple(_side(design, second, combos, shifter) for combos in pair) for pair in pairs]
    parts = firm_blocks(data.offsets)
    phi_at = phi_columns(design)
    q = pairs[0][0].shape[0]

    def work(block: slice) -> tuple[Floats, Floats, Floats]:
        first_firm, last_firm = parts[block.start]
        edges = data.offsets[first_firm : last_firm + 1]
        rows = slice(int(edges[0]), int(edges[-1]))
        B = stage_one_columns(data, design, rows)
        phi, eta = fitted_parts(data, design, first, rows, B)
        X = stage_two_columns(data, design, rows, phi, eta, first.center)
        total = np.zeros((4 if earlier is None else 5, q, X.shape[1]))
        for left, right in sides:
            _add_products(total, left, right, data, rows, X)
        total *= X[0]  # rows without a lag have no score
        scores = total[0]
        F = _across(data, rows, B, total, phi_at)
        starts = edges[:-1] - edges[0]
        stacked = [np.add.reduceat(B * eta, starts, axis=1)]
        stacked += [_level_sums(f, rows, eta, edges) for f in data.factors]
        padded = np.concatenate([np.zeros((q, 1)), scores], axis=1)
        stacked.append(np.add.reduceat(padded, starts, axis=1))
        if earlier is not None:
            stacked.insert(0, earlier.scores[:, first_firm:last_firm])
            slope = earlier.slope[:, rows.start + 1 : rows.stop]
            F = np.concatenate([tiled_cross(total[4], slope), F], axis=1)
        s = np.concatenate(stacked)
        return tiled_cross(s, s), F, scores.sum(axis=1)

    answers = map_blocks(work, len(parts), size=1, threads=threads)
    meat, across, sums = (np.sum([a[i] for a in answers], axis=0) for i in range(3))
    return Scores(meat, across, sums)


def scores_from_sums(
    products: Products,
    design: Design,
    second: SecondStage,
    pairs: Pairs,
) -> tuple[Scores, float]:
    """Read the same off the sums that stage 2 left, without the rows.

    Parameters
    ----------
    products : Products
        That the second stage was summed with.
    design, second
    pairs : sequence of pairs of (q, N) or (1, N) float arrays
        From `law_of_motion.score_pairs`.

    Returns
    -------
    Scores
    float
        Bound on the relative error that cancellation leaves in standard errors.
    """
    sums = second.scores
    if sums is None:
        raise ValueError("the sums for clustered errors were not taken")
    q, P = pairs[0][0].shape[0], len(products.exponents)
    v = np.zeros((q, P))
    for left, right in pairs:
        a, b = (_side(design, second, combos, -1).value for combos in (left, right))
        grid = np.broadcast_to(a[:, :, None] * b[:, None, :], (q, *products.pair.shape))
        v += [np.bincount(products.pair.ravel(), one.ravel(), P) for one in grid]
    p = sums.at_t.shape[1]
    moments = np.tril(sums.second) + np.tril(sums.second, -1).T
    side = v @ moments[p:, :p]
    meat = np.block([[moments[:p, :p], side.T], [side, v @ moments[p:, p:] @ v.T]])
    in_phi = np.zeros(p, bool)
    in_phi[phi_columns(design)] = True
    by_now, by_noise, by_lag = (
        differentiate(v, by) / design.unit for by in (products.now, products.noise, products.lag)
    )
    by_phi, by_rest = (d[:, : products.at_t] @ sums.at_t for d in (by_now - by_noise, -by_noise))
    F = np.where(in_phi, by_phi + by_lag[:, : products.at_lag] @ sums.at_lag, by_rest)
    largest = np.abs(v) @ np.sqrt(np.diagonal(moments)[p:])
    own = np.diagonal(meat)[p:]
    lost = np.inf  # nothing but rounding is left
    if (own > 0).all():
        lost = float((largest**2 / own).max() * np.finfo(float).eps)
    return Scores(meat, F, v @ sums.total), lost


def _side(design: Design, second: SecondStage, combos: Floats, shifter: int) -> _Side:
    taken = combos @ second.partial.T
    k = design.controls.size
    value = combos.copy()
    value[:, design.controls] -= taken[:, :k]
    unit = design.unit
    by_shifter = np.zeros_like(combos)
    if shifter >= 0 and design.shifters is not None:
        scale = design.shifters.matrix[shifter, shifter]
        by_shifter = _differentiate(design, combos, 1 + len(design.inputs.location) + shifter)
        by_shifter *= scale
    response = combos[:, [design.response]] / unit
    noise = combos[:, [design.noise]] / unit if design.noise >= 0 else np.zeros_like(response)
    return _Side(
        value=value,
        levels=taken[:, k:],
        by_lag=_differentiate(design, combos, 0) / unit,
        by_shifter=by_shifter,
        by_phi=response - noise,
        by_rest=-noise,
    )


def _differentiate(design: Design, combos: Floats, variable: int) -> Floats:
    """Differentiate combinations of the columns by one of their variables."""
    out = np.zeros_like(combos)
    for i, exponent in enumerate(design.columns.exponents):
        power = exponent[variable]
        if power:
            lower = (*exponent[:variable], power - 1, *exponent[variable + 1 :])
            out[:, design.columns.index[lower]] += power * combos[:, i]
    return out


def _add_products(
    total: Floats, left: _Side, right: _Side, data: Data, rows: slice, X: Floats
) -> None:
    """Add ``l r`` and its derivatives by φ̂ and the rest at t, φ̂ at t − 1, and the shifter."""
    a, b = (_values(side, data, rows, X) for side in (left, right))
    total[0] += a * b
    for one, other in ((left, b), (right, a)):
        for place, factor in ((1, one.by_phi), (2, one.by_rest)):
            if factor.any():  # often it is the other side, or none, that depends on it
                total[place] += factor * other
        if one.by_lag.any():
            total[3] += tiled_left(one.by_lag, X) * other
        if total.shape[0] > 4 and one.by_shifter.any():
            total[4] += tiled_left(one.by_shifter, X) * other


def _values(side: _Side, data: Data, rows: slice, X: Floats) -> Floats:
    values = tiled_left(side.value, X)
    k = 0
    for factor in data.law_factors:
        effect = side.levels[:, k : k + factor.levels - 1]
        k += factor.levels - 1
        padded = np.concatenate([np.zeros((effect.shape[0], 1)), effect], axis=1)
        values -= padded[:, factor.codes[rows.start + 1 : rows.stop]]
    return np.asarray(values)


def _across(data: Data, rows: slice, B: Floats, total: Floats, phi_at: Ints) -> Floats:
    """Sum the derivatives of the scores by the coefficients of stage 1, (q, p)."""
    by_phi, by_rest, by_lag = total[1:4]
    in_phi = np.zeros(B.shape[0] + sum(f.levels - 1 for f in data.factors), bool)
    in_phi[phi_at] = True
    F = np.zeros((by_phi.shape[0], in_phi.size))
    for v, b, shift, where in (
        (by_phi, B[:, 1:], 1, in_phi),
        (by_rest, B[:, 1:], 1, ~in_phi),
        (by_lag, B[:, :-1], 0, in_phi),
    ):
        if where.any() and v.any():
            sums = np.concatenate(
                [tiled_cross(v, b), *_by_level(data.factors, rows, shift, v)], axis=1
            )
            F += np.where(where, sums, 0.0)
    return F


def _by_level(factors: Sequence[Factor], rows: slice, shift: int, values: Floats) -> list[Floats]:
    sums = []
    for factor in factors:
        codes = factor.codes[rows.start + shift : rows.stop - 1 + shift]
        table = [np.bincount(codes, v, factor.levels)[1:] for v in values]
        sums.append(np.array(table, np.float64).reshape(values.shape[0], factor.levels - 1))
    return sums


def _level_sums(factor: Factor, rows: slice, eta: Floats, edges: Ints) -> Floats:
    """Sum the residuals of each firm within each level, (levels − 1, firms)."""
    firms = edges.shape[0] - 1
    firm = np.repeat(np.arange(firms), np.diff(edges))
    cell = factor.codes[rows] * firms + firm
    sums = np.asarray(np.bincount(cell, eta, factor.levels * firms), np.float64)
    return sums.reshape(factor.levels, firms)[1:]


def joint_covariance(
    first: FirstStage,
    scores: Scores,
    bread: Floats,
    earlier: Earlier | None = None,
) -> Floats:
    """Covariance of (stage 1 coefficients, ``δ``), clustered by firm.

    Parameters
    ----------
    first : FirstStage
    scores : Scores
    bread : (J, q) float array
        ``J⁺``: minus the derivative of ``δ`` by the sum of the stage 2 equations.
    earlier : Earlier, optional

    Returns
    -------
    (p + J, p + J) float array
        With the factor ``G/(G − 1)`` for ``G`` firms.
    """
    p = first.coefficients.size
    m = scores.across.shape[1] - p
    breads = np.zeros((m + p, m + p))
    if earlier is not None:
        breads[:m, :m] = earlier.bread
    breads[m:, m:] = first.bread
    influence = np.zeros((p + bread.shape[0], m + p + bread.shape[1]))
    influence[:p, m : m + p] = first.bread
    influence[p:, : m + p] = -bread @ scores.across @ breads
    influence[p:, m + p :] = -bread
    firms = first.firms
    covariance = influence @ scores.meat @ influence.T * (firms / max(firms - 1, 1))
    return np.asarray(0.5 * (covariance + covariance.T))
