"""The folder of a run: nothing in it is half written, and every file is vouched for.

While a run goes on, everything stands in ``.work`` below the folder: who it is (``job.json``), the
sums of every finished partition of every round, and finished files of rows. Each file gets its
name only when it is whole. At the end the rows move into the folder, ``manifest.json`` is written
last, with the SHA-256 of every file, and ``.work`` goes.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import pickle
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tfp_index._optional import require
from tfp_index.errors import FileError, SpecificationError
from tfp_index.panel.table import Table

__all__ = ["Manifest", "WorkFolder", "read_manifest", "unwritable", "write_whole"]

MANIFEST = "manifest.json"
WORK = ".work"
OVER = ".work_over"
MANIFEST_VERSION = 1

_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def unwritable(error: OSError, path: Path) -> FileError:
    """Return our error for a failure to write."""
    if error.errno in _FULL:
        return FileError(
            f"{path} could not be written: the disk is full or the file grows too large",
            code="disk_full",
            expected="room for the rows, and beside them for the partitions while the run lasts",
            remedy="make room and run again with resume=True; finished partitions are kept",
        )
    return FileError(
        f"{path} could not be written: {error.strerror or error}",
        code="unwritable_folder" if error.errno in _CLOSED else "unwritable_file",
        remedy="give a folder that this process may write to",
    )


def write_whole(path: Path, data: bytes, *, via: Path | None = None) -> None:
    """Write a file that is there whole or not at all, also after a power cut.

    Until it is whole it stands under another name in the folder `via`, by default its own.

    Raises
    ------
    FileError
        If it cannot be written; what was begun is removed.
    """
    temporary = (via or path.parent) / f".{path.name}.tmp"
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        _forget(temporary)
        raise unwritable(error, path) from error


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # the folder may be what has failed
        return


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Manifest:
    """What a finished run left: every file with size and SHA-256, and what made them.

    Attributes
    ----------
    folder : Path
    document : mapping
        As in ``manifest.json``.
    """

    folder: Path
    document: Mapping[str, Any]

    @property
    def files(self) -> dict[str, str]:
        """Path below the folder → SHA-256."""
        return {entry["path"]: entry["sha256"] for entry in self.document["files"]}

    def verify(self) -> None:
        """Compare every file with its hash.

        Raises
        ------
        FileError
            Naming the first file that is absent or changed.
        """
        for name, expected in self.files.items():
            path = self.folder / name
            if not path.is_file():
                raise FileError(f"{path} is absent", code="file_not_found")
            if sha256_of(path) != expected:
                raise FileError(
                    f"{path} is not the file that the run wrote",
                    code="changed_file",
                    remedy="restore the file or run again",
                )


def read_manifest(folder: str | os.PathLike[str]) -> Manifest:
    """Read the manifest of a finished run.

    Raises
    ------
    FileError
        If there is none, or it cannot be read.
    """
    path = Path(folder) / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileError(
            f"{folder} holds no finished run", code="file_not_found", expected=f"a file {MANIFEST}"
        ) from None
    except (OSError, ValueError) as error:
        raise FileError(f"{path} could not be read: {error}", code="unreadable_file") from error
    return Manifest(Path(folder), document)


class WorkFolder:
    """The folder of a run that is going on; a context that holds a lock on it.

    Parameters
    ----------
    out : path
    identity : mapping
        Plain data; a run is resumed only by one of the same identity.
    resume : bool

    Raises
    ------
    FileError
        If the folder cannot be made, holds a finished run, or another process works in it.
    SpecificationError
        If it holds the beginning of another run and `resume` is asked for.
    """

    def __init__(self, out: str | os.PathLike[str], *, resume: bool) -> None:
        self.out = Path(out).absolute()
        self.work = self.out / WORK
        self.rows = self.work / "rows"
        self.resumed = False
        self._names: set[str] = set()
        self._lock: Any = None
        finished = (self.out / MANIFEST).is_file()
        shutil.rmtree(self.out / OVER, ignore_errors=True)  # of a run killed at its very end
        if finished and not (resume and (self.work / "job.json").is_file()):
            raise FileError(
                f"{self.out} holds a finished run",
                code="run_finished",
                remedy="give another folder, or remove this one; read_manifest reads it",
            )
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.work / "lock")
            if not (resume and (self.work / "job.json").is_file()):
                self._clear()
            self._forget_temporaries()
            self.rows.mkdir(exist_ok=True)
        except OSError as error:
            if isinstance(error, FileError):
                raise
            raise unwritable(error, self.out) from error

    def _clear(self) -> None:
        for entry in self.work.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()

    def begin(self, identity: Mapping[str, Any], fresh: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write down which run this is, or compare with the one that is to be resumed.

        Parameters
        ----------
        identity : mapping
            Values that are None are taken from the run that is resumed, else from `fresh`.
        fresh : mapping

        Returns
        -------
        mapping
            The identity written at the beginning.
        """
        path = self.work / "job.json"
        now: dict[str, Any] = json.loads(json.dumps(identity))
        if not path.is_file():
            now |= {key: value for key, value in fresh.items() if now.get(key) is None}
            write_whole(path, json.dumps(now, ensure_ascii=False, indent=1).encode())
            return now
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for key, value in now.items():
            if value is not None and before.get(key) != value:
                raise SpecificationError(
                    f"the run begun in {self.out} had another {key}",
                    code="other_run",
                    column=key,
                    expected=str(before.get(key))[:300],
                    remedy="resume with what it was begun with, or run without resume=True",
                )
        self.resumed = True
        return before

    @property
    def partitions(self) -> int | None:
        """Number of partitions that an engine chose for the run that is resumed."""
        path = self.work / "count.json"
        return int(json.loads(path.read_text())) if path.is_file() else None

    @partitions.setter
    def partitions(self, count: int) -> None:
        write_whole(self.work / "count.json", json.dumps(count).encode())

    def __enter__(self) -> WorkFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._forget_temporaries()
        self._unlock()

    def _forget_temporaries(self) -> None:
        for temporary in self.work.rglob(".*.tmp"):
            _forget(temporary)

    def _answer(self, number: int, partition: int) -> Path:
        return self.work / "rounds" / f"{number:04d}" / f"{partition:05d}.sums"

    def keep(self, number: int, partition: int, sums: Any) -> None:
        """Keep the sums of a finished partition of a round."""
        path = self._answer(number, partition)
        try:
            path.parent.parent.mkdir(mode=0o700, exist_ok=True)  # sums of few rows are rows
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(error, path) from error
        data = pickle.dumps(sums, protocol=5)
        write_whole(path, hashlib.sha256(data).digest() + data)

    def kept(self, number: int, home: str = "") -> Iterator[tuple[int, Any]]:
        """Yield partition and sums of what an earlier run finished of a round.

        Parameters
        ----------
        home : str
            Module of the round's function, whose classes sums may be made of.
        """
        for path in sorted((self.work / "rounds" / f"{number:04d}").glob("*.sums")):
            data = path.read_bytes()
            if hashlib.sha256(data[32:]).digest() == data[:32]:
                yield int(path.stem), _Sums(io.BytesIO(data[32:]), home).load()

    def folder_of_rows(self, name: str) -> Path:
        """Return (and make) the folder in which a round's rows are gathered."""
        if not name or Path(name).name != name or name.startswith("."):
            raise SpecificationError(
                f"{name!r} is no name of a folder", code="bad_option", column="name"
            )
        folder = self.rows / name
        self._names.add(name)
        if (self.out / name).exists():
            if self.resumed:  # it moved there at the end of the run that is resumed
                return folder
            raise FileError(
                f"{self.out / name} is there already",
                code="folder_taken",
                remedy="give another folder, or remove what stands in this one",
            )
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(error, folder) from error
        return folder

    def has_rows(self, name: str, file: str) -> bool:
        """Return whether a file of rows was finished, before or after it moved."""
        return (self.rows / name / file).is_file() or (self.out / name / file).is_file()

    def finish(self, documents: Mapping[str, Any], about: Mapping[str, Any]) -> Manifest:
        """Bring the rows and the documents into the folder, the manifest last.

        Parameters
        ----------
        documents : mapping of file name to plain data or Table
            Tables become CSV.
        about : mapping
            What made the files; part of the manifest.
        """
        try:
            for name in sorted(self._names):
                if not (self.out / name).exists():
                    self._forget_temporaries()
                    align_schemas(self.rows / name)
                    (self.rows / name).replace(self.out / name)
            for name, content in documents.items():
                (self.out / name).parent.mkdir(exist_ok=True)
                if isinstance(content, Table):
                    _write_table(content, self.out / name)
                else:
                    write_whole(self.out / name, _json(content), via=self.work)
            written = [path for name in self._names for path in (self.out / name).glob("part-*")]
            written += [self.out / name for name in documents]
            files = [_entry(path, self.out) for path in sorted(written)]
            document = {"manifest_version": MANIFEST_VERSION, **about, "files": files}
            write_whole(self.out / MANIFEST, _json(document), via=self.work)
            self._unlock()
            over = self.out / OVER
            self.work.replace(over)  # at one stroke: what is left is no run to be resumed
            shutil.rmtree(over)
        except FileError:
            raise
        except OSError as error:
            raise unwritable(error, self.out) from error
        return read_manifest(self.out)

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _entry(path: Path, out: Path) -> dict[str, Any]:
    return {
        "path": path.relative_to(out).as_posix(),
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
    }


