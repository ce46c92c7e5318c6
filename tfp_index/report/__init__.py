"""Reports: one self-contained HTML file in Vietnamese or English, with CSV and JSON beside it.

Names are resolved on first use; jinja2 and matplotlib are loaded when a report is made.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfp_index.report.adapters import Context, Part
    from tfp_index.report.aggregation import Protected
    from tfp_index.report.criteria import Criteria
    from tfp_index.report.growth import Growth
    from tfp_index.report.sections import (
        Column,
        Facts,
        Figure,
        Grid,
        Headline,
        Measure,
        Remarks,
        Section,
        Text,
    )
    from tfp_index.report.writer import Written, render, write

_HOME = {
    # writing
    "Written": "tfp_index.report.writer",
    "render": "tfp_index.report.writer",
    "write": "tfp_index.report.writer",
    # results as a report tells them
    "Context": "tfp_index.report.adapters",
    "Criteria": "tfp_index.report.criteria",
    "Growth": "tfp_index.report.growth",
    "Part": "tfp_index.report.adapters",
    "Protected": "tfp_index.report.aggregation",
    # what a section is made of
    "Column": "tfp_index.report.sections",
    "Facts": "tfp_index.report.sections",
    "Figure": "tfp_index.report.sections",
    "Grid": "tfp_index.report.sections",
    "Headline": "tfp_index.report.sections",
    "Measure": "tfp_index.report.sections",
    "Remarks": "tfp_index.report.sections",
    "Section": "tfp_index.report.sections",
    "Text": "tfp_index.report.sections",
}
"""Where each name lives."""

__all__ = [
    "Column",
    "Context",
    "Criteria",
    "Facts",
    "Figure",
    "Grid",
    "Growth",
    "Headline",
    "Measure",
    "Part",
    "Protected",
    "Remarks",
    "Section",
    "Text",
    "Written",
    "render",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tfp_index.report' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_HOME)
