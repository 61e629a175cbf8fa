"""Live chains from Tradier: one request an expiry, and one for the price of the underlying."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl

from scanner.market.calendar import Calendar
from scanner.sources.access import VendorError
from scanner.sources.base import Clock, SourceSettings
from scanner.sources.formats import json_objects
from scanner.sources.formats.base import Findings
from scanner.sources.formats.tradier import TradierJson, as_list
from scanner.sources.live import LiveSource, daily_closes, is_day, open_access, written
from scanner.sources.registry import VENDORS

_FORMAT = TradierJson()


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> TradierSource:
    """The source with a client of its own. Raises UsageError where the credential is missing."""
    access, pace, workers = open_access(VENDORS["tradier"], settings, clock)
    return TradierSource(access, calendar, pace, workers)


class TradierSource(LiveSource):
    """Chains of stocks, ETFs and indices; class shares are written with a slash."""

    def headers(self) -> dict[str, str]:
        """The token; without ``Accept`` the vendor answers in XML."""
        return {"Authorization": f"Bearer {self.access.secrets['TRADIER_TOKEN']}", "Accept": "application/json"}

    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """Every listed expiry, all roots of an index included."""
        symbol = written(ticker, share_class="/")
        expiries = self._expiries(symbol)
        options: list[Any] = []
        for expiry in expiries:
            answer = self.ask_json("/markets/options/chains", symbol=symbol, expiration=expiry, greeks="true")
            listed = _inside(answer, "options", "option")
            if not listed:
                findings.add(f"expiry {expiry} is listed and holds no option", None, 0)
            options += listed
        if not options:
            raise VendorError("tradier lists expiries of it and no option", "empty_chain")
        rows = _FORMAT.rows({"options": {"option": options}}, self.file(ticker), findings)
        return rows.with_columns(spot=pl.lit(self._spot(symbol, now, findings), dtype=pl.Float64))

    def closes(self, ticker: str, first: date, last: date) -> list[tuple[date, float]]:
        """As :class:`scanner.sources.base.TellsCloses`."""
        span = {"interval": "daily", "start": str(first), "end": str(last)}
        answer = self.ask_json("/markets/history", symbol=written(ticker, share_class="/"), **span)
        return daily_closes(_inside(answer, "history", "day"), "date", "close")

    def _expiries(self, symbol: str) -> list[str]:
        """The expiries, in either of the two shapes they come in. Raises VendorError where there are none."""
        answer = self.ask_json("/markets/options/expirations", symbol=symbol, includeAllRoots="true")
        if not isinstance(answer, dict) or "expirations" not in answer:
            raise VendorError("its answer is no list of expiries", "unreadable")
        dates = _inside(answer, "expirations", "date") or [
            entry.get("date") if isinstance(entry, dict) else entry
            for entry in _inside(answer, "expirations", "expiration")
        ]
        if not dates:
            raise VendorError("tradier has no options of it; check the spelling", "unknown_symbol")
        if not all(map(is_day, dates)):
            raise VendorError("its list of expiries is none of dates", "unreadable")
        return list(dict.fromkeys(dates))

    def _spot(self, symbol: str, now: datetime, findings: Findings) -> float | None:
        """The price that the option quotes go with: the last one in the session, its close outside."""
        answer = self.ask_json("/markets/quotes", symbols=symbol)
        quote = next((one for one in _inside(answer, "quotes", "quote") if isinstance(one, dict)), None)
        if quote is None:
            findings.add("no price of the underlying", None, 0)
            return None
        prices = json_objects.prices(quote, ("last", "close"), findings)
        last, close = prices["last"] or None, prices["close"] or None
        return (last or close) if self.calendar.is_open(now - self.vendor.delay) else (close or last)


def _inside(document: Any, outer: str, inner: str) -> list[Any]:
    """The list in two wrappings, any of which may be null."""
    holder = document.get(outer) if isinstance(document, dict) else None
    return as_list(holder.get(inner)) if isinstance(holder, dict) else []
