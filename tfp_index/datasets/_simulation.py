"""The record that every simulator returns: columns as a user would have them, and the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.panel.frames import build_frame
from tfp_index.panel.panel import Panel

__all__ = ["Simulation", "Truth"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Truth:
    """What the simulator knows and an estimator does not.

    Attributes
    ----------
    elasticities : mapping of input to float
        Output elasticities; their mean over the rows where they vary.
    productivity : (n,) float array
        Log productivity ω of each row.
    parameters : mapping of name to float
        Everything else that the design fixes.
    by_row : mapping of name to (n,) float array
        Further truths of each row, e.g. elasticities that vary.
    """

    elasticities: Mapping[str, float]
    productivity: Floats
    parameters: Mapping[str, float] = field(default_factory=dict)
    by_row: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("elasticities", "parameters", "by_row"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))


@dataclass(frozen=True, eq=False)
class Simulation:
    """A simulated panel, sorted by entity and time.

    Attributes
    ----------
    columns : mapping of name to (n,) array
    truth : Truth
    roles : mapping
        Arguments of `Panel.from_frame` that fit the columns.
    title : str
    seed : int or sequence of int
        Gives the same panel again.
    """

    columns: Mapping[str, NDArray[Any]]
    truth: Truth
    roles: Mapping[str, Any]
    title: str
    seed: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        object.__setattr__(self, "roles", MappingProxyType(dict(self.roles)))

    def __len__(self) -> int:
        return int(next(iter(self.columns.values())).shape[0])

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def frame(self, backend: str = "pandas") -> Any:
        """Return the columns as a frame of the library named.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow", "duckdb"}
        """
        return build_frame(self.columns, backend)

    def panel(self, **changes: Any) -> Panel:
        """Return the columns as a `Panel`; `changes` override `roles`."""
        return Panel.from_frame(self.columns, **{**self.roles, **changes})

    def __repr__(self) -> str:
        return f"Simulation({self.title}; {len(self)} rows, seed {self.seed})"
