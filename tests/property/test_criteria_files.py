"""Hostile criteria files and statements: only our own errors, whatever is in them."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.profiles import examples
from tfp_index.criteria.amounts import parse_amount
from tfp_index.criteria.criteria_set import CriteriaSet
from tfp_index.criteria.regimes import REGIMES
from tfp_index.criteria.statement_sheets import read_document
from tfp_index.errors import DataError, TFPError
from tfp_index.panel.workbook import Sheet

TEXT = (files("tfp_index.criteria") / "sets" / "province.toml").read_text("utf-8")
LINES = TEXT.splitlines()
START = next(i for i, line in enumerate(LINES) if line.startswith("[set]"))

REPLACEMENTS = (
    "", "[set]", "[[indicator]]", "[[pillar]]", "code = 3", "parent = []", "weight = -1",
    "weight = 1e400", "direction = 'up'", "measure = 'ratio'", "inputs = 5", "inputs = {}",
    "goalposts = [1]", "goalposts = ['a', 'b']", "parameters = { scale = true }", "x = nan",
    "parent = 'tfp_growth'", "code = 'index'", "name_vi = 2020-01-01", "scale = [5, 1]",
    "aggregate = { a = 'geometric' }", "weights = 'ahp'", "normalize = 7", "screen = 'much'",
)  # fmt: skip


@settings(max_examples=examples(150))
@given(
    st.lists(
        st.tuples(st.integers(START, len(LINES) - 1), st.sampled_from(REPLACEMENTS)),
        min_size=1,
        max_size=4,
    )
)
def test_a_damaged_file_loads_or_names_its_faults(damage: list[tuple[int, str]]) -> None:
    lines = LINES.copy()
    for place, text in damage:
        lines[place] = text
    try:
        cs = CriteriaSet.from_text("\n".join(lines), "damaged")
    except TFPError:
        return
    assert cs.index().tree.index.code == "index"


cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**15), 10**15),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(
        ["Mã số", "Năm nay", "Số cuối năm", "B02-DN", "Mẫu số B01-DN", "Năm 2024", "=1+1", "01",
         "270", "(1.000)", "1,234", "Đơn vị tính: đồng", "TỔNG CỘNG TÀI SẢN", "Bổ sung", "-"]
    ),
)  # fmt: skip
sheets = st.lists(
    st.builds(
        lambda title, rows: Sheet(title, tuple(map(tuple, rows))),
        st.sampled_from(["B01-DN", "B02-DN", "KQKD", "Bổ sung", "x"]),
        st.lists(st.lists(cells, max_size=5), max_size=8),
    ),
    max_size=3,
)
HEAD: list[list[Any]] = [
    ["Mẫu số B02-DN", None, None, None],
    ["Năm 2024", "Đơn vị tính: đồng", None, None],
    ["Chỉ tiêu", "Mã số", "Năm nay", "Năm trước"],
]


@given(sheets, st.sampled_from(sorted(REGIMES)))
def test_any_sheets_give_a_document_or_our_error(found: list[Sheet], code: str) -> None:
    options: dict[str, Any] = {"enterprise": None, "year": None, "unit": None, "decimal": None}
    try:
        document = read_document(found, REGIMES[code], name="file", **options)
    except TFPError:
        return
    assert document.unit > 0


@given(st.lists(st.lists(cells, max_size=4), max_size=6))
def test_any_rows_under_a_good_head(rows: list[list[Any]]) -> None:
    sheet = Sheet("B02-DN", tuple(map(tuple, [*HEAD, *rows])))
    options: dict[str, Any] = {"enterprise": "X", "year": 2024, "unit": 1.0, "decimal": None}
    try:
        document = read_document([sheet], REGIMES["TT200"], name="file", **options)
    except TFPError:
        return
    for current, previous in document.lines.values():
        assert current is None or isinstance(current, float)
        assert previous is None or isinstance(previous, float)


@given(st.integers(0, 10**15), st.booleans())
def test_amounts_written_the_vietnamese_way_come_back(value: int, negative: bool) -> None:
    text = f"{value:,}".replace(",", ".")
    assert parse_amount(f"({text})" if negative else text) == (-value if negative else value)
    assert parse_amount(text.replace(".", ","), decimal=".") == value


@given(st.text(max_size=20))
def test_no_text_is_half_read(text: str) -> None:
    try:
        value = parse_amount(text)
    except DataError:
        return
    assert value is None or any(c.isdigit() for c in text)


def test_the_start_of_the_damage_is_the_first_table() -> None:
    assert LINES[START] == "[set]"
    with pytest.raises(TFPError):
        CriteriaSet.from_text("\n".join(LINES[START + 1 :]))
