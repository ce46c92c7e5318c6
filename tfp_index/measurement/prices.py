"""Prices and price bases: deflate, and bring series to another base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels import prices as kernel
from tfp_index.measurement._cells import chain_origin, entity_means, growth_above_zero
from tfp_index.measurement._guards import (
    refuse_logs,
    refuse_mixed_bases,
    refuse_not_positive,
    row_sample,
    series_name,
)
from tfp_index.measurement._series import base_rows, series_columns
from tfp_index.panel.checks import require_keys
from tfp_index.panel.figures import figures
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["Deflation", "DeflationResult", "Rebasing", "RebasingResult"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _refuse_no_price(panel: Panel, role: str, price: Floats, quantity: Floats) -> None:
    bad = np.flatnonzero(np.isnan(price) & np.isfinite(quantity) & (quantity != 0.0))
    if bad.size:
        entity, time = series_name(panel, int(bad[0]))
        raise DataError(
            f"{role} is missing for a value that is there, in {bad.size} row(s), first here",
            code="missing_price",
            column=panel.names[role],
            entity=entity,
            time=time,
            remedy="fill the price, or missing='missing' to leave such rows out",
        )


@dataclass(frozen=True, repr=False)
class Deflation(Specification):
    r"""Bring value added to constant prices.

    - ``"single"``: :math:`V / P_V`
    - ``"double_laspeyres"``: :math:`Y / P_Y - X / P_X`, prices of the base period; it can turn
      negative where relative prices moved far (such rows are counted)
    - ``"double_tornqvist"``: :math:`Δ\ln V = (Δ\ln Y - \bar v_X Δ\ln X) / \bar v_V` with nominal
      shares in output, chained

    Y output, X intermediate inputs, V value added, at current prices.

    Parameters
    ----------
    method : {"single", "double_laspeyres", "double_tornqvist"}
    base : period, optional
        Period in whose prices the result is expressed. Default: that in which the price indices
        are `price_unit`; for ``"double_tornqvist"``, the start of each unbroken run.
    price_unit : float
        Value of the price indices in their own base period, 1 or 100.
    missing : {"error", "missing"}
        What to do with a missing price of a value that is there: stop, or leave the row out and
        count it.
    value_added, value_added_price : str
        Roles for ``"single"``; any value and its price will do.
    output, output_price, materials, materials_price : str
        Roles for double deflation.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"industry": ["A", "A"], "year": [2010, 2011], "Y": [100.0, 126.0],
    ...          "PY": [1.0, 1.05], "X": [60.0, 72.0], "PX": [1.0, 1.2]}
    >>> panel = tfp.Panel.from_frame(frame, entity="industry", time="year", output="Y",
    ...     materials="X", columns={"output_price": "PY", "materials_price": "PX"})
    >>> [tfp.Deflation(method=m).fit(panel).real.round(3).tolist()
    ...  for m in ("double_laspeyres", "double_tornqvist")]
    [[40.0, 60.0], [40.0, 62.114]]
    """

    method: str = "single"
    base: Any = None
    price_unit: float = 1.0
    missing: str = "error"
    value_added: str = "value_added"
    value_added_price: str = "value_added_price"
    output: str = "output"
    output_price: str = "output_price"
    materials: str = "materials"
    materials_price: str = "materials_price"

    def __post_init__(self) -> None:
        choose(self, "method", ("single", "double_laspeyres", "double_tornqvist"))
        choose(self, "missing", ("error", "missing"))
        if not self.price_unit > 0:
            self._refuse("price_unit", f"price_unit={self.price_unit!r}", "1 or 100")

    def fit(self, panel: Panel) -> DeflationResult:
        """Deflate every row.

        Parameters
        ----------
        panel : Panel

        Returns
        -------
        DeflationResult

        Raises
        ------
        DataError
            If keys are missing or repeated, a role is absent, a price is not above zero or
            missing, the base period is, or the price base changes within a series.
        """
        require_keys(panel)
        refuse_logs(panel, "deflation")
        refuse_mixed_bases(panel)
        notes: dict[str, int] = {}
        if self.method == "single":
            nominal = figures(panel, self.value_added)
            real = kernel.deflate(nominal, self._price(panel, self.value_added_price, nominal))
        else:
            output, materials = figures(panel, self.output), figures(panel, self.materials)
            nominal = output - materials
            prices = (
                self._price(panel, self.output_price, output),
                self._price(panel, self.materials_price, materials),
            )
            if self.method == "double_laspeyres":
                real = kernel.double_deflate_difference(output, prices[0], materials, prices[1])
                notes["real value added not above zero"] = int((real <= 0.0).sum())
            else:
                real = self._chain(panel, nominal, output, materials, prices)
        reason = "a value or price is missing" + (
            ", or value added is not above zero" if self.method == "double_tornqvist" else ""
        )
        return DeflationResult(
            spec=self,
            record=record_of(self, panel, row_sample(panel, real, reason, notes)),
            keys=panel.keys,
            real=real,
            nominal=nominal,
            lag=panel.lag(),
        )

    def _price(self, panel: Panel, role: str, quantity: Floats) -> Floats:
        price = figures(panel, role)
        refuse_not_positive(panel, role, price)
        if self.missing == "error":
            _refuse_no_price(panel, role, price, quantity)
        if self.base is None:
            return price / self.price_unit
        rows = base_rows(panel, self.base, price)
        return kernel.rebase(price, panel.offsets, rows)

    def _chain(
        self,
        panel: Panel,
        nominal: Floats,
        output: Floats,
        materials: Floats,
        prices: tuple[Floats, Floats],
    ) -> Floats:
        growth = kernel.double_deflate_growth(output, prices[0], materials, prices[1], panel.lag())
        chain, origin = chain_origin(panel.keys, growth, self.base)
        level = np.where(origin >= 0, nominal[origin], np.nan)
        real: Floats = level * np.exp(chain - chain[origin])
        return real


@dataclass(frozen=True, eq=False, repr=False)
class DeflationResult(Result):
    """Values at constant prices; made by `Deflation.fit`.

    Attributes
    ----------
    real, nominal : (n,) float array
        At constant and at current prices, in panel order.
    """

    spec: Deflation
    real: Floats
    nominal: Floats
    lag: Ints

    @property
    def growth(self) -> Floats:
        """(n,) log growth of the real value; NaN where it is not above zero in both periods."""
        return growth_above_zero(self.real, self.lag)

    @property
    def deflator(self) -> Floats:
        """(n,) implicit price, nominal over real value; NaN where the real one is zero."""
        return self.nominal / np.where(self.real == 0.0, np.nan, self.real)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return keys, ``real``, ``nominal``, ``growth`` and ``deflator``."""
        values = {
            "real": self.real,
            "nominal": self.nominal,
            "growth": self.growth,
            "deflator": self.deflator,
        }
        return self.keys.to_frame(values, backend)

    def tidy(self) -> Table:
        """Return the mean growth of each entity."""
        return entity_means(self.keys, {"growth": self.growth}, title="Real growth")

    def glance(self) -> Table:
        """Return one row: method, base and rows."""
        return Table(
            {
                "method": [self.spec.method],
                "base": [self.spec.base],
                "rows": np.array([self.sample.used]),
            },
            title="Deflation",
            backend=self.keys.backend,
        )


