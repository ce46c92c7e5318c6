"""How much the ranks owe to the choices: Monte Carlo over them, and Sobol indices of each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.composite.aggregate import replicate_tree
from tfp_index.composite.compute import Computed, Leaves, period_ranks, prepare, score
from tfp_index.composite.index import CompositeIndex
from tfp_index.composite.result import CompositeResult
from tfp_index.errors import DataError, SpecificationError
from tfp_index.kernels.sobol import Indices, sensitivity_design, sensitivity_indices
from tfp_index.panel.table import Table

__all__ = ["Sensitivity", "Uncertainty", "attribute", "default_choices", "simulate"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Choices = Mapping[str, Sequence[Mapping[str, Any]]]

WEIGHTS = "weights"
"""Name of the factor that varies the weights."""

MOST_COMBINATIONS = 2_000
"""Combinations of choices that are tried at most."""

PREPARING = (
    "denominate",
    "screen",
    "screen_zeros",
    "keep",
    "impute",
    "impute_group",
    "treat",
    "winsorize_most",
    "skew_limit",
    "kurt_limit",
    "normalize",
    "scale",
    "clip",
    "compare",
    "base_period",
    "reference_unit",
)
"""Options that decide the normalized indicators; combinations that share them share these."""


def default_choices(spec: CompositeIndex) -> dict[str, list[dict[str, Any]]]:
    """Return alternatives that are as defensible as those of the index itself.

    The treatment of outliers on or off; the normalization as it is or by percentiles, on a scale
    that starts at one hundredth so that a geometric mean can follow; arithmetic or geometric
    means. Normalizations that give zero or negative scores are not combined with geometric means.

    Examples
    --------
    >>> spec = CompositeIndex(structure=[{"code": "x", "parent": "I"}, {"code": "I"}])
    >>> list(default_choices(spec))
    ['treatment', 'normalization', 'aggregation']
    """
    other = "none" if spec.treat != "none" else "auto"
    choices: dict[str, list[dict[str, Any]]] = {
        "treatment": [{"treat": spec.treat}, {"treat": other}]
    }
    if spec.normalize in ("minmax", "goalposts", "target", "percentile"):
        second = "percentile" if spec.normalize != "percentile" else "minmax"
        choices["normalization"] = [
            {"normalize": spec.normalize, "scale": (1.0, 100.0)},
            {"normalize": second, "scale": (1.0, 100.0)},
        ]
        favorable = any(
            spec.scheme_of(node.code) == "benefit_of_doubt" for node in spec.tree.aggregates
        )
        if not favorable and isinstance(spec.aggregate, str):
            choices["aggregation"] = [{"aggregate": "arithmetic"}, {"aggregate": "geometric"}]
    elif spec.normalize == "zscore":
        choices["normalization"] = [
            {"normalize": "zscore"},
            {"normalize": "minmax", "scale": (0.0, 100.0)},
            {"normalize": "percentile", "scale": (0.0, 100.0)},
        ]
    return choices


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Ranks and scores of every unit over the replicates.

    Attributes
    ----------
    result : CompositeResult
        The index itself.
    ranks, scores : (n, replicates) float arrays
    choices : mapping of factor to its alternatives
    weight_noise : float
    picks : (replicates, factors) int array
        Which alternative each replicate took.
    confidence : float
    seed : object
    """

    result: CompositeResult
    ranks: Floats
    scores: Floats
    choices: Choices
    weight_noise: float
    picks: Ints
    confidence: float
    seed: Any

    def table(self, confidence: float | None = None) -> Table:
        """Return for each unit its rank, and the interval and median of its ranks.

        ``rank_low`` is the better end; both ends are ranks that occurred. ``share_same`` is the
        share of replicates that give the unit the rank that it has in the index.
        """
        confidence = self.confidence if confidence is None else confidence
        low, middle, high = _interval(self.ranks, confidence, whole=True)
        score_low, _, score_high = _interval(self.scores, confidence, whole=False)
        base = self.result.ranks
        known = ~np.isnan(base)
        same = np.full(base.shape, np.nan)
        same[known] = (self.ranks[known] == base[known, None]).mean(axis=1)
        order = np.lexsort((base, self.result.inputs.frame.period))
        columns = {name: column[order] for name, column in self.result.key_columns().items()}
        return Table(
            {
                **columns,
                "rank": base[order],
                "rank_low": low[order],
                "rank_median": middle[order],
                "rank_high": high[order],
                "share_same": same[order],
                "score": self.result.computed.index[order],
                "score_low": score_low[order],
                "score_high": score_high[order],
            },
            title=f"Ranks over {self.ranks.shape[1]} replicates, {confidence:.0%} intervals",
            notes=(
                "Scores of replicates are on the scales of their own choices; compare the ranks.",
            ),
            backend=self.result.keys.backend,
        )

    def to_frame(self, backend: str | None = None) -> Any:
        """Return `table` as a frame."""
        return self.table().to_frame(backend)

    def overlap(self, first: Any, second: Any, period: Any = None) -> float:
        """Return the share of replicates in which the first unit stands before the second."""
        a, b = self.result.row_of(first, period), self.result.row_of(second, period)
        ahead = self.ranks[a] < self.ranks[b]
        tied = self.ranks[a] == self.ranks[b]
        return float((ahead + 0.5 * tied).mean())

    def to_dict(self) -> dict[str, Any]:
        """Return the choices and the table as plain data."""
        return {
            "replicates": self.ranks.shape[1],
            "weight_noise": self.weight_noise,
            "choices": {name: [dict(o) for o in options] for name, options in self.choices.items()},
            "confidence": self.confidence,
            "seed": self.seed,
            "table": self.table().to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Which choice moves the ranks.

    Attributes
    ----------
    factors : tuple of str
    indices : Indices
        Of the mean absolute change of rank against the index.
    design_rows : int
    evaluations : int
    confidence : float
    seed : object
    backend : str
    """

    factors: tuple[str, ...]
    indices: Indices
    design_rows: int
    evaluations: int
    confidence: float
    seed: Any
    backend: str = "pandas"

    def table(self) -> Table:
        """Return first-order and total indices with their bootstrap intervals."""
        i = self.indices
        return Table(
            {
                "factor": list(self.factors),
                "first": i.first,
                "first_low": i.first_interval[0],
                "first_high": i.first_interval[1],
                "total": i.total,
                "total_low": i.total_interval[0],
                "total_high": i.total_interval[1],
            },
            title=f"What moves the ranks ({self.evaluations} evaluations)",
            notes=(
                "First: share of the variance of the mean absolute rank change that goes when "
                "only this choice is fixed. Total: share that stays when only it is left open.",
            ),
            backend=self.backend,
        )

    def to_frame(self, backend: str | None = None) -> Any:
        """Return `table` as a frame."""
        return self.table().to_frame(backend)


@dataclass(frozen=True, eq=False)
class _Plan:
    """Every combination of choices, computed once with its own weights."""

    factors: tuple[str, ...]
    sizes: tuple[int, ...]
    specs: tuple[CompositeIndex, ...]
    computed: tuple[Computed, ...]

    def number(self, picks: Ints) -> Ints:
        """Return the combination of each row of picks."""
        if not self.sizes:
            return np.zeros(picks.shape[0], np.int64)
        return np.asarray(np.ravel_multi_index(tuple(picks.T), self.sizes), dtype=np.int64)


def _plan(result: CompositeResult, choices: Choices) -> _Plan:
    """Check and compute every combination, before any replicate runs.

    Raises
    ------
    SpecificationError
        Listing the combinations that contradict themselves, or if there are too many.
    """
    for name, options in choices.items():
        if name == WEIGHTS or not options:
            raise SpecificationError(
                f"the choice {name!r} {'is made by weight_noise' if options else 'is empty'}",
                code="bad_choice",
                column=name,
            )
    sizes = tuple(len(options) for options in choices.values())
    count = int(np.prod(sizes)) if sizes else 1
    if count > MOST_COMBINATIONS:
        raise SpecificationError(
            f"{count} combinations of choices; at most {MOST_COMBINATIONS} are tried",
            code="too_many_combinations",
            remedy="offer fewer alternatives",
        )
    specs: list[CompositeIndex] = []
    refused: list[str] = []
    for combination in itertools.product(*choices.values()):
        merged = {key: value for option in combination for key, value in option.items()}
        try:
            specs.append(result.spec.replace(**merged))
        except SpecificationError as error:
            refused.append(f"{merged}: {error.message}")
    if refused:
        more = f" … and {len(refused) - 3} more" if len(refused) > 3 else ""
        raise SpecificationError(
            f"{len(refused)} of {count} combinations are invalid: " + "; ".join(refused[:3]) + more,
            code="invalid_combination",
            remedy="drop one of the alternatives that meet in them, or change its scale",
        )
    prepared: dict[str, Leaves] = {}
    computed = []
    for spec in specs:
        key = repr([getattr(spec, option) for option in PREPARING])
        if key not in prepared:
            prepared[key] = prepare(spec, result.inputs)
        computed.append(score(spec, prepared[key], result.inputs.frame))
    return _Plan(tuple(choices), sizes, tuple(specs), tuple(computed))


def _replicate(
    result: CompositeResult, plan: _Plan, numbers: Ints, noise: Callable[[Ints, str, int], Floats]
) -> Floats:
    """Return the index of every replicate; ``noise(rows, node, children)`` multiplies weights."""
    n = result.computed.index.shape[0]
    scores = np.full((numbers.shape[0], n), np.nan)
    for number in np.unique(numbers).tolist():
        rows = np.flatnonzero(numbers == number)
        spec, computed = plan.specs[number], plan.computed[number]
        kept = computed.leaves.kept
        weights = {}
        for code, own in computed.weights.items():
            if own.ndim == 2:
                weights[code] = own[kept]
            else:
                weights[code] = own * noise(rows, code, own.shape[0])
        block = replicate_tree(
            computed.leaves.normalized[kept],
            spec.tree,
            weights,
            computed.rules,
            result.inputs.frame.period[kept],
            rows.size,
        )
        scores[np.ix_(rows, kept)] = block
    return np.ascontiguousarray(scores.T)


def simulate(
    result: CompositeResult,
    *,
    reps: int = 1000,
    rng: Any = None,
    choices: Choices | None = None,
    weight_noise: float = 0.25,
    confidence: float = 0.9,
) -> Uncertainty:
    """Repeat the index with choices drawn at random, and see how far each unit's rank moves.

    Parameters
    ----------
    result : CompositeResult
    reps : int
    rng : int or numpy.random.Generator, optional
    choices : mapping of factor to alternatives, optional
        Each alternative is a mapping of options of `CompositeIndex` to values; a replicate takes
        one of each factor with equal chance. By default `default_choices`; ``{}`` for none.
    weight_noise : float
        Each weight is multiplied by a number drawn evenly from 1 - noise to 1 + noise, and the
        weights of siblings are scaled again. Weights that the data decide are computed once for
        each combination of choices and then varied in the same way; those of benefit of the
        doubt are not varied.
    confidence : float
        Of the intervals.

    Raises
    ------
    SpecificationError
        If some combination of choices contradicts itself: found before any replicate runs.

    References
    ----------
    OECD and JRC (2008), Handbook on Constructing Composite Indicators, step 7. Saisana, Saltelli
    and Tarantola (2005), Journal of the Royal Statistical Society A 168, 307–323.
    """
    _check_options(reps, weight_noise, confidence)
    choices = default_choices(result.spec) if choices is None else dict(choices)
    plan = _plan(result, choices)
    generator = np.random.default_rng(rng)
    sizes = plan.sizes
    picks = np.empty((reps, len(sizes)), np.int64)
    for j, size in enumerate(sizes):
        picks[:, j] = generator.integers(size, size=reps)
    draws = {
        node.code: 1.0 + weight_noise * generator.uniform(-1.0, 1.0, (reps, len(node.children)))
        for node in result.tree.aggregates
    }

    def noise(rows: Ints, code: str, children: int) -> Floats:
        return np.asarray(draws[code][rows])

    scores = _replicate(result, plan, plan.number(picks), noise)
    ranks = period_ranks(scores, result.inputs.frame.period)
    seed = rng if isinstance(rng, (int, np.integer)) else None
    return Uncertainty(result, ranks, scores, choices, weight_noise, picks, confidence, seed)


def attribute(
    result: CompositeResult,
    *,
    n: int = 512,
    rng: Any = None,
    choices: Choices | None = None,
    weight_noise: float = 0.25,
    weight_sets: int = 1024,
    resamples: int = 500,
    confidence: float = 0.9,
) -> Sensitivity:
    """Estimate the Sobol indices of the choices on the mean absolute change of rank.

    Parameters
    ----------
    result : CompositeResult
    n : int
        Rows of the design; the index is evaluated ``n (factors + 2)`` times. First-order indices
        are noisy below some 500.
    rng, choices, weight_noise, confidence
        As in `simulate`.
    weight_sets : int
        Sets of weights drawn beforehand, of which the factor ``"weights"`` picks one.
    resamples : int
        Bootstrap resamples of the design for the intervals.
    """
    _check_options(n, weight_noise, confidence)
    choices = default_choices(result.spec) if choices is None else dict(choices)
    plan = _plan(result, choices)
    generator = np.random.default_rng(rng)
    bank = {
        node.code: 1.0
        + weight_noise * generator.uniform(-1.0, 1.0, (weight_sets, len(node.children)))
        for node in result.tree.aggregates
    }
    varying = [j for j, size in enumerate(plan.sizes) if size > 1]  # the others hold throughout
    factors = tuple(plan.factors[j] for j in varying) + ((WEIGHTS,) if weight_noise > 0 else ())
    d = len(factors)
    if d < 2:
        raise SpecificationError(
            f"{d} factor(s) vary; an attribution needs at least two",
            code="too_few_factors",
            remedy="offer more choices, or give weight_noise",
        )
    points = sensitivity_design(n, d, generator)
    picks = np.zeros((points.shape[0], len(plan.sizes)), np.int64)
    sizes = np.array(plan.sizes, np.int64)
    picks[:, varying] = points[:, : len(varying)] * sizes[varying]
    chosen = (points[:, -1] * weight_sets).astype(np.int64) if weight_noise > 0 else None

    def noise(rows: Ints, code: str, children: int) -> Floats:
        if chosen is None:
            return np.ones((rows.size, children))
        return np.asarray(bank[code][chosen[rows]])

    scores = _replicate(result, plan, plan.number(picks), noise)
    moved = np.abs(period_ranks(scores, result.inputs.frame.period) - result.ranks[:, None])
    ranked = ~np.isnan(moved).any(axis=1)
    if not ranked.any():
        raise DataError("no unit has a rank under every choice", code="no_ranks")
    indices = sensitivity_indices(
        moved[ranked].mean(axis=0),
        d,
        center=True,
        resamples=resamples,
        confidence=confidence,
        rng=generator,
    )
    seed = rng if isinstance(rng, (int, np.integer)) else None
    return Sensitivity(factors, indices, n, points.shape[0], confidence, seed, result.keys.backend)


def _check_options(reps: int, noise: float, confidence: float) -> None:
    for name, value, good, expected in (
        ("reps", reps, isinstance(reps, (int, np.integer)) and reps >= 2, "a count from 2"),
        ("weight_noise", noise, 0.0 <= noise < 1.0, "a number from 0 to below 1"),
        ("confidence", confidence, 0.0 < confidence < 1.0, "a share between 0 and 1"),
    ):
        if not good:
            raise SpecificationError(
                f"{name}={value!r}", code="bad_option", column=name, expected=expected
            )


def _interval(values: Floats, confidence: float, *, whole: bool) -> tuple[Floats, Floats, Floats]:
    """Return lower end, median and upper end of each row; ends are replicates when `whole`."""
    known = ~np.isnan(values).any(axis=1)
    ends = np.full((3, values.shape[0]), np.nan)
    if known.any():
        rows = values[known]
        tail = (1.0 - confidence) / 2.0
        low, high = ("lower", "higher") if whole else ("linear", "linear")
        ends[0, known] = np.quantile(rows, tail, axis=1, method=low)  # type: ignore[call-overload]
        ends[1, known] = np.median(rows, axis=1)
        ends[2, known] = np.quantile(rows, 1.0 - tail, axis=1, method=high)  # type: ignore[call-overload]
    return ends[0], ends[1], ends[2]
