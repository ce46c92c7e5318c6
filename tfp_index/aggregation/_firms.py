"""Who stands behind the terms of a decomposition: largest weights, and each firm's contribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.decompose import METHODS, firm_moments
from tfp_index.kernels.disclosure import Contributions, contributions
from tfp_index.kernels.matching import Matches, select_pair
from tfp_index.kernels.sums import Additive

__all__ = ["Behind", "FirmTerms", "behind", "contributions_by_firm"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FIRM_TERMS = ("total", "within", "between", "cross", "entry", "exit")


@dataclass(frozen=True, eq=False)
class Behind(Additive):
    """Counts and largest weights of survivors, entrants and exiters; cells of shape (P, H, G)."""

    _shared: ClassVar[tuple[str, ...]] = ("shape",)

    survivors_start: Contributions
    survivors_end: Contributions
    entrants: Contributions
    exiters: Contributions
    shape: tuple[int, int, int]


def behind(
    matches: Matches,
    weight: Floats,
    cell: Ints,
    shape: tuple[int, int, int],
    keep_largest: int,
    home: str,
) -> Behind | None:
    """Find the largest weights behind every cell; None when none are to be kept."""
    if not keep_largest:
        return None
    per_pair = shape[1] * shape[2]
    cells = shape[0] * per_pair
    at = matches.pair * per_pair + cell[matches.end if home == "end" else matches.start]

    def of(rows: Ints, keys: Ints) -> Contributions:
        return contributions(weight[rows], keys, cells, k=keep_largest)

    return Behind(
        of(matches.start, at),
        of(matches.end, at),
        of(matches.entrant, matches.entrant_pair * per_pair + cell[matches.entrant]),
        of(matches.exiter, matches.exiter_pair * per_pair + cell[matches.exiter]),
        shape,
    )


@dataclass(frozen=True, eq=False)
class FirmTerms:
    """Each firm's contribution to each term of every method.

    Attributes
    ----------
    row : (m,) int array
        The firm's row in period 2, for exiters in period 1.
    pair : (m,) int array
    role : (m,) int8 array
        0 survivor, 1 entrant, 2 exiter.
    terms : mapping of method to mapping of term to (m,) array
    """

    row: Ints
    pair: Ints
    role: NDArray[np.int8]
    terms: Mapping[str, Mapping[str, Floats]]


def contributions_by_firm(
    matches: Matches,
    phi: Floats,
    weight: Floats,
    design: Floats | None,
    population: Ints,
    pairs: int,
    methods: list[str],
) -> FirmTerms:
    """Return every firm's contribution to the change of its population."""
    rows, pair, role = [], [], []
    found: dict[str, dict[str, list[Floats]]] = {m: {t: [] for t in FIRM_TERMS} for m in methods}
    for p in range(pairs):
        of_pair = select_pair(matches, p)
        for h in np.unique(population[np.concatenate((of_pair.end, of_pair.entrant,
                                                      of_pair.exiter))]).tolist():  # fmt: skip
            mine = _of_population(of_pair, population == h)
            moments, at = firm_moments(mine, phi, weight, design=design)
            sizes = (mine.end.shape[0], mine.entrant.shape[0], mine.exiter.shape[0])
            rows.append(at)
            pair.append(np.full(at.shape[0], p))
            role.append(np.repeat(np.arange(3, dtype=np.int8), sizes))
            for method in methods:
                terms = METHODS[method](moments)
                for term in FIRM_TERMS:
                    found[method][term].append(getattr(terms, term))
    return FirmTerms(
        np.concatenate(rows),
        np.concatenate(pair),
        np.concatenate(role),
        {m: {t: np.concatenate(parts) for t, parts in of.items()} for m, of in found.items()},
    )


def _of_population(matches: Matches, inside: NDArray[np.bool_]) -> Matches:
    s, e, x = inside[matches.end], inside[matches.entrant], inside[matches.exiter]
    return Matches(
        matches.start[s],
        matches.end[s],
        matches.pair[s],
        matches.entrant[e],
        matches.entrant_pair[e],
        matches.entrant_kind[e],
        matches.exiter[x],
        matches.exiter_pair[x],
        matches.exiter_kind[x],
    )
