"""Labor services: hours of many types of worker, weighed by what each is paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels import services as kernel
from tfp_index.kernels.labor import human_capital
from tfp_index.measurement._cells import (
    REASONS,
    cells_of,
    chained,
    entity_means,
    growth_above_zero,
    services_sample,
)
from tfp_index.measurement._guards import refuse_logs, refuse_row, require_item
from tfp_index.panel.checks import require_keys
from tfp_index.panel.figures import figures
from tfp_index.panel.keys import Keys
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, RowValues, Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["HumanCapital", "HumanCapitalResult", "LaborServices", "LaborServicesResult"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class LaborServices(Specification):
    r"""Measure the services of types of worker together: hours times composition.

    .. math:: Δ\ln L = \sum_j \bar v_j Δ\ln h_j, \qquad
        Δ\ln \text{composition} = Δ\ln L - Δ\ln \sum_j h_j,

    with h hours of a type (by age, gender, education …) and v its share in compensation.

    Parameters
    ----------
    share_timing : {"average", "current", "lagged"}
        Shares of both periods (Törnqvist; EU KLEMS), of the later or of the earlier one.
    matched : {"all", "only"}
        What to do where a type comes or goes between two periods: no growth for the entity, or
        growth of the types present in both.
    missing : {"error", "missing"}
        What to do with missing hours, or missing pay for hours worked: stop, or leave the entity
        without growth there and count it.
    labor : str
        Role of hours (or persons).
    compensation : str
        Role of compensation of the type.
    wage : str, optional
        Role of pay per hour, in place of compensation.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"industry": ["A"] * 4, "year": [2000, 2000, 2001, 2001],
    ...          "education": ["low", "high"] * 2, "h": [80.0, 20.0, 78.0, 24.0],
    ...          "coe": [800.0, 500.0, 790.0, 610.0]}
    >>> panel = tfp.Panel.from_frame(frame, entity="industry", time="year", item="education",
    ...                              labor="h", columns={"compensation": "coe"})
    >>> out = tfp.LaborServices().fit(panel)
    >>> out.growth.round(4), out.composition.round(4)
    (array([   nan, 0.0598]), array([ nan, 0.04]))
    """

    share_timing: str = "average"
    matched: str = "all"
    missing: str = "error"
    labor: str = "labor"
    compensation: str = "compensation"
    wage: str | None = None

    def __post_init__(self) -> None:
        choose(self, "share_timing", ("average", "current", "lagged"))
        choose(self, "matched", ("all", "only"))
        choose(self, "missing", ("error", "missing"))

    def fit(self, panel: Panel) -> LaborServicesResult:
        """Find the growth of labor services and its composition.

        Parameters
        ----------
        panel : Panel
            One row per entity, period and type of worker (``item=``).

        Returns
        -------
        LaborServicesResult

        Raises
        ------
        DataError
            If keys are missing or repeated, a role is absent, or hours or pay are negative or
            missing.
        """
        require_keys(panel)
        require_item(panel, "type of worker")
        refuse_logs(panel, "labor services")
        cells = cells_of(panel)
        hours = figures(panel, self.labor)
        pay_role = self.compensation if self.wage is None else self.wage
        pay = figures(panel, pay_role)
        for role, values in ((self.labor, hours), (pay_role, pay)):
            refuse_row(
                panel, np.flatnonzero(values < 0.0), f"{role} is negative", code="negative",
                column=panel.names[role], expected="not below zero", remedy="correct it",
            )  # fmt: skip
        if self.missing == "error":
            lacking = np.isnan(hours) | (np.isnan(pay) & (hours > 0.0))
            refuse_row(
                panel, np.flatnonzero(lacking), "hours or their pay are missing",
                code="missing_value", column=panel.names[pay_role],
                expected="pay wherever there are hours; 0 hours where there are none",
                remedy="fill them, or missing='missing' to leave the entity out there",
            )  # fmt: skip
        value = pay if self.wage is None else pay * hours
        grown = kernel.service_growth(
            hours,
            value,
            cells.cell,
            cells.lag,
            cells.previous,
            timing=self.share_timing,  # type: ignore[arg-type]
            matched_only=self.matched == "only",
        )
        sample, status = services_sample(panel, cells, grown, {})
        total = kernel.cell_sums(hours, cells.cell, cells.count)
        hours_growth = growth_above_zero(total, cells.previous)
        return LaborServicesResult(
            spec=self,
            record=record_of(self, panel, sample),
            keys=cells.keys,
            growth=grown.growth,
            hours=total,
            hours_growth=hours_growth,
            compensation=grown.value,
            status=status,
            type_keys=panel.keys,
            share=grown.share,
            contribution=grown.contribution,
        )


@dataclass(frozen=True, eq=False, repr=False)
class LaborServicesResult(Result):
    """Services of labor by entity and period; made by `LaborServices.fit`.

    Attributes
    ----------
    growth : (c,) float array
        Log growth of labor services, one entry per entity and period (``keys``).
    hours, hours_growth : (c,) float array
        Sum of hours and its log growth.
    compensation : (c,) float array
    share, contribution : (n,) float array
        By type row (``type_keys``): share in compensation, part in the growth of services.
    status : (c,) int8 array
    """

    spec: LaborServices
    growth: Floats
    hours: Floats
    hours_growth: Floats
    compensation: Floats
    status: NDArray[np.int8]
    type_keys: Keys
    share: Floats
    contribution: Floats

    @property
    def composition(self) -> Floats:
        """(c,) growth of services beyond that of hours: a shift to workers who are paid more."""
        shift: Floats = self.growth - self.hours_growth
        return shift

    def index(self, base: Any = None, value: float = 1.0) -> RowValues:
        """Return the chained indices of services and of composition.

        Parameters
        ----------
        base : period, optional
            Period at which they are `value`; default: the start of each entity's growth.
        value : float

        Returns
        -------
        RowValues
            With the columns ``labor_services`` and ``composition``.
        """
        values = {
            "labor_services": chained(self.keys, self.growth, base, value),
            "composition": chained(self.keys, self.composition, base, value),
        }
        return RowValues(self.keys, values, title="Labor services")

    def types(self) -> RowValues:
        """Return share in compensation and contribution to growth of every type row."""
        values = {"share": self.share, "contribution": self.contribution}
        return RowValues(self.type_keys, values, title="Types of worker")

    def to_frame(self, backend: str | None = None, *, reasons: bool = False) -> Any:
        """Return one row per entity and period, in the caller's frame library.

        Columns: the keys, ``labor_services`` (index, 1 at the start), ``growth``, ``hours``,
        ``hours_growth``, ``composition``, ``compensation`` and, with `reasons`, why growth is
        missing.
        """
        values: dict[str, NDArray[Any]] = {
            "labor_services": chained(self.keys, self.growth),
            "growth": self.growth,
            "hours": self.hours,
            "hours_growth": self.hours_growth,
            "composition": self.composition,
            "compensation": self.compensation,
        }
        if reasons:
            values["reason"] = np.array([REASONS.get(c, "") for c in self.status.tolist()], object)
        return self.keys.to_frame(values, backend)

    def tidy(self) -> Table:
        """Return one row per entity: mean growth of services, hours and composition."""
        known = np.isfinite(self.growth)
        columns = {
            "growth": self.growth,
            "hours_growth": np.where(known, self.hours_growth, np.nan),
            "composition": self.composition,
        }
        return entity_means(self.keys, columns, title="Labor services, means over periods")

    def glance(self) -> Table:
        """Return one row: entities, types, entity–periods with growth, timing of the shares."""
        item = self.type_keys.item
        return Table(
            {
                "entities": np.array([self.keys.entity_labels.shape[0]]),
                "types": np.array([len(item) if item is not None else 0]),
                "periods_with_growth": np.array([int(np.isfinite(self.growth).sum())]),
                "share_timing": [self.spec.share_timing],
            },
            title="Labor services",
            backend=self.keys.backend,
        )


@dataclass(frozen=True, repr=False)
class HumanCapital(Specification):
    """Turn years of schooling into human capital per worker, as the Penn World Table does.

    ``ln hc = 0.134·min(s, 4) + 0.101·min(max(s − 4, 0), 4) + 0.068·max(s − 8, 0)``, in the form
    given by the documentation of the Penn World Table as recalled, not checked against the printed
    source. Labor services are then persons × hours × hc.

    Parameters
    ----------
    schooling : str
        Role of mean years of schooling.
    labor : str, optional
        Role of persons or hours to be multiplied by human capital.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"country": ["A", "A"], "year": [2000, 2010], "school": [6.0, 8.0]}
    >>> panel = tfp.Panel.from_frame(frame, entity="country", time="year",
    ...                              columns={"schooling": "school"})
    >>> tfp.HumanCapital().fit(panel).human_capital.round(4)
    array([2.0917, 2.56  ])
    """

    schooling: str = "schooling"
    labor: str | None = None

    def fit(self, panel: Panel) -> HumanCapitalResult:
        """Compute human capital of every row.

        Parameters
        ----------
        panel : Panel

        Returns
        -------
        HumanCapitalResult

        Raises
        ------
        DataError
            If keys are missing or repeated, a role is absent, or years of schooling are negative
            or above 30.
        """
        require_keys(panel)
        years = figures(panel, self.schooling)
        bad = np.flatnonzero((years < 0.0) | (years > 30.0))
        if bad.size:
            entity, time = panel.where(int(bad[0]))
            raise DataError(
                f"years of schooling are {years[bad[0]]:g}",
                code="out_of_range",
                column=panel.names[self.schooling],
                entity=entity,
                time=time,
                expected="mean years of schooling, between 0 and 30",
            )
        capital = human_capital(years)
        workers = (
            np.full(panel.n_rows, np.nan) if self.labor is None else figures(panel, self.labor)
        )
        known = int(np.isfinite(capital).sum())
        sample = Sample(
            rows=panel.keys.frame_rows,
            used=known,
            lost={"years of schooling missing": panel.n_rows - known},
        )
        return HumanCapitalResult(
            spec=self,
            record=record_of(self, panel, sample),
            keys=panel.keys,
            human_capital=capital,
            labor_services=workers * capital,
        )


@dataclass(frozen=True, eq=False, repr=False)
class HumanCapitalResult(Result):
    """Human capital per worker by row; made by `HumanCapital.fit`.

    Attributes
    ----------
    human_capital : (n,) float array
        1 without schooling.
    labor_services : (n,) float array
        Labor times human capital; NaN if no role of labor was named.
    """

    spec: HumanCapital
    human_capital: Floats
    labor_services: Floats

    def to_frame(self, backend: str | None = None) -> Any:
        """Return keys, ``human_capital`` and, if labor was named, ``labor_services``."""
        values = {"human_capital": self.human_capital}
        if self.spec.labor is not None:
            values["labor_services"] = self.labor_services
        return self.keys.to_frame(values, backend)

    def tidy(self) -> Table:
        """Return the mean of each entity over its periods."""
        return entity_means(self.keys, {"human_capital": self.human_capital}, "Human capital")

    def glance(self) -> Table:
        """Return one row: smallest and largest human capital."""
        known = self.human_capital[np.isfinite(self.human_capital)]
        ends = [known.min(), known.max()] if known.size else [np.nan, np.nan]
        return Table(
            {
                "rows": np.array([known.size]),
                "smallest": np.array(ends[:1]),
                "largest": np.array(ends[1:]),
            },
            title="Human capital",
            backend=self.keys.backend,
        )
