from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp
from tfp_index.kernels.index_formulas import FORMULAS

ROUNDING = 1e-14  # a handful of additions and one exponential


def wide(frame, **options):
    keys = {"entity": "state", "time": "year"}
    return tfp.Panel.from_frame(frame, **(keys | options))


FARMS = {
    "state": ["AL", "AL", "AL", "TX", "TX", "TX"],
    "year": [2000, 2001, 2002] * 2,
    "q_crop": [10.0, 12.0, 11.0, 50.0, 55.0, 60.0],
    "p_crop": [1.0, 1.1, 1.3, 0.9, 1.0, 1.2],
    "q_meat": [5.0, 5.5, 7.0, 20.0, 19.0, 25.0],
    "p_meat": [2.0, 1.8, 1.9, 2.1, 2.2, 2.0],
    "hours": [8.0, 7.5, 7.0, 30.0, 31.0, 29.0],
    "wage": [1.0, 1.1, 1.2, 1.3, 1.2, 1.4],
    "stock": [40.0, 41.0, 45.0, 90.0, 95.0, 99.0],
    "rent": [0.1, 0.12, 0.1, 0.11, 0.1, 0.13],
}
COLUMNS = {
    "crop": "q_crop",
    "crop_price": "p_crop",
    "meat": "q_meat",
    "meat_price": "p_meat",
    "labor_price": "wage",
    "capital_price": "rent",
}


def farms(**changes):
    return wide(FARMS | changes, labor="hours", capital="stock", columns=COLUMNS)


def long_frame(frame=None):
    """The outputs of FARMS, one row per product."""
    frame = FARMS if frame is None else frame
    return {
        "state": frame["state"] * 2,
        "year": frame["year"] * 2,
        "good": ["crop"] * 6 + ["meat"] * 6,
        "q": frame["q_crop"] + frame["q_meat"],
        "p": frame["p_crop"] + frame["p_meat"],
    }


def long(frame, **groups):
    return wide(frame, item="good", columns={"quantity": "q", "price": "p"}, groups=groups or None)


def fisher(q0, q1, p0, p1):
    return np.sqrt((p0 @ q1) / (p0 @ q0) * (p1 @ q1) / (p1 @ q0))


def at(names, row):
    return np.array([FARMS[name][row] for name in names])


def test_fisher_tfp_by_hand():
    result = tfp.BilateralIndex(formula="fisher", kind="tfp", outputs=("crop", "meat")).fit(farms())
    expected = [1.0]
    for t in (1, 2):
        output = fisher(
            at(("q_crop", "q_meat"), t - 1),
            at(("q_crop", "q_meat"), t),
            at(("p_crop", "p_meat"), t - 1),
            at(("p_crop", "p_meat"), t),
        )
        inputs = fisher(
            at(("hours", "stock"), t - 1),
            at(("hours", "stock"), t),
            at(("wage", "rent"), t - 1),
            at(("wage", "rent"), t),
        )
        expected.append(expected[-1] * output / inputs)
    assert result["tfp_index"][:3] == pytest.approx(expected, rel=ROUNDING)
    assert result.sample.used == 6
    assert result.sample.balanced


def test_fixed_base_compares_directly_and_chained_multiplies_links():
    panel = farms()
    direct = tfp.BilateralIndex(chained=False, outputs=("crop", "meat")).fit(panel)
    chained = tfp.BilateralIndex(outputs=("crop", "meat")).fit(panel)
    name = "output_quantity_index"
    names, prices = ("q_crop", "q_meat"), ("p_crop", "p_meat")
    expected = fisher(at(names, 0), at(names, 2), at(prices, 0), at(prices, 2))
    assert direct[name][2] == pytest.approx(expected, rel=ROUNDING)
    assert direct[name][1] == pytest.approx(chained[name][1], rel=ROUNDING)
    assert abs(direct[name][2] / chained[name][2] - 1) > 1e-4


