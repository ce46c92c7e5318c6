"""Bring rows into panel order: detect what is sorted already, else sort packed integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["dense_codes", "distinct_values", "panel_order"]

Ints = NDArray[np.int64]


def panel_order(keys: tuple[Ints, ...]) -> NDArray[np.intp] | None:
    """Return the permutation that sorts rows by `keys`, or None when they are sorted already.

    The keys and the row number are packed into one 64-bit integer and *that* is sorted, which is
    several times faster than sorting positions; the row number makes the order stable. Keys too
    wide to be packed go through `numpy.lexsort`.

    Parameters
    ----------
    keys : tuple of (n,) int64 arrays
        Most significant first.

    Returns
    -------
    (n,) int array or None

    Examples
    --------
    >>> panel_order((np.array([1, 0, 0]), np.array([5, 7, 6])))
    array([2, 1, 0])
    >>> panel_order((np.array([0, 0, 1]), np.array([6, 7, 5]))) is None
    True
    """
    n = keys[0].shape[0]
    if _is_sorted(keys):
        return None
    lows = [int(key.min()) for key in keys]
    widths = [(int(key.max()) - low).bit_length() for key, low in zip(keys, lows, strict=True)]
    row_bits = (n - 1).bit_length()
    if sum(widths) + row_bits > 63:
        return np.lexsort(keys[::-1])
    packed = np.zeros(n, np.int64)
    for key, low, width in zip(keys, lows, widths, strict=True):
        packed <<= width
        packed |= key - low
    packed <<= row_bits
    packed |= np.arange(n, dtype=np.int64)
    packed.sort()
    packed &= (1 << row_bits) - 1
    return packed.astype(np.intp, copy=False)


def _is_sorted(keys: tuple[Ints, ...]) -> bool:
    n = keys[0].shape[0]
    if n < 2:
        return True
    tied = np.ones(n - 1, bool)
    for key in keys:
        if (tied & (key[1:] < key[:-1])).any():
            return False
        tied &= key[1:] == key[:-1]
    return True


def dense_codes(values: Ints) -> tuple[Ints, Ints]:
    """Number the distinct values of an integer column from 0, in ascending order.

    Values from a narrow range are numbered through a table as long as the range, sorted ones by
    their steps, others by sorting.

    Parameters
    ----------
    values : (n,) int64 array

    Returns
    -------
    codes : (n,) int64 array
    distinct : (g,) int64 array, ascending

    Examples
    --------
    >>> dense_codes(np.array([30, 10, 30]))
    (array([1, 0, 1]), array([10, 30]))
    """
    n = values.shape[0]
    if not n:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if not (values[1:] < values[:-1]).any():
        codes = np.empty(n, np.int64)
        codes[0] = 0
        np.cumsum(values[1:] != values[:-1], out=codes[1:])
        first = np.concatenate(([True], values[1:] != values[:-1]))
        return codes, values[first]
    seen = _seen(values)
    if seen is not None:
        low = int(values.min())
        table = np.cumsum(seen, dtype=np.int64) - 1
        return table[values - low], np.flatnonzero(seen) + low
    distinct, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.int64, copy=False), distinct


def distinct_values(values: Ints) -> Ints:
    """Return the distinct values of an integer column, ascending.

    Examples
    --------
    >>> distinct_values(np.array([2003, 2001, 2003]))
    array([2001, 2003])
    """
    seen = _seen(values) if values.size else None
    return np.unique(values) if seen is None else np.flatnonzero(seen) + int(values.min())


def _seen(values: Ints) -> NDArray[np.bool_] | None:
    """Mark which values from the smallest to the largest occur; None where the range is wide."""
    low, high = int(values.min()), int(values.max())
    if high - low >= 4 * values.shape[0] + 1024:
        return None
    seen = np.zeros(high - low + 1, bool)
    seen[values - low] = True
    return seen
