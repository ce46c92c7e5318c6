"""What must hold for every province: sums over groups, shares, order, units, rows outside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import counterfactual as cf
from tfp_index.kernels.dispersion import quantiles, sort_cells

ROUNDING = 1e-11
"""Sums of up to eighty numbers of order one, with weights of up to e⁶."""

FOUR_AND_WHOLE = np.column_stack((np.eye(4), np.ones(4)))

seeds = st.integers(0, 2**32 - 1)


def enterprises(seed: int):
    """Up to eighty enterprises, ties and zero weights among them."""
    rng = np.random.default_rng(seed)
    n, cells = int(rng.integers(2, 80)), int(rng.integers(1, 5))
    phi = np.round(rng.normal(0.0, 1.0, n), int(rng.integers(0, 4)))
    w = np.exp(rng.normal(0.0, 2.0, n)) * (rng.random(n) < 0.9)
    w[0] = 1.0
    cell = rng.integers(-1, cells, n)
    return rng, phi, w, cell, cells, rng.integers(0, 4, n)


def counterfactuals(seed: int):
    rng, phi, w, cell, cells, group = enterprises(seed)
    py, wl, k = np.exp(rng.normal(0.0, 1.0, (3, phi.shape[0])))
    share = rng.uniform(0.1, 0.9, cells)
    gained = cf.equalize(py, wl, k, share, cell, 3.0, float(rng.uniform(0.0, 1.0)))
    p = float(rng.uniform(0.02, 0.98))
    made = {
        "laggards": cf.close_gap(phi, w, cell, cells, p),
        "frontier": cf.close_gap(phi, w, cell, cells, p, 0.3),
        "entry": cf.raise_entrants(phi, w, cell, cells, rng.random(phi.shape[0]) < 0.4),
        "exit": cf.retire_lowest(phi, w, cell, cells, 0.5 * p),
        "misallocation": cf.share_gain(phi, w, cell, gained.gain, gained.influence),
        "practice": cf.adopt(phi, w, rng.random(phi.shape[0]) < 0.5, 0.2, 0.3),
    }
    return phi, w, cell, cells, group, made


@given(seeds)
def test_groups_add_up_and_the_whole_is_that_of_the_altered_enterprises(seed):
    phi, w, _, cells, group, made = counterfactuals(seed)
    for name, found in made.items():
        sums = cf.group_effects(found, w, group, FOUR_AND_WHOLE, cells)
        whole = cf.group_effects(found, w, np.zeros_like(group), np.eye(1), cells)
        assert sums.effect[:4].sum() == pytest.approx(whole.effect[0], abs=ROUNDING), name
        assert sums.effect[4] == pytest.approx(whole.effect[0], abs=ROUNDING), name
        assert sums.variance[4] == pytest.approx(whole.variance[0], rel=1e-7, abs=1e-14), name
        after = found.weight @ found.productivity / found.weight.sum()
        assert after - w @ phi / w.sum() == pytest.approx(whole.effect[0], abs=ROUNDING), name
        assert (sums.variance >= 0.0).all()


@given(seeds)
def test_lifts_never_lower_and_nobody_passes_the_target(seed):
    phi, w, cell, cells, _, made = counterfactuals(seed)
    for name in ("laggards", "frontier", "entry"):
        assert (made[name].productivity >= phi - ROUNDING).all()
        assert (made[name].part >= -ROUNDING).all()
    p = 0.4
    Q = quantiles(sort_cells(phi, cell, cells, np.ones_like(phi)), np.array([p]))[:, 0]
    reached = cf.close_gap(phi, w, cell, cells, p).productivity
    lifted = reached > phi
    assert (reached[lifted] == pytest.approx(Q[cell[lifted]], abs=ROUNDING)) if lifted.any() else 1
    more = cf.close_gap(phi, w, cell, cells, 0.7).part.sum()
    assert more >= cf.close_gap(phi, w, cell, cells, p).part.sum() - ROUNDING * w.sum()


@given(seeds)
def test_industries_keep_their_weight_and_leaving_never_lowers(seed):
    _, w, cell, cells, _, made = counterfactuals(seed)
    after = made["exit"].weight
    for c in range(-1, cells):
        assert after[cell == c].sum() == pytest.approx(w[cell == c].sum(), rel=ROUNDING)
    assert made["exit"].part.sum() >= -ROUNDING * w.sum()


@given(seeds)
def test_equal_marginal_products_are_the_best(seed):
    rng, _, _, cell, cells, _ = enterprises(seed)
    py, wl, k = np.exp(rng.normal(0.0, 1.0, (3, cell.shape[0])))
    share = rng.uniform(0.1, 0.9, cells)
    best = cf.equalize(py, wl, k, share, cell, 3.0, 1.0).gain
    assert (best >= -ROUNDING).all()
    for cut in (0.25, 0.5):
        assert (cf.equalize(py, wl, k, share, cell, 3.0, cut).gain <= best + ROUNDING).all()


@given(seeds)
def test_level_of_productivity_and_unit_of_weights_do_not_matter(seed):
    _, phi, w, cell, cells, group = enterprises(seed)
    entrant = phi > 0.3
    for lever in (
        lambda f, v: cf.close_gap(f, v, cell, cells, 0.3),
        lambda f, v: cf.raise_entrants(f, v, cell, cells, entrant),
        lambda f, v: cf.retire_lowest(f, v, cell, cells, 0.2),
    ):
        one = cf.group_effects(lever(phi, w), w, group, np.eye(4), cells)
        two = cf.group_effects(lever(phi + 8.0, 3.0 * w), 3.0 * w, group, np.eye(4), cells)
        assert two.effect == pytest.approx(one.effect, abs=1e-9)  # digits lost to the level
        assert two.variance == pytest.approx(one.variance, rel=1e-6, abs=1e-12)


@given(seeds)
def test_row_order_does_not_matter(seed):
    rng, phi, w, cell, cells, group = enterprises(seed)
    order = rng.permutation(phi.shape[0])
    for lever in (
        lambda f, v, c: cf.close_gap(f, v, c, cells, 0.3),
        lambda f, v, c: cf.retire_lowest(f, v, c, cells, 0.2),
    ):
        one = cf.group_effects(lever(phi, w, cell), w, group, np.eye(4), cells)
        found = lever(phi[order], w[order], cell[order])
        two = cf.group_effects(found, w[order], group[order], np.eye(4), cells)
        assert two.effect == pytest.approx(one.effect, abs=ROUNDING)
        assert two.variance == pytest.approx(one.variance, rel=1e-7, abs=1e-14)
