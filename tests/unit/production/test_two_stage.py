"""Olley-Pakes, Levinsohn-Petrin and Ackerberg-Caves-Frazer as a user meets them."""

from __future__ import annotations

import dataclasses
import json
import warnings

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.errors import (
    ConvergenceWarning,
    DataError,
    DataWarning,
    EstimationError,
    IdentificationWarning,
    SpecificationError,
)

SAME = 1e-10  # the same numbers added in another order


@pytest.fixture(scope="module")
def sim():
    return tfp.datasets.simulate.proxies(firms=300, periods=8, rng=3)


@pytest.fixture(scope="module")
def panel(sim):
    return sim.panel()


@pytest.fixture(scope="module")
def acf2015():
    return tfp.datasets.simulate.acf2015(design=1, firms=400, rng=5)


METHODS = (tfp.OlleyPakes, tfp.LevinsohnPetrin, tfp.AckerbergCavesFrazer)
SMALL = {"basis_degree": 2, "law_degree": 2}


# options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_options_travel_as_json(method):
    spec = method(
        free=["a", "b"], state="k", proxy=["m", "e"], controls="time", by="industry",
        se=tfp.Bootstrap(reps=20), root={"k": 0.4}, bounds=[0, 1], survival="exit",
    )  # fmt: skip
    assert spec.free == ("a", "b")
    assert spec.state == ("k",)
    assert spec.bounds == (0.0, 1.0)
    again = tfp.spec_from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert isinstance(again.se, tfp.Bootstrap)


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"free": ("labor", "labor")}, "free"),
        ({"free": ("capital",)}, "free"),
        ({"state": ()}, "state"),
        ({"proxy": ()}, "proxy"),
        ({"output": "labor"}, "output"),
        ({"basis_degree": 7}, "basis_degree"),
        ({"basis_degree": 2.0}, "basis_degree"),
        ({"law_degree": 0}, "law_degree"),
        ({"starts": 0}, "starts"),
        ({"se": "robust"}, "se"),
        ({"search": (1.0, 0.0)}, "search"),
        ({"bounds": 3}, "bounds"),
        ({"root": -1}, "root"),
        ({"root": {"labor": "much"}}, "root"),
        ({"invalid": "drop"}, "invalid"),
        ({"survival": 2}, "survival"),
        ({"controls": ("labor",)}, "controls"),
        ({"controls": ("c",), "proxy_controls": ("c",)}, "controls"),
    ],
)
def test_options_that_contradict_are_refused(options, culprit):
    with pytest.raises(SpecificationError) as caught:
        tfp.AckerbergCavesFrazer(**options)
    assert caught.value.column == culprit


def test_options_of_one_method_only():
    with pytest.raises(SpecificationError, match="second_stage"):
        tfp.OlleyPakes(second_stage="moments")
    with pytest.raises(SpecificationError, match="form"):
        tfp.AckerbergCavesFrazer(form="ces")
    assert tfp.LevinsohnPetrin(proxy_is_input=True).second_stage == "moments"
    assert tfp.LevinsohnPetrin().second_stage == "nls"


# recovery and identities --------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_recovers_the_truth_where_it_is_consistent(method, sim, panel):
    fit = method(**SMALL).fit(panel)
    for name, truth in sim.truth.elasticities.items():
        assert abs(fit.params[name] - truth) < 4 * fit.bse[name]
        lower, upper = (fit.conf_int()[c][list(fit.params).index(name)] for c in ("lower", "upper"))
        assert lower < fit.params[name] < upper
    omega = fit.productivity["productivity"]
    assert np.corrcoef(omega, sim.truth.productivity)[0, 1] > 0.95
    assert fit.details["persistence"] == pytest.approx(0.7, abs=0.06)
    assert fit.returns_to_scale.value == pytest.approx(1.0, abs=0.15)
    assert fit.wald("labor + capital = 1").p_value > 1e-4
    assert fit.warnings == ()


@pytest.mark.parametrize("method", METHODS)
def test_both_definitions_of_productivity(method, sim, panel):
    fit = method(**SMALL).fit(panel)
    b, x = fit.params, {n: panel[n] for n in ("output", "labor", "capital")}
    whole = x["output"] - b["labor"] * x["labor"] - b["capital"] * x["capital"]
    assert np.allclose(fit.productivity["productivity_with_error"], whole, rtol=1e-10, atol=1e-10)
    gap = fit.productivity["productivity_with_error"] - fit.productivity["productivity"]
    assert np.allclose(gap, fit.fitted["residual"], atol=1e-10)
    used = b["capital"] * x["capital"]
    if method is tfp.AckerbergCavesFrazer:
        used = used + b["labor"] * x["labor"]
    assert np.allclose(fit.fitted["phi"] - used, fit.productivity["productivity"], atol=1e-10)


def test_result_travels(panel):
    fit = tfp.AckerbergCavesFrazer(**SMALL).fit(panel)
    document = json.loads(json.dumps(fit.to_dict()))
    assert document["roots"]["columns"]["kind"][0] == "root"
    text = fit.summary()
    for word in ("labor", "returns to scale", "persistence", "choice", "root"):
        assert word in text
    assert "<table" in fit._repr_html_()
    assert set(fit.tidy().columns) >= {"term", "estimate", "std_error", "lower", "upper"}
    assert fit.glance()["second_stage_rows"][0] == 300 * 7
    assert fit.law["term"].tolist() == ["productivity_lag", "productivity_lag^2"]
    assert fit.law["estimate"][0] == pytest.approx(0.7, abs=0.06)
    assert " 10 regressors" in str(fit.first_stage)


