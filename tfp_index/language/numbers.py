"""Numbers as they are written in Vietnamese (1.234,5) and in English (1,234.5)."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["MINUS", "MISSING", "hundredfold", "number", "percent"]

MINUS = "−"
"""The minus sign of typography, as wide as a figure."""

MISSING = "–"
"""What stands for a number that is not there."""

_SIGNS = {"en": (",", "."), "vi": (".", ",")}


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
    if not any(c in "123456789" for c in plain):
        return text
    return (MINUS if value < 0 else "+" if sign else "") + text


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
    return text if text == MISSING else f"{text}%"
