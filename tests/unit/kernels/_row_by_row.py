"""The same two stages row by row with orthogonal factorizations: what the Gram path must equal."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np


def polynomial(columns, degree):
    """All products up to a degree, each variable standardized first."""
    z = [(c - c.mean()) / c.std() for c in columns]
    out = [np.ones_like(z[0])]
    for d in range(1, degree + 1):
        out += [np.prod(t, axis=0) for t in combinations_with_replacement(z, d)]
    return np.column_stack(out)


def residual(A, b):
    Q, _ = np.linalg.qr(A / np.linalg.norm(A, axis=0))
    return b - Q @ (Q.T @ b)


def first_stage(y, basis, degree, linear=(), dummies=(), weights=None):
    """φ̂ (polynomial part), coefficients of the linear regressors, residual."""
    P = polynomial(basis, degree)
    L = (
        np.column_stack([*linear, *dummies])
        if len(linear) + len(dummies)
        else np.zeros((len(y), 0))
    )
    X = np.column_stack([P, L])
    s = np.linalg.norm(X, axis=0)
    w = np.ones_like(y) if weights is None else np.sqrt(weights)
    Q, R = np.linalg.qr(w[:, None] * X / s)
    b = np.linalg.solve(R, Q.T @ (w * y)) / s
    k = P.shape[1]
    return P @ b[:k], b[k:], y - X @ b


def terms(x, form):
    out = [*x]
    if form == "translog":
        out += [a * b for a, b in combinations_with_replacement(x, 2)]
    return np.column_stack(out)


def law_terms(omega, shifters, degree):
    z = [(c - c.mean()) / c.std() for c in (omega, *shifters)]
    return np.column_stack(
        [
            np.prod(t, axis=0)
            for d in range(1, degree + 1)
            for t in combinations_with_replacement(z, d)
        ]
    )


def innovations(beta, phi, x, rows, lag, degree, shifters=(), controls=(), response=None):
    """ξ = ω_t less its projection on the law; `response` replaces φ̂ at t."""
    omega = phi - x @ beta
    now = omega if response is None else response - x @ beta
    A = law_terms(omega[lag], [s[rows] for s in shifters], degree)
    C = np.column_stack([np.ones(len(rows)), *(c[rows] for c in controls)])
    return residual(np.column_stack([C, A]), now[rows])
