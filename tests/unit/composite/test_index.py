from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tfp_index.composite.index import CompositeIndex
from tfp_index.errors import DataError, SpecificationError
from tfp_index.panel.panel import Panel
from tfp_index.results.specification import spec_from_dict

NAN = np.nan
ROWS = (
    {"code": "index"},
    {"code": "people", "parent": "index", "weight": 3},
    {"code": "money", "parent": "index", "weight": 1},
    {"code": "skills", "parent": "people"},
    {"code": "health", "parent": "people"},
    {"code": "debt", "parent": "money", "direction": -1, "denominator": "grdp"},
)
FRAME = {
    "uCode": ["A", "B", "C", "D"],
    "skills": [10.0, 20.0, 30.0, 40.0],
    "health": [4.0, 3.0, 2.0, 4.0],
    "debt": [50.0, 20.0, 30.0, 80.0],
    "grdp": [100.0, 100.0, 100.0, 200.0],
    "region": ["north", "north", "south", "south"],
}


def index(**options: Any) -> CompositeIndex:
    return CompositeIndex(structure=ROWS, **options)


def scores(result: Any) -> dict[str, float]:
    return dict(zip(result.to_frame()["uCode"], result.computed.index.tolist(), strict=True))


def test_by_hand() -> None:
    result = index().fit(FRAME)
    people = (np.array([0, 1 / 3, 2 / 3, 1]) + np.array([1, 0.5, 0, 1])) / 2 * 100
    money = np.array([0, 1, 2 / 3, 1 / 3]) * 100
    np.testing.assert_allclose(result.computed.index, 0.75 * people + 0.25 * money)
    assert result.ranks.tolist() == [4, 2, 3, 1]
    assert result.ranking()["unit"].tolist() == ["D", "B", "C", "A"]
    assert result.weights()["share"].sum() == pytest.approx(3.0)  # one per level


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_frames_come_back_as_they_came(make: Any) -> None:
    shuffled = {k: [v[i] for i in (2, 0, 3, 1)] for k, v in FRAME.items()}
    out = index().fit(make(shuffled)).to_frame()
    assert isinstance(out, make)
    assert list(out["uCode"]) == ["C", "A", "D", "B"]
    np.testing.assert_allclose(list(out["rank"]), [3, 4, 1, 2])
    assert list(out.columns) == ["uCode", "rank", "index", "money", "people"]


def test_a_panel_works_as_a_frame_does() -> None:
    frame = {**FRAME, "year": [2020] * 4}
    codes = ["skills", "health", "debt", "grdp"]
    panel = Panel.from_frame(frame, entity="uCode", time="year", columns={c: c for c in codes})
    from_panel = index().fit(panel)
    np.testing.assert_array_equal(from_panel.computed.index, index().fit(FRAME).computed.index)
    assert "year" in from_panel.to_frame().columns


def test_specifications_travel() -> None:
    spec = index(
        scale=(1, 100),
        aggregate={"people": "geometric"},
        weights={"people": "ahp"},
        judgments={"people": [[1, 2], [0.5, 1]]},
    )
    again = spec_from_dict(spec.to_dict())
    assert again == spec
    assert again.to_dict() == spec.to_dict()
    assert "3 indicators, 3 aggregates" in repr(spec)
    np.testing.assert_array_equal(again.fit(FRAME).computed.index, spec.fit(FRAME).computed.index)


def test_years_need_a_column() -> None:
    frame = {k: v * 2 for k, v in FRAME.items()} | {"year": [2020] * 4 + [2021] * 4}
    with pytest.raises(DataError, match="two rows") as caught:
        index().fit(frame)
    assert "time=" in str(caught.value)
    result = index().fit(frame, time="year")
    assert result.ranks.reshape(4, 2).tolist() == [[4, 4], [2, 2], [3, 3], [1, 1]]
    with pytest.raises(DataError, match="name one of the periods"):
        result.ranking()
    with pytest.raises(DataError, match="no period 1999"):
        result.ranking(1999)
    assert result.profile("A", 2020)["rank"][0] == 4


def test_anchors_over_years() -> None:
    frame = {
        "uCode": ["A", "B"] * 2,
        "year": [2020, 2020, 2021, 2021],
        "x": [0.0, 10.0, 5.0, 20.0],
    }
    rows = ({"code": "x", "parent": "i"}, {"code": "i"})
    pooled = CompositeIndex(structure=rows).fit(frame, time="year")
    np.testing.assert_allclose(scores_of(pooled), [0, 50, 25, 100])
    yearly = CompositeIndex(structure=rows, compare="period").fit(frame, time="year")
    np.testing.assert_allclose(scores_of(yearly), [0, 100, 0, 100])
    base = CompositeIndex(structure=rows, base_period=2020).fit(frame, time="year")
    np.testing.assert_allclose(scores_of(base), [0, 100, 50, 200])
    with pytest.raises(DataError, match="no period 2019"):
        CompositeIndex(structure=rows, base_period=2019).fit(frame, time="year")
    with pytest.raises(SpecificationError, match="differ between periods"):
        yearly.goalposts()
    assert pooled.goalposts() == {"x": (0.0, 20.0)}


