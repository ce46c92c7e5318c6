"""Results to draw."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

import tfp_index as tfp
from tfp_index.growth.accounting_result import GrowthAccountingResult


def make_result(
    units: tuple[str, ...] = ("Hà Nội", "Quảng Ninh", "Huế"), **options: object
) -> GrowthAccountingResult:
    """Return growth accounting of a few units over ten years, with good and bad years."""
    rng = np.random.default_rng(8)
    years = np.arange(2010, 2020)
    n = len(units)
    frame = {
        "unit": np.repeat(np.array(units, object), years.size),
        "year": np.tile(years, n),
        "y": np.exp(np.cumsum(rng.normal(0.03, 0.06, (n, years.size)), axis=1)).ravel(),
        "k": np.exp(np.cumsum(rng.normal(0.05, 0.02, (n, years.size)), axis=1)).ravel(),
        "l": np.exp(np.cumsum(rng.normal(0.0, 0.02, (n, years.size)), axis=1)).ravel(),
    }
    panel = tfp.Panel.from_frame(
        frame,
        entity="unit",
        time="year",
        output="y",
        capital="k",
        labor="l",
        vintage="simulated",
    )
    return tfp.GrowthAccounting(**({"capital_share": 0.4} | options)).fit(panel)


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    """Close what pyplot holds, where a test has brought pyplot in."""
    yield
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close("all")


@pytest.fixture(scope="module")
def res() -> GrowthAccountingResult:
    return make_result()
