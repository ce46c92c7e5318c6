"""Common factors: a static equation with autoregressive errors, from its dynamic form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CommonFactor", "common_factor"]

Floats = NDArray[np.float64]


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
    low = int(np.argmin(_distances(W, pi, grid)))
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


def _distances(W: Floats, pi: Floats, grid: Floats) -> Floats:
    """Squared length of the whitened gap at the best β, for every ρ of a grid."""
    k = (pi.shape[0] - 1) // 2
    G = W[:, :k] - grid[:, None, None] * W[:, k : 2 * k]
    target = W @ pi - grid[:, None] * W[:, -1]
    moments = np.einsum("gij,gi->gj", G, target)
    beta = np.linalg.solve(np.einsum("gij,gil->gjl", G, G), moments[..., None])[..., 0]
    gap = target - np.einsum("gij,gj->gi", G, beta)
    distances: Floats = np.einsum("gi,gi->g", gap, gap)
    return distances


def _square(values: Floats) -> float:
    return float(values @ values)
