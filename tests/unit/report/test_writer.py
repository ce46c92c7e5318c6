"""Writing: all files or none, the numbers in full beside the page, clear errors."""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfp_index as tfp
from tests.unit.report.conftest import DAY, HOSTILE, make_panel
from tests.unit.report.page import Page
from tfp_index.growth.accounting_result import GrowthAccountingResult
from tfp_index.report import Figure, Growth, Part, Section, Text
from tfp_index.report.files import Staging


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def everything(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_page_tables_and_document_stand_together(
    tmp_path: Path, panel: tfp.Panel, res: GrowthAccountingResult
) -> None:
    story = Growth(res, findings=panel.check(), entity="Hạ Long")
    written = tfp.report.write(tmp_path / "new" / "report.html", [story], date=DAY)
    assert written.html.read_text(encoding="utf-8").startswith("<!doctype html>")
    names = {path.name for path in written.tables}
    assert names == {
        "years.csv",
        "index.csv",
        "periods.csv",
        "tfp_share.csv",
        "sensitivity.csv",
        "comparison.csv",
    }
    assert written.json == tmp_path / "new" / "report_data" / "report.json"
    assert everything(tmp_path / "new") == sorted(
        ["report.html", "report_data", "report_data/report.json"]
        + [f"report_data/{name}" for name in names]
    )


def test_csv_and_json_hold_the_unrounded_numbers(
    tmp_path: Path, res: GrowthAccountingResult
) -> None:
    story = Growth(res, entity="Hạ Long", periods=[(2010, 2015), (2010, 2021)])
    written = tfp.report.write(tmp_path / "r.html", [story])
    table = res.periods([(2010, 2015), (2010, 2021)], entities=["Hạ Long"])
    file = next(path for path in written.tables if path.name == "periods.csv")
    for line, expected in zip(rows(file), table.rows(), strict=True):
        assert float(line["tfp_growth"]) == expected["tfp_growth"]  # to the last bit
        assert line["entity"] == "Hạ Long"
    document = json.loads(written.json.read_text(encoding="utf-8"))
    assert document["schema_version"] == 1
    by_key = {section["key"]: section for section in document["sections"]}
    np.testing.assert_array_equal(
        by_key["periods"]["tables"]["periods"]["tfp_growth"], table["tfp_growth"]
    )
    headline = by_key["headline"]["document"]
    level = res.index(base=2010, value=100.0)["tfp_index"]
    last = res.keys.offsets[res.keys.entity_code("Hạ Long") + 1] - 1
    assert headline["tfp_index"] == level[last]
    assert by_key["record"]["document"]["fingerprint"] == res.record.fingerprint
    spec = tfp.spec_from_dict(by_key["record"]["document"]["specification"])
    assert spec == res.spec


def test_numbers_do_not_depend_on_the_language(tmp_path: Path, res: GrowthAccountingResult) -> None:
    found: dict[str, Any] = {}
    for code in ("vi", "en"):
        written = tfp.report.write(
            tmp_path / code / "r.html",
            [Part("one", {"en": "One", "vi": "Một"}, [Growth(res, entity="Hạ Long")]), Growth(res)],
            language=code,
        )
        found[code] = {
            p.name: p.read_bytes() for p in (*written.tables, written.json) if p.is_file()
        }
    assert found["vi"] == found["en"]
    assert "one_years.csv" in found["vi"]


def test_hostile_names_are_inert_in_the_data_files(tmp_path: Path) -> None:
    res = tfp.GrowthAccounting(capital_share=0.4).fit(make_panel(HOSTILE))
    written = tfp.report.write(tmp_path / "r.html", [res])
    names = {line["entity"] for line in rows(next(p for p in written.tables if "comp" in p.name))}
    assert "'=cmd|' /C calc'!A0" in names
    assert not [name for name in names if name.startswith(("=", "+", "-", "@"))]
    source = written.json.read_text(encoding="utf-8")
    assert "<" not in source
    assert "\\u003cscript" in source
    listed = json.loads(source)["sections"][1]["tables"]["comparison"]["entity"]
    assert set(listed) == set(HOSTILE)


def test_an_error_while_writing_leaves_what_was_there(
    tmp_path: Path, res: GrowthAccountingResult
) -> None:
    tfp.report.write(tmp_path / "r.html", [res], date=DAY)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in everything(tmp_path)}

    def broken(ax: object) -> None:
        raise KeyboardInterrupt

    bad = Section("bad", "Bad", (Figure("bad", "caption", "alt", broken),))
    with pytest.raises(KeyboardInterrupt):
        tfp.report.write(tmp_path / "r.html", [res, bad])
    assert {n: (tmp_path / n).stat().st_mtime_ns for n in everything(tmp_path)} == before


