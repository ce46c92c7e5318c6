"""Numbers as they are written in Vietnamese (1.234,5) and in English (1,234.5)."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["MINUS", "MISSING", "Numeral", "hundredfold", "number", "percent"]

MINUS = "−"
"""The minus sign of typography, as wide as a figure."""

MISSING = "–"
"""What stands for a number that is not there."""

_SIGNS = {"en": (",", "."), "vi": (".", ",")}


class Numeral(str):
    """A number as it is written, which remembers what was written.

    It is text to whoever prints it; a spreadsheet takes the value, in full, and writes it alike.

    Attributes
    ----------
    value : float
        Not rounded.
    digits : int
    kind : {"number", "percent", "money"}
        A percentage is remembered as a fraction, money in dong.
    sign : bool
        Whether a number above zero has its sign.

    Examples
    --------
    >>> said = number(1234.5678, 1, "vi")
    >>> said, said.value, said.digits
    ('1.234,6', 1234.5678, 1)
    """

    __slots__ = ("digits", "kind", "sign", "value")

    digits: int
    kind: str
    sign: bool
    value: float

    def __new__(
        cls, text: str, value: float, digits: int, kind: str = "number", *, sign: bool = False
    ) -> Numeral:
        """Return the text with what it stands for."""
        made = super().__new__(cls, text)
        made.value, made.digits, made.kind, made.sign = float(value), digits, kind, sign
        return made


def number(value: Any, digits: int, code: str, *, sign: bool = False) -> str:
    """Write a number with `digits` decimals.

    A number that rounds to zero has no sign; a missing one is a dash.

    Examples
    --------
    >>> number(1234567.891, 2, "vi"), number(1234567.891, 2, "en"), number(-0.04, 1, "vi")
    ('1.234.567,89', '1,234,567.89', '0,0')
    >>> number(2.5, 1, "en", sign=True), number(float("nan"), 1, "en")
    ('+2.5', '–')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    thousands, decimal = _SIGNS[code]
    plain = f"{abs(float(value)):,.{digits}f}"
    text = plain.replace(",", "\0").replace(".", decimal).replace("\0", thousands)
    if any(c in "123456789" for c in plain):
        text = (MINUS if value < 0 else "+" if sign else "") + text
    return Numeral(text, value, digits, sign=sign)


def hundredfold(fraction: Any) -> float:
    """Turn a fraction into percent; a missing one stays missing."""
    return math.nan if fraction is None else 100.0 * float(fraction)


def percent(fraction: Any, digits: int, code: str) -> str:
    """Write a fraction as percent.

    Examples
    --------
    >>> percent(0.3458, 1, "vi"), percent(-0.02, 0, "en"), percent(None, 1, "en")
    ('34,6%', '−2%', '–')
    """
    text = number(hundredfold(fraction), digits, code)
    return text if text == MISSING else Numeral(f"{text}%", fraction, digits, "percent")
