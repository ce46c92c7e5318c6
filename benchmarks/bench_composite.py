"""Composite indices: replicates of 51 × 49; indicators of 100,000 enterprises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

import tfp_index as tfp
from benchmarks._harness import compare, line, peak_allocated, seconds
from tfp_index.composite.result import CompositeResult

UNITS, PILLARS = 51, (8, 5, 3, 6, 8, 5, 9, 5)
LEAVES = [f"x{i:02d}" for i in range(sum(PILLARS))]
PARENT = {
    leaf: f"p{pillar}"
    for leaf, pillar in zip(LEAVES, np.repeat(np.arange(len(PILLARS)), PILLARS), strict=True)
}
UPPER = {f"p{i}": "a" if i < 5 else "b" for i in range(len(PILLARS))}


def units(seed: int = 1) -> pd.DataFrame:
    """Return 51 units with 49 indicators, a third of them with outliers."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"uCode": [f"U{i:02d}" for i in range(UNITS)]})
    for i, leaf in enumerate(LEAVES):
        frame[leaf] = rng.lognormal(0.0, 1.3 if i % 3 == 0 else 0.3, UNITS)
    return frame


def fitted() -> CompositeResult:
    """Return the index of `units`: eight pillars, two sub-indices, outliers treated."""
    rows = [{"code": leaf, "parent": parent} for leaf, parent in PARENT.items()]
    rows += [{"code": pillar, "parent": sub} for pillar, sub in UPPER.items()]
    rows += [{"code": "a", "parent": "i"}, {"code": "b", "parent": "i"}, {"code": "i"}]
    return tfp.CompositeIndex(structure=rows, treat=True).fit(units())


