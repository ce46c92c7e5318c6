"""What every method here reads from a panel: productivity, weights, groups; and what was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, SpecificationError, nearest
from tfp_index.kernels.ordering import dense_codes, distinct_values
from tfp_index.panel.figures import LARGEST_EXPONENT, figures
from tfp_index.panel.keys import Keys
from tfp_index.panel.panel import Panel
from tfp_index.panel.roles import SHARE_SUFFIX

__all__ = [
    "MISSING",
    "Grouping",
    "Measure",
    "MeasuredRows",
    "base_means",
    "base_sums",
    "combinations",
    "grouping",
    "measured_rows",
    "names_of",
    "period_codes",
    "read_column",
    "read_level",
    "read_measure",
    "read_weight",
    "refuse_items",
    "require_weight",
    "sums_at_base",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MISSING = "(missing)"
"""Label of rows to which the caller gave no group."""


def names_of(option: Any) -> tuple[str, ...]:
    """Turn an option that is a name, several names or None into a tuple of names."""
    if option is None:
        return ()
    return (option,) if isinstance(option, str) else tuple(str(name) for name in option)


def read_column(panel: Panel, name: str) -> Floats:
    """Return a numeric column by its role, or by the caller's name of it.

    Raises
    ------
    DataError
        If the panel has neither, or a figure is out of all scale.
    """
    return figures(panel, _role(panel, name))


def read_level(panel: Panel, name: str) -> Floats:
    """Return a column in levels: output, investment and inputs of a panel in logs are taken out.

    Shares, weights and further columns are as given, whatever the panel says.
    """
    role = _role(panel, name)
    in_logs = (
        panel.logs
        and not role.endswith(SHARE_SUFFIX)
        and role in ("output", "value_added", "investment", *panel.inputs)
    )
    if in_logs:
        return np.exp(figures(panel, role, logs=True, largest=LARGEST_EXPONENT))
    return figures(panel, role)


def _role(panel: Panel, name: str) -> str:
    if name in panel.columns:
        return name
    for role, column in panel.names.items():
        if column == name and role in panel.columns:
            return role
    raise DataError(
        f"the panel has no numeric column {name!r}",
        code="missing_role",
        column=name,
        expected=f"columns={{{name!r}: …}} in Panel.from_frame",
        remedy=nearest(name, [*panel.columns, *panel.names.values()]),
    )


@dataclass(frozen=True, eq=False)
class Measure:
    """Productivity by row, on the scale on which it is averaged.

    Attributes
    ----------
    name : str
        Where it came from.
    values : (n,) float array, NaN = missing
    """

    name: str
    values: Floats


def read_measure(panel: Panel, productivity: Any, *, scale: str, given: str) -> Measure:
    """Return productivity from a column or from a fitted result, on the wanted scale.

    Parameters
    ----------
    panel : Panel
    productivity : str or fitted result
        A role or column name; or a result with a ``productivity``, which is in logs.
    scale : {"log", "level"}
        Wanted.
    given : {"log", "level"}
        How the column stands; results are in logs.

    Raises
    ------
    DataError
        If there is no such column, the result belongs to other rows, or a level that is needed in
        logs is not above zero.
    """
    if isinstance(productivity, str):
        name, values = productivity, read_column(panel, productivity)
    else:
        name, values = _from_result(panel, productivity)
        given = "log"
    if given == "log" and np.fmax.reduce(np.abs(values), initial=0.0) > LARGEST_EXPONENT:
        beyond = (np.abs(values) > LARGEST_EXPONENT) & np.isfinite(values)
        _refuse_first(panel, beyond, name, "no log of a figure", "out_of_scale", "logs up to 230")
    if given == scale:
        if not all_finite(values):
            infinite = np.isinf(values)
            _refuse_first(panel, infinite, name, "infinite", "non_finite", "finite numbers")
        return Measure(name, values)
    if scale == "level":
        return Measure(name, np.exp(values))
    bad = (values <= 0.0) | np.isinf(values)
    _refuse_first(
        panel, bad, name, "not a finite number above zero", "non_positive", "levels above zero"
    )
    with np.errstate(invalid="ignore"):
        return Measure(name, np.log(values))


def all_finite(values: Floats) -> bool:
    """Say in one pass whether a column has neither missing nor infinite entries.

    False also where their sum overflows.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum()))


