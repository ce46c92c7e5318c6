"""What misallocation costs: Hsieh and Klenow's model solved exactly, trimmed and recomputed.

Firm i of industry s sells ``Y_i = A_i K_i^a L_i^(1-a)`` under monopolistic competition with
elasticity σ. Its revenue productivity ``TFPR_i = P_i Y_i / (K_i^a (wL_i)^(1-a))`` would be the same
in the whole industry without distortions. All sums of powers are taken in logs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.dispersion import mean_sums, quantiles, sort_cells
from tfp_index.kernels.sums import Additive

__all__ = [
    "FirmWedges",
    "HsiehKlenowTerms",
    "IndustrySums",
    "PowerSums",
    "firm_deviations",
    "firm_wedges",
    "gain_over",
    "hsieh_klenow",
    "industry_sums",
    "industry_terms",
    "lognormal_efficiency",
    "spread",
    "squares_about",
    "trim_tails",
    "within_bounds",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HsiehKlenowTerms:
    """The model solved, by year, by cell (industry and year) and by firm.

    Attributes
    ----------
    gain : (T,) float array
        ``Y_efficient / Y - 1``, a fraction.
    efficiency : (T,) float array
        ``Y / Y_efficient``.
    log_efficiency : (C,) float array
        ``ln TFP_s - ln Abar_s``, at most zero.
    theta : (C,) float array
        Industry's share of value added in its year.
    log_tfp, log_a_bar, log_tfpr_bar : (C,) float arrays
        Logs of the industry's TFP, of its efficient TFP and of its average TFPR.
    firms : (C,) float array
        Firms M_s (with sampling weights: firms stood for).
    tfpr_deviation : (n,) float array
        ``ln(TFPR_i / TFPRbar_s)``; NaN for rows outside the cells.
    tfpq_deviation : (n,) float array
        ``ln(A_i M_s^(1/(σ-1)) / Abar_s)``.
    """

    gain: Floats
    efficiency: Floats
    log_efficiency: Floats
    theta: Floats
    log_tfp: Floats
    log_a_bar: Floats
    log_tfpr_bar: Floats
    firms: Floats
    tfpr_deviation: Floats
    tfpq_deviation: Floats


def _log(values: Floats) -> Floats:
    out: Floats = np.full(values.shape, np.nan)
    return np.log(values, out=out, where=values > 0.0)


def hsieh_klenow(
    value_added: Floats,
    wage_bill: Floats,
    capital: Floats,
    capital_share: Floats,
    cell: Ints,
    year: Ints,
    years: int,
    elasticity: float,
    *,
    design: Floats | None = None,
) -> HsiehKlenowTerms:
    r"""Solve the model of Hsieh and Klenow (2009) for every year.

    .. math::
        \frac{Y}{Y_{eff}} = \prod_s \Big[\sum_i \Big(\frac{A_i}{\bar A_s}
        \frac{\overline{TFPR}_s}{TFPR_i}\Big)^{σ-1}\Big]^{θ_s/(σ-1)}, \quad
        \bar A_s = \Big[\sum_i A_i^{σ-1}\Big]^{1/(σ-1)}

    with :math:`A_i = (P_iY_i)^{σ/(σ-1)} / (K_i^a (wL_i)^{1-a})`. The average
    :math:`\overline{TFPR}` is built on revenue-weighted *harmonic* means of marginal products,
    which come to :math:`P_sY_s / (K_s^a (wL)_s^{1-a})` with plain industry sums; the rental rate
    and the unit of any column cancel. The sum in brackets is then
    :math:`(TFP_s / \bar A_s)^{σ-1}` with
    :math:`TFP_s = (P_sY_s)^{σ/(σ-1)} / (K_s^a (wL)_s^{1-a})`.

    Parameters
    ----------
    value_added, wage_bill, capital : (n,) float arrays
        Positive wherever `cell` is not negative.
    capital_share : (C,) float array
        a of each cell, between 0 and 1.
    cell : (n,) int array
        Industry and year of each row, 0 to C - 1; negative rows do not take part.
    year : (C,) int array
        Year of each cell, 0 to `years` - 1.
    years : int
    elasticity : float
        σ > 1.
    design : (n,) float array, optional
        Sampling weights.

    Examples
    --------
    >>> py, wl, k = np.array([1.0, 1.0]), np.array([0.5, 0.5]), np.array([1.0, 1.0])
    >>> terms = hsieh_klenow(py, wl, k, np.array([0.3]), np.zeros(2, np.int64),
    ...                      np.zeros(1, np.int64), 1, 3.0)
    >>> bool(abs(terms.gain[0]) < 1e-15)
    True
    """
    sums = industry_sums(value_added, wage_bill, capital, capital_share, cell, elasticity, design)
    return industry_terms(
        sums,
        capital_share,
        year,
        years,
        elasticity,
        lambda terms: firm_deviations(
            value_added, wage_bill, capital, capital_share, cell, terms, elasticity
        ),
    )


@dataclass(frozen=True, slots=True)
class PowerSums:
    """``Σ w exp(power · x)`` of every cell as ``exp(power · top) · sums``, without overflow."""

    top: Floats
    sums: Floats
    power: float

    def __add__(self, other: PowerSums) -> PowerSums:
        top = np.maximum(self.top, other.top)
        parts = []
        for one in (self, other):
            less = np.full(top.shape, -np.inf)  # a cell without rows adds nothing
            np.subtract(one.top, top, out=less, where=np.isfinite(one.top))
            parts.append(one.sums * np.exp(self.power * less))
        return PowerSums(top, parts[0] + parts[1], self.power)

    def log(self) -> Floats:
        """``ln (Σ w exp(power · x))^(1/power)`` by cell; NaN where there is nothing."""
        out = np.full(self.top.shape, np.nan)
        there = self.sums > 0.0
        out[there] = self.top[there] + np.log(self.sums[there]) / self.power
        return out


@dataclass(frozen=True, slots=True)
class IndustrySums(Additive):
    """Sums over the firms of each cell, of shape (C,).

    Attributes
    ----------
    value_added, wage_bill, capital, firms : (C,) float arrays
    powers : PowerSums
        Of ``A_i`` to the power of σ − 1.
    """

    value_added: Floats
    wage_bill: Floats
    capital: Floats
    firms: Floats
    powers: PowerSums


def industry_sums(
    value_added: Floats,
    wage_bill: Floats,
    capital: Floats,
    capital_share: Floats,
    cell: Ints,
    elasticity: float,
    design: Floats | None = None,
) -> IndustrySums:
    """Sum over the firms of every cell; see `hsieh_klenow`."""
    cells = capital_share.shape[0]
    inside = cell >= 0
    c = cell[inside]
    m = np.ones(c.shape[0]) if design is None else design[inside]

    def total(values: Floats) -> Floats:
        return np.bincount(c, m * values, cells).astype(np.float64, copy=False)

    py, wl, k = value_added[inside], wage_bill[inside], capital[inside]
    _, log_a = _log_productivities(py, wl, k, capital_share[c], elasticity)
    return IndustrySums(
        total(py),
        total(wl),
        total(k),
        total(np.ones_like(py)),
        _power_sums(log_a, c, m, cells, elasticity - 1.0),
    )


def _log_productivities(
    py: Floats, wl: Floats, k: Floats, a: Floats, elasticity: float
) -> tuple[Floats, Floats]:
    """Logs of revenue and of physical productivity of every firm."""
    inputs = a * np.log(k) + (1.0 - a) * np.log(wl)
    up = elasticity / (elasticity - 1.0)
    return np.log(py) - inputs, up * np.log(py) - inputs


def industry_terms(
    sums: IndustrySums,
    capital_share: Floats,
    year: Ints,
    years: int,
    elasticity: float,
    deviations: Callable[[HsiehKlenowTerms], Any],
) -> HsiehKlenowTerms:
    """Solve the model from the sums of every cell.

    Parameters
    ----------
    sums : IndustrySums
        Over all firms.
    capital_share, year : (C,) arrays
    years : int
    elasticity : float
    deviations : callable
        Takes the terms without them and gives those of the firms, of TFPR and of TFPQ.
    """
    PY, WL, K, M = sums.value_added, sums.wage_bill, sums.capital, sums.firms
    a, up = capital_share, elasticity / (elasticity - 1.0)
    inputs_s = a * _log(K) + (1.0 - a) * _log(WL)
    log_tfp = up * _log(PY) - inputs_s
    log_a_bar = sums.powers.log()
    log_efficiency = log_tfp - log_a_bar
    by_year = np.bincount(year, PY, years)
    theta = np.divide(PY, by_year[year], out=np.zeros(PY.shape[0]), where=by_year[year] > 0.0)
    there = PY > 0.0
    log_ratio = np.bincount(year[there], (theta * log_efficiency)[there], years)
    log_ratio = np.where(by_year > 0.0, log_ratio, np.nan)
    nobody = np.zeros(0)
    terms = HsiehKlenowTerms(
        gain=np.expm1(-log_ratio),
        efficiency=np.exp(log_ratio),
        log_efficiency=log_efficiency,
        theta=theta,
        log_tfp=log_tfp,
        log_a_bar=log_a_bar,
        log_tfpr_bar=_log(PY) - inputs_s,
        firms=M,
        tfpr_deviation=nobody,
        tfpq_deviation=nobody,
    )
    tfpr, tfpq = deviations(terms)
    return replace(terms, tfpr_deviation=tfpr, tfpq_deviation=tfpq)


def firm_deviations(
    value_added: Floats,
    wage_bill: Floats,
    capital: Floats,
    capital_share: Floats,
    cell: Ints,
    terms: HsiehKlenowTerms,
    elasticity: float,
) -> tuple[Floats, Floats]:
    """Return what sets firms apart from their industry, in logs; see `HsiehKlenowTerms`."""
    inside = cell >= 0
    c = cell[inside]
    py, wl, k = value_added[inside], wage_bill[inside], capital[inside]
    log_tfpr, log_a = _log_productivities(py, wl, k, capital_share[c], elasticity)
    tfpr, tfpq = np.full((2, cell.shape[0]), np.nan)
    tfpr[inside] = log_tfpr - terms.log_tfpr_bar[c]
    tfpq[inside] = log_a - (terms.log_a_bar - _log(terms.firms) / (elasticity - 1.0))[c]
    return tfpr, tfpq


def _power_sums(logs: Floats, cell: Ints, weights: Floats, cells: int, power: float) -> PowerSums:
    top = np.full(cells, -np.inf)
    np.maximum.at(top, cell, logs)
    sums = np.bincount(cell, weights * np.exp(power * (logs - top[cell])), cells)
    return PowerSums(top, sums.astype(np.float64, copy=False), power)


@dataclass(frozen=True, slots=True)
class FirmWedges:
    """Distortions that rationalize each firm's choices, each of shape (n,).

    Attributes
    ----------
    capital : ``1 + τ_K = a/(1-a) · wL/(RK)``
    output : ``1 - τ_Y = σ/(σ-1) · wL/((1-a) PY)``
    mrpk, mrpl : marginal revenue products ``(σ-1)/σ · a PY/K`` and ``(σ-1)/σ · (1-a) PY/wL``
    tfpr, tfpq : revenue and physical productivity, ``κ_s = 1``
    """

    capital: Floats
    output: Floats
    mrpk: Floats
    mrpl: Floats
    tfpr: Floats
    tfpq: Floats


def firm_wedges(
    value_added: Floats,
    wage_bill: Floats,
    capital: Floats,
    capital_share: Floats,
    elasticity: float,
    rental_rate: float,
) -> FirmWedges:
    """Return each firm's wedges and productivities.

    Parameters
    ----------
    value_added, wage_bill, capital, capital_share : (n,) float arrays
    elasticity, rental_rate : float
        σ and R; the latter only scales `capital`'s wedge.

    Examples
    --------
    >>> one = np.array([100.0]), np.array([40.0]), np.array([300.0]), np.array([1 / 3])
    >>> found = firm_wedges(*one, 3.0, 0.1)
    >>> round(float(found.capital[0]), 12), round(float(found.output[0]), 12)
    (0.666666666667, 0.9)
    """
    a, markup = capital_share, elasticity / (elasticity - 1.0)
    inputs = np.exp(a * np.log(capital) + (1.0 - a) * np.log(wage_bill))
    return FirmWedges(
        capital=a / (1.0 - a) * wage_bill / (rental_rate * capital),
        output=markup * wage_bill / ((1.0 - a) * value_added),
        mrpk=a / markup * value_added / capital,
        mrpl=(1.0 - a) / markup * value_added / wage_bill,
        tfpr=value_added / inputs,
        tfpq=np.exp(markup * np.log(value_added)) / inputs,
    )


def trim_tails(
    tfpr_deviation: Floats, tfpq_deviation: Floats, year: Ints, years: int, share: float
) -> NDArray[np.bool_]:
    """Say which firms stay when a share is cut from each tail of both distributions.

    Deviations are pooled over industries inside each year; bounds are linear percentiles, and a
    firm on a bound stays.

    Parameters
    ----------
    tfpr_deviation, tfpq_deviation : (n,) float arrays
        NaN for firms outside the sample; they do not stay.
    year : (n,) int array
    years : int
    share : float
        Cut from each tail, e.g. 0.01.
    """
    stays = np.isfinite(tfpr_deviation)
    if share == 0.0:
        return stays
    cell = np.where(stays, year, -1)
    ends = np.array([share, 1.0 - share])
    deviations = (tfpr_deviation, tfpq_deviation)
    bounds = [quantiles(sort_cells(d, cell, years), ends) for d in deviations]
    return within_bounds(deviations, bounds, year)


def within_bounds(
    deviations: Sequence[Floats], bounds: Sequence[Floats], year: Ints
) -> NDArray[np.bool_]:
    """Say which firms lie within the bounds of their year in both distributions.

    Parameters
    ----------
    deviations : two (n,) float arrays
        NaN for firms outside the sample; they do not stay.
    bounds : two (T, 2) float arrays
        Lower and upper bound of every year.
    year : (n,) int array
    """
    stays = np.isfinite(deviations[0])
    inside = stays.copy()
    for deviation, (low, high) in zip(deviations, (b.T for b in bounds), strict=True):
        x = np.where(stays, deviation, 0.0)
        with np.errstate(invalid="ignore"):
            inside &= (x >= low[year]) & (x <= high[year])
    return inside


def lognormal_efficiency(
    var_log_tfpr: Floats, var_log_capital_wedge: Floats, capital_share: Floats, elasticity: float
) -> tuple[Floats, Floats]:
    r"""Return both terms of the log-normal approximation to ``ln TFP_s - ln Abar_s``.

    .. math::
        -\frac{σ}{2} \mathrm{var} \ln TFPR
        \quad\text{and}\quad -\frac{a(1-a)}{2} \mathrm{var} \ln(1+τ_K)

    The first alone, as often printed, is right only where capital wedges do not vary.

    Examples
    --------
    >>> a = np.array
    >>> [round(float(t[0]), 6) for t in lognormal_efficiency(a([0.09]), a([0.36]), a([0.5]), 3.0)]
    [-0.135, -0.045]
    """
    a = capital_share
    return -0.5 * elasticity * var_log_tfpr, -0.5 * a * (1.0 - a) * var_log_capital_wedge


def spread(values: Floats, cell: Ints, cells: int, design: Floats | None = None) -> Floats:
    """Return the population variance of `values` in every cell; NaN where a cell is empty.

    Parameters
    ----------
    values : (n,) float array
    cell : (n,) int array
        Rows with a negative cell do not take part.
    cells : int
    design : (n,) float array, optional

    Examples
    --------
    >>> spread(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1]), 2)
    array([1., 0.])
    """
    total, M = mean_sums(values, cell, cells, design)
    mean = _ratio(total, M)
    return _ratio(squares_about(values, cell, mean, design), M)


def squares_about(
    values: Floats, cell: Ints, center: Floats, design: Floats | None = None
) -> Floats:
    """Sum the squares of `values` about the center of their cell; see `spread`."""
    inside = cell >= 0
    c, x = cell[inside], values[inside]
    m = np.ones_like(x) if design is None else design[inside]
    sums = np.bincount(c, m * (x - center[c]) ** 2, center.shape[0])
    return np.asarray(sums, np.float64)


def _ratio(a: Floats, b: Floats) -> Floats:
    out: Floats = np.full(a.shape, np.nan)
    return np.divide(a, b, out=out, where=b > 0.0)


def gain_over(gain: Floats, benchmark: float) -> Floats:
    """Return the gain of moving to the efficiency of a benchmark, ``(1 + g)/(1 + g_b) - 1``.

    Examples
    --------
    >>> gain_over(np.array([0.866]), 0.429).round(3)
    array([0.306])
    """
    return (1.0 + gain) / (1.0 + benchmark) - 1.0
