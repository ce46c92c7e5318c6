"""The ASEM example of the R package COINr 1.1.14: 51 units, 49 indicators, every stage."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfp_index.composite.index import CompositeIndex
from tfp_index.composite.result import CompositeResult

STAGE = 1e-9  # the chain is the same arithmetic; the files print fifteen digits
PRINTED_12 = 1e-11  # relative; the reference document prints twelve significant digits


def read_csv(path: Path) -> dict[str, list[Any]]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    columns: dict[str, list[Any]] = {}
    for j, name in enumerate(rows[0]):
        cells = [row[j] for row in rows[1:]]
        try:
            columns[name] = [float(c) if c not in ("", "NA") else float("nan") for c in cells]
        except ValueError:
            columns[name] = [c if c not in ("", "NA") else None for c in cells]
    return columns


@pytest.fixture(scope="module")
def folder(shared_file: Callable[[str], Path]) -> Path:
    return shared_file("data/aggregation/coinr")


@pytest.fixture(scope="module")
def index(folder: Path) -> CompositeIndex:
    return CompositeIndex.from_tables(
        read_csv(folder / "asem_imeta.csv"),
        impute="group_mean",
        impute_group="EurAsia_group",
        treat=True,
    )


@pytest.fixture(scope="module")
def fitted(folder: Path, index: CompositeIndex) -> CompositeResult:
    return index.fit(read_csv(folder / "asem_idata.csv"))


@pytest.mark.parametrize("stage", ["raw", "denominated", "imputed", "treated", "normalized"])
def test_every_stage(folder: Path, fitted: CompositeResult, stage: str) -> None:
    expected = read_csv(folder / f"stage_{stage.replace('z', 's')}.csv")
    table = fitted.stage(stage)
    row = {code: i for i, code in enumerate(expected["uCode"])}
    order = [row[code] for code in table["uCode"]]
    for node in fitted.tree.indicators:
        wanted = np.array(expected[node.code])[order]
        np.testing.assert_allclose(
            table[node.code], wanted, rtol=STAGE, atol=STAGE, err_msg=node.code
        )


def test_every_aggregate(folder: Path, fitted: CompositeResult) -> None:
    expected = read_csv(folder / "stage_aggregated.csv")
    frame = fitted.to_frame()
    row = {code: i for i, code in enumerate(expected["uCode"])}
    order = [row[code] for code in frame["uCode"]]
    for node in fitted.tree.aggregates:
        wanted = np.array(expected[node.code])[order]
        np.testing.assert_allclose(frame[node.code].to_numpy(), wanted, rtol=STAGE)


def test_base_scores_and_ranks(reference: Callable[[str], Any], fitted: CompositeResult) -> None:
    base = reference("aggregation")["composite_coinr"]["base_all_units"]
    ranking = fitted.ranking()
    place = {code: i for i, code in enumerate(ranking["unit"])}
    order = [place[code] for code in base["uCode"]]
    for column, name in (("score", "Index"), ("Conn", "Conn"), ("Sust", "Sust")):
        np.testing.assert_allclose(ranking[column][order], base[name], rtol=PRINTED_12)
    assert ranking["rank"][order].tolist() == base["rank"]


def test_scores_quoted_in_full(fitted: CompositeResult) -> None:
    # reference note, section 5.3
    scores = dict(zip(fitted.ranking()["unit"], fitted.ranking()["score"], strict=True))
    quoted = {
        "CHE": 68.3837242383417,
        "NLD": 64.8195161698175,
        "DNK": 64.8040799606077,
        "NOR": 64.4677758497187,
        "BEL": 63.5395198948508,
        "VNM": 43.2088946935753,
        "PHL": 41.5463691,
        "CHN": 37.7685475,
    }
    for code, score in quoted.items():
        assert scores[code] == pytest.approx(score, abs=5e-8)


def test_treatment(reference: Callable[[str], Any], fitted: CompositeResult) -> None:
    details = reference("aggregation")["composite_coinr"]["treatment"]
    table = fitted.treatment()
    assert table["code"].tolist() == details["iCode"]
    np.testing.assert_allclose(table["skewness"], details["check_SkewKurt0.Skew"], rtol=1e-9)
    np.testing.assert_allclose(table["kurtosis"], details["check_SkewKurt0.Kurt"], rtol=1e-9)
    assert table["steps"].tolist() == [int(n or 0) for n in details["winsorise.nwin"]]
    assert not table["logged"].any()
    assert table["passed"].all()
    treated = [i for i, n in enumerate(details["winsorise.nwin"]) if n]
    after = np.array([details["check_SkewKurt1.Skew"][i] for i in treated])
    np.testing.assert_allclose(table["skewness_after"][treated], after, rtol=1e-9)


def test_treated_points(folder: Path, fitted: CompositeResult) -> None:
    points = read_csv(folder / "treat_points.csv")
    raw = read_csv(folder / "stage_treated.csv")
    row = {code: i for i, code in enumerate(raw["uCode"])}
    order = [row[code] for code in fitted.stage("raw")["uCode"]]
    for node, report in zip(fitted.tree.indicators, fitted.computed.leaves.reports, strict=True):
        kinds = {None: 0, "winhi": 1, "winlo": -1}
        column = points[node.code]
        expected = [0 if c is None or c != c else kinds[c] for c in column]
        assert report is not None
        assert report.points.tolist() == [expected[i] for i in order], node.code


def test_effective_weights(folder: Path, fitted: CompositeResult) -> None:
    expected = read_csv(folder / "effective_weights.csv")
    shares = dict(zip(fitted.weights()["code"], fitted.weights()["share"], strict=True))
    for code, share in zip(expected["iCode"], expected["EffWeight"], strict=True):
        assert shares[code] == pytest.approx(share, rel=1e-12)
    assert len(shares) == len(expected["iCode"])


def test_panel_of_years_shares_its_anchors(folder: Path, index: CompositeIndex) -> None:
    panel = read_csv(folder / "asem_idata_panel.csv")
    result = index.fit(panel, time="Time")
    assert len(result.periods) == 5
    frame = result.to_frame()
    assert len(frame) == 255
    assert frame.groupby("Time")["rank"].max().between(49, 51).all()
    # every indicator reaches 0 and 100 over the years together, not in each of them
    scores = result.computed.leaves.normalized
    np.testing.assert_allclose(scores.min(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(scores.max(axis=0), 100.0, atol=1e-9)
    first = result.inputs.frame.period == 0
    assert (scores[first].max(axis=0) < 100.0 - 1e-9).any()