def test_standard_errors_can_be_left_out(panel):
    fit = tfp.AckerbergCavesFrazer(**SMALL, se=None).fit(panel)
    assert np.isnan(np.asarray(fit.bse)).all()
    full = tfp.AckerbergCavesFrazer(**SMALL).fit(panel)
    assert np.allclose(np.asarray(fit.params), np.asarray(full.params), atol=1e-9)


# what must not matter ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_row_order_ids_and_units_do_not_matter(method, sim):
    base = method(**SMALL).fit(sim.panel())
    frame = sim.frame()
    rng = np.random.default_rng(0)
    shuffled = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
    shuffled["firm"] = [f"xí nghiệp {v:04d}" for v in shuffled["firm"]]
    shuffled["capital"] += np.log(1e9)  # another currency
    shuffled["output"] += np.log(25_000.0)
    roles = dict(sim.roles)
    fit = method(**SMALL).fit(tfp.Panel.from_frame(shuffled, **roles))
    assert np.allclose(np.asarray(fit.params), np.asarray(base.params), rtol=1e-8, atol=1e-8)
    assert np.allclose(np.asarray(fit.bse), np.asarray(base.bse), rtol=1e-6)
    out = fit.productivity.to_frame()
    assert (out["firm"] == shuffled["firm"]).all()
    merged = out.merge(
        base.productivity.to_frame().assign(
            firm=lambda d: [f"xí nghiệp {v:04d}" for v in d["firm"]]
        ),
        on=["firm", "year"],
    )
    a, b = merged["productivity_x"], merged["productivity_y"]
    assert np.ptp(a - b) < 1e-7  # a constant apart: the units


def test_shuffling_alone_changes_no_digit_that_counts(sim):
    frame = sim.frame()
    shuffled = frame.sample(frac=1.0, random_state=1)
    fits = [
        tfp.AckerbergCavesFrazer(**SMALL).fit(tfp.Panel.from_frame(f, **sim.roles))
        for f in (frame, shuffled)
    ]
    assert np.array_equal(*(np.asarray(f.params) for f in fits))
    assert np.array_equal(*(f.cov_params for f in fits))


def test_a_gap_gives_no_lag(sim):
    frame = sim.frame()
    gappy = frame[frame["year"] != 4]
    fit = tfp.LevinsohnPetrin(**SMALL).fit(tfp.Panel.from_frame(gappy, **sim.roles))
    assert fit.details["second_stage_rows"] == 300 * (8 - 3)
    assert fit.sample.notes["rows without a lag, in the first stage only"] == 300 * 2


def test_two_fits_are_the_same_bit_for_bit(panel):
    fits = [tfp.AckerbergCavesFrazer(**SMALL).fit(panel) for _ in range(2)]
    assert np.array_equal(*(np.asarray(f.params) for f in fits))
    assert np.array_equal(*(f.cov_params for f in fits))


# roots --------------------------------------------------------------------------------------------


def test_every_root_is_listed_and_another_can_be_taken(acf2015):
    panel = acf2015.panel()
    spec = {"basis_degree": 2, "law_degree": 1}
    fit = tfp.AckerbergCavesFrazer(**spec).fit(panel)
    roots = fit.roots
    exact = roots["kind"] == "root"
    assert exact.sum() >= 2
    assert roots["chosen"].tolist() == [True] + [False] * (len(roots) - 1)
    assert fit.params["labor"] == pytest.approx(0.6, abs=0.08)
    spurious = int(np.flatnonzero(exact & (np.abs(roots["labor"] - 0.95) < 0.1))[0])
    assert roots["persistence"][spurious] < 0.35 < roots["persistence"][0]
    other = tfp.AckerbergCavesFrazer(**spec, root=spurious).fit(panel)
    assert other.params["labor"] == pytest.approx(roots["labor"][spurious], abs=1e-8)
    assert other.roots["chosen"][spurious]
    assert other.choice == f"root={spurious}"
    by_name = tfp.AckerbergCavesFrazer(**spec, root={"labor": 1.0, "capital": 0.0}).fit(panel)
    assert by_name.params["labor"] == pytest.approx(other.params["labor"], abs=1e-8)
    with pytest.raises(EstimationError, match="the search found"):
        tfp.AckerbergCavesFrazer(**spec, root=50).fit(panel)
    with pytest.raises(SpecificationError, match="labour"):
        tfp.AckerbergCavesFrazer(**spec, root={"labour": 1.0}).fit(panel)


def test_the_surface_is_the_objective_at_any_coefficients(acf2015):
    fit = tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=1).fit(acf2015.panel())
    points = np.stack([fit.roots["labor"], fit.roots["capital"]], axis=1)
    assert np.allclose(fit.surface.value(points), fit.roots["objective"], rtol=1e-5, atol=1e-18)
    between = points[:2].mean(axis=0)[None]
    assert fit.surface.value(between)[0] > 1e-6


def test_a_point_that_is_no_root_is_said_to_be_none():
    """A root= that names a stationary point, with figures and without standard errors."""
    sim = tfp.datasets.simulate.acf2015(design=1, firms=400, rng=5)
    panel = sim.panel()
    fit = tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=1, search=(-3.0, 3.0)).fit(panel)
    place = int(np.flatnonzero(fit.roots["kind"] == "minimum")[0])
    spec = tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=1, search=(-3.0, 3.0), root=place)
    with pytest.warns(ConvergenceWarning, match="no solution"):
        other = spec.fit(panel)
    assert np.isnan(np.asarray(other.bse)).all()
    assert other.roots["correlation"][place] > 1e-3


