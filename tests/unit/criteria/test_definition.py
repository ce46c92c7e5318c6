from __future__ import annotations

from pathlib import Path

import pytest

from tfp_index.composite.structure import StructureError
from tfp_index.criteria._toml import LARGEST_FILE
from tfp_index.criteria.criteria_set import BUNDLED, CriteriaSet
from tfp_index.criteria.definition import parse
from tfp_index.criteria.measures import MEASURES, measures
from tfp_index.errors import FileError

HEAD = """
[set]
code = "mine"
version = "1"
status = "proposal"
name_vi = "Bộ của tôi"
name_en = "My set"
label_vi = "đề xuất"
label_en = "proposal"

[[pillar]]
code = "p"
name_vi = "Trụ cột"
name_en = "Pillar"
"""

INDICATOR = """
[[indicator]]
code = "{code}"
parent = "{parent}"
name_vi = "Tên"
name_en = "Name"
definition_vi = "Định nghĩa"
definition_en = "Definition"
unit_vi = "%"
unit_en = "%"
direction = "up"
measure = "value"
inputs = {{ value = "{code}" }}
source_vi = "ở đây"
source_en = "here"
status = "proposal"
"""


def indicator(code: str, parent: str = "p", **changes: str | None) -> str:
    text = INDICATOR.format(code=code, parent=parent)
    for key, value in changes.items():
        lines = [line for line in text.splitlines() if not line.startswith(f"{key} =")]
        text = "\n".join([*lines, *([] if value is None else [f"{key} = {value}"]), ""])
    return text


def faults(text: str) -> dict[str, str]:
    with pytest.raises(StructureError) as caught:
        CriteriaSet.from_text(text, "test")
    for place, what in caught.value.faults:
        assert f"{place}: {what}" in str(caught.value)
    return dict(caught.value.faults)


def test_a_small_set() -> None:
    cs = CriteriaSet.from_text(HEAD + indicator("x"))
    assert cs.code == "mine"
    assert cs.name("vi") == "Bộ của tôi"
    assert cs.name_of("p", "en") == "Pillar"
    assert [i.code for i in cs.indicators] == ["x"]
    assert cs.columns() == ("x",)


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sets_are_proposals_with_sources_in_two_languages(name: str) -> None:
    cs = CriteriaSet.load(name)
    assert cs.status == "proposal"
    assert cs.label("vi").startswith("đề xuất")
    assert cs.label("en").startswith("proposal")
    assert len(cs.indicators) == {"province": 24, "enterprise": 19}[name]
    for i in cs.indicators:
        assert len(i.source["vi"]) > 15
        for texts in (i.name, i.definition, i.unit, i.source):
            assert texts["vi"]
            assert texts["en"]
        assert i.name["vi"] != i.name["en"]
        assert i.definition["vi"] != i.definition["en"]
        assert i.source["vi"] != i.source["en"]
    table = cs.table("vi")
    assert len(table) == len(cs.indicators)
    assert cs.index().describe().startswith("CompositeIndex(")


def test_a_saved_copy_is_the_same_set(tmp_path: Path) -> None:
    path = CriteriaSet.load("province").save(tmp_path / "mine.toml")
    copy = CriteriaSet.load(path)
    assert copy.parsed == CriteriaSet.load("province").parsed
    edited = path.read_text(encoding="utf-8").replace("goalposts = [0, 55]", "goalposts = [0, 60]")
    path.write_text(edited, encoding="utf-8")
    assert CriteriaSet.load(path)["tfp_share"].goalposts == (0.0, 60.0)


