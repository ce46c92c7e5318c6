"""What the programs share: partitions under the labels of the whole, and rows that stand elsewhere.

A partition knows its own periods and categories only. `Frame` says which ones all partitions
have, so that codes mean the same in each of them and their sums add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._rows import MISSING, Grouping, combinations, grouping
from tfp_index.errors import DataError, SpecificationError
from tfp_index.panel.checks import CODES
from tfp_index.panel.keys import Category, Keys
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.panel import Panel
from tfp_index.results.elsewhere import Elsewhere
from tfp_index.results.result import RowValues
from tfp_index.scale.task import Context, Program, Sum

__all__ = [
    "Frame",
    "Joined",
    "aligned",
    "frame_of",
    "grouped",
    "refuse_option",
    "require_keyed",
    "rows_elsewhere",
    "whole",
]

Ints = NDArray[np.int64]
Names = tuple[str, ...]


def require_keyed(context: Context) -> None:
    """Raise if some rows have no key, as every fit in memory does.

    Raises
    ------
    DataError
    """
    if context.keyless_rows:
        raise DataError(
            f"{context.keyless_rows} row(s) lack entity or time",
            code="missing_key",
            column=context.roles.entity,
            expected="entity and time in every row",
            remedy=CODES["missing_key"][1],
        )


def refuse_option(spec: Any, option: str, why: str, remedy: str) -> NoReturn:
    """Refuse an option that needs all rows in one place.

    Raises
    ------
    SpecificationError
    """
    raise SpecificationError(
        f"{type(spec).__name__}: {option} cannot be run over partitions: {why}",
        code="not_partitioned",
        column=option,
        remedy=remedy,
    )


@dataclass(frozen=True, eq=False)
class _Distinct:
    """Numbers that occur; the sum of two is their union."""

    numbers: Ints

    def __add__(self, other: _Distinct) -> _Distinct:
        return _Distinct(np.union1d(self.numbers, other.numbers))


@dataclass(frozen=True, eq=False)
class Joined:
    """Values of a few rows; the sum of two stands behind each other, in the order of partitions."""

    values: NDArray[Any]

    def __add__(self, other: Joined) -> Joined:
        return Joined(np.concatenate((self.values, other.values), axis=-1))


@dataclass(frozen=True, eq=False)
class Frame:
    """The labels of all partitions, as far as a program needs them.

    Attributes
    ----------
    context : Context
    unlabeled : frozenset of str
        Groupings in which some row of some partition has no label.
    distinct : mapping of names to (G,) int array
        Which combinations of several groupings occur.
    """

    context: Context
    unlabeled: frozenset[str] = frozenset()
    distinct: Mapping[Names, Ints] = field(default_factory=dict)


def aligned(panel: Panel, frame: Frame, *, pad: bool | None = None) -> Panel:
    """Return the rows of a partition under the periods and categories of all partitions.

    Parameters
    ----------
    panel : Panel
    frame : Frame
    pad : bool, optional
        Whether groupings get a category of rows without a label: all, none, or (default) those
        in which there are such rows.
    """
    context = frame.context
    groups: dict[str, Category] = {}
    for name, category in panel.groups.items():
        codes, labels = context.codes(panel, name), context.labels(name)
        if pad if pad is not None else name in frame.unlabeled:
            codes = np.where(codes < 0, labels.shape[0], codes)
            labels = np.append(labels.astype(object), np.array([MISSING], object))
        groups[name] = Category(codes, labels, category.column)
    keys = replace(panel.keys, calendar=context.calendar)
    return replace(panel, keys=keys, groups=ReadOnly(groups))


def grouped(panel: Panel, frame: Frame, names: Sequence[str]) -> Grouping:
    """Group the rows of an *unaligned* partition under the labels of all partitions."""
    names = tuple(names)
    if len(names) < 2:
        return grouping(aligned(panel, frame), names)
    return grouping(aligned(panel, frame, pad=True), names, frame.distinct[names])


def frame_of(context: Context, wanted: Iterable[Sequence[str]] = ()) -> Program:
    """Find the labels that groupings have over all partitions, in one round if any is wanted.

    Parameters
    ----------
    context : Context
    wanted : iterable of sequences of str
        Groupings that will be used, alone or combined.

    Returns
    -------
    Frame
        As the value of ``yield from``.
    """
    every = [tuple(names) for names in wanted]
    alone = sorted({name for names in every for name in names if len(names) == 1})
    combined = sorted({names for names in every if len(names) > 1})
    if not combined and not any(_grouping_of(context, name) for name in alone):
        return Frame(context)
    counts, distinct = yield Sum(_look, (context, combined))
    return Frame(
        context,
        frozenset(name for name, n in counts.items() if n),
        {names: found.numbers for names, found in zip(combined, distinct, strict=True)},
    )


def _grouping_of(context: Context, name: str) -> bool:
    return name in context.groups or name in context.roles.groups.values()


def _look(panel: Panel, context: Context, combined: Sequence[Names]) -> Any:
    """Rows without a label by grouping, and the combinations that occur."""
    counts = {name: int((c.codes < 0).sum()) for name, c in panel.groups.items()}
    padded = aligned(panel, Frame(context), pad=True)
    return counts, tuple(_Distinct(combinations(padded, names)) for names in combined)


def whole(context: Context) -> Panel:
    """Return a panel without rows that has the periods, labels and names of all partitions."""
    none = np.zeros(0, np.int64)
    roles = context.roles
    keys = Keys(
        entity_codes=none,
        entity_labels=np.zeros(0, object),
        time=none,
        calendar=context.calendar,
        offsets=np.zeros(1, np.int64),
        order=None,
        frame_rows=0,
        names=ReadOnly({k: v for k, v in context.names.items() if k in ("entity", "time", "item")}),
        backend="pandas",
    )
    return Panel(
        keys=keys,
        columns=ReadOnly({role: np.zeros(0) for role in roles.numeric}),
        names=ReadOnly(dict(roles.numeric)),
        inputs=roles.inputs,
        groups=ReadOnly(
            {name: Category(none, context.labels(name), c) for name, c in roles.groups.items()}
        ),
        lag_status=np.zeros(0, np.int8),
        logs=context.logs,
        step=context.step,
        vintage=context.vintage,
        keyless_rows=(),
    )


def rows_elsewhere(keys: Keys, title: str, folder: str | None) -> RowValues:
    """Return row values that are in a dataset of the run, not in the result."""
    return RowValues(keys, Elsewhere(title, folder), title)  # type: ignore[arg-type]
