from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.criteria.sheets import BALANCE, income_of, workbook
from tfp_index.criteria import statements
from tfp_index.criteria.regimes import REGIMES, regime
from tfp_index.errors import DataError, FileError, SpecificationError
from tfp_index.panel.workbook import Limits

REGIME_CODES = ("TT200", "TT133", "TT99", "QD15")


@pytest.mark.parametrize("code", REGIME_CODES)
def test_a_filled_template_reads_back(tmp_path: Path, code: str) -> None:
    read = tfp.statements.read(workbook(tmp_path / "bctc.xlsx", code), regime=code)
    assert read.enterprise.tolist() == ["5700100256"]
    assert read.year.tolist() == [2024]
    items = {name: values[0] for name, values in read.items().items()}
    assert items["total_assets"] == items["total_assets_opening"] == 1e9
    assert items["total_sources"] == 1e9
    assert items["fixed_assets"] == 4e8
    assert items["inventory"] == 1.5e8
    assert items["net_revenue"] == 1e9
    assert items["interest"] == 1.5e7
    assert items["profit_before_tax"] == 2.04e8
    assert items["depreciation"] == 5e7  # from the cash flow statement
    assert items["labor_cost"] == 2.2e8
    assert items["employees"] == 100
    assert items["operating_profit"] == 2e8
    administrative = 1.9e8 if code == "TT133" else 9e7
    assert items["administrative_cost"] == administrative
    assert len(read.problems()) == 0
    assert read.texts["industry"].tolist() == ["C10"]


def test_the_total_assets_trap() -> None:
    codes = {c: REGIMES[c].forms["balance"].lines["total_assets"] for c in REGIME_CODES}
    assert codes == {"TT200": ("270",), "TT133": ("200",), "TT99": ("280",), "QD15": ("270",)}
    codes = {c: REGIMES[c].forms["balance"].lines["fixed_assets"] for c in REGIME_CODES}
    assert codes == {"TT200": ("220",), "TT133": ("150",), "TT99": ("220",), "QD15": ("220",)}


@pytest.mark.parametrize(
    ("written", "read", "message"),
    [
        ("TT99", "TT200", "line 280 here, but line 270 under TT200"),
        ("TT200", "TT99", "line 270 here, but line 280 under TT99"),
        ("TT133", "TT200", "is the form B01a-DNN, not B01-DN of TT200"),
        ("TT200", "TT133", "is the form B01-DN, not B01a-DNN of TT133"),
        ("QD15", "TT200", "line 24 here, but line 25 under TT200"),
        ("TT200", "QD15", "line 25 here, but line 24 under QD15"),
    ],
)
def test_a_statement_of_another_regime_is_noticed(
    tmp_path: Path, written: str, read: str, message: str
) -> None:
    path = workbook(tmp_path / "bctc.xlsx", written)
    with pytest.raises(DataError, match=message) as caught:
        statements.read(path, regime=read)
    assert caught.value.code == "wrong_regime"
    assert "read it with regime=" in str(caught.value)


@pytest.mark.parametrize("mark", ["B 01b – DNN", "B01-DNSN"])
def test_forms_that_are_not_known(tmp_path: Path, mark: str) -> None:
    head = {"Mẫu số B01a-DNN": f"Mẫu số {mark}"}
    path = workbook(tmp_path / "bctc.xlsx", "TT133", head=head)
    with pytest.raises(DataError, match="is the form B01"):
        statements.read(path, regime="TT133")


def test_broken_identities_are_reported_line_by_line_and_not_repaired(tmp_path: Path) -> None:
    changes = {("B02", "20"): "400.500", ("B01", "440"): "1.000.100"}
    read = statements.read(workbook(tmp_path / "b.xlsx", "TT200", changes=changes), "TT200")
    problems = {row["identity"]: row for row in read.problems().rows()}
    assert set(problems) == {
        "20 = 10 − 11",
        "30 = 20 + 21 − 22 + 24 − 25 − 26",
        "440 = 300 + 400",
        "270 = 440",
    }
    row = problems["20 = 10 − 11"]
    assert (row["stated"], row["computed"], row["difference"]) == (400.5e6, 4e8, 5e5)
    assert (row["enterprise"], row["year"], row["form"]) == ("5700100256", 2024, "B02-DN")
    assert read.items()["gross_profit"][0] == 400.5e6  # as stated


def test_rounding_to_the_unit_is_no_problem(tmp_path: Path) -> None:
    changes = {("B02", "20"): "400.001"}
    read = statements.read(workbook(tmp_path / "b.xlsx", "TT200", changes=changes), "TT200")
    assert len(read.problems()) == 0
    changes = {("B02", "20"): "400.003"}
    read = statements.read(workbook(tmp_path / "b.xlsx", "TT200", changes=changes), "TT200")
    assert len(read.problems()) > 0


def test_a_share_in_associates_belongs_to_the_identity(tmp_path: Path) -> None:
    path = workbook(tmp_path / "b.xlsx", "TT200")
    book = openpyxl.load_workbook(path)
    book["B02-DN"].append(["Phần lãi trong công ty liên kết", "24", "7.000", None])
    for row in book["B02-DN"].iter_rows():
        if row[1].value == "30":
            row[2].value = "207.000"
    book.save(path)
    lines = {row["line"] for row in statements.read(path, "TT200").problems().rows()}
    assert lines == {"50"}


