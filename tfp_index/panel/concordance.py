"""Codes that change: dated many-to-many concordances with weights.

A concordance says which part of each old code goes to which new code, from which day on. Tables
are the user's own; what is known of Viet Nam's industries (VSIC 2018 to 2025) and of Quảng Ninh's
districts and communes is used to check them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, SpecificationError, nearest
from tfp_index.panel import quang_ninh
from tfp_index.panel.frames import FrameReader
from tfp_index.panel.keys import Category
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table

__all__ = [
    "VSIC_2025_SECTIONS",
    "Concordance",
    "Harmonized",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOLERANCE = 1e-6
"""Distance of a code's weights from one that is still rounding."""

VSIC_EFFECTIVE = "2025-11-15"
"""First day of VSIC 2025 (Decision 36/2025 of 29 September 2025)."""

VSIC_2025_SECTIONS = {
    "A": "agriculture, forestry, fishery",
    "B": "mining",
    "C": "manufacturing",
    "D": "electricity, gas",
    "E": "water, waste",
    "F": "construction",
    "G": "trade",
    "H": "transport, storage",
    "I": "accommodation, food",
    "J": "publishing, broadcasting, content",
    "K": "telecommunication, programming, computing, information",
    "L": "finance",
    "M": "real estate",
    "N": "professional, scientific, technical",
    "O": "administrative support",
    "P": "Party, public administration, defence",
    "Q": "education",
    "R": "health",
    "S": "arts, sports",
    "T": "other services",
    "U": "households",
    "V": "extraterritorial",
}
"""Sections of VSIC 2025. Letters from J on mean something else in VSIC 2018."""

_SECTIONS = {"VSIC 2018": "ABCDEFGHIJKLMNOPQRSTU", "VSIC 2025": "".join(VSIC_2025_SECTIONS)}


