"""YAML 1.2 with the place of every value, and nothing but plain data.

Documents are composed into nodes and never constructed into objects, so no tag can make anything happen. Size, nesting
and the number of values are bounded, which also bounds what anchors can expand to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from scanner.ruleset.problems import Place

MAX_CHARACTERS = 100_000
MAX_DEPTH = 20
MAX_VALUES = 10_000
_TAG = "tag:yaml.org,2002:"
_TRUTH = {"true": True, "false": False}

Atom = str | int | float | bool | None


class _Composer(YAML):
    """The library's own reader, without the search for plug-ins on the disk that it makes for every document."""

    def official_plug_ins(self) -> list[str]:
        """None are wanted."""
        return []


class DocumentError(Exception):
    """A text is not a YAML document of plain data; ``place`` says where."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        self.place = place or Place()
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. ``text`` is what was written; ``inset`` is 1 where a quotation mark precedes it, -1 in a block."""

    value: Atom
    text: str
    place: Place
    inset: int = 0

    def within(self, offset: int) -> Place:
        """The place of a character of the text; the start of the value where it is folded over lines."""
        if self.inset < 0 or "\n" in self.text:
            return self.place
        return Place(self.place.line, self.place.column + self.inset + offset)


@dataclass(frozen=True, slots=True)
class Listing:
    """A YAML sequence."""

    items: tuple[Value, ...]
    place: Place

    def __iter__(self) -> Iterator[Value]:
        """The items in order."""
        return iter(self.items)


@dataclass(frozen=True, slots=True)
class Table:
    """A YAML mapping with text keys; ``keys`` holds where each key stands."""

    entries: dict[str, Value]
    keys: dict[str, Place]
    place: Place


Value = Scalar | Listing | Table


def parse(text: str) -> Value:
    """Parse one YAML document. Raises DocumentError with the place of what is wrong."""
    if len(text) > MAX_CHARACTERS:
        raise DocumentError(f"the file has more than {MAX_CHARACTERS:,} characters; split it")
    try:
        node = _Composer(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place()
        raise DocumentError(f"not valid YAML: {error.problem or error.context}", place) from error
    except (YAMLError, ValueError) as error:
        raise DocumentError(f"not valid YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise DocumentError("nested too deeply") from error
    if node is None:
        raise DocumentError("the file is empty")
    return _Converter().value(node, 0)


class _Converter:
    """Turns composed nodes into plain values, counting them."""

    def __init__(self) -> None:
        self.count = 0

    def value(self, node: Node, depth: int) -> Value:
        place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_VALUES:
            raise DocumentError(f"nested deeper than {MAX_DEPTH} levels or more than {MAX_VALUES:,} values", place)
        if isinstance(node, ScalarNode):
            return _scalar(node, place)
        if isinstance(node, SequenceNode):
            return Listing(tuple(self.value(item, depth + 1) for item in node.value), place)
        if isinstance(node, MappingNode):
            return self._table(node, place, depth)
        raise DocumentError("not plain data", place)

    def _table(self, node: MappingNode, place: Place, depth: int) -> Table:
        entries: dict[str, Value] = {}
        keys: dict[str, Place] = {}
        for key_node, value_node in node.value:
            key = self.value(key_node, depth + 1)
            if not isinstance(key, Scalar):
                raise DocumentError("a key must be a plain word", key.place)
            if key.text in entries:
                raise DocumentError(f"{key.text!r} is given twice", key.place)
            entries[key.text] = self.value(value_node, depth + 1)
            keys[key.text] = key.place
        return Table(entries, keys, place)


def _scalar(node: ScalarNode, place: Place) -> Scalar:
    text = str(node.value)
    tag = str(node.tag)
    inset = {None: 0, "'": 1, '"': 1}.get(node.style, -1)
    kind = tag.removeprefix(_TAG)
    if not tag.startswith(_TAG) or kind not in ("str", "int", "float", "bool", "null", "timestamp"):
        raise DocumentError(f"the tag {tag} is not allowed; write plain values", place)
    try:
        return Scalar(_atom(kind, text), text, place, inset)
    except ValueError as error:
        raise DocumentError(f"{text[:40]!r} is not a valid {kind}", place) from error


def _atom(kind: str, text: str) -> Atom:
    if kind == "int":
        digits = text.replace("_", "")
        return int(digits, 0 if digits.lstrip("+-")[:2] in ("0o", "0x") else 10)
    if kind == "float":
        return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").replace(".NaN", "nan"))
    if kind == "bool":
        return _TRUTH[text.lower()]
    return None if kind == "null" else text
