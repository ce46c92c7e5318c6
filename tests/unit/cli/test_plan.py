"""The command ``plan``: what it prints and writes, how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tfp_index.cli import main
from tfp_index.criteria.programme import Plan

TABLE = """\
target,year,value,unit,note
T1,2021,5,người,
T1,2022,2,người,
T2,2021,300,lượt,
T2,2022,250,lượt,
T5,2022,,,Công ty ABC được mở rộng phạm vi
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "progress.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_a_plan_that_is_behind_is_no_failure(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(file), "--as-of", "2022", "--lang", "vi"]) == 0
    out, err = capsys.readouterr()
    line = next(text for text in out.splitlines() if text.startswith("T1 "))
    assert "chậm tiến độ" in line
    assert "Thêm 13 đến hết năm 2025, mỗi năm 4,33." in out
    assert not err


def test_faults_in_the_data_are_listed_and_end_with_1(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TABLE.replace("T1,2022", "T0,2022").replace("250,lượt", "250,người"), "utf-8")
    assert main(["plan", str(file)]) == 1
    out, err = capsys.readouterr()
    assert "2 faults in the progress data" in out
    assert "row 2: there is no target 'T0'" in out
    assert "row 4, target 'T2': the unit 'người'" in out
    assert not err


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ([], 2),
        (["{file}", "--column", "year"], 2),
        (["{file}", "--lang", "fr"], 2),
        (["{file}", "--plan", "nonsense"], 3),
        (["nowhere.csv"], 3),
        (["{file}", "--column", "year=năm"], 3),
        (["{file}", "--running-total", "T0"], 3),
        (["--template", "progress.docx"], 3),
    ],
)
def test_calls_that_cannot_be_done(
    file: Path, call: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", *(part.format(file=file) for part in call)]) == code
    assert capsys.readouterr().err


def test_it_prints_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(file), "--json", "--running-total", "T1"]) == 1  # 5 falls to 2
    capsys.readouterr()
    assert main(["plan", str(file), "--json", "--running-total", "T2"]) == 1  # 300 falls to 250
    capsys.readouterr()
    assert main(["plan", str(file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["as_of"] == 2022
    assert document["targets"][0]["value"] == 7.0


def test_it_writes_a_report_in_both_languages(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["plan", str(file), "--lang", "both", "--out", str(out)]) == 0
    names = {f"plan_{code}.{kind}" for code in ("vi", "en") for kind in ("html", "xlsx")}
    assert {path.name for path in out.iterdir()} == {*names, "data"}
    assert (out / "data" / "figures" / "plan_status_plan_progress_vi.png").is_file()
    assert "ABC" in (out / "plan_vi.html").read_text(encoding="utf-8")
    assert main(["plan", str(file), "--lang", "vi", "--out", str(out), "--public"]) == 0
    assert "ABC" not in (out / "plan_vi.html").read_text(encoding="utf-8")
    assert str(out / "plan_vi.html") in capsys.readouterr().out


def test_a_template_of_ones_own_plan_is_filled_and_taken_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan.load("quang_ninh_203").save(tmp_path / "mine.toml")
    template = tmp_path / "fill.csv"
    assert main(["plan", "--plan", str(plan), "--template", str(template), "--lang", "vi"]) == 0
    text = template.read_text(encoding="utf-8-sig").replace("T1,2021,,", "T1,2021,4,")
    template.write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert main(["plan", str(template), "--plan", str(plan)]) == 0
    out = capsys.readouterr().out
    assert "at the end of 2021" in out
    line = next(text for text in out.splitlines() if text.startswith("T1 "))
    assert line.endswith("on course")
