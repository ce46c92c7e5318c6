"""What an office run may tell beside its tables: no small count, no group of few enterprises.

The tables have rules of their own (`tfp_index.aggregation.disclosure`). Here the same thresholds
meet what stands around them: rows lost, estimates by group, and the labels of groups themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tfp_index.aggregation.disclosure import DisclosureRules
from tfp_index.errors import SpecificationError
from tfp_index.results.result import Record, Sample
from tfp_index.results.specification import Specification
from tfp_index.scale.task import Context

__all__ = ["public_estimates", "public_sample", "refuse_names", "without_small_counts"]

_ENTERPRISES = ("firms", "entities")
"""Column of a summary that counts enterprises; proxy and fixed-effects estimators differ."""


def without_small_counts(
    counts: Mapping[str, int], rules: DisclosureRules, kind: str
) -> dict[str, int]:
    """Return the counts with those below `min_count` added up to one.

    Parameters
    ----------
    counts : mapping of reason to number of rows
    rules : DisclosureRules
    kind : str
        What the counts are of, in the plural; for the name of their sum.

    Examples
    --------
    >>> without_small_counts({"a": 1, "b": 70, "c": 3, "d": 0}, DisclosureRules(), "reasons")
    {'b': 70, 'd': 0, 'reasons with fewer than 5 rows each': 4}
    """
    least = rules.min_count or 1
    small = [count for count in counts.values() if 0 < count < least]
    told = {name: count for name, count in counts.items() if not 0 < count < least}
    if small:
        told[f"{kind} with fewer than {least} rows each"] = sum(small)
    return told


def public_sample(sample: Sample, rules: DisclosureRules) -> Sample:
    """Return a sample that balances as before and tells no small count by its reason."""
    return Sample(
        sample.rows,
        sample.used,
        without_small_counts(sample.lost, rules, "reasons"),
        without_small_counts(sample.notes, rules, "findings"),
    )


def public_estimates(fit: Any, rules: DisclosureRules) -> dict[str, Any]:
    """Return what may be told of an estimate.

    Groups of fewer enterprises than `min_count` are withheld. Were they together still fewer, the
    rows of the others would give theirs away by subtraction, so that the next smallest goes too.

    Parameters
    ----------
    fit : Result
        Its `glance` has a row for each group, or one for all.
    rules : DisclosureRules

    Returns
    -------
    dict
        ``specification``, ``sample``, ``estimates`` (a table), ``estimates_withheld`` (a number).
    """
    record: Record = fit.record
    told: dict[str, Any] = {
        "specification": dict(record.specification),
        "sample": public_sample(record.sample, rules).to_dict(),
    }
    glance = fit.glance()
    counted = next((name for name in _ENTERPRISES if name in glance.columns), None)
    if counted is None:  # who stands behind it is not known
        return told
    enterprises = np.asarray(glance[counted], np.float64)
    least = rules.min_count or 1
    withheld = ~(enterprises >= least)  # also where there is no estimate at all
    if withheld.any() and np.nansum(enterprises[withheld]) < least and not withheld.all():
        withheld[np.argmin(np.where(withheld, np.inf, enterprises))] = True
    told["estimates"] = glance.take(np.flatnonzero(~withheld)).to_dict()
    told["estimates_withheld"] = int(withheld.sum())
    return told


def refuse_names(specs: Iterable[Specification], rules: DisclosureRules, context: Context) -> None:
    """Raise if the labels of a grouping would name enterprises: labels are always published.

    Raises
    ------
    SpecificationError
        If a specification groups by the entity, or by groups that hold on average fewer
        enterprises than `min_count`.
    """
    used = {text for spec in specs for text in _texts(spec.to_dict()["options"])}
    least = rules.min_count or 1
    for name, column in context.roles.groups.items():
        labels = len(context.labels(name))
        if name not in used or (
            column != context.roles.entity and labels * least <= context.entities
        ):
            continue
        raise SpecificationError(
            f"the grouping {name!r} has {labels:,} labels for {context.entities:,} enterprises, "
            "and labels are published also where their cells are not",
            code="labels_name_enterprises",
            column=column,
            expected=f"groups of {least} enterprises and more on average",
            remedy="tabulate by a coarser grouping",
        )


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
