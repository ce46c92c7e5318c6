from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import services
from tfp_index.kernels.services import MISSING, NO_PREVIOUS, NOT_POSITIVE, OK, UNMATCHED


def layout(entities, periods, kinds):
    """Rows sorted by entity, kind, period; their cells, lags and the cells' predecessors."""
    e, k, t = np.meshgrid(np.arange(entities), np.arange(kinds), np.arange(periods), indexing="ij")
    e, k, t = e.ravel(), k.ravel(), t.ravel()
    cell = e * periods + t
    lag = np.where(t > 0, np.arange(e.shape[0]) - 1, -1)
    previous = np.where(
        np.arange(entities * periods) % periods, np.arange(entities * periods) - 1, -1
    )
    return cell, lag, previous


@given(
    st.integers(1, 3),
    st.integers(2, 6),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_ex_post_user_cost_exhausts_income(entities, periods, kinds, seed, taxed):
    rng = np.random.default_rng(seed)
    cell, lag, previous = layout(entities, periods, kinds)
    n = cell.shape[0]
    stock, price = rng.uniform(0.1, 9, (2, n))
    delta = rng.uniform(0, 0.4, n)
    income = rng.uniform(-5, 50, previous.shape[0])
    tax = (rng.uniform(0.8, 1.3, n), rng.uniform(0, 0.02, n)) if taxed else ()
    gain = services.price_growth(price, lag, 1)
    rate = services.internal_rate(income, stock, price, lag, cell, delta, gain, *tax)
    cost = services.user_cost(rate[cell], price, lag, delta, gain, *tax)
    total = services.cell_sums(cost * stock, cell, previous.shape[0])
    inner = previous >= 0
    scale = services.cell_sums(np.abs(cost) * stock, cell, previous.shape[0])[inner]
    assert (np.abs(total - income)[inner] <= 1e-12 * scale).all()
    assert np.isnan(rate[~inner]).all()


def test_internal_rate_ignores_assets_that_are_not_there():
    cell, lag, _ = layout(1, 2, 2)
    stock = np.array([100.0, 100.0, 0.0, 0.0])
    price = np.array([1.0, 1.02, np.nan, np.nan])
    gain = services.price_growth(price, lag)
    income = np.array([np.nan, 16.2])
    rate = services.internal_rate(income, stock, price, lag, cell, np.full(4, 0.1), gain)
    np.testing.assert_allclose(rate, [np.nan, 0.08])
    stock[2:] = 1.0  # now its price is needed
    assert np.isnan(
        services.internal_rate(income, stock, price, lag, cell, np.full(4, 0.1), gain)
    ).all()


def test_user_cost_in_steady_state_equals_the_price_of_services():
    """At constant prices and one asset, u/p = i + δ, and its present value is the price."""
    i, delta = 0.07, 0.12
    cost = services.user_cost(
        np.full(2, i), np.ones(2), np.array([-1, 0]), np.full(2, delta), np.zeros(2)
    )[1]
    np.testing.assert_allclose(cost, i + delta)
    ages = np.arange(2000.0)
    with np.errstate(under="ignore"):
        worth = cost * ((1 - delta) ** ages / (1 + i) ** (ages + 1)).sum()
    np.testing.assert_allclose(worth, 1.0, rtol=1e-12)


def test_user_cost_is_unit_free():
    rng = np.random.default_rng(2)
    cell, lag, previous = layout(2, 5, 3)
    n = cell.shape[0]
    stock, price = rng.uniform(1, 9, (2, n))
    income = rng.uniform(20, 50, previous.shape[0])
    unit = np.repeat(rng.uniform(0.1, 10, 6), 5)  # each asset counted in another unit

    def fit(k, p):
        gain = services.price_growth(p, lag, 1)
        rate = services.internal_rate(income, k, p, lag, cell, np.full(n, 0.1), gain)
        cost = services.user_cost(rate[cell], p, lag, np.full(n, 0.1), gain)
        return rate, services.service_growth(k, cost * k, cell, lag, previous).growth

    for ours, other in zip(fit(stock, price), fit(stock * unit, price / unit), strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-9)


def test_price_growth_averages_what_exists():
    price = np.array([1.0, 1.1, 1.1 * 1.2, 1.1 * 1.2 * 1.3, np.nan, 2.0])
    lag = np.array([-1, 0, 1, 2, 3, 4])
    np.testing.assert_allclose(
        services.price_growth(price, lag), [np.nan, 0.1, 0.2, 0.3, np.nan, np.nan]
    )
    np.testing.assert_allclose(
        services.price_growth(price, lag, 1), [np.nan, 0.15, 0.2, 0.25, np.nan, np.nan]
    )
    np.testing.assert_allclose(
        services.price_growth(price, lag, 5), [np.nan, 0.2, 0.2, 0.2, np.nan, np.nan]
    )


def test_floor_keeps_the_total_and_leaves_other_cells_alone():
    cost = np.array([-0.1, 0.3, 0.2, -5.0, 1.0, -0.3])
    stock = np.array([10.0, 20.0, 30.0, 1.0, 1.0, 0.0])
    cell = np.array([0, 0, 1, 2, 2, 1])
    lifted = services.floor_user_cost(cost, stock, np.ones(6), cell, 3, 0.001)
    before, after = (services.cell_sums(c * stock, cell, 3) for c in (cost, lifted))
    np.testing.assert_allclose(after, before, rtol=1e-13)
    assert (lifted[:2] > 0).all()
    # no low cost among assets in use; a total that is negative cannot be kept with positive costs
    assert lifted[2:].tolist() == cost[2:].tolist()


def loop_growth(quantity, value, cell, lag, previous, timing):
    growth = np.full(previous.shape[0], np.nan)
    for c in np.flatnonzero(previous >= 0):
        rows = [r for r in np.flatnonzero(cell == c) if quantity[r] > 0]
        t1, t0 = value[rows].sum(), value[lag[rows]].sum()
        terms = []
        for r in rows:
            s1, s0 = value[r] / t1, value[lag[r]] / t0
            w = {"average": (s1 + s0) / 2, "current": s1, "lagged": s0}[timing]
            terms.append(w * np.log(quantity[r] / quantity[lag[r]]))
        growth[c] = sum(terms)
    return growth


@pytest.mark.parametrize("timing", ["average", "current", "lagged"])
def test_service_growth_equals_a_loop(timing):
    rng = np.random.default_rng(4)
    cell, lag, previous = layout(4, 6, 3)
    quantity, value = rng.uniform(0.5, 4, (2, cell.shape[0]))
    out = services.service_growth(quantity, value, cell, lag, previous, timing=timing)
    np.testing.assert_allclose(
        out.growth, loop_growth(quantity, value, cell, lag, previous, timing), rtol=1e-12
    )
    np.testing.assert_allclose(
        services.cell_sums(np.nan_to_num(out.contribution), cell, 24), np.nan_to_num(out.growth)
    )
    np.testing.assert_allclose(services.cell_sums(out.share, cell, 24), 1.0)


def test_proportional_growth_and_one_kind():
    rng = np.random.default_rng(9)
    cell, lag, previous = layout(1, 2, 4)
    quantity, value = rng.uniform(1, 2, (2, 8))
    quantity[1::2] = quantity[::2] * 1.3
    out = services.service_growth(quantity, value, cell, lag, previous)
    np.testing.assert_allclose(out.growth[1], np.log(1.3), rtol=1e-13)


def test_kinds_that_come_go_or_lack_a_value_are_never_dropped_in_silence():
    # one entity, two kinds over five periods
    cell, lag, previous = layout(1, 5, 2)
    quantity = np.array([1.0, 1.0, 1.0, 1.0, 1.1, 0.0, 0.0, 2.0, 2.0, 2.2])
    value = np.ones(10)
    out = services.service_growth(quantity, value, cell, lag, previous)
    assert out.status.tolist() == [NO_PREVIOUS, OK, UNMATCHED, OK, OK]
    np.testing.assert_allclose(out.growth, [np.nan, 0.0, np.nan, 0.0, np.log(1.1)], atol=1e-15)
    matched = services.service_growth(quantity, value, cell, lag, previous, matched_only=True)
    assert matched.status.tolist() == [NO_PREVIOUS, OK, OK, OK, OK]
    # a value missing at a positive quantity spoils both changes it enters
    value[2] = np.nan
    assert services.service_growth(quantity, value, cell, lag, previous).status.tolist() == [
        NO_PREVIOUS, OK, MISSING, MISSING, OK
    ]  # fmt: skip
    # … but only one of them when shares are those of the later period
    current = services.service_growth(
        quantity, value, cell, lag, previous, timing="current", matched_only=True
    )
    assert current.status.tolist() == [NO_PREVIOUS, OK, MISSING, OK, OK]
    quantity[8] = -1.0
    assert services.service_growth(quantity, np.ones(10), cell, lag, previous).status.tolist() == [
        NO_PREVIOUS, OK, UNMATCHED, NOT_POSITIVE, NOT_POSITIVE
    ]  # fmt: skip


def test_a_row_that_vanishes_is_an_exit():
    # the second kind has no row in the second period
    out = services.service_growth(
        np.array([1.0, 1.2, 5.0]),
        np.ones(3),
        np.array([0, 1, 0]),
        np.array([-1, 0, -1]),
        np.array([-1, 0]),
    )
    assert out.status.tolist() == [NO_PREVIOUS, UNMATCHED]
