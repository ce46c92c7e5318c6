"""Sums over rows that add up over disjoint parts of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

__all__ = ["Additive", "plus"]


class Additive:
    """Base of a frozen dataclass whose fields are sums over rows.

    The sum of two is that of all rows behind them, provided that no row stands behind both.
    Fields named in ``_shared`` are no sums but the same on both sides, such as a constant that was
    taken from every value beforehand.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Totals(Additive):
    ...     n: int
    ...     lost: dict
    >>> Totals(1, {"a": 2}) + Totals(3, {"b": 4})
    Totals(n=4, lost={'a': 2, 'b': 4})
    """

    __slots__ = ()

    _shared: ClassVar[tuple[str, ...]] = ()

    def __add__(self, other: Any) -> Any:
        parts = {
            field.name: getattr(self, field.name)
            if field.name in self._shared
            else plus(getattr(self, field.name), getattr(other, field.name))
            for field in fields(self)  # type: ignore[arg-type]
        }
        return type(self)(**parts)


def plus(a: Any, b: Any) -> Any:
    """Add numbers, arrays, and tuples, mappings and dataclasses of them.

    A key that stands in one of two mappings only keeps its value; None stands for nothing to add.

    Examples
    --------
    >>> plus((1, {"x": 2.0}), (10, {"x": 0.5, "y": 1}))
    (11, {'x': 2.5, 'y': 1})
    """
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, Mapping):
        return {key: plus(a.get(key), b.get(key)) for key in (*a, *(k for k in b if k not in a))}
    if isinstance(a, tuple):
        return tuple(plus(x, y) for x, y in zip(a, b, strict=True))
    return a + b
