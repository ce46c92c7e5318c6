"""The run of a statistics office: cells, log and manifest, and no enterprise."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

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


@pytest.fixture(scope="module")
def lonely(frame, roles):
    """Industries of one, three and seven enterprises beside the others; two rows without labor."""
    ids = frame.loc[frame["industry"] == "B", roles["entity"]].unique()
    industry = frame["industry"].astype(str)
    for label, members in {"=ONE": ids[:1], "three": ids[1:4], "seven": ids[4:11]}.items():
        industry[frame[roles["entity"]].isin(members)] = label
    out = frame.assign(industry=industry)
    out.loc[out.index[[40, 700]], "labor"] = np.nan
    return out


@pytest.mark.parametrize(
    ("estimate", "counted"),
    [(ESTIMATE, "firms"), (tfp.CobbDouglas(output="value_added", by="industry"), "entities")],
    ids=["proxy", "least_squares"],
)
def test_estimates_of_few_enterprises_are_withheld(lonely, roles, tmp_path, estimate, counted):
    office = Office(tables=TABLES[:1], estimate=estimate)
    with listening():
        run(office, lonely, roles=roles, partitions=2, out=tmp_path / "out")
    document = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    told = document["estimated"]["estimates"]["columns"]
    assert {"C", "G"} <= set(told["group"])
    assert not {"=ONE", "three"} & set(told["group"])
    # four enterprises at most are in no row: the rows of the others would tell how many they have
    assert "seven" not in told["group"]
    assert min(told[counted]) >= 5
    assert document["estimated"]["estimates_withheld"] >= 2


def test_small_counts_are_told_as_one(lonely, roles, tmp_path):
    cleaning = {**CLEANING, "profile": "strict"}
    office = Office(tables=TABLES[:1], estimate=ESTIMATE, cleaning=cleaning)
    with listening():
        job = run(office, lonely, roles=roles, partitions=2, out=tmp_path / "out")
    assert job.record.sample.balanced
    assert job.record.sample.rows == len(lonely)
    record = json.loads((tmp_path / "out" / "record.json").read_text(encoding="utf-8"))
    result = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    cleaned = result["cleaned"]["columns"]
    samples = [record["sample"], result["record"]["sample"], result["estimated"]["sample"]]
    told = [{**sample["lost"], **sample["notes"]} for sample in samples]
    told.append(dict(zip(cleaned["rule"], cleaned["rows"], strict=True)))
    for counts in told:
        few = [why for why, count in counts.items() if 0 < count < 5]
        assert all(why.endswith("with fewer than 5 rows each") for why in few), counts


def test_rules_that_are_not_shown_are_not_counted(frame, roles, office):
    quiet = replace(office, disclosure=tfp.DisclosureRules(show_rule=False))
    with listening():
        result = run(quiet, frame, roles=roles, partitions=2).result
    assert list(result.tidy().columns) == ["table", "status", "cells"]
    assert sum(result.tidy()["cells"]) == sum(len(cells.status) for cells in result.cells)
    assert "dominance" not in json.dumps(result.to_dict()["cells"])


@pytest.mark.parametrize("coarse", [1, 3])
def test_labels_that_name_enterprises_are_refused(frame, roles, coarse):
    """Labels stand in the public table also where the cell is suppressed."""
    owner = frame[roles["entity"]].str.slice(stop=-1) if coarse > 1 else frame[roles["entity"]]
    table = frame.assign(owner=owner, tfp=0.5)
    given = {**roles, "groups": {**roles["groups"], "owner": "owner"}, "columns": {"tfp": "tfp"}}
    named = {**given, "groups": {"owner": roles["entity"]}}
    rules = tfp.DisclosureRules(min_count=11)
    for chosen in (given, named):
        office = Office(tables=(tfp.Aggregation(weight="output", by="owner"),), disclosure=rules)
        with pytest.raises(tfp.SpecificationError) as error:
            run(office, table, roles=chosen, partitions=2)
        assert error.value.code == "labels_name_enterprises"
        assert error.value.column == chosen["groups"]["owner"]
    office = Office(tables=TABLES[:1], estimate=ESTIMATE)  # a grouping that no table uses may be
    with listening():
        assert run(office, table, roles=given, partitions=2).record.sample.balanced


def test_log_and_messages_that_may_leave_hold_numbers_only(frame, roles, office, caplog):
    with caplog.at_level(logging.INFO, logger="tfp_index"), listening():
        run(office, frame, roles=roles, partitions=2)
    steps = [r.step for r in caplog.records if getattr(r, "event", None) == "round"]
    assert steps[:2] == ["survey", "cleaning"]
    assert any(step.startswith("LevinsohnPetrin, ") for step in steps)
    assert any(step.startswith("Decomposition, ") for step in steps)
    entities = set(frame[roles["entity"]])
    said = " ".join(json.dumps(vars(r), default=str) for r in caplog.records)
    assert not [name for name in entities if name in said]


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
