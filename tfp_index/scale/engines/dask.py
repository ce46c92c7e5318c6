"""Dask: partitions live on the workers of a cluster, which shuffle rows among themselves."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from tfp_index._optional import require
from tfp_index.errors import EstimationError, SpecificationError
from tfp_index.panel.files import as_written, common_dialect, refuse_absent_columns
from tfp_index.panel.frames import FrameReader
from tfp_index.scale._hashing import hash_keys, partition_of
from tfp_index.scale.engines import Plan, Shuffled
from tfp_index.scale.sources import Files, Reading
from tfp_index.scale.visit import Outcome, Request, visit

__all__ = ["prepare"]

_PART = "__tfp_partition"
_WORKERS = 2
_BEAT_SECONDS = 0.5


def prepare(plan: Plan) -> Shuffled:
    """Shuffle the rows of a Dask dataframe, of files or of a pandas frame by entity.

    Raises
    ------
    SpecificationError
        If the client is none of Dask's, or the source is nothing that Dask reads.
    """
    frames = require("dask.dataframe", extra="dask", purpose='engine="dask"')
    distributed = require("distributed", extra="dask", purpose='engine="dask"')
    if plan.memory is not None:
        raise SpecificationError(
            "the memory of Dask's workers is set where the cluster is made",
            code="bad_option",
            column="memory",
            remedy="LocalCluster(memory_limit=…)",
        )
    if plan.client is not None and not isinstance(plan.client, distributed.Client):
        raise SpecificationError(
            f"client is {type(plan.client).__name__}",
            code="bad_option",
            column="client",
            expected="a distributed.Client",
        )
    frame = _read(frames, plan)
    with ExitStack() as stack:
        client = plan.client or _client(distributed, stack)
        shuffled = _Clustered(distributed, client, frame, plan)
        shuffled.resources = stack.pop_all()
    return shuffled


def _client(distributed: Any, stack: ExitStack) -> Any:
    """Return the caller's current client, or one of a small cluster of our own."""
    try:
        return distributed.get_client()
    except ValueError:
        cluster = stack.enter_context(
            distributed.LocalCluster(
                n_workers=_WORKERS, threads_per_worker=1, dashboard_address="localhost:0"
            )
        )
        return stack.enter_context(distributed.Client(cluster, set_as_default=False))


def _read(frames: Any, plan: Plan) -> Any:
    source = plan.source
    columns = list(plan.reading.columns)
    if isinstance(source, Files):
        refuse_absent_columns(source.paths, columns)
        paths = [str(path) for path in source.paths]
        if source.kind == "parquet":
            frame = frames.read_parquet(paths)
        else:
            dialect = common_dialect(source.paths)
            frame = frames.read_csv(paths, **as_written(), **dialect)
    elif hasattr(source, "map_partitions") and hasattr(source, "npartitions"):
        frame = source
    elif type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "columns"):
        frame = frames.from_pandas(source, npartitions=max(1, len(source) // 1_000_000))
    else:
        raise SpecificationError(
            f'engine="dask" does not read {type(source).__name__}',
            code="bad_source",
            column="source",
            expected="a Dask dataframe, Parquet or CSV files, or a pandas frame",
        )
    plan.reading.refuse_absent(frame.columns)
    return frame[columns]


def _with_partition(frame: Any, reading: Reading, partitions: int) -> Any:
    """Return a pandas frame with the partition of each row."""
    reader = FrameReader(frame)
    part = partition_of(*hash_keys(reader, reading.roles.entity), partitions)
    return frame.assign(**{_PART: part})


class _Clustered:
    """One future for each partition."""

    def __init__(self, distributed: Any, client: Any, frame: Any, plan: Plan) -> None:
        self.partitions = plan.partitions or int(frame.npartitions)
        self.resources = ExitStack()
        self._distributed = distributed
        self._client = client
        meta = frame._meta.assign(**{_PART: np.zeros(0, np.int64)})
        coded = frame.map_partitions(_with_partition, plan.reading, self.partitions, meta=meta)
        placed = coded.set_index(_PART, divisions=list(range(self.partitions + 1)))
        self._parts = client.compute(placed.to_delayed())
        try:
            self._wait(self._parts, plan)
        except BaseException:
            client.cancel(self._parts)
            raise

    def _wait(self, futures: list[Any], plan: Plan) -> None:
        """Wait for the shuffle, and let the caller stop it."""
        while True:
            plan.beat()
            try:
                self._distributed.wait(futures, timeout=_BEAT_SECONDS)
            except TimeoutError:
                continue
            for future in futures:
                if future.status == "error":
                    self._result(future)
            return

    def _result(self, future: Any) -> Any:
        try:
            return future.result()
        except self._distributed.KilledWorker as error:
            raise EstimationError(
                "a worker of the cluster has died",
                code="worker_lost",
                expected="enough memory for each worker",
                remedy="more partitions or larger workers; with out= the run can be resumed",
            ) from error

    def visit(self, numbers: Sequence[int], request: Request) -> Generator[Outcome, None, None]:
        """Compute one round where the partitions are."""
        pending = {
            self._client.submit(visit, self._parts[number], number, request, pure=False)
            for number in numbers
        }
        try:
            for future in self._distributed.as_completed(list(pending)):
                pending.discard(future)  # the workers need not hold what has come
                yield self._result(future)
        finally:
            self._client.cancel(list(pending))

    def close(self) -> None:
        """Let the partitions go, and the cluster if it is ours."""
        self._client.cancel(self._parts)
        self._parts = []
        self.resources.close()
