"""Standard errors by drawing whole firms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import EstimationError
from tfp_index.kernels.resampling import Draws, resample, seed_sequence
from tfp_index.results.specification import Specification, choose

__all__ = ["Bootstrap"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Bootstrap(Specification):
    """Ask an estimator for bootstrap errors: ``se=Bootstrap(reps=200)``.

    Whole firms are drawn, by weights: every repetition gives each firm a weight and estimates all
    stages again. Rows stay where they are, so lags stay intact and no firm needs a new name.

    Parameters
    ----------
    reps : int
        Repetitions. 200 give a standard error within some 5 %; take 1,000 for percentiles.
    weights : {"multinomial", "exponential"}
        How often a firm is drawn with replacement, or independent Exp(1) weights, under which no
        firm vanishes: better when a category has few firms.
    workers : int
        Threads. The numbers do not depend on it.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> tfp.Bootstrap(reps=50)
    Bootstrap(reps=50)
    """

    reps: int = 200
    weights: str = "multinomial"
    workers: int = 1

    def __post_init__(self) -> None:
        choose(self, "weights", ("multinomial", "exponential"))
        for option, least in (("reps", 2), ("workers", 1)):
            value = getattr(self, option)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                self._refuse(option, f"{option}={value!r}", f"an integer from {least}")

    def draw(
        self,
        estimate: Callable[[Floats], Floats],
        *,
        firms: int,
        width: int,
        rng: Any = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Draws:
        """Estimate once per set of firm weights.

        Parameters
        ----------
        estimate : callable
            Takes (firms,) weights, returns (width,) estimates, or raises.
        firms, width : int
        rng : None, int, SeedSequence or Generator
        on_progress : callable, optional
            Called with (repetitions done, repetitions).

        Raises
        ------
        EstimationError
            If fewer than two repetitions give an estimate.
        """
        draws = resample(
            estimate,
            firms=firms,
            reps=self.reps,
            width=width,
            seed=seed_sequence(rng),
            scheme=self.weights,  # type: ignore[arg-type]
            workers=self.workers,
            on_progress=on_progress,
        )
        if len(draws.failures) > self.reps - 2:
            raise EstimationError(
                f"{len(draws.failures)} of {self.reps} bootstrap repetitions gave no estimate; "
                f"the first: {draws.failures[0][1]}",
                code="bootstrap_failed",
                remedy="se='clustered', or look at the estimate itself: it may hang on few firms",
            )
        return draws
