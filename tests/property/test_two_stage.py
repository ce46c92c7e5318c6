"""Identities of the two-stage estimators that hold on any data."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tfp_index as tfp
from tests.profiles import examples

METHODS = st.sampled_from([tfp.OlleyPakes, tfp.LevinsohnPetrin, tfp.AckerbergCavesFrazer])
SAME = 1e-6  # coefficients of a nonlinear search in other units

pytestmark = pytest.mark.filterwarnings("ignore::tfp_index.errors.TFPWarning")


def frame_of(seed: int):
    return tfp.datasets.simulate.proxies(firms=120, periods=6, rng=seed)


def fit(spec, frame, roles):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tfp.TFPWarning)
        return spec.fit(tfp.Panel.from_frame(frame, **roles))


@settings(max_examples=examples(15))
@given(METHODS, st.integers(0, 5), st.floats(-20, 20), st.floats(-20, 20), st.floats(-20, 20))
def test_units_move_productivity_by_a_constant(method, seed, y, k, m):
    sim = frame_of(seed)
    spec = method(basis_degree=2, law_degree=2, se=None)
    frame = sim.frame()
    base = fit(spec, frame, sim.roles)
    moved = frame.assign(
        output=frame["output"] + y, capital=frame["capital"] + k,
        materials=frame["materials"] + m, investment=frame["investment"] + m,
    )  # fmt: skip
    other = fit(spec, moved, sim.roles)
    assert np.allclose(np.asarray(base.params), np.asarray(other.params), rtol=SAME, atol=SAME)
    gap = other.productivity["productivity"] - base.productivity["productivity"]
    assert np.ptp(gap) < 1e-4


@settings(max_examples=examples(10))
@given(
    st.sampled_from([tfp.OlleyPakes, tfp.LevinsohnPetrin]),
    st.integers(0, 5),
    st.floats(1e-3, 1e3),
)
def test_scaling_a_free_input_scales_its_coefficient(method, seed, c):
    """The logs need not be natural ones."""
    sim = frame_of(seed)
    spec = method(basis_degree=2, law_degree=1)
    frame = sim.frame()
    base = fit(spec, frame, sim.roles)
    other = fit(spec, frame.assign(labor=frame["labor"] * c), sim.roles)
    assert other.params["labor"] * c == pytest.approx(base.params["labor"], rel=1e-8)
    assert other.bse["labor"] * c == pytest.approx(base.bse["labor"], rel=1e-6)
    assert other.params["capital"] == pytest.approx(base.params["capital"], abs=SAME)


@settings(max_examples=examples(10))
@given(st.integers(0, 5), st.floats(-2.0, 2.0))
def test_adding_an_input_to_output_adds_to_its_coefficient(seed, c):
    """The estimator is equivariant: y + c k has β_k + c, with the same roots."""
    sim = frame_of(seed)
    spec = tfp.AckerbergCavesFrazer(
        basis_degree=2, law_degree=1, se=None, root={"labor": 0.6, "capital": 0.4}
    )
    moved = tfp.AckerbergCavesFrazer(
        basis_degree=2, law_degree=1, se=None, root={"labor": 0.6, "capital": 0.4 + c},
        search=(-2.5, 3.0),
    )  # fmt: skip
    frame = sim.frame()
    base = fit(spec, frame, sim.roles)
    other = fit(moved, frame.assign(output=frame["output"] + c * frame["capital"]), sim.roles)
    if base.roots["kind"][base.roots["chosen"].tolist().index(True)] != "root":
        return
    assert other.params["labor"] == pytest.approx(base.params["labor"], abs=1e-6)
    assert other.params["capital"] == pytest.approx(base.params["capital"] + c, abs=1e-6)
    assert np.allclose(
        other.productivity["productivity"], base.productivity["productivity"], atol=1e-5
    )


@settings(max_examples=examples(10))
@given(METHODS, st.integers(0, 5), st.integers(0, 100))
def test_row_order_changes_nothing(method, seed, shuffle):
    sim = frame_of(seed)
    spec = method(basis_degree=2, law_degree=2)
    frame = sim.frame()
    a = fit(spec, frame, sim.roles)
    b = fit(spec, frame.sample(frac=1.0, random_state=shuffle), sim.roles)
    assert np.array_equal(np.asarray(a.params), np.asarray(b.params))
    assert np.array_equal(a.cov_params, b.cov_params, equal_nan=True)
