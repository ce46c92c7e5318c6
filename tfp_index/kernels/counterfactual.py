r"""What aggregate productivity would be if enterprises were lifted, left, or shared inputs better.

Aggregate productivity is :math:`Φ = \sum_i s_i φ_i` with shares :math:`s_i = w_i / W`. A
counterfactual gives every enterprise other productivity or another weight, and the effect is
:math:`Δ = Φ' - Φ`. Each is written as a sum over enterprises, :math:`Δ = \sum_i d_i / W`, so that
the effects of the groups of any partition add up to the whole.

References such as a percentile or a mean are estimated from the same enterprises. With references
:math:`r_{ck}` of cells c (industries), the first-order influence of enterprise i on the effect of
group g is

.. math:: ψ_{ig} = \frac{1_g d_i - w_i Δ_g}{W} + \sum_k A_{c(i)gk} ρ_{ik}, \qquad
          A_{cgk} = \frac1W \sum_{i \in c \cap g} \frac{∂ d_i}{∂ r_{ck}},

where :math:`ρ_{ik}` is i's influence on reference k of its own cell. Its sum of squares is the
variance of the effect, as if enterprises were drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.dispersion import SortedCells, quantiles, sort_cells

__all__ = [
    "Counterfactual",
    "Equalized",
    "GroupEffects",
    "adopt",
    "close_gap",
    "equalize",
    "group_effects",
    "raise_entrants",
    "retire_lowest",
    "share_gain",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """The altered enterprises, and what the variance of the effect needs.

    Attributes
    ----------
    productivity, weight : (n,) float arrays
        After the change.
    part : (n,) float array
        ``d_i``; their sum over W is the effect.
    changed : (n,) bool array
        Whose own data change.
    cell : (n,) int array
        Whose references an enterprise influences; -1 for none.
    influence : tuple of K (n,) float arrays
        ``ρ_ik``.
    slope : tuple of K (n,) float arrays
        ``∂ d_i / ∂ r_ck``.
    """

    productivity: Floats
    weight: Floats
    part: Floats
    changed: Bools
    cell: Ints
    influence: tuple[Floats, ...]
    slope: tuple[Floats, ...]


def _sums(cell: Ints, values: Floats, cells: int) -> Floats:
    """Sum by cell; rows of a negative cell do not take part."""
    return np.bincount(cell + 1, values, cells + 1)[1:].astype(np.float64, copy=False)


def _at(values: Floats, cell: Ints, outside: float) -> Floats:
    """Return the value of each row's cell, and `outside` for rows without one."""
    out: Floats = np.append(values, outside)[cell]  # -1 is the last
    return out


def _ratio(a: Floats, b: Floats) -> Floats:
    out: Floats = np.zeros(np.broadcast_shapes(a.shape, b.shape))
    return np.divide(a, b, out=out, where=b != 0.0)


def _sparsity(ordered: SortedCells, p: float) -> Floats:
    """(C,) derivative of each cell's quantile function at `p`, ``1 / f(Q(p))``.

    A difference quotient over Bofinger's bandwidth.
    """
    from scipy.special import ndtri

    n = np.maximum(np.diff(ordered.offsets), 1).astype(np.float64)
    z = float(ndtri(p))
    height = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    h = (4.5 * height**4 / (2.0 * z * z + 1.0) ** 2 / n) ** 0.2
    low, high = np.maximum(p - h, 0.0), np.minimum(p + h, 1.0)
    # cells of one size share a bandwidth, but sizes differ: interpolate a fine grid of quantiles
    grid = np.linspace(0.0, 1.0, 101)
    q = quantiles(ordered, grid, "averaged")
    out = np.zeros(n.shape[0])
    for c in np.flatnonzero(np.isfinite(q[:, 0])).tolist():
        ends = np.interp((low[c], high[c]), grid, q[c])
        out[c] = (ends[1] - ends[0]) / (high[c] - low[c])
    return out


def _sorted(
    phi: Floats, cell: Ints, cells: int, design: Floats | None, ordered: SortedCells | None
) -> SortedCells:
    if ordered is None:
        return sort_cells(phi, cell, cells, design)
    return ordered if design is None else ordered.reweighted(design)


