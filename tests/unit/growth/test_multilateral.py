from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp

ROUNDING = 1e-13  # logs of size ten, a few dozen additions


def firms(rows=120, seed=5):
    """Firms that enter and leave, in two industries."""
    rng = np.random.default_rng(seed)
    entity, year = np.divmod(rng.choice(40 * 6, rows, replace=False), 6)
    return {
        "firm": [f"f{e:02d}" for e in entity],
        "year": (2000 + year).tolist(),
        "y": np.exp(rng.normal(3, 1, rows)).tolist(),
        "k": np.exp(rng.normal(2, 1, rows)).tolist(),
        "l": np.exp(rng.normal(1, 1, rows)).tolist(),
        "sl": rng.uniform(0.3, 0.8, rows).tolist(),
        "w": rng.uniform(1, 5, rows).tolist(),
        "industry": ["food" if e % 2 else "steel" for e in entity],
    }


def panel(frame, **options):
    defaults = {"output": "y", "capital": "k", "labor": "l", "labor_share": "sl", "weight": "w"}
    keys = {"entity": "firm", "time": "year", "groups": {"industry": "industry"}}
    return tfp.Panel.from_frame(frame, **(defaults | keys | options))


def by_hand(frame, rows=None):
    """Log TFP of Good, Nadiri and Sickles by loops over the definition."""
    rows = range(len(frame["y"])) if rows is None else rows
    y, capital, labor, sl, year = (
        np.array([frame[n][i] for i in rows]) for n in ("y", "k", "l", "sl", "year")
    )
    x, s = np.log([capital, labor]), np.array([1 - sl, sl])
    out = np.empty(len(y))
    chain, last = 0.0, None
    for t in sorted(set(year.tolist())):
        of = year == t
        mean_y, mean_x, mean_s = np.log(y[of]).mean(), x[:, of].mean(axis=1), s[:, of].mean(axis=1)
        if last is not None:
            chain += mean_y - last[0] - 0.5 * (mean_s + last[2]) @ (mean_x - last[1])
        last = mean_y, mean_x, mean_s
        inputs = 0.5 * ((s[:, of] + mean_s[:, None]) * (x[:, of] - mean_x[:, None])).sum(axis=0)
        out[of] = np.log(y[of]) - mean_y - inputs + chain
    return out


def in_order(result, frame, name="log_tfp"):
    found = result.to_frame()
    assert found["firm"].tolist() == frame["firm"]
    return found[name].to_numpy()


def test_good_nadiri_sickles_by_hand():
    frame = firms()
    result = tfp.MultilateralIndex().fit(panel(frame))
    assert in_order(result, frame) == pytest.approx(by_hand(frame), abs=ROUNDING)
    assert result.base == "the mean firm of the first period"
    assert result.sample.used == 120
    assert result.sample.balanced
    assert result.tfp == pytest.approx(np.exp(result.log_tfp), rel=0)
    means = result.means()
    assert means["year"].tolist() == list(range(2000, 2006))
    assert means["log_tfp"][0] == 0.0


def test_groups_are_compared_among_themselves():
    frame = firms()
    result = tfp.MultilateralIndex(by="industry").fit(panel(frame))
    found = in_order(result, frame)
    for industry in ("food", "steel"):
        rows = [i for i, name in enumerate(frame["industry"]) if name == industry]
        assert found[rows] == pytest.approx(by_hand(frame, rows), abs=ROUNDING)
    assert len(result.means()) == 12
    frame["industry"][3] = None
    result = tfp.MultilateralIndex(by="industry").fit(panel(frame))
    assert np.isnan(in_order(result, frame)[3])
    assert result.sample.lost == {"its group is missing": 1}


