"""Tables of growth accounting as a report prints them, and the method in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfp_index.growth.accounting_result import GrowthAccountingResult
from tfp_index.language import Language
from tfp_index.panel.table import Table
from tfp_index.report.sections import Column, Grid

__all__ = [
    "comparison",
    "index",
    "method",
    "periods",
    "sensitivity",
    "sensitivity_of_many",
    "shares",
    "years",
]

Named = Callable[[Any], str]


def years(
    res: GrowthAccountingResult,
    entity: Any,
    base: Any,
    caption: str,
    time: str,
    lang: Language,
) -> Grid:
    """Return growth, contributions and index by year of one unit."""
    keys = res.keys
    code = keys.entity_code(entity)
    rows = np.arange(keys.offsets[code], keys.offsets[code + 1])
    level = res.index(base=base, value=100.0)["tfp_index"][rows]
    data: dict[str, Any] = {
        keys.names["time"]: keys.calendar.label(keys.time[rows]),
        "output_growth": res.output_growth[rows],
        **{f"{name}_contribution": res.contribution(name)[rows] for name in res.inputs},
        "tfp_contribution": res.contribution("tfp")[rows],
        "tfp_index": level,
    }
    seen = np.isfinite(level) | np.isfinite(res.output_growth[rows])
    data = {name: values[seen] for name, values in data.items()}
    group = lang.text("growth.column.contributions")
    columns = [
        Column(time, _labels(data[keys.names["time"]]), False),
        Column(f"{lang.text('growth.column.output')}, %", _points(data["output_growth"], lang, 2)),
        *(
            Column(_head(lang, name), _points(data[f"{name}_contribution"], lang, 2), group=group)
            for name in (*res.inputs, "tfp")
        ),
        Column(
            f"{lang.text('growth.column.tfp_index')}, {base} = 100",
            tuple(lang.number(v, 1) for v in data["tfp_index"].tolist()),
        ),
    ]
    return Grid("years", caption, tuple(columns), data=Table(data, "Growth by year"))


def index(
    res: GrowthAccountingResult,
    entities: Sequence[Any],
    base: Any,
    caption: str,
    time: str,
    name: Named,
    lang: Language,
) -> Grid:
    """Return the index of several units, a row per period with growth in any of them."""
    keys = res.keys
    level = res.index(base=base, value=100.0)["tfp_index"]
    numbers = keys.calendar.numbers
    values = np.full((numbers.shape[0], len(entities)), np.nan)
    for place, entity in enumerate(entities):
        code = keys.entity_code(entity)
        rows = np.arange(keys.offsets[code], keys.offsets[code + 1])
        values[np.searchsorted(numbers, keys.time[rows]), place] = level[rows]
    kept = np.isfinite(values).any(axis=1)
    values, labels = values[kept], keys.calendar.labels[kept]
    data: dict[str, Any] = {
        keys.names["time"]: np.tile(labels, len(entities)),
        keys.names["entity"]: [entity for entity in entities for _ in range(labels.size)],
        "tfp_index": values.T.ravel(),
    }
    columns = [Column(time, _labels(labels), False)]
    for place, entity in enumerate(entities):
        cells = tuple(lang.number(v, 1) for v in values[:, place].tolist())
        columns.append(Column(name(entity), cells))
    return Grid("index", caption, tuple(columns), data=Table(data, "TFP index"))


def periods(
    res: GrowthAccountingResult,
    table: Table,
    entity: str,
    component: Named,
    unit: str,
    lang: Language,
) -> Grid:
    """Return mean growth and contributions by period of one unit."""
    columns = [
        Column(lang.text("growth.column.period"), _spans(table), False),
        *_growth_columns(res, table, component, lang),
        Column(
            lang.text("growth.column.tfp_share"),
            tuple(lang.percent(v) for v in table["tfp_share_of_growth"].tolist()),
        ),
    ]
    start, end = table["start"][0], table["end"][0]
    note = lang.text("growth.periods.note", start=start, end=end, unit=unit)
    caption = lang.text("growth.periods.caption", entity=entity)
    strong = frozenset({0}) if len(table) > 1 else frozenset()
    return Grid("periods", caption, tuple(columns), (note,), table, strong)


def shares(table: Table, entity: str, lang: Language) -> Grid:
    """Return the share of TFP in growth under three rules, with what must be said about it."""
    rules = {
        "means": "tfp_share_of_growth",
        "ratios": "tfp_share_mean_of_ratios",
        "increment": "tfp_share_increment",
    }
    columns = [Column(lang.text("growth.column.period"), _spans(table), False)]
    for rule, column in rules.items():
        cells = tuple(lang.percent(v) for v in table[column].tolist())
        columns.append(Column(lang.text(f"growth.share.{rule}"), cells))
    marks, remarks = _marks([lang.phrase(flag) for flag in table["flag"].tolist()])
    if any(marks):
        columns.append(Column(lang.text("growth.column.remark"), marks, False))
    kept = ["entity", "start", "end", *rules.values(), "flag"]
    data = Table({name: table[name] for name in kept}, "Share of TFP in growth")
    caption = lang.text("growth.share.caption", entity=entity)
    notes = (*remarks, lang.text("growth.share.note"))
    return Grid("tfp_share", caption, tuple(columns), notes, data)


def sensitivity(table: Table, entity: str, used: float | None, unit: str, lang: Language) -> Grid:
    """Return TFP growth and its share in growth, a row per capital share."""
    tried = np.unique(table["capital_share"])
    columns = [
        Column(
            lang.text("growth.sensitivity.share"),
            tuple(lang.number(share, 2) for share in tried.tolist()),
            False,
        )
    ]
    for start, end in dict.fromkeys(
        zip(table["start"].tolist(), table["end"].tolist(), strict=True)
    ):
        part = table.where(start=start, end=end)
        order = np.argsort(part["capital_share"])
        group = f"{start}–{end}"
        columns.append(
            Column(
                lang.text("growth.sensitivity.tfp", unit=unit),
                _points(part["tfp_growth"][order], lang, 2),
                group=group,
            )
        )
        columns.append(
            Column(
                lang.text("growth.sensitivity.of_growth"),
                tuple(lang.percent(v) for v in part["tfp_share_of_growth"][order].tolist()),
                group=group,
            )
        )
    caption = lang.text("growth.sensitivity.caption", entity=entity)
    strong, notes = _used(tried, used, lang)
    return Grid("sensitivity", caption, tuple(columns), notes, table, strong)


def sensitivity_of_many(
    table: Table, spans: Sequence[tuple[Any, Any]], used: float | None, unit: str, lang: Language
) -> Grid:
    """Return the median of TFP growth over units, a row per capital share, a column per period."""
    tried = np.unique(table["capital_share"])
    # rows come by share, then period, then unit
    tfp = table["tfp_growth"].reshape(tried.size, len(spans), -1)
    median = np.array([[_median(units) for units in row] for row in tfp])
    columns = [
        Column(
            lang.text("growth.sensitivity.share"),
            tuple(lang.number(share, 2) for share in tried.tolist()),
            False,
        ),
        *(
            Column(f"{start}–{end}", _points(median[:, place], lang, 2))
            for place, (start, end) in enumerate(spans)
        ),
    ]
    data = Table(
        {
            "capital_share": np.repeat(tried, len(spans)),
            "start": [start for start, _ in spans] * tried.size,
            "end": [end for _, end in spans] * tried.size,
            "tfp_growth_median": median.ravel(),
        },
        "Median TFP growth by capital share",
    )
    count = lang.integer(int(np.isfinite(tfp).any(axis=(0, 1)).sum()))
    caption = lang.text("growth.sensitivity.caption_many", count=count, unit=unit)
    strong, notes = _used(tried, used, lang)
    return Grid("sensitivity", caption, tuple(columns), notes, data, strong)


def _median(values: Any) -> float:
    seen = values[np.isfinite(values)]
    return float(np.median(seen)) if seen.size else float("nan")


def comparison(
    res: GrowthAccountingResult,
    table: Table,
    focus: Any,
    caption: str,
    name: Named,
    component: Named,
    lang: Language,
) -> Grid:
    """Return mean growth and contributions of each unit over one period."""
    entities = table["entity"].tolist()
    columns = [
        Column(lang.text("growth.column.entity"), tuple(map(name, entities)), False),
        *_growth_columns(res, table, component, lang),
        Column(
            lang.text("growth.column.tfp_share"),
            tuple(lang.percent(v) for v in table["tfp_share_of_growth"].tolist()),
        ),
    ]
    marks, notes = _marks([lang.phrase(flag) for flag in table["flag"].tolist()])
    if any(marks):
        columns.append(Column(lang.text("growth.column.remark"), marks, False))
    strong = frozenset(
        i for i, entity in enumerate(entities) if focus is not None and entity == focus
    )
    return Grid("comparison", caption, tuple(columns), notes, table, strong)


def method(res: GrowthAccountingResult, component: Named, lang: Language) -> list[tuple[str, str]]:
    """Say in words what the options of the specification mean."""
    spec = res.spec

    def say(key: str, **values: Any) -> str:
        return lang.text(f"growth.method.{key}", **values)

    given = spec.given_shares
    if spec.share_timing == "stepwise":
        written = [
            f"{component(name)} "
            + (
                lang.number(share, 3)
                if isinstance(share, float)
                else ", ".join(f"{year}: {lang.number(v, 3)}" for year, v in share)
            )
            for name, share in given.items()
        ]
    else:
        written = [f"{component(n)} {lang.number(s, 3)}" for n, s in given.items()]
    shares_said = say(f"timing_{spec.share_timing}", shares="; ".join(written))
    if spec.per_labor_unit:
        shares_said += f"; {say('per_labor')}"
    else:
        shares_said += f"; {say('remainder')}"
    items = [
        (lang.text("record.method"), say("name")),
        (say("growth"), say(f"growth_{spec.growth}")),
        (say("shares"), shares_said),
        (say("period_mean"), say(f"mean_{spec.period_mean}")),
    ]
    if spec.growth == "discrete":
        kind = "ratio" if spec.residual == "ratio" else spec.input_index
        items.append((say("input_index"), say(f"index_{kind}")))
    return items


def _marks(flags: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Replace flags by letters, explained below the table, unless there are too many kinds."""
    kinds = [flag for flag in dict.fromkeys(flags) if flag]
    if len(kinds) > 9:
        return tuple(flags), ()
    letters = dict(zip(kinds, "abcdefghi", strict=False))
    marks = tuple(letters.get(flag, "") for flag in flags)
    return marks, tuple(f"{letter}: {flag}." for flag, letter in letters.items())


