"""The page: self-contained, well formed, accessible, inert, the same in both languages."""

from __future__ import annotations

import base64
import itertools
import re
import xml.etree.ElementTree as ET

import pytest

import tfp_index as tfp
from tests.unit.report.conftest import DAY, HOSTILE, make_panel, make_result
from tests.unit.report.page import Node, Page
from tfp_index.growth.accounting_result import GrowthAccountingResult
from tfp_index.report import Growth, Part

LANGUAGES = ("vi", "en")


@pytest.fixture(scope="module")
def pages(panel: tfp.Panel, res: GrowthAccountingResult) -> dict[str, str]:
    """Return the same report in both languages: one unit, then all alike, then findings."""
    items = [
        Part("one", {"en": "One", "vi": "Một"}, [Growth(res, entity="Hạ Long")]),
        Part("all", {"en": "All", "vi": "Tất cả"}, [Growth(res, findings=panel.check())]),
    ]
    return {
        code: tfp.report.render(items, language=code, date=DAY, subtitle="2010–2021")
        for code in LANGUAGES
    }


def root(source: str) -> Node:
    return Page(source).root


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_page_asks_for_nothing_from_a_network(pages: dict[str, str], code: str) -> None:
    page = root(pages[code])
    assert not page.find("script", "link", "iframe", "object", "embed", "video", "base")
    for node in page.find("img", "source", "a"):
        for name in ("src", "srcset", "href"):
            target = node.attributes.get(name)
            assert target is None or target.startswith(("data:image/svg+xml;base64,", "#"))
    style = " ".join(node.text for node in page.find("style"))
    assert "url(" not in style
    assert "@import" not in style
    policy = [m.attributes["content"] for m in page.find("meta") if "http-equiv" in m.attributes]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    for node in page.find("svg", "p", "td", "a", "img", "section"):
        assert not [name for name in node.attributes if name.startswith("on")]


