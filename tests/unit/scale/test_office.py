"""The run of a statistics office: cells, log and manifest, and no enterprise."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.errors import listening
from tfp_index.scale import Office, run

pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra io")

CLEANING = {
    "profile": "strict", "wage_share": None, "ratio_tails": None, "mad": None, "bacon": None,
}  # fmt: skip
ESTIMATE = tfp.LevinsohnPetrin(output="value_added", by="industry", invalid="missing")
TABLES = (
    tfp.Aggregation(weight="value_added", by="industry"),
    tfp.Decomposition(weight="value_added", by="district"),
)


@pytest.fixture(scope="module")
def roles():
    return dict(tfp.datasets.simulate.province(rng=3).roles)


@pytest.fixture(scope="module")
def frame():
    """A province with rows in a wrong unit and rows without output."""
    table = tfp.datasets.simulate.province(rng=3).frame()
    table.loc[::997, ["output", "value_added", "materials"]] *= 1000.0
    table.loc[5::499, "output"] = 0.0
    return table


@pytest.fixture(scope="module")
def office():
    return Office(tables=TABLES, estimate=ESTIMATE, cleaning=CLEANING)


@pytest.fixture(scope="module")
def alone(frame, roles, office):
    """The same by hand, in memory."""
    profile = tfp.CleaningProfile.named("strict").but(
        wage_share=None, ratio_tails=None, mad=None, bacon=None
    )
    panel = tfp.clean(tfp.Panel.from_frame(frame, **roles), profile).panel()
    with listening():
        productivity = ESTIMATE.fit(panel).productivity
    results = [table.fit(panel, productivity=productivity) for table in TABLES]
    return tfp.DisclosureRules().apply([result.cells() for result in results])


@pytest.mark.parametrize("partitions", [1, 3])
def test_it_gives_what_the_steps_by_hand_give(frame, roles, office, alone, partitions):
    with listening():
        job = run(office, frame, roles=roles, partitions=partitions)
    for mine, hand in zip(job.result.cells, alone, strict=True):
        assert mine.status.tolist() == hand.status.tolist()
        for name, values in hand.cells.values.items():
            np.testing.assert_allclose(mine.cells.values[name], values, rtol=1e-9, atol=1e-12)
    sample = job.record.sample
    assert sample.rows == len(frame)
    assert sample.balanced
    assert sum(n for why, n in sample.lost.items() if why.startswith("cleaning")) > 50


def test_nothing_written_names_an_enterprise_or_a_suppressed_number(frame, roles, office, tmp_path):
    named = "enterprise " + frame[roles["entity"]].astype(str)
    frame = frame.assign(**{roles["entity"]: named})
    with listening():
        job = run(office, frame, roles=roles, partitions=2, out=tmp_path / "out")
    job.manifest.verify()
    files = sorted(p for p in (tmp_path / "out").rglob("*") if p.is_file())
    names = {p.relative_to(tmp_path / "out").as_posix() for p in files}
    assert names == {
        "cells/01_aggregation.csv", "cells/02_decomposition.csv", "manifest.json", "record.json",
        "result.json",
    }  # fmt: skip
    for path in files:
        assert "enterprise " not in path.read_text(encoding="utf-8-sig")
    written = pd.read_csv(tmp_path / "out" / "cells" / "01_aggregation.csv", encoding="utf-8-sig")
    hidden = written["status"] == "suppressed"
    assert written.loc[hidden, "productivity"].isna().all()
    document = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    table = document["tables"]["01_aggregation"]["columns"]
    values = np.array(table["productivity"], float)
    assert np.isnan(values[np.array(table["status"]) == "suppressed"]).all()
    assert not {"n", "weight", "largest_1"} & set(table)


def test_rules_that_compare_enterprises_want_one_partition(frame, roles):
    office = Office(tables=TABLES[:1], estimate=ESTIMATE, cleaning="multiprod_like")
    with pytest.raises(tfp.SpecificationError, match="one partition") as error:
        run(office, frame, roles=roles, partitions=2)
    assert "ratio_tails" in error.value.remedy
    with listening():
        assert run(office, frame, roles=roles, partitions=1).result.cleaned is not None


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"tables": ()}, "tables"),
        ({"tables": (tfp.GrowthAccounting(),)}, "tables"),
        ({"tables": TABLES, "disclosure": 5}, "disclosure"),
        (
            {
                "tables": (tfp.Aggregation(weight="value_added", keep_largest=1),),
            },
            "tables",
        ),
    ],
)
def test_bad_options_are_named(options, option):
    with pytest.raises(tfp.SpecificationError) as error:
        Office(**options)
    assert error.value.column == option


def test_it_travels_as_json(office):
    document = json.loads(json.dumps(office.to_dict()))
    assert (
        Office(
            tables=tuple(tfp.spec_from_dict(t) for t in document["options"]["tables"]),
            estimate=tfp.spec_from_dict(document["options"]["estimate"]),
            cleaning=document["options"]["cleaning"],
        )
        == office
    )
