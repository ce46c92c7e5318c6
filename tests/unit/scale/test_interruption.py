"""Runs that are killed, cancelled or meet a full disk: nothing half written, same bytes later."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.scale.examples import ROLES, Skewness, firms
from tfp_index.scale import manifest
from tfp_index.scale.manifest import WorkFolder

pytest.importorskip("pyarrow", reason="needs the extra io")
pytest.importorskip("duckdb", reason="needs the extra io")

ROOT = Path(__file__).resolve().parents[3]
PARTITIONS = 12

CHILD = """
import resource, signal, sys
import tfp_index as tfp
from tests.unit.scale.examples import ROLES, Skewness
source, out, engine, limit = sys.argv[1:5]
import pandas, pyarrow.parquet, duckdb, narwhals.stable.v2
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
print("ready", flush=True)
try:
    tfp.scale.run(Skewness(pause=0.02), source, roles=ROLES, engine=engine, partitions=12, out=out,
                  resume=True, on_progress=lambda done, total: print(done, flush=True))
except tfp.TFPError as error:
    print(error.code, flush=True)
    sys.exit(3)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("firms")
    table = pd.DataFrame(firms(2_000))
    for number in range(3):
        table.iloc[number::3].to_parquet(path / f"{number}.parquet")
    return path


def start(folder, out, engine="duckdb", limit=0):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, f"{folder}/*.parquet", str(out), engine, str(limit)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def end(child):
    with child.stdout:
        said = child.stdout.read().split()
    return child.wait(400), said


def contents(out):
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def visible(out):
    return sorted(p.name for p in out.iterdir()) if out.is_dir() else []


def undisturbed(folder, out, engine="duckdb"):
    child = start(folder, out, engine)
    code, said = end(child)
    assert code == 0
    return len(said)


def killed_and_resumed(folder, tmp_path, times, engine="duckdb"):
    steps = undisturbed(folder, tmp_path / "whole", engine)
    whole = contents(tmp_path / "whole")
    rng = random.Random(11)
    moments = []
    for number in range(times):
        out = tmp_path / f"killed{number}"
        child = start(folder, out, engine)
        for _ in range(rng.randrange(steps)):
            child.stdout.readline()
        time.sleep(rng.random() * 0.03)
        alive = child.poll() is None
        child.send_signal(signal.SIGKILL)
        end(child)
        if alive and not (out / "manifest.json").is_file():
            assert set(visible(out)) <= {".work", "rows", "record.json", "result.json"}
            moments.append(len(list(out.rglob("*.sums"))))
        code, said = end(start(folder, out, engine))
        assert code == 0 or said[-1] == "run_finished"
        assert contents(out) == whole
    return moments


def test_a_killed_run_resumes_to_the_same_bytes(folder, tmp_path):
    assert killed_and_resumed(folder, tmp_path, 2)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["duckdb", "threads", "processes"])
def test_ten_killed_runs_resume_to_the_same_bytes(folder, tmp_path, engine):
    moments = killed_and_resumed(folder, tmp_path, 10, engine)
    assert len(set(moments)) > 2  # they were killed at different stages


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to see the workers")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_the_run_and_leave_nothing(folder, tmp_path, number):
    child = start(folder, tmp_path / "out", "processes")
    for _ in range(16):
        child.stdout.readline()
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    assert children
    child.send_signal(number)
    end(child)
    patience = time.monotonic() + 60
    while any(Path(f"/proc/{worker}").exists() for worker in children):
        assert time.monotonic() < patience
        time.sleep(0.1)
    assert visible(tmp_path / "out") == [".work"]
    if number == signal.SIGINT:
        assert not list((tmp_path / "out").rglob("*.tmp"))


def stop_after(count, error):
    def callback(done, total):
        if done >= count:
            raise error

    return callback


@pytest.mark.parametrize("count", [0, 1, 8, 14, 30, 36])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("stop")])
def test_a_cancelled_run_leaves_nothing_half_written(folder, tmp_path, count, error):
    given = {"roles": ROLES, "engine": "duckdb", "partitions": PARTITIONS, "out": tmp_path / "out"}
    source = f"{folder}/*.parquet"
    with pytest.raises(type(error)):
        tfp.scale.run(Skewness(), source, on_progress=stop_after(count, error), **given)
    assert visible(tmp_path / "out") == [".work"]
    assert not list((tmp_path / "out").rglob("*.tmp"))
    seen = []
    job = tfp.scale.run(
        Skewness(), source, resume=True, on_progress=lambda *c: seen.append(c), **given
    )
    tfp.scale.run(Skewness(), source, **{**given, "out": tmp_path / "whole"})
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert job.out == tmp_path / "out"


def test_finished_partitions_are_not_computed_again(folder, tmp_path, monkeypatch):
    given = {"roles": ROLES, "partitions": PARTITIONS, "out": tmp_path}
    source = f"{folder}/*.parquet"
    with pytest.raises(RuntimeError):
        tfp.scale.run(Skewness(), source, on_progress=stop_after(30, RuntimeError()), **given)
    begun = len(list(tmp_path.rglob("*.sums")))
    kept = []
    keep = WorkFolder.keep
    monkeypatch.setattr(
        WorkFolder, "keep", lambda self, *what: (kept.append(what), keep(self, *what))[1]
    )
    tfp.scale.run(Skewness(), source, resume=True, **given)
    assert begun >= 29
    assert len(kept) == 3 * PARTITIONS - begun