def test_bounds_make_a_bound_a_warning_and_not_an_estimate(acf2015):
    spec = tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=1, bounds=(0.0, 0.55))
    with pytest.warns(ConvergenceWarning) as caught:
        fit = spec.fit(acf2015.panel())
    texts = " ".join(str(w.message) for w in caught)
    assert "edge of bounds" in texts
    assert max(fit.params.values()) == pytest.approx(0.55, abs=1e-5)
    assert fit.roots["kind"][0] == "bound"
    assert (fit.roots["kind"] == "root").sum() >= 2  # the real ones are listed all the same
    inside = tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=1, bounds=(0.0, 1.0))
    assert inside.fit(acf2015.panel()).params["labor"] == pytest.approx(0.6, abs=0.08)


def test_starting_at_least_squares_alone_ends_at_the_spurious_root(acf2015):
    """Why there are many starts: one of them, wherever it is, decides nothing."""
    panel = acf2015.panel()
    ols = tfp.CobbDouglas(inputs=("labor", "capital")).fit(panel)
    fit = tfp.AckerbergCavesFrazer(basis_degree=1, law_degree=1).fit(panel)
    points = np.stack([fit.roots["labor"], fit.roots["capital"]], axis=1)
    gap = np.abs(points - [ols.params["labor"], ols.params["capital"]]).max(axis=1)
    assert int(gap.argmin()) != 0
    assert gap.min() < 0.05


# warnings -----------------------------------------------------------------------------------------


def test_functional_dependence_is_warned_of():
    """Without measurement error labor is a function of capital and materials in design 1."""
    sim = tfp.datasets.simulate.acf2015(design=1, firms=300, measurement_error=0.0, rng=2)
    with pytest.warns(IdentificationWarning, match=r"labor is nearly a function.* R² 0\.9[56]"):
        fit = tfp.LevinsohnPetrin(basis_degree=2).fit(sim.panel())
    assert fit.params["labor"] == pytest.approx(0.0, abs=0.05)  # with a tiny error
    assert fit.first_stage.dependence["labor"] > 0.95
    assert fit.bse["labor"] < 0.02


def test_a_flexible_input_as_its_own_proxy_is_warned_of(panel):
    spec = tfp.AckerbergCavesFrazer(free=("labor", "materials"), proxy="materials", basis_degree=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spec.fit(panel)
    assert any("flexible input and the proxy at once" in str(w.message) for w in caught)


def test_least_squares_with_the_proxy_as_input_is_warned_of(panel):
    spec = tfp.LevinsohnPetrin(proxy_is_input=True, second_stage="nls", **SMALL)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = spec.fit(panel)
    assert any("before productivity is known" in str(w.message) for w in caught)
    assert list(fit.params) == ["labor", "capital", "materials"]


def test_gross_output_moments_hold(panel):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentificationWarning)
        fit = tfp.LevinsohnPetrin(proxy_is_input=True, law_degree=1, basis_degree=2).fit(panel)
    assert fit.roots["kind"][0] in ("root", "minimum")
    if fit.roots["kind"][0] == "root":
        omega = fit.productivity["productivity"]
        lag = panel.lag()
        now = np.flatnonzero(lag >= 0)
        A = np.column_stack([np.ones(now.size), omega[lag[now]]])
        xi = omega[now] - A @ np.linalg.lstsq(A, omega[now], rcond=None)[0]
        for z in (panel["capital"][now], panel["materials"][lag[now]]):
            assert abs(np.corrcoef(z, xi)[0, 1]) < 1e-8


def test_moments_of_acf_hold_in_the_data(acf2015):
    """By hand from the productivity that is handed out."""
    panel = acf2015.panel()
    fit = tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=3).fit(panel)
    omega, lag = fit.productivity["productivity"], panel.lag()
    now = np.flatnonzero(lag >= 0)
    before = omega[lag[now]] - omega.mean()
    A = np.column_stack([before**p for p in range(4)])
    xi = omega[now] - A @ np.linalg.lstsq(A, omega[now], rcond=None)[0]
    for z in (panel["labor"][lag[now]], panel["capital"][now]):
        assert abs(np.corrcoef(z, xi)[0, 1]) < 1e-9


# bad input ----------------------------------------------------------------------------------------


def test_no_consecutive_years(sim):
    frame = sim.frame()
    frame = frame[frame["year"] % 2 == 0]
    with pytest.raises(EstimationError, match="one period earlier") as caught:
        tfp.AckerbergCavesFrazer().fit(tfp.Panel.from_frame(frame, **sim.roles))
    assert caught.value.code == "no_consecutive_rows"
    step = tfp.Panel.from_frame(frame, **sim.roles, step=2)
    assert tfp.LevinsohnPetrin(**SMALL).fit(step).details["second_stage_rows"] == 300 * 3


def levels(sim):
    frame = sim.frame()
    for name in ("output", "labor", "capital", "materials", "investment"):
        frame[name] = np.exp(frame[name])
    return frame, {**sim.roles, "logs": False}


def test_zero_proxy_is_an_error_or_counted(sim):
    frame, roles = levels(sim)
    frame.loc[frame.index % 5 == 0, "investment"] = 0.0
    panel = tfp.Panel.from_frame(frame, **roles)
    with pytest.raises(DataError, match="investment is 0 in 480 of 2400 rows") as caught:
        tfp.OlleyPakes().fit(panel)
    assert "invalid='missing'" in caught.value.remedy
    with pytest.warns(DataWarning, match="20 %"):
        fit = tfp.OlleyPakes(**SMALL, invalid="missing").fit(panel)
    assert fit.sample.lost == {"investment without a log": 480}
    assert fit.sample.used == 1920
    assert np.isnan(fit.productivity["productivity"]).sum() == 480
    # the other proxy does not mind
    assert tfp.LevinsohnPetrin(**SMALL).fit(panel).sample.used == 2400


