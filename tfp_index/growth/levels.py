"""Levels: how far apart countries, provinces or firms are in one period, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.growth._situations import wide_sides
from tfp_index.growth._transitive import (
    Comparison,
    comparison,
    mark_alone,
    rebase,
    wide_items,
)
from tfp_index.growth.multilateral_result import OK, WHY
from tfp_index.kernels.multilateral import deviations_from_mean_firm
from tfp_index.panel.checks import require_keys
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.results.result import Result, RowValues, Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["DevelopmentAccounting", "LevelsResult", "TFPLevels"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]


@dataclass(frozen=True, repr=False)
class TFPLevels(Specification):
    r"""Compare TFP levels of the entities of each period, multilaterally.

    With output Y, inputs x, their shares s, and bars for unweighted means over the entities of
    the period,

    .. math::

        \ln a_i = \ln Y_i - \tfrac12\sum_j (s_{ij}+\bar s_j)(\ln x_{ij}-\overline{\ln x}_j),
        \qquad \mathrm{TFP}_i = \exp(\ln a_i - \ln a_{base}) .

    This is the comparison of Caves, Christensen and Diewert; with labor in hours and human
    capital, capital services at current purchasing power parities, and the United States as the
    base it gives ``ctfp`` of the Penn World Table (``cgdpo`` as output) and ``cwtfp`` (``cda``).
    A bilateral Törnqvist comparison with the base alone is another number.

    Parameters
    ----------
    base : label, optional
        Entity where the level is 1; default: the mean entity of each period.
    output : str
        Role of output.
    inputs : tuple of str, optional
        Roles of the inputs; default: all inputs of the panel.
    capital_share, labor_share : float, optional
        Shares given here rather than by columns; one may be left to the remainder.
    invalid : {"error", "missing"}
        Zero or negative values, which have no log: stop, or count them as missing.

    References
    ----------
    Caves, D. W., L. R. Christensen and W. E. Diewert (1982). Multilateral comparisons of output,
    input, and productivity using superlative index numbers. *Economic Journal* 92, 73–86.
    Feenstra, R. C., R. Inklaar and M. P. Timmer (2015). The next generation of the Penn World
    Table. *American Economic Review* 105(10), 3150–3182.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> pwt = tfp.datasets.load("pwt110")
    >>> panel = tfp.Panel.from_frame(pwt, entity="country", time="year", output="cgdpo",
    ...                              capital="ck", labor="labor_input", labor_share="labsh")
    >>> levels = tfp.TFPLevels(base="USA").fit(panel)
    >>> levels.tidy().where(country="KOR", year=2019)["tfp"].round(5).tolist()
    [0.66687]
    >>> pwt.query("country == 'KOR' and year == 2019")["ctfp"].round(5).tolist()
    [0.66687]
    """

    base: Any = None
    output: str = "output"
    inputs: tuple[str, ...] | None = None
    capital_share: float | None = None
    labor_share: float | None = None
    invalid: str = "error"

    def __post_init__(self) -> None:
        choose(self, "invalid", ("error", "missing"))
        if self.inputs is not None:
            object.__setattr__(self, "inputs", tuple(self.inputs))
            if not self.inputs or len(set(self.inputs)) < len(self.inputs):
                self._refuse("inputs", "inputs must be distinct role names", "one or more roles")
        for option in ("capital_share", "labor_share"):
            share = getattr(self, option)
            if share is not None and not 0 <= share <= 1:
                self._refuse(option, f"{option}={share!r}", "a number from 0 to 1")

    def fit(self, panel: Panel) -> LevelsResult:
        """Compare the entities of every period.

        Parameters
        ----------
        panel : Panel
            With the roles of output, inputs and ``*_share`` (or ``*_value``, ``*_price``).

        Returns
        -------
        LevelsResult
            Terms ``output`` = ``tfp`` times the inputs' terms, relative to the base.

        Raises
        ------
        DataError
            If keys are repeated, a role, share or the base is absent, or a value has no log.
        """
        require_keys(panel)
        _refuse_items(panel)
        roles = wide_sides(panel, (self.output,), self.inputs, both=True)
        fixed = {"capital": self.capital_share, "labor": self.labor_share}
        items = wide_items(
            panel, roles, {k: v for k, v in fixed.items() if v is not None}, self.invalid
        )
        status = items.status
        cells = comparison(panel.keys, "entity", None, 1)
        mark_alone(status, cells)
        rows = np.flatnonzero(status == OK)

        def against_mean(log: Floats, share: Floats | float) -> Floats:
            s = share[rows] if isinstance(share, np.ndarray) else share
            found = deviations_from_mean_firm([log[rows]], [s], cells.cell[rows], cells.cells)
            out = np.full(panel.n_rows, np.nan)
            out[rows] = found.within
            return out

        terms = {"output": against_mean(items.logs["output"][0], 1.0)}
        for name, log, share in zip(
            roles["input"], items.logs["input"], items.shares["input"], strict=True
        ):
            terms[name] = against_mean(log, share)
        inputs = np.sum([terms[name] for name in roles["input"]], axis=0)
        terms = {"tfp": terms["output"] - inputs, **terms}
        _put_base(panel, self.base, terms, status, cells)
        return _levels_result(self, panel, terms, status, "output", self.base)


@dataclass(frozen=True, repr=False)
class DevelopmentAccounting(Specification):
    r"""Split output per worker into capital, human capital and productivity (Hall and Jones).

    With Y = K^α (A h L)^{1−α} and h human capital per worker,

    .. math::

        \frac{Y}{L} = \Bigl(\frac{K}{Y}\Bigr)^{\alpha/(1-\alpha)} h\, A
        \qquad\text{or}\qquad
        \frac{Y}{L} = \Bigl(\frac{K}{L}\Bigr)^{\alpha} h^{1-\alpha} A^{1-\alpha} .

    In the first form, productivity also gets the capital that it calls forth. α is the capital
    share, one number for all: with shares that differ the split would depend on the units of
    capital.

    Parameters
    ----------
    capital_share : float
        α; Hall and Jones take one third.
    base : label, optional
        Entity to which all of a period are compared; default: absolute levels.
    form : {"capital_output", "capital_labor"}
        First or second form. In the second the productivity term is A^{1−α}.
    output, capital, labor : str
        Roles; labor in workers (or hours), without human capital.
    human_capital : str, optional
        Role of h, human capital per worker; default: ``"human_capital"`` if the panel has it.
    invalid : {"error", "missing"}
        Zero or negative values, which have no log: stop, or count them as missing.

    References
    ----------
    Hall, R. E. and C. I. Jones (1999). Why do some countries produce so much more output per
    worker than others? *Quarterly Journal of Economics* 114(1), 83–116.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"country": ["rich", "poor"], "year": [1, 1], "y": [100.0, 10.0],
    ...          "k": [300.0, 10.0], "l": [1.0, 1.0], "h": [2.0, 1.0]}
    >>> panel = tfp.Panel.from_frame(frame, entity="country", time="year", output="y",
    ...                              capital="k", labor="l", columns={"human_capital": "h"})
    >>> found = tfp.DevelopmentAccounting(base="rich").fit(panel).to_frame()
    >>> found.query("country == 'poor'").round(3).iloc[0, 2:6].tolist()
    [0.1, 0.577, 0.5, 0.346]
    """

    capital_share: float = 1 / 3
    base: Any = None
    form: str = "capital_output"
    output: str = "output"
    capital: str = "capital"
    labor: str = "labor"
    human_capital: str | None = None
    invalid: str = "error"

    def __post_init__(self) -> None:
        choose(self, "form", ("capital_output", "capital_labor"))
        choose(self, "invalid", ("error", "missing"))
        share = self.capital_share
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
            self._refuse("capital_share", f"capital_share={share!r}", "a number between 0 and 1")

    def fit(self, panel: Panel) -> LevelsResult:
        """Split output per worker of every row.

        Parameters
        ----------
        panel : Panel
            With output, capital and labor, and human capital per worker if it is known.

        Returns
        -------
        LevelsResult
            Terms ``output_per_worker`` = ``capital`` · ``human_capital`` · ``productivity``.

        Raises
        ------
        DataError
            If keys are repeated, a role or the base is absent, or a value has no log.
        """
        require_keys(panel)
        _refuse_items(panel)
        human = self.human_capital
        if human is None and "human_capital" in panel:
            human = "human_capital"
        roles = [self.output, self.capital, self.labor, *([human] if human else [])]
        items = wide_items(panel, {role: (role,) for role in roles}, {}, self.invalid)
        y, k, workers = (items.logs[role][0] for role in roles[:3])
        h = items.logs[human][0] if human else np.zeros(panel.n_rows)
        share = self.capital_share
        per_worker = y - workers
        if self.form == "capital_output":
            capital, skill = share / (1 - share) * (k - y), h
        else:
            capital, skill = share * (k - workers), (1 - share) * h
        terms = {
            "output_per_worker": per_worker,
            "capital": capital,
            "human_capital": skill,
            "productivity": per_worker - capital - skill,
        }
        if not human:
            del terms["human_capital"]
        terms = {name: np.where(items.status == OK, term, np.nan) for name, term in terms.items()}
        cells = comparison(panel.keys, "entity", None, 1)
        if self.base is not None:
            _put_base(panel, self.base, terms, items.status, cells)
        return _levels_result(self, panel, terms, items.status, "output_per_worker", self.base)


def _refuse_items(panel: Panel) -> None:
    if panel.item is not None:
        raise DataError(
            "levels are compared by entity and period, without items",
            code="unexpected_item",
            column=panel.item.column,
            remedy="aggregate over items first, for example by MultilateralIndex",
        )


def _put_base(
    panel: Panel, base: Any, terms: dict[str, Floats], status: Codes, cells: Comparison
) -> None:
    """Put all terms at zero in the base entity of each period, in place."""
    if base is None:
        return
    rebase(terms, status, cells, panel.entity_codes == panel.keys.entity_code(base))
    if not (status == OK).any():
        raise DataError(
            "the base has no complete row, so nothing can be compared with it",
            code="missing_base",
            entity=base,
            remedy="choose another base",
        )


def _levels_result(
    spec: Specification,
    panel: Panel,
    terms: dict[str, Floats],
    status: Codes,
    whole: str,
    base: Any,
) -> LevelsResult:
    counts = np.bincount(status, minlength=len(WHY))
    sample = Sample(
        rows=panel.keys.frame_rows,
        used=int(counts[OK]),
        lost={text: int(counts[code]) for code, text in WHY.items() if code != OK},
    )
    return LevelsResult(
        spec=spec,
        record=record_of(spec, panel, sample),
        keys=panel.keys,
        whole=whole,
        base=base,
        logs=terms,
        status=status,
    )


@dataclass(frozen=True, eq=False, repr=False)
class LevelsResult(Result):
    """Levels of every row and the terms whose product they are.

    Attributes
    ----------
    whole : str
        Name of the term that the others multiply to.
    base : label or None
    logs : mapping of term to (n,) float array
        Natural logs; NaN where there is none.
    status : (n,) int8 array
        Why terms are missing.
    """

    whole: str
    base: Any
    logs: Mapping[str, Floats]
    status: Codes

    def __getitem__(self, term: str) -> Floats:
        """Return a term as a level (the exponential of its log)."""
        with np.errstate(over="ignore"):
            return np.exp(self.logs[term])

    @property
    def reasons(self) -> NDArray[Any]:
        """(n,) why each row has no level, in words; empty where it has."""
        return np.array([WHY[code] for code in sorted(WHY)], object)[self.status]

    @property
    def values(self) -> RowValues:
        """Terms as levels, and status, by row."""
        columns = {name: self[name] for name in self.logs}
        return RowValues(self.keys, {**columns, "status": self.reasons}, self.spec.describe())

    def to_frame(self, backend: str | None = None) -> Any:
        """Return keys and terms in the caller's row order and frame library."""
        return self.values.to_frame(backend)

    def tidy(self) -> Table:
        """Return keys and terms as a table."""
        return self.values.table()

    def dispersion(self) -> Table:
        r"""Say, period by period, what the terms account for in the spread of the whole.

        For the log of the whole y and of a term z, ``<term>_share`` is cov(z, y) / var(y); the
        shares sum to one. ``without_tfp`` is var(y − productivity) / var(y): what would be left
        of the spread if productivity were the same everywhere.
        """
        known = self.status == OK
        periods = np.unique(self.keys.time[known])
        residual = "tfp" if "tfp" in self.logs else "productivity"
        parts = [name for name in self.logs if name != self.whole]
        columns: dict[str, list[Any]] = {
            self.keys.names["time"]: [self.keys.calendar.write(int(t)) for t in periods],
            "entities": [],
            f"var_log_{self.whole}": [],
            **{f"{name}_share": [] for name in parts},
            "without_tfp": [],
        }
        for t in periods:
            rows = known & (self.keys.time == t)
            y = self.logs[self.whole][rows]
            variance = float(y.var())
            spread = variance > 0
            columns["entities"].append(int(rows.sum()))
            columns[f"var_log_{self.whole}"].append(variance)
            for name in parts:
                z = self.logs[name][rows]
                covariance = float(((z - z.mean()) * (y - y.mean())).mean())
                columns[f"{name}_share"].append(covariance / variance if spread else np.nan)
            rest = float((y - self.logs[residual][rows]).var())
            columns["without_tfp"].append(rest / variance if spread else np.nan)
        return Table(
            columns,
            title="What accounts for the spread of levels",
            notes=("shares are covariances with the whole over its variance, and sum to one",),
            backend=self.keys.backend,
        )

    def glance(self) -> Table:
        """Return the last period of `dispersion`, with the base."""
        spread = self.dispersion()
        last = spread.take(np.arange(max(len(spread) - 1, 0), len(spread)))
        base = "" if self.base is None else str(self.base)
        return Table(
            {"base": [base] * len(last), **last.columns},
            title="Levels",
            notes=spread.notes,
            backend=self.keys.backend,
        )