def test_empty_cells_of_a_printed_form_are_zero(tmp_path: Path) -> None:
    changes = {("B02", "23"): "-", ("B01", "140"): None}
    items = statements.read(
        workbook(tmp_path / "b.xlsx", "TT200", changes=changes), "TT200"
    ).items()
    assert items["interest"][0] == 0.0
    assert items["inventory"][0] == 0.0
    blank = statements.template(tmp_path / "blank.xlsx", "TT200")
    empty = statements.read(blank, "TT200", year=2024, enterprise="X").items()
    assert np.isnan(empty["net_revenue"][0])  # a form nobody filled in says nothing


def test_numbers_as_numbers_and_codes_as_numbers(tmp_path: Path) -> None:
    path = workbook(tmp_path / "b.xlsx", "TT200")
    book = openpyxl.load_workbook(path)
    for row in book["B02-DN"].iter_rows(min_row=9):
        if row[1].value:
            row[1].value = int(row[1].value)  # a spreadsheet drops the leading zero
            text = row[2].value
            row[2].value = int(text.replace(".", "")) if text not in (None, "-") else None
    book.save(path)
    items = statements.read(path, "TT200").items()
    assert items["gross_revenue"][0] == 1005e6
    assert items["net_revenue"][0] == 1e9


def test_what_the_head_must_say(tmp_path: Path) -> None:
    path = workbook(tmp_path / "b.xlsx", "TT200", head={"Đơn vị tính: đồng": "Đơn vị: Đồng Tâm"})
    with pytest.raises(DataError, match="states no currency unit"):
        statements.read(path, "TT200")
    assert statements.read(path, "TT200", currency="triệu đồng").items()["net_revenue"][0] == 1e12
    with pytest.raises(SpecificationError, match="no currency unit 'USD'"):
        statements.read(path, "TT200", currency="USD")
    path = workbook(tmp_path / "c.xlsx", "TT200", head={"Năm ": "Năm nay"})
    with pytest.raises(DataError, match="does not state its year"):
        statements.read(path, "TT200")
    assert statements.read(path, "TT200", year=2023).year.tolist() == [2023]
    path = workbook(
        tmp_path / "d.xlsx",
        "TT200",
        head={
            "Mã số thuế: ": "(Ban hành theo Thông tư số 200/2014/TT-BTC ngày 22/12/2014)",
            "Đơn vị báo cáo: ": "Đơn vị báo cáo: Công ty Than Hạ Long",
            "Năm ": "Tại ngày 31 tháng 12 năm 2023",
        },
    )
    read = statements.read(path, "TT200")
    assert read.year.tolist() == [2023]
    assert read.enterprise.tolist() == ["Công ty Than Hạ Long"]


def test_a_supplement_given_in_code(tmp_path: Path) -> None:
    path = workbook(tmp_path / "b.xlsx", "TT200")
    read = statements.read(
        path, "TT200", supplement={"depreciation": 7e7, "industry": "G46", "employees": 9}
    )
    assert read.items()["depreciation"][0] == 7e7
    assert read.items()["employees"][0] == 9
    assert read.texts["industry"].tolist() == ["G46"]
    with pytest.raises(SpecificationError, match="no supplementary item 'wages'"):
        statements.read(path, "TT200", supplement={"wages": 1.0})


def test_several_files(tmp_path: Path) -> None:
    first = workbook(tmp_path / "a.xlsx", "TT200")
    second = workbook(tmp_path / "b.xlsx", "TT200", head={"Năm ": "Năm 2023"})
    read = statements.read([first, second], "TT200")
    assert read.year.tolist() == [2024, 2023]
    assert read.lines()["enterprise"].shape == read.lines()["current"].shape
    with pytest.raises(DataError, match="two files are statements of"):
        statements.read([first, first], "TT200")
    with pytest.raises(DataError, match="no files"):
        statements.read([], "TT200")


def test_csv_of_one_form(tmp_path: Path) -> None:
    rows = [
        "BÁO CÁO KẾT QUẢ HOẠT ĐỘNG KINH DOANH;;;",
        "Năm 2024;;Đơn vị tính: triệu đồng;",
        "Chỉ tiêu;Mã số;Thuyết minh;Năm nay;Năm trước",
        "1. Doanh thu bán hàng;01;VI.25;1.000;900",
        "3. Doanh thu thuần;10;;1.000;900",
        "4. Giá vốn hàng bán;11;VI.27;(600);500",
    ]
    path = tmp_path / "kqkd.csv"
    path.write_text("\n".join(rows), encoding="utf-8-sig")
    read = statements.read(path, "TT200", enterprise="X")
    assert read.items()["cost_of_goods_sold"][0] == -6e8
    assert read.items()["net_revenue"][0] == 1e9


