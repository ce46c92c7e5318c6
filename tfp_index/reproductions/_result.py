"""What a reproduction gives: each published series beside ours, and how far they are apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, nearest
from tfp_index.panel.panel import Panel
from tfp_index.panel.table import Table, plain

__all__ = ["Comparison", "Reproduction", "compare_rows"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparison:
    """One published series beside the reproduced one.

    Attributes
    ----------
    series : str
    unit : str
        Unit of the deviation, in words.
    keys : mapping of name to (n,) array
        What the values belong to: entity and time, or names of coefficients.
    published, reproduced : (n,) float array
        NaN where there is none.
    tolerance : float, (n,) float array or None
        Largest deviation that counts as reproduced; None for a series that is shown, not judged.
    reason : str
        Why the tolerance is what it is, or why the series is not judged.
    relative : bool
        Whether deviations are shares of the published value.
    """

    series: str
    unit: str
    keys: Mapping[str, NDArray[Any]]
    published: Floats
    reproduced: Floats
    tolerance: float | Floats | None
    reason: str = ""
    relative: bool = False

    @property
    def deviation(self) -> Floats:
        """(n,) distance between the two; NaN where one of them is missing."""
        apart: Floats = np.abs(self.reproduced - self.published)
        if self.relative:  # a published zero has no share; there the distance itself counts
            apart = apart / np.where(self.published == 0.0, 1.0, np.abs(self.published))
        return apart

    @property
    def compared(self) -> int:
        """Number of values that both sides have."""
        return int(np.isfinite(self.deviation).sum())

    @property
    def not_reproduced(self) -> int:
        """Number of published values that the recipe could not compute."""
        return int((np.isfinite(self.published) & ~np.isfinite(self.reproduced)).sum())

    @property
    def maximum(self) -> float:
        """Largest deviation; NaN if nothing was compared."""
        return float(np.nanmax(self.deviation)) if self.compared else float("nan")

    @property
    def median(self) -> float:
        """Median deviation; NaN if nothing was compared."""
        return float(np.nanmedian(self.deviation)) if self.compared else float("nan")

    @property
    def largest_at(self) -> str:
        """Where the largest deviation is."""
        if not self.compared:
            return ""
        row = int(np.nanargmax(self.deviation))
        return " ".join(str(plain(labels[row])) for labels in self.keys.values())

    @property
    def holds(self) -> bool | None:
        """Whether every published value is reproduced within the tolerance; None if not judged.

        False if nothing could be compared, or a published value could not be computed.
        """
        if self.tolerance is None:
            return None
        known = np.isfinite(self.deviation)
        limit = np.broadcast_to(self.tolerance, known.shape)
        within = bool((self.deviation[known] <= limit[known]).all())
        return within and self.compared > 0 and self.not_reproduced == 0

    def values(self) -> Table:
        """Return every value, published and reproduced, with the deviation."""
        columns = {
            **self.keys,
            "published": self.published,
            "reproduced": self.reproduced,
            "deviation": self.deviation,
        }
        kept = np.flatnonzero(np.isfinite(self.published))
        return Table(columns, title=self.series).take(kept)


@dataclass(frozen=True, eq=False, repr=False)
class Reproduction:
    """Published series reproduced, and the record of what was compared with what.

    Attributes
    ----------
    name, title : str
        Of the recipe.
    edition : str
        Edition of the data, as found in the table.
    source : str
        Publisher and place of the data.
    comparisons : tuple of Comparison
    version : str
        Version of this library.
    fingerprint : str
        SHA-256 of the columns that the recipe read.
    options : mapping
        Options given by the caller.
    notes : tuple of str

    Examples
    --------
    >>> import tfp_index as tfp
    >>> found = tfp.reproductions.run("solow1957")
    >>> found.holds
    True
    >>> found.values("q/A").rows()[0]["published"]
    0.705
    """

    name: str
    title: str
    edition: str
    source: str
    comparisons: tuple[Comparison, ...]
    version: str
    fingerprint: str
    options: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every judged series is within its tolerance."""
        judged = [c.holds for c in self.comparisons if c.holds is not None]
        return bool(judged) and all(judged)

    def __getitem__(self, series: str) -> Comparison:
        for comparison in self.comparisons:
            if comparison.series == series:
                return comparison
        raise DataError(
            f"the reproduction {self.name!r} has no series {series!r}",
            code="unknown_series",
            column=series,
            remedy=nearest(series, [c.series for c in self.comparisons]),
        )

    def values(self, series: str) -> Table:
        """Return every value of a series, published and reproduced.

        Raises
        ------
        DataError
            If there is no such series.
        """
        return self[series].values()

    def table(self) -> Table:
        """Return one row per series: how many values, how far apart, where, and whether it holds.

        ``tolerance`` is the largest where it differs between values.
        """
        rows = self.comparisons
        judged = {True: "yes", False: "no", None: "not judged"}
        tolerances = [
            np.nan if c.tolerance is None else float(np.nanmax(c.tolerance)) for c in rows
        ]
        columns: dict[str, Any] = {
            "series": [c.series for c in rows],
            "unit": [c.unit for c in rows],
            "compared": [c.compared for c in rows],
            "not_reproduced": [c.not_reproduced for c in rows],
            "max_deviation": [c.maximum for c in rows],
            "median_deviation": [c.median for c in rows],
            "tolerance": np.array(tolerances, np.float64),
            "largest_at": [c.largest_at for c in rows],
            "holds": [judged[c.holds] for c in rows],
        }
        return Table(columns, title=self.title, notes=self.notes)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return `table` as a frame."""
        return self.table().to_frame(backend)

    def summary(self) -> str:
        """Return the verdict, the table and the reasons as text."""
        told = "reproduced within tolerance" if self.holds else "NOT reproduced within tolerance"
        lines = [f"{self.edition}: {told}", str(self.table())]
        reasons: dict[str, list[str]] = {}
        for c in self.comparisons:
            reasons.setdefault(c.reason, []).append(c.series)
        lines += [f"{'; '.join(of)}: {reason}" for reason, of in reasons.items() if reason]
        return "\n".join([*lines, f"source: {self.source}"])

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the table as plain data."""
        record: dict[str, Any] = plain(
            {
                "reproduction": self.name,
                "title": self.title,
                "edition": self.edition,
                "source": self.source,
                "version": self.version,
                "fingerprint": self.fingerprint,
                "options": dict(self.options),
                "notes": list(self.notes),
                "holds": self.holds,
            }
        )
        rows = self.table().rows()
        for row, comparison in zip(rows, self.comparisons, strict=True):
            row["reason"] = comparison.reason
        return {**record, "series": rows}

    def __str__(self) -> str:
        return self.summary()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def compare_rows(
    series: str,
    panel: Panel,
    published: str | Floats,
    reproduced: Floats,
    tolerance: float | Floats | None,
    *,
    unit: str,
    reason: str = "",
    relative: bool = False,
    rows: NDArray[np.bool_] | None = None,
) -> Comparison:
    """Compare a series by entity and period.

    Parameters
    ----------
    panel : Panel
        Gives the keys.
    published : str or (n,) float array
        Role of the panel, or values in panel order.
    reproduced : (n,) float array
        In panel order.
    rows : (n,) bool array, optional
        Rows to which the comparison is confined.
    """
    theirs = panel[published] if isinstance(published, str) else published
    keep = np.ones(panel.n_rows, bool) if rows is None else rows
    limit = tolerance[keep] if isinstance(tolerance, np.ndarray) else tolerance
    return Comparison(
        series=series,
        unit=unit,
        keys={name: labels[keep] for name, labels in panel.keys.columns().items()},
        published=theirs[keep],
        reproduced=reproduced[keep],
        tolerance=limit,
        reason=reason,
        relative=relative,
    )
