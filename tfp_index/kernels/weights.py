"""Weights of criteria: from the data, from experts, and the most favorable ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "RANDOM_CONSISTENCY",
    "Benefit",
    "Pairwise",
    "benefit_of_doubt",
    "budget_weights",
    "critic_weights",
    "entropy_weights",
    "loading_weights",
    "pairwise_weights",
]

Floats = NDArray[np.float64]

RANDOM_CONSISTENCY = (0.0, 0.0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49)
"""Saaty's mean consistency index of random reciprocal matrices with 1, 2, … 10 rows."""


@dataclass(frozen=True, slots=True)
class Pairwise:
    """Weights from pairwise comparisons.

    Attributes
    ----------
    weights : (k,) float array
    largest_eigenvalue, consistency_index : float
    consistency_ratio : float
        Index over that of random matrices; above 0.10 the judgments contradict each other too
        much by the usual rule. NaN beyond ten criteria, 0 for one or two.
    """

    weights: Floats
    largest_eigenvalue: float
    consistency_index: float
    consistency_ratio: float


def pairwise_weights(matrix: Floats) -> Pairwise:
    r"""Return the weights of the analytic hierarchy process.

    The principal eigenvector of the reciprocal matrix, and how far the matrix is from consistent:

    .. math:: CI = \frac{\lambda_{max} - k}{k - 1}, \qquad CR = CI / RI_k

    Parameters
    ----------
    matrix : (k, k) float array
        Entry (i, j): how many times as important i is as j; (j, i) is its reciprocal.

    Examples
    --------
    >>> answer = pairwise_weights(np.array([[1.0, 2.0, 4.0], [0.5, 1.0, 2.0], [0.25, 0.5, 1.0]]))
    >>> answer.weights.round(3), round(abs(answer.consistency_ratio), 6)
    (array([0.571, 0.286, 0.143]), 0.0)
    """
    k = matrix.shape[0]
    values, vectors = np.linalg.eig(matrix)
    place = int(np.argmax(values.real))
    largest = float(values[place].real)
    vector = np.abs(vectors[:, place].real)
    index = (largest - k) / (k - 1.0) if k > 1 else 0.0
    if k > len(RANDOM_CONSISTENCY):
        ratio = float("nan")
    else:
        ratio = index / RANDOM_CONSISTENCY[k - 1] if k > 2 else 0.0
    return Pairwise(vector / vector.sum(), largest, index, ratio)


def budget_weights(points: Floats) -> Floats:
    """Return the mean over experts of the share of their points that a criterion gets.

    Parameters
    ----------
    points : (experts, k) float array, not negative

    Returns
    -------
    (k,) float array that sums to one

    Examples
    --------
    >>> budget_weights(np.array([[60.0, 40.0], [1.0, 1.0]]))
    array([0.55, 0.45])
    """
    shares: Floats = (points / points.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares


def entropy_weights(x: Floats) -> Floats:
    r"""Give more weight to criteria whose total is spread less evenly over the units.

    .. math:: p_{ij} = x_{ij} / \sum_i x_{ij}, \quad
        d_j = 1 + \frac{\sum_i p_{ij} \ln p_{ij}}{\ln n}, \quad w_j = d_j / \sum_j d_j

    Parameters
    ----------
    x : (n, k) float array, not negative, without missing values, n > 1

    Returns
    -------
    (k,) float array that sums to one; equal weights where every criterion is constant

    Examples
    --------
    >>> entropy_weights(np.array([[1.0, 1.0], [1.0, 3.0], [1.0, 9.0]]))
    array([0., 1.])
    """
    p = x / x.sum(axis=0)
    terms = np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0)
    diversity = np.maximum(1.0 + terms.sum(axis=0) / np.log(x.shape[0]), 0.0)
    diversity[np.abs(diversity) < 1e-14] = 0.0
    total = diversity.sum()
    k = x.shape[1]
    return diversity / total if total > 0 else np.full(k, 1.0 / k)


