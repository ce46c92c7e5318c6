"""Capital services: assets weighed by what a unit of each costs to use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels import services as kernel
from tfp_index.measurement._ageing import depreciation_rows
from tfp_index.measurement._cells import (
    REASONS,
    Cells,
    cell_value,
    cells_of,
    chained,
    entity_means,
    growth_above_zero,
    services_sample,
)
from tfp_index.measurement._guards import refuse_logs, refuse_mixed_bases, refuse_row, require_item
from tfp_index.panel.checks import require_keys
from tfp_index.panel.figures import figures
from tfp_index.panel.keys import Keys
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, RowValues, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["CapitalServices", "CapitalServicesResult"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SMOOTHING = {"smoothed": 1, "actual": 0}


@dataclass(frozen=True, repr=False)
class CapitalServices(Specification):
    r"""Measure the services that the assets of an entity render together.

    The user cost of an asset with price p, depreciation δ and price growth π is

    .. math:: u_t = p_{t-1} i_t + δ_t p_t - π_t p_{t-1},

    (with taxes :math:`T_t(\cdot) + x_t p_t`), and services grow by
    :math:`Δ\ln K = \sum_a \bar v_a Δ\ln K_a` with :math:`v_a` the share of asset a in
    :math:`\sum_a u_a K_a`.

    Parameters
    ----------
    return_rate : {"ex_post", "ex_ante"}
        ``"ex_post"``: the internal nominal rate i at which user costs exhaust capital income in
        each entity and period. ``"ex_ante"``: i is `rate` plus `expected_inflation`; what is left
        of capital income is pure profit.
    depreciation : float, str or mapping of asset to float
        A number, a role with a rate for each row, or a rate for each asset.
    rate : float or str, optional
        For ``"ex_ante"``: a number, or a role.
    expected_inflation : float or str
        Added to `rate`, for a real rate: a number, or a role.
    capital_gains : {"smoothed", "actual", "none"}
        π: the mean of price growth in the period before, in it and after (EU KLEMS), price growth
        in the period, or 0.
    share_timing : {"average", "current", "lagged"}
        Shares of both periods (Törnqvist), of the later or of the earlier one.
    stock_timing : {"end", "average", "begin"}
        Stock that renders the services of a period: that of its end (EU KLEMS), the mean of
        beginning and end, that of its beginning.
    weight_stock : {"end", "average", "begin"}, optional
        Stock in the user cost shares; default: as `stock_timing`.
    negative : {"error", "floor", "smooth"}
        What to do with user costs that are not above zero: stop; lift those below `floor` times
        the price of the asset to that and scale all of the entity and period to the same total;
        or recompute the entity with capital gains averaged over `smooth_periods` before and
        after, and stop if that does not help.
    floor : float
        Least user cost as a share of the asset's price, with ``negative="floor"``.
    smooth_periods : int
        Periods on either side over which ``negative="smooth"`` averages.
    negative_income : {"error", "share"}
        What to do with capital income that is not above zero: stop, or replace it by
        `income_floor` times value added (EU KLEMS: 5 percent). Replaced values are counted.
    income_floor : float
        Share of value added that stands in for capital income, with ``negative_income="share"``.
    matched : {"all", "only"}
        What to do where an asset comes or goes between two periods, so that its growth does not
        exist: no growth for the entity, or growth of the assets present in both.
    missing : {"error", "missing"}
        What to do with a missing price or rate of an asset that is in use: stop, or leave the
        entity without growth there and count it.
    tax_factor, property_tax : float or str
        T and x: a number, or a role.
    capital, price, income, value_added : str
        Roles of stock, price of new assets, capital income and value added. The last two belong
        to the entity and period: repeat them in the rows of all assets or give them in one.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"industry": ["A"] * 6, "year": [2000, 2000, 2001, 2001, 2002, 2002],
    ...          "asset": ["it", "building"] * 3, "K": [10.0, 100.0, 13.0, 101.0, 16.0, 102.0],
    ...          "p": [1.0, 1.0, 0.9, 1.02, 0.8, 1.04], "surplus": [20, 20, 21, 21, 22, 22]}
    >>> panel = tfp.Panel.from_frame(frame, entity="industry", time="year", item="asset",
    ...     capital="K", columns={"price": "p", "capital_income": "surplus"})
    >>> out = tfp.CapitalServices(depreciation={"it": 0.3, "building": 0.03}).fit(panel)
    >>> out.growth.round(4), out.rate.round(4)
    (array([   nan,    nan, 0.0735]), array([   nan, 0.1318, 0.131 ]))
    """

    return_rate: str = "ex_post"
    depreciation: Any = field(default="depreciation", hash=False)
    rate: Any = None
    expected_inflation: Any = 0.0
    capital_gains: str = "smoothed"
    share_timing: str = "average"
    stock_timing: str = "end"
    weight_stock: str | None = None
    negative: str = "error"
    floor: float = 0.001
    smooth_periods: int = 5
    negative_income: str = "error"
    income_floor: float = 0.05
    matched: str = "all"
    missing: str = "error"
    tax_factor: Any = 1.0
    property_tax: Any = 0.0
    capital: str = "capital"
    price: str = "price"
    income: str = "capital_income"
    value_added: str = "value_added"

    def __post_init__(self) -> None:
        stocks = ("end", "average", "begin")
        choose(self, "return_rate", ("ex_post", "ex_ante"))
        choose(self, "capital_gains", ("smoothed", "actual", "none"))
        choose(self, "share_timing", ("average", "current", "lagged"))
        choose(self, "stock_timing", stocks)
        choose(self, "weight_stock", (None, *stocks))
        choose(self, "negative", ("error", "floor", "smooth"))
        choose(self, "negative_income", ("error", "share"))
        choose(self, "matched", ("all", "only"))
        choose(self, "missing", ("error", "missing"))
        if self.return_rate == "ex_ante" and self.rate is None:
            self._refuse("rate", "return_rate='ex_ante' needs rate=", "a number or a role")
        if self.return_rate == "ex_post" and self.rate is not None:
            self._refuse("rate", "return_rate='ex_post' finds the rate; rate= has no use")
        for option in ("floor", "income_floor"):
            if not 0 < getattr(self, option) < 1:
                self._refuse(option, f"{option}={getattr(self, option)!r}", "between 0 and 1")
        if not (isinstance(self.smooth_periods, int) and self.smooth_periods >= 1):
            self._refuse("smooth_periods", f"smooth_periods={self.smooth_periods!r}", "from 1")
        self._check_depreciation()

    def _check_depreciation(self) -> None:
        value = self.depreciation
        if isinstance(value, Mapping):
            value = {str(k): v for k, v in value.items()}
            object.__setattr__(self, "depreciation", value)
        numbers = value.values() if isinstance(value, dict) else [value]
        for number in numbers:
            if isinstance(value, str):
                return
            if not isinstance(number, (int, float)) or not 0 <= number <= 1:
                self._refuse("depreciation", f"depreciation={value!r}", "rates from 0 to 1")

    def fit(self, panel: Panel) -> CapitalServicesResult:
        """Find user costs and the growth of services.

        Parameters
        ----------
        panel : Panel
            One row per entity, period and asset (``item=``), with the roles named above.

        Returns
        -------
        CapitalServicesResult

        Raises
        ------
        DataError
            If keys are missing or repeated, a role is absent, a price or rate of an asset in use
            is missing, capital income is not above zero, or a user cost is not above zero.
        """
        require_keys(panel)
        require_item(panel, "asset")
        refuse_mixed_bases(panel)
        refuse_logs(panel, "capital services")
        cells = cells_of(panel)
        notes: dict[str, int] = {}
        assets = self._assets(panel, cells)
        income = self._income(panel, cells, notes)
        rate, cost = self._user_costs(panel, cells, assets, income, notes)
        newly = (assets.weight > 0.0) & (cells.lag < 0) & (cells.previous[cells.cell] >= 0)
        notes["assets in use without a price one period earlier"] = int(newly.sum())
        value = np.where(assets.weight == 0.0, 0.0, cost * assets.weight)
        grown = kernel.service_growth(
            assets.stock,
            value,
            cells.cell,
            cells.lag,
            cells.previous,
            timing=self.share_timing,  # type: ignore[arg-type]
            matched_only=self.matched == "only",
        )
        sample, status = services_sample(panel, cells, grown, notes)
        return CapitalServicesResult(
            spec=self,
            record=record_of(self, panel, sample),
            keys=cells.keys,
            growth=grown.growth,
            stock=kernel.cell_sums(assets.stock, cells.cell, cells.count),
            rate=rate,
            capital_cost=grown.value,
            capital_income=income,
            status=status,
            asset_keys=panel.keys,
            user_cost=cost,
            cost_share=grown.share,
            contribution=grown.contribution,
            previous=cells.previous,
        )

    def _stock(self, panel: Panel, cells: Cells, timing: str) -> Floats:
        end = figures(panel, self.capital)
        if timing == "end":
            return end
        begin = np.where(cells.lag >= 0, end[cells.lag], np.nan)
        return begin if timing == "begin" else 0.5 * (begin + end)

    def _assets(self, panel: Panel, cells: Cells) -> _Assets:
        stock = figures(panel, self.capital)
        names = panel.names
        refuse_row(
            panel, np.flatnonzero(stock < 0.0), "the stock is negative", code="negative_stock",
            column=names[self.capital], expected="stocks not below zero",
            remedy="correct them; panel.check() lists such rows",
        )  # fmt: skip
        price = figures(panel, self.price)
        refuse_row(
            panel, np.flatnonzero((price <= 0.0) & (stock > 0.0)), "the price is not above zero",
            code="non_positive", column=names[self.price], expected="prices above zero",
            remedy="correct them; for an asset that is not in use leave stock and price empty or 0",
        )  # fmt: skip
        # an asset that is not there has no price; zero would divide
        price = np.where(price > 0.0, price, np.nan)
        depreciation = depreciation_rows(panel, self.depreciation)
        delta = np.broadcast_to(np.asarray(depreciation, np.float64), stock.shape)
        if self.missing == "error":
            lacking = (stock > 0.0) & (np.isnan(price) | np.isnan(delta))
            refuse_row(
                panel, np.flatnonzero(lacking | np.isnan(stock)),
                "the stock, price or depreciation rate of an asset is missing",
                code="missing_value", column=names[self.price],
                expected="a price and a rate wherever there is a stock",
                remedy="fill them, or missing='missing' to leave the entity out there",
            )  # fmt: skip
        weight = self._stock(panel, cells, self.weight_stock or self.stock_timing)
        return _Assets(
            stock=self._stock(panel, cells, self.stock_timing),
            weight=weight,
            price=price,
            delta=delta,
            tax_factor=self._number(panel, self.tax_factor),
            property_tax=self._number(panel, self.property_tax),
        )

    @staticmethod
    def _number(panel: Panel, option: Any) -> Floats | float:
        return figures(panel, option) if isinstance(option, str) else float(option)

    def _income(self, panel: Panel, cells: Cells, notes: dict[str, int]) -> Floats:
        if self.return_rate == "ex_ante" and self.income not in panel:
            return np.full(cells.count, np.nan)
        income = cell_value(panel, cells, self.income)
        low = np.flatnonzero(income <= 0.0)
        if not low.size or self.return_rate == "ex_ante":
            return income
        if self.negative_income == "error":
            entity, time = cells.keys.where(int(low[0]))
            raise DataError(
                f"capital income is {income[low[0]]:.4g} in {low.size} case(s), first here; no "
                "rate of return can exhaust it with user costs above zero",
                code="negative_income",
                column=panel.names[self.income],
                entity=entity,
                time=time,
                remedy="check the income of the self-employed in labor's share, or "
                "negative_income='share', which takes a small share of value added",
            )
        added = cell_value(panel, cells, self.value_added)
        share = f"{self.income_floor:.0%} of value added"
        notes[f"capital income not above zero, replaced by {share}"] = int(low.size)
        return np.where(income <= 0.0, self.income_floor * added, income)

    def _user_costs(
        self, panel: Panel, cells: Cells, assets: _Assets, income: Floats, notes: dict[str, int]
    ) -> tuple[Floats, Floats]:
        half = _SMOOTHING.get(self.capital_gains)
        gains = np.where(cells.lag >= 0, 0.0, np.nan)
        if half is not None:
            gains = kernel.price_growth(assets.price, cells.lag, half)
        rate, cost = self._rental(panel, cells, assets, income, gains)
        low = (cost <= 0.0) & (assets.weight > 0.0)
        if not low.any():
            return rate, cost
        if self.negative == "floor":
            lifted = kernel.floor_user_cost(
                cost, assets.weight, assets.price, cells.cell, cells.count, self.floor
            )
            notes["user costs not above zero, lifted to the floor"] = int(low.sum())
            cost, low = lifted, (lifted <= 0.0) & (assets.weight > 0.0)
        elif self.negative == "smooth":
            touched = np.zeros(panel.n_entities, bool)
            touched[panel.entity_codes[low]] = True
            longer = kernel.price_growth(assets.price, cells.lag, self.smooth_periods)
            gains = np.where(touched[panel.entity_codes], longer, gains)
            rate, cost = self._rental(panel, cells, assets, income, gains)
            notes["entities with capital gains smoothed over more periods"] = int(touched.sum())
            low = (cost <= 0.0) & (assets.weight > 0.0)
        refuse_row(
            panel, np.flatnonzero(low), "the user cost is not above zero",
            code="negative_user_cost", column=panel.names[self.price],
            expected="price growth below the rate of return plus depreciation",
            remedy="negative='floor' or 'smooth', capital_gains='none', or return_rate='ex_ante'",
        )  # fmt: skip
        return rate, cost

    def _rental(
        self, panel: Panel, cells: Cells, assets: _Assets, income: Floats, gains: Floats
    ) -> tuple[Floats, Floats]:
        """Nominal rate of every cell, and user cost of every row."""
        taxes = (assets.tax_factor, assets.property_tax)
        if self.return_rate == "ex_post":
            rate = kernel.internal_rate(
                income, assets.weight, assets.price, cells.lag, cells.cell, assets.delta, gains,
                *taxes,
            )  # fmt: skip
        else:
            rate = np.zeros(cells.count)
            for option in (self.rate, self.expected_inflation):
                rate = rate + (
                    cell_value(panel, cells, option) if isinstance(option, str) else float(option)
                )
        cost = kernel.user_cost(
            rate[cells.cell], assets.price, cells.lag, assets.delta, gains, *taxes
        )
        return rate, cost


@dataclass(frozen=True, slots=True)
class _Assets:
    """Columns of the asset rows."""

    stock: Floats
    weight: Floats
    price: Floats
    delta: Floats
    tax_factor: Floats | float
    property_tax: Floats | float


@dataclass(frozen=True, eq=False, repr=False)
class CapitalServicesResult(Result):
    """Services of capital by entity and period; made by `CapitalServices.fit`.

    Attributes
    ----------
    growth : (c,) float array
        Log growth of services, one entry per entity and period (``keys``); NaN with a reason.
    stock : (c,) float array
        Sum of the stocks, in the prices they are measured in.
    rate : (c,) float array
        Nominal rate of return.
    capital_cost, capital_income : (c,) float array
        Σ u K, and the income it is compared with; equal for the ex-post rate.
    user_cost, cost_share, contribution : (n,) float array
        By asset row (``asset_keys``): rental price of a unit, share in capital cost, and part in
        the growth of services.
    status : (c,) int8 array
    """

    spec: CapitalServices
    growth: Floats
    stock: Floats
    rate: Floats
    capital_cost: Floats
    capital_income: Floats
    status: NDArray[np.int8]
    asset_keys: Keys
    user_cost: Floats
    cost_share: Floats
    contribution: Floats
    previous: Ints

    @property
    def stock_growth(self) -> Floats:
        """(c,) log growth of the sum of the stocks."""
        return growth_above_zero(self.stock, self.previous)

    @property
    def composition(self) -> Floats:
        """(c,) growth of services beyond that of the stock: a shift to assets that cost more."""
        return self.growth - self.stock_growth

    @property
    def profit(self) -> Floats:
        """(c,) capital income less capital cost; zero for the ex-post rate."""
        return self.capital_income - self.capital_cost

    def index(self, base: Any = None, value: float = 1.0) -> RowValues:
        """Return the chained index of services.

        Parameters
        ----------
        base : period, optional
            Period at which the index is `value`; default: the start of each entity's growth.
        value : float

        Returns
        -------
        RowValues
            With the column ``capital_services``.
        """
        chain = chained(self.keys, self.growth, base, value)
        return RowValues(self.keys, {"capital_services": chain}, title="Capital services")

    def assets(self) -> RowValues:
        """Return user cost, cost share and contribution to growth of every asset row."""
        values = {
            "user_cost": self.user_cost,
            "cost_share": self.cost_share,
            "contribution": self.contribution,
        }
        return RowValues(self.asset_keys, values, title="Assets")

    def to_frame(self, backend: str | None = None, *, reasons: bool = False) -> Any:
        """Return one row per entity and period, in the caller's frame library.

        Columns: the keys, ``capital_services`` (index, 1 at the start), ``growth``,
        ``stock``, ``stock_growth``, ``composition``, ``rate_of_return``, ``capital_cost``,
        ``capital_income`` and, with `reasons`, why growth is missing.
        """
        values: dict[str, NDArray[Any]] = {
            "capital_services": chained(self.keys, self.growth),
            "growth": self.growth,
            "stock": self.stock,
            "stock_growth": self.stock_growth,
            "composition": self.composition,
            "rate_of_return": self.rate,
            "capital_cost": self.capital_cost,
            "capital_income": self.capital_income,
        }
        if reasons:
            values["reason"] = np.array([REASONS.get(c, "") for c in self.status.tolist()], object)
        return self.keys.to_frame(values, backend)

    def tidy(self) -> Table:
        """Return one row per entity: mean growth of services, stock and composition, and rate."""
        columns = {
            "growth": self.growth,
            "stock_growth": np.where(np.isfinite(self.growth), self.stock_growth, np.nan),
            "composition": self.composition,
            "rate_of_return": self.rate,
        }
        return entity_means(self.keys, columns, title="Capital services, means over periods")

    def glance(self) -> Table:
        """Return one row: entities, assets, entity–periods with growth, and the main options."""
        item = self.asset_keys.item
        return Table(
            {
                "entities": np.array([self.keys.entity_labels.shape[0]]),
                "assets": np.array([len(item) if item is not None else 0]),
                "periods_with_growth": np.array([int(np.isfinite(self.growth).sum())]),
                "return_rate": [self.spec.return_rate],
                "capital_gains": [self.spec.capital_gains],
                "share_timing": [self.spec.share_timing],
                "stock_timing": [self.spec.stock_timing],
            },
            title="Capital services",
            backend=self.keys.backend,
        )
