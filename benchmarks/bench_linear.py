"""Least squares, instruments, share regressions: against statsmodels, linearmodels, the idiom."""

from __future__ import annotations

import warnings
from collections.abc import Callable
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
)
from tfp_index.datasets import simulate
from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.linalg import least_squares, triangular_factor
from tfp_index.kernels.monomials import evaluate, plan, total_degree, whitening

GNR = tfp.GandhiNavarroRivers(revenue_share="share", share_degree=3)
WOOLDRIDGE = tfp.Wooldridge()
SPECS = {
    "CobbDouglas": tfp.CobbDouglas(),
    "CobbDouglas, entity effects, clustered": tfp.CobbDouglas(effects="entity", cov="clustered"),
    "CobbDouglas, two-way effects, two-way clustered": tfp.CobbDouglas(
        effects="two_way", cov="two_way_clustered"
    ),
    "Translog, clustered": tfp.Translog(cov="clustered"),
    "Wooldridge, two steps": WOOLDRIDGE,
    "DynamicPanel": tfp.DynamicPanel(),
    "GNR of degree 3, all roots, clustered": GNR,
}
PEERS = (
    "quoted from a survey on another two-core machine: gnrprod 15.6 s, 359 MB (point only; with 20 "
    "repetitions > 300 s); prodestWRDG_GMM 5.2 s, 475 MB"
)
PEERS_LARGE = "quoted: gnrprod 240 s, 2.7 GB (point only); prodestWRDG_GMM 26 s, 2.6 GB"


def panel_of(rows: int) -> tfp.Panel:
    """Return firms over ten years with gross output and materials."""
    firms = max(rows // 10, 50)
    sim = simulate.gnr(
        firms,
        10,
        labor_elasticity=0.15,
        materials_elasticity=0.5,
        curvature=0.02,
        burn_in=5,
        rng=1,
    )
    panel = sim.panel()
    assert panel.fingerprint  # made once; every fit records it
    return panel


def quiet(spec: Any, panel: tfp.Panel) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tfp.TFPWarning)
        return spec.fit(panel)


def prepared_fit(name: str, rows: int) -> Callable[[], Any]:
    """Return a fit as a step, with the panel made before."""
    panel = panel_of(rows)
    quiet(SPECS[name], panel_of(2_000))  # what is imported once is not memory of the step
    return lambda: quiet(SPECS[name], panel)


def columns_of(panel: tfp.Panel) -> tuple[np.ndarray, np.ndarray]:
    inputs = ("labor", "capital", "materials")
    X = np.column_stack([np.ones(panel.n_rows), *(panel[x] for x in inputs)])
    return panel["output"], X


def kernels(panel: tfp.Panel) -> list[dict[str, Any]]:
    y, X = columns_of(panel)
    n = panel.n_rows
    same = np.linalg.lstsq(X, y, rcond=None)[0]
    assert np.allclose(least_squares(X, y).coefficients, same, rtol=1e-10)
    return [
        compare(
            "least squares, 4 columns",
            n,
            lambda: least_squares(X, y),
            lambda: np.linalg.lstsq(X, y, rcond=None),
            against="numpy.linalg.lstsq",
            note="ours also names collinear columns and gives (X'X)⁻¹ and residuals",
        ),
        compare(
            "triangular factor by blocks",
            n,
            lambda: triangular_factor(X, y),
            lambda: np.linalg.qr(np.column_stack([X, y]), mode="r"),
            against="numpy.linalg.qr of the whole matrix",
        ),
    ]


def against_statsmodels(panel: tfp.Panel) -> dict[str, Any]:
    import statsmodels.api as sm

    y, X = columns_of(panel)
    spec = tfp.CobbDouglas(inputs=("labor", "capital", "materials"), cov="clustered")

    def peer() -> Any:
        kwds = {"groups": panel.entity_codes}
        return sm.OLS(y, X).fit(cov_type="cluster", cov_kwds=kwds, use_t=True).bse

    assert np.allclose(np.asarray(spec.fit(panel).bse), peer(), rtol=1e-7)
    return compare(
        "CobbDouglas, errors clustered by firm",
        panel.n_rows,
        lambda: spec.fit(panel),
        peer,
        against="statsmodels OLS on the same arrays",
        note="ours also gives productivity and elasticities of every row; same errors",
    )


