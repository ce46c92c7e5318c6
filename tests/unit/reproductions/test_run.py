"""Recipes as a user meets them: by name, with tables of any kind, and with wrong ones."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tfp_index as tfp
from tfp_index.reproductions import Comparison, cip, describe, names, run

BUNDLED = {"pwt": "pwt110", "solow1957": "solow1957", "munnell": "munnell"}


def test_names_are_those_of_the_sources():
    assert names() == (
        "pwt", "solow1957", "euklems", "cip", "beabls", "fernald", "usda_states",
        "china_provinces", "munnell",
    )  # fmt: skip


@pytest.mark.parametrize("name", names())
def test_every_recipe_says_where_its_data_come_from(name):
    recipe = describe(name)
    assert recipe.name == name
    for text in (recipe.title, recipe.source, recipe.where, recipe.layout, recipe.formula):
        assert len(text) > 20
    assert recipe.series
    assert recipe.bundled == BUNDLED.get(name)
    assert json.loads(json.dumps(recipe.to_dict()))["name"] == name
    assert recipe.source in str(recipe)


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sources_run_at_once(name):
    found = run(name)
    assert found.holds
    assert set(describe(name).series) == {c.series for c in found.comparisons}
    text = found.summary()
    assert text.startswith(f"{found.edition}: reproduced within tolerance")
    assert describe(name).source in text


@pytest.mark.parametrize("name", sorted(set(names()) - set(BUNDLED)))
def test_others_say_what_to_bring(name):
    with pytest.raises(tfp.DataError, match="not bundled") as caught:
        run(name)
    assert caught.value.code == "data_needed"
    assert describe(name).source in caught.value.expected
    assert caught.value.remedy == describe(name).where


def test_an_unknown_name_brings_the_nearest():
    with pytest.raises(tfp.SpecificationError, match="did you mean 'euklems'"):
        run("eu_klems")
    with pytest.raises(tfp.SpecificationError, match="no reproduction 'pwd'"):
        describe("pwd")


def test_an_unknown_option_brings_the_nearest():
    with pytest.raises(tfp.SpecificationError, match="did you mean 'series'"):
        run("pwt", serie=("ctfp",))
    with pytest.raises(tfp.SpecificationError, match="did you mean 'ctfp'"):
        run("pwt", series=("ctfpp",))


@pytest.mark.parametrize("name", [n for n in names() if n != "beabls"])
def test_a_table_of_another_layout_is_refused(name):
    with pytest.raises(tfp.DataError) as caught:
        run(name, {"province": np.array(["A"], object), "year": np.array([2020])})
    assert caught.value.code == "missing_column"
    assert caught.value.expected == describe(name).layout
    assert caught.value.remedy


@pytest.mark.parametrize(("name", "column"), [("pwt", "hc"), ("solow1957", "A"), ("munnell", "PC")])
def test_a_missing_column_is_named(name, column):
    frame = tfp.datasets.load(BUNDLED[name]).drop(columns=column)
    with pytest.raises(tfp.DataError, match=f"no column '{column}'") as caught:
        run(name, frame)
    assert caught.value.column == column


@pytest.mark.parametrize("table", [3, "nowhere.csv"])
def test_what_is_no_table_is_refused(table):
    with pytest.raises(tfp.TFPError):
        run("pwt", table)


def test_tables_of_any_library_and_row_order_give_the_same():
    frame = tfp.datasets.load("munnell")
    first = run("munnell", frame)
    columns = {name: frame[name].to_numpy() for name in frame}
    for table in (pl.from_pandas(frame), columns, frame.sample(frac=1.0, random_state=3)):
        again = run("munnell", table)
        for one, other in zip(first.comparisons, again.comparisons, strict=True):
            np.testing.assert_allclose(one.reproduced, other.reproduced, rtol=1e-9)
    shuffled = tfp.datasets.load("pwt110").sample(frac=1.0, random_state=3)
    assert run("pwt", shuffled).holds


def test_files_are_read(tmp_path):
    frame = tfp.datasets.load("solow1957")
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    assert run("solow1957", path).holds
    path = tmp_path / "pwt.xlsx"
    small = tfp.datasets.load("pwt110").query("country in ('USA', 'KOR')")
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"about": ["the table is in the third sheet"]}).to_excel(
            book, sheet_name="Info"
        )
        small.to_excel(book, sheet_name="Data", index=False)
    assert run("pwt", path, series=("rtfpna", "rwtfpna")).holds


def test_a_workbook_without_its_sheet_is_refused(tmp_path):
    path = tmp_path / "pwt.xlsx"
    tfp.datasets.load("solow1957").to_excel(path, sheet_name="Dat", index=False)
    with pytest.raises(tfp.FileError, match="none of the sheets 'Data'"):
        run("pwt", path)
    with pytest.raises(tfp.FileError, match="there is no file"):
        run("fernald", tmp_path / "none.xlsx")
    path.write_text("not a workbook")
    with pytest.raises(tfp.FileError, match="damaged"):
        run("fernald", path)


# Penn World Table


@pytest.fixture(scope="module")
def pwt():
    return tfp.datasets.load("pwt110")


def test_one_country_cannot_be_compared_with_others(pwt):
    usa = pwt[pwt.country == "USA"]
    with pytest.raises(tfp.DataError, match="compares the countries of a year") as caught:
        run("pwt", usa)
    assert caught.value.code == "one_country"
    assert caught.value.entity == "USA"
    assert "series=" in caught.value.remedy
    assert run("pwt", usa, series=("rtfpna", "rwtfpna")).holds


def test_one_country_in_one_year(pwt):
    both = pwt.country.isin(["USA", "KOR"]) & ~((pwt.country == "KOR") & (pwt.year == 1990))
    with pytest.raises(tfp.DataError, match="there is one") as caught:
        run("pwt", pwt[both & (pwt.year >= 1975)])
    assert (caught.value.entity, caught.value.time) == ("USA", 1990)


def test_without_the_united_states_there_is_no_level(pwt):
    some = pwt[pwt.country.isin(["KOR", "JPN"]) & (pwt.year >= 1990)]
    with pytest.raises(tfp.DataError, match="'USA'"):
        run("pwt", some)


def test_the_base_year_must_be_there(pwt):
    with pytest.raises(tfp.DataError, match="no year in which rtfpna is 1") as caught:
        run("pwt", pwt[pwt.year < 2021])
    assert caught.value.code == "no_base_year"


def test_country_codes_must_be_codes(pwt):
    with pytest.raises(tfp.DataError, match="three-letter country codes"):
        run("pwt", pwt.assign(country=pwt.country_name))


def test_a_published_value_that_cannot_be_computed_counts_against_the_recipe(pwt):
    frame = pwt.copy()
    frame.loc[(frame.country == "KOR") & (frame.year == 1990), "rkna"] = np.nan
    found = run("pwt", frame, series=("rtfpna",))
    # the chain is cut: every year before it has lost its link to the base
    assert found["rtfpna"].not_reproduced == 1990 - 1957 + 1
    assert found["rtfpna"].holds is False
    assert found["rtfpna"].maximum < 4e-6


# other sources, made up in small


def made_up_provinces():
    years = np.arange(1952, 1957)
    rows = []
    for name, first in (("anhui", 10.0), ("chongqing", 6.0)):
        stock = np.nan
        for year in years:
            invest, price = 2.0 + 0.1 * (year - 1952), 1.02 ** (year - 1952)
            stock = first * invest if year == 1952 else 0.904 * stock + invest / price
            rows.append((name, year, invest, price, stock))
    return pd.DataFrame(rows, columns=["prv", "yr", "invest", "InvestPrice", "K"])


def test_provinces_of_china_by_hand():
    found = run("china_provinces", made_up_provinces())
    assert found.holds
    assert found["K, Chongqing, by the rule of the others"].maximum == pytest.approx(4 / 6)
    frame = made_up_provinces()
    with pytest.raises(tfp.DataError, match="no province 'chongqing'"):
        run("china_provinces", frame[frame.prv == "anhui"])
    frame.loc[2, "K"] *= 1.001
    found = run("china_provinces", frame)
    assert not found.holds
    assert found["K, all provinces but Chongqing"].largest_at == "anhui 1954"


def test_labels_of_totals_are_checked():
    year = np.arange(2000, 2004)
    ones = np.ones(4)
    recipe = describe("cip")
    table = dict.fromkeys(cip.NEEDED, ones) | {"industry": np.array(["A"] * 4, object)}
    with pytest.raises(tfp.DataError, match="no industry 'Total'") as caught:
        recipe.run(table | {"year": year})
    assert caught.value.code == "unknown_entity"


# the record


def test_the_record_travels_as_json():
    found = run("pwt", series=("ctfp",))
    document = json.loads(json.dumps(found.to_dict()))
    assert document["reproduction"] == "pwt"
    assert document["options"] == {"series": ["ctfp"]}
    assert document["version"] == tfp.__version__
    assert len(document["fingerprint"]) == 64
    (row,) = document["series"]
    assert row["series"] == "ctfp"
    assert row["compared"] == 6_988
    assert row["max_deviation"] == found["ctfp"].maximum
    assert row["tolerance"] == 4e-6
    assert row["holds"] == "yes"
    again = pickle.loads(pickle.dumps(found))
    assert again.summary() == found.summary()


def test_the_fingerprint_is_that_of_the_data():
    frame = tfp.datasets.load("solow1957")
    other = frame.assign(q=frame.q + 1e-9)
    assert run("solow1957").fingerprint == run("solow1957", frame).fingerprint
    assert run("solow1957").fingerprint != run("solow1957", other).fingerprint


def test_every_value_can_be_seen():
    found = run("solow1957")
    table = found.values("A(t)")
    assert len(table) == 39
    assert list(table.columns) == ["country", "year", "published", "reproduced", "deviation"]
    assert table.where(year=1910).rows()[0]["published"] == 0.983
    assert found.to_frame().shape == (4, 9)
    assert "<table" in found._repr_html_()
    with pytest.raises(tfp.DataError, match="did you mean 'q/A'"):
        found.values("q/a")


def comparison(published, reproduced, tolerance=0.1, relative=False):
    keys = {"year": np.arange(len(published))}
    pair = np.array(published, float), np.array(reproduced, float)
    return Comparison("x", "level", keys, *pair, tolerance, relative=relative)


@pytest.mark.parametrize(
    ("published", "reproduced", "tolerance", "holds"),
    [
        ([1, 2], [1.05, 2.0], 0.1, True),
        ([1, 2], [1.05, 2.2], 0.1, False),
        ([1, np.nan], [1.0, 9.0], 0.1, True),  # nothing is published there
        ([1, 2], [1.0, np.nan], 0.1, False),  # published, and not computed
        ([np.nan], [1.0], 0.1, False),  # nothing compared
        ([1, 2], [5.0, 6.0], None, None),
        ([1, 2], [1.05, 2.4], np.array([0.1, 0.5]), True),
        ([1, 2], [1.2, 2.1], np.array([0.1, 0.5]), False),
    ],
)
def test_when_a_series_holds(published, reproduced, tolerance, holds):
    assert comparison(published, reproduced, tolerance).holds is holds


def test_figures_of_a_comparison():
    pair = comparison([1.0, 2.0, np.nan, 4.0], [1.1, 1.0, 3.0, np.nan])
    assert pair.compared == 2
    assert pair.not_reproduced == 1
    assert pair.maximum == pytest.approx(1.0)
    assert pair.median == pytest.approx(0.55)
    assert pair.largest_at == "1"
    assert comparison([2.0], [1.0], relative=True).maximum == pytest.approx(0.5)
    empty = comparison([np.nan], [np.nan])
    assert np.isnan(empty.maximum)
    assert np.isnan(empty.median)
    assert empty.largest_at == ""
