"""Scores of a criteria set: ranking, profile against peers, uncertainty, tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.composite.compute import period_ranks
from tfp_index.composite.result import CompositeResult
from tfp_index.language import Language
from tfp_index.language import language as language_of
from tfp_index.panel.keys import Keys
from tfp_index.panel.panel import Category
from tfp_index.panel.table import Table
from tfp_index.results.result import Sample

if TYPE_CHECKING:
    from tfp_index.composite.uncertainty import Sensitivity, Uncertainty
    from tfp_index.criteria.criteria_set import CriteriaSet

__all__ = ["LEAST_PEERS", "CriteriaResult", "Peers"]

Floats = NDArray[np.float64]

LEAST_PEERS = 5
"""Fewer other units of a group than these are no group to be compared with.

Quartiles of fewer would give single enterprises away.
"""

STRONG, WEAK = 0.75, 0.25
"""Standing from which an indicator is called a strength, and up to which a weakness."""


@dataclass(frozen=True, eq=False)
class Peers:
    """Whom a unit is compared with.

    Attributes
    ----------
    rows : (m,) int array
        The other units of the group in that period.
    shared : tuple of str
        Groupings that they share with the unit; empty when all units of the period are compared.
    dropped : tuple of str
        Groupings that were let go because too few units shared them.
    """

    rows: NDArray[np.intp]
    shared: tuple[str, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class CriteriaResult:
    """What a criteria set says about the units of a table.

    Attributes
    ----------
    criteria : CriteriaSet
    scores : CompositeResult
        The composite index over the indicators that have data.
    values : mapping of code to (n,) float array
        Every indicator that could be had, scored or context, in panel order.
    origin : mapping of code to str
        ``"given"``, ``"computed"``, or which columns are missing.
    groups : mapping of name to Category
        Groupings for the choice of peers.
    """

    criteria: CriteriaSet
    scores: CompositeResult
    values: Mapping[str, Floats]
    origin: Mapping[str, str]
    groups: Mapping[str, Category]

    @property
    def keys(self) -> Keys:
        """Who and when each row is."""
        return self.scores.keys

    @property
    def sample(self) -> Sample:
        """How many rows took part, and why the others did not."""
        return self.scores.sample

    @property
    def periods(self) -> list[Any]:
        """The caller's labels of the periods."""
        return self.scores.periods

    def to_frame(self, backend: str | None = None) -> Any:
        """Return unit, period, rank and every score, in the caller's row order."""
        return self.scores.to_frame(backend)

    def ranking(self, period: Any = None) -> Table:
        """Return the units of a period from the best to the last."""
        return self.scores.ranking(period)

    def indicators(self) -> Table:
        """Return the value of every indicator, unit and period, in panel order."""
        return Table(
            {**self.scores.key_columns(), **self.values},
            title="Indicators",
            backend=self.keys.backend,
        )

    def coverage(self, language: str = "en") -> Table:
        """Return for each indicator where it comes from and how many rows have it."""
        rows = self.criteria.indicators
        n = self.keys.n_rows
        counts = [
            int((~np.isnan(self.values[i.code])).sum()) if i.code in self.values else 0
            for i in rows
        ]
        return Table(
            {
                "code": [i.code for i in rows],
                "name": [self.criteria.name_of(i.code, language) for i in rows],
                "origin": [self.origin[i.code] for i in rows],
                "rows": counts,
                "share": [count / n for count in counts],
                "scored": [i.code in self.scores.tree.position for i in rows],
            },
            title="Coverage",
            backend=self.keys.backend,
        )

    def least_peers(self, least: int | None = None) -> int:
        """Return the smallest number of peers to compare with: five in groups, else one."""
        return (LEAST_PEERS if self.groups else 1) if least is None else least

    def peers(self, unit: Any, period: Any = None, *, least: int | None = None) -> Peers:
        """Return whom a unit is compared with.

        Units of the same period that share all groupings; while there are fewer than `least`
        (by default five), the last grouping is let go.
        """
        least = self.least_peers(least)
        row = self.scores.row_of(unit, period)
        frame = self.scores.inputs.frame
        together = frame.period == frame.period[row]
        together[row] = False
        names = list(self.groups)
        for count in range(len(names), -1, -1):
            same = together.copy()
            for name in names[:count]:
                codes = self.groups[name].codes
                same &= (codes == codes[row]) & (codes[row] >= 0)
            if same.sum() >= least or count == 0:
                return Peers(np.flatnonzero(same), tuple(names[:count]), tuple(names[count:]))
        raise AssertionError  # pragma: no cover  the loop always ends at no grouping

    def profile(
        self, unit: Any, period: Any = None, *, language: str = "en", least: int | None = None
    ) -> Table:
        """Return every score and indicator of a unit beside those of its peers.

        Columns: ``code``, ``kind`` (index, pillar, criterion, indicator), ``name``, ``unit``,
        ``value``, ``score``, ``rank`` among all units of the period, ``peers`` (that have this
        value), their ``lower`` quartile, ``median`` and ``upper`` quartile, ``standing`` (share
        of the peers that do worse, ties counting half) and ``verdict`` (strength or weakness).
        Quartiles and standing are missing with fewer than `least` peers (by default five where
        units are grouped, such as enterprises by industry, else one); context has no verdict.
        """
        least = self.least_peers(least)
        row = self.scores.row_of(unit, period)
        peers = self.peers(unit, period, least=least)
        label, when = self.keys.where(row)
        title = f"{label}" if self.scores.single_period else f"{label}, {when}"
        return _profile(self, row, peers, language_of(language).code, least, title)

    def strengths(
        self, unit: Any, period: Any = None, *, language: str = "en", top: int = 5
    ) -> Table:
        """Return the scored indicators on which a unit stands highest and lowest among its peers.

        Only indicators that the unit itself has; at most `top` of each kind, strengths above the
        middle of the peers and weaknesses below it.
        """
        table = self.profile(unit, period, language=language)
        scored = {i.code for i in self.criteria.indicators if i.direction != 0}
        standing = table["standing"]
        known = np.array(
            [
                i
                for i, (code, kind) in enumerate(zip(table["code"], table["kind"], strict=True))
                if kind == "indicator" and code in scored and not np.isnan(standing[i])
            ],
            dtype=np.intp,
        )
        order = known[np.argsort(-standing[known], kind="stable")]
        high = order[standing[order] > 0.5][:top]
        low = order[::-1][standing[order[::-1]] < 0.5][:top]
        picked = table.take(np.concatenate((high, low)))
        kept = ("code", "name", "unit", "value", "median", "standing")
        return Table(
            {
                "kind": ["strength"] * high.size + ["weakness"] * low.size,
                **{name: picked[name] for name in kept},
            },
            title=table.title,
            notes=table.notes,
            backend=self.keys.backend,
        )

    def uncertainty(self, **options: Any) -> Uncertainty:
        """Repeat the scores under other choices; see `tfp_index.composite.uncertainty.simulate`."""
        return self.scores.uncertainty(**options)

    def sensitivity(self, **options: Any) -> Sensitivity:
        """Say which choice moves the ranks; see `tfp_index.composite.uncertainty.attribute`."""
        return self.scores.sensitivity(**options)

    def glance(self) -> Table:
        """Return one row: the set and the size of the result."""
        table = self.scores.glance()
        head = {
            "set": [self.criteria.code],
            "version": [self.criteria.version],
            "status": [self.criteria.status],
        }
        return Table({**head, **table.columns}, backend=table.backend)

    def to_dict(self) -> dict[str, Any]:
        """Return the set, the record, coverage, indicators and scores as plain data."""
        return {
            "set": {
                "code": self.criteria.code,
                "version": self.criteria.version,
                "status": self.criteria.status,
                "name": dict(self.criteria.parsed.head["name"]),
                "label": dict(self.criteria.parsed.head["label"]),
            },
            "record": self.scores.record.to_dict(),
            "coverage": self.coverage("en").to_dict(),
            "indicators": self.indicators().to_dict(),
            "scores": self.scores.tidy().to_dict(),
        }

    def to_excel(self, path: str | Path, *, language: str = "en", **options: Any) -> Path:
        """Write ranking, scores, indicators, coverage and the set to an Excel workbook.

        Options are those of `tfp_index.criteria.output.score_tables`: ``period``, ``unit`` (adds
        a profile), ``uncertainty``, ``sensitivity``.
        """
        from tfp_index.criteria.output import score_tables, write_tables

        tables = score_tables(self, language=language, **options)
        return write_tables(tables, path, self.criteria, language)

    def __str__(self) -> str:
        title = f"{self.criteria.name('en')} ({self.criteria.label('en')})"
        used = f"{self.sample.used} of {self.sample.rows} rows scored"
        return f"{title}\n{self.scores.glance()}\n{used}"

    __repr__ = __str__


