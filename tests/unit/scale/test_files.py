"""Files as they are: names, separators, codes, types that differ between files."""

from __future__ import annotations

import gzip
import os
import stat
import tempfile

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.scale.examples import ROLES, Skewness, firms

pa = pytest.importorskip("pyarrow", reason="needs the extra io")
duckdb = pytest.importorskip("duckdb", reason="needs the extra io")

ENGINES = ("threads", "duckdb")


@pytest.fixture
def frame():
    return pd.DataFrame(firms(60))


def outcomes(source, roles=ROLES, partitions=3, **options):
    found = []
    for engine in ENGINES:
        try:
            job = tfp.scale.run(
                Skewness(), source, roles=roles, engine=engine, partitions=partitions, **options
            )
            context = job.result.context
            labels = {name: context.groups[name].tolist() for name in context.groups}
            found.append(
                (job.result.to_dict(), context.keyless_rows, context.entities, labels,
                 context.calendar.labels.tolist())
            )  # fmt: skip
        except tfp.TFPError as error:
            found.append(error.code)
    return found


def test_a_vietnamese_csv_has_decimal_commas_and_codes_with_zeros(frame, tmp_path):
    frame["firm"] = [f"0{number}" for number in frame["firm"]]
    frame["industry"] = "00" + (frame["year"] % 3).astype(str)
    frame.to_csv(tmp_path / "a.csv", sep=";", decimal=",", index=False, encoding="utf-8-sig")
    threads, spilled = outcomes(tmp_path / "a.csv")
    assert threads == spilled
    assert threads[3]["industry"] == ["000", "001", "002"]
    assert threads[0]["mean"] == pytest.approx(frame["Y"].mean(), rel=1e-12)


def test_codes_with_zeros_in_one_file_are_text_in_all(frame, tmp_path):
    frame["industry"] = frame["year"] - 2010
    frame.iloc[::2].to_csv(tmp_path / "1.csv", index=False)
    frame["industry"] = [f"{number:02d}" for number in frame["industry"]]
    frame.iloc[1::2].to_csv(tmp_path / "2.csv", index=False)
    threads, spilled = outcomes(tmp_path)
    assert threads == spilled
    assert {type(label) for label in threads[3]["industry"]} == {str}


def test_compressed_and_tab_separated(frame, tmp_path):
    text = frame.to_csv(index=False, lineterminator="\r\n").encode()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text))
    frame.to_csv(tmp_path / "b.tsv", sep="\t", index=False)
    first, second = outcomes(tmp_path / "a.csv.gz"), outcomes(tmp_path / "b.tsv")
    assert first[0] == first[1] == second[0] == second[1]


@pytest.mark.parametrize(
    "name",
    ['he said "x"', "it's", "$paths", "a, b", "`tick`", "Sản lượng", "=cmd", "<script>", "%s"],
)
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_names_of_columns_are_only_names(frame, tmp_path, name, kind):
    renamed = frame.rename(columns={"Y": name, "firm": f"{name} id"})
    if kind == "csv":
        renamed.to_csv(tmp_path / "a.csv", index=False)
    else:
        renamed.to_parquet(tmp_path / "a.parquet")
    roles = {**ROLES, "output": name, "entity": f"{name} id"}
    threads, spilled = outcomes(tmp_path, roles)
    assert threads == spilled
    assert threads[0]["n"] == len(frame)


def test_files_with_their_own_order_and_types_of_columns(frame, tmp_path):
    halves = frame.iloc[::2], frame.iloc[1::2]
    halves[0].to_parquet(tmp_path / "1.parquet", index=False)
    other = halves[1][halves[1].columns[::-1]].astype({"year": "int16", "K": "float32"})
    other.to_parquet(tmp_path / "2.parquet", index=False)
    threads, spilled = outcomes(tmp_path)
    assert threads == spilled
    assert threads[0]["n"] == len(frame)


def test_files_that_do_not_go_together_are_our_errors(frame, tmp_path):
    frame.to_parquet(tmp_path / "1.parquet")
    frame.drop(columns="Y").to_parquet(tmp_path / "2.parquet")
    assert outcomes(tmp_path) == ["unknown_column", "unknown_column"]
    frame.to_csv(tmp_path / "3.csv")
    assert outcomes(tmp_path) == ["mixed_file_types"] * 2
    assert outcomes(tmp_path / "nothing*.csv") == ["file_not_found"] * 2
    frame.to_csv(tmp_path / "4.csv", sep=";", decimal=",")
    assert outcomes(tmp_path / "[34].csv") == ["mixed_file_types"] * 2
    (tmp_path / "a.xlsx").write_bytes(b"")
    assert outcomes(tmp_path / "a.xlsx") == ["unknown_file_type"] * 2


def test_empty_files_are_our_errors(frame, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"")
    assert set(outcomes(tmp_path / "a.csv")) <= {"unreadable_file", "unknown_column"}
    frame.iloc[:0].to_csv(tmp_path / "b.csv", index=False)
    frame.iloc[:0].to_parquet(tmp_path / "b.parquet")
    assert outcomes(tmp_path / "b.csv") == ["empty_table"] * 2
    assert outcomes(tmp_path / "b.parquet") == ["empty_table"] * 2
    (tmp_path / "c.csv").write_bytes(b"firm,year,Y,K,industry\n1,2020,1.5,2\xff\xfe,x\n" * 3)
    assert all(isinstance(code, str) for code in outcomes(tmp_path / "c.csv"))


