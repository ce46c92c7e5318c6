"""What a program says to an engine: sum this over the partitions, write these rows.

A *program* is a generator. Each value that it yields is one round over all partitions, each
answer that it gets back is the sum over them, and what it returns is the result::

    def mean_output(spec, context):
        total = yield Sum(count_and_sum, ("output",))
        yield Write("deviations", deviations, (total["sum"] / total["n"],))
        return total["sum"] / total["n"]

A partition holds whole entities and comes as a `Panel`. Partitions that have no row with a key
are not visited; their rows are among ``context.keyless_rows``, which counts them for all.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tfp_index._version import __version__
from tfp_index.errors import DataError, SpecificationError, nearest
from tfp_index.panel.calendar import Calendar
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.panel import Panel
from tfp_index.panel.roles import Roles
from tfp_index.results.result import Record, Sample
from tfp_index.results.specification import Specification

__all__ = ["Context", "Program", "Sum", "Task", "Write", "add"]


@dataclass(frozen=True)
class Sum:
    """One round that adds something up over the partitions.

    Attributes
    ----------
    function : callable
        ``function(panel, *arguments)`` of a module's top level, so that it can travel to another
        process. It returns a number, an array, a frozen dataclass with ``__add__``, or a tuple or
        mapping of these; see `add`.
    arguments : tuple
        Plain data; what a round needs from the rounds before it.
    step : str
        What the log calls the round; default: the name of the function.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    step: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", self.step or _name(self.function))


@dataclass(frozen=True)
class Write:
    """One round that writes rows, one Parquet file for each partition.

    Attributes
    ----------
    name : str
        Folder of the rows below the folder of the run; one level, e.g. ``"growth"``.
    function : callable
        ``function(panel, *arguments)`` returns ``(columns, sums)``: a mapping of names to arrays
        of one length, with the keys under the caller's names (``panel.keys.columns()``), and sums
        as those of `Sum`. Without a folder to write to the columns are computed and let go.
    arguments : tuple
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()

    @property
    def step(self) -> str:
        """What the log calls the round."""
        return f"rows of {self.name}"


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__).strip("_").replace("_", " ")


Task: TypeAlias = Sum | Write
Program: TypeAlias = Generator[Task, Any, Any]


@dataclass(frozen=True, eq=False)
class Context:
    """What every partition shares; the same in every engine and for any number of partitions.

    Attributes
    ----------
    roles : Roles
        Column of every role, inputs in order.
    calendar : Calendar
        All periods of the data.
    groups : mapping of grouping to (c,) array
        Labels over all partitions, sorted as in a panel; see `codes`.
    rows : int
        Rows of the data, with those that have no key.
    keyless_rows : int
        Rows without entity, time or item, over all partitions. They are in no panel's rows;
        ``len(panel.keyless_rows)`` is part of this number and must not be added to it.
    fingerprint : str
        SHA-256 of what is added up over all rows: no order of rows or partitions changes it. It is
        not `Panel.fingerprint`, which needs all entities in one place.
    logs : bool
    step : int
    vintage : str or None
    partitions : int
    seed : int or None
        Entropy of everything random; kept for a run that is resumed.
    entities : int
        Entities that have a row with all keys.
    """

    roles: Roles
    calendar: Calendar
    groups: Mapping[str, NDArray[Any]]
    rows: int
    keyless_rows: int
    fingerprint: str
    logs: bool = False
    step: int = 1
    vintage: str | None = None
    partitions: int = 1
    seed: int | None = None
    entities: int = 0

    @property
    def names(self) -> dict[str, str]:
        """Role → the caller's column, keys included."""
        keys = {"entity": self.roles.entity, "time": self.roles.time}
        item = {"item": self.roles.item} if self.roles.item else {}
        return {**keys, **item, **self.roles.numeric}

    def labels(self, group: str) -> NDArray[Any]:
        """Return the labels of a grouping over all partitions.

        Raises
        ------
        DataError
            If there is no such grouping.
        """
        try:
            return self.groups[group]
        except KeyError:
            raise DataError(
                f"there is no grouping {group!r}",
                code="missing_group",
                column=group,
                expected=f"groups={{{group!r}: column}} among the roles",
                remedy=nearest(group, self.groups),
            ) from None

    def codes(self, panel: Panel, group: str) -> NDArray[np.int64]:
        """Return each row's code into `labels`, -1 where the caller gave none."""
        place = {label: code for code, label in enumerate(self.labels(group).tolist())}
        category = panel.group(group)
        lookup = np.full(len(category) + 1, -1, np.int64)  # the last place is for -1
        lookup[:-1] = [place[label] for label in category.labels.tolist()]
        return lookup[category.codes]

    def periods(self, panel: Panel) -> NDArray[np.int64]:
        """Return each row's place among the periods of all partitions."""
        return np.searchsorted(self.calendar.numbers, panel.time).astype(np.int64)

    def record(self, spec: Specification, sample: Sample, seed: Any = None) -> Record:
        """Return the record of a run, as `record_of` does for a fit in memory.

        Pass ``seed=context.seed`` where the answer depends on it.
        """
        return Record(
            specification=ReadOnly(spec.to_dict()),
            version=__version__,
            fingerprint=self.fingerprint,
            vintage=self.vintage,
            columns=ReadOnly(self.names),
            sample=sample,
            seed=seed,
        )


def add(a: Any, b: Any) -> Any:
    """Add sums structurally: numbers, arrays, tuples, mappings, and what has ``__add__``.

    A key that only one mapping has counts as zero in the other. None is added to None only.

    Raises
    ------
    SpecificationError
        If the two are not of the same make.

    Examples
    --------
    >>> add({"n": 2, "xx": (1.0, 2.0)}, {"n": 3, "xx": (0.5, 0.0), "lost": 1})
    {'n': 5, 'xx': (1.5, 2.0), 'lost': 1}
    """
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        both = {key: add(value, b[key]) if key in b else value for key, value in a.items()}
        return {**both, **{key: value for key, value in b.items() if key not in a}}
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        sums = [add(x, y) for x, y in zip(a, b, strict=True)]
        return type(a)(*sums) if hasattr(a, "_fields") else tuple(sums)
    if a is None and b is None:
        return None
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape == b.shape:
        return a + b
    plain = (int, float, complex, np.generic)
    numbers = isinstance(a, plain) and isinstance(b, plain)
    made = type(a) is type(b) and hasattr(a, "__add__")
    if numbers or (made and not isinstance(a, (np.ndarray, tuple, list, str, bytes))):
        return a + b
    raise SpecificationError(
        f"the sums of two partitions do not add up: {_kind(a)} and {_kind(b)}",
        code="bad_sum",
        expected="numbers, arrays of one shape, tuples of one length, mappings, or one class "
        "with __add__",
    )


def _kind(value: Any) -> str:
    shape = f" of shape {value.shape}" if isinstance(value, np.ndarray) else ""
    length = f" of length {len(value)}" if isinstance(value, tuple) else ""
    return type(value).__name__ + shape + length
