"""Identities of growth accounting that hold for any data."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

import tfp_index as tfp
from tfp_index.growth.accounting_result import REASONS
from tfp_index.kernels.groups import lag_status
from tfp_index.kernels.growth import ShareRule, growth_terms

# sums of a few terms of order one: some units in the last place
ADDITIVE = 1e-12


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    seed = draw(st.integers(0, 2**32 - 1))
    entities = draw(st.integers(1, 6))
    rng = np.random.default_rng(seed)
    parts = []
    for entity in range(entities):
        years = np.flatnonzero(rng.random(12) < draw(st.sampled_from([0.5, 0.9, 1.0]))) + 2000
        n = years.size
        parts.append(
            pd.DataFrame(
                {
                    "id": f"Tỉnh {entity}",
                    "year": years,
                    "y": np.exp(rng.normal(0, 0.3, n)),
                    "k": np.exp(rng.normal(0, 0.3, n)),
                    "l": np.exp(rng.normal(0, 0.3, n)),
                    "s": rng.uniform(0.1, 0.9, n),
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    return frame if len(frame) else frames_of_one()


def frames_of_one() -> pd.DataFrame:
    return pd.DataFrame({"id": ["x"], "year": [2000], "y": [1.0], "k": [1.0], "l": [1.0], "s": 0.5})


specs = st.one_of(
    st.builds(
        tfp.GrowthAccounting,
        growth=st.sampled_from(["log", "discrete"]),
        share_timing=st.sampled_from(["average", "current", "lagged"]),
    ),
    st.builds(
        tfp.GrowthAccounting,
        growth=st.just("discrete"),
        input_index=st.just("geometric"),
        residual=st.sampled_from(["difference", "ratio"]),
        capital_share=st.floats(0.05, 0.95),
    ),
    st.builds(
        tfp.GrowthAccounting.vietnam,
        capital_share=st.floats(0.05, 0.95) | st.just({1990: 0.3, 2005: 0.45}),
    ),
)


def fit(spec, frame):
    panel = tfp.Panel.from_frame(
        frame, entity="id", time="year", output="y", capital="k", labor="l", labor_share="s"
    )
    return spec.fit(panel)


@given(specs, frames())
def test_contributions_add_up_to_output_growth(spec, frame):
    res = fit(spec, frame)
    used = res.terms.status == 0
    total = sum(res.contribution(name)[used] for name in ("capital", "labor", "tfp"))
    np.testing.assert_allclose(total, res.output_growth[used], atol=ADDITIVE)
    table = res.periods(incomplete="available")
    parts = ["capital_contribution", "labor_contribution"]
    tfp_part = "tfp_contribution" if "tfp_contribution" in table.columns else "tfp_growth"
    whole = table["output_growth"]
    there = np.isfinite(whole)
    total = sum(table[c][there] for c in [*parts, tfp_part])
    np.testing.assert_allclose(total, whole[there], atol=ADDITIVE)


@given(specs, frames())
def test_the_sample_counts_what_the_rows_say(spec, frame):
    res = fit(spec, frame)
    counts = np.bincount(res.terms.status, minlength=4).tolist()
    lost = [res.sample.lost.get(r, 0) for r in list(REASONS.values())[1:]]
    assert [res.sample.used, *lost] == counts
    assert res.sample.balanced


@given(specs, frames(), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_units_do_not_matter(spec, frame, a, b):
    scaled = frame.assign(y=frame.y * a, k=frame.k * b, l=frame.l / a)
    np.testing.assert_allclose(
        fit(spec, scaled).tfp_growth, fit(spec, frame).tfp_growth, atol=ADDITIVE
    )


@given(specs, frames(), st.randoms(use_true_random=False))
def test_row_order_and_labels_do_not_matter(spec, frame, random):
    order = list(range(len(frame)))
    random.shuffle(order)
    shuffled = frame.iloc[order].reset_index(drop=True)
    names = {name: f"{random.random():.6f} {name}" for name in frame.id.unique()}
    a, b = fit(spec, frame).to_frame(), fit(spec, shuffled).to_frame()
    pd.testing.assert_frame_equal(b, a.iloc[order].reset_index(drop=True), check_exact=True)
    c = fit(spec, frame.assign(id=frame.id.map(names))).to_frame()
    pd.testing.assert_frame_equal(c.drop(columns="id"), a.drop(columns="id"), check_exact=True)


@given(specs, frames(), st.integers(2000, 2011))
def test_changing_the_base_only_rescales(spec, frame, base):
    res = fit(spec, frame)
    free, based = res.index()["tfp_index"], res.index(base=base)["tfp_index"]
    entity, time = res.keys.entity_codes, res.keys.time
    for code in range(res.keys.entity_labels.size):
        both = (entity == code) & np.isfinite(free) & np.isfinite(based)
        ratio = based[both] / free[both]
        np.testing.assert_allclose(ratio, ratio[:1].repeat(ratio.size), rtol=1e-11)
        at_base = (entity == code) & (time == base) & np.isfinite(based)
        np.testing.assert_allclose(based[at_base], 1.0, rtol=1e-15)


@given(frames())
def test_log_growth_chains_over_periods(frame):
    res = fit(tfp.GrowthAccounting(), frame)
    table = res.periods([(2000, 2005), (2005, 2011), (2000, 2011)])
    n = res.keys.entity_labels.size
    early, late, whole = (table["tfp_growth"][i * n : (i + 1) * n] for i in range(3))
    there = np.isfinite(whole)
    np.testing.assert_allclose((5 * early + 6 * late)[there], 11 * whole[there], atol=ADDITIVE)


@given(frames(), st.integers(1, 7), st.sampled_from([1, 2, 3]))
def test_blocks_and_threads_change_no_bit(frame, size, threads):
    from tfp_index.kernels import blocks
    from tfp_index.kernels import growth as kernel

    panel = tfp.Panel.from_frame(
        frame, entity="id", time="year", output="y", capital="k", labor="l", labor_share="s"
    )
    rule = ShareRule([None, panel["labor_share"]], "average")
    arguments = (panel["output"], [panel["capital"], panel["labor"]], rule, panel.lag_status)
    one = growth_terms(*arguments, growth="log", threads=1)
    original = kernel.map_blocks
    kernel.map_blocks = lambda work, n, threads, **_: blocks.map_blocks(
        work, n, size=size, threads=threads
    )
    try:
        other = growth_terms(*arguments, growth="log", threads=threads)
    finally:
        kernel.map_blocks = original
    for name in ("output_growth", "contributions", "tfp_growth", "status", "invalid", "largest"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_lag_status_is_what_the_kernel_expects():
    assert lag_status(np.array([0, 0]), np.array([1, 2])).tolist() == [1, 0]
