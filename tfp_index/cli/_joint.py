"""What a report tells beside growth: scores, enterprises and a plan, as the roles file names them.

```toml
[criteria]                    # provinces or enterprises under a criteria set
file = "provinces.csv"
unit = "province"
time = "year"
set = "province"
profile = "Quảng Ninh"

[enterprises]                 # decomposition, aggregates and levers
file = "enterprises.parquet"
entity = "id"
time = "year"
value_added = "va"
labor = "persons"
capital = "assets"
groups = { district = "district", industry = "industry" }
estimator = "CobbDouglas"
by = ["district"]

[plan]                        # progress of a plan
file = "progress.csv"
plan = "quang_ninh_203"
as_of = 2025
```
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfp_index.aggregation.aggregate import Aggregation
from tfp_index.aggregation.decomposition import Decomposition
from tfp_index.criteria.criteria_set import CriteriaSet
from tfp_index.criteria.levers import Levers
from tfp_index.criteria.programme import Plan
from tfp_index.criteria.result import CriteriaResult
from tfp_index.errors import SpecificationError, nearest
from tfp_index.panel.files import read_file
from tfp_index.panel.panel import Panel
from tfp_index.report.criteria import Criteria
from tfp_index.results.specification import spec_from_dict

__all__ = ["ALSO", "LEAST_RANKED", "PLACES", "further", "replicates"]

ALSO = ("xlsx", "figures")
"""What every command writes beside a page."""

PLACES = {
    "criteria": ("file", "unit", "time", "set", "profile", "peers", "reps", "seed", "unit_kind"),
    "enterprises": (
        "file", "entity", "time", "output", "value_added", "labor", "capital", "materials",
        "investment", "groups", "columns", "vintage", "estimator", "options", "weight", "by",
        "industry", "levers", "practices",
    ),
    "plan": ("file", "plan", "as_of", "columns", "running_totals"),
}  # fmt: skip
"""Sections of the roles file, with their keys."""

LEAST_RANKED = 3
"""Fewer units than these are not worth replicates."""

_ROLES = ("entity", "time", "output", "value_added", "labor", "capital", "materials",
          "investment", "groups", "columns", "vintage")  # fmt: skip


def further(document: Mapping[str, Any], folder: Path, *, public: bool = False) -> list[Any]:
    """Return what the sections of a roles file ask for, for `report.write`.

    Parameters
    ----------
    document : mapping
        The parsed file.
    folder : Path
        Names of files are relative to it.
    public : bool
        Then the decomposition is that of the whole: beside the index by group, contributions by
        group would give groups away by subtraction, and most of both would be withheld.

    Raises
    ------
    SpecificationError
        If a key is not known, or a section names no file.
    """
    made: list[Any] = []
    for place, keys in PLACES.items():
        said = document.get(place)
        if said is None:
            continue
        for key in said:
            if key not in keys:
                raise SpecificationError(
                    f"{place}: the key {key!r} is not known",
                    code="unknown_key",
                    column=str(key),
                    remedy=nearest(str(key), keys),
                )
        if "file" not in said:
            raise SpecificationError(
                f"{place}: there is no file", code="missing_key", expected='file = "…"'
            )
        frame = read_file(folder / said["file"])
        made += _MAKERS[place](frame, said, public)
    return made


def _scores(frame: Any, said: Mapping[str, Any], public: bool) -> list[Any]:
    chosen = CriteriaSet.load(said.get("set", "province"))
    scores = chosen.score(
        frame,
        unit=said.get("unit", "province"),
        time=said.get("time"),
        peers=said.get("peers", ()),
    )
    again = replicates(scores, said.get("reps", 1000), said.get("seed", 7))
    return [Criteria(scores, unit=said.get("profile"), entity_kind=said.get("unit_kind"), **again)]


def replicates(scores: CriteriaResult, reps: int, seed: int) -> dict[str, Any]:
    """Return uncertainty and sensitivity of scores, where there are enough units for them."""
    ranked = int((~np.isnan(scores.scores.ranks)).sum())
    units = len(scores.keys.entity_labels)
    if not reps or units < LEAST_RANKED or ranked < LEAST_RANKED:
        return {}
    return {
        "uncertainty": scores.uncertainty(reps=reps, rng=seed),
        "sensitivity": scores.sensitivity(n=256, rng=seed),
    }


def _enterprises(frame: Any, said: Mapping[str, Any], public: bool) -> list[Any]:
    panel = Panel.from_frame(frame, **{name: said[name] for name in _ROLES if name in said})
    document = {"method": said.get("estimator", "CobbDouglas"), "options": said.get("options", {})}
    fitted: Any = spec_from_dict(document)
    productivity = fitted.fit(panel).productivity
    by, weight = said.get("by", ()), said.get("weight", "value_added")
    industry = said.get("industry", "industry")
    common = {"weight": weight, "relative": industry}
    groups = (by,) if isinstance(by, str) else tuple(by)
    made: list[Any] = [
        Decomposition(**common, by=() if public else groups[:1]).fit(panel, productivity),
        Aggregation(**common, by=groups[:1]).fit(panel, productivity),
    ]
    options: dict[str, Any] = {
        name: tuple(said[name]) for name in ("levers", "practices") if name in said
    }
    levers = Levers(weight=weight, by=groups, industry=industry, **options)
    return [*made, levers.fit(panel, productivity)]


def _plan(frame: Any, said: Mapping[str, Any], public: bool) -> list[Any]:
    status = Plan.load(said.get("plan", "quang_ninh_203")).track(
        frame,
        as_of=said.get("as_of"),
        columns=said.get("columns"),
        running_totals=said.get("running_totals", ()),
    )
    return [status]


_MAKERS = {"criteria": _scores, "enterprises": _enterprises, "plan": _plan}
