"""Write the public face of the package, name by name, to ``tests/contract/api.txt``.

``python tools/build_api.py`` after a change that is meant (the CHANGELOG says why); with
``--check`` it answers 1 if the file is not what the package offers.
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tfp_index as tfp

FILE = Path(__file__).resolve().parents[1] / "tests" / "contract" / "api.txt"


def signature(value: Any) -> str:
    """Return parameter names and defaults; annotations may be written better at any time."""
    found = inspect.signature(value)
    parameters = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    return str(found.replace(parameters=parameters, return_annotation=found.empty))


def of_class(name: str, cls: type) -> Iterator[str]:
    """Yield the lines of a class: how it is made, then its own public members."""
    plain = issubclass(cls, (enum.Enum, Warning)) or "__init__" not in dir(cls)
    made = "" if plain else signature(cls)
    bases = [base.__name__ for base in cls.__mro__[1:] if base.__module__.startswith("tfp_index")]
    yield f"class {name}{made}" + (f"  # {', '.join(bases)}" if bases else "")
    fields = {f.name for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    ours = [base for base in cls.__mro__ if base.__module__.startswith("tfp_index")]
    members = {name for base in ours for name in vars(base) if not name.startswith("_")}
    for member in sorted(members - fields):
        value = inspect.getattr_static(cls, member)
        if callable(getattr(cls, member)):
            yield f"    {member}{signature(getattr(cls, member))}"
        elif isinstance(value, property) or hasattr(value, "func"):
            yield f"    {member}"


def of_module(name: str, module: types.ModuleType) -> Iterator[str]:
    """Yield the lines of a public module."""
    yield f"module {name}"
    for member in sorted(module.__all__):
        value = getattr(module, member)
        if isinstance(value, types.ModuleType):
            yield from of_module(f"{name}.{member}", value)
        elif inspect.isclass(value):
            yield from of_class(f"{name}.{member}", value)
        elif callable(value):
            yield f"{name}.{member}{signature(value)}"
        else:
            yield f"{name}.{member}"


def face() -> str:
    """Return the public face as text."""
    lines: list[str] = []
    for name in sorted(tfp.__all__):
        value = getattr(tfp, name)
        if isinstance(value, types.ModuleType):
            lines += of_module(name, value)
        elif inspect.isclass(value):
            lines += of_class(name, value)
        elif callable(value):
            lines.append(f"{name}{signature(value)}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the file, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        return int(FILE.read_text(encoding="utf-8") != face())
    FILE.write_text(face(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
