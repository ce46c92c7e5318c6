from __future__ import annotations

import numpy as np
import pytest

from tfp_index.datasets import simulate
from tfp_index.errors import SpecificationError
from tfp_index.kernels.linalg import least_squares


def _slopes(y, *x):
    return least_squares(np.column_stack([np.ones(y.size), *x]), y).coefficients


# Pooled least squares of output on labor and capital, 300 samples of an independent program:
# mean and standard deviation (note on firm estimators, 4.1).
OLS = {
    1: ((0.9440, 0.0036), (0.0647, 0.0059)),
    2: ((0.9205, 0.0023), (0.0919, 0.0041)),
    3: ((0.8632, 0.0039), (0.1591, 0.0072)),
}
# Coefficient of labor in a linear first stage on (l, k, m), same source.
FIRST_STAGE = {
    (1, 0.0): (0.0003, 0.0052),
    (1, 0.1): (0.4182, 0.0081),
    (1, 0.5): (0.7543, 0.0069),
    (2, 0.0): (0.6002, 0.0027),
    (2, 0.2): (0.7250, 0.0033),
    (3, 0.0): (0.4732, 0.0034),
    (3, 0.2): (0.5923, 0.0043),
}
SAMPLES = 4
WITHIN = 4.0  # standard errors of a mean over SAMPLES samples


@pytest.mark.parametrize("design", [1, 2, 3])
def test_least_squares_is_as_biased_as_in_the_study(design):
    found = []
    for seed in range(SAMPLES):
        sim = simulate.acf2015(design, rng=seed)
        found.append(_slopes(sim["output"], sim["labor"], sim["capital"])[1:])
    for mean, (expected, sd) in zip(np.mean(found, axis=0), OLS[design], strict=True):
        assert abs(mean - expected) < WITHIN * sd / np.sqrt(SAMPLES)


@pytest.mark.parametrize(("cell", "expected"), FIRST_STAGE.items())
def test_measurement_error_moves_the_first_stage_as_in_the_study(cell, expected):
    design, error = cell
    found = []
    for seed in range(SAMPLES):
        sim = simulate.acf2015(design, measurement_error=error, rng=seed)
        found.append(_slopes(sim["output"], sim["labor"], sim["capital"], sim["materials"])[1])
    assert abs(np.mean(found) - expected[0]) < WITHIN * expected[1] / np.sqrt(SAMPLES)


def test_total_variance_is_the_noisier_convention():
    # 20 samples of the same program: labor 0.6855 (0.009) instead of 0.4182
    found = []
    ratios = []
    for seed in range(SAMPLES):
        sim = simulate.acf2015(1, error_variance="total", rng=seed)
        within = simulate.acf2015(1, rng=seed)
        found.append(_slopes(sim["output"], sim["labor"], sim["capital"], sim["materials"])[1])
        ratios.append(
            sim.truth.parameters["measurement_error_sd"] ** 2
            / within.truth.parameters["measurement_error_sd"] ** 2
        )
    assert abs(np.mean(found) - 0.6855) < WITHIN * 0.009 / np.sqrt(SAMPLES)
    assert np.mean(ratios) == pytest.approx(3.4, abs=0.2)


def test_design_1_has_the_levels_of_the_shipped_sample():
    sim = simulate.acf2015(1, rng=3)
    assert sim["capital"].mean() == pytest.approx(1.50, abs=0.1)
    assert sim["output"].std() == pytest.approx(0.98, abs=0.05)


def test_productivity_is_the_process_that_is_stated():
    sim = simulate.acf2015(1, firms=4_000, measurement_error=0.0, rng=1)
    omega = sim.truth.productivity.reshape(4_000, 10)
    assert omega.std() == pytest.approx(0.3, abs=0.005)
    before, after = omega[:, :-1].reshape(-1), omega[:, 1:].reshape(-1)
    assert _slopes(after, before)[1] == pytest.approx(0.7, abs=0.015)
    error = sim["output"] - 0.6 * sim["labor"] - 0.4 * sim["capital"] - sim.truth.productivity
    assert error.std() == pytest.approx(0.1, rel=0.02)
    # without errors in labor or materials, materials are output net of its error
    np.testing.assert_allclose(sim["materials"], sim["output"] - error, atol=1e-12)
    # capital is decided a period ahead: news does not move it
    news = omega[:, 1:] - 0.7 * omega[:, :-1]
    capital = sim["capital"].reshape(4_000, 10)[:, 1:]
    assert abs(np.corrcoef(news.reshape(-1), capital.reshape(-1))[0, 1]) < 0.02


