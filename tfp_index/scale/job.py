"""What a partitioned run gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfp_index.results.result import Record
from tfp_index.scale.manifest import Manifest

__all__ = ["Job"]


@dataclass(frozen=True)
class Job:
    """A finished run: the small result, its record, and the folder with the rows.

    Attributes
    ----------
    result : object
        What the program returned; as a fit in memory wherever it needs no rows.
    record : Record
        Specification, version, fingerprint, columns and sample.
    engine : str
    partitions : int
    rounds : int
        Passes over the partitions after the first look at the data.
    out : Path or None
    manifest : Manifest or None
    """

    result: Any
    record: Record
    engine: str
    partitions: int
    rounds: int
    out: Path | None = None
    manifest: Manifest | None = None

    def __repr__(self) -> str:
        where = f" in {self.out}" if self.out is not None else ""
        rows = f"{self.record.sample.rows:,} rows"
        return (
            f"Job({self.record.specification['method']}, {rows}, {self.engine}, "
            f"{self.partitions} partitions, {self.rounds} rounds{where})"
        )
