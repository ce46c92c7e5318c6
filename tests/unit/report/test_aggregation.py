"""Sections on enterprises: the same in both languages, inert, nothing below the rules in public."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.aggregation.test_misallocation import firms as hk_firms
from tests.unit.aggregation.test_misallocation import panel_of as hk_panel
from tests.unit.report.conftest import DAY, HOSTILE
from tests.unit.report.page import Node, Page
from tfp_index.errors import SpecificationError

KEYS = ["decomposition", "dispersion", "misallocation", "aggregation"]
LONELY = "Cô Tô"


def enterprises(lonely: str = LONELY) -> pd.DataFrame:
    """Return enterprises of four districts; the last has three of them, one of which is giant."""
    rng = np.random.default_rng(3)
    n, years = 120, 3
    district = np.r_[rng.choice(["Hạ Long", "Cẩm Phả", "Uông Bí"], n - 3), [lonely] * 3]
    frame = pd.DataFrame(
        {
            "id": np.repeat([f"E{i:03d}" for i in range(n)], years),
            "year": np.tile(2021 + np.arange(years), n),
            "district": np.repeat(district, years),
            "tfp": rng.normal(size=n * years),
            "s": np.exp(rng.normal(size=n * years)),
        }
    )
    frame.loc[frame["id"] == f"E{n - 1:03d}", "s"] *= 5.0
    keep = (rng.random(len(frame)) < 0.85) | (frame["district"] == lonely)
    return frame[keep].reset_index(drop=True)


def panel_of(frame: pd.DataFrame) -> tfp.Panel:
    return tfp.Panel.from_frame(
        frame,
        entity="id",
        time="year",
        columns={"tfp": "tfp", "s": "s"},
        groups={"district": "district"},
    )


def results_of(frame: pd.DataFrame) -> list[Any]:
    panel = panel_of(frame)
    return [
        tfp.Decomposition(weight="s", by="district").fit(panel, "tfp"),
        tfp.Dispersion(by=("district", "time")).fit(panel, "tfp"),
        tfp.HsiehKlenow(min_firms=4, min_cell=2).fit(hk_panel(hk_firms())),
        tfp.Aggregation(weight="s", by="district").fit(panel, "tfp"),
    ]


@pytest.fixture(scope="module")
def results() -> list[Any]:
    return results_of(enterprises())


def page_of(results: list[Any], code: str, public: bool = False) -> Node:
    return Page(tfp.report.render(results, language=code, date=DAY, public=public)).root


def _numbers(text: str, code: str) -> list[str]:
    swap = str.maketrans(",.", ".,") if code == "vi" else {}
    return sorted(re.findall(r"−?\d[\d.,]*\d|−?\d", text.translate(swap)))


@pytest.mark.parametrize("public", [False, True])
def test_both_languages_have_the_same_sections_and_numbers(
    results: list[Any], public: bool
) -> None:
    vi, en = page_of(results, "vi", public), page_of(results, "en", public)
    ids = [[n.attributes.get("id") for n in page.find("h2", "h3")] for page in (vi, en)]
    assert ids[0] == ids[1]
    assert [i for i in ids[0] if i in KEYS] == KEYS
    for a, b in zip(vi.find("td"), en.find("td"), strict=True):
        assert _numbers(a.text, "vi") == _numbers(b.text, "en")
    said = [[p.text for p in page.find("p") if "E0" not in p.text] for page in (vi, en)]
    assert len(said[0]) == len(said[1])


@pytest.mark.parametrize("public", [False, True])
def test_no_english_is_left_in_the_vietnamese_page(results: list[Any], public: bool) -> None:
    page = page_of(results, "vi", public)
    said = " ".join(n.text for n in page.find("p", "th", "td", "li", "h2", "h3", "caption", "dt"))
    for word in ("the", "of", "and", "enterprise", "reason", "missing", "within", "firms"):
        assert not re.search(rf"\b{word}\b", said, re.IGNORECASE), word


def test_numbers_of_the_page_are_those_of_the_results(results: list[Any]) -> None:
    page = page_of(results, "en")
    d, _, h, a = results
    row = d.tidy().where(method="diewert_fox", district="(total)").rows()[-1]
    assert f"{100 * row['total']:+.2f}".replace("-", "−") in page.text
    assert f"{100 * h.gain()[-1]:.1f}% (trim" in page.text
    assert f"{a.glance()['index_last'][0]:.1f} (2021 = 100)" in page.text


def test_no_enterprise_is_named_in_any_edition(results: list[Any], tmp_path: Path) -> None:
    for public in (False, True):
        written = tfp.report.write(tmp_path / f"{public}.html", results, public=public)
        for path in (written.html, written.json, *written.tables):
            assert not re.search(r"\bE\d{3}\b", path.read_text(encoding="utf-8")), path.name


def _failing(cells: tfp.Cells) -> list[bool]:
    """Recompute from counts and contributions which cells break the rules."""
    bad = np.zeros(len(cells), bool)
    for c in cells.contributions:
        first, second = c.largest[:, 0], c.largest[:, 1]
        bad |= (c.n > 0) & (c.n < 5)
        bad |= (c.n > 0) & (first + second > 0.85 * c.total)
        bad |= (c.n > 0) & (c.total - first - second < 0.10 * first)
    return bad.tolist()


def test_public_files_hold_nothing_below_the_rules(results: list[Any], tmp_path: Path) -> None:
    written = tfp.report.write(tmp_path / "r.html", results, public=True)
    status = ["disclosure_tables", "disclosure_cells"]
    assert [p.stem for p in written.tables] == [*KEYS, *status]
    withheld = 0
    for result, path in zip(results, written.tables[:-2], strict=True):
        if hasattr(result, "spreads"):
            cells = result.cells(tfp.DisclosureRules())
        else:
            cells = result.cells()
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(cells)
        assert not {"n", "weight", "firms", "n_survivors", "largest_1"} & set(rows[0])
        for row, fails in zip(rows, _failing(cells), strict=True):
            blank = all(row[name] in ("", "nan") for name in cells.values)
            if fails:
                withheld += 1
                assert row["status"] == "suppressed"
            if row["status"] == "suppressed":
                assert blank
                assert row["rule"]
    assert withheld > 10
    document = json.loads(written.json.read_text(encoding="utf-8"))
    assert '"sample"' not in json.dumps(document)


def test_the_public_page_shows_no_figure_and_no_value_of_a_small_group(results: list[Any]) -> None:
    page = page_of(results, "en", public=True)
    assert not page.find("svg", "img", "figure")
    lonely = [r for r in page.find("tr") if LONELY in r.text]
    assert lonely
    for row in lonely:
        assert "withheld" in row.text or "empty" in row.text
        assert not re.search(r"\d[.,]\d", row.text)


def test_protected_results_are_shown_under_rules_together(results: list[Any]) -> None:
    rules = tfp.DisclosureRules(min_count=8)
    both = [results[0], results[3]]
    page = page_of([tfp.report.Protected(both, rules)], "en")
    assert "at least 8 enterprises" in page.text
    assert "protected together" in page.text
    found = rules.apply([r.cells() for r in both])
    count = [int((f.status == "suppressed").sum()) for f in found]
    for n in count:
        assert f"withheld to protect enterprises: {n}." in page.text


def test_a_disclosed_table_is_shown_as_it_may_be_published(results: list[Any]) -> None:
    page = page_of([results[3].to_public()], "vi", public=True)
    assert "giữ kín" in page.text
    assert LONELY in page.text


def test_a_result_without_a_public_form_is_refused() -> None:
    panel = panel_of(enterprises())
    static = tfp.Decomposition(weight="s", method="olley_pakes").fit(panel, "tfp")
    bare = tfp.Aggregation(weight="s", keep_largest=0).fit(panel, "tfp")
    for result in (static, bare):
        tfp.report.render([result])
        with pytest.raises(SpecificationError, match="has no public form") as caught:
            tfp.report.render([result], public=True)
        assert caught.value.code == "no_public_form"
    with pytest.raises(SpecificationError, match="has no public form"):
        tfp.report.render([tfp.report.Protected([panel])], public=True)


@pytest.mark.parametrize("public", [False, True])
def test_labels_are_inert(public: bool) -> None:
    for hostile in HOSTILE:
        page = page_of(results_of(enterprises(hostile)), "en", public)
        assert hostile in page.text
        assert not page.find("script")
        assert not [n for n in page.find("img") if "onerror" in n.attributes]


def test_files_hold_the_numbers_whatever_the_language(results: list[Any], tmp_path: Path) -> None:
    found = []
    for code in ("vi", "en"):
        written = tfp.report.write(tmp_path / code / "r.html", results, language=code)
        found.append([path.read_bytes() for path in (*written.tables, written.json)])
    assert found[0] == found[1]


def test_one_pair_of_periods_fits_a_telephone() -> None:
    frame = enterprises()
    result = tfp.Decomposition(weight="s").fit(panel_of(frame[frame["year"] < 2023]), "tfp")
    for code in ("vi", "en"):  # axes that collapse are a warning, hence an error
        assert "2021" in page_of([result], code).text
