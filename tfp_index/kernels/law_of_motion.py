"""Moments and sums of squares of the innovations, read off the Gram matrix of stage 2.

Points are given as ``δ``: with standardized terms ``x̃`` and the unit ``σ₀`` of the design,
``ω/σ₀ = ω₀ − δ'x̃`` and ``b = b₀ + σ₀ δ`` are the coefficients of ``x̃``. What a search
needs takes many points at once; nothing here depends on the number of rows.

A vector over rows that is a combination of the columns is kept as its coefficients ``a`` on the
columns; ``a'Gb`` is then the inner product of two of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.control_function import SecondStage
from tfp_index.kernels.gram import tiled_right
from tfp_index.kernels.monomials import expand_law, expand_law_derivative
from tfp_index.kernels.two_stage_design import Design

__all__ = [
    "Law",
    "instrument_root",
    "law_at",
    "moments",
    "persistence",
    "score_pairs",
    "sum_of_squares",
    "term_map",
    "to_delta",
    "to_raw",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Law:
    """The law of motion concentrated out at each of S points.

    Attributes
    ----------
    T : (S, K, N) float array
        Law terms without the constant, on the columns.
    dT : (S, J, K, N) float array
    TG : (S, K, N) float array
        ``T G``.
    inverse : (S, K, K) float array
        ``(T G T')⁻¹``.
    w : (S, N) float array
        ``ω_t``.
    c : (S, K) float array
        Coefficients of the law.
    xi : (S, N) float array
        Innovations ``ξ = ω_t − T'c``.
    """

    T: Floats
    dT: Floats  # noqa: N815
    TG: Floats
    inverse: Floats
    w: Floats
    c: Floats
    xi: Floats


def law_at(second: SecondStage, design: Design, delta: Floats, output: bool = False) -> Law:
    """Concentrate the law of motion out.

    Parameters
    ----------
    second : SecondStage
    design : Design
    delta : (S, J) float array
    output : bool
        Fit the law to ``u = ω + η``, output instead of ``φ̂``.
    """
    T = expand_law(design.expansion, delta)
    dT = expand_law_derivative(design.expansion, T)[:, :, 1:]
    T = T[:, 1:]  # the constant is partialled out of the Gram matrix
    w = np.zeros((delta.shape[0], T.shape[2]))
    w[:, design.response] = 1.0
    w[:, design.x] -= delta  # the terms are distinct columns
    if output:
        w[:, design.noise] = 1.0
    TG = _times(T, second.gram)
    inverse = _inverse(TG @ T.swapaxes(1, 2))
    c = (inverse @ (TG @ w[:, :, None]))[:, :, 0]
    xi = w - (c[:, None, :] @ T)[:, 0]
    return Law(T, dT, TG, inverse, w, c, xi)


def _times(X: Floats, A: Floats) -> Floats:
    """Return ``X A`` for (S, K, N) combinations in few products."""
    return tiled_right(X.reshape(-1, X.shape[2]), A).reshape(*X.shape[:2], A.shape[1])


def _inverse(squares: Floats) -> Floats:
    """Invert positive semi-definite matrices; directions without length get coefficient 0."""
    length = np.sqrt(np.maximum(np.diagonal(squares, axis1=1, axis2=2), 0.0))
    scale = np.where(length > 0, length, 1.0)
    scaled = squares / scale[:, :, None] / scale[:, None, :]
    try:
        inverse = np.linalg.inv(scaled)
        # rounding leaves no digit in an inverse this large
        fine = bool(np.abs(inverse).max(initial=0.0) < 1e13)
    except np.linalg.LinAlgError:
        fine = False
    if not fine:
        inverse = np.linalg.pinv(scaled, rcond=1e-12, hermitian=True)
    return np.asarray(inverse / scale[:, :, None] / scale[:, None, :])


def _derivatives(law: Law, design: Design) -> Floats:
    """Return ``D_j = −x_j − dA_j c`` as (S, J, N) combinations."""
    S, J = law.dT.shape[:2]
    dw = np.zeros((S, J, law.T.shape[2]))
    dw[:, np.arange(J), design.x] = -1.0
    return np.asarray(dw - np.einsum("sk,sjkn->sjn", law.c, law.dT))


def _residual_derivatives(second: SecondStage, design: Design, law: Law) -> Floats:
    """Return ``∂(M_A w)/∂δ_j = M_A D_j − A(A'A)⁻¹ dA_j'ξ`` as (S, J, N) combinations."""
    D = _derivatives(law, design)
    along = D @ law.TG.swapaxes(1, 2)
    turned = np.einsum("sjkn,sn->sjk", law.dT, tiled_right(law.xi, second.gram))
    return np.asarray(D - ((along + turned) @ law.inverse) @ law.T)


def instrument_root(second: SecondStage, design: Design, *, centered: bool = True) -> Floats:
    """Return ``L`` with ``L L' = Z'Z/n`` of the instruments.

    Parameters
    ----------
    second : SecondStage
    design : Design
    centered : bool
        With constant and controls partialled out, so that the length of ``L⁻¹Z'ξ/n`` over that of
        ``ξ`` is a multiple correlation. False takes the instruments in their own unit and origin,
        which is how an objective without a constant among its instruments weights them.

    Raises
    ------
    numpy.linalg.LinAlgError
        If an instrument is a combination of the others.
    """
    z = design.instruments
    if centered:
        return np.asarray(np.linalg.cholesky(second.gram[np.ix_(z, z)]), np.float64)
    with_constant = np.r_[0, z]
    R, constant = term_map(design)
    # z̃ = R'z + constant, hence z = R'⁻¹(z̃ − constant); rows of `undo` act on (1, z̃)
    undo = np.linalg.solve(R.T, np.column_stack([-constant, np.eye(z.size)]))
    squares = undo @ second.raw[np.ix_(with_constant, with_constant)] @ undo.T
    return np.asarray(R.T @ np.linalg.cholesky(squares))


def moments(second: SecondStage, design: Design, delta: Floats) -> tuple[Floats, Floats, Floats]:
    """Evaluate the moments ``Z'ξ/n``, their Jacobian and the variance of ``ξ``.

    ``Z'∂ξ/∂δ_j = Z'M_A(−x_j − dA_j c) − Z'A(A'A)⁻¹ dA_j'ξ``, the derivative of a projection
    (Golub and Pereyra), with ``A`` the law terms.

    Parameters
    ----------
    second : SecondStage
    design : Design
    delta : (S, J) float array

    Returns
    -------
    (S, q), (S, q, J) and (S,) float arrays
        In the unit of the design.
    """
    law = law_at(second, design, delta)
    G, z = second.gram, design.instruments
    D = _derivatives(law, design)
    Gxi = tiled_right(law.xi, G)
    projection = law.inverse @ law.TG[:, :, z]  # (S, K, q): (A'A)⁻¹A'Z
    jacobian = _times(D, G[:, z]) - (D @ law.TG.swapaxes(1, 2)) @ projection
    jacobian -= np.einsum("sjkn,sn->sjk", law.dT, Gxi) @ projection
    variance = np.einsum("sn,sn->s", law.xi, Gxi)
    return Gxi[:, z], jacobian.swapaxes(1, 2), variance


def sum_of_squares(
    second: SecondStage, design: Design, delta: Floats, definition: str = "nls"
) -> tuple[Floats, Floats, Floats]:
    """Evaluate the mean square of the stage 2 residual, its gradient and Gauss–Newton matrix.

    With ``u = ω + η`` (output instead of ``φ̂``) the residual is ``M_A u`` in nonlinear least
    squares (``"nls"``), and ``u − P_A ω`` where the law is fitted to ``φ̂`` (``"levpet"``).

    Parameters
    ----------
    second : SecondStage
    design : Design
        With the column ``η``.
    delta : (S, J) float array
    definition : {"nls", "levpet"}

    Returns
    -------
    (S,), (S, J) and (S, J, J) float arrays
    """
    law = law_at(second, design, delta, definition == "nls")
    G, e, constant = second.gram, law.xi, 0.0
    if definition == "levpet":
        e = e.copy()
        e[:, design.noise] += 1.0
        # what constant and controls explain of η stays in this residual, whatever β
        constant = float(second.raw[design.noise, design.noise] - G[design.noise, design.noise])
    de = _residual_derivatives(second, design, law)
    Gde = _times(de, G)
    value = np.einsum("sn,sn->s", e, tiled_right(e, G)) + constant
    gradient = 2.0 * np.einsum("sjn,sn->sj", Gde, e)
    return value, gradient, 2.0 * Gde @ de.swapaxes(1, 2)


def score_pairs(
    second: SecondStage, design: Design, delta: Floats, definition: str
) -> list[tuple[Floats, Floats]]:
    """Write the derivative of the stage 2 equations by the Gram matrix as products of two vectors.

    A change ``dG`` of the Gram matrix (more weight on one firm) moves equation j by
    ``Σ_pairs l_j' dG r_j``, law and controls adapting. Row by row, ``Σ_pairs l_jt r_jt`` is then
    the score of equation j, and its derivative by ``φ̂`` follows from that of the columns.

    - moments ``z_j'ξ``: the pair ``(z_j − A(A'A)⁻¹A'z_j, ξ)``;
    - ``"nls"``, half the gradient ``e'∂e/∂δ_j``: the pair ``(∂e/∂δ_j, e)``;
    - ``"levpet"``: with ``a = (A'A)⁻¹A'e`` and
      ``q_j = (A'A)⁻¹(−A'∂e_j − dA_j'e + (A'dA_j + dA_j'A)a)`` the pairs ``(∂e_j, e − Aa)`` and
      ``(Aq_j − dA_j a, ξ)``, since here the law is fitted to something else than ``e``.

    Parameters
    ----------
    second, design
    delta : (J,) float array
    definition : {"moments", "nls", "levpet"}

    Returns
    -------
    list of pairs of (q, N) or (1, N) float arrays
    """
    law = law_at(second, design, delta[None], definition == "nls")
    G, T, TG, inverse = second.gram, law.T[0], law.TG[0], law.inverse[0]
    if definition == "moments":
        z = np.zeros((design.instruments.size, T.shape[1]))
        z[np.arange(z.shape[0]), design.instruments] = 1.0
        return [(z - (inverse @ TG[:, design.instruments]).T @ T, law.xi)]
    de = _residual_derivatives(second, design, law)[0]
    if definition == "nls":
        return [(de, law.xi)]
    e = law.xi[0].copy()
    e[design.noise] += 1.0
    a = inverse @ (TG @ e)
    dT = law.dT[0]
    AdA = np.einsum("kn,jln->jkl", TG, dT)
    adjoint = -de @ TG.T - dT @ (G @ e) + (AdA + AdA.swapaxes(1, 2)) @ a
    r = (adjoint @ inverse) @ T - np.einsum("k,jkn->jn", a, dT)
    return [(de, (e - a @ T)[None]), (r, law.xi)]


def persistence(second: SecondStage, design: Design, delta: Floats) -> Floats:
    """Slope of a regression of ``ω_t`` on ``ω_{t−1}``, constant and controls partialled out.

    Parameters
    ----------
    second : SecondStage
    design : Design
    delta : (S, J) float array

    Returns
    -------
    (S,) float array
        NaN where lagged productivity does not vary.
    """
    law = law_at(second, design, delta)
    first = next(k for k, name in enumerate(design.expansion.names) if name[0] == 1) - 1
    lagged, Gl = law.T[:, first], law.TG[:, first]
    across = np.einsum("sn,sn->s", Gl, law.w)
    within = np.einsum("sn,sn->s", Gl, lagged)
    slopes: Floats = np.full(across.shape, np.nan)
    np.divide(across, within, out=slopes, where=within > 0)
    return slopes


def term_map(design: Design, origin: Floats | None = None) -> tuple[Floats, Floats]:
    """Return ``R`` and ``a`` with ``x̃ = R'x + a``, so that ``β = R b``.

    Parameters
    ----------
    design : Design
    origin : (v,) float array, optional
        The terms ``x`` are those of the inputs less this point; zero by default.

    Returns
    -------
    (J, J) and (J,) float arrays
    """
    location = design.inputs.location - (0.0 if origin is None else origin)
    scale = np.diagonal(design.inputs.matrix)
    index = {t: i for i, t in enumerate(design.terms)}
    R, constant = np.zeros((len(index), len(index))), np.zeros(len(index))
    for column, term in enumerate(design.terms):
        chosen = [j for j, power in enumerate(term) for _ in range(power)]
        R[index[term], column] = float(np.prod(scale[chosen]))
        constant[column] = float(np.prod(-scale[chosen] * location[chosen]))
        if len(chosen) == 2:  # (x₁ − m₁)(x₂ − m₂) = x₁x₂ − m₂x₁ − m₁x₂ + m₁m₂
            for one, other in (chosen, chosen[::-1]):
                linear = tuple(int(j == one) for j in range(len(term)))
                R[index[linear], column] -= scale[one] * scale[other] * location[other]
    return R, constant


def to_raw(design: Design, delta: Floats) -> Floats:
    """Return the coefficients ``β`` of the terms of the inputs as they are.

    Parameters
    ----------
    design : Design
    delta : (S, J) float array
    """
    return np.asarray((design.reference + design.unit * delta) @ term_map(design)[0].T)


def to_delta(design: Design, beta: Floats) -> Floats:
    """Undo `to_raw`.

    Parameters
    ----------
    design : Design
    beta : (S, J) float array
    """
    b = np.linalg.solve(term_map(design)[0], np.asarray(beta, np.float64).T).T
    return np.asarray((b - design.reference) / design.unit)
