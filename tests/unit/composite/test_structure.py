from __future__ import annotations

import pickle

import pytest

from tfp_index.composite.structure import Structure, StructureError, row_of, rows_from_meta

GOOD = [
    {"code": "index"},
    {"code": "a", "parent": "index", "weight": 2},
    {"code": "x", "parent": "a", "goalposts": [0, 10]},
    {"code": "y", "parent": "a", "direction": -1},
    {"code": "z", "parent": "index"},
]


def faults(rows: list[dict]) -> dict[str, str]:
    with pytest.raises(StructureError) as caught:
        Structure.from_rows(rows)
    for place, text in caught.value.faults:
        assert f"{place}: {text}" in str(caught.value)
    return dict(caught.value.faults)


def test_order_and_levels() -> None:
    tree = Structure.from_rows(GOOD)
    assert [(n.code, n.level) for n in tree.nodes] == [
        ("x", 1), ("y", 1), ("z", 1), ("a", 2), ("index", 3)
    ]  # fmt: skip
    assert tree.child_codes("index") == ("a", "z")
    assert tree.index.code == "index"
    assert tree.nodes[0].goalposts == (0.0, 10.0)
    rows = [row_of(tree.nodes[tree.position[row["code"]]]) for row in GOOD]
    assert Structure.from_rows(rows).nodes == tree.nodes


def test_removal_takes_empty_branches_along() -> None:
    tree = Structure.from_rows(GOOD)
    assert [row["code"] for row in tree.without("a")] == ["z", "index"]
    only = Structure.from_rows([row for row in GOOD if row["code"] != "y"])
    assert [row["code"] for row in only.without("x")] == ["z", "index"]


def test_all_faults_at_once() -> None:
    found = faults(
        [
            {"code": "index"},
            {"code": "x", "parent": "nowhere"},
            {"code": "y", "parent": "index", "direction": 2, "weigth": 1},
            {"code": "u", "parent": "index", "goalposts": [3, 3]},
            {"code": "v", "parent": "index", "weight": -1, "target": "high"},
            {"parent": "index"},
        ]
    )
    assert found["x"] == "its parent 'nowhere' is not there"
    assert found["u"] == "goalposts 3 and 3 do not ascend"
    assert found["row 6"] == "code is None, not a name"
    assert set(found) == {"x", "y", "u", "v", "row 6"}


def test_unknown_keys_are_refused_with_the_nearest() -> None:
    found = faults([{"code": "i"}, {"code": "x", "parent": "i", "weigth": 1}])
    assert "did you mean 'weight'" in found["x"]


@pytest.mark.parametrize(
    "rows",
    [
        [{"code": "a", "parent": "b"}, {"code": "b", "parent": "a"}],
        [{"code": "a", "parent": "a"}],
        [
            {"code": "index"},
            {"code": "x", "parent": "index"},
            {"code": "a", "parent": "c"},
            {"code": "b", "parent": "a"},
            {"code": "c", "parent": "b"},
        ],
    ],
)
def test_circles(rows: list[dict]) -> None:
    found = faults(rows)
    assert any("circle" in text for text in found.values())


def test_roots_weights_doubles() -> None:
    assert "exactly one node" in faults([{"code": "a"}, {"code": "b"}])["structure"]
    assert faults([{"code": "a"}])["a"] == "the index has no indicators below it"
    assert faults([])["structure"] == "it is empty"
    zero = [{"code": "i"}, {"code": "x", "parent": "i", "weight": 0}]
    assert faults(zero)["i"] == "all its children have weight zero"
    twice = [{"code": "i"}, {"code": "x", "parent": "i"}, {"code": "x", "parent": "i"}]
    assert faults(twice)["x"] == "this code is used twice"


def test_deep_trees_do_not_exhaust_the_stack() -> None:
    rows = [{"code": "n0"}]
    rows += [{"code": f"n{i}", "parent": f"n{i - 1}"} for i in range(1, 3000)]
    assert Structure.from_rows(rows).index.level == 3000


def test_the_error_survives_a_process_boundary() -> None:
    with pytest.raises(StructureError) as caught:
        Structure.from_rows([{"code": "a"}])
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.faults == caught.value.faults
    assert copy.to_dict()["faults"] == [["a", "the index has no indicators below it"]]


def test_metadata_tables() -> None:
    nan = float("nan")
    rows = rows_from_meta(
        {
            "iCode": ["x", "a", "Index", "pop", "region"],
            "Parent": ["a", "Index", None, None, None],
            "Level": [1.0, 2.0, 3.0, nan, nan],
            "Direction": [-1.0, 1.0, 1.0, nan, nan],
            "Type": ["Indicator", "Aggregate", "Aggregate", "Denominator", "Group"],
            "GoalpostLow": [0.0, nan, nan, nan, nan],
            "GoalpostHigh": [9.0, nan, nan, nan, nan],
            "Source": ["office", "", "", "", ""],
        }
    )
    assert [row["code"] for row in rows] == ["x", "a", "Index"]
    assert rows[0]["goalposts"] == (0.0, 9.0)
    with pytest.raises(StructureError, match="no column 'iCode'"):
        rows_from_meta({"icode": ["x"], "Parent": ["Index"]})
    with pytest.raises(StructureError, match="level 2 is not below the level 1"):
        rows_from_meta({"iCode": ["x", "I"], "Parent": ["I", None], "Level": [2.0, 1.0]})
