r"""KLEMS accounts: industries in gross output and value added, and what they add up to.

Notation, for industry i between the periods t − 1 and t: Y gross output, V value added, X_j inputs
(intermediate and primary), y, v and x_j their values in current prices, Δln growth, and a bar for
a share of the two periods, timed as asked (the mean of both by default).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Aggregate",
    "IndustryAccounts",
    "aggregate_accounts",
    "cell_sums",
    "growth",
    "industry_accounts",
    "timed",
    "value_added_accounts",
    "within_and_between",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def timed(before: Floats, now: Floats, timing: str = "average") -> Floats:
    """Return a share at the period(s) that a growth rate reads it at.

    Parameters
    ----------
    before, now : float arrays of one shape
    timing : {"average", "current", "lagged"}

    Examples
    --------
    >>> timed(np.array([0.2]), np.array([0.4])).round(3)
    array([0.3])
    """
    if timing == "current":
        return now
    return before if timing == "lagged" else 0.5 * (before + now)


def growth(before: Floats, now: Floats) -> Floats:
    """Return ``ln now − ln before``; NaN where either is missing or not above zero.

    Examples
    --------
    >>> growth(np.array([1.0, 0.0]), np.array([2.0, 2.0])).round(6)
    array([0.693147,      nan])
    """
    positive = (before > 0) & (now > 0)
    out = np.full(np.broadcast(before, now).shape, np.nan)
    out[positive] = np.log(now[positive]) - np.log(before[positive])
    return out


def cell_sums(values: Floats, cell: Ints, cells: int) -> Floats:
    """Sum columns by cell.

    Parameters
    ----------
    values : (m,) or (k, m) float array
    cell : (m,) int array, from 0 to cells − 1

    Returns
    -------
    (cells,) or (k, cells) float array

    Examples
    --------
    >>> cell_sums(np.array([[1.0, 2.0, 4.0]]), np.array([0, 1, 0]), 2)
    array([[5., 2.]])
    """
    if values.ndim == 1:
        return np.bincount(cell, values, minlength=cells).astype(np.float64, copy=False)
    sums = np.empty((values.shape[0], cells))
    for j, row in enumerate(values):
        sums[j] = np.bincount(cell, row, minlength=cells)
    return sums


@dataclass(frozen=True, slots=True)
class IndustryAccounts:
    r"""Growth accounts of m industry-years.

    Attributes
    ----------
    output_growth : (m,) float array
        Δln Y.
    contributions : (k, m) float array
        Of every input to gross output, v̄_j Δln X_j.
    tfp_growth : (m,) float array
        Gross-output residual.
    value_added_share : (m,) float array
        v̄_V = 1 − Σ v̄_j over intermediate inputs.
    value_added_growth : (m,) float array
        Δln V = (Δln Y − Σ v̄_j Δln X_j) / v̄_V over intermediate inputs (Törnqvist double
        deflation); NaN where value added in current prices is not positive in both periods.
    """

    output_growth: Floats
    contributions: Floats
    tfp_growth: Floats
    value_added_share: Floats
    value_added_growth: Floats


def industry_accounts(
    output_growth: Floats,
    input_growth: Floats,
    shares_before: Floats,
    shares_now: Floats,
    intermediate: NDArray[np.bool_],
    timing: str = "average",
) -> IndustryAccounts:
    r"""Account for the growth of gross output and deflate value added twice.

    .. math::

        \Delta\ln A^Y = \Delta\ln Y - \sum_j \bar v_j \Delta\ln X_j,\qquad
        \Delta\ln V = (\Delta\ln Y - \textstyle\sum_{j \in M} \bar v_j \Delta\ln X_j) / \bar v_V

    Parameters
    ----------
    output_growth : (m,) float array
    input_growth : (k, m) float array
    shares_before, shares_now : (k, m) float array
        Value of each input in the value of gross output.
    intermediate : (k,) bool array
        Which inputs are intermediate (energy, materials, services): the set M.
    timing : {"average", "current", "lagged"}

    Returns
    -------
    IndustryAccounts

    References
    ----------
    Jorgenson, D. W., F. M. Gollop and B. M. Fraumeni (1987). *Productivity and U.S. Economic
    Growth*. Harvard University Press.

    Examples
    --------
    >>> half = np.array([[0.5], [0.5]])
    >>> a = industry_accounts(np.array([0.04]), np.array([[0.05], [0.02]]), half, half,
    ...                       np.array([True, False]))
    >>> a.tfp_growth.round(4), a.value_added_growth.round(4)
    (array([0.005]), array([0.03]))
    """
    shares = timed(shares_before, shares_now, timing)
    contributions = shares * input_growth
    from_intermediate = contributions[intermediate].sum(axis=0)
    value_added_share = 1.0 - shares[intermediate].sum(axis=0)
    positive = (shares_before[intermediate].sum(axis=0) < 1.0) & (
        shares_now[intermediate].sum(axis=0) < 1.0
    )
    divisor = np.where(positive, value_added_share, np.nan)
    return IndustryAccounts(
        output_growth=output_growth,
        contributions=contributions,
        tfp_growth=output_growth - contributions.sum(axis=0),
        value_added_share=value_added_share,
        value_added_growth=(output_growth - from_intermediate) / divisor,
    )


def value_added_accounts(
    value_added_growth: Floats,
    input_growth: Floats,
    shares_before: Floats,
    shares_now: Floats,
    timing: str = "average",
) -> tuple[Floats, Floats]:
    r"""Account for the growth of value added: Δln A^V = Δln V − Σ_j v̄^V_j Δln X_j.

    Parameters
    ----------
    value_added_growth : (m,) float array
    input_growth : (p, m) float array
        Growth of the primary inputs.
    shares_before, shares_now : (p, m) float array
        Their values in value added in current prices.
    timing : {"average", "current", "lagged"}

    Returns
    -------
    contributions : (p, m) float array
    tfp_growth : (m,) float array

    Examples
    --------
    >>> half = np.array([[0.5], [0.5]])
    >>> value_added_accounts(np.array([0.03]), np.array([[0.02], [0.01]]), half, half)[1].round(4)
    array([0.015])
    """
    contributions = timed(shares_before, shares_now, timing) * input_growth
    return contributions, value_added_growth - contributions.sum(axis=0)


@dataclass(frozen=True, slots=True)
class Aggregate:
    r"""What the industries of each cell (a group of industries in one period) add up to.

    Attributes
    ----------
    value_added_growth : (c,) float array
        Σ w̄_i Δln V_i.
    weighted_tfp : (c,) float array
        Σ W_i Δln A_i: Domar-weighted gross-output TFP, or value-added TFP weighted by w̄_i.
    weighted_contributions : (p, c) float array
        Σ W_i v̄_ji Δln X_ji of each primary input.
    direct_tfp : (c,) float array
        TFP of the aggregate production function, Δln V − Σ_j v̄_j Δln X_j.
    reallocation : (p, c) float array
        ρ_j = Σ_i W_i v̄_ji Δln X_ji − v̄_j Δln X_j: what an input gains by moving to industries
        that pay it more.
    approximation : (c,) float array
        What is left of Δln V − weighted_tfp − Σ weighted_contributions, and so of
        ``direct_tfp − weighted_tfp − Σ ρ_j``: zero in continuous time, and exactly zero for Domar
        weights of the form w̄_i / v̄_Vi and for value-added weights.
    """

    value_added_growth: Floats
    weighted_tfp: Floats
    weighted_contributions: Floats
    direct_tfp: Floats
    reallocation: Floats
    approximation: Floats


def aggregate_accounts(
    cell: Ints,
    cells: int,
    *,
    value_added_growth: Floats,
    tfp_growth: Floats,
    contributions: Floats,
    weights: Floats,
    value_added_weights: Floats,
    aggregate_contributions: Floats,
) -> Aggregate:
    r"""Add industries up and say how far the sum is from the aggregate production function.

    .. math::

        \Delta\ln A = \sum_i W_i\,\Delta\ln A_i + \sum_j \rho_j + \text{approximation}

    Parameters
    ----------
    cell : (m,) int array
        Cell of each industry-year.
    cells : int
    value_added_growth, tfp_growth : (m,) float array
        Δln V_i, and the residual that the weights belong to.
    contributions : (p, m) float array
        Of the primary inputs, in the terms of that residual.
    weights, value_added_weights : (m,) float array
        W_i and w̄_i.
    aggregate_contributions : (p, cells) float array
        v̄_j Δln X_j of the aggregate; NaN where unknown.

    Returns
    -------
    Aggregate

    References
    ----------
    Domar, E. D. (1961). On the measurement of technological change. *Economic Journal* 71.
    Jorgenson, Gollop and Fraumeni (1987), chapter 2.

    Examples
    --------
    Two industries of equal size and no intermediate inputs; labor moves to the one that pays
    twice as much per hour:

    >>> one = np.array([0.5, 0.5])
    >>> a = aggregate_accounts(np.zeros(2, int), 1, value_added_growth=np.array([-0.05, 0.1]),
    ...     tfp_growth=np.zeros(2), contributions=np.array([[-0.05, 0.1]]), weights=one,
    ...     value_added_weights=one, aggregate_contributions=np.zeros((1, 1)))
    >>> a.direct_tfp.round(4), a.weighted_tfp.round(4), a.reallocation.round(4)
    (array([0.025]), array([0.]), array([[0.025]]))
    """
    total = cell_sums(value_added_weights * value_added_growth, cell, cells)
    weighted = cell_sums(weights * tfp_growth, cell, cells)
    direct = total - aggregate_contributions.sum(axis=0)
    by_input = cell_sums(weights * contributions, cell, cells)
    return Aggregate(
        value_added_growth=total,
        weighted_tfp=weighted,
        weighted_contributions=by_input,
        direct_tfp=direct,
        reallocation=by_input - aggregate_contributions,
        approximation=total - weighted - by_input.sum(axis=0),
    )


def within_and_between(
    parent: Ints, parents: int, weights: Floats, children: Floats, whole: Floats
) -> tuple[Floats, Floats]:
    """Split a term of a parent into what happens within its children and between them.

    Parameters
    ----------
    parent : (c,) int array
        Parent of each child.
    parents : int
    weights : (c,) float array
        Weight of each child in its parent.
    children : (c,) float array
        The term of each child.
    whole : (parents,) float array
        The term of each parent.

    Returns
    -------
    within, between : (parents,) float arrays
        ``within = Σ weights · children`` and ``between = whole − within``.

    Examples
    --------
    >>> within_and_between(np.zeros(2, int), 1, np.array([0.5, 0.5]), np.array([0.02, 0.0]),
    ...                    np.array([0.03]))
    (array([0.01]), array([0.02]))
    """
    within = cell_sums(weights * children, parent, parents)
    return within, whole - within
