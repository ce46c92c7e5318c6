"""Measuring side by side: paired times, a calibration copy, peak memory, growth over rows.

Seconds depend on the machine and on whoever shares it; ratios of two things that ran in turn on
the same machine are what a benchmark here reports and what is judged.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
MB = 2.0**20


@dataclass(frozen=True, slots=True)
class Pair:
    """Medians of interleaved times; `ratio` is the median over repeats of other / ours."""

    ours: float
    other: float
    ratio: float
    repeats: int


def seconds(function: Callable[[], Any]) -> float:
    """Return the time of one call, with the garbage collector held back."""
    gc.collect()
    gc.disable()
    try:
        start = perf_counter()
        result = function()
        elapsed = perf_counter() - start
    finally:
        gc.enable()
    del result
    return elapsed


def paired(
    ours: Callable[[], Any],
    other: Callable[[], Any],
    *,
    repeats: int = 9,
    least: int = 3,
    budget: float = 30.0,
) -> Pair:
    """Time two functions in turn (A B, B A, A B, …), so that drift of the machine hits both.

    Parameters
    ----------
    ours, other : callables without arguments
        Each is called once before timing starts.
    repeats : int
        Pairs of calls; at least `least` are made, however slow, and no more after `budget`
        seconds.
    """
    ours(), other()
    times: list[tuple[float, float]] = []
    start = perf_counter()
    while len(times) < repeats and (len(times) < least or perf_counter() - start < budget):
        if len(times) % 2:
            b, a = seconds(other), seconds(ours)
        else:
            a, b = seconds(ours), seconds(other)
        times.append((a, b))
    return Pair(
        statistics.median(a for a, _ in times),
        statistics.median(b for _, b in times),
        statistics.median(b / a for a, b in times),
        len(times),
    )


def line(
    case: str,
    rows: int,
    *,
    ours_seconds: float | None = None,
    other: str = "",
    other_seconds: float | None = None,
    ratio: float | None = None,
    peak_mb: float | None = None,
    note: str = "",
) -> dict[str, Any]:
    """Return one line of a benchmark; `ratio` is other / ours unless the note says otherwise."""
    return {
        "case": case,
        "rows": rows,
        "ours_seconds": ours_seconds,
        "other": other,
        "other_seconds": other_seconds,
        "ratio": ratio,
        "peak_mb": peak_mb,
        "note": note,
    }


def compare(
    case: str,
    rows: int,
    ours: Callable[[], Any],
    other: Callable[[], Any],
    *,
    against: str,
    note: str = "",
    peak_mb: float | None = None,
    inverse: bool = False,
    **timing: Any,
) -> dict[str, Any]:
    """Time ours against another way to do the same and return the line.

    Parameters
    ----------
    against : str
        What the other one is.
    inverse : bool
        Report ours / other (a cost) instead of other / ours (a gain); the note then says so.
    **timing
        As in `paired`.
    """
    pair = paired(ours, other, **timing)
    if inverse:
        note = "; ".join(filter(None, ("ratio is ours / other", note)))
    return line(
        case,
        rows,
        ours_seconds=pair.ours,
        other=against,
        other_seconds=pair.other,
        ratio=1 / pair.ratio if inverse else pair.ratio,
        peak_mb=peak_mb,
        note=note,
    )


def copy_of(arrays: Sequence[np.ndarray]) -> Callable[[], list[np.ndarray]]:
    """Return the calibration kernel: a plain copy of the same bytes into new memory."""
    return lambda: [array.copy() for array in arrays]


def peak_allocated(function: Callable[[], Any]) -> tuple[Any, float]:
    """Return a call's result and the MB by which its allocations rose at their highest.

    Counts what Python and numpy allocate, exactly; memory of other libraries is not seen (use
    `peak_resident`). Slows the call down: do not time it.
    """
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        result = function()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return result, (peak - before) / MB


_FRESH = """
import gc, importlib, json, resource, sys
def status(field):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":"))
module, name, arguments = json.loads(sys.argv[1])
step = getattr(importlib.import_module(module), name)(*arguments)
gc.collect()
try:
    with open("/proc/self/clear_refs", "w") as high_water:
        high_water.write("5")
    before = status("VmRSS")
    result = step()
    peak = status("VmHWM")
except OSError:
    scale = 2**20 if sys.platform == "darwin" else 2**10
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    result = step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
print(json.dumps(peak - before))
"""


def peak_resident(module: str, prepare: str, *arguments: Any) -> float:
    """Return the MB of resident memory that a step adds at its highest, in a fresh process.

    ``prepare(*arguments)`` of `module` sets the stage and returns the step, a function without
    arguments; only the step counts. Where the system cannot reset its high-water mark (not
    Linux), a stage that needs more than the step hides it.

    Parameters
    ----------
    module : str
        E.g. ``"benchmarks.bench_growth"``.
    prepare : str
        Name of a function in it.
    *arguments
        Plain values.
    """
    # glibc: give freed arrays back at once, so that the step cannot live in what the stage left
    settings = {"MALLOC_MMAP_THRESHOLD_": str(2**17), "MALLOC_TRIM_THRESHOLD_": str(2**17)}
    document = json.dumps([module, prepare, arguments])
    return float(fresh_python(_FRESH, document, **settings).stdout)


def fresh_python(
    code: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a piece of code in a new interpreter at the root of the repository."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def growth_over_rows(
    case: str,
    make: Callable[[int], Callable[[], Any]],
    sizes: Sequence[int],
    *,
    note: str = "",
    repeats: int = 5,
) -> list[dict[str, Any]]:
    """Time ``make(size)()`` at several sizes and return a line for each.

    The ratio of a line is its time per row relative to the smallest size: about one or less
    where time grows linearly (small tables also pay fixed costs). The last line's note has the
    elasticity of time with respect to rows over the last two sizes.
    """
    lines, per_row = [], []
    for size in sizes:
        step = make(size)
        step()
        best = min(seconds(step) for _ in range(repeats))
        per_row.append(best / size)
        said = [note, "ratio is time per row / that of the smallest table"]
        if len(per_row) > 1 and size == sizes[-1]:
            rise = np.log(per_row[-1] / per_row[-2]) / np.log(size / sizes[-2])
            said.append(f"elasticity of time at the end {1 + rise:.2f}")
        lines.append(
            line(
                case,
                size,
                ours_seconds=best,
                other=f"{sizes[0]:,} rows",
                ratio=per_row[-1] / per_row[0],
                note="; ".join(filter(None, said)),
            )
        )
        del step
    return lines
