"""What a format of recorded tapes is, and how text becomes numbers without passing through a float."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from scanner.sources.blanks import AROUND_VALUES
from scanner.tape import off_exchange
from scanner.tape.prints import NANOSECONDS, Problem, Tape, conform, empty


class TapeFormat:
    """A table of prints: the columns that give it away, and their translation.

    ``source`` is what its prints say they came from. What :meth:`prints` returns goes through
    :func:`scanner.tape.prints.conform`.
    """

    name: str
    source: str
    marks: frozenset[str]

    def recognises(self, header: frozenset[str]) -> bool:
        """Whether a table with these columns (lower case) is of this format."""
        return self.marks <= header

    def prints(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """The prints in a block of rows, columns in lower case and as text or typed; and what was wrong with them."""
        raise NotImplementedError

    def conform(self, frame: pl.DataFrame) -> Tape:
        """What :meth:`prints` returns, checked and in order."""
        return conform(frame, source=self.source)


class StockFormat(TapeFormat):
    """A table of stock prints, whose contract is :data:`scanner.tape.off_exchange.SCHEMA`."""

    def conform(self, frame: pl.DataFrame) -> Tape:
        """What :meth:`prints` returns, checked and in order."""
        return off_exchange.conform(frame, source=self.source)


class QuoteFormat(TapeFormat):
    """A table of quotes, which go beside the prints of a tape that has none."""

    def quotes(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """The quotes in a block of rows, in the columns of :data:`scanner.tape.quotes.QUOTES`."""
        raise NotImplementedError


def tape_of(form: TapeFormat, blocks: Iterable[pl.DataFrame], problems: list[Problem]) -> Tape:
    """The tape that blocks of rows of a format come to; ``problems`` are those of whoever makes the blocks."""
    parts = []
    for block in blocks:
        found, wrong = form.prints(block)
        tape = form.conform(found)
        parts.append(tape.prints)
        problems += (*wrong, *tape.problems)
    if not parts:
        return Tape(empty(), tuple(added_up(problems)))
    together, several = pl.concat(parts), len(parts) > 1
    del parts
    # Each column in one piece, one after the other: whoever needs an array of it later would copy it anew.
    for name in together.columns:
        together = together.with_columns(together[name].rechunk())
    joined = form.conform(together) if several else Tape(together)
    return Tape(joined.prints, tuple(added_up([*problems, *joined.problems])))


def added_up(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Each reason once, with all the prints it concerns and its first example."""
    found: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        key = (problem.code, problem.reason)
        before = found.get(key)
        count = problem.prints + (before.prints if before else 0)
        found[key] = Problem(problem.code, problem.reason, count, before.example if before else problem.example)
    yield from found.values()


def as_table(entries: Sequence[Any], names: Sequence[str], problems: list[Problem]) -> pl.DataFrame:
    """Objects of a vendor's answer as a table of text, one column a name, null where an object lacks it.

    Whole numbers keep all their digits. What is no object is counted and left out.
    """
    objects = [entry for entry in entries if isinstance(entry, dict)]
    if len(objects) < len(entries):
        problems.append(Problem("no_object", "refused, no object in the answer", len(entries) - len(objects)))
    return pl.DataFrame(
        {name: [None if one.get(name) is None else str(one[name]) for one in objects] for name in names},
        schema=dict.fromkeys(names, pl.String()),
    )


def nanoseconds(moment: datetime) -> int:
    """A moment as whole nanoseconds since 1970."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def numbers(block: pl.DataFrame, problems: list[Problem], **columns: pl.DataType) -> pl.DataFrame:
    """Columns as numbers; text that is none is null and counted. Columns that are not there are left out."""
    for name, dtype in columns.items():
        if name in block.columns:
            given = block[name]
            given = given.str.strip_chars(AROUND_VALUES).replace("", None) if given.dtype == pl.String else given
            cast = given.cast(dtype, strict=False)
            lost = given.filter(cast.is_null() & given.is_not_null())
            if len(lost):
                problems.append(Problem("no_number", f"{name} is no number", len(lost), repr(str(lost[0]))[:40]))
            block = block.with_columns(cast.alias(name))
    return block


def instants(block: pl.DataFrame, problems: list[Problem], *names: str, zone: str = "UTC") -> pl.DataFrame:
    """Columns as instants, UTC, to the nanosecond: whole nanoseconds since 1970, or ISO 8601 text.

    Text without a zone is of ``zone``. What cannot be read is null and counted.
    """
    for name in names:
        if name in block.columns:
            given = block[name]
            read = _instants(given, zone)
            lost = given.filter(read.is_null() & given.is_not_null())
            if len(lost):
                problems.append(Problem("no_instant", f"{name} is no time", len(lost), repr(str(lost[0]))[:40]))
            block = block.with_columns(read.alias(name))
    return block


def _instants(given: pl.Series, zone: str) -> pl.Series:
    if isinstance(given.dtype, pl.Datetime):
        zoned = (
            given
            if given.dtype.time_zone
            else given.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        )
        return zoned.dt.convert_time_zone("UTC").cast(NANOSECONDS)
    if given.dtype.is_integer():
        return given.cast(pl.Int64).cast(NANOSECONDS)
    text = given.cast(pl.String).str.strip_chars(AROUND_VALUES)
    whole = text.cast(pl.Int64, strict=False)
    if whole.null_count() == text.null_count():
        return whole.cast(NANOSECONDS)
    text = text.str.replace(r"^(\d{4}-\d\d-\d\d) ", "${1}T").str.replace(r"Z$", "+00:00")
    zoned = text.str.contains(r"[+-]\d\d:?\d\d$")
    with_zone = text.set(~zoned, None).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="ns", strict=False)
    without = text.set(zoned, None).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="ns", strict=False)
    local = without.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
    return (
        with_zone.dt.convert_time_zone("UTC")
        .zip_with(zoned.fill_null(value=False), local)
        .zip_with(whole.is_null(), whole.cast(NANOSECONDS))
    )
