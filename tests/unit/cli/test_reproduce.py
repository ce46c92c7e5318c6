"""The command ``tfp-index reproduce``: what it prints and writes, and how it ends."""

from __future__ import annotations

import csv
import json

import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.cli import main


def test_the_list_names_every_source(capsys):
    assert main(["reproduce", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(tfp.reproductions.names())
    assert "bundled" in lines[0]
    assert "needs --data" in lines[2]


def test_bundled_data_need_no_file(capsys):
    assert main(["reproduce", "solow1957"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Solow (1957), Table 1: reproduced within tolerance")
    assert "technical change" in out


def test_a_deviation_beyond_tolerance_ends_with_one(tmp_path, capsys):
    frame = tfp.datasets.load("solow1957")
    frame.loc[10, "q"] *= 1.1
    path = tmp_path / "wrong.csv"
    frame.to_csv(path, index=False)
    assert main(["reproduce", "solow1957", "--data", str(path)]) == 1
    assert "NOT reproduced within tolerance" in capsys.readouterr().out


def test_everything_is_written(tmp_path, capsys):
    out = tmp_path / "deep" / "folder"
    assert main(["reproduce", "munnell", "--out", str(out)]) == 0
    assert "3 files" in capsys.readouterr().out
    record = json.loads((out / "record.json").read_text(encoding="utf-8"))
    assert record["holds"] is True
    assert record["reproduction"] == "munnell"
    with (out / "summary.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["holds"] for row in rows] == ["yes"] * 3
    files = sorted(path.name for path in (out / "values").iterdir())
    assert files[0] == "01_coefficients_R_plm.csv"
    assert len(pd.read_csv(out / "values" / files[0])) == 23


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say which source"),
        (["eu_klems"], "did you mean 'euklems'"),
        (["euklems"], "the data of euklems are not bundled: --data FILE"),
        (["pwt", "--dat"], "expected one argument"),
    ],
)
def test_a_misunderstood_command_ends_with_two(arguments, words, capsys):
    assert main(["reproduce", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("text", [None, "a,b\n1,2\n"])
def test_a_file_that_cannot_be_used_ends_with_three(text, tmp_path, capsys):
    path = tmp_path / "table.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert main(["reproduce", "pwt", "--data", str(path)]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1
