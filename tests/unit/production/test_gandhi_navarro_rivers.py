from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest

import tfp_index as tfp
from tfp_index.errors import (
    ConvergenceWarning,
    DataError,
    EstimationError,
    IdentificationWarning,
    SpecificationError,
)
from tfp_index.production import _gnr_errors as errors
from tfp_index.production import _gnr_estimate as numbers

SPEC = tfp.GandhiNavarroRivers(revenue_share="share", share_degree=1, law_degree=1)


def _simulated(firms=400, periods=6, seed=1, **options):
    defaults = {"labor_elasticity": 0.15, "materials_elasticity": 0.5}
    return tfp.datasets.simulate.gnr(firms, periods, rng=seed, **{**defaults, **options})


def test_the_truth_is_recovered_row_by_row():
    sim = _simulated(3_000, 8, curvature=0.05)
    spec = tfp.GandhiNavarroRivers(
        revenue_share="share", share_degree=1, constant_degree=2, law_degree=1
    )
    fit = spec.fit(sim.panel())
    for name, truth in sim.truth.elasticities.items():
        assert abs(fit.params[name] - truth) < 4 * fit.bse[name]
        rows = fit.elasticities_by_row[name]
        assert np.abs(rows - sim.truth.by_row[name]).mean() < 0.03
    assert (
        np.corrcoef(fit.elasticities_by_row["materials"], sim.truth.by_row["materials"])[0, 1]
        > 0.99
    )
    omega = fit.productivity["productivity"]
    assert np.corrcoef(omega, sim.truth.productivity)[0, 1] > 0.99
    error = fit.productivity["productivity_with_error"] - omega
    assert error.var() == pytest.approx(0.07, rel=0.05)
    assert fit.details["persistence"] == pytest.approx(0.8, abs=0.03)
    assert fit.returns_to_scale.value == pytest.approx(0.9, abs=0.04)


def test_one_fixed_input():
    sim = tfp.datasets.simulate.gnr(2_000, 8, rng=1)
    spec = tfp.GandhiNavarroRivers(
        fixed="capital", revenue_share="share", share_degree=1, law_degree=1
    )
    fit = spec.fit(sim.panel())
    for name, truth in (("capital", 0.25), ("materials", 0.65)):
        assert abs(fit.params[name] - truth) < 4 * fit.bse[name]


def test_three_fixed_inputs():
    sim = _simulated(3_000, 6)
    frame = sim.frame()
    rng = np.random.default_rng(1)
    energy = rng.normal(size=len(frame)) + 0.3 * frame["capital"]
    frame["energy"] = energy
    # output rises by 0.1 energy; materials follow one for one and raise it by half of that again
    frame["output"] += 0.2 * energy
    frame["materials"] += 0.2 * energy
    panel = tfp.Panel.from_frame(frame, **{**sim.roles, "inputs": {"energy": "energy"}})
    spec = tfp.GandhiNavarroRivers(
        fixed=("labor", "capital", "energy"), revenue_share="share", share_degree=1, law_degree=1
    )
    fit = spec.fit(panel)
    assert abs(fit.params["energy"] - 0.1) < 4 * fit.bse["energy"]
    assert abs(fit.params["labor"] - 0.15) < 4 * fit.bse["labor"]


def test_the_three_corrections_and_what_they_assume():
    aware, unaware = (_simulated(2_000, 6, expected_shock=e) for e in (True, False))
    fits = {
        c: tfp.GandhiNavarroRivers(
            revenue_share="share", share_degree=1, law_degree=1, correction=c
        )
        for c in ("everywhere", "elasticity", "none")
    }
    everywhere = fits["everywhere"].fit(aware.panel())
    none = fits["none"].fit(unaware.panel())
    for fit in (everywhere, none):
        assert fit.params["materials"] == pytest.approx(0.5, abs=0.005)
        assert abs(fit.params["capital"] - 0.25) < 4 * fit.bse["capital"]
    half = fits["elasticity"].fit(aware.panel())
    assert half.params["materials"] == everywhere.params["materials"]
    assert half.params["capital"] != everywhere.params["capital"]
    assert everywhere.mean_exp_error == pytest.approx(np.exp(0.035), rel=0.01)
    # dividing where firms do not count on the error is off by exactly that factor
    wrong = fits["everywhere"].fit(unaware.panel())
    assert wrong.params["materials"] == pytest.approx(
        none.params["materials"] / none.mean_exp_error, rel=1e-12
    )


