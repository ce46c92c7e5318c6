"""The one catalogue of texts: every entry stands in both languages, side by side.

The entries live in ``messages/*.toml``, a file per subject::

    [growth.headline]
    en = "TFP index {year}: {value}"
    vi = "Chỉ số TFP năm {year}: {value}"

An entry is a table with the keys ``en`` and ``vi`` and nothing else; names in braces are filled in.
``phrases.toml`` holds what other layers say in English (reasons, flags) with its translation.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from tfp_index.errors import SpecificationError, nearest
from tfp_index.language import numbers

__all__ = ["CODES", "Language", "Localized", "entries", "language", "phrases"]

CODES = ("vi", "en")
"""Languages that every text exists in."""

_TAKES = {"number": r"[-+]?(?:[0-9][-+0-9.e]*|inf|nan)", "word": r"[^\s;]+", "text": ".+?"}

Localized = str | Mapping[str, str]
"""A text, or a text for each language: ``{"en": "Viet Nam", "vi": "Việt Nam"}``."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its texts and its way to write numbers.

    Examples
    --------
    >>> language("vi").number(-1234.5, 1), language("en").number(-1234.5, 1)
    ('−1.234,5', '−1,234.5')
    >>> language("vi").percent(0.3458), language("vi").pick({"en": "Korea", "vi": "Hàn Quốc"})
    ('34,6%', 'Hàn Quốc')
    """

    code: str

    def text(self, key: str, **values: Any) -> str:
        """Return a text of the catalogue with its braces filled.

        Raises
        ------
        KeyError
            If the catalogue has no such entry: a mistake of ours, not of the caller.
        """
        return entries()[key][self.code].format(**values)

    def has(self, key: str) -> bool:
        """Say whether the catalogue has an entry."""
        return key in entries()

    def column(self, name: str, *, head: bool = False) -> str:
        """Return what a column with a standard name holds, in words; other names stay.

        Parameters
        ----------
        name : str
        head : bool
            Whether it stands at the head of a table and begins with a capital.

        Examples
        --------
        >>> vi = language("vi")
        >>> vi.column("district"), vi.column("industry", head=True), vi.column("mã số")
        ('địa bàn cấp huyện', 'Ngành', 'mã số')
        """
        for key in (f"column.{name}", f"component.{name}"):
            if self.has(key):
                said = self.text(key)
                return said[:1].upper() + said[1:] if head else said
        return name

    def phrase(self, english: str) -> str:
        """Translate what another layer said in English; unknown phrases stay as they are.

        Phrases that a semicolon joins are translated one by one.

        Examples
        --------
        >>> language("vi").phrase("gap before the row")
        'thiếu kỳ liền trước'
        >>> language("vi").phrase("incomplete: 3 of 5 annual rates; a remark of the user's")
        "chưa đủ: có 3 trong 5 tốc độ năm; a remark of the user's"
        """
        if self.code == "en" or not english:
            return english
        said = self._phrase(english)
        if said is None:
            said = "; ".join(self._phrase(part) or part for part in english.split("; "))
        return said

    def _phrase(self, english: str) -> str | None:
        for pattern, texts in phrases():
            found = pattern.fullmatch(english)
            if found:
                return texts[self.code].format(**found.groupdict())
        return None

    def pick(self, text: Localized) -> str:
        """Return the caller's text in this language, whatever language it was given in."""
        if isinstance(text, str):
            return text
        return str(text.get(self.code) or next(iter(text.values()), ""))

    def number(self, value: Any, digits: int = 1, *, sign: bool = False) -> str:
        """Write a number with its decimal sign and thousands in groups; missing as a dash."""
        return numbers.number(value, digits, self.code, sign=sign)

    def integer(self, value: Any) -> str:
        """Write a whole number with its thousands in groups."""
        return numbers.number(value, 0, self.code)

    def percent(self, fraction: Any, digits: int = 1) -> str:
        """Write a fraction as percent."""
        return numbers.percent(fraction, digits, self.code)

    def money(self, value: Any, digits: int = 1) -> str:
        """Write an amount of VND in dong, million or billion, as its size asks.

        Examples
        --------
        >>> language("vi").money(495e6), language("en").money(-1.25e12), language("vi").money(900)
        ('495,0 triệu đồng', 'VND −1,250.0 billion', '900 đồng')
        """
        if value is None or value != value:
            return numbers.MISSING
        unit = next((u for u in (10**9, 10**6) if abs(value) >= u), 1)
        amount = numbers.number(value / unit, digits if unit > 1 else 0, self.code)
        said = self.text(f"criteria.money.{unit}", number=amount)
        return numbers.Numeral(said, value, 0, "money")

    def points(self, fraction: Any, digits: int = 2, *, sign: bool = False) -> str:
        """Write a fraction as percentage points, without a unit."""
        return numbers.number(numbers.hundredfold(fraction), digits, self.code, sign=sign)

    def date(self, day: dt.date) -> str:
        """Write a date.

        Examples
        --------
        >>> language("vi").date(dt.date(2025, 1, 2)), language("en").date(dt.date(2025, 1, 2))
        ('ngày 2 tháng 1 năm 2025', '2 January 2025')
        """
        month = self.text(f"month.{day.month}")
        return self.text("date", day=day.day, month=month, year=day.year)

    def join(self, parts: list[str]) -> str:
        """Join names with commas and a last "and".

        Examples
        --------
        >>> language("en").join(["capital", "labor", "energy"])
        'capital, labor and energy'
        """
        if len(parts) < 2:
            return "".join(parts)
        return f"{', '.join(parts[:-1])} {self.text('and')} {parts[-1]}"


