"""What moved aggregate productivity: firms' own growth, shares, entry and exit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation import _firms
from tfp_index.aggregation._assemble import assemble, industries, population_weights
from tfp_index.aggregation._periods import Pairs, read_pairs
from tfp_index.aggregation._reallocation import reallocation
from tfp_index.aggregation._rows import (
    Grouping,
    MeasuredRows,
    grouping,
    measured_rows,
    names_of,
    refuse_items,
)
from tfp_index.aggregation.decomposition_result import DecompositionResult
from tfp_index.errors import DataError
from tfp_index.kernels.decompose import METHODS, pair_moments
from tfp_index.kernels.decompose_levels import (
    collard_wexler_de_loecker,
    level_moments,
    nested_olley_pakes,
    olley_pakes,
)
from tfp_index.kernels.matching import Matches, drop_unmeasured, match_pairs, part_switchers
from tfp_index.kernels.ordering import dense_codes
from tfp_index.panel.checks import require_keys
from tfp_index.panel.panel import Panel
from tfp_index.results.result import Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["Decomposition"]

Ints = NDArray[np.int64]

STATIC = {
    "olley_pakes": olley_pakes,
    "collard_wexler_de_loecker": collard_wexler_de_loecker,
    "nested_olley_pakes": nested_olley_pakes,
}
REALLOCATION = "petrin_levinsohn"
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
        pairs = read_pairs(panel, periods, self.frame_breaks)
        if rows.lost:
            _require_data(panel, rows, pairs)
        inside = grouping(panel, names_of(self.within))
        parts = grouping(panel, names_of(self.by))
        matches, switchers = self._match(panel, rows, pairs, inside)
        dynamic = [m for m in self.methods if m in METHODS]
        shape = (len(pairs), inside.size, parts.size)
        cell = parts.codes if inside.size == 1 else inside.codes * parts.size + parts.codes
        moments = pair_moments(
            matches,
            rows.phi,
            rows.weight,
            cell,
            shape,
            design=rows.design,
            pivot=rows.pivot,
            home=self.movers,
        )
        if not all(W.sum(axis=1).all() for W in population_weights(moments)):
            _require_data(panel, rows, pairs)
        terms = {method: METHODS[method](moments) for method in dynamic}
        notes = {"changed their group of `within` between the periods (firm-pairs)": switchers}
        plain = None
        if REALLOCATION in self.methods:
            plain = reallocation(
                panel, rows.phi, matches, pairs, parts, value=self.value, home=self.movers,
                elasticities=self.elasticities, costs=self.costs,
            )  # fmt: skip
            notes["without value, input or cost above zero (firm-pairs)"] = plain.left_out
        return DecompositionResult(
            spec=self,
            record=record_of(self, panel, _sample(panel, rows, pairs, matches, notes)),
            keys=panel.keys,
            productivity=rows.name,
            pairs=pairs,
            parts=parts.columns(),
            populations=inside.columns(),
            assembled={m: assemble(m, moments, terms[m], pairs) for m in dynamic},
            structural={m: industries(moments, terms[m]) for m in dynamic if inside.size > 1},
            levels_by_method=self._levels(panel, rows, pairs, parts),
            reallocation=plain,
            behind=_firms.behind(
                matches, rows.weight, cell, shape, self.keep_largest, self.movers
            ),
            firms=_firms.contributions_by_firm(
                matches, rows.phi, rows.weight, rows.design, inside.codes, len(pairs), dynamic
            ) if self.keep_firms else None,
        )  # fmt: skip

    def _match(
        self, panel: Panel, rows: MeasuredRows, pairs: Pairs, inside: Grouping
    ) -> tuple[Matches, int]:
        matches = match_pairs(panel.entity_codes, panel.time, pairs.numbers, measured=rows.measured)
        if self.missing == "firm":
            matches = drop_unmeasured(matches)
        survivors = np.bincount(matches.pair, minlength=len(pairs))
        if not survivors.all():
            p = int(np.flatnonzero(survivors == 0)[0])
            raise DataError(
                f"no firm is present in both {pairs.start[p]} and {pairs.end[p]}",
                code="no_survivors",
                column=panel.keys.names["entity"],
                time=pairs.end[p],
                expected="firms that keep their identifier from period to period",
                remedy="check that the identifier means the same in both periods",
            )
        if self.within is None:
            return matches, 0
        matches, switchers = part_switchers(matches, inside.codes)
        return matches, int(switchers.sum())

    def _levels(
        self, panel: Panel, rows: MeasuredRows, pairs: Pairs, parts: Grouping
    ) -> dict[str, Any]:
        """Static terms at every period of the pairs, by method."""
        wanted = [m for m in self.methods if m in STATIC]
        if not wanted:
            return {}
        periods = np.unique(pairs.numbers)
        slot = np.searchsorted(periods, panel.time)
        slot_there = np.minimum(slot, periods.shape[0] - 1)
        asked = rows.measured & (periods[slot_there] == panel.time)
        cell = np.where(asked, slot_there * parts.size + parts.codes, -1)
        moments = level_moments(
            rows.phi,
            rows.weight,
            cell,
            (periods.shape[0], parts.size),
            design=rows.design,
            pivot=rows.pivot,
        )
        return {method: (periods, STATIC[method](moments), moments) for method in wanted}


def _require_data(panel: Panel, rows: MeasuredRows, pairs: Pairs) -> None:
    """Every period of a pair needs measured rows, and weight."""
    calendar = panel.keys.calendar
    T, slot = calendar.numbers.shape[0], dense_codes(panel.time)[0]
    n = np.bincount(slot, rows.measured, T)
    total = np.bincount(slot, np.where(rows.measured, rows.weight, 0.0), T)
    for number in np.unique(pairs.numbers).tolist():
        place = int(np.searchsorted(calendar.numbers, number))
        label = calendar.write(number)
        if not n[place]:
            there = panel.time == number
            reason = next((why for why, mask in rows.lost.items() if mask[there].all()), None)
            raise DataError(
                f"no row of {label} has productivity and weight"
                + (f" ({reason} in all {int(there.sum())})" if reason else ""),
                code="no_usable_rows",
                time=label,
                expected="productivity and weight in both periods of a pair",
            )
        if not total[place] > 0.0:
            raise DataError(
                f"the weights of {label} sum to zero",
                code="no_weight",
                time=label,
                expected="weight in every period",
                remedy="the weight must be that of the period itself, not of another one",
            )


def _sample(
    panel: Panel, rows: MeasuredRows, pairs: Pairs, matches: Matches, notes: dict[str, int]
) -> Sample:
    wanted = np.isin(panel.keys.calendar.numbers, pairs.numbers)
    if wanted.all() and not rows.lost:  # then every row stands in some pair
        return Sample(panel.keys.frame_rows, panel.n_rows, {}, notes)
    asked = wanted[dense_codes(panel.time)[0]]
    lost = {reason: int((mask & asked).sum()) for reason, mask in rows.lost.items()}
    lost["not of a period asked for"] = panel.n_rows - int(asked.sum())
    taken = np.zeros(panel.n_rows, bool)
    for part in (matches.start, matches.end, matches.entrant, matches.exiter):
        taken[part] = True
    used = int(taken.sum())
    lost["measured in one period of the pair only"] = int((asked & rows.measured).sum()) - used
    return Sample(panel.keys.frame_rows, used, lost, notes)
