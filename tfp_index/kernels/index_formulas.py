"""Bilateral index numbers of many pairs of situations at once.

Every formula is written once, as a *price* index ``P(p0, p1, q0, q1)``. The quantity index of the
same name is the same formula with prices and quantities exchanged, ``Q = P(q0, q1, p0, p1)``
(duality), and the *implicit* quantity index is the value ratio divided by the price index.

Products stand in rows; the rows of one pair of situations (two periods, two firms, two provinces)
are a contiguous run, and `offsets` says where each run starts and ends. So pairs may have any
number of products, and one call serves a single pair as well as a million. Where all pairs have
the same k products the arrays may be tables instead, (k, m) with a column for each pair, and
`offsets` is None: sums then run down contiguous rows, which is several times faster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.groups import group_sums

__all__ = [
    "FORMULAS",
    "NOT_POSITIVE",
    "NO_OVERLAP",
    "NO_VALUE",
    "OK",
    "REASONS",
    "Bilateral",
    "Formula",
    "Offsets",
    "bilateral",
    "logarithmic_mean",
    "price_index",
    "quantity_index",
    "value_ratio",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]
Offsets = Ints | None
"""Where each pair's rows start, and n; None where the arrays are tables of products by pairs."""

OK, NO_OVERLAP, NOT_POSITIVE, NO_VALUE = 0, 1, 2, 3
REASONS = MappingProxyType(
    {
        OK: "",
        NO_OVERLAP: "no product is in both situations",
        NOT_POSITIVE: "a zero, and the formula divides by it or takes its logarithm",
        NO_VALUE: "a value is zero, or too small or large to divide by",
    }
)
"""Why an index is missing, by code."""


def logarithmic_mean(a: Floats, b: Floats) -> Floats:
    """Return ``(b − a) / ln(b / a)``, the mean that joins differences and log changes.

    It is `a` where ``a = b`` and 0 where either is 0 (the limits). Written with ``log1p`` so that
    it keeps its digits when `a` and `b` are close.

    Parameters
    ----------
    a, b : float arrays of one shape, not negative

    Examples
    --------
    >>> logarithmic_mean(np.array([1.0, 2.0, 0.0]), np.array([np.e, 2.0, 3.0])).round(6).tolist()
    [1.718282, 2.0, 0.0]
    """
    low, high = np.minimum(a, b), np.maximum(a, b)
    mean = np.where(low > 0, high, 0.0)
    proper = (low > 0) & (high > low)
    excess = (high[proper] - low[proper]) / low[proper]
    mean[proper] = low[proper] * (excess / np.log1p(excess))
    return mean


def _sum(values: Floats, offsets: Offsets) -> Floats:
    """Sum the products of each pair."""
    total: Floats = values.sum(axis=0) if offsets is None else group_sums(values, offsets)
    return total


def _count(values: Floats, offsets: Offsets) -> Ints | int:
    """Count the products of each pair."""
    return values.shape[0] if offsets is None else np.diff(offsets)


def _spread(totals: Floats, offsets: Offsets) -> Floats:
    """Set a figure of each pair beside each of its products."""
    return totals if offsets is None else np.repeat(totals, np.diff(offsets))


