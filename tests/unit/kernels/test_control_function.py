"""Both stages from Gram matrices against orthogonal factorizations row by row."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import operator

import numpy as np
import pytest

from tests.unit.kernels import _row_by_row as rbr
from tfp_index.kernels import control_function as cf
from tfp_index.kernels import law_of_motion as lom
from tfp_index.kernels import stacked_moments as sm
from tfp_index.kernels.score_moments import score_products
from tfp_index.kernels.two_stage_design import Data, Factor, firm_blocks, make_design, survey

EQUAL = 1e-8  # what a Gram matrix in standardized columns may lose against a factorization


def panel(seed=0, firms=120, scale=1.0, shift=0.0, gaps=True):
    """A small unbalanced panel with everything a law may hold."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, firms)
    n = int(lengths.sum())
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    lagged = np.ones(n, bool)
    lagged[offsets[:-1]] = False
    if gaps:
        lagged &= rng.random(n) > 0.1
    omega = np.zeros(n)
    k = rng.normal(size=n)
    for i in range(n):
        omega[i] = (0.6 * omega[i - 1] if lagged[i] else 0.0) + rng.normal(0, 0.3)
        if lagged[i]:
            k[i] = 0.8 * k[i - 1] + 0.3 * omega[i - 1] + rng.normal(0, 0.4)
    labor = 0.4 * k + 0.8 * omega + rng.normal(0, 0.5, n)
    m = 0.5 * k + 0.4 * labor + omega + rng.normal(0, 0.05, n)
    y = 0.6 * labor + 0.4 * k + omega + rng.normal(0, 0.1, n)
    year = np.array(
        [i - offsets[j] for j in range(firms) for i in range(offsets[j], offsets[j + 1])]
    )
    return {
        "y": y,
        "l": labor * scale + shift,
        "k": k / scale - 3 * shift,
        "m": m * scale**2,
        "c": rng.normal(size=n),
        "d": rng.normal(size=n) * scale,
        "s": rng.normal(size=n) + 0.3 * omega,
        "year": year.astype(np.int64),
        "offsets": offsets.astype(np.int64),
        "lagged": lagged,
    }


def lag_of(p, name):
    out = np.zeros_like(p[name])
    out[1:] = p[name][:-1]
    return out


def build(p, form, weights_of=None):
    return Data(
        y=p["y"],
        basis=(p["l"], p["k"], p["m"]),
        inputs=(p["l"], p["k"]),
        offsets=p["offsets"],
        lagged=p["lagged"],
        linear=(p["c"], p["d"]),
        linear_in_phi=(False, True),
        factors=(Factor(p["year"], int(p["year"].max()) + 1),),
        factors_in_phi=(False,),
        shifters=(lag_of(p, "s"),),
        law_controls=(p["d"],),
        law_factors=(Factor(p["year"] % 3, 3),),
    )


def row_path(p, form, basis_degree, standard):
    dummies = [(p["year"] == v).astype(float) for v in range(1, int(p["year"].max()) + 1)]
    phi, b, eta = rbr.first_stage(
        p["y"], (p["l"], p["k"], p["m"]), basis_degree, (p["c"], p["d"]), dummies
    )
    phi = phi + b[1] * p["d"]
    rows = np.flatnonzero(p["lagged"])
    # second powers of an input far from zero have no digits left: standardize before
    v = standard.apply((p["l"], p["k"]), slice(None))
    x = rbr.terms(tuple(v), form)
    dated = rbr.terms((v[0][rows - 1], v[1][rows]), form)
    return phi, eta, rows, x, dated


@pytest.mark.parametrize("form", ["cobb_douglas", "translog"])
@pytest.mark.parametrize("law_degree", [1, 2, 3, 4])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e6, 50.0)])
def test_moments_equal_a_factorization_row_by_row(form, law_degree, scale, shift):
    p = panel(scale=scale, shift=shift)
    data = build(p, form)
    design = make_design(
        data, form=form, basis_degree=3, law_degree=law_degree, current=(False, True)
    )
    first = cf.first_stage(data, design)
    second = cf.second_stage(data, design, first)
    phi, eta, rows, x, z = row_path(p, form, 3, design.inputs)
    n = p["y"].size
    fitted, noise = cf.fitted_parts(data, design, first, slice(0, n))
    assert np.abs(fitted - fitted.mean() - (phi - phi.mean())).max() < EQUAL
    assert np.abs(noise - eta).max() < EQUAL
    controls = [p["d"], *((p["year"] % 3 == v).astype(float) for v in (1, 2))]
    zc = rbr.residual(np.column_stack([np.ones(rows.size), *(c[rows] for c in controls)]), z)
    for move in (0.0, 0.4, -0.7):
        at = np.full((1, x.shape[1]), move)
        b = design.reference + design.unit * at[0]
        xi = rbr.innovations(b, phi, x, rows, rows - 1, law_degree, [lag_of(p, "s")], controls)
        moments, _, variance = lom.moments(second, design, at)
        wanted = zc.T @ xi / rows.size / design.unit
        size = np.sqrt(variance[0])
        assert second.n == rows.size
        assert np.abs(moments[0] - wanted).max() < EQUAL * size
        assert abs(size * design.unit / np.sqrt(np.mean(xi**2)) - 1) < EQUAL


