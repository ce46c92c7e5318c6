"""The command ``report`` with scores, enterprises and a plan: one page, workbook, JSON, figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from tests.unit.cli.test_plan import TABLE
from tests.unit.criteria.test_criteria_set import provinces
from tests.unit.report.page import Page
from tests.unit.report.test_joint import microdata
from tfp_index.cli import main

ROLES = """
entity = "province"
time = "year"
output = "grdp"
capital = "stock"
labor = "persons"
capital_share = 0.4
[report]
unit = "Quảng Ninh"
unit_kind = "area"
[criteria]
file = "provinces.csv"
unit = "province"
time = "year"
profile = "Quảng Ninh"
reps = 50
[enterprises]
file = "enterprises.csv"
entity = "enterprise"
time = "year"
value_added = "value_added"
labor = "labor"
capital = "capital"
groups = { district = "district", industry = "industry" }
options = { output = "value_added", inputs = ["labor", "capital"] }
by = ["district"]
levers = ["laggards", "frontier"]
[plan]
file = "progress.csv"
as_of = 2022
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    years = np.arange(2015, 2023)
    growth = pd.DataFrame(
        {
            "province": np.repeat(["Quảng Ninh", "Hải Phòng"], years.size),
            "year": np.tile(years, 2),
            "grdp": np.exp(0.07 * np.arange(2 * years.size)),
            "stock": np.exp(0.05 * np.arange(2 * years.size)),
            "persons": np.exp(0.01 * np.arange(2 * years.size)),
        }
    )
    growth.to_csv(tmp_path / "growth.csv", index=False)
    provinces().to_csv(tmp_path / "provinces.csv", index=False)
    microdata().to_csv(tmp_path / "enterprises.csv", index=False)
    (tmp_path / "progress.csv").write_text(TABLE, encoding="utf-8")
    (tmp_path / "roles.toml").write_text(ROLES, encoding="utf-8")
    return tmp_path


def _call(folder: Path, *more: str) -> int:
    return main(["report", str(folder / "growth.csv"), "--roles", str(folder / "roles.toml"),
                 "--out", str(folder / "out"), *more])  # fmt: skip


@pytest.mark.parametrize("public", [False, True])
def test_one_report_of_everything(
    folder: Path, public: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _call(folder, "--lang", "vi", *(["--public"] if public else [])) == 0
    out = folder / "out"
    said = capsys.readouterr().out
    assert str(out / "report_vi.html") in said
    assert str(out / "report_vi.xlsx") in said
    page = Page((out / "report_vi.html").read_text(encoding="utf-8")).root
    ids = [n.attributes.get("id") for n in page.find("h2")]
    wanted = ["growth", "criteria", "decomposition", "aggregation", "levers", "plan"]
    assert [i for i in ids if i in wanted] == wanted
    assert ("disclosure" in ids) == public
    text = page.text
    assert ("ABC" in text) != public  # what the plan says in words
    assert "Quảng Ninh" in text
    book = openpyxl.load_workbook(out / "report_vi.xlsx")
    assert book.sheetnames[0] == "Bìa"
    document = json.loads((out / "data" / "report.json").read_text(encoding="utf-8"))
    assert document["public"] is public
    assert list((out / "data" / "figures").glob("*_vi.png"))


def test_mistakes_in_the_roles_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roles = folder / "roles.toml"
    for wrong, message in (
        (ROLES.replace("as_of", "asof"), "plan: the key 'asof' is not known"),
        (ROLES.replace('file = "progress.csv"', ""), "plan: there is no file"),
        (ROLES.replace("progress.csv", "nowhere.csv"), "there is no file"),
    ):
        roles.write_text(wrong, encoding="utf-8")
        assert _call(folder) == 3
        assert message in " ".join(capsys.readouterr().err.split())
        assert not (folder / "out").exists()
