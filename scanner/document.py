"""YAML 1.2 with the place of every value, and nothing but plain data: the one reader of configuration and rules.

Documents are read as events and never constructed into objects, so no tag can make anything happen. Size, nesting and
the number of values are bounded, which also bounds what anchors can expand to.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.reader import Reader

MAX_CHARACTERS = 100_000
MAX_DEPTH = 20
MAX_VALUES = 10_000
_MAX_BYTES = 4 * MAX_CHARACTERS
_MAX_WHOLE = 2**63
_LONGEST_SAID = 200
_TAG = "tag:yaml.org,2002:"
_PLAIN = ("str", "int", "float", "bool", "null", "timestamp", "seq", "map")
# What a value without quotation marks is (the core schema of YAML 1.2, digits also grouped as in 1_000); else text.
_KINDS = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)",
    "float": (
        r"[-+]?([0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9][0-9_]*([eE][-+]?[0-9]+)?"
        r"|\.(inf|Inf|INF))|\.(nan|NaN|NAN)"
    ),
    "merge": r"<<",
}
_KIND = re.compile("|".join(f"(?P<{kind}>{written})" for kind, written in _KINDS.items()))
_TRUTH = {"true": True, "false": False}
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)

Atom = str | int | float | bool | None


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a text file; lines and columns count from 1."""

    line: int = 1
    column: int = 1


START = Place()


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
    unprintable = Reader.NON_PRINTABLE.search(text)
    if unprintable is not None:
        raise _control_character(text, unprintable.start())
    events = _Events(text)
    if isinstance(events.take(), StreamEndEvent):
        raise EmptyError("the file is empty")
    value = _Converter(events).value(events.take(), 0)
    events.take()
    after = events.take()
    if isinstance(after, DocumentStartEvent):
        raise DocumentError("not valid YAML: a second document begins; keep one to a file", _place(after))
    return value


def _control_character(text: str, position: int) -> DocumentError:
    before = text[:position]
    place = Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
    character = f"U+{ord(text[position]):04X}"
    return DocumentError(f"the control character {character} may not stand in YAML; take it out", place)


class _Events:
    """What stands in a text, piece by piece, from the beginning of the document or the end of the stream on."""

    def __init__(self, text: str) -> None:
        self._pieces = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._last = START
        # The library says of what is missing at the end that it is missing on the line after.
        body = text.rstrip("\n")
        self._end = Place(body.count("\n") + 1, len(body) - body.rfind("\n"))
        self.take()

    def take(self) -> Event:
        """The next piece. Raises DocumentError where the text is no YAML."""
        try:
            piece: Event = next(self._pieces)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = min(Place(mark.line + 1, mark.column + 1), self._end) if mark else self._last
            said = str(error.problem or error.context)[:_LONGEST_SAID]
            if "nesting depth" in said:
                raise _too_much(place) from error
            raise DocumentError(f"not valid YAML: {said}", place) from error
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0][:_LONGEST_SAID]
            raise DocumentError(f"not valid YAML: {said}", self._last) from error
        self._last = _place(piece)
        return piece


def _place(piece: Event) -> Place:
    mark = piece.start_mark
    return START if mark is None else Place(mark.line + 1, mark.column + 1)


def _too_much(place: Place) -> DocumentError:
    return DocumentError(f"nested deeper than {MAX_DEPTH} levels or more than {MAX_VALUES:,} values", place)


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A value that may stand again elsewhere, and what it adds to the document there."""

    value: Value
    values: int
    levels: int


class _Converter:
    """Turns pieces of a document into plain values, counting them."""

    def __init__(self, events: _Events) -> None:
        self._events = events
        self._anchors: dict[str, _Anchored] = {}
        self._count = 0
        self._deepest = 0

    def value(self, piece: Event, depth: int) -> Value:
        """The value that begins with a piece, to its end."""
        place = _place(piece)
        if isinstance(piece, AliasEvent):
            return self._again(str(piece.anchor), place, depth)
        self._add(1, depth, place)
        before, outer, self._deepest = self._count, self._deepest, depth
        if isinstance(piece, ScalarEvent):
            value: Value = _scalar(piece, place)
        elif isinstance(piece, SequenceStartEvent):
            _check_tag(piece.tag, place)
            value = self._listing(place, depth)
        elif isinstance(piece, MappingStartEvent):
            _check_tag(piece.tag, place)
            value = self._table(place, depth)
        else:
            raise DocumentError("not plain data", place)
        if piece.anchor is not None:
            self._anchors[piece.anchor] = _Anchored(value, self._count - before + 1, self._deepest - depth)
        self._deepest = max(outer, self._deepest)
        return value

    def _add(self, values: int, depth: int, place: Place) -> None:
        self._count += values
        self._deepest = max(self._deepest, depth)
        if depth > MAX_DEPTH or self._count > MAX_VALUES:
            raise _too_much(place)

    def _again(self, anchor: str, place: Place, depth: int) -> Value:
        known = self._anchors.get(anchor)
        if known is None:
            raise DocumentError(
                f"the alias *{anchor[:_LONGEST_SAID]} stands for nothing yet; give its value above", place
            )
        self._add(known.values, depth + known.levels, place)
        return known.value

    def _listing(self, place: Place, depth: int) -> Listing:
        items = []
        while not isinstance(piece := self._events.take(), SequenceEndEvent):
            items.append(self.value(piece, depth + 1))
        return Listing(tuple(items), place)

    def _table(self, place: Place, depth: int) -> Table:
        entries: dict[str, Value] = {}
        keys: dict[str, Place] = {}
        while not isinstance(piece := self._events.take(), MappingEndEvent):
            key = self.value(piece, depth + 1)
            if not isinstance(key, Scalar):
                raise DocumentError("a key must be a plain word", key.place)
            if key.text in entries:
                raise DocumentError(f"{key.text!r} is given twice", key.place)
            entries[key.text] = self.value(self._events.take(), depth + 1)
            keys[key.text] = key.place
        return Table(entries, keys, place)


def _check_tag(tag: str | None, place: Place) -> None:
    if tag is None or tag == "!":
        return
    if tag == f"{_TAG}merge":
        raise DocumentError("merge keys (<<) are not read; write the keys out", place)
    if not tag.startswith(_TAG) or tag.removeprefix(_TAG) not in _PLAIN:
        raise DocumentError(f"the tag {tag[:_LONGEST_SAID]} is not allowed; write plain values", place)


def _scalar(piece: ScalarEvent, place: Place) -> Scalar:
    text, tag = str(piece.value), piece.tag
    if tag is None and piece.implicit[0]:
        told = _KIND.fullmatch(text)
        tag = f"{_TAG}{told.lastgroup if told else 'str'}"
    _check_tag(tag, place)
    inset = {None: 0, "": 0, "'": 1, '"': 1}.get(piece.style, -1)
    kind = "str" if tag in (None, "!") else str(tag).removeprefix(_TAG)
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
