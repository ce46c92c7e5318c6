"""Some rows of a panel as a panel of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels.groups import group_offsets, lag_status
from tfp_index.panel.keys import Category, Keys
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.panel import Panel

__all__ = ["subset", "subset_of_keys"]

Ints = NDArray[np.int64]


def subset(panel: Panel, rows: Ints) -> Panel:
    """Return some rows of a panel, as if the others had never been in the table.

    Entities, items and categories are those that still occur; the calendar stays.

    Parameters
    ----------
    panel : Panel
    rows : (m,) int array, ascending

    Raises
    ------
    DataError
        If there are no rows.

    Examples
    --------
    >>> frame = {"id": ["A", "A", "B"], "year": [1, 2, 1], "y": [1.0, 2.0, 3.0]}
    >>> panel = Panel.from_frame(frame, entity="id", time="year", output="y")
    >>> subset(panel, np.array([0, 2]))
    Panel(2 rows, 2 entities, 1–2; output)
    """
    if not rows.size:
        raise DataError("no row is left", code="no_rows", remedy="check what was to be kept")
    keys = subset_of_keys(panel.keys, rows)
    series = np.repeat(np.arange(keys.offsets.size - 1), np.diff(keys.offsets))
    return Panel(
        keys=keys,
        columns=ReadOnly({role: values[rows] for role, values in panel.columns.items()}),
        names=panel.names,
        inputs=panel.inputs,
        groups=ReadOnly({name: _category(group, rows) for name, group in panel.groups.items()}),
        lag_status=lag_status(series, keys.time, panel.step),
        logs=panel.logs,
        step=panel.step,
        vintage=panel.vintage,
        keyless_rows=(),
    )


def subset_of_keys(keys: Keys, rows: Ints) -> Keys:
    """Return the keys of some rows, ascending, as those of a panel of its own."""
    edges = group_offsets(keys.entity_codes[rows])
    entity = np.repeat(np.arange(edges.size - 1), np.diff(edges))
    item = None if keys.item is None else _category(keys.item, rows)
    return Keys(
        entity_codes=entity,
        entity_labels=keys.entity_labels[keys.entity_codes[rows[edges[:-1]]]],
        time=keys.time[rows],
        calendar=keys.calendar,
        offsets=edges if item is None else group_offsets(_series(entity, item.codes)),
        order=None,
        frame_rows=int(rows.size),
        names=keys.names,
        backend=keys.backend,
        item=item,
    )


def _series(entity: Ints, item: Ints) -> Ints:
    """Number runs of one entity and item."""
    new = np.ones(entity.size, bool)
    new[1:] = (entity[1:] != entity[:-1]) | (item[1:] != item[:-1])
    return np.cumsum(new) - 1


def _category(category: Category, rows: Ints) -> Category:
    codes = category.codes[rows]
    present = np.unique(codes[codes >= 0])
    inside = np.where(codes >= 0, np.searchsorted(present, codes), -1)
    return Category(inside, category.labels[present], category.column)
