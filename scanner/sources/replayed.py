"""A recorded scan as a source: each vendor's own adapter over the bodies that were kept, as of then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.errors import SourceError
from scanner.market.calendar import Calendar
from scanner.market.symbology import each_once, plain_ticker
from scanner.sources.base import Fetched, SourceSettings, failed
from scanner.sources.recording import Recording, ReplayingClient, recordings
from scanner.sources.registry import VENDORS, open_source

if TYPE_CHECKING:
    from scanner.sources.base import Source


class ReplaySource:
    """What a scan with ``--record`` kept. Raises SourceError where the recording is damaged."""

    vendor = VENDORS["files"]

    def __init__(self, folder: Path, calendar: Calendar) -> None:
        self._folder, self._calendar = folder, calendar
        self._recordings = recordings(folder)
        unknown = sorted({one.vendor for one in self._recordings} - {name for name, row in VENDORS.items() if row.live})
        if unknown:
            raise SourceError(f"{folder}: recorded from {', '.join(unknown)}, which this version does not know")

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """One answer for each symbol: that of the newest scan up to ``now`` that asked for it, as it was then."""
        there = [one for one in self._recordings if one.scan <= now]
        every = each_once(symbol for one in there for symbol in one.symbols)
        for symbol in tuple(symbols) or every:
            last = next((one for one in reversed(there) if _holds(one, symbol)), None)
            if last is None:
                moment = f"{now:%Y-%m-%d %H:%M} UTC"
                yield failed(
                    symbol, "unknown_symbol", f"{symbol}: no scan up to {moment} recorded it in {self._folder}"
                )
                continue
            yield from self._opened(last).chains([symbol], last.scan)

    def _opened(self, recording: Recording) -> Source:
        told = {recording.vendor: recording.options}
        settings = SourceSettings(vendors=told, replay=ReplayingClient(recording))
        return open_source(recording.vendor, settings, self._calendar)


def _holds(recording: Recording, symbol: str) -> bool:
    return plain_ticker(symbol) in {plain_ticker(one) for one in recording.symbols}
