"""One report of everything: same in both languages, inert, public by rules worked out again."""

from __future__ import annotations

import csv
import itertools
import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.criteria.test_criteria_set import provinces
from tests.unit.report.conftest import DAY
from tests.unit.report.page import Node, Page
from tests.unit.report.test_plan import make_status
from tfp_index.errors import SpecificationError
from tfp_index.report import Criteria, Part, Section, Text
from tfp_index.report.adapters import Context
from tfp_index.report.writer import Written, collect

LANGUAGES = ("vi", "en")
HOSTILE = (
    "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "<script>alert(1)</script>"
)  # fmt: skip


def industries() -> tfp.Panel:
    """Return an account of four industries."""
    rng = np.random.default_rng(3)
    names, years = ["khai khoáng", "may mặc", "thương mại", "nông nghiệp"], range(2018, 2024)
    frame = pd.DataFrame([(i, y) for i in names for y in years], columns=["industry", "year"])
    for name, drift in (("go", 0.06), ("ii", 0.05), ("k", 0.07), ("l", 0.01)):
        steps = rng.normal(drift, 0.03, (len(names), len(years))).cumsum(axis=1)
        frame[name] = 100 * np.exp(steps).ravel()
    for name in ("ii", "k", "l"):
        frame[f"v_{name}"] = rng.uniform(10, 30, len(frame))
    frame["v_go"] = frame[["v_ii", "v_k", "v_l"]].sum(axis=1)
    values = {"output_value": "v_go", "materials_value": "v_ii", "capital_value": "v_k",
              "labor_value": "v_l"}  # fmt: skip
    return tfp.Panel.from_frame(
        frame, entity="industry", time="year", output="go", materials="ii", capital="k",
        labor="l", columns=values,
    )  # fmt: skip


def microdata(hostile: bool = False) -> pd.DataFrame:
    sim = tfp.datasets.simulate.province(800, 3, rng=5)
    frame = sim.frame()
    if hostile:  # the districts with most enterprises, so that public tables show them
        largest = frame["district"].value_counts().index[: len(HOSTILE)]
        frame["district"] = frame["district"].replace(dict(zip(largest, HOSTILE, strict=True)))
    frame["tfp"] = sim.truth.productivity
    few = frame["district"] == "Cô Tô"
    left = frame.loc[few, "enterprise"].unique()[:3]
    return frame[~few | frame["enterprise"].isin(left)].reset_index(drop=True)


def panel_of(frame: pd.DataFrame) -> tfp.Panel:
    return tfp.Panel.from_frame(
        frame, entity="enterprise", time="year", value_added="value_added", labor="labor",
        capital="capital", columns={"tfp": "tfp", "labor_cost": "labor_cost"},
        groups={"district": "district", "industry": "industry"},
    )  # fmt: skip


def of_enterprises(frame: pd.DataFrame) -> dict[str, Any]:
    panel = panel_of(frame)
    common: dict[str, Any] = {"weight": "value_added", "by": "district"}
    return {
        "decomposition": tfp.Decomposition(**common).fit(panel, "tfp"),
        "aggregation": tfp.Aggregation(weight="value_added", by="industry").fit(panel, "tfp"),
        "levers": tfp.Levers(**common, levers=("laggards", "frontier")).fit(panel, "tfp"),
    }


@pytest.fixture(scope="module")
def enterprises() -> dict[str, Any]:
    return of_enterprises(microdata())


@pytest.fixture(scope="module")
def items(enterprises: dict[str, Any]) -> list[Any]:
    """Return what the issue asks for: accounts, change, scores, levers, status."""
    accounts = tfp.KlemsAccounts(output="gross", aggregate="domar").fit(industries())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tfp.DataWarning)
        scores = tfp.CriteriaSet.load("province").score(provinces(), unit="province", time="year")
    status = make_status(note="Công ty ABC")
    return [accounts, *enterprises.values(), scores, status]


