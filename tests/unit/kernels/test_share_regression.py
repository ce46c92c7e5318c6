from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels.integration_constant import (
    Pairs,
    innovation,
    join_pair_factors,
    law_columns,
    pair_factors,
    polish,
    search,
    search_sums,
    stationary_alphas,
)
from tfp_index.kernels.monomials import evaluate, plan, whitening
from tfp_index.kernels.share_regression import (
    integral_sums,
    share_averages,
    share_gradients,
    share_regression,
    share_values,
)
from tfp_index.kernels.two_stage_design import Data


def _data(seed=0, n=3_000, noise=0.3):
    rng = np.random.default_rng(seed)
    k, x, m = rng.normal(size=(3, n)) + 0.5 * rng.normal(size=n)
    D = 0.5 + 0.05 * k - 0.03 * m + 0.01 * k * m - 0.01 * x**2 + 0.04
    D = np.maximum(D, 0.1)
    return [k, x, m], np.log(D) - noise * rng.normal(size=n)


def test_the_minimum_is_that_of_a_general_optimizer():
    from scipy.optimize import least_squares

    variables, s = _data()
    shape = whitening(variables, correlated=True)
    fit = share_regression(s, variables, shape, 2)
    made = plan(fit.exponents)
    X = evaluate(shape.apply(variables, slice(None)), made)[[made.index[e] for e in fit.exponents]]

    def residual(gamma):
        return s - np.log(np.maximum(gamma @ X, 1e-300))

    peer = least_squares(residual, fit.coefficients * 1.02, xtol=1e-15, ftol=1e-15, gtol=1e-12)
    assert fit.ssr == pytest.approx(2 * peer.cost, rel=1e-12)
    np.testing.assert_allclose(fit.coefficients, peer.x, atol=1e-6)
    assert fit.converged
    r = residual(fit.coefficients)
    assert np.abs((X / (fit.coefficients @ X)) @ r).max() < 1e-9 * s.size
    assert fit.mean_exp == pytest.approx(np.exp(-r).mean())


@pytest.mark.parametrize("seed", range(6))
def test_every_start_ends_at_the_same_place(seed):
    variables, s = _data(noise=0.6)
    shape = whitening(variables, correlated=True)
    plain = share_regression(s, variables, shape, 3)
    start = plain.coefficients * np.exp(0.3 * np.random.default_rng(seed).normal(size=20))
    other = share_regression(s, variables, shape, 3, start=start)
    assert other.ssr == pytest.approx(plain.ssr, rel=1e-12)


def test_blocks_and_units_change_nothing(monkeypatch):
    from tfp_index.kernels import share_regression as module

    variables, s = _data()
    shape = whitening(variables, correlated=True)
    plain = share_regression(s, variables, shape, 2)
    moved = [v * 1.0 + shift for v, shift in zip(variables, (7.0, -3.0, 11.0), strict=True)]
    other = share_regression(s, moved, whitening(moved, correlated=True), 2)
    np.testing.assert_allclose(other.coefficients, plain.coefficients, atol=1e-10)
    monkeypatch.setattr(
        module,
        "map_blocks",
        lambda work, n, size: [work(slice(i, min(i + 7, n))) for i in range(0, n, 7)],
    )
    blocked = share_regression(s, variables, shape, 2)
    np.testing.assert_allclose(blocked.coefficients, plain.coefficients, atol=1e-11)


def test_weights_are_repeated_rows():
    variables, s = _data()
    shape = whitening(variables, correlated=True)
    counts = np.random.default_rng(1).integers(1, 4, s.size)
    weighted = share_regression(s, variables, shape, 2, weights=counts.astype(float))
    repeated = share_regression(
        np.repeat(s, counts), [np.repeat(v, counts) for v in variables], shape, 2
    )
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, atol=1e-10)
    assert weighted.mean_exp == pytest.approx(repeated.mean_exp)


