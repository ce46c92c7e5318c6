"""Dispersion of Colombian food plants in 1991 against the stated figures."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from tfp_index.kernels import dispersion as dis

# the file keeps twelve significant digits of numbers of order one
TWELVE_DIGITS = 1e-11


@pytest.fixture(scope="module")
def case(shared_file, reference):
    path = shared_file("data/aggregation/decomposition/colombian_311_input.csv")
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["year"] == "91"]
    tfp, employment = (np.array([float(row[k]) for row in rows]) for k in ("tfp", "s_emp"))
    return tfp, employment, reference("aggregation")["dispersion"]["colombian_1991_tfp"]


def one_cell(values, weights=None):
    return dis.sort_cells(values, np.zeros(values.shape[0], np.int64), 1, weights)


def test_moments_and_linear_percentiles(case):
    tfp, _, want = case
    cells = one_cell(tfp)
    shape = dis.shape(cells)
    assert shape.n[0] == want["n"]
    assert shape.mean[0] == pytest.approx(want["mean"], abs=TWELVE_DIGITS)
    assert shape.sd[0] == pytest.approx(want["sd_ddof1"], abs=TWELVE_DIGITS)
    p = np.array([float(key) for key in want["quantiles_type7"]])
    found = dis.quantiles(cells, p)[0]
    assert found == pytest.approx(list(want["quantiles_type7"].values()), abs=TWELVE_DIGITS)
    q = dict(zip(p, found, strict=True))
    for name, high, low in (
        ("d9010", 0.9, 0.1),
        ("d7525", 0.75, 0.25),
        ("d9050", 0.9, 0.5),
        ("d5010", 0.5, 0.1),
        ("d9990", 0.99, 0.9),
        ("d1001", 0.1, 0.01),
    ):
        assert q[high] - q[low] == pytest.approx(want[name], abs=TWELVE_DIGITS)


@pytest.mark.parametrize(
    ("key", "weighted"), [("unweighted_stata_pctile", False), ("weighted_by_employment", True)]
)
def test_averaged_percentiles(case, key, weighted):
    tfp, employment, want = case
    figures = want[key]["quantiles"] if weighted else want[key]
    p = np.array([float(name) for name in figures])
    found = dis.quantiles(one_cell(tfp, employment if weighted else None), p, "averaged")[0]
    assert found == pytest.approx(list(figures.values()), abs=TWELVE_DIGITS)


def test_weighted_moments(case):
    tfp, employment, want = case
    shape = dis.shape(one_cell(tfp, employment))
    assert shape.mean[0] == pytest.approx(want["weighted_by_employment"]["mean"], abs=TWELVE_DIGITS)
    assert shape.sd[0] == pytest.approx(want["weighted_by_employment"]["sd"], abs=TWELVE_DIGITS)


def test_percentiles_fit_for_publication(case):
    tfp, _, want = case
    figures = want["disclosure_smoothed_quantiles_5"]
    found = dis.centered_means(one_cell(tfp), np.array([float(p) for p in figures]), 5)[0]
    assert found == pytest.approx(list(figures.values()), abs=TWELVE_DIGITS)


def test_frontier_and_laggards(case):
    tfp, _, want = case
    cells = one_cell(tfp)
    q = dis.quantiles(cells, np.array([0.95, 0.1, 0.5]))
    found = dis.tails(cells, q[:, 0], q[:, 1])
    assert found.top[0] == pytest.approx(want["frontier_top5pct_mean"], abs=TWELVE_DIGITS)
    assert found.rest[0] == pytest.approx(want["rest_mean"], abs=TWELVE_DIGITS)
    assert found.bottom[0] == pytest.approx(want["laggards_bottom10_mean"], abs=TWELVE_DIGITS)
    gap = found.top - found.rest
    assert gap[0] == pytest.approx(want["frontier_minus_rest"], abs=TWELVE_DIGITS)
    gap = found.top - q[:, 2]
    assert gap[0] == pytest.approx(want["frontier_minus_median"], abs=TWELVE_DIGITS)
