from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels import klems


def accounts(m: int = 6, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    raw = rng.uniform(0.5, 1.5, (2, 4, m))
    shares = raw / raw.sum(axis=1, keepdims=True)
    return {
        "output": rng.normal(0.03, 0.02, m),
        "inputs": rng.normal(0.02, 0.03, (4, m)),
        "before": shares[0],
        "now": shares[1],
        "intermediate": np.array([True, False, True, False]),
    }


@pytest.mark.parametrize("timing", ["average", "current", "lagged"])
def test_accounts_equal_their_definitions(timing):
    a = accounts()
    found = klems.industry_accounts(
        a["output"], a["inputs"], a["before"], a["now"], a["intermediate"], timing
    )
    v = {
        "average": 0.5 * (a["before"] + a["now"]),
        "current": a["now"],
        "lagged": a["before"],
    }[timing]
    assert found.tfp_growth == pytest.approx(a["output"] - (v * a["inputs"]).sum(axis=0), abs=1e-15)
    v_value_added = v[1] + v[3]
    assert found.value_added_share == pytest.approx(v_value_added, abs=1e-15)
    deflated = (a["output"] - v[0] * a["inputs"][0] - v[2] * a["inputs"][2]) / v_value_added
    assert found.value_added_growth == pytest.approx(deflated, abs=1e-15)


def test_value_added_that_is_not_positive_has_no_growth():
    a = accounts()
    a["now"][:, 2] = [0.8, 0.0, 0.3, 0.0]
    found = klems.industry_accounts(
        a["output"], a["inputs"], a["before"], a["now"], a["intermediate"]
    )
    assert np.isnan(found.value_added_growth).tolist() == [False, False, True] + [False] * 3
    assert np.isfinite(found.tfp_growth).all()


def test_growth_needs_figures_above_zero():
    before = np.array([1.0, 0.0, -1.0, np.nan, 2.0])
    now = np.array([np.e, 1.0, 1.0, 1.0, 0.0])
    found = klems.growth(before, now)
    assert found[0] == pytest.approx(1.0, rel=1e-15)
    assert np.isnan(found[1:]).all()


def test_cell_sums_of_nothing():
    assert klems.cell_sums(np.zeros((2, 0)), np.zeros(0, int), 3).shape == (2, 3)
    assert klems.cell_sums(np.zeros(0), np.zeros(0, int), 3).tolist() == [0.0, 0.0, 0.0]