def test_the_base_period_only_rescales_a_chain_but_matters_to_direct_comparison():
    panel = farms()
    first = tfp.BilateralIndex(outputs=("crop", "meat")).fit(panel)["output_quantity_index"]
    later = tfp.BilateralIndex(outputs=("crop", "meat"), base=2001).fit(panel)
    index = later["output_quantity_index"]
    assert index[[1, 4]] == pytest.approx(1.0, abs=0)
    assert index / first == pytest.approx(np.repeat((index / first)[[0, 3]], 3), rel=ROUNDING)
    direct = tfp.BilateralIndex(outputs=("crop", "meat"), base=2001, chained=False).fit(panel)
    assert direct["output_quantity_index"][0] == pytest.approx(index[0], rel=ROUNDING)


def test_wide_and_long_give_the_same_digits():
    for formula in ("fisher", "tornqvist", "sato_vartia", "stuvel", "lowe", "jevons"):
        spec = tfp.BilateralIndex(formula=formula, kind="price", outputs=("crop", "meat"))
        of_wide = spec.fit(farms())["output_price_index"]
        of_long = tfp.BilateralIndex(formula=formula, kind="price").fit(long(long_frame()))
        assert of_long["price_index"] == pytest.approx(of_wide, rel=ROUNDING)


def test_long_tfp_needs_the_side_of_each_product():
    frame = long_frame()
    rows = len(frame["q"])
    frame = {
        "state": frame["state"] + FARMS["state"] * 2,
        "year": frame["year"] + FARMS["year"] * 2,
        "good": frame["good"] + ["hours"] * 6 + ["stock"] * 6,
        "q": frame["q"] + FARMS["hours"] + FARMS["stock"],
        "p": frame["p"] + FARMS["wage"] + FARMS["rent"],
        "what": ["output"] * rows + ["input"] * rows,
    }
    spec = tfp.BilateralIndex(formula="tornqvist", kind="tfp")
    found = spec.fit(long(frame, side="what"))
    expected = tfp.BilateralIndex(
        formula="tornqvist", kind="tfp", outputs=("crop", "meat"), inputs=("labor", "capital")
    ).fit(farms())
    assert found["tfp_index"] == pytest.approx(expected["tfp_index"], rel=ROUNDING)
    with pytest.raises(tfp.DataError, match="no grouping 'side'"):
        spec.fit(long(frame))
    frame["what"] = ["output"] * rows + ["Input"] * rows
    with pytest.raises(tfp.DataError, match="'Input' is not known"):
        spec.fit(long(frame, side="what"))
    frame["what"] = ["output"] * (2 * rows)
    with pytest.raises(tfp.DataError, match="no row has the side"):
        spec.fit(long(frame, side="what"))
    alone = tfp.BilateralIndex().fit(long(frame, side="what"))
    assert list(alone.index) == ["output_quantity_index"]


def test_values_can_stand_for_prices():
    frame = FARMS | {
        "v_crop": list(np.multiply(FARMS["q_crop"], FARMS["p_crop"])),
        "v_meat": list(np.multiply(FARMS["q_meat"], FARMS["p_meat"])),
    }
    columns = {"crop": "q_crop", "meat": "q_meat", "crop_value": "v_crop", "meat_value": "v_meat"}
    spec = tfp.BilateralIndex(formula="walsh", outputs=("crop", "meat"))
    found = spec.fit(wide(frame, columns=columns))["output_quantity_index"]
    assert found == pytest.approx(spec.fit(farms())["output_quantity_index"], rel=ROUNDING)


@pytest.mark.parametrize("formula", [n for n, f in FORMULAS.items() if f.shares_suffice])
def test_shares_suffice_for_most_quantity_indices(formula):
    wages = np.multiply(FARMS["hours"], FARMS["wage"])
    rents = np.multiply(FARMS["stock"], FARMS["rent"])
    frame = FARMS | {"s": list(wages / (wages + rents))}
    options = {"elasticity": 0.5} if formula == "lloyd_moulton" else {}
    by_share = tfp.BilateralIndex(formula=formula, inputs=("labor", "capital"), **options).fit(
        wide(frame, labor="hours", capital="stock", labor_share="s")
    )
    by_price = tfp.BilateralIndex(formula=formula, inputs=("labor", "capital"), **options).fit(
        farms()
    )
    name = "input_quantity_index"
    assert by_share[name] == pytest.approx(by_price[name], rel=1e-13)