def close_gap(
    phi: Floats,
    weight: Floats,
    cell: Ints,
    cells: int,
    p: float,
    share: float = 1.0,
    *,
    design: Floats | None = None,
    ordered: SortedCells | None = None,
) -> Counterfactual:
    r"""Bring the enterprises below a percentile of their cell nearer to it; shares stay fixed.

    .. math:: φ_i' = φ_i + λ \max(0, Q_c(p) - φ_i), \qquad d_i = w_i (φ_i' - φ_i) .

    With λ = 1 and p = 0.25 the laggards reach the lower quartile; with λ = 0.25 and p = 0.9 every
    enterprise closes a quarter of its distance to the frontier.

    Parameters
    ----------
    phi, weight : (n,) float arrays
        Log productivity; activity weight, which contains the sampling weight.
    cell : (n,) int array
        Rows of a negative cell keep what they have.
    cells : int
        C.
    p : float
        Percentile of enterprises, between 0 and 1 ("averaged": see `kernels.dispersion`).
    share : float
        λ.
    design : (n,) float array, optional
        Sampling weights.
    ordered : SortedCells, optional
        `phi` sorted inside its cells (with rows kept, if there is a design), to sort only once.

    Examples
    --------
    >>> phi, w = np.array([0.0, 0.2, 0.4, 1.0]), np.ones(4)
    >>> found = close_gap(phi, w, np.zeros(4, np.int64), 1, 0.5)
    >>> found.productivity.round(6).tolist(), round(float(found.part.sum() / 4), 6)
    ([0.3, 0.3, 0.4, 1.0], 0.1)
    """
    cellwise = _sorted(phi, cell, cells, design, ordered)
    Q = quantiles(cellwise, np.array([p]), "averaged")[:, 0]
    target = _at(np.nan_to_num(Q), cell, -np.inf)
    below = phi < target
    lift = np.where(below, target - phi, 0.0)
    lift *= share
    mass = np.diff(cellwise.offsets) if design is None else _sums(cell, design, cells)
    rate = _ratio(_sparsity(cellwise, p), mass.astype(np.float64))
    influence = _at(rate, cell, 0.0) * (p - (phi <= target))
    if design is not None:
        influence *= design
    return Counterfactual(
        productivity=phi + lift,
        weight=weight,
        part=weight * lift,
        changed=below,
        cell=cell,
        influence=(influence,),
        slope=(share * weight * below,),
    )


def raise_entrants(
    phi: Floats, weight: Floats, cell: Ints, cells: int, entrant: Bools
) -> Counterfactual:
    r"""Let entrants start where the others of their cell stand on average; shares stay fixed.

    .. math:: d_i = w_i \max(0, Φ_{Sc} - Φ_{Ec}) \quad \text{for entrants}, \qquad 0
              \text{ for the others,}

    with :math:`Φ_{Sc}` and :math:`Φ_{Ec}` the weighted means of the others and of the entrants.

    Parameters
    ----------
    phi, weight, cell, cells
        As in `close_gap`.
    entrant : (n,) bool array

    Examples
    --------
    >>> phi, entrant = np.array([0.1, 0.5, 0.7]), np.array([True, False, False])
    >>> raise_entrants(phi, np.ones(3), np.zeros(3, np.int64), 1, entrant).part.round(6).tolist()
    [0.5, 0.0, 0.0]
    """
    kinds = (~entrant, entrant)
    mass = [_sums(cell, weight * kind, cells) for kind in kinds]
    mean = [
        _ratio(_sums(cell, weight * kind * phi, cells), W)
        for kind, W in zip(kinds, mass, strict=True)
    ]
    behind = (mass[0] > 0) & (mass[1] > 0) & (mean[0] > mean[1])
    lift = _at(np.where(behind, mean[0] - mean[1], 0.0), cell, 0.0) * entrant
    influence = tuple(
        weight * kind * (phi - _at(mean_, cell, 0.0)) * _at(_ratio(np.ones(cells), W), cell, 0.0)
        for kind, mean_, W in zip(kinds, mean, mass, strict=True)
    )
    lifted = lift > 0.0
    slope = weight * lifted
    return Counterfactual(
        productivity=phi + lift,
        weight=weight,
        part=weight * lift,
        changed=lifted,
        cell=cell,
        influence=influence,
        slope=(slope, -slope),
    )


