"""Runs over partitions: growth accounting of files larger than memory, by us and by hand.

``python -m benchmarks.bench_scale --rows 1e6 1e7 1e8 --folder FOLDER --memory 2GiB`` writes that
many firm-years in Parquet (once: a folder that has them is used again) and measures each way in a
process of its own: seconds, and the most that it held in resident memory.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._harness import ROOT, line

YEARS = np.arange(2005, 2025)
FIRMS = 60_000  # in a chunk; 20 years of them, of which some nine are lived through
ROLES = {
    "entity": "firm",
    "time": "year",
    "output": "output",
    "capital": "capital",
    "labor": "labor",
    "labor_share": "labor_share",
}
COLUMNS = ("firm", "year", "output", "capital", "labor", "labor_share")


def chunk(number: int, firms: int = FIRMS, *, seed: int = 1) -> dict[str, np.ndarray]:
    """Return the firm-years of some firms, by year: they enter, leave, and skip 3 percent.

    Productivity follows an AR(1); materials rise with it given capital, labor answers to last
    year's.
    """
    rng = np.random.default_rng([seed, number])
    shape = (YEARS.size, firms)
    size = rng.normal(0.0, 1.2, firms)
    productivity, capital = np.empty(shape), np.empty(shape)
    productivity[0] = rng.normal(0.0, 0.4, firms)
    capital[0] = 3.0 + size
    for t in range(1, YEARS.size):
        productivity[t] = 0.02 + 0.75 * productivity[t - 1] + rng.normal(0.0, 0.2, firms)
        capital[t] = 0.93 * capital[t - 1] + 0.07 * (3.6 + size) + rng.normal(0.0, 0.05, firms)
    before = np.vstack([productivity[:1], productivity[:-1]])
    labor = 0.7 * capital + 0.3 * before + rng.normal(0.0, 0.15, shape)
    materials = 1.0 + 0.6 * capital + 1.1 * productivity + 0.3 * labor
    value = 1.0 + 0.35 * capital + 0.65 * labor + productivity + rng.normal(0.0, 0.08, shape)
    entry = rng.integers(-8, YEARS.size - 1, firms)
    exit_ = entry + rng.integers(2, 20, firms)
    t = np.arange(YEARS.size)[:, None]
    lived = (t >= entry) & (t < exit_) & (rng.random(shape) > 0.03)
    firm = 10_000_000 + number * firms + rng.permutation(firms)
    columns = {
        "firm": np.broadcast_to(firm, shape),
        "year": np.broadcast_to(YEARS[:, None], shape),
        "industry": np.broadcast_to(rng.integers(1, 21, firms), shape),
        "output": np.exp(value) + np.exp(materials),
        "value_added": np.exp(value),
        "capital": np.exp(capital),
        "labor": np.exp(labor),
        "materials": np.exp(materials),
        "labor_share": rng.uniform(0.4, 0.7, shape),
    }
    return {name: values[lived] for name, values in columns.items()}


def write_files(folder: Path, rows: int) -> int:
    """Write some `rows` firm-years, one Parquet file for each year as registers come; count them.

    Every firm is spread over all files. A folder that holds them already is left as it is.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    done = folder / "rows.json"
    if done.is_file():
        return int(json.loads(done.read_text())["rows"])
    folder.mkdir(parents=True, exist_ok=True)
    firms = min(FIRMS, max(rows // 8, 10))
    writers: dict[int, pq.ParquetWriter] = {}
    written = number = 0
    try:
        while written < rows:
            table = pa.table(chunk(number, firms))
            if written + len(table) > rows:
                table = table.slice(0, rows - written)
            bounds = np.searchsorted(table["year"].to_numpy(), [*YEARS, YEARS[-1] + 1])
            for year, a, b in zip(YEARS.tolist(), bounds[:-1], bounds[1:], strict=True):
                if year not in writers:
                    path = folder / f"{year}.parquet"
                    writers[year] = pq.ParquetWriter(
                        path, table.schema, use_dictionary=["year", "industry"]
                    )
                writers[year].write_table(table.slice(a, b - a))
            written, number = written + len(table), number + 1
    finally:
        for writer in writers.values():
            writer.close()
    done.write_text(json.dumps({"rows": written}))
    return written


def ours(folder: str, memory: str, out: str | None = None, engine: str = "duckdb") -> float:
    """Run growth accounting over partitions; return the mean of TFP growth."""
    import tfp_index as tfp

    job = tfp.scale.run(
        tfp.GrowthAccounting(),
        f"{folder}/*.parquet",
        roles=ROLES,
        engine=engine,
        memory=memory,
        out=out,
    )
    return float(job.result.glance()["mean_tfp_contribution"][0])


def duckdb_idiom(folder: str, memory: str, out: str | None = None) -> float:
    """Do what a user writes in DuckDB's SQL alone; the rows to Parquet if `out` is given."""
    import duckdb

    connection = duckdb.connect(":memory:", config={"memory_limit": memory, "threads": _cores()})
    connection.execute(f"SET temp_directory = '{tempfile.gettempdir()}/bench_scale_duckdb'")
    connection.execute("SET preserve_insertion_order = false")
    query = f"""
        WITH lagged AS (
            SELECT firm, year, ln(output) AS y, ln(capital) AS k, ln(labor) AS l, labor_share AS s,
                lag(year) OVER w AS year0, lag(ln(output)) OVER w AS y0,
                lag(ln(capital)) OVER w AS k0, lag(ln(labor)) OVER w AS l0,
                lag(labor_share) OVER w AS s0
            FROM read_parquet('{folder}/*.parquet')
            WINDOW w AS (PARTITION BY firm ORDER BY year)
        )
        SELECT firm, year,
            CASE WHEN year - year0 = 1 THEN
                (y - y0) - (1 - (s + s0) / 2) * (k - k0) - (s + s0) / 2 * (l - l0)
            END AS tfp_growth
        FROM lagged"""
    if out is None:
        return float(connection.sql(f"SELECT avg(tfp_growth) FROM ({query})").fetchall()[0][0])
    target = Path(out) / "growth.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")
    return float(connection.sql(f"SELECT avg(tfp_growth) FROM '{target}'").fetchall()[0][0])


def dask_idiom(folder: str, memory: str) -> float:
    """Do what a user writes in Dask alone: shuffle by firm, then pandas in each partition."""
    import dask
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    dask.config.set({"distributed.worker.daemon": True})
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=memory, dashboard_address=None
        ) as cluster,
        Client(cluster),
    ):
        frame = dd.read_parquet(f"{folder}/*.parquet", columns=list(COLUMNS))
        parts = max(2, int(len(frame) // 1_000_000))
        growth = frame.shuffle("firm", npartitions=parts).map_partitions(
            pandas_growth, meta=("tfp_growth", "f8")
        )
        return float(growth.mean().compute())


def pandas_growth(frame: Any) -> Any:
    """Return TFP growth of a frame, as the pandas idiom of `bench_growth` does."""
    frame = frame.sort_values(["firm", "year"])
    firms = frame.groupby("firm")
    unbroken = firms["year"].diff() == 1
    growth = {}
    for name in ("output", "capital", "labor"):
        frame[name] = np.log(frame[name])
        growth[name] = frame.groupby("firm")[name].diff().where(unbroken)
    share = 0.5 * (frame["labor_share"] + firms["labor_share"].shift())
    found = growth["output"] - (1 - share) * growth["capital"] - share * growth["labor"]
    return found.rename("tfp_growth")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_CHILD = """
import importlib, json, sys, threading, time
import resource
from time import perf_counter
try:
    import psutil
except ImportError:
    psutil = None
name, arguments = json.loads(sys.argv[1])
peak, over = [0], threading.Event()
def resident():
    if psutil is None:  # without child processes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    me = psutil.Process()
    processes = [me, *me.children(recursive=True)]
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            pass
    return total
def watch():
    while not over.wait(0.02):
        peak[0] = max(peak[0], resident())
if __name__ == "__main__":
    step = getattr(importlib.import_module("benchmarks.bench_scale"), name)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    start = perf_counter()
    answer = step(*arguments)
    seconds = perf_counter() - start
    over.set()
    watcher.join()
    print(json.dumps({"answer": answer, "seconds": seconds, "peak": peak[0] / 2**20}))
"""


def measure(name: str, *arguments: Any) -> dict[str, float]:
    """Return answer, seconds and peak resident MB (with child processes) in a fresh process."""
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as script:
        script.write(_CHILD)
    try:
        run = subprocess.run(
            [sys.executable, script.name, json.dumps([name, arguments])],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.unlink(script.name)
    if run.returncode:
        raise RuntimeError(f"{name}{arguments}: {run.stderr[-2000:]}")
    return dict(json.loads(run.stdout.splitlines()[-1]))


def case(folder: Path, rows: int, memory: str, ways: dict[str, tuple[Any, ...]]) -> list[dict]:
    """Return one line for each other way to account for the rows of a folder, beside ours."""
    n = write_files(folder, rows)
    our = measure("ours", str(folder), memory)
    lines = []
    for way, arguments in ways.items():
        other = measure(way, str(folder), *arguments)
        if abs(other["answer"] - our["answer"]) > 1e-9 * abs(our["answer"]):
            raise AssertionError(f"{way} and the library disagree")
        lines.append(
            line(
                "growth accounting of Parquet files",
                n,
                ours_seconds=our["seconds"],
                other=way.replace("_idiom", " alone"),
                other_seconds=other["seconds"],
                ratio=other["seconds"] / our["seconds"],
                peak_mb=our["peak"],
                note=f"within {memory}; peak resident in MB, imports included; the other's "
                f"{other['peak']:,.0f} MB; rows by year, every firm in all files",
            )
        )
    return lines


def growth_in_rows(folder: Path, sizes: tuple[int, ...], memory: str) -> list[dict]:
    """Return seconds and peak memory from the smallest to the largest number of rows."""
    lines, per_row = [], []
    for rows in sizes:
        n = write_files(folder / f"firms_{rows}", rows)
        found = measure("ours", str(folder / f"firms_{rows}"), memory)
        per_row.append(found["seconds"] / n)
        lines.append(
            line(
                "growth accounting of Parquet files",
                n,
                ours_seconds=found["seconds"],
                other=f"{sizes[0]:,} rows",
                ratio=per_row[-1] / per_row[0],
                peak_mb=found["peak"],
                note=f"within {memory}; ratio is time per row / that of the smallest",
            )
        )
    return lines


def rows_written(folder: Path, rows: int, memory: str) -> dict[str, Any]:
    """Return the line of a run that writes its rows too, beside DuckDB's COPY."""
    n = write_files(folder, rows)
    with tempfile.TemporaryDirectory(dir=folder.parent) as out:
        our = measure("ours", str(folder), memory, f"{out}/ours")
        other = measure("duckdb_idiom", str(folder), memory, f"{out}/duckdb")
    return line(
        "growth accounting, rows to Parquet",
        n,
        ours_seconds=our["seconds"],
        other="duckdb alone",
        other_seconds=other["seconds"],
        ratio=other["seconds"] / our["seconds"],
        peak_mb=our["peak"],
        note=f"within {memory}; ours writes all contributions with reasons and a manifest, the "
        f"other TFP growth only; the other's peak {other['peak']:,.0f} MB",
    )


def others(memory: str) -> dict[str, tuple[Any, ...]]:
    """Return the ways that the installed packages allow."""
    ways: dict[str, tuple[Any, ...]] = {"duckdb_idiom": (memory,)}
    if importlib.util.find_spec("distributed") is not None:
        ways["dask_idiom"] = ("1GiB",)
    return ways


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the lines of this topic."""
    rows = 100_000 if quick else 1_000_000
    sizes = (30_000, 100_000) if quick else (100_000, 1_000_000)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        return [
            *case(folder / f"firms_{rows}", rows, "2GiB", others("2GiB")),
            rows_written(folder / f"firms_{rows}", rows, "2GiB"),
            *growth_in_rows(folder, sizes, "2GiB"),
        ]


def main() -> None:
    """Measure at the sizes given, and print lines as they come."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", type=float, nargs="+", default=[1e6, 1e7])
    parser.add_argument("--folder", type=Path, required=True, help="for the files; kept")
    parser.add_argument("--memory", default="2GiB")
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--json", type=Path, help="where the lines are saved")
    given = parser.parse_args()
    sizes = tuple(int(rows) for rows in given.rows)
    lines = growth_in_rows(given.folder, sizes, given.memory)
    print(json.dumps(lines, indent=1), flush=True)
    if not given.ours_only:
        for way, arguments in others(given.memory).items():
            for rows in sizes:
                try:
                    found = case(
                        given.folder / f"firms_{rows}", rows, given.memory, {way: arguments}
                    )
                except RuntimeError as error:
                    found = [line("growth accounting of Parquet files", rows, other=way)]
                    found[0]["note"] = f"the other did not finish: {str(error)[-300:]}"
                print(json.dumps(found, indent=1), flush=True)
                lines += found
    if given.json:
        given.json.write_text(json.dumps(lines, indent=1))


if __name__ == "__main__":
    main()
