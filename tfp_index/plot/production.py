"""The objective of a two-stage estimate, with every root and stationary point marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import SpecificationError, nearest
from tfp_index.language import Language
from tfp_index.language import language as language_of
from tfp_index.plot import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tfp_index.production._two_stage_result import TwoStageResult

__all__ = ["roots"]

Floats = NDArray[np.float64]
Limits = tuple[tuple[float, float], tuple[float, float]]

GRID = 81
"""Points of the grid in each direction."""

MARKS = {"root": "o", "minimum": "X", "stationary": "+", "bound": "s"}


def roots(
    res: TwoStageResult,
    coefficients: Sequence[str] | None = None,
    *,
    limits: Limits | None = None,
    language: str = "en",
    title: str | None = None,
    note: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the objective over one or two coefficients and mark where the search ended.

    Over two coefficients the objective is shown as contours of its logarithm; all further
    coefficients are at their best for each point. A method whose second stage has one coefficient
    gets a curve.

    Parameters
    ----------
    res : TwoStageResult
        Of `AckerbergCavesFrazer`, `LevinsohnPetrin` or `OlleyPakes`.
    coefficients : sequence of one or two str, optional
        Default: the first two of the second stage.
    limits : ((low, high), (low, high)), optional
        Of each coefficient. Default: around the points that are near; those outside are counted
        in the note.
    language : {"en", "vi"}
    title, note : str, optional
        Replace the title and the note below the axes; empty for none.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    SpecificationError
        If a coefficient is unknown.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.acf2015(design=1, firms=300, rng=1)
    >>> acf = tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=1).fit(sim.panel())
    >>> ax = tfp.plot.roots(acf)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('labor', 'capital')
    """
    lang = language_of(language)
    terms = [name for name in res.params if name in res.roots.columns]
    chosen = list(coefficients) if coefficients is not None else terms[:2]
    for name in chosen:
        if name not in terms:
            raise SpecificationError(
                f"{name!r} is no coefficient of the second stage",
                code="unknown_coefficient",
                column=name,
                remedy=nearest(name, terms),
            )
    if not 1 <= len(chosen) <= 2 or len(set(chosen)) < len(chosen):
        raise SpecificationError(
            f"{len(chosen)} coefficients were asked for",
            code="bad_option",
            column="coefficients",
            expected="one or two different ones",
        )
    ax = _style.new_axes(ax, 6.8, 5.0 if len(chosen) == 2 else 4.0)
    points = np.stack([res.roots[name] for name in terms], axis=1)
    places = [terms.index(name) for name in chosen]
    box = limits or tuple(_limits(points[:, j], res) for j in places)
    if len(chosen) == 2:
        _contours(ax, res, points, places, box)
    else:
        _curve(ax, res, points, places[0], box[0])
    outside = _mark(ax, res, points, places, box, lang)
    y = chosen[1] if len(chosen) == 2 else lang.text("plot.roots.objective")
    kind = "roots" if "correlation" in res.roots.columns else "minima"
    said = lang.text("plot.roots.note", outside=outside) if outside else ""
    return _style.finish(
        ax,
        title=lang.text(f"plot.{kind}.title") if title is None else title,
        x=chosen[0],
        y=y,
        note=said if note is None else note,
    )


def _limits(values: Floats, res: TwoStageResult) -> tuple[float, float]:
    """Around what is near the chosen point, and around 0 and 1."""
    center = float(values[int(np.argmax(res.roots["chosen"]))])
    near = values[np.abs(values - center) < 1.5]
    low, high = min(float(near.min()), -0.1), max(float(near.max()), 1.0)
    margin = 0.12 * (high - low)
    return low - margin, high + margin


def _contours(
    ax: Axes, res: TwoStageResult, points: Floats, places: Sequence[int], box: Any
) -> None:
    x, y = (np.linspace(low, high, GRID) for low, high in box)
    grid = np.tile(points[int(np.argmax(res.roots["chosen"]))], (GRID * GRID, 1))
    grid[:, places[0]] = np.tile(x, GRID)
    grid[:, places[1]] = np.repeat(y, GRID)
    value = res.surface.profile(grid, places)
    shade = np.log10(np.maximum(value, np.quantile(value, 0.001))).reshape(GRID, GRID)
    ax.contourf(x, y, shade, levels=18, cmap="Greys_r", alpha=0.55)
    ax.contour(x, y, shade, levels=18, colors="white", linewidths=0.4, linestyles="solid")
    ax.set_xlim(*box[0])
    ax.set_ylim(*box[1])


def _curve(
    ax: Axes, res: TwoStageResult, points: Floats, place: int, box: tuple[float, float]
) -> None:
    x = np.linspace(*box, 401)
    grid = np.tile(points[int(np.argmax(res.roots["chosen"]))], (x.size, 1))
    grid[:, place] = x
    ax.plot(x, res.surface.profile(grid, [place]), color=_style.INK, linewidth=1.6)
    ax.set_xlim(*box)


def _mark(
    ax: Axes,
    res: TwoStageResult,
    points: Floats,
    places: Sequence[int],
    box: Any,
    lang: Language,
) -> int:
    """Mark the points inside the box, and return how many lie outside."""
    table, outside = res.roots, 0
    seen: set[str] = set()
    squares = "correlation" not in table.columns
    for i, kind in enumerate(table["kind"].tolist()):
        at = [float(points[i, j]) for j in places]
        if not all(low <= v <= high for v, (low, high) in zip(at, box, strict=True)):
            outside += 1
            continue
        if len(at) == 1:
            at.append(float(table["objective"][i]))
        chosen = bool(table["chosen"][i])
        group = "chosen" if chosen else ("other" if squares and kind == "minimum" else kind)
        ax.plot(
            *at,
            linestyle="none",
            marker="*" if chosen else MARKS[kind],
            markersize=15 if chosen else 9,
            color="#d55e00" if chosen else ("#0072b2" if kind == "root" else _style.MUTED),
            markeredgecolor="white",
            label=lang.text(f"plot.roots.{group}") if group not in seen else None,
        )
        seen.add(group)
        if kind == "root" or chosen:
            ax.annotate(
                f"ρ = {lang.number(float(table['persistence'][i]), 2)}",
                (at[0], at[1]),
                (9, 7),
                textcoords="offset points",
                fontsize=9,
                color=_style.INK,
            )
    _style.legend_above(ax, len(seen))
    return outside
