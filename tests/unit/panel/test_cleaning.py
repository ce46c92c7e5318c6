from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.panel.cleaning import PROFILES

ROLES = {
    "entity": "mst",
    "time": "year",
    "output": "turnover",
    "value_added": "va",
    "capital": "assets",
    "labor": "persons",
    "materials": "goods",
    "columns": {"labor_cost": "wages"},
    "groups": {"industry": "vsic", "section": "section", "province": "tinh"},
}


def firms(seed=0, n=150, years=6):
    """Enterprises without any error: logs within a few standard deviations."""
    rng = np.random.default_rng(seed)
    industry = rng.choice(["10", "13", "46", "99"], n, p=[0.4, 0.3, 0.28, 0.02])
    base = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "mst": np.repeat([f"57{i:08d}" for i in range(n)], years),
            "year": np.tile(2015 + np.arange(years), n),
            "vsic": np.repeat(industry, years),
            "tinh": np.repeat(rng.choice(["Quảng Ninh", "Hải Phòng"], n), years),
        }
    )
    frame["section"] = frame["vsic"].map({"10": "C", "13": "C", "46": "G", "99": "G"})
    m = len(frame)
    size = np.repeat(base, years) + 0.05 * rng.normal(size=m)
    frame["persons"] = np.exp(3 + size)
    frame["turnover"] = np.exp(6 + size + 0.1 * rng.normal(size=m))
    frame["assets"] = np.exp(5 + size + 0.1 * rng.normal(size=m))
    frame["goods"] = 0.6 * frame["turnover"] * np.exp(0.05 * rng.normal(size=m))
    frame["va"] = frame["turnover"] - frame["goods"]
    frame["wages"] = 0.5 * frame["va"] * np.exp(0.05 * rng.normal(size=m))
    return frame


def panel_of(frame, **roles):
    return tfp.Panel.from_frame(frame, **{**ROLES, **roles})


def found_at(cleaning, rule):
    frame = cleaning.to_frame()
    return set(map(tuple, frame.loc[frame[rule], ["mst", "year"]].to_numpy().tolist()))


def test_nothing_is_dropped_and_profiles_leave_clean_data_nearly_alone():
    frame = firms()
    for name in PROFILES:
        found = tfp.clean(panel_of(frame), name, industry="industry")
        assert len(found.to_frame()) == len(frame)
        first = found.first_rule
        named = {found.rules[i] for i in set(first.tolist()) - {-1}}
        assert not named & {"unit_error", "not_positive", "value_added_above_output", "jump_back"}
    assert tfp.clean(panel_of(frame), "none").keep.all()


def test_a_value_in_thousands_is_found_with_its_year():
    frame = firms(1)
    row = 20
    frame.loc[row, "turnover"] *= 1000
    frame.loc[50, "assets"] /= 1e6
    found = tfp.clean(panel_of(frame), "multiprod_like", industry="industry")
    expected = {tuple(frame.loc[r, ["mst", "year"]]) for r in (row, 50)}
    assert found_at(found, "unit_error") == expected
    assert not found.keep[frame.index[row]]


def test_a_unit_that_never_comes_back_is_flagged_and_kept_unless_strict():
    frame = firms(2)
    late = (frame["mst"] == frame["mst"].iloc[0]) & (frame["year"] >= 2018)
    for name in ("turnover", "goods", "va", "wages", "assets"):
        frame.loc[late, name] *= 1000
    panel = panel_of(frame)
    kind = found_at(tfp.clean(panel, "multiprod_like", industry="industry"), "unit_shift")
    assert kind == {(frame["mst"].iloc[0], 2018)}
    units = tfp.CleaningProfile("units", units=True)
    assert tfp.clean(panel, units).keep.all()
    assert not tfp.clean(panel, units.but(only_flag=())).keep.all()


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("value_added_above_output", {"va": 1e6}),
        ("sales_without_labor", {"persons": 0.0}),
        ("not_positive", {"assets": 0.0}),
        ("no_core", {"turnover": np.nan, "va": np.nan, "assets": np.nan, "persons": np.nan}),
        ("bacon", {"assets": 1e7}),
        ("mad", {"turnover": 9e4}),
    ],
)
def test_planted_errors_are_found_by_their_rule(rule, change):
    frame = firms(3)
    for name, value in change.items():
        frame.loc[30, name] = value
    found = tfp.clean(panel_of(frame), "strict", industry="industry")
    assert tuple(frame.loc[30, ["mst", "year"]]) in found_at(found, rule)
    assert not found.keep[30]


