"""Recorded chains out of a file, a folder or a glob: one for each underlying, session and moment in it.

Whatever cannot be understood comes back as a refusal with file, line and reason, and the rest goes on.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from scanner.errors import CalendarError
from scanner.kernels.groups import Groups
from scanner.market import chain
from scanner.market.calendar import Calendar
from scanner.sources import formats
from scanner.sources.formats import building, reading
from scanner.sources.formats import together as many
from scanner.sources.formats.base import (
    File,
    Findings,
    JsonFormat,
    RecordedChain,
    Refusal,
    TextFormat,
    UnreadableError,
    split_fields,
)
from scanner.sources.formats.cleaning import chain_columns, clean

# Tables and texts that lie beside recorded chains without being any.
_COMPANIONS = frozenset({"underlying.csv", "events.csv", "meta.json", "license", "license.md", "readme.md", "readme"})
OPEN_ROWS = reading.WHOLE_ROWS

Key = tuple[str, date | None, datetime | None, datetime | None]
Wanted = Callable[[Key], bool]
# Whether chains of a source and a name are known of a session.
Held = Callable[[str, str, date], bool]
# Reads files in their order; of one that it leaves to whoever asks it gives None.
Reader = Callable[[list[Path]], Iterable[tuple[Path, "list[RecordedChain] | None"]]]
# What some formats read beside a file, in its folder or the one above.
_READ_BESIDE, _FOLDERS_ABOVE = "underlying.csv", 2


def read_recorded(
    *paths: Path | str,
    calendar: Calendar,
    wanted: Wanted | None = None,
    now: datetime | None = None,
    together: bool = False,
    held: Held | None = None,
    reader: Reader | None = None,
) -> Iterator[RecordedChain]:
    """Every chain in files, folders (with their sub-folders) or globs, file by file in the order of their names.

    Each :class:`RecordedChain` carries the refusals met since the one before it; one without a chain carries what is
    left over, or why a file gave nothing. Memory stays bounded for files of any size. ``calendar`` tells the
    sessions. ``wanted`` may turn chains down
    by (underlying, session, quote time, payload time), as far as the file gives them, before they are built. ``now`` is
    the clock's time: chains that claim to be from after it are refused. A file in which nothing traded in the session
    it says it is of comes last, once the others have told whether that was the session; ``held`` tells it of what was
    read at another time. With ``together`` the chains of
    many names in a file come as one frame for each session and moment, as far as there is nothing to say of them.
    ``reader`` has files read elsewhere, by :func:`read_alone`; what it gives is what they would give here.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        inside = recorded_files(path)
        if not inside:
            reason = "no recorded chains in this folder" if path.is_dir() else "no such file or folder"
            yield RecordedChain(path, "", None, (Refusal(str(path), None, reason, 0),))
        found += inside
    reads = _Reading(calendar, wanted or (lambda _: True), now, together=together, held=held)
    yield from reads.files(found, reader or (lambda paths: ((path, None) for path in paths)))


def read_alone(path: Path, calendar: Calendar, now: datetime | None, *, together: bool) -> list[RecordedChain] | None:
    """What a file gives by itself, as :func:`read_recorded` has it; None where other files have a say in it."""
    try:
        return list(_read_file(path, _Alone(calendar, lambda _: True, now, together=together)))
    except _AskedOthersError:
        return None


def appearance(path: Path) -> tuple[tuple[int, int] | None, ...]:
    """Sizes and seconds of the last writing of a file and of what may be read beside it; None for one not there.

    Two processes that see the same by this see the same file, on whatever machines they are.
    """
    folders = list(path.absolute().parents)[:_FOLDERS_ABOVE]
    return tuple(_size_and_second(file) for file in (path, *(folder / _READ_BESIDE for folder in folders)))


