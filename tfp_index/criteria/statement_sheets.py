"""Find the forms in the sheets of a file and read their lines; nothing is repaired."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tfp_index.criteria.amounts import currency_unit, parse_amount, plain_letters
from tfp_index.criteria.regimes import REGIMES, Form, Regime
from tfp_index.errors import DataError
from tfp_index.panel.workbook import Sheet

__all__ = ["COUNTS", "MONEY", "TEXTS", "Document", "read_document"]

HEAD_ROWS = 25
"""Rows in which the mark of the form, the enterprise, the year and the unit are looked for."""

MONEY = {
    "labor_cost": ("chi phi lao dong", "chi phi nhan cong"),
    "depreciation": ("khau hao", "chi phi khau hao"),
    "production_taxes": ("thue san xuat", "thue, phi trong chi phi"),
    "materials_and_services": (
        "vat tu va dich vu mua ngoai",
        "nguyen vat lieu va dich vu mua ngoai",
    ),
    "total_output": ("tong dau ra", "gia tri san xuat"),
}
"""Amounts that the forms do not print, and how a supplement sheet may call them."""

COUNTS = {
    "employees": ("so lao dong binh quan", "so lao dong lam thue"),
    "persons_employed": ("tong so lao dong", "so lao dong ke ca khong huong luong"),
    "insured_workers": ("so lao dong tham gia bhxh binh quan", "lao dong bao hiem xa hoi"),
}
"""Counts of the supplement; never scaled by the currency unit."""

TEXTS = {
    "industry": ("nganh", "nganh kinh doanh"),
    "sector": ("linh vuc",),
    "ownership": ("loai hinh so huu", "so huu"),
    "name": ("ten doanh nghiep",),
}
"""Texts of the supplement."""

_MARK = re.compile(r"b\s*0?\s*([1239])\s*([ab]?)\s*-?\s*(dnsn|dnn|dn)\b")
_TITLES = (
    ("bang can doi ke toan", "balance"),
    ("bao cao tinh hinh tai chinh", "balance"),
    ("bao cao ket qua hoat dong kinh doanh", "income"),
    ("bao cao ket qua kinh doanh", "income"),
    ("bao cao luu chuyen tien te", "cash_flow"),
)
_FORM_OF_NUMBER = {"1": "balance", "2": "income", "3": "cash_flow"}
_CURRENT = ("nam nay", "so cuoi nam", "so cuoi ky", "cuoi nam", "cuoi ky", "ky nay")
_PREVIOUS = ("nam truoc", "so dau nam", "so dau ky", "dau nam", "dau ky", "ky truoc")
_CODE = re.compile(r"\d{2,3}[a-d]?")
_NUMBERING = re.compile(r"^(?:[-–•*+]|\(?[ivx]+[.)]|[a-d]\s*[-–.)]|\d+[.)])\s*")


@dataclass
class Document:
    """The statements of one enterprise for one year, in VND.

    Attributes
    ----------
    enterprise : str
    year : int
    unit : float
        Currency unit of the file in VND: amounts are rounded to it.
    lines : mapping of (form, code) to (current, previous)
        Every line that is printed; None where its cell is empty.
    items, texts : mapping
        From the supplement sheet.
    """

    enterprise: str = ""
    year: int = 0
    unit: float = 0.0
    lines: dict[tuple[str, str], tuple[float | None, float | None]] = field(default_factory=dict)
    items: dict[str, float] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def read_document(
    sheets: Sequence[Sheet],
    regime: Regime,
    *,
    name: str,
    enterprise: str | None,
    year: int | None,
    unit: float | None,
    decimal: str | None,
) -> Document:
    """Read the forms of a file.

    Raises
    ------
    DataError
        If no form is found, a form is of another regime, the currency unit or the year is not
        stated, or a cell is no amount.
    """
    document = Document()
    found: list[tuple[Sheet, Form]] = []
    supplements: list[Sheet] = []
    for sheet in sheets:
        if plain_letters(sheet.title) in ("bo sung", "supplement", "thong tin bo sung"):
            supplements.append(sheet)
            continue
        form = _form_of(sheet, regime)
        if form is not None:
            found.append((sheet, form))
    if not found:
        raise DataError(
            f"{name}: no sheet is a form of {regime.code}",
            code="no_form",
            expected=" or ".join(form.mark for form in regime.forms.values()),
            remedy="keep the head of the form: its mark, title and the column 'Mã số'",
        )
    head = [cell for sheet, _ in found for cell in _head_texts(sheet)]
    document.unit = unit or _stated_unit(head, name)
    document.year = year or _stated_year(head, name)
    document.enterprise = enterprise or _stated_enterprise(head) or name
    for sheet, form in found:
        lines = _lines(sheet, form, regime, name, decimal)
        for code, amounts in lines.items():
            key = (form.name, code)
            if key in document.lines:
                raise DataError(
                    f"{name}: line {code} of {form.mark} stands twice",
                    code="line_twice",
                    column=code,
                    remedy="keep one year and one enterprise per file",
                )
            current, previous = (None if a is None else a * document.unit for a in amounts)
            document.lines[key] = (current, previous)
    for sheet in supplements:
        _read_supplement(sheet, document, name, decimal)
    return document


def _head_texts(sheet: Sheet) -> list[str]:
    return [str(c) for row in sheet.rows[:HEAD_ROWS] for c in row if isinstance(c, str)]


def _form_of(sheet: Sheet, regime: Regime) -> Form | None:
    """Return the form that a sheet is, or None where it is none of the three."""
    texts = [plain_letters(text) for text in [*_head_texts(sheet), sheet.title]]
    for text in texts:
        mark = _MARK.search(text.replace("–", "-").replace("—", "-"))
        if mark:
            return _form_of_mark(sheet, regime, *mark.groups())
    for start, name in _TITLES:
        if any(text.startswith(start) for text in texts):
            return regime.forms[name]
    return None


def _form_of_mark(sheet: Sheet, regime: Regime, number: str, part: str, kind: str) -> Form | None:
    if number not in _FORM_OF_NUMBER:
        return None  # the notes
    form = regime.forms[_FORM_OF_NUMBER[number]]
    shown = f"B0{number}{part}-{kind.upper()}"
    if kind == form.mark.rpartition("-")[2].lower() and (number != "1" or part != "b"):
        return form
    others = [
        code
        for code, other in REGIMES.items()
        if other.forms[form.name].mark.lower() == shown.lower()
    ]
    raise DataError(
        f"sheet {sheet.title!r} is the form {shown}, not {form.mark} of {regime.code}",
        code="wrong_regime",
        expected=form.mark,
        remedy=f"read it with regime={others[0]!r}" if others else "this form is not known",
    )


def _stated_unit(head: Iterable[str], name: str) -> float:
    units = {unit for text in head if (unit := currency_unit(text)) is not None}
    if len(units) == 1:
        return units.pop()
    what = "states no currency unit" if not units else "states several currency units"
    raise DataError(
        f"{name} {what}",
        code="unknown_unit",
        expected="a line such as 'Đơn vị tính: triệu đồng'",
        remedy="give it with currency='triệu đồng'",
    )


def _stated_year(head: Iterable[str], name: str) -> int:
    years: dict[int, None] = {}
    for text in map(plain_letters, head):
        if re.search(r"thong tu|quyet dinh|ban hanh|btc|bo tai chinh", text):
            continue  # the year of the circular
        for found in re.findall(r"(?:31\s*/\s*12\s*/\s*|nam\s*:?\s*)((?:19|20)\d{2})\b", text):
            years[int(found)] = None
    if not years:
        raise DataError(
            f"{name} does not state its year",
            code="unknown_year",
            expected="'Năm 2023' or 'Tại ngày 31 tháng 12 năm 2023'",
            remedy="give it with year=2023",
        )
    if len(years) > 1 and max(years) - min(years) > 1:
        raise DataError(
            f"{name} names several years: {', '.join(map(str, sorted(years)))}",
            code="unknown_year",
            remedy="give it with year=2023",
        )
    return max(years)


def _stated_enterprise(head: Iterable[str]) -> str | None:
    lines = list(head)
    for text in lines:
        code = re.search(r"(?:ma so thue|mst)\s*:?\s*(\d{10}(?:-\d{3})?)", plain_letters(text))
        if code:
            return code.group(1)
    for text in lines:
        unit = re.match(r"\s*(?:Đơn vị(?: báo cáo)?|Tên doanh nghiệp)\s*:\s*(.+)", text, re.I)
        if unit and unit.group(1).strip(" ."):
            return unit.group(1).strip()
    return None


def _lines(
    sheet: Sheet, form: Form, regime: Regime, name: str, decimal: str | None
) -> dict[str, tuple[float | None, float | None]]:
    start, code_column, columns = _columns(sheet, name)
    lines: dict[str, tuple[float | None, float | None]] = {}
    for number, row in enumerate(sheet.rows[start:], start=start + 1):
        code = _line_code(row[code_column] if code_column < len(row) else None)
        if code is None:
            continue
        label = " ".join(str(c) for c in row[:code_column] if isinstance(c, str))
        _check_label(label, code, form, regime, f"{name}, sheet {sheet.title!r}, row {number}")
        amounts = []
        for column in columns:
            cell = row[column] if column is not None and column < len(row) else None
            try:
                amounts.append(parse_amount(cell, decimal))
            except DataError as error:
                raise DataError(
                    f"{name}, sheet {sheet.title!r}, row {number}: {error.message}",
                    code=error.code,
                    column=code,
                    expected=error.expected,
                    remedy=error.remedy,
                ) from None
        if code in lines:
            raise DataError(
                f"{name}, sheet {sheet.title!r}, row {number}: line {code} stands twice",
                code="line_twice",
                column=code,
                remedy="keep one of them",
            )
        lines[code] = (amounts[0], amounts[1])
    return lines


def _columns(sheet: Sheet, name: str) -> tuple[int, int, tuple[int, int | None]]:
    """Return the row below the heads, the column of codes, and those of the amounts."""
    for i, row in enumerate(sheet.rows[: HEAD_ROWS * 2]):
        heads = [plain_letters(str(c)) if c is not None else "" for c in row]
        if "ma so" not in heads:
            continue
        code = heads.index("ma so")
        below = sheet.rows[i + 1] if i + 1 < len(sheet.rows) else ()
        both = [
            f"{h} {plain_letters(str(below[j])) if j < len(below) and below[j] is not None else ''}"
            for j, h in enumerate(heads)
        ]
        current = _named(both, _CURRENT)
        previous = _named(both, _PREVIOUS)
        if current is None:  # heads without words, e.g. dates: the current year stands first
            notes = [j for j, h in enumerate(heads) if h.startswith("thuyet minh")]
            free = [j for j in range(code + 1, len(heads)) if heads[j] and j not in notes]
            current = free[0] if free else None
            previous = free[1] if len(free) > 1 else None
        if current is not None:
            return i + 1, code, (current, previous)
    raise DataError(
        f"{name}, sheet {sheet.title!r}: the columns are not recognized",
        code="no_columns",
        expected="a row with 'Mã số' and 'Số cuối năm' or 'Năm nay'",
    )


def _named(heads: Sequence[str], names: Sequence[str]) -> int | None:
    for j, head in enumerate(heads):
        if any(head.strip().startswith(name) for name in names):
            return j
    return None


def _line_code(cell: object) -> str | None:
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, (int, float)):
        return f"{int(cell):02d}" if float(cell).is_integer() and 0 < cell < 1000 else None
    text = str(cell).strip()
    text = f"0{text}" if re.fullmatch(r"\d", text) else text
    return text if _CODE.fullmatch(text) else None


def _check_label(label: str, code: str, form: Form, regime: Regime, place: str) -> None:
    """Refuse a line whose text belongs to another code: the file is of another regime."""
    text = plain_letters(label)
    while (shorter := _NUMBERING.sub("", text)) != text:
        text = shorter
    for start, codes in form.labels.items():
        if text.startswith(start) and code not in codes:
            fits = [
                other.code
                for other in REGIMES.values()
                if code in other.forms[form.name].labels.get(start, ())
            ]
            remedy = f"read it with regime={fits[0]!r}" if fits else "check which form this is"
            raise DataError(
                f"{place}: {label.strip()[:60]!r} is line {code} here, but line {codes[0]} under "
                f"{regime.code}",
                code="wrong_regime",
                column=code,
                remedy=remedy,
            )


def _read_supplement(sheet: Sheet, document: Document, name: str, decimal: str | None) -> None:
    for number, row in enumerate(sheet.rows, start=1):
        if len(row) < 2 or not isinstance(row[0], str) or row[1] is None:
            continue
        item, kind = _item_of(row[0])
        if item is None:
            continue
        if kind == "text":
            document.texts[item] = str(row[1]).strip()
            continue
        try:
            amount = parse_amount(row[1], decimal)
        except DataError as error:
            raise DataError(
                f"{name}, sheet {sheet.title!r}, row {number}: {error.message}",
                code=error.code,
                column=item,
                remedy=error.remedy,
            ) from None
        if amount is not None:
            document.items[item] = amount * (document.unit if kind == "money" else 1.0)


def _item_of(label: str) -> tuple[str | None, str]:
    text = plain_letters(label).replace("_", " ")
    kinds: tuple[tuple[str, Mapping[str, tuple[str, ...]]], ...] = (
        ("money", MONEY),
        ("count", COUNTS),
        ("text", TEXTS),
    )
    for kind, names in kinds:
        for item, starts in names.items():
            if text == item.replace("_", " ") or any(text.startswith(s) for s in starts):
                return item, kind
    return None, ""
