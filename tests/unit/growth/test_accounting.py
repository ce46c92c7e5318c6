from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp


def data(**columns):
    base = {
        "id": ["A"] * 4,
        "year": [2000, 2001, 2002, 2003],
        "y": [100.0, 108.0, 113.4, 120.0],
        "k": [300.0, 330.0, 346.5, 360.0],
        "l": [50.0, 51.0, 51.0, 52.0],
    }
    return pd.DataFrame({**base, **columns})


def panel(frame=None, **roles):
    return tfp.Panel.from_frame(
        data() if frame is None else frame,
        **{"entity": "id", "time": "year", "output": "y", "capital": "k", "labor": "l", **roles},
    )


def test_discrete_growth_by_hand():
    res = tfp.GrowthAccounting(growth="discrete", capital_share=0.4).fit(panel())
    # 8 % - 0.4 * 10 % - 0.6 * 2 %
    assert res.tfp_growth[1] == pytest.approx(0.028, abs=1e-15)
    assert res.contribution("capital")[1] == pytest.approx(0.04, abs=1e-15)
    assert res.contribution("labor")[1] == pytest.approx(0.012, abs=1e-15)


@pytest.mark.parametrize(
    ("timing", "share"), [("average", 0.45), ("current", 0.4), ("lagged", 0.5)]
)
def test_share_timing(timing, share):
    frame = data(s=[0.5, 0.4, 0.3, 0.2])
    res = tfp.GrowthAccounting(growth="discrete", share_timing=timing).fit(
        panel(frame, labor_share="s")
    )
    assert res.contribution("labor")[1] == pytest.approx(share * 0.02, abs=1e-15)
    assert res.contribution("capital")[1] == pytest.approx((1 - share) * 0.1, abs=1e-15)


def test_stepwise_shares_hold_until_the_next_step_and_not_before_the_first():
    spec = tfp.GrowthAccounting(growth="discrete", capital_share={2002: 0.5, 2003: 0.3})
    assert spec.share_timing == "stepwise"
    res = spec.fit(panel())
    frame = res.to_frame(reasons=True)
    assert frame["reason"].tolist() == [
        "first row of its entity",
        "value or share missing",
        "",
        "",
    ]
    assert res.contribution("capital")[2] == pytest.approx(0.5 * 0.05)
    assert res.contribution("capital")[3] == pytest.approx(0.3 * (360 / 346.5 - 1))
    assert res.output_growth[1] == pytest.approx(0.08)  # growth is known though no share is


def test_the_three_residuals_of_the_vietnamese_note():
    k, labor, y = 1.10, 1.02, 1.08
    geometric = k**0.4 * labor**0.6
    expected = {
        ("arithmetic", "difference"): y - (0.4 * k + 0.6 * labor),
        ("geometric", "difference"): y - geometric,
        ("geometric", "ratio"): y / geometric - 1,
    }
    for (index, residual), value in expected.items():
        spec = tfp.GrowthAccounting(
            growth="discrete", capital_share=0.4, input_index=index, residual=residual
        )
        res = spec.fit(panel())
        assert res.tfp_growth[1] == pytest.approx(value, abs=1e-14)
        parts = [res.contribution(name)[1:] for name in ("capital", "labor", "tfp")]
        np.testing.assert_allclose(np.sum(parts, axis=0), res.output_growth[1:], atol=1e-15)


def test_any_number_of_inputs():
    frame = data(m=[10.0, 11.0, 12.0, 13.0], sk=0.2, sl=0.3)
    res = tfp.GrowthAccounting().fit(
        panel(frame, inputs={"imports": "m"}, capital_share="sk", labor_share="sl")
    )
    assert res.inputs == ("capital", "labor", "imports")
    assert res.contribution("imports")[1] == pytest.approx(0.5 * np.log(1.1))


def test_index_with_and_without_base():
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel())
    plain = res.index()["tfp_index"]
    assert plain[0] == 1.0
    np.testing.assert_allclose(np.diff(np.log(plain)), res.tfp_growth[1:], atol=1e-15)
    based = res.index(base=2002, value=100.0)["tfp_index"]
    assert based[2] == 100.0
    np.testing.assert_allclose(based / based[0], plain / plain[0], rtol=1e-14)


