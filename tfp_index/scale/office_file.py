"""The configuration of an office run: one TOML file from raw data to cells."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfp_index.aggregation.disclosure import DisclosureRules
from tfp_index.errors import FileError, SpecificationError, nearest
from tfp_index.results.specification import (
    SCHEMA_VERSION,
    Specification,
    option_types,
    spec_from_dict,
)
from tfp_index.scale.office import Office

__all__ = ["OfficeFile", "read_office_file"]

_PARTS = ("data", "cleaning", "estimate", "tables", "disclosure", "run")
_RUN = ("engine", "partitions", "memory", "out", "seed")


@dataclass(frozen=True, eq=False)
class OfficeFile:
    """What a configuration file says.

    Attributes
    ----------
    office : Office
    source : str
        Path or pattern of the data; relative ones start at the file's own folder.
    roles : mapping
        Keywords of `Panel.from_frame`.
    out : Path
    engine : str
    partitions : int or None
    memory : str or int or None
    seed : int or None
    """

    office: Office
    source: str
    roles: Mapping[str, Any]
    out: Path
    engine: str = "threads"
    partitions: int | None = None
    memory: Any = None
    seed: int | None = None


def read_office_file(path: str | Path) -> OfficeFile:
    """Read a configuration file.

    Parameters
    ----------
    path : path
        TOML with the parts ``[data]`` (``source`` and the roles), ``[cleaning]``, ``[estimate]``,
        ``[[tables]]``, ``[disclosure]`` and ``[run]``.

    Raises
    ------
    FileError
        If the file cannot be read.
    SpecificationError
        If a part or key is unknown, or an option is invalid.
    """
    path = Path(path)
    document = _document(path)
    for key in document:
        if key not in _PARTS:
            raise _unknown(path.name, key, _PARTS)
    data = _table(document, "data")
    if not isinstance(data.get("source"), str):
        raise SpecificationError(
            "[data] does not say where the data are",
            code="missing_key",
            column="source",
            expected='source = "firms/*.parquet"',
        )
    source = data.pop("source")
    estimate = _table(document, "estimate")
    tables = document.get("tables", [])
    if not isinstance(tables, list) or not all(isinstance(t, Mapping) for t in tables):
        raise SpecificationError("tables are written [[tables]]", code="bad_key", column="tables")
    office = Office(
        tables=tuple(_specification(table, "tables") for table in tables),
        estimate=_specification(estimate, "estimate") if estimate else None,
        cleaning=_cleaning(_table(document, "cleaning")),
        disclosure=_rules(_table(document, "disclosure")),
    )
    run = _table(document, "run")
    for key in run:
        if key not in _RUN:
            raise _unknown("[run]", key, _RUN)
    out = run.pop("out", f"{path.stem}_out")
    return OfficeFile(
        office=office,
        source=str(path.parent / source),
        roles=data,
        out=path.parent / out,
        **run,
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeError) as error:
        raise FileError(f"{path} could not be read: {error}", code="unreadable_file") from error
    except tomllib.TOMLDecodeError as error:
        raise FileError(
            f"{path} is not TOML: {error}", code="unreadable_file", expected="[data], [[tables]], …"
        ) from error


def _table(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name, {})
    if not isinstance(value, Mapping):
        raise SpecificationError(
            f"{name} is {type(value).__name__}", code="bad_key", column=name, expected=f"[{name}]"
        )
    return dict(value)


def _unknown(place: str, key: str, known: tuple[str, ...]) -> SpecificationError:
    return SpecificationError(
        f"{place}: the key {key!r} is not known",
        code="unknown_key",
        column=key,
        remedy=nearest(key, known),
    )


def _specification(options: Mapping[str, Any], part: str) -> Specification:
    options = dict(options)
    method = options.pop("method", None)
    if not isinstance(method, str):
        raise SpecificationError(
            f"[{part}] does not name its method",
            code="missing_key",
            column="method",
            expected='method = "Aggregation", say',
        )
    return spec_from_dict(_document_of(method, options))


def _document_of(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {"method": method, "schema_version": SCHEMA_VERSION, "options": dict(options)}


def _rules(options: dict[str, Any]) -> DisclosureRules:
    """Return the rules; ``false`` turns a threshold off, since TOML has no null."""
    kinds = option_types(DisclosureRules)
    off = {key for key, value in options.items() if value is False and kinds.get(key) is not bool}
    changed = {key: None if key in off else value for key, value in options.items()}
    return DisclosureRules.from_dict(_document_of("DisclosureRules", changed))


def _cleaning(options: dict[str, Any]) -> Any:
    """Return the option `cleaning`; ``false`` turns a rule off."""
    if not options:
        return None
    return {key: None if value is False else value for key, value in options.items()}
