"""The analytic covariance is the infinitesimal jackknife over firms: checked by differences."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.kernels.test_control_function import build, lag_of, panel
from tests.unit.kernels.test_roots import squares
from tfp_index.kernels import control_function as cf
from tfp_index.kernels import law_of_motion as lom
from tfp_index.kernels import stacked_moments as sm
from tfp_index.kernels.roots import descend, newton
from tfp_index.kernels.score_moments import score_products
from tfp_index.kernels.two_stage_design import Data, Factor, make_design

AGREE = 1e-5  # central differences with a step of 1e-4 in a firm's weight


def estimate(data, design, definition, start, weights=None):
    """Coefficients of stage 1 and δ, as functions of firm weights."""
    first = cf.first_stage(data, design, weights)
    second = cf.second_stage(data, design, first, weights)
    delta = start[None]
    if definition == "moments":
        for _ in range(40):
            g, jacobian, _ = lom.moments(second, design, delta)
            delta = delta - np.linalg.solve(jacobian[0], g[0])
        bread = np.linalg.inv(jacobian[0] * second.n)
    else:

        def objective(d):
            return lom.sum_of_squares(second, design, d, definition)

        delta, H, _ = newton(objective, descend(objective, delta)[0], steps=30)
        bread = np.linalg.inv(0.5 * H[0] * second.n)
    return first, second, delta[0], bread


def covariances(data, design, definition, start):
    first, second, delta, bread = estimate(data, design, definition, start)
    scores = sm.stage_scores(
        data, design, first, second, lom.score_pairs(second, design, delta, definition)
    )
    analytic = sm.joint_covariance(first, scores, bread)
    firms = data.offsets.size - 1
    step, slopes = 1e-4, []
    for i in range(firms):
        ends = []
        for sign in (1.0, -1.0):
            w = np.ones(firms)
            w[i] += sign * step
            one, _, point, _ = estimate(data, design, definition, delta, w)
            ends.append(np.concatenate([one.coefficients, point]))
        slopes.append((ends[0] - ends[1]) / (2 * step))
    influence = np.array(slopes)
    return analytic, influence.T @ influence * firms / (firms - 1), scores


def compare(analytic, numeric):
    scale = np.sqrt(np.diagonal(numeric))
    keep = scale > 0
    gap = (analytic - numeric)[np.ix_(keep, keep)] / np.outer(scale[keep], scale[keep])
    assert np.abs(gap).max() < AGREE


@pytest.mark.parametrize("form", ["cobb_douglas", "translog"])
@pytest.mark.parametrize("law_degree", [1, 3])
def test_moments_with_everything_in_both_stages(form, law_degree):
    p = panel(11, firms=70)
    data = build(p, form)
    design = make_design(
        data, form=form, basis_degree=2, law_degree=law_degree, current=(False, True)
    )
    first = cf.first_stage(data, design)
    second = cf.second_stage(data, design, first)
    J = len(design.terms)
    truth = np.zeros(J)
    truth[:2] = 0.6, 0.4
    start = lom.to_delta(design, truth[None])
    objective = squares(
        lambda d: lom.moments(second, design, d)[0], lambda d: lom.moments(second, design, d)[1]
    )
    end, value, _ = descend(objective, start, steps=200)
    if value[0] > 1e-20:
        pytest.skip("this small sample has no root near the truth")
    analytic, numeric, scores = covariances(data, design, "moments", end[0])
    assert np.abs(scores.sums).max() < 1e-7
    compare(analytic, numeric)


@pytest.mark.parametrize("definition", ["nls", "levpet"])
def test_least_squares_with_everything_in_both_stages(definition):
    p = panel(12, firms=80)
    data = Data(
        y=p["y"],
        basis=(p["k"], p["m"]),
        inputs=(p["k"],),
        offsets=p["offsets"],
        lagged=p["lagged"],
        linear=(p["l"], p["d"]),
        linear_in_phi=(False, True),
        factors=(Factor(p["year"], int(p["year"].max()) + 1),),
        factors_in_phi=(True,),
        shifters=(lag_of(p, "s"),),
        law_controls=(p["c"],),
        law_factors=(Factor(p["year"] % 2, 2),),
    )
    design = make_design(data, basis_degree=2, law_degree=2, current=(True,), noise=True)
    start = lom.to_delta(design, np.array([[0.4]]))[0]
    analytic, numeric, scores = covariances(data, design, definition, start)
    assert np.abs(scores.sums).max() < 1e-7
    compare(analytic, numeric)


def test_blocks_do_not_matter(monkeypatch):
    p = panel(13, firms=200)
    data = build(p, "cobb_douglas")
    design = make_design(data, basis_degree=2, law_degree=2, current=(False, True))
    first = cf.first_stage(data, design)
    second = cf.second_stage(data, design, first)
    pairs = lom.score_pairs(second, design, np.array([0.1, 0.2]), "moments")
    whole = sm.stage_scores(data, design, first, second, pairs)
    blocks = sm.firm_blocks
    monkeypatch.setattr(sm, "firm_blocks", lambda offsets: blocks(offsets, 50))
    parts = sm.stage_scores(data, design, first, second, pairs, threads=2)
    assert np.allclose(whole.meat, parts.meat, rtol=1e-10, atol=1e-9)
    assert np.allclose(whole.across, parts.across, rtol=1e-9, atol=1e-9)


def test_meat_is_the_sum_over_firms_of_the_rows_scores():
    """Stage 1 by hand: firm sums of regressor times residual."""
    p = panel(14, firms=40)
    data = Data(
        y=p["y"], basis=(p["l"], p["k"], p["m"]), inputs=(p["l"], p["k"]),
        offsets=p["offsets"], lagged=p["lagged"],
    )  # fmt: skip
    design = make_design(data, basis_degree=1, law_degree=1, current=(False, True))
    first = cf.first_stage(data, design)
    second = cf.second_stage(data, design, first)
    scores = sm.stage_scores(
        data, design, first, second, lom.score_pairs(second, design, np.zeros(2), "moments")
    )
    B = np.stack([np.ones_like(p["y"]), *design.basis.apply(data.basis, slice(None))])
    eta = p["y"] - first.coefficients @ B
    sums = np.add.reduceat(B * eta, data.offsets[:-1], axis=1)
    assert np.allclose(scores.meat[:4, :4], sums @ sums.T, rtol=1e-9, atol=1e-10)


FROM_SUMS = 1e-10  # of a standard deviation; cancellation of products leaves 13 digits or so


def without_law_factors(p, definition):
    """Everything that sums by firm can hold: categories in stage 1, shifters, numeric controls."""
    acf = definition == "moments"
    return Data(
        y=p["y"],
        basis=(p["l"], p["k"], p["m"]) if acf else (p["k"], p["m"]),
        inputs=(p["l"], p["k"]) if acf else (p["k"],),
        offsets=p["offsets"],
        lagged=p["lagged"],
        linear=(p["c"], p["d"]) if acf else (p["l"], p["c"], p["d"]),
        linear_in_phi=(False, True) if acf else (False, False, True),
        factors=(Factor(p["year"], int(p["year"].max()) + 1), Factor(p["year"] % 2, 2)),
        factors_in_phi=(False, True),
        shifters=(lag_of(p, "s"),),
        law_controls=(p["d"],),
    )


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e6, 50.0)])
@pytest.mark.parametrize(
    ("definition", "form", "law_degree"),
    [
        ("moments", "cobb_douglas", 1),
        ("moments", "cobb_douglas", 2),
        ("moments", "translog", 1),
        ("nls", "cobb_douglas", 3),
        ("levpet", "cobb_douglas", 3),
    ],
)
def test_scores_from_sums_equal_those_of_a_walk_over_the_rows(
    definition, form, law_degree, scale, shift
):
    p = panel(21, firms=90, scale=scale, shift=shift)
    data = without_law_factors(p, definition)
    current = (False, True) if definition == "moments" else (True,)
    design = make_design(
        data,
        form=form,
        basis_degree=2,
        law_degree=law_degree,
        current=current,
        noise=definition != "moments",
    )
    products = score_products(design)
    first = cf.first_stage(data, design)
    second = cf.second_stage(data, design, first, products=products)
    at = np.linspace(-0.2, 0.3, len(design.terms))
    pairs = lom.score_pairs(second, design, at, definition)
    wanted = sm.stage_scores(data, design, first, second, pairs)
    got, lost = sm.scores_from_sums(products, design, second, pairs)
    spread = np.sqrt(np.diagonal(wanted.meat))
    spread[spread == 0] = 1.0
    assert np.abs((got.meat - wanted.meat) / np.outer(spread, spread)).max() < FROM_SUMS
    assert np.abs(got.across - wanted.across).max() < FROM_SUMS * np.abs(wanted.across).max()
    assert np.abs(got.sums - wanted.sums).max() < FROM_SUMS * spread[-got.sums.size :].max()
    assert lost < 1e-9


def test_the_bound_on_what_cancellation_costs_holds():
    """Two inputs that hardly differ, and large coefficients of opposite sign: ω is a difference."""
    p = panel(22, firms=80)
    bounds, gaps = [], []
    for apart in (1.0, 1e-1, 1e-2):
        k = p["l"] + apart * p["k"]
        data = Data(
            y=p["y"], basis=(p["l"], p["k"], p["m"]), inputs=(p["l"], k),
            offsets=p["offsets"], lagged=p["lagged"],
        )  # fmt: skip
        design = make_design(data, basis_degree=1, law_degree=2, current=(False, True))
        products = score_products(design)
        first = cf.first_stage(data, design)
        second = cf.second_stage(data, design, first, products=products)
        pairs = lom.score_pairs(second, design, np.array([1.0, -1.0]) / apart, "moments")
        wanted = sm.stage_scores(data, design, first, second, pairs).meat[-2:, -2:]
        got, lost = sm.scores_from_sums(products, design, second, pairs)
        gaps.append(np.abs(np.diagonal(got.meat)[-2:] / np.diagonal(wanted) - 1).max())
        bounds.append(lost)
    assert all(gap < bound for gap, bound in zip(gaps, bounds, strict=True))
    assert bounds == sorted(bounds)
    assert gaps[-1] > 1e-8  # digits are lost here, and the bound says so
    assert bounds[0] < 1e-11


def test_sums_for_errors_are_not_taken_where_they_would_be_too_many():
    p = panel(23, firms=60)
    data = build(p, "cobb_douglas")
    design = make_design(data, basis_degree=2, law_degree=2, current=(False, True))
    assert score_products(design) is None  # categories in the law
    data = without_law_factors(p, "moments")
    wide = make_design(data, form="translog", basis_degree=2, law_degree=4, current=(False, True))
    assert score_products(wide) is None
    second = cf.second_stage(data, design, cf.first_stage(data, design))
    pairs = lom.score_pairs(second, design, np.zeros(2), "moments")
    with pytest.raises(ValueError, match="not taken"):
        sm.scores_from_sums(None, design, second, pairs)
