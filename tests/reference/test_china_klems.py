"""China Industry Productivity database 4.0: every published identity, and the aggregates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp

# published in double precision; levels are rebuilt here from thirty years of growth
IDENTITY = 1e-12
# the reference table keeps twelve digits
PRINTED = 1e-11


@pytest.fixture(scope="module")
def cip(shared_file):
    """Give the table with levels of gross output and intermediate inputs (published as growth)."""
    frame = pd.read_csv(shared_file("data/growth/cip4_china_klems_1987_2017.csv"))
    frame = frame.sort_values(["industry", "year"], ignore_index=True)
    for name, growth in (("GO", "g(GO)"), ("II", "g(II)"), ("VA", "g(VA)")):
        frame[name] = np.exp(
            frame.groupby("industry")[growth].transform(lambda g: g.fillna(0).cumsum())
        )
    return frame


def panel(frame, **options):
    return tfp.Panel.from_frame(
        frame,
        entity="industry",
        time="year",
        **{
            "output": "GO",
            "materials": "II",
            "capital": "g(K-input)",
            "labor": "g(L-input)",
            "columns": {
                "output_value": "Nominal GO",
                "materials_value": "Nominal II",
                "capital_value": "KC",
                "labor_value": "LC",
                "hours": "g(Hours)",
                "stock": "g(K-stock)",
            },
        }
        | options,
    )


SPEC = {
    "output": "gross",
    "total": "Total",
    "aggregate_inputs": "total",
    "composition": {"labor": "hours", "capital": "stock"},
}


@pytest.fixture(scope="module")
def accounts(cip):
    return tfp.KlemsAccounts(**SPEC).fit(panel(cip))


@pytest.mark.parametrize(
    ("ours", "published"),
    [
        ("output_growth", "g(GO)"),
        ("materials_contribution", "Cg(II)"),
        ("capital_quantity_contribution", "Cg(K-stock)"),
        ("capital_composition_contribution", "Cg(K-quality)"),
        ("labor_quantity_contribution", "Cg(Hours)"),
        ("labor_composition_contribution", "Cg(L-quality)"),
        ("tfp_growth", "TFP(GO basis)"),
        ("value_added_growth", "g(VA)"),
        ("value_added_tfp_growth", "TFP(VA basis)"),
    ],
)
def test_industry_accounts(cip, accounts, ours, published):
    found = accounts.to_frame()[ours].to_numpy()
    theirs = cip[published].to_numpy()
    industries = (cip["industry"] != "Total").to_numpy()
    assert np.isfinite(found[industries]).sum() == 37 * 30
    assert found[industries] == pytest.approx(theirs[industries], abs=IDENTITY, nan_ok=True)


def test_value_added_accounts(cip):
    columns = {
        "value_added_value": "Nominal VA",
        "capital_value": "KC",
        "labor_value": "LC",
        "hours": "g(Hours)",
        "stock": "g(K-stock)",
    }
    of_value_added = panel(cip, output=None, materials=None, value_added="VA", columns=columns)
    spec = tfp.KlemsAccounts(
        output="value_added",
        total="Total",
        aggregate_inputs="total",
        composition={"labor": "hours", "capital": "stock"},
    )
    result = spec.fit(of_value_added)
    found = result.to_frame()
    industries = (cip["industry"] != "Total").to_numpy()
    for ours, published in (
        ("tfp_growth", "TFP(VA basis)"),
        ("labor_quantity_contribution", "Cv(hours)"),
        ("labor_composition_contribution", "Cv(L-quality)"),
        ("capital_quantity_contribution", "Cv(K-stock)"),
        ("capital_composition_contribution", "Cv(K-quality)"),
    ):
        theirs = cip[published].to_numpy()[industries]
        assert found[ours].to_numpy()[industries] == pytest.approx(
            theirs, abs=IDENTITY, nan_ok=True
        )


def test_the_total(cip, accounts, reference):
    table = reference("growth_accounting")["cip4_china"]["total_table"]
    theirs = pd.DataFrame(table["rows"], columns=table["columns"])
    total = accounts.aggregates("total").to_frame().iloc[1:]
    assert total["year"].tolist() == theirs["year"].astype(int).tolist()
    by_value_added = tfp.KlemsAccounts(**SPEC, aggregate="value_added").fit(panel(cip))
    weighted = by_value_added.aggregates("total")["tfp_growth"][1:]
    published = cip[cip["industry"] == "Total"]["TFP(VA basis)"].to_numpy()[1:]
    assert total["value_added_growth"].to_numpy() == pytest.approx(theirs["g_VA"], abs=PRINTED)
    assert total["direct_tfp_growth"].to_numpy() == pytest.approx(published, abs=IDENTITY)
    assert total["tfp_growth"].to_numpy() == pytest.approx(theirs["Domar_sum_TFP_GO"], abs=PRINTED)
    assert weighted == pytest.approx(theirs["sum_w_TFP_VA"], abs=PRINTED)
    # the reference counts the approximation as reallocation
    gap = total["direct_tfp_growth"] - total["tfp_growth"]
    parts = total["reallocation_capital"] + total["reallocation_labor"] + total["approximation"]
    assert parts.to_numpy() == pytest.approx(gap, abs=IDENTITY)
    assert total["approximation"].abs().max() < 1e-4


def test_the_sum_of_domar_weights(accounts, reference):
    table = reference("growth_accounting")["cip4_china"]["total_table"]
    theirs = pd.DataFrame(table["rows"], columns=table["columns"])
    frame = accounts.to_frame()
    sums = frame.groupby("year")["weight"].sum().to_numpy()[1:]
    assert sums == pytest.approx(theirs["Domar_weight_sum"], rel=PRINTED)
    contributions = frame.groupby("year")["tfp_contribution"].sum().to_numpy()[1:]
    assert contributions == pytest.approx(theirs["Domar_sum_TFP_GO"], abs=PRINTED)


def test_ratio_weights_leave_no_approximation(cip):
    spec = tfp.KlemsAccounts(**SPEC, domar_weights="ratio")
    total = spec.fit(panel(cip)).aggregates("total")
    assert total["approximation"][1:] == pytest.approx(0.0, abs=1e-14)


def test_the_domar_link_holds_only_in_continuous_time(accounts):
    frame = accounts.to_frame()
    gap = (frame["tfp_growth"] / frame["value_added_share"] - frame["value_added_tfp_growth"]).abs()
    # the note measures 3.0e-4 and 3.4e-6
    assert 2.9e-4 < gap.max() < 3.1e-4
    assert 3.3e-6 < gap.median() < 3.5e-6


def test_forgetting_the_total_is_noticed(cip):
    with pytest.warns(tfp.DataWarning, match="industry 'Total' is as large as all others"):
        tfp.KlemsAccounts().fit(panel(cip))
