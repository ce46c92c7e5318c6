"""Penn World Table: TFP over time and TFP levels, all countries and years."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.datasets.hours import fill_hours
from tfp_index.errors import DataError, SpecificationError, nearest
from tfp_index.growth.accounting import GrowthAccounting
from tfp_index.growth.levels import TFPLevels
from tfp_index.panel.panel import Panel
from tfp_index.reproductions._recipe import Columns, Found, Recipe, log_change, need
from tfp_index.reproductions._result import Comparison, compare_rows

__all__ = ["RECIPE"]

OVER_TIME = {"rtfpna": "rgdpna", "rwtfpna": "rdana"}
LEVELS = {"ctfp": "cgdpo", "cwtfp": "cda"}
"""Published series, and the output that it is made of."""

LOG_GROWTH = 2e-7
LEVEL = 4e-6
SINGLE = "published in single precision"

EDITIONS = {2017: ("PWT 10.0x", 118), 2021: ("PWT 11.0", 120)}
"""Edition by the year in which ``rtfpna`` is 1, and its number of countries with TFP."""

LAYOUT = (
    "one row per country and year with isocode (or countrycode), year, rgdpna, rdana, cgdpo, cda, "
    "rkna, ck, emp, avh, hc, labsh, rtfpna, rwtfpna, ctfp, cwtfp"
)
NEEDED = ("year", "rkna", "ck", "emp", "avh", "hc", "labsh", *OVER_TIME.values(), *LEVELS.values())


def reproduce(table: Columns, series: Sequence[str] = (*OVER_TIME, *LEVELS)) -> Found:
    """Compute the four series from the other columns, and compare."""
    for name in series:
        if name not in (*OVER_TIME, *LEVELS):
            raise SpecificationError(
                f"there is no series {name!r}",
                code="unknown_series",
                remedy=nearest(name, (*OVER_TIME, *LEVELS)),
            )
    country = _country(table)
    need(table, (*NEEDED, "rtfpna", *series), LAYOUT)
    # hours: gaps interpolated, ends with the growth of US hours, US hours where never observed
    hours = fill_hours(table[country], table["year"], table["avh"]).hours
    table = {**table, "labor": table["emp"] * hours * table["hc"]}
    base = _base_year(table)
    edition, countries = EDITIONS.get(base, (f"PWT with base year {base}", 0))

    found: list[Comparison] = []
    for name in series:
        if name in OVER_TIME:
            found += _over_time(table, country, name, base)
        else:
            found.append(_levels(table, country, name))
    present = len(set(table[country][np.isfinite(table["labsh"] * table["ck"])].tolist()))
    partial = any(name in LEVELS for name in series) and present < countries
    notes = (
        f"levels are relative to the mean of all countries of a year: {edition} has {countries} "
        f"with TFP, this table {present}",
    )
    return Found(edition, found, notes if partial else ())


def _over_time(table: Columns, country: str, name: str, base: int) -> list[Comparison]:
    """Log growth of output less inputs, two-period mean shares, chained to 1 in the base year."""
    panel = Panel.from_frame(
        table,
        entity=country,
        time="year",
        output=OVER_TIME[name],
        capital="rkna",
        labor="labor",
        labor_share="labsh",
        columns={"published": name},
    )
    result = GrowthAccounting.pwt().fit(panel)
    growth = log_change(panel, panel["published"])
    index = result.index(base=base)["tfp_index"]
    return [
        compare_rows(
            f"{name}, growth",
            panel,
            growth,
            result.tfp_growth,
            LOG_GROWTH,
            unit="log change",
            reason=SINGLE,
        ),
        compare_rows(name, panel, "published", index, LEVEL, unit="level", reason=SINGLE),
    ]


def _levels(table: Columns, country: str, name: str) -> Comparison:
    """Compare the countries of a year multilaterally, the United States at 1."""
    panel = Panel.from_frame(
        table,
        entity=country,
        time="year",
        output=LEVELS[name],
        capital="ck",
        labor="labor",
        labor_share="labsh",
        columns={"published": name},
    )
    _refuse_lonely_country(panel)
    levels = TFPLevels(base="USA").fit(panel)["tfp"]
    return compare_rows(name, panel, "published", levels, LEVEL, unit="level", reason=SINGLE)


def _country(table: Columns) -> str:
    """Return the column with three-letter codes: 10.01 and 11.0 name it differently."""
    for name in ("countrycode", "isocode", "country"):
        if name in table and all(len(str(code)) == 3 for code in table[name].tolist()):
            return name
    raise DataError(
        "the table has no column of three-letter country codes",
        code="missing_column",
        column="isocode",
        expected=LAYOUT,
        remedy=nearest("isocode", table),
    )


def _base_year(table: Columns) -> int:
    """Return the year in which the TFP index is 1 in every country that has one."""
    for year in np.unique(table["year"]).astype(int).tolist():
        values = table["rtfpna"][table["year"] == year]
        values = values[np.isfinite(values)]
        if values.size and np.abs(values - 1.0).max() < 1e-6:
            return int(year)
    raise DataError(
        "there is no year in which rtfpna is 1 in every country",
        code="no_base_year",
        column="rtfpna",
        expected="the TFP index of the published table, 1 in its base year",
        remedy="give the table as published, with the base year in it",
    )


def _refuse_lonely_country(panel: Panel) -> None:
    """Refuse years in which a level is published and only one country is in the table."""
    complete = np.isfinite(panel["published"])
    for year in np.unique(panel.time[complete]):
        rows: NDArray[Any] = np.flatnonzero(complete & (panel.time == year))
        if rows.size == 1:
            entity, time = panel.where(int(rows[0]))
            raise DataError(
                f"{panel.names['published']} compares the countries of a year, and there is one",
                code="one_country",
                column=panel.names["published"],
                entity=entity,
                time=time,
                expected="all countries of the published table",
                remedy="give the whole table, or series=('rtfpna', 'rwtfpna')",
            )


RECIPE = Recipe(
    name="pwt",
    title="Penn World Table: TFP over time and TFP levels",
    source=(
        "Penn World Table 10.01 or 11.0, Groningen Growth and Development Centre, University of "
        "Groningen (CC BY 4.0)"
    ),
    where=(
        "https://www.rug.nl/ggdc/productivity/pwt: the Excel file (sheet Data) or the table as CSV"
    ),
    layout=LAYOUT,
    formula=(
        "Labor is persons engaged times hours times human capital; missing hours follow US hours. "
        "Over time: log growth of GDP (or domestic absorption) less the growth of labor and of "
        "capital services, weighted by the two-period means of the labor share and its complement, "
        "chained to 1 in the base year. Levels: output against the mean country of the year, less "
        "inputs against the mean country, weighted by the mean of the country's and the mean "
        "country's shares (Caves, Christensen and Diewert); unweighted means over all countries "
        "with data; the United States at 1."
    ),
    series={
        "rtfpna, growth": "its log change",
        "rtfpna": "TFP at constant national prices, base year 1",
        "rwtfpna, growth": "its log change",
        "rwtfpna": "welfare-relevant TFP at constant national prices, base year 1",
        "ctfp": "TFP level at current purchasing power parities, USA 1",
        "cwtfp": "welfare-relevant TFP level at current purchasing power parities, USA 1",
    },
    function=reproduce,
    bundled="pwt110",
    sheets={"Data": 0},
    untested=(
        "run on edition 11.0 only; the layout of 10.01 (countrycode, 1 in 2017) was tried on a "
        "table made from 11.0"
    ),
)
