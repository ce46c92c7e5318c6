"""``tfp-index schema``."""

from __future__ import annotations

import json

import pytest

from tfp_index import json_schema
from tfp_index.cli import main


def test_a_method_prints_its_schema(capsys):
    assert main(["schema", "AckerbergCavesFrazer"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json_schema("AckerbergCavesFrazer")
    assert printed["properties"]["method"] == {"const": "AckerbergCavesFrazer"}


@pytest.mark.parametrize("name", [None, "result", "error"])
def test_the_other_documents(capsys, name):
    assert main(["schema", *([name] if name else [])]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema(name)


def test_all_names_are_listed(capsys):
    assert main(["schema", "--list"]) == 0
    names = capsys.readouterr().out.split()
    assert {"result", "error", "GrowthAccounting"} <= set(names)


def test_a_slip_is_named(capsys):
    assert main(["schema", "AckerbergCavesFraser"]) == 2
    assert "AckerbergCavesFrazer" in capsys.readouterr().err
