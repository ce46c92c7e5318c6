"""Multilateral, transitive comparisons of firms, provinces or countries, in time and across them.

All indices here are logarithms. The two that compare every observation with a *hypothetical mean
firm* (Caves–Christensen–Diewert, Good–Nadiri–Sickles) cost one pass for the means and one for the
deviations, so their cost is linear in the rows. GEKS compares every pair of situations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.index_formulas import bilateral

__all__ = [
    "SPLICES",
    "Deviations",
    "Geks",
    "chain_of_means",
    "deviations_from_mean_firm",
    "geary_khamis",
    "geks",
    "pairwise_logs",
    "splice_windows",
    "time_product_dummy",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SPLICES = ("mean", "movement", "window", "half")
"""Ways to join a window to the series before it."""


@dataclass(frozen=True, slots=True)
class Deviations:
    """Observations against the hypothetical mean firm of their period.

    Attributes
    ----------
    within : (n,) float array
        ½ Σ_j (s_ij + s̄_j)(ln x_ij − mean ln x_j).
    mean_logs, mean_shares : (periods, k) float arrays
        The hypothetical firm; NaN in a period without observations.
    """

    within: Floats
    mean_logs: Floats
    mean_shares: Floats


def deviations_from_mean_firm(
    logs: Sequence[Floats],
    shares: Sequence[Floats | float],
    period: Ints | None = None,
    periods: int = 1,
    *,
    weights: Floats | None = None,
    threads: int | None = None,
) -> Deviations:
    """Compare each observation with the mean firm of its period, translog fashion.

    With ``x_ij`` the quantity of item j of observation i, ``s_ij`` its share in the value of the
    side (outputs or inputs), and bars for means over the observations of i's period,

        ``within_i = ½ Σ_j (s_ij + s̄_j)(ln x_ij − mean ln x_j)``.

    Without `period` all observations share one mean firm: the log aggregate of Caves, Christensen
    and Diewert (1982); the difference of two observations is then transitive. Sums are taken by
    blocks of rows in the order of the rows, so the digits do not depend on the number of threads.

    Parameters
    ----------
    logs : k arrays of shape (n,)
        Natural logs of quantities, finite.
    shares : k arrays of shape (n,) or floats
        Value shares; a float is a share that is the same for all.
    period : (n,) int array, optional
        Period code of each observation, 0 … periods − 1.
    periods : int
    weights : (n,) float array, optional
        Weights of the observations in the means (sampling weights); default: equal.
    threads : int, optional

    Returns
    -------
    Deviations

    References
    ----------
    Caves, D. W., L. R. Christensen and W. E. Diewert (1982). Multilateral comparisons of output,
    input, and productivity using superlative index numbers. *Economic Journal* 92, 73–86.

    Examples
    --------
    Two firms, one input of share 1: log deviations from the geometric mean.

    >>> deviations_from_mean_firm([np.log([1.0, 4.0])], [1.0]).within.round(6).tolist()
    [-0.693147, 0.693147]
    """
    n, k = logs[0].shape[0], len(logs)
    varying = [j for j in range(k) if isinstance(shares[j], np.ndarray)]
    columns = [*logs, *(np.asarray(shares[j]) for j in varying)]

    def sums(rows: slice) -> Floats:
        w = None if weights is None else weights[rows]
        if period is None:
            size = float(rows.stop - rows.start) if w is None else w.sum()
            parts = [c[rows].sum() if w is None else w @ c[rows] for c in columns]
            return np.array([[size, *parts]])
        p = period[rows]
        found = np.empty((periods, 1 + len(columns)))
        found[:, 0] = np.bincount(p, w, minlength=periods)
        for j, c in enumerate(columns, start=1):
            found[:, j] = np.bincount(p, c[rows] if w is None else w * c[rows], minlength=periods)
        return found

    total = np.zeros((periods, 1 + len(columns)))
    for part in map_blocks(sums, n, threads=threads):
        total += part
    size = np.where(total[:, :1] > 0, total[:, :1], np.nan)
    means = total[:, 1:] / size
    mean_logs = means[:, :k]
    mean_shares = np.where(np.isnan(size), np.nan, np.zeros(k))
    for j in range(k):
        if j not in varying:
            mean_shares[:, j] += float(shares[j])
    mean_shares[:, varying] = means[:, k:]
    within = np.empty(n)
    center, weight = np.ascontiguousarray(mean_logs.T), np.ascontiguousarray(mean_shares.T)

    def deviate(rows: slice) -> None:
        p = np.zeros(1, np.int64) if period is None else period[rows]
        for j in range(k):
            d = logs[j][rows] - np.take(center[j], p)
            share = shares[j]
            if isinstance(share, np.ndarray):
                s = share[rows] + np.take(weight[j], p)
                s *= 0.5
                d *= s
            elif share != 1.0:
                d *= share
            if j:
                within[rows] += d
            else:
                within[rows] = d

    map_blocks(deviate, n, threads=threads)
    return Deviations(within, mean_logs, mean_shares)


def chain_of_means(mean_logs: Floats, mean_shares: Floats) -> Floats:
    """Chain the hypothetical firms of successive periods by Törnqvist.

        ``chain_t = Σ_{τ ≤ t} ½ Σ_j (s̄_τj + s̄_{τ−1,j})(mean_τ ln x_j − mean_{τ−1} ln x_j)``

    Added to the deviations within the period it is the index of Good, Nadiri and Sickles (1997):
    firms may enter and leave, and a further year does not change the figures of earlier ones. A
    period without observations gives NaN and is bridged: the next one is compared with the last
    that has any.

    Parameters
    ----------
    mean_logs, mean_shares : (periods, k) float arrays

    Returns
    -------
    (periods,) float array, 0 in the first period that has observations

    References
    ----------
    Good, D. H., M. I. Nadiri and R. C. Sickles (1997). Index number and factor demand approaches
    to the estimation of productivity. In *Handbook of Applied Econometrics: Microeconomics*.

    Examples
    --------
    >>> chain_of_means(np.log([[1.0], [2.0], [8.0]]), np.ones((3, 1))).round(6).tolist()
    [0.0, 0.693147, 2.079442]
    """
    chain = np.full(mean_logs.shape[0], np.nan)
    there = np.flatnonzero(~np.isnan(mean_logs[:, 0]))
    x, s = mean_logs[there], mean_shares[there]
    steps = 0.5 * ((s[1:] + s[:-1]) * (x[1:] - x[:-1])).sum(axis=1)
    chain[there] = np.concatenate(([0.0], np.cumsum(steps)))[: there.shape[0]]
    return chain


def pairwise_logs(
    formula: str,
    prices: Floats,
    quantities: Floats,
    *,
    kind: str = "price",
    implicit: bool = False,
    weights: Floats | None = None,
) -> Floats:
    """Return the log bilateral index of every pair of situations.

    Only products that both situations of a pair know take part in that pair, so a product that is
    missing somewhere still helps wherever two situations share it. A pair that shares nothing, or
    where the formula is not defined, is NaN.

    Parameters
    ----------
    formula : str
        A time-reversible name of `index_formulas.FORMULAS`.
    prices, quantities : (n, k) float arrays
        Situations in rows, products in columns; NaN where a situation does not know a product.
    kind : {"price", "quantity"}
    implicit : bool
    weights : (k,) float array, optional
        Lowe's weights.

    Returns
    -------
    (n, n) float array
        Entry (i, j): log index of j with base i; antisymmetric.

    Examples
    --------
    >>> p = np.array([[1.0, 1.0], [2.0, 2.0], [np.nan, np.nan]])
    >>> pairwise_logs("fisher", p, np.ones((3, 2))).round(4).tolist()
    [[0.0, 0.6931, nan], [-0.6931, 0.0, nan], [nan, nan, 0.0]]
    """
    n = prices.shape[0]
    known = np.isfinite(prices) & np.isfinite(quantities)
    logs = np.zeros((n, n))
    for i in range(n - 1):
        both = known[i] & known[i + 1 :]
        row, item = np.nonzero(both)
        row += i + 1
        offsets = np.concatenate(([0], np.cumsum(both.sum(axis=1)))).astype(np.int64)
        found = bilateral(
            formula,
            prices[i, item],
            prices[row, item],
            quantities[i, item],
            quantities[row, item],
            offsets,
            kind=kind,
            implicit=implicit,
            weights=None if weights is None else weights[item],
        )
        logs[i, i + 1 :] = np.log(found.index)
        logs[i + 1 :, i] = -logs[i, i + 1 :]
    return logs


@dataclass(frozen=True, slots=True)
class Geks:
    """Transitive log index of n situations.

    Attributes
    ----------
    index : (n,) float array
        Sums to zero over the situations of a component.
    component : (n,) int array
        Situations with the same number are connected by pairs; only those can be compared.
    missing_pairs : int
        Pairs that have no bilateral index.
    """

    index: Floats
    component: Ints
    missing_pairs: int


def geks(logs: Floats) -> Geks:
    """Make bilateral comparisons transitive (Gini, Éltető–Köves, Szulc).

    ``ln P_ij = (1/n) Σ_k (ln p_ik + ln p_kj)``, which is the difference of the column means of the
    antisymmetric matrix ``ln p``. That is also the least-squares solution of
    ``ln p_ij = π_j − π_i``; where pairs are missing, the least-squares problem over the pairs that
    exist defines the index, within each connected set of situations.

    Parameters
    ----------
    logs : (n, n) float array
        Antisymmetric; NaN where a pair cannot be compared.

    Returns
    -------
    Geks

    Examples
    --------
    >>> geks(np.log([[1.0, 2.0, 4.0], [0.5, 1.0, 2.0], [0.25, 0.5, 1.0]])).index.round(6).tolist()
    [-0.693147, 0.0, 0.693147]
    """
    there = np.isfinite(logs)
    n = logs.shape[0]
    missing = int((n * n - there.sum()) // 2)
    if not missing:
        return Geks(logs.mean(axis=0), np.zeros(n, np.int64), 0)
    component = _components(there)
    index = np.empty(n)
    values = np.where(there, logs, 0.0)
    for number in range(int(component.max()) + 1):
        rows = np.flatnonzero(component == number)
        links = there[np.ix_(rows, rows)].astype(np.float64)
        np.fill_diagonal(links, 0.0)
        laplacian = np.diag(links.sum(axis=1)) - links
        # the index is known up to a constant: fix its mean at zero
        laplacian += 1.0 / rows.shape[0]
        index[rows] = np.linalg.solve(laplacian, values[np.ix_(rows, rows)].sum(axis=0))
    return Geks(index, component, missing)


def _components(there: NDArray[np.bool_]) -> Ints:
    """Number the connected sets of situations, in the order of their first member."""
    n = there.shape[0]
    component = np.full(n, -1, np.int64)
    number = 0
    for start in range(n):
        if component[start] >= 0:
            continue
        reached = np.zeros(n, bool)
        reached[start] = True
        edge = reached
        while edge.any():
            edge = there[edge].any(axis=0) & ~reached
            reached |= edge
        component[reached] = number
        number += 1
    return component


def splice_windows(windows: Floats, splice: str = "mean", *, published: bool = True) -> Floats:
    """Join the indices of rolling windows into one series that is never revised.

    A new window ends one period later than the one before. Its last period is linked at a period
    that both know: the period before (``"movement"``), the first of the window (``"window"``), the
    middle (``"half"``), or all of them, averaged in logs (``"mean"``).

    Parameters
    ----------
    windows : (periods − w + 1, w) float array
        Log index of each window; the constant of a window does not matter.
    splice : {"mean", "movement", "window", "half"}
    published : bool
        Link to the series as published so far; False: to the index of the previous window, whose
        last period is put at its published level.

    Returns
    -------
    (periods,) float array
        Log index, 0 in the first period.

    References
    ----------
    Krsinich, F. (2016). The FEWS index: fixed effects with a window splice. *Journal of Official
    Statistics* 32, 375–404.

    Examples
    --------
    >>> splice_windows(np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 4.0]]), "movement").tolist()
    [0.0, 1.0, 2.0, 5.0]
    """
    count, w = windows.shape
    series = np.empty(count + w - 1)
    series[:w] = windows[0] - windows[0, 0]
    for j in range(1, count):
        t = j + w - 1
        new = windows[j]
        past = series[j:t]
        if not published:
            past = windows[j - 1, 1:] + (series[t - 1] - windows[j - 1, -1])
        candidates = past + (new[-1] - new[:-1])
        if splice == "mean":
            series[t] = candidates.mean()
        else:
            series[t] = candidates[{"movement": w - 2, "window": 0, "half": (w - 1) // 2}[splice]]
    return series


def geary_khamis(prices: Floats, quantities: Floats) -> Floats:
    """Return the log Geary–Khamis price index of n situations, 0 in the first.

    Reference prices ``π_j = Σ_t (p_tj / P_t) q_tj / Σ_t q_tj`` and price levels
    ``P_t = Σ_j p_tj q_tj / Σ_j π_j q_tj`` solve a linear system in ``1 / P_t``.

    Parameters
    ----------
    prices, quantities : (n, k) float arrays
        Positive where known; NaN where a situation does not know a product.

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> geary_khamis(np.array([[1.0, 2.0], [3.0, 6.0]]), np.ones((2, 2))).round(6).tolist()
    [0.0, 1.098612]
    """
    known = np.isfinite(prices) & np.isfinite(quantities)
    q = np.where(known, quantities, 0.0)
    v = np.where(known, prices, 0.0) * q
    traded = q.sum(axis=0) > 0
    # with u = 1/P: Σ_j v_tj u_t = Σ_j q_tj Σ_s v_sj u_s / Σ_s q_sj; u is known up to scale
    system = np.diag(v.sum(axis=1)) - (q[:, traded] / q[:, traded].sum(axis=0)) @ v[:, traded].T
    u = np.concatenate(([1.0], np.linalg.solve(system[1:, 1:], -system[1:, 0])))
    return np.asarray(np.log(1.0 / u))


def time_product_dummy(prices: Floats, quantities: Floats) -> Floats:
    """Return the log price index of the regression of log prices on time and product dummies.

    Weighted least squares of ``ln p_tj = α_t + γ_j`` with the value shares of each situation as
    weights; the index is ``α_t − α_0``.

    Parameters
    ----------
    prices, quantities : (n, k) float arrays
        Positive where known; NaN where a situation does not know a product.

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> p = np.array([[1.0, 2.0], [3.0, 6.0]])
    >>> time_product_dummy(p, np.ones((2, 2))).round(6).tolist()
    [0.0, 1.098612]
    """
    known = np.isfinite(prices) & np.isfinite(quantities)
    v = np.where(known, prices * quantities, 0.0)
    w = v / v.sum(axis=1, keepdims=True)
    logs = np.zeros_like(prices)
    logs[known] = np.log(prices[known])
    item = w.sum(axis=0)
    w, logs, item = w[:, item > 0], logs[:, item > 0], item[item > 0]
    # product effects concentrated out: γ_j = Σ_t w_tj (ln p_tj − α_t) / Σ_t w_tj
    y = (w * (logs - (w * logs).sum(axis=0) / item)).sum(axis=1)
    system = np.diag(w.sum(axis=1)) - (w / item) @ w.T
    alpha = np.linalg.solve(system[1:, 1:], y[1:])
    return np.concatenate(([0.0], alpha))
