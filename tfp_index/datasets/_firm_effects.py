"""A design with firm effects and autoregressive productivity, for dynamic panels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfp_index.datasets._simulation import Simulation, Truth
from tfp_index.errors import SpecificationError
from tfp_index.kernels.resampling import seed_sequence

__all__ = ["firm_effects"]

Floats = NDArray[np.float64]

LABOR, CAPITAL = 0.6, 0.3
GROWTH = 0.02
ROLES = {
    "entity": "firm",
    "time": "year",
    "logs": True,
    "output": "output",
    "labor": "labor",
    "capital": "capital",
}
BURN_IN = 30


def firm_effects(
    firms: int = 500,
    periods: int = 8,
    *,
    persistence: float = 0.5,
    effect_sd: float = 0.5,
    feedback: float = 0.3,
    shock_persistence: float = 0.0,
    rng: object = None,
) -> Simulation:
    r"""Simulate firms with effects of their own and autoregressive productivity.

    .. math::

        y_{it} &= 0.3\,k_{it} + 0.6\,l_{it} + 0.02\,t + \eta_i + v_{it}, \qquad
        v_{it} = \rho\,v_{i,t-1} + e_{it}, \\
        l_{it} &= 0.6\,l_{i,t-1} + 0.2\,\eta_i + \phi\,(v_{it} + e_{it}) + a_{it}, \\
        k_{i,t+1} &= 0.7\,k_{it} + 0.15\,\eta_i + \phi\,v_{it} + b_{it},

    with :math:`e \sim N(0, 0.2^2)` and :math:`\eta \sim N(0, \sigma_\eta^2)`, and shocks a and b
    of variance :math:`0.5^2`, each autoregressive with :math:`\tau`. Labor responds to
    productivity at once, capital a period later, with strength :math:`\phi`: pooled least squares
    is biased by :math:`\eta` and by :math:`\phi`, within firms only by :math:`\phi`. Initial
    conditions are those of thirty earlier periods, so that changes are unrelated to
    :math:`\eta_i`.

    Parameters
    ----------
    firms, periods : int
    persistence : float
        ρ.
    effect_sd : float
        Standard deviation of the firm effects.
    feedback : float
        φ. At 0 the inputs follow the firm effect alone: fixed effects are then consistent.
    shock_persistence : float
        τ. At 0 the past says no more about labor at *t* than lagged output, labor and capital do,
        so that linear moments of a dynamic panel do not identify its coefficient.
    rng : None, int, SeedSequence or Generator

    Returns
    -------
    Simulation
        Logs: ``firm, year, output, labor, capital``; ``truth.productivity`` is
        :math:`0.02\,t + \eta_i + v_{it}`.

    Examples
    --------
    >>> sim = firm_effects(firms=10, periods=3, rng=1)
    >>> len(sim), dict(sim.truth.elasticities)
    (30, {'labor': 0.6, 'capital': 0.3})
    """
    for name, value, good in (
        ("firms", firms, firms >= 1),
        ("periods", periods, periods >= 1),
        ("persistence", persistence, -1 < persistence < 1),
        ("effect_sd", effect_sd, effect_sd >= 0),
        ("shock_persistence", shock_persistence, -1 < shock_persistence < 1),
    ):
        if not good:
            raise SpecificationError(f"{name} is {value!r}", code="bad_option", column=name)
    seed = seed_sequence(rng)
    draw = np.random.default_rng(seed)
    eta = draw.normal(0.0, effect_sd, firms)
    v = draw.normal(0.0, 0.2 / np.sqrt(1 - persistence**2), firms)
    k, labor = draw.normal(0.0, 1.0, (2, firms)) + 0.5 * eta
    a, b = np.zeros(firms), np.zeros(firms)
    fresh = 0.5 * np.sqrt(1 - shock_persistence**2)
    kept: dict[str, list[Floats]] = {name: [] for name in ("output", "labor", "capital", "omega")}
    for year in range(1 - BURN_IN, periods + 1):
        e = draw.normal(0.0, 0.2, firms)
        v = persistence * v + e
        a = shock_persistence * a + draw.normal(0.0, fresh, firms)
        labor = 0.6 * labor + 0.2 * eta + feedback * (v + e) + a
        if year >= 1:
            omega = GROWTH * year + eta + v
            y = CAPITAL * k + LABOR * labor + omega
            for name, values in zip(kept, (y, labor, k, omega), strict=True):
                kept[name].append(values)
        b = shock_persistence * b + draw.normal(0.0, fresh, firms)
        k = 0.7 * k + 0.15 * eta + feedback * v + b
    stacked = {name: np.stack(values, axis=1).reshape(-1) for name, values in kept.items()}
    omega = stacked.pop("omega")
    columns = {
        "firm": np.repeat(np.arange(1, firms + 1), periods),
        "year": np.tile(np.arange(1, periods + 1), firms),
        **stacked,
    }
    truth = Truth(
        elasticities={"labor": LABOR, "capital": CAPITAL},
        productivity=omega,
        parameters={
            "persistence": persistence,
            "effect_sd": effect_sd,
            "feedback": feedback,
            "shock_persistence": shock_persistence,
            "growth": GROWTH,
        },
    )
    return Simulation(columns, truth, ROLES, "firm effects", seed.entropy)
