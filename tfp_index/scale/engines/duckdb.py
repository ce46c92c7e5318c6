"""DuckDB reads Parquet or CSV files larger than memory, and relations of its own.

It decodes and streams in its own threads and within its share of the memory; the rows go to
partitions on disk as they come (`spill`), in the order of the files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfp_index._optional import require
from tfp_index.errors import FileError
from tfp_index.kernels.blocks import default_threads
from tfp_index.panel.files import common_dialect, refuse_absent_columns
from tfp_index.panel.frames import quoted, relation_batches
from tfp_index.scale.engines import Plan, Shuffled
from tfp_index.scale.engines._budget import Budget
from tfp_index.scale.engines.spill import Stream, frame_stream, spilled
from tfp_index.scale.sources import Files

__all__ = ["file_stream", "prepare"]


def prepare(plan: Plan) -> Shuffled:
    """Bring the rows into partitions on disk."""
    require("duckdb", extra="io", purpose='engine="duckdb"')
    stream = file_stream if isinstance(plan.source, Files) else frame_stream
    return spilled(plan, stream, threads=True)


def file_stream(plan: Plan, budget: Budget) -> Stream:
    """Return the wanted columns of the files in pieces.

    Raises
    ------
    FileError
        If a file is damaged.
    """
    duckdb = require("duckdb", extra="io", purpose="reading files larger than memory")
    source: Files = plan.source
    refuse_absent_columns(source.paths, plan.reading.columns)
    settings = {
        "memory_limit": f"{budget.reader_bytes // 2**20}MiB",
        "threads": str(default_threads()),
        "preserve_insertion_order": "true",
    }
    beside = None if plan.folder is None else plan.folder.parent
    table, arguments = _table(source)
    columns = ", ".join(quoted(name) for name in plan.reading.columns)
    rows = _count(source) if plan.partitions is None else 0
    query = f"SELECT {columns} FROM {table}"
    return Stream(_batches(duckdb, settings, beside, query, arguments, budget.batch_rows), rows)


def _batches(
    duckdb: Any,
    settings: dict[str, str],
    beside: Path | None,
    query: str,
    arguments: dict[str, Any],
    size: int,
) -> Iterator[Any]:
    """Yield what a query gives; what DuckDB spills meanwhile only this user can read."""
    with tempfile.TemporaryDirectory(
        prefix="tfp-index-", dir=beside, ignore_cleanup_errors=True
    ) as spill:
        connection = duckdb.connect(":memory:", config={**settings, "temp_directory": spill})
        yield from _answers(duckdb, connection, query, arguments, size)


def _answers(
    duckdb: Any, connection: Any, query: str, arguments: dict[str, Any], size: int
) -> Iterator[Any]:
    try:
        yield from relation_batches(connection.sql(query, params=arguments), size)
    except (duckdb.Error, ValueError, TypeError) as error:
        raise FileError(
            f"the files could not be read: {str(error).splitlines()[0]}",
            code="unreadable_file",
            remedy="check the file named here; give each column one type in all files",
        ) from error
    finally:
        connection.close()


def _table(source: Files) -> tuple[str, dict[str, Any]]:
    paths = [str(path) for path in source.paths]
    if source.kind == "parquet":
        return "read_parquet($paths, union_by_name = true)", {"paths": paths}
    dialect = common_dialect(source.paths)
    options = [
        "header = true",
        "union_by_name = true",
        f"delim = '{dialect['sep']}'",
        "quote = '\"'",
        "sample_size = 100000",
    ]
    if dialect.get("decimal"):
        options += ["decimal_separator = ','", "thousands = '.'"]
    texts = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in dialect["dtype"])
    if texts:  # codes with a leading zero are no numbers
        options.append(f"types = {{{texts}}}")
    return f"read_csv($paths, {', '.join(options)})", {"paths": paths}


def _count(source: Files) -> int:
    """Return the rows of Parquet files, or nearly those of CSV files."""
    if source.kind == "parquet":
        parquet = require("pyarrow.parquet", extra="io", purpose="reading Parquet")
        try:
            return sum(parquet.read_metadata(path).num_rows for path in source.paths)
        except (ValueError, OSError) as error:
            raise FileError(f"a file is damaged: {error}", code="unreadable_file") from error
    return sum(_count_lines(path) for path in source.paths)


def _count_lines(path: Path) -> int:
    size = path.stat().st_size * (5 if path.suffix == ".gz" else 1)
    if path.suffix == ".gz":
        return size // 20
    with path.open("rb") as file:
        head = file.read(1 << 20)
    return size * max(head.count(b"\n"), 1) // max(len(head), 1)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
