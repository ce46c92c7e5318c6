"""Sums over spells of years: mean growth, contributions and shares of growth by entity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.groups import group_sums, running_sums
from tfp_index.kernels.growth import log_mean

__all__ = ["PeriodTerms", "period_terms", "ratio"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PeriodTerms:
    """Growth over one spell, by entity.

    Attributes
    ----------
    years : (g,) int array
        Growth rates that were there.
    growth, log_growth : (1 + k, g) float array
        Mean growth of output and of the k inputs, and its mean in logs.
    contributions : (k + 1, g) float array
        Mean contribution of each input, then of TFP.
    tfp_growth : (g,) float array
    mean_of_ratios, increment : (k + 1, g) float array
        Shares of growth under the two other rules, inputs first, then TFP.
    """

    years: Ints
    growth: Floats
    log_growth: Floats
    contributions: Floats
    tfp_growth: Floats
    mean_of_ratios: Floats
    increment: Floats


def ratio(part: Floats, whole: Floats) -> Floats:
    """Return part / whole, NaN where the whole is zero.

    Examples
    --------
    >>> ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(whole == 0.0, np.nan, part / whole)


def period_terms(
    growth: Floats,
    contributions: Floats,
    tfp_growth: Floats,
    inside: NDArray[np.bool_],
    offsets: Ints,
    *,
    log: bool,
) -> PeriodTerms:
    r"""Aggregate annual terms of growth accounting over the rows of one spell.

    Three shares of growth, for a factor with annual contribution c_t to growth g_t:

    * ratio of sums (of means): Σ c_t / Σ g_t, from ``contributions`` and ``growth``;
    * mean of ratios: mean of c_t / g_t;
    * increment: Σ ΔY_t(c) / Σ ΔY_t, where the factor's part of the increase of output is
      c_t·Y_{t−1} for rates and c_t·L(Y_t, Y_{t−1}) for log growth (L the logarithmic mean).

    Parameters
    ----------
    growth : (1 + k, n) float array
        Output first.
    contributions : (k + 1, n) float array
        Inputs, then TFP.
    tfp_growth : (n,) float array
    inside : (n,) bool array
        Rows that belong to the spell and have growth.
    offsets : (g + 1,) int array
    log : bool

    Returns
    -------
    PeriodTerms
        Entities without any row have NaN everywhere and 0 years.
    """
    # enormous growth may overflow; its sums are then infinite, not an exception
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _period_terms(growth, contributions, tfp_growth, inside, offsets, log)


def _period_terms(
    growth: Floats,
    contributions: Floats,
    tfp_growth: Floats,
    inside: NDArray[np.bool_],
    offsets: Ints,
    log: bool,
) -> PeriodTerms:
    years = group_sums(inside.astype(np.float64), offsets)

    def mean(values: Floats) -> Floats:
        return ratio(group_sums(np.where(inside, values, 0.0), offsets), years)

    g = np.where(inside, growth[0], 0.0)
    steps = g if log else np.log1p(np.where(g > -1.0, g, 0.0))
    level = np.exp(running_sums(steps, offsets))  # relative to the start of the spell
    before = level / np.exp(steps)
    weight = log_mean(level, before) if log else before
    increase = group_sums(np.where(inside, weight * g, 0.0), offsets)
    increments = [
        ratio(group_sums(np.where(inside, weight * row, 0.0), offsets), increase)
        for row in contributions
    ]
    return PeriodTerms(
        years=years.astype(np.int64),
        growth=(means := np.stack([mean(row) for row in growth])),
        log_growth=means if log else np.stack([mean(np.log1p(row)) for row in growth]),
        contributions=np.stack([mean(row) for row in contributions]),
        tfp_growth=mean(tfp_growth),
        mean_of_ratios=np.stack([mean(ratio(row, growth[0])) for row in contributions]),
        increment=np.stack(increments),
    )
