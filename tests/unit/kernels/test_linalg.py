from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import linalg


def _problem(seed=0, n=400, p=4, q=6):
    rng = np.random.default_rng(seed)
    Z = np.column_stack([np.ones(n), rng.normal(size=(n, q - 1))])
    X = np.column_stack([np.ones(n), Z[:, 1:p] + 0.5 * rng.normal(size=(n, p - 1))])
    y = X @ np.arange(1.0, p + 1) + rng.normal(size=n)
    firm = np.sort(rng.integers(0, 50, n))
    year = rng.integers(0, 9, n)
    return X, Z, y, firm, year


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 7))
def test_the_factor_does_not_depend_on_the_blocks(seed, n, size):
    X = np.random.default_rng(seed).normal(size=(n, 3))
    whole = linalg.triangular_factor(X)
    parts = linalg.triangular_factor(X[:, :1], X[:, 1:], size=size)
    np.testing.assert_allclose(parts.T @ parts, X.T @ X, rtol=1e-10, atol=1e-10)
    assert (np.diagonal(whole) >= 0).all()
    if n >= 3:
        np.testing.assert_allclose(parts, whole, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e12])
def test_collinear_columns_are_named_whatever_their_units(scale):
    rng = np.random.default_rng(1)
    a, b, c = rng.normal(size=(3, 200))
    X = np.column_stack([np.ones(200), a, b * scale, a - 2 * b, c, np.zeros(200)])
    rank = linalg.column_rank(linalg.triangular_factor(X))
    assert rank.kept.tolist() == [0, 1, 2, 4]
    assert rank.dropped.tolist() == [3, 5]
    assert rank.explained_by == ((1, 2), ())


def test_a_dependent_column_does_not_spoil_those_after_it():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 300))
    fit = linalg.least_squares(np.column_stack([a, a, b]), 2 * a + 3 * b)
    np.testing.assert_allclose(fit.coefficients, [2.0, 0.0, 3.0], rtol=1e-12, atol=1e-12)
    assert fit.rank.dropped.tolist() == [1]


def test_fewer_rows_than_columns_drop_the_last():
    fit = linalg.least_squares(np.array([[1.0, 2.0, 5.0], [1.0, 3.0, 1.0]]), np.array([1.0, 2.0]))
    assert fit.rank.dropped.tolist() == [2]
    assert np.abs(fit.residuals).max() < 1e-12


@pytest.mark.parametrize("power", [0, 3, 6])
def test_least_squares_keeps_its_digits_when_the_gram_matrix_has_lost_them(power):
    rng = np.random.default_rng(3)
    t = np.linspace(0, 1, 500)
    units = 10.0 ** rng.uniform(-power, power, 7)
    X = np.column_stack([t**k for k in range(7)]) * units
    fit = linalg.least_squares(X, X @ (1 / units))
    assert fit.rank.condition > 1e4
    assert np.abs(fit.coefficients * units - 1).max() < 1e-10  # 1e4² · 2e-16 would be 2e-8


def test_weighted_least_squares_equals_repeated_rows():
    X, _, y, _, _ = _problem()
    counts = np.random.default_rng(4).integers(0, 4, y.size)
    weighted = linalg.least_squares(X, y, weights=counts.astype(float))
    repeated = linalg.least_squares(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, rtol=1e-11)
    np.testing.assert_allclose(weighted.bread, repeated.bread, rtol=1e-10, atol=1e-16)
    assert weighted.ssr == pytest.approx(repeated.ssr, rel=1e-12)


def test_covariances_equal_statsmodels():
    import statsmodels.api as sm

    X, _, y, firm, year = _problem()
    n, p = X.shape
    _, firm = np.unique(firm, return_inverse=True)
    fit = linalg.least_squares(X, y)
    ols = sm.OLS(y, X)
    hc1 = ols.fit(cov_type="HC1").cov_params()
    ours = linalg.sandwich(fit.bread, linalg.robust_meat(X, fit.residuals)) * n / (n - p)
    np.testing.assert_allclose(ours, hc1, rtol=1e-9)
    clustered = ols.fit(cov_type="cluster", cov_kwds={"groups": firm}).cov_params()
    meat = linalg.clustered_meat(X, fit.residuals, firm, firm.max() + 1)
    factor = linalg.cluster_correction(n, p, firm.max() + 1)
    np.testing.assert_allclose(linalg.sandwich(fit.bread, meat) * factor, clustered, rtol=1e-9)
    both = ols.fit(
        cov_type="cluster",
        cov_kwds={"groups": np.column_stack([firm, year]), "use_correction": False},
    ).cov_params()
    meat = linalg.two_way_meat(X, fit.residuals, firm, year)
    np.testing.assert_allclose(linalg.sandwich(fit.bread, meat), both, rtol=1e-9)


def test_clusters_may_come_in_any_order(monkeypatch):
    X, _, y, firm, _ = _problem()
    sums = linalg.cluster_sums(X, y, firm, 50)
    order = np.random.default_rng(5).permutation(y.size)
    shuffled = linalg.cluster_sums(X[order], y[order], firm[order], 50)
    np.testing.assert_allclose(shuffled, sums, rtol=1e-12, atol=1e-12)
    monkeypatch.setattr(linalg, "blocks", lambda n: (slice(i, i + 7) for i in range(0, n, 7)))
    np.testing.assert_allclose(linalg.cluster_sums(X, y, firm, 50), sums, rtol=1e-12, atol=1e-12)


