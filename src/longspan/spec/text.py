"""From YAML text to plain values, and where each of them was written.

The dialect is YAML 1.2's core schema, narrowed to what a configuration needs: one document, text keys,
no tags, no merge keys, no directives. ``yes`` and ``1_000`` are text, ``010`` is ten. Whatever is
outside becomes a complaint with a position, never another exception, and nothing is unbounded: size,
depth, and how far aliases may multiply.

ruamel.yaml scans and parses (its events keep positions); composing is done here, because a composer of
its own is what makes duplicate keys, aliases and tags ours to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from longspan.base.errors import Complaint, Invalid
from longspan.base.units import format_size
from longspan.spec.places import Path, Place, Places, dotted, printable
from longspan.spec.scalars import resolve
from longspan.spec.syntax import explain

SIZE_LIMIT = 256 << 10
"""Bytes of a file. A system of a hundred services has some 60 KiB; parsing 256 KiB takes about a second."""
DEPTH_LIMIT = 32
"""Mappings and lists within each other."""
NODE_LIMIT = 20_000
"""Values in all, those that aliases repeat counted each time."""

_DIRECTIVE = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*%")
_PERCENT = re.compile("^%", re.MULTILINE)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Tree:
    """What the text says: plain values (mappings keep their order) and where they stand."""

    data: Any
    places: Places
    complaints: tuple[Complaint, ...]
    """What is wrong with single keys and values; the rest of `data` is usable all the same."""


def read(text: str | bytes, file: str) -> Tree:
    """The values of one YAML document.

    Raises `Invalid` where the text cannot be followed to its end: not UTF-8, too large or too deep,
    empty, more than one document, or a mistake of syntax.
    """
    text = _characters(text, file)
    composer = _Composer(file, _events(text, file))
    if directive := _DIRECTIVE.match(text):
        line, column = _position(directive[0][:-1])
        remedy = "Take out the lines that begin with %."
        composer.complaints.append(Complaint(file, line, column, "", "begins with a directive", remedy))
    root = composer.document()
    places: dict[Path, Place] = {}
    data = _unfold(root, (), (root.line, root.column), places)
    return Tree(data, Places(file, places), tuple(composer.complaints))


# ---------------------------------------------------------------------------------------- characters


def _characters(text: str | bytes, file: str) -> str:
    """Decoded, bounded, printable text without a byte order mark."""
    if len(text) > SIZE_LIMIT:
        problem = f"is {format_size(len(text))}, over the limit of {format_size(SIZE_LIMIT)}"
        raise Invalid((Complaint(file, 0, 0, "", problem, "Take out what is no configuration."),))
    decoded = (text if isinstance(text, str) else _decoded(text, file)).removeprefix("\ufeff")
    if wrong := _UNPRINTABLE.search(decoded):
        line, column = _position(decoded[: wrong.start()])
        problem = f"has the character U+{ord(wrong[0]):04X}, which no YAML file may hold"
        raise Invalid((Complaint(file, line, column, "", problem, "Take it out."),))
    return decoded


def _decoded(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _position(data[: error.start].decode("utf-8"))
        complaint = Complaint(file, line, column, "", "is not UTF-8 text here", "Save the file as UTF-8.")
        raise Invalid((complaint,)) from None


def _position(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows this text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _events(text: str, file: str) -> Iterator[Any]:
    """What the parser sees, one by one; its mistakes of syntax in plain words."""
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        line, column, problem, remedy = explain(error, text)
        raise Invalid((Complaint(file, line, column, "", problem, remedy),)) from None
    except YAMLError as error:
        problem = f"cannot be read as YAML: {printable(str(error), 200)}"
        raise Invalid((Complaint(file, 1, 1, "", problem),)) from None
    except (AssertionError, IndexError, ValueError) as error:
        # Of versions in a directive the parser asserts what it should say, and says not where.
        line, column = _position(text[: found.start()] if (found := _PERCENT.search(text)) else "")
        problem = f"has a directive that is none: {printable(str(error), 200)}"
        raise Invalid((Complaint(file, line, column, "", problem, "Take out the lines that begin with %."),)) from None


# ----------------------------------------------------------------------------------------- composing


@dataclass(slots=True)
class _Node:
    """A value with the place where it was written; an alias shares the node of its anchor."""

    line: int
    column: int
    value: Any = None
    """A scalar's value, a list of nodes, or key -> (line of the key, its column, node)."""
    text: str | None = None
    count: int = 1
    """Nodes in all, itself included."""
    finished: bool = False


