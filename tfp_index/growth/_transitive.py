"""The work behind `MultilateralIndex`: who is compared with whom, by which products, from where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.growth._baskets import Basket
from tfp_index.growth._situations import side_shares
from tfp_index.growth.multilateral_result import (
    ALONE,
    INVALID,
    MISSING,
    NO_BASE,
    OK,
    UNCONNECTED,
    UNGROUPED,
)
from tfp_index.kernels import multilateral as kernel
from tfp_index.kernels.blocks import map_blocks
from tfp_index.panel.panel import Keys, Panel

__all__ = [
    "Comparison",
    "Items",
    "PairOptions",
    "comparison",
    "long_items",
    "mark_alone",
    "mark_ungrouped",
    "mean_firm_logs",
    "pair_logs",
    "rebase",
    "wide_items",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Items:
    """Log quantities and value shares of the products of each side.

    Attributes
    ----------
    logs : mapping of side to k arrays (n,)
    shares : mapping of side to k arrays (n,) or floats
    status : (n,) int8 array
        OK, MISSING or INVALID.
    """

    logs: Mapping[str, Sequence[Floats]]
    shares: Mapping[str, Sequence[Floats | float]]
    status: Codes


def wide_items(
    panel: Panel, sides: Mapping[str, Sequence[str]], fixed: Mapping[str, float], invalid: str
) -> Items:
    """Read the products of a panel whose rows are situations.

    Raises
    ------
    DataError
        If a quantity has no log and `invalid` is ``"error"``.
    """
    status = np.zeros(panel.n_rows, np.int8)
    logs: dict[str, list[Floats]] = {}
    shares: dict[str, list[Floats | float]] = {}
    for side, roles in sides.items():
        logs[side] = [_log(panel, role, invalid, status) for role in roles]
        shares[side] = side_shares(panel, roles, fixed)
        for share in shares[side]:
            if isinstance(share, np.ndarray) and np.isnan(share.min(initial=0.0)):
                status[np.isnan(share) & (status == OK)] = MISSING
    return Items(logs, shares, status)


def _log(panel: Panel, role: str, invalid: str, status: Codes) -> Floats:
    """Return the log of a role and mark in `status` what has none."""
    values = panel[role]
    logs = values if panel.logs else np.empty(values.shape[0])

    def work(rows: slice) -> bool:
        if not panel.logs:
            with np.errstate(divide="ignore", invalid="ignore"):
                np.log(values[rows], out=logs[rows])
        return bool(np.isfinite(logs[rows]).all())

    if all(map_blocks(work, values.shape[0])):
        return logs
    bad = np.isinf(values) if panel.logs else (values <= 0) | np.isinf(values)
    if bad.any() and invalid == "error":
        panel.log(role)  # says which row, unless the logs themselves are infinite
        entity, time = panel.where(int(np.flatnonzero(bad)[0]))
        raise DataError(
            f"{role} is infinite in {int(bad.sum())} row(s), first here",
            code="non_finite",
            column=panel.names[role],
            entity=entity,
            time=time,
            expected="finite numbers",
        )
    status[bad] = INVALID
    status[np.isnan(values) & (status == OK)] = MISSING
    return np.where(bad, np.nan, logs)


def long_items(baskets: Mapping[str, Basket], keys: Keys, invalid: str) -> Items:
    """Read the products of situations whose baskets must all hold the same products.

    Raises
    ------
    DataError
        If a quantity has no log and `invalid` is ``"error"``.
    """
    status = np.zeros(keys.n_rows, np.int8)
    logs, shares = {}, {}
    for side, basket in baskets.items():
        prices, quantities = basket.matrix(np.arange(keys.n_rows))
        used = np.zeros(basket.products.shape[0], bool)
        used[basket.item] = True
        prices, quantities = prices[:, used], quantities[:, used]
        bad = quantities <= 0
        rows = np.flatnonzero(bad.any(axis=1))
        if rows.size and invalid == "error":
            entity, time = keys.where(int(rows[0]))
            product = basket.products[used][np.flatnonzero(bad[rows[0]])[0]]
            raise DataError(
                f"the quantity of {product!r} is zero in {rows.size} situation(s), first here; "
                "its log is needed",
                code="non_positive",
                entity=entity,
                time=time,
                expected="quantities above zero",
                remedy="use formula='geks' over a formula that takes zeros, such as fisher, or "
                "invalid='missing'",
            )
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = prices * quantities
            share = value / value.sum(axis=1, keepdims=True)
            log = np.log(np.where(bad, np.nan, quantities))
        status[rows] = INVALID
        status[np.isnan(log + share).any(axis=1) & (status == OK)] = MISSING
        logs[side] = [np.ascontiguousarray(column) for column in log.T]
        shares[side] = [np.ascontiguousarray(column) for column in share.T]
    return Items(logs, shares, status)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Which situations are compared with each other.

    Attributes
    ----------
    keys : Keys
    cell : (n,) int array
        Situations of one cell are compared; −1 where the group is missing.
    cells : int
    """

    keys: Keys
    cell: Ints
    cells: int

    @property
    def periods(self) -> int:
        """Periods of the calendar."""
        return int(self.keys.calendar.numbers.shape[0])

    @cached_property
    def period(self) -> Ints:
        """(n,) number of each situation's period among those of the calendar."""
        return period_numbers(self.keys)


