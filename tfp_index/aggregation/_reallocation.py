"""Petrin and Levinsohn's aggregate productivity growth from the rows of a panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._periods import Pairs
from tfp_index.aggregation._rows import Grouping, read_column
from tfp_index.errors import DataError
from tfp_index.kernels.decompose_levels import petrin_levinsohn
from tfp_index.kernels.matching import Matches, select_pair
from tfp_index.kernels.sums import Additive
from tfp_index.panel.panel import Panel

__all__ = [
    "Reallocation",
    "ReallocationSums",
    "assemble_reallocation",
    "final_demand",
    "reallocation_sums",
    "require_demand",
]

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


@dataclass(frozen=True, eq=False)
class ReallocationSums(Additive):
    """Sums over firms.

    Attributes
    ----------
    terms : (6 + k, P, G) float array
        Growth, technical, residual, entry, exit, firms, and the reallocation of each input.
    left_out : int
    """

    terms: Floats
    left_out: int


def final_demand(panel: Panel, pairs: Pairs, *, value: str, costs: Mapping[str, str]) -> Floats:
    """(P, 2) aggregate value added in both periods of each pair."""
    names = list(costs)
    data = _read(panel, value, names, costs)
    sums = [[data.demand(panel, number) for number in pair] for pair in pairs.numbers.tolist()]
    return np.array(sums, np.float64).reshape(len(pairs), 2)


def require_demand(demand: Floats, pairs: Pairs, names: Sequence[str], value: str) -> None:
    """Refuse a pair of periods without value added.

    Raises
    ------
    DataError
    """
    without = np.flatnonzero(~(demand > 0.0).all(axis=1))
    if without.size:
        _refuse(pairs, int(without[0]), names, value)


def reallocation_sums(
    panel: Panel,
    phi: Floats,
    matches: Matches,
    groups: Grouping,
    demand: Floats,
    *,
    value: str,
    elasticities: Mapping[str, float],
    costs: Mapping[str, str],
    home: str,
) -> ReallocationSums:
    """Sum the terms over the firms of a panel, for every pair of periods.

    Parameters
    ----------
    demand : (P, 2) float array
        See `final_demand`; above zero.
    """
    names = list(elasticities)
    data = _read(panel, value, names, costs)
    b = np.array([elasticities[name] for name in names])
    P, G = demand.shape[0], groups.size
    found = np.zeros((6 + len(names), P, G))
    left_out = 0
    for p in range(P):
        mine = select_pair(matches, p)
        keep = data.usable[mine.start] & data.usable[mine.end]
        left_out += int((~keep).sum())
        start, end = mine.start[keep], mine.end[keep]
        of_pair = (float(demand[p, 0]), float(demand[p, 1]))
        Y, X, C = data.Y, data.X, data.C
        terms = petrin_levinsohn(
            (Y[start], Y[end]), np.log(Y[end] / Y[start]), np.log(X[end] / X[start]),
            (C[start], C[end]), b, phi[end] - phi[start], of_pair,
        )  # fmt: skip
        at = groups.codes[end if home == "end" else start]
        columns = [terms.growth, terms.technical, terms.residual, *terms.reallocation.T]
        for row, values in zip((0, 1, 2, *range(6, 6 + len(names))), columns, strict=True):
            found[row, p] = np.bincount(at, values, G)
        found[3, p] = data.surplus(mine.entrant, of_pair[1], groups)
        found[4, p] = -data.surplus(mine.exiter, of_pair[0], groups)
        found[5, p] = np.bincount(at, minlength=G)
    return ReallocationSums(found, left_out)


def assemble_reallocation(
    sums: ReallocationSums, pairs: Pairs, names: Sequence[str], value: str
) -> Reallocation:
    """Return the terms of every pair of periods.

    Raises
    ------
    DataError
        If no continuing firm of a pair has value, inputs and costs above zero.
    """
    found = sums.terms
    without = np.flatnonzero(found[5].sum(axis=-1) == 0.0)
    if without.size:
        _refuse(pairs, int(without[0]), names, value)
    if found.shape[-1] > 1:
        found = np.concatenate((found, found.sum(axis=-1, keepdims=True)), axis=-1)
    growth, technical, residual, entry, exit_, n = found[:6]
    inputs = dict(zip(names, found[6:], strict=True))
    return Reallocation(growth, technical, residual, inputs, entry, exit_, n, sums.left_out)


def _refuse(pairs: Pairs, p: int, names: Sequence[str], value: str) -> NoReturn:
    raise DataError(
        f"no continuing firm of {pairs.start[p]}–{pairs.end[p]} has {value}, inputs and "
        "their costs above zero",
        code="no_survivors",
        time=pairs.end[p],
        expected=f"positive {value}, {', '.join(names)} and their costs",
    )


@dataclass(frozen=True, eq=False)
class _Data:
    """Output Y, value added V, inputs X and their costs C; `whole` rows have V and C."""

    Y: Floats
    V: Floats
    X: Floats
    C: Floats
    whole: NDArray[np.bool_]
    usable: NDArray[np.bool_]

    def demand(self, panel: Panel, number: int) -> float:
        """Aggregate value added of a period."""
        return float(self.V[(panel.time == number) & self.whole].sum())

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
