"""``tfp-index run``: from a configuration file to cells."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.cli import main
from tfp_index.scale.office_file import read_office_file

pytest.importorskip("pyarrow", reason="needs the extra io")

TEXT = """
[data]
source = "raw/*.parquet"
entity = "enterprise"
time = "year"
output = "output"
value_added = "value_added"
capital = "capital"
labor = "labor"
materials = "materials"

[data.groups]
industry = "industry"
district = "district"

[cleaning]
profile = "strict"
wage_share = false
ratio_tails = false
mad = false
bacon = false

[estimate]
method = "LevinsohnPetrin"
output = "value_added"
by = "industry"
invalid = "missing"

[[tables]]
method = "Aggregation"
weight = "value_added"
by = "industry"

[[tables]]
method = "Decomposition"
weight = "value_added"

[disclosure]
min_count = 6
p_percent = false
secondary = true

[run]
partitions = 2
out = "cells_out"
seed = 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("văn phòng")
    (folder / "raw").mkdir()
    frame = tfp.datasets.simulate.province(rng=3).frame()
    frame[frame["year"] < 2020].to_parquet(folder / "raw" / "a.parquet")
    frame[frame["year"] >= 2020].to_parquet(folder / "raw" / "b.parquet")
    return folder


def written(folder, text=TEXT):
    path = folder / "office.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_says_everything(folder):
    file = read_office_file(written(folder))
    assert file.source == str(folder / "raw" / "*.parquet")
    assert file.roles["groups"] == {"industry": "industry", "district": "district"}
    assert file.office.disclosure == tfp.DisclosureRules(min_count=6, p_percent=None)
    assert file.office.estimate.by == "industry"
    assert file.office.cleaning["mad"] is None
    assert file.out == folder / "cells_out"
    assert (file.partitions, file.seed, file.engine) == (2, 1, "threads")


def test_the_command_writes_cells_and_nothing_else(folder, capsys):
    assert main(["run", str(written(folder))]) == 0
    out = folder / "cells_out"
    said = capsys.readouterr().out
    assert "rows used" in said
    assert "Rows lost in cleaning" in said
    names = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert {"cells/01_aggregation.csv", "manifest.json", "record.json"} <= names
    assert not [n for n in names if n.endswith(".parquet")]
    cells = pd.read_csv(out / "cells" / "01_aggregation.csv", encoding="utf-8-sig")
    assert set(cells["status"]) <= {"published", "suppressed", "empty"}
    record = json.loads((out / "record.json").read_text(encoding="utf-8"))
    assert record["specification"]["method"] == "Office"


def test_duckdb_gives_the_same_cells(folder, tmp_path):
    pytest.importorskip("duckdb")
    path = written(folder)
    assert main(["run", str(path), "--out", str(tmp_path / "a")]) == 0
    flags = ["--engine", "duckdb", "--memory", "1GiB", "--out", str(tmp_path / "b")]
    assert main(["run", str(path), *flags]) == 0
    for name in ("01_aggregation.csv", "02_decomposition.csv"):
        one, two = ((tmp_path / k / "cells" / name).read_bytes() for k in "ab")
        assert one == two


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        (("[cleaning]", "[claening]"), "unknown_key", "cleaning"),
        (("source =", "sourse ="), "missing_key", "source"),
        (('method = "Aggregation"', 'method = "Agregation"'), "unknown_method", "Aggregation"),
        (('weight = "value_added"\nby', 'wieght = "value_added"\nby'), "unknown_option", "weight"),
        (("min_count = 6", "min_cuont = 6"), "unknown_option", "min_count"),
        (("partitions = 2", "partition = 2"), "unknown_key", "partitions"),
        (('method = "LevinsohnPetrin"\n', ""), "missing_key", "method"),
        (("min_count = 6", "min_count = = 6"), "unreadable_file", "TOML"),
        (('profile = "strict"', 'profile = "strikt"'), "unknown_profile", "strict"),
    ],
)
def test_slips_are_named(folder, change, code, named):
    text = TEXT.replace(*change)
    assert text != TEXT
    with pytest.raises(tfp.TFPError) as error:
        read_office_file(written(folder, text))
    assert error.value.code == code
    assert named in str(error.value)


def test_a_slip_ends_with_three_and_one_line(folder, capsys):
    path = written(folder, TEXT.replace("labor = ", "labour = "))
    assert main(["run", str(path)]) == 3
    assert "labor" in capsys.readouterr().err


def test_resuming_a_finished_run_says_so(folder, tmp_path, capsys):
    path, out = written(folder), ["--out", str(tmp_path / "out")]
    assert main(["run", str(path), *out, "--resume"]) == 0  # there is nothing to resume: it begins
    record = (tmp_path / "out" / "record.json").stat().st_mtime_ns
    capsys.readouterr()
    assert main(["run", str(path), *out, "--resume"]) == 0
    assert "finished" in capsys.readouterr().out
    assert (tmp_path / "out" / "record.json").stat().st_mtime_ns == record
    assert main(["run", str(path), *out]) == 3  # not asked to resume
    assert "holds a finished run" in capsys.readouterr().err
    other = written(folder, TEXT.replace("min_count = 6", "min_count = 7"))
    assert main(["run", str(other), *out, "--resume"]) == 3  # another run
    assert "holds a finished run" in capsys.readouterr().err
    left = tmp_path / "out" / ".work_over" / "partitions"  # as of a run killed at its very end
    left.mkdir(parents=True)
    assert main(["run", str(written(folder)), *out, "--resume"]) == 0
    assert not left.parent.exists()
    (tmp_path / "out" / "record.json").write_text("{}", encoding="utf-8")
    assert main(["run", str(written(folder)), *out, "--resume"]) == 3
    assert "not the file that the run wrote" in capsys.readouterr().err


def test_standard_output_may_leave_and_standard_error_may_not(folder, tmp_path, capsys):
    text = TEXT.replace('invalid = "missing"\n', "").replace('"raw/*.parquet"', '"lonely.parquet"')
    frame = pd.read_parquet(folder / "raw" / "a.parquet")
    entity = frame["enterprise"].iloc[0]
    mine = frame["enterprise"] == entity
    frame["industry"] = frame["industry"].astype(str).mask(mine, "lone industry")
    frame.to_parquet(folder / "lonely.parquet")
    out = ["--out", str(tmp_path / "out")]
    assert main(["run", str(written(folder, text)), *out]) == 0
    said = capsys.readouterr()
    assert "lone industry" in said.err
    assert "lone industry" not in said.out
    frame.loc[mine, "capital"] = -1.0
    frame.to_parquet(folder / "lonely.parquet")
    text = text.replace('profile = "strict"', 'profile = "none"')
    assert main(["run", str(written(folder, text)), "--out", str(tmp_path / "two")]) == 3
    said = capsys.readouterr()
    assert entity in said.err
    assert entity not in said.out