def against_linearmodels(panel: tfp.Panel, effects: str) -> dict[str, Any]:
    import pandas as pd
    from linearmodels.panel import PanelOLS

    inputs = ["labor", "capital", "materials"]
    frame = pd.DataFrame(
        {
            "firm": panel.entity_codes,
            "year": panel.time,
            **{x: panel[x] for x in ("output", *inputs)},
        }
    ).set_index(["firm", "year"])
    spec = tfp.CobbDouglas(inputs=tuple(inputs), effects=effects, cov="robust")

    def peer() -> Any:
        model = PanelOLS(
            frame["output"],
            frame[inputs],
            entity_effects=True,
            time_effects=effects == "two_way",
        )
        return model.fit(cov_type="robust")

    assert np.allclose(np.asarray(spec.fit(panel).bse), peer().std_errors, rtol=1e-6)
    return compare(
        f"CobbDouglas, effects {effects}",
        panel.n_rows,
        lambda: spec.fit(panel),
        peer,
        against="linearmodels PanelOLS",
        note="same errors",
        budget=20.0,
    )


def share_by_scipy(panel: tfp.Panel) -> dict[str, Any]:
    """The share regression as it is usually written: all columns in memory, numeric steps."""
    from scipy.optimize import least_squares as scipy_least_squares

    from tfp_index.kernels.share_regression import share_regression

    variables = [panel[x] for x in ("labor", "capital", "materials")]
    s = panel["share"]
    shape = whitening(variables, correlated=True)
    made = plan(total_degree(3, 3))
    X = evaluate(shape.apply(variables, slice(None)), made).T
    start = np.zeros(X.shape[1])
    start[0] = np.exp(s.mean())

    def peer() -> Any:
        return scipy_least_squares(
            lambda g: s - np.log(np.maximum(X @ g, 1e-12)),
            start,
            jac=lambda g: -X / np.maximum(X @ g, 1e-12)[:, None],
            method="lm",
            xtol=1e-12,
            ftol=1e-12,
        )

    ours = share_regression(s, variables, shape, 3)
    assert abs(ours.ssr / (2 * peer().cost) - 1) < 1e-9
    return compare(
        "share regression of degree 3 (GNR, stage 1)",
        panel.n_rows,
        lambda: share_regression(s, variables, shape, 3),
        peer,
        against="scipy.optimize.least_squares with exact derivatives",
        note="same sum of squares",
        budget=20.0,
    )


def one_pass(panel: tfp.Panel) -> Callable[[], Any]:
    """One blocked pass over the rows that builds a cubic basis and its Gram matrix."""
    variables = [panel[x] for x in ("labor", "capital", "materials")]
    shape = whitening(variables, correlated=True)
    made = plan(total_degree(3, 3))

    def work(rows: slice) -> np.ndarray:
        X = evaluate(shape.apply(variables, rows), made)
        return X @ X.T

    return lambda: sum(map_blocks(work, panel.n_rows))


def bootstrap(panel: tfp.Panel, reps: int) -> list[dict[str, Any]]:
    lines = []
    for name, spec in (
        (
            "GNR",
            tfp.GandhiNavarroRivers(
                revenue_share="share", share_degree=3, se=tfp.Bootstrap(reps=reps)
            ),
        ),
        ("Wooldridge", tfp.Wooldridge(se=tfp.Bootstrap(reps=reps))),
    ):
        plain = GNR if name == "GNR" else WOOLDRIDGE
        pair = paired(
            lambda plain=plain: quiet(plain, panel),
            lambda spec=spec: _drawn(spec, panel),
            repeats=1,
            least=1,
        )
        lines.append(
            line(
                f"{name}, {reps} firm bootstraps",
                panel.n_rows,
                ours_seconds=pair.other,
                other="the fit with analytic errors",
                other_seconds=pair.ours,
                ratio=pair.ours / pair.other,
                note=f"ratio is fit / fit with bootstrap; {PEERS}",
            )
        )
    return lines


def _drawn(spec: Any, panel: tfp.Panel) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tfp.TFPWarning)
        return spec.fit(panel, rng=1)


def large(rows: int) -> list[dict[str, Any]]:
    """All specifications at full size: time against one pass, memory against the panel."""
    panel = panel_of(rows)
    size = sum(panel[x].nbytes for x in panel.columns) / MB
    size += (panel.entity_codes.nbytes + panel.time.nbytes) / MB
    basis = one_pass(panel)
    lines = []
    for name in SPECS:
        pair = paired(lambda name=name: quiet(SPECS[name], panel), basis, repeats=1, least=1)
        peak = peak_resident("benchmarks.bench_linear", "prepared_fit", name, rows)
        lines.append(
            line(
                name,
                panel.n_rows,
                ours_seconds=pair.ours,
                other="one blocked pass that builds a cubic basis of three inputs",
                other_seconds=pair.other,
                ratio=pair.ours / pair.other,
                peak_mb=peak,
                note=f"ratio is ours / other; peak {peak / size:.1f} × the panel; {PEERS_LARGE}",
            )
        )
    return lines


