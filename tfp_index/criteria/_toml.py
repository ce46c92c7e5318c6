"""Reading TOML that people write: each check notes its fault with the place and goes on."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from tfp_index.errors import FileError, nearest
from tfp_index.panel.mapping import ReadOnly

__all__ = [
    "LANGUAGES",
    "Faults",
    "Texts",
    "code_of",
    "document_of",
    "file_text",
    "is_number",
    "number",
    "one_of",
    "read_text",
    "refuse_unknown",
    "save_text",
    "string",
    "tables",
    "texts",
]

LANGUAGES = ("vi", "en")
LARGEST_FILE = 1 << 20
"""Bytes of a file that are read at most."""
MOST_TABLES = 1_000
MOST_LETTERS = 4_000

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")

Texts = Mapping[str, str]
"""A text by language."""

Faults = list[tuple[str, str]]
"""Pairs of a place and what is wrong there."""


def read_text(path: Path) -> str:
    """Return the text of a file that is there, of sensible size, and UTF-8.

    Raises
    ------
    FileError
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise FileError(
                f"{path.name} has {size:,} bytes; at most {LARGEST_FILE:,} are read",
                code="file_too_large",
            )
        return path.read_bytes().decode("utf-8-sig")
    except FileError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(
            f"{path.name} could not be read: {error}",
            code="unreadable_file",
            remedy="save it as UTF-8 text",
        ) from None


def file_text(
    source: str | Path, folder: str, bundled: Sequence[str], what: str
) -> tuple[str, str]:
    """Return the text and the name of a bundled file, or of a file of the user's.

    Parameters
    ----------
    source : str or path
        A name among `bundled`, or the path of a TOML file.
    folder : str
        Where the bundled ones are, below this package.
    bundled : sequence of str
    what : str
        What such a file holds, for messages.

    Raises
    ------
    FileError
        If there is no such file, or it cannot be read.
    """
    if isinstance(source, str) and source in bundled:
        return (files("tfp_index.criteria") / folder / f"{source}.toml").read_text("utf-8"), source
    path = Path(source)
    if not path.is_file():
        raise FileError(
            f"there is no {what} {str(source)!r}",
            code="file_not_found",
            expected="the name of a bundled one or the path of a TOML file",
            remedy=nearest(str(source), bundled),
        )
    return read_text(path), path.name


def save_text(text: str, path: str | Path) -> Path:
    """Write a text as it was read, to be edited and loaded again.

    Raises
    ------
    FileError
    """
    path = Path(path)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path} could not be written: {error}", code="unwritable_file") from error
    return path


def document_of(text: str, name: str) -> dict[str, Any]:
    """Return the document of a TOML text.

    Raises
    ------
    FileError
        If the text is not TOML.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise FileError(
            f"{name} is not valid TOML: {error}",
            code="bad_toml",
            remedy="correct the line that is named",
        ) from None


def tables(
    document: Mapping[str, Any], kind: str, faults: Faults, *, key: str = "code"
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the tables ``[[kind]]`` with their places; `key` is what names each of them."""
    value = document.get(kind, [])
    if not isinstance(value, list) or not all(isinstance(v, Mapping) for v in value):
        faults.append((kind, f"write [[{kind}]] for each of them"))
        return []
    if len(value) > MOST_TABLES:
        faults.append((kind, f"{len(value)} tables; at most {MOST_TABLES} are read"))
        return []
    found = []
    for place, table in enumerate(value, start=1):
        code = table.get(key)
        shown = f" {code!r}" if isinstance(code, str) else ""
        found.append((f"{kind} {place}{shown}"[:120], table))
    return found


def refuse_unknown(
    table: Mapping[str, Any],
    keys: Sequence[str],
    place: str,
    faults: Faults,
    bilingual: Sequence[str],
) -> None:
    """Note each key that is not known; the bilingual ones exist as ``name_vi`` and ``name_en``."""
    allowed = [k for k in keys if k not in bilingual]
    allowed += [f"{k}_{lang}" for k in keys if k in bilingual for lang in LANGUAGES]
    faults.extend(
        (place, f"unknown key {str(key)[:60]!r}; {nearest(str(key), allowed)}")
        for key in table
        if key not in allowed
    )


def code_of(table: Mapping[str, Any], place: str, faults: Faults) -> str:
    """Return the code of a table, or an empty text."""
    code = table.get("code")
    if isinstance(code, str) and _CODE.fullmatch(code) and code != "index":
        return code
    faults.append(
        (place, f"code {str(code)[:60]!r} must be lower-case letters, digits and _, not 'index'")
    )
    return ""


def string(
    table: Mapping[str, Any], key: str, place: str, faults: Faults, required: bool = True
) -> Any:
    """Return a text, or None."""
    value = table.get(key)
    if value is None and not required:
        return None
    if isinstance(value, str) and value.strip() and len(value) <= MOST_LETTERS:
        return value
    what = "is missing" if value is None else f"is no text of 1 to {MOST_LETTERS} letters"
    faults.append((place, f"{key} {what}"))
    return None


def texts(
    table: Mapping[str, Any], key: str, place: str, faults: Faults, required: bool = False
) -> Texts:
    """Return a text in both languages; empty where there is none."""
    names = [f"{key}_{lang}" for lang in LANGUAGES]
    there = [name for name in names if name in table]
    if not there and not required:
        return ReadOnly({})
    if len(there) == 1:
        other = names[0] if there[0] == names[1] else names[1]
        faults.append((place, f"{there[0]} stands without {other}: the languages are out of step"))
        return ReadOnly({})
    values = {lang: string(table, f"{key}_{lang}", place, faults) for lang in LANGUAGES}
    return ReadOnly({lang: str(value or "") for lang, value in values.items()})


def one_of(
    table: Mapping[str, Any], key: str, allowed: Sequence[str], place: str, faults: Faults
) -> Any:
    """Return one of the allowed values, or None."""
    value = table.get(key)
    if isinstance(value, str) and value in allowed:
        return value
    what = "is missing" if value is None else f"{str(value)[:60]!r} is not known"
    faults.append((place, f"{key} {what}; {nearest(str(value), allowed)}"))
    return None


def is_number(value: Any) -> bool:
    """Say whether a value is a finite number; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def number(table: Mapping[str, Any], key: str, place: str, faults: Faults) -> float | None:
    """Return a number, or None where there is none."""
    value = table.get(key)
    if value is None:
        return None
    if is_number(value):
        return float(value)
    faults.append((place, f"{key} {str(value)[:40]!r} is not a number"))
    return None