def test_a_repeated_input_drops_its_monomials():
    variables, s = _data()
    double = [variables[0], variables[0], variables[2]]
    fit = share_regression(s, double, whitening(double, correlated=True), 2)
    single = [variables[0], variables[2]]
    peer = share_regression(s, single, whitening(single, correlated=True), 2)
    assert fit.rank.dropped.size == 4
    assert fit.ssr == pytest.approx(peer.ssr, rel=1e-10)


def test_the_integral_is_an_integral():
    from scipy.integrate import quad

    variables, s = _data(n=400)
    shape = whitening(variables, correlated=True)
    fit = share_regression(s, variables, shape, 3)
    values = share_values(fit, variables)
    k, x, m = (v[5] for v in variables)

    def D(at, capital=k):
        inputs = [np.array([v]) for v in (capital, x, at)]
        return float(np.exp(share_values(fit, inputs).log_d[0]))

    start = shape.location[2]
    assert values.integral[5] == pytest.approx(quad(D, start, m)[0], rel=1e-9)
    up, down = (quad(lambda a, c=c: D(a, c), start, m)[0] for c in (k + 1e-5, k - 1e-5))
    assert values.slopes[0, 5] == pytest.approx((up - down) / 2e-5, rel=1e-6)


def test_gradients_by_differences():
    variables, s = _data(n=50)
    shape = whitening(variables, correlated=True)
    fit = share_regression(s, variables, shape, 2)
    g, integral = share_gradients(fit, variables)
    averages = share_averages(fit, integral_sums(fit, variables))
    level, slopes = averages.level, averages.slopes
    from dataclasses import replace

    for j in range(fit.coefficients.size):
        step = np.zeros(fit.coefficients.size)
        step[j] = 1e-6
        up, down = (
            share_values(replace(fit, coefficients=fit.coefficients + sign * step), variables)
            for sign in (1, -1)
        )
        np.testing.assert_allclose(g[j], (up.log_d - down.log_d) / 2e-6, atol=1e-7)
        np.testing.assert_allclose(integral[j], (up.integral - down.integral) / 2e-6, atol=1e-7)
        change = (np.exp(up.log_d) - np.exp(down.log_d)).mean() / 2e-6
        assert level[j] == pytest.approx(change, abs=1e-7)
        np.testing.assert_allclose(
            slopes[:, j], (up.slopes - down.slopes).mean(axis=1) / 2e-6, atol=1e-7
        )


