"""How much each child counts in its parent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.composite.structure import Structure
from tfp_index.errors import DataError, EstimationError
from tfp_index.kernels.weights import (
    Pairwise,
    benefit_of_doubt,
    budget_weights,
    critic_weights,
    entropy_weights,
    loading_weights,
    pairwise_weights,
)

__all__ = ["SCHEMES", "data_weights", "factor_loadings", "judged_weights", "principal_components"]

Floats = NDArray[np.float64]

SCHEMES = (
    "given",
    "equal",
    "pca",
    "factor",
    "entropy",
    "critic",
    "benefit_of_doubt",
    "ahp",
    "budget",
)
"""Ways to weight the children of a node."""

JUDGED = ("ahp", "budget")
"""Schemes that need judgments of experts."""

FACTOR_SHARE = 0.10
"""A factor is kept when it explains at least this share of the variance (the Handbook's rule)."""


def principal_components(x: Floats) -> tuple[Floats, Floats]:
    """Return the eigenvalues of the correlation matrix above zero, descending, and the loadings.

    Parameters
    ----------
    x : (n, k) float array without missing values

    Returns
    -------
    (rank,) float array, (k, rank) float array with one component per column
    """
    from statsmodels.multivariate.pca import PCA

    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    components = PCA(
        standard,
        ncomp=int(np.linalg.matrix_rank(standard)),
        standardize=False,
        demean=False,
        normalize=False,
        method="svd",
    )
    values = np.asarray(components.eigenvals, dtype=float) / x.shape[0]
    vectors = np.asarray(components.eigenvecs, dtype=float)
    return values, vectors * np.sqrt(np.maximum(values, 0.0))


def factor_loadings(x: Floats, factors: int | None = None) -> Floats:
    """Return principal-component loadings after a Kaiser-normalized varimax rotation.

    Parameters
    ----------
    x : (n, k) float array without missing values
    factors : int, optional
        Number kept; by default those that explain at least a tenth of the variance.

    Returns
    -------
    (k, factors) float array; each factor's largest loading is positive
    """
    from statsmodels.multivariate.factor_rotation import rotate_factors

    values, loadings = principal_components(x)
    if factors is None:
        factors = max(int((values / values.sum() >= FACTOR_SHARE).sum()), 1)
    kept = loadings[:, :factors]
    if factors > 1:
        length = np.sqrt((kept**2).sum(axis=1, keepdims=True))
        directions = kept / np.where(length > 0, length, 1.0)
        with np.errstate(divide="ignore"):  # the search takes the log of its gradient
            rotated, _ = rotate_factors(directions, "varimax", max_tries=5000, tol=1e-10)
        kept = rotated * length
    sign = np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(factors)])
    return np.asarray(kept * sign)


def judged_weights(scheme: str, judgments: Any) -> tuple[Floats, Pairwise | None]:
    """Return weights from a comparison matrix (``"ahp"``) or from points (``"budget"``)."""
    matrix = np.asarray(judgments, dtype=float)
    if scheme == "ahp":
        answer = pairwise_weights(matrix)
        return answer.weights, answer
    return budget_weights(np.atleast_2d(matrix)), None


def judgment_faults(
    scheme: str, judgments: Any, children: int
) -> str | None:  # one sentence, or None when all is well
    """Say what is wrong with the judgments for a node, or None."""
    try:
        matrix = np.asarray(judgments, dtype=float)
    except (TypeError, ValueError):
        return "the judgments are not a table of numbers"
    if not np.isfinite(matrix).all() or matrix.size == 0:
        return "the judgments are not finite numbers"
    if scheme == "budget":
        table = np.atleast_2d(matrix)
        if table.ndim != 2 or table.shape[1] != children:
            return f"each expert must give points to {children} criteria"
        if (table < 0).any() or (table.sum(axis=1) <= 0).any():
            return "each expert's points must be non-negative and not all zero"
        return None
    if matrix.shape != (children, children):
        return f"the comparisons must fill a {children} × {children} table"
    if (matrix <= 0).any() or not np.allclose(matrix * matrix.T, 1.0, rtol=1e-6):
        return "the comparisons must be positive, and (j, i) the reciprocal of (i, j)"
    return None


