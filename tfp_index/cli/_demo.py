"""The demonstration: Viet Nam beside its neighbors, US states, and a simulated province."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.cli._demo_province import province_part, say_province, walk
from tfp_index.cli._growth import say_written
from tfp_index.cli._terminal import say
from tfp_index.datasets import load
from tfp_index.growth.accounting import GrowthAccounting
from tfp_index.growth.accounting_result import GrowthAccountingResult
from tfp_index.language import CODES, Language, Localized
from tfp_index.language import language as language_of
from tfp_index.panel.checks import Findings
from tfp_index.panel.frames import FrameReader
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table
from tfp_index.report import writer
from tfp_index.report.adapters import Context, Part
from tfp_index.report.growth import Growth
from tfp_index.report.sections import Column, Grid, Section, Text

__all__ = ["demo"]

SCENARIO = 0.40
"""Capital share of Viet Nam: an assumption in the middle of those in use, stated as such."""

TRIED = (0.30, 0.37, 0.40, 0.50)
"""Capital shares of the section on sensitivity."""

FIRST_YEAR = 2010
"""Before it, Viet Nam's output in the table grows at a pace that looks like a change of level."""

COUNTRIES: dict[Any, Localized] = {
    "VNM": {"en": "Viet Nam", "vi": "Việt Nam"},
    "KOR": {"en": "Korea", "vi": "Hàn Quốc"},
    "CHN": {"en": "China", "vi": "Trung Quốc"},
    "THA": {"en": "Thailand", "vi": "Thái Lan"},
    "MYS": {"en": "Malaysia", "vi": "Malaysia"},
    "IDN": {"en": "Indonesia", "vi": "Indonesia"},
    "SGP": {"en": "Singapore", "vi": "Singapore"},
}

_CUT_NAMES = {
    "MASSACHUSET": "Massachusetts",
    "NEW_HAMPSHI": "New Hampshire",
    "NORTH_CAROL": "North Carolina",
    "NORTH_DAKOT": "North Dakota",
    "PENNSYLVANI": "Pennsylvania",
    "RHODE_ISLAN": "Rhode Island",
    "SOUTH_CAROL": "South Carolina",
    "SOUTH_DAKOT": "South Dakota",
    "TENNESSE": "Tennessee",
    "WEST_VIRGIN": "West Virginia",
}
"""Names of states that the data cut off at eleven letters."""

_OFFICIAL = "series by period to 2023"
"""Vintage of the published series that is set beside the report's."""


@dataclass(frozen=True)
class _Case:
    """Data, result and findings of one part; `aside` is a number that its notes need."""

    columns: dict[str, NDArray[Any]]
    result: GrowthAccountingResult
    findings: Findings
    scenario: float
    start: int
    end: int
    aside: float


def demo(arguments: argparse.Namespace) -> int:
    """Write the report in the wanted languages and say the headline numbers."""
    pwt = FrameReader(load("pwt110"))
    asia, states, province = _asia(pwt), _states(pwt), walk()
    codes = CODES if arguments.lang == "both" else (arguments.lang,)
    written = []
    for code in codes:
        lang = language_of(code)
        written.append(
            writer.write(
                arguments.out / f"report_{code}.html",
                [
                    _vietnam_part(asia, lang),
                    _states_part(states, lang),
                    province_part(province, lang),
                ],
                language=code,
                title=lang.text("demo.title"),
                subtitle=lang.text("demo.subtitle"),
                data="data",
                also=("xlsx",),
            )
        )
    for code in codes:
        _say_summary(asia, states, language_of(code))
        say_province(province, language_of(code))
    say_written(written, language_of(codes[-1]))
    return 0


def _asia(reader: FrameReader) -> _Case:
    """Return growth accounting of Viet Nam and its neighbors from the Penn World Table."""
    country, year = reader.keys("country"), reader.keys("year")
    keep = np.array([c in COUNTRIES for c in country], bool) & (year >= FIRST_YEAR)
    numeric = ("rgdpna", "rnna", "labor_input", "labsh", "avh", "rtfpna")
    columns = {name: reader.numbers(name)[keep] for name in numeric}
    columns |= {"country": country[keep], "year": year[keep]}
    scenario = np.where(columns["country"] == "VNM", 1.0 - SCENARIO, np.nan)
    columns["labor_share"] = np.where(np.isnan(columns["labsh"]), scenario, columns["labsh"])
    panel = Panel.from_frame(
        columns,
        entity="country",
        time="year",
        output="rgdpna",
        capital="rnna",
        labor="labor_input",
        labor_share="labor_share",
        vintage="PWT 11.0",
    )
    result = GrowthAccounting.pwt().fit(panel)
    span = (int(columns["year"].min()), int(columns["year"].max()))
    before = _growth_before(country, year, reader.numbers("rgdpna"))
    return _Case(columns, result, panel.check(), SCENARIO, *span, aside=before)


