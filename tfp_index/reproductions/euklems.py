"""EU KLEMS & INTANProd: labor income, additivity, and capital services rebuilt from assets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, nearest
from tfp_index.growth.accounting import GrowthAccounting
from tfp_index.measurement.capital_services import CapitalServices
from tfp_index.measurement.labor_share import LaborShare
from tfp_index.panel.panel import Panel
from tfp_index.reproductions._recipe import Columns, Found, Recipe, log_change, need
from tfp_index.reproductions._result import Comparison, compare_rows

__all__ = ["RECIPE"]

Floats = NDArray[np.float64]

DEPRECIATION = {
    "IT": 0.315,
    "CT": 0.115,
    "Soft_DB": 0.315,
    "TraEq": 0.189,
    "OMach": 0.131,
    "OCon": 0.032,
    "Rstruc": 0.011,
    "Cult": 0.200,
    "RD": 0.221,
    "OIPP": 0.131,
}
"""Geometric rates of the total economy, as printed by the 2024 release (three decimals)."""

PARTS = ("VAConH", "VAConLC", "VAConTangICT", "VAConTangNICT", "VAConIntang")

SINGLE = 2e-7  # relative; quotients and sums of figures in single precision
POINTS = 2e-5  # of growth in percent: single precision again, times 100
SERVICES = 0.02  # percentage points of growth

LAYOUT = (
    "one row per industry and year: the growth accounts as published (industry, year, VA_CP, VA_Q, "
    "LAB, CAP, CAP_QI, VA_G, VACon...), the national accounts with the prefix NA_ (NA_COMP, "
    "NA_H_EMP, NA_H_EMPE) and the capital accounts (Kq_ and Ip_ by asset)"
)
NEEDED = ("industry", "year", "VA_CP", "VA_Q", "LAB", "CAP", "CAP_QI", "VA_G", "VAConTFP", *PARTS)
ACCOUNTS = ("NA_COMP", "NA_H_EMP", "NA_H_EMPE")


def reproduce(
    table: Columns, total: str = "TOT", depreciation: dict[str, float] = DEPRECIATION
) -> Found:
    """Check labor income and additivity of all industries; rebuild services of the total."""
    assets = [f"{kind}_{asset}" for asset in depreciation for kind in ("Kq", "Ip")]
    need(table, (*NEEDED, *ACCOUNTS, *assets), LAYOUT)
    if total not in set(table["industry"].tolist()):
        raise DataError(
            f"the table has no industry {total!r}",
            code="unknown_entity",
            column="industry",
            entity=total,
            remedy=nearest(total, sorted(set(map(str, table["industry"].tolist())))),
        )
    services = _capital_services(table, total, depreciation)
    return Found(
        "EU KLEMS & INTANProd, growth accounts",
        [_labor_income(table), *_additivity(table), services],
        ("published figures are in single precision; shares of growth accounts in percent",),
    )


def _labor_income(table: Columns) -> Comparison:
    """Labor income is the pay of employees times hours of all over hours of employees."""
    panel = Panel.from_frame(
        table,
        entity="industry",
        time="year",
        value_added="VA_CP",
        columns={
            "compensation": "NA_COMP",
            "employed": "NA_H_EMP",
            "employees": "NA_H_EMPE",
            "published": "LAB",
        },
    )
    result = LaborShare(adjustment="eu_klems", invalid="keep").fit(panel)
    # where the pay of all would exceed value added, the source gives labor 95 percent of it
    over = result.labor_income > panel["value_added"]
    labor_income = np.where(over, 0.95 * panel["value_added"], result.labor_income)
    return compare_rows(
        "LAB",
        panel,
        "published",
        labor_income,
        SINGLE,
        unit="share of the value",
        relative=True,
        reason=(
            f"single precision; in {int(over.sum())} rows labor income would exceed value added "
            "and is 95 percent of it"
        ),
    )


def _additivity(table: Columns) -> list[Comparison]:
    """Growth of value added is the sum of contributions; TFP is what the inputs leave."""
    share = {"labor_share": table["LAB"] / table["VA_CP"]}
    panel = Panel.from_frame(
        {**table, **share},
        entity="industry",
        time="year",
        value_added="VA_Q",
        capital="CAP_QI",
        labor="NA_H_EMP",
        labor_share="labor_share",
        columns={name: name for name in ("VA_G", "VAConTFP", *PARTS)},
    )
    accounts = GrowthAccounting(output="value_added").fit(panel)
    inputs = np.sum([panel[name] for name in PARTS], axis=0)
    percent = "percentage points of growth"
    single = "single precision of figures in percent"
    return [
        compare_rows(
            "VA_G",
            panel,
            "VA_G",
            100 * log_change(panel, panel["value_added"]),
            POINTS,
            unit=percent,
            reason=single,
        ),
        compare_rows(
            "VAConTFP", panel, "VAConTFP", panel["VA_G"] - inputs, POINTS, unit=percent,
            reason=single,
        ),
        compare_rows(
            "VAConH",
            panel,
            "VAConH",
            100 * accounts.contribution("labor"),
            POINTS,
            unit=percent,
            reason=single,
        ),
    ]  # fmt: skip


def _capital_services(table: Columns, total: str, depreciation: dict[str, float]) -> Comparison:
    """Weigh the assets' stocks by user costs that exhaust capital income."""
    here = table["industry"] == total
    assets = list(depreciation)
    years = int(here.sum())
    long = {
        "industry": np.tile(table["industry"][here], len(assets)),
        "year": np.tile(table["year"][here], len(assets)),
        "asset": np.repeat(np.array(assets, object), years),
        "stock": np.concatenate([table[f"Kq_{asset}"][here] for asset in assets]),
        "price": np.concatenate([table[f"Ip_{asset}"][here] / 100 for asset in assets]),
        "income": np.tile(table["CAP"][here], len(assets)),
    }
    panel = Panel.from_frame(
        long,
        entity="industry",
        time="year",
        item="asset",
        capital="stock",
        columns={"price": "price", "capital_income": "income"},
    )
    result = CapitalServices(depreciation=depreciation).fit(panel)
    of_total = Panel.from_frame(
        {name: values[here] for name, values in table.items()},
        entity="industry",
        time="year",
        columns={"published": "CAP_QI"},
    )
    growth = 100 * log_change(of_total, of_total["published"])
    ours = 100 * result.growth
    # services need a price one year before the first growth, and gains two years around it
    known = np.isfinite(ours)
    return compare_rows(
        f"CAP_QI, growth, {total}",
        of_total,
        growth,
        ours,
        SERVICES,
        unit="percentage points of growth",
        reason=(
            "depreciation rates are printed with three decimals; growth into the first "
            f"{years - int(known.sum())} years has no user cost of the year before"
        ),
        rows=known,
    )


RECIPE = Recipe(
    name="euklems",
    title="EU KLEMS & INTANProd: growth accounts of a country",
    source=(
        "EU KLEMS & INTANProd, release 2024, Luiss Lab of European Economics: growth accounts, "
        "national accounts and capital accounts of one country"
    ),
    where=(
        "https://euklems-intanprod-llee.luiss.it: download growth, national and capital accounts, "
        "and put them side by side by industry and year"
    ),
    layout=LAYOUT,
    formula=(
        "Labor income: compensation of employees times hours of all over hours of employees; 95 "
        "percent of value added where it would exceed value added. Growth: differences of logs "
        "times 100; contributions are growth of the input times the two-period mean of its share; "
        "TFP is the remainder. "
        "Capital services: growth of stocks weighted by two-period means of user cost shares; "
        "user cost of last year's price times the rate of return, plus depreciation, less price "
        "growth averaged over three years; the rate of return exhausts capital income."
    ),
    series={
        "LAB": "labor income, all industries",
        "VA_G": "growth of value added from its volume",
        "VAConTFP": "growth of value added less the contributions of all inputs",
        "VAConH": "contribution of hours",
        "CAP_QI, growth, TOT": "growth of capital services of the total economy",
    },
    function=reproduce,
)