@pytest.mark.parametrize("form", ["cobb_douglas", "translog"])
def test_coefficients_of_raw_and_standardized_terms_are_the_same_function(form):
    p = panel(10, scale=3.0, shift=2.0)
    design = make_design(build(p, form), form=form, current=(False, True))
    delta = np.random.default_rng(0).normal(size=(3, len(design.terms)))
    beta = lom.to_raw(design, delta)
    assert np.allclose(lom.to_delta(design, beta), delta, rtol=1e-10, atol=1e-10)
    raw = rbr.terms((p["l"], p["k"]), form) @ beta[0]
    v = design.inputs.apply((p["l"], p["k"]), slice(None))
    same = rbr.terms(tuple(v), form) @ (design.reference + design.unit * delta[0])
    assert np.ptp(raw - same) < 1e-9 * np.ptp(raw)  # they differ by a constant


@pytest.mark.parametrize("definition", ["nls", "levpet"])
@pytest.mark.parametrize("degree", [2, 6])
def test_sum_of_squares_equals_a_factorization_row_by_row(definition, degree):
    p = panel(1, scale=1e4, shift=20.0)
    data = Data(
        y=p["y"],
        basis=(p["k"], p["m"]),
        inputs=(p["k"],),
        offsets=p["offsets"],
        lagged=p["lagged"],
        linear=(p["l"],),
        linear_in_phi=(False,),
    )
    design = make_design(data, basis_degree=degree, law_degree=3, current=(True,), noise=True)
    first = cf.first_stage(data, design)
    second = cf.second_stage(data, design, first)
    phi, _, eta = rbr.first_stage(p["y"], (p["k"], p["m"]), degree, (p["l"],))
    rows = np.flatnonzero(p["lagged"])
    for value in (0.2, 0.4, 1.3):
        beta = np.array([value * 1e4])
        x = p["k"][:, None]
        if definition == "nls":
            e = rbr.innovations(beta, phi, x, rows, rows - 1, 3, response=phi + eta)
        else:
            e = rbr.innovations(beta, phi, x, rows, rows - 1, 3) + eta[rows]
        got = lom.sum_of_squares(second, design, lom.to_delta(design, beta[None]), definition)[0]
        assert got[0] * design.unit**2 == pytest.approx(np.mean(e**2), rel=EQUAL)


@pytest.mark.parametrize("form", ["cobb_douglas", "translog"])
def test_jacobian_and_gradients_are_derivatives(form):
    p = panel(2)
    data = build(p, form)
    design = make_design(
        data, form=form, basis_degree=2, law_degree=3, current=(False, True), noise=True
    )
    second = cf.second_stage(data, design, cf.first_stage(data, design))
    J = len(design.terms)
    at = np.linspace(-0.3, 0.5, J)[None]
    h = 1e-5
    steps = at + h * np.concatenate([np.eye(J), -np.eye(J)])
    up, down = np.split(lom.moments(second, design, steps)[0], 2)
    jacobian = lom.moments(second, design, at)[1][0]
    assert np.allclose((up - down).T / (2 * h), jacobian, rtol=1e-6, atol=1e-8)
    for definition in ("nls", "levpet"):
        up, down = np.split(lom.sum_of_squares(second, design, steps, definition)[0], 2)
        gradient = lom.sum_of_squares(second, design, at, definition)[1][0]
        assert np.allclose((up - down) / (2 * h), gradient, rtol=1e-6, atol=1e-8)


def test_many_points_at_once_equal_one_at_a_time():
    p = panel(3)
    data = build(p, "cobb_douglas")
    design = make_design(data, current=(False, True))
    second = cf.second_stage(data, design, cf.first_stage(data, design))
    points = np.random.default_rng(0).normal(size=(7, 2))
    together = lom.moments(second, design, points)
    for i, point in enumerate(points):
        alone = lom.moments(second, design, point[None])
        for a, b in zip(together, alone, strict=True):
            assert np.allclose(a[i], b[0], rtol=1e-12, atol=1e-14)


