"""Services of capital and labor: what a unit costs to use, and the growth of many kinds together.

Rows are (entity, period, kind) with kind an asset or a type of worker. Rows of one entity and
period form a *cell*; ``cell`` (n,) numbers them, and sums over a cell are `numpy.bincount`, so
entities may have any kinds in any period. ``lag`` (n,) is the row of the same entity and kind one
period earlier, −1 where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import map_blocks

__all__ = [
    "MISSING",
    "NOT_POSITIVE",
    "NO_PREVIOUS",
    "OK",
    "UNMATCHED",
    "ServiceGrowth",
    "ShareTiming",
    "cell_sums",
    "floor_user_cost",
    "internal_rate",
    "price_growth",
    "service_growth",
    "user_cost",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ShareTiming = Literal["average", "current", "lagged"]

OK, NO_PREVIOUS, UNMATCHED, MISSING, NOT_POSITIVE = 0, 1, 2, 3, 4
"""Why a cell has no growth: no earlier cell, a kind comes or goes, a value is missing, a quantity
is negative or a total is not positive."""


def cell_sums(values: Floats, cell: Ints, n_cells: int) -> Floats:
    """Sum rows by cell.

    Examples
    --------
    >>> cell_sums(np.array([1.0, 2.0, 4.0]), np.array([0, 1, 0]), 2)
    array([5., 2.])
    """
    return np.asarray(np.bincount(cell, values, n_cells), np.float64)


def _earlier(values: Floats, lag: Ints) -> Floats:
    return np.where(lag >= 0, values[lag], np.nan)


def price_growth(price: Floats, lag: Ints, half_window: int = 0) -> Floats:
    """Return the growth rate of a price, averaged over the periods around each.

    ``π_t = p_t / p_{t−1} − 1``; with `half_window` h the mean of those of
    ``π_{t−h}, …, π_{t+h}`` that exist, provided that ``π_t`` itself does.

    Parameters
    ----------
    price : (n,) float array, positive or NaN
    lag : (n,) int array
    half_window : int
        0 takes the growth of the period alone.

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> price_growth(np.array([1.0, 1.1, 1.1]), np.array([-1, 0, 1]), 1).round(3)
    array([ nan, 0.05, 0.05])
    """
    rate = price / _earlier(price, lag) - 1.0
    if not half_window:
        return rate
    lead = np.full(lag.shape[0], -1, np.int64)
    has_lag = lag >= 0
    lead[lag[has_lag]] = np.flatnonzero(has_lag)
    known = np.isfinite(rate)
    total, count = np.where(known, rate, 0.0), known.astype(np.float64)
    for step in (lag, lead):
        rows = np.arange(lag.shape[0])
        for _ in range(half_window):
            rows = np.where(rows >= 0, step[rows], -1)
            there = (rows >= 0) & known[rows]
            total = total + np.where(there, rate[np.where(there, rows, 0)], 0.0)
            count = count + there
    return np.where(known, total, np.nan) / np.maximum(count, 1.0)


def user_cost(
    rate: Floats,
    price: Floats,
    lag: Ints,
    depreciation: Floats,
    revaluation: Floats,
    tax_factor: Floats | float = 1.0,
    property_tax: Floats | float = 0.0,
) -> Floats:
    """Return the rental price of a unit of capital.

    ``u_t = T_t · (p_{t−1} i_t + δ_t p_t − π_t p_{t−1}) + x_t p_t``

    Parameters
    ----------
    rate : (n,) float array
        Nominal rate of return i.
    price : (n,) float array
        Price of new assets.
    lag : (n,) int array
    depreciation, revaluation : (n,) float arrays
        δ, and the growth π of the asset's price that its owner counts as gain.
    tax_factor, property_tax : (n,) float array or float
        T, for instance ``(1 − uz − e)/(1 − u)`` with tax rate u, present value z of allowances
        and credit e; and x, a tax on the value.

    Returns
    -------
    (n,) float array, NaN in the first period

    Examples
    --------
    >>> user_cost(np.full(2, 0.08), np.array([1.0, 1.02]), np.array([-1, 0]), np.full(2, 0.1),
    ...           np.array([np.nan, 0.02])).round(3)
    array([  nan, 0.162])
    """
    before = _earlier(price, lag)
    holding = before * (rate - revaluation) + depreciation * price
    return tax_factor * holding + property_tax * price


def internal_rate(
    income: Floats,
    stock: Floats,
    price: Floats,
    lag: Ints,
    cell: Ints,
    depreciation: Floats,
    revaluation: Floats,
    tax_factor: Floats | float = 1.0,
    property_tax: Floats | float = 0.0,
) -> Floats:
    """Return the nominal rate of return at which user costs exhaust capital income.

    From ``Σ_a u_a K_a = income``:
    ``i = (income − Σ [T(δp − πp_{−1}) + xp] K) / Σ T p_{−1} K``. Assets with a stock of zero
    take no part, so their prices may be missing.

    Parameters
    ----------
    income : (c,) float array
    stock : (n,) float array
    price, lag, depreciation, revaluation, tax_factor, property_tax
        As in `user_cost`.
    cell : (n,) int array

    Returns
    -------
    (c,) float array
        NaN where a price, stock or the income is missing or no asset has an earlier price.

    Examples
    --------
    >>> rate = internal_rate(np.array([np.nan, 16.2]), np.full(2, 100.0), np.array([1.0, 1.02]),
    ...                      np.array([-1, 0]), np.array([0, 1]), np.full(2, 0.1),
    ...                      np.array([np.nan, 0.02]))
    >>> rate.round(12)
    array([ nan, 0.08])
    """
    n_cells = income.shape[0]
    idle = stock == 0.0
    before = np.where(idle, 0.0, _earlier(price, lag))
    fixed = tax_factor * (depreciation * price - revaluation * before) + property_tax * price
    cost = cell_sums(np.where(idle, 0.0, fixed) * stock, cell, n_cells)
    wealth = cell_sums(tax_factor * before * stock, cell, n_cells)
    usable = wealth > 0.0
    return (income - cost) / np.where(usable, wealth, np.nan)


def floor_user_cost(
    cost: Floats, stock: Floats, price: Floats, cell: Ints, n_cells: int, floor: float
) -> Floats:
    """Lift low user costs to a floor and scale the cell so that its total stays what it was.

    ``u'_a = f · max(u_a, floor · p_a)`` with ``f = Σ u K / Σ max(u, floor·p) K`` over the cell.
    Cells in which no user cost is below the floor do not change, nor do those whose total is not
    positive.

    Parameters
    ----------
    cost, stock, price : (n,) float arrays
    cell : (n,) int array
    n_cells : int
    floor : float
        Share of the price of a new asset, positive.

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> cost = floor_user_cost(np.array([-0.01, 0.21]), np.full(2, 10.0), np.ones(2),
    ...                        np.zeros(2, np.int64), 1, 0.04)
    >>> cost, cost.sum().round(12)
    (array([0.032, 0.168]), np.float64(0.2))
    """
    low = (cost < floor * price) & (stock > 0.0)
    lifted = np.where(low, floor * price, cost)
    worked = stock > 0.0
    before = cell_sums(np.where(worked, cost * stock, 0.0), cell, n_cells)
    after = cell_sums(np.where(worked, lifted * stock, 0.0), cell, n_cells)
    touched = (np.bincount(cell[low], minlength=n_cells) > 0) & (before > 0.0)
    factor = np.where(touched, before, 1.0) / np.where(touched, after, 1.0)
    return np.where(touched[cell], lifted * factor[cell], cost)


@dataclass(frozen=True, slots=True)
class ServiceGrowth:
    """Growth of the services of all kinds together.

    Attributes
    ----------
    growth : (c,) float array
        Log change against the previous cell, NaN where `status` is not ``OK``.
    contribution : (n,) float array
        Part of each kind in the growth of its cell; NaN where that is missing.
    value : (c,) float array
        Value of all services.
    share : (n,) float array
        Share of each kind in the value of its cell.
    status : (c,) int8 array
        ``OK``, ``NO_PREVIOUS``, ``UNMATCHED``, ``MISSING`` or ``NOT_POSITIVE``.
    """

    growth: Floats
    contribution: Floats
    value: Floats
    share: Floats
    status: NDArray[np.int8]


def service_growth(
    quantity: Floats,
    value: Floats,
    cell: Ints,
    lag: Ints,
    previous: Ints,
    *,
    timing: ShareTiming = "average",
    matched_only: bool = False,
) -> ServiceGrowth:
    """Weigh the growth of each kind by its share in value.

    ``Δln X = Σ_j v_j Δln x_j`` with ``v`` the share of the kind in the value of the cell: the
    mean of both periods (Törnqvist), of the later or of the earlier one. A kind whose quantity is
    zero in both periods takes no part. Where a kind comes or goes the logarithm does not exist:
    the cell gets no growth, or, with `matched_only`, the growth of the kinds present in both
    periods with shares among those.

    Parameters
    ----------
    quantity, value : (n,) float arrays
        Quantity and value (quantity times price) of each kind.
    cell, lag : (n,) int arrays
    previous : (c,) int array
        Cell of the same entity one period earlier, −1 where there is none.
    timing : {"average", "current", "lagged"}
    matched_only : bool

    Returns
    -------
    ServiceGrowth

    Examples
    --------
    >>> out = service_growth(np.array([1.0, 1.0, 1.1, 1.0]), np.array([3.0, 1.0, 3.0, 3.0]),
    ...                      np.array([0, 0, 1, 1]), np.array([-1, -1, 0, 1]), np.array([-1, 0]))
    >>> (out.growth / np.log(1.1)).round(12)  # mean of ¾ and ½
    array([  nan, 0.625])
    """
    n, n_cells = quantity.shape[0], previous.shape[0]
    worth, earlier, dlog = np.empty(n), np.empty(n), np.empty(n)
    matched = np.empty(n, bool)

    def pair(rows: slice) -> None:
        q, before = quantity[rows], lag[rows]
        active = q > 0.0
        q0 = quantity[before]
        both = active & (before >= 0) & (q0 > 0.0)
        worth[rows] = np.where(active, value[rows], 0.0)
        earlier[rows] = np.where(both, value[before], 0.0)
        dlog[rows] = np.log(np.where(both, q, 1.0) / np.where(both, q0, 1.0))
        matched[rows] = both

    map_blocks(pair, n)
    lacking = np.isnan(quantity)
    total = cell_sums(np.where(lacking, np.nan, worth) if lacking.any() else worth, cell, n_cells)
    later = worth if not matched_only else np.where(matched, worth, 0.0)
    parts = {"average": (later, earlier), "current": (later,), "lagged": (earlier,)}[timing]
    wholes = [cell_sums(part, cell, n_cells) for part in parts]
    incomplete = np.any([np.isnan(whole) for whole in wholes], axis=0)
    positive = np.all([~(whole <= 0.0) for whole in wholes], axis=0)
    status = _status(quantity, cell, previous, matched, incomplete, positive, matched_only)
    scales = [1.0 / np.where(whole > 0.0, len(parts) * whole, np.nan) for whole in wholes]
    inverse = 1.0 / np.where(total > 0.0, total, np.nan)
    share, contribution = np.empty(n), np.empty(n)

    def weigh(rows: slice) -> None:
        of = cell[rows]
        share[rows] = worth[rows] * inverse[of]
        weight = sum(part[rows] * scale[of] for part, scale in zip(parts, scales, strict=True))
        weight = np.where(matched[rows], weight, 0.0)
        contribution[rows] = np.where(status[of] == OK, weight * dlog[rows], np.nan)

    map_blocks(weigh, n)
    growth = np.where(status == OK, cell_sums(contribution, cell, n_cells), np.nan)
    return ServiceGrowth(growth, contribution, total, share, status)


def _status(
    quantity: Floats,
    cell: Ints,
    previous: Ints,
    matched: NDArray[np.bool_],
    incomplete: NDArray[np.bool_],
    positive: NDArray[np.bool_],
    matched_only: bool,
) -> NDArray[np.int8]:
    n_cells = previous.shape[0]

    def count(rows: NDArray[np.bool_]) -> Ints:
        return np.bincount(cell[rows], minlength=n_cells)

    def either(flag: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return flag | ((previous >= 0) & flag[previous])

    active, pairs = count(quantity > 0.0), count(matched)
    before = np.where(previous >= 0, active[previous], 0)
    status = np.zeros(n_cells, np.int8)
    alone = (active != pairs) | (before != pairs)
    status[(pairs == 0) if matched_only else (alone | (pairs == 0))] = UNMATCHED
    status[(~positive & (pairs > 0)) | either(count(quantity < 0.0) > 0)] = NOT_POSITIVE
    status[incomplete | either(count(np.isnan(quantity)) > 0)] = MISSING
    status[previous < 0] = NO_PREVIOUS
    return status
