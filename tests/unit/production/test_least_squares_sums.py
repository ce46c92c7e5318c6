"""Least squares from sums over parts of the firms: the fit of all rows, however they are cut."""

from __future__ import annotations

import itertools
import pickle
from functools import reduce
from operator import add

import numpy as np
import pytest

import tfp_index as tfp
from tfp_index.errors import EstimationError, SpecificationError
from tfp_index.production._least_squares_sums import (
    coefficients_from,
    errors_from,
    input_center,
    linear_moments,
    linear_rows,
    linear_scores,
)

CLOSE = 1e-9  # cross products instead of an orthogonal factorization of the rows
ROLES = {
    "entity": "doanh nghiệp",
    "time": "year",
    "output": "output",
    "labor": "labor",
    "capital": "capital",
    "columns": {"size": "materials"},
    "logs": True,
}
OPTIONS = list(
    itertools.product(
        ("CobbDouglas", "Translog"),
        (None, "entity", "first_difference"),
        ("classical", "robust", "clustered"),
        ("free", "constant"),
    )
)


@pytest.fixture(scope="module")
def frame():
    sim = tfp.datasets.simulate.gnr(
        90, 6, labor_elasticity=0.15, materials_elasticity=0.5, curvature=0.05, rng=6
    )
    frame = sim.frame().drop(index=[3, 17, 50])
    frame.loc[frame["firm"] == 5, "labor"] = np.nan
    frame.loc[[100, 200], "materials"] = np.nan
    frame["doanh nghiệp"] = [f"DN «{i}» <đỏ>" for i in frame["firm"]]
    return frame.sample(frac=1.0, random_state=3).reset_index(drop=True)


def cut(frame, parts):
    """Panels that hold whole firms; the one of firm 5 alone has no complete row."""
    which = frame["firm"] % parts + 1
    which[frame["firm"] == 5] = 0
    return [tfp.Panel.from_frame(part, **ROLES) for _, part in frame.groupby(which) if len(part)]


def from_sums(spec, panels):
    center = None
    if isinstance(spec, tfp.Translog):
        center = reduce(add, [input_center(spec, panel) for panel in panels])
    parts = [pickle.loads(pickle.dumps(linear_moments(spec, p, center))) for p in panels]
    fit = coefficients_from(spec, reduce(add, parts))
    assert np.isnan(fit.cov_params).all()
    scores = reduce(add, [linear_scores(spec, panel, fit) for panel in panels])
    return errors_from(spec, fit, scores)


@pytest.mark.parametrize(("kind", "effects", "cov", "returns"), OPTIONS)
def test_sums_of_parts_give_the_fit_of_all(kind, effects, cov, returns, frame):
    spec = getattr(tfp, kind)(effects=effects, cov=cov, returns=returns, controls="size")
    whole = spec.fit(tfp.Panel.from_frame(frame, **ROLES))
    for parts in (1, 7):
        panels = cut(frame, parts)
        fit = from_sums(spec, panels)
        assert fit.params.names == whole.params.names
        b, c = np.asarray(fit.params), np.asarray(whole.params)
        assert np.allclose(b, c, rtol=CLOSE, atol=CLOSE * np.abs(c).max())
        scale = np.sqrt(np.diagonal(whole.cov_params))
        grid = np.maximum(np.outer(scale, scale), 1e-300)
        zero = np.outer(scale, scale) < 1e-30
        assert (np.abs((fit.cov_params - whole.cov_params) / grid)[~zero] < 100 * CLOSE).all()
        assert fit.dof == whole.dof
        assert dict(fit.details) == pytest.approx(whole.details, rel=CLOSE)
        assert list(fit.details) == list(whole.details)
        assert fit.moments.lost == dict(whole.sample.lost)
        assert fit.rows == whole.sample.used
        assert fit.warnings == whole.warnings


@pytest.mark.parametrize("effects", [None, "entity", "first_difference"])
@pytest.mark.parametrize("kind", ["CobbDouglas", "Translog"])
def test_rows_of_parts_are_the_rows_of_all(kind, effects, frame):
    spec = getattr(tfp, kind)(effects=effects, cov="clustered")
    panel = tfp.Panel.from_frame(frame, **ROLES)
    whole, panels = spec.fit(panel), cut(frame, 4)
    fit = from_sums(spec, panels)
    values = {**whole.productivity.values, **whole.effects.values}
    values |= {f"elasticity {x}": v for x, v in whole.elasticities_by_row.values.items()}
    place = {name: i for i, name in enumerate(panel.entity_labels.tolist())}
    for part in panels:
        rows = linear_rows(spec, part, fit)
        assert set(rows) == set(values)
        codes = np.array([place[x] for x in part.entity_labels.tolist()])[part.entity_codes]
        at = [
            int(np.flatnonzero((panel.entity_codes == c) & (panel.time == t))[0])
            for c, t in zip(codes, part.time, strict=True)
        ]
        for name, found in rows.items():
            assert np.allclose(found, values[name][at], rtol=0, atol=1e-9, equal_nan=True), name


@pytest.mark.parametrize(
    "options",
    [{"effects": "time"}, {"effects": "two_way"}, {"effects": "random"},
     {"cov": "two_way_clustered"}],
)  # fmt: skip
def test_what_does_not_add_up_is_refused(options, frame):
    with pytest.raises(SpecificationError) as error:
        linear_moments(tfp.CobbDouglas(**options), tfp.Panel.from_frame(frame, **ROLES))
    assert error.value.code == "not_additive"
    with pytest.raises(SpecificationError, match="means of its inputs"):
        linear_moments(tfp.Translog(), tfp.Panel.from_frame(frame, **ROLES))


@pytest.mark.parametrize("effects", [None, "entity", "first_difference"])
def test_faults_have_the_codes_of_a_fit_in_memory(effects, frame):
    spec = tfp.CobbDouglas(effects=effects, controls="size", cov="clustered")
    same = frame.assign(capital=2 * frame["labor"] - 1)
    still = frame.assign(materials=7.0)
    few = frame[frame["firm"].isin([1, 5])]
    none = frame.assign(labor=np.nan)
    apart = frame[frame["year"].isin([1, 3])]
    one = frame[frame["firm"] == 1]
    for bad in (same, still, few, none, one, apart)[: 6 if effects == "first_difference" else 5]:
        with pytest.raises(EstimationError) as error:
            spec.fit(tfp.Panel.from_frame(bad, **ROLES))
        with pytest.raises(EstimationError) as ours:
            from_sums(spec, cut(bad, 3))
        assert ours.value.code == error.value.code
        if error.value.code == "collinear":
            named = [x for x in ("capital", "size", "materials") if x in ours.value.message]
            assert named


def test_regressors_that_are_nearly_alike_are_told(frame):
    rng = np.random.default_rng(0)
    near = frame.assign(capital=frame["labor"] + 3e-6 * rng.normal(size=len(frame)))
    fit = from_sums(tfp.CobbDouglas(), cut(near, 2))
    assert "sums lose digits" in fit.warnings[0]
