"""Threads or processes of one machine.

Threads hold the rows in memory, once, and each partition's panel from the first round on.
Processes spill the partitions to disk, where every one of them can read them.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError, SpecificationError, TFPError
from tfp_index.kernels.blocks import default_threads
from tfp_index.panel.files import read_files
from tfp_index.panel.frames import FrameReader
from tfp_index.panel.panel import Panel
from tfp_index.scale._hashing import hash_keys, partition_of
from tfp_index.scale.engines import Plan, Shuffled
from tfp_index.scale.sources import Files, Reading
from tfp_index.scale.visit import Outcome, Request, build, visit

__all__ = ["prepare", "visit_in"]

ROWS_PER_PARTITION = 1_000_000
"""Rows for which another partition is made when nobody says how many."""


def prepare(plan: Plan) -> Shuffled:
    """Bring the rows into partitions, in memory or on disk.

    Raises
    ------
    SpecificationError
        If `memory` is given to threads, or the client is no executor.
    """
    if plan.client is not None and not isinstance(plan.client, Executor):
        raise SpecificationError(
            f"client is {type(plan.client).__name__}",
            code="bad_option",
            column="client",
            expected="an executor of concurrent.futures",
        )
    if plan.engine == "processes":
        from tfp_index.scale.engines.duckdb import file_stream
        from tfp_index.scale.engines.spill import frame_stream, spilled

        stream = file_stream if isinstance(plan.source, Files) else frame_stream
        return spilled(plan, stream, threads=False)
    if plan.memory is not None:
        raise SpecificationError(
            "threads hold all rows in memory and keep no budget",
            code="bad_option",
            column="memory",
            remedy='engine="duckdb" or engine="processes"',
        )
    return _InMemory(plan)


class _InMemory:
    """Columns of all rows, and the rows of each partition."""

    def __init__(self, plan: Plan) -> None:
        source = plan.source
        if isinstance(source, Files):
            source = read_files(source.paths, plan.reading.columns)
        reader = FrameReader(source)
        plan.reading.refuse_absent(reader.names)
        self._columns = _columns(reader, plan.reading)
        rows = len(reader)
        self.partitions = plan.partitions or max(1, -(-rows // ROWS_PER_PARTITION))
        part = partition_of(*hash_keys(reader, plan.reading.roles.entity), self.partitions)
        order = np.argsort(part, kind="stable")
        bounds = np.searchsorted(part[order], np.arange(self.partitions + 1))
        self._rows = [order[a:b] for a, b in pairwise(bounds.tolist())]
        self._panels: dict[tuple[int, str | None], Panel] = {}
        self._client = plan.client

    def frame(self, number: int) -> dict[str, NDArray[Any]]:
        """Return the columns of one partition."""
        rows = self._rows[number]
        return {name: values[rows] for name, values in self._columns.items()}

    def _visit(self, number: int, request: Request) -> Outcome:
        if request.task is None:
            return visit(self.frame(number), number, request)
        key = (number, request.frequency)
        if key not in self._panels:
            try:
                self._panels[key] = build(self.frame(number), request)
            except TFPError as error:
                return Outcome(number, error=error)
        return visit(self._panels[key], number, request)

    def visit(self, numbers: Sequence[int], request: Request) -> Generator[Outcome, None, None]:
        """Compute one round."""
        pool = self._client or ThreadPoolExecutor(default_threads())
        yield from visit_in(pool, self._visit, numbers, request, own=self._client is None)

    def close(self) -> None:
        """Let columns and panels go."""
        self._columns, self._rows, self._panels = {}, [], {}


def _columns(reader: FrameReader, reading: Reading) -> dict[str, NDArray[Any]]:
    """Read every column as the door does, so that a message names the row of the whole table."""
    keys = {name: reader.keys(name) for name in (*reading.keys, *reading.groups)}
    return keys | {name: reader.numbers(name) for name in reading.numeric}


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Return processes that begin from nothing: a fork would carry our threads' locks along."""
    return ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_end_with_parent,
    )


def _end_with_parent() -> None:
    """End this worker when its parent is gone, also when that was killed."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def visit_in(
    pool: Executor, work: Any, numbers: Sequence[int], request: Request, *, own: bool
) -> Generator[Outcome, None, None]:
    """Yield the outcome of ``work(number, request)`` for every number as it comes.

    When the caller stops, what has not begun is not begun, and what has is waited for.

    Parameters
    ----------
    pool : Executor
    work : callable
    numbers : sequence of int
    request : Request
    own : bool
        Whether the pool is ours to shut down.

    Raises
    ------
    EstimationError
        If a worker dies.
    """
    upcoming = iter(numbers)
    ahead = 4 * getattr(pool, "_max_workers", default_threads())
    pending: set[Future[Outcome]] = set()
    try:
        while True:
            # only so many at once: an answer that is done must not be held until the round ends
            for number in islice(upcoming, ahead - len(pending)):
                pending.add(pool.submit(work, number, request))
            if not pending:
                break
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            outcomes = sorted((f.result() for f in done), key=lambda outcome: outcome.partition)
            done.clear()
            while outcomes:
                yield outcomes.pop(0)
    except BrokenExecutor as error:
        raise EstimationError(
            "a worker process has died",
            code="worker_lost",
            expected="enough memory for each worker",
            remedy="more partitions or fewer workers; with out= the run can be resumed",
        ) from error
    finally:
        wait([future for future in pending if not future.cancel()])
        if own:
            pool.shutdown(wait=True, cancel_futures=True)
