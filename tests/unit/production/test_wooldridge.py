from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import tfp_index as tfp
from tfp_index.errors import (
    DataError,
    EstimationError,
    IdentificationWarning,
    SpecificationError,
)


def _frame(seed=0, firms=300, years=6, curve=0.0):
    """Firms whose proxy shows (k, ω) alone, and whose labor also follows a wage of its own.

    Both forms are consistent here: l_{t−1} moves l_t through the persistent wage, and says nothing
    of the news in ω.
    """
    rng = np.random.default_rng(seed)
    omega, wage = rng.normal(size=(2, firms)) * [[0.3], [0.4]]
    k = rng.normal(size=firms)
    columns = {name: [] for name in ("firm", "year", "y", "l", "k", "m", "omega", "energy")}
    for year in range(years):
        labor = 0.5 * k + 1.5 * omega - wage + 0.1 * rng.normal(size=firms)
        proxy = 0.6 * k + 1.2 * omega + curve * omega**2
        y = 0.6 * labor + 0.4 * k + omega + 0.1 * rng.normal(size=firms)
        for name, values in zip(
            columns,
            (np.arange(firms), np.full(firms, year), y, labor, k, proxy, omega, proxy + 0.5 * k),
            strict=True,
        ):
            columns[name].append(values)
        k = 0.8 * k + 0.3 * omega + 0.3 * rng.normal(size=firms)
        omega = 0.7 * omega + 0.21 * rng.normal(size=firms)
        wage = 0.8 * wage + 0.24 * rng.normal(size=firms)
    return {name: np.concatenate(values) for name, values in columns.items()}


ROLES = {
    "entity": "firm",
    "time": "year",
    "output": "y",
    "labor": "l",
    "capital": "k",
    "materials": "m",
    "logs": True,
}


def _panel(frame, **changes):
    return tfp.Panel.from_frame(frame, **{**ROLES, **changes})


VARIANTS = [
    tfp.Wooldridge(),
    tfp.Wooldridge(steps=1),
    tfp.Wooldridge(degree=3, se="robust"),
    tfp.Wooldridge(form="one_equation"),
]


@pytest.mark.parametrize("spec", VARIANTS)
def test_the_truth_is_recovered(spec):
    frame = _frame(firms=2_000)
    fit = spec.fit(_panel(frame))
    for name, truth in (("labor", 0.6), ("capital", 0.4)):
        assert abs(fit.params[name] - truth) < 4 * fit.bse[name]
    assert fit.returns_to_scale.p_value(1.0) > 0.001
    omega = fit.productivity["productivity"]
    assert np.corrcoef(omega, _panel(frame, columns={"omega": "omega"})["omega"])[0, 1] > 0.98
    error = fit.productivity["productivity_with_error"] - omega
    assert error.std() == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("spec", VARIANTS)
def test_row_order_string_names_and_units(spec):
    frame = _frame(firms=100)
    order = np.random.default_rng(1).permutation(frame["y"].size)
    other = {name: values[order] for name, values in frame.items()}
    other["firm"] = np.array([f"DN {i:05d}" for i in other["firm"]], object)
    other["k"] = other["k"] + 7.0
    other["m"] = other["m"] - 3.0
    a, b = spec.fit(_panel(frame)), spec.fit(_panel(other))
    np.testing.assert_allclose(np.asarray(b.params), np.asarray(a.params), rtol=1e-8)
    np.testing.assert_allclose(np.asarray(b.bse), np.asarray(a.bse), rtol=1e-6)
    here = a.productivity.to_frame()["productivity"].to_numpy()
    there = b.productivity.to_frame()["productivity"].to_numpy()
    shift = 7.0 * a.params["capital"]
    np.testing.assert_allclose(there, here[order] - shift, atol=1e-7)


def test_gaps_are_no_lags():
    frame = _frame(firms=60)
    keep = (frame["year"] != 3) | (frame["firm"] % 2 == 0)
    fit = tfp.Wooldridge().fit(_panel({name: v[keep] for name, v in frame.items()}))
    assert fit.sample.used == 30 * 5 + 30 * 3
    assert fit.sample.lost["no row of the period before"] == 60 + 30
    assert fit.sample.balanced


