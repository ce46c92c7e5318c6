"""From a roles file and flags to what `Panel.from_frame` and `GrowthAccounting` take."""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfp_index.errors import FileError, SpecificationError, nearest
from tfp_index.panel.files import read_file
from tfp_index.panel.panel import Panel

__all__ = ["Job", "UsageError", "add_data_arguments", "read_job", "resolve"]

_COLUMNS = {
    "entity": "column that names the unit (province, enterprise, country)",
    "time": "column of the period (2020, 2020Q1, 2020-03, a date)",
    "output": "column of output at constant prices",
    "value_added": "column of value added at constant prices",
    "capital": "column of capital stock or services",
    "labor": "column of persons, hours or weighted hours",
    "materials": "column of materials",
    "energy": "column of energy",
    "services": "column of purchased services",
}
_SHARES = ("capital_share", "labor_share")
_TABLES = ("inputs", "columns", "groups")
_PLAIN = ("logs", "step", "frequency", "vintage")
_REPORT = ("title", "source", "statements", "unit", "unit_kind", "periods", "labels")
FURTHER = ("criteria", "enterprises", "plan")
"""Sections of the roles file that `_joint` reads."""

_NUMBER = re.compile(r"[0-9]*[.,]?[0-9]+")


class UsageError(Exception):
    """The command was called in a way it does not understand (exit code 2)."""


@dataclass
class Job:
    """What is to be computed, from file and flags together.

    Attributes
    ----------
    panel : dict
        Keywords of `Panel.from_frame`.
    growth : dict
        Options of `GrowthAccounting`, and ``preset``.
    report : dict
        Title, source, statements, unit, unit_kind, periods, labels.
    further : dict
        What a report tells beside growth: criteria, enterprises, plan.
    """

    file: Path
    panel: dict[str, Any] = field(default_factory=dict)
    growth: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    further: dict[str, Any] = field(default_factory=dict)

    def read(self) -> Panel:
        """Read the table and return its panel."""
        for key in ("entity", "time"):
            if key not in self.panel:
                raise UsageError(f"say which column is the {key}: --{key} COLUMN, or in --roles")
        return Panel.from_frame(read_file(self.file), **self.panel)


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which column plays which part."""
    parser.add_argument("file", type=Path, metavar="FILE", help=".csv, .tsv, .parquet or .xlsx")
    group = parser.add_argument_group("columns", "Names of columns; flags win over --roles.")
    group.add_argument(
        "--roles", type=Path, metavar="ROLES.TOML", help="file with columns and options"
    )
    for role, text in _COLUMNS.items():
        group.add_argument(_flag(role), metavar="COLUMN", help=text)
    for role in _SHARES:
        name = role.removesuffix("_share")
        group.add_argument(
            _flag(role),
            metavar="COLUMN_OR_NUMBER",
            help=f"income share of {name}: a column, or a number such as 0.40",
        )
    group.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="a further input, e.g. ict=K_ICT; its share is --column ict_share=COLUMN",
    )
    group.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="ROLE=COLUMN",
        help="a further numeric role, e.g. output_index=IIP",
    )
    group.add_argument("--logs", action="store_true", default=None, help="columns are logs already")
    group.add_argument("--step", type=int, metavar="N", help="periods between observations")
    group.add_argument("--vintage", metavar="TEXT", help="edition of the data, kept in the record")


def read_job(arguments: argparse.Namespace) -> Job:
    """Read the roles file, and let the flags overrule it.

    Raises
    ------
    UsageError
        If a flag is malformed.
    FileError, SpecificationError
        If the roles file cannot be read or has keys that are not known.
    """
    job = Job(arguments.file)
    if arguments.roles is not None:
        _read_roles(job, _toml(arguments.roles))
    for role in _COLUMNS:
        if (column := getattr(arguments, role)) is not None:
            job.panel[role] = column
    for role in _SHARES:
        if (value := getattr(arguments, role)) is not None:
            _share(job, role, _number_or_name(value))
    for flag, place in (("input", "inputs"), ("column", "columns")):
        for text in getattr(arguments, flag):
            name, sign, column = text.partition("=")
            if not (name and sign and column):
                raise UsageError(f"--{flag} {text}: write --{flag} NAME=COLUMN")
            job.panel.setdefault(place, {})[name] = column
    for name in ("logs", "step", "vintage"):
        if (value := getattr(arguments, name)) is not None:
            job.panel[name] = value
    return job


def resolve(panel: Panel, unit: Any) -> Any:
    """Return the label of a unit as the data write it: numbers may be typed as text.

    Raises
    ------
    DataError
        If there is no such unit.
    """
    labels = panel.entity_labels.tolist()
    if unit in labels:
        return unit
    same = [label for label in labels if str(label) == str(unit)]
    if not same:
        panel.keys.entity_code(unit)  # raises, with the nearest names
    return same[0]


def _flag(role: str) -> str:
    return "--" + role.replace("_", "-")


def _number_or_name(text: str) -> float | str:
    """Read a number, with point or comma, or else a column name."""
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else text


def _share(job: Job, role: str, value: Any) -> None:
    if isinstance(value, str):
        job.panel[role] = value
        job.growth.pop(role, None)
    else:
        job.growth[role] = value
        job.panel.pop(role, None)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeError) as error:
        raise FileError(f"{path} could not be read: {error}", code="unreadable_file") from error
    except tomllib.TOMLDecodeError as error:
        raise FileError(
            f"{path} is not TOML: {error}",
            code="unreadable_file",
            expected='lines such as entity = "province"',
        ) from error


def _read_roles(job: Job, document: Mapping[str, Any]) -> None:
    known = (*_COLUMNS, "investment", "weight", "item", *_SHARES, *_TABLES, *_PLAIN)
    for key, value in document.items():
        if key in _SHARES:
            _share(job, key, value)
        elif key in known:
            job.panel[key] = dict(value) if key in _TABLES else value
        elif key == "growth":
            job.growth.update(value)
        elif key == "report":
            _refuse_unknown("report", value, _REPORT)
            job.report.update(value)
        elif key in FURTHER:
            job.further[key] = dict(value)
        else:
            _refuse_unknown("roles file", [key], (*known, "growth", "report", *FURTHER))
    # a share given as an option of [growth] is a number
    for role in _SHARES:
        if isinstance(job.growth.get(role), str):
            _share(job, role, job.growth[role])


def _refuse_unknown(place: str, keys: Any, known: tuple[str, ...]) -> None:
    for key in keys:
        if key not in known:
            raise SpecificationError(
                f"{place}: the key {key!r} is not known",
                code="unknown_key",
                column=str(key),
                remedy=nearest(str(key), known),
            )
