"""ThetaData's ``history/trade_quote``: every print with the quote beside it.

Times are New York's, without a zone. The quote is strictly before the print where the file was asked for with
``exclusive=true``; where it was not, its own time tells (a quote not before the print never tells a side). Of the
condition and its four extensions the first that this project knows counts; 255 is none.
"""

from __future__ import annotations

import polars as pl

from scanner.market.symbology import format_osi_column
from scanner.sources.tapes.base import TapeFormat, instants, numbers
from scanner.tape.conditions import of_theta
from scanner.tape.prints import Problem

_VENUES = {
    4: "AMXO", 5: "XCBO", 6: "XISX", 7: "ARCO", 9: "XPHL", 11: "XBOX", 22: "MCRY", 31: "GMNI", 42: "C2OX", 43: "XMIO",
    46: "EMLD", 47: "XBXO", 60: "BATO", 65: "EDGO", 69: "MPRL", 73: "MXOP",
}  # fmt: skip
_CONDITIONS = ("condition", "ext_condition1", "ext_condition2", "ext_condition3", "ext_condition4")
_NONE = 255


class ThetaTradeQuote(TapeFormat):
    """``symbol, expiration, strike, right, trade_timestamp, quote_timestamp, sequence, .. ask_condition``."""

    name = "thetadata trade_quote"
    source = "thetadata"
    marks = frozenset({"symbol", "expiration", "strike", "right", "trade_timestamp", "condition", "size", "price"})

    def prints(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """One print a row."""
        problems: list[Problem] = []
        whole = {name: pl.Int64() for name in (*_CONDITIONS, "sequence", "size", "exchange", "bid_size", "ask_size")}
        block = numbers(block, problems, **whole, **{name: pl.Float64() for name in ("strike", "price", "bid", "ask")})
        block = instants(block, problems, "trade_timestamp", "quote_timestamp", zone="America/New_York")
        there = [name for name in _CONDITIONS if name in block.columns]
        named = [pl.col(name).replace_strict(of_theta(), default=None, return_dtype=pl.String) for name in there]
        parts = block.select(
            "strike",
            root=pl.col("symbol").cast(pl.String),
            expiry=pl.col("expiration").cast(pl.String).str.replace_all("-", "").str.to_date("%Y%m%d", strict=False),
            right=pl.col("right").cast(pl.String).str.to_uppercase().str.head(1),
        )
        venue = pl.col("exchange").replace_strict(_VENUES, default=None, return_dtype=pl.String)
        prints = block.select(
            parts.select(format_osi_column()).to_series().alias("contract"),
            pl.col("trade_timestamp").alias("time"),
            "price",
            "size",
            pl.coalesce(venue, pl.col("exchange").cast(pl.String)).alias("exchange"),
            pl.coalesce(named).alias("condition"),
            *(pl.col(name) for name in ("sequence", "bid", "ask", "bid_size", "ask_size") if name in block.columns),
            *([pl.col("quote_timestamp").alias("quote_time")] if "quote_timestamp" in block.columns else []),
        )
        unknown = block.filter(prints["condition"].is_null() & (block["condition"] != _NONE))
        if unknown.height:
            problems.append(
                Problem(
                    "unknown_condition", "a condition that is not known", unknown.height, str(unknown["condition"][0])
                )
            )
        return prints, problems
