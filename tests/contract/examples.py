"""One small fit for every public specification; the conformance suite runs over all of them.

A new specification adds an `Example` to `EXAMPLES`; a test fails until it has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import tfp_index as tfp
from tfp_index.results.specification import Specification


@dataclass(frozen=True, eq=False)
class Example:
    """A specification with a table it fits and the roles of its columns.

    `tolerance` is the relative difference that another row order may make: 0 where sums are
    taken in the panel's own order. `fit_options` go to `fit`. `needs` is a role without which the
    fit must refuse.
    """

    spec: Specification
    frame: pd.DataFrame
    roles: Mapping[str, Any]
    needs: str | None
    tolerance: float = 0.0
    fit_options: Mapping[str, Any] = field(default_factory=dict)

    def fit(self, frame: Any = None, **roles: Any) -> Any:
        """Fit on `frame` (default: the example's own)."""
        panel = tfp.Panel.from_frame(
            self.frame if frame is None else frame, **{**self.roles, **roles}
        )
        return self.spec.fit(panel, **self.fit_options)


def provinces(n: int = 6, years: int = 8, seed: int = 11) -> pd.DataFrame:
    """Return a shuffled table of provinces with one gap and one missing value."""
    rng = np.random.default_rng(seed)
    parts = []
    for i in range(n):
        drift = np.cumsum(rng.normal(0.04, 0.03, (years, 3)), axis=0)
        parts.append(
            pd.DataFrame(
                {
                    "tỉnh": f"Tỉnh {i}",
                    "năm": 2010 + np.arange(years),
                    "grdp": 100 * np.exp(drift[:, 0]),
                    "vốn": 300 * np.exp(drift[:, 1]),
                    "lao động": 50 * np.exp(drift[:, 2]),
                    "tỷ trọng": rng.uniform(0.5, 0.7, years),
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    frame.loc[3, "vốn"] = np.nan
    frame = frame.drop(index=10)
    return frame.sample(frac=1.0, random_state=5).reset_index(drop=True)


PROVINCE_ROLES = {
    "entity": "tỉnh",
    "time": "năm",
    "output": "grdp",
    "capital": "vốn",
    "labor": "lao động",
    "labor_share": "tỷ trọng",
}

EXAMPLES: dict[str, list[Example]] = {
    "GrowthAccounting": [
        Example(tfp.GrowthAccounting(), provinces(), PROVINCE_ROLES, "capital"),
        Example(
            tfp.GrowthAccounting.vietnam(capital_share=0.4), provinces(), PROVINCE_ROLES, "output"
        ),
    ],
}
