from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels.linalg import instrumental_variables
from tfp_index.kernels.system_gmm import Equation, system_gmm


def _data(seed=0, clusters=80, per=5):
    rng = np.random.default_rng(seed)
    n = clusters * per
    code = np.repeat(np.arange(clusters), per)
    z = rng.normal(size=(n, 4))
    u = rng.normal(size=clusters)[code] + rng.normal(size=n)
    x = z @ [1.0, 0.5, 0.5, 0.2] + u + rng.normal(size=n)
    y = 1.0 + 0.5 * x + u
    one = np.ones(n)
    return y, np.column_stack([one, x]), np.column_stack([one, z]), code


def test_one_equation_in_one_step_is_two_stage_least_squares():
    y, X, Z, code = _data()
    found = system_gmm([Equation(y, X, np.arange(2), Z, code)], 2, 80, steps=1)
    peer = instrumental_variables(X, Z, y)
    np.testing.assert_allclose(found.coefficients, peer.coefficients, rtol=1e-11)
    np.testing.assert_allclose(found.residuals[0], peer.residuals, atol=1e-11)


def test_two_steps_equal_linearmodels():
    from linearmodels.iv import IVGMM

    y, X, Z, code = _data()
    found = system_gmm([Equation(y, X, np.arange(2), Z, code)], 2, 80, windmeijer=False)
    peer = IVGMM(y, X[:, :1], X[:, 1:], Z[:, 1:], weight_type="clustered", clusters=code).fit(
        iter_limit=2
    )
    np.testing.assert_allclose(found.coefficients, peer.params.to_numpy(), rtol=1e-9)
    # the peer's J takes its weight at the final estimate
    assert found.j_statistic == pytest.approx(peer.j_stat.stat, rel=0.05)
    assert found.j_dof == 3


def test_two_equations_are_block_diagonal_in_the_first_step():
    y, X, Z, code = _data()
    y2, X2, Z2, _ = _data(1)
    at = (np.array([0, 2]), np.array([1, 2]))  # own constants, one slope
    found = system_gmm([Equation(y, X, at[0], Z, code), Equation(y2, X2, at[1], Z2, code)], 3, 80)
    wide = np.zeros((2 * y.size, 3))
    wide[: y.size, at[0]], wide[y.size :, at[1]] = X, X2
    ZZ = np.block([[Z, 0 * Z], [0 * Z2, Z2]])
    peer = instrumental_variables(wide, ZZ, np.concatenate([y, y2]))
    np.testing.assert_allclose(found.one_step, peer.coefficients, rtol=1e-10)
    assert found.j_dof == 7


def test_windmeijer_by_numerical_derivative():
    y, X, Z, code = _data()
    equation = Equation(y, X, np.arange(2), Z, code)
    plain = system_gmm([equation], 2, 80, windmeijer=False)
    corrected = system_gmm([equation], 2, 80)
    assert np.array_equal(plain.coefficients, corrected.coefficients)

    def two_step(at):
        e = y - X @ at
        scores = np.array([(Z[code == g] * e[code == g, None]).sum(axis=0) for g in range(80)])
        S = scores.T @ scores
        A = Z.T @ X
        H = np.linalg.inv(A.T @ np.linalg.solve(S, A))
        return H @ A.T @ np.linalg.solve(S, Z.T @ y), H

    b, V2 = two_step(plain.one_step)
    np.testing.assert_allclose(b, plain.coefficients, rtol=1e-9)
    D = np.zeros((2, 2))
    for j in range(2):
        step = np.zeros(2)
        step[j] = 1e-5
        D[:, j] = (two_step(plain.one_step + step)[0] - two_step(plain.one_step - step)[0]) / 2e-5
    expected = V2 + D @ V2 + V2 @ D.T + D @ plain.one_step_covariance @ D.T
    np.testing.assert_allclose(corrected.covariance, expected, rtol=1e-5)


def test_weights_equal_repeated_clusters():
    y, X, Z, code = _data()
    counts = np.random.default_rng(1).multinomial(80, np.full(80, 1 / 80)).astype(float)
    weighted = system_gmm(
        [Equation(y, X, np.arange(2), Z, code, weights=counts[code])], 2, 80, steps=1
    )
    rows = np.concatenate(
        [np.flatnonzero(code == g) for g in range(80) for _ in range(int(counts[g]))]
    )
    repeated = system_gmm(
        [Equation(y[rows], X[rows], np.arange(2), Z[rows], code[rows])], 2, 80, steps=1
    )
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, rtol=1e-10)


def test_collinear_instruments_and_unidentified_coefficients_are_named():
    y, X, Z, code = _data()
    double = np.column_stack([Z, Z[:, 1] - Z[:, 2]])
    found = system_gmm([Equation(y, X, np.arange(2), double, code)], 2, 80)
    assert found.instrument_ranks[0].dropped.tolist() == [5]
    plain = system_gmm([Equation(y, X, np.arange(2), Z, code)], 2, 80)
    np.testing.assert_allclose(found.coefficients, plain.coefficients, rtol=1e-9)
    lost = system_gmm([Equation(y, X, np.arange(2), Z[:, :1], code)], 2, 80, steps=1)
    assert lost.rank.dropped.tolist() == [1]
    assert lost.coefficients[1] == 0


def test_fewer_clusters_than_moments_have_no_second_step():
    y, X, Z, code = _data()
    equation = Equation(y, X, np.arange(2), Z, code % 3)
    with pytest.raises(np.linalg.LinAlgError):
        system_gmm([equation], 2, 3)
    assert np.isnan(system_gmm([equation], 2, 3, steps=1).j_statistic)


def test_weights_equal_clusters_drawn_several_times_in_two_steps():
    y, X, Z, code = _data()
    counts = np.random.default_rng(1).multinomial(80, np.full(80, 1 / 80))
    weighted = system_gmm(
        [Equation(y, X, np.arange(2), Z, code, weights=counts[code].astype(float))], 2, 80
    )
    drawn = np.repeat(np.arange(80), counts)
    rows = np.concatenate([np.flatnonzero(code == g) for g in drawn])
    again = np.repeat(np.arange(80), 5)  # each draw is a cluster of its own
    repeated = system_gmm([Equation(y[rows], X[rows], np.arange(2), Z[rows], again)], 2, 80)
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, rtol=1e-9)
    np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-8)
    assert weighted.j_statistic == pytest.approx(repeated.j_statistic, rel=1e-9)
