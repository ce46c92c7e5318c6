"""What a decomposition sums over firms, and the result that follows from the sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation import _firms
from tfp_index.aggregation._assemble import assemble, industries, population_weights
from tfp_index.aggregation._periods import Pairs
from tfp_index.aggregation._reallocation import (
    ReallocationSums,
    assemble_reallocation,
    reallocation_sums,
)
from tfp_index.aggregation._rows import Grouping, MeasuredRows, period_codes
from tfp_index.aggregation.decomposition_result import DecompositionResult
from tfp_index.errors import DataError
from tfp_index.kernels.decompose import METHODS, Moments, pair_moments
from tfp_index.kernels.decompose_levels import (
    LevelMoments,
    collard_wexler_de_loecker,
    level_moments,
    nested_olley_pakes,
    olley_pakes,
)
from tfp_index.kernels.matching import Matches, drop_unmeasured, match_pairs, part_switchers
from tfp_index.kernels.sums import Additive
from tfp_index.panel.calendar import Calendar
from tfp_index.panel.keys import Keys
from tfp_index.panel.panel import Panel
from tfp_index.results.result import Record

if TYPE_CHECKING:
    from tfp_index.aggregation.decomposition import Decomposition

__all__ = [
    "REALLOCATION",
    "STATIC",
    "DecompositionSums",
    "PeriodCounts",
    "decomposition_sums",
    "notes_of",
    "period_counts",
    "refuse_no_survivors",
    "require_data",
    "result_of_sums",
    "unweighted",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATIC = {
    "olley_pakes": olley_pakes,
    "collard_wexler_de_loecker": collard_wexler_de_loecker,
    "nested_olley_pakes": nested_olley_pakes,
}
REALLOCATION = "petrin_levinsohn"


@dataclass(frozen=True, eq=False)
class PeriodCounts(Additive):
    """What every period of the calendar has; arrays of shape (T,).

    Attributes
    ----------
    rows, measured : rows, and those with productivity and weight
    weight : total weight
    lost : mapping of reason to rows
    """

    rows: Ints
    measured: Ints
    weight: Floats
    lost: Mapping[str, Ints]


def period_counts(panel: Panel, rows: MeasuredRows) -> PeriodCounts:
    """Count rows and weight of every period."""
    T, slot = panel.keys.calendar.numbers.shape[0], period_codes(panel)
    return PeriodCounts(
        np.bincount(slot, minlength=T),
        np.bincount(slot[rows.measured], minlength=T),
        np.bincount(slot, np.where(rows.measured, rows.weight, 0.0), T).astype(np.float64),
        {reason: np.bincount(slot[mask], minlength=T) for reason, mask in rows.lost.items()},
    )


def require_data(counts: PeriodCounts, pairs: Pairs, calendar: Calendar) -> None:
    """Every period of a pair needs measured rows, and weight.

    Raises
    ------
    DataError
    """
    for number in np.unique(pairs.numbers).tolist():
        place = int(np.searchsorted(calendar.numbers, number))
        label, there = calendar.write(number), int(counts.rows[place])
        if not counts.measured[place]:
            reason = next((why for why, n in counts.lost.items() if n[place] == there), None)
            raise DataError(
                f"no row of {label} has productivity and weight"
                + (f" ({reason} in all {there})" if reason else ""),
                code="no_usable_rows",
                time=label,
                expected="productivity and weight in both periods of a pair",
            )
        if not counts.weight[place] > 0.0:
            raise DataError(
                f"the weights of {label} sum to zero",
                code="no_weight",
                time=label,
                expected="weight in every period",
                remedy="the weight must be that of the period itself, not of another one",
            )


@dataclass(frozen=True, eq=False)
class DecompositionSums(Additive):
    """Sums over firms; those of disjoint sets of firms add up.

    Attributes
    ----------
    moments : Moments
    survivors : (P,) int array
        Firms present in both periods, also those that changed their group of `within`.
    switchers : int
        Firm-pairs that changed it.
    levels : LevelMoments or None
        Of the static methods, (periods of the pairs, parts).
    behind : Behind or None
    reallocation : ReallocationSums or None
    used : int
        Rows that took part.
    lost : mapping of reason to rows
    """

    moments: Moments
    survivors: Ints
    switchers: int
    levels: LevelMoments | None
    behind: _firms.Behind | None
    reallocation: ReallocationSums | None
    used: int
    lost: Mapping[str, int]


def decomposition_sums(
    spec: Decomposition,
    panel: Panel,
    rows: MeasuredRows,
    pairs: Pairs,
    inside: Grouping,
    parts: Grouping,
    *,
    pivot: float,
    demand: Floats | None = None,
) -> tuple[DecompositionSums, Matches]:
    """Take the sums over the firms of a panel.

    Parameters
    ----------
    spec : Decomposition
    panel : Panel
    rows : MeasuredRows
    pairs : Pairs
    inside, parts : Grouping
        Of `within` and of `by`.
    pivot : float
        Mean productivity.
    demand : (P, 2) float array, optional
        Aggregate value added in the periods of each pair, for ``petrin_levinsohn``.
    """
    matches = match_pairs(panel.entity_codes, panel.time, pairs.numbers, measured=rows.measured)
    if spec.missing == "firm":
        matches = drop_unmeasured(matches)
    survivors = np.bincount(matches.pair, minlength=len(pairs))
    switchers = 0
    if spec.within is not None:
        matches, switched = part_switchers(matches, inside.codes)
        switchers = int(switched.sum())
    shape = (len(pairs), inside.size, parts.size)
    cell = parts.codes if inside.size == 1 else inside.codes * parts.size + parts.codes
    moments = pair_moments(
        matches, rows.phi, rows.weight, cell, shape, design=rows.design, pivot=pivot,
        home=spec.movers,
    )  # fmt: skip
    plain = None
    if demand is not None:
        plain = reallocation_sums(
            panel, rows.phi, matches, parts, demand, value=spec.value, home=spec.movers,
            elasticities=spec.elasticities, costs=spec.costs,
        )  # fmt: skip
    used, lost = _taken(panel, rows, pairs, matches)
    sums = DecompositionSums(
        moments=moments,
        survivors=survivors,
        switchers=switchers,
        levels=_levels(spec, panel, rows, pairs, parts, pivot),
        behind=_firms.behind(matches, rows.weight, cell, shape, spec.keep_largest, spec.movers),
        reallocation=plain,
        used=used,
        lost=lost,
    )
    return sums, matches


def _levels(
    spec: Decomposition,
    panel: Panel,
    rows: MeasuredRows,
    pairs: Pairs,
    parts: Grouping,
    pivot: float,
) -> LevelMoments | None:
    """Sums of every period of the pairs, if a static method asks for them."""
    if not any(m in STATIC for m in spec.methods):
        return None
    periods = np.unique(pairs.numbers)
    slot = np.searchsorted(periods, panel.time)
    slot_there = np.minimum(slot, periods.shape[0] - 1)
    asked = rows.measured & (periods[slot_there] == panel.time)
    cell = np.where(asked, slot_there * parts.size + parts.codes, -1)
    shape = (periods.shape[0], parts.size)
    return level_moments(rows.phi, rows.weight, cell, shape, design=rows.design, pivot=pivot)


def _taken(
    panel: Panel, rows: MeasuredRows, pairs: Pairs, matches: Matches
) -> tuple[int, dict[str, int]]:
    """Rows that take part, and why others do not."""
    wanted = np.isin(panel.keys.calendar.numbers, pairs.numbers)
    if wanted.all() and not rows.lost:  # then every row stands in some pair
        return panel.n_rows, {}
    asked = wanted[period_codes(panel)]
    lost = {reason: int((mask & asked).sum()) for reason, mask in rows.lost.items()}
    lost["not of a period asked for"] = panel.n_rows - int(asked.sum())
    taken = np.zeros(panel.n_rows, bool)
    for part in (matches.start, matches.end, matches.entrant, matches.exiter):
        taken[part] = True
    used = int(taken.sum())
    lost["measured in one period of the pair only"] = int((asked & rows.measured).sum()) - used
    return used, lost


def refuse_no_survivors(survivors: Ints, pairs: Pairs, entity: str) -> None:
    """Raise unless every pair of periods has a firm that is present in both.

    Raises
    ------
    DataError
    """
    if survivors.all():
        return
    p = int(np.flatnonzero(survivors == 0)[0])
    raise DataError(
        f"no firm is present in both {pairs.start[p]} and {pairs.end[p]}",
        code="no_survivors",
        column=entity,
        time=pairs.end[p],
        expected="firms that keep their identifier from period to period",
        remedy="check that the identifier means the same in both periods",
    )


def unweighted(moments: Moments) -> bool:
    """Say whether some period of a pair has no weight at all."""
    return not all(W.sum(axis=1).all() for W in population_weights(moments))


def notes_of(sums: DecompositionSums) -> dict[str, int]:
    """Return what is to be noted in the sample."""
    notes = {"changed their group of `within` between the periods (firm-pairs)": sums.switchers}
    if sums.reallocation is not None:
        left_out = sums.reallocation.left_out
        notes["without value, input or cost above zero (firm-pairs)"] = left_out
    return notes


def result_of_sums(
    spec: Decomposition,
    sums: DecompositionSums,
    pairs: Pairs,
    inside: Grouping,
    parts: Grouping,
    *,
    productivity: str,
    record: Record,
    keys: Keys,
    firms: Any = None,
) -> DecompositionResult:
    """Return the terms of every method.

    Raises
    ------
    DataError
        If no continuing firm can be used for ``petrin_levinsohn``.
    """
    dynamic = [m for m in spec.methods if m in METHODS]
    terms = {method: METHODS[method](sums.moments) for method in dynamic}
    periods, levels = np.unique(pairs.numbers), sums.levels
    plain = None
    if sums.reallocation is not None:
        plain = assemble_reallocation(sums.reallocation, pairs, list(spec.elasticities), spec.value)
    return DecompositionResult(
        spec=spec,
        record=record,
        keys=keys,
        productivity=productivity,
        pairs=pairs,
        parts=parts.columns(),
        populations=inside.columns(),
        assembled={m: assemble(m, sums.moments, terms[m], pairs) for m in dynamic},
        structural={
            m: industries(sums.moments, terms[m]) for m in dynamic if inside.size > 1
        },
        levels_by_method={
            m: (periods, STATIC[m](levels), levels)
            for m in spec.methods if m in STATIC and levels is not None
        },
        reallocation=plain,
        behind=sums.behind,
        firms=firms,
    )  # fmt: skip
