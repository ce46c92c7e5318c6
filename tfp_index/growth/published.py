"""Do published growth accounts hold together? Arithmetic checks on printed figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.panel.frames import FrameReader
from tfp_index.panel.table import Table

__all__ = ["check_published"]

_FACTORS = ("capital", "labor", "tfp")
Floats = NDArray[np.float64]


def check_published(
    frame: Any, *, columns: Mapping[str, str] | None = None, tolerance: float = 0.1
) -> Table:
    r"""Test growth rates and shares of growth that somebody published against each other.

    Three identities, each applied where its figures are there (all in percent):

    1. the shares of growth of capital, labor and TFP sum to 100;
    2. the growth of output is the same from every factor: g_Y = 100 · contribution / share of
       growth, and for TFP the contribution is its growth rate;
    3. the income share that a factor's figures imply, share of growth · g_Y / g_factor, lies
       between 0 and 1. Above one, a contribution has been called a growth rate.

    A figure that cannot be checked is said to be so; nothing is corrected.

    Parameters
    ----------
    frame : table
        One row per published account.
    columns : mapping, optional
        The frame's names for ``output_growth``, ``capital_growth``, ``labor_growth``,
        ``tfp_growth``, ``capital_share_of_growth``, ``labor_share_of_growth`` and
        ``tfp_share_of_growth`` (percent); those that are absent count as not published.
    tolerance : float
        Percentage points that the rounding of printed figures may explain.

    Returns
    -------
    Table
        row, implied_output_growth, implied_capital_share, implied_labor_share, verdict
        (``"consistent"``, ``"inconsistent"`` or ``"not checkable"``), reason.

    Examples
    --------
    Hà Giang, 2011–2020: growth of 11.59 (capital) and 1.36 (TFP), shares above 88 and of 10.26 %.

    >>> table = check_published({"capital_growth": [11.59], "tfp_growth": [1.36],
    ...     "capital_share_of_growth": [88.0], "tfp_share_of_growth": [10.26]})
    >>> print(table["verdict"][0], "-", table["reason"][0])
    inconsistent - capital would earn 100.6 % of income: a contribution printed as a growth rate?
    """
    reader = FrameReader(frame)
    names = dict(columns or {})

    def read(role: str) -> Floats:
        name = names.get(role, role)
        if name in reader.names or role in names:
            return reader.numbers(name)
        return np.full(len(reader), np.nan)

    figures = {
        role: read(role)
        for role in (
            "output_growth",
            *(f"{f}_growth" for f in _FACTORS),
            *(f"{f}_share_of_growth" for f in _FACTORS),
        )
    }
    rows = [
        _judge({role: float(v[i]) for role, v in figures.items()}, tolerance)
        for i in range(len(reader))
    ]
    return Table(
        {
            "row": np.arange(1, len(rows) + 1),
            "implied_output_growth": np.array([r[0] for r in rows], np.float64),
            "implied_capital_share": np.array([r[1] for r in rows], np.float64),
            "implied_labor_share": np.array([r[2] for r in rows], np.float64),
            "verdict": [r[3] for r in rows],
            "reason": [r[4] for r in rows],
        },
        "Consistency of published growth accounts",
        (f"percent; {tolerance:g} points are left to rounding",),
        reader.backend,
    )


def _judge(x: Mapping[str, float], tolerance: float) -> tuple[float, float, float, str, str]:
    faults = []
    checks = 0
    shares = [x[f"{factor}_share_of_growth"] for factor in _FACTORS]
    if not np.isnan(shares).any():
        checks += 1
        total = sum(shares)
        if abs(total - 100.0) > max(tolerance, 0.15):
            faults.append(f"the shares of growth sum to {total:.2f}")
    tfp, tfp_share, output = x["tfp_growth"], x["tfp_share_of_growth"], x["output_growth"]
    implied = 100.0 * tfp / tfp_share if tfp_share else np.nan
    if np.isfinite(implied) and np.isfinite(output):
        checks += 1
        printed = 100.0 * tfp / output if output else np.nan
        if not abs(printed - tfp_share) <= tolerance:
            faults.append(
                f"TFP growth is {printed:.2f} % of output growth, but its share reads {tfp_share:g}"
            )
    growth = output if np.isfinite(output) else implied
    income = {}
    for factor, name in (("capital", "capital"), ("labor", "labor")):
        share, rate = x[f"{factor}_share_of_growth"], x[f"{factor}_growth"]
        income[factor] = share * growth / (100.0 * rate) if rate else np.nan
        if np.isfinite(income[factor]):
            checks += 1
            if not 0.0 < income[factor] < 1.0:
                faults.append(
                    f"{name} would earn {100 * income[factor]:.1f} % of income: a contribution "
                    "printed as a growth rate?"
                )
    verdict = "inconsistent" if faults else "consistent" if checks else "not checkable"
    reason = "; ".join(faults) or ("" if checks else "too few figures are published")
    return growth, income["capital"], income["labor"], verdict, reason
