"""From a panel to the columns of a two-stage estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, EstimationError, nearest
from tfp_index.kernels.groups import STATUS_OK, group_offsets
from tfp_index.kernels.two_stage_design import Factor
from tfp_index.panel.figures import LARGEST_LOG, figures
from tfp_index.panel.panel import Panel
from tfp_index.production._rows import Used, complete_rows

__all__ = ["Columns", "Part", "read_columns"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TIME = "time"
"""Name under which the period itself serves as a category."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Complete rows, sorted by group, firm and time.

    Attributes
    ----------
    used : Used
        The rows, in panel order.
    order : (m,) int array or None
        Where each row of these columns stands among the used rows; None when they are in order.
    values : mapping of role to (m,) float array
        Logs of output, inputs and proxies; everything else as it is.
    codes : mapping of name to (m,) int array
        Categories.
    entity : (m,) int array
    lagged : (m,) bool array
        Whether the row before is the same firm (and group) one period earlier.
    at_risk, survived : (m,) bool arrays or None
    edges : (groups + 1,) int array
        Where each group starts.
    labels : tuple
        Label of each group; ``(None,)`` without grouping.
    """

    used: Used
    order: Ints | None
    values: Mapping[str, Floats]
    codes: Mapping[str, Ints]
    entity: Ints
    lagged: NDArray[np.bool_]
    at_risk: NDArray[np.bool_] | None
    survived: NDArray[np.bool_] | None
    edges: Ints
    labels: tuple[Any, ...]
    levels: Mapping[Any, Mapping[str, NDArray[np.bool_]]] | None = None
    """Which codes of each category occur in each group, where that is not for these rows to say."""

    def part(self, group: int) -> Part:
        """Return the rows of one group."""
        return Part(self, slice(int(self.edges[group]), int(self.edges[group + 1])))

    def positions(self, group: int) -> Ints:
        """Return the panel rows of a group."""
        rows = slice(int(self.edges[group]), int(self.edges[group + 1]))
        at = self.used.rows[rows] if self.order is None else self.used.rows[self.order[rows]]
        return np.asarray(at, np.int64)

    def spread(self, values: Floats) -> Floats:
        """Put values of these rows back on the panel's rows, NaN elsewhere."""
        if self.order is not None:
            back = np.empty_like(values)
            back[self.order] = values
            values = back
        if self.used.rows.size == self.used.total:
            return values
        return self.used.spread(values)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The rows of one group: views of the columns."""

    columns: Columns
    rows: slice

    def value(self, role: str) -> Floats:
        """(m,) numeric column."""
        return self.columns.values[role][self.rows]

    def factor(self, name: str) -> Factor:
        """Category with the levels that occur, numbered from 0."""
        codes = self.columns.codes[name][self.rows]
        present = self._present(name, codes)
        return Factor((np.cumsum(present) - 1)[codes], int(present.sum()))

    def _present(self, name: str, codes: Ints) -> NDArray[np.bool_]:
        """Which codes occur in the group."""
        if self.columns.levels is None:
            return np.bincount(codes) > 0  # small numbers: no need to sort
        group = int(np.searchsorted(self.columns.edges, self.rows.start, side="right")) - 1
        return self.columns.levels[self.columns.labels[group]][name]

    @property
    def lagged(self) -> NDArray[np.bool_]:
        """(m,) bool."""
        return self.columns.lagged[self.rows]

    @property
    def offsets(self) -> Ints:
        """(firms + 1,) where each firm starts."""
        return group_offsets(self.columns.entity[self.rows])

    def before(self, role: str) -> Floats:
        """(m,) value one period earlier; 0 in rows without a lag."""
        values = self.value(role)
        out = np.zeros_like(values)
        out[1:] = np.where(self.lagged[1:], values[:-1], 0.0)
        return out

    def split(self, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Part names into numeric roles and categories that vary."""
        numeric = tuple(n for n in names if n in self.columns.values)
        categories = tuple(n for n in names if n not in self.columns.values)
        return numeric, tuple(n for n in categories if self.factor(n).levels > 1)


def read_columns(
    panel: Panel,
    *,
    logs: Sequence[str],
    others: Sequence[str],
    by: str | None,
    survival: bool | str,
    invalid: str,
    whole: bool = True,
) -> Columns:
    """Collect the columns of an estimator and the rows in which all of them have a value.

    Parameters
    ----------
    panel : Panel
    logs : sequence of str
        Roles whose logs are needed.
    others : sequence of str
        Numeric roles, groupings, or ``"time"``.
    by : str or None
        Grouping.
    survival : bool or str
        Whether exits are needed, or the role that marks a firm's last period.
    invalid : {"error", "missing"}
        What to do with values that have no finite log.
    whole : bool
        Whether these are all rows; a part of them may have no complete row.

    Raises
    ------
    DataError
        If a role is absent, or a log does not exist.
    EstimationError
        If no row is complete.
    """
    numeric = {role: _log(panel, role, invalid) for role in logs}
    needed: dict[str, Floats] = {role: values for role, (values, _) in numeric.items()}
    codes = _others(panel, others, needed)
    if by is not None:
        codes[by] = panel.group(by).codes
    bad = {role: rows for role, (_, rows) in numeric.items()}
    used = _complete(panel, needed, codes, bad, whole)
    order = None
    if by is not None:
        order = np.argsort(codes[by][used.rows], kind="stable")
    rows = used.rows if order is None else used.rows[order]
    every = order is None and rows.size == panel.n_rows

    def take(values: NDArray[Any]) -> NDArray[Any]:
        return values if every else values[rows]

    entity = take(panel.entity_codes)
    group = np.zeros(rows.size, np.int64) if by is None else take(codes[by])
    lagged = np.zeros(rows.size, bool)
    follows = take(panel.lag_status) == STATUS_OK  # the row before it in the panel is its lag
    if every:
        lagged[:] = follows
    else:
        together = (rows[1:] - rows[:-1] == 1) & (group[1:] == group[:-1])
        lagged[1:] = follows[1:] & together
    edges = group_offsets(group)
    labels: tuple[Any, ...] = (None,)
    if by is not None:
        names = panel.group(by).labels
        labels = tuple(names[i] for i in group[edges[:-1]])
    risk = survived = None
    if survival is not False:
        risk, survived = (take(v) for v in _exits(panel, survival))
    return Columns(
        used=used,
        order=order,
        values={role: take(values) for role, values in needed.items()},
        codes={name: take(values) for name, values in codes.items()},
        entity=entity,
        lagged=lagged,
        at_risk=risk,
        survived=survived,
        edges=edges,
        labels=labels,
    )