def test_discrete_index_chains_rates():
    res = tfp.GrowthAccounting(growth="discrete", capital_share=0.4).fit(panel())
    expected = np.cumprod(np.r_[1.0, 1.0 + res.tfp_growth[1:]])
    np.testing.assert_allclose(res.index()["tfp_index"], expected, rtol=1e-14)


def test_a_gap_breaks_the_index_and_says_so():
    frame = data(year=[2000, 2001, 2003, 2004])
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel(frame))
    index = res.index().to_frame()
    assert index["tfp_index"].notna().tolist() == [True, True, False, False]
    assert index["reason"].tolist() == ["", "", "not linked to the base", "not linked to the base"]
    later = res.index(base=2004).to_frame()
    assert later["tfp_index"].notna().tolist() == [False, False, True, True]
    assert res.sample.lost == {"first row of its entity": 1, "gap before the row": 1}
    assert res.sample.balanced


def test_series_that_begin_with_missing_years_start_their_index_later():
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel(data(k=[np.nan, np.nan, 346.5, 360.0])))
    assert res.index()["tfp_index"][:2].tolist() == pytest.approx([np.nan] * 2, nan_ok=True)
    assert res.index()["tfp_index"][2] == 1.0


def test_periods_and_their_three_rules():
    res = tfp.GrowthAccounting(growth="discrete", capital_share=0.4).fit(panel())
    row = res.periods([(2000, 2003)]).rows()[0]
    g, c = res.output_growth[1:], res.tfp_growth[1:]
    y = data()["y"].to_numpy()
    assert row["years"] == 3
    assert row["output_growth"] == pytest.approx(g.mean())
    assert row["tfp_growth"] == pytest.approx(c.mean())
    assert row["tfp_share_of_growth"] == pytest.approx(c.sum() / g.sum())
    assert row["tfp_share_mean_of_ratios"] == pytest.approx((c / g).mean())
    assert row["tfp_share_increment"] == pytest.approx((c * y[:-1]).sum() / (y[3] - y[0]))
    assert row["flag"] == ""


def test_log_increments_use_the_logarithmic_mean():
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel())
    row = res.periods().rows()[0]
    y = data()["y"].to_numpy()
    weight = np.diff(y) / np.diff(np.log(y))
    expected = (res.tfp_growth[1:] * weight).sum() / (y[3] - y[0])
    assert row["tfp_share_increment"] == pytest.approx(expected)
    assert (row["start"], row["end"]) == (2000, 2003)


def test_compound_period_means():
    res = tfp.GrowthAccounting.vietnam(capital_share=0.4).fit(panel())
    row = res.periods([(2000, 2003)]).rows()[0]
    g = {c: (v.iloc[-1] / v.iloc[0]) ** (1 / 3) - 1 for c, v in data()[["y", "k", "l"]].items()}
    assert row["output_growth"] == pytest.approx(g["y"])
    assert row["tfp_growth"] == pytest.approx(g["y"] - 0.4 * g["k"] - 0.6 * g["l"])


def test_compound_means_with_steps_average_the_shares_of_the_years():
    steps = {2000: 0.3, 2003: 0.6}
    res = tfp.GrowthAccounting.vietnam(capital_share=steps).fit(panel())
    row = res.periods([(2000, 2003)]).rows()[0]
    g = {c: (v.iloc[-1] / v.iloc[0]) ** (1 / 3) - 1 for c, v in data()[["y", "k", "l"]].items()}
    assert row["tfp_growth"] == pytest.approx(g["y"] - 0.4 * g["k"] - 0.6 * g["l"])


def test_compound_means_refuse_share_columns():
    res = tfp.GrowthAccounting(growth="discrete", period_mean="compound").fit(
        panel(data(s=0.5), labor_share="s")
    )
    with pytest.raises(tfp.SpecificationError, match="fixed or stepwise"):
        res.periods([(2000, 2003)])


@pytest.mark.parametrize(
    ("y", "flag"),
    [
        ([100.0, 100.1, 100.0, 100.1], "growth too small"),
        ([100.0, 95.0, 90.0, 85.0], "negative growth"),
        ([100.0, 100.6, 113.4, 120.0], "disagree"),
    ],
)
def test_period_flags(y, flag):
    row = tfp.GrowthAccounting(capital_share=0.4).fit(panel(data(y=y))).periods().rows()[0]
    assert flag in row["flag"]
    if "small" in flag:
        assert row["tfp_share_of_growth"] is None


