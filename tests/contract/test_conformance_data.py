"""What every specification promises of the table it is given: library, labels, sizes, order."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.contract.examples import Example
from tests.contract.test_conformance import every, numbers, same
from tfp_index.errors import listening
from tfp_index.kernels import blocks, two_stage_design
from tfp_index.results.result import RowValues

ORDER = 1e-8
"""Sums over blocks of another size have another order; nothing else may change."""
ROOT = 1e-14
"""Objective and correlation at a root are rounding."""


def as_mapping(frame: pd.DataFrame):
    return {str(name): frame[name].to_numpy() for name in frame.columns}


def renamed_roles(roles, names):
    """Return roles whose columns are called by other names."""

    def other(value):
        if isinstance(value, dict):
            return {role: names.get(column, column) for role, column in value.items()}
        return names.get(value, value) if isinstance(value, str) else value

    kept = ("frequency", "vintage")
    return {role: value if role in kept else other(value) for role, value in roles.items()}


@every
def test_arrow_gives_the_same(example: Example):
    pa = pytest.importorskip("pyarrow")
    same(example.fit(), example.fit(pa.Table.from_pandas(example.frame)), 0.0)


@every
def test_duckdb_gives_the_same(example: Example):
    duckdb = pytest.importorskip("duckdb")
    same(example.fit(), example.fit(duckdb.from_df(example.frame)), 0.0)


@every
def test_a_mapping_of_arrays_gives_the_same(example: Example):
    same(example.fit(), example.fit(as_mapping(example.frame)), 0.0)


@every
def test_the_index_of_the_frame_does_not_matter(example: Example):
    labels = np.zeros(len(example.frame), int)  # the same label for every row
    same(example.fit(), example.fit(example.frame.set_axis(labels, axis=0)), 0.0)


@every
def test_columns_that_no_role_names_do_not_matter(example: Example):
    ours = ["entity", "productivity", "index", "level_0", "time", "output", "TFP tổng hợp"]
    spare = [name for name in ours if name not in example.frame.columns]
    frame = example.frame.assign(**dict.fromkeys(spare, "<script>"))
    same(example.fit(), example.fit(frame), 0.0)


@every
def test_names_of_columns_do_not_matter(example: Example):
    said = json.dumps([example.spec.to_dict(), list(example.fit_options)], ensure_ascii=False)
    keys = [example.roles.get(name) for name in ("entity", "time", "item")]
    keys += example.roles.get("groups", {}).values()  # these head columns of the result
    names = {  # a specification may name a column where it takes roles
        str(c): f"cột {i} = <b>"
        for i, c in enumerate(example.frame.columns)
        if f'"{c}"' not in said and c not in keys
    }
    frame = example.frame.rename(columns=names)
    same(example.fit(), example.fit(frame, **renamed_roles(example.roles, names)), 0.0)


@every
def test_missing_columns_are_named(example: Example):
    column = example.roles["time"]
    with pytest.raises(tfp.DataError) as error:
        example.fit(example.frame.drop(columns=column))
    assert error.value.column == column
    assert error.value.remedy


@every
@pytest.mark.parametrize("kind", ["no rows", "one row", "one entity", "one period", "few rows"])
def test_small_tables_are_fitted_or_refused_in_our_words(example: Example, kind):
    frame = example.frame
    entity, time = frame[example.roles["entity"]], frame[example.roles["time"]]
    small = {
        "no rows": frame.iloc[:0],
        "one row": frame.iloc[:1],
        "one entity": frame[entity == entity.iloc[0]],
        "one period": frame[time == time.iloc[0]],
        "few rows": frame.iloc[:5],
    }[kind]
    try:
        with listening():
            result = example.fit(small)
    except tfp.TFPError as error:
        assert error.code != "error"  # noqa: PT017
        assert error.remedy or error.expected or error.column  # noqa: PT017
        return
    assert kind != "no rows"
    assert result.sample.rows == len(small)
    assert result.sample.balanced
    json.dumps(result.to_dict(), allow_nan=False)


@every
def test_an_infinite_figure_is_refused_or_counted(example: Example):
    for column in example.frame.select_dtypes("number").columns:
        if column in (example.roles["entity"], example.roles["time"]):
            continue
        frame = example.frame.astype({column: float})
        frame.iloc[0, frame.columns.get_loc(column)] = np.inf
        try:
            with listening():
                result = example.fit(frame)
        except tfp.TFPError as error:
            assert error.code != "error"  # noqa: PT017
        else:
            assert result.sample.balanced


@every
def test_rows_come_back_in_the_callers_library_and_order(example: Example):
    pl = pytest.importorskip("polars")
    result = example.fit(pl.from_pandas(example.frame))
    entity = example.roles["entity"]
    for value in vars(result).values():
        if isinstance(value, RowValues) and value.values:
            frame = value.to_frame()
            assert isinstance(frame, pl.DataFrame)
            assert frame[entity].to_list() == example.frame[entity].tolist()


@every
def test_results_can_be_copied(example: Example):
    result = example.fit()
    same(result, copy.deepcopy(result), 0.0)


@every
def test_block_size_and_threads_do_not_matter(example: Example, monkeypatch):
    before = numbers(example.fit())
    monkeypatch.setattr(blocks, "default_threads", lambda: 3)
    monkeypatch.setitem(blocks.map_blocks.__kwdefaults__, "size", 37)
    for function in (blocks.blocks, two_stage_design.firm_blocks):
        monkeypatch.setattr(function, "__defaults__", (37,))
    after = numbers(example.fit())
    assert before.keys() == after.keys()
    for name, values in before.items():
        scale = np.nanmax(np.abs(values), initial=0.0)
        np.testing.assert_allclose(
            after[name], values, rtol=ORDER, atol=max(1e-12 * scale, ROOT), err_msg=name
        )


def test_the_suite_has_at_least_thirty_checks():
    here = Path(__file__).parent
    text = "".join(path.read_text(encoding="utf-8") for path in here.glob("test_*.py"))
    assert text.count("\n@every\n") >= 30
