"""Reading the bundled datasets: compressed text in, arrays, then the frame asked for."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.datasets.catalog import DatasetInfo, Kind, describe
from tfp_index.datasets.hours import fill_hours
from tfp_index.errors import FileError

__all__ = ["load"]

Array = NDArray[Any]


def load(name: str, backend: str = "pandas") -> Any:
    """Load a bundled dataset as a frame.

    Text is text, counts and years are 64-bit integers, all else is float64 with NaN where the
    source has nothing. ``describe(name)`` gives source, license, vintage and the unit of each
    column. Nothing is downloaded.

    Parameters
    ----------
    name : str
        One of ``names()``.
    backend : {"pandas", "polars", "pyarrow", "duckdb"}
        Library of the frame returned.

    Returns
    -------
    frame of the wanted library
        A new one at each call.

    Raises
    ------
    SpecificationError
        If the dataset or the backend is unknown.
    MissingDependencyError
        If the package of the backend is not installed.

    Examples
    --------
    >>> pwt = load("pwt110")
    >>> pwt.shape
    (13690, 27)
    >>> korea = pwt[(pwt["country"] == "KOR") & (pwt["year"] == 2023)]
    >>> korea["rtfpna"].round(4).tolist()
    [0.9769]
    """
    columns = _columns(name)
    from tfp_index.panel.frames import build_frame  # the door; needed for frames only

    return build_frame(columns, backend)


def _columns(name: str) -> dict[str, Array]:
    """Return all columns of a dataset, stored and derived, in the order of its description."""
    info = describe(name)
    columns = _read(info)
    if name == "pwt110":
        columns |= _labor_input(columns)
    return {column: columns[column] for column in info.units}


def _labor_input(columns: dict[str, Array]) -> dict[str, Array]:
    filled = fill_hours(columns["country"], columns["year"], columns["avh"])
    return {
        "avh_filled": filled.hours,
        "avh_filled_from": filled.origin,
        "labor_input": columns["emp"] * filled.hours * columns["hc"],
    }


def _read(info: DatasetInfo) -> dict[str, Array]:
    """Read the stored columns of a dataset."""
    table = csv.reader(io.StringIO(_text(info.name), newline=""), strict=True)
    header = next(table, [])
    rows = list(table)
    if header != list(info.stored) or len(rows) != info.rows:
        raise FileError(
            f"the file of dataset {info.name!r} is not the one this version was made with",
            code="damaged_dataset",
            remedy="install tfp-index again",
        )
    return {
        column: _parse(values, info.kinds[column])
        for column, values in zip(info.stored, zip(*rows, strict=True), strict=True)
    }


def _text(name: str) -> str:
    folder = files("tfp_index.datasets") / "data"
    plain = folder / f"{name}.csv"
    if plain.is_file():
        return plain.read_bytes().decode("utf-8")
    return gzip.decompress((folder / f"{name}.csv.gz").read_bytes()).decode("utf-8")


def _parse(cells: Sequence[str], kind: Kind) -> Array:
    """Turn the cells of one column into an array; an empty cell is missing."""
    if kind == "integer":
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    if kind == "real":
        return np.array([float(cell) if cell else np.nan for cell in cells], dtype=np.float64)
    out = np.empty(len(cells), dtype=object)
    out[:] = [cell or None for cell in cells]
    return out
