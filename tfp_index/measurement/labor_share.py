"""Labor's share of income, with the self-employed counted in a way that is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels import labor as kernel
from tfp_index.measurement._cells import entity_means
from tfp_index.measurement._guards import refuse_logs, series_name
from tfp_index.panel.checks import require_keys
from tfp_index.panel.figures import figures
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["LaborShare", "LaborShareResult"]

Floats = NDArray[np.float64]

_MISSING, _OUTSIDE = 1, 2


@dataclass(frozen=True, repr=False)
class LaborShare(Specification):
    """Compute labor's share of value added.

    With COE compensation of employees, M mixed income, V value added and T net taxes on products:

    ======================= =================================================================
    adjustment              labor's share
    ======================= =================================================================
    ``none``                COE / (V − T): the self-employed get nothing
    ``gollin_1``            (COE + M) / (V − T): all mixed income is labor's
    ``gollin_2``            COE / (V − T − M): mixed income divides like the rest
    ``gollin_3``            COE · (employed / employees) / (V − T): in persons
    ``eu_klems``            COE · (hours of all / hours of employees) / V
    ``vietnam_full_income`` (COE + labor income of own-account workers) / V
    ======================= =================================================================

    The three adjustments of Gollin (2002) are in the form given by the literature, not checked
    against the printed source. The form ``eu_klems`` gives the published figures of the 2024
    release. ``vietnam_full_income`` is the "full income of labor" (thu nhập đầy đủ của người lao
    động) over value added in the guides of the Vietnam Productivity Institute and the provinces;
    they do not print how own-account and family workers are paid, so that is an option here.

    Parameters
    ----------
    adjustment : str
        One of the above.
    net_taxes : str, optional
        Role of taxes less subsidies on products, where value added includes them; default: it
        does not.
    relative_pay : float
        For ``vietnam_full_income``: labor income of a person who is not an employee over that of
        an employee.
    own_account_income : str, optional
        For ``vietnam_full_income``: role of the labor income of own-account and family workers,
        where a survey gives it; then `relative_pay` has no use.
    invalid : {"error", "missing", "keep"}
        What to do with shares that are not between 0 and 1, the bounds themselves included: stop,
        leave them out, or keep them. Counted in each case.
    compensation, mixed_income, value_added, employed, employees : str
        Roles. For ``eu_klems`` the last two are hours.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"country": ["A"], "year": [2020], "coe": [40.0], "mixed": [20.0], "gdp": [100.0],
    ...          "taxes": [10.0]}
    >>> panel = tfp.Panel.from_frame(frame, entity="country", time="year", value_added="gdp",
    ...     columns={"compensation": "coe", "mixed_income": "mixed", "taxes": "taxes"})
    >>> [float(tfp.LaborShare(adjustment=a, net_taxes="taxes").fit(panel).labor_share[0].round(3))
    ...  for a in ("none", "gollin_1", "gollin_2")]
    [0.444, 0.667, 0.571]
    """

    adjustment: str = "gollin_3"
    net_taxes: str | None = None
    relative_pay: float = 1.0
    own_account_income: str | None = None
    invalid: str = "error"
    compensation: str = "compensation"
    mixed_income: str = "mixed_income"
    value_added: str = "value_added"
    employed: str = "employed"
    employees: str = "employees"

    def __post_init__(self) -> None:
        known = ("none", "gollin_1", "gollin_2", "gollin_3", "eu_klems", "vietnam_full_income")
        choose(self, "adjustment", known)
        choose(self, "invalid", ("error", "missing", "keep"))
        if not self.relative_pay >= 0:
            self._refuse("relative_pay", f"relative_pay={self.relative_pay!r}", "not negative")
        vietnam = self.adjustment == "vietnam_full_income"
        if not vietnam and (self.relative_pay != 1.0 or self.own_account_income is not None):
            self._refuse(
                "relative_pay",
                "relative_pay= and own_account_income= belong to adjustment='vietnam_full_income'",
            )
        if self.own_account_income is not None and self.relative_pay != 1.0:
            self._refuse("relative_pay", "own_account_income= replaces relative_pay=; give one")

    def fit(self, panel: Panel) -> LaborShareResult:
        """Compute the share of every row.

        Parameters
        ----------
        panel : Panel
            With the roles that the adjustment uses.

        Returns
        -------
        LaborShareResult

        Raises
        ------
        DataError
            If keys are missing or repeated, a role is absent, there are more employees than
            persons employed, or a share is not between 0 and 1.
        """
        require_keys(panel)
        refuse_logs(panel, "labor's share")
        total = figures(panel, self.value_added)
        if self.net_taxes is not None:
            total = total - figures(panel, self.net_taxes)
        income, base = self._income(panel, total)
        share = kernel.income_share(income, base)
        status = np.zeros(panel.n_rows, np.int8)
        status[~np.isfinite(income) | ~np.isfinite(base)] = _MISSING
        known = status == 0
        status[known & ~((share > 0.0) & (share < 1.0))] = _OUTSIDE
        self._refuse_outside(panel, np.flatnonzero(status == _OUTSIDE), income, base)
        hidden = status == _MISSING if self.invalid == "keep" else status != 0
        share = np.where(hidden, np.nan, share)
        return LaborShareResult(
            spec=self,
            record=record_of(self, panel, self._sample(panel, status)),
            keys=panel.keys,
            labor_share=share,
            labor_income=share * total,
        )

    def _income(self, panel: Panel, total: Floats) -> tuple[Floats, Floats]:
        """Labor income and what it is compared with."""
        coe = figures(panel, self.compensation)
        if self.adjustment == "none":
            return coe, total
        if self.adjustment == "gollin_1":
            return kernel.gollin_1(coe, figures(panel, self.mixed_income), total)
        if self.adjustment == "gollin_2":
            return kernel.gollin_2(coe, figures(panel, self.mixed_income), total)
        if self.own_account_income is not None:
            return coe + figures(panel, self.own_account_income), total
        employed, employees = figures(panel, self.employed), figures(panel, self.employees)
        more = np.flatnonzero(employees > employed)
        if more.size:
            entity, time = series_name(panel, int(more[0]))
            raise DataError(
                f"employees ({employees[more[0]]:g}) outnumber all persons employed "
                f"({employed[more[0]]:g}) in {more.size} row(s), first here",
                code="more_employees_than_employed",
                column=panel.names[self.employees],
                entity=entity,
                time=time,
                remedy="check that both are persons, or both hours, in one unit",
            )
        if self.adjustment == "vietnam_full_income":
            pay = self.relative_pay
            return kernel.employee_rate_income(coe, employed, employees, pay), total
        return kernel.gollin_3(coe, employed, employees, total)

    def _refuse_outside(
        self, panel: Panel, rows: NDArray[np.intp], income: Floats, base: Floats
    ) -> None:
        if self.invalid != "error" or not rows.size:
            return
        first = int(rows[0])
        entity, time = series_name(panel, first)
        raise DataError(
            f"labor's share is not between 0 and 1 in {rows.size} row(s), first here: labor income "
            f"{income[first]:.4g}, compared with {base[first]:.4g}",
            code="share_out_of_range",
            column=panel.names[self.compensation],
            entity=entity,
            time=time,
            expected="labor income above zero and below value added",
            remedy="check units and taxes on products; another adjustment may fit the data; "
            "invalid='missing' leaves such rows out, invalid='keep' keeps them",
        )

    def _sample(self, panel: Panel, status: NDArray[np.int8]) -> Sample:
        counts = np.bincount(status, minlength=_OUTSIDE + 1)
        kept = self.invalid == "keep"
        outside = "share not between 0 and 1"
        return Sample(
            rows=panel.keys.frame_rows,
            used=int(counts[0] + (counts[_OUTSIDE] if kept else 0)),
            lost={
                "a figure is missing": int(counts[_MISSING]),
                outside: 0 if kept else int(counts[_OUTSIDE]),
            },
            notes={f"{outside}, kept": int(counts[_OUTSIDE]) if kept else 0},
        )


@dataclass(frozen=True, eq=False, repr=False)
class LaborShareResult(Result):
    """Labor's share by row; made by `LaborShare.fit`.

    Attributes
    ----------
    labor_share : (n,) float array
        In panel order; NaN where a figure is missing or the share was left out.
    labor_income : (n,) float array
        The share times value added less taxes: labor income of employees and self-employed.
    """

    spec: LaborShare
    labor_share: Floats
    labor_income: Floats

    @property
    def capital_share(self) -> Floats:
        """(n,) the remainder to one."""
        remainder: Floats = 1.0 - self.labor_share
        return remainder

    def to_frame(self, backend: str | None = None) -> Any:
        """Return keys, ``labor_share``, ``capital_share`` and ``labor_income``."""
        values = {
            "labor_share": self.labor_share,
            "capital_share": self.capital_share,
            "labor_income": self.labor_income,
        }
        return self.keys.to_frame(values, backend)

    def tidy(self) -> Table:
        """Return the mean share of each entity over its periods."""
        return entity_means(self.keys, {"labor_share": self.labor_share}, title="Labor's share")

    def glance(self) -> Table:
        """Return one row: the adjustment, and mean, smallest and largest share."""
        known = self.labor_share[np.isfinite(self.labor_share)]
        empty = not known.size
        return Table(
            {
                "adjustment": [self.spec.adjustment],
                "mean": np.array([np.nan if empty else known.mean()]),
                "smallest": np.array([np.nan if empty else known.min()]),
                "largest": np.array([np.nan if empty else known.max()]),
            },
            title="Labor's share",
            backend=self.keys.backend,
        )
