from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.panel.checks import CODES


def make(**columns):
    base = {"id": ["A"] * 4, "year": [2000, 2001, 2002, 2003], "y": [1.0, 1.1, 1.2, 1.3]}
    data = pd.DataFrame({**base, **columns})
    roles = {c: c for c in data.columns if c not in ("id", "year", "y")}
    inputs = {c: c for c in roles if c in ("capital", "labor")}
    others = {c: c for c in roles if c not in inputs}
    groups = {c: others.pop(c) for c in list(others) if c == "price_base"}
    return tfp.Panel.from_frame(
        data, entity="id", time="year", output="y", inputs=inputs, columns=others, groups=groups
    )


CASES = {
    "duplicate_key": {"year": [2000, 2001, 2001, 2002]},
    "missing_key": {"id": ["A", "A", None, "A"]},
    "non_finite": {"y": [1.0, np.inf, 1.2, 1.3]},
    "non_positive": {"y": [1.0, -1.1, 1.2, 1.3]},
    "share_out_of_range": {"labor_share": [0.5, 52.0, 0.5, 0.5]},
    "share_at_bound": {"labor_share": [0.5, 1.0, 0.5, 0.5]},
    "shares_not_one": {
        "capital": [1.0, 1.0, 1.0, 1.0],
        "labor": [1.0, 1.0, 1.0, 1.0],
        "capital_share": [0.4, 0.4, 0.4, 0.4],
        "labor_share": [0.6, 0.6, 0.5, 0.6],
    },
    "unit_switch": {"y": [1.0, 1100.0, 1.2, 1.3]},
    "mixed_price_base": {"price_base": [2010, 2010, 2020, 2020]},
    "level_index_mismatch": {"output_index": [100.0, 110.0, 140.0, 108.3]},
    "gap": {"year": [2000, 2001, 2003, 2004]},
    "single_observation": {"id": ["A", "A", "A", "B"]},
    "jump": {"y": [1.0, 9.0, 9.1, 9.2]},
    "missing_value": {"y": [1.0, np.nan, 1.2, 1.3]},
    "lookalike_entity": {"id": ["Hạ Long", "Hạ Long", "hạ  long", "hạ  long"]},
}


def test_every_code_has_a_case():
    assert set(CASES) == set(CODES)


@pytest.mark.parametrize("code", CASES)
def test_the_code_is_found_where_it_was_planted(code):
    findings = make(**CASES[code]).check()
    assert findings.count(code) >= 1
    finding = next(f for f in findings.items if f.code == code)
    assert finding.message
    assert finding.remedy
    assert findings.has_errors == any(CODES[c][0] == "error" for c, _ in findings.totals)
    row = findings.to_frame().query("code == @code").iloc[0]
    assert row.severity == CODES[code][0]


@pytest.mark.parametrize("code", CASES)
def test_a_clean_panel_has_none(code):
    assert make().check().count(code) == 0


def test_findings_name_entity_time_and_the_callers_column():
    findings = make(**CASES["non_positive"]).check()
    (finding,) = [f for f in findings.items if f.code == "non_positive"]
    assert (finding.entity, finding.time, finding.column) == ("A", 2001, "y")
    assert finding.value == -1.1


@pytest.mark.parametrize("factor", [1e3, 1e-3, 1e6, 1e-6])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_unit_switches_of_several_years_and_both_directions(factor, length):
    values = np.array([5.0, 5.2, 5.1, 5.3, 5.6, 5.5, 5.9])
    values[2 : 2 + length] *= factor
    data = pd.DataFrame({"id": "A", "year": np.arange(7), "y": values})
    panel = tfp.Panel.from_frame(data, entity="id", time="year", output="y")
    found = [f for f in panel.check().items if f.code == "unit_switch"]
    assert [f.time for f in found] == [2]


def test_growth_that_stays_is_a_jump_but_no_unit_switch():
    assert make(y=[1.0, 1000.0, 1010.0, 1020.0]).check().count("unit_switch") == 0


def test_logs_need_no_positive_values():
    data = pd.DataFrame({"id": "A", "year": [2000, 2001], "y": [-1.0, -0.9]})
    panel = tfp.Panel.from_frame(data, entity="id", time="year", output="y", logs=True)
    assert len(panel.check()) == 0


def test_long_lists_are_cut_but_counted():
    n = 100
    data = pd.DataFrame({"id": np.arange(n), "year": 2000, "y": -1.0})
    panel = tfp.Panel.from_frame(data, entity="id", time="year", output="y")
    findings = panel.check(limit=5)
    assert findings.count("non_positive") == n
    assert sum(f.code == "non_positive" for f in findings.items) == 5
    assert "further findings" in str(findings)


def test_all_missing_column():
    findings = make(y=[np.nan] * 4).check()
    assert findings.count("missing_value") == 4


def test_markup_in_names_stays_text():
    data = pd.DataFrame({"id": "<script>x</script>", "year": [2000, 2001], "y{0}": [1.0, -1.0]})
    panel = tfp.Panel.from_frame(data, entity="id", time="year", output="y{0}")
    html = panel.check()._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_braces_in_role_names_are_harmless():
    data = pd.DataFrame({"id": "A", "year": [2000, 2001], "x": [1.0, -1.0]})
    panel = tfp.Panel.from_frame(data, entity="id", time="year", inputs={"{0}": "x"})
    assert panel.check().count("non_positive") == 1


def test_viet_nams_levels_break_in_2010(shared_file):
    path = shared_file("data/growth/vietnam_gso_industry_panel_2005_2016.csv")
    panel = tfp.Panel.from_frame(
        pd.read_csv(path),
        entity="industry",
        time="year",
        value_added="va_2010p",
        columns={"value_added_index": "va_index_prev_year"},
    )
    found = [f for f in panel.check(limit=500).items if f.code == "level_index_mismatch"]
    manufacturing = [f for f in found if f.entity == "manufacturing"]
    assert [f.time for f in manufacturing] == [2010]
    assert "-21.84 %, its official index 8.38 %" in manufacturing[0].message
    assert not [f for f in found if f.time != 2010 and abs(f.value) > 0.2]


def test_manufacturing_of_viet_nam_from_typed_figures():
    # GSO, levels at 2010 prices and indices of the previous year, 2008-2011
    data = pd.DataFrame(
        {
            "industry": "manufacturing",
            "year": [2008, 2009, 2010, 2011],
            "va": [347808.0, 357415.0, 279360.0, 318690.0],
            "index": [109.78, 102.76, 108.38, 114.08],
        }
    )
    panel = tfp.Panel.from_frame(
        data,
        entity="industry",
        time="year",
        value_added="va",
        columns={"value_added_index": "index"},
    )
    (finding,) = [f for f in panel.check().items if f.code == "level_index_mismatch"]
    assert finding.time == 2010
