"""The one door: every meeting with a dataframe library happens here (and, for files, in `files`).

Frames come in through narwhals (its stable interface) and leave as the library the caller used.
Everything behind the door sees numpy arrays.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index._optional import require
from tfp_index.errors import DataError, SpecificationError, nearest
from tfp_index.kernels.blocks import default_threads
from tfp_index.kernels.ordering import dense_codes

__all__ = [
    "BACKENDS",
    "FrameReader",
    "arrow_batches",
    "build_frame",
    "factorize",
    "is_missing",
    "label_key",
    "quoted",
    "read_columns",
    "relation_batches",
]

BACKENDS = ("pandas", "polars", "pyarrow", "duckdb")
"""Frame libraries that results can be handed out in."""

Array = NDArray[Any]


class FrameReader:
    """Columns of any supported frame, as numpy arrays.

    Parameters
    ----------
    frame : pandas, polars or pyarrow table, DuckDB relation, Arrow stream or mapping
        A mapping of names to arrays comes back as pandas.

    Raises
    ------
    DataError
        If the object is no frame, or two columns share a name.

    Examples
    --------
    >>> reader = FrameReader({"year": np.array([2020, 2021]), "gdp": np.array([1.0, np.nan])})
    >>> reader.backend, reader.names, len(reader)
    ('pandas', ('year', 'gdp'), 2)
    """

    def __init__(self, frame: Any) -> None:
        import narwhals.stable.v2 as nw

        self.backend = "pandas"
        if isinstance(frame, Mapping):
            self._columns: dict[str, Any] = {str(k): np.asarray(v) for k, v in frame.items()}
            lengths = {name: column.shape[:1] for name, column in self._columns.items()}
            if len(set(lengths.values())) > 1:
                raise DataError(f"columns differ in length: {lengths}", code="ragged_columns")
            self._length = next(iter(lengths.values()))[0] if lengths else 0
            self.names = tuple(self._columns)
            return
        _refuse_duplicates(frame)
        wrapped = _wrap(frame, nw)
        self.backend = _backend_of(frame, wrapped)
        if isinstance(wrapped, nw.LazyFrame):
            wrapped = wrapped.collect()
        self._columns = {str(name): wrapped.get_column(name) for name in wrapped.columns}
        self._length = len(wrapped)
        self.names = tuple(self._columns)

    def __len__(self) -> int:
        return self._length

    def _column(self, name: str) -> Any:
        try:
            return self._columns[name]
        except KeyError:
            raise DataError(
                f"there is no column {name!r}",
                code="unknown_column",
                column=name,
                remedy=nearest(name, self.names),
            ) from None

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column as contiguous float64, missing entries as NaN.

        Raises
        ------
        DataError
            If the column is absent or holds something that is not a number.
        """
        column = self._column(name)
        values = column if isinstance(column, np.ndarray) else _series_numbers(column)
        if values.dtype.kind in "OUS":
            values = _numbers_from_objects(values, name)
        elif values.dtype.kind not in "fiub":
            raise DataError(
                f"column {name!r} holds {values.dtype}, not numbers",
                code="not_a_number",
                column=name,
            )
        return np.ascontiguousarray(values, dtype=np.float64)

    def keys(self, name: str) -> Array:
        """Return a key column as int64, datetime64 or object array; missing entries as None."""
        column = self._column(name)
        values = column if isinstance(column, np.ndarray) else _series_keys(column)
        if values.dtype.kind in "iub":
            return values.astype(np.int64, copy=False)
        if values.dtype.kind == "f":
            return _keys_from_floats(values)
        if values.dtype.kind == "M":
            return values
        return values.astype(object)

    def categories(self, name: str) -> tuple[NDArray[np.int64], Array]:
        """Number the distinct keys of a column; see `factorize`.

        Text is numbered by the frame's own library where that is quicker than by ours.
        """
        column = self._column(name)
        if isinstance(column, np.ndarray):
            return factorize(self.keys(name))
        coded = _coded_text(column)
        return factorize(self.keys(name)) if coded is None else _by_label(*coded)

    def is_integer(self, name: str) -> bool:
        """Return whether the frame declares a column to hold integers."""
        column = self._column(name)
        if isinstance(column, np.ndarray):
            return bool(column.dtype.kind in "iub")
        return bool(column.dtype.is_integer())

    def coded(self, name: str) -> tuple[NDArray[np.int64], Array]:
        """Number the distinct keys of a column in any order; missing keys get -1.

        Quicker than `categories`, because no label is compared with another.
        """
        column = self._column(name)
        coded = None if isinstance(column, np.ndarray) else _coded_text(column)
        if coded is not None:
            return coded[0], _objects(coded[1])
        return factorize(self.keys(name))


