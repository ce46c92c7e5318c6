"""Bases, plans and the expansion of a law of motion."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import monomials as mm


@pytest.mark.parametrize(("variables", "degree"), [(1, 4), (2, 3), (4, 3), (3, 6)])
def test_total_degree_counts(variables, degree):
    found = mm.total_degree(variables, degree)
    assert len(found) == len(set(found)) == comb(variables + degree, degree)
    assert found[0] == (0,) * variables
    assert [sum(e) for e in found] == sorted(sum(e) for e in found)


def test_evaluate_equals_powers():
    z = np.random.default_rng(0).normal(size=(3, 50))
    made = mm.plan(mm.total_degree(3, 4))
    got = mm.evaluate(z, made)
    for row, exponent in zip(got, made.exponents, strict=True):
        assert np.allclose(row, np.prod(z ** np.array(exponent)[:, None], axis=0), rtol=1e-12)


def test_orthogonal_basis_is_orthonormal_for_normal_variables():
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    x, y = (a.ravel() for a in np.meshgrid(nodes, nodes))
    w = np.outer(weights, weights).ravel() / (2 * np.pi)
    B = mm.evaluate(np.stack([x, y]), mm.plan(mm.total_degree(2, 5)), orthogonal=True)
    assert np.allclose((B * w) @ B.T, np.eye(len(B)), atol=1e-10)


def test_orthogonal_basis_spans_the_same_space():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(2, 200))
    made = mm.plan(mm.total_degree(2, 4))
    P, H = (mm.evaluate(z, made, orthogonal=o).T for o in (False, True))
    assert np.linalg.matrix_rank(np.column_stack([P, H])) == len(made)


@given(
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(0, 2),
    st.sampled_from(["cobb_douglas", "translog"]),
    st.integers(0, 1000),
)
def test_expansion_equals_the_power_itself(inputs, degree, shifters, form, seed):
    """T(δ) times the monomials is ω^p s^r, row by row."""
    rng = np.random.default_rng(seed)
    width = 1 + inputs + shifters
    terms = [(0, *t, *(0,) * shifters) for t in mm.production_terms(inputs, form)]
    where = list(range(1 + inputs, width))
    made = mm.plan(mm.law_monomials(width, 0, terms, where, degree))
    expansion = mm.law_expansion(made, 0, terms, where, degree)
    z = rng.normal(size=(width, 5))
    columns = mm.evaluate(z, made)
    x = np.stack([np.prod(z ** np.array(t)[:, None], axis=0) for t in terms])
    delta = rng.normal(size=(2, len(terms)))
    T = mm.expand_law(expansion, delta)
    dT = mm.expand_law_derivative(expansion, T)
    for s in range(2):
        omega = z[0] - delta[s] @ x
        for k, (p, r) in enumerate(expansion.names):
            shift = np.prod(z[1 + inputs :] ** np.array(r, int).reshape(-1, 1), axis=0)
            assert np.allclose(T[s, k] @ columns, omega**p * shift, rtol=1e-9, atol=1e-9)
            slope = -p * omega ** max(p - 1, 0) * x * shift
            assert np.allclose(dT[s, :, k] @ columns, slope, rtol=1e-9, atol=1e-9)


def test_whitening_decorrelates_and_names_combinations():
    rng = np.random.default_rng(2)
    a, b = rng.normal(1e6, 3.0, 500), rng.normal(0, 1e-4, 500)
    columns = [a, b + 1e-5 * a, 2 * a - 1e3 * b, a - 5e5 * b]
    found = mm.whitening(columns)
    assert (found.kept, found.dropped) == ((0, 1), (2, 3))
    z = found.apply(columns, slice(None))
    assert np.allclose(z @ z.T / 500, np.eye(2), atol=1e-8)


def test_a_constant_variable_is_kept_out_of_the_whitened_ones():
    found = mm.whitening([np.arange(10.0), np.full(10, 7.0)])
    assert found.dropped == (1,)


def test_strided_sample_keeps_a_variable_it_does_not_see_move():
    rare = np.zeros(100_000)
    rare[12_345] = 1.0
    x = np.random.default_rng(3).normal(size=100_000)
    found = mm.whitening([x, rare], rows=100)
    assert found.kept == (0, 1)