def test_shares_do_not_suffice_for_the_others_nor_for_prices():
    panel = wide(FARMS | {"s": [0.6] * 6}, labor="hours", capital="stock", labor_share="s")
    for options in ({"formula": "stuvel"}, {"formula": "fisher", "kind": "price"}):
        with pytest.raises(tfp.DataError, match="needs prices or values") as error:
            tfp.BilateralIndex(inputs=("labor", "capital"), **options).fit(panel)
        assert error.value.column == "labor_price"


def test_a_fixed_share_can_be_given_in_the_specification():
    spec = tfp.BilateralIndex(formula="tornqvist", inputs=("capital", "labor"), labor_share=0.6)
    found = spec.fit(wide(FARMS, labor="hours", capital="stock"))["input_quantity_index"]
    expected = (7.5 / 8) ** 0.6 * (41 / 40) ** 0.4
    assert found[1] == pytest.approx(expected, rel=ROUNDING)


def test_unknown_shares_are_named():
    with pytest.raises(tfp.DataError, match="the shares of labor, capital are not known"):
        tfp.BilateralIndex(inputs=("labor", "capital")).fit(
            wide(FARMS, labor="hours", capital="stock")
        )


def test_a_gap_breaks_the_chain_or_is_bridged():
    frame = {k: v[:1] + v[2:] for k, v in FARMS.items()}
    panel = wide(frame, columns={k: COLUMNS[k] for k in ("crop", "crop_price")})
    broken = tfp.BilateralIndex(outputs=("crop",)).fit(panel)
    assert broken["output_quantity_index"][0] == 1.0
    assert np.isnan(broken["output_quantity_index"][1])
    assert broken.reasons[1] == "the period before it is missing"
    assert broken.sample.lost == {"the period before it is missing": 1}
    assert broken.sample.balanced
    bridged = tfp.BilateralIndex(outputs=("crop",), gaps="bridge").fit(panel)
    assert bridged["output_quantity_index"][1] == pytest.approx(1.1, rel=ROUNDING)


def test_what_follows_a_missing_link_is_missing_too_and_says_so():
    crop = FARMS["q_crop"].copy()
    crop[1] = np.nan
    panel = farms(q_crop=crop)
    found = tfp.BilateralIndex(outputs=("crop", "meat")).fit(panel)
    assert found.reasons[:3].tolist() == [
        "",
        "a price or quantity is missing",
        "a price or quantity is missing",
    ]
    assert np.isfinite(found["output_quantity_index"][[0, 3, 4, 5]]).all()
    bridged = tfp.BilateralIndex(outputs=("crop", "meat"), gaps="bridge").fit(panel)
    direct = tfp.BilateralIndex(outputs=("crop", "meat"), chained=False).fit(panel)
    name = "output_quantity_index"
    assert bridged[name][2] == pytest.approx(direct[name][2], rel=ROUNDING)


def test_the_chain_begins_at_the_first_situation_that_can_be_used():
    crop = FARMS["q_crop"].copy()
    crop[0] = np.nan
    found = tfp.BilateralIndex(outputs=("crop", "meat")).fit(farms(q_crop=crop))
    assert np.isnan(found["output_quantity_index"][0])
    assert found["output_quantity_index"][1] == 1.0
    assert np.isfinite(found["output_quantity_index"][2])