@pytest.mark.parametrize("code", LANGUAGES)
def test_language_title_and_headings(pages: dict[str, str], code: str) -> None:
    page = root(pages[code])
    assert page.find("html")[0].attributes["lang"] == code
    assert page.find("title")[0].text
    levels = [int(n.tag[1]) for n in page.find("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("code", LANGUAGES)
def test_anchors_are_unique_and_every_reference_has_its_target(
    pages: dict[str, str], code: str
) -> None:
    page = root(pages[code])
    nodes = page.find("h1", "h2", "h3", "h4", "caption", "figure", "main", "section", "div", "nav")
    ids = [n.attributes["id"] for n in nodes if "id" in n.attributes]
    assert len(ids) == len(set(ids))
    for node in page.find("a"):
        assert node.attributes["href"][1:] in ids
    for node in page.find("section", "div", "nav"):
        if "aria-labelledby" in node.attributes:
            assert node.attributes["aria-labelledby"] in ids


@pytest.mark.parametrize("code", LANGUAGES)
def test_tables_have_captions_and_scoped_headers(pages: dict[str, str], code: str) -> None:
    tables = root(pages[code]).find("table")
    assert len(tables) >= 8
    for table in tables:
        assert table.find("caption")[0].text
        headers = table.find("th")
        assert all(h.attributes["scope"] in ("col", "colgroup", "row") for h in headers)
        rows = table.find("tr")
        widths = {
            sum(int(cell.attributes.get("colspan", "1")) for cell in row.find("th", "td"))
            for row in rows
        }
        assert len(widths) == 1
        assert all(row.children[0].tag == "th" for row in table.find("tbody")[0].children)


@pytest.mark.parametrize("code", LANGUAGES)
def test_figures_have_words_for_those_who_do_not_see_them(pages: dict[str, str], code: str) -> None:
    figures = root(pages[code]).find("figure")
    assert len(figures) >= 5
    for figure in figures:
        image = figure.find("img")[0]
        assert len(image.attributes["alt"]) > 40
        assert figure.find("figcaption")[0].text
        for address in (image.attributes["src"], figure.find("source")[0].attributes["srcset"]):
            svg = base64.b64decode(address.removeprefix("data:image/svg+xml;base64,"))
            assert ET.fromstring(svg).tag.endswith("svg")


def _numbers(text: str, code: str) -> list[str]:
    """Return the numbers of a text, written the English way."""
    text = re.sub(r"\b(tháng|month) \d+", "", text)
    swap = str.maketrans(",.", ".,") if code == "vi" else {}
    return re.findall(r"−?\d[\d.,]*\d|−?\d", text.translate(swap))


def test_both_languages_have_the_same_sections_tables_and_numbers(pages: dict[str, str]) -> None:
    vi, en = root(pages["vi"]), root(pages["en"])
    headings = [[n.attributes.get("id") for n in p.find("h2", "h3", "h4")] for p in (vi, en)]
    assert headings[0] == headings[1]
    for a, b in zip(vi.find("td"), en.find("td"), strict=True):
        assert _numbers(a.text, "vi") == _numbers(b.text, "en")
    shown = [
        [d for dl in p.find("dl") if dl.attributes["class"] == "headline" for d in dl.find("dd")]
        for p in (vi, en)
    ]
    assert len(shown[0]) == 8
    for a, b in zip(*shown, strict=True):
        assert _numbers(a.text, "vi") == _numbers(b.text, "en")
    leads = [[n for n in p.find("p") if n.attributes.get("class") == "lead"] for p in (vi, en)]
    for a, b in zip(*leads, strict=True):  # sentences may name them in another order
        assert sorted(_numbers(a.text, "vi")) == sorted(_numbers(b.text, "en"))


def test_no_english_is_left_in_the_vietnamese_page(pages: dict[str, str]) -> None:
    page = root(pages["vi"])
    said = " ".join(n.text for n in page.find("p", "th", "td", "h1", "h2", "h3", "caption", "dt"))
    for word in ("the", "of", "growth", "and", "share", "years", "missing", "row"):
        assert not re.search(rf"\b{word}\b", said, re.IGNORECASE), word
    assert "phần dư" in said
    assert "residual" in root(pages["en"]).text


def test_the_same_report_gives_the_same_bytes(res: GrowthAccountingResult) -> None:
    one, two = (tfp.report.render([res], date=DAY) for _ in range(2))
    assert one == two


def test_hostile_names_are_inert() -> None:
    panel = make_panel(HOSTILE)
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel)
    for story in (Growth(res, findings=panel.check()), Growth(res, entity=HOSTILE[2])):
        source = tfp.report.render([story], title=HOSTILE[0], subtitle=HOSTILE[2])
        page = root(source)
        assert not page.find("script")
        assert not [n for n in page.find("img") if n.attributes.get("src") == "x"]
        assert "<script" not in source.replace("&lt;script", "")
        assert HOSTILE[2] in page.text  # shown as it was written
        assert page.find("h1")[0].text == HOSTILE[0]


def test_catalogue_braces_in_names_are_no_placeholders() -> None:
    source = tfp.report.render([make_result(("{0}", "{entity}", "{{x}}", "%s"))])
    assert "{entity}" in root(source).text


def test_public_edition_must_know_what_the_units_are(res: GrowthAccountingResult) -> None:
    with pytest.raises(tfp.SpecificationError, match="must know what the units are") as caught:
        tfp.report.render([res], public=True)
    assert caught.value.code == "disclosure_unknown"
    with pytest.raises(tfp.SpecificationError, match="bare table"):
        tfp.report.render([res.periods()], public=True)
    with pytest.raises(tfp.SpecificationError, match="entity_kind='firm'"):
        Growth(res, entity_kind="firm")


def test_public_edition_leaves_single_enterprises_out(panel: tfp.Panel) -> None:
    frame = {
        "unit": ["Hạ Long"] * 3 + ["Cẩm Phả"] * 3,
        "year": [2010, 2011, 2013] * 2,
        "y": [1.0, 1.1, 1.2] * 2,
        "k": [1.0, 1.1, 1.2] * 2,
        "l": [1.0, 1.1, 1.2] * 2,
    }
    gappy = tfp.Panel.from_frame(
        frame, entity="unit", time="year", output="y", capital="k", labor="l"
    )
    findings = gappy.check()
    assert len(findings) == 2
    res = tfp.GrowthAccounting(capital_share=0.4).fit(gappy)
    story = Growth(res, findings=findings, entity_kind="enterprise")
    internal = root(tfp.report.render([story], language="vi")).text
    public = root(tfp.report.render([story], language="vi", public=True)).text
    assert "Hạ Long" in internal
    assert "Hạ Long" not in public
    assert "Cẩm Phả" not in public
    assert "thiếu kỳ" in public  # findings are counted, not listed
    areas = Growth(make_result(), entity_kind="area")
    assert "Hạ Long" in root(tfp.report.render([areas], public=True)).text


def test_contrast_of_every_text_color() -> None:
    from importlib.resources import files

    style = (files("tfp_index.report") / "templates" / "style.css").read_text("utf-8")
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", style))

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, two: str) -> float:
        low, high = sorted((luminance(one), luminance(two)))
        return (high + 0.05) / (low + 0.05)

    white = "#ffffff"
    pairs = [
        (colors["ink"], white),
        (colors["soft"], white),
        (colors["soft"], colors["pale"]),
        (colors["accent"], white),
        (colors["ink"], colors["accent-pale"]),
        (colors["ink"], colors["warn-pale"]),
        (colors["warn"], colors["warn-pale"]),
    ]
    for text, ground in pairs:
        assert contrast(text, ground) >= 4.5, (text, ground)  # WCAG 2 level AA
