"""JSON objects whose values are all of the kinds that a vendor should send, decoded without a dictionary for each.

A body of another shape - a text where a number belongs, a word that is no JSON, half a character - is left to the
careful way (:mod:`scanner.sources.formats.json_objects`), which judges it value by value. Both give the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl

from scanner.sources.formats.base import UnreadableError
from scanner.sources.formats.reading import holds_too_much, parse_json

_LIST = re.compile(rb'"options"\s*:\s*\[')
# Whole numbers beyond are no numbers of polars', and are judged as text.
_LARGEST = 2.0**63


@dataclass(frozen=True, slots=True)
class Entries:
    """The fields of a list of such objects as columns."""

    columns: Mapping[str, pl.Series]
    count: int

    @classmethod
    def of(cls, objects: Sequence[Any], names: Mapping[str, type]) -> Entries:
        """The columns of some objects whose fields are ``str`` or ``float``, or null."""
        return cls({name: _column(objects, name, kind) for name, kind in names.items()}, len(objects))

    def __len__(self) -> int:
        return self.count

    def table(self, wanted: Mapping[str, str]) -> pl.DataFrame:
        """Some columns under other names, and ``line``, from 1."""
        line = pl.int_range(1, self.count + 1, dtype=pl.Int64, eager=True)
        return pl.DataFrame({"line": line, **{ours: self.columns[theirs] for theirs, ours in wanted.items()}})

    def goes_beyond(self) -> bool:
        """Whether a number is too large for a whole number of polars'."""
        numbers = (column for column in self.columns.values() if column.dtype == pl.Float64)
        ends = (end for column in numbers for end in (column.min(), column.max()))
        return any(isinstance(end, float) and abs(end) >= _LARGEST for end in ends)


def _column(objects: Sequence[Any], name: str, kind: type) -> pl.Series:
    """One column; without any value it is one of numbers, as it is the careful way."""
    values = list(map(attrgetter(name), objects))
    if kind is float:
        return pl.Series(values, dtype=pl.Float64)
    texts = pl.Series(values, dtype=pl.String)
    return texts if texts.null_count() < len(texts) else pl.Series([None] * len(texts), dtype=pl.Float64)


class Decoder:
    """Decodes ``{...: anything, "data": {"options": [{...}], ...: anything}}``.

    ``names`` are the fields of an option that are read, ``str`` or ``float``; ``unread`` the others. Each option has
    each of them once, null or not, and no other, or else the body is left to the careful way: of a field that comes
    twice, as where a damaged name became another's, only one would be seen here.
    """

    def __init__(self, names: Mapping[str, type], unread: Sequence[str]) -> None:
        self._names, self._count = names, len(names) + len(unread)
        kinds: list[tuple[str, Any]] = [(name, kind | None) for name, kind in names.items()]
        passed: list[tuple[str, Any]] = [(name, msgspec.Raw) for name in unread]
        option = msgspec.defstruct("Option", [*kinds, *passed], gc=False, forbid_unknown_fields=True)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[option])  # type: ignore[valid-type]

    def document(self, content: bytes) -> dict[str, Any] | None:
        """The document, its options as :class:`Entries`; None where anything in it asks for the careful way."""
        # Text that is passed over is not looked at, so that what is no UTF-8 would not be seen.
        if not content.isascii() or holds_too_much(content):
            return None
        begin, end = _LIST.search(content), content.rfind(b"]") + 1
        if begin is None:
            return None
        listed = content[begin.end() - 1 : end]
        try:
            body = parse_json(content[: begin.end() - 1] + b"[]" + content[end:])
            options = self._decoder.decode(listed)
        except (msgspec.MsgspecError, UnreadableError, RecursionError):
            return None
        if not _has_options(body) or listed.count(b'":') != len(options) * self._count:
            return None
        entries = Entries.of(options, self._names)
        return None if entries.goes_beyond() else {**body, "data": {**body["data"], "options": entries}}


def _has_options(body: Any) -> bool:
    """Whether what was cut out of a body is its list of options."""
    data = body.get("data") if isinstance(body, dict) else None
    return isinstance(data, dict) and data.get("options") == []
