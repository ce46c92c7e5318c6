"""The chain of steps on arrays: what a fit, a removal of one indicator and a replicate share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.composite.aggregate import Rule, combine, refuse_unfit
from tfp_index.composite.index import CompositeIndex
from tfp_index.composite.normalize import Anchors, Frame, impute, normalize, treat
from tfp_index.composite.structure import Structure
from tfp_index.composite.weights import JUDGED, data_weights, judged_weights
from tfp_index.errors import DataError, nearest
from tfp_index.kernels.normalize import rank_units
from tfp_index.kernels.treat import Treated
from tfp_index.kernels.weights import Pairwise
from tfp_index.panel.checks import require_keys
from tfp_index.panel.figures import figures
from tfp_index.panel.frames import FrameReader
from tfp_index.panel.keys import Keys
from tfp_index.panel.panel import Panel

__all__ = ["Computed", "Inputs", "Leaves", "compute", "period_ranks", "prepare", "score"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Raw indicators and what belongs to them, in panel order.

    Attributes
    ----------
    columns : mapping of code to (n,) float array
        Indicators and denominators.
    frame : Frame
    keys : Keys
    """

    columns: Mapping[str, Floats]
    frame: Frame
    keys: Keys

    def matrix(self, codes: tuple[str, ...]) -> Floats:
        """Return indicators side by side."""
        return np.column_stack([self.columns[code] for code in codes])


@dataclass(frozen=True, eq=False)
class Leaves:
    """Indicators after every step up to the normalization.

    Attributes
    ----------
    raw, denominated, imputed, treated, normalized : (n, k) float arrays
        Rows that were screened out are NaN from `imputed` on.
    kept : (n,) bool array
        Rows that passed the screening.
    anchors : Anchors
    reports : tuple of k Treated or None
    no_denominator : int
        Values lost because their denominator is zero or missing.
    """

    raw: Floats
    denominated: Floats
    imputed: Floats
    treated: Floats
    normalized: Floats
    kept: Bools
    anchors: Anchors
    reports: tuple[Treated | None, ...]
    no_denominator: int


@dataclass(frozen=True, eq=False)
class Computed:
    """Scores of every node.

    Attributes
    ----------
    leaves : Leaves
    scores : (n, nodes) float array
        In the order of ``structure.nodes``; the index is the last column.
    weights : mapping of aggregate to array
        (k,) shares of its children; (n, k) multipliers for benefit of the doubt.
    rules : mapping of aggregate to Rule
    judged : mapping of aggregate to Pairwise
        Consistency of the comparison matrices.
    """

    leaves: Leaves
    scores: Floats
    weights: Mapping[str, Floats]
    rules: Mapping[str, Rule]
    judged: Mapping[str, Pairwise]

    @property
    def index(self) -> Floats:
        """(n,) score of the index."""
        return self.scores[:, -1]


def compute(spec: CompositeIndex, inputs: Inputs) -> Computed:
    """Run every step."""
    return score(spec, prepare(spec, inputs), inputs.frame)


def prepare(spec: CompositeIndex, inputs: Inputs) -> Leaves:
    """Run the steps up to the normalization."""
    tree = spec.tree
    raw = inputs.matrix(tuple(node.code for node in tree.indicators))
    denominated, lost = _denominate(spec, tree, raw, inputs)
    kept = _screen(spec, denominated, inputs.keys)
    if not kept.any():
        raise DataError(
            "no unit has enough indicators",
            code="all_screened_out",
            remedy="lower screen, or impute",
        )
    frame = inputs.frame.take(kept)
    filled = impute(denominated[kept], spec.impute, frame)
    treated, reports = treat(
        filled,
        spec.method_of("treat"),
        most=spec.winsorize_most,
        skew_limit=spec.skew_limit,
        kurt_limit=spec.kurt_limit,
    )
    methods = spec.method_of("normalize")
    normalized, anchors = normalize(
        treated,
        tree.indicators,
        methods,
        frame,
        scales={method: spec.scale_of(method) for method in methods},
        clip=spec.clip,
        by_period=spec.compare == "period",
        base=_base_rows(spec, inputs.keys, frame),
        reference=_reference(spec, inputs.keys),
    )

    def spread(part: Floats) -> Floats:
        if kept.all():
            return part
        full = np.full((kept.shape[0], part.shape[1]), np.nan)
        full[kept] = part
        return full

    return Leaves(
        raw,
        denominated,
        spread(filled),
        spread(treated),
        spread(normalized),
        kept,
        anchors,
        reports,
        lost,
    )


def _screen(spec: CompositeIndex, x: Floats, keys: Keys) -> Bools:
    """Say which rows have enough indicators, and enough that are not zero."""
    present = ~np.isnan(x)
    count = present.sum(axis=1)
    kept = count >= spec.screen * x.shape[1] - 1e-9
    if spec.screen_zeros > 0:
        kept &= (present & (x != 0)).sum(axis=1) >= spec.screen_zeros * count - 1e-9
    for unit in spec.keep:
        kept |= keys.entity_codes == keys.entity_code(unit)
    return np.asarray(kept)


def _denominate(
    spec: CompositeIndex, tree: Structure, raw: Floats, inputs: Inputs
) -> tuple[Floats, int]:
    named = [(j, n.denominator) for j, n in enumerate(tree.indicators) if n.denominator]
    if not spec.denominate or not named:
        return raw, 0
    values, lost = raw.copy(), 0
    for j, name in named:
        below = inputs.columns[name]
        usable = (below != 0) & ~np.isnan(below)
        lost += int((~usable & ~np.isnan(raw[:, j])).sum())
        values[:, j] = np.where(usable, raw[:, j] / np.where(usable, below, 1.0), np.nan)
    return values, lost