def test_whole_enterprises_go_when_they_are_ever_negative_or_impossibly_large():
    frame = firms(4)
    frame.loc[12, "assets"] = -1.0
    frame.loc[24, "persons"] = 3e6
    found = tfp.clean(panel_of(frame), "orbis_like", industry="industry")
    assert len(found_at(found, "ever_negative")) == 6
    assert {m for m, _ in found_at(found, "ever_negative")} == {frame.loc[12, "mst"]}
    assert {m for m, _ in found_at(found, "too_large")} == {frame.loc[24, "mst"]}


def test_stocks_and_depreciation():
    frame = firms(5)
    frame["open"] = frame["assets"]
    frame["close"] = frame.groupby("mst")["assets"].shift(-1).fillna(1.0)
    frame["cost"], frame["dep"] = 10.0, 4.0
    frame.loc[33, "dep"] = 11.0
    frame.loc[34, "open"] *= 2
    columns = {
        "opening_stock": "open",
        "closing_stock": "close",
        "historical_cost": "cost",
        "accumulated_depreciation": "dep",
    }
    panel = panel_of(frame, columns=columns)
    found = tfp.clean(panel, "multiprod_like", industry="industry")
    assert found_at(found, "depreciation_above_cost") == {tuple(frame.loc[33, ["mst", "year"]])}
    assert found_at(found, "opening_not_closing") == {tuple(frame.loc[34, ["mst", "year"]])}
    assert not found.excludes("opening_not_closing")


def test_a_band_of_wages_is_used_when_it_is_given():
    frame = firms(6)
    wage = frame["wages"] / frame["persons"]
    band = (wage.quantile(0.02), wage.quantile(0.98))
    profile = tfp.CleaningProfile("band", wage_band=band)
    found = tfp.clean(panel_of(frame), profile).found("wage_out_of_band")
    assert found.sum() == ((wage < band[0]) | (wage > band[1])).sum()


def test_tails_of_ratios_by_industry_and_year_with_the_parent_for_small_cells():
    frame = firms(7, n=400)
    profile = tfp.CleaningProfile("tails", ratio_tails=(0.05, 0.95))
    panel = panel_of(frame)
    found = tfp.clean(panel, profile, industry="industry", parent="section")
    ratios = {
        "a": frame["turnover"] / frame["persons"],
        "b": frame["va"] / frame["persons"],
        "c": frame["assets"] / frame["persons"],
        "d": frame["goods"] / frame["turnover"],
        "e": frame["wages"] / frame["va"],
    }
    expected = np.zeros(len(frame), bool)
    big = frame.groupby(["vsic", "year"])["mst"].transform("size") >= 20
    assert not big.all()
    for ratio in ratios.values():
        logs = np.log(ratio)
        for by, rows in ((["vsic", "year"], big), (["section", "year"], ~big)):
            groups = logs.groupby([frame[b] for b in by])
            low, high = groups.transform("quantile", 0.05), groups.transform("quantile", 0.95)
            expected |= (rows & ((logs < low - 1e-12) | (logs > high + 1e-12))).to_numpy()
    order = np.lexsort((frame["year"], frame["mst"]))
    assert np.array_equal(found.found("ratio_tail"), expected[order])
    pulled = found.winsorized["output_per_person"]
    assert np.isfinite(pulled).all()
    assert pulled.max() <= ratios["a"].max()


def test_repeated_keys_are_flagged_here_rather_than_refused():
    frame = pd.concat([firms(8), firms(8).iloc[[3]]], ignore_index=True)
    found = tfp.clean(panel_of(frame), "none")
    assert found.found("duplicate_key").sum() == 1
    cleaned = found.panel()
    assert cleaned.n_rows == len(frame) - 1
    tfp.GrowthAccounting(output="value_added", capital_share=0.4,
                         inputs=("capital", "labor")).fit(cleaned)  # fmt: skip


