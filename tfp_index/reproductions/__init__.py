"""Published series made again, by plain recipes, with the deviation of every one.

``run(name, frame)`` computes and compares, ``names()`` lists the recipes, ``describe(name)`` says
where the data come from, what the table looks like and what is computed. Each recipe is one short
file that can be read as the account of a method.
"""

from __future__ import annotations

import importlib
from typing import Any

from tfp_index.errors import SpecificationError, nearest
from tfp_index.reproductions._recipe import Recipe
from tfp_index.reproductions._result import Comparison, Reproduction

__all__ = ["Comparison", "Recipe", "Reproduction", "describe", "names", "run"]

_NAMES = (
    "pwt",
    "solow1957",
    "euklems",
    "cip",
    "beabls",
    "fernald",
    "usda_states",
    "china_provinces",
    "munnell",
)


def names() -> tuple[str, ...]:
    """Return the names of the recipes.

    Examples
    --------
    >>> names()[:2]
    ('pwt', 'solow1957')
    """
    return _NAMES


def describe(name: str) -> Recipe:
    """Return the recipe: source, how to get the data, layout of the table, formula, series.

    Raises
    ------
    SpecificationError
        If there is no recipe of that name.

    Examples
    --------
    >>> describe("pwt").bundled
    'pwt110'
    """
    if name not in _NAMES:
        raise SpecificationError(
            f"there is no reproduction {name!r}",
            code="unknown_reproduction",
            remedy=nearest(str(name), _NAMES),
        )
    recipe: Recipe = importlib.import_module(f"tfp_index.reproductions.{name}").RECIPE
    return recipe


def run(name: str, frame: Any = None, **options: Any) -> Reproduction:
    """Make the series of a published source again and compare them with the published ones.

    Parameters
    ----------
    name : str
        One of ``names()``.
    frame : table or path, optional
        The data as published: a frame of any supported library, a mapping of columns, or the path
        of a file. For sources of several sheets, a mapping of sheet to frame, or the workbook.
        Not needed where the data are bundled (``describe(name).bundled``).
    **options
        Options of the recipe (``describe(name).options``).

    Returns
    -------
    Reproduction
        With ``summary()``, ``to_frame()``, ``to_dict()``, and every value by ``values(series)``.

    Raises
    ------
    SpecificationError
        If the name or an option is unknown.
    DataError
        If the data are needed and not given, or are not laid out as the source publishes them.

    Examples
    --------
    >>> found = run("munnell")
    >>> found.holds, found["coefficients, R plm"].compared
    (True, 23)
    """
    return describe(name).run(frame, **options)