def _growth_before(
    country: NDArray[Any], year: NDArray[np.int64], output: NDArray[np.float64]
) -> float:
    """Return the mean log growth of Viet Nam's output in the five years before the first."""
    here = country == "VNM"
    first, last = (float(output[here & (year == y)][0]) for y in (FIRST_YEAR - 5, FIRST_YEAR))
    return math.log(last / first) / 5.0


def _states(pwt: FrameReader) -> _Case:
    """Return growth accounting of the US states with the mean US labor share of those years."""
    reader = FrameReader(load("munnell"))
    year = reader.keys("YR")
    columns = {
        "state": reader.keys("STATE"),
        "year": year,
        "output": reader.numbers("GSP"),
        "capital": reader.numbers("PC") + reader.numbers("P_CAP"),
        "labor": reader.numbers("EMP"),
    }
    usa = (pwt.keys("country") == "USA") & np.isin(pwt.keys("year"), np.unique(year))
    labor_share = float(np.mean(pwt.numbers("labsh")[usa]))
    share = round(1.0 - labor_share, 2)
    panel = Panel.from_frame(
        columns,
        entity="state",
        time="year",
        output="output",
        capital="capital",
        labor="labor",
        vintage="Munnell (1990)",
    )
    result = GrowthAccounting(capital_share=share).fit(panel)
    span = (int(year.min()), int(year.max()))
    return _Case(columns, result, panel.check(), share, *span, aside=labor_share)


def _vietnam_part(case: _Case, lang: Language) -> Part:
    change, year = _largest_change_of_hours(case)
    statements = [
        lang.text("demo.vietnam.scenario", share=lang.number(case.scenario, 2)),
        lang.text(
            "demo.vietnam.start",
            before=lang.points(case.aside, 1),
            from_year=case.start - 5,
            start=case.start,
        ),
        lang.text("demo.vietnam.hours", change=lang.percent(change), year=year),
    ]
    story = Growth(
        case.result,
        findings=case.findings,
        entity="VNM",
        capital_shares=TRIED,
        labels=COUNTRIES,
        statements=statements,
        source=lang.text("demo.vietnam.source"),
        entity_kind="area",
        further=(
            lambda context: [_common_section(case, context)],
            lambda context: [_official_section(case, context)],
        ),
    )
    title = lang.text("demo.vietnam.title", start=case.start, end=case.end)
    return Part("vietnam", title, [story])


def _states_part(case: _Case, lang: Language) -> Part:
    names = {label: _state(label) for label in case.result.keys.entity_labels.tolist()}
    scenario = lang.text(
        "demo.states.scenario",
        share=lang.number(case.scenario, 2),
        labor=lang.number(case.aside, 3),
    )
    story = Growth(
        case.result,
        findings=case.findings,
        labels=names,
        statements=[scenario],
        source=lang.text("demo.states.source"),
        entity_kind="area",
    )
    title = lang.text("demo.states.title", start=case.start, end=case.end)
    return Part("states", title, [story])


def _state(label: str) -> str:
    return _CUT_NAMES.get(label, label.replace("_", " ").title())


def _largest_change_of_hours(case: _Case) -> tuple[float, int]:
    here = case.columns["country"] == "VNM"
    hours, year = case.columns["avh"][here], case.columns["year"][here]
    changes = np.abs(hours[1:] / hours[:-1] - 1.0)
    place = int(np.argmax(changes))
    return float(changes[place]), int(year[place + 1])


def _common_section(case: _Case, context: Context) -> Section:
    """Set TFP growth with own shares beside a common one and the table's own series."""
    lang, res = context.language, case.result
    span = (case.start, case.end)
    own = res.periods([span])
    same = res.sensitivity([case.scenario], [span])
    shares, published = [], []
    for entity in own["entity"].tolist():
        here = case.columns["country"] == entity
        labor = case.columns["labor_share"][here]
        shares.append(1.0 - float(np.mean((labor[1:] + labor[:-1]) / 2.0)))
        tfp = case.columns["rtfpna"][here]
        published.append(float(np.log(tfp[-1] / tfp[0])) / (case.end - case.start))
    data = Table(
        {
            "entity": own["entity"],
            "own_capital_share": np.array(shares),
            "tfp_growth_own_share": own["tfp_growth"],
            "tfp_growth_common_share": same["tfp_growth"],
            "tfp_growth_pwt": np.array(published),
        },
        "TFP growth with own and common capital shares",
    )
    data = data.take(np.argsort(-data["tfp_growth_own_share"]))
    share = lang.number(case.scenario, 2)
    caption = lang.text("demo.common.caption", start=case.start, end=case.end)

    def points(name: str) -> tuple[str, ...]:
        return tuple(lang.points(v) for v in data[name].tolist())

    entities = data["entity"].tolist()
    columns = (
        Column(
            lang.text("growth.column.entity"),
            tuple(lang.pick(COUNTRIES[e]) for e in entities),
            False,
        ),
        Column(
            lang.text("demo.common.own_share"),
            tuple(lang.number(v, 2) for v in data["own_capital_share"].tolist()),
        ),
        Column(lang.text("demo.common.own"), points("tfp_growth_own_share")),
        Column(lang.text("demo.common.same", share=share), points("tfp_growth_common_share")),
        Column(lang.text("demo.common.published"), points("tfp_growth_pwt")),
    )
    grid = Grid(
        "common_share",
        caption,
        columns,
        (lang.text("demo.common.note"),),
        data,
        frozenset({entities.index("VNM")}),
    )
    text = Text(lang.text("demo.common.text", share=share))
    return Section("common", lang.text("demo.common.title"), (text, grid))


