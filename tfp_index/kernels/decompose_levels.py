"""What makes the level of aggregate productivity: static decompositions, industries, reallocation.

Shapes and notation as in `tfp_index.kernels.decompose`: the last axis holds the parts of one
population, and references are taken over the whole last axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import BLOCK_ROWS, blocks
from tfp_index.kernels.decompose import add_counts, ratio, whole
from tfp_index.kernels.sums import Additive

__all__ = [
    "LevelMoments",
    "LevelTerms",
    "PetrinLevinsohnTerms",
    "StructuralTerms",
    "collard_wexler_de_loecker",
    "level_moments",
    "nested_olley_pakes",
    "olley_pakes",
    "petrin_levinsohn",
    "structural",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StructuralTerms:
    """Contributions of industries to the change of the whole, each of shape (..., J).

    `within` is the industry's own change, `structure` the shift of weight to or from it, `arrival`
    and `departure` industries that exist in one period only.
    """

    total: Floats
    within: Floats
    structure: Floats
    arrival: Floats
    departure: Floats


def structural(S1: Floats, S2: Floats, Phi1: Floats, Phi2: Floats) -> StructuralTerms:
    r"""Split the change of a whole into what happened inside its industries and between them.

    .. math::
        ΔΦ = \sum_j \bar S_j ΔΦ_j + \sum_j (\barΦ_j - \barΦ) ΔS_j

    over the industries present in both periods; one that is new adds
    :math:`S_{j2} (Φ_{j2} - \barΦ)`, one that is gone :math:`-S_{j1} (Φ_{j1} - \barΦ)`.

    Parameters
    ----------
    S1, S2 : (..., J) float arrays
        Weight of each industry in each period, in any unit; zero where it is absent.
    Phi1, Phi2 : (..., J) float arrays
        Aggregate productivity of each industry; ignored where its weight is zero.

    Examples
    --------
    >>> a = np.array
    >>> terms = structural(a([0.5, 0.5]), a([0.4, 0.6]), a([0.0, 1.0]), a([0.2, 1.0]))
    >>> bool(np.isclose(terms.total.sum(), (0.4 * 0.2 + 0.6) - 0.5))
    True
    """
    S1, S2 = ratio(S1, whole(S1)), ratio(S2, whole(S2))
    Phi1, Phi2 = np.where(S1 > 0.0, Phi1, 0.0), np.where(S2 > 0.0, Phi2, 0.0)
    both = (S1 > 0.0) & (S2 > 0.0)
    reference = 0.5 * (whole(S1 * Phi1) + whole(S2 * Phi2))
    within = np.where(both, 0.5 * (S1 + S2) * (Phi2 - Phi1), 0.0)
    structure = np.where(both, (0.5 * (Phi1 + Phi2) - reference) * (S2 - S1), 0.0)
    arrival = np.where(S1 > 0.0, 0.0, S2 * (Phi2 - reference))
    departure = np.where(S2 > 0.0, 0.0, -S1 * (Phi1 - reference))
    total = within + structure + arrival + departure
    return StructuralTerms(total, within, structure, arrival, departure)


@dataclass(frozen=True, slots=True)
class LevelMoments(Additive):
    """Sums over the firms of one period; every field has shape (..., G)."""

    _shared: ClassVar[tuple[str, ...]] = ("pivot",)

    n: Floats
    m: Floats
    w: Floats
    mf: Floats
    wf: Floats
    pivot: float


@dataclass(frozen=True, slots=True)
class LevelTerms:
    """Terms of the level of aggregate productivity; `aggregate` is their sum.

    `mean`, `covariance` and `between` have shape (..., G), the contributions of the parts;
    `between` is zero where the method has no such term.
    """

    aggregate: Floats
    mean: Floats
    covariance: Floats
    between: Floats


def level_moments(
    phi: Floats,
    weight: Floats,
    cell: Ints,
    shape: tuple[int, ...],
    *,
    design: Floats | None = None,
    pivot: float = 0.0,
) -> LevelMoments:
    """Take the sums that the static decompositions and all aggregates need, in one pass.

    Parameters
    ----------
    phi, weight : (n,) float arrays
    cell : (n,) int array
        Flat index into `shape`; rows with a negative cell do not take part.
    shape : tuple of int
        Shape of the cells; the last axis holds the parts of one population.
    design, pivot
        As in `pair_moments`.
    """
    cells = int(np.prod(shape))
    sums = np.zeros((5, cells + 1))
    for b in blocks(phi.shape[0], max(BLOCK_ROWS, 4 * cells)):
        keys = np.where(cell[b] < 0, cells, cell[b])
        inside = keys < cells
        f = np.where(inside, phi[b] - pivot, 0.0)
        w = np.where(inside, weight[b], 0.0)
        one = np.ones_like(f)
        m = one if design is None else np.where(inside, design[b], 0.0)
        add_counts(keys, [one, m, w, m * f, w * f], sums)
    n, m, w, mf, wf = sums[:, :cells].reshape(5, *shape)
    return LevelMoments(n, m, w, mf, wf, pivot)


def olley_pakes(moments: LevelMoments) -> LevelTerms:
    r"""Olley and Pakes (1996): ``Φ = φ̄ + Σ_i (s_i - 1/N)(φ_i - φ̄)``.

    Examples
    --------
    >>> cell = np.zeros(3, np.int64)
    >>> phi, weight = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0])
    >>> terms = olley_pakes(level_moments(phi, weight, cell, (1,)))
    >>> float(terms.aggregate), float(terms.mean[0]), float(terms.covariance[0])
    (2.25, 2.0, 0.25)
    """
    M, W = whole(moments.m), whole(moments.w)
    u, s, uf, sf = (
        ratio(a, b) for a, b in ((moments.m, M), (moments.w, W), (moments.mf, M), (moments.wf, W))
    )
    mean = whole(uf)
    covariance = sf - uf - mean * (s - u)
    # the mean is credited with its distance from the pivot plus the pivot's own share
    return LevelTerms(
        whole(sf)[..., 0] + moments.pivot, uf + moments.pivot * u, covariance, np.zeros_like(uf)
    )


def _within_groups(moments: LevelMoments) -> tuple[Floats, Floats, Floats]:
    """Aggregate, mean and covariance inside each part, about the pivot."""
    Phi, mean = ratio(moments.wf, moments.w), ratio(moments.mf, moments.m)
    return Phi, mean, Phi - mean


def collard_wexler_de_loecker(moments: LevelMoments) -> LevelTerms:
    r"""Collard-Wexler and De Loecker (2015): Olley–Pakes inside groups and between them.

    .. math::
        Φ = \frac1G \sum_g [\barφ_g + \mathrm{cov}_g]
        + \sum_g (S_g - \tfrac1G)(Φ_g - \tfrac1G \sum_h Φ_h)

    Groups without weight do not count in G.
    """
    Phi, mean, covariance = _within_groups(moments)
    there = moments.w > 0.0
    G = there.sum(axis=-1, keepdims=True).astype(float)
    S = ratio(moments.w, whole(moments.w))
    centre = ratio(whole(np.where(there, Phi, 0.0)), G)

    def part(values: Floats) -> Floats:
        return np.where(there, values, 0.0)

    share = ratio(part(np.ones_like(Phi)), G)
    between = part((S - share) * (Phi - centre))
    mean = part(share * (mean + moments.pivot))
    covariance = part(share * covariance)
    return LevelTerms(whole(mean + covariance + between)[..., 0], mean, covariance, between)


def nested_olley_pakes(moments: LevelMoments) -> LevelTerms:
    """Share-weighted nesting: ``Φ = Σ_g S_g φ̄_g + Σ_g S_g cov_g``, unmoved by tiny groups."""
    _, mean, covariance = _within_groups(moments)
    there = moments.w > 0.0
    S = ratio(moments.w, whole(moments.w))
    mean = np.where(there, S * (mean + moments.pivot), 0.0)
    covariance = np.where(there, S * covariance, 0.0)
    return LevelTerms(whole(mean + covariance)[..., 0], mean, covariance, np.zeros_like(S))


@dataclass(frozen=True, slots=True)
class PetrinLevinsohnTerms:
    """Contributions of continuing firms to aggregate productivity growth.

    `growth` and `technical` have shape (F,), `reallocation` (F, k), one column per input.
    `residual` (F,) is what the elasticities leave of the firm's own output growth beyond
    `technical`; it is zero where φ is output less the elasticities times the inputs.
    """

    growth: Floats
    technical: Floats
    reallocation: Floats
    residual: Floats


def petrin_levinsohn(
    value: tuple[Floats, Floats],
    dlny: Floats,
    dlnx: Floats,
    cost: tuple[Floats, Floats],
    elasticity: Floats,
    dphi: Floats,
    final_demand: tuple[float, float],
) -> PetrinLevinsohnTerms:
    r"""Petrin and Levinsohn (2012), continuous core with Törnqvist weights.

    .. math::
        \sum_i \bar D_i Δφ_i + \sum_i \bar D_i \sum_k (ε_{ik} - \bar s_{ik}) Δ\ln X_{ik}

    where :math:`D_i` is the firm's output over aggregate value added and :math:`s_{ik}` the cost
    of input k over the firm's output. `growth` is measured without elasticities, as
    :math:`\bar D_i (Δ\ln Y_i - \sum_k \bar s_{ik} Δ\ln X_{ik})`.

    Parameters
    ----------
    value : two (F,) float arrays
        Output of each continuing firm in the two periods (or value added, with inputs capital and
        labor only).
    dlny, dphi : (F,) float arrays
        Log growth of the firm's real output and of its productivity.
    dlnx : (F, k) float array
        Log growth of its inputs.
    cost : two (F, k) float arrays
        Cost of each input in the two periods, in the unit of `value`.
    elasticity : (k,) or (F, k) float array
        Output elasticities.
    final_demand : two floats
        Aggregate value added of all firms in the two periods.
    """
    D = 0.5 * (value[0] / final_demand[0] + value[1] / final_demand[1])
    s = 0.5 * (cost[0] / value[0][:, None] + cost[1] / value[1][:, None])
    growth = D * (dlny - (s * dlnx).sum(axis=1))
    technical = D * dphi
    reallocation = D[:, None] * (elasticity - s) * dlnx
    return PetrinLevinsohnTerms(
        growth, technical, reallocation, growth - technical - reallocation.sum(axis=1)
    )
