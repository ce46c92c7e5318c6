"""Figures of growth accounting: contributions, index, sensitivity, comparison of entities.

Every function takes ``ax=None`` and returns the axes. Without `ax` a figure is made, which belongs
to pyplot only where the caller works with pyplot or sits in a notebook (see `_style.new_axes`);
save it with ``ax.figure.savefig(...)``. Texts are in English or Vietnamese; TFP growth is called
what it is, a residual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index._optional import require
from tfp_index.errors import DataError, SpecificationError
from tfp_index.language import Language, Localized
from tfp_index.language import language as language_of
from tfp_index.panel.table import Table
from tfp_index.plot import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tfp_index.growth.accounting_result import GrowthAccountingResult

__all__ = ["CAPITAL_SHARES", "comparison", "contributions", "index", "per", "sensitivity"]

Labels = Mapping[Any, Localized]
Floats = NDArray[np.float64]

CAPITAL_SHARES = (0.30, 0.35, 0.40, 0.45, 0.50)
"""Capital shares that `sensitivity` tries when none are given."""


def contributions(
    res: GrowthAccountingResult,
    entity: Any = None,
    *,
    period: tuple[Any, Any] | None = None,
    labels: Labels | None = None,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw contributions to output growth by year as stacked bars, with output growth as a line.

    Negative contributions are stacked below zero. Years without growth stay empty.

    Parameters
    ----------
    res : GrowthAccountingResult
    entity : label, optional
        May be left out when there is only one.
    period : (start, end), optional
        Growth after `start` up to `end`; default: all.
    labels : mapping of entity to text, optional
        Names to show; a text, or ``{"en": …, "vi": …}``.
    language : {"en", "vi"}
    title, note : str, optional
        Replace the title and the note below the axes; empty for none.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    DataError
        If the entity is unknown, or several are there and none is chosen.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"unit": ["A"] * 3, "year": [2019, 2020, 2021], "y": [1.0, 1.08, 1.05],
    ...          "k": [3.0, 3.2, 3.3], "l": [1.0, 1.01, 0.99]}
    >>> panel = tfp.Panel.from_frame(frame, entity="unit", time="year", output="y", capital="k",
    ...                              labor="l")
    >>> ax = tfp.plot.contributions(tfp.GrowthAccounting(capital_share=0.4).fit(panel))
    >>> ax.get_ylabel()
    'Percentage points'
    """
    lang = language_of(language)
    entity = _one_entity(res, entity)
    rows = _with_growth(res, _rows(res, entity, period))
    time = res.keys.time[rows]
    names = [*res.inputs, "tfp"]
    ax = _style.new_axes(ax)
    up, down = np.zeros(time.shape[0]), np.zeros(time.shape[0])
    for name in names:
        values = 100.0 * np.nan_to_num(res.contribution(name)[rows])
        base = np.where(values >= 0, up, down)
        ax.bar(
            time,
            values,
            0.78 * res.step,
            bottom=base,
            color=_style.color_of(name, res.inputs),
            edgecolor="white",
            linewidth=0.5,
            label=_capital(lang, name),
        )
        up, down = up + np.maximum(values, 0.0), down + np.minimum(values, 0.0)
    ax.plot(
        time,
        100.0 * res.output_growth[rows],
        color=_style.INK,
        linewidth=1.6,
        marker="o",
        markersize=4,
        markeredgecolor="white",
        label=lang.text("plot.output_growth"),
    )
    ax.axhline(0.0, color=_style.MUTED, linewidth=0.8)
    _time_axis(ax, res, lang, time)
    _style.number_axis(ax.yaxis, lang)
    _style.legend_above(ax, len(names) + 1)
    default = lang.text("plot.contributions.title", entity=_name(entity, labels, lang))
    return _style.finish(
        ax,
        title=default if title is None else title,
        y=lang.text("plot.contributions.axis"),
        note=_note(res, lang) if note is None else note,
    )


def _few(res: GrowthAccountingResult, entities: Sequence[Any] | None) -> list[Any]:
    """Return the entities to draw; all of them only while a reader can tell them apart."""
    if entities is not None:
        return list(entities)
    everyone = list(res.keys.entity_labels.tolist())
    if len(everyone) > 12:
        raise DataError(
            f"{len(everyone)} lines in one figure cannot be told apart",
            code="too_many_entities",
            remedy="name those to draw in entities=",
        )
    return everyone


