"""Tracking a plan: every operator and way of counting, faults of files and data, reports."""

from __future__ import annotations

import json
import math
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.composite.structure import StructureError
from tfp_index.criteria._plan_file import BILINGUAL, TARGET_KEYS
from tfp_index.criteria._toml import LARGEST_FILE
from tfp_index.criteria.programme import STATUSES, Plan, PlanStatus, ProgressError
from tfp_index.errors import DataError, FileError, SpecificationError

HEAD = """
[plan]
code = "mine"
version = "1"
start = 2021
end = 2030
name_vi = "Kế hoạch của tôi"
name_en = "My plan"
source_vi = "Kế hoạch"
source_en = "Plan"
"""

TARGET = {
    "id": '"A"',
    "name_vi": '"Tên"',
    "name_en": '"Name"',
    "operator": '"≥"',
    "value": "20",
    "counting": '"cumulative"',
    "unit_vi": '"người"',
    "unit_en": '"persons"',
    "start": "2021",
    "end": "2025",
    "source_vi": '"Kế hoạch"',
    "source_en": '"Plan"',
    "status": '"stated"',
    "period_status": '"stated"',
}

GROWTH = {
    "operator": '"range"',
    "value": None,
    "low": "10",
    "high": "15",
    "counting": '"growth"',
    "unit_vi": '"%"',
    "unit_en": '"%"',
    "data_unit_vi": '"doanh nghiệp"',
    "data_unit_en": '"enterprises"',
}


def target(**changes: str | None) -> str:
    lines = {k: v for k, v in {**TARGET, **changes}.items() if v is not None}
    return "\n[[target]]\n" + "".join(f"{k} = {v}\n" for k, v in lines.items())


def plan_of(**changes: str | None) -> Plan:
    return Plan.from_text(HEAD + target(**changes), "test")


def rows(key: str, values: dict[int, float | None], **more: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"target": key, "year": list(values), "value": list(values.values())})
    return frame.assign(**more)


def status_of(plan: Plan, values: dict[int, float | None], as_of: int, **more: Any) -> str:
    return plan.track(rows("A", values, **more), as_of=as_of)["A"].status


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan.load("quang_ninh_203")


# the bundled plan


def test_the_bundled_plan_states_what_plan_203_states(plan: Plan) -> None:
    # Plan 203/KH-UBND of Quảng Ninh, 18 November 2020
    stated = {
        "T1": ("≥", 20.0, None, "cumulative", 2021, 2025),
        "T2": (">", 1000.0, None, "cumulative", 2021, 2025),
        "T3": ("range", 10.0, 15.0, "growth", 2021, 2025),
        "T4": ("≥", 10.0, None, "cumulative", 2021, 2025),
        "T5": ("qualitative", None, None, "", 2021, 2025),
        "T6": ("milestone", 1.0, None, "", 2021, 2025),
        "T7": ("qualitative", None, None, "", 2021, 2025),
        "T8": ("range", 10.0, 15.0, "growth", 2021, 2030),
        "T9": ("≥", 20.0, None, "cumulative", 2021, 2030),
        "T10": ("direction", None, None, "level", 2021, 2030),
    }
    found = {t.id: (t.operator, t.bound, t.high, t.counting, t.start, t.end) for t in plan.targets}
    assert found == stated
    assert plan["T1"].unit == {"vi": "người", "en": "persons"}
    assert plan["T2"].unit == {"vi": "lượt", "en": "participations"}
    assert all(plan[key].base_required and plan[key].base is None for key in ("T3", "T8", "T10"))
    assert all(t.status == "stated" for t in plan.targets)


def test_the_two_languages_of_the_plan_are_in_step(plan: Plan) -> None:
    for t in plan.targets:
        for texts in (t.name, t.unit, t.data_unit, t.interpretation, t.note, t.source):
            assert set(texts) in ({"vi", "en"}, set())
            digits = [re.findall(r"\d+", text) for text in texts.values()]
            assert not digits or digits[0] == digits[1], texts
    vi, en = plan.table("vi"), plan.table("en")
    assert list(vi.columns) == list(en.columns)
    for name in ("value", "high", "start", "end", "base"):
        np.testing.assert_array_equal(vi[name], en[name])


def test_what_was_read_into_the_plan_is_said(plan: Plan) -> None:
    for t in plan.targets:
        assert t.interpretation or t.period_status == "stated"


# each operator, cumulative


