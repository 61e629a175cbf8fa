"""Verbatim Massive (formerly Polygon) chain snapshots: one page, or several joined, of one underlying.

Times are Unix nanoseconds. ``day`` is of the session that ``day.last_updated`` names, which may be long past; quotes,
trades, greeks and the price of the underlying are there only as far as the plan and the market go, and a missing one is
missing, never 0.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from scanner.market import chain
from scanner.market.calendar import NEW_YORK
from scanner.sources.formats import columns, json_objects
from scanner.sources.formats.base import FIFTEEN_MINUTES, File, Findings, JsonFormat

# Where each column stands in a result: the part, and the key in it; "" is the result itself.
_PLACES = {
    "symbol": ("details", "ticker"),
    "strike": ("details", "strike_price"),
    "expiry": ("details", "expiration_date"),
    "exercise_style": ("details", "exercise_style"),
    "multiplier": ("details", "shares_per_contract"),
    "bid": ("last_quote", "bid"),
    "ask": ("last_quote", "ask"),
    "bid_size": ("last_quote", "bid_size"),
    "ask_size": ("last_quote", "ask_size"),
    "quoted": ("last_quote", "last_updated"),
    "traded": ("last_trade", "price"),
    "last_trade_time": ("last_trade", "sip_timestamp"),
    "close": ("day", "close"),
    "volume": ("day", "volume"),
    "day_of": ("day", "last_updated"),
    "open_interest": ("", "open_interest"),
    "vendor_iv": ("", "implied_volatility"),
    "vendor_delta": ("greeks", "delta"),
    "underlying": ("underlying_asset", "ticker"),
    "spot_price": ("underlying_asset", "price"),
    "spot_value": ("underlying_asset", "value"),
    "spot_time": ("underlying_asset", "last_updated"),
}


class MassiveJson(JsonFormat):
    """``{"status": "OK", "results": [{"details": {"ticker": "O:..."}, ...}]}``."""

    name = "Massive JSON"
    source = "massive"
    delay = FIFTEEN_MINUTES

    def recognises(self, document: Any) -> bool:
        """Results that hold the details of a contract."""
        results = document.get("results") if isinstance(document, dict) else None
        first = results[0] if isinstance(results, list) and results else None
        return isinstance(first, dict) and isinstance(first.get("details"), dict)

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row a contract; the volume is that of ``volume_day``."""
        flat = [_flat(entry) for entry in document["results"]]
        rows = json_objects.rows_of(flat, {name: name for name in _PLACES}, findings)
        rows = columns.instants(rows, "UTC", findings, "quoted", "last_trade_time", "day_of", "spot_time")
        rows = columns.numbers(rows, findings, "spot_price", "spot_value", "traded", "close")
        return rows.with_columns(
            last=pl.coalesce("traded", "close"),
            spot=pl.coalesce(_above_zero("spot_price"), _above_zero("spot_value")),
            quote_time=pl.col("quoted").max().cast(chain.INSTANT),
            volume_day=pl.col("day_of").dt.convert_time_zone(NEW_YORK.key).dt.date(),
            nonstandard=pl.when(pl.col("multiplier").cast(pl.Float64, strict=False) != 100).then(pl.lit(value=True)),
        ).drop("spot_price", "spot_value", "traded", "close", "quoted", "day_of")


def _above_zero(name: str) -> pl.Expr:
    return pl.when(pl.col(name) > 0).then(name)


def _flat(entry: Any) -> Any:
    """A result with every part's fields beside each other; what is no result is given back as it is."""
    if not isinstance(entry, dict):
        return entry
    flat = {}
    for name, (part, key) in _PLACES.items():
        holder = entry.get(part) if part else entry
        flat[name] = holder.get(key) if isinstance(holder, dict) else None
    return flat
