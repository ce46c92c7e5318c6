"""Every group of a panel in one call: the same as separate calls, with nothing lost silently."""

from __future__ import annotations

import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.errors import DataError, DataWarning, EstimationError, IdentificationWarning

SPECS = {
    "pooled": tfp.CobbDouglas(controls="share"),
    "two_way": tfp.CobbDouglas(effects="two_way", cov="clustered"),
    "difference": tfp.CobbDouglas(effects="first_difference", returns="constant"),
    "random": tfp.CobbDouglas(effects="random", cov="clustered"),
    "translog": tfp.Translog(effects="time", cov="two_way_clustered"),
    "wooldridge": tfp.Wooldridge(controls=("time", "size")),
    "one_equation": tfp.Wooldridge(form="one_equation", degree=1),
    "gnr": tfp.GandhiNavarroRivers(revenue_share="share", share_degree=1, law_degree=1),
    "dynamic": tfp.DynamicPanel(inputs=("labor", "capital"), lags=(2, 3), time_effects=False),
}
IN_ONE_PASS = ("pooled", "two_way", "difference", "random", "translog")
CLOSE = 1e-10  # groups in one pass: other sums of the same rows; the rest to the bit
ALL = pytest.mark.parametrize("name", SPECS)
ROLES = {
    "entity": "firm",
    "time": "year",
    "output": "output",
    "labor": "labor",
    "capital": "capital",
    "materials": "materials",
    "columns": {"share": "share"},
    "groups": {"industry": "ngành", "size": "size"},
    "logs": True,
}


def by(spec, name="industry"):
    return type(spec)(**{**_options(spec), "by": name})


def _options(spec):
    return {name: getattr(spec, name) for name in spec.to_dict()["options"]}


@pytest.fixture(scope="module")
def frame():
    """Three industries, one of a single firm, a firm that moves, rows without an industry."""
    sim = tfp.datasets.simulate.gnr(
        240, 6, labor_elasticity=0.15, materials_elasticity=0.5, curvature=0.05, rng=4
    )
    frame = sim.frame()
    frame["ngành"] = np.array(["May", "Gỗ", "Dệt"])[frame["firm"].to_numpy() % 3]
    frame["size"] = np.where(frame["firm"] % 2, "lớn", "nhỏ")
    frame.loc[frame["firm"] == 1, "ngành"] = "Muối"
    frame.loc[(frame["firm"] == 2) & frame["year"].isin([3, 4]), "ngành"] = "Gỗ"  # and back
    frame.loc[frame["firm"] == 3, "ngành"] = None
    frame.loc[frame["ngành"] == "Gỗ", "size"] = "vừa"  # this level in one industry only
    frame.loc[frame["firm"] == 7, "labor"] = np.nan
    return frame.sample(frac=1.0, random_state=2).reset_index(drop=True)


def fit_groups(spec, frame, **options):
    panel = tfp.Panel.from_frame(frame, **ROLES)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fits = by(spec).fit(panel, **options)
    return fits, caught


def fit_alone(spec, frame, label):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return spec.fit(tfp.Panel.from_frame(frame[frame["ngành"] == label], **ROLES))


def same(name, left, right):
    """Equal to the bit, or to rounding where all groups are estimated in one pass."""
    left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)
    if name not in IN_ONE_PASS:
        return np.array_equal(left, right, equal_nan=True)
    size = np.nanmax(np.abs(right), initial=0.0)
    return np.allclose(left, right, rtol=CLOSE, atol=CLOSE * size, equal_nan=True)


@ALL
def test_groups_in_one_call_equal_separate_calls(name, frame):
    spec = SPECS[name]
    fits, caught = fit_groups(spec, frame)
    assert set(fits) >= {"Dệt", "Gỗ", "May"}
    joined = fits.productivity.to_frame()
    assert joined["firm"].tolist() == frame["firm"].tolist()
    assert joined["year"].tolist() == frame["year"].tolist()
    for label in fits:
        one, both = fit_alone(spec, frame, label), fits[label]
        assert type(both) is type(one)
        assert both.params.names == one.params.names
        assert same(name, both.params, one.params)
        assert same(name, both.cov_params, one.cov_params)
        if name in IN_ONE_PASS:
            assert both.details == pytest.approx(one.details, rel=CLOSE)
        else:
            assert both.details == one.details
        assert both.warnings == one.warnings
        assert both.sample.used == one.sample.used
        assert both.sample.balanced
        inside = (frame["ngành"] == label).to_numpy()
        for kind in ("productivity", "elasticities_by_row"):
            alone, here = getattr(one, kind).to_frame(), getattr(both, kind).to_frame()
            for column in getattr(one, kind).values:
                assert same(name, here.loc[inside, column], alone[column])
            outside = here.loc[~inside, list(getattr(one, kind).values)]
            assert outside.isna().all(axis=None)
        alone = one.productivity.to_frame()["productivity"].to_numpy()
        assert same(name, joined.loc[inside, "productivity"], alone)
    assert {w.filename for w in caught} <= {__file__}


