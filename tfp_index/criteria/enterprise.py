"""Indicators of enterprises: value added two ways, nineteen ratios, size class, peers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.criteria.amounts import plain_letters
from tfp_index.criteria.criteria_set import CriteriaSet
from tfp_index.criteria.result import CriteriaResult
from tfp_index.criteria.statement_sheets import TEXTS
from tfp_index.criteria.statements import Statements
from tfp_index.errors import DataError, DataWarning, SpecificationError, warn
from tfp_index.panel.frames import FrameReader, build_frame, factorize
from tfp_index.panel.keys import Keys
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.sme_size import SIZES, size_classes
from tfp_index.panel.table import Table
from tfp_index.results.result import RowValues, Sample

__all__ = ["ITEMS", "EnterpriseResult", "enterprise_indicators"]

Floats = NDArray[np.float64]

ITEMS = (
    "net_revenue", "cost_of_goods_sold", "operating_profit", "profit_before_tax", "interest",
    "financial_income", "financial_cost", "other_profit", "labor_cost", "depreciation",
    "production_taxes", "materials_and_services", "total_output", "value_added", "employees",
    "persons_employed", "insured_workers", "fixed_assets", "fixed_assets_opening", "inventory",
    "inventory_opening", "total_assets", "total_assets_opening", "total_sources",
)  # fmt: skip
"""Columns that indicators and value added are computed from; money in VND."""

REQUIRED = ("labor_cost", "depreciation", "interest", "profit_before_tax")
"""What value added by addition cannot do without."""

VALUE_ADDED = ("addition", "subtraction", "given")

BILLION = 1e9


@dataclass(frozen=True, eq=False)
class EnterpriseResult:
    """Indicators of enterprises.

    Attributes
    ----------
    criteria : CriteriaSet
    keys : Keys
    items : mapping of item to (n,) float array
        What came in, and value added both ways with the gap between them, in panel order.
    values : mapping of indicator to (n,) float array
    texts : mapping of name to (n,) object array
        ``size_class`` and, where they came in, industry, sector, ownership and name.
    sample : Sample
    problems : Table
        Identities of the statements that do not hold.
    value_added : str
        Which way of value added the indicators use.
    """

    criteria: CriteriaSet
    keys: Keys
    items: Mapping[str, Floats]
    values: Mapping[str, Floats]
    texts: Mapping[str, NDArray[Any]]
    sample: Sample
    problems: Table
    value_added: str

    def reconciliation(self) -> Table:
        """Return value added both ways and what explains the gap between them.

        ``nonoperating`` is financial income less financial cost other than interest, plus other
        profit: profit before tax holds it, output does not. What is left is ``unexplained``.
        """
        names = (
            "value_added_addition",
            "value_added_subtraction",
            "gap",
            "gap_share",
            "nonoperating",
            "unexplained",
        )
        return Table(
            {**self.keys.columns(), **{name: self.items[name] for name in names}},
            title="Value added by addition and by subtraction",
            backend=self.keys.backend,
        )

    def table(self, language: str = "en") -> Table:
        """Return the indicators under their names, with units, one row per enterprise and year."""
        columns: dict[str, Any] = dict(self.keys.columns())
        for indicator in self.criteria.indicators:
            if indicator.code in self.values:
                name = f"{indicator.name.get(language, '')} ({indicator.unit.get(language, '')})"
                columns[name] = self.values[indicator.code]
        title = f"{self.criteria.name(language)} ({self.criteria.label(language)})"
        return Table(columns, title=title, backend=self.keys.backend)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return keys, texts, value added and indicators, in panel order."""
        shown = ("value_added_addition", "value_added_subtraction", "gap", "gap_share")
        return {
            **self.keys.columns(),
            **self.texts,
            **{name: self.items[name] for name in shown},
            **self.values,
        }

    def to_frame(self, backend: str | None = None) -> Any:
        """Return keys, texts, value added and indicators, in the caller's row order."""
        restored = {name: self.keys.restore(column) for name, column in self.columns().items()}
        return build_frame(restored, backend or self.keys.backend)

    def score(self, peers: Sequence[str] = ("industry", "size_class")) -> CriteriaResult:
        """Score and rank the enterprises; profiles compare those that share the `peers` columns."""
        names = self.keys.names
        there = [name for name in peers if name in self.texts]
        table = Table(self.columns(), backend=self.keys.backend)
        return self.criteria.score(
            dict(table.columns), unit=names["entity"], time=names["time"], peers=there
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the indicators, the reconciliation and the problems as plain data."""
        return {
            "set": {"code": self.criteria.code, "version": self.criteria.version},
            "value_added": self.value_added,
            "sample": self.sample.to_dict(),
            "indicators": Table(self.columns()).to_dict(),
            "reconciliation": self.reconciliation().to_dict(),
            "problems": self.problems.to_dict(),
        }

    def to_excel(self, path: str | Path, *, language: str = "en") -> Path:
        """Write indicators, value added and the problems of the statements to a workbook."""
        from tfp_index.criteria.output import enterprise_tables, write_tables

        tables = enterprise_tables(self, language=language)
        return write_tables(tables, path, self.criteria, language)

    def __str__(self) -> str:
        used = f"{self.sample.used} of {self.sample.rows} enterprise-years have value added"
        return f"{self.criteria.name('en')} ({self.criteria.label('en')})\n{used}"

    __repr__ = __str__


def enterprise_indicators(
    data: Any,
    *,
    unit: str = "enterprise",
    time: str = "year",
    criteria: str | CriteriaSet = "enterprise",
    value_added: str = "addition",
    productivity: Any = None,
) -> EnterpriseResult:
    """Compute the indicators of enterprises from statements or from a table of items.

    Value added by addition is labor cost + depreciation + interest + production taxes + profit
    before tax; by subtraction, total output less bought-in materials and services. Both are
    computed where their items are there, and the gap between them is reported.

    Parameters
    ----------
    data : Statements or frame
        A frame has one row per enterprise and year, money in VND, and columns named as in `ITEMS`.
    unit, time : str
        Key columns of a frame.
    criteria : str or CriteriaSet
        The bundled set, or one of your own.
    value_added : {"addition", "subtraction", "given"}
        Which one the indicators use; ``"given"`` takes the column ``value_added``.
    productivity : result or RowValues, optional
        A fitted production function: its productivity takes the place of the index-number
        ``tfp_level`` for the same enterprises and years.

    Raises
    ------
    DataError
        If labor cost, depreciation, interest or profit are not among the columns.

    Warns
    -----
    DataWarning
        If statements do not keep the identities of their forms; ``result.problems`` lists them.
    """
    if value_added not in VALUE_ADDED:
        raise SpecificationError(
            f"value_added={value_added!r}",
            code="bad_option",
            expected="one of " + ", ".join(map(repr, VALUE_ADDED)),
        )
    chosen = criteria if isinstance(criteria, CriteriaSet) else CriteriaSet.load(criteria)
    backend, problems = "pandas", Table({}, title="Identities that do not hold")
    if isinstance(data, Statements):
        unit, time, backend = "enterprise", "year", data.backend
        problems = data.problems()
        reader = FrameReader(data.columns())
        _warn_of(problems)
    else:
        reader = FrameReader(data)
        backend = reader.backend
    items, notes = _items(reader, value_added)
    items |= _given(reader, chosen)
    columns: dict[str, Any] = {unit: reader.keys(unit), time: reader.keys(time), **items}
    if productivity is not None:
        columns["tfp_level"] = _levels(productivity, columns[unit], columns[time])
    texts = {name: reader.keys(name) for name in TEXTS if name in reader.names}
    texts["size_class"] = _sizes(items, texts)
    evaluated = chosen.evaluate(columns, unit=unit, time=time)
    keys = evaluated.panel.keys
    order = np.arange(len(reader)) if keys.order is None else keys.order
    return EnterpriseResult(
        criteria=chosen,
        keys=replace(keys, backend=backend),
        items=ReadOnly({name: values[order] for name, values in items.items()}),
        values=evaluated.values,
        texts=ReadOnly({name: values[order] for name, values in texts.items()}),
        sample=_sample(items, notes),
        problems=problems,
        value_added=value_added,
    )


def _warn_of(problems: Table) -> None:
    if len(problems):
        first = problems.rows()[0]
        warn(
            f"{len(problems)} identities of the statements do not hold, first "
            f"{first['identity']} of {first['form']} of {first['enterprise']} in {first['year']}; "
            "problems lists them, nothing was repaired",
            DataWarning,
            stacklevel=3,
        )


def _items(reader: FrameReader, value_added: str) -> tuple[dict[str, Floats], dict[str, int]]:
    """Return the items that came in and those that follow from them, in the caller's order."""
    items = {name: reader.numbers(name) for name in ITEMS if name in reader.names}
    lacking = [name for name in REQUIRED if name not in items]
    if lacking and value_added == "addition":
        raise DataError(
            f"value added by addition needs {', '.join(map(repr, lacking))}",
            code="missing_items",
            column=lacking[0],
            expected="columns " + ", ".join(map(repr, REQUIRED)),
            remedy="labor cost and depreciation do not stand on the forms: give them in the sheet "
            "'Bổ sung', with supplement=, or as columns",
        )
    n = len(reader)
    empty = np.full(n, np.nan)
    notes: dict[str, int] = {}
    output = items.get("total_output", empty)
    revenue = items.get("net_revenue", empty)
    replaced = np.isnan(output) & ~np.isnan(revenue)
    notes["total output taken as net revenue"] = int(replaced.sum())
    items["total_output"] = np.where(replaced, revenue, output)
    taxes = items.get("production_taxes", empty)
    notes["production taxes not given, taken as none"] = int(np.isnan(taxes).sum())
    items["production_taxes"] = np.where(np.isnan(taxes), 0.0, taxes)
    parts = [items.get(name, empty) for name in (*REQUIRED, "production_taxes")]
    items["value_added_addition"] = np.sum(parts, axis=0)
    bought = items.get("materials_and_services", empty)
    items["value_added_subtraction"] = items["total_output"] - bought
    _reconcile(items, empty)
    if value_added != "given":
        items["value_added"] = items[f"value_added_{value_added}"]
    elif "value_added" not in items:
        raise DataError(
            "there is no column 'value_added'", code="missing_items", column="value_added"
        )
    return items, notes


def _reconcile(items: dict[str, Floats], empty: Floats) -> None:
    added, subtracted = items["value_added_addition"], items["value_added_subtraction"]
    items["gap"] = added - subtracted
    usable = subtracted != 0
    share = items["gap"] / np.where(usable, subtracted, 1.0)
    items["gap_share"] = np.where(usable, share, np.nan)
    outside = (
        items.get("financial_income", empty)
        - items.get("financial_cost", empty)
        + items.get("interest", empty)
        + items.get("other_profit", empty)
    )
    items["nonoperating"] = outside
    items["unexplained"] = items["gap"] - outside


def _given(reader: FrameReader, criteria: CriteriaSet) -> dict[str, Floats]:
    """Return columns that already hold an indicator, or an input of an edited set."""
    wanted = {i.code for i in criteria.indicators} | set(criteria.columns())
    return {
        name: reader.numbers(name) for name in reader.names if name in wanted and name not in ITEMS
    }


def _sizes(items: Mapping[str, Floats], texts: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return the size class of Decree 80/2021, None where it cannot be told."""
    n = next(iter(items.values())).shape[0]
    empty = np.full(n, np.nan)
    workers = items.get("insured_workers", items.get("employees", empty))
    capital = items.get("total_sources", items.get("total_assets", empty))
    sector = _map_texts(texts.get("sector"), _sector, n)
    sector = np.where(sector == UNKNOWN, _map_texts(texts.get("industry"), _industry, n), sector)
    codes = size_classes(
        workers,
        items.get("net_revenue", empty) / BILLION,
        capital / BILLION,
        sector == SERVICES,
    )
    codes = np.where(sector == UNKNOWN, -1, codes)
    names: NDArray[Any] = np.array([*SIZES, None], object)  # the last for codes of -1
    return names[codes]


def _map_texts(texts: NDArray[Any] | None, read: Callable[[Any], int], n: int) -> NDArray[np.int8]:
    """Return what each text means, looking at every distinct text once."""
    if texts is None:
        return np.full(n, UNKNOWN, np.int8)
    codes, labels = factorize(texts)
    meanings = np.array([*(read(label) for label in labels.tolist()), UNKNOWN], np.int8)
    return meanings[codes]  # a code of -1 takes the last


UNKNOWN, PRODUCTION, SERVICES = 0, 1, 2

_PRODUCTION_WORDS = (
    "production", "san xuat", "nong", "lam", "thuy san", "cong nghiep", "xay dung",
)  # fmt: skip
_SERVICES_WORDS = ("services", "trade", "thuong mai", "dich vu")


def _sector(text: Any) -> int:
    """Return the sector that a text names."""
    letters = plain_letters(str(text))
    if letters.startswith(_SERVICES_WORDS):
        return SERVICES
    return PRODUCTION if letters.startswith(_PRODUCTION_WORDS) else UNKNOWN


def _industry(code: Any) -> int:
    """Return the sector of a VSIC section letter or code: sections A to F are divisions 01–43."""
    text = str(code).strip().upper()
    digits = text[1:3] if text[:1].isalpha() else text[:2]
    if len(digits) == 2 and digits.isascii() and digits.isdigit():
        return PRODUCTION if int(digits) <= 43 else SERVICES
    if len(text) == 1 and "A" <= text <= "V":
        return PRODUCTION if text <= "F" else SERVICES
    return UNKNOWN


def _levels(productivity: Any, units: NDArray[Any], times: NDArray[Any]) -> Floats:
    """Return exp(log TFP) of a fitted production function at the given keys."""
    values = getattr(productivity, "productivity", productivity)
    if not isinstance(values, RowValues):
        raise SpecificationError(
            f"{type(productivity).__name__} holds no productivity",
            code="bad_option",
            column="productivity",
            expected="a fitted production function or its productivity",
        )
    name = "productivity" if "productivity" in values.values else next(iter(values.values))
    keys = values.keys
    labels = keys.entity_labels[keys.entity_codes].tolist()
    periods = keys.calendar.label(keys.time).tolist()
    found = dict(zip(zip(labels, periods, strict=True), values[name].tolist(), strict=True))
    pairs = zip(units.tolist(), times.tolist(), strict=True)
    logs = np.array([found.get(pair, np.nan) for pair in pairs])
    if np.isnan(logs).all():
        raise DataError(
            "no enterprise and year of the productivity is among the data",
            code="no_match",
            remedy="use the same labels of enterprises and years in both",
        )
    return np.asarray(np.exp(logs))


def _sample(items: Mapping[str, Floats], notes: Mapping[str, int]) -> Sample:
    value_added = items["value_added"]
    used = int((~np.isnan(value_added)).sum())
    return Sample(
        rows=value_added.shape[0],
        used=used,
        lost={"an item of value added is missing": value_added.shape[0] - used},
        notes=notes,
    )
