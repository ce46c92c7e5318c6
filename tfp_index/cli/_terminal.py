"""The only place that writes to the terminal."""

from __future__ import annotations

import sys
from typing import TextIO

__all__ = ["complain", "say"]


def say(text: str = "") -> None:
    """Write a line to standard output; letters that the terminal lacks become question marks."""
    _write(sys.stdout, text)


def complain(text: str) -> None:
    """Write one line to standard error."""
    _write(sys.stderr, " ".join(text.split()))


def _write(stream: TextIO, text: str) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
