from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tfp_index.kernels.index_formulas import (
    FORMULAS,
    NO_OVERLAP,
    NO_VALUE,
    NOT_POSITIVE,
    OK,
    bilateral,
    logarithmic_mean,
    price_index,
)

ONE_PAIR = np.array([0, 2])
P0, P1 = np.array([1.0, 2.0]), np.array([3.0, 1.0])
Q0, Q1 = np.array([4.0, 1.0]), np.array([1.0, 5.0])
LOG_FORMULAS = [name for name, f in FORMULAS.items() if f.relatives == "log"]


def options(name: str, n: int = 2) -> dict[str, object]:
    if FORMULAS[name].third:
        return {"weights": np.linspace(1.0, 2.0, n)}
    return {"elasticity": 0.7} if FORMULAS[name].elastic else {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # by hand from the definitions, with p0 = (1, 2), p1 = (3, 1), q0 = (4, 1), q1 = (1, 5):
        # values at p0 of q0 are 6, of q1 11; at p1 of q0 13, of q1 8
        ("laspeyres", 13 / 6),
        ("paasche", 8 / 11),
        ("fisher", (13 / 6 * 8 / 11) ** 0.5),
        ("drobisch", (13 / 6 + 8 / 11) / 2),
        ("marshall_edgeworth", 21 / 17),
        ("walsh", (3 * 2 + 5**0.5) / (2 + 2 * 5**0.5)),
        ("tornqvist", 3 ** ((4 / 6 + 3 / 8) / 2) * 0.5 ** ((2 / 6 + 5 / 8) / 2)),
        ("geometric_laspeyres", 3 ** (4 / 6) * 0.5 ** (2 / 6)),
        ("geometric_paasche", 3 ** (3 / 8) * 0.5 ** (5 / 8)),
        ("palgrave", 3 * 3 / 8 + 0.5 * 5 / 8),
        ("carli", 1.75),
        ("harmonic", 2 / (1 / 3 + 2)),
        ("dutot", 4 / 3),
        ("jevons", 1.5**0.5),
        ("cswd", (1.75 * 2 / (1 / 3 + 2)) ** 0.5),
    ],
)
def test_formulas_equal_their_definitions(name, expected):
    found = price_index(name, P0, P1, Q0, Q1, ONE_PAIR)
    assert found[0] == pytest.approx(expected, rel=1e-14)


def test_stuvel_solves_its_defining_quadratic():
    # P − L_p = Q − L_q and P · Q = value ratio
    price = price_index("stuvel", P0, P1, Q0, Q1, ONE_PAIR)[0]
    quantity = price_index("stuvel", Q0, Q1, P0, P1, ONE_PAIR)[0]
    assert price * quantity == pytest.approx(8 / 6, rel=1e-14)
    assert price - 13 / 6 == pytest.approx(quantity - 11 / 6, rel=1e-13)


def test_stuvel_does_not_cancel_where_quantities_rise_far_more_than_prices():
    p0, p1 = np.array([0.0625, 0.0625]), np.array([18.0, 0.25])
    q0, q1 = np.array([4.5, 0.0546875]), np.array([0.0546875, 0.0546875])
    forth = price_index("stuvel", p0, p1, q0, q1, ONE_PAIR)[0]
    back = price_index("stuvel", p1, p0, q1, q0, ONE_PAIR)[0]
    assert forth * back == pytest.approx(1.0, rel=1e-15)


def test_lowe_and_young_take_the_third_situation():
    weights = np.array([2.0, 3.0])
    lowe = price_index("lowe", P0, P1, Q0, Q1, ONE_PAIR, weights=weights)[0]
    young = price_index("young", P0, P1, Q0, Q1, ONE_PAIR, weights=weights)[0]
    assert lowe == pytest.approx((3 * 2 + 1 * 3) / (1 * 2 + 2 * 3), rel=1e-15)
    assert young == pytest.approx(3 * 2 / 5 + 0.5 * 3 / 5, rel=1e-15)


