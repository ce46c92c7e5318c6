"""Decomposition, dispersion, misallocation and disclosure: against pandas, in time and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import tfp_index as tfp
from benchmarks._harness import (
    compare,
    copy_of,
    growth_over_rows,
    line,
    peak_resident,
    seconds,
)
from tfp_index.kernels.decompose import METHODS

DISTRICTS, INDUSTRIES = 13, 20
SIX = tuple(METHODS)
SHORT = ("bhc", "gr", "fhk", "bg", "df", "mp")
PERCENTILES = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)


def enterprises(rows: int, *, years: int = 10, seed: int = 1) -> dict[str, np.ndarray]:
    """Return some `rows` sorted firm-years; firms enter, leave and skip years."""
    rng = np.random.default_rng(seed)
    firms = max(int(rows / (0.73 * years)), 10)
    first = np.where(rng.random(firms) < 0.7, 0, rng.integers(0, years, firms))
    last = np.where(rng.random(firms) < 0.7, years - 1, rng.integers(0, years, firms))
    present = np.arange(years) >= first[:, None]
    present &= np.arange(years) <= np.maximum(first, last)[:, None]
    present &= rng.random((firms, years)) > 0.02
    firm, year = np.nonzero(present)
    n = firm.shape[0]
    size = rng.normal(size=firms)[firm]
    output = np.exp(8 + size + 0.2 * rng.normal(size=n))
    return {
        "firm": firm + 5_700_000_000,
        "year": year + 2013,
        "tfp": rng.normal(size=firms)[firm] + 0.2 * rng.normal(size=n),
        "output": output,
        "labor": np.exp(3 + size + 0.2 * rng.normal(size=n)),
        "capital": output * np.exp(0.5 * rng.normal(size=n)),
        "wages": 0.4 * output * np.exp(0.3 * rng.normal(size=n)),
        "district": rng.integers(0, DISTRICTS, firms)[firm],
        "industry": rng.integers(0, INDUSTRIES, firms)[firm],
    }


def build(frame: Any) -> tfp.Panel:
    """Return the panel of a frame."""
    return tfp.Panel.from_frame(
        frame,
        entity="firm",
        time="year",
        value_added="output",
        labor="labor",
        capital="capital",
        columns={"tfp": "tfp", "labor_cost": "wages"},
        groups={"district": "district", "industry": "industry"},
    )


def six_methods() -> tfp.Decomposition:
    """Return six methods at once, by district, inside each industry."""
    return tfp.Decomposition(
        method=SIX, weight="value_added", by="district", within="industry", keep_largest=0
    )


def pandas_idiom(frame: pd.DataFrame, methods: tuple[str, ...] = SHORT) -> pd.DataFrame:
    """Do what an economist writes in pandas: merge years, form shares, add up by group.

    Contributions by district and pair of years inside each industry. Given all methods at once,
    the merge and the shares serve all of them, which is the fastest way we know in pandas; a
    function that decomposes by one method is called once for each.
    """
    now = frame[["firm", "year", "tfp", "output", "district", "industry"]]
    keys = ["industry", "year"]
    now = now.assign(s=now["output"] / now.groupby(keys)["output"].transform("sum"))
    before = now.assign(year=now["year"] + 1)
    both = before.merge(now, on=["firm", "year", "industry"], how="outer", suffixes=("1", "2"))
    both = both[both["year"].between(frame["year"].min() + 1, frame["year"].max())]
    district = both["district2"].fillna(both["district1"])
    stay = both["tfp1"].notna() & both["tfp2"].notna()
    S, E, X = (mask.astype(float) for mask in (stay, both["tfp1"].isna(), both["tfp2"].isna()))
    cell = [both["industry"], both["year"]]

    def total(values: pd.Series) -> pd.Series:
        return values.groupby(cell).transform("sum")

    f1, f2 = both["tfp1"].fillna(0.0), both["tfp2"].fillna(0.0)
    s1, s2 = both["s1"].fillna(0.0), both["s2"].fillna(0.0)
    d, ds, fbar = (f2 - f1) * S, (s2 - s1) * S, 0.5 * (f1 + f2)
    terms: dict[str, pd.Series] = {}

    def against(name: str, second: Any, first: Any) -> None:
        terms[f"{name}_entry"] = s2 * (f2 - second) * E
        terms[f"{name}_exit"] = -s1 * (f1 - first) * X

    if "bhc" in methods:
        terms |= {"bhc_within": s1 * d, "bhc_between": ds * f2}
        against("bhc", 0.0, 0.0)
    if "gr" in methods or "fhk" in methods:
        Phi1 = total(s1 * f1)
    if "gr" in methods:
        bar = 0.5 * (Phi1 + total(s2 * f2))
        terms |= {"gr_within": 0.5 * (s1 + s2) * d, "gr_between": ds * (fbar - bar)}
        against("gr", bar, bar)
    if "fhk" in methods:
        terms |= {"fhk_within": s1 * d, "fhk_between": ds * (f1 - Phi1), "fhk_cross": ds * d}
        against("fhk", Phi1, Phi1)
    if "bg" in methods:
        PhiX = total(s1 * f1 * X) / total(s1 * X)
        terms |= {"bg_within": 0.5 * (s1 + s2) * d, "bg_between": ds * (fbar - PhiX)}
        against("bg", PhiX, PhiX)
    if "df" in methods or "mp" in methods:
        sS1, sS2 = total(s1 * S), total(s2 * S)
        PhiS1, PhiS2 = total(s1 * f1 * S) / sS1, total(s2 * f2 * S) / sS2
        v1, v2 = s1 * S / sS1, s2 * S / sS2
    if "df" in methods:
        mid = 0.5 * (PhiS1 + PhiS2)
        terms |= {"df_within": 0.5 * (v1 + v2) * d, "df_between": (v2 - v1) * (fbar - mid)}
        against("df", PhiS2, PhiS1)
    if "mp" in methods:
        n = total(S)
        mean1, mean2 = total(f1 * S) / n, total(f2 * S) / n
        terms["mp_within"] = d / n
        gap2, gap1 = (v2 - 1 / n) * (f2 - mean2), (v1 - 1 / n) * (f1 - mean1)
        terms["mp_between"] = (gap2 - gap1) * S
        against("mp", PhiS2, PhiS1)
    return pd.DataFrame(terms).groupby([both["year"], both["industry"], district]).sum()


def pandas_by_method(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Call the function once for each method."""
    return [pandas_idiom(frame, (method,)) for method in SHORT]


