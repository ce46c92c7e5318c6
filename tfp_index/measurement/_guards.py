"""What every specification of this layer refuses, in one voice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels.blocks import map_blocks
from tfp_index.panel.checks import refuse_mixed_bases
from tfp_index.panel.panel import Panel
from tfp_index.results.result import Sample

__all__ = [
    "figures",
    "refuse_logs",
    "refuse_mixed_bases",
    "refuse_not_positive",
    "refuse_row",
    "require_item",
    "row_sample",
    "series_name",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LARGEST, _SMALLEST = 1e100, 1e-100
"""Figures beyond these are no measurements, and products and ratios of them have no double."""


def figures(panel: Panel, role: str) -> Floats:
    """Read a role whose figures a double can multiply and divide; missing ones pass.

    Raises
    ------
    DataError
        If the role is absent, or a figure is infinite or out of all scale.
    """
    values = panel[role]

    def ends(rows: slice) -> tuple[float, float]:
        size = np.abs(values[rows])
        return np.fmin.reduce(size, initial=np.inf), np.fmax.reduce(size, initial=0.0)

    limits = map_blocks(ends, values.shape[0])
    if all(low >= _SMALLEST and high <= _LARGEST for low, high in limits):
        return values
    size = np.abs(values)
    bad = np.flatnonzero((size > _LARGEST) | ((size < _SMALLEST) & (size > 0.0)))
    if bad.size:
        entity, time = series_name(panel, int(bad[0]))
        infinite = bool(np.isinf(values[bad[0]]))
        raise DataError(
            f"{role} is {values[bad[0]]:g} in {bad.size} row(s), first here",
            code="non_finite" if infinite else "out_of_scale",
            column=panel.names[role],
            entity=entity,
            time=time,
            expected="finite numbers" if infinite else "0, or a size from 1e-100 to 1e100",
            remedy="correct it, or leave it empty if it is not known",
        )
    return values


def series_name(panel: Panel, row: int) -> tuple[Any, Any]:
    """Return the labels of entity (with its item) and time of a row, for messages."""
    entity, time = panel.where(row)
    if panel.item is not None:
        entity = f"{entity}, {panel.item.labels[panel.item.codes[row]]}"
    return entity, time


def refuse_logs(panel: Panel, what: str) -> None:
    """Raise if the panel's columns are logs.

    Raises
    ------
    DataError
    """
    if panel.logs:
        raise DataError(
            f"{what} needs levels, and this panel holds natural logs",
            code="logs_not_levels",
            remedy="build the panel from levels, without logs=True",
        )


def require_item(panel: Panel, kind: str) -> None:
    """Raise unless the panel has a third key.

    Raises
    ------
    DataError
    """
    if panel.item is None:
        raise DataError(
            f"the panel has no {kind}s",
            code="missing_item",
            expected=f"one row per entity, period and {kind}: item= in Panel.from_frame",
        )


def refuse_row(
    panel: Panel, rows: Ints, message: str, *, code: str, column: str, expected: str, remedy: str
) -> None:
    """Raise about the first of some rows of a panel with items.

    Raises
    ------
    DataError
    """
    if rows.size:
        entity, time = series_name(panel, int(rows[0]))
        raise DataError(
            f"{message} in {rows.size} row(s), first here",
            code=code,
            column=column,
            entity=entity,
            time=time,
            expected=expected,
            remedy=remedy,
        )


def refuse_not_positive(panel: Panel, role: str, values: Floats) -> None:
    """Raise at the first number that is not above zero; missing ones pass.

    Raises
    ------
    DataError
    """
    bad = np.flatnonzero(values <= 0.0)
    if bad.size:
        entity, time = series_name(panel, int(bad[0]))
        raise DataError(
            f"{role} is {values[bad[0]]:g} in {bad.size} row(s), first here",
            code="non_positive",
            column=panel.names[role],
            entity=entity,
            time=time,
            expected="a number above zero",
            remedy="correct it, or leave it empty if it is not known",
        )


def row_sample(
    panel: Panel, values: Floats, reason: str, notes: Mapping[str, int] | None
) -> Sample:
    """Count the rows with a value; the others are lost for one reason."""
    known = int(np.isfinite(values).sum())
    return Sample(
        rows=panel.keys.frame_rows,
        used=known,
        lost={reason: panel.n_rows - known},
        notes=notes or {},
    )