def test_capital_accumulates_by_the_stated_rule():
    sim = simulate.acf2015(1, firms=50, rng=1)
    capital = np.exp(sim["capital"]).reshape(50, 10)
    investment = np.exp(sim["investment"]).reshape(50, 10)
    np.testing.assert_allclose(capital[:, 1:], 0.8 * capital[:, :-1] + investment[:, :-1])


def test_variants_with_the_same_parameters_are_the_same_panel():
    plain = simulate.acf2015(1, firms=30, measurement_error=0.0, rng=5)
    variant = simulate.kim_luo_su(0.1, firms=30, rng=5)
    for name in plain.columns:
        assert np.array_equal(plain[name], variant[name])


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: simulate.acf2015(3, firms=20, rng=rng),
        lambda rng: simulate.kim_luo_su(firms=20, rng=rng),
        lambda rng: simulate.gnr(firms=20, labor_elasticity=0.1, rng=rng),
        lambda rng: simulate.province(enterprises=40, rng=rng),
        lambda rng: simulate.firm_effects(firms=20, rng=rng),
    ],
)
def test_a_seed_gives_the_same_panel_again(make):
    first, again, other = make(1), make(1), make(2)
    for name in first.columns:
        assert np.array_equal(first[name], again[name])
    assert not np.array_equal(first["output"], other["output"])
    drawn = make(None)
    assert np.array_equal(make(drawn.seed)["output"], drawn["output"])
    panel = first.panel()
    assert panel.n_rows == len(first)
    assert first.frame("polars").shape == first.frame().shape


def test_materials_follow_their_first_order_condition():
    sim = simulate.gnr(
        firms=3_000,
        periods=10,
        labor_elasticity=0.15,
        materials_elasticity=0.5,
        curvature=0.05,
        rng=1,
    )
    k, m = sim["capital"], sim["materials"]
    elasticity = sim.truth.by_row["materials"]
    np.testing.assert_allclose(elasticity, 0.5 + 0.05 * (k - m))
    f = 0.25 * k + 0.15 * sim["labor"] + 0.5 * m - 0.025 * (k - m) ** 2
    error = sim["output"] - f - sim.truth.productivity
    np.testing.assert_allclose(sim["share"], np.log(elasticity) + 0.035 - error, atol=1e-10)
    assert error.var() == pytest.approx(0.07, rel=0.05)
    assert abs(np.corrcoef(error, m)[0, 1]) < 0.02
    assert sim.truth.elasticities["capital"] == pytest.approx(0.25 - 0.05 * (k - m).mean())


def test_fixed_inputs_are_set_before_the_news():
    sim = simulate.gnr(
        firms=3_000, periods=10, labor_elasticity=0.15, materials_elasticity=0.5, rng=1
    )
    omega, k, labor = (
        v.reshape(3_000, 10) for v in (sim.truth.productivity, sim["capital"], sim["labor"])
    )
    news = omega[:, 1:] - 0.2 - 0.8 * omega[:, :-1]
    assert news.std() == pytest.approx(0.2, rel=0.02)
    for x in (k, labor):
        assert abs(np.corrcoef(news.reshape(-1), x[:, 1:].reshape(-1))[0, 1]) < 0.02
        assert abs(np.corrcoef(omega.reshape(-1), x.reshape(-1))[0, 1]) > 0.1  # endogenous
    assert (k[:, 1:] - k[:, :-1]).min() == pytest.approx(np.log(0.85))


def test_firms_that_ignore_the_mean_of_the_error_buy_less():
    aware = simulate.gnr(firms=200, rng=1)
    unaware = simulate.gnr(firms=200, expected_shock=False, rng=1)
    assert (aware["share"] - unaware["share"]).mean() == pytest.approx(0.035)