def test_rows_beyond_a_break_say_that_they_are_not_linked():
    years = 6
    frame = {
        "state": ["A"] * years,
        "year": list(range(years)),
        "q": [1.0, 2.0, np.nan, 4.0, 5.0, 6.0],
    }
    found = tfp.BilateralIndex(outputs=("crop",)).fit(wide(frame, columns={"crop": "q"}))
    assert found["output_quantity_index"][:2].tolist() == [1.0, 2.0]
    assert np.isnan(found["output_quantity_index"][2:]).all()
    assert found.reasons[4] == "a link between it and the base is missing"
    late = tfp.BilateralIndex(outputs=("crop",), base=4).fit(wide(frame, columns={"crop": "q"}))
    assert late["output_quantity_index"][3:] == pytest.approx([0.8, 1.0, 1.2], rel=ROUNDING)
    assert np.isnan(late["output_quantity_index"][:3]).all()


def test_a_new_product_makes_the_index_missing_or_is_left_out_with_its_coverage():
    frame = long_frame()
    for key in frame:  # meat of AL, 2000, is not there
        frame[key] = frame[key][:6] + frame[key][7:]
    missing = tfp.BilateralIndex().fit(long(frame))
    assert np.isnan(missing["quantity_index"][1])
    assert missing.reasons[1] == "a product is in only one of the two situations"
    assert missing.reasons[2] == "a link between it and the base is missing"
    matched = tfp.BilateralIndex(unmatched="drop").fit(long(frame))
    assert matched["quantity_index"][1] == pytest.approx(1.2, rel=ROUNDING)
    coverage = matched.to_frame()["quantity_coverage"]
    assert coverage[1] == pytest.approx(12 * 1.1 / (12 * 1.1 + 5.5 * 1.8), rel=ROUNDING)
    assert coverage[2] == pytest.approx(1.0, rel=ROUNDING)


def test_no_product_in_common_is_missing_and_never_one():
    frame = long_frame()
    frame["good"] = [f"{g}{y}" for g, y in zip(frame["good"], frame["year"], strict=True)]
    for policy in ("missing", "drop"):
        found = tfp.BilateralIndex(unmatched=policy).fit(long(frame))
        assert found["quantity_index"][[0, 3]].tolist() == [1.0, 1.0]
        assert np.isnan(found["quantity_index"][[1, 2, 4, 5]]).all()
        assert found.reasons[1] == "no product is in both situations"
        assert found.sample.balanced


def test_zeros_and_missing_prices():
    zero = FARMS["q_meat"].copy()
    zero[1] = 0.0
    log = tfp.BilateralIndex(formula="tornqvist", outputs=("crop", "meat")).fit(farms(q_meat=zero))
    assert log.reasons[1] == "a zero, and the formula divides by it or takes its logarithm"
    sums = tfp.BilateralIndex(formula="fisher", outputs=("crop", "meat")).fit(farms(q_meat=zero))
    assert np.isfinite(sums["output_quantity_index"]).all()
    price = FARMS["p_meat"].copy()
    price[1] = np.nan
    unpriced = tfp.BilateralIndex(outputs=("crop", "meat")).fit(farms(p_meat=price))
    assert unpriced.reasons[1] == "a price or quantity is missing"
    # a product without price that is not traded is simply not there
    untraded = tfp.BilateralIndex(outputs=("crop", "meat"), unmatched="drop").fit(
        farms(p_meat=price, q_meat=zero)
    )
    assert untraded["output_quantity_index"][1] == pytest.approx(1.2, rel=ROUNDING)


def test_negative_values_stop_the_fit():
    price = FARMS["p_meat"].copy()
    price[4] = -1.0
    with pytest.raises(tfp.DataError, match="meat_price is -1") as error:
        tfp.BilateralIndex(outputs=("crop", "meat")).fit(farms(p_meat=price))
    assert (error.value.column, error.value.entity, error.value.time) == ("p_meat", "TX", 2001)


