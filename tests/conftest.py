"""Shared fixtures: the folder with reference values and real data, strict floating point."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.profiles import load_profile

SHARED = Path(__file__).resolve().parents[2] / "shared"

load_profile()


@pytest.fixture(autouse=True)
def _floating_point_errors_raise() -> Iterator[None]:
    """Let no division by zero, overflow or invalid operation of ours pass unseen."""
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield


@pytest.fixture(scope="session")
def shared_file() -> Callable[[str], Path]:
    """Return a path below the shared folder, or skip with a reason."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"needs shared/{name}, which is not beside this repository")
        return path

    return find


@pytest.fixture(scope="session")
def reference(shared_file: Callable[[str], Path]) -> Callable[[str], Any]:
    """Return a reference document of the shared folder, or skip with a reason."""

    def load(name: str) -> Any:
        return json.loads(shared_file(f"reference/{name}.json").read_text(encoding="utf-8"))

    return load
