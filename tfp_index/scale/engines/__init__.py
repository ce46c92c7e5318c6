"""Engines: who holds the partitions and who computes on them.

A module here has one function, ``prepare(plan)``, which brings all rows of an entity together and
returns a `Shuffled`. Nothing of an engine is imported before it is chosen.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tfp_index.errors import SpecificationError, nearest
from tfp_index.scale.sources import Reading
from tfp_index.scale.visit import Outcome, Request

__all__ = ["ENGINES", "Plan", "Shuffled", "prepare"]

ENGINES = {
    "threads": "executor",
    "processes": "executor",
    "duckdb": "duckdb",
    "dask": "dask",
    "spark": "spark",
}
"""Name of each engine and its module."""


@dataclass(frozen=True)
class Plan:
    """What an engine has to bring into partitions.

    Attributes
    ----------
    engine : str
    source : Files or frame
    reading : Reading
    partitions : int or None
        None leaves the number to the engine, which finds the same one for the same data.
    memory : int or None
        Bytes that all of it may hold.
    client : object
        Executor, Dask client or Spark session of the caller.
    folder : Path or None
        Where partitions are spilled so that a resumed run finds them; else a temporary place.
    beat : callable
        Called now and then; raises when the caller wants to stop.
    """

    engine: str
    source: Any
    reading: Reading
    partitions: int | None
    memory: int | None
    client: Any
    folder: Path | None
    beat: Callable[[], None]


class Shuffled(Protocol):
    """Rows in partitions of whole entities."""

    @property
    def partitions(self) -> int:
        """Number of partitions."""

    def visit(self, numbers: Sequence[int], request: Request) -> Generator[Outcome, None, None]:
        """Compute one round on these partitions; outcomes come in any order."""

    def close(self) -> None:
        """Let the partitions go."""


def prepare(plan: Plan) -> Shuffled:
    """Bring the rows into partitions with the engine of the plan."""
    module = importlib.import_module(f"{__name__}.{ENGINES[plan.engine]}")
    shuffled: Shuffled = module.prepare(plan)
    return shuffled


def refuse_engine(engine: Any) -> None:
    """Raise if there is no engine of this name.

    Raises
    ------
    SpecificationError
    """
    if not isinstance(engine, str) or engine not in ENGINES:
        raise SpecificationError(
            f"there is no engine {engine!r}",
            code="unknown_engine",
            column="engine",
            remedy=nearest(str(engine), ENGINES),
        )
