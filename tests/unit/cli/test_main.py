"""The command: what it prints, what it writes, how it ends."""

from __future__ import annotations

import csv
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import tfp_index as tfp
from tests.unit.report.page import Page
from tfp_index.cli import main
from tfp_index.cli._main import EXIT_CODES

TABLE = """\
tỉnh,năm,grdp,vốn,lao động
Quảng Ninh,2018,100,300,50
Quảng Ninh,2019,110,330,51
Quảng Ninh,2020,117,350,52
Quảng Ninh,2021,125,380,52
Hải Phòng,2018,200,500,90
Hải Phòng,2019,230,560,92
Hải Phòng,2020,250,600,93
Hải Phòng,2021,280,660,95
"""

ROLES = """\
entity = "tỉnh"
time = "năm"
output = "grdp"
capital = "vốn"
labor = "lao động"
"""

COLUMNS = ["--entity", "tỉnh", "--time", "năm", "--output", "grdp"]
COLUMNS += ["--capital", "vốn", "--labor", "lao động"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "provinces.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    path = tmp_path / "roles.toml"
    path.write_text(ROLES, encoding="utf-8")
    return path


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    out, err = capsys.readouterr()
    return out, err


def one_line(err: str) -> str:
    assert err.count("\n") == 1, err
    return err


# check


def test_check_of_good_data_ends_with_0(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file), *COLUMNS]) == 0
    out, err = said(capsys)
    assert "8 rows, 2 units, nothing found" in out
    assert not err


def test_check_that_finds_an_error_ends_with_1(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TABLE.replace(",350,", ",-350,"), encoding="utf-8")
    out_file = tmp_path / "new" / "findings.csv"
    call = ["check", str(file), *COLUMNS, "--lang", "vi", "--out", str(out_file)]
    assert main(call) == 1
    out, _ = said(capsys)
    assert "lỗi: giá trị không dương [vốn] × 1" in out
    assert "Quảng Ninh" in out
    with out_file.open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert [(row["code"], row["time"], row["value"]) for row in found] == [
        ("non_positive", "2020", "-350.0")
    ]


