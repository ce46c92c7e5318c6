"""Run the benchmarks: ``python -m benchmarks [--quick] [--only NAME …] [--out FILE]``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import benchmarks
from benchmarks._harness import ROOT
from tfp_index import __version__

PEERS = ("numpy", "scipy", "pandas", "statsmodels", "narwhals", "polars", "pyarrow", "duckdb")


def discover() -> dict[str, str]:
    """Return topic → module of every ``bench_<topic>.py``."""
    found = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return {
        name.removeprefix("bench_"): f"benchmarks.{name}"
        for name in found
        if name.startswith("bench_")
    }


def circumstances() -> dict[str, Any]:
    """Return versions and the class of the machine, nothing that names it."""
    versions = {"python": platform.python_version(), "tfp-index": __version__}
    for name in PEERS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "versions": versions,
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "cores": cores,
        },
    }


def render(results: Sequence[dict[str, Any]]) -> str:
    """Return the lines as an aligned table, ratios first."""
    header = ("ratio", "case", "rows", "ours s", "other s", "other", "peak MB", "note")
    cells = [header]
    cells += [
        (
            _number(r["ratio"], "{:.2f}"),
            str(r["case"]),
            f"{r['rows']:,}",
            _number(r["ours_seconds"], "{:.4g}"),
            _number(r["other_seconds"], "{:.4g}"),
            str(r["other"] or ""),
            _number(r["peak_mb"], "{:,.0f}"),
            str(r["note"] or ""),
        )
        for r in results
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    right = {0, 2, 3, 4, 6}

    def lay(row: Sequence[str]) -> str:
        fields = (
            text.rjust(width) if place in right else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(fields).rstrip()

    rule = "  ".join("-" * width for width in widths[:-1]) + "  ----"
    return "\n".join([lay(cells[0]), rule, *map(lay, cells[1:])])


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def run_all(topics: dict[str, str], quick: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """Run the topics; return all lines and the names of topics that failed."""
    results: list[dict[str, Any]] = []
    failed = []
    for topic, module in topics.items():
        print(f"… {topic}", file=sys.stderr, flush=True)
        try:
            lines = importlib.import_module(module).run(quick)
        except Exception:  # the others still run; the exit code tells
            traceback.print_exc()
            failed.append(topic)
            continue
        results += [{"topic": topic, **one} for one in lines]
    return results, failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print and save; return 0, or 1 where a benchmark failed."""
    topics = discover()
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small tables, for a first look")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=topics, help=", ".join(topics))
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the JSON goes")
    options = parser.parse_args(arguments)
    chosen = {name: topics[name] for name in options.only or topics}
    results, failed = run_all(chosen, options.quick)
    print(render(results))
    print(
        "\nRatio: other / ours (how many times faster) unless the note says otherwise. "
        "Seconds depend on the machine and on its other work; ratios were measured in turn."
    )
    now = datetime.now(UTC)
    out = options.out or ROOT / "benchmarks" / "results" / f"{now:%Y%m%dT%H%M%SZ}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "made": now.isoformat(timespec="seconds"),
        "quick": options.quick,
        **circumstances(),
        "results": results,
        "failed": failed,
    }
    out.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    try:
        shown = out.resolve().relative_to(ROOT)
    except ValueError:
        shown = out
    print(f"saved {shown}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
