from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp

ROUNDING = 1e-14
YEARS = (2000, 2001, 2002)


def economy():
    """Three industries in two sectors, three years, with hours and two kinds of capital."""
    rng = np.random.default_rng(11)
    n = 9
    parts = rng.uniform(10, 30, (4, n))
    frame = {
        "industry": np.repeat(["farm", "mine", "mill"], 3).tolist(),
        "sector": np.repeat(["primary", "primary", "secondary"], 3).tolist(),
        "year": list(YEARS) * 3,
        "v_m": parts[0].tolist(),
        "v_ict": parts[1].tolist(),
        "v_other": parts[2].tolist(),
        "v_l": parts[3].tolist(),
        "v_y": parts.sum(axis=0).tolist(),
    }
    for name in ("y", "m", "ict", "other", "l", "hours"):
        frame[name] = np.exp(rng.normal(3, 0.1, n)).tolist()
    return frame


COLUMNS = {
    "output_value": "v_y",
    "materials_value": "v_m",
    "ict_value": "v_ict",
    "other_capital_value": "v_other",
    "labor_value": "v_l",
    "hours": "hours",
}


def panel(frame, **options):
    defaults = {
        "entity": "industry",
        "time": "year",
        "output": "y",
        "materials": "m",
        "labor": "l",
        "inputs": {"ict": "ict", "other_capital": "other"},
        "columns": COLUMNS,
        "groups": {"sector": "sector"},
    }
    return tfp.Panel.from_frame(frame, **(defaults | options))


def dln(frame, name, row):
    return np.log(frame[name][row] / frame[name][row - 1])


def share(frame, name, row, whole="v_y"):
    return 0.5 * sum(frame[name][i] / frame[whole][i] for i in (row - 1, row))


INPUTS = (("m", "v_m"), ("ict", "v_ict"), ("other", "v_other"), ("l", "v_l"))


def test_gross_output_accounts_by_hand():
    frame = economy()
    found = tfp.KlemsAccounts().fit(panel(frame)).to_frame()
    for row in (1, 2, 4, 5, 7, 8):
        residual = dln(frame, "y", row)
        for x, v in INPUTS:
            residual -= share(frame, v, row) * dln(frame, x, row)
        assert found["tfp_growth"][row] == pytest.approx(residual, abs=ROUNDING)
    assert np.isnan(found["tfp_growth"][[0, 3, 6]]).all()


def test_groups_and_composition_are_sums_and_splits():
    frame = economy()
    spec = tfp.KlemsAccounts(
        groups={"capital": ("ict", "other_capital")}, composition={"labor": "hours"}
    )
    found = spec.fit(panel(frame))
    both = found["ict_contribution"] + found["other_capital_contribution"]
    assert found["capital_contribution"] == pytest.approx(both, abs=ROUNDING, nan_ok=True)
    total = found.aggregates("total")
    parts = total["weighted_ict_contribution"] + total["weighted_other_capital_contribution"]
    assert total["weighted_capital_contribution"][1:] == pytest.approx(parts[1:], abs=ROUNDING)
    hours = share(frame, "v_l", 4) * dln(frame, "hours", 4)
    assert found.to_frame()["labor_quantity_contribution"][4] == pytest.approx(hours, abs=ROUNDING)
    parts = found["labor_quantity_contribution"] + found["labor_composition_contribution"]
    assert parts == pytest.approx(found["labor_contribution"], abs=ROUNDING, nan_ok=True)
    with pytest.raises(tfp.DataError, match="names 'software', which is not an input"):
        tfp.KlemsAccounts(groups={"ict": ("software",)}).fit(panel(frame))


def value_added(frame, row):
    return frame["v_y"][row] - frame["v_m"][row]


def test_domar_weights_by_hand():
    frame = economy()
    result = tfp.KlemsAccounts().fit(panel(frame))
    found = result.to_frame()
    expected = 0.0
    for row in (1, 4, 7):
        whole = [sum(value_added(frame, r - lag) for r in (1, 4, 7)) for lag in (0, 1)]
        weight = 0.5 * (frame["v_y"][row] / whole[0] + frame["v_y"][row - 1] / whole[1])
        assert found["weight"][row] == pytest.approx(weight, rel=ROUNDING)
        expected += weight * found["tfp_growth"][row]
    total = result.aggregates("total")
    assert total["tfp_growth"][1] == pytest.approx(expected, abs=ROUNDING)
    assert np.isnan(total["tfp_growth"][0])
    assert total["status"].tolist() == ["no industry has an account in this period", "", ""]


