"""Who and when each row is: the keys of a panel, and the way back to the caller's rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, nearest
from tfp_index.kernels.groups import group_offsets
from tfp_index.kernels.ordering import dense_codes, panel_order
from tfp_index.panel.calendar import Calendar, read_calendar
from tfp_index.panel.frames import FrameReader, build_frame
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.roles import Roles

__all__ = ["Category", "Keys", "read_keys"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Category:
    """A grouping of rows: codes into labels, -1 where the caller gave none."""

    codes: Ints
    labels: NDArray[Any]
    column: str

    def __len__(self) -> int:
        return int(self.labels.shape[0])


@dataclass(frozen=True, eq=False)
class Keys:
    """Who and when each row is, and where it stood in the caller's frame.

    Results keep this, never the panel.

    Attributes
    ----------
    entity_codes, time : (n,) int64 arrays, in panel order
    entity_labels : (g,) array
    calendar : Calendar
    offsets : (s + 1,) int64 array
        Where each series (entity, or entity and item) starts.
    order : (n,) int array or None
        Position of each panel row in the caller's frame; None when the frame was sorted.
    frame_rows : int
        Rows of the caller's frame, with those that have no usable key.
    names : mapping
        The caller's names of the key columns.
    backend : str
        The caller's frame library.
    item : Category or None
    """

    entity_codes: Ints
    entity_labels: NDArray[Any]
    time: Ints
    calendar: Calendar
    offsets: Ints
    order: NDArray[np.intp] | None
    frame_rows: int
    names: Mapping[str, str]
    backend: str
    item: Category | None = None

    @property
    def n_rows(self) -> int:
        """Rows of the panel."""
        return int(self.time.shape[0])

    def entity_code(self, entity: Any) -> int:
        """Return the code of an entity's label.

        Raises
        ------
        DataError
            If the panel has no such entity.
        """
        labels = self.entity_labels.tolist()
        try:
            return int(labels.index(entity))
        except ValueError:
            raise DataError(
                f"there is no entity {entity!r}",
                code="unknown_entity",
                entity=entity,
                remedy=nearest(str(entity), [str(label) for label in labels]),
            ) from None

    def where(self, row: int) -> tuple[Any, Any]:
        """Return the caller's labels of entity and time of a panel row."""
        entity = self.entity_labels[self.entity_codes[row]]
        label = entity.item() if hasattr(entity, "item") else entity
        return label, self.calendar.write(int(self.time[row]))

    def of_entities(self, codes: list[int]) -> tuple[Keys, NDArray[np.intp]]:
        """Return the keys of some entities in the order given, and which rows those are.

        The way back to the caller's frame ends here: frames made with them have only these rows.
        """
        starts = np.searchsorted(self.entity_codes, codes)
        stops = np.searchsorted(self.entity_codes, codes, side="right")
        spans = [np.arange(a, b) for a, b in zip(starts.tolist(), stops.tolist(), strict=True)]
        rows = np.concatenate(spans) if spans else np.zeros(0, np.intp)
        entity = np.repeat(np.arange(len(codes)), stops - starts)
        item = self.item
        picked = Category(item.codes[rows], item.labels, item.column) if item else None
        series = entity * len(item) + picked.codes if item and picked else entity
        keys = Keys(
            entity_codes=entity,
            entity_labels=self.entity_labels[codes],
            time=self.time[rows],
            calendar=self.calendar,
            offsets=group_offsets(series),
            order=None,
            frame_rows=rows.shape[0],
            names=self.names,
            backend=self.backend,
            item=picked,
        )
        return keys, rows

    def restore(self, values: NDArray[Any]) -> NDArray[Any]:
        """Bring values from panel order into the caller's row order.

        Rows without a usable key get NaN, None or 0, as the type allows.
        """
        if self.order is None and self.frame_rows == values.shape[0]:
            return values
        order = self.order if self.order is not None else np.arange(values.shape[0])
        empty: Any = np.nan if values.dtype.kind == "f" else None
        if values.dtype.kind in "iu" and self.frame_rows > values.shape[0]:
            values = values.astype(np.float64)
            empty = np.nan
        out = (
            np.full((self.frame_rows, *values.shape[1:]), empty, values.dtype)
            if (self.frame_rows > values.shape[0])
            else np.empty_like(values)
        )
        out[order] = values
        return out

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the key columns in panel order, under the caller's names."""
        columns = {
            self.names["entity"]: self.entity_labels[self.entity_codes],
            self.names["time"]: self.calendar.label(self.time),
        }
        if self.item is not None:
            columns[self.names["item"]] = self.item.labels[self.item.codes]
        return columns

    def to_frame(self, values: Mapping[str, NDArray[Any]], backend: str | None = None) -> Any:
        """Return keys and `values` as a frame in the caller's row order and library.

        Values whose name collides with a key column keep their name behind an underscore.
        """
        columns = self.columns()
        fresh = set(columns)
        for name, column in values.items():
            columns[name if name not in columns else f"{name}_"] = column
        restored = {name: self.restore(column) for name, column in columns.items()}
        fresh |= {name for name, column in restored.items() if column is not columns[name]}
        return build_frame(restored, backend or self.backend, fresh=fresh)


def read_keys(
    reader: FrameReader, roles: Roles, frequency: str | None
) -> tuple[Keys, NDArray[np.intp]]:
    """Read, code and sort the key columns.

    Returns
    -------
    keys : Keys
        Sorted by entity, item (if any) and time.
    keyless : (m,) int array
        Rows of the frame that lack a key and are not in the panel.

    Raises
    ------
    DataError
        If there are no rows, or none with a key, or a time is no period.
    """
    if not len(reader):
        raise DataError(
            "the table has no rows", code="empty_table", remedy="check the filter or the file"
        )
    codes, labels = reader.categories(roles.entity)
    time, lost, calendar = read_calendar(reader.keys(roles.time), roles.time, frequency)
    lost = lost | (codes < 0)
    item: Category | None = None
    if roles.item:
        item = Category(*reader.categories(roles.item), roles.item)
        lost |= item.codes < 0
    keep = np.flatnonzero(~lost) if lost.any() else None
    if keep is not None:
        codes, used = dense_codes(codes[keep])  # every entity that stays has rows
        labels, time = labels[used], time[keep]
        item = Category(item.codes[keep], item.labels, item.column) if item else None
    if not codes.size:
        raise DataError(
            "no row has both an entity and a time",
            code="missing_key",
            column=roles.entity,
            expected="filled key columns",
        )
    order = panel_order((codes, item.codes, time) if item else (codes, time))
    rows = order if keep is None else keep if order is None else keep[order]
    if order is not None:
        codes, time = codes[order], time[order]
        item = Category(item.codes[order], item.labels, item.column) if item else None
    names = {"entity": roles.entity, "time": roles.time}
    keys = Keys(
        entity_codes=codes,
        entity_labels=labels,
        time=time,
        calendar=calendar,
        offsets=group_offsets(codes * len(item) + item.codes if item else codes),
        order=rows,
        frame_rows=len(reader),
        names=ReadOnly(names | ({"item": roles.item} if roles.item else {})),
        backend=reader.backend,
        item=item,
    )
    return keys, np.flatnonzero(lost)
