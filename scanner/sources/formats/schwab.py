"""Verbatim Schwab chain JSON: maps of expiry, of strike, of contracts.

Implied volatility is in percent and -999 (or the text "NaN") where there is none; times are Unix milliseconds.
Contracts of adjusted roots share a strike's list with the standard ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import polars as pl

from scanner.sources.formats import columns, json_objects
from scanner.sources.formats.base import File, Findings, JsonFormat, UnreadableError

_MAPS = ("callExpDateMap", "putExpDateMap")
_FAR_AHEAD = timedelta(days=4)
_OURS = {
    "symbol": "symbol",
    "bid": "bid",
    "ask": "ask",
    "bidSize": "bid_size",
    "askSize": "ask_size",
    "last": "last",
    "tradeTimeInLong": "last_trade_time",
    "quoteTimeInLong": "quoted",
    "totalVolume": "volume",
    "openInterest": "open_interest",
    "volatility": "volatility",
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
        entries = [self.contract(entry) for entry in self.entries(document)]
        rows = json_objects.rows_of(entries, _OURS, findings)
        if document.get("isChainTruncated"):
            findings.add("the answer says that the chain is truncated", None, 0)
        underlying = document.get("underlying") or {}
        prices = {**(underlying if isinstance(underlying, dict) else {}), **document}
        price, mark = json_objects.prices(prices, ("underlyingPrice", "mark"), findings).values()
        rows = _quoted_together(columns.instants(rows, "UTC", findings, "last_trade_time", "quoted"), findings)
        return rows.with_columns(
            columns.numbers(rows, findings, "volatility")["volatility"].alias("vendor_iv") / 100,
            seen_at=pl.col("quoted").max(),
            underlying=pl.lit(document["symbol"]),
            spot=pl.lit(price or mark, dtype=pl.Float64),
            nonstandard=_flag("nonstandard") | _flag("mini"),
        ).drop("volatility", "quoted", "mini")

    def entries(self, document: Any) -> Iterator[Any]:
        """The contracts of both maps. Raises UnreadableError where they are none."""
        return (entry for side in _MAPS for entry in _entries(document[side]))

    def contract(self, entry: Any) -> Any:
        """A contract as it is read: here, as it comes."""
        return entry


def _entries(by_expiry: Any) -> Iterator[Any]:
    """The contracts in a map of maps of lists. Raises UnreadableError where it is something else."""
    try:
        for by_strike in by_expiry.values():
            for contracts in by_strike.values():
                yield from contracts
    except (AttributeError, TypeError) as error:
        raise UnreadableError("expected maps of expiry and strike with lists of contracts") from error


def _quoted_together(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Without quote times far ahead of the others: one that is wrong must not tell the moment of the chain."""
    ahead = rows.select((pl.col("quoted") - pl.col("quoted").median() > _FAR_AHEAD).fill_null(value=False)).to_series()
    if not ahead.any():
        return rows
    findings.add(
        "quoteTimeInLong is days later than the others; left out", rows["line"].filter(ahead)[0], int(ahead.sum())
    )
    return rows.with_columns(quoted=pl.when(~ahead).then("quoted"))


def _flag(name: str) -> pl.Expr:
    """A JSON boolean, which arrives as text."""
    return (pl.col(name).cast(pl.String).str.to_lowercase() == "true").fill_null(value=False)
