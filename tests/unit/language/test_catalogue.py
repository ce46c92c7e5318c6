"""One catalogue, two languages: nothing missing, nothing left in the other language."""

from __future__ import annotations

import datetime as dt
import re
import string
import unicodedata
from pathlib import Path

import numpy as np
import pytest

import tfp_index as tfp
from tfp_index.growth.accounting_result import REASONS
from tfp_index.language import language
from tfp_index.language.catalogue import entries, phrases
from tfp_index.panel.checks import CODES

PACKAGE = Path(tfp.__file__).parent
VI, EN = language("vi"), language("en")


def _braces(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(entries()))
def test_every_entry_has_both_languages_with_the_same_braces(key: str) -> None:
    entry = entries()[key]
    assert set(entry) == {"en", "vi"}
    assert all(text.strip() for text in entry.values())
    assert _braces(entry["en"]) == _braces(entry["vi"]), entry


@pytest.mark.parametrize("key", sorted(entries()))
def test_vietnamese_keeps_its_diacritics_and_is_composed(key: str) -> None:
    text = entries()[key]["vi"]
    assert unicodedata.is_normalized("NFC", text)
    words = re.findall(r"[^\W\d_]+", re.sub(r"\{\w+\}", "", text))
    if len(words) >= 4:
        marked = [word for word in words if not word.isascii()]
        assert len(marked) >= len(words) / 4, f"{text!r} seems to lack diacritics"


@pytest.mark.parametrize("key", sorted(entries()))
def test_english_is_not_vietnamese(key: str) -> None:
    text = entries()[key]["en"]
    # letters that only Vietnamese has (a name such as Törnqvist is fine)
    assert not re.search("[ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", text), text


def test_every_key_that_the_code_names_exists() -> None:
    literal = re.compile(r"""\.text\(\s*(f?)"([a-z_0-9.{}]+)"[,)]""")
    known = entries()
    found = 0
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        for formatted, key in literal.findall(source):
            if "." not in key:
                continue
            found += 1
            if formatted:
                start = key.partition("{")[0]
                assert any(k.startswith(start) for k in known), f"{path.name}: {key}"
            else:
                assert key in known, f"{path.name}: {key}"
    assert found > 60


def test_templates_name_only_known_keys() -> None:
    for path in PACKAGE.rglob("*.html"):
        for key in re.findall(r'\bt\("([\w.]+)"', path.read_text(encoding="utf-8")):
            assert key in entries(), key


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_finding_has_a_name_a_severity_and_a_remedy_in_vietnamese(code: str) -> None:
    severity, remedy = CODES[code]
    assert VI.has(f"finding.{code}")
    assert VI.phrase(severity) != severity
    assert VI.phrase(remedy) != remedy


def test_every_reason_without_growth_is_translated() -> None:
    for reason in REASONS.values():
        if reason:
            assert VI.phrase(reason) != reason


def test_flags_of_the_period_table_are_translated() -> None:
    rng = np.random.default_rng(4)
    years = np.arange(2000, 2021)
    frame = {
        "id": np.repeat(["still", "falling", "wild", "gap"], years.size),
        "year": np.tile(years, 4),
        "y": np.concatenate(
            [
                np.ones(years.size) * np.exp(0.001 * np.arange(years.size)),
                np.exp(-0.05 * np.arange(years.size)),
                np.exp(np.cumsum(rng.normal(0.02, 0.08, years.size))),
                np.exp(0.03 * np.arange(years.size)),
            ]
        ),
        "k": np.tile(np.exp(0.02 * np.arange(years.size)), 4),
        "l": np.tile(np.exp(0.01 * np.arange(years.size)), 4),
    }
    keep = ~((frame["id"] == "gap") & (frame["year"] == 2010))
    frame = {name: values[keep] for name, values in frame.items()}
    panel = tfp.Panel.from_frame(
        frame, entity="id", time="year", output="y", capital="k", labor="l"
    )
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel)
    flags = {flag for flag in res.periods([(2000, 2020)])["flag"].tolist() if flag}
    kinds = {part for flag in flags for part in flag.split("; ")}
    assert len(kinds) >= 4  # too small, negative, disagree, incomplete
    for kind in kinds:
        assert VI.phrase(kind) != kind, kind