@pytest.mark.parametrize("correction", ["everywhere", "elasticity", "none"])
@pytest.mark.parametrize("degree", [1, 2])
def test_the_influence_of_a_firm_is_its_derivative(correction, degree):
    """The covariance rests on this: weights of one firm moved, everything estimated again."""
    panel = _simulated(120, 6, curvature=0.04).panel()
    spec = tfp.GandhiNavarroRivers(
        revenue_share="share", share_degree=degree, law_degree=3, correction=correction
    )
    arrays, _ = spec._arrays(panel)
    first = numbers.stage(arrays)
    points, terms = numbers.find_points(arrays, first, 32)
    alpha = points.alpha[points.choice.index]
    given = (first, terms, alpha, points)
    sums = errors.add_error_sums(numbers.walk(arrays, lambda part: errors.error_sums(part, *given)))
    records = numbers.walk(arrays, lambda part: errors.firm_sums(part, *given))
    psi = np.concatenate(records) @ errors.influence_map(arrays, *given, sums)
    for firm in (0, 17, 119):
        changes = []
        for sign in (1, -1):
            weights = np.ones(arrays.firms)
            weights[firm] += sign * 1e-4
            changes.append(numbers.repeat(arrays, first, terms, alpha, weights))
        slope = (changes[0] - changes[1]) / 2e-4
        np.testing.assert_allclose(psi[firm], slope, rtol=2e-5, atol=1e-8)
    V = spec.fit(panel).cov_params
    np.testing.assert_allclose(V, psi.T @ psi, rtol=1e-9)


@pytest.mark.parametrize("degree", [1, 3])
def test_the_size_of_blocks_changes_nothing(monkeypatch, degree):
    panel = _simulated(300, 6, curvature=0.04).panel()
    spec = tfp.GandhiNavarroRivers(revenue_share="share", share_degree=degree)
    whole = spec.fit(panel)
    monkeypatch.setattr(numbers, "BLOCK", 20)  # three firms
    parts = spec.fit(panel)
    np.testing.assert_allclose(np.asarray(parts.params), np.asarray(whole.params), rtol=1e-10)
    np.testing.assert_allclose(parts.cov_params, whole.cov_params, rtol=1e-8)
    for table in ("productivity", "elasticities_by_row", "fitted"):
        for name, values in getattr(whole, table).values.items():
            np.testing.assert_allclose(getattr(parts, table)[name], values, atol=1e-9)


def test_blocks_without_pairs_and_without_drawn_firms(monkeypatch):
    sim = _simulated(90, 5)
    frame = sim.frame()
    frame = frame[(frame["firm"] % 3 == 0) | (frame["year"] == 2)]  # most firms have one row
    panel = tfp.Panel.from_frame(frame, **sim.roles)
    drawn = dataclasses.replace(SPEC, se=tfp.Bootstrap(reps=4))
    whole = SPEC.fit(panel), drawn.fit(panel, rng=1)
    monkeypatch.setattr(numbers, "BLOCK", 1)
    parts = SPEC.fit(panel), drawn.fit(panel, rng=1)
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_allclose(one.cov_params, other.cov_params, rtol=1e-9)


def test_bootstrap_errors_are_near_the_analytic_ones_for_any_number_of_workers():
    panel = _simulated(1_000, 6).panel()
    analytic = np.asarray(SPEC.fit(panel).bse)
    spec = tfp.GandhiNavarroRivers(
        revenue_share="share", share_degree=1, law_degree=1, se=tfp.Bootstrap(reps=150)
    )
    boot = spec.fit(panel, rng=7)
    # 150 draws: 6 % per sd
    np.testing.assert_allclose(np.asarray(boot.bse), analytic, rtol=0.2)
    two = tfp.GandhiNavarroRivers(
        revenue_share="share", share_degree=1, law_degree=1, se=tfp.Bootstrap(reps=150, workers=2)
    )
    assert np.array_equal(two.fit(panel, rng=7).cov_params, boot.cov_params)
    assert boot.record.seed == 7
    assert boot.draws.values.shape == (150, 3)


