"""Figures of criteria sets: scorecard, profile against peers, rank intervals, what moves ranks.

Every function takes ``ax=None`` and returns the axes; see `tfp_index.plot.growth`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfp_index.errors import DataError
from tfp_index.language import Language
from tfp_index.language import language as language_of
from tfp_index.panel.table import Table
from tfp_index.plot import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tfp_index.composite.uncertainty import Sensitivity, Uncertainty
    from tfp_index.criteria.result import CriteriaResult

__all__ = ["choices", "profile", "rank_intervals", "scorecard"]

BLUE, GREEN, ORANGE, LIGHT = "#0072b2", "#009e73", "#d55e00", "#a6c8e0"

SHADES = {"index": BLUE, "pillar": "#3f93c7", "criterion": "#7fb4d8", "indicator": "#bcd6e8"}
"""Colors of a scorecard: the higher in the tree, the darker."""

NARROW = 6.0
"""Inches below which a figure is for a telephone: the legend is a column, the axis wraps."""

MOST_UNITS = 70
"""Units that a figure of rank intervals can hold; more are refused rather than made unreadable."""


def scorecard(
    res: CriteriaResult,
    unit: Any,
    period: Any = None,
    *,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw every score of a unit as a bar: the index, its pillars, criteria and indicators.

    Parameters
    ----------
    res : CriteriaResult
    unit : label of the unit
    period : optional
        The unit's last one by default.
    language : {"en", "vi"}
    title, note : str, optional
        Replace the title and the note below the axes; empty for none.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    lang = language_of(language)
    table = res.profile(unit, period, language=language)
    scored = np.flatnonzero([code in res.scores.tree.position for code in table["code"]])
    table = table.take(scored)
    count = len(table)
    ax = _style.new_axes(ax, 9.6, max(2.6, 1.2 + 0.27 * count))
    heights = np.arange(count)[::-1]
    scores = table["score"]
    for y, kind, score in zip(heights, table["kind"], scores, strict=True):
        known = not np.isnan(score)
        ax.barh(y, score if known else 0.0, height=0.72, color=SHADES[str(kind)])
        ax.annotate(
            lang.number(score, 1),
            (score if known else 0.0, y),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=_style.INK,
        )
    _names(ax, table, heights)
    top = res.scores.spec.scale_of(res.scores.spec.normalize)[1]
    ax.set_xlim(0.0, 1.12 * max(top, float(np.nanmax(scores, initial=0.0))))
    _style.number_axis(ax.xaxis, lang)
    return _style.finish(
        ax,
        title=lang.text("criteria.plot.scorecard", unit=table.title) if title is None else title,
        x=lang.text("criteria.plot.scorecard_axis"),
        note=_label(res, lang) if note is None else note,
        grid="x",
    )


def profile(
    res: CriteriaResult,
    unit: Any,
    period: Any = None,
    *,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw where a unit stands among its peers on every indicator, as dots from last to first.

    A dot at 0.9 says that nine tenths of the peers do worse. Strengths and weaknesses have
    colors of their own, context is hollow; the band is the middle half of the peers.

    Parameters
    ----------
    res : CriteriaResult
    unit, period, language, title, note, ax
        As for `scorecard`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        If the unit has too few peers to be compared with.
    """
    lang = language_of(language)
    table = res.profile(unit, period, language=language)
    rows = np.flatnonzero(table["kind"] == "indicator")
    table = table.take(rows)
    if np.isnan(table["standing"]).all():
        raise DataError(
            f"{unit!r} has too few peers to be compared with",
            code="too_few_peers",
            entity=unit,
            remedy="group the units more broadly",
        )
    count = len(table)
    ax = _style.new_axes(ax, 9.6, max(2.6, 1.4 + 0.27 * count))
    heights = np.arange(count)[::-1]
    ax.axvspan(0.25, 0.75, color="#eef3f7", zorder=0)
    ax.axvline(0.5, color=_style.MUTED, linewidth=1.0, zorder=1)
    context = {i.code for i in res.criteria.indicators if i.direction == 0}
    colors = {"strength": GREEN, "weakness": ORANGE, "": BLUE}
    for y, code, verdict, standing in zip(
        heights, table["code"], table["verdict"], table["standing"], strict=True
    ):
        face = "white" if code in context else colors[str(verdict)]
        ax.plot(standing, y, "o", ms=7, mfc=face, mec=colors[str(verdict)], zorder=3)
    _names(ax, table, heights)
    ax.set_xlim(-0.04, 1.04)
    _style.number_axis(ax.xaxis, lang)
    kinds = [("strength", GREEN), ("weakness", ORANGE)]
    for kind, color in kinds:
        ax.plot([], [], "o", ms=7, color=color, label=lang.text(f"criteria.verdict.{kind}"))
    ax.plot([], [], color=_style.MUTED, lw=1.0, label=lang.text("criteria.plot.median"))
    ax.fill_between([], [], color="#dfe8ef", label=lang.text("criteria.plot.quartiles"))
    narrow = ax.figure.get_figwidth() < NARROW  # type: ignore[union-attr]
    _style.legend_above(ax, 4)
    axis = lang.text("criteria.plot.profile_axis")
    return _style.finish(
        ax,
        title=lang.text("criteria.plot.profile", unit=table.title) if title is None else title,
        x=_style.fit_name(ax, axis, 3) if narrow else axis,
        note="; ".join(table.notes) if note is None else note,
        grid="x",
    )