def retire_lowest(
    phi: Floats,
    weight: Floats,
    cell: Ints,
    cells: int,
    share: float,
    *,
    design: Floats | None = None,
    ordered: SortedCells | None = None,
) -> Counterfactual:
    r"""Let the least productive of each cell leave; the others take their weight in proportion.

    Cells keep their weight: :math:`w_i' = ρ_c w_i` for those that stay,
    :math:`ρ_c = W_c / W_{c,stay}`, and

    .. math:: d_i = (w_i' - w_i)(φ_i - Φ_c) ,

    which sums to :math:`W_c(Φ_{c,stay} - Φ_c)`. Measuring from the cell's mean makes the part of an
    enterprise independent of the level of φ.

    Parameters
    ----------
    phi, weight, cell, cells, design, ordered
        As in `close_gap`.
    share : float
        Enterprises below the percentile `share` of their cell leave.

    Examples
    --------
    >>> phi, w = np.array([0.0, 0.4, 0.8]), np.array([1.0, 1.0, 2.0])
    >>> found = retire_lowest(phi, w, np.zeros(3, np.int64), 1, 0.4)
    >>> found.weight.round(6).tolist(), round(float(found.part.sum() / 4), 6)
    ([0.0, 1.333333, 2.666667], 0.166667)
    """
    cellwise = _sorted(phi, cell, cells, design, ordered)
    width = max(0.5 * share, 0.02)
    wanted = np.array([share, max(share - width, 0.0), min(share + width, 1.0)])
    Q, low, high = np.nan_to_num(quantiles(cellwise, wanted, "averaged")).T
    cut = _at(Q, cell, -np.inf)
    leaves = phi < cut
    leaving = leaves.astype(np.float64)
    W = _sums(cell, weight, cells)
    W_stay = _sums(cell, weight * ~leaves, cells)
    leaves &= _at(W_stay, cell, 0.0) > 0.0  # or nothing with weight would be left
    stays = ~leaves
    rho = np.where(W_stay > 0.0, _ratio(W, W_stay), 1.0)
    mean = _ratio(_sums(cell, weight * phi, cells), W)
    after = weight * stays * _at(rho, cell, 1.0)
    distance = (phi - _at(mean, cell, 0.0)) * (cell >= 0)
    # enterprises around the cut say how much weight a small move of it takes with it
    near = (phi >= _at(low, cell, np.inf)) & (phi <= _at(high, cell, np.inf))
    M_near = _sums(cell, near.astype(np.float64) if design is None else near * design, cells)
    W_near = _ratio(_sums(cell, weight * near, cells), M_near)
    moved: Floats = np.where(cell >= 0, share - leaving, 0.0)  # times 1/(M f) the influence on Q
    if design is not None:
        moved *= design
    own = weight - after + _at(rho * W_near, cell, 0.0) * moved
    one = np.ones(cells)
    influence = (
        own * _at(_ratio(one, W_stay), cell, 0.0),
        weight * distance * _at(_ratio(one, W), cell, 0.0),
        moved,
    )
    at_cut = _ratio(-rho * (Q - mean), M_near)
    slope = (
        weight * stays * distance,
        weight - after,
        weight * near * _at(at_cut, cell, 0.0),
    )
    return Counterfactual(
        productivity=phi,
        weight=after,
        part=(after - weight) * distance,
        changed=leaves,
        cell=cell,
        influence=influence,
        slope=slope,
    )


@dataclass(frozen=True, slots=True)
class Equalized:
    """Industries whose distortions have shrunk.

    Attributes
    ----------
    value_added, wage_bill, capital : (n,) float arrays
        After the change; NaN outside the cells. Industries keep their labor and capital.
    gain : (C,) float array
        Change of the log of the industry's TFP; 0 for empty cells.
    influence : (n,) float array
        On the gain of its own cell.
    """

    value_added: Floats
    wage_bill: Floats
    capital: Floats
    gain: Floats
    influence: Floats


