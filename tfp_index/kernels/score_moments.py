"""Clustered errors without a third pass: the scores of firms as combinations of fixed sums.

A score of stage 2 is ``Σ_t l_t r_t`` with ``l`` and ``r`` combinations of the columns of stage 2
whose coefficients depend on the estimates alone. It is therefore a combination ``v'Π_f`` of the
sums over a firm of all products of two columns, which are monomials themselves. While stage 2 is
accumulated, and before any estimate is known, these sums are formed for each firm, beside those of
the scores of stage 1, and only their second moments over firms are kept:

    ``meat = K (Σ_f [S_f; Π_f][S_f; Π_f]') K'``,    ``K = diag(1, v')``.

The derivative of the scores by the coefficients of stage 1 is linear in ``Σ_t Π_t B_t'`` and
``Σ_t Π_t B_{t−1}'``. None of this grows with the number of firms, and all of it adds up over parts
of a sample.

The price is cancellation: products of high powers are large where the score is small.
`stacked_moments.scores_from_sums` bounds what is lost, so that the rows can be walked over once
more where it matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.gram import LIMIT, tiled_cross
from tfp_index.kernels.monomials import Exponent, Plan, evaluate, expand_law, plan
from tfp_index.kernels.two_stage_design import Design, firm_blocks

__all__ = [
    "MOST_PRODUCTS",
    "Products",
    "ScoreMoments",
    "block_moments",
    "differentiate",
    "score_products",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Lowered = tuple[Ints, Ints, Floats]

MOST_PRODUCTS = 400
"""Products above which the second moments cost more than a walk over the rows."""

MOST_LEVELS = 64
"""Levels of the categories in stage 1 above which their columns are too many to write out."""

FIRM_ROWS = 2_048
"""Rows taken at a time: some hundred products of them fit in a core's cache."""


@dataclass(frozen=True, slots=True)
class Products:
    """The monomials that scores are combinations of.

    Attributes
    ----------
    plan : Plan
    pair : (N, N) int array
        Product of two columns; -1 where no score has it.
    now, noise, lag : triples of arrays
        Derivatives by ``ω₀`` at t, by ``η``, and by ``ω₀`` at t − 1: monomials, those one power
        lower, and the power.
    at_t, at_lag : int
        So many monomials, the first ones, occur in a derivative by something at t, or at t − 1.
    """

    plan: Plan
    pair: Ints
    now: Lowered
    noise: Lowered
    lag: Lowered
    at_t: int
    at_lag: int


@dataclass(frozen=True, slots=True)
class ScoreMoments:
    """Sums over firms and rows from which the scores' second moments follow at any estimate.

    Attributes
    ----------
    second : (p + P, p + P) float array
        ``Σ_f [S_f; Π_f][S_f; Π_f]'``, lower triangle.
    total : (P,) float array
        ``Σ_t Π_t``.
    at_t, at_lag : (·, p) float arrays
        ``Σ_t Π_t B_t'`` and ``Σ_t Π_t B_{t−1}'`` of the first monomials: those in derivatives.
    """

    second: Floats
    total: Floats
    at_t: Floats
    at_lag: Floats

    def __add__(self, other: ScoreMoments) -> ScoreMoments:
        return ScoreMoments(
            self.second + other.second,
            self.total + other.total,
            self.at_t + other.at_t,
            self.at_lag + other.at_lag,
        )


def score_products(design: Design, definition: str) -> Products | None:
    """Return the products of columns that make the scores.

    Parameters
    ----------
    design : Design
    definition : {"moments", "nls", "levpet"}

    Returns
    -------
    Products or None
        None where a walk over the rows is better: with categories among the controls of the law,
        or with more than `MOST_PRODUCTS` products or `MOST_LEVELS` levels in stage 1.
    """
    if design.law_levels or sum(design.levels) > MOST_LEVELS:
        return None
    # the law terms' columns at a point where no coefficient is zero
    T = expand_law(design.expansion, np.ones((1, len(design.terms))))[0]
    law = np.flatnonzero(np.abs(T).sum(axis=0))
    left = design.instruments if definition == "moments" else design.x
    right = [design.response, *design.x, *([design.noise] if definition != "moments" else [])]
    both = {*law.tolist(), *design.controls.tolist()}
    exponents = design.columns.exponents
    return _products(
        exponents,
        tuple(sorted(both | {int(i) for i in left})),
        tuple(sorted(both | {int(i) for i in right})),
        exponents[design.response].index(1),
        exponents[design.noise].index(1) if design.noise >= 0 else -1,
    )


