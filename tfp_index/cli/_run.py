"""The command ``run``: a statistics office's run from a configuration file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfp_index._optional import require
from tfp_index.cli._terminal import say
from tfp_index.errors import FileError, MissingDependencyError
from tfp_index.panel.table import plain
from tfp_index.scale import read_manifest
from tfp_index.scale import run as run_partitions
from tfp_index.scale.office_file import OfficeFile, read_office_file

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Run the file; 0 when the cells are written, or were and are to be resumed."""
    file = read_office_file(arguments.file)
    out = arguments.out or file.out
    bar, close = _bar()
    try:
        job = run_partitions(
            file.office,
            file.source,
            roles=file.roles,
            out=out,
            engine=arguments.engine or file.engine,
            partitions=arguments.partitions or file.partitions,
            memory=arguments.memory or file.memory,
            resume=arguments.resume,
            rng=file.seed,
            on_progress=bar,
        )
    except FileError as error:
        if error.code == "run_finished" and arguments.resume and _is_of(out, file):
            say(f"{out} holds this run, finished; every file is as it was written")
            return 0
        raise
    finally:
        close()
    result = job.result
    if result.cleaned is not None:
        say(str(result.cleaned))
        say()
    say(str(result.tidy()))
    say()
    sample = result.sample
    lost = "; ".join(f"{count:,} {reason}" for reason, count in sample.lost.items())
    say(f"{sample.used:,} of {sample.rows:,} rows used" + (f"; {lost}" if lost else ""))
    say(f"written to {out}: cells ({len(result.cells)} files), record, result, manifest")
    return 0


def _is_of(out: Path, file: OfficeFile) -> bool:
    """Whether the finished run in a folder is that of the file, whole and unchanged."""
    manifest = read_manifest(out)
    asked = {"specification": plain(file.office.to_dict()), "roles": plain(dict(file.roles))}
    if any(manifest.document.get(key) != value for key, value in asked.items()):
        return False
    manifest.verify()
    return True


def _bar() -> tuple[Callable[[int, int], None] | None, Callable[[], None]]:
    """Return a progress callback for a person who watches, and how to end it."""
    if not sys.stderr.isatty():
        return None, lambda: None
    try:
        tqdm = require("tqdm", extra="cli", purpose="a bar of progress")
    except MissingDependencyError:  # nobody asked for a bar
        return None, lambda: None
    meter: Any = tqdm.tqdm(unit="part", leave=False)

    def show(done: int, total: int) -> None:
        meter.total = total
        meter.update(done - meter.n)

    return show, meter.close