@pytest.fixture(scope="module")
def public(items: list[Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Written]:
    folder = tmp_path_factory.mktemp("joint")
    return {
        code: tfp.report.write(
            folder / code / "report.html",
            sections=items,
            language=code,
            public=True,
            date=DAY,
            also=["xlsx", "figures"],
        )
        for code in LANGUAGES
    }


def root(written: Written) -> Node:
    assert written.html is not None
    return Page(written.html.read_text(encoding="utf-8")).root


def _numbers(text: str, code: str) -> list[str]:
    swap = str.maketrans(",.", ".,") if code == "vi" else {}
    return sorted(re.findall(r"−?\d[\d.,]*\d|−?\d", text.translate(swap)))


def test_both_languages_hold_the_same_sections_and_numbers(public: dict[str, Written]) -> None:
    vi, en = root(public["vi"]), root(public["en"])
    ids = [[n.attributes.get("id") for n in p.find("h2", "h3", "h4")] for p in (vi, en)]
    assert ids[0] == ids[1]
    wanted = {"klems", "decomposition", "aggregation", "levers", "criteria", "plan", "records"}
    assert wanted | {"disclosure", "brief"} <= set(ids[0])
    levels = [int(n.tag[1]) for n in vi.find("h1", "h2", "h3", "h4", "h5", "h6")]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    compared = 0
    for a, b in zip(vi.find("table"), en.find("table"), strict=True):
        for x, y in zip(a.find("td"), b.find("td"), strict=True):
            if re.fullmatch(r"[+−]?[\d.,]+%?", x.text):
                compared += 1
                assert _numbers(x.text, "vi") == _numbers(y.text, "en")
    assert compared > 200


def test_no_english_is_left_in_the_vietnamese_page(public: dict[str, Written]) -> None:
    page = root(public["vi"])
    said = " ".join(n.text for n in page.find("p", "th", "td", "h2", "h3", "caption", "dt", "li"))
    for word in ("the", "of", "and", "share", "withheld", "published", "rule", "levers", "total"):
        assert not re.search(rf"\b{word}\b", said, re.IGNORECASE), word
    assert "giữ kín" in said


def test_columns_with_standard_names_are_in_words(public: dict[str, Written]) -> None:
    for code, words in (("vi", {"Địa bàn cấp huyện", "Năm"}), ("en", {"District", "Year"})):
        heads = {th.text for table in root(public[code]).find("thead") for th in table.find("th")}
        assert words <= heads
        assert not {"district", "industry", "year", "period"} & heads


def test_public_levers_are_a_table_for_each_grouping(
    public: dict[str, Written], enterprises: dict[str, Any]
) -> None:
    """Each published effect stands on the page once, each withheld one as a word."""
    disclosed = {s["key"]: s for s in json.loads(public["en"].json.read_text("utf-8"))["sections"]}  # type: ignore[union-attr]
    table = disclosed["levers"]["tables"]["levers"]
    section = next(s for s in root(public["en"]).find("section")
                   if s.attributes.get("aria-labelledby") == "levers")  # fmt: skip
    whole, districts = section.find("table")[:2]
    assert "levers" in enterprises
    cells = [td.text for td in districts.find("td")]
    inside = [status for d, status in zip(table["district"], table["status"], strict=True)
              if d != "(total)"]  # fmt: skip
    assert cells.count("withheld") == inside.count("suppressed") > 0
    assert len([c for c in cells if re.search(r"\d", c)]) == inside.count("published")
    assert len(whole.find("tbody")[0].find("tr")) == table["district"].count("(total)")


def test_numbers_of_workbook_and_document_are_those_of_the_page(
    public: dict[str, Written],
) -> None:
    written = public["vi"]
    assert written.json is not None
    assert written.json.read_bytes() == public["en"].json.read_bytes()  # type: ignore[union-attr]
    book = openpyxl.load_workbook(written.workbook)
    page = root(written)
    tables = page.find("table")
    sheets = [book[name] for name in book.sheetnames if re.match(r"B\d+ ", name)]
    assert len(sheets) == len(tables)
    assert book.sheetnames[0] == "Bìa"
    sections = {s["key"]: s for s in json.loads(written.json.read_text("utf-8"))["sections"]}
    values = {c.value for s in sheets for row in s.iter_rows() for c in row}
    for section, table, column in (
        ("aggregation", "aggregation", "index"),
        ("levers", "levers", "points"),
        ("klems", "klems_industries", "weight"),
    ):
        known = [v for v in sections[section]["tables"][table][column] if v is not None]
        assert known
        assert {float(f"{v:.16g}") for v in known} <= values, section  # as Excel keeps numbers
    for sheet, table in zip(sheets, tables, strict=True):
        assert sheet.freeze_panes is not None
        head = [c.value for c in sheet[int(sheet.print_title_rows.split("$")[-1])]]
        said = [th.text for th in table.find("thead")[0].find("tr")[-1].find("th")]
        assert [h for h in head if h is not None] == [s for s in said if s]


def test_nothing_in_public_files_falls_under_the_rules(
    public: dict[str, Written], enterprises: dict[str, Any]
) -> None:
    """Work the rules out again from the microdata, for what page, workbook and document hold."""
    frame = microdata()
    failing = _failing_districts(frame)
    assert failing, "the data must hold a district that may not be shown"
    for code, written in public.items():
        document = json.loads(written.json.read_text(encoding="utf-8"))  # type: ignore[union-attr]
        tables = {s["key"]: s["tables"].get(s["key"]) for s in document["sections"]}
        for key, column in (("levers", "points"), ("decomposition", "contribution")):
            table = tables[key]
            rows = list(zip(table["district"], table[column], table["status"], strict=True))
            shown = {d for d, value, status in rows if value is not None or status == "published"}
            assert shown
            assert not shown & failing, key
        page = root(written)
        tables_of = {"levers", "decomposition"}
        for part in page.find("section"):
            if part.attributes.get("aria-labelledby") in tables_of:
                for row in part.find("tr"):
                    cells = [c.text for c in row.find("th", "td")]
                    if set(cells) & failing:
                        assert not [c for c in cells if re.search(r"\d[.,]\d", c)], (code, cells)
        for sheet in openpyxl.load_workbook(written.workbook):
            for row_ in sheet.iter_rows(values_only=True):
                if set(map(str, row_)) & failing:
                    assert not [v for v in row_ if isinstance(v, float)], (sheet.title, row_)
        for path in written.files:
            if path.suffix in (".html", ".csv", ".json"):
                text = path.read_text(encoding="utf-8")
                assert "ABC" not in text
                assert not re.search(r"\bE\d{5}\b", text)
                assert not set(frame["enterprise"].astype(str)) & set(re.findall(r"\b\w+\b", text))


def _failing_districts(frame: pd.DataFrame) -> set[str]:
    found = set()
    for (district, _), part in frame.groupby(["district", "year"]):
        x = np.sort(part["value_added"].to_numpy())[::-1]
        few, two = len(x) < 5, x[:2].sum() > 0.85 * x.sum()
        if few or two or x[2:].sum() < 0.10 * x[0]:
            found.add(str(district))
    return found


def test_results_of_one_panel_are_protected_together(enterprises: dict[str, Any]) -> None:
    rules = tfp.DisclosureRules()
    three = list(enterprises.values())
    joint = rules.apply([result.cells() for result in three])
    made = {s.key: s for s in collect(three, public=True)}
    for key, disclosed in zip(enterprises, joint, strict=True):
        grid = next(b for b in made[key].blocks if getattr(b, "decided", None) is not None)
        assert grid.decided["status"].tolist() == disclosed.status.tolist()
    # another panel is nothing to these
    other = of_enterprises(microdata().assign(tfp=lambda f: f["tfp"] + 1.0))["aggregation"]
    alone = collect([other, enterprises["levers"]], public=True)
    texts = [b.text for s in alone for b in s.blocks if isinstance(b, Text) and b.kind == "note"]
    assert sum("protected by itself" in text for text in texts) == 2
    inside = collect([Part("p", "P", three[:1]), *three[1:]], public=True)
    assert "together" in inside[0].sections[0].blocks[-1].text


def test_every_cell_has_its_status(public: dict[str, Written], enterprises: dict[str, Any]) -> None:
    path = next(p for p in public["en"].tables if p.stem == "disclosure_cells")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(result.cells()) for result in enterprises.values())
    assert {row["status"] for row in rows} <= {"published", "suppressed", "empty"}
    assert all(row["rule"] for row in rows if row["status"] == "suppressed")
    path = next(p for p in public["en"].tables if p.stem == "disclosure_tables")
    with path.open(encoding="utf-8-sig", newline="") as file:
        basis = {row["table"]: row["basis"] for row in csv.DictReader(file)}
    assert basis["levers"] == basis["decomposition"] == "rules"
    assert basis["klems_total"] == "industries"
    assert basis["criteria_ranking"] == "areas"
    assert basis["criteria_set"] == "definitions"
    assert basis["plan_targets"] == "programme"


