"""Which column plays which part: roles are names, never positions or an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfp_index.errors import DataError

__all__ = ["INPUT_ROLES", "SHARE_SUFFIX", "Roles", "collect_roles"]

INPUT_ROLES = ("capital", "labor", "materials", "energy", "services")
"""Common inputs that have a keyword of their own, in the order in which they are reported."""

SHARE_SUFFIX = "_share"
"""The income or cost share of input ``x`` is the role ``x_share``."""


@dataclass(frozen=True)
class Roles:
    """Role → column name, the inputs in order, and the keys.

    Attributes
    ----------
    entity, time : str
    item : str or None
        Optional third key: asset, product or type of worker within an entity.
    numeric : mapping of role to column name
    inputs : tuple of str
        Roles in `numeric` that are inputs of production.
    groups : mapping of category name to column name
    """

    entity: str
    time: str
    item: str | None
    numeric: Mapping[str, str]
    inputs: tuple[str, ...]
    groups: Mapping[str, str]


def collect_roles(
    entity: str,
    time: str,
    item: str | None,
    common: Mapping[str, str | None],
    inputs: Mapping[str, str] | None,
    columns: Mapping[str, str] | None,
    groups: Mapping[str, str] | None,
) -> Roles:
    """Bring the keywords of `Panel.from_frame` into one record.

    Raises
    ------
    DataError
        If a role is given twice, or one column is asked to play two parts.

    Examples
    --------
    >>> roles = collect_roles("id", "year", None, {"output": "Y", "labor": "L"},
    ...                       inputs={"ict": "K1"}, columns=None, groups=None)
    >>> roles.inputs, dict(roles.numeric)
    (('labor', 'ict'), {'output': 'Y', 'labor': 'L', 'ict': 'K1'})
    """
    numeric: dict[str, str] = {}
    named = {role: column for role, column in common.items() if column is not None}
    for source in (named, inputs or {}, columns or {}):
        for role, column in source.items():
            if role in numeric or role in ("entity", "time", "item"):
                raise DataError(
                    f"the role {role!r} is given twice",
                    code="role_twice",
                    column=column,
                    remedy="name each role once, by keyword or in inputs= or columns=",
                )
            numeric[_text(role)] = _text(column)
    given = [role for role in INPUT_ROLES if role in named]
    keys = {"entity": entity, "time": time} | ({"item": item} if item else {})
    _refuse_shared_columns({**keys, **numeric})
    return Roles(
        entity=_text(entity),
        time=_text(time),
        item=item,
        numeric=numeric,
        inputs=(*given, *(inputs or {})),
        groups={_text(k): _text(v) for k, v in (groups or {}).items()},
    )


def _text(name: Any) -> str:
    if isinstance(name, str) and name:
        return name
    raise DataError(
        f"{name!r} is not a column name",
        code="not_a_name",
        expected="text; columns are chosen by name, never by position",
    )


def _refuse_shared_columns(parts: Mapping[str, str]) -> None:
    taken: dict[str, str] = {}
    for role, column in parts.items():
        if column in taken:
            raise DataError(
                f"the column {column!r} is given to both {taken[column]!r} and {role!r}",
                code="column_twice",
                column=column,
                remedy="a specification can use one role in two parts; give the column one role",
            )
        taken[column] = role
