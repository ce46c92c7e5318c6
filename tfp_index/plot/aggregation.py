"""Figures of aggregation: decompositions, dispersion, transitions, the trimming path.

Every function takes ``ax=None`` and returns the axes; see `tfp_index.plot.growth`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._cells import TOTAL
from tfp_index.errors import DataError, nearest
from tfp_index.language import Language, Localized
from tfp_index.language import language as language_of
from tfp_index.panel.table import Table
from tfp_index.plot import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tfp_index.aggregation.decomposition_result import DecompositionResult
    from tfp_index.aggregation.dispersion_result import DispersionResult
    from tfp_index.aggregation.misallocation_result import HsiehKlenowResult

__all__ = ["decomposition", "dispersion", "transitions", "trimming"]

Labels = Mapping[Any, Localized]
Floats = NDArray[np.float64]

TERMS = ("within", "between", "cross", "structure", "entry", "exit")
COLORS = {
    "within": "#0072b2",
    "between": "#56b4e9",
    "cross": "#cc79a7",
    "structure": "#8c6bb1",
    "entry": "#009e73",
    "exit": "#d55e00",
}
"""Colors of the terms: told apart with every kind of color vision."""

NAMES = {
    "diewert_fox": "Diewert–Fox",
    "melitz_polanec": "Melitz–Polanec",
    "griliches_regev": "Griliches–Regev",
    "foster_haltiwanger_krizan": "Foster–Haltiwanger–Krizan",
    "baldwin_gu": "Baldwin–Gu",
    "baily_hulten_campbell": "Baily–Hulten–Campbell",
    "olley_pakes": "Olley–Pakes",
    "collard_wexler_de_loecker": "Collard-Wexler–De Loecker",
    "nested_olley_pakes": "Nested Olley–Pakes",
    "petrin_levinsohn": "Petrin–Levinsohn",
}

BANDS = ((10.0, 90.0, 0.25), (25.0, 75.0, 0.45))
BLUE = "#0072b2"


def decomposition(
    res: DecompositionResult,
    method: str | None = None,
    *,
    period: tuple[Any, Any] | None = None,
    by: str | None = None,
    labels: Labels | None = None,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the terms of aggregate productivity growth as stacked bars, with the total as a dot.

    With several pairs of periods there is a bar for each pair; with one pair, a bar for each
    method; with `by`, a bar for each group, ordered by its contribution.

    Parameters
    ----------
    res : DecompositionResult
    method : str, optional
        Default: the first; with one pair of periods and no `by`, all.
    period : (start, end), optional
        One pair of the result.
    by : str, optional
        Grouping whose contributions are drawn; needs one pair of periods.
    labels : mapping of group to text, optional
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
        If the method, pair or grouping is not in the result, or `by` meets several pairs.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"id": [1, 2, 3, 1, 2, 4], "year": [0] * 3 + [1] * 3,
    ...          "tfp": [1.0, 1.2, 0.8, 1.1, 1.4, 1.3], "s": [0.5, 0.3, 0.2, 0.4, 0.4, 0.2]}
    >>> panel = tfp.Panel.from_frame(frame, entity="id", time="year",
    ...                              columns={"tfp": "tfp", "s": "s"})
    >>> d = tfp.Decomposition(weight="s").fit(panel, productivity="tfp")
    >>> [t.get_text() for t in tfp.plot.decomposition(d).get_xticklabels()]
    ['Diewert–Fox', 'Melitz–Polanec']
    """
    lang = language_of(language)
    table = _chosen(res, method, period, by)
    pairs = list(dict.fromkeys(zip(table["start"].tolist(), table["end"].tolist(), strict=True)))
    if by is not None:
        names = [_name(label, labels, lang) for label in table[by].tolist()]
    elif len(pairs) > 1:
        names = [f"{start}–{end}" for start, end in pairs]
    else:
        names = [NAMES[m] for m in table["method"].tolist()]
    factor = 100.0 if res.spec.scale == "log" else 1.0
    horizontal = by is not None
    count = len(table)
    height = max(2.2, 1.5 + 0.26 * count) if horizontal else 4.3
    ax = _style.new_axes(ax, 7.6, height)
    shown = _bars(ax, table, factor, horizontal, lang)
    axis = "plot.decomposition.log_points" if factor > 1 else "plot.decomposition.level"
    _ticks(ax, names, horizontal)
    _style.number_axis(ax.xaxis if horizontal else ax.yaxis, lang)
    _style.legend_above(ax, 3 if len(shown) > 3 else len(shown) + 1)
    default = (
        lang.text("plot.decomposition.title_pair", start=pairs[0][0], end=pairs[0][1])
        if len(pairs) == 1
        else lang.text("plot.decomposition.title")
    )
    quantity = {"x" if horizontal else "y": lang.text(axis)}
    return _style.finish(
        ax,
        title=default if title is None else title,
        note=_note(table, lang) if note is None else note,
        grid="x" if horizontal else "y",
        **quantity,
    )


