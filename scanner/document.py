"""YAML 1.2 with the place of every value, and nothing but plain data: the one reader of configuration and rules.

Documents are composed into nodes and never constructed into objects, so no tag can make anything happen. Size, nesting
and the number of values are bounded, which also bounds what anchors can expand to.
"""

from __future__ import annotations

import re
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

MAX_CHARACTERS = 100_000
MAX_DEPTH = 20
MAX_VALUES = 10_000
_MAX_BYTES = 4 * MAX_CHARACTERS
_MAX_WHOLE = 2**63
_LONGEST_SAID = 200
_TAG = "tag:yaml.org,2002:"
_PLAIN = ("str", "int", "float", "bool", "null", "timestamp", "seq", "map")
_TRUTH = {"true": True, "false": False}
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)

Atom = str | int | float | bool | None


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a text file; lines and columns count from 1."""

    line: int = 1
    column: int = 1


START = Place()


class _Composer(YAML):
    """The library's own reader, without the search for plug-ins on the disk that it makes for every document."""

    def __init__(self) -> None:
        super().__init__(typ="safe", pure=True)
        # Bounds its own recursion. One level more than is read, so that the sentence is ours.
        self.max_depth = MAX_DEPTH + 2

    def official_plug_ins(self) -> list[str]:
        """None are wanted."""
        return []


class DocumentError(Exception):
    """A text is not a YAML document of plain data; ``place`` says where."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        self.place = place or START
        super().__init__(message)


class UnreadableError(DocumentError):
    """There is no text to parse: no file, no permission, not a file, not UTF-8."""


class EmptyError(DocumentError):
    """The text holds no document, or nothing but comments."""


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


def read(path: Path) -> Value:
    """Read a file that holds one YAML document.

    Raises UnreadableError where there is no text, EmptyError where there is nothing in it, and DocumentError with the
    place of anything else that is wrong.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            what = "a folder" if stat.S_ISDIR(about.st_mode) else "a pipe or a device"
            raise UnreadableError(f"cannot be read: it is {what}, not a file")
        if about.st_size > _MAX_BYTES:
            raise DocumentError(f"larger than {_MAX_BYTES:,} bytes; split it")
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UnreadableError("cannot be read: no file has such a name") from error
    try:
        return parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableError(
            "cannot be read: it is not UTF-8 text; save it as UTF-8", Place(content[: error.start].count(b"\n") + 1)
        ) from error


def parse(text: str) -> Value:
    """Parse one YAML document. Raises EmptyError, or DocumentError with the place of what is wrong."""
    if len(text) > MAX_CHARACTERS:
        raise DocumentError(f"the file has more than {MAX_CHARACTERS:,} characters; split it")
    directive = _DIRECTIVE.search(text)
    if directive is not None:
        line = text.count("\n", 0, directive.start()) + 1
        raise DocumentError("directives (%YAML, %TAG) are not read; take the line out", Place(line))
    node = _composed(text)
    if node is None:
        raise EmptyError("the file is empty")
    return _Converter().value(node, 0)


def _composed(text: str) -> Node | None:
    composer = _Composer()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            node: Node | None = composer.compose(text)
            return node
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else START
        if error.problem and error.problem.startswith("maximum depth"):
            raise _too_much(place) from error
        raise DocumentError(f"not valid YAML: {str(error.problem or error.context)[:_LONGEST_SAID]}", place) from error
    except ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        character = f"U+{ord(text[error.position]):04X}"
        raise DocumentError(f"the control character {character} may not stand in YAML; take it out", place) from error
    except (YAMLError, ValueError, OverflowError, RecursionError) as error:
        said = str(error).splitlines() or [type(error).__name__]
        place = Place(composer.reader.line + 1, composer.reader.column + 1)
        raise DocumentError(f"not valid YAML: {said[0][:_LONGEST_SAID]}", place) from error


def _too_much(place: Place) -> DocumentError:
    return DocumentError(f"nested deeper than {MAX_DEPTH} levels or more than {MAX_VALUES:,} values", place)


class _Converter:
    """Turns composed nodes into plain values, counting them."""

    def __init__(self) -> None:
        self.count = 0

    def value(self, node: Node, depth: int) -> Value:
        place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_VALUES:
            raise _too_much(place)
        _check_tag(str(node.tag), place)
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


def _check_tag(tag: str, place: Place) -> None:
    if tag == f"{_TAG}merge":
        raise DocumentError("merge keys (<<) are not read; write the keys out", place)
    if not tag.startswith(_TAG) or tag.removeprefix(_TAG) not in _PLAIN:
        raise DocumentError(f"the tag {tag[:_LONGEST_SAID]} is not allowed; write plain values", place)


def _scalar(node: ScalarNode, place: Place) -> Scalar:
    text = str(node.value)
    inset = {None: 0, "'": 1, '"': 1}.get(node.style, -1)
    kind = str(node.tag).removeprefix(_TAG)
    try:
        return Scalar(_atom(kind, text), text, place, inset)
    except (ValueError, KeyError) as error:
        raise DocumentError(f"{text[:40]!r} is not a usable {kind}", place) from error


def _atom(kind: str, text: str) -> Atom:
    if kind == "int":
        digits = text.replace("_", "")
        number = int(digits, 0 if digits.lstrip("+-")[:2] in ("0o", "0x") else 10)
        if abs(number) >= _MAX_WHOLE:
            raise ValueError("beyond 64 bits")
        return number
    if kind == "float":
        return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    if kind == "bool":
        return _TRUTH[text.lower()]
    return None if kind == "null" else text
