"""Rules of the house that a machine can check."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import tfp_index as tfp
from tfp_index.results.specification import Specification

PACKAGE = Path(tfp.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(PACKAGE)) for path in FILES]


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys, json; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(json.loads(run.stdout))


def test_importing_the_package_loads_numpy_and_nothing_heavy():
    modules = loaded_by("import tfp_index")
    assert "numpy" in modules
    heavy = ("pandas", "scipy", "statsmodels", "matplotlib", "polars", "pyarrow", "narwhals")
    assert not [m for m in heavy if m in modules]


def test_a_specification_needs_no_frame_library():
    modules = loaded_by("import tfp_index; tfp_index.GrowthAccounting()")
    assert not [m for m in ("pandas", "statsmodels", "matplotlib", "scipy.stats") if m in modules]


def test_the_import_adds_few_modules_to_numpy():
    ours = loaded_by("import tfp_index") - loaded_by("import numpy")
    assert len([m for m in ours if m.startswith("tfp_index")]) <= 2


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_files_and_functions_stay_short(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 600
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = node.end_lineno - node.lineno + 1
            docstring = ast.get_docstring(node)
            length -= docstring.count("\n") + 1 if docstring else 0
            assert length <= 60, f"{node.name} has {length} lines"


@pytest.mark.parametrize("name", [n for n in tfp.__all__ if not n.startswith("_")])
def test_every_public_name_resolves_and_is_described(name):
    value = getattr(tfp, name)
    assert value.__doc__
    assert len(value.__doc__) > 20


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = tfp.nonsense


def test_the_typing_block_repeats_the_lazy_names():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in block.body for alias in node.names}
    assert imported == set(tfp.__all__) - {"__version__"}


def public_specifications() -> list[type[Specification]]:
    found = [getattr(tfp, name) for name in tfp.__all__]
    return [
        c
        for c in found
        if isinstance(c, type) and issubclass(c, Specification) and hasattr(c, "fit")
    ]


def test_layers_are_kept():
    linter = Path(sys.executable).parent / "lint-imports"
    if not linter.exists():
        pytest.skip("import-linter is not installed (extra: lint)")
    run = subprocess.run(
        [str(linter), "--no-cache"], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stdout