def _chosen(
    res: DecompositionResult, method: str | None, period: tuple[Any, Any] | None, by: str | None
) -> Table:
    """The rows to draw, in the order of the bars."""
    table = res.tidy()
    present = list(dict.fromkeys(table["method"].tolist()))
    if method is not None and method not in present:
        raise DataError(
            f"the result has no method {method!r}", code="unknown_method",
            remedy=nearest(method, present),
        )  # fmt: skip
    if period is not None:
        table = table.where(start=period[0], end=period[1])
        if not len(table):
            raise DataError(
                f"the result has no pair {period!r}", code="unknown_period",
                expected="a pair that was fitted",
            )  # fmt: skip
    groups = [*res.populations, *res.parts]
    if by is not None and by not in groups:
        raise DataError(
            f"the result has no grouping {by!r}", code="missing_group",
            remedy=nearest(by, groups),
        )  # fmt: skip
    for name in groups:
        if name != by:
            table = table.where(**{name: TOTAL})
    pairs = set(zip(table["start"].tolist(), table["end"].tolist(), strict=True))
    if by is None and len(pairs) == 1:
        return table if method is None else table.where(method=method)
    if by is not None and len(pairs) > 1:
        raise DataError(
            f"there are {len(pairs)} pairs of periods, and contributions of groups need one",
            code="no_period", expected="period=(start, end)",
        )  # fmt: skip
    table = table.where(method=present[0] if method is None else method)
    if by is not None:
        rows = np.flatnonzero(np.array([label != TOTAL for label in table[by].tolist()]))
        table = table.take(rows[np.argsort(table["total"][rows], kind="stable")])
    return table


def _bars(ax: Axes, table: Table, factor: float, horizontal: bool, lang: Language) -> list[str]:
    """Stack the terms by sign, draw the total, and return the terms that are there."""
    place = np.arange(len(table))
    up, down = np.zeros(len(table)), np.zeros(len(table))
    shown = [term for term in TERMS if not np.isnan(table[term]).all()]
    for term in shown:
        values = factor * np.nan_to_num(table[term])
        base = np.where(values >= 0, up, down)
        style: dict[str, Any] = {
            "color": COLORS[term],
            "edgecolor": "white",
            "linewidth": 0.5,
            "label": lang.text(f"plot.term.{term}"),
        }
        if horizontal:
            ax.barh(place, values, 0.74, left=base, **style)
        else:
            ax.bar(place, values, 0.66, bottom=base, **style)
        up, down = up + np.maximum(values, 0.0), down + np.minimum(values, 0.0)
    total = factor * table["total"]
    at = (total, place) if horizontal else (place, total)
    ax.plot(
        *at, "o", color=_style.INK, markersize=5, markeredgecolor="white",
        label=lang.text("plot.decomposition.total"),
    )  # fmt: skip
    (ax.axvline if horizontal else ax.axhline)(0.0, color=_style.MUTED, linewidth=0.8)
    return shown


