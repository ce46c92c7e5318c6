"""Capital stocks by the perpetual inventory method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels.groups import group_sums
from tfp_index.kernels.prices import deflate, rebase
from tfp_index.measurement._ageing import ageing_of
from tfp_index.measurement._guards import refuse_logs, refuse_mixed_bases, series_name
from tfp_index.measurement._initial import (
    METHODS,
    NO_FIGURE,
    REASONS,
    InitialStocks,
    initial_stocks,
    refuse_initial,
)
from tfp_index.measurement._series import DenseSeries, base_rows, dense_series
from tfp_index.measurement.perpetual_inventory_result import PerpetualInventoryResult
from tfp_index.panel.checks import require_keys
from tfp_index.panel.figures import figures
from tfp_index.panel.panel import Panel
from tfp_index.results.result import Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["PerpetualInventory"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, repr=False)
class PerpetualInventory(Specification):
    r"""Accumulate investment into a capital stock.

    Geometric decay, by the time of the year at which investment arrives:

    .. math::
        K_t = (1-δ_t) K_{t-1} + I_t \;(\text{end}), \quad
        (1-δ_t) K_{t-1} + (1-\tfrac{δ_t}{2}) I_t \;(\text{mid}), \quad
        (1-δ_t)(K_{t-1} + I_t) \;(\text{begin}).

    With an age profile, productive stock :math:`\sum_a E_a I_{t-a}` with
    :math:`E_a = \sum_L f(L) \max(0, (L-a)/(L-βa))` and net stock :math:`\sum_a p_a I_{t-a}` with
    :math:`p_a` the price of the services that are left.

    Parameters
    ----------
    depreciation : float, str or mapping of item to float, optional
        Rate δ per period; the name of a role with a rate for each row; or a rate for each asset.
        Needed with ``profile="geometric"``.
    initial : str
        Where the stock begins. With ``I_1`` the first investment:

        - ``"steady_state"``: ``I_1 / (g + δ)`` before the first period, g by `growth`
        - ``"harberger"``: the same with investment averaged over the first `window` periods (and
          brought back to the first), g over that window
        - ``"nehru_dhareshwar"``: the fitted ``I_1`` of a log trend, g by `growth`
        - ``"berlemann_wesselhoeft"``: level and g both from the log trend
        - ``"kamps"``: artificial investment from the year `backcast_from`, growing at
          `backcast_growth` up to ``I_1``
        - ``"fixed_ratio"``: `ratio` times ``I_1`` (or the role `ratio_to`), at the end of the
          first period
        - ``"given"``: `initial_stock`, at the end of the first period

        The path before the first period arrives as `timing` says, too: with ``"mid"`` such a
        stock is ``(1 − δ/2) I_1 / (g + δ)``, so that steady growth stays steady.
    ratio : float or mapping of item to float, optional
        For ``"fixed_ratio"``.
    ratio_to : str
        Role that `ratio` multiplies, e.g. ``"output"`` for a capital–output ratio.
    growth : float or str, optional
        Growth g of the path before the first period: a number, or a role whose mean growth is
        taken (``"output"`` in much of the literature); default: mean growth of investment.
    window : int
        Periods that ``"harberger"`` averages, from 2; 3 to 5 is usual.
    initial_stock : float or str, optional
        The stock itself: a number, or a role read in the first period of each series. With
        another `initial`, series that have a figure there start from it.
    initial_at : {"before", "end"}, optional
        Whether a fixed ratio or given stock stands before the first period or at its end (the
        default), that period's investment included.
    initial_prices : {"constant", "current"}
        Prices of `initial_stock` and of the role `ratio_to` (if it is not investment): those of
        the base, or those of the first period, which are then deflated.
    backcast_from : int
        First artificial year of ``"kamps"``.
    backcast_growth : float
        Growth of the artificial investment of ``"kamps"``, per period.
    timing : {"end", "mid", "begin"}
        When in the period investment arrives.
    profile : {"geometric", "hyperbolic", "straight_line"}
        How assets age. ``"straight_line"`` loses the same amount each period, in efficiency and
        value alike.
    life : float or mapping of item to float, optional
        Mean service life, periods; needed unless the profile is geometric.
    beta : float
        Shape of the hyperbolic profile, at most 1: 1 is one-hoss shay, 0 a straight line.
    retirement : {"simultaneous", "normal", "lognormal", "weibull"}
        Distribution of service lives in a cohort.
    spread : float
        Its standard deviation as a share of the mean.
    discount_rate : float
        Real rate in the age-price profile of the net stock.
    investment : str
        Role of investment.
    deflator : str, optional
        Role of the price of investment; the stock is then at prices of `base`.
    base : label of a period, optional
        Period in whose prices stocks are expressed; default: where `deflator` is 1.
    gaps : {"error", "missing", "zero", "interpolate"}
        What to do with periods without investment inside a series: stop, have no stock from there
        on, take investment as zero, or interpolate it linearly. Filled periods are counted.
    invalid : {"error", "missing"}
        What to do with series whose initial stock does not exist or whose stock turns negative:
        stop, or leave them without a stock and count them.

    Notes
    -----
    The formulas of Harberger (1978), Nehru and Dhareshwar (1993), Kamps (2006) and Berlemann and
    Wesselhöft (2014) are in the form given by later literature, not checked against the printed
    sources; each is checked here against the closed form of steady growth. Kamps and Berlemann
    and Wesselhöft also let depreciation rise over time: give such a series as
    ``depreciation="role"``.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"province": ["A"] * 3, "year": [2018, 2019, 2020], "gfcf": [10.0, 12.0, 11.0]}
    >>> panel = tfp.Panel.from_frame(frame, entity="province", time="year", investment="gfcf")
    >>> spec = tfp.PerpetualInventory(depreciation=0.096, initial="fixed_ratio", ratio=10.0)
    >>> spec.fit(panel).capital.round(3)
    array([100.  , 102.4 , 103.57])
    """

    depreciation: Any = field(default=None, hash=False)
    initial: str = "steady_state"
    ratio: Any = field(default=None, hash=False)
    ratio_to: str = "investment"
    growth: Any = None
    window: int = 3
    initial_stock: Any = None
    initial_at: str | None = None
    initial_prices: str = "constant"
    backcast_from: int = 1860
    backcast_growth: float = 0.04
    timing: str = "end"
    profile: str = "geometric"
    life: Any = field(default=None, hash=False)
    beta: float = 0.5
    retirement: str = "simultaneous"
    spread: float = 0.25
    discount_rate: float = 0.04
    investment: str = "investment"
    deflator: str | None = None
    base: Any = None
    gaps: str = "error"
    invalid: str = "error"

    def __post_init__(self) -> None:
        choose(self, "initial", METHODS)
        choose(self, "initial_at", (None, "before", "end"))
        choose(self, "initial_prices", ("constant", "current"))
        choose(self, "timing", ("end", "mid", "begin"))
        choose(self, "profile", ("geometric", "hyperbolic", "straight_line"))
        choose(self, "retirement", ("simultaneous", "normal", "lognormal", "weibull"))
        choose(self, "gaps", ("error", "missing", "zero", "interpolate"))
        choose(self, "invalid", ("error", "missing"))
        self._check_decay()
        self._check_initial()
        if self.initial_prices == "current" and self.deflator is None:
            self._refuse("initial_prices", "initial_prices='current' needs deflator=", "a role")
        if self.base is not None and self.deflator is None:
            self._refuse("base", "base= needs deflator=", "the role of the price of investment")

    def _check_decay(self) -> None:
        if self.profile == "geometric":
            self._numbers("depreciation", 0.0, 1.0, role=True)
            return
        if self.depreciation is not None:
            self._refuse(
                "depreciation",
                f"profile={self.profile!r} takes its decay from life=, not from depreciation=",
            )
        self._numbers("life", 0.0, np.inf)
        if not self.beta <= 1:
            self._refuse("beta", f"beta={self.beta!r}", "at most 1")
        if not 0 < self.spread <= 0.5:
            self._refuse("spread", f"spread={self.spread!r}", "above 0, at most 0.5")
        if not self.discount_rate > -1:
            self._refuse("discount_rate", f"discount_rate={self.discount_rate!r}", "above -1")

    def _check_initial(self) -> None:
        if self.initial == "fixed_ratio":
            self._numbers("ratio", 0.0, np.inf)
        elif self.ratio is not None:
            self._refuse("ratio", f"initial={self.initial!r} has no use for ratio=")
        if self.initial == "given" and self.initial_stock is None:
            self._refuse(
                "initial_stock", "initial='given' needs initial_stock=", "a number or role"
            )
        if isinstance(self.initial_stock, (int, float)) and not self.initial_stock >= 0:
            self._refuse("initial_stock", f"initial_stock={self.initial_stock!r}", "not negative")
        if self.initial in ("berlemann_wesselhoeft", "kamps") and self.growth is not None:
            self._refuse("growth", f"initial={self.initial!r} has no use for growth=")
        if isinstance(self.growth, (int, float)) and not self.growth > -1:
            self._refuse("growth", f"growth={self.growth!r}", "above -1")
        if not (isinstance(self.window, int) and self.window >= 2):
            self._refuse("window", f"window={self.window!r}", "an integer from 2")
        if not self.backcast_growth > -1:
            self._refuse("backcast_growth", f"backcast_growth={self.backcast_growth!r}", "above -1")

    def _numbers(self, option: str, low: float, high: float, role: bool = False) -> None:
        value = getattr(self, option)
        expected = f"a number from {low:g} to {high:g}" if high < np.inf else "a number above 0"
        expected += ", or one for each asset" + (", or the name of a role" if role else "")
        if isinstance(value, str) and role:
            return
        if isinstance(value, Mapping):
            value = {str(k): v for k, v in value.items()}
            object.__setattr__(self, option, value)
        numbers = list(value.values()) if isinstance(value, dict) else [value]
        for number in numbers:
            if not isinstance(number, (int, float)) or isinstance(number, bool):
                self._refuse(option, f"{option}={value!r}", expected)
            if not (low <= number <= high) or (high == np.inf and number <= low):
                self._refuse(option, f"{option}={value!r}", expected)
        if not numbers:
            self._refuse(option, f"{option} is empty", expected)

    def fit(self, panel: Panel) -> PerpetualInventoryResult:
        """Build the stock of every entity, or of every entity and item (asset).

        Parameters
        ----------
        panel : Panel
            With the role of investment. With an item, each asset of each entity is a series.

        Returns
        -------
        PerpetualInventoryResult

        Raises
        ------
        DataError
            If keys are missing or repeated, a role is absent, investment has a gap, the initial
            stock of a series does not exist (``g + δ ≤ 0``, investment that is not positive), a
            stock turns negative, or the price base changes within a series.
        """
        require_keys(panel)
        refuse_mixed_bases(panel)
        refuse_logs(panel, "the perpetual inventory")
        price = self._price(panel)
        investment = figures(panel, self.investment)
        if price is not None:
            investment = deflate(investment, price)
        dense = dense_series(panel, investment)
        flow = self._fill(dense)
        ageing = ageing_of(self, dense)
        start = initial_stocks(self, dense, flow, ageing, price)
        if self.invalid == "error":
            refuse_initial(dense, start)
        productive, net = ageing.stocks(self, dense, flow, start)
        status = _status(dense, start, productive)
        if self.invalid == "error":
            _refuse_negative(panel, status, dense.scatter(productive))
        begin = _earlier(dense, productive, start.stock, start.at_end)
        shared = net is productive
        net_begin = begin if shared else _earlier(dense, net, start.net, start.at_end)
        consumption = net_begin + flow
        consumption -= net
        hidden = status != 0 if status.any() else None

        def on_panel(values: Floats) -> Floats:
            values = dense.scatter(values)
            return values if hidden is None else np.where(hidden, np.nan, values)

        capital = on_panel(productive)
        return PerpetualInventoryResult(
            spec=self,
            record=record_of(self, panel, _sample(panel, dense, status, start, self.gaps)),
            keys=panel.keys,
            investment=investment,
            start=start,
            capital=capital,
            net_capital=capital if shared else on_panel(net),
            capital_begin=on_panel(begin),
            consumption=on_panel(consumption),
        )

    def _price(self, panel: Panel) -> Floats | None:
        """Price of investment, 1 in the base period."""
        if self.deflator is None:
            return None
        price = figures(panel, self.deflator)
        bad = np.flatnonzero(price <= 0.0)
        if bad.size:
            entity, time = series_name(panel, int(bad[0]))
            raise DataError(
                f"the price of investment is {price[bad[0]]:g}",
                code="non_positive",
                column=panel.names[self.deflator],
                entity=entity,
                time=time,
                expected="a price above zero",
            )
        if self.base is None:
            return price
        return rebase(price, panel.offsets, base_rows(panel, self.base, price))

    def _fill(self, dense: DenseSeries) -> Floats:
        """Investment of the dense rows, with gaps dealt with as the option says."""
        gaps = dense.gaps
        if not gaps.size or self.gaps == "missing":
            return dense.values
        if self.gaps == "error":
            after = int(gaps[0])
            row = int(dense.rows[after]) if dense.rows is not None else after
            known = np.flatnonzero(dense.rows[:after] >= 0)[-1] if dense.rows is not None else after
            near = row if row >= 0 else int(dense.rows[known])  # type: ignore[index]
            entity, time = series_name(dense.panel, near)
            raise DataError(
                f"investment is missing in {gaps.size} period(s) inside its series, first "
                + ("here" if row >= 0 else "after this one"),
                code="gap",
                column=dense.panel.names[self.investment],
                entity=entity,
                time=time,
                expected="a figure for every period from the first to the last",
                remedy="add the periods, or say what they mean: gaps='zero', 'interpolate' or "
                "'missing'",
            )
        if self.gaps == "zero":
            return np.where(np.isnan(dense.values), 0.0, dense.values)
        return dense.interpolated(dense.values)


def _earlier(dense: DenseSeries, stock: Floats, initial: Floats, at_end: Flags) -> Floats:
    """Stock at the beginning of each dense row; unknown before a stock given for the end."""
    out = np.empty_like(stock)
    out[1:] = stock[:-1]
    filled = np.diff(dense.offsets) > 0
    out[dense.offsets[:-1][filled]] = np.where(at_end, np.nan, initial)[filled]
    return out


_OUTSIDE, _GAP, _NEGATIVE = 10, 11, 12
_ROW_REASONS = {
    **REASONS,
    _OUTSIDE: "before the first or after the last investment of its series",
    _GAP: "after a period without investment",
    _NEGATIVE: "the stock is negative",
}


def _status(dense: DenseSeries, start: InitialStocks, stock: Floats) -> NDArray[np.int8]:
    """(n,) 0, or why the panel's row has no stock."""
    status = np.zeros(stock.shape[0], np.int8)
    plain = dense.rows is None and not start.status.any()
    if plain and np.min(stock, initial=0.0) >= 0.0:  # and so nowhere NaN
        return status
    status[np.isnan(stock)] = _GAP
    negative = group_sums((stock < 0.0).astype(np.float64), dense.offsets) > 0.0
    ruined = np.repeat(negative, np.diff(dense.offsets))
    status[ruined] = _NEGATIVE
    code = np.repeat(start.status, np.diff(dense.offsets))
    status = np.where(code != 0, code, status).astype(np.int8)
    if dense.rows is None:
        return status
    out = np.full(dense.panel.n_rows, _OUTSIDE, np.int8)
    known = dense.rows >= 0
    out[dense.rows[known]] = status[known]
    empty = np.diff(dense.offsets) == 0
    out[np.repeat(empty, np.diff(dense.panel.offsets))] = NO_FIGURE
    return out


