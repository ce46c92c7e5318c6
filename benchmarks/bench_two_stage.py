"""Two-stage estimators: against the idiom, a pass over the rows, separate calls; memory; growth."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

import tfp_index as tfp
from benchmarks._harness import (
    MB,
    compare,
    growth_over_rows,
    line,
    paired,
    peak_allocated,
    peak_resident,
    seconds,
)
from tfp_index.datasets import simulate
from tfp_index.kernels.blocks import blocks, map_blocks
from tfp_index.kernels.control_function import first_stage, fitted_parts
from tfp_index.kernels.score_moments import FIRM_ROWS, evaluate_products
from tfp_index.kernels.two_stage_design import (
    firm_blocks,
    stage_one_columns,
    stage_two_columns,
    stage_two_variables,
)
from tfp_index.production._two_stage_data import read_columns
from tfp_index.production._two_stage_sample import lay_out

ACF = tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=3)
PEERS = (
    "quoted from a survey on another two-core machine, 20 repetitions: prodest ACF 148 s, prodest "
    "LP 88 s, estprod LP 50 s"
)


def panel_of(rows: int, *, seed: int = 1) -> tfp.Panel:
    """Return firms over ten years."""
    return simulate.proxies(firms=max(rows // 10, 50), periods=10, rng=seed).panel()


def quiet(spec: Any, panel: tfp.Panel, **options: Any) -> Any:
    """Fit without the warnings that small groups give."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tfp.TFPWarning)
        return spec.fit(panel, **options)


def prepared_fit(rows: int) -> Callable[[], Any]:
    """Return the fit as a step, with the panel made before."""
    panel = panel_of(rows)
    quiet(ACF, panel_of(500))  # what is imported once is not memory of the step
    return lambda: quiet(ACF, panel)


def row_by_row(panel: tfp.Panel) -> np.ndarray:
    """Do what is usually written: columns in memory, one start, a simplex search over the rows."""
    from scipy.optimize import minimize

    y, l, k, m = (panel[n] for n in ("output", "labor", "capital", "materials"))  # noqa: E741
    variables = (l, k, m)
    basis = np.column_stack(
        [np.ones_like(y)]
        + [np.prod(c, axis=0) for d in (1, 2) for c in combinations_with_replacement(variables, d)]
    )
    phi = basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
    lag = panel.lag()
    now = np.flatnonzero(lag >= 0)
    before = lag[now]
    Z = np.column_stack([np.ones(now.size), l[before], k[now]])
    W = np.linalg.inv(Z.T @ Z / now.size)

    def objective(beta: np.ndarray) -> float:
        omega = phi - beta[0] * l - beta[1] * k
        A = np.vander(omega[before], 4)
        xi = omega[now] - A @ np.linalg.lstsq(A, omega[now], rcond=None)[0]
        g = Z.T @ xi / now.size
        return float(g @ W @ g)

    start = np.linalg.lstsq(np.column_stack([np.ones_like(y), l, k]), y, rcond=None)[0][1:]
    return np.asarray(minimize(objective, start, method="Nelder-Mead").x)


def one_pass(panel: tfp.Panel, *, products: bool = False) -> Callable[[], Any]:
    """Return a pass that builds the columns of both stages and does nothing with them.

    With `products` those of stage 2 by themselves, which its pass builds for the errors.
    """
    columns = read_columns(
        panel, logs=("output", "labor", "capital", "materials"), others=(), by=None,
        survival=False, invalid="error",
    )  # fmt: skip
    problem, sample = lay_out(ACF, ACF._method(), panel.names, columns.part(0))
    data, design = sample.data, problem.design
    first = first_stage(data, design)
    parts = firm_blocks(data.offsets)

    def work(block: slice) -> float:
        a, b = parts[block.start]
        rows = slice(int(data.offsets[a]), int(data.offsets[b]))
        phi, eta = fitted_parts(data, design, first, rows, stage_one_columns(data, design, rows))
        if wanted is None:
            return float(stage_two_columns(data, design, rows, phi, eta, first.center)[0, 0])
        z, mask = stage_two_variables(data, design, rows, phi, eta, first.center)
        space = np.empty((len(wanted.exponents), FIRM_ROWS))
        for piece in blocks(mask.size, FIRM_ROWS):
            made = space[:, : mask[piece].size]
            evaluate_products(wanted, z[:, piece], mask[piece], made)
        return float(made[0, 0])

    wanted = problem.products if products else None
    return lambda: map_blocks(work, len(parts), size=1)