def test_incomplete_periods_are_missing_unless_wanted():
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel())
    strict = res.periods([(1999, 2003)]).rows()[0]
    assert strict["tfp_growth"] is None
    assert strict["flag"].startswith("incomplete: 3 of 4")
    loose = res.periods([(1999, 2003)], incomplete="available").rows()[0]
    assert loose["tfp_growth"] == pytest.approx(res.tfp_growth[1:].mean())
    assert "incomplete" in loose["flag"]


@pytest.mark.parametrize("bad", [[], [(2003, 2000)], [2000], [(2000, 2000)]])
def test_periods_that_are_none(bad):
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel())
    with pytest.raises(tfp.SpecificationError):
        res.periods(bad)


def test_sensitivity_equals_separate_fits():
    res = tfp.GrowthAccounting(growth="discrete").fit(panel(data(s=0.63), labor_share="s"))
    table = res.sensitivity(capital_share=[0.3, 0.5], periods=[(2000, 2003)])
    for row in table.rows():
        again = tfp.GrowthAccounting(growth="discrete", capital_share=row["capital_share"])
        direct = again.fit(panel()).periods([(2000, 2003)]).rows()[0]
        assert row["tfp_growth"] == pytest.approx(direct["tfp_growth"], abs=1e-15)


def test_sensitivity_needs_no_shares_where_they_are_missing():
    frame = data(s=[0.6, np.nan, np.nan, np.nan])
    res = tfp.GrowthAccounting().fit(panel(frame, labor_share="s"))
    assert res.sample.used == 0
    assert res.sensitivity([0.4]).rows()[0]["years"] == 3


def test_sensitivity_of_three_inputs_is_refused():
    res = tfp.GrowthAccounting(capital_share=0.3, labor_share=0.3).fit(
        panel(data(m=[1.0, 2.0, 3.0, 4.0]), materials="m")
    )
    with pytest.raises(tfp.SpecificationError):
        res.sensitivity([0.3])


@pytest.mark.parametrize("method", ["hp", "hamilton", "unobserved_components"])
def test_trend_plus_cycle_is_growth(method):
    rng = np.random.default_rng(5)
    n = 40
    frame = pd.DataFrame(
        {
            "id": "A",
            "year": np.arange(1980, 1980 + n),
            "y": np.exp(np.cumsum(rng.normal(0.05, 0.02, n))),
            "k": np.exp(np.cumsum(rng.normal(0.05, 0.01, n))),
            "l": np.exp(np.cumsum(rng.normal(0.01, 0.01, n))),
        }
    )
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel(frame))
    table = res.trend(method)
    assert len(table) == n - 1
    there = np.isfinite(table["trend"])
    assert there.sum() > n // 2
    np.testing.assert_allclose(
        (table["trend"] + table["cycle"])[there], table["tfp_growth"][there], atol=1e-15
    )
    assert np.std(table["trend"][there]) < np.std(table["tfp_growth"][there])


def test_hp_is_the_filter_of_statsmodels():
    from statsmodels.tsa.filters.hp_filter import hpfilter

    frame = pd.DataFrame({"id": "A", "year": np.arange(20), "y": 2.0 + np.sin(np.arange(20.0))})
    frame["k"] = frame["l"] = 1.0
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel(frame))
    expected = hpfilter(res.tfp_growth[1:], lamb=10.0)[1]
    np.testing.assert_allclose(res.trend("hp", smoothing=10.0)["trend"], expected, atol=1e-14)


@pytest.mark.parametrize(
    ("method", "options"),
    [("hq", {}), ("hp", {"lags": 2}), ("hp", {"smoothing": 0}), ("hamilton", {"lags": 99})],
)
def test_trend_options_are_checked(method, options):
    frame = pd.DataFrame({"id": "A", "year": np.arange(20), "y": 2.0 + np.sin(np.arange(20.0))})
    frame["k"] = frame["l"] = 1.0
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel(frame))
    with pytest.raises(tfp.SpecificationError):
        res.trend(method, **options)


def test_trend_of_short_series_is_refused():
    with pytest.raises(tfp.DataError, match="consecutive"):
        tfp.GrowthAccounting(capital_share=0.4).fit(panel()).trend()


