from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.panel.calendar import read_calendar
from tfp_index.panel.frames import FrameReader, build_frame, factorize


def frame(**columns):
    base = {"id": ["B", "A", "B", "A"], "year": [2001, 2000, 2000, 2001], "y": [4.0, 1.0, 3.0, 2.0]}
    return pd.DataFrame({**base, **columns})


def panel(data, **roles):
    return tfp.Panel.from_frame(data, **{"entity": "id", "time": "year", "output": "y", **roles})


def test_rows_are_sorted_and_come_back_in_the_callers_order():
    p = panel(frame())
    assert p["output"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert p.entity_labels.tolist() == ["A", "B"]
    back = p.keys.to_frame({"y": p["output"]})
    pd.testing.assert_frame_equal(back, frame(), check_dtype=False)


def test_sorted_input_is_not_copied_and_stays_protected():
    values = np.arange(4.0)
    p = panel({"id": [1, 1, 2, 2], "year": [1, 2, 1, 2], "y": values})
    assert np.shares_memory(p["output"], values)
    with pytest.raises(ValueError, match="read-only"):
        p["output"][0] = 9.0
    values[0] = 5.0  # the caller's own array stays writable


@pytest.mark.parametrize(
    "ids",
    [
        ["Hạ Long", "Cẩm Phả", "Hạ Long", "Cẩm Phả"],
        [2, 1, 2, 1],
        [2.0, 1.0, 2.0, 1.0],
        [10**15, -3, 10**15, -3],
        ["x", 1, "x", 1],
        pd.Categorical(["b", "a", "b", "a"]),
        pd.array([2, 1, 2, 1], dtype="Int64"),
    ],
)
def test_any_kind_of_id(ids):
    p = panel(frame(id=ids))
    assert p.n_entities == 2
    back = p.keys.to_frame({"y": p["output"]})
    assert back["y"].tolist() == [4.0, 1.0, 3.0, 2.0]
    assert [str(v) for v in back["id"]] == [str(v).removesuffix(".0") for v in ids]


@pytest.mark.parametrize(
    ("times", "frequency", "lags"),
    [
        (["2020Q4", "2021Q1"], "quarter", [-1, 0]),
        (["2020-12", "2021-01"], "month", [-1, 0]),
        (["2020-12-31", "2021-12-31"], "year", [-1, 0]),
        (["2020-03-31", "2020-06-30"], "quarter", [-1, 0]),
        (["2020-03-31", "2020-04-30"], "month", [-1, 0]),
        (["2020-03-30", "2020-03-31"], "day", [-1, 0]),
        (["2020", "2021"], "year", [-1, 0]),
        ([dt.date(2020, 1, 1), dt.date(2021, 1, 1)], "year", [-1, 0]),
        (pd.to_datetime(["2020-12-31", "2021-12-31"]), "year", [-1, 0]),
        (pd.period_range("2020Q4", periods=2, freq="Q"), "quarter", [-1, 0]),
        ([2020.0, 2021.0], "integer", [-1, 0]),
    ],
)
def test_times_in_many_forms(times, frequency, lags):
    data = pd.DataFrame({"id": ["A", "A"], "year": times, "y": [1.0, 2.0]})
    p = panel(data)
    assert p.keys.calendar.frequency == frequency
    assert p.lag().tolist() == lags
    back = p.keys.to_frame({})
    assert [str(v)[:10] for v in back["year"]] == [str(v)[:10].removesuffix(".0") for v in times]


def test_quarters_by_their_last_day():
    days = np.array(["2020-03-31", "2020-06-30", "2020-09-30"], "datetime64[D]")
    numbers, missing, calendar = read_calendar(days, "t")
    assert calendar.frequency == "quarter"
    assert np.diff(numbers).tolist() == [1, 1]
    assert not missing.any()


@pytest.mark.parametrize("bad", ["soon", "2020Q5", "2020-13", "20", "2020-02-30"])
def test_what_is_no_period_is_refused(bad):
    with pytest.raises(tfp.DataError, match="not a period") as error:
        panel(pd.DataFrame({"id": ["A"], "year": [bad], "y": [1.0]}))
    assert error.value.column == "year"


def test_gaps_give_missing_lags_and_steps_are_respected():
    data = pd.DataFrame({"id": ["A"] * 4, "year": [2000, 2005, 2010, 2016], "y": np.ones(4)})
    assert panel(data).lag().tolist() == [-1, -1, -1, -1]
    assert panel(data, step=5).lag().tolist() == [-1, 0, 1, -1]
    assert panel(data, step=5).lag(2).tolist() == [-1, -1, 0, -1]


def test_item_is_a_third_key():
    data = pd.DataFrame(
        {
            "id": ["A"] * 4,
            "asset": ["ict", "other", "ict", "other"],
            "year": [2000, 2000, 2001, 2001],
            "y": [1.0, 10.0, 2.0, 20.0],
        }
    )
    p = panel(data, item="asset")
    assert p["output"].tolist() == [1.0, 2.0, 10.0, 20.0]
    assert p.lag().tolist() == [-1, 0, -1, 2]
    assert p.offsets.tolist() == [0, 2, 4]
    pd.testing.assert_frame_equal(
        p.keys.to_frame({"y": p["output"]})[list(data.columns)], data, check_dtype=False
    )


def test_rows_without_a_key_are_counted_and_come_back_empty():
    data = frame(id=["B", None, "B", "A"])
    p = panel(data)
    assert p.n_rows == 3
    assert p.keyless_rows == (1,)
    back = p.keys.to_frame({"y": p["output"]})
    assert back["y"].isna().tolist() == [False, True, False, False]


def test_an_entity_that_only_has_keyless_rows_disappears():
    data = pd.DataFrame({"id": ["A", "B"], "year": [2000, None], "y": [1.0, 2.0]})
    p = panel(data)
    assert p.entity_labels.tolist() == ["A"]
    assert p.offsets.tolist() == [0, 1]


def test_unknown_column_names_the_nearest():
    with pytest.raises(tfp.DataError, match=r"did you mean 'year'") as error:
        panel(frame(), time="yaer")
    assert error.value.code == "unknown_column"
    assert error.value.column == "yaer"


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        ({"columns": {"output": "y2"}}, "role_twice"),
        ({"inputs": {"capital": "y2"}, "capital": "z"}, "role_twice"),
        ({"capital": "y"}, "column_twice"),
        ({"output": "year"}, "column_twice"),
        ({"output": 3}, "not_a_name"),
        ({"step": 0}, "bad_step"),
        ({"output": "text"}, "not_a_number"),
    ],
)
def test_roles_that_contradict_themselves(roles, code):
    data = frame(y2=1.0, z=1.0, text="1,5")
    with pytest.raises(tfp.DataError) as error:
        panel(data, **roles)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (pd.DataFrame({"id": [], "year": [], "y": []}), "empty_table"),
        (pd.DataFrame({"id": [None], "year": [2000], "y": [1.0]}), "missing_key"),
        (pd.DataFrame([[1, 2, 3, 4]], columns=["id", "year", "y", "y"]), "duplicate_columns"),
        ([1, 2, 3], "not_a_frame"),
        ({"id": [1], "year": [2000, 2001], "y": [1.0]}, "ragged_columns"),
    ],
)
def test_tables_that_cannot_be_read(data, code):
    with pytest.raises(tfp.DataError) as error:
        panel(data)
    assert error.value.code == code