BY_GROUP = {
    "pooled, robust": {},
    "pooled, clustered": {"cov": "clustered"},
    "entity effects, clustered": {"effects": "entity", "cov": "clustered"},
    "two-way effects, two-way clustered": {"effects": "two_way", "cov": "two_way_clustered"},
    "first differences, clustered": {"effects": "first_difference", "cov": "clustered"},
    "random effects, clustered": {"effects": "random", "cov": "clustered"},
}


def industries(groups: int, rows: int) -> tuple[Any, dict[str, Any]]:
    """Return a frame of firms over ten years in industries of `rows` rows, and its roles."""
    sim = simulate.gnr(
        groups * rows // 10, 10, labor_elasticity=0.15, materials_elasticity=0.5, burn_in=5, rng=1
    )
    frame = sim.frame()
    frame["industry"] = frame["firm"] % groups
    own = np.random.default_rng(2).normal(scale=0.3, size=int(frame["firm"].max()) + 1)
    frame["output"] += own[frame["firm"].to_numpy()]  # firms differ for good
    return frame, {**sim.roles, "groups": {"industry": "industry"}}


def in_one_call(groups: int, rows: int) -> list[dict[str, Any]]:
    """All industries in one call, against a call for each: panels made before, and not."""
    frame, roles = industries(groups, rows)
    panel = tfp.Panel.from_frame(frame, **roles)
    own = [tfp.Panel.from_frame(part, **roles) for _, part in frame.groupby("industry")]
    lines = []
    for name, options in BY_GROUP.items():
        spec, by = tfp.CobbDouglas(**options), tfp.CobbDouglas(**options, by="industry")
        fits = quiet(by, panel)
        assert len(fits) == groups
        for label, alone in ((0, own[0]), (groups - 1, own[-1])):
            one = quiet(spec, alone)
            assert np.allclose(np.asarray(fits[label].bse), np.asarray(one.bse), rtol=1e-10)
        lines.append(
            compare(
                f"CobbDouglas(by=), {name}",
                panel.n_rows,
                lambda by=by: quiet(by, panel).tidy(),
                lambda spec=spec: [quiet(spec, part).tidy() for part in own],
                against=f"{groups} calls on panels made before",
                note=f"{groups} industries of {rows:,} rows; with the table of coefficients",
                budget=20.0,
            )
        )
    spec, by = tfp.CobbDouglas(), tfp.CobbDouglas(by="industry")
    lines.append(
        compare(
            "CobbDouglas(by=), pooled, from the frame",
            panel.n_rows,
            lambda: by.fit(tfp.Panel.from_frame(frame, **roles)).productivity,
            lambda: [
                spec.fit(tfp.Panel.from_frame(part, **roles)).productivity
                for _, part in frame.groupby("industry")
            ],
            against=f"{groups} calls, each on a panel of its own rows",
            note=f"{groups} industries of {rows:,} rows",
            budget=20.0,
        )
    )
    return lines


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the lines of this benchmark."""
    rows = 20_000 if quick else 100_000
    panel = panel_of(rows)
    lines = kernels(panel)
    lines.append(against_statsmodels(panel))
    lines += [against_linearmodels(panel, effects) for effects in ("entity", "two_way")]
    lines.append(share_by_scipy(panel))
    for name in ("Wooldridge, two steps", "GNR of degree 3, all roots, clustered"):
        _, peak = peak_allocated(lambda name=name: quiet(SPECS[name], panel))
        pair = paired(lambda name=name: quiet(SPECS[name], panel), one_pass(panel), repeats=3)
        lines.append(
            line(
                name,
                panel.n_rows,
                ours_seconds=pair.ours,
                other="one blocked pass that builds a cubic basis of three inputs",
                other_seconds=pair.other,
                ratio=1 / pair.ratio,
                peak_mb=peak,
                note=f"ratio is ours / other; {PEERS}",
            )
        )
    lines += bootstrap(panel, 5 if quick else 20)
    for groups, size in ((20, 200),) if quick else ((500, 200), (50, 20_000)):
        lines += in_one_call(groups, size)
    sizes = (10_000, 40_000) if quick else (10_000, 100_000, 1_000_000)
    for name in ("CobbDouglas, entity effects, clustered", "GNR of degree 3, all roots, clustered"):
        lines += growth_over_rows(
            name, lambda n, name=name: prepared_fit(name, n), sizes, repeats=2
        )
    if not quick:
        lines += large(1_000_000)
    return lines
