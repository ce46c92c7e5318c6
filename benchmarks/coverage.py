"""Do 95 % intervals cover the truth in 95 % of samples? A slow script, run by hand.

    python -m benchmarks.coverage [--samples 500] [--workers 2] [--only NAME …]

Every estimator is run in a design where it is consistent. For each coefficient: mean and standard
deviation of the estimates, mean standard error over that standard deviation, and the share of
samples whose interval holds the truth. With 500 samples that share has a standard error of 1 %.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import tfp_index as tfp
from tfp_index.datasets import simulate

SMALL = {"basis_degree": 2, "law_degree": 2}


@dataclass(frozen=True)
class Case:
    """An estimator, a design, and what is true there."""

    spec: Any
    design: Callable[..., Any]
    truth: dict[str, float]


PROXIES = {"labor": 0.6, "capital": 0.4}
proxies = simulate.proxies
leaving = partial(simulate.proxies, exit=True)
EFFECTS = {"labor": 0.6, "capital": 0.3}
GROSS = {"labor": 0.15, "capital": 0.25, "materials": 0.5}
lasting = partial(simulate.firm_effects, shock_persistence=0.5)  # or labor is not identified
gross = partial(simulate.gnr, periods=8, labor_elasticity=0.15, materials_elasticity=0.5)

CASES = {
    "Olley-Pakes": Case(tfp.OlleyPakes(**SMALL), proxies, PROXIES),
    "Olley-Pakes, levpet": Case(tfp.OlleyPakes(second_stage="levpet", **SMALL), proxies, PROXIES),
    "Olley-Pakes, survival": Case(
        tfp.OlleyPakes(basis_degree=2, law_degree=3, survival=True), leaving, PROXIES
    ),
    "Levinsohn-Petrin": Case(tfp.LevinsohnPetrin(**SMALL), proxies, PROXIES),
    "Levinsohn-Petrin, acf2015 design 2": Case(
        tfp.LevinsohnPetrin(basis_degree=2, law_degree=1),
        partial(simulate.acf2015, 2, measurement_error=0.0),
        PROXIES,
    ),
    "ACF": Case(tfp.AckerbergCavesFrazer(**SMALL), proxies, PROXIES),
    "ACF, degrees 3 and 3": Case(tfp.AckerbergCavesFrazer(), proxies, PROXIES),
    "ACF, survival": Case(
        tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=3, survival=True), leaving, PROXIES
    ),
    "ACF, acf2015 design 1": Case(
        tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=1),
        partial(simulate.acf2015, 1, measurement_error=0.0),
        PROXIES,
    ),
    "ACF, acf2015 design 2": Case(
        tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=1),
        partial(simulate.acf2015, 2, measurement_error=0.0),
        PROXIES,
    ),
    "ACF translog": Case(
        tfp.AckerbergCavesFrazer(form="translog", basis_degree=2, law_degree=1),
        proxies,
        {"labor:labor": 0.0, "labor:capital": 0.0, "capital:capital": 0.0, **PROXIES},
    ),
    "Wooldridge": Case(tfp.Wooldridge(), proxies, PROXIES),
    "Wooldridge, one equation": Case(tfp.Wooldridge(form="one_equation"), proxies, PROXIES),
    "Cobb-Douglas, two-way effects": Case(
        tfp.CobbDouglas(effects="two_way", cov="clustered"),
        partial(simulate.firm_effects, feedback=0.0),
        EFFECTS,
    ),
    "Dynamic panel, system": Case(
        tfp.DynamicPanel(predetermined="capital"),
        lasting,
        {**EFFECTS, "persistence": 0.5},
    ),
    "Dynamic panel, difference": Case(
        tfp.DynamicPanel(form="difference", predetermined="capital"),
        lasting,
        {**EFFECTS, "persistence": 0.5},
    ),
    "GNR, share of degree 1": Case(
        tfp.GandhiNavarroRivers(revenue_share="share", share_degree=1, law_degree=1),
        gross,
        GROSS,
    ),
    "GNR, share of degree 2": Case(
        tfp.GandhiNavarroRivers(revenue_share="share", share_degree=2), gross, GROSS
    ),
}


def one(name: str, seed: int, firms: int) -> tuple[list[float], list[float]]:
    """Return estimates and standard errors of one sample."""
    case = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tfp.TFPWarning)
        fit = case.spec.fit(case.design(firms=firms, rng=seed).panel())
    return [fit.params[t] for t in case.truth], [fit.bse[t] for t in case.truth]


def run_case(name: str, samples: int, firms: int = 1_000, workers: int = 1) -> list[dict[str, Any]]:
    """Return one line per coefficient."""
    task = partial(one, name, firms=firms)
    seeds = range(1, samples + 1)
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            answers = list(pool.map(task, seeds, chunksize=10))
    else:
        answers = [task(seed) for seed in seeds]
    b, se = (np.array([a[i] for a in answers]) for i in range(2))
    lines = []
    for j, (term, truth) in enumerate(CASES[name].truth.items()):
        covered = np.abs(b[:, j] - truth) <= 1.959964 * se[:, j]
        lines.append(
            {
                "estimator": name,
                "term": term,
                "truth": truth,
                "mean": float(b[:, j].mean()),
                "sd": float(b[:, j].std(ddof=1)),
                "se_over_sd": float(se[:, j].mean() / b[:, j].std(ddof=1)),
                "median_se_over_sd": float(np.median(se[:, j]) / b[:, j].std(ddof=1)),
                "coverage": float(covered.mean()),
                "samples": samples,
            }
        )
    return lines


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--firms", type=int, default=1_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=list(CASES), choices=list(CASES))
    args = parser.parse_args()
    print("| estimator | coefficient | truth | mean | sd | mean error / sd | covered |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in args.only:
        for line in run_case(name, args.samples, args.firms, args.workers):
            print(
                f"| {name} | {line['term']} | {line['truth']:g} | {line['mean']:.4f} | "
                f"{line['sd']:.4f} | {line['se_over_sd']:.3f} | {100 * line['coverage']:.1f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main()
