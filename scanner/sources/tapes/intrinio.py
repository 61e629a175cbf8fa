"""Intrinio's unusual activity: trades that the vendor flags, the fills of each together as one.

``contract`` pads the root with underscores, ``timestamp`` is UTC. The vendor's words (``type``, ``sentiment``) are its
guesses: they are left out.
"""

from __future__ import annotations

import polars as pl

from scanner.sources.tapes.base import TapeFormat, instants, numbers
from scanner.tape.prints import Problem

KEYS = (
    "contract", "timestamp", "average_price", "total_size", "bid_at_execution", "ask_at_execution",
    "underlying_price_at_execution",
)  # fmt: skip


class IntrinioActivity(TapeFormat):
    """``contract, timestamp, average_price, total_size`` and the quotes and the underlying's price at execution."""

    name = "intrinio unusual activity"
    source = "intrinio"
    marks = frozenset({"contract", "timestamp", "average_price", "total_size"})

    def prints(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """One flagged trade a row."""
        problems: list[Problem] = []
        floats = dict.fromkeys((KEYS[2], *KEYS[4:]), pl.Float64())
        block = instants(numbers(block, problems, total_size=pl.Int64(), **floats), problems, "timestamp")
        return block.select(
            contract=pl.col("contract").str.replace_all("_", ""),
            time="timestamp",
            price="average_price",
            size="total_size",
            bid="bid_at_execution",
            ask="ask_at_execution",
            underlying_price="underlying_price_at_execution",
        ), problems
