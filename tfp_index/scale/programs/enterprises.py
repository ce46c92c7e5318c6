"""Indicators of enterprises over partitions: rows to files, counts and means to the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.criteria.criteria_set import CriteriaSet
from tfp_index.criteria.enterprise import VALUE_ADDED, enterprise_indicators
from tfp_index.kernels.periods import ratio
from tfp_index.kernels.sums import Additive
from tfp_index.panel.checks import require_keys
from tfp_index.panel.sme_size import SIZES
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, Sample
from tfp_index.results.specification import Specification, choose
from tfp_index.scale.programs._measured import checked
from tfp_index.scale.programs._shared import Frame, require_keyed, whole
from tfp_index.scale.task import Context, Program, Write

if TYPE_CHECKING:
    from tfp_index.criteria.enterprise import EnterpriseResult
    from tfp_index.panel.panel import Panel

__all__ = ["EnterpriseIndicators", "EnterpriseTotals"]

Floats = NDArray[np.float64]

FOLDER = "indicators"
UNKNOWN = "(unknown)"


@dataclass(frozen=True, repr=False)
class EnterpriseIndicators(Specification):
    """Indicators of enterprises from a table of items; see `tfp_index.enterprise_indicators`.

    Items are the numeric roles of those names (``columns={"labor_cost": "lương", …}``); industry,
    sector, ownership and name are groupings. Every indicator is of one enterprise alone, so the
    rows are those of memory; they go to the dataset ``indicators``. Scores compare enterprises
    with each other and are made from these rows.

    Parameters
    ----------
    criteria : str
        A bundled set, or the path of one.
    value_added : {"addition", "subtraction", "given"}
    """

    criteria: str = "enterprise"
    value_added: str = "addition"

    def __post_init__(self) -> None:
        choose(self, "value_added", VALUE_ADDED)
        if not isinstance(self.criteria, str):
            self._refuse("criteria", f"criteria={self.criteria!r}", "the name or path of a set")

    def fit(self, panel: Panel) -> EnterpriseResult:
        """Return the indicators of the rows of a panel.

        Raises
        ------
        DataError
            If keys repeat, or an item that value added needs is absent.
        """
        require_keys(panel)
        names = panel.keys.names
        data: dict[str, Any] = {**panel.keys.columns(), **panel.columns}
        for name, group in panel.groups.items():
            labels = np.append(group.labels.astype(object), np.array([None], object))
            data[name] = labels[group.codes]  # the last for rows without one
        return enterprise_indicators(
            data,
            unit=names["entity"],
            time=names["time"],
            criteria=self.criteria,
            value_added=self.value_added,
        )

    @staticmethod
    def scale_program(spec: EnterpriseIndicators, context: Context) -> Program:
        """Return the program of the run; see `tfp_index.scale.run`."""
        return enterprises(spec, context)


@dataclass(frozen=True, eq=False)
class IndicatorSums(Additive):
    """Rows, and of every indicator how many have it and their sum, by size and period.

    Arrays have the shape (sizes, periods); the last size stands for enterprises of unknown size.
    """

    rows: Floats
    values: Mapping[str, tuple[Floats, Floats]]
    used: int
    lost: Mapping[str, int]
    notes: Mapping[str, int]


@dataclass(frozen=True, eq=False, repr=False)
class EnterpriseTotals(Result):
    """Means of the indicators; the indicators themselves are in the dataset ``indicators``.

    Attributes
    ----------
    sums : IndicatorSums
    names : mapping of indicator to its name in English
    """

    spec: EnterpriseIndicators
    sums: IndicatorSums
    names: Mapping[str, str]

    def tidy(self) -> Table:
        """Return one row per indicator, size class and period: enterprises that have it, mean."""
        sizes = np.array([*SIZES, UNKNOWN], object)
        g, t = (axis.ravel() for axis in np.indices(self.sums.rows.shape))
        blocks = []
        for code, (n, total) in self.sums.values.items():
            there = n.ravel() > 0
            blocks.append({
                "indicator": np.full(int(there.sum()), code, object),
                "name": np.full(int(there.sum()), self.names.get(code, ""), object),
                "size_class": sizes[g[there]],
                self.keys.names["time"]: self.keys.calendar.labels[t[there]],
                "n": n.ravel()[there].astype(np.int64),
                "mean": ratio(total, n).ravel()[there],
            })  # fmt: skip
        columns = {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}
        return Table(columns, "Mean indicators", ("unweighted",), self.keys.backend)

    def glance(self) -> Table:
        """Return one row that sums the run up."""
        columns = {
            "criteria": [self.spec.criteria],
            "value_added": [self.spec.value_added],
            "indicators": [len(self.sums.values)],
            "rows": [self.sample.rows],
            "with_value_added": [self.sample.used],
        }
        return Table(columns, backend=self.keys.backend)

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the small tables as plain data."""
        return {**super().to_dict(), "tidy": self.tidy().to_dict()}


def enterprises(spec: EnterpriseIndicators, context: Context) -> Program:
    """Write the indicators of every row, and add their counts and sums up; one round."""
    require_keyed(context)
    sums: IndicatorSums = yield Write(FOLDER, _rows, (spec, context))
    chosen = CriteriaSet.load(spec.criteria)
    return EnterpriseTotals(
        spec=spec,
        record=context.record(spec, Sample(context.rows, sums.used, sums.lost, sums.notes)),
        keys=whole(context).keys,
        sums=sums,
        names={i.code: i.name.get("en", "") for i in chosen.indicators},
    )


def _rows(
    panel: Panel, spec: EnterpriseIndicators, context: Context
) -> tuple[dict[str, Any], IndicatorSums]:
    part = checked(panel, Frame(context))
    found = spec.fit(part)
    places = {size: i for i, size in enumerate(SIZES)}
    size = np.array([places.get(s, len(SIZES)) for s in found.texts["size_class"].tolist()])
    periods = context.calendar.numbers.shape[0]
    shape = (len(SIZES) + 1, periods)
    cell = size * periods + context.periods(part)

    def added(rows: NDArray[np.bool_], values: Floats | None = None) -> Floats:
        weights = None if values is None else values[rows]
        counts = np.bincount(cell[rows], weights, shape[0] * shape[1])
        return counts.astype(np.float64).reshape(shape)

    values = {}
    for code, column in found.values.items():
        there = np.isfinite(column)
        values[code] = (added(there), added(there, column))
    every = np.ones(part.n_rows, bool)
    sample = found.sample
    sums = IndicatorSums(
        added(every), values, sample.used, dict(sample.lost), dict(sample.notes)
    )  # fmt: skip
    return found.columns(), sums