def test_warnings_alone_end_with_0(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(TABLE.replace("Quảng Ninh,2020,117,350,52\n", ""), encoding="utf-8")
    assert main(["check", str(file), *COLUMNS, "--json"]) == 0
    document = json.loads(said(capsys)[0])
    assert document["has_errors"] is False
    assert document["counts"][0]["code"] == "gap"


def test_json_of_infinite_values_is_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(TABLE.replace(",350,", ",inf,"), encoding="utf-8")
    assert main(["check", str(file), *COLUMNS, "--json"]) == 1
    document = json.loads(said(capsys)[0])
    assert document["findings"][0]["code"] == "non_finite"
    assert document["findings"][0]["value"] is None


# growth


def test_growth_prints_periods_and_writes_rows(
    tmp_path: Path, file: Path, roles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out_file = tmp_path / "rows.csv"
    call = ["growth", str(file), "--roles", str(roles), "--capital-share", "0,40"]
    call += ["--preset", "vietnam", "--period", "2018:2020", "--period", "2020:2021"]
    assert main([*call, "--out", str(out_file)]) == 0
    out, _ = said(capsys)
    panel = tfp.Panel.from_frame(
        _columns(file),
        entity="tỉnh",
        time="năm",
        output="grdp",
        capital="vốn",
        labor="lao động",
    )
    res = tfp.GrowthAccounting.vietnam(capital_share=0.40).fit(panel)
    table = res.periods([(2018, 2020), (2020, 2021)])
    for row in table.rows():
        line = next(
            text
            for text in out.splitlines()
            if text.startswith(row["entity"]) and f"{row['start']}–{row['end']}" in text
        )
        assert f"{100 * row['tfp_growth']:.2f}" in line.replace("−", "-")
    assert "TFP (residual)" in out
    with out_file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    written = [float(row["tfp_growth"] or "nan") for row in rows]
    np.testing.assert_array_equal(written, res.tfp_growth)


def _columns(file: Path) -> dict[str, np.ndarray]:
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    text = {"tỉnh": np.array([row["tỉnh"] for row in rows], object)}
    return text | {
        name: np.array([float(row[name]) for row in rows])
        for name in ("năm", "grdp", "vốn", "lao động")
    }


def test_growth_as_json_carries_the_record(
    file: Path, roles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["growth", str(file), "--roles", str(roles), "--capital-share", "0.4", "--json"]
    assert main([*call, "--vintage", "sơ bộ 2021", "--unit", "Hải Phòng"]) == 0
    document = json.loads(said(capsys)[0])
    assert document["record"]["vintage"] == "sơ bộ 2021"
    assert document["record"]["specification"]["options"]["capital_share"] == 0.4
    assert document["periods"]["columns"]["entity"] == ["Hải Phòng"]


def test_a_share_may_be_a_column(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = TABLE.splitlines()
    text = "\n".join([lines[0] + ",s", *(line + ",0.6" for line in lines[1:])])
    file.write_text(text, encoding="utf-8")
    call = ["growth", str(file), *COLUMNS, "--labor-share", "s", "--json"]
    assert main(call) == 0
    columns = json.loads(said(capsys)[0])["record"]["columns"]
    assert columns["labor_share"] == "s"


def test_parquet_and_excel_in_parquet_out(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.read_csv(file)
    frame.to_parquet(tmp_path / "p.parquet")
    frame.to_excel(tmp_path / "p.xlsx", index=False)
    outs = []
    for name in ("provinces.csv", "p.parquet", "p.xlsx"):
        out = tmp_path / f"{name}.rows.parquet"
        call = ["growth", str(tmp_path / name), *COLUMNS, "--capital-share", "0.4"]
        assert main([*call, "--out", str(out)]) == 0
        outs.append(pd.read_parquet(out))
    pd.testing.assert_frame_equal(outs[0], outs[1])
    pd.testing.assert_frame_equal(outs[0], outs[2])


def test_inputs_and_columns_of_ones_own(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["growth", str(file), "--entity", "tỉnh", "--time", "năm", "--output", "grdp"]
    call += ["--input", "máy=vốn", "--input", "người=lao động", "--column", "máy_share=grdp"]
    assert main(call) == 3  # a share of 100 is no share
    assert "share" in one_line(said(capsys)[1])
    assert main([*call[:-1], "máy_share"]) == 2
    assert "NAME=COLUMN" in one_line(said(capsys)[1])


def test_roles_file_may_hold_everything(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roles = tmp_path / "all.toml"
    roles.write_text(
        ROLES
        + 'capital_share = 0.4\nvintage = "v1"\n[growth]\npreset = "vietnam"\n'
        + '[report]\ntitle = "TFP"\nunit = "Quảng Ninh"\nperiods = [[2018, 2021]]\n'
        + 'statements = ["một kịch bản", "hai"]\n[report.labels]\n"Hải Phòng" = "TP. Hải Phòng"\n',
        encoding="utf-8",
    )
    out = tmp_path / "out"
    call = ["report", str(file), "--roles", str(roles), "--lang", "vi", "--out", str(out)]
    assert main(call) == 0
    page = Page((out / "report_vi.html").read_text(encoding="utf-8")).root
    assert page.find("h1")[0].text == "TFP"
    assert "TP. Hải Phòng" in page.text
    assert "một kịch bản" in page.text
    assert "tốc độ giản đơn" in page.text
    document = json.loads((out / "data" / "report.json").read_text(encoding="utf-8"))
    headline = document["sections"][0]["document"]
    assert (headline["entity"], headline["start"], headline["end"]) == ("Quảng Ninh", 2018, 2021)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('outputt = "grdp"', "did you mean 'output'"),
        ("[report]\ntitel = 'x'", "did you mean 'title'"),
        ("[growth]\ncapital_shar = 0.4", "did you mean 'capital_share'"),
        ("a = [", "is not TOML"),
    ],
)
def test_mistakes_in_the_roles_file_are_named(
    file: Path, roles: Path, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    roles.write_text(ROLES + line, encoding="utf-8")
    assert main(["growth", str(file), "--roles", str(roles)]) == 3
    assert message in one_line(said(capsys)[1])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "required"),
        (["frobnicate"], 2, "invalid choice"),
        (["growth", "{file}"], 2, "--entity COLUMN"),
        (["growth", "{file}", *COLUMNS, "--period", "2018"], 2, "START:END"),
        (["growth", "nowhere.csv", *COLUMNS], 3, "no file nowhere.csv"),
        (["growth", "{file}", *COLUMNS], 3, "shares of capital, labor are not known"),
        (["growth", "{file}", *COLUMNS[:-1], "lao dong"], 3, "did you mean 'lao động'"),
        (["growth", "{file}", *COLUMNS, "--preset", "vietnam"], 3, "needs a capital share"),
        (["growth", "{file}", *COLUMNS, "--capital-share", "40"], 3, "outside 0 to 1"),
        (
            ["growth", "{file}", *COLUMNS, "--capital-share", "0.4", "--unit", "Hai Phong"],
            3,
            "did you mean 'Hải Phòng'",
        ),
        (
            ["growth", "{file}", *COLUMNS, "--capital-share", "0.4", "--out", "x.xlsx"],
            3,
            "written as .csv or .parquet",
        ),
        (
            ["report", "{file}", *COLUMNS, "--capital-share", "0.4", "--public", "--out", "{out}"],
            3,
            "--unit-kind",
        ),
        (["report", "{file}", *COLUMNS, "--sensitivity", "a,b"], 2, "list of numbers"),
    ],
)
def test_mistakes_end_with_their_code_and_a_message(
    tmp_path: Path,
    file: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    filled = [a.format(file=file, out=tmp_path / "out") for a in arguments]
    assert main(filled) == code
    out, err = said(capsys)
    assert message in err
    assert not out
    assert code in EXIT_CODES
    assert not (tmp_path / "out").exists()


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert said(capsys)[0].strip() == f"tfp-index {tfp.__version__}"
    for command in ([], ["demo"], ["check"], ["growth"], ["report"]):
        assert main([*command, "--help"]) == 0
        out, _ = said(capsys)
        assert "examples:" in out
        assert "exit codes" in out


def test_a_numbered_unit_may_be_typed_as_text(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TABLE.replace("Quảng Ninh", "22").replace("Hải Phòng", "31")
    file.write_text(text, encoding="utf-8")
    call = ["growth", str(file), *COLUMNS, "--capital-share", "0.4", "--unit", "22", "--json"]
    assert main(call) == 0
    assert json.loads(said(capsys)[0])["periods"]["columns"]["entity"] == [22]


def test_warnings_of_the_library_reach_standard_error(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import warnings

    from tfp_index.cli import _growth

    def run(_: object) -> int:
        warnings.warn("the data\nare odd", tfp.DataWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(_growth, "check", run)
    assert main(["check", str(file)]) == 0
    assert one_line(said(capsys)[1]) == "tfp-index: warning: the data are odd\n"


def test_a_terminal_without_vietnamese_letters_gets_question_marks(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tfp_index.cli", "check", str(file), *COLUMNS, "--lang", "vi"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
    )
    assert b"2 ??n v?" in done.stdout  # đơn vị


def test_a_reader_that_stops_early_is_no_error(file: Path) -> None:
    from tfp_index.cli import _main, _terminal

    class Closed:
        encoding = "utf-8"

        def write(self, _: str) -> int:
            raise BrokenPipeError

    before = sys.stdout
    try:
        sys.stdout = Closed()  # type: ignore[assignment]
        assert _main.main(["check", str(file), *COLUMNS]) == 0
        _terminal.say("nobody hears this")
    finally:
        sys.stdout.close()
        sys.stdout = before


# demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the demonstration once, with the network out of reach."""
    folder = tmp_path_factory.mktemp("demo") / "tfp_demo"

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the demo reached for the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", no_network)
        assert main(["demo", "--out", str(folder)]) == 0
    return folder


def test_the_demo_writes_both_languages_and_the_numbers(demo: Path) -> None:
    names = sorted(str(p.relative_to(demo)) for p in demo.rglob("*") if p.is_file())
    assert {"data/report.json", "data/states_comparison.csv"} <= set(names)
    both = {f"report_{code}.{kind}" for code in ("vi", "en") for kind in ("html", "xlsx")}
    assert both <= set(names)
    assert not [name for name in names if "tmp" in name or name.startswith(".")]
    for code in ("vi", "en"):
        page = Page((demo / f"report_{code}.html").read_text(encoding="utf-8")).root
        assert page.find("html")[0].attributes["lang"] == code
        parts = page.find("main")[0].find("h2")
        said = ("Số liệu thật:", "Mô phỏng:") if code == "vi" else ("Real data:", "Simulated:")
        assert [sum(word in part.text for part in parts) for word in said] == [2, 1]
        assert len(page.find("figure")) == 12
        assert len(page.find("table")) == 27


def test_the_demo_walks_the_simulated_province(demo: Path) -> None:
    document = json.loads((demo / "data" / "report.json").read_text(encoding="utf-8"))
    province = document["sections"][2]
    keys = [section["key"] for section in province["sections"]]
    assert keys == ["estimators", "decomposition", "criteria", "levers", "plan"]
    table = province["sections"][0]["tables"]["estimators"]
    by_name = dict(zip(table["estimator"], table["correlation_with_truth"], strict=True))
    assert by_name["AckerbergCavesFrazer"] > 0.95 > by_name["CobbDouglas"]
    sim = tfp.datasets.simulate.province(1_000, 8, first_year=2016, rng=2026)
    frame = sim.frame()
    frame["true"] = sim.truth.productivity / (1 - sim.truth.by_row["materials"])
    panel = tfp.Panel.from_frame(frame, **{**sim.roles, "columns": {"true": "true"}})
    truth = tfp.Aggregation(relative="industry").fit(panel, "true").glance()["index_last"][0]
    assert table["tfp_index"][-1] == pytest.approx(truth, rel=1e-12)


def test_the_demo_states_its_scenario_and_shows_the_sensitivity(demo: Path) -> None:
    vi = Page((demo / "report_vi.html").read_text(encoding="utf-8")).root.text
    assert "Penn World Table 11.0 không có tỷ phần thu nhập của lao động" in vi
    assert "giả định tỷ phần vốn bằng 0,40" in vi
    assert "Đây là kịch bản, không phải số đo" in vi
    assert "nguồn thứ cấp, cần xác nhận" in vi
    document = json.loads((demo / "data" / "report.json").read_text(encoding="utf-8"))
    vietnam = {s["key"]: s for s in document["sections"][0]["sections"]}
    table = vietnam["sensitivity"]["tables"]["sensitivity"]
    assert sorted(set(table["capital_share"])) == [0.30, 0.37, 0.40, 0.50]
    lead = vietnam["headline"]["document"]
    whole = [
        tfp_growth
        for share, start, end, tfp_growth in zip(
            table["capital_share"], table["start"], table["end"], table["tfp_growth"], strict=True
        )
        if (share, start, end) == (0.40, lead["start"], lead["end"])
    ]
    assert whole == [pytest.approx(lead["tfp_growth"], abs=1e-15)]


def test_the_demo_agrees_with_the_library_called_by_hand(demo: Path) -> None:
    pwt = tfp.datasets.load("pwt110")
    rows = pwt[(pwt["country"] == "VNM") & (pwt["year"] >= 2010)].reset_index()
    years = len(rows) - 1
    g_y, g_k, g_l = (
        np.log(rows[c].iloc[-1] / rows[c].iloc[0]) / years
        for c in ("rgdpna", "rnna", "labor_input")
    )
    document = json.loads((demo / "data" / "report.json").read_text(encoding="utf-8"))
    lead = document["sections"][0]["sections"][0]["document"]
    assert lead["tfp_growth"] == pytest.approx(g_y - 0.4 * g_k - 0.6 * g_l, abs=1e-14)
    assert lead["tfp_index"] == pytest.approx(100 * np.exp(years * lead["tfp_growth"]), rel=1e-12)


def test_the_demo_tells_of_48_states(demo: Path) -> None:
    with (demo / "data" / "states_comparison.csv").open(encoding="utf-8", newline="") as stream:
        states = list(csv.DictReader(stream))
    assert len(states) == 48
    page = Page((demo / "report_en.html").read_text(encoding="utf-8")).root
    names = {n.text for n in page.find("th")}
    assert {"New Hampshire", "Massachusetts", "West Virginia", "Wyoming"} <= names
    assert "New Hampshi" not in names


def test_the_demo_in_one_language_says_the_headline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--out", str(tmp_path / "d"), "--lang", "vi"]) == 0
    out, _ = said(capsys)
    assert "Việt Nam 2010–2023, tỷ phần vốn 0,40 (kịch bản)" in out
    numbers = re.search(r"sản lượng ([\d,]+)%/năm = vốn ([\d,]+) .* ([\d,]+) .* ([\d,]+)", out)
    assert numbers is not None
    total, *parts = (float(n.replace(",", ".")) for n in numbers.groups())
    assert total == pytest.approx(sum(parts), abs=0.02)  # two decimals each
    assert not (tmp_path / "d" / "report_en.html").exists()


def test_the_demo_where_nothing_can_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "mkdtemp", denied)
    assert main(["demo"]) == 3
    _, err = said(capsys)
    assert "cannot write to tfp_demo: Permission denied" in one_line(err)
    assert "--out" in err
    assert list(tmp_path.iterdir()) == []


def test_presets_of_the_parser_are_those_of_the_method() -> None:
    from tfp_index.cli import _growth, _main

    assert _main._PRESETS == _growth.PRESETS
    for name in _growth.PRESETS:
        assert callable(getattr(tfp.GrowthAccounting, name))


def test_the_parser_starts_without_heavy_packages() -> None:
    code = (
        "import sys\nfrom tfp_index.cli import main\nmain(['--version'])\n"
        "print([m for m in ('pandas', 'matplotlib', 'jinja2', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