def test_controls_are_themselves_and_come_out_as_such():
    """The peer returns a coefficient of the polynomial in the place of the control's."""
    frame = _frame(firms=1_000)
    group = frame["firm"] % 4
    frame["y"] = frame["y"] + 0.3 * group
    frame["industry"] = np.array(list("ABCD"), object)[group]
    frame["water"] = np.random.default_rng(1).normal(size=group.size)
    frame["y"] = frame["y"] + 0.2 * frame["water"]
    without = tfp.Wooldridge(steps=1).fit(_panel(frame, columns={"water": "water"}))
    panel = _panel(frame, columns={"water": "water"}, groups={"industry": "industry"})
    fit = tfp.Wooldridge(controls=("water", "industry")).fit(panel)
    assert list(fit.params) == ["labor", "capital"]
    for name, truth in (("labor", 0.6), ("capital", 0.4)):
        assert abs(fit.params[name] - truth) < 4 * fit.bse[name]
    assert fit.bse["labor"] < without.bse["labor"]
    for values in fit.productivity.values.values():
        assert np.isfinite(values).all()
        assert abs(np.corrcoef(values, panel["water"])[0, 1]) < 0.05  # 0.5 if it were left in
        assert abs(np.corrcoef(values, panel.group("industry").codes)[0, 1]) < 0.1
    years = tfp.Wooldridge(controls=("time",), steps=1).fit(panel)
    assert abs(years.params["labor"] - 0.6) < 4 * years.bse["labor"]


def test_hansens_test_has_its_size_and_power():
    sizes, powers = [], []
    for seed in range(40):
        frame = _frame(seed, firms=400)
        sizes.append(tfp.Wooldridge().fit(_panel(frame)).j_pvalue)
        # labor that foresees productivity: its lag is no instrument
        ahead = np.roll(frame["omega"], -400)
        frame["l"] = frame["l"] + np.where(frame["year"] < 5, ahead - 0.7 * frame["omega"], 0.0)
        powers.append(tfp.Wooldridge().fit(_panel(frame)).j_pvalue)
    assert np.mean(np.array(sizes) < 0.05) < 0.2
    assert np.mean(np.array(powers) < 0.05) > 0.8


def test_bootstrap_errors_are_near_the_analytic_ones():
    panel = _panel(_frame(firms=500))
    analytic = tfp.Wooldridge().fit(panel)
    spec = tfp.Wooldridge(se=tfp.Bootstrap(reps=150))
    boot = spec.fit(panel, rng=1)
    np.testing.assert_allclose(np.asarray(boot.bse), np.asarray(analytic.bse), rtol=0.2)
    again = tfp.Wooldridge(se=tfp.Bootstrap(reps=150, workers=2)).fit(panel, rng=1)
    assert np.array_equal(again.cov_params, boot.cov_params)
    assert boot.record.seed == 1


@pytest.mark.parametrize("se", ["clustered", "robust"])
def test_the_size_of_blocks_changes_nothing(monkeypatch, se):
    from tfp_index.production import _wooldridge_estimate as numbers

    spec = tfp.Wooldridge(se=se, controls=("time",))
    whole = spec.fit(_panel(_frame()))
    monkeypatch.setattr(numbers, "BLOCK", 20)  # three firms
    parts = spec.fit(_panel(_frame()))
    np.testing.assert_allclose(np.asarray(parts.params), np.asarray(whole.params), rtol=1e-10)
    np.testing.assert_allclose(parts.cov_params, whole.cov_params, rtol=1e-9)
    for name, values in whole.productivity.values.items():
        np.testing.assert_allclose(parts.productivity[name], values, atol=1e-10)
    for name in ("f", "f_clustered", "partial_r_squared"):
        np.testing.assert_allclose(parts.first_stage[name], whole.first_stage[name], rtol=1e-9)


@pytest.mark.parametrize("options", [{}, {"se": tfp.Bootstrap(reps=4)}, {"se": "robust"}])
def test_blocks_without_pairs_and_without_drawn_firms(monkeypatch, options):
    from tfp_index.production import _wooldridge_estimate as numbers

    frame = _frame()
    chosen = (frame["firm"] % 3 == 0) | (frame["year"] == 2)  # most firms have one row
    panel = _panel({name: values[chosen] for name, values in frame.items()})
    spec = tfp.Wooldridge(degree=1, **options)
    whole = spec.fit(panel, rng=1)
    monkeypatch.setattr(numbers, "BLOCK", 1)
    parts = spec.fit(panel, rng=1)
    np.testing.assert_allclose(parts.cov_params, whole.cov_params, rtol=1e-9)
    assert parts.sample.to_dict() == whole.sample.to_dict()


