from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp
from tfp_index.errors import DataError, EstimationError, IdentificationWarning, SpecificationError
from tfp_index.kernels.common_factor import common_factor


def _frame(seed=0, firms=500, years=8, rho=0.5, moving=0.0, lasting=0.5):
    """Inputs respond to the firm effect, to v and to news; v is autoregressive.

    Without lasting shocks of their own, inputs are functions of lagged inputs and output up to the
    firm effect and news, and the dynamic equation does not identify those that react to news.
    """
    rng = np.random.default_rng(seed)
    eta = rng.normal(size=firms) * 0.5
    v = rng.normal(size=firms) * 0.2 / np.sqrt(1 - rho**2)
    before, own = np.zeros(firms), np.zeros((2, firms))
    k, x = (eta * 0.5 + rng.normal(size=firms) for _ in range(2))
    columns = {name: [] for name in ("firm", "year", "y", "k", "l")}
    for year in range(-30, years):
        news = 0.2 * rng.normal(size=firms)
        e, before = news + moving * before, news
        v = rho * v + e
        own = lasting * own + 0.5 * np.sqrt(1 - lasting**2) * rng.normal(size=(2, firms))
        x = 0.6 * x + 0.2 * eta + 0.3 * v + 0.3 * e + own[0]
        if year >= 0:
            y = 0.3 * k + 0.6 * x + eta + v + 0.02 * year
            for name, values in zip(
                columns, (np.arange(firms), np.full(firms, year), y, k, x), strict=True
            ):
                columns[name].append(values)
        k = 0.7 * k + 0.15 * eta + 0.3 * v + own[1]
    return {name: np.concatenate(values) for name, values in columns.items()}


def _panel(frame, **changes):
    roles = {"entity": "firm", "time": "year", "output": "y", "capital": "k", "labor": "l"}
    return tfp.Panel.from_frame(frame, **{**roles, "logs": True, **changes})


@pytest.mark.parametrize("form", ["system", "difference"])
@pytest.mark.parametrize("steps", [1, 2])
def test_the_truth_is_recovered(form, steps):
    panel = _panel(_frame(firms=2_000))
    spec = tfp.DynamicPanel(form=form, steps=steps, predetermined="capital")
    fit = spec.fit(panel)
    for name, truth in (("capital", 0.3), ("labor", 0.6), ("persistence", 0.5)):
        assert abs(fit.params[name] - truth) < 4 * fit.bse[name]
        assert fit.bse[name] < 0.2
    assert fit.serial_correlation["p_value"][0] < 0.001
    assert fit.serial_correlation["p_value"][1] > 0.001
    assert fit.common_factor_pvalue > 0.001
    assert fit.j_pvalue > 0.001
    pooled = tfp.CobbDouglas().fit(panel)
    assert abs(pooled.params["labor"] - 0.6) > 0.1


def test_predetermined_inputs_give_more_precise_estimates():
    panel = _panel(_frame())
    without = tfp.DynamicPanel().fit(panel)
    with_it = tfp.DynamicPanel(predetermined="capital").fit(panel)
    assert with_it.details["instruments"] == without.details["instruments"] + 1
    assert with_it.bse["capital"] < without.bse["capital"]


def test_row_order_names_and_units_change_nothing():
    frame = _frame(firms=100)
    order = np.random.default_rng(1).permutation(frame["y"].size)
    other = {name: values[order] for name, values in frame.items()}
    other["firm"] = np.array([f"DN {i:05d}" for i in other["firm"]], object)
    other["k"] = other["k"] + 9.0
    a, b = tfp.DynamicPanel().fit(_panel(frame)), tfp.DynamicPanel().fit(_panel(other))
    np.testing.assert_allclose(np.asarray(b.params), np.asarray(a.params), rtol=1e-7)
    np.testing.assert_allclose(np.asarray(b.bse), np.asarray(a.bse), rtol=1e-6)
    assert b.j_statistic == pytest.approx(a.j_statistic, rel=1e-6)


def test_gaps_are_no_lags():
    frame = _frame(firms=200)
    keep = (frame["year"] != 4) | (frame["firm"] >= 100)
    fit = tfp.DynamicPanel().fit(_panel({name: v[keep] for name, v in frame.items()}))
    # levels: 7 of a full firm, 3 + 2 with a gap; changes: 6, 2 + 1
    assert fit.sample.used == 100 * 7 + 100 * 5
    assert fit.details["changes"] == 100 * 6 + 100 * 3
    assert fit.sample.balanced


