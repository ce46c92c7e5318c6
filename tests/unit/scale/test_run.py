"""Partitioned runs: same digits from every engine on one machine, and errors that help."""

from __future__ import annotations

import json
import logging
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.scale.examples import ROLES, Skewness, expected, firms
from tfp_index.scale._hashing import hash_labels, hash_numbers, hash_text, partition_of
from tfp_index.scale.manifest import read_manifest
from tfp_index.scale.run import parse_memory
from tfp_index.scale.task import Sum, add

pa = pytest.importorskip("pyarrow", reason="needs the extra io")
pq = pytest.importorskip("pyarrow.parquet")

SUMS = 1e-12  # sums in another order


@pytest.fixture(scope="module")
def frame():
    return firms()


@pytest.fixture(scope="module")
def folder(frame, tmp_path_factory):
    path = tmp_path_factory.mktemp("firms")
    table = pd.DataFrame(frame)
    for number in range(3):
        table.iloc[number::3].to_parquet(path / f"{number}.parquet")
    table.to_csv(path / "all.csv", index=False)
    return path


def sources(frame, folder):
    table = pd.DataFrame(frame)
    return {
        "mapping": frame,
        "pandas": table,
        "arrow": pa.table(table),
        "parquet": f"{folder}/*.parquet",
        "csv": folder / "all.csv",
        "list": sorted(folder.glob("*.parquet")),
    }


@pytest.mark.parametrize("engine", ["threads", "duckdb"])
@pytest.mark.parametrize("source", ["mapping", "pandas", "arrow", "parquet", "csv", "list"])
def test_every_source_gives_the_same_digits(frame, folder, engine, source):
    n, mean, skewness = expected(frame)
    base = tfp.scale.run(Skewness(), frame, roles=ROLES, partitions=7)
    job = tfp.scale.run(
        Skewness(), sources(frame, folder)[source], roles=ROLES, engine=engine, partitions=7
    )
    assert (job.partitions, job.rounds, job.result.n) == (7, 2, n)
    assert job.result.mean == base.result.mean  # the same sums in the same order
    assert job.result.skewness == base.result.skewness
    assert job.record.fingerprint == base.record.fingerprint
    assert job.result.mean == pytest.approx(mean, rel=SUMS)
    assert job.result.skewness == pytest.approx(skewness, rel=SUMS)


def test_processes_give_the_same_digits(frame, folder):
    base = tfp.scale.run(Skewness(), frame, roles=ROLES, partitions=7)
    job = tfp.scale.run(
        Skewness(), f"{folder}/*.parquet", roles=ROLES, engine="processes", partitions=7
    )
    assert job.result.to_dict() == base.result.to_dict()
    assert job.record.fingerprint == base.record.fingerprint


@pytest.mark.parametrize("partitions", [1, 2, 7, 64])
@pytest.mark.parametrize("text", [False, True])
def test_the_number_of_partitions_does_not_matter(partitions, text):
    frame = firms(text=text)
    n, mean, skewness = expected(frame)
    found = tfp.scale.run(Skewness(), frame, roles=ROLES, partitions=partitions).result
    assert found.n == n
    assert found.mean == pytest.approx(mean, rel=SUMS)
    assert found.skewness == pytest.approx(skewness, rel=SUMS)
    by = pd.Series(frame["Y"]).groupby(frame["industry"]).sum()
    np.testing.assert_allclose(found.by[1:], by.to_numpy(), rtol=SUMS)
    assert found.by[0] == 0
    assert found.context.labels("industry").tolist() == sorted(by.index)
    years = pd.Series(frame["year"]).value_counts().sort_index()
    assert found.periods.tolist() == years.tolist()
    assert found.context.entities == len(set(frame["firm"].tolist()))


def test_the_order_of_rows_does_not_change_the_fingerprint_but_a_value_does(frame):
    order = np.random.default_rng(3).permutation(frame["Y"].size)
    shuffled = {name: values[order] for name, values in frame.items()}
    changed = {**frame, "Y": frame["Y"].copy()}
    changed["Y"][0] = np.nextafter(changed["Y"][0], np.inf)
    prints = [
        tfp.scale.run(Skewness(), f, roles=ROLES, partitions=p).record.fingerprint
        for f, p in ((frame, 1), (shuffled, 5), (changed, 1))
    ]
    assert prints[0] == prints[1] != prints[2]