def period_numbers(keys: Keys) -> Ints:
    """Return the number of each row's period among those of the calendar."""
    numbers = keys.calendar.numbers
    low, span = int(numbers[0]), int(numbers[-1] - numbers[0]) + 1
    if span > max(keys.n_rows, 1024):
        return np.searchsorted(numbers, keys.time)
    table = np.zeros(span, np.int64)  # faster than a search
    table[numbers - low] = np.arange(numbers.shape[0])
    found: Ints = np.take(table, keys.time - low)
    return found


def comparison(keys: Keys, compare: str, group: Ints | None, groups: int) -> Comparison:
    """Cut situations into the cells within which they are compared.

    Parameters
    ----------
    keys : Keys
    compare : {"all", "entity", "time"}
    group : (n,) int array, optional
        −1 where missing.
    groups : int
    """
    if compare == "all":
        cell, cells = np.zeros(keys.n_rows, np.int64), 1
    elif compare == "entity":
        cell, cells = period_numbers(keys), int(keys.calendar.numbers.shape[0])
    else:
        cell, cells = keys.entity_codes, int(keys.entity_labels.shape[0])
    if group is not None:
        cell, cells = np.where(group >= 0, group * cells + cell, -1), groups * cells
    return Comparison(keys, cell, cells)


def mean_firm_logs(
    items: Items, status: Codes, cells: Comparison, *, chain: bool, weights: Floats | None
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return log quantities by side, and the chained mean firms by cell and period.

    Situations whose status is not OK stay out of the means and get NaN.
    """
    rows: Any = slice(None) if not status.any() else np.flatnonzero(status == OK)
    count = cells.cells * (cells.periods if chain else 1)
    where: Ints | None = cells.cell[rows] if cells.cells > 1 else None
    if chain:
        period = cells.period[rows]
        where = period if where is None else where * cells.periods + period
    logs, means = {}, {}
    for side, columns in items.logs.items():
        found = kernel.deviations_from_mean_firm(
            [column[rows] for column in columns],
            [s[rows] if isinstance(s, np.ndarray) else s for s in items.shares[side]],
            where,
            count,
            weights=None if weights is None else weights[rows],
        )
        index = found.within
        if chain:
            assert where is not None
            shape = cells.cells, cells.periods, len(columns)
            chained = np.stack(
                [
                    kernel.chain_of_means(x, s)
                    for x, s in zip(
                        found.mean_logs.reshape(shape),
                        found.mean_shares.reshape(shape),
                        strict=True,
                    )
                ]
            ).reshape(-1)
            index += chained[where]
            means[side] = chained
        if isinstance(rows, slice):
            logs[side] = index
        else:
            logs[side] = np.full(status.shape[0], np.nan)
            logs[side][rows] = index
    return logs, means


@dataclass(frozen=True)
class PairOptions:
    """How pairs are compared; see `MultilateralIndex`."""

    formula: str
    bilateral: str
    kind: str
    window: int | None
    splice: str
    published: bool
    incomplete: str
    most: int


@dataclass
class _Pairs:
    """One side's comparison by pairs, cell after cell."""

    basket: Basket
    keys: Keys
    options: PairOptions
    status: Codes
    missing: int = 0
    base_rows: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    def level(self, rows: Ints) -> Floats:
        """Return the log index of some situations, up to a constant."""
        prices, quantities = self.basket.matrix(rows)
        if self.options.formula == "geks":
            return self._geks(rows, prices, quantities)
        self._refuse_free(rows, prices)
        method = getattr(kernel, self.options.formula)
        try:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                found: Floats = method(prices, quantities)
        except np.linalg.LinAlgError:
            found = np.full(rows.shape[0], np.nan)
        if not np.isfinite(found).all():
            entity, time = self.keys.where(int(rows[0]))
            raise DataError(
                f"{self.options.formula} has no solution: some situations share no product",
                code="no_overlap",
                entity=entity,
                time=time,
                remedy="compare fewer situations, or use formula='geks' with "
                "incomplete='least_squares'",
            )
        return found

    def _refuse_free(self, rows: Ints, prices: Floats) -> None:
        free = np.flatnonzero((prices <= 0).any(axis=1))
        if free.size:
            entity, time = self.keys.where(int(rows[free[0]]))
            raise DataError(
                "a price is zero",
                code="non_positive",
                entity=entity,
                time=time,
                expected="prices above zero",
            )

    def _geks(self, rows: Ints, prices: Floats, quantities: Floats) -> Floats:
        if rows.shape[0] > self.options.most:
            raise DataError(
                f"GEKS over {rows.shape[0]} situations needs {rows.shape[0]}² pairs",
                code="too_many_pairs",
                expected=f"at most {self.options.most} situations in a comparison",
                remedy="formula='ccd' is the same as GEKS over Törnqvist and linear in the rows; "
                "or compare='entity' or 'time', or a window",
            )
        pairs = kernel.pairwise_logs(
            self.options.bilateral, prices, quantities, kind=self.options.kind
        )
        found = kernel.geks(pairs)
        self.missing += found.missing_pairs
        if not found.missing_pairs:
            return found.index
        if self.options.incomplete == "error":
            i, j = (int(k) for k in np.argwhere(np.isnan(pairs))[0])
            one, other = self.keys.where(int(rows[i])), self.keys.where(int(rows[j]))
            raise DataError(
                f"{found.missing_pairs} pair(s) of situations cannot be compared by "
                f"{self.options.bilateral}, first {one} and {other}",
                code="no_overlap",
                entity=one[0],
                time=one[1],
                expected="products in common, with prices and quantities that the formula takes",
                remedy="incomplete='least_squares' uses the pairs that exist",
            )
        return self._connected(rows, found)

    def _connected(self, rows: Ints, found: kernel.Geks) -> Floats:
        """Keep the situations connected with the base, or else the largest connected set."""
        with_base = found.component[self.base_rows[rows]]
        chosen = with_base[0] if with_base.size else np.argmax(np.bincount(found.component))
        lost = found.component != chosen
        self.status[rows[lost]] = UNCONNECTED
        return np.where(lost, np.nan, found.index)

    def series(self, rows: Ints) -> Floats:
        """Return the log index of the periods of an entity, by windows if asked for."""
        window = self.options.window
        if window is None or rows.shape[0] <= window:
            return self.level(rows)
        windows = np.array(
            [self.level(rows[a : a + window]) for a in range(rows.shape[0] - window + 1)]
        )
        if np.isnan(windows).any():
            entity, time = self.keys.where(int(rows[0]))
            raise DataError(
                "within a window some periods share no product, so windows cannot be joined",
                code="no_overlap",
                entity=entity,
                time=time,
                remedy="choose a longer window, or none",
            )
        return kernel.splice_windows(windows, self.options.splice, published=self.options.published)


def pair_logs(
    baskets: Mapping[str, Basket],
    keys: Keys,
    cells: Comparison,
    status: Codes,
    base_rows: NDArray[np.bool_],
    options: PairOptions,
) -> tuple[dict[str, Floats], int]:
    """Return log indices by side from pairs of situations, and the number of missing pairs.

    Marks in `status` what has missing figures, or cannot be connected.
    """
    for basket in baskets.values():
        lacking = np.zeros(status.shape[0], bool)
        whose = np.repeat(np.arange(status.shape[0]), np.diff(basket.start))
        lacking[whose[basket.lacking]] = True
        lacking[np.bincount(whose[basket.traded], minlength=status.shape[0]) == 0] = True
        status[lacking & (status == OK)] = MISSING
    rows = np.flatnonzero((status == OK) & (cells.cell >= 0))
    order = rows[np.argsort(cells.cell[rows], kind="stable")]
    cuts = np.flatnonzero(np.diff(cells.cell[order])) + 1
    logs, missing = {}, 0
    for side, basket in baskets.items():
        index = np.full(status.shape[0], np.nan)
        work = _Pairs(basket, keys, options, status, base_rows=base_rows)
        for members in np.split(order, cuts) if order.size else ():
            index[members] = work.series(members)
        logs[side] = index
        missing += work.missing
    return logs, missing


def rebase(
    logs: dict[str, Floats],
    status: Codes,
    cells: Comparison,
    candidates: NDArray[np.bool_],
) -> None:
    """Put every log index at zero in the first candidate of its cell, in place.

    Parameters
    ----------
    logs : mapping of name to (n,) float array
    status : (n,) int8 array
        Gets NO_BASE where the cell has no candidate with an index.
    cells : Comparison
    candidates : (n,) bool array
    """
    rows = np.flatnonzero(candidates & (status == OK))[::-1]
    base = np.full(cells.cells, -1, np.int64)
    base[cells.cell[rows]] = rows  # the last assignment stays: the first row
    at = np.where(cells.cell >= 0, base[cells.cell], -1)
    status[(at < 0) & (status == OK)] = NO_BASE
    for values in logs.values():
        values -= np.where(at >= 0, values[at], np.nan)


def mark_alone(status: Codes, cells: Comparison) -> None:
    """Mark situations that have nothing to be compared with."""
    there = (status == OK) & (cells.cell >= 0)
    if cells.cells == 1:
        if np.count_nonzero(there) == 1:
            status[there] = ALONE
        return
    rows = np.flatnonzero(there)
    alone = np.bincount(cells.cell[rows], minlength=cells.cells) == 1
    if alone.any():
        status[rows[alone[cells.cell[rows]]]] = ALONE


def mark_ungrouped(status: Codes, cells: Comparison) -> None:
    """Mark situations whose group is missing."""
    if cells.cell.size and cells.cell.min() < 0:
        status[(cells.cell < 0) & (status == OK)] = UNGROUPED
