"""Results: outputs with the keys of their rows and the record that makes them again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from tfp_index._version import __version__
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.panel import Keys, Panel
from tfp_index.panel.table import Table, plain
from tfp_index.results.elsewhere import Elsewhere
from tfp_index.results.specification import SCHEMA_VERSION, Specification

__all__ = ["Record", "Result", "RowValues", "Sample", "record_of"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """How many rows took part, and why the others did not.

    Attributes
    ----------
    rows : int
        Rows of the caller's frame.
    used : int
        Rows that have a value in the result.
    lost : mapping of reason to number of rows
    notes : mapping of finding to count
        Warnings about rows that did take part, and acts such as values filled.

    Examples
    --------
    >>> sample = Sample(rows=5, used=4, lost={"first observation of its entity": 1})
    >>> sample.balanced
    True
    """

    rows: int
    used: int
    lost: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lost = {k: int(v) for k, v in self.lost.items() if v}
        object.__setattr__(self, "lost", ReadOnly(lost))
        object.__setattr__(self, "notes", ReadOnly({k: int(v) for k, v in self.notes.items() if v}))

    @property
    def balanced(self) -> bool:
        """Whether every row is either used or lost with a reason."""
        return self.rows == self.used + sum(self.lost.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        return {
            "rows": self.rows,
            "used": self.used,
            "lost": dict(self.lost),
            "notes": dict(self.notes),
        }

    def table(self) -> Table:
        """Return the counts as a table."""
        labels = ["rows in the data", *self.lost, "rows used"]
        counts = [self.rows, *self.lost.values(), self.used]
        return Table({"what": labels, "rows": counts}, title="Sample")


@dataclass(frozen=True)
class Record:
    """Everything needed to make the same result again.

    Attributes
    ----------
    specification : dict
        As `Specification.to_dict` gives it.
    version : str
        Version of this library.
    fingerprint : str
        SHA-256 of the panel's keys and columns.
    vintage : str or None
        Edition of the data, as the caller named it.
    columns : mapping of role to column name
    seed : int or None
    sample : Sample
    """

    specification: Mapping[str, Any]
    version: str
    fingerprint: str
    vintage: str | None
    columns: Mapping[str, str]
    sample: Sample
    seed: Any = None

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data."""
        return {
            "specification": dict(self.specification),
            "version": self.version,
            "fingerprint": self.fingerprint,
            "vintage": self.vintage,
            "columns": dict(self.columns),
            "seed": plain(self.seed),
            "sample": self.sample.to_dict(),
        }


def record_of(spec: Specification, panel: Panel, sample: Sample, seed: Any = None) -> Record:
    """Return the record of a fit, and log that it was made."""
    keys = panel.keys.names
    _log.info(
        "%s: %d of %d rows used",
        type(spec).__name__,
        sample.used,
        sample.rows,
        extra={
            "event": "fit",
            "method": type(spec).__name__,
            "fingerprint": panel.fingerprint,
            "sample": sample.to_dict(),
        },
    )
    return Record(
        specification=ReadOnly(spec.to_dict()),
        version=__version__,
        fingerprint=panel.fingerprint,
        vintage=panel.vintage,
        columns=ReadOnly({**keys, **panel.names}),
        sample=sample,
        seed=seed,
    )


@dataclass(frozen=True, eq=False)
class Result:
    """Base of every result: the specification, the record, and the keys of the rows.

    A subclass adds its outputs as arrays in panel order and offers ``tidy()`` (one row per
    estimated thing) and ``glance()`` (one row per fit) as tables.
    """

    spec: Specification
    record: Record
    keys: Keys

    @property
    def sample(self) -> Sample:
        """How many rows took part, and why the others did not."""
        return self.record.sample

    def tidy(self) -> Table:
        """Return one row per estimated thing."""
        raise TypeError(f"{type(self).__name__} has no tidy table")

    def glance(self) -> Table:
        """Return one row that sums the fit up."""
        raise TypeError(f"{type(self).__name__} has no summary row")

    def summary(self) -> str:
        """Return the result as text."""
        lines = [self.spec.describe(), str(self.glance())]
        lost = ", ".join(f"{count} {reason}" for reason, count in self.sample.lost.items())
        lines.append(
            f"{self.sample.used} of {self.sample.rows} rows used" + (f"; {lost}" if lost else "")
        )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the small tables as plain data; row values travel as frames."""
        return {
            "schema_version": SCHEMA_VERSION,
            "result": type(self).__name__,
            "record": self.record.to_dict(),
            "glance": self.glance().to_dict(),
        }

    def __str__(self) -> str:
        return self.summary()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.glance()._repr_html_() + self.sample.table()._repr_html_()


@dataclass(frozen=True, eq=False)
class RowValues:
    """One or more values for each row of the data.

    Attributes
    ----------
    keys : Keys
    values : mapping of name to (n,) array, in panel order
    title : str

    Examples
    --------
    >>> from tfp_index import Panel
    >>> panel = Panel.from_frame({"id": ["B", "A"], "year": [1, 1], "y": [2.0, 1.0]},
    ...                          entity="id", time="year", output="y")
    >>> RowValues(panel.keys, {"y": panel["output"]}).to_frame()["y"].tolist()
    [2.0, 1.0]
    """

    keys: Keys
    values: Mapping[str, NDArray[Any]]
    title: str = ""

    @property
    def held(self) -> bool:
        """Whether the values are here; those of a run over partitions are in its files."""
        return not isinstance(self.values, Elsewhere)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.values[name]

    def to_frame(self, backend: str | None = None) -> Any:
        """Return keys and values in the caller's row order and frame library."""
        return self.keys.to_frame(self.values, backend)

    def table(self) -> Table:
        """Return keys and values as a table, in panel order."""
        return Table({**self.keys.columns(), **self.values}, self.title, backend=self.keys.backend)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Hand keys and values out as an Arrow stream, in the caller's row order."""
        return self.to_frame("pyarrow").__arrow_c_stream__(requested_schema)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()