def test_the_base_firm_shifts_all_by_one_number():
    frame = firms()
    whole = tfp.MultilateralIndex().fit(panel(frame)).log_tfp
    years = sorted(t for f, t in zip(frame["firm"], frame["year"], strict=True) if f == "f03")
    at = tfp.MultilateralIndex(base="f03", base_period=years[1]).fit(panel(frame))
    code = at.keys.entity_code("f03")
    row = int(np.flatnonzero((at.keys.entity_codes == code) & (at.keys.time == years[1]))[0])
    assert at.log_tfp == pytest.approx(whole - whole[row], abs=ROUNDING)
    assert at.base == f"f03 in {years[1]}"
    first = tfp.MultilateralIndex(base="f03").fit(panel(frame))
    earliest = int(np.flatnonzero(first.keys.entity_codes == code)[0])
    assert first.log_tfp[earliest] == 0.0


def test_the_mean_firm_of_another_period():
    frame = firms()
    first = tfp.MultilateralIndex().fit(panel(frame))
    later = tfp.MultilateralIndex(base_period=2003).fit(panel(frame))
    chain = first.means()["log_tfp"]
    assert later.log_tfp == pytest.approx(first.log_tfp - chain[3], abs=ROUNDING)
    assert later.means()["log_tfp"][3] == 0.0
    ccd = tfp.MultilateralIndex(formula="ccd", base_period=2003).fit(panel(frame))
    assert ccd.log_tfp[ccd.keys.time == 2003].mean() == pytest.approx(0.0, abs=ROUNDING)


def test_ccd_within_periods_compares_entities_of_the_same_period():
    frame = firms()
    result = tfp.MultilateralIndex(formula="ccd", compare="entity").fit(panel(frame))
    for year in range(2000, 2006):
        rows = [i for i, t in enumerate(frame["year"]) if t == year]
        alone = {k: [v[i] for i in rows] for k, v in frame.items()}
        expected = in_order(tfp.MultilateralIndex(formula="ccd").fit(panel(alone)), alone)
        assert in_order(result, frame)[rows] == pytest.approx(expected, abs=ROUNDING)


def test_a_base_entity_absent_in_a_period_leaves_it_missing_with_a_reason():
    frame = firms()
    result = tfp.MultilateralIndex(formula="ccd", compare="entity", base="f03").fit(panel(frame))
    there = {t for f, t in zip(frame["firm"], frame["year"], strict=True) if f == "f03"}
    assert 0 < len(there) < 6
    missing = np.isnan(in_order(result, frame))
    assert missing.tolist() == [t not in there for t in frame["year"]]
    assert result.sample.lost == {"the base is missing": int(missing.sum())}


def test_one_entity_in_a_period_is_missing_and_not_one():
    frame = firms()
    frame["year"][0] = 2010
    result = tfp.MultilateralIndex(formula="ccd", compare="entity").fit(panel(frame))
    assert np.isnan(in_order(result, frame)[0])
    assert result.sample.lost == {"nothing to compare it with": 1}
    lone = {k: v[:1] for k, v in frame.items()}
    result = tfp.MultilateralIndex().fit(panel(lone))
    assert np.isnan(result.log_tfp).all()


def test_geks_over_tornqvist_is_ccd_and_over_fisher_close_to_it():
    frame = firms()
    ccd = tfp.MultilateralIndex(formula="ccd").fit(panel(frame)).log_tfp
    spec = tfp.MultilateralIndex(formula="geks", bilateral="tornqvist")
    geks = spec.fit(panel(frame)).log_tfp
    assert geks == pytest.approx(ccd - ccd.mean(), abs=1e-12)
    fisher = tfp.MultilateralIndex(formula="geks").fit(panel(frame)).log_tfp
    assert 1e-6 < np.abs(fisher - geks).max() < 0.5


def test_missing_values_leave_the_means_alone():
    frame = firms()
    frame["k"][7] = np.nan
    frame["sl"][9] = np.nan
    result = tfp.MultilateralIndex().fit(panel(frame))
    kept = [i for i in range(120) if i not in (7, 9)]
    found = in_order(result, frame)
    assert found[kept] == pytest.approx(by_hand(frame, kept), abs=ROUNDING)
    assert np.isnan(found[[7, 9]]).all()
    assert result.sample.lost == {"a quantity, price or share is missing": 2}
    assert (
        result.reasons[np.isnan(result.log_tfp)].tolist()
        == ["a quantity, price or share is missing"] * 2
    )


