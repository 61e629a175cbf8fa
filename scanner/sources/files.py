"""Recorded chains as a source to scan: for each symbol the newest one that was there at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from scanner import sessions
from scanner.errors import ScanProblem
from scanner.sources.base import STAGE, Fetched, failed, plain_ticker
from scanner.sources.formats import building
from scanner.sources.formats.base import RecordedChain, Refusal
from scanner.sources.recorded import Key, read_recorded, recorded_files

__all__ = ["FilesSource", "RecordedChain", "Refusal", "read_recorded", "recorded_files"]

_LATE_CLOSE = timedelta(minutes=15)  # options on indices and broad ETFs trade until 16:15


class FilesSource:
    """The newest recorded chain of each symbol at or before ``now``, out of a file, a folder or a glob."""

    name = "files"
    simulated = False
    delay = timedelta()

    def __init__(self, path: Path) -> None:
        self._path = path

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """One answer for each symbol asked; without symbols, for every underlying found. Unreadable files come last."""
        asked = {symbol: plain_ticker(symbol) for symbol in symbols}
        newest: dict[str, RecordedChain] = {}
        unread: list[Refusal] = []
        for recorded in read_recorded(self._path, lambda key: _may_serve(key, set(asked.values()), now)):
            if recorded.chain is None:
                unread += recorded.refusals
                continue
            underlying = plain_ticker(recorded.chain["underlying"][0])
            if _known_at(recorded.chain, now) and _newer(recorded, newest.get(underlying)):
                newest[underlying] = recorded
        for symbol, underlying in (asked or {name: name for name in sorted(newest)}).items():
            if underlying in newest:
                best = newest[underlying]
                notes = (*(str(refusal) for refusal in best.refusals), *best.notes)
                yield Fetched(symbol, best.chain, notes=notes)
            else:
                yield failed(
                    symbol, "unknown_symbol", f"{symbol}: no chain of it up to {now:%Y-%m-%d %H:%M} UTC in {self._path}"
                )
        for refusal in unread:
            yield Fetched(refusal.path, None, ScanProblem(refusal.path, STAGE, "unreadable_file", str(refusal)))


def _may_serve(key: Key, asked: set[str], now: datetime) -> bool:
    underlying, session, quote_time, _ = key
    if asked and plain_ticker(underlying) not in asked:
        return False
    if quote_time is not None:
        label = session or sessions.new_york_date(quote_time)
        if building.stamped(quote_time, label, underlying, label=True) > now + _LATE_CLOSE:
            return False
    return session is None or session <= sessions.new_york_date(now)


def _known_at(chain: pl.DataFrame, now: datetime) -> bool:
    """Whether a chain was there at a time. From the close on the closing chain was, though some trade to 16:15."""
    quote_time: datetime = chain["quote_time"][0]
    close = building.close_of(chain["session_date"][0])
    return quote_time <= now or (now >= close and quote_time <= close + _LATE_CLOSE)


def _newer(recorded: RecordedChain, other: RecordedChain | None) -> bool:
    if other is None or other.chain is None or recorded.chain is None:
        return True
    return bool(_order(recorded.chain) > _order(other.chain))


def _order(chain: pl.DataFrame) -> tuple[date, datetime]:
    return chain["session_date"][0], chain["quote_time"][0]
