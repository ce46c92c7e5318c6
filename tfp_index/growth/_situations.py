"""Situations to compare, and the baskets of quantities and prices they hold.

A *situation* is an entity in a period. A *basket* is what it makes or uses: products with a
quantity and a price. Two layouts of a panel give the same thing:

*Wide*: one row per situation, one role per product. Beside the quantity ``x`` stands its price
``x_price``, or its value ``x_value`` in current prices, or its share ``x_share`` in the value of
its side (outputs, or inputs). So the roles that growth accounting uses (``capital_share``) serve
here unchanged, and a specification names the products by their roles.

*Long*: one row per product of a situation. The product is the panel's third key (``item=``), and
the roles are ``quantity`` and ``price`` (or ``value``). A grouping ``side`` with the labels
``output`` and ``input`` tells the two sides apart where a TFP index is wanted. Products may come
and go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.growth._baskets import Basket, Columns, Listing
from tfp_index.kernels.blocks import map_blocks
from tfp_index.kernels.groups import group_offsets, lag_status
from tfp_index.panel.panel import Keys, Panel
from tfp_index.panel.roles import SHARE_SUFFIX
from tfp_index.results.result import Sample

__all__ = [
    "PRICE_SUFFIX",
    "VALUE_SUFFIX",
    "Situations",
    "check_sides",
    "fixed_shares",
    "has_values",
    "is_long",
    "levels",
    "long_situations",
    "refuse_shares_alone",
    "side_shares",
    "side_values",
    "situation_sample",
    "wide_sides",
    "wide_situations",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]

PRICE_SUFFIX = "_price"
"""The price of the quantity ``x`` is the role ``x_price``."""
VALUE_SUFFIX = "_value"
"""The value of ``x`` in current prices is the role ``x_value``."""

_SIDES = ("output", "input")
_ROUNDING = 1e-9  # by which a remainder may leave the range of shares


@dataclass(frozen=True, eq=False)
class Situations:
    """Entities in periods, with a basket for each side.

    Attributes
    ----------
    keys : Keys
        Of the situations: the panel's own where it is wide.
    lag_status : (n,) int8 array
    baskets : mapping of side to Basket
        ``"output"`` and ``"input"``, or ``""`` where there is one side only.
    """

    keys: Keys
    lag_status: NDArray[np.int8]
    baskets: Mapping[str, Basket]


def check_sides(spec: Any) -> None:
    """Refuse sides that are no tuples of distinct roles, and shares that are none.

    Raises
    ------
    SpecificationError
    """
    for option in ("outputs", "inputs"):
        roles = getattr(spec, option)
        if roles is not None:
            object.__setattr__(spec, option, tuple(roles))
            if not roles or len(set(roles)) < len(roles) or isinstance(roles, str):
                spec._refuse(option, f"{option} must be distinct role names", "a tuple of roles")
    for option in ("capital_share", "labor_share"):
        share = getattr(spec, option)
        if share is not None and not 0 <= share <= 1:
            spec._refuse(option, f"{option}={share!r}", "a number from 0 to 1")


def fixed_shares(spec: Any) -> dict[str, float]:
    """Return the shares that a specification itself gives, by role."""
    fixed = {"capital": spec.capital_share, "labor": spec.labor_share}
    return {role: share for role, share in fixed.items() if share is not None}


def situation_sample(
    panel: Panel, baskets: Mapping[str, Basket] | None, status: Codes, why: Mapping[int, str]
) -> Sample:
    """Count the caller's rows by what became of their situation.

    Parameters
    ----------
    panel : Panel
    baskets : mapping of side to Basket, optional
        Of a long panel, where each product of a situation is a row.
    status : (n,) int8 array
        0 where there is an index.
    why : mapping of status to reason
    """
    rows = None
    if baskets is not None:
        rows = np.sum([np.diff(basket.start) for basket in baskets.values()], axis=0)
    parts = map_blocks(
        lambda b: np.bincount(status[b], None if rows is None else rows[b], max(why) + 1),
        status.shape[0],
    )
    counts = np.sum(parts, axis=0).astype(int)
    return Sample(
        rows=panel.keys.frame_rows,
        used=int(counts[0]),
        lost={text: int(counts[code]) for code, text in why.items() if code},
    )


def is_long(panel: Panel) -> bool:
    """Whether the rows of a panel are products."""
    return panel.item is not None


def levels(panel: Panel, role: str) -> Floats:
    """Return a role in levels.

    Raises
    ------
    DataError
        If it is absent, negative or infinite somewhere.
    """
    values = panel[role]
    if panel.logs:
        with np.errstate(over="ignore"):
            return np.exp(values)
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    if low >= 0 and high < np.inf:
        return values
    bad = np.flatnonzero((values < 0) | np.isinf(values))
    if bad.size:
        entity, time = panel.where(int(bad[0]))
        raise DataError(
            f"{role} is {values[bad[0]]:g} in {bad.size} row(s), first here",
            code="negative" if values[bad[0]] < 0 else "non_finite",
            column=panel.names[role],
            entity=entity,
            time=time,
            expected="finite numbers, zero or above",
            remedy="correct the value, or leave it empty",
        )
    return values


def has_values(panel: Panel, role: str) -> bool:
    """Whether the value of a quantity is known: it has a price or a value."""
    return f"{role}{VALUE_SUFFIX}" in panel or f"{role}{PRICE_SUFFIX}" in panel


def side_values(panel: Panel, roles: Sequence[str]) -> list[Floats]:
    """Return the value of each quantity of a side in current prices.

    Raises
    ------
    DataError
        Naming the first quantity that has neither price nor value.
    """
    return [_value(panel, role) for role in roles]


def _value(panel: Panel, role: str) -> Floats:
    if f"{role}{VALUE_SUFFIX}" in panel:
        return levels(panel, f"{role}{VALUE_SUFFIX}")
    if f"{role}{PRICE_SUFFIX}" in panel:
        with np.errstate(invalid="ignore", over="ignore"):
            return levels(panel, f"{role}{PRICE_SUFFIX}") * levels(panel, role)
    raise DataError(
        f"the value of {role} is not known",
        code="missing_role",
        column=f"{role}{VALUE_SUFFIX}",
        expected=f"the role {role + PRICE_SUFFIX!r} or {role + VALUE_SUFFIX!r}",
        remedy=f"columns={{{role + PRICE_SUFFIX!r}: …}} in Panel.from_frame",
    )


def side_shares(
    panel: Panel, roles: Sequence[str], fixed: Mapping[str, float] = MappingProxyType({})
) -> list[Floats | float]:
    """Return the value share of each quantity in its side.

    A single quantity has all of it. Numbers in `fixed` come first; then values, where every
    quantity has them; then share columns. One quantity may be left to the remainder.

    Raises
    ------
    DataError
        If the shares of two or more are unknown, or a share lies outside 0 to 1.
    """
    if len(roles) == 1:
        return [1.0]
    if not any(role in fixed for role in roles) and all(has_values(panel, r) for r in roles):
        values = side_values(panel, roles)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            total = np.sum(values, axis=0)
            return [np.where(total > 0, value / total, np.nan) for value in values]
    shares = [
        fixed[role] if role in fixed else panel.columns.get(f"{role}{SHARE_SUFFIX}")
        for role in roles
    ]
    unknown = [role for role, share in zip(roles, shares, strict=True) if share is None]
    if len(unknown) > 1:
        first = unknown[0]
        raise DataError(
            f"the shares of {', '.join(unknown)} are not known",
            code="missing_role",
            column=f"{first}{SHARE_SUFFIX}",
            expected=f"prices ({first + PRICE_SUFFIX!r}), values ({first + VALUE_SUFFIX!r}) or "
            f"shares ({first + SHARE_SUFFIX!r}) for all of {', '.join(roles)}; "
            "one share may be left to the remainder",
            remedy="give these columns in Panel.from_frame, or shares in the specification",
        )
    found = {role: s for role, s in zip(roles, shares, strict=True) if s is not None}
    for role in unknown:
        rest: Floats | float = 1.0
        for share in found.values():
            rest = rest - share
        found[role] = rest
    for role, share in found.items():
        _refuse_bad_share(panel, role, np.asarray(share))
    return [found[role] for role in roles]


def _refuse_bad_share(panel: Panel, role: str, share: Floats) -> None:
    low, high = -_ROUNDING, 1 + _ROUNDING
    if np.fmin.reduce(share, axis=None) < low or np.fmax.reduce(share, axis=None) > high:
        bad = np.flatnonzero((share < low) | (share > high))
        entity, time = panel.where(int(bad[0])) if share.ndim else (None, None)
        raise DataError(
            f"the share of {role} is {share.reshape(-1)[bad[0]]:g} in {bad.size} row(s), "
            "first here",
            code="share_out_of_range",
            column=panel.names.get(f"{role}{SHARE_SUFFIX}", f"{role}{SHARE_SUFFIX}"),
            entity=entity,
            time=time,
            expected="a share between 0 and 1",
            remedy="correct the shares, or give values or prices instead",
        )


def wide_sides(
    panel: Panel,
    outputs: tuple[str, ...] | None,
    inputs: tuple[str, ...] | None,
    *,
    both: bool,
) -> dict[str, tuple[str, ...]]:
    """Return the roles of each side: those named, or else ``output`` and the panel's inputs.

    Parameters
    ----------
    panel : Panel
    outputs, inputs : tuple of str, optional
    both : bool
        Whether both sides are needed; else those that are named, or that the panel has.

    Raises
    ------
    DataError
        If a side that is needed has no roles.
    """
    sides: dict[str, tuple[str, ...]]
    if both:
        sides = {"output": outputs or ("output",), "input": inputs or panel.inputs}
        if not sides["input"]:
            panel["capital"]  # says which role is missing and which are there
        return sides
    named = {"output": outputs, "input": inputs}
    sides = {side: roles for side, roles in named.items() if roles is not None}
    if not sides:
        sides = {"output": ("output",)} if "output" in panel else {}
        sides |= {"input": panel.inputs} if panel.inputs else {}
    if not sides:
        panel["output"]
    return sides


def refuse_shares_alone(situations: Situations, formula: str, *, enough: bool) -> None:
    """Refuse shares in place of prices where the index needs more.

    Raises
    ------
    DataError
        Naming the first price that is missing.
    """
    for side, basket in situations.baskets.items():
        if basket.shares_only and not enough:
            first = str(basket.products[0])
            raise DataError(
                f"this {formula} index needs prices or values of every {side}",
                code="missing_role",
                column=f"{first}{PRICE_SUFFIX}",
                expected=f"the role {first + PRICE_SUFFIX!r} or {first + VALUE_SUFFIX!r} for each "
                f"of {', '.join(basket.products)}",
                remedy="give prices, or take a quantity index by a formula that shares suffice "
                "for, such as fisher or tornqvist",
            )


def wide_situations(
    panel: Panel,
    sides: Mapping[str, Sequence[str]],
    fixed: Mapping[str, float] = MappingProxyType({}),
) -> Situations:
    """Read the baskets of a panel whose rows are situations.

    Parameters
    ----------
    panel : Panel
    sides : mapping of side to roles of its quantities
    fixed : mapping of role to share
    """
    baskets = {
        side: Basket(
            products=np.array(roles, object),
            given=Columns(
                price=tuple(_prices(panel, roles, fixed)),
                quantity=tuple(levels(panel, role) for role in roles),
            ),
            shares_only=not all(has_values(panel, role) for role in roles),
        )
        for side, roles in sides.items()
    }
    return Situations(panel.keys, panel.lag_status, baskets)


def _prices(panel: Panel, roles: Sequence[str], fixed: Mapping[str, float]) -> Iterator[Floats]:
    """Return the price of each quantity of a side, or what stands for it."""
    shares: list[Floats | float] | None = None
    if not all(has_values(panel, role) for role in roles):
        shares = side_shares(panel, roles, fixed)
    for j, role in enumerate(roles):
        if shares is not None:
            yield _unit_values(shares[j], levels(panel, role))
        elif f"{role}{VALUE_SUFFIX}" in panel:
            yield _unit_values(levels(panel, f"{role}{VALUE_SUFFIX}"), levels(panel, role))
        else:  # may be known where nothing was traded
            yield levels(panel, f"{role}{PRICE_SUFFIX}")


def _unit_values(value: Floats | float, quantity: Floats) -> Floats:
    """Return value over quantity, NaN where nothing was traded."""
    out = np.empty(quantity.shape[0])

    def work(rows: slice) -> None:
        q = quantity[rows]
        v = value[rows] if isinstance(value, np.ndarray) else value
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            np.divide(v, q, out=out[rows])
        out[rows][~(q > 0)] = np.nan

    map_blocks(work, quantity.shape[0])
    return out


def long_situations(panel: Panel, *, by_side: bool, both: bool) -> Situations:
    """Read the baskets of a panel whose rows are products.

    Parameters
    ----------
    panel : Panel
        With items and the roles ``quantity`` and ``price`` or ``value``.
    by_side : bool
        Tell outputs and inputs apart by the grouping ``side``.
    both : bool
        Whether there must be outputs and inputs.
    """
    assert panel.item is not None
    quantity = levels(panel, "quantity")
    price = levels(panel, "price") if "price" in panel else _prices_of_items(panel, quantity)
    order = np.lexsort((panel.item.codes, panel.time, panel.entity_codes))
    entity, time = panel.entity_codes[order], panel.time[order]
    new = np.ones(order.shape[0], bool)
    new[1:] = (entity[1:] != entity[:-1]) | (time[1:] != time[:-1])
    situation = np.cumsum(new) - 1
    n = int(situation[-1]) + 1
    entity, time = entity[new], time[new]
    names = {k: v for k, v in panel.keys.names.items() if k != "item"}
    keys = Keys(
        entity_codes=entity,
        entity_labels=panel.entity_labels,
        time=time,
        calendar=panel.keys.calendar,
        offsets=group_offsets(entity),
        order=None,
        frame_rows=n,
        names=names,
        backend=panel.keys.backend,
    )

    def basket(rows: NDArray[np.bool_] | slice) -> Basket:
        count = np.bincount(situation[rows], minlength=n)
        assert panel.item is not None
        return Basket(
            products=panel.item.labels,
            given=Listing(
                start=np.concatenate(([0], np.cumsum(count))),
                item=panel.item.codes[order][rows],
                price=price[order][rows],
                quantity=quantity[order][rows],
            ),
        )

    if not by_side:
        baskets = {"": basket(slice(None))}
    else:
        label = _side_of_row(panel, both)[order]
        baskets = {side: basket(label == side) for side in _SIDES if side in label}
    return Situations(keys, lag_status(entity, time, panel.step), baskets)


def _prices_of_items(panel: Panel, quantity: Floats) -> Floats:
    if "value" not in panel:
        panel["price"]  # says what is missing and what is there
    return _unit_values(levels(panel, "value"), quantity)


def _side_of_row(panel: Panel, both: bool) -> NDArray[Any]:
    category = panel.group("side")
    labels = np.array([str(label) for label in category.labels], object)
    strange = sorted({*labels.tolist()} - {*_SIDES})
    absent = [side for side in _SIDES if side not in labels and both]
    missing = np.flatnonzero(category.codes < 0)
    if strange or missing.size or absent:
        entity, time = panel.where(int(missing[0])) if missing.size else (None, None)
        said = "the side is missing" if missing.size else f"no row has the side {absent[:1]}"
        raise DataError(
            f"the side {strange[0]!r} is not known" if strange else said,
            code="unknown_side",
            column=category.column,
            entity=entity,
            time=time,
            expected="'output' or 'input' in every row",
        )
    return labels[category.codes]
