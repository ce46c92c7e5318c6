"""Intervals of levers cover the effect in the population in about 95 % of samples."""

from __future__ import annotations

import pytest

from benchmarks.coverage_levers import run

SAMPLES = 200
LOW, HIGH = 0.90, 0.995
"""95 % less and plus three standard errors of a share of 200 samples, 1.5 points each."""
ERRORS = (0.85, 1.2)
"""Mean standard error over the standard deviation of estimates, which has an error of 5 %."""


@pytest.mark.slow
def test_intervals_cover_the_effect_in_the_population():
    lines = run("even", SAMPLES, 2_000, population=60_000, seed=7)
    assert len(lines) == 7
    for line in lines:
        assert LOW <= line["coverage"] <= HIGH, line
        assert ERRORS[0] <= line["se_over_sd"] <= ERRORS[1], line
        assert abs(line["bias_over_sd"]) < 0.4, line
