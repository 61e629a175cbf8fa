"""Verbatim Tradier chain JSON: one expiry of one underlying.

The vendor makes its JSON from XML: a list of one entry is the bare entry, and an empty list is null. Greeks are a
smoothed model's, refreshed about once an hour; they may be null. A ``bid_iv`` of 0 means that no volatility fits the
bid, and ``mid_iv`` is the offer's then, not the middle's: it is left out. The price of the underlying is not in it.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from scanner.sources.formats import columns, json_objects
from scanner.sources.formats.base import File, Findings, JsonFormat

_OURS = {
    "symbol": "symbol",
    "underlying": "underlying",
    "strike": "strike",
    "expiration_date": "expiry",
    "option_type": "right",
    "bid": "bid",
    "ask": "ask",
    "bidsize": "bid_size",
    "asksize": "ask_size",
    "last": "last",
    "trade_date": "last_trade_time",
    "volume": "volume",
    "open_interest": "open_interest",
    "contract_size": "multiplier",
    "bid_date": "bid_time",
    "ask_date": "ask_time",
    "mid_iv": "vendor_iv",
    "bid_iv": "bid_iv",
    "delta": "vendor_delta",
}


class TradierJson(JsonFormat):
    """``{"options": {"option": [{...}]}}``."""

    name = "Tradier JSON"
    source = "tradier"

    def recognises(self, document: Any) -> bool:
        """A list of options under ``options.option``."""
        options = document.get("options") if isinstance(document, dict) else None
        return isinstance(options, dict) and "option" in options

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row an option; ``quote_time`` is the newest bid or offer."""
        entries = as_list(document["options"]["option"])
        rows = json_objects.rows_of([_with_greeks(entry) for entry in entries], _OURS, findings)
        rows = columns.instants(rows, "UTC", findings, "last_trade_time", "bid_time", "ask_time")
        rows = columns.numbers(rows, findings, "bid_iv")
        newest = rows.select(pl.max_horizontal(pl.col("bid_time").max(), pl.col("ask_time").max())).item()
        return rows.with_columns(
            quote_time=pl.lit(newest, dtype=rows["bid_time"].dtype),
            vendor_iv=pl.when(pl.col("bid_iv") > 0).then("vendor_iv"),
        ).drop("bid_time", "ask_time", "bid_iv")


def as_list(value: Any) -> list[Any]:
    """A list that was made from XML, as a list: one entry comes bare, none as null."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _with_greeks(entry: Any) -> Any:
    """An option with its greeks beside its other fields; what is no option is given back as it is."""
    if not isinstance(entry, dict):
        return entry
    greeks = entry.get("greeks")
    own = greeks if isinstance(greeks, dict) else {}
    return {**entry, **{name: own.get(name) for name in ("mid_iv", "bid_iv", "delta")}}
