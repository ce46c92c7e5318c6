"""What `MultilateralIndex` gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.panel.table import Table
from tfp_index.results.result import Result, RowValues

__all__ = ["WHY", "MultilateralIndexResult"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]

OK, MISSING, INVALID, UNGROUPED, ALONE, NO_BASE, UNCONNECTED = 0, 1, 2, 3, 4, 5, 6
WHY = MappingProxyType(
    {
        OK: "",
        MISSING: "a quantity, price or share is missing",
        INVALID: "a quantity is zero, negative or infinite",
        UNGROUPED: "its group is missing",
        ALONE: "nothing to compare it with",
        NO_BASE: "the base is missing",
        UNCONNECTED: "nothing it shares products with leads to the base",
    }
)
"""Why an index is missing, by code."""


@dataclass(frozen=True, eq=False, repr=False)
class MultilateralIndexResult(Result):
    """Transitive log indices of every situation (an entity in a period).

    Attributes
    ----------
    formula : str
    base : str
        What the index is zero (its exponential one) at, in words.
    logs : mapping of name to (n,) float array
        ``log_tfp``, ``log_output``, ``log_input``; or ``log_quantity``, ``log_price``. NaN where
        there is none.
    mean_firm : mapping of name to (cells,) float array
        Good–Nadiri–Sickles: the chained log index of the hypothetical firm.
    mean_firm_labels : mapping of column to (cells,) array
        Period, and group where comparisons are made by group.
    status : (n,) int8 array
        Why an index is missing; `reasons` says it in words.
    missing_pairs : int
        GEKS: pairs of situations without a bilateral index.
    """

    formula: str
    base: str
    logs: Mapping[str, Floats]
    mean_firm: Mapping[str, Floats]
    mean_firm_labels: Mapping[str, NDArray[Any]]
    status: Codes
    missing_pairs: int

    def __getitem__(self, name: str) -> Floats:
        return self.logs[name]

    @property
    def log_tfp(self) -> Floats:
        """(n,) log TFP, in panel order."""
        return self.logs["log_tfp"]

    @property
    def tfp(self) -> Floats:
        """(n,) TFP relative to the base."""
        with np.errstate(over="ignore"):
            return np.exp(self.logs["log_tfp"])

    @property
    def reasons(self) -> NDArray[Any]:
        """(n,) why each index is missing, in words; empty where it is not."""
        return np.array([WHY[code] for code in sorted(WHY)], object)[self.status]

    @property
    def values(self) -> RowValues:
        """Log indices, their exponentials without ``log_``, and status, by situation."""
        with np.errstate(over="ignore"):
            levels = {f"{k.removeprefix('log_')}_index": np.exp(v) for k, v in self.logs.items()}
        columns = {**self.logs, **levels, "status": self.reasons}
        return RowValues(self.keys, columns, self.spec.describe())

    def to_frame(self, backend: str | None = None) -> Any:
        """Return keys, indices and status in the caller's frame library.

        In the caller's row order where the panel is wide; a row per entity and period where it is
        long.
        """
        return self.values.to_frame(backend)

    def tidy(self) -> Table:
        """Return keys, indices and status as a table."""
        return self.values.table()

    def means(self) -> Table:
        """Return the chained log index of the hypothetical mean firm by period.

        Raises
        ------
        TypeError
            Unless the formula is Good–Nadiri–Sickles, the only one that has such a chain.
        """
        if not self.mean_firm:
            raise TypeError(f"{self.formula} has no chain of mean firms")
        return Table(
            {**self.mean_firm_labels, **self.mean_firm},
            title="Hypothetical mean firm, log index",
            backend=self.keys.backend,
        )

    def glance(self) -> Table:
        """Return formula, base, numbers of situations, and the spread of each log index."""
        columns: dict[str, Any] = {
            "formula": [self.formula],
            "base": [self.base],
            "situations": [self.status.shape[0]],
            "without_index": [int(np.count_nonzero(self.status != OK))],
        }
        for name, values in self.logs.items():
            known = values[np.isfinite(values)]
            columns[f"sd_{name}"] = [float(known.std()) if known.size else np.nan]
        return Table(columns, title="Multilateral index", backend=self.keys.backend)
