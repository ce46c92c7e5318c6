"""Reading industries: quantities, values and growth of every industry and year that has both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, DataWarning, nearest, warn
from tfp_index.growth._situations import PRICE_SUFFIX, VALUE_SUFFIX, has_values
from tfp_index.growth.klems_result import FIRST, GAP, INVALID, MISSING, OK, TOTAL
from tfp_index.kernels.groups import STATUS_FIRST, STATUS_OK
from tfp_index.kernels.klems import growth
from tfp_index.panel.panel import Panel
from tfp_index.panel.roles import SHARE_SUFFIX

__all__ = ["IndustryYears", "read_industries"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]

_HALF = 1e-6  # relative distance from half of everything at which a row must be the total


@dataclass(frozen=True, eq=False)
class IndustryYears:
    """m industry-years with figures in the year and in the one before.

    Attributes
    ----------
    now : (m,) int array
        Panel rows; the year before is the row before.
    status : (n,) int8 array
        Why a panel row is not among them.
    inputs, primary : tuple of str
    intermediate : (k,) bool array
    output_growth : (m,) float array
        Of gross output, or of value added where that is the output.
    input_growth : (k, m) float array
    output_value, value_added : (2, m) float array
        In current prices, in the year before and now.
    input_value, input_level : (2, k, m) float array
    plain_growth : mapping of role to (m,) float array
    total_rows : (t,) int array
        Rows of totals that have figures in both years.
    total_growth : (k, t) float array
    leaves : (n,) bool array
        Rows that are industries, not totals.
    known_value_added : (n,) float array
        Value added in current prices of every row, 0 where it is not known.
    """

    now: Ints
    status: Codes
    inputs: tuple[str, ...]
    intermediate: Flags
    output_growth: Floats
    input_growth: Floats
    output_value: Floats
    value_added: Floats
    input_value: Floats
    input_level: Floats
    plain_growth: Mapping[str, Floats]
    total_rows: Ints
    total_growth: Floats
    leaves: Flags
    known_value_added: Floats

    @property
    def primary(self) -> tuple[str, ...]:
        """Inputs that are not intermediate."""
        return tuple(name for name, m in zip(self.inputs, self.intermediate, strict=True) if not m)

    def spread(self, values: Floats) -> Floats:
        """Bring (m,) values to the (n,) rows of the panel, NaN elsewhere."""
        out = np.full(self.status.shape[0], np.nan)
        out[self.now] = values
        return out


def read_industries(
    panel: Panel,
    *,
    gross: bool,
    inputs: Sequence[str],
    intermediate: Sequence[str],
    plain: Sequence[str],
    total: Any,
    invalid: str,
) -> IndustryYears:
    """Read the accounts of a panel.

    Parameters
    ----------
    panel : Panel
    gross : bool
        Whether output is gross output.
    inputs, intermediate : roles
        All inputs; those that are intermediate (others named there are ignored).
    plain : roles
        Further quantities whose growth is wanted.
    total : label or None
        Industry label of totals.
    invalid : {"error", "missing"}

    Raises
    ------
    DataError
        If a role or the total is absent, or a figure cannot be used and `invalid` is "error".
    """
    columns = _Columns(panel, invalid)
    role = "output" if gross else "value_added"
    output, quantity = columns.read(role), np.array([columns.read(name) for name in inputs])
    value = columns.value(role)
    values = columns.input_values(inputs, role, value)
    leaves = ~_is_total(panel, total)
    if total is None:
        _warn_of_total(panel, value)
    is_intermediate = np.array([name in intermediate for name in inputs])

    status = np.full(panel.n_rows, OK, np.int8)
    status[panel.lag_status != STATUS_OK] = GAP
    status[panel.lag_status == STATUS_FIRST] = FIRST
    rows = np.flatnonzero(status == OK)
    unused = (values[:, rows] == 0) & (values[:, rows - 1] == 0)
    g = growth(quantity[:, rows - 1], quantity[:, rows])
    g[unused] = 0.0  # an input without value in both years contributes nothing
    known = columns.unknown(rows, output, value, quantity, values, unused)
    status[rows] = known
    if invalid == "error" and (status[leaves] == INVALID).any():
        columns.refuse(np.flatnonzero(leaves & (status == INVALID)), role, inputs)
    usable = known == OK
    of_leaf = usable & leaves[rows]
    of_total = usable & ~leaves[rows]
    status[~leaves] = TOTAL
    now = rows[of_leaf]
    both = np.stack([now - 1, now])
    value_added = value - values[is_intermediate].sum(axis=0) if gross else value
    return IndustryYears(
        now=now,
        status=status,
        inputs=tuple(inputs),
        intermediate=is_intermediate,
        output_growth=growth(output[now - 1], output[now]),
        input_growth=g[:, of_leaf],
        output_value=value[both],
        value_added=value_added[both],
        input_value=values[:, both].transpose(1, 0, 2),
        input_level=quantity[:, both].transpose(1, 0, 2),
        plain_growth={
            name: growth(columns.read(name)[now - 1], columns.read(name)[now]) for name in plain
        },
        total_rows=rows[of_total],
        total_growth=g[:, of_total],
        leaves=leaves,
        known_value_added=np.where(np.isfinite(value_added), value_added, 0.0),
    )


@dataclass(frozen=True, eq=False)
class _Columns:
    """Columns of a panel in levels, with what to do about figures that cannot be used."""

    panel: Panel
    invalid: str

    def read(self, role: str) -> Floats:
        """Return a role in levels; negative and infinite figures stop, or become NaN."""
        values = self.panel[role]
        if self.panel.logs:
            return np.exp(values)
        bad = (values < 0) | np.isinf(values)
        if not bad.any():
            return values
        if self.invalid == "missing":
            return np.where(bad, -np.inf, values)  # told from NaN: not missing but impossible
        row = int(np.flatnonzero(bad)[0])
        entity, time = self.panel.where(row)
        raise DataError(
            f"{role} is {values[row]:g} in {int(bad.sum())} row(s), first here",
            code="negative" if values[row] < 0 else "non_finite",
            column=self.panel.names[role],
            entity=entity,
            time=time,
            expected="finite numbers, zero or above",
            remedy="correct the figure, or invalid='missing' to count such rows and go on",
        )

    def value(self, role: str) -> Floats:
        """Return a quantity's value in current prices."""
        if f"{role}{VALUE_SUFFIX}" in self.panel:
            return self.read(f"{role}{VALUE_SUFFIX}")
        if f"{role}{PRICE_SUFFIX}" in self.panel:
            return self.read(f"{role}{PRICE_SUFFIX}") * self.read(role)
        raise DataError(
            f"the value of {role} in current prices is not known",
            code="missing_role",
            column=f"{role}{VALUE_SUFFIX}",
            expected=f"the role {role + VALUE_SUFFIX!r} or {role + PRICE_SUFFIX!r}",
            remedy=f"columns={{{role + VALUE_SUFFIX!r}: …}} in Panel.from_frame",
        )

    def input_values(self, inputs: Sequence[str], output: str, whole: Floats) -> Floats:
        """Return (k, n) values of the inputs; one may be what remains of output."""
        values: list[Floats | None] = []
        for name in inputs:
            if has_values(self.panel, name):
                values.append(self.value(name))
            elif f"{name}{SHARE_SUFFIX}" in self.panel:
                values.append(self.panel[f"{name}{SHARE_SUFFIX}"] * whole)
            else:
                values.append(None)
        unknown = [name for name, value in zip(inputs, values, strict=True) if value is None]
        if len(unknown) > 1:
            first = unknown[0]
            raise DataError(
                f"the values of {', '.join(unknown)} are not known",
                code="missing_role",
                column=f"{first}{VALUE_SUFFIX}",
                expected=f"{first + VALUE_SUFFIX!r}, {first + PRICE_SUFFIX!r} or "
                f"{first + SHARE_SUFFIX!r}; one input may be left to the remainder",
                remedy=f"columns={{{first + VALUE_SUFFIX!r}: …}} in Panel.from_frame",
            )
        rest = whole - np.sum([value for value in values if value is not None], axis=0)
        if unknown:
            self._refuse_negative_rest(unknown[0], output, rest)
            rest = np.where(rest < 0, -np.inf, rest)
        return np.array([rest if value is None else value for value in values])

    def _refuse_negative_rest(self, name: str, output: str, rest: Floats) -> None:
        bad = np.flatnonzero(rest < 0)
        if bad.size and self.invalid == "error":
            entity, time = self.panel.where(int(bad[0]))
            raise DataError(
                f"what remains of {output} for {name} is {rest[bad[0]]:g} in {bad.size} row(s), "
                "first here",
                code="negative",
                entity=entity,
                time=time,
                expected=f"values of the other inputs that leave {name} something",
                remedy=f"correct the values, give {name + VALUE_SUFFIX!r}, or invalid='missing' "
                "to count such rows and go on",
            )

    def unknown(
        self,
        rows: Ints,
        output: Floats,
        value: Floats,
        quantity: Floats,
        values: Floats,
        unused: Flags,
    ) -> Codes:
        """Say for each row whether its figures and those of the row before can be used."""
        status = np.full(rows.shape[0], OK, np.int8)
        for at in (rows, rows - 1):
            wrong = (output[at] <= 0) | (value[at] <= 0) | (values[:, at] < 0).any(axis=0)
            wrong |= ((quantity[:, at] <= 0) & ~unused).any(axis=0)
            status[wrong] = INVALID
        for at in (rows, rows - 1):
            absent = np.isnan(output[at]) | np.isnan(value[at])
            absent |= np.isnan(values[:, at]).any(axis=0)
            absent |= (np.isnan(quantity[:, at]) & ~unused).any(axis=0)
            status[absent] = MISSING
        return status

    def refuse(self, rows: Ints, output: str, inputs: Sequence[str]) -> None:
        """Raise about the first figure that is not above zero where it must be."""
        row = int(rows[0])
        for name in (output, f"{output}{VALUE_SUFFIX}", *inputs):
            for at in (row, row - 1):
                if name in self.panel and not self.panel.logs and self.panel[name][at] <= 0:
                    entity, time = self.panel.where(at)
                    raise DataError(
                        f"{name} is {self.panel[name][at]:g}, and its growth is needed; "
                        f"{rows.size} industry-year(s) are concerned, first here",
                        code="non_positive",
                        column=self.panel.names[name],
                        entity=entity,
                        time=time,
                        expected="a number above zero (or a value of zero in both years)",
                        remedy="correct the figure, or invalid='missing' to count such rows and "
                        "go on",
                    )
        entity, time = self.panel.where(row)
        raise DataError(
            f"the value of {output} is not above zero",
            code="non_positive",
            entity=entity,
            time=time,
        )


