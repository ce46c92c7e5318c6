"""A generator of hostile tables: the examples' tables, spoiled in one to three ways."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import tfp_index as tfp
from tests.contract.examples import EXAMPLES, Example
from tfp_index.errors import listening

Rng = np.random.Generator
Spoil = Callable[[pd.DataFrame, Example, Rng], pd.DataFrame]

NUMBERS = [
    *(0, -0.0, -1, -1e-300, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 1e-300, 1e150, 2**70),
    *(None, "x", "", "1.5", "1.234,5", "1e400", True, pd.NA, pd.NaT, 1 + 2j, [1], {"a": 1}),
    *(decimal.Decimal("1.5"), decimal.Decimal("NaN"), np.float32(1.5), np.int8(3), b"1"),
]
IDS = [
    *("", " ", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "+1", "-1", "@x", "\t", "\x00"),
    *("Hạ\u0301", "Ha\u0323\u0301", "\u202eabc", "\ufeffA", "a" * 10_000, "日本", "🙂"),
    *("nan", "None"),
    *(0, 3, -3, 3.5, 2**62, np.nan, None, np.inf, -np.inf, ("t", 1), b"b", True, pd.NA, pd.NaT),
    *(pd.Timestamp("2020-01-01"), dt.date(2020, 1, 1), decimal.Decimal("1")),
]
TIMES = [
    *(2002.5, "2002", "x", "", None, np.nan, -5, 0, 2**62, -(2**62), np.inf, "2002Q1", "2002-13"),
    *(True, pd.Timestamp("2002-01-01"), dt.date(2002, 1, 1), pd.NaT, pd.NA, b"2002", ("t", 1)),
]
TYPES = [
    *("float16", "float32", "int8", "uint8", "int64", "uint64", "bool", "complex128", "object"),
    *("Int64", "Float64", "boolean", "string", "category", "datetime64[ns]", "timedelta64[ns]"),
]
LIBRARIES = ("pandas", "pandas", "polars", "pyarrow", "mapping")


@dataclass(frozen=True)
class Case:
    """One spoiled table: which example, what was done to it, in which library it comes."""

    seed: int
    example: Example
    frame: Any
    rows: int
    done: tuple[str, ...]

    def __str__(self) -> str:
        method = type(self.example.spec).__name__
        return f"case {self.seed}: {method}, {' + '.join(self.done)}"


def columns_of(example: Example, kind: str) -> list[str]:
    """Return the caller's columns of one kind: numbers, groups, or the keys."""
    keys = [example.roles[name] for name in ("entity", "item") if name in example.roles]
    groups = list(example.roles.get("groups", {}).values())
    if kind == "ids":
        return [*keys, *groups]
    numbers: list[str] = []
    for role, column in example.roles.items():
        if role in ("inputs", "columns"):
            numbers += column.values()
        elif role not in ("entity", "item", "time", "groups") and isinstance(column, str):
            numbers.append(column)
    return [n for n in numbers if n in example.frame.columns]


def pick(rng: Rng, values: list[Any]) -> Any:
    return values[int(rng.integers(len(values)))]


def plant(frame: pd.DataFrame, column: str, value: Any, rng: Rng) -> pd.DataFrame:
    """Put a value into one cell, a few cells, or all of a column."""
    if not len(frame):
        return frame
    share = pick(rng, [0.0, 0.0, 0.1, 0.5, 1.0])
    cells = np.asarray(frame[column].astype(object).to_numpy(), object).copy()
    chosen = rng.random(len(frame)) < share
    chosen[int(rng.integers(len(frame)))] = True
    for row in np.flatnonzero(chosen):
        cells[row] = value
    series = pd.Series(cells, index=frame.index, dtype=object)
    return frame.assign(**{column: series if rng.random() < 0.5 else series.infer_objects()})


def a_number(frame: pd.DataFrame, example: Example, rng: Rng) -> pd.DataFrame:
    names = columns_of(example, "numbers")
    return plant(frame, pick(rng, names), pick(rng, NUMBERS), rng) if names else frame


def an_id(frame: pd.DataFrame, example: Example, rng: Rng) -> pd.DataFrame:
    return plant(frame, pick(rng, columns_of(example, "ids")), pick(rng, IDS), rng)


def a_time(frame: pd.DataFrame, example: Example, rng: Rng) -> pd.DataFrame:
    return plant(frame, example.roles["time"], pick(rng, TIMES), rng)


def a_type(frame: pd.DataFrame, example: Example, rng: Rng) -> pd.DataFrame:
    column, kind = pick(rng, list(frame.columns)), pick(rng, TYPES)
    try:
        return frame.assign(**{str(column): frame[column].astype(kind)})
    except (TypeError, ValueError, OverflowError, AttributeError, pd.errors.IntCastingNaNError):
        return frame.assign(**{str(column): pd.Series(range(len(frame)), index=frame.index)})


def a_scale(frame: pd.DataFrame, example: Example, rng: Rng) -> pd.DataFrame:
    names = columns_of(example, "numbers")
    if not names:
        return frame
    column, factor = pick(rng, names), pick(rng, [1e-300, 1e-160, 1e-20, -1.0, 0.0, 1e20, 1e160])
    values = pd.to_numeric(frame[column], errors="coerce")
    return frame.assign(**{column: values.astype(float) * factor})


