"""Prices and levels: deflation, rebasing, splicing, and levels that break with their index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.groups import STATUS_OK, group_sums

__all__ = [
    "LevelBreaks",
    "Splice",
    "deflate",
    "double_deflate_difference",
    "double_deflate_growth",
    "level_breaks",
    "mend_levels",
    "mixed_bases",
    "rebase",
    "splice",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Link = Literal["first", "last", "sums", "geometric"]


@dataclass(frozen=True, slots=True)
class LevelBreaks:
    """Rows where the growth of a level contradicts the official growth index.

    Attributes
    ----------
    rows : (k,) int array
        Row positions, rising.
    level_growth, index_growth : (k,) float array
        Growth over the previous period in percent, from the level and from the index.
    gap : (k,) float array
        ``level_growth − index_growth``, percentage points.
    compared : int
        Rows that could be compared at all.
    """

    rows: Ints
    level_growth: Floats
    index_growth: Floats
    gap: Floats
    compared: int


def level_breaks(
    level: Floats, index: Floats, lag_status: NDArray[np.int8], tolerance: float = 0.1
) -> LevelBreaks:
    """Find where a series of levels does not grow as its published growth index says.

    Levels at constant prices break when an institute changes their valuation or scope and leaves
    the older years as they were, while the index of growth (previous period = 100) it publishes
    beside them does not break. The row is reported when
    ``|100·level_t / level_{t−1} − index_t| > tolerance``.

    Parameters
    ----------
    level : (n,) float array, sorted by entity and time
        Levels at constant prices.
    index : (n,) float array
        Official index of growth, previous period = 100.
    lag_status : (n,) int8 array
        From `kernels.groups.lag_status`; only rows whose previous period is there are compared.
    tolerance : float
        Percentage points that rounding of the published figures may explain.

    Returns
    -------
    LevelBreaks

    Examples
    --------
    Value added of manufacturing in Viet Nam at 2010 prices, 2008–2011: taxes on products left
    the industries in 2010, and the level fell by a fifth while the index rose.

    >>> level = np.array([347808.0, 357415.0, 279360.0, 318690.0])
    >>> index = np.array([109.78, 102.76, 108.38, 114.08])
    >>> found = level_breaks(level, index, np.array([1, 0, 0, 0], dtype=np.int8))
    >>> found.rows, found.gap.round(2)
    (array([2]), array([-30.22]))
    """
    rows = np.flatnonzero(lag_status == STATUS_OK)
    before, after, official = level[rows - 1], level[rows], index[rows]
    usable = np.isfinite(before) & np.isfinite(after) & np.isfinite(official) & (before != 0.0)
    rows, before, after, official = (a[usable] for a in (rows, before, after, official))
    growth = 100.0 * (after / before)
    broken = np.abs(growth - official) > tolerance
    return LevelBreaks(
        rows=rows[broken],
        level_growth=growth[broken] - 100.0,
        index_growth=official[broken] - 100.0,
        gap=(growth - official)[broken],
        compared=rows.shape[0],
    )


def mend_levels(
    level: Floats,
    index: Floats,
    breaks: Ints,
    offsets: Ints,
    keep_growth_of: Literal["level", "index"] = "level",
) -> Floats:
    """Bring the levels before each break onto the valuation of the levels after the last one.

    The change at a break is replaced by the official index. Before the last break, growth is
    that of the published levels, which carry more digits than an index of two decimals, or that
    of the index throughout. Levels from the last break on stay as they are.

    Parameters
    ----------
    level, index : (n,) float arrays, sorted by series and period
    breaks : (k,) int array
        Rows whose level does not continue the row before, from `level_breaks`.
    offsets : (g + 1,) int array
    keep_growth_of : {"level", "index"}

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> mend_levels(np.array([90.0, 99.0, 55.0]), np.array([np.nan, 110.0, 110.0]),
    ...             np.array([2]), np.array([0, 3])).round(6)
    array([45.454545, 50.      , 55.      ])
    """
    mended = level.astype(np.float64)
    for row in np.sort(breaks)[::-1].tolist():
        start = int(offsets[np.searchsorted(offsets, row, side="right") - 1])
        if keep_growth_of == "level":
            mended[start:row] *= mended[row] / (mended[row - 1] * (index[row] / 100.0))
        else:
            back = np.cumprod((index[start + 1 : row + 1] / 100.0)[::-1])[::-1]
            mended[start:row] = mended[row] / back
    return mended


def mixed_bases(base: Ints, lag_status: NDArray[np.int8]) -> Ints:
    """Return the rows whose price base differs from that of the previous period.

    Growth across such a row compares levels in the prices of different years.

    Parameters
    ----------
    base : (n,) int array
        Code of each row's price base, −1 where unknown.
    lag_status : (n,) int8 array

    Returns
    -------
    (k,) int array

    Examples
    --------
    >>> mixed_bases(np.array([0, 0, 1, 1]), np.array([1, 0, 0, 0], dtype=np.int8))
    array([2])
    """
    rows: Ints = np.flatnonzero(lag_status == STATUS_OK)
    changed: Ints = rows[base[rows] != base[rows - 1]]
    return changed


def deflate(value: Floats, price: Floats, base: Floats | float = 1.0) -> Floats:
    """Return value at constant prices, ``value · base / price``; missing at prices not positive.

    Examples
    --------
    >>> deflate(np.array([110.0, 120.0]), np.array([100.0, 105.0]), 100.0).round(4)
    array([110.    , 114.2857])
    """
    return value * base / np.where(price > 0.0, price, np.nan)


def rebase(series: Floats, offsets: Ints, base_rows: Ints, to: float = 1.0) -> Floats:
    """Scale each series to the value `to` in its base row.

    Parameters
    ----------
    series : (n,) float array
    offsets : (g + 1,) int array
    base_rows : (g,) int array
        Row of the base period of each series, −1 where it has none.
    to : float

    Returns
    -------
    (n,) float array, NaN for a series without a base that is finite and not zero

    Examples
    --------
    >>> rebase(np.array([2.0, 4.0, 5.0]), np.array([0, 2, 3]), np.array([1, -1]), 100.0)
    array([ 50., 100.,  nan])
    """
    base = np.where(base_rows >= 0, series[base_rows] if series.shape[0] else np.nan, np.nan)
    base = np.where(base == 0.0, np.nan, base)
    return series * np.repeat(to / base, np.diff(offsets))


@dataclass(frozen=True, slots=True)
class Splice:
    """Two vintages of a series made one.

    Attributes
    ----------
    series : (n,) float array
        The newer series where it exists, else the older one on the newer level.
    factor : (g,) float array
        What the older series was multiplied by; NaN without an overlap.
    overlap : (g,) int array
        Periods in which both exist.
    carried : (n,) bool array
        Rows that come from the older series.
    """

    series: Floats
    factor: Floats
    overlap: Ints
    carried: NDArray[np.bool_]


def splice(older: Floats, newer: Floats, offsets: Ints, link: Link = "first") -> Splice:
    """Join an older series to a newer one by what both say about the periods they share.

    The level of the newer series is kept; the older one is multiplied by one factor, so its
    growth rates survive. Without a period in which both are finite and positive there is no
    factor and the older part is missing.

    Parameters
    ----------
    older, newer : (n,) float arrays
        NaN where a vintage has no figure.
    offsets : (g + 1,) int array
    link : {"first", "last", "sums", "geometric"}
        The ratio newer over older in the first or the last shared period, the ratio of the sums
        over all shared periods, or the geometric mean of their ratios.

    Returns
    -------
    Splice

    Examples
    --------
    >>> nan = np.nan
    >>> joined = splice(np.array([80.0, 90.0, 99.0, nan]), np.array([nan, nan, 110.0, 121.0]),
    ...                 np.array([0, 4]))
    >>> joined.series.round(4), joined.factor.round(4)
    (array([ 88.8889, 100.    , 110.    , 121.    ]), array([1.1111]))
    """
    groups = offsets.shape[0] - 1
    both = (older > 0.0) & (newer > 0.0)
    shared = np.flatnonzero(both)
    of = np.repeat(np.arange(groups), np.diff(offsets))[shared]
    overlap = np.bincount(of, minlength=groups)
    some = overlap > 0
    if link in ("first", "last"):
        row = np.zeros(groups, np.int64)
        order = slice(None, None, -1) if link == "first" else slice(None)
        row[of[order]] = shared[order]  # the last assignment stays
        top, bottom = newer[row[some]], older[row[some]]
    elif link == "sums":
        top = group_sums(np.where(both, newer, 0.0), offsets)[some]
        bottom = group_sums(np.where(both, older, 0.0), offsets)[some]
    else:
        ratio = np.where(both, newer, 1.0) / np.where(both, older, 1.0)
        top = np.exp(group_sums(np.log(ratio), offsets)[some] / overlap[some])
        bottom = np.ones(top.shape[0])
    factor = np.full(groups, np.nan)
    factor[some] = top / bottom
    carried = np.isnan(newer) & ~np.isnan(older)
    joined = np.where(carried, older * np.repeat(factor, np.diff(offsets)), newer)
    return Splice(joined, factor, overlap.astype(np.int64), carried)


def double_deflate_difference(
    output: Floats, output_price: Floats, inputs: Floats, input_price: Floats
) -> Floats:
    """Return value added as real output less real intermediate inputs.

    ``V = Y / P_Y − X / P_X`` (Laspeyres, prices of the base period). Where relative prices moved
    far from the base it can be negative although value added never was.

    Examples
    --------
    >>> double_deflate_difference(np.array([120.0]), np.array([1.0]), np.array([80.0]),
    ...                           np.array([0.5]))
    array([-40.])
    """
    return deflate(output, output_price) - deflate(inputs, input_price)


def double_deflate_growth(
    output: Floats,
    output_price: Floats,
    inputs: Floats,
    input_price: Floats,
    lag: Ints,
) -> Floats:
    """Return the log growth of value added implied by output and intermediate inputs.

    ``Δln V = (Δln Y − v̄_X Δln X) / v̄_V`` (Törnqvist) with Y, X at constant prices, ``v_X`` the
    share of intermediate inputs in nominal output, ``v_V = 1 − v_X``, both averaged over the two
    periods.

    Parameters
    ----------
    output, inputs : (n,) float arrays
        Current prices.
    output_price, input_price : (n,) float arrays
    lag : (n,) int array
        Row one period earlier, −1 where there is none.

    Returns
    -------
    (n,) float array, NaN where a number is missing or not positive, or value added is not

    Examples
    --------
    >>> growth = double_deflate_growth(np.array([100.0, 110.0]), np.ones(2),
    ...                                np.array([60.0, 66.0]), np.ones(2), np.array([-1, 0]))
    >>> np.exp(growth).round(12)
    array([nan, 1.1])
    """
    usable = (output > 0) & (inputs > 0) & (output_price > 0) & (input_price > 0)
    usable &= inputs < output
    usable &= (lag >= 0) & usable[lag]
    safe = [np.where(usable, a, 1.0) for a in (output, output_price, inputs, input_price)]
    rows = np.where(usable, lag, 0)
    before = [np.where(usable, a[rows], 1.0) for a in (output, output_price, inputs, input_price)]
    dy = np.log(safe[0] / safe[1]) - np.log(before[0] / before[1])
    dx = np.log(safe[2] / safe[3]) - np.log(before[2] / before[3])
    share = 0.5 * (safe[2] / safe[0] + before[2] / before[0])
    growth = (dy - share * dx) / np.where(usable, 1.0 - share, 1.0)
    return np.where(usable, growth, np.nan)
