"""Panel checks over partitions find what they find in memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.unit.scale.sequential import PARTITIONS, run
from tfp_index.errors import SpecificationError
from tfp_index.scale.programs.checks import Checks, checks

ROLES = {
    "entity": "enterprise", "time": "year", "output": "output", "capital": "capital",
    "labor": "labor", "capital_share": "sk", "labor_share": "sl",
    "columns": {"output_index": "index"}, "groups": {"price_base": "base"},
}  # fmt: skip


@pytest.fixture(scope="module")
def frame():
    """A small province with one of everything that can be wrong, and mixed labels."""
    table = tfp.datasets.simulate.province(enterprises=150, periods=5, rng=1).frame("pandas")
    rng = np.random.default_rng(2)
    table = table.sort_values(["enterprise", "year"]).reset_index(drop=True)
    table["sk"] = rng.uniform(0.3, 0.5, len(table))
    table["sl"] = 1.0 - table["sk"]
    table["index"] = 100.0
    table["base"] = 2010
    names = {e: i for i, e in enumerate(table["enterprise"].unique()[:40])}
    table["enterprise"] = [names.get(e, f"Doanh nghiệp {e}") for e in table["enterprise"]]
    table.loc[100:140:10, "output"] = [0.0, -1.0, np.inf, np.nan, 0.0]
    table.loc[200, "labor"] *= 1000.0
    table.loc[210:230:10, "sk"] = [1.3, 0.0, 0.9]
    table.loc[table.index[300:305], "base"] = 2020
    last = table["enterprise"].iloc[-1]
    twin = table[table["enterprise"] == last].assign(enterprise=last.upper() + " ")
    table = pd.concat([table.drop(index=[50, 90]), twin, table.iloc[[7]]])
    return table.sample(frac=1.0, random_state=3).reset_index(drop=True)


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("limit", [3, 20])
def test_findings_do_not_depend_on_partitions(frame, partitions, limit):
    spec = Checks(limit=limit)
    memory = spec.fit(tfp.Panel.from_frame(frame, **ROLES))
    parts = run(checks, spec, frame, ROLES, partitions)
    assert parts.counts().rows() == memory.counts().rows()
    assert parts.has_errors
    assert len({code for code, _ in memory.totals}) >= 11
    ours, theirs = ([_said(f) for f in found.items] for found in (parts, memory))
    assert sorted(ours) == sorted(theirs)
    assert [line[0] for line in ours] == [line[0] for line in theirs]


def _said(finding):
    return (finding.code, str(finding.column), str(finding.entity), finding.time, finding.message)


def test_rows_without_a_key_are_counted_once(frame):
    table = frame.copy()
    table["enterprise"] = table["enterprise"].astype(object)
    table.loc[[3, 30, 300], "enterprise"] = None
    memory = tfp.Panel.from_frame(table, **ROLES).check()
    parts = run(checks, Checks(), table[table["enterprise"].notna()], ROLES, 3)
    assert "missing_key" not in {code for code, _ in parts.totals}
    job = tfp.scale.run(Checks(), table, roles=ROLES, partitions=3)
    assert job.result.counts().rows() == memory.counts().rows()


def test_options_are_checked():
    with pytest.raises(SpecificationError, match="limit"):
        Checks(limit=-1)
