"""The composite index: a specification of every step, and its fit."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from tfp_index.composite.aggregate import AGGREGATIONS, POSITIVE, Rule
from tfp_index.composite.normalize import IMPUTATIONS, NORMALIZATIONS, TREATMENTS
from tfp_index.composite.structure import Structure, row_of, rows_from_meta
from tfp_index.composite.weights import JUDGED, SCHEMES, judgment_faults
from tfp_index.errors import SpecificationError, nearest
from tfp_index.results.specification import Specification, choose

if TYPE_CHECKING:
    from tfp_index.composite.result import CompositeResult

__all__ = ["CompositeIndex"]


@dataclass(frozen=True, repr=False)
class CompositeIndex(Specification):
    """An index over a tree of indicators: each step an option, in the order of the steps.

    Parameters
    ----------
    structure : sequence of mappings
        One row per node: ``code``, ``parent`` (None for the index), and optionally ``name``,
        ``direction`` (1 or -1), ``weight`` (relative to its siblings), ``unit``, ``target``,
        ``goalposts`` (low, high), ``denominator`` (a column), ``normalize`` and ``treat`` (where
        this indicator differs from the others).
    denominate : bool
        Divide the indicators that name a denominator by it.
    screen : float
        Smallest share of its indicators that a unit must have; the others are left out.
    screen_zeros : float
        Smallest share of its observed indicators that must not be zero.
    keep : tuple of labels
        Units that stay in whatever they lack.
    impute : {"none", "mean", "median", "group_mean", "group_median", "latest", "linear"}
        How to fill missing entries; means are those of the same period.
    impute_group : str, optional
        Column of the groups.
    treat : {"none", "auto", "winsorize", "log"} or bool
        How to treat indicators whose skewness and kurtosis both reach their limits; True is
        ``"auto"``.
    winsorize_most : int
        Largest number of winsorizing steps for an indicator.
    skew_limit, kurt_limit : float
        Limits of absolute skewness and of excess kurtosis.
    normalize : str
        ``"minmax"``, ``"zscore"``, ``"goalposts"``, ``"target"``, ``"reference"``,
        ``"proportion_of_best"``, ``"percentile"``, ``"rank"`` or ``"borda"``.
    scale : (float, float), optional
        What the worst and the best anchor become; for z-scores, the mean and one standard
        deviation above it. By default 0 and 100, for z-scores 0 and 1.
    clip : bool
        Hold scores beyond goalposts or target at the ends of the scale.
    compare : {"all", "period"}
        Whether indicators are normalized over all periods together, or within each.
    base_period : int or str, optional
        Take the anchors of linear normalizations from this period, so that scores of other
        periods can be compared with it.
    reference_unit : int or str, optional
        Unit that ``normalize="reference"`` measures against.
    weights : str or mapping of node to str
        ``"given"``, ``"equal"``, ``"pca"``, ``"factor"``, ``"entropy"``, ``"critic"``,
        ``"benefit_of_doubt"``, ``"ahp"`` or ``"budget"``, for all nodes or by node (others are
        given).
    judgments : mapping of node to table
        Comparison matrix of the children for ``"ahp"``; one row of points per expert for
        ``"budget"``.
    bounds : (float, float)
        Bounds on the share of each child for ``"benefit_of_doubt"``.
    bounds_on : {"weights", "contributions"}
        What these shares are of.
    aggregate : str or mapping of node to str
        ``"arithmetic"``, ``"geometric"``, ``"harmonic"``, ``"generalized"``, ``"mpi"``,
        ``"mpi_plus"`` or ``"copeland"``, for all nodes or by node (others are arithmetic).
    power : float
        Order of the generalized mean.
    data_threshold : float
        Smallest share of its children that a unit must have for a node to get a score.

    Raises
    ------
    SpecificationError
        If an option is unknown or contradicts another; a faulty tree lists all its faults.

    References
    ----------
    OECD and JRC (2008), Handbook on Constructing Composite Indicators. Becker et al. (2022),
    COINr: an R package for developing composite indicators, Journal of Open Source Software 7,
    4567.

    Examples
    --------
    >>> import numpy as np
    >>> index = CompositeIndex(structure=[
    ...     {"code": "skills", "parent": "index"},
    ...     {"code": "debt", "parent": "index", "direction": -1},
    ...     {"code": "index"},
    ... ])
    >>> frame = {"province": ["A", "B", "C"], "skills": [10.0, 20.0, 30.0],
    ...          "debt": [5.0, 1.0, 3.0]}
    >>> index.fit(frame, unit="province").ranking()["unit"].tolist()
    ['B', 'C', 'A']
    """

    structure: tuple[Mapping[str, Any], ...] = ()
    denominate: bool = True
    screen: float = 0.0
    screen_zeros: float = 0.0
    keep: tuple[int | str, ...] = ()
    impute: str = "none"
    impute_group: str | None = None
    treat: str | bool = "none"
    winsorize_most: int = 5
    skew_limit: float = 2.0
    kurt_limit: float = 3.5
    normalize: str = "minmax"
    scale: tuple[float, float] | None = None
    clip: bool = True
    compare: str = "all"
    base_period: int | str | None = None
    reference_unit: int | str | None = None
    weights: str | Mapping[str, str] = "given"
    judgments: Mapping[str, Any] = field(default_factory=dict)
    bounds: tuple[float, float] = (0.0, 1.0)
    bounds_on: str = "weights"
    aggregate: str | Mapping[str, str] = "arithmetic"
    power: float = 0.5
    data_threshold: float = 0.0

    CHOICES: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "impute": IMPUTATIONS,
        "treat": TREATMENTS,
        "normalize": NORMALIZATIONS,
        "compare": ("all", "period"),
        "bounds_on": ("weights", "contributions"),
    }

    def __post_init__(self) -> None:
        if isinstance(self.treat, bool):
            object.__setattr__(self, "treat", "auto" if self.treat else "none")
        for option, allowed in self.CHOICES.items():
            choose(self, option, allowed)
        tree = Structure.from_rows(self.structure)
        # in the caller's order: tables of judgments follow the order of the children
        nodes = (tree.nodes[tree.position[row["code"]]] for row in self.structure)
        object.__setattr__(self, "structure", tuple(_short(row_of(node)) for node in nodes))
        for option in ("weights", "aggregate", "judgments"):
            value = getattr(self, option)
            if isinstance(value, Mapping):
                object.__setattr__(self, option, dict(value))
        object.__setattr__(self, "judgments", _tuples(self.judgments))
        self._check_numbers()
        self._check_nodes()
        self._check_together()

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_dict(), sort_keys=True))

    @classmethod
    def from_tables(cls, meta: Any, **options: Any) -> CompositeIndex:
        """Make an index from a metadata table, as the R package COINr lays it out.

        Parameters
        ----------
        meta : frame
            Columns ``iCode``, ``Parent`` and, where present, ``iName``, ``Level``, ``Direction``,
            ``Weight``, ``Unit``, ``Target``, ``Denominator``, ``Type``, ``GoalpostLow``,
            ``GoalpostHigh``.
        **options
            The other options of `CompositeIndex`.
        """
        from tfp_index.panel.frames import read_columns

        columns = {name: values.tolist() for name, values in read_columns(meta).items()}
        return cls(structure=tuple(rows_from_meta(columns)), **options)

    @cached_property
    def tree(self) -> Structure:
        """The structure as a checked tree."""
        return Structure.from_rows(self.structure)

    def describe(self) -> str:
        """Return the size of the tree and the options that differ from the defaults."""
        options = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        defaults = {f.name: f.default for f in dataclasses.fields(self)} | {"judgments": {}}
        changed = [
            f"{name}={value!r}"
            for name, value in options.items()
            if name != "structure" and value != defaults[name]
        ]
        size = f"{len(self.tree.indicators)} indicators, {len(self.tree.aggregates)} aggregates"
        return f"CompositeIndex({', '.join([size, *changed])})"

    def method_of(self, option: str) -> tuple[str, ...]:
        """Return the normalization or treatment of each indicator."""
        default = getattr(self, option)
        return tuple(getattr(node, option) or default for node in self.tree.indicators)

    def scheme_of(self, code: str) -> str:
        """Return the weighting scheme of a node."""
        weights = self.weights
        return weights if isinstance(weights, str) else weights.get(code, "given")

    def scale_of(self, method: str) -> tuple[float, float]:
        """Return the scale of a normalization."""
        if self.scale is not None:
            return self.scale
        return (0.0, 1.0) if method == "zscore" else (0.0, 100.0)

    def rule_of(self, code: str) -> Rule:
        """Return how a node is combined."""
        chosen = self.aggregate
        method = chosen if isinstance(chosen, str) else chosen.get(code, "arithmetic")
        if self.scheme_of(code) == "benefit_of_doubt":
            method = "benefit_of_doubt"
        return Rule(method, self.power, self.data_threshold, self.scale_of(self.normalize))

    def replace(self, **options: Any) -> CompositeIndex:
        """Return the index with some options changed, checked again."""
        for name in options:
            if name not in {f.name for f in dataclasses.fields(self)}:
                self._refuse(name, f"there is no option {name!r}")
        return dataclasses.replace(self, **options)

    def fit(self, data: Any, *, unit: str = "uCode", time: str | None = None) -> CompositeResult:
        """Compute every step and the scores of all units.

        Parameters
        ----------
        data : frame or Panel
            One row per unit (and period). In a panel, the indicators and denominators are roles.
        unit : str
            Column that names the units.
        time : str, optional
            Column of the period; without it every unit has one row.

        Raises
        ------
        DataError
            If a column is absent, a unit appears twice in a period, an indicator does not vary,
            or a method has no meaning for the data.
        """
        from tfp_index.composite.result import fit

        return fit(self, data, unit, time)

    def _check_numbers(self) -> None:
        if self.scale is not None and not (
            len(self.scale) == 2 and float(self.scale[0]) < float(self.scale[1])
        ):
            self._refuse("scale", f"scale={self.scale!r} does not ascend", "two ascending numbers")
        if self.scale is not None:
            object.__setattr__(self, "scale", (float(self.scale[0]), float(self.scale[1])))
        object.__setattr__(self, "keep", tuple(self.keep))
        for option in ("screen", "screen_zeros", "data_threshold"):
            if not 0.0 <= float(getattr(self, option)) <= 1.0:
                self._refuse(option, f"{option}={getattr(self, option)!r}", "a share from 0 to 1")
        low, high = self.bounds
        if not 0.0 <= low <= high <= 1.0:
            self._refuse("bounds", f"bounds={self.bounds!r}", "0 ≤ low ≤ high ≤ 1")
        object.__setattr__(self, "bounds", (float(low), float(high)))
        if self.winsorize_most < 0 or self.skew_limit < 0:
            self._refuse("winsorize_most", "a count and a limit cannot be negative")
        if self.power == 0.0:
            self._refuse("power", "the mean of order 0 is the geometric one", "another order")

    def _check_nodes(self) -> None:
        tree = self.tree
        aggregates = [node.code for node in tree.aggregates]
        known = {"weights": SCHEMES, "aggregate": AGGREGATIONS}
        for option, methods in known.items():
            value = getattr(self, option)
            by_node = {"every node": value} if isinstance(value, str) else value
            for code, method in by_node.items():
                if code != "every node" and code not in aggregates:
                    self._refuse(option, f"{code!r} has no children; {nearest(code, aggregates)}")
                if method not in methods:
                    self._refuse(
                        option,
                        f"{option} {method!r} of {code} is not known; "
                        f"{nearest(str(method), methods)}",
                    )
        for node in tree.indicators:
            for option, allowed in (("normalize", NORMALIZATIONS), ("treat", TREATMENTS)):
                own = getattr(node, option)
                if own is not None and own not in allowed:
                    self._refuse(
                        "structure", f"{node.code!r}: {option} {own!r}; {nearest(own, allowed)}"
                    )
        for code in aggregates:
            self._check_weighting(code, len(tree.child_codes(code)))

    def _check_weighting(self, code: str, children: int) -> None:
        scheme = self.scheme_of(code)
        if scheme in JUDGED:
            if code not in self.judgments:
                self._refuse("judgments", f"{scheme} weights of {code!r} need judgments")
            fault = judgment_faults(scheme, self.judgments[code], children)
            if fault:
                self._refuse("judgments", f"{code!r}: {fault}")
        if scheme == "benefit_of_doubt":
            chosen = self.aggregate if isinstance(self.aggregate, str) else (
                self.aggregate.get(code, "arithmetic")
            )  # fmt: skip
            if chosen != "arithmetic":
                self._refuse(
                    "aggregate",
                    f"benefit of the doubt at {code!r} is a weighted sum, not {chosen}",
                )
            if self.bounds[0] * children > 1 or self.bounds[1] * children < 1:
                self._refuse("bounds", f"no {children} shares of {code!r} fit in {self.bounds}")

    def _check_together(self) -> None:
        tree = self.tree
        if self.impute.startswith("group_") and self.impute_group is None:
            self._refuse("impute_group", f"impute={self.impute!r} needs a column of groups")
        normalizations = dict(
            zip((n.code for n in tree.indicators), self.method_of("normalize"), strict=True)
        )
        if "reference" in normalizations.values() and self.reference_unit is None:
            self._refuse("reference_unit", "normalize='reference' needs a reference unit")
        if self.base_period is not None and self.compare == "period":
            self._refuse("base_period", "anchors come either from a base period or from each")
        for node in tree.indicators:
            for method, given in (("goalposts", node.goalposts), ("target", node.target)):
                if normalizations[node.code] == method and given is None:
                    self._refuse("structure", f"{node.code!r} is normalized by {method} it lacks")
        for parent in tree.aggregates:
            rule = self.rule_of(parent.code)
            if rule.method not in POSITIVE or (rule.method == "generalized" and self.power == 1):
                continue
            for child in tree.child_codes(parent.code):
                self._refuse_zero(parent.code, child, normalizations.get(child), rule.method)

    def _refuse_zero(self, parent: str, child: str, normalization: str | None, mean: str) -> None:
        """Refuse a mean of positive scores where a zero or negative one is certain."""
        if normalization is None:
            below = self.rule_of(child).method
            certain = below == "copeland" and self.scale_of(self.normalize)[0] <= 0
            what = "copeland scores"
        else:
            starts_low = self.scale_of(normalization)[0] <= 0
            sure = ("minmax", "zscore", "percentile")
            certain = normalization == "borda" or (normalization in sure and starts_low)
            what = f"{normalization} scores"
        if certain:
            raise SpecificationError(
                f"CompositeIndex: a {mean} mean at {parent!r} cannot take {what} of {child!r}, "
                "some of which are zero or negative",
                code="invalid_combination",
                column="aggregate",
                remedy="choose a scale that starts above zero, e.g. scale=(1, 100), or another "
                "mean",
            )


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without what is at its default."""
    plain: dict[str, Any] = {"direction": 1, "weight": 1.0, "name": "", "unit": ""}
    return {k: v for k, v in row.items() if v is not None and (k not in plain or v != plain[k])}


def _tuples(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _tuples(v) for k, v in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(_tuples(v) for v in value) if isinstance(value, (list, tuple)) else value
