"""Figure of a plan: how much of each target is reached, beside what was expected by now."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tfp_index.errors import DataError
from tfp_index.language import language as language_of
from tfp_index.plot import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tfp_index.criteria.programme import PlanStatus

__all__ = ["COLORS", "plan_progress", "shares"]

COLORS = {"met": "#009e73", "on_course": "#0072b2", "behind": "#d55e00", "missing_data": "#8b98a3"}
"""Colors of statuses, told apart with every kind of color vision; the label says the status too."""


def shares(status: PlanStatus) -> dict[str, tuple[float, float]]:
    """Return total and expectation as shares of the target, for the totals that have begun."""
    found = {}
    for target in status.plan.targets:
        verdict = status[target.id]
        if target.counting == "cumulative" and target.bound and verdict.status in COLORS:
            found[target.id] = (verdict.value / target.bound, verdict.expected / target.bound)
    return found


def plan_progress(
    status: PlanStatus,
    *,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the totals of a plan as shares of their targets, with marks where they should be by now.

    Targets that count otherwise (rates, milestones, words) have no share and are not drawn.

    Parameters
    ----------
    status : PlanStatus
        Of ``Plan.track``.
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
        If no target counts a total.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> plan = tfp.Plan.load("quang_ninh_203")
    >>> status = plan.track({"target": ["T1"], "year": [2021], "value": [5]})
    >>> tfp.plot.plan_progress(status).get_xlabel()
    '% of the target'
    """
    lang = language_of(language)
    drawn = shares(status)
    if not drawn:
        raise DataError("no target of the plan counts a total by now", code="nothing_to_draw")
    ax = _style.new_axes(ax, height=1.2 + 0.45 * len(drawn))
    most = max([1.0, *(s for pair in drawn.values() for s in pair if not math.isnan(s))])
    for place, (key, (reached, expected)) in enumerate(drawn.items()):
        known = status[key].status
        length = 0.0 if math.isnan(reached) else 100.0 * reached
        ax.barh(place, length, 0.55, color=COLORS[known])
        if not math.isnan(expected):
            ax.plot(
                [100.0 * expected] * 2,
                [place - 0.38, place + 0.38],
                color=_style.INK,
                linewidth=2.2,
                label=lang.text("plan.figure.expected") if place == 0 else "_",
            )
        ends = [s for s in (reached, expected) if not math.isnan(s)]
        said = f"{lang.percent(reached, 0)}, {lang.text(f'plan.status.{known}')}"
        ax.annotate(
            said,
            (100.0 * max(ends, default=0.0), place),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=_style.INK,
        )
    ax.set_yticks(range(len(drawn)), list(drawn))
    ax.set_ylim(len(drawn) - 0.4, -0.6)
    room = 1.35 if ax.figure.get_figwidth() > 6 else 1.8  # type: ignore[union-attr]
    ax.set_xlim(0.0, 100.0 * room * most)
    _style.number_axis(ax.xaxis, lang)
    if ax.lines:
        _style.legend_above(ax, 1)
    return _style.finish(
        ax,
        title=lang.text("plan.figure.title") if title is None else title,
        x=lang.text("plan.figure.axis"),
        note=note or "",
        grid="x",
    )