def _ticks(ax: Axes, names: Sequence[str], horizontal: bool) -> None:
    place = np.arange(len(names))
    if horizontal:
        ax.set_yticks(place, [_style.fit_name(ax, name, 2) for name in names])
        ax.set_ylim(-0.6, len(names) - 0.4)
        return
    step = _style.tick_step(ax, names)
    ax.set_xticks(place[::step], names[::step])
    ax.set_xlim(-0.6, len(names) - 0.4)


def _name(label: Any, labels: Labels | None, lang: Language) -> str:
    return str(label) if labels is None or label not in labels else lang.pick(labels[label])


def _note(table: Table, lang: Language) -> str:
    said = []
    if "melitz_polanec" in table["method"].tolist():
        said.append(lang.text("plot.decomposition.note_split"))
    dynamic = np.isfinite(table["within"]) & (table["n_entrants"] >= 0)
    if (dynamic & np.isnan(table["entry"])).any():
        said.append(lang.text("plot.decomposition.note_missing"))
    return " ".join(said)


def dispersion(
    res: DispersionResult,
    where: Mapping[str, Any] | None = None,
    *,
    weighting: str = "unweighted",
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the median and the bands between the 10th and 90th, 25th and 75th percentiles.

    Parameters
    ----------
    res : DispersionResult
        With the percentiles 10, 25, 50, 75 and 90.
    where : mapping of grouping to label, optional
        Fixes all groupings but one, e.g. ``{"industry": "C"}``; the remaining one, usually time,
        runs along the axis.
    weighting : str
        ``"unweighted"`` or the name of the weight.
    language : {"en", "vi"}
    title, note : str, optional
    ax : matplotlib Axes, optional

    Raises
    ------
    DataError
        If no cell is left, or several groupings are.
    """
    lang = language_of(language)
    table, name = _cells_to_draw(res, where, weighting)
    labels = table[name].tolist() if name else [""]
    place = np.arange(len(labels), dtype=np.float64)
    time = name in ("time", res.keys.names["time"])
    if time and all(isinstance(label, int) for label in labels):
        place = np.array(labels, np.float64)
    ax = _style.new_axes(ax)
    for low, high, alpha in BANDS:
        bottom, top = table[f"p{low:g}"], table[f"p{high:g}"]
        text = lang.text("plot.dispersion.band", low=f"{low:g}", high=f"{high:g}")
        if time and len(labels) > 1:
            ax.fill_between(place, bottom, top, color=BLUE, alpha=alpha, linewidth=0, label=text)
        else:
            ax.bar(place, top - bottom, 0.5, bottom=bottom, color=BLUE, alpha=alpha, label=text)
    line = "-" if time and len(labels) > 1 else ""
    ax.plot(
        place, table["p50"], line, marker="o", markersize=4, color=_style.INK,
        markeredgecolor="white", label=lang.text("plot.dispersion.median"),
    )  # fmt: skip
    ticks = place[:: max(1, len(labels) // 10)] if time else place
    ax.set_xticks(ticks, [str(labels[int(np.flatnonzero(place == t)[0])]) for t in ticks])
    _style.number_axis(ax.yaxis, lang)
    _style.legend_above(ax, 3)
    axis = "plot.dispersion.axis" if res.spec.scale == "log" else "plot.dispersion.axis_level"
    said = " · ".join(str(value) for value in (where or {}).values())
    default = lang.text("plot.dispersion.title") + (f": {said}" if said else "")
    return _style.finish(
        ax, title=default if title is None else title, y=lang.text(axis), note=note or ""
    )


def _cells_to_draw(
    res: DispersionResult, where: Mapping[str, Any] | None, weighting: str
) -> tuple[Table, str]:
    table = res.tidy().where(weighting=weighting, **(where or {}))
    free = [name for name in res.groups if name not in (where or {})]
    if not len(table):
        raise DataError(
            f"the result has no cell {dict(where or {})!r} with the weighting {weighting!r}",
            code="no_cell",
            expected=f"labels of {', '.join(res.groups)}; weighting {', '.join(res.spreads)}",
        )
    if len(free) > 1:
        raise DataError(
            f"cells are told apart by {', '.join(free)}; a figure shows one of them",
            code="too_many_groupings",
            expected="where= a label for all but one",
        )
    return table, free[0] if free else ""


def transitions(
    res: DispersionResult,
    start: Any = None,
    end: Any = None,
    *,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the shares of enterprises that move between quantile bins, as a matrix.

    Parameters
    ----------
    res : DispersionResult
    start, end : period, optional
        As in `DispersionResult.transitions`.
    language, title, note, ax
        As in `dispersion`.
    """
    lang = language_of(language)
    table = res.transitions(start, end)
    k = res.spec.bins
    names = [*map(str, range(1, k + 1)), lang.text("plot.transitions.absent")]
    shares = np.full((k + 1, k + 1), np.nan)
    order: dict[Any, int] = {i: i - 1 for i in range(1, k + 1)}
    order["absent"] = k
    for origin, goal, share in zip(
        table["from"].tolist(), table["to"].tolist(), table["share"].tolist(), strict=True
    ):
        shares[order[origin], order[goal]] = share
    ax = _style.new_axes(ax, 5.6, 4.9)
    highest = float(np.nanmax(shares, initial=0.0)) or 1.0
    ax.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0.0, vmax=highest, aspect="auto")
    for i, j in np.argwhere(np.isfinite(shares)).tolist():
        dark = shares[i, j] > 0.6 * highest
        ax.text(
            j, i, lang.percent(shares[i, j], 0), ha="center", va="center", fontsize=8.5,
            color="white" if dark else _style.INK,
        )  # fmt: skip
    ax.set_xticks(np.arange(k + 1), names)
    ax.set_yticks(np.arange(k + 1), names)
    drawn = _style.finish(
        ax,
        title=lang.text("plot.transitions.title") if title is None else title,
        x=lang.text("plot.transitions.to"),
        y=lang.text("plot.transitions.from"),
        note=lang.text("plot.transitions.note") if note is None else note,
    )
    drawn.grid(visible=False)
    return drawn