def test_integer_weights_equal_copies_of_firms():
    p = panel(4, gaps=False)
    rng = np.random.default_rng(5)
    weights = rng.integers(0, 4, p["offsets"].size - 1).astype(float)
    data = build(p, "cobb_douglas")
    design = make_design(data, current=(False, True))
    first = cf.first_stage(data, design, weights)
    second = cf.second_stage(data, design, first, weights)
    runs = [
        np.arange(p["offsets"][i], p["offsets"][i + 1])
        for i, w in enumerate(weights)
        for _ in range(int(w))
    ]
    take = np.concatenate(runs)
    q = {k: v[take] for k, v in p.items() if k not in ("offsets", "s")}
    s = lag_of(p, "s")[take]
    q["offsets"] = np.concatenate([[0], np.cumsum([r.size for r in runs])]).astype(np.int64)
    q["s"] = np.zeros_like(s)
    copied = build(q, "cobb_douglas")
    object.__setattr__(copied, "shifters", (s,))
    again = cf.first_stage(copied, design)
    other = cf.second_stage(copied, design, again)
    assert np.allclose(first.coefficients, again.coefficients, rtol=1e-8, atol=1e-10)
    assert second.n == other.n
    assert np.allclose(second.gram, other.gram, rtol=1e-9, atol=1e-10)


def test_threads_and_block_size_do_not_matter(monkeypatch):
    p = panel(6, firms=400)
    data = build(p, "cobb_douglas")
    design = make_design(data, current=(False, True))

    def both(threads):
        first = cf.first_stage(data, design, threads=threads)
        return first, cf.second_stage(data, design, first, threads=threads)

    monkeypatch.setattr(cf, "firm_blocks", lambda offsets: firm_blocks(offsets, 100))
    one, two = both(1), both(3)
    assert np.array_equal(one[0].coefficients, two[0].coefficients)  # bit for bit
    assert np.array_equal(one[1].gram, two[1].gram)
    monkeypatch.setattr(cf, "firm_blocks", lambda offsets: firm_blocks(offsets, 77))
    other = both(2)
    assert np.allclose(one[0].coefficients, other[0].coefficients, rtol=1e-10, atol=1e-11)
    assert np.allclose(one[1].gram, other[1].gram, rtol=1e-10, atol=1e-11)


def test_dependence_is_the_r_squared_of_a_free_input_on_the_rest():
    p = panel(7)
    data = Data(
        y=p["y"],
        basis=(p["k"], p["m"]),
        inputs=(p["k"],),
        offsets=p["offsets"],
        lagged=p["lagged"],
        linear=(p["l"],),
        linear_in_phi=(False,),
    )
    design = make_design(data, basis_degree=2, current=(True,), noise=True)
    first = cf.first_stage(data, design)
    rest = rbr.residual(rbr.polynomial((p["k"], p["m"]), 2), p["l"])
    assert first.dependence[0] == pytest.approx(1 - rest @ rest / np.var(p["l"]) / rest.size)
    assert first.spread[0] == pytest.approx(np.sqrt(np.mean(rest**2)))


def test_collinear_basis_variables_change_nothing():
    p = panel(8)
    plain = Data(
        y=p["y"], basis=(p["l"], p["k"], p["m"]), inputs=(p["l"], p["k"]),
        offsets=p["offsets"], lagged=p["lagged"],
    )  # fmt: skip
    twice = Data(
        y=p["y"], basis=(p["l"], p["k"], p["m"], 2 * p["m"] - p["k"]),
        inputs=(p["l"], p["k"]), offsets=p["offsets"], lagged=p["lagged"],
    )  # fmt: skip
    fits = []
    for data in (plain, twice):
        design = make_design(data, current=(False, True))
        fits.append(cf.second_stage(data, design, cf.first_stage(data, design)).gram)
    assert np.allclose(*fits, rtol=1e-9, atol=1e-10)
    assert design.basis.dropped == (3,)


def test_a_proxy_with_two_values_drops_its_powers():
    p = panel(9)
    binary = (p["m"] > 0).astype(float)
    data = Data(
        y=p["y"], basis=(p["k"], binary), inputs=(p["k"],), offsets=p["offsets"],
        lagged=p["lagged"],
    )  # fmt: skip
    design = make_design(data, basis_degree=3, current=(True,))
    first = cf.first_stage(data, design)
    n = p["y"].size
    phi, _ = cf.fitted_parts(data, design, first, slice(0, n))
    full = np.column_stack([a * b for a in (p["k"] ** 0, p["k"], p["k"] ** 2, p["k"] ** 3)
                            for b in (binary**0, binary)])  # fmt: skip
    keep = [0, 1, 2, 3, 4, 5, 6]  # k³ × binary is of degree 4
    assert first.rank.dropped.size == 3
    assert np.abs((p["y"] - phi) - rbr.residual(full[:, keep], p["y"])).max() < EQUAL