def test_missing_proxy_is_counted_apart(sim):
    frame, roles = levels(sim)
    frame.loc[:399, "materials"] = np.nan
    frame.loc[400:409, "materials"] = -1.0
    with pytest.warns(DataWarning, match="400 materials missing"):
        fit = tfp.LevinsohnPetrin(**SMALL, invalid="missing").fit(
            tfp.Panel.from_frame(frame, **roles)
        )
    assert fit.sample.lost == {"materials missing": 400, "materials without a log": 10}
    assert fit.sample.balanced


def test_collinear_inputs_are_named(sim):
    frame = sim.frame()
    frame["hours"] = 1.0 + 2.0 * frame["labor"]
    roles = {**sim.roles, "inputs": {"hours": "hours"}}
    panel = tfp.Panel.from_frame(frame, **roles)
    for method in METHODS:
        with pytest.raises(EstimationError, match="hours") as caught:
            method(free=("labor", "hours")).fit(panel)
        assert caught.value.code == "collinear"
    frame["flat"] = 3.0
    panel = tfp.Panel.from_frame(frame, **{**sim.roles, "inputs": {"flat": "flat"}})
    with pytest.raises(EstimationError, match="flat"):
        tfp.AckerbergCavesFrazer(state=("capital", "flat")).fit(panel)


def test_a_control_that_is_a_function_of_the_basis_is_named(sim):
    frame = sim.frame()
    frame["twice"] = 2.0 * frame["capital"] - frame["materials"]
    panel = tfp.Panel.from_frame(frame, **sim.roles, columns={"twice": "twice"})
    with pytest.raises(EstimationError, match="twice is a function"):
        tfp.LevinsohnPetrin(controls="twice").fit(panel)


def test_a_collinear_proxy_is_left_out_and_named(sim):
    frame = sim.frame()
    frame["energy"] = 1.0 + frame["materials"]
    panel = tfp.Panel.from_frame(frame, **sim.roles, columns={"power": "energy"})
    with pytest.warns(DataWarning, match="power left out"):
        fit = tfp.LevinsohnPetrin(proxy=("materials", "power"), **SMALL).fit(panel)
    alone = tfp.LevinsohnPetrin(**SMALL).fit(panel)
    assert np.allclose(np.asarray(fit.params), np.asarray(alone.params), atol=1e-8)
    assert fit.first_stage.dropped == ("power",)


def test_one_firm_and_few_rows(sim):
    frame = sim.frame()
    with pytest.raises(EstimationError, match="one firm"):
        tfp.AckerbergCavesFrazer().fit(tfp.Panel.from_frame(frame[frame["firm"] == 1], **sim.roles))
    few = tfp.Panel.from_frame(frame[frame["firm"] <= 2], **sim.roles)
    with pytest.raises(EstimationError, match="16 rows, 14 of them with a lag") as caught:
        tfp.AckerbergCavesFrazer().fit(few)
    assert caught.value.code == "too_few_rows"


def test_unknown_roles_name_the_nearest(panel):
    with pytest.raises(DataError, match="capitel"):
        tfp.AckerbergCavesFrazer(state="capitel").fit(panel)
    with pytest.raises(DataError, match="industri"):
        tfp.AckerbergCavesFrazer(controls="industri").fit(panel)
    with pytest.raises(DataError, match="industry"):
        tfp.AckerbergCavesFrazer(by="industry").fit(panel)


# controls, shifters, several inputs and proxies --------------------------------------------------


@pytest.fixture(scope="module")
def rich():
    """Year effects in output, a region that shifts the proxy, an R&D that moves productivity."""
    rng = np.random.default_rng(8)
    sim = tfp.datasets.simulate.proxies(firms=500, periods=8, rng=9)
    frame = sim.frame()
    firm = frame["firm"].to_numpy()
    frame["year_effect"] = rng.normal(0, 0.3, 8)[frame["year"] - 1]
    region = rng.integers(0, 4, firm.max() + 1)[firm]
    frame["region"] = np.array(["Bắc", "Trung", "Nam", "Tây Nguyên"])[region]
    frame["shift"] = np.array([0.0, 0.5, -0.4, 0.2])[region]
    return frame, sim.roles


def test_periods_as_controls_take_year_effects_out(rich):
    frame, roles = rich
    moved = frame.assign(output=frame["output"] + frame["year_effect"])
    plain = tfp.AckerbergCavesFrazer(**SMALL, controls="time").fit(
        tfp.Panel.from_frame(frame, **roles)
    )
    fit = tfp.AckerbergCavesFrazer(**SMALL, controls="time").fit(
        tfp.Panel.from_frame(moved, **roles)
    )
    assert np.allclose(np.asarray(fit.params), np.asarray(plain.params), atol=1e-8)
    assert np.allclose(np.asarray(fit.bse), np.asarray(plain.bse), rtol=1e-6)
    gap = fit.productivity["productivity"] - plain.productivity["productivity"]
    assert np.ptp(gap) < 1e-8