@pytest.mark.parametrize(
    ("operator", "total", "status"),
    [("≥", 20, "met"), ("≥", 19, "behind"), (">", 20, "behind"), (">", 21, "met")],
)
def test_at_least_and_more_than_differ_at_the_bound(operator: str, total: int, status: str) -> None:
    plan = plan_of(operator=f'"{operator}"')
    values = {2021: total, 2022: 0, 2023: 0, 2024: 0, 2025: 0}
    assert status_of(plan, values, 2025) == status
    assert plan_of(operator=f'"{operator.replace("≥", ">=")}"')["A"].operator == operator


def test_a_total_is_on_course_on_the_line_and_behind_below_it() -> None:
    plan = plan_of()  # 20 over five years: 4 a year
    assert status_of(plan, {2021: 4, 2022: 4}, 2022) == "on_course"
    assert status_of(plan, {2021: 4, 2022: 3}, 2022) == "behind"
    verdict = plan.track(rows("A", {2021: 4, 2022: 3}), as_of=2022)["A"]
    assert (verdict.value, verdict.expected, verdict.gap) == (7.0, 8.0, -1.0)
    assert verdict.remaining == 13.0
    assert dict(verdict.series) == {2021: 4.0, 2022: 7.0}
    assert not verdict.over


def test_a_total_is_met_before_the_end_and_stays_met() -> None:
    plan = plan_of()
    for year in range(2022, 2031):
        assert status_of(plan, {2021: 8, 2022: 12}, year) == "met"


def test_a_third_of_a_line_is_on_it_despite_rounding() -> None:
    plan = plan_of(value="1", start="2021", end="2023")
    assert status_of(plan, {2021: 1 / 3}, 2021) == "on_course"
    assert status_of(plan, {2021: 0.1, 2022: 0.2 + 1 / 3 + 1 / 30}, 2022) == "on_course"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("{ 2023 = 6 }", {2021: 2.0, 2022: 4.0, 2023: 6.0, 2024: 13.0, 2025: 20.0}),
        ('"end"', {2021: math.nan, 2024: math.nan, 2025: 20.0}),
        ('"linear"', {2021: 4.0, 2024: 16.0, 2025: 20.0}),
    ],
)
def test_a_path_of_the_plans_own(path: str, expected: dict[int, float]) -> None:
    plan = plan_of(path=path)
    for year, wanted in expected.items():
        found = plan.track(rows("A", {2021: 1}), as_of=year)["A"].expected
        np.testing.assert_equal(found, wanted)


def test_nothing_is_expected_before_the_end_of_a_path_that_says_so() -> None:
    assert status_of(plan_of(path='"end"'), {2021: 0}, 2021) == "on_course"
    assert status_of(plan_of(path='"end"'), dict.fromkeys(range(2021, 2026), 0.0), 2025) == "behind"


def test_years_without_a_figure_are_missing_unless_the_rest_is_enough() -> None:
    plan = plan_of()
    assert status_of(plan, {2021: 3, 2023: 3}, 2023) == "missing_data"
    assert status_of(plan, {2021: 3, 2022: np.nan, 2023: 3}, 2023) == "missing_data"
    assert status_of(plan, {2021: 12}, 2023) == "on_course"
    assert status_of(plan, {2021: 12}, 2025) == "missing_data"
    verdict = plan.track(rows("A", {2021: 12}), as_of=2025)["A"]
    assert verdict.missing == (2022, 2023, 2024, 2025)
    assert status_of(plan, {}, 2025) == "missing_data"


def test_running_totals_are_not_added_up_again() -> None:
    plan = plan_of()
    frame = rows("A", {2021: 5, 2022: 9, 2024: 17})
    verdict = plan.track(frame, as_of=2024, running_totals="A")["A"]
    assert (verdict.status, verdict.value, verdict.missing) == ("on_course", 17.0, ())
    assert plan.track(frame, as_of=2024)["A"].value == 31.0
    assert plan.track(frame, as_of=2025, running_totals=["A"])["A"].missing == (2025,)
    with pytest.raises(ProgressError, match="running total falls from 9 to 8 in 2024"):
        plan.track(rows("A", {2022: 9, 2024: 8}), as_of=2024, running_totals="A")
    with pytest.raises(SpecificationError, match="available: 'A'"):
        plan.track(frame, running_totals="B")


# each year


