"""A fitted index: scores, ranks and every stage, as tables in the caller's names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.composite.compute import (
    NO_PERIOD,
    Computed,
    Inputs,
    compute,
    period_ranks,
    read_inputs,
)
from tfp_index.composite.index import CompositeIndex
from tfp_index.composite.structure import Structure
from tfp_index.composite.weights import effective_weights, sibling_shares
from tfp_index.errors import DataError, SpecificationError, nearest
from tfp_index.panel.frames import build_frame
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, Sample, record_of

if TYPE_CHECKING:
    from tfp_index.composite.uncertainty import Sensitivity, Uncertainty

__all__ = ["STAGES", "CompositeResult", "fit"]

Floats = NDArray[np.float64]

STAGES = ("raw", "denominated", "imputed", "treated", "normalized")
"""What `CompositeResult.stage` gives of the indicators, in the order of the steps."""


@dataclass(frozen=True, eq=False)
class CompositeResult(Result):
    """Scores and ranks of the units, and how they came about.

    Attributes
    ----------
    inputs : Inputs
        Indicators as they came in.
    computed : Computed
        Every later stage, the weights and the scores.
    """

    spec: CompositeIndex
    inputs: Inputs
    computed: Computed

    @property
    def tree(self) -> Structure:
        """The structure of the index."""
        return self.spec.tree

    @property
    def single_period(self) -> bool:
        """Whether the caller gave no column of periods."""
        return self.keys.names["time"] == NO_PERIOD

    @property
    def ranks(self) -> Floats:
        """(n,) rank of each unit in its period, 1 for the best; equal scores share a rank."""
        return period_ranks(self.computed.index, self.inputs.frame.period)

    @property
    def periods(self) -> list[Any]:
        """The caller's labels of the periods."""
        return list(self.keys.calendar.labels.tolist())

    def key_columns(self) -> dict[str, NDArray[Any]]:
        """Return the key columns, without a period that the caller did not give."""
        return {k: v for k, v in self.keys.columns().items() if k != NO_PERIOD}

    def to_frame(self, backend: str | None = None) -> Any:
        """Return unit, period, rank, index and every score below it, in the caller's row order."""
        columns = {**self.key_columns(), "rank": self.ranks}
        for position in reversed(range(len(self.tree.nodes))):
            if self.tree.nodes[position].children:
                columns[self.tree.nodes[position].code] = self.computed.scores[:, position]
        restored = {name: self.keys.restore(column) for name, column in columns.items()}
        return build_frame(restored, backend or self.keys.backend)

    def stage(self, name: str) -> Table:
        """Return the indicators after a step.

        Parameters
        ----------
        name : {"raw", "denominated", "imputed", "treated", "normalized"}
        """
        if name not in STAGES:
            raise SpecificationError(
                f"there is no stage {name!r}", code="bad_option", remedy=nearest(name, STAGES)
            )
        matrix = getattr(self.computed.leaves, name)
        columns: dict[str, Any] = dict(self.key_columns())
        for j, node in enumerate(self.tree.indicators):
            columns[node.code] = matrix[:, j]
        return Table(columns, title=f"Indicators, {name}", backend=self.keys.backend)

    def period_number(self, period: Any = None) -> int:
        """Return the number of a period; the only one by default.

        Raises
        ------
        DataError
            If the period is unknown, or none is given and there are several.
        """
        labels = self.periods
        if period is None and len(labels) == 1:
            return 0
        if period not in labels:
            shown = ", ".join(map(str, labels[:12]))
            raise DataError(
                "name one of the periods" if period is None else f"there is no period {period!r}",
                code="unknown_period",
                time=period,
                expected=f"one of {shown}",
            )
        return int(labels.index(period))

    def row_of(self, unit: Any, period: Any = None) -> int:
        """Return the row of a unit in a period (its last one by default).

        Raises
        ------
        DataError
            If the unit has no such row.
        """
        code = self.keys.entity_code(unit)
        rows = np.flatnonzero(self.keys.entity_codes == code)
        if period is not None:
            rows = rows[self.inputs.frame.period[rows] == self.period_number(period)]
        if not rows.size:
            raise DataError(
                f"{unit!r} has no row in {period!r}", code="no_row", entity=unit, time=period
            )
        return int(rows[-1])

    def ranking(self, period: Any = None) -> Table:
        """Return the units of a period from the best to the last, with the nodes below the index.

        Units without a score come last, without a rank.
        """
        number = self.period_number(period)
        rows = np.flatnonzero(self.inputs.frame.period == number)
        ranks = self.ranks[rows]
        order = rows[np.lexsort((rows, np.where(np.isnan(ranks), np.inf, ranks)))]
        columns: dict[str, Any] = {
            "rank": self.ranks[order],
            "unit": self.keys.entity_labels[self.keys.entity_codes[order]],
            "score": self.computed.index[order],
        }
        for child in self.tree.index.children:
            columns[self.tree.nodes[child].code] = self.computed.scores[order, child]
        label = "" if self.single_period else f", {self.periods[number]}"
        title = f"{self.tree.index.name or self.tree.index.code}{label}"
        return Table(columns, title=title, backend=self.keys.backend)

    def profile(self, unit: Any, period: Any = None) -> Table:
        """Return a unit's every score beside those of all units of the same period.

        Columns: ``code``, ``name``, ``level``, ``value`` (as it came in), ``score``, ``rank``,
        ``units`` (that have this score), ``median``, ``best`` and ``gap`` (score less median).
        """
        row = self.row_of(unit, period)
        peers = np.flatnonzero(self.inputs.frame.period == self.inputs.frame.period[row])
        return _profile(self, row, peers)

    def strengths(self, unit: Any, period: Any = None, top: int = 5) -> Table:
        """Return the indicators on which a unit stands highest and lowest among all units.

        The standing is the share of the other units that score lower (half of those that tie);
        strengths stand above one half, weaknesses below.
        Indicators that the unit lacks, or that were imputed for it, are left out.
        """
        return _strengths(self, self.row_of(unit, period), top)

    def weights(self) -> Table:
        """Return the weight of each node among its siblings and its share in the index.

        Shares are products of the weights above; they are what the node *would* move in a
        weighted sum. `tfp_index.composite.analysis.correlations` says what it does move.
        """
        tree, own = self.tree, np.ones(len(self.tree.nodes))
        for node in tree.aggregates:
            own[list(node.children)] = sibling_shares(self.computed.weights[node.code])
        return Table(
            {
                "code": [node.code for node in tree.nodes],
                "parent": [node.parent for node in tree.nodes],
                "level": [node.level for node in tree.nodes],
                "weight": own,
                "share": effective_weights(tree, self.computed.weights),
            },
            title="Weights",
            backend=self.keys.backend,
        )

    def treatment(self) -> Table:
        """Return how each indicator was treated, with its moments before and after."""
        rows: dict[str, list[Any]] = {
            name: []
            for name in ("code", "skewness", "kurtosis", "steps", "logged", "skewness_after",
                         "kurtosis_after", "passed")
        }  # fmt: skip
        for node, report in zip(self.tree.indicators, self.computed.leaves.reports, strict=True):
            if report is None:
                continue
            values = (node.code, *report.before, report.steps, report.logged, *report.after,
                      report.passed)  # fmt: skip
            for name, value in zip(rows, values, strict=True):
                rows[name].append(value)
        return Table(rows, title="Treatment of outliers", backend=self.keys.backend)

    def coverage(self) -> Table:
        """Return for each indicator how many values came in, were imputed and are missing."""
        leaves = self.computed.leaves
        kept = leaves.kept
        before, after = leaves.denominated[kept], leaves.imputed[kept]
        return Table(
            {
                "code": [node.code for node in self.tree.indicators],
                "units": np.full(before.shape[1], before.shape[0]),
                "observed": (~np.isnan(before)).sum(axis=0),
                "imputed": (np.isnan(before) & ~np.isnan(after)).sum(axis=0),
                "missing": np.isnan(after).sum(axis=0),
                "share_imputed": (np.isnan(before) & ~np.isnan(after)).mean(axis=0),
            },
            title="Coverage of the indicators",
            backend=self.keys.backend,
        )

    def goalposts(self) -> dict[str, tuple[float, float]]:
        """Return the anchors of min-max, goalposts and targets as (low, high) by indicator.

        Raises
        ------
        SpecificationError
            If anchors differ from row to row, as with ``compare="period"``.
        """
        anchors = self.computed.leaves.anchors
        if anchors.worst.ndim == 2:
            raise SpecificationError(
                "the anchors differ between periods",
                code="no_goalposts",
                remedy="normalize over all periods, or from a base period",
            )
        posts = {}
        for j, (node, method) in enumerate(
            zip(self.tree.indicators, self.spec.method_of("normalize"), strict=True)
        ):
            low, high = sorted((float(anchors.worst[j]), float(anchors.best[j])))
            if method in ("minmax", "goalposts", "target") and low < high:
                posts[node.code] = (low, high)
        return posts

    def fixed(self) -> CompositeIndex:
        """Return the index with the anchors of this fit as goalposts for all later years.

        Scores then do not move when another year or another unit is added. Outliers are no
        longer treated: what lies beyond the goalposts is held at the ends of the scale, so the
        scores of this fit stay what they are.

        Raises
        ------
        SpecificationError
            If anchors differ between periods, or an indicator was logged.
        """
        posts = self.goalposts()
        reports = zip(self.tree.indicators, self.computed.leaves.reports, strict=True)
        logged = [node.code for node, report in reports if report is not None and report.logged]
        if logged:
            raise SpecificationError(
                f"{logged[0]!r} was logged, so its anchors are not in its own unit",
                code="no_goalposts",
                column=logged[0],
                remedy="treat outliers by winsorizing only",
            )
        rows = []
        for row in self.spec.structure:
            normal = row.get("normalize") or self.spec.normalize
            fresh = {k: v for k, v in row.items() if k != "treat"}
            if row["code"] in posts and normal in ("minmax", "goalposts", "target"):
                fresh |= {"goalposts": posts[row["code"]], "normalize": "goalposts"}
            rows.append(fresh)
        return self.spec.replace(structure=tuple(rows), treat="none", clip=True)

    def uncertainty(self, **options: Any) -> Uncertainty:
        """Repeat the index under other choices; see `tfp_index.composite.uncertainty.simulate`."""
        from tfp_index.composite.uncertainty import simulate

        return simulate(self, **options)

    def sensitivity(self, **options: Any) -> Sensitivity:
        """Say which choice moves the ranks; see `tfp_index.composite.uncertainty.attribute`."""
        from tfp_index.composite.uncertainty import attribute

        return attribute(self, **options)

    def tidy(self) -> Table:
        """Return one row per unit, period and node: score and rank."""
        n, m = self.computed.scores.shape
        keys = {name: np.repeat(column, m) for name, column in self.key_columns().items()}
        ranks = period_ranks(self.computed.scores, self.inputs.frame.period)
        codes = np.array([node.code for node in self.tree.nodes], object)
        return Table(
            {
                **keys,
                "node": np.tile(codes, n),
                "score": self.computed.scores.ravel(),
                "rank": ranks.ravel(),
            },
            backend=self.keys.backend,
        )

    def glance(self) -> Table:
        """Return one row: sizes, spread of the scores, imputed share."""
        index = self.computed.index
        scored = index[~np.isnan(index)]
        leaves = self.computed.leaves
        before, after = leaves.denominated[leaves.kept], leaves.imputed[leaves.kept]
        return Table(
            {
                "units": [int(self.keys.entity_labels.shape[0])],
                "periods": [len(self.periods)],
                "indicators": [len(self.tree.indicators)],
                "scored": [int(scored.size)],
                "mean": [float(scored.mean()) if scored.size else np.nan],
                "lowest": [float(scored.min()) if scored.size else np.nan],
                "highest": [float(scored.max()) if scored.size else np.nan],
                "share_imputed": [float((np.isnan(before) & ~np.isnan(after)).mean())],
            },
            backend=self.keys.backend,
        )


