"""The rows of each group of a panel, and a group as a panel of its own."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.groups import group_offsets, lag_status
from tfp_index.panel.keys import Category, Keys
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.panel import Panel

__all__ = ["keys_of", "panel_of", "rows_of_groups"]

Ints = NDArray[np.int64]


def rows_of_groups(group: Category) -> dict[Any, Ints]:
    """Return the rows of each group that occurs, ascending, in the order of the codes."""
    codes = group.codes
    if len(group) < 2**15:  # sorted digit by digit, several times faster
        codes = codes.astype(np.int16)
    order = np.argsort(codes, kind="stable")
    order = order[np.searchsorted(codes[order], 0) :]
    edges = group_offsets(codes[order])
    parts = [order[start:stop] for start, stop in pairwise(edges.tolist())]
    labels = group.labels.tolist()
    return {labels[group.codes[rows[0]]]: rows for rows in parts}


def keys_of(keys: Keys, rows: Ints) -> Keys:
    """Return the keys of some rows, ascending, as those of a panel of its own."""
    offsets = group_offsets(keys.entity_codes[rows])
    return Keys(
        entity_codes=np.repeat(np.arange(offsets.size - 1), np.diff(offsets)),
        entity_labels=keys.entity_labels[keys.entity_codes[rows[offsets[:-1]]]],
        time=keys.time[rows],
        calendar=keys.calendar,
        offsets=offsets,
        order=None,
        frame_rows=rows.size,
        names=keys.names,
        backend=keys.backend,
    )


def panel_of(panel: Panel, rows: Ints) -> Panel:
    """Return some rows of a panel, ascending, as a panel of its own."""
    keys = keys_of(panel.keys, rows)
    groups = {}
    for name, group in panel.groups.items():  # only the categories that occur here
        codes = group.codes[rows]
        present = np.unique(codes[codes >= 0])
        inside = np.where(codes >= 0, np.searchsorted(present, codes), -1)
        groups[name] = Category(inside, group.labels[present], group.column)
    return Panel(
        keys=keys,
        columns=ReadOnly({role: values[rows] for role, values in panel.columns.items()}),
        names=panel.names,
        inputs=panel.inputs,
        groups=ReadOnly(groups),
        lag_status=lag_status(keys.entity_codes, keys.time, panel.step),
        logs=panel.logs,
        step=panel.step,
        vintage=panel.vintage,
        keyless_rows=(),
    )
