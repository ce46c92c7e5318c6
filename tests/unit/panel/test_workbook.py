from __future__ import annotations

from datetime import date
from pathlib import Path

import openpyxl
import pytest

from tfp_index import FileError, Table
from tfp_index.panel.workbook import Limits, read_sheets, write_workbook


def test_written_and_read_back(tmp_path: Path) -> None:
    tables = {
        "Xếp hạng": Table(
            {"tỉnh": ["Quảng Ninh", "Hà Nội"], "điểm": [81.25, float("nan")], "hạng": [1, 2]},
            title="Xếp hạng 2023",
            notes=("đề xuất",),
        ),
        "a/b:c": Table({"x": [True, False]}),
        "A b c": Table({"x": [1, 2]}),
    }
    path = write_workbook(tables, tmp_path / "out.xlsx", heads={"điểm": "Điểm"})
    first, second, third = read_sheets(path)
    assert first.title == "Xếp hạng"
    assert first.rows == (
        ("Xếp hạng 2023", None, None),
        ("đề xuất", None, None),
        (None, None, None),
        ("tỉnh", "Điểm", "hạng"),
        ("Quảng Ninh", 81.25, 1),
        ("Hà Nội", None, 2),
    )
    assert second.title == "a b c"
    assert second.rows[1] == (True,)
    assert third.title == "A b c 3"
    cell = openpyxl.load_workbook(path)["Xếp hạng"]["B5"]
    assert cell.number_format == "#,##0.00"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1"])
def test_text_never_becomes_a_formula(tmp_path: Path, text: str) -> None:
    path = write_workbook({"s": Table({text: [text]}, title=text)}, tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(path)["s"]
    for row in sheet.iter_rows():
        for cell in row:
            assert cell.data_type in ("s", "n", "inlineStr")
            assert cell.value is None or cell.value.strip() == text.strip()


def test_control_characters_are_left_out(tmp_path: Path) -> None:
    path = write_workbook({"s": Table({"x": ["a\x00b\x07\nc"]})}, tmp_path / "out.xlsx")
    assert read_sheets(path)[0].rows[1] == ("ab\nc",)


def test_dates_and_stored_formulas(tmp_path: Path) -> None:
    path = tmp_path / "in.xlsx"
    book = openpyxl.Workbook()
    book.active.append([date(2024, 12, 31), "  ", 1.5])
    book.save(path)
    assert read_sheets(path)[0].rows == (("2024-12-31", None, 1.5),)


def test_delimited_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('x;y\n"1.234,5";\n', encoding="utf-8-sig")
    assert read_sheets(path)[0].rows == (("x", "y"), ("1.234,5", None))
    path = tmp_path / "a.tsv"
    path.write_text("x\ty,z\n", encoding="utf-8")
    assert read_sheets(path)[0].rows == (("x", "y,z"),)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no file"):
        read_sheets(tmp_path / "none.xlsx")
    bad = tmp_path / "bad.xlsx"
    bad.write_bytes(b"not a workbook")
    with pytest.raises(FileError, match="damaged"):
        read_sheets(bad)
    old = tmp_path / "old.xls"
    old.write_bytes(b"\xd0\xcf")
    with pytest.raises(FileError, match=r"files of type \.xls are not read"):
        read_sheets(old)
    text = tmp_path / "bad.csv"
    text.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(FileError, match="not UTF-8"):
        read_sheets(text)
    wide = tmp_path / "wide.csv"
    wide.write_text(",".join("a" * 300), encoding="utf-8")
    with pytest.raises(FileError, match="larger than"):
        read_sheets(wide)
    path = write_workbook({str(i): Table({"x": [1]}) for i in range(4)}, tmp_path / "m.xlsx")
    with pytest.raises(FileError, match="larger than"):
        read_sheets(path, Limits(sheets=3))
    with pytest.raises(FileError, match="could not be written"):
        write_workbook({"s": Table({"x": [1]})}, tmp_path / "no" / "such" / "out.xlsx")


def test_a_workbook_whose_parts_are_broken(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "broken.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x")
    with pytest.raises(FileError, match="damaged"):
        read_sheets(path)
