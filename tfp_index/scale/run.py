"""Run a specification over partitions: in memory, out of core or on a cluster."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfp_index._version import __version__
from tfp_index.errors import DataError, FileError, SpecificationError, nearest
from tfp_index.kernels.resampling import seed_sequence
from tfp_index.panel.calendar import Calendar, read_calendar
from tfp_index.panel.frames import factorize
from tfp_index.panel.mapping import ReadOnly
from tfp_index.panel.table import plain
from tfp_index.results.result import Record, Sample
from tfp_index.results.specification import Specification
from tfp_index.scale._hashing import digest
from tfp_index.scale._registry import program_of
from tfp_index.scale.engines import Plan, Shuffled, prepare, refuse_engine
from tfp_index.scale.job import Job
from tfp_index.scale.manifest import WorkFolder
from tfp_index.scale.sources import Files, Reading, open_source, read_roles
from tfp_index.scale.task import Context, Program, Task, Write, add
from tfp_index.scale.visit import Outcome, Request, Survey, part_name, refuse_empty

__all__ = ["parse_memory", "run"]

_LOG = logging.getLogger(__name__)

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {f"{unit}i": 2 ** (10 * power) for power, unit in enumerate("kmgt", start=1)}


def run(
    spec: Specification,
    source: Any,
    *,
    roles: Mapping[str, Any],
    out: Any = None,
    engine: str = "threads",
    partitions: int | None = None,
    memory: str | int | None = None,
    client: Any = None,
    resume: bool = False,
    rng: Any = None,
    on_progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Job:
    """Run a specification over partitions that hold whole entities.

    Digits do not depend on the engine, and on the number of partitions only as far as sums depend
    on the order of their terms.

    Parameters
    ----------
    spec : Specification
        As it would be fitted in memory.
    source : path, pattern, folder, list of paths, or frame
        Parquet or CSV files, any frame that `Panel.from_frame` reads, a Dask dataframe
        (``engine="dask"``) or a Spark dataframe (``engine="spark"``).
    roles : mapping
        The keywords of `Panel.from_frame`. Only the columns named here are read.
    out : path, optional
        Folder for row-level results, record, result and manifest. Without it rows are not kept.
    engine : {"threads", "processes", "duckdb", "dask", "spark"}
        ``"threads"`` holds the data in memory; ``"processes"`` and ``"duckdb"`` spill partitions
        to disk; the last two need a cluster or start a local one.
    partitions : int, optional
        Default: enough that one fits the memory (``"duckdb"``), or one for each million rows.
    memory : str or int, optional
        Budget of ``"duckdb"`` and ``"processes"``, such as ``"2GiB"`` (the default).
    client : object, optional
        A ``concurrent.futures`` executor, a Dask ``Client`` or a ``SparkSession``.
    resume : bool
        Go on where a run in `out` was stopped or killed. The finished run has the same bytes.
    rng : None, int, SeedSequence or Generator
        Seed of everything random.
    on_progress : callable, optional
        Called as ``on_progress(done, total)`` with partitions done and known so far; the total
        grows with every round. Raise in it to cancel.
    **options
        What ``fit`` takes beside the panel, such as ``productivity="tfp"`` (a column) and
        ``periods=[(2015, 2020)]`` of a decomposition.

    Returns
    -------
    Job

    Raises
    ------
    SpecificationError
        If an option is invalid or the specification cannot be run over partitions.
    DataError
        If the data cannot be used.
    FileError
        If a file cannot be read or written.
    MissingDependencyError
        If the engine's package is not installed.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> firms = {"firm": [1, 1, 2, 2], "year": [2020, 2021] * 2, "y": [10.0, 11.0, 5.0, 6.0],
    ...          "k": [20.0, 21.0, 9.0, 9.5], "l": [3.0, 3.0, 2.0, 2.0]}
    >>> job = tfp.scale.run(tfp.GrowthAccounting(capital_share=0.4), firms, partitions=2,
    ...                     roles={"entity": "firm", "time": "year", "output": "y",
    ...                            "capital": "k", "labor": "l"})
    >>> job.record.sample.used
    2
    """
    refuse_engine(engine)
    program = program_of(spec)
    _refuse_unknown(spec, program, options)
    reading = read_roles(roles)
    _refuse_count("partitions", partitions)
    bytes_ = None if memory is None else parse_memory(memory)
    opened = open_source(source)
    entropy = None if rng is None else seed_sequence(rng).entropy
    with ExitStack() as stack:
        folder = stack.enter_context(WorkFolder(out, resume=resume)) if out is not None else None
        if folder is None and resume:
            raise SpecificationError(
                "resume=True needs the folder of the run that was stopped",
                code="bad_option",
                column="out",
            )
        known: Mapping[str, Any] = {"partitions": partitions, "memory": bytes_, "seed": entropy}
        if folder is not None:
            fresh = {"seed": seed_sequence(None).entropy}
            identity = _identity(spec, reading, opened) | {"options": plain(options)}
            known = folder.begin({**identity, **known}, fresh)
        progress = _Progress(on_progress)
        plan = Plan(
            engine=engine,
            source=opened,
            reading=reading,
            partitions=known["partitions"] or (folder.partitions if folder else None),
            memory=known["memory"],
            client=client,
            folder=None if folder is None else folder.work / "partitions",
            beat=progress.beat,
        )
        _log_begin(spec, engine, resumed=folder is not None and folder.resumed)
        shuffled = prepare(plan)
        stack.callback(shuffled.close)
        if folder is not None:
            folder.partitions = shuffled.partitions
        entropy = seed_sequence(known["seed"]).entropy
        runner = _Runner(shuffled, reading, folder, progress)
        context = runner.survey(entropy, again=not isinstance(opened, Files))
        result = runner.drive(program(spec, context, **options))
        return _finish(spec, result, context, runner, engine, options)


def _log_begin(spec: Specification, engine: str, *, resumed: bool) -> None:
    method = type(spec).__name__
    extra = {"event": "run_begin", "method": method, "engine": engine, "resumed": resumed}
    _LOG.info("%s: rows go to partitions by %s", method, engine, extra=extra)


def _log_end(
    spec: Specification, record: Record, context: Context, runner: _Runner, engine: str
) -> None:
    method, sample = type(spec).__name__, record.sample
    extra = {
        "event": "run",
        "method": method,
        "engine": engine,
        "partitions": context.partitions,
        "rounds": runner.rounds,
        "fingerprint": record.fingerprint,
        "sample": sample.to_dict(),
    }
    _LOG.info("%s: %d of %d rows used", method, sample.used, sample.rows, extra=extra)


def _refuse_unknown(
    spec: Specification, program: Callable[..., Program], options: Mapping[str, Any]
) -> None:
    known = [
        name
        for name, parameter in inspect.signature(program).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    for name in options:
        if name not in known:
            raise SpecificationError(
                f"a run of {type(spec).__name__} takes no {name!r}",
                code="unknown_option",
                column=name,
                remedy=nearest(name, known) if known else "",
            )


def _identity(spec: Specification, reading: Reading, source: Any) -> dict[str, Any]:
    return {
        "version": __version__,
        "specification": spec.to_dict(),
        "roles": plain(reading.keywords),
        "source": source.identity if isinstance(source, Files) else None,
    }


def _refuse_count(option: str, value: Any) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if value is not None and not (whole and value >= 1):
        raise SpecificationError(
            f"{option}={value!r}", code="bad_option", column=option, expected="an integer from 1"
        )


def parse_memory(text: str | int) -> int:
    """Return bytes from a number of them or a text such as ``"2GiB"`` or ``"500 MB"``.

    Raises
    ------
    SpecificationError
        If the text is no amount of memory.

    Examples
    --------
    >>> parse_memory("2GiB"), parse_memory("1.5 MB")
    (2147483648, 1500000)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", str(text).lower())
    found = match and _UNITS.get(match.group(2))
    size = int(float(match.group(1)) * found) if match and found else 0
    if isinstance(text, bool) or size < 1:
        raise SpecificationError(
            f"memory={text!r} is no amount of memory",
            code="bad_option",
            column="memory",
            expected='bytes, or a text such as "2GiB" or "500MB"',
        )
    return size


