"""Live chains from Schwab, asked for in spans of expiries, because whole chains of large names are refused with 502.

An access token lives for thirty minutes. Either it is given, or it is fetched with the application's key and secret and
a refresh token, which lives for seven days and is then to be made anew by logging in.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from scanner.market.calendar import Calendar, new_york_date
from scanner.sources.access import VendorError, parsed, said
from scanner.sources.base import Clock, SourceSettings
from scanner.sources.formats.base import Findings
from scanner.sources.formats.schwab import SchwabJson
from scanner.sources.live import LiveSource, is_day, open_access, written
from scanner.sources.registry import VENDORS

_FORMAT = SchwabJson()
_CHAINS = "/marketdata/v1/chains"
_TOKEN = "/v1/oauth/token"  # noqa: S105 - a path
# Days from today at which a span ends; few of the largest chains need more spans than these.
_SPANS = (14, 60, 200, 4 * 366)
_TOO_LARGE = frozenset({502, 413})
_MAPS = ("callExpDateMap", "putExpDateMap")
_LIVES = timedelta(minutes=25)


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> SchwabSource:
    """The source with a client of its own. Raises UsageError where the credential is missing."""
    access, pace, workers = open_access(VENDORS["schwab"], settings, clock)
    return SchwabSource(access, calendar, pace, workers)


class SchwabSource(LiveSource):
    """Chains of stocks, ETFs and indices (``$SPX``); class shares are written with a slash."""

    _token: tuple[str, datetime] | None = None
    _fetching = threading.Lock()

    def headers(self) -> dict[str, str]:
        """The access token."""
        given = self.access.secrets.get("SCHWAB_ACCESS_TOKEN")
        token = given or (self._token[0] if self._token is not None else "")
        return {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """The spans' maps as one chain."""
        self._authorise(now)
        symbol = written(ticker, index="${}", share_class="/")
        today = new_york_date(now)
        whole: dict[str, Any] = {}
        begin = today
        for days in _SPANS:
            end = today + timedelta(days=days)
            for document in self._span(symbol, begin, end):
                _merge(whole, document)
            begin = end + timedelta(days=1)
        if not any(whole.get(side) for side in _MAPS):
            raise VendorError("schwab has no options of it; check the spelling", "unknown_symbol")
        return _FORMAT.rows(whole, self.file(ticker), findings)

    def _span(self, symbol: str, begin: date, end: date) -> Iterator[dict[str, Any]]:
        """The chains of a span of expiries, in halves where it is too large for the vendor."""
        query = {
            "symbol": symbol,
            "contractType": "ALL",
            "strategy": "SINGLE",
            "includeUnderlyingQuote": "true",
            "fromDate": begin.isoformat(),
            "toDate": end.isoformat(),
        }
        answer = self.ask(_CHAINS, final=_TOO_LARGE, **query)
        document = {} if answer.status in _TOO_LARGE else parsed(answer)
        if answer.status not in _TOO_LARGE and not isinstance(document, dict):
            raise VendorError("its answer is no chain", "unreadable")
        if answer.status not in _TOO_LARGE and not document.get("isChainTruncated"):
            _require_within(document, begin, end)
            yield document
            return
        if begin >= end:
            raise VendorError(f"schwab does not give the chain of {begin} whole (HTTP {answer.status})", "incomplete")
        middle = begin + (end - begin) // 2
        yield from self._span(symbol, begin, middle)
        yield from self._span(symbol, middle + timedelta(days=1), end)

    def _authorise(self, now: datetime) -> None:
        """Have an access token that lives. Raises VendorError where the refresh token does not."""
        secrets = self.access.secrets
        if "SCHWAB_ACCESS_TOKEN" in secrets:
            return
        with self._fetching:
            if self._token is not None and now < self._token[1]:
                return
            pair = base64.b64encode(f"{secrets['SCHWAB_APP_KEY']}:{secrets['SCHWAB_APP_SECRET']}".encode()).decode()
            form = {"grant_type": "refresh_token", "refresh_token": secrets["SCHWAB_REFRESH_TOKEN"]}
            answer = self.access.client.secret(f"{self.access.site}{_TOKEN}", {"Authorization": f"Basic {pair}"}, form)
            document = parsed(answer) if answer.status == 200 else {}
            token = document.get("access_token") if isinstance(document, dict) else None
            if not isinstance(token, str):
                raise VendorError(
                    f"schwab gives no access token (HTTP {answer.status}: {self.access.hide(said(answer))}); a refresh "
                    "token lives seven days: log in again and set SCHWAB_REFRESH_TOKEN",
                    "unauthorised",
                )
            self._token = token, now + _LIVES


def _require_within(document: dict[str, Any], begin: date, end: date) -> None:
    """Hold that an answer is to its own question. Raises VendorError where an expiry in it is of another span."""
    maps = [held for side in _MAPS if isinstance(held := document.get(side), dict)]
    days = {str(name)[: len("2026-12-18")] for held in maps for name in held}
    strange = sorted(day for day in days if is_day(day) and not str(begin) <= day <= str(end))
    if strange:
        raise VendorError(f"asked for {begin} to {end}, schwab answers with {strange[0]}", "incomplete")


def _merge(whole: dict[str, Any], part: dict[str, Any]) -> None:
    """Take the answer for a span in. Raises VendorError where it is no answer with maps."""
    if part.get("status", "SUCCESS") != "SUCCESS":
        # A span without an expiry is a failure to the vendor; that all of them are is told at the end.
        return
    if not all(isinstance(part.get(side, {}), dict) for side in _MAPS):
        raise VendorError("its maps of expiries are no maps", "unreadable")
    for name, value in part.items():
        if name in _MAPS:
            whole.setdefault(name, {}).update(value)
        else:
            whole.setdefault(name, value)
    for side in _MAPS:
        whole.setdefault(side, {})
