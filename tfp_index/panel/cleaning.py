"""Cleaning that can be seen: every row keeps its flags, and what is lost is a table.

Rules run in a fixed order — identity, units, signs, identities between columns, ratios, growth,
distribution — with all thresholds in one named profile. Nothing is dropped: `Cleaning.panel` makes
a new panel of the rows that no excluding rule found, when it is asked to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, nearest
from tfp_index.panel._detectors import RULES, Detector, cells_of, run_rules
from tfp_index.panel.keys import Category
from tfp_index.panel.panel import Panel
from tfp_index.panel.profiles import PROFILES, CleaningProfile, profile_of
from tfp_index.panel.subset import subset
from tfp_index.panel.table import Table

__all__ = ["PROFILES", "Cleaning", "CleaningProfile", "clean"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def clean(
    panel: Panel,
    profile: str | CleaningProfile = "multiprod_like",
    *,
    industry: str | None = None,
    parent: str | None = None,
) -> Cleaning:
    """Look at every row with the rules of a profile.

    Parameters
    ----------
    panel : Panel
        Rules use the roles output, value_added, labor, capital, materials and the columns
        labor_cost, historical_cost, accumulated_depreciation, opening_stock and closing_stock, as
        far as they are there.
    profile : str or CleaningProfile
        ``"none"``, ``"strict"``, ``"multiprod_like"``, ``"orbis_like"``, or one's own, e.g.
        ``CleaningProfile.named("strict").but(mad=5.0)``.
    industry : str, optional
        Grouping inside which ratios are compared, year by year; without one, all enterprises.
    parent : str, optional
        Coarser grouping that stands in where an industry has too few values in a year; without
        one, all industries of the year.

    Returns
    -------
    Cleaning

    Raises
    ------
    SpecificationError
        If there is no such profile.
    DataError
        If there is no such grouping.

    Examples
    --------
    >>> import numpy as np, tfp_index as tfp
    >>> output = np.array([50.0, 52, 55_000, 58, 60, 30, 31, 32, 33, 34])
    >>> panel = tfp.Panel.from_frame(
    ...     {"firm": ["a"] * 5 + ["b"] * 5, "year": [2018, 2019, 2020, 2021, 2022] * 2,
    ...      "sales": output}, entity="firm", time="year", output="sales")
    >>> found = tfp.clean(panel, tfp.CleaningProfile("units only", units=True))
    >>> found.table().where(rows=1)["rule"].tolist()
    ['unit_error']
    >>> found.panel().n_rows
    9
    """
    chosen = profile_of(profile)
    one = np.zeros(panel.n_rows, np.int64)
    industries = one if industry is None else panel.group(industry).codes
    parents = None if parent is None else panel.group(parent).codes
    cell, larger = cells_of(panel, industries, parents)
    detector = Detector(
        panel=panel,
        profile=chosen,
        cell=cell,
        parent=larger,
        industry=industries,
        industries=int(industries.max(initial=0)) + 1,
    )
    found = run_rules(detector)
    flags = np.zeros(panel.n_rows, np.int64)
    for bit, rows in enumerate(found.values()):
        flags |= rows.astype(np.int64) << bit
    return Cleaning(chosen, panel, tuple(found), flags, dict(detector.winsorized))


@dataclass(frozen=True, eq=False, repr=False)
class Cleaning:
    """Flags of every row, and what they cost.

    Attributes
    ----------
    profile : CleaningProfile
    source : Panel
    rules : tuple of str
        Codes in the order of application; the place of a code is its bit in `flags`.
    flags : (n,) int64 array
        In panel order.
    winsorized : mapping of ratio to (n,) float array
        Ratios pulled to the bounds of their industry and year, for statistics that keep all rows.
    """

    profile: CleaningProfile
    source: Panel
    rules: tuple[str, ...]
    flags: Ints
    winsorized: dict[str, Floats]

    def found(self, rule: str) -> Bools:
        """(n,) rows that a rule found.

        Raises
        ------
        DataError
            If the profile does not use the rule.
        """
        if rule not in self.rules:
            raise DataError(
                f"the profile {self.profile.name!r} does not use the rule {rule!r}",
                code="unknown_rule",
                remedy=nearest(rule, self.rules),
            )
        return np.asarray((self.flags >> self.rules.index(rule)) & 1, np.bool_)

    def excludes(self, rule: str) -> bool:
        """Whether rows that the rule finds are left out by `panel`."""
        return rule not in self.profile.only_flag

    @property
    def first_rule(self) -> Ints:
        """(n,) place of the first excluding rule that found the row, -1 for none."""
        first = np.full(self.source.n_rows, -1)
        for place in range(len(self.rules) - 1, -1, -1):
            if self.excludes(self.rules[place]):
                first[self.found(self.rules[place])] = place
        return first

    @property
    def keep(self) -> Bools:
        """(n,) rows that no excluding rule found."""
        return self.first_rule < 0

    def to_frame(self, backend: str | None = None) -> Any:
        """Return keys, one column for each rule, and whether the row is kept, in caller's order."""
        values: dict[str, NDArray[Any]] = {rule: self.found(rule) for rule in self.rules}
        values |= {"clean_flags": self.flags, "kept": self.keep}
        return self.source.keys.to_frame(values, backend)

    def table(self) -> Table:
        """Return what each rule found by itself, and what it took after the rules before it."""
        first = self.first_rule
        columns: dict[str, Any] = {
            "rule": list(self.rules),
            "finds": [RULES[rule] for rule in self.rules],
            "excludes": [self.excludes(rule) for rule in self.rules],
            "rows": [int(self.found(rule).sum()) for rule in self.rules],
            "rows_first_lost_here": [int((first == i).sum()) for i in range(len(self.rules))],
        }
        return Table(columns, f"Cleaning, profile {self.profile.name}",
                     backend=self.source.keys.backend)  # fmt: skip

    def waterfall(self) -> Table:
        """Return rows, enterprises, persons and output left after each excluding rule."""
        first = self.first_rule
        left = np.ones(self.source.n_rows, bool)
        steps = ["all rows"]
        rows = [self._totals(left)]
        for place, rule in enumerate(self.rules):
            if self.excludes(rule):
                left &= first != place
                steps.append(rule)
                rows.append(self._totals(left))
        columns: dict[str, Any] = {"after": steps}
        columns |= {name: [row[name] for row in rows] for name in rows[0]}
        return Table(columns, f"What is left, profile {self.profile.name}",
                     backend=self.source.keys.backend)  # fmt: skip

    def _totals(self, rows: Bools) -> dict[str, float]:
        totals: dict[str, float] = {
            "rows": float(rows.sum()),
            "enterprises": float(np.unique(self.source.entity_codes[rows]).shape[0]),
        }
        for name, values in self._sizes().items():
            totals[name] = float(values[rows].sum())
        return totals

    def _sizes(self) -> dict[str, Floats]:
        """Persons and output in levels, missing counted as zero."""
        sizes = {}
        for role in ("labor", "output"):
            if role in self.source:
                values = self.source[role]
                values = np.exp(values) if self.source.logs else values
                sizes[role] = np.nan_to_num(values, posinf=0.0, neginf=0.0)
        return sizes

    def funnel(self, by: str | Sequence[str] = ()) -> Table:
        """Return what each excluding rule took, by period and groups.

        A row counts under the first rule that found it.

        Parameters
        ----------
        by : str or sequence of str
            Groupings, e.g. the province.

        Returns
        -------
        Table
            One row for each rule, period and group in which something was lost: rows,
            enterprises, persons and output lost, and their shares of all.
        """
        names = (by,) if isinstance(by, str) else tuple(by)
        panel = self.source
        categories: list[Category] = [panel.group(name) for name in names]
        first = self.first_rule
        keys = np.column_stack([first, panel.time, *(category.codes for category in categories)])
        lost = first >= 0
        groups, at = np.unique(keys[lost], axis=0, return_inverse=True)
        whole, of = np.unique(keys[:, 1:], axis=0, return_inverse=True)
        place = {tuple(row): i for i, row in enumerate(whole.tolist())}
        everyone = np.array([place[tuple(row[1:])] for row in groups.tolist()], np.int64)
        sizes = {"rows": np.ones(panel.n_rows), "enterprises": np.ones(panel.n_rows),
                 **self._sizes()}  # fmt: skip
        calendar = panel.keys.calendar
        columns: dict[str, Any] = {
            "rule": [self.rules[i] for i in groups[:, 0].tolist()],
            panel.keys.names["time"]: [calendar.write(t) for t in groups[:, 1].tolist()],
        }
        for j, (name, category) in enumerate(zip(names, categories, strict=True)):
            labels = category.labels.tolist()
            columns[name] = [
                labels[c] if c >= 0 else "(missing)" for c in groups[:, 2 + j].tolist()
            ]
        at, of = at.reshape(-1), of.reshape(-1)
        for name, values in sizes.items():
            values = self._once(values, at, lost) if name == "enterprises" else values
            total = np.bincount(of, sizes[name], whole.shape[0])[everyone]
            gone = np.bincount(at, values[lost], groups.shape[0])
            columns[name] = gone
            columns[f"share_of_{name}"] = np.divide(
                gone, total, out=np.full(gone.shape, np.nan), where=total > 0
            )
        del columns["share_of_enterprises"]
        return Table(columns, f"Lost in cleaning, profile {self.profile.name}",
                     backend=panel.keys.backend)  # fmt: skip

    def _once(self, ones: Floats, at: Ints, lost: Bools) -> Floats:
        """Count an enterprise once in each cell of the funnel."""
        code = self.source.entity_codes[lost]
        _, first = np.unique(at * self.source.n_entities + code, return_index=True)
        counted = np.zeros(ones.shape)
        counted[np.flatnonzero(lost)[first]] = 1.0
        return counted

    def panel(self) -> Panel:
        """Return a panel of the rows that are kept; nothing else is changed."""
        return subset(self.source, np.flatnonzero(self.keep))

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()
