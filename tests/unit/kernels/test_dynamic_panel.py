from __future__ import annotations

import numpy as np
import pytest

from tests.unit.kernels._dynamic_by_matrix import whole
from tfp_index.kernels.dynamic_gmm import (
    serial_correlation,
    serial_sums,
    solve_dynamic_panel,
    underidentification,
)
from tfp_index.kernels.dynamic_panel import TOGETHER, DynamicPanelRows, block, layout
from tfp_index.kernels.groups import group_offsets, lag_status
from tfp_index.kernels.linalg import linear_gmm
from tfp_index.kernels.system_gmm import Equation, system_gmm

SAME = 1e-9
"""Relative: the same sums in another order, through a weight that is inverted."""
FORMS = [(s, c, d) for s in (True, False) for c in (True, False) for d in (True, False)]


def _data(seed=0, firms=90, years=7, missing=0.1):
    """A panel with gaps; returns columns, code and time."""
    rng = np.random.default_rng(seed)
    eta = rng.normal(size=firms)
    v, a = np.zeros(firms), np.zeros((2, firms))
    k, x = rng.normal(size=(2, firms))
    found = []
    for year in range(-10, years):
        e = 0.3 * rng.normal(size=firms)
        v = 0.5 * v + e
        a = 0.5 * a + 0.5 * rng.normal(size=(2, firms))
        x = 0.5 * x + 0.3 * eta + 0.5 * e + a[0]
        if year >= 0:
            found.append(
                np.stack([0.3 * k + 0.6 * x + eta + v, k, x, np.arange(firms), v * 0 + year])
            )
        k = 0.6 * k + 0.2 * eta + 0.3 * v + a[1]
    table = np.stack(found, axis=2).transpose(1, 2, 0).reshape(-1, 5)
    table = table[rng.random(table.shape[0]) >= missing]
    code = np.unique(table[:, 3], return_inverse=True)[1]
    return list(table[:, :3].T.copy()), code, table[:, 4].astype(np.int64)


def _rows(columns, code, time, options, size=4_096, step=1):
    complete = np.ones(code.size, bool)
    level = lag_status(code, time, step) == 0
    plan = layout(columns, code, time, step, group_offsets(code), complete, level, **options)
    return DynamicPanelRows(plan, size)


def _options(system=True, collapse=True, dummies=True, first=(2, 1, 2), last=3):
    names = ("system", "collapse", "dummies", "first", "last")
    return dict(zip(names, (system, collapse, dummies, first, last), strict=True))


@pytest.mark.parametrize(("system", "collapse", "dummies"), FORMS)
def test_blocks_equal_one_matrix(system, collapse, dummies):
    columns, code, time = _data()
    options = _options(system, collapse, dummies)
    y, X, Z, firm, initial = whole(columns, code, time, **options)
    peer = system_gmm(
        [Equation(y, X, np.arange(X.shape[1]), Z, firm)],
        X.shape[1],
        code.max() + 1,
        initial=initial,
    )
    for size in (50, 4_096):
        rows = _rows(columns, code, time, options, size)
        assert (rows.count > 4) == (size == 50)
        found = solve_dynamic_panel(rows, code.max() + 1).solution
        assert found.moments == peer.moments
        for name in ("coefficients", "covariance", "one_step", "one_step_covariance"):
            expected = getattr(peer, name)
            np.testing.assert_allclose(
                getattr(found, name), expected, rtol=1e-7, atol=SAME * np.abs(expected).max()
            )
        assert found.j_statistic == pytest.approx(peer.j_statistic, rel=1e-7)


def test_the_answer_depends_on_neither_threads_nor_what_is_held():
    columns, code, time = _data()
    rows = _rows(columns, code, time, _options(), 12)
    assert rows.count > 2 * TOGETHER
    found = [solve_dynamic_panel(rows, 90, threads=threads).solution for threads in (1, 3)]
    assert np.array_equal(found[0].coefficients, found[1].coefficients)
    assert np.array_equal(found[0].covariance, found[1].covariance)


def test_weights_equal_firms_drawn_several_times():
    columns, code, time = _data()
    firms = code.max() + 1
    counts = np.random.default_rng(1).multinomial(firms, np.full(firms, 1 / firms))
    for size in (50, 4_096):
        rows = _rows(columns, code, time, _options(), size)
        weighted = solve_dynamic_panel(rows, firms, weights=counts.astype(float)).solution
        drawn = [np.flatnonzero(code == g) for g in np.repeat(np.arange(firms), counts)]
        again = np.concatenate([np.full(at.size, i) for i, at in enumerate(drawn)])
        at = np.concatenate(drawn)
        copied = _rows([c[at] for c in columns], again, time[at], _options(), size)
        repeated = solve_dynamic_panel(copied, firms).solution
        np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, rtol=1e-8)
        np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-6, atol=1e-12)