@pytest.mark.parametrize(
    ("last", "where", "status"),
    [(109, "below", "behind"), (110, "inside", "on_course"), (115, "inside", "on_course"),
     (116, "above", "on_course")],
)  # fmt: skip
def test_the_corridor_below_inside_above(last: int, where: str, status: str) -> None:
    verdict = plan_of(**GROWTH).track(rows("A", {2020: 100, 2021: last}), as_of=2021)["A"]
    assert verdict.corridor == where
    assert verdict.status == status
    assert verdict.value == pytest.approx(last - 100.0, abs=1e-12)


def test_growth_above_the_corridor_in_every_year_is_met_at_the_end() -> None:
    counts = {2020 + i: 100 * 1.2**i for i in range(6)}
    plan = plan_of(**GROWTH)
    assert status_of(plan, counts, 2024) == "on_course"
    assert status_of(plan, counts, 2025) == "met"
    exactly = {2020 + i: 1000 * 1.1**i for i in range(6)}  # rounding may fall below 10 %
    assert status_of(plan, exactly, 2025) == "met"


def test_one_missed_year_is_not_made_up() -> None:
    verdict = plan_of(**GROWTH).track(
        rows("A", {2020: 100, 2021: 105, 2022: 150, 2023: 170}), as_of=2023
    )["A"]
    assert verdict.status == "behind"
    assert verdict.failed == (2021,)


def test_without_a_base_growth_of_the_first_year_is_missing() -> None:
    plan = plan_of(**GROWTH)
    status = plan.track(rows("A", {2021: 100, 2022: 112}), as_of=2022)
    assert status["A"].status == "missing_data"
    assert status["A"].missing == (2021,)
    assert "base of 2020" in status.explain("A", "en")
    assert "số gốc năm 2020" in status.explain("A", "vi")
    assert "Supply the base of 2020 (enterprises)" in status.needed("A", "en")
    # but a year that surely missed what is asked is behind with or without the base
    assert status_of(plan, {2021: 100, 2022: 101}, 2022) == "behind"


def test_a_base_may_be_a_column_a_row_or_in_the_plan() -> None:
    plan = plan_of(**GROWTH)
    assert status_of(plan, {2021: 112}, 2021, base=100) == "on_course"
    assert status_of(plan, {2020: 100, 2021: 112}, 2021) == "on_course"
    assert status_of(plan, {2020: 100, 2021: 112}, 2021, base=100) == "on_course"
    given = plan_of(**GROWTH, base="100", base_source_vi='"x"', base_source_en='"x"')
    assert status_of(given, {2021: 112}, 2021) == "on_course"
    with pytest.raises(ProgressError, match="base 90 contradicts the base 100"):
        status_of(given, {2021: 112}, 2021, base=90)


def test_a_gap_in_the_counts_leaves_two_years_without_growth() -> None:
    verdict = plan_of(**GROWTH).track(
        rows("A", {2020: 100, 2021: 110, 2023: 140, 2024: 160}), as_of=2024
    )["A"]
    assert verdict.status == "missing_data"
    assert verdict.missing == (2022, 2023)


def test_growth_over_zero_is_missing_not_infinite() -> None:
    verdict = plan_of(**GROWTH).track(rows("A", {2020: 5, 2021: 0, 2022: 9}), as_of=2022)["A"]
    assert verdict.status == "behind"  # −100 % in 2021
    assert verdict.missing == (2022,)


def test_what_growth_asks_of_the_next_year_is_a_whole_number() -> None:
    status = plan_of(**GROWTH).track(rows("A", {2020: 100, 2021: 111}), as_of=2021)
    assert status.needed("A", "en") == "At least 123 in 2022 (enterprises)."  # 122.1
    status = plan_of(**GROWTH).track(rows("A", {2020: 100, 2021: 110}), as_of=2021)
    assert status.needed("A", "vi") == "Năm 2022: ít nhất 121 doanh nghiệp."


@pytest.mark.parametrize(
    ("operator", "good", "bad"),
    [("≥", 20, 19), (">", 21, 20), ("≤", 20, 21), ("<", 19, 20)],
)
def test_yearly_targets_ask_every_year(operator: str, good: float, bad: float) -> None:
    plan = plan_of(operator=f'"{operator}"', counting='"yearly"')
    years = range(2021, 2026)
    assert status_of(plan, dict.fromkeys(years, good), 2025) == "met"
    assert status_of(plan, dict.fromkeys(years, good), 2024) == "on_course"
    assert status_of(plan, {**dict.fromkeys(years, good), 2022: bad}, 2025) == "behind"
    assert status_of(plan, {2021: good, 2023: good}, 2023) == "missing_data"


