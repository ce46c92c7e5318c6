"""What a decomposition gives back: terms by method, pair and group; levels, firms, cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.aggregation._assemble import TERMS, Assembled
from tfp_index.aggregation._cells import TOTAL, Cells
from tfp_index.aggregation._firms import FIRM_TERMS, Behind, FirmTerms
from tfp_index.aggregation._periods import CHAINED, Pairs
from tfp_index.aggregation._reallocation import Reallocation
from tfp_index.aggregation._rows import one_of
from tfp_index.aggregation._term_cells import term_cells
from tfp_index.aggregation.disclosure import Disclosed, DisclosureRules
from tfp_index.errors import DataError, SpecificationError
from tfp_index.kernels.decompose_levels import LevelMoments, LevelTerms, StructuralTerms
from tfp_index.panel.table import Table, plain
from tfp_index.results.result import Result

if TYPE_CHECKING:
    from tfp_index.aggregation.decomposition import Decomposition

__all__ = ["DecompositionResult"]

Floats = NDArray[np.float64]

NUMBERS = ("level_start", "level_end", "share_start", "share_end", "total", *TERMS)
COUNTS = ("n_survivors", "n_entrants", "n_exiters", "n_returning", "n_unmeasured")
KINDS = ("entry_returning", "entry_unmeasured", "exit_returning", "exit_unmeasured")
ROLES = np.array(["survivor", "entrant", "exiter"], object)

CROSS_NOTE = "cross: only Foster–Haltiwanger–Krizan has this term"
SPLIT_NOTE = (
    "Melitz–Polanec: within and between would change if a firm were split in two; entry and exit "
    "equal those of Diewert–Fox"
)
CHAIN_NOTE = (
    "chained: sums of terms of adjacent periods; entry over several years counts the growth of "
    "survivors since they entered, so these are not the terms of the long difference"
)


@dataclass(frozen=True, eq=False, repr=False)
class DecompositionResult(Result):
    """Terms of aggregate productivity growth; made by `Decomposition.fit`.

    Attributes
    ----------
    productivity : str
        What was decomposed.
    pairs : Pairs
    parts, populations : mapping of grouping to labels
        Of `by` and of `within`.
    assembled : mapping of method to its numbers
    structural : mapping of method to contributions of every group of `within`
    levels_by_method : mapping
    reallocation : Reallocation or None
    behind : Behind or None
        Counts and largest weights, for disclosure control.
    firms : FirmTerms or None
    """

    spec: Decomposition
    productivity: str
    pairs: Pairs
    parts: Mapping[str, NDArray[Any]]
    populations: Mapping[str, NDArray[Any]]
    assembled: Mapping[str, Assembled]
    structural: Mapping[str, StructuralTerms]
    levels_by_method: Mapping[str, tuple[NDArray[np.int64], LevelTerms, LevelMoments]]
    reallocation: Reallocation | None
    behind: Behind | None
    firms: FirmTerms | None

    def tidy(self) -> Table:
        """Return one row per method, pair of periods and group.

        ``level_start`` and ``level_end`` are the group's own aggregates, ``share_start`` and
        ``share_end`` its share of weight in what it is part of. ``total`` is the group's
        contribution to the change, the sum of the terms that follow; for a whole it is
        ``level_end - level_start``. A missing term is explained in ``reason`` or in the notes.
        """
        blocks = [self._dynamic(a) for a in self.assembled.values()]
        blocks += [self._static(method) for method in self.levels_by_method]
        if self.reallocation is not None:
            blocks.append(self._petrin_levinsohn(self.reallocation))
        columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
        return Table(columns, self._title(), self._notes(), self.keys.backend)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return `tidy` as a frame."""
        return self.tidy().to_frame(backend)

    def glance(self) -> Table:
        """Return one row that sums the fit up."""
        columns = {
            "methods": [", ".join(self.spec.methods)],
            "productivity": [self.productivity],
            "weight": [self.spec.weight],
            "pairs": [len(self.pairs)],
            "groups": [len(next(iter(self.parts.values()), [0]))],
            "rows": [self.sample.used],
        }
        return Table(columns, backend=self.keys.backend)

    def summary(self) -> str:
        """Return the terms of the whole and the sample as text."""
        table = self.tidy()
        for name in (*self.populations, *self.parts):
            if TOTAL in table[name].tolist():
                table = table.where(**{name: TOTAL})
        shown = ("method", "start", "end", "kind", "total", *TERMS)
        short = Table({name: table[name] for name in shown}, table.title, table.notes)
        lost = ", ".join(f"{count} {reason}" for reason, count in self.sample.lost.items())
        rows = f"{self.sample.used} of {self.sample.rows} rows used" + (f"; {lost}" if lost else "")
        return "\n".join((self.spec.describe(), str(short), rows))

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the small tables as plain data."""
        periods = list(zip(self.pairs.start.tolist(), self.pairs.end.tolist(), strict=True))
        return {
            **super().to_dict(),
            "productivity": self.productivity,
            "periods": plain(periods),
            "tidy": self.tidy().to_dict(),
        }

    def _title(self) -> str:
        unit = "log points" if self.spec.scale == "log" else "units of productivity"
        return f"Change of aggregate {self.productivity}, weighted by {self.spec.weight}, in {unit}"

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self.assembled and set(self.assembled) != {"foster_haltiwanger_krizan"}:
            notes.append(CROSS_NOTE)
        if "melitz_polanec" in self.assembled:
            notes.append(SPLIT_NOTE)
        if self.levels_by_method:
            notes.append("static methods do not tell entrants and exiters apart")
        if self.reallocation is not None:
            notes.append(
                "Petrin–Levinsohn: within is growth of continuing firms at given elasticities, "
                "between the gain from moving inputs, structure what the elasticities leave over"
            )
        if self.structural and self.spec.relative is None:
            notes.append(
                "structure compares levels of productivity across groups as they are given; "
                "relative= measures each group from its own base"
            )
        return tuple(notes)

    def _labels(self, P: int, H: int, G: int) -> dict[str, NDArray[Any]]:
        """Key columns of an array of shape (P, H, G)."""
        p, h, g = (axis.ravel() for axis in np.indices((P, H, G)))
        columns: dict[str, NDArray[Any]] = {}
        for at, labels, size in ((h, self.populations, H), (g, self.parts, G)):
            for name, values in labels.items():
                padded = np.append(values, np.full(size - values.shape[0], TOTAL, object))
                columns[name] = padded[at]
        columns["start"], columns["end"] = self.pairs.start[p], self.pairs.end[p]
        columns["kind"] = self.pairs.kind[p]
        return columns

    def _block(
        self, method: str, shape: tuple[int, int, int], numbers: Mapping[str, Floats], reason: Any
    ) -> dict[str, NDArray[Any]]:
        size = int(np.prod(shape))
        absent = np.full(size, np.nan)
        columns: dict[str, NDArray[Any]] = {"method": np.full(size, method, object)}
        columns |= self._labels(*shape)
        for name in (*NUMBERS, *COUNTS):
            columns[name] = numbers[name].reshape(size) if name in numbers else absent
        columns["reason"] = np.broadcast_to(np.asarray(reason, object), shape).reshape(size)
        return columns

    def _dynamic(self, a: Assembled) -> dict[str, NDArray[Any]]:
        return self._block(a.method, a.columns["total"].shape, a.columns, a.reason)

    def _static(self, method: str) -> dict[str, NDArray[Any]]:
        periods, terms, moments = self.levels_by_method[method]
        first, second = (np.searchsorted(periods, self.pairs.numbers[:, i]) for i in (0, 1))

        def summed(values: Floats) -> Floats:
            if values.shape[-1] > 1:
                values = np.concatenate((values, values.sum(axis=-1, keepdims=True)), axis=-1)
            return values[:, None, :]

        def share(at: Any) -> Floats:
            w = summed(moments.w)[at]
            return np.asarray(w / w[..., -1:])

        level = summed(np.nan_to_num(moments.wf / np.where(moments.w > 0, moments.w, np.nan)))
        level[:, 0, -1] = terms.aggregate - moments.pivot
        parts = {"within": terms.mean, "between": terms.covariance, "structure": terms.between}
        if method != "collard_wexler_de_loecker":
            del parts["structure"]
        numbers = {name: (s := summed(v))[second] - s[first] for name, v in parts.items()}
        numbers |= {
            "total": np.sum(list(numbers.values()), axis=0),
            "level_start": (level + moments.pivot)[first],
            "level_end": (level + moments.pivot)[second],
            "share_start": share(first),
            "share_end": share(second),
        }
        return self._block(method, numbers["total"].shape, numbers, "static: no entry or exit")

    def _petrin_levinsohn(self, r: Reallocation) -> dict[str, NDArray[Any]]:
        between = np.sum(list(r.inputs.values()), axis=0)
        numbers = {
            "total": r.growth + r.entry + r.exit,
            "within": r.technical,
            "between": between,
            "structure": r.residual,
            "entry": r.entry,
            "exit": r.exit,
            "n_survivors": r.n,
        }
        numbers = {name: values[:, None, :] for name, values in numbers.items()}
        return self._block(
            "petrin_levinsohn",
            numbers["total"].shape,
            numbers,
            "no level: final demand less inputs",
        )

    def chained(self, start: Any = None, end: Any = None) -> Table:
        """Return sums of the terms of adjacent pairs, labelled as such.

        Totals of adjacent periods add up to the total of the long difference. Terms do not: what
        an entrant gains after its first year is `within` here and `entry` there.

        Parameters
        ----------
        start, end : period, optional
            Default: the first start and the last end.

        Raises
        ------
        DataError
            If the pairs of the result do not lead from `start` to `end` without gap.
        """
        calendar = self.keys.calendar
        first = int(self.pairs.numbers[:, 0].min()) if start is None else calendar.number(start)
        last = int(self.pairs.numbers[:, 1].max()) if end is None else calendar.number(end)
        chain, at = [], first
        following = {int(a): (p, int(b)) for p, (a, b) in enumerate(self.pairs.numbers.tolist())
                     if self.pairs.kind[p] == "adjacent"}  # fmt: skip
        while at != last:
            if at not in following:
                raise DataError(
                    f"no pair of adjacent periods leads on from {calendar.write(at)}",
                    code="broken_chain",
                    time=calendar.write(at),
                    expected="adjacent pairs from start to end",
                    remedy="fit without periods=, which takes all adjacent pairs",
                )
            p, at = following[at]
            chain.append(p)
        if not chain:
            raise SpecificationError("start and end are the same period", code="bad_periods")
        return self._sum_of(chain)

    def _sum_of(self, chain: list[int]) -> Table:
        table = self.tidy()
        keys = ["method", *self.populations, *self.parts]
        groups: dict[tuple[Any, ...], list[int]] = {}
        wanted = {(self.pairs.start[p], self.pairs.end[p]): i for i, p in enumerate(chain)}
        place = [wanted.get(pair, -1) for pair in zip(table["start"], table["end"], strict=True)]
        for row, labels in enumerate(zip(*(table[k] for k in keys), strict=True)):
            if place[row] >= 0:
                groups.setdefault(labels, []).append(row)
        columns: dict[str, Any] = {
            key: [labels[i] for labels in groups] for i, key in enumerate(keys)
        }
        columns["start"] = [self.pairs.start[chain[0]]] * len(groups)
        columns["end"] = [self.pairs.end[chain[-1]]] * len(groups)
        columns["kind"] = [CHAINED] * len(groups)
        for name in ("total", *TERMS):
            columns[name] = np.array([table[name][rows].sum() for rows in groups.values()])
        columns["reason"] = [
            "; ".join(dict.fromkeys(filter(None, table["reason"][rows].tolist())))
            for rows in groups.values()
        ]
        return Table(columns, self._title(), (CHAIN_NOTE, *self._notes()), self.keys.backend)

    def rates(self) -> Table:
        """Return terms as a share of the first level: contributions to the rate of growth.

        Only for ``scale="level"``, where the rates of all groups add up to the growth rate of the
        aggregate.

        Raises
        ------
        SpecificationError
            If the decomposition is in logs, whose terms are log points already.
        """
        if self.spec.scale != "level":
            raise SpecificationError(
                "terms in logs are log points already", code="bad_scale", expected="scale='level'"
            )
        table = self.tidy()
        whole = np.ones(len(table), bool)
        for name in (*self.populations, *self.parts):
            whole &= np.array([label == TOTAL for label in table[name].tolist()])
        if not self.parts and not self.populations:
            whole[:] = True
        base = {
            (m, s, e): level
            for m, s, e, level, w in zip(
                table["method"], table["start"], table["end"], table["level_start"], whole,
                strict=True,
            ) if w
        }  # fmt: skip
        first = np.array([
            base[key] for key in zip(table["method"], table["start"], table["end"], strict=True)
        ])  # fmt: skip
        columns = dict(table.columns)
        columns |= {name: columns[name] / first for name in ("total", *TERMS)}
        return Table(columns, f"{table.title}, over the first level", table.notes, table.backend)

    def kinds(self) -> Table:
        """Return entry and exit by what they are: true, returning, or only unmeasured."""
        blocks = []
        for a in self.assembled.values():
            shape = a.columns["total"].shape
            block = {"method": np.full(a.columns["total"].size, a.method, object)}
            block |= self._labels(*shape)
            for name in ("entry", "exit", *KINDS, "n_entrants", "n_exiters", *COUNTS[3:]):
                block[name] = a.columns[name].reshape(-1)
            blocks.append(block)
        if not blocks:
            raise SpecificationError(
                "no dynamic method was asked for", code="no_dynamic_method", column="method"
            )
        columns = {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}
        return Table(columns, "Entry and exit by kind", backend=self.keys.backend)

    def industries(self, method: str | None = None) -> Table:
        """Return the contribution of each group of `within` to the change of the whole.

        ``within`` is the group's own change at its mean weight, ``structure`` the shift of weight
        to or from it; ``arrival`` and ``departure`` groups present in one period only.
        """
        if not self.structural:
            raise SpecificationError(
                "there are no groups to nest in", code="no_within", column="within",
                expected="within= a grouping with several groups",
            )  # fmt: skip
        method = next(iter(self.structural)) if method is None else method
        one_of("method", method, list(self.structural))
        terms = self.structural[method]
        P, H = terms.total.shape
        p, h = (axis.ravel() for axis in np.indices((P, H)))
        columns: dict[str, Any] = {name: v[h] for name, v in self.populations.items()}
        columns |= {"start": self.pairs.start[p], "end": self.pairs.end[p]}
        for name in ("total", "within", "structure", "arrival", "departure"):
            columns[name] = getattr(terms, name).reshape(-1)
        return Table(columns, "Contributions of groups and of structure", (), self.keys.backend)

    def levels(self) -> Table:
        """Return the static terms of every period: mean, covariance and, for groups, between."""
        if not self.levels_by_method:
            raise SpecificationError(
                "no static method was asked for", code="no_static_method", column="method",
                expected="olley_pakes, collard_wexler_de_loecker or nested_olley_pakes",
            )  # fmt: skip
        blocks = []
        for method, (periods, terms, _) in self.levels_by_method.items():
            written = [self.keys.calendar.write(int(n)) for n in periods]
            for t, label in enumerate(written):
                parts = {"mean": terms.mean[t], "covariance": terms.covariance[t],
                         "between": terms.between[t]}  # fmt: skip
                if self.parts:
                    parts = {k: np.append(v, v.sum()) for k, v in parts.items()}
                size = parts["mean"].shape[0]
                block: dict[str, Any] = {"method": np.full(size, method, object)}
                for name, labels in self.parts.items():
                    block[name] = np.append(labels, np.array([TOTAL], object))
                block[self.keys.names["time"]] = np.full(size, label, object)
                block["aggregate"] = np.full(size, np.nan)
                block["aggregate"][-1] = terms.aggregate[t]
                blocks.append(block | parts)
        columns = {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}
        return Table(columns, "Static decomposition of the level", backend=self.keys.backend)

    def firm_table(self, method: str | None = None) -> Table:
        """Return each firm's contribution to each term: for the analyst, not for publication.

        Raises
        ------
        SpecificationError
            If the fit did not keep them (``keep_firms=True``).
        """
        if self.firms is None:
            raise SpecificationError(
                "the contributions of firms were not kept", code="firms_not_kept",
                column="keep_firms", expected="Decomposition(keep_firms=True)",
            )  # fmt: skip
        method = next(iter(self.firms.terms)) if method is None else method
        one_of("method", method, list(self.firms.terms))
        f = self.firms
        entity = self.keys.entity_labels[self.keys.entity_codes[f.row]]
        columns: dict[str, Any] = {
            self.keys.names["entity"]: entity,
            "start": self.pairs.start[f.pair],
            "end": self.pairs.end[f.pair],
            "role": ROLES[f.role],
            **{term: f.terms[method][term] for term in FIRM_TERMS},
        }
        return Table(columns, f"{method}: RESTRICTED, firms by name", backend=self.keys.backend)

    def top(self, n: int = 10, term: str = "total", method: str | None = None) -> Table:
        """Return the firms with the largest contributions to a term, for the analyst only.

        ``share_of_moves`` is the firm's part in the sum of absolute contributions of its pair.

        Parameters
        ----------
        n : int
            Firms of each pair of periods.
        term : {"total", "within", "between", "cross", "entry", "exit"}
        method : str, optional
        """
        one_of("term", term, FIRM_TERMS)
        table = self.firm_table(method)
        assert self.firms is not None
        size = np.abs(table[term])
        moves = np.bincount(self.firms.pair, size, len(self.pairs))[self.firms.pair]
        order = np.lexsort((-size, self.firms.pair))
        rank = np.arange(order.shape[0]) - np.searchsorted(
            self.firms.pair[order], self.firms.pair[order]
        )
        rows = order[rank < n]
        share = np.divide(size, moves, out=np.zeros_like(size), where=moves > 0)
        chosen = Table({**table.columns, "share_of_moves": share}, table.title).take(rows)
        return Table(chosen.columns, table.title, (), self.keys.backend)

    def cells(self, method: str | None = None) -> Cells:
        """Return the terms as cells for disclosure control.

        A term is backed by the firms it is about: entry by entrants, exit by exiters, the rest by
        survivors in both periods.

        Raises
        ------
        SpecificationError
            If the fit kept no largest weights, or the method has none.
        """
        if self.behind is None:
            raise SpecificationError(
                "the largest weights were not kept", code="largest_not_kept",
                column="keep_largest", expected="keep_largest=2 or more",
            )  # fmt: skip
        if not self.assembled:
            raise SpecificationError(
                "only dynamic methods can be turned into cells", code="no_dynamic_method"
            )
        method = next(iter(self.assembled)) if method is None else method
        one_of("method", method, list(self.assembled))
        return term_cells(self, method)

    def to_public(
        self, rules: DisclosureRules | None = None, method: str | None = None
    ) -> Disclosed:
        """Return the terms after disclosure control, in long form.

        Parameters
        ----------
        rules : DisclosureRules, optional
        method : str, optional
            Default: the first.
        """
        return (DisclosureRules() if rules is None else rules).apply(self.cells(method))