@dataclass(slots=True)
class _Composer:
    """Events -> nodes. Collects what is wrong and goes on, as far as the rest still has a meaning."""

    file: str
    events: Iterator[Any]
    complaints: list[Complaint] = field(default_factory=list)
    anchors: dict[str, _Node] = field(default_factory=dict)
    count: int = 0

    def document(self) -> _Node:
        """The one document of the stream. Raises `Invalid` when there is none, or another."""
        root: _Node | None = None
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                if root is not None:
                    raise self._stop(event, (), "holds a second document", "Keep one; each system has its own file.")
                root = self._node(next(self.events), (), 1)
        if root is None or (root.text == "" and root.value is None):
            remedy = "`longspan init` writes a working one in an empty folder."
            raise Invalid((Complaint(self.file, 1, 1, "", "is empty", remedy),))
        return root

    def _node(self, event: Any, path: Path, depth: int) -> _Node:
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        if depth > DEPTH_LIMIT:
            raise self._stop(event, path, f"is more than {DEPTH_LIMIT} levels deep", "No key lies that deep.")
        node = _Node(event.start_mark.line + 1, event.start_mark.column + 1)
        self._tally(event, path, 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            remedy = "Take the tag out; quotes make text of a number."
            self._complain(event, path, f"has the tag {printable(tag, 60)}, and tags mean nothing here", remedy)
        if isinstance(event, ScalarEvent):
            self._scalar(event, path, node)
        elif isinstance(event, SequenceStartEvent):
            self._sequence(path, node, depth)
        else:
            assert isinstance(event, MappingStartEvent), event
            self._mapping(path, node, depth)
        node.finished = True
        return node

    def _alias(self, event: Any, path: Path) -> _Node:
        node = self.anchors.get(event.anchor)
        name = printable(event.anchor, 60)
        if node is None:
            problem = f"refers to the anchor &{name}, which is not above it"
            self._complain(event, path, problem, f'Text that begins with * needs quotes: "*{name}".')
        elif not node.finished:
            self._complain(event, path, f"lies within the anchor &{name} that it refers to", "Write the value out.")
        else:
            self._tally(event, path, node.count)
            return node
        return _Node(event.start_mark.line + 1, event.start_mark.column + 1, finished=True)

    def _scalar(self, event: Any, path: Path, node: _Node) -> None:
        node.text = event.value
        plain = event.style is None and event.tag is None
        node.value, wrong = resolve(event.value) if plain else (event.value, "")
        if wrong:
            self._complain(event, path, wrong, "Put it in quotes if it is meant as text.")
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            self._complain(event, path, "holds half a character (a lone surrogate)", "Take the escape out.")

    def _sequence(self, path: Path, node: _Node, depth: int) -> None:
        node.value = []
        for event in iter(lambda: next(self.events), None):
            if isinstance(event, SequenceEndEvent):
                return
            item = self._node(event, (*path, len(node.value)), depth + 1)
            node.value.append(item)
            node.count += item.count

    def _mapping(self, path: Path, node: _Node, depth: int) -> None:
        node.value = {}
        for event in iter(lambda: next(self.events), None):
            if isinstance(event, MappingEndEvent):
                return
            key = self._key(event, path, depth)
            value = self._node(next(self.events), (*path, key) if key is not None else path, depth + 1)
            node.count += 1 + value.count
            if key is None:
                continue
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
            if key in node.value:
                first_line, first_column, _ = node.value[key]
                problem = f"stands twice; first at line {first_line}, column {first_column}"
                self._complain(event, (*path, key), problem, "Keep one of the two.")
            else:
                node.value[key] = (line, column, value)

    def _key(self, event: Any, path: Path, depth: int) -> str | None:
        """The key's text; None when it is none that a mapping here can have."""
        if not isinstance(event, ScalarEvent):
            self._node(event, path, depth + 1)
            remedy = "Write KEY: VALUE; a key that begins with *, [ or { needs quotes."
            self._complain(event, path, "has a key that is no plain text", remedy)
            return None
        self._tally(event, path, 1)
        if event.anchor is not None or event.tag is not None:
            self._complain(event, path, "has a key with an anchor or a tag", "Anchors stand before values.")
        if event.value == "<<" and event.style is None:
            remedy = "Write the keys out, or repeat a whole value by an alias: KEY: *ANCHOR."
            self._complain(event, path, "has the merge key <<, which YAML 1.2 does not know", remedy)
            return None
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            self._complain(event, path, "has a key with half a character (a lone surrogate)", "Take the escape out.")
            return None
        return str(event.value)

    def _tally(self, event: Any, path: Path, count: int) -> None:
        self.count += count
        if self.count > NODE_LIMIT:
            remedy = "Aliases count as often as they are used."
            raise self._stop(event, path, f"holds more than {NODE_LIMIT:,} values", remedy)

    def _complaint(self, event: Any, path: Path, problem: str, remedy: str) -> Complaint:
        mark = event.start_mark
        return Complaint(self.file, mark.line + 1, mark.column + 1, dotted(path), problem, remedy)

    def _complain(self, event: Any, path: Path, problem: str, remedy: str) -> None:
        self.complaints.append(self._complaint(event, path, problem, remedy))

    def _stop(self, event: Any, path: Path, problem: str, remedy: str) -> Invalid:
        return Invalid((*self.complaints, self._complaint(event, path, problem, remedy)))


def _unfold(node: _Node, path: Path, key: tuple[int, int], places: dict[Path, Place]) -> Any:
    """The plain value of a node; notes where it and all within it stand."""
    # An empty value stands, for the parser, before the next thing: people look for it at its key.
    own = key if node.text == "" and node.value is None else (node.line, node.column)
    places[path] = Place(*own, *key, node.text)
    if isinstance(node.value, dict):
        return {
            name: _unfold(child, (*path, name), (line, column), places)
            for name, (line, column, child) in node.value.items()
        }
    if isinstance(node.value, list):
        return [
            _unfold(child, (*path, index), (child.line, child.column), places) for index, child in enumerate(node.value)
        ]
    return node.value
