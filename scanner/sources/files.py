"""Recorded chains as a source to scan: for each symbol the newest one that was there at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from scanner.errors import ScanProblem, UsageError
from scanner.market import parts
from scanner.market.calendar import Calendar, new_york_date
from scanner.market.chain import distinct
from scanner.market.symbology import plain_ticker
from scanner.sources.base import STAGE, Clock, Fetched, SourceSettings, failed, is_recording
from scanner.sources.formats import building
from scanner.sources.formats.base import RecordedChain, Refusal
from scanner.sources.recorded import Key, read_recorded, recorded_files
from scanner.sources.registry import VENDORS

if TYPE_CHECKING:
    from scanner.sources.replayed import ReplaySource

__all__ = ["FilesSource", "RecordedChain", "Refusal", "read_recorded", "recorded_files"]

_LATE_CLOSE = timedelta(minutes=15)  # options on indices and broad ETFs trade until 16:15


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> FilesSource | ReplaySource:
    """The source over the files that the settings name: chains, or what a scan was recorded to.

    Raises UsageError where they name none, SourceError where a recording is damaged.
    """
    if settings.path is None:
        raise UsageError("source files: which ones? Give `--path PATH` (a file, a folder or a glob)")
    if is_recording(settings.path):
        from scanner.sources.replayed import ReplaySource

        return ReplaySource(settings.path, calendar)
    return FilesSource(settings.path, calendar, clock)


class FilesSource:
    """The newest recorded chain of each symbol at or before ``now``, out of a file, a folder or a glob.

    A chain that lies there in parts is joined (:mod:`scanner.market.parts`); parts in different formats never mix.
    ``clock`` tells the time that no recording can be from after: one that claims to be is refused.
    """

    vendor = VENDORS["files"]

    def __init__(self, path: Path, calendar: Calendar, clock: Clock | None = None) -> None:
        self._path = path
        self._calendar = calendar
        self._clock = clock

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """One answer for each symbol asked; without symbols, for every underlying found.

        Names whose chains came together are answered together, after the others. Unreadable files come last.
        """
        asked = {symbol: plain_ticker(symbol) for symbol in symbols}
        newest: dict[str, dict[str, _Newest]] = {}
        unread: dict[str, list[Refusal]] = {}
        clock = None if self._clock is None else self._clock()

        def wanted(key: Key) -> bool:
            return _may_serve(key, set(asked.values()), self._calendar, now, clock)

        for recorded in read_recorded(self._path, calendar=self._calendar, wanted=wanted, now=clock, together=True):
            if recorded.chain is None:
                for refusal in recorded.refusals:
                    unread.setdefault(refusal.path, []).append(refusal)
            elif known_at(recorded.chain, self._calendar, now):
                source = recorded.chain["source"][0]
                for taken in _Taken.each(recorded, recorded.chain):
                    newest.setdefault(plain_ticker(taken.name), {}).setdefault(source, _Newest()).take(taken)
        together: dict[int, list[_Taken]] = {}
        for symbol, underlying in (asked or {name: name for name in sorted(newest)}).items():
            if underlying in newest:
                found = max(newest[underlying].values(), key=lambda found: found.order)
                if len(found.kept) == 1 and found.kept[0].beside:
                    together.setdefault(id(found.kept[0].recorded), []).append(found.kept[0])
                else:
                    yield found.fetched(symbol)
            else:
                yield failed(
                    symbol, "unknown_symbol", f"{symbol}: no chain of it up to {now:%Y-%m-%d %H:%M} UTC in {self._path}"
                )
        yield from map(_fetched_together, together.values())
        for path, refusals in unread.items():
            said = "; ".join(str(refusal) for refusal in refusals)
            yield Fetched(path, None, ScanProblem(path, STAGE, "unreadable_file", said))


@dataclass(frozen=True)
class _Taken:
    """The chain of a name that was there, and what it is of; ``beside`` says that others came in the same frame."""

    recorded: RecordedChain
    name: str
    session: date
    moment: datetime
    beside: bool

    @classmethod
    def each(cls, recorded: RecordedChain, frame: pl.DataFrame) -> list[_Taken]:
        """The chain of each name in a frame of one session and moment."""
        session, moment = frame.select("session_date", "quote_time").row(0)
        names = sorted(distinct(frame["underlying"]))
        return [cls(recorded, name, session, moment, len(names) > 1) for name in names]

    @property
    def chain(self) -> pl.DataFrame:
        """Its rows."""
        assert self.recorded.chain is not None
        return self.recorded.chain.filter(pl.col("underlying") == self.name) if self.beside else self.recorded.chain

    def contracts(self) -> list[str]:
        return self.chain["contract"].to_list()

    @property
    def notes(self) -> Iterator[str]:
        """What was refused and assumed on the way to it."""
        return map(str, (*self.recorded.refusals, *self.recorded.notes))


def _fetched_together(taken: list[_Taken]) -> Fetched:
    """The chains of names that came in one frame, each the newest of its name, as one answer."""
    frame = taken[0].recorded.chain
    assert frame is not None
    if len(distinct(frame["underlying"])) > len(taken):
        frame = frame.filter(pl.col("underlying").is_in([one.name for one in taken]))
    return Fetched("", frame, notes=tuple(dict.fromkeys(taken[0].notes)))


@dataclass
class _Newest:
    """The newest chain of one name in one format among those taken, and the chains it may have to be joined from."""

    kept: list[_Taken] = field(default_factory=list)

    @property
    def order(self) -> tuple[date, datetime]:
        """The newest session and moment in it."""
        return max((taken.session, taken.moment) for taken in self.kept)

    def take(self, taken: _Taken) -> None:
        """Take a chain in, and let go of those too old to be parts of the newest one."""
        self.kept.append(taken)
        session, moment = self.order
        self.kept = [one for one in self.kept if one.session == session and moment - one.moment <= parts.SPAN]

    def fetched(self, symbol: str) -> Fetched:
        """The newest chain, with what was refused and assumed on the way to it."""
        # Of two whole chains of one moment the one with more volume is the later one, for volume only grows.
        chains = [(taken, taken.chain) for taken in self.kept]
        by_volume = sorted(chains, key=lambda each: each[1]["volume"].sum())
        known = [parts.Part(one, one[0].moment, str(number), one[0].contracts) for number, one in enumerate(by_volume)]
        pull: list[tuple[_Taken, pl.DataFrame]] = [part.item for part in parts.pulls(known)[-1].parts]
        chain = parts.join([rows for _, rows in pull])
        notes = [note for one, _ in pull for note in one.notes]
        if len(pull) > 1:
            files = len({one.recorded.path for one, _ in pull})
            what = f"{files} files" if files == len(pull) else f"{len(pull)} parts in {files} files"
            told = parts.told(what, [one.moment for one, _ in pull], chain.height)
            notes.append(f"{chain['underlying'][0]}: {told}")
        return Fetched(symbol, chain, notes=tuple(dict.fromkeys(notes)))


def _may_serve(key: Key, asked: set[str], calendar: Calendar, now: datetime, clock: datetime | None) -> bool:
    """Whether a chain may be the one asked for; one from after the clock's time is read, so that it is refused."""
    underlying, session, quote_time, _ = key
    if asked and plain_ticker(underlying) not in asked:
        return False
    if clock is not None and _claims_after(clock, session, quote_time):
        return True
    if quote_time is not None:
        label = session or new_york_date(quote_time)
        if building.stamped(quote_time, label, underlying, calendar, label=True) > now + _LATE_CLOSE:
            return False
    return session is None or session <= new_york_date(now)


def _claims_after(clock: datetime, session: date | None, quote_time: datetime | None) -> bool:
    if session is not None and session > new_york_date(clock):
        return True
    return quote_time is not None and quote_time > clock


def known_at(chain: pl.DataFrame, calendar: Calendar, now: datetime) -> bool:
    """Whether a chain was there at a time. From the close on the closing chain was, though some trade to 16:15."""
    quote_time: datetime = chain["quote_time"][0]
    close = building.close_of(chain["session_date"][0], calendar)
    return quote_time <= now or (now >= close and quote_time <= close + _LATE_CLOSE)