# levels, directions, milestones, words


def test_a_level_keeps_to_a_line_from_its_base() -> None:
    level = {"counting": '"level"', "value": "50", "unit_vi": '"%"', "unit_en": '"%"'}
    plan = plan_of(**level)
    assert status_of(plan, {2021: 42}, 2021, base=40) == "on_course"
    assert status_of(plan, {2021: 41.9}, 2021, base=40) == "behind"
    assert status_of(plan, {2021: 41.9}, 2021) == "missing_data"  # no base, no line
    assert status_of(plan, {2021: 50}, 2021) == "met"
    assert status_of(plan, {2025: 49.9}, 2025) == "behind"
    assert status_of(plan, {2024: 55}, 2025) == "missing_data"  # the last year decides
    ceiling = plan_of(**{**level, "operator": '"≤"', "value": "20"})
    assert status_of(ceiling, {2021: 28}, 2021, base=30) == "on_course"
    assert status_of(ceiling, {2021: 28.1}, 2021, base=30) == "behind"
    assert status_of(ceiling, {2021: 20}, 2021, base=30) == "met"


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_direction_is_judged_against_its_base(way: str) -> None:
    sign = 1 if way == "up" else -1
    plan = plan_of(operator='"direction"', direction=f'"{way}"', value=None, counting='"level"')
    assert status_of(plan, {2020: 40, 2022: 40 + sign}, 2022) == "on_course"
    assert status_of(plan, {2020: 40, 2022: 40}, 2022) == "behind"
    assert status_of(plan, {2020: 40, 2022: 40 - sign}, 2022) == "behind"
    assert status_of(plan, {2020: 40, 2025: 40 + sign}, 2025) == "met"
    assert status_of(plan, {2020: 40, 2024: 40 + sign}, 2025) == "missing_data"
    assert status_of(plan, {2022: 41}, 2022) == "missing_data"
    assert status_of(plan, {2020: 40}, 2022) == "missing_data"
    missed = plan.track(rows("A", {2020: 40, 2025: 40}), as_of=2025)
    assert missed["A"].status == "behind"
    assert "The period is over" in missed.needed("A", "en")
    assert "Đã hết giai đoạn" in missed.needed("A", "vi")
    assert "40" in missed.needed("A", "en")


def test_a_milestone_is_reached_or_due(plan: Plan) -> None:
    def status(values: dict[int, float], as_of: int) -> str:
        return plan.track(rows("T6", values), as_of=as_of)["T6"].status

    assert status({2021: 0, 2022: 0.5}, 2022) == "on_course"
    assert status({2023: 1}, 2024) == "met"
    assert status({2023: 1, 2025: 0}, 2025) == "met"  # what is built is built
    assert plan.track(rows("T6", {2022: 1, 2023: 1}))["T6"].value_year == 2022
    assert status({2025: 0.9}, 2025) == "behind"
    assert status({2024: 0.9}, 2025) == "missing_data"
    assert status({}, 2022) == "missing_data"


def test_words_are_kept_and_not_measured(plan: Plan) -> None:
    status = plan.track(rows("T5", {2022: None}, note="Thêm sáu sản phẩm"), as_of=2022)
    assert status["T5"].status == "qualitative"
    assert status.courses["T5"].notes == [(2022, "Thêm sáu sản phẩm")]
    assert math.isnan(status["T5"].value)


# units: persons against participations


def test_participations_are_not_persons(plan: Plan) -> None:
    good = pd.concat(
        [rows("T1", {2021: 5}, unit="Người"), rows("T2", {2021: 300}, unit="participations")]
    )
    assert plan.track(good, as_of=2021)["T2"].value == 300.0
    with pytest.raises(ProgressError) as caught:
        plan.track(good.assign(unit=["lượt", "persons"]), as_of=2021)
    assert [place for place, _ in caught.value.faults] == [
        "row 1, target 'T1'",
        "row 2, target 'T2'",
    ]
    assert "'lượt' or 'participations'" in caught.value.faults[1][1]
    # growth is asked in percent, but the data are enterprises
    assert plan.track(rows("T3", {2021: 5}, unit="doanh nghiệp"), as_of=2021)
    with pytest.raises(ProgressError, match="is not that of the target"):
        plan.track(rows("T3", {2021: 5}, unit="%/năm"), as_of=2021)


