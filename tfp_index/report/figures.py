"""Figures as vector pictures inside the page: a wide one and a narrow one for telephones."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from typing import Any

from tfp_index._optional import require
from tfp_index.report.sections import Figure

__all__ = ["Picture", "draw", "picture"]

WIDE, NARROW = 7.6, 4.1
"""Widths in inches: the text column, and a telephone."""

_ID = re.compile(r'\bid="([a-z]+[0-9a-f]{10})"')


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn figure as data addresses that need no network."""

    wide: str
    narrow: str
    width: int
    height: int


def draw(figure: Figure) -> Picture:
    """Draw a figure in both widths.

    The figures are made without pyplot: nothing is registered anywhere, and reports may be written
    in several threads at once. The same figure gives the same bytes.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    wide = _svg(figure, WIDE, figure.height)
    narrow = _svg(figure, NARROW, max(figure.height, 3.6))
    return Picture(
        _address(wide), _address(narrow), width=round(96 * WIDE), height=round(96 * figure.height)
    )


def picture(figure: Figure, kind: str) -> bytes:
    """Return a figure as the content of an SVG or PNG file.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    if kind == "svg":
        return _svg(figure, WIDE, figure.height)
    out = io.BytesIO()
    _canvas(figure, WIDE, figure.height).savefig(
        out, format="png", dpi=200, metadata={"Software": None}
    )
    return out.getvalue()


def _canvas(figure: Figure, width: float, height: float) -> Any:
    module = require("matplotlib.figure", extra="report", purpose="drawing a report's figures")
    canvas = module.Figure(figsize=(width, height), layout="constrained")
    figure.draw(canvas.add_subplot())
    return canvas


def _svg(figure: Figure, width: float, height: float) -> bytes:
    canvas, out = _canvas(figure, width, height), io.BytesIO()
    canvas.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _stable(out.getvalue().decode("utf-8")).encode("utf-8")


def _stable(svg: str) -> str:
    """Number the random names of clip paths and markers in their order of appearance."""
    names = dict.fromkeys(_ID.findall(svg))
    if not names:
        return svg
    places = {name: f"i{place}" for place, name in enumerate(names)}
    return re.sub("|".join(names), lambda found: places[found[0]], svg)


def _address(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")
