"""What a partitioned run reads: files or a frame, and which columns of it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from tfp_index.errors import DataError, FileError, SpecificationError, nearest
from tfp_index.panel.panel import Panel
from tfp_index.panel.roles import Roles, collect_roles

__all__ = ["Files", "Reading", "open_source", "read_roles"]

_SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".csv.gz": "csv",
}
_OPTIONS = ("logs", "step", "frequency", "vintage")
_KEYS = ("entity", "time", "item")
_MAPPINGS = ("inputs", "columns", "groups")


@dataclass(frozen=True)
class Files:
    """Parquet or CSV files that together are one table.

    Attributes
    ----------
    paths : tuple of Path, sorted
    kind : {"parquet", "csv"}
    """

    paths: tuple[Path, ...]
    kind: str

    @cached_property
    def identity(self) -> list[list[Any]]:
        """Name, size and time of change of each file: what a resumed run compares."""
        stats = [(path, path.stat()) for path in self.paths]
        return [[str(path), stat.st_size, stat.st_mtime_ns] for path, stat in stats]


@dataclass(frozen=True)
class Reading:
    """The roles of a run: what `Panel.from_frame` gets for every partition.

    Attributes
    ----------
    keywords : mapping
        As the caller gave them.
    roles : Roles
    """

    keywords: Mapping[str, Any]
    roles: Roles

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns of entity, time and item."""
        roles = self.roles
        return (roles.entity, roles.time, *([roles.item] if roles.item else []))

    @property
    def numeric(self) -> tuple[str, ...]:
        """Columns of numbers, by the names of their roles."""
        return tuple(self.roles.numeric[role] for role in sorted(self.roles.numeric))

    @property
    def groups(self) -> tuple[str, ...]:
        """Columns of groupings that are not read for another role."""
        taken = {*self.keys, *self.numeric}
        columns = (self.roles.groups[name] for name in sorted(self.roles.groups))
        return tuple(dict.fromkeys(column for column in columns if column not in taken))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, once."""
        return (*self.keys, *self.numeric, *self.groups)

    def refuse_absent(self, available: Iterable[str]) -> None:
        """Raise if a column is not among those of the source.

        Raises
        ------
        DataError
            Naming the column and those that come close.
        """
        names = [str(name) for name in available]
        for column in self.columns:
            if column not in names:
                raise DataError(
                    f"there is no column {column!r}",
                    code="unknown_column",
                    column=column,
                    remedy=nearest(column, names),
                )


def read_roles(roles: Mapping[str, Any]) -> Reading:
    """Check a mapping of the keywords of `Panel.from_frame`.

    Raises
    ------
    SpecificationError
        If a keyword is unknown or a required one is absent.
    DataError
        If a role is given twice or a name is no text.

    Examples
    --------
    >>> read_roles({"entity": "firm", "time": "year", "output": "Y"}).columns
    ('firm', 'year', 'Y')
    """
    if not isinstance(roles, Mapping):
        raise SpecificationError(
            f"roles is {type(roles).__name__}",
            code="bad_option",
            column="roles",
            expected="a mapping of the keywords of Panel.from_frame, such as entity and time",
        )
    known = [name for name in inspect.signature(Panel.from_frame).parameters if name != "frame"]
    for name in roles:
        if name not in known:
            raise SpecificationError(
                f"there is no role {name!r}",
                code="unknown_role",
                column=str(name),
                expected="further numeric roles in columns=, further inputs in inputs=",
                remedy=nearest(str(name), known),
            )
    for name in ("entity", "time"):
        if roles.get(name) is None:
            raise SpecificationError(
                f"roles lacks {name!r}", code="missing_role", column=name, expected="a column name"
            )
    step = roles.get("step", 1)
    if isinstance(step, bool) or not isinstance(step, int) or step < 1:
        raise DataError(f"step is {step!r}", code="bad_step", expected="an integer from 1")
    common = {
        name: value for name, value in roles.items() if name not in (*_OPTIONS, *_KEYS, *_MAPPINGS)
    }
    collected = collect_roles(
        roles["entity"],
        roles["time"],
        roles.get("item"),
        common,
        *(roles.get(name) for name in _MAPPINGS),
    )
    return Reading(dict(roles), collected)


def open_source(source: Any) -> Any:
    """Return `Files` for a path, a pattern, a folder or a list of paths; a frame as it is.

    Raises
    ------
    FileError
        If nothing is there, or the files are not all Parquet or all CSV.

    Examples
    --------
    >>> open_source({"firm": [1], "year": [2020]})
    {'firm': [1], 'year': [2020]}
    """
    listed = isinstance(source, (list, tuple)) and source and all(map(_is_path, source))
    if not (_is_path(source) or listed):
        return source
    paths = sorted(
        {path for entry in (source if listed else [source]) for path in _expand(entry)}, key=str
    )
    kinds = {_kind(path) for path in paths}
    if len(kinds) > 1:
        raise FileError(
            f"the files are of several types: {', '.join(sorted(kinds))}",
            code="mixed_file_types",
            expected="all Parquet, or all CSV",
        )
    return Files(tuple(paths), kinds.pop())


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, os.PathLike))


def _expand(entry: Any) -> list[Path]:
    path = Path(os.fspath(entry))
    if path.is_file():
        found = [path]
    elif path.is_dir():
        found = [p for p in path.rglob("*") if p.is_file() and _suffix(p) and p.name[0] not in "._"]
    elif has_magic(str(path)):
        found = [Path(name) for name in glob(str(path), recursive=True) if Path(name).is_file()]
    else:
        found = []
    if not found:
        raise FileError(
            f"there is no file {path}",
            code="file_not_found",
            expected="Parquet or CSV: a file, a folder or a pattern such as firms/*.parquet",
        )
    return [name.absolute() for name in found]


def _suffix(path: Path) -> str | None:
    name = path.name.lower()
    return next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)


def _kind(path: Path) -> str:
    kind = _suffix(path)
    if kind is None:
        raise FileError(
            f"{path.name}: files of type {path.suffix or 'none'} are not read in partitions",
            code="unknown_file_type",
            expected=", ".join(_SUFFIXES),
        )
    return kind
