"""What every specification of this layer refuses, in one voice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.panel.checks import refuse_mixed_bases
from tfp_index.panel.panel import Panel
from tfp_index.results.result import Sample

__all__ = [
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