def test_zero_quantities_stop_or_are_counted():
    frame = firms()
    frame["l"][7] = 0.0
    with pytest.raises(tfp.DataError, match="labor is 0") as error:
        tfp.MultilateralIndex().fit(panel(frame))
    assert error.value.column == "l"
    result = tfp.MultilateralIndex(invalid="missing").fit(panel(frame))
    kept = [i for i in range(120) if i != 7]
    assert in_order(result, frame)[kept] == pytest.approx(by_hand(frame, kept), abs=ROUNDING)
    assert result.sample.lost == {"a quantity is zero, negative or infinite": 1}


def test_weights_of_the_mean_firm():
    frame = firms()
    doubled = {k: v + v[:10] for k, v in frame.items()}
    doubled["firm"] = frame["firm"] + [f"twin{i}" for i in range(10)]
    frame["w"] = [2.0] * 10 + [1.0] * 110
    weighted = in_order(tfp.MultilateralIndex(weighted=True).fit(panel(frame)), frame)
    expected = in_order(tfp.MultilateralIndex().fit(panel(doubled)), doubled)[:120]
    assert weighted == pytest.approx(expected, abs=ROUNDING)
    frame["w"][0] = -1.0
    with pytest.raises(tfp.DataError, match="the weight is -1"):
        tfp.MultilateralIndex(weighted=True).fit(panel(frame))


def test_logs_prices_and_values_say_the_same():
    frame = firms()
    frame["wage"] = np.linspace(1, 2, 120).tolist()
    frame["rent"] = np.linspace(3, 1, 120).tolist()
    prices = {"labor_price": "wage", "capital_price": "rent"}
    spec = tfp.MultilateralIndex()
    by_price = spec.fit(panel(frame, labor_share=None, columns=prices)).log_tfp
    frame["cost"] = np.multiply(frame["l"], frame["wage"]).tolist()
    frame["rental"] = np.multiply(frame["k"], frame["rent"]).tolist()
    values = {"labor_value": "cost", "capital_value": "rental"}
    by_value = spec.fit(panel(frame, labor_share=None, columns=values)).log_tfp
    assert by_value == pytest.approx(by_price, abs=ROUNDING)
    logs = frame | {n: np.log(frame[n]).tolist() for n in ("y", "k", "l", "cost", "rental")}
    by_log = spec.fit(panel(logs, labor_share=None, columns=values, logs=True)).log_tfp
    assert by_log == pytest.approx(by_price, abs=ROUNDING)


def test_row_order_changes_no_digit():
    frame = firms()
    order = np.random.default_rng(0).permutation(120)
    shuffled = {k: [v[i] for i in order] for k, v in frame.items()}
    straight = in_order(tfp.MultilateralIndex().fit(panel(frame)), frame)
    assert (
        in_order(tfp.MultilateralIndex().fit(panel(shuffled)), shuffled).tolist()
        == straight[order].tolist()
    )


SHOPS = {
    "shop": ["A"] * 12,
    "month": np.repeat([1, 2, 3, 4], 3).tolist(),
    "good": ["tea", "rice", "salt"] * 4,
    "q": [1.0, 4.0, 2.0, 1.5, 3.0, 2.0, 2.0, 3.5, 1.0, 1.0, 4.0, 2.5],
    "p": [3.0, 1.0, 0.5, 2.5, 1.2, 0.6, 2.0, 1.1, 0.9, 3.1, 1.0, 0.4],
}


def shops(frame):
    return tfp.Panel.from_frame(
        frame, entity="shop", time="month", item="good", columns={"quantity": "q", "price": "p"}
    )