def test_drawing_a_firm_twice_is_having_it_twice():
    panel = _simulated(200, 5).panel()
    arrays, _ = SPEC._arrays(panel)
    first = numbers.stage(arrays)
    points, terms = numbers.find_points(arrays, first, 16)
    weights = np.random.default_rng(0).multinomial(200, np.full(200, 1 / 200)).astype(float)
    by_weight = numbers.repeat(arrays, first, terms, points.alpha[points.choice.index], weights)
    frame = _simulated(200, 5).frame()
    parts = []
    for firm, count in enumerate(weights.astype(int), start=1):
        own = frame[frame["firm"] == firm]
        parts += [own.assign(firm=firm * 1000 + copy) for copy in range(count)]
    import pandas as pd

    sim = _simulated(200, 5)
    copied = SPEC.fit(tfp.Panel.from_frame(pd.concat(parts), **sim.roles))
    # location and spread are those of other rows, which degree 1 does not feel
    np.testing.assert_allclose(by_weight, np.asarray(copied.params), atol=1e-8)


def test_string_names_row_order_and_gaps():
    sim = _simulated(300, 6)
    frame = sim.frame()
    frame = frame.drop(frame.index[(frame["year"] == 3) & (frame["firm"] % 3 == 0)])
    plain = SPEC.fit(tfp.Panel.from_frame(frame, **sim.roles))
    assert plain.details["pairs"] == 300 * 5 - 2 * 100
    moved = frame.sample(frac=1.0, random_state=1)
    moved["firm"] = "DN" + moved["firm"].astype(str).str.zfill(4)
    other = SPEC.fit(tfp.Panel.from_frame(moved, **sim.roles))
    np.testing.assert_allclose(np.asarray(other.params), np.asarray(plain.params), atol=1e-10)
    merged = other.productivity.to_frame()
    assert np.array_equal(merged["firm"].to_numpy(), moved["firm"].to_numpy())
    expected = plain.productivity.to_frame().loc[moved.reset_index().index]
    assert len(expected) == len(merged)


def test_a_level_share_and_a_log_share_say_the_same():
    sim = _simulated(300, 5)
    frame = sim.frame()
    frame["level"] = np.exp(frame["share"])
    roles = {**sim.roles, "columns": {"materials_share": "level"}}
    level = tfp.GandhiNavarroRivers(share_degree=1, law_degree=1).fit(
        tfp.Panel.from_frame(frame, **roles)
    )
    log = SPEC.fit(sim.panel())
    np.testing.assert_allclose(np.asarray(level.params), np.asarray(log.params), atol=1e-10)


def test_roots_are_listed_and_can_be_chosen():
    panel = _simulated(120, 6, 0, curvature=0.05).panel()
    spec = tfp.GandhiNavarroRivers(revenue_share="share", share_degree=2)
    fit = spec.fit(panel)
    table = fit.roots
    assert table["chosen"].tolist() == [True] + [False] * (len(table) - 1)
    assert table["kind"][0] == "root"
    assert table["labor"][0] == pytest.approx(fit.params["labor"])
    assert table["returns_to_scale"][0] == pytest.approx(fit.returns_to_scale.value)
    assert len(table) > 1
    assert table["kind"][1] != "root"
    with pytest.warns(ConvergenceWarning, match="no solution"):
        other = tfp.GandhiNavarroRivers(revenue_share="share", share_degree=2, root=1).fit(panel)
    assert other.params["labor"] == pytest.approx(table["labor"][1])
    assert np.isnan(np.asarray(other.bse)).all()
    near = tfp.GandhiNavarroRivers(
        revenue_share="share", share_degree=2, root={"labor": float(table["labor"][0])}
    ).fit(panel)
    assert np.array_equal(np.asarray(near.params), np.asarray(fit.params))
    with pytest.raises(EstimationError, match="found"):
        tfp.GandhiNavarroRivers(revenue_share="share", share_degree=2, root=99).fit(panel)


