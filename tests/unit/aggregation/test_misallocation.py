from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.aggregation._cells import TOTAL

# two industries of four firms; the gain recomputed by two routes in two languages
EIGHT = pd.DataFrame(
    {
        "firm": list("abcdefgh"),
        "year": 2024,
        "branch": [1] * 4 + [2] * 4,
        "py": [100.0, 200, 50, 400, 80, 120, 60, 300],
        "wages": [40.0, 60, 30, 90, 20, 70, 15, 110],
        "k": [300.0, 500, 80, 1500, 100, 500, 90, 400],
    }
)
SMALL = {"min_firms": 4, "min_cell": 2}
SHARES = {1: 2 / 3, 2: 1 / 2}


def panel_of(frame, **roles):
    roles = {"columns": {"labor_cost": "wages"}, "groups": {"industry": "branch"}, **roles}
    return tfp.Panel.from_frame(
        frame, entity="firm", time="year", value_added="py", capital="k", **roles
    )


def firms(seed=0, n=300, years=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), years),
            "year": np.tile(2020 + np.arange(years), n),
            "branch": np.repeat(rng.choice(["10", "13", "23"], n), years),
        }
    )
    m = len(frame)
    frame["py"] = np.exp(rng.normal(size=m))
    frame["wages"] = frame["py"] * np.exp(-1 + 0.4 * rng.normal(size=m))
    frame["k"] = frame["py"] * np.exp(1 + 0.6 * rng.normal(size=m))
    return frame


def test_two_industries_of_four_firms_from_panel_to_gain():
    for sigma, gain in ((3.0, 11.5259181232706), (5.0, 14.559727970739722)):
        spec = tfp.HsiehKlenow(elasticity=sigma, labor_share=SHARES, trim=0, **SMALL)
        path = spec.fit(panel_of(EIGHT)).path()
        assert path["gain_percent"][0] == pytest.approx(gain, abs=1e-10)
        assert path["firms"][0] == 8
        assert path["industries"][0] == 2


def test_the_rental_rate_scales_wedges_and_not_the_gain():
    one, other = (
        tfp.HsiehKlenow(labor_share=SHARES, trim=0, rental_rate=r, **SMALL).fit(panel_of(EIGHT))
        for r in (0.1, 0.2)
    )
    assert one.gain()[0] == pytest.approx(other.gain()[0], rel=1e-14)
    a, b = (r.firms()["capital_wedge"] + 1 for r in (one, other))
    assert a == pytest.approx(2 * b)
    assert a[0] == pytest.approx(2 / 3)


def test_colombian_plants_show_why_the_path_belongs_to_the_gain(shared_file):
    frame = pd.read_csv(shared_file("data/aggregation/decomposition/colombian_311_input.csv"))
    levels = {name: np.exp(frame[name]) for name in ("L", "K")}
    frame = frame.assign(py=np.exp(frame["RGO"]) - np.exp(frame["RI"]), **levels)
    panel = tfp.Panel.from_frame(
        frame, entity="id", time="year", value_added="py", capital="K",
        columns={"labor_cost": "L"},
    )  # fmt: skip
    spec = tfp.HsiehKlenow(industry=None, labor_share=2 / 3, trim=(0, 0.01, 0.025))
    path = spec.fit(panel).path().to_frame()
    # note on aggregation, section 0: plants of 1986, percent
    gains = path.loc[path["year"] == 86, "gain_percent"].round().tolist()
    assert gains == [5521, 993, 261]


def test_trimming_recomputes_everything_on_the_firms_that_stay():
    frame = firms(1)
    spec = tfp.HsiehKlenow(trim=(0, 0.05), labor_share=0.6, min_firms=50)
    res = spec.fit(panel_of(frame))
    trimmed = res.firms(0.05).to_frame()
    stays = trimmed["log_tfpr_deviation"].notna().to_numpy()
    assert 0.75 < stays.mean() < 0.95
    alone = tfp.HsiehKlenow(trim=0, labor_share=0.6, min_firms=50).fit(panel_of(frame[stays]))
    assert res.gain(0.05) == pytest.approx(alone.gain(), rel=1e-12)
    whole = res.firms(0.0).to_frame()
    for year in (2020, 2021, 2022):
        mine = (frame["year"] == year).to_numpy()
        for name in ("log_tfpr_deviation", "log_tfpq_deviation"):
            x = whole.loc[mine, name]
            inside = x.between(x.quantile(0.05), x.quantile(0.95)).to_numpy()
            assert (inside | ~stays[mine]).all()
    assert (np.diff(res.path()["trim"].reshape(3, 2), axis=1) > 0).all()


def test_the_path_is_attached_and_cautions_are_printed():
    res = tfp.HsiehKlenow(labor_share=0.6).fit(panel_of(firms(2)))
    glance = res.glance()
    assert [f"gain_percent_trim_{t:g}" in glance.columns for t in (0, 0.01, 0.025, 0.05)] == [
        True
    ] * 4
    text = str(res)
    assert "measurement error" in text
    assert "trimming path" in text
    with pytest.raises(tfp.SpecificationError):
        res.gain(0.3)


