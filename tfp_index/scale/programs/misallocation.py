"""Hsieh and Klenow's model over partitions, with its trimming path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._rows import Grouping, names_of, read_weight
from tfp_index.aggregation.misallocation import KeptCells, read_positive, share_role, without_small
from tfp_index.aggregation.misallocation_result import (
    GAPS,
    HsiehKlenowResult,
    Solution,
    gaps,
    industry_weights,
    value_added_behind,
)
from tfp_index.kernels.disclosure import Contributions
from tfp_index.kernels.dispersion import (
    FirstSums,
    SortedCells,
    first_sums,
    less_mean,
    mean_sums,
    second_sums,
    shape_of_sums,
    sort_cells,
)
from tfp_index.kernels.misallocation import (
    HsiehKlenowTerms,
    IndustrySums,
    firm_deviations,
    firm_wedges,
    industry_sums,
    industry_terms,
    squares_about,
    within_bounds,
)
from tfp_index.kernels.sums import Additive
from tfp_index.panel.checks import require_keys
from tfp_index.results.elsewhere import Elsewhere
from tfp_index.results.result import Sample
from tfp_index.scale.programs._order_statistics import quantiles_over_partitions
from tfp_index.scale.programs._shared import (
    Frame,
    aligned,
    frame_of,
    grouped,
    require_keyed,
    whole,
)
from tfp_index.scale.task import Context, Program, Sum, Write

if TYPE_CHECKING:
    from tfp_index.aggregation.misallocation import HsiehKlenow
    from tfp_index.panel.panel import Panel

__all__ = ["misallocation"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pair = tuple[Floats, Floats]

FOLDER = "firms"
SPREADS = ("tfpr", "tfpq")
VARIANCES = ("tfpr", "capital", "mrpk", "mrpl")


@dataclass(frozen=True, eq=False)
class _How:
    """What every round needs; filled as the rounds go on."""

    spec: HsiehKlenow
    frame: Frame
    share: Floats | None = None
    kept: KeptCells | None = None
    base: HsiehKlenowTerms | None = None
    bounds: Mapping[float, tuple[Floats, Floats]] | None = None
    counts: Mapping[float, Ints] | None = None
    terms: Mapping[float, HsiehKlenowTerms] | None = None

    @property
    def years(self) -> int:
        """Number of periods."""
        return int(self.frame.context.calendar.numbers.shape[0])

    def read(self, panel: Panel) -> _Rows:
        """Return the columns of a partition."""
        require_keys(panel)
        part, spec = aligned(panel, self.frame), self.spec
        py, wl, k = (
            read_positive(part, name) for name in (spec.value_added, spec.wage_bill, spec.capital)
        )
        design = None if spec.sampling_weight is None else read_weight(part, spec.sampling_weight)
        usable, lost = spec.usable_rows(part, py, wl, k, design)
        industries = grouped(panel, self.frame, names_of(spec.industry))
        year = self.frame.context.periods(part)
        cell = np.where(usable, industries.codes * self.years + year, -1)
        if self.kept is not None:
            cell = self.kept.of(cell)
        return _Rows(part, industries, year, py, wl, k, design, usable, lost, cell)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The columns of a partition, and the industry and year of each row that can be used."""

    panel: Panel
    industries: Grouping
    year: Ints
    py: Floats
    wl: Floats
    k: Floats
    design: Floats | None
    usable: NDArray[np.bool_]
    lost: dict[str, int]
    cell: Ints

    def sums(self, how: _How, cell: Ints) -> IndustrySums:
        """Return the sums of the model."""
        assert how.share is not None
        share, sigma = how.share, how.spec.elasticity
        return industry_sums(self.py, self.wl, self.k, share, cell, sigma, self.design)

    def deviations(self, how: _How, cell: Ints, terms: HsiehKlenowTerms) -> Pair:
        """Return what sets firms apart from their industry."""
        assert how.share is not None
        sigma = how.spec.elasticity
        return firm_deviations(self.py, self.wl, self.k, how.share, cell, terms, sigma)

    def trimmed(self, how: _How, trim: float) -> Ints:
        """Return the cell of every firm that stays at a trim, before small cells go."""
        if trim == 0.0:
            return self.cell
        assert how.base is not None
        assert how.bounds is not None
        deviations = self.deviations(how, self.cell, how.base)
        stays = within_bounds(deviations, how.bounds[trim], self.year)
        return np.where(stays, self.cell, -1)

    def final(self, how: _How, trim: float) -> Ints:
        """Return the cell of every firm that the model is solved for at a trim."""
        cell = self.trimmed(how, trim)
        if trim == 0.0:
            return cell
        assert how.counts is not None
        return without_small(cell, how.counts[trim], how.spec.min_cell)

    def logs(self, how: _How, cell: Ints, terms: HsiehKlenowTerms) -> dict[str, Floats]:
        """Return logs of wedges and products, 0 outside the cells."""
        assert how.share is not None
        inside = cell >= 0
        one = np.where(inside, how.share[np.maximum(cell, 0)], 0.5)
        py, wl, k = (np.where(inside, v, 1.0) for v in (self.py, self.wl, self.k))
        wedges = firm_wedges(py, wl, k, one, how.spec.elasticity, how.spec.rental_rate)
        found = {name: np.log(getattr(wedges, name)) for name in VARIANCES}
        found["tfpq"] = self.deviations(how, cell, terms)[1]
        return {name: np.where(inside, values, 0.0) for name, values in found.items()}