def value_ratio(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    """Return ``Σ p1 q1 / Σ p0 q0`` of each pair.

    Examples
    --------
    >>> one = np.ones(2)
    >>> value_ratio(one, 2 * one, one, 3 * one, np.array([0, 2]))
    array([6.])
    """
    return _sum(p1 * q1, offsets) / _sum(p0 * q0, offsets)


# The formulas. Arguments: p0, p1, q0, q1 (n,), offsets (m + 1,); answer (m,).


def _shares(values: Floats, offsets: Offsets) -> Floats:
    return values / _spread(_sum(values, offsets), offsets)


def _log_average(weights: Floats, p0: Floats, p1: Floats, offsets: Offsets) -> Floats:
    """Return ``exp Σ w ln(p1/p0) / Σ w``."""
    return np.exp(_sum(weights * np.log(p1 / p0), offsets) / _sum(weights, offsets))


def _laspeyres(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    return _sum(p1 * q0, offsets) / _sum(p0 * q0, offsets)


def _paasche(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    return _sum(p1 * q1, offsets) / _sum(p0 * q1, offsets)


def _fisher(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    return np.sqrt(_laspeyres(p0, p1, q0, q1, offsets) * _paasche(p0, p1, q0, q1, offsets))


def _drobisch(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    return 0.5 * (_laspeyres(p0, p1, q0, q1, offsets) + _paasche(p0, p1, q0, q1, offsets))


def _marshall_edgeworth(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    q = q0 + q1
    return _sum(p1 * q, offsets) / _sum(p0 * q, offsets)


def _walsh(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    q = np.sqrt(q0 * q1)
    return _sum(p1 * q, offsets) / _sum(p0 * q, offsets)


def _stuvel(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    price = _laspeyres(p0, p1, q0, q1, offsets)
    quantity = _laspeyres(q0, q1, p0, p1, offsets)
    half = 0.5 * (price - quantity)
    value = value_ratio(p0, p1, q0, q1, offsets)
    root = np.sqrt(half * half + value)
    # the same root of the quadratic, written so that nothing cancels
    return np.where(half >= 0, half + root, value / (root + np.abs(half)))


def _palgrave(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    return _sum(_shares(p1 * q1, offsets) * (p1 / p0), offsets)


def _tornqvist(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    s = 0.5 * (_shares(p0 * q0, offsets) + _shares(p1 * q1, offsets))
    return np.exp(_sum(s * np.log(p1 / p0), offsets))


def _geometric_laspeyres(
    p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets
) -> Floats:
    return _log_average(p0 * q0, p0, p1, offsets)


def _geometric_paasche(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    return _log_average(p1 * q1, p0, p1, offsets)


def _geometric_walsh(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    return _log_average(
        np.sqrt(_shares(p0 * q0, offsets) * _shares(p1 * q1, offsets)), p0, p1, offsets
    )


def _theil(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    s0, s1 = _shares(p0 * q0, offsets), _shares(p1 * q1, offsets)
    return _log_average(np.cbrt(0.5 * (s0 + s1) * s0 * s1), p0, p1, offsets)


def _sato_vartia(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    s0, s1 = _shares(p0 * q0, offsets), _shares(p1 * q1, offsets)
    return _log_average(logarithmic_mean(s0, s1), p0, p1, offsets)


def _montgomery_vartia(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    v0, v1 = p0 * q0, p1 * q1
    total = logarithmic_mean(_sum(v0, offsets), _sum(v1, offsets))
    return np.exp(_sum(logarithmic_mean(v0, v1) * np.log(p1 / p0), offsets) / total)


def _carli(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    return _sum(p1 / p0, offsets) / _count(p0, offsets)


def _harmonic(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    return _count(p0, offsets) / _sum(p0 / p1, offsets)


def _cswd(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    return np.sqrt(_carli(p0, p1, q0, q1, offsets) * _harmonic(p0, p1, q0, q1, offsets))


def _dutot(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    return _sum(p1, offsets) / _sum(p0, offsets)


def _jevons(p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets) -> Floats:
    return np.exp(_sum(np.log(p1 / p0), offsets) / _count(p0, offsets))


def _lowe(p0: Floats, p1: Floats, weights: Floats, offsets: Offsets) -> Floats:
    return _sum(p1 * weights, offsets) / _sum(p0 * weights, offsets)


def _young(p0: Floats, p1: Floats, weights: Floats, offsets: Offsets) -> Floats:
    return _sum(_shares(weights, offsets) * (p1 / p0), offsets)


def _largest(values: Floats, offsets: Offsets) -> Floats:
    """Return the largest entry of each pair, 0 for a pair without products."""
    if offsets is None:
        return np.asarray(values.max(axis=0))
    largest = np.zeros(offsets.shape[0] - 1)
    filled = np.flatnonzero(np.diff(offsets) > 0)
    if filled.size:
        largest[filled] = np.maximum.reduceat(values, offsets[filled])
    return largest


def _lloyd_moulton(
    p0: Floats, p1: Floats, q0: Floats, q1: Floats, offsets: Offsets, elasticity: float
) -> Floats:
    if elasticity == 1.0:
        return _geometric_laspeyres(p0, p1, q0, q1, offsets)
    power = 1.0 - elasticity
    s0 = _shares(p0 * q0, offsets)
    # relatives measured from their largest, so that a high elasticity does not overflow
    log_relative = power * np.log(p1 / p0)
    peak = _largest(log_relative, offsets)
    scaled = np.exp(log_relative - _spread(peak, offsets))
    return np.exp((np.log(_sum(s0 * scaled, offsets)) + peak) / power)


@dataclass(frozen=True, slots=True)
class Formula:
    """A bilateral formula and what it needs.

    Attributes
    ----------
    name : str
    equation : str
        The price index in p, q, values v = p q, value shares s and logarithmic means L.
    function : callable
        Takes p0, p1, q0, q1, offsets; where `third` is set p0, p1, weights, offsets; where
        `elastic` is set the elasticity as well.
    relatives : str
        ``"none"``: sums only; ``"base"``: divides by p0; ``"log"``: takes the logarithm of p1/p0
        or divides by p1, so both must be positive.
    third : str
        What a third situation gives as weights: ``"quantity"`` (Lowe), ``"value"`` (Young) or "".
    elastic : bool
        Whether it needs an elasticity of substitution.
    weighted : bool
        False for elementary indices, which count each product once.
    reversible : bool
        Whether it passes the time reversal test, ``P(0, 1) P(1, 0) = 1``.
    """

    name: str
    equation: str
    function: Callable[..., Floats]
    relatives: str = "none"
    third: str = ""
    elastic: bool = False
    weighted: bool = True
    reversible: bool = False

    @property
    def shares_suffice(self) -> bool:
        """Whether value shares can stand for prices in its quantity index.

        True where the index does not change when all prices of one situation are multiplied by
        one factor: ``p = s / q`` then serves.
        """
        return self.weighted and not self.third and self.name not in _NEED_LEVELS


_NEED_LEVELS = frozenset({"marshall_edgeworth", "montgomery_vartia", "stuvel"})
"""Formulas that mix the price levels of both situations."""

_SUMS = (
    Formula("laspeyres", "Σ p1 q0 / Σ p0 q0", _laspeyres),
    Formula("paasche", "Σ p1 q1 / Σ p0 q1", _paasche),
    Formula("drobisch", "½(Laspeyres + Paasche)", _drobisch),
    Formula("fisher", "√(Laspeyres · Paasche)", _fisher, reversible=True),
    Formula("walsh", "Σ p1 √(q0 q1) / Σ p0 √(q0 q1)", _walsh, reversible=True),
    Formula(
        "marshall_edgeworth",
        "Σ p1 (q0 + q1) / Σ p0 (q0 + q1)",
        _marshall_edgeworth,
        reversible=True,
    ),
    Formula(
        "stuvel",
        "½(P − Q) + √(¼(P − Q)² + Σv1/Σv0), P and Q Laspeyres",
        _stuvel,
        reversible=True,
    ),
    Formula("palgrave", "Σ s1 p1/p0", _palgrave, "base"),
    Formula(
        "lowe", "Σ p1 q / Σ p0 q, q of a third situation", _lowe, third="quantity", reversible=True
    ),
    Formula("young", "Σ s p1/p0, s of a third situation", _young, "base", third="value"),
)
_LOGS = (
    Formula("tornqvist", "exp Σ ½(s0 + s1) ln(p1/p0)", _tornqvist, "log", reversible=True),
    Formula(
        "sato_vartia", "exp Σ φ ln(p1/p0), φ ∝ L(s0, s1)", _sato_vartia, "log", reversible=True
    ),
    Formula(
        "montgomery_vartia",
        "exp Σ [L(v0, v1) / L(Σv0, Σv1)] ln(p1/p0)",
        _montgomery_vartia,
        "log",
        reversible=True,
    ),
    Formula("lloyd_moulton", "[Σ s0 (p1/p0)^(1−σ)]^(1/(1−σ))", _lloyd_moulton, "log", elastic=True),
    Formula("geometric_laspeyres", "exp Σ s0 ln(p1/p0)", _geometric_laspeyres, "log"),
    Formula("geometric_paasche", "exp Σ s1 ln(p1/p0)", _geometric_paasche, "log"),
    Formula(
        "geometric_walsh",
        "exp Σ w ln(p1/p0), w ∝ √(s0 s1)",
        _geometric_walsh,
        "log",
        reversible=True,
    ),
    Formula("theil", "exp Σ w ln(p1/p0), w ∝ ∛(½(s0 + s1) s0 s1)", _theil, "log", reversible=True),
)
_ELEMENTARY = (
    Formula("carli", "mean of p1/p0", _carli, "base", weighted=False),
    Formula("harmonic", "1 / mean of p0/p1", _harmonic, "log", weighted=False),
    Formula("cswd", "√(Carli · harmonic)", _cswd, "log", weighted=False, reversible=True),
    Formula("dutot", "Σ p1 / Σ p0", _dutot, weighted=False, reversible=True),
    Formula("jevons", "geometric mean of p1/p0", _jevons, "log", weighted=False, reversible=True),
)
FORMULAS = MappingProxyType({formula.name: formula for formula in (*_SUMS, *_LOGS, *_ELEMENTARY)})
"""Every bilateral formula by name."""


def price_index(
    formula: str,
    p0: Floats,
    p1: Floats,
    q0: Floats,
    q1: Floats,
    offsets: Offsets,
    *,
    weights: Floats | None = None,
    elasticity: float | None = None,
) -> Floats:
    """Return the price index of each pair; the caller guarantees that it is defined.

    Parameters
    ----------
    formula : str
        A name in `FORMULAS`, where the equations stand.
    p0, p1, q0, q1 : (n,) or (k, m) float arrays
        Prices and quantities of the base and the compared situation; one row per product, sorted
        by pair, or a table of products by pairs.
    offsets : (m + 1,) int array or None
        Where each pair's rows start, and n; None for tables.
    weights : (n,) or (k, 1) float array, optional
        Lowe: quantities of the third situation; Young: its values.
    elasticity : float, optional
        Lloyd–Moulton: the elasticity of substitution σ ≥ 0; 1 is the geometric Laspeyres.

    Returns
    -------
    (m,) float array

    References
    ----------
    Balk, B. M. (2008). *Price and Quantity Index Numbers*. Cambridge University Press.

    Examples
    --------
    Two products, one pair:

    >>> p0, p1 = np.array([1.0, 1.0]), np.array([2.0, 1.0])
    >>> q0, q1 = np.array([1.0, 1.0]), np.array([1.0, 3.0])
    >>> pair = np.array([0, 2])
    >>> float(price_index("laspeyres", p0, p1, q0, q1, pair)[0])
    1.5
    >>> float(price_index("paasche", p0, p1, q0, q1, pair)[0])
    1.25
    """
    chosen = FORMULAS[formula]
    if chosen.third:
        return chosen.function(p0, p1, weights, offsets)
    if chosen.elastic:
        return chosen.function(p0, p1, q0, q1, offsets, elasticity)
    return chosen.function(p0, p1, q0, q1, offsets)


def quantity_index(
    formula: str,
    p0: Floats,
    p1: Floats,
    q0: Floats,
    q1: Floats,
    offsets: Offsets,
    *,
    weights: Floats | None = None,
    elasticity: float | None = None,
) -> Floats:
    """Return the quantity index of each pair: the price formula with p and q exchanged.

    `weights` are then prices (Lowe) or values (Young). For Lloyd–Moulton `elasticity` stays that of
    the CES aggregator, whose quantity index has the exponent ``1 − 1/σ``; σ = 1 is the geometric
    Laspeyres.

    Parameters
    ----------
    formula, p0, p1, q0, q1, offsets, weights, elasticity
        As in `price_index`.

    Returns
    -------
    (m,) float array

    Examples
    --------
    >>> p0, p1 = np.array([1.0, 1.0]), np.array([2.0, 1.0])
    >>> q0, q1 = np.array([1.0, 1.0]), np.array([1.0, 3.0])
    >>> float(quantity_index("laspeyres", p0, p1, q0, q1, np.array([0, 2]))[0])
    2.0
    """
    if elasticity is not None:
        elasticity = 1.0 / elasticity
    return price_index(formula, q0, q1, p0, p1, offsets, weights=weights, elasticity=elasticity)


@dataclass(frozen=True, slots=True)
class Bilateral:
    """Indices of m pairs.

    Attributes
    ----------
    index : (m,) float array
        NaN where it is not defined.
    reason : (m,) int8 array
        A code of `REASONS`: 0 where the index is defined.
    """

    index: Floats
    reason: Codes


def bilateral(
    formula: str,
    p0: Floats,
    p1: Floats,
    q0: Floats,
    q1: Floats,
    offsets: Offsets,
    *,
    kind: str = "price",
    implicit: bool = False,
    weights: Floats | None = None,
    elasticity: float | None = None,
) -> Bilateral:
    """Return the index of each pair where it exists, and why not where it does not.

    A pair without products, a formula that would divide by a zero or take its logarithm, and a
    value of zero in a denominator give NaN with a reason: never 1.

    Parameters
    ----------
    formula : str
    p0, p1, q0, q1 : (n,) or (k, m) float arrays, finite
        The products that both situations know, sorted by pair: zero or above; or a table of
        products by pairs: all above zero.
    offsets : (m + 1,) int array or None
        None for tables.
    kind : {"price", "quantity"}
    implicit : bool
        Divide the value ratio by the index of the other kind.
    weights : (n,) or (k, 1) float array, optional
        Lowe and Young: quantities (prices when ``kind="quantity"``), or values.
    elasticity : float, optional
        Lloyd–Moulton.

    Returns
    -------
    Bilateral

    Examples
    --------
    >>> one = np.ones(2)
    >>> result = bilateral("tornqvist", one, 2 * one, one, one, np.array([0, 2, 2]))
    >>> result.index, REASONS[int(result.reason[1])]
    (array([ 2., nan]), 'no product is in both situations')
    """
    chosen = FORMULAS[formula]
    prices = (kind == "price") != implicit
    if chosen.weighted and offsets is not None:
        # a product absent in both situations carries no value
        x0, x1 = (p0, p1) if prices else (q0, q1)
        kept = (x0 > 0) | (x1 > 0)
        if not kept.all():
            offsets = np.concatenate(([0], np.cumsum(kept)))[offsets]
            p0, p1, q0, q1 = p0[kept], p1[kept], q0[kept], q1[kept]
            weights = None if weights is None else weights[kept]
    function = price_index if prices else quantity_index
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if offsets is None and p0.shape[0] == 1:  # of one product every index is its relative
            index = p1[0] / p0[0] if kind == "price" else q1[0] / q0[0]
            return _positive(index)
        index = function(formula, p0, p1, q0, q1, offsets, weights=weights, elasticity=elasticity)
        if implicit:
            index = value_ratio(p0, p1, q0, q1, offsets) / index
    if offsets is None:
        return _positive(index)
    found = _positive(index)
    x0, x1 = (p0, p1) if prices else (q0, q1)
    if chosen.relatives != "none":
        undefined = (x0 <= 0) | (x1 <= 0) if chosen.relatives == "log" else x0 <= 0
        found.reason[group_sums(undefined.astype(np.float64), offsets) > 0] = NOT_POSITIVE
    found.reason[np.diff(offsets) == 0] = NO_OVERLAP
    found.index[found.reason != OK] = np.nan
    return found


def _positive(index: Floats) -> Bilateral:
    """Say where an index has no finite value above zero, and leave it out."""
    reason = np.zeros(index.shape[0], np.int8)
    bad = np.flatnonzero(~((index > 0) & (index < np.inf)))
    reason[bad] = NO_VALUE
    index[bad] = np.nan
    return Bilateral(index, reason)
