"""The page on reproductions is the one that the recipes and the kept measurements give."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

import tfp_index as tfp

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tool():
    path = ROOT / "tools" / "build_reproductions.py"
    spec = importlib.util.spec_from_file_location("build_reproductions", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def measured(tool):
    return json.loads(tool.MEASURED.read_text(encoding="utf-8"))


def test_the_page_is_that_of_the_recipes(tool, measured):
    assert tool.PAGE.read_text(encoding="utf-8") == tool.text(measured)


def test_kept_measurements_are_those_of_today(tool, measured):
    assert tool.stale(measured, tool.measure({})) == []
    assert all(record["holds"] for record in measured.values())
    never = set(tfp.reproductions.names()) - set(measured)
    # the two whose files are not at hand, and the page says so
    assert never == {"beabls", "fernald"}
    assert tool.text(measured).count("not run on the original") >= 2


def test_changes_are_noticed(tool, measured):
    changed = json.loads(json.dumps(measured))
    changed["pwt"]["series"][0]["compared"] -= 1
    assert tool.stale(changed, {"pwt": measured["pwt"]}) == ["pwt"]
    changed["munnell"]["holds"] = False
    assert tool.stale(measured, {"munnell": changed["munnell"]}) == ["munnell"]
