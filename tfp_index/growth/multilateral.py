"""Multilateral index numbers: TFP levels of firms, provinces or countries, in time and across."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.growth._situations import (
    Situations,
    check_sides,
    fixed_shares,
    is_long,
    long_situations,
    refuse_shares_alone,
    situation_sample,
    wide_sides,
    wide_situations,
)
from tfp_index.growth._transitive import (
    Comparison,
    PairOptions,
    comparison,
    long_items,
    mark_alone,
    mark_ungrouped,
    mean_firm_logs,
    pair_logs,
    rebase,
    wide_items,
)
from tfp_index.growth.multilateral_result import (
    MISSING,
    NO_BASE,
    OK,
    WHY,
    MultilateralIndexResult,
)
from tfp_index.kernels.index_formulas import FORMULAS
from tfp_index.kernels.multilateral import SPLICES
from tfp_index.panel.checks import refuse_mixed_bases, require_keys
from tfp_index.panel.panel import Category, Keys, Panel
from tfp_index.results.result import record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["MultilateralIndex"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]

_MEAN_FIRM = ("good_nadiri_sickles", "ccd")
_PRICE_LEVELS = ("geary_khamis", "time_product_dummy")
_MOST_SITUATIONS = 8_192  # GEKS compares all pairs: a matrix of half a gigabyte


@dataclass(frozen=True, repr=False)
class MultilateralIndex(Specification):
    r"""Compare every situation (an entity in a period) with every other, transitively.

    For the inputs x of firm i in period t with cost shares s, and means over the firms of the
    period written with a bar, Good, Nadiri and Sickles compare with the mean firm of the period
    and chain the mean firms,

    .. math::

        \ln X_{it} = \tfrac12\sum_j (s_{ijt}+\bar s_{jt})(\ln x_{ijt}-\overline{\ln x}_{jt})
        + \sum_{\tau\le t}\tfrac12\sum_j(\bar s_{j\tau}+\bar s_{j,\tau-1})
        (\overline{\ln x}_{j\tau}-\overline{\ln x}_{j,\tau-1}),

    likewise the outputs; log TFP is the difference. Firms may enter and leave, and a further year
    leaves the earlier ones as they were. Caves, Christensen and Diewert (``"ccd"``) use one mean
    firm for all situations that are compared; it equals GEKS over Törnqvist indices. ``"geks"``
    makes any time-reversible bilateral formula transitive, at the cost of all pairs.

    **Data.** As in `BilateralIndex`: wide panels name products by role (``x`` with ``x_share``,
    ``x_value`` or ``x_price``), long panels hold ``quantity`` and ``price`` by item.

    Parameters
    ----------
    formula : {"good_nadiri_sickles", "ccd", "geks", "geary_khamis", "time_product_dummy"}
        The last two are price levels of long panels.
    kind : {"tfp", "quantity", "price"}
    compare : {"all", "entity", "time"}
        All situations with each other, the entities of a period, or the periods of an entity.
    base : label, optional
        Entity at which log TFP is zero (in its own first period, or `base_period`); default: the
        hypothetical mean firm (of the first period for Good–Nadiri–Sickles).
    base_period : label, optional
        Period of the base; with ``compare="time"`` the period where each entity's index is 1
        (default: its first).
    outputs, inputs : tuple of str, optional
        Roles of a wide panel; default ``("output",)`` and the panel's inputs.
    capital_share, labor_share : float, optional
        Cost shares that are given here rather than by data; one may be left to the remainder.
    by : str, optional
        Grouping of a wide panel, such as an industry: only members of a group are compared.
    bilateral : str
        Formula that GEKS makes transitive; it must pass the time reversal test.
    weighted : bool
        Weight the firms in the means by the role ``weight``; default: all alike.
    window : int, optional
        With ``compare="time"``: compare within rolling windows of so many periods, so that the
        published series is never revised.
    splice : {"mean", "movement", "window", "half"}
        How a new window is joined to the series.
    splice_to : {"published", "window"}
        Join it to the series as published, or to the window before.
    incomplete : {"error", "least_squares"}
        GEKS where two situations share no product: stop, or use the pairs that exist; what
        nothing connects with the base is then missing.
    invalid : {"error", "missing"}
        Zero or negative quantities, which have no log: stop, or count them as missing.

    Raises
    ------
    SpecificationError
        If options are unknown or contradict each other.

    References
    ----------
    Caves, D. W., L. R. Christensen and W. E. Diewert (1982). Multilateral comparisons of output,
    input, and productivity using superlative index numbers. *Economic Journal* 92, 73–86.
    Good, D. H., M. I. Nadiri and R. C. Sickles (1997). Index number and factor demand approaches
    to the estimation of productivity. In *Handbook of Applied Econometrics: Microeconomics*.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"firm": ["A", "B", "A", "C"], "year": [1, 1, 2, 2], "y": [10.0, 12.0, 11.0, 9.0],
    ...          "k": [5.0, 5.0, 5.0, 4.0], "l": [2.0, 2.0, 2.0, 2.0]}
    >>> firms = tfp.Panel.from_frame(frame, entity="firm", time="year", output="y", capital="k",
    ...                              labor="l")
    >>> gns = tfp.MultilateralIndex(capital_share=0.3).fit(firms)
    >>> gns.to_frame()["log_tfp"].round(4).tolist()
    [-0.0912, 0.0912, 0.0041, -0.1296]
    """

    formula: str = "good_nadiri_sickles"
    kind: str = "tfp"
    compare: str = "all"
    base: Any = None
    base_period: Any = None
    outputs: tuple[str, ...] | None = None
    inputs: tuple[str, ...] | None = None
    capital_share: float | None = None
    labor_share: float | None = None
    by: str | None = None
    bilateral: str = "fisher"
    weighted: bool = False
    window: int | None = None
    splice: str = "mean"
    splice_to: str = "published"
    incomplete: str = "error"
    invalid: str = "error"

    def __post_init__(self) -> None:
        choose(self, "formula", (*_MEAN_FIRM, "geks", *_PRICE_LEVELS))
        choose(self, "kind", ("tfp", "quantity", "price"))
        choose(self, "compare", ("all", "entity", "time"))
        reversible = tuple(n for n, f in FORMULAS.items() if f.reversible and not f.third)
        choose(self, "bilateral", reversible)
        choose(self, "weighted", (True, False))
        choose(self, "splice", SPLICES)
        choose(self, "splice_to", ("published", "window"))
        choose(self, "incomplete", ("error", "least_squares"))
        choose(self, "invalid", ("error", "missing"))
        check_sides(self)
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        if self.formula == "good_nadiri_sickles" and self.compare != "all":
            self._refuse("compare", "Good–Nadiri–Sickles compares all situations", "'all'")
        if self.formula in _PRICE_LEVELS and self.kind != "price":
            self._refuse("kind", f"{self.formula} gives price levels", "'price'")
        if self.formula in _MEAN_FIRM and self.kind == "price":
            self._refuse("kind", f"{self.formula} compares quantities", "formula='geks' for prices")
        if self.weighted and self.formula not in _MEAN_FIRM:
            self._refuse("weighted", f"{self.formula} has no mean firm to weight")
        if self.window is not None:
            if isinstance(self.window, bool) or not isinstance(self.window, int) or self.window < 2:
                self._refuse("window", f"window={self.window!r}", "an integer from 2")
            if self.compare != "time":
                self._refuse(
                    "window", "windows roll over the periods of an entity", "compare='time'"
                )
        if self.compare == "time" and self.base is not None:
            self._refuse("base", "an entity is compared with itself", "base_period=<period>")
        if self.compare == "entity" and self.base_period is not None:
            self._refuse("base_period", "entities are compared within each period", "base=<entity>")

    def fit(self, panel: Panel) -> MultilateralIndexResult:
        """Compute the indices of every situation.

        Parameters
        ----------
        panel : Panel
            Wide, or long with items.

        Returns
        -------
        MultilateralIndexResult
            By the panel's rows where it is wide, by entity and period where it is long.

        Raises
        ------
        DataError
            If keys are repeated, a role, the base or a share is absent, a value has no log, the
            price base changes within a series, or GEKS meets two situations that share no product.
        """
        require_keys(panel)
        if self.compare != "entity":
            refuse_mixed_bases(panel)
        group = None if self.by is None else self._group(panel)
        task = self._task(panel, group)
        compute = self._by_mean_firm if self.formula in _MEAN_FIRM else self._by_pairs
        logs, means, missing_pairs = compute(panel, task)
        logs, means = self._named(logs), self._named(means)
        base = self._put_base(task, logs, means)
        if task.status.any():
            for values in logs.values():
                values[task.status != OK] = np.nan
        products = None if task.situations is None else task.situations.baskets
        return MultilateralIndexResult(
            spec=self,
            record=record_of(self, panel, situation_sample(panel, products, task.status, WHY)),
            keys=task.keys,
            formula=self.formula,
            base=base,
            logs=logs,
            mean_firm=means,
            mean_firm_labels=_labels(task.keys, group) if means else {},
            status=task.status,
            missing_pairs=missing_pairs,
        )

    def _task(self, panel: Panel, group: Category | None) -> _Task:
        """Lay out what is compared with what."""
        situations = None
        if is_long(panel):
            self._refuse_for_long(panel)
            situations = long_situations(panel, by_side=self.kind == "tfp", both=True)
        keys = panel.keys if situations is None else situations.keys
        cells = comparison(
            keys,
            self.compare,
            None if group is None else group.codes,
            1 if group is None else len(group),
        )
        status = np.zeros(keys.n_rows, np.int8)
        mark_ungrouped(status, cells)
        return _Task(keys, situations, cells, status, self._candidates(keys))

    def _by_mean_firm(
        self, panel: Panel, task: _Task
    ) -> tuple[dict[str, Floats], dict[str, Floats], int]:
        if task.situations is None:
            items = wide_items(panel, self._sides(panel), fixed_shares(self), self.invalid)
        else:
            items = long_items(task.situations.baskets, task.keys, self.invalid)
        np.copyto(task.status, items.status, where=task.status == OK)
        weights = self._weights(panel, task.status)
        if self.compare != "time":
            mark_alone(task.status, task.cells)
        logs, means = mean_firm_logs(
            items,
            task.status,
            task.cells,
            chain=self.formula == "good_nadiri_sickles",
            weights=weights,
        )
        return logs, means, 0

    def _by_pairs(
        self, panel: Panel, task: _Task
    ) -> tuple[dict[str, Floats], dict[str, Floats], int]:
        situations = task.situations
        if situations is None:
            situations = wide_situations(panel, self._sides(panel), fixed_shares(self))
            refuse_shares_alone(
                situations,
                "geks",
                enough=self.kind != "price" and FORMULAS[self.bilateral].shares_suffice,
            )
        options = PairOptions(
            formula=self.formula,
            bilateral=self.bilateral,
            kind="price" if self.kind == "price" else "quantity",
            window=self.window,
            splice=self.splice,
            published=self.splice_to == "published",
            incomplete=self.incomplete,
            most=_MOST_SITUATIONS,
        )
        logs, missing = pair_logs(
            situations.baskets, task.keys, task.cells, task.status, task.candidates, options
        )
        if self.compare != "time":
            mark_alone(task.status, task.cells)
        return logs, {}, missing

    def _sides(self, panel: Panel) -> dict[str, tuple[str, ...]]:
        """Return the roles of each side that is asked for, in a wide panel."""
        return wide_sides(panel, self.outputs, self.inputs, both=self.kind == "tfp")

    def _refuse_for_long(self, panel: Panel) -> None:
        options = {
            "outputs": self.outputs is not None,
            "inputs": self.inputs is not None,
            "by": self.by is not None,
            "weighted": self.weighted,
            "capital_share": bool(fixed_shares(self)),
        }
        for option, used in options.items():
            if used:
                raise DataError(
                    f"{option}= belongs to wide panels; the products of this one are its items",
                    code="unexpected_item",
                    column=panel.keys.names["item"],
                    remedy=f"leave {option}= out, or give a panel without item=",
                )

    def _group(self, panel: Panel) -> Category:
        assert self.by is not None
        return panel.group(self.by)

    def _weights(self, panel: Panel, status: Codes) -> Floats | None:
        if not self.weighted:
            return None
        weights = panel["weight"]
        bad = np.flatnonzero((weights < 0) | np.isinf(weights))
        if bad.size:
            entity, time = panel.where(int(bad[0]))
            raise DataError(
                f"the weight is {weights[bad[0]]:g} in {bad.size} row(s), first here",
                code="negative" if weights[bad[0]] < 0 else "non_finite",
                column=panel.names["weight"],
                entity=entity,
                time=time,
                expected="finite weights, zero or above",
            )
        status[np.isnan(weights) & (status == OK)] = MISSING
        return weights

    def _candidates(self, keys: Keys) -> NDArray[np.bool_]:
        """Return which situations may be the base of their comparison."""
        chosen = np.full(keys.n_rows, self.base is not None or self.compare == "time")
        if self.base is not None:
            chosen &= keys.entity_codes == keys.entity_code(self.base)
        if self.base_period is not None and (self.base is not None or self.compare == "time"):
            chosen &= keys.time == keys.calendar.number(self.base_period)
        return chosen

    def _named(self, sides: dict[str, Floats]) -> dict[str, Floats]:
        """Name the log indices, and take inputs from outputs."""
        if not sides:
            return {}
        kind = "price" if self.kind == "price" else "quantity"
        if self.kind == "tfp":
            output, inputs = sides["output"], sides["input"]
            return {"log_tfp": output - inputs, "log_output": output, "log_input": inputs}
        return {f"log_{side}_{kind}" if side else f"log_{kind}": v for side, v in sides.items()}

    def _put_base(self, task: _Task, logs: dict[str, Floats], means: dict[str, Floats]) -> str:
        """Put the logs at zero in their base and say in words where that is."""
        when = f"in {self.base_period}" if self.base_period is not None else "in its first period"
        if task.candidates.any() or self.base is not None:
            rebase(logs, task.status, task.cells, task.candidates)
            if not (task.status == OK).any():
                raise DataError(
                    "the base has no index, so nothing has",
                    code="missing_base",
                    entity=self.base,
                    time=self.base_period,
                    remedy="choose another base, or the mean firm: base=None",
                )
            if self.compare == "time":
                return f"each entity {when}"
            return (
                f"{self.base} in each period" if self.compare == "entity" else f"{self.base} {when}"
            )
        if self.base_period is not None:
            self._mean_of_period(task, logs, means)
            return f"the mean firm of {self.base_period}"
        if self.formula == "good_nadiri_sickles":
            return "the mean firm of the first period"
        whose = "of each period" if self.compare == "entity" else "of all situations"
        if self.formula == "ccd":
            return f"the mean firm {whose}"
        return f"the geometric mean {whose}"

    def _mean_of_period(
        self, task: _Task, logs: dict[str, Floats], means: dict[str, Floats]
    ) -> None:
        """Put the logs at zero in the mean firm of the base period."""
        cells = task.cells
        number = task.keys.calendar.number(self.base_period)
        place = int(np.flatnonzero(task.keys.calendar.numbers == number)[0])
        for name, values in logs.items():
            if means:
                level = means[name].reshape(cells.cells, cells.periods)[:, place]
                means[name] = (means[name].reshape(cells.cells, -1) - level[:, None]).reshape(-1)
            else:
                rows = (task.status == OK) & (cells.period == place)
                count = np.bincount(cells.cell[rows], minlength=cells.cells)
                with np.errstate(divide="ignore", invalid="ignore"):
                    level = np.bincount(cells.cell[rows], values[rows], cells.cells) / count
            values -= np.where(cells.cell >= 0, level[cells.cell], np.nan)
        lost = np.isnan(next(iter(logs.values()))) & (task.status == OK)
        task.status[lost] = NO_BASE


@dataclass(frozen=True, eq=False)
class _Task:
    """Situations, what they are compared with, and what has become of them so far."""

    keys: Keys
    situations: Situations | None
    cells: Comparison
    status: Codes
    candidates: NDArray[np.bool_]


def _labels(keys: Keys, group: Category | None) -> dict[str, NDArray[Any]]:
    labels = keys.calendar.labels
    if group is None:
        return {keys.names["time"]: labels}
    return {
        group.column: np.repeat(group.labels, labels.shape[0]),
        keys.names["time"]: np.tile(labels, len(group)),
    }