def test_rows_are_written_by_partition_with_record_and_manifest(frame, folder, tmp_path):
    job = tfp.scale.run(
        Skewness(), folder / "all.csv", roles=ROLES, engine="duckdb", partitions=5, out=tmp_path
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "manifest.json",
        "record.json",
        "result.json",
        "rows",
    ]
    rows = pq.read_table(tmp_path / "rows").to_pandas().sort_values(["firm", "year"])
    table = pd.DataFrame(frame).sort_values(["firm", "year"])
    np.testing.assert_array_equal(rows["doubled"].to_numpy(), 2 * table["Y"].to_numpy())
    np.testing.assert_array_equal(rows["firm"].to_numpy(), table["firm"].to_numpy())
    assert job.manifest is not None
    job.manifest.verify()
    assert set(job.manifest.files) == {
        "record.json",
        "result.json",
        *(f"rows/part-{number:05d}.parquet" for number in range(5)),
    }
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert record["fingerprint"] == job.record.fingerprint
    assert record["sample"]["rows"] == frame["Y"].size
    (tmp_path / "rows" / "part-00002.parquet").write_bytes(b"something else")
    with pytest.raises(tfp.FileError, match="not the file that the run wrote"):
        read_manifest(tmp_path).verify()


def test_rows_without_keys_are_counted_wherever_they_stand(frame):
    table = pd.DataFrame(frame).astype({"firm": object, "year": object})
    table.loc[table.index[:3], "firm"] = None
    table.loc[table["firm"] == 1007, "year"] = None  # an entity without any time
    lost = int(table["firm"].isna().sum() + (table["firm"] == 1007).sum())
    for partitions in (1, 7, 300):
        job = tfp.scale.run(Skewness(), table, roles=ROLES, partitions=partitions)
        assert job.result.context.keyless_rows == lost
        assert job.result.context.rows == len(table)
        assert job.result.n == len(table) - lost
        assert job.record.sample.balanced


def test_dates_are_counted_alike_in_every_partition():
    firm = np.repeat(np.arange(40), 3)
    # half of the firms report in January only, half in March and June
    dates = np.where(firm % 2, "2020-01-01", "2020-03-01").astype("datetime64[D]")
    dates = dates + np.tile([0, 92, 184], 40).astype("timedelta64[D]") * (firm % 2 == 0)
    dates[firm % 2 == 1] = np.tile(["2019-01-01", "2020-01-01", "2021-01-01"], 20)
    frame = {"firm": firm, "year": dates, "Y": firm + 1.0}
    roles = {"entity": "firm", "time": "year", "output": "Y"}
    for partitions in (1, 7):
        context = tfp.scale.run(
            Skewness(), frame, roles=roles, partitions=partitions
        ).result.context
        panel = tfp.Panel.from_frame(frame, **roles)
        assert context.calendar.frequency == panel.keys.calendar.frequency
        np.testing.assert_array_equal(context.calendar.numbers, panel.keys.calendar.numbers)


def test_an_executor_of_the_caller_is_used_and_left_open(frame):
    with ThreadPoolExecutor(3) as pool:
        job = tfp.scale.run(Skewness(), frame, roles=ROLES, partitions=4, client=pool)
        assert pool.submit(int, 1).result() == 1
    assert job.partitions == 4


def test_progress_counts_partitions(frame):
    seen = []
    tfp.scale.run(
        Skewness(), frame, roles=ROLES, partitions=3, on_progress=lambda *c: seen.append(c)
    )
    assert seen[-1] == (9, 9)  # the first look, a sum, a write
    assert all(0 <= done <= total for done, total in seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"engine": "duckbd"}, "unknown_engine"),
        ({"partitions": 0}, "bad_option"),
        ({"partitions": 2.5}, "bad_option"),
        ({"memory": "2 gigs", "engine": "duckdb"}, "bad_option"),
        ({"memory": "10MB", "engine": "duckdb"}, "bad_option"),
        ({"memory": "2GiB"}, "bad_option"),
        ({"client": object()}, "bad_option"),
        ({"resume": True}, "bad_option"),
        ({"roles": {"entity": "firm", "time": "year", "outptu": "Y"}}, "unknown_role"),
        ({"roles": {"entity": "firm"}}, "missing_role"),
        ({"roles": None}, "bad_option"),
        ({"roles": {**ROLES, "output": "y"}}, "unknown_column"),
        ({"roles": {**ROLES, "output": "unused"}}, "not_a_number"),
        ({"roles": {**ROLES, "output": "unused"}, "engine": "duckdb"}, "not_a_number"),
        ({"roles": {**ROLES, "output": "y"}, "engine": "duckdb"}, "unknown_column"),
        ({"spec": tfp.CapitalServices()}, "not_partitioned"),
        ({"spec": "GrowthAccounting"}, "not_a_specification"),
        ({"source": "/nowhere/*.parquet"}, "file_not_found"),
        ({"source": {"firm": [], "year": [], "Y": [], "K": [], "industry": []}}, "empty_table"),
        ({"partitions": 1000, "engine": "duckdb"}, "too_many_partitions"),
    ],
)
def test_what_is_wrong_is_said_before_work_begins(frame, changes, code):
    given = {"spec": Skewness(), "source": frame, "roles": ROLES, "partitions": 2, **changes}
    with pytest.raises(tfp.TFPError) as caught:
        tfp.scale.run(given.pop("spec"), given.pop("source"), **given)
    assert caught.value.code == code
    assert pickle.loads(pickle.dumps(caught.value)).code == code


