"""Index numbers of enterprises and products: against pandas, in time and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import tfp_index as tfp
from benchmarks._harness import compare, growth_over_rows, line, peak_resident
from benchmarks.bench_growth import build, enterprises

GNS = tfp.MultilateralIndex(formula="good_nadiri_sickles")
CCD = tfp.MultilateralIndex(formula="ccd")
FISHER = tfp.BilateralIndex(formula="fisher", kind="tfp")


def pandas_gns(frame: pd.DataFrame) -> pd.Series:
    """Compute Good–Nadiri–Sickles as an economist writes it: yearly means, transformed back."""
    table = pd.DataFrame(
        {
            "y": np.log(frame["output"]),
            "k": np.log(frame["capital"]),
            "l": np.log(frame["labor"]),
            "sl": frame["labor_share"],
            "sk": 1 - frame["labor_share"],
        }
    )
    years = table.groupby(frame["year"])
    mean = years.transform("mean")
    within = table["y"] - mean["y"]
    for x in "kl":
        within -= 0.5 * (table[f"s{x}"] + mean[f"s{x}"]) * (table[x] - mean[x])
    by_year = years.mean()
    step = by_year["y"].diff()
    for x in "kl":
        share = by_year[f"s{x}"]
        step -= 0.5 * (share + share.shift()) * by_year[x].diff()
    return within + frame["year"].map(step.fillna(0).cumsum())


def pandas_ccd(frame: pd.DataFrame) -> pd.Series:
    """Compute Caves–Christensen–Diewert over all rows."""
    y, k, labor = (np.log(frame[name]) for name in ("output", "capital", "labor"))
    sl = frame["labor_share"]
    sk = 1 - sl
    inputs = 0.5 * (sk + sk.mean()) * (k - k.mean()) + 0.5 * (sl + sl.mean()) * (
        labor - labor.mean()
    )
    return y - y.mean() - inputs


def pandas_fisher(frame: pd.DataFrame) -> pd.DataFrame:
    """Compute Fisher TFP links from shares and chain them, rows sorted; a gap ends a chain."""
    firms = frame.groupby("firm")
    before = firms[["year", "output", "capital", "labor", "labor_share"]].shift()
    output = frame["output"] / before["output"]
    k, labor = frame["capital"] / before["capital"], frame["labor"] / before["labor"]
    laspeyres = before["labor_share"] * labor + (1 - before["labor_share"]) * k
    paasche = 1 / (frame["labor_share"] / labor + (1 - frame["labor_share"]) / k)
    link = output / np.sqrt(laspeyres * paasche)
    link = link.where(frame["year"] - before["year"] == 1)
    first = ~firms.cumcount().astype(bool)
    index = link.where(~first, 1.0).groupby(frame["firm"]).cumprod()
    broken = (link.isna() & ~first).groupby(frame["firm"]).cummax()
    return pd.DataFrame({"link": link, "index": index.mask(broken)})


def goods(months: int = 60, products: int = 2_000, *, seed: int = 4) -> tfp.Panel:
    """Return a long panel of one shop whose products come and go."""
    rng = np.random.default_rng(seed)
    first = rng.integers(-12, months, products)
    life = rng.integers(6, months, products)
    month, product = (a.ravel() for a in np.meshgrid(np.arange(months), np.arange(products)))
    there = (month >= first[product]) & (month < first[product] + life[product])
    month, product = month[there], product[there]
    price = np.exp(rng.normal(2, 0.7, products)[product] + rng.normal(0, 0.1, month.size))
    frame = {
        "shop": np.zeros(month.size, np.int64),
        "month": month,
        "product": product,
        "q": np.exp(rng.normal(1, 1, month.size)),
        "p": price,
    }
    columns = {"quantity": "q", "price": "p"}
    return tfp.Panel.from_frame(frame, entity="shop", time="month", item="product", columns=columns)


def prepared_gns(rows: int) -> Callable[[], Any]:
    """Return the step on a panel that stands; for memory in a fresh process."""
    panel = build(enterprises(rows))
    return lambda: GNS.fit(panel)


def prepared_ccd(rows: int) -> Callable[[], Any]:
    """Return the step on a panel that stands."""
    panel = build(enterprises(rows))
    return lambda: CCD.fit(panel)


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the lines of this topic."""
    rows = 300_000 if quick else 5_000_000
    lines = _against_pandas(rows)
    resident = peak_resident("benchmarks.bench_index_numbers", "prepared_gns", rows)
    lines.append(
        line(
            "peak memory of Good–Nadiri–Sickles",
            rows,
            other="its output: three columns",
            ratio=resident * 2**20 / (3 * 8 * rows),
            peak_mb=resident,
            note="ratio is peak / output, in a fresh process",
        )
    )
    sizes = (10_000, 100_000, 300_000) if quick else (10_000, 100_000, 1_000_000, 5_000_000)
    lines += growth_over_rows("Good–Nadiri–Sickles", prepared_gns, sizes)
    lines += growth_over_rows("Caves–Christensen–Diewert", prepared_ccd, sizes)
    lines += _geks(quick)
    return lines


def _against_pandas(rows: int) -> list[dict[str, Any]]:
    frame = enterprises(rows)
    panel, table = build(frame), pd.DataFrame(frame)
    lines = []
    for name, spec, idiom in (
        ("Good–Nadiri–Sickles, two inputs", GNS, pandas_gns),
        ("Caves–Christensen–Diewert, two inputs", CCD, pandas_ccd),
    ):
        _agree(spec.fit(panel).log_tfp, idiom(table).to_numpy())
        lines.append(
            compare(
                name,
                len(table),
                lambda spec=spec: spec.fit(panel),
                lambda idiom=idiom: idiom(table),
                against="pandas, means and transform",
                note="panel built, rows sorted; same figures to 1e-10",
            )
        )
    return [*lines, _fisher(panel, table)]


def _fisher(panel: tfp.Panel, table: pd.DataFrame) -> dict[str, Any]:
    theirs = pandas_fisher(table)["index"].to_numpy()
    _agree(np.log(FISHER.fit(panel)["tfp_index"]), np.log(theirs))
    return compare(
        "chained Fisher TFP, two inputs",
        len(table),
        lambda: FISHER.fit(panel),
        lambda: pandas_fisher(table),
        against="pandas grouped shift and cumprod",
        repeats=3,
        note="ours also matches products and says why an index is missing; same to 1e-10",
    )


def _geks(quick: bool) -> list[dict[str, Any]]:
    products = 200 if quick else 2_000
    panel = goods(products=products)
    lines = []
    for window in (None, 13):
        spec = tfp.MultilateralIndex(
            formula="geks",
            kind="price",
            compare="time",
            window=window,
            bilateral="tornqvist",
            incomplete="least_squares",
        )
        spec.fit(panel)
        times = growth_over_rows(
            f"GEKS over 60 months, {'one window' if window is None else 'rolling 13 months'}",
            lambda _, spec=spec: lambda: spec.fit(panel),
            (panel.n_rows,),
            repeats=3,
            note=f"{products} products that come and go",
        )
        lines += times
    return lines


def _agree(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Refuse to time two things that do not compute the same."""
    if not np.allclose(ours, theirs, rtol=0, atol=1e-10, equal_nan=True):
        raise AssertionError("the idiom and the library disagree")
