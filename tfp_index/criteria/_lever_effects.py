"""Each lever as a function of enterprises' weights, and its effects by group with their errors.

A lever is computed from the enterprises of one period, each counted once or, in a repetition of
the bootstrap, as often as it was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._rows import read_level, read_weight
from tfp_index.aggregation.misallocation import HsiehKlenow
from tfp_index.aggregation.misallocation_result import HsiehKlenowResult
from tfp_index.criteria._lever_rows import Enterprises, Slice, practice_of
from tfp_index.errors import DataError
from tfp_index.kernels.association import Association, association
from tfp_index.kernels.counterfactual import (
    Counterfactual,
    Equalized,
    GroupEffects,
    adopt,
    close_gap,
    equalize,
    group_effects,
    raise_entrants,
    retire_lowest,
    share_gain,
)
from tfp_index.kernels.ordering import dense_codes
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table

if TYPE_CHECKING:
    from tfp_index.criteria.levers import Levers

__all__ = [
    "Effects",
    "Lever",
    "Misallocation",
    "Regression",
    "associations",
    "described",
    "effects_of",
    "levers_of",
    "misallocation_of",
    "regressions_of",
    "trimming",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Change = tuple[Counterfactual, Floats | None]
"""A counterfactual, and the influence of every enterprise of the panel on its one coefficient."""


@dataclass(frozen=True, eq=False)
class Lever:
    """One lever in one period.

    Attributes
    ----------
    id : str
        E.g. ``"laggards_p25"``, ``"practice:iso9001"``.
    family : str
        What its texts are about: laggards, frontier, misallocation, practice, entry, exit.
    change : callable or None
        Takes the factor of every enterprise of the panel, None for one each.
    cells : int
        How many industries the references belong to.
    reason : str
        Why there is none.
    said : mapping
        Further numbers of its texts.
    equalized : Equalized, optional
        The altered inputs and value added, by row of the slice.
    """

    id: str
    family: str
    change: Callable[[Floats | None], Change] | None
    cells: int = 1
    reason: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)
    equalized: Equalized | None = None


@dataclass(frozen=True, eq=False)
class Regression:
    """What the association of a practice was estimated from.

    Attributes
    ----------
    name : str
        Of the practice.
    has : (n,) float array
        1, 0 or NaN by row of the panel.
    rows : (m,) int array
        Rows of the regression.
    controls : (m, q) float array
    cell : (m,) int array
        Industry and period.
    cells : int
    found : Association
    reason : str
        Why the coefficient is missing.
    """

    name: str
    has: Floats
    rows: Ints
    controls: Floats
    cell: Ints
    cells: int
    found: Association
    reason: str


@dataclass(frozen=True, eq=False)
class Misallocation:
    """The fitted model, the columns behind it, or why there is none."""

    fit: HsiehKlenowResult | None
    columns: tuple[Floats, Floats, Floats] | None
    reason: str = ""


def misallocation_of(panel: Panel, spec: Levers) -> Misallocation:
    """Fit the model of Hsieh and Klenow.

    Without a specification of the caller's own, a panel without the columns, or with too few
    enterprises, gives the reason instead.
    """
    model = spec.hsieh_klenow
    if model is None:
        model = HsiehKlenow(
            industry=spec.industry,
            trim=tuple({0.0, 0.01, 0.025, 0.05, spec.trim}),
            sampling_weight=spec.sampling_weight,
        )
    try:
        fit = model.fit(panel)
    except DataError as error:
        if spec.hsieh_klenow is not None:
            raise
        return Misallocation(None, None, error.message)
    py, wl, k = (read_level(panel, n) for n in (model.value_added, model.wage_bill, model.capital))
    return Misallocation(fit, (py, wl, k))


def regressions_of(panel: Panel, data: Enterprises, spec: Levers) -> tuple[Regression, ...]:
    """Regress productivity on every practice, over all measured rows with an industry."""
    if not spec.practices:
        return ()
    controls, usable = np.zeros((panel.n_rows, 0)), data.measured & data.known
    if spec.size is not None:
        size = read_level(panel, spec.size)
        positive = np.isfinite(size) & (size > 0.0)
        usable = usable & positive
        controls = np.log(np.where(positive, size, 1.0))[:, None]
    period, times = dense_codes(panel.time)
    cell = data.industry.codes * times.shape[0] + period
    found = []
    for name, label in spec.practice_labels.items():
        has = practice_of(panel, name, label)
        rows = np.flatnonzero(usable & np.isfinite(has))
        here = Regression(name, has, rows, controls[rows], cell[rows],
                          data.industry.size * times.shape[0], _nothing(panel), "")  # fmt: skip
        found.append(_estimated(here, panel, data, spec))
    return tuple(found)


def _nothing(panel: Panel) -> Association:
    return Association(np.nan, np.nan, np.zeros(panel.n_entities), 0, 0, 0)


def _estimated(here: Regression, panel: Panel, data: Enterprises, spec: Levers) -> Regression:
    found = regress(here, panel.entity_codes, panel.n_entities, data, None)
    code, has = panel.entity_codes[here.rows], here.has[here.rows]
    firms = [
        np.count_nonzero(np.bincount(code[has == mark], minlength=panel.n_entities))
        for mark in (0.0, 1.0)
    ]
    reason = ""
    if min(firms) < spec.min_enterprises:
        reason = f"fewer than {spec.min_enterprises} enterprises with or without the practice"
        found = Association(np.nan, np.nan, found.influence, found.rows, found.clusters,
                            found.adopters)  # fmt: skip
    elif np.isnan(found.coefficient):
        reason = "the practice does not vary inside industries and periods"
    return Regression(
        here.name, here.has, here.rows, here.controls, here.cell, here.cells, found, reason
    )


def regress(
    here: Regression, entity: Ints, entities: int, data: Enterprises, factor: Floats | None
) -> Association:
    """Estimate the association, each enterprise counted `factor` times."""
    design = None if data.design is None else data.design[here.rows]
    code = entity[here.rows]
    if factor is not None:
        design = factor[code] * (1.0 if design is None else design)
    return association(
        data.phi[here.rows], here.has[here.rows], here.controls, here.cell, here.cells,
        code, entities, design=design,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes the levers of one period."""

    panel: Panel
    data: Enterprises
    spec: Levers
    slice: Slice

    def counted(self, factor: Floats | None) -> tuple[Floats, Floats | None]:
        """Weight and design, each enterprise counted `factor` times."""
        s = self.slice
        if factor is None:
            return s.weight, s.design
        f = factor[s.entity]
        return s.weight * f, f if s.design is None else s.design * f

    def gap(self, id_: str, family: str, p: float, share: float) -> Lever:
        s = self.slice
        said = {"target": p, "share": share}
        if (s.cell < 0).all():
            return Lever(id_, family, None, reason=self._no_industry(), said=said)

        def change(factor: Floats | None) -> Change:
            weight, design = self.counted(factor)
            found = close_gap(
                s.phi, weight, s.cell, s.cells, p, share, design=design, ordered=s.ordered
            )
            return found, None

        return Lever(id_, family, change, s.cells, said=said)

    def entry(self) -> Lever:
        s, panel = self.slice, self.panel
        if s.number == panel.keys.calendar.numbers.min():
            reason = "first period of the data: nobody can be told to have entered"
            return Lever("entry", "entry", None, reason=reason)
        if (s.cell < 0).all():
            return Lever("entry", "entry", None, reason=self._no_industry())
        first = np.ones(panel.n_rows, bool)
        first[1:] = panel.entity_codes[1:] != panel.entity_codes[:-1]
        entrant = first[s.rows]

        def change(factor: Floats | None) -> Change:
            weight, _ = self.counted(factor)
            return raise_entrants(s.phi, weight, s.cell, s.cells, entrant), None

        said = {"entrants": int(entrant.sum())}
        return Lever("entry", "entry", change, s.cells, said=said)

    def exit(self) -> Lever:
        s = self.slice
        said = {"share": self.spec.exit_share}
        if (s.cell < 0).all():
            return Lever("exit", "exit", None, reason=self._no_industry(), said=said)

        def change(factor: Floats | None) -> Change:
            weight, design = self.counted(factor)
            found = retire_lowest(
                s.phi, weight, s.cell, s.cells, self.spec.exit_share,
                design=design, ordered=s.ordered,
            )  # fmt: skip
            return found, None

        return Lever("exit", "exit", change, s.cells, said=said)

    def practice(self, here: Regression) -> Lever:
        s, panel, data = self.slice, self.panel, self.data
        id_ = f"practice:{here.name}"
        without = here.has[s.rows] == 0.0
        said = {
            "practice": here.name,
            "share": self.spec.adoption,
            "coefficient": here.found.coefficient,
            "unknown": int(np.isnan(here.has[s.rows]).sum()),
        }
        if here.reason:
            return Lever(id_, "practice", None, reason=here.reason, said=said)

        def change(factor: Floats | None) -> Change:
            found = here.found
            if factor is not None:
                found = regress(here, panel.entity_codes, panel.n_entities, data, factor)
            weight, _ = self.counted(factor)
            altered = adopt(s.phi, weight, without, found.coefficient, self.spec.adoption)
            return altered, found.influence

        return Lever(id_, "practice", change, said=said)

    def misallocation(self, model: Misallocation, trim: float) -> Lever:
        s, cut = self.slice, self.spec.misallocation_cut
        id_ = "misallocation"
        said: dict[str, Any] = {"share": cut, "trim": trim}
        if model.fit is None or model.columns is None:
            return Lever(id_, id_, None, reason=model.reason, said=said)
        fit = model.fit
        T = fit.years.shape[0]
        at_year = int(np.searchsorted(self.panel.keys.calendar.numbers, s.number))
        if fit.refused[at_year]:
            reason = f"{fit.per_year[at_year]} firms, fewer than {fit.spec.min_firms}"
            return Lever(id_, id_, None, reason=reason, said=said)
        of_model = next(x for x in fit.solutions if x.trim == trim).cell[s.rows]
        cell = np.where(of_model >= 0, of_model // T, -1)
        py, wl, k = (column[s.rows] for column in model.columns)
        sigma = fit.spec.elasticity
        own = None
        if fit.spec.sampling_weight is not None:
            own = read_weight(self.panel, fit.spec.sampling_weight)[s.rows]
        share = np.nan_to_num(fit.capital_share, nan=0.5)  # industries without a firm

        def solved(factor: Floats | None) -> Equalized:
            design = own
            if factor is not None:
                design = factor[s.entity] * (1.0 if own is None else own)
            return equalize(py, wl, k, share, cell, sigma, cut, design=design)

        once = solved(None)

        def change(factor: Floats | None) -> Change:
            weight, _ = self.counted(factor)
            gained = once if factor is None else solved(factor)
            return share_gain(s.phi, weight, cell, gained.gain, gained.influence), None

        columns = (fit.spec.value_added, fit.spec.wage_bill, fit.spec.capital)
        said |= {"elasticity": sigma, "columns": columns}
        cells = share.shape[0]
        return Lever(id_, id_, change, cells, said=said, equalized=once)

    def _no_industry(self) -> str:
        return f"no industry has {self.spec.min_enterprises} enterprises"


def trimming(
    panel: Panel,
    data: Enterprises,
    spec: Levers,
    slices: tuple[Slice, ...],
    model: Misallocation,
    known: Mapping[int, float],
) -> Table:
    """Return the points of misallocation of every period at every trim of the model.

    `known` has the points at the trim of the lever, by place of the period.
    """
    rows: list[tuple[Any, float, float]] = []
    trims = () if model.fit is None else model.fit.spec.trim
    for place, s in enumerate(slices):
        make = _Maker(panel, data, spec, s)
        for trim in trims:
            points = known.get(place, np.nan)
            if place in known and trim != spec.trim:
                change = make.misallocation(model, trim).change
                assert change is not None
                points = 100.0 * float(change(None)[0].part.sum()) / float(s.weight.sum())
            rows.append((s.period, trim, points))
    columns = {
        panel.keys.names["time"]: [period for period, _, _ in rows],
        "trim": np.array([trim for _, trim, _ in rows], np.float64),
        "points": np.array([points for _, _, points in rows], np.float64),
    }
    return Table(columns, "Misallocation by trim", backend=panel.keys.backend)


def associations(panel: Panel, regressions: tuple[Regression, ...]) -> Table:
    """Return the estimated associations."""
    found = [here.found for here in regressions]

    def floats(values: Any) -> Floats:
        return np.array(list(values), np.float64)

    columns = {
        "practice": [here.name for here in regressions],
        "coefficient": floats(f.coefficient for f in found),
        "standard_error": floats(f.standard_error for f in found),
        "rows": floats(f.rows for f in found),
        "enterprises": floats(f.clusters for f in found),
        "rows_with_practice": floats(f.adopters for f in found),
        "reason": [here.reason for here in regressions],
    }
    notes = ("log TFP on the practice; errors clustered by enterprise", "an association, not a "
             "cause")  # fmt: skip
    return Table(columns, "Practices and log TFP", notes, panel.keys.backend)


def levers_of(
    panel: Panel,
    data: Enterprises,
    spec: Levers,
    slice_: Slice,
    model: Misallocation,
    regressions: tuple[Regression, ...],
) -> tuple[Lever, ...]:
    """Return every lever asked for, in one period."""
    make = _Maker(panel, data, spec, slice_)
    made: list[Lever] = []
    if "laggards" in spec.levers:
        made += [make.gap(f"laggards_p{100 * p:g}", "laggards", p, 1.0) for p in spec.targets]
    if "frontier" in spec.levers:
        made.append(make.gap("frontier", "frontier", spec.frontier, spec.gap_closed))
    if "misallocation" in spec.levers:
        made.append(make.misallocation(model, spec.trim))
    if "practices" in spec.levers:
        made += [make.practice(here) for here in regressions]
    if "entry" in spec.levers:
        made.append(make.entry())
    if "exit" in spec.levers:
        made.append(make.exit())
    return tuple(made)


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of one lever over one partition, each of shape (G,).

    Attributes
    ----------
    effect, variance : float arrays
        Log points.
    carried_by : float array
        How many enterprises of equal part would carry the effect.
    changed, enterprises : float arrays
        Whose data change; all.
    share : float array
        Of the weight.
    """

    effect: Floats
    variance: Floats
    carried_by: Floats
    changed: Floats
    enterprises: Floats
    share: Floats


def effects_of(
    lever: Lever, change: Change, s: Slice, weight: Floats, *, variance: bool
) -> dict[str, GroupEffects]:
    """Add a lever up: the whole under ``""``, and the groups of every `by`.

    Parameters
    ----------
    lever : Lever
    change : Change
    s : Slice
    weight : (m,) float array
        With which the change was computed.
    variance : bool
    """
    found, coefficient = change
    absent = 0
    if coefficient is not None and variance:
        found, weight, absent = _with_clusters(found, coefficient, s, weight)
    effects = {}
    for p in s.parts:
        part = np.append(p.part, np.full(absent, -1)) if absent else p.part
        sums = group_effects(found, weight, part, p.members, lever.cells, variance=variance)
        columns = (sums.effect, sums.variance, sums.carried_by)
        start = 0
        for name, size in p.names:
            effects[name] = GroupEffects(*(v[start : start + size] for v in columns))
            start += size
    return effects


def described(
    change: Change, s: Slice, sums: Mapping[str, GroupEffects], variances: Floats | None
) -> dict[str, Effects]:
    """Return effects with counts and shares.

    Parameters
    ----------
    change : Change
    s : Slice
    sums : mapping of grouping to GroupEffects
    variances : (V,) float array, optional
        Of the bootstrap, in the order of `sums`.
    """
    found: dict[str, Effects] = {}
    start = 0
    for p in s.parts:
        counts = np.column_stack([
            np.bincount(p.part, values, p.members.shape[0])
            for values in (change[0].changed, None, s.weight / s.weight.sum())
        ])  # fmt: skip
        changed, n, share = np.asarray(p.members.T @ counts).T
        at = 0
        for name, size in p.names:
            of, here = sums[name], slice(at, at + size)
            variance = of.variance if variances is None else variances[start : start + size]
            found[name] = Effects(
                of.effect, variance, of.carried_by, changed[here], n[here], share[here]
            )
            at, start = at + size, start + size
    return found


def _with_clusters(
    found: Counterfactual, influence: Floats, s: Slice, weight: Floats
) -> tuple[Counterfactual, Floats, int]:
    """Add the enterprises that are absent in the period but speak for the coefficient."""
    absent = np.ones(influence.shape[0], bool)
    absent[s.entity] = False
    others = np.flatnonzero(absent & (influence != 0.0))
    none = np.zeros(others.shape[0])
    extended = Counterfactual(
        productivity=np.append(found.productivity, none),
        weight=np.append(found.weight, none),
        part=np.append(found.part, none),
        changed=np.append(found.changed, none > 0),
        cell=np.zeros(found.cell.shape[0] + others.shape[0], np.int64),
        influence=(np.append(influence[s.entity], influence[others]),),
        slope=(np.append(found.slope[0], none),),
    )
    return extended, np.append(weight, none), others.shape[0]
