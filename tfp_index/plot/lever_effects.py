"""Figures of levers: all of them side by side, and one built up from its groups.

The file is not called after its function, or loading the one would hide the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfp_index.aggregation._rows import one_of
from tfp_index.errors import DataError
from tfp_index.language import Language
from tfp_index.language import language as language_of
from tfp_index.panel.table import Table
from tfp_index.plot import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tfp_index.criteria.levers_result import LeversResult

__all__ = ["levers"]

COUNTERFACTUAL, ASSOCIATION, LOSS = "#0072b2", "#e69f00", "#d55e00"
"""Colors of effects, told apart with every kind of color vision."""

HIDDEN = 1e-9
"""Points by which groups may miss their total before a bar says that some are not shown."""


def levers(
    result: LeversResult,
    lever: str | None = None,
    *,
    by: str | None = None,
    period: Any = None,
    most: int = 12,
    public: Any = None,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw points of provincial TFP with their intervals.

    Without `lever`, every lever is a bar of its own from zero: different levers do not add up.
    With `lever` and `by`, the groups of one lever build up to its total, as a waterfall: they do.

    Parameters
    ----------
    result : LeversResult
    lever : str, optional
    by : str, optional
        Which grouping; default: the first of the specification.
    period : period, optional
        Default: the last.
    most : int
        Groups to draw; the smallest others are drawn as one.
    public : Disclosed, optional
        Of `LeversResult.to_public`: what it blanks is not drawn.
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
        If there is nothing to draw.
    SpecificationError
        If there is no such lever, grouping or period.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.province(enterprises=300, periods=2, rng=1)
    >>> fit = tfp.CobbDouglas().fit(sim.panel())
    >>> found = tfp.Levers(levers=("laggards", "frontier")).fit(sim.panel(), fit)
    >>> tfp.plot.levers(found).get_xlabel()
    "Percentage points of the province's TFP"
    """
    lang = language_of(language)
    if period is not None:
        one_of("period", period, result.periods)
    when = result.periods[-1] if period is None else period
    table = result.tidy(lang.code)
    table = table.take(
        np.flatnonzero([t == when for t in table[result.keys.names["time"]].tolist()])
    )
    table = table.take(np.flatnonzero(np.isfinite(table["points"])))
    if public is not None:
        table = _published(table, public, when, result.keys.names["time"])
    if lever is None:
        ax = _side_by_side(result, table.where(by=""), lang, ax)
        said = lang.text("levers.figure.title", period=when)
        under = lang.text("levers.figure.note")
    else:
        name = result.name(lever, lang.code, short=True)
        whole = table.where(lever=lever, by="")["points"]
        groups = _groups(result, table, lever, by)
        ax = _waterfall(groups, whole[0] if whole.size else None, most, lang, ax)
        said = lang.text("levers.figure.title_groups", name=name, period=when)
        under = lang.text("levers.figure.note_groups")
    _style.number_axis(ax.xaxis, lang)
    return _style.finish(
        ax,
        title=said if title is None else title,
        x=lang.text("levers.figure.axis"),
        note=under if note is None else note,
        grid="x",
    )


def _published(table: Table, public: Any, when: Any, time: str) -> Table:
    """Keep the rows that may be published."""
    shown = public.public
    dims = [n for n in public.cells.keys if n != "lever"]
    keep = set()
    for row in shown.rows():
        if row["status"] == "published" and row[time] == when:
            named = [(n, row[n]) for n in dims if row[n] != "(total)"]
            by, group = named[0] if named else ("", "(total)")
            keep.add((row["lever"], by, group))
    rows = zip(table["lever"].tolist(), table["by"].tolist(), table["group"].tolist(), strict=True)
    return table.take(np.flatnonzero([row in keep for row in rows]))


def _groups(result: LeversResult, table: Table, lever: str, by: str | None) -> Table:
    known = list(result.slices[-1].groups)
    if by is None and not known:
        raise DataError(
            "the levers were computed without groups",
            code="nothing_to_draw",
            remedy="Levers(by=…)",
        )
    chosen = known[0] if by is None else by
    one_of("by", chosen, known)
    return table.where(lever=lever, by=chosen)


