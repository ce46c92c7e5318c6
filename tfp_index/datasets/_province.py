"""A province of enterprises with known truth: industries, districts, ownership, entry and exit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.datasets._simulation import Simulation, Truth
from tfp_index.errors import SpecificationError
from tfp_index.kernels.resampling import seed_sequence

__all__ = ["province"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DISTRICTS = {
    "Hạ Long": 0.30,
    "Cẩm Phả": 0.17,
    "Uông Bí": 0.10,
    "Móng Cái": 0.09,
    "Đông Triều": 0.09,
    "Quảng Yên": 0.08,
    "Vân Đồn": 0.05,
    "Hải Hà": 0.04,
    "Tiên Yên": 0.03,
    "Đầm Hà": 0.02,
    "Bình Liêu": 0.01,
    "Ba Chẽ": 0.01,
    "Cô Tô": 0.01,
}
"""Quảng Ninh's district-level units to June 2025, with the chance that an enterprise lies there."""

COAL_DISTRICTS = ("Hạ Long", "Cẩm Phả", "Uông Bí", "Đông Triều")


@dataclass(frozen=True, slots=True)
class _Industry:
    """A section of VSIC 2018 with invented technology.

    ``size`` is log capital of a middling enterprise above that of trade, ``intensity`` its capital
    per person in million VND.
    """

    code: str
    name: str
    chance: float
    labor: float
    capital: float
    materials: float
    depreciation: float
    trend: float
    size: float
    intensity: float


INDUSTRIES = (
    _Industry("B", "Khai khoáng", 0.04, 0.26, 0.28, 0.38, 0.09, 0.010, 4.0, 600.0),
    _Industry(
        "C", "Công nghiệp chế biến, chế tạo", 0.18, 0.20, 0.17, 0.56, 0.10, 0.025, 1.6, 400.0
    ),
    _Industry(
        "D", "Sản xuất và phân phối điện, khí đốt", 0.02, 0.14, 0.36, 0.42, 0.06, 0.015, 4.0, 3000.0
    ),
    _Industry("F", "Xây dựng", 0.16, 0.28, 0.12, 0.53, 0.12, 0.005, 0.4, 150.0),
    _Industry(
        "G", "Bán buôn, bán lẻ; sửa chữa xe", 0.36, 0.24, 0.12, 0.55, 0.10, 0.015, 0.0, 200.0
    ),
    _Industry("H", "Vận tải, kho bãi", 0.12, 0.28, 0.24, 0.40, 0.12, 0.010, 0.7, 500.0),
    _Industry("I", "Dịch vụ lưu trú và ăn uống", 0.12, 0.34, 0.24, 0.34, 0.08, 0.020, 0.3, 400.0),
)

OWNERSHIP = ("Nhà nước", "Ngoài nhà nước", "Có vốn đầu tư nước ngoài")
OWNERSHIP_PREMIUM = (-0.03, 0.0, 0.10)
OWNERSHIP_SIZE = (1.8, 0.0, 1.5)

PERSISTENCE = 0.75
PRODUCTIVITY_SD = 0.20
OUTPUT_ERROR_SD = 0.10
LABOR_ERROR_SD = 0.10
MIDDLING = 7.5
"""Log capital of a middling enterprise in trade: 1.8 billion VND."""
WAGE = 4.5
"""Log of 90 million VND a year."""
ENTRANT_GAP = -0.08
EXIT_AT = -2.0
EXIT_SPREAD = 0.8