def _profile(
    result: CriteriaResult, row: int, peers: Peers, language: str, least: int, title: str
) -> Table:
    nodes = _nodes(result)
    columns: dict[str, list[Any]] = {
        name: []
        for name in ("code", "kind", "name", "unit", "value", "score", "rank", "peers", "lower",
                     "median", "upper", "standing", "verdict")
    }  # fmt: skip
    same = result.scores.inputs.frame.period == result.scores.inputs.frame.period[row]
    at = int(same[:row].sum())
    ranks = period_ranks(result.scores.computed.scores[same], np.zeros(int(same.sum()), np.int64))
    for code, kind, direction, unit in nodes:
        position = result.scores.tree.position.get(code)
        score = result.scores.computed.scores[:, position] if position is not None else None
        value = result.values.get(code, score)
        if value is None:
            value = np.full(result.keys.n_rows, np.nan)
        others = value[peers.rows]
        others = others[~np.isnan(others)]
        enough = others.size >= max(least, 1)
        standing = _standing(value[row], others, direction or 1) if enough else np.nan
        quartiles = np.quantile(others, (0.25, 0.5, 0.75)) if enough else [np.nan] * 3
        verdict = ""
        if direction:
            verdict = "strength" if standing >= STRONG else "weakness" if standing <= WEAK else ""
        cells = (
            code,
            kind,
            result.criteria.name_of(code, language),
            unit.get(language, ""),
            value[row] if kind == "indicator" else np.nan,
            score[row] if score is not None else np.nan,
            ranks[at, position] if position is not None else np.nan,
            others.size,
            *quartiles,
            standing,
            verdict,
        )
        for name, cell in zip(columns, cells, strict=True):
            columns[name].append(cell)
    return Table(
        columns,
        title=title,
        notes=(_note(peers, language_of(language)),),
        backend=result.keys.backend,
    )


