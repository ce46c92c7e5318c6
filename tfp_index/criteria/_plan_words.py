"""What is said of a plan's targets, in both languages: every text comes from the catalogue."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from tfp_index.criteria._plan_file import Target
from tfp_index.criteria._plan_judge import Said
from tfp_index.language import Language

__all__ = ["asked", "bare", "figure", "gap", "measured", "number", "say", "years"]

_SIGNS = {"≥": "at_least", ">": "more_than", "≤": "at_most", "<": "less_than"}


def number(value: Any, lang: Language) -> str:
    """Write a number with the decimals it has, two at most.

    Examples
    --------
    >>> from tfp_index.language import language
    >>> number(1000.0, language("vi")), number(12.5, language("vi")), number(1 / 3, language("en"))
    ('1.000', '12,5', '0.33')
    """
    if value is None or math.isnan(value):
        return lang.number(None)
    digits = next((d for d in (0, 1) if abs(round(value, d) - value) < 1e-9), 2)
    return lang.number(value, digits)


def measured(value: Any, unit: str, lang: Language) -> str:
    """Write a number with its unit; a percent sign follows at once.

    Examples
    --------
    >>> from tfp_index.language import language
    >>> measured(12.5, "%/năm", language("vi")), measured(20.0, "người", language("vi"))
    ('12,5%/năm', '20 người')
    """
    written = number(value, lang)
    return f"{written}{'' if unit.startswith('%') else ' '}{unit}" if unit else written


def bare(value: Any, unit: str, lang: Language) -> str:
    """Write a number; of its unit only a percent sign, for the target has named the rest.

    Examples
    --------
    >>> from tfp_index.language import language
    >>> bare(12.5, "% a year", language("en")), bare(1.0, "persons", language("en"))
    ('12.5% a year', '1')
    """
    return measured(value, unit if unit.startswith("%") else "", lang)


def figure(value: float, target: Target, lang: Language) -> str:
    """Write a figure of a target for a table: milestones in percent, missing ones as a dash."""
    if math.isnan(value):
        return lang.number(None)
    if target.operator == "milestone":
        return lang.percent(value, 0)
    return measured(value, "%" if lang.pick(target.unit).startswith("%") else "", lang)


def gap(value: float, target: Target, lang: Language) -> str:
    """Write how far a figure is from what is expected, with its sign; percentages in points."""
    if math.isnan(value) or target.operator == "milestone":
        return lang.number(None)
    return f"{'+' if value > 0 else ''}{number(value, lang)}"


def years(found: Sequence[int], lang: Language) -> str:
    """Write years, runs of three and more as a span.

    Examples
    --------
    >>> from tfp_index.language import language
    >>> years((2021, 2023, 2024, 2025), language("en"))
    '2021 and 2023–2025'
    """
    runs: list[list[int]] = [[year] for year in found[:1]]
    for before, year in pairwise(found):
        if year == before + 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    said: list[str] = []
    for run in runs:
        said += [f"{run[0]}–{run[-1]}"] if len(run) > 2 else [str(year) for year in run]
    return lang.join(said)


def asked(target: Target, lang: Language) -> str:
    """Say what the target asks for."""
    unit = lang.pick(target.unit)
    if target.operator == "range":
        return lang.text(
            "plan.asked.range",
            low=number(target.bound, lang),
            high=measured(target.high, unit, lang),
        )
    if target.operator == "direction":
        return lang.text(f"plan.asked.{'up' if target.upward else 'down'}")
    if target.operator in _SIGNS:
        value = measured(target.bound, unit, lang)
        return lang.text(f"plan.asked.{_SIGNS[target.operator]}", value=value)
    return lang.text(f"plan.asked.{target.operator}")


def say(sentences: Iterable[Said], target: Target, lang: Language) -> str:
    """Write sentences about a target one after the other."""
    return " ".join(_sentence(key, values, target, lang) for key, values in sentences)


def _sentence(key: str, values: Any, target: Target, lang: Language) -> str:
    # counts that growth is computed from are in the unit of the data, all else in the target's
    unit = target.data_unit if key.startswith("needed.count") else target.unit
    written = {name: _written(name, value, lang.pick(unit), lang) for name, value in values.items()}
    return lang.text(
        f"plan.{key}",
        **{
            "asked": asked(target, lang),
            "start": target.start,
            "end": target.end,
            "base_year": target.base_year,
            "data_unit": lang.pick(target.data_unit),
            **written,
        },
    )


def _written(name: str, value: Any, unit: str, lang: Language) -> str:
    if name == "year":
        return str(value)
    if name == "years":
        return years(value, lang)
    if name == "rate":
        return number(value, lang)
    return bare(value, unit, lang)
