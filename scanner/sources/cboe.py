"""Live chains from Cboe's keyless delayed-quote files, about fifteen minutes behind the market.

The site answers 403 (sometimes 404) for a symbol it does not know, and also for a caller it has shut out. A symbol that
is certainly there tells the two apart.
"""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from scanner.market import symbology
from scanner.market.calendar import Calendar
from scanner.sources.access import VendorError, parsed
from scanner.sources.base import Clock, SourceSettings
from scanner.sources.formats import building
from scanner.sources.formats.base import Findings, UnreadableError
from scanner.sources.formats.cboe_json import CboeJson
from scanner.sources.live import LiveSource, daily_closes, is_index, open_access
from scanner.sources.registry import VENDORS

_CHAIN = "/api/global/delayed_quotes/options/{}.json"
_QUOTE = "/api/global/delayed_quotes/quotes/{}.json"
_CLOSES = "/api/global/delayed_quotes/charts/historical/{}.json"
_CANARY = "SPY"
_REFUSED = frozenset({403, 404})
_FORMAT = CboeJson()


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> CboeSource:
    """The source with a client of its own."""
    access, pace, workers = open_access(VENDORS["cboe"], settings, clock)
    return CboeSource(access, calendar, pace, workers)


class CboeSource(LiveSource):
    """Chains of stocks, ETFs and indices, one file a symbol."""

    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """The file of the symbol, under the one or the other name it may be filed under."""
        for name in _file_names(ticker):
            answer = self.ask(_CHAIN.format(name), final=_REFUSED)
            if answer.status in _REFUSED:
                continue
            document = _FORMAT.quickly(answer.body) or parsed(answer)
            if not _FORMAT.recognises(document):
                raise UnreadableError("JSON, but not a chain (no data.options)")
            rows = _FORMAT.rows(document, self.file(ticker), findings)
            stamp = rows["seen_at"][0] if rows.height else None
            if stamp is not None and building.still_to_come(stamp, now):
                stamped, clock = (f"{moment:%Y-%m-%d %H:%M} UTC" for moment in (stamp, now))
                raise UnreadableError(
                    f"it is stamped {stamped}, which is still to come: it is {clock} by this machine's clock"
                )
            return rows
        if self.ask(_QUOTE.format(_CANARY), final=_REFUSED).status in _REFUSED:
            raise VendorError(
                f"cboe answers nobody here (HTTP 403 even for {_CANARY}); wait some hours, ask less often, or use "
                "another source",
                "blocked",
            )
        raise VendorError("cboe has no options of it; check the spelling", "unknown_symbol")

    def closes(self, ticker: str, first: date, last: date) -> list[tuple[date, float]]:
        """As :class:`scanner.sources.base.TellsCloses`; one file holds all there ever were."""
        for name in _file_names(ticker):
            answer = self.ask(_CLOSES.format(name), final=_REFUSED)
            if answer.status not in _REFUSED:
                document = parsed(answer)
                found = daily_closes(document.get("data") if isinstance(document, dict) else None, "date", "close")
                return [(day, close) for day, close in found if first <= day <= last]
        raise VendorError("cboe has no closes of it; check the spelling", "unknown_symbol")


def _file_names(ticker: str) -> list[str]:
    """The names a chain may be filed under: indices with an underscore, class shares with a dot or without."""
    if is_index(ticker):
        return [f"_{ticker}"]
    parts = symbology.share_class(ticker)
    return [ticker] if parts is None else [".".join(parts), "".join(parts)]