def test_messages_of_findings_are_translated() -> None:
    frame = {
        "id": ["A", "A", "A", "A", "B", "B", "C", None, "a ", "a "],
        "year": [2000, 2001, 2002, 2002, 2000, 2003, 2000, 2000, 2000, 2001],
        "y": [5.0, 5000.0, 5.1, 5.2, np.inf, 1.0, -1.0, 1.0, np.nan, 4.0],
        "k": np.full(10, 2.0),
        "capital_share": [0.2, 1.0, 40.0, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3],
        "labor_share": np.full(10, 0.7),
        "l": np.ones(10),
    }
    panel = tfp.Panel.from_frame(
        frame,
        entity="id",
        time="year",
        output="y",
        capital="k",
        labor="l",
        capital_share="capital_share",
        labor_share="labor_share",
    )
    findings = panel.check()
    assert len({f.code for f in findings.items}) >= 9
    for finding in findings.items:
        assert VI.phrase(finding.message) != finding.message, finding.message


def test_a_phrase_of_somebody_else_stays_as_it_is() -> None:
    assert VI.phrase("growth is fine; the weather too") == "growth is fine; the weather too"
    assert EN.phrase("gap before the row") == "gap before the row"
    assert VI.phrase("") == ""


def test_phrases_have_both_languages_with_the_same_braces() -> None:
    for _, entry in phrases():
        assert set(entry) == {"en", "vi"}
        assert _braces(entry["en"]) == _braces(entry["vi"])
        assert unicodedata.is_normalized("NFC", entry["vi"])


def test_no_phrase_hides_another() -> None:
    for place, (_, entry) in enumerate(phrases()):
        sample = re.sub(r"\{\w+\}", "7", entry["en"])
        first = next(i for i, (pattern, _) in enumerate(phrases()) if pattern.fullmatch(sample))
        assert first == place, f"{sample!r} is taken by {phrases()[first][1]['en']!r}"


@pytest.mark.parametrize(
    ("value", "digits", "vi", "en"),
    [
        (1234567.891, 2, "1.234.567,89", "1,234,567.89"),
        (-0.5, 1, "−0,5", "−0.5"),
        (-0.04, 1, "0,0", "0.0"),
        (999.5, 0, "1.000", "1,000"),
        (0.0, 2, "0,00", "0.00"),
        (float("nan"), 1, "–", "–"),
        (None, 1, "–", "–"),
        (float("inf"), 1, "∞", "∞"),
        (-float("inf"), 1, "−∞", "−∞"),
        (np.float64(12.25), 2, "12,25", "12.25"),
    ],
)
def test_numbers(value: float, digits: int, vi: str, en: str) -> None:
    assert VI.number(value, digits) == vi
    assert EN.number(value, digits) == en


def test_percent_points_and_signs() -> None:
    assert VI.percent(0.3458) == "34,6%"
    assert EN.percent(-0.021, 1) == "−2.1%"
    assert EN.percent(None) == "–"
    assert VI.points(0.012345) == "1,23"
    assert EN.points(0.01, sign=True) == "+1.00"
    assert EN.points(None) == "–"
    assert EN.number(0.0, 1, sign=True) == "0.0"


def test_dates_and_lists() -> None:
    assert VI.date(dt.date(2025, 7, 1)) == "ngày 1 tháng 7 năm 2025"
    assert EN.date(dt.date(2025, 12, 31)) == "31 December 2025"
    assert VI.join(["vốn", "lao động"]) == "vốn và lao động"
    assert EN.join(["capital"]) == "capital"
    assert EN.join([]) == ""


def test_text_of_the_caller_by_language() -> None:
    assert VI.pick({"en": "Korea", "vi": "Hàn Quốc"}) == "Hàn Quốc"
    assert VI.pick({"en": "Korea"}) == "Korea"
    assert EN.pick("Quảng Ninh") == "Quảng Ninh"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(tfp.SpecificationError, match="no texts in language 'fr'"):
        language("fr")
