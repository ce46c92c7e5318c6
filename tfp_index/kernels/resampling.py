"""Bootstrap by firm weights: whole firms are drawn, rows stay where they are.

Drawing firms with replacement gives each firm a count; the counts as weights of its rows give the
same estimates as copying the rows, without new identifiers and with lags intact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import TFPError

__all__ = ["Draws", "WeightScheme", "firm_weights", "resample", "seed_sequence"]

Floats = NDArray[np.float64]

WeightScheme = Literal["multinomial", "exponential"]


@dataclass(frozen=True, slots=True)
class Draws:
    """Estimates of all repetitions.

    Attributes
    ----------
    values : (reps, k) float array
        One row per repetition, in the order of the seeds; NaN where a repetition failed.
    failures : tuple of (int, str)
        Which repetitions failed and why.
    """

    values: Floats
    failures: tuple[tuple[int, str], ...]

    @property
    def complete(self) -> Floats:
        """(reps − failures, k) array of the repetitions that gave an estimate."""
        failed = [index for index, _ in self.failures]
        return np.delete(self.values, failed, axis=0)

    def covariance(self) -> Floats:
        """(k, k) covariance over the complete repetitions; NaN with fewer than two."""
        values = self.complete
        if values.shape[0] < 2:
            return np.full((values.shape[1], values.shape[1]), np.nan)
        return np.atleast_2d(np.cov(values, rowvar=False))


def seed_sequence(rng: object = None) -> np.random.SeedSequence:
    """Turn a seed, a generator or nothing into a source of independent seeds.

    Parameters
    ----------
    rng : None, int, SeedSequence or Generator
        ``None`` takes fresh entropy from the system. A generator gives the next seed of its own
        stream, so that two calls with the same generator differ.

    Examples
    --------
    >>> seed_sequence(7).entropy
    7
    """
    if isinstance(rng, np.random.SeedSequence):
        return rng
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence(int(rng.integers(2**63)))
    if rng is None:
        return np.random.SeedSequence()
    return np.random.SeedSequence(int(rng))  # type: ignore[call-overload]


def firm_weights(
    rng: np.random.Generator, firms: int, scheme: WeightScheme = "multinomial"
) -> Floats:
    """Draw one weight per firm.

    Parameters
    ----------
    rng : Generator
    firms : int
    scheme : {"multinomial", "exponential"}
        Counts of drawing `firms` firms with replacement, or independent Exp(1) weights scaled to
        mean one, under which no firm vanishes (a dummy that few firms carry stays estimable).

    Returns
    -------
    (firms,) float array
        Sums to `firms`.

    Examples
    --------
    >>> float(firm_weights(np.random.default_rng(1), 5).sum())
    5.0
    """
    if scheme == "multinomial":
        return np.bincount(rng.integers(0, firms, firms), minlength=firms).astype(np.float64)
    weights: Floats = rng.standard_exponential(firms)
    weights *= firms / weights.sum()
    return weights


def resample(
    estimate: Callable[[Floats], Floats],
    *,
    firms: int,
    reps: int,
    width: int,
    seed: np.random.SeedSequence,
    scheme: WeightScheme = "multinomial",
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Draws:
    """Estimate once per set of firm weights.

    Every repetition has a seed of its own, so the draws do not depend on the number of workers.

    Parameters
    ----------
    estimate : callable
        Takes (firms,) weights, returns (width,) estimates. An error of this library, a singular
        matrix or a value that is not finite counts as a failed repetition.
    firms, reps, width : int
    seed : SeedSequence
    scheme : {"multinomial", "exponential"}
    workers : int
        Threads.
    on_progress : callable, optional
        Called with (repetitions done, `reps`) from the calling thread.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 4.0])
    >>> mean = lambda w: np.array([w @ x / w.sum()])
    >>> draws = resample(mean, firms=4, reps=200, width=1, seed=seed_sequence(1))
    >>> draws.values.shape, len(draws.failures)
    ((200, 1), 0)
    """
    # stateless children: spawn() would count on and give other seeds at the second call
    key = tuple(seed.spawn_key)
    children = [
        np.random.SeedSequence(seed.entropy, spawn_key=(*key, i), pool_size=seed.pool_size)
        for i in range(reps)
    ]

    def run(child: np.random.SeedSequence) -> tuple[Floats, str | None]:
        try:
            weights = firm_weights(np.random.default_rng(child), firms, scheme)
            values = np.asarray(estimate(weights), np.float64)
        except (TFPError, np.linalg.LinAlgError) as error:
            return np.full(width, np.nan), str(error)
        finite = bool(np.isfinite(values).all())
        return (values, None) if finite else (np.full(width, np.nan), "not finite")

    answers: list[tuple[Floats, str | None]] = []
    for answer in _ordered(run, children, workers):
        answers.append(answer)
        if on_progress is not None:
            on_progress(len(answers), reps)
    values = np.array([value for value, _ in answers]).reshape(reps, width)
    failures = tuple((i, why) for i, (_, why) in enumerate(answers) if why is not None)
    return Draws(values, failures)


def _ordered(
    run: Callable[[np.random.SeedSequence], tuple[Floats, str | None]],
    children: list[np.random.SeedSequence],
    workers: int,
) -> Iterator[tuple[Floats, str | None]]:
    if workers <= 1:
        yield from map(run, children)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(run, children)
