"""Trend and cycle of TFP growth, through the filters of statsmodels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, SpecificationError, nearest
from tfp_index.kernels.groups import STATUS_OK
from tfp_index.panel.table import Table

if TYPE_CHECKING:
    from tfp_index.growth.accounting_result import GrowthAccountingResult

__all__ = ["trend_table"]

Floats = NDArray[np.float64]

_PER_YEAR = {"quarter": 4, "month": 12, "day": 365}
_MINIMUM = 8  # rates: fewer cannot tell a trend from a cycle


def trend_table(
    result: GrowthAccountingResult,
    method: str,
    entities: Sequence[Any] | None,
    options: dict[str, Any],
) -> Table:
    """Filter the longest unbroken run of TFP growth of each entity.

    Hodrick–Prescott: ``smoothing`` is 6.25 for annual data and grows with the fourth power of
    the number of observations per year. Hamilton: growth is regressed on `lags` of its values
    `horizon` periods (two years) before; the fit is the trend. Unobserved components: the
    smoothed local level of a Gaussian state-space model.

    Raises
    ------
    SpecificationError
        If the method or an option is unknown.
    DataError
        If no entity has a run long enough.
    """
    _check_options(method, options)
    keys = result.keys
    per_year = _PER_YEAR.get(keys.calendar.frequency, 1)
    codes = (
        range(keys.entity_labels.shape[0])
        if entities is None
        else [keys.entity_code(entity) for entity in entities]
    )
    parts = []
    skipped = []
    for code in codes:
        rows = _longest_run(result, code)
        if rows.size < _MINIMUM:
            skipped.append(str(keys.entity_labels[code]))
            continue
        growth = result.tfp_growth[rows]
        trend = _FILTERS[method][0](growth, per_year, options)
        parts.append((rows, growth, trend))
    if not parts:
        raise DataError(
            f"no entity has {_MINIMUM} consecutive TFP growth rates",
            code="too_short",
            expected=f"at least {_MINIMUM} consecutive rates",
        )
    rows = np.concatenate([part[0] for part in parts])
    growth = np.concatenate([part[1] for part in parts])
    trend = np.concatenate([part[2] for part in parts])
    notes = [f"trend by {method} on the longest unbroken run of each entity"]
    if skipped:
        shown = ", ".join(skipped[:10]) + (", …" if len(skipped) > 10 else "")
        notes.append(f"{len(skipped)} entities have fewer than {_MINIMUM} rates: {shown}")
    return Table(
        {
            "entity": keys.entity_labels[keys.entity_codes[rows]],
            "time": keys.calendar.label(keys.time[rows]),
            "tfp_growth": growth,
            "trend": trend,
            "cycle": growth - trend,
        },
        "Trend of TFP growth (residual)",
        notes,
        keys.backend,
    )


def _check_options(method: str, options: dict[str, Any]) -> None:
    if method not in _FILTERS:
        raise SpecificationError(
            f"there is no trend method {method!r}",
            code="bad_option",
            column="method",
            remedy=nearest(method, _FILTERS),
        )
    known = _FILTERS[method][1]
    for option in options:
        if option not in known:
            raise SpecificationError(
                f"the method {method!r} has no option {option!r}",
                code="unknown_option",
                column=option,
                remedy=nearest(option, known),
            )


def _longest_run(result: GrowthAccountingResult, code: int) -> NDArray[np.intp]:
    start, stop = (int(i) for i in result.keys.offsets[code : code + 2])
    there = result.terms.status[start:stop] == STATUS_OK
    edges = np.flatnonzero(np.diff(np.concatenate(([False], there, [False])).astype(np.int8)))
    starts, stops = edges[::2], edges[1::2]
    if not starts.size:
        return np.zeros(0, np.intp)
    longest = int(np.argmax(stops - starts))
    return np.arange(start + starts[longest], start + stops[longest])


def _hp(growth: Floats, per_year: int, options: dict[str, Any]) -> Floats:
    from statsmodels.tsa.filters.hp_filter import hpfilter

    smoothing = float(options.get("smoothing", 6.25 * per_year**4))
    if not smoothing > 0:
        raise SpecificationError(
            f"smoothing={smoothing:g}", code="bad_option", column="smoothing", expected="above zero"
        )
    _, trend = hpfilter(growth, lamb=smoothing)
    return np.asarray(trend, np.float64)


def _hamilton(growth: Floats, per_year: int, options: dict[str, Any]) -> Floats:
    from statsmodels.regression.linear_model import OLS

    horizon = int(options.get("horizon", 2 * per_year))
    lags = int(options.get("lags", max(2, per_year)))
    first = horizon + lags - 1
    if horizon < 1 or lags < 1 or growth.size <= first + lags + 1:
        raise SpecificationError(
            f"horizon={horizon} and lags={lags} do not fit {growth.size} rates",
            code="bad_option",
            column="horizon",
            expected="positive numbers that leave more rates than coefficients",
        )
    columns = [growth[lags - 1 - j : growth.size - horizon - j] for j in range(lags)]
    design = np.column_stack([np.ones(growth.size - first), *columns])
    trend = np.full(growth.size, np.nan)  # the first values have no past to be forecast from
    trend[first:] = OLS(growth[first:], design).fit().fittedvalues
    return trend


def _local_level(growth: Floats, per_year: int, options: dict[str, Any]) -> Floats:
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    del per_year, options
    with np.errstate(all="ignore"):  # the likelihood search tries values that overflow
        model = UnobservedComponents(growth, level="local level")
        fitted = model.fit(disp=False, method="powell", maxiter=2000)
    return np.asarray(fitted.level.smoothed, np.float64)


_FILTERS: dict[str, tuple[Callable[[Floats, int, dict[str, Any]], Floats], tuple[str, ...]]] = {
    "hp": (_hp, ("smoothing",)),
    "hamilton": (_hamilton, ("horizon", "lags")),
    "unobserved_components": (_local_level, ()),
}
"""Each method's filter and its options."""
