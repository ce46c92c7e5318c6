"""Reading a page back: its structure as a browser or a screen reader would find it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "source", "br", "link", "input"}


@dataclass
class Node:
    """An element with its attributes, children and text."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def find(self, *tags: str) -> list[Node]:
        """Return all elements below with one of the tags, in reading order."""
        found = []
        for child in self.children:
            if child.tag in tags:
                found.append(child)
            found += child.find(*tags)
        return found

    @property
    def text(self) -> str:
        """All text below."""
        return " ".join(" ".join(self.texts).split())


class Page(HTMLParser):
    """A parsed page; unbalanced tags are an error."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("#page")
        self._open = [self.root]
        self.feed(source.replace("<wbr>", ""))  # where a word may break, not a break in it
        self.close()
        assert len(self._open) == 1, f"not closed: {[n.tag for n in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {k: v or "" for k, v in attrs})
        self._open[-1].children.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for node in self._open:
            node.texts.append(data)
