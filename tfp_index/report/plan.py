"""Sections on a plan: where its targets stand, why, what is needed next, which reports are due."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfp_index.criteria._plan_file import Target
from tfp_index.criteria._plan_judge import STATUSES
from tfp_index.criteria._plan_words import asked, figure, gap
from tfp_index.criteria.programme import PlanStatus
from tfp_index.language import Language
from tfp_index.panel.table import Table
from tfp_index.plot import plan as plot
from tfp_index.report.adapters import Context
from tfp_index.report.sections import (
    Block,
    Column,
    Facts,
    Figure,
    Grid,
    Headline,
    Measure,
    Remarks,
    Section,
    Text,
)

__all__ = ["needs_grid", "of_status", "targets_grid"]

_DAMAGED = ("behind", "missing_data")


def of_status(status: PlanStatus, context: Context) -> list[Section]:
    """Return the section on a plan.

    A public report leaves out what was reported in words: it may name enterprises.
    """
    lang = context.language
    makers: Sequence[Callable[[PlanStatus, Context], Section | None]] = (
        _targets,
        _next,
        _ended,
        _series,
        _reports,
        _record,
    )
    below = [section for make in makers if (section := make(status, context)) is not None]
    blocks: list[Block] = [_headline(status, lang), Text(_lead(status, lang), "lead")]
    for key in _DAMAGED:
        if found := status.having(key):
            name = key.partition("_")[0]
            blocks.append(
                Text(lang.text(f"plan.{name}_lead", targets=lang.join(list(found))), "warning")
            )
    blocks.append(Text(lang.text("plan.rule")))
    remarks = status.remarks(lang.code)
    note = status.plan.note(lang.code)
    blocks.append(Remarks((*((note,) if note else ()), *remarks)))
    return [
        Section(
            "plan",
            status.title(lang.code),
            tuple(b for b in blocks if not (isinstance(b, Remarks) and not b.items)),
            tuple(below),
            document=status.to_dict(notes=not context.public),
            basis="programme",
        )
    ]


def _headline(status: PlanStatus, lang: Language) -> Headline:
    of = lang.text("plan.measure.of", count=lang.integer(len(status.plan.targets)))
    counts = {name: len(status.having(name)) for name in STATUSES}
    return Headline(
        tuple(
            Measure(lang.text(f"plan.measure.{name}"), lang.integer(count), of, name == "met")
            for name, count in counts.items()
            if count or name in ("met", "behind")
        )
    )


def _lead(status: PlanStatus, lang: Language) -> str:
    count = lang.integer(len(status.plan.targets))
    return lang.text("plan.lead", count=count, parts=_parts(status, list(status.verdicts), lang))


def _parts(status: PlanStatus, keys: Sequence[str], lang: Language) -> str:
    """Count the statuses of some targets in words."""
    found = [status[key].status for key in keys]
    return lang.join(
        [
            lang.text(
                "plan.lead_part",
                count=lang.integer(found.count(name)),
                status=lang.text(f"plan.status.{name}"),
            )
            for name in STATUSES
            if name in found
        ]
    )


def _column(key: str, cells: Sequence[str], lang: Language, numeric: bool = False) -> Column:
    return Column(lang.text(f"plan.column.{key}"), tuple(cells), numeric)


def targets_grid(status: PlanStatus, lang: Language) -> Grid:
    """Return the table of statuses."""
    targets = status.plan.targets

    def figures(name: str) -> list[str]:
        return [figure(getattr(status[t.id], name), t, lang) for t in targets]

    columns = (
        _column("target", [t.id for t in targets], lang),
        _column("name", [lang.pick(t.name) for t in targets], lang),
        _column("asked", [asked(t, lang) for t in targets], lang),
        _column("period", [f"{t.start}–{t.end}" for t in targets], lang),
        _column("value", figures("value"), lang, True),
        _column("expected", figures("expected"), lang, True),
        _column("gap", [gap(status[t.id].gap, t, lang) for t in targets], lang, True),
        _column("status", [_status(status, t, lang) for t in targets], lang),
    )
    caption = lang.text("plan.targets_caption", year=status.as_of)
    return Grid("targets", caption, columns, data=_data(status))


def _status(status: PlanStatus, target: Target, lang: Language) -> str:
    return lang.text(f"plan.status.{status[target.id].status}")


def _data(status: PlanStatus) -> Table:
    """Return the numbers of every target without the texts of a language."""
    table = status.table("en")
    texts = ("name", "asked", "unit", "status_name", "explanation", "needed")
    return Table({name: v for name, v in table.columns.items() if name not in texts})


def _targets(status: PlanStatus, context: Context) -> Section:
    lang = context.language
    blocks: list[Block] = [targets_grid(status, lang)]
    drawn = plot.shares(status)
    if drawn:
        said = "; ".join(
            f"{key} {lang.percent(reached, 0)}, {lang.text('plan.figure.expected')} "
            f"{lang.percent(expected, 0)}"
            for key, (reached, expected) in drawn.items()
        )
        blocks.append(
            Figure(
                "plan_progress",
                lang.text("plan.figure.caption", year=status.as_of),
                lang.text("plan.figure.alt", year=status.as_of, shares=said),
                lambda ax: plot.plan_progress(status, language=lang.code, title="", ax=ax),
                height=1.3 + 0.5 * len(drawn),
            )
        )
    return Section("status", lang.text("plan.targets_title"), tuple(blocks))


def needs_grid(status: PlanStatus, lang: Language) -> Grid:
    """Return the table of explanations and of what is needed next."""
    targets = status.plan.targets
    columns = (
        _column("target", [t.id for t in targets], lang),
        _column("status", [_status(status, t, lang) for t in targets], lang),
        _column("why", [status.explain(t.id, lang.code) for t in targets], lang),
        _column("needed", [status.needed(t.id, lang.code) for t in targets], lang),
    )
    return Grid("next", lang.text("plan.next_caption"), columns)


def _next(status: PlanStatus, context: Context) -> Section:
    lang = context.language
    targets = status.plan.targets
    blocks: list[Block] = [needs_grid(status, lang)]
    notes = [(t.id, str(year), said) for t in targets for year, said in status.courses[t.id].notes]
    if notes and context.public:
        blocks.append(Text(lang.text("plan.withheld"), "note"))
    elif notes:
        words = (
            _column("target", [n[0] for n in notes], lang),
            _column("year", [n[1] for n in notes], lang),
            _column("note", [n[2] for n in notes], lang),
        )
        data = Table(dict(zip(("target", "year", "note"), zip(*notes, strict=True), strict=True)))
        blocks.append(Grid("words", lang.text("plan.words_caption"), words, data=data))
    return Section("next", lang.text("plan.next_title"), tuple(blocks))


def _ended(status: PlanStatus, context: Context) -> Section | None:
    """Say the final word on targets whose period ends in the year of the report."""
    lang, report = context.language, status.report
    if not report.ending:
        return None
    blocks = [
        Text(
            lang.text(
                "plan.ended",
                targets=lang.join(list(report.ending)),
                year=status.as_of,
                parts=_parts(status, report.ending, lang),
            )
        )
    ]
    if report.going:
        going = lang.join(list(report.going))
        blocks.append(Text(lang.text("plan.going_on", targets=going, year=status.as_of)))
    title = lang.text("plan.ended_title", year=status.as_of)
    return Section("ended", title, tuple(blocks))


def _series(status: PlanStatus, context: Context) -> Section | None:
    """Show the figures of the years, a row for each target."""
    lang = context.language
    found = {t.id: status[t.id].series for t in status.plan.targets if status[t.id].series}
    if not found:
        return None
    targets = [t for t in status.plan.targets if t.id in found]
    years = sorted({year for series in found.values() for year in series})
    counting = [_counting(t, lang) for t in targets]
    cells = {
        year: [figure(found[t.id].get(year, float("nan")), t, lang) for t in targets]
        for year in years
    }
    columns = (
        _column("target", [t.id for t in targets], lang),
        _column("counting", counting, lang),
        _column("unit", [lang.pick(t.unit) for t in targets], lang),
        *(Column(str(year), tuple(cells[year])) for year in years),
    )
    grid = Grid("years", lang.text("plan.series_caption"), columns, data=status.series())
    return Section("years", lang.text("plan.series_title"), (grid,))


def _counting(target: Target, lang: Language) -> str:
    if target.counting:
        return lang.text(f"plan.counting.{target.counting}")
    return lang.text("plan.asked.milestone")


def _reports(status: PlanStatus, context: Context) -> Section:
    lang, report = context.language, status.report
    title = lang.text("plan.reports_title", year=status.as_of)
    if not report.duties:
        said = lang.text("plan.reports_none", year=status.as_of)
        return Section("reports", title, (Text(said),))
    columns = (
        _column("report", [lang.pick(d.name) for d in report.duties], lang),
        _column("by", [lang.pick(d.by) for d in report.duties], lang),
        _column(
            "contents",
            [" ".join(report.contents(d.kind, lang.code)) for d in report.duties],
            lang,
        ),
    )
    also = [Text(lang.pick(d.also), "note") for d in report.duties if d.also]
    grid = Grid("reports", lang.text("plan.reports_caption"), columns)
    return Section("reports", title, (grid, *also))


def _record(status: PlanStatus, context: Context) -> Section:
    lang, plan = context.language, status.plan
    head = plan.parsed.head
    later, outside = status.left_aside
    used = sum(len(course.values) for course in status.courses.values())
    facts = [
        ("document", f"{lang.pick(head['name'])} ({head['number'] or plan.code})"),
        ("issued", lang.date(head["issued"]) if head["issued"] else ""),
        ("issuer", lang.pick(head["issuer"])),
        ("period", f"{head['start']}–{head['end']}"),
        ("source", lang.pick(head["source"])),
        ("file", f"{plan.code} {plan.version}"),
        ("plan_file", str(status.record["plan_file"])),
        ("fingerprint", status.fingerprint),
        ("running_totals", ", ".join(status.running_totals)),
        (
            "rows",
            lang.text(
                "plan.fact.rows_said",
                used=lang.integer(used),
                later=lang.integer(later),
                outside=lang.integer(outside),
            ),
        ),
    ]
    said = Facts(tuple((lang.text(f"plan.fact.{key}"), text) for key, text in facts if text))
    targets = plan.targets

    def state(target: Target) -> str:
        number, period = (
            lang.text(f"plan.source_status.{s}") for s in (target.status, target.period_status)
        )
        return number if number == period else f"{number} / {period}"

    columns = (
        _column("target", [t.id for t in targets], lang),
        _column("source_status", [state(t) for t in targets], lang),
        _column("source", [lang.pick(t.source) for t in targets], lang),
        _column(
            "interpretation",
            [
                " ".join(filter(None, (lang.pick(t.interpretation), lang.pick(t.note))))
                for t in targets
            ],
            lang,
        ),
    )
    grid = Grid("file", lang.text("plan.record_caption"), columns)
    return Section("record", lang.text("plan.record_title"), (said, grid))
