"""Line codes of Vietnamese financial statements, by accounting regime and form.

The same code means different things under different circulars: total assets is line 270 under
Circular 200, line 200 under Circular 133 and line 280 under Circular 99, where line 270 is *other
long-term assets*. So a line is never read without its regime and its form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tfp_index.errors import SpecificationError, nearest
from tfp_index.panel.mapping import ReadOnly

__all__ = ["FORMS", "REGIMES", "Form", "Identity", "Regime", "regime"]

FORMS = ("balance", "income", "cash_flow")
"""Balance sheet (B01), income statement (B02), cash flow statement (B03)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One line as a signed sum of others of the same form.

    Attributes
    ----------
    line : str
    terms : tuple of (sign, line)
    may : frozenset of str
        Lines that a statement may lack; the identity is checked when all others are printed.
    """

    line: str
    terms: tuple[tuple[int, str], ...]
    may: frozenset[str] = frozenset()

    def __str__(self) -> str:
        parts = [f"{'+' if sign > 0 else '−'} {line}" for sign, line in self.terms]
        return f"{self.line} = {' '.join(parts).removeprefix('+ ')}"


def _identity(text: str) -> Identity:
    """Read ``"30 = 20 + 21 - 22 + 24?"``; the question mark is for a line that may be absent."""
    line, _, right = text.partition("=")
    terms = re.findall(r"([+-]?)\s*(\d+)(\??)", right)
    return Identity(
        line.strip(),
        tuple((-1 if sign == "-" else 1, code) for sign, code, _ in terms),
        frozenset(code for _, code, mark in terms if mark),
    )


@dataclass(frozen=True)
class Form:
    """One form of a regime.

    Attributes
    ----------
    name : str
        One of `FORMS`.
    mark : str
        As printed at its head, e.g. ``"B01-DN"``.
    lines : mapping of item to codes
        The first code that a statement has is read; more than one where a form was amended.
    identities : tuple of Identity
    labels : mapping of how a line's text begins (plain letters) to its codes
        Lines that are told apart by their text, to notice a statement of another regime.
    """

    name: str
    mark: str
    lines: Mapping[str, tuple[str, ...]]
    identities: tuple[Identity, ...]
    labels: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Regime:
    """An accounting regime.

    Attributes
    ----------
    code : str
    name : mapping of language to text
    forms : mapping of form name to Form
    """

    code: str
    name: Mapping[str, str]
    forms: Mapping[str, Form]


def _form(
    name: str,
    mark: str,
    lines: Mapping[str, str],
    identities: tuple[str, ...],
    labels: Mapping[str, str],
) -> Form:
    return Form(
        name,
        mark,
        ReadOnly({item: tuple(codes.split()) for item, codes in lines.items()}),
        tuple(map(_identity, identities)),
        ReadOnly({text: tuple(codes.split()) for text, codes in labels.items()}),
    )


_INCOME = {
    "gross_revenue": "01",
    "revenue_deductions": "02",
    "net_revenue": "10",
    "cost_of_goods_sold": "11",
    "gross_profit": "20",
    "financial_income": "21",
    "financial_cost": "22",
    "interest": "23",
    "operating_profit": "30",
    "other_income": "31",
    "other_cost": "32",
    "other_profit": "40",
    "profit_before_tax": "50",
    "profit_after_tax": "60",
}
_INCOME_START = ("10 = 01 - 02", "20 = 10 - 11", "40 = 31 - 32", "50 = 30 + 40")
_INCOME_LABELS = {"gia von hang ban": "11", "tong loi nhuan ke toan truoc thue": "50"}


def _income(
    mark: str, costs: Mapping[str, str], operating: str, after_tax: str, labels: Mapping[str, str]
) -> Form:
    return _form(
        "income",
        mark,
        {**_INCOME, **costs},
        (*_INCOME_START, operating, after_tax),
        {**_INCOME_LABELS, **labels},
    )


_LATER_INCOME = _income(
    "B02-DN",
    {"selling_cost": "25", "administrative_cost": "26"},
    # 24: share in associates, in consolidated statements only
    "30 = 20 + 21 - 22 + 24? - 25 - 26",
    "60 = 50 - 51 - 52?",
    {"chi phi ban hang": "25", "chi phi quan ly doanh nghiep": "26"},
)


def _cash_flow(mark: str) -> Form:
    labels = {"khau hao tscd": "02", "khau hao tai san": "02"}
    return _form("cash_flow", mark, {"depreciation": "02"}, (), labels)


_TT200 = Regime(
    "TT200",
    ReadOnly({"vi": "Thông tư 200/2014/TT-BTC", "en": "Circular 200/2014/TT-BTC"}),
    ReadOnly(
        {
            "balance": _form(
                "balance",
                "B01-DN",
                {
                    "current_assets": "100",
                    "cash": "110",
                    "inventory": "140",
                    "fixed_assets": "220",
                    "total_assets": "270",
                    "liabilities": "300",
                    "equity": "400",
                    "total_sources": "440",
                },
                (
                    "100 = 110 + 120 + 130 + 140 + 150",
                    "200 = 210 + 220 + 230 + 240 + 250 + 260",
                    "220 = 221 + 224 + 227",
                    "270 = 100 + 200",
                    "440 = 300 + 400",
                    "270 = 440",
                ),
                {"tong cong tai san": "270", "tong cong nguon von": "440"},
            ),
            "income": _LATER_INCOME,
            "cash_flow": _cash_flow("B03-DN"),
        }
    ),
)

_TT99 = Regime(
    "TT99",
    ReadOnly({"vi": "Thông tư 99/2025/TT-BTC", "en": "Circular 99/2025/TT-BTC"}),
    ReadOnly(
        {
            "balance": _form(
                "balance",
                "B01-DN",
                {
                    "current_assets": "100",
                    "cash": "110",
                    "inventory": "140",
                    "fixed_assets": "220",
                    "total_assets": "280",
                    "liabilities": "300",
                    "equity": "400",
                    "total_sources": "440",
                },
                (
                    "100 = 110 + 120 + 130 + 140 + 150 + 160",
                    "200 = 210 + 220 + 230 + 240 + 250 + 260 + 270",
                    "220 = 221 + 224 + 227",
                    "280 = 100 + 200",
                    "440 = 300 + 400",
                    "280 = 440",
                ),
                {"tong cong tai san": "280", "tong cong nguon von": "440"},
            ),
            "income": _LATER_INCOME,
            "cash_flow": _cash_flow("B03-DN"),
        }
    ),
)

_TT133 = Regime(
    "TT133",
    ReadOnly({"vi": "Thông tư 133/2016/TT-BTC", "en": "Circular 133/2016/TT-BTC"}),
    ReadOnly(
        {
            "balance": _form(
                "balance",
                "B01a-DNN",
                {
                    "cash": "110",
                    "inventory": "140",
                    "fixed_assets": "150",
                    "total_assets": "200",
                    "liabilities": "300",
                    "equity": "400",
                    "total_sources": "500",
                },
                (
                    "150 = 151 + 152",
                    "200 = 110 + 120 + 130 + 140 + 150 + 160 + 170 + 180",
                    "500 = 300 + 400",
                    "200 = 500",
                ),
                {"tong cong tai san": "200", "tong cong nguon von": "500"},
            ),
            "income": _income(
                "B02-DNN",
                {"administrative_cost": "24"},  # selling and administration together
                "30 = 20 + 21 - 22 - 24",
                "60 = 50 - 51",
                {"chi phi quan ly kinh doanh": "24"},
            ),
            "cash_flow": _cash_flow("B03-DNN"),
        }
    ),
)

_QD15 = Regime(
    "QD15",
    ReadOnly({"vi": "Quyết định 15/2006/QĐ-BTC", "en": "Decision 15/2006/QĐ-BTC (older form)"}),
    ReadOnly(
        {
            "balance": _form(
                "balance",
                "B01-DN",
                {
                    "current_assets": "100",
                    "cash": "110",
                    "inventory": "140",
                    "fixed_assets": "220",
                    "total_assets": "270",
                    "liabilities": "300",
                    "equity": "400",
                    "total_sources": "440 430",  # 430 in the first print of the form
                },
                (
                    "270 = 100 + 200",
                    "440 = 300 + 400",
                    "430 = 300 + 400",
                    "270 = 440",
                    "270 = 430",
                ),
                {"tong cong tai san": "270", "tong cong nguon von": "440 430"},
            ),
            "income": _income(
                "B02-DN",
                {"selling_cost": "24", "administrative_cost": "25"},
                "30 = 20 + 21 - 22 - 24 - 25",
                "60 = 50 - 51 - 52?",
                {"chi phi ban hang": "24", "chi phi quan ly doanh nghiep": "25"},
            ),
            "cash_flow": _cash_flow("B03-DN"),
        }
    ),
)

REGIMES: Mapping[str, Regime] = ReadOnly({r.code: r for r in (_TT200, _TT133, _TT99, _QD15)})
"""Regimes by code."""


def regime(code: str | Regime) -> Regime:
    """Return a regime by its code.

    Parameters
    ----------
    code : {"TT200", "TT133", "TT99", "QD15"} or Regime

    Examples
    --------
    >>> [regime(code).forms["balance"].lines["total_assets"] for code in ("TT200", "TT133", "TT99")]
    [('270',), ('200',), ('280',)]
    """
    if isinstance(code, Regime):
        return code
    if code not in REGIMES:
        raise SpecificationError(
            f"there is no accounting regime {code!r}",
            code="unknown_regime",
            expected="one of " + ", ".join(map(repr, REGIMES)),
            remedy=nearest(str(code), REGIMES),
        )
    return REGIMES[code]
