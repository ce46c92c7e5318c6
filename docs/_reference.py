"""The reference pages: every public name, grouped by the room it lives in."""

from __future__ import annotations

import inspect
import sys
import typing
from pathlib import Path
from types import ModuleType
from typing import Any

import tfp_index

ROOMS = {
    "panel": "Data",
    "growth": "Growth accounting and index numbers",
    "measurement": "Measurement of inputs and outputs",
    "production": "Production functions of firms",
    "composite": "Composite indices",
    "aggregation": "From enterprises to the province",
    "criteria": "Criteria sets",
    "scale": "Larger than memory",
    "results": "Specifications and results",
    "errors": "Errors and warnings",
}
"""Titles of the rooms, in the order of the page; a room without a title gets its own name."""


def public_names() -> dict[str, list[str]]:
    """Return title → dotted names: public classes and functions with the results they give."""
    homes = {name: module.split(".")[1] for name, module in tfp_index._HOME.items()}
    rooms = [*ROOMS, *sorted(set(homes.values()) - set(ROOMS))]
    groups: dict[str, list[str]] = {}
    for room in rooms:
        names = [name for name, home in homes.items() if home == room]
        listed = [f"tfp_index.{name}" for name in names]
        for name in names:
            result = result_class(getattr(tfp_index, name))
            if result is not None and (dotted := _dotted(result)) not in listed:
                listed.append(dotted)
        if listed:
            groups[ROOMS.get(room, room.capitalize())] = listed
    shared = ("Result", "RowValues", "Record", "Sample")
    groups["Specifications and results"] += [
        "tfp_index.results.specification.Specification",
        *(f"tfp_index.results.result.{name}" for name in shared),
    ]
    groups["Data"] += ["tfp_index.panel.checks.Findings", "tfp_index.panel.checks.Finding"]
    return groups


def public_modules() -> dict[str, tuple[str, list[str]]]:
    """Return dotted name of a module → the first paragraph about it, and the names it offers."""
    modules = {}
    waiting = [(f"tfp_index.{name}", getattr(tfp_index, name)) for name in tfp_index._MODULES]
    while waiting:
        dotted, module = waiting.pop(0)
        offered = {name: getattr(module, name) for name in module.__all__}
        inner = {name: it for name, it in offered.items() if isinstance(it, ModuleType)}
        waiting = [(f"{dotted}.{name}", it) for name, it in inner.items()] + waiting
        said = (module.__doc__ or "").strip().split("\n\n")[0]
        # by the name of the home: autodoc imports modules, not attributes of packages
        modules[dotted] = (said, [f"{module.__name__}.{n}" for n in offered if n not in inner])
    return modules


GIVING = ("fit", "score", "track")
"""Methods that give a result: of specifications, criteria sets, plans."""


def result_class(public: Any) -> type | None:
    """Return the class of the result that a public class gives, or None."""
    fit = next((getattr(public, name) for name in GIVING if hasattr(public, name)), None)
    if fit is None or not inspect.isclass(public):
        return None
    try:
        answer = typing.get_type_hints(fit).get("return")
    except NameError:  # a name that is imported for type checkers only
        spelled = str(fit.__annotations__.get("return", ""))
        answer = getattr(sys.modules[fit.__module__], spelled, None)
    ours = inspect.isclass(answer) and answer.__module__.startswith("tfp_index.")
    return answer if ours else None


def _dotted(cls: type) -> str:
    short = f"tfp_index.{cls.__name__}"
    return short if cls.__name__ in tfp_index._HOME else f"{cls.__module__}.{cls.__qualname__}"


def _summary(names: list[str]) -> str:
    lines = "\n".join(f"   ~{name}" for name in names)
    return (
        "```{eval-rst}\n.. autosummary::\n   :toctree: generated\n   :nosignatures:\n\n"
        f"{lines}\n```\n"
    )


def text() -> str:
    """Return the page."""
    parts = [
        "# Reference\n",
        "Every public name. `import tfp_index as tfp` loads numpy and nothing heavier; a name is "
        "loaded when it is first used.\n",
    ]
    for title, names in public_names().items():
        parts += [f"## {title}\n", _summary(names)]
    for module, (said, names) in public_modules().items():
        parts += [f"## {module}\n", f"{said}\n", _summary(names)]
    return "\n".join(parts)


def write(folder: Path) -> None:
    """Write the page where it changed, so that unchanged pages are not built again."""
    folder.mkdir(exist_ok=True)
    page = folder / "index.md"
    new = text()
    if not page.exists() or page.read_text(encoding="utf-8") != new:
        page.write_text(new, encoding="utf-8")
