"""Live chains from Massive (formerly Polygon): pages of 250, followed to the last one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain as one_after_another
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
from scanner.sources.tapes.base import added_up, as_table, nanoseconds, tape_of
from scanner.sources.tapes.massive import QUOTE_KEYS, TRADE_KEYS, MassiveQuotes, MassiveTrades, flagged_rows
from scanner.tape.prints import Problem, Tape
from scanner.tape.quotes import QuotesBeside

_FORMAT, _TRADES, _QUOTES = MassiveJson(), MassiveTrades(), MassiveQuotes()
_PAGE = 250
_OLDEST_FIRST = {"order": "asc", "sort": "timestamp", "limit": "50000"}
_MOST_QUOTE_PAGES = 40
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
        for place, page in enumerate(self._pages(f"/v3/snapshot/options/{symbol}", limit=str(_PAGE))):
            for number, entry in enumerate(page):
                results[_contract(entry) or f"{place}:{number}"] = entry
        if not results:
            raise VendorError("massive has no options of it; check the spelling", "unknown_symbol")
        return _FORMAT.rows({"results": list(results.values())}, self.file(ticker), findings)

    def closes(self, ticker: str, first: date, last: date) -> list[tuple[date, float]]:
        """As :class:`scanner.sources.base.TellsCloses`; two years of days fit a page."""
        path = f"/v2/aggs/ticker/{written(ticker, index='I:{}')}/range/1/day/{first}/{last}"
        return daily_closes(_results(self.ask_json(path, adjusted="true", sort="asc", limit="50000")), "t", "c")

    def prints(self, contract: str, first: datetime, last: datetime) -> Tape:
        """As :class:`scanner.sources.base.TellsPrints`, each with the quote before it on plans that have quotes."""
        problems: list[Problem] = []
        span = {"timestamp.gte": nanoseconds(first), "timestamp.lte": nanoseconds(last), **_OLDEST_FIRST}
        pages = self._pages(f"/v3/trades/O:{contract}", **span)
        blocks = (as_table(page, TRADE_KEYS, problems).with_columns(ticker=pl.lit(contract)) for page in pages)
        tape = tape_of(_TRADES, blocks, problems)
        if tape.prints.is_empty():
            return tape
        try:
            return self._with_quotes(tape, contract)
        except VendorError as error:
            if error.code != "not_entitled":
                raise
            unquoted = Problem("no_quotes", f"no quotes beside the prints, so no side is told: {error}", 0)
            return Tape(tape.prints, (*tape.problems, unquoted))

    def _with_quotes(self, tape: Tape, contract: str) -> Tape:
        """The quotes from the one that stood at the first print to the last print, page by page."""
        begin, end = (tape.prints["time"].to_physical()[place] for place in (0, -1))
        path, beside, problems = f"/v3/quotes/O:{contract}", QuotesBeside(tape.prints), list[Problem]()
        newest_first = {"order": "desc", "sort": "timestamp", "limit": "1"}
        stood = _results(self.ask_json(path, **{"timestamp.lt": begin}, **newest_first))[:1]
        later = self._pages(path, **{"timestamp.gte": begin, "timestamp.lt": end}, **_OLDEST_FIRST)
        for number, page in enumerate(one_after_another([stood], later)):
            quotes, wrong = _QUOTES.quotes(as_table(page, QUOTE_KEYS, problems).with_columns(ticker=pl.lit(contract)))
            beside.take(quotes)
            problems += wrong
            if number == _MOST_QUOTE_PAGES:
                until = quotes.select(pl.col("quote_time").max().dt.to_string("%H:%M:%S")).item()
                many = f"{contract} has too many quotes: those after {until} UTC were not asked for"
                problems.append(Problem("quotes_left_out", many, 0))
                break
        return Tape(beside.prints(), (*tape.problems, *added_up(problems)))

    def flagged(self, ticker: str, first: datetime, last: datetime) -> Tape:
        """As :class:`scanner.sources.base.TellsFlagged`: $100,000, 1,000 lots, or swept."""
        problems: list[Problem] = []
        # Symbols of a name begin with it; what else does so is of another name, and left out below.
        names = {"ticker.gte": f"O:{ticker}", "ticker.lt": f"O:{ticker}~"}
        span = {"sip_timestamp.gte": nanoseconds(first), "sip_timestamp.lte": nanoseconds(last)}
        pages = self._pages("/options/v1/unusual-trades", **names, **span, limit=str(_PAGE))
        blocks = (flagged_rows(page, problems) for page in pages)
        tape = tape_of(_TRADES, blocks, problems)
        return Tape(tape.prints.filter(pl.col("underlying").cast(pl.String) == ticker), tape.problems)

    def _pages(self, path: str, **query: object) -> Iterator[list[Any]]:
        """The results of every page. Raises VendorError where they do not end."""
        seen: set[str] = set()
        while True:
            document = self.ask_json(path, None, **query)
            yield _results(document)
            following = document.get("next_url")
            if not following:
                return
            if not isinstance(following, str) or following in seen or len(seen) >= _MOST_PAGES:
                raise VendorError("its pages do not end: what is there would be a part of it", "incomplete")
            seen.add(following)
            path, query = _within(following, path)


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


def _within(following: Any, path: str) -> tuple[str, dict[str, object]]:
    """Path and query of the next page, which is asked of our own host, whatever host is named.

    Raises VendorError where it is no page of the same question.
    """
    try:
        parts = urlsplit(following)
    except (ValueError, AttributeError, TypeError) as error:
        raise VendorError("its next page is no address", "incomplete") from error
    if parts.path != path or not parts.query:
        raise VendorError("its next page is not of the same question", "incomplete")
    hidden = {"apikey"}
    return path, {name: value for name, value in parse_qsl(parts.query) if name.lower() not in hidden}