def scores_of(result: Any) -> list[float]:
    frame = result.to_frame()
    return frame["i"].tolist()


def test_fixed_goalposts_keep_old_scores() -> None:
    first = index(treat=True).fit(FRAME)
    later = {k: [*v, v[-1]] for k, v in FRAME.items()}
    later["uCode"][-1] = "E"
    later["skills"][-1] = 400.0
    later["debt"][-1] = 0.0
    again = first.fixed().fit(later)
    np.testing.assert_allclose(again.computed.index[:4], first.computed.index, rtol=1e-14)
    assert again.computed.leaves.normalized[4].tolist() == [100.0, 100.0, 100.0]


def test_missing_values_and_the_threshold() -> None:
    frame = {**FRAME, "health": [NAN, 3.0, 2.0, 4.0]}
    loose = index().fit(frame)
    assert loose.computed.scores[0, loose.tree.position["people"]] == 0.0  # skills alone
    tight = index(data_threshold=0.6).fit(frame)
    assert np.isnan(tight.computed.scores[0, tight.tree.position["people"]])
    assert np.isnan(tight.computed.index[0])
    assert tight.sample.used == 3
    assert tight.sample.lost == {"too few children observed for an index": 1}
    assert np.isnan(tight.ranks[0])


def test_screening_leaves_units_out_of_the_anchors() -> None:
    frame = {**FRAME, "health": [4.0, 3.0, 2.0, NAN], "debt": [50.0, 20.0, 30.0, NAN]}
    result = index(screen=0.5).fit(frame)
    assert result.sample.lost == {"screened out for missing or zero indicators": 1}
    assert result.goalposts()["skills"] == (10.0, 30.0)
    assert np.isnan(result.to_frame()["rank"][3])
    with pytest.raises(DataError, match="no unit has enough"):
        index(screen=1.0).fit({**FRAME, "health": [NAN] * 4})


def test_screening_of_zeros_and_units_that_stay() -> None:
    frame = {**FRAME, "health": [0.0, 3.0, 2.0, 4.0], "debt": [0.0, 20.0, 30.0, 80.0]}
    result = index(screen_zeros=0.5).fit(frame)
    assert result.sample.lost == {"screened out for missing or zero indicators": 1}
    assert np.isnan(result.ranks[0])
    forced = index(screen_zeros=0.5, keep=("A",)).fit(frame)
    assert forced.sample.lost == {}
    assert spec_from_dict(forced.spec.to_dict()) == forced.spec
    with pytest.raises(DataError, match="no entity 'Z'"):
        index(keep=("Z",)).fit(frame)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("mean", 3.0),
        ("median", 3.0),
        ("group_mean", 3.0),
        ("group_median", 3.0),
    ],
)
def test_imputation_in_one_period(how: str, expected: float) -> None:
    frame = {**FRAME, "health": [NAN, 3.0, 2.0, 4.0]}
    group = {"impute_group": "region"} if how.startswith("group") else {}
    result = index(impute=how, **group).fit(frame)
    assert result.stage("imputed")["health"][0] == expected
    coverage = result.coverage()
    assert coverage["imputed"].tolist() == [0, 1, 0]
    assert coverage["share_imputed"][1] == 0.25
    assert result.sample.notes["values imputed"] == 1


def test_imputation_over_time() -> None:
    frame = {
        "uCode": ["A"] * 4 + ["B"] * 4,
        "year": [2019, 2020, 2021, 2023] * 2,
        "x": [1.0, NAN, 3.0, NAN, NAN, 8.0, NAN, 10.0],
    }
    rows = ({"code": "x", "parent": "i"}, {"code": "i"})
    latest = CompositeIndex(structure=rows, impute="latest").fit(frame, time="year")
    np.testing.assert_array_equal(latest.stage("imputed")["x"], [1, 1, 3, 3, NAN, 8, 8, 10])
    linear = CompositeIndex(structure=rows, impute="linear").fit(frame, time="year")
    np.testing.assert_allclose(linear.stage("imputed")["x"], [1, 2, 3, NAN, NAN, 8, 8 + 2 / 3, 10])


