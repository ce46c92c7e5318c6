"""What every figure shares: axes to draw on, colors, type, numbers, notes.

Nothing here touches matplotlib's global settings, so figures may be drawn in several threads and
leave no trace in the caller's session.
"""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfp_index._optional import require
from tfp_index.language import Language

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "INK",
    "LINES",
    "MUTED",
    "PALETTE",
    "color_of",
    "direct_labels",
    "finish",
    "fit_name",
    "inner_width",
    "legend_above",
    "new_axes",
    "number_axis",
    "tick_step",
]

INK = "#1f2a33"
"""Text and the line of output growth."""

MUTED = "#8b98a3"
"""Axes, grids and everything that stays in the background."""

_GRID = "#e3e8ec"

PALETTE = {
    "capital": "#0072b2",
    "labor": "#e69f00",
    "tfp": "#009e73",
    "materials": "#cc79a7",
    "energy": "#56b4e9",
    "services": "#d55e00",
}
"""Colors of the components, after Okabe and Ito: told apart with every kind of color vision."""

LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b6770")
"""Colors of entities, in order."""

LETTER, HANDLE, MARGIN = 0.075, 0.4, 0.7
"""Inches: a letter of nine points, a legend's sign with the space around, what frames the axes."""

DASHES = ("-", "--", "-.", ":")

_MORE = ("#5b6770", "#8c6bb1", "#a6761d", "#66a61e")


def color_of(component: str, others: Sequence[str]) -> str:
    """Return the color of a component of growth; inputs with names of their own get the rest."""
    if component in PALETTE:
        return PALETTE[component]
    unknown = [name for name in others if name not in PALETTE]
    return _MORE[unknown.index(component) % len(_MORE)]


def new_axes(ax: Axes | None, width: float = 7.6, height: float = 4.3) -> Axes:
    """Return the axes to draw on.

    Without `ax` a figure is made. It belongs to pyplot, and so appears in a notebook or in
    ``plt.show()``, only where the caller works with pyplot (has imported it) or sits in a
    notebook; elsewhere it is a plain `Figure` that nothing holds on to, as a service needs it.
    """
    if ax is not None:
        return ax
    figure_class = require("matplotlib.figure", extra="plot", purpose="drawing figures").Figure
    size = {"figsize": (width, height), "layout": "constrained"}
    if "matplotlib.pyplot" in sys.modules or _in_notebook():
        pyplot = require("matplotlib.pyplot", extra="plot", purpose="drawing figures")
        made: Axes = pyplot.figure(**size).add_subplot()
        return made
    made = figure_class(**size).add_subplot()
    return made


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


def finish(
    ax: Axes, *, title: str = "", x: str = "", y: str = "", note: str = "", grid: str = "y"
) -> Axes:
    """Give the axes their title, labels, note and quiet frame."""
    for side in ("top", "right", "left" if grid == "y" else "bottom"):
        ax.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        ax.spines[side].set_color(MUTED)
    ax.grid(axis=grid, color=_GRID, linewidth=0.8)  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    ax.tick_params(colors=INK, labelsize=9, length=3, color=MUTED)
    ax.tick_params(axis="y" if grid == "y" else "x", length=0)
    if title:
        lift = 10 + 16 * _legend_lines(ax)
        ax.set_title(title, loc="left", fontsize=11.5, fontweight="bold", color=INK, pad=lift)
    ax.set_xlabel(x, fontsize=9, color=INK)
    ax.set_ylabel(y, fontsize=9, color=INK)
    if note:
        ax.annotate(
            note,
            (0, 0),
            (0, -36 if x else -26),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=7.5,
            color="#5b6770",
            va="top",
        )
    text = require("matplotlib.text", extra="plot", purpose="drawing figures").Text
    for said in ax.findobj(text):
        said.set_parse_math(False)  # a dollar sign in a name is no formula
    return ax