@pytest.mark.parametrize(("elasticity", "name"), [(0.0, "laspeyres"), (1.0, "geometric_laspeyres")])
def test_lloyd_moulton_contains_known_formulas(elasticity, name):
    found = price_index("lloyd_moulton", P0, P1, Q0, Q1, ONE_PAIR, elasticity=elasticity)
    assert found[0] == pytest.approx(price_index(name, P0, P1, Q0, Q1, ONE_PAIR)[0], rel=1e-14)


def test_lloyd_moulton_survives_a_huge_elasticity():
    # the limit is the largest fall in price
    found = price_index("lloyd_moulton", P0, P1, Q0, Q1, ONE_PAIR, elasticity=5000.0)
    assert found[0] == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("elasticity", [0.4, 0.999, 2.5])
def test_lloyd_moulton_is_exact_for_ces_costs_and_ces_aggregates(elasticity):
    # demands that minimise the cost of a CES aggregate: x_j ∝ b_j p_j^−σ, unit cost
    # (Σ b_j p_j^(1−σ))^(1/(1−σ)); the quantity index of the same name gives the aggregate
    b, power = np.array([0.3, 0.7]), 1 - elasticity
    cost = [(b @ p**power) ** (1 / power) for p in (P0, P1)]
    aggregate = (5.0, 9.0)
    q0, q1 = (
        u * b * (c / p) ** elasticity for u, c, p in zip(aggregate, cost, (P0, P1), strict=True)
    )
    options = {"elasticity": elasticity}
    price = bilateral("lloyd_moulton", P0, P1, q0, q1, ONE_PAIR, **options)
    quantity = bilateral("lloyd_moulton", P0, P1, q0, q1, ONE_PAIR, kind="quantity", **options)
    assert price.index[0] == pytest.approx(cost[1] / cost[0], rel=1e-11)
    assert quantity.index[0] == pytest.approx(9 / 5, rel=1e-11)


def test_logarithmic_mean_near_equality_and_at_zero():
    a = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 7.0])
    b = np.array([1.0 + 1e-15, 1.0 + 1e-8, 1e300, 0.0, 2.0, 7.0])
    found = logarithmic_mean(a, b)
    assert found[1] == pytest.approx(1 + 0.5e-8, rel=1e-16)
    assert found[2] == pytest.approx(1e300 / np.log(1e300), rel=1e-14)
    assert found[[0, 3, 4, 5]].tolist() == pytest.approx([1.0, 0.0, 0.0, 7.0], abs=1e-15)
    assert np.array_equal(found, logarithmic_mean(b, a))


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("kind", ["price", "quantity"])
def test_many_pairs_equal_one_pair_each(name, kind):
    rng = np.random.default_rng(3)
    lengths = [1, 4, 2, 7]
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    p0, p1, q0, q1, w = rng.uniform(0.5, 2.0, (5, offsets[-1]))
    extra = {"weights": w} if FORMULAS[name].third else {}
    constant = {"elasticity": 0.7} if FORMULAS[name].elastic else {}
    together = bilateral(name, p0, p1, q0, q1, offsets, kind=kind, **extra, **constant)
    for pair, (a, b) in enumerate(pairwise(offsets)):
        cut = {k: v[a:b] for k, v in extra.items()}
        rows = (x[a:b] for x in (p0, p1, q0, q1))
        alone = bilateral(name, *rows, np.array([0, b - a]), kind=kind, **cut, **constant)
        assert together.index[pair] == alone.index[0]
        assert together.reason[pair] == OK


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("kind", ["price", "quantity"])
def test_no_overlap_is_a_reason_and_never_one(name, kind):
    found = bilateral(name, P0, P1, Q0, Q1, np.array([0, 0, 2, 2]), kind=kind, **options(name))
    assert found.reason.tolist() == [NO_OVERLAP, OK, NO_OVERLAP]
    assert np.isnan(found.index[[0, 2]]).all()
    assert found.index[1] > 0


