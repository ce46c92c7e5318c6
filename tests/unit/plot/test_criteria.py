"""Figures of criteria sets show the numbers of the result, in either language."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

import tfp_index as tfp
from tests.unit.criteria.test_criteria_set import SMALL, enterprises, provinces
from tfp_index.criteria.criteria_set import CriteriaSet


@pytest.fixture(scope="module")
def res() -> Any:
    with pytest.warns(tfp.DataWarning):
        return CriteriaSet.load("province").score(provinces(), unit="province", time="year")


def texts(ax: Any) -> list[str]:
    return [t.get_text() for t in ax.figure.findobj(mpl.text.Text) if t.get_text()]


def names(ax: Any) -> list[str]:
    return [t.get_text() for t in ax.get_yticklabels()]


def test_scorecard(res: Any) -> None:
    ax = tfp.plot.scorecard(res, "Quảng Ninh", 2023, language="vi")
    ax.figure.canvas.draw()
    table = res.profile("Quảng Ninh", 2023, language="vi")
    widths = [patch.get_width() for box in ax.containers for patch in box.patches]
    np.testing.assert_allclose(widths, table["score"])
    assert names(ax) == table["name"].tolist()
    shown = texts(ax)
    assert "Quảng Ninh, 2023: thẻ điểm" in shown
    assert any("đề xuất" in text for text in shown)
    assert f"{table['score'][0]:.1f}".replace(".", ",") in shown
    english = texts(tfp.plot.scorecard(res, "Quảng Ninh", language="en"))
    assert "Quảng Ninh, 2023: scorecard" in english
    assert any("not official" in text for text in english)


def test_a_score_that_is_missing_is_a_dash(res: Any) -> None:
    ax = tfp.plot.scorecard(res, "Quảng Ninh", 2018)
    assert "–" in texts(ax)


def test_profile(res: Any) -> None:
    ax = tfp.plot.profile(res, "Quảng Ninh", 2023)
    table = res.profile("Quảng Ninh", 2023)
    rows = table["kind"] == "indicator"
    drawn = [line for line in ax.lines if line.get_marker() == "o"][: rows.sum()]
    dots = [line.get_xdata()[0] for line in drawn]
    np.testing.assert_allclose(dots, table["standing"][rows])
    assert names(ax) == table["name"][rows].tolist()
    assert "strength" in texts(ax)


def test_context_is_hollow_and_few_peers_are_refused() -> None:
    result = CriteriaSet.from_text(SMALL).score(
        enterprises(), unit="mst", peers=["industry", "size"]
    )
    ax = tfp.plot.profile(result, "E00")
    faces = [line.get_markerfacecolor() for line in ax.lines if line.get_marker() == "o"]
    assert faces[2] == "white"
    few = {k: v[:4] for k, v in enterprises().items()}
    small = CriteriaSet.from_text(SMALL).score(few, unit="mst", peers=["industry"])
    with pytest.raises(tfp.DataError, match="too few peers"):
        tfp.plot.profile(small, "E01")


def test_rank_intervals(res: Any) -> None:
    uncertainty = res.uncertainty(reps=100, rng=7)
    ax = tfp.plot.rank_intervals(uncertainty, 2022)
    table = uncertainty.table().where(year=2022)
    assert names(ax) == table["province"].tolist()
    segments = ax.collections[0].get_segments()
    np.testing.assert_allclose([s[0][0] for s in segments], table["rank_low"])
    np.testing.assert_allclose([s[1][0] for s in segments], table["rank_high"])
    dots = next(line for line in ax.lines if line.get_marker() == "o")
    np.testing.assert_allclose(dots.get_xdata(), table["rank"])
    assert any("90%" in text for text in texts(ax))
    with pytest.raises(tfp.DataError, match="no period 1990"):
        tfp.plot.rank_intervals(uncertainty, 1990)


def test_too_many_units_for_one_figure() -> None:
    rng = np.random.default_rng(0)
    frame = {"mst": [f"E{i}" for i in range(80)]} | {c: rng.uniform(size=80) for c in "xyz"}
    result = CriteriaSet.from_text(SMALL).score(frame, unit="mst")
    with pytest.raises(tfp.DataError, match="80 units"):
        tfp.plot.rank_intervals(result.uncertainty(reps=10, rng=0))


def test_choices(res: Any) -> None:
    sensitivity = res.sensitivity(rng=7, n=64)
    ax = tfp.plot.choices(sensitivity, language="vi")
    bars = [p.get_width() for p in ax.patches]
    expected = np.concatenate((sensitivity.indices.total, sensitivity.indices.first))
    np.testing.assert_allclose(bars, np.nan_to_num(expected))
    assert "trọng số" in names(ax)


def test_axes_of_the_caller_are_used(res: Any) -> None:
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert tfp.plot.scorecard(res, "Hà Nội", ax=ax, title="", note="") is ax
    assert ax.get_title(loc="left") == ""
