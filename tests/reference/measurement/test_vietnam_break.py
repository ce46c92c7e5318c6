"""Value added by industry at 2010 prices, Viet Nam 2005–2016: the break of 2010.

General Statistics Office, 21 September 2018. Taxes less subsidies on products left the industries
in 2010 and the years before were not revised; the indices of growth do not break.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp

ROUNDING = 0.015  # percentage points by which level and index differ in every other year


@pytest.fixture(scope="module")
def panel(shared_file):
    frame = pd.read_csv(shared_file("data/growth/vietnam_gso_industry_panel_2005_2016.csv"))
    return tfp.Panel.from_frame(
        frame, entity="industry", time="year", value_added="va_2010p",
        columns={"value_added_index": "va_index_prev_year"},
    )  # fmt: skip


def test_the_break_is_found_in_2010_and_nowhere_else(panel):
    out = tfp.BreakRepair().fit(panel)
    breaks = out.tidy().to_frame()
    assert (breaks["year"] == 2010).all()
    assert len(breaks) == 19
    assert "total" not in set(breaks["industry"])  # the nation's total does not break
    by_industry = breaks.set_index("industry")
    assert by_industry.loc["manufacturing", "level_growth"] == pytest.approx(-21.838758865744296)
    assert by_industry.loc["manufacturing", "index_growth"] == pytest.approx(8.38)
    trade = "wholesale_and_retail_trade_repair_of_motor_vehicles_motorcycles"
    assert by_industry.loc[trade, "level_growth"] == pytest.approx(-34.29, abs=5e-3)
    assert by_industry.loc[trade, "index_growth"] == pytest.approx(8.09)
    # every other year agrees to rounding
    close = tfp.BreakRepair(tolerance=ROUNDING).fit(panel).tidy()["year"]
    assert set(close.tolist()) == {2010}


def test_mended_manufacturing_equals_the_reference(panel, reference):
    known = reference("growth_accounting")["viet_nam_splice_test"]["manufacturing"]
    frame = tfp.BreakRepair(before="index").fit(panel).to_frame()
    ours = frame[frame.industry == "manufacturing"]["value_added"]
    np.testing.assert_allclose(ours, known["level_spliced_backwards_from_2010"], rtol=1e-12)
    # the published growth of the levels before 2010 differs from that only by rounding
    frame = tfp.BreakRepair().fit(panel).to_frame()
    level = frame[frame.industry == "manufacturing"]["value_added"]
    np.testing.assert_allclose(level, ours, rtol=2e-4)


def test_panel_check_reports_it(panel):
    found = [f for f in panel.check().items if f.code == "level_index_mismatch"]
    assert {f.time for f in found} == {2010}
    assert panel.check().count("level_index_mismatch") == 19