def test_denominators() -> None:
    frame = {**FRAME, "grdp": [100.0, 0.0, NAN, 200.0]}
    result = index(data_threshold=0.0).fit(frame)
    np.testing.assert_array_equal(result.stage("denominated")["debt"], [0.5, NAN, NAN, 0.4])
    assert result.sample.notes["values without a usable denominator"] == 2
    plain = index(denominate=False).fit(FRAME)
    assert plain.stage("denominated")["debt"].tolist() == FRAME["debt"]


def test_profile_and_strengths() -> None:
    result = index().fit(FRAME)
    profile = result.profile("A")
    assert profile["code"].tolist()[0] == "index"
    row = profile["code"].tolist().index("debt")
    assert profile["value"][row] == 50.0
    assert profile["score"][row] == 0.0
    assert profile["rank"][row] == 4
    assert profile["median"][row] == pytest.approx(50.0)
    strengths = result.strengths("A", top=1)
    assert strengths["kind"].tolist() == ["strength", "weakness"]
    assert strengths["code"][0] == "health"
    assert strengths["standing"][1] == 0.0
    with pytest.raises(DataError, match="no entity 'Z'"):
        result.profile("Z")


def test_imputed_values_are_no_strengths() -> None:
    frame = {**FRAME, "health": [NAN, 1.0, 1.0, 4.0]}
    result = index(impute="mean").fit(frame)
    assert "health" not in result.strengths("A")["code"].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalize": "min-max"}, "did you mean 'minmax'"),
        ({"aggregate": "geomean"}, "aggregate 'geomean' of every node is not known"),
        ({"aggregate": {"skills": "geometric"}}, "'skills' has no children"),
        ({"weights": {"people": "pac"}}, "did you mean 'pca'"),
        ({"impute": "group_mean"}, "needs a column of groups"),
        ({"normalize": "goalposts"}, "normalized by goalposts it lacks"),
        ({"normalize": "reference"}, "needs a reference unit"),
        ({"weights": "ahp"}, "need judgments"),
        ({"weights": {"people": "ahp"}, "judgments": {"people": [[1, 2], [2, 1]]}}, "reciprocal"),
        ({"weights": {"people": "ahp"}, "judgments": {"people": [[1]]}}, "2 × 2"),
        ({"weights": {"people": "budget"}, "judgments": {"people": [[1, 2, 3]]}}, "2 criteria"),
        ({"scale": (5, 5)}, "does not ascend"),
        ({"screen": 1.5}, "screen=1.5"),
        ({"bounds": (0.6, 0.5)}, "bounds"),
        ({"weights": "benefit_of_doubt", "bounds": (0.6, 0.9)}, "no 1 shares|no 2 shares"),
        ({"compare": "period", "base_period": 2020}, "base period or from each"),
        ({"aggregate": "geometric"}, "zero or negative"),
        ({"aggregate": "geometric", "normalize": "zscore"}, "zero or negative"),
        ({"aggregate": {"people": "harmonic"}, "normalize": "borda"}, "borda scores of 'skills'"),
        (
            {"aggregate": {"people": "copeland", "money": "copeland", "index": "geometric"}},
            "copeland scores",
        ),
    ],
)
def test_refused_before_any_data(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        index(**options)


def test_refused_with_the_data() -> None:
    with pytest.raises(DataError, match="'health'") as caught:
        index().fit({**FRAME, "health": [1.0] * 4})
    assert caught.value.code == "constant_indicator"
    with pytest.raises(DataError, match="no column 'debt'"):
        index().fit({k: v for k, v in FRAME.items() if k != "debt"})
    with pytest.raises(DataError, match="infinite"):
        index().fit({**FRAME, "health": [1.0, 2.0, 3.0, np.inf]})
    with pytest.raises(DataError, match="proportion of the best"):
        index(normalize="proportion_of_best").fit({**FRAME, "health": [1.0, 0.0, 3.0, 2.0]})
    # z-scores on (10, 12) may be positive or not: only the data can tell
    spec = index(normalize="zscore", scale=(1, 2), aggregate="geometric")
    with pytest.raises(DataError, match="zero or negative") as caught:
        spec.fit({**FRAME, "health": [1.0, 0.0, 0.0, 0.0]})
    assert "scale" in str(caught.value)


def test_results_describe_themselves() -> None:
    result = index().fit(FRAME)
    assert result.sample.balanced
    assert result.to_dict()["record"]["specification"]["method"] == "CompositeIndex"
    assert len(result.tidy()) == 4 * 6
    assert result.glance()["scored"].tolist() == [4]
    assert "4 of 4 rows used" in result.summary()
    with pytest.raises(SpecificationError, match="no stage"):
        result.stage("normalised")
    assert result.record.fingerprint == index().fit(pd.DataFrame(FRAME)).record.fingerprint
