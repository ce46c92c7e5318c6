from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfp_index as tfp
from tfp_index.panel import quang_ninh
from tfp_index.panel.concordance import VSIC_2025_SECTIONS
from tfp_index.panel.sme_size import SIZES, size_classes

OLD_TO_NEW = pd.DataFrame(
    {
        "old": ["193", "193", "203", "207"],
        "new": ["06652", "06685", "06994", "07192"],
        "share": [0.4, 0.6, 1.0, 1.0],
    }
)


def concordance(frame=OLD_TO_NEW, weight="share"):
    return tfp.Concordance.from_frame(frame, "old", "new", weight, effective="2025-07-01")


def test_sums_are_distributed_and_kept():
    c = concordance()
    found = c.allocate({"193": 50.0, "207": 3.0})
    assert found == pytest.approx({"06652": 20.0, "06685": 30.0, "07192": 3.0})
    with pytest.raises(tfp.DataError, match="'999'"):
        c.allocate({"999": 1.0})


@given(st.integers(0, 2**32 - 1))
def test_there_and_back_keeps_sums(seed):
    rng = np.random.default_rng(seed)
    weights = rng.random((4, 5)) * (rng.random((4, 5)) < 0.6)
    weights[np.arange(4), np.arange(4)] += 0.5
    weights[0, 4] += 0.5
    weights /= weights.sum(axis=1, keepdims=True)
    i, j = np.nonzero(weights)
    table = {"old": [f"o{a}" for a in i], "new": [f"n{b}" for b in j], "share": weights[i, j]}
    c = concordance(table)
    sizes = dict(zip((f"o{a}" for a in range(4)), rng.random(4) + 0.1, strict=True))
    ahead = c.allocate(sizes)
    assert sum(ahead.values()) == pytest.approx(sum(sizes.values()))
    again = c.backward(sizes).allocate(ahead)
    assert again == pytest.approx(sizes)


def test_chains_multiply_weights():
    second = tfp.Concordance.from_frame(
        {"a": ["06652", "06652", "06685", "06994", "07192"], "b": ["x", "y", "y", "x", "z"],
         "w": [0.5, 0.5, 1.0, 1.0, 1.0]}, "a", "b", "w", effective="2030-01-01",
    )  # fmt: skip
    chained = concordance().then(second)
    assert chained.allocate({"193": 10.0}) == pytest.approx({"x": 2.0, "y": 8.0})
    with pytest.raises(tfp.DataError, match="not a code"):
        second.then(concordance())


def test_splits_are_listed():
    table = concordance().split()
    assert table["source"].tolist() == ["193"]
    assert table["targets"].tolist() == [2]
    assert table["largest_weight"].tolist() == [0.6]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"share": [0.4, 0.5, 1.0, 1.0]}, "weights_not_one"),
        ({"share": [-0.4, 1.4, 1.0, 1.0]}, "bad_weight"),
        ({"share": [np.nan, 0.6, 1.0, 1.0]}, "bad_weight"),
        ({"new": ["06652", "06652", "06994", "07192"]}, "pair_twice"),
        ({"old": ["193", None, "203", "207"]}, "missing_code"),
    ],
)
def test_tables_that_cannot_be_right(change, code):
    with pytest.raises(tfp.DataError) as error:
        concordance(OLD_TO_NEW.assign(**change))
    assert error.value.code == code


def test_a_split_without_weights_is_no_silent_choice():
    with pytest.raises(tfp.DataError) as error:
        concordance(weight=None)
    assert error.value.code == "no_weights"
    one_to_one = OLD_TO_NEW[OLD_TO_NEW["old"] != "193"]
    assert concordance(one_to_one, weight=None).allocate({"203": 2.0}) == {"06994": 2.0}


def test_a_day_is_a_day():
    with pytest.raises(tfp.SpecificationError):
        tfp.Concordance.from_frame(OLD_TO_NEW, "old", "new", "share", effective="mid 2025")


