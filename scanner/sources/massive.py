"""Live chains from Massive (formerly Polygon): pages of 250, followed to the last one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import polars as pl

from scanner.market.calendar import Calendar
from scanner.sources.access import VendorError
from scanner.sources.base import Clock, SourceSettings
from scanner.sources.formats.base import Findings
from scanner.sources.formats.massive import MassiveJson
from scanner.sources.live import LiveSource, daily_closes, open_access, written
from scanner.sources.registry import VENDORS

_FORMAT = MassiveJson()
_PAGE = 250
_MOST_PAGES = 400
_SUCCESS = frozenset({"OK", "DELAYED"})


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> MassiveSource:
    """The source with a client of its own. Raises UsageError where the credential is missing."""
    access, pace, workers = open_access(VENDORS["massive"], settings, clock)
    return MassiveSource(access, calendar, pace, workers)


class MassiveSource(LiveSource):
    """Chains of stocks, ETFs and indices (``I:SPX``)."""

    def headers(self) -> dict[str, str]:
        """The key, on every page: ``next_url`` does not hold it."""
        return {"Authorization": f"Bearer {next(iter(self.access.secrets.values()))}"}

    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """All pages; of a contract on two of them, the later counts, for a chain moves while it is paged."""
        symbol = written(ticker, index="I:{}")
        results: dict[str, Any] = {}
        path, query = f"/v3/snapshot/options/{symbol}", {"limit": str(_PAGE)}
        seen: set[str] = set()
        while True:
            document = self.ask_json(path, **query)
            for number, entry in enumerate(_results(document)):
                results[_contract(entry) or f"{len(seen)}:{number}"] = entry
            following = document.get("next_url")
            if not following:
                break
            if not isinstance(following, str) or following in seen or len(seen) >= _MOST_PAGES:
                raise VendorError("its pages do not end: the chain would be a part of one", "incomplete")
            seen.add(following)
            path, query = _within(following, path)
        if not results:
            raise VendorError("massive has no options of it; check the spelling", "unknown_symbol")
        return _FORMAT.rows({"results": list(results.values())}, self.file(ticker), findings)

    def closes(self, ticker: str, first: date, last: date) -> list[tuple[date, float]]:
        """As :class:`scanner.sources.base.TellsCloses`; two years of days fit a page."""
        path = f"/v2/aggs/ticker/{written(ticker, index='I:{}')}/range/1/day/{first}/{last}"
        return daily_closes(_results(self.ask_json(path, adjusted="true", sort="asc", limit="50000")), "t", "c")


def _results(document: Any) -> list[Any]:
    """The contracts of a page. Raises VendorError where it is none."""
    if not isinstance(document, dict) or str(document.get("status")) not in _SUCCESS:
        said = document.get("error") or document.get("message") if isinstance(document, dict) else None
        raise VendorError(f"massive answers without success: {ascii(said)[:200]}", "refused")
    results = document.get("results")
    if results is None:
        return []
    if not isinstance(results, list):
        raise VendorError("its results are no list", "unreadable")
    return results


def _contract(entry: Any) -> str | None:
    details = entry.get("details") if isinstance(entry, dict) else None
    ticker = details.get("ticker") if isinstance(details, dict) else None
    return ticker if isinstance(ticker, str) else None


def _within(following: Any, path: str) -> tuple[str, dict[str, str]]:
    """Path and query of the next page, which is asked of our own host, whatever host is named.

    Raises VendorError where it is no page of the same chain.
    """
    try:
        parts = urlsplit(following)
    except (ValueError, AttributeError, TypeError) as error:
        raise VendorError("its next page is no address", "incomplete") from error
    if parts.path != path or not parts.query:
        raise VendorError("its next page is not of the same chain", "incomplete")
    hidden = {"apikey"}
    return path, {name: value for name, value in parse_qsl(parts.query) if name.lower() not in hidden}
