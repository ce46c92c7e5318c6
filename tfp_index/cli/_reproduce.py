"""The command ``reproduce``: published series made again, with their deviations."""

from __future__ import annotations

import argparse
import json
import re

from tfp_index import reproductions
from tfp_index.cli._roles import UsageError
from tfp_index.cli._terminal import say
from tfp_index.errors import nearest
from tfp_index.report.files import Staging
from tfp_index.reproductions import Reproduction

__all__ = ["reproduce"]


def reproduce(arguments: argparse.Namespace) -> int:
    """Run a recipe; 0 when every series is within its tolerance, 1 when one is not."""
    if arguments.list:
        _say_list()
        return 0
    name = arguments.name
    if name is None:
        raise UsageError("say which source: tfp-index reproduce NAME; --list shows all")
    if name not in reproductions.names():
        raise UsageError(
            f"there is no reproduction {name!r}; {nearest(name, reproductions.names())}"
        )
    recipe = reproductions.describe(name)
    if arguments.data is None and recipe.bundled is None:
        raise UsageError(
            f"the data of {name} are not bundled: --data FILE with {recipe.layout}, from: "
            f"{recipe.source}. {recipe.where}"
        )
    found = reproductions.run(name, arguments.data)
    say(found.summary())
    if arguments.out is not None:
        _write(found, arguments)
    return 0 if found.holds else 1


def _say_list() -> None:
    names = reproductions.names()
    width = max(map(len, names))
    for name in names:
        recipe = reproductions.describe(name)
        data = "bundled" if recipe.bundled else "needs --data"
        say(f"{name:<{width}}  {data:<12}  {recipe.title}")


def _write(found: Reproduction, arguments: argparse.Namespace) -> None:
    """Write the table, the record, and every value of each series."""
    with Staging(arguments.out) as staging:
        found.table().to_csv(staging.path("summary.csv"))
        record = json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False, indent=1)
        staging.path("record.json").write_text(record + "\n", encoding="utf-8")
        for number, comparison in enumerate(found.comparisons, start=1):
            plain = re.sub(r"\W+", "_", comparison.series).strip("_")
            comparison.values().to_csv(staging.path(f"values/{number:02d}_{plain}.csv"))
    count = len(found.comparisons)
    say(f"written to {arguments.out}: summary.csv, record.json, values ({count} files)")
