"""Decompositions and aggregates over partitions equal those in memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.scale.sequential import PARTITIONS, close, context_of, run, same
from tfp_index.errors import DataError, SpecificationError
from tfp_index.scale.programs.aggregation import aggregation
from tfp_index.scale.programs.decomposition import decomposition
from tfp_index.scale.programs.dispersion import dispersion
from tfp_index.scale.programs.misallocation import misallocation

# sums of some thousand numbers of order one, taken in another order
OTHER_ORDER = 1e-12

ROLES = {
    "entity": "enterprise", "time": "year", "output": "output", "value_added": "value_added",
    "capital": "capital", "labor": "labor", "materials": "materials",
    "columns": {"productivity": "tfp", "design": "design", "labor_cost": "labor_cost",
                "rent": "rent"},
    "groups": {"industry": "industry", "district": "district", "ownership": "ownership"},
}  # fmt: skip


@pytest.fixture(scope="module")
def frame():
    """A small province with missing productivity, missing groups and one-off enterprises."""
    sim = tfp.datasets.simulate.province(enterprises=150, periods=6, rng=1)
    table = sim.frame("pandas")
    rng = np.random.default_rng(2)
    table["tfp"] = sim.truth.productivity
    table["design"] = rng.integers(1, 5, len(table)).astype(float)
    table["rent"] = 0.12 * table["capital"]
    table.loc[rng.random(len(table)) < 0.03, "tfp"] = np.nan
    table["district"] = table["district"].astype(object)
    table.loc[rng.random(len(table)) < 0.02, "district"] = None
    table["enterprise"] = [f"Doanh nghiệp {e}" for e in table["enterprise"]]
    return table.sample(frac=1.0, random_state=3).reset_index(drop=True)


SIX = tuple(
    ["baily_hulten_campbell", "griliches_regev", "foster_haltiwanger_krizan", "baldwin_gu",
     "diewert_fox", "melitz_polanec"]
)  # fmt: skip
STATIC = ("olley_pakes", "collard_wexler_de_loecker", "nested_olley_pakes")
DECOMPOSITIONS = {
    "six": tfp.Decomposition(method=SIX),
    "by district": tfp.Decomposition(method=SIX, by="district"),
    "by two": tfp.Decomposition(method=SIX[3:], by=("district", "ownership"), movers="start"),
    "within": tfp.Decomposition(method=SIX, within="industry", by="district", missing="firm"),
    "relative": tfp.Decomposition(relative="industry", base=2017, sampling_weight="design"),
    "levels": tfp.Decomposition(scale="level", by="ownership", frame_breaks=(2018,)),
    "static": tfp.Decomposition(method=STATIC, by="industry"),
    "reallocation": tfp.Decomposition(
        method=("petrin_levinsohn", "diewert_fox"), by="industry", value="value_added",
        elasticities={"capital": 0.3, "labor": 0.6},
        costs={"capital": "rent", "labor": "labor_cost"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("name", DECOMPOSITIONS)
def test_decompositions_add_up_over_partitions(frame, name, partitions):
    spec = DECOMPOSITIONS[name]
    periods = [(2015, 2018), (2018, 2020)] if name == "by two" else None
    memory = spec.fit(tfp.Panel.from_frame(frame, **ROLES), periods=periods)
    parts = run(decomposition, spec, frame, ROLES, partitions, periods=periods)
    tolerance = 0.0 if partitions == 1 else OTHER_ORDER
    same(parts.tidy(), memory.tidy(), tolerance)
    if memory.assembled:
        same(parts.kinds(), memory.kinds(), tolerance)
        a, b = parts.cells().contributions[0], memory.cells().contributions[0]
        np.testing.assert_array_equal(a.n, b.n)
        np.testing.assert_allclose(a.largest, b.largest, rtol=OTHER_ORDER)
    if memory.levels_by_method:
        same(parts.levels(), memory.levels(), tolerance)
    assert parts.sample.to_dict() == memory.sample.to_dict()
    assert parts.summary().splitlines()[0] == memory.summary().splitlines()[0]


AGGREGATIONS = {
    "plain": tfp.Aggregation(),
    "margins": tfp.Aggregation(by=("industry", "district"), base=2017),
    "relative": tfp.Aggregation(by="district", relative="industry", sampling_weight="design"),
    "level": tfp.Aggregation(by="ownership", scale="level", weight="labor"),
    "domar": tfp.Aggregation(by="industry", method="domar", base=2018),
}


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("name", AGGREGATIONS)
def test_aggregates_add_up_over_partitions(frame, name, partitions):
    spec = AGGREGATIONS[name]
    memory = spec.fit(tfp.Panel.from_frame(frame, **ROLES))
    parts = run(aggregation, spec, frame, ROLES, partitions)
    tolerance = 0.0 if partitions == 1 else OTHER_ORDER
    same(parts.tidy(), memory.tidy(), tolerance)
    same(parts.glance(), memory.glance(), tolerance)
    assert parts.sample.to_dict() == memory.sample.to_dict()
    a, b = parts.cells(), memory.cells()
    np.testing.assert_array_equal(a.contributions[0].n, b.contributions[0].n)
    np.testing.assert_allclose(
        a.contributions[0].largest, b.contributions[0].largest, rtol=OTHER_ORDER
    )
    assert {k: v.tolist() for k, v in a.keys.items()} == {k: v.tolist() for k, v in b.keys.items()}


DISPERSIONS = {
    "plain": tfp.Dispersion(within=("industry", "year")),
    "weighted": tfp.Dispersion(
        weight="labor", within=("industry", "year"), by="year", definition="averaged"
    ),
    "designed": tfp.Dispersion(
        weight="labor", within="district", sampling_weight="design", frontier=0.2
    ),
    "sampled": tfp.Dispersion(sampling_weight="design", percentiles=(33.3,)),
}


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("name", DISPERSIONS)
def test_dispersion_has_the_exact_percentiles(frame, name, partitions):
    spec = DISPERSIONS[name]
    memory = spec.fit(tfp.Panel.from_frame(frame, **ROLES))
    parts = run(dispersion, spec, frame, ROLES, partitions)
    same(parts.tidy(), memory.tidy(), OTHER_ORDER)
    same(parts.glance(), memory.glance(), OTHER_ORDER)
    if spec.by is None:  # the values themselves, not only close ones
        for weighting, spread in memory.spreads.items():
            np.testing.assert_array_equal(parts.spreads[weighting].quantiles, spread.quantiles)
    assert parts.sample.to_dict() == memory.sample.to_dict()
    np.testing.assert_allclose(parts.behind.largest, memory.behind.largest, rtol=OTHER_ORDER)
    rules = tfp.DisclosureRules()
    a, b = parts.cells(rules), memory.cells(rules)
    for statistic, values in b.values.items():
        if statistic == "mean" and spec.by is not None:  # of deviations from means: nothing
            assert np.abs(a.values["mean"]).max() < OTHER_ORDER
        else:
            close(a.values[statistic], values, OTHER_ORDER, statistic)
    with pytest.raises(SpecificationError, match="window=7"):
        parts.cells(tfp.DisclosureRules(percentile_window=7))
    with pytest.raises(DataError) as caught:
        parts.transitions()
    assert caught.value.code == "rows_elsewhere"


MISALLOCATIONS = {
    "path": tfp.HsiehKlenow(min_firms=80, min_cell=5),
    "designed": tfp.HsiehKlenow(
        min_firms=80, min_cell=5, sampling_weight="design", industry=("industry", "ownership"),
        trim=0.05, elasticity=4.0,
    ),
    "one": tfp.HsiehKlenow(industry=None, labor_share=0.6, trim=0, min_firms=100),
}  # fmt: skip


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("name", MISALLOCATIONS)
def test_misallocation_and_its_trimming_path(frame, name, partitions):
    spec = MISALLOCATIONS[name]
    table = frame.copy()
    table.loc[3, "capital"] = 0.0
    memory = spec.fit(tfp.Panel.from_frame(table, **ROLES))
    written: dict = {}
    parts = run(misallocation, spec, table, ROLES, partitions, written)
    same(parts.path(), memory.path(), OTHER_ORDER)
    assert (parts.path()["firms"] == memory.path()["firms"]).all()
    same(parts.glance(), memory.glance(), OTHER_ORDER)
    for trim in spec.trim:
        same(parts.by_industry(trim), memory.by_industry(trim), OTHER_ORDER)
        same(parts.lognormal(trim), memory.lognormal(trim), OTHER_ORDER)
        same(parts.marginal_products(trim), memory.marginal_products(trim), OTHER_ORDER)
    a, b = parts.cells().contributions[0], memory.cells().contributions[0]
    np.testing.assert_array_equal(a.n, b.n)
    np.testing.assert_allclose(a.largest, b.largest, rtol=OTHER_ORDER)
    assert parts.sample.to_dict() == memory.sample.to_dict()
    keys = ["enterprise", "year"]
    rows = pd.concat(written["firms"]).sort_values(keys).reset_index(drop=True)
    wanted = memory.firms().to_frame().sort_values(keys).reset_index(drop=True)
    for column in ("tfpq", "log_tfpr_deviation", "capital_wedge"):
        close(rows[column].to_numpy(), wanted[column].to_numpy(), OTHER_ORDER)
    with pytest.raises(DataError) as caught:
        parts.firms()
    assert caught.value.code == "rows_elsewhere"


def test_what_needs_all_rows_in_one_place_is_refused(frame):
    with pytest.raises(SpecificationError, match="keep_firms") as caught:
        run(decomposition, tfp.Decomposition(keep_firms=True), frame, ROLES, 2)
    assert caught.value.code == "not_partitioned"
    with pytest.raises(SpecificationError, match="joint"):
        run(dispersion, tfp.Dispersion(joint="labor"), frame, ROLES, 2)
    with pytest.raises(SpecificationError, match="productivity from a column"):
        run(aggregation, tfp.Aggregation(), frame, ROLES, 2, productivity=object())


@pytest.mark.parametrize("partitions", [1, 7])
def test_faults_are_named_as_in_memory(frame, partitions):
    spec = tfp.Decomposition()

    def both(table, spec=spec):
        seen = []
        for fit in (
            lambda: spec.fit(tfp.Panel.from_frame(table, **ROLES)),
            lambda: run(decomposition, spec, table, ROLES, partitions),
        ):
            with pytest.raises(DataError) as caught:
                fit()
            error = caught.value
            seen.append((error.code, error.column, error.entity, error.time))
        return seen

    negative = frame.copy()
    negative.loc[17, "output"] = -1.0
    memory, parts = both(negative)
    assert memory == parts
    assert memory[2] == frame.loc[17, "enterprise"]
    memory, parts = both(pd.concat([frame, frame.iloc[[5]]]))
    assert memory == parts
    assert memory[0] == "duplicate_key"
    keyless = frame.copy()
    keyless["enterprise"] = keyless["enterprise"].astype(object)
    keyless.loc[3, "enterprise"] = None
    memory, parts = both(keyless)
    assert memory[:2] == parts[:2] == ("missing_key", "enterprise")
    empty_year = frame.copy()
    empty_year.loc[empty_year["year"] == 2018, "tfp"] = np.nan
    memory, parts = both(empty_year)
    assert memory == parts
    assert memory[0] == "no_usable_rows"
    moved = frame.copy()
    moved["enterprise"] = moved["enterprise"] + moved["year"].astype(str)
    memory, parts = both(moved)
    assert memory == parts
    assert memory[0] == "no_survivors"


def test_partitions_without_usable_rows_and_mixed_labels(frame):
    """Entities of two types, categories of two types, and a firm with nothing measured."""
    table = frame.copy()
    table["enterprise"] = table["enterprise"].astype(object)
    labels = dict(zip(table["enterprise"].unique(), range(40), strict=False))
    table["enterprise"] = [labels.get(e, e) for e in table["enterprise"]]
    table["ownership"] = table["ownership"].astype(object)
    table.loc[table["ownership"] == "Nhà nước", "ownership"] = 1
    gone = table["enterprise"].isin(range(20))
    table.loc[gone, "tfp"] = np.nan
    spec = tfp.Decomposition(method=SIX, by="ownership")
    memory = spec.fit(tfp.Panel.from_frame(table, **ROLES))
    for partitions in PARTITIONS:
        parts = run(decomposition, spec, table, ROLES, partitions)
        same(parts.tidy(), memory.tidy(), OTHER_ORDER)
        assert parts.sample.to_dict() == memory.sample.to_dict()
    lonely = table[gone | (table["enterprise"] == table["enterprise"].iloc[-1])]
    assert context_of(lonely, ROLES, 64).rows == len(lonely)


def test_periods_written_as_text_keep_their_labels(frame):
    table = frame.copy()
    table["year"] = [f"{y}Q{1 + y % 4}" for y in table["year"]]
    spec = tfp.Aggregation(by="industry")
    memory = spec.fit(tfp.Panel.from_frame(table, **ROLES))
    same(run(aggregation, spec, table, ROLES, 7).tidy(), memory.tidy(), OTHER_ORDER)
