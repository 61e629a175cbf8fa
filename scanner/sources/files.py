"""Recorded chains as a source to scan: for each symbol the newest one that was there at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from scanner.errors import ScanProblem, UsageError
from scanner.market import parts
from scanner.market.calendar import Calendar, new_york_date
from scanner.market.symbology import plain_ticker
from scanner.sources.base import STAGE, Clock, Fetched, SourceSettings, failed
from scanner.sources.formats import building
from scanner.sources.formats.base import RecordedChain, Refusal
from scanner.sources.recorded import Key, read_recorded, recorded_files
from scanner.sources.registry import VENDORS

__all__ = ["FilesSource", "RecordedChain", "Refusal", "read_recorded", "recorded_files"]

_LATE_CLOSE = timedelta(minutes=15)  # options on indices and broad ETFs trade until 16:15


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> FilesSource:
    """The source over the files that the settings name. Raises UsageError where they name none."""
    if settings.path is None:
        raise UsageError("source files: which ones? Give `--path PATH` (a file, a folder or a glob)")
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
        """One answer for each symbol asked; without symbols, for every underlying found. Unreadable files come last."""
        asked = {symbol: plain_ticker(symbol) for symbol in symbols}
        newest: dict[str, dict[str, _Newest]] = {}
        unread: dict[str, list[Refusal]] = {}
        clock = None if self._clock is None else self._clock()

        def wanted(key: Key) -> bool:
            return _may_serve(key, set(asked.values()), self._calendar, now, clock)

        for recorded in read_recorded(self._path, calendar=self._calendar, wanted=wanted, now=clock):
            if recorded.chain is None:
                for refusal in recorded.refusals:
                    unread.setdefault(refusal.path, []).append(refusal)
            elif known_at(recorded.chain, self._calendar, now):
                source, underlying = recorded.chain.select("source", "underlying").row(0)
                of_name = newest.setdefault(plain_ticker(underlying), {})
                of_name.setdefault(source, _Newest()).take(_Taken.of(recorded, recorded.chain))
        for symbol, underlying in (asked or {name: name for name in sorted(newest)}).items():
            if underlying in newest:
                yield max(newest[underlying].values(), key=lambda found: found.order).fetched(symbol)
            else:
                yield failed(
                    symbol, "unknown_symbol", f"{symbol}: no chain of it up to {now:%Y-%m-%d %H:%M} UTC in {self._path}"
                )
        for path, refusals in unread.items():
            said = "; ".join(str(refusal) for refusal in refusals)
            yield Fetched(path, None, ScanProblem(path, STAGE, "unreadable_file", said))


@dataclass(frozen=True)
class _Taken:
    """A chain that was there, and what it is of."""

    recorded: RecordedChain
    chain: pl.DataFrame
    session: date
    moment: datetime

    @classmethod
    def of(cls, recorded: RecordedChain, chain: pl.DataFrame) -> _Taken:
        session, moment = chain.select("session_date", "quote_time").row(0)
        return cls(recorded, chain, session, moment)

    def contracts(self) -> list[str]:
        return self.chain["contract"].to_list()


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
        by_volume = sorted(self.kept, key=lambda taken: taken.chain["volume"].sum())
        known = [parts.Part(one, one.moment, str(number), one.contracts) for number, one in enumerate(by_volume)]
        pull: list[_Taken] = [part.item for part in parts.pulls(known)[-1].parts]
        chain = parts.join([one.chain for one in pull])
        notes = [str(note) for one in pull for note in (*one.recorded.refusals, *one.recorded.notes)]
        if len(pull) > 1:
            files = len({one.recorded.path for one in pull})
            what = f"{files} files" if files == len(pull) else f"{len(pull)} parts in {files} files"
            told = parts.told(what, [one.moment for one in pull], chain.height)
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