def test_entities_against_one_of_them():
    spec = tfp.BilateralIndex(
        formula="tornqvist", compare="entity", chained=False, base="TX", outputs=("crop", "meat")
    )
    found = spec.fit(farms())["output_quantity_index"]
    assert found[3:].tolist() == pytest.approx([1.0] * 3, abs=ROUNDING)
    value = np.multiply(at(("q_crop", "q_meat"), 0), at(("p_crop", "p_meat"), 0))
    of_tx = np.multiply(at(("q_crop", "q_meat"), 3), at(("p_crop", "p_meat"), 3))
    share = 0.5 * (value / value.sum() + of_tx / of_tx.sum())
    expected = np.exp(share @ np.log(at(("q_crop", "q_meat"), 0) / at(("q_crop", "q_meat"), 3)))
    assert found[0] == pytest.approx(expected, rel=ROUNDING)
    alone = {
        k: [x for x, s in zip(v, FARMS["state"], strict=True) if s == "AL"]
        for k, v in FARMS.items()
    }
    with pytest.raises(tfp.DataError, match="there is no entity 'TX'"):
        spec.fit(wide(alone, columns=COLUMNS | {"labor_price": "wage"}))


def test_lowe_with_a_reference_period_and_with_the_mean():
    by_2000 = tfp.BilateralIndex(formula="lowe", outputs=("crop", "meat"), reference=2000)
    found = by_2000.fit(farms())["output_quantity_index"]
    weight = 0.5 * (at(("p_crop", "p_meat"), 0) + at(("p_crop", "p_meat"), 3))
    q = [at(("q_crop", "q_meat"), row) for row in range(6)]
    assert found[1] == pytest.approx((weight @ q[1]) / (weight @ q[0]), rel=ROUNDING)
    mean = tfp.BilateralIndex(formula="lowe", outputs=("crop", "meat"))
    weight = np.array([np.mean(FARMS["p_crop"]), np.mean(FARMS["p_meat"])])
    found = mean.fit(farms())["output_quantity_index"]
    assert found[5] == pytest.approx((weight @ q[5]) / (weight @ q[3]), rel=ROUNDING)


def test_logs_are_taken_as_logs():
    names = [n for n in FARMS if n not in ("state", "year")]
    logs = FARMS | {n: list(np.log(FARMS[n])) for n in names}
    spec = tfp.BilateralIndex(kind="tfp", outputs=("crop", "meat"))
    panel = wide(logs, labor="hours", capital="stock", columns=COLUMNS, logs=True)
    assert spec.fit(panel)["tfp_index"] == pytest.approx(spec.fit(farms())["tfp_index"], rel=1e-13)