def test_of_several_roots_the_admissible_and_most_persistent_is_taken():
    panel = _simulated(60, 5, 3, curvature=0.05).panel()
    spec = tfp.GandhiNavarroRivers(revenue_share="share", share_degree=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentificationWarning)  # rivals, with so few firms
        table = spec.fit(panel).roots
    roots = [row for row in table.rows() if row["kind"] == "root"]
    assert len(roots) > 1
    pool = [row for row in roots if row["admissible"]] or roots
    assert roots[0]["persistence"] == max(row["persistence"] for row in pool)


def test_rivals_are_called_admissible_only_when_they_are():
    from tfp_index.kernels.roots import choose_root
    from tfp_index.production._gnr_estimate import find_points, stage

    spec = tfp.GandhiNavarroRivers(revenue_share="share", share_degree=3)
    arrays, _ = spec._arrays(_simulated(60, 5, 3, curvature=0.05).panel())
    points, _ = find_points(arrays, stage(arrays), spec.starts)
    for some, words in ((True, "roots are admissible and alike"), (False, "none of them admiss")):
        ok = points.is_root & some
        choice = choose_root(points.is_root, ok, points.persistence, points.values, close=2.0)
        changed = dataclasses.replace(points, admissible=ok, choice=choice)
        texts = [
            text for _, text in spec._notices(arrays, changed, None) if "do not choose" in text
        ]
        assert len(texts) == 1
        assert words in texts[0]


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        (lambda f: f.assign(share=-f["share"]), DataError, "not_a_share"),
        (lambda f: f.assign(labor=f["capital"] * 2 + 1), EstimationError, "collinear"),
        (lambda f: f.assign(labor=1.0), EstimationError, "collinear"),
        (lambda f: f[f["year"] == 2], EstimationError, "no_consecutive_rows"),
        (lambda f: f[f["year"] % 2 == 0], EstimationError, "no_consecutive_rows"),
        (lambda f: f[f["firm"] <= 1].head(2), EstimationError, "too_few_rows"),
        (lambda f: f.assign(share=-np.inf), DataError, "non_finite"),
    ],
)
def test_bad_data_are_refused(change, error, code):
    sim = _simulated(30, 5)
    with pytest.raises(error) as caught:
        SPEC.fit(tfp.Panel.from_frame(change(sim.frame()), **sim.roles))
    assert caught.value.code == code


def test_a_level_share_must_be_positive():
    sim = _simulated(30, 5)
    frame = sim.frame().assign(level=0.0)
    roles = {**sim.roles, "columns": {"materials_share": "level"}}
    with pytest.raises(DataError, match="above zero") as caught:
        tfp.GandhiNavarroRivers(share_degree=1).fit(tfp.Panel.from_frame(frame, **roles))
    assert caught.value.column == "level"


@pytest.mark.parametrize(
    "options",
    [
        {"fixed": ()},
        {"fixed": ("materials",)},
        {"fixed": ("labor", "labor")},
        {"share_degree": 0},
        {"law_degree": 2.5},
        {"correction": "half"},
        {"root": -1},
        {"starts": 0},
        {"se": "iid"},
    ],
)
def test_bad_options_are_refused(options):
    with pytest.raises(SpecificationError):
        tfp.GandhiNavarroRivers(**options)


def test_results_travel_and_show_themselves():
    fit = SPEC.fit(_simulated(100, 5).panel())
    document = fit.to_dict()
    assert document["share"]["columns"]["term"][0] == "constant"
    assert document["roots"]["columns"]["kind"][0] == "root"
    assert "choice" in fit.summary()
    assert tfp.spec_from_dict(SPEC.to_dict()) == SPEC


@pytest.mark.slow
def test_intervals_cover_the_truth():
    # binomial sd of 200 samples at 95 %: 1.5 points
    hits = np.zeros(3)
    names = ("labor", "capital", "materials")
    for seed in range(200):
        sim = _simulated(400, 8, seed)
        fit = SPEC.fit(sim.panel())
        truth = np.array([sim.truth.elasticities[n] for n in names])
        hits += np.abs(np.asarray(fit.params) - truth) < 1.96 * np.asarray(fit.bse)
    assert (np.abs(hits / 200 - 0.95) < 0.055).all()
