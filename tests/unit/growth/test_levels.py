from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp

ROUNDING = 1e-13  # logs of size ten and their exponentials


def world(entities=12, years=3, seed=2):
    rng = np.random.default_rng(seed)
    n = entities * years
    return {
        "country": np.repeat([f"c{i:02d}" for i in range(entities)], years).tolist(),
        "year": np.tile(np.arange(2000, 2000 + years), entities).tolist(),
        "y": np.exp(rng.normal(5, 1, n)).tolist(),
        "k": np.exp(rng.normal(6, 1, n)).tolist(),
        "l": np.exp(rng.normal(2, 0.5, n)).tolist(),
        "h": rng.uniform(1.2, 3.5, n).tolist(),
        "sl": rng.uniform(0.4, 0.7, n).tolist(),
    }


def panel(frame, **options):
    roles = {"output": "y", "capital": "k", "labor": "l", "labor_share": "sl"}
    extra = {"columns": {"human_capital": "h"}}
    return tfp.Panel.from_frame(frame, entity="country", time="year", **(roles | extra | options))


def test_levels_by_hand():
    frame = world()
    found = tfp.TFPLevels(base="c03").fit(panel(frame)).to_frame()
    y, k, labor, sl, year = (np.array(frame[n]) for n in ("y", "k", "l", "sl", "year"))
    for t in (2000, 2001, 2002):
        of = year == t
        s = 0.5 * (sl[of] + sl[of].mean())
        log_k, log_l = np.log(k[of]), np.log(labor[of])
        a = np.log(y[of]) - s * (log_l - log_l.mean()) - (1 - s) * (log_k - log_k.mean())
        assert found["tfp"].to_numpy()[of] == pytest.approx(np.exp(a - a[3]), rel=ROUNDING)


def test_terms_multiply_to_output():
    result = tfp.TFPLevels(base="c03").fit(panel(world()))
    product = result["tfp"] * result["capital"] * result["labor"]
    assert product == pytest.approx(result["output"], rel=ROUNDING)
    y = np.array(world()["y"]).reshape(12, 3)
    assert result["output"].reshape(12, 3) == pytest.approx(y / y[3], rel=ROUNDING)
    mean = tfp.TFPLevels().fit(panel(world()))
    assert mean["tfp"] / result["tfp"] == pytest.approx(
        np.tile((mean["tfp"] / result["tfp"])[:3], 12), rel=ROUNDING
    )


def test_the_base_must_be_there_and_a_country_alone_is_not_compared():
    frame = world()
    frame["year"][0] = 1950
    result = tfp.TFPLevels().fit(panel(frame))
    assert result.reasons[0] == "nothing to compare it with"
    with pytest.raises(tfp.DataError, match="there is no entity 'USA'"):
        tfp.TFPLevels(base="USA").fit(panel(frame))
    frame["k"][9:12] = [np.nan] * 3
    with pytest.raises(tfp.DataError, match="no complete row"):
        tfp.TFPLevels(base="c03").fit(panel(frame))
    frame = world()
    frame["k"][9] = np.nan
    result = tfp.TFPLevels(base="c03").fit(panel(frame))
    assert result.sample.lost == {
        "a quantity, price or share is missing": 1,
        "the base is missing": 11,
    }
    assert np.isnan(result["tfp"][result.keys.time == 2000]).all()


@pytest.mark.parametrize("form", ["capital_output", "capital_labor"])
def test_development_accounting_by_hand(form):
    frame = world()
    result = tfp.DevelopmentAccounting(capital_share=0.4, form=form).fit(panel(frame))
    y, k, labor, h = (np.array(frame[n]) for n in ("y", "k", "l", "h"))
    a = (y / (k**0.4 * (h * labor) ** 0.6)) ** (1 / 0.6)
    if form == "capital_output":
        expected = ((k / y) ** (0.4 / 0.6), h, a)
    else:
        expected = ((k / labor) ** 0.4, h**0.6, a**0.6)
    for name, value in zip(("capital", "human_capital", "productivity"), expected, strict=True):
        assert result[name] == pytest.approx(value, rel=ROUNDING)
    assert result["output_per_worker"] == pytest.approx(y / labor, rel=ROUNDING)


def test_relative_to_a_base_units_do_not_matter():
    frame = world()
    spec = tfp.DevelopmentAccounting(base="c00")
    before = spec.fit(panel(frame))["productivity"]
    frame["k"] = [v * 1e6 for v in frame["k"]]
    frame["y"] = [v / 1e3 for v in frame["y"]]
    assert spec.fit(panel(frame))["productivity"] == pytest.approx(before, rel=1e-12)


def test_without_human_capital_it_is_part_of_productivity():
    with_h = tfp.DevelopmentAccounting().fit(panel(world()))
    without = tfp.DevelopmentAccounting().fit(panel(world(), columns=None))
    assert "human_capital" not in without.logs
    assert without["productivity"] == pytest.approx(
        with_h["productivity"] * with_h["human_capital"], rel=ROUNDING
    )


def test_shares_of_the_spread_sum_to_one():
    for result in (
        tfp.DevelopmentAccounting(base="c00").fit(panel(world())),
        tfp.TFPLevels(base="c00").fit(panel(world())),
    ):
        table = result.dispersion()
        parts = [c for c in table.columns if c.endswith("_share")]
        assert np.sum([table[c] for c in parts], axis=0) == pytest.approx(np.ones(3), abs=1e-12)
        assert table["entities"].tolist() == [12, 12, 12]
        assert result.glance()["year"].tolist() == [2002]
    y = np.log(np.divide(world()["y"], world()["l"])).reshape(12, 3)
    found = tfp.DevelopmentAccounting().fit(panel(world())).dispersion()
    assert found["var_log_output_per_worker"] == pytest.approx(y.var(axis=0), rel=1e-12)


def test_one_country_has_no_spread():
    frame = {k: v[:3] for k, v in world().items()}
    table = tfp.DevelopmentAccounting().fit(panel(frame)).dispersion()
    assert np.isnan(table["capital_share"]).all()


def test_bad_values_and_options():
    frame = world()
    frame["k"][4] = 0.0
    with pytest.raises(tfp.DataError, match="capital is 0") as error:
        tfp.DevelopmentAccounting().fit(panel(frame))
    assert (error.value.column, error.value.time) == ("k", 2001)
    lost = tfp.DevelopmentAccounting(invalid="missing").fit(panel(frame)).sample.lost
    assert lost == {"a quantity is zero, negative or infinite": 1}
    for share in (0.0, 1.0, 33, True):
        with pytest.raises(tfp.SpecificationError, match="capital_share"):
            tfp.DevelopmentAccounting(capital_share=share)
    with pytest.raises(tfp.SpecificationError, match="is not known"):
        tfp.DevelopmentAccounting(form="caselli")
    with pytest.raises(tfp.SpecificationError, match="labor_share"):
        tfp.TFPLevels(labor_share=-0.1)
    with pytest.raises(tfp.DataError, match="no role 'human'"):
        tfp.DevelopmentAccounting(human_capital="human").fit(panel(world()))


def test_specifications_travel():
    for spec in (
        tfp.TFPLevels(base="USA", labor_share=0.6, inputs=("capital", "labor")),
        tfp.DevelopmentAccounting(capital_share=0.35, base="USA"),
    ):
        assert tfp.spec_from_dict(spec.to_dict()) == spec
    assert "36 of 36 rows used" in tfp.TFPLevels().fit(panel(world())).summary()
