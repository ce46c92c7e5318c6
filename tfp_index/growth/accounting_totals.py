"""Growth accounts of rows that are kept elsewhere: what is left are sums over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, nearest
from tfp_index.growth.accounting_result import GrowthAccountingResult, overview
from tfp_index.kernels.groups import STATUS_OK
from tfp_index.kernels.periods import ratio
from tfp_index.kernels.sums import Additive
from tfp_index.panel.table import Table
from tfp_index.results.result import Result

if TYPE_CHECKING:
    from tfp_index.growth.accounting import GrowthAccounting

__all__ = ["GrowthAccountingTotals", "GrowthSums", "growth_sums"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GrowthSums(Additive):
    """Sums over rows with growth.

    Attributes
    ----------
    rows : int
    overall : (3 + k,) float array
        Output growth, TFP growth, contribution of TFP, contribution of each input.
    cells : mapping of grouping to (4 + k, G, T) float array
        The same by group and period, behind the number of rows; ``""`` has one group, the whole.
    """

    rows: int
    overall: Floats
    cells: Mapping[str, Floats]


def growth_sums(
    result: GrowthAccountingResult, period: Ints, periods: int, groups: Mapping[str, Any]
) -> GrowthSums:
    """Add the rows of growth accounts up, in all and by group and period.

    Parameters
    ----------
    result : GrowthAccountingResult
    period : (n,) int array
        Place of each row's period.
    periods : int
    groups : mapping of grouping to ((n,) int array, int)
        Place of each row's group, -1 for none, and the number of groups.
    """
    terms = result.terms
    used = np.flatnonzero(terms.status == STATUS_OK)
    columns = [terms.output_growth, terms.tfp_growth, terms.tfp_contribution, *terms.contributions]
    values = [column[used] for column in columns]
    every = {"": (np.zeros(period.shape[0], np.int64), 1), **groups}
    cells = {}
    for name, (codes, size) in every.items():
        known = codes[used] >= 0
        at = (codes[used] * periods + period[used])[known]
        weighted = [None, *(column[known] for column in values)]
        sums = [np.bincount(at, column, size * periods) for column in weighted]
        cells[name] = np.array(sums, np.float64).reshape(len(sums), size, periods)
    return GrowthSums(used.shape[0], np.array([column.sum() for column in values]), cells)


@dataclass(frozen=True, eq=False, repr=False)
class GrowthAccountingTotals(Result):
    """Growth accounts added up; made by a run over partitions, which writes the rows to files.

    It has no rows, and so no chained index and no table by entity: these are in the datasets of
    the run.

    Attributes
    ----------
    inputs : tuple of str
    sums : GrowthSums
    labels : mapping of grouping to (G,) array
    entities : int
    """

    spec: GrowthAccounting
    inputs: tuple[str, ...]
    sums: GrowthSums
    labels: Mapping[str, NDArray[Any]]
    entities: int

    def glance(self) -> Table:
        """Return one row that sums the fit up."""
        overall = self.sums.overall
        both = (float(overall[0]), float(overall[2]))
        return overview(self.spec, self.entities, self.sums.rows, both, self.keys.backend)

    def by_period(self, group: str | None = None) -> Table:
        """Return mean growth and contributions of every period, in all or by group.

        Means are unweighted over rows. For weighted growth of an industry or province aggregate
        its outputs and inputs first, or use `Aggregation`.

        Parameters
        ----------
        group : str, optional
            Grouping of the panel.

        Raises
        ------
        DataError
            If there is no such grouping.
        """
        if group is not None and group not in self.labels:
            raise DataError(
                f"there is no grouping {group!r}",
                code="missing_group",
                column=group,
                remedy=nearest(group, self.labels),
            )
        n, *sums = self.sums.cells[group or ""]
        there = n.ravel() > 0
        g, t = (axis.ravel()[there] for axis in np.indices(n.shape))
        means = [ratio(total, n).ravel()[there] for total in sums]
        columns: dict[str, Any] = {} if group is None else {group: self.labels[group][g]}
        columns[self.keys.names["time"]] = self.keys.calendar.labels[t]
        columns |= {"rows": n.ravel()[there].astype(np.int64), "output_growth": means[0]}
        columns |= {
            f"{name}_contribution": values
            for name, values in zip(self.inputs, means[3:], strict=True)
        }
        columns |= {"tfp_contribution": means[2], "tfp_growth": means[1]}
        columns["tfp_share_of_growth"] = ratio(means[2], means[0])
        return Table(
            columns,
            "Mean growth by period; TFP growth is the residual",
            ("unweighted over rows; fractions, not percent",),
            self.keys.backend,
        )

    def tidy(self) -> Table:
        """Return one row per period and component of mean output growth."""
        table, time = self.by_period(), self.keys.names["time"]
        names = [*self.inputs, "tfp"]
        columns = {
            time: np.tile(table[time], len(names)),
            "component": np.repeat(np.array(names, object), len(table)),
            "contribution": np.concatenate([table[f"{name}_contribution"] for name in names]),
        }
        return Table(columns, "Contributions to mean output growth", backend=self.keys.backend)

    def to_frame(self, backend: str | None = None) -> Any:
        """Refuse: the rows are in the dataset of the run."""
        self._elsewhere("growth")

    def periods(self, *_: Any, **__: Any) -> Table:
        """Refuse: tables by entity are in the dataset of the run."""
        self._elsewhere("periods")

    def _elsewhere(self, folder: str) -> NoReturn:
        raise DataError(
            "rows are not held by the result of a run over partitions",
            code="rows_elsewhere",
            remedy=f"read the dataset {folder!r} in the output folder of the run (out=)",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the small tables as plain data."""
        tables = {"by_period": self.by_period().to_dict()}
        tables |= {f"by_{name}": self.by_period(name).to_dict() for name in self.labels}
        return {**super().to_dict(), **tables}
