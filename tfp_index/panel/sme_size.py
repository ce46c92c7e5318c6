"""Size classes of enterprises by Decree 80/2021/NĐ-CP on small and medium-sized enterprises."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.panel.concordance import VSIC_2025_SECTIONS
from tfp_index.panel.keys import Category
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.panel import Panel

__all__ = ["SIZES", "size_classes", "with_sme_size"]

Floats = NDArray[np.float64]

SIZES = ("siêu nhỏ", "nhỏ", "vừa", "lớn")
"""Micro, small, medium; large is what is none of them."""

# persons, revenue and total capital in billion VND; Decree 80/2021/NĐ-CP, Article 5
_PRODUCTION = ((10.0, 3.0, 3.0), (100.0, 50.0, 20.0), (200.0, 200.0, 100.0))
_TRADE = ((10.0, 10.0, 3.0), (50.0, 100.0, 50.0), (100.0, 300.0, 100.0))


def size_classes(
    labor: Floats, revenue: Floats, capital: Floats, trade: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """Return the size class of enterprises by Decree 80/2021/NĐ-CP, Article 5.

    An enterprise is in the smallest class whose limits it keeps: persons, and revenue *or* total
    capital.

    Parameters
    ----------
    labor : (n,) float array
        Yearly mean of persons with social insurance.
    revenue, capital : (n,) float arrays
        In billion VND, NaN = not known.
    trade : (n,) bool array
        True for trade and services; False for agriculture, forestry, fishery, industry and
        construction.

    Returns
    -------
    (n,) int8 array
        Place in `SIZES`; -1 where missing values leave the class open.

    Examples
    --------
    >>> a = np.array
    >>> size_classes(a([10.0, 11.0]), a([3.0, 3.0]), a([np.nan, 9.0]), a([False, False])).tolist()
    [0, 1]
    """
    n = labor.shape[0]
    out = np.full(n, len(SIZES) - 1, np.int8)
    open_ = np.ones(n, bool)
    for place, limits in enumerate(zip(_PRODUCTION, _TRADE, strict=True)):
        L, R, C = (np.where(trade, t, p) for p, t in zip(*limits, strict=True))
        few, yes = labor <= L, (revenue <= R) | (capital <= C)
        out[open_ & few & yes] = place
        # not knowing matters only where it could still decide
        unknown_money = ~yes & (np.isnan(revenue) | np.isnan(capital))
        unknown = (np.isnan(labor) & (yes | unknown_money)) | (few & unknown_money)
        out[open_ & unknown & ~(few & yes)] = -1
        open_ &= ~((few & yes) | unknown)
    return out


def with_sme_size(
    panel: Panel,
    *,
    labor: str = "labor",
    revenue: str = "output",
    capital: str = "total_capital",
    section: str = "industry",
    unit: float,
    name: str = "size",
) -> Panel:
    """Return the panel with a grouping of size classes by Decree 80/2021/NĐ-CP.

    Parameters
    ----------
    panel : Panel
    labor, revenue, capital : str
        Roles; revenue and capital in current prices. One of the two may be absent.
    section : str
        Grouping whose labels begin with the letter of the VSIC section: A to F are agriculture,
        industry and construction, G and later letters trade and services, in VSIC 2018 and 2025.
    unit : float
        What one unit of revenue and capital is in billion VND; 0.001 for million VND.
    name : str
        Name of the new grouping.

    Raises
    ------
    DataError
        If a role or grouping is absent, or a label does not begin with a section's letter.
    """
    category = panel.group(section)
    letters = [str(label)[:1].upper() for label in category.labels.tolist()]
    bad = [label for label, letter in zip(category.labels.tolist(), letters, strict=True)
           if letter not in VSIC_2025_SECTIONS]  # fmt: skip
    if bad:
        raise DataError(
            f"{bad[0]!r} does not begin with the letter of a VSIC section",
            code="unknown_code",
            column=category.column,
            expected="labels such as 'C' or 'C10'",
        )
    if revenue not in panel and capital not in panel:
        panel[revenue]
    is_trade = np.array([letter >= "G" for letter in letters] + [False])

    def level(role: str) -> Floats:
        if role not in panel:
            return np.full(panel.n_rows, np.nan)
        return np.exp(panel[role]) if panel.logs else panel[role]

    panel[labor]
    money = unit * level(revenue), unit * level(capital)
    codes = size_classes(level(labor), money[0], money[1], is_trade[category.codes]).astype(
        np.int64
    )
    codes[category.codes < 0] = -1
    size = Category(codes, np.array(SIZES, object), name)
    return dataclasses.replace(panel, groups=ReadOnly({**panel.groups, name: size}))