def test_blocks_hold_whole_firms():
    offsets = np.array([0, 5, 6, 20, 21, 22])
    parts = firm_blocks(offsets, 6)
    assert parts == [(0, 2), (2, 3), (3, 5)]
    assert firm_blocks(np.array([0]), 6) == []


def cut(data, first, last):
    """The firms from `first` to before `last`."""
    rows = slice(int(data.offsets[first]), int(data.offsets[last]))

    def some(columns):
        return tuple(c[rows] for c in columns)

    return dataclasses.replace(
        data,
        y=data.y[rows],
        basis=some(data.basis),
        inputs=some(data.inputs),
        offsets=data.offsets[first : last + 1] - data.offsets[first],
        lagged=data.lagged[rows],
        linear=some(data.linear),
        factors=tuple(Factor(f.codes[rows], f.levels) for f in data.factors),
        shifters=some(data.shifters),
        law_controls=some(data.law_controls),
        law_factors=tuple(Factor(f.codes[rows], f.levels) for f in data.law_factors),
    )


@pytest.mark.parametrize("form", ["cobb_douglas", "translog"])
def test_sums_over_parts_of_the_firms_give_the_estimate_of_the_whole(form):
    """Survey, both Gram matrices and the scores; what is solved sees nothing else."""
    p = panel(15, firms=150)
    data = build(p, form)
    cuts = [0, 40, 41, 110, 150]
    parts = [cut(data, a, b) for a, b in itertools.pairwise(cuts)]
    options = {"form": form, "basis_degree": 2, "law_degree": 2, "current": (False, True)}
    design = make_design(data, **options)
    again = make_design(functools.reduce(operator.add, (survey(d, 1) for d in parts)), **options)
    assert again.unit == design.unit
    assert np.array_equal(again.basis.matrix, design.basis.matrix)
    assert np.array_equal(again.shifters.location, design.shifters.location)
    one = functools.reduce(operator.add, (cf.stage_one_gram(d, again) for d in parts))
    first = cf.solve_stage_one(one, again)
    whole = cf.first_stage(data, design)
    assert (first.rows, first.firms) == (whole.rows, whole.firms)
    assert np.allclose(first.coefficients, whole.coefficients, rtol=1e-10, atol=1e-12)
    two = functools.reduce(operator.add, (cf.stage_two_gram(d, again, first) for d in parts))
    second = cf.solve_stage_two(two, again)
    assert np.allclose(second.gram, cf.second_stage(data, design, whole).gram, atol=1e-11)
    pairs = lom.score_pairs(second, design, np.full(len(design.terms), 0.1), "moments")
    scores = functools.reduce(
        operator.add, (sm.stage_scores(d, again, first, second, pairs) for d in parts)
    )
    same = sm.stage_scores(data, design, first, second, pairs)
    for name in ("meat", "across", "sums"):
        assert np.allclose(getattr(scores, name), getattr(same, name), rtol=1e-9, atol=1e-8)


def test_every_so_many_rows_are_surveyed():
    p = panel(16, firms=60)
    data = build(p, "cobb_douglas")
    found = survey(data, 7)
    assert found.rows == p["y"].size
    assert np.array_equal(found.y, p["y"][::7])
    assert np.array_equal(found.basis[2], p["m"][::7])
    assert found.lags == p["lagged"].sum()
    assert np.allclose(found.totals, [p["l"].sum(), p["k"].sum()])


def test_sums_by_firm_add_up_over_parts():
    """What clustered errors need is summed with the Gram matrix of stage 2."""
    p = panel(17, firms=90)
    data = dataclasses.replace(build(p, "cobb_douglas"), law_factors=())
    design = make_design(data, basis_degree=2, law_degree=2, current=(False, True))
    products = score_products(design)
    first = cf.first_stage(data, design)
    whole = cf.stage_two_gram(data, design, first, products=products).scores
    parts = [cut(data, a, b) for a, b in itertools.pairwise([0, 1, 30, 88, 90])]
    sums = functools.reduce(
        operator.add, (cf.stage_two_gram(d, design, first, products=products) for d in parts)
    ).scores
    for name in ("second", "total", "at_t", "at_lag"):
        a, b = getattr(sums, name), getattr(whole, name)
        assert np.abs(a - b).max() < 1e-12 * np.abs(b).max()
    assert cf.solve_stage_two(cf.stage_two_gram(data, design, first), design).scores is None
