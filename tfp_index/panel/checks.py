"""Data problems as a table: what, where, how bad, and what to do about it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels.groups import STATUS_GAP, STATUS_OK
from tfp_index.kernels.prices import level_breaks, mixed_bases
from tfp_index.panel.panel import Panel
from tfp_index.panel.roles import SHARE_SUFFIX
from tfp_index.panel.table import Table

__all__ = ["CODES", "Finding", "Findings", "check", "folded", "refuse_mixed_bases", "require_keys"]

CODES = {
    "duplicate_key": ("error", "keep one row per entity and period, or name a third key: item="),
    "missing_key": ("error", "fill the entity and time of these rows or remove them"),
    "non_finite": ("error", "replace infinite values"),
    "non_positive": ("error", "correct the value or leave it empty; a log needs it above zero"),
    "share_at_bound": ("warning", "a share of exactly 0 or 1 switches an input off; is it meant?"),
    "share_out_of_range": ("error", "give shares between 0 and 1, not percent"),
    "shares_not_one": ("error", "rescale the shares, or leave one out to get the remainder"),
    "unit_switch": ("error", "bring the column to one unit (đồng, nghìn, triệu, tỷ)"),
    "mixed_price_base": ("error", "join the two vintages on a period they share: Splicing(…)"),
    "level_index_mismatch": ("warning", "splice the level with its official index before use"),
    "gap": ("warning", "growth across the gap is not computed; add the missing periods"),
    "single_observation": ("warning", "one row gives no growth"),
    "jump": ("warning", "check the value; a jump may be a merger, an error or a change of unit"),
    "missing_value": ("warning", "rows without the value give no growth"),
    "lookalike_entity": ("warning", "write each entity in one way (case, spaces, Unicode form)"),
}
"""Finding codes with their severity and remedy, most serious first."""

_PRICE_BASE = "price_base"
_INDEX_SUFFIX = "_index"
_UNSHARED = ("weight",)


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem at one place (or counted over many, when `entity` is None)."""

    code: str
    column: str | None
    entity: Any
    time: Any
    value: float
    message: str

    @property
    def severity(self) -> str:
        """Either ``"error"`` (stops a fit) or ``"warning"`` (counted in its result)."""
        return CODES[self.code][0]

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return CODES[self.code][1]


@dataclass(frozen=True)
class Findings:
    """All findings of a check: the first ones of each kind in full, and every count.

    Attributes
    ----------
    items : tuple of Finding
        At most `limit` per code and column.
    totals : dict of (code, column) to number of occurrences
    """

    items: tuple[Finding, ...]
    totals: dict[tuple[str, str | None], int]
    backend: str = "pandas"

    @property
    def has_errors(self) -> bool:
        """Whether any finding would stop a fit that uses the column."""
        return any(CODES[code][0] == "error" for code, _ in self.totals)

    def count(self, code: str | None = None) -> int:
        """Return how often a code (or any) occurs."""
        return sum(n for (c, _), n in self.totals.items() if code in (None, c))

    def __len__(self) -> int:
        return self.count()

    def table(self) -> Table:
        """Return one row per listed finding."""
        return Table(
            {
                "severity": [f.severity for f in self.items],
                "code": [f.code for f in self.items],
                "column": [f.column for f in self.items],
                "entity": [f.entity for f in self.items],
                "time": [f.time for f in self.items],
                "value": np.array([f.value for f in self.items], np.float64),
                "message": [f.message for f in self.items],
                "remedy": [f.remedy for f in self.items],
            },
            title="Findings",
            notes=self._cut(),
            backend=self.backend,
        )

    def counts(self) -> Table:
        """Return one row per code and column with its number of occurrences."""
        keys = sorted(self.totals, key=lambda k: (list(CODES).index(k[0]), str(k[1])))
        return Table(
            {
                "severity": [CODES[code][0] for code, _ in keys],
                "code": [code for code, _ in keys],
                "column": [column for _, column in keys],
                "count": np.array([self.totals[k] for k in keys], np.int64),
                "remedy": [CODES[code][1] for code, _ in keys],
            },
            title="Findings by kind",
            backend=self.backend,
        )

    def to_frame(self, backend: str | None = None) -> Any:
        """Return the listed findings as a frame."""
        return self.table().to_frame(backend)

    def to_dict(self) -> dict[str, Any]:
        """Return findings and counts as plain data."""
        return {
            "has_errors": self.has_errors,
            "findings": self.table().rows(),
            "counts": self.counts().rows(),
        }

    def _cut(self) -> tuple[str, ...]:
        hidden = self.count() - len(self.items)
        return (f"{hidden} further findings are counted in counts()",) if hidden else ()

    def __str__(self) -> str:
        return str(self.table()) if self.items else "No findings."

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_() if self.items else "<p>No findings.</p>"