def _legend_lines(ax: Axes) -> int:
    legend = ax.get_legend()
    if legend is None:
        return 0
    columns: int = getattr(legend, "_ncols", 1)
    return -(-len(legend.get_texts()) // columns)


def legend_above(ax: Axes, columns: int, handles: Any = None) -> None:
    """Put the legend between title and axes, in fewer columns where the figure is narrow."""
    if handles is None:  # bars first, then the line or the dots over them
        handles = sorted(ax.get_legend_handles_labels()[0], key=lambda h: hasattr(h, "get_xdata"))
    columns = _columns_that_fit(ax, [str(h.get_label()) for h in handles], columns)
    legend = ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=columns,
        frameon=False,
        fontsize=9,
        handlelength=1.2,
        handleheight=0.9,
        columnspacing=1.4,
        borderaxespad=0.2,
        borderpad=0.1,
        labelcolor=INK,
    )
    legend.set_in_layout(True)


def _columns_that_fit(ax: Axes, labels: Sequence[str], most: int) -> int:
    """Return as many columns of a legend as the width of the figure has room for."""
    room = inner_width(ax)
    for columns in range(min(most, len(labels)), 1, -1):
        rows = -(-len(labels) // columns)
        widest = [max(map(len, labels[i : i + rows])) for i in range(0, len(labels), rows)]
        if sum(LETTER * letters + HANDLE for letters in widest) <= room:
            return columns
    return 1


def inner_width(ax: Axes) -> float:
    """Return about how many inches the axes have between their ticks and the right margin."""
    width: float = ax.figure.get_figwidth()  # type: ignore[union-attr]
    return width - MARGIN


def tick_step(ax: Axes, names: Sequence[str]) -> int:
    """Return which of the names along the horizontal axis to write so that none meets the next."""
    if not names:
        return 1
    needed = LETTER * (max(map(len, names)) + 1)
    return max(1, math.ceil(needed * len(names) / inner_width(ax)))


def fit_name(ax: Axes, name: str, lines: int = 1) -> str:
    """Shorten a name to what a figure of this width has room for; tables hold it in full."""
    width = max(8, int(3.2 * ax.figure.get_figwidth()))  # type: ignore[union-attr]
    wrapped = textwrap.wrap(name, width, max_lines=lines, placeholder="…")
    if wrapped and wrapped[0] == "…":  # one word, longer than the line
        return f"{name[: width - 1]}…"
    return "\n".join(wrapped) if wrapped else name


def number_axis(axis: Any, language: Language) -> None:
    """Write the ticks of an axis with the decimal sign of the language."""
    ticker = require("matplotlib.ticker", extra="plot", purpose="drawing figures")

    def write(value: float, _: int) -> str:
        places = [f"{abs(t):.6f}".rstrip("0") for t in axis.get_majorticklocs()]
        digits = min(max((len(p.partition(".")[2]) for p in places), default=0), 3)
        return language.number(value, digits)

    axis.set_major_formatter(ticker.FuncFormatter(write))


def direct_labels(
    ax: Axes, ends: Sequence[tuple[float, float, str, str, bool]], size: float = 9
) -> None:
    """Write the name of each line at its right end, moved apart where they would overlap.

    Parameters
    ----------
    ax : Axes
        With its limits already set.
    ends : sequence of (x, y, text, color, strong)
    """
    if not ends:
        return
    low, high = ax.get_ylim()
    height = ax.get_window_extent().height * 72.0 / ax.figure.get_dpi()
    step = 1.25 * size / max(height, 1.0) * (high - low)
    ordered = sorted(ends, key=lambda end: end[1])
    places: list[float] = []
    for _, y, *_rest in ordered:
        places.append(max(y, places[-1] + step) if places else y)
    excess = places[-1] - max(high, ordered[-1][1])
    if excess > 0:  # push the pile down again from the top
        places[-1] -= excess
        for i in range(len(places) - 2, -1, -1):
            places[i] = min(places[i], places[i + 1] - step)
    for (x, _, text, color, strong), place in zip(ordered, places, strict=True):
        ax.annotate(
            text,
            (x, place),
            (7, 0),
            textcoords="offset points",
            va="center",
            fontsize=size,
            color=color,
            fontweight="bold" if strong else "normal",
            annotation_clip=False,
        )