def _base_rows(spec: CompositeIndex, keys: Keys, frame: Frame) -> Bools | None:
    if spec.base_period is None:
        return None
    labels = keys.calendar.labels.tolist()
    if spec.base_period not in labels:
        raise DataError(
            f"there is no period {spec.base_period!r}",
            code="unknown_period",
            time=spec.base_period,
            remedy=nearest(str(spec.base_period), map(str, labels)),
        )
    return np.asarray(frame.period == labels.index(spec.base_period))


def _reference(spec: CompositeIndex, keys: Keys) -> int | None:
    return None if spec.reference_unit is None else keys.entity_code(spec.reference_unit)


def score(spec: CompositeIndex, leaves: Leaves, frame: Frame) -> Computed:
    """Run the weighting and the aggregation on normalized indicators."""
    tree = spec.tree
    k = len(tree.indicators)
    scores = np.full((leaves.normalized.shape[0], len(tree.nodes)), np.nan)
    scores[:, :k] = leaves.normalized
    weights: dict[str, Floats] = {}
    rules: dict[str, Rule] = {}
    judged: dict[str, Pairwise] = {}
    rows = leaves.kept
    part = frame.take(rows)
    for node in tree.aggregates:
        rule = spec.rule_of(node.code)
        x = scores[rows][:, list(node.children)]
        own, pairwise = _weights_of(spec, tree, node.code, x, part)
        if pairwise is not None:
            judged[node.code] = pairwise
        refuse_unfit(x, node, rule, part.period)
        position = tree.position[node.code]
        scores[rows, position] = combine(x, own, rule, part.period)
        if own.ndim == 2:
            full = np.full((rows.shape[0], own.shape[1]), np.nan)
            full[rows] = own
            own = full
        weights[node.code], rules[node.code] = own, rule
    return Computed(leaves, scores, weights, rules, judged)


def _weights_of(
    spec: CompositeIndex, tree: Structure, code: str, x: Floats, frame: Frame
) -> tuple[Floats, Pairwise | None]:
    children = tree.child_codes(code)
    scheme = spec.scheme_of(code)
    if scheme == "equal":
        return np.full(len(children), 1.0 / len(children)), None
    if scheme in JUDGED:
        return judged_weights(scheme, spec.judgments[code])
    if scheme == "given":
        own = np.array([tree.nodes[tree.position[child]].weight for child in children])
        return own / own.sum(), None
    if scheme != "benefit_of_doubt" or spec.compare == "all":
        return data_weights(scheme, x, code, children, spec.bounds, spec.bounds_on), None
    own = np.empty(x.shape)
    for period in np.unique(frame.period).tolist():
        rows = frame.period == period
        own[rows] = data_weights(scheme, x[rows], code, children, spec.bounds, spec.bounds_on)
    return own, None


def period_ranks(scores: Floats, period: Ints) -> Floats:
    """Rank scores within each period after rounding them to ten significant digits.

    Parameters
    ----------
    scores : (n,) or (n, r) float array, NaN = no score
    period : (n,) int array

    Returns
    -------
    float array of the same shape

    Examples
    --------
    >>> period_ranks(np.array([3.0, 5.0, 1.0]), np.array([0, 0, 1]))
    array([2., 1., 1.])
    """
    ranks = np.full(scores.shape, np.nan)
    for number in np.unique(period).tolist():
        rows = period == number
        ranks[rows] = rank_units(scores[rows])
    return ranks


def read_inputs(
    spec: CompositeIndex, data: Any, unit: str, time: str | None
) -> tuple[Inputs, Panel]:
    """Read the columns that an index needs from a frame or a panel.

    Raises
    ------
    DataError
        If a column is absent, or a unit appears twice in a period.
    """
    tree = spec.tree
    codes = [node.code for node in tree.indicators]
    if spec.denominate:
        codes += [node.denominator for node in tree.indicators if node.denominator]
    codes = list(dict.fromkeys(codes))
    panel = data if isinstance(data, Panel) else _panel(spec, data, codes, unit, time)
    try:
        require_keys(panel)
    except DataError as error:
        if time is None and error.code == "duplicate_key" and panel is not data:
            raise DataError(
                f"{error.entity!r} has two rows",
                code="duplicate_key",
                column=unit,
                entity=error.entity,
                expected="one row per unit",
                remedy="name the column of the period with time=",
            ) from None
        raise
    if panel.item is not None:
        raise DataError(
            "an index takes one row per unit and period, without items",
            code="unexpected_item",
            column=panel.item.column,
        )
    keys = panel.keys
    _, period_codes = np.unique(keys.time, return_inverse=True)
    group = panel.group(spec.impute_group).codes if spec.impute_group else None
    frame = Frame(keys.entity_codes, period_codes.astype(np.int64), keys.time, group)
    return Inputs({code: figures(panel, code) for code in codes}, frame, keys), panel


def _panel(spec: CompositeIndex, data: Any, codes: list[str], unit: str, time: str | None) -> Panel:
    reader = FrameReader(data)
    period = time if time is not None else NO_PERIOD
    columns: dict[str, Any] = {unit: reader.keys(unit)}
    columns[period] = reader.keys(period) if time is not None else np.zeros(len(reader), np.int64)
    columns |= {code: reader.numbers(code) for code in codes}
    groups = {}
    if spec.impute_group is not None:
        columns[f"group {spec.impute_group}"] = reader.keys(spec.impute_group)
        groups = {spec.impute_group: f"group {spec.impute_group}"}
    panel = Panel.from_frame(
        columns, entity=unit, time=period, columns={code: code for code in codes}, groups=groups
    )
    return replace(panel, keys=replace(panel.keys, backend=reader.backend))


NO_PERIOD = "(one period)"
"""Name of the key column where the caller has none."""
