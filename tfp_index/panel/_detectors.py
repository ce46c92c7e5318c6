"""Rules that find rows which cannot be right, or stand far from the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.dispersion import demean
from tfp_index.kernels.groups import STATUS_OK
from tfp_index.kernels.ordering import dense_codes
from tfp_index.kernels.outliers import (
    bacon_by_cell,
    jumps_back,
    mad_score,
    tail_bounds,
    unit_errors,
    winsorize,
)
from tfp_index.panel.panel import Panel
from tfp_index.panel.profiles import CleaningProfile

__all__ = ["RULES", "Detector", "ratio_columns", "run_rules"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RULES = {
    "duplicate_key": "repeats the key of an earlier row",
    "no_core": "lacks every one of output, labor, capital and value added",
    "unit_error": "recorded in another unit than the years before and after",
    "unit_shift": "the unit seems to change here and does not change back",
    "ever_negative": "of an enterprise that has a negative output, labor, capital or wage bill",
    "too_large": "of an enterprise with more persons than any can have",
    "not_positive": "a column whose log is needed is zero or negative",
    "value_added_above_output": "value added exceeds output",
    "sales_without_labor": "output without a single person",
    "depreciation_above_cost": "accumulated depreciation exceeds historical cost",
    "opening_not_closing": "the opening stock is not last year's closing stock",
    "wage_out_of_band": "wage per person outside the band",
    "wage_share": "wage bill over value added outside its bounds",
    "ratio_tail": "a ratio in the tail of its industry and year",
    "jump_back": "more than a factor away from both neighboring years",
    "mad": "a ratio far from the median of its industry and year",
    "bacon": "output, capital, labor and materials do not go together",
}
"""Codes of the rules in the order in which they are applied, with what they find."""


@dataclass(frozen=True, eq=False)
class Detector:
    """A panel under inspection: levels of its columns, cells, and what was found so far.

    Attributes
    ----------
    cell, parent : (n,) and (cells,) int arrays
        Industry and year of each row, and the year (or parent industry and year) of each cell.
    industry : (n,) int array
    """

    panel: Panel
    profile: CleaningProfile
    cell: Ints
    parent: Ints
    industry: Ints
    industries: int
    stock_tolerance: float = 0.01
    winsorized: dict[str, Floats] = field(default_factory=dict)

    def level(self, role: str) -> Floats:
        """Return a column in levels; all missing where the panel has none."""
        if role not in self.panel:
            return np.full(self.panel.n_rows, np.nan)
        values = self.panel[role]
        return np.exp(values) if self.panel.logs else values

    def log(self, role: str) -> Floats:
        """Return the log of a column, missing where it is not above zero."""
        values = self.level(role)
        out: Floats = np.full(values.shape, np.nan)
        np.log(values, out=out, where=values > 0)
        return out


def ratio_columns(detector: Detector) -> dict[str, Floats]:
    """Return the logs of the ratios that the panel's columns allow."""
    logs = {
        role: detector.log(role)
        for role in ("output", "value_added", "labor", "capital", "materials", "labor_cost")
    }
    numerators = {
        "output_per_person": ("output", "labor"),
        "value_added_per_person": ("value_added", "labor"),
        "capital_per_person": ("capital", "labor"),
        "materials_over_output": ("materials", "output"),
        "wage_share": ("labor_cost", "value_added"),
    }
    ratios = {name: logs[a] - logs[b] for name, (a, b) in numerators.items()}
    return {name: values for name, values in ratios.items() if not np.isnan(values).all()}


def _duplicates(d: Detector) -> Bools:
    panel = d.panel
    found = np.zeros(panel.n_rows, bool)
    same = panel.series_codes[1:] == panel.series_codes[:-1]
    found[1:] = (panel.time[1:] == panel.time[:-1]) & same
    return found


def _no_core(d: Detector) -> Bools:
    core = ("output", "labor", "capital", "value_added")
    return np.asarray(np.all([np.isnan(d.level(role)) for role in core], axis=0))


def _units(d: Detector, unreversed: bool) -> Bools:
    found = np.zeros(d.panel.n_rows, bool)
    for role in ("output", "value_added", "capital", "materials", "labor_cost"):
        logs = d.log(role)
        if not np.isnan(logs).all():
            errors = unit_errors(logs, d.panel.series_codes, tolerance=d.profile.unit_tolerance)
            found |= (errors.unreversed if unreversed else errors.power) != 0
    return found


def _whole_firms(d: Detector, rows: Bools) -> Bools:
    return np.bincount(d.panel.entity_codes[rows], minlength=d.panel.n_entities).astype(bool)[
        d.panel.entity_codes
    ]


def _ever_negative(d: Detector) -> Bools:
    negative = np.zeros(d.panel.n_rows, bool)
    for role in ("output", "labor", "capital", "labor_cost"):
        negative |= d.level(role) < 0
    return _whole_firms(d, negative)


def _too_large(d: Detector) -> Bools:
    return _whole_firms(d, d.level("labor") > d.profile.max_labor)


def _not_positive(d: Detector) -> Bools:
    found = np.zeros(d.panel.n_rows, bool)
    for role in d.profile.positive:
        found |= d.level(role) <= 0
    return found