def test_leading_zeros_count():
    c = tfp.Concordance.from_frame(
        {"o": ["01", "1"], "n": ["a", "b"]}, "o", "n", effective="2025-01-01"
    )
    assert c.allocate({"01": 1.0}) == {"a": 1.0}


def test_a_panel_across_the_change_is_brought_to_the_new_map():
    frame = pd.DataFrame(
        {
            "firm": [1, 1, 2, 2, 3, 3, 4],
            "year": [2024, 2026, 2024, 2026, 2024, 2026, 2024],
            "place": ["193", "06685", "203", "06994", "555", "07192", None],
            "y": 1.0,
        }
    )
    panel = tfp.Panel.from_frame(
        frame, entity="firm", time="year", output="y", groups={"place": "place"}
    )
    found = concordance().harmonize(panel, "place", first_period=2026)
    category = found.panel.group("place")
    labels = [None if c < 0 else category.labels[c] for c in category.codes.tolist()]
    assert labels == ["06685", "06685", "06994", "06994", None, "07192", None]
    report = dict(zip(found.report["what"], found.report["rows"], strict=True))
    assert report == {
        "in target codes already": 3,
        "mapped to one target": 1,
        "mapped to the largest of several targets": 1,
        "code unknown": 1,
        "no code": 1,
    }
    assert panel.group("place").labels.tolist() != category.labels.tolist()
    assert found.panel.fingerprint == panel.fingerprint


# --- what is bundled ---------------------------------------------------------------------------


def test_quang_ninh_before_and_after():
    districts, communes = quang_ninh.units("district"), quang_ninh.units()
    assert len(districts) == 13
    assert len(communes) == 54
    kinds = pd.Series(communes["type"]).value_counts().to_dict()
    assert kinds == {"phường": 30, "xã": 22, "đặc khu": 2}
    assert len(set(communes["code"])) == 54
    assert len(set(communes["name"])) == 54
    assert {c[:2] for c in communes["code"]} <= {"06", "07"}
    assert all(len(c) == 5 and c.isdigit() for c in communes["code"])
    shared = set(communes["name"]) & set(districts["name"])
    assert {"Hạ Long", "Uông Bí", "Cẩm Phả", "Cô Tô", "Vân Đồn"} <= shared  # names repeat
    assert "1679/NQ-UBTVQH15" in communes.notes[0]


def test_an_allocation_of_quang_ninh_is_checked_against_its_units():
    table = {"huyện": ["Cô Tô", "203"], "đơn vị": ["07192", "Vân Đồn"]}
    c = tfp.Concordance.quang_ninh(table, "huyện", "đơn vị")
    assert c.allocate({"207": 1.0, "203": 2.0}) == {"07192": 1.0, "06994": 2.0}
    assert c.effective == "2025-07-01"
    with pytest.raises(tfp.DataError, match="Hạ Lonh") as error:
        tfp.Concordance.quang_ninh({"a": ["Hạ Lonh"], "b": ["06652"]}, "a", "b")
    assert "Hạ Long" in error.value.remedy
    with pytest.raises(tfp.DataError, match="commune"):
        tfp.Concordance.quang_ninh({"a": ["193"], "b": ["12345"]}, "a", "b")


def test_vsic_versions_have_their_own_sections():
    assert len(VSIC_2025_SECTIONS) == 22
    c = tfp.Concordance.vsic({"a": ["K64", "C10"], "b": ["L64", "C10"]}, "a", "b")
    assert c.source_name == "VSIC 2018"
    assert c.effective == "2025-11-15"
    with pytest.raises(tfp.DataError, match="VSIC 2018"):
        tfp.Concordance.vsic({"a": ["V99"], "b": ["V99"]}, "a", "b")
    with pytest.raises(tfp.DataError, match="VSIC 2025"):
        tfp.Concordance.vsic({"a": ["C10"], "b": ["W10"]}, "a", "b")


# --- size classes ------------------------------------------------------------------------------

NAN = float("nan")


