"""The public face: nothing appears, vanishes or changes its parameters unnoticed."""

from __future__ import annotations

import difflib
import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_public_face_is_the_one_written_down():
    spec = importlib.util.spec_from_file_location("build_api", ROOT / "tools" / "build_api.py")
    build_api = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build_api)
    written = build_api.FILE.read_text(encoding="utf-8").splitlines()
    change = list(difflib.unified_diff(written, build_api.face().splitlines(), "written", "now"))
    assert not change, "\n".join(
        [*change, "If this is meant: python tools/build_api.py, and say it in the CHANGELOG."]
    )