def test_staging_publishes_all_or_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"

    def interrupted() -> None:
        with Staging(target) as staging:
            staging.path("x.txt").write_text("half", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert everything(tmp_path) == []  # not even the folders that were made for it
    with Staging(target) as staging:
        staging.path("c/x.txt").write_text("whole", encoding="utf-8")
        assert not (target / "c").exists()
    assert (target / "c" / "x.txt").read_text(encoding="utf-8") == "whole"
    assert everything(target) == ["c", "c/x.txt"]


def test_a_folder_that_cannot_be_written_to_is_a_clear_error(
    tmp_path: Path, res: GrowthAccountingResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    with pytest.raises(tfp.FileError, match="cannot write to") as caught:
        tfp.report.write(file / "r.html", [res])
    assert "--out" in (caught.value.remedy or "")

    def denied(**_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "mkdtemp", denied)
    with pytest.raises(tfp.FileError, match="Permission denied"):
        tfp.report.write(tmp_path / "new" / "r.html", [res])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "r.pdf"}, "not the name of an HTML file"),
        ({"data": "../elsewhere"}, "leaves the folder"),
        ({"data": "/tmp"}, "leaves the folder"),
        ({"language": "fr"}, "no texts in language"),
        ({"sections": []}, "needs sections"),
        ({"sections": "res"}, "needs sections"),
        ({"sections": [3]}, "cannot hold int"),
    ],
)
def test_bad_calls_are_refused(
    tmp_path: Path, res: GrowthAccountingResult, options: dict[str, Any], message: str
) -> None:
    path = tmp_path / options.pop("path", "r.html")
    sections = options.pop("sections", [res])
    with pytest.raises(tfp.SpecificationError, match=message):
        tfp.report.write(path, sections, **options)
    assert everything(tmp_path) == []


def test_keys_are_anchors_and_file_names(res: GrowthAccountingResult) -> None:
    for key in ("", "../x", "a b", "số", "_x", "a-b"):
        with pytest.raises(tfp.SpecificationError, match="not a key"):
            Section(key, "title")


def test_things_given_twice_get_numbers(tmp_path: Path) -> None:
    one = tfp.Table({"x": [1.0]}, title="One")
    two = tfp.Table({"x": [2.0]}, title="Two")
    written = tfp.report.write(tmp_path / "r.html", [one, two])
    assert sorted(p.name for p in written.tables) == ["table.csv", "table_2_table.csv"]
    page = Page(written.html.read_text(encoding="utf-8")).root
    assert [h.text for h in page.find("h2")][-2:] == ["1 One", "2 Two"]


def test_whatever_a_report_can_hold(res: GrowthAccountingResult, panel: tfp.Panel) -> None:
    class Custom:
        def to_sections(self, context: Any) -> list[Section]:
            return [Section("mine", f"Mine in {context.language.code}")]

    items = [
        res,
        panel.check(),
        tfp.Table({"flag": [True], "count": [3], "x": [0.12345], "name": [None]}),
        Section("own", "Own", (Text("a paragraph"), Text("beware", "warning"))),
        Custom(),
        lambda context: [Section("made", f"Made in {context.language.code}")],
    ]
    page = Page(tfp.report.render(items, language="vi")).root
    titles = [h.text for h in page.find("h2")]
    assert titles[-2:] == ["8 Mine in vi", "9 Made in vi"]
    cells = [c.text for c in page.find("td", "th")]
    assert "có" in cells  # a truth value
    assert "0,1235" in cells or "0,1234" in cells


def test_a_result_without_an_adapter_shows_summary_and_record(
    res: GrowthAccountingResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tfp_index.report import adapters

    monkeypatch.delitem(adapters.ADAPTERS, "growth.accounting_result.GrowthAccountingResult")
    sections = adapters.sections_of(res, adapters.Context(tfp.language.language("en")))
    assert [s.key for s in sections] == ["summary", "record"]


def test_long_tables_are_cut_in_print_only(tmp_path: Path) -> None:
    table = tfp.Table({"unit": [f"u{i}" for i in range(300)], "x": np.arange(300.0)})
    written = tfp.report.write(tmp_path / "r.html", [table])
    page = Page(written.html.read_text(encoding="utf-8")).root
    assert len(page.find("tbody")[0].children) == 200
    assert "100 further rows" in page.text
    assert len(rows(written.tables[0])) == 300


def test_a_missing_package_is_named_with_its_extra(
    res: GrowthAccountingResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(tfp.MissingDependencyError, match="jinja2") as caught:
        tfp.report.render([res])
    assert "tfp-index[report]" in (caught.value.remedy or "")


def test_public_names_agree() -> None:
    from tfp_index import report

    assert set(report.__all__) == set(report._HOME) == set(dir(report))
    for name in report.__all__:
        assert getattr(report, name) is not None
    with pytest.raises(AttributeError, match="nothing_here"):
        report.nothing_here  # noqa: B018
