"""Recorded chains, tables of events, and frames, into the store as history."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain as one_after_another
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scanner.app import clock, configuring, opening

if TYPE_CHECKING:
    from datetime import date, datetime

    import polars as pl

    from scanner.app.configuring import Place
    from scanner.app.workers import Crew
    from scanner.config import Settings
    from scanner.frames import Frame
    from scanner.market.calendar import Calendar
    from scanner.sources.recorded import Reader
    from scanner.store.importing import ImportReport, Recorded
    from scanner.store.store import Maker, Store


class Progress(Protocol):
    """Who is told how an import goes on."""

    def reading(self, files: int) -> None:
        """So many files are to be read."""
        ...

    def read(self, path: Path, *, taken: int) -> None:
        """So many chains came out of a file; the files before that one are done."""
        ...

    def judging(self, total: int) -> None:
        """All files are read; so many sessions are to be judged and summarised."""
        ...

    def judged(self) -> None:
        """One of them is done."""
        ...


class _Unseen:
    """Progress that nobody looks at."""

    def reading(self, files: int) -> None:
        """Nothing."""

    def read(self, path: Path, *, taken: int) -> None:
        """Nothing."""

    def judging(self, total: int) -> None:
        """Nothing."""

    def judged(self) -> None:
        """Nothing."""


UNSEEN = _Unseen()
# What is left where those who do tasks are lost.
_KEPT = "what was stored is kept, and the same command goes on from there"


@dataclass(frozen=True, slots=True)
class _HandedIn:
    """A frame as a recorded chain."""

    path: Path
    chain: pl.DataFrame
    refusals: tuple[object, ...] = ()
    notes: tuple[str, ...] = ()


def import_chains(
    *recorded: Place | Frame,
    settings: Settings | Place | None = None,
    store: Place | None = None,
    report: ImportReport | None = None,
    progress: Progress = UNSEEN,
    cluster: str | None = None,
    workers: int | None = None,
) -> ImportReport:
    """Take recorded chains, tapes, and tables of events, renames and daily closes into the store.

    Importing twice changes nothing.

    ``recorded`` are files, folders or globs, plain or gzip, and frames of pandas or polars (as ``chain`` of
    :func:`~scanner.app.scanning.scan`, one of many sessions, moments and names, if need be). What is done stands in
    ``report``, which comes back; who hands one in still has it after an interrupt, and the same call goes on from
    there. What cannot be understood is refused there by name, and the rest is taken. ``cluster`` is the address of a
    Dask scheduler whose workers read files of chains and summarise sessions, ``workers`` so many processes of this
    machine that do (:mod:`scanner.app.side_by_side`); what is stored and told is the same. Raises ChainError for a
    frame that is no chain, StoreError where the store cannot be written, UsageError and ClusterError where workers
    cannot be asked.
    """
    from scanner.app.workers import Crew, Spread

    report = empty_report() if report is None else report
    spread = Spread.asked(cluster, workers)
    with nullcontext() if spread is None else Crew(spread, _KEPT) as crew:
        _import(recorded, configuring.settings(settings, store=store), report, progress, crew)
    return report


def _import(
    recorded: Iterable[Place | Frame], settings: Settings, report: ImportReport, progress: Progress, crew: Crew | None
) -> None:
    """Import by the settings, with the help of a crew if there is one."""
    from scanner.sources.files import read_recorded, recorded_files
    from scanner.sources.tapes.files import is_quotes, is_stock_prints, is_tape
    from scanner.store import importing

    recorded = tuple(recorded)
    opened = opening.open_store(settings)
    paths = [Path(item) for item in recorded if isinstance(item, str | PathLike)]
    handed_in = list(_handed_in((item for item in recorded if not isinstance(item, str | PathLike)), opened.calendar))
    tables = [file for path in paths for file in _files(path) if importing.is_table(file)]
    tapes = [file for path in paths for file in _files(path) if file not in tables and is_tape(file)]
    quotes = [file for path in paths for file in _files(path) if file not in (*tables, *tapes) and is_quotes(file)]
    stocks = [file for path in paths for file in _files(path) if file not in tables and is_stock_prints(file)]
    others = {*tables, *tapes, *quotes, *stocks}
    chains = [path for path in paths if path not in others]
    progress.reading(len({file for path in chains for file in recorded_files(path)}.difference(others)))
    importing.import_tables(opened, tables, report, clock.right_now())
    _import_tapes(opened, tapes, quotes, report)
    _import_stock_prints(opened, stocks, report)

    def is_stored(source: str, name: str, session: date) -> bool:
        return bool(opened.snapshots.chains(source, session, [name]))

    now = clock.right_now()
    reader, maker = _elsewhere(crew, settings, opened, now)
    found = read_recorded(*chains, calendar=opened.calendar, now=now, together=True, held=is_stored, reader=reader)
    read = (item for item in found if item.path not in others)
    all_of_them: Iterator[Recorded] = one_after_another(handed_in, read)
    importing.import_chains(
        opened,
        all_of_them,
        report,
        lambda item: progress.read(item.path, taken=importing.chains_in(item.chain)),
        progress.judging,
        lambda _: progress.judged(),
        maker,
    )


def _elsewhere(
    crew: Crew | None, settings: Settings, store: Store, now: datetime
) -> tuple[Reader | None, Maker | None]:
    """Who reads files and who summarises sessions, where it is not this process."""
    if crew is None:
        return None, None
    from scanner.app.side_by_side import Reading, Summarising

    return Reading(crew, settings.exchange_calendar, now), Summarising(crew, settings, store)


def _import_tapes(store: Store, tapes: Iterable[Path], quotes: Iterable[Path], report: ImportReport) -> None:
    """Keep recorded tapes, each with the quotes beside it; what cannot be read, or stands alone, is refused by name."""
    from scanner.errors import SourceError
    from scanner.sources.tapes.files import quotes_beside, read_tape
    from scanner.store.importing import import_tape

    alone = set(quotes)
    for path in tapes:
        beside = quotes_beside(path)
        alone.discard(beside or path)
        try:
            import_tape(store, path, read_tape(path, beside), report)
        except SourceError as error:
            report.refused.append(str(error))
            report.refused_files.append(path)
    for path in sorted(alone):
        report.refused.append(
            f"{path}: holds quotes alone; give it with its file of prints, which has its name in a folder `trades` "
            "where this one has `quotes`, as in trades_v1 and quotes_v1"
        )
        report.refused_files.append(path)


def _import_stock_prints(store: Store, paths: Iterable[Path], report: ImportReport) -> None:
    """Keep tables of stock prints; one that cannot be read is refused by name."""
    from scanner.errors import SourceError
    from scanner.sources.tapes.files import read_stock_prints
    from scanner.store.importing import import_stock_prints

    for path in paths:
        try:
            import_stock_prints(store, path, read_stock_prints(path), report)
        except SourceError as error:
            report.refused.append(str(error))
            report.refused_files.append(path)


def empty_report() -> ImportReport:
    """What an import has done before it begins."""
    from scanner.store.importing import ImportReport

    return ImportReport()


def _handed_in(frames: Iterable[Frame], calendar: Calendar) -> Iterator[_HandedIn]:
    """One chain for each name, session and moment in the frames."""
    from scanner.sources.frames import chain_from

    for number, frame in enumerate(frames, 1):
        keys = ("source", "underlying", "session_date", "quote_time")
        for part in chain_from(frame, calendar).partition_by(keys, maintain_order=True):
            yield _HandedIn(Path(f"frame {number}"), part)


def _files(path: Path) -> list[Path]:
    """What a path names: a file, all files of a folder, or those that match a glob."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    matches = [path] if path.exists() else [Path(match) for match in glob.glob(str(path), recursive=True)]  # noqa: PTH207
    return sorted(file for file in matches if file.is_file())
