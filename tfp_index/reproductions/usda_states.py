"""Agriculture of US states: bilateral and multilateral TFP indices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.growth.bilateral import BilateralIndex
from tfp_index.growth.multilateral import MultilateralIndex
from tfp_index.panel.panel import Panel
from tfp_index.reproductions._recipe import Columns, Found, Recipe, need
from tfp_index.reproductions._result import Comparison, compare_rows

__all__ = ["RECIPE"]

Floats = NDArray[np.float64]

OUTPUTS = ("livestock", "crop", "other")
INPUTS = ("capital", "land", "labor", "materials")

R_MEANS = {"laspeyres": 1.017289, "paasche": 1.018775, "fisher": 1.018032}
"""Geometric means of annual change by R productivity 1.1.0 with ``scaled=FALSE``, six decimals."""

CHANGES = ("tornqvist", "fisher", "laspeyres", "paasche")
LEVELS = {"ln_ccd": "ccd", "ln_gns": "good_nadiri_sickles"}
"""Columns that are compared when the table has them, and the formula."""

IDENTITY = 1e-12
SIX_DECIMALS = 5e-7

ELSEWHERE = "double precision; the column is no part of the source, but was computed elsewhere"

LAYOUT = (
    "one row per state and year with States, Years, and q. and p. of livestock, crop, other, "
    "capital, land, labor, materials; further columns tornqvist, fisher, laspeyres, paasche "
    "(change on the year before), ln_ccd and ln_gns are compared if they are there"
)


def reproduce(table: Columns) -> Found:
    """Compute the bilateral chains and the multilateral indices of 48 states."""
    goods = (*OUTPUTS, *INPUTS)
    need(table, ("States", "Years", *(f"{x}.{good}" for good in goods for x in "qp")), LAYOUT)
    given = [name for name in (*CHANGES, *LEVELS) if name in table]
    roles = {good: f"q.{good}" for good in goods} | {f"{good}_price": f"p.{good}" for good in goods}
    panel = Panel.from_frame(
        table, entity="States", time="Years", columns=roles | {name: name for name in given}
    )
    sides: dict[str, Any] = {"outputs": OUTPUTS, "inputs": INPUTS}

    change: dict[str, Floats] = {}
    for formula in CHANGES:
        result = BilateralIndex(formula=formula, kind="tfp", **sides).fit(panel)
        change[formula] = np.exp(result.growth()["tfp_growth"])
    level = {
        name: MultilateralIndex(formula=formula, **sides).fit(panel).log_tfp
        for name, formula in LEVELS.items()
    }
    geks = MultilateralIndex(formula="geks", bilateral="tornqvist", **sides).fit(panel).log_tfp

    found = [_means(change), _identity(panel, level["ln_ccd"], geks)]
    units = dict.fromkeys(change, "ratio") | dict.fromkeys(level, "log level")
    found += [
        compare_rows(name, panel, name, ours, IDENTITY, unit=units[name], reason="double precision")
        for name, ours in (change | level).items()
        if name in given
    ]
    return Found("USDA agricultural accounts of states, 1995-2004", found)


def _means(change: dict[str, Floats]) -> Comparison:
    names = list(R_MEANS)
    ours = [float(np.exp(np.nanmean(np.log(change[name])))) for name in names]
    return Comparison(
        series="mean annual change, R productivity",
        unit="ratio",
        keys={"formula": np.array(names, object)},
        published=np.array([R_MEANS[name] for name in names]),
        reproduced=np.array(ours),
        tolerance=SIX_DECIMALS,
        reason="half a unit of the sixth decimal",
    )


def _identity(panel: Panel, ccd: Floats, geks: Floats) -> Comparison:
    return compare_rows(
        "CCD beside GEKS-Törnqvist",
        panel,
        geks,
        ccd - ccd.mean(),
        IDENTITY,
        unit="log level",
        reason="the two are the same index; the mean over all states and years is zero in both",
    )


RECIPE = Recipe(
    name="usda_states",
    title="Agriculture of 48 US states: Törnqvist, Fisher, Laspeyres, Paasche, CCD, GNS",
    source=(
        "United States Department of Agriculture, state accounts of agriculture, as in the dataset "
        "usagri of the R package productivity 1.1.0 (GPL-3)"
    ),
    where="install the package from CRAN and write usagri as CSV",
    layout=LAYOUT,
    formula=(
        "Index of outputs over index of inputs. Bilateral: each year against the one before. "
        "Multilateral: every state-year against the mean of all (Caves, Christensen and Diewert), "
        "or against the mean state of its year, whose own change is chained (Good, Nadiri and "
        "Sickles)."
    ),
    series={
        "mean annual change, R productivity": "geometric mean over 432 changes, scaled=FALSE",
        "CCD beside GEKS-Törnqvist": "an identity: two roads to one index",
        **dict.fromkeys(CHANGES, "change on the year before, if the table has the column"),
        **dict.fromkeys(LEVELS, "log level, if the table has the column"),
    },
    function=reproduce,
)
