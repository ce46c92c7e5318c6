"""Dynamic panels: changes and levels in one system, instrumented by lagged levels and changes.

For ``y_it = x_it'π + η_i + e_it``, where x may hold lags of y, the equation in changes is free of
``η_i`` and takes values two and more periods back as instruments (Arellano and Bond 1991); the
equation in levels takes lagged changes (Arellano and Bover 1995; Blundell and Bond 1998).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import blocks
from tfp_index.kernels.system_gmm import Equation, SystemGMM

__all__ = [
    "CommonFactor",
    "Stacked",
    "common_factor",
    "lagged_instruments",
    "serial_correlation",
    "stack",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Stacked:
    """Changes above levels, as one equation.

    Attributes
    ----------
    equation : Equation
    initial : (q, q) float array
        ``Σ Z'HZ``: covariance of the moments if the errors of the levels are independent with one
        variance, so that those of the changes overlap.
    changes : int
        How many rows are changes.
    before : (changes,) int array
        For each change, the change of the period before, -1 where there is none.
    """

    equation: Equation
    initial: Floats
    changes: int
    before: Ints


@dataclass(frozen=True, slots=True)
class CommonFactor:
    """Minimum-distance estimate of ``y = β'x + v, v_t = ρ v_{t−1} + e``.

    Attributes
    ----------
    coefficients : (k + 1,) float array
        ``β`` and then ``ρ``.
    covariance : (k + 1, k + 1) float array
    statistic : float
        Distance; χ² with k degrees of freedom if the restrictions hold.
    converged : bool
        Whether ρ lies inside the range that was searched.
    """

    coefficients: Floats
    covariance: Floats
    statistic: float
    converged: bool


def lagged_instruments(
    values: Floats, lags: Sequence[Ints], period: Ints, *, collapse: bool
) -> Floats:
    """Lags of one column as instruments, zero where a lag is missing.

    Parameters
    ----------
    values : (N,) float array
        Over all rows of the panel; NaN counts as missing.
    lags : sequence of (n,) int arrays
        For each lag its row, -1 where missing.
    period : (n,) int array
        Number of the period from 0.
    collapse : bool
        One column per lag; otherwise one per lag and period.

    Returns
    -------
    (n, ·) float array
        Columns that are zero throughout are left out.

    Examples
    --------
    >>> lagged_instruments(np.array([1.0, 2.0, 3.0]), [np.array([-1, 0, 1])],
    ...                    np.array([0, 1, 2]), collapse=False)
    array([[0., 0.],
           [1., 0.],
           [0., 2.]])
    """
    columns = []
    for rows in lags:
        found = np.where(rows >= 0, values[rows], 0.0)
        found[np.isnan(found)] = 0.0
        if collapse:
            columns.append(found)
            continue
        periods = range(int(period.max(initial=-1)) + 1)
        columns += [np.where(period == t, found, 0.0) for t in periods]
    kept = [column for column in columns if column.any()]
    return np.stack(kept, axis=1) if kept else np.zeros((period.shape[0], 0))


def stack(
    y: Floats,
    X: Floats,
    exogenous: Floats,
    previous: Ints,
    firm: Ints,
    for_changes: Floats,
    for_levels: Floats | None,
) -> Stacked:
    """Set up the system.

    Parameters
    ----------
    y : (n,) float array
    X : (n, p) float array
    exogenous : (n, d) float array
        Further regressors that instrument themselves in both equations: constant, time dummies.
    previous : (n,) int array
        Row of the same firm one period before, -1 where there is none.
    firm : (n,) int array
    for_changes : (n, q₁) float array
        Instruments of the change that ends in a row.
    for_levels : (n, q₂) float array or None
        Instruments of a row's level; None leaves the levels out.
    """
    n, p, d = y.shape[0], X.shape[1], exogenous.shape[1]
    now = np.flatnonzero(previous >= 0)
    then, m = previous[now], now.size
    q1 = for_changes.shape[1]
    q2 = 0 if for_levels is None else for_levels.shape[1]
    total = m if for_levels is None else m + n
    regressors, Z = np.zeros((total, p + d)), np.zeros((total, q1 + q2 + d))
    regressors[:m, :p] = X[now] - X[then]
    regressors[:m, p:] = exogenous[now] - exogenous[then]
    Z[:m, :q1] = for_changes[now]
    Z[:m, q1 + q2 :] = regressors[:m, p:]
    outcome, clusters = y[now] - y[then], firm[now]
    if for_levels is not None:
        regressors[m:, :p], regressors[m:, p:] = X, exogenous
        Z[m:, q1 : q1 + q2], Z[m:, q1 + q2 :] = for_levels, exogenous
        outcome, clusters = np.concatenate([outcome, y]), np.concatenate([clusters, firm])
    where = np.full(n, -1, np.int64)
    where[now] = np.arange(m)
    equation = Equation(outcome, regressors, np.arange(p + d), Z, clusters)
    return Stacked(equation, _initial(Z, now, then, n), m, where[then])


def _initial(Z: Floats, now: Ints, then: Ints, n: int) -> Floats:
    """``Σ g g'`` over rows, g the instruments that the level error of a row meets."""
    m = now.size
    total = np.zeros((Z.shape[1], Z.shape[1]))
    for rows in blocks(n):
        g = np.zeros((rows.stop - rows.start, Z.shape[1]))
        if Z.shape[0] > m:
            g += Z[m:][rows]
        for ends, sign in ((now, 1.0), (then, -1.0)):  # both ascend, each row at most once
            first, last = np.searchsorted(ends, (rows.start, rows.stop))
            g[ends[first:last] - rows.start] += sign * Z[first:last]
        total += g.T @ g
    return total