def test_instruments_equal_the_textbook_formula_and_linearmodels():
    from linearmodels.iv import IV2SLS

    X, Z, y, _, _ = _problem()
    fit = linalg.instrumental_variables(X, Z, y)
    P = Z @ np.linalg.solve(Z.T @ Z, Z.T)
    np.testing.assert_allclose(fit.coefficients, np.linalg.solve(X.T @ P @ X, X.T @ P @ y))
    np.testing.assert_allclose(fit.bread, np.linalg.inv(X.T @ P @ X), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(Z @ fit.projected, P @ X, atol=1e-10)
    peer = IV2SLS(y, None, X, Z).fit(cov_type="robust")
    meat = linalg.robust_meat(Z @ fit.projected, fit.residuals)
    np.testing.assert_allclose(fit.coefficients, peer.params.to_numpy(), rtol=1e-10)
    np.testing.assert_allclose(linalg.sandwich(fit.bread, meat), peer.cov.to_numpy(), rtol=1e-8)


def test_instruments_that_do_not_move_a_regressor_leave_it_out():
    X, Z, y, _, _ = _problem()
    few = linalg.instrumental_variables(X, Z[:, :3], y)
    assert few.rank.dropped.tolist() == [3]
    double = linalg.instrumental_variables(X, np.column_stack([Z, Z[:, 1]]), y)
    assert double.instrument_rank.dropped.tolist() == [6]
    np.testing.assert_allclose(
        double.coefficients, linalg.instrumental_variables(X, Z, y).coefficients, rtol=1e-10
    )


def test_gmm_with_the_two_stage_weight_is_two_stage_least_squares():
    X, Z, y, _, _ = _problem()
    two_stage = linalg.instrumental_variables(X, Z, y)
    gmm = linalg.linear_gmm(Z.T @ X, Z.T @ y, Z.T @ Z)
    np.testing.assert_allclose(gmm.coefficients, two_stage.coefficients, rtol=1e-9)
    np.testing.assert_allclose(gmm.bread, two_stage.bread, rtol=1e-8, atol=1e-14)
    np.testing.assert_allclose(gmm.moments, Z.T @ two_stage.residuals, atol=1e-9)


def test_two_step_gmm_equals_linearmodels():
    from linearmodels.iv import IVGMM

    X, Z, y, _, _ = _problem()
    first = linalg.instrumental_variables(X, Z, y)
    S = linalg.robust_meat(Z, first.residuals)
    gmm = linalg.linear_gmm(Z.T @ X, Z.T @ y, S)
    peer = IVGMM(y, None, X, Z).fit(iter_limit=2)
    np.testing.assert_allclose(gmm.coefficients, peer.params.to_numpy(), rtol=1e-9)
    assert gmm.criterion == pytest.approx(peer.j_stat.stat, rel=1e-8)


def test_gmm_does_not_depend_on_the_units_of_the_moments():
    X, Z, y, _, _ = _problem()
    S = linalg.robust_meat(Z, y)
    units = 10.0 ** np.arange(-5, 7, 2)
    plain = linalg.linear_gmm(Z.T @ X, Z.T @ y, S)
    scaled = linalg.linear_gmm(
        units[:, None] * (Z.T @ X), units * (Z.T @ y), S * np.outer(units, units)
    )
    np.testing.assert_allclose(scaled.coefficients, plain.coefficients, rtol=1e-10)
    np.testing.assert_allclose(scaled.influence * units, plain.influence, rtol=1e-8, atol=1e-14)


def test_gmm_refuses_a_weight_from_fewer_clusters_than_moments():
    X, Z, y, firm, _ = _problem()
    meat = linalg.clustered_meat(Z, y, firm % 3, 3)
    with pytest.raises(np.linalg.LinAlgError):
        linalg.linear_gmm(Z.T @ X, Z.T @ y, meat)


def test_factor_of_no_rows_is_zero():
    assert np.array_equal(linalg.triangular_factor(np.zeros((0, 2)), np.zeros(0)), np.zeros((3, 3)))


def test_regressions_from_a_factor_are_those_of_the_rows():
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(60), rng.normal(size=(60, 2))])
    X = np.column_stack([X, X[:, 1] - X[:, 2]])  # says nothing new
    Y = rng.normal(size=(60, 2))
    b, bread, ssr, rank = linalg.least_squares_of_factor(linalg.triangular_factor(X, Y), 4)
    for j in range(2):
        fit = linalg.least_squares(X, Y[:, j])
        np.testing.assert_allclose(b[:, j], fit.coefficients, atol=1e-13)
        np.testing.assert_allclose(bread, fit.bread, rtol=1e-11)
        assert ssr[j] == pytest.approx(fit.ssr, rel=1e-12)
    assert rank.dropped.tolist() == [3]


@pytest.mark.parametrize("far", [1, 10_000])
def test_cluster_sums_of_clusters_in_any_order(far):
    rng = np.random.default_rng(5)
    X, e, code = rng.normal(size=(50, 3)), rng.normal(size=50), far * rng.integers(0, 6, 50)
    expected = np.zeros((5 * far + 1, 3))
    np.add.at(expected, code, X * e[:, None])
    np.testing.assert_allclose(linalg.cluster_sums(X, e, code, 5 * far + 1), expected, atol=1e-14)
