"""Panel checks over partitions: the same findings as in memory, found where the rows are."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.sums import Additive
from tfp_index.panel.checks import CODES, Finding, Findings, check, folded
from tfp_index.panel.frames import label_key
from tfp_index.results.specification import Specification
from tfp_index.scale.programs._shared import Frame, aligned
from tfp_index.scale.task import Context, Program, Sum

if TYPE_CHECKING:
    from tfp_index.panel.panel import Panel

__all__ = ["Checks"]

Found = dict[tuple[str, str | None], int]


@dataclass(frozen=True, repr=False)
class Checks(Specification):
    """Everything that could spoil an estimate, as `Panel.check` lists it.

    The answer of a run is a `Findings`: counts by code and column, and the first of each kind in
    full, whatever partition they stand in.

    Parameters
    ----------
    positive, jump, index_tolerance, share_tolerance, limit
        See `tfp_index.panel.checks.check`.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"id": ["A", "A", "B"], "year": [2020, 2022, 2020], "y": [5.0, 5.1, -1.0]}
    >>> job = tfp.scale.run(Checks(), frame, partitions=2,
    ...                     roles={"entity": "id", "time": "year", "output": "y"})
    >>> job.result.counts()["code"].tolist()
    ['non_positive', 'gap', 'single_observation']
    """

    positive: tuple[str, ...] | None = None
    jump: float = 1.5
    index_tolerance: float = 0.1
    share_tolerance: float = 1e-6
    limit: int = 20

    def __post_init__(self) -> None:
        if self.positive is not None:
            object.__setattr__(self, "positive", tuple(self.positive))
        if isinstance(self.limit, bool) or not isinstance(self.limit, int) or self.limit < 0:
            self._refuse("limit", f"limit={self.limit!r}", "0 or more")

    @property
    def options(self) -> dict[str, Any]:
        """The keywords of `check`."""
        names = ("positive", "jump", "index_tolerance", "share_tolerance", "limit")
        return {name: getattr(self, name) for name in names}

    def fit(self, panel: Panel) -> Findings:
        """Return ``panel.check()`` under these options."""
        return check(panel, **self.options)

    @staticmethod
    def scale_program(spec: Checks, context: Context) -> Program:
        """Return the program of the run; see `tfp_index.scale.run`."""
        return checks(spec, context)


@dataclass(frozen=True, eq=False)
class _Hashes:
    """One number for each text label, without case, spaces and Unicode form."""

    numbers: NDArray[np.uint64]

    def __add__(self, other: _Hashes) -> _Hashes:
        return _Hashes(np.concatenate((self.numbers, other.numbers)))


@dataclass(frozen=True, eq=False)
class _Listed(Additive):
    """Findings of a partition: every count, and the first of each kind with their places."""

    totals: Found
    items: Mapping[tuple[str, str | None], _First]


@dataclass(frozen=True, eq=False)
class _First:
    """The first findings of one kind, by entity and time."""

    limit: int
    places: tuple[tuple[Any, ...], ...] = field(default=())

    def __add__(self, other: _First) -> _First:
        joined = sorted((*self.places, *other.places), key=lambda place: place[0])
        return _First(self.limit, tuple(joined[: self.limit]))


def checks(spec: Checks, context: Context) -> Program:
    """Look at every partition, then once more at labels that may differ in writing only."""
    found, hashes = yield Sum(_listed, (spec, context))
    totals: Found = dict(found.totals)
    items = [place[1] for kind in found.items.values() for place in kind.places]
    names = context.names
    if context.keyless_rows:
        key = ("missing_key", names["entity"])
        totals[key] = context.keyless_rows
        text = f"{context.keyless_rows} row(s) lack entity or time"
        items.append(Finding(*key, None, None, np.nan, text))
    numbers, counts = np.unique(hashes.numbers, return_counts=True)
    if (counts > 1).any():
        alike = yield Sum(_alike, (frozenset(numbers[counts > 1].tolist()),))
        lookalikes = _lookalikes(alike)
        if lookalikes:
            totals["lookalike_entity", None] = len(lookalikes)
            items += lookalikes[: spec.limit]
    rank = {code: place for place, code in enumerate(CODES)}
    items.sort(key=lambda f: (rank[f.code], str(f.column)))
    return Findings(tuple(items), totals, "pandas")


def _listed(panel: Panel, spec: Checks, context: Context) -> tuple[_Listed, _Hashes]:
    part = aligned(panel, Frame(context))
    found = spec.fit(part)
    apart = ("lookalike_entity", "missing_key")  # of the data as a whole
    totals = {key: n for key, n in found.totals.items() if key[0] not in apart}
    listed: dict[tuple[str, str | None], list[Any]] = defaultdict(list)
    for item in found.items:
        if item.code not in apart:
            when = context.calendar.number(item.time)
            listed[item.code, item.column].append(((label_key(item.entity), when), item))
    items = {key: _First(spec.limit, tuple(places)) for key, places in listed.items()}
    labels = [label for label in part.entity_labels.tolist() if isinstance(label, str)]
    return _Listed(totals, items), _Hashes(np.array([_hash(x) for x in labels], np.uint64))


def _hash(label: str) -> int:
    digest = hashlib.blake2b(folded(label).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def _alike(panel: Panel, wanted: frozenset[int]) -> dict[str, tuple[Any, ...]]:
    """Labels whose numbers occur more than once, with their first period."""
    found: dict[str, tuple[Any, ...]] = {}
    for code, label in enumerate(panel.entity_labels.tolist()):
        if isinstance(label, str) and _hash(label) in wanted:
            row = int(np.searchsorted(panel.entity_codes, code))
            found[label] = (panel.where(row)[1],)
    return found


def _lookalikes(alike: Mapping[str, tuple[Any, ...]]) -> list[Finding]:
    """Compare labels with the first of those that are the same but for their writing."""
    seen: dict[str, str] = {}
    found = []
    for label in sorted(alike):
        key = folded(label)
        if key in seen:
            text = f"{label!r} and {seen[key]!r} differ only in writing"
            found.append(Finding("lookalike_entity", None, label, alike[label][0], np.nan, text))
        seen.setdefault(key, label)
    return found
