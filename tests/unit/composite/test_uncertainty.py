from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfp_index.composite.index import CompositeIndex
from tfp_index.composite.uncertainty import _plan, _replicate, default_choices
from tfp_index.errors import DataError, SpecificationError

ROWS = (
    *({"code": c, "parent": "p"} for c in "abc"),
    *({"code": c, "parent": "q", "direction": d} for c, d in (("d", 1), ("e", -1))),
    {"code": "p", "parent": "i", "weight": 2},
    {"code": "q", "parent": "i"},
    {"code": "f", "parent": "i"},
    {"code": "i"},
)
CHOICES = {
    "normalization": [
        {"normalize": "minmax", "scale": (1, 100)},
        {"normalize": "percentile", "scale": (1, 100)},
    ],
    "aggregation": [
        {"aggregate": "arithmetic"},
        {"aggregate": "geometric"},
        {"aggregate": {"p": "copeland", "i": "harmonic"}},
    ],
}


@pytest.fixture(scope="module")
def fitted() -> Any:
    rng = np.random.default_rng(11)
    frame = {"uCode": [f"u{i:02d}" for i in range(20)]}
    for code in "abcdef":
        frame[code] = rng.lognormal(size=20)
    frame["b"][3] = frame["e"][5] = np.nan
    return CompositeIndex(structure=ROWS).fit(frame)


def test_replicates_are_what_a_fit_with_these_weights_gives(fitted: Any) -> None:
    plan = _plan(fitted, CHOICES)
    rng = np.random.default_rng(0)
    numbers = np.arange(6)
    factor = {n.code: rng.uniform(0.5, 1.5, (6, len(n.children))) for n in fitted.tree.aggregates}
    scores = _replicate(fitted, plan, numbers, lambda rows, code, k: factor[code][rows])
    for number, spec in enumerate(plan.specs):
        rows = []
        for row in spec.structure:
            node = spec.tree.nodes[spec.tree.position[row["code"]]]
            if node.parent is not None:
                place = spec.tree.child_codes(node.parent).index(node.code)
                row = {**row, "weight": node.weight * factor[node.parent][number, place]}
            rows.append(row)
        direct = spec.replace(structure=tuple(rows)).fit(
            {"uCode": fitted.keys.entity_labels, **fitted.inputs.columns}
        )
        np.testing.assert_allclose(scores[:, number], direct.computed.index, rtol=1e-12)


def test_without_choices_nothing_moves(fitted: Any) -> None:
    still = fitted.uncertainty(reps=20, rng=1, choices={}, weight_noise=0.0)
    assert (still.ranks == fitted.ranks[:, None]).all()
    table = still.table()
    assert (table["rank_low"] == table["rank_high"]).all()
    assert (table["share_same"] == 1.0).all()


def test_the_same_seed_gives_the_same_replicates(fitted: Any) -> None:
    first = fitted.uncertainty(reps=50, rng=7)
    again = fitted.uncertainty(reps=50, rng=7)
    np.testing.assert_array_equal(first.ranks, again.ranks)
    assert (first.ranks != fitted.uncertainty(reps=50, rng=8).ranks).any()
    assert first.to_dict()["seed"] == 7
    assert first.picks.shape == (50, 3)


def test_intervals(fitted: Any) -> None:
    answer = fitted.uncertainty(reps=300, rng=7)
    table = answer.table()
    assert table["rank"].tolist() == sorted(fitted.ranks.tolist())
    assert (table["rank_low"] <= table["rank_median"]).all()
    assert (table["rank_median"] <= table["rank_high"]).all()
    assert (table["rank_low"] % 1 == 0).all()
    wide = answer.table(confidence=0.99)
    assert (wide["rank_low"] <= table["rank_low"]).all()
    assert (wide["rank_high"] >= table["rank_high"]).all()
    assert len(answer.to_frame()) == 20
    units = fitted.ranking()["unit"]
    assert answer.overlap(units[0], units[-1]) > 0.9
    assert answer.overlap(units[0], units[-1]) + answer.overlap(units[-1], units[0]) == 1.0


