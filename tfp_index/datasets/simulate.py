"""Simulators with known truth, for tests, teaching and checks of an estimator before it is used.

Each function states its design by formula, takes ``rng=`` and returns a `Simulation`: the columns
as a user would have them, and the truth behind them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfp_index.datasets._firm_effects import firm_effects
from tfp_index.datasets._province import province
from tfp_index.datasets._proxies import proxies
from tfp_index.datasets._simulation import Simulation, Truth
from tfp_index.errors import SpecificationError
from tfp_index.kernels.resampling import seed_sequence

__all__ = [
    "Simulation",
    "Truth",
    "acf2015",
    "firm_effects",
    "gnr",
    "kim_luo_su",
    "province",
    "proxies",
]

Floats = NDArray[np.float64]

PRODUCTIVITY_SD = 0.3
OUTPUT_ERROR_SD = 0.1
DISCOUNT = 0.95
RETENTION = 0.8
"""Share of the capital stock that is left a period later."""
HORIZON = 100
"""Terms of the infinite sum in the investment rule."""


@dataclass(frozen=True, slots=True)
class _Leontief:
    """Parameters of the value-added design with materials in fixed proportion to output."""

    labor: float = 0.6
    capital: float = 0.4
    persistence: float = 0.7
    wage_sd: float = 0.1
    wage_persistence: float = 0.3
    timing: float = 0.5
    optimization_error: float = 0.0
    adjustment_sd: float = 0.6

    @property
    def variances(self) -> tuple[float, float, float]:
        """Of ξᴬ, ξᴮ and ξ: news before labor is chosen, after it, and over the whole period."""
        rho, b, total = self.persistence, self.timing, PRODUCTIVITY_SD**2
        return (
            (1 - rho ** (2 * (1 - b))) * total,
            (1 - rho ** (2 * b)) * total,
            (1 - rho**2) * total,
        )


DESIGNS = {
    1: _Leontief(),
    2: _Leontief(wage_sd=0.0, timing=0.0, optimization_error=0.37),
    3: _Leontief(optimization_error=0.37),
}
"""The three designs of Ackerberg, Caves and Frazer (2015)."""


def acf2015(
    design: Literal[1, 2, 3] = 1,
    firms: int = 1_000,
    periods: int = 10,
    measurement_error: float = 0.1,
    *,
    error_variance: Literal["within", "total"] = "within",
    burn_in: int = 90,
    rng: object = None,
) -> Simulation:
    r"""Simulate a Monte Carlo design of Ackerberg, Caves and Frazer (2015).

    Value added is :math:`y = 0.6\,l + 0.4\,k + \omega + \varepsilon` with
    :math:`\varepsilon \sim N(0, 0.1^2)`. Productivity has standard deviation 0.3, persistence
    ρ = 0.7, and is split at the moment *t − b* when labor is chosen:

    .. math::

        \omega_{t-b} = \rho^{1-b} \omega_{t-1} + \xi^A_t, \qquad
        \omega_t = \rho^b \omega_{t-b} + \xi^B_t .

    The log wage is AR(1) with persistence 0.3. Planned labor is
    :math:`l^* = [\tfrac12 \sigma_B^2 + \ln\beta_l + \rho^b\omega_{t-b} - \ln w + \beta_k k]
    / (1-\beta_l)`, labor is :math:`l = l^* + N(0, \sigma_o^2)`, and materials, in fixed proportion
    to planned output, are :math:`m = \beta_l l^* + \beta_k k + \omega`. Capital follows
    :math:`K_t = 0.8 K_{t-1} + I_{t-1}` from almost nothing; investment solves the firm's dynamic
    problem with adjustment cost :math:`\tfrac12 \phi_i I^2`, ``ln(1/φ_i) ~ N(0, 0.6²)`` and
    discount factor 0.95 (in closed form, the sum cut at 100 terms). The last `periods` of
    ``burn_in + periods`` are kept, and materials are observed with a normal error whose variance
    is `measurement_error` times the variance of materials.

    ====== ============ ============================= ===========================
    design sd of wage   labor chosen (share b of the  sd of the optimization
                        period before *t*)            error in labor
    ====== ============ ============================= ===========================
    1      0.1          0.5                           0
    2      0            0                             0.37
    3      0.1          0.5                           0.37
    ====== ============ ============================= ===========================

    Parameters
    ----------
    design : {1, 2, 3}
    firms, periods : int
    measurement_error : float
        Error variance in materials relative to their variance.
    error_variance : {"within", "total"}
        Which variance of materials: around each firm's mean (as in the study), or around the
        grand mean, some 3.4 times larger, which other generators of this design use.
    burn_in : int
        Periods simulated and thrown away first.
    rng : None, int, SeedSequence or Generator

    Returns
    -------
    Simulation
        Logs: ``firm, year, output, labor, capital, materials, investment``.

    Raises
    ------
    SpecificationError
        If an argument is out of range.

    References
    ----------
    Ackerberg, Caves and Frazer (2015), "Identification properties of recent production function
    estimators", Econometrica 83. The design follows two published ports of the authors' program.

    Examples
    --------
    >>> sim = acf2015(design=1, firms=50, periods=4, rng=1)
    >>> len(sim), dict(sim.truth.elasticities)
    (200, {'labor': 0.6, 'capital': 0.4})
    """
    if design not in DESIGNS:
        _refuse("design", design, "1, 2 or 3")
    title = f"Ackerberg-Caves-Frazer (2015) design {design}"
    return _leontief_panel(
        DESIGNS[design], firms, periods, measurement_error, error_variance, burn_in, rng, title
    )


def kim_luo_su(
    wage_sd: float = 0.5,
    firms: int = 1_000,
    periods: int = 10,
    *,
    timing: float = 0.5,
    optimization_error: float = 0.0,
    wage_persistence: float = 0.3,
    measurement_error: float = 0.0,
    error_variance: Literal["within", "total"] = "within",
    burn_in: int = 90,
    rng: object = None,
) -> Simulation:
    """Simulate a variant of `acf2015` that is harder or easier on the spurious root.

    With the labor rule substituted, ``φ − 1·l − 0·k`` is the log wage plus news: a first-order
    Markov process of its own, so coefficients near (1, 0) satisfy the same moments as the truth.
    How easily a search ends there depends on the spread of wages and on the timing of labor
    (Kim, Luo and Su 2019). The formulas are those of `acf2015`.

    Parameters
    ----------
    wage_sd : float
        Standard deviation of the log wage: 0.1 as in design 1; 0.5 leaves the spurious root
        farther from anything a search starts with.
    firms, periods : int
    timing : float
        Share b of the period before *t* at which labor is chosen; 0 means at *t*.
    optimization_error : float
        Standard deviation of the error in labor.
    wage_persistence : float
        Also the persistence of ω that the spurious root shows.
    measurement_error, error_variance, burn_in, rng
        As in `acf2015`.

    Examples
    --------
    >>> sim = kim_luo_su(0.5, firms=20, periods=3, rng=1)
    >>> sim.truth.parameters["wage_sd"]
    0.5
    """
    if not 0 <= timing < 1:
        _refuse("timing", timing, "0 ≤ timing < 1")
    for name, value in (("wage_sd", wage_sd), ("optimization_error", optimization_error)):
        if value < 0:
            _refuse(name, value, "a number from 0")
    if not -1 < wage_persistence < 1:
        _refuse("wage_persistence", wage_persistence, "between -1 and 1")
    design = _Leontief(
        wage_sd=wage_sd,
        timing=timing,
        optimization_error=optimization_error,
        wage_persistence=wage_persistence,
    )
    title = f"Kim-Luo-Su (2019) variant, wage sd {wage_sd:g}, timing {timing:g}"
    return _leontief_panel(
        design, firms, periods, measurement_error, error_variance, burn_in, rng, title
    )


def _leontief_panel(
    design: _Leontief,
    firms: int,
    periods: int,
    measurement_error: float,
    error_variance: str,
    burn_in: int,
    rng: object,
    title: str,
) -> Simulation:
    _check_size(firms, periods, burn_in)
    if measurement_error < 0:
        _refuse("measurement_error", measurement_error, "a number from 0")
    if error_variance not in ("within", "total"):
        _refuse("error_variance", error_variance, "'within' or 'total'")
    seed = seed_sequence(rng)
    draw = np.random.default_rng(seed)
    shape = (burn_in + periods, firms)
    omega, early, wage = _shocks(design, shape, draw)
    investment = _investment(design, omega, wage, draw)
    k = _capital(investment)
    beta_l, beta_k = design.labor, design.capital
    _, var_b, _ = design.variances
    planned = (0.5 * var_b + np.log(beta_l) + early - wage + beta_k * k) / (1 - beta_l)
    labor = planned + draw.normal(0.0, design.optimization_error, shape)
    output = beta_l * labor + beta_k * k + omega + draw.normal(0.0, OUTPUT_ERROR_SD, shape)
    materials = _keep(beta_l * planned + beta_k * k + omega, periods)
    center = materials.mean(axis=1, keepdims=True) if error_variance == "within" else None
    variance = float(((materials - (materials.mean() if center is None else center)) ** 2).mean())
    materials = materials + draw.normal(0.0, np.sqrt(measurement_error * variance), materials.shape)
    columns = {
        "output": _keep(output, periods),
        "labor": _keep(labor, periods),
        "capital": _keep(k, periods),
        "materials": materials,
        "investment": np.log(_keep(investment, periods)),
    }
    error = float(np.sqrt(measurement_error * variance))
    truth = _leontief_truth(design, _keep(omega, periods), error)
    roles = {"entity": "firm", "time": "year", "logs": True, **{name: name for name in columns}}
    keys = {
        "firm": np.repeat(np.arange(1, firms + 1), periods),
        "year": np.tile(np.arange(1, periods + 1), firms),
    }
    flat = {name: values.reshape(-1) for name, values in columns.items()}
    return Simulation({**keys, **flat}, truth, roles, title, seed.entropy)


def _leontief_truth(design: _Leontief, omega: Floats, materials_error: float) -> Truth:
    return Truth(
        elasticities={"labor": design.labor, "capital": design.capital},
        productivity=omega.reshape(-1),
        parameters={
            "persistence": design.persistence,
            "productivity_sd": PRODUCTIVITY_SD,
            "output_error_sd": OUTPUT_ERROR_SD,
            "wage_sd": design.wage_sd,
            "wage_persistence": design.wage_persistence,
            "timing": design.timing,
            "optimization_error": design.optimization_error,
            "measurement_error_sd": materials_error,
        },
    )


def _keep(values: Floats, periods: int) -> Floats:
    """(time, firm) to (firm, last periods)."""
    return np.ascontiguousarray(values[-periods:].T)


def _shocks(
    design: _Leontief, shape: tuple[int, int], draw: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """ω, what is known of it when labor is chosen (ρᵇ ω_{t−b}), and the log wage."""
    periods, firms = shape
    rho, b = design.persistence, design.timing
    sd_a, sd_b = (np.sqrt(v) for v in design.variances[:2])
    news_sd = design.wage_sd * np.sqrt(1 - design.wage_persistence**2)
    omega, early, wage = np.empty(shape), np.empty(shape), np.empty(shape)
    before = draw.normal(0.0, PRODUCTIVITY_SD, firms)
    wage_before = draw.normal(0.0, design.wage_sd, firms)
    for t in range(periods):
        early[t] = rho**b * (rho ** (1 - b) * before + draw.normal(0.0, sd_a, firms))
        before = omega[t] = early[t] + draw.normal(0.0, sd_b, firms)
        wage_before = design.wage_persistence * wage_before + draw.normal(0.0, news_sd, firms)
        wage[t] = wage_before
    return omega, early, wage


def _investment(
    design: _Leontief, omega: Floats, wage: Floats, draw: np.random.Generator
) -> Floats:
    """Expected discounted marginal product of capital over its marginal adjustment cost."""
    beta_l, beta_k, rho, b = design.labor, design.capital, design.persistence, design.timing
    rho_w, sigma_o = design.wage_persistence, design.optimization_error
    var_a, var_b, var = design.variances
    var_wage = (1 - rho_w**2) * design.wage_sd**2
    ratio = beta_l / (1 - beta_l)
    profit = beta_l**ratio * np.exp(0.5 * beta_l**2 * sigma_o**2) - beta_l ** (
        1 / (1 - beta_l)
    ) * np.exp(0.5 * sigma_o**2)
    total = np.zeros(omega.shape)
    wage_variance = shock_variance = 0.0
    for s in range(HORIZON):
        wage_variance += rho_w ** (2 * s)
        spread = 0.5 * ratio**2 * var_wage * wage_variance + 0.5 / (1 - beta_l) ** 2 * rho ** (
            2 * b
        ) * (var_a * rho ** (2 * s) + var * shock_variance)
        shock_variance += rho ** (2 * s)
        term = (rho ** (s + 1) / (1 - beta_l)) * omega
        term -= (ratio * rho_w ** (s + 1)) * wage
        term += spread
        np.exp(term, out=term)
        term *= (RETENTION * DISCOUNT) ** s
        total += term
    cheapness = np.exp(draw.normal(0.0, design.adjustment_sd, omega.shape[1]))
    scale = DISCOUNT * beta_k / (1 - beta_l) * profit * np.exp(0.5 * var_b / (1 - beta_l))
    return np.asarray(cheapness * scale * total)


def _capital(investment: Floats) -> Floats:
    """Log capital from ``K_t = 0.8 K_{t−1} + I_{t−1}``, starting at e⁻¹⁰⁰."""
    capital = np.empty_like(investment)
    stock = np.full(investment.shape[1], np.exp(-100.0))
    for t in range(investment.shape[0]):
        capital[t] = np.log(stock)
        stock = RETENTION * stock + investment[t]
    return capital


def gnr(
    firms: int = 500,
    periods: int = 30,
    *,
    capital_elasticity: float = 0.25,
    labor_elasticity: float = 0.0,
    materials_elasticity: float = 0.65,
    curvature: float = 0.0,
    expected_shock: bool = True,
    burn_in: int = 30,
    rng: object = None,
) -> Simulation:
    r"""Simulate gross output with one flexible input, for share-regression estimators.

    .. math::

        y = f(k, l, m) + \omega + \varepsilon, \quad
        f = \beta_k k + \beta_l l + \beta_m m - \tfrac12 \gamma (k - m)^2, \quad
        \omega_t = 0.2 + 0.8\,\omega_{t-1} + \eta_t

    with :math:`\eta \sim N(0, 0.2^2)` and :math:`\varepsilon \sim N(0, 0.07)`. All prices are 1 and
    materials maximize expected profit at *t*, so that the log share of materials in revenue is
    :math:`s = \ln(\beta_m + \gamma (k - m)) + \ln E[e^\varepsilon] - \varepsilon`.

    Capital cannot be sold: :math:`K_{t+1} = 0.85 K_t + h_i \max(K^*_{t+1} - 0.85 K_t, 0)` with
    speeds h in {0.2, 0.4, 0.6, 0.8, 1} and target
    :math:`\ln K^*_{t+1} = a_i + 2(E_t\omega_{t+1} - 1)`, ``a_i ~ N(0, 1)``. Labor, when it is an
    input, is set a period ahead as well:
    :math:`l_{t+1} = \tfrac12 l_t + \tfrac12 (b_i + 2(E_t\omega_{t+1} - 1)) + N(0, 0.1^2)`,
    ``b_i = a_i / 2 + N(0, 1)``. Both are rules of thumb, not solutions of a dynamic problem:
    what identifies the estimator is only that they are fixed before :math:`\eta_t`.

    Elasticities, persistence and error variances are those inferred from the sample that a
    published implementation ships (flexible 0.65, capital 0.25).

    Parameters
    ----------
    firms, periods : int
    capital_elasticity, labor_elasticity, materials_elasticity : float
        Without labor (elasticity 0) the panel has no such column.
    curvature : float
        γ ≥ 0. At 0 the elasticities are constant; above, that of materials is
        ``β_m + γ (k − m)`` and that of capital ``β_k − γ (k − m)``.
    expected_shock : bool
        Whether firms count on ``E[e^ε]`` when they buy materials. The published sample looks as
        if they do not; an estimator that divides by ``E[e^ε]`` is then off by that factor.
    burn_in : int
    rng : None, int, SeedSequence or Generator

    Returns
    -------
    Simulation
        Logs: ``firm, year, output, capital, [labor,] materials, share``; ``truth.by_row`` has the
        elasticities of each row.

    Examples
    --------
    >>> sim = gnr(firms=20, periods=5, labor_elasticity=0.15, materials_elasticity=0.5, rng=1)
    >>> sorted(sim.columns)
    ['capital', 'firm', 'labor', 'materials', 'output', 'share', 'year']
    """
    _check_size(firms, periods, burn_in)
    if not 0 < materials_elasticity < 1:
        _refuse("materials_elasticity", materials_elasticity, "between 0 and 1")
    for name, value in (
        ("capital_elasticity", capital_elasticity),
        ("labor_elasticity", labor_elasticity),
        ("curvature", curvature),
    ):
        if value < 0:
            _refuse(name, value, "a number from 0")
    seed = seed_sequence(rng)
    draw = np.random.default_rng(seed)
    omega, k, labor = _gnr_states(firms, burn_in + periods, draw)
    omega, k, labor = (_keep(v, periods) for v in (omega, k, labor))
    if not labor_elasticity:
        labor = np.zeros_like(k)
    variance = 0.07
    base = capital_elasticity * k + labor_elasticity * labor + omega
    log_mean = 0.5 * variance if expected_shock else 0.0
    m = _flexible(base + log_mean, k, materials_elasticity, curvature)
    f = base + materials_elasticity * m - 0.5 * curvature * (k - m) ** 2
    y = f + draw.normal(0.0, np.sqrt(variance), k.shape)
    elasticities = {"materials": materials_elasticity + curvature * (k - m)}
    if labor_elasticity:
        elasticities["labor"] = np.full(k.shape, labor_elasticity)
    elasticities["capital"] = capital_elasticity - curvature * (k - m)
    columns = {
        "firm": np.repeat(np.arange(1, firms + 1), periods),
        "year": np.tile(np.arange(1, periods + 1), firms),
        "output": y.reshape(-1),
        "capital": k.reshape(-1),
        "materials": m.reshape(-1),
        "share": (m - y).reshape(-1),
    }
    roles = {"entity": "firm", "time": "year", "output": "output", "capital": "capital"}
    roles["materials"] = "materials"
    if labor_elasticity:
        columns["labor"], roles["labor"] = labor.reshape(-1), "labor"
    truth = Truth(
        elasticities={name: float(v.mean()) for name, v in elasticities.items()},
        productivity=omega.reshape(-1),
        parameters={"persistence": 0.8, "output_error_variance": variance, "curvature": curvature},
        by_row={name: v.reshape(-1) for name, v in elasticities.items()},
    )
    arguments = {**roles, "columns": {"share": "share"}, "logs": True}
    return Simulation(columns, truth, arguments, "gross output, flexible materials", seed.entropy)


def _gnr_states(
    firms: int, periods: int, draw: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """(time, firm) arrays of ω, log capital and log labor."""
    size = draw.normal(0.0, 1.0, firms)
    staff = 0.5 * size + draw.normal(0.0, 1.0, firms)
    speed = draw.choice([0.2, 0.4, 0.6, 0.8, 1.0], firms)
    omega, k, labor = (np.empty((periods, firms)) for _ in range(3))
    now = draw.normal(1.0, 0.2 / 0.6, firms)
    stock, people = np.exp(size), staff
    for t in range(periods):
        omega[t], k[t], labor[t] = now, np.log(stock), people
        expected = 0.2 + 0.8 * now
        drift = 2 * (expected - 1)
        old = 0.85 * stock
        stock = old + speed * np.maximum(np.exp(size + drift) - old, 0.0)
        people = 0.5 * people + 0.5 * (staff + drift) + draw.normal(0.0, 0.1, firms)
        now = expected + draw.normal(0.0, 0.2, firms)
    return omega, k, labor


def _flexible(base: Floats, k: Floats, beta: float, gamma: float) -> Floats:
    """Solve ``ln(β + γ(k − m)) + base + β m − ½ γ (k − m)² = m`` for m."""
    m = np.asarray((np.log(beta) + base) / (1 - beta))
    if not gamma:
        return m
    # in d = k − m the equation rises monotonically where 0 < β + γ d < 1
    low = np.full(k.shape, -beta / gamma)
    high = np.full(k.shape, (1 - beta) / gamma)
    d = np.clip(k - m, low + 1e-6, high - 1e-6)
    for _ in range(200):
        share = beta + gamma * d
        gap = np.log(share) + base - (1 - beta) * (k - d) - 0.5 * gamma * d**2
        low, high = np.where(gap < 0, d, low), np.where(gap > 0, d, high)
        step = d - gap / (gamma / share + 1 - share)
        inside = (step > low) & (step < high)
        previous, d = d, np.where(inside, step, 0.5 * (low + high))
        if float(np.abs(d - previous).max()) < 1e-14:
            break
    return np.asarray(k - d)


def _check_size(firms: int, periods: int, burn_in: int) -> None:
    for name, value, least in (
        ("firms", firms, 1),
        ("periods", periods, 1),
        ("burn_in", burn_in, 0),
    ):
        if value < least:
            _refuse(name, value, f"an integer from {least}")


def _refuse(name: str, value: object, expected: str) -> None:
    raise SpecificationError(
        f"{name} is {value!r}", code="bad_option", column=name, expected=expected
    )