def test_a_category_equals_its_dummies(rich):
    frame, roles = rich
    dummies = {f"d{i}": (frame["region"] == r).astype(float) for i, r in enumerate(("Nam", "Trung", "Tây Nguyên"))}  # noqa: E501  # fmt: skip
    panel = tfp.Panel.from_frame(
        frame.assign(**dummies), **roles, columns={n: n for n in dummies},
        groups={"region": "region"},
    )  # fmt: skip
    for option in ("controls", "proxy_controls", "law_controls"):
        for method in METHODS:
            one = method(**SMALL, **{option: "region"}).fit(panel)
            other = method(**SMALL, **{option: tuple(dummies)}).fit(panel)
            for name in ("labor", "capital"):
                assert one.params[name] == pytest.approx(other.params[name], abs=1e-8)
                assert one.bse[name] == pytest.approx(other.bse[name], rel=1e-6)
            gap = one.productivity["productivity"] - other.productivity["productivity"]
            assert np.abs(gap).max() < 1e-7


def test_what_shifts_the_proxy_belongs_in_the_first_stage(rich):
    frame, roles = rich
    moved = frame.assign(materials=frame["materials"] + frame["shift"])
    panel = tfp.Panel.from_frame(moved, **roles, groups={"region": "region"})
    options = {"basis_degree": 2, "law_degree": 1}
    without = tfp.LevinsohnPetrin(**options).fit(panel)
    fit = tfp.LevinsohnPetrin(**options, proxy_controls="region").fit(panel)
    assert abs(fit.params["capital"] - 0.4) < 4 * fit.bse["capital"]
    assert fit.first_stage.r_squared > without.first_stage.r_squared
    assert list(fit.params) == ["labor", "capital"]


def test_an_endogenous_shifter_of_the_law():
    """ω follows ω(−1) and R&D(−1); R&D depends on capital, so leaving it out biases."""
    rng = np.random.default_rng(1)
    firms, periods = 2_000, 6
    k = rng.normal(0, 1, (periods, firms))
    rd = np.empty_like(k)
    omega = np.empty_like(k)
    for t in range(periods):
        if t:
            k[t] = 0.7 * k[t - 1] + 0.5 * rd[t - 1] + 0.3 * k[t]
            omega[t] = 0.6 * omega[t - 1] + 0.2 * rd[t - 1] + rng.normal(0, 0.2, firms)
        else:
            omega[t] = rng.normal(0, 0.25, firms)
        rd[t] = rng.normal(0, 0.5, firms)
    labor = 0.3 * k + omega + rng.normal(0, 0.3, k.shape)
    columns = {
        "firm": np.tile(np.arange(firms), periods), "year": np.repeat(np.arange(periods), firms),
        "y": (0.6 * labor + 0.4 * k + omega + rng.normal(0, 0.1, k.shape)).ravel(),
        "l": labor.ravel(), "k": k.ravel(), "m": (0.4 * k + omega).ravel(), "rd": rd.ravel(),
    }  # fmt: skip
    panel = tfp.Panel.from_frame(
        columns, entity="firm", time="year", output="y", labor="l", capital="k", materials="m",
        columns={"rd": "rd"}, logs=True,
    )  # fmt: skip
    options = {"basis_degree": 1, "law_degree": 1}
    without = tfp.LevinsohnPetrin(**options).fit(panel)
    fit = tfp.LevinsohnPetrin(**options, law_shifters="rd").fit(panel)
    assert without.params["capital"] > 0.45
    assert abs(fit.params["capital"] - 0.4) < 4 * fit.bse["capital"]
    assert fit.law["term"].tolist() == ["productivity_lag", "rd_lag"]
    assert fit.law["estimate"][1] == pytest.approx(0.2 * 0.5, abs=0.02)  # per standard deviation


def test_several_inputs_of_each_kind():
    """Two free inputs, two states, two proxies: several peers stop with an error here."""
    rng = np.random.default_rng(4)
    sim = tfp.datasets.simulate.proxies(firms=1_500, periods=8, rng=4)
    frame = sim.frame()
    n = len(frame)
    first = np.ones(n, bool)
    first[1:] = frame["firm"].to_numpy()[1:] != frame["firm"].to_numpy()[:-1]
    skill, land = np.empty(n), np.empty(n)
    for i in range(n):
        skill[i] = rng.normal(0, 0.4) + (0.0 if first[i] else 0.6 * skill[i - 1])
        land[i] = rng.normal(0, 0.5) + (0.0 if first[i] else 0.8 * land[i - 1])
    frame["skill"], frame["land"] = skill + 0.5 * sim.truth.productivity, land
    frame["output"] += 0.2 * frame["skill"] + 0.1 * frame["land"]
    frame["energy"] = 0.2 * frame["capital"] + 0.5 * frame["land"] + sim.truth.productivity
    frame["energy"] += rng.normal(0, 0.01, n)
    panel = tfp.Panel.from_frame(
        frame, **sim.roles, inputs={"skill": "skill", "land": "land"}, columns={"power": "energy"}
    )
    truth = {"labor": 0.6, "skill": 0.2, "capital": 0.4, "land": 0.1}
    for method in METHODS:
        fit = method(
            free=("labor", "skill"), state=("capital", "land"), proxy=("materials", "power"),
            basis_degree=1, law_degree=1,
        ).fit(panel)  # fmt: skip
        for name, value in truth.items():
            assert abs(fit.params[name] - value) < 4 * fit.bse[name]


# translog -----------------------------------------------------------------------------------------


