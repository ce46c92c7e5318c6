"""How the assets of a panel age: a rate for each row, or a profile for each asset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, nearest
from tfp_index.kernels import capital as kernel
from tfp_index.measurement._guards import series_name
from tfp_index.measurement._series import DenseSeries
from tfp_index.panel.figures import figures
from tfp_index.panel.panel import Panel

if TYPE_CHECKING:
    from tfp_index.measurement._initial import InitialStocks
    from tfp_index.measurement.perpetual_inventory import PerpetualInventory

__all__ = ["Ageing", "ageing_of", "artificial_periods", "by_item", "depreciation_rows"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def by_item(panel: Panel, value: Any, option: str) -> Floats:
    """Return a number for each series of the panel: the same, or that of its item.

    Raises
    ------
    DataError
        If numbers are given by item and the panel has no items, or lacks one.
    """
    groups = panel.offsets.shape[0] - 1
    if not isinstance(value, Mapping):
        return np.full(groups, float(value))
    if panel.item is None:
        raise DataError(
            f"{option}= is given for each asset, and the panel has no item",
            code="missing_item",
            expected="item= in Panel.from_frame",
        )
    codes = panel.item.codes[panel.offsets[:-1]]
    used = np.unique(codes)
    labels = [str(panel.item.labels[code]) for code in used.tolist()]
    absent = [label for label in labels if label not in value]
    if absent:
        raise DataError(
            f"{option}= has no number for {absent[0]!r}",
            code="unknown_item",
            column=panel.item.column,
            remedy=nearest(absent[0], value),
        )
    numbers = np.array([float(value[label]) for label in labels])
    return numbers[np.searchsorted(used, codes)]


def depreciation_rows(panel: Panel, depreciation: Any) -> Floats | float:
    """Return the depreciation rate of the panel's rows, or one number for all.

    Raises
    ------
    DataError
        If a role holds a rate outside 0 to 1.
    """
    if isinstance(depreciation, str):
        rates = figures(panel, depreciation)
        bad = np.flatnonzero((rates < 0.0) | (rates > 1.0))
        if bad.size:
            entity, time = series_name(panel, int(bad[0]))
            raise DataError(
                f"the depreciation rate is {rates[bad[0]]:g} in {bad.size} row(s), first here",
                code="rate_out_of_range",
                column=panel.names[depreciation],
                entity=entity,
                time=time,
                expected="a rate from 0 to 1, not percent",
            )
        return rates
    if isinstance(depreciation, Mapping):
        return np.repeat(by_item(panel, depreciation, "depreciation"), np.diff(panel.offsets))
    return float(depreciation)


@dataclass(frozen=True, eq=False)
class Ageing:
    """Decay of every series.

    Attributes
    ----------
    delta : (m,) float array or float
        Depreciation rates of the dense rows (geometric).
    profiles : tuple of (efficiency, price) arrays by age
        Empty for geometric decay.
    of_series : (g,) int array
        Profile of each series.
    """

    delta: Floats | float
    profiles: tuple[tuple[Floats, Floats], ...]
    of_series: Ints

    def first_delta(self, dense: DenseSeries) -> Floats:
        """(g,) depreciation rate in the first period of each series."""
        filled = np.diff(dense.offsets) > 0
        if isinstance(self.delta, float):
            return np.full(filled.shape[0], self.delta)
        rates = np.full(filled.shape[0], np.nan)
        rates[filled] = self.delta[dense.offsets[:-1][filled]]
        return rates

    def members(self) -> Iterator[tuple[int, Ints]]:
        """Yield each profile with its series."""
        for k in range(len(self.profiles)):
            yield k, np.flatnonzero(self.of_series == k)

    def stocks(
        self, spec: PerpetualInventory, dense: DenseSeries, flow: Floats, start: InitialStocks
    ) -> tuple[Floats, Floats]:
        """Return the productive and the net stock at the end of each dense row."""
        if not self.profiles:
            stock = kernel.geometric_stock(
                flow,
                self.delta,
                start.stock,
                dense.offsets,
                timing=spec.timing,  # type: ignore[arg-type]
                initial_at_end=start.at_end,
            )
            return stock, stock
        out = np.empty(flow.shape[0]), np.empty(flow.shape[0])
        lengths = np.diff(dense.offsets)
        for k, series in self.members():
            inner = np.concatenate(([0], np.cumsum(lengths[series])))
            shift = np.repeat(dense.offsets[:-1][series] - inner[:-1], lengths[series])
            rows = np.arange(inner[-1]) + shift
            growth = np.where(np.isnan(start.growth[series]), 0.0, start.growth[series])
            years = None
            if spec.initial == "kamps":
                years = artificial_periods(spec, dense)[series]
            horizon = int(lengths[series].max(initial=0))
            for target, profile, initial in zip(
                out, self.profiles[k], (start.stock, start.net), strict=True
            ):
                W = kernel.steady_vintages(profile, growth, horizon, years)
                W0 = np.where(W[:, :1] > 0.0, W[:, :1], np.nan)
                target[rows] = kernel.vintage_stock(
                    flow[rows],
                    profile,
                    initial[series],
                    W / W0,
                    inner,
                    initial_at_end=start.at_end[series],
                )
        return out


def artificial_periods(spec: PerpetualInventory, dense: DenseSeries) -> Floats:
    """(g,) periods between the year `backcast_from` and the first period of each series.

    Raises
    ------
    DataError
        If the panel's calendar does not count years.
    """
    panel = dense.panel
    if panel.keys.calendar.frequency not in ("integer", "year"):
        raise DataError(
            "initial='kamps' goes back to a year, and this panel counts "
            f"{panel.keys.calendar.frequency}s",
            code="not_years",
            column=panel.keys.names["time"],
        )
    row = dense.first_rows
    start = np.where(row >= 0, panel.time[row], spec.backcast_from)
    periods: Floats = np.maximum(start - spec.backcast_from, 0) / float(panel.step)
    return periods


def ageing_of(spec: PerpetualInventory, dense: DenseSeries) -> Ageing:
    """Read how assets age from the specification.

    Raises
    ------
    DataError
        If a rate is missing, or outside 0 to 1.
    """
    panel = dense.panel
    groups = panel.offsets.shape[0] - 1
    if spec.profile == "geometric":
        rates = depreciation_rows(panel, spec.depreciation)
        if isinstance(rates, float):
            return Ageing(rates, (), np.zeros(groups, np.int64))
        delta = dense.gather(rates)
        if isinstance(spec.depreciation, str):
            _refuse_missing_rate(spec, dense, delta)
        return Ageing(dense.interpolated(delta), (), np.zeros(groups, np.int64))
    lives = by_item(panel, spec.life, "life")
    distinct, of_series = np.unique(lives, return_inverse=True)
    profiles = tuple(_profile(spec, float(life)) for life in distinct.tolist())
    return Ageing(0.0, profiles, of_series.reshape(-1).astype(np.int64))


def _refuse_missing_rate(spec: PerpetualInventory, dense: DenseSeries, delta: Floats) -> None:
    row = np.arange(delta.shape[0]) if dense.rows is None else dense.rows
    bad = row[np.isnan(delta) & (row >= 0)]
    if bad.size:
        entity, time = series_name(dense.panel, int(bad[0]))
        raise DataError(
            f"the depreciation rate is missing in {bad.size} row(s), first here",
            code="missing_value",
            column=dense.panel.names[spec.depreciation],
            entity=entity,
            time=time,
            expected="a rate in every period of the series",
        )


def _profile(spec: PerpetualInventory, life: float) -> tuple[Floats, Floats]:
    lives, weights = kernel.retirement_lives(spec.retirement, life, spec.spread)  # type: ignore[arg-type]
    beta = spec.beta if spec.profile == "hyperbolic" else 0.0
    efficiency = kernel.cohort_efficiency(lives, weights, beta, spec.timing)  # type: ignore[arg-type]
    if spec.profile == "straight_line":
        return efficiency, efficiency
    # prices at whole ages; half a period on they lie half way, as in (1 − δ/2) of geometric decay
    price = kernel.age_price(kernel.cohort_efficiency(lives, weights, beta), spec.discount_rate)
    older = np.append(price[1:], 0.0)
    return efficiency, {"end": price, "mid": 0.5 * (price + older), "begin": older}[spec.timing]
