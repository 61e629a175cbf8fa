"""Verbatim Unusual Whales option contracts: one page, or several joined, of one underlying; decimals are text.

There are no times, no sizes and no price of the underlying. ``last_price`` may be of any day.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from scanner.sources.formats import json_objects
from scanner.sources.formats.base import File, Findings, JsonFormat

_OURS = {
    "option_symbol": "symbol",
    "nbbo_bid": "bid",
    "nbbo_ask": "ask",
    "last_price": "last",
    "volume": "volume",
    "open_interest": "open_interest",
    "implied_volatility": "vendor_iv",
}


class UnusualWhalesJson(JsonFormat):
    """``{"data": [{"option_symbol": "AAPL240202P00185000", ...}]}``."""

    name = "Unusual Whales JSON"
    source = "unusualwhales"

    def recognises(self, document: Any) -> bool:
        """Data whose entries have an option_symbol."""
        data = document.get("data") if isinstance(document, dict) else None
        return isinstance(data, list) and bool(data) and isinstance(data[0], dict) and "option_symbol" in data[0]

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row an option."""
        return json_objects.rows_of(document["data"], _OURS, findings)
