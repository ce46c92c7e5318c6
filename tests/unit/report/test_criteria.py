"""The section on a scored set: a proposal says so; no enterprise in a public edition."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import tfp_index as tfp
from tests.unit.criteria.test_criteria_set import SMALL, enterprises, provinces
from tests.unit.report.conftest import DAY, HOSTILE
from tests.unit.report.page import Node, Page
from tfp_index.criteria.criteria_set import CriteriaSet
from tfp_index.errors import DataError, SpecificationError
from tfp_index.report import Criteria


@pytest.fixture(scope="module")
def res() -> Any:
    with pytest.warns(tfp.DataWarning):
        return CriteriaSet.load("province").score(provinces(), unit="province", time="year")


@pytest.fixture(scope="module")
def story(res: Any) -> Criteria:
    return Criteria(
        res,
        unit="Quảng Ninh",
        uncertainty=res.uncertainty(reps=50, rng=7),
        sensitivity=res.sensitivity(rng=7, n=32),
        entity_kind="area",
    )


@pytest.fixture(scope="module")
def firms() -> Any:
    return CriteriaSet.from_text(SMALL).score(enterprises(), unit="mst", peers=["industry", "size"])


def page_of(item: Any, code: str, public: bool = False) -> Node:
    return Page(tfp.report.render([item], language=code, date=DAY, public=public)).root


def _numbers(text: str, code: str) -> list[str]:
    swap = str.maketrans(",.", ".,") if code == "vi" else {}
    return sorted(re.findall(r"−?\d[\d.,]*\d|−?\d", text.translate(swap)))


def test_both_languages_have_the_same_sections_and_numbers(story: Criteria) -> None:
    vi, en = page_of(story, "vi"), page_of(story, "en")
    ids = [[n.attributes.get("id") for n in page.find("h2", "h3")] for page in (vi, en)]
    assert ids[0] == ids[1]
    names = ["ranking", "scorecard", "uncertainty", "sensitivity", "coverage", "set", "record"]
    assert [f"criteria_{name}" for name in names] == [i for i in ids[0] if "criteria_" in str(i)]
    for a, b in zip(vi.find("table"), en.find("table"), strict=True):
        if "36" in a.text and "tfp_growth" in a.text:  # definitions are texts of their own
            continue
        for x, y in zip(a.find("td"), b.find("td"), strict=True):
            if len(x.text) < 24:
                assert _numbers(x.text, "vi") == _numbers(y.text, "en")


def test_a_proposal_says_so_before_any_number(story: Criteria) -> None:
    for code, words in (("vi", "đề xuất"), ("en", "proposal, not official")):
        for public in (False, True):
            page = page_of(story, code, public)
            text = page.text
            assert words in text
            assert text.index(words) < text.index(page.find("table")[0].text[:40])


def test_numbers_are_those_of_the_result(story: Criteria, res: Any) -> None:
    page = page_of(story, "en")
    table = res.ranking(2023)
    first = table["unit"].tolist()[0]
    assert f"Units ranked: 6. First: {first}." in page.text
    rows = [r.text for r in page.find("tr")]
    for row in table.rows():
        assert any(row["unit"] in r and f"{row['score']:.2f}" in r for r in rows)


def test_sources_are_shown(story: Criteria, res: Any) -> None:
    page = page_of(story, "vi")
    cells = {n.text for n in page.find("td")}
    for source in res.criteria.table("vi")["source"].tolist():
        assert " ".join(source.split()) in cells


def test_public_editions_show_areas_and_no_enterprise(
    story: Criteria, firms: Any, res: Any, tmp_path: Path
) -> None:
    assert "Quảng Ninh" in page_of(story, "en", public=True).text
    labels = [str(v) for v in firms.ranking()["unit"].tolist()]
    assert any(label in page_of(Criteria(firms, unit=labels[0]), "en").text for label in labels)
    hidden = Criteria(firms, unit=labels[0], entity_kind="enterprise")
    written = tfp.report.write(tmp_path / "r.html", [hidden], public=True)
    for path in (written.html, written.json, *written.tables):
        text = path.read_text(encoding="utf-8")
        assert not [label for label in labels if label in text]
    assert "no enterprise" in written.html.read_text(encoding="utf-8")
    for item in (firms, res.uncertainty(reps=20, rng=1)):
        with pytest.raises(SpecificationError) as caught:
            tfp.report.render([item], public=True)
        assert caught.value.code == "disclosure_unknown"
        assert tfp.report.render([item], public=True, entity_kind="area")
    said_so = tfp.report.render([firms], public=True, entity_kind="enterprise")
    assert not [label for label in labels if label in said_so]


def test_a_set_for_provinces_says_that_its_units_are_areas(res: Any) -> None:
    assert "Quảng Ninh" in page_of(res, "vi", public=True).text
    hidden = Criteria(res, entity_kind="enterprise")
    assert "Quảng Ninh" not in page_of(hidden, "vi", public=True).find("main")[0].text.replace(
        "203/KH-UBND của Quảng Ninh", ""
    )


def test_a_set_for_enterprises_cannot_be_called_areas() -> None:
    head = 'label_en = "proposal"'
    text = SMALL.replace(head, f'{head}\nentity_en = "enterprise"\nentity_vi = "doanh nghiệp"')
    result = CriteriaSet.from_text(text).score(enterprises(), unit="mst")
    for kind in ("area", None):
        page = page_of(Criteria(result, unit="E00", entity_kind=kind), "en", public=True)
        assert not re.search(r"E\d\d", page.text)


def test_uncertainty_and_sensitivity_on_their_own(story: Criteria) -> None:
    assert "Quảng Ninh" in page_of(story.uncertainty, "vi").text
    assert "chuẩn hóa" in page_of(story.sensitivity, "vi", public=True).text


def test_unknown_unit_and_kind_are_refused(res: Any) -> None:
    with pytest.raises(DataError):
        tfp.report.render([Criteria(res, unit="Atlantis")])
    with pytest.raises(SpecificationError, match="entity_kind"):
        Criteria(res, entity_kind="planet")


def test_labels_are_inert() -> None:
    for hostile in HOSTILE:
        frame = enterprises()
        frame["mst"] = [hostile, *list(frame["mst"])[1:]]
        result = CriteriaSet.from_text(SMALL).score(frame, unit="mst")
        page = page_of(Criteria(result, unit=hostile), "vi")
        assert hostile in page.text
        assert not page.find("script")


def test_files_hold_the_numbers_whatever_the_language(story: Criteria, tmp_path: Path) -> None:
    found = []
    for code in ("vi", "en"):
        written = tfp.report.write(tmp_path / code / "r.html", [story], language=code)
        found.append([path.read_bytes() for path in (*written.tables, written.json)])
    assert found[0] == found[1]
