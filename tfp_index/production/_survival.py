"""Probability of survival: a probit of being there next period on what is known now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError
from tfp_index.kernels.stacked_moments import Earlier

__all__ = ["Survival", "estimate_survival"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Survival:
    """Who could leave, and who did.

    Attributes
    ----------
    basis : (m, n) float array
        Polynomial in state and proxy of each row, the constant first.
    at_risk : (n,) bool array
        Rows whose next period lies in the panel's calendar.
    survived : (n,) bool array
        Whether the firm is there afterwards.
    lagged : (n,) bool array
        Rows that have the row before them as their previous period.
    """

    basis: Floats
    at_risk: NDArray[np.bool_]
    survived: NDArray[np.bool_]
    lagged: NDArray[np.bool_]


def estimate_survival(
    survival: Survival, offsets: Ints, weights: Floats | None = None
) -> tuple[Floats, Earlier]:
    """Fit the probit and return the probability with which each row was to be expected.

    The probability of row t uses basis and coefficients at t − 1: the period in which the firm
    decided to stay.

    Parameters
    ----------
    survival : Survival
    offsets : (g + 1,) int array
    weights : (g,) float array, optional
        One per firm.

    Returns
    -------
    (n,) float array
        0 in rows without a lag.
    Earlier
        For the covariance; its scores are unweighted.

    Raises
    ------
    EstimationError
        If the probit does not converge, or state and proxy separate those who leave.
    """
    from scipy.special import ndtr
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.families.links import Probit
    from statsmodels.genmod.generalized_linear_model import GLM

    rows = survival.at_risk
    w = None if weights is None else np.repeat(weights, np.diff(offsets))
    counted = rows if w is None else rows & (w > 0)
    X = survival.basis[:, counted].T
    y = survival.survived[counted].astype(np.float64)
    w = None if w is None else w[counted]
    weighted = X if w is None else X * np.sqrt(w)[:, None]
    if np.linalg.matrix_rank(weighted) < X.shape[1]:
        raise _no_solution("its regressors are collinear where firms may leave")
    try:
        # newton tells of its convergence in its answer; the default method warns, and to catch
        # warnings is to change them for every thread
        with np.errstate(all="ignore"):
            fit = GLM(y, X, family=Binomial(link=Probit()), freq_weights=w).fit(
                method="newton", tol=1e-12, maxiter=100, disp=0, warn_convergence=False
            )
    except (ValueError, np.linalg.LinAlgError) as error:
        raise _no_solution(str(error)) from None
    if not fit.mle_retvals["converged"]:
        raise _no_solution("it does not converge: state and proxy tell who leaves")
    kappa = np.asarray(fit.params, np.float64)
    index = kappa @ survival.basis
    density = np.exp(-0.5 * index**2) / np.sqrt(2.0 * np.pi)
    chance = np.clip(ndtr(index), 1e-300, 1.0 - 1e-16)
    weight = density / (chance * (1.0 - chance))
    gap = np.where(rows, (survival.survived - chance) * weight, 0.0)
    scores = np.add.reduceat(survival.basis * gap, offsets[:-1], axis=1)
    now = survival.lagged[1:]
    probability = np.zeros(rows.size)
    probability[1:] = np.where(now, chance[:-1], 0.0)
    slope = np.zeros_like(survival.basis)
    slope[:, 1:] = np.where(now, density[:-1] * survival.basis[:, :-1], 0.0)
    # the exact derivative of the score, not its expectation: the probit is not canonical
    curvature = np.where(rows, _curvature(index, density, chance, survival.survived), 0.0)
    hessian = (survival.basis * curvature) @ survival.basis.T
    bread = np.asarray(np.linalg.inv(hessian), np.float64)
    return probability, Earlier(0, slope, scores, bread)


def _no_solution(reason: str) -> EstimationError:
    return EstimationError(
        f"the probit of survival has no solution ({reason})",
        code="survival_probit",
        remedy="a lower basis_degree, or no survival correction: too few firms leave",
    )


def _curvature(
    index: Floats, density: Floats, chance: Floats, survived: NDArray[np.bool_]
) -> Floats:
    """Minus the second derivative of the log likelihood by the index."""
    up = density / chance
    down = density / (1.0 - chance)
    return np.where(survived, up * (up + index), down * (down - index))