def index(
    res: GrowthAccountingResult,
    entities: Sequence[Any] | None = None,
    *,
    base: Any = None,
    value: float = 100.0,
    highlight: Any = None,
    labels: Labels | None = None,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the chained TFP index of one or more entities.

    Parameters
    ----------
    res : GrowthAccountingResult
    entities : sequence, optional
        Default: all, but no more than twelve.
    base : period, optional
        Period at which the index is `value`; default: each entity's first.
    value : float
    highlight : label, optional
        Entity whose line is drawn strong, before the others in gray.
    labels, language, title, note, ax
        As in `contributions`.

    Raises
    ------
    DataError
        If an entity is unknown, or more than twelve lines would be drawn unasked.
    """
    lang = language_of(language)
    chosen = _few(res, entities)
    level = res.index(base=base, value=value)["tfp_index"]
    ax = _style.new_axes(ax)
    ends: list[tuple[float, float, str, str, bool]] = []
    first, last = [], []
    for place, entity in enumerate(chosen):
        rows = _rows(res, entity, None)
        time, values = res.keys.time[rows], level[rows]
        strong = highlight is None or entity == highlight
        color = _style.LINES[place % len(_style.LINES)]
        if highlight is not None:
            color = _style.PALETTE["tfp"] if strong else _style.MUTED
        ax.plot(
            time,
            values,
            color=color,
            linewidth=2.4 if strong else 1.2,
            linestyle="-" if highlight is not None else _style.DASHES[place // 7 % 4],
            zorder=3 if strong else 2,
        )
        seen = np.flatnonzero(np.isfinite(values))
        if seen.size:
            first.append(int(time[seen[0]]))
            last.append(int(time[seen[-1]]))
            ink = color if strong else "#5b6770"
            end = float(values[seen[-1]])
            name = _style.fit_name(ax, _name(entity, labels, lang))
            ends.append((float(time[seen[-1]]), end, name, ink, entity == highlight))
    ax.axhline(value, color=_style.MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    if first:
        _time_axis(ax, res, lang, np.arange(min(first), max(last) + 1), pad=0.0)
    _style.number_axis(ax.yaxis, lang)
    _style.direct_labels(ax, ends)
    said = {"base": base, "value": lang.number(value, 0)}
    axis = "plot.index.axis" if base is not None else "plot.index.axis_start"
    return _style.finish(
        ax,
        title=lang.text("plot.index.title") if title is None else title,
        y=lang.text(axis, **said),
        note=_note(res, lang) if note is None else note,
    )


def _draw_spans(ax: Axes, table: Table) -> int:
    """Draw TFP growth against the capital share, a line for each period; return their number."""
    spans = list(dict.fromkeys(zip(table["start"].tolist(), table["end"].tolist(), strict=True)))
    for place, (start, end) in enumerate(spans):
        part = table.where(start=start, end=end)
        order = np.argsort(part["capital_share"])
        ax.plot(
            part["capital_share"][order],
            100.0 * part["tfp_growth"][order],
            color=_style.LINES[place % len(_style.LINES)],
            linestyle=_style.DASHES[place % len(_style.DASHES)],
            marker="osD^v"[place % 5],
            markersize=4.5,
            linewidth=1.8,
            label=f"{start}–{end}",
        )
    return len(spans)


def sensitivity(
    source: GrowthAccountingResult | Table,
    entity: Any = None,
    *,
    capital_share: Sequence[float] = CAPITAL_SHARES,
    periods: Sequence[tuple[Any, Any]] | None = None,
    used: float | None = None,
    unit: str | None = None,
    labels: Labels | None = None,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw mean TFP growth against the capital share, one line per period.

    Parameters
    ----------
    source : GrowthAccountingResult, or the Table of its ``sensitivity``
    entity : label, optional
        May be left out when there is only one.
    capital_share, periods
        As in `GrowthAccountingResult.sensitivity`; unused when `source` is a table.
    used : float, optional
        Share to mark as the one in use; default: the fixed share of the result's specification.
    unit : str, optional
        What growth is in; default: percent per period of the result, percent a year for a table.
    labels, language, title, note, ax
        As in `contributions`.
    """
    lang = language_of(language)
    if isinstance(source, Table):
        table = source
    else:
        entity = _one_entity(source, entity)
        table = source.sensitivity(capital_share, periods, entities=[entity])
        if used is None and isinstance(source.spec.capital_share, float):
            used = source.spec.capital_share
        if unit is None:
            unit = lang.text("unit.percent", per=per(source, lang))
        if note is None:
            note = _note(source, lang)
    entity = _only(table["entity"], entity)
    table = table.where(entity=entity)
    ax = _style.new_axes(ax, 7.6, 3.9)
    spans = _draw_spans(ax, table)
    ax.axhline(0.0, color=_style.MUTED, linewidth=0.8)
    if used is not None:
        ax.axvline(used, color=_style.INK, linewidth=0.9, linestyle=(0, (2, 2)))
        ax.annotate(
            lang.text("plot.sensitivity.used"),
            (used, 1.0),
            (4, -3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=8,
            color=_style.INK,
            va="top",
        )
    ax.set_xticks(np.unique(table["capital_share"]))
    _style.number_axis(ax.xaxis, lang)
    _style.number_axis(ax.yaxis, lang)
    _style.legend_above(ax, spans)
    a_year = lang.text("per.year")
    default = lang.text("plot.sensitivity.title", entity=_name(entity, labels, lang))
    return _style.finish(
        ax,
        title=default if title is None else title,
        x=lang.text("plot.sensitivity.x"),
        y=lang.text("plot.sensitivity.axis", unit=unit or lang.text("unit.percent", per=a_year)),
        note=lang.text("plot.note.residual") if note is None else note,
    )


def _draw_bars(
    ax: Axes, res: GrowthAccountingResult, table: Table, tfp_column: str, lang: Language
) -> None:
    """Stack the contributions of each entity, negative ones to the left of zero."""
    count = len(table)
    y = np.arange(count)
    up, down = np.zeros(count), np.zeros(count)
    for name in [*res.inputs, "tfp"]:
        column = tfp_column if name == "tfp" else f"{name}_contribution"
        values = 100.0 * np.nan_to_num(table[column])
        ax.barh(
            y,
            values,
            0.74,
            left=np.where(values >= 0, up, down),
            color=_style.color_of(name, res.inputs),
            edgecolor="white",
            linewidth=0.5,
            label=_capital(lang, name),
        )
        up, down = up + np.maximum(values, 0.0), down + np.minimum(values, 0.0)


def comparison(
    res: GrowthAccountingResult,
    entities: Sequence[Any] | None = None,
    period: tuple[Any, Any] | None = None,
    *,
    highlight: Any = None,
    labels: Labels | None = None,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw mean contributions by entity as stacked bars, ordered by TFP growth.

    Parameters
    ----------
    res : GrowthAccountingResult
    entities : sequence, optional
        Default: all.
    period : (start, end), optional
        Default: each entity's own span.
    highlight : label, optional
        Entity whose name is set in bold.
    labels, language, title, note, ax
        As in `contributions`.

    Notes
    -----
    An entity that lacks annual rates of the period has a dash in place of bars.
    """
    lang = language_of(language)
    table = res.periods(None if period is None else [period], entities=entities)
    tfp_column = "tfp_contribution" if "tfp_contribution" in table.columns else "tfp_growth"
    order = np.argsort(np.nan_to_num(table[tfp_column], nan=-np.inf), kind="stable")
    table = table.take(order)
    count = len(table)
    ax = _style.new_axes(ax, 7.6, max(2.2, 1.3 + 0.24 * count))
    y = np.arange(count)
    _draw_bars(ax, res, table, tfp_column, lang)
    growth = 100.0 * table["output_growth"]
    line = lang.text("plot.output_growth")
    ax.plot(growth, y, "o", color=_style.INK, markersize=5, markeredgecolor="white", label=line)
    for place in np.flatnonzero(np.isnan(growth)).tolist():
        ax.annotate("–", (0.0, place), (4, 0), textcoords="offset points", va="center")
    ax.axvline(0.0, color=_style.MUTED, linewidth=0.8)
    names = [_style.fit_name(ax, _name(e, labels, lang), 2) for e in table["entity"].tolist()]
    ax.set_yticks(y, names)
    ax.set_ylim(-0.6, count - 0.4)
    for tick, entity in zip(ax.get_yticklabels(), table["entity"].tolist(), strict=True):
        tick.set_fontweight("bold" if highlight is not None and entity == highlight else "normal")
    _style.number_axis(ax.xaxis, lang)
    _style.legend_above(ax, len(res.inputs) + 2)
    default = (
        lang.text("plot.comparison.title_own")
        if period is None
        else lang.text("plot.comparison.title", start=period[0], end=period[1])
    )
    return _style.finish(
        ax,
        title=default if title is None else title,
        x=lang.text("plot.comparison.axis", per=per(res, lang)),
        note=_note(res, lang) if note is None else note,
        grid="x",
    )


def per(res: GrowthAccountingResult, language: Language) -> str:
    """Say what growth is per: a year, a quarter, five years."""
    frequency, step = res.keys.calendar.frequency, res.step
    yearly = frequency in ("integer", "year")  # whole numbers are years
    if step > 1:
        return language.text("per.years" if yearly else "per.periods", count=step)
    return language.text("per.year" if yearly else f"per.{frequency}")


def _one_entity(res: GrowthAccountingResult, entity: Any) -> Any:
    return _only(res.keys.entity_labels, entity)


def _only(present: NDArray[Any], entity: Any) -> Any:
    known = list(dict.fromkeys(present.tolist()))
    if entity is None and len(known) == 1:
        return known[0]
    if entity is None:
        raise DataError(
            f"there are {len(known)} entities, and the figure shows one",
            code="no_entity",
            expected="entity=, for instance " + ", ".join(map(repr, known[:3])),
        )
    return entity


def _rows(
    res: GrowthAccountingResult, entity: Any, period: tuple[Any, Any] | None
) -> NDArray[np.intp]:
    code = res.keys.entity_code(entity)
    rows = np.arange(res.keys.offsets[code], res.keys.offsets[code + 1])
    if period is None:
        return rows
    low, high = (res.keys.calendar.number(end) for end in period)
    if low >= high:
        raise SpecificationError(
            f"{period!r} is not a period", code="bad_period", expected="(start, end)"
        )
    time = res.keys.time[rows]
    return rows[(time > low) & (time <= high)]


def _with_growth(res: GrowthAccountingResult, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows from the first to the last with growth; all of them if none has any."""
    seen = np.flatnonzero(np.isfinite(res.output_growth[rows]))
    return rows[seen[0] : seen[-1] + 1] if seen.size else rows


def _name(entity: Any, labels: Labels | None, lang: Language) -> str:
    label = (labels or {}).get(entity)
    return str(entity) if label is None else lang.pick(label)


def _capital(lang: Language, component: str) -> str:
    key = f"component.{component}"
    text = lang.text(key) if lang.has(key) else component
    return text[:1].upper() + text[1:]


def _note(res: GrowthAccountingResult, lang: Language) -> str:
    said = [lang.text("plot.note.residual")]
    if res.record.vintage:
        said.append(lang.text("plot.note.source", source=res.record.vintage))
    return " ".join(said)


def _time_axis(
    ax: Axes, res: GrowthAccountingResult, lang: Language, time: NDArray[np.int64], pad: float = 0.6
) -> None:
    ticker = require("matplotlib.ticker", extra="plot", purpose="drawing figures")
    calendar = res.keys.calendar
    ax.set_xlim(float(time[0]) - pad * res.step, float(time[-1]) + pad * res.step)
    ax.xaxis.set_major_locator(ticker.MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))

    def write(value: float, _: int) -> str:
        return str(calendar.write(int(value))) if value == int(value) else ""

    if calendar.frequency not in ("integer", "year"):
        known = calendar.numbers[(calendar.numbers >= time[0]) & (calendar.numbers <= time[-1])]
        ax.set_xticks(known[:: max(1, known.size // 8)].astype(float))
    ax.xaxis.set_major_formatter(ticker.FuncFormatter(write))
