"""The measures that indicators of a criteria set may name; files hold names, never code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.growth import ShareRule, growth_terms
from tfp_index.panel.mapping import ReadOnly

__all__ = ["MEASURES", "Measure", "Rows", "measures"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Inputs = Mapping[str, Floats]
Parameters = Mapping[str, float]

LEAST_GROWTH = 0.001
"""Mean annual growth (a rate) below which a share in growth has no meaning."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Where the rows of the inputs stand in time.

    Attributes
    ----------
    lag_status : (n,) int8 array
        Whether the row before is the unit's previous period.
    lag : callable
        Row of the same unit so many periods earlier, -1 where missing.
    """

    lag_status: NDArray[np.int8]
    lag: Callable[[int], Ints]


@dataclass(frozen=True)
class Measure:
    """A documented formula over named inputs.

    Attributes
    ----------
    name : str
    formula : str
        As a reader would write it.
    needs : tuple of str
        Inputs that must be there.
    may : tuple of str
        Inputs that may be there.
    parameters : mapping of name to default
    compute : callable
        ``compute(inputs, parameters, rows)`` gives an (n,) array; missing inputs give NaN.
    """

    name: str
    formula: str
    needs: tuple[str, ...]
    may: tuple[str, ...]
    parameters: Mapping[str, float]
    compute: Callable[[Inputs, Parameters, Rows], Floats]

    @property
    def description(self) -> str:
        """First line of the measure's own documentation."""
        return (self.compute.__doc__ or "").partition("\n")[0]


_FOUND: dict[str, Measure] = {}


def _measure(
    formula: str, needs: str, *, may: str = "", **parameters: float
) -> Callable[[Any], Any]:
    def register(compute: Callable[[Inputs, Parameters, Rows], Floats]) -> Any:
        name = compute.__name__.lstrip("_")
        _FOUND[name] = Measure(
            name,
            formula,
            tuple(needs.split()),
            tuple(may.split()),
            ReadOnly(parameters),
            compute,
        )
        return compute

    return register


def _divide(above: Floats, below: Floats) -> Floats:
    """Return a / b, NaN where b is zero."""
    usable = below != 0
    return np.where(usable, above / np.where(usable, below, 1.0), np.nan)


def _middle(opening: Floats, closing: Floats) -> Floats:
    """Return the mean of opening and closing, or the one that is there."""
    a = np.where(np.isnan(opening), closing, opening)
    b = np.where(np.isnan(closing), opening, closing)
    return (a + b) / 2.0


def _previous(values: Floats, rows: Rows, periods: int = 1) -> Floats:
    row = rows.lag(periods)
    return np.where(row >= 0, values[row], np.nan)


@_measure("value", "value")
def _value(x: Inputs, p: Parameters, rows: Rows) -> Floats:
    """The column as it is."""
    return x["value"]


@_measure("scale × numerator / denominator", "numerator denominator", scale=1.0)
def _ratio(x: Inputs, p: Parameters, rows: Rows) -> Floats:
    """One column over another."""
    return p["scale"] * _divide(x["numerator"], x["denominator"])


@_measure("numerator / mean(opening, closing)", "numerator closing", may="opening", scale=1.0)
def _ratio_to_mean(x: Inputs, p: Parameters, rows: Rows) -> Floats:
    """A flow over the mean of an opening and a closing stock (or the one that is there)."""
    return p["scale"] * _divide(x["numerator"], _mean_stock(x))


@_measure("scale × mean(opening, closing) / denominator", "closing denominator", may="opening",
          scale=1.0)  # fmt: skip
def _mean_to_ratio(x: Inputs, p: Parameters, rows: Rows) -> Floats:
    """The mean of an opening and a closing stock over a flow or a count."""
    return p["scale"] * _divide(_mean_stock(x), x["denominator"])


def _mean_stock(x: Inputs) -> Floats:
    return _middle(x["opening"], x["closing"]) if "opening" in x else x["closing"]


@_measure("100 (value / value of the previous period − 1)", "value")
def _growth(x: Inputs, p: Parameters, rows: Rows) -> Floats:
    """Growth over the previous period, percent."""
    return 100.0 * (_divide(x["value"], _previous(x["value"], rows)) - 1.0)


@_measure("100 ((a/b) / (a/b of the previous period) − 1)", "numerator denominator")
def _growth_of_ratio(x: Inputs, p: Parameters, rows: Rows) -> Floats:
    """Growth of one column over another, percent."""
    ratio = _divide(x["numerator"], x["denominator"])
    return 100.0 * (_divide(ratio, _previous(ratio, rows)) - 1.0)


