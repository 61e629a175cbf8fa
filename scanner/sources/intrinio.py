"""Live chains from Intrinio: the list of expiries, and one request an expiry."""

from __future__ import annotations

from collections.abc import Iterator
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
from scanner.sources.tapes.base import as_table, tape_of
from scanner.sources.tapes.intrinio import KEYS, IntrinioActivity
from scanner.tape.prints import Problem, Tape

FEEDS = ("delayed", "realtime")
_FORMAT, _ACTIVITY = IntrinioJson(), IntrinioActivity()
_MOST_PAGES = 400


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

    def flagged(self, ticker: str, first: datetime, last: datetime) -> Tape:
        """As :class:`scanner.sources.base.TellsFlagged`; the fills of a trade come together as one."""
        problems: list[Problem] = []
        pages = self._activity(ticker, new_york_date(first).isoformat(), new_york_date(last).isoformat())
        tape = tape_of(_ACTIVITY, (as_table(page, KEYS, problems) for page in pages), problems)
        return Tape(tape.prints.filter(pl.col("time").is_between(first, last)), tape.problems)

    def _activity(self, ticker: str, first: str, last: str) -> Iterator[list[Any]]:
        """Every page. Raises VendorError where they do not end."""
        path, seen = f"/options/unusual_activity/{written(ticker)}", set[str]()
        query = {"source": self.access.options.feed or FEEDS[0], "start_date": first, "end_date": last}
        following: dict[str, str] = {}
        while True:
            document = self.ask_json(path, page_size="1000", **query, **following)
            trades = document.get("trades") if isinstance(document, dict) else None
            if not isinstance(trades, list):
                raise VendorError("its trades are no list", "unreadable")
            yield trades
            token = document.get("next_page")
            if not token:
                return
            if not isinstance(token, str) or token in seen or len(seen) >= _MOST_PAGES:
                raise VendorError("its pages do not end: what is there would be a part of it", "incomplete")
            seen.add(token)
            following = {"next_page": token}
