"""The panel: one table of entities over time, sorted once, as plain arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, nearest
from tfp_index.kernels.blocks import default_threads
from tfp_index.kernels.groups import STATUS_GAP, calendar_lags, lag_status
from tfp_index.panel.frames import FrameReader
from tfp_index.panel.keys import Category, Keys, read_keys
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.roles import Roles, collect_roles

if TYPE_CHECKING:
    from tfp_index.panel.checks import Findings

__all__ = ["Category", "Keys", "Panel"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HASHED_ALONE = 20_000
"""Rows below which a panel is hashed without threads: starting them would take longer."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Entities observed over time: sorted, coded, contiguous.

    Made by `Panel.from_frame`. Rows are sorted by entity, item (if any) and time; columns are
    contiguous float64 with NaN for missing entries.

    Examples
    --------
    >>> import numpy as np
    >>> frame = {"province": ["Hạ Long", "Hạ Long"], "year": [2021, 2020],
    ...          "grdp": [110.0, 100.0], "stock": [300.0, 290.0]}
    >>> panel = Panel.from_frame(frame, entity="province", time="year", output="grdp",
    ...                          capital="stock")
    >>> panel["output"], panel.lag()
    (array([100., 110.]), array([-1,  0]))
    >>> panel
    Panel(2 rows, 1 entity, 2020–2021; output, capital)
    """

    keys: Keys
    columns: Mapping[str, Floats]
    names: Mapping[str, str]
    inputs: tuple[str, ...]
    groups: Mapping[str, Category]
    lag_status: NDArray[np.int8]
    logs: bool
    step: int
    vintage: str | None
    keyless_rows: tuple[int, ...]

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        entity: str,
        time: str,
        item: str | None = None,
        output: str | None = None,
        value_added: str | None = None,
        capital: str | None = None,
        labor: str | None = None,
        materials: str | None = None,
        energy: str | None = None,
        services: str | None = None,
        investment: str | None = None,
        capital_share: str | None = None,
        labor_share: str | None = None,
        weight: str | None = None,
        inputs: Mapping[str, str] | None = None,
        columns: Mapping[str, str] | None = None,
        groups: Mapping[str, str] | None = None,
        logs: bool = False,
        step: int = 1,
        frequency: str | None = None,
        vintage: str | None = None,
    ) -> Panel:
        """Read a table of any supported frame library.

        Parameters
        ----------
        frame : pandas, polars or pyarrow table, DuckDB relation, Arrow stream or mapping
        entity, time : str
            Key columns. Entities may be numbers, text or a mixture; time may be integers, dates,
            pandas periods or texts like ``2020Q1``.
        item : str, optional
            Third key: asset, product or type of worker within an entity.
        output, value_added, capital, labor, materials, energy, services, investment : str, optional
            Columns of the common roles.
        capital_share, labor_share, weight : str, optional
            Shares (between 0 and 1) and weights.
        inputs : mapping of role to column, optional
            Further inputs of production, e.g. ``{"ict": "K_ict"}``.
        columns : mapping of role to column, optional
            Further numeric roles; the share of input ``x`` is the role ``x_share``.
        groups : mapping of name to column, optional
            Categories such as industry or district.
        logs : bool
            True when the columns (except shares and weights) are natural logs already.
        step : int
            Periods between consecutive observations, e.g. 5 for a census every five years.
        frequency : {"year", "quarter", "month", "day"}, optional
            Unit in which dates are counted; found from the dates by default.
        vintage : str, optional
            Edition of the data, kept in every result.

        Raises
        ------
        DataError
            If a column is absent or not numeric, a role is given twice, or the table is empty.
        """
        common = {
            "output": output,
            "value_added": value_added,
            "capital": capital,
            "labor": labor,
            "materials": materials,
            "energy": energy,
            "services": services,
            "investment": investment,
            "capital_share": capital_share,
            "labor_share": labor_share,
            "weight": weight,
        }
        roles = collect_roles(entity, time, item, common, inputs, columns, groups)
        if not isinstance(step, (int, np.integer)) or step < 1:
            raise DataError(f"step is {step!r}", code="bad_step", expected="an integer from 1")
        reader = FrameReader(frame)
        return _build(cls, reader, roles, logs, int(step), frequency, vintage)

    @property
    def n_rows(self) -> int:
        """Number of rows with usable keys."""
        return self.keys.n_rows

    @property
    def n_entities(self) -> int:
        """Number of entities."""
        return int(self.keys.entity_labels.shape[0])

    @property
    def periods(self) -> list[Any]:
        """The caller's labels of the distinct periods, ascending."""
        return list(self.keys.calendar.labels.tolist())

    @property
    def entity_codes(self) -> Ints:
        """(n,) number of each row's entity."""
        return self.keys.entity_codes

    @property
    def entity_labels(self) -> NDArray[Any]:
        """(g,) label of each entity."""
        return self.keys.entity_labels

    @property
    def time(self) -> Ints:
        """(n,) calendar number of each row."""
        return self.keys.time

    @property
    def offsets(self) -> Ints:
        """(s + 1,) where each series starts; a series is an entity, or an entity's item."""
        return self.keys.offsets

    @property
    def item(self) -> Category | None:
        """The third key, if there is one."""
        return self.keys.item

    @cached_property
    def series_codes(self) -> Ints:
        """(n,) number of each row's series."""
        return np.repeat(np.arange(self.offsets.shape[0] - 1), np.diff(self.offsets))

    @cached_property
    def n_gaps(self) -> int:
        """Rows whose series has a row before them that is not their previous period."""
        return int(np.count_nonzero(self.lag_status == STATUS_GAP))

    def __len__(self) -> int:
        return self.n_rows

    def __contains__(self, role: object) -> bool:
        return role in self.columns

    def __getitem__(self, role: str) -> Floats:
        try:
            return self.columns[role]
        except KeyError:
            raise DataError(
                f"the panel has no role {role!r}",
                code="missing_role",
                column=role,
                expected=f"a column for {role!r} in Panel.from_frame",
                remedy=nearest(role, self.columns),
            ) from None

    def group(self, name: str) -> Category:
        """Return a grouping by its name.

        Raises
        ------
        DataError
            If the panel has no such grouping.
        """
        try:
            return self.groups[name]
        except KeyError:
            raise DataError(
                f"the panel has no grouping {name!r}",
                code="missing_group",
                column=name,
                expected=f"groups={{{name!r}: column}} in Panel.from_frame",
                remedy=nearest(name, self.groups),
            ) from None

    def log(self, role: str) -> Floats:
        """Return the natural log of a role; missing entries stay missing.

        Raises
        ------
        DataError
            At the first entry that is zero, negative or infinite.
        """
        values = self[role]
        if self.logs:
            return values
        bad = np.flatnonzero((values <= 0) | np.isinf(values))
        if bad.size:
            row = int(bad[0])
            entity, time = self.keys.where(row)
            raise DataError(
                f"{role} is {values[row]:g} in {bad.size} row(s), first here; its log is needed",
                code="non_positive" if values[row] <= 0 else "non_finite",
                column=self.names[role],
                entity=entity,
                time=time,
                expected="a finite number above zero",
                remedy="correct or remove these rows; panel.check() lists them",
            )
        with np.errstate(invalid="ignore"):
            return np.log(values)

    def lag(self, periods: int = 1) -> Ints:
        """Return the row `periods` observations earlier of the same series, -1 where missing.

        Lags go by the calendar: across a gap there is none.
        """
        return calendar_lags(self.series_codes, self.time, periods * self.step)

    def where(self, row: int) -> tuple[Any, Any]:
        """Return the caller's labels of entity and time of a row."""
        return self.keys.where(row)

    def check(self, **options: Any) -> Findings:
        """Look for everything that could spoil an estimate and list it; see `checks.check`."""
        from tfp_index.panel.checks import check

        return check(self, **options)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over keys and columns in panel order: the same for any row order."""
        columns: dict[str, NDArray[Any]] = {"entity": self.entity_codes, "time": self.time}
        labels = {"entity": self.entity_labels}
        if self.item is not None:
            columns["item"] = self.item.codes
            labels["item"] = self.item.labels
        for role in sorted(self.columns):
            columns[f"role {role}"] = self.columns[role]

        def hashed(name: str) -> bytes:
            return hashlib.sha256(columns[name].data).digest()

        if self.n_rows < HASHED_ALONE:
            parts = {name: hashed(name) for name in columns}
        else:
            with ThreadPoolExecutor(default_threads()) as pool:  # hashing releases the lock
                parts = dict(zip(columns, pool.map(hashed, columns), strict=True))
        whole = hashlib.sha256()
        for name, digest in parts.items():
            whole.update(name.encode() + digest)
        for name, values in labels.items():
            whole.update(f"{name}{[str(v) for v in values.tolist()]}".encode())
        return whole.hexdigest()

    def __repr__(self) -> str:
        noun = "entity" if self.n_entities == 1 else "entities"
        labels = self.keys.calendar.labels
        span = f", {labels[0]!s}–{labels[-1]!s}" if labels.size else ""
        roles = ", ".join(self.columns) or "no numeric roles"
        return f"Panel({self.n_rows} rows, {self.n_entities} {noun}{span}; {roles})"


def _build(
    cls: type[Panel],
    reader: FrameReader,
    roles: Roles,
    logs: bool,
    step: int,
    frequency: str | None,
    vintage: str | None,
) -> Panel:
    keys, keyless = read_keys(reader, roles, frequency)
    rows = keys.order

    def arrange(values: NDArray[Any]) -> NDArray[Any]:
        column = values.view() if rows is None else values[rows]
        column.flags.writeable = False
        return column

    groups = {}
    for name, column in roles.groups.items():
        codes, labels = reader.categories(column)
        groups[name] = Category(arrange(codes), labels, column)
    series = np.repeat(np.arange(keys.offsets.shape[0] - 1), np.diff(keys.offsets))
    panel = cls(
        keys=keys,
        columns=ReadOnly({r: arrange(reader.numbers(c)) for r, c in roles.numeric.items()}),
        names=ReadOnly(dict(roles.numeric)),
        inputs=roles.inputs,
        groups=ReadOnly(groups),
        lag_status=lag_status(series, keys.time, step),
        logs=bool(logs),
        step=step,
        vintage=vintage,
        keyless_rows=tuple(keyless.tolist()),
    )
    _ = panel.fingerprint  # paid here once, so that every fit on the panel finds it ready
    return panel
