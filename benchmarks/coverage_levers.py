"""Do the intervals of levers cover the truth? A slow script, run by hand.

    python -m benchmarks.coverage_levers [--samples 500] [--enterprises 2000] [--design even]

A population of many enterprises is made once. The true effect of a lever is its effect in the whole
population, with the same specification: the percentiles, means and shares of the population in
place of those of a sample. Enterprises, with all their periods, are then drawn at random, and each
sample gives an effect with its interval. Printed for each lever: the truth, the mean error over the
standard deviation of the estimates, mean standard error over that standard deviation, how many
enterprises carry the effect, and the share of intervals that hold the truth.

``even`` has four industries and weights with a standard deviation of logs of 0.8; ``province`` is
`tfp_index.datasets.simulate.province`, where a few dozen mines and power stations hold half of
value added.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np

import tfp_index as tfp
from tfp_index.datasets import simulate

SIZES = {"even": 2_000, "province": 4_000}


def even(enterprises: int, rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return enterprises of two years; a tenth of them enter in the second."""
    firm = np.repeat(np.arange(enterprises), 2)
    year = np.tile([2023, 2024], enterprises)
    stay = (year == 2024) | (rng.random(enterprises)[firm] > 0.1)
    entrant = ~stay[::2]
    industry = rng.integers(0, 4, enterprises)
    has = rng.random(enterprises) < 0.3
    own = rng.normal(0.0, 0.25, enterprises) + 0.05 * has - 0.1 * entrant
    size = rng.normal(0.0, 0.8, enterprises) + 0.5 * own
    n = firm.shape[0]
    va = np.exp(5.0 + size[firm] + rng.normal(0.0, 0.1, n))
    columns = {
        "firm": firm,
        "year": year,
        "tfp": (0.2 * industry + own)[firm] + rng.normal(0.0, 0.15, n),
        "value_added": va,
        "labor": np.exp(2.0 + 0.9 * size[firm] + rng.normal(0.0, 0.2, n)),
        "labor_cost": 0.5 * va * np.exp(rng.normal(0.0, 0.25, n)),
        "capital": va * np.exp(rng.normal(0.0, 0.4, n)),
        "practice": has[firm].astype(float),
        "industry": np.array(list("ABCD"))[industry][firm],
        "district": rng.integers(0, 5, enterprises)[firm],
    }
    roles = {
        "entity": "firm", "time": "year", "value_added": "value_added", "labor": "labor",
        "capital": "capital", "groups": {"industry": "industry", "district": "district"},
        "columns": {n: n for n in ("tfp", "labor_cost", "practice")},
    }  # fmt: skip
    return {name: values[stay] for name, values in columns.items()}, roles


def province(enterprises: int, rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return enterprises of the simulated province over four years, some with a practice."""
    sim = simulate.province(enterprises=enterprises, periods=4, rng=rng)
    columns = dict(sim.columns)
    firm = np.unique(columns["enterprise"], return_inverse=True)[1]
    has = rng.random(int(firm.max()) + 1) < 0.3
    columns["practice"] = has[firm].astype(float)
    columns["tfp"] = sim.truth.productivity + 0.05 * has[firm]
    names = {n: n for n in ("tfp", "labor_cost", "practice")}
    return columns, {**sim.roles, "columns": names}


DESIGNS = {"even": even, "province": province}


def run(
    design: str, samples: int, enterprises: int, *, population: int = 60_000, seed: int = 1,
    by: str | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return one line for each lever (and group)."""
    rng = np.random.default_rng(seed)
    columns, roles = DESIGNS[design](population, rng)
    spec = tfp.Levers(by=by, practices="practice", trim=0.0)
    firm = np.unique(columns[roles["entity"]], return_inverse=True)[1]
    total = int(firm.max()) + 1

    def fit(part: Mapping[str, Any]) -> dict[tuple[str, Any], dict[str, Any]]:
        found = spec.fit(tfp.Panel.from_frame(part, **roles), productivity="tfp")
        return {(row["lever"], row["group"]): row for row in found.tidy().rows()}

    truth = fit(columns)
    rows: dict[tuple[str, Any], list[dict[str, Any]]] = {key: [] for key in truth}
    for _ in range(samples):
        drawn = np.zeros(total, bool)
        drawn[rng.choice(total, enterprises, replace=False)] = True
        for key, row in fit({n: v[drawn[firm]] for n, v in columns.items()}).items():
            if row["points"] is not None:
                rows[key].append(row)
    return [_line(key, truth[key], found) for key, found in rows.items() if len(found) > 1]


def _line(
    key: tuple[str, Any], truth: dict[str, Any], found: list[dict[str, Any]]
) -> dict[str, Any]:
    true = truth["points"]
    points, errors, carried = (
        np.array([row[name] for row in found], float)
        for name in ("points", "standard_error", "carried_by")
    )
    sd = float(points.std(ddof=1)) or float("nan")
    held = [row["low"] <= true <= row["high"] for row in found]
    return {
        "lever": key[0],
        "group": key[1],
        "truth": true,
        "bias_over_sd": float(points.mean() - true) / sd,
        "se_over_sd": float(errors.mean()) / sd,
        "carried_by": float(np.median(carried)),
        "coverage": float(np.mean(held)),
        "samples": len(found),
    }


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--enterprises", type=int, default=None)
    parser.add_argument("--design", choices=list(DESIGNS), nargs="*", default=list(DESIGNS))
    parser.add_argument("--by", default=None)
    args = parser.parse_args()
    print("| design | lever | group | truth | bias / sd | mean error / sd | carried by | covered |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for design in args.design:
        for line in run(design, args.samples, args.enterprises or SIZES[design], by=args.by):
            print(
                f"| {design} | {line['lever']} | {line['group']} | {line['truth']:.3f} | "
                f"{line['bias_over_sd']:+.2f} | {line['se_over_sd']:.2f} | "
                f"{line['carried_by']:.0f} | {100 * line['coverage']:.1f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main()
