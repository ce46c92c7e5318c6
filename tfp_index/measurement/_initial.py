"""Which initial stock a specification asks for, series by series."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels import initial_stock as kernel
from tfp_index.kernels.capital import left_of_new, steady_vintages
from tfp_index.kernels.prices import deflate
from tfp_index.measurement._ageing import Ageing, artificial_periods, by_item
from tfp_index.measurement._guards import series_name
from tfp_index.measurement._series import DenseSeries
from tfp_index.panel.figures import figures

if TYPE_CHECKING:
    from tfp_index.measurement.perpetual_inventory import PerpetualInventory

__all__ = [
    "METHODS",
    "NO_FIGURE",
    "REASONS",
    "InitialStocks",
    "initial_stocks",
    "refuse_initial",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

METHODS = (
    "given",
    "steady_state",
    "harberger",
    "nehru_dhareshwar",
    "kamps",
    "berlemann_wesselhoeft",
    "fixed_ratio",
)
NOT_GIVEN, NO_FIGURE = 4, 5
REASONS = {
    kernel.DENOMINATOR: "initial stock: growth plus depreciation is not above zero",
    kernel.NOT_POSITIVE: "initial stock: the figures it rests on are not above zero",
    kernel.TOO_SHORT: "initial stock: fewer than two periods",
    NOT_GIVEN: "initial stock: none given for the first period",
    NO_FIGURE: "no investment in the series",
}
_REMEDIES = {
    kernel.DENOMINATOR: "give growth= as a number or as the role of output, or another initial=",
    kernel.NOT_POSITIVE: "start the series later, average more periods (initial='harberger'), or "
    "give the stock",
    kernel.TOO_SHORT: "give growth= as a number, or initial='fixed_ratio' or 'given'",
    NOT_GIVEN: "fill the role in the first period with investment",
    NO_FIGURE: "remove the series",
}


@dataclass(frozen=True)
class InitialStocks:
    """The beginning of each series.

    Attributes
    ----------
    stock, net : (g,) float array
        Productive and net stock; NaN where they do not exist.
    at_end : (g,) bool array
        Whether the stock stands at the end of the first period rather than before it.
    level, growth : (g,) float array
        Investment of the first period on the smooth path, and the growth of that path.
    status : (g,) int8 array
        0, or the reason why there is no stock.
    given : (g,) bool array
        Series that start from `initial_stock`.
    """

    stock: Floats
    net: Floats
    at_end: Flags
    level: Floats
    growth: Floats
    status: NDArray[np.int8]
    given: Flags


def initial_stocks(
    spec: PerpetualInventory,
    dense: DenseSeries,
    flow: Floats,
    ageing: Ageing,
    price: Floats | None,
) -> InitialStocks:
    """Find the beginning of every series by the method of the specification."""
    groups = dense.offsets.shape[0] - 1
    missing = np.full(groups, np.nan)
    nothing = InitialStocks(
        stock=missing,
        net=missing,
        at_end=np.zeros(groups, bool),
        level=missing,
        growth=missing,
        status=np.zeros(groups, np.int8),
        given=np.zeros(groups, bool),
    )
    if spec.initial == "given":
        found = replace(nothing, status=np.full(groups, NOT_GIVEN, np.int8))
    elif spec.initial == "fixed_ratio":
        found = _fixed_ratio(spec, dense, nothing, price)
    else:
        found = _from_path(spec, dense, flow, ageing, nothing)
    if spec.initial_stock is not None:
        found = _given(spec, dense, found, price)
    found = _structure(spec, dense, flow, ageing, found)
    empty = np.diff(dense.offsets) == 0
    status = np.where(empty, NO_FIGURE, found.status).astype(np.int8)
    bad = status != 0
    return replace(
        found,
        status=status,
        stock=np.where(bad, np.nan, found.stock),
        net=np.where(bad, np.nan, found.net),
    )


def _growth(
    spec: PerpetualInventory, dense: DenseSeries, flow: Floats, window: int | None
) -> tuple[Floats, NDArray[np.int8]]:
    """Growth of the path before the first period, by the option `growth`."""
    groups = dense.offsets.shape[0] - 1
    if isinstance(spec.growth, (int, float)):
        return np.full(groups, float(spec.growth)), np.zeros(groups, np.int8)
    values = flow if spec.growth is None else dense.gather(figures(dense.panel, spec.growth))
    return kernel.mean_growth(values, dense.offsets, window)


def _from_path(
    spec: PerpetualInventory,
    dense: DenseSeries,
    flow: Floats,
    ageing: Ageing,
    nothing: InitialStocks,
) -> InitialStocks:
    offsets = dense.offsets
    first = kernel.first_values(flow, offsets)
    if spec.initial == "kamps":
        return _kamps(spec, dense, first, ageing, nothing)
    if spec.initial == "berlemann_wesselhoeft":
        path = kernel.log_trend(flow, offsets)
        level, growth, status = path.level, path.growth, path.status
    elif spec.initial == "nehru_dhareshwar":
        path = kernel.log_trend(flow, offsets)
        growth, status = _growth(spec, dense, flow, None)
        level, status = path.level, np.where(path.status != 0, path.status, status)
    elif spec.initial == "harberger":
        growth, status = _growth(spec, dense, flow, spec.window)
        known = np.where(np.isnan(growth), 0.0, growth)
        level = kernel.window_level(flow, known, offsets, spec.window)
    else:
        growth, status = _growth(spec, dense, flow, None)
        level = first
    if ageing.profiles:  # the vintages of a finite life always have a sum
        states = np.where(level > 0.0, kernel.OK, kernel.NOT_POSITIVE)
        stock = net = nothing.stock
    else:
        delta = ageing.first_delta(dense)
        stock, states = kernel.steady_state_stock(level, growth, delta)
        stock *= left_of_new(1.0 - delta, spec.timing)  # type: ignore[arg-type]
        net = stock
    status = np.where(status != 0, status, states).astype(np.int8)
    return replace(nothing, stock=stock, net=net, level=level, growth=growth, status=status)


def _kamps(
    spec: PerpetualInventory,
    dense: DenseSeries,
    first: Floats,
    ageing: Ageing,
    nothing: InitialStocks,
) -> InitialStocks:
    status = np.where(first > 0.0, kernel.OK, kernel.NOT_POSITIVE).astype(np.int8)
    stock = nothing.stock
    if not ageing.profiles:
        years = artificial_periods(spec, dense)
        delta = ageing.first_delta(dense)
        stock = kernel.backcast_stock(first, spec.backcast_growth, delta, years)
        stock *= left_of_new(1.0 - delta, spec.timing)  # type: ignore[arg-type]
    growth = np.full(first.shape[0], spec.backcast_growth)
    return replace(nothing, stock=stock, net=stock, level=first, growth=growth, status=status)


def _first_of_role(dense: DenseSeries, role: str) -> Floats:
    row = dense.first_rows
    return np.where(row >= 0, figures(dense.panel, role)[row], np.nan)


def _at_constant_prices(
    spec: PerpetualInventory, dense: DenseSeries, values: Floats, price: Floats | None
) -> Floats:
    if price is None or spec.initial_prices == "constant":
        return values
    row = dense.first_rows
    return deflate(values, np.where(row >= 0, price[row], np.nan))


def _fixed_ratio(
    spec: PerpetualInventory,
    dense: DenseSeries,
    nothing: InitialStocks,
    price: Floats | None,
) -> InitialStocks:
    groups = nothing.stock.shape[0]
    if spec.ratio_to == spec.investment:
        size = kernel.first_values(dense.values, dense.offsets)
    else:
        size = _at_constant_prices(spec, dense, _first_of_role(dense, spec.ratio_to), price)
    stock = by_item(dense.panel, spec.ratio, "ratio") * size
    status = np.where(stock > 0.0, kernel.OK, kernel.NOT_POSITIVE).astype(np.int8)
    at_end = np.full(groups, spec.initial_at != "before")
    return replace(nothing, stock=stock, net=stock, status=status, at_end=at_end, level=size)


def _given(
    spec: PerpetualInventory, dense: DenseSeries, found: InitialStocks, price: Floats | None
) -> InitialStocks:
    if isinstance(spec.initial_stock, str):
        stock = _first_of_role(dense, spec.initial_stock)
    else:
        stock = np.full(found.stock.shape[0], float(spec.initial_stock))
    stock = _at_constant_prices(spec, dense, stock, price)
    there = np.isfinite(stock)
    negative = there & (stock < 0.0)
    status = np.where(there, kernel.OK, found.status)
    return replace(
        found,
        stock=np.where(there, stock, found.stock),
        net=np.where(there, stock, found.net),
        at_end=np.where(there, spec.initial_at != "before", found.at_end),
        status=np.where(negative, kernel.NOT_POSITIVE, status).astype(np.int8),
        given=there,
    )


def _structure(
    spec: PerpetualInventory,
    dense: DenseSeries,
    flow: Floats,
    ageing: Ageing,
    found: InitialStocks,
) -> InitialStocks:
    """With an age profile, the stock and net stock that the path before the first period leaves.

    A given stock or fixed ratio says how much there is but not how old it is: its vintages are
    those of a path that grows at g.
    """
    if not ageing.profiles:
        return found
    growth, status = found.growth, found.status
    bare = np.isnan(growth) & (status == kernel.OK)
    if bare.any():
        own, own_status = _growth(spec, dense, flow, None)
        growth = np.where(bare, own, growth)
        status = np.where(bare, own_status, status).astype(np.int8)
    years = artificial_periods(spec, dense) if spec.initial == "kamps" else None
    stock, net = found.stock.copy(), found.net.copy()
    for k, members in ageing.members():
        g = np.where(np.isnan(growth[members]), 0.0, growth[members])
        reach = None if years is None else years[members]
        efficiency, value = (
            steady_vintages(profile, g, 0, reach)[:, 0] for profile in ageing.profiles[k]
        )
        own = np.isnan(stock[members])
        stock[members] = np.where(own, found.level[members] * efficiency, stock[members])
        worn = value / np.where(efficiency > 0.0, efficiency, np.nan)
        net[members] = stock[members] * worn
    return replace(found, stock=stock, net=net, growth=growth, status=status)


def refuse_initial(dense: DenseSeries, start: InitialStocks) -> None:
    """Raise at the first series whose initial stock does not exist.

    Raises
    ------
    DataError
    """
    bad = np.flatnonzero(start.status)
    if not bad.size:
        return
    series = int(bad[0])
    code = int(start.status[series])
    row = int(dense.first_rows[series])
    row = row if row >= 0 else int(dense.panel.offsets[series])
    entity, time = series_name(dense.panel, row)
    figures = {
        "growth": start.growth[series],
        "first investment on the path": start.level[series],
    }
    said = ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if value == value)
    raise DataError(
        f"{REASONS[code]} in {bad.size} series, first here" + (f" ({said})" if said else ""),
        code="no_initial_stock",
        column=dense.panel.names.get("investment"),
        entity=entity,
        time=time,
        remedy=f"{_REMEDIES[code]}; or invalid='missing' to leave such series out",
    )
