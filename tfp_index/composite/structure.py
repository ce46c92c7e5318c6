"""The tree of an index: indicators at the leaves, the index at the root."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfp_index.errors import SpecificationError, nearest

__all__ = ["Node", "Structure", "StructureError", "rows_from_meta"]

ROW_KEYS = (
    "code",
    "name",
    "parent",
    "direction",
    "weight",
    "unit",
    "target",
    "goalposts",
    "denominator",
    "normalize",
    "treat",
)
"""What a row of the structure may say."""

META_COLUMNS = {
    "iCode": "code",
    "iName": "name",
    "Parent": "parent",
    "Direction": "direction",
    "Weight": "weight",
    "Unit": "unit",
    "Target": "target",
    "Denominator": "denominator",
}
"""Columns of a metadata table and the keys they become."""


class StructureError(SpecificationError):
    """A tree, or a file that holds one, has faults; ``faults`` lists them all.

    Attributes
    ----------
    faults : tuple of (place, what is wrong) pairs
    """

    def __init__(
        self, message: str, *, faults: Iterable[Sequence[str]] = (), **fields: Any
    ) -> None:
        self.faults = tuple((str(place), str(text)) for place, text in faults)
        super().__init__(message, **fields)

    def to_dict(self) -> dict[str, Any]:
        """Return the error and its faults as plain data."""
        return {**super().to_dict(), "faults": [list(fault) for fault in self.faults]}

    @classmethod
    def of(cls, what: str, faults: Sequence[tuple[str, str]]) -> StructureError:
        """Return one error that lists every fault with its place."""
        lines = "".join(f"\n  {place}: {text}" for place, text in faults)
        noun = "fault" if len(faults) == 1 else "faults"
        return cls(f"{what} has {len(faults)} {noun}:{lines}", code="bad_structure", faults=faults)


@dataclass(frozen=True, slots=True)
class Node:
    """An indicator or an aggregate.

    Attributes
    ----------
    code, name, unit : str
    parent : str or None
        None for the index itself.
    direction : int
        1 where more is better, -1 where less is.
    weight : float
        Among its siblings, relative.
    target : float or None
    goalposts : (low, high) or None
    denominator : str or None
        Column that the indicator is divided by.
    normalize, treat : str or None
        Treatment of this indicator where it differs from the others.
    children : tuple of int
        Positions in `Structure.nodes`; empty for an indicator.
    level : int
        1 for an indicator, one more than the highest child for an aggregate.
    """

    code: str
    name: str = ""
    parent: str | None = None
    direction: int = 1
    weight: float = 1.0
    unit: str = ""
    target: float | None = None
    goalposts: tuple[float, float] | None = None
    denominator: str | None = None
    normalize: str | None = None
    treat: str | None = None
    children: tuple[int, ...] = ()
    level: int = 1


@dataclass(frozen=True)
class Structure:
    """Nodes in the order of computation: indicators first, then aggregates, the index last.

    Examples
    --------
    >>> tree = Structure.from_rows([
    ...     {"code": "skills", "parent": "index"},
    ...     {"code": "debt", "parent": "index", "direction": -1},
    ...     {"code": "index"},
    ... ])
    >>> [node.code for node in tree.nodes], tree.nodes[-1].children
    (['skills', 'debt', 'index'], (0, 1))
    """

    nodes: tuple[Node, ...]
    position: Mapping[str, int] = field(repr=False)

    @property
    def indicators(self) -> tuple[Node, ...]:
        """The leaves."""
        return tuple(node for node in self.nodes if not node.children)

    @property
    def aggregates(self) -> tuple[Node, ...]:
        """Everything above the leaves, children before parents."""
        return tuple(node for node in self.nodes if node.children)

    @property
    def index(self) -> Node:
        """The root."""
        return self.nodes[-1]

    def child_codes(self, code: str) -> tuple[str, ...]:
        """Return the codes of the children of a node."""
        return tuple(self.nodes[i].code for i in self.nodes[self.position[code]].children)

    def without(self, code: str) -> list[dict[str, Any]]:
        """Return rows of the tree less one node and all that hangs from it or is left empty."""
        gone = {code}
        for node in reversed(self.nodes):
            if node.parent in gone:
                gone.add(node.code)
        for node in self.nodes:
            if node.children and all(self.nodes[i].code in gone for i in node.children):
                gone.add(node.code)
        return [row_of(node) for node in self.nodes if node.code not in gone]

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Structure:
        """Build and check the tree.

        Raises
        ------
        StructureError
            Listing every fault: unknown keys, double or missing codes, absent parents, circles,
            more than one root, wrong directions, weights, goalposts.
        """
        faults: list[tuple[str, str]] = []
        nodes: dict[str, Node] = {}
        for number, row in enumerate(rows, start=1):
            node = _read_row(row, number, faults)
            if node is None:
                continue
            if node.code in nodes:
                faults.append((node.code, "this code is used twice"))
            nodes[node.code] = node
        _check_parents(nodes, faults)
        if faults:
            raise StructureError.of("the structure", faults)
        return cls(*_arrange(nodes))


def row_of(node: Node) -> dict[str, Any]:
    """Return a node as a row that `Structure.from_rows` reads."""
    return {key: getattr(node, key) for key in ROW_KEYS}


def _read_row(row: Mapping[str, Any], number: int, faults: list[tuple[str, str]]) -> Node | None:
    code = row.get("code")
    if not isinstance(code, str) or not code:
        faults.append((f"row {number}", f"code is {code!r}, not a name"))
        return None
    given = {key: row[key] for key in ROW_KEYS if row.get(key) is not None}
    unknown = [str(key) for key in row if key not in ROW_KEYS]
    wrong = [f"unknown key {key!r}; {nearest(key, ROW_KEYS)}" for key in unknown]
    wrong += _wrong_values(given)
    if wrong:
        faults.extend((code, text) for text in wrong)
        parent = given.get("parent")
        return Node(code, parent=parent if isinstance(parent, str) else None)
    for key in ("weight", "target"):
        if key in given:
            given[key] = float(given[key])
    if "goalposts" in given:
        given["goalposts"] = (float(given["goalposts"][0]), float(given["goalposts"][1]))
    return Node(**given)


def _wrong_values(given: Mapping[str, Any]) -> list[str]:
    wrong = [
        f"{key} is {given[key]!r}, not text"
        for key in ("name", "parent", "unit", "denominator", "normalize", "treat")
        if key in given and not isinstance(given[key], str)
    ]
    wrong += [
        f"{key} is {given[key]!r}, not a number"
        for key in ("weight", "target")
        if key in given and not _is_number(given[key])
    ]
    if given.get("direction", 1) not in (1, -1):
        wrong.append(f"direction is {given['direction']!r}, not 1 or -1")
    weight = given.get("weight", 1.0)
    if _is_number(weight) and weight < 0:
        wrong.append(f"weight is {weight:g}, below zero")
    posts = given.get("goalposts", (0.0, 1.0))
    if not (isinstance(posts, (tuple, list)) and len(posts) == 2 and all(map(_is_number, posts))):
        wrong.append(f"goalposts are {posts!r}, not two numbers")
    elif not posts[0] < posts[1]:
        wrong.append(f"goalposts {posts[0]:g} and {posts[1]:g} do not ascend")
    return wrong


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_parents(nodes: Mapping[str, Node], faults: list[tuple[str, str]]) -> None:
    if not nodes:
        if not faults:
            faults.append(("structure", "it is empty"))
        return
    faults.extend(
        (node.code, f"its parent {node.parent!r} is not there")
        for node in nodes.values()
        if node.parent is not None and node.parent not in nodes
    )
    circle = "it is its own ancestor: the parents run in a circle"
    faults.extend((code, circle) for code in _in_circles(nodes))
    roots = [code for code, node in nodes.items() if node.parent is None]
    if len(roots) != 1:
        shown = ", ".join(map(repr, roots[:6])) or "none"
        faults.append(("structure", f"exactly one node must have no parent; found {shown}"))
    heaviest: dict[str, float] = {}
    for node in nodes.values():
        if node.parent is not None:
            heaviest[node.parent] = max(node.weight, heaviest.get(node.parent, 0.0))
    faults.extend(
        (parent, "all its children have weight zero")
        for parent, weight in heaviest.items()
        if parent in nodes and weight == 0
    )
    if len(roots) == 1 and roots[0] not in heaviest:
        faults.append((roots[0], "the index has no indicators below it"))


def _in_circles(nodes: Mapping[str, Node]) -> list[str]:
    """Return the nodes that are their own ancestors; each chain is walked once."""
    state: dict[str, int] = {}  # number of the walk that first met the node
    found: list[str] = []
    for walk, start in enumerate(nodes):
        chain = []
        at: str | None = start
        while at is not None and at in nodes and at not in state:
            state[at] = walk
            chain.append(at)
            at = nodes[at].parent
        if at is not None and state.get(at) == walk:
            found.extend(chain[chain.index(at) :])
    return found


def _arrange(nodes: Mapping[str, Node]) -> tuple[tuple[Node, ...], dict[str, int]]:
    children: dict[str, list[str]] = {code: [] for code in nodes}
    for node in nodes.values():
        if node.parent is not None:
            children[node.parent].append(node.code)
    parents_first = [code for code, node in nodes.items() if node.parent is None]
    for code in parents_first:  # grows while it is walked
        parents_first.extend(children[code])
    level: dict[str, int] = {}
    for code in reversed(parents_first):
        level[code] = 1 + max((level[child] for child in children[code]), default=0)
    order = sorted(nodes, key=level.__getitem__)  # stable: the caller's order within a level
    position = {code: i for i, code in enumerate(order)}
    arranged = [
        Node(
            **row_of(nodes[code]),
            children=tuple(position[child] for child in children[code]),
            level=level[code],
        )
        for code in order
    ]
    return tuple(arranged), position


def rows_from_meta(meta: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Turn the columns of a metadata table into rows of the structure.

    Read are ``iCode``, ``Parent`` and, where present, ``iName``, ``Direction``, ``Weight``,
    ``Unit``, ``Target``, ``Denominator``, ``GoalpostLow``, ``GoalpostHigh``, ``Level``, ``Type``.
    Rows of type ``Group`` or ``Denominator`` describe columns outside the tree and are left out;
    ``Level`` is only compared with the tree.

    Raises
    ------
    StructureError
        If ``iCode`` or ``Parent`` is absent, or a level does not lie below its parent's.

    Examples
    --------
    >>> rows_from_meta({"iCode": ["x", "Index"], "Parent": ["Index", None],
    ...                 "Direction": [-1.0, None]})
    [{'code': 'x', 'parent': 'Index', 'direction': -1}, {'code': 'Index'}]
    """
    for column in ("iCode", "Parent"):
        if column not in meta:
            faults = [("metadata", f"there is no column {column!r}; {nearest(column, meta)}")]
            raise StructureError.of("the metadata table", faults)
    rows = []
    levels: dict[str, tuple[float, str | None]] = {}
    for i in range(len(meta["iCode"])):
        cell = {name: _blank(meta[name][i]) for name in meta}
        if cell.get("Type") not in (None, "Indicator", "Aggregate"):
            continue
        row = {key: cell[name] for name, key in META_COLUMNS.items() if cell.get(name) is not None}
        if isinstance(row.get("direction"), float) and row["direction"].is_integer():
            row["direction"] = int(row["direction"])
        low, high = cell.get("GoalpostLow"), cell.get("GoalpostHigh")
        if low is not None or high is not None:
            row["goalposts"] = (low, high)
        if cell.get("Level") is not None:
            levels[str(row.get("code"))] = (cell["Level"], row.get("parent"))
        rows.append(row)
    faults = [
        (code, f"level {level:g} is not below the level {levels[parent][0]:g} of {parent!r}")
        for code, (level, parent) in levels.items()
        if parent in levels and not level < levels[parent][0]
    ]
    if faults:
        raise StructureError.of("the metadata table", faults)
    return rows


def _blank(value: Any) -> Any:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.item() if hasattr(value, "item") else value
