from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.aggregation._cells import TOTAL
from tfp_index.kernels.decompose import METHODS

EXACT = 1e-12
TERMS = ["within", "between", "cross", "structure", "entry", "exit"]

# eight firms, data set "firms" of the R package dfvad 0.3.6 (Zeng 2019)
EIGHT = pd.DataFrame(
    {
        "id": [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 7, 8],
        "year": [0] * 6 + [1] * 6,
        "tfp": [1.95, 1.73, 1.64, 1.85, 1.39, 1.57, 1.68, 1.76, 1.04, 1.47, 1.17, 1.23],
        "s": [0.33, 0.25, 0.10, 0.12, 0.09, 0.11, 0.30, 0.21, 0.17, 0.01, 0.25, 0.06],
        "side": ["A", "A", "A", "B", "B", "B", "A", "A", "A", "B", "B", "A"],
    }
)


def panel_of(frame, **roles):
    roles = {"columns": {"tfp": "tfp", "s": "s"}, "groups": {"side": "side"}, **roles}
    return tfp.Panel.from_frame(frame, entity="id", time="year", **roles)


def firms(seed=0, n=200, periods=4):
    """Firms that come, go, return, move between districts and change industry."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), periods),
            "year": np.tile(2020 + np.arange(periods), n),
            "district": np.repeat(rng.choice(["a", "b", "c"], n), periods),
            "industry": np.repeat(rng.choice(["C", "G"], n), periods),
        }
    )
    frame["tfp"] = rng.normal(size=len(frame)) + (frame["industry"] == "G")
    frame["s"] = np.exp(rng.normal(size=len(frame)))
    frame["design"] = np.repeat(rng.integers(1, 5, n), periods).astype(float)
    moved = rng.random(len(frame)) < 0.05
    frame.loc[moved, "district"] = "c"
    switched = rng.random(len(frame)) < 0.03
    frame.loc[switched, "industry"] = "G"
    return frame[rng.random(len(frame)) < 0.8].reset_index(drop=True)


def firm_panel(frame):
    return panel_of(
        frame,
        columns={"tfp": "tfp", "s": "s", "design": "design"},
        groups={"district": "district", "industry": "industry"},
    )


ALL = tuple(METHODS)


def test_eight_firms_with_all_six_methods_at_once():
    d = tfp.Decomposition(method=ALL, weight="s").fit(panel_of(EIGHT), "tfp")
    table = d.to_frame().set_index("method")
    assert table["total"].to_numpy() == pytest.approx(np.full(6, -0.3284), abs=EXACT)
    assert table.loc["baldwin_gu", "entry"] == pytest.approx(-0.09529, abs=EXACT)
    assert table.loc["foster_haltiwanger_krizan", "cross"] == pytest.approx(0.0067, abs=EXACT)
    assert table.loc["melitz_polanec", "between"] == pytest.approx(0.0211231884058, abs=1e-12)
    assert table["cross"].isna().sum() == 5
    assert table[["level_start", "level_end"]].iloc[0].tolist() == pytest.approx([1.7598, 1.4314])
    assert table[["n_survivors", "n_entrants", "n_exiters"]].iloc[0].tolist() == [4, 2, 2]


def test_the_columns_of_the_table():
    columns = list(tfp.Decomposition(weight="s").fit(panel_of(EIGHT), "tfp").to_frame().columns)
    expected = ["method", "start", "end", "kind", "total", *TERMS, "reason"]
    assert [c for c in columns if c in expected] == expected


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("movers", ["end", "start"])
def test_contributions_of_groups_are_sums_over_their_firms(method, movers):
    frame = firms()
    spec = tfp.Decomposition(
        method=method, weight="s", by="district", movers=movers, keep_firms=True
    )
    d = spec.fit(firm_panel(frame), "tfp", periods=[(2020, 2022), (2021, 2023)])
    table, by_firm = d.to_frame(), d.firm_table().to_frame()
    district = frame.set_index(["id", "year"])["district"]
    year = by_firm["end"].where(by_firm["role"] == "entrant", by_firm["start"])
    if movers == "end":
        year = by_firm["start"].where(by_firm["role"] == "exiter", by_firm["end"])
    by_firm["district"] = district.loc[list(zip(by_firm["id"], year, strict=True))].to_numpy()
    for (start, end), part in table.groupby(["start", "end"]):
        mine = by_firm[(by_firm["start"] == start) & (by_firm["end"] == end)]
        for term in ("total", "within", "between", "cross", "entry", "exit"):
            sums = mine.groupby("district")[term].sum(min_count=1)
            ours = part[part["district"] != TOTAL].set_index("district")[term]
            assert ours.to_numpy() == pytest.approx(sums.to_numpy(), abs=EXACT, nan_ok=True)
            whole = part.loc[part["district"] == TOTAL, term].item()
            assert whole == pytest.approx(ours.sum(skipna=False), abs=EXACT, nan_ok=True)


@pytest.mark.parametrize("method", ALL)
def test_nesting_in_industries_adds_up_with_a_structural_term(method):
    frame = firms(1)
    d = tfp.Decomposition(method=method, weight="s", within="industry", by="district").fit(
        firm_panel(frame), "tfp"
    )
    table = d.to_frame()
    parts = table[TERMS].sum(axis=1, min_count=1)
    assert parts.to_numpy() == pytest.approx(table["total"].to_numpy(), abs=1e-11)
    whole = table[(table["industry"] == TOTAL) & (table["district"] == TOTAL)]
    for _, row in whole.iterrows():
        for end, side in (("start", "level_start"), ("end", "level_end")):
            now = frame[frame["year"] == row[end]]
            assert row[side] == pytest.approx(np.average(now["tfp"], weights=now["s"]))
        assert row["total"] == pytest.approx(row["level_end"] - row["level_start"], abs=1e-11)
    districts = table[(table["industry"] == TOTAL) & (table["district"] != TOTAL)]
    summed = districts.groupby("start")[["within", "between", "entry", "exit"]].sum()
    assert summed.to_numpy() == pytest.approx(
        whole.set_index("start")[["within", "between", "entry", "exit"]].to_numpy(), abs=1e-11
    )
    inside = table[(table["industry"] == "C") & (table["district"] == TOTAL)].iloc[0]
    alone = tfp.Decomposition(method=method, weight="s").fit(
        firm_panel(frame[frame["industry"] == "C"]), "tfp"
    )
    assert inside["within"] == pytest.approx(alone.to_frame()["within"].iloc[0], abs=EXACT)
    assert inside["entry"] == pytest.approx(alone.to_frame()["entry"].iloc[0], abs=EXACT)
    industries = d.industries().to_frame().groupby("start")["total"].sum()
    assert industries.to_numpy() == pytest.approx(whole["total"].to_numpy(), abs=1e-11)
    assert sum(d.sample.notes.values()) > 0  # switchers are counted


def test_productivity_relative_to_the_industry_takes_level_differences_out():
    frame = firms(2)
    shifted = frame.assign(tfp=frame["tfp"] + 5.0 * (frame["industry"] == "G"))
    spec = tfp.Decomposition(weight="s", within="industry", relative="industry", base=2020)
    one, other = (spec.fit(firm_panel(f), "tfp").to_frame() for f in (frame, shifted))
    assert one["structure"].to_numpy() == pytest.approx(
        other["structure"].to_numpy(), abs=1e-11, nan_ok=True
    )
    bare = tfp.Decomposition(weight="s", within="industry")
    one, other = (bare.fit(firm_panel(f), "tfp").to_frame() for f in (frame, shifted))
    assert (one["structure"] - other["structure"]).abs().max() > 0.01
    note = bare.fit(firm_panel(frame), "tfp").tidy().notes[-1]
    assert "relative=" in note


def test_an_industry_that_arrives_stands_in_structure():
    frame = firms(3)
    late = frame[~((frame["industry"] == "C") & (frame["year"] < 2022))]
    d = tfp.Decomposition(weight="s", within="industry").fit(
        firm_panel(late), "tfp", periods=[(2020, 2022)]
    )
    table = d.industries("diewert_fox").to_frame().set_index("industry")
    assert table.loc["C", "arrival"] != 0
    assert table.loc["C", "within"] == 0
    rows = d.to_frame()
    row = rows[(rows["industry"] == "C") & (rows["method"] == "diewert_fox")].iloc[0]
    assert "no weight in 2020" in row["reason"]
    whole = rows[(rows["industry"] == TOTAL) & (rows["method"] == "diewert_fox")].iloc[0]
    assert whole["total"] == pytest.approx(whole["level_end"] - whole["level_start"], abs=1e-11)
    assert "structure" in whole["reason"]


def test_labor_productivity_in_levels_with_employment_weights_is_output_over_labor():
    frame = firms(4)
    frame["labor"], frame["lp"] = frame["s"] * 10, np.exp(frame["tfp"])
    panel = panel_of(frame, labor="labor", columns={"lp": "lp"}, groups={"d": "district"})
    d = tfp.Decomposition(weight="labor", scale="level", given="level", by="d").fit(panel, "lp")
    table = d.to_frame()
    output = (frame["labor"] * frame["lp"]).groupby(frame["year"]).sum()
    ratio = output / frame.groupby("year")["labor"].sum()
    whole = table[table["d"] == TOTAL]
    assert whole["level_start"].to_numpy() == pytest.approx(ratio.loc[whole["start"]].to_numpy())
    rates = d.rates().to_frame()
    rates = rates[rates["d"] == TOTAL]
    growth = ratio.loc[whole["end"]].to_numpy() / ratio.loc[whole["start"]].to_numpy() - 1
    assert rates["total"].to_numpy() == pytest.approx(growth)
    assert rates[TERMS].sum(axis=1).to_numpy() == pytest.approx(growth)


def test_logs_and_levels_are_turned_into_each_other():
    frame = EIGHT.assign(level=np.exp(EIGHT["tfp"]))
    panel = panel_of(frame, columns={"tfp": "tfp", "s": "s", "level": "level"})
    from_log = tfp.Decomposition(weight="s").fit(panel, "tfp").to_frame()
    from_level = tfp.Decomposition(weight="s", given="level").fit(panel, "level").to_frame()
    assert from_level["within"].to_numpy() == pytest.approx(from_log["within"].to_numpy())
    with pytest.raises(tfp.SpecificationError, match="log points already"):
        tfp.Decomposition(weight="s").fit(panel, "tfp").rates()


def test_chained_sums_are_labelled_and_only_totals_equal_the_long_difference():
    frame = firms(5)
    panel = firm_panel(frame)
    spec = tfp.Decomposition(weight="s", by="district")
    adjacent = spec.fit(panel, "tfp")
    assert set(adjacent.tidy()["kind"]) == {"adjacent"}
    chained = adjacent.chained(2020, 2023)
    long = spec.fit(panel, "tfp", periods=[(2020, 2023)])
    assert set(long.tidy()["kind"]) == {"long"}
    assert set(chained["kind"]) == {"chained"}
    assert any("not the terms of the long difference" in note for note in chained.notes)
    a, b = (t.to_frame() for t in (chained, long.tidy()))
    a, b = (t[t["district"] == TOTAL].set_index("method") for t in (a, b))
    assert a["total"].to_numpy() == pytest.approx(b["total"].to_numpy(), abs=1e-11)
    assert (a["entry"] - b["entry"]).abs().min() > 1e-3
    with pytest.raises(tfp.DataError) as error:
        long.chained()
    assert error.value.code == "broken_chain"


def test_returning_and_unmeasured_firms_are_told_apart():
    frame = pd.DataFrame(
        {
            "id": [1, 1, 1, 2, 2, 3, 3, 3, 4],
            "year": [1, 2, 3, 1, 3, 1, 2, 3, 3],
            "tfp": [1.0, 1.1, 1.2, 0.5, 0.9, 0.8, np.nan, 1.3, 2.0],
            "s": [1.0] * 9,
        }
    )
    panel = panel_of(frame, groups=None)
    d = tfp.Decomposition(weight="s", method="diewert_fox").fit(panel, "tfp", periods=[(2, 3)])
    row = d.kinds().to_frame().iloc[0]
    assert (row["n_entrants"], row["n_returning"], row["n_unmeasured"]) == (3, 1, 1)
    assert row["entry_returning"] == pytest.approx((0.9 - 1.2) / 4)
    assert row["entry_unmeasured"] == pytest.approx((1.3 - 1.2) / 4)
    assert d.sample.lost["tfp missing"] == 1
    strict = tfp.Decomposition(weight="s", method="diewert_fox", missing="firm")
    row = strict.fit(panel, "tfp", periods=[(2, 3)]).to_frame().iloc[0]
    assert row["n_entrants"] == 2
    assert row["level_end"] == pytest.approx((1.2 + 0.9 + 2.0) / 3)


def test_missing_productivity_is_counted_before_shares_are_formed():
    frame = EIGHT.copy()
    frame.loc[[1, 8], "tfp"] = np.nan
    d = tfp.Decomposition(weight="s").fit(panel_of(frame), "tfp")
    assert d.sample.lost["tfp missing"] == 2
    assert d.sample.balanced
    kept = frame.dropna(subset="tfp")
    first = kept[kept["year"] == 0]
    level = np.average(first["tfp"], weights=first["s"])
    assert d.to_frame()["level_start"].iloc[0] == pytest.approx(level)


def test_pairs_across_a_new_frame_have_no_entry_and_no_exit():
    d = tfp.Decomposition(weight="s", frame_breaks=(2022,), by="district").fit(
        firm_panel(firms(6)), "tfp"
    )
    table = d.to_frame()
    broken = table["end"] == 2022
    assert table.loc[broken, ["entry", "exit"]].isna().all(axis=None)
    assert table.loc[broken, "reason"].str.contains("frame changed in 2022").all()
    assert table.loc[~broken, ["entry", "exit"]].notna().all(axis=None)
    assert table.loc[broken, ["within", "between", "total"]].notna().all(axis=None)


def test_a_missing_term_says_why():
    stayers = EIGHT[EIGHT["id"].isin([1, 2, 3, 4, 7])]
    d = tfp.Decomposition(method=("baldwin_gu", "diewert_fox"), weight="s")
    table = d.fit(panel_of(stayers), "tfp").to_frame().set_index("method")
    assert np.isnan(table.loc["baldwin_gu", "entry"])
    assert "no exiters" in table.loc["baldwin_gu", "reason"]
    assert table.loc["diewert_fox", "exit"] == 0
    assert table.loc["diewert_fox", "reason"] == ""


def test_sampling_weights_stand_for_copies():
    frame = firms(7, periods=2)
    copies = frame.loc[frame.index.repeat(frame["design"].astype(int))].copy()
    copies["id"] = copies["id"] * 10 + copies.groupby(["id", "year"]).cumcount()
    weighted = tfp.Decomposition(method=ALL, weight="s", sampling_weight="design").fit(
        firm_panel(frame), "tfp"
    )
    plain = tfp.Decomposition(method=ALL, weight="s").fit(firm_panel(copies), "tfp")
    a, b = weighted.to_frame(), plain.to_frame()
    for name in ("total", *TERMS):
        assert a[name].to_numpy() == pytest.approx(b[name].to_numpy(), abs=1e-10, nan_ok=True)


def test_static_methods_split_levels_and_their_changes():
    spec = tfp.Decomposition(
        method=("olley_pakes", "collard_wexler_de_loecker", "nested_olley_pakes"),
        weight="s",
        by="side",
    )
    d = spec.fit(panel_of(EIGHT.assign(side=np.where(EIGHT["id"] <= 3, "A", "B"))), "tfp")
    levels = d.levels().to_frame()
    first = levels[(levels["year"] == 0) & (levels["side"] == TOTAL)].set_index("method")
    assert first["aggregate"].to_numpy() == pytest.approx(np.full(3, 1.7598), abs=EXACT)
    figures = {  # note on aggregation, 1.3
        "olley_pakes": (1.6883333, 0.0714667, 0.0),
        "collard_wexler_de_loecker": (1.6883333, 0.0356189, 0.0358478),
        "nested_olley_pakes": (1.7189333, 0.0408667, 0.0),
    }
    for method, values in figures.items():
        ours = first.loc[method, ["mean", "covariance", "between"]].to_list()
        assert ours == pytest.approx(values, abs=5.1e-8)
    table = d.to_frame()
    whole = table[table["side"] == TOTAL].set_index("method")
    assert whole["total"].to_numpy() == pytest.approx(np.full(3, -0.3284), abs=EXACT)
    parts = whole[["within", "between", "structure"]].sum(axis=1).to_numpy()
    assert parts == pytest.approx(np.full(3, -0.3284), abs=EXACT)
    sums = table[table["side"] != TOTAL].groupby("method")["total"].sum()
    assert sums.to_numpy() == pytest.approx(np.full(3, -0.3284), abs=EXACT)
    with pytest.raises(tfp.SpecificationError):
        d.kinds()


# four firms at constant prices; sums worked out independently (reference file, 12 digits)
REALLOCATION = pd.DataFrame(
    {
        "id": [1, 2, 3, 4] * 2,
        "year": [0] * 4 + [1] * 4,
        "va": [100.0, 80, 60, 40, 112, 84, 57, 50],
        "L": [10.0, 9, 8, 5, 10.5, 9, 7, 6],
        "K": [50.0, 40, 35, 20, 52, 40, 36, 24],
        "w": [5.0, 4.5, 4, 4] * 2,
        "half": ["x", "x", "y", "y"] * 2,
    }
)


def reallocation_panel(frame):
    frame = frame.assign(
        tfp=np.log(frame["va"]) - 0.6 * np.log(frame["L"]) - 0.3 * np.log(frame["K"]),
        wage_bill=frame["w"] * frame["L"],
        capital_cost=0.12 * frame["K"],
    )
    columns = {name: name for name in ("tfp", "wage_bill", "capital_cost")}
    return tfp.Panel.from_frame(
        frame, entity="id", time="year", value_added="va", labor="L", capital="K",
        columns=columns, groups={"half": "half"},
    )  # fmt: skip


PETRIN_LEVINSOHN = {
    "method": "petrin_levinsohn",
    "weight": "value_added",
    "elasticities": {"labor": 0.6, "capital": 0.3},
    "costs": {"labor": "wage_bill", "capital": "capital_cost"},
}


def test_petrin_levinsohn_of_four_firms():
    d = tfp.Decomposition(**PETRIN_LEVINSOHN, by="half").fit(
        reallocation_panel(REALLOCATION), "tfp"
    )
    row = d.to_frame().iloc[-1]
    assert row["total"] == pytest.approx(0.067480258647, abs=EXACT)
    assert row["within"] == pytest.approx(0.0531918409282, abs=EXACT)
    assert row["between"] == pytest.approx(0.00278053596164 + 0.0115078817572, abs=EXACT)
    assert row["structure"] == pytest.approx(0.0, abs=EXACT)
    inputs = d.reallocation.inputs
    assert inputs["labor"][0, -1] == pytest.approx(0.00278053596164, abs=EXACT)
    assert d.to_frame()["total"].iloc[:2].sum() == pytest.approx(row["total"], abs=EXACT)


def test_petrin_levinsohn_shows_entrants_on_a_line_of_their_own_and_counts_what_it_leaves_out():
    entrant = pd.DataFrame({"id": [9], "year": [1], "va": [30.0], "L": [3.0], "K": [10.0],
                            "w": [4.0], "half": ["x"]})  # fmt: skip
    frame = pd.concat([REALLOCATION, entrant], ignore_index=True)
    d = tfp.Decomposition(**PETRIN_LEVINSOHN).fit(reallocation_panel(frame), "tfp")
    row = d.to_frame().iloc[0]
    assert row["entry"] == pytest.approx((30 - 12 - 1.2) / 333)
    assert row["exit"] == 0
    assert row["total"] == pytest.approx(row[TERMS].sum(), abs=EXACT)
    frame.loc[0, "L"] = np.nan
    d = tfp.Decomposition(**PETRIN_LEVINSOHN).fit(reallocation_panel(frame.assign(
        L=frame["L"])), "tfp", periods=[(0, 1)])  # fmt: skip
    assert d.to_frame().iloc[0]["n_survivors"] == 3


def test_the_analyst_sees_which_firms_made_a_term():
    d = tfp.Decomposition(weight="s", keep_firms=True).fit(panel_of(EIGHT), "tfp")
    top = d.top(3, "entry", "diewert_fox").to_frame()
    assert top["id"].tolist()[:2] == [7, 8]
    assert top["share_of_moves"].iloc[:2].sum() == pytest.approx(1.0)
    assert "RESTRICTED" in d.top().title
    with pytest.raises(tfp.SpecificationError, match="not kept"):
        tfp.Decomposition(weight="s").fit(panel_of(EIGHT), "tfp").top()


def test_the_public_table_hides_terms_of_few_firms_and_never_one_alone():
    frame = firms(8, n=400)
    rare = frame["id"] < 3
    frame.loc[rare, "district"] = "d"
    d = tfp.Decomposition(weight="s", by="district").fit(firm_panel(frame), "tfp")
    public = d.to_public().public.to_frame()
    mine = public[public["district"] == "d"]
    assert (mine["status"] != "published").all()
    assert mine["contribution"].isna().all()
    for _, line in public[public["term"] != TOTAL].groupby(["term", "period"]):
        blanks = line[line["district"] != TOTAL]["status"].eq("suppressed").sum()
        whole = line.loc[line["district"] == TOTAL, "status"].item()
        assert blanks != 1 or whole == "suppressed"
    for _, line in public.groupby(["district", "period"]):
        blanks = line[line["term"] != TOTAL]["status"].eq("suppressed").sum()
        whole = line.loc[line["term"] == TOTAL, "status"].item()
        assert blanks != 1 or whole == "suppressed"
    patterns = public.groupby(["district", "term"])["status"].agg(
        lambda s: s.eq("suppressed").nunique()
    )
    assert patterns.eq(1).all()
    assert "n" not in public.columns


def test_the_sum_of_two_statistics_of_few_survivors_is_not_published_either():
    """within and between of three firms are blank; their sum must not follow from the total."""
    frame = firms(9, n=300, periods=2)
    d_firms = [0, 1, 2]
    frame = frame[~((frame["id"] > 250) & (frame["year"] == 2020))]
    frame["district"] = np.where(frame["id"].isin(d_firms), "d", frame["district"])
    frame = frame[~frame["id"].isin(d_firms)]
    extra = pd.DataFrame(
        {
            "id": [0, 0, 1, 1, 2, 2, *range(1000, 1020)],
            "year": [2020, 2021] * 3 + [2021] * 20,
            "district": "d",
            "industry": "C",
            "tfp": 0.5,
            "s": 1.0,
            "design": 1.0,
        }
    )
    frame = pd.concat([frame, extra], ignore_index=True)
    d = tfp.Decomposition(weight="s", by="district").fit(firm_panel(frame), "tfp")
    public = d.to_public().public.to_frame()
    mine = public[public["district"] == "d"].set_index("term")["status"]
    assert mine["within"] == mine["between"] == "suppressed"
    assert "suppressed" in {mine["entry"], mine[TOTAL]}


def test_fitted_productivity_is_taken_by_row_and_aligned():
    sim = tfp.datasets.simulate.province(enterprises=150, periods=4, rng=3)
    panel = sim.panel()
    fitted = tfp.CobbDouglas().fit(panel)
    frame = sim.frame().assign(omega=fitted.productivity["productivity"])
    roles = {**sim.roles, "columns": {"omega": "omega"}}

    def within(spec_panel, productivity):
        d = tfp.Decomposition().fit(spec_panel, productivity)
        return d.to_frame()["within"].to_numpy(), d.sample.used

    ours, _ = within(panel, fitted)
    theirs, _ = within(tfp.Panel.from_frame(frame, **roles), "omega")
    assert ours == pytest.approx(theirs)
    half = frame.iloc[: len(frame) // 2].sample(frac=1.0, random_state=1)
    ours, used = within(tfp.Panel.from_frame(half, **sim.roles), fitted)
    theirs, _ = within(tfp.Panel.from_frame(half, **roles), "omega")
    assert used == len(half)
    assert ours == pytest.approx(theirs)


def test_a_growth_rate_is_no_level():
    frame = EIGHT.assign(y=np.exp(EIGHT["tfp"]), k=1.0 + EIGHT["s"])
    panel = panel_of(frame, output="y", capital="k", columns={"s": "s"}, groups=None)
    growth = tfp.GrowthAccounting(capital_share=1.0).fit(panel)
    with pytest.raises(tfp.DataError, match="growth rate"):
        tfp.Decomposition(weight="s").fit(panel, growth)


def test_the_number_of_threads_and_the_size_of_chunks_do_not_change_a_digit(monkeypatch):
    from tfp_index.kernels import blocks, decompose

    monkeypatch.setattr(decompose, "CHUNK_ROWS", 32)
    monkeypatch.setattr(decompose, "BLOCK_ROWS", 8)
    tables = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(blocks, "default_threads", lambda threads=threads: threads)
        d = tfp.Decomposition(method=ALL, weight="s", by="district").fit(
            firm_panel(firms(11)), "tfp"
        )
        tables.append(d.to_frame())
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    pd.testing.assert_frame_equal(tables[0], tables[2], check_exact=True)
    monkeypatch.undo()
    whole = tfp.Decomposition(method=ALL, weight="s", by="district").fit(
        firm_panel(firms(11)), "tfp"
    )
    pd.testing.assert_frame_equal(tables[0], whole.to_frame(), rtol=1e-9, atol=1e-12)


def test_reasons_and_notes_are_known_in_vietnamese():
    from tfp_index.language import language

    stayers = EIGHT[EIGHT["id"].isin([1, 2, 3, 4, 7])]
    d = tfp.Decomposition(method=ALL, weight="s", frame_breaks=(1,)).fit(panel_of(stayers), "tfp")
    said = {r for r in d.tidy()["reason"].tolist() if r} | set(d.tidy().notes)
    assert len(said) >= 4
    for text in said:
        assert language("vi").phrase(text) != text


# --- bad input ---------------------------------------------------------------------------------


def refused(frame, spec=None, periods=None, **roles):
    spec = spec or tfp.Decomposition(weight="s")
    with pytest.raises(tfp.DataError) as error:
        spec.fit(panel_of(frame, **roles), "tfp", periods=periods)
    return error.value


def test_no_survivors():
    frame = EIGHT.assign(id=np.arange(12))
    error = refused(frame)
    assert error.code == "no_survivors"
    assert error.remedy


def test_no_weight_in_a_period():
    error = refused(EIGHT.assign(s=np.where(EIGHT["year"] == 1, 0.0, EIGHT["s"])))
    assert error.code == "no_weight"
    assert error.time == 1


def test_negative_weights():
    error = refused(EIGHT.assign(s=np.where(EIGHT["id"] == 3, -0.1, EIGHT["s"])))
    assert error.code == "negative_weight"
    assert (error.entity, error.time, error.column) == (3, 0, "s")


def test_weights_of_another_period():
    error = refused(EIGHT.assign(s=np.where(EIGHT["year"] == 1, np.nan, EIGHT["s"])))
    assert error.code == "no_usable_rows"
    assert "weight missing in all 6" in str(error)


def test_a_firm_in_two_districts_in_one_year():
    twice = pd.concat([EIGHT, EIGHT.iloc[[0]].assign(side="B")], ignore_index=True)
    error = refused(twice)
    assert error.code == "duplicate_key"
    assert (error.entity, error.time) == (1, 0)


def test_infinite_productivity():
    error = refused(EIGHT.assign(tfp=np.where(EIGHT["id"] == 2, np.inf, EIGHT["tfp"])))
    assert error.code == "non_finite"


def test_levels_that_have_no_log():
    spec = tfp.Decomposition(weight="s", given="level")
    error = refused(EIGHT.assign(tfp=np.where(EIGHT["id"] == 2, 0.0, EIGHT["tfp"])), spec)
    assert error.code == "non_positive"


@pytest.mark.parametrize(
    ("periods", "error"),
    [
        ([(0, 5)], tfp.DataError),
        ([(1, 0)], tfp.SpecificationError),
        ([(0, 1), (0, 1)], tfp.SpecificationError),
        ([0, 1], tfp.SpecificationError),
        ("annual", tfp.SpecificationError),
        ([], tfp.SpecificationError),
    ],
)
def test_periods_that_make_no_pairs(periods, error):
    with pytest.raises(error):
        tfp.Decomposition(weight="s").fit(panel_of(EIGHT), "tfp", periods=periods)


def test_one_period_only():
    assert refused(EIGHT[EIGHT["year"] == 0]).code == "too_few_periods"


@pytest.mark.parametrize(
    "options",
    [
        {"method": "solow"},
        {"method": ()},
        {"method": ("diewert_fox", "diewert_fox")},
        {"method": "olley_pakes", "within": "industry"},
        {"method": "nested_olley_pakes"},
        {"method": "petrin_levinsohn"},
        {**PETRIN_LEVINSOHN, "costs": {"labor": "w"}},
        {**PETRIN_LEVINSOHN, "scale": "level"},
        {"elasticities": {"labor": 0.6}},
        {"by": "district", "within": "district"},
        {"movers": "middle"},
        {"keep_largest": -1},
    ],
)
def test_options_that_contradict_each_other(options):
    with pytest.raises(tfp.SpecificationError):
        tfp.Decomposition(**options)


def test_a_missing_column_or_group_is_named():
    with pytest.raises(tfp.DataError, match="no numeric column 'tpf'") as error:
        tfp.Decomposition(weight="s").fit(panel_of(EIGHT), "tpf")
    assert "tfp" in error.value.remedy
    with pytest.raises(tfp.DataError, match="no grouping 'sied'"):
        tfp.Decomposition(weight="s", by="sied").fit(panel_of(EIGHT), "tfp")


def test_rows_without_a_group_have_a_group_of_their_own():
    frame = EIGHT.assign(side=np.where(EIGHT["id"] == 1, None, EIGHT["side"]))
    table = tfp.Decomposition(weight="s", by="side").fit(panel_of(frame), "tfp").to_frame()
    assert "(missing)" in set(table["side"])
    one = table[table["method"] == "diewert_fox"]
    assert one.loc[one["side"] != TOTAL, "total"].sum() == pytest.approx(-0.3284, abs=EXACT)
