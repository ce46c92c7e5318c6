"""The terms of a decomposition as cells, each backed by the firms that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._assemble import TERMS
from tfp_index.aggregation._cells import TOTAL, Cells
from tfp_index.aggregation._firms import Behind
from tfp_index.kernels.disclosure import Contributions

if TYPE_CHECKING:
    from tfp_index.aggregation.decomposition_result import DecompositionResult

__all__ = ["term_cells"]

Floats = NDArray[np.float64]


def _expand(found: Contributions, shape: tuple[int, int, int], whole: tuple[bool, bool]) -> Any:
    """Contributions as arrays (P, H', G') and (P, H', G', k), with the unions appended."""
    k = found.largest.shape[1]
    n, total = np.reshape(found.n, shape), np.reshape(found.total, shape)
    largest: Floats = np.reshape(found.largest, (*shape, k))
    for axis, append in ((2, whole[1]), (1, whole[0])):
        if not append:
            continue
        n = np.concatenate((n, n.sum(axis=axis, keepdims=True)), axis=axis)
        total = np.concatenate((total, total.sum(axis=axis, keepdims=True)), axis=axis)
        pooled = np.moveaxis(largest, axis, -2)
        pooled = pooled.reshape(*pooled.shape[:-2], -1)
        top = -np.sort(-pooled, axis=-1)[..., :k]
        largest = np.concatenate((largest, np.expand_dims(top, axis)), axis=axis)
    return n, total, largest


def _union(parts: Sequence[Any]) -> Any:
    n, total = sum(p[0] for p in parts), sum(p[1] for p in parts)
    k = parts[0][2].shape[-1]
    pooled = np.concatenate([p[2] for p in parts], axis=-1)
    return n, total, -np.sort(-pooled, axis=-1)[..., :k]


def term_cells(result: DecompositionResult, method: str) -> Cells:
    """Turn the terms of one method into cells, with margins over terms and over groups."""
    columns = result.assembled[method].columns
    behind: Behind | None = result.behind
    assert behind is not None
    P, H, G = columns["total"].shape
    whole = (behind.shape[1] < H, behind.shape[2] < G)
    start, end, entrants, exiters = (
        _expand(found, behind.shape, whole)
        for found in (
            behind.survivors_start, behind.survivors_end, behind.entrants, behind.exiters,
        )
    )  # fmt: skip
    backing = {
        "entry": (entrants, entrants),
        "exit": (exiters, exiters),
        "total": (_union((start, exiters)), _union((end, entrants))),
    }
    terms = [t for t in (*TERMS, "total") if t == "total" or not np.isnan(columns[t]).all()]
    first, second, values = [], [], []
    for term in terms:
        one, other = backing.get(term, (end, start))
        first.append(one)
        second.append(other)
        values.append(columns[term].ravel())

    # within, between and the like are statistics of the same survivors
    kind = [{"entry": 1, "exit": 2, "total": 3}.get(term, 0) for term in terms]
    source = (np.array(kind)[:, None] * (P * H * G) + np.arange(P * H * G)).ravel()

    def stack(parts: list[Any]) -> Contributions:
        return Contributions(
            np.concatenate([p[0].ravel() for p in parts]),
            np.concatenate([p[1].ravel() for p in parts]),
            np.concatenate([p[2].reshape(-1, p[2].shape[-1]) for p in parts]),
            source,
        )

    labels = result._labels(P, H, G)
    times = len(terms)
    names = [*result.populations, *result.parts]
    keys = {name: np.tile(labels[name], times) for name in names}
    shown = np.array([TOTAL if term == "total" else term for term in terms], object)
    keys["term"] = np.repeat(shown, P * H * G)
    period = np.array(
        [f"{a}–{b}" for a, b in zip(labels["start"], labels["end"], strict=True)], object
    )
    table = result.tidy()
    return Cells(
        keys=keys,
        time=np.tile(period, times),
        contributions=(stack(first), stack(second)),
        values={"contribution": np.concatenate(values)},
        time_name="period",
        title=f"{table.title}: {method}",
        notes=tuple(table.notes),
        backend=table.backend,
    )
