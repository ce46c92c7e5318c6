"""One family of errors and one of warnings; each names the culprit and a remedy."""

from __future__ import annotations

import difflib
import math
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = [
    "ConvergenceWarning",
    "DataError",
    "DataWarning",
    "EstimationError",
    "FileError",
    "IdentificationWarning",
    "MissingDependencyError",
    "SpecificationError",
    "TFPError",
    "TFPWarning",
    "listening",
    "nearest",
    "warn",
]


class TFPError(Exception):
    """Base of every error that this library raises.

    Parameters
    ----------
    message : str
        What happened, in one sentence.
    code : str
        Stable machine-readable code, e.g. ``"duplicate_key"``.
    column, entity, time : object, optional
        Where it happened, in the caller's own names.
    expected : str, optional
        What would have been right.
    remedy : str, optional
        What the caller can do now.

    Examples
    --------
    >>> error = DataError("capital is negative", code="non_positive", column="K",
    ...                   entity="Hạ Long", time=2020, remedy="correct the value")
    >>> print(error)
    capital is negative [column 'K', entity 'Hạ Long', time 2020]. Remedy: correct the value
    >>> error.to_dict()["code"]
    'non_positive'
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "error",
        column: Any = None,
        entity: Any = None,
        time: Any = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.message = message
        self.code = code
        self.column = column
        self.entity = entity
        self.time = time
        self.expected = expected
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        where = [
            f"{name} {value!r}"
            for name, value in (
                ("column", self.column),
                ("entity", self.entity),
                ("time", self.time),
            )
            if value is not None
        ]
        text = self.message + (f" [{', '.join(where)}]" if where else "")
        if self.expected:
            text += f". Expected: {self.expected}"
        if self.remedy:
            text += f". Remedy: {self.remedy}"
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        # keyword-only arguments survive a process boundary only this way
        return (_rebuild, (type(self), dict(vars(self))))

    def to_dict(self) -> dict[str, Any]:
        """Return the error as data that JSON can hold, for a service's reply."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "code": self.code,
            "column": _plain(self.column),
            "entity": _plain(self.entity),
            "time": _plain(self.time),
            "expected": self.expected,
            "remedy": self.remedy,
        }


def _rebuild(cls: type[TFPError], fields: dict[str, Any]) -> TFPError:
    return cls(fields.pop("message"), **fields)


def _plain(value: Any) -> Any:
    """Turn a label into text or a number of Python's own; a number that JSON lacks into text."""
    value = value.item() if hasattr(value, "item") and not hasattr(value, "isoformat") else value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(value)


class SpecificationError(TFPError, ValueError):
    """An option of a specification is invalid or contradicts another one."""


class DataError(TFPError, ValueError):
    """The data cannot be used as they are."""


class EstimationError(TFPError, RuntimeError):
    """The data are fine but the estimate does not exist or was not found."""


class FileError(TFPError, OSError):
    """A file could not be read or written."""

    # OSError.__str__ would print errno and strerror; ours is the message
    __str__ = TFPError.__str__


class MissingDependencyError(TFPError, ImportError):
    """An optional package is needed for this call."""

    __str__ = TFPError.__str__


class TFPWarning(UserWarning):
    """Base of every warning that this library issues."""


class DataWarning(TFPWarning):
    """The data are usable but something about them should be known."""


class ConvergenceWarning(TFPWarning):
    """A numerical search did not end at a clean solution."""


class IdentificationWarning(TFPWarning):
    """The data identify an estimate only weakly, or not at all."""


_ears: ContextVar[list[tuple[type[Warning], str]] | None] = ContextVar("_ears", default=None)
"""Who listens to warnings in this thread or task; None: the warnings module."""


def warn(text: str, category: type[Warning], stacklevel: int = 1) -> None:
    """Warn the caller, or tell whoever is `listening` instead.

    Parameters
    ----------
    text : str
    category : type of Warning
    stacklevel : int
        1 for the line that calls this function, as in `warnings.warn`.
    """
    heard = _ears.get()
    if heard is None:
        warnings.warn(text, category, stacklevel=stacklevel + 1)
    else:
        heard.append((category, text))


@contextmanager
def listening() -> Iterator[list[tuple[type[Warning], str]]]:
    """Collect the warnings of a block rather than pass them on.

    Unlike ``warnings.catch_warnings`` this changes nothing for other threads.

    Examples
    --------
    >>> with listening() as heard:
    ...     warn("labor is nearly a function of the proxy", IdentificationWarning)
    >>> [(category.__name__, text) for category, text in heard]
    [('IdentificationWarning', 'labor is nearly a function of the proxy')]
    """
    heard: list[tuple[type[Warning], str]] = []
    token = _ears.set(heard)
    try:
        yield heard
    finally:
        _ears.reset(token)


def nearest(name: str, available: Iterable[str], limit: int = 3) -> str:
    """Return a phrase that lists the available names closest to `name`.

    Examples
    --------
    >>> nearest("captal", ["capital", "labor", "output"])
    "did you mean 'capital'? available: 'capital', 'labor', 'output'"
    """
    names = [str(item) for item in available]
    close = difflib.get_close_matches(str(name), names, n=limit, cutoff=0.6)
    shown = ", ".join(repr(item) for item in names[:30]) + (", …" if len(names) > 30 else "")
    hint = f"did you mean {' or '.join(repr(item) for item in close)}? " if close else ""
    return f"{hint}available: {shown}" if names else "nothing is available"