def _refuse_first(
    panel: Panel, bad: Bools, column: str, what: str, code: str, expected: str
) -> None:
    if bad.any():
        entity, time = panel.where(int(np.flatnonzero(bad)[0]))
        raise DataError(
            f"{column} is {what} in {int(bad.sum())} row(s), first here",
            code=code,
            column=panel.names.get(column, column),
            entity=entity,
            time=time,
            expected=expected,
        )


def _from_result(panel: Panel, result: Any) -> tuple[str, Floats]:
    held = getattr(result, "productivity", None)
    name = type(result).__name__
    if held is None and hasattr(result, "values") and hasattr(result, "keys"):
        held, name = result, "productivity"
    values = getattr(held, "values", None)
    if not hasattr(values, "__getitem__") or not hasattr(held, "keys"):
        growth_only = hasattr(result, "tfp_growth")
        raise DataError(
            f"{name} holds no level of productivity by row"
            + ("; a growth rate says nothing about who is ahead" if growth_only else ""),
            code="no_productivity",
            expected="a column name, or a fitted production function",
            remedy="fit a production function, or give a column of productivity levels",
        )
    assert held is not None
    key = "productivity" if "productivity" in held.values else next(iter(held.values))
    return f"{name}.{key}", _aligned(held.keys, panel, np.asarray(held.values[key], np.float64))


def _aligned(keys: Keys, panel: Panel, values: Floats) -> Floats:
    """Bring a result's values to the rows of the panel, by entity and period."""
    same = keys is panel.keys or (
        keys.n_rows == panel.n_rows
        and np.array_equal(keys.time, panel.time)
        and np.array_equal(keys.entity_codes, panel.entity_codes)
        and keys.entity_labels.tolist() == panel.entity_labels.tolist()
    )
    if same:
        return values
    numbers = {label: code for code, label in enumerate(panel.entity_labels.tolist())}
    code = np.array([numbers.get(label, -1) for label in keys.entity_labels.tolist()], np.int64)
    low = int(min(keys.time.min(), panel.time.min()))
    span = int(max(keys.time.max(), panel.time.max())) - low + 1
    theirs = code[keys.entity_codes] * span + (keys.time - low)
    ours = panel.entity_codes * span + (panel.time - low)
    known = code[keys.entity_codes] >= 0
    order = np.argsort(theirs[known], kind="stable")
    sorted_keys = theirs[known][order]
    place = np.minimum(np.searchsorted(sorted_keys, ours), max(sorted_keys.shape[0] - 1, 0))
    if not sorted_keys.size or not (found := sorted_keys[place] == ours).any():
        raise DataError(
            "the result and the panel have no row in common",
            code="other_rows",
            remedy="fit on the same enterprises and periods",
        )
    return np.where(found, values[known][order][place], np.nan)


def require_weight(panel: Panel, name: str, values: Floats) -> None:
    """Refuse negative and infinite weights.

    Raises
    ------
    DataError
        At the first of them.
    """
    if all_finite(values) and not (values.size and values.min() < 0.0):
        return
    _refuse_first(panel, values < 0.0, name, "negative", "negative_weight", "weights from zero")
    _refuse_first(panel, np.isinf(values), name, "infinite", "non_finite", "finite weights")


def read_weight(panel: Panel, name: str) -> Floats:
    """Return a weight in levels; see `read_level`.

    Raises
    ------
    DataError
        If the column is absent, or a weight is negative or infinite.
    """
    values = read_level(panel, name)
    require_weight(panel, name, values)
    return values


@dataclass(frozen=True, eq=False)
class Grouping:
    """Rows grouped by one or several names at once.

    Attributes
    ----------
    names : tuple of str
    codes : (n,) int array
        0 to G - 1; rows without a label have a group of their own, `MISSING`.
    labels : tuple of (G,) object arrays, one per name
    """

    names: tuple[str, ...]
    codes: Ints
    labels: tuple[NDArray[Any], ...]
    size: int

    def columns(self) -> dict[str, NDArray[Any]]:
        """Labels of the groups under their names."""
        return dict(zip(self.names, self.labels, strict=True))