class _Progress:
    """Counts partitions done over all rounds known so far."""

    def __init__(self, callback: Callable[[int, int], None] | None) -> None:
        self._callback = callback
        self.done = self.total = 0

    def expect(self, partitions: int) -> None:
        self.total += partitions
        self.beat()

    def step(self) -> None:
        self.done += 1
        self.beat()

    def beat(self) -> None:
        if self._callback is not None:
            self._callback(self.done, max(self.total, 1))  # while rows are shuffled: 0 of 1


@dataclass
class _Runner:
    """Drives a program: one round over the partitions for each task that it yields."""

    shuffled: Shuffled
    reading: Reading
    folder: WorkFolder | None
    progress: _Progress
    rounds: int = 0
    filled: list[int] = field(default_factory=list)
    frequency: str | None = None

    def survey(self, seed: Any, *, again: bool) -> Context:
        """Look at all rows once; `again` when what an earlier run saw may have changed."""
        request = Request(self.reading)
        numbers = list(range(self.shuffled.partitions))
        parts = dict(self._outcomes(numbers, request, "", again=again))
        total: Survey = parts[0]
        for number in numbers[1:]:
            total = total + parts[number]
        refuse_empty(total, self.reading)
        self.filled = [number for number in numbers if parts[number].keyed]
        keywords = self.reading.keywords
        calendar = _calendar(total, self.reading)
        self.frequency = None if calendar.frequency == "integer" else calendar.frequency
        names = {**self.reading.roles.numeric, **self.reading.roles.groups}
        return Context(
            roles=self.reading.roles,
            calendar=calendar,
            groups=ReadOnly({name: _sorted(labels) for name, labels in total.groups.items()}),
            rows=total.rows,
            keyless_rows=total.keyless,
            fingerprint=digest(total.lanes, total.rows, names),
            logs=bool(keywords.get("logs", False)),
            step=int(keywords.get("step", 1)),
            vintage=keywords.get("vintage"),
            partitions=self.shuffled.partitions,
            seed=seed,
            entities=total.entities,
        )

    def drive(self, program: Program) -> Any:
        """Run the program to its end and return its result."""
        try:
            task = next(program)
            while True:
                task = program.send(self._round(task))
        except StopIteration as end:
            return end.value
        finally:
            program.close()

    def _round(self, task: Task) -> Any:
        self.rounds += 1
        rows = None
        if isinstance(task, Write) and self.folder is not None:
            rows = str(self.folder.folder_of_rows(task.name))
        request = Request(self.reading, task, self.frequency, rows)
        waiting: dict[int, Any] = {}
        order = iter(self.filled)
        first = due = next(order)
        total: Any = None
        for number, sums in self._outcomes(self.filled, request, task.function.__module__):
            waiting[number] = sums
            while due in waiting:  # always in the order of the partitions: the same digits
                answer = waiting.pop(due)
                total = answer if due == first else add(total, answer)
                due = next(order, -1)
        return total

    def _outcomes(
        self, numbers: list[int], request: Request, home: str, *, again: bool = False
    ) -> Iterator[tuple[int, Any]]:
        """Yield partition and sums: those kept by an earlier run, then those computed now."""
        self.progress.expect(len(numbers))
        kept = dict(self._kept(request, home))
        self._log_round("survey" if request.task is None else request.task.step, numbers, kept)
        for number in [] if again else kept:
            self.progress.step()
            yield number, kept[number]
        missing = [number for number in numbers if again or number not in kept]
        with closing(self.shuffled.visit(missing, request)) as outcomes:
            for outcome in outcomes:
                if outcome.error is not None:
                    raise outcome.error
                self._keep(request.task, outcome, kept)
                self.progress.step()
                yield outcome.partition, outcome.sums

    def _log_round(self, step: str, numbers: list[int], kept: Mapping[int, Any]) -> None:
        _LOG.info(
            "round %d: %s over %d partitions",
            self.rounds,
            step,
            len(numbers),
            extra={
                "event": "round",
                "round": self.rounds,
                "step": step,
                "partitions": len(numbers),
                "kept": len(kept),
            },
        )

    def _keep(self, task: Task | None, outcome: Outcome, kept: Mapping[int, Any]) -> None:
        """Keep the sums of a partition for a run that may have to be resumed."""
        number = outcome.partition
        if number in kept and not _same_rows(kept[number], outcome.sums):
            raise DataError(
                "the data are not those with which the run was begun",
                code="data_changed",
                remedy="run without resume=True",
            )
        if self.folder is not None:
            self._refuse_unseen(task, number)
            self.folder.keep(self.rounds, number, outcome.sums)

    def _refuse_unseen(self, task: Task | None, number: int) -> None:
        """Raise if a worker wrote its rows where we do not see them."""
        assert self.folder is not None
        if isinstance(task, Write) and not self.folder.has_rows(task.name, part_name(number)):
            raise FileError(
                f"a worker has written rows that are not in {self.folder.rows / task.name}",
                code="folder_not_shared",
                expected="a folder that every machine of the cluster sees under one name",
            )

    def _kept(self, request: Request, home: str) -> Iterator[tuple[int, Any]]:
        if self.folder is None:
            return
        for number, sums in self.folder.kept(self.rounds, home):
            task = request.task
            if isinstance(task, Write) and not self.folder.has_rows(task.name, part_name(number)):
                continue
            yield number, sums


