"""What stands in a result in the place of values by row that the result does not hold."""

from __future__ import annotations

from typing import Any, NoReturn

from tfp_index.errors import DataError

__all__ = ["Elsewhere"]


class Elsewhere:
    """Stands for one value for each row; any use of it says where the values are.

    Results of runs over partitions never hold rows: these are written to files.

    Parameters
    ----------
    what : str
        Name of the values.
    folder : str or None
        The dataset of the run that has them, if any does.

    Examples
    --------
    >>> rows = Elsewhere("productivity", "productivity")
    >>> rows
    <productivity of every row: dataset 'productivity'>
    >>> rows.max()
    Traceback (most recent call last):
    tfp_index.errors.DataError: productivity of every row is not held by this result. Remedy: read \
the dataset 'productivity' in the output folder of the run (out=)
    """

    def __init__(self, what: str, folder: str | None) -> None:
        object.__setattr__(self, "_said", (what, folder))

    def _refuse(self) -> NoReturn:
        what, folder = object.__getattribute__(self, "_said")
        raise DataError(
            f"{what} of every row is not held by this result",
            code="rows_elsewhere",
            remedy=f"read the dataset {folder!r} in the output folder of the run (out=)"
            if folder
            else "fit in memory, or on a part of the rows",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # protocols that only ask, such as copying and pickling
            raise AttributeError(name)
        self._refuse()

    def __reduce__(self) -> Any:
        return Elsewhere, object.__getattribute__(self, "_said")

    def __repr__(self) -> str:
        what, folder = object.__getattribute__(self, "_said")
        return f"<{what} of every row: {f'dataset {folder!r}' if folder else 'not kept'}>"


def _refusing(name: str) -> Any:
    def method(self: Elsewhere, *_: Any, **__: Any) -> Any:
        self._refuse()

    method.__name__ = name
    return method


for _name in (
    "getitem", "len", "iter", "array", "contains", "lt", "le", "gt", "ge", "neg", "add", "radd",
    "sub", "rsub", "mul", "rmul", "truediv", "rtruediv",
):  # fmt: skip
    setattr(Elsewhere, f"__{_name}__", _refusing(f"__{_name}__"))
