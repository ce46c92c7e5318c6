"""The command ``schema``: JSON schemas for those who store or check our documents."""

from __future__ import annotations

import argparse
import json

from tfp_index.cli._roles import UsageError
from tfp_index.cli._terminal import say
from tfp_index.errors import nearest
from tfp_index.results.schema import DOCUMENTS, json_schema, public_methods

__all__ = ["schema"]


def schema(arguments: argparse.Namespace) -> int:
    """Print a schema, or the names of all."""
    names = [*DOCUMENTS, *public_methods()]
    if arguments.list:
        for name in names:
            say(name)
        return 0
    name = arguments.name
    if name is not None and name not in names:
        raise UsageError(f"there is no document {name!r}; {nearest(name, names)}")
    say(json.dumps(json_schema(name), ensure_ascii=False, indent=2))
    return 0
