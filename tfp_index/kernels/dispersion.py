"""Distributions inside cells: exact percentiles, gaps, tails, quantile bins and transitions.

Rows are brought into cell order once and sorted inside each cell; everything else reads the sorted
columns. Percentile definitions differ between packages, so each is named:

``linear``
    interpolation between the two order statistics around ``(n - 1) p`` (type 7 of Hyndman and Fan
    1996; the default of numpy, pandas and R)
``averaged``
    the smallest value whose cumulative weight reaches ``p W``, averaged with the next when it
    reaches it exactly (Stata's ``pctile``; type 2). The only one used with weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.ordering import panel_order
from tfp_index.kernels.sums import Additive

__all__ = [
    "FirstSums",
    "Shape",
    "SortedCells",
    "TailSums",
    "Tails",
    "centered_means",
    "centered_ranks",
    "demean",
    "first_sums",
    "less_mean",
    "mean_sums",
    "quantile_bins",
    "quantile_ranks",
    "quantiles",
    "second_sums",
    "shape",
    "shape_of_sums",
    "sort_cells",
    "tail_sums",
    "tails",
    "tails_of_sums",
    "transitions",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CUMULATIVE = 1e-12
"""Cumulative weights this close (in relation to the cell's total) count as equal."""


@dataclass(frozen=True, slots=True)
class SortedCells:
    """Values ascending inside each cell.

    Attributes
    ----------
    values : (m,) float array
    weights : (m,) float array or None
    offsets : (G + 1,) int array
        Where each cell starts.
    rows : (m,) int array or None
        The original row of each value; None where only the values were needed.
    """

    values: Floats
    weights: Floats | None
    offsets: Ints
    rows: Ints | None

    def reweighted(self, weights: Floats | None) -> SortedCells:
        """Return the same values with other weights by original row, or with none."""
        if weights is None:
            return SortedCells(self.values, None, self.offsets, self.rows)
        assert self.rows is not None
        return SortedCells(self.values, weights[self.rows], self.offsets, self.rows)


def _cell_order(cell: Ints, cells: int) -> tuple[Ints | None, Ints]:
    """Rows by cell (None when they stand so already) and where each cell starts."""
    counts = np.bincount(cell + 1, minlength=cells + 1)
    offsets = np.concatenate(([0], np.cumsum(counts[1:])))
    if counts[0]:
        rows = np.flatnonzero(cell >= 0)
        cell = cell[rows]
    else:
        rows = None
    if cells < 2**15:  # numpy sorts 16-bit integers by radix
        order = (
            None
            if not (cell[1:] < cell[:-1]).any()
            else np.argsort(cell.astype(np.int16), kind="stable")
        )
    else:
        order = panel_order((cell,)) if cell.shape[0] else None
    if order is None:
        return rows, offsets
    return (order if rows is None else rows[order]), offsets


def sort_cells(
    values: Floats,
    cell: Ints,
    cells: int,
    weights: Floats | None = None,
    *,
    keep_rows: bool = False,
) -> SortedCells:
    """Sort values inside each cell.

    Parameters
    ----------
    values : (n,) float array, finite wherever `cell` is not negative
    cell : (n,) int array
        Rows with a negative cell do not take part.
    cells : int
        Number of cells G.
    weights : (n,) float array, optional
    keep_rows : bool
        Remember the original rows.

    Examples
    --------
    >>> found = sort_cells(np.array([3.0, 9.0, 1.0]), np.array([0, 1, 0]), 2)
    >>> found.values, found.offsets
    (array([1., 3., 9.]), array([0, 2, 3]))
    """
    rows, offsets = _cell_order(cell, cells)
    if rows is None:
        rows = np.arange(values.shape[0]) if keep_rows or weights is not None else None
        ordered = values.copy()
    else:
        ordered = values[rows]
    keep = weights is not None or keep_rows
    if keep:
        assert rows is not None
        rows = rows.copy()

    def sort(some: slice) -> None:
        bounds = offsets[some.start : some.stop + 1].tolist()
        for a, b in pairwise(bounds):
            if not keep:
                ordered[a:b].sort()
                continue
            assert rows is not None
            inside = np.argsort(ordered[a:b])  # ties in any order: no statistic depends on it
            ordered[a:b] = ordered[a:b][inside]
            rows[a:b] = rows[a:b][inside]

    map_blocks(sort, cells, size=max(1, cells // 64))  # numpy sorts without the interpreter lock
    if not keep:
        return SortedCells(ordered, None, offsets, None)
    assert rows is not None
    return SortedCells(ordered, None if weights is None else weights[rows], offsets, rows)


def quantiles(cells: SortedCells, probabilities: Floats, definition: str = "linear") -> Floats:
    """Return exact quantiles of every cell; NaN where a cell is empty.

    Parameters
    ----------
    cells : SortedCells
        With weights, the quantiles are weighted and `definition` must be ``"averaged"``.
    probabilities : (P,) float array
    definition : {"linear", "averaged"}

    Returns
    -------
    (G, P) float array

    Examples
    --------
    >>> cells = sort_cells(np.arange(1.0, 6.0), np.zeros(5, np.int64), 1)
    >>> quantiles(cells, np.array([0.1, 0.4])), quantiles(cells, np.array([0.1, 0.4]), "averaged")
    (array([[1.4, 2.6]]), array([[1. , 2.5]]))
    """
    n = np.diff(cells.offsets)
    out = np.full((n.shape[0], probabilities.shape[0]), np.nan)
    filled = np.flatnonzero(n > 0)
    if not filled.size:
        return out
    start, size = cells.offsets[:-1][filled, None], n[filled, None]
    if cells.weights is not None:
        out[filled] = _weighted_quantiles(cells, filled, probabilities)
        return out
    low, high, share = quantile_ranks(size, probabilities, definition)
    a, b = cells.values[start + low], cells.values[start + high]
    out[filled] = a + share * (b - a) if definition == "linear" else 0.5 * (a + b)
    return out


def quantile_ranks(size: Ints, probabilities: Floats, definition: str) -> tuple[Ints, Ints, Floats]:
    """Return the ranks of the two order statistics that a quantile lies between, from 0.

    Parameters
    ----------
    size : (G, 1) int array
        Rows of every cell, at least one.
    probabilities : (P,) float array
    definition : {"linear", "averaged"}

    Returns
    -------
    (G, P) int array, (G, P) int array
        The same where the quantile is an order statistic.
    (G, P) float array
        How far the quantile is from the lower to the upper one.

    Examples
    --------
    >>> quantile_ranks(np.array([[5]]), np.array([0.1, 0.5]), "linear")[0]
    array([[0, 2]])
    """
    if definition == "linear":
        h = (size - 1) * probabilities
        low = np.floor(h).astype(np.int64)
        return low, np.minimum(low + 1, size - 1), h - low
    h = size * probabilities
    nearest = np.rint(h)
    exact = np.abs(h - nearest) <= CUMULATIVE * size
    low = np.clip(np.where(exact, nearest, np.ceil(h)).astype(np.int64) - 1, 0, size - 1)
    high = np.where(exact, np.minimum(low + 1, size - 1), low)
    high = np.where(exact & (nearest == 0), low, high)
    return low, high, np.full(h.shape, 0.5)


def _weighted_quantiles(cells: SortedCells, filled: Ints, probabilities: Floats) -> Floats:
    """Cell by cell: cumulative weights must not run across cells, or small cells lose digits."""
    assert cells.weights is not None
    out = np.full((filled.shape[0], probabilities.shape[0]), np.nan)
    for place, g in enumerate(filled.tolist()):
        a, b = int(cells.offsets[g]), int(cells.offsets[g + 1])
        cumulative = np.cumsum(cells.weights[a:b])
        total = cumulative[-1]
        if total <= 0.0:
            continue
        slack = CUMULATIVE * total
        wanted = probabilities * total
        low = np.minimum(np.searchsorted(cumulative, wanted - slack), b - a - 1)
        beyond = np.minimum(np.searchsorted(cumulative, wanted + slack, side="right"), b - a - 1)
        # beyond is the next value that carries weight, when the target is reached exactly
        exact = np.abs(cumulative[low] - wanted) <= slack
        high = np.where(exact & (wanted > slack), beyond, low)
        out[place] = 0.5 * (cells.values[a + low] + cells.values[a + high])
    return out


def centered_means(cells: SortedCells, probabilities: Floats, k: int = 5) -> Floats:
    """Return the mean of the `k` order statistics centered on each quantile.

    A percentile that stands for one firm's value is not published; this mean may be. The center
    is the order statistic nearest to ``(n - 1) p``; NaN where the window leaves the cell.

    Parameters
    ----------
    cells : SortedCells
    probabilities : (P,) float array
    k : int, odd

    Returns
    -------
    (G, P) float array

    Examples
    --------
    >>> cells = sort_cells(np.arange(9.0), np.zeros(9, np.int64), 1)
    >>> centered_means(cells, np.array([0.1, 0.5]))
    array([[nan,  4.]])
    """
    center, fits = centered_ranks(np.diff(cells.offsets), probabilities, k)
    out = np.full(center.shape, np.nan)
    first = (cells.offsets[:-1, None] + center - k // 2)[fits]
    out[fits] = cells.values[first[:, None] + np.arange(k)].mean(axis=1)
    return out


def centered_ranks(size: Ints, probabilities: Floats, k: int) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the rank nearest to each quantile, from 0, and whether `k` ranks around it exist.

    Parameters
    ----------
    size : (G,) int array
    probabilities : (P,) float array
    k : int, odd

    Returns
    -------
    (G, P) int array, (G, P) bool array
    """
    rows = size[:, None]
    center = np.rint((rows - 1) * probabilities).astype(np.int64)
    return center, (center - k // 2 >= 0) & (center + k // 2 < rows)


@dataclass(frozen=True, slots=True)
class Shape:
    """Moments of every cell, each of shape (G,).

    Unweighted, `sd` has n - 1 in the denominator; weighted,
    ``sqrt(Σ w (x - mean)² / Σ w)``. `skewness` is ``m3 / m2^1.5`` of the (weighted) population.
    """

    n: Ints
    weight: Floats
    mean: Floats
    sd: Floats
    skewness: Floats


def _divide(a: Floats, b: Floats) -> Floats:
    out: Floats = np.full(np.broadcast_shapes(a.shape, b.shape), np.nan)
    return np.divide(a, b, out=out, where=b > 0.0)


def shape(cells: SortedCells) -> Shape:
    """Return mean, standard deviation and skewness of every cell, weighted if the cells are.

    Examples
    --------
    >>> found = shape(sort_cells(np.array([1.0, 2.0, 6.0]), np.zeros(3, np.int64), 1))
    >>> float(found.mean[0]), round(float(found.sd[0]), 6), round(float(found.skewness[0]), 6)
    (3.0, 2.645751, 0.59517)
    """
    first = first_sums(cells)
    second = second_sums(cells, first.mean)
    return shape_of_sums(first, second, weighted=cells.weights is not None)


@dataclass(frozen=True, slots=True)
class FirstSums(Additive):
    """Rows, weight and weighted sum of every cell, each of shape (G,)."""

    n: Ints
    weight: Floats
    total: Floats

    @property
    def mean(self) -> Floats:
        """(G,) mean, NaN where there is no weight."""
        return _divide(self.total, self.weight)


def first_sums(cells: SortedCells) -> FirstSums:
    """Take the sums that means are made of."""
    n, w = np.diff(cells.offsets), cells.weights
    starts, stops = cells.offsets[:-1], cells.offsets[1:]
    W = n.astype(np.float64) if w is None else _range_sums(w, starts, stops)
    weighted = cells.values if w is None else cells.values * w
    return FirstSums(n, W, _range_sums(weighted, starts, stops))


def second_sums(cells: SortedCells, center: Floats) -> tuple[Floats, Floats]:
    """Take the (weighted) sums of squares and of cubes about a center of every cell."""
    starts, stops = cells.offsets[:-1], cells.offsets[1:]
    d = cells.values - np.repeat(center, np.diff(cells.offsets))
    square = d * d
    powers = (square, square * d)
    if cells.weights is not None:
        powers = (powers[0] * cells.weights, powers[1] * cells.weights)
    return _range_sums(powers[0], starts, stops), _range_sums(powers[1], starts, stops)


def shape_of_sums(first: FirstSums, second: tuple[Floats, Floats], *, weighted: bool) -> Shape:
    """Return the shape of every cell from its sums."""
    W = first.weight
    m2, m3 = _divide(second[0], W), _divide(second[1], W)
    sd = np.sqrt(m2) if weighted else np.sqrt(_divide(m2 * W, W - 1.0))
    with np.errstate(invalid="ignore"):
        skewness = _divide(m3, m2 * np.sqrt(m2))
    return Shape(first.n, W, first.mean, sd, skewness)


def _range_sums(values: Floats, start: Ints, stop: Ints) -> Floats:
    """Sum ``values[start:stop]`` for each pair; an empty range gives 0."""
    if not start.size:
        return np.zeros(0)
    padded = np.concatenate((values, [0.0]))
    sums: Floats = np.add.reduceat(padded, np.column_stack((start, stop)).ravel())[::2]
    return np.where(stop > start, sums, 0.0)


def _first_at_least(cells: SortedCells, target: Floats, *, beyond: bool) -> Ints:
    """Position of the first value ``>= target`` (``> target`` if `beyond`) of each cell."""
    low, high = cells.offsets[:-1].copy(), cells.offsets[1:].copy()
    while (open_ := low < high).any():
        middle = (low + high) // 2
        value = cells.values[np.minimum(middle, cells.values.shape[0] - 1)]
        below = (value <= target) if beyond else (value < target)
        low = np.where(open_ & below, middle + 1, low)
        high = np.where(open_ & ~below, middle, high)
    return low


@dataclass(frozen=True, slots=True)
class Tails:
    """What lies beyond two quantiles of each cell; fields of shape (G,).

    `top` and `bottom` are (weighted) means at or above the upper and at or below the lower
    quantile, `rest` the mean below the upper one, `top_share` the share of weight (of rows without
    weights) in the upper tail, `n_top` and `n_bottom` rows.
    """

    top: Floats
    rest: Floats
    bottom: Floats
    top_share: Floats
    n_top: Ints
    n_bottom: Ints


def tails(cells: SortedCells, upper: Floats, lower: Floats) -> Tails:
    """Return means and shares of the tails of every cell.

    Parameters
    ----------
    cells : SortedCells
    upper, lower : (G,) float arrays
        Quantiles that bound the tails, e.g. the 95th and the 10th.

    Examples
    --------
    >>> cells = sort_cells(np.arange(1.0, 11.0), np.zeros(10, np.int64), 1)
    >>> found = tails(cells, np.array([9.5]), np.array([2.0]))
    >>> float(found.top[0]), float(found.rest[0]), float(found.bottom[0])
    (10.0, 5.0, 1.5)
    """
    return tails_of_sums(tail_sums(cells, upper, lower))


@dataclass(frozen=True, slots=True)
class TailSums(Additive):
    """Weight and weighted sum of the tails of every cell; fields of shape (G,).

    `top`, `rest` and `bottom` are pairs of weight and weighted sum.
    """

    top: tuple[Floats, Floats]
    rest: tuple[Floats, Floats]
    bottom: tuple[Floats, Floats]
    weight: Floats
    n_top: Ints
    n_bottom: Ints


def tail_sums(cells: SortedCells, upper: Floats, lower: Floats) -> TailSums:
    """Take the sums of the tails; see `tails`."""
    start, stop = cells.offsets[:-1], cells.offsets[1:]
    if cells.values.size:
        top = _first_at_least(cells, upper, beyond=False)
        bottom = _first_at_least(cells, lower, beyond=True)
    else:
        top, bottom = stop, start
    w = np.ones_like(cells.values) if cells.weights is None else cells.weights
    wx = w * cells.values

    def both(a: Ints, b: Ints) -> tuple[Floats, Floats]:
        return _range_sums(w, a, b), _range_sums(wx, a, b)

    return TailSums(
        top=both(top, stop),
        rest=both(start, top),
        bottom=both(start, bottom),
        weight=_range_sums(w, start, stop),
        n_top=stop - top,
        n_bottom=bottom - start,
    )


def tails_of_sums(sums: TailSums) -> Tails:
    """Return means and shares of the tails from their sums."""

    def mean(pair: tuple[Floats, Floats]) -> Floats:
        return _divide(pair[1], pair[0])

    return Tails(
        top=mean(sums.top),
        rest=mean(sums.rest),
        bottom=mean(sums.bottom),
        top_share=_divide(sums.top[0], sums.weight),
        n_top=sums.n_top,
        n_bottom=sums.n_bottom,
    )


def demean(values: Floats, cell: Ints, cells: int, weights: Floats | None = None) -> Floats:
    """Take the (weighted) mean of its cell from each value; rows of a negative cell give NaN.

    Examples
    --------
    >>> demean(np.array([1.0, 3.0, 7.0]), np.array([0, 0, 1]), 2)
    array([-1.,  1.,  0.])
    """
    return less_mean(values, cell, mean_sums(values, cell, cells, weights))


def mean_sums(
    values: Floats, cell: Ints, cells: int, weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the weighted sum of values and the weight of every cell."""
    inside = cell >= 0
    where = np.where(inside, cell, cells)
    x = np.where(inside, values, 0.0)
    w = np.ones_like(x) if weights is None else np.where(inside, weights, 0.0)
    total, mass = np.bincount(where, w * x, cells + 1), np.bincount(where, w, cells + 1)
    return total[:cells].astype(np.float64), mass[:cells].astype(np.float64)


def less_mean(values: Floats, cell: Ints, sums: tuple[Floats, Floats]) -> Floats:
    """Take the mean of its cell from each value; `sums` as `mean_sums` gives them."""
    mean = np.append(_divide(*sums), np.nan)
    return np.asarray(values - mean[cell])  # -1 is the last place


def quantile_bins(cells: SortedCells, n: int, bins: int) -> Ints:
    """Number each row's quantile bin inside its cell from 0; -1 for rows that do not take part.

    Bins follow the mean rank of tied values, so equal values share a bin.

    Parameters
    ----------
    cells : SortedCells
        With rows kept.
    n : int
        Number of rows.
    bins : int
        5 for quintiles.

    Returns
    -------
    (n,) int array

    Examples
    --------
    >>> values, cell = np.array([5.0, 1.0, 1.0, 9.0]), np.zeros(4, np.int64)
    >>> quantile_bins(sort_cells(values, cell, 1, keep_rows=True), 4, 2)
    array([1, 0, 0, 1])
    """
    assert cells.rows is not None
    out = np.full(n, -1, np.int64)
    m = cells.values.shape[0]
    if not m:
        return out
    size = np.diff(cells.offsets)
    of_cell = np.repeat(np.arange(size.shape[0]), size)
    fresh = np.concatenate(([True], cells.values[1:] != cells.values[:-1]))
    fresh[cells.offsets[:-1][size > 0]] = True
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], m)
    run = np.cumsum(fresh) - 1
    middle = 0.5 * (first + last)[run] - cells.offsets[:-1][of_cell]  # mean rank + 1/2
    out[cells.rows] = np.minimum((middle * bins / size[of_cell]).astype(np.int64), bins - 1)
    return out


def transitions(
    start: Ints, end: Ints, group: Ints, groups: int, bins: int, weights: Floats | None = None
) -> Floats:
    """Count moves between quantile bins; the last row and column stand for absence.

    Parameters
    ----------
    start, end : (m,) int arrays
        Bin in the first and in the second period; `bins` where the firm is absent.
    group : (m,) int array
        E.g. the pair of periods.
    groups, bins : int
    weights : (m,) float array, optional

    Returns
    -------
    (groups, bins + 1, bins + 1) float array

    Examples
    --------
    >>> a = np.array
    >>> transitions(a([0, 1, 2]), a([1, 1, 0]), a([0, 0, 0]), 1, 2)[0]
    array([[0., 1., 0.],
           [0., 1., 0.],
           [1., 0., 0.]])
    """
    side = bins + 1
    keys = (group * side + start) * side + end
    counts = np.bincount(keys, weights, groups * side * side)
    return counts.astype(np.float64).reshape(groups, side, side)
