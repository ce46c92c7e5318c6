"""Partitions on disk: a stream of rows comes in once, in pieces, and leaves by entity.

Each piece is sorted by partition and appended to one file per partition (Arrow's stream format,
LZ4). A finished shuffle is marked by ``partitions.json``, written last, so that a resumed run can
take it over.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfp_index._optional import require
from tfp_index.errors import DataError, SpecificationError
from tfp_index.kernels.blocks import default_threads
from tfp_index.panel.frames import FrameReader, arrow_batches
from tfp_index.scale._hashing import hash_keys, partition_of
from tfp_index.scale.engines import Plan, Shuffled
from tfp_index.scale.engines._budget import Budget
from tfp_index.scale.engines.executor import process_pool, visit_in
from tfp_index.scale.manifest import unwritable, write_whole
from tfp_index.scale.sources import Files, Reading
from tfp_index.scale.visit import Outcome, Request, visit

__all__ = ["Spilled", "Stream", "spilled"]

_MARK = "partitions.json"
MOST_PARTITIONS = 900
"""Files that are open at once while rows are shuffled; systems allow about a thousand."""


@dataclass(frozen=True)
class Stream:
    """Rows on their way to the partitions.

    Attributes
    ----------
    batches : iterable of Arrow record batches
    rows : int
        How many there are, or nearly.
    """

    batches: Any
    rows: int


class Spilled:
    """Partitions as files."""

    def __init__(
        self, folder: Path, rows: Sequence[int], budget: Budget, client: Any, *, threads: bool
    ) -> None:
        self.partitions = len(rows)
        self._folder = folder
        self._temporary: Path | None = None
        self._own = client is None
        workers = budget.workers(max(rows, default=0), default_threads())
        self._pool: Executor = (
            client
            if client is not None
            else ThreadPoolExecutor(workers)
            if threads
            else process_pool(workers)
        )

    def visit(self, numbers: Sequence[int], request: Request) -> Generator[Outcome, None, None]:
        """Compute one round."""
        yield from visit_in(self._pool, _Visitor(str(self._folder)), numbers, request, own=False)

    def close(self) -> None:
        """End the workers and remove partitions that nobody will take over."""
        if self._own:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


@dataclass(frozen=True)
class _Visitor:
    """Reads a partition and visits it, in whatever process it finds itself."""

    folder: str

    def __call__(self, number: int, request: Request) -> Outcome:
        return visit(load(Path(self.folder), number), number, request)


def load(folder: Path, number: int) -> Any:
    """Return the rows of a partition as an Arrow table."""
    pa = require("pyarrow", extra="io", purpose="reading partitions")
    ipc = require("pyarrow.ipc", extra="io", purpose="reading partitions")
    with pa.OSFile(str(_file(folder, number)), "rb") as file:
        return ipc.open_stream(file).read_all()


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.arrows"


def spilled(
    plan: Plan,
    stream: Callable[[Plan, Budget], Stream],
    *,
    threads: bool,
) -> Shuffled:
    """Bring a stream into partitions on disk, or take over those of the run that is resumed.

    Raises
    ------
    FileError
        If the disk is full or the folder cannot be written to.
    SpecificationError
        If the memory is too small for the number of partitions.
    """
    budget = Budget.of(plan.memory, plan.reading)
    takeover = plan.folder is not None and isinstance(plan.source, Files)
    place = plan.folder if takeover and plan.folder is not None else None
    if place is not None and (place / _MARK).is_file():
        rows = json.loads((place / _MARK).read_text(encoding="utf-8"))["rows"]
        return Spilled(place, rows, budget, plan.client, threads=threads)
    temporary: Path | None = None
    try:
        if place is None:
            parent = plan.folder.parent if plan.folder is not None else None
            temporary = place = Path(tempfile.mkdtemp(prefix="tfp-index-", dir=parent))
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700, parents=True)  # rows of enterprises
        incoming = stream(plan, budget)
        partitions = plan.partitions or budget.partitions(incoming.rows)
        _refuse_many(partitions)
        rows = _shuffle(_gathered(incoming.batches, budget.batch_rows), plan, partitions, place)
        write_whole(place / _MARK, json.dumps({"rows": rows}).encode())
        found = Spilled(place, rows, budget, plan.client, threads=threads)
        found._temporary = temporary
    except OSError as error:
        _remove(place)  # also to make room on a full disk
        if hasattr(error, "code"):
            raise
        raise unwritable(error, place or Path(tempfile.gettempdir())) from error
    except BaseException:
        _remove(place)
        raise
    return found


def _remove(folder: Path | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_many(partitions: int) -> None:
    if partitions > MOST_PARTITIONS:
        raise SpecificationError(
            f"{partitions} partitions are needed, and at most {MOST_PARTITIONS} can be written",
            code="too_many_partitions",
            column="partitions",
            remedy='a larger memory=, or engine="dask" or "spark"',
        )


def _gathered(batches: Iterable[Any], rows: int) -> Iterator[Any]:
    """Join batches until they have so many rows: small ones would leave crumbs in each file."""
    pa = require("pyarrow", extra="io", purpose="writing partitions")
    held: list[Any] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        if count >= rows:
            yield pa.Table.from_batches(held).combine_chunks()
            held, count = [], 0
    if held:
        yield pa.Table.from_batches(held).combine_chunks()


def _shuffle(batches: Iterator[Any], plan: Plan, partitions: int, folder: Path) -> list[int]:
    """Append every row to the file of its partition; return the rows of each."""
    pa = require("pyarrow", extra="io", purpose="writing partitions")
    ipc = require("pyarrow.ipc", extra="io", purpose="writing partitions")
    options = ipc.IpcWriteOptions(compression="lz4")
    counts = np.zeros(partitions, np.int64)
    writers: list[Any] = []
    with ExitStack() as stack:
        for table in batches:
            plan.beat()
            if not writers:
                plan.reading.refuse_absent(table.column_names)
                for number in range(partitions):
                    sink = stack.enter_context(pa.OSFile(str(_file(folder, number)), "wb"))
                    writer = ipc.new_stream(sink, table.schema, options=options)
                    writers.append(stack.enter_context(writer))
            order, bounds = _by_partition(table, plan.reading, partitions, int(counts.sum()))
            sorted_table = table.take(order)
            for number in np.flatnonzero(np.diff(bounds)).tolist():
                a, b = int(bounds[number]), int(bounds[number + 1])
                writers[number].write_table(sorted_table.slice(a, b - a))
            counts += np.diff(bounds)
    if not writers:
        raise DataError(
            "the table has no rows", code="empty_table", remedy="check the filter or the file"
        )
    return [int(count) for count in counts]


def _by_partition(table: Any, reading: Reading, partitions: int, before: int) -> tuple[Any, Any]:
    reader = FrameReader(table)
    for name in reading.numeric:
        _refuse_text(table, reader, name, before, reading)
    part = partition_of(*hash_keys(reader, reading.roles.entity), partitions)
    small = part.astype(np.uint16)  # sorted by radix, which is quicker
    order = np.argsort(small, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(part, minlength=partitions))])
    return order, bounds


def _refuse_text(table: Any, reader: FrameReader, name: str, before: int, reading: Reading) -> None:
    """Refuse what is no number, with its row in the whole table."""
    pa = require("pyarrow", extra="io", purpose="reading columns")
    kind = table.schema.field(name).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return
    values = table[name]
    if values.null_count == len(values):
        return
    row = values.is_valid().index(True).as_py()
    roles = reading.roles
    raise DataError(
        f"column {name!r} holds the text {values[row].as_py()[:40]!r} in row {before + row + 1}",
        code="not_a_number",
        column=name,
        entity=table[roles.entity][row].as_py(),
        time=table[roles.time][row].as_py(),
        expected="numbers",
        remedy="read the file with its decimal and thousands separators, or convert it",
    )


def frame_stream(plan: Plan, budget: Budget) -> Stream:
    """Return the rows of a frame, a relation or an Arrow stream in pieces."""
    size = budget.batch_rows
    try:
        rows = len(plan.source)
    except TypeError:
        rows = 0
    columns = plan.reading.columns
    source = plan.source
    names: Any = getattr(source, "column_names", None) or getattr(source, "columns", ())
    names = list(source) if isinstance(source, Mapping) else names
    if not callable(names) and len(names):
        plan.reading.refuse_absent(names)
    return Stream(arrow_batches(plan.source, columns, size), rows)