@lru_cache(maxsize=64)
def _products(
    columns: tuple[Exponent, ...],
    left: tuple[int, ...],
    right: tuple[int, ...],
    now: int,
    noise: int,
) -> Products | None:
    found = {
        (i, j): tuple(a + b for a, b in zip(columns[i], columns[j], strict=True))
        for i in left
        for j in right
    }
    if len(set(found.values())) > MOST_PRODUCTS:
        return None
    made, at_t, at_lag = _ordered(plan(found.values()), now, noise)
    pair = np.full((len(columns), len(columns)), -1, np.int64)
    for (i, j), product in found.items():
        pair[i, j] = made.index[product]
    by_now, by_noise, by_lag = (_lowered(made, variable) for variable in (now, noise, 0))
    return Products(made, pair, by_now, by_noise, by_lag, at_t, at_lag)


def _ordered(made: Plan, now: int, noise: int) -> tuple[Plan, int, int]:
    """Put first what derivatives by something at t need, then what those by ``ω₀`` at t − 1 need.

    Either set holds with a monomial its divisors, so each is still a product of earlier ones.
    """
    first = {made.exponents[i] for v in (now, noise) for i in _lowered(made, v)[1]}
    lagged = {made.exponents[i] for i in _lowered(made, 0)[1]} | first
    every = [e for e in made.exponents if e in first]
    every += [e for e in made.exponents if e in lagged - first]
    every += [e for e in made.exponents if e not in lagged]
    index = {e: i for i, e in enumerate(every)}
    steps = []
    for e in every:
        one, other = made.steps[made.index[e]]
        if one >= 0:  # a product of two monomials, not a variable
            one, other = index[made.exponents[one]], index[made.exponents[other]]
        steps.append((one, other))
    return Plan(tuple(every), tuple(steps), index), len(first), len(lagged)


def _lowered(made: Plan, variable: int) -> Lowered:
    """Return monomials that hold a variable, the same with one power less of it, and the power."""
    found = [
        (i, made.index[(*e[:variable], e[variable] - 1, *e[variable + 1 :])], e[variable])
        for i, e in enumerate(made.exponents)
        if variable >= 0 and e[variable]
    ]
    table = np.array(found, np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2].astype(np.float64)


def differentiate(v: Floats, by: Lowered) -> Floats:
    """Return the coefficients of the derivatives of (q, P) combinations of the products."""
    out = np.zeros_like(v)
    higher, lower, power = by
    out[:, lower] = power * v[:, higher]
    return out


def block_moments(
    products: Products, z: Floats, mask: Floats, B: Floats, eta: Floats, edges: Ints
) -> ScoreMoments:
    """Sum over a block of whole firms.

    Parameters
    ----------
    products : Products
    z : (w, n − 1) float array
        Variables of stage 2, zero in rows without a lag; column i belongs to row i + 1.
    mask : (n − 1,) float array
        Whether a row has a lag.
    B : (p, n) float array
        Regressors of stage 1, categories written out.
    eta : (n,) float array
    edges : (g + 1,) int array
        Where each firm starts, from 0.
    """
    p, P = B.shape[0], len(products.plan)
    at_t, at_lag = products.at_t, products.at_lag
    second, total = np.zeros((p + P, p + P)), np.zeros(P)
    now, before = np.zeros((at_t, p)), np.zeros((at_lag, p))
    parts = firm_blocks(edges, FIRM_ROWS)
    space = np.empty((P, max(int(edges[last] - edges[first]) for first, last in parts)))
    for first, last in parts:
        a, b = int(edges[first]), int(edges[last])
        starts = edges[first:last] - a
        rows = B[:, a:b]
        firms = np.zeros((p + P, last - first))
        np.add.reduceat(rows * eta[a:b], starts, axis=1, out=firms[:p])
        if b - a > 1:
            made = evaluate(z[:, a : b - 1], products.plan, out=space[:, : b - a - 1])
            made[0] = mask[a : b - 1]
            # a firm's first row has no lag: nothing is lost where it falls out
            np.add.reduceat(made, np.maximum(starts - 1, 0), axis=1, out=firms[p:])
            now += tiled_cross(made[:at_t], rows[:, 1:])
            before += tiled_cross(made[:at_lag], rows[:, :-1])
        _add_lower(second, firms)
        total += firms[p:].sum(axis=1)
    return ScoreMoments(second, total, now, before)


def _add_lower(total: Floats, X: Floats) -> None:
    """Add the lower triangle of ``X X'``, in products too small for threads of their own."""
    k, n = X.shape
    step = 32
    for start in range(0, k, step):
        stop = min(start + step, k)
        tile = max(LIMIT // ((stop - start) * stop), 16)
        for column in range(0, n, tile):
            some = X[:stop, column : column + tile]
            total[start:stop, :stop] += some[start:] @ some.T
