"""Growth accounting row by row, in blocks: growth, contributions and the residual.

Notation: Y output, X_j inputs, v_j their shares, t the row's period and t-1 the row before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import BLOCK_ROWS, map_blocks
from tfp_index.kernels.groups import STATUS_OK, running_sums

__all__ = [
    "STATUS_MISSING",
    "GrowthTerms",
    "ShareRule",
    "StepShare",
    "chain_index",
    "growth_terms",
    "input_index_terms",
    "log_mean",
]

Floats = NDArray[np.float64]
Flags = NDArray[np.int8]

STATUS_MISSING = 3
"""The row before is the previous period, but a value or share is missing in one of the two."""


@dataclass(frozen=True, slots=True)
class StepShare:
    """A share that holds from one period until the next step.

    Attributes
    ----------
    time : (n,) int64 array
        Period of each row.
    starts : (m,) int64 array, ascending
        Period from which each value holds; before the first there is no share.
    values : (m,) float array
    """

    time: NDArray[np.int64]
    starts: NDArray[np.int64]
    values: Floats


@dataclass(frozen=True, slots=True)
class ShareRule:
    """Where the shares come from.

    Attributes
    ----------
    sources : k of (n,) float array, `StepShare`, float or None
        Share of each input; None for the input that gets the remainder to one.
    timing : {"average", "current", "lagged"}
        Which of the two periods of a growth rate an array is read at; the others have no period.
    """

    sources: Sequence[Floats | StepShare | float | None]
    timing: str = "current"


@dataclass(frozen=True, slots=True)
class GrowthTerms:
    """Terms of growth accounting.

    Attributes
    ----------
    output_growth : (n,) float array
    input_growth : (k, n) float array
    contributions : (k, n) float array
    tfp_growth : (n,) float array
        The residual as a growth rate.
    tfp_contribution : (n,) float array
        What it adds to output growth; the same array unless the residual is a ratio.
    status : (n,) int8 array
        Why a row has no value: ``kernels.groups.STATUS_*`` or `STATUS_MISSING`.
    invalid : (1 + k,) int array
        Values of output and of each input that are infinite or (unless logs) not above zero and
        stand in blocks where they spoil a growth rate; 0 means that there are none.
    largest : (1 + k,) float array
        Largest absolute growth of output and of each input.
    missing : (1,) int array
        Rows whose status is `STATUS_MISSING`.
    share_range : (2,) float array
        Smallest and largest entry of the share columns; infinite where there are none.
    """

    output_growth: Floats
    input_growth: Floats
    contributions: Floats
    tfp_growth: Floats
    tfp_contribution: Floats
    status: Flags
    invalid: NDArray[np.int64]
    largest: Floats
    missing: NDArray[np.int64]
    share_range: Floats


def log_mean(a: Floats, b: Floats) -> Floats:
    """Return the logarithmic mean (a - b) / (ln a - ln b), and a where both are equal.

    Near equality the quotient loses digits, so there the series
    L = √(ab) (1 + d²/24 + d⁴/1920), d = ln(a/b), is used.

    Examples
    --------
    >>> log_mean(np.array([2.0, 3.0]), np.array([1.0, 3.0])).round(6)
    array([1.442695, 3.      ])
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        d = np.log(a / b)
        quotient = (a - b) / d
        near = np.sqrt(a * b) * (1 + d**2 / 24 + d**4 / 1920)
    return np.where(np.abs(d) < 1e-3, near, quotient)