def critic_weights(x: Floats) -> Floats:
    r"""Give more weight to criteria that vary and that the others do not repeat.

    .. math:: c_j = \sigma_j \sum_l (1 - r_{jl}), \qquad w_j = c_j / \sum_j c_j

    Parameters
    ----------
    x : (n, k) float array on one scale, without missing values

    Returns
    -------
    (k,) float array that sums to one; equal weights where no criterion varies or all repeat
    each other

    Examples
    --------
    >>> critic_weights(np.array([[0.0, 0.0, 1.0], [0.5, 0.5, 0.0], [1.0, 1.0, 0.5]])).round(3)
    array([0.25, 0.25, 0.5 ])
    """
    k = x.shape[1]
    deviation = x.std(axis=0, ddof=1)
    centred = x - x.mean(axis=0)
    scale = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(scale > 0, scale, 1.0)
    contrast = deviation * (1.0 - unit.T @ unit).sum(axis=0)
    contrast[contrast < 1e-14 * max(1.0, float(deviation.max()))] = 0.0
    total = contrast.sum()
    return contrast / total if total > 0 else np.full(k, 1.0 / k)


def loading_weights(loadings: Floats) -> Floats:
    r"""Return the weights of a rotated factor solution.

    Each criterion takes its squared loading on the factor that loads it most, scaled within the
    factor, times the share of that factor in the variance that all factors explain.

    .. math:: w_j \propto \frac{a_{jf(j)}^2}{\sum_j a_{jf}^2} \cdot
        \frac{\sum_j a_{jf}^2}{\sum_{jf} a_{jf}^2}, \qquad f(j) = \arg\max_f |a_{jf}|

    Parameters
    ----------
    loadings : (k, factors) float array

    Returns
    -------
    (k,) float array that sums to one

    References
    ----------
    OECD and JRC (2008), Handbook on Constructing Composite Indicators, section on weights from
    principal components and factor analysis.

    Examples
    --------
    >>> loading_weights(np.array([[0.9, 0.1], [0.8, 0.2], [0.0, 0.7]])).round(3)
    array([0.418, 0.33 , 0.253])
    """
    squares = loadings**2
    own = squares.max(axis=1)
    weights: Floats = own / own.sum()
    return weights


@dataclass(frozen=True, slots=True)
class Benefit:
    """Scores with the weights that favor each unit most.

    Attributes
    ----------
    scores : (n,) float array in [0, 1]; NaN where a unit misses every criterion
    weights : (n, k) float array
        Multipliers of the criteria; divide by their row sum for shares.
    """

    scores: Floats
    weights: Floats


def benefit_of_doubt(
    x: Floats, *, low: Floats | None = None, high: Floats | None = None, on: str = "weights"
) -> Benefit:
    r"""Score each unit with the weights that favor it most.

    .. math:: \max_{w \ge 0} \sum_j w_j x_{ij} \quad \text{s.t.} \quad
        \sum_j w_j x_{hj} \le 1 \; \forall h

    with bounds on the share of each criterion, either in the sum of the weights,
    :math:`low_j \le w_j / \sum_l w_l \le high_j`, or in the score of the unit,
    :math:`low_j \le w_j x_{ij} / \sum_l w_l x_{il} \le high_j`.

    Parameters
    ----------
    x : (n, k) float array, not negative, without missing values; more is better
    low, high : (k,) float arrays, optional
        Bounds on shares in [0, 1]; the lower ones sum to at most one, the upper to at least one.
    on : {"weights", "contributions"}
        What the shares are of. Bounds on contributions differ from unit to unit.

    Returns
    -------
    Benefit
        Scores are NaN for a unit whose program has no solution. With bounds on contributions, a
        unit that scores zero where it must draw a part of its score from gets zero weights and
        score 0.

    References
    ----------
    OECD and JRC (2008), Handbook on Constructing Composite Indicators, section on the benefit of
    the doubt approach.

    Examples
    --------
    >>> benefit_of_doubt(np.array([[1.0, 0.5], [0.5, 1.0], [0.5, 0.5]])).scores.round(6)
    array([1.      , 1.      , 0.666667])
    """
    from scipy.optimize import linprog

    n, k = x.shape
    low = np.zeros(k) if low is None else low
    high = np.ones(k) if high is None else high
    scores = np.full(n, np.nan)
    weights = np.full((n, k), np.nan)
    eye = np.eye(k)
    for i in range(n):
        shares = np.ones(k) if on == "weights" else x[i]
        measure = eye if on == "weights" else eye * x[i]
        bounds = np.vstack((low[:, None] * shares - measure, measure - high[:, None] * shares))
        bounds = bounds[np.any(bounds != 0.0, axis=1)]
        limits = np.concatenate((np.ones(n), np.zeros(bounds.shape[0])))
        answer = linprog(-x[i], np.vstack((x, bounds)), limits, bounds=(0.0, None), method="highs")
        if answer.status == 0:
            scores[i], weights[i] = -answer.fun, answer.x
    return Benefit(scores, weights)
