"""What `KlemsAccounts` gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, nearest
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, RowValues

__all__ = ["WHY", "KlemsResult"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]

OK, FIRST, GAP, MISSING, INVALID, TOTAL = 0, 1, 2, 3, 4, 5
WHY = MappingProxyType(
    {
        OK: "",
        FIRST: "first row of its industry",
        GAP: "the period before it is missing",
        MISSING: "a quantity or value is missing in one of the two periods",
        INVALID: "a quantity that has a value is not above zero, or a value is negative or extreme",
        TOTAL: "it is the total",
    }
)
"""Why an industry has no account in a period, by code."""


@dataclass(frozen=True, eq=False, repr=False)
class KlemsResult(Result):
    """Growth accounts by industry, and what the industries add up to.

    All growth rates and contributions are differences of natural logs (0.01 is about one
    percent), per period of the panel.

    Attributes
    ----------
    primary : tuple of str
        Primary inputs (all that are not intermediate).
    columns : mapping of name to (n,) float array
        By industry and period, in panel order; see `industries`.
    nodes : mapping of name to array
        By level, node and period; see `aggregates`.
    status : (n,) int8 array
        Why an industry has no account.
    time_name : str
    """

    primary: tuple[str, ...]
    columns: Mapping[str, Floats]
    nodes: Mapping[str, NDArray[Any]]
    status: Codes
    time_name: str

    def __getitem__(self, name: str) -> Floats:
        return self.columns[name]

    @property
    def reasons(self) -> NDArray[Any]:
        """(n,) why an industry has no account, in words; empty where it has."""
        return np.array([WHY[code] for code in sorted(WHY)], object)[self.status]

    @property
    def industries(self) -> RowValues:
        """Accounts by industry and period.

        ``output_growth``, ``<input>_contribution`` and the residual ``tfp_growth`` sum up exactly.
        With gross output also value added: ``value_added_share`` (in gross output),
        ``value_added_growth``, ``<input>_value_added_contribution`` and
        ``value_added_tfp_growth``. ``weight`` is the industry's weight in the total and
        ``tfp_contribution`` what its residual adds to that of the total.
        """
        values = {**self.columns, "status": self.reasons}
        return RowValues(self.keys, values, self.spec.describe())

    def to_frame(self, backend: str | None = None) -> Any:
        """Return the accounts of the industries in the caller's row order and frame library."""
        return self.industries.to_frame(backend)

    def aggregates(self, level: str | None = None) -> Table:
        """Return what the industries of each node add up to, by period.

        ``tfp_growth`` is the residual that the specification asks for. Columns that begin with
        ``weighted_`` are weighted sums over the industries (also of groups of primary inputs):

            value_added_growth = weighted_tfp_growth + Σ weighted_<input>_contribution
            + approximation.

        Where the inputs of the aggregate are known, its production function gives another split,
        ``value_added_growth = direct_tfp_growth + Σ <input>_contribution``, and

            direct_tfp_growth = weighted_tfp_growth + Σ reallocation_<input> + approximation.

        ``…_within`` and ``…_between`` split the reallocation of a node with children. ``status``
        says why a row is missing.

        Parameters
        ----------
        level : str, optional
            One level of the tree, or ``"total"``; default: all.
        """
        table = Table(
            self.nodes,
            title="Aggregate accounts",
            notes=("log changes; tfp_growth is a residual",),
            backend=self.keys.backend,
        )
        if level is None:
            return table
        levels = list(dict.fromkeys(self.nodes["level"].tolist()))
        if level not in levels:
            raise DataError(
                f"there is no level {level!r}",
                code="unknown_level",
                remedy=nearest(level, levels),
            )
        return table.where(level=level)

    def periods(self, periods: Sequence[tuple[Any, Any]], level: str | None = None) -> Table:
        """Return mean growth and contributions of the aggregates over spans of periods.

        Means of log changes over (start, end]: additive like the annual ones. A span with a
        missing year is missing.

        Parameters
        ----------
        periods : sequence of (start, end)
            Labels of the base period and of the last period.
        level : str, optional
        """
        table = self.aggregates(level)
        calendar = self.keys.calendar
        time = np.array([calendar.number(t) for t in table[self.time_name].tolist()])
        numeric = [
            name
            for name, values in table.columns.items()
            if values.dtype.kind == "f" and name != self.time_name
        ]
        nodes = list(
            dict.fromkeys(zip(table["level"].tolist(), table["node"].tolist(), strict=True))
        )
        of = np.array(
            [nodes.index(key) for key in zip(table["level"], table["node"], strict=True)], np.int64
        )
        out: dict[str, list[Any]] = {n: [] for n in ("level", "node", "start", "end", *numeric)}
        for place, (name, node) in enumerate(nodes):
            for start, end in periods:
                low, high = calendar.number(start), calendar.number(end)
                rows = (of == place) & (time > low) & (time <= high)
                for key, value in (("level", name), ("node", node), ("start", start), ("end", end)):
                    out[key].append(value)
                for column in numeric:
                    values = table[column][rows]
                    out[column].append(float(values.mean()) if values.size else np.nan)
        return Table(
            out,
            title="Aggregate accounts, means of log changes",
            notes=("a span with a missing year is missing",),
            backend=self.keys.backend,
        )

    def tidy(self) -> Table:
        """Return `aggregates`."""
        return self.aggregates()

    def glance(self) -> Table:
        """Return the span of the total, its mean growth and the mean of its residuals."""
        total = self.aggregates("total")
        known = np.isfinite(total["tfp_growth"])
        time = [t for t, k in zip(total[self.time_name].tolist(), known, strict=True) if k]
        columns: dict[str, Any] = {
            "first": [time[0] if time else None],
            "last": [time[-1] if time else None],
        }
        for name in ("value_added_growth", "tfp_growth", "weighted_tfp_growth"):
            values = total[name][known]
            columns[f"mean_{name}"] = [float(values.mean()) if values.size else np.nan]
        return Table(columns, title="KLEMS accounts, total", backend=self.keys.backend)