def growth_terms(
    output: Floats,
    inputs: Sequence[Floats],
    shares: ShareRule,
    lag_status: Flags,
    *,
    growth: str,
    residual: str = "arithmetic",
    logs: bool = False,
    threads: int | None = None,
) -> GrowthTerms:
    r"""Split output growth into input contributions and a residual.

    With ``growth="log"``, g_z = ln z_t − ln z_{t−1}; with ``"discrete"``, g_z = z_t/z_{t−1} − 1.
    ``residual="arithmetic"``: contribution_j = v_j g_j and g_TFP = g_Y − Σ_j v_j g_j.
    ``"geometric"`` and ``"ratio"`` (discrete growth only): see `input_index_terms`.

    Parameters
    ----------
    output : (n,) float array
    inputs : k arrays (n,)
    shares : ShareRule
    lag_status : (n,) int8 array
        `kernels.groups.lag_status` of the sorted panel.
    growth : {"log", "discrete"}
    residual : {"arithmetic", "geometric", "ratio"}
    logs : bool
        Whether output and inputs are natural logs already.
    threads : int, optional

    Returns
    -------
    GrowthTerms
        Rows without a value are NaN and say why in ``status``. Zero, negative and infinite values
        are counted in ``invalid``; where there are any, the growth beside them means nothing.
    """
    n, k = output.shape[0], len(inputs)
    terms = _empty_terms(n, k, lag_status, residual == "ratio")
    share_columns = [source for source in shares.sources if isinstance(source, np.ndarray)]
    levels = (output, *inputs)
    growths = (terms.output_growth, *terms.input_growth)

    def work(rows: slice) -> tuple[list[int], list[float], list[float], int]:
        # one row before the block, for its first difference; row 0 has none
        wide = slice(max(rows.start - 1, 0), rows.stop)
        here = slice(max(rows.start, 1), rows.stop)
        absent = np.flatnonzero(terms.status[rows] != STATUS_OK)  # int8 itself is slow to scan
        largest = []
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for level, g in zip(levels, growths, strict=True):
                _differences(level[wide], g[here], growth, logs)
                g[rows][absent] = np.nan  # and so is everything made of it
                largest.append(_largest(g[rows]))
            _residual(terms, rows, _share_rows(shares, rows), residual)
        unexplained = _explain(terms, rows, absent.shape[0])
        ends = _share_ends(share_columns, rows)
        # a zero or an infinity shows as infinite growth of logs, a negative number as a missing
        # one; rates show neither, so there every level is looked at
        if unexplained or growth == "discrete" or not np.isfinite(largest).all():
            return [_invalid(level[wide], logs) for level in levels], largest, ends, unexplained
        return [0] * (1 + k), largest, ends, unexplained

    # few temporaries and some thirty calls a block: longer blocks than usual pay
    for invalid, largest, ends, unexplained in map_blocks(
        work, n, size=2 * BLOCK_ROWS, threads=threads
    ):
        terms.invalid[:] += invalid
        np.maximum(terms.largest, largest, out=terms.largest)
        terms.missing[0] += unexplained
        terms.share_range[0] = min(terms.share_range[0], ends[0])
        terms.share_range[1] = max(terms.share_range[1], ends[1])
    return terms


def _empty_terms(n: int, k: int, lag_status: Flags, ratio: bool) -> GrowthTerms:
    tfp = np.empty(n)
    return GrowthTerms(
        output_growth=np.empty(n),
        input_growth=np.empty((k, n)),
        contributions=np.empty((k, n)),
        tfp_growth=tfp,
        tfp_contribution=np.empty(n) if ratio else tfp,
        status=lag_status.copy(),
        invalid=np.zeros(1 + k, np.int64),
        largest=np.zeros(1 + k),
        missing=np.zeros(1, np.int64),
        share_range=np.array([np.inf, -np.inf]),
    )


def _share_ends(columns: Sequence[Floats], rows: slice) -> list[float]:
    lows = [np.fmin.reduce(column[rows], initial=np.inf) for column in columns]
    highs = [np.fmax.reduce(column[rows], initial=-np.inf) for column in columns]
    return [min(lows, default=np.inf), max(highs, default=-np.inf)]


def _invalid(values: Floats, logs: bool) -> int:
    bad = np.isinf(values) if logs else np.isinf(values) | (values <= 0)
    return int(np.count_nonzero(bad))


def _largest(growth: Floats) -> float:
    high = np.fmax.reduce(growth, initial=0.0)
    low = np.fmin.reduce(growth, initial=0.0)
    return float(max(high, -low))


def _residual(terms: GrowthTerms, rows: slice, v: Sequence[Floats | float], residual: str) -> None:
    if residual != "arithmetic":
        contributions, tfp, tfp_contribution = input_index_terms(
            terms.output_growth[rows],
            terms.input_growth[:, rows],
            v,
            ratio=residual == "ratio",
        )
        terms.contributions[:, rows] = contributions
        terms.tfp_growth[rows] = tfp
        terms.tfp_contribution[rows] = tfp_contribution
        return
    tfp, rest = terms.tfp_growth[rows], terms.output_growth[rows]
    for j, share in enumerate(v):
        contribution = terms.contributions[j, rows]
        np.multiply(share, terms.input_growth[j, rows], out=contribution)
        np.subtract(rest, contribution, out=tfp)
        rest = tfp


