"""Baskets: what a situation makes or uses, and the products that two of them share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.groups import group_sums

__all__ = ["Basket", "Columns", "Listing", "PairRows"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairRows:
    """Products that both situations of each pair know.

    Attributes
    ----------
    offsets : (m + 1,) int array or None
        None where the products stand in tables, a column for each pair.
    p0, p1, q0, q1 : (r,) or (k, m) float arrays
    item : (r,) or (k, 1) int array
    unmatched, unknown : (m,) int arrays
        Products traded in only one of the two situations, and products whose quantity or price is
        missing in one of them.
    coverage : (m,) float array
        Share of the matched products in the value of the situation where it is lower.
    """

    offsets: Ints | None
    p0: Floats
    p1: Floats
    q0: Floats
    q1: Floats
    item: Ints
    unmatched: Ints
    unknown: Ints
    coverage: Floats


@dataclass(frozen=True, slots=True)
class Listing:
    """Products row by row, situation by situation.

    Attributes
    ----------
    start : (n + 1,) int array
        Rows of each situation.
    item : (r,) int array, rising within a situation
    price, quantity : (r,) float arrays
        NaN where missing.
    """

    start: Ints
    item: Ints
    price: Floats
    quantity: Floats


@dataclass(frozen=True, slots=True)
class Columns:
    """Products column by column.

    Attributes
    ----------
    price, quantity : k arrays (n,)
        NaN where missing.
    """

    price: tuple[Floats, ...]
    quantity: tuple[Floats, ...]


@dataclass(frozen=True, eq=False)
class Basket:
    """Quantities and prices of every situation, laid out in one of two ways.

    Attributes
    ----------
    products : (k,) array of labels
    given : Listing or Columns
    shares_only : bool
        Prices stand for value shares: right up to one factor per situation.
    """

    products: NDArray[Any]
    given: Listing | Columns
    shares_only: bool = False

    @cached_property
    def _listing(self) -> Listing:
        if isinstance(self.given, Listing):
            return self.given
        k, n = self.products.shape[0], self.given.price[0].shape[0]
        return Listing(
            start=np.arange(n + 1) * k,
            item=np.tile(np.arange(k), n),
            price=np.stack(self.given.price, axis=1).reshape(-1),
            quantity=np.stack(self.given.quantity, axis=1).reshape(-1),
        )

    @property
    def start(self) -> Ints:
        """(n + 1,) rows of each situation."""
        return self._listing.start

    @property
    def item(self) -> Ints:
        """(r,) product of each row, rising within a situation."""
        return self._listing.item

    @property
    def price(self) -> Floats:
        """(r,) price, NaN where missing."""
        return self._listing.price

    @property
    def quantity(self) -> Floats:
        """(r,) quantity, NaN where missing."""
        return self._listing.quantity

    @property
    def dense(self) -> bool:
        """Whether every situation lists every product."""
        k, n = self.products.shape[0], self.start.shape[0] - 1
        return bool(self.item.shape[0] == n * k)

    @cached_property
    def _key(self) -> Ints:
        count = np.diff(self.start)
        key: Ints = np.repeat(np.arange(count.shape[0]), count) * self.products.shape[0] + self.item
        return key

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """(r,) whether quantity and price are known."""
        return ~(np.isnan(self.quantity) | np.isnan(self.price))

    @cached_property
    def lacking(self) -> NDArray[np.bool_]:
        """(r,) whether a quantity is missing, or the price of one that is not zero."""
        lacking: NDArray[np.bool_] = ~self.known & (self.quantity != 0)
        return lacking

    @cached_property
    def traded(self) -> NDArray[np.bool_]:
        """(r,) whether a quantity above zero and its price are known."""
        return self.known & (self.quantity > 0)

    @cached_property
    def whole(self) -> Columns | None:
        """The columns, if every situation has every product, prices and quantities above zero."""
        columns = self.given
        if isinstance(columns, Listing):
            if not (self.dense and self.item.size):
                return None
            k = self.products.shape[0]
            price, quantity = columns.price.reshape(-1, k), columns.quantity.reshape(-1, k)
            columns = Columns(
                tuple(np.ascontiguousarray(price.T)), tuple(np.ascontiguousarray(quantity.T))
            )
        # false where one is missing
        positive = all(np.min(x) > 0 for x in (*columns.quantity, *columns.price))
        return columns if positive else None

    @cached_property
    def value(self) -> Floats:
        """(r,) price times quantity, 0 where not known."""
        with np.errstate(invalid="ignore", over="ignore"):
            return np.where(self.known, self.price * self.quantity, 0.0)

    @cached_property
    def _sums(self) -> tuple[Floats, Floats, Floats]:
        columns = (self.traded.astype(np.float64), self.lacking.astype(np.float64), self.value)
        with np.errstate(over="ignore"):
            traded, lacking, value = (group_sums(column, self.start) for column in columns)
        return traded, lacking, value

    def lookup(self, situation: Ints, item: Ints) -> Ints:
        """Return the row of a product in a situation, −1 where it is not listed."""
        if self.dense:
            return self.start[situation] + item
        wanted = situation * self.products.shape[0] + item
        row = np.minimum(np.searchsorted(self._key, wanted), self._key.shape[0] - 1)
        return np.where(self._key[row] == wanted, row, -1)

    def matrix(self, situations: Ints) -> tuple[Floats, Floats]:
        """Return (s, k) prices and quantities, NaN where a product is not known."""
        shape = situations.shape[0], self.products.shape[0]
        prices, quantities = np.full(shape, np.nan), np.full(shape, np.nan)
        row, place = _rows_of(self.start, situations)
        prices[place, self.item[row]] = self.price[row]
        quantities[place, self.item[row]] = self.quantity[row]
        return prices, quantities

    def pairs(self, base: Ints, now: Ints) -> PairRows:
        """Match the products of pairs of situations.

        A product with a quantity of zero and no price is not traded: as if it were not listed.

        Parameters
        ----------
        base, now : (m,) int arrays
            Situations to compare.
        """
        m = base.shape[0]
        if self.whole is not None:
            return _pairs_of_all(self.whole, base, now)
        row1, pair = _rows_of(self.start, now)
        row0 = self.lookup(base[pair], self.item[row1])
        listed = row0 >= 0
        both = listed & self.known[row0] & self.known[row1]

        def count(rows: NDArray[np.bool_]) -> Floats:
            return np.bincount(pair, rows, minlength=m).astype(np.float64, copy=False)

        # all that one situation trades, less what it trades of the matched products
        traded, lacking, value = self._sums
        matched_traded = count(both & self.traded[row0]) + count(both & self.traded[row1])
        lacking_twice = count(listed & self.lacking[row0] & self.lacking[row1])
        half_known = count(listed & self.lacking[row0] & self.traded[row1]) + count(
            listed & self.traded[row0] & self.lacking[row1]
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            covered = np.minimum(
                np.bincount(pair, np.where(both, self.value[row0], 0.0), minlength=m) / value[base],
                np.bincount(pair, np.where(both, self.value[row1], 0.0), minlength=m) / value[now],
            )
        return PairRows(
            offsets=np.concatenate(([0], np.cumsum(count(both)))).astype(np.int64),
            p0=self.price[row0][both],
            p1=self.price[row1][both],
            q0=self.quantity[row0][both],
            q1=self.quantity[row1][both],
            item=self.item[row1][both],
            unmatched=(traded[base] + traded[now] - matched_traded - half_known).astype(np.int64),
            unknown=(lacking[base] + lacking[now] - lacking_twice).astype(np.int64),
            coverage=covered,
        )


def _pairs_of_all(columns: Columns, base: Ints, now: Ints) -> PairRows:
    """Match pairs of situations that both have every product."""
    m, k = base.shape[0], len(columns.price)

    def table(products: tuple[Floats, ...], rows: Ints) -> Floats:
        out = np.empty((k, m))
        for product, row in zip(products, out, strict=True):
            np.take(product, rows, out=row, mode="clip")  # other modes go by a copy
        return out

    return PairRows(
        offsets=None,
        p0=table(columns.price, base),
        p1=table(columns.price, now),
        q0=table(columns.quantity, base),
        q1=table(columns.quantity, now),
        item=np.arange(k)[:, None],
        unmatched=np.zeros(m, np.int64),
        unknown=np.zeros(m, np.int64),
        coverage=np.ones(m),
    )


def _rows_of(start: Ints, situations: Ints) -> tuple[Ints, Ints]:
    """Return the rows of some situations one after the other, and whose they are."""
    count = start[situations + 1] - start[situations]
    whose = np.repeat(np.arange(situations.shape[0]), count)
    first = np.concatenate(([0], np.cumsum(count)))[:-1]
    return start[situations][whose] + np.arange(whose.shape[0]) - first[whose], whose
