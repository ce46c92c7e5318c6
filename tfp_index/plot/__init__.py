"""Figures: each function draws on matplotlib axes and returns them.

Names are resolved on first use; matplotlib is loaded by the first figure. A new figure is named
three times: for type checkers, in `_HOME`, and in `__all__`; a test keeps the three together.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfp_index.plot.aggregation import decomposition, dispersion, transitions, trimming
    from tfp_index.plot.criteria import choices, profile, rank_intervals, scorecard
    from tfp_index.plot.growth import (
        comparison,
        contributions,
        index,
        sensitivity,
    )
    from tfp_index.plot.lever_effects import levers
    from tfp_index.plot.plan import plan_progress
    from tfp_index.plot.production import roots

_HOME = {
    # enterprises and the province
    "decomposition": "tfp_index.plot.aggregation",
    "dispersion": "tfp_index.plot.aggregation",
    "transitions": "tfp_index.plot.aggregation",
    "trimming": "tfp_index.plot.aggregation",
    # criteria sets
    "choices": "tfp_index.plot.criteria",
    "profile": "tfp_index.plot.criteria",
    "rank_intervals": "tfp_index.plot.criteria",
    "scorecard": "tfp_index.plot.criteria",
    # growth accounting
    "comparison": "tfp_index.plot.growth",
    "contributions": "tfp_index.plot.growth",
    "index": "tfp_index.plot.growth",
    "sensitivity": "tfp_index.plot.growth",
    # levers
    "levers": "tfp_index.plot.lever_effects",
    # plans
    "plan_progress": "tfp_index.plot.plan",
    # production functions
    "roots": "tfp_index.plot.production",
}
"""Where each figure is drawn."""

__all__ = [
    "choices",
    "comparison",
    "contributions",
    "decomposition",
    "dispersion",
    "index",
    "levers",
    "plan_progress",
    "profile",
    "rank_intervals",
    "roots",
    "scorecard",
    "sensitivity",
    "transitions",
    "trimming",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tfp_index.plot' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_HOME)