def test_too_few_firms_are_refused_and_a_thin_year_is_missing_with_a_reason():
    frame = firms(3, n=120)
    with pytest.raises(tfp.DataError) as error:
        tfp.HsiehKlenow(min_firms=500).fit(panel_of(frame))
    assert error.value.code == "too_few_firms"
    assert error.value.remedy
    thin = frame[(frame["year"] != 2021) | (frame["firm"] < 40)]
    res = tfp.HsiehKlenow(labor_share=0.6, trim=0).fit(panel_of(thin))
    path = res.path().to_frame().set_index("year")
    assert np.isnan(path.loc[2021, "gain_percent"])
    assert "fewer than 100" in path.loc[2021, "reason"]
    assert path.loc[[2020, 2022], "gain_percent"].notna().all()
    assert res.sample.lost["year with fewer than 100 firms"] == (thin["year"] == 2021).sum()
    assert res.sample.balanced


def test_small_industries_and_values_without_logs_are_left_out_and_counted():
    frame = firms(4)
    frame.loc[frame["firm"] < 5, "branch"] = "99"
    frame.loc[20, "k"] = 0.0
    frame.loc[21, "py"] = -3.0
    frame.loc[22, "wages"] = np.nan
    res = tfp.HsiehKlenow(labor_share=0.6, trim=0).fit(panel_of(frame))
    assert dict(res.sample.lost) == {
        "value_added not above zero": 1,
        "labor_cost missing": 1,
        "capital not above zero": 1,
        "industry with fewer than 10 firms in the year": 15,
    }
    assert res.sample.balanced
    assert "99" not in set(res.by_industry()["industry"])


def test_labor_shares_from_the_data_from_a_column_and_given():
    frame = firms(5)
    by = frame.groupby("branch")[["wages", "py"]].sum()
    own = tfp.HsiehKlenow(trim=0).fit(panel_of(frame))
    expected = 1 - (by["wages"] / by["py"]).to_numpy()
    assert own.capital_share == pytest.approx(expected)
    given = (by["wages"] / by["py"]).to_dict()
    same = tfp.HsiehKlenow(trim=0, labor_share=given).fit(panel_of(frame))
    assert same.gain() == pytest.approx(own.gain(), rel=1e-12)
    column = tfp.HsiehKlenow(trim=0).fit(panel_of(frame.assign(share=0.55), labor_share="share"))
    assert column.capital_share == pytest.approx(np.full(3, 0.45))
    with pytest.raises(tfp.DataError, match="no entry for 13"):
        tfp.HsiehKlenow(labor_share={"10": 0.5, "23": 0.5}).fit(panel_of(frame))
    with pytest.raises(tfp.DataError, match="labor share of") as error:
        tfp.HsiehKlenow().fit(panel_of(frame.assign(wages=10 * frame["wages"])))
    assert error.value.code == "bad_share"


def test_gain_relative_to_a_benchmark():
    res = tfp.HsiehKlenow(labor_share=0.6, trim=(0, 0.01)).fit(panel_of(firms(6)))
    table = res.relative(2020).to_frame()
    assert table.loc[table["year"] == 2020, "gain_percent"].to_numpy() == pytest.approx([0, 0])
    gain = res.gain(0.01)
    expected = 100 * ((1 + gain[2]) / (1 + gain[0]) - 1)
    mine = table[(table["year"] == 2022) & (table["trim"] == 0.01)]
    assert mine["gain_percent"].item() == pytest.approx(expected)
    # published gains of China 1998 and the United States 1997 and their ratio, to rounding
    assert res.relative(0.429)["gain_percent"][0] == pytest.approx(
        100 * ((1 + res.gain(0.0)[0]) / 1.429 - 1)
    )
    with pytest.raises(tfp.DataError):
        res.relative(1997)


def test_industries_add_up_to_the_gain():
    res = tfp.HsiehKlenow(labor_share=0.6, trim=0).fit(panel_of(firms(7)))
    table = res.by_industry().to_frame()
    parts = table.groupby("year")["part_of_log_gain"].sum().to_numpy()
    assert parts == pytest.approx(np.log1p(res.gain()), rel=1e-12)
    assert table.groupby("year")["value_added_share"].sum().to_numpy() == pytest.approx(np.ones(3))


