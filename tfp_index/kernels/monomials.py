"""Polynomial bases of total degree, and the expansion of a law of motion in monomials.

Columns of a basis are rows of an array here, shape (columns, rows of data), so that each is
contiguous and each costs one multiplication of two others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.gram import tiled_left

__all__ = [
    "Expansion",
    "Plan",
    "Whitening",
    "closure",
    "evaluate",
    "expand_law",
    "expand_law_derivative",
    "law_expansion",
    "law_monomials",
    "plan",
    "production_terms",
    "total_degree",
    "whitening",
    "whitening_of",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Exponent = tuple[int, ...]

SAMPLE_ROWS = 16_384
"""Rows from which location and spread are taken: they condition the algebra, nothing else."""

COLLINEAR = 1e-7
"""A variable is a combination of others when less than this share of its spread is its own."""


@dataclass(frozen=True, slots=True)
class Whitening:
    """Affine map ``z = W (x − location)`` to uncorrelated variables of unit spread.

    Polynomials of a total degree in ``z`` span the same space as those in ``x``.

    Attributes
    ----------
    location : (v,) float array
    matrix : (k, v) float array
        ``W``, lower triangular on the kept variables; ``k ≤ v``.
    kept, dropped : tuples of int
        Variables that carry something new, and those that are combinations of them.
    """

    location: Floats
    matrix: Floats
    kept: tuple[int, ...]
    dropped: tuple[int, ...]

    def apply(self, columns: Sequence[Floats], rows: slice) -> Floats:
        """Return the (k, rows) whitened variables of some rows."""
        x = np.stack([column[rows] for column in columns])
        x -= self.location[:, None]
        return tiled_left(self.matrix, x)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to build monomials one from another.

    Attributes
    ----------
    exponents : tuple of tuples of int
        One per column; a set that holds with a monomial all its divisors, the constant first.
    steps : tuple of (int, int)
        Columns whose product is this one; (-1, variable) for a variable itself, (-1, -1) for the
        constant.
    index : dict
        Where a monomial stands.
    """

    exponents: tuple[Exponent, ...]
    steps: tuple[tuple[int, int], ...]
    index: dict[Exponent, int]

    def __len__(self) -> int:
        return len(self.exponents)


@dataclass(frozen=True, slots=True)
class Expansion:
    """``ω^p s^r`` with ``ω = ω₀ − δ'x`` as combinations of monomials of ``(ω₀, x, s)``.

    Attributes
    ----------
    columns : int
        ``N``, columns of the plan that the monomials live in.
    powers : tuple of (int, int, int)
        For each law term: its power ``p``, the term with power ``p − 1`` (-1 if none), and its
        own monomial when ``p = 0``. Term 0 is the constant.
    shifts : tuple of tuples of pairs of int arrays
        For each law term with ``p > 0``, and ``ω₀`` and then each ``x_j``: the columns that the
        term with power ``p − 1`` has, and the columns of their products with it.
    names : tuple of (int, tuple)
        ``(p, r)`` of each law term.
    """

    columns: int
    powers: tuple[tuple[int, int, int], ...]
    shifts: tuple[tuple[tuple[Ints, Ints], ...], ...]
    names: tuple[tuple[int, Exponent], ...]


def total_degree(variables: int, degree: int) -> tuple[Exponent, ...]:
    """Return all exponents of `variables` variables up to a total degree, lowest first.

    Examples
    --------
    >>> total_degree(2, 2)
    ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    """
    return tuple(
        tuple(chosen.count(j) for j in range(variables))
        for total in range(degree + 1)
        for chosen in combinations_with_replacement(range(variables), total)
    )


def production_terms(inputs: int, form: str | int) -> tuple[Exponent, ...]:
    """Return the exponents of the terms of a log production function, without the constant.

    Parameters
    ----------
    inputs : int
    form : {"cobb_douglas", "translog"} or int
        Or the total degree of a polynomial.

    Examples
    --------
    >>> production_terms(2, "translog")
    ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    """
    degree = {"cobb_douglas": 1, "translog": 2}[form] if isinstance(form, str) else form
    return total_degree(inputs, degree)[1:]


def closure(exponents: Iterable[Exponent]) -> tuple[Exponent, ...]:
    """Add all divisors of the given monomials, and sort by degree.

    Examples
    --------
    >>> closure([(1, 1)])
    ((0, 0), (1, 0), (0, 1), (1, 1))
    """
    found: set[Exponent] = set()
    waiting = list(exponents)
    while waiting:
        exponent = waiting.pop()
        if exponent in found:
            continue
        found.add(exponent)
        for j, power in enumerate(exponent):
            if power:
                waiting.append((*exponent[:j], power - 1, *exponent[j + 1 :]))
    return tuple(sorted(found, key=lambda e: (sum(e), tuple(-p for p in e))))