def _nodes(result: CriteriaResult) -> list[tuple[str, str, int, Mapping[str, str]]]:
    """Return code, kind, direction and unit of every node, parents before children."""
    parsed = result.criteria.parsed
    nodes: list[tuple[str, str, int, Mapping[str, str]]] = [("index", "index", 1, {})]

    def walk(parent: str) -> None:
        for group in parsed.groups:
            if group.parent == parent and group.code in result.scores.tree.position:
                nodes.append((group.code, group.kind, 1, {}))
                walk(group.code)
        nodes.extend(
            (i.code, "indicator", i.direction, i.unit)
            for i in parsed.indicators
            if i.parent == parent and i.code in result.values
        )

    walk("index")
    return nodes


def _standing(own: float, others: Floats, direction: int) -> float:
    if np.isnan(own):
        return float("nan")
    worse = (others * direction < own * direction).sum() + 0.5 * (others == own).sum()
    return float(worse / others.size)


def _note(peers: Peers, lang: Language) -> str:
    count = lang.integer(peers.rows.size)
    if peers.shared:
        note = lang.text("criteria.peers.shared", count=count, groups=_groups(peers.shared, lang))
    else:
        note = lang.text("criteria.peers.all", count=count)
    if peers.dropped:
        more = lang.text("criteria.peers.dropped", groups=_groups(peers.dropped, lang))
        note += f"; {more}"
    return note


def _groups(names: tuple[str, ...], lang: Language) -> str:
    shown = []
    for name in names:
        key = f"criteria.head.{name}"
        shown.append(lang.text(key).lower() if lang.has(key) else lang.column(name))
    return lang.join(shown)
