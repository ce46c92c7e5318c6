"""Measurement: perpetual inventory of a million firms, capital services of many industries."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

import tfp_index as tfp
from benchmarks._harness import compare, line, peak_allocated, seconds

YEARS = 15
DELTA = 0.096
RATIO = 10.0
INVENTORY = tfp.PerpetualInventory(depreciation=DELTA, initial="fixed_ratio", ratio=RATIO)
ASSETS = {f"asset{k}": rate for k, rate in enumerate(np.linspace(0.06, 0.3, 8).round(3).tolist())}


def firms(count: int, *, seed: int = 1) -> pd.DataFrame:
    """Return investment of `count` firms over 15 years, sorted."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "firm": np.repeat(np.arange(count), YEARS),
            "year": np.tile(2005 + np.arange(YEARS), count),
            "investment": rng.lognormal(1.0, 0.7, count * YEARS),
        }
    )


def panel_of(frame: pd.DataFrame) -> tfp.Panel:
    """Return the panel of `firms`."""
    return tfp.Panel.from_frame(frame, entity="firm", time="year", investment="investment")


def firm_by_firm(frame: pd.DataFrame) -> pd.Series:
    """Do what most code does: a function with a loop over years, applied to each firm."""

    def stock(investment: pd.Series) -> np.ndarray:
        values = investment.to_numpy()
        out = np.empty(values.shape[0])
        out[0] = RATIO * values[0]
        for t in range(1, values.shape[0]):
            out[t] = (1 - DELTA) * out[t - 1] + values[t]
        return out

    return frame.groupby("firm")["investment"].transform(stock)


def year_by_year(frame: pd.DataFrame) -> pd.Series:
    """Do what careful code does: one column per year, one step per year for all firms."""
    wide = frame.pivot(index="firm", columns="year", values="investment")
    stock = pd.DataFrame(index=wide.index, columns=wide.columns, dtype=float)
    years = wide.columns
    stock[years[0]] = RATIO * wide[years[0]]
    for before, year in pairwise(years):
        stock[year] = (1 - DELTA) * stock[before] + wide[year]
    return stock.stack()


def industries(count: int, *, seed: int = 2) -> pd.DataFrame:
    """Return stocks and prices of eight assets in `count` industries over 15 years."""
    rng = np.random.default_rng(seed)
    n = count * len(ASSETS)
    walk = np.cumsum(rng.normal(0.03, 0.03, (n, YEARS)), axis=1)
    stock = np.exp(rng.normal(3.0, 0.5, (n, 1)) + walk)
    price = np.exp(np.cumsum(rng.normal(0.01, 0.01, (n, YEARS)), axis=1))
    income = 0.3 * stock.reshape(count, len(ASSETS), YEARS).sum(axis=1)
    return pd.DataFrame(
        {
            "industry": np.repeat(np.arange(count), len(ASSETS) * YEARS),
            "asset": np.tile(np.repeat(list(ASSETS), YEARS), count),
            "year": np.tile(2005 + np.arange(YEARS), n),
            "stock": stock.ravel(),
            "price": price.ravel(),
            "income": np.repeat(income[:, None, :], len(ASSETS), axis=1).ravel(),
        }
    )


SERVICES = tfp.CapitalServices(depreciation=ASSETS, capital_gains="actual")


def assets_of(frame: pd.DataFrame) -> tfp.Panel:
    """Return the panel of `industries`."""
    return tfp.Panel.from_frame(
        frame,
        entity="industry",
        time="year",
        item="asset",
        capital="stock",
        columns={"price": "price", "capital_income": "income"},
    )


def services_in_pandas(frame: pd.DataFrame) -> pd.Series:
    """Do the same in grouped pandas columns."""
    df = frame.assign(delta=frame["asset"].map(ASSETS))
    series = df.groupby(["industry", "asset"], sort=False)
    before = series["price"].shift()
    gain = df["price"] - before
    df["wealth"] = before * df["stock"]
    df["fixed"] = (df["delta"] * df["price"] - gain) * df["stock"]
    cell = df.groupby(["industry", "year"], sort=False)
    total = cell[["wealth", "fixed"]].transform("sum", min_count=len(ASSETS))
    rate = (df["income"] - total["fixed"]) / total["wealth"]
    cost = rate * df["wealth"] + df["fixed"]
    df["share"] = cost / df["income"]
    dlog = np.log(df["stock"]) - np.log(series["stock"].shift())
    df["part"] = 0.5 * (df["share"] + df.groupby(["industry", "asset"])["share"].shift()) * dlog
    return df.groupby(["industry", "year"])["part"].sum(min_count=len(ASSETS))


def _agree(frame: pd.DataFrame, panel: tfp.Panel) -> None:
    ours = INVENTORY.fit(panel).capital
    for other in (firm_by_firm(frame), year_by_year(frame)):
        np.testing.assert_allclose(ours, other.to_numpy(), rtol=1e-12)


def _services_agree(frame: pd.DataFrame, panel: tfp.Panel) -> None:
    ours = SERVICES.fit(panel).growth
    np.testing.assert_allclose(ours, services_in_pandas(frame).to_numpy(), rtol=1e-6, atol=1e-12)


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the lines of this benchmark."""
    small, large = (1_000, 20_000) if quick else (20_000, 1_000_000)
    frame = firms(small)
    panel = panel_of(frame)
    _agree(frame, panel)
    rows = small * YEARS
    lines = [
        compare(
            "perpetual inventory: fit",
            rows,
            lambda: INVENTORY.fit(panel),
            lambda: firm_by_firm(frame),
            against="pandas, a loop over years for each firm",
            repeats=3,
        )
    ]
    frame, rows = firms(large), large * YEARS
    panel = panel_of(frame)
    _, peak = peak_allocated(lambda: INVENTORY.fit(panel))
    lines += [
        compare(
            "perpetual inventory: fit",
            rows,
            lambda: INVENTORY.fit(panel),
            lambda: year_by_year(frame),
            against="pandas, one column per year",
            peak_mb=peak,
            repeats=3,
        ),
        compare(
            "perpetual inventory: frame to frame",
            rows,
            lambda: INVENTORY.fit(panel_of(frame)).to_frame(),
            lambda: year_by_year(frame),
            against="pandas, one column per year",
            note="ours builds the panel and hands five columns back",
            repeats=3,
        ),
    ]
    hyperbolic = tfp.PerpetualInventory(
        profile="hyperbolic", life=12.0, retirement="normal", growth=0.03
    )
    lines.append(
        line(
            "perpetual inventory: hyperbolic, normal retirement",
            rows,
            ours_seconds=seconds(lambda: hyperbolic.fit(panel)),
            note="24 ages; productive and net stock",
        )
    )
    del frame, panel
    count = 500 if quick else 20_000
    frame = industries(count)
    panel = assets_of(frame)
    _services_agree(frame, panel)
    _, peak = peak_allocated(lambda: SERVICES.fit(panel))
    lines.append(
        compare(
            "capital services: fit",
            panel.n_rows,
            lambda: SERVICES.fit(panel),
            lambda: services_in_pandas(frame),
            against="grouped pandas columns",
            peak_mb=peak,
            note="8 assets, ex-post rate",
            repeats=3,
        )
    )
    return lines