def test_a_relation_and_an_arrow_stream_are_read_as_they_come(frame):
    with duckdb.connect() as connection:
        connection.register("firms", frame)
        base = tfp.scale.run(Skewness(), frame, roles=ROLES, partitions=4)
        relation = connection.sql("SELECT * FROM firms")
        job = tfp.scale.run(Skewness(), relation, roles=ROLES, engine="duckdb", partitions=4)
        assert job.result.to_dict() == base.result.to_dict()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    stream = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(50))
    job = tfp.scale.run(Skewness(), stream, roles=ROLES, engine="duckdb", partitions=4)
    assert job.result.to_dict() == base.result.to_dict()
    with pytest.raises(tfp.DataError, match="no column 'y'"):
        tfp.scale.run(
            Skewness(),
            pa.RecordBatchReader.from_batches(table.schema, table.to_batches()),
            roles={**ROLES, "output": "y"},
            engine="duckdb",
            partitions=4,
        )


def test_columns_that_are_empty_in_one_partition_have_one_type_in_all(tmp_path):
    from tfp_index.panel.files import write_file
    from tfp_index.scale.manifest import align_schemas

    pq = pytest.importorskip("pyarrow.parquet")
    none, mixed = np.array([None, None], object), np.array(["a", None], object)
    write_file({"firm": np.array([1, 2]), "note": none}, tmp_path / "1.parquet")
    write_file({"firm": mixed, "note": mixed}, tmp_path / "2.parquet")
    align_schemas(tmp_path)
    table = pq.read_table(tmp_path)
    assert table["firm"].to_pylist() == ["1", "2", "a", None]
    assert table["note"].to_pylist() == [None, None, "a", None]


def hostile_cases():
    from tests.contract.test_hostile import IDS, TIMES, TYPES, VALUES

    def base():
        return pd.DataFrame(
            {
                "firm": np.repeat(["A", "B", "C", "D"], 3),
                "year": [2001, 2002, 2003] * 4,
                "Y": np.arange(1.0, 13.0),
                "K": np.arange(2.0, 14.0),
                "industry": ["x", "y"] * 6,
            }
        )

    cells = [("Y", v) for v in VALUES if v != 1e308] + [("firm", v) for v in IDS]
    cells += [("industry", v) for v in IDS] + [("year", v) for v in TIMES]
    for column, value in cells:
        frame = base().astype({column: object})
        frame.at[4, column] = value
        yield f"{column} {str(value)[:12]!r}", frame
    for column in ("firm", "year", "Y", "industry"):
        for kind in TYPES:
            frame = base()
            frame["firm"] = frame["firm"].map({"A": 1, "B": 2, "C": 3, "D": 4})
            frame["industry"] = frame["industry"].map({"x": 1, "y": 0})
            try:
                yield f"{column} as {kind}", frame.astype({column: kind})
            except (TypeError, ValueError):
                continue
    yield "twice", pd.concat([base(), base()])
    yield "two columns", pd.concat([base(), base()[["Y"]]], axis=1)
    yield "one row", base().iloc[:1]
    yield "no rows", base().iloc[:0]
    yield "no keys", base().assign(firm=None)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_hostile_frames_give_our_errors_or_the_counts_of_memory():
    disagreed = []
    for name, frame in hostile_cases():
        with np.errstate(all="ignore"):
            threads, spilled = outcomes(frame)
        try:
            panel = tfp.Panel.from_frame(frame, **ROLES)
            memory = (len(panel), len(panel.keyless_rows), panel.n_entities)
        except tfp.TFPError as error:
            memory = error.code
        seen = threads if isinstance(threads, str) else (threads[0]["n"], *threads[1:3])
        streamed = spilled if isinstance(spilled, str) else (spilled[0]["n"], *spilled[1:3])
        if seen != memory or (streamed != memory and spilled != "mixed_types"):
            disagreed.append((name, memory, seen, streamed))
    # Arrow has no objects: an infinity among whole years makes the column one of fractions
    assert [name for name, *_ in disagreed] == ["year 'inf'"]


@pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")
@pytest.mark.parametrize("out", [True, False])
def test_what_is_spilled_stands_in_the_folder_of_the_run(frame, tmp_path, monkeypatch, out):
    """Rows of enterprises in a common folder of the machine would be there for others to read."""
    frame.to_parquet(tmp_path / "firms.parquet")
    common = tmp_path / "common"
    common.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(common))
    modes, kept = set(), set()

    def mode(path):
        return stat.S_IMODE(path.stat().st_mode)

    def look(done, total):
        modes.update(map(mode, common.iterdir()))
        kept.update(path.name for path in (tmp_path / "out" / ".work").glob("*/")
                    if path.is_dir() and mode(path) == 0o700)  # fmt: skip

    place = {"out": tmp_path / "out"} if out else {}
    tfp.scale.run(
        Skewness(), tmp_path / "firms.parquet", roles=ROLES, engine="duckdb", partitions=3,
        on_progress=look, **place,
    )  # fmt: skip
    assert modes == (set() if out else {0o700})
    assert {"partitions", "rounds"} <= kept or not out
    assert not list(common.iterdir())