@pytest.mark.parametrize(
    "options",
    [
        {"growth": "logs"},
        {"share_timing": "mean"},
        {"share_timing": "fixed"},
        {"share_timing": "average", "capital_share": {2000: 0.4}, "growth": "lgo"},
        {"share_timing": "stepwise", "capital_share": 0.4},
        {"capital_share": 40},
        {"capital_share": -0.1},
        {"capital_share": "0.4"},
        {"capital_share": True},
        {"capital_share": {}},
        {"capital_share": float("nan")},
        {"capital_share": 0.7, "labor_share": 0.7},
        {"shares": {"ict": 2}},
        {"input_index": "geometric"},
        {"growth": "discrete", "residual": "ratio"},
        {"inputs": ()},
        {"inputs": ("capital", "capital")},
        {"accept": ("nonsense",)},
        {"period_mean": "mode"},
        {"invalid": "ignore"},
        {"share_tolerance": 2},
    ],
)
def test_bad_options_are_refused_when_made(options):
    with pytest.raises(tfp.SpecificationError) as error:
        tfp.GrowthAccounting(**options)
    assert error.value.code == "bad_option"


@pytest.mark.parametrize(
    "spec",
    [
        tfp.GrowthAccounting(),
        tfp.GrowthAccounting.vietnam(capital_share={2007: 0.36, 2012: 0.4}),
        tfp.GrowthAccounting.pwt(),
        tfp.GrowthAccounting.solow_1957(),
        tfp.GrowthAccounting.fernald(inputs=("capital", "labor")),
        tfp.GrowthAccounting(shares={"ict": 0.1}, capital_share=0.3, accept=("unit_switch",)),
    ],
)
def test_specifications_survive_json(spec):
    again = tfp.spec_from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert tfp.GrowthAccounting.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"method": "GrowthAcounting"}, "unknown_method"),
        ({"method": "Panel"}, "unknown_method"),
        ({"options": {"grwth": "log"}}, "unknown_option"),
        ({"schema_version": 99}, "unknown_schema"),
        ({"extra": 1}, "bad_document"),
        ({"options": 3}, "bad_document"),
    ],
)
def test_documents_that_are_no_specification(change, code):
    document = {**tfp.GrowthAccounting().to_dict(), **change}
    with pytest.raises(tfp.SpecificationError) as error:
        tfp.spec_from_dict(document)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("columns", "roles", "code", "where"),
    [
        ({"y": [100.0, 0.0, 113.4, 120.0]}, {}, "non_positive", ("A", 2001, "y")),
        ({"k": [300.0, -1.0, 1.0, 1.0]}, {}, "non_positive", ("A", 2001, "k")),
        ({"l": [50.0, 51.0, np.inf, 52.0]}, {}, "non_finite", ("A", 2002, "l")),
        ({"year": [2000, 2001, 2001, 2002]}, {}, "duplicate_key", ("A", 2001, "id")),
        ({"id": ["A", None, "A", "A"]}, {}, "missing_key", (None, None, "id")),
        ({"y": [100.0, 108e3, 113.4, 120.0]}, {}, "unit_switch", ("A", 2001, "y")),
        ({"s": 45.0}, {"labor_share": "s"}, "share_out_of_range", ("A", 2000, "s")),
        (
            {"s": 0.5, "sk": 0.4},
            {"labor_share": "s", "capital_share": "sk"},
            "shares_not_one",
            ("A", 2000, "sk"),
        ),
    ],
)
def test_errors_name_place_and_remedy(columns, roles, code, where):
    given = {} if "labor_share" in roles else {"capital_share": 0.4}
    with pytest.raises(tfp.DataError) as error:
        tfp.GrowthAccounting(**given).fit(panel(data(**columns), **roles))
    assert error.value.code == code
    assert (error.value.entity, error.value.time, error.value.column) == where
    assert error.value.remedy
    assert error.value.to_dict()["code"] == code


def test_shares_that_are_not_known_are_asked_for():
    with pytest.raises(tfp.DataError, match="the shares of capital, labor are not known"):
        tfp.GrowthAccounting().fit(panel())


