"""Levinsohn and Petrin: an intermediate input as the proxy of productivity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tfp_index.errors import IdentificationWarning
from tfp_index.production._two_stage import TwoStage
from tfp_index.production._two_stage_notices import Notice
from tfp_index.production._two_stage_sample import Method
from tfp_index.results.specification import choose

__all__ = ["LevinsohnPetrin"]


@dataclass(frozen=True, repr=False)
class LevinsohnPetrin(TwoStage):
    r"""Production function with an intermediate input as the proxy (Levinsohn and Petrin 2003).

    The stages are those of `OlleyPakes`, with materials or energy in the place of investment. With
    value added as output the proxy is no input of the production function. With gross output it
    is, ``proxy_is_input=True``: its coefficient comes from stage 2 as well, from the moments

    .. math:: E[\xi_t\, s_t] = 0, \qquad E[\xi_t\, p_{t-1}] = 0,

    since :math:`p_t` responds to :math:`\xi_t` and least squares would not do.

    A free input that responds to productivity like the proxy does is a function of state and
    proxy, and stage 1 identifies its coefficient from nothing but errors (Ackerberg, Caves and
    Frazer 2015). ``result.first_stage`` shows how much is left of it; above an R² of 0.95 there
    is a warning.

    Parameters
    ----------
    free, state, output, basis_degree, law_degree, controls, proxy_controls, law_shifters
        See `OlleyPakes`.
    law_controls, survival, se, by, root, search, starts, bounds, invalid
        See `OlleyPakes`.
    proxy : tuple of str
        Materials, energy or services.
    proxy_is_input : bool
        Whether output is gross output, with the proxy among its inputs.
    second_stage : {"nls", "levpet", "moments"}, optional
        As in `OlleyPakes`, or the moments above. Default: ``"nls"``, and ``"moments"`` where the
        proxy is an input.

    References
    ----------
    Levinsohn and Petrin (2003), "Estimating production functions using inputs to control for
    unobservables", Review of Economic Studies 70.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.proxies(firms=500, rng=1)
    >>> lp = tfp.LevinsohnPetrin(basis_degree=2, law_degree=1).fit(sim.panel())
    >>> {name: round(value, 1) for name, value in lp.params.items()}
    {'labor': 0.6, 'capital': 0.4}
    """

    proxy_is_input: bool = False
    second_stage: str | None = None

    _region: ClassVar[tuple[float, float]] = (-1.0, 2.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.proxy_is_input, bool):
            self._refuse("proxy_is_input", f"proxy_is_input={self.proxy_is_input!r}", "a bool")
        if self.second_stage is None:
            object.__setattr__(self, "second_stage", "moments" if self.proxy_is_input else "nls")
        choose(self, "second_stage", ("nls", "levpet", "moments"))

    def _method(self) -> Method:
        inputs = (*self.state, *(self.proxy if self.proxy_is_input else ()))
        return Method(
            basis=(*self.state, *self.proxy),
            linear=self.free,
            inputs=inputs,
            current=tuple(role in self.state for role in inputs),
            definition=str(self.second_stage),
        )

    def _option_notices(self) -> list[Notice]:
        if not self.proxy_is_input or self.second_stage == "moments":
            return []
        return [
            Notice(
                "proxy_responds",
                IdentificationWarning,
                f"second_stage={self.second_stage!r} treats {', '.join(self.proxy)} as fixed "
                "before productivity is known, but a proxy responds to it: its coefficient is "
                "biased. second_stage='moments' takes it one period earlier",
            )
        ]