def plan(exponents: Iterable[Exponent]) -> Plan:
    """Order the closure of some monomials so that each is a product of two earlier ones.

    Examples
    --------
    >>> plan([(2, 1)]).steps
    ((-1, -1), (-1, 0), (-1, 1), (1, 1), (1, 2), (3, 2))
    """
    ordered = closure(exponents)
    index = {exponent: i for i, exponent in enumerate(ordered)}
    steps = []
    for exponent in ordered:
        if sum(exponent) == 0:
            steps.append((-1, -1))
        elif sum(exponent) == 1:
            steps.append((-1, exponent.index(1)))
        else:
            last = max(j for j, power in enumerate(exponent) if power)
            pure = tuple(power if j == last else 0 for j, power in enumerate(exponent))
            if pure == exponent:  # a power of one variable: one lower, times the variable
                pure = tuple(int(j == last) for j in range(len(exponent)))
            rest = tuple(a - b for a, b in zip(exponent, pure, strict=True))
            steps.append((index[rest], index[pure]))
    return Plan(ordered, tuple(steps), index)


def evaluate(
    z: Floats, made: Plan, *, orthogonal: bool = False, out: Floats | None = None
) -> Floats:
    """Evaluate the columns of a plan.

    Parameters
    ----------
    z : (v, n) float array
        The variables.
    made : Plan
    orthogonal : bool
        In place of powers the Hermite polynomials ``He_k / √k!``, orthonormal for normal
        variables: the same space when the plan is of a total degree, better conditioned.
    out : (len(made), n) float array, optional

    Returns
    -------
    (len(made), n) float array

    Examples
    --------
    >>> evaluate(np.array([[2.0], [3.0]]), plan([(2, 1)]))[:, 0]
    array([ 1.,  2.,  3.,  4.,  6., 12.])
    >>> evaluate(np.array([[2.0]]), plan([(2,)]), orthogonal=True)[2] * np.sqrt(2)
    array([3.])
    """
    columns = np.empty((len(made), z.shape[1])) if out is None else out
    for i, (first, second) in enumerate(made.steps):
        if second < 0:
            columns[i] = 1.0
        elif first < 0:
            columns[i] = z[second]
        else:
            np.multiply(columns[first], columns[second], out=columns[i])
            exponent = made.exponents[i]
            k = max(exponent)
            if orthogonal and k == sum(exponent):  # √k h_k = z h_{k−1} − √(k−1) h_{k−2}
                lower = tuple(k - 2 if power else 0 for power in exponent)
                columns[i] -= np.sqrt(k - 1) * columns[made.index[lower]]
                columns[i] /= np.sqrt(k)
    return columns


