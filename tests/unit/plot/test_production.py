"""The figure of roots shows the numbers of the result."""

from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp
from tfp_index.errors import SpecificationError


@pytest.fixture(scope="module")
def acf():
    sim = tfp.datasets.simulate.acf2015(design=1, firms=300, rng=1)
    return tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=1).fit(sim.panel())


def marks(ax):
    """Points that are drawn as marks."""
    return [tuple(float(v[0]) for v in line.get_data()) for line in ax.lines if len(line.get_xdata()) == 1]  # noqa: E501  # fmt: skip


def test_every_near_point_is_marked_where_it_is(acf):
    ax = tfp.plot.roots(acf)
    table = acf.roots
    inside = [
        (float(x), float(y))
        for x, y in zip(table["labor"], table["capital"], strict=True)
        if ax.get_xlim()[0] <= x <= ax.get_xlim()[1] and ax.get_ylim()[0] <= y <= ax.get_ylim()[1]
    ]
    assert marks(ax) == inside
    assert inside[0] == (acf.params["labor"], acf.params["capital"])
    assert len(inside) >= 2  # the spurious root beside the chosen one
    texts = [t.get_text() for t in ax.texts]
    assert f"ρ = {table['persistence'][0]:.2f}" in texts
    outside = len(table) - len(inside)
    assert any(f"{outside} point(s)" in t for t in texts) == bool(outside)
    ax.figure.canvas.draw()


def test_vietnamese_and_limits(acf):
    ax = tfp.plot.roots(acf, ["capital", "labor"], limits=((-5, 5), (-5, 6)), language="vi")
    assert ax.get_xlabel() == "capital"
    assert len(marks(ax)) == len(acf.roots)
    assert "nghiệm" in " ".join(t.get_text() for t in ax.get_legend().get_texts())
    ax.figure.canvas.draw()


def test_one_coefficient_is_a_curve_through_its_minimum():
    sim = tfp.datasets.simulate.proxies(firms=200, rng=1)
    lp = tfp.LevinsohnPetrin(basis_degree=2, law_degree=1).fit(sim.panel())
    ax = tfp.plot.roots(lp)
    assert "sum of squares" in ax.get_title(loc="left")
    curve = ax.lines[0].get_ydata()
    assert curve.min() >= lp.details["objective"] - 1e-12
    x = ax.lines[0].get_xdata()[int(np.argmin(curve))]
    assert x == pytest.approx(lp.params["capital"], abs=0.01)
    ax.figure.canvas.draw()


def test_further_coefficients_are_at_their_best():
    """With three inputs the contour at the chosen pair is the objective of the chosen root."""
    rng = np.random.default_rng(3)
    sim = tfp.datasets.simulate.proxies(firms=300, rng=3)
    frame = sim.frame()
    frame["land"] = rng.normal(size=len(frame))
    panel = tfp.Panel.from_frame(frame, **sim.roles, inputs={"land": "land"})
    acf = tfp.AckerbergCavesFrazer(state=("capital", "land"), basis_degree=1, law_degree=1).fit(
        panel
    )
    start = np.asarray(acf.params).copy()
    start[2] += 0.3
    assert acf.surface.value(start[None])[0] > 1e-6
    assert acf.surface.profile(start[None], [0, 1])[0] < 1e-16
    assert acf.surface.profile(start[None], [0, 1, 2])[0] == acf.surface.value(start[None])[0]
    assert tfp.plot.roots(acf).get_ylabel() == "capital"


def test_unknown_coefficients_are_refused(acf):
    with pytest.raises(SpecificationError, match="labour"):
        tfp.plot.roots(acf, ["labour"])
    with pytest.raises(SpecificationError, match="2 coefficients"):
        tfp.plot.roots(acf, ["labor", "labor"])