def test_partitions_of_firms_add_up():
    """Firms that stand in two places give the sums of one."""
    from tfp_index.kernels.system_gmm import solve_system
    from tfp_index.production import _wooldridge_estimate as numbers
    from tfp_index.production._rows import complete_rows, read_logs

    frame, spec = _frame(), tfp.Wooldridge()
    roles = ("output", "labor", "capital", "materials")

    def arrays_of(chosen):
        panel = _panel({name: values[chosen] for name, values in frame.items()})
        logs = read_logs(panel, roles)
        return spec._arrays(panel, complete_rows(panel, logs), logs, {})

    whole = arrays_of(np.ones(frame["firm"].size, bool))
    layout = numbers.Layout(system=True, shared=False, by_row=False, steps=2, windmeijer=True)
    there = [
        dataclasses.replace(arrays_of(chosen), shape=whole.shape)
        for chosen in (frame["firm"] < 100, frame["firm"] >= 100)
    ]

    def parts(work):
        return [work(numbers.equations(a, layout, (0, a.firms.size))) for a in there]

    one = numbers.estimate(whole, layout)
    two = solve_system(parts, one.coefficients.size, one.clusters)
    np.testing.assert_allclose(two.coefficients, one.coefficients, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(two.covariance[-2:, -2:], one.covariance[-2:, -2:], rtol=1e-8)
    assert two.j_statistic == pytest.approx(one.j_statistic, rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("spec", VARIANTS[:1] + VARIANTS[3:])
def test_intervals_cover_the_truth(spec):
    hits = np.zeros(2)
    for seed in range(300):
        fit = spec.fit(_panel(_frame(seed)))
        hits += np.abs(np.asarray(fit.params) - [0.6, 0.4]) < 1.96 * np.asarray(fit.bse)
    assert (np.abs(hits / 300 - 0.95) < 0.045).all()  # binomial sd: 1.3 points


def test_a_weak_instrument_is_warned_of():
    sim = tfp.datasets.simulate.acf2015(2, measurement_error=0.0, firms=200, rng=1)
    with pytest.warns(IdentificationWarning, match="weak instrument"):
        fit = tfp.Wooldridge(form="one_equation").fit(sim.panel())
    assert fit.warnings
    assert fit.first_stage["f_clustered"][0] < 10


def test_functional_dependence_is_warned_of():
    sim = tfp.datasets.simulate.acf2015(1, measurement_error=0.0, firms=200, rng=1)
    frame = sim.frame()
    # materials that say all about (k, ω), and labor that says nothing more
    frame["labor"] = 0.5 * frame["capital"] + 0.4 * frame["materials"]
    frame["labor"] += 1e-3 * np.random.default_rng(0).normal(size=len(frame))
    with pytest.warns(IdentificationWarning, match="function of state and proxy"):
        tfp.Wooldridge(steps=1).fit(tfp.Panel.from_frame(frame, **sim.roles))


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        (lambda f: {"l": f["k"]}, EstimationError, "not_identified"),
        (lambda f: {"l": f["k"] * f["m"]}, EstimationError, "not_identified"),
        (lambda f: {"year": 2 * f["year"]}, EstimationError, "no_consecutive_rows"),
        (lambda f: {"m": np.where(f["year"] == 2, -np.inf, f["m"])}, DataError, "non_finite"),
        (lambda f: {"m": np.full(f["m"].size, np.nan)}, EstimationError, "no_rows"),
    ],
)
def test_bad_data_are_refused(change, error, code):
    frame = _frame(firms=60)
    frame |= change(frame)
    with pytest.raises(error) as caught:
        tfp.Wooldridge().fit(_panel(frame))
    assert caught.value.code == code


def test_few_firms_have_no_second_step():
    with pytest.raises(EstimationError) as caught:
        tfp.Wooldridge().fit(_panel(_frame(firms=12, years=10)))
    assert caught.value.code == "too_few_clusters"
    assert "steps=1" in caught.value.remedy
    fit = tfp.Wooldridge(steps=1).fit(_panel(_frame(firms=12, years=10)))
    assert np.isnan(fit.j_statistic)
    assert "j_pvalue" in fit.details


@pytest.mark.parametrize(
    "options",
    [
        {"form": "two_equations"},
        {"degree": 0},
        {"steps": 3},
        {"free": ("capital",)},
        {"proxy": "labor"},
        {"free": ()},
        {"first_equation": "own"},
        {"se": "bootstrap"},
    ],
)
def test_bad_options_are_refused(options):
    with pytest.raises(SpecificationError):
        tfp.Wooldridge(**options)


def test_several_proxies_and_states():
    frame = _frame(firms=800)
    rng = np.random.default_rng(0)
    frame["e"] = 0.4 * frame["k"] + 0.9 * frame["omega"] + 0.5 * rng.normal(size=frame["k"].size)
    spec = tfp.Wooldridge(proxy=("materials", "energy"))
    fit = spec.fit(_panel({**frame, "energy": frame["e"]}, columns={}, energy="energy"))
    assert abs(fit.params["labor"] - 0.6) < 4 * fit.bse["labor"]
    assert tfp.spec_from_dict(spec.to_dict()) == spec
