"""Olley and Pakes: investment as the proxy of productivity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tfp_index.production._two_stage import TwoStage
from tfp_index.production._two_stage_sample import Method
from tfp_index.results.specification import choose

__all__ = ["OlleyPakes"]


@dataclass(frozen=True, repr=False)
class OlleyPakes(TwoStage):
    r"""Production function with investment as the proxy (Olley and Pakes 1996).

    Stage 1 is the partially linear regression

    .. math:: y_{it} = \beta_f' f_{it} + \gamma' c_{it} + \phi(s_{it}, p_{it}) + \varepsilon_{it}

    of log output on free inputs *f* and a polynomial of degree `basis_degree` in state inputs *s*
    and proxy *p*. Stage 2 finds the coefficients of the state inputs at which what is left of
    :math:`y - \beta_f' f - \gamma' c - \beta_s' s` after a polynomial of degree `law_degree` in
    :math:`\omega_{t-1} = \hat\phi_{t-1} - \beta_s' s_{t-1}` is least.

    Investment tells productivity only where it is positive: take ``invalid="missing"`` for data
    with zeros, and read how many firms that leaves.

    Parameters
    ----------
    free : tuple of str
        Inputs chosen after productivity of the period is known.
    state : tuple of str
        Inputs chosen before it.
    proxy : tuple of str
        Investment.
    output : str
        Role of output, value added for example.
    basis_degree : int
        1 to 6.
    law_degree : int
        1 to 4.
    controls : tuple of str
        Regressors of the production function: numeric roles as they are, groupings, or ``"time"``
        for periods. They are no part of productivity.
    proxy_controls : tuple of str
        The same for what shifts the proxy (prices, regions): they enter stage 1 and stay in
        :math:`\phi`, hence in productivity.
    law_shifters : tuple of str
        Roles that move productivity: their value at *t − 1* enters the polynomial of the law.
    law_controls : tuple of str
        Roles and groupings at *t* that enter the law linearly.
    survival : bool or str
        Correct for exit: a probit of being there at *t* on the polynomial in state and proxy at
        *t − 1*; its probability enters the law beside :math:`\omega_{t-1}`. True takes a firm's
        last row before the panel ends as its exit; a role marks last rows with 1.
    se : {"clustered", None} or Bootstrap
        Analytic errors clustered by firm that carry the error of every stage, or a bootstrap.
    by : str, optional
        Grouping: one production function per group.
    root : int or mapping, optional
        Another row of ``result.roots``, or the point nearest to coefficients by name.
    search : (float, float), optional
        Region of starts for the elasticities.
    starts : int
        Points from which solutions are looked for, besides least squares.
    bounds : (float, float), optional
        Elasticities outside are not admissible.
    invalid : {"error", "missing"}
        What to do with values that have no log.
    second_stage : {"nls", "levpet"}
        Least squares on output, which is the definition; or, as some programs have it, on the
        residual from a law that was fitted to :math:`\hat\phi - \beta_s' s`.

    References
    ----------
    Olley and Pakes (1996), "The dynamics of productivity in the telecommunications equipment
    industry", Econometrica 64.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.proxies(firms=500, rng=1)
    >>> op = tfp.OlleyPakes(basis_degree=2, law_degree=1).fit(sim.panel())
    >>> {name: round(value, 1) for name, value in op.params.items()}
    {'labor': 0.6, 'capital': 0.4}
    """

    proxy: tuple[str, ...] = ("investment",)
    second_stage: str = "nls"

    _region: ClassVar[tuple[float, float]] = (-1.0, 2.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        choose(self, "second_stage", ("nls", "levpet"))

    def _method(self) -> Method:
        return Method(
            basis=(*self.state, *self.proxy),
            linear=self.free,
            inputs=self.state,
            current=(True,) * len(self.state),
            definition=self.second_stage,
        )