def test_price_levels_in_time_start_at_one():
    for formula in ("geks", "geary_khamis", "time_product_dummy"):
        spec = tfp.MultilateralIndex(formula=formula, kind="price", compare="time")
        result = spec.fit(shops(SHOPS))
        assert result["log_price"][0] == 0.0
        assert result.base == "each entity in its first period"
        later = tfp.MultilateralIndex(
            formula=formula, kind="price", compare="time", base_period=3
        ).fit(shops(SHOPS))
        assert later["log_price"] == pytest.approx(
            result["log_price"] - result["log_price"][2], abs=ROUNDING
        )
        frame = result.to_frame()
        assert frame["month"].tolist() == [1, 2, 3, 4]
        assert frame["price_index"].tolist() == np.exp(result["log_price"]).tolist()
    assert result.sample.rows == 12
    assert result.sample.balanced


def test_windows_of_each_entity():
    other = SHOPS | {"shop": ["B"] * 12, "q": SHOPS["q"][::-1]}
    both = {k: SHOPS[k] + other[k] for k in SHOPS}
    spec = tfp.MultilateralIndex(
        formula="geks", kind="price", compare="time", window=3, splice="movement"
    )
    together = spec.fit(shops(both))["log_price"]
    assert together[:4] == pytest.approx(spec.fit(shops(SHOPS))["log_price"], abs=0)
    # the series of the first three months is not revised by the fourth
    early = {k: v[:9] for k, v in SHOPS.items()}
    assert spec.fit(shops(early))["log_price"] == pytest.approx(together[:3], abs=0)
    whole = tfp.MultilateralIndex(formula="geks", kind="price", compare="time")
    assert abs(whole.fit(shops(SHOPS))["log_price"][3] - together[3]) > 1e-5


def test_ccd_of_a_long_panel_needs_every_product_everywhere():
    spec = tfp.MultilateralIndex(formula="ccd", kind="quantity", compare="time")
    geks = tfp.MultilateralIndex(
        formula="geks", bilateral="tornqvist", kind="quantity", compare="time"
    )
    expected = geks.fit(shops(SHOPS))["log_quantity"]
    assert spec.fit(shops(SHOPS))["log_quantity"] == pytest.approx(expected, abs=ROUNDING)
    frame = {k: v[:5] + v[6:] for k, v in SHOPS.items()}
    result = spec.fit(shops(frame))
    assert np.flatnonzero(np.isnan(result["log_quantity"])).tolist() == [1]
    assert result.sample.lost == {"a quantity, price or share is missing": 2}
    zero = SHOPS | {"q": [0.0, *SHOPS["q"][1:]]}
    with pytest.raises(tfp.DataError, match="the quantity of 'tea' is zero"):
        spec.fit(shops(zero))


def test_no_overlap_stops_or_leaves_the_unconnected_missing():
    frame = {k: list(v) for k, v in SHOPS.items()}
    frame["good"][9:] = ["milk", "bread", "eggs"]
    spec = {"formula": "geks", "kind": "price", "compare": "time"}
    with pytest.raises(tfp.DataError, match="cannot be compared") as error:
        tfp.MultilateralIndex(**spec).fit(shops(frame))
    assert error.value.code == "no_overlap"
    result = tfp.MultilateralIndex(**spec, incomplete="least_squares").fit(shops(frame))
    assert result.missing_pairs == 3
    assert np.isnan(result["log_price"]).tolist() == [False, False, False, True]
    assert result.reasons[3] == "nothing it shares products with leads to the base"
    with pytest.raises(tfp.DataError, match="has no solution"):
        tfp.MultilateralIndex(formula="geary_khamis", kind="price", compare="time").fit(
            shops(frame)
        )


def test_a_chain_of_overlaps_connects_what_shares_nothing():
    frame = {
        "shop": ["A"] * 5,
        "month": [1, 2, 2, 3, 3],
        "good": ["tea", "tea", "rice", "rice", "salt"],
        "q": [1.0, 2.0, 1.0, 1.0, 1.0],
        "p": [1.0, 2.0, 3.0, 4.5, 1.0],
    }
    result = tfp.MultilateralIndex(
        formula="geks", kind="price", compare="time", incomplete="least_squares"
    ).fit(shops(frame))
    assert np.exp(result["log_price"]) == pytest.approx([1.0, 2.0, 3.0], rel=ROUNDING)


