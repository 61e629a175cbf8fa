"""Live chains from Intrinio: the list of expiries, and one request an expiry."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from scanner.market.calendar import Calendar, new_york_date
from scanner.sources.access import VendorError
from scanner.sources.base import Clock, SourceSettings
from scanner.sources.formats.base import Findings
from scanner.sources.formats.intrinio import IntrinioJson
from scanner.sources.live import LiveSource, is_day, open_access, written
from scanner.sources.registry import VENDORS

FEEDS = ("delayed", "realtime")
_FORMAT = IntrinioJson()


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> IntrinioSource:
    """The source with a client of its own. Raises UsageError where the credential is missing."""
    access, pace, workers = open_access(VENDORS["intrinio"], settings, clock)
    return IntrinioSource(access, calendar, pace, workers)


class IntrinioSource(LiveSource):
    """Chains of stocks, ETFs and indices."""

    def headers(self) -> dict[str, str]:
        """The key; it could stand in the address too, where servers between here and there would write it down."""
        return {"Authorization": f"Bearer {self.access.secrets['INTRINIO_API_KEY']}"}

    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """Every expiry from today on."""
        symbol, feed = written(ticker), self.access.options.feed or FEEDS[0]
        today = new_york_date(now).isoformat()
        document = self.ask_json(f"/options/expirations/{symbol}/realtime", source=feed, after=today)
        listed = document.get("expirations") if isinstance(document, dict) else None
        if not isinstance(listed, list) or not all(map(is_day, listed)):
            raise VendorError("its list of expiries is none of dates", "unreadable")
        entries: list[Any] = []
        for expiry in sorted({day for day in listed if day >= today}):
            part = self.ask_json(f"/options/chain/{symbol}/{expiry}/realtime", source=feed)
            held = part.get("chain") if isinstance(part, dict) else None
            if not isinstance(held, list):
                raise VendorError(f"its chain of {expiry} is no list", "unreadable")
            if part.get("next_page"):
                raise VendorError(f"its chain of {expiry} goes on elsewhere: it would be a part of one", "incomplete")
            if not held:
                findings.add(f"expiry {expiry} is listed and holds no option", None, 0)
            entries += held
        if not entries:
            raise VendorError("intrinio has no options of it; check the spelling", "unknown_symbol")
        return _FORMAT.rows({"chain": entries}, self.file(ticker), findings)