@pytest.mark.parametrize("is_public", [False, True])
def test_hostile_names_are_inert_everywhere(tmp_path: Path, is_public: bool) -> None:
    results = list(of_enterprises(microdata(hostile=True)).values())
    written = tfp.report.write(
        tmp_path / "r.html", results, public=is_public, also=["xlsx", "figures"]
    )
    page = root(written)
    assert not page.find("script")
    assert "<script>alert(1)</script>" in page.text
    assert "<" not in written.json.read_text(encoding="utf-8")  # type: ignore[union-attr]
    for path in written.tables:
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = [c for row in csv.reader(file) for c in row]
        live = [c for c in cells if c[:1] in tuple("=+@\t") or re.match(r"-\D", c)]
        assert not live, path.name
    book = openpyxl.load_workbook(written.workbook)
    texts = [c for s in book for row in s.iter_rows() for c in row if isinstance(c.value, str)]
    assert {c.data_type for c in texts} == {"s"}  # no formula
    names = {c.value: c for c in texts}
    for name in ("=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "\t=1+1"):
        assert names[name].quotePrefix
    links = [link for s in book for link in (c.hyperlink for r in s for c in r) if link]
    assert links
    assert all(link.target is None for link in links)  # within the workbook


def test_the_kind_of_file_is_said_by_its_name(items: list[Any], tmp_path: Path) -> None:
    book = tfp.report.write(tmp_path / "r.xlsx", items, language="vi", public=True)
    assert [p.name for p in tmp_path.iterdir()] == ["r.xlsx"]
    assert book.workbook == tmp_path / "r.xlsx"
    assert openpyxl.load_workbook(book.workbook)["Bìa"]["A1"].value.startswith("Báo cáo")
    document = tfp.report.write(tmp_path / "r.json", items, public=True)
    assert document.html is None
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["public"] is True
    for path, also in (("r.json", ["xlsx"]), ("r.html", ["pdf"]), ("r.html", "xlsx")):
        with pytest.raises(SpecificationError, match="also"):
            tfp.report.write(tmp_path / path, items[-1:], also=also)


def test_figures_stand_beside_the_page_in_their_language(public: dict[str, Written]) -> None:
    for code, written in public.items():
        names = {path.name for path in written.figures}
        assert f"levers_levers_{code}.svg" in names
        assert f"levers_levers_{code}.png" in names
        for path in written.figures:
            head = path.read_bytes()[:200]
            assert head.startswith(b"\x89PNG") or b"<?xml" in head


def test_static_decompositions_have_no_public_form_and_say_so() -> None:
    static = tfp.Decomposition(weight="value_added", method="olley_pakes")
    result = static.fit(panel_of(microdata()), "tfp")
    with pytest.raises(SpecificationError, match="has no public form"):
        tfp.report.render([result], public=True)


def test_levers_say_association_and_not_cause(enterprises: dict[str, Any]) -> None:
    frame = microdata()
    codes = pd.factorize(frame["enterprise"])[0]
    panel = tfp.Panel.from_frame(
        frame.assign(iso=(codes % 4 == 0).astype(float)), entity="enterprise", time="year",
        value_added="value_added", labor="labor", columns={"tfp": "tfp", "iso": "iso"},
        groups={"industry": "industry"},
    )  # fmt: skip
    result = tfp.Levers(levers=("practices",), practices=("iso",)).fit(panel, "tfp")
    for code, words in (("en", "association, not a cause"), ("vi", "không phải nhân quả")):
        for is_public in (False, True):
            page = Page(tfp.report.render([result], language=code, public=is_public)).root
            if not is_public:
                assert words in page.text
            assert result.explain(result.names[0], code) in page.text


def test_a_basis_that_is_not_known_is_refused() -> None:
    with pytest.raises(SpecificationError, match="basis"):
        Section("a", "A", basis="hearsay")
    with pytest.raises(SpecificationError, match="entity_kind"):
        Context(tfp.language.language("en"), entity_kind="planet")


def test_a_criteria_story_needs_no_unit(items: list[Any]) -> None:
    scores = items[-2]
    made = collect([Criteria(scores, uncertainty=scores.uncertainty(reps=20, rng=1))], public=True)
    assert [s.key for s in made] == ["criteria", "disclosure"]
