"""Public capital and output of US states: the regressions of the textbook."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfp_index.panel.panel import Panel
from tfp_index.production.least_squares import CobbDouglas
from tfp_index.reproductions._recipe import Columns, Found, Recipe, need
from tfp_index.reproductions._result import Comparison

__all__ = ["RECIPE"]

Floats = NDArray[np.float64]

INPUTS = {"public": "P_CAP", "private": "PC", "employees": "EMP"}
TERMS = ("constant", *INPUTS, "unemployment")

PLM: dict[str, tuple[list[float], list[float]]] = {
    "pooled": (
        [1.643302263, 0.1550070052, 0.3091901674, 0.5939348976, -0.0067329756],
        [0.0575872523, 0.0171537685, 0.0102719869, 0.0137474621, 0.0014163761],
    ),
    "between": (
        [1.5894444238, 0.1793651175, 0.3019542235, 0.5761273899, -0.0038902919],
        [0.232979564, 0.071971936, 0.041821482, 0.056374583, 0.009908353],
    ),
    "entity": (
        [-0.0261496536, 0.2920069251, 0.7681594726, -0.0052977413],
        [0.02900157547, 0.02511967285, 0.03009173942, 0.00098872567],
    ),
    "two_way": (
        [-0.0301760566, 0.1688280354, 0.7693061962, -0.0042210926],
        [0.0269365437, 0.027656339, 0.0281417941, 0.0011388374],
    ),
    "random": (
        [2.1354110021, 0.0044385885, 0.3105484342, 0.7296705326, -0.006172473],
        [0.1334614885, 0.02341731698, 0.01980474778, 0.02492021915, 0.00090728202],
    ),
}
"""Coefficients and standard errors of R plm 2.6-2; Python linearmodels 7.1 agrees."""

TEXTBOOK = {
    "pooled": [0.155, 0.309, 0.594, -0.007],
    "between": [0.179, 0.302, 0.576, -0.004],
    "entity": [-0.026, 0.292, 0.768, -0.005],
    "random": [0.004, 0.311, 0.730, -0.006],
}
"""Slopes of Baltagi's table as recalled by the literature."""

SIX_DECIMALS = 5e-7
THREE_DECIMALS = 5e-4

LAYOUT = "one row per state and year with STATE, YR, P_CAP, PC, GSP, EMP, UNEMP"


def reproduce(table: Columns) -> Found:
    """Regress log output on public and private capital, employees and the unemployment rate."""
    need(table, ("STATE", "YR", "GSP", *INPUTS.values(), "UNEMP"), LAYOUT)
    panel = Panel.from_frame(
        table,
        entity="STATE",
        time="YR",
        output="GSP",
        inputs=INPUTS,
        columns={"unemployment": "UNEMP"},
    )
    fits = {
        model: CobbDouglas(
            effects=None if model in ("pooled", "between") else model,
            cov="classical",
            controls=("unemployment",),
        ).fit(_means(panel) if model == "between" else panel)
        for model in PLM
    }
    slopes = {name: np.asarray(fit.params) for name, fit in fits.items()}
    errors = {name: np.asarray(fit.bse) for name, fit in fits.items()}
    return Found(
        "Munnell (1990), 48 US states, 1970-1986",
        [
            _compare(
                "coefficients, R plm",
                {name: np.array(b) for name, (b, _) in PLM.items()},
                slopes,
                SIX_DECIMALS,
                "six decimals, in which two programs agree",
            ),
            _compare(
                "standard errors, R plm",
                {name: np.array(se) for name, (_, se) in PLM.items()},
                errors,
                SIX_DECIMALS,
                "six decimals, in which two programs agree",
            ),
            _compare(
                "coefficients, textbook",
                {name: np.array(b) for name, b in TEXTBOOK.items()},
                {name: slopes[name][-4:] for name in TEXTBOOK},
                THREE_DECIMALS,
                "printed with three decimals; the printed page was not seen",
            ),
        ],
    )


def _means(panel: Panel) -> Panel:
    """Return the panel of state means of logs: pooled on it is the between estimator."""
    count = np.diff(panel.offsets)

    def mean(values: Floats) -> Floats:
        out: Floats = np.add.reduceat(values, panel.offsets[:-1]) / count
        return out

    columns = {role: mean(panel.log(role)) for role in ("output", *INPUTS)}
    columns["unemployment"] = mean(panel["unemployment"])
    return Panel.from_frame(
        {"state": panel.entity_labels, "year": np.zeros(count.size, np.int64), **columns},
        entity="state",
        time="year",
        output="output",
        inputs={role: role for role in INPUTS},
        columns={"unemployment": "unemployment"},
        logs=True,
    )


def _compare(
    series: str,
    published: dict[str, Floats],
    ours: dict[str, Floats],
    tolerance: float,
    reason: str,
) -> Comparison:
    model = [name for name, b in published.items() for _ in b]
    term = [name for b in published.values() for name in TERMS[-len(b) :]]
    return Comparison(
        series=series,
        unit="coefficient",
        keys={"model": np.array(model, object), "term": np.array(term, object)},
        published=np.concatenate(list(published.values())),
        reproduced=np.concatenate([ours[name] for name in published]),
        tolerance=tolerance,
        reason=reason,
    )


RECIPE = Recipe(
    name="munnell",
    title="Public capital and output of US states",
    source=(
        "Munnell, A. H. (1990), New England Economic Review, January/February, 3-22; the table as "
        "in linearmodels.datasets.munnell 7.1 and plm's Produc"
    ),
    where="R plm's Produc, which has the same numbers under other names",
    layout=LAYOUT,
    formula=(
        "Log gross state product on the logs of public capital, private capital and employees and "
        "on the unemployment rate: pooled, between states, within states, within states and "
        "years, and random effects (Swamy and Arora); classical standard errors."
    ),
    series={
        "coefficients, R plm": "five models, R plm 2.6-2",
        "standard errors, R plm": "of the same",
        "coefficients, textbook": "slopes in Baltagi, Econometric Analysis of Panel Data",
    },
    function=reproduce,
    bundled="munnell",
)