def _official_section(case: _Case, context: Context) -> Section:
    """Set the published shares of growth of Viet Nam beside those of this report."""
    lang = context.language
    reader = FrameReader(load("vietnam_official"))
    rows = np.flatnonzero(reader.keys("vintage") == _OFFICIAL)
    period = reader.keys("period")[rows].tolist()
    ends = reader.keys("period_end")[rows].tolist()
    starts = [int(start) - 1 for start in reader.keys("period_start")[rows].tolist()]
    spans = list(zip(starts, map(int, ends), strict=True))
    here = case.result.periods(spans, entities=["VNM"])
    data = Table(
        {
            "period": period,
            "published_tfp_share": reader.numbers("tfp_share_of_growth")[rows] / 100.0,
            "published_tfp_growth": reader.numbers("tfp_growth")[rows] / 100.0,
            "tfp_share_of_growth": here["tfp_share_of_growth"],
            "tfp_growth": here["tfp_growth"],
            "status": reader.keys("status")[rows],
            "source": reader.keys("source")[rows],
        },
        "Published shares of growth of Viet Nam",
    )
    share, growth = lang.text("demo.official.share"), lang.text("demo.official.growth")
    published, ours = lang.text("demo.official.published"), lang.text("demo.official.here")

    def column(head: str, name: str, group: str) -> Column:
        write = lang.percent if "share" in name else lang.points
        return Column(head, tuple(write(v, 1) for v in data[name].tolist()), group=group)

    columns = (
        Column(lang.text("growth.column.period"), tuple(period), False),
        column(share, "published_tfp_share", published),
        column(growth, "published_tfp_growth", published),
        column(share, "tfp_share_of_growth", ours),
        column(growth, "tfp_growth", ours),
    )
    note = lang.text("demo.official.note", published=period[0], here=f"{spans[0][0]}–{spans[0][1]}")
    grid = Grid("published", lang.text("demo.official.caption"), columns, (note,), data)
    text = Text(lang.text("demo.official.text"))
    return Section("published", lang.text("demo.official.title"), (text, grid))


def _say_summary(asia: _Case, states: _Case, lang: Language) -> None:
    """Say the headline numbers in a few lines."""
    span = (asia.start, asia.end)
    row = asia.result.periods([span], entities=["VNM"]).rows()[0]
    tried = asia.result.sensitivity([min(TRIED), max(TRIED)], [span], entities=["VNM"])
    level = asia.result.index(base=asia.start, value=100.0)["tfp_index"]
    code = asia.result.keys.entity_code("VNM")
    last = int(asia.result.keys.offsets[code + 1]) - 1
    said: dict[str, Any] = {
        "start": asia.start,
        "end": asia.end,
        "share": lang.number(asia.scenario, 2),
    }
    say(lang.text("demo.summary.vietnam", **said))
    identity = {name: lang.points(row[f"{name}_contribution"]) for name in ("capital", "labor")}
    output, tfp = lang.points(row["output_growth"]), lang.points(row["tfp_growth"])
    say("  " + lang.text("demo.summary.identity", output=output, tfp=tfp, **identity))
    share = lang.percent(row["tfp_share_of_growth"])
    value = lang.number(level[last], 1)
    text = lang.text("demo.summary.index", start=asia.start, end=asia.end, value=value, share=share)
    say("  " + text)
    text = lang.text(
        "demo.summary.range",
        low=lang.number(min(TRIED), 2),
        high=lang.number(max(TRIED), 2),
        high_tfp=lang.points(tried["tfp_growth"][0]),
        low_tfp=lang.points(tried["tfp_growth"][1]),
    )
    say("  " + text)
    table = states.result.periods([(states.start, states.end)])
    order = np.argsort(table["tfp_growth"])
    names = [_state(label) for label in table["entity"][order].tolist()]
    said = {
        "start": states.start,
        "end": states.end,
        "share": lang.number(states.scenario, 2),
    }
    say(lang.text("demo.summary.states", **said))
    text = lang.text(
        "demo.summary.states_tfp",
        median=lang.points(np.median(table["tfp_growth"])),
        worst=names[0],
        low=lang.points(table["tfp_growth"][order[0]]),
        best=names[-1],
        high=lang.points(table["tfp_growth"][order[-1]]),
    )
    say("  " + text)