@_measure(
    "100 (g_Y − s_K g_K − (1 − s_K) g_L)",
    "output capital labor",
    may="capital_share",
    capital_share=0.4,
)
def _tfp_growth(x: Inputs, p: Parameters, rows: Rows) -> Floats:
    """TFP growth as the residual of growth accounting with simple rates, percent."""
    _, tfp = _growth_and_residual(x, p, rows)
    return 100.0 * tfp


@_measure(
    "100 Σ g_TFP / Σ g_Y over the last years",
    "output capital labor",
    may="capital_share",
    capital_share=0.4,
    years=1.0,
)
def _tfp_share_of_growth(x: Inputs, p: Parameters, rows: Rows) -> Floats:
    """Share of TFP growth in output growth, ratio of the means over the last years, percent.

    Never clamped: negative shares and shares above 100 are real. Missing where output grew by
    less than a tenth of a percent a year.
    """
    output, tfp = _growth_and_residual(x, p, rows)
    years = int(p["years"])
    total_output, total_tfp = output.copy(), tfp.copy()
    for back in range(1, years):
        total_output = total_output + _previous(output, rows, back)
        total_tfp = total_tfp + _previous(tfp, rows, back)
    grown = np.abs(total_output) >= LEAST_GROWTH * years
    return np.where(grown, 100.0 * _divide(total_tfp, total_output), np.nan)


def _growth_and_residual(x: Inputs, p: Parameters, rows: Rows) -> tuple[Floats, Floats]:
    levels = [np.where(x[name] > 0, x[name], np.nan) for name in ("output", "capital", "labor")]
    share = x.get("capital_share", p["capital_share"])
    terms = growth_terms(
        levels[0],
        levels[1:],
        ShareRule((share, None)),
        rows.lag_status,
        growth="discrete",
    )
    return terms.output_growth, terms.tfp_growth


@_measure(
    "V / (K^s_K L^(1 − s_K))",
    "value_added capital labor",
    may="capital_opening capital_share",
    capital_share=0.3,
)
def _tfp_level(x: Inputs, p: Parameters, rows: Rows) -> Floats:
    """Value added over a weighted geometric mean of capital and labor."""
    stock = x["capital"]
    if "capital_opening" in x:
        stock = _middle(x["capital_opening"], stock)
    share = x.get("capital_share", p["capital_share"])
    usable = (stock > 0) & (x["labor"] > 0)
    k, n = np.where(usable, stock, 1.0), np.where(usable, x["labor"], 1.0)
    return np.where(usable, x["value_added"] / (k**share * n ** (1.0 - share)), np.nan)


@_measure(
    "VA / (labor cost + depreciation + interest + production taxes)",
    "value_added labor_cost depreciation interest",
    may="production_taxes",
)
def _process_efficiency(x: Inputs, p: Parameters, rows: Rows) -> Floats:
    """Value added over the input costs other than bought-in materials and services."""
    cost = x["labor_cost"] + x["depreciation"] + x["interest"]
    if "production_taxes" in x:
        cost = cost + x["production_taxes"]
    return _divide(x["value_added"], cost)


@_measure(
    "output / (labor cost + depreciation + interest + materials and services)",
    "output labor_cost depreciation interest materials_and_services",
)
def _total_productivity(x: Inputs, p: Parameters, rows: Rows) -> Floats:
    """Output over the cost of labor, of capital and of bought-in materials and services."""
    cost = x["labor_cost"] + x["depreciation"] + x["interest"] + x["materials_and_services"]
    return _divide(x["output"], cost)


@_measure(
    "100 (VA / labor cost) (employees / persons employed)",
    "value_added labor_cost employees persons_employed",
)
def _wage_adjusted_productivity(x: Inputs, p: Parameters, rows: Rows) -> Floats:
    """Value added per unit of personnel cost, corrected for unpaid workers, percent."""
    paid = _divide(x["employees"], x["persons_employed"])
    return 100.0 * _divide(x["value_added"], x["labor_cost"]) * paid


MEASURES: Mapping[str, Measure] = ReadOnly(_FOUND)
"""Every measure by its name."""


def measures() -> Any:
    """Return the measures with formula, inputs and parameters as a table.

    Examples
    --------
    >>> table = measures()
    >>> "tfp_share_of_growth" in table["measure"].tolist()
    True
    """
    from tfp_index.panel.table import Table

    listed = list(_FOUND.values())
    return Table(
        {
            "measure": [m.name for m in listed],
            "formula": [m.formula for m in listed],
            "needs": [", ".join(m.needs) for m in listed],
            "may_use": [", ".join(m.may) for m in listed],
            "parameters": [
                ", ".join(f"{name} = {value:g}" for name, value in m.parameters.items())
                for m in listed
            ],
            "description": [m.description for m in listed],
        },
        title="Measures that indicators may name",
    )
