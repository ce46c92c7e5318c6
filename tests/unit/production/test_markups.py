from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tfp_index as tfp
from tfp_index.errors import DataError, EstimationError, IdentificationWarning, SpecificationError
from tfp_index.results.result import RowValues


def _frame(seed=0, firms=400, years=4):
    """Cobb–Douglas firms with known markups; the error of output is in revenue, not in the plan."""
    rng = np.random.default_rng(seed)
    n = firms * years
    firm = np.repeat(np.arange(firms), years)
    k, labor, m = rng.normal(size=(3, n))
    omega, error = 0.2 * rng.normal(size=(2, n))
    markup = np.exp(0.2 + 0.1 * rng.normal(size=firms))[firm]
    y = 0.2 * k + 0.3 * labor + 0.5 * m + omega + error
    return {
        "firm": firm,
        "year": np.tile(np.arange(2015, 2015 + years), firms),
        "industry": np.array(["B", "C"], object)[firm % 2],
        "y": y,
        "k": k,
        "l": labor,
        "m": m,
        "share": 0.5 / markup * np.exp(-error),
        "revenue": np.exp(y),
        "markup": markup,
        "error": error,
    }


def _panel(frame, **changes):
    roles = {
        "entity": "firm",
        "time": "year",
        "output": "y",
        "capital": "k",
        "labor": "l",
        "materials": "m",
        "columns": {"materials_share": "share", "revenue": "revenue"},
        "groups": {"industry": "industry"},
        "logs": True,
    }
    return tfp.Panel.from_frame(frame, **{**roles, **changes})


def _known(panel, error):
    """A fitted function whose error of output is known."""
    fit = tfp.CobbDouglas().fit(panel)
    omega = fit.productivity["productivity"]
    rows = {"productivity": omega - error, "productivity_with_error": omega}
    return replace(fit, productivity=RowValues(panel.keys, rows))


def test_markups_are_recovered_when_the_error_is_taken_out_of_revenue():
    frame = _frame()
    panel = _panel(frame)
    production = _known(panel, frame["error"])
    fit = tfp.Markups().fit(panel, production)
    ratio = production.params["materials"] / 0.5
    np.testing.assert_allclose(fit.markups["markup"], frame["markup"] * ratio, rtol=1e-10)
    raw = tfp.Markups(correct=False).fit(panel, production)
    noise = np.log(raw.markups["markup"] / frame["markup"])
    assert noise.std() == pytest.approx(0.2, rel=0.05)
    assert fit.mean_error == pytest.approx(
        production.bse["materials"] * np.mean(1 / fit.markups["share"]), rel=1e-12
    )


def test_a_specification_in_the_place_of_a_result():
    panel = _panel(_frame())
    a = tfp.Markups().fit(panel, tfp.CobbDouglas())
    b = tfp.Markups().fit(panel, tfp.CobbDouglas().fit(panel))
    assert np.array_equal(a.markups["markup"], b.markups["markup"])


def test_cells_by_industry_and_year_with_weights():
    frame = _frame()
    panel = _panel(frame)
    spec = tfp.Markups(by="industry", over="period", weight="revenue")
    fit = spec.fit(panel, tfp.CobbDouglas())
    assert len(fit.cells) == 8
    row = fit.cells.where(industry="C", period=2016).rows()[0]
    inside = (frame["industry"] == "C") & (frame["year"] == 2016)
    values, w = fit.markups["markup"][inside], frame["revenue"][inside]
    assert row["mean"] == pytest.approx(values.mean())
    assert row["median"] == pytest.approx(np.median(values))
    assert row["weighted_mean"] == pytest.approx(w @ values / w.sum())
    # revenue-weighted harmonic mean is the expenditure-weighted mean
    expenditure = w * fit.markups["share"][inside]
    assert row["weighted_harmonic_mean"] == pytest.approx(
        expenditure @ values / expenditure.sum(), rel=1e-10
    )
    glance = fit.glance().rows()[0]
    assert glance["rows"] == panel.n_rows
    assert glance["share_below_one"] == pytest.approx((fit.markups["markup"] < 1).mean())


def test_a_translog_gives_each_row_its_elasticity():
    panel = _panel(_frame())
    production = tfp.Translog().fit(panel)
    fit = tfp.Markups(correct=False).fit(panel, production)
    np.testing.assert_allclose(
        fit.markups["markup"],
        production.elasticities_by_row["materials"] / panel["materials_share"],
    )
    assert np.isnan(fit.mean_error)


def test_elasticities_read_off_the_share_are_warned_of():
    sim = tfp.datasets.simulate.gnr(200, 5, rng=1)
    panel = sim.panel()
    spec = tfp.GandhiNavarroRivers(
        fixed="capital", revenue_share="share", share_degree=1, law_degree=1
    )
    with pytest.warns(IdentificationWarning, match="by construction"):
        fit = tfp.Markups(revenue_share="share").fit(panel, spec)
    values = fit.markups["markup"]
    assert np.ptp(values) < 1e-10  # 1/ℰ, whatever the firms did


def test_negative_elasticities_are_warned_of():
    frame = _frame()
    frame["y"] = frame["y"] - 1.0 * frame["m"]
    with pytest.warns(IdentificationWarning, match="negative"):
        tfp.Markups().fit(_panel(frame), tfp.CobbDouglas())


def test_rows_without_share_are_counted():
    frame = _frame()
    frame["share"][5] = np.nan
    frame["k"][9] = np.nan
    fit = tfp.Markups().fit(_panel(frame), tfp.CobbDouglas())
    assert dict(fit.sample.lost) == {"elasticity missing": 1, "share missing": 1}
    assert np.isnan(fit.markups["markup"][[5, 9]]).all()


def test_what_does_not_fit_is_refused():
    frame = _frame()
    panel = _panel(frame)
    value_added = tfp.CobbDouglas(inputs=("labor", "capital"))
    with pytest.raises(SpecificationError, match="no elasticity of materials"):
        tfp.Markups().fit(panel, value_added)
    other = _panel({**frame, "y": frame["y"] + 1.0})
    with pytest.raises(SpecificationError, match="another panel"):
        tfp.Markups().fit(panel, tfp.CobbDouglas().fit(other))
    with pytest.raises(SpecificationError, match="no estimated production function"):
        tfp.Markups().fit(panel, "OLS")
    bad = _panel({**frame, "share": -frame["share"]})
    with pytest.raises(DataError, match="first here"):
        tfp.Markups().fit(bad, tfp.CobbDouglas())
    with pytest.raises(SpecificationError):
        tfp.Markups(over="year")
    with pytest.raises(EstimationError, match="weights"):
        tfp.Markups(weight="capital").fit(panel, tfp.CobbDouglas())
