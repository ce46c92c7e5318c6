"""Capital stocks of China's provinces by perpetual inventory, in prices of 1952."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.measurement.perpetual_inventory import PerpetualInventory
from tfp_index.panel.panel import Panel
from tfp_index.reproductions._recipe import Columns, Found, Recipe, need
from tfp_index.reproductions._result import Comparison, compare_rows

__all__ = ["RECIPE"]

Floats = NDArray[np.float64]

EXACT = 1e-12
DEPRECIATION, RATIO = 0.096, 10.0
LATE = "chongqing"
"""Its series begins in 1996, with a stock inherited from Sichuan and not 10 times investment."""

INHERITED = (
    "not judged: Chongqing was cut out of Sichuan; its series begins with a stock of its own, "
    "which is not 10 times its first investment"
)

SERIES = {
    "K, all provinces but Chongqing": "30 provinces",
    "K, Chongqing, from its published first stock": "from 1996",
    "K, Chongqing, by the rule of the others": "shown, to see what the first stock does",
}

LAYOUT = "one row per province and year with prv, yr, invest, InvestPrice (1952 = 1), K"


def reproduce(table: Columns) -> Found:
    """Accumulate investment of every province; Chongqing also from the stock it began with."""
    need(table, ("prv", "yr", "invest", "InvestPrice", "K"), LAYOUT)
    late = table["prv"] == LATE
    if not late.any():
        raise DataError(
            f"the table has no province {LATE!r}",
            code="unknown_entity",
            column="prv",
            entity=LATE,
            expected="the 31 provinces of the source, in lower case",
        )
    first = late & (table["yr"] == table["yr"][late].min())
    panel = Panel.from_frame(
        {**table, "start": np.where(first, table["K"], np.nan)},
        entity="prv",
        time="yr",
        investment="invest",
        columns={"price": "InvestPrice", "start": "start", "published": "K"},
    )
    options: dict[str, Any] = {
        "depreciation": DEPRECIATION,
        "initial": "fixed_ratio",
        "ratio": RATIO,
        "deflator": "price",
    }
    stock = PerpetualInventory(**options).fit(panel).capital
    from_its_own = PerpetualInventory(**options, initial_stock="start").fit(panel).capital
    chongqing = panel.entity_codes == panel.keys.entity_code(LATE)

    def compare(
        series: str, ours: Floats, rows: NDArray[np.bool_], tolerance: float | None, reason: str
    ) -> Comparison:
        return compare_rows(
            series,
            panel,
            "published",
            ours,
            tolerance,
            unit="share of the stock",
            relative=True,
            reason=reason,
            rows=rows,
        )

    others, own, naive = SERIES
    found = [
        compare(others, stock, ~chongqing, EXACT, "double precision"),
        compare(own, from_its_own, chongqing, EXACT, "double precision"),
        compare(naive, stock, chongqing, None, INHERITED),
    ]
    return Found("CHNCapitalStock 0.1.1, method of Zhang (2008)", found)


RECIPE = Recipe(
    name="china_provinces",
    title="Capital stocks of 31 provinces of China, 1952-2022",
    source=(
        "R package CHNCapitalStock 0.1.1 (GPL-2): its data on investment and prices, and the "
        "stocks of its function CompK; method of Zhang, J. (2008)"
    ),
    where=(
        "install the package from CRAN; write its investment data with the stocks in prices of "
        "1952 beside them as column K"
    ),
    layout=LAYOUT,
    formula=(
        "Stock at the end of the year: 0.904 times that of the year before, plus investment over "
        "its price; the first stock is ten times the first investment."
    ),
    series=SERIES,
    function=reproduce,
)
