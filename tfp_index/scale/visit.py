"""What happens to one partition in one round, wherever it is computed.

Every engine brings the rows of a partition as a frame to `visit` and carries the `Outcome` back;
it knows nothing of what is computed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index._optional import require
from tfp_index.errors import DataError, SpecificationError, TFPError
from tfp_index.panel.calendar import read_calendar
from tfp_index.panel.frames import FrameReader, build_frame
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.scale._hashing import row_hashes
from tfp_index.scale.manifest import unwritable
from tfp_index.scale.sources import Reading
from tfp_index.scale.task import Sum, Task, Write

__all__ = ["Outcome", "Request", "Survey", "part_name", "refuse_empty", "visit"]


@dataclass(frozen=True)
class Request:
    """One round as a worker gets it.

    Attributes
    ----------
    reading : Reading
    task : Sum, Write or None
        None asks for the `Survey`.
    frequency : str or None
        Unit of the calendar over all partitions, once it is known.
    folder : str or None
        Where a `Write` puts its files.
    """

    reading: Reading
    task: Task | None = None
    frequency: str | None = None
    folder: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What one partition answered: sums, or the error that stopped it."""

    partition: int
    sums: Any = None
    error: TFPError | None = None


@dataclass(frozen=True, eq=False)
class Survey:
    """What has to be known of all rows before the first round.

    Attributes
    ----------
    rows, keyless, entities : int
        Rows; those of them that lack a key; entities among the others.
    times : (p,) array
        Distinct entries of the time column.
    groups : mapping of grouping to tuple of labels
    lanes : (2,) uint64 array
        See `row_hashes`.
    """

    rows: int
    keyless: int
    entities: int
    times: NDArray[Any]
    groups: Mapping[str, tuple[Any, ...]]
    lanes: NDArray[np.uint64]

    @property
    def keyed(self) -> int:
        """Rows that have every key."""
        return self.rows - self.keyless

    def __add__(self, other: Survey) -> Survey:
        return Survey(
            self.rows + other.rows,
            self.keyless + other.keyless,
            self.entities + other.entities,
            _distinct(self.times, other.times),
            {
                name: tuple(dict.fromkeys((*labels, *other.groups[name])))
                for name, labels in self.groups.items()
            },
            self.lanes + other.lanes,
        )


def _unique(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind in "iM":
        return np.unique(values)
    listed = list(dict.fromkeys(values.tolist()))
    out = np.empty(len(listed), object)
    out[:] = listed
    return out


def _distinct(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    if not b.size:
        return a
    if not a.size:
        return b
    if a.dtype.kind == b.dtype.kind and a.dtype.kind in "iM":
        return np.union1d(a, b)
    both = np.empty(a.size + b.size, object)
    both[:] = (*a.tolist(), *b.tolist())
    return _unique(both)


def visit(frame: Any, partition: int, request: Request) -> Outcome:
    """Compute one round on the rows of one partition.

    Parameters
    ----------
    frame : any frame that `Panel.from_frame` reads, or a `Panel`
    partition : int
    request : Request
    """
    try:
        if request.task is None:
            return Outcome(partition, _survey(frame, request.reading))
        panel = frame if isinstance(frame, Panel) else build(frame, request)
        return Outcome(partition, _perform(panel, partition, request))
    except TFPError as error:
        return Outcome(partition, error=error)


def build(frame: Any, request: Request) -> Panel:
    """Return the panel of a partition, its dates counted in the unit of the whole."""
    keywords = dict(request.reading.keywords)
    if request.frequency is not None:
        keywords["frequency"] = request.frequency
    return Panel.from_frame(frame, **keywords)


def _perform(panel: Panel, partition: int, request: Request) -> Any:
    task = request.task
    if isinstance(task, Sum):
        return task.function(panel, *task.arguments)
    assert isinstance(task, Write)
    columns, sums = task.function(panel, *task.arguments)
    if request.folder is not None:
        columns = columns.columns if isinstance(columns, Table) else columns
        _write(dict(columns), Path(request.folder) / part_name(partition))
    return sums


def part_name(partition: int) -> str:
    """Return the name of the file of a partition."""
    return f"part-{partition:05d}.parquet"


def _write(columns: dict[str, NDArray[Any]], path: Path) -> None:
    lengths = {np.asarray(values).shape[0] for values in columns.values()}
    if len(lengths) > 1:
        raise SpecificationError(
            f"the columns to be written differ in length: {sorted(lengths)}", code="ragged_columns"
        )
    parquet = require("pyarrow.parquet", extra="io", purpose="writing Parquet")
    table = build_frame({str(k): np.asarray(v) for k, v in columns.items()}, "pyarrow")
    coded = [n for n, values in columns.items() if np.asarray(values).dtype.kind != "f"]
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # ours, whoever else tries
    try:
        parquet.write_table(table, temporary, use_dictionary=coded)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise unwritable(error, path) from error


def _survey(frame: Any, reading: Reading) -> Survey:
    reader = FrameReader(frame)
    reading.refuse_absent(reader.names)
    roles = reading.roles
    entity, _ = reader.coded(roles.entity)
    times = reader.keys(roles.time)
    lost = entity < 0
    if roles.item:
        lost |= reader.coded(roles.item)[0] < 0
    if len(reader):
        lost |= read_calendar(times, roles.time, reading.keywords.get("frequency"))[1]
    keyed = times[~lost]
    return Survey(
        rows=len(reader),
        keyless=int(lost.sum()),
        entities=int(np.count_nonzero(np.bincount(entity[~lost]))) if keyed.size else 0,
        times=_unique(keyed),
        groups={name: _labels(reader, column) for name, column in roles.groups.items()},
        lanes=row_hashes(reader, (*reading.keys, *reading.groups), reading.numeric),
    )


def _labels(reader: FrameReader, column: str) -> tuple[Any, ...]:
    codes, labels = reader.coded(column)
    return tuple(labels[np.unique(codes[codes >= 0])].tolist())


def refuse_empty(survey: Survey, reading: Reading) -> None:
    """Raise as the door does for a table without rows, or without a row that has its keys.

    Raises
    ------
    DataError
    """
    if not survey.rows:
        raise DataError(
            "the table has no rows", code="empty_table", remedy="check the filter or the file"
        )
    if not survey.keyed:
        raise DataError(
            "no row has both an entity and a time",
            code="missing_key",
            column=reading.roles.entity,
            expected="filled key columns",
        )