def test_serial_correlation_of_the_errors_is_seen():
    late = tfp.DynamicPanel(lags=(3, 5), form="difference")  # valid with a moving average as well
    good = late.fit(_panel(_frame(firms=3_000)))
    moving = late.fit(_panel(_frame(firms=3_000, moving=0.8)))
    assert good.serial_correlation["p_value"][1] > 0.01
    assert moving.serial_correlation["p_value"][1] < 0.01
    for fit in (good, moving):
        assert abs(fit.params["labor"] - 0.6) < 4 * fit.bse["labor"]


def test_minimum_distance_equals_a_general_optimizer():
    from scipy.optimize import least_squares

    rng = np.random.default_rng(0)
    pi = np.array([0.3, 0.6, -0.2, -0.25, 0.5])
    root = rng.normal(size=(5, 9)) * [[1], [0.1], [2], [0.5], [0.2]]
    V = root @ root.T
    L = np.linalg.cholesky(V)

    def gap(theta):
        implied = np.concatenate([theta[:2], -theta[2] * theta[:2], theta[2:]])
        return np.linalg.solve(L, pi - implied)

    peer = least_squares(gap, [0.3, 0.6, 0.5], xtol=1e-15, ftol=1e-15, gtol=1e-15)
    found = common_factor(pi, V)
    assert found.converged
    np.testing.assert_allclose(found.coefficients, peer.x, rtol=1e-6)
    assert found.statistic == pytest.approx(2 * peer.cost, rel=1e-9)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(peer.jac.T @ peer.jac), rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        (lambda f: {"year": 3 * f["year"]}, EstimationError, "no_consecutive_rows"),
        (lambda f: {"year": f["year"] + (f["year"] // 2)}, EstimationError, "no_consecutive_rows"),
        (lambda f: {"l": f["k"]}, EstimationError, "not_identified"),
        (lambda f: {"k": 0.1 * f["firm"]}, EstimationError, "not_identified"),
        (lambda f: {"k": np.where(f["year"] == 3, np.inf, f["k"])}, DataError, "non_finite"),
    ],
)
def test_bad_data_are_refused(change, error, code):
    frame = _frame(firms=60)
    frame |= change(frame)
    with pytest.raises(error) as caught:
        tfp.DynamicPanel(form="difference").fit(_panel(frame))
    assert caught.value.code == code


def test_an_input_that_never_varies_repeats_other_instruments():
    frame = _frame(firms=60)
    with pytest.raises(EstimationError) as caught:
        tfp.DynamicPanel().fit(_panel({**frame, "k": np.ones(frame["k"].size)}))
    assert caught.value.code == "dependent_moments"


def test_too_many_instruments():
    panel = _panel(_frame(firms=20))
    with pytest.raises(EstimationError) as caught:
        tfp.DynamicPanel(collapse=False).fit(panel)
    assert caught.value.code == "too_few_clusters"
    with pytest.warns(IdentificationWarning, match="instruments for 20 firms"):
        fit = tfp.DynamicPanel(collapse=False, steps=1).fit(panel)
    assert fit.warnings
    assert np.isnan(fit.j_statistic)


@pytest.mark.parametrize(
    "options",
    [
        {"form": "levels"},
        {"lags": (1, 3)},
        {"lags": (4, 2)},
        {"lags": 3},
        {"steps": 0},
        {"inputs": ()},
        {"inputs": ("output",)},
        {"inputs": ("labor",), "predetermined": ("capital",)},
    ],
)
def test_bad_options_are_refused(options):
    with pytest.raises(SpecificationError):
        tfp.DynamicPanel(**options)


def test_a_predetermined_role_must_be_an_input_of_the_panel():
    with pytest.raises(SpecificationError, match="not among the inputs"):
        tfp.DynamicPanel(predetermined=("energy",)).fit(_panel(_frame(firms=20)))


def test_an_input_that_the_past_does_not_tell_is_named():
    panel = _panel(_frame(lasting=0.0, firms=1_000))
    with pytest.warns(IdentificationWarning, match=r"not rejected for labor \(p = "):
        fit = tfp.DynamicPanel(predetermined="capital").fit(panel)
    p = dict(zip(fit.identification["term"], fit.identification["p_value"], strict=True))
    assert p["labor"] > 0.05
    assert p["capital"] < 1e-6
    good = tfp.DynamicPanel(predetermined="capital").fit(_panel(_frame(firms=1_000)))
    assert good.identification["p_value"].max() < 1e-6
    assert good.details["underidentification_pvalue"] == good.identification["p_value"].max()


def _drawn(reps, rng, panel, on_progress=None, **options):
    spec = tfp.DynamicPanel(predetermined="capital", se=tfp.Bootstrap(reps=reps, **options))
    return spec.fit(panel, rng=rng, on_progress=on_progress)


def test_bootstrap_is_the_same_for_any_number_of_workers():
    panel = _panel(_frame(firms=150))
    calls = []
    one = _drawn(12, 7, panel, lambda done, total: calls.append((done, total)))
    two = _drawn(12, 7, panel, workers=3)
    assert calls == [(i, 12) for i in range(1, 13)]
    assert np.array_equal(one.draws.values, two.draws.values)
    assert np.array_equal(one.cov_params, two.cov_params)
    assert not np.array_equal(one.cov_params, _drawn(12, 8, panel).cov_params)
    plain = tfp.DynamicPanel(predetermined="capital").fit(panel)
    assert np.array_equal(np.asarray(plain.params), np.asarray(one.params))
    np.testing.assert_allclose(one.cov_params, np.cov(one.draws.values, rowvar=False))
    assert one.record.seed == 7
    assert plain.draws is None


def test_a_repetition_is_the_estimate_of_the_firms_drawn():
    from tfp_index.kernels.resampling import firm_weights

    frame = _frame(firms=150)
    fit = _drawn(2, 7, _panel(frame))
    seed = np.random.SeedSequence(7, spawn_key=(1,))
    counts = firm_weights(np.random.default_rng(seed), 150).astype(int)
    drawn = np.repeat(np.arange(150), counts)
    rows = np.concatenate([np.flatnonzero(frame["firm"] == g) for g in drawn])
    copied = {name: values[rows] for name, values in frame.items()}
    copied["firm"] = np.repeat(np.arange(150), 8)
    again = tfp.DynamicPanel(predetermined="capital").fit(_panel(copied))
    np.testing.assert_allclose(fit.draws.values[1], np.asarray(again.params), rtol=1e-7)


def test_exponential_weights_and_firms_that_take_no_part():
    frame = _frame(firms=150)
    short = (frame["firm"] < 20) & (frame["year"] > 1)  # two periods: levels, but no changes
    frame = {name: values[~short] for name, values in frame.items()}
    for form, firms in (("system", 150), ("difference", 130)):
        spec = tfp.DynamicPanel(
            predetermined="capital", form=form, se=tfp.Bootstrap(reps=8, weights="exponential")
        )
        fit = spec.fit(_panel(frame), rng=1)
        assert fit.details["entities"] == firms
        assert np.isfinite(fit.cov_params).all()


@pytest.mark.filterwarnings("ignore::tfp_index.errors.IdentificationWarning")
def test_repetitions_without_an_estimate_are_counted():
    # two steps need more firms than instruments: draws repeat firms, so that some have too few
    fit = _drawn(40, 1, _panel(_frame(firms=32)))
    failed = len(fit.draws.failures)
    assert 0 < failed < 38
    assert fit.sample.notes["bootstrap repetitions without an estimate"] == failed
    assert any("give no estimate" in text for text in fit.warnings)
    np.testing.assert_allclose(fit.cov_params, np.cov(fit.draws.complete, rowvar=False))


@pytest.mark.slow
def test_bootstrap_and_analytic_errors_agree():
    panel = _panel(_frame(firms=1_000, years=10))
    plain = tfp.DynamicPanel(predetermined="capital").fit(panel)
    drawn = _drawn(500, 1, panel, workers=2)
    # the standard deviation of 500 draws is known to 3 percent
    np.testing.assert_allclose(np.asarray(drawn.bse), np.asarray(plain.bse), rtol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"form": "difference"}])
def test_no_matrix_of_all_rows_is_ever_made(options):
    import tracemalloc

    panel = _panel(_frame(firms=40_000, years=10))
    assert panel.fingerprint
    spec = tfp.DynamicPanel(predetermined="capital", **options)
    spec.fit(_panel(_frame(firms=100)))
    size = sum(panel[role].nbytes for role in panel.columns)
    size += panel.entity_codes.nbytes + panel.time.nbytes
    tracemalloc.start()
    fit = spec.fit(panel)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fit.details["instruments"] > 15
    assert peak <= 4 * size