def _write_table(table: Table, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    table.to_csv(temporary)
    temporary.replace(path)


def _json(document: Any) -> bytes:
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode() + b"\n"


def _locked(path: Path) -> Any:
    """Return an open file that no other process has locked; the system unlocks it when we die."""
    file = path.open("a")
    try:
        import fcntl
    except ImportError:  # not a POSIX system: nobody is kept out
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise FileError(
            f"another process is working in {path.parent.parent}",
            code="folder_in_use",
            remedy="wait until it has ended, or give another folder",
        ) from None
    return file


def align_schemas(folder: Path) -> None:
    """Give every file of a folder the same columns and types.

    A column that is empty in one partition has no type of its own there; one that holds numbers
    in one and text in another becomes text.
    """
    parquet = require("pyarrow.parquet", extra="io", purpose="writing Parquet")
    pa = require("pyarrow", extra="io", purpose="writing Parquet")
    schemas = {path: parquet.read_schema(path) for path in sorted(folder.glob("*.parquet"))}
    if len({str(schema) for schema in schemas.values()}) < 2:
        return
    try:
        common = pa.unify_schemas(list(schemas.values()), promote_options="permissive")
    except pa.ArrowTypeError:
        first = next(iter(schemas.values()))
        kinds = {n: {s.field(n).type for s in schemas.values()} - {pa.null()} for n in first.names}
        types = {n: k.pop() if len(k) == 1 else pa.string() for n, k in kinds.items()}
        common = pa.schema(list(types.items()))
    for path, schema in schemas.items():
        if not schema.equals(common):
            temporary = path.with_name(f".{path.name}.tmp")
            parquet.write_table(parquet.read_table(path).cast(common), temporary)
            temporary.replace(path)


_BUILTINS = frozenset({"set", "frozenset", "complex", "slice", "range", "bytearray"})


class _Sums(pickle.Unpickler):
    """Reads sums: arrays, plain containers and classes of this library or of the program."""

    def __init__(self, file: Any, home: str) -> None:
        super().__init__(file)
        self._homes = {"numpy", "collections", "datetime", __name__.partition(".")[0]}
        self._homes |= {home.partition(".")[0]} - {"", "builtins"}

    def find_class(self, module: str, name: str) -> Any:
        if "." in name or not (
            module.partition(".")[0] in self._homes or (module == "builtins" and name in _BUILTINS)
        ):
            raise FileError(
                f"the work folder holds {module}.{name}, which is no sum",
                code="unreadable_file",
                remedy="run without resume=True",
            )
        return super().find_class(module, name)
