"""Vietnamese financial statements: lines keyed by regime, form and code, as items by enterprise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.criteria.amounts import CURRENCY_UNITS
from tfp_index.criteria.regimes import Form, Identity, Regime
from tfp_index.criteria.regimes import regime as find_regime
from tfp_index.criteria.statement_sheets import COUNTS, MONEY, TEXTS, Document, read_document
from tfp_index.errors import DataError, SpecificationError, nearest
from tfp_index.panel.frames import FrameReader, build_frame, factorize
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.table import Table
from tfp_index.panel.workbook import LIMITS, Limits, read_sheets, write_workbook

__all__ = ["Statements", "from_frame", "read", "template"]

Floats = NDArray[np.float64]
Lines = Mapping[tuple[str, str], Floats]

STOCKS = ("inventory", "fixed_assets", "total_assets")
"""Items of the balance sheet whose opening amounts are items as well."""


@dataclass(frozen=True, eq=False)
class Statements:
    """Statements of enterprises, one row per enterprise and year, in VND.

    Attributes
    ----------
    regime : Regime
    enterprise : (n,) array
    year : (n,) int64 array
    unit : (n,) float array
        Currency unit of the source in VND; amounts are rounded to it.
    current, previous : mapping of (form, code) to (n,) float array
        NaN where the cell is empty or the line is not printed.
    printed : mapping of (form, code) to (n,) bool array
        Whether the statement has the line at all.
    supplement : mapping of item to (n,) float array
        What the forms do not print: labor cost, depreciation, employees, …
    texts : mapping of name to (n,) object array
        Industry, sector, ownership, name.
    backend : str
    """

    regime: Regime
    enterprise: NDArray[Any]
    year: NDArray[np.int64]
    unit: Floats
    current: Lines
    previous: Lines
    printed: Mapping[tuple[str, str], NDArray[np.bool_]]
    supplement: Mapping[str, Floats]
    texts: Mapping[str, NDArray[Any]]
    backend: str = "pandas"

    def __len__(self) -> int:
        return int(self.enterprise.shape[0])

    def items(self) -> dict[str, Floats]:
        """Return the items that indicators are computed from, in VND.

        Lines of the forms under their names, opening stocks (``inventory_opening``, …), and the
        supplement. A printed line with an empty cell or a dash is zero, unless the whole column
        of the form is empty. Depreciation is taken from the supplement, or else from the cash
        flow statement.
        """
        items: dict[str, Floats] = {}
        for form in self.regime.forms.values():
            now = self._filled(self.current, form.name)
            before = self._filled(self.previous, form.name)
            for item, codes in form.lines.items():
                values = self._line(self.current, form.name, codes, now)
                if values is not None:
                    items[item] = values
                opening = self._line(self.previous, form.name, codes, before)
                if item in STOCKS and opening is not None:
                    items[f"{item}_opening"] = opening
        for item, values in self.supplement.items():
            if item in items:
                values = np.where(np.isnan(values), items[item], values)
            items[item] = values
        return items

    def _filled(self, lines: Lines, form: str) -> NDArray[np.bool_]:
        """Say which statements have an amount anywhere in this column of a form."""
        found = np.zeros(len(self), bool)
        for (name, _), values in lines.items():
            if name == form:
                found |= ~np.isnan(values)
        return found

    def _line(
        self, lines: Lines, form: str, codes: Sequence[str], filled: NDArray[np.bool_]
    ) -> Floats | None:
        keys = [(form, code) for code in codes if (form, code) in lines]
        if not keys:
            return None
        values, printed = np.full(len(self), np.nan), np.zeros(len(self), bool)
        for key in keys:
            values = np.where(np.isnan(values), lines[key], values)
            printed |= self.printed[key]
        return np.where(np.isnan(values) & printed & filled, 0.0, values)

    def problems(self) -> Table:
        """Return every identity of the forms that a statement does not keep, line by line.

        An identity is checked where all its lines are printed; empty cells count as zero, and
        rounding to the currency unit is allowed for. Nothing is repaired.
        """
        rows: list[tuple[Any, ...]] = []
        for form in self.regime.forms.values():
            for identity in form.identities:
                rows += self._broken(form, identity)
        rows.sort(key=lambda row: row[0])
        return Table(
            {
                "enterprise": [self.enterprise[row[0]] for row in rows],
                "year": [int(self.year[row[0]]) for row in rows],
                "form": [row[1] for row in rows],
                "line": [row[2] for row in rows],
                "identity": [row[3] for row in rows],
                "stated": np.array([row[4] for row in rows], float),
                "computed": np.array([row[5] for row in rows], float),
                "difference": np.array([row[4] - row[5] for row in rows], float),
            },
            title="Identities that do not hold",
            backend=self.backend,
        )

    def _broken(self, form: Form, identity: Identity) -> list[tuple[Any, ...]]:
        key = (form.name, identity.line)
        needed = [key, *((form.name, c) for _, c in identity.terms if c not in identity.may)]
        if any(k not in self.printed for k in needed):
            return []
        checked = np.logical_and.reduce([self.printed[k] for k in needed])
        stated = np.nan_to_num(self.current[key])
        computed = np.zeros(len(self))
        for sign, code in identity.terms:
            if (form.name, code) in self.current:
                computed += sign * np.nan_to_num(self.current[form.name, code])
        slack = self.unit * (1.0 + len(identity.terms)) / 2.0
        # a statement in dong to the last dong still comes out of floating arithmetic
        slack = slack + 1e-12 * np.abs(stated)
        broken = np.flatnonzero(checked & (np.abs(stated - computed) > slack))
        return [
            (i, form.mark, identity.line, str(identity), stated[i], computed[i])
            for i in broken.tolist()
        ]

    def lines(self) -> Table:
        """Return every printed line: enterprise, year, form, code, current and previous amount."""
        keys = sorted(self.printed)
        where = [np.flatnonzero(self.printed[key]) for key in keys]
        rows = np.concatenate([*where, np.zeros(0, np.intp)]).astype(np.intp)
        names = [
            (self.regime.forms[form].mark, code)
            for (form, code), at in zip(keys, where, strict=True)
            for _ in range(at.size)
        ]
        current = [self.current[k][at] for k, at in zip(keys, where, strict=True)]
        previous = [self.previous[k][at] for k, at in zip(keys, where, strict=True)]
        order = np.argsort(rows, kind="stable")
        return Table(
            {
                "enterprise": self.enterprise[rows][order],
                "year": self.year[rows][order],
                "form": [names[i][0] for i in order.tolist()],
                "code": [names[i][1] for i in order.tolist()],
                "current": np.concatenate([*current, np.zeros(0)])[order],
                "previous": np.concatenate([*previous, np.zeros(0)])[order],
            },
            title="Lines",
            backend=self.backend,
        )

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return enterprise, year, items and texts as columns."""
        return {
            "enterprise": self.enterprise,
            "year": self.year,
            **self.items(),
            **self.texts,
        }

    def to_frame(self, backend: str | None = None) -> Any:
        """Return enterprise, year, items and texts as a frame, one row per statement."""
        return build_frame(self.columns(), backend or self.backend)


