from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tfp_index as tfp
from tests.unit.criteria.test_definition import HEAD, indicator
from tfp_index.criteria.criteria_set import CriteriaSet
from tfp_index.errors import DataError, DataWarning, SpecificationError

PROVINCES = ("Quảng Ninh", "Hải Phòng", "Hà Nội", "Bắc Ninh", "Thái Nguyên", "Kon Tum")


def provinces(seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for i, name in enumerate(PROVINCES):
        level = {"grdp": 100.0, "capital": 300.0, "labor": 50.0, "population": 90.0}
        level = {k: v * (1 + i) for k, v in level.items()}
        for year in range(2018, 2024):
            for key, mean in zip(level, (0.07, 0.08, 0.01, 0.01), strict=True):
                level[key] *= 1 + rng.normal(mean, 0.01)
            rows.append({"province": name, "year": year, **level, "pci": rng.uniform(60, 75)})
    return pd.DataFrame(rows).sample(frac=1.0, random_state=1).reset_index(drop=True)


@pytest.fixture(scope="module")
def scored() -> Any:
    with pytest.warns(DataWarning, match="have no data and are left out"):
        return CriteriaSet.load("province").score(provinces(), unit="province", time="year")


def test_the_promised_calls(scored: Any) -> None:
    assert len(scored.ranking(2023).to_frame()) == 6
    assert len(scored.profile("Quảng Ninh")) > 10
    assert len(scored.uncertainty(reps=200, rng=7).to_frame()) == 36
    assert len(scored.sensitivity(rng=7, n=64).to_frame()) == 4
    assert scored.to_frame().shape[0] == 36
    assert "proposal, not official" in str(scored)
    assert scored.glance()["set"].tolist() == ["province"]


def test_measures_meet_growth_accounting(scored: Any) -> None:
    frame = provinces()
    panel = tfp.Panel.from_frame(
        frame, entity="province", time="year", output="grdp", capital="capital", labor="labor"
    )
    growth = tfp.GrowthAccounting.vietnam(0.4).fit(panel)
    np.testing.assert_allclose(scored.values["tfp_growth"], 100 * growth.tfp_growth, rtol=1e-12)


def test_absent_indicators_are_listed_and_weights_scaled(scored: Any) -> None:
    coverage = {row["code"]: row for row in scored.coverage().rows()}
    assert coverage["digital_index"]["origin"] == "no column 'dti'"
    assert coverage["digital_index"]["scored"] is False
    assert coverage["tfp_growth"]["origin"] == "computed"
    assert coverage["tfp_growth"]["rows"] == 30
    shares = scored.scores.weights()
    leaves = shares.take(np.flatnonzero(shares["level"] == 1))
    assert leaves["share"].sum() == pytest.approx(1.0)
    notes = scored.sample.notes
    assert notes["units scored on part of the indicators"] == 18  # growth needs earlier years


def test_goalposts_hold_over_time(scored: Any) -> None:
    posts = scored.scores.goalposts()
    assert posts["tfp_share"] == (0.0, 55.0)
    position = scored.scores.tree.position["tfp_share"]
    scores = scored.scores.computed.scores[:, position]
    values = scored.values["tfp_share"]
    known = ~np.isnan(values)
    np.testing.assert_allclose(scores[known], np.clip(values[known] / 55 * 100, 0, 100))


def test_a_given_column_comes_before_the_measure() -> None:
    frame = provinces().assign(tfp_growth=1.5)
    frame.loc[0, "tfp_growth"] = 2.5
    with pytest.warns(DataWarning):
        result = CriteriaSet.load("province").score(frame, unit="province", time="year")
    assert result.origin["tfp_growth"] == "given"
    assert sorted(set(result.values["tfp_growth"])) == [1.5, 2.5]


def test_frames_of_other_libraries_come_back(scored: Any) -> None:
    with pytest.warns(DataWarning):
        result = CriteriaSet.load("province").score(
            pl.from_pandas(provinces()), unit="province", time="year"
        )
    out = result.to_frame()
    assert isinstance(out, pl.DataFrame)
    np.testing.assert_array_equal(out["index"].to_numpy(), scored.to_frame()["index"].to_numpy())


def test_profile_beside_all_others(scored: Any) -> None:
    profile = {row["code"]: row for row in scored.profile("Quảng Ninh", 2023).rows()}
    row = profile["labor_productivity"]
    frame = provinces().query("year == 2023").set_index("province")
    values = frame["grdp"] / frame["labor"]
    others = values.drop("Quảng Ninh")
    assert row["value"] == pytest.approx(values["Quảng Ninh"])
    assert row["median"] == pytest.approx(others.median())
    assert row["standing"] == pytest.approx((others < values["Quảng Ninh"]).mean())
    assert row["name"] == "Labor productivity"
    assert scored.profile("Quảng Ninh", 2023, language="vi")["name"][3] == "Tốc độ tăng TFP"
    assert profile["index"]["kind"] == "index"
    assert profile["results"]["kind"] == "pillar"
    strengths = scored.strengths("Quảng Ninh", 2023)
    assert set(strengths["kind"]) <= {"strength", "weakness"}
    for row in strengths.rows():
        assert (row["standing"] > 0.5) == (row["kind"] == "strength")


SMALL = (
    HEAD
    + indicator("x")
    + indicator("y", direction='"down"')
    + indicator("z", direction='"context"')
)


def enterprises() -> dict[str, Any]:
    n = 24
    return {
        "mst": [f"E{i:02d}" for i in range(n)],
        "x": np.arange(n, dtype=float),
        "y": np.arange(n, dtype=float)[::-1] ** 2,
        "z": np.ones(n),
        "industry": ["C10"] * 12 + ["C13"] * 8 + ["G46"] * 4,
        "size": ["small", "large"] * 12,
    }


def test_peers_share_industry_and_size() -> None:
    result = CriteriaSet.from_text(SMALL).score(
        enterprises(), unit="mst", peers=["industry", "size"]
    )
    peers = result.peers("E00")
    assert peers.shared == ("industry", "size")
    assert [result.keys.where(int(r))[0] for r in peers.rows] == [
        f"E{i:02d}" for i in (2, 4, 6, 8, 10)
    ]
    wider = result.peers("E12")  # three others share the size, seven the industry
    assert wider.shared == ("industry",)
    assert wider.dropped == ("size",)
    assert result.peers("E20").shared == ()
    assert "too few share industry and size as well" in result.profile("E20").notes[0]
    profile = {row["code"]: row for row in result.profile("E00").rows()}
    assert profile["x"]["standing"] == 0.0
    assert profile["x"]["verdict"] == "weakness"
    assert profile["y"]["standing"] == 0.0  # large where less is better
    assert profile["z"]["verdict"] == ""
    assert np.isnan(float(profile["z"]["score"] or np.nan))
    assert "z" not in result.strengths("E00")["code"].tolist()


def test_few_peers_show_nothing() -> None:
    frame = {k: v[:4] for k, v in enterprises().items()}
    result = CriteriaSet.from_text(SMALL).score(frame, unit="mst", peers=["industry"])
    profile = {row["code"]: row for row in result.profile("E01").rows()}
    assert profile["x"]["peers"] == 3
    assert profile["x"]["median"] is None
    assert profile["x"]["standing"] is None
    assert result.profile("E01", least=3).rows()[2]["median"] is not None


def test_refusals() -> None:
    cs = CriteriaSet.from_text(SMALL)
    with pytest.raises(DataError, match="no indicator of the set 'mine' has data"):
        cs.score({"mst": ["A"], "w": [1.0]}, unit="mst")
    with pytest.raises(DataError, match="no column 'id'"):
        cs.score(enterprises(), unit="id")
    with pytest.raises(DataError, match="no column 'region'"):
        cs.score(enterprises(), unit="mst", peers=["region"])
    with pytest.raises(DataError, match="is a key and an input"):
        cs.score({**enterprises(), "x": enterprises()["mst"]}, unit="x")
    twice = {k: list(v) * 2 for k, v in enterprises().items()}
    with pytest.raises(DataError) as caught:
        cs.score(twice, unit="mst")
    assert caught.value.code == "duplicate_key"
    with pytest.raises(SpecificationError, match="no indicator 'w'"):
        cs["w"]


def test_weights_of_the_file_reach_the_index() -> None:
    text = HEAD + indicator("x", weight="0.2") + indicator("y", weight="0.8")
    spec = CriteriaSet.from_text(text).index()
    assert [node.weight for node in spec.tree.indicators] == [0.2, 0.8]
    alone = CriteriaSet.from_text(text).index(["y"])
    assert [node.code for node in alone.tree.nodes] == ["y", "p", "index"]


def test_result_as_plain_data(scored: Any) -> None:
    document = scored.to_dict()
    assert document["set"]["label"]["en"] == "proposal, not official"
    assert document["record"]["specification"]["method"] == "CompositeIndex"
    assert len(document["indicators"]["columns"]["tfp_growth"]) == 36