def test_the_funnel_adds_up_by_rule_year_and_province():
    frame = firms(9)
    frame.loc[[10, 40, 92], "turnover"] *= 1000
    frame.loc[[11, 60], "va"] = 1e9
    found = tfp.clean(panel_of(frame), "strict", industry="industry")
    table = found.funnel("province").to_frame()
    assert table["rows"].sum() == (~found.keep).sum()
    kept = found.to_frame()["kept"]
    assert table["output"].sum() == pytest.approx(frame.loc[~kept, "turnover"].sum())
    assert table["labor"].sum() == pytest.approx(frame.loc[~kept, "persons"].sum())
    one = table[table["rule"] == "unit_error"]
    assert one["rows"].sum() == 3
    assert (table["share_of_rows"] <= 1).all()
    row = one.iloc[0]
    cell = frame[(frame["year"] == row["year"]) & (frame["tinh"] == row["province"])]
    assert row["share_of_rows"] == pytest.approx(row["rows"] / len(cell))
    assert (table["enterprises"] <= table["rows"]).all()


def test_the_waterfall_ends_at_what_is_kept():
    frame = firms(10)
    frame.loc[5, "assets"] = -1
    found = tfp.clean(panel_of(frame), "strict", industry="industry")
    table = found.waterfall()
    assert table["rows"][0] == len(frame)
    assert table["rows"][-1] == found.keep.sum()
    assert (np.diff(table["rows"]) <= 0).all()
    assert table["enterprises"][0] == 150


def test_the_table_says_what_a_rule_finds_and_takes_first():
    frame = firms(11)
    frame.loc[7, "turnover"] *= 1e6
    table = tfp.clean(panel_of(frame), "strict", industry="industry").table().to_frame()
    table = table.set_index("rule")
    assert table.loc["unit_error", "rows_first_lost_here"] == 1
    assert table.loc["jump_back", "rows"] >= 1
    assert table.loc["jump_back", "rows_first_lost_here"] == 0
    assert (table["rows_first_lost_here"] <= table["rows"]).all()


def test_the_cleaned_panel_keeps_roles_groups_and_values():
    frame = firms(12).sample(frac=1.0, random_state=2)
    frame.loc[frame.index[5], "assets"] = 0.0
    found = tfp.clean(panel_of(frame, vintage="2022"), "strict", industry="industry")
    cleaned = found.panel()
    assert cleaned.n_rows == found.keep.sum()
    assert set(cleaned.columns) == set(found.source.columns)
    assert cleaned.names["capital"] == "assets"
    assert cleaned.vintage == "2022"
    assert cleaned.inputs == found.source.inputs
    rows = found.keep
    assert np.array_equal(cleaned["output"], found.source["output"][rows])
    old, new = found.source.group("industry"), cleaned.group("industry")
    assert new.labels[new.codes].tolist() == old.labels[old.codes[rows]].tolist()


def test_columns_in_logs_are_cleaned_alike():
    frame = firms(13)
    logs = frame.copy()
    for name in ("turnover", "va", "assets", "persons", "goods", "wages"):
        logs[name] = np.log(frame[name])
    a = tfp.clean(panel_of(frame), "multiprod_like", industry="industry")
    b = tfp.clean(panel_of(logs, logs=True), "multiprod_like", industry="industry")
    assert np.array_equal(a.found("ratio_tail"), b.found("ratio_tail"))


def test_unknown_profiles_thresholds_and_rules_are_named():
    panel = panel_of(firms(14))
    with pytest.raises(tfp.SpecificationError, match="strickt") as error:
        tfp.clean(panel, "strickt")
    assert "strict" in error.value.remedy
    with pytest.raises(tfp.SpecificationError, match="madd"):
        tfp.CleaningProfile.named("strict").but(madd=3)
    with pytest.raises(tfp.SpecificationError):
        tfp.CleaningProfile("x", ratio_tails=(0.9, 0.1))
    with pytest.raises(tfp.DataError, match="does not use"):
        tfp.clean(panel, "none").found("mad")
    with pytest.raises(tfp.DataError):
        tfp.clean(panel, "none", industry="nganh")


def test_a_profile_is_plain_data():
    document = tfp.CleaningProfile.named("orbis_like").to_dict()
    assert document["name"] == "orbis_like"
    assert document["ratio_tails"] == (0.0, 0.999)
