"""Verbatim Intrinio real-time chains: one expiry, or several joined, of one underlying.

Contract codes pad the root with underscores. Prices and statistics stand in parts of their own, and a part may be null.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from scanner.market import chain
from scanner.sources.formats import columns, json_objects
from scanner.sources.formats.base import FIFTEEN_MINUTES, File, Findings, JsonFormat

_PLACES = {
    "symbol": ("option", "code"),
    "underlying": ("option", "ticker"),
    "expiry": ("option", "expiration"),
    "strike": ("option", "strike"),
    "right": ("option", "type"),
    "last": ("price", "last"),
    "last_trade_time": ("price", "last_timestamp"),
    "volume": ("price", "volume"),
    "bid": ("price", "bid"),
    "bid_size": ("price", "bid_size"),
    "bid_time": ("price", "bid_timestamp"),
    "ask": ("price", "ask"),
    "ask_size": ("price", "ask_size"),
    "ask_time": ("price", "ask_timestamp"),
    "open_interest": ("price", "open_interest"),
    "exercise_style": ("price", "exercise_style"),
    "vendor_iv": ("stats", "implied_volatility"),
    "vendor_delta": ("stats", "delta"),
    "spot": ("stats", "underlying_price"),
}


class IntrinioJson(JsonFormat):
    """``{"chain": [{"option": {"code": ...}, "price": {...}, "stats": {...}}]}``."""

    name = "Intrinio JSON"
    source = "intrinio"
    delay = FIFTEEN_MINUTES

    def recognises(self, document: Any) -> bool:
        """A chain whose entries have an option."""
        entries = document.get("chain") if isinstance(document, dict) else None
        return isinstance(entries, list) and bool(entries) and isinstance(entries[0], dict) and "option" in entries[0]

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row an option; ``quote_time`` is the newest bid or offer."""
        rows = json_objects.rows_of(
            [_flat(entry) for entry in document["chain"]], {name: name for name in _PLACES}, findings
        )
        rows = columns.instants(rows, "UTC", findings, "last_trade_time", "bid_time", "ask_time")
        newest = rows.select(pl.max_horizontal(pl.col("bid_time").max(), pl.col("ask_time").max())).item()
        return rows.with_columns(quote_time=pl.lit(newest, dtype=chain.INSTANT)).drop("bid_time", "ask_time")


def _flat(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    parts = {part: entry.get(part) for part in ("option", "price", "stats")}
    return {
        name: (parts[part] or {}).get(key) if isinstance(parts[part], dict) else None
        for name, (part, key) in _PLACES.items()
    }
