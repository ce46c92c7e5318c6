"""Levers in words: names, assumptions, two sentences for each; from the catalogue."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfp_index.language import Language, language

if TYPE_CHECKING:
    from tfp_index.criteria.levers import Levers

__all__ = ["Said", "assumption", "explanation", "name_of", "remarks"]


@dataclass(frozen=True, slots=True)
class Said:
    """The numbers of a text."""

    more: Mapping[str, Any]
    period: Any
    spec: Levers
    points: float = math.nan
    low: float = math.nan
    high: float = math.nan
    changed: int = 0
    enterprises: int = 0


def name_of(family: str, more: Mapping[str, Any], lang: str, *, short: bool = False) -> str:
    """Return the name of a lever, or a short one for figures."""
    say_in = language(lang)
    kind = "short" if short else "name"
    return say_in.text(f"levers.{family}.{kind}", **_values(more, say_in))


def assumption(family: str, spec: Levers, lang: str) -> str:
    """Say what is held fixed."""
    say_in = language(lang)
    return say_in.text(f"levers.{family}.assumption", like=_like(spec, say_in))


def _like(spec: Levers, say_in: Language) -> str:
    """Say between whom a practice is compared."""
    return say_in.text("levers.like.plain" if spec.size is None else "levers.like.size")


def remarks(spec: Levers, lang: str) -> tuple[str, ...]:
    """Say what a reader of all levers must know."""
    say_in = language(lang)
    how = "analytic" if spec.se == "analytic" else "bootstrap"
    said = (
        say_in.text("levers.remark.points", weight=say_in.column(spec.weight)),
        say_in.text("levers.remark.additive"),
        say_in.text(f"levers.remark.{how}", level=say_in.percent(spec.level, 0)),
    )
    return said if spec.industry else (*said, say_in.text("levers.remark.no_industry"))


def explanation(family: str, said: Said, lang: str, reason: str = "") -> str:
    """Say in two sentences what a lever gives and what that does not say."""
    say_in = language(lang)
    values = _values(said.more, say_in)
    if reason:
        name = say_in.text(f"levers.{family}.name", **values)
        return say_in.text("levers.none", name=name, reason=say_in.phrase(reason))
    points = {
        "points": say_in.number(said.points, 2, sign=True),
        "low": say_in.number(said.low, 2),
        "high": say_in.number(said.high, 2),
        "level": say_in.percent(said.spec.level, 0),
    }
    effect = say_in.text("levers.effect", **points)
    values |= {
        "effect": effect,
        "like": _like(said.spec, say_in),
        "period": said.period,
        "changed": say_in.integer(said.changed),
        "enterprises": say_in.integer(said.enterprises),
    }
    sentences = [say_in.text(f"levers.{family}.{part}", **values) for part in ("first", "second")]
    if not said.spec.industry:
        sentences.append(say_in.text("levers.remark.no_industry"))
    return " ".join(sentences)


def _values(more: Mapping[str, Any], say_in: Language) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in more.items():
        if key == "target":
            values[key] = _percentile(value, say_in)
        elif key in ("share", "trim"):
            values[key] = say_in.percent(value, 0 if round(100 * value, 6) % 1 == 0 else 1)
        elif key == "coefficient":
            values[key] = say_in.percent(math.expm1(value), 1)
        elif key == "elasticity":
            values[key] = say_in.number(value, 1)
        elif isinstance(value, int):
            values[key] = say_in.integer(value)
        else:
            values[key] = value
    return values


def _percentile(p: float, say_in: Language) -> str:
    known = {0.25: "quartile", 0.5: "median", 0.75: "upper"}
    if p in known:
        return say_in.text(f"levers.target.{known[p]}")
    percent = round(100 * p, 6)
    number = say_in.number(percent, 0 if percent % 1 == 0 else 1)
    return say_in.text("levers.target.percentile", number=number)