def _agree(panel: tfp.Panel, table: pd.DataFrame) -> None:
    """Both ways give the same contributions."""
    ours = six_methods().fit(panel, "tfp").to_frame()
    theirs = pandas_idiom(table)
    mine = ours[(ours["industry"] != "(total)") & (ours["district"] != "(total)")]
    short = {"mp": "melitz_polanec", "df": "diewert_fox", "fhk": "foster_haltiwanger_krizan",
             "gr": "griliches_regev"}  # fmt: skip
    for prefix, method in short.items():
        rows = mine[mine["method"] == method].set_index(["end", "industry", "district"])
        for term in ("within", "between", "entry", "exit"):
            a = rows[term].reindex(theirs.index).to_numpy(float)
            gap = np.nanmax(np.abs(a - theirs[f"{prefix}_{term}"].to_numpy()))
            if not gap < 1e-9:
                raise AssertionError(f"{method} {term}: {gap}")


def pandas_dispersion(frame: pd.DataFrame) -> pd.DataFrame:
    """Percentiles, spread and gaps by industry and year."""
    groups = frame.groupby(["industry", "year"])["tfp"]
    q = groups.quantile(list(PERCENTILES)).unstack()
    return q.assign(sd=groups.std(), skew=groups.skew(), d9010=q[0.90] - q[0.10])


def pandas_weighted(frame: pd.DataFrame) -> pd.DataFrame:
    """Weighted percentiles by industry and year, group by group, as there is no method for it."""

    def one(group: pd.DataFrame) -> pd.Series:
        group = group.sort_values("tfp")
        cumulative = group["labor"].cumsum() / group["labor"].sum()
        place = np.searchsorted(cumulative.to_numpy(), PERCENTILES)
        return pd.Series(group["tfp"].to_numpy()[place], PERCENTILES)

    return frame.groupby(["industry", "year"])[["tfp", "labor"]].apply(one)


def pandas_hsieh_klenow(frame: pd.DataFrame) -> pd.Series:
    """The model once, as one writes it in pandas; without trimming."""
    keys = ["industry", "year"]
    g = frame.groupby(keys)
    by_industry = frame.groupby("industry")
    a = 1 - (by_industry["wages"].sum() / by_industry["output"].sum()).loc[frame["industry"]]
    a = a.to_numpy()
    inputs = frame["capital"] ** a * frame["wages"] ** (1 - a)
    tfpq, tfpr = frame["output"] ** 1.5 / inputs, frame["output"] / inputs
    py, k, wl = (g[c].transform("sum") for c in ("output", "capital", "wages"))
    tfpr_bar = py / (k**a * wl ** (1 - a))
    squares = (tfpq**2).groupby([frame[c] for c in keys]).transform("sum")
    inner = (tfpq * tfpr_bar / tfpr) ** 2 / squares
    ratio = inner.groupby([frame[c] for c in keys]).sum()
    value = g["output"].sum()
    theta = value / value.groupby("year").transform("sum")
    return np.expm1(-(0.5 * theta * np.log(ratio)).groupby("year").sum())


