from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp

NAN = np.nan


def panel_of(columns, **more):
    n = len(next(iter(columns.values())))
    frame = {"unit": ["A"] * n, "year": list(range(2000, 2000 + n)), **columns, **more}
    groups = {"price_base": "base"} if "base" in more else None
    return tfp.Panel.from_frame(
        frame, entity="unit", time="year", columns={k: k for k in columns}, groups=groups
    )


SERIES = {
    "output": [100.0, 130.0, 150.0, 140.0],
    "output_price": [1.0, 1.1, 1.2, 1.15],
    "materials": [60.0, 70.0, 95.0, 80.0],
    "materials_price": [1.0, 0.9, 1.4, 1.3],
    "value_added": [40.0, 60.0, 55.0, 60.0],
    "value_added_price": [1.0, 1.3, 0.9, 1.0],
}


def deflate(columns=None, **options):
    return tfp.Deflation(**options).fit(panel_of(SERIES | (columns or {})))


def test_single_deflation():
    out = deflate()
    np.testing.assert_allclose(out.real, [40, 60 / 1.3, 55 / 0.9, 60])
    np.testing.assert_allclose(out.deflator, SERIES["value_added_price"])
    later = deflate(base=2002)
    np.testing.assert_allclose(later.real / out.real, 0.9, rtol=1e-14)
    np.testing.assert_allclose(later.growth, out.growth, rtol=1e-12)
    percent = deflate({"value_added_price": [100.0, 130.0, 90.0, 100.0]}, price_unit=100.0)
    np.testing.assert_allclose(percent.real, out.real, rtol=1e-14)


def test_double_deflation_by_hand():
    Y = np.array(SERIES["output"]) / SERIES["output_price"]
    X = np.array(SERIES["materials"]) / SERIES["materials_price"]
    np.testing.assert_allclose(deflate(method="double_laspeyres").real, Y - X)
    share = np.array(SERIES["materials"]) / SERIES["output"]
    mean = (share[1:] + share[:-1]) / 2
    growth = (np.diff(np.log(Y)) - mean * np.diff(np.log(X))) / (1 - mean)
    out = deflate(method="double_tornqvist")
    np.testing.assert_allclose(out.growth[1:], growth, rtol=1e-12)
    assert out.real[0] == 40.0
    based = deflate(method="double_tornqvist", base=2002)
    np.testing.assert_allclose(based.real[2], 55.0)
    np.testing.assert_allclose(based.growth[1:], growth, rtol=1e-12)


def test_laspeyres_double_deflation_can_be_negative_and_says_so():
    out = deflate({"materials_price": [1.0, 0.5, 1.4, 1.3]}, method="double_laspeyres")
    assert out.real[1] < 0
    assert out.sample.notes == {"real value added not above zero": 1}
    assert np.isnan(out.growth[1:3]).all()


def test_tornqvist_breaks_where_value_added_is_not_above_zero():
    out = deflate({"materials": [60.0, 70.0, 160.0, 80.0]}, method="double_tornqvist")
    assert np.isfinite(out.real).tolist() == [True, True, False, False]
    assert out.sample.balanced


def test_a_missing_price_of_a_value_that_is_there():
    hole = {"value_added_price": [1.0, NAN, 0.9, 1.0]}
    with pytest.raises(tfp.DataError, match="missing for a value that is there") as caught:
        deflate(hole)
    assert (caught.value.code, caught.value.time) == ("missing_price", 2001)
    out = deflate(hole, missing="missing")
    assert np.isnan(out.real).tolist() == [False, True, False, False]
    assert out.sample.lost == {"a value or price is missing": 1}
    deflate(hole | {"value_added": [40.0, NAN, 55.0, 60.0]})  # neither is there
    with pytest.raises(tfp.DataError, match="value_added_price is -1"):
        deflate({"value_added_price": [1.0, -1.0, 0.9, 1.0]})


def test_levels_of_two_price_bases_are_refused_everywhere():
    panel = panel_of(SERIES, base=[1994, 1994, 2010, 2010])
    for spec in (tfp.Deflation(), tfp.Rebasing(role="output", base=2000)):
        with pytest.raises(tfp.DataError, match="from 1994 to 2010") as caught:
            spec.fit(panel)
        assert caught.value.code == "mixed_price_base"
        assert "Splicing" in str(caught.value)


