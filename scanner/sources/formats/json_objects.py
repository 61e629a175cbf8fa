"""JSON objects, as vendors answer with them, into columns, prices and moments for the cleaning to judge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import polars as pl

from scanner.sources.formats import columns, times
from scanner.sources.formats.base import Findings, UnreadableError
from scanner.sources.formats.typed import Entries

# Some seven times what the largest chain has.
_MOST_ENTRIES = 200_000


def rows_of(entries: Any, names: dict[str, str], findings: Findings) -> pl.DataFrame:
    """A list of JSON objects as columns; values of mixed types become text, for the cleaning to judge one by one.

    Of :class:`Entries`, whose types are sure, columns are made as they are.
    """
    if not isinstance(entries, list | Entries):
        raise UnreadableError(f"expected a list of options, found {type(entries).__name__}")
    if len(entries) > _MOST_ENTRIES:
        raise UnreadableError(f"{len(entries):,} options, where no chain has more than {_MOST_ENTRIES:,}")
    if isinstance(entries, Entries):
        return entries.table(names)
    for line, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            findings.add(f"expected an option, found {type(entry).__name__}; row refused", line)
    kept = [(line, entry) for line, entry in enumerate(entries, 1) if isinstance(entry, dict)]
    table = {"line": pl.Series([line for line, _ in kept], dtype=pl.Int64)}
    for theirs, ours in names.items():
        table[ours] = _column([entry.get(theirs) for _, entry in kept])
    return pl.DataFrame(table)


def _column(values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        with suppress(OverflowError):
            return pl.Series(values, dtype=pl.Float64, strict=False)
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pl.Series([text(written) for written in texts], dtype=pl.String)


def text(value: object) -> str | None:
    """Text that can be stored; JSON escapes can spell half a character, which cannot."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def prices(entry: dict[str, Any], names: Sequence[str], findings: Findings) -> dict[str, float | None]:
    """Some prices of a JSON object, by name; what is no price is reported, with the place of the object unknown."""
    given = pl.DataFrame({name: _column([entry.get(name)]) for name in names}).with_columns(line=pl.lit(None, pl.Int64))
    read: dict[str, float | None] = columns.numbers(given, findings, *names).drop("line").row(0, named=True)
    return read


def moment(value: Any, zone: str, name: str) -> datetime | None:
    """The moment a payload says it was made; None where it says none. Raises UnreadableError where that is no time.

    ``name`` is what the message calls it.
    """
    if value is None:
        return None
    given = _column([value])
    read: datetime | None = times.instants(given, zone)[0]
    if read is None and columns.blanked(times.as_text(given))[0] is not None:
        raise UnreadableError(f"{name} {columns.quoted(value)} is {times.NOT_UNDERSTOOD}")
    return read
