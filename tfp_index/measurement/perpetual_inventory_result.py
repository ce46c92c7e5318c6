"""What the perpetual inventory gives back: stocks by row, and where each series began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.measurement._initial import REASONS, InitialStocks
from tfp_index.measurement._series import series_columns
from tfp_index.panel.table import Table
from tfp_index.results.result import Result

if TYPE_CHECKING:
    from tfp_index.measurement.perpetual_inventory import PerpetualInventory

__all__ = ["PerpetualInventoryResult"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class PerpetualInventoryResult(Result):
    """Capital stocks of every row; made by `PerpetualInventory.fit`.

    Attributes
    ----------
    capital : (n,) float array
        Productive stock at the end of the period, in panel order; NaN where there is none.
    net_capital : (n,) float array
        Net (wealth) stock; equal to `capital` for geometric decay.
    capital_begin : (n,) float array
        Productive stock at the beginning of the period, K_{t−1}; NaN in the first period when the
        series starts from a stock at its end.
    consumption : (n,) float array
        Consumption of fixed capital, net stock at the beginning plus investment less net stock at
        the end.
    investment : (n,) float array
        Investment at the prices of the stock, as it went in (before gaps were filled).
    start : InitialStocks
        ``stock``, ``level``, ``growth``, ``at_end``, … of each series.
    """

    spec: PerpetualInventory
    capital: Floats
    net_capital: Floats
    capital_begin: Floats
    consumption: Floats
    investment: Floats
    start: InitialStocks

    @property
    def capital_average(self) -> Floats:
        """(n,) mean of the productive stock at the beginning and the end of the period."""
        mean: Floats = 0.5 * (self.capital_begin + self.capital)
        return mean

    def to_frame(self, backend: str | None = None) -> Any:
        """Return every row in the caller's order and frame library.

        Columns: the keys, ``capital``, ``net_capital``, ``capital_begin``, ``consumption`` and
        ``investment`` (at the prices of the stock).
        """
        values = {
            "capital": self.capital,
            "net_capital": self.net_capital,
            "capital_begin": self.capital_begin,
            "consumption": self.consumption,
            "investment": self.investment,
        }
        return self.keys.to_frame(values, backend)

    def tidy(self) -> Table:
        """Return one row per series: where it began and by what figures.

        Columns: the keys of the series, ``initial_stock``, ``stands`` (before the first period or
        at its end), ``first_investment`` and ``growth`` of the path before (missing for a method
        that has none), ``method``, ``reason`` (why there is no stock).
        """
        start = self.start
        columns = series_columns(self.keys) | {
            "initial_stock": start.stock,
            "stands": np.where(start.at_end, "end of first period", "before first period"),
            "first_investment": start.level,
            "growth": start.growth,
            "method": np.where(start.given, "given", self.spec.initial),
            "reason": np.array([REASONS.get(c, "") for c in start.status.tolist()], object),
        }
        return Table(columns, title="Initial stocks", backend=self.keys.backend)

    def glance(self) -> Table:
        """Return one row: series, those with a stock, years, method and decay."""
        known = np.isfinite(self.capital)
        time = self.keys.calendar.label(np.unique(self.keys.time[known]))
        return Table(
            {
                "series": np.array([self.start.stock.shape[0]]),
                "series_with_stock": np.array([int((self.start.status == 0).sum())]),
                "first": [time[0] if time.size else None],
                "last": [time[-1] if time.size else None],
                "initial": [self.spec.initial],
                "profile": [self.spec.profile],
                "timing": [self.spec.timing],
            },
            title="Perpetual inventory",
            backend=self.keys.backend,
        )
