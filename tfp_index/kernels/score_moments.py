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

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import blocks
from tfp_index.kernels.gram import LIMIT, tiled_cross
from tfp_index.kernels.monomials import Exponent, closure
from tfp_index.kernels.two_stage_design import Design

__all__ = [
    "MOST_PRODUCTS",
    "Products",
    "ScoreMoments",
    "block_moments",
    "differentiate",
    "evaluate_products",
    "score_products",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Lowered = tuple[Ints, Ints, Floats]

MOST_PRODUCTS = 400
"""Products above which the second moments cost more than a walk over the rows."""

MOST_LEVELS = 64
"""Levels of the categories in stage 1 above which their columns are too many to write out."""

FIRM_ROWS = 5_120
"""Rows taken at a time: enough that calls cost little, few enough that products stay in cache."""

GATHERED_FIRMS = 1_024
"""Firms that are gathered before their second moments are taken."""


@dataclass(frozen=True, slots=True)
class Products:
    """The monomials that scores are combinations of.

    Attributes
    ----------
    exponents : tuple of exponents
        In the variables of stage 2.
    runs : tuple of (int, int, int, int)
        ``(i, j, m, v)``: the m monomials from i on are those from j on times variable v.
    pair : (N, N) int array
        Product of two columns.
    now, noise, lag : triples of arrays
        Derivatives by ``ω₀`` at t, by ``η``, and by ``ω₀`` at t − 1: monomials, those one power
        lower, and the power.
    at_t, at_lag : int
        So many monomials, the first ones, occur in a derivative by something at t, or at t − 1.
    """

    exponents: tuple[Exponent, ...]
    runs: tuple[tuple[int, int, int, int], ...]
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


def score_products(design: Design) -> Products | None:
    """Return the products of every two columns of stage 2.

    Parameters
    ----------
    design : Design

    Returns
    -------
    Products or None
        None where a walk over the rows is better: with categories among the controls of the law,
        or with more than `MOST_PRODUCTS` products or `MOST_LEVELS` levels in stage 1.
    """
    if design.law_levels or sum(design.levels) > MOST_LEVELS:
        return None
    exponents = design.columns.exponents
    return _products(
        exponents,
        exponents[design.response].index(1),
        exponents[design.noise].index(1) if design.noise >= 0 else -1,
    )


@lru_cache(maxsize=64)
def _products(columns: tuple[Exponent, ...], now: int, noise: int) -> Products | None:
    found = [
        [tuple(a + b for a, b in zip(one, other, strict=True)) for other in columns]
        for one in columns
    ]
    distinct = {product for row in found for product in row}
    if len(distinct) > MOST_PRODUCTS:
        return None
    every = closure(distinct)
    index = {e: i for i, e in enumerate(every)}
    by_now, by_noise, by_lag = (_lowered(every, index, variable) for variable in (now, noise, 0))
    # what derivatives by something at t need first, then what those by ω₀ at t − 1 need; either
    # set holds with a monomial its divisors
    first = {*by_now[1].tolist(), *by_noise[1].tolist()}
    lagged = first | {*by_lag[1].tolist()}
    order = sorted(range(len(every)), key=lambda i: (i not in first, i not in lagged, i))
    every = tuple(every[i] for i in order)
    index = {e: i for i, e in enumerate(every)}
    pair = np.array([[index[product] for product in row] for row in found], np.int64)
    return Products(
        exponents=every,
        runs=_runs(every, index),
        pair=pair,
        now=_lowered(every, index, now),
        noise=_lowered(every, index, noise),
        lag=_lowered(every, index, 0),
        at_t=len(first),
        at_lag=len(lagged),
    )


def _runs(
    every: tuple[Exponent, ...], index: dict[Exponent, int]
) -> tuple[tuple[int, int, int, int], ...]:
    """Find monomials that follow each other as others do, times one variable."""
    runs: list[list[int]] = []
    for i, exponent in enumerate(every):
        if not any(exponent):
            continue
        variable = next(v for v, power in enumerate(exponent) if power)
        rest = (*exponent[:variable], exponent[variable] - 1, *exponent[variable + 1 :])
        source = index[rest]
        if runs:
            start, begin, count, last = runs[-1]
            # a run must not read what it writes itself
            follows = (i, source, variable) == (start + count, begin + count, last)
            if follows and source < start:
                runs[-1][2] += 1
                continue
        runs.append([i, source, 1, variable])
    return tuple((i, source, count, variable) for i, source, count, variable in runs)


def _lowered(every: tuple[Exponent, ...], index: dict[Exponent, int], variable: int) -> Lowered:
    """Return monomials that hold a variable, the same with one power less of it, and the power."""
    found = [
        (i, index[(*e[:variable], e[variable] - 1, *e[variable + 1 :])], e[variable])
        for i, e in enumerate(every)
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

    Firms of like length are taken together, period by period: their sums are then products with
    ones, and the row before is a fixed number of columns away.

    Parameters
    ----------
    products : Products
    z : (w, n − 1) float array
        Variables of stage 2, zero in rows without a lag; column i belongs to row i + 1.
    mask : (n − 1,) float array
        Whether a row has a lag.
    B : (p, n) float array
        Regressors of stage 1, categories written out; the first is the constant.
    eta : (n,) float array
    edges : (g + 1,) int array
        Where each firm starts, from 0.
    """
    p, P = B.shape[0], len(products.exponents)
    at_t, at_lag = products.at_t, products.at_lag
    second, total = np.zeros((p + P, p + P)), np.zeros(P)
    now, before = np.zeros((p, at_t)), np.zeros((p, at_lag))
    z = z[: 1 + max(run[3] for run in products.runs)]  # variables that occur
    lengths = np.diff(edges)
    longest_first = np.argsort(-lengths, kind="stable")
    # one place for everything long: fresh memory would cost as much as the products do
    space = np.empty((P + z.shape[0] + p) * max(FIRM_ROWS, int(lengths.max())))
    for gathered in blocks(lengths.size, GATHERED_FIRMS):
        firms = np.zeros((p + P, gathered.stop - gathered.start))
        for chosen in _alike(lengths, longest_first, gathered):
            own = firms[:, chosen.start - gathered.start : chosen.stop - gathered.start]
            rows, inside = _by_period(edges, longest_first[chosen])
            T, F = rows.shape
            n, m = T * F, (T - 1) * F
            b, made, variables = _cut(space, (p, n), (P, m), (z.shape[0], m))
            b[0] = 1.0
            np.take(B[1:], rows.ravel(), axis=1, out=b[1:], mode="clip")
            if T > 1:
                lagged = rows[1:].ravel() - 1
                np.take(z, lagged, axis=1, out=variables, mode="clip")
                has_lag = mask[lagged]
                if inside is not None:
                    variables *= inside[F:]
                    has_lag *= inside[F:]
                evaluate_products(products, variables, has_lag, made)
                np.matmul(np.ones(T - 1), made.reshape(P, T - 1, F), out=own[p:])
                now[1:] += tiled_cross(b[1:, F:], made[:at_t])
                before[1:] += tiled_cross(b[1:, :m], made[:at_lag])
            noise = eta[rows.ravel()]
            b *= noise if inside is None else noise * inside
            np.matmul(np.ones(T), b.reshape(p, T, F), out=own[:p])
        _add_lower(second, firms)
        total += firms[p:].sum(axis=1)
    now[0], before[0] = total[:at_t], total[:at_lag]
    return ScoreMoments(second, total, now.T, before.T)


def _cut(space: Floats, *shapes: tuple[int, int]) -> Iterator[Floats]:
    """Cut arrays of these shapes out of one place."""
    start = 0
    for shape in shapes:
        size = shape[0] * shape[1]
        yield space[start : start + size].reshape(shape)
        start += size


def _alike(lengths: Ints, longest_first: Ints, gathered: slice) -> Iterator[slice]:
    """Cut firms, longest first, into runs that fill some `FIRM_ROWS` rows."""
    start = gathered.start
    while start < gathered.stop:
        count = max(FIRM_ROWS // int(lengths[longest_first[start]]), 1)
        yield slice(start, min(start + count, gathered.stop))
        start += count


def _by_period(edges: Ints, firms: Ints) -> tuple[Ints, Floats | None]:
    """Return the (T, F) rows of some firms, and where they are theirs, if not everywhere.

    Firms shorter than the first are filled up with their last row.

    Examples
    --------
    >>> rows, inside = _by_period(np.array([0, 3, 5]), np.array([0, 1]))
    >>> rows.tolist(), inside.tolist()
    ([[0, 3], [1, 4], [2, 4]], [1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    """
    first, last = edges[firms], edges[firms + 1] - 1
    rows = first + np.arange(last[0] - first[0] + 1)[:, None]
    if (last - first == last[0] - first[0]).all():
        return rows, None
    return np.minimum(rows, last), (rows <= last).ravel().astype(np.float64)


def evaluate_products(products: Products, z: Floats, mask: Floats, made: Floats) -> None:
    """Fill in the products of columns, zero in rows without a lag.

    Parameters
    ----------
    products : Products
    z : (w, n) float array
        Variables of stage 2, zero in rows without a lag.
    mask : (n,) float array
        Whether a row has a lag.
    made : (P, n) float array
        Where they go.
    """
    made[0] = mask
    for i, j, m, v in products.runs:
        np.multiply(made[j : j + m], z[v], out=made[i : i + m])


def _add_lower(total: Floats, X: Floats) -> None:
    """Add the lower triangle of ``X X'``, in products too small for threads of their own."""
    k, n = X.shape
    step = 32
    for start in range(0, k, step):
        stop = min(start + step, k)
        tile = max(LIMIT // ((stop - start) * stop), 16)
        whole = n - n % tile
        # (tiles, stop, tile): one call for all tiles
        some = X[:stop, :whole].reshape(stop, -1, tile).swapaxes(0, 1)
        total[start:stop, :stop] += np.matmul(some[:, start:], some.swapaxes(1, 2)).sum(axis=0)
        total[start:stop, :stop] += X[start:stop, whole:] @ X[:stop, whole:].T