def grouping(panel: Panel, names: Sequence[str], distinct: Ints | None = None) -> Grouping:
    """Group the rows of a panel by one or several of its groupings, and time if it is named.

    Parameters
    ----------
    panel : Panel
    names : sequence of str
    distinct : (G,) int array, optional
        Combinations to number, as `combinations` gives them; default: those that occur.

    Raises
    ------
    DataError
        If the panel has no such grouping.
    """
    codes, labels = np.zeros(panel.n_rows, np.int64), []
    parts: list[tuple[Ints, NDArray[Any]]] = [_one(panel, name) for name in names]
    if not parts:
        return Grouping((), codes, (), 1)
    if len(parts) == 1:
        return Grouping(tuple(names), parts[0][0], (parts[0][1],), parts[0][1].shape[0])
    codes = _combined(parts)
    if distinct is None:
        codes, distinct = dense_codes(codes)
    else:
        codes = np.searchsorted(distinct, codes).astype(np.int64)
    rest = distinct
    for _, part_labels in reversed(parts):
        labels.append(part_labels[rest % part_labels.shape[0]])
        rest = rest // part_labels.shape[0]
    return Grouping(tuple(names), codes, tuple(labels[::-1]), int(distinct.shape[0]))


def combinations(panel: Panel, names: Sequence[str]) -> Ints:
    """Return the combinations of several groupings that occur, as ascending numbers."""
    return distinct_values(_combined([_one(panel, name) for name in names]))


def _combined(parts: Sequence[tuple[Ints, NDArray[Any]]]) -> Ints:
    codes = parts[0][0]
    for part, labels in parts[1:]:
        codes = codes * labels.shape[0] + part
    return codes


def period_codes(panel: Panel) -> Ints:
    """Return each row's place among the periods of the panel's calendar."""
    codes, numbers = dense_codes(panel.time)
    known = panel.keys.calendar.numbers
    if numbers.shape[0] == known.shape[0]:
        return codes
    return np.searchsorted(known, numbers)[codes].astype(np.int64)


def _one(panel: Panel, name: str) -> tuple[Ints, NDArray[Any]]:
    if name in ("time", panel.keys.names["time"]) and name not in panel.groups:
        calendar = panel.keys.calendar
        return period_codes(panel), _objects([calendar.write(n) for n in calendar.numbers.tolist()])
    known = {**{c.column: c for c in panel.groups.values()}, **panel.groups}
    if name not in known:
        raise DataError(
            f"the panel has no grouping {name!r}",
            code="missing_group",
            column=name,
            expected=f"groups={{{name!r}: column}} in Panel.from_frame",
            remedy=nearest(name, [*panel.groups, panel.keys.names["time"]]),
        )
    category = known[name]
    labels = category.labels.tolist()
    if (category.codes < 0).any():
        missing = len(labels)
        return np.where(category.codes < 0, missing, category.codes), _objects([*labels, MISSING])
    return category.codes, _objects(labels)


def _objects(values: list[Any]) -> NDArray[Any]:
    out = np.empty(len(values), object)
    out[:] = values
    return out


def one_of(option: str, value: Any, allowed: Sequence[Any]) -> None:
    """Refuse a value of a method's argument that is not among those allowed.

    Raises
    ------
    SpecificationError
    """
    if value not in allowed:
        raise SpecificationError(
            f"{option}={value!r} is not known",
            code="bad_option",
            column=option,
            expected="one of " + ", ".join(map(repr, allowed)),
            remedy=nearest(str(value), map(str, allowed)),
        )


def base_sums(
    panel: Panel, measure: Measure, weight: Floats, name: str, base: Any
) -> tuple[int, Floats, Floats]:
    """Return what the mean productivity of each group in a base period is made of.

    Parameters
    ----------
    panel : Panel
    measure : Measure
    weight : (n,) float array
    name : str
        Grouping, e.g. the industry.
    base : period, or None for the first

    Returns
    -------
    int
        Rows of the base period with productivity and weight.
    (G,) float array, (G,) float array
        Weight and weighted sum of productivity.
    """
    groups = grouping(panel, [name])
    calendar = panel.keys.calendar
    number = int(calendar.numbers[0]) if base is None else calendar.number(base)
    at_base = (panel.time == number) & np.isfinite(measure.values) & np.isfinite(weight)
    code, w = groups.codes[at_base], weight[at_base]
    mass = np.bincount(code, w, groups.size).astype(np.float64, copy=False)
    total = np.bincount(code, w * measure.values[at_base], groups.size)
    return int(at_base.sum()), mass, total.astype(np.float64, copy=False)


