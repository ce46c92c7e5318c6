"""Wooldridge (2009) on Chilean plants (the data that prodest ships).

Expected values: R prodest 1.0.1 and an independent numpy program (note on firm estimators, 3.1;
reference document ``firm_estimators``).
"""

from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp

CLOSED_FORM = 1e-8
"""Relative; both sides are closed forms in double precision."""
RATIONAL = 1e-12
"""Relative, against rational arithmetic without any rounding."""
RAW_MONOMIALS = 1e-7
"""Relative, against programs that invert cross products of raw monomials (condition number 1e4 to
1e5, squared): they keep seven to eight digits of the rational result."""

SHARED_ONE_STEP = {
    "pX": [0.24679441812320524, 0.21680400379704062, 0.05760514018120679],
    "inv": [0.3545929720290054, 0.2925936335543403, 0.19041373007268134],
}
"""Block two-stage least squares in exact fractions (Python's ``fractions`` on the same doubles)."""

PROXIES = {"pX": "electricity", "inv": "invested"}


@pytest.fixture(scope="module")
def plants(shared_file):
    import pandas as pd

    frame = pd.read_csv(shared_file("data/production/prodest_chilean.csv"))
    return tfp.Panel.from_frame(
        frame,
        entity="idvar",
        time="timevar",
        output="Y",
        inputs={"skilled": "fX1", "unskilled": "fX2", "capital": "sX"},
        columns={"electricity": "pX", "invested": "inv"},
        logs=True,
    )


def _spec(column, **options):
    return tfp.Wooldridge(
        free=("skilled", "unskilled"), state=("capital",), proxy=PROXIES[column], **options
    )


@pytest.mark.parametrize("column", PROXIES)
def test_one_equation_is_prodest_rob_with_the_right_errors(plants, reference, column):
    document = reference("firm_estimators")
    expected = document["iv_and_wooldridge_numpy"][f"ROB_{column}"]
    fit = _spec(column, form="one_equation").fit(plants)
    b = np.asarray(fit.params)
    np.testing.assert_allclose(b, expected["coef"][1:4], rtol=CLOSED_FORM)
    np.testing.assert_allclose(
        np.asarray(fit.bse), expected["se_cluster_firm"][1:4], rtol=CLOSED_FORM
    )
    np.testing.assert_allclose(fit.first_stage["f"], expected["first_stage_F"], rtol=CLOSED_FORM)
    peer = document["prodest_R"]["ROB" if column == "pX" else "ROB_inv"]["coef"]
    np.testing.assert_allclose(b, list(peer.values()), rtol=CLOSED_FORM)
    assert fit.sample.used == expected["n"]
    assert fit.details["entities"] == expected["clusters"]


@pytest.mark.parametrize("column", PROXIES)
def test_shared_system_in_one_step_is_prodest_wrdg_gmm(plants, reference, column):
    document = reference("firm_estimators")
    expected = document["iv_and_wooldridge_numpy"][f"WRDG_system_{column}"]
    fit = _spec(column, first_equation="shared", steps=1).fit(plants)
    b = np.asarray(fit.params)
    np.testing.assert_allclose(b, SHARED_ONE_STEP[column], rtol=RATIONAL)
    np.testing.assert_allclose(b, expected["one_step"], rtol=RAW_MONOMIALS)
    peer = document["prodest_R"]["WRDG_GMM" if column == "pX" else "WRDG_GMM_inv"]["coef"]
    np.testing.assert_allclose(b, list(peer.values()), rtol=10 * RAW_MONOMIALS)


@pytest.mark.parametrize("column", PROXIES)
@pytest.mark.parametrize("se", ["robust", "clustered"])
def test_two_steps_of_the_shared_system(plants, reference, column, se):
    expected = reference("firm_estimators")["iv_and_wooldridge_numpy"][f"WRDG_system_{column}"]
    expected = expected["two_step"]["robust" if se == "robust" else "cluster"]
    fit = _spec(column, first_equation="shared", se=se, windmeijer=False).fit(plants)
    np.testing.assert_allclose(np.asarray(fit.params), expected["coef"], rtol=RAW_MONOMIALS)
    np.testing.assert_allclose(np.asarray(fit.bse), expected["se"], rtol=RAW_MONOMIALS)
    assert fit.j_statistic == pytest.approx(expected["J"], rel=RAW_MONOMIALS)
    assert fit.j_dof == expected["df"]


def test_the_shared_system_depends_on_units_and_ours_does_not(plants):
    """Leaving capital out of the first polynomial while keeping its square needs an origin."""
    capital = plants["capital"] + np.log(1000.0)  # thousands of pesos instead of millions
    frame = {
        "firm": plants.entity_codes,
        "year": plants.time,
        **{r: plants[r] for r in ("output", "skilled", "unskilled", "electricity")},
        "capital": capital,
    }
    other = tfp.Panel.from_frame(
        frame,
        entity="firm",
        time="year",
        output="output",
        inputs={x: x for x in ("skilled", "unskilled", "capital")},
        columns={"electricity": "electricity"},
        logs=True,
    )
    ours = _spec("pX"), _spec("pX").fit(other)
    np.testing.assert_allclose(
        np.asarray(ours[0].fit(plants).params), np.asarray(ours[1].params), rtol=1e-9
    )
    shared = _spec("pX", first_equation="shared", steps=1)
    moved = abs(shared.fit(other).params["capital"] - shared.fit(plants).params["capital"])
    assert moved > 0.03


def test_capital_without_and_with_its_share_in_the_first_equation(plants):
    """0.165 where capital is identified by the second equation, 0.058 by functional form."""
    ours = _spec("pX", steps=1).fit(plants)
    shared = _spec("pX", steps=1, first_equation="shared").fit(plants)
    assert ours.params["capital"] == pytest.approx(0.164829, abs=1e-6)
    assert shared.params["capital"] == pytest.approx(0.057605, abs=1e-6)
    assert ours.j_dof == 2
    assert ours.j_pvalue > shared.j_pvalue


@pytest.mark.parametrize("degree", [3, 4])
def test_higher_degrees_are_not_singular(plants, degree):
    """A peer that was ported from another stops at degree three."""
    low, high = _spec("pX", steps=1), _spec("pX", steps=1, degree=degree)
    a, b = low.fit(plants), high.fit(plants)
    for name in ("skilled", "unskilled", "capital"):
        assert abs(a.params[name] - b.params[name]) < 3 * a.bse[name]
