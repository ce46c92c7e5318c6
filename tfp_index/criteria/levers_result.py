"""What the levers give: points by lever and group, the altered enterprises, texts, public cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._cells import TOTAL, Cells
from tfp_index.aggregation._rows import names_of, one_of
from tfp_index.aggregation.disclosure import Disclosed, DisclosureRules
from tfp_index.criteria._lever_effects import Effects, Lever, described, effects_of
from tfp_index.criteria._lever_rows import Slice
from tfp_index.criteria._lever_words import Said, assumption, explanation, name_of, remarks
from tfp_index.errors import SpecificationError, nearest
from tfp_index.kernels.disclosure import Contributions, contributions
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, RowValues

if TYPE_CHECKING:
    from tfp_index.criteria.levers import Levers

__all__ = ["LeversResult", "Measured"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ATTRIBUTED = ("misallocation", "exit")
"""Levers whose effect arises between enterprises and is shared out to them by a rule."""

POSITIVE = ("laggards", "frontier", "misallocation", "exit")
"""Levers whose effect is above zero, by construction or nearly so."""

LIFTS = ("laggards", "frontier", "practice", "entry")
"""Levers that lift enterprises one by one, at unchanged shares."""


@dataclass(frozen=True, eq=False)
class Measured:
    """One lever in one period, with its effects.

    Attributes
    ----------
    lever, family : str
    place : int
        Of its period among the slices.
    reason : str
        Why there is none.
    said : mapping
        Further numbers of its texts.
    effects : mapping of grouping to Effects
        ``""`` stands for the whole.
    productivity, weight, part : (m,) float arrays
        After the change, and each enterprise's part of the effect times W; empty without effect.
    changed : (m,) bool array
    inputs : mapping of column to (m,) array
        Value added, labor and capital after the change, where inputs move.
    """

    lever: str
    family: str
    place: int
    reason: str
    said: Mapping[str, Any]
    effects: Mapping[str, Effects]
    productivity: Floats
    weight: Floats
    part: Floats
    changed: Bools
    inputs: Mapping[str, Floats]


def measured(place: int, s: Slice, lever: Lever, variances: Floats | None) -> Measured:
    """Work a lever out.

    Parameters
    ----------
    place : int
    s : Slice
    lever : Lever
    variances : (G,) float array, optional
        Of the bootstrap: the whole, then the groups of every `by`.
    """
    empty = np.zeros(0)
    if lever.change is None:
        return Measured(
            lever.id, lever.family, place, lever.reason, lever.said, {}, empty, empty, empty,
            np.zeros(0, bool), {},
        )  # fmt: skip
    change = lever.change(None)
    altered = change[0]
    sums = effects_of(lever, change, s, s.weight, variance=variances is None)
    effects = described(change, s, sums, variances)
    inputs = {}
    if lever.equalized is not None:
        model = lever.said["columns"]
        values = (lever.equalized.value_added, lever.equalized.wage_bill, lever.equalized.capital)
        inputs = dict(zip(model, values, strict=True))
    return Measured(
        lever.id, lever.family, place, "", lever.said, effects, altered.productivity,
        altered.weight, altered.part, altered.changed, inputs,
    )  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class LeversResult(Result):
    """Points of provincial TFP by lever; made by `Levers.fit`.

    Attributes
    ----------
    productivity : str
        What was given as productivity.
    slices : tuple of Slice
        The enterprises of each period.
    found : tuple of Measured
        Every lever in every period.
    practices : Table
        What associations were estimated.
    trims : Table
        Points of misallocation at every trim of the model.
    """

    spec: Levers
    productivity: str
    slices: tuple[Slice, ...]
    found: tuple[Measured, ...]
    practices: Table
    trims: Table

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Levers, from the one that gives most in the last period; those without effect last."""
        last = [m for m in self.found if m.place == len(self.slices) - 1]
        points = [m.effects[""].effect[0] if m.effects else -np.inf for m in last]
        return tuple(last[i].lever for i in np.argsort(-np.array(points), kind="stable").tolist())

    @property
    def periods(self) -> tuple[Any, ...]:
        """Periods of the counterfactuals."""
        return tuple(s.period for s in self.slices)

    def name(self, lever: str, lang: str = "en", *, short: bool = False) -> str:
        """Return the name of a lever in words, or a short one for figures."""
        m = self._one(lever)
        return name_of(m.family, m.said, lang, short=short)

    def _one(self, lever: str, period: Any = None) -> Measured:
        known = [m.lever for m in self.found]
        if lever not in known:
            raise SpecificationError(
                f"there is no lever {lever!r}",
                code="unknown_lever",
                expected=", ".join(dict.fromkeys(known)),
                remedy=nearest(lever, known),
            )
        place = len(self.slices) - 1
        if period is not None:
            one_of("period", period, self.periods)
            place = self.periods.index(period)
        return next(m for m in self.found if m.lever == lever and m.place == place)

    def _with_effect(self, lever: str, period: Any = None) -> Measured:
        found = self._one(lever, period)
        if not found.effects:
            raise SpecificationError(
                f"{lever} has no effect here: {found.reason}", code="no_effect", column=lever
            )
        return found

    def tidy(self, lang: str = "en") -> Table:
        """Return one row for each period, lever and group, the whole first.

        ``points``
            Percentage points of the province's TFP in logs, with ``standard_error`` and the
            interval ``low`` to ``high``.
        ``by``, ``group``
            Which grouping and which of its groups; empty and ``"(total)"`` for the whole.
        ``enterprises``, ``of``
            Whose data change, of how many; ``share`` is the share of all in the weight.
        ``carried_by``
            How many enterprises carry the effect in fact, ``(Σ d)² / Σ d²`` over their parts.
            Below some thirty, intervals are too narrow.
        ``kind``
            ``"counterfactual"``, or ``"association"``: not a cause.
        ``additive``
            ``"groups"``: the groups of one `by` add up to the total. ``"by rule"``: so they do,
            but only because a gain that arises between enterprises is shared out among them.
            Effects of different levers never add up.
        ``rank``
            Of the lever among those with an effect in the period.
        ``assumption``, ``reason``
            What is held fixed; why there is no number.

        Parameters
        ----------
        lang : {"en", "vi"}
            Of ``name`` and ``assumption``.
        """
        blocks: dict[str, list[Any]] = {}
        for place, s in enumerate(self.slices):
            rank = self._ranks(place)
            for m in (x for x in self.found if x.place == place):
                for row in self._rows(m, s, rank, lang):
                    for key, value in row.items():
                        blocks.setdefault(key, []).append(value)
        columns = {k: _column(v) for k, v in blocks.items()}
        return Table(columns, self.title(lang), remarks(self.spec, lang), self.keys.backend)

    def _ranks(self, place: int) -> dict[str, float]:
        there = [m for m in self.found if m.place == place and m.effects]
        order = sorted(there, key=lambda m: -m.effects[""].effect[0])
        return {m.lever: float(i) for i, m in enumerate(order, 1)}

    def _rows(
        self, m: Measured, s: Slice, rank: Mapping[str, float], lang: str
    ) -> list[dict[str, Any]]:
        common = {
            "lever": m.lever,
            "name": name_of(m.family, m.said, lang),
            self.keys.names["time"]: s.period,
        }
        ends = {
            "kind": "association" if m.family == "practice" else "counterfactual",
            "additive": "by rule" if m.family in ATTRIBUTED else "groups",
            "rank": rank.get(m.lever, np.nan),
            "assumption": assumption(m.family, self.spec, lang),
            "reason": m.reason,
        }
        if not m.effects:
            nothing = dict.fromkeys(
                (
                    "points",
                    "standard_error",
                    "low",
                    "high",
                    "enterprises",
                    "of",
                    "share",
                    "carried_by",
                ),
                np.nan,
            )
            return [{**common, "by": "", "group": TOTAL, **nothing, **ends}]
        rows: list[dict[str, Any]] = []
        for by, e in m.effects.items():
            labels = [TOTAL] if not by else s.groups[by].labels[0].tolist()
            se = 100.0 * np.sqrt(e.variance)
            low, high = self.interval(100.0 * e.effect, se, m.family)
            rows += [
                {
                    **common,
                    "by": by,
                    "group": labels[g],
                    "points": 100.0 * e.effect[g],
                    "standard_error": se[g],
                    "low": low[g],
                    "high": high[g],
                    "enterprises": e.changed[g],
                    "of": e.enterprises[g],
                    "share": e.share[g],
                    "carried_by": e.carried_by[g],
                    **ends,
                }
                for g in np.flatnonzero(e.enterprises > 0).tolist()
            ]
        return rows

    def interval(
        self, points: Floats, standard_error: Floats, family: str
    ) -> tuple[Floats, Floats]:
        """Return both ends of the interval at the level of the specification.

        ``points ± z se``; for levers that can hardly lower TFP, whose effects are skewed,
        ``points · exp(± z se / points)`` where the error is below the effect.
        """
        from scipy.special import ndtri

        z = float(ndtri(0.5 + 0.5 * self.spec.level))
        low, high = points - z * standard_error, points + z * standard_error
        skewed = (points > 0.0) & (standard_error <= points) & (family in POSITIVE)
        ratio = np.exp(z * np.divide(standard_error, points, out=np.zeros_like(points),
                                     where=skewed))  # fmt: skip
        return np.where(skewed, points / ratio, low), np.where(skewed, points * ratio, high)

    def title(self, lang: str = "en") -> str:
        """Return a heading."""
        from tfp_index.language import language

        periods = language(lang).join([str(p) for p in self.periods])
        return language(lang).text("levers.title", periods=periods)

    def to_frame(self, backend: str | None = None, *, lang: str = "en") -> Any:
        """Return `tidy` as a frame."""
        return self.tidy(lang).to_frame(backend)

    def ranking(self, lang: str = "en") -> Table:
        """Return the whole effect of each lever, the largest first; those without one last."""
        table = self.tidy(lang).where(by="")
        when = table[self.keys.names["time"]].tolist()
        place = np.array([self.periods.index(t) for t in when])
        rank = table["rank"]
        order = np.lexsort((np.where(np.isnan(rank), np.inf, rank), place))
        return table.take(order)

    def glance(self) -> Table:
        """Return one row: how many levers, and the one that gives most in the last period."""
        with_effect = [n for n in self.names if self._one(n).effects]
        best = with_effect[0] if with_effect else ""
        points = 100.0 * self._one(best).effects[""].effect[0] if best else np.nan
        columns = {
            "productivity": [self.productivity],
            "weight": [self.spec.weight],
            "period": [self.periods[-1]],
            "levers": [len(with_effect)],
            "without_effect": [len(self.names) - len(with_effect)],
            "largest": [best],
            "points": [points],
            "rows": [self.sample.used],
        }
        return Table(columns, backend=self.keys.backend)

    def explain(self, lever: str, lang: str = "vi", period: Any = None) -> str:
        """Say in two sentences what a lever would give, and what that does not say.

        Parameters
        ----------
        lever : str
            One of `names`.
        lang : {"vi", "en"}
        period : period, optional
            Default: the last.

        Raises
        ------
        SpecificationError
            If there is no such lever, period or language.
        """
        m = self._one(lever, period)
        s = self.slices[m.place]
        if not m.effects:
            return explanation(m.family, Said(m.said, s.period, self.spec), lang, m.reason)
        e = m.effects[""]
        points, se = 100.0 * e.effect, 100.0 * np.sqrt(e.variance)
        low, high = self.interval(points, se, m.family)
        said = Said(
            m.said, s.period, self.spec, float(points[0]), float(low[0]), float(high[0]),
            int(e.changed[0]), int(e.enterprises[0]),
        )  # fmt: skip
        return explanation(m.family, said, lang)

    def counterfactual(self, lever: str, period: Any = None) -> RowValues:
        """Return the altered enterprises, so that the effect can be worked out again.

        ``productivity`` and ``weight`` are log TFP and weight after the change, ``before`` and
        ``weight_before`` as they were, ``points`` each enterprise's part of the effect. Where
        inputs move, value added, labor and capital after the change stand under their columns'
        names. Rows of other periods, and rows that were not measured, are missing.

        The effect of a lever is 100 times the weighted mean of ``productivity`` with the weights
        ``weight``, less that of ``before`` with ``weight_before``.

        Parameters
        ----------
        lever : str
        period : period, optional

        Raises
        ------
        SpecificationError
            If there is no such lever, or it has no effect in the period.
        """
        m = self._with_effect(lever, period)
        s = self.slices[m.place]
        columns = {
            "productivity": m.productivity,
            "weight": m.weight,
            "before": s.phi,
            "weight_before": s.weight,
            "points": 100.0 * m.part / s.weight.sum(),
            **m.inputs,
        }
        return RowValues(
            self.keys, {k: self._spread(s, v) for k, v in columns.items()}, "Firms: RESTRICTED"
        )

    def _spread(self, s: Slice, values: Floats) -> Floats:
        out = np.full(self.keys.n_rows, np.nan)
        out[s.rows] = values
        return out

    def together(self, *levers: str, period: Any = None) -> Table:
        """Return what several levers give at once, beside the sum of what each gives alone.

        Every enterprise gets the largest of its lifts. The difference is what adding would count
        twice.

        Parameters
        ----------
        *levers : str
            Levers that lift enterprises one by one: laggards, frontier, practices, entry.
        period : period, optional

        Raises
        ------
        SpecificationError
            If a lever is not of that kind, or has no effect in the period.
        """
        chosen = [self._with_effect(lever, period) for lever in levers]
        for m in chosen:
            if m.family not in LIFTS:
                raise SpecificationError(
                    f"{m.lever} does not lift enterprises one by one",
                    code="bad_option",
                    expected="laggards, frontier, practices or entry",
                )
        if len(set(levers)) < 2:
            raise SpecificationError(
                "there is nothing to take together", code="bad_option", expected="several levers"
            )
        s = self.slices[chosen[0].place]
        lift = np.max([m.productivity - s.phi for m in chosen], axis=0)
        joint = 100.0 * float(s.weight @ lift) / s.weight.sum()
        alone = [100.0 * float(m.effects[""].effect[0]) for m in chosen]
        columns = {
            "lever": [*levers, "sum", "together", "counted twice"],
            "points": [*alone, sum(alone), joint, sum(alone) - joint],
        }
        return Table(columns, "Levers together", backend=self.keys.backend)

    def associations(self) -> Table:
        """Return how productivity goes with each practice: coefficients of log TFP, not causes."""
        return self.practices

    def trimming(self) -> Table:
        """Return the points of misallocation at every trim of the model."""
        return self.trims

    def cells(self, lang: str = "en") -> Cells:
        """Return levers, groups and periods as cells for disclosure control.

        A cell must pass the rules three times: with each enterprise's part of the effect, with the
        parts of those whose own data change, and with the weights of all enterprises of the group.
        """
        names = names_of(self.spec.by)
        keys: dict[str, list[Any]] = {name: [] for name in ("lever", *names)}
        times: list[Any] = []
        values: dict[str, list[Floats]] = {n: [] for n in ("points", "low", "high")}
        parts: list[Contributions] = []
        changed: list[Contributions] = []
        weights: list[Contributions] = []
        for m in (x for x in self.found if x.effects):
            s = self.slices[m.place]
            for by, e in m.effects.items():
                codes = s.groups[by].codes if by else np.zeros(s.rows.shape[0], np.int64)
                labels = s.groups[by].labels[0].tolist() if by else [TOTAL]
                size = len(labels)
                own, some = np.abs(m.part), m.part != 0.0
                for found, mine in ((parts, some), (changed, some & m.changed)):
                    found.append(contributions(own, np.where(mine, codes, -1), size, k=3))
                weights.append(contributions(s.weight, codes, size, k=3))
                points = 100.0 * e.effect
                low, high = self.interval(points, 100.0 * np.sqrt(e.variance), m.family)
                for name, column in zip(values, (points, low, high), strict=True):
                    values[name].append(column)
                keys["lever"] += [m.lever] * size
                times += [s.period] * size
                for name in names:
                    keys[name] += labels if name == by else [TOTAL] * size
        if not times:
            raise SpecificationError("no lever has an effect", code="no_effect")
        return Cells(
            keys={name: _column(labels) for name, labels in keys.items()},
            time=_column(times),
            contributions=tuple(_joined(found) for found in (parts, changed, weights)),
            values={name: np.concatenate(columns) for name, columns in values.items()},
            time_name=self.keys.names["time"],
            title=self.title(lang),
            notes=remarks(self.spec, lang),
            backend=self.keys.backend,
        )

    def to_public(self, rules: DisclosureRules | None = None, lang: str = "en") -> Disclosed:
        """Return points and intervals after disclosure control.

        Blanked groups cannot be had by subtracting the others from the total of their lever.
        """
        return (DisclosureRules() if rules is None else rules).apply(self.cells(lang))

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the table as plain data."""
        return {
            **super().to_dict(),
            "tidy": self.tidy().to_dict(),
            "associations": self.practices.to_dict(),
            "trimming": self.trims.to_dict(),
        }


def _joined(parts: list[Contributions]) -> Contributions:
    return Contributions(
        np.concatenate([p.n for p in parts]),
        np.concatenate([p.total for p in parts]),
        np.concatenate([p.largest for p in parts]),
    )


def _column(values: list[Any]) -> NDArray[Any]:
    if values and all(isinstance(v, float) for v in values):
        return np.array(values, np.float64)
    out = np.empty(len(values), object)
    out[:] = values
    return out