def rank_intervals(
    uncertainty: Uncertainty,
    period: Any = None,
    *,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the rank of every unit as a dot on the interval of its ranks over the replicates.

    Where two intervals overlap widely, the data do not tell the two units apart.

    Parameters
    ----------
    uncertainty : Uncertainty
    period : optional
        The last one by default.
    language, title, note, ax
        As for `scorecard`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        If there are too many units for a readable figure.
    """
    lang = language_of(language)
    result = uncertainty.result
    period = result.periods[-1] if period is None else period
    table = uncertainty.table()
    if not result.single_period:
        result.period_number(period)
        table = table.where(**{result.keys.names["time"]: period})
    table = table.take(np.flatnonzero(~np.isnan(table["rank"])))
    count = len(table)
    if count > MOST_UNITS:
        raise DataError(
            f"{count} units do not fit in one figure; at most {MOST_UNITS}",
            code="too_many_units",
            remedy="draw the table of some units, or a level above",
        )
    ax = _style.new_axes(ax, 7.6, max(2.6, 1.3 + 0.24 * count))
    heights = np.arange(count)[::-1]
    ax.hlines(heights, table["rank_low"], table["rank_high"], color=LIGHT, linewidth=6)
    ax.plot(table["rank_median"], heights, "|", ms=9, color=_style.INK)
    ax.plot(table["rank"], heights, "o", ms=6, color=BLUE)
    names = [str(label) for label in table[result.keys.names["entity"]]]
    ax.set_yticks(heights, names)
    ax.set_ylim(-0.7, count - 0.3)
    _style.number_axis(ax.xaxis, lang)
    shown = "" if result.single_period else f", {period}"
    share = lang.percent(uncertainty.confidence, 0)
    text = lang.text(
        "criteria.note.interval", share=share, count=lang.integer(uncertainty.ranks.shape[1])
    )
    return _style.finish(
        ax,
        title=lang.text("criteria.plot.ranks", period=shown) if title is None else title,
        x=lang.text("criteria.plot.ranks_axis"),
        note=text if note is None else note,
        grid="x",
    )


def choices(
    sensitivity: Sensitivity,
    *,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how much each choice moves the ranks: Sobol indices with their intervals.

    Parameters
    ----------
    sensitivity : Sensitivity
    language, title, note, ax
        As for `scorecard`.

    Returns
    -------
    matplotlib Axes
    """
    lang = language_of(language)
    indices = sensitivity.indices
    count = len(sensitivity.factors)
    ax = _style.new_axes(ax, 7.6, max(2.4, 1.4 + 0.55 * count))
    heights = np.arange(count)[::-1].astype(float)
    drawn = (
        (0.18, indices.total, indices.total_interval, LIGHT, "total"),
        (-0.18, indices.first, indices.first_interval, BLUE, "first"),
    )
    for shift, values, interval, color, key in drawn:
        known = np.nan_to_num(values)
        ends = np.stack((known - interval[0], interval[1] - known))
        ax.barh(
            heights + shift,
            known,
            height=0.34,
            color=color,
            xerr=np.maximum(np.nan_to_num(ends), 0.0),
            error_kw={"ecolor": _style.INK, "elinewidth": 1.0, "capsize": 2},
            label=lang.text(f"criteria.plot.{key}"),
        )
    names = []
    for factor in sensitivity.factors:
        key = f"criteria.factor.{factor}"
        names.append(lang.text(key) if lang.has(key) else factor)
    ax.set_yticks(heights, names)
    ax.axvline(0.0, color=_style.MUTED, linewidth=0.8)
    _style.number_axis(ax.xaxis, lang)
    _style.legend_above(ax, 2)
    return _style.finish(
        ax,
        title=lang.text("criteria.plot.sensitivity") if title is None else title,
        x=lang.text("criteria.plot.sensitivity_axis"),
        note=note or "",
        grid="x",
    )


def _names(ax: Axes, table: Table, heights: np.ndarray[Any, Any]) -> None:
    names = [str(name) for name in table["name"]]
    ax.set_yticks(heights, names)
    for label, kind in zip(ax.get_yticklabels(), table["kind"], strict=True):
        label.set_fontweight("bold" if kind in ("index", "pillar") else "normal")
    ax.set_ylim(-0.7, len(table) - 0.3)


def _label(res: CriteriaResult, lang: Language) -> str:
    return f"{res.criteria.name(lang.code)} ({res.criteria.label(lang.code)})"
