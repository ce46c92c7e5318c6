"""Counterfactuals worked out by hand, and their influences by differences."""

from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels import counterfactual as cf
from tfp_index.kernels.association import association
from tfp_index.kernels.misallocation import hsieh_klenow

EXACT = 1e-12
"""Rounding of sums of a few hundred numbers of order one."""
STEP = 1e-6
"""Relative change of a weight in the difference quotients."""
FIRST_ORDER = 1e-4
"""Second-order part and rounding of those quotients."""


def sample(seed: int = 1, n: int = 300, cells: int = 3):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0.0, 0.4, n),
        np.exp(rng.normal(0.0, 1.0, n)),
        rng.integers(0, cells, n),
        rng.integers(0, 4, n),
    )


def test_laggards_reach_the_quartile_of_numpy():
    phi, w, cell, _ = sample()
    found = cf.close_gap(phi, w, cell, 3, 0.25)
    for c in range(3):
        mine = cell == c
        q = np.quantile(phi[mine], 0.25, method="averaged_inverted_cdf")
        assert found.productivity[mine] == pytest.approx(np.maximum(phi[mine], q), abs=EXACT)
    assert found.part == pytest.approx(w * (found.productivity - phi), abs=EXACT)
    assert (found.changed == (found.productivity > phi)).all()


def test_copies_and_sampling_weights_give_the_same():
    phi, w, cell, _ = sample(2, 60)
    m = np.random.default_rng(3).integers(1, 4, 60).astype(float)
    rows = np.repeat(np.arange(60), m.astype(int))
    for function, more in ((cf.close_gap, (0.3, 0.5)), (cf.retire_lowest, (0.2,))):
        once = function(phi, w * m, cell, 3, *more, design=m)
        copied = function(phi[rows], w[rows], cell[rows], 3, *more)
        assert once.part.sum() == pytest.approx(copied.part.sum(), abs=EXACT)


def test_entrants_of_an_industry_ahead_of_its_others_keep_what_they_have():
    phi = np.array([1.0, 0.0, 0.0, 0.6, -1.0, -1.0])
    entrant = np.array([True, False, True, False, True, True])
    cell = np.array([0, 0, 1, 1, 2, 2])  # the last has entrants only
    found = cf.raise_entrants(phi, np.ones(6), cell, 3, entrant)
    assert found.productivity.tolist() == [1.0, 0.0, 0.6, 0.6, -1.0, -1.0]


def test_those_that_stay_take_over_the_weight_of_their_industry():
    phi, w, cell, _ = sample(4)
    found = cf.retire_lowest(phi, w, cell, 3, 0.1)
    for c in range(3):
        mine = cell == c
        assert found.weight[mine].sum() == pytest.approx(w[mine].sum(), rel=EXACT)
        assert (found.weight[mine & found.changed] == 0.0).all()
        stays = mine & ~found.changed
        ratio = found.weight[stays] / w[stays]
        assert ratio == pytest.approx(np.full(stays.sum(), ratio[0]), rel=EXACT)
    after = (found.weight @ phi) / found.weight.sum()
    assert found.part.sum() / w.sum() == pytest.approx(after - (w @ phi) / w.sum(), abs=EXACT)


def test_nobody_leaves_where_nothing_with_weight_would_be_left():
    phi, w = np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.0, 0.0])
    found = cf.retire_lowest(phi, w, np.zeros(3, np.int64), 1, 0.5)
    assert not found.changed.any()
    assert found.part.tolist() == [0.0, 0.0, 0.0]


def test_rows_outside_all_cells_keep_what_they_have():
    phi, w, cell, _ = sample(5)
    cell[::7] = -1
    entrant = np.random.default_rng(1).random(300) < 0.3
    for found in (
        cf.close_gap(phi, w, cell, 3, 0.5),
        cf.retire_lowest(phi, w, cell, 3, 0.1),
        cf.raise_entrants(phi, w, cell, 3, entrant),
    ):
        assert (found.productivity[::7] == phi[::7]).all()
        assert (found.weight[::7] == w[::7]).all()
        assert (found.part[::7] == 0.0).all()


def firms(seed: int = 6, n: int = 80):
    rng = np.random.default_rng(seed)
    py = np.exp(rng.normal(2.0, 1.0, n))
    return py, 0.5 * py * np.exp(rng.normal(0, 0.4, n)), py * np.exp(rng.normal(1, 0.6, n))


@pytest.mark.parametrize("cut", [0.0, 0.5, 1.0])
def test_the_model_solved_again_on_the_altered_inputs_gives_the_gain(cut):
    py, wl, k = firms()
    cell, share = np.arange(80) % 2, np.array([0.3, 0.5])
    year = np.zeros(2, np.int64)
    found = cf.equalize(py, wl, k, share, cell, 3.0, cut)
    before = hsieh_klenow(py, wl, k, share, cell, year, 1, 3.0)
    after = hsieh_klenow(
        found.value_added, found.wage_bill, found.capital, share, cell, year, 1, 3.0
    )
    assert after.log_tfp - before.log_tfp == pytest.approx(found.gain, abs=EXACT)
    assert after.log_a_bar == pytest.approx(before.log_a_bar, abs=1e-11)  # technology is kept
    for values, others in ((found.wage_bill, wl), (found.capital, k)):
        sums = [np.bincount(cell, v) for v in (values, others)]
        assert sums[0] == pytest.approx(sums[1], rel=EXACT)
    if cut == 1.0:
        assert after.log_efficiency == pytest.approx(np.zeros(2), abs=1e-11)
    if cut == 0.0:
        assert found.gain == pytest.approx(np.zeros(2), abs=EXACT)
        assert found.value_added == pytest.approx(py, rel=1e-11)


