"""The benchmark harness: found, run, measured, saved; no test looks at how long it took."""

from __future__ import annotations

import importlib
import inspect
import json
import socket

import numpy as np
import pytest

from benchmarks import __main__ as runner
from benchmarks import _harness as harness

KEYS = {
    "case",
    "rows",
    "ours_seconds",
    "other",
    "other_seconds",
    "ratio",
    "peak_mb",
    "note",
}


def test_every_benchmark_can_be_run():
    topics = runner.discover()
    assert "growth" in topics
    for module in topics.values():
        run = importlib.import_module(module).run
        assert list(inspect.signature(run).parameters) == ["quick"]


def test_a_line_has_the_agreed_columns():
    line = harness.compare("copy", 10, lambda: 1, lambda: 2, against="nothing", repeats=3)
    assert set(line) == KEYS
    assert line["ratio"] > 0
    inverse = harness.compare("copy", 10, int, int, against="itself", inverse=True, repeats=3)
    assert inverse["note"].startswith("ratio is ours / other")


def test_pairs_are_timed_in_turn():
    calls = []
    pair = harness.paired(
        lambda: calls.append("ours"), lambda: calls.append("other"), repeats=4, least=4
    )
    assert pair.repeats == 4
    warm_up, rest = calls[:2], calls[2:]
    assert warm_up == ["ours", "other"]
    assert rest == ["ours", "other", "other", "ours", "ours", "other", "other", "ours"]


def test_a_budget_ends_the_repeats_but_not_below_the_least():
    pair = harness.paired(lambda: None, lambda: None, repeats=50, least=3, budget=0.0)
    assert pair.repeats == 3


def test_peak_of_allocations_counts_what_was_freed_again():
    def step() -> int:
        temporary = np.ones(2**20)
        return int(temporary.sum())

    result, peak = harness.peak_allocated(step)
    assert result == 2**20
    assert 8.0 <= peak < 8.5


def peak_stage(size: int):
    """Set the stage of a step that holds `size` MB; used in a fresh process."""
    stage = np.ones(int(harness.MB) * 4)  # 32 MB that are not the step's
    return lambda: (np.ones(int(size * harness.MB / 8)), stage.shape)


def test_resident_peak_is_that_of_the_step_and_not_of_its_stage():
    peak = harness.peak_resident("tests.contract.test_benchmarks", "peak_stage", 16)
    assert 14.0 < peak < 24.0


def test_the_copy_is_a_copy():
    array = np.arange(5.0)
    (copied,) = harness.copy_of([array])()
    copied[0] = 9.0
    assert array[0] == 0.0


def test_results_are_printed_and_saved_without_naming_the_machine(tmp_path, monkeypatch, capsys):
    lines = [harness.line("accounting", 1_000, ratio=12.5, other="pandas", note="a remark")]
    monkeypatch.setattr(runner, "discover", lambda: {"one": "nowhere", "two": "broken"})

    def load(module: str):
        if module == "broken":
            raise RuntimeError("on purpose")
        return type("Module", (), {"run": staticmethod(lambda quick: lines)})

    monkeypatch.setattr(runner.importlib, "import_module", load)
    out = tmp_path / "deep" / "results.json"
    assert runner.main(["--quick", "--out", str(out)]) == 1  # one topic failed, the other is there
    printed = capsys.readouterr().out
    assert "12.50" in printed
    assert printed.splitlines()[0].split()[:2] == ["ratio", "case"]
    saved = json.loads(out.read_text(encoding="utf-8"))
    assert saved["failed"] == ["two"]
    assert saved["results"] == [{"topic": "one", **lines[0]}]
    assert saved["machine"]["cores"] >= 1
    host = socket.gethostname()
    assert len(host) < 4 or host not in out.read_text(encoding="utf-8")


def test_an_unknown_name_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as stop:
        runner.main(["--only", "nonsense"])
    assert stop.value.code == 2
    assert "growth" in capsys.readouterr().err
