"""A short version of ``python -m benchmarks.coverage``: intervals cover the truth."""

from __future__ import annotations

import pytest

from benchmarks.coverage import CASES, run_case

# with 120 samples and 95 % the share has a standard error of 2 %; three of them around 95 %
LOW, HIGH = 0.89, 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "Olley-Pakes, survival",
        "Levinsohn-Petrin",
        "ACF",
        "Dynamic panel, system",
        "Dynamic panel, difference",
    ],
)
def test_intervals_cover(name):
    for line in run_case(name, samples=120, firms=400):
        assert LOW <= line["coverage"] <= HIGH, line
        assert line["mean"] == pytest.approx(line["truth"], abs=5 * line["sd"] / 120**0.5 + 0.01)
        # standard errors are those that the estimates show; the sd of 120 draws is known to 6 %
        assert line["median_se_over_sd"] == pytest.approx(1.0, abs=0.2)


@pytest.mark.filterwarnings("ignore::tfp_index.errors.TFPWarning")
def test_every_case_names_coefficients_of_its_method():
    for name, case in CASES.items():
        fit = case.spec.fit(case.design(firms=150, rng=1).panel())
        assert set(case.truth) <= set(fit.params), name