# time


def test_before_the_start_nothing_has_started(plan: Plan) -> None:
    status = plan.track(rows("T1", {2021: 5}), as_of=2020)
    assert set(status.having("not_started")) == {t.id for t in plan.targets}
    assert status.report.kinds == ()


def test_future_years_are_ignored_and_counted(plan: Plan) -> None:
    now = plan.track(rows("T1", {2021: 3}), as_of=2021)
    later = plan.track(rows("T1", {2021: 3, 2022: 50, 2026: 1}), as_of=2021)
    assert later["T1"] == now["T1"]
    assert later.left_aside == (2, 0)
    assert "left aside: 2" in later.remarks("en")[0]
    outside = plan.track(rows("T1", {2021: 3, 2026: 50}), as_of=2026)
    assert outside.left_aside == (0, 1)
    assert outside["T1"].value == 3.0


def test_the_year_is_the_last_with_a_figure_unless_given(plan: Plan) -> None:
    frame = rows("T1", {2021: 3, 2022: 4, 2023: None})
    assert plan.track(frame).as_of == 2022
    with pytest.raises(DataError, match="no figure"):
        plan.track(rows("T1", {2021: None}))
    for wrong in (2025.5, "2025", True):
        with pytest.raises(SpecificationError, match="is not a year"):
            plan.track(frame, as_of=wrong)  # type: ignore[arg-type]


# faults of the data


def test_all_faults_of_the_data_are_listed_at_once(plan: Plan) -> None:
    frame = pd.DataFrame(
        [
            ("T1", 2021, 5.0, None, None),
            ("T1", 2021, 5.0, None, None),
            ("T11", 2021, 1.0, None, None),
            ("T4", 2021.5, 1.0, None, None),
            ("T4", None, 1.0, None, None),
            ("T9", 2021, -1.0, None, None),
            ("T2", 2021, np.inf, None, None),
            ("T6", 2021, 2.0, None, None),
            ("T3", 2021, 5.0, 0.0, None),
            ("T1", 2022, 5.0, 7.0, None),
            ("T8", 2021, 5.0, None, "lượt"),
        ],
        columns=["target", "year", "value", "base", "unit"],
    )
    with pytest.raises(ProgressError) as caught:
        plan.track(frame, as_of=2022)
    error = caught.value
    wanted = {
        "row 2, target 'T1'": "the year 2021 stands already in row 1",
        "row 3": "did you mean 'T1'",
        "row 4, target 'T4'": "2021.5 is no calendar year",
        "row 5, target 'T4'": "year is missing",
        "row 6, target 'T9'": "-1 is a count below zero",
        "row 7, target 'T2'": "infinite",
        "row 8, target 'T6'": "a milestone is 1 when reached",
        "row 9, target 'T3'": "growth over it has no meaning",
        "row 10, target 'T1'": "this target has no base",
        "row 11, target 'T8'": "is not that of the target",
    }
    assert set(dict(error.faults)) == set(wanted)
    for place, what in error.faults:
        assert wanted[place] in what
        assert f"{place}: {what}" in str(error)
    assert pickle.loads(pickle.dumps(error)).faults == error.faults
    assert json.dumps(error.to_dict())


def test_columns_may_have_other_names_and_must_be_there(plan: Plan) -> None:
    frame = rows("T1", {2021: 5}).rename(columns={"target": "chỉ tiêu", "year": "năm"})
    names = {"target": "chỉ tiêu", "year": "năm"}
    assert plan.track(frame, columns=names)["T1"].value == 5.0
    with pytest.raises(DataError, match="there is no column 'target'"):
        plan.track(frame)
    with pytest.raises(SpecificationError, match="did you mean 'value'"):
        plan.track(frame, columns={"valu": "x"})
    with pytest.raises(DataError, match="text 'năm'"):
        plan.track(pd.DataFrame({"target": ["T1"], "year": [2021], "value": ["năm"]}))


def test_empty_rows_of_a_spreadsheet_are_no_fault(plan: Plan) -> None:
    frame = pd.concat([rows("T1", {2021: 5}), pd.DataFrame({"target": [None]})])
    assert plan.track(frame)["T1"].value == 5.0


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_every_frame_library_gives_the_same_and_its_own_back(plan: Plan, backend: str) -> None:
    frame = tfp.Table({"target": ["T1", "T2"], "year": [2021, 2021], "value": [5.0, 180.0]})
    status = plan.track(frame.to_frame(backend))
    assert (status["T1"].status, status["T2"].status) == ("on_course", "behind")
    assert backend in type(status.to_frame()).__module__


