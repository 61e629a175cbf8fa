"""Verbatim Schwab chain JSON: maps of expiry, of strike, of contracts.

Implied volatility is in percent and -999 (or the text "NaN") where there is none; times are Unix milliseconds.
Contracts of adjusted roots share a strike's list with the standard ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from scanner.sources.formats import times
from scanner.sources.formats.base import File, Findings, JsonFormat, UnreadableError
from scanner.sources.formats.cboe_json import from_entries

_MAPS = ("callExpDateMap", "putExpDateMap")
_OURS = {
    "symbol": "symbol",
    "bid": "bid",
    "ask": "ask",
    "bidSize": "bid_size",
    "askSize": "ask_size",
    "last": "last",
    "tradeTimeInLong": "traded",
    "quoteTimeInLong": "quoted",
    "totalVolume": "volume",
    "openInterest": "open_interest",
    "volatility": "vendor_iv",
    "delta": "vendor_delta",
    "multiplier": "multiplier",
    "settlementType": "settlement",
    "exerciseType": "exercise_style",
    "nonStandard": "nonstandard",
    "mini": "mini",
}


class SchwabJson(JsonFormat):
    """``{"symbol": ..., "callExpDateMap": {"2025-04-11:1": {"18.0": [{...}]}}, "putExpDateMap": ...}``."""

    name = "Schwab JSON"
    source = "schwab"

    def recognises(self, document: Any) -> bool:
        """Both maps are there."""
        return isinstance(document, dict) and set(_MAPS) <= set(document)

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row a contract; the newest quote is the moment of the chain."""
        status = document.get("status", "SUCCESS")
        if status != "SUCCESS":
            raise UnreadableError(f"the answer's status is {status!r}, not SUCCESS")
        if not isinstance(document.get("symbol"), str):
            raise UnreadableError("the answer does not name its underlying (symbol)")
        entries = [entry for side in _MAPS for entry in _entries(document[side])]
        rows = from_entries(entries, _OURS, findings)
        if document.get("isChainTruncated"):
            findings.add("the answer says that the chain is truncated", None, 0)
        underlying = document.get("underlying") or {}
        price = document.get("underlyingPrice") or (underlying.get("mark") if isinstance(underlying, dict) else None)
        return rows.with_columns(
            _percent(rows["vendor_iv"]).alias("vendor_iv"),
            times.epoch_milliseconds(pl.col("traded")).alias("last_trade_time"),
            seen_at=times.epoch_milliseconds(pl.col("quoted")).max(),
            underlying=pl.lit(document["symbol"]),
            spot=pl.lit(price if isinstance(price, int | float) else None, dtype=pl.Float64),
            nonstandard=_flag("nonstandard") | _flag("mini"),
        ).drop("traded", "quoted", "mini")


def _entries(by_expiry: Any) -> Iterator[Any]:
    """The contracts in a map of maps of lists. Raises UnreadableError where it is something else."""
    try:
        for by_strike in by_expiry.values():
            for contracts in by_strike.values():
                yield from contracts
    except (AttributeError, TypeError) as error:
        raise UnreadableError("expected maps of expiry and strike with lists of contracts") from error


def _percent(given: pl.Series) -> pl.Expr:
    """Percent as a fraction; -999 stays for the cleaning to see."""
    percent = pl.lit(given.cast(pl.Float64, strict=False))
    return pl.when(percent != -999.0).then(percent / 100)


def _flag(name: str) -> pl.Expr:
    """A JSON boolean, which arrives as text."""
    return (pl.col(name).cast(pl.String).str.to_lowercase() == "true").fill_null(value=False)