@pytest.mark.parametrize(
    ("cell", "code"),
    [("=1+1", "not_an_amount"), ("12,345", "ambiguous_amount"), ("abc", "not_an_amount")],
)
def test_cells_that_are_no_amounts_are_named(tmp_path: Path, cell: str, code: str) -> None:
    path = workbook(tmp_path / "b.xlsx", "TT200")
    book = openpyxl.load_workbook(path)
    for row in book["B02-DN"].iter_rows():
        if row[1].value == "11":
            row[2].value = cell
            row[2].data_type = "s"
    book.save(path)
    with pytest.raises(DataError, match=r"sheet 'B02-DN', row \d+") as caught:
        statements.read(path, "TT200")
    assert caught.value.code == code
    assert caught.value.column == "11"


def test_formulas_are_not_evaluated(tmp_path: Path) -> None:
    path = workbook(tmp_path / "b.xlsx", "TT200")
    book = openpyxl.load_workbook(path)
    book["B02-DN"]["C12"] = "=HYPERLINK(1)"
    book.save(path)
    with pytest.raises(DataError, match="formula without a stored value") as caught:
        statements.read(path, "TT200")
    assert caught.value.code == "formula_without_value"


def test_lines_that_stand_twice(tmp_path: Path) -> None:
    path = workbook(tmp_path / "b.xlsx", "TT200")
    book = openpyxl.load_workbook(path)
    book["B02-DN"].append(["Doanh thu thuần", "10", "1", "1"])
    book.save(path)
    with pytest.raises(DataError, match="line 10 stands twice"):
        statements.read(path, "TT200")


def test_files_that_are_no_statements(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="no sheet is a form of TT200"):
        statements.read(other, "TT200")
    with pytest.raises(FileError, match="no file"):
        statements.read(tmp_path / "none.xlsx", "TT200")
    with pytest.raises(SpecificationError, match="no accounting regime 'TT20'"):
        statements.read(other, "TT20")
    headless = tmp_path / "h.csv"
    headless.write_text("Mẫu số B02-DN\nNăm 2024\nĐVT: đồng\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="columns are not recognized"):
        statements.read(headless, "TT200")


def test_large_files_are_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "b.xlsx", "TT200")
    with pytest.raises(FileError, match="bytes"):
        statements.read(path, "TT200", limits=Limits(bytes=100))
    with pytest.raises(FileError, match="unpacks to"):
        statements.read(path, "TT200", limits=Limits(unpacked=100))
    with pytest.raises(FileError, match="larger than"):
        statements.read(path, "TT200", limits=Limits(rows=3))
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 400_000_000)
    with pytest.raises(FileError, match="unpacks to 400,000,000 bytes"):
        statements.read(bomb, "TT200")


def long_table(code: str, n: int = 3) -> pd.DataFrame:
    rows = []
    for i in range(n):
        for mark, lines in (("B01", BALANCE[code]), ("B02", income_of(code))):
            form = regime(code).forms["balance" if mark == "B01" else "income"].mark
            for line, text in lines.items():
                amount = statements_amount(text)
                rows.append({"mst": f"E{i}", "year": 2024, "form": form, "line": line,
                             "amount": amount, "before": amount})  # fmt: skip
    return pd.DataFrame(rows).sample(frac=1.0, random_state=2).reset_index(drop=True)


def statements_amount(text: str) -> float | None:
    from tfp_index.criteria.amounts import parse_amount

    return parse_amount(text)


COLUMNS: dict[str, Any] = {
    "enterprise": "mst", "year": "year", "form": "form", "line": "line", "amount": "amount",
    "previous": "before", "currency": "nghìn đồng",
}  # fmt: skip


@pytest.mark.parametrize("code", REGIME_CODES)
def test_long_tables_give_what_files_give(tmp_path: Path, code: str) -> None:
    extra = pd.DataFrame(
        {
            "mst": ["E1", "E0"],
            "year": [2024, 2024],
            "labor_cost": [1e8, 2.2e8],
            "industry": ["C", "G"],
        }
    )
    many = statements.from_frame(long_table(code), code, supplement=extra, **COLUMNS)
    assert many.enterprise.tolist() == ["E0", "E1", "E2"]
    one = statements.read(workbook(tmp_path / "b.xlsx", code), code)
    items = many.items()
    for name in ("total_assets", "net_revenue", "profit_before_tax", "total_assets_opening"):
        assert items[name].tolist() == [one.items()[name][0]] * 3
    np.testing.assert_array_equal(items["labor_cost"], [2.2e8, 1e8, np.nan])
    assert many.texts["industry"].tolist() == ["G", "C", None]
    assert len(many.problems()) == 0
    assert len(many.to_frame()) == 3


def test_long_tables_that_are_wrong() -> None:
    table = long_table("TT200")
    doubled = pd.concat([table, table.iloc[[0]]])
    with pytest.raises(DataError, match="stands twice") as caught:
        statements.from_frame(doubled, "TT200", **COLUMNS)
    assert caught.value.time == 2024
    with pytest.raises(DataError, match="'B99' is not a form"):
        statements.from_frame(table.assign(form="B99"), "TT200", **COLUMNS)
    with pytest.raises(DataError, match="no enterprise or year"):
        statements.from_frame(table.assign(mst=None), "TT200", **COLUMNS)
