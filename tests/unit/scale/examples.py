"""A small specification with a program of its own, and data, for the tests of engines."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfp_index.results.specification import Specification
from tfp_index.scale.task import Sum, Write

ROLES = {
    "entity": "firm",
    "time": "year",
    "output": "Y",
    "capital": "K",
    "groups": {"industry": "industry"},
}


@dataclass(frozen=True)
class Moments:
    """Sums of one column."""

    n: int
    total: float
    squares: float

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.n + other.n, self.total + other.total, self.squares + other.squares)


def moments(panel: Any, context: Any) -> dict[str, Any]:
    """Return sums of output, by industry and over all rows."""
    y = panel["output"]
    codes = context.codes(panel, "industry") if "industry" in panel.groups else None
    by = None
    if codes is not None:
        by = np.bincount(codes + 1, y, minlength=len(context.labels("industry")) + 1)
    periods = np.bincount(context.periods(panel), minlength=len(context.calendar.numbers))
    return {"all": Moments(y.size, float(y.sum()), float(y @ y)), "by": by, "periods": periods}


def standardized(
    panel: Any, mean: float, spread: float, pause: float
) -> tuple[dict[str, Any], Any]:
    """Return rows (doubled and standardized output) and the sum of cubes, after a pause."""
    time.sleep(pause)
    z = (panel["output"] - mean) / spread
    columns = {**panel.keys.columns(), "doubled": 2 * panel["output"], "z": z}
    return columns, np.array([np.sum(z**3)])


@dataclass(frozen=True)
class Skewness(Specification):
    """Skewness of output: two rounds, the second of which writes rows."""

    folder: str = "rows"
    pause: float = 0.0

    @staticmethod
    def scale_program(spec: Skewness, context: Any) -> Any:
        """Yield the rounds."""
        first = yield Sum(moments, (context,))
        m = first["all"]
        mean = m.total / m.n
        spread = float(np.sqrt(m.squares / m.n - mean**2))
        cubes = yield Write(spec.folder, standardized, (mean, spread, spec.pause))
        return Skew(m.n, mean, float(cubes[0]) / m.n, first["by"], first["periods"], context)


@dataclass(frozen=True, eq=False)
class Skew:
    """Result of `Skewness`."""

    n: int
    mean: float
    skewness: float
    by: Any
    periods: Any
    context: Any

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers."""
        return {"n": self.n, "mean": self.mean, "skewness": self.skewness}


def firms(n: int = 400, *, seed: int = 1, text: bool = False) -> dict[str, np.ndarray]:
    """Return shuffled firm-years with gaps."""
    rng = np.random.default_rng(seed)
    firm = np.repeat(np.arange(n) * 7 + 1000, 6)
    year = np.tile(np.arange(2015, 2021), n)
    keep = rng.permutation(np.flatnonzero(rng.random(firm.size) > 0.1))
    frame = {
        "firm": firm,
        "year": year,
        "Y": np.exp(rng.normal(3, 1, firm.size)),
        "K": np.exp(rng.normal(4, 1, firm.size)),
        "industry": np.array(["Dệt", "May", "Than", "Điện"], object)[firm % 4],
        "unused": np.array(["x"] * firm.size, object),
    }
    if text:
        frame["firm"] = np.array([f"Hạ Long {f}" for f in firm], object)
    return {name: values[keep] for name, values in frame.items()}


def expected(frame: dict[str, np.ndarray]) -> tuple[int, float, float]:
    """Return n, mean and skewness computed at once."""
    y = frame["Y"]
    z = (y - y.mean()) / y.std()
    return y.size, float(y.mean()), float(np.mean(z**3))
