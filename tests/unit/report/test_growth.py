"""What a report says about growth accounting is what the result holds."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tfp_index as tfp
from tests.unit.report.conftest import make_result
from tfp_index.growth.accounting_result import GrowthAccountingResult
from tfp_index.language import language
from tfp_index.report import Context, Grid, Growth, Headline, Remarks, Section, Text
from tfp_index.report.growth import of_result


def told(story: Growth, code: str = "en") -> dict[str, Section]:
    return {s.key: s for s in story.to_sections(Context(language(code)))}


def texts(section: Section, kind: str = "") -> list[str]:
    found = [b for b in section.blocks if isinstance(b, Text)]
    return [b.text for b in found if not kind or b.kind == kind]


def grid(section: Section) -> Grid:
    return next(b for b in section.blocks if isinstance(b, Grid))


def fit(frame: dict[str, object], **options: object) -> GrowthAccountingResult:
    names = {"output": "y", "capital": "k", "labor": "l"}
    roles = {role: column for role, column in names.items() if column in frame}
    panel = tfp.Panel.from_frame(frame, entity="u", time="t", **roles)
    return tfp.GrowthAccounting(**({"capital_share": 0.4} | options)).fit(panel)


def test_the_headline_is_the_result(res: GrowthAccountingResult) -> None:
    section = told(Growth(res, entity="Hạ Long"))["headline"]
    row = res.periods([(2010, 2021)], entities=["Hạ Long"]).rows()[0]
    code = res.keys.entity_code("Hạ Long")
    level = res.index(base=2010, value=100.0)["tfp_index"][res.keys.offsets[code + 1] - 1]
    shown = next(b for b in section.blocks if isinstance(b, Headline))
    assert [m.value for m in shown.measures] == [
        f"{level:.1f}",
        f"{100 * row['tfp_growth']:.2f}".replace("-", "−"),
        f"{100 * row['output_growth']:.2f}",
        f"{100 * row['tfp_share_of_growth']:.1f}%".replace("-", "−"),
    ]
    lead = texts(section, "lead")[0]
    assert "the residual, TFP" in lead
    assert f"A TFP index of {level:.1f} (2010 = 100) means" in lead
    assert f"{abs(level - 100):.1f}% {'more' if level > 100 else 'less'} output" in lead


def test_the_meaning_of_an_index_below_and_at_its_base() -> None:
    falling = fit(
        {"u": ["A"] * 3, "t": [1, 2, 3], "y": [1.0, 0.98, 0.95], "k": [1.0] * 3, "l": [1.0] * 3}
    )
    lead = texts(told(Growth(falling))["headline"], "lead")[0]
    assert "5.0% less output in 3 than in 1" in lead
    still = fit(
        {"u": ["A"] * 3, "t": [1, 2, 3], "y": [1.0, 1.1, 1.21], "k": [1.0, 1.1, 1.21]},
        capital_share=1.0,
    )
    sections = told(Growth(still), "vi")
    lead = texts(sections["headline"], "lead")[0]
    assert "sản lượng năm 3 bằng năm 1" in lead
    assert "sensitivity" not in sections  # defined for capital and labor only


def test_growth_too_small_to_divide_by_is_said_not_shown() -> None:
    t = np.arange(6)
    res = fit(
        {
            "u": ["A"] * 6,
            "t": 2015 + t,
            "y": np.exp(0.001 * t),
            "k": np.exp(0.02 * t),
            "l": np.exp(0.01 * t),
        }
    )
    sections = told(Growth(res), "vi")
    shown = next(b for b in sections["headline"].blocks if isinstance(b, Headline))
    assert shown.measures[3].value == "–"
    assert "bằng –" not in texts(sections["headline"], "lead")[0]
    warnings = texts(sections["share"], "warning")
    assert warnings == ["2015–2020: tăng trưởng quá nhỏ để làm mẫu số."]


def test_a_unit_without_growth_gets_a_report_that_says_so() -> None:
    res = fit({"u": ["A", "A"], "t": [1, 3], "y": [1.0, 1.1], "k": [1.0, 1.1], "l": [1.0, 1.0]})
    sections = told(Growth(res), "en")
    assert list(sections) == ["headline", "record"]
    assert "no TFP index for A" in texts(sections["headline"], "warning")[0]


def test_a_gap_in_the_span_leaves_no_index_and_flags_the_period() -> None:
    t = [2010, 2011, 2012, 2014, 2015]
    y = [1.0, 1.1, 1.2, 1.4, 1.5]
    res = fit({"u": ["A"] * 5, "t": t, "y": y, "k": y, "l": [1.0] * 5})
    sections = told(Growth(res))
    shown = next(b for b in sections["headline"].blocks if isinstance(b, Headline))
    assert shown.measures[0].value == "–"
    assert "no unbroken run of growth" in texts(sections["headline"], "lead")[0]
    assert "incomplete: 3 of 5 annual rates" in texts(sections["share"], "warning")[0]


def test_quarters_are_called_quarters() -> None:
    t = [f"{y}Q{q}" for y in (2020, 2021) for q in (1, 2, 3, 4)]
    x = np.exp(0.01 * np.arange(8))
    res = fit({"u": ["A"] * 8, "t": t, "y": x**1.5, "k": x, "l": x})
    english = told(Growth(res))
    assert "% a quarter" in texts(english["headline"], "lead")[0]
    assert "a year" not in texts(english["headline"], "lead")[0]
    vietnamese = told(Growth(res), "vi")
    assert "%/quý" in texts(vietnamese["headline"], "lead")[0]
    assert grid(vietnamese["contributions"]).columns[0].header == "Kỳ"
    assert len(grid(english["periods"])) == 1  # spells of five years make no sense here


def test_a_census_every_five_years_is_not_called_yearly() -> None:
    frame = {
        "u": ["A"] * 4,
        "t": [2005, 2010, 2015, 2020],
        "y": [1.0, 1.2, 1.5, 1.8],
        "k": [1.0, 1.2, 1.4, 1.6],
    }
    panel = tfp.Panel.from_frame(frame, entity="u", time="t", output="y", capital="k", step=5)
    res = tfp.GrowthAccounting(capital_share=1.0).fit(panel)
    assert "% every 5 years" in texts(told(Growth(res))["headline"], "lead")[0]


def test_default_periods_are_the_span_and_spells_that_end_at_round_years() -> None:
    table = grid(told(Growth(make_result(("A",))))["periods"]).data
    assert table is not None
    spans = list(zip(table["start"].tolist(), table["end"].tolist(), strict=True))
    assert spans == [(2010, 2021), (2010, 2015), (2015, 2021)]


def test_periods_may_be_given_as_text(res: GrowthAccountingResult) -> None:
    story = Growth(res, entity="Hạ Long", periods=[("2012", "2015"), ("2015", "2020")])
    assert grid(told(story)["periods"]).columns[0].cells == ("2012–2015", "2015–2020")


def test_the_share_in_use_is_found_and_marked(res: GrowthAccountingResult) -> None:
    table = grid(told(Growth(res, entity="Hạ Long", capital_shares=[0.3, 0.5]))["sensitivity"])
    assert [c for c in table.columns[0].cells] == ["0.30", "0.40", "0.50"]
    assert table.strong == {1}
    # also where it comes from a column that holds one number
    y = np.exp(0.05 * np.arange(4))
    frame = {"u": ["A"] * 4, "t": [1, 2, 3, 4], "y": y, "k": y**1.1, "l": y**0.2, "s": [0.63] * 4}
    panel = tfp.Panel.from_frame(
        frame, entity="u", time="t", output="y", capital="k", labor="l", labor_share="s"
    )
    constant = tfp.GrowthAccounting().fit(panel)
    table = grid(told(Growth(constant, capital_shares=[0.3, 0.5]))["sensitivity"])
    assert [c for c in table.columns[0].cells] == ["0.30", "0.37", "0.50"]
    assert table.strong == {1}


def test_no_share_is_marked_where_it_varies() -> None:
    y = np.exp(0.05 * np.arange(4))
    frame = {
        "u": ["A"] * 4,
        "t": [1, 2, 3, 4],
        "y": y,
        "k": y**1.1,
        "l": y**0.2,
        "s": [0.6, 0.62, 0.65, 0.61],
    }
    panel = tfp.Panel.from_frame(
        frame, entity="u", time="t", output="y", capital="k", labor="l", labor_share="s"
    )
    res = tfp.GrowthAccounting().fit(panel)
    table = grid(told(Growth(res, capital_shares=[0.3, 0.5]))["sensitivity"])
    assert table.strong == frozenset()
    assert told(Growth(res, capital_shares=[])).get("sensitivity") is None


def test_many_units_are_summed_up_by_quartiles() -> None:
    units = tuple(f"unit {i}" for i in range(9))
    res = make_result(units)
    sections = told(Growth(res))
    tfp_growth = res.periods([(2010, 2021)])["tfp_growth"]
    low, median, high = np.quantile(tfp_growth, [0.25, 0.5, 0.75])
    document = sections["headline"].document
    assert document["tfp_growth_quartiles"] == [low, median, high]
    assert document["falling"] == int((tfp_growth < 0).sum())
    lead = texts(sections["headline"], "lead")[0].replace("−", "-")
    assert f"between {100 * low:.2f} and {100 * high:.2f}% a year" in lead
    assert list(sections) == ["headline", "comparison", "sensitivity", "record"]
    table = grid(sections["comparison"])
    assert table.data is not None
    assert (np.diff(table.data["tfp_growth"]) <= 0).all()
    medians = grid(sections["sensitivity"]).data
    assert medians is not None
    row = medians.where(capital_share=0.4, start=2010, end=2021)
    assert row["tfp_growth_median"][0] == pytest.approx(median, abs=1e-15)


def test_very_many_units_show_both_ends_in_the_figure_and_all_in_the_table() -> None:
    res = make_result(tuple(f"unit {i:02d}" for i in range(60)))
    section = told(Growth(res))["comparison"]
    assert len(grid(section)) == 60
    from matplotlib.figure import Figure

    figure = next(b for b in section.blocks if hasattr(b, "draw"))
    axes = Figure().add_subplot()
    figure.draw(axes)
    assert len(axes.get_yticklabels()) == 48
    assert "24" in figure.caption


def test_units_compared_may_be_chosen_and_named(res: GrowthAccountingResult) -> None:
    story = Growth(
        res,
        entity="Hạ Long",
        entities=["Hạ Long", "Uông Bí"],
        labels={"Uông Bí": {"en": "Uong Bi", "vi": "Uông Bí"}},
    )
    table = grid(told(story)["comparison"])
    assert sorted(table.columns[0].cells) == ["Hạ Long", "Uong Bi"]
    with pytest.raises(tfp.DataError, match="no entity 'Vinh'"):
        told(Growth(res, entities=["Vinh"]))
    with pytest.raises(tfp.DataError, match="no entity 'Vinh'"):
        told(Growth(res, entity="Vinh"))


def test_statements_stand_before_the_numbers(res: GrowthAccountingResult) -> None:
    one = told(Growth(res, statements=["a scenario"]))["headline"]
    assert texts(one, "note") == ["a scenario"]
    two = told(Growth(res, statements=["a", {"en": "b", "vi": "b bằng tiếng Việt"}]), "vi")
    box = next(b for b in two["headline"].blocks if isinstance(b, Remarks))
    assert box.items == ("a", "b bằng tiếng Việt")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"growth": "log"}, "differences of natural logarithms"),
        ({"growth": "discrete"}, "simple rates"),
        ({"growth": "discrete", "input_index": "geometric"}, "geometric, residual as difference"),
        (
            {"growth": "discrete", "input_index": "geometric", "residual": "ratio"},
            "geometric, residual as ratio",
        ),
        ({"growth": "discrete", "period_mean": "compound"}, "compound rate between the ends"),
        ({"capital_share": {2010: 0.4, 2015: 0.45}}, "by steps: capital 2010: 0.400, 2015: 0.450"),
        ({"capital_share": 0.37}, "fixed: capital 0.370"),
    ],
)
def test_the_method_is_said_in_words(options: dict[str, object], said: str) -> None:
    res = make_result(("A",), **options)
    for code in ("en", "vi"):
        sections = told(Growth(res), code)
        facts = sections["record"].blocks[1]
        line = " ".join(f"{term}: {text}" for term, text in facts.items)
        assert (said in line) == (code == "en")
        assert res.record.fingerprint in line
        assert '"method": "GrowthAccounting"' in facts.code


def test_the_ratio_residual_shows_contributions_that_sum_to_growth() -> None:
    res = make_result(("A",), growth="discrete", input_index="geometric", residual="ratio")
    table = grid(told(Growth(res))["periods"]).data
    assert table is not None
    parts = sum(table[f"{n}_contribution"] for n in ("capital", "labor", "tfp"))
    np.testing.assert_allclose(parts, table["output_growth"], rtol=1e-12)
    cells = grid(told(Growth(res))["periods"]).rows[0]
    shown = [float(c.replace("−", "-")) for c in cells[1:5]]
    assert shown[0] == pytest.approx(sum(shown[1:]), abs=0.015)  # two decimals each


def test_inputs_of_ones_own_keep_their_names() -> None:
    x = np.exp(0.03 * np.arange(4))
    frame = {"u": ["A"] * 4, "t": [1, 2, 3, 4], "y": x**2, "k": x, "ict": x**3}
    panel = tfp.Panel.from_frame(
        frame, entity="u", time="t", output="y", capital="k", inputs={"ict": "ict"}
    )
    res = tfp.GrowthAccounting(capital_share=0.3).fit(panel)
    lead = texts(told(Growth(res), "vi")["headline"], "lead")[0]
    assert "vốn đóng góp" in lead
    assert "ict đóng góp" in lead


def test_a_bare_result_is_told_without_findings(res: GrowthAccountingResult) -> None:
    keys = [s.key for s in of_result(res, Context(language("en")))]
    assert keys == ["headline", "comparison", "sensitivity", "record"]


def test_every_printed_number_of_the_yearly_table_is_rounded_from_the_data(
    res: GrowthAccountingResult,
) -> None:
    table = grid(told(Growth(res, entity="Uông Bí"), "vi")["contributions"])
    assert table.data is not None
    names = ["output_growth", "capital_contribution", "labor_contribution", "tfp_contribution"]
    for column, name in zip(table.columns[1:], names, strict=False):
        for cell, value in zip(column.cells, table.data[name], strict=True):
            if np.isnan(value):
                assert cell == "–"
            else:
                assert re.fullmatch(r"−?\d+,\d\d", cell)
                shown = float(cell.replace("−", "-").replace(",", "."))
                assert abs(shown - 100 * value) <= 0.005 + 1e-12
