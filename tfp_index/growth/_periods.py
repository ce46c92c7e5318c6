"""The period table of growth accounting: means, three shares of growth, and their flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import SpecificationError
from tfp_index.growth._shares import Share, steps_mean
from tfp_index.kernels.groups import STATUS_OK
from tfp_index.kernels.growth import input_index_terms
from tfp_index.kernels.periods import PeriodTerms, period_terms, ratio
from tfp_index.panel.table import Table

if TYPE_CHECKING:
    from tfp_index.growth.accounting_result import GrowthAccountingResult

__all__ = ["Rules", "period_table"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rules:
    """When a period is computed, and when it is flagged."""

    available: bool
    tolerance: float
    disagreement: float


def period_table(
    result: GrowthAccountingResult,
    periods: Sequence[tuple[Any, Any]] | None,
    entities: Sequence[Any] | None,
    rules: Rules,
) -> Table:
    """Return one row per period and entity; see `GrowthAccountingResult.periods`."""
    if entities is not None:
        result = result.of_entities(entities)
    keys = result.keys
    parts = [
        {"entity": keys.entity_labels, **_one_period(result, start, end, rules)}
        for start, end in _spans(result, periods)
    ]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    how = "compound rates" if result.spec.period_mean == "compound" else "means of annual terms"
    return Table(
        joined,
        "Growth by period; TFP growth is the residual",
        (f"{how}; fractions, not percent; share of growth = sum of contributions / sum of growth",),
        keys.backend,
    )


def _spans(
    result: GrowthAccountingResult, periods: Sequence[tuple[Any, Any]] | None
) -> list[tuple[Any, Any]]:
    if periods is None:
        return [(None, None)]
    spans = []
    for period in periods:
        try:
            start, end = period
        except (TypeError, ValueError):
            start = end = None
        calendar = result.keys.calendar
        if start is None or end is None or calendar.number(start) >= calendar.number(end):
            raise SpecificationError(
                f"{period!r} is not a period",
                code="bad_period",
                expected="(start, end) with start before end",
            )
        spans.append((start, end))
    if not spans:
        raise SpecificationError("no periods given", code="bad_period", expected="(start, end)")
    return spans


def _one_period(
    result: GrowthAccountingResult, start: Any, end: Any, rules: Rules
) -> dict[str, NDArray[Any]]:
    keys, terms = result.keys, result.terms
    inside = terms.status == STATUS_OK
    if start is None:
        first, last = _own_span(result, inside)
        wanted = (last - first) // result.step
        whole = np.zeros(first.shape[0], bool)
    else:
        low, high = keys.calendar.number(start), keys.calendar.number(end)
        inside &= (keys.time > low) & (keys.time <= high)
        count = keys.entity_labels.shape[0]
        first, last = np.full(count, low), np.full(count, high)
        wanted = np.full(count, -(-(high - low) // result.step))
        whole = np.full(count, (high - low) % result.step != 0)
    means = period_terms(
        np.vstack([terms.output_growth, terms.input_growth]),
        np.vstack([terms.contributions, terms.tfp_contribution]),
        terms.tfp_growth,
        inside,
        keys.offsets,
        log=result.is_log,
    )
    columns = _columns(result, means, first, last)
    complete = (means.years >= wanted) & (means.years > 0)
    shares = _growth_shares(result, columns, means, rules)
    flag = _flags(columns, shares, means.years, wanted, whole, rules)
    if not rules.available:
        for values in (*columns.values(), *shares.values()):
            values[~complete] = np.nan
    return {
        "start": keys.calendar.write_all(first),
        "end": keys.calendar.write_all(last),
        "years": means.years,
        **columns,
        **shares,
        "flag": flag,
    }


def _own_span(
    result: GrowthAccountingResult, inside: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the span of each entity's growth; an entity without growth gets its first row."""
    time, offsets = result.keys.time, result.keys.offsets
    large = np.iinfo(np.int64).max
    first = np.minimum.reduceat(np.where(inside, time, large), offsets[:-1])
    last = np.maximum.reduceat(np.where(inside, time, -large), offsets[:-1])
    none = first == large
    at_start = time[offsets[:-1]]
    first = np.where(none, at_start, first - result.step)
    return first, np.where(none, at_start, last)


