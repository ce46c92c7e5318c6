"""Growth accounting: output growth = contributions of inputs + the residual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.growth._shares import (
    Share,
    read_share,
    refuse_share_range,
    refuse_share_sums,
    share_rule,
)
from tfp_index.growth.accounting_result import GrowthAccountingResult
from tfp_index.kernels.growth import GrowthTerms, growth_terms
from tfp_index.panel.checks import CODES, check, refuse_mixed_bases, require_keys
from tfp_index.panel.panel import Panel
from tfp_index.results.result import Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["GrowthAccounting", "row_counts", "unusable_values"]

_JUMP = 1.5  # change of a log that is worth a note: a factor of 4.5 within one period


@dataclass(frozen=True, repr=False)
class GrowthAccounting(Specification):
    r"""Split the growth of output into contributions of inputs and total factor productivity.

    With growth rates g and income (or cost) shares v, which sum to one,

    .. math:: g_{TFP} = g_Y - \sum_j v_j g_j .

    TFP growth is a *residual*: whatever the measured inputs do not account for, technology among
    it, and every error of measurement.

    Parameters
    ----------
    output : str
        Role of output, ``"output"`` or ``"value_added"``.
    inputs : tuple of str, optional
        Roles of the inputs; default: all inputs of the panel.
    growth : {"log", "discrete"}
        ``"log"``: g = ln z_t − ln z_{t−1}, additive over time. ``"discrete"``: g = z_t/z_{t−1} − 1.
    share_timing : {"average", "current", "lagged", "fixed", "stepwise"}, optional
        Period at which share columns are read: the mean of both periods (Törnqvist; PWT, EU
        KLEMS), the later (Fernald) or the earlier one (Solow 1957, Laspeyres). Numbers are
        ``"fixed"``; numbers by year are ``"stepwise"`` (Viet Nam's statistics office). Found
        from the shares by default.
    capital_share, labor_share : float or mapping of year to float, optional
        Shares given here rather than as columns.
    shares : mapping of input to float or mapping, optional
        The same for other inputs.
    input_index : {"arithmetic", "geometric"}
        Weighted mean by which discrete growth of inputs is combined; log growth knows only the
        first.
    residual : {"difference", "ratio"}
        With the geometric index: I_Y − I_N, or I_Y / I_N − 1.
    period_mean : {"arithmetic", "compound"}
        How `GrowthAccountingResult.periods` averages growth: the mean of annual rates, or the
        compound rate between the ends of the period.
    per_labor_unit : bool
        True when output and inputs are per unit of labor, as in Solow (1957): labor does not
        appear, and the shares of the other inputs sum to less than one.
    invalid : {"error", "missing"}
        What to do with zero, negative or infinite values: stop, or treat them as missing and
        count them.
    accept : tuple of str
        Codes of error findings that have been looked at and are accepted, e.g.
        ``("unit_switch",)``.
    share_tolerance : float
        Distance from one that the sum of the shares may have.

    Raises
    ------
    SpecificationError
        If options are unknown or contradict each other.

    References
    ----------
    Solow, R. M. (1957). Technical change and the aggregate production function. *Review of
    Economics and Statistics* 39(3), 312–320.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"province": ["A"] * 3, "year": [2018, 2019, 2020], "grdp": [100.0, 108.0, 113.4],
    ...          "stock": [300.0, 327.0, 350.0], "persons": [50.0, 51.0, 51.5]}
    >>> panel = tfp.Panel.from_frame(frame, entity="province", time="year", output="grdp",
    ...                              capital="stock", labor="persons")
    >>> res = tfp.GrowthAccounting(growth="discrete", capital_share=0.4).fit(panel)
    >>> res.to_frame()["tfp_growth"].round(4).tolist()
    [nan, 0.032, 0.016]
    """

    output: str = "output"
    inputs: tuple[str, ...] | None = None
    growth: str = "log"
    share_timing: str | None = None
    capital_share: Any = None
    labor_share: Any = None
    shares: Any = field(default=None, hash=False)
    input_index: str = "arithmetic"
    residual: str = "difference"
    period_mean: str = "arithmetic"
    per_labor_unit: bool = False
    invalid: str = "error"
    accept: tuple[str, ...] = ()
    share_tolerance: float = 1e-6

    def __post_init__(self) -> None:
        choose(self, "growth", ("log", "discrete"))
        choose(self, "input_index", ("arithmetic", "geometric"))
        choose(self, "residual", ("difference", "ratio"))
        choose(self, "period_mean", ("arithmetic", "compound"))
        choose(self, "invalid", ("error", "missing"))
        if self.inputs is not None:
            object.__setattr__(self, "inputs", tuple(self.inputs))
            if not self.inputs or len(set(self.inputs)) < len(self.inputs):
                self._refuse("inputs", "inputs must be distinct role names", "one or more roles")
        if self.growth == "log" and self.input_index == "geometric":
            self._refuse(
                "input_index",
                "the geometric index belongs to growth='discrete'; in logs it is the arithmetic",
            )
        if self.residual == "ratio" and self.input_index != "geometric":
            self._refuse("residual", "residual='ratio' needs input_index='geometric'")
        object.__setattr__(self, "accept", tuple(self.accept))
        for code in self.accept:
            if code not in CODES:
                self._refuse("accept", f"{code!r} is not a finding code", ", ".join(CODES))
        if not 0 <= self.share_tolerance < 1:
            self._refuse("share_tolerance", f"share_tolerance={self.share_tolerance!r}", "0 to 1")
        self._read_shares()

    def _read_shares(self) -> None:
        for option in ("capital_share", "labor_share"):
            try:
                object.__setattr__(self, option, read_share(getattr(self, option)))
            except (TypeError, ValueError) as error:
                self._refuse(option, f"{option}: {error}", "a number from 0 to 1, or steps by year")
        others = {}
        for name, value in dict(self.shares or {}).items():
            try:
                others[str(name)] = read_share(value)
            except (TypeError, ValueError) as error:
                self._refuse("shares", f"shares[{name!r}]: {error}", "a number from 0 to 1")
        object.__setattr__(self, "shares", others or None)
        given = self.given_shares
        kinds = {"fixed" if isinstance(v, float) else "stepwise" for v in given.values()}
        natural = "average" if not kinds else "stepwise" if "stepwise" in kinds else "fixed"
        if self.share_timing is None:
            object.__setattr__(self, "share_timing", natural)
        choose(self, "share_timing", ("average", "current", "lagged", "fixed", "stepwise"))
        if self.share_timing in ("fixed", "stepwise") and self.share_timing != natural:
            self._refuse(
                "share_timing",
                f"share_timing={self.share_timing!r} does not fit the shares given ({natural})",
                "capital_share= as a number for 'fixed', as {year: share} for 'stepwise'",
            )
        numbers = [v for v in given.values() if isinstance(v, float)]
        if len(numbers) == len(given) and sum(numbers) > 1 + self.share_tolerance:
            self._refuse(
                "capital_share", f"the shares given sum to {sum(numbers):g}", "at most one"
            )

    @property
    def given_shares(self) -> dict[str, Share]:
        """Shares that stand in the specification, by input."""
        named = {"capital": self.capital_share, "labor": self.labor_share}
        return {k: v for k, v in {**named, **(self.shares or {})}.items() if v is not None}

    @classmethod
    def vietnam(cls, capital_share: Any = None, **options: Any) -> GrowthAccounting:
        """Return the convention of Viet Nam's statistics office and of provincial guides.

        Simple growth rates, a capital share that is fixed or steps with the input–output tables,
        compound rates over periods: g_TFP = g_Y − (s_K g_K + s_L g_L).

        Parameters
        ----------
        capital_share : float or mapping of year to float
            Required: national accounts give no compensation of employees, so the share is a
            choice that every report must state.
        """
        if capital_share is None:
            cls()._refuse("capital_share", "vietnam() needs a capital share", "e.g. 0.40")
        defaults = {"growth": "discrete", "period_mean": "compound", "capital_share": capital_share}
        return cls(**{**defaults, **options})

    @classmethod
    def pwt(cls, **options: Any) -> GrowthAccounting:
        """Return the convention of the Penn World Table: log growth, two-period mean shares."""
        return cls(**{"growth": "log", "share_timing": "average", **options})

    @classmethod
    def solow_1957(cls, **options: Any) -> GrowthAccounting:
        """Return Solow's (1957) convention: rates per man-hour, share of the earlier year.

        ΔA/A = Δq/q − w_k Δk/k; the rate stands in the row of the *later* year.
        """
        defaults = {
            "inputs": ("capital",),
            "growth": "discrete",
            "share_timing": "lagged",
            "per_labor_unit": True,
        }
        return cls(**{**defaults, **options})

    @classmethod
    def fernald(cls, **options: Any) -> GrowthAccounting:
        """Return Fernald's convention: log growth with the capital share of the current period."""
        return cls(**{"growth": "log", "share_timing": "current", **options})

    def fit(self, panel: Panel) -> GrowthAccountingResult:
        """Account for the growth of every entity.

        Parameters
        ----------
        panel : Panel
            With the roles of output, inputs and, unless shares are given here, ``*_share``.

        Returns
        -------
        GrowthAccountingResult

        Raises
        ------
        DataError
            If keys are missing or repeated, a role is absent, a value cannot be used, a column
            seems to switch its unit, or the grouping ``price_base`` changes within an entity.
        """
        names, terms, notes = self.account(panel)
        used, lost = row_counts(panel, terms)
        return GrowthAccountingResult(
            spec=self,
            record=record_of(self, panel, Sample(panel.keys.frame_rows, used, lost, notes)),
            keys=panel.keys,
            inputs=names,
            terms=terms,
            step=panel.step,
        )

    def account(self, panel: Panel) -> tuple[tuple[str, ...], GrowthTerms, dict[str, int]]:
        """Return the inputs, the terms of every row and what is to be noted; see `fit`."""
        require_keys(panel)
        refuse_mixed_bases(panel)
        if panel.item is not None:
            raise DataError(
                "growth accounting takes one row per entity and period, without items",
                code="unexpected_item",
                column=panel.item.column,
                remedy="aggregate over items first (CapitalServices, LaborServices)",
            )
        names = self.inputs if self.inputs is not None else panel.inputs
        if not names:
            panel["capital"]  # says which role is missing and which are there
        assert self.share_timing is not None
        rule = share_rule(
            panel, names, self.given_shares, self.share_timing, remainder=not self.per_labor_unit
        )
        columns = [panel[name] for name in (self.output, *names)]
        notes: dict[str, int] = {}

        def account() -> GrowthTerms:
            return growth_terms(
                columns[0],
                columns[1:],
                rule,
                panel.lag_status,
                growth=self.growth,
                residual=self._kernel_residual(),
                logs=panel.logs,
            )

        terms = account()
        if terms.share_range[0] < 0.0 or terms.share_range[1] > 1.0:
            refuse_share_range(panel, rule, names)
        if not self.per_labor_unit:
            refuse_share_sums(panel, rule, names, self.share_tolerance)
        if terms.invalid.any():
            columns = self._without_invalid(panel, (self.output, *names), columns, notes)
            terms = account()
        self._refuse_overflow(panel, (self.output, *names), terms)
        # a rate falls short of its log change upwards, but not downwards
        limit = _JUMP if self.growth == "log" else -float(np.expm1(-_JUMP))
        if terms.largest.max(initial=0.0) > limit or any(
            f"{role}_index" in panel for role in (self.output, *names)
        ):
            self._look_closely(panel, (self.output, *names), notes)
        return tuple(names), terms, notes

    def _kernel_residual(self) -> str:
        if self.input_index == "arithmetic":
            return "arithmetic"
        return "ratio" if self.residual == "ratio" else "geometric"

    def _without_invalid(
        self, panel: Panel, roles: tuple[str, ...], columns: list[Any], notes: dict[str, int]
    ) -> list[Any]:
        cleaned = []
        for role, values in zip(roles, columns, strict=True):
            bad = _unusable(panel, values)
            if bad.any() and self.invalid == "error":
                panel.log(role)  # raises, naming the first place
                entity, time = panel.where(int(np.flatnonzero(bad)[0]))
                raise DataError(
                    f"{role} is infinite in {int(bad.sum())} row(s), first here",
                    code="non_finite",
                    column=panel.names[role],
                    entity=entity,
                    time=time,
                    expected="finite numbers",
                )
            if bad.any():
                notes[_TAKEN.format(panel.names[role])] = int(bad.sum())
            cleaned.append(np.where(bad, np.nan, values))
        return cleaned

    def _refuse_overflow(self, panel: Panel, roles: tuple[str, ...], terms: GrowthTerms) -> None:
        growths = (terms.output_growth, *terms.input_growth)
        for role, largest, growth in zip(roles, terms.largest, growths, strict=True):
            if np.isinf(largest):
                entity, time = panel.where(int(np.flatnonzero(np.isinf(growth))[0]))
                raise DataError(
                    f"the growth of {role} is beyond what numbers can hold",
                    code="non_finite",
                    column=panel.names[role],
                    entity=entity,
                    time=time,
                    expected="values of a believable size",
                    remedy="correct the value here or the one before it",
                )

    def _look_closely(self, panel: Panel, roles: tuple[str, ...], notes: dict[str, int]) -> None:
        findings = check(panel, positive=roles, jump=_JUMP)
        for (code, column), count in findings.totals.items():
            of_interest = code in ("jump", "unit_switch", "level_index_mismatch")
            if not of_interest or column not in [panel.names[role] for role in roles]:
                continue
            if CODES[code][0] == "error" and code not in self.accept:
                first = next(f for f in findings.items if (f.code, f.column) == (code, column))
                raise DataError(
                    f"{first.message} ({count} such value(s), first here)",
                    code=code,
                    column=column,
                    entity=first.entity,
                    time=first.time,
                    expected="one unit throughout the column",
                    remedy=f"{first.remedy}; or accept=({code!r},) if the value is right",
                )
            notes[f"{column}: {code}"] = count


_TAKEN = "{}: not above zero or infinite, taken as missing"


def _unusable(panel: Panel, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Values that have no growth, though they are there."""
    return np.isinf(values) if panel.logs else np.isinf(values) | (values <= 0)


def unusable_values(panel: Panel, roles: Sequence[str]) -> dict[str, int]:
    """Count the values that ``invalid="missing"`` takes as missing, under the words of its note."""
    return {
        _TAKEN.format(panel.names[role]): int(_unusable(panel, panel[role]).sum()) for role in roles
    }


def row_counts(panel: Panel, terms: GrowthTerms) -> tuple[int, dict[str, int]]:
    """Return how many rows have growth, and why the others have none."""
    first = panel.offsets.shape[0] - 1  # each series has one first row
    missing = int(terms.missing[0])
    lost = {
        "first row of its entity": first,
        "gap before the row": panel.n_gaps,
        "value or share missing": missing,
    }
    return panel.n_rows - sum(lost.values()), lost
