"""Figures of decomposition, dispersion and misallocation show the numbers of their results."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import tfp_index as tfp
from tests.unit.aggregation.test_decomposition import firm_panel, firms
from tests.unit.aggregation.test_misallocation import firms as hk_firms
from tests.unit.aggregation.test_misallocation import panel_of as hk_panel

HUNDREDFOLD = 1e-10


def texts(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.findobj(mpl.text.Text) if t.get_text()]


def heights(ax: Axes) -> np.ndarray:
    patches = [[p.get_height() for p in box.patches] for box in ax.containers]
    return np.array(patches)


def widths(ax: Axes) -> np.ndarray:
    return np.array([[p.get_width() for p in box.patches] for box in ax.containers])


@pytest.fixture(scope="module")
def d():
    spec = tfp.Decomposition(weight="s", by="district")
    return spec.fit(firm_panel(firms(0)), "tfp")


def test_bars_of_every_pair_stack_to_the_total(d):
    ax = tfp.plot.decomposition(d)
    table = d.tidy().where(method="diewert_fox", district="(total)")
    expected = 100 * np.array([table[t] for t in ("within", "between", "entry", "exit")])
    assert heights(ax) == pytest.approx(expected, abs=HUNDREDFOLD)
    assert ax.lines[0].get_ydata() == pytest.approx(100 * table["total"])
    assert heights(ax).sum(axis=0) == pytest.approx(100 * table["total"], abs=1e-8)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2020–2021", "2021–2022", "2022–2023"]
    ax.figure.canvas.draw()


def test_one_pair_puts_methods_side_by_side(d):
    ax = tfp.plot.decomposition(d, period=(2021, 2022))
    assert [t.get_text() for t in ax.get_xticklabels()] == ["Diewert–Fox", "Melitz–Polanec"]
    assert any("split in two" in text for text in texts(ax))
    assert "2021–2022" in ax.get_title(loc="left")


def test_groups_are_ordered_by_their_contribution(d):
    ax = tfp.plot.decomposition(d, period=(2021, 2022), by="district")
    table = d.tidy().where(method="diewert_fox", start=2021)
    rows = [i for i, g in enumerate(table["district"]) if g != "(total)"]
    total = np.sort(table["total"][rows])
    assert ax.lines[0].get_xdata() == pytest.approx(100 * total)
    assert widths(ax).sum(axis=0) == pytest.approx(100 * total, abs=1e-8)
    ax.figure.canvas.draw()


def test_both_languages(d):
    english, vietnamese = (texts(tfp.plot.decomposition(d, language=code)) for code in ("en", "vi"))
    assert "Entry" in english
    assert "Gia nhập" in vietnamese
    assert not set(english) & set(vietnamese) - {"2020–2021", "2021–2022", "2022–2023"} - set(
        t for t in english if t.replace("−", "").replace(".", "").isdigit()
    )


def test_names_and_texts_can_be_replaced(d):
    ax = tfp.plot.decomposition(
        d, period=(2020, 2021), by="district", labels={"a": {"en": "Alpha", "vi": "An Pha"}},
        title="T", note="N",
    )  # fmt: skip
    assert "Alpha" in [t.get_text() for t in ax.get_yticklabels()]
    assert "T" in texts(ax)
    assert "N" in texts(ax)


def test_pairs_without_entry_are_told(d):
    spec = tfp.Decomposition(weight="s", method="diewert_fox", frame_breaks=(2022,))
    broken = spec.fit(firm_panel(firms(0)), "tfp")
    ax = tfp.plot.decomposition(broken)
    assert any("without entry" in text for text in texts(ax))


@pytest.mark.parametrize(
    "options",
    [
        {"method": "solow"},
        {"period": (1990, 1991)},
        {"by": "commune", "period": (2020, 2021)},
        {"by": "district"},
    ],
)
def test_what_is_not_there_is_refused(d, options):
    with pytest.raises(tfp.DataError):
        tfp.plot.decomposition(d, **options)


def test_bands_are_percentiles():
    res = tfp.Dispersion(weight="s", within=("industry", "year")).fit(firm_panel(firms(1)), "tfp")
    ax = tfp.plot.dispersion(res, {"industry": "C"})
    table = res.tidy().where(industry="C", weighting="unweighted")
    assert ax.lines[0].get_ydata() == pytest.approx(table["p50"])
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(table["p10"].min())
    assert band[:, 1].max() == pytest.approx(table["p90"].max())
    assert "10th–90th percentile" in texts(ax)
    other = tfp.plot.dispersion(res, {"year": 2021}, weighting="s", language="vi")
    assert [t.get_text() for t in other.get_xticklabels()] == ["C", "G"]
    assert any("Bách phân vị" in text for text in texts(other))
    for drawn in (ax, other):
        drawn.figure.canvas.draw()
    with pytest.raises(tfp.DataError, match="told apart"):
        tfp.plot.dispersion(res)
    with pytest.raises(tfp.DataError, match="no cell"):
        tfp.plot.dispersion(res, {"industry": "Z"})


def test_transitions_are_shares_of_rows():
    res = tfp.Dispersion(within="year").fit(firm_panel(firms(2)), "tfp")
    ax = tfp.plot.transitions(res)
    matrix = ax.images[0].get_array()
    assert np.asarray(matrix).sum(axis=1) == pytest.approx(np.ones(6))
    assert "absent" in texts(ax)
    assert sum(text.endswith("%") for text in texts(ax)) == 35
    assert "vắng mặt" in texts(tfp.plot.transitions(res, 2020, 2021, language="vi"))
    ax.figure.canvas.draw()


def test_the_trimming_path_has_a_line_for_each_year():
    hk = tfp.HsiehKlenow(labor_share=0.6).fit(hk_panel(hk_firms(0)))
    ax = tfp.plot.trimming(hk)
    lines = [line for line in ax.lines if len(line.get_xdata()) == 4]
    assert len(lines) == 3
    path = hk.path()
    for line, year in zip(lines, (2020, 2021, 2022), strict=True):
        assert line.get_ydata() == pytest.approx(path.where(year=year)["gain_percent"])
        assert line.get_xdata() == pytest.approx([0, 1, 2.5, 5])
    assert any("misallocation" in text for text in texts(ax))
    ax.figure.canvas.draw()


def test_figures_are_drawn_where_they_are_told(d):
    figure = mpl.figure.Figure()
    ax = figure.add_subplot()
    assert tfp.plot.decomposition(d, ax=ax) is ax


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_narrow_figure_keeps_its_axes(d, language):
    """A legend wider than a telephone would squeeze the axes."""
    figure = Figure(figsize=(4.1, 4.3), layout="constrained")
    ax = tfp.plot.decomposition(d, language=language, ax=figure.add_subplot())
    figure.canvas.draw()
    assert ax.get_window_extent().width > 0.7 * figure.bbox.width
    legend = ax.get_legend()
    assert legend is not None
    assert legend.get_window_extent().x1 <= figure.bbox.x1 + 1