def read(
    path: str | Path | Sequence[str | Path],
    regime: str | Regime,
    *,
    enterprise: str | None = None,
    year: int | None = None,
    currency: str | None = None,
    decimal: str | None = None,
    supplement: Mapping[str, float | str] | None = None,
    limits: Limits = LIMITS,
) -> Statements:
    """Read statements from Excel or CSV files, one enterprise and year per file.

    Each sheet that is a form (balance sheet B01, income statement B02, cash flow B03) is found by
    its mark or title, its columns by their heads. A sheet named ``Bổ sung`` holds what the forms
    do not print; `template` writes an empty workbook with all of them.

    Parameters
    ----------
    path : path or sequence of paths
    regime : {"TT200", "TT133", "TT99", "QD15"}
        Circular 200/2014, Circular 133/2016, Circular 99/2025, Decision 15/2006 (older form).
    enterprise : str, optional
        By default the tax code or name that the file states.
    year : int, optional
        By default the year that the file states.
    currency : {"đồng", "nghìn đồng", "triệu đồng", "tỷ đồng"}, optional
        By default the unit that the file states; a file that states none is refused.
    decimal : {",", "."}, optional
        Decimal sign of amounts that are text; by default the Vietnamese way, and texts that may
        mean two numbers are refused.
    supplement : mapping, optional
        Items beside or in place of the sheet: ``labor_cost``, ``depreciation``,
        ``production_taxes``, ``materials_and_services``, ``total_output`` (VND), ``employees``,
        ``persons_employed``, ``insured_workers``, and texts ``industry``, ``sector``,
        ``ownership``, ``name``.
    limits : Limits
        How much of a file is read at most.

    Raises
    ------
    FileError
        If a file is absent, damaged or too large.
    DataError
        If a file is of another regime (its total assets stand on another line), states no unit
        or year, or holds a cell that is no amount: naming sheet, row and remedy.
    """
    which = find_regime(regime)
    unit = None if currency is None else _currency(currency)
    paths = [path] if isinstance(path, (str, Path)) else list(path)
    documents = []
    for one in map(Path, paths):
        document = read_document(
            read_sheets(one, limits),
            which,
            name=one.name,
            enterprise=enterprise,
            year=year,
            unit=unit,
            decimal=decimal,
        )
        _add_supplement(document, supplement or {})
        documents.append(document)
    if not documents:
        raise DataError("there are no files to read", code="no_files")
    return _assemble(which, documents)


