"""Levers: what would raise the province's TFP, by how much and how surely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._rows import names_of, refuse_items
from tfp_index.aggregation.misallocation import HsiehKlenow
from tfp_index.criteria._lever_effects import (
    Lever,
    Misallocation,
    associations,
    effects_of,
    levers_of,
    misallocation_of,
    regressions_of,
    trimming,
)
from tfp_index.criteria._lever_rows import Slice, read_enterprises, sample_of, slices_of
from tfp_index.criteria.levers_result import LeversResult, Measured, measured
from tfp_index.kernels.resampling import seed_sequence
from tfp_index.panel.checks import require_keys
from tfp_index.panel.panel import Panel
from tfp_index.production.bootstrap import Bootstrap
from tfp_index.results.result import record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["FAMILIES", "Levers"]

Floats = NDArray[np.float64]

FAMILIES = ("laggards", "frontier", "misallocation", "practices", "entry", "exit")
"""What can be asked for."""


@dataclass(frozen=True, repr=False)
class Levers(Specification):
    r"""Points of provincial TFP from six kinds of change in its enterprises.

    The province's TFP is :math:`Φ = \sum_i s_i φ_i`, with φ the log TFP of an enterprise and s its
    share in `weight` among the measured enterprises of the period. Each lever alters φ or s, all
    else equal; *points* are :math:`100\,(Φ' - Φ)`, percentage points of the province's TFP in logs.

    ``laggards``
        Enterprises below a percentile of their industry reach it (`targets`). Shares stay.
    ``frontier``
        Every enterprise below the percentile `frontier` of its industry closes the share
        `gap_closed` of its distance to it. Shares stay.
    ``misallocation``
        The log distances between marginal revenue products inside industries shrink by
        `misallocation_cut`, in the model of `HsiehKlenow`; labor, capital and each industry's share
        stay. The gain is that of the industry and goes to its enterprises by weight.
    ``practices``
        A share `adoption` of the enterprises without a practice takes it up, as if its measured
        *association* with log TFP, given industry, period and size, carried over. Not a cause.
    ``entry``
        The period's entrants start at the average of the others of their industry where they
        stand below it. Shares stay.
    ``exit``
        The share `exit_share` of least productive enterprises of each industry leaves; the others
        of the industry take over its weight. Industries keep their share.

    Effects of the groups of one lever add up to its total. Effects of different levers do not:
    most lift the same enterprises (see `LeversResult.together`).

    Parameters
    ----------
    weight : str
        Column of the shares.
    by : str or tuple of str, optional
        Groupings to show effects by, one at a time.
    industry : str or tuple of str, optional
        Grouping inside which enterprises are compared; None compares all.
    levers : tuple of str
        Which of the six.
    targets : tuple of float
        Percentiles that laggards reach, between 0 and 1.
    frontier : float
        Percentile of an industry that stands for its frontier, between 0 and 1.
    gap_closed : float
        Share of the distance to the frontier that is closed.
    misallocation_cut : float
        0.5 halves log distances.
    hsieh_klenow : HsiehKlenow, optional
        The model; by default with its own defaults and the industries of `industry`.
    trim : float
        At which trim of the model the lever is read; see `LeversResult.trimming`.
    practices : tuple of str, or mapping of name to label
        Columns or groupings of zeros and ones; for another grouping, the label of those that have
        the practice.
    adoption : float
        Share of the enterprises without a practice that takes it up.
    size : str, optional
        Column whose log is a control in the regression on practices.
    exit_share : float
        Share of an industry's enterprises that leaves.
    period : period or tuple of periods, optional
        Default: the last with data.
    min_enterprises : int
        Fewest enterprises of an industry; those of smaller ones keep what they have.
    level : float
        Of the intervals.
    se : "analytic" or Bootstrap
        Errors from first-order influences, or from drawing whole enterprises.
    given : {"log", "level"}
        How a productivity column stands. Fitted results are in logs.
    sampling_weight : str, optional
        Column of sampling weights.
    negative_weight : {"refuse", "leave_out"}
        What to do with enterprises of negative weight, such as value added; left out, they are
        counted.

    Raises
    ------
    SpecificationError
        If a parameter makes no sense.

    Notes
    -----
    Intervals take the enterprises for a random draw from many like them and productivity as given:
    the error of the estimated production function is not in them, nor that of trim and labor
    shares in the model of misallocation.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> sim = tfp.datasets.simulate.province(enterprises=500, periods=3, rng=1)
    >>> panel = sim.panel()
    >>> fit = tfp.CobbDouglas(cov="clustered").fit(panel)
    >>> levers = tfp.Levers(by="district", levers=("laggards", "frontier")).fit(
    ...     panel, productivity=fit.productivity)
    >>> sorted(set(levers.tidy()["lever"]))
    ['frontier', 'laggards_p25', 'laggards_p50']
    """

    weight: str = "value_added"
    by: Any = None
    industry: Any = "industry"
    levers: tuple[str, ...] = FAMILIES
    targets: tuple[float, ...] = (0.25, 0.5)
    frontier: float = 0.9
    gap_closed: float = 0.25
    misallocation_cut: float = 0.5
    hsieh_klenow: HsiehKlenow | None = None
    trim: float = 0.01
    practices: Any = field(default=(), hash=False)
    adoption: float = 0.10
    size: str | None = "labor"
    exit_share: float = 0.05
    period: Any = None
    min_enterprises: int = 10
    level: float = 0.95
    se: Any = "analytic"
    given: str = "log"
    sampling_weight: str | None = None
    negative_weight: str = "refuse"

    def __post_init__(self) -> None:
        for option in ("by", "industry", "period"):
            if isinstance(value := getattr(self, option), list):
                object.__setattr__(self, option, tuple(value))
        choose(self, "given", ("log", "level"))
        choose(self, "negative_weight", ("refuse", "leave_out"))
        object.__setattr__(self, "levers", names_of(self.levers))
        for name in self.levers:
            if name not in FAMILIES:
                self._refuse("levers", f"there is no lever {name!r}", ", ".join(FAMILIES))
        if not self.levers or len(set(self.levers)) < len(self.levers):
            self._refuse("levers", f"levers={self.levers!r}", "distinct levers")
        self._check_shares()
        if isinstance(self.min_enterprises, bool) or not (
            isinstance(self.min_enterprises, int) and self.min_enterprises >= 2
        ):
            wanted = "an integer from 2"
            self._refuse("min_enterprises", f"min_enterprises={self.min_enterprises!r}", wanted)
        if not (self.se == "analytic" or isinstance(self.se, Bootstrap)):
            self._refuse("se", f"se={self.se!r}", "'analytic', or Bootstrap(reps=…)")
        self._check_model()
        self._check_practices()

    def _check_shares(self) -> None:
        targets = self.targets if np.iterable(self.targets) else (self.targets,)
        object.__setattr__(self, "targets", tuple(targets))
        for p in self.targets:
            if not _inside(p):
                self._refuse("targets", f"targets={self.targets!r}", "percentiles such as 0.25")
        if not self.targets or len(set(self.targets)) < len(self.targets):
            self._refuse("targets", f"targets={self.targets!r}", "distinct percentiles")
        for option in ("frontier", "exit_share", "level"):
            if not _inside(value := getattr(self, option)):
                self._refuse(option, f"{option}={value!r}", "between 0 and 1")
        for option in ("gap_closed", "misallocation_cut", "adoption"):
            value = getattr(self, option)
            if not (_inside(value) or (value == 1 and not isinstance(value, bool))):
                self._refuse(option, f"{option}={value!r}", "above 0, at most 1")

    def _check_model(self) -> None:
        if self.hsieh_klenow is None:
            if not (isinstance(self.trim, (int, float)) and 0 <= self.trim < 0.5):
                self._refuse("trim", f"trim={self.trim!r}", "a share from 0 to below 0.5")
            object.__setattr__(self, "trim", float(self.trim))
            return
        if not isinstance(self.hsieh_klenow, HsiehKlenow):
            self._refuse("hsieh_klenow", f"hsieh_klenow={self.hsieh_klenow!r}", "HsiehKlenow(…)")
        if self.trim not in self.hsieh_klenow.trim:
            known = ", ".join(f"{t:g}" for t in self.hsieh_klenow.trim)
            self._refuse("trim", f"trim={self.trim!r} is not a trim of the model", known)

    def _check_practices(self) -> None:
        if isinstance(self.practices, Mapping):
            return
        names = names_of(self.practices)
        if len(set(names)) < len(names):
            self._refuse("practices", f"practices={names!r}", "distinct practices")
        object.__setattr__(self, "practices", names)

    @property
    def practice_labels(self) -> dict[str, Any]:
        """Every practice with the label of those that have it; None for zeros and ones."""
        if isinstance(self.practices, Mapping):
            return dict(self.practices)
        return dict.fromkeys(self.practices)

    def fit(
        self, panel: Panel, productivity: Any = "productivity", *, rng: Any = None
    ) -> LeversResult:
        """Compute every lever in every period asked for.

        Parameters
        ----------
        panel : Panel
        productivity : str, fitted result or RowValues
            A column, or a result that holds log productivity by row.
        rng : None, int, SeedSequence or Generator
            For ``se=Bootstrap(…)``.

        Returns
        -------
        LeversResult

        Raises
        ------
        DataError
            If a column, grouping or period is absent, a weight is negative, a practice is neither
            0 nor 1, or no row is measured.
        """
        require_keys(panel)
        refuse_items(panel)
        data = read_enterprises(panel, productivity, self)
        slices, notes = slices_of(panel, data, self)
        regressions = regressions_of(panel, data, self) if "practices" in self.levers else ()
        model = Misallocation(None, None)
        if "misallocation" in self.levers:
            model = misallocation_of(panel, self)
        seed = None
        found: list[Measured] = []
        for place, s in enumerate(slices):
            made = levers_of(panel, data, self, s, model, regressions)
            draws: list[Any] = [None] * len(made)
            if isinstance(self.se, Bootstrap):
                seed = seed_sequence(rng) if seed is None else seed
                draws = self._draws(made, s, panel.n_entities, seed)
            found += [
                measured(place, s, lever, own) for lever, own in zip(made, draws, strict=True)
            ]
        gained = {
            m.place: 100.0 * float(m.effects[""].effect[0])
            for m in found
            if m.family == "misallocation" and m.effects
        }
        return LeversResult(
            spec=self,
            record=record_of(
                self,
                panel,
                sample_of(panel, data, slices, notes),
                None if seed is None else seed.entropy,
            ),
            keys=panel.keys,
            productivity=data.name,
            slices=slices,
            found=tuple(found),
            practices=associations(panel, regressions),
            trims=trimming(panel, data, self, slices, model, gained),
        )

    def _draws(
        self, made: tuple[Lever, ...], s: Slice, entities: int, seed: np.random.SeedSequence
    ) -> list[Floats]:
        """Bootstrap variances of every lever: the whole, then the groups of every `by`."""
        usable = [lever for lever in made if lever.change is not None]
        width = sum(p.members.shape[1] for p in s.parts)

        def estimate(factor: Floats) -> Floats:
            weight = s.weight * factor[s.entity]
            parts = []
            for lever in usable:
                assert lever.change is not None
                sums = effects_of(lever, lever.change(factor), s, weight, variance=False)
                parts += [of.effect for of in sums.values()]
            return np.concatenate(parts)

        assert isinstance(self.se, Bootstrap)
        if not usable:
            return [np.zeros(0) for _ in made]
        draws = self.se.draw(estimate, firms=entities, width=width * len(usable), rng=seed)
        variance = iter(draws.complete.var(axis=0, ddof=1).reshape(len(usable), width))
        return [next(variance) if lever.change is not None else np.zeros(0) for lever in made]


def _inside(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1
