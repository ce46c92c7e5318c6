"""What a service relies on: schemas, Arrow streams, errors as data, log records, threads."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.contract.test_conformance import CASES, every, numbers
from tests.contract.test_house import FILES, NAMES
from tfp_index.errors import listening, warn
from tfp_index.kernels import blocks, two_stage_design
from tfp_index.results.schema import public_methods

jsonschema = pytest.importorskip("jsonschema", reason="schemas are checked with jsonschema")


def valid(document, name=None) -> None:
    schema = tfp.json_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(document)))


@every
def test_specifications_follow_their_schema(example):
    name = type(example.spec).__name__
    document = example.spec.to_dict()
    valid(document, name)
    document["options"]["no_such_option"] = 1
    with pytest.raises(jsonschema.ValidationError, match="no_such_option"):
        valid(document, name)


def test_one_schema_holds_all_methods():
    valid(tfp.GrowthAccounting().to_dict())
    with pytest.raises(jsonschema.ValidationError):
        valid({"method": "Nonsense", "options": {}})


@pytest.mark.parametrize("name", public_methods())
def test_schemas_are_described_and_their_defaults_valid(name):
    schema = tfp.json_schema(name)
    assert len(schema["description"]) > 20
    for option, part in schema["properties"]["options"]["properties"].items():
        assert part.get("description") or "enum" in json.dumps(part), option
        if "default" in part:
            jsonschema.Draft202012Validator(part).validate(part["default"])


@every
def test_values_outside_the_schema_are_refused_by_the_method_as_well(example):
    schema = tfp.json_schema(type(example.spec))
    for option, part in schema["properties"]["options"]["properties"].items():
        if "enum" in part:
            document = example.spec.to_dict()
            document["options"][option] = "no such value"
            with pytest.raises(tfp.SpecificationError):
                tfp.spec_from_dict(document)


def test_unknown_documents_are_refused_by_name():
    with pytest.raises(tfp.SpecificationError, match="AckerbergCavesFraser") as error:
        tfp.json_schema("AckerbergCavesFraser")
    assert "AckerbergCavesFrazer" in error.value.remedy


@every
def test_results_follow_their_schema(example):
    valid(example.fit().to_dict(), "result")


@pytest.mark.parametrize(
    "place", [np.int64(3), np.float64("nan"), pd.Timestamp("2020-01-01"), "Hạ Long", None, ("a", 1)]
)
def test_errors_follow_their_schema(place):
    error = tfp.DataError("x is wrong", code="bad", column="x", entity=place, time=place)
    valid(error.to_dict(), "error")


@every
def test_arrow_streams_come_in_and_go_out(example):
    pa = pytest.importorskip("pyarrow")
    frame = pa.RecordBatchReader.from_stream(pa.Table.from_pandas(example.frame))
    result = example.fit(frame)
    table = pa.table(result.tidy())
    assert table.num_rows == len(result.tidy())
    rows = getattr(result, "productivity", None)
    if hasattr(rows, "keys"):
        back = pa.table(rows)
        assert back.column_names == list(rows.to_frame("pyarrow").column_names)
        assert back.num_rows == len(example.frame)


def test_a_fit_leaves_a_structured_log_record(caplog):
    frame = {"id": ["A", "A"], "year": [2019, 2020], "y": [1.0, 1.1], "k": [2.0, 2.1]}
    panel = tfp.Panel.from_frame(frame, entity="id", time="year", output="y", capital="k")
    with caplog.at_level(logging.INFO, logger="tfp_index"):
        result = tfp.GrowthAccounting(shares={"capital": 1.0}).fit(panel)
    (record,) = [r for r in caplog.records if getattr(r, "event", None) == "fit"]
    assert record.method == "GrowthAccounting"
    assert record.sample == result.sample.to_dict()
    assert record.fingerprint == panel.fingerprint
    assert json.dumps(record.sample)


def test_nobody_hears_the_log_unasked(capfd):
    logging.getLogger("tfp_index").warning("not for the terminal")
    assert capfd.readouterr().err == ""


def test_sixteen_threads_fit_at_once_and_agree():
    examples = [case.values[0] for case in CASES]
    alone = []
    for example in examples:
        with listening():
            alone.append(numbers(example.fit()))
    start = threading.Barrier(16)

    def run(worker: int) -> list[str]:
        wrong = []
        start.wait()
        for step in range(len(examples)):  # each thread in an order of its own
            place = (step * 7 + worker * 3) % len(examples)
            with listening():
                found = numbers(examples[place].fit())
            for name, values in alone[place].items():
                if not np.array_equal(values, found[name], equal_nan=True):
                    wrong.append(f"{type(examples[place].spec).__name__}.{name}")
        return wrong

    with ThreadPoolExecutor(16) as pool:
        assert [w for wrong in pool.map(run, range(16)) for w in wrong] == []


def test_threads_do_not_hear_each_others_warnings():
    heard_here: list[str] = []
    ready, done = threading.Event(), threading.Event()

    def listener() -> None:
        with listening() as heard:
            ready.set()
            done.wait(10)
            heard_here.extend(text for _, text in heard)

    thread = threading.Thread(target=listener)
    thread.start()
    ready.wait(10)
    with pytest.warns(tfp.DataWarning, match="for the main thread"):
        warn("for the main thread", tfp.DataWarning)
    done.set()
    thread.join()
    assert heard_here == []


def test_no_fit_changes_how_the_process_treats_warnings():
    """``catch_warnings`` sets a filter for the whole process: nothing behind a fit may use it."""
    users = [
        name
        for name, path in zip(NAMES, FILES, strict=True)
        if "catch_warnings" in path.read_text(encoding="utf-8") and not name.startswith("cli/")
    ]
    assert users == ["errors.py"]  # where the docstring says why not


@pytest.mark.parametrize("size", [100, 700])
@pytest.mark.parametrize("threads", [1, 3])
def test_block_size_and_threads_do_not_move_estimates(size, threads, monkeypatch):
    """Blocks change the order of sums, nothing else: 1e-9 of every estimate."""
    sim = tfp.datasets.simulate.acf2015(firms=300, rng=5)
    panel = sim.panel()
    specs = [
        tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=1),
        tfp.LevinsohnPetrin(basis_degree=2),
        tfp.CobbDouglas(inputs=("labor", "capital"), effects="entity"),
    ]
    with listening():
        before = [np.asarray(s.fit(panel).params) for s in specs]
        monkeypatch.setattr(blocks, "default_threads", lambda: threads)
        monkeypatch.setitem(blocks.map_blocks.__kwdefaults__, "size", size)
        for function in (blocks.blocks, two_stage_design.firm_blocks):
            monkeypatch.setattr(function, "__defaults__", (size,))
        after = [np.asarray(s.fit(panel).params) for s in specs]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