def base_means(base: Any, rows: int, mass: Floats, total: Floats) -> Floats:
    """Return the mean productivity of each group in the base period, NaN where it has no weight.

    Raises
    ------
    DataError
        If no row of the base period has productivity and weight.
    """
    if not rows:
        raise DataError(
            f"no row with productivity and weight is of the base period {base!r}",
            code="empty_base",
            time=base,
            expected="a period of the panel",
        )
    means: Floats = np.full(mass.shape, np.nan)
    np.divide(total, mass, out=means, where=mass > 0)
    return means


def relative_to_groups(
    panel: Panel, measure: Measure, name: str, means: Floats, *, scale: str
) -> Measure:
    """Measure productivity from the weighted mean of each row's group in a base period.

    Levels are not comparable across industries; distances from an industry's own base are.

    Parameters
    ----------
    panel : Panel
    measure : Measure
    name : str
        Grouping, e.g. the industry.
    means : (G,) float array
        See `base_means`.
    scale : {"log", "level"}
        Differences of logs, or ratios of levels.

    Returns
    -------
    Measure
        NaN where a group has no weight in the base period.
    """
    mean = means[grouping(panel, [name]).codes]
    values = measure.values - mean if scale == "log" else measure.values / mean
    return Measure(f"{measure.name} relative to {name}", values)


@dataclass(frozen=True, eq=False)
class MeasuredRows:
    """Productivity and weights by row, and what rows are lost for.

    Attributes
    ----------
    name : str
    phi, weight : (n,) float arrays
        The weight already contains the sampling weight.
    design : (n,) float array or None
        Sampling weights.
    measured : (n,) bool array
        Rows with productivity and weight.
    lost : mapping of reason to (n,) bool array
        Each row that is not measured, under one reason; empty where all are.
    """

    name: str
    phi: Floats
    weight: Floats
    design: Floats | None
    measured: Bools
    lost: dict[str, Bools]

    @property
    def pivot(self) -> float:
        """Mean productivity, to take from all rows before they are added up."""
        if not self.lost:
            return float(np.mean(self.phi))
        return float(np.mean(self.phi[self.measured])) if self.measured.any() else 0.0


def measured_rows(
    panel: Panel,
    productivity: Any,
    *,
    weight: str,
    scale: str,
    given: str,
    relative: str | None = None,
    base: Any = None,
    sampling_weight: str | None = None,
    means: Floats | None = None,
) -> MeasuredRows:
    """Read productivity and weights; the options are those of the specifications.

    `means` are those of `relative` in the base period; default: taken from these rows.
    """
    measure, w, design = _measure_and_weight(
        panel, productivity, weight, scale, given, sampling_weight
    )
    phi = measure.values
    if relative is None and all_finite(phi) and all_finite(w):
        return MeasuredRows(measure.name, phi, w, design, np.ones(panel.n_rows, bool), {})
    lost = {f"{measure.name} missing": np.isnan(phi)}
    lost["weight missing"] = np.isnan(w) & ~np.isnan(phi)
    if relative is not None:
        if means is None:
            means = base_means(base, *base_sums(panel, measure, w, relative, base))
        measure = relative_to_groups(panel, measure, relative, means, scale=scale)
        none = np.isnan(measure.values) & ~np.isnan(phi) & ~np.isnan(w)
        lost[f"no {relative} of the base period to compare with"] = none
        phi = measure.values
    return MeasuredRows(measure.name, phi, w, design, ~(np.isnan(phi) | np.isnan(w)), lost)


def _measure_and_weight(
    panel: Panel, productivity: Any, weight: str, scale: str, given: str, sampling: str | None
) -> tuple[Measure, Floats, Floats | None]:
    measure = read_measure(panel, productivity, scale=scale, given=given)
    w = read_weight(panel, weight)
    design = None if sampling is None else read_weight(panel, sampling)
    return measure, w if design is None else w * design, design


def sums_at_base(
    panel: Panel,
    productivity: Any,
    *,
    weight: str,
    scale: str,
    given: str,
    relative: str,
    base: Any = None,
    sampling_weight: str | None = None,
) -> tuple[int, Floats, Floats]:
    """Return `base_sums` under the options of the specifications."""
    measure, w, _ = _measure_and_weight(panel, productivity, weight, scale, given, sampling_weight)
    return base_sums(panel, measure, w, relative, base)


def refuse_items(panel: Panel) -> None:
    """Refuse a panel with a third key.

    Raises
    ------
    DataError
    """
    if panel.item is not None:
        raise DataError(
            "this method takes one row per enterprise and period, without items",
            code="unexpected_item",
            column=panel.item.column,
            remedy="aggregate over items first",
        )
