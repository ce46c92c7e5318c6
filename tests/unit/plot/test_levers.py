"""The figure of levers shows the numbers of its result, and no blank of its public form."""

from __future__ import annotations

import importlib

import matplotlib as mpl
import numpy as np
import pytest

import tfp_index as tfp
from tests.unit.criteria.lever_data import panel_of, province


@pytest.fixture(scope="module")
def found():
    spec = tfp.Levers(by=("industry", "district"), practices="iso9001")
    return spec.fit(panel_of(*province(700, 3)), productivity="tfp")


def texts(ax) -> list[str]:
    return [t.get_text() for t in ax.findobj(mpl.text.Text) if t.get_text()]


def bars(ax) -> list[float]:
    return [p.get_width() for p in ax.patches]


@pytest.mark.parametrize("language", ["en", "vi"])
def test_every_lever_is_a_bar_of_its_own(found, language):
    ax = tfp.plot.levers(found, language=language)
    assert sorted(bars(ax)) == pytest.approx(sorted(found.ranking()["points"]))
    assert all(p.get_x() == 0.0 for p in ax.patches)
    said = " ".join(texts(ax))
    assert ("association" if language == "en" else "mối liên hệ") in said
    ax.figure.canvas.draw()


def test_no_module_hides_its_figure():
    """`tfp.plot.name` is the figure, whatever was imported before."""
    for name, home in tfp.plot._HOME.items():
        importlib.import_module(home)
        assert home.rpartition(".")[2] != name
        assert callable(getattr(tfp.plot, name))


def test_groups_build_up_to_the_total(found):
    ax = tfp.plot.levers(found, "laggards_p50", by="district", most=50)
    groups = found.tidy().where(lever="laggards_p50", by="district")
    *parts, total = bars(ax)
    assert sorted(parts) == pytest.approx(sorted(groups["points"]))
    assert total == pytest.approx(sum(parts))
    starts = [p.get_x() for p in ax.patches][:-1]
    assert starts == pytest.approx(np.concatenate(([0.0], np.cumsum(parts)[:-1])))
    short = bars(tfp.plot.levers(found, "laggards_p50", by="district", most=3))
    assert len(short) == 5
    assert short[-1] == pytest.approx(total)


def test_what_may_not_be_published_is_not_drawn(found):
    public = found.to_public()
    table = public.public.to_frame()
    lever = table.loc[(table["status"] == "suppressed") & (table["district"] != "(total)"),
                      "lever"].iloc[0]  # fmt: skip
    mine = table[(table["lever"] == lever) & (table["district"] != "(total)")]
    hidden = set(mine.loc[mine["status"] == "suppressed", "district"])
    ax = tfp.plot.levers(found, lever, by="district", public=public)
    assert not hidden & {t.get_text() for t in ax.get_yticklabels()}
    assert any(t in texts(ax) for t in ("Groups not shown", "Sum of the groups shown"))


def test_nothing_to_draw_is_said(found):
    with pytest.raises(tfp.SpecificationError, match="by"):
        tfp.plot.levers(found, "frontier", by="ownership")
    with pytest.raises(tfp.SpecificationError, match="nonsense"):
        tfp.plot.levers(found, "nonsense")
    alone = tfp.Levers(levers="entry", period=2015).fit(panel_of(*province(300, 2)), "tfp")
    with pytest.raises(tfp.DataError, match="no lever"):
        tfp.plot.levers(alone)
    with pytest.raises(tfp.DataError, match="without groups"):
        tfp.plot.levers(alone, "entry")
