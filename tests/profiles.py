"""How many examples the property tests try, and which: set by HYPOTHESIS_PROFILE."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

__all__ = ["PROFILE", "examples", "load_profile"]

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "repeatable")
"""``repeatable``: the same examples every time. ``explore``: new ones each time, and more."""

EXAMPLES = 50
TIMES = {"repeatable": 1, "explore": 10}


def examples(count: int = EXAMPLES) -> int:
    """Return how many examples a test tries: `count`, or several times that to explore."""
    return count * TIMES[PROFILE]


def load_profile() -> None:
    """Make the profile in use the default of every property test."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    for name in TIMES:
        settings.register_profile(
            name,
            deadline=None,
            derandomize=name == "repeatable",
            print_blob=name == "explore",
            max_examples=examples(),
            suppress_health_check=slow if name == "explore" else slow[:1],
        )
    settings.load_profile(PROFILE)
