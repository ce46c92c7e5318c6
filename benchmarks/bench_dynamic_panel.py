"""Dynamic panels: memory and time over rows, bootstrap, one pass over the blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tfp_index as tfp
from benchmarks._harness import MB, growth_over_rows, line, paired, peak_resident
from tfp_index.datasets import simulate
from tfp_index.production._dynamic_panel_estimate import problem_of
from tfp_index.production._rows import complete_rows, read_logs

SPECS = {
    "system": tfp.DynamicPanel(predetermined="capital"),
    "difference": tfp.DynamicPanel(form="difference", predetermined="capital"),
    "system, an instrument per period": tfp.DynamicPanel(predetermined="capital", collapse=False),
}


def panel_of(rows: int) -> tfp.Panel:
    """Return firms over ten years."""
    sim = simulate.firm_effects(max(rows // 10, 50), 10, shock_persistence=0.5, rng=1)
    panel = sim.panel()
    assert panel.fingerprint  # made once; every fit records it
    return panel


def prepared_fit(name: str, rows: int) -> Callable[[], Any]:
    """Return a fit as a step, with the panel made before."""
    panel = panel_of(rows)
    SPECS[name].fit(panel_of(2_000))  # what is imported once is not memory of the step
    return lambda: SPECS[name].fit(panel)


def bytes_of(panel: tfp.Panel) -> int:
    """Return the bytes of keys and columns."""
    columns = sum(panel[role].nbytes for role in panel.columns)
    return int(columns + panel.entity_codes.nbytes + panel.time.nbytes)


def one_pass(panel: tfp.Panel, spec: tfp.DynamicPanel) -> Callable[[], Any]:
    """One pass that makes regressors and instruments of every block, and their cross products."""
    logs = read_logs(panel, ("output", *panel.inputs))
    _, problem = problem_of(spec, panel, complete_rows(panel, logs), logs, panel.inputs)

    def work(made: Any) -> np.ndarray:
        return made.equation.Z.T @ made.equation.X

    return lambda: problem.rows.fold(work)


def of_size(rows: int) -> list[dict[str, Any]]:
    """Time against one pass, memory against the panel."""
    panel = panel_of(rows)
    size = bytes_of(panel) / MB
    lines = []
    for name, spec in SPECS.items():
        pair = paired(lambda spec=spec: spec.fit(panel), one_pass(panel, spec), repeats=3, least=1)
        peak = peak_resident("benchmarks.bench_dynamic_panel", "prepared_fit", name, rows)
        lines.append(
            line(
                f"DynamicPanel, {name}",
                panel.n_rows,
                ours_seconds=pair.ours,
                other="one pass that makes the blocks and their cross products",
                other_seconds=pair.other,
                ratio=1 / pair.ratio,
                peak_mb=peak,
                note=f"ratio is ours / other; peak {peak / size:.1f} × the panel's {size:.0f} MB, "
                "results included",
            )
        )
    return lines


def bootstrap(rows: int, reps: int) -> dict[str, Any]:
    """Firm bootstrap against the fit with analytic errors."""
    panel = panel_of(rows)
    drawn = tfp.DynamicPanel(predetermined="capital", se=tfp.Bootstrap(reps=reps))
    pair = paired(
        lambda: SPECS["system"].fit(panel), lambda: drawn.fit(panel, rng=1), repeats=1, least=1
    )
    return line(
        f"DynamicPanel, {reps} firm bootstraps",
        panel.n_rows,
        ours_seconds=pair.other,
        other="the fit with analytic errors",
        other_seconds=pair.ours,
        ratio=pair.ratio,
        note="ratio is with bootstrap / without",
    )


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the lines of this benchmark."""
    lines = of_size(50_000 if quick else 1_000_000)
    lines.append(bootstrap(10_000, 20 if quick else 200))
    sizes = (10_000, 40_000) if quick else (10_000, 100_000, 1_000_000)
    lines += growth_over_rows("DynamicPanel", lambda n: prepared_fit("system", n), sizes, repeats=2)
    return lines
