"""Growth accounting of enterprises: against a copy, pandas and polars, in time and memory."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import tfp_index as tfp
from benchmarks._harness import (
    MB,
    compare,
    copy_of,
    fresh_python,
    growth_over_rows,
    line,
    peak_allocated,
    peak_resident,
)

ROLES = {
    "entity": "firm",
    "time": "year",
    "output": "output",
    "capital": "capital",
    "labor": "labor",
    "labor_share": "labor_share",
}
SPEC = tfp.GrowthAccounting()


def enterprises(rows: int, *, seed: int = 1) -> dict[str, np.ndarray]:
    """Return some `rows` firm-years, sorted: firms come and go, and 3 percent of years are absent.

    Levels are random walks in logs around a firm's size.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 16, size=max(rows * 2 // 17, 1))
    lengths = lengths[: max(int(np.searchsorted(np.cumsum(lengths), rows * 1.03)), 1)]
    n = int(lengths.sum())
    firm = np.repeat(rng.permutation(lengths.size) + 10_000_000, lengths)
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    year = 2000 + np.repeat(rng.integers(0, 10, lengths.size), lengths) + np.arange(n) - starts
    order = np.lexsort((year, firm))
    order = order[rng.random(n) > 0.03]
    size = np.repeat(rng.normal(10.0, 1.5, lengths.size), lengths)
    frame = {"firm": firm, "year": year}
    for name, drift in (("output", 0.06), ("capital", 0.07), ("labor", 0.02)):
        walk = np.cumsum(rng.normal(drift, 0.1, n))
        frame[name] = np.exp(size + walk - walk[starts])
    frame["labor_share"] = rng.uniform(0.4, 0.7, n)
    return {name: values[order] for name, values in frame.items()}


def build(frame: Any) -> tfp.Panel:
    """Return the panel of a frame."""
    return tfp.Panel.from_frame(frame, **ROLES)


def pandas_idiom(frame: pd.DataFrame, *, rolling: bool = False) -> pd.DataFrame:
    """Do what an economist writes in pandas for sorted rows, calendar gaps minded.

    The mean share of two years is ``rolling(2).mean()``, as one says it, or half the sum with a
    shifted column, as one writes it who has waited for the former.
    """
    frame = frame.copy(deep=False)
    for name in ("output", "capital", "labor"):
        frame[f"ln_{name}"] = np.log(frame[name])
    firms = frame.groupby("firm")
    unbroken = firms["year"].diff() == 1
    for name in ("output", "capital", "labor"):
        frame[f"d_{name}"] = firms[f"ln_{name}"].diff().where(unbroken)
    if rolling:
        share = firms["labor_share"].rolling(2).mean().droplevel(0)
    else:
        share = 0.5 * (frame["labor_share"] + firms["labor_share"].shift())
    frame["labor_contribution"] = share * frame["d_labor"]
    frame["capital_contribution"] = (1 - share) * frame["d_capital"]
    frame["tfp_growth"] = (
        frame["d_output"] - frame["capital_contribution"] - frame["labor_contribution"]
    )
    return frame


def polars_idiom(frame: Any, *, sort: bool) -> Any:
    """Do the same in polars expressions over firms."""
    import polars as pl

    lazy = frame.lazy()
    if sort:
        lazy = lazy.sort("firm", "year")
    logs = [pl.col(name).log().diff().over("firm").alias(f"d_{name}") for name in _LEVELS]
    share = (0.5 * (pl.col("labor_share") + pl.col("labor_share").shift().over("firm"))).alias("s")
    unbroken = (pl.col("year").diff().over("firm") == 1).alias("unbroken")
    return (
        lazy.with_columns(*logs, share, unbroken)
        .with_columns(pl.when("unbroken").then(pl.col(f"d_{n}")).alias(f"d_{n}") for n in _LEVELS)
        .with_columns(
            labor_contribution=pl.col("s") * pl.col("d_labor"),
            capital_contribution=(1 - pl.col("s")) * pl.col("d_capital"),
        )
        .with_columns(
            tfp_growth=pl.col("d_output")
            - pl.col("capital_contribution")
            - pl.col("labor_contribution")
        )
        .collect()
    )


