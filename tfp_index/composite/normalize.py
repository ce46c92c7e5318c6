"""From raw indicators to scores: denominate, screen, impute, treat outliers, normalize."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfp_index.composite.structure import Node
from tfp_index.errors import DataError
from tfp_index.kernels.normalize import (
    column_moments,
    column_range,
    linear_scores,
    ordinal_scores,
    proportion_of_best,
)
from tfp_index.kernels.treat import Treated, treat_column

__all__ = ["IMPUTATIONS", "NORMALIZATIONS", "TREATMENTS", "Frame", "impute", "normalize", "treat"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

IMPUTATIONS = ("none", "mean", "median", "group_mean", "group_median", "latest", "linear")
"""Ways to fill missing entries.

Means and medians are those of the same period (of the same group in it); ``latest`` repeats the
unit's last earlier value, ``linear`` interpolates between its periods and never extrapolates.
"""

TREATMENTS = ("none", "auto", "winsorize", "log")
"""Ways to treat a heavy indicator; see `tfp_index.kernels.treat.treat_column`."""

NORMALIZATIONS = (
    "minmax",
    "zscore",
    "goalposts",
    "target",
    "reference",
    "proportion_of_best",
    "percentile",
    "rank",
    "borda",
)
"""Ways to bring indicators to one scale."""

LINEAR = ("minmax", "zscore", "goalposts", "target", "reference")


@dataclass(frozen=True)
class Frame:
    """Who and when the rows of a matrix of indicators are.

    Attributes
    ----------
    entity : (n,) int array, sorted
    period : (n,) int array
        Number of the period, 0, 1, …
    time : (n,) int array
        Calendar number, for interpolation.
    group : (n,) int array or None
        -1 where a row has no group.
    """

    entity: Ints
    period: Ints
    time: Ints
    group: Ints | None = field(default=None)

    def take(self, rows: Bools) -> Frame:
        """Return the chosen rows."""
        group = None if self.group is None else self.group[rows]
        return Frame(self.entity[rows], self.period[rows], self.time[rows], group)


def impute(x: Floats, method: str, frame: Frame) -> Floats:
    """Fill missing entries; what the method cannot fill stays missing.

    Parameters
    ----------
    x : (n, k) float array, NaN = missing
    method : str
        One of `IMPUTATIONS`.
    frame : Frame

    Returns
    -------
    (n, k) float array

    Examples
    --------
    >>> frame = Frame(np.array([0, 1, 2]), np.zeros(3, int), np.zeros(3, int))
    >>> impute(np.array([[1.0], [np.nan], [3.0]]), "mean", frame).ravel()
    array([1., 2., 3.])
    """
    if method == "none" or not np.isnan(x).any():
        return x
    if method == "latest":
        return _latest(x, frame)
    if method == "linear":
        return _linear(x, frame)
    cells = frame.period
    if method.startswith("group_"):
        group = np.zeros_like(cells) if frame.group is None else frame.group
        cells = np.where(group < 0, -1, cells * (int(group.max(initial=0)) + 1) + group)
    center = np.nanmedian if method.endswith("median") else np.nanmean
    filled = x.copy()
    for cell in np.unique(cells[cells >= 0]).tolist():
        rows = np.flatnonzero(cells == cell)
        part = x[rows]
        missing = np.isnan(part)
        some = missing.any(axis=0) & ~missing.all(axis=0)
        if some.any():
            values = center(part[:, some], axis=0)
            part = part.copy()
            part[:, some] = np.where(missing[:, some], values, part[:, some])
            filled[rows] = part
    return filled


def _latest(x: Floats, frame: Frame) -> Floats:
    n = x.shape[0]
    first = np.searchsorted(frame.entity, frame.entity)  # row where the unit starts
    seen = np.where(np.isnan(x), -1, np.arange(n)[:, None])
    last = np.maximum.accumulate(seen, axis=0)
    known = last >= first[:, None]
    return np.where(known, np.take_along_axis(x, np.maximum(last, 0), axis=0), x)


def _linear(x: Floats, frame: Frame) -> Floats:
    filled = x.copy()
    missing = np.isnan(x)
    for j in np.flatnonzero(missing.any(axis=0)).tolist():
        for unit in np.unique(frame.entity[missing[:, j]]).tolist():
            rows = np.flatnonzero(frame.entity == unit)
            known = rows[~missing[rows, j]]
            gaps = rows[missing[rows, j]]
            if known.size > 1:
                values = np.interp(
                    frame.time[gaps], frame.time[known], x[known, j], left=np.nan, right=np.nan
                )
                filled[gaps, j] = values
    return filled


def treat(
    x: Floats, methods: Sequence[str], *, most: int, skew_limit: float, kurt_limit: float
) -> tuple[Floats, tuple[Treated | None, ...]]:
    """Treat the outliers of each indicator by its method.

    Parameters
    ----------
    x : (n, k) float array, NaN = missing
    methods : k of `TREATMENTS`
    most : int
        Largest number of winsorizing steps.
    skew_limit, kurt_limit : float
        An indicator is heavy when its absolute skewness and its kurtosis both reach these.

    Returns
    -------
    (n, k) float array
    tuple of k Treated, None where the method is ``"none"``
    """
    treated = x.copy()
    reports: list[Treated | None] = []
    for j, method in enumerate(methods):
        if method == "none":
            reports.append(None)
            continue
        report = treat_column(
            x[:, j], method=method, most=most, skew_limit=skew_limit, kurt_limit=kurt_limit
        )
        treated[:, j] = report.values
        reports.append(report)
    return treated, tuple(reports)


@dataclass(frozen=True)
class Anchors:
    """The two values that the linear normalizations map to the ends of the scale.

    Attributes
    ----------
    worst, best : (k,) or (n, k) float arrays
        NaN for indicators that are normalized otherwise.
    """

    worst: Floats
    best: Floats


def normalize(
    x: Floats,
    nodes: Sequence[Node],
    methods: Sequence[str],
    frame: Frame,
    *,
    scales: Mapping[str, tuple[float, float]],
    clip: bool,
    by_period: bool,
    base: Bools | None = None,
    reference: int | None = None,
) -> tuple[Floats, Anchors]:
    """Bring every indicator to its scale, better always higher.

    Parameters
    ----------
    x : (n, k) float array, NaN = missing
    nodes : k indicators
    methods : k of `NORMALIZATIONS`
    frame : Frame
    scales : mapping of method to (lower, upper)
    clip : bool
        Hold scores beyond goalposts or target at the ends of the scale. Where every unit has
        reached its target, all score the upper end.
    by_period : bool
        Compare each unit with those of its own period only.
    base : (n,) bool array, optional
        Rows that the anchors are taken from; all by default.
    reference : int, optional
        Number of the unit that the method ``"reference"`` measures against.

    Raises
    ------
    DataError
        If an indicator does not vary, lacks goalposts or a target, or is not positive where its
        method needs it.
    """
    _check_input(x, nodes, methods)
    if by_period:
        scores, worst, best = np.full(x.shape, np.nan), np.full(x.shape, np.nan), x * np.nan
        for period in np.unique(frame.period).tolist():
            rows = frame.period == period
            scores[rows], anchors = normalize(
                x[rows], nodes, methods, frame.take(rows), scales=scales, clip=clip,
                by_period=False, reference=reference,
            )  # fmt: skip
            worst[rows], best[rows] = anchors.worst, anchors.best
        return scores, Anchors(worst, best)
    anchors = _anchors(x, nodes, methods, frame, base, reference)
    _refuse_constant(anchors, nodes, methods)
    scores = np.full(x.shape, np.nan)
    direction = np.array([node.direction for node in nodes])
    listed = np.array(methods)
    for method in dict.fromkeys(methods):
        own = listed == method
        lower, upper = scales[method]
        part = x[:, own]
        if method in LINEAR:
            bounded = clip and method in ("goalposts", "target")
            worst, best = anchors.worst[..., own], anchors.best[..., own]
            scores[:, own] = linear_scores(
                part, worst, best, lower=lower, upper=upper, clip=bounded
            )
        elif method == "proportion_of_best":
            scores[:, own] = lower + (upper - lower) * proportion_of_best(part, direction[own])
        else:
            order = ordinal_scores(part, direction[own], method)
            scores[:, own] = lower + (upper - lower) * order if method == "percentile" else order
    return scores, anchors


def _anchors(
    x: Floats,
    nodes: Sequence[Node],
    methods: Sequence[str],
    frame: Frame,
    base: Bools | None,
    reference: int | None,
) -> Anchors:
    n, k = x.shape
    source = x if base is None else x[base]
    low, high = column_range(source)
    up = np.array([node.direction > 0 for node in nodes])
    worst, best = np.where(up, low, high), np.where(up, high, low)
    listed = np.array(methods)
    if (listed == "zscore").any():
        mean, deviation = column_moments(source)
        z = listed == "zscore"
        worst = np.where(z, mean, worst)
        best = np.where(z, mean + np.where(up, deviation, -deviation), best)
    for j, (node, method) in enumerate(zip(nodes, methods, strict=True)):
        if method == "goalposts" and node.goalposts is not None:
            worst[j], best[j] = node.goalposts if up[j] else node.goalposts[::-1]
        elif method == "target" and node.target is not None:
            best[j] = node.target
            if (best[j] - worst[j]) * node.direction <= 0:  # every unit has reached it
                worst[j] = best[j] - node.direction
        elif method not in LINEAR:
            worst[j] = best[j] = np.nan
    if (listed != "reference").all() or reference is None:
        return Anchors(worst, best)
    own = listed == "reference"
    best_rows = np.broadcast_to(best, (n, k)).copy()
    best_rows[:, own] = np.nan
    for row in np.flatnonzero(frame.entity == reference).tolist():
        peers = frame.period == frame.period[row]
        best_rows[np.ix_(peers, own)] = x[row, own]
    return Anchors(np.broadcast_to(worst, (n, k)), best_rows)


def _check_input(x: Floats, nodes: Sequence[Node], methods: Sequence[str]) -> None:
    for method, attribute in (("goalposts", "goalposts"), ("target", "target")):
        lacking = [
            node.code
            for node, chosen in zip(nodes, methods, strict=True)
            if chosen == method and getattr(node, attribute) is None
        ]
        if lacking:
            raise DataError(
                f"no {attribute} for {', '.join(map(repr, lacking))}",
                code="missing_goalposts" if method == "goalposts" else "missing_target",
                column=lacking[0],
                remedy=f"give {attribute} in the structure, or normalize these otherwise",
            )
    for j, (node, method) in enumerate(zip(nodes, methods, strict=True)):
        column = x[:, j]
        if np.isinf(column).any():
            raise DataError(f"{node.code!r} is infinite", code="non_finite", column=node.code)
        if method == "proportion_of_best" and (column <= 0).any():
            raise DataError(
                f"{node.code!r} is not positive everywhere, so a proportion of the best has no "
                "meaning",
                code="non_positive",
                column=node.code,
                remedy="normalize it by min-max or goalposts",
            )


def _refuse_constant(anchors: Anchors, nodes: Sequence[Node], methods: Sequence[str]) -> None:
    constant = [
        node.code
        for j, (node, method) in enumerate(zip(nodes, methods, strict=True))
        if method in LINEAR and bool(np.any(anchors.worst[..., j] == anchors.best[..., j]))
    ]
    if constant:
        raise DataError(
            f"the worst and the best value of {', '.join(map(repr, constant))} coincide, so the "
            "units cannot be compared by them",
            code="constant_indicator",
            column=constant[0],
            remedy="leave them out, give them goalposts, or take percentiles",
        )