def test_log_distances_between_marginal_products_are_halved():
    py, wl, k = firms()
    found = cf.equalize(py, wl, k, np.array([0.4]), np.zeros(80, np.int64), 3.0, 0.5)
    for inputs, altered in ((wl, found.wage_bill), (k, found.capital)):
        before, after = np.log(py / inputs), np.log(found.value_added / altered)
        assert after - after.mean() == pytest.approx(0.5 * (before - before.mean()), abs=1e-11)


def quotients(effect, n: int, rows) -> np.ndarray:
    """Change of the effect per relative change of an enterprise's weights."""
    base = effect(np.ones(n))
    out = []
    for i in rows:
        factor = np.ones(n)
        factor[i] += STEP
        out.append((effect(factor) - base) / STEP)
    return np.array(out)


def influences(found: cf.Counterfactual, w, group, g: int, cells: int) -> np.ndarray:
    """ψ by the formula of the module, enterprise by enterprise."""
    W = w.sum()
    mine = group == g
    theta = found.part[mine].sum() / W
    psi = (np.where(mine, found.part, 0.0) - w * theta) / W
    for rho, slope in zip(found.influence, found.slope, strict=True):
        A = np.zeros(cells + 1)
        np.add.at(A, np.where(mine, found.cell, cells), np.where(mine, slope, 0.0) / W)
        A[cells] = 0.0
        psi += np.where(found.cell >= 0, A[found.cell] * rho, 0.0)
    return psi


def test_influences_of_smooth_levers_are_the_derivatives():
    """Percentiles jump with weights, so levers with one are left to the simulation of coverage."""
    phi, w, cell, group = sample(7, 80)
    entrant = np.random.default_rng(2).random(80) < 0.4
    py, wl, k = firms()
    share = np.array([0.3, 0.5, 0.4])

    def entry(f):
        return cf.raise_entrants(phi, w * f, cell, 3, entrant)

    def model(f):
        found = cf.equalize(py, wl, k, share, cell, 3.0, 0.5, design=f)
        return cf.share_gain(phi, w * f, cell, found.gain, found.influence)

    for lever in (entry, model):
        for g in range(2):

            def effect(f, lever=lever, g=g):
                found = lever(f)
                return found.part[group == g].sum() / (w * f).sum()

            psi = influences(lever(np.ones(80)), w, group, g, 3)
            assert psi == pytest.approx(quotients(effect, 80, range(80)), abs=FIRST_ORDER / 80)


def test_the_variance_is_the_sum_of_squared_influences():
    phi, w, cell, group = sample(8)
    for found in (
        cf.close_gap(phi, w, cell, 3, 0.5, 0.4),
        cf.retire_lowest(phi, w, cell, 3, 0.1),
        cf.raise_entrants(phi, w, cell, 3, np.random.default_rng(3).random(300) < 0.3),
    ):
        sums = cf.group_effects(found, w, group, np.eye(4), 3)
        for g in range(4):
            psi = influences(found, w, group, g, 3)
            if len(found.influence) == 2:  # smooth; percentiles only nearly so
                assert abs(psi.sum()) < EXACT
            assert sums.variance[g] == pytest.approx(300 / 299 * psi @ psi, rel=1e-9)
            assert sums.effect[g] == pytest.approx(found.part[group == g].sum() / w.sum())


def test_association_is_that_of_a_regression_with_dummies():
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(9)
    n, cluster = 240, np.repeat(np.arange(80), 3)
    cell, D = rng.integers(0, 5, n), (rng.random(n) < 0.4).astype(float)
    z, m = rng.normal(size=n), rng.uniform(0.5, 2.0, n)
    phi = 0.1 * D + 0.2 * z + 0.3 * cell + rng.normal(size=n) + rng.normal(size=80)[cluster]
    X = np.column_stack((D, z, (cell[:, None] == np.arange(5)).astype(float)))
    for design in (None, m):
        found = association(phi, D, z[:, None], cell, 5, cluster, 80, design=design)
        model = sm.WLS(phi, X, weights=np.ones(n) if design is None else design)
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": cluster})
        assert found.coefficient == pytest.approx(fit.params[0], rel=1e-9)
        assert found.standard_error == pytest.approx(fit.bse[0], rel=1e-9)
        assert found.influence @ found.influence == pytest.approx(fit.bse[0] ** 2, rel=1e-9)
        assert found.adopters == int(D.sum())


def test_no_association_where_the_practice_follows_from_the_controls():
    n = 40
    cell = np.arange(n) % 2
    z = np.random.default_rng(1).normal(size=n)
    for practice in (cell.astype(float), (z > 0).astype(float)):
        controls = practice[:, None] if practice is not z else z[:, None]
        found = association(z, practice, controls, cell, 2, np.arange(n), n)
        assert np.isnan(found.coefficient)