def _said(text: str) -> Callable[[int], str]:
    return lambda _: text


def _say(before: str, template: str, *columns: NDArray[np.float64]) -> Callable[[int], str]:
    """Return a message: `before`, then `template` filled with the i-th number of each column."""
    return lambda i: before + template.format(*(column[i] for column in columns))


class _Collector:
    """Counts findings and keeps the first few of each kind."""

    def __init__(self, panel: Panel, limit: int) -> None:
        self.panel = panel
        self.limit = limit
        self.items: list[Finding] = []
        self.totals: dict[tuple[str, str | None], int] = {}

    def rows(
        self,
        code: str,
        role: str | None,
        rows: NDArray[np.intp],
        message: Callable[[int], str],
        values: NDArray[np.float64] | None = None,
    ) -> None:
        """Report panel rows; `message` takes the place in `rows`."""
        if not rows.size:
            return
        column = self.panel.names.get(role, role) if role else None
        key = (code, column)
        self.totals[key] = self.totals.get(key, 0) + int(rows.size)
        for place, row in enumerate(rows[: self.limit].tolist()):
            entity, time = self.panel.where(row)
            value = float(values[place]) if values is not None else np.nan
            self.items.append(Finding(code, column, entity, time, value, message(place)))

    def done(self) -> Findings:
        rank = {code: place for place, code in enumerate(CODES)}
        ordered = sorted(self.items, key=lambda f: (rank[f.code], str(f.column)))
        return Findings(tuple(ordered), dict(self.totals), self.panel.keys.backend)


def check(
    panel: Panel,
    *,
    positive: Sequence[str] | None = None,
    jump: float = 1.5,
    index_tolerance: float = 0.1,
    share_tolerance: float = 1e-6,
    limit: int = 20,
) -> Findings:
    """Look for everything that could spoil an estimate.

    Parameters
    ----------
    panel : Panel
    positive : sequence of str, optional
        Roles whose log will be taken; default: output, value added and the inputs.
    jump : float
        Change of a log between consecutive periods that is reported, e.g. 1.5 for a factor 4.5.
    index_tolerance : float
        Percentage points by which the growth of a level may differ from its official index (the
        role ``x_index`` beside ``x``, previous period = 100).
    share_tolerance : float
        Distance from one that the sum of the shares may have.
    limit : int
        Findings of one kind that are listed in full; all are counted.

    Returns
    -------
    Findings
        A table with entity, time, column, code, severity and remedy. Nothing is raised.

    Examples
    --------
    >>> frame = {"id": ["A", "A", "A"], "year": [2020, 2021, 2022], "y": [5.0, 5000.0, 5.1]}
    >>> panel = Panel.from_frame(frame, entity="id", time="year", output="y")
    >>> [(f.code, f.time) for f in panel.check().items]
    [('unit_switch', 2021), ('jump', 2021), ('jump', 2022)]
    """
    if positive is None:
        positive = [r for r in ("output", "value_added", *panel.inputs) if r in panel]
    found = _Collector(panel, limit)
    _keys(found)
    for role, values in panel.columns.items():
        _values(found, role, values, role in positive and not panel.logs)
    _shares(found, share_tolerance)
    for role in positive:
        _changes(found, role, jump)
    _official_indices(found, index_tolerance)
    if _PRICE_BASE in panel.groups:
        rows = mixed_bases(panel.group(_PRICE_BASE).codes, panel.lag_status)
        found.rows(
            "mixed_price_base",
            panel.group(_PRICE_BASE).column,
            rows,
            lambda i: "from {} to {}".format(*_bases(panel, int(rows[i]))),
        )
    return found.done()