def test_rows_come_back_in_the_callers_order():
    order = [4, 0, 5, 2, 3, 1]
    shuffled = {k: [v[i] for i in order] for k, v in FARMS.items()}
    spec = tfp.BilateralIndex(kind="tfp", outputs=("crop", "meat"))
    straight = spec.fit(farms()).to_frame()["tfp_index"].to_numpy()
    found = spec.fit(wide(shuffled, labor="hours", capital="stock", columns=COLUMNS)).to_frame()
    assert found["year"].tolist() == shuffled["year"]
    assert found["tfp_index"].to_numpy().tolist() == straight[order].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formula": "fischer"}, "did you mean 'fisher'"),
        ({"formula": "lloyd_moulton"}, "needs an elasticity"),
        ({"formula": "lloyd_moulton", "elasticity": 0.0}, "above zero"),
        ({"formula": "fisher", "elasticity": 0.5}, "has no elasticity"),
        ({"formula": "fisher", "reference": 2000}, "no third situation"),
        ({"compare": "entity"}, "compared with one of them directly"),
        ({"kind": "productivity"}, "is not known"),
        ({"outputs": ("crop", "crop")}, "distinct"),
        ({"labor_share": 60}, "labor_share=60"),
        ({"gaps": "fill"}, "is not known"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(tfp.SpecificationError, match=message):
        tfp.BilateralIndex(**options)


def test_an_unknown_base_is_named():
    with pytest.raises(tfp.DataError, match="no entity has the base period 1990"):
        tfp.BilateralIndex(outputs=("crop",), base=1990).fit(farms())


def test_roles_and_items_exclude_each_other():
    with pytest.raises(tfp.DataError, match="are its items"):
        tfp.BilateralIndex(outputs=("crop",)).fit(long(long_frame()))


def test_nothing_to_compare_is_an_error_that_names_the_role():
    with pytest.raises(tfp.DataError, match="no role 'output'"):
        tfp.BilateralIndex().fit(wide({"state": ["A"], "year": [1]}))
    with pytest.raises(tfp.DataError, match="no role 'capital'"):
        tfp.BilateralIndex(kind="tfp").fit(
            wide({"state": ["A"], "year": [1], "y": [1.0]}, output="y")
        )


def test_the_specification_travels_and_the_result_sums_itself_up():
    spec = tfp.BilateralIndex(formula="lowe", reference=2000, outputs=("crop", "meat"))
    assert tfp.spec_from_dict(spec.to_dict()) == spec
    result = spec.fit(farms())
    glance = result.glance()
    assert glance["situations"].tolist() == [6]
    growth = result.growth()["output_quantity_growth"]
    assert np.isnan(growth[[0, 3]]).all()
    assert glance["mean_output_quantity_growth"][0] == pytest.approx(np.nanmean(growth), rel=1e-15)
    assert "6 of 6 rows used" in result.summary()
    assert "lowe" in str(result.tidy())


def test_chains_of_many_firms_equal_a_loop_over_each_alone():
    """Blocks of firms, gaps in some of them, and one and two products."""
    rng = np.random.default_rng(3)
    firms, years = 3_000, 30
    firm, year = np.repeat(np.arange(firms), years), np.tile(np.arange(years), firms)
    kept = rng.random(firm.size) > 0.02
    firm, year = firm[kept], year[kept]
    frame = {"firm": firm, "year": year, "share": rng.uniform(0.3, 0.7, firm.size)}
    frame |= {name: np.exp(rng.normal(size=firm.size)) for name in ("y", "k", "l")}
    panel = tfp.Panel.from_frame(
        frame, entity="firm", time="year", output="y", capital="k", labor="l", labor_share="share"
    )
    found = tfp.BilateralIndex(kind="tfp").fit(panel)
    chosen = rng.choice(firms, 40, replace=False)
    for one in [*chosen, 0, firms - 1]:
        rows = np.flatnonzero(firm == one)
        y, k, labor, s = (frame[name][rows] for name in ("y", "k", "l", "share"))
        links = y[1:] / y[:-1]
        k, labor = k[1:] / k[:-1], labor[1:] / labor[:-1]
        laspeyres = s[:-1] * labor + (1 - s[:-1]) * k
        paasche = 1 / (s[1:] / labor + (1 - s[1:]) / k)
        links = np.where(np.diff(year[rows]) == 1, links / np.sqrt(laspeyres * paasche), np.nan)
        expected = np.concatenate(([1.0], np.cumprod(links)))
        np.testing.assert_allclose(found["tfp_index"][rows], expected, rtol=1e-12)
    assert found.sample.balanced


def test_an_index_beyond_all_doubles_is_missing_with_a_reason():
    frame = {"state": ["A"] * 4, "year": [1, 2, 3, 4], "q": [1e-200, 1.0, 1e200, 1.0]}
    found = tfp.BilateralIndex(outputs=("crop",)).fit(wide(frame, columns={"crop": "q"}))
    assert found["output_quantity_index"][:2].tolist() == [1.0, 1e200]
    assert np.isnan(found["output_quantity_index"][2])
    assert found.reasons[2] == "a value is zero, or too small or large to divide by"


def test_levels_of_two_price_bases_are_not_compared_over_time():
    frame = FARMS | {"base": ["1994", "1994", "2010"] * 2}
    panel = wide(
        frame, output="q_crop", labor="hours", capital="stock", labor_share="rent",
        groups={"price_base": "base"},
    )  # fmt: skip
    for spec in (tfp.BilateralIndex(kind="tfp"), tfp.MultilateralIndex(formula="ccd")):
        with pytest.raises(tfp.DataError, match="the price base changes from 1994 to 2010"):
            spec.fit(panel)
    within_years = tfp.MultilateralIndex(formula="ccd", compare="entity").fit(panel)
    assert np.isfinite(within_years["log_tfp"]).all()
