"""Verbatim Alpaca option snapshots, keyed by contract.

A day's bar is of the session in its time stamp, which is only sometimes today. Open interest and the price of the
underlying are elsewhere. With the feed ``indicative`` quotes are altered on purpose.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from scanner.market import chain
from scanner.market.calendar import NEW_YORK
from scanner.sources.formats import columns, json_objects
from scanner.sources.formats.base import File, Findings, JsonFormat, UnreadableError

_PLACES = {
    "bid": ("latestQuote", "bp"),
    "ask": ("latestQuote", "ap"),
    "bid_size": ("latestQuote", "bs"),
    "ask_size": ("latestQuote", "as"),
    "quoted": ("latestQuote", "t"),
    "last": ("latestTrade", "p"),
    "last_trade_time": ("latestTrade", "t"),
    "volume": ("dailyBar", "v"),
    "day_of": ("dailyBar", "t"),
    "vendor_delta": ("greeks", "delta"),
}
_NAMES = ("symbol", *_PLACES, "vendor_iv")


class AlpacaJson(JsonFormat):
    """``{"snapshots": {"AAPL240503P00155000": {...}}, "next_page_token": null}``."""

    name = "Alpaca JSON"
    source = "alpaca"

    def recognises(self, document: Any) -> bool:
        """Snapshots by contract."""
        return isinstance(document, dict) and isinstance(document.get("snapshots"), dict)

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row a contract; the volume is that of ``volume_day``."""
        if document.get("next_page_token"):
            raise UnreadableError("one page of several: the chain goes on at its next_page_token")
        flat = [_flat(symbol, entry) for symbol, entry in document["snapshots"].items()]
        rows = json_objects.rows_of(flat, {name: name for name in _NAMES}, findings)
        rows = columns.instants(rows, "UTC", findings, "quoted", "last_trade_time", "day_of")
        return rows.with_columns(
            open_interest=pl.lit(None, dtype=pl.Int64),
            quote_time=pl.col("quoted").max().cast(chain.INSTANT),
            volume_day=pl.col("day_of").dt.convert_time_zone(NEW_YORK.key).dt.date(),
        ).drop("quoted", "day_of")


def _flat(symbol: str, entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    flat = {"symbol": symbol, "vendor_iv": entry.get("impliedVolatility")}
    for name, (part, key) in _PLACES.items():
        holder = entry.get(part)
        flat[name] = holder.get(key) if isinstance(holder, dict) else None
    return flat
