"""Published series made again by the recipes, in the tolerances that the library promises.

Penn World Table 11.0, Solow's table and the US states are bundled; the other sources are read from
the shared folder. BEA-BLS and Fernald are made up in the layout of their workbooks.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp

# promised: single precision of the published series
PWT_LOG_GROWTH = 2e-7
PWT_LEVEL = 4e-6
# double precision through chains of some seventy steps
EXACT = 1e-12
# single precision of figures in percent
KLEMS_POINTS = 2e-5
# percentage points of growth; depreciation rates are printed with three decimals
KLEMS_SERVICES = 0.02
# two programs agree in so many decimals
SIX_DECIMALS = 5e-7


def judged(found):
    return [c for c in found.comparisons if c.tolerance is not None]


def test_pwt_of_all_countries():
    found = tfp.reproductions.run("pwt")
    assert found.edition == "PWT 11.0"
    assert found.holds
    assert found.notes == ()
    counts = {c.series: c.compared for c in found.comparisons}
    assert counts["rtfpna"] == counts["rwtfpna"] == counts["ctfp"] == counts["cwtfp"] == 6_988
    assert counts["rtfpna, growth"] == counts["rwtfpna, growth"] == 6_988 - 120
    for comparison in found.comparisons:
        assert comparison.not_reproduced == 0
        limit = PWT_LOG_GROWTH if "growth" in comparison.series else PWT_LEVEL
        assert comparison.maximum < limit


def test_pwt_from_the_table_as_published(shared_file):
    found = tfp.reproductions.run("pwt", shared_file("data/growth/pwt110_tfp_columns_all.csv.gz"))
    assert found.holds
    assert found["ctfp"].maximum < PWT_LEVEL
    assert found["ctfp"].compared == 6_988


def test_pwt_in_the_layout_of_the_earlier_edition():
    """PWT 10.01 names its country column otherwise and has 1 in 2017."""
    frame = tfp.datasets.load("pwt110").rename(
        columns={"country": "countrycode", "country_name": "country"}
    )
    at_2017 = frame[frame.year == 2017].set_index("countrycode")
    for name in ("rtfpna", "rwtfpna"):
        frame[name] = frame[name] / frame["countrycode"].map(at_2017[name])
    found = tfp.reproductions.run("pwt", frame)
    assert found.edition == "PWT 10.0x"
    assert found.holds


def test_pwt_without_some_countries_says_why_levels_miss():
    frame = tfp.datasets.load("pwt110")
    few = frame[frame.country.isin(["USA", "KOR", "JPN", "CHN", "THA", "IND", "DEU"])]
    found = tfp.reproductions.run("pwt", few)
    assert found["rtfpna"].holds
    assert found["rtfpna, growth"].holds
    assert not found["ctfp"].holds
    assert not found.holds
    assert "PWT 11.0 has 120 with TFP, this table 7" in found.notes[0]
    assert "NOT reproduced" in found.summary()
    assert tfp.reproductions.run("pwt", few, series=("rtfpna",)).holds


@pytest.mark.parametrize("wrong", ["rnna", "labor"])
def test_pwt_with_a_wrong_input_is_found_out(wrong):
    frame = tfp.datasets.load("pwt110")
    if wrong == "rnna":  # the stock for the services
        frame["rkna"] = frame["rnna"]
    else:  # heads for weighted hours
        frame["hc"] = 1.0
    found = tfp.reproductions.run("pwt", frame, series=("rtfpna",))
    assert found["rtfpna, growth"].maximum > 0.01
    assert not found.holds


def test_solow():
    found = tfp.reproductions.run("solow1957")
    assert found.holds
    assert found["A(t)"].compared == 39
    assert found["A(1943), the slip"].holds is None
    # 1.665 · 1.0414 against the printed 1.692
    assert found["A(1943), the slip"].maximum == pytest.approx(0.0420, abs=5e-5)
    # A(1949) = 1.809 gives 87.453 percent, printed as 87 1/2
    assert found["technical change"].reproduced[0] == pytest.approx(87.4526, abs=5e-5)


def test_munnell():
    found = tfp.reproductions.run("munnell")
    assert found.holds
    for name in ("coefficients, R plm", "standard errors, R plm"):
        assert found[name].compared == 23
        assert found[name].maximum < SIX_DECIMALS
    assert found["coefficients, textbook"].compared == 16


def test_eu_klems_austria(shared_file):
    found = tfp.reproductions.run(
        "euklems", shared_file("data/growth/euklems_intanprod_austria_1995_2021.csv")
    )
    assert found.holds
    assert found["VAConTFP"].compared == 8 * 26
    assert found["VAConTFP"].maximum < KLEMS_POINTS
    assert found["VA_G"].maximum < KLEMS_POINTS
    assert found["LAB"].compared == 8 * 27
    assert found["LAB"].maximum < 6e-8
    services = found["CAP_QI, growth, TOT"]
    assert services.compared == 25
    assert services.maximum < KLEMS_SERVICES


def test_cip(shared_file):
    found = tfp.reproductions.run("cip", shared_file("data/growth/cip4_china_klems_1987_2017.csv"))
    assert found.holds
    assert len(judged(found)) == 14
    for comparison in judged(found):
        assert comparison.maximum < EXACT
        assert comparison.compared == (30 if "Total" in comparison.series else 37 * 30)
    # what is not judged has the size that the note on growth accounting measures
    reallocation = found["Domar aggregate beside TFP(VA basis), Total"]
    assert reallocation.maximum == pytest.approx(0.016, abs=5e-4)
    assert reallocation.largest_at == "Total 2000"
    link = found["TFP(GO basis) / share of value added, beside TFP(VA basis)"]
    assert link.maximum == pytest.approx(3.0e-4, abs=1e-5)
    assert link.median == pytest.approx(3.4e-6, abs=1e-7)


def provinces(shared_file):
    investment = pd.read_csv(shared_file("data/growth/china_province_investment_asset.csv"))
    stock = pd.read_csv(shared_file("data/growth/china_province_capital_zhang2008_1952prices.csv"))
    return investment.merge(stock[["prv", "yr", "K"]], on=["prv", "yr"], validate="1:1")


def test_china_provinces(shared_file):
    found = tfp.reproductions.run("china_provinces", provinces(shared_file))
    assert found.holds
    assert found["K, all provinces but Chongqing"].maximum < EXACT
    assert found["K, all provinces but Chongqing"].compared == 30 * 71
    assert found["K, Chongqing, from its published first stock"].maximum < EXACT
    naive = found["K, Chongqing, by the rule of the others"]
    assert naive.holds is None
    assert naive.maximum == pytest.approx(0.445386, abs=1e-6)
    assert naive.largest_at == "chongqing 1996"


def test_usda_states(shared_file):
    frame = pd.read_csv(shared_file("data/growth/usagri.csv"))
    plain = tfp.reproductions.run("usda_states", frame)
    assert plain.holds
    assert plain["CCD beside GEKS-Törnqvist"].maximum < EXACT
    assert plain["CCD beside GEKS-Törnqvist"].compared == 480
    assert plain["mean annual change, R productivity"].compared == 3
    for name in ("bilateral_tfp", "multilateral_lntfp"):
        values = pd.read_csv(shared_file(f"data/growth/usagri_{name}.csv"))
        frame = frame.merge(values, on=["States", "Years"], how="left", validate="1:1")
    found = tfp.reproductions.run("usda_states", frame)
    assert found.holds
    for name in ("tornqvist", "fisher", "laspeyres", "paasche"):
        assert found[name].compared == 432
        assert found[name].maximum < EXACT
    for name in ("ln_ccd", "ln_gns"):
        assert found[name].compared == 480
        assert found[name].maximum < EXACT


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("euklems", "euklems_intanprod_austria_1995_2021.csv"),
        ("cip", "cip4_china_klems_1987_2017.csv"),
        ("usda_states", "usagri.csv"),
    ],
)
def test_the_order_of_rows_does_not_matter(shared_file, name, file):
    frame = pd.read_csv(shared_file(f"data/growth/{file}")).sample(frac=1.0, random_state=5)
    found = tfp.reproductions.run(name, frame)
    assert found.holds
    assert all(c.not_reproduced == 0 for c in judged(found))


# Sources whose files are not at hand: workbooks of their layout, made up with known TFP.

INDUSTRIES = ("Farms", "Oil and gas extraction", "Federal", "Motor vehicles, bodies and trailers")
YEARS = np.arange(1997, 2024)
PARTS = {
    **{f"Capital_{k}": (f"Capital_{k}_Quantity", f"Capital_{k} Compensation")
       for k in ("IT", "Software", "R&D", "Art", "Other")},
    **{f"Labor_{k}": (f"Labor_{k}_Quantity", f"Labor_{k} Compensation") for k in ("Col", "NoCol")},
    **{f"{k}": (f"{k}_Quantity", f"{k} Compensation") for k in ("Energy", "Materials")},
    "Services": ("Services_Quantity", "Service Compensation"),
}  # fmt: skip


@pytest.fixture(scope="module")
def beabls():
    """Sheets of a workbook: TFP follows a known path, indices 100 in 2017, three decimals."""
    rng = np.random.default_rng(17)
    shape = (len(INDUSTRIES), YEARS.size)
    log_inputs = np.cumsum(rng.normal(0.01, 0.03, (10, *shape)), axis=-1)
    values = np.exp(rng.normal(0, 0.3, (10, len(INDUSTRIES), 1)) + 0.5 * log_inputs)
    values[3, 0] = 0.0  # no artistic originals on farms, in value or quantity
    output_value = values.sum(axis=0)
    shares = values / output_value
    mean_shares = 0.5 * (shares[..., 1:] + shares[..., :-1])
    log_tfp = np.cumsum(rng.normal(0.005, 0.02, shape), axis=-1)
    growth = (mean_shares * np.diff(log_inputs)).sum(axis=0) + np.diff(log_tfp)
    log_output = np.concatenate([np.zeros((shape[0], 1)), np.cumsum(growth, axis=-1)], axis=-1)

    def index(logs):
        return np.round(100 * np.exp(logs - logs[:, YEARS == 2017]), 3)

    cells = {"Gross Output_Quantity": index(log_output), "Gross Output": output_value * 1e5,
             "Integrated TFP Index": index(log_tfp)}  # fmt: skip
    for (quantity, compensation), log, value in zip(
        PARTS.values(), log_inputs, values, strict=True
    ):
        cells[quantity] = index(log) * (value > 0)
        cells[compensation] = value * 1e5
    return {name: sheet(rows) for name, rows in cells.items()}


def sheet(rows):
    frame = pd.DataFrame(rows, columns=YEARS)
    frame.insert(0, "Industry Description", [f"  {name}" for name in INDUSTRIES])
    note = pd.DataFrame([{"Industry Description": "Note: made up"}])
    return pd.concat([frame, note], ignore_index=True)


def workbook(path, sheets, titles):
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame().to_excel(writer, sheet_name="ReadMe")
        for name, frame in sheets.items():
            rows = int(titles.get(name, 0))
            frame.to_excel(writer, sheet_name=name, index=False, startrow=rows)
            if rows:
                writer.sheets[name].cell(1, 1, f"Table of {name}")
    return path


def test_bea_bls_of_a_made_up_workbook(beabls, tmp_path):
    found = tfp.reproductions.run("beabls", beabls)
    assert found.holds
    assert found["TFP, growth"].compared == len(INDUSTRIES) * (YEARS.size - 1)
    # three decimals at some hundred: hardly ever more than 5e-5
    assert found["TFP, growth"].maximum < 1e-4
    assert found["TFP, index"].holds is None
    assert found["TFP, index"].compared == len(INDUSTRIES) * YEARS.size
    assert found["TFP, index"].maximum < 1e-3
    assert "not on the original" in found.notes[0]
    path = workbook(tmp_path / "account.xlsx", beabls, dict.fromkeys(beabls, 1))
    from_file = tfp.reproductions.run("beabls", path)
    assert from_file["TFP, growth"].maximum == pytest.approx(found["TFP, growth"].maximum)


def test_bea_bls_earlier_name_of_the_index_and_order_of_rows(beabls):
    renamed = {**beabls, "Integrated MFP Index": beabls["Integrated TFP Index"].iloc[::-1]}
    del renamed["Integrated TFP Index"]
    found = tfp.reproductions.run("beabls", renamed)
    assert found.holds
    assert found["TFP, growth"].compared == len(INDUSTRIES) * (YEARS.size - 1)


def test_bea_bls_finds_out_wrong_figures(beabls):
    wrong = {**beabls, "Energy Compensation": beabls["Energy Compensation"].copy()}
    wrong["Energy Compensation"][2010] *= 2
    found = tfp.reproductions.run("beabls", wrong)
    assert not found.holds
    assert found["TFP, growth"].largest_at.split()[-1] in ("2010", "2011")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda s: {k: v for k, v in s.items() if k != "Energy_Quantity"}, "missing_sheet"),
        (lambda s: {**s, "Energy_Quantity": s["Energy_Quantity"].iloc[1:]}, "missing_row"),
        (lambda s: {k: v.rename(columns={"Industry Description": "x"}) for k, v in s.items()},
         "missing_column"),
        (lambda s: {**s, "Energy_Quantity": s["Energy_Quantity"].iloc[:, :1]}, "missing_column"),
        (lambda s: {**s, "Integrated TFP Index": sheet(np.full((4, YEARS.size), 90.0))},
         "no_base_year"),
        (lambda s: s["Gross Output"], "missing_sheet"),
    ],
)  # fmt: skip
def test_bea_bls_of_another_layout(beabls, change, code):
    with pytest.raises(tfp.DataError) as caught:
        tfp.reproductions.run("beabls", change(beabls))
    assert caught.value.code == code
    assert caught.value.remedy or caught.value.expected


@pytest.fixture(scope="module")
def fernald():
    """Two sheets in the layout of quarterly_tfp.xlsx, with rows of means below."""
    rng = np.random.default_rng(1947)
    n = 24
    names = ("dY_prod", "dY_inc", "dhours", "dk", "dLQ", "dutil", "dtfp_C", "relativePrice")
    data = {name: rng.normal(2, 3, n) for name in names}
    data["alpha"] = rng.uniform(0.3, 0.4, n)
    data["dY"] = (data["dY_prod"] + data["dY_inc"]) / 2
    labor = data["dhours"] + data["dLQ"]
    data["dtfp"] = data["dY"] - data["alpha"] * data["dk"] - (1 - data["alpha"]) * labor
    data["dtfp_util"] = data["dtfp"] - data["dutil"]
    data["dtfp_I"] = data["dtfp_C"] + data["relativePrice"]
    data["invShare"] = (data["dtfp"] - data["dtfp_C"]) / data["relativePrice"]
    quarterly = pd.DataFrame(data)
    labels = [f"{1947 + i // 4}:Q{i % 4 + 1}" for i in range(n)]
    quarterly.insert(0, "date", labels)
    quarterly.iloc[0, 1:] = np.nan
    annual = {"date": np.arange(1948, 1947 + n // 4)}
    for name in ("dtfp", "dtfp_util"):
        index = np.exp(np.cumsum(np.r_[0.0, quarterly[name][1:]]) / 400)
        annual[name] = 100 * np.diff(np.log(index.reshape(-1, 4).mean(axis=1)))
    means = quarterly.iloc[1:, 1:].mean().to_frame().T.assign(date="1947:2-1952:4")
    quarterly = pd.concat([quarterly, means], ignore_index=True)
    return {"quarterly": quarterly, "annual": pd.DataFrame(annual)}


def test_fernald_of_a_made_up_workbook(fernald, tmp_path):
    found = tfp.reproductions.run("fernald", fernald)
    assert found.holds
    assert found["dtfp"].compared == 23
    assert found["dtfp"].maximum < EXACT * 100
    assert found["dtfp, annual"].compared == 5
    assert found.edition == "Fernald, quarterly TFP to 1952:Q4"
    path = workbook(tmp_path / "quarterly_tfp.xlsx", fernald, {"quarterly": 1})
    from_file = tfp.reproductions.run("fernald", str(path))
    assert from_file.holds
    assert from_file["dtfp"].compared == 23
    alone = tfp.reproductions.run("fernald", fernald["quarterly"])
    assert alone.holds
    assert [c.series for c in alone.comparisons] == [
        "dY", "dtfp", "dtfp_util", "dtfp from its sectors", "relativePrice",
    ]  # fmt: skip


def test_fernald_shares_are_those_of_the_quarter(fernald):
    """Mean shares of two quarters, the usual convention, are another number."""
    shifted = fernald["quarterly"].copy()
    shifted["alpha"] = (shifted["alpha"] + shifted["alpha"].shift()) / 2
    shifted.loc[1, "alpha"] = 0.35
    found = tfp.reproductions.run("fernald", shifted)
    assert not found.holds
    assert found["dtfp"].maximum > 0.01


def test_fernald_with_a_gap_has_values_that_are_not_reproduced(fernald):
    broken = {name: frame.copy() for name, frame in fernald.items()}
    broken["quarterly"].loc[8, "dk"] = np.nan
    broken["quarterly"].loc[9, "dtfp_util"] = np.nan
    found = tfp.reproductions.run("fernald", broken)
    assert found["dtfp"].not_reproduced == 1
    assert not found["dtfp"].holds
    assert found["dtfp_util, annual"].not_reproduced == 4
    assert not found.holds


def test_fernald_of_another_layout(fernald):
    with pytest.raises(tfp.DataError, match="no column 'alpha'") as caught:
        tfp.reproductions.run("fernald", fernald["quarterly"].drop(columns="alpha"))
    assert caught.value.code == "missing_column"
    with pytest.raises(tfp.DataError, match="no date of the table is a quarter"):
        tfp.reproductions.run("fernald", fernald["quarterly"].assign(date="1947"))
