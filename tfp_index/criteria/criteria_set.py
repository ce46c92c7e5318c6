"""A criteria set: a checked file of indicators, and the scores that it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.composite.compute import NO_PERIOD
from tfp_index.composite.index import CompositeIndex
from tfp_index.composite.structure import StructureError
from tfp_index.criteria._toml import file_text, save_text
from tfp_index.criteria.definition import Indicator, Parsed, parse
from tfp_index.criteria.measures import MEASURES, Rows
from tfp_index.criteria.result import CriteriaResult
from tfp_index.errors import DataError, DataWarning, SpecificationError, nearest, warn
from tfp_index.language import language as language_of
from tfp_index.panel.checks import require_keys
from tfp_index.panel.frames import FrameReader
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table

__all__ = ["BUNDLED", "CriteriaSet", "Evaluated"]

Floats = NDArray[np.float64]

BUNDLED = ("province", "enterprise")
"""Criteria sets that come with the library."""


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Indicators computed from a table.

    Attributes
    ----------
    panel : Panel
        The keys and the columns that were read.
    values : mapping of code to (n,) float array
        Indicators that could be had, in panel order.
    origin : mapping of code to str
        ``"given"`` (a column has the indicator's code), ``"computed"``, or what is missing.
    """

    panel: Panel
    values: Mapping[str, Floats]
    origin: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class CriteriaSet:
    """Pillars, criteria and indicators, as a file states them.

    Use `load` for a bundled set or a file of your own.

    Examples
    --------
    >>> cs = CriteriaSet.load("province")
    >>> cs.name("en"), cs.label("en")
    ('Criteria set for the TFP of a province', 'proposal, not official')
    >>> cs["tfp_share"].direction, cs["tfp_share"].goalposts
    (1, (0.0, 55.0))
    """

    parsed: Parsed
    text: str

    @classmethod
    def load(cls, source: str | Path) -> CriteriaSet:
        """Read a criteria set.

        Parameters
        ----------
        source : str or path
            ``"province"``, ``"enterprise"``, or the path of a TOML file.

        Raises
        ------
        FileError
            If the file is absent, too large, or not TOML.
        StructureError
            Listing every fault of the file with its place.
        """
        return cls.from_text(*file_text(source, "sets", BUNDLED, "criteria set"))

    @classmethod
    def from_text(cls, text: str, name: str = "the criteria set") -> CriteriaSet:
        """Read a criteria set from the text of a TOML file.

        Raises
        ------
        FileError, StructureError
            As `load`.
        """
        parsed = parse(text, name)
        made = cls(parsed, text)
        try:
            made.index()
        except StructureError as error:
            faults = [(f"method or {place}", what) for place, what in error.faults]
            raise StructureError.of(f"the criteria set {name}", faults) from None
        except (SpecificationError, TypeError, ValueError) as error:
            message = error.message if isinstance(error, SpecificationError) else str(error)
            raise StructureError.of(f"the criteria set {name}", [("method", message)]) from None
        return made

    def save(self, path: str | Path) -> Path:
        """Write the file as it was read, to be edited and loaded again."""
        return save_text(self.text, path)

    @property
    def code(self) -> str:
        """Short name of the set."""
        return str(self.parsed.head["code"])

    @property
    def version(self) -> str:
        """Version that the file states."""
        return str(self.parsed.head["version"])

    @property
    def status(self) -> str:
        """``"proposal"``, ``"published practice"`` or ``"official definition"``."""
        return str(self.parsed.head["status"])

    @property
    def indicators(self) -> tuple[Indicator, ...]:
        """Every indicator, in the order of the file."""
        return self.parsed.indicators

    def __getitem__(self, code: str) -> Indicator:
        for indicator in self.indicators:
            if indicator.code == code:
                return indicator
        raise SpecificationError(
            f"there is no indicator {code!r}",
            code="unknown_indicator",
            remedy=nearest(code, [i.code for i in self.indicators]),
        )

    def name(self, language: str = "en") -> str:
        """Return the title of the set."""
        return language_of(language).pick(self.parsed.head["name"])

    def label(self, language: str = "en") -> str:
        """Return what the set is: a proposal, or official."""
        return language_of(language).pick(self.parsed.head["label"])

    def note(self, language: str = "en") -> str:
        """Return what a reader must know about the set."""
        return language_of(language).pick(self.parsed.head["note"])

    def name_of(self, code: str, language: str = "en") -> str:
        """Return the name of an indicator, a criterion, a pillar or the index."""
        if code == "index":
            return self.name(language)
        names = {node.code: node.name for node in self.parsed.groups}
        names |= {node.code: node.name for node in self.indicators}
        if code in names:
            return language_of(language).pick(names[code])
        raise SpecificationError(f"there is no node {code!r}", code="unknown_node")

    def table(self, language: str = "en") -> Table:
        """Return every indicator with its definition, unit, direction, source and data."""
        lang = language_of(language)
        rows = self.indicators
        directions = {1: "up", -1: "down", 0: "context"}
        return Table(
            {
                "code": [i.code for i in rows],
                "parent": [i.parent for i in rows],
                "name": [lang.pick(i.name) for i in rows],
                "definition": [lang.pick(i.definition) for i in rows],
                "unit": [lang.pick(i.unit) for i in rows],
                "direction": [directions[i.direction] for i in rows],
                "measure": [i.measure for i in rows],
                "formula": [MEASURES[i.measure].formula for i in rows],
                "columns": [", ".join(i.inputs.values()) for i in rows],
                "status": [i.status for i in rows],
                "source": [lang.pick(i.source) for i in rows],
            },
            title=f"{self.name(language)} ({self.label(language)})",
            notes=(self.note(language),) if self.note(language) else (),
        )

    def __repr__(self) -> str:
        return (
            f"CriteriaSet({self.code!r}, version {self.version}: {len(self.indicators)} "
            f"indicators; {self.label('en')})"
        )

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def columns(self) -> tuple[str, ...]:
        """Return the columns that the measures of the set read."""
        found = dict.fromkeys(c for i in self.indicators for c in i.inputs.values())
        return tuple(found)

    def index(self, codes: Sequence[str] | None = None) -> CompositeIndex:
        """Return the composite index of the set.

        Parameters
        ----------
        codes : sequence of str, optional
            Indicators that there are data for; criteria without any are left out, and the
            weights of the others are scaled up. By default all that are scored.
        """
        scored = [i for i in self.indicators if i.direction != 0]
        if codes is not None:
            scored = [i for i in scored if i.code in codes]
        rows: list[dict[str, Any]] = [
            {
                "code": i.code,
                "parent": i.parent,
                "name": i.name.get("en", ""),
                "direction": i.direction,
                "weight": 1.0 if i.weight is None else i.weight,
                "unit": i.unit.get("en", ""),
                "target": i.target,
                "goalposts": i.goalposts,
                "normalize": i.normalize,
                "treat": i.treat,
            }
            for i in scored
        ]
        needed = {row["parent"] for row in rows}
        groups = {group.code: group for group in self.parsed.groups}
        pending = list(needed)
        while pending:
            group = groups.get(pending.pop())
            if group is not None and group.parent not in needed:
                needed.add(group.parent)
                pending.append(group.parent)
        rows += [
            {
                "code": group.code,
                "parent": group.parent,
                "name": group.name.get("en", ""),
                "weight": 1.0 if group.weight is None else group.weight,
            }
            for group in self.parsed.groups
            if group.code in needed
        ]
        rows.append({"code": "index", "name": self.name("en")})
        method = dict(self.parsed.method)
        for option in ("weights", "aggregate"):
            if isinstance(method.get(option), Mapping):
                method[option] = {k: v for k, v in method[option].items() if k in needed}
        return CompositeIndex(structure=tuple(rows), **method)

    def evaluate(
        self,
        frame: Any,
        *,
        unit: str,
        time: str | None = None,
        groups: Sequence[str] = (),
        step: int = 1,
    ) -> Evaluated:
        """Compute every indicator that the columns of a table allow.

        A column that has the code of an indicator is taken as it is and comes before the measure.

        Parameters
        ----------
        frame : frame
        unit : str
            Column that names the units.
        time : str, optional
            Column of the period.
        groups : sequence of str
            Columns of categories, e.g. industry and size class, for the choice of peers.
        step : int
            Periods between consecutive observations.
        """
        reader = FrameReader(frame)
        origin: dict[str, str] = {}
        used: dict[str, None] = {}
        for indicator in self.indicators:
            origin[indicator.code] = _origin(indicator, reader.names)
            if origin[indicator.code] == "given":
                used[indicator.code] = None
            elif origin[indicator.code] == "computed":
                used |= dict.fromkeys(c for c in indicator.inputs.values() if c in reader.names)
        for name in (unit, *([time] if time else []), *groups):
            reader.keys(name)  # says which column is missing
        panel = _read_panel(reader, unit, time, list(used), list(groups), step)
        require_keys(panel)
        rows = Rows(panel.lag_status, panel.lag)
        values: dict[str, Floats] = {}
        for indicator in self.indicators:
            code = indicator.code
            if origin[code] == "given":
                values[code] = panel[code]
            elif origin[code] == "computed":
                inputs = {k: panel[c] for k, c in indicator.inputs.items() if c in panel}
                measure = MEASURES[indicator.measure]
                values[code] = measure.compute(inputs, indicator.parameters, rows)
        return Evaluated(panel, ReadOnly(values), ReadOnly(origin))

    def score(
        self,
        frame: Any,
        *,
        unit: str,
        time: str | None = None,
        peers: Sequence[str] = (),
        step: int = 1,
    ) -> CriteriaResult:
        """Compute the indicators, score and rank the units.

        Parameters
        ----------
        frame : frame
            The columns that the indicators name, or columns with the indicators' codes.
        unit : str
            Column that names the units.
        time : str, optional
            Column of the period.
        peers : sequence of str
            Columns of categories; profiles compare a unit with those that share them.
        step : int
            Periods between consecutive observations.

        Warns
        -----
        DataWarning
            If some indicators have no data: they are left out, and the weights of their siblings
            are scaled up. ``result.coverage()`` lists them.

        Raises
        ------
        DataError
            If no scored indicator has data, or the table cannot be read.
        """
        found = self.evaluate(frame, unit=unit, time=time, groups=peers, step=step)
        scored = [i.code for i in self.indicators if i.direction != 0]
        there = [c for c in scored if c in found.values and not np.isnan(found.values[c]).all()]
        if not there:
            raise DataError(
                f"no indicator of the set {self.code!r} has data",
                code="no_indicators",
                expected="some of the columns " + ", ".join(self.columns()[:20]),
                remedy="CriteriaSet.table() says which columns each indicator reads",
            )
        absent = [code for code in scored if code not in there]
        if absent:
            warn(
                f"{len(absent)} of {len(scored)} scored indicators have no data and are left out: "
                f"{', '.join(absent)}; coverage() says what each of them lacks",
                DataWarning,
                stacklevel=2,
            )
        columns = ReadOnly({code: found.values[code] for code in there})
        names = ReadOnly({code: code for code in there})
        panel = replace(found.panel, columns=columns, names=names, inputs=())
        result = self.index(there).fit(panel)
        groups = {name: found.panel.group(name) for name in peers}
        return CriteriaResult(self, result, found.values, found.origin, ReadOnly(groups))


