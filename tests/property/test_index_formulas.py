"""The axioms of index numbers: where they hold, and where they must fail."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfp_index.kernels.index_formulas import FORMULAS, Formula, price_index

ALL = list(FORMULAS.values())
WEIGHTED = [f for f in ALL if f.weighted]
FACTOR_REVERSIBLE = {"fisher", "sato_vartia", "montgomery_vartia", "stuvel"}
CIRCULAR = {"lowe", "dutot", "jevons"}
# Montgomery–Vartia is the known exception: its weights sum to less than one
NOT_PROPORTIONAL = {"montgomery_vartia"}
# neither is a weighted mean of the relatives
NOT_A_MEAN = {"montgomery_vartia", "stuvel"}
# Dutot adds prices of different things
NOT_UNIT_INVARIANT = {"dutot"}
# sums of at most six positive terms of like size
ROUNDING = 1e-12
# a failing axiom fails visibly in the fixed example below, far above rounding
VISIBLE = 1e-4

EXAMPLE = (
    np.array([1.0, 1.0, 1.0]),
    np.array([1.6, 0.7, 2.5]),
    np.array([2.0, 1.0, 4.0]),
    np.array([1.0, 3.0, 1.0]),
    np.array([1.0, 2.0, 3.0]),
)
FURTHER = (np.array([0.6, 1.9, 1.2]), np.array([5.0, 0.5, 2.0]))


def index(f: Formula, p0, p1, q0, q1, weights) -> float:
    pair = np.array([0, p0.shape[0]])
    extra: dict = {"weights": weights} if f.third else {}
    if f.elastic:
        extra["elasticity"] = 0.6
    return float(price_index(f.name, p0, p1, q0, q1, pair, **extra)[0])


@st.composite
def situations(draw: st.DrawFn, number: int = 2) -> tuple[np.ndarray, ...]:
    """Draw prices and quantities of some situations, and weights of a third."""
    k = draw(st.integers(1, 6))
    values = arrays(float, k, elements=st.floats(0.05, 20.0))
    return tuple(draw(values) for _ in range(2 * number + 1))


def but(names: set[str]) -> list[Formula]:
    return [f for f in ALL if f.name not in names]


@given(situations())
def test_identity(data):
    p0, _, q0, q1, w = data
    for f in ALL:
        assert index(f, p0, p0, q0, q1, w) == pytest.approx(1.0, rel=ROUNDING), f.name


@given(situations(), st.floats(0.01, 100.0))
def test_proportionality(data, factor):
    p0, _, q0, q1, w = data
    for f in but(NOT_PROPORTIONAL):
        found = index(f, p0, factor * p0, q0, q1, w)
        assert found == pytest.approx(factor, rel=ROUNDING), f.name


def test_proportionality_fails_for_montgomery_vartia():
    p0, _, q0, q1, w = EXAMPLE
    assert abs(index(FORMULAS["montgomery_vartia"], p0, 3 * p0, q0, q1, w) - 3) > VISIBLE


@given(situations(), st.integers(0, 1000))
def test_units_do_not_matter(data, seed):
    p0, p1, q0, q1, w = data
    unit = np.exp(np.random.default_rng(seed).uniform(-7, 7, p0.shape[0]))
    for f in but(NOT_UNIT_INVARIANT):
        weights = w * unit if f.third == "quantity" else w
        before = index(f, p0, p1, q0, q1, w)
        after = index(f, p0 / unit, p1 / unit, q0 * unit, q1 * unit, weights)
        assert after == pytest.approx(before, rel=ROUNDING), f.name


def test_units_matter_for_dutot():
    p0, p1, q0, q1, w = EXAMPLE
    unit = np.array([1.0, 100.0, 1.0])
    before = index(FORMULAS["dutot"], p0, p1, q0, q1, w)
    assert abs(index(FORMULAS["dutot"], p0 / unit, p1 / unit, q0, q1, w) - before) > VISIBLE


@given(situations())
def test_time_reversal(data):
    p0, p1, q0, q1, w = data
    for f in (f for f in ALL if f.reversible):
        forth, back = index(f, p0, p1, q0, q1, w), index(f, p1, p0, q1, q0, w)
        assert forth * back == pytest.approx(1.0, rel=ROUNDING), f.name


@pytest.mark.parametrize("f", [f for f in ALL if not f.reversible], ids=lambda f: f.name)
def test_time_reversal_fails_where_it_should(f):
    p0, p1, q0, q1, w = EXAMPLE
    assert abs(index(f, p0, p1, q0, q1, w) * index(f, p1, p0, q1, q0, w) - 1) > VISIBLE


@given(situations())
def test_factor_reversal(data):
    p0, p1, q0, q1, w = data
    for f in (FORMULAS[name] for name in FACTOR_REVERSIBLE):
        both = index(f, p0, p1, q0, q1, w) * index(f, q0, q1, p0, p1, w)
        assert both == pytest.approx((p1 @ q1) / (p0 @ q0), rel=ROUNDING), f.name


@pytest.mark.parametrize(
    "f", [f for f in WEIGHTED if f.name not in FACTOR_REVERSIBLE], ids=lambda f: f.name
)
def test_factor_reversal_fails_where_it_should(f):
    p0, p1, q0, q1, w = EXAMPLE
    both = index(f, p0, p1, q0, q1, w) * index(f, q0, q1, p0, p1, w)
    assert abs(both / ((p1 @ q1) / (p0 @ q0)) - 1) > VISIBLE


@given(situations(3))
def test_circularity(data):
    p0, p1, p2, q0, q1, q2, w = data
    for f in (FORMULAS[name] for name in CIRCULAR):
        steps = index(f, p0, p1, q0, q1, w) * index(f, p1, p2, q1, q2, w)
        assert steps == pytest.approx(index(f, p0, p2, q0, q2, w), rel=ROUNDING), f.name


@pytest.mark.parametrize("f", but(CIRCULAR), ids=lambda f: f.name)
def test_circularity_fails_where_it_should(f):
    p0, p1, q0, q1, w = EXAMPLE
    p2, q2 = FURTHER
    steps = index(f, p0, p1, q0, q1, w) * index(f, p1, p2, q1, q2, w)
    assert abs(steps / index(f, p0, p2, q0, q2, w) - 1) > VISIBLE


@given(situations())
def test_fisher_and_its_kin_lie_between_laspeyres_and_paasche(data):
    p0, p1, q0, q1, w = data
    bounds = sorted(index(FORMULAS[n], p0, p1, q0, q1, w) for n in ("laspeyres", "paasche"))
    for name in ("fisher", "drobisch", "marshall_edgeworth"):
        found = index(FORMULAS[name], p0, p1, q0, q1, w)
        assert bounds[0] * (1 - ROUNDING) <= found <= bounds[1] * (1 + ROUNDING), name


@given(situations())
def test_the_index_lies_among_the_relatives(data):
    p0, p1, q0, q1, w = data
    relatives = p1 / p0
    for f in but(NOT_A_MEAN):
        found = index(f, p0, p1, q0, q1, w)
        assert found >= relatives.min() * (1 - ROUNDING), f.name
        assert found <= relatives.max() * (1 + ROUNDING), f.name


@given(situations(), st.integers(0, 1000))
def test_the_order_of_products_does_not_matter(data, seed):
    p0, p1, q0, q1, w = data
    order = np.random.default_rng(seed).permutation(p0.shape[0])
    for f in ALL:
        shuffled = index(f, p0[order], p1[order], q0[order], q1[order], w[order])
        assert shuffled == pytest.approx(index(f, p0, p1, q0, q1, w), rel=ROUNDING), f.name


@given(situations(), st.floats(0.01, 100.0), st.floats(0.01, 100.0))
def test_which_quantity_indices_need_value_shares_only(data, scale0, scale1):
    p0, p1, q0, q1, w = data
    for f in (f for f in ALL if f.shares_suffice):
        before = index(f, q0, q1, p0, p1, w)
        after = index(f, q0, q1, scale0 * p0, scale1 * p1, w)
        assert after == pytest.approx(before, rel=ROUNDING), f.name


@pytest.mark.parametrize(
    "f", [f for f in WEIGHTED if not f.shares_suffice and not f.third], ids=lambda f: f.name
)
def test_which_quantity_indices_need_more_than_value_shares(f):
    p0, p1, q0, q1, w = EXAMPLE
    assert abs(index(f, q0, q1, p0, 5 * p1, w) - index(f, q0, q1, p0, p1, w)) > VISIBLE