def whitening(
    columns: Sequence[Floats], *, correlated: bool = False, rows: int = SAMPLE_ROWS
) -> Whitening:
    """Choose location and spread from evenly spaced rows.

    Parameters
    ----------
    columns : sequence of (n,) float arrays
    correlated : bool
        True to only center and scale each variable.
    rows : int
        About how many rows to look at.

    Examples
    --------
    >>> x = np.array([0.0, 2.0, 4.0, 6.0])
    >>> found = whitening([x, x * x, 3 * x - 1])
    >>> found.kept, found.dropped
    ((0, 1), (2,))
    >>> z = found.apply([x, x * x, 3 * x - 1], slice(None))
    >>> np.round(z @ z.T / 4, 12) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    stride = max(1, columns[0].shape[0] // rows)
    x = np.stack([column[::stride] for column in columns])
    return whitening_of(x, correlated=correlated, partial=stride > 1)


def whitening_of(x: Floats, *, correlated: bool = False, partial: bool = False) -> Whitening:
    """Choose location and spread from these rows.

    Parameters
    ----------
    x : (v, m) float array
    correlated : bool
        True to only center and scale each variable.
    partial : bool
        Whether there are rows that are not among these: a variable that does not vary here may
        vary there.

    Examples
    --------
    >>> whitening_of(np.array([[1.0, 3.0]])).location
    array([2.])
    """
    columns = x.shape[0]
    location = x.mean(axis=1)
    x = x - location[:, None]
    spread = np.sqrt(np.mean(x * x, axis=1))
    # a variable without spread in the sample keeps its unit
    still = spread <= 1e-12 * np.maximum(np.abs(location), 1e-300)
    scale = np.where(still, 1.0, spread)
    if correlated:
        return Whitening(location, np.diag(1.0 / scale), tuple(range(columns)), ())
    x /= scale[:, None]
    kept: list[int] = []
    dropped: list[int] = []
    maps: list[Floats] = []
    done = np.zeros((0, x.shape[1]))
    for j in range(columns):
        row = np.zeros(columns)
        row[j] = 1.0
        new = x[j]
        for _ in range(2):  # twice orthogonalizes to working accuracy
            weights = np.einsum("ij,j->i", done, new) / x.shape[1]
            new = new - np.einsum("i,ij->j", weights, done)
            row -= weights @ np.array(maps).reshape(len(maps), -1) if maps else 0.0
        own = float(np.sqrt(np.mean(new * new)))
        if own > COLLINEAR or (still[j] and partial):
            own = own if own > COLLINEAR else 1.0
            kept.append(j)
            maps.append(row / own)
            done = np.concatenate([done, (new / own)[None]])
        else:
            dropped.append(j)
    matrix = np.array(maps).reshape(len(maps), columns) / scale
    return Whitening(location, matrix, tuple(kept), tuple(dropped))


def law_expansion(
    made: Plan,
    omega: int,
    terms: Sequence[Exponent],
    shifters: Sequence[int],
    degree: int,
) -> Expansion:
    """Prepare the expansion of a polynomial law of motion.

    Parameters
    ----------
    made : Plan
        Holds every monomial of `law_monomials`.
    omega : int
        Variable ``ω₀`` in the plan's exponents.
    terms : sequence of exponents
        The production terms ``x_j``, as monomials of the plan's variables.
    shifters : sequence of int
        Variables ``s`` in the plan's exponents.
    degree : int
        Highest total degree in ``(ω, s)``.
    """
    width = len(made.exponents[0])
    unit = [tuple(int(i == j) for i in range(width)) for j in range(width)]
    names = tuple((e[0], e[1:]) for e in total_degree(1 + len(shifters), degree))
    where = {name: k for k, name in enumerate(names)}
    powers = []
    for p, r in names:
        own = tuple(sum(r[i] for i, s in enumerate(shifters) if s == j) for j in range(width))
        powers.append((p, where[p - 1, r] if p else -1, made.index[own] if not p else -1))
    shifts: list[tuple[tuple[Ints, Ints], ...]] = []
    holds: list[list[int]] = []
    for p, lower, column in powers:
        moves = []
        for factor in (unit[omega], *terms) if p else ():
            pairs = [
                (
                    i,
                    made.index[
                        tuple(a + b for a, b in zip(made.exponents[i], factor, strict=True))
                    ],
                )
                for i in holds[lower]
            ]
            pair = np.array(pairs, np.int64).reshape(-1, 2)
            moves.append((pair[:, 0], pair[:, 1]))
        shifts.append(tuple(moves))
        holds.append(sorted({int(i) for _, target in moves for i in target}) if p else [column])
    return Expansion(len(made), tuple(powers), tuple(shifts), names)


def law_monomials(
    width: int, omega: int, terms: Sequence[Exponent], shifters: Sequence[int], degree: int
) -> tuple[Exponent, ...]:
    """Return every monomial that ``ω^p s^r`` with ``p + |r| ≤ degree`` needs.

    Examples
    --------
    >>> law_monomials(2, 0, [(0, 1)], [], 2)
    ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0))
    """
    unit = [tuple(int(i == j) for i in range(width)) for j in range(width)]

    def times(a: Exponent, b: Exponent) -> Exponent:
        return tuple(i + j for i, j in zip(a, b, strict=True))

    levels: list[set[Exponent]] = [{(0,) * width}]
    for _ in range(degree):
        levels.append({times(e, f) for e in levels[-1] for f in (unit[omega], *terms)})
    found = set()
    for r in total_degree(len(shifters), degree):
        factor = tuple(sum(r[i] for i, s in enumerate(shifters) if s == j) for j in range(width))
        for level in levels[: degree - sum(r) + 1]:
            found |= {times(e, factor) for e in level}
    return tuple(sorted(found))


def expand_law(expansion: Expansion, delta: Floats) -> Floats:
    """Return the coefficients of the law terms on the plan's columns, for many points at once.

    ``ω^p = ω^{p−1} (ω₀ − Σ_j δ_j x_j)``, one power after the other.

    Parameters
    ----------
    expansion : Expansion
    delta : (S, J) float array

    Returns
    -------
    (S, K, N) float array
        The constant first.
    """
    T = np.zeros((delta.shape[0], len(expansion.powers), expansion.columns))
    for k, (p, lower, own) in enumerate(expansion.powers):
        if p == 0:
            T[:, k, own] = 1.0
            continue
        for j, (source, target) in enumerate(expansion.shifts[k]):
            moved = T[:, lower][:, source]
            T[:, k, target] += moved if j == 0 else -delta[:, j - 1, None] * moved
    return T


def expand_law_derivative(expansion: Expansion, T: Floats) -> Floats:
    """Return ``∂T/∂δ_j``: ``∂ω^p/∂δ_j = −p ω^{p−1} x_j``.

    Parameters
    ----------
    expansion : Expansion
    T : (S, K, N) float array
        From `expand_law`.

    Returns
    -------
    (S, J, K, N) float array
    """
    inputs = max(len(moves) for moves in expansion.shifts) - 1
    dT = np.zeros((T.shape[0], inputs, *T.shape[1:]))
    for k, (p, lower, _) in enumerate(expansion.powers):
        if p:
            for j, (source, target) in enumerate(expansion.shifts[k][1:]):
                dT[:, j, k, target] = -p * T[:, lower][:, source]
    return dT
