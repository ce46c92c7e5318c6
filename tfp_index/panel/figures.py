"""Figures that a double can multiply, divide and take to powers: what estimates read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels.blocks import map_blocks
from tfp_index.panel.panel import Panel

__all__ = ["LARGEST", "LARGEST_EXPONENT", "LARGEST_LOG", "SMALLEST", "figures"]

Floats = NDArray[np.float64]

LARGEST, SMALLEST = 1e100, 1e-100
"""Figures beyond these are no measurements, and products and ratios of them have no double."""
LARGEST_LOG = 1e15
"""Beyond it logs and their powers have no digits left."""
LARGEST_EXPONENT = 230.0
"""The log of the largest figure."""


def figures(panel: Panel, role: str, *, logs: bool = False, largest: float | None = None) -> Floats:
    """Read a role whose figures have a scale that measurements have; missing ones pass.

    Parameters
    ----------
    panel : Panel
    role : str
    logs : bool
        Whether the figures are natural logs: these may be as small as they like.
    largest : float, optional
        Largest size; default: `LARGEST`, or `LARGEST_LOG` of logs.

    Raises
    ------
    DataError
        If the role is absent, or a figure is infinite or out of all scale.

    Examples
    --------
    >>> panel = Panel.from_frame({"id": ["A", "B"], "year": [1, 1], "y": [1.0, 1e150]},
    ...                          entity="id", time="year", output="y")
    >>> figures(panel, "output")
    Traceback (most recent call last):
    tfp_index.errors.DataError: output is 1e+150 in 1 row(s), first here [column 'y', entity 'B', \
time 1]. Expected: 0, or a size from 1e-100 to 1e+100. Remedy: correct it, or leave it empty if \
it is not known
    """
    values = panel[role]
    low, high = (0.0, LARGEST_LOG) if logs else (SMALLEST, LARGEST)
    high = high if largest is None else largest

    def ends(rows: slice) -> tuple[float, float]:
        size = np.abs(values[rows])
        return np.fmin.reduce(size, initial=np.inf), np.fmax.reduce(size, initial=0.0)

    limits = map_blocks(ends, values.shape[0])
    top = max(largest for _, largest in limits) if limits else 0.0
    if top <= high and all(smallest >= low for smallest, _ in limits) and not 0 < top < SMALLEST:
        return values
    size = np.abs(values)
    low = SMALLEST if top < SMALLEST else low  # logs may be small, not all of them this small
    bad = np.flatnonzero((size > high) | ((size < low) & (size > 0.0)))
    if bad.size:
        row = int(bad[0])
        entity, time = panel.where(row)
        if panel.item is not None:
            entity = f"{entity}, {panel.item.labels[panel.item.codes[row]]}"
        infinite = bool(np.isinf(values[row]))
        scale = (
            f"a log of size up to {high:g}" if logs else f"0, or a size from {low:g} to {high:g}"
        )
        raise DataError(
            f"{role} is {'infinite' if infinite else f'{values[row]:g}'} in {bad.size} row(s), "
            "first here",
            code="non_finite" if infinite else "out_of_scale",
            column=panel.names[role],
            entity=entity,
            time=time,
            expected="finite numbers" if infinite else scale,
            remedy="correct it, or leave it empty if it is not known",
        )
    return values
