"""Live chains from MarketData.app: all expiries asked for by name, for the vendor's own choice is the next one alone.

A success may be 200 or 203 (from its cache). Each contract costs a credit.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl

from scanner.market.calendar import Calendar
from scanner.sources.access import VendorError, parsed
from scanner.sources.base import Clock, SourceSettings
from scanner.sources.formats.base import Findings
from scanner.sources.formats.marketdata import MarketDataJson
from scanner.sources.live import LiveSource, daily_closes, open_access, written
from scanner.sources.registry import VENDORS

_FORMAT = MarketDataJson()
_PAGE = 10_000
_MOST_PAGES = 20


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> MarketDataSource:
    """The source with a client of its own. Raises UsageError where the credential is missing."""
    access, pace, workers = open_access(VENDORS["marketdata"], settings, clock)
    return MarketDataSource(access, calendar, pace, workers)


class MarketDataSource(LiveSource):
    """Chains of stocks, ETFs and indices, adjusted contracts included."""

    def headers(self) -> dict[str, str]:
        """The token."""
        return {"Authorization": f"Bearer {self.access.secrets['MARKETDATA_TOKEN']}"}

    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """The whole chain, in as many pages as it takes."""
        whole: dict[str, Any] = {"s": "ok"}
        for page in range(_MOST_PAGES):
            query = {"expiration": "all", "nonstandard": "true", "limit": str(_PAGE), "offset": str(page * _PAGE)}
            answer = self.ask(f"/v1/options/chain/{written(ticker)}/", final=frozenset({404}), **query)
            if answer.status == 204:
                raise VendorError("marketdata has nothing of it in its cache", "empty_chain")
            document = parsed(answer)
            status = document.get("s") if isinstance(document, dict) else None
            if status == "no_data" and page:
                break
            if status != "ok" or answer.status == 404:
                raise self._no_chain(document)
            count = _append(whole, document)
            if count < _PAGE:
                break
        else:
            raise VendorError("its pages do not end: the chain would be a part of one", "incomplete")
        return _FORMAT.rows(whole, self.file(ticker), findings)

    def closes(self, ticker: str, first: date, last: date) -> list[tuple[date, float]]:
        """As :class:`scanner.sources.base.TellsCloses`; a credit a call."""
        path = f"/v1/stocks/candles/D/{written(ticker)}/"
        document = parsed(self.ask(path, final=frozenset({404}), **{"from": str(first), "to": str(last)}))
        if not isinstance(document, dict) or document.get("s") != "ok":
            raise self._no_chain(document)
        days, closes = document.get("t"), document.get("c")
        if not isinstance(days, list) or not isinstance(closes, list) or len(days) != len(closes):
            raise VendorError("its arrays differ in length: which close is of which day?", "unreadable")
        entries = [{"t": day, "c": close} for day, close in zip(days, closes, strict=True)]
        return daily_closes(entries, "t", "c")

    def _no_chain(self, document: Any) -> VendorError:
        said = document.get("errmsg") if isinstance(document, dict) else None
        words = f" ({ascii(said)[1:200]})" if isinstance(said, str) else ""
        return VendorError(f"marketdata has no options of it{words}; check the spelling", "unknown_symbol")


def _append(whole: dict[str, Any], page: dict[str, Any]) -> int:
    """Take a page's arrays in; returns how many options it holds. Raises VendorError where it does not fit the first.

    Each page must have arrays of one length, or the numbers of two contracts would change places.
    """
    arrays = {name: values for name, values in page.items() if isinstance(values, list)}
    counts = {len(values) for values in arrays.values()}
    held = {name for name, values in whole.items() if isinstance(values, list)}
    if len(counts) != 1 or (held and held != set(arrays)):
        raise VendorError("its arrays differ in length: which number belongs to which option?", "unreadable")
    for name, values in arrays.items():
        whole.setdefault(name, []).extend(values)
    return counts.pop()
