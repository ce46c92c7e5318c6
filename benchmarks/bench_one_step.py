"""Wooldridge and GNR: memory against the panel, time against a pass, many groups, growth."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import tfp_index as tfp
from benchmarks._harness import (
    MB,
    growth_over_rows,
    line,
    paired,
    peak_allocated,
    peak_resident,
    seconds,
)
from tfp_index.datasets import simulate
from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.gram import tiled_cross
from tfp_index.kernels.monomials import evaluate, plan, total_degree, whitening

SPECS: dict[str, Any] = {
    "Wooldridge, two steps": tfp.Wooldridge(),
    "Wooldridge, one equation": tfp.Wooldridge(form="one_equation"),
    "GNR of degree 3, all roots, clustered": tfp.GandhiNavarroRivers(revenue_share="share"),
}


def frame_of(rows: int) -> tuple[Any, dict[str, Any]]:
    """Return firms over ten years with gross output and materials, and their roles."""
    sim = simulate.gnr(
        max(rows // 10, 50),
        10,
        labor_elasticity=0.15,
        materials_elasticity=0.5,
        curvature=0.02,
        burn_in=5,
        rng=1,
    )
    return sim.frame(), dict(sim.roles)


def panel_of(rows: int) -> tfp.Panel:
    """Return a panel of them."""
    frame, roles = frame_of(rows)
    panel = tfp.Panel.from_frame(frame, **roles)
    assert panel.fingerprint  # made once; every fit records it
    return panel


def size_of(panel: tfp.Panel) -> float:
    """Return the MB of a panel: its columns and keys."""
    columns = sum(panel[role].nbytes for role in panel.columns)
    keys = panel.entity_codes.nbytes + panel.time.nbytes + panel.lag_status.nbytes
    return float(columns + keys) / MB


def quiet(spec: Any, panel: tfp.Panel) -> Any:
    """Fit without the warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tfp.TFPWarning)
        return spec.fit(panel)


def prepared_fit(name: str, rows: int) -> Callable[[], Any]:
    """Return a fit as a step, with the panel made before."""
    panel = panel_of(rows)
    quiet(SPECS[name], panel_of(2_000))  # what is imported once is not memory of the step
    return lambda: quiet(SPECS[name], panel)


def one_pass(panel: tfp.Panel) -> Callable[[], Any]:
    """One blocked pass over the rows that builds a cubic basis and its Gram matrix."""
    variables = [panel[x] for x in ("labor", "capital", "materials")]
    shape = whitening(variables, correlated=True)
    made = plan(total_degree(3, 3))

    def work(rows: slice) -> np.ndarray:
        X = evaluate(shape.apply(variables, rows), made)
        return tiled_cross(X, X)

    return lambda: sum(map_blocks(work, panel.n_rows))


def memory(name: str, rows: int) -> dict[str, Any]:
    """Peak of a fit, its outputs included, above the panel."""
    panel = panel_of(rows)
    size = size_of(panel)
    quiet(SPECS[name], panel_of(2_000))
    _, allocated = peak_allocated(lambda: quiet(SPECS[name], panel))
    resident = peak_resident("benchmarks.bench_one_step", "prepared_fit", name, rows)
    return line(
        f"peak memory of {name}",
        panel.n_rows,
        other="the panel",
        ratio=resident / size,
        peak_mb=resident,
        note=f"ratio is peak / panel; panel {size:.0f} MB, {allocated:.0f} MB allocated "
        f"({allocated / size:.2f} × the panel); required at most 4",
    )


def against_pass(name: str, rows: int) -> dict[str, Any]:
    """Time of a fit against one pass that builds a cubic basis."""
    panel = panel_of(rows)
    pair = paired(lambda: quiet(SPECS[name], panel), one_pass(panel), repeats=5)
    return line(
        name,
        panel.n_rows,
        ours_seconds=pair.ours,
        other="one blocked pass that builds a cubic basis of three inputs",
        other_seconds=pair.other,
        ratio=1 / pair.ratio,
        note="ratio is ours / other",
    )


def by_group(name: str, groups: int, firms: int) -> dict[str, Any]:
    """Many industries in one call against as many panels and calls."""
    frame, roles = frame_of(groups * firms * 10)
    frame["industry"] = frame["firm"] % groups
    panel = tfp.Panel.from_frame(frame, **roles, groups={"industry": "industry"})
    spec = SPECS[name]
    together = replace(spec, by="industry")

    def apart() -> None:
        for _, part in frame.groupby("industry"):
            quiet(spec, tfp.Panel.from_frame(part, **roles))

    ours, other = seconds(lambda: quiet(together, panel)), seconds(apart)
    return line(
        f"{name} for {groups} industries in one call",
        panel.n_rows,
        ours_seconds=ours,
        other=f"{groups} panels and calls",
        other_seconds=other,
        ratio=other / ours,
    )


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the lines of this benchmark."""
    rows = 100_000 if quick else 1_000_000
    lines = [memory(name, rows) for name in SPECS]
    lines += [against_pass(name, rows) for name in SPECS]
    groups, firms = (10, 40) if quick else (500, 20)
    for name in ("Wooldridge, two steps", "GNR of degree 3, all roots, clustered"):
        lines.append(by_group(name, groups, firms))
    sizes = (10_000, 40_000) if quick else (10_000, 100_000, 1_000_000)
    lines += growth_over_rows(
        "Wooldridge, two steps",
        lambda n: prepared_fit("Wooldridge, two steps", n),
        sizes,
        repeats=2,
    )
    return lines
