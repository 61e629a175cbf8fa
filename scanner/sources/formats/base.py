"""What a recorded file is while it is being read: its name, its format, the rows in it, and what had to be refused.

A format turns the vendor's columns into rows in the project's own names, one row a contract. The columns a format may
give are those of :mod:`scanner.market.chain`, as text or typed, and these instead of, or beside, some of them:

=================  ============================================================================================
``symbol``         contract symbol in any dialect; gives root, expiry, right and strike
``seen_at``        instant the vendor made the payload (or, failing that, when it was pulled); quotes are older by
                   the format's delay
``spot_time``      last trade of the underlying; helps to tell the session where nothing else does
``volume_day``     the day that a feed says its volume is of; an older one is a session without volume
``line``           where the row stands in the file, from 1; always there
=================  ============================================================================================
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from scanner.market.calendar import Calendar

_STAMP = re.compile(r"(?<!\d)(20\d{2})-?(\d{2})-?(\d{2})[T_](\d{2})(\d{2})(\d{2})?Z?(?!-?\d)")
_DAY = re.compile(r"(?<!\d)(20\d{2})-(\d{2})-(\d{2})(?!\d)")
FIFTEEN_MINUTES = timedelta(minutes=15)


class UnreadableError(Exception):
    """A file, or the rest of it, cannot be understood; ``line`` says where, if it is known."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        self.reason, self.line = reason, line
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something in a file that was left out: a value, rows, or the whole of it.

    ``line`` is the first place it happens (lines of text, entries of JSON and rows of Parquet, all from 1; None where
    it is the file as a whole), ``rows`` how many rows it concerns.
    """

    path: str
    line: int | None
    reason: str
    rows: int = 1

    def __str__(self) -> str:
        """One line for a person: where, what, and how many more."""
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        more = f" (and {self.rows - 1:,} more)" if self.rows > 1 else ""
        return f"{place}: {self.reason}{more}"


@dataclass(frozen=True, slots=True)
class RecordedChain:
    """One chain of one session and quote time out of a file, with what was refused on the way to it.

    Where chains are read together it may be of many names.

    ``chain`` obeys :mod:`scanner.market.chain` and is None where nothing could be taken: then ``refusals`` say why.
    ``perhaps`` are later sessions that it says it is of, though nothing in it traded then.
    """

    path: Path
    format: str
    chain: pl.DataFrame | None
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    perhaps: frozenset[date] = frozenset()


@dataclass
class Findings:
    """Collects what is refused while a file is read, one entry for each reason however many rows it hits."""

    path: str
    _counts: dict[str, tuple[int | None, int]] = field(default_factory=dict)

    def add(self, reason: str, line: int | None, rows: int = 1) -> None:
        """Note a reason; the first line it was met on is kept, and the rows are summed."""
        first, count = self._counts.get(reason, (line, 0))
        self._counts[reason] = (first, count + rows)

    def take(self) -> tuple[Refusal, ...]:
        """Everything since the last call, and forget it."""
        taken = tuple(Refusal(self.path, line, reason, rows) for reason, (line, rows) in self._counts.items())
        self._counts.clear()
        return taken


@dataclass(frozen=True)
class File:
    """Where a file lies, what its name says, the lines above its header, and the tables beside it.

    ``calendar`` is the one by which its moments are told.
    """

    path: Path
    calendar: Calendar
    preamble: tuple[str, ...] = ()

    @cached_property
    def stamp(self) -> datetime | None:
        """The UTC time in the file's name, such as ``20260324T170035Z`` or ``20260805_212728``."""
        match = _STAMP.search(self.path.name)
        if match is None:
            return None
        try:
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            return None

    @cached_property
    def stamp_is_late(self) -> bool:
        """Whether that time is when the file was filed away, which may be long after it was pulled."""
        return "committed" in self.path.name

    @cached_property
    def days(self) -> tuple[date, ...]:
        """The dates in the file's name: of the session, of an expiry, or of whatever else."""
        found = (f"{year}-{month}-{day}" for year, month, day in _DAY.findall(self.path.name))
        return tuple(date.fromisoformat(text) for text in found if _is_date(text))

    def beside(self, name: str, levels: int = 1) -> Path | None:
        """A file of that name in the same folder, or up to ``levels`` - 1 folders above it."""
        folders = list(self.path.absolute().parents)[:levels]
        return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class TextFormat:
    """A CSV: the header fields that give it away, and a translation of its columns.

    ``source`` is the family its chains belong to (baselines never mix families), ``delay`` how much older the quotes
    are than the payload, ``typed`` whether its columns may have the types of a Parquet file, ``footer`` how
    a line begins that is not of the table (lower case; empty where there is none).
    """

    name: str
    source: str
    marks: frozenset[str]
    delay: timedelta = timedelta(0)
    typed = False
    footer = ""

    def recognises(self, header: frozenset[str]) -> bool:
        """Whether a line with these fields (lower case) is this format's header."""
        return self.marks <= header

    def names(self, header: Sequence[str]) -> list[str]:
        """A distinct name for each column: lower case, the second of a kind with ``_2`` behind it, and so on."""
        seen: Counter[str] = Counter()
        distinct = []
        for field_name in (name.lower() for name in header):
            seen[field_name] += 1
            distinct.append(field_name if seen[field_name] == 1 else f"{field_name}_{seen[field_name]}")
        return distinct

    def remarks(self, names: Sequence[str]) -> tuple[str, ...]:
        """What a user should know about every file with these columns."""
        return ()

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """The rows of a block, all of whose columns but ``line`` are text. Raises UnreadableError."""
        raise NotImplementedError


class JsonFormat:
    """A JSON document that holds one whole chain; ``source`` and ``delay`` as in :class:`TextFormat`."""

    name: str
    source: str
    delay: timedelta = timedelta(0)

    def recognises(self, document: Any) -> bool:
        """Whether the document has this format's shape."""
        raise NotImplementedError

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """The rows of a document; entries that are no contract go to ``findings``. Raises UnreadableError."""
        raise NotImplementedError


def unknown_columns(names: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """A note on the columns of a file that its format does not know; none where it knows them all."""
    unknown = [name for name in names if name not in set(known)]
    return (f"unknown columns ignored: {', '.join(unknown[:20])}",) if unknown else ()


def lower(names: Iterable[str]) -> frozenset[str]:
    """Field names as recognition compares them."""
    return frozenset(name.strip().lower() for name in names)


def split_fields(line: str) -> list[str]:
    """The fields of one CSV line, without surrounding blanks. Raises UnreadableError where it is none."""
    try:
        return [name.strip() for name in next(csv.reader([line], skipinitialspace=True), [])]
    except csv.Error as error:
        raise UnreadableError(f"not CSV: {error}", 1) from error
