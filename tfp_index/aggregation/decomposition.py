"""What moved aggregate productivity: firms' own growth, shares, entry and exit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfp_index.aggregation._decomposition_sums import (
    REALLOCATION,
    STATIC,
    decomposition_sums,
    notes_of,
    period_counts,
    refuse_no_survivors,
    require_data,
    result_of_sums,
    unweighted,
)
from tfp_index.aggregation._firms import contributions_by_firm
from tfp_index.aggregation._periods import read_pairs
from tfp_index.aggregation._reallocation import final_demand, require_demand
from tfp_index.aggregation._rows import grouping, measured_rows, names_of, refuse_items
from tfp_index.aggregation.decomposition_result import DecompositionResult
from tfp_index.kernels.decompose import METHODS
from tfp_index.panel.checks import require_keys
from tfp_index.panel.panel import Panel
from tfp_index.results.result import Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["Decomposition"]

KNOWN = (*METHODS, *STATIC, REALLOCATION)


@dataclass(frozen=True, repr=False)
class Decomposition(Specification):
    r"""Decompose the change of aggregate productivity :math:`Φ_t = \sum_i s_{it} φ_{it}`.

    Shares are formed over the firms that are present and measured. All terms add up over firms,
    so the contribution of a district, an ownership or a size class is a plain sum.

    ========================== ================================================== ==============
    method                     entrants and exiters are measured against          survivors
    ========================== ================================================== ==============
    diewert_fox                survivors of the same period                       Bennet
    melitz_polanec             survivors of the same period                       mean, cov
    griliches_regev            the mean of both aggregates                        mean shares
    foster_haltiwanger_krizan  the first aggregate                                with a cross term
    baldwin_gu                 exiters                                            mean shares
    baily_hulten_campbell      zero (depends on the unit of productivity)         first shares
    ========================== ================================================== ==============

    ``olley_pakes``, ``collard_wexler_de_loecker`` and ``nested_olley_pakes`` split the *level* of
    each period (see `DecompositionResult.levels`) and report changes of their terms.
    ``petrin_levinsohn`` is not the change of a weighted mean but final demand less inputs: growth
    of continuing firms at given elasticities, and gains from moving inputs between firms.

    Parameters
    ----------
    method : str or tuple of str
        By default Diewert–Fox and Melitz–Polanec side by side: their entry and exit are equal,
        only survivors are split differently. Melitz–Polanec's `within` and `between` change when
        a firm is split in two identical halves, and can be large and opposite with few large
        firms.
    weight : str
        Column of the activity weight: output for TFP on gross output, value added for TFP on
        value added, employment for labor productivity.
    by : str or tuple of str, optional
        Groupings whose contributions are wanted.
    within : str or tuple of str, optional
        Decompose inside each of these groups (industries) and add a structural term for shifts of
        weight between them. A firm that changes group leaves one and enters the other.
    scale : {"log", "level"}
        Average logs (contributions in log points), or levels.
    given : {"log", "level"}
        How the productivity column stands. Fitted results are in logs.
    relative : str, optional
        Measure productivity from the weighted mean of each row's group (industry) in the base
        period, so that levels of different industries can be mixed.
    base : period, optional
        Base period of `relative`; default: the first.
    sampling_weight : str, optional
        Column of sampling weights; they multiply the activity weight and enter unweighted means.
    movers : {"end", "start"}
        Whether a survivor that changed its group of `by` counts in that of the later or of the
        earlier period.
    missing : {"row", "firm"}
        A firm measured in one of two periods only: ``"row"`` counts it as entering or leaving,
        flagged as unmeasured; ``"firm"`` leaves it out of that pair.
    frame_breaks : tuple of periods
        First periods of a new survey frame or threshold; pairs across them have no entry or exit.
    keep_firms : bool
        Keep each firm's contributions, for the analyst.
    keep_largest : int
        How many of the largest weights behind each cell to keep for disclosure control.
    elasticities : mapping of input to float, optional
        Output elasticities for ``petrin_levinsohn``.
    costs : mapping of input to column, optional
        Cost of each of these inputs, in the unit of `value`.
    value : {"value_added", "output"}
        Output concept of ``petrin_levinsohn``.

    Raises
    ------
    SpecificationError
        If options are unknown or contradict each other.

    References
    ----------
    Melitz, M. J. and Polanec, S. (2015). Dynamic Olley–Pakes productivity decomposition with entry
    and exit. *RAND Journal of Economics* 46(2), 362–375.

    Diewert, W. E. and Fox, K. J. (2010). On measuring the contribution of entering and exiting
    firms to aggregate productivity growth. In *Price and Productivity Measurement* 6, 41–66.

    Examples
    --------
    Eight firms: two leave, two enter.

    >>> import tfp_index as tfp
    >>> frame = {"id": [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 7, 8], "year": [0] * 6 + [1] * 6,
    ...          "tfp": [1.95, 1.73, 1.64, 1.85, 1.39, 1.57, 1.68, 1.76, 1.04, 1.47, 1.17, 1.23],
    ...          "s": [.33, .25, .10, .12, .09, .11, .30, .21, .17, .01, .25, .06]}
    >>> panel = tfp.Panel.from_frame(frame, entity="id", time="year",
    ...                              columns={"tfp": "tfp", "s": "s"})
    >>> d = tfp.Decomposition(weight="s").fit(panel, productivity="tfp")
    >>> d.to_frame()[["total", "within", "between", "entry", "exit"]].round(4).values.tolist()
    [[-0.3284, -0.2478, -0.0361, -0.1122, 0.0677], [-0.3284, -0.305, 0.0211, -0.1122, 0.0677]]
    """

    method: Any = ("diewert_fox", "melitz_polanec")
    weight: str = "output"
    by: Any = None
    within: Any = None
    scale: str = "log"
    given: str = "log"
    relative: str | None = None
    base: Any = None
    sampling_weight: str | None = None
    movers: str = "end"
    missing: str = "row"
    frame_breaks: tuple[Any, ...] = ()
    keep_firms: bool = False
    keep_largest: int = 2
    elasticities: Any = field(default=None, hash=False)
    costs: Any = field(default=None, hash=False)
    value: str = "value_added"

    def __post_init__(self) -> None:
        for option, allowed in (
            ("scale", ("log", "level")),
            ("given", ("log", "level")),
            ("movers", ("end", "start")),
            ("missing", ("row", "firm")),
            ("value", ("value_added", "output")),
        ):
            choose(self, option, allowed)
        for option in ("method", "by", "within"):
            if isinstance(value := getattr(self, option), list):
                object.__setattr__(self, option, tuple(value))
        object.__setattr__(self, "frame_breaks", tuple(self.frame_breaks))
        if not self.methods or len(set(self.methods)) < len(self.methods):
            self._refuse("method", "methods must be distinct", ", ".join(KNOWN))
        for method in self.methods:
            if method not in KNOWN:
                self._refuse("method", f"{method!r} is not known", "one of " + ", ".join(KNOWN))
        if not isinstance(self.keep_largest, int) or self.keep_largest < 0:
            self._refuse("keep_largest", f"keep_largest={self.keep_largest!r}", "0 or more")
        if set(names_of(self.by)) & set(names_of(self.within)):
            self._refuse("by", "by and within share a grouping", "different groupings")
        self._check_combinations()

    def _check_combinations(self) -> None:
        others = [m for m in self.methods if m not in METHODS]
        if self.within is not None and others:
            self._refuse("within", f"{', '.join(others)} cannot be nested within groups")
        nested = {"collard_wexler_de_loecker", "nested_olley_pakes"} & set(self.methods)
        if nested and not names_of(self.by):
            self._refuse("by", f"{', '.join(sorted(nested))} needs groups", 'e.g. by="district"')
        if REALLOCATION not in self.methods:
            if self.elasticities is not None or self.costs is not None:
                self._refuse("elasticities", "elasticities and costs belong to petrin_levinsohn")
            return
        if self.scale == "level":
            self._refuse("scale", "petrin_levinsohn is in logs", "'log'")
        for option in ("elasticities", "costs"):
            if not isinstance(getattr(self, option), Mapping) or not getattr(self, option):
                self._refuse(option, f"petrin_levinsohn needs {option}", "a mapping of inputs")
        if set(self.elasticities) != set(self.costs):
            self._refuse("costs", "elasticities and costs name different inputs", "the same inputs")

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods asked for."""
        return names_of(self.method)

    def fit(
        self, panel: Panel, productivity: Any = "productivity", periods: Any = None
    ) -> DecompositionResult:
        """Decompose the change between pairs of periods.

        Parameters
        ----------
        panel : Panel
            With productivity, the weight and the groupings.
        productivity : str or fitted result
            A column, or a result that holds log productivity by row.
        periods : sequence of (start, end), optional
            Default: all adjacent periods. Sums of adjacent terms are not terms of the long
            difference; see `DecompositionResult.chained`.

        Returns
        -------
        DecompositionResult

        Raises
        ------
        DataError
            If a column or period is absent, a weight is negative, a period has no weight or no
            measured row, or no firm is present in both periods of a pair.
        """
        require_keys(panel)
        refuse_items(panel)
        rows = measured_rows(
            panel, productivity, weight=self.weight, scale=self.scale, given=self.given,
            relative=self.relative, base=self.base, sampling_weight=self.sampling_weight,
        )  # fmt: skip
        pairs, calendar = read_pairs(panel, periods, self.frame_breaks), panel.keys.calendar
        if rows.lost:
            require_data(period_counts(panel, rows), pairs, calendar)
        inside = grouping(panel, names_of(self.within))
        parts = grouping(panel, names_of(self.by))
        demand = None
        if REALLOCATION in self.methods:
            demand = final_demand(panel, pairs, value=self.value, costs=self.costs)
            require_demand(demand, pairs, list(self.elasticities), self.value)
        sums, matches = decomposition_sums(
            self, panel, rows, pairs, inside, parts, pivot=rows.pivot, demand=demand
        )
        refuse_no_survivors(sums.survivors, pairs, panel.keys.names["entity"])
        if unweighted(sums.moments):
            require_data(period_counts(panel, rows), pairs, calendar)
        firms = None
        if self.keep_firms:
            dynamic = [m for m in self.methods if m in METHODS]
            firms = contributions_by_firm(
                matches, rows.phi, rows.weight, rows.design, inside.codes, len(pairs), dynamic
            )
        sample = Sample(panel.keys.frame_rows, sums.used, sums.lost, notes_of(sums))
        return result_of_sums(
            self, sums, pairs, inside, parts, productivity=rows.name, keys=panel.keys,
            record=record_of(self, panel, sample), firms=firms,
        )  # fmt: skip
