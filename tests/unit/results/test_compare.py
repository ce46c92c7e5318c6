from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp
from tfp_index.errors import SpecificationError


@pytest.fixture(scope="module")
def fits():
    sim = tfp.datasets.simulate.gnr(150, 5, labor_elasticity=0.15, materials_elasticity=0.5, rng=1)
    panel = sim.panel()
    gnr = tfp.GandhiNavarroRivers(revenue_share="share", share_degree=1, law_degree=1)
    return {
        "OLS": tfp.CobbDouglas().fit(panel),
        "Within & two-way": tfp.CobbDouglas(effects="two_way", cov="clustered").fit(panel),
        "GNR": gnr.fit(panel),
    }


def test_numbers_are_those_of_the_results(fits):
    frame = tfp.compare(fits).to_frame().set_index(["term", "model"])
    for name, fit in fits.items():
        for term, value in fit.params.items():
            assert frame.loc[(term, name), "estimate"] == value
            assert frame.loc[(term, name), "std_error"] == fit.bse[term]
    assert ("constant", "GNR") not in frame.index


def test_text_has_every_estimate_and_error_once(fits):
    text = str(tfp.compare(fits, digits=4, title="Elasticities"))
    assert text.startswith("Elasticities")
    for fit in fits.values():
        assert f"{fit.params['capital']:.4f}" in text
        assert f"({fit.bse['capital']:.4f})" in text
    assert "returns to scale" in text
    assert len({len(line) for line in text.splitlines()[2:3]}) == 1


def test_stars_and_what_stands_below(fits):
    text = tfp.compare(fits, stars=True, below="p_value").to_text()
    assert f"{fits['OLS'].params['materials']:.3f}***" in text
    assert "P-values in parentheses" in text
    brackets = tfp.compare(fits, below="statistic").to_text()
    assert f"[{fits['OLS'].tvalues['labor']:.3f}]" in brackets
    with pytest.raises(SpecificationError, match="below"):
        tfp.compare(fits, below="t")


def test_markup_languages_escape_names(fits):
    table = tfp.compare(fits, terms=["labor", "capital"], title="50 % of <firms>")
    latex = table.to_latex()
    assert r"Within \& two-way" in latex
    assert r"50 \% of" in latex
    assert latex.count(r"\midrule") == 2
    assert latex.count("\\\\\n") == 1 + 2 * 2 + len({n for n, _ in table.figures})
    markdown = table.to_markdown()
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {5}
    page = table._repr_html_()
    assert "&lt;firms&gt;" in page
    assert "Within &amp; two-way" in page
    assert page.count("<tr") == 1 + 2 * 2 + len({n for n, _ in table.figures})


def test_terms_are_chosen_and_ordered(fits):
    table = tfp.compare(fits, terms=["materials", "labor"])
    assert table.terms == ("materials", "labor")
    with pytest.raises(SpecificationError, match="no model has a coefficient 'energy'"):
        tfp.compare(fits, terms=["energy"])


def test_missing_errors_leave_the_cell_empty(fits):
    from dataclasses import replace

    bare = replace(fits["OLS"], cov_params=np.full((4, 4), np.nan))
    text = tfp.compare({"bare": bare}).to_text()
    assert "nan" not in text
    assert "()" not in text


def test_groups_become_columns():
    sim = tfp.datasets.simulate.acf2015(2, firms=400, measurement_error=0.0, rng=1)
    frame = sim.frame()
    frame["industry"] = np.where(frame["firm"] % 2 == 0, "B", "C")
    panel = tfp.Panel.from_frame(frame, **{**sim.roles, "groups": {"industry": "industry"}})
    fit = tfp.LevinsohnPetrin(basis_degree=2, law_degree=1, by="industry").fit(panel)
    table = tfp.compare({"LP": fit})
    assert table.models == ("LP: B", "LP: C")
    assert table.cells["labor", "LP: B"]["estimate"] == fit["B"].params["labor"]


def test_what_cannot_be_compared_is_refused(fits):
    with pytest.raises(SpecificationError, match="nothing"):
        tfp.compare({})
    panel = tfp.Panel.from_frame(
        {"a": ["x", "x"], "t": [1, 2], "y": [1.0, 2.0], "k": [1.0, 1.5]},
        entity="a",
        time="t",
        output="y",
        capital="k",
    )
    growth = tfp.GrowthAccounting(capital_share=1.0).fit(panel)
    with pytest.raises(SpecificationError, match="no coefficients"):
        tfp.compare({"growth": growth})