def arrow_batches(frame: Any, columns: Collection[str], rows: int) -> Any:
    """Return a reader of Arrow record batches over some columns of a frame.

    A DuckDB relation and an Arrow stream are read as they come, never whole.

    Raises
    ------
    DataError
        If a column holds values of several types, for which Arrow has no one type.
    """
    pa = require("pyarrow", extra="io", purpose="streaming a frame")
    if type(frame).__module__.partition(".")[0] in ("duckdb", "_duckdb"):
        return relation_batches(frame.project(", ".join(quoted(name) for name in columns)), rows)
    if isinstance(frame, Mapping):
        frame = build_frame({str(k): np.asarray(v) for k, v in frame.items()}, "pandas")
    if isinstance(frame, pa.RecordBatchReader):
        return frame
    import narwhals.stable.v2 as nw

    _refuse_duplicates(frame)
    wrapped = _wrap(frame, nw).lazy().select(*columns).collect()
    found = "bytes"
    try:
        table = wrapped.to_arrow()
        binary = [field.name for field in table.schema if pa.types.is_binary(field.type)]
        if not any(isinstance(v, str) for name in binary for v in wrapped[name].to_list()):
            return table.to_reader(rows)
    except (ValueError, TypeError, NotImplementedError) as error:  # Arrow's own are among these
        found = str(error)
    raise DataError(
        f"the frame has a column of mixed types, or of one that Arrow lacks: {found}",
        code="mixed_types",
        expected="one type in each column",
        remedy='write keys in one way, all as text or all as whole numbers, or engine="threads"',
    )


def relation_batches(relation: Any, rows: int) -> Any:
    """Return a reader of Arrow record batches over a DuckDB relation, which is never whole."""
    if hasattr(relation, "to_arrow_reader"):
        return relation.to_arrow_reader(rows)
    return relation.fetch_arrow_reader(rows)  # releases before that name


