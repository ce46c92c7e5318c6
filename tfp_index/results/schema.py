"""JSON schemas of specifications, results and errors, read off the classes themselves.

Names, types and defaults come from the dataclass, allowed values and descriptions from its
docstring, so there is nothing to keep in step by hand.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

from tfp_index.errors import SpecificationError, nearest
from tfp_index.results.specification import (
    SCHEMA_VERSION,
    Specification,
    export,
    method_named,
    option_types,
)

__all__ = ["DOCUMENTS", "json_schema", "public_methods"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DOCUMENTS = ("result", "error")
"""What has a schema besides the methods."""
_SEE = re.compile(r"^See `([\w.]+)`\.?$")


def json_schema(name: str | type[Specification] | None = None) -> dict[str, Any]:
    """Return the JSON schema of a document that this library writes or reads.

    Parameters
    ----------
    name : str or Specification class, optional
        A method (`Specification.to_dict`), ``"result"`` (`Result.to_dict`) or ``"error"``
        (`TFPError.to_dict`). Default: any method's specification.

    Raises
    ------
    SpecificationError
        If there is no such document.

    Examples
    --------
    >>> schema = json_schema("GrowthAccounting")
    >>> schema["properties"]["options"]["properties"]["growth"]["enum"]
    ['log', 'discrete']
    >>> json_schema("error")["required"]
    ['error', 'message', 'code', 'column', 'entity', 'time', 'expected', 'remedy']
    """
    if name is None:
        body: dict[str, Any] = {
            "title": "Specification",
            "oneOf": [{"$ref": f"#/$defs/{method}"} for method in public_methods()],
            "$defs": {method: _method(method_named(method)) for method in public_methods()},
        }
    elif name == "result":
        body = _result()
    elif name == "error":
        body = _error()
    else:
        if isinstance(name, str) and name not in public_methods():
            raise SpecificationError(
                f"there is no document {name!r}",
                code="unknown_method",
                remedy=nearest(name, [*DOCUMENTS, *public_methods()]),
            )
        body = _method(method_named(name) if isinstance(name, str) else name)
    return {"$schema": DIALECT, **body}


def public_methods() -> tuple[str, ...]:
    """Return the names of the specifications that the package offers, sorted.

    Examples
    --------
    >>> "AckerbergCavesFrazer" in public_methods()
    True
    """
    package = sys.modules[__name__.partition(".")[0]]
    found = []
    for name in package.__all__:
        value = getattr(package, name)
        if isinstance(value, type) and issubclass(value, Specification):
            found.append(name)
    return tuple(sorted(set(found) - {"Specification"}))


def _method(cls: type[Specification]) -> dict[str, Any]:
    documented = _documented(cls)
    options = {}
    for field in dataclasses.fields(cls):
        kind, text = documented.get(field.name, ("", ""))
        option = _type(option_types(cls)[field.name], _allowed(kind))
        if text:
            option["description"] = text
        if field.default is not dataclasses.MISSING:
            option["default"] = export(field.default)
        options[field.name] = option
    needed = [
        field.name
        for field in dataclasses.fields(cls)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    return {
        "title": cls.__name__,
        "description": (inspect.getdoc(cls) or "").split("\n", 1)[0],
        "type": "object",
        "properties": {
            "method": {"const": cls.__name__},
            "schema_version": {"const": SCHEMA_VERSION},
            "options": {
                "type": "object",
                "properties": options,
                "required": needed,
                "additionalProperties": False,
            },
        },
        "required": ["method"] + (["options"] if needed else []),
        "additionalProperties": False,
    }


def _type(kind: Any, allowed: tuple[Any, ...]) -> dict[str, Any]:
    """Return the schema of an annotated type; texts are narrowed to `allowed`."""
    if kind is Any:
        return {}
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union([_type(part, allowed) for part in get_args(kind)])
    if origin is tuple:
        return _tuple(get_args(kind), allowed)
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _type(get_args(kind)[1], ())}
    if isinstance(kind, type) and issubclass(kind, Specification):
        return _method(kind)
    if kind is str:
        texts = [value for value in allowed if isinstance(value, str)]
        return {"type": "string", "enum": texts} if texts else {"type": "string"}
    simple = {bool: "boolean", int: "integer", float: "number", type(None): "null"}
    return {"type": simple[kind]}


def _tuple(parts: tuple[Any, ...], allowed: tuple[Any, ...]) -> dict[str, Any]:
    if len(parts) == 2 and parts[1] is Ellipsis:
        items = _type(parts[0], allowed)
        return {"type": "array", "items": items} if items else {"type": "array"}
    return {
        "type": "array",
        "prefixItems": [_type(part, allowed) for part in parts],
        "minItems": len(parts),
        "maxItems": len(parts),
    }


def _union(parts: list[dict[str, Any]]) -> dict[str, Any]:
    if all(set(part) == {"type"} for part in parts):
        return {"type": [part["type"] for part in parts]}
    return {"anyOf": parts}


def _allowed(kind: str) -> tuple[Any, ...]:
    """Read the values off a documented type such as ``{"log", "discrete"}, optional``."""
    found = re.match(r"\{([^{}]*)\}", kind)
    if found is None:
        return ()
    try:
        values = ast.literal_eval(f"[{found[1]}]")
    except (SyntaxError, ValueError):
        return ()
    return tuple(values)


def _documented(cls: type[Specification]) -> dict[str, tuple[str, str]]:
    """Return the documented type and description of every option of the docstring."""
    lines = (inspect.getdoc(cls) or "").split("\n")
    try:
        at = lines.index("Parameters") + 2
    except ValueError:
        return {}
    found: dict[str, tuple[str, str]] = {}
    names, kind, texts = [""], "", [""]
    for line in [*lines[at:], "end"]:
        if line.startswith(" ") or not line:
            texts.append(line.strip())
            continue
        _keep(found, names, kind, " ".join(t for t in texts if t))
        head, _, kind = line.partition(" : ")
        names, texts = [name.strip() for name in head.split(",")], []
        if set(line) == {"-"}:  # the next section has begun
            break
    return found


def _keep(found: dict[str, tuple[str, str]], names: list[str], kind: str, text: str) -> None:
    other = _SEE.match(text)
    if other is not None:
        elsewhere = _documented(method_named(other[1]))
        found.update({name: elsewhere[name] for name in names if name in elsewhere})
    else:
        found.update({name: (kind, text) for name in names if name})


def _table() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "notes": {"type": "array", "items": {"type": "string"}},
            "columns": {"type": "object", "additionalProperties": {"type": "array"}},
        },
        "required": ["title", "notes", "columns"],
    }


def _result() -> dict[str, Any]:
    counts = {"type": "object", "additionalProperties": {"type": "integer"}}
    sample = {"rows": {"type": "integer"}, "used": {"type": "integer"}}
    record = {
        "specification": {
            "type": "object",
            "properties": {"method": {"type": "string"}, "options": {"type": "object"}},
            "required": ["method", "schema_version", "options"],
        },
        "version": {"type": "string"},
        "fingerprint": {"type": "string"},
        "vintage": {"type": ["string", "null"]},
        "columns": {"type": "object", "additionalProperties": {"type": "string"}},
        "seed": {},
        "sample": {
            "type": "object",
            "properties": {**sample, "lost": counts, "notes": counts},
            "required": ["rows", "used", "lost", "notes"],
        },
    }
    return {
        "title": "Result",
        "description": "What Result.to_dict gives; methods add tables and values of their own.",
        "type": "object",
        "properties": {
            "schema_version": {"const": SCHEMA_VERSION},
            "result": {"type": "string"},
            "record": {"type": "object", "properties": record, "required": list(record)},
            "glance": {"$ref": "#/$defs/table"},
        },
        "required": ["schema_version", "result", "record", "glance"],
        "$defs": {"table": _table()},
    }


def _error() -> dict[str, Any]:
    text = {"type": "string"}
    place = {"type": ["string", "number", "integer", "boolean", "null"]}
    maybe = {"type": ["string", "null"]}
    properties = {
        "error": text,
        "message": text,
        "code": text,
        "column": place,
        "entity": place,
        "time": place,
        "expected": maybe,
        "remedy": maybe,
    }
    return {
        "title": "Error",
        "description": "What TFPError.to_dict gives: where it happened and what to do.",
        "type": "object",
        "properties": {**properties, "faults": {"type": "array", "items": {"type": "array"}}},
        "required": list(properties),
        "additionalProperties": False,
    }
