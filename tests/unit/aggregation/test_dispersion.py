from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.aggregation.test_decomposition import firm_panel, firms

GAPS = ["d9010", "d7525", "d9050", "d5010", "d9990", "d1001"]


def test_statistics_of_each_cell_equal_those_of_pandas():
    frame = firms(0, n=600)
    res = tfp.Dispersion(within=["industry", "year"]).fit(firm_panel(frame), "tfp")
    table = res.to_frame().set_index(["industry", "year"])
    by = frame.groupby(["industry", "year"])["tfp"]
    assert table["sd"].to_numpy() == pytest.approx(by.std().loc[table.index].to_numpy())
    for p in (1, 5, 10, 25, 50, 75, 90, 95, 99):
        expected = by.quantile(p / 100).loc[table.index].to_numpy()
        assert table[f"p{p}"].to_numpy() == pytest.approx(expected)
    assert table["d9010"].to_numpy() == pytest.approx((table["p90"] - table["p10"]).to_numpy())
    assert table["n"].to_numpy() == pytest.approx(by.size().loc[table.index].to_numpy())
    assert (table["weighting"] == "unweighted").all()


def test_colombian_figures_from_file_to_table(shared_file, reference):
    want = reference("aggregation")["dispersion"]["colombian_1991_tfp"]
    frame = pd.read_csv(shared_file("data/aggregation/decomposition/colombian_311_input.csv"))
    panel = tfp.Panel.from_frame(
        frame, entity="id", time="year", columns={"tfp": "tfp", "s_emp": "s_emp"}
    )
    res = tfp.Dispersion(weight="s_emp", within="year").fit(panel, "tfp")
    table = res.to_frame()
    table = table[table["year"] == 91].set_index("weighting")
    plain, weighted = table.loc["unweighted"], table.loc["s_emp"]
    digits = 1e-11  # the file keeps twelve
    assert plain["n"] == want["n"]
    assert plain["sd"] == pytest.approx(want["sd_ddof1"], abs=digits)
    assert plain[GAPS].tolist() == pytest.approx([want[name] for name in GAPS], abs=digits)
    assert plain["frontier_gap"] == pytest.approx(want["frontier_minus_rest"], abs=digits)
    assert plain["frontier_to_median"] == pytest.approx(want["frontier_minus_median"], abs=digits)
    laggards = plain["p50"] - plain["laggard_gap"]
    assert laggards == pytest.approx(want["laggards_bottom10_mean"], abs=digits)
    q = want["weighted_by_employment"]["quantiles"]
    ours = weighted[[f"p{100 * float(p):g}" for p in q]].tolist()
    assert ours == pytest.approx(list(q.values()), abs=digits)
    assert weighted["sd"] == pytest.approx(want["weighted_by_employment"]["sd"], abs=digits)
    gap = want["weighted_by_employment"]["mean"] - want["mean"]
    assert weighted["op_gap"] == pytest.approx(gap, abs=digits)
    stata = tfp.Dispersion(within="year", definition="averaged").fit(panel, "tfp").to_frame()
    stata = stata[stata["year"] == 91].iloc[0]
    figures = want["unweighted_stata_pctile"]
    ours = stata[[f"p{100 * float(p):g}" for p in figures]].tolist()
    assert ours == pytest.approx(list(figures.values()), abs=digits)


def test_pooled_deviations_take_cell_means_out():
    frame = firms(1)
    res = tfp.Dispersion(within=("industry", "year"), by="year").fit(firm_panel(frame), "tfp")
    deviation = frame["tfp"] - frame.groupby(["industry", "year"])["tfp"].transform("mean")
    table = res.to_frame().set_index("year")
    assert table["sd"].to_numpy() == pytest.approx(
        deviation.groupby(frame["year"]).std().to_numpy()
    )
    assert table["mean"].to_numpy() == pytest.approx(np.zeros(4), abs=1e-14)
    assert any("deviations" in note for note in res.tidy().notes)


def test_top_decile_share_and_weights():
    frame = firms(2)
    res = tfp.Dispersion(weight="s", within="year").fit(firm_panel(frame), "tfp")
    table = res.to_frame()
    for _, row in table[table["weighting"] == "s"].iterrows():
        mine = frame[frame["year"] == row["year"]]
        top = mine["tfp"] >= mine["tfp"].quantile(0.9)
        share = mine.loc[top, "s"].sum() / mine["s"].sum()
        assert row["top_decile_share"] == pytest.approx(share)
        gap = np.average(mine["tfp"], weights=mine["s"]) - mine["tfp"].mean()
        assert row["op_gap"] == pytest.approx(gap)
    assert table.loc[table["weighting"] == "unweighted", "top_decile_share"].isna().all()


def test_sampling_weights_stand_in_for_equal_weights():
    frame = firms(3, periods=2)
    copies = frame.loc[frame.index.repeat(frame["design"].astype(int))].copy()
    copies["id"] = copies["id"] * 10 + copies.groupby(["id", "year"]).cumcount()
    ours = tfp.Dispersion(sampling_weight="design", within="year", definition="averaged").fit(
        firm_panel(frame), "tfp"
    )
    theirs = tfp.Dispersion(within="year", definition="averaged").fit(firm_panel(copies), "tfp")
    a, b = ours.to_frame(), theirs.to_frame()
    for name in ("mean", "p10", "p50", "p90", "frontier_gap"):
        assert a[name].to_numpy() == pytest.approx(b[name].to_numpy())


