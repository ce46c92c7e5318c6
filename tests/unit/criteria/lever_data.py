"""A simulated province with a practice that goes with productivity."""

from __future__ import annotations

import numpy as np

import tfp_index as tfp


def province(enterprises: int = 1_200, periods: int = 4, seed: int = 1):
    """A simulated province with a practice that goes with productivity."""
    sim = tfp.datasets.simulate.province(enterprises=enterprises, periods=periods, rng=seed)
    frame = sim.frame()
    firm = frame["enterprise"].astype("category").cat.codes.to_numpy()
    rng = np.random.default_rng(seed)
    frame["iso9001"] = (rng.random(firm.max() + 1) < 0.3).astype(float)[firm]
    frame["tfp"] = sim.truth.productivity + 0.05 * frame["iso9001"]
    return frame, dict(sim.roles)


COLUMNS = {"labor_cost": "labor_cost", "tfp": "tfp", "iso9001": "iso9001"}


def panel_of(frame, roles, **more):
    return tfp.Panel.from_frame(frame, **{**roles, "columns": COLUMNS, **more})