def _opening(d: Detector) -> Bools:
    """Opening stock against the closing stock of the row before, where that is last year's."""
    opening, closing = d.level("opening_stock"), d.level("closing_stock")
    found = np.zeros(d.panel.n_rows, bool)
    gap = np.abs(opening[1:] - closing[:-1]) > d.stock_tolerance * np.abs(closing[:-1])
    found[1:] = gap & (d.panel.lag_status[1:] == STATUS_OK)
    return found


def _wage_band(d: Detector) -> Bools:
    low, high = d.profile.wage_band or (0.0, np.inf)
    labor = d.level("labor")
    wage: Floats = np.full(labor.shape, np.nan)
    np.divide(d.level("labor_cost"), labor, out=wage, where=labor > 0)
    return np.asarray((wage < low) | (wage > high))


def _wage_share(d: Detector) -> Bools:
    """Outside the percentiles of the whole sample, or above the absolute limit."""
    logs = d.log("labor_cost") - d.log("value_added")
    lower, upper, limit = d.profile.wage_share or (0.0, 1.0, np.inf)
    everyone = np.zeros(d.panel.n_rows, np.int64)
    low, high = tail_bounds(logs, everyone, 1, lower, upper)
    return np.asarray((logs < low) | (logs > high) | (logs > np.log(limit)))


def _ratio_tails(d: Detector) -> Bools:
    found = np.zeros(d.panel.n_rows, bool)
    lower, upper = d.profile.ratio_tails or (0.0, 1.0)
    for name, values in ratio_columns(d).items():
        low, high = tail_bounds(
            values, d.cell, d.parent.shape[0], lower, upper,
            parent=d.parent, min_count=d.profile.min_cell,
        )  # fmt: skip
        found |= (values < low) | (values > high)
        d.winsorized[name] = np.exp(winsorize(values, low, high))
    return found


def _jumps(d: Detector) -> Bools:
    found = np.zeros(d.panel.n_rows, bool)
    for role in ("output", "value_added", "capital", "labor", "materials", "labor_cost"):
        logs = d.log(role)
        if not np.isnan(logs).all():
            found |= jumps_back(logs, d.panel.series_codes, float(d.profile.jump or np.inf))
    return found


def _mad(d: Detector) -> Bools:
    found = np.zeros(d.panel.n_rows, bool)
    for values in ratio_columns(d).values():
        found |= np.abs(mad_score(values, d.cell, d.parent.shape[0])) > float(d.profile.mad or 0)
    return found


def _bacon(d: Detector) -> Bools:
    """By industry, all years together, deviations from the industry's mean in the year."""
    columns = [d.log(role) for role in ("output", "capital", "labor", "materials")]
    columns = [c for c in columns if not np.isnan(c).all()]
    if len(columns) < 2:
        return np.zeros(d.panel.n_rows, bool)
    cells = d.parent.shape[0]
    X = np.column_stack([
        demean(np.nan_to_num(c), np.where(np.isnan(c), -1, d.cell), cells) for c in columns
    ])  # fmt: skip
    return bacon_by_cell(X, d.industry, d.industries, float(d.profile.bacon or 0.05))[0]


def _applicable(profile: CleaningProfile) -> Mapping[str, Callable[[Detector], Bools]]:
    """The rules that a profile uses, in order."""
    switches: dict[str, tuple[bool, Callable[[Detector], Bools]]] = {
        "duplicate_key": (True, _duplicates),
        "no_core": (profile.no_core, _no_core),
        "unit_error": (profile.units, lambda d: _units(d, unreversed=False)),
        "unit_shift": (profile.units, lambda d: _units(d, unreversed=True)),
        "ever_negative": (profile.ever_negative, _ever_negative),
        "too_large": (profile.max_labor < np.inf, _too_large),
        "not_positive": (bool(profile.positive), _not_positive),
        "value_added_above_output": (
            profile.identities, lambda d: d.level("value_added") > d.level("output"),
        ),
        "sales_without_labor": (
            profile.identities, lambda d: (d.level("output") > 0) & (d.level("labor") == 0),
        ),
        "depreciation_above_cost": (
            profile.identities,
            lambda d: d.level("accumulated_depreciation") > d.level("historical_cost"),
        ),
        "opening_not_closing": (profile.identities, _opening),
        "wage_out_of_band": (profile.wage_band is not None, _wage_band),
        "wage_share": (profile.wage_share is not None, _wage_share),
        "ratio_tail": (profile.ratio_tails is not None, _ratio_tails),
        "jump_back": (profile.jump is not None, _jumps),
        "mad": (profile.mad is not None, _mad),
        "bacon": (profile.bacon is not None, _bacon),
    }  # fmt: skip
    return {code: rule for code, (on, rule) in switches.items() if on}


def run_rules(detector: Detector) -> dict[str, Bools]:
    """Return the rows that each rule of the profile finds, in the order of `RULES`."""
    return {code: rule(detector) for code, rule in _applicable(detector.profile).items()}


def cells_of(panel: Panel, industry: Ints, parent: Ints | None) -> tuple[Ints, Ints]:
    """Cells of industry and year, and the larger cell of each: parent industry and year."""
    period, numbers = dense_codes(panel.time)
    T = numbers.shape[0]
    groups = int(industry.max(initial=-1)) + 1
    cell = np.where(industry >= 0, industry * T + period, -1)
    of_industry = np.zeros(max(groups, 1), np.int64)
    if parent is not None:
        known = industry >= 0
        of_industry[industry[known]] = np.maximum(parent[known], 0)
    larger = np.repeat(of_industry, T) * T + np.tile(np.arange(T), max(groups, 1))
    return cell, larger
