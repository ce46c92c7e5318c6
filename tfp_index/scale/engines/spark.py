"""Spark: partitions are cached on the executors and visited there as Arrow tables."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any
from uuid import uuid4

from tfp_index._optional import require
from tfp_index.errors import EstimationError, SpecificationError
from tfp_index.panel.files import refuse_absent_columns
from tfp_index.panel.frames import FrameReader
from tfp_index.scale._hashing import hash_keys, partition_of
from tfp_index.scale.engines import Plan, Shuffled
from tfp_index.scale.engines.executor import ROWS_PER_PARTITION
from tfp_index.scale.sources import Files, Reading
from tfp_index.scale.visit import Outcome, Request, visit

__all__ = ["prepare"]

_PART = "__tfp_partition"
_ANSWER = "partition int, answer binary"
WAVE = 32
"""Partitions of one Spark job: after each, progress is told and sums are kept."""


def prepare(plan: Plan) -> Shuffled:
    """Shuffle the rows of a Spark dataframe or of Parquet files by entity.

    Raises
    ------
    SpecificationError
        If the client is no Spark session, or the source is nothing that is read here.
    """
    sql = require("pyspark.sql", extra="spark", purpose='engine="spark"')
    if plan.memory is not None:
        raise SpecificationError(
            "the memory of Spark's executors is set where the session is made",
            code="bad_option",
            column="memory",
            remedy='SparkSession.builder.config("spark.executor.memory", …)',
        )
    if plan.client is not None and not hasattr(plan.client, "createDataFrame"):
        raise SpecificationError(
            f"client is {type(plan.client).__name__}",
            code="bad_option",
            column="client",
            expected="a SparkSession",
        )
    frame = _read(sql, plan)
    plan.reading.refuse_absent(frame.columns)
    columns = [frame[f"`{name.replace('`', '``')}`"] for name in plan.reading.columns]
    return _Cached(sql, frame.select(*columns), plan)


def _read(sql: Any, plan: Plan) -> Any:
    source = plan.source
    if hasattr(source, "sparkSession"):
        return source
    session = plan.client or sql.SparkSession.getActiveSession()
    if isinstance(source, Files) and source.kind == "parquet":
        refuse_absent_columns(source.paths, plan.reading.columns)
        session = session or sql.SparkSession.builder.getOrCreate()
        return session.read.option("mergeSchema", "true").parquet(*map(str, source.paths))
    raise SpecificationError(
        f'engine="spark" does not read {_kind(source)}',
        code="bad_source",
        column="source",
        expected="a Spark dataframe or Parquet files",
        remedy="session.read.csv(…) with the types of your columns, or session.createDataFrame(…)",
    )


def _kind(source: Any) -> str:
    return f"{source.kind} files" if isinstance(source, Files) else type(source).__name__


def _assigned(reading: Reading, partitions: int) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """Return a function that adds its partition to every row of a stream of batches."""

    def assign(batches: Iterator[Any]) -> Iterator[Any]:
        pa = require("pyarrow", extra="spark", purpose="rows on an executor")
        for batch in batches:
            reader = FrameReader(pa.Table.from_batches([batch]))
            part = partition_of(*hash_keys(reader, reading.roles.entity), partitions)
            numbers = pa.array(part, pa.int32())
            names = [*batch.schema.names, _PART]
            yield pa.RecordBatch.from_arrays([*batch.columns, numbers], names=names)

    return assign


def _visitor(request: Request) -> Callable[[tuple[Any, ...], Any], Any]:
    """Return a function that visits the table of one partition and pickles its outcome."""

    def answer(key: tuple[Any, ...], table: Any) -> Any:
        pa = require("pyarrow", extra="spark", purpose="rows on an executor")
        number = int(key[0].as_py())
        outcome = visit(table.drop_columns([_PART]), number, request)
        return pa.table(
            {
                "partition": pa.array([number], pa.int32()),
                "answer": pa.array([pickle.dumps(outcome, protocol=5)], pa.binary()),
            }
        )

    return answer


class _Cached:
    """A dataframe whose rows are placed by partition and kept by the executors."""

    def __init__(self, sql: Any, frame: Any, plan: Plan) -> None:
        types = require("pyspark.sql.types", extra="spark", purpose='engine="spark"')
        self._session = frame.sparkSession
        self._beat = plan.beat
        plan.beat()
        self.partitions = plan.partitions or max(1, -(-frame.count() // ROWS_PER_PARTITION))
        fields = [*frame.schema.fields, types.StructField(_PART, types.IntegerType())]
        coded = frame.mapInArrow(_assigned(plan.reading, self.partitions), types.StructType(fields))
        self._empty = frame.limit(0).toArrow()
        self._frame = coded.repartition(self.partitions, _PART).persist()

    def visit(self, numbers: Sequence[int], request: Request) -> Generator[Outcome, None, None]:
        """Compute one round, a wave of partitions at a time."""
        tag = f"tfp-index-{uuid4().hex}"
        for start in range(0, len(numbers), WAVE):
            wave = list(numbers[start : start + WAVE])
            self._beat()
            rows = self._frame.filter(self._frame[_PART].isin(wave))
            answers = rows.groupBy(_PART).applyInArrow(_visitor(request), _ANSWER)
            found = {int(row.partition): row.answer for row in self._collect(answers, tag)}
            for number in wave:  # a partition without rows has no group
                if number in found:
                    outcome: Outcome = pickle.loads(bytes(found[number]))
                    yield outcome
                else:
                    yield visit(self._empty, number, request)

    def _collect(self, answers: Any, tag: str) -> Any:
        errors = require("pyspark.errors", extra="spark", purpose='engine="spark"')
        self._session.addTag(tag)
        try:
            return answers.collect()
        except errors.PySparkException as error:
            raise EstimationError(
                f"Spark could not finish a round: {str(error).strip()[-600:]}",
                code="worker_lost",
                remedy="the executors need this library and the module of the specification "
                "(PYSPARK_PYTHON names their Python); "
                "with out= the run can be resumed",
            ) from error
        except BaseException:
            self._session.interruptTag(tag)
            raise
        finally:
            self._session.removeTag(tag)

    def close(self) -> None:
        """Let the cached rows go."""
        self._frame.unpersist()
