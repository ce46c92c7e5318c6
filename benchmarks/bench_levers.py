"""Levers on a million enterprises, beside what one would type in pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import tfp_index as tfp
from benchmarks._harness import compare, copy_of, line, peak_resident, seconds

INDUSTRIES, DISTRICTS = 20, 13
BY = ("industry", "district")


def enterprises(rows: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Return `rows` enterprises, nine tenths of them in two years."""
    rng = np.random.default_rng(seed)
    firm = np.repeat(np.arange(rows), 2)
    year = np.tile([2023, 2024], rows)
    stay = (year == 2024) | (rng.random(rows)[firm] > 0.1)
    firm, year = firm[stay], year[stay]
    n = firm.shape[0]
    industry = rng.integers(0, INDUSTRIES, rows)
    has = rng.random(rows) < 0.3
    size = rng.normal(0.0, 1.0, rows)[firm]
    va = np.exp(6.0 + size + rng.normal(0.0, 0.2, n))
    return {
        "firm": firm + 5_700_000_000,
        "year": year,
        "tfp": (rng.normal(0.0, 0.3, rows) + 0.05 * has)[firm] + rng.normal(0.0, 0.1, n),
        "value_added": va,
        "labor": np.exp(2.0 + size + rng.normal(0.0, 0.2, n)),
        "wages": 0.5 * va * np.exp(rng.normal(0.0, 0.3, n)),
        "capital": va * np.exp(rng.normal(0.0, 0.5, n)),
        "iso": has[firm].astype(float),
        "industry": industry[firm],
        "district": rng.integers(0, DISTRICTS, rows)[firm],
    }


def build(frame: Any) -> tfp.Panel:
    """Return the panel of a frame."""
    return tfp.Panel.from_frame(
        frame, entity="firm", time="year", value_added="value_added", labor="labor",
        capital="capital", groups={"industry": "industry", "district": "district"},
        columns={"tfp": "tfp", "labor_cost": "wages", "iso": "iso"},
    )  # fmt: skip


def four(se: Any = "analytic") -> tfp.Levers:
    """Return the levers that the pandas idiom knows: without misallocation and practices."""
    return tfp.Levers(by=BY, levers=("laggards", "frontier", "entry", "exit"), se=se)


def pandas_idiom(frame: pd.DataFrame) -> dict[str, list[pd.Series]]:
    """Points of the same four levers, in total and by both groupings, without any error.

    Percentiles are pandas' own, which interpolate; the mean of copies would differ.
    """
    first = frame.groupby("firm")["year"].transform("min")
    now = frame[frame["year"] == frame["year"].max()]
    entrant = first.loc[now.index] == now["year"]
    phi, industry = now["tfp"], now["industry"]
    s = now["value_added"] / now["value_added"].sum()
    of_industry = phi.groupby(industry)
    parts = {}
    for q in (0.25, 0.5):
        target = of_industry.quantile(q).reindex(industry).to_numpy()
        parts[f"laggards_p{100 * q:g}"] = s * (target - phi).clip(lower=0.0)
    frontier = of_industry.quantile(0.9).reindex(industry).to_numpy()
    parts["frontier"] = 0.25 * s * (frontier - phi).clip(lower=0.0)
    sums = pd.DataFrame({"s": s, "sphi": s * phi}).groupby([industry, entrant]).sum()
    mean = (sums["sphi"] / sums["s"]).unstack()
    gap = (mean[False] - mean[True]).clip(lower=0.0).reindex(industry).to_numpy()
    parts["entry"] = s * gap * entrant
    stays = phi >= of_industry.quantile(0.05).reindex(industry).to_numpy()
    S = s.groupby(industry).transform("sum")
    S_stay = (s * stays).groupby(industry).transform("sum")
    Phi = (s * phi).groupby(industry).transform("sum") / S
    parts["exit"] = (s * stays * S / S_stay - s) * (phi - Phi)
    return {
        name: [part.sum(), *(part.groupby(now[by]).sum() for by in BY)]
        for name, part in parts.items()
    }


def prepare(rows: int) -> Any:
    """Set the stage for `peak_resident`: all six levers with their errors."""
    panel = build(enterprises(rows))
    spec = tfp.Levers(by=BY, practices="iso")
    return lambda: spec.fit(panel, productivity="tfp")


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the lines of this benchmark."""
    rows = 30_000 if quick else 1_000_000
    columns = enterprises(rows)
    frame, panel = pd.DataFrame(columns), build(columns)
    n = columns["firm"].shape[0]
    timing = {"repeats": 3, "least": 2} if quick else {"repeats": 5, "least": 3}

    def ours() -> Any:
        return four().fit(panel, productivity="tfp").tidy()

    lines = [
        compare(
            "laggards, frontier, entry, exit by industry and district", n, ours,
            lambda: pandas_idiom(frame), against="pandas, no errors", **timing,
            note="ours with standard errors; panel built before",
        ),
        compare(
            "the same", n, ours,
            copy_of([panel["tfp"], panel["value_added"]]), against="copy of two columns",
            inverse=True, **timing,
        ),
    ]  # fmt: skip
    whole = tfp.Levers(by=BY, practices="iso")
    taken = min(seconds(lambda: whole.fit(panel, productivity="tfp").tidy()) for _ in range(2))
    peak = peak_resident("benchmarks.bench_levers", "prepare", rows)
    lines.append(line("all six, with a practice and misallocation along four trims", n,
                      ours_seconds=taken, peak_mb=peak))  # fmt: skip
    reps = 5 if quick else 20
    drawn = seconds(lambda: four(tfp.Bootstrap(reps=reps)).fit(panel, productivity="tfp", rng=1))
    lines.append(line("four levers, one repetition of the bootstrap", n,
                      ours_seconds=drawn / reps))  # fmt: skip
    return lines