def _size_and_second(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, int(status.st_mtime)


@dataclass
class _Reading:
    """Files being read one after the other.

    A part of a chain in which nothing traded does not tell its session. Such files are read again at the end, when the
    other parts have told theirs.
    """

    calendar: Calendar
    wanted: Wanted
    now: datetime | None
    together: bool = False
    held: Held | None = None
    told: dict[tuple[str, str], set[date]] = field(default_factory=dict)

    def files(self, paths: list[Path], reader: Reader) -> Iterator[RecordedChain]:
        """Every chain in the files."""
        again: list[Path] = []
        for path, read in reader(paths):
            for recorded in _read_file(path, self) if read is None else read:
                if recorded.perhaps:
                    again += [path] if path not in again[-1:] else []
                    continue
                if recorded.chain is not None:
                    source, session = recorded.chain.select("source", "session_date").row(0)
                    for name in chain.distinct(recorded.chain["underlying"]):
                        self.told.setdefault((source, name), set()).add(session)
                yield recorded
        for path in again:
            yield from (recorded for recorded in _read_file(path, self) if recorded.perhaps)

    def is_of(self, source: str, name: str, session: date) -> bool:
        """Whether other parts of a name's chain are of a session."""
        read = session in self.told.get((source, name), ())
        return read or (self.held is not None and self.held(source, name, session))


class _AskedOthersError(Exception):
    """A file was read alone whose session other files tell."""


class _Alone(_Reading):
    """A file being read without the others."""

    def is_of(self, source: str, name: str, session: date) -> bool:
        """Nobody is there to tell. Raises _AskedOthersError."""
        raise _AskedOthersError


def recorded_files(path: Path) -> list[Path]:
    """The files that :func:`read_recorded` will read, in that order."""
    if path.is_dir():
        inside = (file for file in path.rglob("*") if not file.is_dir() and not file.name.startswith("."))
        return sorted(file for file in inside if file.name.lower() not in _COMPANIONS)
    if path.exists():
        return [path]
    matches = (Path(match) for match in glob.glob(str(path), recursive=True))  # noqa: PTH207 - absolute patterns too
    return sorted(file for file in matches if not file.is_dir() and file.name.lower() not in _COMPANIONS)


def _read_file(path: Path, reading: _Reading) -> Iterator[RecordedChain]:
    findings = Findings(str(path))
    name = ""
    taken = 0
    turned_down = False
    try:
        for opened in _open(path, findings, reading):
            name = opened.format.name
            for built in opened.chains(reading.wanted):
                taken += 1
                yield RecordedChain(
                    path, name, built.chain, findings.take(), (*opened.remarks, *built.notes), built.perhaps
                )
            turned_down |= opened.turned_down
        if not taken and not turned_down:
            findings.add("no row in it could be taken", None, 0)
    except UnreadableError as error:
        findings.add(error.reason, error.line, 0)
    except CalendarError as error:
        findings.add(str(error), None, 0)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        findings.add(
            f"looks like {name or 'a table'}, but cannot be read as one ({' '.join(str(error).split())[:160]})", None, 0
        )
    refusals = findings.take()
    if refusals:
        yield RecordedChain(path, name, None, refusals)


@dataclass
class _Span:
    """From which table of a file to which a chain reaches, and how many rows it has."""

    begin: int
    end: int = 0
    rows: int = 0


@dataclass
class _Opened:
    """A file whose format is known; ``rows`` gives its rows in tables, as often as they are needed."""

    file: File
    format: TextFormat | JsonFormat
    rows: Callable[[Findings], Iterator[pl.DataFrame]]
    findings: Findings
    reading: _Reading
    remarks: tuple[str, ...] = ()
    turned_down: bool = False

    def chains(self, wanted: Wanted) -> Iterator[building.Built]:
        """Finished chains. Small files are read once; larger ones once for the plan, and once or more for the rows."""
        tables = self._tables(self.findings)
        first = next(tables, None)
        if first is None:
            return
        second = next(tables, None)
        if second is None:
            yield from self._of_table(first, wanted)
            return
        self.findings.take()
        for number, keys in enumerate(self._passes(wanted)):
            yield from self._one_pass(keys, self.findings if number == 0 else Findings(self.findings.path))

    def _tables(self, findings: Findings) -> Iterator[pl.DataFrame]:
        return (building.keyed(clean(rows, findings, self.file.calendar)) for rows in self.rows(findings))

    def _passes(self, wanted: Wanted) -> list[dict[Key, int]]:
        """Which keys to collect in which pass over the file, with the table each ends in.

        A pass holds no more than OPEN_ROWS rows at a time, however the file is sorted.
        """
        spans: dict[Key, _Span] = {}
        for number, rows in enumerate(self.rows(Findings(self.findings.path))):
            table = building.keyed(chain_columns(rows, self.file.calendar))
            for *values, count in table.group_by(list(building.KEY), maintain_order=True).len().iter_rows():
                span = spans.setdefault(_key(values), _Span(number))
                span.end, span.rows = number, span.rows + count
        waiting = {key: span for key, span in spans.items() if wanted(key)}
        self.turned_down = len(waiting) < len(spans)
        for key in [key for key, span in waiting.items() if span.rows > OPEN_ROWS]:
            reason = f"{waiting.pop(key).rows:,} rows of {key[0]} {key[1]}, where no chain has more than {OPEN_ROWS:,}"
            self.findings.add(f"{reason}; refused", None, 0)
        passes = []
        while waiting:
            taken: dict[Key, _Span] = {}
            for key, span in waiting.items():
                beside = sum(other.rows for other in taken.values() if other.end >= span.begin)
                if not taken or beside + span.rows <= OPEN_ROWS:
                    taken[key] = span
            passes.append({key: span.end for key, span in taken.items()})
            waiting = {key: span for key, span in waiting.items() if key not in taken}
        return passes

    def _one_pass(self, keys: dict[Key, int], findings: Findings) -> Iterator[building.Built]:
        waiting: dict[Key, list[pl.DataFrame]] = {}
        for number, table in enumerate(self._tables(findings)):
            for key, rows in _parts(table).items():
                if key in keys:
                    waiting.setdefault(key, []).append(rows)
            for key in [key for key in waiting if keys[key] == number]:
                yield from self._chain(key, pl.concat(waiting.pop(key)), lambda _: True)

    def _of_table(self, table: pl.DataFrame, wanted: Wanted) -> Iterator[building.Built]:
        """The chains of a table that is a whole file."""
        if self.reading.together:
            keys = Groups.of(table, list(building.KEY)).keys
            chosen = pl.Series([wanted(_key(values)) for values in keys.iter_rows()], dtype=pl.Boolean)
            if not chosen.all():
                self.turned_down = True
                mine = keys.filter(chosen)
                table = table.join(mine, on=list(building.KEY), how="semi", nulls_equal=True, maintain_order="left")
            if chosen.sum() > 1:
                built = many.build(table, self._payload())
                yield from map(building.Built, built.chains)
                table = built.rest
        for key, rows in _parts(table).items():
            yield from self._chain(key, rows, wanted)

    def _payload(self, beside: Callable[[date], bool] = lambda day: False) -> building.Payload:
        """What is known of the file's rows besides themselves; ``beside`` tells which sessions other parts are of."""
        return building.Payload(
            self.format.source,
            self.file.calendar,
            self.format.delay,
            late=self.file.stamp_is_late,
            days=self.file.days,
            beside=beside,
            now=self.reading.now,
        )

    def _chain(self, key: Key, rows: pl.DataFrame, wanted: Wanted) -> Iterator[building.Built]:
        if not wanted(key):
            self.turned_down = True
            return
        payload = self._payload(partial(self.reading.is_of, self.format.source, key[0]))
        built = building.build(rows, payload, self.findings)
        if built.chain is not None:
            yield built


def _parts(table: pl.DataFrame) -> dict[Key, pl.DataFrame]:
    """A table's rows by what tells their chain."""
    parts = table.partition_by(list(building.KEY), as_dict=True, maintain_order=True)
    return {_key(key): rows for key, rows in parts.items()}


def _key(values: Iterable[Any]) -> Key:
    underlying, session, quote_time, seen_at = values
    return underlying, session, quote_time, seen_at


def _open(path: Path, findings: Findings, run: _Reading) -> Iterator[_Opened]:
    """Tell a file's format from its content, and give each pull that was appended to it. Raises UnreadableError."""
    start = reading.head(path)
    if start.kind == "json":
        for line, document in reading.documents(path):
            yield _of_document(path, line, document, findings, run)
    elif start.kind == "parquet":
        given = reading.parquet_columns(path)
        table = formats.of_parquet(given)
        names = table.names(given)
        batches = partial(reading.parquet_batches, path, names, typed=table.typed)
        yield _of_table(File(path, run.calendar), table, names, lambda _: batches(), findings, run)
    else:
        table, header_line = formats.of_text(start.lines)
        names = table.names(split_fields(start.lines[header_line - 1]))
        for section in reading.sections(path, header_line):
            file = File(path, run.calendar, section.preamble)
            blocks = partial(_blocks, path, names, section, table.footer)
            yield _of_table(file, table, names, blocks, findings, run)


def _blocks(
    path: Path, names: list[str], section: reading.Section, footer: str, findings: Findings
) -> Iterator[pl.DataFrame]:
    return reading.text_blocks(path, names, section, findings, footer)


def _of_document(path: Path, line: int, document: Any, findings: Findings, run: _Reading) -> _Opened:
    """One JSON document, as one table. Raises UnreadableError where no format knows it."""
    try:
        whole = formats.of_json(document)
    except UnreadableError as error:
        raise UnreadableError(error.reason, line if line > 1 else error.line) from error
    file = File(path, run.calendar)

    def rows(findings: Findings) -> Iterator[pl.DataFrame]:
        yield _pulled(whole.rows(document, file, findings), file)

    return _Opened(file, whole, rows, findings, run)


def _pulled(rows: pl.DataFrame, file: File) -> pl.DataFrame:
    """Rows that say nothing of their moment, with the time in the file's name as that of the pull."""
    if file.stamp is None or {"session_date", "quote_time"} & set(rows.columns):
        return rows
    named = pl.lit(file.stamp, dtype=chain.INSTANT)
    return rows.with_columns(seen_at=pl.coalesce("seen_at", named) if "seen_at" in rows.columns else named)


def _of_table(
    file: File,
    table: TextFormat,
    names: list[str],
    blocks: Callable[[Findings], Iterator[pl.DataFrame]],
    findings: Findings,
    run: _Reading,
) -> _Opened:
    """A table of text or Parquet, block by block."""

    def rows(findings: Findings) -> Iterator[pl.DataFrame]:
        return (table.rows(block, file, findings) for block in blocks(findings))

    return _Opened(file, table, rows, findings, run, table.remarks(names))
