"""Print the lowest version of every dependency that pyproject.toml allows, as pip constraints.

``pip install -c <(python tools/lowest_versions.py) ".[test]"`` installs just these.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("plot", "report", "io", "excel", "polars")
_BOUND = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?>=([0-9.]+)")


def constraints() -> list[str]:
    """Return ``name==version`` for the core and the extras that users install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    found = [_BOUND.match(line) for line in wanted]
    return sorted({f"{m[1]}=={m[2]}" for m in found if m})


if __name__ == "__main__":
    print("\n".join(constraints()))
