"""Taking recorded chains into the store: first everything is stored as it came, then each session is judged in order.

The order of the files does not matter, nor whether they were imported before: a chain whose content is already stored
is passed over, and every session from the earliest new one on is derived anew. Parts of one chain are stored as they
came and judged as one, whether they come together or later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from scanner.errors import SourceError
from scanner.market import closes, corporate_actions, corporate_events, parts
from scanner.store.derive import Derived
from scanner.store.fingerprints import KEY
from scanner.store.store import RENAMES_FILE, Maker, Store
from scanner.tape.prints import Tape

# A heading is read as a whole: what a table is of may be told by its last columns.
_LONGEST_HEADING = 8_192


class Recorded(Protocol):
    """A chain out of a file, or what was refused instead."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def chain(self) -> pl.DataFrame | None:
        """The chain, None where nothing could be taken."""
        ...

    @property
    def refusals(self) -> tuple[object, ...]:
        """What was left out, each a sentence with its place."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, mended or ignored, each a sentence."""
        ...


@dataclass
class ImportReport:
    """What an import did: chains newly stored, chains already there, what was refused, and what became of sessions."""

    stored: int = 0
    known: int = 0
    rows: int = 0
    events: int = 0
    closes: int = 0
    prints: int = 0
    """Of tapes, newly stored; ``prints_known`` were there already."""
    prints_known: int = 0
    tapes: list[str] = field(default_factory=list)
    """What was found in each tape that was read, a sentence each."""
    refused: list[str] = field(default_factory=list)
    refused_files: list[Path] = field(default_factory=list)
    derived: list[Derived] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    """What was assumed, mended or ignored, and in how many chains."""

    @property
    def nothing_taken(self) -> bool:
        """Whether nothing could be read at all."""
        taken = (self.stored, self.known, self.events, self.closes, self.prints, self.prints_known)
        return not any(taken)


def import_tables(store: Store, paths: Iterable[Path], report: ImportReport, now: datetime) -> None:
    """Add tables of events, renames or closes to those the store keeps. One that cannot be read is refused, by name.

    Events come first: a split tells on which basis closes are.
    """
    paths = sorted(paths, key=is_closes)
    with store.writing():
        for path in paths:
            try:
                if is_closes(path):
                    report.closes += _keep_closes(store, path, report, now)
                else:
                    report.events += (
                        _keep_renames(store, path) if is_renames(path) else _keep_events(store, path, report)
                    )
            except SourceError as error:
                report.refused.append(str(error))
                report.refused_files.append(path)


def import_tape(store: Store, path: Path, tape: Tape, report: ImportReport) -> None:
    """Keep the prints of a recorded tape, and say what was found in it."""
    with store.writing():
        fresh = store.tapes.keep(tape.prints)
    report.prints += fresh
    report.prints_known += tape.prints.height - fresh
    report.tapes += [f"{path}: {problem}" for problem in tape.problems]


def import_stock_prints(store: Store, path: Path, tape: Tape, report: ImportReport) -> None:
    """Keep stock prints, and say what was found in them."""
    with store.writing():
        fresh = store.stock_prints.keep(tape.prints)
    report.prints += fresh
    report.prints_known += tape.prints.height - fresh
    report.tapes += [f"{path}: {problem}" for problem in tape.problems]


def is_table(path: Path) -> bool:
    """Whether a file is a table of events, renames or closes, by its first line."""
    return corporate_events.is_events_header(_first_line(path)) or is_renames(path) or is_closes(path)


def is_renames(path: Path) -> bool:
    """Whether a file is a table of renames."""
    return corporate_actions.is_renames_header(_first_line(path))


def is_closes(path: Path) -> bool:
    """Whether a file is a table of daily closes."""
    return closes.is_closes_header(_first_line(path))


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as handle:
            return handle.readline(_LONGEST_HEADING)
    except (OSError, UnicodeDecodeError):
        return ""


def _keep_events(store: Store, path: Path, report: ImportReport) -> int:
    read = corporate_events.read(path)
    report.refused += read.problems
    store.keep_events(corporate_events.merged([store.kept_events, read.frame]))
    return read.frame.height


def _keep_closes(store: Store, path: Path, report: ImportReport, now: datetime) -> int:
    read = closes.read(path, store.calendar, now)
    report.refused += read.problems
    store.keep_closes(read.frame)
    return read.frame.height


def _keep_renames(store: Store, path: Path) -> int:
    read = corporate_actions.read_renames(path)
    kept = store.path / RENAMES_FILE
    known = corporate_actions.read_renames(kept) if kept.exists() else ()
    store.keep_renames(tuple(dict.fromkeys((*known, *read))))
    return len(read)


def import_chains(
    store: Store,
    recorded: Iterable[Recorded],
    report: ImportReport,
    on_chain: Callable[[Recorded], object] = lambda item: None,
    on_plan: Callable[[int], object] = lambda count: None,
    on_session: Callable[[Derived], object] = lambda derived: None,
    maker: Maker | None = None,
) -> None:
    """Store recorded chains, then derive every session that is outdated, here or since an import that was cut off.

    Each chain is of one source and session, and may be of many names. The callbacks tell how far it has come: each
    chain read, how many sessions are to be derived, each one derived. ``maker`` makes the summaries elsewhere.
    """
    taken: set[Path] = set()
    files: dict[tuple[str, str, date], set[Path]] = {}
    with store.writing():
        for item in recorded:
            report.refused += [str(refusal) for refusal in item.refusals]
            report.notes.update(dict.fromkeys(item.notes, max(chains_in(item.chain), 1)))
            if item.chain is not None:
                chain = store.spellings.of(item.chain)
                taken.add(item.path)
                for whose in _whose(chain):
                    files.setdefault(whose, set()).add(item.path)
                _take(store, chain, report)
            elif item.path not in taken:
                report.refused_files.append(item.path)
            on_chain(item)
    plan = store.outdated()
    on_plan(sum(len(names) for stale in plan.values() for names in stale.values()))
    derived = store.catch_up(plan, on_session, maker)
    report.derived += derived
    report.notes.update(_joined(derived, files))


def _whose(chain: pl.DataFrame) -> Iterator[tuple[str, str, date]]:
    source, session = chain.select("source", "session_date").row(0)
    return ((source, underlying, session) for underlying in chain["underlying"].unique())


def _joined(derived: Iterable[Derived], files: dict[tuple[str, str, date], set[Path]]) -> Counter[str]:
    """What to say of sessions whose chain came in parts: one sentence a name, with the newest as the example."""
    by_name: dict[tuple[str, str], list[Derived]] = {}
    for item in derived:
        if len(item.moments) > 1:
            by_name.setdefault((item.source, item.underlying), []).append(item)
    said = Counter[str]()
    for (source, name), items in by_name.items():
        newest = items[-1]
        count = len(newest.moments)
        read = files.get((source, name, newest.session_date), set())
        what = f"{count} files" if len(read) == count else f"{count} parts"
        when = f"{newest.session_date}" if len(items) == 1 else f"for example on {newest.session_date}"
        said[f"{name} {when}: {parts.told(what, newest.moments, newest.rows)}"] = len(items)
    return said


def chains_in(frame: pl.DataFrame | None) -> int:
    """How many chains a frame holds; none where there is no frame."""
    return 0 if frame is None else frame.select(KEY).unique().height


def _take(store: Store, chain: pl.DataFrame, report: ImportReport) -> None:
    fresh = store.snapshots.write_once(chain, "import")
    stored, given = chains_in(fresh), chains_in(chain)
    report.stored += stored
    report.known += given - stored
    report.rows += fresh.height
