"""Olley–Pakes, Levinsohn–Petrin and Ackerberg–Caves–Frazer over partitions.

Every round gives one sum for each group of ``by=`` (for the whole without it): counts, the survey
that columns are laid out by, the Gram matrices of both stages, the scores of firms. In between the
equations are solved without the rows, exactly as in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError, warn
from tfp_index.kernels.control_function import (
    FirstStage,
    fitted_parts,
    solve_stage_one,
    solve_stage_two,
    stage_one_gram,
    stage_two_gram,
)
from tfp_index.kernels.sums import Additive
from tfp_index.kernels.two_stage_design import Data, Survey, firm_blocks, sample_stride, survey
from tfp_index.production._rows import chosen_inputs, refuse_no_rows, require_series
from tfp_index.production._two_stage import (
    FEW,
    most_frequent,
    notes_on,
    result_by_group,
    result_of,
    told_of_groups,
)
from tfp_index.production._two_stage_errors import (
    clustered_from_sums,
    corrected,
    covariance,
    row_scores,
)
from tfp_index.production._two_stage_estimate import (
    Judged,
    conclude,
    judge,
    rows_of_fit,
    told_when_singular,
)
from tfp_index.production._two_stage_fit import Problem, Rows, Solution, search
from tfp_index.production._two_stage_notices import Notice, lost_rows
from tfp_index.production._two_stage_report import Names, names_of
from tfp_index.production._two_stage_result import GroupFit
from tfp_index.production._two_stage_sample import Method, check_sample, make_problem, read_data
from tfp_index.production.bootstrap import Bootstrap
from tfp_index.results.elsewhere import Elsewhere
from tfp_index.results.result import Sample
from tfp_index.scale.programs._shared import (
    Frame,
    Joined,
    aligned,
    refuse_option,
    require_keyed,
    rows_elsewhere,
    whole,
)
from tfp_index.scale.task import Context, Program, Sum, Write

if TYPE_CHECKING:
    from tfp_index.panel.panel import Panel
    from tfp_index.production._two_stage import TwoStage
    from tfp_index.production._two_stage_data import Columns, Part

__all__ = ["two_stage"]

Floats = NDArray[np.float64]
Levels = Mapping[Any, Mapping[str, NDArray[np.bool_]]]

FOLDER = "productivity"
MOST_SAMPLED = 8
"""Full samples for the layout of the columns that are held at once; more groups share them."""


@dataclass(frozen=True, eq=False)
class _How:
    """What every round needs: options, labels, and which levels occur in which group."""

    spec: TwoStage
    method: Method
    frame: Frame
    levels: Levels | None = None

    def columns(self, panel: Panel) -> Columns | None:
        """Return the columns of a partition, None if no row of it is complete."""
        columns = self.spec._columns(aligned(panel, self.frame), whole=False)
        if not columns.used.rows.size:
            return None
        return replace(columns, levels=self.levels)

    def parts(self, columns: Columns | None) -> Iterator[tuple[Any, Part, Data]]:
        """Walk over the groups of a partition."""
        for place, label in enumerate(() if columns is None else columns.labels):
            assert columns is not None
            part = columns.part(place)
            yield label, part, read_data(self.spec, self.method, part)


@dataclass(frozen=True, eq=False)
class _Counts(Additive):
    """Complete rows in all and by group, lost rows, and rows by group and level."""

    rows: int
    lost: Mapping[str, int]
    groups: Mapping[Any, int]
    levels: Mapping[Any, Mapping[str, NDArray[np.int64]]]


@dataclass(slots=True, eq=False)
class _Group:
    """One group on its way to an estimate."""

    label: Any
    rows: int
    known: Survey | None = None
    problem: Problem | None = None
    first: FirstStage | None = None
    judged: Judged | None = None
    fit: GroupFit | None = None
    found: tuple[Notice, ...] = ()
    failure: EstimationError | None = field(default=None)

    @property
    def estimate(self) -> tuple[Problem, Solution]:
        """The problem and the solution chosen so far."""
        assert self.problem is not None
        assert self.judged is not None
        return self.problem, self.judged.solution


def two_stage(spec: TwoStage, context: Context) -> Program:
    """Estimate the production function, or that of every group; see `TwoStage.fit`.

    Rounds: counts, survey, stage 1, stage 2, scores (once more where a root needs its last
    digits); a last one writes the dataset ``productivity``.
    """
    _refuse(spec)
    require_keyed(context)
    empty, method = whole(context), spec._method()
    inputs = chosen_inputs(empty, (*method.linear, *method.inputs))
    spec._columns(empty, whole=False)  # says which role is missing
    how = _How(spec, method, Frame(context))
    counts = yield Sum(_counted, (how,))
    if not counts.rows:
        refuse_no_rows(context.names.get(r, r) for r in (spec.output, *spec.free, *spec.state))
    present = {g: {n: c > 0 for n, c in of.items()} for g, of in counts.levels.items()}
    how = replace(how, levels=present)
    order = [None] if spec.by is None else context.labels(spec.by).tolist()
    groups = [_Group(label, counts.groups[label]) for label in order if label in counts.groups]
    frequent = yield from _lay_out(how, context, counts, groups)
    names = _names(how, empty)
    common = yield from _stages(how, context, names, groups, frequent)
    yield from _errors(how, names, groups)
    chosen = {
        g.label: (g.problem, g.first, g.judged.solution, g.fit)
        for g in _alive(groups)
        if g.judged is not None
    }
    said = [
        *spec._option_notices(),
        *lost_rows(context.names, counts.lost, context.rows, spec.proxy),
    ]
    result = _result(spec, context, counts, groups, common, inputs, said)
    yield Write(FOLDER, _written, (how, chosen, inputs))
    return result


def _refuse(spec: TwoStage) -> None:
    if isinstance(spec.se, Bootstrap):
        refuse_option(
            spec, "se", "the bootstrap draws from all firms at once", "se='clustered', or None"
        )
    if spec.survival is not False:
        refuse_option(
            spec, "survival", "its probit is fitted step by step on all rows", "survival=False"
        )


def _counted(panel: Panel, how: _How) -> _Counts:
    part = aligned(panel, how.frame)
    require_series(part)
    columns = how.spec._columns(part, whole=False)
    used = columns.used
    groups: dict[Any, int] = {}
    levels: dict[Any, dict[str, NDArray[np.int64]]] = {}
    if used.rows.size:
        calendar = part.keys.calendar.numbers
        span = int(calendar[-1] - calendar[0]) + 1
        sizes = {name: len(part.groups[name]) if name in part.groups else span
                 for name in columns.codes}  # fmt: skip
        for place, label in enumerate(columns.labels):
            rows = slice(int(columns.edges[place]), int(columns.edges[place + 1]))
            groups[label] = rows.stop - rows.start
            levels[label] = {
                name: np.bincount(codes[rows], minlength=sizes[name])
                for name, codes in columns.codes.items()
            }
    return _Counts(int(used.rows.size), dict(used.lost), groups, levels)


def _attempt(group: _Group, work: Callable[[], None]) -> None:
    """Let a group fail without the others."""
    try:
        work()
    except EstimationError as error:
        group.failure = error


def _alive(groups: list[_Group]) -> list[_Group]:
    return [group for group in groups if group.failure is None]


def _settle(how: _How, groups: list[_Group]) -> None:
    """Without groups a failure is the caller's."""
    if how.spec.by is None and groups[0].failure is not None:
        raise groups[0].failure


