from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels.within import level_means, one_way, random_effects, two_way


def _cells(seed, n, g, h):
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(g * h)[:n]
    first, second = np.divmod(np.sort(pairs), h)
    first = np.unique(first, return_inverse=True)[1]
    second = np.unique(second, return_inverse=True)[1]
    return first, second, rng.normal(size=(first.size, 2))


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.data())
def test_two_way_effects_are_those_of_dummies(seed, g, h, data):
    n = data.draw(st.integers(1, g * h))
    first, second, x = _cells(seed, n, g, h)
    found = two_way(x, first, int(first.max()) + 1, second, int(second.max()) + 1)
    D = np.column_stack([np.eye(first.max() + 1)[first], np.eye(second.max() + 1)[second]])
    expected = x - D @ np.linalg.lstsq(D, x, rcond=None)[0]
    np.testing.assert_allclose(found.within, expected, atol=1e-9)
    assert found.absorbed == np.linalg.matrix_rank(D)
    rebuilt = found.first[first] + found.second[second] + found.within
    np.testing.assert_allclose(rebuilt, x, atol=1e-9)
    np.testing.assert_allclose(found.second[second].mean(axis=0), 0, atol=1e-9)


def test_one_way_effects_are_means():
    first, _, x = _cells(1, 40, 8, 9)
    found = one_way(x, first, 8)
    np.testing.assert_allclose(found.first, level_means(x, first, 8))
    np.testing.assert_allclose(level_means(found.within, first, 8), 0, atol=1e-15)
    assert found.absorbed == 8


def test_levels_without_rows_have_no_mean():
    assert np.isnan(level_means(np.ones((2, 1)), np.array([0, 2]), 3)[1, 0])


@pytest.mark.parametrize("balanced", [True, False])
def test_variance_components_equal_linearmodels(balanced):
    import pandas as pd
    from linearmodels.panel import BetweenOLS, PanelOLS, RandomEffects

    rng = np.random.default_rng(3)
    keys = [(i, t) for i in range(40) for t in range(7) if balanced or rng.random() < 0.7]
    index = pd.MultiIndex.from_tuples(keys, names=["i", "t"])
    i = np.array([k[0] for k in keys])
    x = rng.normal(size=len(keys))
    y = 1 + 2 * x + rng.normal(size=40)[i] + rng.normal(size=len(keys))
    X = pd.DataFrame({"const": 1.0, "x": x}, index=index)
    Y = pd.Series(y, index=index)
    peer = RandomEffects(Y, X).fit()
    within = PanelOLS(Y, X[["x"]], entity_effects=True).fit()
    between = BetweenOLS(Y, X).fit()
    counts = np.unique(i, return_counts=True)[1]
    g, n = counts.size, len(keys)
    found = random_effects(
        float(within.resid_ss), n - g - 1, float(between.resid_ss), g - 2, counts
    )
    assert found.variance_error == pytest.approx(peer.variance_decomposition["Residual"])
    assert found.variance_entity == pytest.approx(peer.variance_decomposition["Effects"])
    np.testing.assert_allclose(found.theta, peer.theta.to_numpy()[:, 0])


def test_no_random_effects_are_said_not_hidden():
    found = random_effects(10.0, 10.0, 0.1, 2.0, np.array([5, 5]))
    assert found.variance_entity < 0
    assert not found.theta.any()


def test_no_error_within_is_the_within_estimator():
    assert (random_effects(0.0, 10.0, 1.0, 2.0, np.array([5, 5])).theta == 1).all()
