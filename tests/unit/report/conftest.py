"""Panels and results that reports are made of."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

import tfp_index as tfp
from tfp_index.growth.accounting_result import GrowthAccountingResult

DAY = dt.date(2025, 7, 1)

HOSTILE = ("<script>alert(1)</script>", "=cmd|' /C calc'!A0", '"><img src=x onerror=alert(2)>')


def make_panel(units: tuple[str, ...] = ("Hạ Long", "Cẩm Phả", "Uông Bí")) -> tfp.Panel:
    """Return a panel of a few units over 2010–2021."""
    rng = np.random.default_rng(11)
    years = np.arange(2010, 2022)
    n = len(units)
    frame = {
        "unit": np.repeat(np.array(units, object), years.size),
        "year": np.tile(years, n),
        "grdp": 100 * np.exp(np.cumsum(rng.normal(0.06, 0.03, (n, years.size)), axis=1)).ravel(),
        "stock": 300 * np.exp(np.cumsum(rng.normal(0.07, 0.01, (n, years.size)), axis=1)).ravel(),
        "persons": 50 * np.exp(np.cumsum(rng.normal(0.01, 0.01, (n, years.size)), axis=1)).ravel(),
    }
    return tfp.Panel.from_frame(
        frame,
        entity="unit",
        time="year",
        output="grdp",
        capital="stock",
        labor="persons",
        vintage="simulated",
    )


def make_result(
    units: tuple[str, ...] = ("Hạ Long", "Cẩm Phả", "Uông Bí"), **options: object
) -> GrowthAccountingResult:
    """Return growth accounting of `make_panel`."""
    return tfp.GrowthAccounting(**({"capital_share": 0.4} | options)).fit(make_panel(units))


@pytest.fixture(scope="session")
def panel() -> tfp.Panel:
    return make_panel()


@pytest.fixture(scope="session")
def res(panel: tfp.Panel) -> GrowthAccountingResult:
    return tfp.GrowthAccounting(capital_share=0.4).fit(panel)
