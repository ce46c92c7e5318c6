"""BEA-BLS integrated industry-level production account: TFP of 63 US industries."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, nearest
from tfp_index.growth.klems import KlemsAccounts
from tfp_index.panel.panel import Panel
from tfp_index.reproductions._recipe import Columns, Found, Recipe, log_change, numbers
from tfp_index.reproductions._result import compare_rows

__all__ = ["RECIPE"]

Floats = NDArray[np.float64]

INPUTS = {
    "capital_it": ("Capital_IT_Quantity", "Capital_IT Compensation"),
    "capital_software": ("Capital_Software_Quantity", "Capital_Software Compensation"),
    "capital_rd": ("Capital_R&D_Quantity", "Capital_R&D Compensation"),
    "capital_art": ("Capital_Art_Quantity", "Capital_Art Compensation"),
    "capital_other": ("Capital_Other_Quantity", "Capital_Other Compensation"),
    "labor_college": ("Labor_Col_Quantity", "Labor_Col Compensation"),
    "labor_no_college": ("Labor_NoCol_Quantity", "Labor_NoCol Compensation"),
    "energy": ("Energy_Quantity", "Energy Compensation"),
    "materials": ("Materials_Quantity", "Materials Compensation"),
    "services": ("Services_Quantity", "Service Compensation"),
}
"""Sheets of the quantity index and of the compensation of each input."""

OUTPUT = ("Gross Output_Quantity", "Gross Output")
TFP = ("Integrated TFP Index", "Integrated MFP Index")
"""The published index, by its name in later and in earlier editions."""

NAME = "Industry Description"
HEADER = 1  # the first row of each sheet is a title

ROUNDED = 4e-4
"""Log change: indices near 100 are published with three decimals, ten inputs and output alike."""

LAYOUT = (
    "a workbook with a sheet for each quantity index and each compensation (Gross Output_Quantity, "
    "Gross Output, Capital_IT_Quantity, Capital_IT Compensation, ...) and the sheet Integrated TFP "
    f"Index; in each the column {NAME} and one column per year; or those sheets as frames"
)


def reproduce(sheets: Mapping[str, Columns]) -> Found:
    """Compute TFP growth of every industry from its ten inputs, and the index."""
    published = next((name for name in TFP if name in sheets), TFP[0])
    industries, years, tfp = _cells(sheets, published)
    roles = {"output": OUTPUT[0], "output_value": OUTPUT[1]}
    for name, (quantity, compensation) in INPUTS.items():
        roles |= {name: quantity, f"{name}_value": compensation}
    columns = {role: _same_cells(sheets, sheet, industries, years) for role, sheet in roles.items()}
    panel = Panel.from_frame(
        {"industry": industries, "year": years, "tfp": tfp, **columns},
        entity="industry",
        time="year",
        output="output",
        inputs={name: name for name in INPUTS},
        columns={name: name for name in ("tfp", *columns) if name not in ("output", *INPUTS)},
    )
    spec = KlemsAccounts(output="gross", intermediate=("energy", "materials", "services"))
    growth = spec.fit(panel)["tfp_growth"]
    reason = "indices are published with three decimals"
    return Found(
        f"BEA-BLS integrated account, {int(years.min())}-{int(years.max())}",
        [
            compare_rows(
                "TFP, growth",
                panel,
                log_change(panel, panel["tfp"]),
                growth,
                ROUNDED,
                unit="log change",
                reason=reason,
            ),
            compare_rows(
                "TFP, index",
                panel,
                panel["tfp"],
                _chain(panel, growth),
                None,
                unit="share of the index",
                relative=True,
                reason="not judged: rounding adds up over the years",
            ),
        ],
    )


def _chain(panel: Panel, growth: Floats) -> Floats:
    """Chain growth to an index that equals the published one in its base year, where it is 100."""
    at_base = np.isclose(panel["tfp"], 100.0, rtol=0.0, atol=5e-4)
    years, counts = np.unique(panel.time[at_base], return_counts=True)
    if not years.size:
        raise DataError(
            "there is no year in which the published TFP index is 100",
            code="no_base_year",
            column=TFP[0],
            expected="the index as published, 100 in its base year",
        )
    base = int(years[np.argmax(counts)])
    logs = np.full(growth.shape, np.nan)
    for start, stop in zip(panel.offsets[:-1], panel.offsets[1:], strict=True):
        chain = np.r_[0.0, np.cumsum(growth[start + 1 : stop])]
        zero = chain[panel.time[start:stop] == base]
        if zero.size:
            logs[start:stop] = chain - zero[0]
    index: Floats = 100.0 * np.exp(logs)
    return index


def _cells(sheets: Mapping[str, Columns], name: str) -> tuple[NDArray[np.object_], Floats, Floats]:
    """Return industry, year and value of each cell of a sheet; rows without numbers are notes."""
    if name not in sheets:
        raise DataError(
            f"the workbook has no sheet {name!r}",
            code="missing_sheet",
            column=name,
            expected=LAYOUT,
            remedy=nearest(name, sheets),
        )
    sheet = sheets[name]
    if NAME not in sheet:
        raise DataError(
            f"the sheet {name!r} has no column {NAME!r}",
            code="missing_column",
            column=NAME,
            expected=LAYOUT,
            remedy=f"read the sheets with their second row as header; {nearest(NAME, sheet)}",
        )
    years = {column: year for column in sheet if (year := _year(column)) is not None}
    if not years:
        raise DataError(
            f"the sheet {name!r} has no column that is a year",
            code="missing_column",
            column=name,
            expected=LAYOUT,
        )
    values = np.column_stack([numbers(sheet[column]) for column in years])
    labels = np.array([str(text).strip() for text in sheet[NAME].tolist()], object)
    rows = np.isfinite(values).any(axis=1)
    return (
        np.repeat(labels[rows], len(years)),
        np.tile(np.array(list(years.values()), np.float64), int(rows.sum())),
        values[rows].ravel(),
    )


def _same_cells(
    sheets: Mapping[str, Columns], name: str, industries: NDArray[np.object_], years: Floats
) -> Floats:
    """Return the values of a sheet for given industries and years.

    Sheets of different order are brought into one.
    """
    own_industries, own_years, values = _cells(sheets, name)
    cells = zip(own_industries.tolist(), own_years.tolist(), strict=True)
    found = dict(zip(cells, values.tolist(), strict=True))
    wanted = list(zip(industries.tolist(), years.tolist(), strict=True))
    lost = [key for key in wanted if key not in found]
    if lost:
        raise DataError(
            f"the sheet {name!r} lacks what the TFP index has",
            code="missing_row",
            column=name,
            entity=lost[0][0],
            time=int(lost[0][1]),
            remedy="give all sheets of one edition",
        )
    return np.array([found[key] for key in wanted], np.float64)


def _year(column: str) -> int | None:
    try:
        number = float(column)
    except ValueError:
        return None
    return int(number) if number.is_integer() and 1900 < number < 2200 else None


RECIPE = Recipe(
    name="beabls",
    title="BEA-BLS integrated industry-level production account, 63 US industries",
    source=(
        "Bureau of Economic Analysis and Bureau of Labor Statistics, integrated industry-level "
        "production account (KLEMS), editions 1987-2020 to 1997-2024 (US government work)"
    ),
    where=(
        "https://www.bea.gov/data/special-topics/integrated-industry-level-production-account-klems"
    ),
    layout=LAYOUT,
    formula=(
        "Growth of gross output less the growth of ten inputs (five kinds of capital, labor with "
        "and without college, energy, materials, services), weighted by the two-period means of "
        "their compensation in gross output."
    ),
    series={
        "TFP, growth": "log change of the published index",
        "TFP, index": "shown: the chained index at 100 in the base year",
    },
    function=reproduce,
    sheets={
        name: HEADER for name in (*TFP, *OUTPUT, *(s for pair in INPUTS.values() for s in pair))
    },
    first_sheet=TFP[0],
    untested=(
        "this recipe was written from descriptions of the workbook and run on a made-up workbook "
        "of its layout, not on the original"
    ),
)
