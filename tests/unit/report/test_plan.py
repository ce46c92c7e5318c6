"""The section on a plan: the same in both languages, inert, nothing about enterprises in public."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.report.conftest import DAY, HOSTILE
from tests.unit.report.page import Node, Page
from tfp_index.criteria.programme import Plan, PlanStatus
from tfp_index.errors import DataError


def make_status(as_of: int = 2025, note: str = "") -> PlanStatus:
    figures = {
        "T1": (2021, [3, 5, 4, 5, 2]),
        "T2": (2021, [180, 220, 210, 260, 150]),
        "T3": (2020, [200, 224, 251, 270, 300, 360]),
        "T4": (2021, [1, 2, 2, 3, 2]),
        "T6": (2021, [0, 0, 0, 0.5, 1]),
        "T8": (2021, [120, 150]),
        "T9": (2021, [0, 1, 1, 2, 1]),
        "T10": (2020, [38.0, 36.5, 40.1, 41.0]),
    }
    rows = [
        (key, start + i, value)
        for key, (start, values) in figures.items()
        for i, value in enumerate(values)
    ]
    frame = pd.DataFrame(rows, columns=["target", "year", "value"])
    if note:
        words = pd.DataFrame({"target": ["T5"], "year": [2024], "value": [None], "note": [note]})
        frame = pd.concat([frame, words.astype({"value": float})])
    return Plan.load("quang_ninh_203").track(frame, as_of=as_of)


def page_of(status: PlanStatus, code: str, **options: bool) -> Node:
    return Page(tfp.report.render([status], language=code, date=DAY, **options)).root


def _numbers(text: str, code: str) -> list[str]:
    swap = str.maketrans(",.", ".,") if code == "vi" else {}
    return sorted(re.findall(r"−?\d[\d.,]*\d|−?\d", text.translate(swap)))


@pytest.mark.parametrize("as_of", [2020, 2022, 2025, 2030, 2031])
def test_both_languages_have_the_same_sections_and_numbers(as_of: int) -> None:
    status = make_status(as_of)
    vi, en = page_of(status, "vi"), page_of(status, "en")
    ids = [[n.attributes.get("id") for n in page.find("h2", "h3")] for page in (vi, en)]
    assert ids[0] == ids[1]
    assert ("plan_ended" in ids[0]) == (as_of in (2025, 2030))
    for a, b in zip(vi.find("td"), en.find("td"), strict=True):
        assert _numbers(a.text, "vi") == _numbers(b.text, "en")
    for a, b in zip(vi.find("dd"), en.find("dd"), strict=True):
        # the month of a date is a number in Vietnamese; a version is no number
        if not re.search("18|quang_ninh_203", a.text):
            assert _numbers(a.text, "vi") == _numbers(b.text, "en")


def test_no_english_is_left_in_the_vietnamese_page() -> None:
    page = page_of(make_status(), "vi")
    said = " ".join(n.text for n in page.find("p", "th", "td", "h2", "h3", "caption", "dt", "dd"))
    for word in ("the", "of", "and", "target", "behind", "met", "year", "missing", "stated"):
        assert not re.search(rf"\b{word}\b", said, re.IGNORECASE), word
    assert "đúng tiến độ" in said
    assert "chậm tiến độ" in said


def test_the_mid_term_review_says_the_final_word_on_what_ends() -> None:
    text = page_of(make_status(2025), "en").text
    assert (
        "The period of T1, T2, T3, T4, T5, T6 and T7 ends in 2025. Final: 3 met, 2 behind" in text
    )
    assert "T8, T9 and T10 run on beyond 2025" in text
    assert "Mid-term review" in text
    assert "Final review" in page_of(make_status(2030), "en").text
    assert "Mid-term review" not in page_of(make_status(2024), "en").text


def test_words_are_shown_inert_and_left_out_of_public_editions() -> None:
    for hostile in HOSTILE:
        status = make_status(note=f"Công ty ABC {hostile}")
        page = page_of(status, "en")
        assert f"Công ty ABC {hostile}" in page.text
        assert not page.find("script")
        public = tfp.report.render([status], public=True)
        assert "ABC" not in public
        assert "left out of the public edition" in public


def test_public_data_files_hold_no_words(tmp_path: Path) -> None:
    status = make_status(note="Công ty ABC")
    written = tfp.report.write(tmp_path / "plan.html", [status], language="vi", public=True)
    for path in (written.html, written.json, *written.tables):
        assert "ABC" not in path.read_text(encoding="utf-8")


def test_files_hold_the_numbers_whatever_the_language(tmp_path: Path) -> None:
    status = make_status()
    found = []
    for code in ("vi", "en"):
        written = tfp.report.write(tmp_path / code / "plan.html", [status], language=code)
        names = [path.name for path in written.tables]
        found.append([path.read_bytes() for path in (*written.tables, written.json)])
    assert found[0] == found[1]
    assert names == ["plan_targets.csv", "plan_years.csv"]
    with written.tables[0].open(encoding="utf-8-sig", newline="") as file:
        table = {row["target"]: row for row in csv.DictReader(file)}
    assert float(table["T9"]["gap"]) == -5.0
    document = json.loads(written.json.read_text(encoding="utf-8"))
    assert document["sections"][0]["document"]["counts"]["behind"] == 3


def test_the_figure_shows_totals_and_where_they_should_be() -> None:
    ax = tfp.plot.plan_progress(make_status(), language="vi")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["T1", "T2", "T4", "T9"]
    lengths = [bar.get_width() for bar in ax.patches]
    assert lengths == pytest.approx([95.0, 102.0, 100.0, 25.0])
    marks = [line.get_xdata()[0] for line in ax.lines]
    assert marks == pytest.approx([100.0, 100.0, 100.0, 50.0])
    assert "25%, chậm tiến độ" in [text.get_text() for text in ax.texts]
    with pytest.raises(DataError, match="counts a total"):
        tfp.plot.plan_progress(make_status(2020))


def test_the_record_knows_the_data_whatever_the_order_of_rows() -> None:
    frame = pd.DataFrame(
        {"target": ["T1", "T1", "T4"], "year": [2021, 2022, 2022], "value": [3.0, 5.0, 1.0]}
    )
    plan = Plan.load("quang_ninh_203")
    status = plan.track(frame, as_of=2022)
    assert len(status.fingerprint) == 64
    assert plan.track(frame[::-1], as_of=2022).fingerprint == status.fingerprint
    changed = plan.track(frame.assign(value=[3.0, 5.0, 2.0]), as_of=2022)
    assert changed.fingerprint != status.fingerprint
    assert status.to_dict()["fingerprint"] == status.record["fingerprint"] == status.fingerprint
    assert status.fingerprint in page_of(status, "vi").text
    totals = plan.track(frame, as_of=2022, running_totals=["T1"])
    assert totals.record["running_totals"] == ["T1"]
    assert "running totals" in page_of(totals, "en").text