def whole_chain(frame: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """Do what a user would write: the whole chain once more for one replicate, in pandas."""
    x = frame[LEAVES].copy()
    for leaf in LEAVES:
        column = x[leaf].to_numpy(copy=True)
        for _ in range(int(rng.integers(1, 6))):
            skew = stats.skew(column, bias=False)
            if abs(skew) < 2 or stats.kurtosis(column, bias=False) < 3.5:
                break
            extreme = column.max() if skew > 0 else column.min()
            inner = column[column != extreme]
            column[column == extreme] = inner.max() if skew > 0 else inner.min()
        x[leaf] = column
    z = 1 + 99 * (x - x.min()) / (x.max() - x.min())
    geometric = bool(rng.integers(2))
    scores = np.log(z) if geometric else z
    for parents in (PARENT, UPPER, {"a": "i", "b": "i"}):
        weights = pd.Series(rng.uniform(0.75, 1.25, scores.shape[1]), index=scores.columns)
        parent = pd.Series(parents)
        below = (scores * weights).T.groupby(parent).sum().T
        scores = below / weights.groupby(parent).sum()
    return scores["i"].rank(ascending=False, method="min")


CHOICES = {
    "outliers": [{"winsorize_most": most} for most in range(1, 6)],
    "scale": [{"scale": (1, 100)}],
    "mean": [{"aggregate": "arithmetic"}, {"aggregate": "geometric"}],
}


def replicates(reps: int) -> dict[str, Any]:
    """Time replicates against the whole chain in pandas, replicate for replicate."""
    result, frame = fitted(), units()
    few = 20
    rng = np.random.default_rng(0)

    def ours() -> Any:
        return result.uncertainty(reps=reps, rng=7, choices=CHOICES).ranks

    _, peak = peak_allocated(ours)
    best = min(seconds(ours) for _ in range(3))
    theirs = seconds(lambda: [whole_chain(frame, rng) for _ in range(few)]) / few
    return line(
        f"{reps} uncertainty replicates, 51 × 49",
        UNITS * len(LEAVES),
        ours_seconds=best,
        other=f"whole chain in pandas, {few} replicates scaled up",
        other_seconds=theirs * reps,
        ratio=theirs * reps / best,
        peak_mb=peak,
        note=f"{1e3 * best / reps:.3f} ms per replicate",
    )


def sensitivity(n: int) -> dict[str, Any]:
    """Time the Sobol indices, with 500 bootstrap resamples."""
    result = fitted()
    best = min(seconds(lambda: result.sensitivity(rng=7, n=n, choices=CHOICES)) for _ in range(3))
    evaluations = n * 5
    return line(
        f"Sobol indices of 3 choices, n = {n}",
        evaluations,
        ours_seconds=best,
        note=f"{evaluations} evaluations and 500 resamples",
    )


def items(n: int, seed: int = 3) -> pd.DataFrame:
    """Return invented items of `n` enterprises."""
    rng = np.random.default_rng(seed)
    revenue = rng.lognormal(np.log(40e9), 1.0, n)
    shares = {
        "cost_of_goods_sold": 0.6, "operating_profit": 0.10, "profit_before_tax": 0.11,
        "interest": 0.01, "labor_cost": 0.2, "depreciation": 0.05, "production_taxes": 0.01,
        "materials_and_services": 0.6, "fixed_assets": 0.5, "fixed_assets_opening": 0.5,
        "inventory": 0.1, "inventory_opening": 0.1, "total_assets": 1.0,
        "total_assets_opening": 1.0,
    }  # fmt: skip
    frame = pd.DataFrame({"enterprise": np.arange(n), "year": 2024, "net_revenue": revenue})
    for name, share in shares.items():
        frame[name] = share * revenue * rng.uniform(0.7, 1.3, n)
    frame["employees"] = rng.integers(2, 500, n).astype(float)
    frame["persons_employed"] = frame["employees"] + rng.integers(0, 4, n)
    frame["industry"] = rng.choice(["C10", "C13", "F41", "G46"], n)
    return frame


def in_pandas(d: pd.DataFrame) -> pd.DataFrame:
    """Do what a user would write: one expression for each of the nineteen indicators."""
    va = d.labor_cost + d.depreciation + d.interest + d.production_taxes + d.profit_before_tax
    k = (d.fixed_assets_opening + d.fixed_assets) / 2
    cost = d.labor_cost + d.depreciation + d.interest
    return pd.DataFrame(
        {
            "va_per_worker": va / d.employees / 1e6,
            "sales_per_worker": d.net_revenue / d.employees / 1e6,
            "labor_cost_competitiveness": va / d.labor_cost,
            "labor_cost_per_worker": d.labor_cost / d.employees / 1e6,
            "unit_labor_cost": d.labor_cost / d.net_revenue,
            "labor_share": 100 * d.labor_cost / va,
            "wage_adjusted": 100 * va / d.labor_cost * d.employees / d.persons_employed,
            "sales_per_capital": d.net_revenue / k,
            "capital_intensity": k / d.employees / 1e6,
            "capital_productivity": va / k,
            "inventory_turnover": 2 * d.cost_of_goods_sold / (d.inventory + d.inventory_opening),
            "asset_turnover": 2 * d.net_revenue / (d.total_assets + d.total_assets_opening),
            "va_to_sales": va / d.net_revenue,
            "profit_margin": d.operating_profit / d.net_revenue,
            "profit_to_va": d.operating_profit / va,
            "va_content": 100 * va / d.net_revenue,
            "process_efficiency": va / (cost + d.production_taxes),
            "tfp_level": va / (k**0.3 * d.employees**0.7),
            "total_productivity": d.net_revenue / (cost + d.materials_and_services),
        }
    )


def enterprises(n: int) -> list[dict[str, Any]]:
    """Time the indicators of enterprises, and their scores among peers."""
    frame = items(n)
    _, peak = peak_allocated(lambda: tfp.enterprise_indicators(frame))
    indicators = compare(
        f"19 indicators of {n:,} enterprises",
        n,
        lambda: tfp.enterprise_indicators(frame),
        lambda: in_pandas(frame),
        against="19 pandas expressions alone",
        note="ours also checks keys, reconciles value added both ways, finds size classes and "
        "keeps the division by zero apart",
        peak_mb=peak,
        inverse=True,
    )
    result = tfp.enterprise_indicators(frame)
    best = min(seconds(lambda: result.score(peers=["industry", "size_class"])) for _ in range(3))
    scores = line(f"scores and ranks of {n:,} enterprises", n, ours_seconds=best)
    return [indicators, scores]


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the lines of this benchmark."""
    reps, n, firms = (200, 128, 10_000) if quick else (1_000, 1_024, 100_000)
    return [replicates(reps), sensitivity(n), *enterprises(firms)]
