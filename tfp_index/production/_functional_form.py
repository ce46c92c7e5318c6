"""Cobb–Douglas and translog: the terms, the elasticities, what constant returns ask of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["elasticities", "free_directions", "homogeneity", "pairs", "terms"]

Floats = NDArray[np.float64]


def pairs(inputs: int) -> list[tuple[int, int]]:
    """Return the pairs of inputs that have a term of second degree.

    Examples
    --------
    >>> pairs(2)
    [(0, 0), (0, 1), (1, 1)]
    """
    return [(a, b) for a in range(inputs) for b in range(a, inputs)]


def terms(
    x: Sequence[Floats], inputs: Sequence[str], degree: int
) -> tuple[list[str], list[Floats]]:
    """Return names and (m,) columns of the terms of the production function.

    Parameters
    ----------
    x : sequence of (m,) float arrays
        Log inputs.
    degree : int
        1 for Cobb–Douglas, 2 for the translog.

    Examples
    --------
    >>> names, columns = terms([np.array([2.0]), np.array([3.0])], ("labor", "capital"), 2)
    >>> names[2:], [column.item() for column in columns]
    (['labor:labor', 'labor:capital', 'capital:capital'], [2.0, 3.0, 2.0, 6.0, 4.5])
    """
    names, columns = list(inputs), list(x)
    for a, b in pairs(len(inputs)) if degree == 2 else ():
        names.append(f"{inputs[a]}:{inputs[b]}")
        columns.append(x[a] * x[b] * (0.5 if a == b else 1.0))
    return names, columns


def elasticities(x: Floats, b: Floats, degree: int) -> Floats:
    """(m, inputs) derivatives of output to the log inputs: ``β_j + Σ_i γ_ij x_i``."""
    j = x.shape[1]
    if degree == 1:
        return np.broadcast_to(b, x.shape)
    gamma = np.zeros((j, j))
    for value, (a, c) in zip(b[j:], pairs(j), strict=True):
        gamma[a, c] = gamma[c, a] = value
    return np.asarray(b[:j] + x @ gamma)


def homogeneity(inputs: int, degree: int) -> tuple[Floats, Floats]:
    """``R β = r`` on the terms: Σ β_j = 1 and, for the translog, Σ_j γ_ij = 0 for every i."""
    both = pairs(inputs) if degree == 2 else []
    R = np.zeros((1 + (inputs if both else 0), inputs + len(both)))
    R[0, :inputs] = 1.0
    for column, (a, b) in enumerate(both, start=inputs):
        R[1 + a, column] += 1.0
        if a != b:
            R[1 + b, column] += 1.0
    return R, np.eye(R.shape[0])[0]


def free_directions(
    inputs: int, degree: int, returns: str, columns: int, first: int
) -> tuple[Floats, Floats]:
    """``β = b₀ + N θ`` for all columns, with or without constant returns to scale.

    Parameters
    ----------
    columns : int
        Of the regression: a constant perhaps, the terms, controls.
    first : int
        Where the terms start.
    """
    if returns == "free":
        return np.zeros(columns), np.eye(columns)
    own, r = homogeneity(inputs, degree)
    R = np.zeros((own.shape[0], columns))
    R[:, first : first + own.shape[1]] = own
    Q = np.linalg.qr(R.T, mode="complete")[0]
    b0 = np.linalg.lstsq(R, r, rcond=None)[0]
    return np.asarray(b0, np.float64), np.asarray(Q[:, R.shape[0] :], np.float64)
