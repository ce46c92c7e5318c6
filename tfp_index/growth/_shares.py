"""Which share each input gets, and from where: columns, a number, or steps by year."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels.growth import ShareRule, StepShare
from tfp_index.panel.panel import Panel
from tfp_index.panel.roles import SHARE_SUFFIX

__all__ = [
    "Share",
    "read_share",
    "refuse_share_range",
    "refuse_share_sums",
    "share_rule",
    "steps_mean",
]

Share = float | tuple[tuple[int, float], ...]
"""A fixed share, or steps ``((year, share), …)`` that hold from their year on."""


def read_share(value: Any) -> Share | None:
    """Bring a share option into its one form.

    Raises
    ------
    ValueError
        With what is wrong, for the specification's message.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        value = tuple(sorted((int(year), share) for year, share in value.items()))
    if isinstance(value, (tuple, list)):
        steps = tuple((int(year), _number(share)) for year, share in value)
        years = [year for year, _ in steps]
        if not steps or years != sorted(set(years)):
            raise ValueError("steps need distinct years in ascending order")
        return steps
    return _number(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ValueError(f"{value!r} is not a share")
    share = float(value)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"a share of {share:g} is outside 0 to 1 (give a fraction, not percent)")
    return share


def share_rule(
    panel: Panel,
    inputs: tuple[str, ...],
    given: Mapping[str, Share],
    timing: str,
    *,
    remainder: bool,
) -> ShareRule:
    """Find the share of every input.

    A number or steps in `given` win over a column; the one input that has neither gets the
    remainder to one.

    Raises
    ------
    DataError
        If the shares of two or more inputs are unknown, or the only one missing may not be
        filled.
    """
    sources: list[NDArray[np.float64] | StepShare | float | None] = []
    unknown = []
    for name in inputs:
        column = f"{name}{SHARE_SUFFIX}"
        if name in given:
            sources.append(_source(given[name], panel.time))
        elif column in panel and timing in ("average", "current", "lagged"):
            sources.append(panel[column])
        else:
            sources.append(None)
            unknown.append(name)
    if len(unknown) > (1 if remainder else 0):
        missing = ", ".join(repr(f"{name}{SHARE_SUFFIX}") for name in unknown)
        raise DataError(
            f"the shares of {', '.join(unknown)} are not known",
            code="missing_role",
            column=f"{unknown[0]}{SHARE_SUFFIX}",
            expected=f"the roles {missing}"
            + (" (one may be left to the remainder)" if remainder else ""),
            remedy="give share columns in Panel.from_frame, or numbers in the specification",
        )
    return ShareRule(sources, timing if timing in ("average", "lagged") else "current")


def _source(share: Share, time: NDArray[np.int64]) -> StepShare | float:
    if isinstance(share, float):
        return share
    years = np.array([year for year, _ in share], np.int64)
    return StepShare(time, years, np.array([value for _, value in share]))


def steps_mean(share: Share, start: int, end: int, step: int) -> float:
    """Return the mean share over the periods after `start` up to `end`; NaN before the first."""
    if isinstance(share, float):
        return share
    years = np.arange(start + step, end + 1, step)
    starts = np.array([year for year, _ in share])
    values = np.array([value for _, value in share])
    place = np.searchsorted(starts, years, side="right") - 1
    return float(np.mean(np.where(place >= 0, values[place], np.nan))) if years.size else np.nan


def refuse_share_range(panel: Panel, rule: ShareRule, names: tuple[str, ...]) -> None:
    """Raise at the first share outside 0 to 1.

    Raises
    ------
    DataError
    """
    for name, source in zip(names, rule.sources, strict=True):
        if not isinstance(source, np.ndarray):
            continue
        bad = np.flatnonzero((source < 0.0) | (source > 1.0))
        if bad.size:
            what = f"is {source[bad[0]]:g}"
            _refuse(panel, name, bad, what, "a share between 0 and 1", "share_out_of_range")


def refuse_share_sums(
    panel: Panel, rule: ShareRule, names: tuple[str, ...], tolerance: float
) -> None:
    """Raise where the shares of all inputs are given and do not sum to one.

    Raises
    ------
    DataError
    """
    columns = [source for source in rule.sources if isinstance(source, np.ndarray)]
    if len(columns) < len(rule.sources):
        return
    total = np.sum(columns, axis=0)
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(np.abs(total - 1.0) > tolerance)
    if bad.size:
        what = f"and its fellows sum to {total[bad[0]]:.6g}"
        _refuse(panel, names[0], bad, what, "shares that sum to one", "shares_not_one")


def _refuse(
    panel: Panel, name: str, rows: NDArray[np.intp], what: str, expected: str, code: str
) -> None:
    role = f"{name}{SHARE_SUFFIX}"
    entity, time = panel.where(int(rows[0]))
    raise DataError(
        f"the share {role} {what} in {rows.size} row(s), first here",
        code=code,
        column=panel.names.get(role, role),
        entity=entity,
        time=time,
        expected=expected,
        remedy="correct the shares, or leave one out to get the remainder",
    )