@pytest.mark.parametrize("name", LOG_FORMULAS)
def test_a_zero_in_a_logarithm_is_a_reason(name):
    q1 = np.array([0.0, 5.0])
    found = bilateral(name, P0, P1, Q0, q1, ONE_PAIR, kind="quantity", **options(name))
    assert found.reason.tolist() == [NOT_POSITIVE]
    assert np.isnan(found.index[0])


@pytest.mark.parametrize("name", ["laspeyres", "paasche", "fisher", "marshall_edgeworth", "stuvel"])
def test_sums_take_a_zero_quantity(name):
    q1 = np.array([0.0, 5.0])
    found = bilateral(name, P0, P1, Q0, q1, ONE_PAIR, kind="quantity")
    assert found.reason.tolist() == [OK]
    assert 0 < found.index[0] < 5


@pytest.mark.parametrize("name", [n for n, f in FORMULAS.items() if f.weighted])
def test_a_product_absent_in_both_situations_changes_nothing(name):
    def wider(a: np.ndarray, value: float) -> np.ndarray:
        return np.append(a, value)

    extra = options(name)
    more = dict(extra)
    if "weights" in more:
        more["weights"] = wider(more["weights"], 9.0)
    plain = bilateral(name, P0, P1, Q0, Q1, ONE_PAIR, kind="quantity", **extra)
    with_absent = bilateral(
        name,
        wider(P0, 8.0),
        wider(P1, 3.0),
        wider(Q0, 0.0),
        wider(Q1, 0.0),
        np.array([0, 3]),
        kind="quantity",
        **more,
    )
    # Young keeps the absent product's weight in its total; every other formula forgets it
    if name != "young":
        assert with_absent.index[0] == pytest.approx(plain.index[0], rel=1e-15)


def test_nothing_produced_is_a_reason_and_not_zero():
    nothing = np.zeros(2)
    found = bilateral("laspeyres", P0, P1, Q0, nothing, ONE_PAIR, kind="quantity")
    assert found.reason.tolist() == [NO_VALUE]
    assert np.isnan(found.index[0])


def test_an_implicit_index_is_the_value_ratio_over_the_other_kind():
    implicit = bilateral("tornqvist", P0, P1, Q0, Q1, ONE_PAIR, kind="quantity", implicit=True)
    price = bilateral("tornqvist", P0, P1, Q0, Q1, ONE_PAIR, kind="price")
    assert implicit.index[0] == pytest.approx((8 / 6) / price.index[0], rel=1e-15)


@pytest.mark.parametrize("kind", ["price", "quantity"])
@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("products", [1, 2, 5])
@pytest.mark.parametrize("name", FORMULAS)
def test_a_table_of_products_by_pairs_gives_what_the_list_gives(name, products, implicit, kind):
    rng = np.random.default_rng(products)
    tables = np.exp(rng.normal(size=(4, products, 7)))
    listed = [np.ascontiguousarray(table.T).reshape(-1) for table in tables]
    weights, third = None, None
    extra = options(name, products)
    if "weights" in extra:
        weights = extra.pop("weights")
        third = np.tile(weights, 7)
        weights = weights[:, None]
    choice = {"kind": kind, "implicit": implicit, **extra}
    by_list = bilateral(name, *listed, np.arange(8) * products, weights=third, **choice)
    by_table = bilateral(name, *tables, None, weights=weights, **choice)
    assert by_table.reason.tolist() == [OK] * 7
    np.testing.assert_allclose(by_table.index, by_list.index, rtol=1e-14)  # order of the sums


def test_of_one_product_every_index_is_its_relative_to_the_last_digit():
    for name in FORMULAS:
        tables = [np.array([[x]]) for x in (0.1, 0.3, 0.7, 1.9)]
        found = bilateral(name, *tables, None, kind="quantity", **options(name, 1))
        assert found.index.tolist() == [1.9 / 0.7]


def test_a_table_says_where_values_have_no_double():
    tiny = np.full((2, 1), 1e-200)
    found = bilateral("laspeyres", tiny, tiny, tiny, tiny, None)
    assert np.isnan(found.index[0])
    assert found.reason.tolist() == [NO_VALUE]
