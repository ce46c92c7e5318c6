"""What misallocation of capital and labor between enterprises costs (Hsieh and Klenow 2009)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._rows import (
    Grouping,
    grouping,
    names_of,
    read_column,
    read_level,
    read_weight,
)
from tfp_index.aggregation.misallocation_result import (
    HsiehKlenowResult,
    Solution,
    solve,
)
from tfp_index.errors import DataError
from tfp_index.kernels.misallocation import firm_wedges, trim_tails
from tfp_index.panel.checks import require_keys
from tfp_index.panel.panel import Panel
from tfp_index.results.result import Sample, record_of
from tfp_index.results.specification import Specification

__all__ = ["HsiehKlenow", "KeptCells", "read_positive", "share_role", "without_small"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_LEAST = 1e-9
"""A share nearer than this to 0 or 1 is one of another unit, and its ratio has few digits."""


@dataclass(frozen=True, repr=False)
class HsiehKlenow(Specification):
    r"""Gain from equalizing revenue productivity inside industries, with its trimming path.

    Firms of an industry face an elasticity of demand σ and produce with
    :math:`Y_i = A_i K_i^a L_i^{1-a}`. The gain is :math:`Y_{eff}/Y - 1`, where

    .. math:: \frac{Y}{Y_{eff}} = \prod_s \Big[\sum_i \Big(\frac{A_i}{\bar A_s}
              \frac{\overline{TFPR}_s}{TFPR_i}\Big)^{σ-1}\Big]^{θ_s/(σ-1)} .

    Everything is recomputed after each trim of both tails of TFPR and TFPQ, pooled over industries
    inside a year. A gain without its trimming path says little: a few firms can make it ten times
    larger.

    Parameters
    ----------
    elasticity : float
        σ.
    trim : tuple of float
        Shares to cut from each tail; 0 is the whole sample.
    industry : str or tuple of str, optional
        Grouping of industries (two digits for a province); None for a single one.
    value_added, wage_bill, capital : str
        Columns. Labor is measured by the wage bill; in a market with one wage, employment will do.
    labor_share : float or mapping of industry to float, optional
        Labor's share of value added, the same in all years. Default: the column ``labor_share``
        (or ``capital_share``) of the panel, averaged over the industry with value added as weight;
        else wage bills over value added of the industry. Shares from the data take what is common
        to an industry's distortions for technology; Hsieh and Klenow take those of the United
        States, scaled by 3/2.
    rental_rate : float
        R; it scales capital wedges only, never the gain.
    min_firms : int
        Fewest firms of a year; a year with fewer is refused.
    min_cell : int
        Fewest firms of an industry in a year; smaller ones are left out and counted.
    sampling_weight : str, optional
        Column of sampling weights: how many firms a row stands for.

    Raises
    ------
    SpecificationError
        If a parameter makes no sense.

    Notes
    -----
    Additive measurement error and overhead inputs look like misallocation, and so do markups,
    adjustment costs and elasticities that differ between firms. Differences between years or
    places are safer than levels.

    References
    ----------
    Hsieh, C.-T. and Klenow, P. J. (2009). Misallocation and manufacturing TFP in China and India.
    *Quarterly Journal of Economics* 124(4), 1403–1448.

    Examples
    --------
    Two industries of four firms.

    >>> import tfp_index as tfp
    >>> frame = {"firm": list("abcdefgh"), "year": [2024] * 8, "branch": [1] * 4 + [2] * 4,
    ...          "py": [100.0, 200, 50, 400, 80, 120, 60, 300],
    ...          "wages": [40.0, 60, 30, 90, 20, 70, 15, 110],
    ...          "k": [300.0, 500, 80, 1500, 100, 500, 90, 400]}
    >>> panel = tfp.Panel.from_frame(frame, entity="firm", time="year", value_added="py",
    ...                              capital="k", columns={"labor_cost": "wages"},
    ...                              groups={"industry": "branch"})
    >>> hk = tfp.HsiehKlenow(labor_share={1: 2/3, 2: 1/2}, trim=(0,), min_firms=8, min_cell=4)
    >>> round(hk.fit(panel).path()["gain_percent"][0], 10)
    np.float64(11.5259181233)
    """

    elasticity: float = 3.0
    trim: tuple[float, ...] = (0.0, 0.01, 0.025, 0.05)
    industry: Any = "industry"
    value_added: str = "value_added"
    wage_bill: str = "labor_cost"
    capital: str = "capital"
    labor_share: Any = field(default=None, hash=False)
    rental_rate: float = 0.10
    min_firms: int = 100
    min_cell: int = 10
    sampling_weight: str | None = None

    def __post_init__(self) -> None:
        if not self.elasticity > 1:
            self._refuse("elasticity", f"elasticity={self.elasticity!r}", "above 1")
        if not self.rental_rate > 0:
            self._refuse("rental_rate", f"rental_rate={self.rental_rate!r}", "above 0")
        try:
            trim = (float(self.trim),) if not np.iterable(self.trim) else tuple(
                float(t) for t in self.trim
            )  # fmt: skip
        except (TypeError, ValueError):
            self._refuse("trim", f"trim={self.trim!r}", "shares such as (0, 0.01, 0.05)")
        if not trim or any(not 0 <= t < 0.5 for t in trim) or len(set(trim)) < len(trim):
            self._refuse("trim", f"trim={trim!r}", "distinct shares from 0 to below 0.5")
        object.__setattr__(self, "trim", tuple(sorted(trim)))
        if isinstance(self.industry, list):
            object.__setattr__(self, "industry", tuple(self.industry))
        for option in ("min_firms", "min_cell"):
            if not isinstance(getattr(self, option), int) or getattr(self, option) < 1:
                self._refuse(option, f"{option}={getattr(self, option)!r}", "an integer from 1")
        shares = self.labor_share
        values = shares.values() if isinstance(shares, Mapping) else [shares]
        for value in values:
            if value is not None and not (isinstance(value, (int, float)) and 0 < value < 1):
                self._refuse("labor_share", f"labor share {value!r}", "between 0 and 1")

    def fit(self, panel: Panel) -> HsiehKlenowResult:
        """Solve the model for every year and trim.

        Parameters
        ----------
        panel : Panel

        Returns
        -------
        HsiehKlenowResult

        Raises
        ------
        DataError
            If a column is absent, an industry's labor share is missing or outside (0, 1), or every
            year has too few firms.
        """
        require_keys(panel)
        names = names_of(self.industry)
        industries, years = grouping(panel, names), grouping(panel, ["time"])
        py, wl, k = (read_positive(panel, name) for name in (self.value_added, self.wage_bill,
                                                      self.capital))  # fmt: skip
        design = None if self.sampling_weight is None else read_weight(panel, self.sampling_weight)
        usable, lost = self.usable_rows(panel, py, wl, k, design)
        sums = self.share_sums(panel, industries, py, wl, usable)
        share = self.capital_shares(industries, sums, share_role(panel))
        cell = np.where(usable, industries.codes * years.size + years.codes, -1)
        cells = industries.size * years.size
        kept = self.kept_cells(np.bincount(cell[cell >= 0], minlength=cells), years.size)
        cell = kept.of(cell)
        lost |= kept.lost
        year_of_cell = np.tile(np.arange(years.size), industries.size)
        cell_share = np.repeat(share, years.size)
        data = (py, wl, k, cell_share, year_of_cell, years.size, self.elasticity, design)
        whole = solve(0.0, cell, *data)
        solutions = [self._trimmed(t, whole, cell, years.codes, data) for t in self.trim]
        inside = cell >= 0
        wedges = firm_wedges(
            np.where(inside, py, np.nan),
            np.where(inside, wl, np.nan),
            np.where(inside, k, np.nan),
            np.where(inside, cell_share[np.maximum(cell, 0)], np.nan),
            self.elasticity,
            self.rental_rate,
        )
        sample = Sample(panel.keys.frame_rows, int((cell >= 0).sum()), lost)
        return HsiehKlenowResult(
            spec=self,
            record=record_of(self, panel, sample),
            keys=panel.keys,
            industries=industries.columns(),
            years=years.labels[0],
            capital_share=share,
            refused=kept.refused,
            per_year=kept.per_year,
            solutions=tuple(solutions),
            wedges=wedges,
            value_added=np.where(inside, py, np.nan),
            design=design,
        )

    def usable_rows(
        self, panel: Panel, py: Floats, wl: Floats, k: Floats, design: Floats | None
    ) -> tuple[Bools, dict[str, int]]:
        """Rows with all columns above zero, and the first reason of each other row."""
        left = np.ones(panel.n_rows, bool)
        lost: dict[str, int] = {}
        columns = [(self.value_added, py), (self.wage_bill, wl), (self.capital, k)]
        for name, values in columns:
            for reason, bad in (
                (f"{name} missing", np.isnan(values)),
                (f"{name} not above zero", values <= 0),
            ):
                lost[reason] = int((left & bad).sum())
                left &= ~bad
        if design is not None:
            weighted = design > 0
            lost["no sampling weight"] = int((left & ~weighted).sum())
            left &= weighted
        return left, lost

    def share_sums(
        self, panel: Panel, industries: Grouping, py: Floats, wl: Floats, usable: Bools
    ) -> tuple[Floats, Floats, Ints]:
        """Sums that an industry's labor share is made of, and its usable rows."""
        g, w = industries.codes[usable], py[usable]
        size = industries.size
        rows = np.bincount(g, minlength=size)
        if self.labor_share is not None:
            return np.zeros(size), np.zeros(size), rows
        values, there = wl[usable], np.ones(g.shape[0], bool)
        role = share_role(panel)
        if role is not None:
            column = read_column(panel, role)[usable]
            there, values = np.isfinite(column), w * column
        total, mass = (np.bincount(g[there], v[there], size) for v in (values, w))
        return np.asarray(total, np.float64), np.asarray(mass, np.float64), rows

    def capital_shares(
        self, industries: Grouping, sums: tuple[Floats, Floats, Ints], role: str | None = None
    ) -> Floats:
        """A of every industry, from the sums of all rows."""
        labels = self._labels(industries)
        total, mass, rows = sums
        if isinstance(self.labor_share, Mapping):
            known = {str(name): float(value) for name, value in self.labor_share.items()}
            absent = [labels[g] for g in np.flatnonzero(rows).tolist() if labels[g] not in known]
            if absent:
                raise DataError(
                    f"labor_share has no entry for {', '.join(absent[:5])}",
                    code="missing_share",
                    column="labor_share",
                    expected="a share for every industry that has firms",
                )
            given = [known.get(label, np.nan) for label in labels]
            return 1.0 - np.array(given, np.float64)
        if self.labor_share is not None:
            return np.full(industries.size, 1.0 - float(self.labor_share))
        share = np.divide(total, mass, out=np.full(industries.size, np.nan), where=mass > 0)
        labor = 1.0 - share if role == "capital_share" else share
        bad = np.flatnonzero((rows > 0) & ~((labor > _LEAST) & (labor < 1.0 - _LEAST)))
        if bad.size:
            raise DataError(
                f"industry {labels[int(bad[0])]} has a labor share of {labor[bad[0]]:.3g}",
                code="bad_share",
                column=self.wage_bill,
                expected="a share between 0 and 1 in every industry",
                remedy="check the units of wages and value added, or give labor_share=",
            )
        return np.asarray(1.0 - labor)

    def kept_cells(self, n: Ints, years: int) -> KeptCells:
        """Leave out industries with too few firms in a year, and years with too few firms.

        Parameters
        ----------
        n : (C,) int array
            Usable firms of every industry and year.
        years : int

        Raises
        ------
        DataError
            If every year has too few firms.
        """
        small = n < self.min_cell
        year = np.tile(np.arange(years), n.shape[0] // years)
        per_year = np.bincount(year, np.where(small, 0, n), years).astype(np.int64)
        refused = per_year < self.min_firms
        if refused.all():
            raise DataError(
                f"the largest year has {int(per_year.max(initial=0))} firms in industries of at "
                f"least {self.min_cell}; the gain would be that of a few firms",
                code="too_few_firms",
                expected=f"at least {self.min_firms} firms (min_firms)",
                remedy="coarser industries, pooled provinces, or smaller limits knowingly",
            )
        lost = {
            f"industry with fewer than {self.min_cell} firms in the year": int(n[small].sum()),
            f"year with fewer than {self.min_firms} firms": int(per_year[refused].sum()),
        }
        return KeptCells(~small & ~refused[year], per_year, refused, lost)

    @staticmethod
    def _labels(industries: Grouping) -> list[str]:
        if not industries.labels:
            return ["all"]
        return [" · ".join(map(str, parts)) for parts in zip(*industries.labels, strict=True)]

    def _trimmed(
        self, trim: float, whole: Solution, cell: Ints, year: Ints, data: tuple[Any, ...]
    ) -> Solution:
        if trim == 0.0:
            return whole
        terms = whole.terms
        stays = trim_tails(
            terms.tfpr_deviation, terms.tfpq_deviation, year, whole.terms.gain.shape[0], trim
        )
        kept = np.where(stays, cell, -1)
        n = np.bincount(kept[kept >= 0], minlength=data[3].shape[0])
        return solve(trim, without_small(kept, n, self.min_cell), *data)


@dataclass(frozen=True, eq=False)
class KeptCells:
    """Which industries and years take part.

    Attributes
    ----------
    stays : (C,) bool array
    per_year : (T,) int array
        Firms in industries with enough of them.
    refused : (T,) bool array
        Years with too few.
    lost : mapping of reason to rows
    """

    stays: Bools
    per_year: Ints
    refused: Bools
    lost: dict[str, int]

    def of(self, cell: Ints) -> Ints:
        """Take rows of other cells out."""
        return np.where((cell >= 0) & self.stays[np.maximum(cell, 0)], cell, -1)


def share_role(panel: Panel) -> str | None:
    """Return the role that labor's share is taken from, None for wage bills."""
    return next((role for role in ("labor_share", "capital_share") if role in panel), None)


def read_positive(panel: Panel, name: str) -> Floats:
    """Return a column in levels whose logs will be taken.

    Raises
    ------
    DataError
        If an entry is infinite.
    """
    values = read_level(panel, name)
    bad = np.flatnonzero(np.isinf(values))
    if bad.size:
        entity, time = panel.where(int(bad[0]))
        raise DataError(
            f"{name} is infinite in {bad.size} row(s), first here",
            code="non_finite",
            column=panel.names.get(name, name),
            entity=entity,
            time=time,
            expected="finite numbers",
        )
    return values


def without_small(cell: Ints, n: Ints, least: int) -> Ints:
    """Take rows of cells with too few firms out."""
    return np.where((cell >= 0) & (n[np.maximum(cell, 0)] < least), -1, cell)
