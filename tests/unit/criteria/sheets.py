"""Statements of an invented enterprise as sheets of cells, for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl

from tfp_index.criteria import statements

INCOME = {
    "01": "1.005.000", "02": "5.000", "10": "1.000.000", "11": "600.000", "20": "400.000",
    "21": "10.000", "22": "20.000", "23": "15.000", "25": "100.000", "26": "90.000",
    "30": "200.000", "31": "5.000", "32": "1.000", "40": "4.000", "50": "204.000",
    "51": "40.800", "52": "-", "60": "163.200",
}  # fmt: skip
"""Income statement of Circular 200, all identities held."""

INCOME_133 = {k: v for k, v in INCOME.items() if k not in ("25", "26", "52")} | {"24": "190.000"}
INCOME_15 = {k: v for k, v in INCOME.items() if k not in ("25", "26")} | {
    "24": "100.000", "25": "90.000",
}  # fmt: skip

BALANCE = {
    "TT200": {"100": "600.000", "110": "100.000", "140": "150.000", "200": "400.000",
              "220": "400.000", "270": "1.000.000", "300": "400.000", "400": "600.000",
              "440": "1.000.000"},
    "TT99": {"100": "600.000", "110": "100.000", "140": "150.000", "200": "400.000",
             "220": "400.000", "280": "1.000.000", "300": "400.000", "400": "600.000",
             "440": "1.000.000"},
    "TT133": {"110": "450.000", "140": "150.000", "150": "400.000", "200": "1.000.000",
              "300": "400.000", "400": "600.000", "500": "1.000.000"},
    "QD15": {"100": "600.000", "110": "100.000", "140": "150.000", "200": "400.000",
             "220": "400.000", "270": "1.000.000", "300": "400.000", "400": "600.000",
             "440": "1.000.000"},
}  # fmt: skip

SUPPLEMENT = {
    "Chi phí lao động": "220.000",
    "Thuế sản xuất": "6.000",
    "Vật tư và dịch vụ mua ngoài": "514.000",
    "Số lao động bình quân": 100,
    "Tổng số lao động": 105,
    "Ngành kinh doanh": "C10",
    "Loại hình sở hữu": "ngoài nhà nước",
}


def income_of(regime: str) -> Mapping[str, str]:
    return {"TT133": INCOME_133, "QD15": INCOME_15}.get(regime, INCOME)


def workbook(
    path: Path,
    regime: str,
    *,
    head: Mapping[str, str] | None = None,
    changes: Mapping[tuple[str, str], Any] | None = None,
    supplement: Mapping[str, Any] | None = None,
    as_regime: str | None = None,
) -> Path:
    """Fill in the library's own template and return its path.

    `head` replaces texts at the heads, `changes` single cells by (form, code); `as_regime` puts
    the lines of another regime under the heads of `regime`.
    """
    statements.template(path, as_regime or regime)
    book = openpyxl.load_workbook(path)
    filled = {
        "B01": dict(BALANCE[as_regime or regime]),
        "B02": dict(income_of(as_regime or regime)),
        "B03": {"02": "50.000"},
    }
    texts = {
        "Đơn vị tính: đồng": "Đơn vị tính: nghìn đồng",
        "Mã số thuế: ": "Mã số thuế: 5700100256",
        "Năm ": "Năm 2024",
        **(head or {}),
    }
    for (form, code), value in (changes or {}).items():
        filled[form][code] = value
    for sheet in book:
        if sheet.title == "Bổ sung":
            for row in sheet.iter_rows():
                row[1].value = {**SUPPLEMENT, **(supplement or {})}.get(row[0].value, row[1].value)
            continue
        values = filled[sheet.title[:3]]
        for row in sheet.iter_rows():
            row[0].value = texts.get(row[0].value, row[0].value)
            code = row[1].value if len(row) > 1 else None
            if code in values:
                row[2].value = row[3].value = values[code]
    book.save(path)
    return path