@pytest.mark.parametrize(
    ("labor", "revenue", "capital", "trade", "size"),
    [
        (10, 3, NAN, False, "siêu nhỏ"),  # exactly at both limits
        (11, 3, NAN, False, "nhỏ"),
        (10, 3.1, 3, False, "siêu nhỏ"),  # revenue above, capital at the limit: or
        (10, 3.1, 3.1, False, "nhỏ"),
        (100, 60, 20, False, "nhỏ"),  # or
        (100, 50, 21, False, "nhỏ"),
        (100, 60, 21, False, "vừa"),
        (101, 10, 10, False, "vừa"),
        (200, 200, 500, False, "vừa"),
        (200, 201, 100, False, "vừa"),
        (150, 250, 120, False, "lớn"),
        (201, 1, 1, False, "lớn"),
        (10, 10, 5, True, "siêu nhỏ"),
        (10, 11, 4, True, "nhỏ"),
        (50, 100, 60, True, "nhỏ"),
        (51, 100, 50, True, "vừa"),
        (100, 300, 200, True, "vừa"),
        (100, 301, 101, True, "lớn"),
        (101, 1, 1, True, "lớn"),
    ],
)
def test_size_classes_at_their_boundaries(labor, revenue, capital, trade, size):
    found = size_classes(
        np.array([labor], float), np.array([revenue], float), np.array([capital], float),
        np.array([trade]),
    )  # fmt: skip
    assert SIZES[found[0]] == size


@pytest.mark.parametrize(
    ("labor", "revenue", "capital", "place"),
    [
        (NAN, 1, 1, -1),
        (5, NAN, NAN, -1),
        (5, 4, NAN, -1),  # capital could still make it micro
        (5, NAN, 2, 0),  # capital alone decides
        (300, NAN, NAN, 3),  # large whatever the money
        (NAN, 500, 500, 3),
    ],
)
def test_what_is_missing_leaves_open_only_what_it_decides(labor, revenue, capital, place):
    found = size_classes(
        np.array([labor], float), np.array([revenue], float), np.array([capital], float),
        np.array([False]),
    )  # fmt: skip
    assert found[0] == place


@given(st.integers(0, 2**32 - 1))
def test_more_of_anything_never_makes_an_enterprise_smaller(seed):
    rng = np.random.default_rng(seed)
    labor, revenue, capital = rng.exponential([[80], [90], [50]], (3, 50))
    trade = rng.random(50) < 0.5
    base = size_classes(labor, revenue, capital, trade)
    for more in ((1.3, 1, 1), (1, 1.3, 1), (1, 1, 1.3)):
        grown = size_classes(labor * more[0], revenue * more[1], capital * more[2], trade)
        assert (grown >= base).all()


def test_a_panel_gets_its_size_classes():
    frame = pd.DataFrame(
        {
            "firm": [1, 2, 3, 4],
            "year": 2024,
            "section": ["C10", "G46", "C10", None],
            "sales": [3000.0, 9000.0, 60_000.0, 1.0],
            "people": [10.0, 10.0, 100.0, 1.0],
            "assets": [2500.0, 99_000.0, 20_000.0, 1.0],
        }
    )
    panel = tfp.Panel.from_frame(
        frame, entity="firm", time="year", output="sales", labor="people",
        columns={"total_capital": "assets"}, groups={"industry": "section"},
    )  # fmt: skip
    sized = tfp.with_sme_size(panel, unit=0.001)
    size = sized.group("size")
    labels = [None if c < 0 else size.labels[c] for c in size.codes.tolist()]
    assert labels == ["siêu nhỏ", "siêu nhỏ", "nhỏ", None]
    assert "size" not in panel.groups
    table = tfp.Aggregation(weight="labor", by="size", given="level").fit(sized, "output")
    assert "nhỏ" in set(table.to_frame()["size"])


def test_labels_that_are_no_sections_are_refused():
    frame = {"firm": [1], "year": [1], "s": ["10"], "y": [1.0], "l": [1.0]}
    panel = tfp.Panel.from_frame(
        frame, entity="firm", time="year", output="y", labor="l", groups={"industry": "s"}
    )
    with pytest.raises(tfp.DataError, match="letter of a VSIC section"):
        tfp.with_sme_size(panel, unit=1.0)