def test_the_template_is_taken_back(plan: Plan) -> None:
    for lang in ("vi", "en"):
        table = plan.template(lang)
        status = plan.track(table.to_frame(), as_of=2025)
        measured = {t.id for t in plan.targets if t.operator != "qualitative"}
        assert set(status.having("missing_data")) == measured
    bases = plan.template().where(year=2020)
    assert bases["target"].tolist() == ["T3", "T8", "T10"]


# faults of the file


def faults(text: str) -> dict[str, str]:
    with pytest.raises(StructureError) as caught:
        Plan.from_text(text, "test")
    for place, what in caught.value.faults:
        assert f"{place}: {what}" in str(caught.value)
    found: dict[str, str] = {}
    for place, what in caught.value.faults:
        found[place] = f"{found.get(place, '')} {what}".strip()
    return found


A = "target 1 'A'"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"valu": "1"}, "unknown key 'valu'; did you mean 'value'"),
        ({"value": None}, "value is missing"),
        ({"value": '"many"'}, "is not a number"),
        ({"value": "nan"}, "is not a number"),
        ({"operator": '"=="'}, "operator '==' is not known"),
        ({"operator": None}, "operator is missing"),
        ({"operator": "[1]"}, "is not known"),
        ({"operator": '"range"'}, "low is missing"),
        ({"operator": '"range"', "value": None, "low": "5", "high": "5"}, "low 5 is not below"),
        ({"operator": '"milestone"'}, "has no value"),
        ({"operator": '"qualitative"', "value": None}, "has no counting"),
        ({"operator": '"direction"', "value": None, "counting": '"level"'}, "direction is missing"),
        ({"operator": '"≤"'}, "a ceiling needs counting"),
        ({"direction": '"up"'}, "only the operator 'direction'"),
        ({"counting": '"monthly"'}, "counting 'monthly' is not known"),
        ({"counting": None}, "counting is missing"),
        ({"counting": '"growth"'}, "data_unit_vi is missing"),
        ({**GROWTH, "base_required": "false"}, "base_required cannot be false"),
        ({**GROWTH, "base": "0"}, "base 0 is not above zero"),
        ({"base": "5"}, "only counting 'growth' and 'level' have a base"),
        ({**GROWTH, "base": "5"}, "base_source_vi is missing"),
        ({"base_required": "true"}, "only counting 'growth' and 'level' have a base"),
        ({"base_required": "1"}, "neither true nor false"),
        ({"name_en": None}, "name_vi stands without name_en"),
        ({"unit_vi": None}, "unit_en stands without unit_vi"),
        ({"source_vi": None, "source_en": None}, "source_vi is missing"),
        ({"status": '"surely"'}, "status 'surely' is not known"),
        ({"start": "2026"}, "start 2026 comes after end 2025"),
        ({"end": "2031"}, "leaves the period 2021–2030"),
        ({"start": "true"}, "is not a year"),
        ({"path": '"steep"'}, "path is neither"),
        ({"path": "{ 2020 = 5 }"}, "is no year of 2021–2025"),
        ({"path": "{ 2023 = true }"}, "is not a number"),
        ({"path": "{ 2022 = 9, 2023 = 5 }"}, "a running total cannot fall"),
        ({"path": "{ 2025 = 19 }"}, "it ends at 19, the target at 20"),
        ({"counting": '"yearly"', "path": '"end"'}, "have a path"),
    ],
)
def test_faults_of_a_target_name_place_and_key(changes: dict[str, Any], said: str) -> None:
    assert said in faults(HEAD + target(**changes))[A]


def test_all_faults_of_a_file_are_listed_at_once() -> None:
    text = HEAD.replace("start = 2021", 'strat = 2021\nissued = "soon"')
    text += target(value=None) + target(id='"A"', status=None) + target(id='"B B"')
    text += '\n[[report]]\nkind = "weekly"\nyears = ["x"]\nname_vi = "a"\n\n[more]\nx = 1\n'
    found = faults(text)
    assert "unknown table 'more'" in found["file"]
    assert "unknown key 'strat'; did you mean 'start'" in found["plan"]
    assert "issued 'soon' is no date" in found["plan"]
    assert "value is missing" in found[A]
    assert "status is missing" in found["target 2 'A'"]
    assert "must be letters" in found["target 3 'B B'"]
    assert "the id is used twice" in found["target 'A'"]
    assert "kind 'weekly' is not known" in found["report 1 'weekly'"]
    assert "years is no list" in found["report 1 'weekly'"]


