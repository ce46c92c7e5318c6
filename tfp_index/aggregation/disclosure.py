"""No published cell gives an enterprise away: cells, rules, the public and the restricted table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._cells import TOTAL, Cells, Grid, grid_of, lines_of
from tfp_index.aggregation._rows import names_of
from tfp_index.errors import DataError
from tfp_index.kernels import disclosure as kernel
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.results.specification import Specification

__all__ = ["Cells", "Disclosed", "DisclosureRules"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NO_SHARES = "shares are blank in periods whose total is suppressed: they add up to one"

_RULES = (
    (kernel.RULE_COUNT, "count"),
    (kernel.RULE_DOMINANCE, "dominance"),
    (kernel.RULE_P_PERCENT, "p_percent"),
    (kernel.RULE_PQ, "pq"),
)


@dataclass(frozen=True, repr=False)
class DisclosureRules(Specification):
    """Rules that decide which cells of a table may be published.

    Counts and the largest contributions of a cell, in a variable that is never negative such as
    output or employment, decide; a cell that fails loses *all* its statistics.

    Parameters
    ----------
    min_count : int, optional
        Fewest contributors of a published cell.
    dominance : (n, k), optional
        A cell is sensitive when its n largest contributors hold more than k percent.
    p_percent : float, optional
        A cell is sensitive when its second largest contributor could estimate the largest to
        within p percent: ``T - x1 - x2 < p/100 x1``.
    pq : (p, q), optional
        The same when everybody is already known to within q percent: ``T - x1 - x2 < p/q x1``.
    secondary : bool
        Protect sensitive cells against subtraction: never exactly one suppressed part beside its
        total; no cell, and no sum that breaks the rules itself, follows from the rest.
    same_over_time : bool
        Suppress the same cells in every period, since neighboring periods estimate a blank.
    rounding : float, optional
        Publish sums as multiples of this number.
    decimals : int, optional
        Decimals of published means, indices and contributions.
    percentile_count : int
        Fewest observations behind a published percentile.
    percentile_window : int
        A published percentile is the mean of this many observations around it.
    show_rule : bool
        Whether the public table says which rule a cell failed.

    Raises
    ------
    SpecificationError
        If a parameter makes no sense.

    Notes
    -----
    No threshold is prescribed for this purpose in the statistical law of Viet Nam that we know of;
    the defaults are those of common practice in other statistical offices. Suppression is safe
    against exact recovery, not minimal, and not against bounds: `Disclosed.bounds` says how
    closely a blank can still be bounded.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"firm": list(range(24)), "year": [2024] * 24,
    ...          "district": ["Hạ Long"] * 9 + ["Cẩm Phả"] * 8 + ["Uông Bí"] * 6 + ["Cô Tô"],
    ...          "output": [20.0, 18, 17, 16, 14, 12, 9, 8, 7, 15, 14, 13, 12, 11, 9, 8, 6,
    ...                     9, 8, 7, 7, 6, 5, 3]}
    >>> panel = tfp.Panel.from_frame(frame, entity="firm", time="year", output="output",
    ...                              groups={"district": "district"})
    >>> cells = tfp.Cells.from_panel(panel, by="district", weight="output", sums=["output"])
    >>> tfp.DisclosureRules().apply(cells).to_frame()[["district", "output", "status"]].values
    array([['Cô Tô', nan, 'suppressed'],
           ['Cẩm Phả', 88.0, 'published'],
           ['Hạ Long', 121.0, 'published'],
           ['Uông Bí', nan, 'suppressed'],
           ['(total)', 254.0, 'published']], dtype=object)
    """

    min_count: int | None = 5
    dominance: tuple[int, float] | None = (2, 85.0)
    p_percent: float | None = 10.0
    pq: tuple[float, float] | None = None
    secondary: bool = True
    same_over_time: bool = True
    rounding: float | None = None
    decimals: int | None = None
    percentile_count: int = 10
    percentile_window: int = 5
    show_rule: bool = True

    def __post_init__(self) -> None:
        for option in ("dominance", "pq"):
            value = getattr(self, option)
            if value is None:
                continue
            try:
                first, second = (float(part) for part in value)
            except (TypeError, ValueError):
                self._refuse(option, f"{option}={value!r}", "two numbers")
            pair = (int(first), second) if option == "dominance" else (first, second)
            object.__setattr__(self, option, pair)
        if self.min_count is not None and self.min_count < 1:
            self._refuse("min_count", f"min_count={self.min_count!r}", "an integer from 1, or None")
        if self.dominance and not (self.dominance[0] >= 1 and 0 < self.dominance[1] <= 100):
            self._refuse("dominance", f"dominance={self.dominance!r}", "(n from 1, k to 100)")
        if self.p_percent is not None and not 0 < self.p_percent <= 100:
            self._refuse("p_percent", f"p_percent={self.p_percent!r}", "above 0, at most 100")
        if self.pq and not 0 < self.pq[0] <= self.pq[1]:
            self._refuse("pq", f"pq={self.pq!r}", "0 < p <= q")
        if self.rounding is not None and not self.rounding > 0:
            self._refuse("rounding", f"rounding={self.rounding!r}", "a number above zero")
        if self.percentile_window < 1 or self.percentile_window % 2 == 0:
            self._refuse("percentile_window", "percentile_window must be odd", "3, 5, 7 …")

    @property
    def limits(self) -> kernel.Limits:
        """Parameters of the primary rules."""
        return kernel.Limits(self.min_count, self.dominance, self.p_percent, self.pq)

    @overload
    def apply(self, cells: Cells) -> Disclosed: ...
    @overload
    def apply(self, cells: Sequence[Cells]) -> list[Disclosed]: ...
    def apply(self, cells: Any) -> Any:
        """Decide which cells may be published.

        Parameters
        ----------
        cells : Cells or sequence of Cells
            Several tables of the same enterprises are protected together: a cell or margin that
            occurs in two of them is treated alike in both, and what one table gives away about
            another is counted.

        Returns
        -------
        Disclosed, or a list of them

        Raises
        ------
        DataError
            If a table does not say what stands behind its cells.
        """
        if isinstance(cells, Cells):
            return self._apply([cells])[0]
        if isinstance(cells, (list, tuple)) and cells and all(isinstance(c, Cells) for c in cells):
            return self._apply(list(cells))
        raise DataError(
            f"{type(cells).__name__} does not say who stands behind its cells",
            code="not_cells",
            expected="Cells, or several of them",
            remedy="Cells.from_panel(panel, by=…), Cells.from_frame(frame, …) or result.cells()",
        )

    def _apply(self, tables: list[Cells]) -> list[Disclosed]:
        for table in tables:
            if table.contributions[0].largest.shape[1] < self.limits.largest:
                raise DataError(
                    f"the cells keep {table.contributions[0].largest.shape[1]} of the largest "
                    f"contributions, the rules need {self.limits.largest}",
                    code="too_few_largest",
                    remedy="keep more of them (keep_largest= of the specification)",
                )
        bits = [self._primary(table) for table in tables]
        grid = grid_of(tables)
        primary = np.zeros((grid.periods, grid.cells), bool)
        for period, place, own in zip(grid.period, grid.place, bits, strict=True):
            primary[period, place] |= own > 0
        pattern = self._pattern(tables, primary, grid)
        ever = np.asarray(primary.any(axis=0))
        return [
            self._disclosed(table, own, pattern[period, place], ever[place])
            for table, own, period, place in zip(tables, bits, grid.period, grid.place, strict=True)
        ]

    def _primary(self, table: Cells) -> NDArray[np.uint8]:
        bits = np.zeros(len(table), np.uint8)
        for contributions in table.contributions:
            bits |= kernel.sensitive(contributions, self.limits)
        return bits

    def _pattern(self, tables: list[Cells], primary: Bools, grid: Grid) -> Bools:
        """(T, C) cells to suppress."""
        if not self.secondary:
            one = np.asarray(primary.any(axis=0))
            return np.broadcast_to(one, primary.shape) if self.same_over_time else primary
        behind, lines = grid.contributions(tables), lines_of(tables, grid)
        worth = grid.worth(tables)
        if self.same_over_time:
            one = kernel.suppress(primary, behind, lines, self.limits, worth.sum(axis=0))
            return np.broadcast_to(one, primary.shape)
        each = [
            kernel.suppress(primary[[t]], [behind[t]], lines, self.limits, worth[t])
            for t in range(grid.periods)
        ]
        return np.array(each)

    def _disclosed(
        self, table: Cells, bits: NDArray[np.uint8], suppressed: Bools, ever: Bools
    ) -> Disclosed:
        empty = np.all([behind.n == 0 for behind in table.contributions], axis=0)
        status = np.where(suppressed, "suppressed", np.where(empty, "empty", "published"))
        rule = np.full(len(table), "", object)
        rule[suppressed] = "secondary"
        rule[suppressed & ever] = "other period"
        for bit, name in reversed(_RULES):
            rule[(bits & bit) > 0] = name
        return Disclosed(self, table, status.astype(object), rule)

    def cells(self, panel: Panel, by: Any, weight: str = "output", **options: Any) -> Cells:
        """Merge groups that are too small into one, then build cells.

        Parameters
        ----------
        panel : Panel
        by : str or sequence of str
            Groupings; each is merged on its own margin, over all periods together.
        weight : str
            Column of the contributions.
        **options
            Further options of `Cells.from_panel`.
        """
        return Cells.from_panel(panel, by=by, weight=weight, merge=self.limits, **options)

    def protect(self, panel: Panel, by: Any, weight: str = "output", **options: Any) -> Disclosed:
        """Merge small groups, build the cells and apply the rules, in one go."""
        return self.apply(self.cells(panel, names_of(by), weight, **options))


@dataclass(frozen=True, eq=False)
class Disclosed:
    """A table after disclosure control.

    Attributes
    ----------
    rules : DisclosureRules
    cells : Cells
        With everything: restricted.
    status : (C,) object array of ``"published"``, ``"suppressed"`` or ``"empty"``
    rule : (C,) object array
        The first rule that a cell fails; ``"secondary"`` where it protects another.
    """

    rules: DisclosureRules
    cells: Cells
    status: NDArray[Any]
    rule: NDArray[Any]

    @cached_property
    def public(self) -> Table:
        """The table that may be published: values, status and rule, no counts, no dominance."""
        blank = self.status != "published"
        shareless = blank | self._whole_is_suppressed()
        columns: dict[str, Any] = dict(self.cells.keys_columns())
        for name, values in self.cells.values.items():
            hidden = shareless if name in self.cells.shares else blank
            columns[name] = np.where(hidden, np.nan, self._rounded(name, values))
        columns["status"] = self.status
        if self.rules.show_rule:
            columns["rule"] = self.rule
        notes = (*self.cells.notes, self._sentence())
        if (shareless & ~blank).any() and self.cells.shares:
            notes += (NO_SHARES,)
        return Table(columns, self.cells.title, notes, self.cells.backend)

    def _whole_is_suppressed(self) -> Bools:
        """(C,) cells of periods whose total is suppressed.

        Shares add up to one even where the total is blank. Published ones would give away the
        sum of the suppressed rest, which the blank total is there to hide.
        """
        labels = self.cells.keys.values()
        whole = np.all([np.asarray(x, object) == TOTAL for x in labels], axis=0) if labels else True
        bad = np.asarray(whole & (self.status == "suppressed"), bool)
        if self.cells.time is None:
            return np.full(bad.shape, bad.any())
        when = self.cells.time.tolist()
        periods = {when[row] for row in np.flatnonzero(bad).tolist()}
        return np.array([period in periods for period in when], bool)

    def _rounded(self, name: str, values: Floats) -> Floats:
        if name in self.cells.sums and self.rules.rounding is not None:
            return kernel.round_to(values, self.rules.rounding)
        if name not in self.cells.sums and self.rules.decimals is not None:
            return np.round(values, self.rules.decimals)
        return values

    def _sentence(self) -> str:
        count = {name: int((self.status == name).sum()) for name in ("published", "suppressed")}
        if not count["suppressed"]:
            return f"disclosure control: all {count['published']} cells published"
        return (
            f"disclosure control: {count['published']} cells published, {count['suppressed']} "
            "suppressed to protect enterprises"
        )

    @cached_property
    def restricted(self) -> Table:
        """Everything, with counts and dominance: not for publication."""
        first = self.cells.contributions[0]
        total = np.where(first.total > 0, first.total, 1.0)
        columns: dict[str, Any] = {
            **self.cells.keys_columns(),
            **self.cells.values,
            "n": first.n,
            "weight": first.total,
            **{f"largest_{k + 1}": first.largest[:, k] for k in range(first.largest.shape[1])},
            "share_of_two_largest": np.where(
                first.total > 0, first.largest[:, :2].sum(axis=1) / total, np.nan
            ),
            "status": self.status,
            "rule": self.rule,
        }
        title = " · ".join(filter(None, (self.cells.title, "RESTRICTED: not for publication")))
        return Table(columns, title, self.cells.notes, self.cells.backend)

    def counts(self) -> Table:
        """Return how many cells have each status, by rule."""
        pairs = sorted(set(zip(self.status.tolist(), self.rule.tolist(), strict=True)))
        n = [int(((self.status == s) & (self.rule == r)).sum()) for s, r in pairs]
        return Table({"status": [s for s, _ in pairs], "rule": [r for _, r in pairs], "cells": n})

    def bounds(self) -> Table:
        """Return how closely each suppressed cell can be bounded from the published rest.

        Somebody who knows every published sum of the weight variable, all margins, and that
        nothing is negative, can place a suppressed cell between `low` and `high`. Solved by
        linear programming for each suppressed cell: for audits of tables of some hundred cells.
        """
        grid = grid_of([self.cells])
        lines = lines_of([self.cells], grid)
        low, high = np.full((2, len(self.cells)), np.nan)
        contributions = grid.contributions([self.cells])
        for t in range(grid.periods):
            mine = np.flatnonzero(grid.period[0] == t)
            place = grid.place[0][mine]
            unknown = np.zeros(grid.cells, bool)
            unknown[place] = self.status[mine] == "suppressed"
            bottom, top = kernel.feasible_ranges(contributions[t].total, unknown, lines)
            low[mine], high[mine] = bottom[place], top[place]
        rows = np.flatnonzero(self.status == "suppressed")
        columns = {**self.cells.keys_columns(), "low": low, "high": high}
        columns["weight"] = self.cells.contributions[0].total
        return Table(
            {name: values[rows] for name, values in columns.items()},
            "RESTRICTED: bounds that an intruder can compute",
            backend=self.cells.backend,
        )

    def to_frame(self, backend: str | None = None) -> Any:
        """Return the public table as a frame."""
        return self.public.to_frame(backend)

    def __str__(self) -> str:
        return str(self.public)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.public._repr_html_()
