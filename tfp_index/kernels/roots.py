"""All solutions of a small system: many starts, end points clustered, one of them chosen.

Moment conditions that are as many as the coefficients have generically several exact roots, and
their sum of squares has further stationary points that are no roots. One start finds one of them;
which one says nothing about the economy. Here many starts are followed at once, every distinct
end point is kept, and the choice is a rule that can be read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Choice",
    "Objective",
    "Stationary",
    "choose_root",
    "descend",
    "newton",
    "starting_points",
    "stationary_points",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Objective = Callable[[Floats], tuple[Floats, Floats, Floats]]
"""Points (S, J) to values (S,), gradients (S, J) and Gauss–Newton matrices (S, J, J)."""

SAME = 1e-5
"""End points closer than this, relative to one plus their size, are one point."""


@dataclass(frozen=True, slots=True)
class Stationary:
    """Distinct stationary points, lowest value first.

    Attributes
    ----------
    points : (m, J) float array
    values : (m,) float array
    hits : (m,) int array
        How many starts ended there.
    minimum : (m,) bool array
        Whether the second derivatives are positive definite.
    lost : int
        Starts that ended at no stationary point: run out of the region or of steps.
    steps : int
        Evaluations of the objective, counted in points.
    """

    points: Floats
    values: Floats
    hits: Ints
    minimum: NDArray[np.bool_]
    lost: int
    steps: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Which root is the estimate.

    Attributes
    ----------
    index : int
        Of the chosen stationary point.
    reason : str
        The rule that decided.
    rivals : tuple of int
        Other roots that the rule would pass and whose persistence is close.
    """

    index: int
    reason: str
    rivals: tuple[int, ...]


def starting_points(low: Floats, high: Floats, count: int) -> Floats:
    """Return evenly spread points of a box: a Halton sequence, the same on every call.

    Parameters
    ----------
    low, high : (J,) float arrays
    count : int

    Returns
    -------
    (count, J) float array

    Examples
    --------
    >>> starting_points(np.zeros(1), np.ones(1), 3).ravel()
    array([0.5 , 0.25, 0.75])
    """
    from scipy.stats import qmc

    sequence = qmc.Halton(low.shape[0], scramble=False)
    sequence.fast_forward(1)  # the first point is the corner
    return np.asarray(low + (high - low) * sequence.random(count))


def descend(
    objective: Objective, starts: Floats, *, steps: int = 60, radius: float = 1e3
) -> tuple[Floats, Floats, int]:
    """Follow every start downhill by damped Gauss–Newton steps, all starts at once.

    Parameters
    ----------
    objective : callable
    starts : (S, J) float array
    steps : int
        At most so many steps each.
    radius : float
        A start that moves further than this from the origin is given up.

    Returns
    -------
    (S, J) float array
        End points; NaN for those given up.
    (S,) float array
        Their values.
    int
        Points evaluated.

    Examples
    --------
    >>> def square(x):  # (x² − 4)²
    ...     r, d = x[:, 0] ** 2 - 4, 2 * x[:, :1]
    ...     return r**2, 2 * r[:, None] * d, 2 * d[:, :, None] * d[:, None, :]
    >>> ends, values, _ = descend(square, np.array([[-1.0], [3.0]]))
    >>> ends.ravel().round(8).tolist()
    [-2.0, 2.0]
    """
    x, value = starts.copy(), np.empty(starts.shape[0])
    active = np.arange(x.shape[0])
    # of the active ones: where they are and what is known there
    at, damping = x.copy(), np.full(x.shape[0], 1e-2)
    here, gradient, hessian = objective(at)
    value[:] = here
    evaluated = x.shape[0]
    for _ in range(steps):
        if not active.size:
            break
        step = _damped_step(gradient, hessian, damping)
        trial = at + step
        there, trial_gradient, trial_hessian = objective(trial)
        evaluated += active.size
        better = there < here
        # the step before the last: what is left is of its square
        settled = np.abs(step).max(axis=1) <= 1e-7 * (1.0 + np.abs(at).max(axis=1))
        at = np.where(better[:, None], trial, at)
        here = np.where(better, there, here)
        gradient = np.where(better[:, None], trial_gradient, gradient)
        hessian = np.where(better[:, None, None], trial_hessian, hessian)
        damping = np.where(better, np.maximum(damping / 10.0, 1e-14), damping * 8.0)
        outside = np.abs(at).max(axis=1) > radius
        x[active], value[active] = at, here
        x[active[outside]] = np.nan
        done = settled | outside | (damping > 1e12)
        if done.any():
            more = ~done
            active, at, here, damping = active[more], at[more], here[more], damping[more]
            gradient, hessian = gradient[more], hessian[more]
    return x, value, evaluated


