"""What `BilateralIndex` gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.index_formulas import OK, REASONS
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, RowValues

__all__ = ["WHY", "BilateralIndexResult"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]

UNMATCHED, UNKNOWN, FIRST, GAP, NO_BASE, UNLINKED = 11, 12, 13, 14, 15, 16
WHY = MappingProxyType(
    {
        **REASONS,
        UNMATCHED: "a product is in only one of the two situations",
        UNKNOWN: "a price or quantity is missing",
        FIRST: "nothing before it to compare with",
        GAP: "the period before it is missing",
        NO_BASE: "the base is missing",
        UNLINKED: "a link between it and the base is missing",
    }
)
"""Why an index is missing, by code."""


@dataclass(frozen=True, eq=False, repr=False)
class BilateralIndexResult(Result):
    """Bilateral indices of every situation.

    Attributes
    ----------
    formula, kind : str
    index : mapping of name to (n,) float array
        ``quantity_index`` or ``price_index`` of a long panel; of a wide one
        ``output_quantity_index``, ``input_quantity_index`` (or ``…_price_index``), and
        ``tfp_index`` where asked for. NaN where there is none.
    coverage : mapping of name to (n,) float array
        With ``unmatched="drop"``: the share of the matched products in the value of the two
        situations compared, the lower of the two.
    status : (n,) int8 array
        Why an index is missing; `reasons` says it in words.
    step : int
        Calendar numbers from one period to the next.
    """

    formula: str
    kind: str
    index: Mapping[str, Floats]
    coverage: Mapping[str, Floats]
    status: Codes
    step: int

    def __getitem__(self, name: str) -> Floats:
        return self.index[name]

    @property
    def reasons(self) -> NDArray[Any]:
        """(n,) why each index is missing, in words; empty where it is not."""
        words = np.array([WHY.get(code, "") for code in range(max(WHY) + 1)], object)
        return np.asarray(words[self.status])

    @property
    def values(self) -> RowValues:
        """All columns by situation."""
        columns = {**self.index, **self.coverage, "status": self.reasons}
        return RowValues(self.keys, columns, self.spec.describe())

    def to_frame(self, backend: str | None = None) -> Any:
        """Return keys, indices and status in the caller's frame library.

        In the caller's row order where the panel is wide; a row per entity and period where it is
        long.
        """
        return self.values.to_frame(backend)

    def growth(self) -> RowValues:
        """Return ``ln I_t − ln I_{t−1}`` of every index, from one period to the next."""
        step = np.diff(self.keys.time, prepend=0)
        first = np.zeros(step.shape[0], bool)
        first[self.keys.offsets[:-1]] = True
        columns = {}
        for name, index in self.index.items():
            log_index = np.log(index)
            change = np.diff(log_index, prepend=np.nan)
            change[first | (step != self.step)] = np.nan
            columns[name.replace("_index", "_growth")] = change
        return RowValues(self.keys, columns, "log change of the indices")

    def tidy(self) -> Table:
        """Return keys, indices and status as a table."""
        return self.values.table()

    def glance(self) -> Table:
        """Return the formula, the numbers of situations, and mean log growth of each index."""
        columns: dict[str, Any] = {
            "formula": [self.formula],
            "kind": [self.kind],
            "situations": [self.status.shape[0]],
            "without_index": [int(np.count_nonzero(self.status != OK))],
        }
        for name, change in self.growth().values.items():
            known = change[np.isfinite(change)]
            columns[f"mean_{name}"] = [float(known.mean()) if known.size else np.nan]
        return Table(columns, title="Bilateral index", backend=self.keys.backend)
