"""How much more productive enterprises with a practice are than others of their kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.dispersion import demean
from tfp_index.kernels.linalg import cluster_correction, cluster_sums, least_squares

__all__ = ["Association", "association"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

VANISHED = 1e-12
"""Largest deviation of a practice from the mean of its cell that counts as none."""


@dataclass(frozen=True, slots=True)
class Association:
    """How much more productive those with a practice are, comparing like with like.

    Attributes
    ----------
    coefficient : float
        NaN where the practice does not vary inside cells.
    standard_error : float
        Clustered.
    influence : (clusters,) float array
        Of each cluster on the coefficient; its sum of squares is the clustered variance.
    rows, clusters, adopters : int
        Rows and clusters used; rows with the practice.
    """

    coefficient: float
    standard_error: float
    influence: Floats
    rows: int
    clusters: int
    adopters: int


def association(
    phi: Floats,
    practice: Floats,
    controls: Floats,
    cell: Ints,
    cells: int,
    cluster: Ints,
    clusters: int,
    *,
    design: Floats | None = None,
) -> Association:
    r"""Regress log productivity on a practice and controls, with an intercept for each cell.

    .. math:: φ_{it} = β D_{it} + γ' z_{it} + α_{c(it)} + u_{it}

    Errors are clustered; the small-sample factor counts the intercepts.

    Parameters
    ----------
    phi, practice : (n,) float arrays
    controls : (n, q) float array
    cell : (n,) int array, 0 to C - 1
        E.g. industry and year.
    cells : int
    cluster : (n,) int array in ``range(clusters)``
        Enterprises.
    clusters : int
    design : (n,) float array, optional

    Examples
    --------
    >>> D = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    >>> phi = np.array([0.0, 0.2, 1.0, 1.3, 0.1, 0.4])
    >>> cell = np.array([0, 0, 1, 1, 0, 0])
    >>> found = association(phi, D, np.zeros((6, 0)), cell, 2, np.arange(6), 6)
    >>> round(found.coefficient, 6), found.adopters
    (0.266667, 3)
    """
    m = np.ones_like(phi) if design is None else design
    filled = np.where(m > 0, cell, -1)
    y, *columns = (
        np.nan_to_num(demean(v, filled, cells, design)) for v in (phi, practice, *controls.T)
    )
    X = np.column_stack(columns)
    counted = int(np.count_nonzero(np.bincount(cluster[m > 0], minlength=clusters)))
    n, adopters = int((m > 0).sum()), int(((m > 0) & (practice > 0)).sum())
    k = X.shape[1] + int(np.count_nonzero(np.bincount(filled[filled >= 0], minlength=cells)))
    none = Association(np.nan, np.nan, np.zeros(clusters), n, counted, adopters)
    if np.abs(X[:, 0]).max(initial=0.0) < VANISHED or n <= k or counted < 2:
        return none
    # the practice last: where a control says the same, the practice goes
    order = np.append(np.arange(1, X.shape[1]), 0)
    fit = least_squares(np.ascontiguousarray(X[:, order]), y, design)
    last = X.shape[1] - 1
    if last not in fit.rank.kept.tolist():
        return none
    scores = cluster_sums(X[:, order], fit.residuals, cluster, clusters, design)
    factor = np.sqrt(cluster_correction(n, k, counted))
    influence = factor * (scores @ fit.bread[last])
    b = float(fit.coefficients[last])
    return Association(b, float(np.sqrt(influence @ influence)), influence, n, counted, adopters)