def prepared_fit(rows: int) -> Callable[[], Any]:
    """Return six methods on a panel that stands; for memory in a fresh process."""
    panel = build(enterprises(rows))
    spec = six_methods()
    return lambda: spec.fit(panel, "tfp")


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the lines of this topic."""
    rows = 300_000 if quick else 10_000_000
    frame = enterprises(rows)
    n = frame["firm"].size
    panel, table = build(frame), pd.DataFrame(frame)
    lines = [*_decomposition(panel, table, n), *_dispersion(panel, table, n)]
    del panel, table, frame
    lines += _misallocation(100_000 if quick else 1_000_000)
    lines += _disclosure(quick)
    peak = peak_resident("benchmarks.bench_aggregation", "prepared_fit", rows)
    lines.append(line("six methods: memory of the fit", n, peak_mb=peak, note="fresh process"))
    sizes = (10_000, 100_000, 300_000) if quick else (10_000, 100_000, 1_000_000, 10_000_000)
    lines += growth_over_rows("six methods on a built panel", prepared_fit, sizes, repeats=3)
    return lines


def _decomposition(panel: tfp.Panel, table: pd.DataFrame, n: int) -> list[dict[str, Any]]:
    _agree(panel, table)
    six = six_methods()
    columns = [panel["tfp"], panel["value_added"], panel.entity_codes, panel.time,
               panel.group("district").codes, panel.group("industry").codes]  # fmt: skip
    few = {"repeats": 3, "least": 3}
    return [
        compare(
            "six methods at once by district and industry, nine pairs of years",
            n,
            lambda: six.fit(panel, "tfp"),
            lambda: pandas_by_method(table),
            against="pandas: merge, transform, groupby, a call for each method",
            note="required at least 20; same contributions to 1e-9",
            **few,
        ),
        compare(
            "six methods at once by district and industry, nine pairs of years",
            n,
            lambda: six.fit(panel, "tfp"),
            lambda: pandas_idiom(table),
            against="pandas: one merge for all six, the fastest way we know",
            **few,
        ),
        compare(
            "six methods at once by district and industry, nine pairs of years",
            n,
            lambda: six.fit(panel, "tfp"),
            copy_of(columns),
            against="copy of its input columns",
            inverse=True,
            repeats=5,
        ),
        line(
            "the same with the largest weights for disclosure control",
            n,
            ours_seconds=seconds(
                lambda: tfp.Decomposition(
                    method=SIX, weight="value_added", by="district", within="industry"
                ).fit(panel, "tfp")
            ),
        ),
    ]


def _dispersion(panel: tfp.Panel, table: pd.DataFrame, n: int) -> list[dict[str, Any]]:
    few = {"repeats": 3, "least": 3}
    spec = tfp.Dispersion(within=("industry", "year"))
    ours = spec.fit(panel, "tfp").to_frame().set_index(["industry", "year"]).sort_index()
    theirs = pandas_dispersion(table).sort_index()
    gap = np.abs(ours["p90"].to_numpy() - theirs[0.90].to_numpy()).max()
    if not gap < 1e-12:
        raise AssertionError(f"percentiles differ by {gap}")
    return [
        compare(
            "dispersion by industry and year, exact percentiles, tails, quintiles",
            n,
            lambda: spec.fit(panel, "tfp"),
            lambda: pandas_dispersion(table),
            against="pandas quantile, std, skew (no tails, no quintiles)",
            note="same percentiles to 1e-12",
            **few,
        ),
        compare(
            "the same with weighted twins",
            n,
            lambda: tfp.Dispersion(weight="labor", within=("industry", "year")).fit(panel, "tfp"),
            lambda: (pandas_dispersion(table), pandas_weighted(table)),
            against="pandas, weighted percentiles group by group",
            **few,
        ),
    ]


def _misallocation(rows: int) -> list[dict[str, Any]]:
    frame = enterprises(rows)
    n = frame["firm"].size
    panel, table = build(frame), pd.DataFrame(frame)
    once = tfp.HsiehKlenow(trim=0)
    gain = pandas_hsieh_klenow(table).to_numpy()
    if not np.allclose(once.fit(panel).gain(), gain, rtol=1e-9):
        raise AssertionError("gains differ")
    return [
        compare(
            "Hsieh-Klenow, no trim, ten years", n,
            lambda: once.fit(panel), lambda: pandas_hsieh_klenow(table),
            against="pandas transform", note="same gains to 1e-9", repeats=3, least=3,
        ),
        line(
            "Hsieh-Klenow with its trimming path (four trims)", n,
            ours_seconds=seconds(lambda: tfp.HsiehKlenow().fit(panel)),
        ),
    ]  # fmt: skip


def _disclosure(quick: bool) -> list[dict[str, Any]]:
    frame = enterprises(20_000 if quick else 200_000)
    panel = build(frame)
    cells = tfp.Cells.from_panel(
        panel, by=["district", "industry"], weight="value_added", sums=["value_added"]
    )
    rules = tfp.DisclosureRules(min_count=5 if quick else 50)
    return [
        line(
            f"disclosure: {len(cells)} cells with margins, ten years, one pattern",
            frame["firm"].size,
            ours_seconds=seconds(lambda: rules.apply(cells)),
        )
    ]
