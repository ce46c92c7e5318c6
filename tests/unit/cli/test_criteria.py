"""The command ``criteria`` from the shell's point of view."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.criteria.sheets import workbook
from tests.unit.criteria.test_criteria_set import provinces
from tests.unit.criteria.test_enterprise import items
from tfp_index.cli import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "provinces.csv"
    provinces().to_csv(path, index=False)
    return path


FILES = {
    "ranking.csv", "uncertainty.csv", "sensitivity.csv", "profile.csv", "scores.csv",
    "indicators.csv", "coverage.csv", "set.csv", "result.json", "workbook.xlsx",
}  # fmt: skip


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_provinces(
    file: Path, tmp_path: Path, lang: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = main(
        ["criteria", str(file), "--unit", "province", "--time", "year", "--profile", "Quảng Ninh",
         "--period", "2022", "--reps", "50", "--lang", lang, "--out", str(out)]
    )  # fmt: skip
    said = capsys.readouterr()
    assert code == 0
    report = {f"criteria_{lang}.html", f"criteria_{lang}.xlsx", "data"}
    assert {path.name for path in out.iterdir()} == FILES | report
    assert (out / "data" / "report.json").is_file()
    assert len(list((out / "data" / "figures").glob(f"*_{lang}.png"))) == 4
    label = tfp.CriteriaSet.load("province").label(lang)
    assert label in said.out
    assert "tfp-index: warning:" in said.err
    decimal = "," if lang == "vi" else "."
    with pytest.warns(tfp.DataWarning):
        result = tfp.CriteriaSet.load("province").score(provinces(), unit="province", time="year")
    first = result.ranking(2022).rows()[0]
    assert f"{first['score']:.1f}".replace(".", decimal) in said.out
    written = pd.read_csv(out / "ranking.csv")
    assert written["unit"].tolist() == result.ranking(2022)["unit"].tolist()
    document = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert document["scores"]["set"]["status"] == "proposal"
    assert len(document["uncertainty"]["columns"]["rank"]) == 36
    book = openpyxl.load_workbook(out / "workbook.xlsx")
    assert ("Xếp hạng" if lang == "vi" else "Ranking") in book.sheetnames
    sheet = book["Xếp hạng" if lang == "vi" else "Ranking"]
    cells = [cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert any(label in str(cell) for cell in cells)
    assert ("Kết quả" if lang == "vi" else "Results") in cells
    assert isinstance(cells[-1], float)


@pytest.mark.parametrize("public", [False, True])
def test_page_of_one_enterprise(tmp_path: Path, public: bool) -> None:
    path = workbook(tmp_path / "bctc.xlsx", "TT200")
    common = ["criteria", str(path), "--set", "enterprise", "--regime", "TT200"]
    for lang, money in (("vi", "495,0 triệu đồng"), ("en", "VND 495.0 million")):
        out = tmp_path / lang
        assert main([*common, "--lang", lang, "--out", str(out), *["--public"] * public]) == 0
        page = (out / f"criteria_{lang}.html").read_text(encoding="utf-8")
        assert (money in page) is not public
        assert ("51.759,16" in page or "51,759.16" in page) is not public
        assert tfp.CriteriaSet.load("enterprise").label(lang) in page
        assert (out / f"criteria_{lang}.xlsx").is_file()


def test_statements_of_one_enterprise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = workbook(tmp_path / "bctc.xlsx", "TT200")
    out = tmp_path / "out"
    code = main(["criteria", str(path), "--set", "enterprise", "--regime", "TT200", "--lang", "vi",
                 "--out", str(out)])  # fmt: skip
    said = capsys.readouterr().out
    assert code == 0
    assert "495,0 triệu đồng" in said
    assert "51.759,16" in said
    book = openpyxl.load_workbook(out / "workbook.xlsx")
    texts = [str(c.value) for s in book for row in s.iter_rows() for c in row if c.value]
    assert any("không công bố" in text for text in texts)
    money = [c for s in book for row in s.iter_rows() for c in row if "₫" in c.number_format]
    assert money


def test_statements_of_another_regime_end_with_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = workbook(tmp_path / "bctc.xlsx", "TT133")
    assert main(["criteria", str(path), "--set", "enterprise", "--regime", "TT200"]) == 3
    assert "TT133" in capsys.readouterr().err


def test_a_table_of_enterprises_with_peers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "items.parquet"
    items(30).to_parquet(path)
    out = tmp_path / "out"
    code = main(["criteria", str(path), "--set", "enterprise", "--unit", "mst", "--time", "nam",
                 "--peers", "industry", "--profile", "5700000003", "--reps", "0",
                 "--out", str(out)])  # fmt: skip
    assert code == 0
    names = {path.name for path in out.iterdir()}
    assert {"ranking.csv", "profile.csv", "value_added.csv", "indicators.csv"} <= names
    assert "uncertainty.csv" not in names
    assert "peers" in (out / "profile.csv").read_text(encoding="utf-8")
    assert "proposal, not official" in capsys.readouterr().out


def test_a_set_of_ones_own_and_its_faults(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tfp.CriteriaSet.load("province").save(tmp_path / "own.toml")
    arguments = ["criteria", str(file), "--set", str(own), "--unit", "province", "--time", "year"]
    assert main([*arguments, "--reps", "0"]) == 0
    own.write_text(
        own.read_text(encoding="utf-8").replace('"tfp_growth"\ninputs', '"magic"\ninputs'),
        encoding="utf-8",
    )
    capsys.readouterr()
    assert main(arguments) == 3
    assert "measure 'magic' is not known" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "--unit COLUMN"),
        (["--unit", "province", "--set", "enterprise"], 2, "--time COLUMN"),
        (["--unit", "province", "--set", "nowhere"], 3, "no criteria set"),
        (["--unit", "tinh"], 3, "no column 'tinh'"),
        (["--unit", "province", "--time", "year", "--period", "1999"], 3, "no period"),
        (["--unit", "province", "--time", "year", "--peers", "region"], 3, "no column 'region'"),
    ],
)
def test_mistakes(
    file: Path,
    arguments: list[str],
    code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["criteria", str(file), *arguments]) == code
    assert message in capsys.readouterr().err
    assert main(["criteria", str(file), str(file), "--unit", "province"]) == 2
