"""Bilateral index numbers: quantities, prices and TFP of one situation against another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.growth._baskets import Basket
from tfp_index.growth._situations import (
    Situations,
    check_sides,
    fixed_shares,
    is_long,
    long_situations,
    refuse_shares_alone,
    situation_sample,
    wide_sides,
    wide_situations,
)
from tfp_index.growth.bilateral_result import (
    FIRST,
    GAP,
    NO_BASE,
    UNKNOWN,
    UNLINKED,
    UNMATCHED,
    WHY,
    BilateralIndexResult,
)
from tfp_index.kernels.blocks import BLOCK_ROWS, map_blocks
from tfp_index.kernels.groups import STATUS_GAP, STATUS_OK, running_sums
from tfp_index.kernels.index_formulas import FORMULAS, NO_OVERLAP, NO_VALUE, OK, bilateral
from tfp_index.panel.checks import refuse_mixed_bases, require_keys
from tfp_index.panel.panel import Panel
from tfp_index.results.result import record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["BilateralIndex"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]

_PAIRS = 65_536  # pairs of situations compared at a time


@dataclass(frozen=True, repr=False)
class BilateralIndex(Specification):
    r"""Compare each situation with one other: the period before, a base period or a base entity.

    With prices p and quantities q of the products of two situations 0 and 1, e.g.

    .. math::

        Q_F = \sqrt{\frac{\sum p_0 q_1}{\sum p_0 q_0}\cdot\frac{\sum p_1 q_1}{\sum p_1 q_0}},
        \qquad \mathrm{TFP} = Q_{output} / Q_{input} .

    **Data.** A *wide* panel has a row per entity and period and a role per product; beside the
    quantity ``x`` it has the price ``x_price`` or the value ``x_value`` (or, for formulas that
    need no more, the share ``x_share``). The products are named by `outputs` and `inputs`. A
    *long* panel has a row per product, the product being its third key (``item=``), and the roles
    ``quantity`` and ``price`` (or ``value``); for TFP the grouping ``side`` tells ``output`` from
    ``input``. Wide is how accounts with few products come, long is how products that come and go
    must be written.

    Parameters
    ----------
    formula : str
        ``"fisher"``, ``"tornqvist"``, ``"walsh"``, ``"laspeyres"``, ``"paasche"``,
        ``"sato_vartia"``, ``"montgomery_vartia"``, ``"marshall_edgeworth"``, ``"drobisch"``,
        ``"stuvel"``, ``"palgrave"``, ``"lowe"``, ``"young"``, ``"lloyd_moulton"``,
        ``"geometric_laspeyres"``, ``"geometric_paasche"``, ``"geometric_walsh"``, ``"theil"``, and
        the elementary ``"jevons"``, ``"dutot"``, ``"carli"``, ``"harmonic"``, ``"cswd"``; equations
        in `tfp_index.kernels.index_formulas.FORMULAS`.
    chained : bool
        Multiply the indices of successive periods; False: compare with the base directly.
    kind : {"quantity", "price", "tfp"}
        ``"tfp"`` is the output quantity index over the input quantity index.
    compare : {"time", "entity"}
        Each entity with itself at another time, or with the base entity of the same period.
    base : label, optional
        Period (``compare="time"``; default: each entity's first) or entity at which the index is 1.
    outputs, inputs : tuple of str, optional
        Roles of the products of a wide panel; default ``("output",)`` and the panel's inputs.
    implicit : bool
        Take the value ratio divided by the index of the other kind.
    unmatched : {"missing", "drop"}
        A product traded in only one of two situations makes the index missing, or is left out,
        with the value that remains covered in the result.
    gaps : {"break", "bridge"}
        A missing period ends the chain, or is bridged from the observation before it.
    reference : label, optional
        Lowe and Young: period that gives the weights; default: the mean over all situations.
    elasticity : float, optional
        Lloyd–Moulton: elasticity of substitution of the aggregator.
    capital_share, labor_share : float, optional
        Shares of a wide panel's inputs that are given here rather than by data.

    Raises
    ------
    SpecificationError
        If options are unknown or contradict each other.

    Notes
    -----
    What cannot be computed is missing and says why in the column ``status``: it is never 1.

    References
    ----------
    Balk, B. M. (2008). *Price and Quantity Index Numbers*. Cambridge University Press.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> long = {"shop": ["A"] * 4, "year": [1, 1, 2, 2], "good": ["tea", "rice"] * 2,
    ...         "kg": [1.0, 1.0, 1.0, 3.0], "price": [1.0, 1.0, 2.0, 1.0]}
    >>> panel = tfp.Panel.from_frame(long, entity="shop", time="year", item="good",
    ...                              columns={"quantity": "kg", "price": "price"})
    >>> tfp.BilateralIndex(formula="fisher").fit(panel).to_frame()["quantity_index"].tolist()
    [1.0, 1.8257418583505538]
    """

    formula: str = "fisher"
    chained: bool = True
    kind: str = "quantity"
    compare: str = "time"
    base: Any = None
    outputs: tuple[str, ...] | None = None
    inputs: tuple[str, ...] | None = None
    implicit: bool = False
    unmatched: str = "missing"
    gaps: str = "break"
    reference: Any = None
    elasticity: float | None = None
    capital_share: float | None = None
    labor_share: float | None = None

    def __post_init__(self) -> None:
        choose(self, "formula", tuple(FORMULAS))
        choose(self, "chained", (True, False))
        choose(self, "implicit", (True, False))
        choose(self, "kind", ("quantity", "price", "tfp"))
        choose(self, "compare", ("time", "entity"))
        choose(self, "unmatched", ("missing", "drop"))
        choose(self, "gaps", ("break", "bridge"))
        check_sides(self)
        chosen = FORMULAS[self.formula]
        if chosen.elastic and not (self.elasticity is not None and self.elasticity >= 0):
            self._refuse("elasticity", f"{self.formula} needs an elasticity", "a number from 0")
        if chosen.elastic and self.elasticity == 0 and self.kind != "price":
            self._refuse("elasticity", "a quantity index needs an elasticity above zero")
        if not chosen.elastic and self.elasticity is not None:
            self._refuse("elasticity", f"{self.formula} has no elasticity")
        if not chosen.third and self.reference is not None:
            self._refuse("reference", f"{self.formula} has no third situation", "None")
        if self.compare == "entity" and (self.chained or self.base is None):
            self._refuse(
                "base" if self.base is None else "chained",
                "entities are compared with one of them directly",
                "compare='entity', chained=False, base=<entity>",
            )

    def fit(self, panel: Panel) -> BilateralIndexResult:
        """Compute the indices of every situation.

        Parameters
        ----------
        panel : Panel
            Wide, or long with items.

        Returns
        -------
        BilateralIndexResult
            By the panel's rows where it is wide, by entity and period where it is long.

        Raises
        ------
        DataError
            If keys are repeated, a price, quantity or the base is absent, a value is negative, or
            the price base changes within a series.
        """
        require_keys(panel)
        if self.compare == "time":
            refuse_mixed_bases(panel)
        situations = self._situations(panel)
        kind = "price" if self.kind == "price" else "quantity"
        itself = np.arange(situations.keys.n_rows)
        status = np.zeros(itself.shape[0], np.int8)  # of the situation's own data, so far
        for basket in situations.baskets.values():
            if basket.whole is not None and not FORMULAS[self.formula].third:
                continue
            own = self._compare(situations, basket, itself, kind).reason
            status = np.where(status == OK, own, status)
        base, start, why = self._bases(situations, status == OK)
        bridged = (status != OK) & (self.gaps == "bridge")
        index: dict[str, Floats] = {}
        coverage: dict[str, Floats] = {}
        for side, basket in situations.baskets.items():
            name = f"{side}_{kind}" if side else kind
            links = self._compare(situations, basket, base, kind)
            reason = np.where(why == OK, links.reason, why)
            if self.chained:
                index[f"{name}_index"], reason = _chain(
                    situations.keys.offsets, links.index, reason, start, bridged
                )
            else:
                index[f"{name}_index"] = np.where(reason == OK, links.index, np.nan)
            if self.unmatched == "drop":
                coverage[f"{name}_coverage"] = links.coverage
            status = np.where(status == OK, reason, status)
        if self.kind == "tfp":
            with np.errstate(over="ignore"):
                ratio = index["output_quantity_index"] / index["input_quantity_index"]
            status[np.isinf(ratio)] = NO_VALUE
            ratio[status != OK] = np.nan
            index["tfp_index"] = ratio
        products = None if situations.keys is panel.keys else situations.baskets
        return BilateralIndexResult(
            spec=self,
            record=record_of(self, panel, situation_sample(panel, products, status, WHY)),
            keys=situations.keys,
            formula=self.formula,
            kind=self.kind,
            index=index,
            coverage=coverage,
            status=status,
            step=panel.step,
        )

    def _situations(self, panel: Panel) -> Situations:
        if is_long(panel):
            if self.outputs is not None or self.inputs is not None:
                raise DataError(
                    "the products of a long panel are its items, not roles",
                    code="unexpected_item",
                    column=panel.keys.names["item"],
                    remedy="leave outputs= and inputs= out, or give a panel without item=",
                )
            both = self.kind == "tfp"
            return long_situations(panel, by_side=both or "side" in panel.groups, both=both)
        sides = wide_sides(panel, self.outputs, self.inputs, both=self.kind == "tfp")
        found = wide_situations(panel, sides, fixed_shares(self))
        refuse_shares_alone(
            found,
            self.formula,
            enough=FORMULAS[self.formula].shares_suffice
            and self.kind != "price"
            and not self.implicit,
        )
        return found

    def _bases(self, situations: Situations, usable: NDArray[np.bool_]) -> tuple[Ints, Ints, Codes]:
        """Return what each situation is compared with, where its index is 1, and why not."""
        keys = situations.keys
        n = keys.n_rows
        why = np.full(n, OK, np.int8)
        if self.compare == "entity":
            base = _same_period(situations, keys.entity_code(self.base))
            why[base < 0] = NO_BASE
            return base, base, why
        if self.base is not None:
            start = self._base_rows(situations)
            start[(start >= 0) & ~usable[start]] = -1
        else:
            start = _first_where(usable, keys.offsets)
        why[start < 0] = NO_BASE
        if not self.chained:
            return start, start, why
        if self.gaps == "bridge":
            first = np.repeat(keys.offsets[:-1], np.diff(keys.offsets))
            base = np.full(n, -1)
            base[1:] = np.maximum.accumulate(np.where(usable, np.arange(n), -1))[:-1]
            base[base < first] = -1
        else:
            base = np.arange(-1, n - 1)
            base[situations.lag_status != STATUS_OK] = -1
            why[situations.lag_status == STATUS_GAP] = GAP
        alone = np.flatnonzero(base < 0)
        alone = alone[start[alone] == alone]
        base[alone] = alone  # the index is 1 where it starts
        return base, start, why

    def _base_rows(self, situations: Situations) -> Ints:
        """Return for each situation the one of its entity in the base period, or −1."""
        keys = situations.keys
        number = keys.calendar.number(self.base)
        at = np.flatnonzero(keys.time == number)
        if not at.size:
            raise DataError(
                f"no entity has the base period {self.base!r}",
                code="unknown_period",
                time=self.base,
                expected="a period of the panel",
            )
        of_entity = np.full(keys.entity_labels.shape[0], -1, np.int64)
        of_entity[keys.entity_codes[at]] = at
        return of_entity[keys.entity_codes]

    def _compare(self, situations: Situations, basket: Basket, base: Ints, kind: str) -> _Links:
        """Return the index of every situation against its base; a base of −1 has none."""
        n = base.shape[0]
        partial = self.unmatched == "drop"
        links = _Links(
            np.full(n, np.nan),
            np.full(n, FIRST, np.int8),
            np.full(n if partial else 0, np.nan),
        )
        weights = self._third(situations, basket, kind)

        def work(block: slice) -> None:
            now = block.start + np.flatnonzero(base[block] >= 0)
            pairs = basket.pairs(base[now], now)
            found = bilateral(
                self.formula,
                pairs.p0,
                pairs.p1,
                pairs.q0,
                pairs.q1,
                pairs.offsets,
                kind=kind,
                implicit=self.implicit,
                weights=None if weights is None else weights[pairs.item],
                elasticity=self.elasticity,
            )
            reason = found.reason
            if partial:
                links.coverage[now] = pairs.coverage
            elif pairs.offsets is not None:
                some = reason != NO_OVERLAP
                reason[(pairs.unmatched > 0) & some] = UNMATCHED
                reason[pairs.unknown > 0] = UNKNOWN
                found.index[reason != OK] = np.nan
            links.index[now] = found.index
            links.reason[now] = reason

        map_blocks(work, n, size=_PAIRS)
        return links

    def _third(self, situations: Situations, basket: Basket, kind: str) -> Floats | None:
        """Return each product's weight in a third situation (Lowe, Young)."""
        third = FORMULAS[self.formula].third
        if not third:
            return None
        rows = np.ones(basket.item.shape[0], bool)
        if self.reference is not None:
            number = situations.keys.calendar.number(self.reference)
            rows = np.repeat(situations.keys.time == number, np.diff(basket.start))
        price_of_kind = (kind == "price") != self.implicit
        weight = basket.quantity if price_of_kind else basket.price
        if third == "value":
            weight = np.where(basket.known, basket.value, np.nan)
        rows &= np.isfinite(weight)
        k = basket.products.shape[0]
        count = np.bincount(basket.item[rows], minlength=k)
        lost = np.flatnonzero(count == 0)
        if lost.size:
            raise DataError(
                f"{basket.products[lost[0]]!r} has no weight in the third situation",
                code="missing_reference",
                time=self.reference,
                remedy="choose another reference, or None for the mean over all situations",
            )
        return np.bincount(basket.item[rows], weight[rows], minlength=k) / count


@dataclass(frozen=True, slots=True)
class _Links:
    """Index of every situation against its base, and with ``unmatched="drop"`` the coverage."""

    index: Floats
    reason: Codes
    coverage: Floats


def _same_period(situations: Situations, entity: int) -> Ints:
    """Return the situation of one entity in the period of each situation, or −1."""
    keys = situations.keys
    rows = np.flatnonzero(keys.entity_codes == entity)
    place = np.minimum(np.searchsorted(keys.time[rows], keys.time), rows.size - 1)
    return np.where(keys.time[rows][place] == keys.time, rows[place], -1)


def _first_where(usable: NDArray[np.bool_], offsets: Ints) -> Ints:
    """Return for each row the first usable row of its entity, or −1."""
    first = offsets[:-1].copy()
    if not usable.all():
        rows = np.append(np.flatnonzero(usable), usable.shape[0])
        first = rows[np.searchsorted(rows, first)]
        first[first >= offsets[1:]] = -1
    return np.repeat(first, np.diff(offsets))


def _chain(
    offsets: Ints, links: Floats, reason: Codes, start: Ints, bridged: NDArray[np.bool_]
) -> tuple[Floats, Codes]:
    """Multiply the links of each entity and put the index at 1 in the row `start`.

    Links lead from a row to the one before it. A row is linked to the start if no link between
    them is missing; rows in `bridged` are passed over.
    """
    n, entities = links.shape[0], offsets.shape[0] - 1
    index, why = np.empty(n), np.zeros(n, np.int8)

    def work(block: slice) -> None:
        bounds = offsets[block.start : block.stop + 1]
        rows = slice(int(bounds[0]), int(bounds[-1]))
        broken = np.isnan(links[rows])
        with np.errstate(over="ignore"):
            total = running_sums(
                np.where(broken, 1.0, links[rows]), bounds - rows.start, np.multiply
            )
        known = start[rows] >= 0
        at = np.where(known, start[rows] - rows.start, 0)
        linked = known & ~bridged[rows]
        if broken.any():
            segment = np.cumsum(broken & ~bridged[rows])
            linked &= segment == segment[at]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            np.divide(total, total[at], out=index[rows])
        runaway = np.flatnonzero(~((index[rows] > 0) & (index[rows] < np.inf)))
        why[rows][runaway] = NO_VALUE
        lost = np.flatnonzero(~linked)
        why[rows][lost] = np.where(reason[rows][lost] == OK, UNLINKED, reason[rows][lost])
        index[rows][runaway] = index[rows][lost] = np.nan

    map_blocks(work, entities, size=max(1, BLOCK_ROWS * entities // max(n, 1)))
    return index, why
