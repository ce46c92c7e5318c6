"""The demonstration on a simulated province: from enterprises to a plan, beside the truth."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation.aggregate import Aggregation, AggregationResult
from tfp_index.aggregation.decomposition import Decomposition
from tfp_index.aggregation.decomposition_result import DecompositionResult
from tfp_index.cli._terminal import say
from tfp_index.criteria.criteria_set import CriteriaSet
from tfp_index.criteria.levers import Levers
from tfp_index.criteria.levers_result import LeversResult
from tfp_index.criteria.programme import Plan, PlanStatus
from tfp_index.datasets import simulate
from tfp_index.language import Language
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.production.ackerberg_caves_frazer import AckerbergCavesFrazer
from tfp_index.production.least_squares import CobbDouglas
from tfp_index.production.wooldridge import Wooldridge
from tfp_index.report.adapters import Part
from tfp_index.report.criteria import Criteria
from tfp_index.report.sections import Column, Grid, Section, Text
from tfp_index.results.result import RowValues

__all__ = ["Walk", "province_part", "say_province", "walk"]

Floats = NDArray[np.float64]

ENTERPRISES, PERIODS, FIRST_YEAR, SEED = 1_000, 8, 2016, 2026
"""The simulation: large enough for every industry to be estimated, small enough to be quick."""

CHOSEN = "AckerbergCavesFrazer"
"""Estimator that the walk goes on with."""

PRACTICE, ADOPTED = "iso", 0.25
"""An invented practice that does nothing, and its share of enterprises."""

PROGRESS: Mapping[str, tuple[int, tuple[float, ...]]] = {
    "T1": (2021, (4, 5, 5)),
    "T2": (2021, (190, 215, 160)),
    "T3": (2020, (200, 224, 252, 285)),
    "T4": (2021, (1, 3, 3)),
    "T6": (2021, (0, 0.5, 1)),
    "T9": (2021, (0, 1, 1)),
    "T10": (2020, (38.0, 39.5, 40.1, 42.0)),
}
"""Invented progress of the bundled plan: target → first year and figures."""


@dataclass(frozen=True)
class Walk:
    """What the walk comes by.

    Attributes
    ----------
    estimators : Table
        By estimator: correlation with the true productivity within industries, and the index of
        the province's TFP in the last year; the truth in the last row.
    index : AggregationResult
    change : DecompositionResult
    scores : Criteria
    levers : LeversResult
    status : PlanStatus
    """

    estimators: Table
    index: AggregationResult
    change: DecompositionResult
    scores: Criteria
    levers: LeversResult
    status: PlanStatus


def walk() -> Walk:
    """Simulate the province and walk from its enterprises to the plan."""
    sim = simulate.province(ENTERPRISES, PERIODS, first_year=FIRST_YEAR, rng=SEED)
    frame = {name: sim[name] for name in sim.columns}
    # of value added: what a point of output's TFP is worth when materials follow
    truth = sim.truth.productivity / (1.0 - sim.truth.by_row["materials"])
    frame[PRACTICE] = _adopted(frame["enterprise"])
    frame["true_tfp"] = truth
    panel = Panel.from_frame(
        frame,
        **{
            **sim.roles,
            "columns": {"labor_cost": "labor_cost", PRACTICE: PRACTICE, "true_tfp": "true_tfp"},
            "vintage": "simulated",
        },
    )
    found = _estimate(panel)
    productivity = found[CHOSEN]
    change = Decomposition("diewert_fox", relative="industry", by="district")
    levers = Levers(by=("district",), practices=(PRACTICE,))
    return Walk(
        estimators=_compared(panel, found),
        index=_index(panel, productivity),
        change=change.fit(panel, productivity),
        scores=_scores(frame),
        levers=levers.fit(panel, productivity),
        status=_status(),
    )


def _adopted(enterprise: NDArray[Any]) -> Floats:
    """Draw who has the practice: a quarter of the enterprises, in all their years."""
    labels, of = np.unique(enterprise, return_inverse=True)
    drawn = np.random.default_rng(SEED).random(labels.shape[0]) < ADOPTED
    return np.asarray(drawn, np.float64)[of]


def _estimate(panel: Panel) -> dict[str, RowValues]:
    """Return log TFP by estimator; every industry has its own elasticities."""
    specs = (
        CobbDouglas(output="value_added", inputs=("labor", "capital"), by="industry"),
        Wooldridge(by="industry"),
        AckerbergCavesFrazer(by="industry"),
    )
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # industries of few enterprises; the truth stands beside
        for spec in specs:
            fitted: Any = spec
            found[type(spec).__name__] = fitted.fit(panel).productivity
    return found


def _index(panel: Panel, productivity: Any) -> AggregationResult:
    return Aggregation(relative="industry", by="district").fit(panel, productivity)


def _compared(panel: Panel, found: Mapping[str, RowValues]) -> Table:
    truth, industry = panel["true_tfp"], panel.groups["industry"].codes
    names, correlations, levels = [], [], []
    for name, productivity in found.items():
        values = np.asarray(productivity["productivity"], np.float64)
        known = np.isfinite(values)
        one, other = (_within(v[known], industry[known]) for v in (values, truth))
        names.append(name)
        correlations.append(float(np.corrcoef(one, other)[0, 1]))
        levels.append(_last(_index(panel, productivity)))
    levels.append(_last(_index(panel, "true_tfp")))
    return Table(
        {
            "estimator": [*names, "truth"],
            "correlation_with_truth": [*correlations, 1.0],
            "tfp_index": np.array(levels),
        },
        "Estimators on the simulated province",
    )


def _within(values: Floats, group: NDArray[np.integer[Any]]) -> Floats:
    count = np.bincount(group)
    mean = np.bincount(group, values) / np.maximum(count, 1)
    return np.asarray(values - mean[group], np.float64)


def _last(index: AggregationResult) -> float:
    return float(index.glance()["index_last"][0])


def _scores(frame: Mapping[str, NDArray[Any]]) -> Criteria:
    """Score the districts by the province set, on the indicators that the simulation has."""
    pairs = np.array([f"{d}\t{y}" for d, y in zip(frame["district"], frame["year"], strict=True)])
    keys, cell = np.unique(pairs, return_inverse=True)

    def total(values: NDArray[Any]) -> Floats:
        return np.asarray(np.bincount(cell, values, keys.shape[0]), np.float64)

    split = [key.split("\t") for key in keys.tolist()]
    table = {
        "district": np.array([d for d, _ in split], object),
        "year": np.array([int(y) for _, y in split]),
        "grdp": total(frame["value_added"]),
        "capital": total(frame["capital"]),
        "labor": total(frame["labor"]),
        "enterprises": total(np.ones(cell.shape[0])),
        "certified_enterprises": total(frame[PRACTICE]),
    }
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # indicators without data; the section on coverage lists them
        scores = CriteriaSet.load("province").score(table, unit="district", time="year")
    return Criteria(
        scores,
        unit="Hạ Long",
        uncertainty=scores.uncertainty(reps=300, rng=SEED),
        entity_kind="area",
    )


def _status() -> PlanStatus:
    rows = [
        (target, start + place, float(value))
        for target, (start, values) in PROGRESS.items()
        for place, value in enumerate(values)
    ]
    columns = dict(
        zip(("target", "year", "value"), map(list, zip(*rows, strict=True)), strict=True)
    )
    return Plan.load("quang_ninh_203").track(columns, as_of=2023)


def province_part(found: Walk, lang: Language) -> Part:
    """Return the part of the report, from the estimators to the plan."""
    last = FIRST_YEAR + PERIODS - 1
    title = lang.text("demo.province.title", start=FIRST_YEAR, end=last)
    items = [_estimators(found.estimators, lang), found.change, found.scores, found.levers]
    return Part("province", title, [*items, found.status])


def _estimators(table: Table, lang: Language) -> Section:
    best = table["correlation_with_truth"][:-1]
    names = [_name(str(n), lang) for n in table["estimator"].tolist()]
    place = table["estimator"].tolist().index(CHOSEN)
    levels = table["tfp_index"].tolist()
    lead = lang.text(
        "demo.province.lead",
        estimate=lang.number(levels[place], 1),
        truth=lang.number(levels[-1], 1),
        start=FIRST_YEAR,
        end=FIRST_YEAR + PERIODS - 1,
        low=lang.number(min(best), 2),
        high=lang.number(max(best), 2),
    )
    columns = (
        Column(lang.text("demo.province.estimator"), tuple(names), False),
        Column(
            lang.text("demo.province.correlation"),
            tuple(lang.number(v, 3) for v in table["correlation_with_truth"].tolist()),
        ),
        Column(
            lang.text("demo.province.index", start=FIRST_YEAR),
            tuple(lang.number(v, 1) for v in levels),
        ),
    )
    grid = Grid(
        "estimators",
        lang.text("demo.province.caption"),
        columns,
        (lang.text("demo.province.note"),),
        table,
        frozenset({len(names) - 1}),
    )
    blocks = (
        Text(lang.text("demo.province.simulated", seed=SEED), "warning"),
        Text(lead, "lead"),
        grid,
        Text(lang.text("demo.province.practice"), "note"),
    )
    title = lang.text("demo.province.estimators")
    return Section("estimators", title, blocks, basis="method")


def _name(estimator: str, lang: Language) -> str:
    return lang.text(f"demo.province.name_{estimator}")


def say_province(found: Walk, lang: Language) -> None:
    """Say the numbers of the walk in a few lines."""
    levels = found.estimators["tfp_index"].tolist()
    place = found.estimators["estimator"].tolist().index(CHOSEN)
    said: dict[str, Any] = {"start": FIRST_YEAR, "end": FIRST_YEAR + PERIODS - 1}
    say(lang.text("demo.province.say", **said))
    estimate, truth = lang.number(levels[place], 1), lang.number(levels[-1], 1)
    text = lang.text("demo.province.say_index", estimate=estimate, truth=truth, **said)
    say("  " + text)
    best = found.levers.ranking(lang.code).rows()[0]
    points = lang.number(best["points"], 1, sign=True)
    say("  " + lang.text("demo.province.say_lever", name=best["name"], points=points))
    counts = {name: lang.integer(len(found.status.having(name))) for name in ("met", "behind")}
    on_course = lang.integer(len(found.status.having("on_course")))
    text = lang.text("demo.province.say_plan", on_course=on_course, year=2023, **counts)
    say("  " + text + "\n")