def equalize(
    value_added: Floats,
    wage_bill: Floats,
    capital: Floats,
    capital_share: Floats,
    cell: Ints,
    elasticity: float,
    cut: float,
    *,
    design: Floats | None = None,
) -> Equalized:
    r"""Shrink the log distances between marginal revenue products inside each cell.

    In the model of Hsieh and Klenow (see `kernels.misallocation`) every firm keeps its physical
    productivity :math:`A_i`, and its marginal revenue products become
    :math:`MRPK_i^{1-h}` and :math:`MRPL_i^{1-h}` up to a constant of the industry. Revenue then is
    proportional to :math:`x_i = (A_i / TFPR_i^{1-h})^{σ-1}`, capital to
    :math:`x_i / MRPK_i^{1-h}`, labor to :math:`x_i / MRPL_i^{1-h}`, and

    .. math:: \ln TFP_s = \tfrac{σ}{σ-1} \ln \sum x_i - a \ln \sum x_i MRPK_i^{h-1}
              - (1-a) \ln \sum x_i MRPL_i^{h-1} .

    Parameters
    ----------
    value_added, wage_bill, capital : (n,) float arrays
        Positive wherever `cell` is not negative.
    capital_share : (C,) float array
    cell : (n,) int array
    elasticity : float
        σ.
    cut : float
        h; 1 takes all distortions away.
    design : (n,) float array, optional
        Sampling weights.

    Examples
    --------
    >>> py, wl, k = np.array([1.0, 1.0]), np.array([0.5, 0.5]), np.array([1.0, 4.0])
    >>> found = equalize(py, wl, k, np.array([0.3]), np.zeros(2, np.int64), 3.0, 1.0)
    >>> bool(found.gain[0] > 0), round(float(found.capital.sum()), 12)
    (True, 5.0)
    """
    inside = cell >= 0
    c, cells = cell[inside], capital_share.shape[0]
    m = np.ones(c.shape[0]) if design is None else design[inside]
    a, up = capital_share[c], elasticity / (elasticity - 1.0)
    levels = [v[inside] for v in (value_added, capital, wage_bill)]
    py, k, wl = (np.log(v) for v in levels)
    log_a = up * py - a * k - (1.0 - a) * wl
    mrpk, mrpl = (1.0 - cut) * (py - k), (1.0 - cut) * (py - wl)
    x = (elasticity - 1.0) * (log_a - a * mrpk - (1.0 - a) * mrpl)
    top = np.full(cells, -np.inf)
    np.maximum.at(top, c, x)
    top = np.where(np.isfinite(top), top, 0.0)
    x -= top[c]
    after = [np.exp(v) for v in (x, x - mrpk, x - mrpl)]
    totals = [
        [np.bincount(c, m * v, cells).astype(np.float64, copy=False) for v in columns]
        for columns in (levels, after)
    ]
    filled = totals[0][0] > 0.0
    logs = [[np.log(np.where(filled, v, 1.0)) for v in of] for of in totals]
    X, XK, XL = (second - first for first, second in zip(*logs, strict=True))
    gain = up * X - capital_share * XK - (1.0 - capital_share) * XL + (up - 1.0) * top
    shares = [v * _ratio(np.ones(cells), t)[c] for v, t in zip(after, totals[1], strict=True)]
    before = [v * _ratio(np.ones(cells), t)[c] for v, t in zip(levels, totals[0], strict=True)]
    moves = [second - first for first, second in zip(before, shares, strict=True)]
    out = np.full((3, cell.shape[0]), np.nan)
    log_k = x - mrpk + (logs[0][1] - logs[1][1])[c]
    log_l = x - mrpl + (logs[0][2] - logs[1][2])[c]
    out[0, inside] = np.exp((log_a + a * log_k + (1.0 - a) * log_l) / up)
    out[1, inside], out[2, inside] = np.exp(log_l), np.exp(log_k)
    influence = np.zeros(cell.shape[0])
    influence[inside] = m * (up * moves[0] - a * moves[1] - (1.0 - a) * moves[2])
    return Equalized(out[0], out[1], out[2], np.where(filled, gain, 0.0), influence)


def share_gain(
    phi: Floats, weight: Floats, cell: Ints, gain: Floats, influence: Floats
) -> Counterfactual:
    """Give every enterprise of a cell the cell's gain: ``d_i = w_i gain_c``.

    The gain is that of the industry as a whole; which enterprise has which part of it is not
    known, so it goes to all of them by weight.

    Parameters
    ----------
    phi, weight : (n,) float arrays
    cell : (n,) int array
        Rows of a negative cell gain nothing.
    gain : (C,) float array
    influence : (n,) float array
        On the gain of the own cell.

    Examples
    --------
    >>> found = share_gain(np.zeros(2), np.array([1.0, 3.0]), np.array([0, -1]), np.array([0.2]),
    ...                    np.zeros(2))
    >>> found.part.tolist(), found.productivity.tolist()
    ([0.2, 0.0], [0.2, 0.0])
    """
    inside = cell >= 0
    lift = _at(gain, cell, 0.0)
    return Counterfactual(
        productivity=phi + lift,
        weight=weight,
        part=weight * lift,
        changed=inside,
        cell=cell,
        influence=(influence,),
        slope=(weight * inside,),
    )


