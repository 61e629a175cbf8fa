"""Live chains from Alpaca: pages of snapshots, joined with the open interest that stands with the contracts.

The feed is always named, because what an account gets without a name depends on what it has signed. ``indicative`` is
free, late, and its quotes are altered on purpose: every scan with it says so.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from scanner.market.calendar import Calendar, new_york_date
from scanner.sources.access import VendorError, said
from scanner.sources.base import Clock, SourceSettings
from scanner.sources.formats import json_objects
from scanner.sources.formats.alpaca import AlpacaJson
from scanner.sources.formats.base import Findings
from scanner.sources.http import Answer, HttpError
from scanner.sources.live import LiveSource, daily_closes, is_index, open_access
from scanner.sources.registry import VENDORS
from scanner.sources.tapes.alpaca import AlpacaTrades, rows
from scanner.sources.tapes.base import tape_of
from scanner.tape.prints import Problem, Tape

FEEDS = ("indicative", "opra")
_CONTRACTS_SITE = "https://paper-api.alpaca.markets"
_FORMAT, _TRADES = AlpacaJson(), AlpacaTrades()
_MOST_PAGES = 400
_LONGEST = timedelta(days=4 * 366)
_OPEN_INTEREST = {"symbol": "symbol", "open_interest": "open_interest", "open_interest_date": "oi_asof"}


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> AlpacaSource:
    """The source with a client of its own. Raises UsageError where the credential is missing."""
    access, pace, workers = open_access(VENDORS["alpaca"], settings, clock)
    return AlpacaSource(access, calendar, pace, workers)


class AlpacaSource(LiveSource):
    """Chains of stocks and ETFs; the vendor has no indices."""

    def headers(self) -> dict[str, str]:
        """Key and secret."""
        secrets = self.access.secrets
        return {"APCA-API-KEY-ID": secrets["APCA_API_KEY_ID"], "APCA-API-SECRET-KEY": secrets["APCA_API_SECRET_KEY"]}

    def refused(self, answer: Answer) -> VendorError:
        """The data site answers 403 for a wrong key too; only its words tell that from a feed that was not signed."""
        words = said(answer)
        if answer.status == 403 and "forbidden" in words.lower():
            return VendorError(
                f"alpaca refuses the credential (HTTP 403: {words}); look at {self.vendor.credential}", "unauthorised"
            )
        if answer.status == 403 and "opra" in words.lower():
            return VendorError(
                f"alpaca does not give the feed opra (HTTP 403: {words}); sign its agreement, or set "
                "vendors.alpaca.feed: indicative",
                "not_entitled",
            )
        return super().refused(answer)

    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """All pages of snapshots, with open interest and the underlying's price where they can be had."""
        if is_index(ticker):
            raise VendorError("alpaca has no options on indices", "unknown_symbol")
        feed = self.access.options.feed or FEEDS[0]
        snapshots: dict[str, Any] = {}
        path = f"/v1beta1/options/snapshots/{ticker}"
        for page in self._pages(path, {"feed": feed, "limit": "1000"}):
            held = page.get("snapshots")
            if not isinstance(held, dict):
                raise VendorError("its snapshots are no snapshots", "unreadable")
            snapshots.update(held)
        if not snapshots:
            raise VendorError("alpaca has no options of it; check the spelling", "unknown_symbol")
        found = _FORMAT.rows({"snapshots": snapshots}, self.file(ticker), findings)
        if feed == "indicative":
            findings.add("the feed is indicative: quotes are altered, trades 15 minutes late", None, 0)
        found = self._with_open_interest(found, ticker, now, findings)
        return found.with_columns(
            underlying=pl.lit(ticker), spot=pl.lit(self._spot(ticker, findings), dtype=pl.Float64)
        )

    def closes(self, ticker: str, first: date, last: date) -> list[tuple[date, float]]:
        """As :class:`scanner.sources.base.TellsCloses`; bars of past days come from the whole tape on every plan."""
        span = {"timeframe": "1Day", "start": str(first), "end": str(last), "limit": "10000"}
        pages = self._pages(f"/v2/stocks/{ticker}/bars", {**span, "adjustment": "split", "feed": "sip"})
        return [found for page in pages for found in daily_closes(page.get("bars") or [], "t", "c")]

    def prints(self, contract: str, first: datetime, last: datetime) -> Tape:
        """As :class:`scanner.sources.base.TellsPrints`, without quotes."""
        problems: list[Problem] = []
        span = {"start": first.isoformat(), "end": last.isoformat(), "limit": "10000", "sort": "asc"}
        pages = self._pages("/v1beta1/options/trades", {"symbols": contract, **span})
        held = (page.get("trades") for page in pages)
        return tape_of(_TRADES, (rows(trades, problems) for trades in held if isinstance(trades, dict)), problems)

    def _pages(self, path: str, query: dict[str, str], site: str | None = None) -> list[dict[str, Any]]:
        """Every page. Raises VendorError where they do not end."""
        pages: list[dict[str, Any]] = []
        tokens: set[str] = set()
        following: dict[str, str] = {}
        while True:
            page = self.ask_json(path, site=site, **query, **following)
            if not isinstance(page, dict):
                raise VendorError("a page of it is no page", "unreadable")
            pages.append(page)
            token = page.get("next_page_token")
            if not token:
                return pages
            if not isinstance(token, str) or token in tokens or len(pages) >= _MOST_PAGES:
                raise VendorError("its pages do not end: the chain would be a part of one", "incomplete")
            tokens.add(token)
            following = {"page_token": token}

    def _with_open_interest(self, rows: pl.DataFrame, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """The rows with what the contracts' list says; without dates it would end at the weekend."""
        today = new_york_date(now)
        query = {
            "underlying_symbols": ticker,
            "expiration_date_gte": today.isoformat(),
            "expiration_date_lte": (today + _LONGEST).isoformat(),
            "limit": "10000",
        }
        try:
            pages = self._pages("/v2/options/contracts", query, self.access.elsewhere(_CONTRACTS_SITE))
            entries = [entry for page in pages for entry in page["option_contracts"] or []]
            listed = json_objects.rows_of(entries, _OPEN_INTEREST, Findings("")).drop("line").cast(pl.String)
        except (HttpError, VendorError, LookupError, TypeError) as error:
            findings.add(f"open interest could not be had: {self.access.hide(str(error))[:200]}", None, 0)
            return rows
        listed = listed.filter(pl.col("symbol").is_not_null()).unique("symbol", keep="first")
        return rows.drop("open_interest").join(listed, on="symbol", how="left", maintain_order="left")

    def _spot(self, ticker: str, findings: Findings) -> float | None:
        """The underlying's last trade, of the best feed that the account has."""
        try:
            answer = self.ask_json(f"/v2/stocks/{ticker}/trades/latest")
        except (HttpError, VendorError) as error:
            findings.add(f"no price of the underlying: {self.access.hide(str(error))[:200]}", None, 0)
            return None
        trade = answer.get("trade") if isinstance(answer, dict) else None
        return json_objects.prices(trade if isinstance(trade, dict) else {}, ("p",), findings)["p"] or None