def test_translog_is_a_function_with_the_elasticities_it_hands_out(panel):
    fit = tfp.AckerbergCavesFrazer(form="translog", basis_degree=2, law_degree=1).fit(panel)
    assert list(fit.params) == [
        "labor", "capital", "labor:labor", "labor:capital", "capital:capital",
    ]  # fmt: skip
    rows = fit.elasticities_by_row
    for name in ("labor", "capital"):
        assert rows[name].mean() == pytest.approx(fit.params[name], abs=1e-10)
    z = {n: panel[n] - panel[n].mean() for n in ("labor", "capital")}
    b = fit.params
    by_hand = b["labor"] + b["labor:labor"] * z["labor"] + b["labor:capital"] * z["capital"]
    assert np.allclose(rows["labor"], by_hand, atol=1e-10)
    part = (
        b["labor"] * z["labor"] + b["capital"] * z["capital"]
        + 0.5 * b["labor:labor"] * z["labor"] ** 2 + b["labor:capital"] * z["labor"] * z["capital"]
        + 0.5 * b["capital:capital"] * z["capital"] ** 2
    )  # fmt: skip
    whole = panel["output"] - part
    assert np.allclose(fit.productivity["productivity_with_error"], whole, atol=1e-9)
    for name in ("labor:labor", "labor:capital", "capital:capital"):
        assert abs(b[name]) < 4 * fit.bse[name]  # the truth is Cobb-Douglas
    assert abs(b["capital"] - 0.4) < 4 * fit.bse["capital"]


# survival -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def leaving():
    return tfp.datasets.simulate.proxies(firms=1_500, exit=True, rng=11)


@pytest.mark.parametrize("method", [tfp.OlleyPakes, tfp.AckerbergCavesFrazer])
def test_survival_correction_takes_the_bias_out(method, leaving):
    panel = leaving.panel()
    without = method(**SMALL).fit(panel)
    fit = method(basis_degree=2, law_degree=3, survival=True).fit(panel)
    if method is tfp.OlleyPakes:
        assert without.params["capital"] < 0.4 - 3 * without.bse["capital"]
    assert abs(fit.params["capital"] - 0.4) < 2 * fit.bse["capital"]
    assert abs(fit.params["capital"] - 0.4) < abs(without.params["capital"] - 0.4)
    assert any("survival" in term for term in fit.law["term"])


def test_exits_may_be_given_in_a_column(leaving):
    frame = leaving.frame()
    last = frame.groupby("firm")["year"].transform("max") == frame["year"]
    frame["left"] = (last & (frame["year"] < 10)).astype(float)
    options = {"basis_degree": 2, "law_degree": 2}
    panel = tfp.Panel.from_frame(frame, **leaving.roles, columns={"left": "left"})
    derived = tfp.OlleyPakes(**options, survival=True).fit(panel)
    given = tfp.OlleyPakes(**options, survival="left").fit(panel)
    assert np.array_equal(np.asarray(derived.params), np.asarray(given.params))
    assert frame["left"].iloc[0] == 0.0  # a peer ignores the vector unless its first entry is 1
    shuffled = frame.sample(frac=1.0, random_state=3)
    again = tfp.OlleyPakes(**options, survival="left").fit(
        tfp.Panel.from_frame(shuffled, **leaving.roles, columns={"left": "left"})
    )
    assert np.array_equal(np.asarray(again.params), np.asarray(given.params))
    frame.loc[0, "left"] = 1.0
    with pytest.raises(DataError, match="left is 1 where it cannot be"):
        tfp.OlleyPakes(survival="left").fit(
            tfp.Panel.from_frame(frame, **leaving.roles, columns={"left": "left"})
        )


def test_a_gap_is_no_exit(leaving):
    """A firm that comes back did not leave: its missing year must not count as an exit."""
    frame = leaving.frame()
    rows = frame.groupby("firm")["year"].transform("count")
    hole = (rows > 6) & (frame["year"] == 4)
    panel = tfp.Panel.from_frame(frame[~hole], **leaving.roles)
    from tfp_index.production._two_stage_data import _exits

    at_risk, survived = _exits(panel, True)
    last = frame[~hole].groupby("firm")["year"].transform("max").to_numpy()
    year = frame[~hole]["year"].to_numpy()
    assert np.array_equal(at_risk, year < 10)
    assert np.array_equal(survived, year < last)


def test_no_exit_is_said(panel):
    with pytest.raises(EstimationError, match="no firm leaves"):
        tfp.OlleyPakes(survival=True).fit(panel)


def test_the_error_of_the_probit_is_part_of_the_covariance():
    """Against differences in firm weights, with all three stages estimated again."""
    from tfp_index.production._two_stage_data import read_columns
    from tfp_index.production._two_stage_errors import covariance, row_scores
    from tfp_index.production._two_stage_fit import follow, parameters, solve
    from tfp_index.production._two_stage_sample import lay_out

    panel = tfp.datasets.simulate.proxies(firms=60, exit=True, rng=2).panel()
    for spec in (
        tfp.OlleyPakes(basis_degree=1, law_degree=2, survival=True),
        tfp.AckerbergCavesFrazer(basis_degree=1, law_degree=2, survival=True),
    ):
        columns = read_columns(
            panel, logs=("output", "labor", "capital", *spec.proxy), others=(), by=None,
            survival=True, invalid="error",
        )  # fmt: skip
        problem, rows = lay_out(spec, spec._method(), panel.names, columns.part(0))
        solution = solve(problem, rows)
        V, step = covariance(problem, solution, row_scores(problem, rows, solution))
        assert np.abs(step).max() < 1e-8
        at = parameters(problem, solution.first, solution.delta)
        firms = rows.data.offsets.size - 1
        slopes = []
        for i in range(firms):
            w = np.ones(firms)
            w[i] += 1e-4
            up = follow(problem, rows, solution.delta, w)
            w[i] -= 2e-4
            slopes.append((up - follow(problem, rows, solution.delta, w)) / 2e-4)
        assert np.allclose(at, follow(problem, rows, solution.delta, np.ones(firms)), atol=1e-7)
        numeric = np.array(slopes).T @ np.array(slopes) * firms / (firms - 1)
        scale = np.sqrt(np.diagonal(numeric))
        assert np.abs((V - numeric) / np.outer(scale, scale)).max() < 1e-4