def test_the_log_normal_check_has_both_terms():
    rng = np.random.default_rng(8)
    n, sigma, a = 60_000, 3.0, 1 / 3
    log_a = 0.5 * rng.standard_normal(n)
    tau_y, tau_k = 0.2 * rng.standard_normal(n), 0.6 * rng.standard_normal(n)
    py = np.exp((sigma - 1) * (log_a - (a * tau_k - tau_y)))
    frame = pd.DataFrame({"firm": np.arange(n), "year": 1, "branch": "x", "py": py})
    frame["wages"] = py * np.exp(tau_y)
    frame["k"] = frame["wages"] / np.exp(tau_k)
    res = tfp.HsiehKlenow(labor_share=2 / 3, trim=0).fit(panel_of(frame))
    row = res.lognormal().to_frame().iloc[0]
    noise = 0.01  # of 60,000 draws; the second term alone is 0.04
    assert row["exact"] == pytest.approx(row["lognormal"], abs=noise)
    assert row["lognormal"] == pytest.approx(row["term_tfpr"] + row["term_capital_wedge"])
    assert abs(row["exact"] - row["term_tfpr"]) > 0.03


def test_marginal_products_are_as_dispersed_as_their_logs_inside_industries():
    frame = firms(9)
    res = tfp.HsiehKlenow(labor_share=0.6, trim=0).fit(panel_of(frame))
    table = res.marginal_products().to_frame().set_index("year")
    logs = np.log(frame["py"] / frame["k"])
    sd = logs.groupby([frame["branch"], frame["year"]]).std(ddof=0).unstack()
    share = frame.pivot_table(index="branch", columns="year", values="py", aggfunc="sum")
    weight = (share / share.sum()).mean(axis=1)
    expected = (sd.mul(weight, axis=0)).sum() / weight.sum()
    assert table["sd_mrpk"].to_numpy() == pytest.approx(expected.to_numpy())


def test_spread_of_tfpr_by_hand_for_equal_industries():
    frame = EIGHT.assign(branch=1)
    res = tfp.HsiehKlenow(labor_share=2 / 3, trim=0, **SMALL).fit(panel_of(frame))
    logs = np.log(res.firms()["tfpr"])
    assert res.path()["sd_tfpr"][0] == pytest.approx(logs.std())


def test_sampling_weights_stand_for_copies():
    frame = firms(10, n=150)
    frame["w"] = np.repeat(np.random.default_rng(0).integers(1, 4, 150), 3).astype(float)
    copies = frame.loc[frame.index.repeat(frame["w"].astype(int))].copy()
    copies["firm"] = copies["firm"] * 10 + copies.groupby(["firm", "year"]).cumcount()
    columns = {"labor_cost": "wages", "w": "w"}
    ours = tfp.HsiehKlenow(labor_share=0.6, trim=0, sampling_weight="w").fit(
        panel_of(frame, columns=columns)
    )
    theirs = tfp.HsiehKlenow(labor_share=0.6, trim=0).fit(panel_of(copies))
    assert ours.gain() == pytest.approx(theirs.gain(), rel=1e-10)
    for name in ("sd_tfpr", "d9010_tfpr", "sd_tfpq"):
        assert ours.path()[name] == pytest.approx(theirs.path()[name], rel=1e-9)


def test_one_industry_and_columns_in_logs():
    frame = EIGHT.assign(py=np.log(EIGHT["py"]), k=np.log(EIGHT["k"]), wages=EIGHT["wages"])
    spec = tfp.HsiehKlenow(industry=None, labor_share=0.6, trim=0, **SMALL)
    logs = spec.fit(panel_of(frame, logs=True, groups=None))
    levels = spec.fit(panel_of(EIGHT, groups=None))
    assert logs.gain() == pytest.approx(levels.gain(), rel=1e-12)
    assert len(levels.to_public(tfp.DisclosureRules(min_count=4)).public) == 1


def test_the_public_table_hides_dominated_industries():
    frame = firms(11)
    frame.loc[(frame["branch"] == "13") & (frame["firm"] % 7 == 0), "py"] *= 1e4
    first = frame.loc[frame["branch"] == "13", "firm"].min()
    frame.loc[frame["firm"] == first, "py"] *= 1e6
    res = tfp.HsiehKlenow(labor_share=0.6, trim=0).fit(panel_of(frame))
    public = res.to_public().public.to_frame()
    mine = public[public["industry"] == "13"]
    assert (mine["status"] == "suppressed").all()
    whole = public[public["industry"] == TOTAL]
    assert (whole["status"] == "suppressed").all()  # dominated by the same enterprise


@pytest.mark.parametrize(
    "options",
    [
        {"elasticity": 1.0},
        {"trim": (0.5,)},
        {"trim": ()},
        {"trim": (0, 0)},
        {"trim": "1 %"},
        {"rental_rate": 0},
        {"min_firms": 0},
        {"min_cell": 1.5},
        {"labor_share": 1.0},
        {"labor_share": {"a": 0}},
    ],
)
def test_parameters_without_sense_are_refused(options):
    with pytest.raises(tfp.SpecificationError):
        tfp.HsiehKlenow(**options)


def test_infinite_values_are_refused():
    with pytest.raises(tfp.DataError) as error:
        tfp.HsiehKlenow(**SMALL).fit(panel_of(EIGHT.assign(k=np.inf)))
    assert error.value.code == "non_finite"