def test_all_faults_at_once_with_their_place() -> None:
    text = (
        HEAD
        + indicator("orphan", "nowhere")
        + indicator("code", measure='"__import__"')
        + indicator("half", name_en=None)
        + indicator("low", goalposts="[5, 5]", direction='"sideways"')
        + indicator("extra", wieght="1")
        + indicator("Bad Code")
        + '[[criterion]]\ncode = "c"\nparent = "d"\nname_vi = "a"\nname_en = "b"\n'
        + '[[criterion]]\ncode = "d"\nparent = "c"\nname_vi = "a"\nname_en = "b"\n'
        + "[unknown]\n"
    )
    found = faults(text)
    assert found["indicator 'orphan'"] == "its parent 'nowhere' is not there"
    assert "'__import__' is not known" in found["indicator 2 'code'"]
    assert "out of step" in found["indicator 3 'half'"]
    assert found["indicator 4 'low'"] == "goalposts 5 and 5 do not ascend"
    assert "did you mean 'weight'" in found["indicator 5 'extra'"]
    assert "lower-case letters" in found["indicator 6 'Bad Code'"]
    assert "circle" in found["criterion 'c'"]
    assert "circle" in found["criterion 'd'"]
    assert "unknown table 'unknown'" in found["file"]


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", "set", "there is no [set]"),
        (HEAD, "indicator", "there is no [[indicator]]"),
        (HEAD + indicator("x", "index"), "indicator 'x'", "hangs from a pillar"),
        (HEAD + indicator("x") + indicator("x"), "indicator 'x'", "used twice"),
        (HEAD + indicator("x", weight="0.3") + indicator("y", weight="0.3"), "p", "sum to 0.6"),
        (HEAD + indicator("x", weight="1.0") + indicator("y"), "p", "to all or to none"),
        (
            HEAD + indicator("x", direction='"context"', weight="1.0") + indicator("y"),
            "indicator 'x'",
            "it is context",
        ),
        (HEAD + indicator("x", inputs="{ valve = 'x' }"), "indicator 1 'x'", "'valve'"),
        (HEAD + indicator("x", inputs="{ value = 3 }"), "indicator 1 'x'", "name a column"),
        (HEAD + indicator("x", parameters="{ scale = 3 }"), "indicator 1 'x'", "no parameter"),
        (HEAD + indicator("x", source_vi='""'), "indicator 1 'x'", "source_vi"),
        (HEAD + indicator("x", weight="nan"), "indicator 1 'x'", "not a number"),
        (HEAD + '[[pillar]]\ncode = "q"\nname_vi = "a"\nname_en = "b"\n' + indicator("x"),
         "pillar 'q'", "nothing hangs from it"),
        (HEAD + indicator("x", normalize='"minmaxx"'), "method", "minmaxx"),
        (HEAD + "[method]\nnormalize = 'zscore'\naggregate = 'geometric'\n" + indicator("x"),
         "method", "zero or negative"),
        (HEAD + "[method]\nstructure = []\n" + indicator("x"), "method", "unknown key"),
        (HEAD + "[method]\nscale = 3\n" + indicator("x"), "method", ""),
        (HEAD.replace('"proposal"\nname', '"law"\nname') + indicator("x"), "set", "'law'"),
    ],
)  # fmt: skip
def test_single_faults(text: str, place: str, what: str) -> None:
    found = faults(text)
    assert place in found, found
    assert what in found[place]


def test_parameters_are_checked_against_the_measure() -> None:
    text = HEAD + indicator(
        "x",
        measure='"tfp_share_of_growth"',
        inputs='{ output = "y", capital = "k", labor = "l" }',
        parameters="{ capital_share = 1.4, years = 2.5 }",
    )
    with pytest.raises(StructureError) as caught:
        parse(text, "test")
    assert "capital_share 1.4" in str(caught.value)
    assert "years 2.5" in str(caught.value)


def test_nesting_has_an_end() -> None:
    chain = "".join(
        f'[[criterion]]\ncode = "c{i}"\nparent = "{f"c{i - 1}" if i else "p"}"\n'
        f'name_vi = "a"\nname_en = "b"\n'
        for i in range(40)
    )
    found = faults(HEAD + chain + indicator("x", "c39"))
    assert "levels deep" in found["criterion 'c39'"]
    deep = HEAD + "[method]\nweights = " + "{a=" * 2000 + "1" + "}" * 2000
    with pytest.raises((FileError, StructureError)):
        CriteriaSet.from_text(deep)


def test_code_markup_and_paths_are_text() -> None:
    hostile = '"<script>alert(1)</script> =cmd|calc ../../etc/passwd {{7*7}} $(rm -rf /)"'
    cs = CriteriaSet.from_text(HEAD + indicator("x", name_vi=hostile, source_vi=hostile))
    assert cs["x"].name["vi"].startswith("<script>")
    assert "<script>" not in cs.table("vi")._repr_html_()
    long = '"' + "a" * 5000 + '"'
    assert "no text of 1 to" in faults(HEAD + indicator("x", source_en=long))["indicator 1 'x'"]


def test_files(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no criteria set"):
        CriteriaSet.load("provinces")
    with pytest.raises(FileError, match="no criteria set"):
        CriteriaSet.load(tmp_path)
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (LARGEST_FILE + 1))
    with pytest.raises(FileError, match="at most"):
        CriteriaSet.load(large)
    broken = tmp_path / "broken.toml"
    broken.write_text("[set\n", encoding="utf-8")
    with pytest.raises(FileError, match="not valid TOML"):
        CriteriaSet.load(broken)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match="UTF-8"):
        CriteriaSet.load(broken)


def test_every_measure_is_documented() -> None:
    table = measures()
    assert table["measure"].tolist() == list(MEASURES)
    assert all(len(text) > 10 for text in table["description"])
    assert all(table["formula"])
