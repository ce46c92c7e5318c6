"""Solow (1957), Table 1: technical change from output and capital per man-hour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfp_index.growth.accounting import GrowthAccounting
from tfp_index.panel.panel import Panel
from tfp_index.reproductions._recipe import Columns, Found, Recipe, need
from tfp_index.reproductions._result import Comparison, compare_rows

__all__ = ["RECIPE"]

Floats = NDArray[np.float64]

HALF = 0.0005
"""Half a unit of the third decimal, to which q, A and the share are printed; k has two."""

SLIP = 1943
"""The rate from 1942 is printed as .016; q and k of the same table give .041."""

LAYOUT = "one row per year with country, year, q, k, A, capital_share (Table 1 of the article)"


def reproduce(table: Columns) -> Found:
    """Compute A(t) from q, k and the share, interval by interval, and the split of growth."""
    need(table, ("country", "year", "q", "k", "A", "capital_share"), LAYOUT)
    panel = Panel.from_frame(
        table,
        entity="country",
        time="year",
        output="q",
        capital="k",
        capital_share="capital_share",
        columns={"A": "A"},
    )
    result = GrowthAccounting.solow_1957().fit(panel)

    # from each printed A to the next: one slip would spoil every later year of a chain
    printed = panel["A"]
    implied = np.r_[np.nan, printed[:-1] * (1.0 + result.tfp_growth[1:])]
    published = np.r_[np.nan, printed[1:]]
    slip = panel.time == SLIP
    intervals = compare_rows(
        "A(t)",
        panel,
        published,
        implied,
        _rounding(panel, result.tfp_growth),
        unit="level",
        reason="what the rounding of the printed q, k, A and share can explain, by interval",
        rows=~slip,
    )
    the_slip = compare_rows(
        "A(1943), the slip",
        panel,
        published,
        implied,
        None,
        unit="level",
        reason="not judged: the printed rate .016 is contradicted by the printed q and k (.041)",
        rows=slip,
    )
    return Found(
        "Solow (1957), Table 1",
        [intervals, the_slip, *_split(panel["output"], printed)],
        ("capital_share of the bundled table was typed from memory of secondary sources",),
    )


def _rounding(panel: Panel, growth: Floats) -> Floats:
    """Return by how much the rounding of the printed figures can move A, given the A before."""
    q, k, A, w = (panel[name] for name in ("output", "capital", "A", "capital_share"))
    from_q = HALF / q[:-1] + HALF * q[1:] / q[:-1] ** 2
    from_k = w[:-1] * 10 * HALF * (1.0 / k[:-1] + k[1:] / k[:-1] ** 2)
    from_w = HALF * np.abs(k[1:] / k[:-1] - 1.0)
    moved = A[:-1] * (from_q + from_k + from_w) + HALF * (1.0 + growth[1:]) + HALF
    allowed: Floats = np.r_[np.nan, moved]
    return allowed


def _split(q: Floats, A: Floats) -> list[Comparison]:
    """Divide the growth of q: deflated for technical change, what is left is due to capital."""
    without = q[-1] / A[-1]
    technical = 100.0 * (1.0 - (without - q[0]) / (q[-1] - q[0]))
    figures = (("q/A", 0.705, without, HALF), ("technical change", 87.5, technical, 0.05))
    units = {"q/A": "US dollars per man-hour", "technical change": "percent of the growth of q"}
    return [
        Comparison(
            series=name,
            unit=units[name],
            keys={"years": np.array(["1949" if name == "q/A" else "1909-1949"], object)},
            published=np.array([published]),
            reproduced=np.array([ours]),
            tolerance=tolerance,
            reason="half a unit of the last printed digit",
        )
        for name, published, ours, tolerance in figures
    ]


RECIPE = Recipe(
    name="solow1957",
    title="Solow (1957): technical change in the United States, 1909-1949",
    source=(
        "Solow, R. M. (1957), Technical Change and the Aggregate Production Function, Review of "
        "Economics and Statistics 39(3), Table 1; q, k and A as reprinted in Greene, Econometric "
        "Analysis (2003), Table F7.2"
    ),
    where="another transcription of the printed table",
    layout=LAYOUT,
    formula=(
        "Growth rate of output per man-hour less the share of property in income, of the earlier "
        "year, times the growth rate of capital per man-hour. The split of growth: output per "
        "man-hour of 1949 divided by A, less that of 1909, is due to capital."
    ),
    series={
        "A(t)": "each printed A from the one before, 39 of 40 intervals",
        "A(1943), the slip": "the interval in which the article has an arithmetic slip",
        "q/A": "output per man-hour of 1949 deflated for technical change, .705 in print",
        "technical change": "its share of the growth of output per man-hour, 87.5 percent in print",
    },
    function=reproduce,
    bundled="solow1957",
)