def _side_by_side(result: LeversResult, table: Table, lang: Language, ax: Axes | None) -> Axes:
    if not len(table):
        raise DataError("no lever has an effect to draw", code="nothing_to_draw")
    order = np.argsort(-table["points"], kind="stable")
    table = table.take(order)
    n = len(table)
    ax = _style.new_axes(ax, height=1.6 + 0.5 * n)
    kinds = table["kind"].tolist()
    for kind, color in (("counterfactual", COUNTERFACTUAL), ("association", ASSOCIATION)):
        mine = [i for i, k in enumerate(kinds) if k == kind]
        if mine:
            ax.barh(mine, table["points"][mine], 0.55, color=color,
                    label=lang.text(f"levers.figure.{kind}"))  # fmt: skip
    _intervals(ax, table["points"], table["low"], table["high"], np.arange(n))
    _label(ax, [float(v) for v in table["points"]], table["high"], lang)
    names = [result.name(lever, lang.code, short=True) for lever in table["lever"].tolist()]
    ax.set_yticks(range(n), [_style.fit_name(ax, name, 2) for name in names])
    ax.set_ylim(n - 0.4, -0.6)
    ax.axvline(0.0, color=_style.MUTED, linewidth=1.0)
    _style.legend_above(ax, 2, [box for box in ax.containers if str(box.get_label())[:1] != "_"])
    return ax


def _waterfall(
    table: Table, whole: float | None, most: int, lang: Language, ax: Axes | None
) -> Axes:
    if not len(table):
        raise DataError("no group has an effect to draw", code="nothing_to_draw")
    order = np.argsort(-np.abs(table["points"]), kind="stable")
    names = [str(g) for g in table["group"][order].tolist()]
    points = table["points"][order].tolist()
    if len(names) > most:
        rest = len(names) - most
        names = [*names[:most], lang.text("levers.figure.others", count=lang.integer(rest))]
        points = [*points[:most], float(sum(points[most:]))]
    total, label = float(sum(points)), "sum"
    if whole is None:
        label = "shown"
    elif abs(whole - total) > HIDDEN:
        names.append(lang.text("levers.figure.hidden"))
        points.append(float(whole) - total)
        total = float(whole)
    ends = np.cumsum(points)
    starts = ends - points
    ax = _style.new_axes(ax, height=1.6 + 0.36 * (len(names) + 1))
    colors = [COUNTERFACTUAL if p >= 0 else LOSS for p in points]
    ax.barh(range(len(names)), points, 0.62, left=starts, color=colors)
    ax.barh([len(names)], [total], 0.62, color=_style.INK)
    for place, end in enumerate(ends):
        ax.plot([end, end], [place, place + 1], color=_style.MUTED, linewidth=0.8)
    _label(ax, [*points, total], np.append(np.maximum(starts, ends), max(total, 0.0)), lang)
    names.append(lang.text(f"levers.figure.{label}"))
    ax.set_yticks(range(len(names)), [_style.fit_name(ax, name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.axvline(0.0, color=_style.MUTED, linewidth=1.0)
    return ax


def _intervals(ax: Axes, points: Any, low: Any, high: Any, places: Any) -> None:
    reach = np.maximum(np.vstack((points - low, high - points)), 0.0)
    ax.errorbar(
        points, places, xerr=reach, fmt="none", ecolor=_style.INK, elinewidth=1.2, capsize=3
    )


def _label(ax: Axes, values: list[float], ends: Any, lang: Language) -> None:
    """Write the number behind each bar and leave room for it."""
    right = max(float(np.max(ends)), 0.0)
    left = min(0.0, *values)
    for place, (value, end) in enumerate(zip(values, np.asarray(ends).tolist(), strict=True)):
        ax.annotate(
            lang.number(value, 2, sign=True), (max(end, 0.0), place), (6, 0),
            textcoords="offset points", va="center", fontsize=9, color=_style.INK,
        )  # fmt: skip
    span = (right - left) or 1.0
    ax.set_xlim(left - 0.04 * span if left < 0 else 0.0, right + 0.16 * span)
