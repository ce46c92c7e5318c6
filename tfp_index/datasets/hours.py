"""Hours worked where a country does not report them: the filling that PWT's own TFP implies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfp_index.errors import DataError

__all__ = ["FilledHours", "fill_hours"]

OBSERVED = "observed"
INTERPOLATED = "interpolated"
REFERENCE_GROWTH = "reference_growth"
REFERENCE_LEVEL = "reference_level"


@dataclass(frozen=True, slots=True)
class FilledHours:
    """Hours without gaps, and where each of them comes from.

    Attributes
    ----------
    hours : (n,) float64
        Average annual hours per person engaged.
    origin : (n,) object
        ``"observed"``, ``"interpolated"``, ``"reference_growth"`` or ``"reference_level"``.
    """

    hours: NDArray[np.float64]
    origin: NDArray[np.object_]


def fill_hours(
    country: ArrayLike, year: ArrayLike, hours: ArrayLike, *, reference: str = "USA"
) -> FilledHours:
    r"""Fill missing average annual hours the way Penn World Table TFP implies.

    With :math:`h_t` the hours of a country, observed first in :math:`a` and last in :math:`b`,
    and :math:`r_t` the hours of the reference country,

    .. math::

        \tilde h_t = \begin{cases}
            h_t & \text{observed} \\
            h_p + \frac{t - p}{q - p} (h_q - h_p)
                & p < t < q \text{, the neighbouring observations} \\
            h_a \, r_t / r_a & t < a \\
            h_b \, r_t / r_b & t > b \\
            r_t & \text{never observed.}
        \end{cases}

    The recipe was found in no documentation of PWT; it is established by the published series:
    with it, the growth of ``rtfpna`` follows from the other columns of PWT 11.0 to
    2e-7 for all 120 countries that have it.

    Parameters
    ----------
    country : (n,) array of labels
        In any order.
    year : (n,) array of int
        One row per country and year.
    hours : (n,) array of float
        Average annual hours per person engaged; NaN where missing.
    reference : str
        The country whose hours stand in. PWT uses the United States.

    Returns
    -------
    FilledHours
        In the order of the rows given.

    Raises
    ------
    DataError
        If a country and year occur twice, hours are not positive and finite, or the reference
        country has no hours in a year in which they are needed.

    Examples
    --------
    >>> filled = fill_hours(
    ...     ["USA", "USA", "USA", "VNM", "VNM", "VNM"], [2000, 2001, 2002] * 2,
    ...     [1800.0, 1782.0, 1764.0, np.nan, 2200.0, np.nan])
    >>> filled.hours.round(1).tolist()
    [1800.0, 1782.0, 1764.0, 2222.2, 2200.0, 2177.8]
    >>> filled.origin[3:].tolist()
    ['reference_growth', 'observed', 'reference_growth']
    """
    labels = np.asarray(country, dtype=object)
    t = np.asarray(year, dtype=np.int64)
    h = np.asarray(hours, dtype=np.float64)
    _refuse_impossible(labels, t, h)
    r = _reference_hours(labels, t, h, reference)
    filled = np.empty_like(h)
    origin = np.empty(h.size, dtype=object)
    for rows in _countries(labels, t):
        filled[rows], origin[rows] = _fill_one(t[rows], h[rows], r[rows])
    lost = np.flatnonzero(np.isnan(filled))
    if lost.size:
        row = int(lost[0])
        raise DataError(
            f"hours are missing and the reference country {reference!r} has none to stand in",
            code="missing_reference",
            entity=labels[row],
            time=int(t[row]),
            remedy=f"keep the rows of {reference!r} in the table, or pass another `reference`",
        )
    return FilledHours(filled, origin)


def _refuse_impossible(
    labels: NDArray[np.object_], t: NDArray[np.int64], h: NDArray[np.float64]
) -> None:
    """Raise if the columns differ in length or hours are not positive and finite."""
    if not labels.shape == t.shape == h.shape or h.ndim != 1:
        raise DataError(
            f"country, year and hours have the shapes {labels.shape}, {t.shape} and {h.shape}",
            code="shape",
            expected="three columns of one length",
        )
    bad = np.flatnonzero(np.isinf(h) | (h <= 0))
    if bad.size:
        row = int(bad[0])
        raise DataError(
            f"hours are {h[row]}",
            code="non_positive",
            column="hours",
            entity=labels[row],
            time=int(t[row]),
            expected="positive and finite, or missing",
        )


def _reference_hours(
    labels: NDArray[np.object_], t: NDArray[np.int64], h: NDArray[np.float64], reference: str
) -> NDArray[np.float64]:
    """Return, for each row, the reference country's hours of that year; NaN where it has none."""
    own = np.flatnonzero((labels == reference) & ~np.isnan(h))
    by_year = dict(zip(t[own].tolist(), h[own].tolist(), strict=True))
    return np.array([by_year.get(y, np.nan) for y in t.tolist()], dtype=np.float64)


def _countries(labels: NDArray[np.object_], t: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of each country in the order of its years."""
    number: dict[Any, int] = {}
    codes = np.array([number.setdefault(x, len(number)) for x in labels.tolist()], dtype=np.int64)
    order = np.lexsort((t, codes))
    same = codes[order][1:] == codes[order][:-1]
    twice = np.flatnonzero(same & (t[order][1:] == t[order][:-1]))
    if twice.size:
        row = int(order[twice[0]])
        raise DataError(
            "a country has two rows in one year",
            code="duplicate_key",
            entity=labels[row],
            time=int(t[row]),
        )
    yield from np.split(order, np.flatnonzero(~same) + 1) if order.size else ()


def _fill_one(
    t: NDArray[np.int64], h: NDArray[np.float64], r: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Fill one country, whose rows are in the order of the years."""
    origin = np.full(h.size, INTERPOLATED, dtype=object)
    seen = np.flatnonzero(~np.isnan(h))
    if not seen.size:
        origin[:] = REFERENCE_LEVEL
        return r, origin
    first, last = seen[0], seen[-1]
    filled = np.interp(t, t[seen], h[seen])
    filled[seen] = h[seen]
    filled[:first] = h[first] * (r[:first] / r[first])
    filled[last + 1 :] = h[last] * (r[last + 1 :] / r[last])
    origin[:first] = origin[last + 1 :] = REFERENCE_GROWTH
    origin[seen] = OBSERVED
    return filled, origin