def _differences(values: Floats, out: Floats, growth: str, logs: bool) -> None:
    if values.shape[0] < 2:
        return
    if growth == "log":
        level = values if logs else np.log(values)
        np.subtract(level[1:], level[:-1], out=out)
    elif logs:
        np.subtract(values[1:], values[:-1], out=out)
        np.expm1(out, out=out)
    else:
        np.divide(values[1:], values[:-1], out=out)
        np.subtract(out, 1.0, out=out)


def _share_rows(shares: ShareRule, rows: slice) -> list[Floats | float]:
    """Return the share of each input for the rows of a block, the remainder filled in."""
    timed: list[Floats | float | None] = []
    for source in shares.sources:
        if isinstance(source, StepShare):
            step = np.searchsorted(source.starts, source.time[rows], side="right") - 1
            timed.append(np.where(step >= 0, source.values[step], np.nan))
        elif source is None or isinstance(source, float):
            timed.append(source)
        else:
            timed.append(_timed(source, rows, shares.timing))
    known = [v for v in timed if v is not None]
    rest = 1.0 - sum(known[1:], start=known[0]) if known else 1.0
    return [rest if v is None else v for v in timed]


def _timed(column: Floats, rows: slice, timing: str) -> Floats:
    if timing == "current":
        return column[rows]
    before = np.empty(rows.stop - rows.start)
    if rows.start:
        before[:] = column[rows.start - 1 : rows.stop - 1]
    else:
        before[0] = np.nan
        before[1:] = column[: rows.stop - 1]
    if timing == "average":
        before += column[rows]
        before *= 0.5
    return before


def _explain(terms: GrowthTerms, rows: slice, absent: int) -> int:
    """Mark and count rows whose growth is missing although the period before is there."""
    missing = np.isnan(terms.tfp_growth[rows])
    unexplained = int(np.count_nonzero(missing)) - absent
    if unexplained:
        status = terms.status[rows]
        status[missing & (status == STATUS_OK)] = STATUS_MISSING
        for column in (*terms.contributions, terms.tfp_contribution):
            column[rows][missing] = np.nan
    return unexplained


def input_index_terms(
    g_output: Floats, g_inputs: Floats, shares: Sequence[Floats | float], *, ratio: bool
) -> tuple[Floats, Floats, Floats]:
    r"""Terms under the geometric input index I_N = Π_j I_j^{v_j}, with I = 1 + g.

    Difference residual: g_TFP = I_Y − I_N, contribution_j = v_j ln I_j · L(I_N, 1), where L is
    the logarithmic mean, so that contributions sum to I_N − 1 exactly.
    Ratio residual: A = I_Y / I_N, g_TFP = A − 1, contribution_j = v_j ln I_j · L(I_Y, 1) and the
    contribution of TFP is ln A · L(I_Y, 1); together they sum to g_Y exactly.

    Parameters
    ----------
    g_output : (n,) float array
    g_inputs : (k, n) float array
    shares : k floats or (n,) float arrays
    ratio : bool

    Returns
    -------
    contributions : (k, n) float array
    tfp_growth, tfp_contribution : (n,) float arrays
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_inputs = np.log1p(g_inputs)
        weighted = np.stack([v * row for v, row in zip(shares, log_inputs, strict=True)])
        log_n = weighted.sum(axis=0)
        index_n = np.exp(log_n)
        one = np.ones_like(index_n)
        index_y = 1.0 + g_output
        if ratio:
            scale = log_mean(index_y, one)
            log_a = np.log(index_y) - log_n
            return weighted * scale, np.expm1(log_a), log_a * scale
        tfp = index_y - index_n
        return weighted * log_mean(index_n, one), tfp, tfp


def chain_index(
    growth: Floats,
    status: Flags,
    *,
    log: bool,
) -> tuple[Floats, NDArray[np.int64]]:
    """Chain growth into the log of an index that starts at 0 in each unbroken run of rows.

    Parameters
    ----------
    growth : (n,) float array
        NaN on rows that start a run.
    status : (n,) int8 array
    log : bool
        Whether growth is a difference of logs; else it is a rate.

    Returns
    -------
    log_index : (n,) float array
    runs : (r + 1,) int array
        Where each run starts, and n.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = growth if log else np.log1p(growth)
    unbroken = np.isfinite(steps) & (status == STATUS_OK)
    runs = np.append(np.flatnonzero(~unbroken), growth.shape[0]).astype(np.int64)
    return running_sums(np.where(unbroken, steps, 0.0), runs), runs
