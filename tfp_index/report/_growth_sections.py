"""The sections on growth accounting, each a function of the story they tell together."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfp_index.panel.table import Table
from tfp_index.plot import growth as plot
from tfp_index.report import _growth_grids as grids
from tfp_index.report._growth_story import Story
from tfp_index.report.record import Item, record_section
from tfp_index.report.sections import Block, Figure, Headline, Measure, Section, Text

_MANY = 24
"""Units that a figure shows at either end; what lies between is in the table."""


def headline(story: Story) -> Section:
    """Say the index, growth and the share of TFP, and what they mean."""
    lang = story.lang
    title = lang.text("growth.headline.title")
    if story.whole is None:
        text = lang.text("growth.headline.no_index", entity=story.name(story.focus))
        return Section("headline", title, (Text(text, "warning"), *story.statements()))
    base, end = story.whole
    level = _level(story, base, end)
    blocks = (
        _measures(story, level),
        Text(f"{_sentence(story)} {_meaning(story, level, base, end)}", "lead"),
        *story.statements(),
        Text(lang.text("growth.residual")),
    )
    document = {"entity": story.focus, "base": base, "tfp_index": level, **story.row}
    return Section("headline", title, blocks, document=document)


def _measures(story: Story, level: float) -> Headline:
    lang, row = story.lang, story.row

    def measure(key: str, value: str, unit: str, **said: Any) -> Measure:
        return Measure(lang.text(f"growth.headline.{key}", **said), value, unit)

    strong = Measure(
        lang.text("growth.headline.index", end=story.at(row["end"])),
        lang.number(level, 1),
        f"{row['start']} = 100",
        strong=True,
    )
    share = lang.percent(row["tfp_share_of_growth"])
    return Headline(
        (
            strong,
            measure("tfp", lang.points(row["tfp_growth"]), story.unit),
            measure("output", lang.points(row["output_growth"]), story.unit),
            measure("share", share, lang.text("growth.headline.share_unit")),
        )
    )


def _sentence(story: Story) -> str:
    lang, row = story.lang, story.row
    inputs = [
        lang.text(
            "growth.headline.input",
            name=story.component(name),
            points=lang.points(row[f"{name}_contribution"]),
        )
        for name in story.result.inputs
    ]
    key = "sentence" if row["tfp_share_of_growth"] is None else "sentence_share"
    return lang.text(
        f"growth.headline.{key}",
        start=row["start"],
        end=row["end"],
        entity=story.name(story.focus),
        growth=lang.points(row["output_growth"]),
        unit=story.unit,
        inputs=lang.join(inputs),
        tfp=lang.points(_tfp(row)),
        share=lang.percent(row["tfp_share_of_growth"]),
    )


def _tfp(row: dict[str, Any]) -> Any:
    return row.get("tfp_contribution", row["tfp_growth"])


def _level(story: Story, base: Any, end: Any) -> float:
    """Return the index of the unit at `end`, NaN where it is not linked to `base`."""
    rows = story.rows(story.focus)
    index = story.result.index(base=base, value=100.0)["tfp_index"][rows]
    at = story.result.keys.time[rows] == story.result.keys.calendar.number(end)
    return float(index[at][0]) if at.any() else float("nan")


def _meaning(story: Story, level: float, base: Any, end: Any) -> str:
    if np.isnan(level):
        return story.lang.text("growth.headline.no_index", entity=story.name(story.focus))
    change = abs(level / 100.0 - 1.0)
    key = "same" if change < 0.0005 else "more" if level > 100.0 else "less"
    return story.lang.text(
        f"growth.headline.{key}",
        value=story.lang.number(level, 1),
        base=base,
        base_at=story.at(base),
        end=story.at(end),
        change=story.lang.percent(change),
    )


def contributions(story: Story) -> Section | None:
    """Show the contributions of every year, drawn and as numbers."""
    if story.whole is None:
        return None
    lang, entity = story.lang, story.focus
    name = story.name(entity)
    alt = lang.text(
        "growth.contributions.alt",
        start=story.row["start"],
        end=story.row["end"],
        inputs=lang.join(story.components()),
        entity=name,
        growth=lang.points(story.row["output_growth"]),
        unit=story.unit,
        tfp=lang.points(_tfp(story.row)),
    )
    caption = lang.text("growth.contributions.caption", entity=name)

    def draw(ax: Any) -> None:
        plot.contributions(story.result, entity, language=lang.code, title="", note="", ax=ax)

    return Section(
        "contributions",
        lang.text("growth.contributions.title"),
        (
            Text(lang.text("growth.contributions.text")),
            Figure("contributions", caption, alt, draw, height=3.9),
            grids.years(story.result, entity, story.whole[0], caption, _time(story), lang),
        ),
    )


def _time(story: Story) -> str:
    return story.lang.text("growth.column.year" if story.yearly else "growth.column.time")


def index(story: Story) -> Section | None:
    """Show the chained index of the unit beside the others."""
    if story.whole is None:
        return None
    lang, base = story.lang, story.whole[0]
    shown = _shown(story)
    level = story.result.index(base=base, value=100.0)["tfp_index"]
    ends = []
    for entity in shown:
        values = level[story.rows(entity)]
        seen = values[np.isfinite(values)]
        if seen.size:
            ends.append(f"{story.name(entity)} {lang.number(seen[-1], 1)}")

    def draw(ax: Any) -> None:
        plot.index(
            story.result,
            shown,
            base=base,
            highlight=story.focus if len(shown) > 1 else None,
            labels=story.growth.labels,
            language=lang.code,
            title="",
            note="",
            ax=ax,
        )

    caption = lang.text("growth.index.caption", base=base)
    alt = lang.text("growth.index.alt", base=base, ends="; ".join(ends))
    text = (Text(lang.text("growth.index.text")),) if len(shown) > 1 else ()
    return Section(
        "index",
        lang.text("growth.index.title"),
        (
            *text,
            Figure("index", caption, alt, draw, height=3.7),
            grids.index(story.result, shown, base, caption, _time(story), story.name, lang),
        ),
    )


def _shown(story: Story) -> list[Any]:
    """Return the units in the figure of the index: the focus, and up to eleven others."""
    others = [e for e in story.compared["entity"].tolist() if e != story.focus]
    return [story.focus, *(others if len(others) < 12 else [])]


def periods(story: Story) -> Section | None:
    """Show mean growth and contributions by period."""
    if story.whole is None:
        return None
    grid = grids.periods(
        story.result, story.table, story.name(story.focus), story.component, story.unit, story.lang
    )
    return Section("periods", story.lang.text("growth.periods.title"), (grid,))


def share(story: Story) -> Section | None:
    """Show the share of TFP in growth with its warnings."""
    if story.whole is None:
        return None
    lang = story.lang
    warnings: list[Block] = [
        Text(
            lang.text(
                "growth.share.flagged",
                period=f"{row['start']}–{row['end']}",
                flag=lang.phrase(row["flag"]),
            ),
            "warning",
        )
        for row in story.table.rows()
        if row["flag"]
    ]
    grid = grids.shares(story.table, story.name(story.focus), lang)
    blocks = (Text(lang.text("growth.share.text")), *warnings, grid)
    return Section("share", lang.text("growth.share.title"), blocks)


def sensitivity(story: Story) -> Section | None:
    """Show how TFP growth of the unit depends on the capital share."""
    table = _sensitivity_table(story, [story.focus])
    if table is None or story.whole is None:
        return None
    lang, used = story.lang, _used_share(story)
    start, end = story.whole
    over = table.where(start=start, end=end)
    low, high = int(np.argmin(over["capital_share"])), int(np.argmax(over["capital_share"]))
    text = lang.text(
        "growth.sensitivity.text",
        start=start,
        end=end,
        high=lang.points(over["tfp_growth"][low]),
        low=lang.points(over["tfp_growth"][high]),
        low_share=lang.number(over["capital_share"][low], 2),
        high_share=lang.number(over["capital_share"][high], 2),
    )
    name = story.name(story.focus)

    def draw(ax: Any) -> None:
        plot.sensitivity(
            table,
            story.focus,
            used=used,
            unit=story.unit,
            language=lang.code,
            title="",
            note="",
            ax=ax,
        )

    caption = lang.text("growth.sensitivity.figure", entity=name)
    return Section(
        "sensitivity",
        lang.text("growth.sensitivity.title"),
        (
            Text(text),
            Figure("sensitivity", caption, f"{caption}. {text}", draw, height=3.5),
            grids.sensitivity(table, name, used, story.unit, lang),
        ),
    )


def _sensitivity_table(story: Story, entities: list[Any] | None) -> Table | None:
    if set(story.result.inputs) != {"capital", "labor"} or not story.growth.capital_shares:
        return None
    used = _used_share(story)
    tried = sorted({*map(float, story.growth.capital_shares), *([] if used is None else [used])})
    # one unit is shown with what it has, as in the table of periods; units compared must be whole
    incomplete = "missing" if story.focus is None else "available"
    return story.result.sensitivity(
        tried, story.spans or None, entities=entities, incomplete=incomplete
    )


def _used_share(story: Story) -> float | None:
    given = story.result.spec.given_shares
    if isinstance(given.get("capital"), float):
        return float(given["capital"])  # type: ignore[arg-type]
    if "capital" not in given and isinstance(given.get("labor"), float):
        return round(1.0 - float(given["labor"]), 12)  # type: ignore[arg-type]
    return None if story.focus is None else _constant_share(story)


def _constant_share(story: Story) -> float | None:
    """Return the capital share of the focus where the data give it the same one throughout."""
    if story.result.spec.input_index != "arithmetic":
        return None
    rows = story.rows(story.focus)
    growth = story.result.terms.input_growth[story.result.inputs.index("capital"), rows]
    part = story.result.contribution("capital")[rows]
    clear = np.isfinite(part) & (np.abs(growth) > 1e-4)
    shares = part[clear] / growth[clear]
    if not shares.size or np.ptp(shares) > 1e-9:
        return None
    return round(float(shares[0]), 9)


def overview(story: Story) -> Section | None:
    """Sum up the TFP growth of many units."""
    lang = story.lang
    title = lang.text("growth.headline.title")
    table = story.compared
    seen = table.take(np.flatnonzero(np.isfinite(table["tfp_growth"])))
    if not len(seen):
        nothing = Text(lang.text("growth.overview.nothing"), "warning")
        return Section("headline", title, (nothing, *story.statements()))
    tfp = seen["tfp_growth"]
    low, median, high = np.quantile(tfp, [0.25, 0.5, 0.75])
    falling = int(np.sum(tfp < 0))
    start, end = story.whole if story.whole is not None else ("", "")
    lead = lang.text(
        "growth.overview.lead" if len(seen) > 4 else "growth.overview.lead_few",
        count=lang.integer(len(seen)),
        start=start,
        end=end,
        low=lang.points(low),
        high=lang.points(high),
        unit=story.unit,
        median=lang.points(median),
        best=story.name(seen["entity"][0]),
        best_value=lang.points(tfp[0]),
        worst=story.name(seen["entity"][-1]),
        worst_value=lang.points(tfp[-1]),
        negative=lang.integer(falling),
    )
    output = float(np.median(seen["output_growth"]))
    measures = (
        Measure(
            lang.text("growth.overview.median_tfp"), lang.points(median), story.unit, strong=True
        ),
        Measure(lang.text("growth.overview.median_output"), lang.points(output), story.unit),
        Measure(
            lang.text("growth.overview.units"),
            lang.integer(len(seen)),
            lang.text("growth.overview.units_unit"),
        ),
        Measure(
            lang.text("growth.overview.falling"),
            lang.integer(falling),
            lang.text("growth.overview.falling_unit", count=lang.integer(len(seen))),
        ),
    )
    blocks = (
        Headline(measures),
        Text(lead, "lead"),
        *story.statements(),
        Text(lang.text("growth.residual")),
    )
    document = {
        "start": start,
        "end": end,
        "entities": len(seen),
        "tfp_growth_quartiles": [low, median, high],
        "median_output_growth": output,
        "falling": falling,
    }
    return Section("headline", title, blocks, document=document)


def comparison(story: Story) -> Section | None:
    """Show the contributions of every unit over the whole period."""
    table = story.compared
    seen = table.take(np.flatnonzero(np.isfinite(table["tfp_growth"])))
    if len(story.entities) < 2 or not len(seen) or story.whole is None:
        return None
    lang, whole = story.lang, story.whole
    start, end = whole
    labels = seen["entity"].tolist()
    few = len(labels) <= 2 * _MANY
    shown = labels if few else labels[:_MANY] + labels[-_MANY:]
    caption = lang.text(
        "growth.comparison.caption" if few else "growth.comparison.caption_some",
        start=start,
        end=end,
        top=_MANY,
        bottom=_MANY,
    )
    alt = lang.text(
        "growth.comparison.alt",
        best=story.name(labels[0]),
        best_value=lang.points(seen["tfp_growth"][0]),
        worst=story.name(labels[-1]),
        worst_value=lang.points(seen["tfp_growth"][-1]),
    )

    def draw(ax: Any) -> None:
        plot.comparison(
            story.result,
            shown,
            whole,
            highlight=story.focus,
            labels=story.growth.labels,
            language=lang.code,
            title="",
            note="",
            ax=ax,
        )

    grid = grids.comparison(
        story.result, table, story.focus, caption, story.name, story.component, lang
    )
    height = max(2.4, 1.2 + 0.2 * len(shown))
    return Section(
        "comparison",
        lang.text("growth.comparison.title"),
        (
            Text(lang.text("growth.comparison.text")),
            Figure("comparison", caption, alt, draw, height=height),
            grid,
        ),
    )


def sensitivity_of_many(story: Story) -> Section | None:
    """Show how the median of TFP growth depends on the capital share."""
    table = _sensitivity_table(story, story.chosen)
    if table is None or not story.spans:
        return None
    grid = grids.sensitivity_of_many(table, story.spans, _used_share(story), story.unit, story.lang)
    return Section("sensitivity", story.lang.text("growth.sensitivity.title"), (grid,))


def withheld(story: Story) -> Section:
    """Say that a public report leaves out what is shown by enterprise."""
    text = Text(story.lang.text("report.withheld"), "note")
    title = story.lang.text("growth.headline.title")
    return Section("headline", title, (text,), basis="method")


def record(story: Story, *, sample: bool = True) -> Section:
    """Say how the numbers were made; without `sample`, not by how many rows."""
    extra: list[Item] = []
    if story.growth.source is not None:
        extra = [(story.lang.text("growth.method.source"), story.lang.pick(story.growth.source))]
    method = grids.method(story.result, story.component, story.lang)
    return record_section(story.result.record, story.lang, method, extra, sample=sample)
