"""Productivity and weights of the rows of a partition, as all methods of aggregation read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._rows import (
    MeasuredRows,
    base_means,
    measured_rows,
    refuse_items,
    sums_at_base,
)
from tfp_index.errors import SpecificationError
from tfp_index.panel.checks import require_keys
from tfp_index.panel.panel import Panel
from tfp_index.scale.programs._shared import Frame, aligned, frame_of
from tfp_index.scale.task import Context, Program, Sum

__all__ = [
    "Measuring",
    "checked",
    "mean_productivity",
    "measured",
    "measuring",
    "require_column",
    "total_productivity",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measuring:
    """How productivity and weights are read.

    Attributes
    ----------
    frame : Frame
    productivity : str
        Column.
    options : mapping
        Those of `measured_rows`.
    means : (G,) float array or None
        Of the groups of ``relative`` in the base period.
    """

    frame: Frame
    productivity: str
    options: Mapping[str, Any]
    means: Floats | None = None

    @property
    def name(self) -> str:
        """What is measured, as in memory."""
        relative = self.options.get("relative")
        return self.productivity + (f" relative to {relative}" if relative else "")


def measuring(
    spec: Any, context: Context, productivity: Any, wanted: Sequence[Sequence[str]] = ()
) -> Program:
    """Find what is needed to read productivity and weights: labels, and means in the base period.

    Parameters
    ----------
    spec : specification
        With the options ``weight``, ``scale``, ``given``, ``sampling_weight`` and perhaps
        ``relative`` and ``base``.
    context : Context
    productivity : str
        Column.
    wanted : sequence of groupings
        Others that will be used.
    """
    require_column(productivity)
    relative = getattr(spec, "relative", None)
    every = [*wanted, *([(relative,)] if relative else [])]
    frame = yield from frame_of(context, every)
    options = {"weight": spec.weight, "scale": spec.scale, "given": spec.given,
               "sampling_weight": spec.sampling_weight}  # fmt: skip
    if relative is None:
        return Measuring(frame, productivity, options)
    options |= {"relative": relative, "base": spec.base}
    found = yield Sum(_base, (Measuring(frame, productivity, options),))
    means = base_means(spec.base, *found)
    return Measuring(frame, productivity, options, means)


def require_column(productivity: Any) -> None:
    """Refuse productivity that is not a column.

    Raises
    ------
    SpecificationError
    """
    if not isinstance(productivity, str):
        raise SpecificationError(
            "a run over partitions takes productivity from a column",
            code="not_partitioned",
            column="productivity",
            expected="the name of a column",
            remedy="run the estimator first; its dataset has productivity by entity and time",
        )


def checked(panel: Panel, frame: Frame) -> Panel:
    """Return a partition under the labels of all, with one row for each key and no items.

    Raises
    ------
    DataError
    """
    require_keys(panel)
    refuse_items(panel)
    return aligned(panel, frame)


def _base(panel: Panel, how: Measuring) -> Any:
    return sums_at_base(checked(panel, how.frame), how.productivity, **how.options)


def measured(panel: Panel, how: Measuring) -> tuple[Panel, MeasuredRows]:
    """Return a partition under the labels of all, with productivity and weights of its rows."""
    part = checked(panel, how.frame)
    return part, measured_rows(part, how.productivity, means=how.means, **how.options)


def total_productivity(rows: MeasuredRows) -> tuple[int, float]:
    """Measured rows and the sum of their productivity."""
    inside = rows.phi if not rows.lost else rows.phi[rows.measured]
    return inside.shape[0], float(inside.sum())


def mean_productivity(n: int, total: float) -> float:
    """Return what `MeasuredRows.pivot` is over all partitions."""
    return total / n if n else 0.0
