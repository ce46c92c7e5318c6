"""Levers: each effect worked out again elsewhere, what is refused, what is said, what is public."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.criteria.lever_data import COLUMNS, panel_of, province
from tfp_index.language import language

AGAIN = 1e-10
"""The demand: an effect recomputed on the altered data by independent code."""

ALL = (
    "laggards_p25", "laggards_p50", "frontier", "misallocation", "practice:iso9001", "entry",
    "exit",
)  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return province()


@pytest.fixture(scope="module")
def levers(data):
    spec = tfp.Levers(by=("industry", "district"), practices="iso9001")
    return spec.fit(panel_of(*data), productivity="tfp")


def total(levers, lever: str) -> float:
    return float(levers.tidy().where(lever=lever, by="")["points"][0])


def aggregate(panel, productivity, weight: str) -> float:
    found = tfp.Aggregation(weight=weight).fit(panel, productivity=productivity).tidy()
    return float(found["productivity"][-1])


def test_every_lever_is_there(levers):
    assert set(levers.names) == set(ALL)
    table = levers.tidy()
    assert np.isfinite(table["points"]).all()
    assert (table["low"] <= table["points"]).all()
    assert (table["points"] <= table["high"]).all()
    assert set(table["by"]) == {"", "industry", "district"}


@pytest.mark.parametrize("lever", ALL)
def test_the_effect_is_that_of_the_altered_data(levers, data, lever):
    frame, roles = data
    last = frame[frame["year"] == frame["year"].max()]
    altered = levers.counterfactual(lever).to_frame()
    altered = altered[["enterprise", "year", "productivity", "weight", "points"]]
    joined = last.merge(altered, on=["enterprise", "year"], validate="one_to_one")
    columns = {**COLUMNS, "after": "productivity", "after_weight": "weight"}
    panel = panel_of(joined, roles, columns=columns)
    before = aggregate(panel, "tfp", "value_added")
    after = aggregate(panel, "after", "after_weight")
    assert 100.0 * (after - before) == pytest.approx(total(levers, lever), abs=AGAIN)
    assert joined["points"].sum() == pytest.approx(total(levers, lever), abs=AGAIN)


def test_row_values_of_a_lever_are_a_productivity(levers, data):
    panel = panel_of(*data)
    after = aggregate(panel, levers.counterfactual("frontier"), "value_added")
    before = aggregate(panel, "tfp", "value_added")
    assert 100.0 * (after - before) == pytest.approx(total(levers, "frontier"), abs=AGAIN)


def test_misallocation_is_that_of_the_model_solved_on_the_altered_inputs(levers, data):
    frame, roles = data
    altered = levers.counterfactual("misallocation").to_frame()
    altered = altered.rename(columns={n: f"new_{n}" for n in ("value_added", "labor_cost",
                                                              "capital")})  # fmt: skip
    joined = frame.merge(altered, on=["enterprise", "year"]).dropna(subset=["new_capital"])
    whole = tfp.HsiehKlenow().fit(panel_of(frame, roles)).by_industry(0.0)
    last = whole.where(year=joined["year"].iloc[0])
    labor_share = {
        str(i): 1.0 - a for i, a in zip(last["industry"], last["capital_share"], strict=True)
    }
    found = []
    for prefix in ("", "new_"):
        names = {n: f"{prefix}{n}" for n in ("value_added", "labor_cost", "capital")}
        panel = tfp.Panel.from_frame(
            joined, entity="enterprise", time="year", capital=names["capital"],
            value_added=names["value_added"], groups={"industry": "industry"},
            columns={"labor_cost": names["labor_cost"]},
        )  # fmt: skip
        model = tfp.HsiehKlenow(labor_share=labor_share, trim=(0.0,))
        found.append(model.fit(panel).by_industry())
    gain = found[1]["log_tfp"] - found[0]["log_tfp"]
    period = frame[frame["year"] == joined["year"].iloc[0]]
    weight = joined.groupby("industry")["value_added"].sum() / period["value_added"].sum()
    points = 100.0 * (weight.loc[found[0]["industry"]].to_numpy() * gain).sum()
    assert points == pytest.approx(total(levers, "misallocation"), abs=1e-9)  # logs of sums


def test_pandas_gives_the_laggards(levers, data):
    frame, _ = data
    last = frame[frame["year"] == frame["year"].max()]

    def quartile(x):
        return np.quantile(x, 0.25, method="averaged_inverted_cdf")

    target = last.groupby("industry")["tfp"].transform(quartile)
    lift = (target - last["tfp"]).clip(lower=0) * last["value_added"] / last["value_added"].sum()
    assert 100 * lift.sum() == pytest.approx(total(levers, "laggards_p25"), abs=AGAIN)
    table = levers.tidy().where(lever="laggards_p25", by="district")
    expected = 100 * lift.groupby(last["district"]).sum()
    got = pd.Series(table["points"], table["group"])
    assert got.sort_index().to_numpy() == pytest.approx(expected.sort_index().to_numpy(), abs=AGAIN)


@pytest.mark.parametrize("by", ["industry", "district"])
@pytest.mark.parametrize("lever", ALL)
def test_groups_add_up_to_the_total(levers, lever, by):
    groups = levers.tidy().where(lever=lever, by=by)
    assert groups["points"].sum() == pytest.approx(total(levers, lever), abs=AGAIN)
    assert groups["share"].sum() == pytest.approx(1.0)
    assert groups["of"].sum() == levers.sample.used


def test_levers_together_give_less_than_their_sum(levers):
    table = levers.together("laggards_p25", "frontier", "entry")
    points = dict(zip(table["lever"], table["points"], strict=True))
    assert points["sum"] > points["together"] > max(points["laggards_p25"], points["frontier"])
    assert points["counted twice"] == pytest.approx(points["sum"] - points["together"])
    with pytest.raises(tfp.SpecificationError, match="one by one"):
        levers.together("laggards_p25", "exit")
    with pytest.raises(tfp.SpecificationError, match="nothing to take together"):
        levers.together("frontier")


def test_the_ranking_goes_from_the_largest_down(levers):
    table = levers.ranking()
    assert (np.diff(table["points"]) <= 0).all()
    assert table["rank"].tolist() == list(range(1, len(ALL) + 1))
    assert tuple(table["lever"]) == levers.names
    assert levers.glance()["largest"][0] == table["lever"][0]


def test_the_association_is_found_and_called_one(levers):
    row = levers.associations().rows()[0]
    assert abs(row["coefficient"] - 0.05) < 4 * row["standard_error"]
    kinds = dict(zip(levers.tidy()["lever"], levers.tidy()["kind"], strict=True))
    assert kinds.pop("practice:iso9001") == "association"
    assert set(kinds.values()) == {"counterfactual"}


def test_the_bootstrap_agrees_with_the_influences(data):
    spec = tfp.Levers(by="industry", practices="iso9001", se=tfp.Bootstrap(reps=300))
    boot = spec.fit(panel_of(*data), productivity="tfp", rng=5)
    analytic = dataclasses.replace(spec, se="analytic").fit(panel_of(*data), productivity="tfp")
    assert boot.record.seed == 5
    # the same sums, in whatever order the linear algebra takes them
    points = analytic.tidy()["points"]
    np.testing.assert_allclose(boot.tidy()["points"], points, rtol=1e-12, atol=1e-12)
    ratio = boot.ranking()["standard_error"] / analytic.ranking()["standard_error"]
    assert ((ratio > 0.75) & (ratio < 1.35)).all()


def test_practices_may_be_groupings(data):
    frame, roles = data
    frame = frame.assign(có_iso=np.where(frame["iso9001"] > 0, "có", "không"))
    groups = {**roles["groups"], "có_iso": "có_iso", "iso": "iso9001"}
    panel = panel_of(frame, roles, groups=groups)
    only = {"levers": ("practices",)}
    one = tfp.Levers(practices={"có_iso": "có"}, **only).fit(panel, "tfp")
    two = tfp.Levers(practices=("iso9001",), **only).fit(panel, "tfp")
    three = tfp.Levers(practices=("iso",), **only).fit(panel, "tfp")
    assert total(one, "practice:có_iso") == total(two, "practice:iso9001")
    assert total(one, "practice:có_iso") == total(three, "practice:iso")
    with pytest.raises(tfp.DataError, match="label"):
        tfp.Levers(practices=("có_iso",), **only).fit(panel, "tfp")
    with pytest.raises(tfp.DataError, match="không rõ"):
        tfp.Levers(practices={"có_iso": "không rõ"}, **only).fit(panel, "tfp")
    with pytest.raises(tfp.DataError) as error:
        tfp.Levers(practices=("labor_cost",), **only).fit(panel, "tfp")
    assert error.value.code == "not_a_practice"
    assert error.value.entity is not None


def test_unknown_practices_are_left_out_of_the_regression_and_not_raised(data):
    frame, roles = data
    frame = frame.copy()
    frame.loc[::5, "iso9001"] = np.nan
    fit = tfp.Levers(levers="practices", practices="iso9001").fit(panel_of(frame, roles), "tfp")
    last = frame[frame["year"] == frame["year"].max()]
    row = fit.tidy().where(by="").rows()[0]
    assert row["enterprises"] == (last["iso9001"] == 0).sum()
    assert fit.associations()["rows"][0] == frame["iso9001"].notna().sum()


def test_a_practice_that_nobody_has_has_a_reason(data):
    frame, roles = data
    fit = tfp.Levers(levers="practices", practices="iso9001").fit(
        panel_of(frame.assign(iso9001=0.0), roles), "tfp"
    )
    row = fit.tidy().rows()[0]
    assert row["points"] is None
    assert "fewer than 10 enterprises" in row["reason"]
    assert "Lý do" in fit.explain("practice:iso9001")
    with pytest.raises(tfp.SpecificationError, match="fewer than 10"):
        fit.counterfactual("practice:iso9001")
    with pytest.raises(tfp.SpecificationError, match="no lever has an effect"):
        fit.cells()


def test_a_panel_without_wages_says_so(data):
    frame, roles = data
    panel = tfp.Panel.from_frame(frame, **{**roles, "columns": {"tfp": "tfp"}})
    fit = tfp.Levers().fit(panel, "tfp")
    row = fit.tidy().where(lever="misallocation").rows()[0]
    assert row["points"] is None
    assert "labor_cost" in row["reason"]
    with pytest.raises(tfp.DataError, match="labor_cost"):
        tfp.Levers(hsieh_klenow=tfp.HsiehKlenow(trim=(0.01,))).fit(panel, "tfp")


def test_the_first_period_has_no_entrants(data):
    fit = tfp.Levers(period=2015).fit(panel_of(*data), "tfp")
    row = fit.tidy().where(lever="entry").rows()[0]
    assert row["points"] is None
    assert "first period" in row["reason"]
    assert fit.names[-1] == "entry"


def test_several_periods_stand_side_by_side(data):
    panel = panel_of(*data)
    fit = tfp.Levers(period=(2016, 2018), by="industry").fit(panel, "tfp")
    assert fit.periods == (2016, 2018)
    for year in (2016, 2018):
        alone = tfp.Levers(period=year, by="industry").fit(panel, "tfp")
        np.testing.assert_allclose(
            fit.tidy().where(year=year)["points"], alone.tidy()["points"], rtol=1e-12
        )
        assert str(year) in fit.explain("frontier", "en", period=year)
    lost = fit.sample.lost
    assert lost["not of a period asked for"] == panel.n_rows - fit.sample.used
    with pytest.raises(tfp.SpecificationError):
        fit.explain("frontier", period=2017)
    with pytest.raises(tfp.DataError, match="2030"):
        tfp.Levers(period=2030).fit(panel, "tfp")


# --- data as they come ---------------------------------------------------------------------------


def test_missing_numbers_are_counted(data):
    frame, roles = data
    frame = frame.copy()
    last = frame.index[frame["year"] == frame["year"].max()]
    frame.loc[last[:7], "tfp"] = np.nan
    frame.loc[last[5:9], "value_added"] = np.nan
    fit = tfp.Levers(levers="laggards").fit(panel_of(frame, roles), "tfp")
    assert fit.sample.lost["tfp missing"] == 7
    assert fit.sample.lost["weight missing"] == 2
    assert fit.sample.balanced


def test_negative_value_added_is_refused_or_left_out(data):
    frame, roles = data
    frame = frame.copy()
    last = frame.index[frame["year"] == frame["year"].max()]
    frame.loc[last[:3], "value_added"] = -1.0
    with pytest.raises(tfp.DataError, match="negative") as error:
        tfp.Levers(levers="laggards").fit(panel_of(frame, roles), "tfp")
    assert "leave_out" in str(error.value)
    spec = tfp.Levers(levers="laggards", negative_weight="leave_out")
    fit = spec.fit(panel_of(frame, roles), "tfp")
    assert fit.sample.lost["value_added negative"] == 3
    assert fit.sample.balanced
    without = frame.drop(index=last[:3])
    assert total(fit, "laggards_p25") == pytest.approx(
        total(spec.fit(panel_of(without, roles), "tfp"), "laggards_p25"), rel=1e-12
    )


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinities_are_refused(data, value):
    frame, roles = data
    for column in ("tfp", "value_added"):
        with pytest.raises(tfp.DataError) as error:
            tfp.Levers().fit(panel_of(frame.assign(**{column: value}), roles), "tfp")
        assert error.value.entity is not None


def test_zero_weights_count_as_enterprises_but_have_no_effect(data):
    frame, roles = data
    zero = frame.assign(value_added=np.where(frame.index % 3 == 0, 0.0, frame["value_added"]))
    spec = tfp.Levers(levers=("laggards", "frontier", "exit", "entry"), by="industry")
    fit = spec.fit(panel_of(zero, roles), "tfp")
    rows = fit.counterfactual("laggards_p25").to_frame()
    assert (rows["points"][rows["weight"] == 0.0] == 0.0).all()
    assert np.isfinite(fit.tidy()["standard_error"]).all()
    with pytest.raises(tfp.DataError, match="weight above zero"):
        spec.fit(panel_of(frame.assign(value_added=0.0), roles), "tfp")


def test_enterprises_without_industry_and_small_industries_keep_what_they_have(data):
    frame, roles = data
    frame = frame.copy()
    last = (frame["year"] == frame["year"].max()).to_numpy()
    places = np.flatnonzero(last)
    frame.loc[frame.index[places[:11]], "industry"] = None
    frame.loc[frame.index[places[11:15]], "industry"] = "Z"
    fit = tfp.Levers(levers="laggards", by="industry").fit(panel_of(frame, roles), "tfp")
    table = fit.tidy().where(lever="laggards_p25", by="industry")
    points = dict(zip(table["group"], table["points"], strict=True))
    assert points["(missing)"] == 0.0
    assert points["Z"] == 0.0
    assert fit.sample.notes["without industry: no reference"] == 11
    small = fit.sample.notes["in an industry with fewer than 10 enterprises: no reference"]
    assert small == 4


def test_a_handful_of_firms_has_reasons_and_no_numbers():
    frame = {"id": ["a", "b"], "year": [1, 1], "va": [1.0, 2.0], "tfp": [0.0, 1.0],
             "ind": ["x", "y"]}  # fmt: skip
    panel = tfp.Panel.from_frame(frame, entity="id", time="year", value_added="va",
                                 columns={"tfp": "tfp"}, groups={"industry": "ind"})  # fmt: skip
    fit = tfp.Levers().fit(panel, "tfp")
    assert np.isnan(fit.tidy()["points"]).all()
    assert all(fit.tidy()["reason"].tolist())
    assert all(fit.explain(lever) for lever in fit.names)
    assert fit.glance()["levers"][0] == 0


def test_rows_in_another_order_and_names_with_diacritics(data):
    frame, roles = data
    spec = tfp.Levers(by="district", practices="iso9001")
    first = spec.fit(panel_of(frame, roles), "tfp")
    renamed = frame.assign(enterprise="Công ty <script> Đặng =cmd|' " + frame["enterprise"])
    shuffled = renamed.sample(frac=1.0, random_state=3).reset_index(drop=True)
    second = spec.fit(panel_of(shuffled, roles), "tfp")
    np.testing.assert_allclose(second.tidy()["points"], first.tidy()["points"], rtol=1e-10)
    rows = second.counterfactual("exit").to_frame()
    assert rows["enterprise"].tolist() == shuffled["enterprise"].tolist()
    assert "<script>" not in second._repr_html_()


def test_a_fitted_result_and_its_row_values_are_the_same(data):
    frame, roles = data
    panel = panel_of(frame, roles)
    fit = tfp.CobbDouglas(cov="clustered").fit(panel)
    spec = tfp.Levers(levers=("laggards", "exit"))
    one, two = spec.fit(panel, fit), spec.fit(panel, productivity=fit.productivity)
    np.testing.assert_array_equal(one.tidy()["points"], two.tidy()["points"])


def test_entrants_are_those_never_seen_before(data):
    frame, roles = data
    last, before = frame["year"].max(), frame["year"].max() - 1
    old = frame.loc[frame["year"] < before, "enterprise"].unique()
    back = old[np.isin(old, frame.loc[frame["year"] == last, "enterprise"])][:20]
    frame = frame[~(frame["enterprise"].isin(back) & (frame["year"] == before))]  # a gap
    frame = frame.assign(tfp=frame["tfp"].where(frame["year"] != before))  # nobody measured then
    fit = tfp.Levers(levers="entry").fit(panel_of(frame, roles), "tfp")
    changed = fit.counterfactual("entry").to_frame().dropna()
    lifted = changed.loc[changed["productivity"] > changed["before"], "enterprise"]
    first = frame.groupby("enterprise")["year"].min()
    assert len(lifted)
    assert (first.loc[lifted] == last).all()
    said = int((first == last).sum())
    assert str(said) in fit.explain("entry", "en")


def test_many_groupings_are_added_up_one_at_a_time_with_the_same_numbers(data, monkeypatch):
    spec = tfp.Levers(by=("industry", "district", "ownership"), practices="iso9001")
    at_once = spec.fit(panel_of(*data), "tfp")
    assert len(at_once.slices[0].parts) == 1
    monkeypatch.setattr("tfp_index.criteria._lever_rows.FINEST", 1)
    apart = spec.fit(panel_of(*data), "tfp")
    assert len(apart.slices[0].parts) == 4
    for name in ("points", "standard_error", "enterprises", "of", "share", "carried_by"):
        np.testing.assert_allclose(apart.tidy()[name], at_once.tidy()[name], rtol=1e-9, atol=1e-14)
    boot = dataclasses.replace(spec, se=tfp.Bootstrap(reps=5), levers=("frontier",))
    errors = [boot.fit(panel_of(*data), "tfp", rng=1).tidy()["standard_error"]]
    monkeypatch.undo()
    errors.append(boot.fit(panel_of(*data), "tfp", rng=1).tidy()["standard_error"])
    np.testing.assert_allclose(errors[0], errors[1], rtol=1e-9)


def test_sampling_weights_are_like_copies(data):
    frame, roles = data
    last = frame[frame["year"] == frame["year"].max()].reset_index(drop=True)
    last["m"] = 1.0 + (last.index % 3)
    copied = last.loc[last.index.repeat(last["m"].astype(int))].reset_index(drop=True)
    copied["enterprise"] += copied.groupby("enterprise").cumcount().astype(str)
    families = ("laggards", "frontier", "exit")
    columns = {"tfp": "tfp", "m": "m"}
    one = tfp.Levers(levers=families, sampling_weight="m").fit(
        panel_of(last, roles, columns=columns), "tfp"
    )
    two = tfp.Levers(levers=families).fit(panel_of(copied, roles, columns=columns), "tfp")
    np.testing.assert_allclose(one.tidy()["points"], two.tidy()["points"], rtol=1e-9)


# --- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"levers": ("laggards", "magic")},
        {"levers": ()},
        {"targets": (1.5,)},
        {"targets": (0.25, 0.25)},
        {"frontier": 0},
        {"gap_closed": 1.2},
        {"adoption": True},
        {"gap_closed": "half"},
        {"exit_share": "a few"},
        {"level": 95},
        {"min_enterprises": 1},
        {"se": "guess"},
        {"trim": 0.7},
        {"trim": 0.02, "hsieh_klenow": tfp.HsiehKlenow()},
        {"hsieh_klenow": 3},
        {"practices": ("a", "a")},
        {"given": "percent"},
        {"negative_weight": "ignore"},
    ],
)
def test_senseless_options_are_refused(options):
    with pytest.raises(tfp.SpecificationError):
        tfp.Levers(**options)


def test_nested_options_travel():
    spec = tfp.Levers(
        hsieh_klenow=tfp.HsiehKlenow(trim=(0.01,)), practices={"sở hữu": "FDI"},
        se=tfp.Bootstrap(reps=7), period=(2019, 2020),
    )  # fmt: skip
    assert tfp.spec_from_dict(spec.to_dict()) == spec


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lever", ALL)
def test_two_sentences_in_both_languages_with_the_same_numbers(levers, lever):
    vi, en = levers.explain(lever, "vi"), levers.explain(lever, "en")

    def numbers(text: str, thousands: str, decimal: str) -> list[str]:
        found = re.findall(r"[+−]?\d[\d.,]*\d|\d", text)
        return sorted(n.replace(thousands, "").replace(decimal, "#") for n in found)

    assert numbers(vi, ".", ",") == numbers(en, ",", ".")
    assert vi != en
    for text in (vi, en):
        assert len(re.findall(r"[.?!](?:\s|$)", text)) == 2, text
    points = total(levers, lever)
    assert f"{points:+.2f}" in en


def test_a_practice_is_never_called_a_cause(levers):
    assert "association, not a cause" in levers.explain("practice:iso9001", "en")
    assert "không phải quan hệ nhân quả" in levers.explain("practice:iso9001", "vi")


def test_both_languages_hold_the_same_table(levers):
    en, vi = levers.tidy("en"), levers.tidy("vi")
    for name in en.columns:
        if name not in ("name", "assumption"):
            np.testing.assert_array_equal(en[name], vi[name])
    assert not set(en["name"]) & set(vi["name"])
    with pytest.raises(tfp.SpecificationError, match="fr"):
        levers.tidy("fr")


def test_words_follow_the_options(data):
    panel = panel_of(*data)
    spec = tfp.Levers(levers=("laggards", "practices"), practices="iso9001", size=None)
    fit = spec.fit(panel, "tfp")
    assert "same industry and period," in fit.explain("practice:iso9001", "en")
    assert "quy mô" not in fit.explain("practice:iso9001", "vi")
    whole = dataclasses.replace(spec, industry=None).fit(panel, "tfp")
    assert "read province" in whole.explain("laggards_p25", "en")
    assert "read province" not in fit.explain("laggards_p25", "en")
    assert len(whole.tidy().notes) == len(fit.tidy().notes) + 1


def test_reasons_and_notes_are_said_in_vietnamese(data):
    frame, roles = data
    vi = language("vi")
    few = frame.groupby("industry").head(40)
    found = [
        tfp.Levers(period=2015, practices="iso9001").fit(
            panel_of(frame.assign(iso9001=0.0), roles), "tfp"
        ),
        tfp.Levers(min_enterprises=5_000).fit(panel_of(few, roles), "tfp"),
        tfp.Levers().fit(panel_of(frame, roles, columns={"tfp": "tfp"}), "tfp"),
    ]
    for fit in found:
        for table in (fit.tidy(), fit.associations()):
            for reason in filter(None, table["reason"].tolist()):
                assert vi.phrase(reason) != reason
        for note in [*fit.sample.notes, *fit.sample.lost, *fit.associations().notes]:
            assert vi.phrase(note) != note


def test_an_unknown_lever_is_named_with_its_nearest(levers):
    with pytest.raises(tfp.SpecificationError, match="laggards_p25"):
        levers.explain("laggards_25")
