"""Massive's flat files: every print of a day (``us_options_opra/trades_v1``), and every quote (``quotes_v1``).

Columns are found by the header, for files of different years have different ones. ``conditions`` holds the vendor's
numbers, of which the first that is known counts; a print that was cancelled later stays in the file, with a
``correction`` other than 0. Times are nanoseconds of the consolidated tape (``sip_timestamp``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from scanner.market.symbology import parse_osi_column
from scanner.sources.tapes.base import QuoteFormat, TapeFormat, as_table, instants, numbers
from scanner.tape.conditions import of_massive
from scanner.tape.prints import Problem
from scanner.tape.quotes import QUOTES

TRADE_KEYS = ("price", "size", "exchange", "conditions", "correction", "sip_timestamp", "sequence_number")
QUOTE_KEYS = ("bid_price", "bid_size", "ask_price", "ask_size", "sip_timestamp")
"""What is read of the vendor's answers of trades and of quotes, which are of one contract."""

# The feed of flagged trades is described, and its keys are not: those of the other answers are looked for first.
_CONTRACTS, _TIMES = ("ticker", "option_ticker", "options_ticker", "contract"), ("sip_timestamp", "timestamp")


def flagged_rows(page: Sequence[Any], problems: list[Problem]) -> pl.DataFrame:
    """A page of flagged trades as rows of trades."""
    table = as_table(page, (*TRADE_KEYS, *_CONTRACTS, *_TIMES[1:]), problems)
    return table.with_columns(ticker=pl.coalesce(_CONTRACTS), sip_timestamp=pl.coalesce(_TIMES))


class MassiveTrades(TapeFormat):
    """``ticker, conditions, correction, exchange, price, sip_timestamp, size``, and perhaps more."""

    name = "massive trades"
    source = "massive"
    marks = frozenset({"ticker", "conditions", "price", "sip_timestamp", "size"})

    def prints(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """One print a row; exchanges keep the vendor's numbers."""
        problems: list[Problem] = []
        block = numbers(
            block, problems, price=pl.Float64(), size=pl.Int64(), correction=pl.Int64(), sequence_number=pl.Int64()
        )
        block = instants(block, problems, "sip_timestamp")
        codes = block["conditions"].cast(pl.String).str.extract_all(r"\d+")
        known = {str(number): name for number, name in of_massive().items()}
        named = codes.list.eval(pl.element().replace_strict(known, default=None, return_dtype=pl.String).drop_nulls())
        condition = named.list.first()
        lost = codes.filter(condition.is_null() & (codes.list.len() > 0))
        if len(lost):
            problems.append(
                Problem("unknown_condition", "a condition that is not known", len(lost), str(lost[0].to_list())[:40])
            )
        correction = pl.col("correction").fill_null(0) != 0 if "correction" in block.columns else pl.lit(value=False)
        sequence = pl.col("sequence_number") if "sequence_number" in block.columns else pl.lit(None, pl.Int64)
        venue = pl.col("exchange").cast(pl.String) if "exchange" in block.columns else pl.lit(None, pl.String)
        return block.select(
            pl.col("ticker").alias("contract"),
            pl.col("sip_timestamp").alias("time"),
            "price",
            "size",
            venue.alias("exchange"),
            condition.alias("condition"),
            correction.alias("cancelled"),
            sequence.alias("sequence"),
        ), problems


class MassiveQuotes(QuoteFormat):
    """``ticker, ask_price, ask_size, bid_price, bid_size, sip_timestamp``, and more."""

    name = "massive quotes"
    source = "massive"
    marks = frozenset({"ticker", "ask_price", "bid_price", "sip_timestamp"})

    def quotes(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """One quote a row, where they stood on all exchanges together."""
        problems: list[Problem] = []
        names = {"bid_price": "bid", "ask_price": "ask", "bid_size": "bid_size", "ask_size": "ask_size"}
        types = {name: pl.Float64() if name.endswith("price") else pl.Int64() for name in names}
        block = block.select("ticker", "sip_timestamp", *(name for name in names if name in block.columns))
        block = instants(numbers(block, problems, **types), problems, "sip_timestamp")
        symbols = block.select("ticker").unique()
        symbols = symbols.with_columns(parse_osi_column(symbols["ticker"])["contract"])
        absent = [pl.lit(None, pl.Int32).alias(name) for name in names if name not in block.columns]
        named = block.join(symbols, on="ticker", how="left", maintain_order="left").with_columns(absent)
        return named.rename({**names, "sip_timestamp": "quote_time"}).select(
            pl.col(name).cast(dtype, strict=False) for name, dtype in QUOTES.items()
        ), problems
