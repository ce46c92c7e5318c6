"""Run chains of numpy expressions over cache-sized blocks of rows.

A chain of expressions over a long column writes every temporary to memory. Over blocks the
temporaries stay in cache, and because numpy releases the interpreter lock, a thread pool over
blocks uses further cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["BLOCK_ROWS", "blocks", "default_threads", "map_blocks"]

BLOCK_ROWS = 32_768
"""Rows in a block: a handful of float64 temporaries of this length fit in a core's cache."""

T = TypeVar("T")


def default_threads() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def blocks(n: int, size: int = BLOCK_ROWS) -> Iterator[slice]:
    """Cut ``range(n)`` into consecutive slices of at most `size` rows.

    Examples
    --------
    >>> list(blocks(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def map_blocks(
    work: Callable[[slice], T],
    n: int,
    *,
    size: int = BLOCK_ROWS,
    threads: int | None = None,
) -> list[T]:
    """Call ``work(block)`` for every block of rows and return its answers in row order.

    Each thread walks a contiguous run of blocks. `work` must write only to its own rows, so the
    answers do not depend on the number of threads.

    Parameters
    ----------
    work : callable
        Takes a slice of rows.
    n : int
        Number of rows.
    size : int
        Rows in a block.
    threads : int, optional
        Default: as many as the process may use, one when there are only a few blocks.

    Examples
    --------
    >>> map_blocks(lambda b: b.stop - b.start, 5, size=2)
    [2, 2, 1]
    """
    parts = list(blocks(n, size))
    threads = default_threads() if threads is None else threads
    threads = min(threads, len(parts) // 4)
    if threads <= 1:
        return [work(part) for part in parts]
    bounds = [len(parts) * i // threads for i in range(threads + 1)]

    def run(worker: int) -> list[T]:
        return [work(part) for part in parts[bounds[worker] : bounds[worker + 1]]]

    with ThreadPoolExecutor(threads) as pool:
        return [answer for answers in pool.map(run, range(threads)) for answer in answers]
