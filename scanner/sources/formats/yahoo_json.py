"""Verbatim Yahoo v7 option chains: one expiry, or several joined, of one underlying.

The feed does not reset: a contract that has not traded today still shows the volume of the day it last did, and a
contract without any has no ``volume`` at all. Where bid and offer are 0 there is no quote, and the volatility is a
solver's starting value. Expiries are midnights in UTC.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from scanner.market import chain
from scanner.sources.formats import columns, json_objects, volumes
from scanner.sources.formats.base import FIFTEEN_MINUTES, File, Findings, JsonFormat, UnreadableError
from scanner.sources.formats.yahoo import STARTING_VALUE

_OURS = {
    "contractSymbol": "symbol",
    "strike": "strike",
    "lastPrice": "last",
    "bid": "bid",
    "ask": "ask",
    "volume": "volume",
    "openInterest": "open_interest",
    "lastTradeDate": "last_trade_time",
    "impliedVolatility": "vendor_iv",
}


class YahooJson(JsonFormat):
    """``{"optionChain": {"result": [{"underlyingSymbol": ..., "options": [{...}]}], "error": null}}``."""

    name = "Yahoo chain JSON"
    source = "yahoo"
    delay = FIFTEEN_MINUTES

    def recognises(self, document: Any) -> bool:
        """An option chain."""
        return isinstance(document, dict) and isinstance(document.get("optionChain"), dict)

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row a contract. ``regularMarketPrice`` is that of the regular session, which the quotes belong to."""
        result = first_result(document)
        underlying = result.get("underlyingSymbol")
        if not isinstance(underlying, str):
            raise UnreadableError("the answer does not name its underlying (underlyingSymbol)")
        entries = list(_contracts(result))
        rows = json_objects.rows_of(entries, _OURS, findings)
        idle = rows["last_trade_time"].is_null() & rows["volume"].is_null()
        rows = columns.numbers(columns.instants(rows, "UTC", findings, "last_trade_time"), findings)
        quote = result.get("quote")
        quote = quote if isinstance(quote, dict) else {}
        price = json_objects.prices(quote, ("regularMarketPrice",), findings)["regularMarketPrice"] or None
        spot_time = json_objects.moment(quote.get("regularMarketTime"), "UTC", "its regularMarketTime")
        # While the market is open that is about now; afterwards it stands still, and tells no time of a pull.
        during = quote.get("marketState") == "REGULAR"
        told = pl.col("bid").fill_null(0) + pl.col("ask").fill_null(0) > 0
        # The feed does not reset: without the time of a trade, whose volume it is cannot be known.
        rows = volumes.newest_day_only(rows, undated=rows["last_trade_time"].is_null())
        return rows.with_columns(
            volume=pl.when(pl.lit(idle)).then(0).otherwise("volume"),
            underlying=pl.lit(underlying),
            spot=pl.lit(price, dtype=pl.Float64),
            spot_time=pl.lit(spot_time, dtype=chain.INSTANT),
            seen_at=pl.lit(spot_time if during else None, dtype=chain.INSTANT),
            bid=pl.when(told).then("bid"),
            ask=pl.when(told).then("ask"),
            vendor_iv=pl.when(told & (pl.col("vendor_iv") > STARTING_VALUE)).then("vendor_iv"),
        )


def first_result(document: Any) -> dict[str, Any]:
    """The one result of an answer. Raises UnreadableError, in the vendor's words, where there is none."""
    chain_of = document["optionChain"]
    error, results = chain_of.get("error"), chain_of.get("result")
    if isinstance(error, dict):
        raise UnreadableError(f"Yahoo says {error.get('code')}: {error.get('description')}")
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        raise UnreadableError("no result in it")
    return results[0]


def _contracts(result: dict[str, Any]) -> Any:
    """Every contract of every expiry. Raises UnreadableError where the answer has another shape."""
    try:
        for expiry in result.get("options") or []:
            for side in ("calls", "puts"):
                yield from expiry.get(side) or []
    except (AttributeError, TypeError) as error:
        raise UnreadableError("expected expiries with lists of calls and puts") from error