def _damped_step(gradient: Floats, hessian: Floats, damping: Floats) -> Floats:
    size = np.diagonal(hessian, axis1=1, axis2=2)
    size = size + 1e-12 * (size.max(axis=1, keepdims=True) + 1e-300)
    # unit diagonal first: a badly scaled direction must not look singular
    scale = 1.0 / np.sqrt(size)
    scaled = hessian * scale[:, :, None] * scale[:, None, :]
    scaled = scaled + damping[:, None, None] * np.eye(hessian.shape[1])
    moved = np.linalg.solve(scaled, (-gradient * scale)[:, :, None])[:, :, 0]
    return np.asarray(moved * scale)


def newton(objective: Objective, points: Floats, *, steps: int = 12) -> tuple[Floats, Floats, int]:
    """Polish stationary points with second derivatives from differences of the gradient.

    Gauss–Newton steps are slow where the residual is not small; these are not.

    Parameters
    ----------
    objective : callable
    points : (S, J) float array
    steps : int

    Returns
    -------
    (S, J) float array
        NaN where the steps do not settle.
    (S, J, J) float array
        Second derivatives.
    int
        Points evaluated.

    Examples
    --------
    >>> def square(x):  # (x² − 4)²
    ...     r, d = x[:, 0] ** 2 - 4, 2 * x[:, :1]
    ...     return r**2, 2 * r[:, None] * d, 2 * d[:, :, None] * d[:, None, :]
    >>> point, second, _ = newton(square, np.array([[1.9]]))
    >>> point.ravel().round(12).tolist(), second.ravel().round(4).tolist()
    ([2.0], [32.0])
    """
    x, (S, J) = points.copy(), points.shape
    second = np.zeros((S, J, J))
    done = np.zeros(S, bool)
    evaluated = 0
    for _ in range(steps):
        active = np.flatnonzero(~done)
        if not active.size:
            break
        at = x[active]
        h = 1e-5 * (1.0 + np.abs(at))
        around = at[:, None, :] + np.concatenate(
            [h[:, :, None] * np.eye(J), -h[:, :, None] * np.eye(J), np.zeros((len(at), 1, J))],
            axis=1,
        )
        gradients = objective(around.reshape(-1, J))[1].reshape(len(at), 2 * J + 1, J)
        evaluated += around.shape[0] * around.shape[1]
        H = (gradients[:, :J] - gradients[:, J : 2 * J]) / (2.0 * h[:, :, None])
        H = 0.5 * (H + H.swapaxes(1, 2))
        second[active] = H
        step = -(_safe_inverse(H) @ gradients[:, -1][:, :, None])[:, :, 0]
        size = np.abs(step).max(axis=1)
        limit = 0.5 * (1.0 + np.abs(at).max(axis=1))
        wild = size > limit
        x[active] = at + np.where(wild[:, None], 0.0, step)
        done[active[size <= 1e-11 * (1.0 + np.abs(at).max(axis=1))]] = True
        x[active[wild]] = np.nan
        done[active[wild]] = True
    x[~done & (np.arange(S) >= 0)] = _accept_slow(objective, points, x)[~done]
    return x, second, evaluated


def _accept_slow(objective: Objective, before: Floats, after: Floats) -> Floats:
    """Keep points whose steps stopped shrinking at rounding level; refuse the others."""
    kept = np.full_like(after, np.nan)
    known = np.isfinite(after).all(axis=1)
    if known.any():
        value, gradient, hessian = objective(after[known])
        size = np.sqrt(np.diagonal(hessian, axis1=1, axis2=2))
        relative = np.abs(gradient) / (size * np.sqrt(value)[:, None] + 1e-300)
        rows = np.flatnonzero(known)
        kept[rows] = np.where((relative.max(axis=1) < 1e-6)[:, None], after[rows], np.nan)
    return kept


def _safe_inverse(H: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.inv(H))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(H, hermitian=True))