def test_firm_effects_follow_their_equations():
    sim = simulate.firm_effects(firms=5_000, periods=6, rng=1)
    y, k, labor, omega = (
        v.reshape(5_000, 6)
        for v in (sim["output"], sim["capital"], sim["labor"], sim.truth.productivity)
    )
    np.testing.assert_allclose(y - 0.3 * k - 0.6 * labor, omega, atol=1e-12)
    v = omega - 0.02 * np.arange(1, 7)
    effect_and_v = np.cov(v[:, 2], v[:, 3])[0, 1]
    assert effect_and_v == pytest.approx(0.25 + 0.5 * 0.04 / 0.75, rel=0.06)
    news = v[:, 1:] - v[:, :-1]
    # changes are unrelated to the firm effect, whose best proxy is the mean of v
    assert abs(np.corrcoef(news.mean(axis=1), v[:, 0] + v[:, -1])[0, 1]) < 0.05
    for feedback, bias in ((0.0, 0.0), (0.3, 0.03)):
        sim = simulate.firm_effects(firms=3_000, feedback=feedback, rng=2)
        D = np.column_stack([sim["labor"], sim["capital"]]).reshape(3_000, 8, 2)
        within = (D - D.mean(axis=1, keepdims=True)).reshape(-1, 2)
        slope = least_squares(within, sim["output"]).coefficients[0]
        assert abs(slope - 0.6) < 0.02 if not bias else slope - 0.6 > bias


def test_the_province_hangs_together():
    sim = simulate.province(enterprises=1_500, periods=8, rng=2)
    log = {name: np.log(sim[name]) for name in ("output", "labor", "capital", "materials")}
    share = sim.truth.by_row
    error = log["output"] - sim.truth.productivity
    for name in ("labor", "capital", "materials"):
        error = error - share[name] * log[name]
    assert error.std() == pytest.approx(0.1, rel=0.03)
    # materials: M = βᵐ E[Y]
    np.testing.assert_allclose(
        sim["materials"] * np.exp(error) / sim["output"], share["materials"] * np.exp(0.005)
    )
    assert (sim["value_added"] > 0).all()
    assert np.array_equal(sim["value_added"], sim["output"] - sim["materials"])
    assert {str(d) for d in sim["district"]} <= set(simulate.province.__globals__["DISTRICTS"])


def test_enterprises_enter_live_on_without_gaps_and_leave_when_unproductive():
    sim = simulate.province(enterprises=3_000, periods=8, first_year=2016, rng=3)
    frame = sim.frame()
    frame["left"] = sim.truth.by_row["left"]
    frame["chance"] = sim.truth.by_row["exit_chance"]
    years = frame.groupby("enterprise")["year"].agg(["min", "max", "count"])
    assert (years["max"] - years["min"] + 1 == years["count"]).all()
    first = frame.groupby("enterprise")["entry_year"].first()
    assert (first == years["min"]).all()
    last = frame["year"] == frame["enterprise"].map(years["max"])
    assert (last | (frame["left"] == 0)).all()
    assert frame.loc[last & (frame["year"] < 2023), "left"].eq(1).all()
    assert frame["left"].mean() == pytest.approx(frame["chance"].mean(), abs=0.005)
    assert 0.02 < frame["chance"].mean() < 0.10
    omega = sim.truth.productivity
    assert omega[frame["left"] == 1].mean() < omega[frame["left"] == 0].mean()
    assert (frame["investment"] == 0).mean() > 0.05
    coal = frame[frame["industry"] == "B"]["district"]
    assert set(coal) <= {"Hạ Long", "Cẩm Phả", "Uông Bí", "Đông Triều"}


@pytest.mark.parametrize(
    ("call", "column"),
    [
        (lambda: simulate.acf2015(4), "design"),
        (lambda: simulate.acf2015(firms=0), "firms"),
        (lambda: simulate.acf2015(measurement_error=-0.1), "measurement_error"),
        (lambda: simulate.acf2015(error_variance="grand"), "error_variance"),
        (lambda: simulate.kim_luo_su(timing=1.0), "timing"),
        (lambda: simulate.kim_luo_su(-1.0), "wage_sd"),
        (lambda: simulate.kim_luo_su(wage_persistence=1.0), "wage_persistence"),
        (lambda: simulate.gnr(materials_elasticity=1.0), "materials_elasticity"),
        (lambda: simulate.gnr(curvature=-1), "curvature"),
        (lambda: simulate.gnr(periods=0), "periods"),
        (lambda: simulate.province(0), "enterprises"),
        (lambda: simulate.firm_effects(persistence=1.0), "persistence"),
    ],
)
def test_impossible_designs_are_refused_by_name(call, column):
    with pytest.raises(SpecificationError) as caught:
        call()
    assert caught.value.column == column
