"""Chains of the last closed session from Alpha Vantage, whose errors come with HTTP 200 and a sentence.

The key travels in the address, as the vendor wants it, and in no message.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from scanner.market.calendar import Calendar
from scanner.sources.access import VendorError
from scanner.sources.base import Clock, SourceSettings
from scanner.sources.formats.alphavantage import AlphaVantageJson
from scanner.sources.formats.base import Findings
from scanner.sources.live import LiveSource, open_access, written
from scanner.sources.registry import VENDORS

_FORMAT = AlphaVantageJson()
_SENTENCES = ("Information", "Note", "Error Message")


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> AlphaVantageSource:
    """The source with a client of its own. Raises UsageError where the credential is missing."""
    access, pace, workers = open_access(VENDORS["alphavantage"], settings, clock)
    return AlphaVantageSource(access, calendar, pace, workers)


class AlphaVantageSource(LiveSource):
    """Chains of stocks and ETFs as of the last close."""

    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """The whole chain of the last session."""
        query = {
            "function": "HISTORICAL_OPTIONS",
            "symbol": written(ticker, share_class="-"),
            "apikey": self.access.secrets["ALPHAVANTAGE_API_KEY"],
        }
        document = self.ask_json("/query", **query)
        if not isinstance(document, dict):
            raise VendorError("its answer is no chain", "unreadable")
        for name in _SENTENCES:
            if name in document:
                raise self._sentence(name, document[name])
        data = document.get("data")
        if not isinstance(data, list):
            raise VendorError("its data are no list", "unreadable")
        if not data:
            words = document.get("message")
            raise VendorError(f"alphavantage has no options of it ({ascii(words)[:120]})", "unknown_symbol")
        if not _FORMAT.recognises(document):
            raise VendorError("its data are no options", "unreadable")
        return _FORMAT.rows(document, self.file(ticker), findings)

    def _sentence(self, name: str, value: Any) -> VendorError:
        """What one of the vendor's sentences means: nothing else tells a spent allowance from a plan or a wrong key."""
        words = self.access.hide(" ".join(str(value).split()))
        text = words.lower()
        shown = f"alphavantage says: {ascii(words[:200])[1:-1]}"
        if "premium" in text and "rate limit" not in text:
            return VendorError(shown, "not_entitled")
        if "rate limit" in text or "requests per" in text or "call frequency" in text or name == "Note":
            return VendorError(shown, "quota_spent")
        if "apikey" in text or "api key" in text:
            return VendorError(f"{shown}; look at {self.vendor.credential}", "unauthorised")
        return VendorError(shown, "refused")
