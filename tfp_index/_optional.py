"""Optional packages: imported where they are used, with a helpful error when absent."""

from __future__ import annotations

import importlib
from types import ModuleType

from tfp_index.errors import MissingDependencyError

__all__ = ["require"]


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import `module`, or say which extra brings it.

    Parameters
    ----------
    module : str
        Dotted name of the module.
    extra : str
        Name of the extra of this distribution that installs it.
    purpose : str
        What the caller wanted, for the message.

    Raises
    ------
    MissingDependencyError
        If the package is not installed.

    Examples
    --------
    >>> require("math", extra="plot", purpose="drawing").__name__
    'math'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingDependencyError(
            f"{purpose} needs the package {package!r}, which is not installed",
            code="missing_dependency",
            remedy=f'pip install "tfp-index[{extra}]"',
        ) from error
