"""From sums by pair, population and part to the rows of a decomposition's table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._periods import Pairs
from tfp_index.kernels.decompose import Moments, Terms
from tfp_index.kernels.decompose_levels import StructuralTerms, structural
from tfp_index.kernels.matching import KIND_RETURNING, KIND_UNMEASURED

__all__ = ["TERMS", "Assembled", "assemble", "industries", "population_weights"]

Floats = NDArray[np.float64]

TERMS = ("within", "between", "cross", "structure", "entry", "exit")
"""Columns that add up to the total; NaN where a method has no such term."""


@dataclass(frozen=True, eq=False)
class Assembled:
    """The numbers of one method, each of shape (P, H', G').

    H' runs over the populations and, where there are several, their whole; G' over the parts and,
    where there are several, their sum. `reason` says why a term is missing.
    """

    method: str
    columns: dict[str, Floats]
    reason: NDArray[Any]


def _with_sum(values: Floats) -> Floats:
    """Append the sum over parts, unless there is one part only."""
    if values.shape[-1] == 1:
        return values
    return np.concatenate((values, values.sum(axis=-1, keepdims=True)), axis=-1)


def _divide(a: Floats, b: Floats) -> Floats:
    out: Floats = np.full(np.broadcast_shapes(a.shape, b.shape), np.nan)
    np.divide(a, b, out=out, where=b != 0.0)
    return out


def population_weights(moments: Moments) -> tuple[Floats, Floats]:
    """Total weight of every population in both periods, each of shape (P, H)."""
    S, E, X = moments.survivors, moments.entrants, moments.exiters
    return (
        (S.w1 + X.w.sum(axis=0)).sum(axis=-1),
        (S.w2 + E.w.sum(axis=0)).sum(axis=-1),
    )


def industries(moments: Moments, terms: Terms) -> StructuralTerms:
    """Contribution of every population to the change of the whole, fields of shape (P, H)."""
    W1, W2 = population_weights(moments)
    level1, level2 = terms.start.sum(axis=-1), terms.end.sum(axis=-1)
    return structural(W1, W2, np.nan_to_num(level1), np.nan_to_num(level2))


def _counts(moments: Moments) -> dict[str, Floats]:
    return {
        "n_survivors": moments.survivors.n,
        "n_entrants": moments.entrants.n.sum(axis=0),
        "n_exiters": moments.exiters.n.sum(axis=0),
        "n_returning": moments.entrants.n[KIND_RETURNING] + moments.exiters.n[KIND_RETURNING],
        "n_unmeasured": moments.entrants.n[KIND_UNMEASURED] + moments.exiters.n[KIND_UNMEASURED],
    }


def _own(moments: Moments, terms: Terms) -> dict[str, Floats]:
    """Columns of each population by itself, of shape (P, H, G')."""
    share1, share2 = _with_sum(terms.share_start), _with_sum(terms.share_end)
    columns = {
        "share_start": share1,
        "share_end": share2,
        "level_start": _divide(_with_sum(terms.start), share1),
        "level_end": _divide(_with_sum(terms.end), share2),
        "total": _with_sum(terms.total),
        "within": _with_sum(terms.within),
        "between": _with_sum(terms.between),
        "cross": _with_sum(terms.cross),
        "structure": np.full(share1.shape, np.nan),
        "entry": _with_sum(terms.entry),
        "exit": _with_sum(terms.exit),
        "entry_returning": _with_sum(terms.entry_kinds[KIND_RETURNING]),
        "entry_unmeasured": _with_sum(terms.entry_kinds[KIND_UNMEASURED]),
        "exit_returning": _with_sum(terms.exit_kinds[KIND_RETURNING]),
        "exit_unmeasured": _with_sum(terms.exit_kinds[KIND_UNMEASURED]),
    }
    return columns | {name: _with_sum(values) for name, values in _counts(moments).items()}


def _whole(moments: Moments, terms: Terms, own: dict[str, Floats]) -> dict[str, Floats]:
    """Columns of all populations together, of shape (P, 1, G')."""
    W1, W2 = population_weights(moments)
    S1, S2 = (_divide(W, W.sum(axis=1, keepdims=True))[:, :, None] for W in (W1, W2))
    mean_share = 0.5 * (S1 + S2)
    split = (S1 > 0) & (S2 > 0) & np.isfinite(own["total"][..., -1:])

    def weighted(values: Floats, share: Floats = mean_share) -> Floats:
        kept = np.where(split, share * np.where(split, values, 0.0), 0.0)
        return np.asarray(kept.sum(axis=1, keepdims=True))

    def summed(values: Floats, share: Floats) -> Floats:
        return np.asarray((share * np.nan_to_num(values)).sum(axis=1, keepdims=True))

    moved = industries(moments, terms)
    unsplit = np.where(split[..., 0], 0.0, moved.within)
    structure_ = (moved.structure + moved.arrival + moved.departure + unsplit).sum(axis=1)
    columns: dict[str, Floats] = {}
    for name, values in own.items():
        if name.startswith("n_"):
            columns[name] = values.sum(axis=1, keepdims=True)
        elif name.startswith(("entry", "exit")) or name in ("within", "between", "cross", "total"):
            missing = name == "cross" and np.isnan(values[split[..., 0]]).all()
            columns[name] = np.full_like(values[:, :1], np.nan) if missing else weighted(values)
    for name, share, part in (
        ("start", S1, terms.start),
        ("end", S2, terms.end),
    ):
        columns[f"share_{name}"] = summed(own[f"share_{name}"], share)
        level = summed(_with_sum(part), share)
        columns[f"level_{name}"] = _divide(level, columns[f"share_{name}"])
    columns["structure"] = np.full(columns["total"].shape, np.nan)
    columns["structure"][:, 0, -1] = structure_
    columns["total"][:, 0, -1] += structure_
    return columns


def _reasons(method: str, own: dict[str, Floats], pairs: Pairs, whole: bool) -> NDArray[Any]:
    P, H, G = own["total"].shape
    reason = np.full((P, H + whole, G), "", object)
    population = {name: own[name][..., -1] for name in own}
    no_survivors = population["n_survivors"] == 0
    undefined = np.isnan(population["total"])
    for p in range(P):
        for h in np.flatnonzero(undefined[p]).tolist():
            if np.isnan(population["level_start"][p, h]):
                text = f"no weight in {pairs.start[p]}"
            elif np.isnan(population["level_end"][p, h]):
                text = f"no weight in {pairs.end[p]}"
            elif no_survivors[p, h]:
                text = "no survivors"
            elif method == "baldwin_gu":
                text = "no exiters, whose productivity is the reference"
            else:
                text = "survivors without weight"
            reason[p, h] = text
        if whole and undefined[p].any():
            reason[p, H, -1] = (
                f"{int(undefined[p].sum())} population(s) that cannot be split stand in structure"
            )
        if pairs.breaks[p]:
            said = f"frame changed in {pairs.breaks[p]}: no entry or exit"
            reason[p] = np.array([f"{r}; {said}" if r else said for r in reason[p].ravel()],
                                 object).reshape(reason[p].shape)  # fmt: skip
    return reason


def assemble(method: str, moments: Moments, terms: Terms, pairs: Pairs) -> Assembled:
    """Return the numbers of one method for parts, populations and their wholes."""
    own = _own(moments, terms)
    several = own["total"].shape[1] > 1
    reason = _reasons(method, own, pairs, several)
    columns = own
    if several:
        whole = _whole(moments, terms, own)
        columns = {name: np.concatenate((own[name], whole[name]), axis=1) for name in own}
    broken = pairs.breaks.astype(bool)
    for name in columns:
        if name.startswith(("entry", "exit")):
            columns[name] = np.where(broken[:, None, None], np.nan, columns[name])
    return Assembled(method, columns, reason)
