"""Capital stocks from investment: the perpetual inventory over many series at once.

A *series* is the run of consecutive periods of one entity, or of one entity and asset. Series are
stacked one after the other; ``offsets`` (g + 1,) says where each begins. Within a series no
period is missing.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import BLOCK_ROWS, map_blocks

__all__ = [
    "InvestmentTiming",
    "age_price",
    "cohort_efficiency",
    "geometric_stock",
    "hyperbolic_efficiency",
    "left_of_new",
    "linear_recurrence",
    "retirement_lives",
    "steady_vintages",
    "vintage_stock",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
InvestmentTiming = Literal["end", "mid", "begin"]

_AGE_OF_NEW: dict[str, float] = {"end": 0.0, "mid": 0.5, "begin": 1.0}


def linear_recurrence(carry: Floats, flow: Floats, offsets: Ints) -> Floats:
    """Solve ``x_t = carry_t · x_{t−1} + flow_t`` within each series, from ``x_{−1} = 0``.

    All series advance together one period at a time, so the number of steps is the length of the
    longest series and not the number of series; blocks of series keep the work in cache.

    Parameters
    ----------
    carry, flow : (n,) float array, sorted by series and period
    offsets : (g + 1,) int array

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> linear_recurrence(np.full(5, 0.5), np.ones(5), np.array([0, 3, 5]))
    array([1.  , 1.5 , 1.75, 1.  , 1.5 ])
    """
    x = flow.astype(np.float64)
    _advance(carry, x, offsets)
    return x


def _advance(carry: Floats, x: Floats, offsets: Ints) -> None:
    """Solve the recurrence in place; `x` holds the flow at first."""
    groups = offsets.shape[0] - 1
    lengths = np.diff(offsets)
    if not x.shape[0]:
        return
    longest = int(lengths.max())
    uniform = int(lengths.min()) == longest

    def work(series: slice) -> None:
        first, last = int(offsets[series.start]), int(offsets[series.stop])
        if uniform:
            xs = x[first:last].reshape(-1, longest)
            cs = carry[first:last].reshape(-1, longest)
            for t in range(1, longest):
                xs[:, t] += cs[:, t] * xs[:, t - 1]
            return
        length = lengths[series]
        order = np.argsort(-length, kind="stable")
        starts = offsets[series.start : series.stop][order]
        reach = length.shape[0] - np.searchsorted(
            length[order[::-1]], np.arange(int(length.max())), side="right"
        )
        for t in range(1, int(length.max())):
            rows = starts[: reach[t]] + t
            x[rows] += carry[rows] * x[rows - 1]

    map_blocks(work, groups, size=max(1, BLOCK_ROWS // max(1, x.shape[0] // groups)))


def geometric_stock(
    investment: Floats,
    depreciation: Floats | float,
    initial: Floats,
    offsets: Ints,
    *,
    timing: InvestmentTiming = "end",
    initial_at_end: NDArray[np.bool_] | bool = False,
) -> Floats:
    """Accumulate investment that decays at a geometric rate; stock at the end of each period.

    With δ the depreciation rate of the period, and by the time at which investment arrives:

    - ``end``: ``K_t = (1−δ) K_{t−1} + I_t``
    - ``mid``: ``K_t = (1−δ) K_{t−1} + (1−δ/2) I_t``
    - ``begin``: ``K_t = (1−δ) (K_{t−1} + I_t)``

    Parameters
    ----------
    investment : (n,) float array
        Constant prices.
    depreciation : (n,) float array or float
    initial : (g,) float array
        Stock before the first period, or at its end where `initial_at_end`.
    offsets : (g + 1,) int array
    timing : {"end", "mid", "begin"}
    initial_at_end : (g,) bool array or bool
        Whether `initial` is the stock at the end of the first period, that period's investment
        included.

    Returns
    -------
    (n,) float array

    Examples
    --------
    Investment growing at 5 % with depreciation 6 % and ``K_0 = I_1 / (g + δ)``: the ratio of the
    stock to the next investment stays where it is.

    >>> investment = 100 * 1.05 ** np.arange(4)
    >>> K = geometric_stock(investment, 0.06, np.array([100 / 0.11]), np.array([0, 4]))
    >>> K.round(4)
    array([ 954.5455, 1002.2727, 1052.3864, 1105.0057])
    >>> (K[:-1] / investment[1:]).round(4)
    array([9.0909, 9.0909, 9.0909])
    """
    n = investment.shape[0]
    carry = np.broadcast_to(1.0 - np.asarray(depreciation, np.float64), n)
    flow = investment.copy() if timing == "end" else left_of_new(carry, timing) * investment
    filled = np.diff(offsets) > 0
    first = offsets[:-1][filled]
    at_end = np.broadcast_to(np.asarray(initial_at_end, bool), filled.shape)[filled]
    start = initial[filled]
    flow[first] = np.where(at_end, start, flow[first] + carry[first] * start)
    _advance(carry, flow, offsets)
    return flow


def left_of_new(carry: Floats, timing: InvestmentTiming = "end") -> Floats:
    """Return what is left of new investment at the end of its first period.

    Parameters
    ----------
    carry : (n,) float array
        1 − δ.
    timing : {"end", "mid", "begin"}

    Returns
    -------
    (n,) float array
        1, 1 − δ/2 or 1 − δ.

    Examples
    --------
    >>> [left_of_new(np.array([0.9]), timing).tolist() for timing in ("end", "mid", "begin")]
    [[1.0], [0.95], [0.9]]
    """
    if timing == "mid":
        return 0.5 * (1.0 + carry)
    return np.ones_like(carry) if timing == "end" else carry


def hyperbolic_efficiency(age: Floats, life: Floats | float, beta: float) -> Floats:
    """Return the efficiency of an asset that lives for exactly `life` periods.

    ``h(a) = (L − a) / (L − βa)`` for ``0 ≤ a < L``, else 0. β = 1 keeps full efficiency until
    the end (one-hoss shay), β = 0 loses it in a straight line, β < 0 loses it early.

    Parameters
    ----------
    age : (…,) float array, non-negative
    life : (…,) float array or float, positive
    beta : float, at most 1

    Returns
    -------
    (…,) float array

    Examples
    --------
    >>> hyperbolic_efficiency(np.array([0.0, 5.0, 9.0, 10.0]), 10.0, 0.5).round(4)
    array([1.    , 0.6667, 0.1818, 0.    ])
    """
    age, life = np.broadcast_arrays(np.asarray(age, np.float64), np.asarray(life, np.float64))
    alive = age < life
    numerator = np.where(alive, life - age, 0.0)
    return numerator / np.where(alive, life - beta * age, 1.0)


def retirement_lives(
    distribution: Literal["simultaneous", "normal", "lognormal", "weibull"],
    mean: float,
    spread: float = 0.25,
    points: int = 400,
) -> tuple[Floats, Floats]:
    """Return service lives and the share of a cohort that has each of them.

    The continuous distributions are cut into `points` slices of equal width over a support of
    ``(0, 2·mean)`` for the normal, which keeps its mean, and of all but one part in 10⁹ of the
    mass for the others; each slice stands at its middle with its probability.

    Parameters
    ----------
    distribution : {"simultaneous", "normal", "lognormal", "weibull"}
    mean : float
        Mean service life, periods.
    spread : float
        Standard deviation of the life as a share of its mean (before truncation).
    points : int
        Slices; the error of what is computed from them falls with their square.

    Returns
    -------
    lives : (p,) float array
    weights : (p,) float array, sum 1

    Examples
    --------
    >>> lives, weights = retirement_lives("normal", 10.0, 0.25)
    >>> round(float(lives @ weights), 6), round(float(weights.sum()), 12)
    (10.0, 1.0)
    """
    if distribution == "simultaneous":
        return np.array([mean]), np.ones(1)
    from scipy import optimize, special, stats

    if distribution == "normal":
        law, low, high = stats.norm(mean, spread * mean), 0.0, 2.0 * mean
    elif distribution == "lognormal":
        sigma = np.sqrt(np.log1p(spread**2))
        law = stats.lognorm(sigma, scale=mean * np.exp(-0.5 * sigma**2))
        low, high = law.ppf(0.5e-9), law.ppf(1.0 - 0.5e-9)
    else:

        def gap(shape: float) -> float:
            first = special.gammaln(1.0 + 1.0 / shape)
            return float(np.exp(special.gammaln(1.0 + 2.0 / shape) - 2.0 * first) - 1 - spread**2)

        shape = optimize.brentq(gap, 0.2, 500.0)
        law = stats.weibull_min(shape, scale=mean / special.gamma(1.0 + 1.0 / shape))
        low, high = law.ppf(0.5e-9), law.ppf(1.0 - 0.5e-9)
    edges = np.linspace(low, high, points + 1)
    weights = np.diff(law.cdf(edges))
    return 0.5 * (edges[1:] + edges[:-1]), weights / weights.sum()


def cohort_efficiency(
    lives: Floats, weights: Floats, beta: float, timing: InvestmentTiming = "end"
) -> Floats:
    """Return the mean efficiency of a cohort whose members retire at different lives.

    ``E_a = Σ_L f(L) · max(0, (L − a) / (L − βa))`` at the ages that assets have at the ends of
    the periods: 0, 1, 2, … when investment arrives at the end of its period, ½, 1½, … when it
    arrives in the middle, 1, 2, … at the beginning. The last entry is the last positive one.

    Parameters
    ----------
    lives, weights : (p,) float array
        From `retirement_lives`, or any discrete distribution.
    beta : float, at most 1
    timing : {"end", "mid", "begin"}

    Returns
    -------
    (A,) float array

    Examples
    --------
    >>> cohort_efficiency(np.array([2.0, 4.0]), np.array([0.5, 0.5]), 0.0)
    array([1.   , 0.625, 0.25 , 0.125])
    """
    ages = np.arange(np.ceil(lives.max()) + 1.0) + _AGE_OF_NEW[timing]
    efficiency = hyperbolic_efficiency(ages[:, None], lives[None, :], beta) @ weights
    used = np.flatnonzero(efficiency > 0.0)
    return efficiency[: used[-1] + 1] if used.size else np.zeros(1)


def age_price(efficiency: Floats, rate: float) -> Floats:
    """Return the price of an asset by age, relative to `efficiency` at the first age.

    What an asset is worth is the discounted service it still renders:
    ``p_a / p_0 = Σ_{s≥a} h_s (1+r)^{−(s−a+1)} / Σ_{s≥0} h_s (1+r)^{−(s+1)}``, in the form given
    by the OECD manual *Measuring Capital* (2009) as recalled, not checked against the printed
    source. It equals the efficiency only for the geometric profile.

    Parameters
    ----------
    efficiency : (A,) float array
        Until the end of the last life.
    rate : float
        Real rate of discount, above −1.

    Returns
    -------
    (A,) float array, first entry 1 (0 if the asset renders no service at all)

    Examples
    --------
    One-hoss shay without discount loses value in a straight line:

    >>> age_price(np.ones(4), 0.0)
    array([1.  , 0.75, 0.5 , 0.25])
    """
    price = np.empty_like(efficiency)
    worth = 0.0
    for a in range(efficiency.shape[0] - 1, -1, -1):
        worth = (float(efficiency[a]) + worth) / (1.0 + rate)
        price[a] = worth
    if worth > 0.0:
        price /= worth
    return price


def steady_vintages(
    profile: Floats, growth: Floats, horizon: int, years: Floats | None = None
) -> Floats:
    """Weigh by `profile` the investment before the first period that a steady path implies.

    With investment of 1 in the first period and growth g before it, the vintages bought s
    periods earlier are ``(1+g)^{−s}``, and j periods on they count
    ``W_j = Σ_{s=1}^{S} E_{j+s−1} (1+g)^{−s}``. ``W_0`` is the stock before the first period,
    ``W_j / W_0`` what is left of it. For the geometric profile ``W_0 = 1/(g+δ)``.

    Parameters
    ----------
    profile : (A,) float array
        Efficiency, or price, by age in periods since purchase.
    growth : (g,) float array, above −1
    horizon : int
        Largest j.
    years : (g,) float array, optional
        How far back investment reaches, S; default: for ever.

    Returns
    -------
    (g, horizon + 1) float array

    Examples
    --------
    >>> steady_vintages(np.array([1.0, 0.5]), np.array([0.0]), 2)
    array([[1.5, 0.5, 0. ]])
    """
    A = profile.shape[0]
    groups = growth.shape[0]
    if groups > 1 and (growth == growth[0]).all() and (years is None or (years == years[0]).all()):
        one = steady_vintages(profile, growth[:1], horizon, None if years is None else years[:1])
        return np.broadcast_to(one, (groups, horizon + 1))
    later = np.zeros((A, horizon + 1))  # [s − 1, j] → E_{j+s−1}
    for j in range(min(horizon + 1, A)):
        later[: A - j, j] = profile[j:]
    s = np.arange(1.0, A + 1.0)
    bought = (1.0 + growth)[:, None] ** -s
    if years is not None:
        bought = np.where(s <= years[:, None], bought, 0.0)
    return np.asarray(bought @ later)


def vintage_stock(
    investment: Floats,
    profile: Floats,
    initial: Floats,
    remaining: Floats,
    offsets: Ints,
    *,
    initial_at_end: NDArray[np.bool_] | bool = False,
) -> Floats:
    """Sum the vintages of investment, each weighed by its age; stock at the end of each period.

    ``K_t = Σ_{a=0}^{t−1} E_a I_{t−a} + ρ_t K_0``, with ``ρ_t`` what remains of the initial stock
    after t periods. With `profile` an efficiency the result is the productive stock, with an
    age-price profile it is the net stock.

    Parameters
    ----------
    investment : (n,) float array
    profile : (A,) float array
    initial : (g,) float array
        Stock before the first period, or at its end if `initial_at_end`.
    remaining : (g, T + 1) float array
        ρ_0 = 1, ρ_1, …, ρ_T, T being the length of the longest series (`steady_vintages`
        divided by its first column).
    offsets : (g + 1,) int array
    initial_at_end : (g,) bool array or bool
        Whether `initial` is the stock at the end of the first period, that period's investment
        included.

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> vintage_stock(np.array([4.0, 4.0, 4.0]), np.array([1.0, 0.5]), np.array([2.0]),
    ...               np.array([[1.0, 0.0, 0.0, 0.0]]), np.array([0, 3]))
    array([4., 6., 6.])
    """
    n = investment.shape[0]
    groups = offsets.shape[0] - 1
    lengths = np.diff(offsets)
    at_end = np.broadcast_to(np.asarray(initial_at_end, bool), lengths.shape)
    stock = np.empty(n)

    def work(block: slice) -> None:
        first, last = int(offsets[block.start]), int(offsets[block.stop])
        size = lengths[block]
        series = np.repeat(np.arange(block.start, block.stop), size)
        position = np.arange(first, last) - np.repeat(offsets[block.start : block.stop], size)
        known = at_end[series]
        flow = np.where(known & (position == 0), 0.0, investment[first:last])
        total = remaining[series, position + ~known] * initial[series]
        total += profile[0] * flow
        for age in range(1, min(profile.shape[0], int(size.max(initial=0)))):
            earlier = np.where(position[age:] >= age, flow[:-age], 0.0)  # never another series'
            earlier *= profile[age]
            total[age:] += earlier
        stock[first:last] = total

    map_blocks(work, groups, size=max(1, BLOCK_ROWS // max(1, n // max(1, groups))))
    return stock
