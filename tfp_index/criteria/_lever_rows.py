"""What the levers read from a panel: the measured enterprises of each period asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._rows import (
    MISSING,
    Grouping,
    grouping,
    names_of,
    read_column,
    read_level,
    read_measure,
    read_weight,
    require_weight,
)
from tfp_index.errors import DataError, nearest
from tfp_index.kernels.dispersion import SortedCells, sort_cells
from tfp_index.kernels.ordering import dense_codes
from tfp_index.panel.panel import Panel
from tfp_index.results.result import Sample

if TYPE_CHECKING:
    from tfp_index.criteria.levers import Levers

__all__ = [
    "Enterprises",
    "Partition",
    "Slice",
    "practice_of",
    "read_enterprises",
    "sample_of",
    "slices_of",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FINEST = 100_000
"""Combinations of groups up to which all groupings are added up at once."""


@dataclass(frozen=True, eq=False)
class Enterprises:
    """All rows of the panel.

    Attributes
    ----------
    name : str
        What was given as productivity.
    phi, weight : (n,) float arrays
        Log productivity; activity weight times sampling weight.
    design : (n,) float array or None
        Sampling weights.
    measured : (n,) bool array
    lost : mapping of reason to (n,) bool array
    industry : Grouping
    known : (n,) bool array
        Rows with an industry.
    """

    name: str
    phi: Floats
    weight: Floats
    design: Floats | None
    measured: Bools
    lost: Mapping[str, Bools]
    industry: Grouping
    known: Bools


def read_enterprises(panel: Panel, productivity: Any, spec: Levers) -> Enterprises:
    """Read productivity, weights and industries.

    Raises
    ------
    DataError
        If a column or grouping is absent, a weight is negative (unless such rows are to be left
        out) or infinite, or no row is measured.
    """
    measure = read_measure(panel, productivity, scale="log", given=spec.given)
    weight = read_level(panel, spec.weight)
    negative = weight < 0.0
    if spec.negative_weight == "leave_out":
        weight = np.where(negative, np.nan, weight)
    try:
        require_weight(panel, spec.weight, weight)
    except DataError as error:
        if error.code == "negative_weight":
            error.remedy = 'negative_weight="leave_out" leaves such rows out and counts them'
        raise
    design = None if spec.sampling_weight is None else read_weight(panel, spec.sampling_weight)
    if design is not None:
        weight = weight * design
    phi = measure.values
    lost = {f"{measure.name} missing": np.isnan(phi)}
    if spec.negative_weight == "leave_out":
        lost[f"{spec.weight} negative"] = negative & ~np.isnan(phi)
    lost["weight missing"] = np.isnan(weight) & ~np.isnan(phi) & ~negative
    measured = ~(np.isnan(phi) | np.isnan(weight))
    if not measured.any():
        raise DataError(
            "no row has both productivity and weight",
            code="no_usable_rows",
            expected=f"{measure.name} and {spec.weight} in the same rows",
        )
    industry = grouping(panel, names_of(spec.industry))
    named = np.ones(industry.size, bool)
    for labels in industry.labels:
        named &= np.array([label != MISSING for label in labels.tolist()], bool)
    return Enterprises(
        measure.name, phi, weight, design, measured, lost, industry, named[industry.codes]
    )


@dataclass(frozen=True, eq=False)
class Slice:
    """The measured enterprises of one period.

    Attributes
    ----------
    number : int
    period : label
    rows : (m,) int array
        Their rows in the panel.
    phi, weight : (m,) float arrays
    design : (m,) float array or None
    cell : (m,) int array
        Industry, -1 where there is none or it has too few enterprises.
    cells : int
    entity : (m,) int array
    groups : mapping of name to Grouping
        Rows of each `by`, coded for the rows of the slice.
    ordered : SortedCells
        Productivity sorted inside industries.
    parts : tuple of Partition
    """

    number: int
    period: Any
    rows: Ints
    phi: Floats
    weight: Floats
    design: Floats | None
    cell: Ints
    cells: int
    entity: Ints
    groups: Mapping[str, Grouping]
    ordered: SortedCells

    parts: tuple[Partition, ...]


@dataclass(frozen=True, eq=False)
class Partition:
    """A fine partition of the rows, and the groups that its parts make up.

    Attributes
    ----------
    part : (m,) int array
    members : (P, G) sparse matrix
        The groups of each grouping in turn.
    names : tuple of (grouping, size)
        In the order of the columns; ``""`` stands for the whole.
    """

    part: Ints
    members: Any
    names: tuple[tuple[str, int], ...]


def _partitions(groups: Mapping[str, Grouping], m: int) -> tuple[Partition, ...]:
    """Return one partition by all groupings at once, or one for each where that is too fine."""
    whole = Grouping((), np.zeros(m, np.int64), (), 1)
    named = [("", whole), *groups.items()]
    fine = int(np.prod([g.size for _, g in named], dtype=np.float64))
    if fine <= FINEST:
        return (_partition(named, m),)
    return tuple(_partition([one], m) for one in named)


def _partition(named: list[tuple[str, Grouping]], m: int) -> Partition:
    from scipy.sparse import csr_matrix

    codes = np.zeros(m, np.int64)
    for _, g in named:
        codes = codes * g.size + g.codes
    part, distinct = dense_codes(codes)
    one_of_part = np.zeros(distinct.shape[0], np.int64)
    one_of_part[part] = np.arange(m)
    columns, start = [], 0
    for _, g in named:
        columns.append(start + g.codes[one_of_part])
        start += g.size
    place = np.concatenate(columns)
    rows = np.tile(np.arange(distinct.shape[0]), len(named))
    members = csr_matrix((np.ones(place.shape[0]), (rows, place)), (distinct.shape[0], start))
    return Partition(part, members, tuple((name, g.size) for name, g in named))


def slices_of(
    panel: Panel, data: Enterprises, spec: Levers
) -> tuple[tuple[Slice, ...], dict[str, int]]:
    """Return the periods asked for, and what is to be said about their rows.

    Raises
    ------
    DataError
        If a period is not there, or has no measured row or no weight.
    """
    by = {name: grouping(panel, [name]) for name in names_of(spec.by)}
    slices, notes = [], {"without industry: no reference": 0}
    small_note = f"in an industry with fewer than {spec.min_enterprises} enterprises: no reference"
    notes[small_note] = 0
    for number in _numbers(panel, data, spec.period):
        rows = np.flatnonzero(data.measured & (panel.time == number))
        period = panel.keys.calendar.write(number)
        if not rows.size or not data.weight[rows].sum() > 0.0:
            raise DataError(
                f"no row of {period} has productivity and a weight above zero",
                code="no_usable_rows",
                time=period,
                expected="productivity and weight in every period asked for",
            )
        cell = np.where(data.known[rows], data.industry.codes[rows], -1)
        n = np.bincount(cell[cell >= 0], minlength=data.industry.size)
        small = np.append(n < spec.min_enterprises, False)[cell]
        notes["without industry: no reference"] += int((cell < 0).sum())
        notes[small_note] += int(small.sum())
        cell[small] = -1
        phi = data.phi[rows]
        again = data.design is not None or spec.se != "analytic"  # quantiles with other weights
        groups = {
            name: Grouping(g.names, g.codes[rows], g.labels, g.size) for name, g in by.items()
        }
        slices.append(
            Slice(
                number=number,
                period=period,
                rows=rows,
                phi=phi,
                weight=data.weight[rows],
                design=None if data.design is None else data.design[rows],
                cell=cell,
                cells=data.industry.size,
                entity=panel.entity_codes[rows],
                groups=groups,
                ordered=sort_cells(phi, cell, data.industry.size, keep_rows=again),
                parts=_partitions(groups, rows.shape[0]),
            )
        )
    return tuple(slices), notes


def _numbers(panel: Panel, data: Enterprises, asked: Any) -> list[int]:
    if asked is None:
        usable = data.measured & (data.weight > 0.0)
        return [int(panel.time[usable if usable.any() else data.measured].max())]
    labels = asked if isinstance(asked, tuple) else (asked,)
    there = set(panel.keys.calendar.numbers.tolist())
    numbers = []
    for label in labels:
        number = panel.keys.calendar.number(label)
        if number not in there:
            raise DataError(
                f"no row is of the period {label!r}",
                code="unknown_period",
                time=label,
                remedy=nearest(str(label), map(str, panel.periods)),
            )
        numbers.append(int(number))
    return sorted(set(numbers))


def sample_of(
    panel: Panel, data: Enterprises, slices: tuple[Slice, ...], notes: Mapping[str, int]
) -> Sample:
    """Count every row of the panel."""
    asked = np.isin(panel.time, [s.number for s in slices])
    lost = {reason: int((mask & asked).sum()) for reason, mask in data.lost.items()}
    lost["not of a period asked for"] = panel.n_rows - int(asked.sum())
    used = sum(s.rows.shape[0] for s in slices)
    return Sample(panel.keys.frame_rows, used, lost, notes)


def practice_of(panel: Panel, name: str, label: Any = None) -> Floats:
    """Return who has a practice: 1, 0, NaN where it is not known.

    Parameters
    ----------
    panel : Panel
    name : str
        A column of zeros and ones, or a grouping.
    label : optional
        Of a grouping: the label of those that have the practice. By default its labels must be
        zeros and ones, or truth values.

    Raises
    ------
    DataError
        If there is no such column or grouping, or other values stand in it.
    """
    category = panel.groups.get(name)
    if category is None:
        values = read_column(panel, name)
        if label is not None:
            raise DataError(
                f"{name} is a column of numbers, not a grouping",
                code="not_a_grouping",
                column=name,
                remedy="give the practice without a label, or read it as a grouping",
            )
        bad = np.flatnonzero(~np.isnan(values) & (values != 0.0) & (values != 1.0))
        if bad.size:
            entity, time = panel.where(int(bad[0]))
            raise DataError(
                f"{name} is {values[bad[0]]:g} in {bad.size} row(s), first here",
                code="not_a_practice",
                column=panel.names.get(name, name),
                entity=entity,
                time=time,
                expected="0 for enterprises without the practice, 1 for those with it",
            )
        return values
    labels = category.labels.tolist()
    if label is not None:
        if label not in labels:
            raise DataError(
                f"{name} has no label {label!r}",
                code="unknown_label",
                column=name,
                remedy=nearest(str(label), map(str, labels)),
            )
        marks = np.array([float(known == label) for known in labels])
    else:
        written = [str(known).strip().lower() for known in labels]
        known_marks = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0}
        strange = [known for known, text in zip(labels, written, strict=True)
                   if text not in known_marks]  # fmt: skip
        if strange:
            raise DataError(
                f"{name} has the label {strange[0]!r}",
                code="not_a_practice",
                column=name,
                expected="labels 0 and 1",
                remedy=f"practices={{{name!r}: the label of those that have it}}",
            )
        marks = np.array([known_marks[text] for text in written])
    values = np.full(panel.n_rows, np.nan)
    there = category.codes >= 0
    values[there] = marks[category.codes[there]]
    return values