def _refuse_negative(panel: Panel, status: NDArray[np.int8], stock: Floats) -> None:
    rows = np.flatnonzero((status == _NEGATIVE) & (stock < 0.0))
    if rows.size:
        entity, time = series_name(panel, int(rows[0]))
        raise DataError(
            f"the stock is {stock[rows[0]]:.4g} in {rows.size} row(s), first here: more was sold "
            "than there was",
            code="negative_stock",
            column=panel.names.get("investment"),
            entity=entity,
            time=time,
            remedy="check negative investment and the initial stock, or leave such series out: "
            "invalid='missing'",
        )


def _sample(
    panel: Panel, dense: DenseSeries, status: NDArray[np.int8], start: InitialStocks, gaps: str
) -> Sample:
    counts = np.zeros(_NEGATIVE + 1, np.int64)
    if status.any():
        counts = np.bincount(status, minlength=_NEGATIVE + 1)
    else:
        counts[0] = status.shape[0]
    filled = dense.gaps.shape[0] if gaps in ("zero", "interpolate") else 0
    said = {"zero": "taken as zero", "interpolate": "interpolated"}.get(gaps, "")
    return Sample(
        rows=panel.keys.frame_rows,
        used=int(counts[0]),
        lost={reason: int(counts[code]) for code, reason in _ROW_REASONS.items()},
        notes={
            f"periods without investment, {said}": filled,
            "series that start from a given stock": int(start.given.sum()),
        },
    )
