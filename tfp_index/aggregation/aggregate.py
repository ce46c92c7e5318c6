"""Productivity of a district, an industry, an ownership, a size class, the province."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._aggregate_sums import (
    AggregationSums,
    aggregation_sums,
    tables_of_sums,
)
from tfp_index.aggregation._cells import TOTAL, Cells
from tfp_index.aggregation._rows import Grouping, grouping, measured_rows, names_of, refuse_items
from tfp_index.aggregation.disclosure import Disclosed, DisclosureRules
from tfp_index.errors import DataError, SpecificationError, nearest
from tfp_index.kernels.disclosure import Contributions
from tfp_index.panel.checks import require_keys
from tfp_index.panel.frames import FrameReader
from tfp_index.panel.keys import Keys
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.results.result import Record, Result, Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["Aggregation", "AggregationResult"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class Aggregation(Specification):
    r"""Aggregate the productivity of enterprises by group and period.

    With ``method="shares"`` the aggregate is the share-weighted mean
    :math:`Φ_t = \sum_i s_{it} φ_{it}` over the enterprises present, and the index is
    :math:`100 \exp(Φ_t - Φ_{base})`: a weighted geometric mean (with ``scale="level"``,
    :math:`100\,Φ_t/Φ_{base}`).

    With ``method="domar"`` growth is :math:`\sum_i \bar D_i Δφ_i` over continuing enterprises,
    with :math:`D_i` the enterprise's output over the group's value added; the shares sum to more
    than one, because productivity gained in making an intermediate is gained again by its user.
    The index chains this growth; there is no level.

    Parameters
    ----------
    weight : str
        Column of the activity weight; output for ``"domar"``.
    by : str or tuple of str, optional
        Groupings; all their margins are returned too.
    method : {"shares", "domar"}
    scale : {"log", "level"}
        Average logs or levels.
    given : {"log", "level"}
        How the productivity column stands. Fitted results are in logs.
    relative : str, optional
        Measure productivity from the weighted mean of each row's group (industry) in the base
        period: levels of different industries cannot be mixed otherwise.
    base : period, optional
        Where the index is 100; default: the first period.
    sampling_weight : str, optional
        Column of sampling weights.
    keep_largest : int
        How many of the largest weights behind each cell to keep for disclosure control.

    Raises
    ------
    SpecificationError
        If options are unknown or contradict each other.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"firm": [1, 1, 2, 2], "year": [2020, 2021] * 2, "tfp": [0.0, 0.1, 0.4, 0.4],
    ...          "output": [1.0, 1.0, 3.0, 3.0], "district": ["a", "a", "b", "b"]}
    >>> panel = tfp.Panel.from_frame(frame, entity="firm", time="year", output="output",
    ...                              columns={"tfp": "tfp"}, groups={"district": "district"})
    >>> res = tfp.Aggregation(by="district").fit(panel, productivity="tfp")
    >>> res.to_frame()[["district", "year", "productivity", "index"]].round(3).values.tolist()[-2:]
    [['(total)', 2020, 0.3, 100.0], ['(total)', 2021, 0.325, 102.532]]
    """

    weight: str = "output"
    by: Any = None
    method: str = "shares"
    scale: str = "log"
    given: str = "log"
    relative: str | None = None
    base: Any = None
    sampling_weight: str | None = None
    keep_largest: int = 2

    def __post_init__(self) -> None:
        choose(self, "method", ("shares", "domar"))
        choose(self, "scale", ("log", "level"))
        choose(self, "given", ("log", "level"))
        if isinstance(self.by, list):
            object.__setattr__(self, "by", tuple(self.by))
        if self.method == "domar" and self.scale == "level":
            self._refuse("scale", "Domar aggregation adds up growth of logs", "'log'")
        if self.method == "domar" and self.relative is not None:
            self._refuse("relative", "Domar aggregation uses growth only, no levels", "None")

    def fit(self, panel: Panel, productivity: Any = "productivity") -> AggregationResult:
        """Aggregate.

        Parameters
        ----------
        panel : Panel
        productivity : str or fitted result

        Returns
        -------
        AggregationResult

        Raises
        ------
        DataError
            If a column is absent, a weight is negative, or no row is measured.
        """
        require_keys(panel)
        refuse_items(panel)
        rows = measured_rows(
            panel, productivity, weight=self.weight, scale=self.scale, given=self.given,
            relative=self.relative, base=self.base, sampling_weight=self.sampling_weight,
        )  # fmt: skip
        time = grouping(panel, ["time"])
        dims = [grouping(panel, [name]) for name in names_of(self.by)]
        sums = aggregation_sums(self, panel, rows, dims, time, pivot=rows.pivot)
        sample = Sample(panel.keys.frame_rows, sums.used, sums.lost)
        return aggregation_result(
            self, sums, dims, time,
            productivity=rows.name, record=record_of(self, panel, sample), keys=panel.keys,
        )  # fmt: skip


def aggregation_result(
    spec: Aggregation,
    sums: AggregationSums,
    dims: Sequence[Grouping],
    time: Grouping,
    *,
    productivity: str,
    record: Record,
    keys: Keys,
) -> AggregationResult:
    """Return the aggregates that follow from the sums.

    Raises
    ------
    DataError
        If no row is measured, or none is of the base period.
    """
    if not sums.used:
        raise DataError(
            "no row has both productivity and weight",
            code="no_usable_rows",
            expected=f"{productivity} and {spec.weight} in the same rows",
        )
    tables = tables_of_sums(spec, sums, dims, time, _base(spec, keys, time))
    return AggregationResult(
        spec=spec,
        record=record,
        keys=keys,
        productivity=productivity,
        groups={d.names[0]: np.concatenate([t.labels[i] for t in tables])
                for i, d in enumerate(dims)},
        periods=np.concatenate([t.periods for t in tables]),
        values={name: np.concatenate([t.values[name] for t in tables])
                for name in tables[0].values},
        reason=np.concatenate([t.reason for t in tables]),
        behind=Contributions(
            np.concatenate([t.behind.n for t in tables]),
            np.concatenate([t.behind.total for t in tables]),
            np.concatenate([t.behind.largest for t in tables]),
        ),
    )  # fmt: skip


def _base(spec: Aggregation, keys: Keys, time: Grouping) -> int:
    """Position of the base period among the periods."""
    labels = time.labels[0].tolist()
    if spec.base is None:
        return 0
    written = keys.calendar.write(keys.calendar.number(spec.base))
    if written not in labels:
        raise DataError(
            f"no row is of the base period {spec.base!r}",
            code="unknown_period",
            time=spec.base,
            remedy=nearest(str(spec.base), map(str, labels)),
        )
    return int(labels.index(written))


@dataclass(frozen=True, eq=False, repr=False)
class AggregationResult(Result):
    """Productivity by group and period; made by `Aggregation.fit`.

    Attributes
    ----------
    productivity : str
        What was aggregated.
    groups : mapping of grouping to (m,) labels
    periods : (m,) object array
    values : mapping of name to (m,) float array
        ``productivity`` (``growth`` with Domar weights), ``index``, ``weight``, ``share``, ``n``.
    reason : (m,) object array
        Why an index is missing.
    behind : Contributions
    """

    spec: Aggregation
    productivity: str
    groups: Mapping[str, NDArray[Any]]
    periods: NDArray[Any]
    values: Mapping[str, Floats]
    reason: NDArray[Any]
    behind: Contributions

    def tidy(self) -> Table:
        """Return one row per group and period; ``"(total)"`` marks margins."""
        columns = {**self.groups, self.keys.names["time"]: self.periods, **self.values}
        columns["reason"] = self.reason
        notes = [] if self.spec.relative or not self.groups else [
            "levels of different industries cannot be compared; relative= measures each from its "
            "own base"
        ]  # fmt: skip
        title = f"Aggregate {self.productivity}, weighted by {self.spec.weight}"
        return Table(columns, title, notes, self.keys.backend)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return `tidy` as a frame."""
        return self.tidy().to_frame(backend)

    def glance(self) -> Table:
        """Return one row that sums the fit up."""
        whole = self._whole()
        columns = {
            "productivity": [self.productivity],
            "weight": [self.spec.weight],
            "first": [self.periods[whole[0]]],
            "last": [self.periods[whole[-1]]],
            "index_last": [self.values["index"][whole[-1]]],
            "rows": [self.sample.used],
        }
        return Table(columns, backend=self.keys.backend)

    def _whole(self) -> Ints:
        rows = np.ones(self.periods.shape[0], bool)
        for labels in self.groups.values():
            rows &= np.array([label == TOTAL for label in labels.tolist()])
        return np.flatnonzero(rows)

    def coverage(self, official: Any, total: str) -> Table:
        """Compare the weight that was aggregated with official totals.

        Parameters
        ----------
        official : any supported table
            With a column for time (named as in the data), a column for each grouping that the
            totals are broken down by, and the totals; other groupings are summed over.
        total : str
            Column of the totals, in the unit of the weight.

        Returns
        -------
        Table
            With the weight, the official total and their ratio.

        Raises
        ------
        DataError
            If the table shares no group and period with the result.
        """
        reader = FrameReader(official)
        time = self.keys.names["time"]
        if time not in reader.names:
            raise DataError(
                f"the official table has no column {time!r}",
                code="unknown_column",
                column=time,
                remedy=nearest(time, reader.names),
            )
        shared = [name for name in self.groups if name in reader.names]
        keys = [*shared, time]
        columns = [reader.keys(name).tolist() for name in keys]
        known = dict(zip(zip(*columns, strict=True), reader.numbers(total).tolist(), strict=True))
        rows, totals = [], []
        for row in range(self.periods.shape[0]):
            if any(self.groups[n][row] != TOTAL for n in self.groups if n not in shared):
                continue
            key = (*(self.groups[name][row] for name in shared), self.periods[row])
            if key in known:
                rows.append(row)
                totals.append(known[key])
        if not rows:
            raise DataError(
                "no group and period of the official table is in the result",
                code="no_match",
                expected="labels as in the data",
            )
        weight = self.values["weight"][rows]
        against = np.array(totals)
        ratio = np.divide(weight, against, out=np.full(len(rows), np.nan), where=against > 0)
        table: dict[str, Any] = {name: self.groups[name][rows] for name in shared}
        table |= {time: self.periods[rows], "weight": weight, "official": against}
        title = f"Coverage of {total} by {self.spec.weight}"
        return Table({**table, "coverage": ratio}, title, backend=self.keys.backend)

    def cells(self) -> Cells:
        """Return the aggregates as cells for disclosure control."""
        if not self.spec.keep_largest:
            raise SpecificationError(
                "the largest weights were not kept", code="largest_not_kept",
                column="keep_largest", expected="keep_largest=2 or more",
            )  # fmt: skip
        published = [n for n in ("productivity", "growth", "index", "share") if n in self.values]
        table = self.tidy()
        return Cells(
            keys=self.groups,
            time=self.periods,
            contributions=(self.behind,),
            values={name: self.values[name] for name in published},
            shares=("share",) if "share" in published else (),
            time_name=self.keys.names["time"],
            title=table.title,
            notes=tuple(table.notes),
            backend=table.backend,
        )

    def to_public(self, rules: DisclosureRules | None = None) -> Disclosed:
        """Return the aggregates after disclosure control, without counts and weights."""
        return (DisclosureRules() if rules is None else rules).apply(self.cells())

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the table as plain data."""
        return {**super().to_dict(), "tidy": self.tidy().to_dict()}