def language(code: str | Language) -> Language:
    """Return a language by its code.

    Parameters
    ----------
    code : {"vi", "en"} or Language

    Raises
    ------
    SpecificationError
        If there are no texts in that language.
    """
    if isinstance(code, Language):
        return code
    if code not in CODES:
        raise SpecificationError(
            f"there are no texts in language {code!r}",
            code="unknown_language",
            expected="'vi' or 'en'",
            remedy=nearest(str(code), CODES),
        )
    return Language(code)


@cache
def entries() -> Mapping[str, Mapping[str, str]]:
    """Return every entry of the catalogue by its dotted key."""
    found: dict[str, Mapping[str, str]] = {}
    for name, document in _documents():
        if name == "phrases":
            continue
        for key, entry in _leaves(document, ""):
            if key in found:
                raise ValueError(f"the text {key!r} stands twice in the catalogue")
            found[key] = entry
    return found


@cache
def phrases() -> tuple[tuple[re.Pattern[str], Mapping[str, str]], ...]:
    """Return the phrases that other layers say in English, as patterns with translations."""
    document = dict(_documents())["phrases"]
    return tuple((_pattern(entry["en"]), entry) for entry in document["phrase"])


def _pattern(english: str) -> re.Pattern[str]:
    """Return a pattern; a brace takes a number, one word or any text, as its name ends."""

    def take(brace: re.Match[str]) -> str:
        kind = brace[1].rpartition("_")[2]
        return f"(?P<{brace[1]}>{_TAKES.get(kind, _TAKES['word'])})"

    return re.compile(re.sub(r"\\{(\w+)\\}", take, re.escape(english)))


def _documents() -> list[tuple[str, dict[str, Any]]]:
    folder = files("tfp_index.language") / "messages"
    paths = sorted((p for p in folder.iterdir() if p.name.endswith(".toml")), key=lambda p: p.name)
    return [(p.name.removesuffix(".toml"), tomllib.loads(p.read_text("utf-8"))) for p in paths]


def _leaves(node: Mapping[str, Any], prefix: str) -> list[tuple[str, Mapping[str, str]]]:
    if set(node) == set(CODES):
        return [(prefix, node)]
    out = []
    for name, child in node.items():
        if not isinstance(child, Mapping):
            raise ValueError(f"the text {prefix!r} needs exactly the languages {CODES}")
        out += _leaves(child, f"{prefix}.{name}" if prefix else name)
    return out
