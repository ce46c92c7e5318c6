"""All groups in one pass give what each group gives alone, whatever the groups are like."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tfp_index as tfp
from tests.profiles import examples
from tfp_index.production._by_group import fit_by_group

CLOSE = 1e-10  # of the sizes at hand: what the one pass promises
ROUNDING = 1e-3  # of coefficients: errors below are compared by their size only
ROLES = {
    "entity": "hộ",
    "time": "năm",
    "output": "y",
    "labor": "l",
    "capital": "k",
    "columns": {"shift": "z"},
    "groups": {"industry": "ngành"},
    "logs": True,
}
EFFECTS = (None, "entity", "time", "two_way", "first_difference", "random")
COVS = ("classical", "robust", "clustered", "two_way_clustered")
KINDS = (
    "plain",
    "plain",
    "large",
    "gaps",
    "moves",
    "one firm",
    "two firms",
    "one year",
    "few rows",
    "collinear",
    "alike",
    "constant input",
    "firm constant",
    "perfect",
    "nothing complete",
    "far from zero",
    "no spread",
)


def firms_of(kind, rng):
    """Rows of one group: firm, year, l, k, z, y."""
    firms, years = {
        "large": (60, 8),
        "one firm": (1, 9),
        "two firms": (2, 7),
        "one year": (12, 1),
        "few rows": (2, 2),
    }.get(kind, (int(rng.integers(9, 16)), int(rng.integers(4, 7))))
    firm, year = (a.ravel() for a in np.meshgrid(np.arange(firms), np.arange(years), indexing="ij"))
    own = rng.normal(size=firms)[firm]
    l = 4 + own + 0.5 * rng.normal(size=firm.size)  # noqa: E741
    k = 9 + 0.5 * own + 0.6 * rng.normal(size=firm.size)
    z = rng.normal(size=firm.size)
    y = 1 + 0.6 * l + 0.3 * k + 0.1 * z + 0.3 * rng.normal(size=firm.size)
    if kind not in ("perfect", "no spread"):
        y += 0.3 * rng.normal(size=firms)[firm]
    if kind == "collinear":
        k = 2 * l - 1
    if kind == "alike":
        k = l + 1e-4 * rng.normal(size=firm.size)
    if kind == "constant input":
        k = np.full(firm.size, 7.0)
    if kind == "firm constant":
        z = rng.normal(size=firms)[firm]
    if kind == "perfect":
        y = 1 + 0.6 * l + 0.3 * k
    if kind == "nothing complete":
        y[:] = np.nan
    if kind == "far from zero":
        z = z + 1e6
    frame = pd.DataFrame({"firm": firm, "năm": 2015 + year, "l": l, "k": k, "z": z, "y": y})
    if kind == "gaps":
        frame = frame[rng.random(len(frame)) < 0.7]
        frame = frame.mask(rng.random(frame.shape) < [0, 0, 0.03, 0.03, 0.03, 0.03])
    return frame


def frame_of(kinds, seed):
    rng = np.random.default_rng(seed)
    parts = []
    for place, kind in enumerate(kinds):
        part = firms_of(kind, rng)
        part["ngành"] = f"{place:02d} {kind}"
        part["hộ"] = [f"hộ {place:02d}-{int(f):03d} <đ>" for f in part.pop("firm")]
        if kind == "moves" and place:
            away = rng.random(len(part)) < 0.2
            part.loc[away, "ngành"] = parts[0]["ngành"].iloc[0]
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    frame.loc[rng.random(len(frame)) < 0.02, "ngành"] = None
    return frame.sample(frac=1.0, random_state=int(rng.integers(2**31))).reset_index(drop=True)


specs = st.builds(
    lambda kind, effects, cov, returns, controls, names: getattr(tfp, kind)(
        effects=effects, cov=cov, returns=returns, controls=controls, inputs=names, by="industry"
    ),
    st.sampled_from(("CobbDouglas", "Translog")),
    st.sampled_from(EFFECTS),
    st.sampled_from(COVS),
    st.sampled_from(("free", "constant")),
    st.sampled_from(((), ("shift",))),
    st.sampled_from((None, ("labor",))),
)
groups = st.lists(st.sampled_from(KINDS), min_size=1, max_size=7)


def both(spec, panel):
    """The one pass, and the loop that knows nothing of it."""
    answers = []
    for call in (lambda: spec.fit(panel), lambda: fit_by_group(spec, panel)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                found = call()
            except tfp.TFPError as error:
                found = (type(error), error.code, error.column, str(error))
        answers.append((found, [(w.category, str(w.message)) for w in caught]))
    return answers


def assert_close(one, two, size, what):
    assert np.array_equal(np.isnan(one), np.isnan(two)), what
    gap = np.abs(one - two) / np.maximum(size, 1e-12)
    assert not (gap > CLOSE).any(), (what, np.nanmax(gap))


def assert_alike(one, two):
    assert type(one) is type(two)
    assert one.params.names == two.params.names
    assert one.elasticity_mean.names == two.elasticity_mean.names
    b, c = np.asarray(one.params), np.asarray(two.params)
    # scores of two clusters may cancel exactly, and leave rounding in both
    scale = np.sqrt(np.abs(np.diagonal(two.cov_params))) + ROUNDING * (1 + np.abs(c))
    assert_close(b, c, np.maximum(np.abs(c), scale), "params")
    grid = np.outer(scale, scale)
    grid = np.maximum(grid, 1e-6 * grid.max())
    assert_close(one.cov_params, two.cov_params, grid, "covariance")
    assert_close(one.elasticity_cov, two.elasticity_cov, grid.max(), "elasticities")
    assert one.dof == two.dof
    assert one.sample == two.sample
    assert one.warnings == two.warnings
    assert list(one.details) == list(two.details)
    for name, value in two.details.items():
        here = one.details[name]
        if isinstance(value, int) or value is None:
            assert here == value, name
        else:
            assert here == pytest.approx(value, rel=CLOSE, abs=1e-13), name
    for name in ("productivity", "elasticities_by_row", "effects"):
        x, y = getattr(one, name), getattr(two, name)
        assert x.title == y.title
        assert list(x.values) == list(y.values)
        for column in x.values:
            size = max(1.0, np.nanmax(np.abs(y[column]), initial=0.0))
            assert_close(x[column], y[column], size, column)


@settings(max_examples=examples(60))
@given(spec=specs, kinds=groups, seed=st.integers(0, 2**32 - 1), step=st.integers(1, 2))
def test_one_pass_is_the_loop(spec, kinds, seed, step):
    panel = tfp.Panel.from_frame(frame_of(kinds, seed), **ROLES, step=step)
    (one, heard), (two, said) = both(spec, panel)
    if isinstance(two, tuple):
        assert one == two
        return
    assert heard == said
    assert one.labels == two.labels
    assert one.sample == two.sample
    assert one.warnings == two.warnings
    assert one.failed.to_dict() == two.failed.to_dict()
    assert np.array_equal(one.members, two.members)
    for label in one:
        assert_alike(one[label], two[label])
    for name in ("productivity", "elasticities_by_row", "effects"):
        x, y = one.row_values(name), two.row_values(name)
        assert list(x.values) == list(y.values)
        for column in x.values:
            size = max(1.0, np.nanmax(np.abs(y[column]), initial=0.0))
            assert_close(x[column], y[column], size, column)
    for x, y in zip(one.fits, two.fits, strict=True):
        assert_alike(x, y)
        assert x.productivity.to_frame().shape == y.productivity.to_frame().shape
    assert list(one.glance().columns) == list(two.glance().columns)
    assert one.tidy()["term"].tolist() == two.tidy()["term"].tolist()


@settings(max_examples=examples(15))
@given(spec=specs, seed=st.integers(0, 2**32 - 1))
def test_a_group_equals_its_own_panel(spec, seed):
    """Against panels made of the rows of one group, which share no code for picking rows."""
    frame = frame_of(("large", "gaps", "moves", "one firm"), seed)
    (fits, _), _ = both(spec, tfp.Panel.from_frame(frame, **ROLES))
    alone = dataclasses.replace(spec, by=None)
    for label in fits:
        inside = (frame["ngành"] == label).to_numpy()
        (one, _), _ = both(alone, tfp.Panel.from_frame(frame[inside], **ROLES))
        b, c = np.asarray(fits[label].params), np.asarray(one.params)
        assert_close(b, c, np.abs(c) + np.asarray(one.bse), "params")
        found = fits[label].productivity.to_frame().loc[inside, "productivity"].to_numpy()
        there = one.productivity.to_frame()["productivity"].to_numpy()
        assert_close(found, there, 10.0, "productivity")