def test_rebasing_moves_every_value_by_one_factor():
    panel = panel_of(SERIES)
    index = tfp.Rebasing(role="output_price", base=2002, value=100.0).fit(panel)
    np.testing.assert_allclose(index.values, np.array(SERIES["output_price"]) / 1.2 * 100)
    stock = tfp.Rebasing(role="output", base=2002, price="output_price", from_base=2000).fit(panel)
    np.testing.assert_allclose(stock.values, 1.2 * np.array(SERIES["output"]))
    assert stock.tidy()["factor"].tolist() == [1.2]
    assert "2002" in stock.summary()
    with pytest.raises(tfp.DataError, match="no figure in the base period"):
        tfp.Rebasing(role="output", base=2050).fit(panel)
    with pytest.raises(tfp.SpecificationError):
        tfp.Rebasing(role="output")
    with pytest.raises(tfp.SpecificationError):
        tfp.Rebasing(role="output", base=2000, price="output_price")


def test_splicing_two_price_bases():
    frame = pd.DataFrame(
        {
            "province": ["A"] * 4 + ["B"] * 3,
            "year": [2008, 2009, 2010, 2011, 2009, 2010, 2011],
            "old": [80.0, 90.0, 99.0, NAN, 10.0, 12.0, NAN],
            "new": [NAN, NAN, 220.0, 242.0, NAN, NAN, 30.0],
        }
    )
    panel = tfp.Panel.from_frame(
        frame, entity="province", time="year", columns={"older": "old", "newer": "new"}
    )
    with pytest.raises(tfp.DataError, match="share no period") as caught:
        tfp.Splicing().fit(panel)
    assert (caught.value.entity, caught.value.code) == ("B", "no_overlap")
    out = tfp.Splicing(missing="missing").fit(panel)
    np.testing.assert_allclose(out.values, [1600 / 9, 200, 220, 242, NAN, NAN, 30])
    assert out.to_frame()["vintage"].tolist() == [
        "older",
        "older",
        "newer",
        "newer",
        "",
        "",
        "newer",
    ]
    assert out.tidy()["shared_periods"].tolist() == [1, 0]
    assert out.sample.lost == {"no period shared by both vintages, or no figure in either": 2}
    assert out.sample.notes == {"rows from the older vintage": 2}
    assert "factor" in out.summary()
    with pytest.raises(tfp.SpecificationError):
        tfp.Splicing(newer="older")


def test_break_repair_reports_and_mends():
    columns = {
        "value_added": [90.0, 99.0, 55.0, NAN],
        "value_added_index": [NAN, 110.0, 110.0, 105.0],
    }
    out = tfp.BreakRepair().fit(panel_of(columns))
    np.testing.assert_allclose(out.level, [500 / 11, 50, 55, NAN])
    row = out.tidy().rows()[0]
    assert (row["unit"], row["year"]) == ("A", 2002)
    assert row["gap"] == pytest.approx(100 * 55 / 99 - 110)
    assert out.glance()["breaks"].tolist() == [1]
    assert out.sample.notes == {"breaks mended": 1, "rows compared with the index": 2}
    assert tfp.BreakRepair(tolerance=60.0).fit(panel_of(columns)).breaks.rows.size == 0
    with pytest.raises(tfp.DataError, match="value_added_index is 0"):
        tfp.BreakRepair().fit(panel_of(columns | {"value_added_index": [0.0, 1.0, 1.0, 1.0]}))
    ratios = panel_of(columns | {"value_added_index": [NAN, 1.1, 1.1, 1.05]})
    with pytest.raises(tfp.DataError, match=r"is 1\.1 in 3") as caught:
        tfp.BreakRepair().fit(ratios)
    assert caught.value.code == "not_an_index"
    with pytest.raises(tfp.SpecificationError):
        tfp.BreakRepair(before="both")


def test_specifications_travel():
    for spec in (
        tfp.Deflation(method="double_tornqvist", base=2010),
        tfp.Rebasing(role="capital", base=2010, price="p", from_base=1994),
        tfp.Splicing(link="geometric"),
        tfp.BreakRepair(before="index"),
    ):
        assert tfp.spec_from_dict(spec.to_dict()) == spec


def test_logs_are_refused():
    panel = tfp.Panel.from_frame(
        {"u": ["A"], "t": [1], "v": [1.0], "p": [1.0]}, entity="u", time="t", value_added="v",
        columns={"value_added_price": "p"}, logs=True,
    )  # fmt: skip
    with pytest.raises(tfp.DataError, match="needs levels"):
        tfp.Deflation().fit(panel)
