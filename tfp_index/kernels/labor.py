"""Labor's share of income, with the self-employed counted, and the quality of labor.

Income of the self-employed pays for their labor and their capital at once and no account
separates the two. Each function below is one convention about it: it returns the income of labor
and the income it is compared with, and the share is their ratio.

The three adjustments of Gollin (2002) are in the form that the literature gives for "Getting
income shares right", not checked against the printed source.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "employee_rate_income",
    "gollin_1",
    "gollin_2",
    "gollin_3",
    "human_capital",
    "income_share",
]

Floats = NDArray[np.float64]


def gollin_1(
    compensation: Floats, mixed_income: Floats, value_added: Floats, net_taxes: Floats | float = 0.0
) -> tuple[Floats, Floats]:
    """Count all mixed income as labor's: ``(COE + OSPUE) / (GDP − T)``.

    Parameters
    ----------
    compensation, mixed_income, value_added : (n,) float arrays
        Compensation of employees, operating surplus of private unincorporated enterprises, GDP.
    net_taxes : (n,) float array or float
        Taxes less subsidies on products, where value added includes them.

    Returns
    -------
    income, base : (n,) float arrays

    Examples
    --------
    >>> income, base = gollin_1(np.array([40.0]), np.array([20.0]), np.array([100.0]), 10.0)
    >>> income_share(income, base).round(4)
    array([0.6667])
    """
    return compensation + mixed_income, value_added - net_taxes


def gollin_2(
    compensation: Floats, mixed_income: Floats, value_added: Floats, net_taxes: Floats | float = 0.0
) -> tuple[Floats, Floats]:
    """Split mixed income like the rest of the economy: ``COE / (GDP − T − OSPUE)``.

    Parameters and returns as in `gollin_1`. The income is that of employees, and the base leaves
    mixed income out.

    Examples
    --------
    >>> income, base = gollin_2(np.array([40.0]), np.array([20.0]), np.array([100.0]), 10.0)
    >>> income_share(income, base).round(4)
    array([0.5714])
    """
    return compensation, value_added - net_taxes - mixed_income


def employee_rate_income(
    compensation: Floats, employed: Floats, employees: Floats, relative_pay: float = 1.0
) -> Floats:
    """Return labor income when the self-employed earn a multiple of what employees do.

    ``COE · (1 + ρ (employed − employees) / employees)``, counted in persons or in hours; with
    ``ρ = 1`` it is ``COE · employed / employees``.

    Parameters
    ----------
    compensation : (n,) float array
    employed, employees : (n,) float arrays
        All persons employed (or their hours), and employees among them.
    relative_pay : float
        Labor income of a self-employed person (or hour) over that of an employee, ρ.

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> employee_rate_income(np.array([40.0]), np.array([15.0]), np.array([10.0]))
    array([60.])
    >>> employee_rate_income(np.array([40.0]), np.array([15.0]), np.array([10.0]), 0.5)
    array([50.])
    """
    some = np.where(employees > 0.0, employees, np.nan)
    return compensation * (1.0 + relative_pay * (employed - employees) / some)


def gollin_3(
    compensation: Floats,
    employed: Floats,
    employees: Floats,
    value_added: Floats,
    net_taxes: Floats | float = 0.0,
) -> tuple[Floats, Floats]:
    """Pay the self-employed like employees: ``COE · (employed / employees) / (GDP − T)``.

    EU KLEMS has the same form with hours worked instead of persons and value added that holds no
    taxes on products: ``LAB = COMP · H_EMP / H_EMPE``.

    Parameters
    ----------
    compensation, value_added : (n,) float arrays
    employed, employees : (n,) float arrays
        Persons or hours.
    net_taxes : (n,) float array or float

    Returns
    -------
    income, base : (n,) float arrays

    Examples
    --------
    >>> income, base = gollin_3(np.array([40.0]), np.array([15.0]), np.array([10.0]),
    ...                         np.array([100.0]), 10.0)
    >>> income_share(income, base).round(4)
    array([0.6667])
    """
    return employee_rate_income(compensation, employed, employees), value_added - net_taxes


def income_share(income: Floats, base: Floats) -> Floats:
    """Return ``income / base``, missing where the base is not positive.

    Examples
    --------
    >>> income_share(np.array([3.0, 3.0]), np.array([4.0, 0.0]))
    array([0.75,  nan])
    """
    return income / np.where(base > 0.0, base, np.nan)


def human_capital(schooling: Floats) -> Floats:
    """Return human capital per worker from years of schooling, as the Penn World Table does.

    ``ln hc = 0.134·min(s, 4) + 0.101·min(max(s − 4, 0), 4) + 0.068·max(s − 8, 0)``, returns to
    schooling by Psacharopoulos, in the form given by the documentation of the Penn World Table
    as recalled, not checked against the printed source.

    Parameters
    ----------
    schooling : (n,) float array
        Mean years of schooling, not negative.

    Returns
    -------
    (n,) float array, 1 without schooling

    Examples
    --------
    >>> human_capital(np.array([0.0, 4.0, 8.0, 12.0])).round(4)
    array([1.    , 1.7092, 2.56  , 3.3602])
    """
    first = np.minimum(schooling, 4.0)
    second = np.clip(schooling - 4.0, 0.0, 4.0)
    third = np.maximum(schooling - 8.0, 0.0)
    return np.exp(0.134 * first + 0.101 * second + 0.068 * third)
