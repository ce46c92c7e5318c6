"""A report from enterprises, end to end: estimate, decompose, levers, public page and workbook."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tfp_index as tfp
from benchmarks._harness import copy_of, line, peak_resident, seconds
from benchmarks.bench_aggregation import enterprises


def build(frame: Any) -> tfp.Panel:
    """Return the panel of a frame."""
    return tfp.Panel.from_frame(
        frame,
        entity="firm",
        time="year",
        value_added="output",
        labor="labor",
        capital="capital",
        columns={"labor_cost": "wages"},
        groups={"district": "district", "industry": "industry"},
    )


def compute(frame: Any) -> list[Any]:
    """Return everything that the report tells, from the rows of enterprises."""
    panel = build(frame)
    spec = tfp.CobbDouglas(output="value_added", inputs=("labor", "capital"), by="industry")
    productivity = spec.fit(panel).productivity
    change = tfp.Decomposition("diewert_fox", relative="industry", by="district")
    total = tfp.Aggregation(relative="industry", by="district")
    levers = tfp.Levers(by=("district", "industry"))
    return [spec.fit(panel, productivity) for spec in (change, total, levers)]


def tell(results: list[Any], folder: Path) -> None:
    """Write the public page in both languages, with workbooks."""
    for language in ("vi", "en"):
        tfp.report.write(
            folder / f"report_{language}.html",
            results,
            language=language,
            public=True,
            data="data",
            also=["xlsx"],
        )


def prepared(rows: int) -> Callable[[], None]:
    """Return the whole way from rows to files, for `peak_resident`."""
    frame = enterprises(rows)

    def step() -> None:
        with tempfile.TemporaryDirectory() as folder:
            tell(compute(frame), Path(folder))

    return step


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the lines of this topic: from enterprises to results, and from results to files."""
    lines = []
    sizes = (10_000, 100_000) if quick else (10_000, 100_000, 1_000_000)
    for rows in sizes:
        frame = enterprises(rows)
        found: list[Any] = []
        took = seconds(lambda frame=frame, found=found: found.extend(compute(frame)))
        n = frame["firm"].size
        copied = seconds(copy_of(list(frame.values())))
        lines.append(
            line(
                "from rows to estimates, decomposition, aggregates and levers",
                n,
                ours_seconds=took,
                other="copy of the input columns",
                other_seconds=copied,
                ratio=took / copied,
                note="ours / copy",
            )
        )
        with tempfile.TemporaryDirectory() as folder:
            told = seconds(lambda found=found, to=folder: tell(found, Path(to)))
        lines.append(
            line(
                "public report in two languages: pages, workbooks, JSON, CSV",
                n,
                ours_seconds=told,
                note="hardly depends on the rows",
            )
        )
    peak = peak_resident("benchmarks.bench_report", "prepared", sizes[-1])
    lines.append(line("end to end: memory", sizes[-1], peak_mb=peak, note="fresh process"))
    return lines
