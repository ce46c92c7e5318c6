"""How a stated amount of memory is shared out."""

from __future__ import annotations

from dataclasses import dataclass

from tfp_index.errors import SpecificationError
from tfp_index.scale.sources import Reading

__all__ = ["Budget"]

DEFAULT = 2 * 2**30
RESERVE = 400 * 2**20
"""What Python, the libraries and their caches take before the first row."""

LEAST = 640 * 2**20
KEY_BYTES = 24
COPIES = 6
"""Times that a partition's columns are held at once: as read, as a panel, as results."""

IN_FLIGHT = 4
"""Partitions for which there is room at once, whatever the number of cores: so the number of
partitions, and with it the last digit of sums, does not depend on the machine."""


@dataclass(frozen=True)
class Budget:
    """Bytes for reading and for partitions.

    Attributes
    ----------
    total : int
    row_bytes : int
        Of the columns that are read.
    """

    total: int
    row_bytes: int

    @classmethod
    def of(cls, memory: int | None, reading: Reading) -> Budget:
        """Return the budget for rows with these columns.

        Raises
        ------
        SpecificationError
            If the memory is less than what an empty run needs.
        """
        total = DEFAULT if memory is None else memory
        if total < LEAST:
            raise SpecificationError(
                f"memory of {total / 2**20:.0f} MiB is too little",
                code="bad_option",
                column="memory",
                expected=f"at least {LEAST // 2**20} MiB, most of it for Python and its libraries",
            )
        texts = len(reading.keys) + len(reading.groups)
        return cls(total, 8 * len(reading.numeric) + KEY_BYTES * texts)

    @property
    def rows_bytes(self) -> int:
        """Bytes for rows, beyond the reserve."""
        return self.total - RESERVE

    @property
    def reader_bytes(self) -> int:
        """Bytes that the reader of files may take while rows are shuffled."""
        return max(self.rows_bytes // 3, 128 * 2**20)

    @property
    def batch_rows(self) -> int:
        """Rows that are shuffled at once."""
        return int(min(max(self.rows_bytes // (4 * 4 * self.row_bytes), 20_000), 500_000))

    def partitions(self, rows: int) -> int:
        """Return the number of partitions of which `IN_FLIGHT` have room at once."""
        return max(1, -(-rows * self.row_bytes * COPIES * IN_FLIGHT // self.rows_bytes))

    def workers(self, rows: int, cores: int) -> int:
        """Return how many partitions, the largest of which has `rows` rows, have room at once.

        Raises
        ------
        SpecificationError
            If there is room for none.
        """
        room = int(self.rows_bytes // max(rows * self.row_bytes * COPIES, 1))
        if room < 1:
            need = (RESERVE + rows * self.row_bytes * COPIES) / 2**30
            raise SpecificationError(
                f"a partition has {rows:,} rows, for which {self.total / 2**30:.1f} GiB are too "
                "little",
                code="too_little_memory",
                column="memory",
                expected=f"about {need:.1f} GiB",
                remedy="more partitions=, or a larger memory=; one entity stays in one partition",
            )
        return max(1, min(room, cores, IN_FLIGHT))
