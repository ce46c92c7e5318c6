from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.aggregation.test_decomposition import firm_panel, firms
from tfp_index.aggregation._cells import TOTAL

EXACT = 1e-12


def test_levels_shares_and_index_by_group_with_margins():
    frame = firms(0)
    res = tfp.Aggregation(weight="s", by=("district", "industry"), base=2021).fit(
        firm_panel(frame), "tfp"
    )
    table = res.to_frame()
    assert set(table["district"]) == {"a", "b", "c", TOTAL}
    for _, row in table.iterrows():
        mine = frame[frame["year"] == row["year"]]
        whole = mine["s"].sum()
        for name in ("district", "industry"):
            mine = mine if row[name] == TOTAL else mine[mine[name] == row[name]]
        assert row["productivity"] == pytest.approx(np.average(mine["tfp"], weights=mine["s"]))
        assert row["share"] == pytest.approx(mine["s"].sum() / whole)
        assert row["n"] == len(mine)
    base = table[table["year"] == 2021].set_index(["district", "industry"])["productivity"]
    own = base.loc[list(zip(table["district"], table["industry"], strict=True))].to_numpy()
    expected = 100 * np.exp(table["productivity"].to_numpy() - own)
    assert table["index"].to_numpy() == pytest.approx(expected)
    assert res.glance()["rows"][0] == len(frame)


def test_the_base_only_rescales_the_index():
    panel = firm_panel(firms(1))
    one, other = (
        tfp.Aggregation(weight="s", base=b).fit(panel, "tfp").to_frame()["index"] for b in
        (2020, 2022)
    )  # fmt: skip
    assert (one / other).std() == pytest.approx(0, abs=EXACT)


def test_levels_aggregate_to_output_over_labor():
    frame = firms(2)
    frame["lp"] = np.exp(frame["tfp"])
    panel = tfp.Panel.from_frame(
        frame, entity="id", time="year", columns={"lp": "lp", "labor_": "s"}
    )
    res = tfp.Aggregation(weight="labor_", scale="level", given="level").fit(panel, "lp")
    output = (frame["lp"] * frame["s"]).groupby(frame["year"]).sum()
    ratio = (output / frame.groupby("year")["s"].sum()).to_numpy()
    assert res.to_frame()["productivity"].to_numpy() == pytest.approx(ratio)
    assert res.to_frame()["index"].to_numpy() == pytest.approx(100 * ratio / ratio[0])


def test_relative_levels_take_differences_between_industries_out():
    frame = firms(3)
    shifted = frame.assign(tfp=frame["tfp"] + 5 * (frame["industry"] == "G"))
    spec = tfp.Aggregation(weight="s", relative="industry")
    one, other = (spec.fit(firm_panel(f), "tfp").to_frame() for f in (frame, shifted))
    assert one["productivity"].to_numpy() == pytest.approx(other["productivity"].to_numpy())
    assert one["productivity"].iloc[0] == pytest.approx(0, abs=1e-10)  # its own base
    assert any("relative=" in n for n in tfp.Aggregation(weight="s", by="district").fit(
        firm_panel(frame), "tfp").tidy().notes)  # fmt: skip


def test_an_industry_without_base_period_is_counted_out():
    frame = firms(4)
    late = frame[~((frame["industry"] == "C") & (frame["year"] == 2020))]
    res = tfp.Aggregation(weight="s", relative="industry", base=2020).fit(firm_panel(late), "tfp")
    lost = res.sample.lost["no industry of the base period to compare with"]
    assert lost == (late["industry"] == "C").sum()
    assert res.sample.balanced


def domar_panel(frame):
    frame = frame.assign(y=np.exp(1 + frame["s"] / 10), va=frame["s"] + 0.5)
    return frame, tfp.Panel.from_frame(
        frame, entity="id", time="year", output="y", value_added="va", columns={"tfp": "tfp"},
        groups={"district": "district"},
    )  # fmt: skip


