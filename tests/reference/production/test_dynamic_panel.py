"""Difference and system GMM on Munnell's states, against pydynpd 0.2.2.

The peer (a Python package that states agreement with xtabond2) was run on the bundled data with
``y L1.y k L1.k l L1.l | gmm(y, 2:3) gmm(k, 2:3) gmm(l, 2:3) | …``, where y, k, l are logs of GSP,
PC and EMP. Its numbers are typed here.
"""

from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp

SAME = 1e-7
"""Relative; the peer inverts by pseudo-inverse and keeps some eight digits here."""
WITH_DUMMIES = 2e-5
"""Relative; with 25 instruments and 48 clusters the peer's pseudo-inverse keeps fewer."""

# order of the peer's coefficients: y(t−1), k, k(t−1), l, l(t−1)
CASES = {
    "system, collapsed": {
        "options": {"lags": (2, 3), "time_effects": False},
        "tolerance": SAME,
        "one": [
            0.8107662222762428,
            0.07639307879571788,
            -0.024644432008017247,
            0.9627337979604818,
            -0.7984181865815287,
        ],
        "one_errors": [
            0.06103830196149535,
            0.1294369173456324,
            0.12593875601529872,
            0.07882186698536044,
            0.07680998799243421,
        ],
        "two": [
            0.8233073767798089,
            0.1018379448983655,
            -0.04978694685753737,
            0.9780934428031856,
            -0.8244826086134911,
        ],
        "two_errors": [
            0.07100123939090903,
            0.1893223201404335,
            0.18496975594964188,
            0.05588126328352519,
            0.06073465472397555,
        ],
        "j": (16.061691093101544, 4),
        "ar": (-3.0139995042253678, -0.7272818435213021),
    },
    "difference, collapsed": {
        "options": {"lags": (2, 3), "time_effects": False, "form": "difference"},
        "tolerance": SAME,
        "one": [
            0.806657263694774,
            0.10161993235271893,
            0.04709658812581097,
            0.9542169971968661,
            -0.9143176918994271,
        ],
        "one_errors": [
            0.24064189126794186,
            0.47728652042196096,
            0.72673052141028,
            0.2665557594530961,
            0.19352015718299914,
        ],
        "two": [
            0.5938783354656891,
            -0.3237743578656307,
            0.7242171597189895,
            0.646517679220608,
            -0.6955925888530885,
        ],
        "two_errors": [
            0.4270608193182454,
            0.8656046525879996,
            1.2884320805327814,
            0.4113824204087862,
            0.33194726345693,
        ],
        "j": (6.5169611066097435, 1),
        "ar": (-1.188690893686041, -0.13940325368414638),
    },
    "system with years": {
        "options": {"lags": (2, 3)},
        "tolerance": WITH_DUMMIES,
        "one": [
            0.9437040422606504,
            0.2368857607733538,
            -0.2229273010507108,
            0.9732505548535391,
            -0.9140845025029612,
        ],
        "one_errors": None,
        "two": [
            0.9369440512174892,
            0.28244030753991645,
            -0.2637318734373741,
            0.9610361572710989,
            -0.8986995321313915,
        ],
        "two_errors": [
            0.038097643048844276,
            0.14220563908164183,
            0.14667119123618624,
            0.2932790716801767,
            0.26968928163714806,
        ],
        "j": (1.325394642599106, 4),
        "ar": (-3.012791629449525, -0.3806108993133117),
    },
    "difference, every period": {
        "options": {
            "lags": (2, 2),
            "time_effects": False,
            "form": "difference",
            "collapse": False,
        },
        "tolerance": SAME,
        "one": None,
        "one_errors": None,
        "two": [
            0.7700345193385936,
            -0.0027020607660544187,
            0.1392389623637992,
            1.1417500235504194,
            -1.03304132962026,
        ],
        "two_errors": [
            0.03701775185350533,
            0.06390224995579387,
            0.044196512031008266,
            0.035722443763364156,
            0.042055027368263755,
        ],
        "j": (47.24009379888097, 40),
        "ar": (-3.241554742333676, 0.7486299054228798),
    },
}
ORDER = ("output (t−1)", "capital", "capital (t−1)", "labor", "labor (t−1)")


@pytest.fixture(scope="module")
def states():
    return tfp.Panel.from_frame(
        tfp.datasets.load("munnell"),
        entity="STATE",
        time="YR",
        output="GSP",
        capital="PC",
        labor="EMP",
    )


def _column(fit, name):
    rows = {row["term"]: row[name] for row in fit.unrestricted.rows()}
    return [rows[term] for term in ORDER]


# 48 states say little about the dynamic equation, and the fit warns of it
@pytest.mark.filterwarnings("ignore:the instruments may not identify")
@pytest.mark.parametrize("case", CASES)
def test_coefficients_errors_and_tests_are_those_of_pydynpd(states, case):
    expected = CASES[case]
    close = {"rtol": expected["tolerance"]}
    fit = tfp.DynamicPanel(**expected["options"]).fit(states)
    np.testing.assert_allclose(_column(fit, "estimate"), expected["two"], **close)
    np.testing.assert_allclose(_column(fit, "std_error"), expected["two_errors"], **close)
    assert fit.j_statistic == pytest.approx(expected["j"][0], rel=expected["tolerance"])
    assert fit.j_dof == expected["j"][1]
    np.testing.assert_allclose(fit.serial_correlation["z"], expected["ar"], **close)
    if expected["one"]:
        one = tfp.DynamicPanel(**expected["options"], steps=1).fit(states)
        np.testing.assert_allclose(_column(one, "estimate"), expected["one"], **close)
        if expected["one_errors"]:
            np.testing.assert_allclose(_column(one, "std_error"), expected["one_errors"], **close)