@ALL
def test_every_row_is_counted(name, frame):
    fits, caught = fit_groups(SPECS[name], frame)
    sample = fits.sample
    assert sample.balanced
    assert sample.rows == len(frame)
    assert sample.lost["ngành missing"] == 6
    assert sample.used == sum(fits[label].sample.used for label in fits)
    if "Muối" in fits:  # one firm is enough for some of them
        assert len(fits.failed) == 0
        return
    assert sample.lost["group without an estimate"] == 6
    assert fits.failed["group"].tolist() == ["Muối"]
    assert fits.failed["rows"].tolist() == [6]
    assert fits.failed["firms"].tolist() == [1]
    reason = fits.failed["reason"].tolist()[0]
    failures = [w for w in caught if "no estimate" in str(w.message)]
    assert [w.category for w in failures] == [DataWarning]
    assert "1 of 4 groups" in str(failures[0].message)
    assert reason in str(failures[0].message)
    with pytest.raises(EstimationError, match="'Muối' has no estimate") as error:
        fits["Muối"]
    assert reason in error.value.message
    assert "Muối" in fits.summary()


@ALL
def test_tables_and_travel(name, frame):
    fits, _ = fit_groups(SPECS[name], frame)
    tidy, glance = fits.tidy(), fits.glance()
    assert len(tidy) == sum(len(fits[label].params) for label in fits)
    assert glance["group"].tolist() == list(fits)
    assert glance["rows"].tolist() == [fits[label].sample.used for label in fits]
    at = tidy.to_frame().set_index(["group", "term"])
    for label in fits:
        own = fits[label].tidy().to_frame().set_index("term")
        for column in ("estimate", "std_error", "lower", "upper"):
            assert np.array_equal(at.loc[label, column], own[column], equal_nan=True)
    json.dumps(fits.to_dict())
    again = pickle.loads(pickle.dumps(fits))
    assert np.array_equal(again.tidy()["estimate"], tidy["estimate"])
    spec = by(SPECS[name])
    assert tfp.spec_from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert SPECS[name].by is None


def test_a_change_across_groups_is_no_change(frame):
    """Firm 2 is in one industry for years 1, 2, 5 and 6: two changes there, not three."""
    fits, _ = fit_groups(SPECS["difference"], frame)
    moved = fits.row_values("effects").to_frame().query("firm == 2").sort_values("year")
    years = moved["year"].tolist()
    known = moved["residual"].notna().tolist()
    industry = frame.query("firm == 2").sort_values("year")["ngành"].tolist()
    expected = [
        i > 0 and industry[i] == industry[i - 1] and years[i] == years[i - 1] + 1 for i in range(6)
    ]
    assert 0 < sum(expected) < 5
    assert known == expected


def test_bootstraps_have_a_seed_per_group_and_progress(frame):
    spec = tfp.Wooldridge(se=tfp.Bootstrap(reps=4))
    frame = frame[frame["ngành"].isin(["Dệt", "May"])]
    seen = []
    a, _ = fit_groups(spec, frame, rng=3, on_progress=lambda done, of: seen.append((done, of)))
    b, _ = fit_groups(spec, frame, rng=3)
    c, _ = fit_groups(spec, frame, rng=4)
    assert seen == [(1, 2), (2, 2)]
    assert np.array_equal(a.tidy()["std_error"], b.tidy()["std_error"])
    assert not np.array_equal(a.tidy()["std_error"], c.tidy()["std_error"])
    assert a.record.seed == 3


def test_roots_of_all_groups(frame):
    fits, _ = fit_groups(SPECS["gnr"], frame)
    roots = fits.stacked("roots").to_frame()
    for label in fits:
        assert len(roots[roots["group"] == label]) == len(fits[label].roots)


