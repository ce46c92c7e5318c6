"""A design in which the proxy estimators are all consistent, with exit if wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfp_index.datasets._simulation import Simulation, Truth
from tfp_index.errors import SpecificationError
from tfp_index.kernels.resampling import seed_sequence

__all__ = ["proxies"]

Floats = NDArray[np.float64]

LABOR, CAPITAL = 0.6, 0.4
PERSISTENCE, PRODUCTIVITY_SD = 0.7, 0.3
WAGE_PERSISTENCE, WAGE_SD = 0.5, 0.3
OUTPUT_ERROR_SD = 0.1
INSTALLATION_SD = 0.2
EXIT_LEVEL, EXIT_SLOPE = -0.35, 0.15


def proxies(
    firms: int = 1_000,
    periods: int = 10,
    *,
    exit: bool = False,  # noqa: A002
    rng: object = None,
) -> Simulation:
    r"""Simulate firms to whom every assumption of the proxy estimators applies.

    Value added is :math:`y = 0.6\,l + 0.4\,k + \omega + \varepsilon` with
    :math:`\varepsilon \sim N(0, 0.1^2)` and

    .. math::

        \omega_t &= 0.7\,\omega_{t-1} + \xi_t, \quad sd(\omega) = 0.3, \qquad
        w_t = 0.5\,w_{t-1} + \nu_t, \quad sd(w) = 0.3, \\
        i_t &= 0.5\,k_t + 1.5\,\omega_t, \qquad k_{t+1} = 0.9\,k_t + 0.1\,i_t + \kappa_{t+1}, \\
        m_t &= 0.4\,k_t + \omega_t, \qquad l_t = 0.3\,k_t + \omega_t - w_t,

    where *w* is a wage that only labor responds to and :math:`\kappa \sim N(0, 0.2^2)` is what
    becomes of capital between order and use, unrelated to :math:`\xi`: without it capital would
    be a function of last period's state, and least squares would have a second exact solution.
    Investment and materials both tell productivity exactly, given capital; labor has variation of
    its own, which neither proxy shares; :math:`k_1 \sim N(0, 1)`. Olley–Pakes, Levinsohn–Petrin
    and Ackerberg–Caves–Frazer are consistent, and so is the one-step estimator of Wooldridge.

    With ``exit=True`` a firm leaves for good at the start of the first period in which
    :math:`\omega_t < -0.35 - 0.15\,(k_t - \kappa_t)`: large firms endure worse times, so that
    among those who stay capital and :math:`\xi` are negatively related, and an estimate of the
    coefficient of capital that ignores it is too low (0.35).

    Parameters
    ----------
    firms, periods : int
    exit : bool
    rng : None, int, SeedSequence or Generator

    Returns
    -------
    Simulation
        Logs: ``firm, year, output, labor, capital, materials, investment``.

    Examples
    --------
    >>> sim = proxies(firms=20, periods=4, rng=1)
    >>> len(sim), dict(sim.truth.elasticities)
    (80, {'labor': 0.6, 'capital': 0.4})
    """
    _check(firms=firms, periods=periods)
    seed = seed_sequence(rng)
    draw = np.random.default_rng(seed)
    omega = _autoregression(draw, periods, firms, PERSISTENCE, PRODUCTIVITY_SD)
    wage = _autoregression(draw, periods, firms, WAGE_PERSISTENCE, WAGE_SD)
    k = np.empty_like(omega)
    k[0] = draw.normal(0.0, 1.0, firms)
    planned = k.copy()
    for t in range(1, periods):
        planned[t] = 0.9 * k[t - 1] + 0.1 * (0.5 * k[t - 1] + 1.5 * omega[t - 1])
        k[t] = planned[t] + draw.normal(0.0, INSTALLATION_SD, firms)
    labor = 0.3 * k + omega - wage
    output = LABOR * labor + CAPITAL * k + omega + draw.normal(0.0, OUTPUT_ERROR_SD, k.shape)
    present = np.ones(k.shape, bool)
    if exit:
        leaves = omega < EXIT_LEVEL - EXIT_SLOPE * planned
        leaves[0] = False  # those who are seen at all
        present = ~np.logical_or.accumulate(leaves, axis=0)
    keep = present.T.reshape(-1)

    def rows(values: Floats) -> Floats:
        return np.ascontiguousarray(values.T).reshape(-1)[keep]

    columns = {
        "firm": np.repeat(np.arange(1, firms + 1), periods)[keep],
        "year": np.tile(np.arange(1, periods + 1), firms)[keep],
        "output": rows(output),
        "labor": rows(labor),
        "capital": rows(k),
        "materials": rows(0.4 * k + omega),
        "investment": rows(0.5 * k + 1.5 * omega),
    }
    truth = Truth(
        elasticities={"labor": LABOR, "capital": CAPITAL},
        productivity=rows(omega),
        parameters={
            "persistence": PERSISTENCE,
            "productivity_sd": PRODUCTIVITY_SD,
            "output_error_sd": OUTPUT_ERROR_SD,
            "wage_persistence": WAGE_PERSISTENCE,
            "wage_sd": WAGE_SD,
        },
    )
    roles = {name: name for name in ("output", "labor", "capital", "materials", "investment")}
    title = "proxies" + (" with exit" if exit else "")
    return Simulation(
        columns, truth, {"entity": "firm", "time": "year", **roles, "logs": True}, title,
        seed.entropy,
    )  # fmt: skip


def _check(**sizes: int) -> None:
    for name, value in sizes.items():
        if value < 1:
            raise SpecificationError(
                f"{name} is {value!r}",
                code="bad_option",
                column=name,
                expected="an integer from 1",
            )


def _autoregression(
    draw: np.random.Generator, periods: int, firms: int, persistence: float, sd: float
) -> Floats:
    values = np.empty((periods, firms))
    values[0] = draw.normal(0.0, sd, firms)
    news = sd * np.sqrt(1 - persistence**2)
    for t in range(1, periods):
        values[t] = persistence * values[t - 1] + draw.normal(0.0, news, firms)
    return values