def province(
    enterprises: int = 2_000,
    periods: int = 10,
    *,
    first_year: int = 2015,
    entry_rate: float = 0.08,
    rng: object = None,
) -> Simulation:
    r"""Simulate the enterprises of a province that looks like Quảng Ninh.

    Districts, industries (sections of VSIC 2018) and forms of ownership have real names; every
    number is invented and no enterprise is real. Values are in million VND at constant prices,
    labor in persons. For enterprise i of industry j

    .. math::

        y = \beta^l_j l + \beta^k_j k + \beta^m_j m + \omega + \varepsilon, \qquad
        \omega_{it} = c_j + g_j t + d_{own(i)} + d_{district(i)} + a_{it},

    with :math:`c_j` such that a middling enterprise has its industry's capital per person,
    :math:`\varepsilon \sim N(0, 0.1^2)` and :math:`a_{it} = 0.75\,a_{i,t-1} + \xi_{it}`
    of standard deviation 0.2; entrants start 0.08 lower on average. Materials maximize expected
    profit at *t*. Labor maximizes it before half of the variance of :math:`\xi_{it}` is known, at
    the wage of its district, year and ownership, and is then off by an error of standard
    deviation 0.1. Investment is :math:`I_t = h_i \max(K^*_{t+1} - (1 - \delta_j) K_t, 0)` with
    :math:`\ln K^* = s_i + 2\,E_t a_{i,t+1}` and speeds h in {0.3, 0.6, 1}, so some investment is
    zero. An enterprise leaves after *t* with probability

    .. math:: p = \Phi\!\left((-2.0 - a_{it}/0.2 - 0.2\,(k_{it} - s_i)) / 0.8\right),

    hence exit selects on productivity and capital. Every year a Poisson number of enterprises,
    `entry_rate` times the number at the start, enters.

    Parameters
    ----------
    enterprises : int
        Present in the first year.
    periods : int
    first_year : int
    entry_rate : float
    rng : None, int, SeedSequence or Generator

    Returns
    -------
    Simulation
        Levels: ``enterprise, year, district, industry, industry_name, ownership, output,
        value_added, materials, labor, labor_cost, capital, investment, entry_year``;
        ``truth.by_row`` has each row's elasticities, the probability of leaving after it, and
        whether the enterprise left.

    Examples
    --------
    >>> sim = province(enterprises=50, periods=4, rng=1)
    >>> set(sim["industry"]) <= set("BCDFGHI")
    True
    >>> sim.panel().n_entities >= 50
    True
    """
    for name, value, good in (
        ("enterprises", enterprises, enterprises >= 1),
        ("periods", periods, periods >= 1),
        ("entry_rate", entry_rate, entry_rate >= 0),
    ):
        if not good:
            raise SpecificationError(f"{name} is {value!r}", code="bad_option", column=name)
    seed = seed_sequence(rng)
    draw = np.random.default_rng(seed)
    births = np.concatenate(
        [[enterprises], draw.poisson(entry_rate * enterprises, periods - 1)]
    ).astype(np.int64)
    born = np.repeat(np.arange(periods), births)
    firms = _Firms.draw(born, draw)
    path = _live(firms, born, periods, draw)
    return _simulation(firms, born, path, first_year, seed.entropy)


def _intercept(industry: _Industry) -> float:
    """ω at which an enterprise of middling capital hires its industry's number of persons."""
    left = 1 - industry.materials
    theta = industry.labor / left
    k = MIDDLING + industry.size
    wanted = k - np.log(industry.intensity)
    scale = WAGE + (1 - theta) * wanted - np.log(theta)
    rest = industry.materials * np.log(industry.materials) + industry.capital * k
    return float(left * (scale - np.log(left)) - rest)


