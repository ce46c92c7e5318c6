"""Petrin and Levinsohn's aggregate productivity growth from the rows of a panel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    Y = _level(panel, value)
    VA = Y if value == "value_added" else _level(panel, "value_added")
    X = np.column_stack([_level(panel, name) for name in names])
    C = np.column_stack([read_column(panel, costs[name]) for name in names])
    whole = np.isfinite(VA) & np.isfinite(C).all(axis=1)
    usable = (Y > 0) & (X > 0).all(axis=1) & whole
    P, G, k = len(pairs), groups.size, len(names)
    found = np.zeros((6 + k, P, G))
    left_out = 0
    b = np.array([elasticities[name] for name in names])
    for p, (t1, t2) in enumerate(pairs.numbers.tolist()):
        mine = select_pair(matches, p)
        keep = usable[mine.start] & usable[mine.end]
        left_out += int((~keep).sum())
        start, end = mine.start[keep], mine.end[keep]
        demand = tuple(float(VA[(panel.time == t) & whole].sum()) for t in (t1, t2))
        if not start.size or min(demand) <= 0.0:
            raise DataError(
                f"no continuing firm of {pairs.start[p]}–{pairs.end[p]} has {value}, inputs and "
                "their costs above zero",
                code="no_survivors",
                time=pairs.end[p],
                expected=f"positive {value}, {', '.join(names)} and their costs",
            )
        terms = petrin_levinsohn(
            (Y[start], Y[end]),
            np.log(Y[end] / Y[start]),
            np.log(X[end] / X[start]),
            (C[start], C[end]),
            b,
            phi[end] - phi[start],
            (demand[0], demand[1]),
        )
        at = groups.codes[end if home == "end" else start]

        def by_group(values: Floats, codes: Any = at) -> Floats:
            return np.bincount(codes, values, G).astype(np.float64, copy=False)

        found[0, p] = by_group(terms.growth)
        found[1, p] = by_group(terms.technical)
        found[2, p] = by_group(terms.residual)
        for row, (rows, total, sign) in enumerate(
            ((mine.entrant, demand[1], 1.0), (mine.exiter, demand[0], -1.0)), start=3
        ):
            rows = rows[whole[rows]]
            surplus = sign * (VA[rows] - C[rows].sum(axis=1)) / total
            found[row, p] = by_group(surplus, groups.codes[rows])
        found[5, p] = by_group(np.ones(start.shape[0]))
        for j in range(k):
            found[6 + j, p] = by_group(terms.reallocation[:, j])
    if G > 1:
        found = np.concatenate((found, found.sum(axis=-1, keepdims=True)), axis=-1)
    return Reallocation(
        growth=found[0],
        technical=found[1],
        residual=found[2],
        inputs=dict(zip(names, found[6:], strict=True)),
        entry=found[3],
        exit=found[4],
        n=found[5],
        left_out=left_out,
    )


def _level(panel: Panel, role: str) -> Floats:
    values = panel[role]
    return np.exp(values) if panel.logs else values