def _currency(name: str) -> float:
    if name not in CURRENCY_UNITS:
        raise SpecificationError(
            f"there is no currency unit {name!r}",
            code="unknown_unit",
            expected="one of " + ", ".join(map(repr, CURRENCY_UNITS)),
            remedy=nearest(name, CURRENCY_UNITS),
        )
    return CURRENCY_UNITS[name]


def _add_supplement(document: Document, given: Mapping[str, float | str]) -> None:
    for item, value in given.items():
        if item in TEXTS:
            document.texts[item] = str(value)
        elif item in MONEY or item in COUNTS:
            document.items[item] = float(value)
        else:
            raise SpecificationError(
                f"there is no supplementary item {item!r}",
                code="unknown_item",
                remedy=nearest(item, [*MONEY, *COUNTS, *TEXTS]),
            )


def _assemble(which: Regime, documents: Sequence[Document]) -> Statements:
    n = len(documents)
    seen: set[tuple[str, int]] = set()
    for document in documents:
        who = (document.enterprise, document.year)
        if who in seen:
            raise DataError(
                f"two files are statements of {who[0]!r} for {who[1]}",
                code="duplicate_key",
                entity=who[0],
                time=who[1],
                remedy="keep one of them",
            )
        seen.add(who)
    keys = sorted({key for document in documents for key in document.lines})
    current = {key: np.full(n, np.nan) for key in keys}
    previous = {key: np.full(n, np.nan) for key in keys}
    printed = {key: np.zeros(n, bool) for key in keys}
    for i, document in enumerate(documents):
        for key, (now, before) in document.lines.items():
            printed[key][i] = True
            current[key][i] = np.nan if now is None else now
            previous[key][i] = np.nan if before is None else before
    items = sorted({item for document in documents for item in document.items})
    names = sorted({name for document in documents for name in document.texts})
    enterprise = np.empty(n, object)
    enterprise[:] = [document.enterprise for document in documents]
    texts = {}
    for name in names:
        texts[name] = np.empty(n, object)
        texts[name][:] = [document.texts.get(name) for document in documents]
    return Statements(
        which,
        enterprise,
        np.array([document.year for document in documents], np.int64),
        np.array([document.unit for document in documents]),
        current,
        previous,
        printed,
        ReadOnly(
            {i: np.array([document.items.get(i, np.nan) for document in documents]) for i in items}
        ),
        ReadOnly(texts),
    )


def from_frame(
    frame: Any,
    regime: str | Regime,
    *,
    enterprise: str,
    year: str,
    form: str,
    line: str,
    amount: str,
    previous: str | None = None,
    currency: str = "đồng",
    supplement: Any = None,
) -> Statements:
    """Read statements of many enterprises from a long table, one row per line.

    Parameters
    ----------
    frame : frame
    regime : {"TT200", "TT133", "TT99", "QD15"}
    enterprise, year, form, line, amount : str
        Columns. The form is its mark (``"B01-DN"``) or ``balance``, ``income``, ``cash_flow``;
        lines are codes, as text or numbers.
    previous : str, optional
        Column of the previous year's or the opening amount.
    currency : {"đồng", "nghìn đồng", "triệu đồng", "tỷ đồng"}
        Unit of the amounts.
    supplement : frame, optional
        One row per enterprise and year, with the same key columns and columns named as the
        items of `read`, money in VND.

    Raises
    ------
    DataError
        If a line occurs twice, or a form is not one of the regime.
    """
    which = find_regime(regime)
    unit = _currency(currency)
    reader = FrameReader(frame)
    entity_codes, entities = factorize(reader.keys(enterprise))
    years = reader.numbers(year)
    if (entity_codes < 0).any() or np.isnan(years).any():
        raise DataError("a row has no enterprise or year", code="missing_key", column=enterprise)
    pairs = np.stack((entity_codes, years.astype(np.int64)), axis=1)
    rows, where = np.unique(pairs, axis=0, return_inverse=True)
    where = where.reshape(-1)
    forms = _form_names(reader.keys(form), which, form)
    lines = np.array([_code(value) for value in reader.keys(line).tolist()], object)
    now = reader.numbers(amount) * unit
    before = reader.numbers(previous) * unit if previous else np.full(now.shape, np.nan)
    names = np.array([f"{f}|{c}" for f, c in zip(forms, lines, strict=True)], object)
    codes, labels = factorize(names)
    n = rows.shape[0]
    amounts: dict[tuple[str, str], NDArray[np.intp]] = {}
    for number, label in enumerate(labels.tolist()):
        name, _, code = label.partition("|")
        amounts[name, code] = np.flatnonzero(codes == number)
        _refuse_twice(where[amounts[name, code]], code, which.forms[name], rows, entities)
    items, texts = _read_items(supplement, enterprise, year, entities, rows)
    return Statements(
        which,
        entities[rows[:, 0]],
        rows[:, 1],
        np.full(n, unit),
        {key: _spread(now[own], where[own], n) for key, own in amounts.items()},
        {key: _spread(before[own], where[own], n) for key, own in amounts.items()},
        {key: _spread(np.ones(own.size), where[own], n) == 1.0 for key, own in amounts.items()},
        items,
        texts,
        reader.backend,
    )


