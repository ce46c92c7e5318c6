"""Programs of the library: the same digits from memory, from every engine, for any partitions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp

pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra io")
pytest.importorskip("duckdb", reason="needs the extra io")

SUMS = 1e-12  # sums in another order
ESTIMATES = 1e-9  # roots of moments that were summed in another order

ROLES = {
    "entity": "firm",
    "time": "year",
    "output": "output",
    "value_added": "value_added",
    "capital": "capital",
    "labor": "labor",
    "materials": "materials",
    "labor_share": "labor_share",
    "columns": {"tfp": "tfp"},
    "groups": {"industry": "industry"},
}


@pytest.fixture(scope="module")
def frame():
    from benchmarks.bench_scale import chunk

    found = chunk(0, firms=600)
    rng = np.random.default_rng(4)
    firm = found["firm"]
    found["tfp"] = np.log(found["value_added"] / found["labor"])
    found["firm"] = np.array([f"Công ty {number}" for number in firm], object)
    found["industry"] = np.array(["Dệt may", "Than", "Điện tử"], object)[firm % 3]
    order = rng.permutation(firm.size)
    return pd.DataFrame({name: values[order] for name, values in found.items()})


@pytest.fixture(scope="module")
def files(frame, tmp_path_factory):
    folder = tmp_path_factory.mktemp("firms")
    for year, rows in frame.groupby("year"):
        rows.to_parquet(folder / f"{year}.parquet", index=False)
    return f"{folder}/*.parquet"


@pytest.fixture(scope="module")
def panel(frame):
    return tfp.Panel.from_frame(frame, **ROLES)


WAYS = [("threads", 1), ("threads", 2), ("threads", 64), ("duckdb", 7), ("duckdb", 64)]


@pytest.mark.parametrize(("engine", "partitions"), WAYS)
def test_growth_accounting(frame, files, panel, engine, partitions, tmp_path):
    roles = {name: role for name, role in ROLES.items() if name != "materials"}
    spec = tfp.GrowthAccounting(inputs=("capital", "labor"))
    whole = spec.fit(panel)
    job = tfp.scale.run(
        spec, files, roles=roles, engine=engine, partitions=partitions, out=tmp_path
    )
    for name in ("mean_output_growth", "mean_tfp_contribution", "tfp_share_of_growth"):
        found, expected = job.result.glance()[name][0], whole.glance()[name][0]
        assert found == pytest.approx(expected, rel=SUMS, abs=0)
    assert job.result.sample.to_dict() == whole.sample.to_dict()
    rows = pq.read_table(tmp_path / "growth").to_pandas().sort_values(["firm", "year"])
    mine = whole.to_frame().sort_values(["firm", "year"])
    assert rows["firm"].tolist() == mine["firm"].tolist()
    for name in ("tfp_growth", "tfp_index", "capital_contribution"):
        np.testing.assert_array_equal(rows[name].to_numpy(), mine[name].to_numpy())


@pytest.mark.parametrize(("engine", "partitions"), WAYS)
def test_a_decomposition(files, panel, engine, partitions):
    spec = tfp.Decomposition(method="melitz_polanec", weight="output")
    options = {"productivity": "tfp", "periods": [(2010, 2015), (2015, 2020)]}
    whole = spec.fit(panel, **options).tidy().to_dict()
    job = tfp.scale.run(spec, files, roles=ROLES, engine=engine, partitions=partitions, **options)
    found = job.result.tidy().to_dict()
    _same(found, whole, SUMS)


@pytest.mark.parametrize(("engine", "partitions"), [("threads", 2), ("duckdb", 7)])
def test_ackerberg_caves_frazer_by_industry(files, panel, engine, partitions):
    spec = tfp.AckerbergCavesFrazer(output="value_added", proxy="materials", by="industry")
    whole = spec.fit(panel, rng=1)
    job = tfp.scale.run(spec, files, roles=ROLES, engine=engine, partitions=partitions, rng=1)
    _same(job.result.tidy().to_dict(), whole.tidy().to_dict(), ESTIMATES)


def _same(found, expected, tolerance):
    """Compare two tables: text alike, numbers within a tolerance of the largest of a column."""
    assert found.keys() == expected.keys()
    columns, others = found.get("columns", found), expected.get("columns", expected)
    assert columns.keys() == others.keys()
    for name, values in columns.items():
        a, b = pd.Series(values), pd.Series(others[name])
        if pd.api.types.is_numeric_dtype(b):
            scale = float(np.nanmax(np.abs(b.to_numpy(float)))) if b.notna().any() else 0.0
            np.testing.assert_allclose(a.to_numpy(float), b.to_numpy(float), 0, tolerance * scale)
        else:
            assert a.astype(str).tolist() == b.astype(str).tolist()
