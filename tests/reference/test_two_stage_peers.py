"""Defects found in other programs, each as a test that ours does not share it.

The list is that of the survey behind this library: what was run, on which data, with which result.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.kernels.resampling import firm_weights
from tfp_index.production._two_stage_data import read_columns
from tfp_index.production._two_stage_fit import follow, parameters, solve
from tfp_index.production._two_stage_sample import lay_out

METHODS = (tfp.OlleyPakes, tfp.LevinsohnPetrin, tfp.AckerbergCavesFrazer)
FEW = {"basis_degree": 2, "law_degree": 2}


@pytest.fixture(scope="module")
def leaving():
    return tfp.datasets.simulate.proxies(firms=400, exit=True, rng=21)


def problem_of(spec, panel):
    columns = read_columns(
        panel, logs=("output", "labor", "capital", *spec.proxy), others=(), by=None,
        survival=spec.survival, invalid="error",
    )  # fmt: skip
    return lay_out(spec, spec._method(), panel.names, columns.part(0))


# prodest (R) --------------------------------------------------------------------------------------


def test_exit_flags_follow_their_rows(leaving):
    """There flags are built in id order and pasted on rows in input order."""
    frame = leaving.frame()
    fits = [
        tfp.OlleyPakes(**FEW, survival=True).fit(tfp.Panel.from_frame(f, **leaving.roles))
        for f in (frame, frame.sample(frac=1.0, random_state=1))
    ]
    assert np.array_equal(*(np.asarray(f.params) for f in fits))


def test_exit_correction_does_something(leaving):
    """There a 0/1 vector is ignored unless its first entry is 1."""
    without = tfp.OlleyPakes(**FEW).fit(leaving.panel())
    fit = tfp.OlleyPakes(**FEW, survival=True).fit(leaving.panel())
    assert abs(fit.params["capital"] - without.params["capital"]) > 0.01


def test_survival_is_presence_at_t_given_the_state_at_t_minus_1(leaving):
    """There the flag marks the last observed year, so that the probability is a period off."""
    import statsmodels.api as sm

    spec = tfp.OlleyPakes(basis_degree=1, law_degree=2, survival=True)
    _, rows = problem_of(spec, leaving.panel())
    frame = leaving.frame()
    frame["stays"] = (frame["firm"].shift(-1) == frame["firm"]).astype(float)
    risk = frame[frame["year"] < 10]
    probit = sm.Probit(risk["stays"], sm.add_constant(risk[["capital", "investment"]])).fit(disp=0)
    frame["chance"] = probit.predict(sm.add_constant(frame[["capital", "investment"]]))
    before = frame.groupby("firm")["chance"].shift()
    at_t = rows.data.shifters[-1]
    inside = before.notna().to_numpy()
    assert np.allclose(at_t[inside], before[inside], atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("survival", [False, True])
def test_weights_equal_firms_copied_with_new_names(method, survival, leaving):
    """Every stage again, probit included; no draw mixes rows of a firm with its copy's."""
    spec = method(**FEW, survival=survival)
    problem, rows = problem_of(spec, leaving.panel())
    solution = solve(problem, rows)
    weights = firm_weights(np.random.default_rng(5), 400)
    by_weights = follow(problem, rows, solution.delta, weights)
    frame = leaving.frame()
    firms = np.unique(frame["firm"])
    copies = [
        frame[frame["firm"] == firm].assign(firm=f"{firm}/{i}")
        for firm, w in zip(firms, weights, strict=True)
        for i in range(int(w))
    ]
    copied, theirs = problem_of(spec, tfp.Panel.from_frame(pd.concat(copies), **leaving.roles))
    again = solve(copied, theirs)
    assert np.allclose(by_weights, parameters(copied, again.first, again.delta), atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_controls_work_in_every_method_and_keep_their_name(method, leaving):
    """There ACF stops with an error, and WRDG ignores the control."""
    rng = np.random.default_rng(2)
    frame = leaving.frame()
    frame["water"] = rng.normal(size=len(frame))
    moved = frame.assign(output=frame["output"] + 0.3 * frame["water"])
    fit = method(**FEW, controls="water").fit(
        tfp.Panel.from_frame(moved, **leaving.roles, columns={"water": "water"})
    )
    assert abs(fit.params["water"] - 0.3) < 0.02
    base = method(**FEW, controls="water").fit(
        tfp.Panel.from_frame(frame, **leaving.roles, columns={"water": "water"})
    )
    assert fit.params["capital"] == pytest.approx(base.params["capital"], abs=1e-8)
    assert np.isfinite(fit.productivity["productivity"]).all()


def test_text_as_identifier_and_no_seed_anywhere(leaving):
    """There text stops the program, and starting values carry noise."""
    frame = leaving.frame().assign(firm=lambda d: "Cty " + d["firm"].astype(str).str.zfill(4))
    fits = [
        tfp.AckerbergCavesFrazer(**FEW).fit(tfp.Panel.from_frame(f, **leaving.roles))
        for f in (frame, frame, leaving.frame())
    ]
    for other in fits[1:]:
        assert np.array_equal(np.asarray(fits[0].params), np.asarray(other.params))


# estprod (R) --------------------------------------------------------------------------------------


def test_lags_go_by_the_calendar(leaving):
    """There years 1, 2, 4, 5 give the lags 1, 2, 3."""
    frame = pd.DataFrame({"firm": 1, "year": [1, 2, 4, 5], "y": 0.0})
    panel = tfp.Panel.from_frame(frame, entity="firm", time="year", output="y", logs=True)
    assert panel.lag().tolist() == [-1, 0, -1, 2]


def test_two_state_inputs_in_olley_pakes(leaving):
    """There it stops with non-conformable arguments."""
    rng = np.random.default_rng(3)
    frame = leaving.frame()
    frame["land"] = rng.normal(size=len(frame))
    panel = tfp.Panel.from_frame(frame, **leaving.roles, inputs={"land": "land"})
    fit = tfp.OlleyPakes(state=("capital", "land"), **FEW).fit(panel)
    assert abs(fit.params["land"]) < 4 * fit.bse["land"]


def test_bootstrap_draws_firms_and_not_years():
    """There years are drawn within firms, and errors are less than half of what they should be.

    A firm whose rows are copies of each other says as much as one row; clustering sees that.
    """
    sim = tfp.datasets.simulate.proxies(firms=150, periods=6, rng=4)
    spec = tfp.LevinsohnPetrin(**FEW)
    analytic = spec.fit(sim.panel())
    drawn = tfp.LevinsohnPetrin(**FEW, se=tfp.Bootstrap(reps=150)).fit(sim.panel(), rng=1)
    # 150 draws: 6 %; two standard errors of that around the analytic figure
    assert np.asarray(drawn.bse) == pytest.approx(np.asarray(analytic.bse), rel=0.25)


# gnrprod (R) --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_productivity_stays_with_its_row(method, leaving):
    """There results in input order are bound to sorted rows: correlation −0.004 with the truth."""
    frame = leaving.frame()
    shuffled = frame.sample(frac=1.0, random_state=7)
    out = method(**FEW).fit(tfp.Panel.from_frame(shuffled, **leaving.roles)).productivity.to_frame()
    keys = ["firm", "year"]
    assert np.array_equal(out[keys].to_numpy(), shuffled[keys].to_numpy())
    truth = frame.assign(truth=leaving.truth.productivity)
    merged = out.merge(truth[[*keys, "truth"]], on=keys)
    assert np.corrcoef(merged["productivity"], merged["truth"])[0, 1] > 0.95


# mditools (R) -------------------------------------------------------------------------------------


def test_two_free_inputs_of_degree_three(leaving):
    """There the polynomial stops with 'arguments must have the same length'."""
    rng = np.random.default_rng(6)
    frame = leaving.frame()
    skill = rng.normal(0, 0.3, len(frame))
    frame["skill"] = skill + 0.7 * np.where(frame["year"] > 1, np.roll(skill, 1), 0.0)
    panel = tfp.Panel.from_frame(frame, **leaving.roles, inputs={"skill": "skill"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tfp.IdentificationWarning)
        fit = tfp.AckerbergCavesFrazer(free=("labor", "skill")).fit(panel)
    assert list(fit.params) == ["labor", "skill", "capital"]
    assert fit.roots["kind"][0] == "root"


@pytest.mark.parametrize("design", [1, 3])
def test_the_default_is_a_root_and_on_no_bound(design):
    """There capital's coefficient is 0, on its bound, with convergence code 0."""
    sim = tfp.datasets.simulate.acf2015(design, rng=31)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = tfp.AckerbergCavesFrazer().fit(sim.panel())
    assert fit.params["capital"] == pytest.approx(0.42, abs=0.06)
    assert fit.roots["kind"][0] == "root"


# PyMarkup -----------------------------------------------------------------------------------------


def test_a_constant_in_output_moves_nothing_but_productivity(leaving):
    """There an intercept stands among the inputs and in the law: one direction is flat."""
    frame = leaving.frame()
    fits = [
        tfp.AckerbergCavesFrazer(**FEW).fit(
            tfp.Panel.from_frame(frame.assign(output=frame["output"] + c), **leaving.roles)
        )
        for c in (0.0, 9.0)
    ]
    assert np.allclose(*(np.asarray(f.params) for f in fits), atol=1e-8)
    gap = fits[1].productivity["productivity"] - fits[0].productivity["productivity"]
    assert np.allclose(gap, 9.0, atol=1e-7)


# estprod (R), gross output ------------------------------------------------------------------------


def gross_by_its_definition(frame, unit=1.0):
    """Five moments for two coefficients, unweighted; ω less the constant, its law without one."""
    from scipy.optimize import least_squares

    def before(values, periods=1):
        return values.groupby(frame["id"]).shift(periods).to_numpy()

    y, free = frame["var1"].to_numpy(), frame["var2"]
    state, proxy = frame["var3"] * unit, frame["var4"]
    powers = [state**i * proxy**j for i in range(4) for j in range(4 - i) if i + j]
    X = np.column_stack([np.ones_like(y), free, *powers])
    b = np.linalg.lstsq(X, y, rcond=None)[0]
    phi = pd.Series(X[:, 2:] @ b[2:], frame.index)
    Z = np.column_stack([before(free), before(proxy), before(proxy, 2), before(state), state])
    used = ~np.isnan(before(phi))

    def sums(beta):
        left = (y - X[:, :2] @ b[:2] - beta[0] * state - beta[1] * proxy).to_numpy()[used]
        omega = (before(phi) - beta[0] * before(state) - beta[1] * before(proxy))[used]
        e = left - omega * (omega @ left) / (omega @ omega)
        return np.nansum(Z[used] * e[:, None], axis=0)

    found = least_squares(sums, [0.0, 0.0], method="lm", xtol=1e-14, ftol=1e-14)
    return np.array([b[1], found.x[0] * unit, found.x[1]])


PEERS_OPTIMIZER = 5e-7  # it stops there


def test_gross_output_of_estprod_is_another_estimator(reference, shared_file):
    """Overidentified without weights: it is reproduced, and it depends on the unit of capital."""
    frame = pd.read_csv(shared_file("data/production/estprod_data.csv.gz"))
    frame = frame.sort_values(["id", "year"])
    peer = reference("firm_estimators")["estprod_R"]["lp_gross"]["coef"]
    wanted = np.array([peer[name] for name in ("var2", "var3", "var4")])
    assert np.abs(gross_by_its_definition(frame) - wanted).max() < PEERS_OPTIMIZER
    moved = gross_by_its_definition(frame, unit=10.0) - wanted
    assert np.abs(moved).max() > 1e-3
    ours = []
    for unit in (1.0, 10.0):
        panel = tfp.Panel.from_frame(
            frame.assign(var3=frame["var3"] * unit), entity="id", time="year", output="var1",
            logs=True, inputs={"free": "var2", "state": "var3", "materials": "var4"},
        )  # fmt: skip
        spec = tfp.LevinsohnPetrin(
            free="free", state="state", proxy="materials", proxy_is_input=True, se=None
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", tfp.TFPWarning)  # the data are random numbers
            fit = spec.fit(panel)
        ours.append([fit.params["free"], fit.params["state"] * unit, fit.params["materials"]])
    assert np.allclose(*ours, rtol=1e-8)