def test_plans_without_head_or_targets_are_refused() -> None:
    assert "there is no [plan]" in faults(target())["plan"]
    assert "there is no [[target]]" in faults(HEAD)["target"]
    assert "write [[target]]" in faults(HEAD + "[target]\nid = 'A'\n")["target"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="did you mean 'quang_ninh_203'"):
        Plan.load("quang_ninh_230")
    path = tmp_path / "plan.toml"
    path.write_bytes(b"#" * (LARGEST_FILE + 1))
    with pytest.raises(FileError, match="at most 1,048,576 are read"):
        Plan.load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="UTF-8"):
        Plan.load(path)
    path.write_text("[plan", encoding="utf-8")
    with pytest.raises(FileError, match="not valid TOML"):
        Plan.load(path)


def test_a_saved_plan_is_the_same_plan(plan: Plan, tmp_path: Path) -> None:
    again = Plan.load(plan.save(tmp_path / "mine.toml"))
    assert again.targets == plan.targets
    assert again.parsed.duties == plan.parsed.duties


HOSTILE = ("[]", "{}", "true", "-1", "0", "1e400", "nan", '""', '"x"', "2020-01-01", "[[1], {}]",
           "9223372036854775807", '"""' + "a" * 5_000 + '"""')  # fmt: skip


@pytest.mark.parametrize("key", TARGET_KEYS + tuple(f"{k}_vi" for k in BILINGUAL))
def test_nothing_in_a_file_brings_up_an_error_of_somebody_else(key: str) -> None:
    for hostile in HOSTILE:
        for base in ({}, GROWTH):
            text = target(**{**base, key: hostile})
            try:
                found = Plan.from_text(HEAD + text)
            except (StructureError, FileError):
                pass
            else:
                found.track(rows(found.targets[0].id, {2021: 1.0})).to_dict()
            with pytest.raises((StructureError, FileError)):
                Plan.from_text(f"[plan]\n{key} = {hostile}\n" + text)
            with pytest.raises((StructureError, FileError)):
                Plan.from_text(HEAD + target() + f"[[report]]\n{key} = {hostile}\n")


@pytest.mark.parametrize("column", ["target", "year", "value", "base", "unit", "note"])
@pytest.mark.parametrize(
    "hostile",
    [None, "", "x", b"x", True, -5, 2.5, 2**62, np.inf, np.nan, 1e308, 5e-324, ("T1",),
     pd.Timestamp("2021-01-01")],
    ids=repr,
)  # fmt: skip
def test_nothing_in_the_data_brings_up_an_error_of_somebody_else(
    plan: Plan, column: str, hostile: Any
) -> None:
    for key in ("T1", "T3", "T6", "T10"):
        frame = pd.DataFrame(
            {"target": key, "year": [2020, 2021, 2022], "value": [1.0, 1.0, 1.0]}
        ).astype(object)
        frame[column] = pd.Series([hostile] * 3) if column not in frame else frame[column]
        frame.at[1, column] = hostile
        try:
            status = plan.track(frame, as_of=2022)
        except tfp.TFPError:
            continue
        json.dumps(status.to_dict(), allow_nan=False)
        assert str(status)
        assert status._repr_html_()


# reports


def test_the_reports_of_each_year(plan: Plan) -> None:
    kinds = {year: plan.report_year(year).kinds for year in range(2020, 2032)}
    assert kinds[2020] == kinds[2031] == ()
    assert kinds[2025] == ("yearly", "mid_term")
    assert kinds[2030] == ("yearly", "final")
    assert all(kinds[y] == ("yearly",) for y in (2021, 2022, 2023, 2024, 2026, 2027, 2028, 2029))


def test_the_mid_term_report_of_2025(plan: Plan) -> None:
    report = plan.report_year(2025)
    assert report.ending == ("T1", "T2", "T3", "T4", "T5", "T6", "T7")
    assert report.going == ("T8", "T9", "T10")
    assert len(report.open) == 10
    for lang in ("vi", "en"):
        contents = report.contents("mid_term", lang)
        assert "T1, T2, T3, T4, T5, T6, T7" in contents[0]
        assert "T8, T9, T10" in contents[1]
        assert "2026–2030" in report.table(lang)["also"][1]
    assert report.to_dict()["kinds"] == ["yearly", "mid_term"]


