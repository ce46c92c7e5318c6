"""Cross products in tiles, and what is solved from them."""

from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels import gram as gm


@pytest.mark.parametrize("n", [1, 31, 5_000, 40_001])
@pytest.mark.parametrize(("p", "q"), [(1, 1), (3, 23), (60, 60)])
def test_tiles_equal_the_product(n, p, q):
    rng = np.random.default_rng(n + p)
    X, Y = rng.normal(size=(p, n)), rng.normal(size=(q, n))
    assert np.allclose(gm.tiled_cross(X, Y), X @ Y.T, rtol=1e-10, atol=1e-9)
    A = rng.normal(size=(q, p))
    assert np.allclose(gm.tiled_left(A, X), A @ X, rtol=1e-12, atol=1e-12)
    assert np.allclose(gm.tiled_left(A[0], X), A[0] @ X, rtol=1e-12, atol=1e-12)
    assert np.allclose(gm.tiled_right(X.T, A.T), X.T @ A.T, rtol=1e-12, atol=1e-12)


def test_no_tile_is_larger_than_the_limit(monkeypatch):
    sizes = []
    matmul = np.ndarray.__matmul__

    class Watched(np.ndarray):
        def __matmul__(self, other):
            sizes.append(self.shape[0] * np.asarray(other).shape[-1] * self.shape[-1])
            return matmul(np.asarray(self), np.asarray(other))

    X = np.ones((20, 100_000)).view(Watched)
    gm.tiled_cross(X, np.asarray(X))
    assert max(sizes) <= gm.LIMIT


def test_solution_of_normal_equations_with_a_repeated_column():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) * [1.0, 1e6, 1e-6]
    X = np.column_stack([X, X[:, 0] + X[:, 1]])
    y = rng.normal(size=200)
    b, inverse, rank = gm.solve_gram(X.T @ X, X.T @ y)
    assert rank.dropped.tolist() == [3]
    wanted = np.linalg.lstsq(X[:, :3], y, rcond=None)[0]
    assert np.allclose(b[:3], wanted, rtol=1e-8)
    assert b[3] == 0.0
    assert np.allclose(inverse[:3, :3], np.linalg.inv(X[:, :3].T @ X[:, :3]), rtol=1e-6)
    assert not inverse[3].any()


def test_a_column_of_zeros_is_dropped():
    b, _, rank = gm.solve_gram(np.diag([4.0, 0.0]), np.array([8.0, 0.0]))
    assert b.tolist() == [2.0, 0.0]
    assert rank.dropped.tolist() == [1]
