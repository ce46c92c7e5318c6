"""Prices and levels: deflation, rebasing, splicing, and levels that break with their index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.groups import STATUS_OK

__all__ = ["LevelBreaks", "level_breaks"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