def test_missing_figures_are_not_passed_over_in_pairs():
    frame = SHOPS | {"p": [np.nan, *SHOPS["p"][1:]]}
    result = tfp.MultilateralIndex(formula="geks", kind="price", compare="all").fit(shops(frame))
    assert np.isnan(result["log_price"]).tolist() == [True, False, False, False]
    assert result.sample.lost == {"a quantity, price or share is missing": 3}


def test_geks_over_too_many_situations_names_the_linear_alternative():
    n = 8_200
    frame = {"firm": np.arange(n), "year": [1] * n, "y": np.ones(n), "l": np.ones(n)}
    many = tfp.Panel.from_frame(frame, entity="firm", time="year", output="y", labor="l")
    with pytest.raises(tfp.DataError, match="GEKS over 8200 situations") as error:
        tfp.MultilateralIndex(formula="geks").fit(many)
    assert "ccd" in error.value.remedy


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formula": "gns"}, "is not known"),
        ({"compare": "entity"}, "compares all situations"),
        ({"formula": "geary_khamis"}, "gives price levels"),
        ({"kind": "price"}, "compares quantities"),
        ({"formula": "geks", "bilateral": "laspeyres"}, "is not known"),
        ({"formula": "geks", "weighted": True}, "no mean firm"),
        ({"formula": "geks", "window": 5}, "windows roll"),
        ({"formula": "geks", "window": 1, "compare": "time"}, "window=1"),
        ({"formula": "ccd", "compare": "time", "base": "A"}, "compared with itself"),
        ({"formula": "ccd", "compare": "entity", "base_period": 1}, "within each period"),
        ({"inputs": ("labor", "labor")}, "distinct"),
        ({"capital_share": 1.2}, "capital_share=1.2"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(tfp.SpecificationError, match=message):
        tfp.MultilateralIndex(**options)


def test_what_is_missing_is_named():
    frame = firms()
    with pytest.raises(tfp.DataError, match="the shares of capital, labor are not known"):
        tfp.MultilateralIndex().fit(panel(frame, labor_share=None))
    with pytest.raises(tfp.DataError, match="there is no entity 'f99'"):
        tfp.MultilateralIndex(base="f99").fit(panel(frame))
    with pytest.raises(tfp.DataError, match="the base has no index"):
        tfp.MultilateralIndex(base="f03", base_period=1800).fit(panel(frame))
    frame["sl"][4] = 1.4
    with pytest.raises(tfp.DataError, match=r"share of labor is 1\.4") as error:
        tfp.MultilateralIndex().fit(panel(frame))
    assert error.value.column == "sl"


def test_the_specification_travels_and_the_result_sums_itself_up():
    spec = tfp.MultilateralIndex(formula="ccd", compare="entity", base="f03", by="industry")
    assert tfp.spec_from_dict(spec.to_dict()) == spec
    result = tfp.MultilateralIndex().fit(panel(firms()))
    glance = result.glance()
    assert glance["base"].tolist() == ["the mean firm of the first period"]
    assert glance["sd_log_tfp"][0] == pytest.approx(result.log_tfp.std(), rel=1e-15)
    assert "120 of 120 rows used" in result.summary()
    with pytest.raises(TypeError, match="no chain of mean firms"):
        tfp.MultilateralIndex(formula="ccd").fit(panel(firms())).means()


def test_values_beyond_all_doubles_are_missing_and_no_crash():
    frame = {
        "shop": ["A", "A", "B", "B", "C", "C"], "year": [1] * 6, "good": ["x", "y"] * 3,
        "q": [1.0, 2.0, 1e200, 3.0, 2.0, 2.0], "p": [1.0, 2.0, 1e200, 3.0, 1.0, 1.5],
    }  # fmt: skip
    panel = tfp.Panel.from_frame(
        frame, entity="shop", time="year", item="good", columns={"quantity": "q", "price": "p"}
    )
    found = tfp.MultilateralIndex(formula="ccd", kind="quantity", invalid="missing").fit(panel)
    assert np.isfinite(found["log_quantity"]).tolist() == [True, False, True]
    assert found.sample.balanced