def test_reallocation_of_labor_by_hand():
    frame = economy()
    spec = tfp.KlemsAccounts(aggregate="value_added", aggregate_inputs="sum")
    result = spec.fit(panel(frame))
    whole = [sum(value_added(frame, r - lag) for r in (1, 4, 7)) for lag in (0, 1)]
    moved = 0.0
    for row in (1, 4, 7):
        w = 0.5 * (value_added(frame, row) / whole[0] + value_added(frame, row - 1) / whole[1])
        v = 0.5 * sum(frame["v_l"][i] / value_added(frame, i) for i in (row - 1, row))
        moved += w * v * dln(frame, "l", row)
    wages = [sum(frame["v_l"][r - lag] for r in (1, 4, 7)) for lag in (0, 1)]
    hours = [sum(frame["l"][r - lag] for r in (1, 4, 7)) for lag in (0, 1)]
    together = 0.5 * (wages[0] / whole[0] + wages[1] / whole[1]) * np.log(hours[0] / hours[1])
    total = result.aggregates("total")
    assert total["labor_contribution"][1] == pytest.approx(together, abs=ROUNDING)
    assert total["reallocation_labor"][1] == pytest.approx(moved - together, abs=ROUNDING)
    direct = tfp.KlemsAccounts(aggregate="direct", aggregate_inputs="sum").fit(panel(frame))
    assert direct.aggregates("total")["tfp_growth"][1:] == pytest.approx(
        total["direct_tfp_growth"][1:], abs=0
    )


def test_a_tree_of_sectors():
    frame = economy()
    result = tfp.KlemsAccounts(tree=("sector",), aggregate_inputs="sum").fit(panel(frame))
    table = result.aggregates()
    assert list(dict.fromkeys(table["level"].tolist())) == ["sector", "total"]
    primary = {k: v[:6] for k, v in frame.items()}
    alone = tfp.KlemsAccounts(aggregate_inputs="sum").fit(panel(primary)).aggregates("total")
    in_tree = result.aggregates("sector").where(node="primary")
    for name in ("tfp_growth", "direct_tfp_growth", "reallocation_labor"):
        assert in_tree[name][1:] == pytest.approx(alone[name][1:], abs=ROUNDING)
    assert in_tree["industries"].tolist() == [0, 2, 2]
    # one industry in its sector: nothing to reallocate there
    mill = result.aggregates("sector").where(node="secondary")
    assert mill["reallocation_labor"][1:] == pytest.approx(0.0, abs=1e-3)
    with pytest.raises(tfp.DataError, match="there is no level 'sectors'"):
        result.aggregates("sectors")


def test_a_tree_must_be_nested_and_complete():
    frame = economy()
    frame["country"] = ["X"] * 3 + ["Y"] * 6
    groups = {"sector": "sector", "country": "country"}
    with pytest.raises(tfp.DataError, match="belongs to more than one country"):
        tfp.KlemsAccounts(tree=("sector", "country")).fit(panel(frame, groups=groups))
    frame["sector"][1] = "secondary"
    with pytest.raises(tfp.DataError, match="an industry changes its 'sector'"):
        tfp.KlemsAccounts(tree=("sector",)).fit(panel(frame))
    frame["sector"][1] = None
    with pytest.raises(tfp.DataError, match="an industry has no 'sector'") as error:
        tfp.KlemsAccounts(tree=("sector",)).fit(panel(frame))
    assert (error.value.entity, error.value.time) == ("farm", 2001)


def provinces():
    one, other = economy(), economy()
    for name in ("y", "l", "v_l"):
        other[name] = other[name][::-1]
    other["v_y"] = np.sum([other[v] for v in ("v_m", "v_ict", "v_other", "v_l")], axis=0).tolist()
    both = {k: one[k] + other[k] for k in one}
    return both | {"province": ["HN"] * 9 + ["QN"] * 9}


def test_industries_of_provinces_are_items():
    frame = provinces()
    result = tfp.KlemsAccounts().fit(panel(frame, entity="province", item="industry"))
    table = result.aggregates()
    assert list(dict.fromkeys(table["level"].tolist())) == ["province", "total"]
    assert table.where(level="total")["industries"].tolist() == [0, 6, 6]
    alone = tfp.KlemsAccounts().fit(panel({k: v[:9] for k, v in frame.items()})).aggregates("total")
    assert table.where(node="HN")["tfp_growth"][1:] == pytest.approx(
        alone["tfp_growth"][1:], abs=ROUNDING
    )