def fit(spec: CompositeIndex, data: Any, unit: str, time: str | None) -> CompositeResult:
    """Compute an index; see `CompositeIndex.fit`."""
    inputs, panel = read_inputs(spec, data, unit, time)
    computed = compute(spec, inputs)
    record = record_of(spec, panel, _sample(inputs, computed))
    return CompositeResult(spec, record, inputs.keys, inputs, computed)


def _sample(inputs: Inputs, computed: Computed) -> Sample:
    keys, leaves = inputs.keys, computed.leaves
    scored = int((~np.isnan(computed.index)).sum())
    kept = int(leaves.kept.sum())
    imputed = np.isnan(leaves.denominated) & ~np.isnan(leaves.imputed)
    partly = ~np.isnan(computed.index) & np.isnan(leaves.normalized).any(axis=1)
    reports = [report for report in leaves.reports if report is not None]
    return Sample(
        rows=keys.frame_rows,
        used=scored,
        lost={
            "screened out for missing or zero indicators": keys.n_rows - kept,
            "too few children observed for an index": kept - scored,
        },
        notes={
            "units scored on part of the indicators": int(partly.sum()),
            "values imputed": int(imputed.sum()),
            "values without a usable denominator": leaves.no_denominator,
            "values winsorized": sum(int((report.points != 0).sum()) for report in reports),
            "indicators logged": sum(report.logged for report in reports),
        },
    )