def test_two_step_errors_are_those_of_a_numerical_derivative():
    """Windmeijer: the estimate as a function of the first step that makes its weight."""
    columns, code, time = _data()
    options = _options()
    y, X, Z, firm, _ = whole(columns, code, time, **options)
    plain = solve_dynamic_panel(_rows(columns, code, time, options), 90, windmeijer=False).solution
    corrected = solve_dynamic_panel(_rows(columns, code, time, options), 90).solution
    scale = np.sqrt((Z**2).sum(axis=0))
    Z = Z / scale

    def two_step(at):
        e = y - X @ at
        scores = np.stack([Z[firm == g].T @ e[firm == g] for g in range(firm.max() + 1)])
        found = linear_gmm(Z.T @ X, Z.T @ y, scores.T @ scores)
        return found.coefficients, found.bread

    start = plain.one_step
    b, V2 = two_step(start)
    np.testing.assert_allclose(corrected.coefficients, b, rtol=1e-7)
    D = np.zeros((b.size, b.size))
    for j in range(b.size):
        step = np.zeros(b.size)
        step[j] = 1e-5
        D[:, j] = (two_step(start + step)[0] - two_step(start - step)[0]) / 2e-5
    expected = V2 + D @ V2 + V2 @ D.T + D @ plain.one_step_covariance @ D.T
    np.testing.assert_allclose(np.diagonal(corrected.covariance), np.diagonal(expected), rtol=1e-4)


def test_serial_correlation_by_its_definition():
    columns, code, time = _data()
    rows = _rows(columns, code, time, _options(), 50)
    found = solve_dynamic_panel(rows, 90)
    b = found.solution.coefficients
    total = rows.fold(lambda made: serial_sums(made, found.first, b))
    z = serial_correlation(total, found.solution)
    made = block(rows.plan, slice(0, rows.plan.offsets.size - 1))
    e, m = made.equation, made.changes
    u = e.y - e.X @ b
    here = {
        (int(f), int(t)): i
        for i, (f, t) in enumerate(
            zip(e.clusters[:m], time[np.flatnonzero(rows.plan.level)[made.now]], strict=True)
        )
    }
    for order in (1, 2):
        w = np.array([u[here[f, t - order]] if (f, t - order) in here else 0.0 for f, t in here])
        products = np.bincount(e.clusters[:m], w * u[:m], 90)
        # scores and influence in the instruments themselves
        scores = np.stack([e.Z[e.clusters == g].T @ u[e.clusters == g] for g in range(90)])
        R = found.first.whitened[0].R
        influence = found.solution.influence @ np.linalg.inv(R).T
        kept = found.first.whitened[0].rank.kept
        moved = products - scores[:, kept] @ influence.T @ (e.X[:m].T @ w)
        # v leaves the covariance of the estimates corrected, so that it is no plain square
        wX = e.X[:m].T @ w
        plain = influence @ scores[:, kept].T @ scores[:, kept] @ influence.T
        v = moved @ moved + wX @ (found.solution.covariance - plain) @ wX
        assert z[order - 1] == pytest.approx(products.sum() / np.sqrt(v), rel=1e-6)


def test_underidentification_is_the_j_of_a_regressor_on_the_others():
    columns, code, time = _data()
    rows = _rows(columns, code, time, _options(), 50)
    first = solve_dynamic_panel(rows, 90).first
    statistics, dof = underidentification(rows, first, 5)
    made = block(rows.plan, slice(0, rows.plan.offsets.size - 1)).equation
    for j in range(5):
        rest = np.delete(made.X, j, axis=1)
        peer = system_gmm(
            [Equation(made.X[:, j], rest, np.arange(rest.shape[1]), made.Z, made.clusters)],
            rest.shape[1],
            90,
        )
        assert statistics[j] == pytest.approx(peer.j_statistic, rel=1e-7)
        assert dof == peer.j_dof


def test_a_step_of_the_calendar_scales_all_lags():
    columns, code, time = _data()
    plain = solve_dynamic_panel(_rows(columns, code, time, _options()), 90).solution
    wide = solve_dynamic_panel(_rows(columns, code, 5 * time, _options(), step=5), 90).solution
    assert np.array_equal(plain.coefficients, wide.coefficients)