def refuse_mixed_bases(panel: Panel) -> None:
    """Raise if levels in the prices of different years would be chained.

    Raises
    ------
    DataError
        If the panel has the grouping ``price_base`` and it changes within a series.
    """
    if _PRICE_BASE not in panel.groups:
        return
    category = panel.group(_PRICE_BASE)
    rows = mixed_bases(category.codes, panel.lag_status)
    if rows.size:
        entity, time = panel.where(int(rows[0]))
        before, after = _bases(panel, int(rows[0]))
        raise DataError(
            f"the price base changes from {before} to {after}; {rows.size} such row(s), first here",
            code="mixed_price_base",
            column=category.column,
            entity=entity,
            time=time,
            expected="one price base within each series",
            remedy="join the two vintages on a period they share: Splicing(older=…, newer=…)",
        )


def _bases(panel: Panel, row: int) -> tuple[Any, Any]:
    """Return the price bases of the row before and of this row."""
    category = panel.group(_PRICE_BASE)
    codes = category.codes[row - 1 : row + 1].tolist()
    before, after = (category.labels[c] if c >= 0 else "unknown" for c in codes)
    return before, after


def require_keys(panel: Panel) -> None:
    """Raise unless every row has a key of its own; every fit begins with this.

    Raises
    ------
    DataError
        Naming the first row without a key, or the first key that occurs twice.
    """
    if panel.keyless_rows:
        first = panel.keyless_rows[0]
        raise DataError(
            f"{len(panel.keyless_rows)} row(s) lack entity or time, first in row {first + 1} of "
            "the table",
            code="missing_key",
            column=panel.keys.names["entity"],
            expected="entity and time in every row",
            remedy=CODES["missing_key"][1],
        )
    twice = _duplicates(panel)
    if twice.size:
        entity, time = panel.where(int(twice[0]))
        raise DataError(
            f"{twice.size} row(s) repeat the key of another row, first here",
            code="duplicate_key",
            column=panel.keys.names["entity"],
            entity=entity,
            time=time,
            expected="one row per key",
            remedy=CODES["duplicate_key"][1],
        )


def _duplicates(panel: Panel) -> NDArray[np.intp]:
    if not panel.n_gaps:
        return np.zeros(0, np.intp)  # a repeated key counts as a gap
    same = (panel.time[1:] == panel.time[:-1]) & (panel.lag_status[1:] == STATUS_GAP)
    return np.flatnonzero(same) + 1


def _keys(found: _Collector) -> None:
    panel = found.panel
    names = panel.keys.names
    if panel.keyless_rows:
        key = ("missing_key", names["entity"])
        found.totals[key] = len(panel.keyless_rows)
        found.items += [
            Finding(key[0], key[1], None, None, np.nan, f"row {row + 1} lacks entity or time")
            for row in panel.keyless_rows[: found.limit]
        ]
    twice = _duplicates(panel)
    found.rows("duplicate_key", None, twice, lambda _: "the key occurs in an earlier row too")
    gaps = np.setdiff1d(np.flatnonzero(panel.lag_status == STATUS_GAP), twice)
    width = (panel.time[gaps] - panel.time[gaps - 1]) // panel.step - 1
    found.rows(
        "gap",
        None,
        gaps,
        lambda i: (
            f"{width[i]} period(s) missing before this row"
            if width[i] > 0
            else "the period before this row is not a whole step away"
        ),
        width.astype(np.float64),
    )
    lengths = np.diff(panel.offsets)
    found.rows(
        "single_observation",
        None,
        panel.offsets[:-1][lengths == 1],
        lambda _: "the only row of its entity",
    )
    _lookalikes(found)


def folded(label: str) -> str:
    """Return a label without what its writing may vary in: case, spaces, Unicode form.

    Examples
    --------
    >>> folded("  HẠ  Long ") == folded("hạ long")
    True
    """
    return " ".join(unicodedata.normalize("NFC", label).casefold().split())


def _lookalikes(found: _Collector) -> None:
    labels = found.panel.entity_labels
    if labels.dtype.kind != "O":
        return
    seen: dict[str, Any] = {}
    for code, label in enumerate(labels.tolist()):
        if not isinstance(label, str):
            continue
        key = folded(label)
        if key in seen:
            row = int(np.searchsorted(found.panel.entity_codes, code))
            other = seen[key]
            text = f"{label!r} and {other!r} differ only in writing"
            found.rows("lookalike_entity", None, np.array([row]), _said(text))
        seen.setdefault(key, label)