@dataclass(frozen=True, repr=False)
class Rebasing(Specification):
    """Bring an index, or levels at constant prices, to another base period.

    An index is scaled to `value` in the base period. Levels at the prices of one period become
    levels at those of another by one factor for the whole series, ``P_base / P_from``, stocks
    with their first value like all others. Growth does not change.

    Parameters
    ----------
    role : str
        Role to rebase.
    base : period
        The new base.
    value : float
        Value of an index in its base, 1 or 100.
    price : str, optional
        Role of the price; with it `role` holds levels at the prices of `from_base`.
    from_base : period, optional
        Period at whose prices levels are; needed with `price`.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"province": ["A"] * 3, "year": [1994, 1995, 1996], "K": [100.0, 104.0, 110.0],
    ...          "P": [1.0, 1.1, 1.25]}
    >>> panel = tfp.Panel.from_frame(frame, entity="province", time="year", capital="K",
    ...                              columns={"price": "P"})
    >>> tfp.Rebasing(role="capital", base=1996, price="price", from_base=1994).fit(panel).values
    array([125. , 130. , 137.5])
    """

    role: str = "output"
    base: Any = None
    value: float = 1.0
    price: str | None = None
    from_base: Any = None

    def __post_init__(self) -> None:
        if self.base is None:
            self._refuse("base", "Rebasing needs base=", "a period")
        if (self.price is None) != (self.from_base is None):
            self._refuse("from_base", "price= and from_base= belong together", "both or neither")
        if self.price is not None and self.value != 1.0:
            self._refuse("value", "levels have no value in the base; value= is for an index")

    def fit(self, panel: Panel) -> RebasingResult:
        """Rebase every series.

        Parameters
        ----------
        panel : Panel

        Returns
        -------
        RebasingResult

        Raises
        ------
        DataError
            If keys are missing or repeated, a role is absent, or a series has no figure in a base
            period.
        """
        require_keys(panel)
        refuse_logs(panel, "rebasing")
        refuse_mixed_bases(panel)
        series = figures(panel, self.role)
        if self.price is None:
            rows = base_rows(panel, self.base, series)
            refuse_not_positive(panel, self.role, series[rows])
            values = kernel.rebase(series, panel.offsets, rows, self.value)
            factor = self.value / series[rows]
        else:
            price = figures(panel, self.price)
            refuse_not_positive(panel, self.price, price)
            new = price[base_rows(panel, self.base, price)]
            factor = new / price[base_rows(panel, self.from_base, price)]
            values = series * factor[panel.series_codes]
        return RebasingResult(
            spec=self,
            record=record_of(self, panel, row_sample(panel, values, "a figure is missing", None)),
            keys=panel.keys,
            values=values,
            factor=factor,
        )


@dataclass(frozen=True, eq=False, repr=False)
class RebasingResult(Result):
    """A series on its new base; made by `Rebasing.fit`.

    Attributes
    ----------
    values : (n,) float array
    factor : (g,) float array
        What each series was multiplied by.
    """

    spec: Rebasing
    values: Floats
    factor: Floats

    def to_frame(self, backend: str | None = None) -> Any:
        """Return keys and the rebased role, under its name."""
        return self.keys.to_frame({self.spec.role: self.values}, backend)

    def tidy(self) -> Table:
        """Return the factor of each series."""
        return Table(
            series_columns(self.keys) | {"factor": self.factor},
            title=f"Rebased to {self.spec.base}",
            backend=self.keys.backend,
        )

    def glance(self) -> Table:
        """Return one row: role, base, series."""
        return Table(
            {
                "role": [self.spec.role],
                "base": [self.spec.base],
                "series": np.array([self.factor.shape[0]]),
            },
            title="Rebasing",
            backend=self.keys.backend,
        )
