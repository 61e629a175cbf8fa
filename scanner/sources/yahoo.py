"""Live chains from Yahoo's unofficial site, to check other sources by.

There is one request an expiry, after a cookie and a crumb. The site turns away what does not look like a browser,
mostly with 429; this client says who it is, and does not pose as one.
"""

from __future__ import annotations

import re
import threading
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl

from scanner.market.calendar import Calendar, at_new_york
from scanner.sources.access import VendorError, parsed
from scanner.sources.base import Clock, SourceSettings
from scanner.sources.formats.base import Findings
from scanner.sources.formats.yahoo_json import YahooJson, first_result
from scanner.sources.http import Answer
from scanner.sources.live import LiveSource, daily_closes, open_access, written
from scanner.sources.registry import VENDORS

_FORMAT = YahooJson()
_COOKIE_SITE = "https://fc.yahoo.com"
_CRUMB_SITE = "https://query1.finance.yahoo.com"
_CRUMB = re.compile(r"[\x21-\x7e]{4,64}")
_REFUSED = frozenset({401, 404})


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> YahooSource:
    """The source with a client of its own."""
    access, pace, workers = open_access(VENDORS["yahoo"], settings, clock, first_pause=30.0, longest_pause=120.0)
    return YahooSource(access, calendar, pace, workers)


class YahooSource(LiveSource):
    """Chains of stocks, ETFs and indices (``^SPX``); class shares are written with a hyphen."""

    _session: tuple[str, str] | None = None
    _entering = threading.Lock()

    def headers(self) -> dict[str, str]:
        """The cookie that the crumb goes with."""
        return {"Cookie": self._session[0]} if self._session is not None else {}

    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """The expiries that the first answer lists, one after the other."""
        symbol = written(ticker, index="^{}", share_class="-")
        first = self._result(symbol)
        expiries = first.get("expirationDates")
        if not isinstance(expiries, list) or not expiries:
            raise VendorError("yahoo has no options of it; check the spelling", "unknown_symbol")
        held = _options(first)
        if not all(isinstance(day, int) and not isinstance(day, bool) for day in expiries):
            raise VendorError("its list of expiries is none of dates", "unreadable")
        for day in dict.fromkeys(expiries):
            if any(isinstance(one, dict) and one.get("expirationDate") == day for one in held):
                continue
            options = _options(self._result(symbol, date=str(day)))
            if not any(isinstance(one, dict) and one.get("expirationDate") == day for one in options):
                findings.add(f"expiry {day} is listed and not given", None, 0)
            held = [*held, *options]
        whole = {"optionChain": {"result": [{**first, "options": held}], "error": None}}
        # What is asked now is of now, whatever the price of the underlying is of.
        return _FORMAT.rows(whole, self.file(ticker), findings).drop("seen_at")

    def closes(self, ticker: str, first: date, last: date) -> list[tuple[date, float]]:
        """As :class:`scanner.sources.base.TellsCloses`; the chart needs neither cookie nor crumb."""
        begin, end = (round(at_new_york(day, time()).timestamp()) for day in (first, last + timedelta(days=1)))
        symbol = written(ticker, index="^{}", share_class="-")
        query = {"period1": str(begin), "period2": str(end), "interval": "1d"}
        document = self.ask_json(f"/v8/finance/chart/{symbol}", **query)
        try:
            result = document["chart"]["result"][0]
            days, prices = result["timestamp"], result["indicators"]["quote"][0]["close"]
            entries = [{"t": day, "c": close} for day, close in zip(days, prices, strict=True)]
        except (LookupError, TypeError, ValueError) as error:
            raise VendorError("its chart is none of days and closes", "unreadable") from error
        return daily_closes(entries, "t", "c")

    def _result(self, symbol: str, **query: str) -> dict[str, Any]:
        """The result of one request; a crumb that is no longer valid is replaced once."""
        answer = self._asked(symbol, query)
        if answer.status == 401:
            self._session = None
            answer = self._asked(symbol, query)
        if answer.status == 401:
            raise VendorError("yahoo takes neither cookie nor crumb (HTTP 401); use another source", "blocked")
        if answer.status == 404:
            raise VendorError("yahoo has no options of it (HTTP 404); check the spelling", "unknown_symbol")
        document = parsed(answer)
        if not _FORMAT.recognises(document):
            raise VendorError("JSON, but no option chain", "unreadable")
        if document["optionChain"].get("result") == []:
            raise VendorError("yahoo has no options of it; check the spelling", "unknown_symbol")
        return first_result(document)

    def _asked(self, symbol: str, query: dict[str, str]) -> Answer:
        crumb = self._enter()
        return self.ask(f"/v7/finance/options/{symbol}", final=_REFUSED, crumb=crumb, **query)

    def _enter(self) -> str:
        """The crumb of a session. Raises VendorError where the site gives none."""
        with self._entering:
            if self._session is None:
                site, secret = self.access.elsewhere, self.access.client.secret
                cookie = _cookie(secret(f"{site(_COOKIE_SITE)}/", {}))
                answer = secret(f"{site(_CRUMB_SITE)}/v1/test/getcrumb", {"Cookie": cookie} if cookie else {})
                crumb = answer.body.decode("utf-8", "replace").strip()
                if answer.status == 429 or "Too Many Requests" in crumb:
                    raise VendorError("yahoo turns this client away (too many requests); use another source", "blocked")
                if answer.status != 200 or not _CRUMB.fullmatch(crumb) or "<" in crumb:
                    raise VendorError(f"yahoo gives no crumb (HTTP {answer.status}); use another source", "blocked")
                self._session = cookie, crumb
            return self._session[1]


def _options(result: dict[str, Any]) -> list[Any]:
    options = result.get("options")
    return options if isinstance(options, list) else []


def _cookie(answer: Answer) -> str:
    """The session's cookie, as it is sent back; empty where none came."""
    given = answer.headers.get("Set-Cookie", "")
    found = re.findall(r"(?:^|[,;]\s*)(A[13]S?=[\x21-\x2b\x2d-\x3a\x3c-\x7e]+)", given)
    return "; ".join(found[:3])