def _values(found: _Collector, role: str, values: NDArray[np.float64], positive: bool) -> None:
    low = np.fmin.reduce(values, initial=np.inf)
    high = np.fmax.reduce(values, initial=-np.inf)
    if (np.isinf(low) and low < 0) or (np.isinf(high) and high > 0):
        rows = np.flatnonzero(np.isinf(values))
        found.rows("non_finite", role, rows, lambda _: f"{role} is infinite", values[rows])
    if positive and low <= 0:
        rows = np.flatnonzero(values <= 0)
        bad = values[rows]
        found.rows("non_positive", role, rows, _say(role, " is {:g}", bad), bad)
    rows = np.flatnonzero(np.isnan(values))
    found.rows("missing_value", role, rows, lambda _: f"{role} is missing")


def _shares(found: _Collector, tolerance: float) -> None:
    panel = found.panel
    roles = [r for r in panel.columns if r.endswith(SHARE_SUFFIX) and r not in _UNSHARED]
    for role in roles:
        values = panel[role]
        rows = np.flatnonzero((values < 0) | (values > 1))
        bad = values[rows]
        found.rows("share_out_of_range", role, rows, _say("the share is ", "{:g}", bad), bad)
        rows = np.flatnonzero((values == 0) | (values == 1))
        found.rows("share_at_bound", role, rows, _said("the share is 0 or 1"), values[rows])
    of_inputs = [f"{name}{SHARE_SUFFIX}" for name in panel.inputs]
    if len(of_inputs) > 1 and all(role in panel for role in of_inputs):
        total = np.sum([panel[role] for role in of_inputs], axis=0)
        rows = np.flatnonzero(np.abs(total - 1.0) > tolerance)
        sums = total[rows]
        found.rows(
            "shares_not_one", of_inputs[0], rows, _say("the shares sum to ", "{:.6g}", sums), sums
        )


def _changes(found: _Collector, role: str, jump: float) -> None:
    panel = found.panel
    with np.errstate(divide="ignore", invalid="ignore"):
        level = panel[role] if panel.logs else np.log(panel[role])
        change = np.full(level.shape[0], np.nan)
        change[1:] = np.where(panel.lag_status[1:] == STATUS_OK, level[1:] - level[:-1], np.nan)
    change[~np.isfinite(change)] = np.nan
    rows = np.flatnonzero(np.abs(change) > jump)
    sizes = change[rows]
    with np.errstate(over="ignore"):
        factors = np.exp(sizes)
    found.rows("jump", role, rows, _say(role, " changes by a factor {:.3g}", factors), sizes)
    switched = list(_unit_switches(change, rows))
    if switched:
        at = np.array([row for row, _ in switched], np.intp)
        found.rows(
            "unit_switch",
            role,
            at,
            lambda i: f"{role} is about {switched[i][1]} its neighbors: another unit?",
            panel[role][at],
        )


def _unit_switches(
    change: NDArray[np.float64], rows: NDArray[np.intp]
) -> Iterator[tuple[int, str]]:
    """Yield rows where a column jumps by about 1,000 or 1,000,000 and jumps back later.

    The jump back may come up to five periods later, as when a firm files a few returns in
    another unit.
    """
    for power, times in ((3, "1,000 times"), (6, "1,000,000 times")):
        size = power * np.log(10.0)
        near = rows[np.abs(np.abs(change[rows]) - size) < 0.2 * power / 3]
        for place, row in enumerate(near.tolist()[:-1]):
            back = int(near[place + 1])
            unbroken = not np.isnan(change[row : back + 1]).any()
            if back - row <= 5 and unbroken and change[row] * change[back] < 0:
                up = change[row] > 0
                yield row, times if up else f"1/{times.removesuffix(' times')} of"


def _official_indices(found: _Collector, tolerance: float) -> None:
    panel = found.panel
    for role in panel.columns:
        index = f"{role}{_INDEX_SUFFIX}"
        if index not in panel or panel.logs:
            continue
        breaks = level_breaks(panel[role], panel[index], panel.lag_status, tolerance)
        text = "{:.2f} %, its official index {:.2f} %"
        found.rows(
            "level_index_mismatch",
            role,
            breaks.rows,
            _say("the level grows ", text, breaks.level_growth, breaks.index_growth),
            breaks.gap,
        )