@pytest.mark.parametrize("some", [True, False])
def test_roots_that_are_alike_are_called_admissible_only_when_they_are(some):
    """Three exact roots, taken to be alike by a wide limit on the difference in persistence."""
    from tfp_index.kernels.roots import choose_root
    from tfp_index.production._two_stage_data import read_columns
    from tfp_index.production._two_stage_fit import solve
    from tfp_index.production._two_stage_notices import of_solution
    from tfp_index.production._two_stage_sample import lay_out

    panel = tfp.datasets.simulate.acf2015(1, firms=1000, measurement_error=0.0, rng=1).panel()
    spec = tfp.AckerbergCavesFrazer(basis_degree=1, law_degree=1)
    columns = read_columns(
        panel, logs=("output", "labor", "capital", "materials"), others=(), by=None,
        survival=False, invalid="error",
    )  # fmt: skip
    problem, rows = lay_out(spec, spec._method(), panel.names, columns.part(0))
    found = solve(problem, rows)
    assert found.is_root.sum() == 3
    admissible = found.is_root & some
    choice = choose_root(found.is_root, admissible, found.persistence, found.found.values, 2.0)
    solution = dataclasses.replace(found, admissible=admissible, choice=choice)
    notices = of_solution(problem, solution, ("labor", "capital"), (), ())
    text = {notice.code: notice.text for notice in notices}["several_roots"]
    assert text.startswith(
        "3 roots are admissible and alike in the persistence of productivity: "
        if some
        else "3 roots are alike in the persistence of productivity, none of them admissible: "
    )


# cost ---------------------------------------------------------------------------------------------


def passes(spec, panel, monkeypatch):
    """How often the rows are walked over, and the fit."""
    from tfp_index.kernels import control_function, stacked_moments

    rows = []
    build = control_function.stage_one_columns

    def counted(data, design, block, **options):
        rows.append(block.stop - block.start)
        return build(data, design, block, **options)

    monkeypatch.setattr(control_function, "stage_one_columns", counted)
    monkeypatch.setattr(stacked_moments, "stage_one_columns", counted)
    fit = spec.fit(panel)
    return sum(rows) / panel.n_rows, fit


@pytest.mark.parametrize("se", [None, "clustered"])
@pytest.mark.parametrize("method", METHODS)
def test_rows_are_walked_over_twice(method, se, panel, monkeypatch):
    """However many starts and trial values the search takes; errors come with the estimate."""
    count, fit = passes(method(**SMALL, se=se, starts=300), panel, monkeypatch)
    assert count == 2
    assert "third" not in fit.details["std_errors"]


@pytest.mark.parametrize(
    "options",
    [
        {"form": "translog"},
        {"law_degree": 4},
        {"controls": ("time",)},
        {"law_shifters": ("investment",)},
        {"free": ("labor", "investment")},
    ],
)
def test_rows_are_walked_over_twice_with_more_in_it(options, panel, monkeypatch):
    spec = tfp.AckerbergCavesFrazer(**{**SMALL, **options})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tfp.TFPWarning)
        assert passes(spec, panel, monkeypatch)[0] == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"law_controls": ("time",)}, "categories among the controls of the law"),
        ({"form": "translog", "law_degree": 3}, "many products"),
    ],
)
def test_why_a_third_pass_was_taken_is_said(options, reason, panel, monkeypatch):
    count, fit = passes(tfp.AckerbergCavesFrazer(**{**SMALL, **options}), panel, monkeypatch)
    assert count == 3
    assert reason in fit.details["std_errors"]


def test_a_third_pass_is_taken_where_cancellation_costs_digits(panel, monkeypatch):
    from tfp_index.production import _two_stage_errors as errors

    spec = tfp.AckerbergCavesFrazer(**SMALL)
    plain = spec.fit(panel)
    for limit, reason in (("LOST", "cancellation"), ("STEP", "rounding")):
        with monkeypatch.context() as patch:
            patch.setattr(errors, limit, 1e-17)
            count, fit = passes(spec, panel, patch)
            assert count >= 3
            assert reason in fit.details["std_errors"]
            assert np.allclose(fit.cov_params, plain.cov_params, rtol=1e-9)


# bootstrap ----------------------------------------------------------------------------------------


def test_bootstrap_does_not_depend_on_workers_and_counts(acf2015):
    seen = []
    fits = [
        tfp.AckerbergCavesFrazer(
            basis_degree=2, law_degree=1, se=tfp.Bootstrap(reps=12, workers=workers)
        ).fit(acf2015.panel(), rng=7, on_progress=lambda done, of: seen.append((done, of)))
        for workers in (1, 3)
    ]
    assert np.array_equal(fits[0].draws.values, fits[1].draws.values)
    assert seen[-1] == (12, 12)
    assert fits[0].record.seed == 7
    assert fits[0].details["std_errors"] == "bootstrap, 12 of 12 repetitions"
    assert np.allclose(fits[0].cov_params, np.cov(fits[0].draws.values, rowvar=False), rtol=1e-12)
    other = tfp.AckerbergCavesFrazer(
        basis_degree=2, law_degree=1, se=tfp.Bootstrap(reps=12, weights="exponential")
    ).fit(acf2015.panel(), rng=7)
    assert not np.allclose(other.draws.values, fits[0].draws.values)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_analytic_errors_agree_with_the_bootstrap(method):
    """Within 10 % on 1,000 x 10, as asked; 600 draws have an error of 3 %."""
    panel = tfp.datasets.simulate.proxies(firms=1_000, rng=6).panel()
    analytic = method(**SMALL).fit(panel)
    drawn = method(**SMALL, se=tfp.Bootstrap(reps=600, workers=2)).fit(panel, rng=1)
    assert np.asarray(drawn.bse) == pytest.approx(np.asarray(analytic.bse), rel=0.10)
    assert drawn.draws.failures == ()