def test_the_final_report_of_2030(plan: Plan) -> None:
    report = plan.report_year(2030)
    assert report.ending == report.open == ("T8", "T9", "T10")
    assert report.going == ()
    assert ", ".join(t.id for t in plan.targets) in report.contents("final", "en")[0]
    frame = pd.concat(
        [
            rows("T1", dict.fromkeys(range(2021, 2026), 4.0)),
            rows("T9", dict.fromkeys(range(2021, 2031), 2.0)),
            rows("T8", {2020 + i: 100 * 1.2**i for i in range(11)}),
            rows("T10", {2020: 36.0, 2030: 45.0}),
        ]
    )
    status = plan.track(frame, as_of=2030)
    assert set(status.having("met")) == {"T1", "T8", "T9", "T10"}
    assert all(status[t.id].over for t in plan.targets)
    assert status.having("on_course") == status.having("behind") == ()


# what comes out


@pytest.fixture(scope="module")
def status(plan: Plan) -> PlanStatus:
    frame = pd.concat(
        [
            rows("T1", {2021: 3, 2022: 4, 2023: 5}),
            rows("T2", {2021: 300, 2022: 300, 2023: 500}),
            rows("T3", {2020: 200, 2021: 225, 2022: 250, 2023: 290}),
            rows("T8", {2021: 100, 2022: 140}),
            rows("T10", {2020: 36.5, 2023: 38.25}),
        ]
    )
    return plan.track(frame, as_of=2023)


def test_the_frame_holds_one_row_for_each_target(status: PlanStatus) -> None:
    frame = status.to_frame(lang="en").set_index("target")
    assert len(frame) == 10
    assert set(frame["status"]) <= set(STATUSES)
    assert frame.loc["T2", "status"] == "met"
    assert frame.loc["T1", ["value", "target_value", "expected", "gap", "remaining"]].tolist() == [
        12.0,
        20.0,
        12.0,
        0.0,
        8.0,
    ]
    assert frame.loc["T3", "corridor"] == "above"
    assert frame.loc["T1", "needed"] == "8 more by the end of 2025, 4 a year."


def test_both_languages_say_the_same_numbers(status: PlanStatus) -> None:
    vi, en = status.table("vi"), status.table("en")
    for name, values in en.columns.items():
        if values.dtype.kind in "fib":
            np.testing.assert_array_equal(values, vi[name])
    swap = str.maketrans(",.", ".,")
    for name in ("asked", "explanation", "needed"):
        for one, two in zip(vi[name], en[name], strict=True):
            assert one != two
            numbers = [
                sorted(re.findall(r"\d+(?:[.,]\d+)*", text)) for text in (one.translate(swap), two)
            ]
            assert numbers[0] == numbers[1], (one, two)


def test_plain_data_is_json_and_complete(status: PlanStatus) -> None:
    document = json.loads(json.dumps(status.to_dict(), allow_nan=False))
    assert document["counts"] == {
        "met": 1,
        "on_course": 3,
        "behind": 0,
        "missing_data": 4,
        "qualitative": 2,
        "not_started": 0,
    }
    assert sum(document["counts"].values()) == len(document["targets"]) == 10
    assert document["targets"][2]["series"].keys() == {"2021", "2022", "2023"}


def test_it_prints_and_shows(status: PlanStatus) -> None:
    assert "where it stands at the end of 2023" in str(status)
    page = status._repr_html_()
    assert page.startswith("<div")
    assert "đúng tiến độ" in page
    assert repr(status.plan).startswith("Plan('quang_ninh_203'")
    with pytest.raises(SpecificationError, match="there is no target 'T0'"):
        _ = status["T0"]
    with pytest.raises(SpecificationError, match="there is no status"):
        status.having("late")


def test_text_of_file_and_data_is_inert() -> None:
    plan = plan_of(name_vi='"<b>=1+1</b>"', name_en='"<b>=1+1</b>"')
    status = plan.track(rows("A", {2021: 1}, note="<script>alert(1)</script>"))
    assert "<b>" not in status._repr_html_()
    page = tfp.report.render([status])
    assert "<script" not in page
    assert "&lt;script" in page
