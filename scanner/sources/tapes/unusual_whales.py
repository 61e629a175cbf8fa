"""Unusual Whales' full tape: tagged prints with the best quotes at each, as its download has them.

``executed_at`` is UTC with a zone, decimals are text. The vendor's tags (``ask_side``, ``bullish``) are its guess of a
side by the nearer quote, and no fact: they are left out. Running totals beside a print (``volume``, ``multi_vol``) are
of the contract and not of the print.
"""

from __future__ import annotations

import polars as pl

from scanner.sources.tapes.base import TapeFormat, instants, numbers
from scanner.sources.tapes.canonical import named_conditions
from scanner.tape.prints import Problem

KEYS = (
    "executed_at", "price", "size", "nbbo_bid", "nbbo_ask", "exchange", "upstream_condition_detail", "underlying_price",
    "canceled", "volume",
)  # fmt: skip
"""What is read of the vendor's answers about a contract's flow."""

_CONDITIONS = ("upstream_condition_detail", "trade_code")
_AS_THEY_ARE = ("underlying_price", "exchange")
_TRUE = ["true", "t", "1"]


class UnusualWhalesTape(TapeFormat):
    """``executed_at, option_chain_id, price, size, nbbo_bid, nbbo_ask``, and more."""

    name = "unusual whales full tape"
    source = "unusualwhales"
    marks = frozenset({"executed_at", "option_chain_id", "price", "size", "nbbo_bid", "nbbo_ask"})

    def prints(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """One print a row."""
        problems: list[Problem] = []
        floats = ("price", "nbbo_bid", "nbbo_ask", "underlying_price")
        block = numbers(block, problems, size=pl.Int64(), **{name: pl.Float64() for name in floats})
        block = instants(block, problems, "executed_at")
        codes = [name for name in _CONDITIONS if name in block.columns]
        condition = pl.coalesce(codes) if codes else pl.lit(None, pl.String)
        cancelled = pl.lit(value=False)
        if "canceled" in block.columns:
            cancelled = pl.col("canceled").cast(pl.String).str.to_lowercase().is_in(_TRUE)
        found = block.select(
            pl.col("option_chain_id").alias("contract"),
            pl.col("executed_at").alias("time"),
            "price",
            "size",
            condition.alias("condition"),
            cancelled.alias("cancelled"),
            pl.col("nbbo_bid").alias("bid"),
            pl.col("nbbo_ask").alias("ask"),
            *(name for name in _AS_THEY_ARE if name in block.columns),
        )
        return named_conditions(found, problems), problems