def test_the_total_row_gives_the_aggregate_inputs():
    frame = economy()
    frame = {k: v + v[:3] for k, v in frame.items()}
    frame["industry"][9:] = ["TOT"] * 3
    for name in ("y", "m", "ict", "other", "l", "v_y", "v_m", "v_ict", "v_other", "v_l"):
        for t in range(3):
            frame[name][9 + t] = sum(frame[name][t + 3 * i] for i in range(3))
    by_row = tfp.KlemsAccounts(total="TOT", aggregate_inputs="total").fit(panel(frame))
    by_sum = tfp.KlemsAccounts(total="TOT", aggregate_inputs="sum").fit(panel(frame))
    assert by_row.sample.lost["it is the total"] == 3
    for name in ("direct_tfp_growth", "reallocation_labor", "tfp_growth"):
        assert by_row.aggregates("total")[name][1:] == pytest.approx(
            by_sum.aggregates("total")[name][1:], abs=ROUNDING
        )
    with pytest.warns(tfp.DataWarning, match="'TOT' is as large as all others"):
        tfp.KlemsAccounts().fit(panel(frame))
    with pytest.raises(tfp.DataError, match="there is no industry 'TOTAL'"):
        tfp.KlemsAccounts(total="TOTAL").fit(panel(frame))
    of_provinces = {k: v + v for k, v in frame.items()} | {"province": ["HN"] * 12 + ["QN"] * 12}
    of_provinces["l"] = [v * 1.5 if i > 12 else v for i, v in enumerate(of_provinces["l"])]
    item = panel(of_provinces, entity="province", item="industry")
    nodes = tfp.KlemsAccounts(total="TOT", aggregate_inputs="total").fit(item).aggregates()
    assert np.isfinite(nodes.where(node="HN")["direct_tfp_growth"][1:]).all()
    # the provinces have totals of their own, the country has none
    assert np.isnan(nodes.where(level="total")["direct_tfp_growth"]).all()
    with pytest.warns(tfp.DataWarning, match="'TOT' is as large as all others"):
        tfp.KlemsAccounts().fit(item)


def test_an_industry_without_account_leaves_its_nodes_missing_or_covered_in_part():
    frame = economy()
    frame["l"][4] = np.nan  # mine, 2001
    missing = tfp.KlemsAccounts(tree=("sector",)).fit(panel(frame))
    assert missing.sample.lost == {
        "first row of its industry": 3,
        "a quantity or value is missing in one of the two periods": 2,
    }
    assert np.isnan(missing.aggregates("total")["tfp_growth"]).all()
    assert missing.aggregates("total")["status"][1] == "an industry has no account in this period"
    mill = missing.aggregates("sector").where(node="secondary")
    assert np.isfinite(mill["tfp_growth"][1:]).all()
    matched = tfp.KlemsAccounts(incomplete="matched").fit(panel(frame))
    total = matched.aggregates("total")
    rest = {k: v[:3] + v[6:] for k, v in frame.items()}
    alone = tfp.KlemsAccounts().fit(panel(rest)).aggregates("total")
    assert total["tfp_growth"][1:] == pytest.approx(alone["tfp_growth"][1:], abs=ROUNDING)
    covered = [
        (value_added(frame, 0 + t) + value_added(frame, 6 + t))
        / sum(value_added(frame, i + t) for i in (0, 3, 6))
        for t in (1, 2)
    ]
    assert total["coverage"][1:] == pytest.approx(covered, rel=ROUNDING)


def test_an_industry_that_disappears_leaves_the_node_missing():
    frame = {k: v[:8] for k, v in economy().items()}  # no mill in 2002
    total = tfp.KlemsAccounts().fit(panel(frame)).aggregates("total")
    assert np.isnan(total["tfp_growth"]).tolist() == [True, False, True]


def test_negative_value_added_has_no_growth_but_gross_output_has():
    frame = economy()
    frame["v_m"][4] = 200.0
    result = tfp.KlemsAccounts(aggregate="value_added").fit(panel(frame))
    found = result.to_frame()
    assert np.isnan(found["value_added_growth"][[4, 5]]).all()
    assert np.isfinite(found["tfp_growth"][[4, 5]]).all()
    total = result.aggregates("total")
    assert np.isnan(total["tfp_growth"][1])
    assert total["status"][1].startswith("value added of an industry")


def test_an_input_that_is_not_used_contributes_nothing():
    frame = economy()
    for row in (0, 1, 2):
        frame["ict"][row] = 0.0 if row else np.nan
        frame["v_y"][row] -= frame["v_ict"][row]
        frame["v_ict"][row] = 0.0
    found = tfp.KlemsAccounts().fit(panel(frame)).to_frame()
    assert found["ict_contribution"][[1, 2]].tolist() == [0.0, 0.0]
    assert np.isfinite(found["tfp_growth"][[1, 2]]).all()


def test_what_cannot_be_used_stops_or_is_counted():
    frame = economy()
    frame["ict"][4] = 0.0
    with pytest.raises(tfp.DataError, match="ict is 0, and its growth is needed") as error:
        tfp.KlemsAccounts().fit(panel(frame))
    assert (error.value.entity, error.value.time, error.value.column) == ("mine", 2001, "ict")
    lost = tfp.KlemsAccounts(invalid="missing").fit(panel(frame)).sample.lost
    assert (
        lost["a quantity that has a value is not above zero, or a value is negative or extreme"]
        == 2
    )
    frame = economy()
    frame["v_l"][7] = -1.0
    with pytest.raises(tfp.DataError, match="labor_value is -1"):
        tfp.KlemsAccounts().fit(panel(frame))
    result = tfp.KlemsAccounts(invalid="missing").fit(panel(frame))
    assert np.isnan(result.to_frame()["tfp_growth"][[7, 8]]).all()
    assert result.sample.balanced


