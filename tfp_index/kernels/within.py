"""Effects of entities and periods: taken out of columns, and recovered afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Effects", "RandomEffects", "level_means", "one_way", "random_effects", "two_way"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Effects:
    """Additive effects of one or two categories, estimated by least squares.

    Attributes
    ----------
    first : (levels, k) float array
        Effects of the levels of the first category.
    second : (levels, k) float array
        Those of the second, with mean zero over rows; empty when there is no second category.
    within : (n, k) float array
        What is left.
    absorbed : int
        Rank of the effects: degrees of freedom that they use up.
    """

    first: Floats
    second: Floats
    within: Floats
    absorbed: int


@dataclass(frozen=True, slots=True)
class RandomEffects:
    """Variance components of ``y_it = x_it'β + u_i + e_it``.

    Attributes
    ----------
    variance_error : float
        ``σ_e²``, from the within regression.
    variance_entity : float
        ``σ_u²``, from the between regression less its share of ``σ_e²``. May be negative, in which
        case the data show no random effects and `theta` is 0.
    theta : (g,) float array
        Share of its mean that is taken from each entity's rows:
        ``1 − √(σ_e² / (T_i σ_u² + σ_e²))``.
    """

    variance_error: float
    variance_entity: float
    theta: Floats


def level_means(values: Floats, codes: Ints, levels: int) -> Floats:
    """Return the mean of each level, NaN for one without rows.

    Parameters
    ----------
    values : (n, k) float array
    codes : (n,) int array in ``range(levels)``

    Returns
    -------
    (levels, k) float array

    Examples
    --------
    >>> level_means(np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 1]), 2)
    array([[2.],
           [5.]])
    """
    counts = np.bincount(codes, minlength=levels).astype(np.float64)
    sums = np.stack(
        [
            np.bincount(codes, weights=values[:, j], minlength=levels)
            for j in range(values.shape[1])
        ],
        axis=1,
    )
    counts[counts == 0] = np.nan
    return sums / counts[:, None]


def one_way(values: Floats, codes: Ints, levels: int) -> Effects:
    """Take the mean of each level out of every column.

    Examples
    --------
    >>> one_way(np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 1]), 2).within[:, 0]
    array([-1.,  1.,  0.])
    """
    means = level_means(values, codes, levels)
    used = int(np.count_nonzero(np.bincount(codes, minlength=levels)))
    return Effects(means, np.zeros((0, values.shape[1])), values - means[codes], used)


def two_way(
    values: Floats, first: Ints, levels_first: int, second: Ints, levels_second: int
) -> Effects:
    """Take the effects of two categories out of every column, exactly and without iteration.

    With the category of more levels swept out by its means, the effects ``γ`` of the other solve
    ``(D'MD) γ = D'M x``, a system of the size of the smaller category whatever the pattern of
    missing cells.

    Parameters
    ----------
    values : (n, k) float array
    first, second : (n,) int arrays
        Every level has rows.

    Examples
    --------
    >>> rows, periods = np.array([0, 0, 1]), np.array([0, 1, 1])
    >>> found = two_way(np.array([[1.0], [2.0], [5.0]]), rows, 2, periods, 2)
    >>> found.within[:, 0].round(12) + 0.0, found.absorbed
    (array([0., 0., 0.]), 3)
    """
    from scipy.sparse import csr_array

    n = values.shape[0]
    big, small = (first, levels_first), (second, levels_second)
    swap = levels_second > levels_first
    (rows, g), (columns, h) = (small, big) if swap else (big, small)
    cells = csr_array((np.ones(n), (rows, columns)), shape=(g, h))
    counts = np.bincount(rows, minlength=g).astype(np.float64)
    per_level = np.bincount(columns, minlength=h).astype(np.float64)
    shares = cells.multiply(1.0 / counts[:, None]).tocsr()
    means = level_means(values, rows, g)
    swept = values - means[rows]
    left = np.diag(per_level) - np.asarray((cells.T @ shares).todense())
    right = level_means(swept, columns, h) * per_level[:, None]
    gamma, rank = _solve_semidefinite(left, right)
    alpha = means - shares @ gamma
    within = values - alpha[rows] - gamma[columns]
    own, other = (gamma, alpha) if swap else (alpha, gamma)
    shift = other[second].mean(axis=0)
    return Effects(own + shift, other - shift, within, g + rank)


def _solve_semidefinite(left: Floats, right: Floats) -> tuple[Floats, int]:
    """Minimum-norm solution and rank; ``left`` is singular once per connected set of levels."""
    scale = np.sqrt(np.diagonal(left))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(left / np.outer(scale, scale))
    keep = values > 1e-10
    inverse = vectors[:, keep] / values[keep] @ vectors[:, keep].T
    return (inverse @ (right / scale[:, None])) / scale[:, None], int(keep.sum())


def random_effects(
    ssr_within: float,
    dof_within: float,
    ssr_between: float,
    dof_between: float,
    counts: Ints,
) -> RandomEffects:
    """Swamy and Arora's variance components.

    ``σ_e² = SSR_w / dof_w`` and ``σ_u² = SSR_b / dof_b − σ_e² / T̄`` with the harmonic mean T̄ of
    the entities' numbers of rows (all equal in the balanced case of the paper).

    Parameters
    ----------
    ssr_within, dof_within : float
        Of the regression on deviations from entity means; dof is ``n − g − k``.
    ssr_between, dof_between : float
        Of the regression of entity means on entity means; dof is ``g − k − 1``.
    counts : (g,) int array
        Rows of each entity.

    Examples
    --------
    >>> found = random_effects(8.0, 8.0, 6.0, 2.0, np.array([4, 4, 4]))
    >>> found.variance_entity, found.theta.round(4)
    (2.75, array([0.7113, 0.7113, 0.7113]))
    """
    error = ssr_within / dof_within
    harmonic = counts.shape[0] / float((1.0 / counts).sum())
    entity = ssr_between / dof_between - error / harmonic
    if entity <= 0:
        return RandomEffects(error, entity, np.zeros(counts.shape[0]))
    if error <= 0:
        return RandomEffects(error, entity, np.ones(counts.shape[0]))
    return RandomEffects(error, entity, 1.0 - np.sqrt(error / (counts * entity + error)))