def _pairs(seed=0, firms=400, years=6, weights=None):
    rng = np.random.default_rng(seed)
    omega = np.zeros((firms, years))
    k = np.zeros((firms, years, 2))
    omega[:, 0] = rng.normal(size=firms)
    k[:, 0] = rng.normal(size=(firms, 2))
    for t in range(1, years):
        omega[:, t] = 0.7 * omega[:, t - 1] + 0.1 * np.tanh(omega[:, t - 1])
        omega[:, t] += 0.4 * rng.normal(size=firms)
        k[:, t] = (
            0.8 * k[:, t - 1] + 0.3 * omega[:, t - 1, None] + 0.4 * rng.normal(size=(firms, 2))
        )
    fixed = [k[..., 0].reshape(-1), k[..., 1].reshape(-1)]
    y = 0.3 * fixed[0] + 0.2 * fixed[1] + 0.05 * fixed[0] ** 2 + omega.reshape(-1)
    lagged = np.tile(np.arange(years) > 0, firms)
    offsets = np.arange(0, firms * years + 1, years)
    return y, fixed, offsets, lagged


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_and_their_derivative(weighted):
    y, fixed, _, lagged = _pairs()
    now = np.flatnonzero(lagged)
    T = np.stack(fixed)
    w = np.random.default_rng(1).exponential(size=now.size) if weighted else None
    heavy = np.ones(now.size) if w is None else w
    pairs = Pairs(y[now], y[now - 1], T[:, now], T[:, now - 1], w)
    alpha = np.array([0.2, 0.3])

    def parts(work):  # as if the rows were read in three pieces
        cuts = [slice(0, 300), slice(300, 301), slice(301, None)]
        return [work(_cut(pairs, rows)) for rows in cuts]

    frame = join_pair_factors(parts(pair_factors))
    at = innovation(parts, frame, alpha, 3)
    # by hand: weighted regression on powers
    centered = T[:, now] - (T[:, now] @ heavy / heavy.sum())[:, None]
    R = np.linalg.qr((centered * np.sqrt(heavy)).T)[1]
    Q = np.linalg.solve(R.T, centered) * np.sign(np.diagonal(R))[:, None]
    before = y[now - 1] - alpha @ T[:, now - 1]
    omega = y[now] - alpha @ T[:, now]
    A = np.vander(before, 4)
    root = np.sqrt(heavy)
    c = np.linalg.lstsq(A * root[:, None], omega * root, rcond=None)[0]
    columns = law_columns(pairs, alpha, at.law.center, at.law.spread, 3)
    xi = columns[-1] - at.law.coefficients @ columns[:-1]
    np.testing.assert_allclose(xi, omega - A @ c, atol=1e-10)
    np.testing.assert_allclose(at.moments, Q @ (heavy * xi), atol=1e-10)
    assert at.correlation == pytest.approx(np.linalg.norm(at.moments) / np.sqrt(xi @ (heavy * xi)))
    line = np.polyfit(before, omega, 1, w=root)
    assert at.law.persistence == pytest.approx(line[0], rel=1e-10)
    for j in range(2):
        step = np.zeros(2)
        step[j] = 1e-6
        up, down = (innovation(parts, frame, alpha + sign * step, 3).moments for sign in (1, -1))
        np.testing.assert_allclose(at.derivative[:, j], (up - down) / 2e-6, rtol=1e-5)


def _cut(pairs, rows):
    w = None if pairs.weights is None else pairs.weights[rows]
    return Pairs(
        pairs.y[rows], pairs.y_before[rows], pairs.terms[:, rows], pairs.terms_before[:, rows], w
    )


def test_the_search_finds_what_polishing_confirms():
    y, fixed, offsets, lagged = _pairs()
    found, alphas, design = search(y, fixed, offsets, lagged, degree=2, law_degree=3, starts=32)
    z = design.inputs.apply(fixed, slice(None))
    made = plan(design.terms)
    T = evaluate(z, made)[[made.index[e] for e in design.terms]]
    now = np.flatnonzero(lagged)
    pairs = Pairs(y[now], y[now - 1], T[:, now], T[:, now - 1])

    def whole(work):
        return [work(pairs)]

    frame = join_pair_factors(whole(pair_factors))
    there = polish(whole, frame, innovation(whole, frame, alphas[0], 3))
    alpha = there.law.alpha
    assert there.correlation < 1e-12
    assert np.abs(alpha - alphas[0]).max() < 1e-7
    slope = alpha * np.diagonal(design.inputs.matrix)[0]
    assert slope[0] == pytest.approx(0.3, abs=0.05)
    ones = search(
        y, fixed, offsets, lagged, degree=2, law_degree=3, starts=32, weights=np.ones(y.size)
    )
    np.testing.assert_allclose(ones[0].points, found.points, atol=1e-8)
    # sums over two parts of whole firms are the sums over the rows
    data = Data(y=y, basis=tuple(fixed), inputs=tuple(fixed), offsets=offsets, lagged=lagged)
    half = int(offsets[150])
    first, last = (
        Data(
            y=y[rows],
            basis=tuple(x[rows] for x in fixed),
            inputs=tuple(x[rows] for x in fixed),
            offsets=cut,
            lagged=lagged[rows],
        )
        for rows, cut in (
            (slice(0, half), offsets[:151]),
            (slice(half, None), offsets[150:] - half),
        )
    )
    total = search_sums(first, design) + search_sums(last, design)
    np.testing.assert_allclose(total, search_sums(data, design), atol=1e-8)
    again, _ = stationary_alphas(total, design, 32)
    np.testing.assert_allclose(again.points, found.points, atol=1e-8)