def _same_rows(before: Survey, now: Survey) -> bool:
    return before.rows == now.rows and bool((before.lanes == now.lanes).all())


def _calendar(survey: Survey, reading: Reading) -> Calendar:
    times = survey.times
    if times.dtype.kind == "O":  # the label of a period must not hang on the order of rows
        times[:] = sorted(times.tolist(), key=str)
    return read_calendar(times, reading.roles.time, reading.keywords.get("frequency"))[2]


def _sorted(labels: tuple[Any, ...]) -> Any:
    out = np.empty(len(labels), object)
    out[:] = labels
    return factorize(out)[1]


def _finish(
    spec: Specification,
    result: Any,
    context: Context,
    runner: _Runner,
    engine: str,
    options: Mapping[str, Any],
) -> Job:
    record = getattr(result, "record", None)
    if not isinstance(record, Record):
        used = context.rows - context.keyless_rows
        sample = Sample(context.rows, used, {"no entity or no time": context.keyless_rows})
        record = context.record(spec, sample)
    manifest = None
    if runner.folder is not None:
        documents: dict[str, Any] = {"record.json": plain(record.to_dict())}
        if hasattr(result, "to_dict"):
            documents["result.json"] = plain(result.to_dict())
        for name, table in getattr(result, "public_tables", {}).items():
            documents[f"cells/{name}.csv"] = table
        about = {
            "version": __version__,
            "specification": spec.to_dict(),
            "options": plain(options),
            "roles": plain(runner.reading.keywords),
            "fingerprint": context.fingerprint,
            "rows": context.rows,
            "partitions": context.partitions,
        }
        manifest = runner.folder.finish(documents, about)
    _log_end(spec, record, context, runner, engine)
    return Job(
        result=result,
        record=record,
        engine=engine,
        partitions=context.partitions,
        rounds=runner.rounds,
        out=None if runner.folder is None else runner.folder.out,
        manifest=manifest,
    )