def _profile(result: CompositeResult, row: int, peers: NDArray[np.intp]) -> Table:
    nodes = result.tree.nodes
    scores = result.computed.scores[peers]
    own = result.computed.scores[row]
    k = len(result.tree.indicators)
    ranks = period_ranks(scores, np.zeros(peers.size, np.int64))[peers == row][0]
    present = ~np.isnan(scores)
    some = present.any(axis=0)
    median, best = np.full(len(nodes), np.nan), np.full(len(nodes), np.nan)
    median[some] = np.nanmedian(scores[:, some], axis=0)
    best[some] = np.nanmax(scores[:, some], axis=0)
    value = np.concatenate((result.computed.leaves.raw[row], np.full(len(nodes) - k, np.nan)))
    order = list(reversed(range(len(nodes))))
    unit, period = result.keys.where(row)
    title = f"{unit}" if result.single_period else f"{unit}, {period}"
    return Table(
        {
            "code": [nodes[i].code for i in order],
            "name": [nodes[i].name or nodes[i].code for i in order],
            "level": [nodes[i].level for i in order],
            "value": value[order],
            "score": own[order],
            "rank": ranks[order],
            "units": present.sum(axis=0)[order],
            "median": median[order],
            "best": best[order],
            "gap": (own - median)[order],
        },
        title=title,
        backend=result.keys.backend,
    )


