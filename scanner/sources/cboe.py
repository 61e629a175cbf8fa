"""Live chains from Cboe's keyless delayed-quote files, about fifteen minutes behind the market.

The site answers 403 (sometimes 404) for a symbol it does not know, and also for a caller it has shut out. A symbol that
is certainly there tells the two apart. Whatever would only be refused again - shut out, too many requests, no network -
ends the asking, and the symbols not asked for say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import polars as pl

from scanner.errors import CalendarError
from scanner.market import products, symbology
from scanner.market.calendar import Calendar
from scanner.market.symbology import plain_ticker
from scanner.sources.base import Clock, Fetched, SourceSettings, failed
from scanner.sources.formats import building
from scanner.sources.formats.base import File, Findings, UnreadableError
from scanner.sources.formats.cboe_json import CboeJson
from scanner.sources.formats.cleaning import clean
from scanner.sources.formats.reading import parse_json
from scanner.sources.http import Answer, HttpError, PoliteClient
from scanner.sources.registry import VENDORS

BASE_URL = "https://cdn.cboe.com"
_CHAIN = "/api/global/delayed_quotes/options/{}.json"
_QUOTE = "/api/global/delayed_quotes/quotes/{}.json"
_CANARY = "SPY"
_ENDS_THE_ASKING = {
    "blocked": "the site refuses to answer",
    "rate_limited": "the site asks for fewer requests",
    "unreachable": "the site cannot be reached",
}
_TICKER = re.compile(r"^[A-Z0-9]{1,8}([.\-/][A-Z]{1,2})?$")
_FORMAT = CboeJson()


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> CboeSource:
    """The source with a client of its own."""
    del settings, clock
    return CboeSource(PoliteClient(), calendar)


class CboeSource:
    """Chains of stocks, ETFs and indices, one file a symbol. ``base_url`` is where the site is."""

    vendor = VENDORS["cboe"]

    def __init__(self, client: PoliteClient, calendar: Calendar, base_url: str = BASE_URL) -> None:
        self._client = client
        self._calendar = calendar
        self._base_url = base_url.rstrip("/")

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """One answer for each symbol, each costing at most a request a second."""
        ended = ""
        for symbol in symbols:
            if ended:
                yield failed(symbol, "not_asked", f"{symbol}: not asked for, because {ended}")
                continue
            fetched = self._one(symbol, now)
            if fetched.error is not None and fetched.error.code in _ENDS_THE_ASKING:
                ended = _ENDS_THE_ASKING[fetched.error.code]
            yield fetched

    def _one(self, symbol: str, now: datetime) -> Fetched:
        ticker = symbology.ticker(symbol)
        if not _TICKER.match(ticker):
            return failed(symbol, "unknown_symbol", f"{symbol!r} is not a ticker symbol")
        try:
            for name in _file_names(ticker):
                answer = self._client.get(self._base_url + _CHAIN.format(name))
                if answer.status == 200:
                    return _read(symbol, answer, self._calendar, now)
                if answer.status not in (403, 404):
                    return failed(
                        symbol, "http_error", f"{symbol}: cboe answered HTTP {answer.status}; try again later"
                    )
            if self._shut_out():
                return failed(
                    symbol,
                    "blocked",
                    f"{symbol}: cboe answers nobody here (HTTP 403 even for {_CANARY}); wait some hours, ask less "
                    "often, or use another source",
                )
            return failed(symbol, "unknown_symbol", f"{symbol}: cboe has no options of it; check the spelling")
        except HttpError as error:
            return failed(symbol, error.code, f"{symbol}: {error}")

    def _shut_out(self) -> bool:
        """Whether even a symbol that is certainly there is refused."""
        return self._client.get(self._base_url + _QUOTE.format(_CANARY)).status in (403, 404)


def _file_names(ticker: str) -> list[str]:
    """The names a chain may be filed under: indices with an underscore, class shares with a dot or without."""
    if products.index_roots(ticker):
        return [f"_{ticker}"]
    parts = symbology.share_class(ticker)
    return [ticker] if parts is None else [".".join(parts), "".join(parts)]


def _read(symbol: str, answer: Answer, calendar: Calendar, now: datetime) -> Fetched:
    findings = Findings(symbol)
    try:
        document = parse_json(answer.body)
        if not _FORMAT.recognises(document):
            raise UnreadableError("JSON, but not a chain (no data.options)")
        file = File(Path(symbol), calendar)
        rows = building.keyed(clean(_FORMAT.rows(document, file, findings), findings, calendar))
        about = rows["underlying"].unique().to_list()
        if any(plain_ticker(name) != plain_ticker(symbol) for name in about):
            raise UnreadableError(f"it is about {', '.join(about)}")
        rows = rows.with_columns(fetched_at=pl.lit(now))
        if rows["seen_at"].null_count():
            rows = rows.with_columns(seen_at=pl.lit(now))
        if rows.height and building.still_to_come(rows["seen_at"][0], now):
            stamp, clock = (f"{moment:%Y-%m-%d %H:%M} UTC" for moment in (rows["seen_at"][0], now))
            raise UnreadableError(
                f"it is stamped {stamp}, which is still to come: it is {clock} by this machine's clock"
            )
        payload = building.Payload(_FORMAT.source, calendar, _FORMAT.delay, now=now)
        built = building.build(rows, payload, findings)
    except (UnreadableError, CalendarError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        return failed(symbol, "unreadable", f"{symbol}: cboe's answer cannot be understood: {error}")
    refusals = tuple(str(refusal) for refusal in findings.take())
    if built.chain is None:
        return failed(
            symbol, "empty_chain", f"{symbol}: cboe's answer holds no contract ({'; '.join(refusals) or 'empty'})"
        )
    return Fetched(symbol, built.chain, notes=(*refusals, *built.notes))