def test_what_is_said_of_several_groups_is_said_once():
    sim = tfp.datasets.simulate.acf2015(design=1, firms=120, measurement_error=0.0, rng=2)
    table = sim.frame()
    table["industry"] = np.where(table["firm"] % 2, "A", "B")
    panel = tfp.Panel.from_frame(table, **{**sim.roles, "groups": {"industry": "industry"}})
    with pytest.warns(IdentificationWarning) as caught:
        fits = tfp.Wooldridge(by="industry").fit(panel)
    assert [str(w.message) for w in caught] == list(fits.warnings)
    assert len(fits.warnings) == 1
    assert fits.warnings[0].startswith("in 2 of 2 groups, first 'A': ")
    assert fits.warnings[0].endswith(fits["A"].warnings[0])


def test_a_share_that_is_none_in_one_group_spares_the_others(frame):
    bad = frame.copy()
    bad.loc[bad["ngành"] == "May", "share"] += 5.0
    fits, _ = fit_groups(SPECS["gnr"], bad)
    failed = dict(zip(fits.failed["group"], fits.failed["code"], strict=True))
    assert failed["May"] == "not_a_share"
    assert {"Dệt", "Gỗ"} <= set(fits)
    assert fits.sample.balanced


@ALL
def test_bad_input_is_refused(name, frame):
    panel = tfp.Panel.from_frame(frame, **ROLES)
    with pytest.raises(DataError, match="no grouping 'nganh'"):
        by(SPECS[name], "nganh").fit(panel)
    twice = pd.concat([frame, frame.iloc[[0]].assign(ngành="Gỗ")], ignore_index=True)
    with pytest.raises(DataError) as error:
        by(SPECS[name]).fit(tfp.Panel.from_frame(twice, **ROLES))
    assert error.value.code == "duplicate_key"
    infinite = frame.copy()
    infinite.loc[frame["ngành"] == "Dệt", "capital"] = np.inf
    with pytest.raises(DataError) as error:
        fit_groups(SPECS[name], infinite)
    assert error.value.code == "non_finite"
    none = frame.assign(ngành=None)
    with pytest.raises(EstimationError, match="no row has a group"):
        by(SPECS[name]).fit(tfp.Panel.from_frame(none, **ROLES))
    tiny = frame[frame["firm"].isin([1, 2]) & (frame["year"] < 2)]
    with pytest.raises(EstimationError, match="no group has an estimate") as error:
        fit_groups(SPECS[name], tiny)
    assert error.value.column == "industry"


def test_groups_without_a_usable_row_are_reported(frame):
    empty = frame.copy()
    empty.loc[empty["ngành"] == "Gỗ", "capital"] = np.nan
    fits, _ = fit_groups(SPECS["two_way"], empty)
    failed = dict(zip(fits.failed["group"], fits.failed["code"], strict=True))
    assert failed["Gỗ"] == "no_rows"
    assert fits.sample.balanced


def test_other_frame_libraries(frame):
    pl = pytest.importorskip("polars")
    panel = tfp.Panel.from_frame(pl.from_pandas(frame), **ROLES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits = by(SPECS["two_way"]).fit(panel)
    out = fits.productivity.to_frame()
    assert isinstance(out, pl.DataFrame)
    assert out["firm"].to_list() == frame["firm"].tolist()


def test_what_no_group_uses_may_be_no_number(frame):
    """An infinite input in a row without a group: nothing reads it."""
    odd = frame.copy()
    odd.loc[odd["ngành"].isna(), "capital"] = np.inf
    one, _ = fit_groups(SPECS["two_way"], frame)
    two, _ = fit_groups(SPECS["two_way"], odd)
    assert list(one) == list(two)
    for label in one:
        assert same("two_way", one[label].params, two[label].params)


def test_large_groups_are_fitted_on_their_own(frame, monkeypatch):
    from tfp_index.production import _least_squares_segments as segments

    together, _ = fit_groups(SPECS["translog"], frame)
    monkeypatch.setattr(segments, "LARGE", 400)  # two of the three groups have more rows
    apart, _ = fit_groups(SPECS["translog"], frame)
    assert list(together) == list(apart)
    for label in apart:
        assert same("translog", apart[label].params, together[label].params)
        assert apart[label].sample == together[label].sample
    values = apart.productivity["productivity"], together.productivity["productivity"]
    assert same("translog", *values)


def test_results_made_on_demand_are_like_any_other(frame):
    fits, _ = fit_groups(SPECS["pooled"], frame)
    first, *others = fits.fits
    assert len(fits.fits) == 1 + len(others) == len(fits)
    assert len(fits.fits[:2]) == 2
    assert fits.fits[-1].params.names == first.params.names
    assert len(first.productivity.to_frame()) == first.sample.rows
    assert first.summary()
    assert "np." not in "".join(fits.warnings) + fits.summary()
    with pytest.raises(IndexError):
        fits.fits[len(fits)]
