"""Fernald's quarterly and annual TFP of the US business sector, with and without utilization."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.growth.accounting import GrowthAccounting
from tfp_index.panel.panel import Panel
from tfp_index.reproductions._recipe import Columns, Found, Recipe, need, numbers
from tfp_index.reproductions._result import Comparison, compare_rows

__all__ = ["RECIPE"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

QUARTER = re.compile(r"^(\d{4}):?Q([1-4])$")

IDENTITY = 1e-10  # percent at an annual rate; double precision, through chained logs
ANNUAL = 1e-8  # percent

COLUMNS = (
    *("date", "dY_prod", "dY_inc", "dY", "dhours", "dk", "dLQ", "alpha", "dtfp", "dutil"),
    *("dtfp_util", "relativePrice", "invShare", "dtfp_I", "dtfp_C"),
)
LAYOUT = (
    "the sheet quarterly, header in its second row, with date (1947:Q1), dY_prod, dY_inc, dY, "
    "dhours, dk, dLQ, alpha, dtfp, dutil, dtfp_util, relativePrice, invShare, dtfp_I, dtfp_C, all "
    "growth 400 times log changes; and, if it is given, the sheet annual with date, dtfp, dtfp_util"
)
RATE = "percent at an annual rate"


def reproduce(sheets: Mapping[str, Columns]) -> Found:
    """Compute quarterly TFP and its identities, and the annual figures where they are given."""
    table = sheets.get("quarterly", {})
    need(table, COLUMNS, LAYOUT)
    time, growth = _quarters(table)
    found = _quarterly(time, growth)
    if "annual" in sheets:
        found += _annual(time, growth, sheets["annual"])
    last = int(time.max())
    return Found(f"Fernald, quarterly TFP to {last // 4}:Q{last % 4 + 1}", found)


def _quarters(table: Columns) -> tuple[Ints, dict[str, Floats]]:
    """Return quarters as numbers with the columns; rows of means below the table are left out.

    The first quarter is preceded by an empty one, so that its growth has a place to start.
    """
    matches = [QUARTER.match(str(date).strip()) for date in table["date"].tolist()]
    rows = [i for i, match in enumerate(matches) if match]
    if not rows:
        raise DataError(
            "no date of the table is a quarter",
            code="no_quarters",
            column="date",
            expected="dates such as 1947:Q1",
        )
    time = np.array([4 * int(m[1]) + int(m[2]) - 1 for m in matches if m], np.int64)
    order = np.argsort(time)
    columns = {name: numbers(table[name])[rows][order] for name in COLUMNS if name != "date"}
    return (
        np.r_[time.min() - 1, time[order]],
        {name: np.r_[np.nan, values] for name, values in columns.items()},
    )


def _quarterly(time: Ints, growth: dict[str, Floats]) -> list[Comparison]:
    """Set output less inputs, at the capital share of the quarter itself, beside dtfp."""
    needed = [growth[name] for name in ("dY", "dk", "dhours", "dLQ", "alpha")]
    known = np.isfinite(np.sum(needed, axis=0))

    def chain(change: Floats) -> Floats:
        return np.cumsum(np.where(known, change, 0.0)) / 400.0

    panel = Panel.from_frame(
        {
            "country": np.array(["USA"] * time.size, object),
            "quarter": time,
            "output": chain(growth["dY"]),
            "capital": chain(growth["dk"]),
            "labor": chain(growth["dhours"] + growth["dLQ"]),
            **growth,
        },
        entity="country",
        time="quarter",
        output="output",
        capital="capital",
        labor="labor",
        capital_share="alpha",
        columns={name: name for name in growth if name != "alpha"},
        logs=True,
    )
    dtfp = np.where(known, 400.0 * GrowthAccounting.fernald().fit(panel).tfp_growth, np.nan)
    share = panel["invShare"]
    ours = {
        "dY": 0.5 * (panel["dY_prod"] + panel["dY_inc"]),
        "dtfp": dtfp,
        "dtfp_util": dtfp - panel["dutil"],
        "dtfp from its sectors": share * panel["dtfp_I"] + (1.0 - share) * panel["dtfp_C"],
        "relativePrice": panel["dtfp_I"] - panel["dtfp_C"],
    }
    labels = np.array([f"{t // 4}:Q{t % 4 + 1}" for t in time.tolist()], object)
    return [
        Comparison(
            series=series,
            unit=RATE,
            keys={"quarter": labels},
            published=panel[series.split()[0]],
            reproduced=values,
            tolerance=IDENTITY,
            reason="double precision",
        )
        for series, values in ours.items()
    ]


def _annual(time: Ints, growth: dict[str, Floats], table: Columns) -> list[Comparison]:
    """Set log changes of calendar means of the quarterly index beside the annual sheet."""
    need(table, ("date", "dtfp", "dtfp_util"), LAYOUT)
    dates = numbers(table["date"])
    rows = np.isfinite(dates)
    years = np.unique(time[1:] // 4)
    found = []
    for series in ("dtfp", "dtfp_util"):
        unbegun = ~np.logical_or.accumulate(np.isfinite(growth[series]))
        change = np.where(unbegun, 0.0, growth[series])  # a gap later on ends the index
        index = np.exp(np.cumsum(change) / 400.0)
        means = {
            int(year): float(index[time // 4 == year].mean())
            for year in years
            if (time // 4 == year).sum() == 4
        }
        panel = Panel.from_frame(
            {
                "country": np.array(["USA"] * int(rows.sum()), object),
                "year": dates[rows],
                "published": numbers(table[series])[rows],
            },
            entity="country",
            time="year",
            columns={"published": "published"},
        )
        ours = [
            100.0 * np.log(means[t] / means[t - 1]) if t in means and t - 1 in means else np.nan
            for t in panel.time.tolist()
        ]
        found.append(
            compare_rows(
                f"{series}, annual",
                panel,
                "published",
                np.array(ours),
                ANNUAL,
                unit="percent",
                reason="double precision, through the quarterly index",
            )
        )
    return found


RECIPE = Recipe(
    name="fernald",
    title="Fernald: quarterly TFP of the US business sector, adjusted for utilization",
    source=(
        "Fernald, J. G., A Quarterly, Utilization-Adjusted Series on Total Factor Productivity, "
        "Federal Reserve Bank of San Francisco; any vintage of quarterly_tfp.xlsx"
    ),
    where="https://www.frbsf.org: Indicators & Data, Total Factor Productivity, quarterly_tfp.xlsx",
    layout=LAYOUT,
    formula=(
        "Output is the mean of the product and the income side. TFP is its log growth less the "
        "capital share of the quarter itself times growth of capital, and the rest times growth of "
        "hours and labor quality; less utilization. Investment and consumption sectors, weighted "
        "by the investment share, give it too; their difference is the relative price. Annual: "
        "log change of the calendar mean of the quarterly index."
    ),
    series={
        "dY": "mean of dY_prod and dY_inc",
        "dtfp": "from output, capital, hours and labor quality",
        "dtfp_util": "less dutil",
        "dtfp from its sectors": "from dtfp_I and dtfp_C",
        "relativePrice": "dtfp_I less dtfp_C",
        "dtfp, annual": "if the annual sheet is given",
        "dtfp_util, annual": "if the annual sheet is given",
    },
    function=reproduce,
    sheets={"quarterly": 1, "annual": 0},
    first_sheet="quarterly",
    untested=(
        "this recipe was written from descriptions of the workbook and run on a made-up workbook "
        "of its layout, not on the original"
    ),
)
