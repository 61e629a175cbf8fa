"""JSON objects whose values are all of the kinds that a vendor should send, decoded without a dictionary for each.

A body of another shape - a text where a number belongs, a word that is no JSON, half a character - is left to the
careful way (:mod:`scanner.sources.formats.json_objects`), which judges it value by value. Both give the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl

from scanner.sources.formats.reading import holds_too_much

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

    ``names`` are the fields of an option, ``str`` or ``float``, ``of_body`` and ``of_data`` the others that are looked
    at; all of them may be missing or null.
    """

    def __init__(self, names: Mapping[str, type], of_body: Sequence[str], of_data: Sequence[str]) -> None:
        self._names, self._of_body, self._of_data = names, of_body, of_data
        option = msgspec.defstruct("Option", [(name, kind | None, None) for name, kind in names.items()], gc=False)
        listed: Any = list[option]  # type: ignore[valid-type]
        data = msgspec.defstruct("Data", [("options", listed), *((name, Any, None) for name in of_data)])
        body = msgspec.defstruct("Body", [("data", data), *((name, Any, None) for name in of_body)])
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(body)

    def document(self, content: bytes) -> dict[str, Any] | None:
        """The document, its options as :class:`Entries`; None where anything in it asks for the careful way."""
        # Text that is passed over is not looked at, so that what is no UTF-8 would not be seen.
        if not content.isascii() or holds_too_much(content):
            return None
        try:
            body = self._decoder.decode(content)
        except (msgspec.MsgspecError, RecursionError):
            return None
        entries = Entries.of(body.data.options, self._names)
        if entries.goes_beyond():
            return None
        data = {name: getattr(body.data, name) for name in self._of_data}
        return {**{name: getattr(body, name) for name in self._of_body}, "data": {**data, "options": entries}}