def cluster(points: Floats, tolerance: float = SAME) -> Ints:
    """Number the distinct points in order of appearance; -1 for points that are not finite.

    Examples
    --------
    >>> cluster(np.array([[0.0], [1.0], [1e-9], [np.nan]]))
    array([ 0,  1,  0, -1])
    """
    labels = np.full(points.shape[0], -1, np.int64)
    waiting = np.flatnonzero(np.isfinite(points).all(axis=1))
    reach = tolerance * (1.0 + np.abs(points).max(axis=1, initial=0.0))
    number = 0
    while waiting.size:  # the first that is left, and all that are near it
        gap = np.abs(points[waiting] - points[waiting[0]]).max(axis=1)
        near = gap <= reach[waiting]
        labels[waiting[near]] = number
        waiting = waiting[~near]
        number += 1
    return labels


def stationary_points(objective: Objective, starts: Floats, *, radius: float = 1e3) -> Stationary:
    """Find the distinct points where starts end.

    Parameters
    ----------
    objective : callable
    starts : (S, J) float array
    radius : float
        See `descend`.

    Examples
    --------
    >>> def square(x):  # (x² − 4)²
    ...     r, d = x[:, 0] ** 2 - 4, 2 * x[:, :1]
    ...     return r**2, 2 * r[:, None] * d, 2 * d[:, :, None] * d[:, None, :]
    >>> found = stationary_points(square, np.linspace(-3, 3, 8)[:, None])
    >>> found.points.ravel().round(8).tolist(), found.hits.tolist()
    ([-2.0, 2.0], [4, 4])
    """
    J = starts.shape[1]
    ends, values, evaluated = descend(objective, starts, radius=radius)
    rough = cluster(ends, 1e-3)
    groups = int(rough.max(initial=-1)) + 1
    if not groups:
        nothing = np.zeros(0)
        return Stationary(
            np.zeros((0, J)),
            nothing,
            nothing.astype(np.int64),
            nothing.astype(bool),
            starts.shape[0],
            evaluated,
        )
    lowest = np.array(
        [min(np.flatnonzero(rough == k), key=lambda i: values[i]) for k in range(groups)]
    )
    polished, second, more = newton(objective, ends[lowest])
    fine = cluster(polished)
    hits = np.bincount(rough[rough >= 0], minlength=groups)
    distinct = int(fine.max(initial=-1)) + 1
    heads = np.array([np.flatnonzero(fine == k)[0] for k in range(distinct)], np.int64)
    counts = np.array([hits[fine == k].sum() for k in range(distinct)], np.int64)
    points = polished[heads]
    value = objective(points)[0] if distinct else np.zeros(0)
    convex = np.linalg.eigvalsh(second[heads])[:, 0] > 0 if distinct else np.zeros(0, bool)
    order = np.lexsort((*points.T[::-1], value)) if distinct else np.zeros(0, np.int64)
    return Stationary(
        points[order],
        value[order],
        counts[order],
        convex[order],
        int(starts.shape[0] - counts.sum()),
        evaluated + more + distinct,
    )


def choose_root(
    is_root: NDArray[np.bool_],
    admissible: NDArray[np.bool_],
    persistence: Floats,
    values: Floats,
    close: float = 0.05,
) -> Choice:
    """Choose among stationary points: admissible roots first, then the most persistent one.

    Spurious roots of the moment conditions satisfy them with another process in the place of
    productivity (the wage, for instance), which is less persistent; their value is zero as well,
    so the objective cannot tell them apart.

    Parameters
    ----------
    is_root, admissible : (m,) bool arrays
    persistence, values : (m,) float arrays
    close : float
        Roots whose persistence is less than this below the chosen one are rivals.

    Examples
    --------
    >>> yes = np.array([True, True, True])
    >>> choose_root(yes, np.array([True, True, False]), np.array([0.1, 0.7, 0.8]), np.zeros(3))
    Choice(index=1, reason='most persistent admissible root', rivals=())
    """
    rank = np.where(np.isfinite(persistence), persistence, -np.inf)
    for pool, reason in (
        (is_root & admissible, "most persistent admissible root"),
        (is_root, "most persistent root; none is admissible"),
    ):
        if pool.any():
            best = int(np.argmax(np.where(pool, rank, -np.inf)))
            near = pool & (rank > rank[best] - close)
            near[best] = False
            if int(pool.sum()) == 1:
                reason = reason.replace("most persistent", "only")
            return Choice(best, reason, tuple(np.flatnonzero(near).tolist()))
    for pool, reason in (
        (admissible, "lowest admissible stationary point; there is no root"),
        (np.ones_like(admissible), "lowest stationary point; there is no root"),
    ):
        if pool.any():
            return Choice(int(np.argmin(np.where(pool, values, np.inf))), reason, ())
    raise ValueError("there is no point to choose from")
