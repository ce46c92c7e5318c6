"""Writing several files at once: all of them appear, or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tfp_index.errors import FileError

__all__ = ["Staging"]


class Staging:
    """Files that are written under a temporary name and renamed together at the end.

    An error or an interrupt in the block leaves what was there before untouched.

    Parameters
    ----------
    folder : path
        Made if absent. The files go here and to folders below.

    Raises
    ------
    FileError
        If the folder cannot be made or written to.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with Staging(folder) as staging:
    ...     _ = staging.path("data/a.csv").write_text("x", encoding="utf-8")
    >>> (folder / "data" / "a.csv").read_text(encoding="utf-8"), len(list(folder.iterdir()))
    ('x', 1)
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._names: dict[str, Path] = {}
        self._made: list[Path] = []

    def __enter__(self) -> Staging:
        try:
            for folder in _missing(self.folder):
                folder.mkdir(exist_ok=True)
                self._made.append(folder)
            self._scratch = Path(tempfile.mkdtemp(prefix=".tfp-", dir=self.folder))
        except OSError as error:
            self._remove_made()
            raise _unwritable(self.folder, error) from error
        return self

    def path(self, name: str) -> Path:
        """Return the temporary path of a file that will be called `name` within the folder."""
        if name not in self._names:
            path = self._scratch / f"{len(self._names)}{Path(name).suffix}"
            self._names[name] = path
        return self._names[name]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._publish()
        except OSError as problem:
            kind = OSError
            raise _unwritable(self.folder, problem) from problem
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
            if kind is not None:
                self._remove_made()

    def _publish(self) -> None:
        for name, path in self._names.items():
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)

    def _remove_made(self) -> None:
        for folder in reversed(self._made):
            with suppress(OSError):  # somebody else may have put something there
                folder.rmdir()


def _missing(folder: Path) -> list[Path]:
    """Return the folders to make, outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    return missing[::-1]


def _unwritable(folder: Path, error: OSError) -> FileError:
    reason = error.strerror or str(error)
    return FileError(
        f"cannot write to {folder}: {reason}",
        code="unwritable_folder",
        expected="a folder that may be written to",
        remedy="name another one (--out on the command line)",
    )