def a_constant(frame: pd.DataFrame, example: Example, rng: Rng) -> pd.DataFrame:
    names = columns_of(example, "numbers")
    if not names:
        return frame
    column = pick(rng, names)
    return frame.assign(**{column: frame[pick(rng, names)] if rng.random() < 0.5 else 1.0})


def a_shape(frame: pd.DataFrame, example: Example, rng: Rng) -> pd.DataFrame:
    entity, time = frame[example.roles["entity"]], frame[example.roles["time"]]
    shapes: list[Callable[[], pd.DataFrame]] = [
        lambda: frame.iloc[:0],
        lambda: frame.iloc[:1],
        lambda: frame.iloc[: int(rng.integers(2, 6))],
        lambda: frame[(entity == entity.iloc[0]).to_numpy(bool)],
        lambda: frame[(time == time.iloc[0]).to_numpy(bool)],
        lambda: frame[rng.random(len(frame)) < 0.5],
        lambda: frame.groupby(entity.astype(str), sort=False).head(1),
        lambda: pd.concat([frame, frame]),
        lambda: pd.concat([frame, frame.iloc[:1]]),
        lambda: frame.sample(frac=1.0, random_state=int(rng.integers(1000))),
        lambda: frame.iloc[::-1],
    ]
    try:
        return pick(rng, shapes)()
    except (TypeError, ValueError, KeyError, IndexError):
        return frame.iloc[:0]


def a_name(frame: pd.DataFrame, example: Example, rng: Rng) -> pd.DataFrame:
    column = pick(rng, list(frame.columns))
    others = ["productivity", "index", "entity", "level_0", "__row__", "", "<b>", "=1"]
    names: list[Callable[[], pd.DataFrame]] = [
        lambda: frame.drop(columns=column),
        lambda: frame.rename(columns={column: pick(rng, others)}),
        lambda: frame.rename(columns={column: pick(rng, list(frame.columns))}),
        lambda: frame.set_index(column, drop=False),
        lambda: frame.set_index([frame.columns[0], frame.columns[1]], drop=False),
        lambda: frame.set_axis(np.zeros(len(frame), int), axis=0),
        lambda: frame.assign(**{pick(rng, others): 1.0}),
    ]
    return pick(rng, names)()


SPOILS: tuple[Spoil, ...] = (
    *(a_number, a_number, a_number, an_id, an_id, a_time, a_time),
    *(a_type, a_type, a_scale, a_constant, a_shape, a_shape, a_name),
)


def attempt(spoil: Spoil, frame: pd.DataFrame, example: Example, rng: Rng) -> pd.DataFrame:
    """Spoil a frame; what pandas itself cannot hold stays as it was."""
    try:
        return spoil(frame, example, rng)
    except NotImplementedError:  # an index of half floats, say
        return frame


def in_library(frame: pd.DataFrame, library: str) -> Any:
    """Hand a frame over in another library; None where that library cannot hold it."""
    if library == "mapping":
        if len(set(map(str, frame.columns))) < len(frame.columns):
            return None
        return {str(name): frame[name].to_numpy() for name in frame.columns}
    try:
        if library == "polars":
            import polars as pl

            return pl.from_pandas(frame)
        if library == "pyarrow":
            import pyarrow as pa

            return pa.Table.from_pandas(frame, preserve_index=False)
    except Exception:  # theirs, before we have seen anything
        return None
    return frame


def case(seed: int) -> Case | None:
    """Return the case of a number; the same number always gives the same case."""
    rng = np.random.default_rng(seed)
    names = sorted(EXAMPLES)
    example: Example = pick(rng, list(EXAMPLES[pick(rng, names)]))
    frame = example.frame.copy()
    done: list[str] = []
    for _ in range(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))):
        spoil = SPOILS[int(rng.integers(len(SPOILS)))]
        unique = len(set(map(str, frame.columns))) == len(frame.columns)
        present = {example.roles["entity"], example.roles["time"], *columns_of(example, "ids")}
        present |= set(columns_of(example, "numbers"))
        if not unique or not present <= set(frame.columns):
            break  # a lost or doubled column ends the spoiling
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # theirs
            frame = attempt(spoil, frame, example, rng)
        done.append(spoil.__name__)
    library = LIBRARIES[int(rng.integers(len(LIBRARIES)))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        native = in_library(frame, library)
    if native is None:
        return None
    return Case(seed, example, native, len(frame), (*done, library))


def cases(first: int, count: int) -> Iterator[Case]:
    """Yield `count` cases from the number `first` on."""
    seed = first
    while count:
        found = case(seed)
        seed += 1
        if found is not None:
            count -= 1
            yield found


def outcome(found: Case) -> str:
    """Fit a case: ``"fitted"``, ``"refused"``, or what went wrong."""
    try:
        with listening():
            result = found.example.fit(found.frame)
            shown = [str(result), result._repr_html_(), str(result.tidy()), str(result.glance())]
            text = json.dumps(result.to_dict(), allow_nan=False)
    except tfp.TFPError as error:
        json.dumps(error.to_dict(), allow_nan=False)
        return "refused" if str(error) and error.code != "error" else f"no code: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    sample = result.sample
    if not sample.balanced or sample.rows != found.rows:
        return f"rows uncounted: {found.rows} in the table, {sample.to_dict()}"
    if "<script>" in shown[1]:
        return "markup in HTML"
    return "fitted" if text else "no JSON"
