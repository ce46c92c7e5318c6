"""Amounts and texts as Vietnamese statements write them."""

from __future__ import annotations

import re
import unicodedata

from tfp_index.errors import DataError

__all__ = ["CURRENCY_UNITS", "currency_unit", "parse_amount", "plain_letters"]

CURRENCY_UNITS = {"đồng": 1.0, "nghìn đồng": 1e3, "triệu đồng": 1e6, "tỷ đồng": 1e9}
"""Currency units and what they are in VND."""

_UNIT_WORDS = {
    "ty dong": 1e9, "ti dong": 1e9, "ty vnd": 1e9, "trieu dong": 1e6, "trieu vnd": 1e6,
    "tr.d": 1e6, "trd": 1e6, "nghin dong": 1e3, "ngan dong": 1e3, "nghin vnd": 1e3,
    "1000 dong": 1e3, "1.000 dong": 1e3, "1000d": 1e3, "1.000d": 1e3,
    "dong": 1.0, "vnd": 1.0, "d": 1.0,
}  # fmt: skip

_VIETNAMESE = re.compile(r"\d{1,3}(\.\d{3})+(,\d+)?|\d+(,\d+)?")
_ENGLISH = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?|\d+(\.\d+)?")
_EITHER = re.compile(r"\d{1,3},\d{3}")
_EMPTY = {"", "-", "–", "—", "−"}


def plain_letters(text: str) -> str:
    """Return text in lower case without diacritics, with single spaces.

    Examples
    --------
    >>> plain_letters("  TỔNG CỘNG  Tài sản (Đơn vị)")
    'tong cong tai san (don vi)'
    """
    lower = text.lower().replace("đ", "d")
    letters = (c for c in unicodedata.normalize("NFD", lower) if not unicodedata.combining(c))
    return " ".join("".join(letters).split())


def parse_amount(text: object, decimal: str | None = None) -> float | None:
    """Read an amount.

    Parameters
    ----------
    text : str, int, float or None
    decimal : {",", "."}, optional
        Decimal sign. By default the Vietnamese way, 1.234.567,8; a text such as ``"12,345"``,
        which may be twelve thousand in the English way, is then refused.

    Returns
    -------
    float or None
        None for an empty cell or a dash; parentheses mean a negative amount.

    Raises
    ------
    DataError
        If the text is no number, or may be two.

    Examples
    --------
    >>> [parse_amount(t) for t in ("1.234.567", "(200.000)", "-", "12,5")]
    [1234567.0, -200000.0, None, 12.5]
    >>> parse_amount("1,234,567.5", decimal=".")
    1234567.5
    """
    if text is None or isinstance(text, bool):
        return None
    if isinstance(text, (int, float)):
        return float(text)
    raw = str(text)
    clean = re.sub(r"[\s\u00a0\u202f']|₫|VNĐ|VND", "", raw)
    if clean in _EMPTY:
        return None
    negative = clean.startswith("(") and clean.endswith(")")
    clean = clean[1:-1] if negative else clean
    if clean[:1] in ("-", "−", "–"):
        negative, clean = not negative, clean[1:]
    pattern = _ENGLISH if decimal == "." else _VIETNAMESE
    if not pattern.fullmatch(clean):
        other = " with decimal='.'" if _ENGLISH.fullmatch(clean) else ""
        raise DataError(
            f"{raw[:40]!r} is not an amount",
            code="not_an_amount",
            expected="1,234,567.8" if decimal == "." else "1.234.567,8, (200.000), or - for none",
            remedy=f"read it{other}" if other else "correct the cell",
        )
    if decimal is None and _EITHER.fullmatch(clean):
        raise DataError(
            f"{raw[:40]!r} may be {clean.replace(',', '.')} or {clean.replace(',', '')}",
            code="ambiguous_amount",
            remedy="say which with decimal=',' or decimal='.'",
        )
    thousands, sign = (",", ".") if decimal == "." else (".", ",")
    value = float(clean.replace(thousands, "").replace(sign, "."))
    return -value if negative else value


def currency_unit(text: str) -> float | None:
    """Return what a line such as "Đơn vị tính: triệu đồng" means in VND, or None.

    Examples
    --------
    >>> currency_unit("Đơn vị tính: triệu đồng"), currency_unit("ĐVT: VND")
    (1000000.0, 1.0)
    >>> currency_unit("Đơn vị: Đồng Tâm") is None  # a name, not a unit
    True
    """
    found = re.search(r"(?:don vi tinh|don vi tien te|dvt)\s*[:.]?\s*(.*)", plain_letters(text))
    if not found:
        return None
    unit = re.split(r"[(;,]", found.group(1))[0].strip(" .:)")
    return _UNIT_WORDS.get(unit.removesuffix("viet nam").strip())