def _refuse_twice(
    at: NDArray[np.intp], code: str, form: Form, rows: NDArray[np.int64], entities: NDArray[Any]
) -> None:
    if np.unique(at).size < at.size:
        twice = rows[at[np.flatnonzero(np.bincount(at)[at] > 1)[0]]]
        raise DataError(
            f"line {code} of {form.mark} stands twice",
            code="line_twice",
            column=code,
            entity=entities[twice[0]],
            time=int(twice[1]),
            remedy="keep one of them",
        )


def _spread(values: Floats, at: NDArray[np.intp], n: int) -> Floats:
    """Return a column of n rows with `values` at their places and NaN elsewhere."""
    column = np.full(n, np.nan)
    column[at] = values
    return column


def _form_names(values: NDArray[Any], which: Regime, column: str) -> list[str]:
    known = {form.name: form.name for form in which.forms.values()}
    known |= {form.mark.lower(): form.name for form in which.forms.values()}
    names = []
    for value in values.tolist():
        name = known.get(str(value).strip().lower())
        if name is None:
            raise DataError(
                f"{value!r} is not a form of {which.code}",
                code="unknown_form",
                column=column,
                remedy=nearest(str(value), known),
            )
        names.append(name)
    return names


def _code(value: Any) -> str:
    if isinstance(value, (int, float)) and float(value).is_integer():
        return f"{int(value):02d}"
    return str(value).strip()


def _read_items(
    frame: Any,
    enterprise: str,
    year: str,
    entities: NDArray[Any],
    rows: NDArray[np.int64],
) -> tuple[Mapping[str, Floats], Mapping[str, NDArray[Any]]]:
    if frame is None:
        return ReadOnly({}), ReadOnly({})
    reader = FrameReader(frame)
    places = {(entities[e], int(y)): i for i, (e, y) in enumerate(rows.tolist())}
    keys = zip(reader.keys(enterprise).tolist(), reader.numbers(year).tolist(), strict=True)
    found = [places.get((e, int(y))) if y == y else None for e, y in keys]
    source = np.array([j for j, i in enumerate(found) if i is not None], np.intp)
    target = np.array([i for i in found if i is not None], np.intp)
    if np.unique(target).size < target.size:
        raise DataError(
            "the supplement has two rows for one enterprise and year",
            code="duplicate_key",
            column=enterprise,
        )
    items: dict[str, Floats] = {}
    texts: dict[str, NDArray[Any]] = {}
    for name in reader.names:
        if name in (enterprise, year):
            continue
        if name in TEXTS:
            texts[name] = np.full(rows.shape[0], None, object)
            texts[name][target] = reader.keys(name)[source]
        elif name in MONEY or name in COUNTS:
            items[name] = np.full(rows.shape[0], np.nan)
            items[name][target] = reader.numbers(name)[source]
    return ReadOnly(items), ReadOnly(texts)


def template(path: str | Path, regime: str | Regime) -> Path:
    """Write an empty workbook with the lines that are read, to be filled in and read again.

    Parameters
    ----------
    path : path
        Of an ``.xlsx`` file.
    regime : {"TT200", "TT133", "TT99", "QD15"}
    """
    from tfp_index.criteria.statement_template import sheets

    return write_workbook(sheets(find_regime(regime)), path)