def _lay_out(how: _How, context: Context, counts: _Counts, groups: list[_Group]) -> Program:
    """Survey the rows, lay out the columns, and count the most frequent values."""
    crowd = max(1.0, len(groups) / MOST_SAMPLED)
    strides = {g.label: sample_stride(int(g.rows * crowd)) for g in groups}
    known, few = yield Sum(_surveyed, (how, strides, max(1, counts.rows // FEW)))
    for group in groups:
        group.known = known[group.label]

        def work(group: _Group = group) -> None:
            assert group.known is not None
            check_sample(how.spec, how.method, context.names, group.known)
            group.problem = make_problem(how.spec, how.method, group.known)

        _attempt(group, work)
    _settle(how, groups)
    return {role: most_frequent(values.values) for role, values in few.items()}


def _surveyed(panel: Panel, how: _How, strides: Mapping[Any, int], every: int) -> Any:
    columns = how.columns(panel)
    known = {label: survey(data, strides[label]) for label, _, data in how.parts(columns)}
    values = {} if columns is None else columns.values
    return known, {role: Joined(column[::every]) for role, column in values.items()}


def _names(how: _How, empty: Panel) -> Names:
    numeric = [n for n in (*how.spec.controls, *how.spec.proxy_controls) if n in empty.columns]
    return names_of(how.method, numeric, how.spec.controls)


def _stages(
    how: _How,
    context: Context,
    names: Names,
    groups: list[_Group],
    frequent: Mapping[str, float | None],
) -> Program:
    """Solve both stages, choose among the roots; return how many rows share frequent values."""
    problems = {g.label: g.problem for g in _alive(groups)}
    grams, common = yield Sum(_first, (how, problems, frequent))
    for group in _alive(groups):

        def solve(group: _Group = group) -> None:
            assert group.problem is not None
            with told_when_singular():
                group.first = solve_stage_one(grams[group.label], group.problem.design)

        _attempt(group, solve)
    _settle(how, groups)
    ready = {g.label: (g.problem, g.first) for g in _alive(groups)}
    grams = yield Sum(_second, (how, ready))
    for group in _alive(groups):

        def choose(group: _Group = group) -> None:
            assert group.problem is not None
            assert group.first is not None
            with told_when_singular():
                second = solve_stage_two(grams[group.label], group.problem.design)
                solution = search(group.problem, group.first, second)
                group.judged = judge(
                    how.spec, how.method, context.names, names, group.problem, solution
                )

        _attempt(group, choose)
    _settle(how, groups)
    return common


def _first(
    panel: Panel, how: _How, problems: Mapping[Any, Problem], frequent: Mapping[str, float | None]
) -> Any:
    columns = how.columns(panel)
    grams = {
        label: stage_one_gram(data, problems[label].design)
        for label, _, data in how.parts(columns)
        if label in problems
    }
    common = dict.fromkeys(frequent, 0)
    for role, value in frequent.items():
        if columns is not None and value is not None:
            common[role] = int(np.count_nonzero(columns.values[role] == value))
    return grams, common


def _second(panel: Panel, how: _How, ready: Mapping[Any, tuple[Problem, FirstStage]]) -> Any:
    clustered = how.spec.se == "clustered"
    found = {}
    for label, _, data in how.parts(how.columns(panel)):
        if label in ready:
            problem, first = ready[label]
            products = problem.products if clustered else None
            found[label] = stage_two_gram(data, problem.design, first, products=products)
    return found


def _errors(how: _How, names: Names, groups: list[_Group]) -> Program:
    """Find the covariance of every group; walk over the rows where the sums do not give it."""
    left: dict[Any, str] = {}
    for group in _alive(groups):

        def from_sums(group: _Group = group) -> None:
            problem, solution = group.estimate
            with told_when_singular():
                reason = ""
                if how.spec.se is None:
                    size = len(problem.design.linear_in_phi) + solution.delta.size
                    V = np.full((size, size), np.nan)
                else:
                    V, reason = clustered_from_sums(problem, solution)
                if reason:
                    left[group.label] = reason
                else:
                    _conclude(how, names, group, V, "")

        _attempt(group, from_sums)
    _settle(how, groups)
    again = [g for g in groups if g.label in left]
    for last in (False, True):  # a second time where a root moved to its last digits
        if again:
            again = yield from _walk(how, names, again, left, last)


def _walk(
    how: _How, names: Names, groups: list[_Group], left: Mapping[Any, str], last: bool
) -> Program:
    """Sum the scores of firms over the rows; return the groups whose root moved."""
    scores = yield Sum(_scores, (how, {g.label: g.estimate for g in groups}))
    moved = []
    for group in groups:

        def from_rows(group: _Group = group) -> None:
            problem, solution = group.estimate
            with told_when_singular():
                V, step = covariance(problem, solution, scores[group.label])
                better = None if last else corrected(solution, step)
                if better is None:
                    _conclude(how, names, group, V, left[group.label])
                else:
                    assert group.judged is not None
                    group.judged = replace(group.judged, solution=better)
                    moved.append(group)

        _attempt(group, from_rows)
    _settle(how, groups)
    return moved


def _scores(
    panel: Panel, how: _How, chosen: Mapping[Any, tuple[Problem, Solution]]
) -> Mapping[Any, Any]:
    return {
        label: row_scores(chosen[label][0], Rows(data), chosen[label][1])
        for label, _, data in how.parts(how.columns(panel))
        if label in chosen
    }


def _conclude(how: _How, names: Names, group: _Group, V: Floats, third: str) -> None:
    problem, solution = group.estimate
    assert group.judged is not None
    if how.spec.se is not None and not solution.is_root[solution.choice.index]:
        k = len(problem.design.linear_in_phi)
        V[k:], V[:, k:] = np.nan, np.nan
    group.fit, group.found = conclude(
        how.spec, how.method, names, problem, group.judged, V, None, third
    )


def _result(
    spec: TwoStage,
    context: Context,
    counts: _Counts,
    groups: list[_Group],
    common: Mapping[str, int],
    inputs: tuple[str, ...],
    found: list[Notice],
) -> Any:
    fits = [g.fit for g in groups]
    labels = [g.label for g in groups]
    failed = [
        (g.label, g.rows, g.known.firms, g.failure.code, g.failure.message)
        for g in groups
        if g.failure is not None and g.known is not None
    ]
    if spec.by is None:
        texts = [*found, *groups[0].found]
    else:
        said = [*((None, n) for n in found), *((g.label, n) for g in groups for n in g.found)]
        texts = told_of_groups(spec, labels, fits, failed, said)
    for notice in texts:
        warn(notice.text, notice.category, stacklevel=3)
    lost = {"key missing": 0, **counts.lost}
    if failed:
        lost["group without an estimate"] = sum(row[1] for row in failed)
    used = counts.rows - sum(row[1] for row in failed)
    lagged = sum(g.problem.lags for g in _alive(groups) if g.problem is not None)
    notes = notes_on(context.names, counts.rows, used, lagged, common)
    keys = whole(context).keys
    shared: dict[str, Any] = {
        "record": context.record(spec, Sample(context.rows, used, lost, notes)),
        "keys": keys,
        "inputs": inputs,
        "rows": (
            rows_elsewhere(keys, "Log total factor productivity", FOLDER),
            rows_elsewhere(keys, "First stage", FOLDER),
            rows_elsewhere(keys, "Output elasticities", FOLDER),
        ),
    }
    if spec.by is None:
        assert fits[0] is not None
        return result_of(spec, fits[0], texts, **shared)
    members: Any = Elsewhere("the group", FOLDER)
    return result_by_group(spec, labels, fits, failed, texts, members=members, **shared)


def _written(
    panel: Panel, how: _How, chosen: Mapping[Any, Any], inputs: tuple[str, ...]
) -> tuple[dict[str, Any], None]:
    """Productivity, its parts and elasticities of every row; missing where there are none."""
    part = aligned(panel, how.frame)
    names = ["productivity", "productivity_with_error", "phi", "residual"]
    names += [f"{name}_elasticity" for name in inputs]
    columns = how.columns(panel)
    values = np.full((len(names), part.n_rows), np.nan)
    if columns is not None:
        here = np.full((len(names), columns.entity.shape[0]), np.nan)
        for label, one, data in how.parts(columns):
            if label in chosen:
                problem, first, solution, fit = chosen[label]
                phi, eta = _fitted(data, problem, first)
                omega, slopes = rows_of_fit(problem, solution, data.inputs, phi, how.method, fit)
                here[:, one.rows] = [omega, omega + eta, phi, eta, *slopes]
        values = np.stack([columns.spread(row) for row in here])
    return {**part.keys.columns(), **dict(zip(names, values, strict=True))}, None


def _fitted(data: Data, problem: Problem, first: FirstStage) -> Floats:
    """(2, m) fitted value and residual of stage 1, in the blocks that stage 2 is summed in."""
    fitted = np.empty((2, data.y.size))
    for a, b in firm_blocks(data.offsets):
        rows = slice(int(data.offsets[a]), int(data.offsets[b]))
        fitted[:, rows] = fitted_parts(data, problem.design, first, rows)
    return fitted