def test_text_among_numbers_is_named_with_its_row_in_the_whole_table(frame, tmp_path):
    table = pd.DataFrame(frame).astype({"Y": object})
    table.loc[table.index[1500], "Y"] = "=cmd"
    table.to_csv(tmp_path / "bad.csv", index=False)
    for engine, source in (("threads", table), ("duckdb", tmp_path / "bad.csv")):
        with pytest.raises(tfp.DataError) as caught:
            tfp.scale.run(Skewness(), source, roles=ROLES, engine=engine, partitions=5)
        assert caught.value.code == "not_a_number"
        assert caught.value.column == "Y"


@pytest.mark.parametrize("engine", ["threads", "duckdb"])
def test_an_error_in_a_partition_ends_the_run(frame, engine, tmp_path):
    table = pd.DataFrame(frame)
    table.loc[::5, "K"] = 0.0  # in every partition
    roles = {"entity": "firm", "time": "year", "output": "Y", "capital": "K"}
    spec = tfp.GrowthAccounting(capital_share=1.0)
    with pytest.raises(tfp.DataError) as caught:
        tfp.scale.run(spec, table, roles=roles, engine=engine, partitions=40, out=tmp_path)
    assert (caught.value.code, caught.value.column) == ("non_positive", "K")
    assert caught.value.entity in set(table["firm"])
    assert [path.name for path in tmp_path.iterdir()] == [".work"]


def test_a_damaged_file_is_our_error(tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no parquet")
    for engine in ("threads", "duckdb"):
        with pytest.raises(tfp.FileError) as caught:
            tfp.scale.run(Skewness(), tmp_path / "bad.parquet", roles=ROLES, engine=engine)
        assert caught.value.code == "unreadable_file"


def test_an_entity_larger_than_the_memory_is_refused():
    from tfp_index.scale.engines._budget import Budget
    from tfp_index.scale.sources import read_roles

    budget = Budget.of(parse_memory("1GiB"), read_roles(ROLES))
    assert budget.workers(100_000, 64) == 4
    assert budget.workers(1_000_000, 64) == 1
    with pytest.raises(tfp.SpecificationError, match="too little"):
        budget.workers(100_000_000, 2)
    rows = 100_000_000
    assert budget.partitions(10 * rows) == pytest.approx(10 * budget.partitions(rows), abs=10)


def test_hashes_are_the_known_ones():
    fnv = 0xCBF29CE484222325
    for byte in "Hạ Long".encode():
        fnv = (fnv ^ byte) * 0x100000001B3 % 2**64
    assert hash_text(["Hạ Long".encode()])[0] == hash_numbers(np.array([fnv], np.uint64))[0]
    labels = np.array(["", "a", "Hạ Long", "x" * 3000], object)
    assert len(set(hash_labels(labels).tolist())) == 4
    one = hash_labels(np.array([1], np.int64))[0]
    assert all(hash_labels(np.array([v], object))[0] == one for v in (1, 1.0, True, np.int64(1)))
    part = partition_of(hash_numbers(np.arange(100_000)), np.zeros(100_000, bool), 64)
    assert np.bincount(part).min() > 0.85 * 100_000 / 64


def test_sums_of_different_make_do_not_add_up():
    for a, b in (
        (1, "x"),
        ("x", "y"),
        ((1,), (1, 2)),
        (np.ones(2), np.ones(3)),
        (None, 1),
        ([], []),
    ):
        with pytest.raises(tfp.SpecificationError, match="do not add up"):
            add(a, b)
    assert add((1, {"a": np.ones(2)}), (2, {"a": np.ones(2)}))[1]["a"].tolist() == [2, 2]


def test_a_task_travels():
    task = Sum(expected, (1,))
    assert pickle.loads(pickle.dumps(task)) == task


def test_a_run_leaves_structured_log_records(frame, tmp_path, caplog):
    given = {"roles": ROLES, "partitions": 3, "out": tmp_path / "out"}
    calls = iter(range(100))

    def stop(done, total):
        if next(calls) == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tfp.scale.run(Skewness(), frame, on_progress=stop, **given)
    caplog.clear()  # whatever level the logger had, only the second run counts
    with caplog.at_level(logging.INFO, logger="tfp_index"):
        job = tfp.scale.run(Skewness(), frame, resume=True, **given)
    begin, *rounds, end = [r for r in caplog.records if r.name == "tfp_index.scale.run"]
    assert (begin.event, begin.method, begin.engine) == ("run_begin", "Skewness", "threads")
    assert begin.resumed is True
    assert [r.event for r in rounds] == ["round"] * 3
    assert [r.round for r in rounds] == [0, 1, 2]
    assert [r.partitions for r in rounds] == [3] * 3
    assert rounds[0].step == "survey"
    assert rounds[1].kept > 0
    assert rounds[2].kept == 0
    assert (end.event, end.rounds, end.fingerprint) == ("run", 2, job.record.fingerprint)
    assert end.sample == job.record.sample.to_dict()