def test_a_column_named_like_ours_survives():
    data = frame().rename(columns={"id": "tfp_growth", "year": "output"})
    p = tfp.Panel.from_frame(data, entity="tfp_growth", time="output", output="y")
    back = p.keys.to_frame({"tfp_growth": p["output"]})
    assert list(back.columns) == ["tfp_growth", "output", "tfp_growth_"]


def test_missing_role_and_group_say_what_there_is():
    p = panel(frame(), groups={"kind": "id"})
    with pytest.raises(tfp.DataError, match="available: 'output'"):
        p["capital"]
    with pytest.raises(tfp.DataError, match="available: 'kind'"):
        p.group("industry")
    assert p.group("kind").labels.tolist() == ["A", "B"]
    assert p.group("kind").codes.tolist() == [0, 0, 1, 1]


def test_log_names_the_first_bad_value():
    p = panel(frame(y=[4.0, 1.0, -3.0, 2.0]))
    with pytest.raises(tfp.DataError) as error:
        p.log("output")
    assert (error.value.entity, error.value.time, error.value.column) == ("B", 2000, "y")
    assert np.isnan(panel(frame(y=[4.0, np.nan, 3.0, 2.0])).log("output")[0])
    assert panel(frame(), logs=True).log("output").tolist() == [1.0, 2.0, 3.0, 4.0]


def test_fingerprint_ignores_row_order_but_not_values():
    data = frame()
    assert panel(data).fingerprint == panel(data.iloc[::-1]).fingerprint
    assert panel(data).fingerprint != panel(frame(y=[4.0, 1.0, 3.0, 2.5])).fingerprint
    assert panel(data).fingerprint != panel(frame(id=["C", "A", "C", "A"])).fingerprint


def test_factorize_is_independent_of_order_and_type():
    values = np.array([3, "b", None, 1, "a", 3], object)
    codes, labels = factorize(values)
    assert labels.tolist() == [1, 3, "a", "b"]
    assert codes.tolist() == [1, 3, -1, 0, 2, 1]


def test_reader_takes_decimals_nulls_and_booleans():
    reader = FrameReader(pd.DataFrame({"b": [True, False], "x": pd.array([1, None], "Int64")}))
    assert reader.numbers("b").tolist() == [1.0, 0.0]
    assert np.isnan(reader.numbers("x")[1])


def test_unknown_backend():
    with pytest.raises(tfp.SpecificationError, match="did you mean 'pandas'"):
        build_frame({"x": np.ones(1)}, "panda")


def test_calendar_answers_for_labels():
    p = panel(frame())
    calendar = p.keys.calendar
    assert calendar.number(2001) == 2001
    assert calendar.number(1990) == 1990  # outside the data, but a year all the same
    assert calendar.write(1990) == 1990
    with pytest.raises(tfp.DataError, match="between 2000 and 2001"):
        calendar.number("never")


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_writing_into_a_frame_leaves_the_result_as_it_was(order):
    frame = pd.DataFrame(
        {"id": ["A", "A", "B", "B"], "year": [1, 2, 1, 2], "i": [1.0, 2.0, 3.0, 4.0]}
    ).iloc[order]
    panel = tfp.Panel.from_frame(frame, entity="id", time="year", investment="i")
    result = tfp.PerpetualInventory(depreciation=0.1, initial="fixed_ratio", ratio=2.0).fit(panel)
    before, text = result.to_frame(), panel.keys.time.copy()
    written = result.to_frame()
    for name in written.columns[1:]:
        written.loc[:, name] = 7
    written.loc[written.index[0], "id"] = "C"
    pd.testing.assert_frame_equal(result.to_frame(), before)
    assert panel.keys.time.tolist() == text.tolist()
    assert panel["investment"].tolist() == [1.0, 2.0, 3.0, 4.0]
