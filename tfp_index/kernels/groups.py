"""Entities as contiguous runs of sorted rows: offsets, lags, sums and chains by group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "STATUS_FIRST",
    "STATUS_GAP",
    "STATUS_OK",
    "calendar_lags",
    "group_offsets",
    "group_sums",
    "lag_status",
    "running_sums",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATUS_OK = 0
"""The previous period is there."""
STATUS_FIRST = 1
"""First row of its entity: nothing to compare with."""
STATUS_GAP = 2
"""The entity's previous row is not the previous period."""


def group_offsets(codes: Ints) -> Ints:
    """Return where each run of equal codes starts, and the number of rows at the end.

    Parameters
    ----------
    codes : (n,) int array, sorted

    Returns
    -------
    (g + 1,) int array

    Examples
    --------
    >>> group_offsets(np.array([0, 0, 1, 3]))
    array([0, 2, 3, 4])
    """
    n = codes.shape[0]
    starts = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    return np.concatenate(([0], starts, [n])) if n else np.zeros(1, np.int64)


def lag_status(codes: Ints, time: Ints, step: int = 1) -> NDArray[np.int8]:
    """Say for each row of a sorted panel whether the row before it is its previous period.

    Parameters
    ----------
    codes, time : (n,) int arrays, sorted by code and then by time
    step : int
        Periods between consecutive observations.

    Returns
    -------
    (n,) int8 array of ``STATUS_OK``, ``STATUS_FIRST`` or ``STATUS_GAP``

    Examples
    --------
    >>> lag_status(np.array([0, 0, 0, 1]), np.array([2001, 2002, 2004, 2001]))
    array([1, 0, 2, 1], dtype=int8)
    """
    n = codes.shape[0]
    status = np.zeros(n, np.int8)
    if n:
        status[0] = STATUS_FIRST
        status[1:][time[1:] - time[:-1] != step] = STATUS_GAP
        status[1:][codes[1:] != codes[:-1]] = STATUS_FIRST
    return status


def calendar_lags(codes: Ints, time: Ints, lag: int) -> Ints:
    """Return the row that lies `lag` calendar periods before each row, or -1.

    Parameters
    ----------
    codes, time : (n,) int arrays, sorted by code and then by time, without duplicates; the
        number of codes times the span of the calendar must fit in an int64
    lag : int
        Positive for the past, negative for the future.

    Returns
    -------
    (n,) int array of row positions, -1 where that period is missing

    Examples
    --------
    >>> calendar_lags(np.array([0, 0, 0, 1]), np.array([2001, 2002, 2004, 2001]), 2)
    array([-1, -1,  1, -1])
    """
    n = codes.shape[0]
    if not n:
        return np.zeros(0, np.int64)
    if lag == 1:
        rows = np.arange(-1, n - 1, dtype=np.int64)
        rows[lag_status(codes, time) != STATUS_OK] = -1
        return rows
    low = int(time.min())
    span = int(time.max()) - low + 1
    wanted = time - low - lag
    key = codes * span + (time - low)
    target = codes * span + wanted
    rows = np.minimum(np.searchsorted(key, target), n - 1)
    found = (key[rows] == target) & (wanted >= 0) & (wanted < span)
    return np.where(found, rows, -1)


def group_sums(values: Floats, offsets: Ints) -> Floats:
    """Sum the rows of each group; an empty group gives 0.

    Parameters
    ----------
    values : (n,) or (n, k) float array, sorted by group
    offsets : (g + 1,) int array

    Returns
    -------
    (g,) or (g, k) float array

    Examples
    --------
    >>> group_sums(np.array([1.0, 2.0, 4.0]), np.array([0, 2, 2, 3]))
    array([3., 0., 4.])
    """
    sums = np.zeros((offsets.shape[0] - 1, *values.shape[1:]))
    filled = np.flatnonzero(np.diff(offsets) > 0)
    if filled.size:
        sums[filled] = np.add.reduceat(values, offsets[filled], axis=0)
    return sums


def running_sums(values: Floats, offsets: Ints, combine: np.ufunc = np.add) -> Floats:
    """Accumulate `values` within each group, in the order of the rows.

    The sum of one group never touches that of another, so the digits do not depend on which
    groups stand before it. Groups are taken together one position at a time, which costs as many
    steps as the longest group has rows.

    Parameters
    ----------
    values : (n,) float array, sorted by group
    offsets : (g + 1,) int array
    combine : ufunc of two arguments
        ``np.multiply`` for running products.

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> running_sums(np.array([1.0, 2.0, 4.0, 8.0]), np.array([0, 2, 4]))
    array([ 1.,  3.,  4., 12.])
    """
    lengths = np.diff(offsets)
    groups = lengths.shape[0]
    if groups and lengths.min() == lengths.max():
        return np.asarray(combine.accumulate(values.reshape(groups, -1), axis=1)).reshape(-1)
    sums = values.copy()
    if not groups:
        return sums
    if lengths.max() > groups:  # few long groups: one cumulative sum each
        for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
            combine.accumulate(values[start:stop], out=sums[start:stop])
        return sums
    rows, left = offsets[:-1], lengths - 1
    while True:
        longer = np.flatnonzero(left > 0)  # groups that have another row
        if not longer.size:
            return sums
        rows, left = rows[longer] + 1, left[longer] - 1
        sums[rows] = combine(sums[rows - 1], sums[rows])
