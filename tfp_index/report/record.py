"""The section that lets anybody make the same numbers again."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tfp_index.language import Language
from tfp_index.report.adapters import Context
from tfp_index.report.sections import Block, Facts, Section, Text
from tfp_index.report.tables import grid_of
from tfp_index.results.result import Record, Result

__all__ = ["Item", "of_result", "record_section"]

Item = tuple[str, str]


def of_result(result: Result, context: Context) -> list[Section]:
    """Return summary and record of a result that has no adapter of its own.

    A public report has the record alone: nobody knows what the summary gives away.
    """
    lang, internal = context.language, not context.public
    title = f"{type(result.spec).__name__}: {lang.text('record.glance').lower()}"
    if internal:
        blocks: tuple[Block, ...] = (grid_of(result.glance(), lang, "summary"),)
    else:
        blocks = (Text(lang.text("record.glance_withheld"), "note"),)
    summary = Section("summary", title, blocks, basis="method")
    return [summary, record_section(result.record, lang, sample=internal)]


def record_section(
    record: Record,
    language: Language,
    method: Sequence[Item] = (),
    extra: Sequence[Item] = (),
    *,
    sample: bool = True,
) -> Section:
    """Return the section on method and record.

    Parameters
    ----------
    record : Record
    language : Language
    method : sequence of (term, text), optional
        What the options mean, in words; default: the name of the method.
    extra : sequence of (term, text), optional
        Further facts, such as the source of the data.
    sample : bool
        Whether to say how many rows took part: counts of enterprises stay out of public editions.
    """
    items = list(method)
    if not items:
        items.append((language.text("record.method"), str(record.specification.get("method", ""))))
    items += extra
    items.append(
        (
            language.text("record.vintage"),
            language.phrase(record.vintage or "") or language.text("record.vintage_unknown"),
        )
    )
    columns = "; ".join(f"{role} = {column}" for role, column in record.columns.items())
    items.append((language.text("record.columns"), columns))
    if sample:
        items += sample_items(record, language)
    items.append((language.text("record.fingerprint"), record.fingerprint))
    items.append((language.text("record.version"), f"tfp_index {record.version}"))
    if record.seed is not None:
        items.append((language.text("record.seed"), str(record.seed)))
    code = json.dumps(dict(record.specification), ensure_ascii=False, indent=2)
    document = record.to_dict()
    if not sample:
        del document["sample"]
    facts = Facts(tuple(items), language.text("record.specification"), code)
    return Section(
        "record",
        language.text("record.title"),
        (Text(language.text("record.lead")), facts),
        document=document,
        basis="method",
    )


def sample_items(record: Record, language: Language) -> list[Item]:
    """Return how many rows took part, and why others did not."""
    sample = record.sample
    used = language.text(
        "record.sample_used",
        used=language.integer(sample.used),
        rows=language.integer(sample.rows),
    )
    items = [(language.text("record.sample"), used)]
    for key, counts in (("record.lost", sample.lost), ("record.notes", sample.notes)):
        said = [f"{language.phrase(what)}: {language.integer(n)}" for what, n in counts.items()]
        if said:
            items.append((language.text(key), "; ".join(said)))
    return items
