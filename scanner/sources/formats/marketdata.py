"""Verbatim MarketData.app chains: one array a field, all of one length.

``expiration`` is the moment of the expiry's close, so that its day is New York's. ``updated`` is when a row was
refreshed, at any hour of any day, and no time of a quote.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from scanner.market.calendar import NEW_YORK
from scanner.sources.formats import columns, json_objects
from scanner.sources.formats.base import FIFTEEN_MINUTES, File, Findings, JsonFormat, UnreadableError

_OURS = {
    "optionSymbol": "symbol",
    "underlying": "underlying",
    "expiration": "expires",
    "strike": "strike",
    "side": "right",
    "bid": "bid",
    "ask": "ask",
    "bidSize": "bid_size",
    "askSize": "ask_size",
    "last": "last",
    "volume": "volume",
    "openInterest": "open_interest",
    "underlyingPrice": "spot",
    "iv": "vendor_iv",
    "delta": "vendor_delta",
    "updated": "refreshed",
}
# Deltas are rounded to three decimals: the wings' are exactly 0, which is no delta of theirs.
_NO_DELTA = 0.0


class MarketDataJson(JsonFormat):
    """``{"s": "ok", "optionSymbol": [...], "bid": [...], ...}``."""

    name = "MarketData.app JSON"
    source = "marketdata"
    delay = FIFTEEN_MINUTES

    def recognises(self, document: Any) -> bool:
        """A list of option symbols beside its status."""
        return isinstance(document, dict) and "s" in document and isinstance(document.get("optionSymbol"), list)

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row an option. Raises UnreadableError where the arrays differ in length."""
        arrays = {name: document.get(name) for name in _OURS}
        lengths = {name: len(values) for name, values in arrays.items() if isinstance(values, list)}
        if len(set(lengths.values())) != 1:
            told = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
            raise UnreadableError(f"its arrays differ in length ({told}): which number belongs to which option?")
        strange = [name for name, values in arrays.items() if values is not None and not isinstance(values, list)]
        for name in strange:
            findings.add(f"{name} is {type(arrays[name]).__name__}, not a list; left out", None, 0)
        whole = {name: values for name, values in arrays.items() if isinstance(values, list)}
        entries = [dict(zip(whole, row, strict=True)) for row in zip(*whole.values(), strict=True)]
        rows = columns.instants(json_objects.rows_of(entries, _OURS, findings), "UTC", findings, "expires", "refreshed")
        rows = columns.numbers(rows, findings, "vendor_delta")
        return rows.with_columns(
            expiry=pl.col("expires").dt.convert_time_zone(NEW_YORK.key).dt.date(),
            seen_at=pl.col("refreshed").max(),
            vendor_delta=pl.when(pl.col("vendor_delta") != _NO_DELTA).then("vendor_delta"),
        ).drop("expires", "refreshed")