def test_invalid_combinations_are_refused_before_the_run(fitted: Any) -> None:
    choices = {
        "normalization": [{"normalize": "minmax"}, {"normalize": "minmax", "scale": (1, 100)}],
        "aggregation": [{"aggregate": "arithmetic"}, {"aggregate": "geometric"}],
    }
    with pytest.raises(SpecificationError, match="1 of 4 combinations are invalid"):
        fitted.uncertainty(reps=10, choices=choices)
    only_the_data_tell = {
        "normalization": [{"normalize": "zscore", "scale": (1, 2)}],
        "aggregation": [{"aggregate": "geometric"}],
    }
    with pytest.raises(DataError, match="zero or negative"):
        fitted.uncertainty(reps=10, choices=only_the_data_tell)
    with pytest.raises(SpecificationError, match="no option 'agregate'"):
        fitted.uncertainty(reps=10, choices={"a": [{"agregate": "geometric"}]})
    with pytest.raises(SpecificationError, match="combinations of choices"):
        fitted.uncertainty(choices={str(i): [{}] * 5 for i in range(6)})
    with pytest.raises(SpecificationError, match="is empty"):
        fitted.uncertainty(choices={"a": []})


@pytest.mark.parametrize(
    "options", [{"reps": 1}, {"weight_noise": 1.0}, {"confidence": 1.0}, {"weight_noise": -0.1}]
)
def test_bad_options(fitted: Any, options: dict[str, float]) -> None:
    with pytest.raises(SpecificationError):
        fitted.uncertainty(**options)


def test_sensitivity(fitted: Any) -> None:
    answer = fitted.sensitivity(rng=7, n=256)
    assert answer.factors == ("treatment", "normalization", "aggregation", "weights")
    assert answer.evaluations == 256 * 6
    table = answer.table()
    assert (table["total_low"] <= table["total"]).all()
    assert (table["total"] <= table["total_high"]).all()
    # the total index counts at least what a factor does alone, up to sampling error
    assert (table["total"] > table["first"] - 0.15).all()
    np.testing.assert_array_equal(table["first"], fitted.sensitivity(rng=7, n=256).table()["first"])


def test_a_choice_that_changes_nothing_has_no_share(fitted: Any) -> None:
    choices = {
        "idle": [{"clip": True}, {"clip": False}],
        "aggregation": [{"aggregate": "arithmetic"}, {"aggregate": {"i": "copeland"}}],
    }
    answer = fitted.sensitivity(rng=1, n=256, choices=choices, weight_noise=0.0).table()
    assert dict(zip(answer["factor"], answer["total"], strict=True))["idle"] == 0.0
    assert answer["total"][1] == pytest.approx(1.0, abs=0.1)
    with pytest.raises(SpecificationError, match="at least two"):
        fitted.sensitivity(choices={}, n=64)


def test_a_choice_without_alternative_holds_throughout(fitted: Any) -> None:
    means = [{"aggregate": "arithmetic"}, {"aggregate": "geometric"}]
    fixed = {"scale": [{"scale": (1, 100)}], "mean": means}
    answer = fitted.sensitivity(rng=1, n=64, choices=fixed)
    assert answer.factors == ("mean", "weights")
    spelled = [{**mean, "scale": (1, 100)} for mean in means]
    same = fitted.sensitivity(rng=1, n=64, choices={"mean": spelled})
    np.testing.assert_array_equal(answer.indices.total, same.indices.total)


def test_screened_units_stay_unranked() -> None:
    frame: dict[str, Any] = {"uCode": list("ABCDE")}
    for j, code in enumerate("abcdef"):
        frame[code] = [float((i * (j + 2)) % 5 + i) for i in range(5)]
        if code in "abcd":
            frame[code][4] = np.nan
    result = CompositeIndex(structure=ROWS, screen=0.5).fit(frame)
    answer = result.uncertainty(reps=20, rng=0)
    assert np.isnan(answer.ranks[4]).all()
    assert np.isnan(answer.table()["rank_high"][-1])
    assert not np.isnan(answer.ranks[:4]).any()


def test_default_choices_are_valid_for_every_normalization() -> None:
    rng = np.random.default_rng(3)
    frame = {"uCode": list("ABCDEFGH"), **{c: rng.uniform(1, 2, 8) for c in "abcdef"}}
    posts = tuple({**row, "goalposts": (0.0, 3.0), "target": 1.5} for row in ROWS)
    for normalize in ("minmax", "goalposts", "target", "percentile", "zscore", "rank"):
        result = CompositeIndex(structure=posts, normalize=normalize).fit(frame)
        assert default_choices(result.spec)
        ranks = result.uncertainty(reps=30, rng=0).ranks
        assert not np.isnan(ranks).any()
    favorable = CompositeIndex(structure=ROWS, weights={"p": "benefit_of_doubt"}).fit(frame)
    assert "aggregation" not in default_choices(favorable.spec)
    assert not np.isnan(favorable.uncertainty(reps=10, rng=0).ranks).any()