def test_domar_growth_of_continuing_firms():
    frame, panel = domar_panel(firms(5))
    res = tfp.Aggregation(method="domar", by="district", base=2021).fit(panel, "tfp")
    table = res.to_frame().set_index(["district", "year"])
    for district in ("a", TOTAL):
        mine = frame if district == TOTAL else frame[frame["district"] == district]
        for year in (2021, 2022, 2023):
            now, before = (mine[mine["year"] == t].set_index("id") for t in (year, year - 1))
            everyone = frame[frame["year"] == year - 1].set_index("id")
            here = frame[frame["year"] == year].set_index("id")
            ids = [i for i in now.index if i in everyone.index]
            D = 0.5 * (
                everyone.loc[ids, "y"] / before["va"].sum() + here.loc[ids, "y"] / now["va"].sum()
            )
            growth = (D * (here.loc[ids, "tfp"] - everyone.loc[ids, "tfp"])).sum()
            assert table.loc[(district, year), "growth"] == pytest.approx(growth)
        g = table.loc[district, "growth"]
        assert table.loc[(district, 2021), "index"] == pytest.approx(100)
        assert table.loc[(district, 2020), "index"] == pytest.approx(100 * np.exp(-g[2021]))
        chained = 100 * np.exp(g[2022] + g[2023])
        assert table.loc[(district, 2023), "index"] == pytest.approx(chained)
    with pytest.raises(tfp.SpecificationError):
        tfp.Aggregation(method="domar", scale="level")
    with pytest.raises(tfp.SpecificationError):
        tfp.Aggregation(method="domar", relative="industry")


def test_a_group_without_the_base_has_no_index_and_says_so():
    frame = firms(6)
    late = frame[~((frame["district"] == "b") & (frame["year"] == 2020))]
    table = tfp.Aggregation(weight="s", by="district").fit(firm_panel(late), "tfp").to_frame()
    mine = table[(table["district"] == "b") & (table["year"] > 2020)]
    assert mine["index"].isna().all()
    assert mine["reason"].str.contains("not linked to the base 2020").all()
    assert mine["productivity"].notna().all()
    none = table[(table["district"] == "b") & (table["year"] == 2020)]
    assert none["reason"].tolist() == ["no enterprise"]


def test_coverage_against_official_totals():
    frame = firms(7)
    res = tfp.Aggregation(weight="s", by=("district", "industry")).fit(firm_panel(frame), "tfp")
    totals = frame.groupby(["district", "year"], as_index=False)["s"].sum()
    official = totals.assign(grdp=totals["s"] * 2)[["district", "year", "grdp"]]
    table = res.coverage(official, "grdp")
    assert len(table) == len(official)
    assert table["coverage"] == pytest.approx(np.full(len(official), 0.5))
    whole = pd.DataFrame({"year": [2020], "grdp": [frame.loc[frame["year"] == 2020, "s"].sum()]})
    assert res.coverage(whole, "grdp")["coverage"].tolist() == pytest.approx([1.0])
    with pytest.raises(tfp.DataError, match="no group and period"):
        res.coverage(whole.assign(year=1999), "grdp")
    with pytest.raises(tfp.DataError, match="no column 'year'"):
        res.coverage(whole.rename(columns={"year": "năm"}), "grdp")


def test_the_public_table_hides_small_groups():
    frame = firms(8)
    frame.loc[frame["id"] < 2, "district"] = "d"
    res = tfp.Aggregation(weight="s", by="district").fit(firm_panel(frame), "tfp")
    public = res.to_public().public.to_frame()
    assert (public.loc[public["district"] == "d", "status"] != "published").all()
    assert public.loc[public["district"] == "d", "productivity"].isna().all()
    assert not {"n", "weight"} & set(public.columns)


def test_missing_values_are_counted_and_no_value_at_all_is_refused():
    frame = firms(9)
    frame.loc[:4, "tfp"] = np.nan
    frame.loc[5:6, "s"] = np.nan
    res = tfp.Aggregation(weight="s").fit(firm_panel(frame), "tfp")
    assert dict(res.sample.lost) == {"tfp missing": 5, "weight missing": 2}
    assert res.sample.balanced
    with pytest.raises(tfp.DataError) as error:
        tfp.Aggregation(weight="s").fit(firm_panel(frame.assign(tfp=np.nan)), "tfp")
    assert error.value.code == "no_usable_rows"


def test_columns_in_logs_are_taken_out_of_logs_for_weights():
    frame = pd.DataFrame({"id": [1, 2], "year": [1, 1], "y": np.log([1.0, 3.0]), "t": [0.0, 1.0]})
    panel = tfp.Panel.from_frame(
        frame, entity="id", time="year", output="y", columns={"t": "t"}, logs=True
    )
    table = tfp.Aggregation().fit(panel, "t").to_frame()
    assert table["productivity"].tolist() == pytest.approx([0.75])


def test_an_unknown_base_is_refused():
    with pytest.raises(tfp.DataError, match="base period"):
        tfp.Aggregation(weight="s", base=1999).fit(firm_panel(firms(0)), "tfp")