@dataclass(frozen=True, eq=False)
class GivenFigures:
    """Figures of a solution that were summed over partitions; see `Figures`."""

    spreads: Mapping[str, Mapping[str, Floats]]
    variances: Mapping[str, Floats]
    contributions: tuple[Contributions, Contributions]

    def spread(self, name: str) -> Mapping[str, Floats]:
        """Standard deviation and gaps by year."""
        return self.spreads[name]

    def variance(self, name: str) -> Floats:
        """(C,) variance of logs in every cell."""
        return self.variances[name]

    def behind(self) -> tuple[Contributions, Contributions]:
        """Value added behind every year and every cell."""
        return self.contributions


def misallocation(spec: HsiehKlenow, context: Context) -> Program:
    """Solve the model for every year and trim; see `HsiehKlenow.fit`.

    Rounds: labels of industries, counts and shares, the whole sample, two or three for the bounds
    of all trims, counts and sums after trimming, and those of the spreads. A last one writes the
    dataset ``firms``: wedges and deviations of every firm at the smallest trim.
    """
    require_keyed(context)
    names = names_of(spec.industry)
    frame = yield from frame_of(context, [names])
    how, empty = _How(spec, frame), whole(context)
    industries = grouped(empty, frame, names)
    begin = yield Sum(_begin, (how,))
    share = spec.capital_shares(industries, begin.shares, share_role(empty))
    kept = spec.kept_cells(begin.firms, how.years)
    how = replace(how, share=np.repeat(share, how.years), kept=kept)
    year = np.tile(np.arange(how.years), industries.size)
    sums, n = yield Sum(_whole, (how,))
    how = replace(how, base=_terms(how, sums, year))
    how = yield from _trim(how, n, year)
    found = yield Sum(_solved, (how,))
    terms = {trim: _terms(how, one[0], year) for trim, one in found.items()}
    how = replace(how, terms=terms)
    figures = yield from _figures(how, {trim: one[2] for trim, one in found.items()})
    yield Write(FOLDER, _firms, (how,))
    lost = {**begin.lost, **kept.lost}
    rows: Any = Elsewhere("the model", FOLDER)
    return HsiehKlenowResult(
        spec=spec,
        record=context.record(spec, Sample(context.rows, int(n.sum()), lost)),
        keys=empty.keys,
        industries=industries.columns(),
        years=grouped(empty, frame, ["time"]).labels[0],
        capital_share=share,
        refused=kept.refused,
        per_year=kept.per_year,
        solutions=tuple(_solution(t, terms[t], found[t][1], year, how.years) for t in spec.trim),
        wedges=rows,
        value_added=rows,
        design=None,
        figures=tuple(figures[trim] for trim in spec.trim),
    )


def _solution(trim: float, terms: HsiehKlenowTerms, n: Ints, year: Ints, years: int) -> Solution:
    rows: Any = Elsewhere("the model", FOLDER)
    apart = replace(terms, tfpr_deviation=rows, tfpq_deviation=rows)
    firms = np.bincount(year, n, years).astype(np.int64)
    return Solution(trim, rows, apart, firms, np.bincount(year[n > 0], minlength=years))