def test_repetitions_without_a_root_are_counted_and_said():
    """Twenty firms: some repetitions have no root."""
    sim = tfp.datasets.simulate.acf2015(design=1, firms=20, periods=6, rng=5)
    spec = tfp.AckerbergCavesFrazer(basis_degree=2, se=tfp.Bootstrap(reps=40))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = spec.fit(sim.panel(), rng=1)
    text = " ".join(str(w.message) for w in caught)
    assert "repetitions" in text
    kept = len(fit.draws.complete)
    assert kept < 40
    assert kept + len(fit.draws.failures) == 40
    assert f"{kept} of 40" in fit.details["std_errors"]


# groups -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def grouped():
    sim = tfp.datasets.simulate.proxies(firms=600, periods=8, rng=12)
    frame = sim.frame()
    names = np.array(["Dệt", "May", "Gỗ", "Thép"])
    frame["industry"] = names[frame["firm"].to_numpy() % 4]
    frame.loc[frame["firm"] == 1, "industry"] = "Muối"  # one firm
    frame.loc[(frame["firm"] == 2) & (frame["year"] > 4), "industry"] = "Dệt"  # moves
    frame.loc[frame["firm"] == 3, "industry"] = None
    return frame, sim.roles


@pytest.mark.parametrize("method", METHODS)
def test_groups_in_one_call_equal_separate_calls(method, grouped):
    frame, roles = grouped
    panel = tfp.Panel.from_frame(frame, **roles, groups={"industry": "industry"})
    with pytest.warns(DataWarning, match=r"1 of 5 groups have no estimate.*Muối"):
        fits = method(**SMALL, by="industry").fit(panel)
    assert sorted(fits) == ["Dệt", "Gỗ", "May", "Thép"]
    assert fits.failed["group"].tolist() == ["Muối"]
    assert fits.failed["code"].tolist() == ["too_few_firms"]
    for label in fits:
        alone = tfp.Panel.from_frame(frame[frame["industry"] == label], **roles)
        one = method(**SMALL).fit(alone)
        both = fits[label]
        assert np.array_equal(np.asarray(one.params), np.asarray(both.params))
        assert np.array_equal(one.cov_params, both.cov_params)
        inside = np.isfinite(both.productivity["productivity"])
        assert np.array_equal(
            both.productivity["productivity"][inside], one.productivity["productivity"]
        )
    assert fits.sample.lost["industry missing"] == 8
    assert fits.sample.lost["group without an estimate"] == 8
    assert fits.sample.balanced
    assert len(fits.tidy()) == 4 * 2
    assert fits.glance()["second_stage_rows"].sum() == sum(
        fits[g].details["second_stage_rows"] for g in fits
    )
    # the firm that moved has one lag less than rows, twice
    moved = fits.productivity.to_frame()
    assert moved.loc[moved["firm"] == 2, "productivity"].notna().all()
    with pytest.raises(EstimationError, match="one firm"):
        fits["Muối"]
    with pytest.raises(EstimationError, match="no group 'Sắt'"):
        fits["Sắt"]
    assert "Muối" in fits.summary()
    json.dumps(fits.to_dict())


def test_groups_with_a_bootstrap_are_reproducible(grouped):
    frame, roles = grouped
    frame = frame[frame["industry"].isin(["Dệt", "May"])]
    panel = tfp.Panel.from_frame(frame, **roles, groups={"industry": "industry"})
    spec = tfp.LevinsohnPetrin(**SMALL, by="industry", se=tfp.Bootstrap(reps=5))
    seen = []
    a = spec.fit(panel, rng=3, on_progress=lambda done, of: seen.append((done, of)))
    b = spec.fit(panel, rng=3)
    assert seen == [(1, 2), (2, 2)]
    assert np.array_equal(a.tidy()["std_error"], b.tidy()["std_error"])
    assert not np.array_equal(a["Dệt"].draws.values, a["May"].draws.values)


def test_no_group_with_an_estimate(grouped):
    frame, roles = grouped
    panel = tfp.Panel.from_frame(
        frame[frame["industry"] == "Muối"], **roles, groups={"industry": "industry"}
    )
    with pytest.raises(EstimationError, match="no group has an estimate"):
        tfp.LevinsohnPetrin(by="industry").fit(panel)


def test_frames_of_any_library_give_the_same(sim):
    base = tfp.AckerbergCavesFrazer(**SMALL).fit(sim.panel())
    for backend in ("polars", "pyarrow"):
        panel = tfp.Panel.from_frame(sim.frame(backend), **sim.roles)
        fit = tfp.AckerbergCavesFrazer(**SMALL).fit(panel)
        assert np.array_equal(np.asarray(fit.params), np.asarray(base.params))
        out = fit.productivity.to_frame()
        assert type(out).__module__.startswith(backend)
    assert isinstance(base.productivity.to_frame(), pd.DataFrame)