@dataclass(frozen=True, slots=True, eq=False)
class _Firms:
    """What an enterprise keeps all its life; every field is (firms,)."""

    industry: Ints
    district: Ints
    ownership: Ints
    labor: Floats
    capital: Floats
    materials: Floats
    depreciation: Floats
    trend: Floats
    level: Floats
    size: Floats
    speed: Floats
    wage: Floats

    @classmethod
    def draw(cls, born: Ints, draw: np.random.Generator) -> _Firms:
        n = born.shape[0]
        chances = np.array([i.chance for i in INDUSTRIES])
        industry = np.asarray(draw.choice(len(INDUSTRIES), n, p=chances / chances.sum()))
        weights = np.array(list(DISTRICTS.values()))
        district = np.asarray(draw.choice(len(DISTRICTS), n, p=weights / weights.sum()))
        coal = np.array([d in COAL_DISTRICTS for d in DISTRICTS]) * weights
        in_coal = draw.choice(len(DISTRICTS), n, p=coal / coal.sum())
        district = np.where(industry == 0, in_coal, district)
        ownership = np.where(draw.random(n) < np.where(industry == 0, 0.4, 0.03), 0, 1)
        ownership[draw.random(n) < np.where(industry == 1, 0.15, 0.02)] = 2
        effect = draw.normal(0.0, 0.03, len(DISTRICTS))

        def of(name: str) -> Floats:
            values = np.array([getattr(i, name) for i in INDUSTRIES], np.float64)
            return np.take(values, industry)

        level = np.array([_intercept(i) for i in INDUSTRIES])[industry]
        level = level + np.array(OWNERSHIP_PREMIUM)[ownership] + effect[district]
        size = MIDDLING + of("size") + np.array(OWNERSHIP_SIZE)[ownership]
        size = size + draw.normal(0.0, 1.2, n)
        wage = WAGE + 0.15 * (ownership == 2) + draw.normal(0.0, 0.08, 13)[district]
        return cls(
            industry=industry,
            district=district,
            ownership=ownership,
            labor=of("labor"),
            capital=of("capital"),
            materials=of("materials"),
            depreciation=of("depreciation"),
            trend=of("trend"),
            level=level,
            size=size,
            speed=draw.choice([0.3, 0.6, 1.0], n),
            wage=wage,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """(periods, firms) arrays, NaN where the enterprise is not there."""

    omega: Floats
    output: Floats
    labor: Floats
    materials: Floats
    capital: Floats
    investment: Floats
    wage: Floats
    exit_chance: Floats
    left: Floats


def _live(firms: _Firms, born: Ints, periods: int, draw: np.random.Generator) -> _Path:
    from scipy.special import ndtr

    n = born.shape[0]
    path = _Path(*(np.full((periods, n), np.nan) for _ in range(9)))
    news = PRODUCTIVITY_SD * np.sqrt(1 - PERSISTENCE**2)
    a: Floats = draw.normal(0.0, PRODUCTIVITY_SD, (n,))
    a[born > 0] += ENTRANT_GAP
    stock = np.exp(firms.size + draw.normal(0.0, 0.3, n))
    alive = np.ones(n, bool)
    known = a.copy()  # of a, when labor is chosen
    for t in range(periods):
        here = np.flatnonzero(alive & (born <= t))
        omega = firms.level + firms.trend * t + a
        early = omega - a + known
        wage = firms.wage + 0.03 * t + draw.normal(0.0, 0.05, n)
        k = np.log(stock)
        labor, materials, output = _choices(firms, k, omega, early, wage, 0.25 * news**2, draw)
        chance = ndtr((EXIT_AT - a / PRODUCTIVITY_SD - 0.2 * (k - firms.size)) / EXIT_SPREAD)
        leaves = draw.random(n) < chance
        old = (1 - firms.depreciation) * stock
        target = np.exp(firms.size + 2 * PERSISTENCE * a)
        investment = firms.speed * np.maximum(target - old, 0.0)
        for name, values in (
            ("omega", omega),
            ("output", np.exp(output)),
            ("labor", np.exp(labor)),
            ("materials", np.exp(materials)),
            ("capital", stock),
            ("investment", investment),
            ("wage", np.exp(wage)),
            ("exit_chance", chance),
            ("left", leaves),
        ):
            getattr(path, name)[t, here] = values[here]
        lived = born <= t
        alive &= ~(lived & leaves)
        first, second = draw.normal(0.0, news * np.sqrt(0.5), (2, n))
        known = np.where(lived, PERSISTENCE * a + first, a)
        a = np.where(lived, known + second, a)
        stock = np.where(lived, old + investment, stock)
    return path


def _choices(
    firms: _Firms,
    k: Floats,
    omega: Floats,
    early: Floats,
    wage: Floats,
    late_variance: float,
    draw: np.random.Generator,
) -> tuple[Floats, Floats, Floats]:
    """Log labor, materials and output, each at its own first-order condition."""
    left = 1 - firms.materials
    shock = 0.5 * OUTPUT_ERROR_SD**2
    # materials substituted out: revenue net of materials is e^scale L^theta, theta = βˡ/(1 − βᵐ)
    theta = firms.labor / left
    scale = (
        np.log(left)
        + (firms.materials * np.log(firms.materials) + shock + firms.capital * k + early) / left
        + late_variance / left**2
    )
    labor: Floats = (np.log(theta) + scale - wage) / (1 - theta)
    labor = labor + draw.normal(0.0, LABOR_ERROR_SD, k.shape)
    base = firms.labor * labor + firms.capital * k + omega
    materials = (np.log(firms.materials) + base + shock) / left
    output = base + firms.materials * materials + draw.normal(0.0, OUTPUT_ERROR_SD, k.shape)
    return labor, materials, output


def _simulation(
    firms: _Firms, born: Ints, path: _Path, first_year: int, seed: object
) -> Simulation:
    # (firm, year) order of the rows that exist
    firm, year = np.nonzero(np.isfinite(path.omega).T)

    def row(values: Floats) -> Floats:
        return np.asarray(values[year, firm])

    codes = np.array([i.code for i in INDUSTRIES], object)
    names = np.array([i.name for i in INDUSTRIES], object)
    labels = np.array([f"QN{i + 1:06d}" for i in range(born.shape[0])], object)
    columns = {
        "enterprise": labels[firm],
        "year": first_year + year,
        "district": np.array(list(DISTRICTS), object)[firms.district[firm]],
        "industry": codes[firms.industry[firm]],
        "industry_name": names[firms.industry[firm]],
        "ownership": np.array(OWNERSHIP, object)[firms.ownership[firm]],
        "output": row(path.output),
        "value_added": row(path.output) - row(path.materials),
        "materials": row(path.materials),
        "labor": row(path.labor),
        "labor_cost": row(path.labor) * row(path.wage),
        "capital": row(path.capital),
        "investment": row(path.investment),
        "entry_year": (first_year + born)[firm],
    }
    by_row = {
        "labor": firms.labor[firm],
        "capital": firms.capital[firm],
        "materials": firms.materials[firm],
        "exit_chance": row(path.exit_chance),
        "left": row(path.left),
    }
    truth = Truth(
        elasticities={x: float(by_row[x].mean()) for x in ("labor", "capital", "materials")},
        productivity=row(path.omega),
        parameters={
            "persistence": PERSISTENCE,
            "productivity_sd": PRODUCTIVITY_SD,
            "output_error_sd": OUTPUT_ERROR_SD,
            **{f"trend_{i.code}": i.trend for i in INDUSTRIES},
        },
        by_row=by_row,
    )
    roles: dict[str, Any] = {
        "entity": "enterprise",
        "time": "year",
        "groups": {name: name for name in ("industry", "district", "ownership")},
    }
    values = ("output", "value_added", "capital", "labor", "materials", "investment")
    roles |= {name: name for name in values}
    return Simulation(columns, truth, roles, "enterprises of a province", seed)
