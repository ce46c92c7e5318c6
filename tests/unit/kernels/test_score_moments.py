"""Sums for clustered errors, against loops over firms and rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tfp_index.kernels import score_moments as sm
from tfp_index.kernels.monomials import plan, total_degree

EXACT = 1e-12  # the same sums in another order


def one_firm_at_a_time(products, z, mask, B, eta, edges):
    """Second moments, totals and cross products, written down as they are defined."""
    p, P = B.shape[0], len(products.exponents)
    second, total = np.zeros((p + P, p + P)), np.zeros(P)
    now, before = np.zeros((products.at_t, p)), np.zeros((products.at_lag, p))
    for a, b in pairwise(edges):
        own = np.zeros(p + P)
        for row in range(a, b):
            own[:p] += B[:, row] * eta[row]
            if row > a and mask[row - 1]:
                made = np.array([np.prod(z[:, row - 1] ** e) for e in products.exponents])
                own[p:] += made
                now += np.outer(made[: products.at_t], B[:, row])
                before += np.outer(made[: products.at_lag], B[:, row - 1])
        second += np.outer(own, own)
        total += own[p:]
    return second, total, now, before


@pytest.mark.parametrize(
    "lengths",
    [
        [4] * 30,
        [1] * 5,
        [7],
        [3, 1, 9, 2, 2, 5, 1, 8, 9, 1],
        [60, 1, 2, 45],
    ],
    ids=["alike", "one row each", "one firm", "mixed", "long"],
)
@pytest.mark.parametrize("sizes", [None, (16, 3)], ids=["at once", "in pieces"])
def test_sums_over_firms(lengths, sizes, monkeypatch):
    if sizes is not None:
        monkeypatch.setattr(sm, "FIRM_ROWS", sizes[0])
        monkeypatch.setattr(sm, "GATHERED_FIRMS", sizes[1])
    columns = plan(total_degree(3, 2)).exponents
    products = sm._products(columns, columns[3].index(1), -1)
    rng = np.random.default_rng(len(lengths))
    edges = np.concatenate([[0], np.cumsum(lengths)])
    n = int(edges[-1])
    mask = (rng.random(n - 1) < 0.8).astype(float)  # gaps
    mask[edges[1:-1] - 1] = 0.0
    z = rng.normal(size=(3, n - 1)) * mask
    B, eta = rng.normal(size=(4, n)), rng.normal(size=n)
    B[0] = 1.0
    ours = sm.block_moments(products, z, mask, B, eta, edges)
    second, total, now, before = one_firm_at_a_time(products, z, mask, B, eta, edges)
    size = np.sqrt(np.diagonal(second))
    gap = np.tril(ours.second - second) / np.maximum(np.outer(size, size), 1e-300)
    assert np.abs(gap).max() < EXACT
    for one, other in ((ours.total, total), (ours.at_t, now), (ours.at_lag, before)):
        assert np.abs(one - other).max() <= EXACT * max(np.abs(other).max(), 1e-300)


def test_lower_triangle_in_tiles():
    X = np.random.default_rng(1).normal(size=(70, 1_111))
    total = np.ones((70, 70))
    sm._add_lower(total, X)
    assert np.abs(np.tril(total - 1.0 - X @ X.T)).max() < EXACT * 1_111