def _is_total(panel: Panel, total: Any) -> Flags:
    labels = panel.entity_labels if panel.item is None else panel.item.labels
    codes = panel.entity_codes if panel.item is None else panel.item.codes
    if total is None:
        return np.zeros(panel.n_rows, bool)
    names = labels.tolist()
    if total not in names:
        raise DataError(
            f"there is no industry {total!r}",
            code="unknown_total",
            entity=total,
            remedy=nearest(str(total), [str(name) for name in names]),
        )
    return np.asarray(codes == names.index(total))


def _warn_of_total(panel: Panel, value: Floats) -> None:
    """Warn if one industry is as large as all others together in every period."""
    codes = panel.series_codes
    place = panel.time - int(panel.time.min())
    if panel.item is not None:
        place = place + panel.entity_codes * (int(place.max()) + 1)
    known = np.where(np.isfinite(value), value, 0.0)
    whole = np.bincount(place, known)[place]
    several = np.bincount(place)[place] > 2
    half = several & (whole > 0) & (np.abs(2 * known - whole) <= _HALF * whole)
    always = np.bincount(codes, half) == np.bincount(codes)
    if always.any():
        row = int(panel.offsets[np.flatnonzero(always)[0]])
        entity, _ = panel.where(row)
        label = entity if panel.item is None else panel.item.labels[panel.item.codes[row]]
        warn(
            f"industry {label!r} is as large as all others together in every period: is it "
            f"their total? Then total={label!r} leaves it out of the sums",
            DataWarning,
            stacklevel=4,
        )
