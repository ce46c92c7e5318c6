"""What the two-stage estimators look at: the data, the layout of the columns, the columns.

Columns are built block by block as rows of an array, (columns, rows of data), and never kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import BLOCK_ROWS
from tfp_index.kernels.gram import solve_gram, tiled_cross, tiled_left
from tfp_index.kernels.monomials import (
    SAMPLE_ROWS,
    Expansion,
    Exponent,
    Plan,
    Whitening,
    evaluate,
    law_expansion,
    law_monomials,
    plan,
    production_terms,
    total_degree,
    whitening_of,
)

__all__ = [
    "Data",
    "Design",
    "Factor",
    "Survey",
    "firm_blocks",
    "make_design",
    "phi_columns",
    "sample_stride",
    "stage_one_columns",
    "stage_two_columns",
    "stage_two_variables",
    "survey",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Factor:
    """A category: codes in ``range(levels)``; the first level is the base.

    Attributes
    ----------
    codes : (n,) int array
    levels : int
    """

    codes: Ints
    levels: int


@dataclass(frozen=True, slots=True)
class Data:
    """Complete rows of a panel, sorted by firm and time, all columns finite.

    Attributes
    ----------
    y : (n,) float array
        Log output.
    basis : tuple of (n,) float arrays
        Variables of the polynomial ``φ``.
    inputs : tuple of (n,) float arrays
        Inputs whose terms ``x`` are subtracted: ``ω = φ̂ − β'x``.
    offsets : (g + 1,) int array
        Where each firm starts.
    lagged : (n,) bool array
        Whether the row before is the same firm one period earlier.
    linear : tuple of (n,) float arrays
        Further regressors of stage 1: free inputs and controls.
    linear_in_phi : tuple of bool
        Which of them are part of ``φ`` (they shift the proxy, not output).
    factors, factors_in_phi
        The same for categories.
    shifters : tuple of (n,) float arrays
        ``s_t``, already dated as they enter the law at t.
    law_controls : tuple of (n,) float arrays
        ``c_t``.
    law_factors : tuple of Factor
    """

    y: Floats
    basis: tuple[Floats, ...]
    inputs: tuple[Floats, ...]
    offsets: Ints
    lagged: NDArray[np.bool_]
    linear: tuple[Floats, ...] = ()
    linear_in_phi: tuple[bool, ...] = ()
    factors: tuple[Factor, ...] = ()
    factors_in_phi: tuple[bool, ...] = ()
    shifters: tuple[Floats, ...] = ()
    law_controls: tuple[Floats, ...] = ()
    law_factors: tuple[Factor, ...] = ()


@dataclass(frozen=True, slots=True)
class Survey:
    """What the columns are laid out by: counts, and evenly spaced rows.

    The survey of a sample is the sum of the surveys of its parts, as long as no firm is split.

    Attributes
    ----------
    rows, firms, lags : int
        Rows, firms, and rows with a lag.
    totals : (v,) float array
        Sums of the inputs over all rows.
    y : (m,) float array
        Output in every so many rows; so are the following.
    basis, inputs, linear, shifters, law_controls : (·, m) float arrays
    linear_in_phi, factors_in_phi : tuples of bool
    levels, law_levels : tuples of int
        Levels of each category.
    """

    rows: int
    firms: int
    lags: int
    totals: Floats
    y: Floats
    basis: Floats
    inputs: Floats
    linear: Floats
    shifters: Floats
    law_controls: Floats
    linear_in_phi: tuple[bool, ...]
    factors_in_phi: tuple[bool, ...]
    levels: tuple[int, ...]
    law_levels: tuple[int, ...]

    def __add__(self, other: Survey) -> Survey:
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(self, name), getattr(other, name)], axis=-1)
            for name in ("y", "basis", "inputs", "linear", "shifters", "law_controls")
        }
        return replace(
            self,
            rows=self.rows + other.rows,
            firms=self.firms + other.firms,
            lags=self.lags + other.lags,
            totals=self.totals + other.totals,
            **joined,
        )


@dataclass(frozen=True, slots=True)
class Design:
    """Everything about the columns that does not depend on the estimates.

    Attributes
    ----------
    basis : Whitening
    basis_plan : Plan
    orthogonal : bool
    linear, inputs, shifters, law_controls : Whitening
        Location and spread only.
    terms : tuple of exponents
        Production terms in the standardized inputs.
    reference : (J,) float array
        ``b₀``: coefficients of the standardized terms around which ``ω₀ = φ̂ − b₀'x`` is formed.
    unit : float
        Spread of ``ω₀``; stage 2 works in this unit.
    center : float
        About the mean of output; stage 1 works in output less this.
    linear_in_phi, levels, factors_in_phi, law_levels
        What stands beside the polynomials; see `Survey`.
    columns : Plan
        Columns of stage 2 as monomials of (ω₀ lagged, inputs lagged, s, ω₀, inputs, η, c).
    expansion : Expansion
    response : int
        Column of ``ω₀`` at t.
    noise : int
        Column of the stage 1 residual ``η``, -1 when it plays no part.
    x, instruments : int arrays, (J,) and (q,)
    controls : int array
        Columns partialled out: the constant and ``c``.
    """

    basis: Whitening
    basis_plan: Plan
    orthogonal: bool
    linear: Whitening | None
    inputs: Whitening
    shifters: Whitening | None
    law_controls: Whitening | None
    terms: tuple[Exponent, ...]
    reference: Floats
    unit: float
    center: float
    linear_in_phi: tuple[bool, ...]
    levels: tuple[int, ...]
    factors_in_phi: tuple[bool, ...]
    law_levels: tuple[int, ...]
    columns: Plan
    expansion: Expansion
    response: int
    noise: int
    x: Ints
    instruments: Ints
    controls: Ints


def firm_blocks(offsets: Ints, size: int = BLOCK_ROWS) -> list[tuple[int, int]]:
    """Cut the firms into runs of about `size` rows, whole firms each.

    Returns
    -------
    list of (first firm, firm after the last)

    Examples
    --------
    >>> firm_blocks(np.array([0, 2, 4, 6, 8]), size=4)
    [(0, 2), (2, 4)]
    """
    firms = offsets.shape[0] - 1
    cuts = [0]
    while cuts[-1] < firms:
        target = int(offsets[cuts[-1]]) + size
        after = int(np.searchsorted(offsets, target, side="right")) - 1
        cuts.append(min(max(after, cuts[-1] + 1), firms))
    return list(pairwise(cuts))


def survey(data: Data, stride: int | None = None) -> Survey:
    """Count the rows and take every so many of them.

    Parameters
    ----------
    data : Data
    stride : int, optional
        Take one row in so many; by default enough for some `SAMPLE_ROWS`. Parts of one sample are
        to be surveyed with the stride of the whole, `sample_stride` of its rows.
    """
    stride = sample_stride(data.y.shape[0]) if stride is None else stride

    def every(columns: Sequence[Floats]) -> Floats:
        some = data.y[::stride].shape[0]
        return np.array([c[::stride] for c in columns], np.float64).reshape(len(columns), some)

    return Survey(
        rows=data.y.shape[0],
        firms=data.offsets.shape[0] - 1,
        lags=int(data.lagged.sum()),
        totals=np.array([x.sum() for x in data.inputs], np.float64),
        y=data.y[::stride],
        basis=every(data.basis),
        inputs=every(data.inputs),
        linear=every(data.linear),
        shifters=every(data.shifters),
        law_controls=every(data.law_controls),
        linear_in_phi=tuple(data.linear_in_phi),
        factors_in_phi=tuple(data.factors_in_phi),
        levels=tuple(f.levels for f in data.factors),
        law_levels=tuple(f.levels for f in data.law_factors),
    )


def sample_stride(rows: int) -> int:
    """Return in how many rows one is taken to lay out the columns.

    Examples
    --------
    >>> sample_stride(100), sample_stride(1_000_000)
    (1, 61)
    """
    return max(1, rows // SAMPLE_ROWS)


def make_design(
    of: Data | Survey,
    *,
    form: str | int = "cobb_douglas",
    basis_degree: int = 3,
    law_degree: int = 3,
    current: Sequence[bool],
    noise: bool = False,
    orthogonal: bool = True,
) -> Design:
    """Lay out the columns of both stages.

    Locations and spreads come from evenly spaced rows: they condition the algebra, nothing else.

    Parameters
    ----------
    of : Data or Survey
    form : {"cobb_douglas", "translog"} or int
        Or the total degree of the production terms.
    basis_degree, law_degree : int
    current : sequence of bool
        For each input whether its instrument is dated t (it was chosen before ``ξ_t``) or t − 1.
    noise : bool
        Whether stage 2 needs the residual of stage 1.
    orthogonal : bool
        Hermite polynomials in place of powers in stage 1.
    """
    known = survey(of) if isinstance(of, Data) else of
    v, ns, nc = len(known.inputs), len(known.shifters), len(known.law_controls)
    terms = production_terms(v, form)
    partial = known.y.shape[0] < known.rows
    basis = whitening_of(known.basis, partial=partial)
    inputs = whitening_of(known.inputs, correlated=True)
    reference, unit = _reference(known, inputs, terms)

    def scaled(columns: Floats) -> Whitening | None:
        return whitening_of(columns, correlated=True) if len(columns) else None

    return Design(
        basis=basis,
        basis_plan=_plan(total_degree(len(basis.kept), basis_degree)),
        orthogonal=orthogonal,
        linear=scaled(known.linear),
        inputs=inputs,
        shifters=scaled(known.shifters),
        law_controls=scaled(known.law_controls),
        terms=terms,
        reference=reference,
        unit=unit,
        center=float(known.y.mean()),
        linear_in_phi=known.linear_in_phi,
        levels=known.levels,
        factors_in_phi=known.factors_in_phi,
        law_levels=known.law_levels,
        **_layout(v, ns, nc, terms, law_degree, tuple(bool(c) for c in current), noise),
    )


@lru_cache(maxsize=64)
def _plan(exponents: tuple[Exponent, ...]) -> Plan:
    """Order some monomials once for all groups and blocks."""
    return plan(exponents)


@lru_cache(maxsize=64)
def _layout(
    v: int,
    ns: int,
    nc: int,
    terms: tuple[Exponent, ...],
    law_degree: int,
    current: tuple[bool, ...],
    noise: bool,
) -> dict[str, Any]:
    """Lay out the columns of stage 2; nothing here depends on a sample."""
    # variables of stage 2: ω₀(t−1), inputs(t−1), s, ω₀(t), inputs(t), η, c
    width = 1 + v + ns + 1 + v + 1 + nc
    lag, s0, now, x0, eta = 1, 1 + v, 1 + v + ns, 2 + v + ns, 2 + 2 * v + ns

    def lift(powers: Sequence[int], positions: Sequence[int]) -> Exponent:
        exponent = [0] * width
        for power, position in zip(powers, positions, strict=True):
            exponent[position] += power
        return tuple(exponent)

    lagged_terms = [lift(t, range(lag, lag + v)) for t in terms]
    current_terms = [lift(t, range(x0, x0 + v)) for t in terms]
    dated = [x0 + j if current[j] else lag + j for j in range(v)]
    instruments = [lift(t, dated) for t in terms]
    shift = list(range(s0, s0 + ns))
    wanted = [*law_monomials(width, 0, lagged_terms, shift, law_degree), *current_terms]
    wanted += [*instruments, lift([1], [now])] + ([lift([1], [eta])] if noise else [])
    wanted += [lift([1], [eta + 1 + j]) for j in range(nc)]
    columns = plan(wanted)
    return {
        "columns": columns,
        "expansion": law_expansion(columns, 0, lagged_terms, shift, law_degree),
        "response": columns.index[lift([1], [now])],
        "noise": columns.index[lift([1], [eta])] if noise else -1,
        "x": np.array([columns.index[e] for e in current_terms]),
        "instruments": np.array([columns.index[e] for e in instruments]),
        "controls": np.array([0, *(columns.index[lift([1], [eta + 1 + j])] for j in range(nc))]),
    }


def _reference(known: Survey, inputs: Whitening, terms: Sequence[Exponent]) -> tuple[Floats, float]:
    """Least squares of output on terms and linear regressors."""
    made = _plan(tuple(terms))
    x = evaluate(inputs.apply(tuple(known.inputs), slice(None)), made)
    columns = np.stack([x[0], *(x[made.index[t]] for t in terms), *known.linear])
    y = known.y - known.y.mean()
    b, *_ = solve_gram(tiled_cross(columns, columns), tiled_cross(columns, y[None])[:, 0])
    unit = float(np.std(y - tiled_left(b, columns)))
    spread = float(np.std(y))
    # a perfect fit would give no unit to work in
    unit = max(unit, 1e-6 * spread) or 1.0
    return b[1 : 1 + len(terms)], unit


def stage_one_columns(data: Data, design: Design, rows: slice, *, output: bool = False) -> Floats:
    """Return the (p₀, rows) columns of stage 1 without the categories: basis, linear.

    With `output` a last column holds output less its center.
    """
    p = len(design.basis_plan)
    p0 = p + len(data.linear)
    out = np.empty((p0 + output, rows.stop - rows.start))
    z = design.basis.apply(data.basis, rows)
    evaluate(z, design.basis_plan, orthogonal=design.orthogonal, out=out[:p])
    if design.linear is not None:
        out[p:p0] = design.linear.apply(data.linear, rows)
    if output:
        np.subtract(data.y[rows], design.center, out=out[p0])
    return out


def phi_columns(design: Design) -> Ints:
    """Return which coefficients of stage 1 make up ``φ̂``."""
    p = len(design.basis_plan)
    chosen = list(range(p)) + [p + j for j, yes in enumerate(design.linear_in_phi) if yes]
    at = p + len(design.linear_in_phi)
    for levels, yes in zip(design.levels, design.factors_in_phi, strict=True):
        if yes:
            chosen += range(at, at + levels - 1)
        at += levels - 1
    return np.array(chosen, np.int64)


def stage_two_columns(
    data: Data, design: Design, rows: slice, phi: Floats, eta: Floats, center: float
) -> Floats:
    """Return the (N, rows − 1) columns of stage 2; those of rows without a lag are zero.

    Column ``i`` belongs to row ``rows.start + i + 1``.
    """
    z, mask = stage_two_variables(data, design, rows, phi, eta, center)
    columns = evaluate(z, design.columns)
    columns[0] = mask
    return columns


def stage_two_variables(
    data: Data, design: Design, rows: slice, phi: Floats, eta: Floats, center: float
) -> tuple[Floats, Floats]:
    """Return the (w, rows − 1) variables of stage 2, zero in rows without a lag, and who has one.

    Column ``i`` belongs to row ``rows.start + i + 1``.
    """
    v = design.inputs.apply(data.inputs, rows)
    made = _plan(design.terms)
    x = evaluate(v, made)
    b0 = np.zeros(len(made))
    b0[[made.index[t] for t in design.terms]] = design.reference
    omega = (phi - center - tiled_left(b0, x)) / design.unit
    now = slice(rows.start + 1, rows.stop)
    parts = [omega[None, :-1], v[:, :-1]]
    if design.shifters is not None:
        parts.append(design.shifters.apply(data.shifters, now))
    parts += [omega[None, 1:], v[:, 1:], eta[None, 1:] / design.unit]
    if design.law_controls is not None:
        parts.append(design.law_controls.apply(data.law_controls, now))
    mask = data.lagged[now].astype(np.float64)
    z = np.concatenate(parts)
    z *= mask
    return z, mask