def serial_correlation(system: Stacked, found: SystemGMM, order: int) -> float:
    """Arellano and Bond's test of serial correlation in the changes' residuals.

    ``m = Σ_c w_c'u_c / √v`` with w the residuals `order` periods back, and v the variance with the
    estimation of the coefficients taken into account. Standard normal without correlation of that
    order in the errors' changes.

    Parameters
    ----------
    system : Stacked
    found : SystemGMM
    order : int

    Returns
    -------
    float
        NaN when no firm has changes so far apart.
    """
    m = system.changes
    u, X = found.residuals[0][:m], system.equation.X[:m]
    earlier = np.arange(m)
    for _ in range(order):
        earlier = np.where(earlier >= 0, system.before[earlier], -1)
    w = np.where(earlier >= 0, u[earlier], 0.0)
    if not w.any():
        return float("nan")
    clusters = system.equation.clusters[:m]
    products = np.bincount(clusters, weights=w * u, minlength=found.clusters)
    wX = w @ X
    cross = found.scores.T @ products
    variance = float(products @ products)
    variance += -2.0 * float(wX @ found.influence @ cross) + float(wX @ found.covariance @ wX)
    return float(products.sum()) / np.sqrt(variance) if variance > 0 else float("nan")


def common_factor(pi: Floats, covariance: Floats, *, reach: float = 2.0) -> CommonFactor:
    """Impose ``π = (β, −ρβ, ρ)`` by minimum distance.

    For a given ρ the best β is linear, so that one dimension is left: the lowest point of a grid
    is bracketed and the zero of the derivative found in it.

    Parameters
    ----------
    pi : (2k + 1,) float array
        Coefficients of ``x_t``, of ``x_{t−1}`` and of ``y_{t−1}``.
    covariance : (2k + 1, 2k + 1) float array
    reach : float
        ρ is looked for between -reach and reach.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the covariance is singular.

    Examples
    --------
    >>> found = common_factor(np.array([0.5, -0.4, 0.8]), np.eye(3))
    >>> found.coefficients.round(12), round(found.statistic, 12)
    (array([0.5, 0.8]), 0.0)
    """
    from scipy.optimize import brentq, minimize_scalar

    k = (pi.shape[0] - 1) // 2
    scale = np.sqrt(np.diagonal(covariance))
    L = np.linalg.cholesky(covariance / np.outer(scale, scale))
    W = np.linalg.solve(L, np.diag(1.0 / scale))

    def profile(rho: float) -> tuple[Floats, Floats, float]:
        """Best β, the whitened gap, and half the derivative of its square to ρ."""
        G = W @ np.concatenate([np.eye(k), -rho * np.eye(k), np.zeros((1, k))])
        target = W @ np.append(pi[:-1], pi[-1] - rho)
        beta = np.linalg.lstsq(G, target, rcond=None)[0]
        gap = target - G @ beta
        slope = W @ np.concatenate([np.zeros(k), -beta, [1.0]])
        return beta, gap, -float(gap @ slope)

    grid = np.linspace(-reach, reach, 161)
    values = [_square(gap) for _, gap, _ in map(profile, grid)]
    low = int(np.argmin(values))
    inside = 0 < low < grid.size - 1
    rho = float(grid[low])
    # of the two cells beside the lowest point the one that the derivative points into
    other = low + (-1 if profile(rho)[2] > 0 else 1)
    if inside and profile(float(grid[other]))[2] * profile(rho)[2] < 0:
        end = float(grid[other])
        rho = float(brentq(lambda r: profile(r)[2], rho, end, xtol=1e-15, rtol=1e-14))
    elif inside:  # several minima within a cell
        ends = (float(grid[low - 1]), float(grid[low + 1]))
        rho = float(minimize_scalar(lambda r: _square(profile(r)[1]), bounds=ends).x)
    beta, gap, _ = profile(rho)
    G = np.zeros((2 * k + 1, k + 1))
    G[:k, :k] = np.eye(k)
    G[k : 2 * k, :k] = -rho * np.eye(k)
    G[k : 2 * k, k] = -beta
    G[-1, k] = 1.0
    J = W @ G
    V = np.asarray(np.linalg.inv(J.T @ J), np.float64)
    return CommonFactor(np.append(beta, rho), V, float(gap @ gap), inside)


def _square(values: Floats) -> float:
    return float(values @ values)
