"""Sections on a scored criteria set: ranking, scorecard of a unit, uncertainty, the set itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tfp_index.composite.uncertainty import Sensitivity, Uncertainty
from tfp_index.criteria.criteria_set import CriteriaSet
from tfp_index.criteria.output import score_tables
from tfp_index.criteria.result import CriteriaResult
from tfp_index.errors import SpecificationError
from tfp_index.language import Language
from tfp_index.panel.table import Table
from tfp_index.plot import criteria as plot
from tfp_index.plot._style import fit_name
from tfp_index.report.adapters import Context, check_kind
from tfp_index.report.record import record_section
from tfp_index.report.sections import Block, Column, Facts, Figure, Grid, Remarks, Section, Text
from tfp_index.report.tables import column_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "Criteria",
    "of_result",
    "of_sensitivity",
    "of_uncertainty",
    "set_label",
    "set_section",
    "table_grid",
]

AREAS = frozenset(
    ("province", "tỉnh, thành phố", "tỉnh", "district", "huyện", "commune", "xã", "region", "vùng",
     "country", "quốc gia", "industry", "ngành")
)  # fmt: skip
"""What a set may be made for that is no enterprise."""

_TEXTS = ("name", "unit", "verdict")
_PROFILE = ("name", "unit", "value", "score", "rank", "median", "standing", "verdict")
_SHARES = ("share", "standing", "share_same")
_RANKS = ("rank", "rank_low", "rank_median", "rank_high", "peers", "rows")


@dataclass(frozen=True)
class Criteria:
    """The telling of a scored criteria set.

    Attributes
    ----------
    result : CriteriaResult
    unit : optional
        Whose scorecard is shown; default: nobody's.
    period : optional
        Of ranking and scorecard; default: the last.
    uncertainty : Uncertainty, optional
    sensitivity : Sensitivity, optional
    entity_kind : {"area", "enterprise"}, optional
        What the units are. A public report shows areas; of enterprises it shows the set only.
        Without an answer it is refused. Units of a set made for enterprises are enterprises.
    """

    result: CriteriaResult
    unit: Any = None
    period: Any = None
    uncertainty: Uncertainty | None = None
    sensitivity: Sensitivity | None = None
    entity_kind: str | None = None

    def __post_init__(self) -> None:
        check_kind(self.entity_kind)

    def of_enterprises(self, default: str | None = None) -> bool | None:
        """Say whether the units are enterprises; None where nobody said.

        The story says it, or the set: units of a set made for enterprises are enterprises, those
        of a set made for provinces are areas. Where anybody says enterprises, they are.

        Parameters
        ----------
        default : {"area", "enterprise"}, optional
            What the units are where neither story nor set says it.
        """
        made_for = set(dict(self.result.criteria.parsed.head["entity"]).values())
        if self.entity_kind == "enterprise" or made_for & {"enterprise", "doanh nghiệp"}:
            return True
        if self.entity_kind == "area":
            return False
        if default is None and made_for & AREAS:
            return False
        return None if default is None else default == "enterprise"

    def to_sections(self, context: Context) -> list[Section]:
        """Return the section in the language of the context.

        Raises
        ------
        SpecificationError
            If the report is public and nobody said what the units are.
        DataError
            If `unit` or `period` is unknown.
        """
        enterprises = self.of_enterprises(context.entity_kind)
        if context.public and enterprises is None:
            raise SpecificationError(
                "a public report on a criteria set must know what the units are",
                code="disclosure_unknown",
                expected="write(…, entity_kind='area') or 'enterprise', or report.Criteria(result, "
                "entity_kind=…)",
                remedy="say it; single enterprises are then left out",
            )
        lang, criteria = context.language, self.result.criteria
        withheld = bool(context.public and enterprises)
        blocks = set_label(criteria, lang)
        if withheld:
            blocks.append(Text(lang.text("criteria.report.withheld"), "note"))
            below = [set_section(criteria, lang)]
        else:
            blocks.append(Text(self._lead(lang), "lead"))
            if enterprises:
                blocks.append(Text(lang.text("criteria.note.confidential"), "warning"))
            below = self._sections(context)
        name = criteria.name(lang.code)
        return [Section("criteria", name, tuple(blocks), tuple(below), basis="areas")]

    def _sections(self, context: Context) -> list[Section]:
        lang = context.language
        tables = score_tables(self.result, period=self._period, unit=self.unit, language=lang.code)
        made = [self._ranking(lang)]
        if self.unit is not None:
            made.append(self._scorecard(tables["profile"], lang))
        if self.uncertainty is not None:
            made.append(_uncertainty(self.uncertainty, self._period, lang))
        if self.sensitivity is not None:
            made += of_sensitivity(self.sensitivity, context)
        coverage = table_grid("coverage", tables["coverage"], lang, data=self.result.coverage())
        title = lang.text("criteria.sheet.coverage")
        made += [Section("coverage", title, (coverage,)), set_section(self.result.criteria, lang)]
        method = [(lang.text("record.method"), lang.text("criteria.report.method"))]
        return [*made, record_section(self.result.scores.record, lang, method)]

    @property
    def _period(self) -> Any:
        return self.result.periods[-1] if self.period is None else self.period

    def _lead(self, lang: Language) -> str:
        table = self.result.ranking(self._period)
        ranked = table.take(np.flatnonzero(np.isfinite(table["rank"])))
        count = lang.integer(len(ranked))
        if not len(ranked):
            return lang.text("criteria.report.none")
        first = ranked["unit"][ranked["rank"] == ranked["rank"].min()].tolist()
        units = lang.join([str(unit) for unit in first])
        said = lang.text("criteria.report.lead", count=count, first=units)
        own = ranked.where(unit=self.unit).rows() if self.unit is not None else []
        if not own:
            return said
        mine = lang.text(
            "criteria.report.lead_unit",
            unit=self.unit,
            rank=lang.integer(own[0]["rank"]),
            score=lang.number(own[0]["score"], 1),
        )
        return f"{said} {mine}"

    def _ranking(self, lang: Language) -> Section:
        title = lang.text("criteria.sheet.ranking")
        if not self.result.scores.single_period:
            title = f"{title}, {self._period}"
        table, criteria = self.result.ranking(self._period), self.result.criteria
        grid = table_grid("ranking", table, lang, title, criteria=criteria)
        return Section("ranking", title, (grid,))

    def _scorecard(self, table: Table, lang: Language) -> Section:
        title = lang.text("criteria.plot.scorecard", unit=table.title)
        figure = Figure(
            "scorecard",
            lang.text("criteria.report.figure"),
            lang.text("criteria.report.alt"),
            self._drawn_by(plot.scorecard, lang),
            height=1.2 + 0.36 * len(table),
        )
        raw = self.result.profile(self.unit, self._period)
        data = Table({n: v for n, v in raw.columns.items() if n not in _TEXTS})
        shown = Table({n: table[n] for n in _PROFILE})
        grid = table_grid("profile", shown, lang, lang.text("criteria.sheet.profile"), data=data)
        said = _strong_and_weak(raw, self.result.criteria, lang)
        among = self._standing(raw, lang)
        notes = Remarks(tuple(table.notes))
        return Section("scorecard", title, (*said, figure, *among, grid, notes))

    def _drawn_by(self, draw: Callable[..., Axes], lang: Language) -> Callable[[Axes], Axes]:
        """Return what draws a figure of the unit without title and note: the report has its own."""
        said = {"language": lang.code, "title": "", "note": ""}
        return lambda ax: _fit(draw(self.result, self.unit, self._period, **said, ax=ax))

    def _standing(self, raw: Table, lang: Language) -> list[Block]:
        """Return the figure of where the unit stands among its peers, where it has enough."""
        dots = raw.where(kind="indicator")
        if not len(dots) or np.isnan(dots["standing"]).all():
            return []
        return [
            Figure(
                "standing",
                lang.text("criteria.report.standing"),
                lang.text("criteria.report.standing_alt"),
                self._drawn_by(plot.profile, lang),
                height=1.8 + 0.36 * len(dots),
            )
        ]


def of_result(result: CriteriaResult, context: Context) -> list[Section]:
    """Return the section on a scored criteria set on its own."""
    return Criteria(result).to_sections(context)


def of_uncertainty(uncertainty: Uncertainty, context: Context) -> list[Section]:
    """Return the section on intervals of ranks.

    Raises
    ------
    SpecificationError
        If the report is public: nobody knows what the units are.
    """
    if context.public and context.entity_kind != "area":
        raise SpecificationError(
            "a public report does not take bare ranks: their units may be enterprises",
            code="disclosure_unknown",
            expected="write(…, entity_kind='area'), or report.Criteria(result, uncertainty=…)",
        )
    return [_uncertainty(uncertainty, uncertainty.result.periods[-1], context.language)]


def _uncertainty(uncertainty: Uncertainty, period: Any, lang: Language) -> Section:
    result, table = uncertainty.result, uncertainty.table()
    if not result.single_period:
        table = table.where(**{result.keys.names["time"]: period})
    title = lang.text("criteria.sheet.uncertainty")
    share = lang.percent(uncertainty.confidence, 0)
    count = lang.integer(uncertainty.ranks.shape[1])
    blocks: list[Block] = [Text(lang.text("criteria.note.interval", share=share, count=count))]
    units = int(np.isfinite(table["rank"]).sum())
    if 0 < units <= plot.MOST_UNITS:
        blocks.append(
            Figure(
                "ranks",
                lang.text("criteria.report.ranks"),
                lang.text("criteria.report.ranks_alt"),
                lambda ax: _fit(
                    plot.rank_intervals(
                        uncertainty, period, language=lang.code, title="", note="", ax=ax
                    )
                ),
                height=1.4 + 0.25 * units,
            )
        )
    grid = table_grid("uncertainty", table, lang, title, own=list(result.key_columns()))
    return Section("uncertainty", title, (*blocks, grid), basis="areas")


def of_sensitivity(sensitivity: Sensitivity, context: Context) -> list[Section]:
    """Return the section on which choice moves the ranks; it names no unit."""
    lang, table = context.language, sensitivity.table()
    title = lang.text("criteria.plot.sensitivity")
    figure = Figure(
        "choices",
        lang.text("criteria.plot.sensitivity_axis"),
        lang.text("criteria.report.choices_alt"),
        lambda ax: _fit(plot.choices(sensitivity, language=lang.code, title="", note="", ax=ax)),
        height=1.6 + 0.6 * len(table),
    )
    names = [lang.text(f"criteria.factor.{f}") if lang.has(f"criteria.factor.{f}") else f
             for f in sensitivity.factors]  # fmt: skip
    shown = Table({**table.columns, "factor": names})
    grid = table_grid("sensitivity", shown, lang, data=table)
    return [Section("sensitivity", title, (figure, grid), basis="method")]


def _fit(ax: Axes) -> Axes:
    """Wrap the names along the axis to the width of the figure; the tables hold them in full."""
    names = ax.get_yticklabels()
    weights = [name.get_fontweight() for name in names]
    ax.set_yticks(ax.get_yticks(), [fit_name(ax, name.get_text(), 2) for name in names])
    for name, weight in zip(ax.get_yticklabels(), weights, strict=True):
        name.set_fontweight(weight)
    return ax


def _strong_and_weak(profile: Table, criteria: CriteriaSet, lang: Language) -> list[Block]:
    """Say in which indicators a unit stands before most of its peers, and in which behind."""
    items = []
    for verdict in ("strength", "weakness"):
        said = [
            lang.text(
                "criteria.report.beside",
                name=criteria.name_of(row["code"], lang.code),
                value=lang.number(row["value"], 2),
                median=lang.number(row["median"], 2),
            )
            for row in profile.where(kind="indicator", verdict=verdict).rows()
        ]
        if said:
            items.append((lang.text(f"criteria.report.{verdict}"), "; ".join(said)))
    return [Facts(tuple(items))] if items else []


def set_label(criteria: CriteriaSet, lang: Language) -> list[Block]:
    """Say what the set is before any number."""
    said = f"{lang.text('criteria.report.label')}: {criteria.label(lang.code)}."
    blocks: list[Block] = [Text(said, "warning")]
    if note := criteria.note(lang.code):
        blocks.append(Text(note))
    return blocks


def set_section(criteria: CriteriaSet, lang: Language) -> Section:
    """Show every indicator with its definition, status and source."""
    table = criteria.table(lang.code)
    columns: dict[str, Any] = {name: table[name] for name in ("code", "name", "definition", "unit")}
    columns["direction"] = [lang.text(f"criteria.direction.{d}") for d in table["direction"]]
    columns["status"] = [
        lang.text(f"criteria.status.{s.replace(' ', '_')}") for s in table["status"]
    ]
    columns["source"] = table["source"]
    title = lang.text("criteria.sheet.set")
    shown = Table(columns)
    made = tuple(
        Column(lang.text(f"criteria.head.{n}"), tuple(map(str, v.tolist())), False)
        for n, v in shown.columns.items()
    )
    caption = f"{criteria.name(lang.code)} {criteria.version}"
    return Section("set", title, (Grid("set", caption, made),), basis="definitions")


def table_grid(
    key: str,
    table: Table,
    lang: Language,
    caption: str = "",
    *,
    own: Collection[str] = (),
    criteria: CriteriaSet | None = None,
    data: Table | None = None,
) -> Grid:
    """Return a table with heads in words; `own` are groupings and time."""
    nodes: Sequence[str] = ()
    if criteria is not None:
        parsed = criteria.parsed
        nodes = [*(g.code for g in parsed.groups), *(i.code for i in parsed.indicators)]
    columns = []
    for name, values in table.columns.items():
        head = lang.column(name, head=True)
        if criteria is not None and name in nodes:
            head = criteria.name_of(name, lang.code)
        elif name not in own and lang.has(f"criteria.head.{name}"):
            head = lang.text(f"criteria.head.{name}")
        columns.append(_column(name, head, values, lang, name in own))
    shown = caption or lang.text(f"criteria.sheet.{key}")
    return Grid(key, shown, tuple(columns), data=table if data is None else data)


def _column(name: str, head: str, values: Any, lang: Language, own: bool) -> Column:
    if own or values.dtype.kind not in "fiub":
        return Column(head, tuple("" if v is None else str(v) for v in values.tolist()), False)
    if name in _SHARES:
        return Column(head, tuple(lang.percent(v, 0) for v in values.tolist()))
    if name in _RANKS:
        return Column(head, tuple(lang.number(v, 0) for v in values.tolist()))
    if values.dtype.kind == "f":
        return Column(head, tuple(lang.number(v, 2) for v in values.tolist()))
    return column_of(head, values, lang)
