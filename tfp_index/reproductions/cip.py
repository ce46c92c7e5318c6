"""China Industrial Productivity database: industry accounts, and what they add up to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.growth.klems import KlemsAccounts
from tfp_index.growth.klems_result import KlemsResult
from tfp_index.panel.panel import Panel
from tfp_index.reproductions._recipe import Columns, Found, Recipe, need
from tfp_index.reproductions._result import Comparison, compare_rows

__all__ = ["RECIPE"]

Floats = NDArray[np.float64]

IDENTITY = 1e-12
DOUBLE = "double precision; levels are chained from thirty years of published growth"

INDUSTRIES = {
    "g(VA)": "value_added_growth",
    "Cg(II)": "materials_contribution",
    "Cg(K-stock)": "capital_quantity_contribution",
    "Cg(K-quality)": "capital_composition_contribution",
    "Cg(Hours)": "labor_quantity_contribution",
    "Cg(L-quality)": "labor_composition_contribution",
    "TFP(GO basis)": "tfp_growth",
    "TFP(VA basis)": "value_added_tfp_growth",
}
VALUE_ADDED = {
    "Cv(K-stock)": "capital_quantity_contribution",
    "Cv(K-quality)": "capital_composition_contribution",
    "Cv(hours)": "labor_quantity_contribution",
    "Cv(L-quality)": "labor_composition_contribution",
}
"""Published columns, and ours."""

VALUES = {"capital_value": "KC", "labor_value": "LC"}
PLAIN = {"hours": "g(Hours)", "stock": "g(K-stock)"}  # levels in spite of their names
QUANTITIES = ("g(GO)", "g(II)", "g(K-input)", "g(L-input)")

LAYOUT = (
    "one row per industry (Total among them) and year with industry, year, Nominal GO, Nominal II, "
    "Nominal VA, KC, LC, g(...), Cg(...), Cv(...), TFP(GO basis), TFP(VA basis)"
)
NEEDED = (
    *("industry", "year", "Nominal GO", "Nominal II", "Nominal VA", "KC", "LC"),
    *(*QUANTITIES, "g(Hours)", "g(K-stock)", *INDUSTRIES, *VALUE_ADDED),
)


def reproduce(table: Columns, total: str = "Total") -> Found:
    """Compute the accounts of all industries and of the total."""
    need(table, NEEDED, LAYOUT)
    if total not in set(table["industry"].tolist()):
        raise DataError(
            f"the table has no industry {total!r}, so aggregates cannot be compared",
            code="unknown_entity",
            column="industry",
            entity=total,
            remedy="give the table as published, or total= with the name of its total",
        )
    table = _with_levels(table)
    options: dict[str, Any] = {
        "total": total,
        "aggregate_inputs": "total",
        "composition": {"labor": "hours", "capital": "stock"},
    }

    gross = Panel.from_frame(
        table,
        entity="industry",
        time="year",
        output="GO",
        materials="II",
        capital="g(K-input)",
        labor="g(L-input)",
        columns={
            "output_value": "Nominal GO",
            "materials_value": "Nominal II",
            **VALUES,
            **PLAIN,
            **{name: name for name in INDUSTRIES},
        },
    )
    accounts = KlemsAccounts(output="gross", aggregate="domar", **options).fit(gross)

    of_value_added = Panel.from_frame(
        table,
        entity="industry",
        time="year",
        value_added="VA",
        capital="g(K-input)",
        labor="g(L-input)",
        columns={
            "value_added_value": "Nominal VA",
            **VALUES,
            **PLAIN,
            **{name: name for name in VALUE_ADDED},
        },
    )
    of_va = KlemsAccounts(output="value_added", **options).fit(of_value_added)

    return Found(
        "CIP 4.0",
        [
            *_industries(gross, accounts, INDUSTRIES, total),
            *_industries(of_value_added, of_va, VALUE_ADDED, total),
            *_total(gross, accounts, total),
            _domar_link(gross, accounts, total),
        ],
    )


def _with_levels(table: Columns) -> Columns:
    """Chain levels of gross output, intermediate inputs and value added from their growth."""
    table = dict(table)
    order = np.lexsort((table["year"], table["industry"].astype(str)))
    industry = table["industry"][order]
    first = np.r_[True, industry[1:] != industry[:-1]]
    for name, growth in (("GO", "g(GO)"), ("II", "g(II)"), ("VA", "g(VA)")):
        steps = np.where(first, 0.0, table[growth][order])
        chain = np.cumsum(steps)
        start = np.maximum.accumulate(np.where(first, np.arange(first.size), 0))
        level = np.empty_like(chain)
        level[order] = np.exp(chain - chain[start])
        table[name] = level
    return table


def _industries(
    panel: Panel, accounts: KlemsResult, columns: dict[str, str], total: str
) -> list[Comparison]:
    of_industries = panel.entity_codes != panel.keys.entity_code(total)
    return [
        compare_rows(
            published,
            panel,
            published,
            accounts[ours],
            IDENTITY,
            unit="log change",
            reason=DOUBLE,
            rows=of_industries,
        )
        for published, ours in columns.items()
    ]


def _total(panel: Panel, accounts: KlemsResult, total: str) -> list[Comparison]:
    """Compare the published total with what the industries add up to."""
    nodes = accounts.aggregates("total")
    row = panel.entity_codes == panel.keys.entity_code(total)
    reallocation = nodes["reallocation_capital"] + nodes["reallocation_labor"]
    ours = {
        f"g(VA), {total}": nodes["value_added_growth"],
        f"TFP(VA basis), {total}": nodes["tfp_growth"] + reallocation + nodes["approximation"],
        f"Domar aggregate beside TFP(VA basis), {total}": nodes["tfp_growth"],
    }
    found = []
    for series, values in ours.items():
        domar_alone = series.startswith("Domar")
        spread = np.full(panel.n_rows, np.nan)
        spread[row] = values
        found.append(
            compare_rows(
                series,
                panel,
                "g(VA)" if series.startswith("g(VA)") else "TFP(VA basis)",
                spread,
                None if domar_alone else IDENTITY,
                unit="log change",
                reason=(
                    "not judged: the distance is the reallocation of capital and labor"
                    if domar_alone
                    else DOUBLE
                ),
                rows=row,
            )
        )
    return found


def _domar_link(panel: Panel, accounts: KlemsResult, total: str) -> Comparison:
    """Set TFP of gross output over the share of value added beside TFP of value added."""
    return compare_rows(
        "TFP(GO basis) / share of value added, beside TFP(VA basis)",
        panel,
        "TFP(VA basis)",
        accounts["tfp_growth"] / accounts["value_added_share"],
        None,
        unit="log change",
        reason="not judged: the link is exact in continuous time only",
        rows=panel.entity_codes != panel.keys.entity_code(total),
    )


RECIPE = Recipe(
    name="cip",
    title="China Industrial Productivity database: 37 industries and the total",
    source=(
        "China Industrial Productivity Database 2023 (CIP 4.0), Research Institute of Economy, "
        "Trade and Industry (RIETI), Tokyo"
    ),
    where=(
        "https://www.rieti.go.jp/en/database/CIP2023/index.html: the growth accounts, stacked by "
        "industry and year"
    ),
    layout=LAYOUT,
    formula=(
        "Growth of gross output less two-period mean shares times growth of intermediate inputs, "
        "capital services and labor services; value added by double deflation in the same index; "
        "capital and labor split into quantity and composition. The total: industries weighted by "
        "value added; TFP of the total is the Domar-weighted sum of the industries', plus "
        "reallocation of capital and labor, plus a small approximation."
    ),
    series={
        **dict.fromkeys(INDUSTRIES, "by industry, gross output accounts"),
        **dict.fromkeys(VALUE_ADDED, "by industry, value added accounts"),
        "g(VA), Total": "growth of aggregate value added from the industries",
        "TFP(VA basis), Total": "Domar-weighted TFP, reallocation and approximation together",
        "Domar aggregate beside TFP(VA basis), Total": "shown, to see the size of reallocation",
        "TFP(GO basis) / share of value added, beside TFP(VA basis)": "shown: the Domar link",
    },
    function=reproduce,
)
