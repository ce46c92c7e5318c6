from __future__ import annotations

import pytest

from tfp_index.criteria.amounts import currency_unit, parse_amount, plain_letters
from tfp_index.errors import DataError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234.567", 1234567.0),
        ("(200.000)", -200000.0),
        ("-", None),
        ("12,5", 12.5),
        ("–", None),
        ("", None),
        ("   ", None),
        (None, None),
        (True, None),
        (42, 42.0),
        (-3.5, -3.5),
        ("1234567", 1234567.0),
        ("1.234.567,89", 1234567.89),
        ("-1.000", -1000.0),
        ("−1.000", -1000.0),
        ("(1.000,5)", -1000.5),
        ("1 234 567", 1234567.0),
        ("1\u00a0234\u00a0567", 1234567.0),
        ("1.000 VNĐ", 1000.0),
        ("5.000.000₫", 5000000.0),
    ],
)
def test_the_vietnamese_way(text: object, value: float | None) -> None:
    assert parse_amount(text) == value


def test_the_english_way_must_be_named() -> None:
    assert parse_amount("1,234,567.5", decimal=".") == 1234567.5
    assert parse_amount("(1,000)", decimal=".") == -1000.0
    with pytest.raises(DataError, match="not an amount") as caught:
        parse_amount("1,234,567.5")
    assert "decimal='.'" in str(caught.value)


def test_a_text_that_may_be_two_numbers_is_refused() -> None:
    with pytest.raises(DataError, match=r"may be 12\.345 or 12345") as caught:
        parse_amount("12,345")
    assert caught.value.code == "ambiguous_amount"
    assert parse_amount("12,345", decimal=",") == 12.345
    assert parse_amount("12,345", decimal=".") == 12345.0


@pytest.mark.parametrize("text", ["=1+1", "1.2", "12.34.567", "#REF!", "một tỷ", "1e5", "1..000"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="not an amount"):
        parse_amount(text)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Đơn vị tính: đồng", 1.0),
        ("Đơn vị tính: Nghìn đồng", 1e3),
        ("ĐVT: triệu đồng", 1e6),
        ("(Đơn vị tính : tỷ đồng)", 1e9),
        ("Đơn vị tiền tệ: VND", 1.0),
        ("Đơn vị tính: đồng Việt Nam", 1.0),
        ("ĐVT: 1.000 đồng", 1e3),
        ("Đơn vị: Đồng Tâm", None),
        ("Đơn vị báo cáo: Công ty A", None),
        ("Đơn vị tính: USD", None),
        ("Năm 2024", None),
    ],
)
def test_currency_units(text: str, unit: float | None) -> None:
    assert currency_unit(text) == unit


def test_plain_letters_take_any_unicode_form() -> None:
    assert plain_letters("Hạ Long") == plain_letters("Hạ Long") == "ha long"
    assert plain_letters("ĐẶC KHU  Vân Đồn") == "dac khu van don"