def _origin(indicator: Indicator, names: Sequence[str]) -> str:
    if indicator.code in names:
        return "given"
    measure = MEASURES[indicator.measure]
    lacking = [indicator.inputs[k] for k in measure.needs if indicator.inputs[k] not in names]
    return f"no column {', '.join(map(repr, lacking))}" if lacking else "computed"


def _read_panel(
    reader: FrameReader,
    unit: str,
    time: str | None,
    codes: list[str],
    groups: list[str],
    step: int,
) -> Panel:
    period = time if time is not None else NO_PERIOD
    columns: dict[str, Any] = {unit: reader.keys(unit)}
    columns[period] = reader.keys(period) if time is not None else np.zeros(len(reader), np.int64)
    clash = [code for code in codes if code in columns]
    if clash:
        raise DataError(
            f"the column {clash[0]!r} is a key and an input of the set",
            code="column_twice",
            column=clash[0],
            remedy="rename the key column",
        )
    columns |= {code: reader.numbers(code) for code in codes}
    named = {}
    for group in groups:
        columns[f"group {group}"] = reader.keys(group)
        named[group] = f"group {group}"
    panel = Panel.from_frame(
        columns,
        entity=unit,
        time=period,
        columns={code: code for code in codes},
        groups=named,
        step=step,
    )
    return replace(panel, keys=replace(panel.keys, backend=reader.backend))