def trimming(
    res: HsiehKlenowResult,
    *,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the gain of each year against the share cut from each tail.

    Parameters
    ----------
    res : HsiehKlenowResult
    language, title, note, ax
        As in `dispersion`.
    """
    lang = language_of(language)
    table = res.path()
    time = res.keys.names["time"]
    years = [y for y, refused in zip(res.years.tolist(), res.refused, strict=True) if not refused]
    shown = years if len(years) <= 6 else [years[0], years[len(years) // 2], years[-1]]
    ax = _style.new_axes(ax)
    for place, year in enumerate(shown):
        part = table.where(**{time: year})
        ax.plot(
            100.0 * part["trim"], part["gain_percent"], marker="osD^vP"[place % 6],
            color=_style.LINES[place % len(_style.LINES)], linewidth=1.8, markersize=4.5,
            linestyle=_style.DASHES[place % len(_style.DASHES)], label=str(year),
        )  # fmt: skip
    ax.axhline(0.0, color=_style.MUTED, linewidth=0.8)
    ax.set_xticks([100.0 * s.trim for s in res.solutions])
    _style.number_axis(ax.xaxis, lang)
    _style.number_axis(ax.yaxis, lang)
    _style.legend_above(ax, len(shown))
    return _style.finish(
        ax,
        title=lang.text("plot.trimming.title") if title is None else title,
        x=lang.text("plot.trimming.x"),
        y=lang.text("plot.trimming.axis"),
        note=lang.text("plot.trimming.note") if note is None else note,
    )
