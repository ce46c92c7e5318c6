"""Petrin and Levinsohn's aggregate productivity growth from the rows of a panel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._periods import Pairs
from tfp_index.aggregation._rows import Grouping, read_column
from tfp_index.errors import DataError
from tfp_index.kernels.decompose_levels import petrin_levinsohn
from tfp_index.kernels.matching import Matches, select_pair
from tfp_index.panel.panel import Panel

__all__ = ["Reallocation", "reallocation"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reallocation:
    """Terms by pair of periods and group, each of shape (P, G'); the sum comes last.

    Attributes
    ----------
    growth : core of continuing firms, measured without elasticities
    technical, residual : (P, G')
    inputs : mapping of input to its reallocation (P, G')
    entry, exit : value added less cost of inputs of entrants, and minus that of exiters, over
        aggregate value added of their period
    n : (P, G') continuing firms
    left_out : int
        Firm-pairs without value, input or cost above zero.
    """

    growth: Floats
    technical: Floats
    residual: Floats
    inputs: Mapping[str, Floats]
    entry: Floats
    exit: Floats
    n: Floats
    left_out: int


def reallocation(
    panel: Panel,
    phi: Floats,
    matches: Matches,
    pairs: Pairs,
    groups: Grouping,
    *,
    value: str,
    elasticities: Mapping[str, float],
    costs: Mapping[str, str],
    home: str,
) -> Reallocation:
    """Compute the terms of every pair of periods.

    Raises
    ------
    DataError
        If no continuing firm of a pair has value, inputs and costs above zero.
    """
    names = list(elasticities)
    data = _read(panel, value, names, costs)
    b = np.array([elasticities[name] for name in names])
    P, G = len(pairs), groups.size
    found = np.zeros((6 + len(names), P, G))
    left_out = 0
    for p in range(P):
        mine = select_pair(matches, p)
        keep = data.usable[mine.start] & data.usable[mine.end]
        left_out += int((~keep).sum())
        start, end = mine.start[keep], mine.end[keep]
        demand = data.demand(panel, pairs.numbers[p])
        if not start.size or min(demand) <= 0.0:
            raise DataError(
                f"no continuing firm of {pairs.start[p]}–{pairs.end[p]} has {value}, inputs and "
                "their costs above zero",
                code="no_survivors",
                time=pairs.end[p],
                expected=f"positive {value}, {', '.join(names)} and their costs",
            )
        Y, X, C = data.Y, data.X, data.C
        terms = petrin_levinsohn(
            (Y[start], Y[end]), np.log(Y[end] / Y[start]), np.log(X[end] / X[start]),
            (C[start], C[end]), b, phi[end] - phi[start], demand,
        )  # fmt: skip
        at = groups.codes[end if home == "end" else start]
        columns = [terms.growth, terms.technical, terms.residual, *terms.reallocation.T]
        for row, values in zip((0, 1, 2, *range(6, 6 + len(names))), columns, strict=True):
            found[row, p] = np.bincount(at, values, G)
        found[3, p] = data.surplus(mine.entrant, demand[1], groups)
        found[4, p] = -data.surplus(mine.exiter, demand[0], groups)
        found[5, p] = np.bincount(at, minlength=G)
    if G > 1:
        found = np.concatenate((found, found.sum(axis=-1, keepdims=True)), axis=-1)
    growth, technical, residual, entry, exit_, n = found[:6]
    inputs = dict(zip(names, found[6:], strict=True))
    return Reallocation(growth, technical, residual, inputs, entry, exit_, n, left_out)


@dataclass(frozen=True, eq=False)
class _Data:
    """Output Y, value added V, inputs X and their costs C; `whole` rows have V and C."""

    Y: Floats
    V: Floats
    X: Floats
    C: Floats
    whole: NDArray[np.bool_]
    usable: NDArray[np.bool_]

    def demand(self, panel: Panel, pair: NDArray[np.int64]) -> tuple[float, float]:
        """Aggregate value added of both periods."""
        first, second = (float(self.V[(panel.time == t) & self.whole].sum()) for t in pair)
        return first, second

    def surplus(self, rows: NDArray[np.int64], total: float, groups: Grouping) -> Floats:
        """Value added less cost of inputs over a total, by group."""
        rows = rows[self.whole[rows]]
        values = (self.V[rows] - self.C[rows].sum(axis=1)) / total
        return np.bincount(groups.codes[rows], values, groups.size).astype(np.float64)


def _read(panel: Panel, value: str, names: list[str], costs: Mapping[str, str]) -> _Data:
    Y = _level(panel, value)
    V = Y if value == "value_added" else _level(panel, "value_added")
    X = np.column_stack([_level(panel, name) for name in names])
    C = np.column_stack([read_column(panel, costs[name]) for name in names])
    whole = np.isfinite(V) & np.isfinite(C).all(axis=1)
    return _Data(Y, V, X, C, whole, (Y > 0) & (X > 0).all(axis=1) & whole)


def _level(panel: Panel, role: str) -> Floats:
    values = panel[role]
    return np.exp(values) if panel.logs else values
