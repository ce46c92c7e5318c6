"""Which rows of a panel take part, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, EstimationError
from tfp_index.panel.checks import require_keys
from tfp_index.panel.figures import figures
from tfp_index.panel.panel import Panel
from tfp_index.results.result import Sample

__all__ = [
    "Used",
    "chosen_inputs",
    "complete_rows",
    "dense",
    "read_logs",
    "read_plain",
    "refuse_no_rows",
    "require_series",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Used:
    """Rows that take part.

    Attributes
    ----------
    rows : (m,) int array
        Positions in the panel, ascending.
    total : int
        Rows of the panel.
    lost : mapping of reason to count
    """

    rows: Ints
    total: int
    lost: Mapping[str, int] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether every row takes part."""
        return self.rows.size == self.total

    def take(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the (m,) values of these rows; no copy when every row takes part."""
        return values if self.whole else values[self.rows]

    def constant(self, value: float) -> Floats:
        """Return one number for these rows, NaN elsewhere; one cell when every row takes part."""
        if self.whole:
            return np.broadcast_to(np.float64(value), (self.total,))
        return self.spread(np.broadcast_to(np.float64(value), self.rows.shape))

    def spread(self, values: Floats) -> Floats:
        """Put (m,) values back on the panel's rows, NaN elsewhere.

        Values of their own (no view of others) come back as they are when every row takes part.
        """
        if self.whole and values.base is None:
            return values
        out = np.full(self.total, np.nan)
        out[self.rows] = values
        return out

    def narrow(self, keep: NDArray[np.bool_], reason: str) -> Used:
        """Keep some of these rows; the others are lost for `reason`."""
        lost = {**self.lost, reason: self.lost.get(reason, 0) + int((~keep).sum())}
        return Used(self.rows[keep], self.total, lost)

    def sample(self, panel: Panel, notes: Mapping[str, int] | None = None) -> Sample:
        """Return the counts for the result."""
        keyless = panel.keys.frame_rows - self.total
        lost = {"key missing": keyless, **self.lost}
        return Sample(panel.keys.frame_rows, int(self.rows.size), lost, notes or {})


def require_series(panel: Panel) -> None:
    """Refuse a panel that has other than one row per entity and period.

    Raises
    ------
    DataError
        If keys are missing or repeated, or the panel has items.
    """
    require_keys(panel)
    if panel.item is not None:
        raise DataError(
            "a production function takes one row per entity and period, without items",
            code="unexpected_item",
            column=panel.item.column,
            remedy="aggregate over items first",
        )


def chosen_inputs(panel: Panel, inputs: Sequence[str] | None) -> tuple[str, ...]:
    """Return the inputs named, or all inputs of the panel.

    Raises
    ------
    DataError
        If there are none, keys are missing or repeated, or the panel has items.
    """
    require_series(panel)
    names = tuple(inputs) if inputs is not None else panel.inputs
    if not names:
        panel["capital"]  # says which role is missing and which are there
    return names


def read_logs(panel: Panel, roles: Sequence[str]) -> dict[str, Floats]:
    """Return the logs of some roles.

    Raises
    ------
    DataError
        At the first entry whose log is not finite or out of all scale, missing entries aside.
    """
    found = {}
    for role in roles:
        figures(panel, role, logs=panel.logs)
        found[role] = panel.log(role)
    return found


def read_plain(panel: Panel, roles: Sequence[str]) -> dict[str, Floats]:
    """Return some roles as they are.

    Raises
    ------
    DataError
        At the first entry that is infinite or out of all scale.
    """
    return {role: figures(panel, role) for role in roles}


def complete_rows(panel: Panel, columns: Mapping[str, Floats], *, whole: bool = True) -> Used:
    """Keep the rows in which every column has a value.

    Each other row is counted once, under the first column that is missing in it.

    Parameters
    ----------
    panel : Panel
    columns : mapping of role to (n,) float array
    whole : bool
        Whether these are all rows; a part of them may have no complete row.

    Raises
    ------
    EstimationError
        If no row is complete.
    """
    keep = np.ones(panel.n_rows, bool)
    lost: dict[str, int] = {}
    for role, values in columns.items():
        missing = np.isnan(values) & keep
        if missing.any():
            lost[f"{panel.names.get(role, role)} missing"] = int(missing.sum())
            keep &= ~missing
    if whole and not keep.any():
        refuse_no_rows(panel.names.get(role, role) for role in columns)
    return Used(np.flatnonzero(keep), panel.n_rows, lost)


def refuse_no_rows(columns: Iterable[str]) -> NoReturn:
    """Raise because no row is complete.

    Raises
    ------
    EstimationError
    """
    raise EstimationError(
        "no row has a value in every column that is needed",
        code="no_rows",
        expected=", ".join(columns),
        remedy="panel.check() lists what is missing",
    )


def dense(codes: Ints) -> tuple[Ints, int]:
    """Renumber the codes that occur from 0; return them and how many there are.

    Examples
    --------
    >>> dense(np.array([3, 3, 7]))
    (array([0, 0, 1]), 2)
    """
    present, renumbered = np.unique(codes, return_inverse=True)
    return renumbered.astype(np.int64), int(present.size)