@dataclass(frozen=True, eq=False, repr=False)
class Concordance:
    """Which part of each source code goes to which target code, from a date on.

    Attributes
    ----------
    source_name, target_name : str
        Names with version, e.g. ``"VSIC 2018"``; codes mean nothing without.
    effective : str
        First day of the target codes, ``YYYY-MM-DD``.
    source, target : (m,) object arrays of text
    weight : (m,) float array
        Share of the source that goes to the target; for each source they sum to one.
    basis : str
        What the weights measure, e.g. ``"employment 2024"``; empty when no source is split.
    """

    source_name: str
    target_name: str
    effective: str
    source: NDArray[Any]
    target: NDArray[Any]
    weight: Floats
    basis: str = ""

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        source: str,
        target: str,
        weight: str | None = None,
        *,
        effective: str,
        source_name: str | None = None,
        target_name: str | None = None,
        basis: str = "",
    ) -> Concordance:
        """Read a table with one row for each pair of codes.

        Parameters
        ----------
        frame : any supported table
        source, target : str
            Columns of the codes; they are compared as text, so leading zeros count.
        weight : str, optional
            Column of weights. It may be left out only where no source is split.
        effective : str
            First day of the target codes.
        source_name, target_name : str, optional
            Default: the column names.
        basis : str
            What the weights measure.

        Raises
        ------
        DataError
            If a code is missing, a pair is given twice, a weight is negative or missing, the
            weights of a source do not sum to one, or a source is split without weights.

        Examples
        --------
        >>> table = {"old": ["1", "1", "2"], "new": ["a", "b", "b"], "share": [0.3, 0.7, 1.0]}
        >>> c = Concordance.from_frame(table, "old", "new", "share", effective="2025-07-01")
        >>> c.allocate({"1": 10.0, "2": 5.0})
        {'a': 3.0, 'b': 12.0}
        """
        reader = FrameReader(frame)
        codes = [_texts(reader.keys(name), name) for name in (source, target)]
        pairs = list(zip(*(column.tolist() for column in codes), strict=True))
        if len(set(pairs)) < len(pairs):
            twice = next(pair for pair in pairs if pairs.count(pair) > 1)
            raise DataError(f"the pair {twice} is given twice", code="pair_twice", column=source)
        if weight is None:
            seen = codes[0].tolist()
            split = sorted({code for code in seen if seen.count(code) > 1})
            if split:
                raise DataError(
                    f"{len(split)} code(s) are split without weights, e.g. {split[0]!r}",
                    code="no_weights",
                    column=source,
                    expected="a column of weights (shares of employment, output …)",
                    remedy="weights=; the first match is a choice that nobody sees",
                )
            shares = np.ones(len(pairs))
        else:
            shares = reader.numbers(weight)
        found = cls(
            source_name or source,
            target_name or target,
            _day(effective),
            codes[0],
            codes[1],
            shares,
            basis,
        )
        found._check_weights(weight or "weight")
        return found

    def _check_weights(self, column: str) -> None:
        bad = np.flatnonzero(~(self.weight >= 0))
        if bad.size:
            raise DataError(
                f"the weight of {self.source[bad[0]]!r} is missing or negative",
                code="bad_weight",
                column=column,
                expected="shares from 0 to 1",
            )
        codes, at = np.unique(self.source.astype(str), return_inverse=True)
        total = np.bincount(at.reshape(-1), self.weight, codes.shape[0])
        off = np.flatnonzero(np.abs(total - 1.0) > TOLERANCE)
        if off.size:
            raise DataError(
                f"the weights of {str(codes[off[0]])!r} sum to {total[off[0]]:.6g} "
                f"({off.size} such code(s))",
                code="weights_not_one",
                column=column,
                expected="weights that sum to one for each source code",
            )

    @classmethod
    def vsic(
        cls, frame: Any, source: str, target: str, weight: str | None = None, **options: Any
    ) -> Concordance:
        """Read a concordance from VSIC 2018 to VSIC 2025, and check its sections.

        No table is bundled. Codes cannot be mapped by equality: sections from J on changed their
        letter, and codes such as 6201 exist no more.

        Raises
        ------
        DataError
            As in `from_frame`, or if a code begins with a letter that is no section of its
            version.
        """
        found = cls.from_frame(
            frame, source, target, weight,
            **{"effective": VSIC_EFFECTIVE, "source_name": "VSIC 2018",
               "target_name": "VSIC 2025", **options},
        )  # fmt: skip
        for name, codes in (("VSIC 2018", found.source), ("VSIC 2025", found.target)):
            for code in codes.tolist():
                if code[:1].isalpha() and code[:1].upper() not in _SECTIONS[name]:
                    raise DataError(
                        f"{code!r} is not a code of {name}",
                        code="unknown_code",
                        expected=f"sections {_SECTIONS[name][0]} to {_SECTIONS[name][-1]}",
                    )
        return found

    @classmethod
    def quang_ninh(
        cls, frame: Any, source: str, target: str, weight: str | None = None, *, basis: str = ""
    ) -> Concordance:
        """Read an allocation of Quảng Ninh's 13 districts to its 54 communes, and check its codes.

        Codes or names of either level may be used; names are turned into codes. The allocation
        itself is not bundled, since several communes were split.

        Raises
        ------
        DataError
            As in `from_frame`, or if a unit is unknown.
        """
        found = cls.from_frame(
            frame, source, target, weight, effective=quang_ninh.EFFECTIVE, basis=basis,
            source_name="Quảng Ninh districts to 30 June 2025",
            target_name="Quảng Ninh communes from 1 July 2025",
        )  # fmt: skip
        return dataclasses.replace(
            found,
            source=_known(found.source, quang_ninh.DISTRICTS, "district"),
            target=_known(found.target, quang_ninh.COMMUNES, "commune"),
        )

    def table(self) -> Table:
        """Return the pairs with their weights."""
        columns = {"source": self.source, "target": self.target, "weight": self.weight}
        notes = [f"in force from {self.effective}"]
        if self.basis:
            notes.append(f"weights: {self.basis}")
        return Table(columns, f"{self.source_name} → {self.target_name}", notes)

    def split(self) -> Table:
        """Return the source codes that go to several targets, with their largest weight."""
        codes, at = np.unique(self.source.astype(str), return_inverse=True)
        at = at.reshape(-1)
        n = np.bincount(at, self.weight > 0, codes.shape[0])
        largest = np.zeros(codes.shape[0])
        np.maximum.at(largest, at, self.weight)
        rows = np.flatnonzero(n > 1)
        columns = {
            "source": codes[rows].astype(object),
            "targets": n[rows].astype(np.int64),
            "largest_weight": largest[rows],
        }
        return Table(columns, f"Codes of {self.source_name} that are split")

    def allocate(self, values: Mapping[Any, float]) -> dict[str, float]:
        """Distribute sums of the source codes over the target codes.

        Parameters
        ----------
        values : mapping of source code to a sum

        Returns
        -------
        dict of target code to sum
            The total is unchanged.

        Raises
        ------
        DataError
            If a code is not in the concordance.
        """
        known = set(self.source.tolist())
        out: dict[str, float] = {}
        for code, value in values.items():
            if str(code) not in known:
                raise DataError(
                    f"{code!r} is not a code of {self.source_name}",
                    code="unknown_code",
                    remedy=nearest(str(code), known),
                )
            for row in np.flatnonzero(self.source == str(code)).tolist():
                target = str(self.target[row])
                out[target] = out.get(target, 0.0) + float(value) * float(self.weight[row])
        return out

    def backward(self, sizes: Mapping[Any, float]) -> Concordance:
        """Turn the concordance round, so that new data can be reported on the old map.

        Parameters
        ----------
        sizes : mapping of source code to size
            In the measure of `basis`: a part of the target comes from each source in proportion
            to what the source sends there.

        Raises
        ------
        DataError
            If a size is missing or a target receives nothing.
        """
        absent = sorted(set(self.source.tolist()) - {str(code) for code in sizes})
        if absent:
            raise DataError(
                f"there is no size for {absent[0]!r}", code="missing_size",
                expected="a size for every source code",
            )  # fmt: skip
        known = {str(code): float(size) for code, size in sizes.items()}
        sent = self.weight * np.array([known[code] for code in self.source.tolist()])
        targets, at = np.unique(self.target.astype(str), return_inverse=True)
        at = at.reshape(-1)
        total = np.bincount(at, sent, targets.shape[0])
        if not (total > 0).all():
            raise DataError(
                f"{str(targets[np.argmin(total)])!r} receives nothing", code="empty_target"
            )
        return Concordance(
            self.target_name, self.source_name, self.effective, self.target, self.source,
            sent / total[at], self.basis,
        )  # fmt: skip

    def then(self, following: Concordance) -> Concordance:
        """Chain with a concordance that starts from this one's target codes.

        Raises
        ------
        DataError
            If a target of the first is not a source of the second.
        """
        onward: dict[str, list[tuple[str, float]]] = {}
        for s, t, w in zip(following.source.tolist(), following.target.tolist(),
                           following.weight.tolist(), strict=True):  # fmt: skip
            onward.setdefault(s, []).append((t, w))
        absent = sorted(set(self.target.tolist()) - set(onward))
        if absent:
            raise DataError(
                f"{absent[0]!r} is not a code of {following.source_name}", code="unknown_code",
                expected=f"every code of {self.target_name}",
            )  # fmt: skip
        pairs: dict[tuple[str, str], float] = {}
        for s, t, w in zip(self.source.tolist(), self.target.tolist(), self.weight.tolist(),
                           strict=True):  # fmt: skip
            for last, share in onward[t]:
                pairs[(s, last)] = pairs.get((s, last), 0.0) + w * share
        return Concordance(
            self.source_name, following.target_name, following.effective,
            _objects([s for s, _ in pairs]), _objects([t for _, t in pairs]),
            np.array(list(pairs.values())), following.basis or self.basis,
        )  # fmt: skip

    def harmonize(self, panel: Panel, group: str, *, first_period: Any) -> Harmonized:
        """Bring the earlier rows of a panel to the target codes.

        An enterprise lies in one place and belongs to one industry, so the row of a split code
        goes to the target with the largest weight, and is counted. Where the parts matter, give
        each enterprise its new code instead.

        Parameters
        ----------
        panel : Panel
        group : str
            Grouping to convert.
        first_period : period
            First period that is recorded in target codes. A change in the middle of a year leaves
            this to be said.

        Returns
        -------
        Harmonized

        Raises
        ------
        DataError
            If the panel has no such grouping.
        """
        category = panel.group(group)
        labels = [str(label) for label in category.labels.tolist()]
        order = np.lexsort((self.weight, self.source.astype(str)))
        best = {self.source[i]: str(self.target[i]) for i in order.tolist()}
        known = set(self.target.tolist())
        split = set(self.split()["source"].tolist())
        late = panel.time >= panel.keys.calendar.number(first_period)
        targets = sorted(known)
        place = {code: i for i, code in enumerate(targets)}
        mapped = np.array([place[best[label]] if label in best else -1 for label in labels] + [-1])
        own = np.array([place.get(label, -1) for label in labels] + [-1])
        is_split = np.array([label in split for label in labels] + [False])
        codes = np.where(late, own[category.codes], mapped[category.codes])
        given = category.codes >= 0
        counts = {
            "in target codes already": given & late & (codes >= 0),
            "mapped to one target": given & ~late & (codes >= 0) & ~is_split[category.codes],
            "mapped to the largest of several targets": ~late & is_split[category.codes] & given,
            "code unknown": given & (codes < 0),
            "no code": ~given,
        }
        converted = Category(codes, _objects(targets), category.column)
        groups = ReadOnly({**panel.groups, group: converted})
        table = Table(
            {"what": list(counts), "rows": [int(rows.sum()) for rows in counts.values()]},
            f"{self.source_name} → {self.target_name}",
        )
        return Harmonized(dataclasses.replace(panel, groups=groups), table)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Harmonized:
    """A panel on the target codes, and how its rows came there.

    Attributes
    ----------
    panel : Panel
    report : Table
        Rows already in target codes, mapped, mapped to the largest of several targets, unknown.
    """

    panel: Panel
    report: Table


def _texts(values: NDArray[Any], column: str) -> NDArray[Any]:
    out = []
    for row, value in enumerate(values.tolist()):
        if value is None or value != value or str(value) == "":
            raise DataError(
                f"{column} has no code in row {row + 1}", code="missing_code", column=column
            )
        out.append(str(value))
    return _objects(out)


def _objects(values: list[Any]) -> NDArray[Any]:
    out = np.empty(len(values), object)
    out[:] = values
    return out


def _day(text: str) -> str:
    try:
        return str(np.datetime64(text, "D"))
    except ValueError:
        raise SpecificationError(
            f"effective={text!r} is not a day", code="bad_option", column="effective",
            expected="YYYY-MM-DD",
        ) from None  # fmt: skip


def _known(codes: NDArray[Any], units: Mapping[str, tuple[str, str]], level: str) -> NDArray[Any]:
    by_name = {name: code for code, (name, _) in units.items()}
    out = []
    for text in codes.tolist():
        code = text if text in units else by_name.get(text)
        if code is None:
            raise DataError(
                f"{text!r} is not a {level} of Quảng Ninh",
                code="unknown_code",
                remedy=nearest(text, [*by_name, *units]),
            )
        out.append(code)
    return _objects(out)