def adopt(
    phi: Floats, weight: Floats, without: Bools, coefficient: float, share: float
) -> Counterfactual:
    r"""Let a share of those without a practice take it up, whoever they are.

    .. math:: d_i = w_i \, a \, β \quad \text{for enterprises without it:}

    the expectation when each of them is as likely as the other to take it up and the association β
    carried over. The influence on β belongs to clusters and is left to the caller: `influence` is
    zero here.

    Parameters
    ----------
    phi, weight : (n,) float arrays
    without : (n,) bool array
    coefficient : float
        β.
    share : float
        a.

    Examples
    --------
    >>> found = adopt(np.zeros(2), np.array([1.0, 3.0]), np.array([True, False]), 0.2, 0.5)
    >>> found.part.tolist()
    [0.1, 0.0]
    """
    lift = np.where(without, share * coefficient, 0.0)
    n = phi.shape[0]
    return Counterfactual(
        productivity=phi + lift,
        weight=weight,
        part=weight * lift,
        changed=without,
        cell=np.zeros(n, np.int64),
        influence=(np.zeros(n),),
        slope=(np.where(without, share * weight, 0.0),),
    )


@dataclass(frozen=True, slots=True)
class GroupEffects:
    """Effects of groups, each of shape (G,).

    `carried_by` is ``(Σ |d|)² / Σ d²``: how many enterprises of equal part would carry the effect.
    """

    effect: Floats
    variance: Floats
    carried_by: Floats


def group_effects(
    found: Counterfactual,
    weight: Floats,
    part: Ints,
    members: Any,
    cells: int,
    *,
    variance: bool = True,
) -> GroupEffects:
    r"""Add the effect up by group, with the variance of the first-order influences.

    Groups may overlap: several groupings, and the whole, are sums of the parts of one fine
    partition, so that the rows are gone through once for all of them.

    Parameters
    ----------
    found : Counterfactual
    weight : (n,) float array
        Before the change; the weights of all enterprises make W.
    part : (n,) int array
        The part of each enterprise, 0 to P - 1; rows of a negative part influence references only.
    members : (P, G) array or sparse matrix of zeros and ones
        Which parts make up each group.
    cells : int
    variance : bool
        Whether to work the variance out.

    Examples
    --------
    >>> phi, w = np.array([0.0, 0.2, 0.4, 1.0]), np.ones(4)
    >>> found = close_gap(phi, w, np.zeros(4, np.int64), 1, 0.5)
    >>> two_and_whole = np.array([[1, 0, 1], [0, 1, 1]])
    >>> group_effects(found, w, np.array([0, 0, 1, 1]), two_and_whole, 1).effect.round(6).tolist()
    [0.1, 0.0, 0.1]
    """
    W = weight.sum()
    parts = members.shape[0]
    pair = found.cell + 1
    pair *= parts + 1
    pair += part
    pair += 1
    shape = (cells + 1, parts + 1)

    def sums(values: Floats) -> Floats:
        """(C + 1, G) sums, those of rows without a cell first."""
        table = np.bincount(pair, values, shape[0] * shape[1]).reshape(shape)[:, 1:]
        return np.asarray((members.T @ table.T).T)

    d = found.part
    effect = sums(d).sum(axis=0) / W
    if not variance:
        return GroupEffects(effect, *np.full((2, effect.shape[0]), np.nan))
    square = sums(d * d).sum(axis=0)
    total = square - 2.0 * effect * sums(d * weight).sum(axis=0)
    total += effect**2 * float(weight @ weight)  # all of it times W²
    n, K = weight.shape[0], len(found.influence)
    A = [sums(slope)[1:] for slope in found.slope]
    for k, rho in enumerate(found.influence):
        carried = _sums(found.cell, weight * rho, cells)
        total += 2.0 * (A[k] * (sums(d * rho)[1:] - effect * carried[:, None])).sum(axis=0)
        for other in range(k, K):
            joint = _sums(found.cell, rho * found.influence[other], cells)
            twice = 1.0 if other == k else 2.0
            total += twice * (joint[:, None] * A[k] * A[other]).sum(axis=0)
    size = W * effect if d.min(initial=0.0) >= 0.0 else sums(np.abs(d)).sum(axis=0)
    total = np.maximum(total, 0.0) / (W * W)
    return GroupEffects(effect, total * n / max(n - 1, 1), _ratio(size * size, square))
