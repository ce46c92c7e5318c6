"""Dask and Spark on real clusters of two workers: the same digits as in memory, bit for bit."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.scale.examples import ROLES, Skewness, firms

pa = pytest.importorskip("pyarrow", reason="needs the extra io")

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets of the clusters
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # among dask, pandas and Spark
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support:FutureWarning"),
]

GROWTH_ROLES = {"entity": "firm", "time": "year", "output": "Y", "capital": "K", "labor": "L"}


@pytest.fixture(scope="module")
def frame():
    found = firms(text=True)
    rng = np.random.default_rng(5)
    return pd.DataFrame(found).assign(L=np.exp(rng.normal(2, 0.5, found["Y"].size)))


@pytest.fixture(scope="module")
def dask_client():
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="localhost:0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def spark():
    sql = pytest.importorskip("pyspark.sql", reason="needs the extra spark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not installed here")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    session = (
        sql.SparkSession.builder.master(os.environ.get("TFP_TEST_SPARK", "local[2]"))
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture(params=["dask", "spark"])
def cluster(request, frame):
    """Return engine, client and the frame as the engine's users hold it."""
    if request.param == "dask":
        client = request.getfixturevalue("dask_client")
        frames = pytest.importorskip("dask.dataframe")
        return "dask", client, frames.from_pandas(frame, npartitions=3)
    session = request.getfixturevalue("spark")
    return "spark", session, session.createDataFrame(pa.Table.from_pandas(frame))


@pytest.mark.parametrize("partitions", [1, 7])
def test_the_digits_are_those_of_memory(cluster, frame, partitions):
    engine, client, source = cluster
    given = {"roles": ROLES, "partitions": partitions}
    base = tfp.scale.run(Skewness(), frame, **given)
    job = tfp.scale.run(Skewness(), source, engine=engine, client=client, **given)
    assert job.result.to_dict() == base.result.to_dict()
    assert job.record.fingerprint == base.record.fingerprint
    assert job.result.context.labels("industry").tolist() == ["Dệt", "May", "Than", "Điện"]


def test_growth_accounting_gives_the_same_bytes(cluster, frame, tmp_path):
    engine, client, source = cluster
    spec = tfp.GrowthAccounting(labor_share=0.6)
    given = {"roles": GROWTH_ROLES, "partitions": 5}
    base = tfp.scale.run(spec, frame, out=tmp_path / "memory", **given)
    job = tfp.scale.run(spec, source, engine=engine, client=client, out=tmp_path / "out", **given)
    assert base.manifest is not None
    assert job.manifest is not None
    assert job.manifest.files == base.manifest.files
    job.manifest.verify()


def test_files_are_read_by_the_cluster(cluster, frame, tmp_path):
    engine, client, _ = cluster
    for number in range(3):
        frame.iloc[number::3].to_parquet(tmp_path / f"{number}.parquet", index=False)
    job = tfp.scale.run(
        Skewness(),
        f"{tmp_path}/*.parquet",
        roles=ROLES,
        engine=engine,
        client=client,
        partitions=3,
    )
    base = tfp.scale.run(Skewness(), frame, roles=ROLES, partitions=3)
    assert job.result.to_dict() == base.result.to_dict()


def test_a_workers_error_is_ours(cluster):
    engine, client, source = cluster
    roles = {**GROWTH_ROLES, "labor": "K", "capital": "L", "time": "industry"}
    with pytest.raises(tfp.DataError) as caught:
        tfp.scale.run(
            tfp.GrowthAccounting(labor_share=0.6),
            source,
            roles=roles,
            engine=engine,
            client=client,
            partitions=2,
        )
    assert (caught.value.code, caught.value.column) == ("not_a_period", "industry")
    with pytest.raises(tfp.DataError) as absent:
        tfp.scale.run(
            Skewness(), source, roles={**ROLES, "output": "y"}, engine=engine, client=client
        )
    assert absent.value.code == "unknown_column"


def test_more_partitions_than_entities(cluster, frame):
    engine, client, source = cluster
    few = frame["firm"].unique()[:3].tolist()
    if engine == "dask":
        picked = source[source["firm"].isin(few)]
    else:
        picked = source.filter(source["firm"].isin(few))
    job = tfp.scale.run(Skewness(), picked, roles=ROLES, engine=engine, client=client, partitions=9)
    base = tfp.scale.run(Skewness(), frame[frame["firm"].isin(few)], roles=ROLES, partitions=9)
    assert job.result.to_dict() == base.result.to_dict()


def test_what_a_cluster_cannot_take_is_said(cluster):
    engine, client, source = cluster
    for changes in ({"memory": "2GiB"}, {"client": object()}, {"source": {"firm": [1]}}):
        given = {"source": source, "client": client, **changes}
        with pytest.raises(tfp.SpecificationError):
            tfp.scale.run(Skewness(), given.pop("source"), roles=ROLES, engine=engine, **given)


def test_a_cancelled_run_on_a_cluster_is_resumed(cluster, frame, tmp_path):
    engine, client, source = cluster

    def stop(done, total):
        if done >= 6:
            raise KeyboardInterrupt

    given = {"roles": ROLES, "engine": engine, "client": client, "partitions": 4}
    with pytest.raises(KeyboardInterrupt):
        tfp.scale.run(Skewness(), source, out=tmp_path / "out", on_progress=stop, **given)
    assert [p.name for p in (tmp_path / "out").iterdir()] == [".work"]
    job = tfp.scale.run(Skewness(), source, out=tmp_path / "out", resume=True, **given)
    base = tfp.scale.run(Skewness(), frame, roles=ROLES, partitions=4, out=tmp_path / "base")
    assert job.manifest is not None
    assert base.manifest is not None
    assert job.manifest.files == base.manifest.files