def test_invalid_values_may_be_counted_instead():
    frame = data(y=[100.0, -5.0, 113.4, 120.0])
    res = tfp.GrowthAccounting(capital_share=0.4, invalid="missing").fit(panel(frame))
    assert res.sample.used == 1
    assert res.sample.lost["value or share missing"] == 2
    assert sum(res.sample.notes.values()) == 1


def test_a_unit_switch_may_be_accepted_and_is_counted():
    frame = data(y=[100.0, 108e3, 113.4, 120.0])
    spec = tfp.GrowthAccounting(capital_share=0.4, accept=("unit_switch",))
    assert spec.fit(panel(frame)).sample.notes == {"y: unit_switch": 1, "y: jump": 2}


def test_a_broken_official_index_is_counted():
    frame = data(i=[100.0, 108.0, 140.0, 105.82])
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel(frame, columns={"output_index": "i"}))
    assert res.sample.notes == {"y: level_index_mismatch": 1}


def test_levels_of_two_price_bases_are_not_chained():
    frame = data(base=["2010", "2010", "2020", "2020"])
    with pytest.raises(tfp.DataError) as error:
        tfp.GrowthAccounting(capital_share=0.4).fit(panel(frame, groups={"price_base": "base"}))
    assert (error.value.code, error.value.time, error.value.column) == (
        "mixed_price_base",
        2002,
        "base",
    )


def test_one_row_one_year_one_firm():
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel(data().iloc[:1]))
    assert res.sample.used == 0
    assert np.isnan(res.index()["tfp_index"]).all()
    assert res.periods().rows()[0]["tfp_growth"] is None
    assert str(res)
    assert res._repr_html_()


def test_an_all_missing_column_gives_an_explained_empty_result():
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel(data(k=np.nan)))
    assert res.sample.used == 0
    assert res.sample.lost["value or share missing"] == 3


def test_logs_give_the_same_as_levels():
    logged = data()
    logged[["y", "k", "l"]] = np.log(logged[["y", "k", "l"]])
    for growth in ("log", "discrete"):
        spec = tfp.GrowthAccounting(growth=growth, capital_share=0.4)
        a = spec.fit(panel()).tfp_growth
        b = spec.fit(panel(logged, logs=True)).tfp_growth
        np.testing.assert_allclose(a, b, atol=1e-14)


def test_to_frame_has_the_promised_columns_in_the_callers_order():
    frame = data().iloc[[2, 0, 3, 1]]
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel(frame))
    out = res.to_frame()
    assert list(out.columns) == [
        "id",
        "year",
        "output_growth",
        "capital_contribution",
        "labor_contribution",
        "tfp_growth",
        "tfp_index",
    ]
    assert out["year"].tolist() == [2002, 2000, 2003, 2001]
    ordered = tfp.GrowthAccounting(capital_share=0.4).fit(panel()).to_frame()
    np.testing.assert_array_equal(
        out.sort_values("year")["tfp_growth"].to_numpy(), ordered["tfp_growth"].to_numpy()
    )


def test_results_hold_no_data_and_say_residual():
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel())
    assert not any(isinstance(v, tfp.Panel) for v in vars(res).values())
    assert "residual" in str(res)
    document = json.loads(json.dumps(res.to_dict()))
    assert document["record"]["fingerprint"] == panel().fingerprint
    assert document["record"]["columns"]["capital"] == "k"
    assert res.tidy().to_frame()["component"].unique().tolist() == ["capital", "labor", "tfp"]


def test_items_are_refused():
    frame = data(asset="ict")
    with pytest.raises(tfp.DataError, match="without items"):
        tfp.GrowthAccounting(capital_share=0.4).fit(panel(frame, item="asset"))


def test_errors_travel_between_processes():
    import pickle

    with pytest.raises(tfp.DataError) as caught:
        tfp.GrowthAccounting().fit(panel())
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.to_dict() == caught.value.to_dict()


def test_a_result_of_some_entities():
    two = pd.concat([data(), data(id="B", y=[1.0, 2.0, 3.0, 4.0])])
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel(two))
    part = res.of_entities(["B"])
    assert part.to_frame()["id"].tolist() == ["B"] * 4
    np.testing.assert_array_equal(part.tfp_growth, res.tfp_growth[4:])
    with pytest.raises(tfp.DataError, match="no entity 'C'"):
        res.of_entities(["C"])