def test_a_run_is_resumed_only_as_it_was_begun(folder, tmp_path):
    given = {"roles": ROLES, "engine": "duckdb", "partitions": 4, "out": tmp_path}
    source = f"{folder}/*.parquet"
    with pytest.raises(RuntimeError):
        tfp.scale.run(Skewness(), source, on_progress=stop_after(6, RuntimeError()), **given)
    for changes in (
        {"partitions": 5},
        {"roles": {**ROLES, "output": "K", "capital": "Y"}},
        {"rng": 3},
    ):
        with pytest.raises(tfp.SpecificationError) as caught:
            tfp.scale.run(Skewness(), source, resume=True, **{**given, **changes})
        assert caught.value.code == "other_run"
    with pytest.raises(tfp.SpecificationError, match="another specification"):
        tfp.scale.run(Skewness(folder="z"), source, resume=True, **given)
    with pytest.raises(tfp.SpecificationError, match="another source"):
        tfp.scale.run(Skewness(), folder / "0.parquet", resume=True, **given)
    # another engine takes over where the first one stopped
    job = tfp.scale.run(Skewness(), source, resume=True, **{**given, "engine": "threads"})
    assert job.engine == "threads"
    with pytest.raises(tfp.FileError) as finished:
        tfp.scale.run(Skewness(), source, resume=True, **given)
    assert finished.value.code == "run_finished"


def test_another_engine_keeps_the_partitions_that_the_first_one_chose(
    folder, tmp_path, monkeypatch
):
    from tfp_index.scale.engines import executor

    monkeypatch.setattr(executor, "ROWS_PER_PARTITION", 1_000)
    source, given = f"{folder}/*.parquet", {"roles": ROLES}
    with pytest.raises(RuntimeError):
        tfp.scale.run(
            Skewness(),
            source,
            out=tmp_path / "a",
            on_progress=stop_after(15, RuntimeError()),
            **given,
        )
    job = tfp.scale.run(
        Skewness(), source, engine="duckdb", resume=True, out=tmp_path / "a", **given
    )
    whole = tfp.scale.run(Skewness(), source, out=tmp_path / "b", **given)
    assert job.partitions == whole.partitions > 5
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_frame_that_changed_is_not_resumed(tmp_path):
    frame = firms(50)
    given = {"roles": ROLES, "partitions": 3, "out": tmp_path}
    with pytest.raises(RuntimeError):
        tfp.scale.run(Skewness(), frame, on_progress=stop_after(4, RuntimeError()), **given)
    frame["Y"] = frame["Y"] + 1
    with pytest.raises(tfp.DataError) as caught:
        tfp.scale.run(Skewness(), frame, resume=True, **given)
    assert caught.value.code == "data_changed"


def test_two_runs_do_not_share_a_folder(tmp_path):
    with WorkFolder(tmp_path, resume=False), pytest.raises(tfp.FileError) as caught:
        WorkFolder(tmp_path, resume=False)
    assert caught.value.code == "folder_in_use"


def test_what_stands_in_the_folder_is_not_overwritten(tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "mine.txt").write_text("mine")
    with pytest.raises(tfp.FileError) as caught:
        tfp.scale.run(Skewness(), firms(20), roles=ROLES, out=tmp_path)
    assert caught.value.code == "folder_taken"
    assert (tmp_path / "rows" / "mine.txt").read_text() == "mine"


def test_a_file_in_place_of_the_folder_is_our_error(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(tfp.FileError):
        tfp.scale.run(Skewness(), firms(20), roles=ROLES, out=tmp_path / "out" / "deeper")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_read_only_folder_is_our_error(tmp_path, monkeypatch, number):
    def refuse(self, *args, **kwargs):
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(tfp.FileError) as caught:
        tfp.scale.run(Skewness(), firms(20), roles=ROLES, out=tmp_path / "out")
    assert caught.value.code == "unwritable_folder"
    assert "Remedy" in str(caught.value)


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs limits of POSIX")
@pytest.mark.parametrize(
    ("engine", "limit"),
    [
        ("duckdb", 200),
        ("threads", 20_000),
        pytest.param("duckdb", 20_000, marks=pytest.mark.slow),
        pytest.param("threads", 200, marks=pytest.mark.slow),
        pytest.param("processes", 200, marks=pytest.mark.slow),
        pytest.param("processes", 20_000, marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_is_our_error_and_leaves_nothing_half_written(folder, tmp_path, engine, limit):
    code, said = end(start(folder, tmp_path / "out", engine, limit))
    assert (code, said[-1]) == (3, "disk_full")
    assert visible(tmp_path / "out") == [".work"]
    assert not list((tmp_path / "out").rglob("*.tmp"))
    left = list((tmp_path / "out").rglob("*.arrows"))
    assert len(left) in (0, PARTITIONS)  # a shuffle that was not finished makes room
    given = {"roles": ROLES, "engine": "threads", "partitions": PARTITIONS}
    source = f"{folder}/*.parquet"
    tfp.scale.run(Skewness(pause=0.02), source, resume=True, out=tmp_path / "out", **given)
    tfp.scale.run(Skewness(pause=0.02), source, out=tmp_path / "whole", **given)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_sums_from_elsewhere_are_not_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, ("true",)

    with WorkFolder(tmp_path, resume=False) as folder:
        folder.keep(0, 0, Evil())
        with pytest.raises(tfp.FileError, match="no sum"):
            list(folder.kept(0))
        folder.keep(1, 0, {"n": 3})
        path = next((folder.work / "rounds" / "0001").glob("*.sums"))
        path.write_bytes(path.read_bytes()[:-1])
        assert not list(folder.kept(1))  # a torn file counts as not there
    assert manifest.sha256_of.__doc__