def _idiom(rows: int) -> list[dict[str, Any]]:
    panel = panel_of(rows)
    lines = [
        compare(
            "ACF, all roots, clustered errors",
            panel.n_rows,
            lambda: quiet(ACF, panel),
            lambda: row_by_row(panel),
            against="numpy row by row, one start, no errors",
            repeats=5,
        )
    ]
    for reps in (20, 200):
        spec = tfp.AckerbergCavesFrazer(
            basis_degree=2, law_degree=3, se=tfp.Bootstrap(reps=reps, workers=2)
        )
        ours = seconds(lambda spec=spec: quiet(spec, panel, rng=1))
        lines.append(
            line(
                f"ACF with {reps} bootstrap repetitions",
                panel.n_rows,
                ours_seconds=ours,
                note=PEERS if reps == 20 else "",
            )
        )
    return lines


def _pass(rows: int, *, products: bool) -> dict[str, Any]:
    panel = panel_of(rows)
    step = one_pass(panel, products=products)
    pair = paired(lambda: quiet(ACF, panel), step, repeats=7)
    return line(
        "ACF, all roots, clustered errors, against one blocked pass that builds its columns",
        panel.n_rows,
        ours_seconds=pair.ours,
        other="one pass, both stages' columns"
        + (" and the products of columns that errors come from" if products else ""),
        other_seconds=pair.other,
        ratio=1 / pair.ratio,
        note=f"ratio is ours / other; required at most 15; {_passes(ACF, panel):.0f} passes over "
        "the rows",
    )


def _passes(spec: Any, panel: tfp.Panel) -> float:
    """Count how often a fit builds the columns of the rows."""
    from tfp_index.kernels import control_function, stacked_moments

    counted, build = [], control_function.stage_one_columns

    def counting(data: Any, design: Any, rows: slice, **options: Any) -> Any:
        counted.append(rows.stop - rows.start)
        return build(data, design, rows, **options)

    places = (control_function, stacked_moments)
    try:
        for place in places:
            place.stage_one_columns = counting  # type: ignore[assignment]
        quiet(spec, panel)
    finally:
        for place in places:
            place.stage_one_columns = build
    return sum(counted) / panel.n_rows


def _groups(groups: int, firms: int) -> dict[str, Any]:
    sim = simulate.proxies(firms=groups * firms, periods=10, rng=1)
    frame = sim.frame()
    frame["industry"] = frame["firm"] % groups
    together = tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=3, by="industry")
    panel = tfp.Panel.from_frame(frame, **sim.roles, groups={"industry": "industry"})

    def apart() -> None:
        for _, part in frame.groupby("industry"):
            quiet(ACF, tfp.Panel.from_frame(part, **sim.roles))

    ours, other = seconds(lambda: quiet(together, panel)), seconds(apart)
    return line(
        f"ACF for {groups} industries in one call",
        panel.n_rows,
        ours_seconds=ours,
        other=f"{groups} panels and calls",
        other_seconds=other,
        ratio=other / ours,
    )


def _memory(rows: int) -> dict[str, Any]:
    panel = panel_of(rows)
    size = sum(c.nbytes for c in panel.columns.values())
    size += panel.entity_codes.nbytes + panel.time.nbytes + panel.lag_status.nbytes
    _, allocated = peak_allocated(lambda: quiet(ACF, panel))
    resident = peak_resident("benchmarks.bench_two_stage", "prepared_fit", rows)
    return line(
        "peak memory of ACF",
        panel.n_rows,
        other="the panel",
        ratio=resident / (size / MB),
        peak_mb=resident,
        note=f"ratio is peak / panel; panel {size / MB:.0f} MB, {allocated:.0f} MB allocated; "
        "required at most 4",
    )


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the lines of this benchmark."""
    lines = _idiom(20_000 if quick else 100_000)
    for products in (False, True):
        lines.append(_pass(100_000 if quick else 1_000_000, products=products))
    lines.append(_groups(10 if quick else 500, 40 if quick else 100))
    lines.append(_memory(100_000 if quick else 1_000_000))
    lines += growth_over_rows(
        "ACF over rows",
        prepared_fit,
        (10_000, 100_000) if quick else (10_000, 100_000, 1_000_000),
        repeats=3,
    )
    return lines
