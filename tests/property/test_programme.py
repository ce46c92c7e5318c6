"""What must hold of a plan's verdicts whatever the figures are."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.criteria.test_programme import GROWTH, plan_of, rows
from tfp_index.criteria.programme import Plan

RANK = {"missing_data": 0, "behind": 1, "on_course": 2, "met": 3}

counts = st.integers(0, 12).map(float) | st.floats(0, 12, allow_nan=False, width=32)
progress = st.dictionaries(st.integers(2021, 2025), counts)
years = st.integers(2021, 2027)
PLANS = {sign: plan_of(operator=f'"{sign}"') for sign in ("≥", ">")}
PLANS["path"] = plan_of(path="{ 2023 = 6 }")
PLANS["end"] = plan_of(path='"end"')


@pytest.mark.parametrize("name", PLANS)
@given(values=progress, year=st.integers(2021, 2025), more=counts, as_of=years)
def test_more_progress_never_worsens_a_total(
    name: str, values: dict[int, float], year: int, more: float, as_of: int
) -> None:
    plan = PLANS[name]
    before = plan.track(rows("A", values), as_of=as_of)["A"]
    after = plan.track(rows("A", {**values, year: values.get(year, 0.0) + more}), as_of=as_of)["A"]
    assert RANK[after.status] >= RANK[before.status]
    if not math.isnan(before.value):
        assert after.value >= before.value


@given(values=progress, as_of=years)
def test_years_and_their_running_totals_stand_alike(values: dict[int, float], as_of: int) -> None:
    full = {year: values.get(year, 0.0) for year in range(2021, 2026)}
    totals = {year: math.fsum(full[y] for y in full if y <= year) for year in full}
    plan = PLANS["≥"]
    one = plan.track(rows("A", full), as_of=as_of)["A"]
    two = plan.track(rows("A", totals), as_of=as_of, running_totals="A")["A"]
    assert (one.status, one.value, one.gap) == (two.status, two.value, two.gap)


@given(
    values=st.dictionaries(st.integers(2020, 2025), st.floats(1, 1e6)),
    factor=st.sampled_from((2.0, 4.0, 0.5)),
    as_of=years,
)
def test_growth_does_not_depend_on_the_size_of_the_counts(
    values: dict[int, float], factor: float, as_of: int
) -> None:
    plan = plan_of(**GROWTH)
    one = plan.track(rows("A", values), as_of=as_of)["A"]
    two = plan.track(rows("A", {y: v * factor for y, v in values.items()}), as_of=as_of)["A"]
    assert (one.status, one.corridor, one.missing, one.failed) == (
        two.status,
        two.corridor,
        two.missing,
        two.failed,
    )


@example(values={"T10": {2030: 0.0, 2019: 0.0, 2020: 0.0}}, as_of=2030)
@given(
    values=st.dictionaries(
        st.sampled_from([t.id for t in Plan.load("quang_ninh_203").targets]),
        st.dictionaries(st.integers(2019, 2032), st.floats(0, 1)),
        max_size=10,
    ),
    as_of=st.integers(2018, 2033),
)
def test_every_target_has_a_status_and_words_in_both_languages(
    values: dict[str, dict[int, float]], as_of: int
) -> None:
    plan = Plan.load("quang_ninh_203")
    frame = {
        "target": [key for key, figures in values.items() for _ in figures],
        "year": [year for figures in values.values() for year in figures],
        "value": [max(value, 1e-3) for figures in values.values() for value in figures.values()],
    }
    status = plan.track(frame, as_of=as_of)
    for target in plan.targets:
        verdict = status[target.id]
        assert (verdict.status == "not_started") == (as_of < target.start)
        for lang in ("vi", "en"):
            assert status.explain(target.id, lang)
            assert "nan" not in status.explain(target.id, lang) + status.needed(target.id, lang)
        if verdict.status in ("behind", "missing_data", "on_course"):
            assert status.needed(target.id, "en")
    assert sum(status.to_dict()["counts"].values()) == len(plan.targets)