def quoted(name: str) -> str:
    """Return an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def _coded_text(series: Any) -> tuple[NDArray[np.int64], list[Any]] | None:
    """Return codes (-1 for missing) and labels of a text column, or None for other types."""
    import narwhals.stable.v2 as nw

    if series.dtype not in (nw.String, nw.Categorical, nw.Enum):
        return None
    native = series.to_native()
    if type(native).__module__.startswith("pandas"):
        import pandas as pd

        codes, labels = pd.factorize(native)
        return codes.astype(np.int64), list(labels)
    try:
        import pyarrow as pa
    except ImportError:  # polars works without it, a little slower
        return None
    array = native.to_arrow() if hasattr(native, "to_arrow") else native
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    indices = array.indices.cast(pa.int64())  # polars numbers categories without a sign
    codes = indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes.astype(np.int64), array.dictionary.to_pylist()


def _refuse_duplicates(frame: Any) -> None:
    if hasattr(frame, "collect_schema"):  # polars: asking a lazy frame for columns costs a plan
        return  # and polars itself knows no two columns of one name
    names = getattr(frame, "column_names", None)
    names = getattr(frame, "columns", None) if names is None else names
    if names is None or callable(names):
        return
    listed = [str(name) for name in names]
    twice = (
        sorted({name for name in listed if listed.count(name) > 1})
        if (len(set(listed)) < len(listed))
        else []
    )
    if twice:
        raise DataError(
            f"the frame has several columns named {', '.join(map(repr, twice))}",
            code="duplicate_columns",
            column=twice[0],
            remedy="give each column a name of its own",
        )


def _wrap(frame: Any, nw: Any) -> Any:
    try:
        return nw.from_native(frame)
    except TypeError:
        if hasattr(frame, "__arrow_c_stream__"):
            require("pyarrow", extra="io", purpose="reading an Arrow stream")
            return nw.from_arrow(frame, backend="pyarrow")
        raise DataError(
            f"{type(frame).__name__} is not a table this library can read",
            code="not_a_frame",
            expected="a pandas, polars or pyarrow table, a DuckDB relation, an Arrow stream or a "
            "mapping of names to arrays",
        ) from None


def _backend_of(frame: Any, wrapped: Any) -> str:
    name = str(wrapped.implementation).rsplit(".", 1)[-1].lower()
    return (
        name
        if name in BACKENDS
        else "pyarrow"
        if hasattr(frame, "__arrow_c_stream__")
        else "pandas"
    )


def _series_numbers(series: Any) -> Array:
    import narwhals.stable.v2 as nw

    dtype = series.dtype
    if dtype == nw.Float64 or dtype.is_numeric() or dtype == nw.Boolean:
        if dtype != nw.Float64:
            try:
                series = series.cast(nw.Float64)
            except ValueError:  # Arrow refuses integers that a float cannot hold to the last digit
                return np.asarray(series.to_list(), dtype=object)
        values = series.to_numpy()
        if values.dtype.kind == "O":  # nullable extension types keep their own missing marker
            values = np.array([np.nan if v is None or v != v else v for v in values], np.float64)
        return np.asarray(values)
    return np.asarray(series.to_list(), dtype=object)


def _numbers_from_objects(values: Array, name: str) -> NDArray[np.float64]:
    out = np.empty(values.shape[0])
    for row, value in enumerate(values.tolist()):
        if is_missing(value):
            out[row] = np.nan
        elif isinstance(value, (int, float, decimal.Decimal, np.number)):
            out[row] = float(value)
        else:
            raise DataError(
                f"column {name!r} holds the text {str(value)[:40]!r} in row {row + 1}",
                code="not_a_number",
                column=name,
                expected="numbers",
                remedy="read the file with its decimal and thousands separators, or convert it",
            )
    return out


def is_missing(value: Any) -> bool:
    """Tell whether a value marks a missing entry, in whatever library's way.

    Examples
    --------
    >>> is_missing(None), is_missing(float("nan")), is_missing(""), is_missing(0)
    (True, True, False, False)
    """
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # a missing marker that refuses to be compared
        return True


def _series_keys(series: Any) -> Array:
    import narwhals.stable.v2 as nw

    dtype = series.dtype
    if dtype == nw.UInt64 and (series.max() or 0) >= 2**63:  # hashes, say
        return _objects(series.to_list())
    if dtype.is_integer() and not series.null_count():
        return np.asarray(series.cast(nw.Int64).to_numpy())
    if dtype.is_float() or dtype.is_integer():
        return _series_numbers(series)
    if dtype in (nw.Date, nw.Datetime):
        if dtype == nw.Datetime and dtype.time_unit == "ns":  # Arrow refuses to cut digits off
            return np.asarray(series.to_numpy()).astype("datetime64[us]")
        return np.asarray(series.cast(nw.Datetime("us")).to_numpy()).astype("datetime64[us]")
    if dtype in (nw.Categorical, nw.Enum):
        series = series.cast(nw.String)
    return _objects(series.to_list())


def _objects(values: list[Any]) -> Array:
    out = np.empty(len(values), object)
    out[:] = values
    return out


def _keys_from_floats(values: Array) -> Array:
    values = values.astype(np.float64, copy=False)
    finite = np.isfinite(values)
    if finite.all() and (np.trunc(values) == values).all() and (np.abs(values) < 2**53).all():
        return values.astype(np.int64)
    whole = finite & (np.trunc(np.where(finite, values, 0.0)) == np.where(finite, values, 0.0))
    return _objects(
        [
            None if not ok else int(v) if integral else v
            for v, ok, integral in zip(
                values.tolist(), finite.tolist(), whole.tolist(), strict=True
            )
        ]
    )


def factorize(values: Array) -> tuple[NDArray[np.int64], Array]:
    """Number the distinct keys of a column; missing keys get -1.

    The numbers follow the sorted labels (integers, then text, then anything else), so they do not
    depend on the order of the rows.

    Parameters
    ----------
    values : (n,) int64 or object array

    Returns
    -------
    codes : (n,) int64 array
    labels : (g,) array, int64 where all keys are integers, else object

    Examples
    --------
    >>> codes, labels = factorize(np.array(["Hạ Long", "Cẩm Phả", None, "Hạ Long"], object))
    >>> codes.tolist(), labels.tolist()
    ([1, 0, -1, 1], ['Cẩm Phả', 'Hạ Long'])
    """
    if values.dtype.kind == "i":
        return dense_codes(values)
    import pandas as pd

    if values.dtype.kind == "M":
        values = _objects([None if v is None else str(v)[:19] for v in values.tolist()])
    codes, labels = pd.factorize(values)
    return _by_label(codes.astype(np.int64), list(labels))


def _by_label(codes: NDArray[np.int64], labels: list[Any]) -> tuple[NDArray[np.int64], Array]:
    """Renumber codes so that they follow the sorted labels; labels without rows are dropped."""
    used = np.zeros(len(labels) + 1, bool)
    used[codes] = True  # -1, a missing key, marks the extra last place
    texts = all(type(label) is str for label in labels)
    key: Any = labels.__getitem__ if texts else lambda i: label_key(labels[i])
    order = sorted(np.flatnonzero(used[:-1]).tolist(), key=key)
    rank = np.full(len(labels) + 1, -1, np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], _objects([labels[i] for i in order])


def label_key(label: Any) -> tuple[int, Any, str]:
    """Return what labels are sorted by: numbers, then text, then anything else."""
    if isinstance(label, (int, float, np.number)):
        return (0, float(label), str(label))
    return (1 if isinstance(label, str) else 2, str(label), "")


def period_ordinals(values: Array) -> tuple[Array, str] | None:
    """Return ordinals and frequency letter if `values` are pandas periods, else None."""
    first = next((v for v in values.tolist() if not is_missing(v)), None)
    if first is None or type(first).__name__ != "Period":
        return None
    ordinals = [None if is_missing(v) else int(v.ordinal) for v in values.tolist()]
    return _objects(ordinals), str(first.freqstr)[0]


def build_frame(
    columns: Mapping[str, Array], backend: str = "pandas", *, fresh: Collection[str] = ()
) -> Any:
    """Make a frame of the wanted library from named arrays.

    Parameters
    ----------
    columns : mapping of name to (n,) array
    backend : {"pandas", "polars", "pyarrow", "duckdb"}
    fresh : names
        Columns that nobody else holds; the frame may keep them without a copy.

    Raises
    ------
    SpecificationError
        If the backend is unknown.
    MissingDependencyError
        If its package is not installed.

    Examples
    --------
    >>> build_frame({"x": np.array([1.0, 2.0])}).shape
    (2, 1)
    """
    if backend == "pandas":
        import pandas as pd

        if not fresh:
            return pd.DataFrame({name: _for_pandas(values) for name, values in columns.items()})
        held = [name for name in columns if name not in fresh]
        with ThreadPoolExecutor(min(default_threads(), 4)) as pool:  # copies release the lock
            copies = dict(zip(held, pool.map(lambda name: columns[name].copy(), held), strict=True))
        own = {name: _for_pandas(copies.get(name, values)) for name, values in columns.items()}
        return pd.DataFrame(own, copy=False)
    if backend == "polars":
        pl = require("polars", extra="polars", purpose="returning a polars frame")
        return pl.DataFrame(
            {name: _for_arrow(values) for name, values in columns.items()}, strict=False
        )
    if backend in ("pyarrow", "duckdb"):
        pa = require("pyarrow", extra="io", purpose="returning an Arrow table")
        table = pa.table({name: _for_arrow(values) for name, values in columns.items()})
        if backend == "pyarrow":
            return table
        duckdb = require("duckdb", extra="io", purpose="returning a DuckDB relation")
        return duckdb.from_arrow(table)
    raise SpecificationError(
        f"unknown backend {backend!r}", code="unknown_backend", remedy=nearest(backend, BACKENDS)
    )


def _for_pandas(values: Array) -> Array:
    return values.astype("datetime64[us]") if values.dtype.kind == "M" else values


def _for_arrow(values: Array) -> Any:
    if values.dtype.kind != "O":
        return values
    kinds = {type(v) for v in values.tolist() if v is not None}
    if len(kinds) > 1 and not kinds <= {int, float}:
        return [None if v is None else str(v) for v in values.tolist()]  # one type per column
    if kinds and all(issubclass(kind, dt.date) for kind in kinds):
        return values.tolist()
    return [v if v is None or isinstance(v, (str, int, float, bool)) else str(v) for v in values]


def read_columns(frame: Any) -> dict[str, Array]:
    """Return every column of a frame: float64 where it holds numbers, else objects.

    Examples
    --------
    >>> columns = read_columns({"unit": np.array(["a", "b"]), "x": np.array([1, 2])})
    >>> columns["x"].dtype.kind, columns["unit"].tolist()
    ('f', ['a', 'b'])
    """
    reader = FrameReader(frame)
    columns: dict[str, Array] = {}
    for name in reader.names:
        keys = reader.keys(name)
        if keys.dtype.kind == "O" and any(
            not is_missing(v) and not isinstance(v, (int, float, decimal.Decimal))
            for v in keys.tolist()
        ):
            columns[name] = keys
        else:
            columns[name] = keys if keys.dtype.kind == "M" else reader.numbers(name)
    return columns