def test_one_input_gets_the_remainder_and_negative_income_is_refused():
    frame = economy()
    without = {k: v for k, v in COLUMNS.items() if k != "other_capital_value"}
    full = tfp.KlemsAccounts().fit(panel(frame))
    rest = tfp.KlemsAccounts().fit(panel(frame, columns=without))
    assert rest["tfp_growth"] == pytest.approx(full["tfp_growth"], abs=ROUNDING, nan_ok=True)
    frame["v_y"][4] = 30.0
    with pytest.raises(tfp.DataError, match="what remains of output for other_capital is -"):
        tfp.KlemsAccounts().fit(panel(frame, columns=without))
    found = tfp.KlemsAccounts(invalid="missing").fit(panel(frame, columns=without))
    assert np.isnan(found.to_frame()["tfp_growth"][[4, 5]]).all()
    del without["ict_value"]
    with pytest.raises(tfp.DataError, match="the values of ict, other_capital are not known"):
        tfp.KlemsAccounts().fit(panel(economy(), columns=without))


def test_shares_and_prices_can_stand_for_values():
    frame = economy()
    frame["s"] = np.divide(frame["v_ict"], frame["v_y"]).tolist()
    frame["wage"] = np.divide(frame["v_l"], frame["l"]).tolist()
    columns = COLUMNS | {"ict_share": "s", "labor_price": "wage"}
    del columns["ict_value"], columns["labor_value"]
    found = tfp.KlemsAccounts().fit(panel(frame, columns=columns))
    expected = tfp.KlemsAccounts().fit(panel(frame))
    assert found["tfp_growth"] == pytest.approx(expected["tfp_growth"], abs=1e-13, nan_ok=True)


def test_periods_are_means_and_spans_with_holes_are_missing():
    result = tfp.KlemsAccounts().fit(panel(economy()))
    table = result.periods([(2000, 2002), (2001, 2002), (1999, 2002)], level="total")
    total = result.aggregates("total")
    assert table["tfp_growth"][0] == pytest.approx(total["tfp_growth"][1:].mean(), rel=1e-15)
    assert table["tfp_growth"][1] == total["tfp_growth"][2]
    assert np.isnan(table["tfp_growth"][2])
    assert table["start"].tolist() == [2000, 2001, 1999]


@pytest.mark.parametrize("timing", ["current", "lagged"])
def test_share_timing(timing):
    frame = economy()
    found = tfp.KlemsAccounts(share_timing=timing).fit(panel(frame)).to_frame()
    row = 4 if timing == "current" else 3
    expected = frame["v_l"][row] / frame["v_y"][row] * dln(frame, "l", 4)
    assert found["labor_contribution"][4] == pytest.approx(expected, abs=ROUNDING)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "net"}, "is not known"),
        ({"output": "value_added", "aggregate": "domar"}, "Domar weights belong"),
        ({"aggregate": "direct"}, "needs inputs"),
        ({"aggregate_inputs": "total"}, "needs the label of the total"),
        ({"tree": "sector"}, "distinct names"),
        ({"groups": {"ict": "ict"}}, "must name inputs"),
        ({"share_timing": "fixed"}, "is not known"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(tfp.SpecificationError, match=message):
        tfp.KlemsAccounts(**options)


def test_what_is_missing_is_named():
    frame = economy()
    columns = {k: v for k, v in COLUMNS.items() if k != "output_value"}
    with pytest.raises(tfp.DataError, match="the value of output in current prices"):
        tfp.KlemsAccounts().fit(panel(frame, columns=columns))
    with pytest.raises(tfp.DataError, match="materials is an intermediate input"):
        tfp.KlemsAccounts(output="value_added").fit(panel(frame))
    with pytest.raises(tfp.DataError, match="no role 'value_added'"):
        tfp.KlemsAccounts(output="value_added", inputs=("labor", "ict")).fit(panel(frame))


def test_the_specification_travels_and_the_result_sums_itself_up():
    spec = tfp.KlemsAccounts(
        tree=("sector",),
        groups={"capital": ("ict", "other_capital")},
        composition={"labor": "hours"},
        aggregate_inputs="sum",
    )
    assert tfp.spec_from_dict(spec.to_dict()) == spec
    hash(spec)
    result = spec.fit(panel(economy()))
    assert result.glance()["first"].tolist() == [2001]
    assert "6 of 9 rows used" in result.summary()
    assert result.sample.balanced
    assert len(result.tidy()) == 9
