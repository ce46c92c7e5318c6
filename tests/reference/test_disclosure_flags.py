"""Primary rules on 400 synthetic firms, nine settings, cells and margins, against stated flags."""

from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels import disclosure as sdc

SETTINGS = {
    "freq_lt3": sdc.Limits(3, None, None),
    "freq_lt5": sdc.Limits(5, None, None),
    "freq_lt10": sdc.Limits(10, None, None),
    "nk_1_75": sdc.Limits(None, (1, 75), None),
    "nk_2_85": sdc.Limits(None, (2, 85), None),
    "nk_2_90": sdc.Limits(None, (2, 90), None),
    "p10": sdc.Limits(None, None, 10),
    "p15": sdc.Limits(None, None, 15),
    # p/q at q = 100 is the p % rule; the file states p % only
    "pq_10_100": sdc.Limits(None, None, None, (10, 100)),
}


@pytest.fixture(scope="module")
def case(reference):
    """Contributions of each cell of the file, and the file's flags."""
    document = reference("aggregation")["disclosure"]
    given, want = document["inputs"], document["primary_flags_rev"]
    province, industry = (np.array(given[k]) for k in ("province", "industry"))
    revenue = np.array(given["rev"])
    n, total, largest = [], [], []
    for p, i in zip(want["province"], want["industry"], strict=True):
        mine = (province == p) | (p == "Total")
        mine &= (industry == i) | (i == "Total")
        found = sdc.contributions(revenue[mine], np.zeros(mine.sum(), np.int64), 1)
        n.append(found.n[0])
        total.append(found.total[0])
        largest.append(found.largest[0])
    return sdc.Contributions(np.array(n), np.array(total), np.array(largest)), want


def test_counts_totals_and_largest(case):
    cells, want = case
    assert cells.n.tolist() == want["n"]
    # the file rounds to two decimals
    assert cells.total == pytest.approx(want["total"], abs=0.006)
    assert cells.largest[:, 0] == pytest.approx(want["x1"], abs=0.006)
    assert cells.largest[:, 1] == pytest.approx(want["x2"], abs=0.006)


@pytest.mark.parametrize("setting", list(SETTINGS))
def test_flags(case, setting):
    cells, want = case
    ours = (sdc.sensitive(cells, SETTINGS[setting]) > 0).tolist()
    expected = want["p10" if setting == "pq_10_100" else setting]
    assert ours == expected
    assert any(expected) or setting == "freq_lt3"


@pytest.mark.parametrize("second", [sdc.Limits(3, (2, 85), None), sdc.Limits(3, None, 10)])
def test_five_unsafe_cells_of_the_tau_argus_engine(case, second):
    """NK(2,85)|FREQ(3) and P(10)|FREQ(3) find the same five, one of them a margin."""
    cells, want = case
    unsafe = np.flatnonzero(sdc.sensitive(cells, second))
    found = {(want["province"][i], want["industry"][i]) for i in unsafe}
    assert found == {
        ("P05", "C26"), ("P05", "C13"), ("P06", "C10"), ("P06", "C26"), ("P06", "Total")
    }  # fmt: skip


def test_the_margin_of_a_dominated_province_is_unsafe(case):
    cells, want = case
    default = sdc.sensitive(cells, sdc.Limits()) > 0
    unsafe = [
        (p, i)
        for p, i, flag in zip(want["province"], want["industry"], default, strict=True)
        if flag
    ]
    assert ("P06", "Total") in unsafe
