from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import labor

MONEY = st.floats(1.0, 1e6)


@given(coe=MONEY, mixed=MONEY, surplus=MONEY, taxes=st.floats(0, 1e6))
def test_gollin_shares_are_ordered_and_between_zero_and_one(coe, mixed, surplus, taxes):
    """All of mixed income to labor is the most; its split like the rest is the second share."""
    arrays = [np.array([v]) for v in (coe, mixed, coe + mixed + surplus + taxes, taxes)]
    first = labor.income_share(*labor.gollin_1(*arrays))
    second = labor.income_share(*labor.gollin_2(*arrays))
    naive = coe / (coe + mixed + surplus)
    assert naive <= second[0] * (1 + 1e-9)
    assert 0 < second[0] <= first[0] * (1 + 1e-9)
    # the second share is labor's share of what remains without mixed income
    np.testing.assert_allclose(second, coe / (coe + surplus), rtol=1e-9)
    # … which is the same as sharing mixed income in that proportion
    np.testing.assert_allclose(second, (coe + second * mixed) / (coe + mixed + surplus), rtol=1e-9)


@given(coe=MONEY, employees=MONEY, others=st.floats(0, 1e6), pay=st.floats(0, 3))
def test_employee_rate_income_adds_what_the_self_employed_would_earn(coe, employees, others, pay):
    income = labor.employee_rate_income(
        np.array([coe]), np.array([employees + others]), np.array([employees]), pay
    )
    np.testing.assert_allclose(income, coe + pay * others * coe / employees, rtol=1e-9)


def test_no_employees_and_no_income_are_missing_not_infinite():
    income = labor.employee_rate_income(np.ones(1), np.ones(1), np.zeros(1))
    assert np.isnan(income).all()
    assert np.isnan(labor.income_share(np.ones(2), np.array([0.0, -5.0]))).all()


def test_human_capital_has_the_three_returns():
    years = np.array([2.0, 6.0, 10.0])
    step = np.log(labor.human_capital(years + 1)) - np.log(labor.human_capital(years))
    np.testing.assert_allclose(step, [0.134, 0.101, 0.068], rtol=1e-12)