def _growth_columns(
    res: GrowthAccountingResult, table: Table, component: Named, lang: Language
) -> list[Column]:
    group = lang.text("growth.column.contributions")
    tfp = "tfp_contribution" if "tfp_contribution" in table.columns else "tfp_growth"
    output = Column(
        f"{lang.text('growth.column.output')}, %", _points(table["output_growth"], lang, 2)
    )
    parts = [
        Column(
            _head(lang, name),
            _points(table[tfp if name == "tfp" else f"{name}_contribution"], lang, 2),
            group=group,
        )
        for name in (*res.inputs, "tfp")
    ]
    return [output, *parts]


def _head(lang: Language, name: str) -> str:
    key = f"component.{name}"
    text = lang.text(key) if lang.has(key) else name
    return text[:1].upper() + text[1:]


def _points(values: Any, lang: Language, digits: int) -> tuple[str, ...]:
    return tuple(lang.points(v, digits) for v in values.tolist())


def _labels(values: Any) -> tuple[str, ...]:
    return tuple(str(v) for v in values.tolist())


def _spans(table: Table) -> tuple[str, ...]:
    starts, ends = table["start"].tolist(), table["end"].tolist()
    return tuple(f"{a}–{b}" for a, b in zip(starts, ends, strict=True))


def _used(tried: Any, used: float | None, lang: Language) -> tuple[frozenset[int], tuple[str, ...]]:
    """Return the row of the share in use, and the notes below the table."""
    note = lang.text("growth.sensitivity.note")
    rows = np.flatnonzero(np.abs(tried - (np.nan if used is None else used)) < 1e-9)
    if not rows.size:
        return frozenset(), (note,)
    return frozenset(rows.tolist()), (note, lang.text("growth.sensitivity.note_used"))