def _strengths(result: CompositeResult, row: int, top: int) -> Table:
    peers = result.inputs.frame.period == result.inputs.frame.period[row]
    k = len(result.tree.indicators)
    scores = result.computed.scores[peers, :k]
    own = result.computed.scores[row, :k]
    observed = ~np.isnan(own) & ~np.isnan(result.computed.leaves.denominated[row])
    others = np.maximum((~np.isnan(scores)).sum(axis=0) - 1, 1)
    below = (scores < own).sum(axis=0) + 0.5 * ((scores == own).sum(axis=0) - 1)
    standing = below / others
    known = np.flatnonzero(observed)
    order = known[np.argsort(-standing[known], kind="stable")]
    high = order[standing[order] > 0.5][:top]
    low = order[::-1][standing[order[::-1]] < 0.5][:top]
    chosen = np.concatenate((high, low))
    nodes = result.tree.indicators
    unit, period = result.keys.where(row)
    title = f"{unit}" if result.single_period else f"{unit}, {period}"
    return Table(
        {
            "kind": ["strength"] * high.size + ["weakness"] * low.size,
            "code": [nodes[j].code for j in chosen],
            "name": [nodes[j].name or nodes[j].code for j in chosen],
            "value": result.computed.leaves.raw[row, chosen],
            "score": own[chosen],
            "standing": standing[chosen],
        },
        title=f"{title}: strengths and weaknesses",
        backend=result.keys.backend,
    )
