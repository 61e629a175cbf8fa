"""Recorded chains as a source to scan: for each symbol the newest one that was there at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from scanner import parts, sessions
from scanner.errors import ScanProblem, UsageError
from scanner.sources.base import STAGE, Clock, Fetched, SourceSettings, failed
from scanner.sources.formats import building
from scanner.sources.formats.base import RecordedChain, Refusal
from scanner.sources.recorded import Key, read_recorded, recorded_files
from scanner.sources.registry import VENDORS
from scanner.symbology import plain_ticker

__all__ = ["FilesSource", "RecordedChain", "Refusal", "read_recorded", "recorded_files"]

_LATE_CLOSE = timedelta(minutes=15)  # options on indices and broad ETFs trade until 16:15


def open_source(settings: SourceSettings, clock: Clock | None) -> FilesSource:
    """The source over the files that the settings name. Raises UsageError where they name none."""
    if settings.path is None:
        raise UsageError("source files: which ones? Give `--path PATH` (a file, a folder or a glob)")
    return FilesSource(settings.path, clock)


class FilesSource:
    """The newest recorded chain of each symbol at or before ``now``, out of a file, a folder or a glob.

    A chain that lies there in parts is joined (:mod:`scanner.parts`); parts in different formats never mix. ``clock``
    tells the time that no recording can be from after: one that claims to be is refused.
    """

    vendor = VENDORS["files"]

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self._path = path
        self._clock = clock

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """One answer for each symbol asked; without symbols, for every underlying found. Unreadable files come last."""
        asked = {symbol: plain_ticker(symbol) for symbol in symbols}
        newest: dict[str, dict[str, _Newest]] = {}
        unread: dict[str, list[Refusal]] = {}
        clock = None if self._clock is None else self._clock()

        def wanted(key: Key) -> bool:
            return _may_serve(key, set(asked.values()), now, clock)

        for recorded in read_recorded(self._path, wanted=wanted, now=clock):
            if recorded.chain is None:
                for refusal in recorded.refusals:
                    unread.setdefault(refusal.path, []).append(refusal)
            elif _known_at(recorded.chain, now):
                source, underlying = recorded.chain.select("source", "underlying").row(0)
                newest.setdefault(plain_ticker(underlying), {}).setdefault(source, _Newest()).take(recorded)
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


@dataclass
class _Newest:
    """The newest chain of one name in one format among those taken, and the chains it may have to be joined from."""

    kept: list[RecordedChain] = field(default_factory=list)

    @property
    def order(self) -> tuple[date, datetime]:
        """The newest session and moment in it."""
        return max(_order(recorded) for recorded in self.kept)

    def take(self, recorded: RecordedChain) -> None:
        """Take a chain in, and let go of those too old to be parts of the newest one."""
        session, moment = max(_order(one) for one in (recorded, *self.kept))
        self.kept = [
            one for one in (*self.kept, recorded) if _order(one)[0] == session and moment - _order(one)[1] <= parts.PULL
        ]

    def fetched(self, symbol: str) -> Fetched:
        """The newest chain, with what was refused and assumed on the way to it."""
        known = [
            parts.Part(one, _order(one)[1], str(number), partial(_contracts, one))
            # Of two whole chains of one moment the one with more volume is the later one, for volume only grows.
            for number, one in enumerate(sorted(self.kept, key=lambda one: _chain(one)["volume"].sum()))
        ]
        pull = [part.item for part in parts.pulls(known)[-1].parts]
        frames = [_chain(one) for one in pull]
        chain = parts.join(frames)
        notes = [note for one in pull for note in (*(str(refusal) for refusal in one.refusals), *one.notes)]
        if len(pull) > 1:
            files = len({one.path for one in pull})
            what = f"{files} files" if files == len(pull) else f"{len(pull)} parts in {files} files"
            notes.append(
                f"{chain['underlying'][0]}: {parts.told(what, [_order(one)[1] for one in pull], chain.height)}"
            )
        return Fetched(symbol, chain, notes=tuple(dict.fromkeys(notes)))


def _chain(recorded: RecordedChain) -> pl.DataFrame:
    assert recorded.chain is not None
    return recorded.chain


def _contracts(recorded: RecordedChain) -> list[str]:
    return _chain(recorded)["contract"].to_list()


def _order(recorded: RecordedChain) -> tuple[date, datetime]:
    session, moment = _chain(recorded).select("session_date", "quote_time").row(0)
    return session, moment


def _may_serve(key: Key, asked: set[str], now: datetime, clock: datetime | None) -> bool:
    """Whether a chain may be the one asked for; one from after the clock's time is read, so that it is refused."""
    underlying, session, quote_time, _ = key
    if asked and plain_ticker(underlying) not in asked:
        return False
    if clock is not None and _claims_after(clock, session, quote_time):
        return True
    if quote_time is not None:
        label = session or sessions.new_york_date(quote_time)
        if building.stamped(quote_time, label, underlying, label=True) > now + _LATE_CLOSE:
            return False
    return session is None or session <= sessions.new_york_date(now)


def _claims_after(clock: datetime, session: date | None, quote_time: datetime | None) -> bool:
    return (session is not None and session > sessions.new_york_date(clock)) or (
        quote_time is not None and quote_time > clock
    )


def _known_at(chain: pl.DataFrame, now: datetime) -> bool:
    """Whether a chain was there at a time. From the close on the closing chain was, though some trade to 16:15."""
    quote_time: datetime = chain["quote_time"][0]
    close = building.close_of(chain["session_date"][0])
    return quote_time <= now or (now >= close and quote_time <= close + _LATE_CLOSE)
