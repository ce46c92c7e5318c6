"""The smallest engine: partitions of a frame by entity, one after the other."""

from __future__ import annotations

import hashlib
import inspect
import pickle
from typing import Any

import numpy as np
import pandas as pd

import tfp_index as tfp
from tfp_index.panel.roles import collect_roles
from tfp_index.scale.task import Context, Write, add

PARTITIONS = (1, 2, 7, 64)
COMMON = [
    name
    for name, value in inspect.signature(tfp.Panel.from_frame).parameters.items()
    if name not in ("frame", "entity", "time", "item", "inputs", "columns", "groups", "logs",
                    "step", "frequency", "vintage")
]  # fmt: skip


def context_of(frame: Any, roles: dict[str, Any], partitions: int) -> Context:
    panel = tfp.Panel.from_frame(frame, **roles)
    read = collect_roles(
        roles["entity"], roles["time"], roles.get("item"),
        {name: roles.get(name) for name in COMMON},
        roles.get("inputs"), roles.get("columns"), roles.get("groups"),
    )  # fmt: skip
    return Context(
        roles=read,
        calendar=panel.keys.calendar,
        groups={name: category.labels for name, category in panel.groups.items()},
        rows=panel.keys.frame_rows,
        keyless_rows=len(panel.keyless_rows),
        fingerprint="none",
        logs=panel.logs,
        step=panel.step,
        vintage=panel.vintage,
        partitions=partitions,
        entities=panel.n_entities,
    )


def split(frame: pd.DataFrame, entity: str, partitions: int) -> list[pd.DataFrame]:
    def place(label: Any) -> int:
        text = f"{type(label).__name__} {label}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") % partitions

    if partitions == 1:
        return [frame]
    where = np.array([place(label) for label in frame[entity]])
    keyed = frame[entity].notna().to_numpy()  # a partition without a row that has a key is skipped
    return [frame[where == p] for p in range(partitions) if (keyed & (where == p)).any()]


def run(
    program: Any,
    spec: Any,
    frame: pd.DataFrame,
    roles: dict[str, Any],
    partitions: int,
    written: dict[str, list[Any]] | None = None,
    **options: Any,
) -> Any:
    """Run a program; rows that it writes are collected in `written`."""
    context = context_of(frame, roles, partitions)
    roles = {**roles}
    if context.calendar.frequency != "integer":
        roles.setdefault("frequency", context.calendar.frequency)
    parts = [
        tfp.Panel.from_frame(part, **roles)
        for part in split(frame, roles["entity"], partitions)
    ]  # fmt: skip
    steps = program(spec, context, **options)
    answer = None
    while True:
        try:
            task = steps.send(answer)
        except StopIteration as end:
            return end.value
        answer, task = None, pickle.loads(pickle.dumps(task))  # as another process would get it
        for place, part in enumerate(parts):
            found = task.function(part, *task.arguments)
            if isinstance(task, Write):
                columns, found = found
                if written is not None:
                    table = getattr(columns, "columns", columns)
                    written.setdefault(task.name, []).append(pd.DataFrame(dict(table)))
            answer = found if place == 0 else add(answer, found)


def same(a: Any, b: Any, tolerance: float) -> None:
    """Assert that two tables have the same columns, labels and numbers."""
    assert list(a.columns) == list(b.columns)
    for name in a.columns:
        x, y = a[name], b[name]
        assert x.shape == y.shape, (name, x.shape, y.shape)
        if np.asarray(x).dtype.kind in "fiub" and np.asarray(y).dtype.kind in "fiub":
            close(np.asarray(x, float), np.asarray(y, float), tolerance, name)
        else:
            assert [str(v) for v in x.tolist()] == [str(v) for v in y.tolist()], name


def close(x: Any, y: Any, tolerance: float, name: str = "") -> None:
    """Assert equality of numbers: relative, or to the size of the column for near zeros."""
    if tolerance == 0.0:
        np.testing.assert_array_equal(x, y, err_msg=name)
        return
    size = np.nanmax(np.abs(y[np.isfinite(y)]), initial=0.0) if y.size else 0.0
    np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * max(size, 1e-300),
                               err_msg=name)  # fmt: skip
