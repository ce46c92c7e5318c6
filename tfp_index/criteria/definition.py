"""The file format of a criteria set: read it, check everything, report all faults at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfp_index.composite.structure import StructureError
from tfp_index.criteria._toml import (
    Faults,
    Texts,
    code_of,
    document_of,
    is_number,
    number,
    one_of,
    refuse_unknown,
    string,
    tables,
    texts,
)
from tfp_index.criteria.measures import MEASURES
from tfp_index.errors import nearest
from tfp_index.panel.mapping import ReadOnly

__all__ = ["Group", "Indicator", "Parsed", "parse"]

STATUSES = ("official definition", "published practice", "proposal")
DIRECTIONS = {"up": 1, "down": -1, "context": 0}
DEEPEST = 12
SUM_TOLERANCE = 1e-6

SET_KEYS = ("code", "version", "status", "name", "label", "note", "entity")
METHOD_KEYS = (
    "normalize",
    "scale",
    "clip",
    "compare",
    "screen",
    "screen_zeros",
    "impute",
    "treat",
    "winsorize_most",
    "weights",
    "aggregate",
    "power",
    "data_threshold",
    "bounds",
    "bounds_on",
)
GROUP_KEYS = ("code", "name", "definition", "weight", "parent")
INDICATOR_KEYS = (
    "code",
    "parent",
    "name",
    "definition",
    "unit",
    "data",
    "direction",
    "weight",
    "measure",
    "inputs",
    "parameters",
    "goalposts",
    "target",
    "normalize",
    "treat",
    "source",
    "status",
)
TEXTS = ("name", "label", "note", "entity", "definition", "unit", "data", "source")
"""Keys that exist once for each language, as ``name_vi`` and ``name_en``."""


@dataclass(frozen=True)
class Group:
    """A pillar or a criterion.

    Attributes
    ----------
    code : str
    kind : {"pillar", "criterion"}
    parent : str
    name, definition : mapping of language to text
    weight : float or None
        Share among its siblings; None where all siblings count equally.
    """

    code: str
    kind: str
    parent: str
    name: Texts
    definition: Texts
    weight: float | None


@dataclass(frozen=True)
class Indicator:
    """What is measured, why, how and by whom it was defined.

    Attributes
    ----------
    code, parent : str
    name, definition, unit, data : mapping of language to text
        ``data`` says what must be collected and from whom.
    direction : int
        1 more is better, -1 less is better, 0 reported but not scored.
    weight : float or None
    measure : str
        Name of a registered measure.
    inputs : mapping of the measure's input to the caller's column
    parameters : mapping of name to number
    goalposts : (low, high) or None
    target : float or None
    normalize, treat : str or None
    source : mapping of language to text
    status : str
        One of `STATUSES`.
    """

    code: str
    parent: str
    name: Texts
    definition: Texts
    unit: Texts
    data: Texts
    direction: int
    weight: float | None
    measure: str
    inputs: Mapping[str, str]
    parameters: Mapping[str, float]
    goalposts: tuple[float, float] | None
    target: float | None
    normalize: str | None
    treat: str | None
    source: Texts
    status: str


@dataclass(frozen=True)
class Parsed:
    """A checked file.

    Attributes
    ----------
    head : mapping
        ``code``, ``version``, ``status`` and the texts of the set.
    groups : tuple of Group
    indicators : tuple of Indicator
    method : mapping of options of `CompositeIndex`
    """

    head: Mapping[str, Any]
    groups: tuple[Group, ...]
    indicators: tuple[Indicator, ...]
    method: Mapping[str, Any]


def parse(text: str, name: str) -> Parsed:
    """Read a criteria set.

    Parameters
    ----------
    text : str
        TOML.
    name : str
        Of the file, for messages.

    Raises
    ------
    FileError
        If the text is not TOML.
    StructureError
        Listing every fault with its place.
    """
    document = document_of(text, name)
    faults: Faults = []
    known = ("set", "method", "pillar", "criterion", "indicator")
    faults += [
        ("file", f"unknown table {key!r}; {nearest(key, known)}")
        for key in document
        if key not in known
    ]
    head = _head(document.get("set"), faults)
    method = _method(document.get("method", {}), faults)
    groups = [
        group
        for kind in ("pillar", "criterion")
        for place, table in tables(document, kind, faults)
        if (group := _group(table, kind, place, faults)) is not None
    ]
    if not document.get("indicator", []):
        faults.append(("indicator", "there is no [[indicator]]"))
    indicators = [
        indicator
        for place, table in tables(document, "indicator", faults)
        if (indicator := _indicator(table, place, faults)) is not None
    ]
    _check_tree(groups, indicators, faults)
    if faults:
        raise StructureError.of(f"the criteria set {name}", faults)
    return Parsed(ReadOnly(head), tuple(groups), tuple(indicators), ReadOnly(method))


def _head(table: Any, faults: Faults) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        faults.append(("set", "there is no [set] with code, version, status and names"))
        return {}
    refuse_unknown(table, SET_KEYS, "set", faults, TEXTS)
    head: dict[str, Any] = {
        "code": code_of(table, "set", faults),
        "version": string(table, "version", "set", faults),
        "status": one_of(table, "status", STATUSES, "set", faults),
    }
    for key in ("name", "label"):
        head[key] = texts(table, key, "set", faults, required=True)
    for key in ("note", "entity"):
        head[key] = texts(table, key, "set", faults)
    return head


def _method(table: Any, faults: Faults) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        faults.append(("method", "it is not a table of options"))
        return {}
    refuse_unknown(table, METHOD_KEYS, "method", faults, TEXTS)
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in table.items()
        if key in METHOD_KEYS
    }


def _group(table: Mapping[str, Any], kind: str, place: str, faults: Faults) -> Group | None:
    refuse_unknown(table, GROUP_KEYS, place, faults, TEXTS)
    code = code_of(table, place, faults)
    parent = "index" if kind == "pillar" else string(table, "parent", place, faults)
    if kind == "pillar" and "parent" in table:
        faults.append((place, "a pillar has no parent"))
    group = Group(
        code=code,
        kind=kind,
        parent=parent,
        name=texts(table, "name", place, faults, required=True),
        definition=texts(table, "definition", place, faults),
        weight=_weight(table, place, faults),
    )
    return group if code else None


def _indicator(table: Mapping[str, Any], place: str, faults: Faults) -> Indicator | None:
    refuse_unknown(table, INDICATOR_KEYS, place, faults, TEXTS)
    code = code_of(table, place, faults)
    measure = one_of(table, "measure", tuple(MEASURES), place, faults)
    direction = one_of(table, "direction", tuple(DIRECTIONS), place, faults)
    goalposts = _goalposts(table, place, faults)
    target = number(table, "target", place, faults)
    normalize = string(table, "normalize", place, faults, required=False)
    if normalize is None and goalposts is not None:
        normalize = "goalposts"
    elif normalize is None and target is not None:
        normalize = "target"
    indicator = Indicator(
        code=code,
        parent=string(table, "parent", place, faults) or "",
        name=texts(table, "name", place, faults, required=True),
        definition=texts(table, "definition", place, faults, required=True),
        unit=texts(table, "unit", place, faults, required=True),
        data=texts(table, "data", place, faults),
        direction=DIRECTIONS.get(direction or "up", 1),
        weight=_weight(table, place, faults),
        measure=measure or "value",
        inputs=_inputs(table, measure, place, faults),
        parameters=_parameters(table, measure, place, faults),
        goalposts=goalposts,
        target=target,
        normalize=normalize,
        treat=string(table, "treat", place, faults, required=False),
        source=texts(table, "source", place, faults, required=True),
        status=one_of(table, "status", STATUSES, place, faults) or "proposal",
    )
    return indicator if code else None


def _weight(table: Mapping[str, Any], place: str, faults: Faults) -> float | None:
    weight = number(table, "weight", place, faults)
    if weight is not None and weight < 0:
        faults.append((place, f"weight {weight:g} is below zero"))
    return weight


def _goalposts(table: Mapping[str, Any], place: str, faults: Faults) -> tuple[float, float] | None:
    value = table.get("goalposts")
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 2 and all(map(is_number, value)):
        if value[0] < value[1]:
            return (float(value[0]), float(value[1]))
        faults.append((place, f"goalposts {value[0]:g} and {value[1]:g} do not ascend"))
        return None
    faults.append((place, "goalposts are not two numbers"))
    return None


def _inputs(
    table: Mapping[str, Any], measure: str | None, place: str, faults: Faults
) -> Mapping[str, str]:
    value = table.get("inputs", {})
    if not isinstance(value, Mapping) or not all(
        isinstance(v, str) and 0 < len(v) <= 200 for v in value.values()
    ):
        faults.append((place, "inputs must name a column for each input of the measure"))
        return ReadOnly({})
    if measure is not None:
        needs, may = MEASURES[measure].needs, MEASURES[measure].may
        faults.extend(
            (place, f"measure {measure!r} needs the input {name!r}")
            for name in needs
            if name not in value
        )
        faults.extend(
            (place, f"measure {measure!r} has no input {name!r}; {nearest(name, needs + may)}")
            for name in value
            if name not in needs + may
        )
    return ReadOnly(dict(value))


def _parameters(
    table: Mapping[str, Any], measure: str | None, place: str, faults: Faults
) -> Mapping[str, float]:
    value = table.get("parameters", {})
    if not isinstance(value, Mapping) or not all(map(is_number, value.values())):
        faults.append((place, "parameters must be numbers by name"))
        return ReadOnly({})
    if measure is None:
        return ReadOnly({})
    known = MEASURES[measure].parameters
    faults.extend(
        (place, f"measure {measure!r} has no parameter {name!r}; {nearest(name, known)}")
        for name in value
        if name not in known
    )
    found = {**known, **{k: float(v) for k, v in value.items()}}
    if not 0.0 <= found.get("capital_share", 0.5) <= 1.0:
        faults.append((place, f"capital_share {found['capital_share']:g} is not from 0 to 1"))
    years = found.get("years", 1.0)
    if years != int(years) or not 1 <= years <= 50:
        faults.append((place, f"years {years:g} is not a whole number from 1 to 50"))
    return ReadOnly(found)


def _check_tree(groups: Sequence[Group], indicators: Sequence[Indicator], faults: Faults) -> None:
    """Check what concerns several tables: codes, parents, circles, empty branches, weights."""
    nodes: list[Group | Indicator] = [*groups, *indicators]
    seen: dict[str, Group | Indicator] = {}
    for node in nodes:
        if node.code in seen:
            faults.append((_place(node), f"the code {node.code!r} is used twice"))
        seen[node.code] = node
    parents = {"index", *(group.code for group in groups)}
    for node in nodes:
        if node.parent not in parents:
            what = "an indicator" if node.parent in seen else "not there"
            faults.append((_place(node), f"its parent {node.parent!r} is {what}"))
        if isinstance(node, Indicator) and node.parent == "index":
            faults.append((_place(node), "an indicator hangs from a pillar or a criterion"))
    for group in groups:
        chain, at = [group.code], group.parent
        while at in parents and at != "index" and at not in chain and len(chain) < DEEPEST:
            chain.append(at)
            at = seen[at].parent
        if at in chain:
            faults.append((_place(group), "its parents run in a circle"))
        elif len(chain) == DEEPEST:
            faults.append((_place(group), f"it lies more than {DEEPEST} levels deep"))
        if not any(node.parent == group.code for node in nodes):
            faults.append((_place(group), "nothing hangs from it"))
    for parent in sorted(parents):
        _check_weights(parent, [n for n in nodes if n.parent == parent], faults)


def _check_weights(parent: str, children: Sequence[Group | Indicator], faults: Faults) -> None:
    scored = [n for n in children if not (isinstance(n, Indicator) and n.direction == 0)]
    faults.extend(
        (_place(node), "it is context, so it has no weight")
        for node in children
        if node not in scored and node.weight is not None
    )
    given = [node.weight for node in scored if node.weight is not None]
    if given and len(given) < len(scored):
        lacking = ", ".join(node.code for node in scored if node.weight is None)
        faults.append((parent, f"give weights to all or to none of its children; none: {lacking}"))
    elif given and abs(sum(given) - 1.0) > SUM_TOLERANCE:
        faults.append((parent, f"the weights of its children sum to {sum(given):g}, not 1"))


def _place(node: Group | Indicator) -> str:
    kind = node.kind if isinstance(node, Group) else "indicator"
    return f"{kind} {node.code!r}"
