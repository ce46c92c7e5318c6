"""A read-only mapping that, unlike `types.MappingProxyType`, can travel between processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

__all__ = ["ReadOnly"]

V = TypeVar("V")


class ReadOnly(Mapping[str, V]):
    """A mapping without any way to change it.

    Examples
    --------
    >>> shares = ReadOnly({"capital": 0.4})
    >>> shares["capital"], shares == {"capital": 0.4}
    (0.4, True)
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, V]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: str) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)
