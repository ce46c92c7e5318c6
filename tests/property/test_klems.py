"""Adding up: industries to nodes, nodes to the total, and what lies between."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfp_index as tfp

# a few dozen products of numbers of size one
ROUNDING = 1e-12
PROVINCES, INDUSTRIES, YEARS = 2, 3, 3


@st.composite
def economies(draw: st.DrawFn) -> dict[str, list]:
    """Draw provinces with industries, whose accounts exhaust output."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.floats(0.01, 1.0))
    n = PROVINCES * INDUSTRIES * YEARS
    frame = {
        "province": np.repeat(["HN", "QN"], INDUSTRIES * YEARS).tolist(),
        "industry": np.tile(np.repeat(["A", "B", "C"], YEARS), PROVINCES).tolist(),
        "year": np.tile(np.arange(YEARS), PROVINCES * INDUSTRIES).tolist(),
    }
    for name in ("y", "m", "k", "h"):
        frame[name] = np.exp(rng.normal(2, spread, n)).tolist()
    parts = np.exp(rng.normal(1, spread, (3, n)))
    frame |= dict(zip(("vm", "vk", "vh"), parts.tolist(), strict=True))
    frame["vy"] = parts.sum(axis=0).tolist()
    return frame


def panel(frame):
    return tfp.Panel.from_frame(
        frame,
        entity="province",
        item="industry",
        time="year",
        output="y",
        materials="m",
        capital="k",
        labor="h",
        columns={
            "output_value": "vy",
            "materials_value": "vm",
            "capital_value": "vk",
            "labor_value": "vh",
        },
    )


@given(economies(), st.sampled_from(["domar", "value_added"]), st.sampled_from(["mean", "ratio"]))
def test_direct_is_weighted_plus_reallocation(frame, aggregate, weights):
    spec = tfp.KlemsAccounts(aggregate=aggregate, aggregate_inputs="sum", domar_weights=weights)
    table = spec.fit(panel(frame)).aggregates()
    known = np.isfinite(table["tfp_growth"])
    assert known.sum() == (PROVINCES + 1) * (YEARS - 1)
    gap = table["direct_tfp_growth"] - table["weighted_tfp_growth"]
    parts = table["reallocation_capital"] + table["reallocation_labor"] + table["approximation"]
    assert parts[known] == pytest.approx(gap[known], abs=ROUNDING)
    if aggregate == "value_added" or weights == "ratio":
        assert table["approximation"][known] == pytest.approx(0.0, abs=ROUNDING)
    by_industry = table["weighted_capital_contribution"] + table["weighted_labor_contribution"]
    whole = table["weighted_tfp_growth"] + by_industry + table["approximation"]
    assert whole[known] == pytest.approx(table["value_added_growth"][known], abs=ROUNDING)
    growth = (
        table["capital_contribution"] + table["labor_contribution"] + table["direct_tfp_growth"]
    )
    assert growth[known] == pytest.approx(table["value_added_growth"][known], abs=ROUNDING)


@given(economies())
def test_industries_add_up_to_output_and_to_the_total(frame):
    result = tfp.KlemsAccounts().fit(panel(frame))
    parts = sum(result[f"{x}_contribution"] for x in ("materials", "capital", "labor"))
    assert parts + result["tfp_growth"] == pytest.approx(
        result["output_growth"], abs=ROUNDING, nan_ok=True
    )
    of_value_added = sum(result[f"{x}_value_added_contribution"] for x in ("capital", "labor"))
    assert of_value_added + result["value_added_tfp_growth"] == pytest.approx(
        result["value_added_growth"], abs=ROUNDING, nan_ok=True
    )
    total = result.aggregates("total")
    for t in range(1, YEARS):
        rows = result.keys.time == t
        assert result["tfp_contribution"][rows].sum() == pytest.approx(
            total["tfp_growth"][t], abs=ROUNDING
        )


@given(economies())
def test_reallocation_splits_into_within_and_between(frame):
    spec = tfp.KlemsAccounts(aggregate="value_added", aggregate_inputs="sum")
    result = spec.fit(panel(frame))
    total, provinces = result.aggregates("total"), result.aggregates("province")
    assert np.isnan(provinces["reallocation_labor_within"]).all()
    value_added = np.subtract(frame["vy"], frame["vm"]).reshape(PROVINCES, INDUSTRIES, YEARS)
    by_province = value_added.sum(axis=1)
    share = by_province / by_province.sum(axis=0)
    for name in ("capital", "labor"):
        of_children = provinces[f"reallocation_{name}"].reshape(PROVINCES, YEARS)
        for t in range(1, YEARS):
            weight = 0.5 * (share[:, t] + share[:, t - 1])
            within = weight @ of_children[:, t]
            assert total[f"reallocation_{name}_within"][t] == pytest.approx(within, abs=ROUNDING)
            assert total[f"reallocation_{name}"][t] == pytest.approx(
                within + total[f"reallocation_{name}_between"][t], abs=ROUNDING
            )


@given(economies(), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_units_and_currency_do_not_matter(frame, unit, currency):
    spec = tfp.KlemsAccounts(aggregate_inputs="sum")
    before = spec.fit(panel(frame)).aggregates()
    changed = dict(frame)
    for name in ("y", "k"):
        changed[name] = [v * unit for v in frame[name]]
    for name in ("vy", "vm", "vk", "vh"):
        changed[name] = [v * currency for v in frame[name]]
    after = spec.fit(panel(changed)).aggregates()
    for name in ("tfp_growth", "direct_tfp_growth", "reallocation_capital"):
        assert after[name] == pytest.approx(before[name], abs=ROUNDING, nan_ok=True)


@given(economies())
def test_one_industry_is_its_own_aggregate(frame):
    rows = [
        i
        for i, (p, j) in enumerate(zip(frame["province"], frame["industry"], strict=True))
        if (p, j) == ("HN", "A")
    ]
    alone = {k: [v[i] for i in rows] for k, v in frame.items()}
    spec = tfp.KlemsAccounts(aggregate="value_added", aggregate_inputs="sum")
    result = spec.fit(panel(alone))
    total = result.aggregates("total")
    assert total["tfp_growth"] == pytest.approx(
        result["value_added_tfp_growth"], abs=ROUNDING, nan_ok=True
    )
    for name in ("capital", "labor"):
        assert total[f"reallocation_{name}"][1:] == pytest.approx(0.0, abs=ROUNDING)
