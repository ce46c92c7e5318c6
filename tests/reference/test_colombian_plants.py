"""Colombian food plants (ISIC 311, 1981-91) walked from the file to tables that may be published.

The input is the replication file of Gandhi, Navarro and Rivers as distributed with the R package
gnrprod, with ``tfp = RGO - 0.65 RI - 0.22 L - 0.12 K`` (logs), output shares ``s_out`` and
employment shares ``s_emp``; the decompositions were run through the R package dfvad.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp

# note on aggregation, 1.4, 1981-91: within, between, cross, entry, exit
TOTAL_81_91 = -0.0212094667
TEN_YEARS = {
    "griliches_regev": (-0.0087267, -0.0038674, np.nan, -0.0028929, -0.0057226),
    "foster_haltiwanger_krizan": (-0.0257718, -0.0232503, 0.0340903, -0.0032946, -0.0029830),
    "diewert_fox": (-0.0130513, -0.0015470, np.nan, -0.0025892, -0.0040220),
    "melitz_polanec": (-0.0981563, 0.0835581, np.nan, -0.0025892, -0.0040220),
}
SEVEN_DECIMALS = 5.1e-8  # the note prints seven
TEN_DECIMALS = 5.1e-11  # and ten of the total


@pytest.fixture(scope="module")
def frame(shared_file):
    return pd.read_csv(shared_file("data/aggregation/decomposition/colombian_311_input.csv"))


@pytest.fixture(scope="module")
def panel(frame):
    columns = {name: name for name in ("tfp", "lp", "s_out", "s_emp")}
    return tfp.Panel.from_frame(
        frame, entity="id", time="year", output="RGO", labor="L", capital="K", materials="RI",
        columns=columns, logs=True, vintage="gnrprod",
    )  # fmt: skip


def test_the_file_holds_what_the_note_says(frame, panel):
    assert len(frame) == 6187
    tfp_ = frame["RGO"] - 0.65 * frame["RI"] - 0.22 * frame["L"] - 0.12 * frame["K"]
    assert frame["tfp"].to_numpy() == pytest.approx(tfp_.to_numpy(), abs=1e-12)
    shares = frame.groupby("year")["s_out"].sum().to_numpy()
    assert shares == pytest.approx(np.ones(11), abs=1e-12)


def test_the_ten_year_table(panel):
    spec = tfp.Decomposition(method=tuple(TEN_YEARS), weight="s_out")
    table = spec.fit(panel, "tfp", periods=[(81, 91)]).to_frame().set_index("method")
    for method, figures in TEN_YEARS.items():
        row = table.loc[method]
        ours = row[["within", "between", "cross", "entry", "exit"]].to_numpy(float)
        assert ours == pytest.approx(figures, abs=SEVEN_DECIMALS, nan_ok=True)
        assert row["total"] == pytest.approx(TOTAL_81_91, abs=TEN_DECIMALS)


def test_output_shares_are_the_weights_of_output_in_logs(panel):
    """``weight="output"`` takes the log column out of logs."""
    given = tfp.Decomposition(weight="s_out").fit(panel, "tfp", periods=[(81, 91)])
    made = tfp.Decomposition(weight="output").fit(panel, "tfp", periods=[(81, 91)])
    assert made.to_frame()["within"].to_numpy() == pytest.approx(
        given.to_frame()["within"].to_numpy(), abs=1e-12
    )


def test_annual_totals_add_up_to_ten_years_and_annual_terms_do_not(panel):
    annual = tfp.Decomposition(weight="s_out").fit(panel, "tfp")
    chained = annual.chained(81, 91).to_frame().set_index("method")
    assert chained["total"].to_numpy() == pytest.approx(np.full(2, TOTAL_81_91), abs=TEN_DECIMALS)
    assert chained.loc["diewert_fox", "entry"] > 0.05  # minus 0.0026 in the long difference


def test_a_few_plants_make_the_jump_of_1986(panel):
    spec = tfp.Decomposition(weight="s_out", method="diewert_fox", keep_firms=True)
    d = spec.fit(panel, "tfp", periods=[(85, 86), (86, 87)])
    assert d.to_frame()["total"].round(2).tolist() == [0.30, -0.33]
    top = d.top(5).to_frame()
    share = top[top["end"] == 86]["share_of_moves"].sum()
    assert share > 0.5
    assert top[top["end"] == 86]["total"].sum() > 0.25  # of 0.30


def test_employment_weighted_labor_productivity_in_levels_is_output_over_labor(frame):
    frame = frame.assign(Y=np.exp(frame["RGO"]), N=np.exp(frame["L"]))
    frame["lp_level"] = frame["Y"] / frame["N"]
    panel = tfp.Panel.from_frame(
        frame, entity="id", time="year", output="Y", labor="N", columns={"lp": "lp_level"}
    )
    spec = tfp.Decomposition(weight="labor", scale="level", given="level")
    row = spec.fit(panel, "lp", periods=[(81, 91)]).to_frame().iloc[0]
    for year, level in ((81, row["level_start"]), (91, row["level_end"])):
        mine = frame[frame["year"] == year]
        assert level == pytest.approx(mine["Y"].sum() / mine["N"].sum(), rel=1e-12)


def test_from_file_to_public_tables(panel, tmp_path):
    flags = tfp.clean(panel, "multiprod_like")
    assert flags.funnel()["rows"].sum() == (~flags.keep).sum()
    cleaned = flags.panel()
    assert cleaned.n_rows == flags.keep.sum()
    d = tfp.Decomposition(weight="output").fit(cleaned, "tfp")
    level = tfp.Aggregation(weight="output", base=81).fit(cleaned, "tfp")
    spread = tfp.Dispersion(weight="labor", within="year").fit(cleaned, "tfp")
    change = level.to_frame().set_index("year")["productivity"].diff().dropna().to_numpy()
    table = d.to_frame()
    ours = table[table["method"] == "diewert_fox"]["total"].to_numpy()
    assert ours == pytest.approx(change, abs=1e-12)
    for result in (d, level, spread):
        disclosed = result.to_public()
        path = disclosed.public.to_csv(tmp_path / f"{type(result).__name__}.csv")
        again = pd.read_csv(path)
        assert {"status", "rule"} <= set(again.columns)
        assert not {"n", "n_survivors", "weight", "largest_1"} & set(again.columns)
        assert "|" in disclosed.public.to_markdown()
        assert "<table" in disclosed.public._repr_html_()
    entry = d.to_public().public.to_frame().query("term == 'entry'")
    assert (entry["status"] == "suppressed").all()  # a handful of entrants a year


def test_the_estimate_of_a_production_function_can_be_decomposed(panel):
    fitted = tfp.CobbDouglas().fit(panel)
    d = tfp.Decomposition(weight="output").fit(panel, fitted, periods=[(81, 91)])
    assert d.productivity.endswith(".productivity")
    assert d.sample.used == d.sample.rows - d.sample.lost["not of a period asked for"]
