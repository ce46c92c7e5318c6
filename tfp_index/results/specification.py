"""Specifications: frozen options that exist without data and travel as JSON."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar, get_type_hints

from tfp_index.errors import SpecificationError, nearest
from tfp_index.panel.table import plain

__all__ = ["SCHEMA_VERSION", "Specification", "choose", "spec_from_dict"]

SCHEMA_VERSION = 1
"""Version of the layout of `Specification.to_dict` and `Result.to_dict`."""

S = TypeVar("S", bound="Specification")


@dataclasses.dataclass(frozen=True)
class Specification:
    """Base of every method: a frozen dataclass that holds options only.

    A subclass validates itself in ``__post_init__`` (through `choose` and ``_refuse``) and has
    ``fit(panel)``. Options are plain values, tuples, or other specifications.
    """

    def _refuse(self, option: str, message: str, expected: str | None = None) -> NoReturn:
        """Raise a `SpecificationError` about one option."""
        raise SpecificationError(
            f"{type(self).__name__}: {message}",
            code="bad_option",
            column=option,
            expected=expected,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the method's name and its options as plain data.

        Examples
        --------
        >>> from tfp_index import GrowthAccounting
        >>> GrowthAccounting().to_dict()["method"]
        'GrowthAccounting'
        """
        options = {
            field.name: export(getattr(self, field.name)) for field in dataclasses.fields(self)
        }
        return {
            "method": type(self).__name__,
            "schema_version": SCHEMA_VERSION,
            "options": options,
        }

    @classmethod
    def from_dict(cls: type[S], document: Mapping[str, Any]) -> S:
        """Make the specification from `to_dict`'s answer.

        Raises
        ------
        SpecificationError
            If the method, an option or the schema version is unknown.
        """
        spec = spec_from_dict(document)
        if not isinstance(spec, cls):
            raise SpecificationError(
                f"the document describes {type(spec).__name__}, not {cls.__name__}",
                code="wrong_method",
            )
        return spec

    def describe(self) -> str:
        """Return the options that differ from the defaults, in one line."""
        changed = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.default is dataclasses.MISSING or value != field.default:
                changed.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(changed)})"

    def __repr__(self) -> str:
        return self.describe()


def export(value: Any) -> Any:
    """Return the value of an option as data that JSON can hold.

    Examples
    --------
    >>> export((1, None, "log"))
    [1, None, 'log']
    """
    if isinstance(value, Specification):
        return value.to_dict()
    if isinstance(value, (tuple, list)):
        return [export(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): export(v) for k, v in value.items()}
    return plain(value)


def choose(spec: Specification, option: str, allowed: tuple[Any, ...]) -> None:
    """Refuse an option whose value is not among those allowed.

    Raises
    ------
    SpecificationError
        Naming the option, the value and what is allowed.
    """
    value = getattr(spec, option)
    if value not in allowed:
        spec._refuse(
            option,
            f"{option}={value!r} is not known; {nearest(str(value), map(str, allowed))}",
            "one of " + ", ".join(repr(a) for a in allowed),
        )


def spec_from_dict(document: Mapping[str, Any]) -> Specification:
    """Make a specification from plain data; unknown methods and options are refused.

    A method is known when the package offers it by that name, so there is no second register.

    Parameters
    ----------
    document : mapping
        ``{"method": …, "schema_version": …, "options": {…}}`` as `Specification.to_dict` gives it.

    Raises
    ------
    SpecificationError
        If the document is not of this form, or names an unknown method, option or version.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> spec = tfp.GrowthAccounting(capital_share=0.4, share_timing="fixed")
    >>> tfp.spec_from_dict(spec.to_dict()) == spec
    True
    """
    if not isinstance(document, Mapping):
        raise SpecificationError(
            f"{type(document).__name__} is not a specification",
            code="bad_document",
            expected="a mapping with 'method' and 'options'",
        )
    unknown = set(document) - {"method", "schema_version", "options"}
    if unknown or "method" not in document:
        raise SpecificationError(
            f"unknown keys {sorted(map(str, unknown))}" if unknown else "there is no 'method'",
            code="bad_document",
            expected="the keys method, schema_version, options",
        )
    version = document.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise SpecificationError(
            f"schema version {version!r} is not known",
            code="unknown_schema",
            expected=str(SCHEMA_VERSION),
            remedy="use the library version that wrote the document",
        )
    cls = method_named(document["method"])
    options = document.get("options", {})
    if not isinstance(options, Mapping):
        raise SpecificationError("'options' is not a mapping", code="bad_document")
    names = [field.name for field in dataclasses.fields(cls)]
    for name in options:
        if name not in names:
            raise SpecificationError(
                f"{cls.__name__} has no option {name!r}",
                code="unknown_option",
                column=str(name),
                remedy=nearest(str(name), names),
            )
    return cls(**{str(k): _import(v) for k, v in options.items()})


def _import(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"method", "schema_version", "options"}:
        return spec_from_dict(value)
    if isinstance(value, list):
        return tuple(_import(v) for v in value)
    if isinstance(value, Mapping):
        return {k: _import(v) for k, v in value.items()}
    return value


def method_named(name: Any) -> type[Specification]:
    """Return the public specification of a name.

    Raises
    ------
    SpecificationError
        If the package offers none of that name.

    Examples
    --------
    >>> method_named("GrowthAccounting").__name__
    'GrowthAccounting'
    """
    package_name = __name__.partition(".")[0]
    package = sys.modules.get(package_name) or importlib.import_module(package_name)
    public: list[str] = list(package.__all__)
    if name in public:
        found = getattr(package, name)
        if isinstance(found, type) and issubclass(found, Specification):
            return found
    raise SpecificationError(
        f"there is no method {name!r}",
        code="unknown_method",
        remedy=nearest(str(name), [n for n in public if n[:1].isupper()]),
    )


def option_types(cls: type[Specification]) -> dict[str, Any]:
    """Return the annotated type of every option, for schemas and documentation."""
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}
