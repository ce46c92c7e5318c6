"""Figures of growth accounting show the numbers of the result, and leave nothing behind."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import tfp_index as tfp
from tests.unit.plot.conftest import make_result
from tfp_index.growth.accounting_result import GrowthAccountingResult
from tfp_index.plot import _style

HUNDREDFOLD = 1e-12  # drawing multiplies by 100 and adds up a few floats


def bars(ax: object) -> list[Rectangle]:
    return [patch for box in ax.containers for patch in box.patches]  # type: ignore[attr-defined]


def texts(ax: object) -> list[str]:
    return [t.get_text() for t in ax.findobj(mpl.text.Text) if t.get_text()]  # type: ignore[attr-defined]


def drawn(figure: Figure) -> None:
    """Draw for real: layout, fonts, ticks."""
    figure.canvas.draw()


def test_public_names_agree() -> None:
    from tfp_index import plot

    assert set(plot.__all__) == set(plot._HOME) == set(dir(plot))
    for name in plot.__all__:
        assert callable(getattr(plot, name))
    with pytest.raises(AttributeError, match="pie"):
        plot.pie  # noqa: B018


def test_contributions_are_stacked_by_sign_and_sum_to_growth(res: GrowthAccountingResult) -> None:
    ax = tfp.plot.contributions(res, "Huế")
    rows = np.flatnonzero(res.keys.entity_codes == res.keys.entity_code("Huế"))[1:]
    heights = np.array([p.get_height() for p in bars(ax)]).reshape(3, -1)
    expected = 100 * np.stack([res.contribution(n)[rows] for n in ("capital", "labor", "tfp")])
    np.testing.assert_allclose(heights, expected, atol=HUNDREDFOLD)
    line = ax.lines[0].get_ydata()
    np.testing.assert_allclose(heights.sum(axis=0), line, atol=HUNDREDFOLD)
    assert (heights < 0).any()
    for patch in bars(ax):
        low, high = sorted((patch.get_y(), patch.get_y() + patch.get_height()))
        assert low >= -HUNDREDFOLD if patch.get_height() >= 0 else high <= HUNDREDFOLD
    # no two bars of a year overlap
    for year in range(heights.shape[1]):
        spans = sorted(
            sorted((p.get_y(), p.get_y() + p.get_height()))
            for p in (bars(ax)[k * heights.shape[1] + year] for k in range(3))
        )
        for below, above in itertools.pairwise(spans):
            assert below[1] <= above[0] + HUNDREDFOLD


def test_contributions_within_a_period(res: GrowthAccountingResult) -> None:
    ax = tfp.plot.contributions(res, "Huế", period=(2012, 2015))
    assert ax.lines[0].get_xdata().tolist() == [2013, 2014, 2015]
    with pytest.raises(tfp.SpecificationError, match="not a period"):
        tfp.plot.contributions(res, "Huế", period=(2015, 2012))


def test_axes_say_what_they_show_in_both_languages(res: GrowthAccountingResult) -> None:
    english = texts(tfp.plot.contributions(res, "Huế"))
    assert "Percentage points" in english
    assert "TFP (residual)" in english
    assert any("residual" in t and "simulated" in t for t in english)
    vietnamese = texts(tfp.plot.contributions(res, "Huế", language="vi"))
    assert "Điểm phần trăm" in vietnamese
    assert "TFP (phần dư)" in vietnamese
    assert "Huế: đóng góp vào tăng trưởng sản lượng" in vietnamese


def test_vietnamese_letters_have_glyphs(
    res: GrowthAccountingResult, recwarn: pytest.WarningsRecorder
) -> None:
    ax = tfp.plot.index(res, language="vi", labels={"Huế": "ẮẰẲẴẶ ỐỒỔỖỘ ỨỪỬỮỰ đĐ ơƠ"})
    drawn(ax.figure)  # a missing glyph warns, and warnings are errors here
    assert not recwarn.list


def test_decimal_comma_on_the_axis() -> None:
    ax = tfp.plot.sensitivity(make_result(("A",)), language="vi")
    drawn(ax.figure)
    labels = [t.get_text() for t in ax.get_xticklabels()]
    assert labels == ["0,30", "0,35", "0,40", "0,45", "0,50"]


def test_given_axes_are_used(res: GrowthAccountingResult) -> None:
    ax = Figure().add_subplot()
    assert tfp.plot.contributions(res, "Huế", ax=ax) is ax
    assert tfp.plot.index(res, ax=Figure().add_subplot()).figure is not ax.figure
    assert tfp.plot.comparison(res, ax=ax) is ax


def test_settings_of_matplotlib_stay_untouched(res: GrowthAccountingResult) -> None:
    before = dict(mpl.rcParams)
    for draw in (tfp.plot.index, tfp.plot.comparison):
        draw(res)
    tfp.plot.contributions(res, "Huế")
    assert dict(mpl.rcParams) == before


def run(code: str) -> str:
    setup = (
        "import sys\nimport tfp_index as tfp\n"
        "frame = {'u': ['A'] * 3, 'year': [1, 2, 3], 'y': [1.0, 1.1, 1.2],"
        " 'k': [1.0, 1.1, 1.1], 'l': [1.0, 1.0, 1.1]}\n"
        "panel = tfp.Panel.from_frame(frame, entity='u', time='year', output='y', capital='k',"
        " labor='l')\nres = tfp.GrowthAccounting(capital_share=0.4).fit(panel)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", setup + code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"MPLBACKEND": "Agg"},
    )
    return done.stdout.strip()


def test_a_service_gets_a_figure_that_pyplot_does_not_know() -> None:
    code = "ax = tfp.plot.contributions(res)\nprint('matplotlib.pyplot' in sys.modules)"
    assert run(code) == "False"


def test_where_pyplot_is_at_work_the_figure_is_its_own() -> None:
    code = (
        "import matplotlib.pyplot as plt\nax = tfp.plot.contributions(res)\n"
        "print(plt.get_fignums(), plt.gcf() is ax.figure)"
    )
    assert run(code) == "[1] True"


def test_an_entity_must_be_chosen_where_there_are_several(res: GrowthAccountingResult) -> None:
    with pytest.raises(tfp.DataError, match="3 entities"):
        tfp.plot.contributions(res)
    with pytest.raises(tfp.DataError, match=re.compile("no entity 'Hue'.*'Huế'")):
        tfp.plot.contributions(res, "Hue")
    assert tfp.plot.contributions(make_result(("A",))).get_title(loc="left").startswith("A:")


def test_index_lines_are_the_index(res: GrowthAccountingResult) -> None:
    ax = tfp.plot.index(res, ["Huế", "Hà Nội"], base=2015, highlight="Huế")
    level = res.index(base=2015, value=100.0)["tfp_index"]
    for line, entity in zip(ax.lines, ("Huế", "Hà Nội"), strict=False):
        rows = res.keys.entity_codes == res.keys.entity_code(entity)
        np.testing.assert_array_equal(line.get_ydata(), level[rows])
        assert line.get_ydata()[5] == pytest.approx(100.0, abs=1e-12)
    assert ax.get_ylabel() == "Index, 2015 = 100"
    assert ax.lines[0].get_linewidth() > ax.lines[1].get_linewidth()
    labels = {t.get_text(): t.get_fontweight() for t in ax.texts}
    assert labels["Huế"] == "bold"
    assert labels["Hà Nội"] == "normal"


def test_too_many_lines_are_refused_unless_asked_for() -> None:
    many = make_result(tuple(f"unit {i}" for i in range(14)))
    with pytest.raises(tfp.DataError, match="14 lines"):
        tfp.plot.index(many)
    assert len(tfp.plot.index(many, many.keys.entity_labels.tolist()).lines) == 15


def test_names_at_line_ends_do_not_overlap() -> None:
    ax = Figure(figsize=(6, 4)).add_subplot()
    ax.set_ylim(0, 10)
    ends = [(1.0, 5.0 + 0.01 * i, f"name {i}", "black", False) for i in range(6)]
    ends += [(1.0, 9.95, "top", "black", True), (1.0, 9.99, "top too", "black", False)]
    _style.direct_labels(ax, ends, size=9)
    step = 9 / (ax.get_window_extent().height * 72 / ax.figure.get_dpi()) * 10
    heights = sorted(t.xy[1] for t in ax.texts)
    assert min(np.diff(heights)) >= step
    assert max(heights) <= 10
    _style.direct_labels(Figure().add_subplot(), [])


def test_a_gap_breaks_the_line_and_leaves_no_bar() -> None:
    years = [2010, 2011, 2012, 2014, 2015]
    frame = {"u": ["A"] * 5, "t": years, "y": [1.0, 1.1, 1.2, 1.4, 1.5], "k": [1.0] * 5}
    panel = tfp.Panel.from_frame(frame, entity="u", time="t", output="y", capital="k")
    res = tfp.GrowthAccounting(capital_share=1.0).fit(panel)
    ax = tfp.plot.contributions(res)
    line = ax.lines[0]
    assert line.get_xdata().tolist() == [2011, 2012, 2014, 2015]
    assert np.isnan(line.get_ydata()).tolist() == [False, False, True, False]
    assert [p.get_height() for p in bars(ax)][2] == 0.0


def test_sensitivity_from_result_and_from_table_agree(res: GrowthAccountingResult) -> None:
    shares, spans = [0.3, 0.5], [(2010, 2015), (2015, 2019)]
    one = tfp.plot.sensitivity(res, "Huế", capital_share=shares, periods=spans)
    table = res.sensitivity(shares, spans, entities=["Huế"])
    two = tfp.plot.sensitivity(table)
    for a, b in zip(one.lines[:2], two.lines[:2], strict=True):
        np.testing.assert_array_equal(a.get_ydata(), b.get_ydata())
    expected = 100 * table.where(start=2010)["tfp_growth"]
    np.testing.assert_allclose(one.lines[0].get_ydata(), expected, rtol=1e-14)
    assert "used here" in texts(one)  # the fixed share of the specification
    assert "used here" not in texts(two)
    assert one.get_ylabel() == "TFP growth, % a year"


def test_comparison_is_ordered_by_tfp_growth(res: GrowthAccountingResult) -> None:
    ax = tfp.plot.comparison(
        res, period=(2010, 2019), highlight="Huế", labels={"Huế": {"en": "Hue", "vi": "Huế"}}
    )
    table = res.periods([(2010, 2019)])
    order = table["entity"][np.argsort(table["tfp_growth"])].tolist()
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert names == ["Hue" if e == "Huế" else e for e in order]
    widths = np.array([p.get_width() for p in bars(ax)]).reshape(3, -1)
    growth = 100 * np.sort(table["tfp_growth"])
    np.testing.assert_allclose(widths[2], growth, atol=HUNDREDFOLD)
    assert ax.get_yticklabels()[names.index("Hue")].get_fontweight() == "bold"


def test_a_unit_without_the_period_has_a_dash() -> None:
    frame = {
        "u": ["A", "A", "A", "B", "B"],
        "t": [1, 2, 3, 1, 2],
        "y": [1.0, 1.1, 1.2, 1.0, 1.1],
        "k": [1.0, 1.0, 1.1, 1.0, 1.0],
    }
    panel = tfp.Panel.from_frame(frame, entity="u", time="t", output="y", capital="k")
    res = tfp.GrowthAccounting(capital_share=1.0).fit(panel)
    ax = tfp.plot.comparison(res, period=(1, 3))
    assert [t.get_text() for t in ax.texts if t.get_text() == "–"] == ["–"]


def test_a_dollar_sign_in_a_name_is_no_formula() -> None:
    res = make_result(("$x^", r"US$ \frac$"))
    for ax in (
        tfp.plot.index(res),
        tfp.plot.comparison(res),
        tfp.plot.contributions(res, "$x^"),
    ):
        drawn(ax.figure)


def test_inputs_of_ones_own_get_colors_of_their_own() -> None:
    names = ["ict", "land", "capital"]
    colors = [_style.color_of(name, names) for name in names]
    assert len(set(colors)) == 3
    assert colors[2] == _style.PALETTE["capital"]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["2020Q1", "2020Q2", "2020Q3", "2020Q4"], "a quarter"),
        (["2020-01", "2020-02", "2020-03", "2020-04"], "a month"),
        ([2020, 2021, 2022, 2023], "a year"),
    ],
)
def test_what_growth_is_per_follows_the_calendar(times: list[object], expected: str) -> None:
    frame = {"u": ["A"] * 4, "t": times, "y": [1.0, 1.1, 1.2, 1.3], "k": [1.0, 1.1, 1.1, 1.2]}
    panel = tfp.Panel.from_frame(frame, entity="u", time="t", output="y", capital="k")
    ax = tfp.plot.comparison(tfp.GrowthAccounting(capital_share=1.0).fit(panel))
    assert ax.get_xlabel() == f"Percentage points {expected}"
    bars_ax = tfp.plot.contributions(tfp.GrowthAccounting(capital_share=1.0).fit(panel))
    drawn(bars_ax.figure)
    low, high = bars_ax.get_xlim()
    ticks = zip(bars_ax.get_xticks(), bars_ax.get_xticklabels(), strict=True)
    shown = [t.get_text() for at, t in ticks if low <= at <= high and t.get_text()]
    assert set(shown) <= {str(t) for t in times}
    assert shown


@pytest.mark.parametrize(
    ("name", "lines", "expected"),
    [
        ("Hạ Long", 1, "Hạ Long"),
        ("Một thành phố có tên rất dài", 1, "Một thành…"),
        ("Một thành phố có tên rất dài", 2, "Một thành\nphố có tên…"),
        ("x" * 40, 1, "x" * 11 + "…"),
        ("", 1, ""),
    ],
)
def test_long_names_are_shortened_to_the_figure(name: str, lines: int, expected: str) -> None:
    ax = Figure(figsize=(3.75, 3)).add_subplot()  # 12 letters
    assert _style.fit_name(ax, name, lines) == expected


def test_a_figure_for_a_telephone_has_room_for_very_long_names() -> None:
    res = make_result(("Một thành phố có tên rất dài để thử bề rộng của hình vẽ", "y" * 70))
    for draw in (tfp.plot.index, tfp.plot.comparison):
        figure = Figure(figsize=(4.1, 3.6), layout="constrained")
        draw(res, ax=figure.add_subplot())
        drawn(figure)  # matplotlib warns where nothing is left for the axes