_LEVELS = ("output", "capital", "labor")


def pandas_per_firm(frame: pd.DataFrame) -> pd.DataFrame:
    """Do the same as the textbook formula for one firm, applied to every firm."""

    def account(firm: pd.DataFrame) -> pd.DataFrame:
        growth = np.log(firm[list(_LEVELS)]).diff()
        growth[firm["year"].diff() != 1] = np.nan
        share = firm["labor_share"].rolling(2).mean()
        labor, capital = share * growth["labor"], (1 - share) * growth["capital"]
        return firm.assign(
            labor_contribution=labor,
            capital_contribution=capital,
            tfp_growth=growth["output"] - capital - labor,
        )

    return frame.groupby("firm", group_keys=False)[list(frame.columns)].apply(account)


def with_text_ids(frame: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return the frame with ten-character identifiers, as tax codes are."""
    table = pd.DataFrame(frame)
    return table.assign(firm="01" + table["firm"].astype(str))


def prepared_fit(rows: int) -> Callable[[], Any]:
    """Return the accounting step on a panel that stands; for memory in a fresh process."""
    panel = build(enterprises(rows))
    return lambda: SPEC.fit(panel)


def run(quick: bool) -> list[dict[str, Any]]:
    """Return the lines of this topic."""
    rows = 300_000 if quick else 8_500_000
    frame = enterprises(rows)
    n = frame["firm"].size
    shuffle = np.random.default_rng(2).permutation(n)
    lines = [*_accounting(frame, n), *_other_idioms(min(rows, 1_000_000))]
    shuffled = {name: values[shuffle] for name, values in frame.items()}
    del frame, shuffle
    lines += _end_to_end(shuffled, n)
    lines.append(_text_ids(shuffled, min(n, 2_000_000)))
    del shuffled
    lines.append(_memory(rows))
    sizes = (10_000, 100_000, 300_000) if quick else (10_000, 100_000, 1_000_000, 10_000_000)
    lines += growth_over_rows("accounting on a built panel", prepared_fit, sizes)
    lines += growth_over_rows("building the panel, shuffled", _prepared_build, sizes, repeats=3)
    lines.append(_import())
    return lines


def _accounting(frame: dict[str, np.ndarray], n: int) -> list[dict[str, Any]]:
    panel = build(frame)
    table = pd.DataFrame(frame)
    _agree(SPEC.fit(panel), pandas_idiom(table)["tfp_growth"].to_numpy())
    columns = [panel[role] for role in (*_LEVELS, "labor_share")]
    lines = [
        compare(
            "accounting on a built panel",
            n,
            lambda: SPEC.fit(panel),
            copy_of(columns),
            against="copy of its input columns",
            inverse=True,
            repeats=15,
            note="required at most 2.5 at 8 million rows; small tables stay in cache",
        ),
        compare(
            "accounting on a built panel",
            n,
            lambda: SPEC.fit(panel),
            lambda: pandas_idiom(table),
            against="pandas groupby, diff and shift",
            note="the fastest way we know in pandas; same residuals to 1e-12",
        ),
    ]
    try:
        import polars as pl
    except ImportError:
        return lines
    polars = pl.DataFrame(frame)
    lines.append(
        compare(
            "accounting on a built panel",
            n,
            lambda: SPEC.fit(panel),
            lambda: polars_idiom(polars, sort=False),
            against="polars over()",
        )
    )
    return lines


def _other_idioms(rows: int) -> list[dict[str, Any]]:
    lines = []
    for size, idiom, said in (
        (rows, lambda table: pandas_idiom(table, rolling=True), "diff and rolling(2).mean()"),
        (20_000, pandas_per_firm, "apply, a function per firm"),
    ):
        frame = enterprises(size)
        panel, table = build(frame), pd.DataFrame(frame)
        _agree(SPEC.fit(panel), idiom(table)["tfp_growth"].to_numpy())
        lines.append(
            compare(
                "accounting on a built panel",
                len(table),
                lambda panel=panel: SPEC.fit(panel),
                lambda idiom=idiom, table=table: idiom(table),
                against=f"pandas groupby, {said}",
                repeats=3,
                note="required at least 20; fewer rows, because the other takes its time",
            )
        )
    return lines


def _text_ids(shuffled: dict[str, np.ndarray], n: int) -> dict[str, Any]:
    table = with_text_ids({name: values[:n] for name, values in shuffled.items()})
    return compare(
        "build from shuffled rows, text ids",
        n,
        lambda: SPEC.fit(build(table)),
        lambda: pandas_idiom(table.sort_values(["firm", "year"])),
        against="pandas sort_values, groupby",
        repeats=3,
    )


def _end_to_end(shuffled: dict[str, np.ndarray], n: int) -> list[dict[str, Any]]:
    table = pd.DataFrame(shuffled)
    lines = [
        compare(
            "build from shuffled rows, account",
            n,
            lambda: SPEC.fit(build(table)),
            lambda: pandas_idiom(table.sort_values(["firm", "year"])),
            against="pandas sort_values, groupby",
            note="required at least 2",
        )
    ]
    try:
        import polars as pl
    except ImportError:
        return lines
    polars = pl.DataFrame(shuffled)
    lines.append(
        compare(
            "build from shuffled rows, account",
            n,
            lambda: SPEC.fit(build(polars)),
            lambda: polars_idiom(polars, sort=True),
            against="polars sort, over()",
        )
    )
    return lines


def _memory(rows: int) -> dict[str, Any]:
    result, allocated = peak_allocated(prepared_step := prepared_fit(rows))
    terms = result.terms
    arrays = {id(a): a for a in (terms.output_growth, terms.input_growth, terms.contributions)}
    arrays |= {id(a): a for a in (terms.tfp_growth, terms.tfp_contribution, terms.status)}
    output = sum(array.nbytes for array in arrays.values()) / MB
    del prepared_step, result
    resident = peak_resident("benchmarks.bench_growth", "prepared_fit", rows)
    return line(
        "peak memory of the accounting step",
        rows,
        other="its output",
        ratio=resident / output,
        peak_mb=resident,
        note=f"ratio is peak / output; output {output:,.0f} MB, above it {resident - output:.1f} "
        f"MB resident in a fresh process, {allocated - output:.1f} MB allocated; at most 64",
    )


def _prepared_build(rows: int) -> Callable[[], Any]:
    frame = enterprises(rows)
    shuffle = np.random.default_rng(3).permutation(frame["firm"].size)
    shuffled = {name: values[shuffle] for name, values in frame.items()}
    return lambda: build(shuffled)


def _agree(result: Any, theirs: np.ndarray) -> None:
    """Refuse to time two things that do not compute the same."""
    ours = result.tfp_growth
    if not np.allclose(ours, theirs, rtol=0, atol=1e-12, equal_nan=True):
        raise AssertionError("the idiom and the library disagree")


def _import() -> dict[str, Any]:
    codes = {"nothing": "pass", "numpy": "import numpy", "ours": "import tfp_index"}
    times: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(9):
        for name, code in codes.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            fresh_python(code)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    bare = min(times["nothing"])
    ours, numpy = min(times["ours"]) - bare, min(times["numpy"]) - bare
    return line(
        "import tfp_index",
        0,
        ours_seconds=ours,
        other="import numpy",
        other_seconds=numpy,
        ratio=ours / numpy,
        note="CPU seconds beyond a bare interpreter, best of 9; ratio is ours / other; "
        "required at most 1.5",
    )