def test_transitions_between_quintiles():
    frame = firms(4)
    res = tfp.Dispersion(within=("industry", "year")).fit(firm_panel(frame), "tfp")
    table = res.transitions().to_frame()
    assert table.groupby("from")["share"].sum().to_numpy() == pytest.approx(np.ones(6))
    ids = frame.set_index(["id", "year"]).index
    pairs = sum((i, t + 1) in ids for i, t in ids if t < 2023)
    stayed = table[(table["from"] != "absent") & (table["to"] != "absent")]
    assert stayed["n"].sum() == pairs
    bins = res.row_bins.to_frame()
    merged = frame.assign(bin=bins["bin"].to_numpy())
    one = merged[merged["year"] == 2020].set_index("id")["bin"]
    other = merged[merged["year"] == 2021].set_index("id")["bin"]
    both = one.index.intersection(other.index)
    counts = pd.crosstab(one.loc[both], other.loc[both])
    single = res.transitions(2020, 2021).to_frame()
    for i in range(1, 6):
        for j in range(1, 6):
            mine = single[(single["from"] == i) & (single["to"] == j)]["n"].item()
            assert mine == counts.loc[i, j]
    absent = single[(single["from"] == "absent")]["n"].sum()
    assert absent == len(other) - len(both)


def test_joint_means_by_decile():
    frame = firms(5)
    res = tfp.Dispersion(weight="s", within="year", joint=("s",)).fit(firm_panel(frame), "tfp")
    table = res.joint().to_frame()
    year = frame[frame["year"] == 2020]
    rank = year["tfp"].rank(method="average") - 0.5
    decile = np.minimum((rank * 10 / len(year)).astype(int), 9) + 1
    expected = year["s"].groupby(decile).mean()
    ours = table[table["year"] == 2020].set_index("decile")["mean"]
    assert ours.to_numpy() == pytest.approx(expected.to_numpy())
    with pytest.raises(tfp.SpecificationError):
        tfp.Dispersion().fit(firm_panel(frame), "tfp").joint()


def test_public_percentiles_are_means_and_tails_need_enough_enterprises():
    frame = firms(6, n=400)
    frame.loc[frame["id"] < 3, "district"] = "d"
    res = tfp.Dispersion(weight="s", within=("district", "year")).fit(firm_panel(frame), "tfp")
    public = res.to_public().public.to_frame()
    assert (public.loc[public["district"] == "d", "status"] == "suppressed").all()
    shown = public[public["status"] == "published"]
    assert not {"n", "top_decile_share", "op_gap"} & set(public.columns)
    row = shown.iloc[0]
    mine = frame[(frame["district"] == row["district"]) & (frame["year"] == row["year"])]
    x = np.sort(mine["tfp"].to_numpy())
    center = round(0.5 * (len(x) - 1))
    assert row["p50"] == pytest.approx(x[center - 2 : center + 3].mean())
    assert np.isnan(row["p1"])  # its window leaves the sample
    for _, row in shown.iterrows():
        mine = frame[(frame["district"] == row["district"]) & (frame["year"] == row["year"])]
        top = (mine["tfp"] >= mine["tfp"].quantile(0.95)).sum()
        assert np.isnan(row["frontier_gap"]) == (top < 5)
    assert any("means of the 5 observations" in note for note in res.to_public().public.notes)


def test_cells_of_one_and_rows_without_group():
    frame = pd.DataFrame({"id": [1, 2, 3], "year": [1, 1, 1], "g": ["a", "a", "b"],
                          "tfp": [1.0, 2.0, 5.0]})  # fmt: skip
    panel = tfp.Panel.from_frame(
        frame, entity="id", time="year", columns={"tfp": "tfp"}, groups={"g": "g"}
    )
    table = tfp.Dispersion(within="g").fit(panel, "tfp").to_frame().set_index("g")
    assert np.isnan(table.loc["b", "sd"])
    assert table.loc["b", "reason"] == "one enterprise: no spread"
    assert table.loc["a", "sd"] == pytest.approx(np.sqrt(0.5))


def test_missing_productivity_is_counted():
    frame = firms(7)
    frame.loc[:9, "tfp"] = np.nan
    res = tfp.Dispersion(within="year").fit(firm_panel(frame), "tfp")
    assert res.sample.lost["tfp missing"] == 10
    assert res.sample.balanced
    assert np.isnan(res.row_bins["bin"]).sum() == 10
    with pytest.raises(tfp.DataError) as error:
        tfp.Dispersion().fit(firm_panel(frame.assign(tfp=np.nan)), "tfp")
    assert error.value.code == "no_usable_rows"


@pytest.mark.parametrize(
    "options",
    [
        {"definition": "type 6"},
        {"percentiles": (10, 101)},
        {"percentiles": ("ten",)},
        {"frontier": 0.0},
        {"laggards": 1.0},
        {"bins": 1},
        {"scale": "cube"},
    ],
)
def test_options_without_sense_are_refused(options):
    with pytest.raises(tfp.SpecificationError):
        tfp.Dispersion(**options)


def test_negative_weights_are_refused():
    frame = firms(8)
    frame.loc[0, "s"] = -1.0
    with pytest.raises(tfp.DataError) as error:
        tfp.Dispersion(weight="s").fit(firm_panel(frame), "tfp")
    assert error.value.code == "negative_weight"