def _columns(
    result: GrowthAccountingResult,
    means: PeriodTerms,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> dict[str, Floats]:
    growth, contributions = means.growth, means.contributions
    tfp_growth = means.tfp_growth
    if result.spec.period_mean == "compound":
        growth = _compound(result, means)
        contributions, tfp_growth = _compound_terms(result, growth, first, last)
    columns = {"output_growth": growth[0]}
    for place, name in enumerate(result.inputs):
        columns[f"{name}_growth"] = growth[1 + place]
    for place, name in enumerate(result.inputs):
        columns[f"{name}_contribution"] = contributions[place]
    if result.spec.residual == "ratio":
        columns["tfp_contribution"] = contributions[-1]
    columns["tfp_growth"] = tfp_growth
    return {name: np.array(values) for name, values in columns.items()}


def _compound(result: GrowthAccountingResult, means: PeriodTerms) -> Floats:
    """Return compound rates over the same rows that the means are taken over."""
    if result.is_log:
        return np.expm1(means.growth)
    return np.expm1(means.log_growth)


def _compound_terms(
    result: GrowthAccountingResult,
    growth: Floats,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> tuple[Floats, Floats]:
    given = _complete_shares(result)
    spans = list(zip(first.tolist(), last.tolist(), strict=True))
    shares: list[Floats | float] = []
    for name in result.inputs:
        share = given[name]
        if not isinstance(share, float):
            shares.append(np.array([steps_mean(share, a, b, result.step) for a, b in spans]))
        else:
            shares.append(share)
    if result.spec.input_index == "geometric":
        contributions, tfp, tfp_contribution = input_index_terms(
            growth[0], growth[1:], shares, ratio=result.spec.residual == "ratio"
        )
        return np.vstack([contributions, tfp_contribution]), tfp
    parts = np.stack([v * g for v, g in zip(shares, growth[1:], strict=True)])
    tfp = growth[0] - parts.sum(axis=0)
    return np.vstack([parts, tfp]), tfp


def _complete_shares(result: GrowthAccountingResult) -> dict[str, Share]:
    given = result.spec.given_shares
    unknown = [name for name in result.inputs if name not in given]
    if len(unknown) > 1 or (unknown and result.spec.per_labor_unit):
        raise SpecificationError(
            "compound period means need shares that are fixed or stepwise",
            code="bad_option",
            column="period_mean",
            expected="capital_share= or labor_share= as a number or steps",
            remedy="use period_mean='arithmetic' with share columns",
        )
    if unknown:
        given[unknown[0]] = _remainder([given[n] for n in result.inputs if n in given])
    return given


def _remainder(shares: list[Share]) -> Share:
    years = sorted({year for s in shares if not isinstance(s, float) for year, _ in s})
    if not years:
        return 1.0 - sum(s for s in shares if isinstance(s, float))

    def at(share: Share, year: int) -> float:
        if isinstance(share, float):
            return share
        known = [value for start, value in share if start <= year]
        return known[-1] if known else np.nan

    return tuple((year, 1.0 - sum(at(s, year) for s in shares)) for year in years)


def _growth_shares(
    result: GrowthAccountingResult, columns: dict[str, Floats], means: PeriodTerms, rules: Rules
) -> dict[str, Floats]:
    growth = columns["output_growth"]
    with np.errstate(invalid="ignore"):
        tiny = ~(np.abs(growth) >= rules.tolerance)

    def share(part: Floats) -> Floats:
        return np.where(tiny, np.nan, ratio(part, growth))

    shares = {
        f"{name}_share_of_growth": share(columns[f"{name}_contribution"]) for name in result.inputs
    }
    tfp = columns.get("tfp_contribution", columns["tfp_growth"])
    shares["tfp_share_of_growth"] = share(tfp)
    shares["tfp_share_mean_of_ratios"] = np.where(tiny, np.nan, means.mean_of_ratios[-1])
    shares["tfp_share_increment"] = np.where(tiny, np.nan, means.increment[-1])
    return shares


def _flags(
    columns: dict[str, Floats],
    shares: dict[str, Floats],
    years: NDArray[np.int64],
    wanted: NDArray[np.int64],
    whole: NDArray[np.bool_],
    rules: Rules,
) -> NDArray[Any]:
    growth = columns["output_growth"]
    names = ("tfp_share_of_growth", "tfp_share_mean_of_ratios", "tfp_share_increment")
    three = np.stack([shares[name] for name in names])
    judged = (years > 0) & np.isfinite(growth)
    with np.errstate(invalid="ignore"):
        spread = np.fmax.reduce(three) - np.fmin.reduce(three)
        tiny = judged & (np.abs(growth) < rules.tolerance)
        negative = judged & ~tiny & (growth < 0)
        apart = judged & (spread > rules.disagreement)
    short = (years < wanted) | (years == 0)
    kinds = (
        (short, "incomplete: {} of {} annual rates"),
        (whole, "the period is not a whole number of steps"),
        (tiny, "growth too small to divide by"),
        (negative, "negative growth: read shares with care"),
        (apart, "rules for the share of growth disagree"),
    )
    flags = np.full(growth.shape[0], "", object)
    for i in np.flatnonzero(np.any([found for found, _ in kinds], axis=0)).tolist():
        said = [text for found, text in kinds if found[i]]
        flags[i] = "; ".join(said).format(years[i], wanted[i])
    return flags