def _others(panel: Panel, names: Sequence[str], numeric: dict[str, Floats]) -> dict[str, Ints]:
    """Add numeric roles to `numeric` and return the categories."""
    codes: dict[str, Ints] = {}
    for name in names:
        if name in panel:
            numeric[name] = figures(panel, name)
        elif name in panel.groups:
            codes[name] = panel.group(name).codes
        elif name == TIME:
            codes[name] = panel.time - int(panel.keys.calendar.numbers[0])
        else:
            raise DataError(
                f"the panel has neither a role nor a grouping {name!r}",
                code="missing_role",
                column=name,
                expected="a numeric role, a grouping, or 'time'",
                remedy=nearest(name, [*panel.columns, *panel.groups, TIME]),
            )
    return codes


def _log(panel: Panel, role: str, invalid: str) -> tuple[Floats, NDArray[np.bool_] | None]:
    """Log of a role, and the rows whose value has none."""
    values = panel[role]
    bad = np.abs(values) > LARGEST_LOG if panel.logs else np.isinf(values) | (values <= 0)
    if not bad.any():
        return panel.log(role), None
    if invalid == "missing":
        fine = np.where(bad, np.nan, values)
        return (fine if panel.logs else np.log(fine)), bad
    row = int(np.flatnonzero(bad)[0])
    entity, time = panel.where(row)
    raise DataError(
        f"{role} is {values[row]:g} in {int(bad.sum())} of {panel.n_rows} rows, first here; it "
        + ("is no log of a figure" if panel.logs else "has no finite log"),
        code="non_finite" if panel.logs or np.isinf(values[row]) else "non_positive",
        column=panel.names[role],
        entity=entity,
        time=time,
        expected="logs of figures" if panel.logs else "finite numbers above zero",
        remedy="correct these rows, or leave them out and have them counted: invalid='missing'",
    )


def _complete(
    panel: Panel,
    numeric: Mapping[str, Floats],
    codes: Mapping[str, Ints],
    bad: Mapping[str, NDArray[np.bool_] | None],
    whole: bool,
) -> Used:
    columns = dict(numeric)
    for name, values in codes.items():
        if (values < 0).any():
            columns[name] = np.where(values < 0, np.nan, 0.0)
    used = complete_rows(panel, columns, whole=whole)
    if not used.lost:
        return used
    lost = dict(used.lost)
    seen = np.zeros(panel.n_rows, bool)
    for role in columns:  # tell apart what was empty from what had no log
        missing = np.isnan(columns[role]) & ~seen
        seen |= missing
        marked = bad.get(role)
        without = int((missing & marked).sum()) if marked is not None else 0
        if without:
            name = panel.names.get(role, role)
            kept = lost.pop(f"{name} missing") - without
            lost[f"{name} without a log"] = without
            if kept:
                lost[f"{name} missing"] = kept
    return Used(used.rows, used.total, lost)


def _exits(panel: Panel, survival: bool | str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows whose firm may leave before the next period, and those whose firm did not.

    Presence is judged by all rows of the panel, also those that an estimate cannot use.
    """
    last = np.zeros(panel.n_rows, bool)
    last[panel.offsets[1:] - 1] = True
    at_risk = panel.time + panel.step <= int(panel.time.max())
    if isinstance(survival, str):
        mark = panel[survival]
        leaves = mark == 1.0
        wrong = np.flatnonzero((leaves & ~last) | ~np.isin(mark, (0.0, 1.0)))
        if wrong.size:
            entity, time = panel.where(int(wrong[0]))
            raise DataError(
                f"{survival} is {mark[wrong[0]]:g} where it cannot be ({wrong.size} row(s))",
                code="bad_exit",
                column=panel.names[survival],
                entity=entity,
                time=time,
                expected="1 in the last row of a firm that leaves, 0 everywhere else",
                remedy="survival=True finds exits from the rows themselves",
            )
        survived = ~leaves
        at_risk &= leaves | ~last  # not seen again and not marked: unknown
    else:
        survived = ~last
    if not (at_risk & ~survived).any():
        raise EstimationError(
            "no firm leaves before the last period: there is no selection to correct",
            code="no_exit",
            remedy="survival=False",
        )
    return at_risk, survived