def data_weights(
    scheme: str,
    x: Floats,
    code: str,
    children: tuple[str, ...],
    bounds: tuple[float, float],
    on: str,
) -> Floats:
    """Return weights that the children's scores decide.

    Parameters
    ----------
    scheme : {"pca", "factor", "entropy", "critic", "benefit_of_doubt"}
    x : (n, k) float array
        Scores of the children; rows with a missing one are left out (not for
        ``"benefit_of_doubt"``, which refuses them).
    code : str
        The node, for messages.
    children : k codes
    bounds : (low, high)
        Bounds on the share of each child, for ``"benefit_of_doubt"``.
    on : {"weights", "contributions"}
        What these shares are of.

    Returns
    -------
    (k,) float array that sums to one; (n, k) multipliers for ``"benefit_of_doubt"``

    Raises
    ------
    DataError
        If too few rows are complete, or a child does not vary.
    EstimationError
        If bounds leave a unit without solution.
    """
    k = x.shape[1]
    if scheme == "benefit_of_doubt":
        return _favorable(x, code, bounds, on)
    if k == 1:
        return np.ones(1)
    complete = x[~np.isnan(x).any(axis=1)]
    if complete.shape[0] < 3:
        raise DataError(
            f"weights by {scheme} for {code!r} need at least three units with every child; "
            f"there are {complete.shape[0]}",
            code="too_few_units",
            column=code,
            remedy="impute, or give the weights",
        )
    if scheme == "entropy":
        if (complete < 0).any() or (complete.sum(axis=0) <= 0).any():
            raise DataError(
                f"entropy weights for {code!r} need scores that are not negative",
                code="non_positive",
                column=code,
                remedy="choose a scale from 0 or 1 upward",
            )
        return entropy_weights(complete)
    if scheme == "critic":
        return critic_weights(complete)
    still = [c for c, s in zip(children, complete.std(axis=0), strict=True) if not s > 0]
    if still:
        raise DataError(
            f"{still[0]!r} does not vary over the units with every child of {code!r}",
            code="constant_indicator",
            column=still[0],
            remedy="leave it out, or give the weights",
        )
    if scheme == "pca":
        _, loadings = principal_components(complete)
        return np.asarray(loadings[:, 0] ** 2 / (loadings[:, 0] ** 2).sum())
    return loading_weights(factor_loadings(complete))


def _favorable(x: Floats, code: str, bounds: tuple[float, float], on: str) -> Floats:
    if np.isnan(x).any():
        raise DataError(
            f"benefit of the doubt for {code!r} needs every score of every unit",
            code="missing_scores",
            column=code,
            remedy="impute, or screen out units with gaps",
        )
    if (x < 0).any():
        raise DataError(
            f"benefit of the doubt for {code!r} needs scores that are not negative",
            code="non_positive",
            column=code,
            remedy="choose a scale from 0 or 1 upward",
        )
    k = x.shape[1]
    answer = benefit_of_doubt(x, low=np.full(k, bounds[0]), high=np.full(k, bounds[1]), on=on)
    if np.isnan(answer.scores).any():
        raise EstimationError(
            f"the bounds {bounds} leave no weights for some unit at {code!r}",
            code="infeasible_bounds",
            column=code,
            remedy="widen the bounds, or bound the weights in place of the contributions",
        )
    return answer.weights


def effective_weights(structure: Structure, weights: Mapping[str, Floats]) -> Floats:
    """Return the share of each node in the index, the product of the shares above it.

    Parameters
    ----------
    structure : Structure
    weights : mapping of aggregate to (k,) float array
        Relative weights of its children; (n, k) where they differ by unit.

    Returns
    -------
    (nodes,) float array
    """
    share = np.zeros(len(structure.nodes))
    share[-1] = 1.0
    for node in reversed(structure.aggregates):
        own = sibling_shares(weights[node.code])
        share[list(node.children)] = share[structure.position[node.code]] * own
    return share


def sibling_shares(weights: Floats) -> Floats:
    """Return weights that sum to one; those by unit are averaged over the units that have some.

    Parameters
    ----------
    weights : (k,) or (n, k) float array
        Rows of NaN or of zeros are units without weights.

    Returns
    -------
    (k,) float array

    Examples
    --------
    >>> sibling_shares(np.array([[1.0, 3.0], [np.nan, np.nan], [2.0, 2.0]]))
    array([0.375, 0.625])
    """
    if weights.ndim == 1:
        return np.asarray(weights / weights.sum())
    total = np.where(np.isnan(weights), 0.0, weights).sum(axis=1)
    some = total > 0
    return np.asarray((weights[some] / total[some, None]).mean(axis=0))