def _terms(how: _How, sums: IndustrySums, year: Ints) -> HsiehKlenowTerms:
    """Solve the model; deviations of firms are found by the partitions."""
    assert how.share is not None
    nobody = (np.zeros(0), np.zeros(0))
    return industry_terms(
        sums, how.share, year, how.years, how.spec.elasticity, lambda _: nobody
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Begin(Additive):
    """Lost rows, usable firms by cell, and the sums of labor's shares by industry."""

    lost: Mapping[str, int]
    firms: Ints
    shares: tuple[Floats, Floats, Ints]


def _begin(panel: Panel, how: _How) -> _Begin:
    rows = how.read(panel)
    cells = rows.industries.size * how.years
    return _Begin(
        rows.lost,
        np.bincount(rows.cell[rows.cell >= 0], minlength=cells),
        how.spec.share_sums(rows.panel, rows.industries, rows.py, rows.wl, rows.usable),
    )


def _count(cell: Ints, cells: int) -> Ints:
    return np.bincount(cell[cell >= 0], minlength=cells)


def _whole(panel: Panel, how: _How) -> tuple[IndustrySums, Ints]:
    rows = how.read(panel)
    assert how.share is not None
    return rows.sums(how, rows.cell), _count(rows.cell, how.share.shape[0])


def _trim(how: _How, n: Ints, year: Ints) -> Program:
    """Find the bounds of every trim, and how many firms of each cell lie within."""
    trims = [trim for trim in how.spec.trim if trim > 0.0]
    if not trims:
        return how
    ends = np.unique([(trim, 1.0 - trim) for trim in trims])
    per_year = np.bincount(year, n, how.years)
    q = yield from quantiles_over_partitions(
        _deviation_cells,
        (how,),
        np.concatenate((per_year, per_year)),
        ends,
        "linear",
        how.frame.context.partitions,
    )
    bounds = {}
    for trim in trims:
        at = np.searchsorted(ends, (trim, 1.0 - trim))
        bounds[trim] = (q[: how.years, at], q[how.years :, at])
    how = replace(how, bounds=bounds)
    counts = yield Sum(_trimmed_counts, (how, tuple(trims)))
    return replace(how, counts=dict(zip(trims, counts, strict=True)))


def _deviation_cells(panel: Panel, how: _How) -> SortedCells:
    """Deviations of TFPR by year, then those of TFPQ."""
    rows = how.read(panel)
    assert how.base is not None
    pool = np.where(rows.cell >= 0, rows.year, -1)
    return _stacked(list(rows.deviations(how, rows.cell, how.base)), [pool, pool], None, how.years)


def _stacked(
    values: list[Floats], pools: list[Ints], weights: list[Floats] | None, size: int
) -> SortedCells:
    """Sort several columns at once, each in pools of its own."""
    shifted = [np.where(p >= 0, p + i * size, -1) for i, p in enumerate(pools)]
    joined = None if weights is None else np.concatenate(weights)
    return sort_cells(np.concatenate(values), np.concatenate(shifted), size * len(values), joined)


def _trimmed_counts(panel: Panel, how: _How, trims: tuple[float, ...]) -> tuple[Ints, ...]:
    rows = how.read(panel)
    assert how.share is not None
    return tuple(_count(rows.trimmed(how, trim), how.share.shape[0]) for trim in trims)


def _solved(panel: Panel, how: _How) -> Mapping[float, Any]:
    """Sums of the model, firms, and value added behind, at every trim."""
    rows = how.read(panel)
    assert how.share is not None
    found, cells = {}, how.share.shape[0]
    for trim in how.spec.trim:
        cell = rows.final(how, trim)
        behind = value_added_behind(rows.py, cell, cells, how.years)
        found[trim] = (rows.sums(how, cell), _count(cell, cells), behind)
    return found


def _figures(how: _How, behind: Mapping[float, Any]) -> Program:
    """Spreads and variances of logs at every trim."""
    trims = how.spec.trim
    means = yield Sum(_means, (how,))
    first, squares = yield Sum(_first, (how, means))
    second = yield Sum(_second, (how, means, first.mean))
    q = yield from quantiles_over_partitions(
        _spread_cells,
        (how, means),
        first.weight,
        GAPS,
        "weighted",
        how.frame.context.partitions,
    )
    sd = shape_of_sums(first, second, weighted=True).sd
    figures = {}
    for place, trim in enumerate(trims):
        spreads = {}
        for i, name in enumerate(SPREADS):
            at = slice((2 * place + i) * how.years, (2 * place + i + 1) * how.years)
            spreads[name] = gaps(sd[at], q[at])
        variances = {}
        for name in VARIANCES:
            mass = means[trim][name][1]
            out = np.full(mass.shape, np.nan)
            variances[name] = np.divide(squares[trim][name], mass, out=out, where=mass > 0.0)
        figures[trim] = GivenFigures(spreads, variances, behind[trim])
    return figures


def _each(panel: Panel, how: _How) -> Any:
    """Walk over the trims: trim, rows, cells, terms and logs."""
    rows = how.read(panel)
    assert how.terms is not None
    for trim in how.spec.trim:
        cell, terms = rows.final(how, trim), how.terms[trim]
        yield trim, rows, cell, terms, rows.logs(how, cell, terms)


def _means(panel: Panel, how: _How) -> Mapping[float, Mapping[str, Pair]]:
    return {
        trim: {
            name: mean_sums(values, cell, terms.theta.shape[0], rows.design)
            for name, values in logs.items()
        }
        for trim, rows, cell, terms, logs in _each(panel, how)
    }


def _spread_cells(
    panel: Panel, how: _How, means: Mapping[float, Mapping[str, Pair]]
) -> SortedCells:
    """Deviations from industry means by trim, kind and year, industries by value added."""
    values, pools, weights = [], [], []
    for trim, rows, cell, terms, logs in _each(panel, how):
        for name in SPREADS:
            deviation = less_mean(logs[name], cell, means[trim][name])
            values.append(np.where(cell >= 0, deviation, 0.0))
            pools.append(np.where(cell >= 0, rows.year, -1))
            weights.append(industry_weights(terms, cell, rows.design))
    return _stacked(values, pools, weights, how.years)


def _first(
    panel: Panel, how: _How, means: Mapping[float, Mapping[str, Pair]]
) -> tuple[FirstSums, Mapping[float, Mapping[str, Floats]]]:
    squares: dict[float, dict[str, Floats]] = {}
    for trim, rows, cell, _, logs in _each(panel, how):
        squares[trim] = {}
        for name in VARIANCES:
            total, mass = means[trim][name]
            center = np.divide(total, mass, out=np.full(mass.shape, np.nan), where=mass > 0.0)
            squares[trim][name] = squares_about(logs[name], cell, center, rows.design)
    return first_sums(_spread_cells(panel, how, means)), squares


def _second(
    panel: Panel, how: _How, means: Mapping[float, Mapping[str, Pair]], center: Floats
) -> Pair:
    return second_sums(_spread_cells(panel, how, means), center)


def _firms(panel: Panel, how: _How) -> tuple[dict[str, Any], None]:
    """The columns of `HsiehKlenowResult.firms` at the smallest trim."""
    assert how.terms is not None
    assert how.share is not None
    rows, trim = how.read(panel), how.spec.trim[0]
    cell = rows.final(how, trim)
    inside = cell >= 0
    py, wl, k = (np.where(inside, v, np.nan) for v in (rows.py, rows.wl, rows.k))
    share = np.where(inside, how.share[np.maximum(cell, 0)], np.nan)
    w = firm_wedges(py, wl, k, share, how.spec.elasticity, how.spec.rental_rate)
    tfpr, tfpq = rows.deviations(how, cell, how.terms[trim])
    values = {
        "capital_wedge": w.capital - 1.0,
        "output_wedge": 1.0 - w.output,
        "mrpk": w.mrpk,
        "mrpl": w.mrpl,
        "tfpr": w.tfpr,
        "tfpq": w.tfpq,
        "log_tfpr_deviation": tfpr,
        "log_tfpq_deviation": tfpq,
    }
    return {**rows.panel.keys.columns(), **values}, None
