from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfp_index as tfp
from tfp_index.errors import (
    DataError,
    EstimationError,
    IdentificationWarning,
    SpecificationError,
)


def _frame(seed=0, firms=40, years=6, drop=0.2):
    rng = np.random.default_rng(seed)
    firm = np.repeat(np.arange(firms), years)
    year = np.tile(np.arange(2010, 2010 + years), firms)
    effect = rng.normal(size=firms)[firm] * 0.5
    k, labor = rng.normal(size=(2, firm.size)) + effect
    y = 0.3 * k + 0.6 * labor + effect + 0.02 * (year - 2010) + 0.1 * rng.normal(size=firm.size)
    keep = rng.random(firm.size) > drop
    frame = {"firm": firm, "year": year, "y": y, "k": k, "l": labor}
    return {name: v[keep] for name, v in frame.items()}


def _panel(frame, **changes):
    roles = {"entity": "firm", "time": "year", "output": "y", "capital": "k", "labor": "l"}
    return tfp.Panel.from_frame(frame, **{**roles, "logs": True, **changes})


ONE_YEAR = _frame(years=1, drop=0)
EFFECTS = (None, "entity", "time", "two_way", "first_difference", "random")


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("method", [tfp.CobbDouglas, tfp.Translog])
def test_row_order_and_string_names_change_nothing(effects, method):
    frame = _frame()
    order = np.random.default_rng(1).permutation(frame["y"].size)
    shuffled = {name: values[order] for name, values in frame.items()}
    shuffled["firm"] = np.array([f"DN-{i:05d}" for i in shuffled["firm"]], object)
    spec = method(effects=effects, cov="clustered")
    plain, other = spec.fit(_panel(frame)), spec.fit(_panel(shuffled))
    np.testing.assert_allclose(np.asarray(other.params), np.asarray(plain.params), rtol=1e-10)
    np.testing.assert_allclose(other.cov_params, plain.cov_params, rtol=1e-8, atol=1e-15)
    here = plain.productivity.to_frame()["productivity"].to_numpy()
    there = other.productivity.to_frame()["productivity"].to_numpy()
    np.testing.assert_allclose(there, here[order], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", [tfp.CobbDouglas, tfp.Translog])
def test_units_change_only_the_constant(method):
    frame = {k: np.exp(v) if k in "ykl" else v for k, v in _frame().items()}
    bigger = {**frame, "k": frame["k"] * 1e6, "y": frame["y"] * 1e3}
    a = method().fit(_panel(frame, logs=False))
    b = method().fit(_panel(bigger, logs=False))
    np.testing.assert_allclose(np.asarray(b.params)[1:], np.asarray(a.params)[1:], rtol=1e-9)


def test_fixed_effects_find_the_truth_where_pooling_does_not():
    panel = _panel(_frame(firms=400))
    pooled = tfp.CobbDouglas().fit(panel)
    within = tfp.CobbDouglas(effects="two_way", cov="clustered").fit(panel)
    assert pooled.params["labor"] > 0.75
    for name, truth in (("capital", 0.3), ("labor", 0.6)):
        assert abs(within.params[name] - truth) < 4 * within.bse[name]
    years = within.effects["time_effect"]
    assert np.polyfit(panel.time, years, 1)[0] == pytest.approx(0.02, abs=0.005)


@pytest.mark.parametrize("effects", ["entity", "time", "two_way"])
def test_productivity_is_constant_effects_and_residual(effects):
    fit = tfp.CobbDouglas(effects=effects).fit(_panel(_frame()))
    parts = sum(fit.effects.values.values())
    np.testing.assert_allclose(parts, fit.productivity["productivity"], atol=1e-12)


def test_controls_are_no_part_of_productivity():
    frame = _frame(firms=200)
    frame["rain"] = np.random.default_rng(1).normal(size=frame["y"].size)
    frame["y"] = frame["y"] + 0.5 * frame["rain"]
    panel = _panel(frame, columns={"rain": "rain"})
    fit = tfp.CobbDouglas(controls="rain").fit(panel)
    assert fit.params["rain"] == pytest.approx(0.5, abs=0.1)
    left = fit.productivity["productivity"]
    assert abs(np.corrcoef(left, panel["rain"])[0, 1]) < 1e-8
    np.testing.assert_allclose(left, fit.params["constant"] + fit.effects["residual"], atol=1e-10)


def test_translog_with_known_curvature_is_recovered_row_by_row():
    rng = np.random.default_rng(5)
    frame = _frame(5, firms=300, drop=0.0)
    k, x = frame["k"], frame["l"]
    frame["y"] = (
        1.0 + 0.3 * k + 0.6 * x + 0.05 * k * k - 0.04 * k * x + 0.03 * x * x
    ) + 0.01 * rng.normal(size=k.size)
    fit = tfp.Translog(inputs=("capital", "labor")).fit(_panel(frame))
    truth_k = 0.3 + 0.1 * k - 0.04 * x
    truth_l = 0.6 - 0.04 * k + 0.06 * x
    assert np.abs(fit.elasticities_by_row["capital"] - truth_k).max() < 0.01
    assert np.abs(fit.elasticities_by_row["labor"] - truth_l).max() < 0.01
    for name, truth in (("capital:capital", 0.10), ("capital:labor", -0.04), ("labor:labor", 0.06)):
        assert abs(fit.params[name] - truth) < 5 * fit.bse[name]
    table = fit.elasticities
    assert table["mean"][0] == pytest.approx(fit.elasticities_by_row["capital"].mean())
    assert table["share_negative"][0] == pytest.approx((truth_k < 0).mean(), abs=0.01)


@given(st.integers(0, 10_000))
def test_translog_with_constant_returns_has_elasticities_that_sum_to_one(seed):
    fit = tfp.Translog(returns="constant").fit(_panel(_frame(seed, firms=8)))
    total = fit.elasticities_by_row["capital"] + fit.elasticities_by_row["labor"]
    np.testing.assert_allclose(total, 1.0, atol=1e-10)
    assert fit.returns_to_scale.std_error < 1e-7


def test_imposed_and_free_returns_agree_where_returns_are_constant():
    frame = _frame()
    frame["y"] = 0.3 * frame["k"] + 0.7 * frame["l"] + 2.0
    fit = tfp.CobbDouglas(returns="constant", inputs=("capital", "labor")).fit(_panel(frame))
    np.testing.assert_allclose(list(fit.params.values()), [2.0, 0.3, 0.7], rtol=1e-10)


def test_lost_rows_are_counted_with_their_reason():
    frame = _frame(drop=0.0)
    frame["k"][3] = np.nan
    frame["l"][[3, 10]] = np.nan
    fit = tfp.CobbDouglas(effects="first_difference").fit(_panel(frame))
    assert dict(fit.sample.lost) == {
        "k missing": 1,
        "l missing": 1,
        "no row of the period before": 40 + 2,
    }
    assert fit.sample.balanced
    assert np.isnan(fit.productivity["productivity"][[3, 10]]).all()
    assert np.isfinite(fit.productivity["productivity"][0])  # a level, also where no change is


def test_gaps_are_no_differences():
    frame = {
        "firm": np.array([1, 1, 1, 1, 2, 2, 2]),
        "year": np.array([2001, 2002, 2004, 2005, 2001, 2002, 2003]),
        "y": np.array([1.0, 2.0, 9.0, 9.5, 1.0, 1.2, 1.1]),
        "k": np.array([0.0, 1.0, 3.0, 3.5, 1.0, 1.1, 1.3]),
    }
    panel = tfp.Panel.from_frame(
        frame, entity="firm", time="year", output="y", capital="k", logs=True
    )
    fit = tfp.CobbDouglas(effects="first_difference", cov="classical").fit(panel)
    assert fit.sample.used == 4
    dk, dy = np.array([1.0, 0.5, 0.1, 0.2]), np.array([1.0, 0.5, 0.2, -0.1])
    assert fit.params["capital"] == pytest.approx(np.polyfit(dk, dy, 1)[0])


@pytest.mark.parametrize(
    ("change", "effects", "culprit", "words"),
    [
        (lambda f: f.update(l=2 * f["k"] + 1), None, "l", "combination of constant, capital"),
        (lambda f: f.update(l=np.ones(f["k"].size)), None, "l", "combination of constant"),
        (lambda f: f.update(l=0.1 * f["firm"]), "entity", "l", "does not vary"),
        (lambda f: f.update(l=0.1 * f["firm"] + f["k"]), "entity", "l", "combination of capital"),
        (lambda f: f.update(l=np.log(f["year"])), "time", "l", "does not vary"),
        (lambda f: f.update(l=f["firm"] + np.log(f["year"])), "two_way", "l", "does not vary"),
        (lambda f: f.update(l=1e9 + f["firm"]), "entity", "l", "does not vary"),
    ],
)
def test_collinear_columns_are_named(change, effects, culprit, words):
    frame = _frame()
    change(frame)
    spec = tfp.CobbDouglas(inputs=("capital", "labor"), effects=effects)
    with pytest.raises(EstimationError, match=words) as caught:
        spec.fit(_panel(frame))
    assert caught.value.column == culprit


@pytest.mark.parametrize(
    ("frame", "spec", "code"),
    [
        (_frame(firms=1), tfp.CobbDouglas(cov="clustered"), "too_few_clusters"),
        (_frame(firms=1, years=3, drop=0), tfp.CobbDouglas(), "too_few_rows"),
        (
            _frame(years=1, drop=0),
            tfp.CobbDouglas(effects="first_difference"),
            "no_consecutive_rows",
        ),
        (ONE_YEAR, tfp.CobbDouglas(effects="entity"), "collinear"),
        (_frame(firms=3, drop=0), tfp.CobbDouglas(effects="random"), "too_few_entities"),
        (ONE_YEAR, tfp.CobbDouglas(cov="two_way_clustered"), "too_few_clusters"),
    ],
)
def test_what_cannot_be_estimated_is_refused(frame, spec, code):
    with pytest.raises(EstimationError) as caught:
        spec.fit(_panel(frame))
    assert caught.value.code == code


def test_bad_data_are_refused_with_their_place():
    frame = {k: np.exp(v) if k in "ykl" else v for k, v in _frame().items()}
    frame["k"][7] = 0.0
    with pytest.raises(DataError, match="log is needed") as caught:
        tfp.CobbDouglas().fit(_panel(frame, logs=False))
    assert caught.value.column == "k"
    logs = _frame()
    logs["l"][7] = -np.inf
    with pytest.raises(DataError, match="infinite") as caught:
        tfp.CobbDouglas().fit(_panel(logs))
    assert caught.value.column == "l"
    frame = {**_frame(), "c": np.full(_frame()["y"].size, np.inf)}
    with pytest.raises(DataError, match="infinite"):
        tfp.CobbDouglas(controls="rain").fit(_panel(frame, columns={"rain": "c"}))
    twice = {name: np.concatenate([v, v[:1]]) for name, v in _frame().items()}
    with pytest.raises(DataError, match="repeat"):
        tfp.CobbDouglas().fit(_panel(twice))
    empty = {**_frame(), "k": np.full(_frame()["k"].size, np.nan)}
    with pytest.raises(EstimationError, match="no row"):
        tfp.CobbDouglas().fit(_panel(empty))


@pytest.mark.parametrize(
    "options",
    [
        {"effects": "firm"},
        {"returns": "increasing"},
        {"cov": "hac"},
        {"inputs": ()},
        {"inputs": ("labor", "labor")},
        {"inputs": ("labor",), "controls": ("labor",)},
        {"controls": ("output",)},
    ],
)
def test_bad_options_are_refused(options):
    with pytest.raises(SpecificationError):
        tfp.CobbDouglas(**options)


def test_specifications_travel():
    spec = tfp.Translog(inputs=["labor", "capital"], effects="two_way", cov="clustered")
    assert tfp.spec_from_dict(spec.to_dict()) == spec
    result = spec.fit(_panel(_frame()))
    document = result.to_dict()
    assert document["record"]["specification"] == spec.to_dict()
    assert document["tidy"]["columns"]["term"][0] == "labor"


def test_no_random_effects_are_warned_of():
    rng = np.random.default_rng(0)
    frame = _frame(drop=0)
    noise = rng.normal(size=(40, 6))
    frame["y"] = frame["k"] + (noise - noise.mean(axis=1, keepdims=True)).reshape(-1)
    with pytest.warns(IdentificationWarning, match="pooled"):
        fit = tfp.CobbDouglas(effects="random", cov="classical").fit(_panel(frame))
    pooled = tfp.CobbDouglas(cov="classical").fit(_panel(frame))
    np.testing.assert_allclose(np.asarray(fit.params), np.asarray(pooled.params), rtol=1e-10)
    assert fit.warnings


def test_indefinite_two_way_covariance_is_warned_of():
    seen = 0
    for seed in range(12):
        frame = _frame(seed, firms=6, years=3, drop=0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit = tfp.Translog(cov="two_way_clustered").fit(_panel(frame))
        V = fit.cov_params
        scale = np.sqrt(np.abs(np.diag(V)))
        negative = np.linalg.eigvalsh(V / np.outer(scale, scale))[0] < -1e-8
        assert bool(caught) == negative == bool(fit.warnings)
        seen += negative
    assert seen


def test_errors_cover():
    # two-sided 95 % interval over 300 samples of 30 entities: binomial sd 1.3 points
    hits = {"clustered": 0, "classical": 0}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        firm = np.repeat(np.arange(30), 8)
        k = np.repeat(rng.normal(size=30), 8) + 0.3 * rng.normal(size=240)
        y = 0.5 * k + np.repeat(rng.normal(size=30), 8) + 0.3 * rng.normal(size=240)
        panel = tfp.Panel.from_frame(
            {"firm": firm, "year": np.tile(np.arange(8), 30), "y": y, "k": k},
            entity="firm",
            time="year",
            output="y",
            capital="k",
            logs=True,
        )
        for cov in hits:
            interval = tfp.CobbDouglas(cov=cov).fit(panel).conf_int()
            hits[cov] += interval["lower"][1] < 0.5 < interval["upper"][1]
    assert 0.90 < hits["clustered"] / 300 < 0.985
    assert hits["classical"] / 300 < 0.7


def test_the_summary_says_what_matters():
    fit = tfp.CobbDouglas(cov="clustered").fit(_panel(_frame()))
    text = fit.summary()
    for word in ("capital", "labor", "returns to scale", "rows used"):
        assert word in text
    assert "<table" in fit._repr_html_()
    with pytest.raises(SpecificationError, match="did you mean 'labor'"):
        fit.params["labour"]
    for bad in ("labor +", "labor = one", "", "labor labor"):
        with pytest.raises(SpecificationError):
            fit.wald(bad)
    with pytest.raises(SpecificationError, match="repeat"):
        fit.wald(["labor = 0", "labor = 1"])
    with pytest.raises(SpecificationError, match="level"):
        fit.conf_int(95)
