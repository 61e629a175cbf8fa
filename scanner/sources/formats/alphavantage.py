"""Verbatim Alpha Vantage option chains: one session of one underlying, every value as text.

``date`` is the session. There is no price of the underlying and no time of a trade. What went wrong comes with HTTP 200
and a sentence in place of the data.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from scanner.sources.formats import json_objects
from scanner.sources.formats.base import File, Findings, JsonFormat

_OURS = {
    "contractID": "symbol",
    "symbol": "underlying",
    "expiration": "expiry",
    "strike": "strike",
    "type": "right",
    "last": "last",
    "bid": "bid",
    "ask": "ask",
    "bid_size": "bid_size",
    "ask_size": "ask_size",
    "volume": "volume",
    "open_interest": "open_interest",
    "date": "session_date",
    "implied_volatility": "vendor_iv",
    "delta": "vendor_delta",
}


class AlphaVantageJson(JsonFormat):
    """``{"endpoint": "Historical Options", "message": "success", "data": [{"contractID": ...}]}``."""

    name = "Alpha Vantage JSON"
    source = "alphavantage"

    def recognises(self, document: Any) -> bool:
        """Data whose entries have a contractID."""
        data = document.get("data") if isinstance(document, dict) else None
        return isinstance(data, list) and bool(data) and isinstance(data[0], dict) and "contractID" in data[0]

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row an option."""
        return json_objects.rows_of(document["data"], _OURS, findings)
