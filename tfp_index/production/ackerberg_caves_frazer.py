"""Ackerberg, Caves and Frazer: all coefficients from the second stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tfp_index.errors import IdentificationWarning
from tfp_index.production._two_stage import TwoStage
from tfp_index.production._two_stage_notices import Notice
from tfp_index.production._two_stage_sample import Method
from tfp_index.results.specification import choose

__all__ = ["AckerbergCavesFrazer"]


@dataclass(frozen=True, repr=False)
class AckerbergCavesFrazer(TwoStage):
    r"""Production function with all coefficients from the second stage (ACF 2015).

    Stage 1 only takes the error out of output: :math:`\hat\phi` is a polynomial of degree
    `basis_degree` in *all* inputs and the proxy. Stage 2 writes productivity as
    :math:`\omega_t(\beta) = \hat\phi_t - \beta' x_t`, takes out a polynomial of degree `law_degree`
    in :math:`\omega_{t-1}(\beta)`, and finds the :math:`\beta` at which the innovation is
    uncorrelated with what was decided before it:

    .. math:: E[\xi_t(\beta)\, f_{t-1}] = 0, \qquad E[\xi_t(\beta)\, s_t] = 0 .

    There are as many moments as coefficients, and generically *several* exact solutions; one of
    them is the wage process in the place of productivity (Kim, Luo and Su 2019). Every one is
    looked for and listed in ``result.roots``. The estimate is the root without negative
    elasticities under which productivity is most persistent; ``root=`` takes another.

    Parameters
    ----------
    free : tuple of str
        Inputs that respond to this period's productivity (or to part of it): instrumented by
        their value a period earlier. List an input under `state` if it is decided a period ahead.
    state : tuple of str
        Inputs decided before this period's productivity is known: their own instruments.
    proxy : tuple of str
        Materials, energy or investment; not an input of the production function.
    output, basis_degree, law_degree, controls, proxy_controls, law_shifters, law_controls
        See `OlleyPakes`.
    survival, se, by, root, search, starts, bounds, invalid
        See `OlleyPakes`.
    form : {"cobb_douglas", "translog"}
        The translog has the terms and names of `Translog`: inputs less their mean, squares halved,
        so that ``labor`` is the elasticity at the mean and ``labor:labor`` its slope.
    weighting : {"centered", "raw"}
        How the moments are weighted where they are not zero: with a constant among the
        instruments, or without, as some programs do. The roots are the same; what else the search
        finds is not.

    References
    ----------
    Ackerberg, Caves and Frazer (2015), "Identification properties of recent production function
    estimators", Econometrica 83. Kim, Luo and Su (2019) on the second solution.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.acf2015(design=1, rng=1)
    >>> acf = tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=1).fit(sim.panel())
    >>> {name: round(value, 1) for name, value in acf.params.items()}
    {'labor': 0.6, 'capital': 0.4}
    >>> acf.roots["labor"].round(1).tolist()[:2]  # the spurious one is listed beside it
    [0.6, 1.0]
    """

    form: str = "cobb_douglas"
    weighting: str = "centered"

    _region: ClassVar[tuple[float, float]] = (-0.2, 1.5)

    def __post_init__(self) -> None:
        super().__post_init__()
        choose(self, "form", ("cobb_douglas", "translog"))
        choose(self, "weighting", ("centered", "raw"))

    def _method(self) -> Method:
        inputs = (*self.free, *self.state)
        return Method(
            basis=tuple(dict.fromkeys((*inputs, *self.proxy))),
            linear=(),
            inputs=inputs,
            current=tuple(role in self.state for role in inputs),
            form=self.form,
            definition="moments",
            centered=self.weighting == "centered",
        )

    def _option_notices(self) -> list[Notice]:
        both = [role for role in self.proxy if role in self.free]
        if not both:
            return []
        return [
            Notice(
                "flexible_input",
                IdentificationWarning,
                f"{', '.join(both)} is a flexible input and the proxy at once: without variation "
                "in its price across firms its elasticity is not identified by these moments. "
                "GandhiNavarroRivers estimates gross output with a flexible input",
            )
        ]
